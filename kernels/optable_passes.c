/* optable_passes.c: entries of the operation table for what lies between a pass's large operations: rows by number, running statistics, gated GELU and heads on
 * whole rows, the cache's next rows (contract: optable.h). Bounds as in optable_lm.c. */
#include "kernels/optable.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define F(i) ((const float *) a[i])
#define ARRAY(name, role, n, lo, hi) ((AxOpArray) { name, role, AX_OP_F32, n, lo, hi })
typedef size_t Z;

/* ---- rows by number: d = n d count; numbers from -1 to count, each place several times ---- */

#define FIRST 3

static int32_t
number_of (const int *d, int r)
{
  return FIRST - 1 + (int32_t) ((unsigned) r * 7919u % (unsigned) (d[2] + 2));
}

static void *
numbers_setup (const int *d, void *const *a)
{
  int32_t *index = malloc ((Z) d[0] * sizeof *index);
  if (!index)
    abort ();
  for (int r = 0; r < d[0]; r++)
    index[r] = number_of (d, r);
  return ax_op_device (index, (Z) d[0] * sizeof *index);
}

static int
gather_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("x", AX_OP_IN, (Z) d[2] * (Z) d[1], -1, 1);
  a[1] = ARRAY ("y", AX_OP_ADD, (Z) d[0] * (Z) d[1], -1, 1);
  return 2;
}

static void
gather_run (void *state, const int *d, void *const *a)
{
  ax_rows_gather ((Z) d[0], (Z) d[1], FIRST, (Z) d[2], state, a[0], a[1]);
}

static void
gather_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  for (int r = 0; r < d[0]; r++) {
    const int32_t k = number_of (d, r) - FIRST;
    for (Z i = 0; k >= 0 && k < d[2] && i < (Z) d[1]; i++)
      value[1][(Z) r * (Z) d[1] + i] = (double) F (0)[(Z) k * (Z) d[1] + i];
  }
}

static int
scatter_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("dy", AX_OP_IN, (Z) d[0] * (Z) d[1], -1, 1);
  a[1] = ARRAY ("dx", AX_OP_ADD, (Z) d[2] * (Z) d[1], -1, 1);
  return 2;
}

static void
scatter_run (void *state, const int *d, void *const *a)
{
  ax_rows_scatter ((Z) d[0], (Z) d[1], FIRST, (Z) d[2], state, 0.7f, a[0], a[1]);
}

static void
scatter_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  for (int r = 0; r < d[0]; r++) {
    const int32_t k = number_of (d, r) - FIRST;
    for (Z i = 0; k >= 0 && k < d[2] && i < (Z) d[1]; i++) {
      double *v = &value[1][(Z) k * (Z) d[1] + i];
      const double term = (double) 0.7f * (double) F (0)[(Z) r * (Z) d[1] + i];
      *v += term;
      bound[1][(Z) k * (Z) d[1] + i] += 2 * AX_U * (fabs (term) + fabs (*v)); /* product and running sum */
    }
  }
}

/* ---- rows_axpy: d = rows d ---- */

static int
rows_axpy_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("alpha", AX_OP_IN, (Z) d[0], -1, 1);
  a[1] = ARRAY ("x", AX_OP_IN, (Z) d[0] * (Z) d[1], -1, 1);
  a[2] = ARRAY ("y", AX_OP_ADD, (Z) d[0] * (Z) d[1], -1, 1);
  return 3;
}

static void rows_axpy_run (void *state, const int *d, void *const *a) { ax_rows_axpy ((Z) d[0], (Z) d[1], a[0], a[1], a[2]); }

static void
rows_axpy_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  for (Z i = 0; i < (Z) d[0] * (Z) d[1]; i++) {
    const double term = (double) F (0)[i / (Z) d[1]] * (double) F (1)[i];
    value[2][i] = (double) F (2)[i] + term;
    bound[2][i] = AX_U * (fabs (term) + fabs (value[2][i]) * 1.01);
  }
}

/* ---- columns_fill: d = rows gap from width ---- */

