/* conv.c: AxConv: the forward pass and the data gradient.
 *
 * Forward work is cut into strips of output rows of one image (contiguous in NHWC), each a single-threaded oneDNN primitive with its own top and bottom
 * padding; the first, the inner and the last strips of an image differ in shape, so there are at most four kinds of primitive. The data gradient is cut
 * by image. The cuts depend on the shape only.
 *
 * Measured on two Zen 4 cores, ResNet-18 at 512x512, batch 1: these strips 84 ms (215 GFLOP/s of a peak of 236), the bare primitives in layouts of
 * oneDNN's own choice under OpenMP 136 ms while another process was running (its barriers wait for the thread that lost its core). The height of the
 * strips hardly matters: on one core, 2 rows to whole images are within 6 % of each other. */
#include "kernels/cpu/conv.h"

#include <stdlib.h>
#include <string.h>

int
ax_conv_out (int in, int k, int stride, int pad)
{
  return (in + 2 * pad - k) / stride + 1;
}

/* ---- pieces ---- */

/* The shape of the strip of output rows [first, last); *input_row receives its first input row. */
static AxPieceShape
strip_shape (const AxConv *conv, int first, int last, int *input_row)
{
  const AxConvShape *s = &conv->s;
  const int begin = first * s->stride - s->pad, end = (last - 1) * s->stride - s->pad + s->kh;
  const int top = begin < 0 ? -begin : 0, bottom = end > s->h ? end - s->h : 0;
  *input_row = begin + top;
  return (AxPieceShape) { 1, end - bottom - *input_row, s->w, s->ic, last - first, conv->ow, s->oc, s->kh, s->kw, s->stride, top, s->pad,
                          bottom, ax_conv_pad_after (s->w, conv->ow, s->kw, s) };
}

static int
packed_for (AxConv *conv, const dnnl_memory_desc_t *md)
{
  for (int i = 0; i < conv->n_packed; i++)
    if (dnnl_memory_desc_equal (&conv->packed[i].md, md))
      return i;
  AxPackedWeights *p = &conv->packed[conv->n_packed];
  dnnl_memory_desc_t plain;
  ax_md_oihw (&plain, conv->s.oc, conv->s.ic, conv->s.kh, conv->s.kw);
  p->md = *md;
  if (!ax_primitive_reorder (&p->reorder, &plain, md))
    return -1;
  p->data = aligned_alloc (64, (dnnl_memory_desc_get_size (md) + 63) & ~(size_t) 63);
  if (!p->data)
    abort ();
  return conv->n_packed++;
}

static void
pack (const AxConv *conv, const AxPackedWeights *p)
{
  const AxPrimitiveArg args[] = { { DNNL_ARG_FROM, ax_primitive_md (&p->reorder, DNNL_ARG_FROM), conv->weights },
                                  { DNNL_ARG_TO, &p->md, p->data } };
  ax_primitive_run (&p->reorder, 2, args);
}

/* Makes a primitive. Returns the index of its weights, which it shares with others that chose the same layout, or -1 if oneDNN has no such primitive. */
static int
make (AxConv *conv, AxPrimitive *p, const AxPieceShape *shape, dnnl_prop_kind_t prop, bool sum, bool relu)
{
  if (!ax_primitive_conv (p, shape, prop, prop == dnnl_forward_inference, sum, relu, NULL))
    return -1;
  return packed_for (conv, ax_primitive_md (p, DNNL_ARG_WEIGHTS));
}

static bool
make_kinds (AxConv *conv)
{
  for (int i = 0; i < conv->strips; i++) {
    int row, first = i * conv->strip, last = first + conv->strip < conv->oh ? first + conv->strip : conv->oh, k;
    AxPieceShape shape = strip_shape (conv, first, last, &row);
    if (shape.ih < 1)
      return false;
    for (k = 0; k < conv->n_kinds; k++)
      if (memcmp (&conv->kinds[k].shape, &shape, sizeof shape) == 0)
        break;
    if (k < conv->n_kinds)
      continue;
    if (k == AX_CONV_KINDS)
      return false;
    AxConvKind *kind = &conv->kinds[conv->n_kinds++];
    kind->shape = shape;
    kind->plain_weights = make (conv, &kind->plain, &shape, dnnl_forward_inference, false, conv->relu);
    if (kind->plain_weights < 0)
      return false;
  }
  return true;
}

