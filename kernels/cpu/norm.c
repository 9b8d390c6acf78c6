/* norm.c: layer, batch and length normalisation, and softmax over rows.
 *
 * Gradients of parameters are sums over rows: each piece of rows fills its own partial sums in double, which are added in the order of the pieces. */
#include "kernels/cpu/parallel.h"

#include <math.h>
#include <string.h>

typedef struct {
  const AxKernelTable *t;
  size_t d, grain;
  const float *x, *y, *gamma, *beta, *residual, *mean, *rstd, *dy, *scale, *shift, *constant;
  float eps;
  bool relu;
  float *out, *out_mean, *out_rstd, *dresidual;
  double *partial; /* [pieces][2][d] */
  bool want_first, want_second;
} Args;

static double *
partial_of (Args *g, size_t begin)
{
  double *p = g->partial + begin / g->grain * 2 * g->d;
  memset (p, 0, 2 * g->d * sizeof *p);
  return p;
}

/* Adds the partial sums of all pieces; which = 0 or 1. */
static double
partial_total (const Args *g, size_t rows, int which, size_t column)
{
  double sum = 0;
  for (size_t p = 0; p * g->grain < rows; p++)
    sum += g->partial[(2 * p + (size_t) which) * g->d + column];
  return sum;
}

static void
partial_reserve (Args *g, size_t rows)
{
  g->grain = ax_partial_grain (rows);
  g->partial = ax_scratch (AX_SCRATCH_PARTIAL, ((rows + g->grain - 1) / g->grain + 1) * 2 * g->d * sizeof (double));
}

/* ---- layer normalisation ---- */

static void
layernorm_forward_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->layernorm_forward (end - begin, g->d, g->x + begin * g->d, g->gamma, g->beta, g->eps, g->out + begin * g->d,
                           g->out_mean ? g->out_mean + begin : NULL, g->out_rstd ? g->out_rstd + begin : NULL);
}

void
ax_layernorm_forward (size_t rows, size_t d, const float *x, const float *gamma, const float *beta, float eps, float *y, float *mean,
                      float *rstd)
{
  Args g = { .t = ax_table (), .d = d, .x = x, .gamma = gamma, .beta = beta, .eps = eps, .out = y, .out_mean = mean, .out_rstd = rstd };
  ax_parallel_for (rows, ax_row_grain (d), layernorm_forward_piece, &g);
}

static void
layernorm_backward_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  double *p = partial_of (g, begin);
  for (size_t r = begin; r < end; r += 16) { /* blocks that stay in cache between the row pass and the column pass */
    size_t n = end - r < 16 ? end - r : 16;
    g->t->layernorm_backward (n, g->d, g->x + r * g->d, g->gamma, g->mean + r, g->rstd + r, g->dy + r * g->d,
                              g->out ? g->out + r * g->d : NULL, g->want_first ? p : NULL, g->want_second ? p + g->d : NULL);
  }
}

void
ax_layernorm_backward (size_t rows, size_t d, const float *x, const float *gamma, const float *mean, const float *rstd, const float *dy,
                       float *dx, float *dgamma, float *dbeta)
{
  Args g = { .t = ax_table (), .d = d, .x = x, .gamma = gamma, .mean = mean, .rstd = rstd, .dy = dy, .out = dx,
             .want_first = dgamma != NULL, .want_second = dbeta != NULL };
  partial_reserve (&g, rows);
  ax_parallel_for (rows, g.grain, layernorm_backward_piece, &g);
  for (size_t i = 0; i < d; i++) {
    if (dgamma)
      dgamma[i] += (float) partial_total (&g, rows, 0, i);
    if (dbeta)
      dbeta[i] += (float) partial_total (&g, rows, 1, i);
  }
}

/* ---- softmax and length ---- */

static void
softmax_forward_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->softmax_forward (end - begin, g->d, 1, g->x + begin * g->d, g->out + begin * g->d);
}

void
ax_softmax_forward (size_t rows, size_t d, const float *x, float *y)
{
  ax_parallel_for (rows, ax_row_grain (d), softmax_forward_piece, &(Args) { .t = ax_table (), .d = d, .x = x, .out = y });
}

static void
softmax_backward_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->softmax_backward (end - begin, g->d, 1, g->y + begin * g->d, g->dy + begin * g->d, g->out + begin * g->d, true);
}

void
ax_softmax_backward (size_t rows, size_t d, const float *y, const float *dy, float *dx)
{
  ax_parallel_for (rows, ax_row_grain (d), softmax_backward_piece, &(Args) { .t = ax_table (), .d = d, .y = y, .dy = dy, .out = dx });
}

static void
l2norm_forward_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->l2norm_forward (end - begin, g->d, g->x + begin * g->d, g->eps, g->out + begin * g->d, g->out_mean ? g->out_mean + begin : NULL);
}