static int
fill_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("x", AX_OP_ADD, (Z) d[0] * (Z) (d[1] + d[2] + d[3]), -1, 1);
  return 1;
}

static void
fill_run (void *state, const int *d, void *const *a)
{
  ax_columns_fill ((Z) d[0], (Z) (d[1] + d[2] + d[3]), (Z) d[2], (Z) (d[2] + d[3]), -INFINITY, a[0]);
}

static void
fill_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z ld = (Z) (d[1] + d[2] + d[3]);
  for (Z r = 0; r < (Z) d[0]; r++)
    for (Z i = (Z) d[2]; i < (Z) (d[2] + d[3]); i++)
      value[0][r * ld + i] = -INFINITY;
}

/* ---- running statistics: d = c [rows] ---- */

#define EPS 1e-5f

static int
fold_arrays (const int *d, AxOpArray *a)
{
  static const char *const names[4] = { "gamma", "beta", "mean", "var" };
  for (int i = 0; i < 4; i++)
    a[i] = ARRAY (names[i], AX_OP_IN, (Z) d[0], i == 3 ? 0 : -2, 2);
  a[4] = ARRAY ("scale", AX_OP_OUT, (Z) d[0], 0, 0);
  a[5] = ARRAY ("shift", AX_OP_OUT, (Z) d[0], 0, 0);
  return 6;
}

static void fold_run (void *state, const int *d, void *const *a) { ax_batchnorm_fold ((Z) d[0], a[0], a[1], a[2], a[3], EPS, a[4], a[5]); }

static void
fold_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  for (Z i = 0; i < (Z) d[0]; i++) {
    const double s = (double) F (0)[i] / sqrt ((double) F (3)[i] + (double) EPS), m = (double) F (2)[i] * s;
    value[4][i] = s;
    bound[4][i] = 3 * AX_U * fabs (s); /* the sum (halved), root, quotient; a device's root and quotient may be off by one more bit */
    value[5][i] = (double) F (1)[i] - m;
    bound[5][i] = 5 * AX_U * fabs (m) + AX_U * fabs (value[5][i]);
  }
}

static int
track_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("mean", AX_OP_IN, (Z) d[0], -2, 2);
  a[1] = ARRAY ("rstd", AX_OP_IN, (Z) d[0], 0.3f, 3);
  a[2] = ARRAY ("running_mean", AX_OP_ADD, (Z) d[0], -2, 2);
  a[3] = ARRAY ("running_var", AX_OP_ADD, (Z) d[0], 0, 2);
  return 4;
}

static void track_run (void *state, const int *d, void *const *a) { ax_batchnorm_track ((Z) d[1], (Z) d[0], a[0], a[1], EPS, 0.1f, a[2], a[3]); }

static void
track_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const double unbias = d[1] > 1 ? (double) d[1] / (d[1] - 1) : 1, momentum = (double) 0.1f;
  for (Z i = 0; i < (Z) d[0]; i++) {
    const double r = (double) F (1)[i], mean = (double) F (2)[i], var = (double) F (3)[i];
    const double batch = fmax (1 / (r * r) - (double) EPS, 0) * unbias, step = momentum * ((double) F (0)[i] - mean), move = momentum * (batch - var);
    value[2][i] = mean + step;
    bound[2][i] = 2 * AX_U * fabs (step) + AX_U * fabs (value[2][i]);
    value[3][i] = var + move;
    bound[3][i] = momentum * 7 * AX_U * (batch + fabs (var)) + AX_U * fabs (value[3][i]) * 1.01;
  }
}

/* ---- gated GELU on rows: d = rows ffn ---- */

static int
gated_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("gate_up", AX_OP_IN, 2 * (Z) d[0] * (Z) d[1], -6, 6);
  a[1] = ARRAY ("y", AX_OP_OUT, (Z) d[0] * (Z) d[1], 0, 0);
  return 2;
}

static void gated_run (void *state, const int *d, void *const *a) { ax_gated_rows_forward ((Z) d[0], (Z) d[1], a[0], a[1]); }

