/* rows.cu: operations that reduce each row of [rows, d]: normalisations, softmax, cross entropy, the largest element. A block of threads per row; the row is
 * read again from cache for the second pass. Sums of squares and means are kept in double: two or three additions a thread, hidden behind the loads. */
#include "kernels/cuda/common.cuh"

/* Threads for a row: enough for one or two elements each, whole warps. */
static unsigned
threads_for (size_t d)
{
  return d > 2048 ? 512 : d > 256 ? 256 : d > 64 ? 128 : 32;
}

#define ROW(i) for (size_t i = threadIdx.x; i < d; i += blockDim.x)

__global__ void
layernorm_kernel (size_t d, const float *x, const float *gamma, const float *beta, float eps, float *y, float *mean, float *rstd)
{
  __shared__ double slots[32];
  const size_t r = blockIdx.x;
  x += r * d;
  y += r * d;
  double s = 0;
  ROW (i)
    s += x[i];
  const double mu = block_sum (s, slots) / (double) d;
  s = 0;
  ROW (i)
    s += (x[i] - mu) * (x[i] - mu);
  const double rs = 1 / sqrt (block_sum (s, slots) / (double) d + (double) eps);
  const float muf = (float) mu, rsf = (float) rs;
  ROW (i)
    y[i] = (x[i] - muf) * rsf * gamma[i] + beta[i];
  if (threadIdx.x == 0) {
    if (mean)
      mean[r] = muf;
    if (rstd)
      rstd[r] = rsf;
  }
}
void
ax_layernorm_forward (size_t rows, size_t d, const float *x, const float *gamma, const float *beta, float eps, float *y, float *mean, float *rstd)
{
  if (rows)
    AX_LAUNCH (layernorm_kernel, (unsigned) rows, threads_for (d), 0, d, x, gamma, beta, eps, y, mean, rstd);
}

__global__ void
layernorm_dx_kernel (size_t d, const float *x, const float *gamma, const float *mean, const float *rstd, const float *dy, float *dx)
{
  __shared__ double slots[32];
  const size_t r = blockIdx.x;
  const float mu = mean[r], rs = rstd[r];
  x += r * d;
  dy += r * d;
  dx += r * d;
  double s0 = 0, s1 = 0;
  ROW (i) {
    const float g = dy[i] * gamma[i];
    s0 += g;
    s1 += (double) g * ((x[i] - mu) * rs);
  }
  const float m0 = (float) (block_sum (s0, slots) / (double) d), m1 = (float) (block_sum (s1, slots) / (double) d);
  ROW (i)
    dx[i] += rs * (dy[i] * gamma[i] - m0 - (x[i] - mu) * rs * m1);
}

__global__ void
rmsnorm_kernel (size_t d, const float *x, const float *w, float eps, float *y, float *rstd)
{
  __shared__ double slots[32];
  const size_t r = blockIdx.x;
  x += r * d;
  y += r * d;
  double s = 0;
  ROW (i)
    s += (double) x[i] * x[i];
  const float rs = (float) (1 / sqrt (block_sum (s, slots) / (double) d + (double) eps));
  ROW (i)
    y[i] = x[i] * rs * w[i];
  if (rstd && threadIdx.x == 0)
    rstd[r] = rs;
}
void
ax_rmsnorm_forward (size_t rows, size_t d, const float *x, const float *w, float eps, float *y, float *rstd)
{
  if (rows)
    AX_LAUNCH (rmsnorm_kernel, (unsigned) rows, threads_for (d), 0, d, x, w, eps, y, rstd);
}

__global__ void
rmsnorm_dx_kernel (size_t d, const float *x, const float *w, const float *rstd, const float *dy, float *dx)
{
  __shared__ double slots[32];
  const size_t r = blockIdx.x;
  const float rs = rstd[r];
  x += r * d;
  dy += r * d;
  dx += r * d;
  double s = 0;
  ROW (i)
    s += (double) (dy[i] * w[i]) * (x[i] * rs);
  const float m = (float) (block_sum (s, slots) / (double) d);
  ROW (i)
    dx[i] += rs * (dy[i] * w[i] - x[i] * rs * m);
}

