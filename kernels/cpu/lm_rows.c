/* lm_rows.c: the language model's norm, rotary embedding, gated GELU, cross entropy and argmax, cut into pieces for the pool. */
#include "kernels/cpu/parallel.h"

#include <math.h>
#include <string.h>

typedef struct {
  const AxKernelTable *t;
  size_t d, grain, heads, hd, ldx;
  const float *x, *w, *rstd_in, *dy, *up, *cos_sin, *lse, *dloss;
  const int32_t *target;
  float eps;
  bool inverse;
  float *y, *rstd, *dx, *dup;
  double *partial;
  bool want_dw;
} Args;

/* ---- root mean square norm ---- */

static void
rmsnorm_forward_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->rmsnorm_forward (end - begin, g->d, g->x + begin * g->d, g->w, g->eps, g->y + begin * g->d, g->rstd ? g->rstd + begin : NULL);
}

void
ax_rmsnorm_forward (size_t rows, size_t d, const float *x, const float *w, float eps, float *y, float *rstd)
{
  ax_parallel_for (rows, ax_row_grain (d), rmsnorm_forward_piece, &(Args) { .t = ax_table (), .d = d, .x = x, .w = w, .eps = eps, .y = y, .rstd = rstd });
}

static void
rmsnorm_backward_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  double *p = NULL;
  if (g->want_dw) {
    p = g->partial + begin / g->grain * g->d;
    memset (p, 0, g->d * sizeof *p);
  }
  for (size_t r = begin; r < end; r += 16) { /* blocks that stay in cache between the row pass and the column pass */
    const size_t n = end - r < 16 ? end - r : 16;
    g->t->rmsnorm_backward (n, g->d, g->x + r * g->d, g->w, g->rstd_in + r, g->dy + r * g->d, g->dx ? g->dx + r * g->d : NULL, p);
  }
}

void
ax_rmsnorm_backward (size_t rows, size_t d, const float *x, const float *w, const float *rstd, const float *dy, float *dx, float *dw)
{
  Args g = { .t = ax_table (), .d = d, .grain = ax_partial_grain (rows), .x = x, .w = w, .rstd_in = rstd, .dy = dy, .dx = dx, .want_dw = dw != NULL };
  const size_t pieces = (rows + g.grain - 1) / g.grain;
  g.partial = dw ? ax_scratch (AX_SCRATCH_PARTIAL, (pieces + 1) * d * sizeof (double)) : NULL;
  ax_parallel_for (rows, g.grain, rmsnorm_backward_piece, &g);
  for (size_t i = 0; dw && i < d; i++) {
    double sum = 0;
    for (size_t p = 0; p < pieces; p++)
      sum += g.partial[p * d + i];
    dw[i] += (float) sum;
  }
}

/* ---- rotary embedding ---- */

static void
rope_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->rope (end - begin, g->heads, g->hd, g->ldx, g->cos_sin + begin * g->hd, g->inverse, g->y + begin * g->ldx);
}

void
ax_rope (size_t rows, size_t heads, size_t hd, size_t ldx, const float *cos_sin, bool inverse, float *x)
{
  ax_parallel_for (rows, ax_row_grain (heads * hd), rope_piece,
                   &(Args) { .t = ax_table (), .heads = heads, .hd = hd, .ldx = ldx, .cos_sin = cos_sin, .inverse = inverse, .y = x });
}

/* ---- gated GELU ---- */

static void
gated_gelu_forward_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->gated_gelu_forward (end - begin, g->x + begin, g->up + begin, g->y + begin);
}

void
ax_gated_gelu_forward (size_t n, const float *gate, const float *up, float *y)
{
  ax_parallel_for (n, AX_GRAIN, gated_gelu_forward_piece, &(Args) { .t = ax_table (), .x = gate, .up = up, .y = y });
}

static void
gated_gelu_backward_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->gated_gelu_backward (end - begin, g->x + begin, g->up + begin, g->dy + begin, g->dx + begin, g->dup + begin);
}

