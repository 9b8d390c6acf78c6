/* qmatrix.cu: packed weight matrices (contract: AxQMatrix in kernels.h; all arrays in device memory).
 *
 * A few rows: a warp makes one output from one pass over its weights, 16 bytes a lane at a time: bound by the bytes of the weights. Many rows: the weights as
 * bfloat16 (kept so, or unpacked into scratch memory piece by piece) and a matrix product. */
#include "kernels/cuda/gemm.h"
#include "kernels/cuda/common.cuh"

#define BLOCK 32      /* values that share a scale */
#define VECTOR_ROWS 4 /* up to so many rows of x go through the one-pass kernel together */

struct AxQMatrix {
  AxQType type;
  size_t out, in, stride, blocks;
  bool exact;
  void *data;   /* [out, stride]: float, bfloat16 or int8; the padding is zero */
  uint16_t *scale; /* Q8: [out, blocks], float16 */
};

static size_t
element_size (AxQType type)
{
  return type == AX_Q_F32 ? 4 : type == AX_Q_BF16 ? 2 : 1;
}

AxQMatrix *
ax_qmatrix_new (AxQType type, size_t out, size_t in)
{
  AxQMatrix *m = new AxQMatrix ();
  m->type = type;
  m->out = out;
  m->in = in;
  m->blocks = (in + BLOCK - 1) / BLOCK;
  m->stride = m->blocks * BLOCK;
  const size_t bytes = out * m->stride * element_size (type), scales = type >= AX_Q_Q8 ? out * m->blocks * sizeof (uint16_t) : 0;
  m->data = ax_cuda_alloc (bytes + scales);
  if (!m->data) {
    delete m;
    return nullptr;
  }
  m->scale = scales ? (uint16_t *) ((char *) m->data + bytes) : nullptr;
  ax_cuda_zero (m->data, bytes + scales);
  return m;
}

void
ax_qmatrix_free (AxQMatrix *m)
{
  if (m)
    ax_cuda_free (m->data);
  delete m;
}

void ax_qmatrix_set_exact (AxQMatrix *m, bool exact) { m->exact = exact; }
size_t ax_qmatrix_out (const AxQMatrix *m) { return m->out; }
size_t ax_qmatrix_in (const AxQMatrix *m) { return m->in; }
AxQType ax_qmatrix_type (const AxQMatrix *m) { return m->type; }
size_t
ax_qmatrix_bytes (const AxQMatrix *m)
{
  return m->out * (m->stride * element_size (m->type) + (m->scale ? m->blocks * sizeof (uint16_t) : 0));
}

/* ---- filling and reading ---------------------------------------------------------------------------------------------------- */

__global__ void
fill_kernel (int type, size_t n, size_t in, size_t stride, const float *rows, void *data)
{
  const size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n * in)
    return;
  const size_t at = i / in * stride + i % in;
  if (type == AX_Q_F32)
    ((float *) data)[at] = rows[i];
  else
    ((uint16_t *) data)[at] = bf16_round (rows[i]);
}

/* The smallest float16 that is not below x (x >= 0, far below float16's largest). */
__device__ __forceinline__ uint16_t
half_above (float x)
{
  const uint16_t h = f16_round (x);
  return f16_value (h) < x ? (uint16_t) (h + 1) : h;
}

/* A warp packs a block of 32. If every value is a small multiple of largest / n for an n that block formats use, and that step is a float16, the block is
 * exact; else 127 steps to the largest. The processor's kernel does the same. */
__global__ void
pack_q8_kernel (size_t in, size_t blocks, const float *rows, int8_t *data, uint16_t *scale)
{
  const int steps[] = { 127, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1 };
  const size_t row = blockIdx.y, block = blockIdx.x;
  const unsigned lane = threadIdx.x;
  const size_t column = block * BLOCK + lane;
  const float v = column < in ? rows[row * in + column] : 0, top = warp_max (fabsf (v));
  uint16_t d = 0;
  float inverse = 0;
  bool exact = !(top > 0);
  for (int k = 0; k < 17 && !exact; k++) {
    const uint16_t h = half_above (top / (float) steps[k]);
    const float step = f16_value (h), per_step = 1 / step;
    if (k > 0 && step * (float) steps[k] != top) /* the same for the whole warp */
      continue;
    exact = warp_sum (rintf (v * per_step) * step - v == 0 ? 0.0f : 1.0f) == 0;
    if (k == 0 || exact) {
      d = h;
      inverse = per_step;
    }
  }
  data[(row * blocks + block) * BLOCK + lane] = (int8_t) rintf (v * inverse);
  if (lane == 0)
    scale[row * blocks + block] = d;
}

