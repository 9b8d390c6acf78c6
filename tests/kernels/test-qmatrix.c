/* Packed weight matrices and the choice of the largest: what is kept exactly, rows read back, and that screening never changes the choice. Each runs for
 * every instruction set of the machine. */
#include "kernels/kernels.h"

#include <glib.h>
#include <math.h>
#include <string.h>

#define FOR_EACH_ISA for (int isa = AX_ISA_SCALAR; isa <= (int) ax_isa_best (); isa++)

static float
uniform (guint64 *state, float lo, float hi)
{
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return lo + (hi - lo) * (float) ((*state * 2685821657736338717ull) >> 40) * 0x1p-24f;
}

/* About a normal distribution: heads of language models look like it. */
static float
normal (guint64 *state)
{
  float sum = -6;
  for (int i = 0; i < 12; i++)
    sum += uniform (state, 0, 1);
  return sum;
}

/* ---- storage ---- */

/* Blocks as Q8_0 (-127..127), Q5_0 (-16..15) and Q4_0 (-8..7) decode to, with any float16 step: kept to the last bit. The largest of a block of the latter
 * two is its lower end, as their writers choose the step. */
static void
test_exact_blocks (void)
{
  enum { ROWS = 60, IN = 96 };
  float w[ROWS * IN], y[ROWS * IN];
  guint64 state = 5;
  for (int b = 0; b < ROWS * IN / 32; b++) {
    const int low = b % 3 == 0 ? -127 : b % 3 == 1 ? -16 : -8, high = b % 3 == 0 ? 127 : -low - 1;
    guint16 h = (guint16) uniform (&state, 0x0400, 0x4400); /* normal, up to 4 */
    float step;
    ax_f16_to_f32 (1, &h, &step);
    step = b % 2 ? step : -step;
    for (int i = 0; i < 32; i++)
      w[b * 32 + i] = step * (float) (int) uniform (&state, (float) low, (float) high + 0.99f);
    w[b * 32 + b % 32] = step * (float) low;
  }
  for (int type = AX_Q_Q8; type <= AX_Q_Q8_SPLIT; type++)
    FOR_EACH_ISA {
      ax_isa_force (isa);
      AxQMatrix *m = ax_qmatrix_new (type, ROWS, IN);
      gint32 id[ROWS];
      for (int i = 0; i < ROWS; i++) {
        id[i] = ROWS - 1 - i;
        ax_qmatrix_set_rows (m, (gsize) i, 1, w + i * IN);
      }
      ax_qmatrix_get_rows (m, ROWS, id, y);
      for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < IN; j++)
          g_assert_cmpfloat (y[i * IN + j], ==, w[(ROWS - 1 - i) * IN + j]);
      g_assert_cmpuint (ax_qmatrix_bytes (m), <=, ROWS * (128 * 17 / 16 + 8) + 256);
      ax_qmatrix_free (m);
    }
}

static void
test_small_values (void)
{
  enum { IN = 40 };
  FOR_EACH_ISA {
    float w[2 * IN] = { 0 }, y[2 * IN];
    ax_isa_force (isa);
    for (int j = 0; j < IN; j++)
      w[IN + j] = (float) j * 1e-8f; /* steps below float16's smallest: rounded to multiples of that */
    AxQMatrix *m = ax_qmatrix_new (AX_Q_Q8, 2, IN);
    ax_qmatrix_set_rows (m, 0, 2, w);
    ax_qmatrix_get_rows (m, 2, (gint32[]) { 0, 1 }, y);
    for (int j = 0; j < IN; j++) {
      g_assert_cmpfloat (y[j], ==, 0);
      g_assert_cmpfloat (fabsf (y[IN + j] - w[IN + j]), <=, 3e-8f);
    }
    ax_qmatrix_free (m);
  }
}

/* ---- argmax ---- */

static void
test_argmax (void)
{
  enum { N = 70001 };
  g_autofree float *x = g_new (float, N);
  FOR_EACH_ISA {
    ax_isa_force (isa);
    for (int i = 0; i < N; i++)
      x[i] = -3;
    g_assert_cmpuint (ax_argmax (N, x), ==, 0); /* all equal: the first */
    x[69999] = 2;
    g_assert_cmpuint (ax_argmax (N, x), ==, 69999);
    x[16384] = x[40000] = 2;
    g_assert_cmpuint (ax_argmax (N, x), ==, 16384);
    x[5] = NAN;
    x[16383] = NAN;
    g_assert_cmpuint (ax_argmax (N, x), ==, 16384);
    x[70000] = INFINITY;
    g_assert_cmpuint (ax_argmax (N, x), ==, 70000);
    for (int i = 0; i < N; i++)
      x[i] = i == 300 ? -INFINITY : NAN;
    g_assert_cmpuint (ax_argmax (N, x), ==, 300);
    x[300] = NAN;
    g_assert_cmpuint (ax_argmax (N, x), ==, 0);
    g_assert_cmpuint (ax_argmax (1, x), ==, 0);
  }
}

