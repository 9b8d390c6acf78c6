/* spans_mma_back.cu: the gradient of the decoder's attention over spans with matrix instructions (contract: ax_span_attention_backward with AxSpanShape.bf16), after
 * FlashAttention-2's backward pass (Dao 2023, arXiv 2307.08691, algorithm 2) without its atomic additions: the probabilities are worked out again, once by tiles of
 * queries for dq and once by tiles of keys for dk and dv, so that the order of every sum is fixed.
 *
 * dq: a block takes 64 queries of one head, each of four warps 16, and walks over tiles of 32 keys. dk, dv: a block takes 64 keys of one key head and walks over tiles
 * of 32 queries of all heads that read it; of its eight warps two share 16 keys: each works out the probabilities of half the queries, passes them on through shared
 * memory and keeps the sums of half the columns. Where there are few tiles of keys, several blocks take a share of the queries' tiles each, and their sums are added
 * in their order. */
#include "kernels/cuda/spans_mma.cuh"

#define QUERIES 64
#define KEYS 32
#define WARPS 4
#define BACK_KEYS 64
#define BACK_QUERIES 32
#define BACK_WARPS 8
#define PAD MMA_PAD

/* Of each tile of BACK_QUERIES queries: two ranges that hold all keys that any of them sees. One warp a tile. */
__global__ void
span_reach_kernel (AxSpanShape s, const AxSpan *spans, AxSpan *reach)
{
  const size_t i = (size_t) blockIdx.x * BACK_QUERIES + threadIdx.x;
  const AxSpan p = i < s.tq ? spans[i] : AxSpan { 0, 0, 0, 0 };
  int from[2] = { p.a0 < p.a1 ? p.a0 : 0x7fffffff, p.b0 < p.b1 ? p.b0 : 0x7fffffff }, to[2] = { p.a0 < p.a1 ? p.a1 : 0, p.b0 < p.b1 ? p.b1 : 0 };
  for (int m = 16; m > 0; m >>= 1)
    for (int k = 0; k < 2; k++) {
      const int f = __shfl_xor_sync (AX_FULL, from[k], m), e = __shfl_xor_sync (AX_FULL, to[k], m);
      from[k] = f < from[k] ? f : from[k];
      to[k] = e > to[k] ? e : to[k];
    }
  if (threadIdx.x == 0)
    reach[blockIdx.x] = AxSpan { from[0], to[0], from[1], to[1] };
}

__device__ __forceinline__ bool
touches (const AxSpan &p, int from, int to)
{
  return (from < p.a1 && to > p.a0) || (from < p.b1 && to > p.b0);
}

