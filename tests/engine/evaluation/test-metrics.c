/* Figures of merit against cases worked by hand, brute force and properties. Tolerances: all sums have under 10^5 terms of size at most 1 in double
 * precision, so rounding stays below 10^5 * 2^-53 = 1.1e-11; EXACT is that, rounded up. */
#include "engine/evaluation/metrics.h"

#include <math.h>

#include "engine/training/random.h"

#define EXACT 2e-11

static void near(const char *what, double got, double want, double tolerance) {
  g_test_message("%s: %.12g, expected %.12g, %.2g of the tolerance", what, got, want, fabs(got - want) / tolerance);
  g_assert_true(fabs(got - want) <= tolerance);
}

static void test_iou(void) {
  const AxBox a[3] = {{0, 0, 10, 10}, {0, 0, 10, 10}, {5, 5, 5, 5}}, b[3] = {{0, 0, 10, 10}, {5, 0, 15, 10}, {5, 5, 5, 5}};
  const guint8 two[3] = {1, 1, 0}, none[3] = {0};
  near("mean IoU of 1, 1/3 and 0", ax_mean_iou(a, b, NULL, 3), 4.0 / 9, EXACT);
  near("without the third", ax_mean_iou(a, b, two, 3), 2.0 / 3, EXACT);
  g_assert_true(isnan(ax_mean_iou(a, b, none, 3)));
}

static void test_auroc(void) {
  const double s[6] = {0.1, 0.4, 0.4, 0.4, 0.8, 0.9};
  const guint8 y[6] = {0, 0, 1, 1, 0, 1};
  /* nine pairs: 0.4+ beats 0.1 twice, ties with 0.4 twice, loses to 0.8 twice; 0.9 wins three times: 2 + 1 + 0 + 3 = 6 of 9 */
  near("ties by midranks", ax_auroc(s, y, 6), 6.0 / 9, EXACT);
  const guint8 ones[3] = {1, 1, 1};
  g_assert_true(isnan(ax_auroc(s, ones, 3)));
  g_assert_true(isnan(ax_auroc(s, y, 0)));
  const double bad[2] = {NAN, 1};
  const guint8 two[2] = {0, 1};
  g_assert_true(isnan(ax_auroc(bad, two, 2)));

  /* against the definition, on scores with many ties */
  enum { N = 300 };
  double scores[N];
  guint8 truth[N];
  AxRandom r = ax_random_init(7, 0, 0);
  for (int i = 0; i < N; i++)
    truth[i] = ax_random_uniform(&r) < 0.2, scores[i] = (double) ax_random_below(&r, 20) + 4 * truth[i];
  double wins = 0, pairs = 0;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++)
      if (truth[i] && !truth[j])
        pairs++, wins += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
  near("all pairs", ax_auroc(scores, truth, N), wins / pairs, EXACT);
  for (int i = 0; i < N; i++)
    scores[i] = -scores[i];
  near("backwards", ax_auroc(scores, truth, N), 1 - wins / pairs, EXACT);
}

static void test_average_precision(void) {
  const double s[5] = {5, 4, 3, 2, 1};
  const guint8 y[5] = {1, 0, 1, 0, 0};
  near("hits at 1 and 3", ax_average_precision(s, y, 5), 0.5 * 1 + 0.5 * 2 / 3, EXACT);
  const double equal[4] = {1, 1, 1, 1};
  near("all equal: the share of positives", ax_average_precision(equal, y, 4), 0.5, EXACT);
  const guint8 none[5] = {0};
  g_assert_true(isnan(ax_average_precision(s, none, 5)));
}

static void test_counts(void) {
  const AxCounts c = {6, 2, 4, 8}, empty = {0};
  near("precision", ax_counts_precision(c), 0.75, EXACT);
  near("recall", ax_counts_recall(c), 0.6, EXACT);
  near("F1", ax_counts_f1(c), 2 * 0.75 * 0.6 / (0.75 + 0.6), EXACT);
  g_assert_true(isnan(ax_counts_precision(empty)) && isnan(ax_counts_recall(empty)) && isnan(ax_counts_f1(empty)));
}

