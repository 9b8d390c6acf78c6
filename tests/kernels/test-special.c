/* Values and situations that random numbers do not reach: every 16-bit number, ties of rounding, infinities, rows of zeros, ties of the maximum, drop
 * rates, the pool's own promises. Each runs for every instruction set of the machine. */
#include "kernels/kernels.h"

#include <glib.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#define FOR_EACH_ISA for (int isa = AX_ISA_SCALAR; isa <= (int) ax_isa_best (); isa++)

static float
from_bits (guint32 u)
{
  float f;
  memcpy (&f, &u, sizeof f);
  return f;
}

static guint32
to_bits (float f)
{
  guint32 u;
  memcpy (&u, &f, sizeof u);
  return u;
}

/* What a half means, from its definition. */
static double
half_value (guint16 h)
{
  int e = h >> 10 & 31, m = h & 0x3ff;
  double v = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp (1024 + m, e - 25) : ldexp (m, -24);
  return h & 0x8000 ? -v : v;
}

static void
test_f16 (void)
{
  enum { N = 65536 };
  g_autofree guint16 *x = g_new (guint16, N), *back = g_new (guint16, N);
  g_autofree float *y = g_new (float, N);
  for (int i = 0; i < N; i++)
    x[i] = (guint16) i;
  FOR_EACH_ISA {
    ax_isa_force (isa);
    ax_f16_to_f32 (N, x, y);
    ax_f32_to_f16 (N, y, back);
    for (int i = 0; i < N; i++) {
      double v = half_value (x[i]);
      if (isnan (v)) {
        g_assert_true (isnan (y[i]));
        g_assert_true (isnan (half_value (back[i])));
      } else {
        g_assert_cmpuint (to_bits (y[i]), ==, to_bits ((float) v)); /* the sign of zero too */
        g_assert_cmpuint (back[i], ==, x[i]);
      }
    }
    /* between neighbours: the midpoint goes to the even one, a float below and above it to the nearer */
    for (guint32 h = 0; h < 0x7c00; h++) {
      double low = half_value ((guint16) h), high = h == 0x7bff ? 65536 : half_value ((guint16) (h + 1));
      float middle = (float) ((low + high) / 2);
      float in[6] = { nextafterf (middle, 0), middle, nextafterf (middle, INFINITY) };
      guint16 want[6] = { (guint16) h, (guint16) (h + (h & 1)), (guint16) (h + 1) }, got[6];
      for (int i = 0; i < 3; i++) {
        in[3 + i] = -in[i];
        want[3 + i] = want[i] | 0x8000;
      }
      ax_f32_to_f16 (6, in, got);
      for (int i = 0; i < 6; i++)
        g_assert_cmphex (got[i], ==, want[i]);
    }
    float huge[17];
    guint16 got[17];
    for (int i = 0; i < 17; i++)
      huge[i] = i % 2 ? 1e30f : INFINITY;
    ax_f32_to_f16 (17, huge, got);
    for (int i = 0; i < 17; i++)
      g_assert_cmphex (got[i], ==, 0x7c00);
  }
}

static void
test_bf16 (void)
{
  enum { N = 65536 };
  g_autofree guint16 *x = g_new (guint16, N), *back = g_new (guint16, N);
  g_autofree float *y = g_new (float, N);
  for (int i = 0; i < N; i++)
    x[i] = (guint16) i;
  FOR_EACH_ISA {
    ax_isa_force (isa);
    ax_bf16_to_f32 (N, x, y);
    ax_f32_to_bf16 (N, y, back);
    for (int i = 0; i < N; i++) {
      g_assert_cmpuint (to_bits (y[i]), ==, (guint32) x[i] << 16);
      if (isnan (y[i]))
        g_assert_true (isnan (from_bits ((guint32) back[i] << 16)));
      else
        g_assert_cmpuint (back[i], ==, x[i]);
    }
    /* for every finite upper half: just below the tie, the tie, just above */
    for (guint32 h = 0; h < 0x10000; h++) {
      if ((h & 0x7f80) == 0x7f80)
        continue;
      float in[3] = { from_bits (h << 16 | 0x7fff), from_bits (h << 16 | 0x8000), from_bits (h << 16 | 0x8001) };
      guint16 want[3] = { (guint16) h, (guint16) (h + (h & 1)), (guint16) (h + 1) }, got[3];
      ax_f32_to_bf16 (3, in, got);
      for (int i = 0; i < 3; i++)
        g_assert_cmphex (got[i], ==, want[i]);
    }
    float nan = from_bits (0x7f800001); /* its payload lies below the cut: must not become infinity */
    guint16 got;
    ax_f32_to_bf16 (1, &nan, &got);
    g_assert_true (isnan (from_bits ((guint32) got << 16)));
  }
}