template <int HD> __global__ void
__launch_bounds__ (WARPS * 32)
span_dq_mma_kernel (AxSpanShape s, const AxSpan *spans, const AxSpan *reach, const float *q, const float *k, const float *v, const float *lse, const float *delta,
                    const float *dout, float *dq)
{
  AX_DYNAMIC_SHARED (uint16_t, memory);
  uint16_t *qs = memory, *gs = qs + QUERIES * (HD + PAD), *ks = gs + QUERIES * (HD + PAD), *vs = ks + KEYS * (HD + PAD), *turned = vs + KEYS * (HD + PAD);
  const size_t h = blockIdx.y, q0 = (size_t) blockIdx.x * QUERIES, kh = h / (s.heads / s.kv_heads), tiles = (s.tq + BACK_QUERIES - 1) / BACK_QUERIES;
  const unsigned lane = threadIdx.x % 32, g = lane / 4, t = lane % 4, row = threadIdx.x / 32 * 16 + g; /* and row + 8 */
  const size_t tile = q0 / BACK_QUERIES;
  const AxSpan first = reach[tile], second = reach[tile + 1 < tiles ? tile + 1 : tile];
  AxSpan span[2];
  float my_lse[2], my_delta[2];
  AX_UNROLL
  for (int r = 0; r < 2; r++) {
    const size_t at = q0 + row + 8 * r;
    span[r] = at < s.tq ? spans[at] : AxSpan { 0, 0, 0, 0 };
    my_lse[r] = at < s.tq ? lse[h * s.tq + at] : 0;
    my_delta[r] = at < s.tq ? delta[h * s.tq + at] : 0;
  }
  mma_load_rows<HD> (q + h * s.hd, s.ldq, q0, s.tq, QUERIES, qs);
  mma_load_rows<HD> (dout + h * s.hd, s.ldo, q0, s.tq, QUERIES, gs);
  float o[HD / 8][4];
  AX_UNROLL
  for (int i = 0; i < HD / 8; i++)
    AX_UNROLL
    for (int j = 0; j < 4; j++)
      o[i][j] = 0;
  for (int k0 = 0; k0 < (int) s.tk; k0 += KEYS) {
    if (!touches (first, k0, k0 + KEYS) && !touches (second, k0, k0 + KEYS)) /* the same answer for the whole block */
      continue;
    __syncthreads ();
    mma_load_both<HD, KEYS> (k + kh * s.hd, s.ldk, (size_t) k0, s.tk, ks, turned);
    mma_load_rows<HD> (v + kh * s.hd, s.ldv, (size_t) k0, s.tk, KEYS, vs);
    __syncthreads ();
    float score[KEYS / 8][4], dp[KEYS / 8][4];
    AX_UNROLL
    for (int n = 0; n < KEYS / 8; n++)
      AX_UNROLL
      for (int j = 0; j < 4; j++)
        score[n][j] = dp[n][j] = 0;
    for (unsigned c = 0; c < HD; c += 16) {
      unsigned a[4], b[2];
      mma_words_a (qs + row * (HD + PAD) + c + 2 * t, HD + PAD, a);
      AX_UNROLL
      for (int n = 0; n < KEYS / 8; n++) {
        mma_words_b (ks + (n * 8 + g) * (HD + PAD) + c + 2 * t, b);
        mma_bf16 (score[n], a, b);
      }
      mma_words_a (gs + row * (HD + PAD) + c + 2 * t, HD + PAD, a);
      AX_UNROLL
      for (int n = 0; n < KEYS / 8; n++) {
        mma_words_b (vs + (n * 8 + g) * (HD + PAD) + c + 2 * t, b);
        mma_bf16 (dp[n], a, b);
      }
    }
    AX_UNROLL
    for (int n = 0; n < KEYS / 8; n++)
      AX_UNROLL
      for (int j = 0; j < 4; j++) {
        const bool seen = sees_key (span[j / 2], k0 + n * 8 + (int) (2 * t) + j % 2);
        const float p = seen ? expf (score[n][j] * s.scale - my_lse[j / 2]) : 0;
        score[n][j] = p * (dp[n][j] - my_delta[j / 2]) * s.scale;
      }
    /* What a lane holds of two tiles of gradients is what it must hold of a factor. */
    unsigned d[KEYS / 16][4];
    AX_UNROLL
    for (int n = 0; n < KEYS / 16; n++)
      AX_UNROLL
      for (int j = 0; j < 4; j++)
        d[n][j] = bf16_pair (score[2 * n + j / 2][j % 2 * 2], score[2 * n + j / 2][j % 2 * 2 + 1]);
    AX_UNROLL
    for (int i = 0; i < HD / 8; i++)
      AX_UNROLL
      for (int n = 0; n < KEYS / 16; n++) {
        unsigned b[2];
        mma_words_b (turned + (i * 8 + g) * (KEYS + PAD) + n * 16 + 2 * t, b);
        mma_bf16 (o[i], d[n], b);
      }
  }
  AX_UNROLL
  for (int r = 0; r < 2; r++) {
    const size_t at = q0 + row + 8 * r;
    if (at >= s.tq)
      continue;
    float *to = dq + at * s.ldq + h * s.hd + 2 * t;
    AX_UNROLL
    for (int i = 0; i < HD / 8; i++) {
      to[i * 8] += o[i][2 * r];
      to[i * 8 + 1] += o[i][2 * r + 1];
    }
  }
}

