/* optable_matrix.c: entries of the operation table whose work is multiplication: gemm, linear layers, convolutions, attention (contract: optable.h).
 *
 * Bounds: a sum of k products in any order has an error of at most (k + 1) u sum|a||b| (u = 2^-24, first order); every further rounding adds u times the
 * value it rounds. */
#include "kernels/optable.h"

#include <math.h>
#include <stdlib.h>

#define F(i) ((const float *) a[i])
#define ARRAY(name, role, n, lo, hi) ((AxOpArray) { name, role, AX_OP_F32, n, lo, hi })
typedef size_t Z;

/* ---- gemm: d = m n k trans_a trans_b beta(0, 1) ---- */

static int
gemm_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("a", AX_OP_IN, (Z) d[0] * (Z) d[2], -1, 1);
  a[1] = ARRAY ("b", AX_OP_IN, (Z) d[2] * (Z) d[1], -1, 1);
  a[2] = ARRAY ("c", d[5] ? AX_OP_ADD : AX_OP_OUT, (Z) d[0] * (Z) d[1], -1, 1);
  return 3;
}

static void
gemm_run (void *state, const int *d, void *const *a)
{
  ax_gemm (d[3], d[4], (Z) d[0], (Z) d[1], (Z) d[2], 0.75f, a[0], (Z) (d[3] ? d[0] : d[2]), a[1], (Z) (d[4] ? d[2] : d[1]), (float) d[5], a[2],
           (Z) d[1]);
}

static void
gemm_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z m = (Z) d[0], n = (Z) d[1], k = (Z) d[2];
  for (Z i = 0; i < m; i++)
    for (Z j = 0; j < n; j++) {
      double sum = 0, magnitude = 0;
      for (Z p = 0; p < k; p++) {
        const double t = 0.75 * (double) F (0)[d[3] ? p * m + i : i * k + p] * (double) F (1)[d[4] ? j * k + p : p * n + j];
        sum += t;
        magnitude += fabs (t);
      }
      const double c = d[5] ? (double) F (2)[i * n + j] : 0;
      value[2][i * n + j] = sum + c;
      bound[2][i * n + j] = (double) (k + 3) * AX_U * (magnitude + fabs (c));
    }
}

static double
gemm_flops (const int *d)
{
  return 2.0 * d[0] * d[1] * d[2];
}

/* ---- activations as plain functions, with the error of the float32 versions; e is the error of the argument ---- */

static double
act_value (int act, double x)
{
  const double u = 0.79788456080286535588 * (x + 0.044715 * x * x * x);
  switch (act) {
  case AX_ACT_RELU:
    return x > 0 ? x : 0;
  case AX_ACT_GELU_ERF:
    return 0.5 * x * (1 + erf (x * 0.70710678118654752440));
  case AX_ACT_GELU_TANH:
    return 0.5 * x * (1 + tanh (u));
  default:
    return x;
  }
}

/* erf to 8 u absolute; the slope of either GELU is below 1.13. The tanh form is x / (1 + exp(-v)), whose exponent carries 4 u |v|: times the slope of the
 * sigmoid (at most min(1/4, its value's distance to 0 or 1)) that is below 4 u |x|. */
static double
act_bound (int act, double x, double e)
{
  return act == AX_ACT_NONE || act == AX_ACT_RELU ? e : 1.13 * e + 12 * AX_U * fabs (x) + 1e-37;
}

/* ---- linear: d = rows in out act bias ---- */

static int
linear_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("x", AX_OP_IN, (Z) d[0] * (Z) d[1], -1, 1);
  a[1] = ARRAY ("w", AX_OP_IN, (Z) d[1] * (Z) d[2], -1, 1);
  a[2] = ARRAY ("b", AX_OP_IN, (Z) d[2], -1, 1);
  a[3] = ARRAY ("y", AX_OP_OUT, (Z) d[0] * (Z) d[2], 0, 0);
  a[4] = ARRAY ("pre", AX_OP_OUT, (Z) d[0] * (Z) d[2], 0, 0);
  return d[3] == AX_ACT_NONE ? 4 : 5;
}

static void
linear_run (void *state, const int *d, void *const *a)
{
  ax_linear_forward ((Z) d[0], (Z) d[1], (Z) d[2], a[0], a[1], d[4] ? a[2] : NULL, (AxActivation) d[3],
                     d[3] == AX_ACT_NONE ? NULL : a[4], a[3]);
}