static void
test_softmax (void)
{
  enum { D = 37 };
  FOR_EACH_ISA {
    float x[D], y[D];
    ax_isa_force (isa);
    for (int i = 0; i < D; i++)
      x[i] = i == 5 ? 3e38f : -3e38f; /* differences overflow to minus infinity */
    ax_softmax_forward (1, D, x, y);
    for (int i = 0; i < D; i++)
      g_assert_cmpfloat (y[i], ==, i == 5);
    for (int i = 0; i < D; i++)
      x[i] = i % 3 ? -INFINITY : 1000; /* masked entries */
    ax_softmax_forward (1, D, x, y);
    for (int i = 0; i < D; i++)
      g_assert_cmpfloat_with_epsilon (y[i], i % 3 ? 0 : 1.0 / 13, 2e-8); /* 13 unmasked; u / 13 each for sum and quotient is 1e-8 */
    for (int i = 0; i < D; i++)
      if (i % 3)
        g_assert_cmpfloat (y[i], ==, 0);
    x[7] = NAN;
    ax_softmax_forward (1, D, x, y);
    g_assert_true (isnan (y[7]));
    ax_softmax_forward (1, D, x, x); /* in place, a NaN row stays NaN */
    g_assert_true (isnan (x[0]));
  }
}

/* Logits of ids that do not exist are minus infinity: single ones, and at the end of a row as many as happen to fill a piece of it. */
static void
test_cross_entropy (void)
{
  enum { N = 16384 + 3 };
  g_autofree float *x = g_new (float, 2 * N), *d = g_new (float, 2 * N);
  FOR_EACH_ISA {
    const gint32 target[2] = { 7, N - 4 };
    const float dloss[2] = { 1, 1 };
    float lse[2], loss[2];
    ax_isa_force (isa);
    for (int i = 0; i < 2 * N; i++)
      x[i] = i % N >= N - 3 || i % N == 100 ? -INFINITY : 2;
    ax_cross_entropy_forward (2, N, x, target, lse, loss);
    ax_cross_entropy_backward (2, N, x, target, lse, dloss, d);
    for (int r = 0; r < 2; r++) {
      g_assert_cmpfloat_with_epsilon (lse[r], 2 + log (N - 4), 1e-6); /* rounded to float32 once, at 11.7 */
      g_assert_cmpfloat_with_epsilon (loss[r], log (N - 4), 1e-6);
      g_assert_cmpfloat (d[r * N + N - 1], ==, 0);
      g_assert_cmpfloat (d[r * N + 100], ==, 0);
      g_assert_cmpfloat_with_epsilon (d[r * N + target[r]], -1, 1e-4);
    }
  }
}

static void
test_l2norm (void)
{
  enum { D = 19 };
  FOR_EACH_ISA {
    float x[3 * D] = { 0 }, y[3 * D], norm[3], dy[3 * D], dx[3 * D] = { 0 };
    ax_isa_force (isa);
    for (int i = 0; i < D; i++) {
      x[D + i] = 1e30f;      /* its square is beyond float32 */
      x[2 * D + i] = 1e-30f; /* its square vanishes in float32, and the row is below eps */
      dy[i] = dy[D + i] = dy[2 * D + i] = 1;
    }
    ax_l2norm_forward (3, D, x, 1e-12f, y, norm);
    ax_l2norm_backward (3, D, y, norm, 1e-12f, dy, dx);
    for (int i = 0; i < D; i++) {
      g_assert_cmpfloat (y[i], ==, 0);
      g_assert_cmpfloat_with_epsilon (y[D + i], 1 / sqrt (D), 4 * 0x1p-24);
      g_assert_cmpfloat_with_epsilon (y[2 * D + i] * 1e18f, 1, 1e-6);
      g_assert_cmpfloat_with_epsilon (dx[i] * 1e-12f, 1, 1e-6);
      g_assert_true (isfinite (dx[D + i]));
    }
    g_assert_cmpfloat (norm[0], ==, 0);
  }
}

