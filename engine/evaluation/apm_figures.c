/* apm_figures.c: see apm_figures.h. */
#include "engine/evaluation/apm_figures.h"

#include <math.h>
#include <string.h>

#define LEFT_LUNG 11
#define RIGHT_LUNG 20
#define HEART 4

/* ---- one image ---- */

void ax_apm_case_fill(const AxDatasetImage *truth, const AxPerception *plain, const AxPerception *mirrored, AxApmCase *out) {
  memset(out, 0, sizeof *out);
  out->image = truth;
  for (guint o = 0; o < AX_N_ANATOMY; o++) {
    out->plain[o] = plain->anatomy[o].box1024;
    out->mirrored[o] = mirrored->anatomy[o].box1024;
    out->understood[o] = plain->anatomy[o].n_retrieved > 0 && ax_sentence_findings(plain->anatomy[o].retrieved[0].sentence, &out->named[o]);
  }
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++) {
    out->probability[l] = NAN;
    for (guint i = 0; i < plain->n_findings; i++)
      if (g_ascii_strcasecmp(plain->findings[i].name, ax_label_name(l)) == 0)
        out->probability[l] = plain->findings[i].probability;
  }
}

/* ---- baselines ---- */

void ax_apm_baseline_learn(const GPtrArray *images, AxApmBaseline *baseline) {
  memset(baseline, 0, sizeof *baseline);
  double count[AX_N_ANATOMY] = {0};
  GHashTable *sentences[AX_N_ANATOMY]; /* set of marks -> how often */
  for (guint o = 0; o < AX_N_ANATOMY; o++)
    sentences[o] = g_hash_table_new(NULL, NULL);
  for (guint i = 0; i < images->len; i++) {
    const AxDatasetImage *image = images->pdata[i];
    AxStructureFacts facts[AX_N_ANATOMY];
    ax_structure_facts(image, facts);
    for (guint o = 0; o < AX_N_ANATOMY; o++) {
      if (image->ok && image->visible[o]) {
        AxBox *m = &baseline->mean_box[o];
        const AxBox b = image->boxes[o];
        const double f = 1 / ++count[o];
        m->x1 += (b.x1 - m->x1) * f, m->y1 += (b.y1 - m->y1) * f, m->x2 += (b.x2 - m->x2) * f, m->y2 += (b.y2 - m->y2) * f;
      }
      if (facts[o].weight > 0) {
        gpointer key = GUINT_TO_POINTER(facts[o].present);
        g_hash_table_insert(sentences[o], key, GUINT_TO_POINTER(GPOINTER_TO_UINT(g_hash_table_lookup(sentences[o], key)) + 1));
      }
    }
  }
  for (guint o = 0; o < AX_N_ANATOMY; o++) {
    guint most = 0, most_finding = 0;
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, sentences[o]);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
      const AxMarkSet marks = GPOINTER_TO_UINT(key);
      const guint times = GPOINTER_TO_UINT(value);
      /* equal counts: the smaller set of bits, whatever the table's order */
      if (times > most || (times == most && marks < baseline->majority[o]))
        most = times, baseline->majority[o] = marks;
      if (marks != 0 && (times > most_finding || (times == most_finding && marks < baseline->majority_finding[o])))
        most_finding = times, baseline->majority_finding[o] = marks;
    }
    g_hash_table_unref(sentences[o]);
  }
}

/* ---- means of ratios ---- */

/* Numerators and denominators [cases, columns]; the figure is the mean over columns of sum(num) / sum(den), columns without denominator left out. */
typedef struct {
  guint columns;
  double *num, *den;
} Ratios;

typedef struct {
  const AxApmCase *cases;
  guint n, rounds, n_patients;
  guint64 seed;
  guint *patient; /* of each case */
} Run;

static Ratios ratios_new(const Run *run, guint columns) {
  return (Ratios){columns, g_new0(double, (gsize) run->n * columns + 1), g_new0(double, (gsize) run->n * columns + 1)};
}

static void ratios_clear(Ratios *r) {
  g_clear_pointer(&r->num, g_free);
  g_clear_pointer(&r->den, g_free);
}

static void ratios_add(Ratios *r, guint row, guint column, double num, double den) {
  r->num[(gsize) row * r->columns + column] += num;
  r->den[(gsize) row * r->columns + column] += den;
}

static double ratio_mean(const guint *cases, guint n, gconstpointer data) {
  const Ratios *r = data;
  double sum = 0;
  guint used = 0;
  for (guint c = 0; c < r->columns; c++) {
    double num = 0, den = 0;
    for (guint i = 0; i < n; i++) {
      const gsize at = (gsize) cases[i] * r->columns + c;
      num += r->num[at], den += r->den[at];
    }
    if (den > 0)
      sum += num / den, used++;
  }
  return used > 0 ? sum / used : NAN;
}

