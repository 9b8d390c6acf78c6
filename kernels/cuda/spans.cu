/* spans.cu: the decoder's attention over spans, forward and backward, and over a KV cache (contracts: kernels.h). Spans are in device memory.
 *
 * First rung of the ladder: plain float32 tiles. A block takes 32 queries of one head and walks over tiles of 32 keys with a running maximum and sum ("flash"
 * attention), so no score matrix exists. The backward pass recomputes the probabilities, once by tiles of queries for dq and once by tiles of keys for dk and dv:
 * no atomics, the same bits every time. Nothing is rounded here; where AxSpanShape.bf16 allows it, spans_mma.cu and spans_mma_back.cu do the work. */
#include "kernels/cuda/common.cuh"

#define TILE 32
#define THREADS 256
#define SHARE 8 /* threads that share a row of a tile: thread t has row t / 8 and the columns t % 8 + 8 i */
#define WIDEST 256
#define KEEP (WIDEST / SHARE)

/* Shared arrays: rows of hd + 1 floats, so that threads that walk down a column meet different banks. */
__device__ __forceinline__ void
load_tile (const AxSpanShape &s, const float *from, size_t ld, size_t row0, size_t rows, float factor, float *to)
{
  for (unsigned i = threadIdx.x; i < TILE * s.hd; i += THREADS) {
    const size_t r = i / s.hd, c = i % s.hd;
    to[r * (s.hd + 1) + c] = row0 + r < rows ? from[(row0 + r) * ld + c] * factor : 0;
  }
}

__device__ __forceinline__ float
dot_rows (const AxSpanShape &s, const float *a, size_t ra, const float *b, size_t rb)
{
  float sum = 0;
  for (size_t c = 0; c < s.hd; c++)
    sum = fmaf (a[ra * (s.hd + 1) + c], b[rb * (s.hd + 1) + c], sum);
  return sum;
}

__device__ __forceinline__ bool
sees (const AxSpan &p, int key)
{
  return (key >= p.a0 && key < p.a1) || (key >= p.b0 && key < p.b1);
}

/* The spans of a tile of queries, and two ranges that hold all that any of them sees. */
struct Tile {
  AxSpan span[TILE];
  int a0, a1, b0, b1;
};

__device__ __forceinline__ void
load_spans (const AxSpanShape &s, const AxSpan *spans, size_t q0, Tile &t)
{
  if (threadIdx.x < TILE)
    t.span[threadIdx.x] = q0 + threadIdx.x < s.tq ? spans[q0 + threadIdx.x] : AxSpan { 0, 0, 0, 0 };
  __syncthreads ();
  if (threadIdx.x == 0) {
    t.a0 = t.b0 = 0x7fffffff;
    t.a1 = t.b1 = 0;
    for (int i = 0; i < TILE; i++) {
      const AxSpan p = t.span[i];
      if (p.a0 < p.a1) {
        t.a0 = p.a0 < t.a0 ? p.a0 : t.a0;
        t.a1 = p.a1 > t.a1 ? p.a1 : t.a1;
      }
      if (p.b0 < p.b1) {
        t.b0 = p.b0 < t.b0 ? p.b0 : t.b0;
        t.b1 = p.b1 > t.b1 ? p.b1 : t.b1;
      }
    }
  }
  __syncthreads ();
}

__device__ __forceinline__ bool
worth (const Tile &t, int k0)
{
  return (k0 < t.a1 && k0 + TILE > t.a0) || (k0 < t.b1 && k0 + TILE > t.b0);
}

/* Sum and maximum over the SHARE neighbours that have one row. */
__device__ __forceinline__ float
share_sum (float v)
{
  for (int m = SHARE / 2; m > 0; m >>= 1)
    v += __shfl_xor_sync (AX_FULL, v, m);
  return v;
}
__device__ __forceinline__ float
share_max (float v)
{
  for (int m = SHARE / 2; m > 0; m >>= 1)
    v = fmaxf (v, __shfl_xor_sync (AX_FULL, v, m));
  return v;
}

