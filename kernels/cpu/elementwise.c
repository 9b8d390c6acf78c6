/* elementwise.c: the element by element operations of kernels.h, cut into pieces for the pool. */
#include "kernels/cpu/parallel.h"

#include <math.h>

typedef struct {
  const AxKernelTable *t;
  AxActivation act;
  float alpha;
  uint64_t seed;
  size_t d;
  const float *a, *b, *c;
  float *y;
  double *partial;
} Args;

#define RUN_ELEMENTS(n, fn, ...) ax_parallel_for (n, AX_GRAIN, fn, &(Args) { .t = ax_table (), __VA_ARGS__ })

static void
add_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->add (end - begin, g->a + begin, g->b + begin, g->y + begin);
}

void
ax_add (size_t n, const float *a, const float *b, float *y)
{
  RUN_ELEMENTS (n, add_piece, .a = a, .b = b, .y = y);
}

static void
axpy_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->axpy (end - begin, g->alpha, g->a + begin, g->y + begin);
}

void
ax_axpy (size_t n, float alpha, const float *x, float *y)
{
  RUN_ELEMENTS (n, axpy_piece, .alpha = alpha, .a = x, .y = y);
}

static void
scale_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->scale (end - begin, g->alpha, g->y + begin);
}

void
ax_scale (size_t n, float alpha, float *x)
{
  RUN_ELEMENTS (n, scale_piece, .alpha = alpha, .y = x);
}

static void
add_rows_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->add_rows (end - begin, g->d, g->a + begin * g->d, g->b, g->y + begin * g->d);
}

void
ax_add_rows (size_t rows, size_t d, const float *x, const float *row, float *y)
{
  ax_parallel_for (rows, ax_row_grain (d), add_rows_piece, &(Args) { .t = ax_table (), .d = d, .a = x, .b = row, .y = y });
}

static void
act_forward_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->act_forward (g->act, end - begin, g->a + begin, g->y + begin);
}

void
ax_activation_forward (AxActivation act, size_t n, const float *x, float *y)
{
  RUN_ELEMENTS (n, act_forward_piece, .act = act, .a = x, .y = y);
}

static void
act_backward_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->act_backward (g->act, end - begin, g->a ? g->a + begin : NULL, g->b ? g->b + begin : NULL, g->c + begin, g->y + begin);
}

void
ax_activation_backward (AxActivation act, size_t n, const float *x, const float *y, const float *dy, float *dx)
{
  RUN_ELEMENTS (n, act_backward_piece, .act = act, .a = x, .b = y, .c = dy, .y = dx);
}

static void
dropout_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->dropout (end - begin, g->alpha, g->seed, begin, g->a + begin, g->y + begin);
}

void
ax_dropout (size_t n, float p, uint64_t seed, const float *x, float *y)
{
  RUN_ELEMENTS (n, dropout_piece, .alpha = p, .seed = seed, .a = x, .y = y);
}

static void
sigmoid_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->sigmoid (end - begin, g->a + begin, g->y + begin);
}

void
ax_sigmoid (size_t n, const float *x, float *y)
{
  RUN_ELEMENTS (n, sigmoid_piece, .a = x, .y = y);
}

static void
sum_squares_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->partial[begin / AX_GRAIN] = g->t->sum_squares (end - begin, g->a + begin);
}

double
ax_sum_squares (size_t n, const float *x)
{
  size_t pieces = (n + AX_GRAIN - 1) / AX_GRAIN;
  double *partial = ax_scratch (AX_SCRATCH_PARTIAL, pieces * sizeof *partial), sum = 0;
  RUN_ELEMENTS (n, sum_squares_piece, .a = x, .partial = partial);
  for (size_t i = 0; i < pieces; i++)
    sum += partial[i];
  return sum;
}

typedef struct {
  const AxKernelTable *t;
  size_t d, grain;
  const float *x;
  double *partial;
} ColumnSums;

static void
column_sums_piece (void *ctx, size_t begin, size_t end)
{
  ColumnSums *g = ctx;
  double *sum = g->partial + begin / g->grain * g->d;
  for (size_t i = 0; i < g->d; i++)
    sum[i] = 0;
  /* blocks of rows that stay in cache while each group of columns is summed */
  for (size_t r = begin; r < end; r += 16)
    g->t->column_sums (end - r < 16 ? end - r : 16, g->d, g->x + r * g->d, sum);
}

void
ax_column_sums (size_t rows, size_t d, const float *dy, float *db)
{
  size_t grain = ax_partial_grain (rows), pieces = (rows + grain - 1) / grain;
  double *partial = ax_scratch (AX_SCRATCH_PARTIAL, pieces * d * sizeof *partial);
  ax_parallel_for (rows, grain, column_sums_piece, &(ColumnSums) { ax_table (), d, grain, dy, partial });
  for (size_t i = 0; i < d; i++) {
    double sum = 0;
    for (size_t p = 0; p < pieces; p++)
      sum += partial[p * d + i];
    db[i] += (float) sum;
  }
}

typedef struct {
  size_t cols;
  uint32_t seed, first;
  float scale, *x;
} Uniform;

static void
uniform_piece (void *ctx, size_t begin, size_t end)
{
  const Uniform *u = ctx;
  for (size_t r = begin; r < end; r++) {
    uint32_t state = u->seed ^ (u->first + (uint32_t) r) * 2654435761u;
    float *x = u->x + r * u->cols;
    for (size_t i = 0; i < u->cols; i++) {
      state = state * 1664525u + 1013904223u;
      x[i] = u->scale * ((float) (int32_t) state * 0x1p-31f);
    }
  }
}

void
ax_uniform_rows (size_t rows, size_t cols, uint32_t seed, uint32_t first, float scale, float *x)
{
  ax_parallel_for (rows, 16, uniform_piece, &(Uniform) { cols, seed, first, scale, x });
}
