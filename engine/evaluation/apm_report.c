/* apm_report.c: see apm_report.h. */
#include "engine/evaluation/apm_report.h"

#include <math.h>

#include "engine/evaluation/lm_report.h"
#include "engine/session/json-writer.h"

static const char *const truth_names[AX_TRUTH_N] = {"radiologists", "all_known"};

/* ---- JSON ---- */

static void json_figure(AxJson *j, const char *key, AxFigure f) {
  ax_json_begin_inline_object(j, key);
  ax_json_number(j, "value", f.value, 4);
  ax_json_number(j, "low", f.lo, 4);
  ax_json_number(j, "high", f.hi, 4);
  ax_json_int(j, "n", f.n);
  ax_json_end(j);
}

static void json_structures(AxJson *j, const AxApmFigures *f) {
  ax_json_begin_array(j, "structures");
  for (guint o = 0; o < AX_N_ANATOMY; o++) {
    ax_json_begin_object(j, NULL);
    ax_json_int(j, "index", o);
    ax_json_string(j, "name", ax_anatomy_name(o));
    json_figure(j, "iou", f->iou_structure[o]);
    ax_json_number(j, "iou_of_mean_training_box", f->baseline_iou_structure[o], 4);
    json_figure(j, "mirror_iou", f->consistency_structure[o]);
    ax_json_end(j);
  }
  ax_json_end(j);
}

static void json_findings(AxJson *j, const AxApmFigures *f) {
  ax_json_begin_array(j, "findings");
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++) {
    ax_json_begin_object(j, NULL);
    ax_json_string(j, "name", ax_label_name(l));
    ax_json_bool(j, "reported", f->finding[0][l].reported);
    for (guint t = 0; t < AX_TRUTH_N; t++) {
      const AxFindingFigures *g = &f->finding[t][l];
      const gboolean enough = g->positives >= AX_MIN_POSITIVES;
      ax_json_begin_object(j, truth_names[t]);
      ax_json_int(j, "positives", g->positives);
      ax_json_int(j, "negatives", g->negatives);
      if (enough) {
        json_figure(j, "auroc", g->auroc);
        ax_json_number(j, "average_precision", g->average_precision, 4);
        ax_json_number(j, "f1_at_0.5", g->f1, 4);
        ax_json_number(j, "calibration_error", g->calibration_error, 4);
      }
      ax_json_end(j);
    }
    ax_json_end(j);
  }
  ax_json_end(j);
}

static void json_retrieval(AxJson *j, const char *key, const AxRetrievalFigures *r) {
  ax_json_begin_object(j, key);
  json_figure(j, "marked_findings_named", r->recall);
  json_figure(j, "named_findings_marked", r->precision);
  ax_json_end(j);
}