static AxFigure figure(const Run *run, AxStatistic statistic, gconstpointer data, double n) {
  const AxEstimate e = ax_bootstrap(run->patient, run->n, run->n_patients, run->rounds, run->seed, statistic, data);
  return (AxFigure){e.value, e.lo, e.hi, (guint) n};
}

static double ratios_total(const Ratios *r, const Run *run) {
  double total = 0;
  for (gsize i = 0; i < (gsize) run->n * r->columns; i++)
    total += r->den[i];
  return total;
}

static AxFigure ratio_figure(const Run *run, const Ratios *r) {
  return figure(run, ratio_mean, r, ratios_total(r, run));
}

/* The figure of some columns only. */
static AxFigure column_figure(const Run *run, const Ratios *r, const guint *columns, guint n) {
  Ratios part = ratios_new(run, n);
  for (guint i = 0; i < run->n; i++)
    for (guint k = 0; k < n; k++)
      ratios_add(&part, i, k, r->num[(gsize) i * r->columns + columns[k]], r->den[(gsize) i * r->columns + columns[k]]);
  const AxFigure f = ratio_figure(run, &part);
  ratios_clear(&part);
  return f;
}

/* ---- boxes ---- */

static void boxes_figures(const Run *run, const AxApmBaseline *baseline, AxApmFigures *out) {
  Ratios truth = ratios_new(run, AX_N_ANATOMY), mean = ratios_new(run, AX_N_ANATOMY), flip = ratios_new(run, AX_N_ANATOMY), flip_ok = ratios_new(run, AX_N_ANATOMY);
  for (guint i = 0; i < run->n; i++) {
    const AxApmCase *c = &run->cases[i];
    for (guint o = 0; o < AX_N_ANATOMY; o++) {
      const double same = ax_box_iou(c->plain[o], ax_box_mirror(c->mirrored[o], AX_DATASET_FRAME));
      ratios_add(&flip, i, o, same, 1);
      if (c->image->ok)
        ratios_add(&flip_ok, i, o, same, 1);
      if (c->image->ok && c->image->visible[o]) {
        ratios_add(&truth, i, o, ax_box_iou(c->plain[o], c->image->boxes[o]), 1);
        ratios_add(&mean, i, o, ax_box_iou(baseline->mean_box[o], c->image->boxes[o]), 1);
      }
    }
  }
  const Run once = {run->cases, run->n, 0, run->n_patients, run->seed, run->patient};
  out->iou = ratio_figure(run, &truth);
  out->iou_lungs = column_figure(run, &truth, (const guint[]){LEFT_LUNG, RIGHT_LUNG}, 2);
  out->iou_heart = column_figure(run, &truth, (const guint[]){HEART}, 1);
  out->consistency = ratio_figure(run, &flip);
  out->consistency_ok = ratio_figure(run, &flip_ok);
  out->baseline_iou = ratio_figure(&once, &mean).value;
  for (guint o = 0; o < AX_N_ANATOMY; o++) {
    out->iou_structure[o] = column_figure(run, &truth, &o, 1);
    out->consistency_structure[o] = column_figure(run, &flip, &o, 1);
    out->baseline_iou_structure[o] = column_figure(&once, &mean, &o, 1).value;
  }
  ratios_clear(&truth), ratios_clear(&mean), ratios_clear(&flip), ratios_clear(&flip_ok);
}

/* ---- sides ---- */

static double centre_x(AxBox b) {
  return (b.x1 + b.x2) / 2;
}

static gboolean has_opacity(const AxDatasetImage *image) {
  for (guint k = 0; k < image->n_findings; k++)
    if (ax_mark_of_box(image->findings[k].label) == AX_MARK_LUNG_OPACITY)
      return TRUE;
  return image->rsna == AX_RSNA_OPACITY;
}