void
ax_qmatrix_set_rows (AxQMatrix *m, size_t first, size_t n, const float *rows)
{
  if (n == 0)
    return;
  if (m->type < AX_Q_Q8) {
    AX_LAUNCH (fill_kernel, ax_blocks (n * m->in, 256), 256, 0, (int) m->type, n, m->in, m->stride, rows,
               (void *) ((char *) m->data + first * m->stride * element_size (m->type)));
    return;
  }
  for (size_t done = 0; done < n; done += 32768) { /* the grid's second side is short */
    const size_t some = n - done < 32768 ? n - done : 32768, at = first + done;
    AX_LAUNCH (pack_q8_kernel, dim3 ((unsigned) m->blocks, (unsigned) some), 32, 0, m->in, m->blocks, rows + done * m->in, (int8_t *) m->data + at * m->stride,
               m->scale + at * m->blocks);
  }
}

__device__ __forceinline__ float
weight_at (int type, const void *data, const uint16_t *scale, size_t stride, size_t row, size_t column)
{
  const size_t at = row * stride + column;
  if (type == AX_Q_F32)
    return ((const float *) data)[at];
  if (type == AX_Q_BF16)
    return bf16_value (((const uint16_t *) data)[at]);
  return (float) ((const int8_t *) data)[at] * f16_value (scale[at / BLOCK]);
}

__global__ void
get_rows_kernel (int type, size_t n, size_t in, size_t stride, const void *data, const uint16_t *scale, const int32_t *id, float *y)
{
  const size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n * in)
    y[i] = weight_at (type, data, scale, stride, (size_t) id[i / in], i % in);
}

void
ax_qmatrix_get_rows (const AxQMatrix *m, size_t n, const int32_t *id, float *y)
{
  if (n)
    AX_LAUNCH (get_rows_kernel, ax_blocks (n * m->in, 256), 256, 0, (int) m->type, n, m->in, m->stride, (const void *) m->data, (const uint16_t *) m->scale, id, y);
}

/* ---- a few rows ------------------------------------------------------------------------------------------------------------- */

/* The 16 bytes of weights that begin at element `at` of a row, times x there, for R rows of x. Padding weights are zero, but x must not be read there. */
template <int TYPE, int R> __device__ __forceinline__ void
add_products (const void *row, const uint16_t *scale, const float *x, size_t in, size_t at, float *sum)
{
  enum { N = TYPE == AX_Q_F32 ? 4 : TYPE == AX_Q_BF16 ? 8 : 16 };
  const uint4 raw = ((const uint4 *) row)[at / N];
  const unsigned word[4] = { raw.x, raw.y, raw.z, raw.w };
  float w[N];
  AX_UNROLL
  for (int i = 0; i < N; i++) {
    if (TYPE == AX_Q_F32)
      w[i] = __uint_as_float (word[i % 4]);
    else if (TYPE == AX_Q_BF16)
      w[i] = __uint_as_float (i % 2 ? word[i / 2 % 4] & 0xffff0000u : word[i / 2 % 4] << 16);
    else
      w[i] = (float) (int8_t) (word[i / 4 % 4] >> (i % 4 * 8));
  }
  const float d = TYPE == AX_Q_Q8 ? f16_value (scale[at / BLOCK]) : 1;
  AX_UNROLL
  for (int r = 0; r < R; r++) {
    float part = 0;
    AX_UNROLL
    for (int i = 0; i < N; i++)
      if (at + i < in)
        part = fmaf (w[i], x[r * in + at + i], part);
    sum[r] = fmaf (part, d, sum[r]);
  }
}

/* y[R, out] = x[R, in] W^T: a warp an output. */
template <int TYPE, int R> __global__ void
vector_kernel (size_t out, size_t in, size_t stride, const void *data, const uint16_t *scale, const float *x, float *y)
{
  enum { N = TYPE == AX_Q_F32 ? 4 : TYPE == AX_Q_BF16 ? 8 : 16 };
  const size_t o = (size_t) blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  const unsigned lane = threadIdx.x % 32;
  if (o >= out)
    return; /* whole warps leave */
  const char *row = (const char *) data + o * stride * (16 / N);
  float sum[R];
  AX_UNROLL
  for (int r = 0; r < R; r++)
    sum[r] = 0;
  for (size_t at = (size_t) lane * N; at < stride; at += 32 * N)
    add_products<TYPE, R> (row, TYPE == AX_Q_Q8 ? scale + o * (stride / BLOCK) : nullptr, x, in, at, sum);
  AX_UNROLL
  for (int r = 0; r < R; r++) {
    sum[r] = warp_sum (sum[r]);
    if (lane == 0)
      y[r * out + o] = sum[r];
  }
}