/* ---- screening ---- */

typedef struct {
  float *w, *x;
  gsize out, in;
} Case;

/* Everything that ax_qmatrix_top() promises, against the full product. Returns the share of rows that were worked out. */
static double
check_top (const Case *c, float margin)
{
  g_autofree float *full = g_new (float, c->out), *y = g_new (float, c->out);
  AxQMatrix *m = ax_qmatrix_new (AX_Q_Q8_SPLIT, c->out, c->in), *plain = ax_qmatrix_new (AX_Q_Q8, c->out, c->in);
  ax_qmatrix_set_rows (m, 0, c->out, c->w);
  ax_qmatrix_set_rows (plain, 0, c->out, c->w);
  ax_qmatrix_forward (plain, 1, c->x, full);
  ax_qmatrix_forward (m, 1, c->x, y);
  g_assert_cmpmem (full, c->out * sizeof *full, y, c->out * sizeof *y);
  gsize n;
  const float least = ax_qmatrix_top (m, c->x, margin, y, &n);
  const gsize best = ax_argmax (c->out, full);
  if (isfinite (full[best]))
    g_assert_cmpfloat (least, <=, full[best] - margin);
  g_assert_cmpuint (ax_argmax (c->out, y), ==, best);
  gsize equal = 0;
  for (gsize o = 0; o < c->out; o++) {
    equal += memcmp (&y[o], &full[o], sizeof *y) == 0;
    if (!(full[o] < least) || !(y[o] < least))
      g_assert_cmpfloat (y[o], ==, full[o]);
  }
  g_assert_cmpuint (n, <=, equal);
  ax_qmatrix_free (m);
  ax_qmatrix_free (plain);
  return (double) n / (double) c->out;
}

static void
test_top (void)
{
  enum { OUT = 3000, IN = 640 };
  g_autofree float *w = g_new (float, OUT * IN), *x = g_new (float, IN);
  Case c = { w, x, OUT, IN };
  guint64 state = 99;
  FOR_EACH_ISA {
    ax_isa_force (isa);
    for (int i = 0; i < OUT * IN; i++)
      w[i] = 0.04f * normal (&state);
    for (int i = 0; i < IN; i++)
      x[i] = 4 * normal (&state) + (i % 97 == 3 ? 50 : 0);
    const double unrelated = check_top (&c, 0);
    /* a row along x, as the head's rows are for a sure token, and the same row again: the first wins */
    for (int i = 0; i < IN; i++)
      w[1700 * IN + i] = w[200 * IN + i] = w[200 * IN + i] + 0.002f * x[i];
    const double related = check_top (&c, 0), wide = check_top (&c, 20);
    g_test_message ("%-7s rows worked out: %.1f %% of unrelated ones, %.2f %% beside a clear winner, %.1f %% with a margin of 20", ax_isa_name (isa),
                    100 * unrelated, 100 * related, 100 * wide);
    g_assert_cmpfloat (related, <, 0.5); /* else there is no point */
    g_assert_cmpfloat (related, <=, wide);
    memset (x, 0, IN * sizeof *x); /* ties everywhere */
    check_top (&c, 0);
    for (int i = 0; i < OUT * IN; i++)
      w[i] = w[i % IN];
    for (int i = 0; i < IN; i++)
      x[i] = 1e-20f * normal (&state);
    check_top (&c, 0);
    for (int i = 0; i < IN; i++)
      x[i] = 1e30f * normal (&state);
    check_top (&c, 0);
  }
}

/* Shapes that are not whole blocks, few rows, and errors as large as the bound allows: all lower halves at one end and x along their signs. */
static void
test_top_edges (void)
{
  guint64 state = 3;
  FOR_EACH_ISA {
    ax_isa_force (isa);
    for (int round = 0; round < 200; round++) {
      const gsize out = 1 + (gsize) uniform (&state, 0, 700), in = 1 + (gsize) uniform (&state, 0, 150);
      g_autofree float *w = g_new (float, out * in), *x = g_new (float, in);
      for (gsize i = 0; i < in; i++)
        x[i] = uniform (&state, -1, 1) < 0 ? -1 : 1;
      for (gsize o = 0; o < out; o++)
        for (gsize i = 0; i < in; i++) {
          const float h = 16 * (float) (int) uniform (&state, -7, 7.99f), l = (o % 2 ? x[i] : -x[i]) > 0 ? 15 : 0;
          w[o * in + i] = i % 32 == 0 ? 127 : round % 3 ? h + l : uniform (&state, -127, 127);
        }
      check_top (&(Case) { w, x, out, in }, (float) (round % 4) * 100);
    }
  }
}