static void sides_figures(const Run *run, AxApmFigures *out) {
  Ratios kept = ratios_new(run, 1), plain = ratios_new(run, 1), mirrored = ratios_new(run, 1), opacity = ratios_new(run, 1), pair = ratios_new(run, AX_N_PAIRS);
  for (guint i = 0; i < run->n; i++) {
    const AxApmCase *c = &run->cases[i];
    for (guint p = 0; p < AX_N_PAIRS; p++) {
      guint l, r;
      ax_anatomy_pair(p, &l, &r);
      /* > 0: the left structure lies to the right on the image, as on a film seen from the front */
      double truth;
      if (c->truly_mirrored)
        truth = -1;
      else if (c->image->ok && c->image->visible[l] && c->image->visible[r])
        truth = centre_x(c->image->boxes[l]) - centre_x(c->image->boxes[r]);
      else
        continue;
      const gboolean a = (centre_x(c->plain[l]) - centre_x(c->plain[r])) * truth > 0;
      const gboolean b = (centre_x(c->mirrored[l]) - centre_x(c->mirrored[r])) * truth < 0;
      if (c->truly_mirrored) {
        out->film_pairs++, out->film_plain += a, out->film_mirrored += b, out->film_kept += a && b;
        continue;
      }
      ratios_add(&kept, i, 0, a && b, 1);
      ratios_add(&plain, i, 0, a, 1);
      ratios_add(&mirrored, i, 0, b, 1);
      ratios_add(&pair, i, p, a && b, 1);
      if (has_opacity(c->image))
        ratios_add(&opacity, i, 0, a && b, 1);
    }
  }
  out->sides_kept = ratio_figure(run, &kept);
  out->sides_plain = ratio_figure(run, &plain);
  out->sides_mirrored = ratio_figure(run, &mirrored);
  out->sides_kept_opacity = ratio_figure(run, &opacity);
  for (guint p = 0; p < AX_N_PAIRS; p++)
    out->sides_pair[p] = column_figure(run, &pair, &p, 1);
  ratios_clear(&kept), ratios_clear(&plain), ratios_clear(&mirrored), ratios_clear(&opacity), ratios_clear(&pair);
}

/* ---- findings ---- */

typedef struct {
  const AxApmCase *cases;
  AxTruth truth;
  guint32 labels; /* bits */
} FindingData;

/* TRUE if the case's truth is known and the model answers. */
static gboolean judge(const AxApmCase *c, guint label, AxTruth truth, double *probability, guint8 *value) {
  const AxDatasetImage *image = c->image;
  *probability = c->probability[label];
  if (isnan(*probability))
    return FALSE;
  if (image->reader_known[label]) {
    *value = image->reader_value[label];
    return TRUE;
  }
  *value = image->text_value[label];
  return truth == AX_TRUTH_KNOWN && image->text_known[label];
}

/* The known answers of one label among cases; returns their number. */
static guint gather(const AxApmCase *all, const guint *cases, guint n, guint label, AxTruth truth, double *probability, guint8 *value) {
  guint m = 0;
  for (guint i = 0; i < n; i++)
    if (judge(&all[cases[i]], label, truth, &probability[m], &value[m]))
      m++;
  return m;
}

static double auroc_mean(const guint *cases, guint n, gconstpointer data) {
  const FindingData *d = data;
  g_autofree double *p = g_new(double, n + 1);
  g_autofree guint8 *y = g_new(guint8, n + 1);
  double sum = 0;
  guint used = 0;
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++) {
    if (!(d->labels & 1u << l))
      continue;
    const double v = ax_auroc(p, y, gather(d->cases, cases, n, l, d->truth, p, y));
    if (!isnan(v))
      sum += v, used++;
  }
  return used > 0 ? sum / used : NAN;
}

static double pooled_calibration(const guint *cases, guint n, const FindingData *d, AxPlotBin *bins, guint *count) {
  g_autofree double *p = g_new(double, (gsize) n * AX_DATASET_N_LABELS + 1);
  g_autofree guint8 *y = g_new(guint8, (gsize) n * AX_DATASET_N_LABELS + 1);
  guint m = 0;
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++)
    if (d->labels & 1u << l)
      m += gather(d->cases, cases, n, l, d->truth, p + m, y + m);
  if (count != NULL)
    *count = m;
  return ax_calibration_error(p, y, m, bins);
}

static double calibration_statistic(const guint *cases, guint n, gconstpointer data) {
  return pooled_calibration(cases, n, data, NULL, NULL);
}

