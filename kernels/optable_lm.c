/* optable_lm.c: entries of the operation table for the language model's norm, rotary embedding, gated GELU, cross entropy and weight matrices (contract:
 * optable.h). Bounds as in optable_rows.c and optable_matrix.c. */
#include "kernels/optable.h"

#include <math.h>
#include <stdlib.h>

#define F(i) ((const float *) a[i])
#define ARRAY(name, role, n, lo, hi) ((AxOpArray) { name, role, AX_OP_F32, n, lo, hi })
typedef size_t Z;

#define EPS 1e-6f

/* ---- rmsnorm: d = rows d ---- */

static int
rmsnorm_arrays (const int *d, AxOpArray *a)
{
  const Z n = (Z) d[0] * (Z) d[1];
  a[0] = ARRAY ("x", AX_OP_IN, n, -1, 3);
  a[1] = ARRAY ("w", AX_OP_IN, (Z) d[1], -2, 2);
  a[2] = ARRAY ("y", AX_OP_OUT, n, 0, 0);
  a[3] = ARRAY ("rstd", AX_OP_OUT, (Z) d[0], 0, 0);
  return 4;
}

static void
rmsnorm_run (void *state, const int *d, void *const *a)
{
  ax_rmsnorm_forward ((Z) d[0], (Z) d[1], a[0], a[1], EPS, a[2], a[3]);
}

static void
rmsnorm_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z n = (Z) d[1];
  for (Z r = 0; r < (Z) d[0]; r++) {
    double squares = 0;
    for (Z i = 0; i < n; i++)
      squares += (double) F (0)[r * n + i] * (double) F (0)[r * n + i];
    const double rstd = 1 / sqrt (squares / (double) n + (double) EPS);
    value[3][r] = rstd;
    bound[3][r] = 1.01 * AX_U * rstd; /* all in double, rounded once */
    for (Z i = 0; i < n; i++) {
      value[2][r * n + i] = (double) F (0)[r * n + i] * rstd * (double) F (1)[i];
      bound[2][r * n + i] = 3.01 * AX_U * fabs (value[2][r * n + i]); /* rstd and two products */
    }
  }
}

static int
rmsnorm_backward_arrays (const int *d, AxOpArray *a)
{
  const Z n = (Z) d[0] * (Z) d[1];
  a[0] = ARRAY ("x", AX_OP_IN, n, -1, 3);
  a[1] = ARRAY ("w", AX_OP_IN, (Z) d[1], -2, 2);
  a[2] = ARRAY ("rstd", AX_OP_IN, (Z) d[0], 0.5f, 2);
  a[3] = ARRAY ("dy", AX_OP_IN, n, -1, 1);
  a[4] = ARRAY ("dx", AX_OP_ADD, n, -1, 1);
  a[5] = ARRAY ("dw", AX_OP_ADD, (Z) d[1], -1, 1);
  return 6;
}