static void
linear_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z rows = (Z) d[0], in = (Z) d[1], out = (Z) d[2];
  for (Z r = 0; r < rows; r++)
    for (Z o = 0; o < out; o++) {
      double sum = d[4] ? (double) F (2)[o] : 0, magnitude = fabs (sum);
      for (Z i = 0; i < in; i++) {
        const double t = (double) F (0)[r * in + i] * (double) F (1)[o * in + i];
        sum += t;
        magnitude += fabs (t);
      }
      const double e = (double) (in + 2) * AX_U * magnitude;
      value[3][r * out + o] = act_value (d[3], sum);
      bound[3][r * out + o] = act_bound (d[3], sum, e);
      if (d[3] != AX_ACT_NONE) {
        value[4][r * out + o] = sum;
        bound[4][r * out + o] = e;
      }
    }
}

/* d = rows in out */
static int
linear_backward_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("x", AX_OP_IN, (Z) d[0] * (Z) d[1], -1, 1);
  a[1] = ARRAY ("w", AX_OP_IN, (Z) d[1] * (Z) d[2], -1, 1);
  a[2] = ARRAY ("dy", AX_OP_IN, (Z) d[0] * (Z) d[2], -1, 1);
  a[3] = ARRAY ("dx", AX_OP_ADD, (Z) d[0] * (Z) d[1], -1, 1);
  a[4] = ARRAY ("dw", AX_OP_ADD, (Z) d[1] * (Z) d[2], -1, 1);
  a[5] = ARRAY ("db", AX_OP_ADD, (Z) d[2], -1, 1);
  return 6;
}

