/* qmatrix_top.c: the largest of all products of a row with a matrix, reading half of the weights (contract: kernels.h, ax_qmatrix_top()).
 *
 * With q = 16 h + l - 128 in steps of a block's scale d, the product of a row with x is
 *   sum_b d_b sum q x = sum_b d_b (16 sum h x' - 120.5 sum x') + sum_b d_b (sum (l - 7.5) x) + sum_b d_b sum (q - l + 7.5) (x - x'),
 * where x' is x rounded to int8 steps of its own blocks. The first sum is computed from the upper halves. The other two are bounded block by block with the
 * inequality of Cauchy and Schwarz: the second by |l - 7.5| |x_b| after the few largest x of the block, for which |l - 7.5| <= 7.5 is the better
 * bound, are taken out; the third by |16 h - 120.5| |x_b - x'_b|. Of both lengths the row keeps the largest over its blocks (AxSpread).
 * Rows whose value and bound together stay below the exact value of the best row cannot be the largest.
 *
 * Measured with the head of Gemma 3 270M (262,144 x 640) on 16 states of a report's text: 47 to 19,423 rows are finished, half of the time fewer than 2,600
 * (without taking large x out and with one length for all rows it was 12,000). One Zen 5 core beside other work: 3.6 ms against 6.2 for all rows, with
 * AVX2 code 4.5 against 7.7. */
#include "kernels/cpu/qmatrix.h"

#include <math.h>
#include <string.h>

#define TYPICAL_SPREAD 26 /* 4.6 sqrt(32), of evenly spread lower halves; only tightness depends on it */
#define AHEAD 4
#define GRAIN 256 /* rows of a piece: about 90 KB of upper halves at width 640 */

typedef struct {
  const AxKernelTable *t;
  const AxQMatrix *m;
  AxScreen screen;
  const float *x;    /* whole blocks */
  float *y, *top;    /* [out] */
  float *best;       /* of each piece */
  size_t *finished;  /* rows, of each piece */
  float limit;
} Args;

static void
screen_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxQMatrix *m = g->m;
  g->best[begin / GRAIN] = g->t->q8_screen (end - begin, m->blocks, (const uint8_t *) m->data + begin * m->stride / 2, m->scale + begin * m->blocks,
                                            m->spread + begin, &g->screen, g->y + begin, g->top + begin);
}

static float
exact (const Args *g, size_t o, int8_t *room)
{
  float y;
  g->t->q8_dots (1, g->m->blocks, ax_qmatrix_q8_row (g->m, g->t, o, room), g->m->scale + o * g->m->blocks, g->x, &y);
  return y;
}

static void
finish_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  int8_t *room = ax_scratch (AX_SCRATCH_PIECE, g->m->stride);
  const size_t half = g->m->stride / 2;
  size_t rows[GRAIN], n = 0;
  for (size_t o = begin; o < end; o++)
    if (!(g->top[o] < g->limit)) /* a NaN is worked out */
      rows[n++] = o;
  for (size_t i = 0; i < n; i++) {
    const size_t next = (i + AHEAD < n ? rows[i + AHEAD] : rows[i]) * half;
    for (size_t line = 0; line < half; line += 64) { /* scattered rows: nothing else fetches them in time */
      __builtin_prefetch ((const uint8_t *) g->m->data + next + line);
      __builtin_prefetch (g->m->lower + next + line);
    }
    g->y[rows[i]] = exact (g, rows[i], room);
  }
  g->finished[begin / GRAIN] = n;
}

