/* span_bf16.c: attention over spans with products in bfloat16 (contract: kernels.h, AxSpanShape.bf16; the float32 version: span_attention.c).
 *
 * Keys and values are rounded and packed once for all heads that share them. Forward: a piece is a block of queries of one head; scores stand as
 * [queries, keys]. Backward: scores stand as [keys, queries], so that probabilities and their gradients are at once the row-major factors of dv and dk,
 * and, packed by pairs of keys, the other factor of dq, which is summed transposed. */
#include "kernels/cpu/bf16.h"
#include "kernels/cpu/span_attention.h"

#include <math.h>
#include <string.h>

#define PANEL AX_BF16_COLUMNS
#define QUERIES 96 /* of a forward piece: whole steps of the product's 6 rows */
#define KEYS 256   /* of a forward tile, on multiples of PANEL */
#define TILE 192   /* keys of a backward tile */

typedef struct {
  const AxKernelTable *t;
  const AxSpanShape *s;
  const AxSpan *spans;
  const float *q, *k, *v, *lse_in, *out_in, *dout;
  float *lse, *out, *dq;
  size_t keys;                       /* tk, rounded up to whole panels */
  uint32_t *key_panels;              /* forward: [kv_heads][keys / PANEL][hd / 2][PANEL] */
  uint32_t *value_panels;            /* forward: [kv_heads][hd / PANEL][keys / 2][PANEL] */
  uint16_t *key_rows, *value_rows;   /* backward: [kv_heads][tk][hd] */
  uint16_t *key_columns;             /* backward: [kv_heads][hd][keys] */
  AxSpanCut cut;
} Args;

static size_t
column_panels (const AxSpanShape *s)
{
  return (s->hd + PANEL - 1) / PANEL;
}

static void
round_rows (size_t rows, size_t n, const float *x, size_t ldx, uint16_t *y)
{
  for (size_t r = 0; r < rows; r++)
    ax_bf16_from_f32 (n, x + r * ldx, y + r * n);
}

/* ---- forward ---- */

/* A piece is PANEL keys of one key head. */
static void
pack_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxSpanShape *s = g->s;
  uint16_t *room = ax_scratch (AX_SCRATCH_PIECE, PANEL * s->hd * sizeof *room);
  for (size_t piece = begin; piece < end; piece++) {
    const size_t across = g->keys / PANEL, kv = piece / across, first = piece % across * PANEL, n = s->tk - first < PANEL ? s->tk - first : PANEL;
    round_rows (n, s->hd, g->k + first * s->ldk + kv * s->hd, s->ldk, room);
    ax_bf16_panel_rows (n, s->hd, room, s->hd, g->key_panels + (kv * across + first / PANEL) * s->hd / 2 * PANEL);
    round_rows (n, s->hd, g->v + first * s->ldv + kv * s->hd, s->ldv, room);
    memset (room + n * s->hd, 0, (PANEL - n) * s->hd * sizeof *room); /* keys past the end weigh nothing, but must be finite */
    for (size_t c = 0; c < column_panels (s); c++)
      ax_bf16_panel_columns (s->hd - c * PANEL < PANEL ? s->hd - c * PANEL : PANEL, PANEL, room + c * PANEL, s->hd,
                             g->value_panels + ((kv * column_panels (s) + c) * g->keys + first) / 2 * PANEL);
  }
}