/* Sums of piece z over its tiles of queries: dk_part, dv_part [pieces, tk, kv_heads * hd]. */
template <int HD> __global__ void
__launch_bounds__ (BACK_WARPS * 32)
span_dkv_mma_kernel (AxSpanShape s, const AxSpan *spans, const AxSpan *reach, const float *q, const float *k, const float *v, const float *lse, const float *delta,
                     const float *dout, float *dk_part, float *dv_part)
{
  AX_DYNAMIC_SHARED (uint16_t, memory);
  __shared__ AxSpan span[BACK_QUERIES];
  __shared__ float its_lse[BACK_QUERIES], its_delta[BACK_QUERIES];
  const unsigned wide = HD + PAD, narrow = BACK_QUERIES + PAD;
  uint16_t *ks = memory, *vs = ks + BACK_KEYS * wide, *qs = vs + BACK_KEYS * wide, *gs = qs + BACK_QUERIES * wide;
  uint16_t *qt = gs + BACK_QUERIES * wide, *gt = qt + HD * narrow, *ps = gt + HD * narrow, *ds = ps + BACK_KEYS * narrow; /* the last two: [key][query] */
  const size_t kh = blockIdx.y, k0 = (size_t) blockIdx.x * BACK_KEYS, group = s.heads / s.kv_heads, tiles = (s.tq + BACK_QUERIES - 1) / BACK_QUERIES;
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4, row = warp % 4 * 16 + g /* and row + 8 */, half = warp / 4;
  mma_load_rows<HD> (k + kh * s.hd, s.ldk, k0, s.tk, BACK_KEYS, ks);
  mma_load_rows<HD> (v + kh * s.hd, s.ldv, k0, s.tk, BACK_KEYS, vs);
  float gk[HD / 16][4], gv[HD / 16][4];
  AX_UNROLL
  for (int i = 0; i < HD / 16; i++)
    AX_UNROLL
    for (int j = 0; j < 4; j++)
      gk[i][j] = gv[i][j] = 0;
  for (size_t tile = blockIdx.z; tile < tiles; tile += gridDim.z) {
    if (!touches (reach[tile], (int) k0, (int) k0 + BACK_KEYS)) /* the same answer for the whole block */
      continue;
    const size_t q0 = tile * BACK_QUERIES;
    for (size_t h = kh * group; h < (kh + 1) * group; h++) {
      __syncthreads ();
      if (threadIdx.x < BACK_QUERIES) {
        const size_t at = q0 + threadIdx.x;
        span[threadIdx.x] = at < s.tq ? spans[at] : AxSpan { 0, 0, 0, 0 };
        its_lse[threadIdx.x] = at < s.tq ? lse[h * s.tq + at] : 0;
        its_delta[threadIdx.x] = at < s.tq ? delta[h * s.tq + at] : 0;
      }
      mma_load_both<HD, BACK_QUERIES> (q + h * s.hd, s.ldq, q0, s.tq, qs, qt);
      mma_load_both<HD, BACK_QUERIES> (dout + h * s.hd, s.ldo, q0, s.tq, gs, gt);
      __syncthreads ();
      float score[2][4], dp[2][4];
      AX_UNROLL
      for (int n = 0; n < 2; n++)
        AX_UNROLL
        for (int j = 0; j < 4; j++)
          score[n][j] = dp[n][j] = 0;
      for (unsigned c = 0; c < HD; c += 16) {
        unsigned a[4], b[2];
        mma_words_a (ks + row * wide + c + 2 * t, wide, a);
        AX_UNROLL
        for (int n = 0; n < 2; n++) {
          mma_words_b (qs + (half * 16 + n * 8 + g) * wide + c + 2 * t, b);
          mma_bf16 (score[n], a, b);
        }
        mma_words_a (vs + row * wide + c + 2 * t, wide, a);
        AX_UNROLL
        for (int n = 0; n < 2; n++) {
          mma_words_b (gs + (half * 16 + n * 8 + g) * wide + c + 2 * t, b);
          mma_bf16 (dp[n], a, b);
        }
      }
      AX_UNROLL
      for (int n = 0; n < 2; n++)
        AX_UNROLL
        for (int r = 0; r < 2; r++) {
          const unsigned query = half * 16 + n * 8 + 2 * t, key = row + 8 * r;
          float p[2], d[2];
          AX_UNROLL
          for (int j = 0; j < 2; j++) {
            const bool seen = sees_key (span[query + j], (int) (k0 + key));
            p[j] = seen ? expf (score[n][2 * r + j] * s.scale - its_lse[query + j]) : 0;
            d[j] = p[j] * (dp[n][2 * r + j] - its_delta[query + j]) * s.scale;
          }
          *(unsigned *) (ps + key * narrow + query) = bf16_pair (p[0], p[1]);
          *(unsigned *) (ds + key * narrow + query) = bf16_pair (d[0], d[1]);
        }
      __syncthreads ();
      AX_UNROLL
      for (int c = 0; c < BACK_QUERIES; c += 16) {
        unsigned p[4], d[4], b[2];
        mma_words_a (ps + row * narrow + c + 2 * t, narrow, p);
        mma_words_a (ds + row * narrow + c + 2 * t, narrow, d);
        AX_UNROLL
        for (int i = 0; i < HD / 16; i++) {
          const unsigned column = half * (HD / 2) + i * 8 + g;
          mma_words_b (gt + column * narrow + c + 2 * t, b);
          mma_bf16 (gv[i], p, b);
          mma_words_b (qt + column * narrow + c + 2 * t, b);
          mma_bf16 (gk[i], d, b);
        }
      }
    }
  }
  AX_UNROLL
  for (int r = 0; r < 2; r++) {
    const size_t at = k0 + row + 8 * r;
    if (at >= s.tk)
      continue;
    const size_t to = (blockIdx.z * s.tk + at) * s.kv_heads * s.hd + kh * s.hd + half * (HD / 2) + 2 * t;
    AX_UNROLL
    for (int i = 0; i < HD / 16; i++)
      AX_UNROLL
      for (int j = 0; j < 2; j++) {
        dk_part[to + i * 8 + j] = gk[i][2 * r + j];
        dv_part[to + i * 8 + j] = gv[i][2 * r + j];
      }
  }
}

