/* optable_rows.c: entries of the operation table that reduce rows or columns: normalisations, softmax, pooling (contract: optable.h).
 *
 * Bounds are first order in u = 2^-24; a float32 sum of d terms in any order is in error by at most d u sum|term|, a sum in double by d 2^-53 of it. */
#include "kernels/optable.h"

#include <math.h>
#include <string.h>

#define F(i) ((const float *) a[i])
#define ARRAY(name, role, n, lo, hi) ((AxOpArray) { name, role, AX_OP_F32, n, lo, hi })
typedef size_t Z;

#define EPS 1e-5f

/* ---- layernorm: d = rows d ---- */

static int
layernorm_arrays (const int *d, AxOpArray *a)
{
  const Z n = (Z) d[0] * (Z) d[1];
  a[0] = ARRAY ("x", AX_OP_IN, n, -1, 3);
  a[1] = ARRAY ("gamma", AX_OP_IN, (Z) d[1], -2, 2);
  a[2] = ARRAY ("beta", AX_OP_IN, (Z) d[1], -1, 1);
  a[3] = ARRAY ("y", AX_OP_OUT, n, 0, 0);
  a[4] = ARRAY ("mean", AX_OP_OUT, (Z) d[0], 0, 0);
  a[5] = ARRAY ("rstd", AX_OP_OUT, (Z) d[0], 0, 0);
  return 6;
}

static void
layernorm_run (void *state, const int *d, void *const *a)
{
  ax_layernorm_forward ((Z) d[0], (Z) d[1], a[0], a[1], a[2], EPS, a[3], a[4], a[5]);
}

static void
layernorm_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z n = (Z) d[1];
  for (Z r = 0; r < (Z) d[0]; r++) {
    const float *x = F (0) + r * n;
    double mean = 0, magnitude = 0, var = 0;
    for (Z i = 0; i < n; i++) {
      mean += (double) x[i] / (double) n;
      magnitude += fabs ((double) x[i]) / (double) n;
    }
    for (Z i = 0; i < n; i++)
      var += ((double) x[i] - mean) * ((double) x[i] - mean) / (double) n;
    const double rstd = 1 / sqrt (var + (double) EPS), mean_error = (double) (n + 1) * AX_U * magnitude;
    /* deviations from a mean that is off by m add m^2 to the variance; each deviation is rounded; then the sum, eps, root and quotient */
    const double rstd_relative = 0.5 * ((double) (n + 4) * AX_U + mean_error * mean_error * rstd * rstd + 2 * AX_U * magnitude * rstd) + 3 * AX_U;
    value[4][r] = mean;
    bound[4][r] = mean_error;
    value[5][r] = rstd;
    bound[5][r] = rstd * rstd_relative;
    for (Z i = 0; i < n; i++) {
      const double g = fabs ((double) F (1)[i]), core = ((double) x[i] - mean) * rstd;
      value[3][r * n + i] = core * (double) F (1)[i] + (double) F (2)[i];
      bound[3][r * n + i] = g * rstd * mean_error + g * fabs (core) * (rstd_relative + 4 * AX_U) + AX_U * fabs (value[3][r * n + i]) + 1e-37;
    }
  }
}

static int
layernorm_backward_arrays (const int *d, AxOpArray *a)
{
  const Z n = (Z) d[0] * (Z) d[1];
  a[0] = ARRAY ("x", AX_OP_IN, n, -1, 3);
  a[1] = ARRAY ("gamma", AX_OP_IN, (Z) d[1], -2, 2);
  a[2] = ARRAY ("mean", AX_OP_IN, (Z) d[0], 0.5f, 1.5f);
  a[3] = ARRAY ("rstd", AX_OP_IN, (Z) d[0], 0.5f, 2);
  a[4] = ARRAY ("dy", AX_OP_IN, n, -1, 1);
  a[5] = ARRAY ("dx", AX_OP_ADD, n, -1, 1);
  a[6] = ARRAY ("dgamma", AX_OP_ADD, (Z) d[1], -1, 1);
  a[7] = ARRAY ("dbeta", AX_OP_ADD, (Z) d[1], -1, 1);
  return 8;
}

