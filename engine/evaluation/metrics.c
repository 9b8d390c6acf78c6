/* metrics.c: see metrics.h. */
#include "engine/evaluation/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "engine/training/random.h"

double ax_mean_iou(const AxBox *a, const AxBox *b, const guint8 *use, guint n) {
  double sum = 0;
  guint count = 0;
  for (guint i = 0; i < n; i++)
    if (use == NULL || use[i])
      sum += ax_box_iou(a[i], b[i]), count++;
  return count > 0 ? sum / count : NAN;
}

/* ---- ranking ---- */

typedef struct {
  double score;
  guint8 truth;
} Scored;

static int compare_scored(const void *a, const void *b) {
  const double x = ((const Scored *) a)->score, y = ((const Scored *) b)->score;
  return (x > y) - (x < y);
}

/* Sorted by rising score; NULL when a score is NaN or there is none. */
static Scored *sort_scored(const double *scores, const guint8 *truth, guint n, guint *positives) {
  *positives = 0;
  if (n == 0)
    return NULL;
  Scored *s = g_new(Scored, n);
  for (guint i = 0; i < n; i++) {
    if (isnan(scores[i])) {
      g_free(s);
      return NULL;
    }
    s[i] = (Scored){scores[i], truth[i] != 0};
    *positives += s[i].truth;
  }
  qsort(s, n, sizeof *s, compare_scored);
  return s;
}

double ax_auroc(const double *scores, const guint8 *truth, guint n) {
  guint positives;
  g_autofree Scored *s = sort_scored(scores, truth, n, &positives);
  if (s == NULL || positives == 0 || positives == n)
    return NAN;
  double rank_sum = 0; /* of the positives; ranks from 1, equal scores share the middle one */
  for (guint i = 0; i < n;) {
    guint end = i, here = 0;
    while (end < n && s[end].score == s[i].score)
      here += s[end++].truth;
    rank_sum += here * (i + 1 + end) / 2.0;
    i = end;
  }
  const double p = positives, q = n - positives;
  return (rank_sum - p * (p + 1) / 2) / (p * q);
}

double ax_average_precision(const double *scores, const guint8 *truth, guint n) {
  guint positives;
  g_autofree Scored *s = sort_scored(scores, truth, n, &positives);
  if (s == NULL || positives == 0)
    return NAN;
  double sum = 0, tp = 0;
  for (guint end = n; end > 0;) {
    guint i = end, here = 0;
    while (i > 0 && s[i - 1].score == s[end - 1].score)
      here += s[--i].truth;
    tp += here;
    sum += here / (double) positives * (tp / (n - i));
    end = i;
  }
  return sum;
}

/* ---- counting ---- */

static double share(guint64 part, guint64 whole) {
  return whole > 0 ? (double) part / (double) whole : NAN;
}

double ax_counts_precision(AxCounts c) {
  return share(c.tp, c.tp + c.fp);
}

double ax_counts_recall(AxCounts c) {
  return share(c.tp, c.tp + c.fn);
}

double ax_counts_f1(AxCounts c) {
  return share(2 * c.tp, 2 * c.tp + c.fp + c.fn);
}

/* ---- calibration ---- */

double ax_calibration_error(const double *probabilities, const guint8 *truth, guint n, AxPlotBin bins[AX_N_CALIBRATION_BINS]) {
  guint count[AX_N_CALIBRATION_BINS] = {0};
  double predicted[AX_N_CALIBRATION_BINS] = {0}, observed[AX_N_CALIBRATION_BINS] = {0};
  for (guint i = 0; i < n; i++) {
    const double p = CLAMP(probabilities[i], 0, 1);
    const guint k = (guint) MIN(p * AX_N_CALIBRATION_BINS, AX_N_CALIBRATION_BINS - 1);
    count[k]++, predicted[k] += p, observed[k] += truth[i] != 0;
  }
  double error = 0;
  for (guint k = 0; k < AX_N_CALIBRATION_BINS; k++) {
    error += fabs(predicted[k] - observed[k]);
    if (bins != NULL)
      bins[k] = (AxPlotBin){count[k], count[k] ? predicted[k] / count[k] : NAN, count[k] ? observed[k] / count[k] : NAN};
  }
  return n > 0 ? error / n : NAN;
}

