/* spans_mma.cu: the decoder's attention over spans with matrix instructions, where products in bfloat16 are allowed (contract: ax_span_attention_forward with
 * AxSpanShape.bf16). A block takes 64 queries of one head, each of its four warps 16 of them, and walks over tiles of 32 keys with a running maximum and sum. Queries and
 * keys lie in shared memory as rows, values as columns, in bfloat16, so that every operand of an instruction is one word of it; a row's padding keeps neighbouring
 * rows in different banks. Sums, maxima and the output stay in registers and in float32. */
#include "kernels/cuda/spans_mma.cuh"

#define QUERIES 64
#define KEYS 32
#define WARPS 4
#define PAD MMA_PAD

struct Ranges {
  AxSpan span[QUERIES];
  int from, to; /* keys that any of them may see */
};

/* Over the four lanes that hold one row. */
__device__ __forceinline__ float
row_max (float v)
{
  v = fmaxf (v, __shfl_xor_sync (AX_FULL, v, 1));
  return fmaxf (v, __shfl_xor_sync (AX_FULL, v, 2));
}
__device__ __forceinline__ float
row_sum (float v)
{
  v += __shfl_xor_sync (AX_FULL, v, 1);
  return v + __shfl_xor_sync (AX_FULL, v, 2);
}

template <int HD> __global__ void
__launch_bounds__ (WARPS * 32)
span_mma_kernel (AxSpanShape s, const AxSpan *spans, const float *q, const float *k, const float *v, float *lse, float *out)
{
  AX_DYNAMIC_SHARED (uint16_t, memory);
  __shared__ Ranges ranges;
  uint16_t *qs = memory, *ks = qs + QUERIES * (HD + PAD), *vs = ks + KEYS * (HD + PAD);
  const size_t h = blockIdx.y, q0 = (size_t) blockIdx.x * QUERIES, kh = h / (s.heads / s.kv_heads);
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4, row = warp * 16 + g; /* and row + 8 */
  for (unsigned i = threadIdx.x; i < QUERIES; i += WARPS * 32)
    ranges.span[i] = q0 + i < s.tq ? spans[q0 + i] : AxSpan { 0, 0, 0, 0 };
  __syncthreads ();
  if (threadIdx.x == 0) {
    int from = 0x7fffffff, to = 0;
    for (int i = 0; i < QUERIES; i++) {
      const AxSpan p = ranges.span[i];
      if (p.a0 < p.a1) {
        from = p.a0 < from ? p.a0 : from;
        to = p.a1 > to ? p.a1 : to;
      }
      if (p.b0 < p.b1) {
        from = p.b0 < from ? p.b0 : from;
        to = p.b1 > to ? p.b1 : to;
      }
    }
    ranges.from = from / KEYS * KEYS;
    ranges.to = to;
  }
  mma_load_rows<HD> (q + h * s.hd, s.ldq, q0, s.tq, QUERIES, qs);
  __syncthreads ();
  const AxSpan upper = ranges.span[row], lower = ranges.span[row + 8];
  float o[HD / 8][4], top[2] = { -INFINITY, -INFINITY }, sum[2] = { 0, 0 };
  AX_UNROLL
  for (int i = 0; i < HD / 8; i++)
    AX_UNROLL
    for (int j = 0; j < 4; j++)
      o[i][j] = 0;
  for (int k0 = ranges.from; k0 < ranges.to; k0 += KEYS) { /* the same for the whole block */
    __syncthreads ();
    mma_load_rows<HD> (k + kh * s.hd, s.ldk, (size_t) k0, s.tk, KEYS, ks);
    mma_load_columns<HD, KEYS> (v + kh * s.hd, s.ldv, (size_t) k0, s.tk, vs);
    __syncthreads ();
    float score[KEYS / 8][4];
    AX_UNROLL
    for (int n = 0; n < KEYS / 8; n++)
      AX_UNROLL
      for (int j = 0; j < 4; j++)
        score[n][j] = 0;
    for (unsigned c = 0; c < HD; c += 16) {
      unsigned a[4], b[2];
      mma_words_a (qs + row * (HD + PAD) + c + 2 * t, HD + PAD, a);
      AX_UNROLL
      for (int n = 0; n < KEYS / 8; n++) {
        mma_words_b (ks + (n * 8 + g) * (HD + PAD) + c + 2 * t, b);
        mma_bf16 (score[n], a, b);
      }
    }
    float highest[2] = { top[0], top[1] };
    AX_UNROLL
    for (int n = 0; n < KEYS / 8; n++)
      AX_UNROLL
      for (int j = 0; j < 4; j++) {
        const int key = k0 + n * 8 + (int) (2 * t) + j % 2;
        score[n][j] = sees_key (j < 2 ? upper : lower, key) ? score[n][j] * s.scale : -INFINITY;
        highest[j / 2] = fmaxf (highest[j / 2], score[n][j]);
      }
    float shrink[2], part[2] = { 0, 0 };
    AX_UNROLL
    for (int r = 0; r < 2; r++) {
      highest[r] = row_max (highest[r]);
      shrink[r] = highest[r] == -INFINITY ? 1 : expf (top[r] - highest[r]);
      top[r] = highest[r];
    }
    AX_UNROLL
    for (int n = 0; n < KEYS / 8; n++)
      AX_UNROLL
      for (int j = 0; j < 4; j++) {
        score[n][j] = score[n][j] == -INFINITY ? 0 : expf (score[n][j] - highest[j / 2]);
        part[j / 2] += score[n][j];
      }
    AX_UNROLL
    for (int r = 0; r < 2; r++)
      sum[r] = sum[r] * shrink[r] + row_sum (part[r]);
    /* What a lane holds of two tiles of probabilities is what it must hold of a factor. */
    unsigned p[KEYS / 16][4];
    AX_UNROLL
    for (int n = 0; n < KEYS / 16; n++)
      AX_UNROLL
      for (int j = 0; j < 4; j++)
        p[n][j] = bf16_pair (score[2 * n + j / 2][j % 2 * 2], score[2 * n + j / 2][j % 2 * 2 + 1]);
    AX_UNROLL
    for (int i = 0; i < HD / 8; i++) {
      AX_UNROLL
      for (int j = 0; j < 4; j++)
        o[i][j] *= shrink[j / 2];
      AX_UNROLL
      for (int n = 0; n < KEYS / 16; n++) {
        unsigned b[2];
        mma_words_b (vs + (i * 8 + g) * (KEYS + PAD) + n * 16 + 2 * t, b);
        mma_bf16 (o[i], p[n], b);
      }
    }
  }
  AX_UNROLL
  for (int r = 0; r < 2; r++) {
    const size_t at = q0 + row + 8 * r;
    const float inverse = sum[r] > 0 ? 1 / sum[r] : 0;
    if (at >= s.tq)
      continue;
    float *to = out + at * s.ldo + h * s.hd + 2 * t;
    AX_UNROLL
    for (int i = 0; i < HD / 8; i++) {
      to[i * 8] = o[i][2 * r] * inverse;
      to[i * 8 + 1] = o[i][2 * r + 1] * inverse;
    }
    if (lse && t == 0)
      lse[h * s.tq + at] = sum[r] > 0 ? top[r] + logf (sum[r]) : -INFINITY;
  }
}

template <int HD> static void
launch (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, float *lse, float *out)
{
  const size_t shared = ((QUERIES + KEYS) * (HD + PAD) + HD * (KEYS + PAD)) * sizeof (uint16_t);
  AX_ALLOW_SHARED (span_mma_kernel<HD>, shared);
  AX_LAUNCH ((span_mma_kernel<HD>), dim3 (ax_blocks (s->tq, QUERIES), (unsigned) s->heads), WARPS * 32, shared, *s, spans, q, k, v, lse, out);
}

bool ax_cuda_span_forward_mma (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, float *lse, float *out);

/* FALSE: no such kernel for these heads. */
bool
ax_cuda_span_forward_mma (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, float *lse, float *out)
{
  switch (s->hd) {
  case 32:
    launch<32> (s, spans, q, k, v, lse, out);
    return true;
  case 64:
    launch<64> (s, spans, q, k, v, lse, out);
    return true;
  case 96:
    launch<96> (s, spans, q, k, v, lse, out);
    return true;
  case 128:
    launch<128> (s, spans, q, k, v, lse, out);
    return true;
  case 256:
    launch<256> (s, spans, q, k, v, lse, out);
    return true;
  default:
    return false;
  }
}