__global__ void
softmax_kernel (size_t d, const float *x, float *y)
{
  __shared__ float slots[32];
  const size_t r = blockIdx.x;
  x += r * d;
  y += r * d;
  float top = -INFINITY, s = 0;
  ROW (i)
    top = fmaxf (top, x[i]);
  top = block_max (top, slots);
  ROW (i) {
    const float e = expf (x[i] - top);
    y[i] = e; /* y may be x: each thread reads its own elements only */
    s += e;
  }
  const float inverse = 1 / block_sum (s, slots);
  ROW (i)
    y[i] *= inverse;
}
void
ax_softmax_forward (size_t rows, size_t d, const float *x, float *y)
{
  if (rows)
    AX_LAUNCH (softmax_kernel, (unsigned) rows, threads_for (d), 0, d, x, y);
}

__global__ void
softmax_backward_kernel (size_t d, const float *y, const float *dy, float *dx)
{
  __shared__ double slots[32];
  const size_t r = blockIdx.x;
  y += r * d;
  dy += r * d;
  dx += r * d;
  double s = 0;
  ROW (i)
    s += (double) y[i] * dy[i];
  const float dot = (float) block_sum (s, slots);
  ROW (i)
    dx[i] += y[i] * (dy[i] - dot);
}
void
ax_softmax_backward (size_t rows, size_t d, const float *y, const float *dy, float *dx)
{
  if (rows)
    AX_LAUNCH (softmax_backward_kernel, (unsigned) rows, threads_for (d), 0, d, y, dy, dx);
}

__global__ void
l2norm_kernel (size_t d, const float *x, float eps, float *y, float *norm)
{
  __shared__ double slots[32];
  const size_t r = blockIdx.x;
  x += r * d;
  y += r * d;
  double s = 0;
  ROW (i)
    s += (double) x[i] * x[i];
  const float length = (float) sqrt (block_sum (s, slots)), inverse = 1 / (length > eps ? length : eps);
  ROW (i)
    y[i] = x[i] * inverse;
  if (norm && threadIdx.x == 0)
    norm[r] = length;
}
void
ax_l2norm_forward (size_t rows, size_t d, const float *x, float eps, float *y, float *norm)
{
  if (rows)
    AX_LAUNCH (l2norm_kernel, (unsigned) rows, threads_for (d), 0, d, x, eps, y, norm);
}

__global__ void
l2norm_backward_kernel (size_t d, const float *y, const float *norm, float eps, const float *dy, float *dx)
{
  __shared__ double slots[32];
  const size_t r = blockIdx.x;
  const bool clamped = !(norm[r] > eps); /* below eps the divisor is a constant and the projection vanishes */
  const float inverse = 1 / (clamped ? eps : norm[r]);
  y += r * d;
  dy += r * d;
  dx += r * d;
  double s = 0;
  ROW (i)
    s += clamped ? 0 : (double) y[i] * dy[i];
  const float dot = (float) block_sum (s, slots);
  ROW (i)
    dx[i] += inverse * (dy[i] - dot * y[i]);
}
void
ax_l2norm_backward (size_t rows, size_t d, const float *y, const float *norm, float eps, const float *dy, float *dx)
{
  if (rows)
    AX_LAUNCH (l2norm_backward_kernel, (unsigned) rows, threads_for (d), 0, d, y, norm, eps, dy, dx);
}

/* ---- cross entropy -------------------------------------------------------------------------------------------------------- */

__global__ void
cross_entropy_kernel (size_t d, const float *logits, const int32_t *target, float *lse, float *loss)
{
  __shared__ float tops[32];
  __shared__ double slots[32];
  const size_t r = blockIdx.x;
  const float *x = logits + r * d;
  float top = -INFINITY;
  ROW (i)
    top = fmaxf (top, x[i]);
  top = block_max (top, tops);
  double s = 0;
  ROW (i)
    s += expf (x[i] - top);
  s = block_sum (s, slots);
  if (threadIdx.x == 0) {
    const double l = (double) top + log (s);
    lse[r] = (float) l;
    loss[r] = (float) (l - (double) x[target[r]]);
  }
}
void
ax_cross_entropy_forward (size_t rows, size_t n, const float *logits, const int32_t *target, float *lse, float *loss)
{
  if (rows)
    AX_LAUNCH (cross_entropy_kernel, (unsigned) rows, n > 4096 ? 1024 : 128, 0, n, logits, target, lse, loss);
}

