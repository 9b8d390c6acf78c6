/* cache.cu: attention of one or a few queries over a long KV cache (contract: ax_cache_attention in kernels.h; spans in device memory).
 *
 * Bound by the bytes of the cache, so the keys are split over many blocks ("split-KV"): block (split, key head, query) reads a fixed piece of the cache once
 * for all query heads of the group, each warp its own keys, a lane its own columns; a second kernel joins the pieces. The grid depends on the capacity tk and
 * never on the span, so that a recorded graph of a step stays valid while the cache fills. */
#include "kernels/cuda/common.cuh"

#define WARPS 4
#define PIECE 128    /* keys of a block */
#define COLUMNS 8    /* of a lane: 32 x 8 = 256 */

template <int TYPE> __device__ __forceinline__ void
load_columns (const void *base, size_t at, size_t n, float *x)
{
  if (TYPE == AX_KV_F32) {
    const float *p = (const float *) base + at;
    for (size_t i = 0; i < COLUMNS; i++)
      x[i] = i < n ? p[i] : 0;
    return;
  }
  const uint16_t *p = (const uint16_t *) base + at;
  uint16_t h[COLUMNS];
  if (n == COLUMNS && ((uintptr_t) p & 15) == 0) { /* one load of 16 bytes */
    const uint4 whole = *(const uint4 *) p;
    AX_UNROLL
    for (int i = 0; i < COLUMNS / 2; i++) {
      const unsigned w = i == 0 ? whole.x : i == 1 ? whole.y : i == 2 ? whole.z : whole.w;
      h[2 * i] = (uint16_t) w;
      h[2 * i + 1] = (uint16_t) (w >> 16);
    }
  } else
    for (size_t i = 0; i < COLUMNS; i++)
      h[i] = i < n ? p[i] : 0;
  AX_UNROLL
  for (int i = 0; i < COLUMNS; i++)
    x[i] = TYPE == AX_KV_F16 ? f16_value (h[i]) : bf16_value (h[i]);
}

/* result[query][head][split][hd + 2]: the piece's weighted values, its maximum and its sum. G query heads are taken at once. */
template <int TYPE, int G> __global__ void
cache_kernel (AxSpanShape s, const AxSpan *spans, size_t head0, size_t head_step, const float *q, const void *k, const void *v, float *result)
{
  __shared__ float tops[WARPS][G], sums[WARPS][G], values[WARPS][32 * COLUMNS];
  const size_t split = blockIdx.x, splits = gridDim.x, kh = blockIdx.y, query = blockIdx.z, h0 = kh * head_step + head0;
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const size_t each = (s.hd + 31) / 32, c0 = lane * each, n = c0 >= s.hd ? 0 : s.hd - c0 < each ? s.hd - c0 : each; /* my columns */
  const AxSpan span = spans[query];
  float x[G][COLUMNS], o[G][COLUMNS], top[G], sum[G], kv[COLUMNS];
  AX_UNROLL
  for (int g = 0; g < G; g++) {
    top[g] = -INFINITY;
    sum[g] = 0;
    AX_UNROLL
    for (int i = 0; i < COLUMNS; i++) {
      x[g][i] = (size_t) i < n ? q[query * s.ldq + (h0 + g) * s.hd + c0 + i] * s.scale : 0;
      o[g][i] = 0;
    }
  }
  const int end = (int) ((split + 1) * PIECE < s.tk ? (split + 1) * PIECE : s.tk);
  for (int j = (int) (split * PIECE + warp); j < end; j += WARPS) {
    if (!((j >= span.a0 && j < span.a1) || (j >= span.b0 && j < span.b1)))
      continue;
    load_columns<TYPE> (k, (size_t) j * s.ldk + kh * s.hd + c0, n, kv);
    float weight[G];
    AX_UNROLL
    for (int g = 0; g < G; g++) {
      float dot = 0;
      AX_UNROLL
      for (int i = 0; i < COLUMNS; i++)
        dot = fmaf (x[g][i], kv[i], dot);
      dot = warp_sum (dot);
      const float highest = fmaxf (top[g], dot), shrink = expf (top[g] - highest);
      weight[g] = expf (dot - highest);
      sum[g] = sum[g] * shrink + weight[g];
      top[g] = highest;
      AX_UNROLL
      for (int i = 0; i < COLUMNS; i++)
        o[g][i] *= shrink;
    }
    load_columns<TYPE> (v, (size_t) j * s.ldv + kh * s.hd + c0, n, kv);
    AX_UNROLL
    for (int g = 0; g < G; g++)
      AX_UNROLL
      for (int i = 0; i < COLUMNS; i++)
        o[g][i] = fmaf (weight[g], kv[i], o[g][i]);
  }
  AX_UNROLL
  for (int g = 0; g < G; g++) {
    if (lane == 0) {
      tops[warp][g] = top[g];
      sums[warp][g] = sum[g];
    }
    AX_UNROLL
    for (int i = 0; i < COLUMNS; i++)
      if ((size_t) i < n)
        values[warp][c0 + i] = o[g][i];
    __syncthreads ();
    float highest = -INFINITY, total = 0;
    for (int w = 0; w < WARPS; w++)
      highest = fmaxf (highest, tops[w][g]);
    float *to = result + ((query * s.heads + h0 + g) * splits + split) * (s.hd + 2);
    for (int w = 0; w < WARPS; w++)
      total += highest == -INFINITY ? 0 : sums[w][g] * expf (tops[w][g] - highest);
    for (size_t c = threadIdx.x; c < s.hd; c += blockDim.x) {
      float a = 0;
      for (int w = 0; w < WARPS; w++)
        a += highest == -INFINITY ? 0 : values[w][c] * expf (tops[w][g] - highest);
      to[c] = a;
    }
    if (threadIdx.x == 0) {
      to[s.hd] = highest;
      to[s.hd + 1] = total;
    }
    __syncthreads ();
  }
}