static void
layernorm_backward_run (void *state, const int *d, void *const *a)
{
  ax_layernorm_backward ((Z) d[0], (Z) d[1], a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
}

static void
layernorm_backward_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z rows = (Z) d[0], n = (Z) d[1];
  for (Z r = 0; r < rows; r++) {
    const double mean = (double) F (2)[r], rstd = (double) F (3)[r];
    double s0 = 0, s1 = 0, m0 = 0, m1 = 0;
    for (Z i = 0; i < n; i++) {
      const double g = (double) F (4)[r * n + i] * (double) F (1)[i], xhat = ((double) F (0)[r * n + i] - mean) * rstd;
      s0 += g / (double) n;
      s1 += g * xhat / (double) n;
      m0 += fabs (g) / (double) n;
      m1 += fabs (g * xhat) / (double) n;
    }
    for (Z i = 0; i < n; i++) {
      const double g = (double) F (4)[r * n + i] * (double) F (1)[i], xhat = ((double) F (0)[r * n + i] - mean) * rstd;
      const double before = (double) F (5)[r * n + i];
      value[5][r * n + i] = before + rstd * (g - s0 - xhat * s1);
      /* each mean: its sum, products (g: 1, xhat: 2) and the quotient; then the roundings of the three terms and the final sum */
      bound[5][r * n + i] = rstd * ((double) (n + 2) * AX_U * m0 + fabs (xhat) * (double) (n + 5) * AX_U * m1)
                            + 6 * AX_U * (rstd * (fabs (g) + fabs (s0) + fabs (xhat * s1)) + fabs (before));
    }
  }
  for (Z i = 0; i < n; i++) {
    double sg = 0, sb = 0, mg = 0, mb = 0;
    for (Z r = 0; r < rows; r++) {
      const double g = (double) F (4)[r * n + i], t = g * ((double) F (0)[r * n + i] - (double) F (2)[r]) * (double) F (3)[r];
      sg += t;
      sb += g;
      mg += fabs (t);
      mb += fabs (g);
    }
    value[6][i] = (double) F (6)[i] + sg;
    bound[6][i] = 3 * AX_U * mg + 2 * AX_U * (fabs (sg) + fabs ((double) F (6)[i])); /* each term is rounded three times, the sum is in double */
    value[7][i] = (double) F (7)[i] + sb;
    bound[7][i] = 2 * AX_U * (fabs (sb) + fabs ((double) F (7)[i])) + (double) rows * AX_UD * mb;
  }
}

/* ---- softmax: d = rows d ---- */

static int
softmax_arrays (const int *d, AxOpArray *a)
{
  const Z n = (Z) d[0] * (Z) d[1];
  a[0] = ARRAY ("x", AX_OP_IN, n, -60, 60); /* wide enough that some results vanish */
  a[1] = ARRAY ("y", AX_OP_OUT, n, 0, 0);
  return 2;
}

static void
softmax_run (void *state, const int *d, void *const *a)
{
  ax_softmax_forward ((Z) d[0], (Z) d[1], a[0], a[1]);
}

static void
softmax_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z n = (Z) d[1];
  for (Z r = 0; r < (Z) d[0]; r++) {
    const float *x = F (0) + r * n;
    double top = -INFINITY, sum = 0, error = 0;
    for (Z i = 0; i < n; i++)
      top = (double) x[i] > top ? (double) x[i] : top;
    for (Z i = 0; i < n; i++) {
      const double e = exp ((double) x[i] - top);
      sum += e;
      error += e * (AX_U_EXP + AX_U * (top - (double) x[i])); /* exp of a difference rounded once */
    }
    error = error / sum + (double) n * AX_U;
    for (Z i = 0; i < n; i++) {
      const double y = exp ((double) x[i] - top) / sum;
      value[1][r * n + i] = y;
      bound[1][r * n + i] = y * (AX_U_EXP + AX_U * (top - (double) x[i] + 3) + error) + 2e-38; /* below 2^-126 exp gives 0 */
    }
  }
}

static int
softmax_backward_arrays (const int *d, AxOpArray *a)
{
  const Z n = (Z) d[0] * (Z) d[1];
  a[0] = ARRAY ("y", AX_OP_IN, n, 0, 1);
  a[1] = ARRAY ("dy", AX_OP_IN, n, -1, 1);
  a[2] = ARRAY ("dx", AX_OP_ADD, n, -1, 1);
  return 3;
}