static void test_calibration_error(void) {
  const double p[6] = {0.05, 0.15, 0.15, 0.95, 0.95, 1.0};
  const guint8 y[6] = {0, 0, 1, 1, 1, 0};
  AxPlotBin bins[AX_N_CALIBRATION_BINS];
  /* bin 0: |0.05 - 0|; bin 1: |0.30 - 1|; bin 9: |2.90 - 2|; divided by 6 */
  near("three bins", ax_calibration_error(p, y, 6, bins), (0.05 + 0.70 + 0.90) / 6, EXACT);
  g_assert_cmpuint(bins[9].n, ==, 3);
  near("bin 9", bins[9].observed, 2.0 / 3, EXACT);
  g_assert_true(bins[5].n == 0 && isnan(bins[5].observed));
  g_assert_true(isnan(ax_calibration_error(p, y, 0, NULL)));
}

static void test_platt(void) {
  enum { N = 40000 };
  g_autofree double *z = g_new(double, N);
  g_autofree guint8 *y = g_new(guint8, N);
  AxRandom r = ax_random_init(3, 1, 4);
  for (int i = 0; i < N; i++) {
    z[i] = 3 * ax_random_normal(&r);
    y[i] = ax_random_uniform(&r) < 1 / (1 + exp(-(0.6 * z[i] - 1.1)));
  }
  const AxPlatt fit = ax_platt_fit(z, y, N);
  /* Fisher information with weights w = p(1-p) of about 0.1: standard errors near 0.007 (a) and 0.016 (b); four of each */
  near("slope found again", fit.a, 0.6, 4 * 0.007);
  near("offset found again", fit.b, -1.1, 4 * 0.016);
  /* at the minimum the mean probability is the mean smoothed target */
  double mean = 0, target = 0, n1 = 0;
  for (int i = 0; i < N; i++)
    n1 += y[i];
  for (int i = 0; i < N; i++)
    mean += ax_platt_apply(fit, z[i]) / N, target += (y[i] ? (n1 + 1) / (n1 + 2) : 1 / (N - n1 + 2)) / N;
  near("gradient in b", mean, target, 1e-10 /* the loop ends when the summed gradient is below 1e-10, or at rounding */ + EXACT);

  /* separable: finite because the targets are smoothed: p(+1) = 2/3 and p(-1) = 1/3, a = log 2, b = 0 */
  const double two[2] = {-1, 1};
  const guint8 label[2] = {0, 1};
  const AxPlatt s = ax_platt_fit(two, label, 2);
  near("separable slope", s.a, log(2), 1e-8);
  near("separable offset", s.b, 0, 1e-8);
  /* one positive among 200 at an extreme logit */
  for (int i = 0; i < 200; i++)
    z[i] = i == 0 ? 500 : -i, y[i] = i == 0;
  const AxPlatt one = ax_platt_fit(z, y, 200);
  g_assert_true(isfinite(one.a) && isfinite(one.b) && one.a > 0);
  /* one class, and nothing */
  const guint8 none[2] = {0};
  near("no positive among 2", ax_platt_apply(ax_platt_fit(two, none, 2), 9), 0.25, EXACT);
  near("no data", ax_platt_apply(ax_platt_fit(two, none, 0), 1.5), 1 / (1 + exp(-1.5)), EXACT);
  /* all logits equal */
  const double same[4] = {2, 2, 2, 2};
  const guint8 half[4] = {1, 0, 1, 0};
  near("equal logits", ax_platt_apply(ax_platt_fit(same, half, 4), 2), 0.5, 1e-8);
}

