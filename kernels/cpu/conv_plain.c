/* conv_plain.c: convolutions in plain C: what ANATOMIX_ISA=scalar runs, and the weight gradient by unfolding.
 *
 * Loops keep the output channel innermost in the forward pass through a transposed copy of the weights [kh, kw, ic, oc] made per call. */
#include "kernels/cpu/conv.h"
#include "kernels/cpu/gemm.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  const AxConv *conv;
  const AxKernelTable *t;
  const float *x, *residual, *dy;
  const float *w; /* [kh, kw, ic, oc] */
  float *y, *dx;
  bool accumulate;
  size_t groups;
  float *partial;
} Args;

static const float *
weights_channels_last (const AxConv *conv)
{
  const AxConvShape *s = &conv->s;
  const size_t taps = (size_t) s->kh * (size_t) s->kw, ic = (size_t) s->ic, oc = (size_t) s->oc;
  float *w = ax_scratch (AX_SCRATCH_CALLER, taps * ic * oc * sizeof *w);
  for (size_t o = 0; o < oc; o++)
    for (size_t i = 0; i < ic; i++)
      for (size_t t = 0; t < taps; t++)
        w[(t * ic + i) * oc + o] = conv->weights[(o * ic + i) * taps + t];
  return w;
}

static void
forward_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxConv *conv = g->conv;
  const AxConvShape *s = &conv->s;
  const size_t oc = (size_t) s->oc, ic = (size_t) s->ic;
  for (size_t row = begin; row < end; row++) {
    const float *image = g->x + row / (size_t) conv->oh * (size_t) s->h * (size_t) s->w * ic;
    const int y0 = (int) (row % (size_t) conv->oh) * s->stride - s->pad;
    for (int ox = 0; ox < conv->ow; ox++) {
      const size_t at = (row * (size_t) conv->ow + (size_t) ox) * oc;
      float *out = g->y + at;
      for (size_t o = 0; o < oc; o++)
        out[o] = conv->bias[o] + (g->residual ? g->residual[at + o] : 0);
      for (int ky = 0; ky < s->kh; ky++)
        for (int kx = 0; kx < s->kw; kx++) {
          const int iy = y0 + ky, ix = ox * s->stride - s->pad + kx;
          if (iy < 0 || iy >= s->h || ix < 0 || ix >= s->w)
            continue;
          const float *in = image + ((size_t) iy * (size_t) s->w + (size_t) ix) * ic, *w = g->w + (size_t) (ky * s->kw + kx) * ic * oc;
          for (size_t i = 0; i < ic; i++, w += oc)
            for (size_t o = 0; o < oc; o++)
              out[o] += in[i] * w[o];
        }
      if (conv->relu)
        for (size_t o = 0; o < oc; o++)
          out[o] = out[o] < 0 ? 0 : out[o];
    }
  }
}

void
ax_conv_plain_forward (const AxConv *conv, const float *x, const float *residual, float *y)
{
  Args g = { .conv = conv, .x = x, .residual = residual, .y = y, .w = weights_channels_last (conv) };
  ax_parallel_for ((size_t) conv->s.n * (size_t) conv->oh, 1, forward_piece, &g);
}

static void
data_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxConv *conv = g->conv;
  const AxConvShape *s = &conv->s;
  const size_t oc = (size_t) s->oc, ic = (size_t) s->ic;
  for (size_t row = begin; row < end; row++) { /* a row of the input gathers from the outputs that saw it */
    const size_t image = row / (size_t) s->h * (size_t) conv->oh;
    const int iy = (int) (row % (size_t) s->h);
    for (int ix = 0; ix < s->w; ix++) {
      float *out = g->dx + (row * (size_t) s->w + (size_t) ix) * ic;
      if (!g->accumulate)
        memset (out, 0, ic * sizeof *out);
      for (int ky = 0; ky < s->kh; ky++) {
        const int ty = iy + s->pad - ky;
        if (ty < 0 || ty % s->stride || ty / s->stride >= conv->oh)
          continue;
        for (int kx = 0; kx < s->kw; kx++) {
          const int tx = ix + s->pad - kx;
          if (tx < 0 || tx % s->stride || tx / s->stride >= conv->ow)
            continue;
          const float *dy = g->dy + ((image + (size_t) (ty / s->stride)) * (size_t) conv->ow + (size_t) (tx / s->stride)) * oc;
          const float *w = g->w + (size_t) (ky * s->kw + kx) * ic * oc;
          for (size_t i = 0; i < ic; i++, w += oc) {
            float sum = 0;
            for (size_t o = 0; o < oc; o++)
              sum += dy[o] * w[o];
            out[i] += sum;
          }
        }
      }
    }
  }
}