void
ax_gated_gelu_backward (size_t n, const float *gate, const float *up, const float *dy, float *dgate, float *dup)
{
  ax_parallel_for (n, AX_GRAIN, gated_gelu_backward_piece, &(Args) { .t = ax_table (), .x = gate, .up = up, .dy = dy, .dx = dgate, .dup = dup });
}

/* ---- cross entropy ---- */

/* A piece is a stretch of one row, so that the single row of a token being made occupies all threads too: its maximum and the sum against that. */
static void
sum_exp_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  for (size_t piece = begin; piece < end; piece++) {
    const size_t first = piece % g->grain * AX_GRAIN, n = g->d - first < AX_GRAIN ? g->d - first : AX_GRAIN;
    const float *x = g->x + piece / g->grain * g->d + first, top = g->t->max_value (n, x);
    g->partial[2 * piece] = (double) top;
    g->partial[2 * piece + 1] = top > -INFINITY ? g->t->sum_exp (n, x, top) : 0; /* nothing but ids that do not exist */
  }
}

void
ax_cross_entropy_forward (size_t rows, size_t n, const float *logits, const int32_t *target, float *lse, float *loss)
{
  Args g = { .t = ax_table (), .d = n, .x = logits, .grain = (n + AX_GRAIN - 1) / AX_GRAIN };
  const size_t each = AX_GRAIN / (n < AX_GRAIN ? n : AX_GRAIN); /* short rows go several to a piece */
  g.partial = ax_scratch (AX_SCRATCH_PARTIAL, (rows * g.grain + 1) * 2 * sizeof (double));
  ax_parallel_for (rows * g.grain, each, sum_exp_piece, &g);
  for (size_t r = 0; r < rows; r++) {
    const double *part = g.partial + 2 * r * g.grain;
    double top = -INFINITY, sum = 0;
    for (size_t i = 0; i < g.grain; i++)
      top = part[2 * i] > top ? part[2 * i] : top;
    for (size_t i = 0; i < g.grain; i++)
      sum += part[2 * i] == top ? part[2 * i + 1] : part[2 * i + 1] * exp (part[2 * i] - top);
    const double log_sum = log (sum);
    lse[r] = (float) (top + log_sum);
    loss[r] = (float) (top - (double) logits[r * n + (size_t) target[r]] + log_sum);
  }
}

static void
cross_entropy_backward_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  for (size_t r = begin; r < end; r++) {
    g->t->softmax_scaled (g->d, g->x + r * g->d, g->lse[r], g->dloss[r], g->y + r * g->d);
    g->y[r * g->d + (size_t) g->target[r]] -= g->dloss[r];
  }
}

void
ax_cross_entropy_backward (size_t rows, size_t n, const float *logits, const int32_t *target, const float *lse, const float *dloss, float *dlogits)
{
  ax_parallel_for (rows, ax_row_grain (n), cross_entropy_backward_piece,
                   &(Args) { .t = ax_table (), .d = n, .x = logits, .target = target, .lse = lse, .dloss = dloss, .y = dlogits });
}

/* ---- argmax ---- */

static void
max_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->y[begin / AX_GRAIN] = g->t->max_value (end - begin, g->x + begin);
}

size_t
ax_argmax (size_t n, const float *x)
{
  const size_t pieces = (n + AX_GRAIN - 1) / AX_GRAIN;
  Args g = { .t = ax_table (), .x = x, .y = ax_scratch (AX_SCRATCH_PARTIAL, (pieces + 1) * sizeof (float)) };
  ax_parallel_for (n, AX_GRAIN, max_piece, &g);
  size_t best = 0;
  for (size_t p = 1; p < pieces; p++)
    best = g.y[p] > g.y[best] ? p : best;
  if (n == 0)
    return 0;
  for (size_t i = best * AX_GRAIN; i < n; i++)
    if (x[i] == g.y[best])
      return i;
  return 0; /* NaN everywhere */
}
