/* cache_attention.c: a few queries against keys and values kept in a storage type (decoding over a KV cache).
 *
 * A piece is a run of at most 256 of the keys that one query sees, for one key head and all query heads that share it, so that keys and values are read
 * once. Each piece leaves the maximum, the sum and the unscaled output of its run; the runs are joined in their order. */
#include "kernels/cpu/parallel.h"

#include <math.h>
#include <string.h>

#define RUN 256
#define CHUNK 8 /* keys between which their values are fetched */

typedef struct {
  const AxKernelTable *t;
  const AxSpanShape *s;
  const AxSpan *spans;
  const float *q;
  AxKvType type;
  const void *k, *v;
  float *out, *partial; /* [tq][kv_heads][runs][group] of { top, sum, out[hd] } */
  size_t runs, group;
} Args;

static const void *
row (const Args *g, const void *data, size_t at)
{
  return g->type == AX_KV_F32 ? (const void *) ((const float *) data + at) : (const void *) ((const uint16_t *) data + at);
}

static size_t
visible (const AxSpan *p)
{
  return (size_t) (p->a1 - p->a0) + (size_t) (p->b1 - p->b0);
}

/* The keys that a span shows, counted from its first: of [from, to) the first ones that lie together. Returns how many, and where. */
static size_t
together (const AxSpan *p, size_t from, size_t to, size_t *key)
{
  const size_t first = (size_t) (p->a1 - p->a0);
  *key = from < first ? (size_t) p->a0 + from : (size_t) p->b0 + (from - first);
  return (from < first && to > first ? first : to) - from;
}

static void
run_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxSpanShape *s = g->s;
  float *scores = ax_scratch (AX_SCRATCH_PIECE, g->group * RUN * sizeof *scores);
  for (size_t piece = begin; piece < end; piece++) {
    const size_t run = piece % g->runs, kv = piece / g->runs % s->kv_heads, query = piece / g->runs / s->kv_heads;
    const AxSpan *span = g->spans + query;
    const size_t seen = visible (span), first = run * RUN, n = first >= seen ? 0 : seen - first < RUN ? seen - first : RUN;
    float *partial = g->partial + piece * g->group * (s->hd + 2);
    const float *q = g->q + query * s->ldq + kv * g->group * s->hd;
    for (size_t j = 0, key, count; j < n; j += count) {
      count = together (span, first + j, first + n, &key);
      count = count < CHUNK ? count : CHUNK;
      for (size_t i = 0; i < count; i++) /* the values' turn comes next, column by column: no order that the machine would guess */
        for (size_t at = 0; at < s->hd; at += g->type == AX_KV_F32 ? 16 : 32)
          __builtin_prefetch (row (g, g->v, (key + i) * s->ldv + kv * s->hd + at), 0, 2);
      g->t->cache_scores (g->type, count, s->hd, g->group, q, row (g, g->k, key * s->ldk + kv * s->hd), s->ldk, s->scale, scores + j, RUN);
    }
    for (size_t h = 0; h < g->group; h++) {
      float *p = partial + h * (s->hd + 2);
      p[0] = g->t->max_value (n, scores + h * RUN);
      g->t->softmax_scaled (n, scores + h * RUN, p[0], 1, scores + h * RUN);
      p[1] = 0;
      for (size_t j = 0; j < n; j++)
        p[1] += scores[h * RUN + j];
      memset (p + 2, 0, s->hd * sizeof *p);
    }
    for (size_t j = 0, key, count; j < n; j += count) {
      count = together (span, first + j, first + n, &key);
      g->t->cache_values (g->type, count, s->hd, g->group, scores + j, RUN, row (g, g->v, key * s->ldv + kv * s->hd), s->ldv, partial + 2, s->hd + 2);
    }
  }
}

static void
join (const Args *g, size_t query, size_t head)
{
  const AxSpanShape *s = g->s;
  float *out = g->out + query * s->ldo + head * s->hd, top = -INFINITY, sum = 0;
  const size_t step = g->group * (s->hd + 2);
  const float *p = g->partial + (query * s->kv_heads + head / g->group) * g->runs * step + head % g->group * (s->hd + 2);
  memset (out, 0, s->hd * sizeof *out);
  for (size_t r = 0; r < g->runs; r++)
    top = p[r * step] > top ? p[r * step] : top;
  for (size_t r = 0; r < g->runs; r++, p += step)
    if (p[1] > 0) {
      const float weight = expf (p[0] - top);
      sum += weight * p[1];
      g->t->axpy (s->hd, weight, p + 2, out);
    }
  if (sum > 0)
    g->t->scale (s->hd, 1 / sum, out);
}

void
ax_cache_attention (const AxSpanShape *s, const AxSpan *spans, const float *q, AxKvType type, const void *k, const void *v, float *out)
{
  Args g = { .t = ax_table (), .s = s, .spans = spans, .q = q, .type = type, .k = k, .v = v, .out = out, .group = s->heads / s->kv_heads, .runs = 1 };
  for (size_t i = 0; i < s->tq; i++) {
    const size_t runs = (visible (spans + i) + RUN - 1) / RUN;
    g.runs = runs > g.runs ? runs : g.runs;
  }
  g.partial = ax_scratch (AX_SCRATCH_PARTIAL, (s->tq * s->heads * g.runs * (s->hd + 2) + 1) * sizeof (float));
  ax_parallel_for (s->tq * s->kv_heads * g.runs, 1, run_piece, &g);
  for (size_t i = 0; i < s->tq; i++)
    for (size_t h = 0; h < s->heads; h++)
      join (&g, i, h);
}
