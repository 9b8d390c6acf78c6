/* qmatrix_bf16.c: products of many rows with packed weights through bfloat16 (contract: qmatrix.h; instructions: bf16.h).
 *
 * x is rounded once for the whole product. A piece is a panel of 64 columns of the result by a run of its rows; it unpacks and packs its part of the weights
 * a depth at a time and runs over its rows. Depths, panels and runs depend on the shape alone. */
#include "kernels/cpu/bf16.h"
#include "kernels/cpu/qmatrix.h"

#include <string.h>

#define DEPTH 1024   /* terms of a sum between loads of the result: a panel of 128 KiB */
#define WIDE 8192    /* terms for which x is kept rounded: bounds the scratch where the matrix is a vocabulary */
#define PIECES 16    /* at least, where there are rows enough */
#define RUN 192      /* rows of a piece at least */

typedef struct {
  const AxKernelTable *t;
  const AxQMatrix *m;
  size_t rows, run, n, k, ldx, begin; /* the product is [rows, n] over k terms, of which [begin, begin + ldx) are in x */
  size_t terms;
  const float *source;
  size_t source_stride;
  uint16_t *x;
  float *y;
  bool transposed, add;
} Args;

/* Rows [first, first + n) and elements [begin, begin + k) of the weights in bfloat16; k is whole blocks, or ends the row. Returns where they are. */
static const uint16_t *
weights (const AxQMatrix *m, const AxKernelTable *t, size_t first, size_t n, size_t begin, size_t k, uint16_t *room, size_t *ld)
{
  if (m->type == AX_Q_BF16) {
    *ld = m->stride;
    return (const uint16_t *) m->data + first * m->stride + begin;
  }
  const size_t blocks = (k + AX_Q_BLOCK - 1) / AX_Q_BLOCK;
  *ld = blocks * AX_Q_BLOCK;
  /* DEPTH and AX_BF16_COLUMNS are whole pairs of blocks, so that `begin` starts one */
  int8_t joined[DEPTH];
  for (size_t i = 0; i < n; i++) {
    const size_t at = (first + i) * m->stride + begin;
    const int8_t *q = (const int8_t *) m->data + at;
    if (m->type == AX_Q_Q8_SPLIT) {
      t->q8_join ((blocks + 1) / 2, (const uint8_t *) m->data + at / 2, m->lower + at / 2, joined);
      q = joined;
    }
    ax_bf16_from_q8 (blocks, q, m->scale + (first + i) * m->blocks + begin / AX_Q_BLOCK, room + i * *ld);
  }
  return room;
}

static void
round_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  for (size_t r = begin; r < end; r++) {
    ax_bf16_from_f32 (g->terms, g->source + r * g->source_stride + g->begin, g->x + r * g->ldx);
    memset (g->x + r * g->ldx + g->terms, 0, (g->ldx - g->terms) * sizeof *g->x);
  }
}

static void
product_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const size_t panels = (g->n + AX_BF16_COLUMNS - 1) / AX_BF16_COLUMNS;
  uint32_t *panel = ax_scratch (AX_SCRATCH_PIECE, DEPTH / 2 * AX_BF16_COLUMNS * sizeof *panel + DEPTH * AX_BF16_COLUMNS * sizeof (uint16_t));
  uint16_t *room = (uint16_t *) (panel + DEPTH / 2 * AX_BF16_COLUMNS);
  for (size_t piece = begin; piece < end; piece++) {
    const size_t column = piece % panels * AX_BF16_COLUMNS, n = g->n - column < AX_BF16_COLUMNS ? g->n - column : AX_BF16_COLUMNS;
    const size_t row = piece / panels * g->run, rows = g->rows - row < g->run ? g->rows - row : g->run;
    for (size_t at = 0; at < g->terms; at += DEPTH) {
      const size_t depth = g->terms - at < DEPTH ? g->terms - at : DEPTH;
      size_t ld;
      if (g->transposed) {
        const uint16_t *w = weights (g->m, g->t, g->begin + at, depth, column, n, room, &ld);
        ax_bf16_panel_columns (n, depth, w, ld, panel);
      } else {
        const uint16_t *w = weights (g->m, g->t, column, n, g->begin + at, depth, room, &ld);
        ax_bf16_panel_rows (n, depth + (depth & 1), w, ld, panel); /* rows are padded with zeros to whole blocks */
      }
      ax_bf16_product (rows, n, (depth + 1) / 2, g->x + row * g->ldx + at, g->ldx, panel, g->add || at > 0, g->y + row * g->n + column, g->n);
    }
  }
}

void
ax_qmatrix_bf16 (const AxQMatrix *m, bool transposed, size_t rows, const float *x, bool add, float *y)
{
  Args g = { .t = ax_table (), .m = m, .rows = rows, .n = transposed ? m->in : m->out, .k = transposed ? m->out : m->in, .source = x, .y = y, .transposed = transposed };
  const size_t panels = (g.n + AX_BF16_COLUMNS - 1) / AX_BF16_COLUMNS, runs = (PIECES + panels - 1) / panels;
  g.source_stride = g.k;
  g.ldx = ((g.k < WIDE ? g.k : WIDE) + 31) / 32 * 32;
  g.x = ax_scratch (AX_SCRATCH_CALLER, rows * g.ldx * sizeof *g.x);
  g.run = (rows + runs - 1) / runs;
  g.run = g.run < RUN ? RUN : (g.run + 5) / 6 * 6;
  for (g.begin = 0; g.begin < g.k; g.begin += WIDE) {
    g.terms = g.k - g.begin < WIDE ? g.k - g.begin : WIDE;
    g.add = add || g.begin > 0;
    ax_parallel_for (rows, ax_row_grain (g.terms), round_piece, &g);
    ax_parallel_for ((rows + g.run - 1) / g.run * panels, 1, product_piece, &g);
  }
}