AxConv *
ax_conv_new (const AxConvShape *shape, bool relu, bool training)
{
  AxConv *conv = calloc (1, sizeof *conv);
  if (!conv)
    return NULL;
  conv->s = *shape;
  conv->oh = ax_conv_out (shape->h, shape->kh, shape->stride, shape->pad);
  conv->ow = ax_conv_out (shape->w, shape->kw, shape->stride, shape->pad);
  conv->relu = relu;
  conv->training = training;
  conv->scalar = ax_isa () == AX_ISA_SCALAR;
  if (conv->oh < 1 || conv->ow < 1) {
    free (conv);
    return NULL;
  }
  conv->weights = malloc ((size_t) shape->oc * (size_t) shape->ic * (size_t) shape->kh * (size_t) shape->kw * sizeof (float));
  conv->bias = calloc ((size_t) shape->oc, sizeof (float));
  if (!conv->weights || !conv->bias)
    abort ();
  /* enough strips that a small batch fills several cores, none under four rows */
  int want = shape->n >= 8 ? 1 : (8 + shape->n - 1) / shape->n;
  while (want > 1 && conv->oh / want < 4)
    want--;
  conv->strip = (conv->oh + want - 1) / want;
  conv->strips = (conv->oh + conv->strip - 1) / conv->strip;
  if (!conv->scalar && !make_kinds (conv)) {
    ax_conv_free (conv);
    return NULL;
  }
  return conv;
}

void
ax_conv_free (AxConv *conv)
{
  if (!conv)
    return;
  for (int i = 0; i < conv->n_kinds; i++) {
    ax_primitive_clear (&conv->kinds[i].plain);
    ax_primitive_clear (&conv->kinds[i].sum);
  }
  for (int i = 0; i < conv->n_packed; i++) {
    ax_primitive_clear (&conv->packed[i].reorder);
    free (conv->packed[i].data);
  }
  ax_primitive_clear (&conv->data_grad);
  ax_conv_weights_clear (conv);
  free (conv->weights);
  free (conv->bias);
  free (conv);
}

void
ax_conv_set_weights (AxConv *conv, const float *w, const float *scale, const float *bias)
{
  const size_t k = (size_t) conv->s.ic * (size_t) conv->s.kh * (size_t) conv->s.kw;
  for (size_t o = 0; o < (size_t) conv->s.oc; o++) {
    const float f = scale ? scale[o] : 1;
    for (size_t i = 0; i < k; i++)
      conv->weights[o * k + i] = w[o * k + i] * f;
    conv->bias[o] = bias ? bias[o] : 0;
  }
  for (int i = 0; i < conv->n_packed; i++)
    pack (conv, &conv->packed[i]);
}

/* ---- forward ---- */

typedef struct {
  const AxConv *conv;
  const AxKernelTable *t;
  const float *x, *residual, *dy;
  float *y, *dx;
  bool accumulate;
} Args;

static void
forward_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxConv *conv = g->conv;
  const AxConvShape *s = &conv->s;
  for (size_t piece = begin; piece < end; piece++) {
    const size_t image = piece / (size_t) conv->strips;
    const int first = (int) (piece % (size_t) conv->strips) * conv->strip;
    const int last = first + conv->strip < conv->oh ? first + conv->strip : conv->oh;
    int row;
    const AxPieceShape shape = strip_shape (conv, first, last, &row);
    const AxConvKind *kind = conv->kinds;
    while (memcmp (&kind->shape, &shape, sizeof shape) != 0)
      kind++;
    const float *x = g->x + (image * (size_t) s->h + (size_t) row) * (size_t) s->w * (size_t) s->ic;
    const size_t at = (image * (size_t) conv->oh + (size_t) first) * (size_t) conv->ow * (size_t) s->oc;
    const AxPrimitive *p = g->residual ? &kind->sum : &kind->plain;
    const AxPackedWeights *w = &conv->packed[g->residual ? kind->sum_weights : kind->plain_weights];
    if (g->residual && g->residual != g->y)
      memcpy (g->y + at, g->residual + at, (size_t) (last - first) * (size_t) conv->ow * (size_t) s->oc * sizeof (float));
    const AxPrimitiveArg args[] = {
      { DNNL_ARG_SRC, ax_primitive_md (p, DNNL_ARG_SRC), x },
      { DNNL_ARG_WEIGHTS, &w->md, w->data },
      { DNNL_ARG_BIAS, ax_primitive_md (p, DNNL_ARG_BIAS), conv->bias },
      { DNNL_ARG_DST, ax_primitive_md (p, DNNL_ARG_DST), g->y + at },
    };
    ax_primitive_run (p, 4, args);
  }
}