/* log(1 + exp(z)) without overflow */
static double softplus(double z) {
  return z > 0 ? z + log1p(exp(-z)) : log1p(exp(z));
}

static double sigmoid(double z) {
  return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
}

double ax_platt_apply(AxPlatt platt, double logit) {
  return sigmoid(platt.a * logit + platt.b);
}

/* Cross entropy of smoothed targets. */
static double platt_loss(const double *logits, const guint8 *truth, guint n, double target1, double target0, double a, double b) {
  double loss = 0;
  for (guint i = 0; i < n; i++) {
    const double z = a * logits[i] + b;
    loss += softplus(z) - (truth[i] ? target1 : target0) * z;
  }
  return loss;
}

AxPlatt ax_platt_fit(const double *logits, const guint8 *truth, guint n) {
  if (n == 0)
    return (AxPlatt){1, 0};
  double positives = 0;
  for (guint i = 0; i < n; i++)
    positives += truth[i] != 0;
  const double negatives = n - positives;
  const double target1 = (positives + 1) / (positives + 2), target0 = 1 / (negatives + 2);
  if (positives == 0 || negatives == 0) {
    const double t = positives == 0 ? target0 : target1;
    return (AxPlatt){0, log(t / (1 - t))};
  }

  double a = 0, b = log((positives + 1) / (negatives + 1));
  double loss = platt_loss(logits, truth, n, target1, target0, a, b);
  for (guint round = 0; round < 200; round++) {
    /* a ridge of 1e-12 keeps the Hessian regular when all logits are equal */
    double haa = 1e-12, hbb = 1e-12, hab = 0, ga = 0, gb = 0;
    for (guint i = 0; i < n; i++) {
      const double p = sigmoid(a * logits[i] + b), w = p * (1 - p), d = p - (truth[i] ? target1 : target0);
      haa += logits[i] * logits[i] * w, hbb += w, hab += logits[i] * w;
      ga += logits[i] * d, gb += d;
    }
    if (fabs(ga) < 1e-10 && fabs(gb) < 1e-10)
      break;
    const double det = haa * hbb - hab * hab;
    const double da = -(hbb * ga - hab * gb) / det, db = -(haa * gb - hab * ga) / det, slope = ga * da + gb * db;
    double step = 1, next = NAN;
    for (; step > 1e-12; step /= 2) {
      next = platt_loss(logits, truth, n, target1, target0, a + step * da, b + step * db);
      if (next < loss + 1e-4 * step * slope)
        break;
    }
    if (!(step > 1e-12)) /* no lower point: the minimum, to rounding */
      break;
    a += step * da, b += step * db, loss = next;
  }
  return (AxPlatt){a, b};
}

static void smoothed_targets(const guint8 *truth, guint n, double *target1, double *target0) {
  double positives = 0;
  for (guint i = 0; i < n; i++)
    positives += truth[i] != 0;
  *target1 = (positives + 1) / (positives + 2);
  *target0 = 1 / (n - positives + 2);
}

double ax_platt_fit_offset(const double *logits, const guint8 *truth, guint n, double slope) {
  if (n == 0)
    return 0;
  double target1, target0, lo = -1e3, hi = 1e3, b = 0, most = 0;
  smoothed_targets(truth, n, &target1, &target0);
  for (guint i = 0; i < n; i++)
    most = fmax(most, fabs(slope * logits[i]));
  lo -= most, hi += most;
  /* The sum of p - target rises with b: Newton's steps, and halving where one would leave the bracket. */
  for (guint round = 0; round < 300 && hi - lo > 1e-13 * (1 + fabs(b)); round++) {
    double g = 0, h = 0;
    for (guint i = 0; i < n; i++) {
      const double p = sigmoid(slope * logits[i] + b);
      g += p - (truth[i] ? target1 : target0), h += p * (1 - p);
    }
    if (fabs(g) < 1e-12)
      break;
    *(g > 0 ? &hi : &lo) = b;
    const double next = h > 1e-12 ? b - g / h : NAN;
    b = next > lo && next < hi ? next : (lo + hi) / 2;
  }
  return b;
}