char *ax_apm_report_json(const AxApmFigures *f, const AxApmReportInfo *info) {
  AxJson *j = ax_json_new(TRUE);
  ax_json_begin_object(j, NULL);
  ax_json_string(j, "model", info->model_name);
  ax_json_string(j, "model_sha256", info->model_sha256);
  ax_json_string(j, "date", info->date);
  ax_json_string(j, "data", info->data);
  ax_json_string(j, "split", info->part);
  ax_json_begin_object(j, "images");
  ax_json_int(j, "n", f->n_images);
  ax_json_int(j, "patients", f->n_patients);
  ax_json_int(j, "with_trusted_boxes", f->n_ok);
  ax_json_int(j, "with_marked_opacity", f->n_opacity);
  ax_json_end(j);
  ax_json_begin_object(j, "interval");
  ax_json_string(j, "method", "bootstrap by patient, percentiles 2.5 and 97.5");
  ax_json_int(j, "rounds", info->rounds);
  ax_json_int(j, "seed", (gint64) info->seed);
  ax_json_end(j);

  ax_json_begin_object(j, "boxes");
  json_figure(j, "mean_iou", f->iou);
  json_figure(j, "lungs_iou", f->iou_lungs);
  json_figure(j, "heart_iou", f->iou_heart);
  ax_json_number(j, "mean_iou_of_mean_training_box", f->baseline_iou, 4);
  ax_json_end(j);

  ax_json_begin_object(j, "mirror");
  json_figure(j, "sides_kept", f->sides_kept);
  json_figure(j, "sides_kept_with_marked_opacity", f->sides_kept_opacity);
  json_figure(j, "sides_right_on_plain_image", f->sides_plain);
  json_figure(j, "sides_right_on_mirrored_image", f->sides_mirrored);
  json_figure(j, "mean_iou", f->consistency);
  json_figure(j, "mean_iou_with_trusted_boxes", f->consistency_ok);
  ax_json_begin_object(j, "truly_mirrored_film");
  ax_json_int(j, "pairs", f->film_pairs);
  ax_json_int(j, "right_as_it_is", f->film_plain);
  ax_json_int(j, "right_mirrored_back", f->film_mirrored);
  ax_json_int(j, "kept", f->film_kept);
  ax_json_end(j);
  ax_json_begin_array(j, "pairs");
  for (guint p = 0; p < AX_N_PAIRS; p++) {
    guint l, r;
    ax_anatomy_pair(p, &l, &r);
    ax_json_begin_object(j, NULL);
    ax_json_string(j, "left", ax_anatomy_name(l));
    ax_json_string(j, "right", ax_anatomy_name(r));
    json_figure(j, "kept", f->sides_pair[p]);
    ax_json_end(j);
  }
  ax_json_end(j);
  ax_json_end(j);

  ax_json_begin_object(j, "probabilities");
  json_figure(j, "mean_auroc_radiologists", f->auroc_mean[AX_TRUTH_READERS]);
  json_figure(j, "mean_auroc_all_known", f->auroc_mean[AX_TRUTH_KNOWN]);
  ax_json_int(j, "min_positives", AX_MIN_POSITIVES);
  json_figure(j, "calibration_error", f->calibration_error);
  json_figure(j, "calibration_error_every_finding", f->calibration_error_all);
  ax_json_begin_array(j, "reliability");
  for (guint k = 0; k < AX_N_CALIBRATION_BINS; k++) {
    ax_json_begin_inline_object(j, NULL);
    ax_json_int(j, "n", f->calibration_bins[k].n);
    ax_json_number(j, "predicted", f->calibration_bins[k].predicted, 4);
    ax_json_number(j, "observed", f->calibration_bins[k].observed, 4);
    ax_json_end(j);
  }
  ax_json_end(j);
  ax_json_end(j);

  ax_json_begin_object(j, "retrieval");
  json_retrieval(j, "model", &f->retrieval);
  json_retrieval(j, "most_frequent_training_sentence", &f->retrieval_majority);
  json_retrieval(j, "most_frequent_training_sentence_with_a_finding", &f->retrieval_majority_finding);
  ax_json_int(j, "sentences_outside_the_grammar", f->n_not_understood);
  ax_json_begin_array(j, "per_finding");
  for (guint m = 0; m < AX_MARK_N; m++) {
    const AxCounts c = f->retrieval_mark[m];
    ax_json_begin_inline_object(j, NULL);
    ax_json_string(j, "name", ax_mark_phrase(m));
    ax_json_int(j, "marked_and_named", (gint64) c.tp);
    ax_json_int(j, "marked_only", (gint64) c.fn);
    ax_json_int(j, "named_only", (gint64) c.fp);
    ax_json_end(j);
  }
  ax_json_end(j);
  ax_json_end(j);

  json_structures(j, f);
  json_findings(j, f);
  if (info->language != NULL)
    ax_lm_report_json(info->language, j);
  ax_json_end(j);
  return ax_json_finish(j);
}

/* ---- Markdown ---- */

static void append_number(GString *s, double v) {
  if (isnan(v))
    g_string_append(s, "–");
  else
    g_string_append_printf(s, "%.3f", v);
}

static void append_figure(GString *s, AxFigure f) {
  append_number(s, f.value);
  g_string_append(s, " | ");
  if (isnan(f.lo))
    g_string_append(s, "–");
  else
    g_string_append_printf(s, "%.3f – %.3f", f.lo, f.hi);
  g_string_append_printf(s, " | %u", f.n);
}