static void
rmsnorm_backward_run (void *state, const int *d, void *const *a)
{
  ax_rmsnorm_backward ((Z) d[0], (Z) d[1], a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void
rmsnorm_backward_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z rows = (Z) d[0], n = (Z) d[1];
  for (Z r = 0; r < rows; r++) {
    const double rstd = (double) F (2)[r];
    double dot = 0, magnitude = 0;
    for (Z i = 0; i < n; i++) {
      const double t = (double) F (3)[r * n + i] * (double) F (1)[i] * (double) F (0)[r * n + i];
      dot += t;
      magnitude += fabs (t);
    }
    const double c = rstd * rstd * rstd / (double) n;
    for (Z i = 0; i < n; i++) {
      const double x = (double) F (0)[r * n + i], g = (double) F (3)[r * n + i] * (double) F (1)[i] * rstd, before = (double) F (4)[r * n + i];
      value[4][r * n + i] = before + g - c * dot * x;
      /* terms of the sum rounded twice and added in double, the factor rounded once; g twice; two sums */
      bound[4][r * n + i] = 2.1 * AX_U * c * magnitude * fabs (x) + 4 * AX_U * (fabs (g) + fabs (c * dot * x)) + AX_U * (fabs (before) + fabs (g));
    }
  }
  for (Z i = 0; i < n; i++) {
    double sum = 0, magnitude = 0;
    for (Z r = 0; r < rows; r++) {
      const double t = (double) F (3)[r * n + i] * (double) F (0)[r * n + i] * (double) F (2)[r];
      sum += t;
      magnitude += fabs (t);
    }
    value[5][i] = (double) F (5)[i] + sum;
    bound[5][i] = 2.1 * AX_U * magnitude + 2 * AX_U * (fabs (sum) + fabs ((double) F (5)[i]));
  }
}

/* ---- rope: d = rows heads half gap inverse ---- */

static int
rope_arrays (const int *d, AxOpArray *a)
{
  const Z hd = 2 * (Z) d[2];
  a[0] = ARRAY ("cos_sin", AX_OP_IN, (Z) d[0] * hd, -1, 1);
  a[1] = ARRAY ("x", AX_OP_ADD, (Z) d[0] * ((Z) d[1] * hd + (Z) d[3]), -2, 2);
  return 2;
}

static void
rope_run (void *state, const int *d, void *const *a)
{
  const Z hd = 2 * (Z) d[2];
  ax_rope ((Z) d[0], (Z) d[1], hd, (Z) d[1] * hd + (Z) d[3], a[0], d[4], a[1]);
}

static void
rope_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z half = (Z) d[2], hd = 2 * half, ldx = (Z) d[1] * hd + (Z) d[3];
  for (Z r = 0; r < (Z) d[0]; r++)
    for (Z h = 0; h < (Z) d[1]; h++)
      for (Z i = 0; i < half; i++) {
        const Z lo = r * ldx + h * hd + i, hi = lo + half;
        const double c = (double) F (0)[r * hd + i], s = (double) F (0)[r * hd + half + i] * (d[4] ? -1 : 1);
        const double x = (double) F (1)[lo], y = (double) F (1)[hi];
        value[1][lo] = x * c - y * s;
        value[1][hi] = y * c + x * s;
        bound[1][lo] = 2 * AX_U * (fabs (x * c) + fabs (y * s)); /* products and sum */
        bound[1][hi] = 2 * AX_U * (fabs (y * c) + fabs (x * s));
      }
}

/* ---- gated GELU: d = n ---- */

void
ax_op_gelu (double x, double out[4])
{
  const double v = 2 * sqrt (2 / M_PI) * (x + 0.044715 * x * x * x), s = 1 / (1 + exp (-v)), dv = 2 * sqrt (2 / M_PI) * (1 + 3 * 0.044715 * x * x);
  const double e = s * (1 - s) * (5 * fabs (v) + 3) * AX_U + 3 * AX_U * s;
  out[0] = x * s;
  out[1] = fabs (x) * e + AX_U * fabs (x * s) + 1e-37;
  out[2] = s + x * s * (1 - s) * dv;
  out[3] = e * (1 + fabs (x * dv)) + fabs (x * dv) * s * AX_U * (1 + (1 - s) * 9) + 3 * AX_U * s + 1e-37;
}

static int
gated_gelu_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("gate", AX_OP_IN, (Z) d[0], -7, 7);
  a[1] = ARRAY ("up", AX_OP_IN, (Z) d[0], -3, 3);
  a[2] = ARRAY ("y", AX_OP_OUT, (Z) d[0], 0, 0);
  return 3;
}

static void
gated_gelu_run (void *state, const int *d, void *const *a)
{
  ax_gated_gelu_forward ((Z) d[0], a[0], a[1], a[2]);
}

static void
gated_gelu_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  for (Z i = 0; i < (Z) d[0]; i++) {
    double t[4];
    ax_op_gelu ((double) F (0)[i], t);
    value[2][i] = t[0] * (double) F (1)[i];
    bound[2][i] = t[1] * fabs ((double) F (1)[i]) + AX_U * fabs (value[2][i]);
  }
}

