/* elements.cu: operations that treat every element alone. Bound by memory: each thread strides over the array, neighbours touch neighbours. */
#include "kernels/cuda/common.cuh"

#define THREADS 256

/* Enough blocks to fill the card several times; each thread then takes further elements a grid apart. */
static unsigned
grid_of (size_t n)
{
  const size_t wanted = (n + THREADS - 1) / THREADS, most = (size_t) ax_cuda_multiprocessors () * 16;
  return (unsigned) (wanted < most ? (wanted ? wanted : 1) : most);
}

#define EACH(i, n) for (size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x, step_ = (size_t) gridDim.x * blockDim.x; i < (n); i += step_)

__global__ void
add_kernel (size_t n, const float *a, const float *b, float *y)
{
  EACH (i, n)
    y[i] = a[i] + b[i];
}
void ax_add (size_t n, const float *a, const float *b, float *y) { AX_LAUNCH (add_kernel, grid_of (n), THREADS, 0, n, a, b, y); }

__global__ void
axpy_kernel (size_t n, float alpha, const float *x, float *y)
{
  EACH (i, n)
    y[i] = fmaf (alpha, x[i], y[i]);
}
void ax_axpy (size_t n, float alpha, const float *x, float *y) { AX_LAUNCH (axpy_kernel, grid_of (n), THREADS, 0, n, alpha, x, y); }

__global__ void
scale_kernel (size_t n, float alpha, float *x)
{
  EACH (i, n)
    x[i] *= alpha;
}
void ax_scale (size_t n, float alpha, float *x) { AX_LAUNCH (scale_kernel, grid_of (n), THREADS, 0, n, alpha, x); }

__global__ void
add_rows_kernel (size_t n, size_t d, const float *x, const float *row, float *y)
{
  EACH (i, n)
    y[i] = x[i] + row[i % d];
}
void
ax_add_rows (size_t rows, size_t d, const float *x, const float *row, float *y)
{
  AX_LAUNCH (add_rows_kernel, grid_of (rows * d), THREADS, 0, rows * d, d, x, row, y);
}

__global__ void
activation_kernel (int act, size_t n, const float *x, float *y)
{
  EACH (i, n)
    y[i] = act_value (act, x[i]);
}
void
ax_activation_forward (AxActivation act, size_t n, const float *x, float *y)
{
  AX_LAUNCH (activation_kernel, grid_of (n), THREADS, 0, (int) act, n, x, y);
}

__global__ void
activation_backward_kernel (int act, size_t n, const float *x, const float *dy, float *dx)
{
  EACH (i, n)
    dx[i] = fmaf (dy[i], act_slope (act, x[i]), dx[i]);
}
void
ax_activation_backward (AxActivation act, size_t n, const float *x, const float *y, const float *dy, float *dx)
{
  const float *looked_at = act == AX_ACT_RELU || act == AX_ACT_NONE ? y : x; /* the sign of ReLU's result is that of its input where it is not zero */
  if (act == AX_ACT_NONE)
    ax_axpy (n, 1, dy, dx);
  else
    AX_LAUNCH (activation_backward_kernel, grid_of (n), THREADS, 0, (int) act, n, looked_at, dy, dx);
}

__device__ __forceinline__ uint32_t
mix32 (uint32_t h)
{
  h ^= h >> 16;
  h *= 0x7feb352du;
  h ^= h >> 15;
  h *= 0x846ca68bu;
  return h ^ h >> 16;
}

/* The same generator as the processor's, bit for bit: a run may be repeated on either. */
__global__ void
dropout_kernel (size_t n, uint32_t threshold, float keep_scale, uint64_t seed, const float *x, float *y)
{
  EACH (i, n) {
    const uint32_t low = (uint32_t) i, high = (uint32_t) (i >> 32);
    const uint32_t key0 = mix32 ((uint32_t) seed ^ mix32 (high + 0x9e3779b9u)), key1 = mix32 ((uint32_t) (seed >> 32) + key0);
    const uint32_t h = mix32 (mix32 (low ^ key0) + key1);
    y[i] = (h >> 8) >= threshold ? x[i] * keep_scale : 0.0f;
  }
}
void
ax_dropout (size_t n, float p, uint64_t seed, const float *x, float *y)
{
  AX_LAUNCH (dropout_kernel, grid_of (n), THREADS, 0, n, (uint32_t) (p * 16777216.0f), 1.0f / (1.0f - p), seed, x, y);
}

__global__ void
sigmoid_kernel (size_t n, const float *x, float *y)
{
  EACH (i, n)
    y[i] = 1 / (1 + expf (-x[i]));
}
void ax_sigmoid (size_t n, const float *x, float *y) { AX_LAUNCH (sigmoid_kernel, grid_of (n), THREADS, 0, n, x, y); }

__global__ void
gated_gelu_kernel (size_t n, const float *gate, const float *up, float *y)
{
  EACH (i, n)
    y[i] = act_value (AX_ACT_GELU_TANH, gate[i]) * up[i];
}
void
ax_gated_gelu_forward (size_t n, const float *gate, const float *up, float *y)
{
  AX_LAUNCH (gated_gelu_kernel, grid_of (n), THREADS, 0, n, gate, up, y);
}

