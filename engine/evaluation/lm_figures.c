/* lm_figures.c: see lm_figures.h. Every answer adds rows to figures; a figure is a statistic of its rows, so that all intervals come from one resampling. */
#include "engine/evaluation/lm_figures.h"

#include <math.h>
#include <string.h>

#include "engine/evaluation/detection.h"
#include "engine/evaluation/lm_answer.h"
#include "engine/evaluation/lm_parse.h"
#include "engine/evaluation/report_labels.h"
#include "engine/evaluation/text_scores.h"
#include "engine/training/instruct_words.h"

#define BIT(x) (1u << (x))
#define HIT 0.25

/* How rows become a figure. */
typedef enum {
  STAT_MEAN,     /* of a */
  STAT_RATIO,    /* sum of a / sum of b */
  STAT_F1,       /* 2 sum a / (2 sum a + sum b + sum c): true positives, false positives, false negatives */
  STAT_BALANCED, /* mean over keys of the mean of a */
  STAT_AUROC,    /* mean over keys of the area under the curve of scores a against truths b */
} Stat;

typedef struct {
  guint patient, key;
  double a, b, c;
} Row;

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
  const Row *rows;
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

/* ---- scoring ---- */

typedef struct {
  GArray *rows[AX_LMF_N]; /* Row */
  const AxImageFacts *facts; /* of the request at hand, mirrored where it is */
  const AxImageFacts *apm;
  guint patient;
} Score;

static void
row (Score *s, AxLmFigure figure, guint key, double a, double b, double c)
{
  const Row r = { s->patient, key, a, b, c };
  g_array_append_val (s->rows[figure], r);
}

static void
score_reference_mode (Score *s, const AxLmBoxes *truth, const AxLmBoxes *answer, AxLmFigure iou, AxLmFigure map)
{
  AxDetectionScores d;
  const AxLabelledBoxes reference = { truth->n, truth->boxes, NULL }, predicted = { answer->n, answer->boxes, NULL };
  if (!ax_detection_scores (&reference, &predicted, NULL, NULL, &d))
    return;
  if (!isnan (d.iou))
    row (s, iou, 0, d.iou, 0, 0);
  row (s, map, 0, d.map, 0, 0);
}

/* IoU of the answer's first box with the structure; 0 without one. */
static double
anatomy_iou (const AxLmRequest *r, const AxLmBoxes *boxes, const AxImageFacts *f)
{
  return boxes->n > 0 ? ax_box_iou (ax_box_clamp (boxes->boxes[0], AX_DATASET_FRAME, AX_DATASET_FRAME), f->boxes[r->object]) : 0;
}

static double
phrase_iou (const AxLmRequest *r, const AxLmBoxes *boxes, const AxImageFacts *f)
{
  AxBox truth[AX_FACTS_MAX_FINDINGS];
  guint n = 0;
  const guint32 set = ax_lm_request_matches (r, f);
  for (guint i = 0; i < f->n; i++)
    if (set & BIT (i))
      truth[n++] = f->findings[i].box;
  return ax_strict_iou (truth, n, boxes->boxes, boxes->n);
}

static void
score_anatomy (Score *s, const AxLmRequest *r, const AxLmBoxes *boxes)
{
  static const AxLmFigure by_wording[AX_WORDING_N] = {
    [AX_WORDING_SPEC] = AX_LMF_ANATOMY_SPEC, [AX_WORDING_FREE] = AX_LMF_ANATOMY_FREE, [AX_WORDING_PARAPHRASE] = AX_LMF_ANATOMY_PARAPHRASE,
    [AX_WORDING_SYNONYM] = AX_LMF_ANATOMY_SYNONYM,
  };
  const double iou = anatomy_iou (r, boxes, s->facts);
  row (s, AX_LMF_ANATOMY_IOU, 0, iou, 0, 0);
  row (s, by_wording[r->wording], 0, iou, 0, 0);
  if (s->apm != NULL)
    row (s, AX_LMF_ANATOMY_OF_APM, 0, iou, ax_box_iou (s->apm->boxes[r->object], s->facts->boxes[r->object]), 0);
  AxBox truth = s->facts->boxes[r->object];
  const AxLmBoxes reference = { 1, &truth, NULL };
  score_reference_mode (s, &reference, boxes, AX_LMF_ANATOMY_REFERENCE_IOU, AX_LMF_ANATOMY_REFERENCE_MAP);
}