static void
test_top_threads (void)
{
  enum { OUT = 5000, IN = 96 };
  g_autofree float *w = g_new (float, OUT * IN), *first = g_new (float, OUT), *y = g_new (float, OUT);
  float x[IN];
  guint64 state = 8;
  for (int i = 0; i < OUT * IN; i++)
    w[i] = normal (&state);
  for (int i = 0; i < IN; i++)
    x[i] = normal (&state);
  AxQMatrix *m = ax_qmatrix_new (AX_Q_Q8_SPLIT, OUT, IN);
  ax_qmatrix_set_rows (m, 0, OUT, w);
  FOR_EACH_ISA {
    ax_isa_force (isa);
    for (int threads = 1; threads <= 4; threads++) {
      ax_threads_set (threads);
      ax_qmatrix_top (m, x, 1, threads == 1 ? first : y, NULL);
      if (threads > 1)
        g_assert_cmpmem (first, OUT * sizeof *first, y, OUT * sizeof *y);
    }
  }
  ax_threads_set (0);
  ax_qmatrix_free (m);
}

/* ---- long rows ---- */

/* Rows whose x does not stay in the first cache are multiplied part by part: each value is that of the definition, and neither the rows beside it nor the
 * number of threads change its bits. */
static void
test_long_rows (void)
{
  static const gsize lengths[] = { 6144, 6176, 10240, 13000 };
  enum { OUT = 37, ROWS = 2 };
  guint64 state = 77;
  double worst = 0;
  for (gsize l = 0; l < G_N_ELEMENTS (lengths); l++) {
    const gsize in = lengths[l];
    g_autofree float *w = g_new (float, OUT * in), *x = g_new (float, ROWS * in), *kept = g_new (float, in);
    for (gsize i = 0; i < OUT * in; i++)
      w[i] = normal (&state);
    for (gsize i = 0; i < ROWS * in; i++)
      x[i] = normal (&state);
    AxQMatrix *m = ax_qmatrix_new (AX_Q_Q8, OUT, in), *one = ax_qmatrix_new (AX_Q_Q8, 1, in);
    ax_qmatrix_set_rows (m, 0, OUT, w);
    ax_qmatrix_set_rows (one, 0, 1, w + (OUT - 1) * in);
    FOR_EACH_ISA {
      float y[ROWS * OUT], again[ROWS * OUT], alone;
      ax_isa_force (isa);
      ax_threads_set (1);
      ax_qmatrix_forward (m, ROWS, x, y);
      ax_threads_set (3);
      ax_qmatrix_forward (m, ROWS, x, again);
      g_assert_cmpmem (y, sizeof y, again, sizeof again);
      ax_qmatrix_forward (one, 1, x, &alone);
      g_assert_cmpfloat (alone, ==, y[OUT - 1]);
      for (gint32 o = 0; o < OUT; o++) {
        double sum = 0, size = 0;
        ax_qmatrix_get_rows (m, 1, &o, kept);
        for (gsize i = 0; i < in; i++) {
          sum += (double) kept[i] * x[i];
          size += fabs ((double) kept[i] * x[i]);
        }
        /* A term is rounded up to 32 times inside its block, then once for every second block behind it, and where chains, lanes and parts join: fewer than
         * in / 64 + 48 roundings. */
        worst = MAX (worst, fabs (y[o] - sum) / (((double) in / 64 + 48) * 0x1p-24 * size));
      }
    }
    ax_qmatrix_free (m);
    ax_qmatrix_free (one);
  }
  ax_threads_set (0);
  g_test_message ("%.3f of the tolerance used", worst);
  g_assert_cmpfloat (worst, <=, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kernels/qmatrix/exact-blocks", test_exact_blocks);
  g_test_add_func ("/kernels/qmatrix/small-values", test_small_values);
  g_test_add_func ("/kernels/argmax", test_argmax);
  g_test_add_func ("/kernels/qmatrix/top", test_top);
  g_test_add_func ("/kernels/qmatrix/top-edges", test_top_edges);
  g_test_add_func ("/kernels/qmatrix/top-threads", test_top_threads);
  g_test_add_func ("/kernels/qmatrix/long-rows", test_long_rows);
  return g_test_run ();
}
