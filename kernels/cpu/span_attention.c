/* span_attention.c: attention in which each query sees at most two runs of keys, forward and backward, without a matrix of all scores.
 *
 * Work is cut into blocks of queries, forward of all heads that share keys, backward of one head. A block walks over tiles of keys that any of its queries sees;
 * forward keeps the running maximum, sum and output of each query (online softmax), backward recomputes the probabilities of a tile from the stored log of the sum. Gradients of
 * keys and values are sums over queries: a piece of the backward pass is a fixed share of one head's queries with partial sums of its own, which are
 * added in the order of the pieces. */
#include "kernels/cpu/span_attention.h"
#include "kernels/cpu/bf16.h"
#include "kernels/cpu/gemm.h"

#include <math.h>
#include <string.h>

#define QUERIES 64
#define KEYS 128

typedef struct {
  const AxKernelTable *t;
  const AxSpanShape *s;
  const AxSpan *spans;
  const float *q, *k, *v, *lse_in, *out_in, *dout;
  float *lse, *out, *dq;
  AxSpanCut cut;
} Args;

/* ---- what both versions share ---- */

int
ax_span_ranges (const AxSpan *spans, size_t n, size_t range[2][2])
{
  size_t lo[2] = { SIZE_MAX, SIZE_MAX }, hi[2] = { 0, 0 };
  for (size_t i = 0; i < n; i++) {
    const int32_t ends[2][2] = { { spans[i].a0, spans[i].a1 }, { spans[i].b0, spans[i].b1 } };
    for (int p = 0; p < 2; p++)
      if (ends[p][0] < ends[p][1]) {
        lo[p] = (size_t) ends[p][0] < lo[p] ? (size_t) ends[p][0] : lo[p];
        hi[p] = (size_t) ends[p][1] > hi[p] ? (size_t) ends[p][1] : hi[p];
      }
  }
  int count = 0;
  for (int p = 0; p < 2; p++)
    if (lo[p] < hi[p]) {
      range[count][0] = lo[p];
      range[count++][1] = hi[p];
    }
  if (count == 2 && range[0][0] > range[1][0]) {
    const size_t t[2] = { range[0][0], range[0][1] };
    memcpy (range[0], range[1], sizeof t);
    memcpy (range[1], t, sizeof t);
  }
  if (count == 2 && range[1][0] <= range[0][1]) {
    range[0][1] = range[1][1] > range[0][1] ? range[1][1] : range[0][1];
    count = 1;
  }
  return count;
}

void
ax_span_cut (AxSpanCut *cut, const AxSpanShape *s, const AxSpan *spans, size_t block, float *dk, float *dv)
{
  const size_t blocks = (s->tq + block - 1) / block, want = (AX_SPAN_PIECES + s->heads - 1) / s->heads;
  *cut = (AxSpanCut) { .t = ax_table (), .s = s, .dk = dk, .dv = dv };
  cut->queries = (blocks + want - 1) / want * block;
  cut->shares = cut->queries ? (s->tq + cut->queries - 1) / cut->queries : 0;
  for (size_t i = 0; i < cut->shares; i++) {
    size_t range[2][2];
    const size_t first = i * cut->queries, n = s->tq - first < cut->queries ? s->tq - first : cut->queries;
    const int ranges = ax_span_ranges (spans + first, n, range);
    cut->low[i] = ranges ? range[0][0] : 0;
    cut->high[i] = ranges ? range[ranges - 1][1] : 0;
    if (ranges == 2 && range[0][1] > cut->high[i])
      cut->high[i] = range[0][1];
    cut->most = cut->high[i] - cut->low[i] > cut->most ? cut->high[i] - cut->low[i] : cut->most;
  }
  cut->partial = ax_scratch (AX_SCRATCH_PARTIAL, (s->heads * cut->shares * 2 * cut->most * s->hd + 1) * sizeof (float));
}