void
ax_conv_plain_backward_data (const AxConv *conv, const float *dy, float *dx, bool accumulate)
{
  Args g = { .conv = conv, .dy = dy, .dx = dx, .accumulate = accumulate, .w = weights_channels_last (conv) };
  ax_parallel_for ((size_t) conv->s.n * (size_t) conv->s.h, 1, data_piece, &g);
}

/* Copies the input under one row of outputs to columns [ow, ic*kh*kw], the weights' own order. */
static void
unfold_row (const AxConv *conv, const float *image, int oy, float *column)
{
  const AxConvShape *s = &conv->s;
  const size_t taps = (size_t) s->kh * (size_t) s->kw, ic = (size_t) s->ic;
  for (int ox = 0; ox < conv->ow; ox++, column += taps * ic)
    for (int ky = 0; ky < s->kh; ky++)
      for (int kx = 0; kx < s->kw; kx++) {
        const int iy = oy * s->stride - s->pad + ky, ix = ox * s->stride - s->pad + kx;
        const size_t tap = (size_t) (ky * s->kw + kx);
        if (iy < 0 || iy >= s->h || ix < 0 || ix >= s->w)
          for (size_t i = 0; i < ic; i++)
            column[i * taps + tap] = 0;
        else
          for (size_t i = 0; i < ic; i++)
            column[i * taps + tap] = image[((size_t) iy * (size_t) s->w + (size_t) ix) * ic + i];
      }
}

#define UNFOLD_ROWS 8 /* rows of outputs multiplied at once */

static void
weights_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxConv *conv = g->conv;
  const AxConvShape *s = &conv->s;
  const size_t oc = (size_t) s->oc, ic = (size_t) s->ic, k = ic * (size_t) s->kh * (size_t) s->kw, ow = (size_t) conv->ow;
  const size_t rows = (size_t) s->n * (size_t) conv->oh;
  for (size_t group = begin; group < end; group++) {
    float *dw = g->partial + group * oc * k;
    memset (dw, 0, oc * k * sizeof *dw);
    const size_t first = group * rows / g->groups, last = (group + 1) * rows / g->groups;
    float *columns = ax_scratch (AX_SCRATCH_PIECE, UNFOLD_ROWS * ow * k * sizeof *columns);
    for (size_t row = first; row < last; row += UNFOLD_ROWS) {
      const size_t n = last - row < UNFOLD_ROWS ? last - row : UNFOLD_ROWS;
      for (size_t r = 0; r < n; r++)
        unfold_row (conv, g->x + (row + r) / (size_t) conv->oh * (size_t) s->h * (size_t) s->w * ic, (int) ((row + r) % (size_t) conv->oh),
                    columns + r * ow * k);
      ax_gemm_serial (true, false, oc, k, n * ow, 1, g->dy + row * ow * oc, oc, columns, k, 1, dw, k);
    }
  }
}

void
ax_conv_unfold_backward_weights (const AxConv *conv, const float *x, const float *dy, float *dw)
{
  const AxConvShape *s = &conv->s;
  const size_t size = (size_t) s->oc * (size_t) s->ic * (size_t) s->kh * (size_t) s->kw, rows = (size_t) s->n * (size_t) conv->oh;
  Args g = { .conv = conv, .x = x, .dy = dy, .groups = size > 65536 ? 4 : 16 };
  g.groups = rows < g.groups ? rows : g.groups;
  g.partial = ax_scratch (AX_SCRATCH_PARTIAL, g.groups * size * sizeof (float));
  ax_parallel_for (g.groups, 1, weights_piece, &g);
  for (size_t group = 0; group < g.groups; group++)
    ax_axpy (size, 1, g.partial + group * size, dw);
}
