/* lm_score.c: what one answer adds to the figures. See lm_score-private.h. */
#include "engine/evaluation/lm_score-private.h"

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

static void
row (AxLmScore *s, AxLmFigure figure, guint key, double a, double b, double c)
{
  const AxLmRow r = { s->patient, key, a, b, c };
  g_array_append_val (s->rows[figure], r);
}

/* ---- boxes ---- */

static void
score_reference_mode (AxLmScore *s, const AxLmBoxes *truth, const AxLmBoxes *answer, AxLmFigure iou, AxLmFigure map)
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
score_anatomy (AxLmScore *s, const AxLmRequest *r, const AxLmBoxes *boxes)
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
score_phrase (AxLmScore *s, const AxLmRequest *r, const AxLmBoxes *boxes, const char *answer)
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

/* ---- regions ---- */

const AxKnownFinding *
ax_lm_finding_of_region (const AxImageFacts *f, AxBox region)
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
score_caption (AxLmScore *s, const AxKnownFinding *truth, const char *answer)
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

/* ---- whole images ---- */

static void
score_list (AxLmScore *s, const AxLmRequest *r, const char *answer)
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
score_detection (AxLmScore *s, const AxLmBoxes *boxes)
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

static void
score_sides (AxLmScore *s, guint want, guint got)
{
  for (guint side = AX_SIDE_RIGHT; side <= AX_SIDE_LEFT; side++)
    if (got & BIT (side))
      row (s, AX_LMF_REPORT_SIDES, 0, (want & BIT (side)) != 0, 0, 0);
  row (s, AX_LMF_REPORT_SIDES_ALL, 0, got == want, 0, 0);
}

static void
score_report (AxLmScore *s, const char *answer)
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
    const guint want = ax_facts_sides (f, (AxMark) m), got = ax_report_sides (answer, (AxMark) m);
    if (want != 0 && !(want & BIT (AX_SIDE_NONE)) && !(got & BIT (AX_SIDE_NONE)))
      score_sides (s, want, got);
  }
  row (s, AX_LMF_REPORT_F1, 0, tp, fp, fn);
  row (s, AX_LMF_REPORT_PRECISION, 0, tp, tp + fp, 0);
  row (s, AX_LMF_REPORT_RECALL, 0, tp, tp + fn, 0);
}

/* ---- any answer ---- */

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

void
ax_lm_score_answer (AxLmScore *s, const AxLmRequest *r, const AxLmReply *reply, const guint8 *class_counts)
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
    const AxKnownFinding *truth = ax_lm_finding_of_region (s->facts, r->regions[0]);
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

void
ax_lm_score_mirrored (AxLmScore *s, const AxLmRequest *r, const AxLmReply *plain, const AxLmReply *mirrored, const AxImageFacts *plain_facts)
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
