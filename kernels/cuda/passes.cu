/* passes.cu: what a model's pass needs between its large operations: rows by number, heads normed and turned, the cache's next rows, the choice of a token
 * (contracts: kernels.h). Small kernels: what counts is that there are few of them, and that none needs a number from the host. */
#include "kernels/cuda/common.cuh"

#define THREADS 256
#define EACH(i, n) for (size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x, step_ = (size_t) gridDim.x * blockDim.x; i < (n); i += step_)

static unsigned
grid_of (size_t n)
{
  const size_t wanted = (n + THREADS - 1) / THREADS, most = (size_t) ax_cuda_multiprocessors () * 16;
  return (unsigned) (wanted < most ? (wanted ? wanted : 1) : most);
}

/* ---- rows by number --------------------------------------------------------------------------------------------------------- */

__global__ void
rows_gather_kernel (size_t n, size_t d, int32_t first, size_t count, const int32_t *index, const float *x, float *y)
{
  EACH (i, n * d) {
    const int32_t k = index[i / d];
    if (k >= first && (size_t) (k - first) < count)
      y[i] = x[(size_t) (k - first) * d + i % d];
  }
}
void
ax_rows_gather (size_t n, size_t d, int32_t first, size_t count, const int32_t *index, const float *x, float *y)
{
  if (n)
    AX_LAUNCH (rows_gather_kernel, grid_of (n * d), THREADS, 0, n, d, first, count, index, x, y);
}

#define GROUPS 64 /* places that are equal modulo this are one block's: their order of additions is that of r */

__global__ void
rows_scatter_kernel (size_t n, size_t d, int32_t first, size_t count, const int32_t *index, float alpha, const float *dy, float *dx)
{
  const size_t c = (size_t) blockIdx.x * blockDim.x + threadIdx.x;
  for (size_t r = 0; r < n; r++) {
    const int32_t k = index[r];
    if (k < first || (size_t) (k - first) >= count || (size_t) (k - first) % gridDim.y != blockIdx.y || c >= d)
      continue;
    float *to = dx + (size_t) (k - first) * d + c;
    *to = fmaf (alpha, dy[r * d + c], *to);
  }
}
void
ax_rows_scatter (size_t n, size_t d, int32_t first, size_t count, const int32_t *index, float alpha, const float *dy, float *dx)
{
  if (n && count)
    AX_LAUNCH (rows_scatter_kernel, dim3 (ax_blocks (d, 64), (unsigned) (count < GROUPS ? count : GROUPS)), 64, 0, n, d, first, count, index, alpha, dy, dx);
}

__global__ void
rows_axpy_kernel (size_t n, size_t d, const float *alpha, const float *x, float *y)
{
  EACH (i, n)
    y[i] = fmaf (alpha[i / d], x[i], y[i]);
}
void
ax_rows_axpy (size_t rows, size_t d, const float *alpha, const float *x, float *y)
{
  if (rows)
    AX_LAUNCH (rows_axpy_kernel, grid_of (rows * d), THREADS, 0, rows * d, d, alpha, x, y);
}

__global__ void
columns_fill_kernel (size_t n, size_t ldx, size_t from, size_t width, float value, float *x)
{
  EACH (i, n)
    x[i / width * ldx + from + i % width] = value;
}
void
ax_columns_fill (size_t rows, size_t ldx, size_t from, size_t to, float value, float *x)
{
  if (rows && to > from)
    AX_LAUNCH (columns_fill_kernel, grid_of (rows * (to - from)), THREADS, 0, rows * (to - from), ldx, from, to - from, value, x);
}

/* ---- batch normalisation's running statistics ------------------------------------------------------------------------------- */

__global__ void
batchnorm_fold_kernel (size_t c, const float *gamma, const float *beta, const float *mean, const float *var, float eps, float *scale, float *shift)
{
  EACH (i, c) {
    const float s = gamma[i] / sqrtf (var[i] + eps);
    scale[i] = s;
    shift[i] = beta[i] - mean[i] * s;
  }
}
void
ax_batchnorm_fold (size_t c, const float *gamma, const float *beta, const float *mean, const float *var, float eps, float *scale, float *shift)
{
  AX_LAUNCH (batchnorm_fold_kernel, grid_of (c), THREADS, 0, c, gamma, beta, mean, var, eps, scale, shift);
}

