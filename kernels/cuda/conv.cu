/* conv.cu: convolution and its gradients as matrix products whose left side is never written out (implicit GEMM), NHWC; max pooling (contracts: kernels.h).
 *
 * Packed weights are [oc, kh, kw, ic]: a row of the product's k runs over (ky, kx, channel), so that neighbours in k are neighbours in the image. Where products in
 * bfloat16 are allowed, conv_mma.cu makes them. */
#include "kernels/cuda/conv.cuh"
#include "kernels/cuda/tile.cuh"

int
ax_conv_out (int in, int k, int stride, int pad)
{
  return (in + 2 * pad - k) / stride + 1;
}

AxConv *
ax_conv_new (const AxConvShape *shape, bool relu, bool training)
{
  AxConv *c = new AxConv { *shape, ax_conv_out (shape->h, shape->kh, shape->stride, shape->pad), ax_conv_out (shape->w, shape->kw, shape->stride, shape->pad), relu,
                           nullptr, nullptr, nullptr, nullptr };
  const size_t taps = (size_t) shape->kh * shape->kw, oc = (size_t) shape->oc, ic = (size_t) shape->ic, n = oc * ic * taps;
  const size_t rounded = shape->bf16 ? oc * ax_conv_row (taps * ic) : 0, turned = shape->bf16 && training ? ic * ax_conv_row (taps * oc) : 0;
  c->bias = (float *) ax_cuda_alloc (oc * sizeof (float));
  if (shape->bf16)
    c->wb = (uint16_t *) ax_cuda_alloc (rounded * sizeof (uint16_t));
  else
    c->w = (float *) ax_cuda_alloc (n * sizeof (float));
  if (turned)
    c->turned = (uint16_t *) ax_cuda_alloc (turned * sizeof (uint16_t));
  if (c->bias && (c->w || c->wb) && (c->turned || !turned))
    return c;
  ax_conv_free (c);
  return nullptr;
}

void
ax_conv_free (AxConv *c)
{
  if (!c)
    return;
  ax_cuda_free (c->bias);
  ax_cuda_free (c->w);
  ax_cuda_free (c->wb);
  ax_cuda_free (c->turned);
  delete c;
}

__global__ void
pack_kernel (size_t oc, size_t ic, size_t taps, const float *w, const float *scale, float *packed)
{
  const size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;
  if (i < oc * ic * taps) {
    const size_t c = i % ic, tap = i / ic % taps, o = i / ic / taps;
    packed[i] = w[(o * ic + c) * taps + tap] * (scale ? scale[o] : 1);
  }
}

/* packed[rows, ld]: row r, then (tap, column); turned: rows are input channels. Zeros from taps * columns to ld. */
__global__ void
pack_rounded_kernel (size_t oc, size_t ic, size_t taps, size_t ld, bool turned, const float *w, const float *scale, uint16_t *packed)
{
  const size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x, rows = turned ? ic : oc, columns = turned ? oc : ic;
  if (i >= rows * ld)
    return;
  const size_t r = i / ld, k = i % ld, tap = k / columns, o = turned ? k % columns : r, c = turned ? r : k % columns;
  packed[i] = tap < taps ? bf16_round (w[(o * ic + c) * taps + tap] * (scale ? scale[o] : 1)) : 0;
}

__global__ void
pack_bias_kernel (size_t oc, const float *bias, float *packed)
{
  const size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;
  if (i < oc)
    packed[i] = bias ? bias[i] : 0;
}

void
ax_conv_set_weights (AxConv *c, const float *w, const float *scale, const float *bias)
{
  const size_t oc = (size_t) c->s.oc, ic = (size_t) c->s.ic, taps = (size_t) c->s.kh * c->s.kw, ld = ax_conv_row (taps * ic), turned = ax_conv_row (taps * oc);
  AX_LAUNCH (pack_bias_kernel, ax_blocks (oc, 256), 256, 0, oc, bias, c->bias);
  if (c->w)
    AX_LAUNCH (pack_kernel, ax_blocks (oc * ic * taps, 256), 256, 0, oc, ic, taps, w, scale, c->w);
  if (c->wb)
    AX_LAUNCH (pack_rounded_kernel, ax_blocks (oc * ld, 256), 256, 0, oc, ic, taps, ld, false, w, scale, c->wb);
  if (c->turned)
    AX_LAUNCH (pack_rounded_kernel, ax_blocks (ic * turned, 256), 256, 0, oc, ic, taps, turned, true, w, scale, c->turned);
}

