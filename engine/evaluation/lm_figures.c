/* lm_figures.c: see lm_figures.h. Every answer adds rows to figures; a figure is a statistic of its rows, so that all intervals come from one resampling. */
#include "engine/evaluation/lm_score-private.h"

#include <math.h>
#include <string.h>

#include "engine/evaluation/lm_parse.h"

/* How rows become a figure. */
typedef enum {
  STAT_MEAN,     /* of a */
  STAT_RATIO,    /* sum of a / sum of b */
  STAT_F1,       /* 2 sum a / (2 sum a + sum b + sum c): true positives, false positives, false negatives */
  STAT_BALANCED, /* mean over keys of the mean of a */
  STAT_AUROC,    /* mean over keys of the area under the curve of scores a against truths b */
} Stat;

static const struct { const char *name, *text; Stat stat; double floor, goal; } table[AX_LMF_N] = {
#define NONE NAN
  [AX_LMF_WELL_FORMED] = { "well_formed", "Answers that are well formed", STAT_MEAN, 1, 1 },
  [AX_LMF_ANATOMY_IOU] = { "anatomy_iou", "Anatomy grounding: IoU", STAT_MEAN, 0.70, 0.83 },
  [AX_LMF_ANATOMY_SPEC] = { "anatomy_iou_usual_wording", "  usual wordings", STAT_MEAN, NONE, NONE },
  [AX_LMF_ANATOMY_FREE] = { "anatomy_iou_free_wording", "  free wordings", STAT_MEAN, NONE, NONE },
  [AX_LMF_ANATOMY_PARAPHRASE] = { "anatomy_iou_unseen_paraphrase", "  paraphrases that training never saw", STAT_MEAN, NONE, NONE },
  [AX_LMF_ANATOMY_SYNONYM] = { "anatomy_iou_synonym", "  other names of the structure", STAT_MEAN, NONE, NONE },
  [AX_LMF_ANATOMY_OF_APM] = { "anatomy_share_of_apm", "  as a share of the module's own", STAT_RATIO, 0.93, NONE },
  [AX_LMF_ANATOMY_REFERENCE_IOU] = { "anatomy_iou_reference_mode", "  IoU as the authors score", STAT_MEAN, NONE, NONE },
  [AX_LMF_ANATOMY_REFERENCE_MAP] = { "anatomy_map_reference_mode", "  mAP as the authors score", STAT_MEAN, NONE, NONE },
  [AX_LMF_PHRASE_IOU] = { "phrase_iou", "Phrase grounding: IoU with radiologists' boxes", STAT_MEAN, 0.25, 0.40 },
  [AX_LMF_PHRASE_HIT] = { "phrase_hit", "  phrases hit (IoU of 0.25)", STAT_MEAN, 0.50, 0.75 },
  [AX_LMF_PHRASE_REFERENCE_IOU] = { "phrase_iou_reference_mode", "  IoU as the authors score", STAT_MEAN, NONE, NONE },
  [AX_LMF_PHRASE_REFERENCE_MAP] = { "phrase_map_reference_mode", "  mAP as the authors score", STAT_MEAN, NONE, NONE },
  [AX_LMF_PHRASE_ABSENT] = { "phrase_absent", "  absent findings answered as absent", STAT_MEAN, 0.75, NONE },
  [AX_LMF_DIAGNOSIS] = { "diagnosis_balanced_accuracy", "Grounded diagnosis: balanced accuracy", STAT_BALANCED, 0.45, NONE },
  [AX_LMF_DIAGNOSIS_MAJORITY] = { "diagnosis_majority", "  always the most frequent class", STAT_MEAN, NONE, NONE },
  [AX_LMF_CAPTION_PLACE] = { "caption_place", "Grounded captioning: side and zone right", STAT_MEAN, 0.92, NONE },
  [AX_LMF_CAPTION_SIDE] = { "caption_side", "  side right", STAT_MEAN, NONE, NONE },
  [AX_LMF_CAPTION_FINDING] = { "caption_finding", "  finding right", STAT_MEAN, NONE, NONE },
  [AX_LMF_CAPTION_ROUGE1] = { "caption_rouge1", "  ROUGE-1", STAT_MEAN, NONE, NONE },
  [AX_LMF_CAPTION_METEOR] = { "caption_meteor", "  METEOR (without synonyms)", STAT_MEAN, NONE, NONE },
  [AX_LMF_CLASS_AUROC] = { "classification_auroc", "Classification: macro AUROC of the options' letters", STAT_AUROC, NONE, NONE },
  [AX_LMF_CLASS_AUROC_APM] = { "classification_auroc_of_apm", "  the module's probabilities", STAT_AUROC, NONE, NONE },
  [AX_LMF_LIST_F1] = { "classification_list_f1", "  F1 of the labels listed", STAT_F1, NONE, NONE },
  [AX_LMF_DETECT_FOUND] = { "detection_found", "Abnormality detection: marked boxes found", STAT_MEAN, 0.40, NONE },
  [AX_LMF_DETECT_FALSE] = { "detection_false_boxes", "  false boxes an image", STAT_MEAN, NONE, NONE },
  [AX_LMF_REPORT_F1] = { "report_f1", "Report: F1 of the findings named", STAT_F1, 0.45, NONE },
  [AX_LMF_REPORT_PRECISION] = { "report_precision", "  precision", STAT_RATIO, NONE, NONE },
  [AX_LMF_REPORT_RECALL] = { "report_recall", "  recall", STAT_RATIO, NONE, NONE },
  [AX_LMF_REPORT_SIDES] = { "report_sides", "  sides right", STAT_MEAN, 0.92, NONE },
  [AX_LMF_REPORT_SIDES_ALL] = { "report_sides_complete", "  sides right and none left out", STAT_MEAN, NONE, NONE },
  [AX_LMF_REPORT_CLEAN] = { "report_invents_nothing", "  no device or earlier study invented", STAT_MEAN, 1, NONE },
  [AX_LMF_REPORT_DIFFERENT] = { "report_different_texts", "  different texts", STAT_MEAN, 40, NONE },
  [AX_LMF_CLOSED] = { "closed_balanced_accuracy", "Closed questions: balanced accuracy", STAT_BALANCED, 0.70, NONE },
  [AX_LMF_OPEN_F1] = { "open_f1", "Open questions: F1 of words", STAT_MEAN, 0.45, NONE },
  [AX_LMF_OPEN_EXACT] = { "open_exact", "  exactly the true answer", STAT_MEAN, NONE, NONE },
  [AX_LMF_MIRRORED] = { "mirrored_still_right", "Mirrored: grounding answers that stay right", STAT_MEAN, 0.95, NONE },
#undef NONE
};