/* Rounds x to int8 and works out the factors of its blocks; bounds are rounded upwards. */
static void
screen_of (const AxQMatrix *m, const float *x, int8_t *rounded, float *product, float *offset, float *per_spread, float *per_length, float *error)
{
  const double u = 0x1p-24, up = 1 + 1e-5;
  for (size_t b = 0; b < m->blocks; b++, x += AX_Q_BLOCK, rounded += AX_Q_BLOCK) {
    float most = 0;
    double squares = 0, off = 0, ones = 0;
    int sum = 0;
    for (int i = 0; i < AX_Q_BLOCK; i++)
      most = fabsf (x[i]) > most ? fabsf (x[i]) : most;
    float sorted[AX_Q_BLOCK];
    const float step = most / 127, per_step = most > 0 ? 127 / most : 0;
    for (int i = 0; i < AX_Q_BLOCK; i++) {
      const float n = rintf (x[i] * per_step);
      rounded[i] = (int8_t) (n > 127 ? 127 : n < -127 ? -127 : n);
      sum += rounded[i];
      const double d = (double) x[i] - (double) step * rounded[i];
      off += d * d;
      squares += (double) x[i] * (double) x[i];
      ones += fabs ((double) x[i]);
      int at = i; /* by size, the largest first */
      for (; at > 0 && sorted[at - 1] < fabsf (x[i]); at--)
        sorted[at] = sorted[at - 1];
      sorted[at] = fabsf (x[i]);
    }
    double apart = 0, least = INFINITY, taken = 0;
    for (int k = 0; k < AX_Q_BLOCK / 2; k++) {
      const double bound = 7.5 * apart + TYPICAL_SPREAD * sqrt (squares > 0 ? squares : 0);
      if (bound < least) {
        least = bound;
        taken = apart;
        per_spread[b] = (float) (sqrt (squares > 0 ? squares : 0) * up + 1e-7 * ones); /* the differences of squares are off by 32 2^-53 |x|^2 */
      }
      apart += (double) sorted[k];
      squares -= (double) sorted[k] * (double) sorted[k];
    }
    product[b] = 16 * step;
    offset[b] = (float) (-120.5 * (double) step * sum);
    per_length[b] = (float) (sqrt (off) * up);
    /* What float32 adds: the exact product's terms are at most 128 d |x| and their sum is off by (in + 4) u of that; those of the approximation at most
     * 361 d |x'|, off by (blocks + 16) u, and |x'| is at most 1.2 |x| in sum. */
    const double rounding = u * ones * (((double) m->stride + 4) * 128 + ((double) m->blocks + 16) * 361 * 1.2);
    error[b] = (float) ((7.5 * taken + rounding) * up);
  }
}

float
ax_qmatrix_top (const AxQMatrix *m, const float *x, float margin, float *y, size_t *finished)
{
  if (m->type != AX_Q_Q8_SPLIT || m->out == 0) {
    ax_qmatrix_forward (m, 1, x, y);
    if (finished)
      *finished = m->out;
    return -INFINITY;
  }
  const size_t pieces = (m->out + GRAIN - 1) / GRAIN;
  /* floats: top [out], x [stride], five factors [blocks]; then x as int8 [stride] and the int8 of a row [stride] */
  const size_t n = m->blocks;
  float *room = ax_scratch (AX_SCRATCH_CALLER, (m->out + m->stride + 5 * n) * sizeof *room + 2 * m->stride);
  float *whole = room + m->out, *factors = whole + m->stride;
  int8_t *rounded = (int8_t *) (factors + 5 * n);
  memcpy (whole, x, m->in * sizeof *x);
  memset (whole + m->in, 0, (m->stride - m->in) * sizeof *x);
  screen_of (m, whole, rounded, factors, factors + n, factors + 2 * n, factors + 3 * n, factors + 4 * n);
  size_t *counts = ax_scratch (AX_SCRATCH_PARTIAL, pieces * (sizeof *counts + sizeof (float)));
  Args g = { .t = ax_table (), .m = m, .x = whole, .y = y, .top = room, .best = (float *) (counts + pieces), .finished = counts,
             .screen = { rounded, factors, factors + n, factors + 2 * n, factors + 3 * n, factors + 4 * n } };
  ax_parallel_for (m->out, GRAIN, screen_piece, &g);
  size_t at = 0;
  for (size_t p = 1; p < pieces; p++)
    at = g.best[p] > g.best[at] ? p : at;
  const float best = g.best[at];
  for (at *= GRAIN; at + 1 < m->out && y[at] != best; at++)
    ;
  g.limit = exact (&g, at, rounded + m->stride) - margin;
  ax_parallel_for (m->out, GRAIN, finish_piece, &g);
  for (size_t p = 1; p < pieces; p++)
    counts[0] += counts[p];
  if (finished)
    *finished = counts[0];
  return g.limit;
}
