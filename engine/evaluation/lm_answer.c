/* lm_answer.c: see lm_answer.h. */
#include "engine/evaluation/lm_answer.h"

#include <math.h>
#include <string.h>

#include "engine/training/instruct_words.h"

#define BIT(x) (1u << (x))

/* ---- answers ---- */

static char *
tagged_boxes (const AxImageFacts *f, guint32 which, const char *label)
{
  GString *s = g_string_new (NULL);
  for (guint i = 0; i < f->n; i++)
    if (which & BIT (i)) {
      g_autofree char *corners = ax_instruct_box_text (f->findings[i].box);
      g_string_append_printf (s, "<ref>%s</ref><box>%s</box>", label != NULL ? label : ax_finding_class (f->findings[i].label), corners);
    }
  return g_string_free (s, FALSE);
}

/* The likelihood of a finding's image label; a finding that no label is about counts little. */
static double
likelihood (const AxImageFacts *f, AxMark mark)
{
  double most = 0.02;
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++)
    if (f->trust[l] > 0 && ax_mark_of_label (ax_label_name (l)) == (int) mark)
      most = MAX (most, (double) f->likely[l]);
  return most;
}

/* The finding of a region: with the truth the box that agrees best; with a model's view the likeliest finding of those that fill a fifth of the region.
 * -1 when there is none. */
static int
finding_in (const AxImageFacts *f, AxBox region)
{
  int best = -1;
  double most = 0;
  for (guint i = 0; i < f->n_drawn; i++) {
    const AxBox b = f->drawn[i].box;
    const double w = MIN (b.x2, region.x2) - MAX (b.x1, region.x1), h = MIN (b.y2, region.y2) - MAX (b.y1, region.y1);
    const double iou = ax_box_iou (b, region), score = f->phantom ? likelihood (f, f->drawn[i].mark) : iou;
    if (w > 0 && h > 0 && w * h >= 0.2 * ax_box_area (region) && score > most) {
      most = score;
      best = (int) i;
    }
  }
  return best;
}

/* A finding that matches the request; with facts of a model the zones and size that the phrase says may differ, the side may not. */
static guint32
phrase_findings (const AxLmRequest *r, const AxImageFacts *f, gboolean exact)
{
  if (exact)
    return ax_lm_request_matches (r, f);
  guint32 set = 0;
  for (guint i = 0; i < f->n; i++)
    if (f->findings[i].mark == r->mark && (r->style == AX_PHRASE_NOUN || r->finding.place.side == AX_SIDE_NONE || r->finding.place.side == AX_SIDE_BOTH ||
                                           f->findings[i].place.side == r->finding.place.side))
      set |= BIT (i);
  return set;
}

static guint
sides_of (const AxImageFacts *f, AxMark mark)
{
  guint sides = 0;
  for (guint i = 0; i < f->n; i++)
    if (f->findings[i].mark == mark)
      sides |= f->findings[i].place.side == AX_SIDE_BOTH ? BIT (AX_SIDE_RIGHT) | BIT (AX_SIDE_LEFT) : BIT (f->findings[i].place.side);
  return sides & ~BIT (AX_SIDE_NONE);
}

static char *
closed (const AxLmRequest *r, gboolean yes)
{
  if (strstr (r->text, "Options:") == NULL)
    return g_strdup (yes ? "Yes." : "No.");
  const gboolean second = (r->option_yes == 1) == yes;
  /* Options are written with the words of their question: "Yes" for labels, "yes" elsewhere. */
  return g_strdup_printf ("(%s) %s", second ? "B" : "A", r->ask == AX_ASK_LABEL ? (yes ? "Yes" : "No") : yes ? "yes" : "no");
}