static void
gated_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z n = (Z) d[1];
  for (Z i = 0; i < (Z) d[0] * n; i++) {
    const float *gate = F (0) + i / n * 2 * n + i % n;
    double t[4];
    ax_op_gelu ((double) gate[0], t);
    value[1][i] = t[0] * (double) gate[n];
    bound[1][i] = t[1] * fabs ((double) gate[n]) + AX_U * fabs (value[1][i]);
  }
}

static int
gated_backward_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("gate_up", AX_OP_IN, 2 * (Z) d[0] * (Z) d[1], -6, 6);
  a[1] = ARRAY ("dy", AX_OP_IN, (Z) d[0] * (Z) d[1], -1, 1);
  a[2] = ARRAY ("d", AX_OP_ADD, 2 * (Z) d[0] * (Z) d[1], -1, 1);
  return 3;
}

static void gated_backward_run (void *state, const int *d, void *const *a) { ax_gated_rows_backward ((Z) d[0], (Z) d[1], a[0], a[1], a[2]); }

static void
gated_backward_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z n = (Z) d[1];
  for (Z i = 0; i < (Z) d[0] * n; i++) {
    const Z at = i / n * 2 * n + i % n;
    const double up = (double) F (0)[at + n], dy = (double) F (1)[i];
    double t[4];
    ax_op_gelu ((double) F (0)[at], t);
    value[2][at] = (double) F (2)[at] + dy * up * t[2];
    bound[2][at] = fabs (dy * up) * (t[3] + 2 * AX_U * fabs (t[2])) + AX_U * fabs (value[2][at]);
    value[2][at + n] = (double) F (2)[at + n] + dy * t[0];
    bound[2][at + n] = fabs (dy) * (t[1] + AX_U * fabs (t[0])) + AX_U * fabs (value[2][at + n]);
  }
}

/* ---- heads: d = rows kv_heads group half ---- */

#define HEAD_EPS 1e-6f

static AxHeadShape
head_shape (const int *d)
{
  return (AxHeadShape) { (Z) d[0], (Z) (d[1] * d[2]), (Z) d[1], 2 * (Z) d[3], HEAD_EPS };
}

static int
heads_arrays (const int *d, AxOpArray *a)
{
  const AxHeadShape s = head_shape (d);
  const Z all = s.heads + s.kv_heads;
  a[0] = ARRAY ("qkv", AX_OP_IN, s.rows * (all + s.kv_heads) * s.hd, -1, 2);
  a[1] = ARRAY ("q_norm", AX_OP_IN, s.hd, -2, 2);
  a[2] = ARRAY ("k_norm", AX_OP_IN, s.hd, -2, 2);
  a[3] = ARRAY ("cos_sin", AX_OP_IN, s.rows * s.hd, -1, 1);
  a[4] = ARRAY ("qk", AX_OP_OUT, s.rows * all * s.hd, 0, 0);
  a[5] = ARRAY ("rstd", AX_OP_OUT, s.rows * all, 0, 0);
  return 6;
}