static void
sum_piece (void *ctx, size_t begin, size_t end)
{
  const AxSpanCut *g = ctx;
  const AxSpanShape *s = g->s;
  for (size_t piece = 0; piece < s->heads * g->shares; piece++) {
    const size_t share = piece % g->shares, low = g->low[share], kv = piece / g->shares / (s->heads / s->kv_heads) * s->hd;
    const float *dk = g->partial + piece * 2 * g->most * s->hd, *dv = dk + g->most * s->hd;
    for (size_t key = begin > low ? begin : low; key < end && key < g->high[share]; key++) {
      g->t->axpy (s->hd, 1, dk + (key - low) * s->hd, g->dk + key * s->ldk + kv);
      g->t->axpy (s->hd, 1, dv + (key - low) * s->hd, g->dv + key * s->ldv + kv);
    }
  }
}

void
ax_span_sum_partial (AxSpanCut *cut)
{
  ax_parallel_for (cut->s->tk, 64, sum_piece, cut);
}

/* ---- forward ---- */

/* Queries of a block: of all the heads that share keys, ROWS rows together, so that a tile of keys and values is packed once for them all and few queries share the
 * edge of a window. A lone head's block is as large as backward's. */
#define ROWS 128
static size_t
block_of (const AxSpanShape *s)
{
  const size_t n = ROWS / (s->heads / s->kv_heads);
  return n > QUERIES ? QUERIES : n < 16 ? 16 : n;
}

static void
forward_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxSpanShape *s = g->s;
  const size_t group = s->heads / s->kv_heads, block = block_of (s), most = block * group;
  float *scores = ax_scratch (AX_SCRATCH_PIECE, most * (KEYS + 2 * s->hd + 2) * sizeof *scores + most * sizeof (AxSpan));
  float *q = scores + most * KEYS, *out = q + most * s->hd, *top = out + most * s->hd, *sum = top + most;
  AxSpan *spans = (AxSpan *) (void *) (sum + most);
  for (size_t piece = begin; piece < end; piece++) {
    const size_t kv = piece % s->kv_heads, first = piece / s->kv_heads * block, at = kv * s->hd;
    const size_t n_queries = s->tq - first < block ? s->tq - first : block, rows = n_queries * group;
    size_t range[2][2];
    for (size_t r = 0; r < rows; r++) { /* a query's heads follow each other */
      memcpy (q + r * s->hd, g->q + (first + r / group) * s->ldq + (kv * group + r % group) * s->hd, s->hd * sizeof *q);
      spans[r] = g->spans[first + r / group];
      top[r] = -INFINITY;
      sum[r] = 0;
    }
    memset (out, 0, rows * s->hd * sizeof *out);
    const int ranges = ax_span_ranges (g->spans + first, n_queries, range);
    for (int i = 0; i < ranges; i++)
      for (size_t key = range[i][0]; key < range[i][1]; key += KEYS) {
        const size_t n = range[i][1] - key < KEYS ? range[i][1] - key : KEYS;
        ax_gemm_serial (false, true, rows, n, s->hd, 1, q, s->hd, g->k + key * s->ldk + at, s->ldk, 0, scores, n);
        g->t->span_softmax (rows, n, key, s->scale, spans, scores, top, sum, s->hd, s->hd, out);
        ax_gemm_serial (false, false, rows, s->hd, n, 1, scores, n, g->v + key * s->ldv + at, s->ldv, 1, out, s->hd);
      }
    for (size_t r = 0; r < rows; r++) {
      const size_t query = first + r / group, head = kv * group + r % group;
      if (sum[r] > 0)
        g->t->scale (s->hd, 1 / sum[r], out + r * s->hd);
      memcpy (g->out + query * s->ldo + head * s->hd, out + r * s->hd, s->hd * sizeof *out);
      if (g->lse)
        g->lse[head * s->tq + query] = sum[r] > 0 ? (float) ((double) top[r] + log ((double) sum[r])) : -INFINITY;
    }
  }
}

