/* optable_elements.c: entries of the operation table that go element by element, the sums over all elements, and AdamW (contract: optable.h). */
#include "kernels/optable.h"

#include <math.h>
#include <string.h>

#define F(i) ((const float *) a[i])
#define ARRAY(name, role, n, lo, hi) ((AxOpArray) { name, role, AX_OP_F32, n, lo, hi })
typedef size_t Z;

/* ---- y = a + b, y += 0.3 x, x *= 0.3: d = n ---- */

static int
add_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("a", AX_OP_IN, (Z) d[0], -1.3f, 1.7f);
  a[1] = ARRAY ("b", AX_OP_IN, (Z) d[0], -1, 1);
  a[2] = ARRAY ("y", AX_OP_OUT, (Z) d[0], 0, 0);
  return 3;
}

static void
add_run (void *state, const int *d, void *const *a)
{
  ax_add ((Z) d[0], a[0], a[1], a[2]);
}

static void
add_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  for (Z i = 0; i < (Z) d[0]; i++) {
    value[2][i] = (double) F (0)[i] + (double) F (1)[i];
    bound[2][i] = AX_U * fabs (value[2][i]);
  }
}

static int
axpy_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("x", AX_OP_IN, (Z) d[0], -1, 1);
  a[1] = ARRAY ("y", AX_OP_ADD, (Z) d[0], -1, 1);
  return 2;
}

static void
axpy_run (void *state, const int *d, void *const *a)
{
  ax_axpy ((Z) d[0], 0.3f, a[0], a[1]);
}

static void
axpy_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  for (Z i = 0; i < (Z) d[0]; i++) {
    const double t = (double) 0.3f * (double) F (0)[i];
    value[1][i] = t + (double) F (1)[i];
    bound[1][i] = AX_U * (fabs (t) + fabs (value[1][i])); /* product and sum */
  }
}

static int
scale_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("x", AX_OP_ADD, (Z) d[0], -1, 1);
  return 1;
}

static void
scale_run (void *state, const int *d, void *const *a)
{
  ax_scale ((Z) d[0], 0.3f, a[0]);
}

static void
scale_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  for (Z i = 0; i < (Z) d[0]; i++) {
    value[0][i] = (double) 0.3f * (double) F (0)[i];
    bound[0][i] = AX_U * fabs (value[0][i]);
  }
}

/* ---- add_rows and column_sums: d = rows d ---- */

static int
add_rows_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("x", AX_OP_IN, (Z) d[0] * (Z) d[1], -1.3f, 1.7f);
  a[1] = ARRAY ("row", AX_OP_IN, (Z) d[1], -1, 1);
  a[2] = ARRAY ("y", AX_OP_OUT, (Z) d[0] * (Z) d[1], 0, 0);
  return 3;
}

static void
add_rows_run (void *state, const int *d, void *const *a)
{
  ax_add_rows ((Z) d[0], (Z) d[1], a[0], a[1], a[2]);
}

static void
add_rows_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  for (Z i = 0; i < (Z) d[0] * (Z) d[1]; i++) {
    value[2][i] = (double) F (0)[i] + (double) F (1)[i % (Z) d[1]];
    bound[2][i] = AX_U * fabs (value[2][i]);
  }
}

static int
column_sums_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("dy", AX_OP_IN, (Z) d[0] * (Z) d[1], -1, 1);
  a[1] = ARRAY ("db", AX_OP_ADD, (Z) d[1], -1, 1);
  return 2;
}

static void
column_sums_run (void *state, const int *d, void *const *a)
{
  ax_column_sums ((Z) d[0], (Z) d[1], a[0], a[1]);
}

static void
column_sums_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  for (Z i = 0; i < (Z) d[1]; i++) {
    double sum = 0, magnitude = 0;
    for (Z r = 0; r < (Z) d[0]; r++) {
      sum += (double) F (0)[r * (Z) d[1] + i];
      magnitude += fabs ((double) F (0)[r * (Z) d[1] + i]);
    }
    value[1][i] = sum + (double) F (1)[i];
    bound[1][i] = AX_U * (fabs (sum) + fabs (value[1][i])) + 2 * d[0] * AX_UD * magnitude;
  }
}

/* ---- activations: d = n act ---- */

static int
act_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("x", AX_OP_IN, (Z) d[0], -7, 7);
  a[1] = ARRAY ("y", AX_OP_OUT, (Z) d[0], 0, 0);
  return 2;
}

static void
act_run (void *state, const int *d, void *const *a)
{
  ax_activation_forward ((AxActivation) d[1], (Z) d[0], a[0], a[1]);
}

/* Value and slope of the activations. cdf and pdf are the normal distribution's; v is twice the argument of tanh, s its sigmoid. */
typedef struct {
  double value, slope, value_bound, slope_bound;
} Act;