static void
forward_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxSpanShape *s = g->s;
  float *scores = ax_scratch (AX_SCRATCH_PIECE, QUERIES * KEYS * (sizeof (float) + sizeof (uint16_t)) + QUERIES * s->hd * sizeof (uint16_t));
  uint16_t *p = (uint16_t *) (scores + QUERIES * KEYS), *q = p + QUERIES * KEYS;
  for (size_t piece = begin; piece < end; piece++) {
    const size_t head = piece % s->heads, first = piece / s->heads * QUERIES, kv = head / (s->heads / s->kv_heads);
    const size_t rows = s->tq - first < QUERIES ? s->tq - first : QUERIES;
    float *out = g->out + first * s->ldo + head * s->hd, top[QUERIES], sum[QUERIES];
    size_t range[2][2];
    round_rows (rows, s->hd, g->q + first * s->ldq + head * s->hd, s->ldq, q);
    for (size_t r = 0; r < rows; r++) {
      top[r] = -INFINITY;
      sum[r] = 0;
      memset (out + r * s->ldo, 0, s->hd * sizeof *out);
    }
    int ranges = ax_span_ranges (g->spans + first, rows, range);
    for (int i = 0; i < ranges; i++) { /* outwards to whole panels; two that meet there become one */
      range[i][0] -= range[i][0] % PANEL;
      range[i][1] = (range[i][1] + PANEL - 1) / PANEL * PANEL;
    }
    if (ranges == 2 && range[1][0] <= range[0][1]) {
      range[0][1] = range[1][1] > range[0][1] ? range[1][1] : range[0][1];
      ranges = 1;
    }
    for (int i = 0; i < ranges; i++)
      for (size_t key = range[i][0]; key < range[i][1]; key += KEYS) {
        const size_t n = range[i][1] - key < KEYS ? range[i][1] - key : KEYS;
        for (size_t c = 0; c < n; c += PANEL)
          ax_bf16_product (rows, PANEL, s->hd / 2, q, s->hd, g->key_panels + (kv * g->keys + key + c) * s->hd / 2, false, scores + c, n);
        g->t->span_softmax (rows, n, key, s->scale, g->spans + first, scores, top, sum, s->hd, s->ldo, out);
        ax_bf16_from_f32 (rows * n, scores, p);
        for (size_t c = 0; c < column_panels (s); c++)
          ax_bf16_product (rows, s->hd - c * PANEL < PANEL ? s->hd - c * PANEL : PANEL, n / 2, p, n,
                           g->value_panels + ((kv * column_panels (s) + c) * g->keys + key) / 2 * PANEL, true, out + c * PANEL, s->ldo);
      }
    for (size_t r = 0; r < rows; r++) {
      if (sum[r] > 0)
        g->t->scale (s->hd, 1 / sum[r], out + r * s->ldo);
      if (g->lse)
        g->lse[head * s->tq + first + r] = sum[r] > 0 ? (float) ((double) top[r] + log ((double) sum[r])) : -INFINITY;
    }
  }
}

void
ax_span_bf16_forward (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, float *lse, float *out)
{
  Args g = { .t = ax_table (), .s = s, .spans = spans, .q = q, .k = k, .v = v, .lse = lse, .out = out, .keys = (s->tk + PANEL - 1) / PANEL * PANEL };
  const size_t key_size = s->kv_heads * g.keys * s->hd / 2;
  g.key_panels = ax_scratch (AX_SCRATCH_CALLER, (key_size + s->kv_heads * g.keys / 2 * column_panels (s) * PANEL) * sizeof (uint32_t));
  g.value_panels = g.key_panels + key_size;
  ax_parallel_for (s->kv_heads * g.keys / PANEL, 1, pack_piece, &g);
  ax_parallel_for ((s->tq + QUERIES - 1) / QUERIES * s->heads, 1, forward_piece, &g);
}

/* ---- backward ---- */

/* A piece is one run of PANEL keys of one key head. */
static void
round_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxSpanShape *s = g->s;
  for (size_t piece = begin; piece < end; piece++) {
    const size_t across = g->keys / PANEL, kv = piece / across, first = piece % across * PANEL, n = s->tk - first < PANEL ? s->tk - first : PANEL;
    uint16_t *key = g->key_rows + (kv * s->tk + first) * s->hd;
    round_rows (n, s->hd, g->k + first * s->ldk + kv * s->hd, s->ldk, key);
    round_rows (n, s->hd, g->v + first * s->ldv + kv * s->hd, s->ldv, g->value_rows + (kv * s->tk + first) * s->hd);
    for (size_t c = 0; c < s->hd; c++)
      for (size_t i = 0; i < PANEL; i++)
        g->key_columns[(kv * s->hd + c) * g->keys + first + i] = i < n ? key[i * s->hd + c] : 0;
  }
}

typedef struct {
  float scores[TILE * PANEL], ds[TILE * PANEL], dq[256 * PANEL];
  uint16_t p16[TILE * PANEL], ds16[TILE * PANEL], q[PANEL * 256], dout[PANEL * 256];
  uint32_t q_panel[128 * PANEL], dout_panel[128 * PANEL];                   /* columns are queries, pairs of hd */
  uint32_t q_columns[4 * PANEL / 2 * PANEL], dout_columns[4 * PANEL / 2 * PANEL]; /* columns of hd, pairs of queries */
  uint32_t ds_panel[TILE / 2 * PANEL];                                      /* columns are queries, pairs of keys */
} Room;

static void
pack_block (const AxSpanShape *s, size_t rows, const float *x, size_t ldx, uint16_t *rounded, uint32_t *panel, uint32_t *columns)
{
  round_rows (rows, s->hd, x, ldx, rounded);
  ax_bf16_panel_rows (rows, s->hd, rounded, s->hd, panel);
  for (size_t c = 0; c < column_panels (s); c++)
    ax_bf16_panel_columns (s->hd - c * PANEL < PANEL ? s->hd - c * PANEL : PANEL, rows, rounded + c * PANEL, s->hd, columns + c * PANEL / 2 * PANEL);
}