static void
heads_run (void *state, const int *d, void *const *a)
{
  const AxHeadShape s = head_shape (d);
  ax_heads_forward (&s, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void
heads_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const AxHeadShape s = head_shape (d);
  const Z all = s.heads + s.kv_heads, half = s.hd / 2;
  for (Z r = 0; r < s.rows; r++)
    for (Z h = 0; h < all; h++) {
      const float *x = F (0) + (r * (all + s.kv_heads) + h) * s.hd, *w = h < s.heads ? F (1) : F (2), *turn = F (3) + r * s.hd;
      double squares = 0;
      for (Z i = 0; i < s.hd; i++)
        squares += (double) x[i] * (double) x[i];
      const double rstd = 1 / sqrt (squares / (double) s.hd + (double) HEAD_EPS);
      value[5][r * all + h] = rstd;
      bound[5][r * all + h] = 1.01 * AX_U * rstd;
      for (Z j = 0; j < half; j++) {
        const Z lo = (r * all + h) * s.hd + j, hi = lo + half;
        const double u = (double) x[j] * rstd * (double) w[j], v = (double) x[j + half] * rstd * (double) w[j + half], c = (double) turn[j], sn = (double) turn[j + half];
        value[4][lo] = u * c - v * sn;
        value[4][hi] = v * c + u * sn;
        bound[4][lo] = 5.1 * AX_U * (fabs (u * c) + fabs (v * sn)); /* the norm's three, product and sum */
        bound[4][hi] = 5.1 * AX_U * (fabs (v * c) + fabs (u * sn));
      }
    }
}

static int
heads_backward_arrays (const int *d, AxOpArray *a)
{
  const AxHeadShape s = head_shape (d);
  const Z all = s.heads + s.kv_heads;
  heads_arrays (d, a);
  a[4] = ARRAY ("dqk", AX_OP_WORK, s.rows * all * s.hd, -1, 1);
  a[5] = ARRAY ("rstd", AX_OP_IN, s.rows * all, 0.5f, 2);
  a[6] = ARRAY ("dy", AX_OP_IN, s.rows * all * s.hd, -1, 1);
  a[7] = ARRAY ("dqkv", AX_OP_ADD, s.rows * (all + s.kv_heads) * s.hd, -1, 1);
  a[8] = ARRAY ("zero", AX_OP_IN, s.rows * all * s.hd, 0, 0);
  return 9;
}

static void
heads_backward_run (void *state, const int *d, void *const *a)
{
  const AxHeadShape s = head_shape (d);
  ax_add (s.rows * (s.heads + s.kv_heads) * s.hd, a[6], a[8], a[4]); /* the operation uses its input up */
  ax_heads_backward (&s, a[0], a[1], a[2], a[3], a[5], a[4], a[7]);
}

static void
heads_backward_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const AxHeadShape s = head_shape (d);
  const Z all = s.heads + s.kv_heads, half = s.hd / 2;
  for (Z r = 0; r < s.rows; r++)
    for (Z h = 0; h < all; h++) {
      const Z at = (r * (all + s.kv_heads) + h) * s.hd;
      const float *x = F (0) + at, *w = h < s.heads ? F (1) : F (2), *turn = F (3) + r * s.hd, *dy = F (6) + (r * all + h) * s.hd;
      const double rstd = (double) F (5)[r * all + h];
      double g[1024], e[1024], dot = 0, size = 0;
      for (Z j = 0; j < half; j++) {
        const double u = (double) dy[j], v = (double) dy[j + half], c = (double) turn[j], sn = (double) turn[j + half];
        g[j] = u * c + v * sn;
        g[j + half] = v * c - u * sn;
        e[j] = 2 * AX_U * (fabs (u * c) + fabs (v * sn));
        e[j + half] = 2 * AX_U * (fabs (v * c) + fabs (u * sn));
      }
      for (Z i = 0; i < s.hd; i++) {
        const double t = (double) w[i] * (double) x[i];
        dot += g[i] * t;
        size += (fabs (g[i]) * 2.1 * AX_U + e[i]) * fabs (t); /* each term rounded twice, and its turned gradient */
      }
      const double c = rstd * rstd * rstd / (double) s.hd;
      for (Z i = 0; i < s.hd; i++) {
        const double first = g[i] * (double) w[i] * rstd, second = c * dot * (double) x[i], before = (double) F (7)[at + i];
        value[7][at + i] = before + first - second;
        bound[7][at + i] = e[i] * fabs ((double) w[i] * rstd) + c * size * fabs ((double) x[i]) + 4 * AX_U * (fabs (first) + fabs (second)) + AX_U * (fabs (before) + fabs (first));
      }
    }
}

/* ---- cache_store: d = n d gap at type ---- */

static AxOpType
cache_type (int type)
{
  return type == AX_KV_F32 ? AX_OP_F32 : type == AX_KV_F16 ? AX_OP_F16 : AX_OP_BF16;
}

static void *
place_setup (const int *d, void *const *a)
{
  int32_t *at = malloc (sizeof *at);
  if (!at)
    abort ();
  *at = d[3];
  return ax_op_device (at, sizeof *at);
}