static int
gated_gelu_backward_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("gate", AX_OP_IN, (Z) d[0], -7, 7);
  a[1] = ARRAY ("up", AX_OP_IN, (Z) d[0], -3, 3);
  a[2] = ARRAY ("dy", AX_OP_IN, (Z) d[0], -1, 1);
  a[3] = ARRAY ("dgate", AX_OP_ADD, (Z) d[0], -1, 1);
  a[4] = ARRAY ("dup", AX_OP_ADD, (Z) d[0], -1, 1);
  return 5;
}

static void
gated_gelu_backward_run (void *state, const int *d, void *const *a)
{
  ax_gated_gelu_backward ((Z) d[0], a[0], a[1], a[2], a[3], a[4]);
}

static void
gated_gelu_backward_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  for (Z i = 0; i < (Z) d[0]; i++) {
    double t[4];
    const double up = (double) F (1)[i], dy = (double) F (2)[i];
    ax_op_gelu ((double) F (0)[i], t);
    value[3][i] = (double) F (3)[i] + dy * up * t[2];
    bound[3][i] = fabs (dy * up) * (t[3] + 2 * AX_U * fabs (t[2])) + AX_U * fabs (value[3][i]);
    value[4][i] = (double) F (4)[i] + dy * t[0];
    bound[4][i] = fabs (dy) * (t[1] + AX_U * fabs (t[0])) + AX_U * fabs (value[4][i]);
  }
}

/* ---- cross entropy: d = rows n; the targets are spread over the classes ---- */

static int32_t *
targets_of (const int *d)
{
  int32_t *target = malloc ((Z) d[0] * sizeof *target);
  if (!target)
    abort ();
  for (int r = 0; r < d[0]; r++)
    target[r] = (int32_t) ((r * 7919u + 3) % (unsigned) d[1]);
  return target;
}

static void *
targets_setup (const int *d, void *const *a)
{
  return ax_op_device (targets_of (d), (Z) d[0] * sizeof (int32_t));
}

static int
cross_entropy_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("logits", AX_OP_IN, (Z) d[0] * (Z) d[1], -30, 30);
  a[1] = ARRAY ("lse", AX_OP_OUT, (Z) d[0], 0, 0);
  a[2] = ARRAY ("loss", AX_OP_OUT, (Z) d[0], 0, 0);
  return 3;
}

static void
cross_entropy_run (void *state, const int *d, void *const *a)
{
  ax_cross_entropy_forward ((Z) d[0], (Z) d[1], a[0], state, a[1], a[2]);
}

static void
cross_entropy_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  int32_t *target = targets_of (d);
  for (Z r = 0; r < (Z) d[0]; r++) {
    const float *x = F (0) + r * (Z) d[1];
    double top = -INFINITY, sum = 0, error = 0;
    for (Z i = 0; i < (Z) d[1]; i++)
      top = (double) x[i] > top ? (double) x[i] : top;
    for (Z i = 0; i < (Z) d[1]; i++) {
      const double e = exp ((double) x[i] - top);
      sum += e;
      error += e * (AX_U_EXP + AX_U * (top - (double) x[i])); /* the difference rounded once, then exp */
    }
    value[1][r] = top + log (sum);
    bound[1][r] = error / sum + 1.01 * AX_U * fabs (value[1][r]);
    value[2][r] = value[1][r] - (double) x[target[r]];
    bound[2][r] = error / sum + 1.01 * AX_U * fabs (value[2][r]) + 1e-15;
  }
  free (target);
}