static void
linear_backward_run (void *state, const int *d, void *const *a)
{
  ax_linear_backward ((Z) d[0], (Z) d[1], (Z) d[2], a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void
linear_backward_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z rows = (Z) d[0], in = (Z) d[1], out = (Z) d[2];
  for (Z r = 0; r < rows; r++)
    for (Z i = 0; i < in; i++) {
      double sum = (double) F (3)[r * in + i], magnitude = fabs (sum);
      for (Z o = 0; o < out; o++) {
        const double t = (double) F (2)[r * out + o] * (double) F (1)[o * in + i];
        sum += t;
        magnitude += fabs (t);
      }
      value[3][r * in + i] = sum;
      bound[3][r * in + i] = (double) (out + 2) * AX_U * magnitude;
    }
  for (Z o = 0; o < out; o++) {
    for (Z i = 0; i < in; i++) {
      double sum = (double) F (4)[o * in + i], magnitude = fabs (sum);
      for (Z r = 0; r < rows; r++) {
        const double t = (double) F (2)[r * out + o] * (double) F (0)[r * in + i];
        sum += t;
        magnitude += fabs (t);
      }
      value[4][o * in + i] = sum;
      bound[4][o * in + i] = (double) (rows + 2) * AX_U * magnitude;
    }
    double sum = 0, magnitude = 0;
    for (Z r = 0; r < rows; r++) {
      sum += (double) F (2)[r * out + o];
      magnitude += fabs ((double) F (2)[r * out + o]);
    }
    const double before = (double) F (5)[o];
    value[5][o] = before + sum;
    /* the sum in double, rounded once, added once */
    bound[5][o] = 2 * AX_U * (fabs (sum) + fabs (before)) + (double) rows * AX_UD * magnitude;
  }
}

static double
linear_backward_flops (const int *d)
{
  return 4.0 * d[0] * d[1] * d[2];
}

/* ---- convolution: d = n h w ic oc k stride pad relu residual ---- */

typedef struct {
  AxConvShape s;
  Z oh, ow, in, out, weights;
} Conv;

static Conv
conv_of (const int *d)
{
  Conv c = { .s = { d[0], d[1], d[2], d[3], d[4], d[5], d[5], d[6], d[7] } };
  c.oh = (Z) ax_conv_out (d[1], d[5], d[6], d[7]);
  c.ow = (Z) ax_conv_out (d[2], d[5], d[6], d[7]);
  c.in = (Z) d[0] * (Z) d[1] * (Z) d[2] * (Z) d[3];
  c.out = (Z) d[0] * c.oh * c.ow * (Z) d[4];
  c.weights = (Z) d[4] * (Z) d[3] * (Z) d[5] * (Z) d[5];
  return c;
}

static bool
conv_sensible (const int *d)
{
  return d[1] + 2 * d[7] >= d[5] && d[2] + 2 * d[7] >= d[5] && d[7] < d[5];
}

static double
conv_flops (const int *d)
{
  const Conv c = conv_of (d);
  return 2.0 * (double) c.out * d[3] * d[5] * d[5];
}

static int
conv_arrays (const int *d, AxOpArray *a)
{
  if (!conv_sensible (d))
    return 0;
  const Conv c = conv_of (d);
  a[0] = ARRAY ("x", AX_OP_IN, c.in, -1, 1);
  a[1] = ARRAY ("w", AX_OP_IN, c.weights, -1, 1);
  a[2] = ARRAY ("scale", AX_OP_IN, (Z) d[4], 0.5f, 1.5f);
  a[3] = ARRAY ("bias", AX_OP_IN, (Z) d[4], -1, 1);
  a[4] = ARRAY ("y", AX_OP_OUT, c.out, 0, 0);
  a[5] = ARRAY ("residual", AX_OP_IN, c.out, -1, 1);
  return d[9] ? 6 : 5;
}

static void *
conv_new (const int *d, void *const *a, bool bf16)
{
  Conv c = conv_of (d);
  c.s.bf16 = bf16;
  AxConv *conv = ax_conv_new (&c.s, d[8], true);
  ax_conv_set_weights (conv, a[1], a[2], a[3]);
  return conv;
}

static void *conv_setup (const int *d, void *const *a) { return conv_new (d, a, false); }
static void *conv_bf16_setup (const int *d, void *const *a) { return conv_new (d, a, true); }

/* With products in bfloat16 both factors of a term are rounded. */
#define BF16_PRODUCT (2 * 0x1p-8 + 0x1p-16)

static void
conv_teardown (void *state)
{
  ax_conv_free (state);
}

static void
conv_run (void *state, const int *d, void *const *a)
{
  ax_conv_forward (state, a[0], d[9] ? a[5] : NULL, a[4]);
}

static void
conv_reference_with (const int *d, void *const *a, double u, double *const *value, double *const *bound)
{
  const Conv c = conv_of (d);
  const Z taps = (Z) d[5] * (Z) d[5], ic = (Z) d[3], oc = (Z) d[4];
  for (Z at = 0; at < c.out; at++) {
    const Z o = at % oc, ox = at / oc % c.ow, oy = at / oc / c.ow % c.oh, n = at / oc / c.ow / c.oh;
    double sum = (double) F (3)[o] + (d[9] ? (double) F (5)[at] : 0), magnitude = fabs ((double) F (3)[o]) + (d[9] ? fabs ((double) F (5)[at]) : 0);
    const double others = magnitude;
    for (Z t = 0; t < taps; t++) {
      const int iy = (int) oy * d[6] - d[7] + (int) t / d[5], ix = (int) ox * d[6] - d[7] + (int) t % d[5];
      if (iy < 0 || iy >= d[1] || ix < 0 || ix >= d[2])
        continue;
      for (Z i = 0; i < ic; i++) {
        const double p = (double) F (0)[((n * (Z) d[1] + (Z) iy) * (Z) d[2] + (Z) ix) * ic + i] * (double) F (1)[(o * ic + i) * taps + t]
                         * (double) F (2)[o];
        sum += p;
        magnitude += fabs (p);
      }
    }
    value[4][at] = d[8] && sum < 0 ? 0 : sum;
    bound[4][at] = (double) (ic * taps + 4) * AX_U * magnitude + u * (magnitude - others); /* terms, bias, residual, and the rounding of weight times scale */
  }
}

static void
conv_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  conv_reference_with (d, a, 0, value, bound);
}

static void
conv_bf16_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  conv_reference_with (d, a, BF16_PRODUCT, value, bound);
}

/* d = n h w ic oc k stride pad accumulate */
static int
conv_data_arrays (const int *d, AxOpArray *a)
{
  if (!conv_sensible (d))
    return 0;
  const Conv c = conv_of (d);
  a[0] = ARRAY ("dy", AX_OP_IN, c.out, -1, 1);
  a[1] = ARRAY ("w", AX_OP_IN, c.weights, -1, 1);
  a[2] = ARRAY ("scale", AX_OP_IN, (Z) d[4], 0.5f, 1.5f);
  a[3] = ARRAY ("bias", AX_OP_IN, (Z) d[4], -1, 1);
  a[4] = ARRAY ("dx", d[8] ? AX_OP_ADD : AX_OP_OUT, c.in, -1, 1);
  return 5;
}