const char *ax_lm_figure_name (guint f) { return f < AX_LMF_N ? table[f].name : NULL; }
const char *ax_lm_figure_text (guint f) { return f < AX_LMF_N ? table[f].text : NULL; }
double ax_lm_figure_floor (guint f) { return f < AX_LMF_N ? table[f].floor : NAN; }
double ax_lm_figure_goal (guint f) { return f < AX_LMF_N ? table[f].goal : NAN; }

void
ax_lm_reply_clear (AxLmReply *reply)
{
  g_clear_pointer (&reply->text, g_free);
}

/* ---- statistics ---- */

typedef struct {
  const AxLmRow *rows;
  Stat stat;
  guint n_keys;
} Cases;

static double
mean_by_key (const Cases *cs, const guint *cases, guint n)
{
  g_autofree double *sum = g_new0 (double, 2 * cs->n_keys);
  for (guint i = 0; i < n; i++) {
    sum[2 * cs->rows[cases[i]].key] += cs->rows[cases[i]].a;
    sum[2 * cs->rows[cases[i]].key + 1]++;
  }
  double total = 0;
  guint keys = 0;
  for (guint k = 0; k < cs->n_keys; k++)
    if (sum[2 * k + 1] > 0) {
      total += sum[2 * k] / sum[2 * k + 1];
      keys++;
    }
  return keys > 0 ? total / keys : NAN;
}

static double
auroc_by_key (const Cases *cs, const guint *cases, guint n)
{
  g_autofree double *scores = g_new (double, n + 1);
  g_autofree guint8 *truth = g_new (guint8, n + 1);
  double total = 0;
  guint keys = 0;
  for (guint k = 0; k < cs->n_keys; k++) {
    guint m = 0;
    for (guint i = 0; i < n; i++)
      if (cs->rows[cases[i]].key == k) {
        scores[m] = cs->rows[cases[i]].a;
        truth[m++] = cs->rows[cases[i]].b > 0.5;
      }
    const double auroc = m > 0 ? ax_auroc (scores, truth, m) : NAN;
    if (!isnan (auroc)) {
      total += auroc;
      keys++;
    }
  }
  return keys > 0 ? total / keys : NAN;
}

static double
statistic (const guint *cases, guint n, gconstpointer data)
{
  const Cases *cs = data;
  if (cs->stat == STAT_BALANCED)
    return mean_by_key (cs, cases, n);
  if (cs->stat == STAT_AUROC)
    return auroc_by_key (cs, cases, n);
  double a = 0, b = 0, c = 0;
  for (guint i = 0; i < n; i++) {
    a += cs->rows[cases[i]].a;
    b += cs->rows[cases[i]].b;
    c += cs->rows[cases[i]].c;
  }
  switch (cs->stat) {
  case STAT_MEAN: return n > 0 ? a / n : NAN;
  case STAT_RATIO: return b > 0 ? a / b : NAN;
  default: return 2 * a + b + c > 0 ? 2 * a / (2 * a + b + c) : NAN;
  }
}

/* ---- all ---- */

static void
note_malformed (AxLmFigures *out, const AxLmRequest *r, const AxLmReply *reply)
{
  const char *wrong = !reply->ended ? "did not end" : ax_lm_malformed (r, reply->text);
  if (wrong == NULL || r->ask == AX_ASK_LABEL || out->malformed->len >= 20)
    return;
  g_autofree char *valid = g_utf8_make_valid (reply->text, -1);
  g_ptr_array_add (out->malformed, g_strdup_printf ("%s: %.200s -> %.300s", wrong, r->text, valid));
}