__global__ void
batchnorm_track_kernel (size_t c, const float *mean, const float *rstd, float eps, float momentum, float unbias, float *running_mean, float *running_var)
{
  EACH (i, c) {
    const float var = 1 / (rstd[i] * rstd[i]) - eps;
    running_mean[i] += momentum * (mean[i] - running_mean[i]);
    running_var[i] += momentum * ((var > 0 ? var : 0) * unbias - running_var[i]);
  }
}
void
ax_batchnorm_track (size_t rows, size_t c, const float *mean, const float *rstd, float eps, float momentum, float *running_mean, float *running_var)
{
  const float unbias = rows > 1 ? (float) rows / (float) (rows - 1) : 1;
  AX_LAUNCH (batchnorm_track_kernel, grid_of (c), THREADS, 0, c, mean, rstd, eps, momentum, unbias, running_mean, running_var);
}

/* ---- gated GELU on rows ----------------------------------------------------------------------------------------------------- */

__global__ void
gated_rows_kernel (size_t n, size_t ffn, const float *gate_up, float *y)
{
  EACH (i, n) {
    const float *gate = gate_up + i / ffn * 2 * ffn + i % ffn;
    y[i] = act_value (AX_ACT_GELU_TANH, gate[0]) * gate[ffn];
  }
}
void
ax_gated_rows_forward (size_t rows, size_t ffn, const float *gate_up, float *y)
{
  if (rows)
    AX_LAUNCH (gated_rows_kernel, grid_of (rows * ffn), THREADS, 0, rows * ffn, ffn, gate_up, y);
}

__global__ void
gated_rows_backward_kernel (size_t n, size_t ffn, const float *gate_up, const float *dy, float *d)
{
  EACH (i, n) {
    const size_t at = i / ffn * 2 * ffn + i % ffn;
    const float gate = gate_up[at], up = gate_up[at + ffn];
    d[at] += dy[i] * up * act_slope (AX_ACT_GELU_TANH, gate);
    d[at + ffn] += dy[i] * act_value (AX_ACT_GELU_TANH, gate);
  }
}
void
ax_gated_rows_backward (size_t rows, size_t ffn, const float *gate_up, const float *dy, float *d)
{
  if (rows)
    AX_LAUNCH (gated_rows_backward_kernel, grid_of (rows * ffn), THREADS, 0, rows * ffn, ffn, gate_up, dy, d);
}

/* ---- queries and keys: a warp a head ---------------------------------------------------------------------------------------- */

#define HEAD_WARPS 4

struct HeadPlace {
  size_t row, head;
  const float *x, *w; /* the head's columns, its norm's factor */
  bool real;
};

__device__ __forceinline__ HeadPlace
head_place (const AxHeadShape &s, const float *qkv, const float *q_norm, const float *k_norm)
{
  const size_t all = s.heads + s.kv_heads, i = (size_t) blockIdx.x * HEAD_WARPS + threadIdx.x / 32, row = i / all, head = i % all;
  return HeadPlace { row, head, qkv + row * (all + s.kv_heads) * s.hd + head * s.hd, head < s.heads ? q_norm : k_norm, row < s.rows };
}