static void
softmax_backward_run (void *state, const int *d, void *const *a)
{
  ax_softmax_backward ((Z) d[0], (Z) d[1], a[0], a[1], a[2]);
}

static void
softmax_backward_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z n = (Z) d[1];
  for (Z r = 0; r < (Z) d[0]; r++) {
    double dot = 0, magnitude = 0;
    for (Z i = r * n; i < (r + 1) * n; i++) {
      dot += (double) F (0)[i] * (double) F (1)[i];
      magnitude += fabs ((double) F (0)[i] * (double) F (1)[i]);
    }
    for (Z i = r * n; i < (r + 1) * n; i++) {
      const double y = (double) F (0)[i], dy = (double) F (1)[i], before = (double) F (2)[i];
      value[2][i] = before + y * (dy - dot);
      bound[2][i] = y * (double) (n + 1) * AX_U * magnitude + 4 * AX_U * (fabs (y) * (fabs (dy) + fabs (dot)) + fabs (before));
    }
  }
}

/* ---- l2norm: d = rows d ---- */

static int
l2norm_arrays (const int *d, AxOpArray *a)
{
  const Z n = (Z) d[0] * (Z) d[1];
  a[0] = ARRAY ("x", AX_OP_IN, n, -3, 3);
  a[1] = ARRAY ("y", AX_OP_OUT, n, 0, 0);
  a[2] = ARRAY ("norm", AX_OP_OUT, (Z) d[0], 0, 0);
  return 3;
}

static void
l2norm_run (void *state, const int *d, void *const *a)
{
  ax_l2norm_forward ((Z) d[0], (Z) d[1], a[0], 1e-12f, a[1], a[2]);
}

static void
l2norm_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z n = (Z) d[1];
  for (Z r = 0; r < (Z) d[0]; r++) {
    double sum = 0;
    for (Z i = r * n; i < (r + 1) * n; i++)
      sum += (double) F (0)[i] * (double) F (0)[i];
    const double norm = sqrt (sum), divisor = norm > 1e-12 ? norm : 1e-12;
    value[2][r] = norm;
    bound[2][r] = 1.01 * AX_U * norm; /* a double rounded once; 1 % covers the double's own error */
    for (Z i = r * n; i < (r + 1) * n; i++) {
      value[1][i] = (double) F (0)[i] / divisor;
      bound[1][i] = 3.1 * AX_U * fabs (value[1][i]) + 1e-45;
    }
  }
}

static int
l2norm_backward_arrays (const int *d, AxOpArray *a)
{
  const Z n = (Z) d[0] * (Z) d[1];
  a[0] = ARRAY ("y", AX_OP_IN, n, -1, 1);
  a[1] = ARRAY ("norm", AX_OP_IN, (Z) d[0], 0, 2);
  a[2] = ARRAY ("dy", AX_OP_IN, n, -1, 1);
  a[3] = ARRAY ("dx", AX_OP_ADD, n, -1, 1);
  return 4;
}

#define L2_EPS 0.5f /* so that a quarter of the rows is below it */

static void
l2norm_backward_run (void *state, const int *d, void *const *a)
{
  ax_l2norm_backward ((Z) d[0], (Z) d[1], a[0], a[1], L2_EPS, a[2], a[3]);
}

static void
l2norm_backward_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z n = (Z) d[1];
  for (Z r = 0; r < (Z) d[0]; r++) {
    const double norm = (double) F (1)[r];
    const bool clamped = norm <= (double) L2_EPS;
    double dot = 0, magnitude = 0;
    for (Z i = r * n; i < (r + 1) * n && !clamped; i++) {
      dot += (double) F (0)[i] * (double) F (2)[i];
      magnitude += fabs ((double) F (0)[i] * (double) F (2)[i]);
    }
    const double inv = 1 / (clamped ? (double) L2_EPS : norm);
    for (Z i = r * n; i < (r + 1) * n; i++) {
      const double y = (double) F (0)[i], dy = (double) F (2)[i], before = (double) F (3)[i];
      value[3][i] = before + inv * (dy - y * dot);
      bound[3][i] = inv * fabs (y) * (double) (n + 1) * AX_U * magnitude + 5 * AX_U * (inv * (fabs (dy) + fabs (y * dot)) + fabs (before));
    }
  }
}

