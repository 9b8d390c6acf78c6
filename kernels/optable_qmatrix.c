/* optable_qmatrix.c: entries of the operation table for products with packed weight matrices (contract: optable.h).
 *
 * The reference rounds the weights itself by the rules of kernels.h: BF16 to nearest even; Q8 by the scale and the whole numbers that lie nearest. Where a
 * product may be made in bfloat16, each factor of x is allowed its rounding, 2^-8 of each term (weights of Q8 are rounded to bfloat16 too). */
#include "kernels/optable.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef size_t Z;

#define F(i) ((const float *) a[i])
#define ARRAY(name, role, n, lo, hi) ((AxOpArray) { name, role, AX_OP_F32, n, lo, hi })

/* d = rows out in type exact */
static int
forward_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("x", AX_OP_IN, (Z) d[0] * (Z) d[2], -1, 1);
  a[1] = ARRAY ("w", AX_OP_IN, (Z) d[1] * (Z) d[2], -1, 1);
  a[2] = ARRAY ("y", AX_OP_OUT, (Z) d[0] * (Z) d[1], 0, 0);
  return 3;
}

static int
backward_arrays (const int *d, AxOpArray *a)
{
  a[0] = ARRAY ("dy", AX_OP_IN, (Z) d[0] * (Z) d[1], -1, 1);
  a[1] = ARRAY ("w", AX_OP_IN, (Z) d[1] * (Z) d[2], -1, 1);
  a[2] = ARRAY ("dx", AX_OP_ADD, (Z) d[0] * (Z) d[2], -1, 1);
  return 3;
}

static void *
setup (const int *d, void *const *a)
{
  AxQMatrix *m = ax_qmatrix_new ((AxQType) d[3], (Z) d[1], (Z) d[2]);
  const Z half = (Z) d[1] / 2; /* the second half first: pieces come in any order */
  ax_qmatrix_set_exact (m, d[4]);
  ax_qmatrix_set_rows (m, half, (Z) d[1] - half, (const float *) a[1] + half * (Z) d[2]);
  ax_qmatrix_set_rows (m, 0, half, a[1]);
  return m;
}

static void
teardown (void *state)
{
  ax_qmatrix_free (state);
}

static void
forward_run (void *state, const int *d, void *const *a)
{
  ax_qmatrix_forward (state, (Z) d[0], a[0], a[2]);
}

static void
backward_run (void *state, const int *d, void *const *a)
{
  ax_qmatrix_backward_data (state, (Z) d[0], a[0], a[2]);
}

/* The weights as kept, and in error[] how far each may be off (Q8: a quotient near a half may round either way). */
static void
weights_of (const int *d, const float *w, double *kept, double *error)
{
  const Z out = (Z) d[1], in = (Z) d[2];
  for (Z o = 0; o < out; o++)
    for (Z begin = 0; begin < in; begin += 32) {
      const Z end = begin + 32 < in ? begin + 32 : in;
      float top = 0;
      for (Z i = begin; i < end; i++)
        top = fmaxf (top, fabsf (w[o * in + i]));
      for (Z i = begin; i < end; i++) {
        const Z at = o * in + i;
        const double v = (double) w[at];
        kept[at] = v;
        error[at] = 0;
        if (d[3] == AX_Q_BF16) {
          uint32_t u;
          memcpy (&u, w + at, sizeof u);
          const uint16_t h = (uint16_t) ((u + 0x7fff + (u >> 16 & 1)) >> 16); /* no NaN among them */
          kept[at] = ax_op_value (AX_OP_BF16, &h, 0);
        } else if (d[3] >= AX_Q_Q8)
          error[at] = (double) top / 254 * (1 + 0x1p-10) + 3e-8; /* half a step, which is rounded up to a float16 */
      }
    }
}

static void
product (const int *d, const double *x, const double *w, const double *e, Z rows, Z out, Z in, bool transposed, double *value, double *bound)
{
  const double x_bf16 = d[4] || d[3] == AX_Q_F32 ? 0 : 0x1p-8, w_bf16 = d[3] >= AX_Q_Q8 ? x_bf16 : 0;
  for (Z r = 0; r < rows; r++)
    for (Z o = 0; o < out; o++) {
      double sum = value[r * out + o], terms = (double) (in + 4) * AX_U * fabs (sum);
      for (Z i = 0; i < in; i++) {
        const Z at = transposed ? i * out + o : o * in + i;
        const double t = x[r * in + i] * w[at];
        sum += t;
        terms += fabs (t) * ((double) (in + 4) * AX_U + x_bf16 + w_bf16 + x_bf16 * w_bf16) + fabs (x[r * in + i]) * e[at] * (1 + x_bf16 + w_bf16 + 1e-4);
      }
      value[r * out + o] = sum;
      bound[r * out + o] = terms;
    }
}

static void
reference (const int *d, void *const *a, double *const *value, double *const *bound, bool transposed)
{
  const Z rows = (Z) d[0], out = (Z) d[1], in = (Z) d[2], n = rows * (transposed ? out : in);
  double *w = malloc (2 * out * in * sizeof *w), *e = w + out * in, *x = malloc (n * sizeof *x);
  weights_of (d, a[1], w, e);
  for (Z i = 0; i < n; i++)
    x[i] = (double) F (0)[i];
  product (d, x, w, e, rows, transposed ? in : out, transposed ? out : in, transposed, value[2], bound[2]);
  free (w);
  free (x);
}