static void
test_activations (void)
{
  FOR_EACH_ISA {
    ax_isa_force (isa);
    for (int act = AX_ACT_RELU; act <= AX_ACT_GELU_TANH; act++) {
      float x[20], y[20];
      for (int i = 0; i < 20; i++)
        x[i] = i % 4 == 0 ? NAN : i % 4 == 1 ? 1e10f : i % 4 == 2 ? -1e10f : 0;
      ax_activation_forward (act, 20, x, y);
      for (int i = 0; i < 20; i++) {
        if (i % 4 == 0)
          g_assert_true (isnan (y[i]));
        else
          g_assert_cmpfloat_with_epsilon (y[i], i % 4 == 1 ? 1e10f : 0, 1.2e-28); /* exp vanishes at 1.2e-38: times |x| */
      }
    }
    float x[3] = { INFINITY, -INFINITY, 0 }, y[3];
    ax_sigmoid (3, x, y);
    g_assert_cmpfloat (y[0], ==, 1);
    g_assert_cmpfloat (y[1], <=, 1.2e-38f);
    g_assert_cmpfloat (y[2], ==, 0.5f);
  }
}

static void
test_maxpool (void)
{
  FOR_EACH_ISA {
    AxConvShape s = { 1, 4, 4, 17, 17, 3, 3, 2, 1 };
    float x[4 * 4 * 17], y[2 * 2 * 17];
    guint8 index[2 * 2 * 17];
    ax_isa_force (isa);
    for (gsize i = 0; i < G_N_ELEMENTS (x); i++)
      x[i] = -5; /* ties everywhere; padding must not win */
    ax_maxpool_forward (&s, x, y, index);
    for (gsize i = 0; i < G_N_ELEMENTS (y); i++)
      g_assert_cmpfloat (y[i], ==, -5);
    for (int c = 0; c < 17; c++) { /* the first tap inside the image */
      g_assert_cmpuint (index[c], ==, 4);
      g_assert_cmpuint (index[17 + c], ==, 3);
      g_assert_cmpuint (index[34 + c], ==, 1);
      g_assert_cmpuint (index[51 + c], ==, 0);
    }
    for (gsize i = 0; i < G_N_ELEMENTS (x); i++)
      x[i] = -INFINITY;
    ax_maxpool_forward (&s, x, y, index);
    g_assert_cmpuint (index[0], ==, 4);
    x[(1 * 4 + 1) * 17 + 3] = NAN; /* seen by all four windows */
    ax_maxpool_forward (&s, x, y, NULL);
    for (int w = 0; w < 4; w++)
      g_assert_true (isnan (y[w * 17 + 3]));
  }
}

static void
test_dropout (void)
{
  enum { N = 200003 };
  g_autofree float *x = g_new (float, N), *first = g_new (float, N), *y = g_new (float, N);
  for (int i = 0; i < N; i++)
    x[i] = 1 + (float) i;
  FOR_EACH_ISA {
    ax_isa_force (isa);
    for (int percent = 10; percent <= 90; percent += 40) {
      int dropped = 0, runs = 0;
      ax_dropout (N, (float) percent / 100, 42, x, y);
      for (int i = 0; i < N; i++) {
        dropped += y[i] == 0;
        runs += i > 0 && (y[i] == 0) != (y[i - 1] == 0);
      }
      const double p = percent / 100.0, q = 1 - p;
      /* six standard deviations of a binomial; the number of changes between neighbours has mean 2 p q n and at most twice that variance */
      g_assert_cmpfloat (fabs (dropped - N * p), <, 6 * sqrt (N * p * q));
      g_assert_cmpfloat (fabs (runs - N * 2 * p * q), <, 6 * sqrt (2 * N * 2 * p * q));
    }
    ax_dropout (N, 0.1f, 42, x, y);
    if (isa == AX_ISA_SCALAR)
      memcpy (first, y, N * sizeof *y);
    for (int i = 0; i < N; i++)
      g_assert_true ((y[i] == 0) == (first[i] == 0)); /* the same elements for every instruction set */
    ax_dropout (N, 0.1f, 43, x, y);
    int same = 0;
    for (int i = 0; i < N; i++)
      same += y[i] == 0 && first[i] == 0;
    g_assert_cmpfloat (fabs (same - N * 0.01), <, 6 * sqrt (N * 0.01)); /* another seed is independent */
    ax_dropout (N, 0, 42, x, y);
    g_assert_cmpmem (x, N * sizeof *x, y, N * sizeof *y);
  }
}