/* The window of output pixel `row` at (ky, kx, channel) = k. */
struct Windows {
  const float *x;
  AxConvShape s;
  int oh, ow;
  __device__ __forceinline__ float
  operator() (size_t, size_t row, size_t k) const
  {
    const int c = (int) (k % s.ic), tap = (int) (k / s.ic), ox = (int) (row % ow), oy = (int) (row / ow % oh);
    const int iy = oy * s.stride - s.pad + tap / s.kw, ix = ox * s.stride - s.pad + tap % s.kw;
    if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w)
      return 0;
    return x[((row / ow / oh * s.h + iy) * s.w + ix) * s.ic + c];
  }
};

void
ax_conv_forward (AxConv *c, const float *x, const float *residual, float *y)
{
  const size_t rows = (size_t) c->s.n * c->oh * c->ow, k = (size_t) c->s.kh * c->s.kw * c->s.ic, oc = (size_t) c->s.oc;
  if (c->s.bf16) {
    ax_cuda_conv_forward_mma (c, x, residual, y);
    return;
  }
  tile::product (1, rows, oc, k, 1, Windows { x, c->s, c->oh, c->ow }, tile::Matrix { c->w, 1, k }, ConvFinished { c->bias, residual, c->relu, y, oc });
}

/* dy of the output pixel that saw input pixel `row` through (ky, kx), for k = (ky, kx, output channel); zero where there is none. */
struct Seers {
  const float *dy;
  AxConvShape s;
  int oh, ow;
  __device__ __forceinline__ float
  operator() (size_t, size_t row, size_t k) const
  {
    const int o = (int) (k % s.oc), tap = (int) (k / s.oc), ix = (int) (row % s.w), iy = (int) (row / s.w % s.h);
    const int ty = iy + s.pad - tap / s.kw, tx = ix + s.pad - tap % s.kw;
    if (ty < 0 || tx < 0 || ty % s.stride || tx % s.stride || ty / s.stride >= oh || tx / s.stride >= ow)
      return 0;
    return dy[((row / s.w / s.h * oh + ty / s.stride) * ow + tx / s.stride) * s.oc + o];
  }
};

/* Packed weights as [(ky, kx, oc), ic]. */
struct Turned {
  const float *w;
  AxConvShape s;
  __device__ __forceinline__ float
  operator() (size_t, size_t k, size_t column) const
  {
    return w[((k % s.oc) * (s.kh * s.kw) + k / s.oc) * s.ic + column];
  }
};

void
ax_conv_backward_data (AxConv *c, const float *dy, float *dx, bool accumulate)
{
  const size_t rows = (size_t) c->s.n * c->s.h * c->s.w, k = (size_t) c->s.kh * c->s.kw * c->s.oc, ic = (size_t) c->s.ic;
  if (c->s.bf16) {
    ax_cuda_conv_backward_data_mma (c, dy, dx, accumulate);
    return;
  }
  tile::product (1, rows, ic, k, 1, Seers { dy, c->s, c->oh, c->ow }, Turned { c->w, c->s }, tile::Scaled { dx, ic, 1, accumulate ? 1.0f : 0.0f });
}

/* dw[oc, ic, taps] += the pieces' sums [piece][oc][taps][ic], in their order */
__global__ void
add_pieces_kernel (size_t oc, size_t ic, size_t taps, size_t pieces, const float *partial, float *dw)
{
  const size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x, n = oc * ic * taps;
  if (i >= n)
    return;
  double sum = 0;
  for (size_t p = 0; p < pieces; p++)
    sum += partial[p * n + i];
  const size_t c = i % ic, tap = i / ic % taps, o = i / ic / taps;
  dw[(o * ic + c) * taps + tap] += (float) sum;
}