static Act
act_of (int act, double x)
{
  if (act == AX_ACT_NONE)
    return (Act) { x, 1, 0, 0 };
  if (act == AX_ACT_RELU)
    return (Act) { x > 0 ? x : 0, x > 0, 0, 0 };
  if (act == AX_ACT_GELU_ERF) {
    const double cdf = 0.5 * (1 + erf (x * M_SQRT1_2)), pdf = exp (-0.5 * x * x) / sqrt (2 * M_PI);
    /* erf to 8 u absolute, its argument rounded once (slope times argument below 1); exp of an exponent rounded twice */
    return (Act) { x * cdf, cdf + x * pdf, fabs (x) * 6 * AX_U + 2 * AX_U * fabs (x * cdf),
                   6 * AX_U + 2 * AX_U * cdf + fabs (x) * pdf * (5 + x * x) * AX_U };
  }
  const double v = 2 * sqrt (2 / M_PI) * (x + 0.044715 * x * x * x), s = 1 / (1 + exp (-v));
  const double dv = 2 * sqrt (2 / M_PI) * (1 + 3 * 0.044715 * x * x);
  const double s_bound = s * (1 - s) * (5 * fabs (v) + 3) * AX_U + 3 * AX_U * s; /* v is rounded five times; exp; sum and quotient */
  /* the slope is s + x s (1 - s) v'; 1 - s is rounded to u absolute */
  return (Act) { x * s, s + x * s * (1 - s) * dv, fabs (x) * s_bound + AX_U * fabs (x * s) + 1e-37,
                 s_bound * (1 + fabs (x * dv)) + fabs (x * dv) * s * AX_U + fabs (x * dv) * s * (1 - s) * 9 * AX_U + 3 * AX_U * s + 1e-37 };
}

static void
act_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  for (Z i = 0; i < (Z) d[0]; i++) {
    const Act t = act_of (d[1], (double) F (0)[i]);
    value[1][i] = t.value;
    bound[1][i] = t.value_bound;
  }
}

static int
act_backward_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("x", AX_OP_IN, (Z) d[0], -7, 7);
  a[1] = ARRAY ("y", AX_OP_WORK, (Z) d[0], 0, 0);
  a[2] = ARRAY ("dy", AX_OP_IN, (Z) d[0], -1, 1);
  a[3] = ARRAY ("dx", AX_OP_ADD, (Z) d[0], -1, 1);
  return 4;
}

static void
act_backward_run (void *state, const int *d, void *const *a)
{
  ax_activation_forward ((AxActivation) d[1], (Z) d[0], a[0], a[1]);
  ax_activation_backward ((AxActivation) d[1], (Z) d[0], d[1] == AX_ACT_RELU ? NULL : a[0], d[1] == AX_ACT_RELU ? a[1] : NULL, a[2], a[3]);
}

static void
act_backward_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  for (Z i = 0; i < (Z) d[0]; i++) {
    const Act t = act_of (d[1], (double) F (0)[i]);
    const double dy = (double) F (2)[i];
    value[3][i] = (double) F (3)[i] + dy * t.slope;
    bound[3][i] = fabs (dy) * (t.slope_bound + AX_U * fabs (t.slope)) + AX_U * fabs (value[3][i]);
  }
}

static int
sigmoid_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("x", AX_OP_IN, (Z) d[0], -95, 95); /* beyond where exp leaves float32 */
  a[1] = ARRAY ("y", AX_OP_OUT, (Z) d[0], 0, 0);
  return 2;
}

static void
sigmoid_run (void *state, const int *d, void *const *a)
{
  ax_sigmoid ((Z) d[0], a[0], a[1]);
}

static void
sigmoid_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  for (Z i = 0; i < (Z) d[0]; i++) {
    const double y = 1 / (1 + exp (-(double) F (0)[i]));
    value[1][i] = y;
    bound[1][i] = (AX_U_EXP + 3 * AX_U) * y + 1.2e-38; /* exp, sum, quotient; below float32's normal range nothing is promised */
  }
}

/* ---- dropout: d = n, p in percent ---- */

static int
dropout_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("x", AX_OP_IN, (Z) d[0], -1, 1);
  a[1] = ARRAY ("y", AX_OP_OUT, (Z) d[0], 0, 0);
  return 2;
}

#define DROPOUT_SEED 0x123456789abcdef0ull

static void
dropout_run (void *state, const int *d, void *const *a)
{
  ax_dropout ((Z) d[0], (float) d[1] / 100, DROPOUT_SEED, a[0], a[1]);
}

static uint32_t
mix32 (uint32_t h)
{
  h = (h ^ h >> 16) * 0x7feb352du;
  h = (h ^ h >> 15) * 0x846ca68bu;
  return h ^ h >> 16;
}