static char *
list_answer (const AxLmRequest *r, const AxImageFacts *f)
{
  GString *s = g_string_new (NULL);
  g_auto (GStrv) lines = g_strsplit (r->text, "\n", -1);
  const char *best = NULL;
  double most = -1;
  for (guint i = 0; lines[i] != NULL; i++)
    for (guint l = 0; l < AX_DATASET_N_LABELS && lines[i][0] == '('; l++) {
      const char *option = strstr (lines[i], ") ");
      if (option == NULL || strcmp (option + 2, ax_label_name (l)) != 0)
        continue;
      const double p = f->known[l] ? f->value[l] : f->likely[l];
      if (p > most) {
        most = p;
        best = lines[i];
      }
      if (f->known[l] ? f->value[l] : f->likely[l] >= 0.6f)
        g_string_append_printf (s, "%s%s", s->len > 0 ? ", " : "", lines[i]);
    }
  if (s->len == 0 && best != NULL)
    g_string_append (s, best);
  return g_string_free (s, FALSE);
}

static char *
report_answer (const AxImageFacts *f)
{
  GString *findings = g_string_new (NULL);
  AxMarkSet said = 0;
  for (guint i = 0; i < f->n; i++) {
    g_autofree char *phrase = ax_finding_phrase (&f->findings[i], AX_PHRASE_FULL, ax_finding_noun (&f->findings[i], NULL)), *cased = ax_sentence_case (phrase, FALSE);
    g_string_append_printf (findings, "%s%s is seen.", findings->len > 0 ? " " : "", cased);
    said |= BIT (f->findings[i].mark);
  }
  for (guint m = 0; m < AX_MARK_N; m++) {
    if ((f->present & BIT (m)) && !(said & BIT (m)))
      g_string_append_printf (findings, "%sThere is %s.", findings->len > 0 ? " " : "", ax_mark_noun ((AxMark) m));
    if ((f->absent & BIT (m)) && (BIT (m) & (BIT (AX_MARK_LUNG_OPACITY) | BIT (AX_MARK_PLEURAL_EFFUSION) | BIT (AX_MARK_PNEUMOTHORAX) | BIT (AX_MARK_CARDIOMEGALY))))
      g_string_append_printf (findings, "%sNo %s is seen.", findings->len > 0 ? " " : "", ax_mark_noun ((AxMark) m));
  }
  char *text = g_strdup_printf ("Findings:\n%s\n\nImpression:\n%s", findings->len > 0 ? findings->str : "Nothing is known of this image.",
                                f->present != 0 ? "Abnormal chest radiograph." : f->normal ? "No acute abnormality." : "No focal lung opacity.");
  g_string_free (findings, TRUE);
  return text;
}

static char *
places_answer (const AxImageFacts *f, AxMark mark)
{
  g_autoptr (GPtrArray) places = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < f->n; i++) {
    char *place = f->findings[i].mark == mark ? ax_place_text (f->findings[i].place) : NULL;
    for (guint k = 0; k < places->len && place != NULL; k++)
      if (strcmp (places->pdata[k], place) == 0)
        g_clear_pointer (&place, g_free);
    if (place != NULL)
      g_ptr_array_add (places, place);
  }
  if (places->len == 0)
    return g_strdup ("Not seen");
  g_autofree char *all = ax_join_words ((char **) places->pdata, places->len);
  return ax_sentence_case (all, FALSE);
}

static char *
abnormalities_answer (const AxImageFacts *f)
{
  GString *s = g_string_new (NULL);
  AxMarkSet said = 0;
  for (guint i = 0; i < f->n; i++)
    if (!(said & BIT (f->findings[i].mark))) {
      said |= BIT (f->findings[i].mark);
      g_string_append_printf (s, "%s%s", s->len > 0 ? ", " : "", ax_finding_class (f->findings[i].label));
    }
  if (s->len == 0)
    g_string_append (s, "No abnormality");
  return g_string_free (s, FALSE);
}

static guint
structure_at (const AxImageFacts *f, AxBox region)
{
  guint best = 0;
  double most = -1;
  for (guint o = 0; o < AX_DATASET_N_OBJECTS; o++) {
    const double iou = ax_box_iou (f->boxes[o], region);
    if (iou > most) {
      most = iou;
      best = o;
    }
  }
  return best;
}