/* ---- forward ---------------------------------------------------------------------------------------------------------------- */

__global__ void
span_forward_kernel (AxSpanShape s, const AxSpan *spans, const float *q, const float *k, const float *v, float *lse, float *out)
{
  AX_DYNAMIC_SHARED (float, memory);
  __shared__ Tile tile;
  __shared__ float p[TILE][TILE + 1];
  float *qs = memory, *ks = qs + TILE * (s.hd + 1);
  const size_t h = blockIdx.y, q0 = (size_t) blockIdx.x * TILE, kh = h / (s.heads / s.kv_heads), row = threadIdx.x / SHARE, share = threadIdx.x % SHARE;
  load_spans (s, spans, q0, tile);
  load_tile (s, q + h * s.hd, s.ldq, q0, s.tq, s.scale, qs);
  float o[KEEP], top = -INFINITY, sum = 0;
  AX_UNROLL
  for (int i = 0; i < KEEP; i++)
    o[i] = 0;
  for (size_t k0 = 0; k0 < s.tk; k0 += TILE) {
    if (!worth (tile, (int) k0)) /* the same answer for the whole block */
      continue;
    __syncthreads ();
    load_tile (s, k + kh * s.hd, s.ldk, k0, s.tk, 1, ks);
    __syncthreads ();
    float score[TILE / SHARE], highest = top;
    AX_UNROLL
    for (unsigned j = 0; j < TILE / SHARE; j++) {
      const size_t key = share + SHARE * j;
      score[j] = sees (tile.span[row], (int) (k0 + key)) ? dot_rows (s, qs, row, ks, key) : -INFINITY;
      highest = fmaxf (highest, score[j]);
    }
    highest = share_max (highest);
    const float shrink = highest == -INFINITY ? 1 : expf (top - highest);
    float part = 0;
    AX_UNROLL
    for (unsigned j = 0; j < TILE / SHARE; j++) {
      const float e = score[j] == -INFINITY ? 0 : expf (score[j] - highest);
      p[row][share + SHARE * j] = e;
      part += e;
    }
    sum = sum * shrink + share_sum (part);
    top = highest;
    __syncthreads ();
    load_tile (s, v + kh * s.hd, s.ldv, k0, s.tk, 1, ks);
    __syncthreads ();
    AX_UNROLL
    for (int i = 0; i < KEEP; i++) {
      const size_t c = share + SHARE * i;
      if (c < s.hd) {
        float a = o[i] * shrink;
        for (unsigned j = 0; j < TILE; j++)
          a = fmaf (p[row][j], ks[j * (s.hd + 1) + c], a);
        o[i] = a;
      }
    }
  }
  const float inverse = sum > 0 ? 1 / sum : 0;
  if (q0 + row < s.tq) {
    AX_UNROLL
    for (int i = 0; i < KEEP; i++)
      if (share + SHARE * i < s.hd)
        out[(q0 + row) * s.ldo + h * s.hd + share + SHARE * i] = o[i] * inverse;
    if (lse && share == 0)
      lse[h * s.tq + q0 + row] = sum > 0 ? top + logf (sum) : -INFINITY;
  }
}

bool ax_cuda_span_forward_mma (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, float *lse, float *out); /* spans_mma.cu */

void
ax_span_attention_forward (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, float *lse, float *out)
{
  const size_t shared = 2 * TILE * (s->hd + 1) * sizeof (float);
  if (s->tq == 0 || (s->bf16 && ax_cuda_span_forward_mma (s, spans, q, k, v, lse, out)))
    return;
  AX_ALLOW_SHARED (span_forward_kernel, shared);
  AX_LAUNCH (span_forward_kernel, dim3 (ax_blocks (s->tq, TILE), (unsigned) s->heads), THREADS, shared, *s, spans, q, k, v, lse, out);
}

/* ---- backward --------------------------------------------------------------------------------------------------------------- */