static void
conv_data_run (void *state, const int *d, void *const *a)
{
  ax_conv_backward_data (state, a[0], a[4], d[8]);
}

/* Visits every (output, tap) pair that an input element meets: the definition of the transpose. */
static void
conv_data_reference_with (const int *d, void *const *a, double u, double *const *value, double *const *bound)
{
  const Conv c = conv_of (d);
  const Z taps = (Z) d[5] * (Z) d[5], ic = (Z) d[3], oc = (Z) d[4];
  for (Z at = 0; at < c.in; at++)
    value[4][at] = bound[4][at] = 0;
  for (Z out = 0; out < c.out / oc; out++) {
    const Z ox = out % c.ow, oy = out / c.ow % c.oh, n = out / c.ow / c.oh;
    for (Z t = 0; t < taps; t++) {
      const int iy = (int) oy * d[6] - d[7] + (int) t / d[5], ix = (int) ox * d[6] - d[7] + (int) t % d[5];
      if (iy < 0 || iy >= d[1] || ix < 0 || ix >= d[2])
        continue;
      const Z at = ((n * (Z) d[1] + (Z) iy) * (Z) d[2] + (Z) ix) * ic;
      for (Z i = 0; i < ic; i++)
        for (Z o = 0; o < oc; o++) {
          const double p = (double) F (0)[out * oc + o] * (double) F (1)[(o * ic + i) * taps + t] * (double) F (2)[o];
          value[4][at + i] += p;
          bound[4][at + i] += fabs (p);
        }
    }
  }
  for (Z at = 0; at < c.in; at++) {
    const double before = d[8] ? (double) F (4)[at] : 0;
    value[4][at] += before;
    bound[4][at] = (double) (oc * taps + 3) * AX_U * (bound[4][at] + fabs (before)) + u * bound[4][at];
  }
}

static void
conv_data_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  conv_data_reference_with (d, a, 0, value, bound);
}

static void
conv_data_bf16_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  conv_data_reference_with (d, a, BF16_PRODUCT, value, bound);
}

/* d = n h w ic oc k stride pad */
static int
conv_weights_arrays (const int *d, AxOpArray *a)
{
  if (!conv_sensible (d))
    return 0;
  const Conv c = conv_of (d);
  a[0] = ARRAY ("x", AX_OP_IN, c.in, -1, 1);
  a[1] = ARRAY ("w", AX_OP_IN, c.weights, -1, 1);
  a[2] = ARRAY ("scale", AX_OP_IN, (Z) d[4], 0.5f, 1.5f);
  a[3] = ARRAY ("bias", AX_OP_IN, (Z) d[4], -1, 1);
  a[4] = ARRAY ("dy", AX_OP_IN, c.out, -1, 1);
  a[5] = ARRAY ("dw", AX_OP_ADD, c.weights, -1, 1);
  a[6] = ARRAY ("db", AX_OP_ADD, (Z) d[4], -1, 1);
  return 7;
}

static void
conv_weights_run (void *state, const int *d, void *const *a)
{
  ax_conv_backward_weights (state, a[0], a[4], a[5], a[6]);
}