static void finding_figures(const Run *run, AxApmFigures *out) {
  g_autofree guint *all = g_new(guint, run->n + 1);
  g_autofree double *p = g_new(double, run->n + 1);
  g_autofree guint8 *y = g_new(guint8, run->n + 1);
  for (guint i = 0; i < run->n; i++)
    all[i] = i;
  guint32 enough[AX_TRUTH_N] = {0};
  for (guint t = 0; t < AX_TRUTH_N; t++) {
    guint n_enough = 0;
    for (guint l = 0; l < AX_DATASET_N_LABELS; l++) {
      AxFindingFigures *f = &out->finding[t][l];
      const FindingData d = {run->cases, (AxTruth) t, 1u << l};
      const guint m = gather(run->cases, all, run->n, l, (AxTruth) t, p, y);
      AxCounts counts = {0};
      for (guint i = 0; i < run->n; i++)
        f->reported |= !isnan(run->cases[i].probability[l]);
      for (guint i = 0; i < m; i++) {
        f->positives += y[i] != 0;
        *(p[i] >= 0.5 ? (y[i] ? &counts.tp : &counts.fp) : (y[i] ? &counts.fn : &counts.tn)) += 1;
      }
      f->negatives = m - f->positives;
      f->auroc = figure(run, auroc_mean, &d, m);
      f->average_precision = ax_average_precision(p, y, m);
      f->f1 = ax_counts_f1(counts);
      f->calibration_error = ax_calibration_error(p, y, m, NULL);
      if (f->positives >= AX_MIN_POSITIVES && f->negatives > 0 && l != AX_LABEL_NO_FINDING)
        enough[t] |= 1u << l, n_enough++;
    }
    const FindingData d = {run->cases, (AxTruth) t, enough[t]};
    out->auroc_mean[t] = figure(run, auroc_mean, &d, n_enough);
  }
  guint count;
  const FindingData some = {run->cases, AX_TRUTH_READERS, enough[AX_TRUTH_READERS]}, every = {run->cases, AX_TRUTH_READERS, ~0u};
  pooled_calibration(all, run->n, &every, NULL, &count);
  out->calibration_error_all = figure(run, calibration_statistic, &every, count);
  pooled_calibration(all, run->n, &some, out->calibration_bins, &count);
  out->calibration_error = figure(run, calibration_statistic, &some, count);
}

/* ---- retrieval ---- */

static guint bits(AxMarkSet set) {
  guint n = 0;
  for (; set != 0; set &= set - 1)
    n++;
  return n;
}

/* Of structures on images with trusted boxes, within what radiologists said. fixed NULL: the sentences that were retrieved. */
static AxRetrievalFigures retrieval_figures(const Run *run, const AxMarkSet *fixed, AxCounts *per_mark) {
  Ratios recall = ratios_new(run, 1), precision = ratios_new(run, 1);
  for (guint i = 0; i < run->n; i++) {
    const AxApmCase *c = &run->cases[i];
    if (!c->image->ok)
      continue;
    AxStructureFacts facts[AX_N_ANATOMY];
    ax_structure_facts(c->image, facts);
    for (guint o = 0; o < AX_N_ANATOMY; o++) {
      if (!c->image->visible[o])
        continue;
      const AxMarkSet known = facts[o].known, marked = facts[o].present & known, named = (fixed != NULL ? fixed[o] : c->named[o]) & known;
      ratios_add(&recall, i, 0, bits(marked & named), bits(marked));
      ratios_add(&precision, i, 0, bits(marked & named), bits(named));
      for (guint m = 0; m < AX_MARK_N && per_mark != NULL; m++)
        if (known & 1u << m) {
          const gboolean is = marked >> m & 1, says = named >> m & 1;
          *(is ? (says ? &per_mark[m].tp : &per_mark[m].fn) : (says ? &per_mark[m].fp : &per_mark[m].tn)) += 1;
        }
    }
  }
  const AxRetrievalFigures f = {ratio_figure(run, &recall), ratio_figure(run, &precision)};
  ratios_clear(&recall), ratios_clear(&precision);
  return f;
}

/* ---- all ---- */

void ax_apm_figures(const AxApmCase *cases, guint n, const AxApmBaseline *baseline, guint rounds, guint64 seed, AxApmFigures *out) {
  memset(out, 0, sizeof *out);
  g_autofree guint *patient = g_new0(guint, n + 1);
  g_autoptr(GHashTable) patients = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < n; i++) {
    gpointer number;
    if (!g_hash_table_lookup_extended(patients, cases[i].image->patient, NULL, &number)) {
      number = GUINT_TO_POINTER(g_hash_table_size(patients));
      g_hash_table_insert(patients, cases[i].image->patient, number);
    }
    patient[i] = GPOINTER_TO_UINT(number);
    out->n_ok += cases[i].image->ok;
    out->n_opacity += cases[i].image->ok && has_opacity(cases[i].image);
    for (guint o = 0; o < AX_N_ANATOMY; o++)
      out->n_not_understood += !cases[i].understood[o];
  }
  out->n_images = n, out->n_patients = g_hash_table_size(patients);
  const Run run = {cases, n, rounds, out->n_patients, seed, patient};
  boxes_figures(&run, baseline, out);
  sides_figures(&run, out);
  finding_figures(&run, out);
  out->retrieval = retrieval_figures(&run, NULL, out->retrieval_mark);
  out->retrieval_majority = retrieval_figures(&run, baseline->majority, NULL);
  out->retrieval_majority_finding = retrieval_figures(&run, baseline->majority_finding, NULL);
}