/* delta[heads, tq] = sum over the head of dout out */
__global__ void
delta_kernel (AxSpanShape s, const float *out, const float *dout, float *delta)
{
  const size_t r = blockIdx.x, h = blockIdx.y, at = r * s.ldo + h * s.hd;
  float sum = 0;
  for (size_t c = threadIdx.x; c < s.hd; c += 32)
    sum += out[at + c] * dout[at + c];
  sum = warp_sum (sum);
  if (threadIdx.x == 0)
    delta[h * s.tq + r] = sum;
}

/* Of one pair in shared tiles: its probability, and the gradient of its scaled score. */
__device__ __forceinline__ void
pair_gradient (const AxSpanShape &s, const float *qs, const float *gs, const float *ks, const float *vs, size_t i, size_t j, float lse, float delta, float &p, float &ds)
{
  p = expf (dot_rows (s, qs, i, ks, j) * s.scale - lse);
  ds = p * (dot_rows (s, gs, i, vs, j) - delta) * s.scale;
}

__global__ void
span_dq_kernel (AxSpanShape s, const AxSpan *spans, const float *q, const float *k, const float *v, const float *lse, const float *delta, const float *dout, float *dq)
{
  AX_DYNAMIC_SHARED (float, memory);
  __shared__ Tile tile;
  __shared__ float ds[TILE][TILE + 1];
  const size_t area = TILE * (s.hd + 1);
  float *qs = memory, *gs = qs + area, *ks = gs + area, *vs = ks + area;
  const size_t h = blockIdx.y, q0 = (size_t) blockIdx.x * TILE, kh = h / (s.heads / s.kv_heads), row = threadIdx.x / SHARE, share = threadIdx.x % SHARE;
  const bool real = q0 + row < s.tq;
  const float my_lse = real ? lse[h * s.tq + q0 + row] : 0, my_delta = real ? delta[h * s.tq + q0 + row] : 0;
  load_spans (s, spans, q0, tile);
  load_tile (s, q + h * s.hd, s.ldq, q0, s.tq, 1, qs);
  load_tile (s, dout + h * s.hd, s.ldo, q0, s.tq, 1, gs);
  float g[KEEP];
  AX_UNROLL
  for (int i = 0; i < KEEP; i++)
    g[i] = 0;
  for (size_t k0 = 0; k0 < s.tk; k0 += TILE) {
    if (!worth (tile, (int) k0))
      continue;
    __syncthreads ();
    load_tile (s, k + kh * s.hd, s.ldk, k0, s.tk, 1, ks);
    load_tile (s, v + kh * s.hd, s.ldv, k0, s.tk, 1, vs);
    __syncthreads ();
    for (unsigned j = share; j < TILE; j += SHARE) {
      float p, d = 0;
      if (sees (tile.span[row], (int) (k0 + j)))
        pair_gradient (s, qs, gs, ks, vs, row, j, my_lse, my_delta, p, d);
      ds[row][j] = d;
    }
    __syncwarp ();
    AX_UNROLL
    for (int i = 0; i < KEEP; i++) {
      const size_t c = share + SHARE * i;
      if (c < s.hd)
        for (unsigned j = 0; j < TILE; j++)
          g[i] = fmaf (ds[row][j], ks[j * (s.hd + 1) + c], g[i]);
    }
  }
  AX_UNROLL
  for (int i = 0; i < KEEP; i++)
    if (real && share + SHARE * i < s.hd)
      dq[(q0 + row) * s.ldq + h * s.hd + share + SHARE * i] += g[i];
}