static void
backward_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxSpanShape *s = g->s;
  const AxSpanCut *cut = &g->cut;
  Room *room = ax_scratch (AX_SCRATCH_PIECE, sizeof *room);
  for (size_t piece = begin; piece < end; piece++) {
    const size_t head = piece / cut->shares, share = piece % cut->shares, low = cut->low[share], width = cut->high[share] - low;
    const size_t kv = head / (s->heads / s->kv_heads);
    float *dk = cut->partial + piece * 2 * cut->most * s->hd, *dv = dk + cut->most * s->hd;
    memset (dk, 0, width * s->hd * sizeof *dk);
    memset (dv, 0, width * s->hd * sizeof *dv);
    const size_t last = (share + 1) * cut->queries < s->tq ? (share + 1) * cut->queries : s->tq;
    for (size_t first = share * cut->queries; first < last; first += PANEL) {
      const size_t rows = last - first < PANEL ? last - first : PANEL;
      const float *dout = g->dout + first * s->ldo + head * s->hd, *out = g->out_in + first * s->ldo + head * s->hd;
      float dot[PANEL] = { 0 }, lse[PANEL] = { 0 };
      size_t range[2][2];
      for (size_t r = 0; r < rows; r++) {
        dot[r] = g->t->dot (s->hd, out + r * s->ldo, dout + r * s->ldo);
        lse[r] = g->lse_in[head * s->tq + first + r];
      }
      pack_block (s, rows, g->q + first * s->ldq + head * s->hd, s->ldq, room->q, room->q_panel, room->q_columns);
      pack_block (s, rows, dout, s->ldo, room->dout, room->dout_panel, room->dout_columns);
      memset (room->dq, 0, s->hd * PANEL * sizeof *room->dq);
      const int ranges = ax_span_ranges (g->spans + first, rows, range);
      for (int i = 0; i < ranges; i++)
        for (size_t key = range[i][0] & ~(size_t) 1; key < range[i][1]; key += TILE) { /* pairs of keys start at even ones */
          const size_t n = range[i][1] - key < TILE ? range[i][1] - key : TILE, at = kv * s->tk + key;
          ax_bf16_product (n, PANEL, s->hd / 2, g->key_rows + at * s->hd, s->hd, room->q_panel, false, room->scores, PANEL);
          ax_bf16_product (n, PANEL, s->hd / 2, g->value_rows + at * s->hd, s->hd, room->dout_panel, false, room->ds, PANEL);
          ax_bf16_span_gradient (n, key, rows, s->scale, g->spans + first, lse, dot, room->scores, room->ds, room->p16, room->ds16);
          const size_t skip = key < low ? low - key : 0; /* the even key before the first */
          for (size_t c = 0; c < column_panels (s); c++) {
            const size_t columns = s->hd - c * PANEL < PANEL ? s->hd - c * PANEL : PANEL, to = (key + skip - low) * s->hd + c * PANEL;
            ax_bf16_product (n - skip, columns, (rows + 1) / 2, room->p16 + skip * PANEL, PANEL, room->dout_columns + c * PANEL / 2 * PANEL, true,
                             dv + to, s->hd);
            ax_bf16_product (n - skip, columns, (rows + 1) / 2, room->ds16 + skip * PANEL, PANEL, room->q_columns + c * PANEL / 2 * PANEL, true,
                             dk + to, s->hd);
          }
          ax_bf16_panel_columns (PANEL, n, room->ds16, PANEL, room->ds_panel);
          ax_bf16_product (s->hd, PANEL, (n + 1) / 2, g->key_columns + kv * s->hd * g->keys + key, g->keys, room->ds_panel, true, room->dq, PANEL);
        }
      float *dq = g->dq + first * s->ldq + head * s->hd;
      for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < s->hd; c++)
          dq[r * s->ldq + c] += room->dq[c * PANEL + r];
    }
  }
}

void
ax_span_bf16_backward (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, const float *out,
                       const float *lse, const float *dout, float *dq, float *dk, float *dv)
{
  Args g = { .t = ax_table (), .s = s, .spans = spans, .q = q, .k = k, .v = v, .out_in = out, .lse_in = lse, .dout = dout, .dq = dq,
             .keys = (s->tk + PANEL - 1) / PANEL * PANEL };
  const size_t rows = s->kv_heads * s->tk * s->hd;
  g.key_rows = ax_scratch (AX_SCRATCH_CALLER, (2 * rows + s->kv_heads * s->hd * g.keys) * sizeof (uint16_t));
  g.value_rows = g.key_rows + rows;
  g.key_columns = g.value_rows + rows;
  ax_span_cut (&g.cut, s, spans, PANEL, dk, dv);
  ax_parallel_for (s->kv_heads * g.keys / PANEL, 1, round_piece, &g);
  ax_parallel_for (s->heads * g.cut.shares, 1, backward_piece, &g);
  ax_span_sum_partial (&g.cut);
}