__global__ void
heads_kernel (AxHeadShape s, const float *qkv, const float *q_norm, const float *k_norm, const float *cos_sin, float *qk, float *rstd)
{
  const HeadPlace p = head_place (s, qkv, q_norm, k_norm);
  const size_t half = s.hd / 2, all = s.heads + s.kv_heads;
  const unsigned lane = threadIdx.x % 32;
  if (!p.real)
    return; /* a whole warp */
  double squares = 0;
  for (size_t i = lane; i < s.hd; i += 32)
    squares += (double) p.x[i] * p.x[i];
  const float rs = (float) (1 / sqrt (warp_sum (squares) / (double) s.hd + (double) s.eps));
  float *y = qk + (p.row * all + p.head) * s.hd;
  const float *turn = cos_sin + p.row * s.hd;
  for (size_t j = lane; j < half; j += 32) {
    const float u = p.x[j] * rs * p.w[j], v = p.x[j + half] * rs * p.w[j + half], c = turn[j], sn = turn[j + half];
    y[j] = u * c - v * sn;
    y[j + half] = v * c + u * sn;
  }
  if (rstd && lane == 0)
    rstd[p.row * all + p.head] = rs;
}
void
ax_heads_forward (const AxHeadShape *s, const float *qkv, const float *q_norm, const float *k_norm, const float *cos_sin, float *qk, float *rstd)
{
  if (s->rows)
    AX_LAUNCH (heads_kernel, ax_blocks (s->rows * (s->heads + s->kv_heads), HEAD_WARPS), HEAD_WARPS * 32, 0, *s, qkv, q_norm, k_norm, cos_sin, qk, rstd);
}

__global__ void
heads_backward_kernel (AxHeadShape s, const float *qkv, const float *q_norm, const float *k_norm, const float *cos_sin, const float *rstd, float *dqk, float *dqkv)
{
  const HeadPlace p = head_place (s, qkv, q_norm, k_norm);
  const size_t half = s.hd / 2, all = s.heads + s.kv_heads;
  const unsigned lane = threadIdx.x % 32;
  if (!p.real)
    return;
  const float *turn = cos_sin + p.row * s.hd, rs = rstd[p.row * all + p.head];
  float *g = dqk + (p.row * all + p.head) * s.hd;
  double dot = 0;
  for (size_t j = lane; j < half; j += 32) {
    const float u = g[j], v = g[j + half], c = turn[j], sn = turn[j + half], a = u * c + v * sn, b = v * c - u * sn;
    g[j] = a;
    g[j + half] = b;
    dot += (double) (a * p.w[j]) * (p.x[j] * rs) + (double) (b * p.w[j + half]) * (p.x[j + half] * rs);
  }
  const float mean = (float) (warp_sum (dot) / (double) s.hd);
  float *dx = dqkv + (p.row * (all + s.kv_heads) + p.head) * s.hd;
  for (size_t j = lane; j < half; j += 32) /* each lane the elements that it turned */
    for (size_t i = j; i < s.hd; i += half)
      dx[i] += rs * (g[i] * p.w[i] - p.x[i] * rs * mean);
}
void
ax_heads_backward (const AxHeadShape *s, const float *qkv, const float *q_norm, const float *k_norm, const float *cos_sin, const float *rstd, float *dqk,
                   float *dqkv)
{
  if (s->rows)
    AX_LAUNCH (heads_backward_kernel, ax_blocks (s->rows * (s->heads + s->kv_heads), HEAD_WARPS), HEAD_WARPS * 32, 0, *s, qkv, q_norm, k_norm, cos_sin, rstd,
               dqk, dqkv);
}

/* ---- the cache and its next place ------------------------------------------------------------------------------------------- */

__global__ void
cache_store_kernel (size_t n, size_t d, size_t ldx, const float *x, int type, const int32_t *at, void *cache)
{
  EACH (i, n * d) {
    const size_t to = (size_t) *at * d + i;
    const float v = x[i / d * ldx + i % d];
    if (type == AX_KV_F32)
      ((float *) cache)[to] = v;
    else
      ((uint16_t *) cache)[to] = type == AX_KV_F16 ? f16_round (v) : bf16_round (v);
  }
}
void
ax_cache_store (size_t n, size_t d, size_t ldx, const float *x, AxKvType type, const int32_t *at, void *cache)
{
  if (n)
    AX_LAUNCH (cache_store_kernel, grid_of (n * d), THREADS, 0, n, d, ldx, x, (int) type, at, cache);
}