static void test_platt_shared(void) {
  /* two labels with one slope and offsets of their own, and one that has a single class */
  enum { N = 20000 };
  static double z[3][N];
  static guint8 y[3][N];
  const double offset[2] = {-1.5, 0.4};
  AxRandom r = ax_random_init(5, 1, 4);
  for (int s = 0; s < 3; s++)
    for (int i = 0; i < N; i++) {
      z[s][i] = 2 * ax_random_normal(&r);
      y[s][i] = s < 2 && ax_random_uniform(&r) < 1 / (1 + exp(-(0.8 * z[s][i] + offset[s])));
    }
  AxPlattSet sets[3] = {{z[0], y[0], N}, {z[1], y[1], N}, {z[2], y[2], 100}};
  double b[3];
  const double a = ax_platt_fit_shared(sets, 3, b);
  /* weights p(1-p) of about 0.13: standard errors near 1 / sqrt(40000 * 0.13 * 4) = 0.007 and 1 / sqrt(20000 * 0.13) = 0.02 */
  near("shared slope", a, 0.8, 4 * 0.007);
  near("first offset", b[0], offset[0], 4 * 0.02);
  near("second offset", b[1], offset[1], 4 * 0.02);
  /* alone it is Platt's own fit; both stop within rounding of the same minimum: (gradient 1e-10) / (curvature above 1000) */
  const AxPlatt own = ax_platt_fit(z[0], y[0], N);
  near("one set", ax_platt_fit_shared(sets, 1, b), own.a, 1e-9);
  near("its offset", b[0], own.b, 1e-9);
  near("offset at a slope", ax_platt_fit_offset(z[0], y[0], N, own.a), own.b, 1e-9);
  /* a single class: the smoothed share, 1 / 102, at slope 0 */
  g_assert_true(ax_platt_fit_shared(sets + 2, 1, b) == 0);
  near("smoothed share", ax_platt_apply((AxPlatt){0, b[0]}, 3), 1.0 / 102, 1e-9);
  /* backwards: never below 0 */
  const double back[4] = {2, 1, -1, -2};
  const guint8 truth[4] = {0, 0, 1, 1};
  const AxPlattSet wrong = {back, truth, 4};
  g_assert_true(ax_platt_fit_shared(&wrong, 1, b) == 0);
  near("half", b[0], 0, 1e-9);
  near("no data", ax_platt_fit_offset(back, truth, 0, 1), 0, EXACT);
  /* extreme logits stay finite */
  const double far[3] = {-900, 5, 900};
  const guint8 some[3] = {0, 1, 1};
  g_assert_true(isfinite(ax_platt_fit_offset(far, some, 3, 1000)));
}

typedef struct {
  const double *values;
} MeanData;

static double mean_of(const guint *cases, guint n, gconstpointer data) {
  const MeanData *d = data;
  double sum = 0;
  for (guint i = 0; i < n; i++)
    sum += d->values[cases[i]];
  return n > 0 ? sum / n : NAN;
}

static double never(const guint *cases, guint n, gconstpointer data) {
  return NAN;
}

static void test_bootstrap(void) {
  /* 100 patients with 4 equal images each: the interval must be that of 100 values, not of 400. */
  enum { PATIENTS = 100, N = 400 };
  double v[N];
  guint group[N], alone[N];
  AxRandom r = ax_random_init(1, 2, 3);
  double sum = 0, squares = 0;
  for (int p = 0; p < PATIENTS; p++) {
    const double x = ax_random_normal(&r);
    sum += x, squares += x * x;
    for (int k = 0; k < 4; k++)
      v[p + PATIENTS * k] = x, group[p + PATIENTS * k] = p, alone[p + PATIENTS * k] = p + PATIENTS * k;
  }
  const double sd = sqrt(squares / PATIENTS - sum / PATIENTS * sum / PATIENTS);
  const MeanData d = {v};
  const AxEstimate e = ax_bootstrap(group, N, PATIENTS, 4000, 11, mean_of, &d), again = ax_bootstrap(group, N, PATIENTS, 4000, 11, mean_of, &d);
  near("value", e.value, sum / PATIENTS, EXACT);
  /* the width is 2 * 1.96 * sd / sqrt(100); a percentile of 4000 rounds is known to about 3 %, three of these */
  near("width", e.hi - e.lo, 2 * 1.96 * sd / 10, 0.09 * 2 * 1.96 * sd / 10);
  g_assert_true(e.lo == again.lo && e.hi == again.hi);
  const AxEstimate other = ax_bootstrap(group, N, PATIENTS, 4000, 12, mean_of, &d);
  g_assert_true(e.lo != other.lo);
  const AxEstimate narrow = ax_bootstrap(alone, N, N, 4000, 11, mean_of, &d);
  near("images as if independent: half as wide", (narrow.hi - narrow.lo) / (e.hi - e.lo), 0.5, 0.06);
  const AxEstimate undefined = ax_bootstrap(group, N, PATIENTS, 100, 1, never, NULL);
  g_assert_true(isnan(undefined.value) && isnan(undefined.lo) && isnan(undefined.hi));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/metrics/iou", test_iou);
  g_test_add_func("/metrics/auroc", test_auroc);
  g_test_add_func("/metrics/average-precision", test_average_precision);
  g_test_add_func("/metrics/counts", test_counts);
  g_test_add_func("/metrics/calibration-error", test_calibration_error);
  g_test_add_func("/metrics/platt", test_platt);
  g_test_add_func("/metrics/platt-shared", test_platt_shared);
  g_test_add_func("/metrics/bootstrap", test_bootstrap);
  return g_test_run();
}