__global__ void
gated_gelu_backward_kernel (size_t n, const float *gate, const float *up, const float *dy, float *dgate, float *dup)
{
  EACH (i, n) {
    dgate[i] += dy[i] * up[i] * act_slope (AX_ACT_GELU_TANH, gate[i]);
    dup[i] += dy[i] * act_value (AX_ACT_GELU_TANH, gate[i]);
  }
}
void
ax_gated_gelu_backward (size_t n, const float *gate, const float *up, const float *dy, float *dgate, float *dup)
{
  AX_LAUNCH (gated_gelu_backward_kernel, grid_of (n), THREADS, 0, n, gate, up, dy, dgate, dup);
}

/* A thread turns one pair (j, j + hd/2) of one head. */
__global__ void
rope_kernel (size_t n, size_t heads, size_t hd, size_t ldx, const float *cos_sin, float direction, float *x)
{
  const size_t half = hd / 2;
  EACH (i, n) {
    const size_t j = i % half, head = i / half % heads, r = i / half / heads;
    float *lo = x + r * ldx + head * hd + j, *hi = lo + half;
    const float c = cos_sin[r * hd + j], s = direction * cos_sin[r * hd + half + j], u = *lo, v = *hi;
    *lo = u * c - v * s;
    *hi = v * c + u * s;
  }
}
void
ax_rope (size_t rows, size_t heads, size_t hd, size_t ldx, const float *cos_sin, bool inverse, float *x)
{
  const size_t n = rows * heads * (hd / 2);
  AX_LAUNCH (rope_kernel, grid_of (n), THREADS, 0, n, heads, hd, ldx, cos_sin, inverse ? -1.0f : 1.0f, x);
}

__global__ void
adamw_kernel (size_t n, float keep, float grad_scale, float beta1, float beta2, float step, float rsqrt_c2, float eps, float *w, const float *g, float *m,
              float *v)
{
  EACH (i, n) {
    const float gi = g[i] * grad_scale, mi = m[i] + (1 - beta1) * (gi - m[i]), vi = v[i] * beta2 + (1 - beta2) * gi * gi;
    m[i] = mi;
    v[i] = vi;
    w[i] = w[i] * keep - step * mi / (sqrtf (vi) * rsqrt_c2 + eps);
  }
}
void
ax_adamw (const AxAdamW *p, size_t n, float *w, const float *g, float *m, float *v)
{
  const double c1 = 1 - pow ((double) p->beta1, (double) p->t), c2 = 1 - pow ((double) p->beta2, (double) p->t);
  AX_LAUNCH (adamw_kernel, grid_of (n), THREADS, 0, n, (float) (1 - (double) p->lr * (double) p->decay), p->grad_scale, p->beta1, p->beta2,
             (float) ((double) p->lr / c1), (float) (1 / sqrt (c2)), p->eps, w, g, m, v);
}

__global__ void
f16_to_f32_kernel (size_t n, const uint16_t *x, float *y)
{
  EACH (i, n)
    y[i] = f16_value (x[i]);
}
void ax_f16_to_f32 (size_t n, const uint16_t *x, float *y) { AX_LAUNCH (f16_to_f32_kernel, grid_of (n), THREADS, 0, n, x, y); }

__global__ void
f32_to_f16_kernel (size_t n, const float *x, uint16_t *y)
{
  EACH (i, n)
    y[i] = f16_round (x[i]);
}
void ax_f32_to_f16 (size_t n, const float *x, uint16_t *y) { AX_LAUNCH (f32_to_f16_kernel, grid_of (n), THREADS, 0, n, x, y); }

__global__ void
bf16_to_f32_kernel (size_t n, const uint16_t *x, float *y)
{
  EACH (i, n)
    y[i] = bf16_value (x[i]);
}
void ax_bf16_to_f32 (size_t n, const uint16_t *x, float *y) { AX_LAUNCH (bf16_to_f32_kernel, grid_of (n), THREADS, 0, n, x, y); }

__global__ void
f32_to_bf16_kernel (size_t n, const float *x, uint16_t *y)
{
  EACH (i, n)
    y[i] = bf16_round (x[i]);
}
void ax_f32_to_bf16 (size_t n, const float *x, uint16_t *y) { AX_LAUNCH (f32_to_bf16_kernel, grid_of (n), THREADS, 0, n, x, y); }

/* ---- numbers by their place ------------------------------------------------------------------------------------------------- */

/* Many steps of state = a state + c at once, as one such step. */
struct Steps { uint32_t a, c; };

__device__ __forceinline__ Steps
steps_of (unsigned n)
{
  Steps all = { 1, 0 }, power = { 1664525u, 1013904223u };
  for (; n > 0; n >>= 1) {
    if (n & 1)
      all = Steps { power.a * all.a, power.a * all.c + power.c };
    power = Steps { power.a * power.a, power.a * power.c + power.c };
  }
  return all;
}

/* A block makes a row; its threads stand a block apart. */
__global__ void
uniform_rows_kernel (size_t cols, uint32_t seed, uint32_t first, float scale, float *x)
{
  const Steps begin = steps_of (threadIdx.x + 1), stride = steps_of (THREADS);
  uint32_t state = begin.a * (seed ^ (first + blockIdx.x) * 2654435761u) + begin.c;
  for (size_t i = threadIdx.x; i < cols; i += THREADS) {
    x[blockIdx.x * cols + i] = scale * ((float) (int32_t) state * 0x1p-31f);
    state = stride.a * state + stride.c;
  }
}

void
ax_uniform_rows (size_t rows, size_t cols, uint32_t seed, uint32_t first, float scale, float *x)
{
  if (rows && cols)
    AX_LAUNCH (uniform_rows_kernel, (unsigned) rows, THREADS, 0, cols, seed, first, scale, x);
}