__global__ void
join_kernel (AxSpanShape s, size_t splits, const float *result, float *out)
{
  const size_t h = blockIdx.x, query = blockIdx.y, width = s.hd + 2;
  result += (query * s.heads + h) * splits * width;
  float highest = -INFINITY, total = 0;
  for (size_t p = 0; p < splits; p++)
    highest = fmaxf (highest, result[p * width + s.hd]);
  for (size_t p = 0; p < splits && highest > -INFINITY; p++)
    total += result[p * width + s.hd + 1] * expf (result[p * width + s.hd] - highest);
  for (size_t c = threadIdx.x; c < s.hd; c += blockDim.x) {
    float a = 0;
    for (size_t p = 0; p < splits && highest > -INFINITY; p++)
      a += result[p * width + c] * expf (result[p * width + s.hd] - highest);
    out[query * s.ldo + h * s.hd + c] = total > 0 ? a / total : 0;
  }
}

template <int G> static void
launch (AxKvType type, dim3 grid, const AxSpanShape *s, const AxSpan *spans, size_t head0, size_t step, const float *q, const void *k, const void *v, float *result)
{
  if (type == AX_KV_F32)
    AX_LAUNCH ((cache_kernel<AX_KV_F32, G>), grid, WARPS * 32, 0, *s, spans, head0, step, q, k, v, result);
  else if (type == AX_KV_F16)
    AX_LAUNCH ((cache_kernel<AX_KV_F16, G>), grid, WARPS * 32, 0, *s, spans, head0, step, q, k, v, result);
  else
    AX_LAUNCH ((cache_kernel<AX_KV_BF16, G>), grid, WARPS * 32, 0, *s, spans, head0, step, q, k, v, result);
}

void
ax_cache_attention (const AxSpanShape *s, const AxSpan *spans, const float *q, AxKvType type, const void *k, const void *v, float *out)
{
  const size_t splits = s->tk ? (s->tk + PIECE - 1) / PIECE : 1, group = s->heads / s->kv_heads;
  float *result = (float *) ax_cuda_scratch (s->tq * s->heads * splits * (s->hd + 2) * sizeof (float));
  if (!result || s->tq == 0)
    return;
  const dim3 grid ((unsigned) splits, (unsigned) s->kv_heads, (unsigned) s->tq);
  for (size_t done = 0; done < group;) { /* the group's heads, four at a time while they last */
    const size_t left = group - done;
    if (left >= 4)
      launch<4> (type, grid, s, spans, done, group, q, k, v, result);
    else if (left >= 2)
      launch<2> (type, grid, s, spans, done, group, q, k, v, result);
    else
      launch<1> (type, grid, s, spans, done, group, q, k, v, result);
    done += left >= 4 ? 4 : left >= 2 ? 2 : 1;
  }
  AX_LAUNCH (join_kernel, dim3 ((unsigned) s->heads, (unsigned) s->tq), s->hd > 64 ? 128 : 32, 0, *s, splits, (const float *) result, out);
}