static void
conv_weights_reference_with (const int *d, void *const *a, double u, double *const *value, double *const *bound)
{
  const Conv c = conv_of (d);
  const Z taps = (Z) d[5] * (Z) d[5], ic = (Z) d[3], oc = (Z) d[4], pixels = c.out / oc;
  for (Z at = 0; at < c.weights; at++) {
    const Z t = at % taps, i = at / taps % ic, o = at / taps / ic;
    double sum = (double) F (5)[at], magnitude = fabs (sum);
    const double before = magnitude;
    for (Z out = 0; out < pixels; out++) {
      const Z ox = out % c.ow, oy = out / c.ow % c.oh, n = out / c.ow / c.oh;
      const int iy = (int) oy * d[6] - d[7] + (int) t / d[5], ix = (int) ox * d[6] - d[7] + (int) t % d[5];
      if (iy < 0 || iy >= d[1] || ix < 0 || ix >= d[2])
        continue;
      const double p = (double) F (0)[((n * (Z) d[1] + (Z) iy) * (Z) d[2] + (Z) ix) * ic + i] * (double) F (4)[out * oc + o];
      sum += p;
      magnitude += fabs (p);
    }
    value[5][at] = sum;
    bound[5][at] = (double) (pixels + 2) * AX_U * magnitude + u * (magnitude - before);
  }
  for (Z o = 0; o < oc; o++) {
    double sum = 0, magnitude = 0;
    for (Z out = 0; out < pixels; out++) {
      sum += (double) F (4)[out * oc + o];
      magnitude += fabs ((double) F (4)[out * oc + o]);
    }
    value[6][o] = sum + (double) F (6)[o];
    bound[6][o] = 2 * AX_U * (fabs (sum) + fabs ((double) F (6)[o])) + (double) pixels * AX_UD * magnitude;
  }
}

static void
conv_weights_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  conv_weights_reference_with (d, a, 0, value, bound);
}

static void
conv_weights_bf16_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  conv_weights_reference_with (d, a, BF16_PRODUCT, value, bound);
}

/* ---- attention: d = batch heads tq tk hd probs; q, k, v have rows of heads*hd + 3, so that strides are tested ---- */

static AxAttentionShape
attention_of (const int *d)
{
  const Z ld = (Z) d[1] * (Z) d[4];
  return (AxAttentionShape) { (Z) d[0], (Z) d[1], (Z) d[2], (Z) d[3], (Z) d[4], ld + 3, ld + 1, ld + 2, ld, (float) (1 / sqrt (d[4])) };
}

static int
attention_arrays (const int *d, AxOpArray *a)
{
  const AxAttentionShape s = attention_of (d);
  a[0] = ARRAY ("q", AX_OP_IN, s.batch * s.tq * s.ldq, -2, 2);
  a[1] = ARRAY ("k", AX_OP_IN, s.batch * s.tk * s.ldk, -2, 2);
  a[2] = ARRAY ("v", AX_OP_IN, s.batch * s.tk * s.ldv, -1, 1);
  a[3] = ARRAY ("out", AX_OP_OUT, s.batch * s.tq * s.ldo, 0, 0);
  a[4] = ARRAY ("probs", AX_OP_OUT, s.batch * s.heads * s.tq * s.tk, 0, 0);
  return d[5] ? 5 : 4;
}

static void
attention_run (void *state, const int *d, void *const *a)
{
  const AxAttentionShape s = attention_of (d);
  ax_attention_forward (&s, a[0], a[1], a[2], d[5] ? a[4] : NULL, a[3]);
}

static void
attention_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const AxAttentionShape s = attention_of (d);
  double *p = malloc (2 * s.tk * sizeof *p), *e = p + s.tk;
  for (Z row = 0; row < s.batch * s.heads * s.tq; row++) {
    const Z i = row % s.tq, h = row / s.tq % s.heads, b = row / s.tq / s.heads;
    double top = -INFINITY, worst = 0, total = 0;
    for (Z j = 0; j < s.tk; j++) {
      double magnitude = 0;
      p[j] = 0;
      for (Z c = 0; c < s.hd; c++) {
        const double t = (double) s.scale * (double) F (0)[(b * s.tq + i) * s.ldq + h * s.hd + c]
                         * (double) F (1)[(b * s.tk + j) * s.ldk + h * s.hd + c];
        p[j] += t;
        magnitude += fabs (t);
      }
      e[j] = (double) (s.hd + 2) * AX_U * magnitude; /* of the scaled score */
      top = p[j] > top ? p[j] : top;
      worst = e[j] > worst ? e[j] : worst;
    }
    for (Z j = 0; j < s.tk; j++) {
      e[j] += AX_U * (fabs (top) + fabs (p[j] - top)) + AX_U_EXP; /* subtraction, exp */
      p[j] = exp (p[j] - top);
      total += p[j];
    }
    for (Z j = 0; j < s.tk; j++) {
      p[j] /= total;
      e[j] = p[j] * (e[j] + worst + AX_U * (2 * fabs (top) + (double) s.tk + 8)) + 2e-38; /* and the same for the sum, its additions, the quotient */
      if (d[5]) {
        value[4][row * s.tk + j] = p[j];
        bound[4][row * s.tk + j] = e[j];
      }
    }
    for (Z c = 0; c < s.hd; c++) {
      double sum = 0, error = 0;
      for (Z j = 0; j < s.tk; j++) {
        const double v = (double) F (2)[(b * s.tk + j) * s.ldv + h * s.hd + c];
        sum += p[j] * v;
        error += fabs (v) * (e[j] + (double) (s.tk + 1) * AX_U * p[j]);
      }
      value[3][(b * s.tq + i) * s.ldo + h * s.hd + c] = sum;
      bound[3][(b * s.tq + i) * s.ldo + h * s.hd + c] = error;
    }
  }
  free (p);
}