/* A line of the main table; floor and goal as text, "" where none was set. */
static void line(GString *s, const char *what, AxFigure f, const char *floor, const char *goal) {
  g_string_append_printf(s, "| %s | ", what);
  append_figure(s, f);
  g_string_append_printf(s, " | %s | %s |\n", floor, goal);
}

char *ax_apm_report_markdown(const AxApmFigures *f, const AxApmReportInfo *info) {
  GString *s = g_string_new(NULL);
  g_string_append_printf(s, "%s (model %.12s) on the %s patients of %s, %s: %u images of %u patients, %u with trusted anatomical boxes. "
                            "Intervals: 95 %%, bootstrap by patient, %u rounds.\n\n",
                         info->model_name, info->model_sha256, info->part, info->data, info->date, f->n_images, f->n_patients, f->n_ok, info->rounds);
  g_string_append(s, "| figure | value | 95 % interval | n | floor | goal |\n|---|---|---|---|---|---|\n");
  line(s, "mean IoU of the 36 structures (n: boxes)", f->iou, "0.75", "0.85");
  line(s, "IoU of the lungs", f->iou_lungs, "0.88", "");
  line(s, "IoU of the heart", f->iou_heart, "0.82", "");
  line(s, "left/right kept on the mirrored image (n: pairs)", f->sides_kept, "0.98", "0.995");
  line(s, "the same, images with marked opacities", f->sides_kept_opacity, "0.98", "0.995");
  line(s, "mean IoU of answer and mirrored answer (n: boxes)", f->consistency, "0.78", "0.90");
  line(s, "AUROC of lung opacity, radiologists' reading (n: images)", f->finding[AX_TRUTH_READERS][AX_LABEL_LUNG_OPACITY].auroc, "0.75", "0.88");
  line(s, "AUROC of pleural effusion, radiologists' reading", f->finding[AX_TRUTH_READERS][AX_LABEL_PLEURAL_EFFUSION].auroc, "0.80", "");
  line(s, "AUROC of pleural effusion, all known labels", f->finding[AX_TRUTH_KNOWN][AX_LABEL_PLEURAL_EFFUSION].auroc, "0.80", "");
  line(s, "mean AUROC, findings with 10 or more positives, radiologists (n: findings)", f->auroc_mean[AX_TRUTH_READERS], "0.72", "0.85");
  line(s, "mean AUROC, findings with 10 or more positives, all known labels", f->auroc_mean[AX_TRUTH_KNOWN], "0.72", "0.85");
  line(s, "expected calibration error, findings with 10 or more positives (n: predictions)", f->calibration_error, "below 0.08", "");
  line(s, "findings marked in a structure that its sentence names (n: marks)", f->retrieval.recall, "0.50", "0.80");
  line(s, "findings named that are marked (n: names)", f->retrieval.precision, "0.50", "0.80");
  line(s, "baseline: marked and named by the most frequent training sentence", f->retrieval_majority.recall, "", "");
  line(s, "baseline: named by it and marked", f->retrieval_majority.precision, "", "");
  line(s, "baseline: marked and named by the most frequent training sentence with a finding", f->retrieval_majority_finding.recall, "", "");
  line(s, "baseline: named by that and marked", f->retrieval_majority_finding.precision, "", "");
  g_string_append_printf(s, "\nMean IoU of each structure's average training box: ");
  append_number(s, f->baseline_iou);
  g_string_append(s, ".");
  if (f->film_pairs > 0)
    g_string_append_printf(s, " Truly mirrored film: %u of %u pairs on their true side as it is, %u mirrored back, %u both.", f->film_plain, f->film_pairs,
                           f->film_mirrored, f->film_kept);

  g_string_append(s, "\n\n| structure | IoU | 95 % interval | n | average training box | IoU of answer and mirrored answer |\n|---|---|---|---|---|---|\n");
  for (guint o = 0; o < AX_N_ANATOMY; o++) {
    g_string_append_printf(s, "| %s | ", ax_anatomy_name(o));
    append_figure(s, f->iou_structure[o]);
    g_string_append(s, " | ");
    append_number(s, f->baseline_iou_structure[o]);
    g_string_append(s, " | ");
    append_number(s, f->consistency_structure[o].value);
    g_string_append(s, " |\n");
  }

  for (guint t = 0; t < AX_TRUTH_N; t++) {
    g_string_append_printf(s, "\n| finding (%s) | AUROC | 95 %% interval | n | positives | average precision | F1 at 0.5 | calibration error |\n|---|---|---|---|---|---|---|---|\n",
                           t == AX_TRUTH_READERS ? "radiologists' reading" : "all known labels");
    for (guint l = 0; l < AX_DATASET_N_LABELS; l++) {
      const AxFindingFigures *g = &f->finding[t][l];
      if (!g->reported) {
        g_string_append_printf(s, "| %s | not reported by the model | | | | | | |\n", ax_label_name(l));
        continue;
      }
      if (g->positives < AX_MIN_POSITIVES) {
        if (g->positives > 0)
          g_string_append_printf(s, "| %s | too few positives | | %u | %u | | | |\n", ax_label_name(l), g->positives + g->negatives, g->positives);
        continue;
      }
      g_string_append_printf(s, "| %s | ", ax_label_name(l));
      append_figure(s, g->auroc);
      g_string_append_printf(s, " | %u | ", g->positives);
      append_number(s, g->average_precision);
      g_string_append(s, " | ");
      append_number(s, g->f1);
      g_string_append(s, " | ");
      append_number(s, g->calibration_error);
      g_string_append(s, " |\n");
    }
  }
  if (info->language != NULL)
    ax_lm_report_markdown(info->language, s);
  return g_string_free(s, FALSE);
}