static void
score_all (AxLmScore *s, const GPtrArray *requests, const AxLmReply *replies, AxImageFacts *const *facts, AxImageFacts **mirrored, AxImageFacts *const *apm,
           const guint *patients, AxLmFigures *out)
{
  guint8 class_counts[AX_BOX_N + 1] = { 0 };
  for (guint i = 0; i < requests->len; i++) {
    const AxLmRequest *r = requests->pdata[i];
    const AxKnownFinding *k = r->ask == AX_ASK_DIAGNOSE && replies[i].text != NULL ? ax_lm_finding_of_region (facts[r->image], r->regions[0]) : NULL;
    if (k != NULL && class_counts[k->label] < 255)
      class_counts[k->label]++;
  }
  guint classes = 0;
  for (guint c = 0; c <= AX_BOX_N; c++)
    classes += class_counts[c] >= AX_MIN_POSITIVES;
  g_autoptr (GHashTable) texts = g_hash_table_new (g_str_hash, g_str_equal);
  guint reports = 0;
  for (guint i = 0; i < requests->len; i++) {
    const AxLmRequest *r = requests->pdata[i];
    out->asked++;
    if (replies[i].text == NULL)
      continue;
    out->answered++;
    out->tokens += replies[i].tokens;
    out->seconds += replies[i].seconds;
    note_malformed (out, r, &replies[i]);
    s->patient = patients[r->image];
    s->apm = apm != NULL && !r->flip ? apm[r->image] : NULL;
    if (r->flip && mirrored[r->image] == NULL)
      mirrored[r->image] = ax_image_facts_mirror (facts[r->image]);
    s->facts = r->flip ? mirrored[r->image] : facts[r->image];
    ax_lm_score_answer (s, r, &replies[i], class_counts);
    if (r->flip && replies[r->plain].text != NULL)
      ax_lm_score_mirrored (s, r, &replies[r->plain], &replies[i], facts[r->image]);
    if (r->ask == AX_ASK_REPORT) {
      reports++;
      g_hash_table_add (texts, replies[i].text);
    }
  }
  if (reports > 0)
    out->figure[AX_LMF_REPORT_DIFFERENT] = (AxFigure) { g_hash_table_size (texts), NAN, NAN, reports };
  if (classes > 0)
    out->figure[AX_LMF_DIAGNOSIS_MAJORITY] = (AxFigure) { 1.0 / classes, NAN, NAN, s->rows[AX_LMF_DIAGNOSIS]->len };
}

void
ax_lm_figures (const GPtrArray *requests, const AxLmReply *replies, AxImageFacts *const *facts, guint n, AxImageFacts *const *apm, guint rounds, guint64 seed,
               AxLmFigures *out)
{
  memset (out, 0, sizeof *out);
  out->malformed = g_ptr_array_new_with_free_func (g_free);
  AxLmScore s = { 0 };
  for (guint f = 0; f < AX_LMF_N; f++) {
    s.rows[f] = g_array_new (FALSE, FALSE, sizeof (AxLmRow));
    out->figure[f] = (AxFigure) { NAN, NAN, NAN, 0 };
  }
  /* Patients are numbered in the order of the images. */
  g_autofree guint *patients = g_new (guint, n + 1);
  g_autoptr (GHashTable) index = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < n; i++) {
    gpointer known;
    if (!g_hash_table_lookup_extended (index, facts[i]->patient, NULL, &known)) {
      known = GUINT_TO_POINTER (g_hash_table_size (index));
      g_hash_table_insert (index, facts[i]->patient, known);
    }
    patients[i] = GPOINTER_TO_UINT (known);
  }
  g_autofree AxImageFacts **mirrored = g_new0 (AxImageFacts *, n + 1);
  score_all (&s, requests, replies, facts, mirrored, apm, patients, out);
  for (guint i = 0; i < n; i++)
    ax_image_facts_free (mirrored[i]);
  for (guint f = 0; f < AX_LMF_N; f++) {
    const guint rows = s.rows[f]->len;
    if (rows > 0) {
      const Cases cases = { (const AxLmRow *) s.rows[f]->data, table[f].stat, MAX (AX_BOX_N + 1, AX_DATASET_N_LABELS) };
      g_autofree guint *group = g_new (guint, rows);
      for (guint i = 0; i < rows; i++)
        group[i] = cases.rows[i].patient;
      const AxEstimate e = ax_bootstrap (group, rows, g_hash_table_size (index), rounds, seed, statistic, &cases);
      out->figure[f] = (AxFigure) { e.value, e.lo, e.hi, rows };
    }
    g_array_unref (s.rows[f]);
  }
}

void
ax_lm_figures_clear (AxLmFigures *figures)
{
  g_clear_pointer (&figures->malformed, g_ptr_array_unref);
}