static double
attention_flops (const int *d)
{
  return 4.0 * d[0] * d[1] * d[2] * d[3] * d[4];
}

static int
attention_backward_arrays (const int *d, AxOpArray *a)
{
  const AxAttentionShape s = attention_of (d);
  a[0] = ARRAY ("q", AX_OP_IN, s.batch * s.tq * s.ldq, -2, 2);
  a[1] = ARRAY ("k", AX_OP_IN, s.batch * s.tk * s.ldk, -2, 2);
  a[2] = ARRAY ("v", AX_OP_IN, s.batch * s.tk * s.ldv, -1, 1);
  a[3] = ARRAY ("probs", AX_OP_IN, s.batch * s.heads * s.tq * s.tk, 0, 1);
  a[4] = ARRAY ("dout", AX_OP_IN, s.batch * s.tq * s.ldo, -1, 1);
  a[5] = ARRAY ("dq", AX_OP_ADD, s.batch * s.tq * s.ldq, -1, 1);
  a[6] = ARRAY ("dk", AX_OP_ADD, s.batch * s.tk * s.ldk, -1, 1);
  a[7] = ARRAY ("dv", AX_OP_ADD, s.batch * s.tk * s.ldv, -1, 1);
  return 8;
}

static void
attention_backward_run (void *state, const int *d, void *const *a)
{
  const AxAttentionShape s = attention_of (d);
  ax_attention_backward (&s, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
}

/* Any positive probs will do: the formula is that of the softmax's gradient whether or not the rows add to one. While summing, bound holds first-order
 * error of the terms and, for the additions, the sum of magnitudes times (terms + 2) u. */
static void
attention_backward_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const AxAttentionShape s = attention_of (d);
  const Z size[3] = { s.batch * s.tq * s.ldq, s.batch * s.tk * s.ldk, s.batch * s.tk * s.ldv };
  const double terms[3] = { (double) s.tk + 2, (double) s.tq + 2, (double) s.tq + 2 };
  for (int x = 0; x < 3; x++)
    for (Z i = 0; i < size[x]; i++) {
      value[5 + x][i] = (double) F (5 + x)[i];
      bound[5 + x][i] = terms[x] * AX_U * fabs ((double) F (5 + x)[i]);
    }
  double *dp = malloc (2 * s.tk * sizeof *dp), *e = dp + s.tk;
  for (Z row = 0; row < s.batch * s.heads * s.tq; row++) {
    const Z i = row % s.tq, h = row / s.tq % s.heads, b = row / s.tq / s.heads;
    const float *p = F (3) + row * s.tk, *dout = F (4) + (b * s.tq + i) * s.ldo + h * s.hd;
    const Z q_at = (b * s.tq + i) * s.ldq + h * s.hd;
    double dot = 0, dot_error = 0;
    for (Z j = 0; j < s.tk; j++) {
      const Z v_at = (b * s.tk + j) * s.ldv + h * s.hd;
      dp[j] = e[j] = 0;
      for (Z c = 0; c < s.hd; c++) {
        const double t = (double) dout[c] * (double) F (2)[v_at + c], u = (double) p[j] * (double) dout[c];
        dp[j] += t;
        e[j] += (double) (s.hd + 1) * AX_U * fabs (t);
        value[7][v_at + c] += u;
        bound[7][v_at + c] += terms[2] * AX_U * fabs (u);
      }
      dot += (double) p[j] * dp[j];
      dot_error += (double) p[j] * (e[j] + (double) (s.tk + 1) * AX_U * fabs (dp[j]));
    }
    for (Z j = 0; j < s.tk; j++) {
      const Z k_at = (b * s.tk + j) * s.ldk + h * s.hd;
      const double factor = (double) s.scale * (double) p[j], ds = factor * (dp[j] - dot);
      const double error = factor * (e[j] + dot_error) + 3 * AX_U * fabs (ds);
      for (Z c = 0; c < s.hd; c++) {
        const double k = (double) F (1)[k_at + c], q = (double) F (0)[q_at + c];
        value[5][q_at + c] += ds * k;
        bound[5][q_at + c] += fabs (k) * (error + terms[0] * AX_U * fabs (ds));
        value[6][k_at + c] += ds * q;
        bound[6][k_at + c] += fabs (q) * (error + terms[1] * AX_U * fabs (ds));
      }
    }
  }
  free (dp);
}