__global__ void
span_dkv_kernel (AxSpanShape s, const AxSpan *spans, const float *q, const float *k, const float *v, const float *lse, const float *delta, const float *dout, float *dk,
                 float *dv)
{
  AX_DYNAMIC_SHARED (float, memory);
  __shared__ Tile tile;
  __shared__ float ps[TILE][TILE + 1], ds[TILE][TILE + 1]; /* [key][query] */
  const size_t area = TILE * (s.hd + 1);
  float *qs = memory, *gs = qs + area, *ks = gs + area, *vs = ks + area;
  const size_t kh = blockIdx.y, k0 = (size_t) blockIdx.x * TILE, group = s.heads / s.kv_heads, row = threadIdx.x / SHARE, share = threadIdx.x % SHARE;
  load_tile (s, k + kh * s.hd, s.ldk, k0, s.tk, 1, ks);
  load_tile (s, v + kh * s.hd, s.ldv, k0, s.tk, 1, vs);
  float gk[KEEP], gv[KEEP];
  AX_UNROLL
  for (int i = 0; i < KEEP; i++)
    gk[i] = gv[i] = 0;
  for (size_t q0 = 0; q0 < s.tq; q0 += TILE) {
    __syncthreads ();
    load_spans (s, spans, q0, tile);
    if (!worth (tile, (int) k0))
      continue;
    for (size_t h = kh * group; h < (kh + 1) * group; h++) {
      __syncthreads ();
      load_tile (s, q + h * s.hd, s.ldq, q0, s.tq, 1, qs);
      load_tile (s, dout + h * s.hd, s.ldo, q0, s.tq, 1, gs);
      __syncthreads ();
      for (unsigned i = share; i < TILE; i += SHARE) {
        float p = 0, d = 0;
        if (q0 + i < s.tq && sees (tile.span[i], (int) (k0 + row)))
          pair_gradient (s, qs, gs, ks, vs, i, row, lse[h * s.tq + q0 + i], delta[h * s.tq + q0 + i], p, d);
        ps[row][i] = p;
        ds[row][i] = d;
      }
      __syncwarp ();
      AX_UNROLL
      for (int i = 0; i < KEEP; i++) {
        const size_t c = share + SHARE * i;
        if (c < s.hd)
          for (unsigned j = 0; j < TILE; j++) {
            gk[i] = fmaf (ds[row][j], qs[j * (s.hd + 1) + c], gk[i]);
            gv[i] = fmaf (ps[row][j], gs[j * (s.hd + 1) + c], gv[i]);
          }
      }
    }
  }
  AX_UNROLL
  for (int i = 0; i < KEEP; i++)
    if (k0 + row < s.tk && share + SHARE * i < s.hd) {
      dk[(k0 + row) * s.ldk + kh * s.hd + share + SHARE * i] += gk[i];
      dv[(k0 + row) * s.ldv + kh * s.hd + share + SHARE * i] += gv[i];
    }
}

size_t ax_cuda_span_backward_mma_scratch (const AxSpanShape *s); /* spans_mma_back.cu */
void ax_cuda_span_backward_mma (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, const float *lse, const float *delta,
                                const float *dout, float *dq, float *dk, float *dv, void *scratch);

void
ax_span_attention_backward (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, const float *out, const float *lse,
                            const float *dout, float *dq, float *dk, float *dv)
{
  const size_t shared = 4 * TILE * (s->hd + 1) * sizeof (float), mma = s->bf16 ? ax_cuda_span_backward_mma_scratch (s) : 0;
  const size_t own = (s->heads * s->tq * sizeof (float) + 255) / 256 * 256;
  if (s->tq == 0)
    return;
  float *delta = (float *) ax_cuda_scratch (own + mma);
  if (!delta)
    return;
  AX_LAUNCH (delta_kernel, dim3 ((unsigned) s->tq, (unsigned) s->heads), 32, 0, *s, out, dout, delta);
  if (mma) {
    ax_cuda_span_backward_mma (s, spans, q, k, v, lse, delta, dout, dq, dk, dv, (char *) delta + own);
    return;
  }
  AX_ALLOW_SHARED (span_dq_kernel, shared);
  AX_ALLOW_SHARED (span_dkv_kernel, shared);
  AX_LAUNCH (span_dq_kernel, dim3 (ax_blocks (s->tq, TILE), (unsigned) s->heads), THREADS, shared, *s, spans, q, k, v, lse, (const float *) delta, dout, dq);
  AX_LAUNCH (span_dkv_kernel, dim3 (ax_blocks (s->tk, TILE), (unsigned) s->kv_heads), THREADS, shared, *s, spans, q, k, v, lse, (const float *) delta, dout, dk, dv);
}
