/* detection.c: see detection.h. */
#include "engine/evaluation/detection.h"

#include <math.h>
#include <string.h>

#define RECALLS 101 /* COCO reads the precision at recalls 0, 0.01, ... 1 */
#define MAX_PREDICTIONS 100

/* torchvision's box_iou(): areas keep the sign of their sides' product, 0 / 0 is NaN. */
static double signed_iou(AxBox a, AxBox b) {
  const double w = MIN(a.x2, b.x2) - MAX(a.x1, b.x1), h = MIN(a.y2, b.y2) - MAX(a.y1, b.y1);
  const double inter = MAX(w, 0) * MAX(h, 0);
  return inter / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - inter);
}

static double authors_iou(const AxLabelledBoxes *reference, const AxLabelledBoxes *predicted) {
  double sum = 0;
  for (guint i = 0; i < predicted->n; i++) {
    double best = -INFINITY;
    for (guint j = 0; j < reference->n; j++) {
      const double v = signed_iou(predicted->boxes[i], reference->boxes[j]);
      best = isnan(v) || isnan(best) ? NAN : MAX(best, v); /* a NaN wins in torch's max() */
    }
    sum += best;
  }
  return sum / predicted->n;
}

/* COCO's greedy matching of one image and class at one threshold: each prediction in turn takes the free reference it overlaps most (the last of equal
 * ones). Appends whether it found one to hits. */
static void match(const AxBox *reference, guint n_reference, const AxBox *predicted, guint n_predicted, double threshold, GByteArray *hits) {
  g_autofree guint8 *taken = g_new0(guint8, n_reference + 1);
  for (guint i = 0; i < n_predicted; i++) {
    double best = MIN(threshold, 1 - 1e-10);
    guint found = n_reference;
    for (guint j = 0; j < n_reference; j++) {
      if (taken[j])
        continue;
      const double v = signed_iou(predicted[i], reference[j]);
      if (v >= best) /* NaN: no match */
        best = v, found = j;
    }
    taken[found] = 1;
    const guint8 hit = found < n_reference;
    g_byte_array_append(hits, &hit, 1);
  }
}

/* Mean precision over the 101 recalls, precision made non-increasing from the right. */
static double average_precision(const GByteArray *hits, guint n_reference, double *recall) {
  g_autofree double *precision = g_new(double, hits->len + 1);
  g_autofree guint *tp = g_new(guint, hits->len + 1);
  guint found = 0;
  for (guint i = 0; i < hits->len; i++) {
    found += hits->data[i];
    tp[i] = found;
    precision[i] = found / (double) (i + 1);
  }
  for (guint i = hits->len; i-- > 1;)
    precision[i - 1] = MAX(precision[i - 1], precision[i]);
  if (recall != NULL)
    *recall = found / (double) n_reference;
  double sum = 0;
  for (guint r = 0, i = 0; r < RECALLS; r++) {
    /* first place where the recall reaches r / 100; compared in whole numbers, so no rounding decides */
    while (i < hits->len && (guint64) tp[i] * (RECALLS - 1) < (guint64) r * n_reference)
      i++;
    if (i < hits->len)
      sum += precision[i];
  }
  return sum / RECALLS;
}

/* Class of each box, see ax_detection_scores(). Returns the number of classes that have a reference. */
static guint assign_classes(const AxLabelledBoxes *reference, const AxLabelledBoxes *predicted, AxLabelSimilarity similarity, gpointer user_data,
                            guint *reference_class, guint *predicted_class) {
  const char *first = reference->labels != NULL ? reference->labels[0] : NULL;
  gboolean same = TRUE;
  for (guint j = 1; j < reference->n && reference->labels != NULL; j++)
    same = same && g_strcmp0(first, reference->labels[j]) == 0;
  if (same) {
    memset(reference_class, 0, reference->n * sizeof(guint));
    memset(predicted_class, 0, predicted->n * sizeof(guint));
    return 1;
  }
  for (guint j = 0; j < reference->n; j++)
    reference_class[j] = j;
  for (guint i = 0; i < predicted->n; i++) {
    const char *label = predicted->labels != NULL ? predicted->labels[i] : NULL;
    double best = 0.8;
    predicted_class[i] = reference->n; /* no reference's: it can match nothing, so one class serves for all of these */
    for (guint j = 0; j < reference->n; j++) {
      const char *other = reference->labels[j];
      const double v = label == NULL || other == NULL ? -1 : similarity != NULL ? similarity(other, label, user_data) : strcmp(other, label) == 0 ? 1 : 0;
      if (v >= best && (v > best || predicted_class[i] == reference->n))
        best = v, predicted_class[i] = j;
    }
  }
  return reference->n;
}