char *
ax_lm_answer_from_facts (const AxLmRequest *r, const AxImageFacts *f, double *yes_probability)
{
  switch (r->ask) {
  case AX_ASK_ANATOMY: {
    g_autofree char *corners = ax_instruct_box_text (f->boxes[r->object]);
    return ax_words_fill (ax_words (AX_WORDS_ANATOMY_ANSWER)[0], ax_structure_names (r->object)[0], corners);
  }
  case AX_ASK_PHRASE: {
    guint32 which = phrase_findings (r, f, TRUE);
    if (which == 0 && f->phantom)
      which = phrase_findings (r, f, FALSE);
    if (which == 0)
      return g_strdup_printf ("No %s detected.", ax_mark_noun (r->mark));
    g_autofree char *phrase = ax_finding_phrase (&r->finding, r->style, ax_finding_noun (&r->finding, NULL));
    return tagged_boxes (f, which, phrase);
  }
  case AX_ASK_DETECT:
    return f->n > 0 ? tagged_boxes (f, ~0u, NULL) : g_strdup ("No abnormalities detected.");
  case AX_ASK_DIAGNOSE: {
    const int i = finding_in (f, r->regions[0]);
    return g_strdup (i >= 0 ? ax_finding_class (f->drawn[i].label) : "No Finding");
  }
  case AX_ASK_CAPTION: {
    const int i = finding_in (f, r->regions[0]);
    if (i < 0)
      return g_strdup ("No abnormality.");
    AxKnownFinding finding = f->drawn[i];
    finding.place = ax_place_of_box (f, finding.mark, r->regions[0]);
    g_autofree char *phrase = ax_finding_phrase (&finding, AX_PHRASE_FULL, ax_finding_noun (&finding, NULL));
    return ax_sentence_case (phrase, TRUE);
  }
  case AX_ASK_LIST:
    return list_answer (r, f);
  case AX_ASK_LABEL: {
    const double p = f->known[r->label] ? f->value[r->label] : f->likely[r->label];
    if (yes_probability != NULL)
      *yes_probability = p;
    return closed (r, p >= 0.5);
  }
  case AX_ASK_REPORT:
    return report_answer (f);
  case AX_ASK_PRESENT:
    return closed (r, (f->present & BIT (r->mark)) != 0);
  case AX_ASK_ON_SIDE:
    return closed (r, (sides_of (f, r->mark) & BIT (r->side)) != 0);
  case AX_ASK_NORMAL:
    return closed (r, f->known[AX_LABEL_NO_FINDING] ? f->value[AX_LABEL_NO_FINDING] : f->normal);
  case AX_ASK_HEART:
    return closed (r, f->known[AX_LABEL_CARDIOMEGALY] ? f->value[AX_LABEL_CARDIOMEGALY] : f->heart_ratio > 0.55);
  case AX_ASK_WHICH_SIDE: {
    const guint sides = sides_of (f, r->mark);
    return g_strdup (sides == 0 ? "Not seen" : sides == BIT (AX_SIDE_RIGHT) ? "Right" : sides == BIT (AX_SIDE_LEFT) ? "Left" : "Both sides");
  }
  case AX_ASK_WHERE:
    return places_answer (f, r->mark);
  case AX_ASK_ABNORMALITIES:
    return abnormalities_answer (f);
  case AX_ASK_STRUCTURE:
    return g_strdup (ax_structure_names (structure_at (f, r->regions[0]))[0]);
  case AX_ASK_N:
    break;
  }
  return g_strdup ("");
}

/* ---- facts of the module ---- */

static AxBoxLabel
label_of_mark (AxMark mark)
{
  static const AxBoxLabel labels[AX_MARK_N] = {
    [AX_MARK_ATELECTASIS] = AX_BOX_ATELECTASIS, [AX_MARK_CALCIFICATION] = AX_BOX_CALCIFICATION, [AX_MARK_CARDIOMEGALY] = AX_BOX_CARDIOMEGALY, [AX_MARK_EDEMA] = AX_BOX_N,
    [AX_MARK_EMPHYSEMA] = AX_BOX_EMPHYSEMA, [AX_MARK_FIBROSIS] = AX_BOX_FIBROSIS, [AX_MARK_FRACTURE] = AX_BOX_FRACTURE, [AX_MARK_LUNG_LESION] = AX_BOX_NODULE,
    [AX_MARK_LUNG_OPACITY] = AX_BOX_LUNG_OPACITY, [AX_MARK_PLEURAL_EFFUSION] = AX_BOX_EFFUSION, [AX_MARK_PLEURAL_THICKENING] = AX_BOX_PLEURAL_THICKENING,
    [AX_MARK_PNEUMOTHORAX] = AX_BOX_PNEUMOTHORAX,
  };
  return labels[mark];
}