static double
attention_backward_flops (const int *d)
{
  return 8.0 * d[0] * d[1] * d[2] * d[3] * d[4];
}

const AxOp ax_ops_matrix[] = {
  { "gemm", "m n k ta tb beta", { 1, 1, 1 }, { 75, 70, 90, 1, 1, 1 }, { 1040, 300, 65 },
    { { 1025, 256, 256, 0, 1 }, { 1040, 768, 256, 0, 1 }, { 1024, 256, 1040, 1, 0, 1 }, { 16400, 256, 1024, 0, 1 }, { 256, 256, 16400, 1, 0, 1 } },
    gemm_arrays, NULL, gemm_run, NULL, gemm_reference, gemm_flops },
  { "linear", "rows in out act bias", { 1, 1, 1 }, { 70, 80, 75, 3, 1 }, { 600, 40, 150, 2, 1 },
    { { 65, 256, 768, 0, 1 }, { 1025, 256, 1024, 2, 1 }, { 1025, 1024, 256, 0, 1 }, { 16400, 256, 768, 0, 1 } },
    linear_arrays, NULL, linear_run, NULL, linear_reference, gemm_flops },
  { "linear_backward", "rows in out", { 1, 1, 1 }, { 80, 70, 60 }, { 2100, 64, 130 },
    { { 1040, 256, 768 }, { 16400, 256, 1024 } },
    linear_backward_arrays, NULL, linear_backward_run, NULL, linear_backward_reference, linear_backward_flops },
  { "conv", "n h w ic oc k stride pad relu residual", { 1, 1, 1, 1, 1, 1, 1, 0, 0, 0 }, { 4, 20, 19, 20, 21, 3, 2, 2, 1, 1 },
    { 3, 41, 37, 16, 32, 3, 1, 1, 1, 1 },
    { { 1, 512, 512, 1, 64, 7, 2, 3, 1 }, { 1, 128, 128, 64, 64, 3, 1, 1, 1, 1 }, { 1, 32, 32, 256, 256, 3, 1, 1, 1, 1 }, { 1, 16, 16, 512, 512, 3, 1, 1, 1, 1 },
      { 1, 64, 64, 1024, 256, 1, 1, 0, 1 }, { 16, 64, 64, 64, 64, 3, 1, 1 }, { 16, 8, 8, 512, 512, 3, 1, 1 } },
    conv_arrays, conv_setup, conv_run, conv_teardown, conv_reference, conv_flops },
  { "conv7", "n h w ic oc k stride pad relu residual", { 1, 7, 7, 1, 3, 7, 1, 3, 0, 0 }, { 2, 40, 37, 3, 18, 7, 2, 3, 1, 0 },
    { 2, 70, 61, 1, 16, 7, 2, 3, 1 }, { { 16, 256, 256, 1, 64, 7, 2, 3 } },
    conv_arrays, conv_setup, conv_run, conv_teardown, conv_reference, conv_flops },
  { "conv_backward_data", "n h w ic oc k stride pad add", { 1, 1, 1, 1, 1, 1, 1, 0, 0 }, { 5, 19, 18, 20, 19, 3, 2, 2, 1 },
    { 5, 33, 29, 16, 32, 3, 1, 1, 1 },
    { { 16, 64, 64, 64, 64, 3, 1, 1 }, { 16, 32, 32, 128, 128, 3, 1, 1 }, { 16, 16, 16, 256, 256, 3, 1, 1 }, { 16, 8, 8, 512, 512, 3, 1, 1 }, { 16, 64, 64, 64, 128, 3, 2, 1 } },
    conv_data_arrays, conv_setup, conv_data_run, conv_teardown, conv_data_reference, conv_flops },
  { "conv_backward_weights", "n h w ic oc k stride pad", { 1, 1, 1, 1, 1, 1, 1, 0 }, { 9, 17, 18, 20, 19, 3, 2, 2 }, { 9, 33, 29, 16, 32, 3, 1, 1 },
    { { 16, 256, 256, 1, 64, 7, 2, 3 }, { 16, 64, 64, 64, 64, 3, 1, 1 }, { 16, 32, 32, 128, 128, 3, 1, 1 }, { 16, 16, 16, 256, 256, 3, 1, 1 }, { 16, 8, 8, 512, 512, 3, 1, 1 },
      { 16, 64, 64, 64, 128, 3, 2, 1 } },
    conv_weights_arrays, conv_setup, conv_weights_run, conv_teardown, conv_weights_reference, conv_flops },
  /* Where the machine has no such products, these are the entries above again. Channels of 8, 16 and others, so that both ways of reading them are drawn. */
  { "conv_bf16", "n h w ic oc k stride pad relu residual", { 1, 1, 1, 7, 7, 1, 1, 0, 0, 0 }, { 4, 20, 19, 8, 17, 3, 2, 2, 1, 1 }, { 1, 21, 17, 16, 24, 3, 1, 1, 1, 1 },
    { { 1, 512, 512, 1, 64, 7, 2, 3, 1 }, { 1, 256, 256, 64, 64, 3, 1, 1, 1, 1 }, { 1, 64, 64, 256, 256, 3, 1, 1, 1, 1 }, { 1, 32, 32, 512, 512, 3, 1, 1, 1, 1 },
      { 1, 64, 64, 1024, 256, 1, 1, 0, 1 }, { 1, 256, 256, 256, 64, 1, 1, 0, 1 }, { 16, 64, 64, 256, 256, 3, 1, 1 } },
    conv_arrays, conv_bf16_setup, conv_run, conv_teardown, conv_bf16_reference, conv_flops },
  { "conv_bf16_backward_data", "n h w ic oc k stride pad add", { 1, 1, 1, 7, 7, 1, 1, 0, 0 }, { 5, 19, 18, 17, 8, 3, 2, 2, 1 }, { 1, 21, 17, 16, 24, 3, 1, 1, 1 },
    { { 16, 256, 256, 64, 64, 3, 1, 1 }, { 16, 64, 64, 256, 256, 3, 1, 1 }, { 16, 32, 32, 512, 512, 3, 1, 1 }, { 16, 128, 128, 128, 128, 3, 2, 1 } },
    conv_data_arrays, conv_bf16_setup, conv_data_run, conv_teardown, conv_data_bf16_reference, conv_flops },
  { "conv_bf16_backward_weights", "n h w ic oc k stride pad", { 1, 1, 1, 7, 7, 1, 1, 0 }, { 9, 17, 18, 8, 17, 3, 2, 2 }, { 2, 33, 29, 16, 32, 3, 1, 1 },
    { { 16, 1024, 1024, 1, 64, 7, 2, 3 }, { 16, 256, 256, 64, 64, 3, 1, 1 }, { 16, 64, 64, 256, 256, 3, 1, 1 }, { 16, 32, 32, 512, 512, 3, 1, 1 } },
    conv_weights_arrays, conv_bf16_setup, conv_weights_run, conv_teardown, conv_weights_bf16_reference, conv_flops },
  { "attention", "batch heads tq tk hd probs", { 1, 1, 1, 1, 1, 0 }, { 2, 3, 80, 70, 40, 1 }, { 2, 3, 200, 150, 32, 1 },
    { { 1, 8, 1025, 1025, 32 }, { 16, 8, 65, 65, 32, 1 }, { 1, 8, 36, 1024, 32 } },
    attention_arrays, NULL, attention_run, NULL, attention_reference, attention_flops },
  { "attention_backward", "batch heads tq tk hd", { 1, 1, 1, 1, 1 }, { 2, 3, 75, 70, 40 }, { 2, 3, 150, 130, 32 },
    { { 16, 8, 65, 65, 32 }, { 2, 8, 1025, 1025, 32 } },
    attention_backward_arrays, NULL, attention_backward_run, NULL, attention_backward_reference, attention_backward_flops },
  { NULL },
};