/* beta == 0 must not read C; leading dimensions beyond the width leave the gap alone. */
static void
test_gemm_strides (void)
{
  FOR_EACH_ISA {
    float a[3 * 7], b[5 * 9], c[3 * 11];
    ax_isa_force (isa);
    for (int i = 0; i < 21; i++)
      a[i] = (float) (i % 5);
    for (int i = 0; i < 45; i++)
      b[i] = (float) (i % 3);
    for (int i = 0; i < 33; i++)
      c[i] = NAN;
    ax_gemm (false, false, 3, 8, 5, 1, a, 7, b, 9, 0, c, 11);
    for (int i = 0; i < 3; i++)
      for (int j = 0; j < 11; j++) {
        float want = 0;
        for (int k = 0; k < 5; k++)
          want += a[i * 7 + k] * (j < 8 ? b[k * 9 + j] : 0);
        if (j < 8)
          g_assert_cmpfloat (c[i * 11 + j], ==, want);
        else
          g_assert_true (isnan (c[i * 11 + j]));
      }
  }
}

typedef struct {
  _Atomic int count[1000];
  _Atomic int nested;
} Visits;

static void
visit (void *ctx, size_t begin, size_t end)
{
  Visits *v = ctx;
  g_assert_true (begin % 7 == 0 && end <= 1000 && (end - begin == 7 || end == 1000));
  for (size_t i = begin; i < end; i++)
    atomic_fetch_add (&v->count[i], 1);
}

static void
visit_nested (void *ctx, size_t begin, size_t end)
{
  Visits inner = { 0 };
  ax_parallel_for (1000, 7, visit, &inner);
  for (int i = 0; i < 1000; i++)
    g_assert_cmpint (atomic_load (&inner.count[i]), ==, 1);
  atomic_fetch_add (&((Visits *) ctx)->nested, 1);
}

static gpointer
pool_user (gpointer data)
{
  for (int round = 0; round < 200; round++) {
    Visits v = { 0 };
    ax_parallel_for (1000, 7, visit, &v);
    for (int i = 0; i < 1000; i++)
      g_assert_cmpint (atomic_load (&v.count[i]), ==, 1);
  }
  return NULL;
}

static void
test_pool (void)
{
  for (int threads = 1; threads <= 5; threads += 2) {
    ax_threads_set (threads);
    g_assert_cmpint (ax_threads (), ==, threads);
    pool_user (NULL);
    Visits v = { 0 };
    ax_parallel_for (9, 1, visit_nested, &v);
    g_assert_cmpint (atomic_load (&v.nested), ==, 9);
    GThread *users[3];
    for (int i = 0; i < 3; i++)
      users[i] = g_thread_new ("user", pool_user, NULL);
    for (int i = 0; i < 3; i++)
      g_thread_join (users[i]);
  }
  ax_threads_set (0);
  g_assert_cmpint (ax_threads (), ==, ax_physical_cores ());
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kernels/f16", test_f16);
  g_test_add_func ("/kernels/bf16", test_bf16);
  g_test_add_func ("/kernels/softmax", test_softmax);
  g_test_add_func ("/kernels/cross-entropy", test_cross_entropy);
  g_test_add_func ("/kernels/l2norm", test_l2norm);
  g_test_add_func ("/kernels/activations", test_activations);
  g_test_add_func ("/kernels/maxpool", test_maxpool);
  g_test_add_func ("/kernels/dropout", test_dropout);
  g_test_add_func ("/kernels/gemm-strides", test_gemm_strides);
  g_test_add_func ("/kernels/pool", test_pool);
  return g_test_run ();
}