/* The small structures of a side; findings are said of these, the whole lung repeats them. */
static const guint8 parts[2][7] = { { 3, 22, 21, 19, 35, 18, 17 }, { 2, 13, 12, 10, 33, 9, 8 } };

static void
add_hull (AxImageFacts *f, AxMark mark, const AxMarkSet named[AX_DATASET_N_OBJECTS], guint side)
{
  AxBox hull = { INFINITY, INFINITY, -INFINITY, -INFINITY };
  for (guint i = 0; i < G_N_ELEMENTS (parts[0]); i++) {
    const guint o = parts[side][i];
    if (!(named[o] & BIT (mark)))
      continue;
    const AxBox b = f->boxes[o];
    hull = (AxBox) { MIN (hull.x1, b.x1), MIN (hull.y1, b.y1), MAX (hull.x2, b.x2), MAX (hull.y2, b.y2) };
  }
  if (hull.x2 > hull.x1 && f->n < AX_FACTS_MAX_FINDINGS)
    f->findings[f->n++] = (AxKnownFinding) { .label = label_of_mark (mark), .mark = mark, .box = hull, .place = ax_place_of_box (f, mark, hull) };
}

AxImageFacts *
ax_lm_facts_from_perception (const AxPerception *p, const AxImageFacts *of)
{
  AxImageFacts *f = g_new0 (AxImageFacts, 1);
  f->id = g_strdup (of->id);
  f->path = g_strdup (of->path);
  f->patient = g_strdup (of->patient);
  f->dataset = g_strdup ("perceived");
  f->flip = of->flip;
  f->phantom = TRUE; /* a model's view: phrases match by side alone */
  f->read = f->ok = f->complete = TRUE;
  AxMarkSet named[AX_DATASET_N_OBJECTS] = { 0 };
  for (guint o = 0; o < AX_DATASET_N_OBJECTS; o++) {
    f->boxes[o] = ax_box_clamp (p->anatomy[o].box1024, AX_DATASET_FRAME, AX_DATASET_FRAME);
    f->visible[o] = TRUE;
    if (p->anatomy[o].n_retrieved > 0)
      ax_sentence_findings (p->anatomy[o].retrieved[0].sentence, &named[o]);
    f->present |= named[o];
  }
  const double chest = MAX (f->boxes[11].x2, f->boxes[20].x2) - MIN (f->boxes[11].x1, f->boxes[20].x1);
  f->heart_ratio = chest > 0 ? (f->boxes[4].x2 - f->boxes[4].x1) / chest : 0;
  for (guint m = 0; m < AX_MARK_N; m++) {
    if (named[4] & BIT (m))
      f->findings[f->n++] = (AxKnownFinding) { .label = label_of_mark ((AxMark) m), .mark = (AxMark) m, .box = f->boxes[4] };
    for (guint side = 0; side < 2; side++)
      add_hull (f, (AxMark) m, named, side);
  }
  for (guint i = 0; i < p->n_findings; i++)
    for (guint l = 0; l < AX_DATASET_N_LABELS; l++)
      if (strcmp (p->findings[i].name, ax_label_name (l)) == 0) {
        f->likely[l] = (float) p->findings[i].probability;
        f->trust[l] = 1;
        const int mark = ax_mark_of_label (ax_label_name (l));
        if (mark >= 0 && f->likely[l] >= 0.5f)
          f->present |= BIT (mark);
      }
  f->absent = (BIT (AX_MARK_N) - 1) & ~f->present;
  f->normal = f->present == 0;
  f->n_drawn = f->n;
  memcpy (f->drawn, f->findings, sizeof f->drawn);
  return f;
}