/* The primitives that add a residual are made when one first comes. */
static bool
make_sums (AxConv *conv)
{
  for (int i = 0; i < conv->n_kinds; i++) {
    AxConvKind *kind = &conv->kinds[i];
    if (kind->sum.primitive)
      continue;
    const int before = conv->n_packed;
    kind->sum_weights = make (conv, &kind->sum, &kind->shape, dnnl_forward_inference, true, conv->relu);
    if (kind->sum_weights < 0)
      return false;
    if (conv->n_packed > before)
      pack (conv, &conv->packed[before]);
  }
  return true;
}

void
ax_conv_forward (AxConv *conv, const float *x, const float *residual, float *y)
{
  if (conv->scalar || (residual && !make_sums (conv))) {
    ax_conv_plain_forward (conv, x, residual, y);
    return;
  }
  Args g = { .conv = conv, .x = x, .residual = residual, .y = y };
  ax_parallel_for ((size_t) conv->s.n * (size_t) conv->strips, 1, forward_piece, &g);
}

/* ---- data gradient ---- */

static void
data_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxConv *conv = g->conv;
  const AxConvShape *s = &conv->s;
  const size_t in = (size_t) s->h * (size_t) s->w * (size_t) s->ic, out = (size_t) conv->oh * (size_t) conv->ow * (size_t) s->oc;
  const AxPrimitive *p = &conv->data_grad;
  const AxPackedWeights *w = &conv->packed[conv->data_weights];
  for (size_t image = begin; image < end; image++) {
    float *dx = g->accumulate ? ax_scratch (AX_SCRATCH_PIECE, in * sizeof *dx) : g->dx + image * in;
    const AxPrimitiveArg args[] = {
      { DNNL_ARG_DIFF_DST, ax_primitive_md (p, DNNL_ARG_DIFF_DST), g->dy + image * out },
      { DNNL_ARG_WEIGHTS, &w->md, w->data },
      { DNNL_ARG_DIFF_SRC, ax_primitive_md (p, DNNL_ARG_DIFF_SRC), dx },
    };
    ax_primitive_run (p, 3, args);
    if (g->accumulate)
      g->t->add (in, g->dx + image * in, dx, g->dx + image * in);
  }
}

void
ax_conv_backward_data (AxConv *conv, const float *dy, float *dx, bool accumulate)
{
  const AxConvShape *s = &conv->s;
  if (!conv->scalar && !conv->data_grad.primitive) {
    const AxPieceShape shape = { 1, s->h, s->w, s->ic, conv->oh, conv->ow, s->oc, s->kh, s->kw, s->stride, s->pad, s->pad,
                                 ax_conv_pad_after (s->h, conv->oh, s->kh, s), ax_conv_pad_after (s->w, conv->ow, s->kw, s) };
    const int before = conv->n_packed;
    conv->data_weights = make (conv, &conv->data_grad, &shape, dnnl_backward_data, false, false);
    if (conv->data_weights < 0)
      ax_primitive_clear (&conv->data_grad);
    else if (conv->n_packed > before)
      pack (conv, &conv->packed[before]);
  }
  if (conv->scalar || !conv->data_grad.primitive) {
    ax_conv_plain_backward_data (conv, dy, dx, accumulate);
    return;
  }
  Args g = { .conv = conv, .t = ax_table (), .dy = dy, .dx = dx, .accumulate = accumulate };
  ax_parallel_for ((size_t) s->n, 1, data_piece, &g);
}