__global__ void
step_begin_kernel (size_t hd, int32_t window, const float *sliding, const float *global, int32_t *place, float *cos_sin, AxSpan *span)
{
  const int32_t now = place[0], end = now + 1, low = now >= window ? end - window : 0;
  for (size_t i = threadIdx.x; i < hd; i += blockDim.x) {
    cos_sin[i] = sliding[(size_t) now * hd + i];
    cos_sin[hd + i] = global[(size_t) now * hd + i];
  }
  __syncthreads (); /* all have read the place */
  if (threadIdx.x == 0) {
    place[0] = end;
    place[1] = now;
    span[0] = AxSpan { low, end, end, end };
    span[1] = AxSpan { 0, end, end, end };
  }
}
void
ax_step_begin (size_t hd, int32_t window, const float *sliding, const float *global, int32_t *place, float *cos_sin, AxSpan *span)
{
  AX_LAUNCH (step_begin_kernel, 1, 128, 0, hd, window, sliding, global, place, cos_sin, span);
}

/* ---- the choice of a token -------------------------------------------------------------------------------------------------- */

/* Of a stretch of logits: the best that may be chosen, and the sum of exp over all. */
struct Choice {
  float value;
  unsigned index;
  float top;
  double sum; /* of exp (x - top) */
};

__device__ __forceinline__ Choice
join_choices (Choice a, Choice b)
{
  Choice c = b.value > a.value || (b.value == a.value && b.index < a.index) ? b : a;
  c.top = fmaxf (a.top, b.top);
  c.sum = c.top == -INFINITY ? 0 : a.sum * (double) expf (a.top - c.top) + b.sum * (double) expf (b.top - c.top);
  return c;
}