static int
store_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("x", AX_OP_IN, (Z) d[0] * (Z) (d[1] + d[2]), -3, 3);
  a[1] = (AxOpArray) { "cache", AX_OP_ADD, cache_type (d[4]), (Z) (d[0] + d[3]) * (Z) d[1], 0, 0 };
  return 2;
}

static void store_run (void *state, const int *d, void *const *a) { ax_cache_store ((Z) d[0], (Z) d[1], (Z) (d[1] + d[2]), a[0], (AxKvType) d[4], state, a[1]); }

static void
store_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  for (Z i = 0; i < (Z) d[0] * (Z) d[1]; i++) {
    const Z to = (Z) d[3] * (Z) d[1] + i;
    const double v = (double) F (0)[i / (Z) d[1] * (Z) (d[1] + d[2]) + i % (Z) d[1]];
    value[1][to] = v;
    bound[1][to] = d[4] == AX_KV_F32 ? 0 : d[4] == AX_KV_F16 ? fmax (0x1p-11 * fabs (v), 0x1p-25) : 0x1p-8 * fabs (v); /* half a step */
  }
}

const AxOp ax_ops_passes[] = {
  { "rows_gather", "n d count", { 1, 1, 1 }, { 40, 60, 20 }, { 3000, 64, 50 }, { { 2800, 2560, 45 } }, gather_arrays, numbers_setup, gather_run, ax_op_device_free, gather_reference, NULL },
  { "rows_scatter", "n d count", { 1, 1, 1 }, { 40, 60, 20 }, { 3000, 64, 50 }, { { 2800, 2560, 45 } }, scatter_arrays, numbers_setup, scatter_run, ax_op_device_free, scatter_reference, NULL },
  { "rows_axpy", "rows d", { 1, 1 }, { 40, 60 }, { 1500, 64 }, { { 2048, 512 } }, rows_axpy_arrays, NULL, rows_axpy_run, NULL, rows_axpy_reference, NULL },
  { "columns_fill", "rows gap from width", { 1, 0, 0, 1 }, { 40, 9, 9, 5 }, { 1500, 3, 4, 2 }, { { 128, 45, 262144, 1 } }, fill_arrays, NULL, fill_run, NULL, fill_reference, NULL },
  { "batchnorm_fold", "c", { 1 }, { 300 }, { 40000 }, { { 2048 } }, fold_arrays, NULL, fold_run, NULL, fold_reference, NULL },
  { "batchnorm_track", "c rows", { 1, 1 }, { 300, 900 }, { 40000, 77 }, { { 2048, 4096 } }, track_arrays, NULL, track_run, NULL, track_reference, NULL },
  { "gated_rows", "rows ffn", { 1, 1 }, { 20, 60 }, { 200, 301 }, { { 1, 2048 }, { 1500, 2048 } }, gated_arrays, NULL, gated_run, NULL, gated_reference, NULL },
  { "gated_rows_backward", "rows ffn", { 1, 1 }, { 20, 60 }, { 200, 301 }, { { 1700, 2048 } }, gated_backward_arrays, NULL, gated_backward_run, NULL, gated_backward_reference, NULL },
  { "heads", "rows kv_heads group half", { 1, 1, 1, 1 }, { 12, 2, 4, 40 }, { 200, 2, 2, 64 }, { { 1, 1, 4, 128 }, { 1500, 1, 4, 128 } }, heads_arrays, NULL, heads_run, NULL, heads_reference, NULL },
  { "heads_backward", "rows kv_heads group half", { 1, 1, 1, 1 }, { 12, 2, 4, 40 }, { 200, 2, 2, 64 }, { { 1700, 1, 4, 128 } }, heads_backward_arrays, NULL, heads_backward_run, NULL, heads_backward_reference, NULL },
  { "cache_store", "n d gap at type", { 1, 1, 0, 0, 0 }, { 20, 60, 9, 9, 2 }, { 600, 256, 16, 5, 1 }, { { 512, 256, 1280, 0, AX_KV_F16 } }, store_arrays, place_setup, store_run, ax_op_device_free, store_reference, NULL },
  { NULL },
};