__global__ void
cross_entropy_backward_kernel (size_t d, const float *logits, const int32_t *target, const float *lse, const float *dloss, float *dlogits)
{
  const size_t r = blockIdx.x;
  const float *x = logits + r * d;
  float *g = dlogits + r * d;
  const float scale = dloss[r], l = lse[r];
  const size_t hit = (size_t) target[r];
  ROW (i)
    g[i] = fmaf (expf (x[i] - l), scale, i == hit ? -scale : 0.0f);
}
void
ax_cross_entropy_backward (size_t rows, size_t n, const float *logits, const int32_t *target, const float *lse, const float *dloss, float *dlogits)
{
  if (rows)
    AX_LAUNCH (cross_entropy_backward_kernel, (unsigned) rows, n > 4096 ? 1024 : 128, 0, n, logits, target, lse, dloss, dlogits);
}

/* ---- the largest element -------------------------------------------------------------------------------------------------- */

typedef struct { float value; unsigned index; } Best;

/* The larger value, the lower index on ties. */
__device__ __forceinline__ Best
better (Best a, Best b)
{
  return b.value > a.value || (b.value == a.value && b.index < a.index) ? b : a;
}

/* One block's best of a piece of x, or of earlier blocks' results. */
__global__ void
argmax_kernel (size_t n, const float *x, const Best *earlier, Best *result)
{
  __shared__ Best slots[32];
  Best best = { -INFINITY, 0xffffffffu };
  for (size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (size_t) gridDim.x * blockDim.x) {
    const Best b = earlier ? earlier[i] : Best { x[i], (unsigned) i };
    if (b.value == b.value) /* a NaN never wins */
      best = better (best, b);
  }
  for (int m = 16; m > 0; m >>= 1) {
    const Best other = { __shfl_xor_sync (AX_FULL, best.value, m), __shfl_xor_sync (AX_FULL, best.index, m) };
    best = better (best, other);
  }
  if ((threadIdx.x & 31) == 0)
    slots[threadIdx.x >> 5] = best;
  __syncthreads ();
  if (threadIdx.x == 0) {
    for (unsigned w = 1; w < blockDim.x >> 5; w++)
      best = better (best, slots[w]);
    result[blockIdx.x] = best;
  }
}

size_t
ax_argmax (size_t n, const float *x)
{
  const unsigned threads = 256, wanted = ax_blocks (n, threads * 8), most = (unsigned) ax_cuda_multiprocessors () * 2;
  const unsigned blocks = wanted < most ? (wanted ? wanted : 1) : most;
  Best *partial = (Best *) ax_cuda_scratch ((blocks + 1) * sizeof (Best)), best = { 0, 0 };
  if (!partial)
    return 0;
  AX_LAUNCH (argmax_kernel, blocks, threads, 0, n, x, (const Best *) nullptr, partial);
  AX_LAUNCH (argmax_kernel, 1, threads, 0, (size_t) blocks, (const float *) nullptr, (const Best *) partial, partial + blocks);
  ax_cuda_download (&best, partial + blocks, sizeof best);
  return best.index == 0xffffffffu ? 0 : best.index;
}

/* ---- backward passes whose other half sums columns (columns.cu) ------------------------------------------------------------ */

void ax_cuda_column_products (size_t rows, size_t d, const float *x, const float *mean, const float *rstd, const float *dy, float *dproduct, float *dsum);

void
ax_layernorm_backward (size_t rows, size_t d, const float *x, const float *gamma, const float *mean, const float *rstd, const float *dy, float *dx,
                       float *dgamma, float *dbeta)
{
  if (dx && rows)
    AX_LAUNCH (layernorm_dx_kernel, (unsigned) rows, threads_for (d), 0, d, x, gamma, mean, rstd, dy, dx);
  if (dgamma || dbeta)
    ax_cuda_column_products (rows, d, x, mean, rstd, dy, dgamma, dbeta);
}

void
ax_rmsnorm_backward (size_t rows, size_t d, const float *x, const float *w, const float *rstd, const float *dy, float *dx, float *dw)
{
  if (dx && rows)
    AX_LAUNCH (rmsnorm_dx_kernel, (unsigned) rows, threads_for (d), 0, d, x, w, rstd, dy, dx);
  if (dw)
    ax_cuda_column_products (rows, d, x, nullptr, rstd, dy, dw, nullptr);
}