/* ---- batchnorm: d = rows c relu residual ---- */

static int
batchnorm_arrays (const int *d, AxOpArray *a)
{
  const Z n = (Z) d[0] * (Z) d[1];
  a[0] = ARRAY ("x", AX_OP_IN, n, -1, 3);
  a[1] = ARRAY ("gamma", AX_OP_IN, (Z) d[1], -2, 2);
  a[2] = ARRAY ("beta", AX_OP_IN, (Z) d[1], -1, 1);
  a[3] = ARRAY ("y", AX_OP_OUT, n, 0, 0);
  a[4] = ARRAY ("mean", AX_OP_OUT, (Z) d[1], 0, 0);
  a[5] = ARRAY ("rstd", AX_OP_OUT, (Z) d[1], 0, 0);
  a[6] = ARRAY ("residual", AX_OP_IN, n, -1, 1);
  return d[3] ? 7 : 6;
}

static void
batchnorm_run (void *state, const int *d, void *const *a)
{
  ax_batchnorm_forward ((Z) d[0], (Z) d[1], a[0], a[1], a[2], d[3] ? a[6] : NULL, d[2], EPS, a[3], a[4], a[5]);
}

static void
batchnorm_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z rows = (Z) d[0], c = (Z) d[1];
  for (Z i = 0; i < c; i++) {
    double mean = 0, var = 0, squares = 0;
    for (Z r = 0; r < rows; r++) {
      mean += (double) F (0)[r * c + i] / (double) rows;
      squares += (double) F (0)[r * c + i] * (double) F (0)[r * c + i] / (double) rows;
    }
    for (Z r = 0; r < rows; r++)
      var += ((double) F (0)[r * c + i] - mean) * ((double) F (0)[r * c + i] - mean) / (double) rows;
    const double rstd = 1 / sqrt (var + (double) EPS);
    /* the variance is E[x^2] - mean^2 in double: its error is relative to E[x^2] */
    const double relative = 2 * (double) (rows + 4) * AX_UD * squares * rstd * rstd;
    value[4][i] = mean;
    bound[4][i] = AX_U * fabs (mean) + (double) (rows + 2) * AX_UD * sqrt (squares) + 1e-45;
    value[5][i] = rstd;
    bound[5][i] = rstd * (AX_U + relative);
    for (Z r = 0; r < rows; r++) {
      const Z at = r * c + i;
      const double g = (double) F (1)[i] * rstd, x = (double) F (0)[at], res = d[3] ? (double) F (6)[at] : 0;
      const double shift = (double) F (2)[i] - mean * g, y = g * x + shift + res;
      value[3][at] = d[2] && y < 0 ? 0 : y;
      /* scale and shift are rounded once each, the product (where there is no fma) and the two sums once each */
      bound[3][at] = (2 * AX_U + relative) * (fabs (g * x) + fabs (mean * g)) + AX_U * (fabs (shift) + fabs (g * x + shift) + fabs (y)) + 1e-40;
    }
  }
}

static int
batchnorm_backward_arrays (const int *d, AxOpArray *a)
{
  const Z n = (Z) d[0] * (Z) d[1];
  a[0] = ARRAY ("x", AX_OP_IN, n, -1, 3);
  a[1] = ARRAY ("y", AX_OP_IN, n, -1, 1);
  a[2] = ARRAY ("gamma", AX_OP_IN, (Z) d[1], -2, 2);
  a[3] = ARRAY ("mean", AX_OP_IN, (Z) d[1], 0.5f, 1.5f);
  a[4] = ARRAY ("rstd", AX_OP_IN, (Z) d[1], 0.5f, 2);
  a[5] = ARRAY ("dy", AX_OP_IN, n, -1, 1);
  a[6] = ARRAY ("dx", AX_OP_ADD, n, -1, 1);
  a[7] = ARRAY ("dgamma", AX_OP_ADD, (Z) d[1], -1, 1);
  a[8] = ARRAY ("dbeta", AX_OP_ADD, (Z) d[1], -1, 1);
  a[9] = ARRAY ("dresidual", AX_OP_ADD, n, -1, 1);
  return d[3] ? 10 : 9;
}