/* to[tk, columns] (rows ld apart) += the pieces' sums, in their order */
__global__ void
span_add_pieces_kernel (size_t tk, size_t columns, size_t pieces, const float *part, size_t ld, float *to)
{
  const size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x, n = tk * columns;
  if (i >= n)
    return;
  float sum = 0;
  for (size_t p = 0; p < pieces; p++)
    sum += part[p * n + i];
  to[i / columns * ld + i % columns] += sum;
}

/* How many blocks share the queries of one tile of keys: by the shape alone. */
static size_t
pieces_of (const AxSpanShape *s)
{
  const size_t blocks = (s->tk + BACK_KEYS - 1) / BACK_KEYS * s->kv_heads, tiles = (s->tq + BACK_QUERIES - 1) / BACK_QUERIES;
  const size_t wanted = blocks < 256 ? (256 + blocks - 1) / blocks : 1, most = tiles < 8 ? tiles : 8;
  return wanted < most ? wanted : most;
}

static size_t
reach_bytes (const AxSpanShape *s)
{
  return ((s->tq + BACK_QUERIES - 1) / BACK_QUERIES * sizeof (AxSpan) + 255) / 256 * 256;
}

template <int HD> static void
launch (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, const float *lse, const float *delta, const float *dout, float *dq,
        float *dk, float *dv, void *scratch)
{
  const size_t columns = s->kv_heads * s->hd, pieces = pieces_of (s), part = pieces * s->tk * columns;
  AxSpan *reach = (AxSpan *) scratch;
  float *dk_part = (float *) ((char *) scratch + reach_bytes (s)), *dv_part = dk_part + part;
  const size_t dq_shared = ((2 * QUERIES + 2 * KEYS) * (HD + PAD) + HD * (KEYS + PAD)) * sizeof (uint16_t);
  const size_t dkv_shared = ((2 * BACK_KEYS + 2 * BACK_QUERIES) * (HD + PAD) + (2 * HD + 2 * BACK_KEYS) * (BACK_QUERIES + PAD)) * sizeof (uint16_t);
  AX_ALLOW_SHARED (span_dq_mma_kernel<HD>, dq_shared);
  AX_ALLOW_SHARED (span_dkv_mma_kernel<HD>, dkv_shared);
  AX_LAUNCH (span_reach_kernel, ax_blocks (s->tq, BACK_QUERIES), 32, 0, *s, spans, reach);
  AX_LAUNCH ((span_dq_mma_kernel<HD>), dim3 (ax_blocks (s->tq, QUERIES), (unsigned) s->heads), WARPS * 32, dq_shared, *s, spans, (const AxSpan *) reach, q, k, v, lse, delta,
             dout, dq);
  AX_LAUNCH ((span_dkv_mma_kernel<HD>), dim3 (ax_blocks (s->tk, BACK_KEYS), (unsigned) s->kv_heads, (unsigned) pieces), BACK_WARPS * 32, dkv_shared, *s, spans,
             (const AxSpan *) reach, q, k, v, lse, delta, dout, dk_part, dv_part);
  AX_LAUNCH (span_add_pieces_kernel, ax_blocks (s->tk * columns, 256), 256, 0, s->tk, columns, pieces, (const float *) dk_part, s->ldk, dk);
  AX_LAUNCH (span_add_pieces_kernel, ax_blocks (s->tk * columns, 256), 256, 0, s->tk, columns, pieces, (const float *) dv_part, s->ldv, dv);
}