static void
forward_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  reference (d, a, value, bound, false);
}

static void
backward_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  reference (d, a, value, bound, true);
}

static double
flops (const int *d)
{
  return d[0] < 8 ? 0 : 2.0 * d[0] * d[1] * d[2];
}

/* Bits of a weight as kept, times rows of x and y that are small beside them. */
static double
vector_bytes (const int *d)
{
  static const double bits[] = { 32, 16, 8.5, 8.5 };
  return (double) d[1] * d[2] * bits[d[3]] / 8;
}

/* ---- the largest: d as above with one row; out = { largest y, its index } ---- */

static int
top_arrays (const int *d, AxOpArray *a)
{
  forward_arrays (d, a);
  a[2].n = 2;
  return 3;
}

static void
top_run (void *state, const int *d, void *const *a)
{
  float *y = malloc ((Z) d[1] * sizeof *y), *out = a[2];
  if (!y)
    abort ();
  ax_qmatrix_top (state, a[0], 0, y, NULL);
  const Z best = ax_argmax ((Z) d[1], y);
  out[0] = y[best];
  out[1] = (float) best;
  free (y);
}

/* The largest lies where its own bound and those of its rivals let it: of the rows that may be it, the range of values; and of their numbers. */
static void
top_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const Z out = (Z) d[1], in = (Z) d[2];
  double *w = malloc ((2 * out * in + 2 * out + in) * sizeof *w), *e = w + out * in, *y = e + out * in, *error = y + out, *x = error + out;
  double best = -INFINITY, lo = INFINITY, hi = -INFINITY, first = INFINITY, last = 0;
  weights_of (d, a[1], w, e);
  for (Z i = 0; i < in; i++)
    x[i] = (double) F (0)[i];
  for (Z o = 0; o < out; o++)
    y[o] = error[o] = 0;
  product ((int[]) { d[0], d[1], d[2], d[3], 1 }, x, w, e, 1, out, in, false, y, error);
  for (Z o = 0; o < out; o++)
    best = y[o] - error[o] > best ? y[o] - error[o] : best;
  for (Z o = 0; o < out; o++)
    if (y[o] + error[o] >= best) {
      lo = y[o] - error[o] < lo ? y[o] - error[o] : lo;
      hi = y[o] + error[o] > hi ? y[o] + error[o] : hi;
      first = (double) o < first ? (double) o : first;
      last = (double) o;
    }
  value[2][0] = (lo + hi) / 2;
  bound[2][0] = (hi - lo) / 2 + 1e-37;
  value[2][1] = (first + last) / 2;
  bound[2][1] = (last - first) / 2;
  free (w);
}

#define TOP AX_Q_Q8_SPLIT
const AxOp ax_ops_qmatrix[] = {
  { "qmatrix_vector", "rows out in type exact", { 1, 1, 1, 0, 0 }, { 4, 90, 130, TOP, 1 }, { 2, 700, 320, AX_Q_Q8 },
    { { 1, 2048, 640, AX_Q_Q8 }, { 1, 640, 2048, AX_Q_Q8 }, { 1, 2560, 10240, AX_Q_Q8 }, { 1, 32768, 640, AX_Q_F32 }, { 1, 65536, 640, AX_Q_BF16 }, { 1, 262144, 640, AX_Q_Q8 } },
    forward_arrays, setup, forward_run, teardown, forward_reference, NULL, vector_bytes },
  { "qmatrix_top", "rows out in type exact", { 1, 1, 1, 0, 0 }, { 1, 400, 130, TOP, 1 }, { 1, 3000, 320, AX_Q_Q8_SPLIT },
    { { 1, 262144, 640, AX_Q_Q8_SPLIT } },
    top_arrays, setup, top_run, teardown, top_reference, NULL, vector_bytes },
  { "qmatrix_forward", "rows out in type exact", { 5, 1, 1, 0, 0 }, { 70, 90, 130, TOP, 1 }, { 300, 300, 70, AX_Q_Q8 },
    { { 1700, 2048, 640, AX_Q_F32 }, { 1700, 2048, 640, AX_Q_BF16 }, { 1700, 2048, 640, AX_Q_Q8 }, { 1700, 640, 2048, AX_Q_BF16 }, { 512, 2048, 640, AX_Q_Q8 },
      { 40, 2048, 640, AX_Q_Q8 }, { 300, 16384, 640, AX_Q_Q8 } },
    forward_arrays, setup, forward_run, teardown, forward_reference, flops },
  { "qmatrix_backward", "rows out in type exact", { 1, 1, 1, 0, 0 }, { 70, 90, 130, TOP, 1 }, { 300, 450, 70, AX_Q_Q8 },
    { { 1700, 2048, 640, AX_Q_F32 }, { 1700, 2048, 640, AX_Q_BF16 }, { 1700, 2048, 640, AX_Q_Q8 }, { 1700, 640, 2048, AX_Q_BF16 }, { 300, 16384, 640, AX_Q_Q8 } },
    backward_arrays, setup, backward_run, teardown, backward_reference, flops },
  { NULL },
};