void
ax_l2norm_forward (size_t rows, size_t d, const float *x, float eps, float *y, float *norm)
{
  ax_parallel_for (rows, ax_row_grain (d), l2norm_forward_piece,
                   &(Args) { .t = ax_table (), .d = d, .x = x, .eps = eps, .out = y, .out_mean = norm });
}

static void
l2norm_backward_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->l2norm_backward (end - begin, g->d, g->y + begin * g->d, g->mean + begin, g->eps, g->dy + begin * g->d, g->out + begin * g->d);
}

void
ax_l2norm_backward (size_t rows, size_t d, const float *y, const float *norm, float eps, const float *dy, float *dx)
{
  ax_parallel_for (rows, ax_row_grain (d), l2norm_backward_piece,
                   &(Args) { .t = ax_table (), .d = d, .y = y, .mean = norm, .eps = eps, .dy = dy, .out = dx });
}

/* ---- batch normalisation ---- */

static void
batchnorm_sums_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  double *p = partial_of (g, begin);
  g->t->batchnorm_sums (end - begin, g->d, g->x + begin * g->d, p, p + g->d);
}

static void
batchnorm_apply_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->batchnorm_apply (end - begin, g->d, g->x + begin * g->d, g->scale, g->shift, g->residual ? g->residual + begin * g->d : NULL,
                         g->relu, g->out + begin * g->d);
}

void
ax_batchnorm_forward (size_t rows, size_t c, const float *x, const float *gamma, const float *beta, const float *residual, bool relu,
                      float eps, float *y, float *mean, float *rstd)
{
  Args g = { .t = ax_table (), .d = c, .x = x, .residual = residual, .relu = relu, .out = y };
  partial_reserve (&g, rows);
  ax_parallel_for (rows, g.grain, batchnorm_sums_piece, &g);
  float *scale = ax_scratch (AX_SCRATCH_CALLER, 2 * c * sizeof *scale), *shift = scale + c;
  for (size_t i = 0; i < c; i++) {
    double mu = partial_total (&g, rows, 0, i) / (double) rows, var = partial_total (&g, rows, 1, i) / (double) rows - mu * mu;
    double rs = 1 / sqrt ((var > 0 ? var : 0) + (double) eps);
    mean[i] = (float) mu;
    rstd[i] = (float) rs;
    scale[i] = (float) (gamma[i] * rs);
    shift[i] = (float) (beta[i] - mu * gamma[i] * rs);
  }
  g.scale = scale;
  g.shift = shift;
  ax_parallel_for (rows, ax_row_grain (c), batchnorm_apply_piece, &g);
}

static void
batchnorm_grad_sums_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  double *p = partial_of (g, begin);
  size_t at = begin * g->d;
  g->t->batchnorm_grad_sums (end - begin, g->d, g->x + at, g->y ? g->y + at : NULL, g->mean, g->rstd, g->relu, g->dy + at, p, p + g->d);
}

static void
batchnorm_grad_apply_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  size_t at = begin * g->d;
  g->t->batchnorm_grad_apply (end - begin, g->d, g->x + at, g->y ? g->y + at : NULL, g->relu, g->dy + at, g->scale, g->shift, g->constant,
                              g->out ? g->out + at : NULL, g->dresidual ? g->dresidual + at : NULL);
}

void
ax_batchnorm_backward (size_t rows, size_t c, const float *x, const float *y, const float *gamma, const float *mean, const float *rstd,
                       bool relu, const float *dy, float *dx, float *dgamma, float *dbeta, float *dresidual)
{
  Args g = { .t = ax_table (), .d = c, .x = x, .y = y, .mean = mean, .rstd = rstd, .relu = relu, .dy = dy, .out = dx,
             .dresidual = dresidual };
  partial_reserve (&g, rows);
  ax_parallel_for (rows, g.grain, batchnorm_grad_sums_piece, &g);
  float *a = ax_scratch (AX_SCRATCH_CALLER, 3 * c * sizeof *a), *b = a + c, *d = b + c;
  for (size_t i = 0; i < c; i++) {
    double sum_dy = partial_total (&g, rows, 0, i), sum_dy_xhat = partial_total (&g, rows, 1, i), rs = rstd[i];
    if (dbeta)
      dbeta[i] += (float) sum_dy;
    if (dgamma)
      dgamma[i] += (float) sum_dy_xhat;
    /* dx = gamma rs (dy - sum_dy/N - xhat sum_dy_xhat/N), written as a dy + b x + d */
    double k = gamma[i] * rs;
    a[i] = (float) k;
    b[i] = (float) (-k * rs * sum_dy_xhat / (double) rows);
    d[i] = (float) (-k * sum_dy / (double) rows + k * rs * mean[i] * sum_dy_xhat / (double) rows);
  }
  g.scale = a;
  g.shift = b;
  g.constant = d;
  ax_parallel_for (rows, ax_row_grain (c), batchnorm_grad_apply_piece, &g);
}