/* ---- charts ---- */

/* The note is kept in pool. */
static AxPlotBar bar(const char *name, AxFigure f, double baseline, GPtrArray *pool, const char *unit) {
  char *note = g_strdup_printf("%s = %u", unit, f.n);
  g_ptr_array_add(pool, note);
  return (AxPlotBar){name, f.value, f.lo, f.hi, baseline, note};
}

static gboolean chart_structures(const AxApmFigures *f, const char *title, const char *path, GPtrArray *pool, GError **error) {
  AxPlotBar bars[AX_N_ANATOMY + 1];
  bars[0] = bar("Mean of the 36", f->iou, f->baseline_iou, pool, "n");
  for (guint o = 0; o < AX_N_ANATOMY; o++)
    bars[o + 1] = bar(ax_anatomy_name(o), f->iou_structure[o], f->baseline_iou_structure[o], pool, "n");
  return ax_plot_bars(path, title, "mean IoU with the truth; whisker: 95 % interval by patient", bars, AX_N_ANATOMY + 1, 0.75,
                      "average box of the training patients", error);
}

static gboolean chart_findings(const AxApmFigures *f, const char *title, const char *path, GPtrArray *pool, GError **error) {
  AxPlotBar bars[AX_DATASET_N_LABELS * AX_TRUTH_N + AX_TRUTH_N];
  guint n = 0;
  static const char *const of[AX_TRUTH_N] = {"radiologists", "all known labels"};
  for (guint t = 0; t < AX_TRUTH_N; t++) {
    char *mean = g_strdup_printf("Mean, %s", of[t]);
    g_ptr_array_add(pool, mean);
    bars[n++] = bar(mean, f->auroc_mean[t], NAN, pool, "findings");
    for (guint l = 0; l < AX_DATASET_N_LABELS; l++) {
      const AxFindingFigures *g = &f->finding[t][l];
      if (g->positives < AX_MIN_POSITIVES || g->negatives == 0)
        continue;
      char *name = g_strdup_printf("%s, %s", ax_label_name(l), of[t]);
      g_ptr_array_add(pool, name);
      AxFigure shown = g->auroc;
      shown.n = g->positives;
      bars[n++] = bar(name, shown, 0.5, pool, "positives");
    }
  }
  return ax_plot_bars(path, title, "AUROC; whisker: 95 % interval by patient", bars, n, 0.72, "chance", error);
}