static void
score_phrase (Score *s, const AxLmRequest *r, const AxLmBoxes *boxes, const char *answer)
{
  if (!r->present) {
    row (s, AX_LMF_PHRASE_ABSENT, 0, boxes->n == 0 && g_str_has_prefix (answer, "No"), 0, 0);
    return;
  }
  const double iou = phrase_iou (r, boxes, s->facts);
  row (s, AX_LMF_PHRASE_IOU, 0, iou, 0, 0);
  row (s, AX_LMF_PHRASE_HIT, 0, iou >= HIT, 0, 0);
  AxBox list[AX_FACTS_MAX_FINDINGS];
  guint n = 0;
  const guint32 set = ax_lm_request_matches (r, s->facts);
  for (guint i = 0; i < s->facts->n; i++)
    if (set & BIT (i))
      list[n++] = s->facts->findings[i].box;
  const AxLmBoxes reference = { n, list, NULL };
  score_reference_mode (s, &reference, boxes, AX_LMF_PHRASE_REFERENCE_IOU, AX_LMF_PHRASE_REFERENCE_MAP);
}

static const AxKnownFinding *
finding_of_region (const AxImageFacts *f, AxBox region)
{
  for (guint i = 0; i < f->n_drawn; i++)
    if (memcmp (&f->drawn[i].box, &region, sizeof region) == 0)
      return &f->drawn[i];
  return NULL;
}

/* The class of an answer without its full stop, folded. */
static gboolean
same_class (const char *answer, const char *class_name)
{
  g_autofree char *text = g_strstrip (g_strdup (answer));
  const gsize n = strlen (text);
  if (n > 0 && text[n - 1] == '.')
    text[n - 1] = '\0';
  return g_ascii_strcasecmp (text, class_name) == 0;
}

static void
score_caption (Score *s, const AxKnownFinding *truth, const char *answer)
{
  g_autoptr (GArray) named = ax_report_findings (answer);
  guint sides = 0;
  AxZoneSet zones = 0;
  gboolean right = FALSE;
  for (guint i = 0; i < named->len; i++) {
    const AxNamedFinding *f = &g_array_index (named, AxNamedFinding, i);
    if (f->negated)
      continue;
    right = right || f->mark == truth->mark;
    sides |= f->sides;
    zones |= f->zones;
  }
  row (s, AX_LMF_CAPTION_FINDING, 0, right, 0, 0);
  if (truth->place.side != AX_SIDE_NONE) {
    gboolean side;
    const gboolean place = ax_place_is_said (s->facts, truth->mark, truth->box, sides, zones, &side);
    row (s, AX_LMF_CAPTION_SIDE, 0, side, 0, 0);
    row (s, AX_LMF_CAPTION_PLACE, 0, place, 0, 0);
  }
  g_autofree char *phrase = ax_finding_phrase (truth, AX_PHRASE_FULL, ax_finding_noun (truth, NULL)), *reference = ax_sentence_case (phrase, TRUE);
  row (s, AX_LMF_CAPTION_ROUGE1, 0, ax_rouge_n (reference, answer, 1).f, 0, 0);
  row (s, AX_LMF_CAPTION_METEOR, 0, ax_meteor (reference, answer), 0, 0);
}

