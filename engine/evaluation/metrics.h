/* Figures of merit. What lives here: ranking (AUROC, average precision), counting (precision, recall, F1), calibration (expected calibration error,
 * Platt's scaling) and confidence intervals by resampling patients. All in double precision on plain arrays. May use engine/image/box.h,
 * engine/training/plot.h (its bins) and GLib. A figure that is not defined on the data is NaN, never 0 or 1. */
#pragma once

#include "engine/image/box.h"
#include "engine/training/plot.h"

G_BEGIN_DECLS

/* Mean of ax_box_iou() over index-matched pairs a[n], b[n]; pairs with use[i] == 0 are left out (use NULL: all). Two boxes without area count as 0,
 * as in the authors' APM evaluation (spec 10.1). NaN without pairs. */
double ax_mean_iou(const AxBox *a, const AxBox *b, const guint8 *use, guint n);

/* Area under the ROC curve of scores[n] against truth[n] (0 or 1): the probability that a positive scores above a negative, ties counting half
 * (midranks, so that the order of cases cannot matter). NaN if a class is missing or a score is NaN. */
double ax_auroc(const double *scores, const guint8 *truth, guint n);

/* Average precision: sum over score thresholds of (recall step) x precision, equal scores taken together. NaN without positives or with a NaN score. */
double ax_average_precision(const double *scores, const guint8 *truth, guint n);

typedef struct {
  guint64 tp, fp, fn, tn;
} AxCounts;

/* NaN where the denominator is 0. */
double ax_counts_precision(AxCounts c);
double ax_counts_recall(AxCounts c);
double ax_counts_f1(AxCounts c);

#define AX_N_CALIBRATION_BINS 10

/* Expected calibration error of probabilities[n] against truth[n]: over 10 bins of equal width, the mean of |mean probability - share of positives|
 * weighted by the bins' sizes. A probability of exactly k/10 is in the upper bin, 1 in the last. bins (may be NULL) gets what a reliability
 * diagram shows; an empty bin has NaN shares. NaN when n is 0. */
double ax_calibration_error(const double *probabilities, const guint8 *truth, guint n, AxPlotBin bins[AX_N_CALIBRATION_BINS]);

/* probability = 1 / (1 + exp(-(a * logit + b))) */
typedef struct {
  double a, b;
} AxPlatt;

/* Platt's scaling (1999) fitted by Newton's method with a line search (Lin, Lin and Weng, Machine Learning 68, 2007). The targets are smoothed, (n+ + 1) / (n+ + 2)
 * and 1 / (n- + 2), so that few or separable positives give a finite fit and a single class gives its smoothed share at slope 0. With no data the
 * identity, a = 1 and b = 0. A slope below 0 means that the logits rank the data backwards. */
AxPlatt ax_platt_fit(const double *logits, const guint8 *truth, guint n);
double ax_platt_apply(AxPlatt platt, double logit);

/* The offset alone, at a slope that is given; targets smoothed as above. With no data log(1) = 0. */
double ax_platt_fit_offset(const double *logits, const guint8 *truth, guint n, double slope);

/* One set of predictions: logits[n] of one label with their truth. */
typedef struct {
  const double *logits;
  const guint8 *truth;
  guint n;
} AxPlattSet;

/* One slope for several labels of one network, an offset each (offsets[n_sets]): with a few dozen readings a label, slopes of their own follow the noise.
 * Sets with a single class have no say in the slope; it is 0 when no set has both, and is never below 0 (then the logits rank the data backwards). */
double ax_platt_fit_shared(const AxPlattSet *sets, guint n_sets, double *offsets);

/* A figure on a list of cases, in which a case may come up more than once; NaN if it is not defined there. */
typedef double (*AxStatistic)(const guint *cases, guint n, gconstpointer data);

typedef struct {
  double value;   /* on all cases once */
  double lo, hi;  /* NaN when fewer than half of the rounds gave a value */
} AxEstimate;

/* Bootstrap: groups (patients) are drawn with replacement, each with all its cases; [lo, hi] are the percentiles 2.5 and 97.5 of the figure over
 * `rounds` draws (at most 100000). group[i] < n_groups is the group of case i. The same seed gives the same interval. */
AxEstimate ax_bootstrap(const guint *group, guint n_cases, guint n_groups, guint rounds, guint64 seed, AxStatistic statistic, gconstpointer data);

G_END_DECLS