void
ax_span_attention_forward (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, float *lse, float *out)
{
  if (s->bf16 && s->hd % 32 == 0 && ax_bf16_ready ()) {
    ax_span_bf16_forward (s, spans, q, k, v, lse, out);
    return;
  }
  Args g = { .t = ax_table (), .s = s, .spans = spans, .q = q, .k = k, .v = v, .lse = lse, .out = out };
  ax_parallel_for ((s->tq + block_of (s) - 1) / block_of (s) * s->kv_heads, 1, forward_piece, &g);
}

/* ---- backward ---- */

static void
backward_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxSpanShape *s = g->s;
  const AxSpanCut *cut = &g->cut;
  float *scores = ax_scratch (AX_SCRATCH_PIECE, 2 * QUERIES * KEYS * sizeof *scores), *ds = scores + QUERIES * KEYS;
  for (size_t piece = begin; piece < end; piece++) {
    const size_t head = piece / cut->shares, share = piece % cut->shares, low = cut->low[share], width = cut->high[share] - low;
    const size_t kv = head / (s->heads / s->kv_heads) * s->hd;
    float *dk = cut->partial + piece * 2 * cut->most * s->hd, *dv = dk + cut->most * s->hd;
    memset (dk, 0, width * s->hd * sizeof *dk);
    memset (dv, 0, width * s->hd * sizeof *dv);
    const size_t last = (share + 1) * cut->queries < s->tq ? (share + 1) * cut->queries : s->tq;
    for (size_t first = share * cut->queries; first < last; first += QUERIES) {
      const size_t rows = last - first < QUERIES ? last - first : QUERIES;
      const float *q = g->q + first * s->ldq + head * s->hd, *dout = g->dout + first * s->ldo + head * s->hd;
      const float *out = g->out_in + first * s->ldo + head * s->hd;
      float dot[QUERIES];
      size_t range[2][2];
      for (size_t r = 0; r < rows; r++)
        dot[r] = g->t->dot (s->hd, out + r * s->ldo, dout + r * s->ldo);
      const int ranges = ax_span_ranges (g->spans + first, rows, range);
      for (int i = 0; i < ranges; i++)
        for (size_t key = range[i][0]; key < range[i][1]; key += KEYS) {
          const size_t n = range[i][1] - key < KEYS ? range[i][1] - key : KEYS;
          const float *k = g->k + key * s->ldk + kv, *v = g->v + key * s->ldv + kv;
          ax_gemm_serial (false, true, rows, n, s->hd, 1, q, s->ldq, k, s->ldk, 0, scores, n);
          ax_gemm_serial (false, true, rows, n, s->hd, 1, dout, s->ldo, v, s->ldv, 0, ds, n);
          g->t->span_gradient (rows, n, key, s->scale, g->spans + first, g->lse_in + head * s->tq + first, dot, scores, ds);
          ax_gemm_serial (true, false, n, s->hd, rows, 1, scores, n, dout, s->ldo, 1, dv + (key - low) * s->hd, s->hd);
          ax_gemm_serial (true, false, n, s->hd, rows, 1, ds, n, q, s->ldq, 1, dk + (key - low) * s->hd, s->hd);
          ax_gemm_serial (false, false, rows, s->hd, n, 1, ds, n, k, s->ldk, 1, g->dq + first * s->ldq + head * s->hd, s->ldq);
        }
    }
  }
}

void
ax_span_attention_backward (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, const float *out,
                            const float *lse, const float *dout, float *dq, float *dk, float *dv)
{
  if (s->bf16 && s->hd % 32 == 0 && ax_bf16_ready ()) {
    ax_span_bf16_backward (s, spans, q, k, v, out, lse, dout, dq, dk, dv);
    return;
  }
  Args g = { .t = ax_table (), .s = s, .spans = spans, .q = q, .k = k, .v = v, .out_in = out, .lse_in = lse, .dout = dout, .dq = dq };
  ax_span_cut (&g.cut, s, spans, QUERIES, dk, dv);
  ax_parallel_for (s->heads * g.cut.shares, 1, backward_piece, &g);
  ax_span_sum_partial (&g.cut);
}