static void
batchnorm_backward_run (void *state, const int *d, void *const *a)
{
  ax_batchnorm_backward ((Z) d[0], (Z) d[1], a[0], a[1], a[2], a[3], a[4], d[2], a[5], a[6], a[7], a[8], d[3] ? a[9] : NULL);
}

static void
batchnorm_backward_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z rows = (Z) d[0], c = (Z) d[1];
  for (Z i = 0; i < c; i++) {
    const double mean = (double) F (3)[i], rstd = (double) F (4)[i], k = (double) F (2)[i] * rstd, n = (double) rows;
    double s0 = 0, s1 = 0, m0 = 0, m1 = 0;
    for (Z r = 0; r < rows; r++) {
      const Z at = r * c + i;
      const double g = d[2] && F (1)[at] <= 0 ? 0 : (double) F (5)[at], t = g * ((double) F (0)[at] - mean) * rstd;
      s0 += g;
      s1 += t;
      m0 += fabs (g);
      m1 += fabs (t);
    }
    value[7][i] = (double) F (7)[i] + s1;
    bound[7][i] = 3 * AX_U * m1 + 2 * AX_U * (fabs (s1) + fabs ((double) F (7)[i]));
    value[8][i] = (double) F (8)[i] + s0;
    bound[8][i] = 2 * AX_U * (fabs (s0) + fabs ((double) F (8)[i])) + n * AX_UD * m0;
    for (Z r = 0; r < rows; r++) {
      const Z at = r * c + i;
      const double g = d[2] && F (1)[at] <= 0 ? 0 : (double) F (5)[at], x = (double) F (0)[at], before = (double) F (6)[at];
      value[6][at] = before + k * (g - s0 / n - (x - mean) * rstd * s1 / n);
      /* the terms of s1 are rounded three times; then dx = before + a g + b x + d, each coefficient and each step rounded once */
      const double slope = fabs (k) * rstd / n;
      bound[6][at] = slope * fabs (x - mean) * 3 * AX_U * m1
                     + 4 * AX_U * (fabs (k * g) + slope * fabs (s1) * (fabs (x) + fabs (mean)) + fabs (k * s0) / n + fabs (before));
      if (d[3]) {
        value[9][at] = (double) F (9)[at] + g;
        bound[9][at] = AX_U * fabs (value[9][at]);
      }
    }
  }
}

/* ---- max pooling, forward then backward through the index: d = n h w c k stride pad ---- */

static int
maxpool_arrays (const int *d, AxOpArray *a)
{
  if (d[1] + 2 * d[6] < d[4] || d[2] + 2 * d[6] < d[4] || 2 * d[6] > d[4])
    return 0;
  const Z in = (Z) d[0] * (Z) d[1] * (Z) d[2] * (Z) d[3];
  const Z out = (Z) d[0] * (Z) ax_conv_out (d[1], d[4], d[5], d[6]) * (Z) ax_conv_out (d[2], d[4], d[5], d[6]) * (Z) d[3];
  a[0] = ARRAY ("x", AX_OP_IN, in, -1, 1);
  a[1] = ARRAY ("dy", AX_OP_IN, out, -1, 1);
  a[2] = ARRAY ("y", AX_OP_OUT, out, 0, 0);
  a[3] = ARRAY ("dx", AX_OP_ADD, in, -1, 1);
  a[4] = (AxOpArray) { "index", AX_OP_WORK, AX_OP_U8, out, 0, 0 };
  return 5;
}

static void
maxpool_run (void *state, const int *d, void *const *a)
{
  const AxConvShape s = { d[0], d[1], d[2], d[3], d[3], d[4], d[4], d[5], d[6] };
  ax_maxpool_forward (&s, a[0], a[2], a[4]);
  ax_maxpool_backward (&s, a[1], a[4], a[3]);
  ax_maxpool_forward (&s, a[0], a[2], NULL); /* inference: the same values without the index */
}