static void
score_list (Score *s, const AxLmRequest *r, const char *answer)
{
  double tp = 0, fp = 0, fn = 0;
  g_auto (GStrv) lines = g_strsplit (r->text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    for (guint l = 0; l < AX_DATASET_N_LABELS && lines[i][0] == '('; l++) {
      const char *close = strstr (lines[i], ") ");
      if (close == NULL || strcmp (close + 2, ax_label_name (l)) != 0 || !s->facts->known[l])
        continue;
      g_autofree char *tag = g_strndup (lines[i], (gsize) (close + 1 - lines[i]));
      const gboolean said = strstr (answer, tag) != NULL, there = s->facts->value[l] != 0;
      tp += said && there;
      fp += said && !there;
      fn += !said && there;
    }
  row (s, AX_LMF_LIST_F1, 0, tp, fp, fn);
}

static void
score_detection (Score *s, const AxLmBoxes *boxes)
{
  const AxImageFacts *f = s->facts;
  g_autofree guint8 *used = g_new0 (guint8, boxes->n + 1);
  for (guint i = 0; i < f->n; i++) {
    double best = 0;
    for (guint k = 0; k < boxes->n; k++) {
      const double iou = ax_box_iou (boxes->boxes[k], f->findings[i].box);
      best = MAX (best, iou);
      used[k] |= iou >= HIT;
    }
    row (s, AX_LMF_DETECT_FOUND, 0, best >= HIT, 0, 0);
  }
  guint wrong = 0;
  for (guint k = 0; k < boxes->n; k++)
    wrong += !used[k];
  row (s, AX_LMF_DETECT_FALSE, 0, wrong, 0, 0);
}

static guint
true_sides (const AxImageFacts *f, guint mark)
{
  guint sides = 0;
  for (guint i = 0; i < f->n; i++)
    if (f->findings[i].mark == mark)
      sides |= f->findings[i].place.side == AX_SIDE_BOTH ? BIT (AX_SIDE_RIGHT) | BIT (AX_SIDE_LEFT) : BIT (f->findings[i].place.side);
  return sides;
}

static void
score_sides (Score *s, guint want, guint got)
{
  for (guint side = AX_SIDE_RIGHT; side <= AX_SIDE_LEFT; side++)
    if (got & BIT (side))
      row (s, AX_LMF_REPORT_SIDES, 0, (want & BIT (side)) != 0, 0, 0);
  row (s, AX_LMF_REPORT_SIDES_ALL, 0, got == want, 0, 0);
}

static void
score_report (Score *s, const char *answer)
{
  const AxImageFacts *f = s->facts;
  row (s, AX_LMF_REPORT_CLEAN, 0, !ax_report_names_device (answer) && !ax_report_names_prior (answer), 0, 0);
  if (!f->read)
    return;
  AxMarkSet said;
  ax_report_marks (answer, &said, NULL);
  double tp = 0, fp = 0, fn = 0;
  for (guint m = 0; m < AX_MARK_N; m++) {
    if (!((f->present | f->absent) & BIT (m)))
      continue; /* nobody looked for it */
    const gboolean there = (f->present & BIT (m)) != 0, named = (said & BIT (m)) != 0;
    tp += there && named;
    fp += !there && named;
    fn += there && !named;
    if (!there || !named || !f->ok)
      continue;
    const guint want = true_sides (f, m), got = ax_report_sides (answer, (AxMark) m);
    if (want != 0 && !(want & BIT (AX_SIDE_NONE)) && !(got & BIT (AX_SIDE_NONE)))
      score_sides (s, want, got);
  }
  row (s, AX_LMF_REPORT_F1, 0, tp, fp, fn);
  row (s, AX_LMF_REPORT_PRECISION, 0, tp, tp + fp, 0);
  row (s, AX_LMF_REPORT_RECALL, 0, tp, tp + fn, 0);
}

/* F1 of the words of two answers as bags, lower case, without punctuation. */
static double
words_f1 (const char *truth, const char *answer)
{
  g_autofree char *a = g_ascii_strdown (truth, -1), *b = g_ascii_strdown (answer, -1);
  g_auto (GStrv) x = g_strsplit_set (a, " ,.;:\n", -1), y = g_strsplit_set (b, " ,.;:\n", -1);
  guint nx = 0, ny = 0, same = 0;
  for (guint i = 0; y[i] != NULL; i++)
    ny += *y[i] != '\0';
  for (guint i = 0; x[i] != NULL; i++) {
    nx += *x[i] != '\0';
    for (guint k = 0; *x[i] != '\0' && y[k] != NULL; k++)
      if (strcmp (x[i], y[k]) == 0) {
        same++;
        *y[k] = '\0';
        break;
      }
  }
  return nx + ny > 0 ? 2.0 * same / (nx + ny) : 0;
}

static void
score_answer (Score *s, const AxLmRequest *r, const AxLmReply *reply, const guint8 *class_counts)
{
  const char *answer = reply->text;
  g_auto (AxLmBoxes) boxes = { 0 };
  ax_lm_boxes_read (answer, &boxes);
  if (r->ask != AX_ASK_LABEL)
    row (s, AX_LMF_WELL_FORMED, 0, reply->ended && ax_lm_malformed (r, answer) == NULL, 0, 0);
  if (r->flip)
    return; /* mirrored questions are compared with their plain ones */
  switch (r->ask) {
  case AX_ASK_ANATOMY:
    score_anatomy (s, r, &boxes);
    break;
  case AX_ASK_PHRASE:
    score_phrase (s, r, &boxes, answer);
    break;
  case AX_ASK_DETECT:
    score_detection (s, &boxes);
    break;
  case AX_ASK_DIAGNOSE:
  case AX_ASK_CAPTION: {
    const AxKnownFinding *truth = finding_of_region (s->facts, r->regions[0]);
    if (truth != NULL && r->ask == AX_ASK_CAPTION)
      score_caption (s, truth, answer);
    else if (truth != NULL && class_counts[truth->label] >= AX_MIN_POSITIVES)
      row (s, AX_LMF_DIAGNOSIS, truth->label, same_class (answer, ax_finding_class (truth->label)), 0, 0);
    break;
  }
  case AX_ASK_LIST:
    score_list (s, r, answer);
    break;
  case AX_ASK_LABEL:
    if (!isnan (reply->yes)) {
      row (s, AX_LMF_CLASS_AUROC, r->label, reply->yes, s->facts->value[r->label], 0);
      if (s->apm != NULL && s->apm->trust[r->label] > 0)
        row (s, AX_LMF_CLASS_AUROC_APM, r->label, s->apm->likely[r->label], s->facts->value[r->label], 0);
    }
    break;
  case AX_ASK_REPORT:
    score_report (s, answer);
    break;
  case AX_ASK_PRESENT:
  case AX_ASK_ON_SIDE:
  case AX_ASK_NORMAL:
  case AX_ASK_HEART:
    row (s, AX_LMF_CLOSED, r->present != 0, ax_lm_yes (r, answer) == (r->present != 0), 0, 0);
    break;
  case AX_ASK_WHICH_SIDE:
  case AX_ASK_WHERE:
  case AX_ASK_ABNORMALITIES:
  case AX_ASK_STRUCTURE: {
    g_autofree char *truth = r->ask == AX_ASK_STRUCTURE ? g_strdup (ax_structure_names (r->object)[0]) : ax_lm_answer_from_facts (r, s->facts, NULL);
    row (s, AX_LMF_OPEN_F1, 0, words_f1 (truth, answer), 0, 0);
    row (s, AX_LMF_OPEN_EXACT, 0, same_class (answer, truth), 0, 0);
    break;
  }
  case AX_ASK_N:
    break;
  }
}

/* The side words of an answer outside its boxes. */
static guint
side_words (const char *answer)
{
  g_autofree char *lower = g_ascii_strdown (answer, -1);
  return (strstr (lower, "left") != NULL) | (strstr (lower, "right") != NULL) << 1 | (strstr (lower, "bilateral") != NULL || strstr (lower, "both") != NULL) << 2;
}

static void
score_mirrored (Score *s, const AxLmRequest *r, const AxLmReply *plain, const AxLmReply *mirrored, const AxImageFacts *plain_facts)
{
  const gboolean anatomy = r->ask == AX_ASK_ANATOMY;
  const double enough = anatomy ? 0.5 : HIT;
  g_auto (AxLmBoxes) a = { 0 }, b = { 0 };
  ax_lm_boxes_read (plain->text, &a);
  ax_lm_boxes_read (mirrored->text, &b);
  if ((anatomy ? anatomy_iou (r, &a, plain_facts) : phrase_iou (r, &a, plain_facts)) < enough)
    return; /* was not right to begin with */
  const double iou = anatomy ? anatomy_iou (r, &b, s->facts) : phrase_iou (r, &b, s->facts);
  row (s, AX_LMF_MIRRORED, 0, iou >= enough && side_words (plain->text) == side_words (mirrored->text), 0, 0);
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
score_all (Score *s, const GPtrArray *requests, const AxLmReply *replies, AxImageFacts *const *facts, AxImageFacts **mirrored, AxImageFacts *const *apm,
           const guint *patients, AxLmFigures *out)
{
  guint8 class_counts[AX_BOX_N + 1] = { 0 };
  for (guint i = 0; i < requests->len; i++) {
    const AxLmRequest *r = requests->pdata[i];
    const AxKnownFinding *k = r->ask == AX_ASK_DIAGNOSE && replies[i].text != NULL ? finding_of_region (facts[r->image], r->regions[0]) : NULL;
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
    score_answer (s, r, &replies[i], class_counts);
    if (r->flip && replies[r->plain].text != NULL)
      score_mirrored (s, r, &replies[r->plain], &replies[i], facts[r->image]);
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
  Score s = { 0 };
  for (guint f = 0; f < AX_LMF_N; f++) {
    s.rows[f] = g_array_new (FALSE, FALSE, sizeof (Row));
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
      const Cases cases = { (const Row *) s.rows[f]->data, table[f].stat, MAX (AX_BOX_N + 1, AX_DATASET_N_LABELS) };
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