static gboolean chart_retrieval(const AxApmFigures *f, const char *title, const char *path, GPtrArray *pool, GError **error) {
  AxPlotBar bars[2 + 2 * AX_MARK_N];
  guint n = 0;
  bars[n++] = bar("Marked findings that are named", f->retrieval.recall, f->retrieval_majority_finding.recall.value, pool, "marks");
  bars[n++] = bar("Named findings that are marked", f->retrieval.precision, f->retrieval_majority_finding.precision.value, pool, "names");
  for (guint m = 0; m < AX_MARK_N; m++) {
    const AxCounts c = f->retrieval_mark[m];
    if (c.tp + c.fn == 0)
      continue;
    char *marked = g_strdup_printf("%s: marked and named", ax_mark_phrase(m)), *named = g_strdup_printf("%s: named and marked", ax_mark_phrase(m));
    g_ptr_array_add(pool, marked);
    g_ptr_array_add(pool, named);
    bars[n++] = bar(marked, (AxFigure){ax_counts_recall(c), NAN, NAN, (guint) (c.tp + c.fn)}, NAN, pool, "marks");
    bars[n++] = bar(named, (AxFigure){ax_counts_precision(c), NAN, NAN, (guint) (c.tp + c.fp)}, NAN, pool, "names");
  }
  return ax_plot_bars(path, title, "share; whisker: 95 % interval by patient", bars, n, 0.5, "most frequent training sentence with a finding", error);
}

static gboolean chart_sides(const AxApmFigures *f, const char *title, const char *path, GPtrArray *pool, GError **error) {
  AxPlotBar bars[AX_N_PAIRS + 2];
  bars[0] = bar("All pairs", f->sides_kept, NAN, pool, "pairs");
  bars[1] = bar("Images with marked opacities", f->sides_kept_opacity, NAN, pool, "pairs");
  for (guint p = 0; p < AX_N_PAIRS; p++) {
    guint l, r;
    ax_anatomy_pair(p, &l, &r);
    char *name = g_strdup_printf("%s / %s", ax_anatomy_short_name(l), ax_anatomy_short_name(r));
    g_ptr_array_add(pool, name);
    bars[p + 2] = bar(name, f->sides_pair[p], NAN, pool, "pairs");
  }
  return ax_plot_bars(path, title, "share kept on the mirrored image; whisker: 95 % interval by patient", bars, AX_N_PAIRS + 2, 0.98, NULL, error);
}

gboolean ax_apm_report_charts(const AxApmFigures *f, const AxApmReportInfo *info, const char *dir, GError **error) {
  g_autoptr(GPtrArray) pool = g_ptr_array_new_with_free_func(g_free);
  const struct {
    const char *file, *title;
    gboolean (*draw)(const AxApmFigures *, const char *, const char *, GPtrArray *, GError **);
  } charts[] = {
    {"quality-structures.png", "Boxes", chart_structures},
    {"quality-findings.png", "Finding probabilities", chart_findings},
    {"quality-retrieval.png", "Retrieved sentences", chart_retrieval},
    {"quality-sides.png", "Left and right", chart_sides},
  };
  for (guint i = 0; i < G_N_ELEMENTS(charts); i++) {
    g_autofree char *title = g_strdup_printf("%s: %s, %s patients", charts[i].title, info->model_name, info->part);
    g_autofree char *path = g_build_filename(dir, charts[i].file, NULL);
    if (!charts[i].draw(f, title, path, pool, error))
      return FALSE;
  }
  g_autofree char *title = g_strdup_printf("Reliability: %s, %s patients", info->model_name, info->part);
  g_autofree char *path = g_build_filename(dir, "quality-reliability.png", NULL);
  if (info->language != NULL && !ax_lm_report_chart(info->language, info->model_name, dir, error))
    return FALSE;
  return ax_plot_reliability(path, title, f->calibration_bins, AX_N_CALIBRATION_BINS, f->calibration_error.value, error);
}