static void
maxpool_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z c = (Z) d[3], oh = (Z) ax_conv_out (d[1], d[4], d[5], d[6]), ow = (Z) ax_conv_out (d[2], d[4], d[5], d[6]);
  const Z in = (Z) d[0] * (Z) d[1] * (Z) d[2] * c, out = (Z) d[0] * oh * ow * c;
  for (Z i = 0; i < in; i++) {
    value[3][i] = (double) F (3)[i];
    bound[3][i] = fabs (value[3][i]);
  }
  for (Z at = 0; at < out; at++) {
    const Z ch = at % c, ox = at / c % ow, oy = at / c / ow % oh, n = at / c / ow / oh;
    double best = -INFINITY;
    Z winner = 0;
    for (int t = 0; t < d[4] * d[4]; t++) {
      const int iy = (int) oy * d[5] - d[6] + t / d[4], ix = (int) ox * d[5] - d[6] + t % d[4];
      if (iy < 0 || iy >= d[1] || ix < 0 || ix >= d[2])
        continue;
      const Z i = ((n * (Z) d[1] + (Z) iy) * (Z) d[2] + (Z) ix) * c + ch;
      if ((double) F (0)[i] > best) {
        best = (double) F (0)[i];
        winner = i;
      }
    }
    value[2][at] = best;
    bound[2][at] = 0; /* a choice, not a computation */
    value[3][winner] += (double) F (1)[at];
    bound[3][winner] += fabs ((double) F (1)[at]);
  }
  for (Z i = 0; i < in; i++)
    bound[3][i] *= d[4] * d[4] * AX_U; /* at most k*k additions */
}

const AxOp ax_ops_rows[] = {
  { "layernorm", "rows d", { 1, 1 }, { 150, 300 }, { 500, 130 }, { { 1025, 256 }, { 16400, 256 } },
    layernorm_arrays, NULL, layernorm_run, NULL, layernorm_reference, NULL },
  { "layernorm_backward", "rows d", { 1, 1 }, { 200, 200 }, { 1000, 77 }, { { 1040, 256 }, { 16400, 256 } },
    layernorm_backward_arrays, NULL, layernorm_backward_run, NULL, layernorm_backward_reference, NULL },
  { "softmax", "rows d", { 1, 1 }, { 100, 300 }, { 500, 130 }, { { 8200, 1025 } },
    softmax_arrays, NULL, softmax_run, NULL, softmax_reference, NULL },
  { "softmax_backward", "rows d", { 1, 1 }, { 100, 300 }, { 500, 130 }, { { 8200, 1025 } },
    softmax_backward_arrays, NULL, softmax_backward_run, NULL, softmax_backward_reference, NULL },
  { "l2norm", "rows d", { 1, 1 }, { 100, 300 }, { 500, 130 }, { { 16400, 256 } },
    l2norm_arrays, NULL, l2norm_run, NULL, l2norm_reference, NULL },
  { "l2norm_backward", "rows d", { 1, 1 }, { 100, 300 }, { 500, 130 }, { { 16400, 256 } },
    l2norm_backward_arrays, NULL, l2norm_backward_run, NULL, l2norm_backward_reference, NULL },
  { "batchnorm", "rows c relu residual", { 2, 1, 0, 0 }, { 300, 70, 1, 1 }, { 5000, 35, 1, 1 },
    { { 262144, 64, 1 }, { 65536, 64, 1, 1 }, { 1024, 512, 1, 1 } },
    batchnorm_arrays, NULL, batchnorm_run, NULL, batchnorm_reference, NULL },
  { "batchnorm_backward", "rows c relu residual", { 2, 1, 0, 0 }, { 300, 70, 1, 1 }, { 5000, 35, 1, 1 },
    { { 262144, 64, 1 }, { 65536, 64, 1, 1 }, { 1024, 512, 1, 1 } },
    batchnorm_backward_arrays, NULL, batchnorm_backward_run, NULL, batchnorm_backward_reference, NULL },
  { "maxpool", "n h w c k stride pad", { 1, 1, 1, 1, 2, 1, 0 }, { 3, 20, 21, 40, 3, 2, 1 }, { 3, 41, 43, 33, 3, 2, 1 },
    { { 16, 128, 128, 64, 3, 2, 1 }, { 1, 256, 256, 64, 3, 2, 1 } },
    maxpool_arrays, NULL, maxpool_run, NULL, maxpool_reference, NULL },
  { NULL },
};