/* The generator is part of the contract: a run that is continued on another machine must drop the same elements. */
static void
dropout_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const float p = (float) d[1] / 100;
  for (Z i = 0; i < (Z) d[0]; i++) {
    const uint32_t k0 = mix32 ((uint32_t) DROPOUT_SEED ^ mix32 (0x9e3779b9u)), k1 = mix32 ((uint32_t) (DROPOUT_SEED >> 32) + k0);
    const uint32_t h = mix32 (mix32 ((uint32_t) i ^ k0) + k1) >> 8;
    value[1][i] = (double) h < floor ((double) p * 16777216) ? 0 : (double) F (0)[i] / (1 - (double) p);
    bound[1][i] = 3 * AX_U * fabs (value[1][i]); /* 1 - p, its reciprocal, the product */
  }
}

/* ---- sum of squares: d = n ---- */

static int
sum_squares_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("x", AX_OP_IN, (Z) d[0], -1, 1);
  a[1] = (AxOpArray) { "sum", AX_OP_OUT, AX_OP_F64, 1, 0, 0 };
  return 2;
}

static void
sum_squares_run (void *state, const int *d, void *const *a)
{
  *(double *) a[1] = ax_sum_squares ((Z) d[0], a[0]);
}

static void
sum_squares_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  long double sum = 0;
  for (Z i = 0; i < (Z) d[0]; i++)
    sum += (long double) F (0)[i] * (long double) F (0)[i];
  value[1][0] = (double) sum;
  bound[1][0] = (d[0] + 2) * AX_UD * (double) sum;
}

/* ---- AdamW: d = n t ---- */

static int
adamw_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("w", AX_OP_ADD, (Z) d[0], -1, 1);
  a[1] = ARRAY ("g", AX_OP_IN, (Z) d[0], -1, 1);
  a[2] = ARRAY ("m", AX_OP_ADD, (Z) d[0], -0.1f, 0.1f);
  a[3] = ARRAY ("v", AX_OP_ADD, (Z) d[0], 0, 0.1f);
  return 4;
}

static const AxAdamW adamw_base = { .lr = 3e-3f, .beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f, .decay = 0.05f, .grad_scale = 0.7f };

static void
adamw_run (void *state, const int *d, void *const *a)
{
  AxAdamW p = adamw_base;
  p.t = d[1];
  ax_adamw (&p, (Z) d[0], a[0], a[1], a[2], a[3]);
}

/* torch.optim.AdamW: param *= 1 - lr decay; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; param -= lr/(1 - b1^t) m / (sqrt(v)/sqrt(1 - b2^t) + eps). */
static void
adamw_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const double lr = (double) adamw_base.lr, b1 = (double) adamw_base.beta1, b2 = (double) adamw_base.beta2;
  for (Z i = 0; i < (Z) d[0]; i++) {
    const double g = (double) F (1)[i] * (double) adamw_base.grad_scale, w = (double) F (0)[i] * (1 - lr * (double) adamw_base.decay);
    const double m = b1 * (double) F (2)[i] + (1 - b1) * g, v = b2 * (double) F (3)[i] + (1 - b2) * g * g;
    const double denominator = sqrt (v) / sqrt (1 - pow (b2, d[1])) + (double) adamw_base.eps, move = lr / (1 - pow (b1, d[1])) / denominator;
    value[0][i] = w - move * m;
    value[2][i] = m;
    value[3][i] = v;
    bound[2][i] = (1 - b1) * 3 * AX_U * (fabs (g) + fabs ((double) F (2)[i])) + AX_U * fabs (m); /* g, g - m, product; sum */
    bound[3][i] = 6 * AX_U * v;
    /* v's error halves under the root (3), root, correction, product, sum, quotient, step (6), and the final product and sum */
    bound[0][i] = 2 * AX_U * fabs (w) + move * (bound[2][i] + 10 * AX_U * fabs (m)) + AX_U * fabs (value[0][i]);
  }
}

/* ---- numbers by their place: d = rows cols seed first; the definition, and no error at all ---- */

static int
uniform_arrays (const int *d, AxOpArray *a)
{
  a[0] = (AxOpArray) { "x", AX_OP_OUT, AX_OP_F32, (Z) d[0] * (Z) d[1], 0, 0 };
  return 1;
}

static void
uniform_run (void *state, const int *d, void *const *a)
{
  ax_uniform_rows ((Z) d[0], (Z) d[1], (uint32_t) d[2] * 977u, (uint32_t) d[3], 0.37f, a[0]);
}

static void
uniform_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  for (Z r = 0; r < (Z) d[0]; r++) {
    uint32_t x = ((uint32_t) d[2] * 977u) ^ ((uint32_t) d[3] + (uint32_t) r) * 2654435761u;
    for (Z i = 0; i < (Z) d[1]; i++) {
      x = x * 1664525u + 1013904223u;
      const float wide = (float) (int32_t) x * 0x1p-31f, scaled = 0.37f * wide;
      value[0][r * (Z) d[1] + i] = (double) scaled;
    }
  }
}