__device__ __forceinline__ bool
is_banned (size_t n, const int32_t *banned, size_t id)
{
  size_t lo = 0, hi = n;
  while (lo < hi) {
    const size_t mid = (lo + hi) / 2;
    if ((size_t) banned[mid] < id)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < n && (size_t) banned[lo] == id;
}

__device__ __forceinline__ Choice
block_choice (Choice c)
{
  __shared__ Choice slots[32];
  for (int m = 16; m > 0; m >>= 1) {
    const Choice other = { __shfl_xor_sync (AX_FULL, c.value, m), __shfl_xor_sync (AX_FULL, c.index, m), __shfl_xor_sync (AX_FULL, c.top, m),
                           __shfl_xor_sync (AX_FULL, c.sum, m) };
    /* the same order on both sides, for the same bits */
    c = threadIdx.x & (unsigned) m ? join_choices (other, c) : join_choices (c, other);
  }
  if ((threadIdx.x & 31) == 0)
    slots[threadIdx.x >> 5] = c;
  __syncthreads ();
  c = slots[0];
  for (unsigned w = 1; w < blockDim.x >> 5; w++)
    c = join_choices (c, slots[w]);
  return c;
}

__global__ void
choice_kernel (size_t n, const float *logits, size_t n_banned, const int32_t *banned, Choice *result)
{
  Choice best = { -INFINITY, 0xffffffffu, -INFINITY, 0 };
  EACH (i, n) {
    const float v = logits[i];
    const bool may = v == v && !is_banned (n_banned, banned, i); /* a NaN never wins */
    const Choice one = { may ? v : -INFINITY, may ? (unsigned) i : 0xffffffffu, v == v ? v : -INFINITY, v > -INFINITY ? 1.0 : 0.0 };
    best = join_choices (best, one);
  }
  best = block_choice (best);
  if (threadIdx.x == 0)
    result[blockIdx.x] = best;
}

__global__ void
choice_end_kernel (unsigned n, const Choice *parts, const float *logits, int32_t *id, float *log_p)
{
  Choice best = { -INFINITY, 0xffffffffu, -INFINITY, 0 };
  for (unsigned i = threadIdx.x; i < n; i += blockDim.x)
    best = join_choices (best, parts[i]);
  best = block_choice (best);
  if (threadIdx.x == 0) {
    const unsigned chosen = best.index == 0xffffffffu ? 0 : best.index;
    *id = (int32_t) chosen;
    *log_p = (float) ((double) logits[chosen] - ((double) best.top + log (best.sum)));
  }
}

void
ax_choose_token (size_t n, const float *logits, size_t n_banned, const int32_t *banned, int32_t *id, float *log_p)
{
  const unsigned wanted = ax_blocks (n, THREADS * 4), most = (unsigned) ax_cuda_multiprocessors () * 2, blocks = wanted < most ? wanted : most;
  Choice *parts = (Choice *) ax_cuda_scratch (blocks * sizeof (Choice));
  if (!parts)
    return;
  AX_LAUNCH (choice_kernel, blocks, THREADS, 0, n, logits, n_banned, banned, parts);
  AX_LAUNCH (choice_end_kernel, 1, THREADS, 0, blocks, (const Choice *) parts, logits, id, log_p);
}

/* A block a row. */
__global__ void
argmax_rows_kernel (size_t n, const float *x, int32_t *index)
{
  __shared__ float value[32];
  __shared__ unsigned place[32];
  const float *row = x + (size_t) blockIdx.x * n;
  float best = -INFINITY;
  unsigned at = 0xffffffffu;
  for (size_t i = threadIdx.x; i < n; i += blockDim.x)
    if (row[i] > best || (row[i] == best && (unsigned) i < at)) {
      best = row[i];
      at = (unsigned) i;
    }
  for (int m = 16; m > 0; m >>= 1) {
    const float v = __shfl_xor_sync (AX_FULL, best, m);
    const unsigned k = __shfl_xor_sync (AX_FULL, at, m);
    if (v > best || (v == best && k < at)) {
      best = v;
      at = k;
    }
  }
  if ((threadIdx.x & 31) == 0) {
    value[threadIdx.x >> 5] = best;
    place[threadIdx.x >> 5] = at;
  }
  __syncthreads ();
  if (threadIdx.x == 0) {
    for (unsigned w = 1; w < blockDim.x >> 5; w++)
      if (value[w] > best || (value[w] == best && place[w] < at)) {
        best = value[w];
        at = place[w];
      }
    index[blockIdx.x] = at == 0xffffffffu ? 0 : (int32_t) at;
  }
}
void
ax_argmax_rows (size_t rows, size_t n, const float *x, int32_t *index)
{
  if (rows)
    AX_LAUNCH (argmax_rows_kernel, (unsigned) rows, n > 4096 ? 1024 : 128, 0, n, x, index);
}

/* ---- elements --------------------------------------------------------------------------------------------------------------- */

__global__ void
sigmoid_backward_kernel (size_t n, const float *y, const float *dy, float *dx)
{
  EACH (i, n)
    dx[i] += dy[i] * y[i] * (1 - y[i]);
}
void
ax_sigmoid_backward (size_t n, const float *y, const float *dy, float *dx)
{
  if (n)
    AX_LAUNCH (sigmoid_backward_kernel, grid_of (n), THREADS, 0, n, y, dy, dx);
}

__global__ void
squares_kernel (size_t n, const float *x, double *partial)
{
  __shared__ double slots[32];
  double sum = 0;
  EACH (i, n)
    sum += (double) x[i] * x[i];
  sum = block_sum (sum, slots);
  if (threadIdx.x == 0)
    partial[blockIdx.x] = sum;
}
__global__ void
squares_end_kernel (unsigned n, const double *partial, double *total)
{
  __shared__ double slots[32];
  double sum = 0;
  for (unsigned i = threadIdx.x; i < n; i += blockDim.x)
    sum += partial[i];
  sum = block_sum (sum, slots);
  if (threadIdx.x == 0)
    *total += sum;
}
void
ax_squares_add (size_t n, const float *x, double *sum)
{
  const unsigned blocks = grid_of (n);
  double *partial = (double *) ax_cuda_scratch (blocks * sizeof (double));
  if (!partial || !n)
    return;
  AX_LAUNCH (squares_kernel, blocks, THREADS, 0, n, x, partial);
  AX_LAUNCH (squares_end_kernel, 1, THREADS, 0, blocks, (const double *) partial, sum);
}