size_t ax_cuda_span_backward_mma_scratch (const AxSpanShape *s);
void ax_cuda_span_backward_mma (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, const float *lse, const float *delta,
                                const float *dout, float *dq, float *dk, float *dv, void *scratch);

/* Bytes that the call below needs; 0: no such kernel for these heads. */
size_t
ax_cuda_span_backward_mma_scratch (const AxSpanShape *s)
{
  if (s->hd != 32 && s->hd != 64 && s->hd != 96 && s->hd != 128 && s->hd != 256)
    return 0;
  return reach_bytes (s) + 2 * pieces_of (s) * s->tk * s->kv_heads * s->hd * sizeof (float);
}

/* delta [heads, tq]: the sum over a head's columns of dout out. */
void
ax_cuda_span_backward_mma (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, const float *lse, const float *delta,
                           const float *dout, float *dq, float *dk, float *dv, void *scratch)
{
  switch (s->hd) {
  case 32:
    launch<32> (s, spans, q, k, v, lse, delta, dout, dq, dk, dv, scratch);
    break;
  case 64:
    launch<64> (s, spans, q, k, v, lse, delta, dout, dq, dk, dv, scratch);
    break;
  case 96:
    launch<96> (s, spans, q, k, v, lse, delta, dout, dq, dk, dv, scratch);
    break;
  case 128:
    launch<128> (s, spans, q, k, v, lse, delta, dout, dq, dk, dv, scratch);
    break;
  case 256:
    launch<256> (s, spans, q, k, v, lse, delta, dout, dq, dk, dv, scratch);
    break;
  }
}