static int
cross_entropy_backward_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("logits", AX_OP_IN, (Z) d[0] * (Z) d[1], -30, 30);
  a[1] = ARRAY ("dloss", AX_OP_IN, (Z) d[0], -2, 2);
  a[2] = ARRAY ("lse", AX_OP_WORK, (Z) d[0], 0, 0);
  a[3] = ARRAY ("loss", AX_OP_WORK, (Z) d[0], 0, 0);
  a[4] = ARRAY ("dlogits", AX_OP_OUT, (Z) d[0] * (Z) d[1], 0, 0);
  return 5;
}

static void
cross_entropy_backward_run (void *state, const int *d, void *const *a)
{
  ax_cross_entropy_forward ((Z) d[0], (Z) d[1], a[0], state, a[2], a[3]);
  ax_cross_entropy_backward ((Z) d[0], (Z) d[1], a[0], state, a[2], a[1], a[4]);
}

static void
cross_entropy_backward_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  int32_t *target = targets_of (d);
  for (Z r = 0; r < (Z) d[0]; r++) {
    const float *x = F (0) + r * (Z) d[1];
    double top = -INFINITY, sum = 0, error = 0;
    for (Z i = 0; i < (Z) d[1]; i++)
      top = (double) x[i] > top ? (double) x[i] : top;
    for (Z i = 0; i < (Z) d[1]; i++) {
      const double e = exp ((double) x[i] - top);
      sum += e;
      error += e * (AX_U_EXP + AX_U * (top - (double) x[i]));
    }
    const double lse = top + log (sum), lse_error = error / sum + 1.01 * AX_U * fabs (lse), g = (double) F (1)[r];
    for (Z i = 0; i < (Z) d[1]; i++) {
      const double p = exp ((double) x[i] - lse), hot = i == (Z) target[r];
      value[4][r * (Z) d[1] + i] = (p - hot) * g;
      bound[4][r * (Z) d[1] + i] = fabs (g) * (p * (lse_error + AX_U * fabs ((double) x[i] - lse) + AX_U_EXP + AX_U) + hot * AX_U * fabs (p - 1)) + 1e-37;
    }
  }
  free (target);
}

const AxOp ax_ops_lm[] = {
  { "rmsnorm", "rows d", { 1, 1 }, { 40, 100 }, { 300, 640 }, { { 1, 640 }, { 1500, 640 }, { 6000, 256 } },
    rmsnorm_arrays, NULL, rmsnorm_run, NULL, rmsnorm_reference, NULL },
  { "rmsnorm_backward", "rows d", { 1, 1 }, { 40, 100 }, { 300, 70 }, { { 1700, 640 } },
    rmsnorm_backward_arrays, NULL, rmsnorm_backward_run, NULL, rmsnorm_backward_reference, NULL },
  { "rope", "rows heads half gap inverse", { 1, 1, 1, 0, 0 }, { 30, 4, 40, 9, 1 }, { 200, 4, 128, 16, 0 }, { { 1, 4, 128 }, { 1500, 4, 128 } },
    rope_arrays, NULL, rope_run, NULL, rope_reference, NULL },
  { "gated_gelu", "n", { 1 }, { 300 }, { 60001 }, { { 2048 }, { 1500 * 2048 } },
    gated_gelu_arrays, NULL, gated_gelu_run, NULL, gated_gelu_reference, NULL },
  { "gated_gelu_backward", "n", { 1 }, { 300 }, { 60001 }, { { 1700 * 2048 } },
    gated_gelu_backward_arrays, NULL, gated_gelu_backward_run, NULL, gated_gelu_backward_reference, NULL },
  { "cross_entropy", "rows n", { 1, 1 }, { 20, 200 }, { 9, 20000 }, { { 64, 262144 } },
    cross_entropy_arrays, targets_setup, cross_entropy_run, ax_op_device_free, cross_entropy_reference, NULL },
  { "cross_entropy_backward", "rows n", { 1, 1 }, { 20, 200 }, { 9, 20000 }, { { 64, 262144 } },
    cross_entropy_backward_arrays, targets_setup, cross_entropy_backward_run, ax_op_device_free, cross_entropy_backward_reference, NULL },
  { NULL },
};