/* Derivative by the slope of the cross entropy with every offset at its best. It rises with the slope: the cross entropy is convex. */
static double shared_gradient(const AxPlattSet *sets, guint n_sets, double slope, double *offsets) {
  double g = 0;
  for (guint s = 0; s < n_sets; s++) {
    double target1, target0;
    smoothed_targets(sets[s].truth, sets[s].n, &target1, &target0);
    offsets[s] = ax_platt_fit_offset(sets[s].logits, sets[s].truth, sets[s].n, slope);
    gboolean classes[2] = {FALSE, FALSE};
    for (guint i = 0; i < sets[s].n; i++)
      classes[sets[s].truth[i] != 0] = TRUE;
    for (guint i = 0; i < sets[s].n && classes[0] && classes[1]; i++)
      g += sets[s].logits[i] * (sigmoid(slope * sets[s].logits[i] + offsets[s]) - (sets[s].truth[i] ? target1 : target0));
  }
  return g;
}

double ax_platt_fit_shared(const AxPlattSet *sets, guint n_sets, double *offsets) {
  double lo = 0, hi = 1;
  if (shared_gradient(sets, n_sets, 0, offsets) >= 0)
    return 0;
  while (hi < 1e3 && shared_gradient(sets, n_sets, hi, offsets) < 0)
    lo = hi, hi *= 2;
  for (guint round = 0; round < 60; round++) {
    const double mid = (lo + hi) / 2;
    *(shared_gradient(sets, n_sets, mid, offsets) < 0 ? &lo : &hi) = mid;
  }
  shared_gradient(sets, n_sets, lo, offsets);
  return lo;
}

/* ---- intervals ---- */

static int compare_double(const void *a, const void *b) {
  const double x = *(const double *) a, y = *(const double *) b;
  return (x > y) - (x < y);
}

/* Linear between order statistics. */
static double percentile(const double *sorted, guint n, double q) {
  const double at = q * (n - 1);
  const guint i = (guint) at;
  return i + 1 < n ? sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

AxEstimate ax_bootstrap(const guint *group, guint n_cases, guint n_groups, guint rounds, guint64 seed, AxStatistic statistic, gconstpointer data) {
  AxEstimate e = {NAN, NAN, NAN};
  g_return_val_if_fail(rounds <= 100000, e);
  /* cases of each group one after another: start[g] .. start[g + 1] of order */
  g_autofree guint *order = g_new(guint, MAX(n_cases, 1)), *start = g_new0(guint, (gsize) n_groups + 1);
  for (guint i = 0; i < n_cases; i++) {
    g_return_val_if_fail(group[i] < n_groups, e);
    start[group[i] + 1]++;
  }
  guint largest = 0;
  for (guint g = 0; g < n_groups; g++) {
    largest = MAX(largest, start[g + 1]);
    start[g + 1] += start[g];
  }
  g_autofree guint *fill = g_memdup2(start, sizeof *start * ((gsize) n_groups + 1));
  for (guint i = 0; i < n_cases; i++)
    order[fill[group[i]]++] = i;

  e.value = statistic(order, n_cases, data);
  if (n_groups == 0 || rounds == 0)
    return e;
  g_autofree guint *drawn = g_new(guint, (gsize) n_groups * largest + 1);
  g_autofree double *values = g_new(double, rounds);
  guint n_values = 0;
  for (guint r = 0; r < rounds; r++) {
    AxRandom random = ax_random_init(seed, r, 0);
    guint n = 0;
    for (guint k = 0; k < n_groups; k++) {
      const guint g = (guint) ax_random_below(&random, n_groups);
      for (guint i = start[g]; i < start[g + 1]; i++)
        drawn[n++] = order[i];
    }
    const double v = statistic(drawn, n, data);
    if (!isnan(v))
      values[n_values++] = v;
  }
  if (n_values * 2 >= rounds) {
    qsort(values, n_values, sizeof *values, compare_double);
    e.lo = percentile(values, n_values, 0.025), e.hi = percentile(values, n_values, 0.975);
  }
  return e;
}