void
ax_conv_backward_weights (AxConv *c, const float *x, const float *dy, float *dw, float *db)
{
  const size_t pixels = (size_t) c->s.n * c->oh * c->ow, k = (size_t) c->s.kh * c->s.kw * c->s.ic, oc = (size_t) c->s.oc;
  /* Few tiles and a long sum: pieces of it fill the card. How many depends on the shape alone. */
  const size_t tiles = (oc + tile::SIDE - 1) / tile::SIDE * ((k + tile::SIDE - 1) / tile::SIDE);
  size_t splits = tiles < 256 ? (256 + tiles - 1) / tiles : 1;
  if (splits > (pixels + 255) / 256)
    splits = (pixels + 255) / 256;
  float *partial = (float *) ax_cuda_scratch (splits * oc * k * sizeof (float));
  if (!partial)
    return;
  if (c->s.bf16)
    ax_cuda_conv_partial_weights_mma (c, x, dy, splits, partial);
  else
    tile::product (1, oc, k, pixels, splits, tile::Matrix { dy, 1, oc }, Windows { x, c->s, c->oh, c->ow }, ConvPartial { partial, oc, k });
  AX_LAUNCH (add_pieces_kernel, ax_blocks (oc * k, 256), 256, 0, oc, (size_t) c->s.ic, (size_t) c->s.kh * c->s.kw, splits, (const float *) partial, dw);
  if (db)
    ax_column_sums (pixels, oc, dy, db);
}

/* ---- max pooling ------------------------------------------------------------------------------------------------------------ */

__global__ void
maxpool_kernel (size_t n, AxConvShape s, int oh, int ow, const float *x, float *y, uint8_t *index)
{
  const size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n)
    return;
  const size_t c = i % s.ic, image = i / s.ic / ow / oh;
  const int ox = (int) (i / s.ic % ow), oy = (int) (i / s.ic / ow % oh), y0 = oy * s.stride - s.pad, x0 = ox * s.stride - s.pad;
  float best = -INFINITY;
  int won = -1;
  for (int ky = 0; ky < s.kh; ky++)
    for (int kx = 0; kx < s.kw; kx++) {
      const int iy = y0 + ky, ix = x0 + kx;
      if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w)
        continue;
      const float v = x[((image * s.h + iy) * s.w + ix) * s.ic + c];
      if (won < 0 || v > best || v != v) { /* a NaN wins; the first tap of a window of minus infinities */
        best = v;
        won = ky * s.kw + kx;
      }
    }
  y[i] = best;
  if (index)
    index[i] = (uint8_t) (won < 0 ? 0 : won);
}

void
ax_maxpool_forward (const AxConvShape *s, const float *x, float *y, uint8_t *index)
{
  const int oh = ax_conv_out (s->h, s->kh, s->stride, s->pad), ow = ax_conv_out (s->w, s->kw, s->stride, s->pad);
  const size_t n = (size_t) s->n * oh * ow * s->ic;
  AX_LAUNCH (maxpool_kernel, ax_blocks (n, 256), 256, 0, n, *s, oh, ow, x, y, index);
}

/* Gathers: an input element collects from the windows that cover it. */
__global__ void
maxpool_backward_kernel (size_t n, AxConvShape s, int oh, int ow, const float *dy, const uint8_t *index, float *dx)
{
  const size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n)
    return;
  const size_t c = i % s.ic, image = i / s.ic / s.w / s.h;
  const int ix = (int) (i / s.ic % s.w), iy = (int) (i / s.ic / s.w % s.h);
  float sum = dx[i];
  for (int ky = 0; ky < s.kh; ky++)
    for (int kx = 0; kx < s.kw; kx++) {
      const int ty = iy + s.pad - ky, tx = ix + s.pad - kx;
      if (ty < 0 || tx < 0 || ty % s.stride || tx % s.stride || ty / s.stride >= oh || tx / s.stride >= ow)
        continue;
      const size_t at = ((image * oh + ty / s.stride) * ow + tx / s.stride) * s.ic + c;
      if (index[at] == ky * s.kw + kx)
        sum += dy[at];
    }
  dx[i] = sum;
}

void
ax_maxpool_backward (const AxConvShape *s, const float *dy, const uint8_t *index, float *dx)
{
  const int oh = ax_conv_out (s->h, s->kh, s->stride, s->pad), ow = ax_conv_out (s->w, s->kw, s->stride, s->pad);
  const size_t n = (size_t) s->n * s->h * s->w * s->ic;
  AX_LAUNCH (maxpool_backward_kernel, ax_blocks (n, 256), 256, 0, n, *s, oh, ow, dy, index, dx);
}