gboolean ax_detection_scores(const AxLabelledBoxes *reference, const AxLabelledBoxes *predicted, AxLabelSimilarity similarity, gpointer user_data,
                             AxDetectionScores *scores) {
  *scores = (AxDetectionScores){NAN, NAN, NAN, NAN};
  if (reference->n == 0 || predicted->n == 0)
    return FALSE;
  static const double thresholds[4] = {0.25, 0.50, 0.75, 0.95};
  g_autofree guint *reference_class = g_new(guint, reference->n), *predicted_class = g_new(guint, predicted->n);
  const guint n_classes = assign_classes(reference, predicted, similarity, user_data, reference_class, predicted_class);
  g_autofree AxBox *r = g_new(AxBox, reference->n), *p = g_new(AxBox, predicted->n);
  double ap[4] = {0};
  for (guint c = 0; c < n_classes; c++) {
    guint nr = 0, np = 0;
    for (guint j = 0; j < reference->n; j++)
      if (reference_class[j] == c)
        r[nr++] = reference->boxes[j];
    for (guint i = 0; i < predicted->n && np < MAX_PREDICTIONS; i++)
      if (predicted_class[i] == c)
        p[np++] = predicted->boxes[i];
    for (guint t = 0; t < 4; t++) {
      g_autoptr(GByteArray) hits = g_byte_array_new();
      match(r, nr, p, np, thresholds[t], hits);
      ap[t] += average_precision(hits, nr, NULL) / n_classes;
    }
  }
  scores->iou = authors_iou(reference, predicted);
  scores->map = (ap[0] + ap[1] + ap[2] + ap[3]) / 4;
  scores->map50 = ap[1], scores->map75 = ap[2];
  return TRUE;
}

/* ---- strict ---- */

/* The assignment of rows to columns with the smallest cost[row * columns + column], rows <= columns: shortest augmenting paths with potentials,
 * O(rows^2 columns). column_row[c] gets the row of column c, or rows. */
static void assign(const double *cost, guint rows, guint columns, guint *column_row) {
  /* counted from 1 inside; 0 stands for "none yet" */
  g_autofree double *u = g_new0(double, rows + 1), *v = g_new0(double, columns + 1), *least = g_new(double, columns + 1);
  g_autofree guint *row_of = g_new0(guint, columns + 1), *way = g_new0(guint, columns + 1);
  g_autofree guint8 *used = g_new(guint8, columns + 1);
  for (guint i = 1; i <= rows; i++) {
    guint j0 = 0;
    row_of[0] = i;
    memset(used, 0, columns + 1);
    for (guint j = 0; j <= columns; j++)
      least[j] = INFINITY;
    do {
      used[j0] = 1;
      const guint i0 = row_of[j0];
      guint j1 = 0;
      double delta = INFINITY;
      for (guint j = 1; j <= columns; j++) {
        if (used[j])
          continue;
        const double reduced = cost[(gsize) (i0 - 1) * columns + j - 1] - u[i0] - v[j];
        if (reduced < least[j])
          least[j] = reduced, way[j] = j0;
        if (least[j] < delta)
          delta = least[j], j1 = j;
      }
      for (guint j = 0; j <= columns; j++) {
        if (used[j])
          u[row_of[j]] += delta, v[j] -= delta;
        else
          least[j] -= delta;
      }
      j0 = j1;
    } while (row_of[j0] != 0);
    while (j0 != 0) {
      row_of[j0] = row_of[way[j0]];
      j0 = way[j0];
    }
  }
  for (guint j = 1; j <= columns; j++)
    column_row[j - 1] = row_of[j] > 0 ? row_of[j] - 1 : rows;
}

double ax_strict_iou(const AxBox *reference, guint n_reference, const AxBox *predicted, guint n_predicted) {
  if (n_reference == 0 || n_predicted == 0)
    return n_reference == n_predicted ? NAN : 0;
  const gboolean swap = n_reference > n_predicted;
  const AxBox *a = swap ? predicted : reference, *b = swap ? reference : predicted;
  const guint rows = MIN(n_reference, n_predicted), columns = MAX(n_reference, n_predicted);
  g_autofree double *cost = g_new(double, (gsize) rows * columns);
  for (guint i = 0; i < rows; i++)
    for (guint j = 0; j < columns; j++)
      cost[(gsize) i * columns + j] = -ax_box_iou(a[i], b[j]);
  g_autofree guint *column_row = g_new(guint, columns);
  assign(cost, rows, columns, column_row);
  double sum = 0;
  for (guint j = 0; j < columns; j++)
    if (column_row[j] < rows)
      sum -= cost[(gsize) column_row[j] * columns + j];
  return sum / columns;
}

/* ---- a collection ---- */

AxCocoScores ax_detection_coco(const AxLabelledBoxes *reference, const AxLabelledBoxes *predicted, guint n_images, const double *thresholds,
                               guint n_thresholds) {
  AxCocoScores s = {NAN, NAN, NAN, NAN, NAN, NAN};
  static const guint most[3] = {1, 10, MAX_PREDICTIONS};
  double recall_sum[3] = {0}, ap_sum = 0;
  guint n_reference = 0;
  for (guint k = 0; k < n_images; k++)
    n_reference += reference[k].n;
  if (n_reference == 0 || n_thresholds == 0)
    return s;
  for (guint t = 0; t < n_thresholds; t++)
    for (guint m = 0; m < 3; m++) {
      g_autoptr(GByteArray) hits = g_byte_array_new();
      for (guint k = 0; k < n_images; k++)
        match(reference[k].boxes, reference[k].n, predicted[k].boxes, MIN(predicted[k].n, most[m]), thresholds[t], hits);
      double recall;
      const double ap = average_precision(hits, n_reference, &recall);
      recall_sum[m] += recall;
      if (most[m] < MAX_PREDICTIONS)
        continue;
      ap_sum += ap;
      if (fabs(thresholds[t] - 0.5) < 1e-9)
        s.map50 = ap;
      if (fabs(thresholds[t] - 0.75) < 1e-9)
        s.map75 = ap;
    }
  s.map = ap_sum / n_thresholds;
  s.mar1 = recall_sum[0] / n_thresholds, s.mar10 = recall_sum[1] / n_thresholds, s.mar100 = recall_sum[2] / n_thresholds;
  return s;
}