template <int TYPE> static void
few_rows (const AxQMatrix *m, size_t rows, const float *x, float *y)
{
  const unsigned grid = ax_blocks (m->out, 8);
  for (size_t r = 0; r < rows;) {
    const float *from = x + r * m->in;
    float *to = y + r * m->out;
    if (rows - r >= 4) {
      AX_LAUNCH ((vector_kernel<TYPE, 4>), grid, 256, 0, m->out, m->in, m->stride, (const void *) m->data, (const uint16_t *) m->scale, from, to);
      r += 4;
    } else {
      AX_LAUNCH ((vector_kernel<TYPE, 1>), grid, 256, 0, m->out, m->in, m->stride, (const void *) m->data, (const uint16_t *) m->scale, from, to);
      r++;
    }
  }
}

/* ---- many rows ---------------------------------------------------------------------------------------------------------------- */

/* Rows [first, first + n) as float or bfloat16 [n, stride] */
__global__ void
unpack_kernel (int type, size_t first, size_t n, size_t stride, const void *data, const uint16_t *scale, float *f, uint16_t *h)
{
  const size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n * stride)
    return;
  const float w = weight_at (type, data, scale, stride, first + i / stride, i % stride);
  if (f)
    f[i] = w;
  else
    h[i] = bf16_round (w);
}

/* x[rows, in] as bfloat16 [rows, stride], padded with zeros */
__global__ void
shorten_kernel (size_t n, size_t in, size_t stride, const float *x, uint16_t *y)
{
  const size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n * stride)
    y[i] = i % stride < in ? bf16_round (x[i / stride * in + i % stride]) : 0;
}

#define PIECE 8192 /* rows of weights unpacked at once */

/* backward: dx += dy W, else y = x W^T */
static void
many_rows (const AxQMatrix *m, size_t rows, const float *x, float *y, bool backward)
{
  const bool whole = m->type == AX_Q_F32 || m->exact;              /* in float32 */
  const bool ready = whole ? m->type == AX_Q_F32 : m->type == AX_Q_BF16; /* weights need no unpacking */
  const size_t width = backward ? m->out : m->in, padded = (width + BLOCK - 1) / BLOCK * BLOCK, piece = m->out < PIECE ? m->out : PIECE;
  const size_t weights = ready ? 0 : piece * m->stride * (whole ? 4 : 2), shortened = whole ? 0 : rows * padded * 2;
  char *scratch = (char *) ax_cuda_scratch (weights + shortened + 256);
  if (!scratch)
    return;
  uint16_t *xs = (uint16_t *) (scratch + (weights + 255) / 256 * 256);
  if (!whole)
    AX_LAUNCH (shorten_kernel, ax_blocks (rows * padded, 256), 256, 0, rows, width, padded, x, xs);
  for (size_t first = 0; first < m->out; first += ready ? m->out : piece) {
    const size_t n = ready ? m->out : m->out - first < piece ? m->out - first : piece;
    const void *w = (const char *) m->data + first * m->stride * element_size (m->type);
    if (!ready) {
      AX_LAUNCH (unpack_kernel, ax_blocks (n * m->stride, 256), 256, 0, (int) m->type, first, n, m->stride, (const void *) m->data, (const uint16_t *) m->scale,
                 whole ? (float *) scratch : nullptr, whole ? nullptr : (uint16_t *) scratch);
      w = scratch;
    }
    if (whole && !backward)
      ax_gemm (false, true, rows, n, m->in, 1, x, m->in, (const float *) w, m->stride, 0, y + first, m->out);
    else if (whole)
      ax_gemm (false, false, rows, m->in, n, 1, x + first, m->out, (const float *) w, m->stride, 1, y, m->in);
    else if (!backward)
      ax_cuda_gemm_bf16 (true, rows, n, m->stride, xs, padded, (const uint16_t *) w, m->stride, 0, y + first, m->out);
    else
      ax_cuda_gemm_bf16 (false, rows, m->in, n, xs + first, padded, (const uint16_t *) w, m->stride, 1, y, m->in);
  }
}

void
ax_qmatrix_forward (const AxQMatrix *m, size_t rows, const float *x, float *y)
{
  if (rows > 2 * VECTOR_ROWS)
    many_rows (m, rows, x, y, false);
  else if (m->type == AX_Q_F32)
    few_rows<AX_Q_F32> (m, rows, x, y);
  else if (m->type == AX_Q_BF16)
    few_rows<AX_Q_BF16> (m, rows, x, y);
  else
    few_rows<AX_Q_Q8> (m, rows, x, y);
}

void
ax_qmatrix_backward_data (const AxQMatrix *m, size_t rows, const float *dy, float *dx)
{
  if (rows)
    many_rows (m, rows, dy, dx, true);
}

/* The card reads all weights faster than the processor its share: every row is worked out. */
float
ax_qmatrix_top (const AxQMatrix *m, const float *x, float margin, float *y, size_t *finished)
{
  (void) margin;
  ax_qmatrix_forward (m, 1, x, y);
  if (finished)
    *finished = m->out;
  return -INFINITY;
}