/* ---- storage types: d = n ---- */

#define CONVERT(name, from, to, in_type, out_type, in_lo, in_hi)                                                                       \
  static int name##_arrays (const int *d, AxOpArray *a)                                                                                \
  {                                                                                                                                    \
    a[0] = (AxOpArray) { "x", AX_OP_IN, in_type, (Z) d[0], in_lo, in_hi };                                                             \
    a[1] = (AxOpArray) { "y", AX_OP_OUT, out_type, (Z) d[0], 0, 0 };                                                                   \
    return 2;                                                                                                                          \
  }                                                                                                                                    \
  static void name##_run (void *state, const int *d, void *const *a) { ax_##name ((Z) d[0], a[0], a[1]); }                             \
  static void name##_reference (const int *d, void *const *a, double *const *value, double *const *bound)                              \
  {                                                                                                                                    \
    for (Z i = 0; i < (Z) d[0]; i++) {                                                                                                 \
      value[1][i] = ax_op_value (in_type, a[0], i);                                                                                    \
      bound[1][i] = (out_type) == AX_OP_F32    ? 0 /* widening is exact */                                                             \
                    : (out_type) == AX_OP_F16 ? fmax (0x1p-11 * fabs (value[1][i]), 0x1p-25) /* half a step, normal or subnormal */    \
                                              : 0x1p-8 * fabs (value[1][i]);                                                           \
    }                                                                                                                                  \
  }
CONVERT (f16_to_f32, f16, f32, AX_OP_F16, AX_OP_F32, 0, 0)
CONVERT (f32_to_f16, f32, f16, AX_OP_F32, AX_OP_F16, -3, 3)
CONVERT (bf16_to_f32, bf16, f32, AX_OP_BF16, AX_OP_F32, -3, 3)
CONVERT (f32_to_bf16, f32, bf16, AX_OP_F32, AX_OP_BF16, -3, 3)

#define BIG { { 4194304 } }
#define ENTRY(name) name##_arrays, NULL, name##_run, NULL, name##_reference, NULL

const AxOp ax_ops_elements[] = {
  { "add", "n", { 1 }, { 3000 }, { 70001 }, BIG, ENTRY (add) },
  { "axpy", "n", { 1 }, { 3000 }, { 70001 }, BIG, ENTRY (axpy) },
  { "scale", "n", { 1 }, { 3000 }, { 70001 }, BIG, ENTRY (scale) },
  { "add_rows", "rows d", { 1, 1 }, { 60, 70 }, { 1500, 70 }, { { 16400, 256 } }, ENTRY (add_rows) },
  { "column_sums", "rows d", { 1, 1 }, { 500, 70 }, { 5000, 33 }, { { 16400, 256 } }, ENTRY (column_sums) },
  { "activation", "n act", { 1, 0 }, { 3000, 3 }, { 70001, 2 }, { { 4194304, 1 }, { 4194304, 2 }, { 4194304, 3 } }, ENTRY (act) },
  { "activation_backward", "n act", { 1, 0 }, { 3000, 3 }, { 70001, 2 }, { { 4194304, 1 }, { 4194304, 2 }, { 4194304, 3 } }, ENTRY (act_backward) },
  { "sigmoid", "n", { 1 }, { 3000 }, { 70001 }, BIG, ENTRY (sigmoid) },
  { "dropout", "n percent", { 1, 0 }, { 3000, 90 }, { 70001, 10 }, { { 4194304, 10 } }, ENTRY (dropout) },
  { "sum_squares", "n", { 1 }, { 3000 }, { 70001 }, BIG, ENTRY (sum_squares) },
  { "adamw", "n t", { 1, 1 }, { 3000, 40 }, { 70001, 3 }, { { 4194304, 5 } }, ENTRY (adamw) },
  { "uniform_rows", "rows cols seed first", { 1, 1, 0, 0 }, { 9, 700, 4000000, 5000000 }, { 60, 2000, 5, 7 }, { { 1638, 2560, 1, 1 } }, ENTRY (uniform) },
  { "f16_to_f32", "n", { 1 }, { 3000 }, { 70001 }, BIG, ENTRY (f16_to_f32) },
  { "f32_to_f16", "n", { 1 }, { 3000 }, { 70001 }, BIG, ENTRY (f32_to_f16) },
  { "bf16_to_f32", "n", { 1 }, { 3000 }, { 70001 }, BIG, ENTRY (bf16_to_f32) },
  { "f32_to_bf16", "n", { 1 }, { 3000 }, { 70001 }, BIG, ENTRY (f32_to_bf16) },
  { NULL },
};
