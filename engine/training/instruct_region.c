/* instruct_region.c: what is in a region. Grounded diagnosis and captioning (spec 9.5, 9.6), also of regions in which nothing was found. */
#include <math.h>

#include "engine/training/instruct-private.h"

#define BIT(x) (1u << (x))
#define EMPTY 0.15 /* regions without a finding: people ask about what they suspect */
#define JITTER 0.06 /* of a box's size: a user's box is never the reader's */

enum { LEFT_LUNG = 11, RIGHT_LUNG = 20 };
static const guint8 regions[] = { 2, 3, 10, 12, 13, 19, 21, 22, 33, 35 };

int
instruct_empty_structure (AxInstructSink *sink)
{
  const AxImageFacts *f = sink->facts;
  /* All that readers draw must have been looked for; edema is no reader's, and the phantom knows it. */
  const AxMarkSet drawn = BIT (AX_MARK_N) - 1 - BIT (AX_MARK_EDEMA);
  if (!f->ok || !f->read || !f->complete || ((f->absent | f->present) & drawn) != drawn)
    return -1;
  guint8 order[G_N_ELEMENTS (regions)];
  instruct_shuffle (sink, order, G_N_ELEMENTS (regions));
  for (guint i = 0; i < G_N_ELEMENTS (regions); i++) {
    const guint o = regions[order[i]];
    gboolean hit = !f->visible[o];
    for (guint k = 0; k < f->n && !hit; k++) {
      const AxBox a = f->findings[k].box, b = f->boxes[o];
      hit = MIN (a.x2, b.x2) > MAX (a.x1, b.x1) && MIN (a.y2, b.y2) > MAX (a.y1, b.y1) && f->findings[k].mark != AX_MARK_CARDIOMEGALY;
    }
    if (!hit)
      return (int) o;
  }
  return -1;
}

gboolean
instruct_region (AxInstructSink *sink, AxBox *region)
{
  const AxImageFacts *f = sink->facts;
  if (!f->ok || !f->visible[RIGHT_LUNG] || !f->visible[LEFT_LUNG])
    return FALSE;
  const AxBox r = f->boxes[RIGHT_LUNG], l = f->boxes[LEFT_LUNG];
  AxBox lung = instruct_chance (sink, 0.5) ? r : l;
  if (instruct_chance (sink, 0.08))
    lung = (AxBox) { MIN (r.x1, l.x1), MIN (r.y1, l.y1), MAX (r.x2, l.x2), MAX (r.y2, l.y2) };
  /* Every size is as likely in its order of magnitude: nodules and fractures are a twentieth of a lung, consolidations half of it. */
  const double w = lung.x2 - lung.x1, h = lung.y2 - lung.y1, rw = w * exp (ax_random_range (&sink->random, log (0.08), log (0.95))),
               rh = h * exp (ax_random_range (&sink->random, log (0.05), log (0.9))),
               x = lung.x1 - 0.08 * w + ax_random_uniform (&sink->random) * (1.16 * w - rw), y = lung.y1 - 0.04 * h + ax_random_uniform (&sink->random) * (1.12 * h - rh);
  *region = ax_box_clamp ((AxBox) { x, y, x + rw, y + rh }, AX_DATASET_FRAME, AX_DATASET_FRAME);
  return region->x2 - region->x1 >= 8 && region->y2 - region->y1 >= 8;
}

AxBox
instruct_part_of (AxInstructSink *sink, AxBox box)
{
  const double w = (box.x2 - box.x1) * ax_random_range (&sink->random, 0.4, 1), h = (box.y2 - box.y1) * ax_random_range (&sink->random, 0.4, 1),
               x = box.x1 + ax_random_uniform (&sink->random) * (box.x2 - box.x1 - w), y = box.y1 + ax_random_uniform (&sink->random) * (box.y2 - box.y1 - h);
  return (AxBox) { x, y, x + w, y + h };
}

void
instruct_make_places (AxInstructSink *sink, guint count, gboolean closed)
{
  static const char *const zones[] = { "Which lung zone is {} in?", "Which part of the chest is marked by {}?", "Where is the region {}?", "Name the side and zone of {}." },
                    *const sides[] = { "Is {} on the patient's {} side?", "Does {} lie in the {} lung?", "Is the region {} on the {}?" };
  for (guint i = 0; i < count; i++) {
    AxBox region;
    if (!instruct_region (sink, &region))
      return;
    const AxPlace place = ax_place_of_box (sink->facts, AX_MARK_LUNG_OPACITY, region);
    g_autofree char *box = instruct_box (sink, region, 0);
    if (!closed) {
      g_autofree char *text = ax_place_text (place);
      instruct_add (sink, AX_INSTRUCT_OPEN, ax_words_fill (zones[ax_random_below (&sink->random, G_N_ELEMENTS (zones))], box, NULL), ax_sentence_case (text, FALSE), 1);
    } else if (place.side != AX_SIDE_BOTH) {
      const gboolean left = instruct_chance (sink, 0.5), yes = left == (place.side == AX_SIDE_LEFT);
      instruct_add_closed (sink, ax_words_fill (sides[ax_random_below (&sink->random, G_N_ELEMENTS (sides))], box, left ? "left" : "right"), yes, NULL, "side of a region");
    }
  }
}

/* The regions that a question is about: one finding, or all of its class on the image now and then. */
static char *
regions_of (AxInstructSink *sink, guint i, guint32 *which)
{
  const AxImageFacts *f = sink->facts;
  *which = BIT (i);
  if (instruct_chance (sink, 0.15)) {
    guint n = 0;
    guint32 same = 0;
    for (guint k = 0; k < f->n_drawn; k++)
      if (f->drawn[k].label == f->drawn[i].label) {
        same |= BIT (k);
        n++;
      }
    if (n <= 3)
      *which = same;
  }
  GString *s = g_string_new (NULL);
  for (guint k = 0; k < f->n_drawn; k++)
    if (*which & BIT (k)) {
      g_autofree char *box = instruct_box (sink, f->drawn[k].box, instruct_chance (sink, 0.5) ? JITTER : 0);
      g_string_append (s, box);
    }
  return g_string_free (s, FALSE);
}

/* An opacity's part is an opacity; half an effusion or a nodule is not what a reader would have called one. */
static gboolean
can_be_divided (const AxKnownFinding *finding)
{
  return finding->mark == AX_MARK_LUNG_OPACITY || finding->mark == AX_MARK_EDEMA || finding->mark == AX_MARK_EMPHYSEMA || finding->mark == AX_MARK_FIBROSIS;
}

static void
add_diagnosis (AxInstructSink *sink, const char *boxes, const char *class_name)
{
  g_autofree char *topic = g_strdup_printf ("diagnosis by %s", sink->facts->dataset);
  instruct_topic (instruct_add (sink, AX_INSTRUCT_DIAGNOSIS, ax_words_fill (ax_words_pick (AX_WORDS_DIAGNOSIS_QUESTION, &sink->random), boxes, NULL), g_strdup (class_name), 1),
                  topic, g_str_hash (class_name));
}

void
instruct_make_diagnosis (AxInstructSink *sink, guint count)
{
  const AxImageFacts *f = sink->facts;
  guint8 order[AX_FACTS_MAX_FINDINGS];
  if (f->graded)
    return; /* the module draws no regions and knows two classes: a habit that is worse than nothing */
  instruct_shuffle (sink, order, f->n_drawn);
  for (guint i = 0; i < f->n_drawn && i < count; i++) {
    guint32 which;
    g_autofree char *boxes = regions_of (sink, order[i], &which);
    add_diagnosis (sink, boxes, ax_finding_class (f->drawn[order[i]].label));
  }
  /* What a user draws is seldom as large as what a reader drew. */
  for (guint i = 0, made = f->n_drawn; i < f->n_drawn && made < count; i++) {
    g_autofree char *box = instruct_box (sink, can_be_divided (&f->drawn[order[i]]) ? instruct_part_of (sink, f->drawn[order[i]].box) : f->drawn[order[i]].box, JITTER);
    add_diagnosis (sink, box, ax_finding_class (f->drawn[order[i]].label));
    made++;
  }
  const int empty = instruct_chance (sink, EMPTY) ? instruct_empty_structure (sink) : -1;
  if (empty >= 0) {
    g_autofree char *box = instruct_box (sink, f->boxes[empty], JITTER);
    instruct_add (sink, AX_INSTRUCT_DIAGNOSIS, ax_words_fill (ax_words_pick (AX_WORDS_DIAGNOSIS_QUESTION, &sink->random), box, NULL), g_strdup ("No Finding"), 1);
  }
}

static void
add_caption (AxInstructSink *sink, const char *box, const AxKnownFinding *finding)
{
  g_autofree char *phrase = ax_finding_phrase (finding, AX_PHRASE_FULL, ax_finding_noun (finding, NULL));
  instruct_topic (instruct_add (sink, AX_INSTRUCT_CAPTION, ax_words_fill (ax_words_pick (AX_WORDS_CAPTION_QUESTION, &sink->random), box, NULL), ax_sentence_case (phrase, TRUE), 1),
                  "caption", finding->mark);
}

void
instruct_make_captions (AxInstructSink *sink, guint count)
{
  const AxImageFacts *f = sink->facts;
  guint8 order[AX_FACTS_MAX_FINDINGS];
  instruct_shuffle (sink, order, f->n_drawn);
  for (guint i = 0; i < f->n_drawn && i < count; i++) {
    const AxKnownFinding *finding = &f->drawn[order[i]];
    g_autofree char *box = instruct_box (sink, finding->box, instruct_chance (sink, 0.5) ? JITTER : 0);
    add_caption (sink, box, finding);
  }
  for (guint i = 0, made = f->n_drawn; f->n_drawn > 0 && i < 4 * count && made < count; i++) {
    AxKnownFinding part = f->drawn[order[i % f->n_drawn]];
    if (!can_be_divided (&part) || !f->ok)
      continue;
    part.box = instruct_part_of (sink, part.box);
    part.place = ax_place_of_box (f, part.mark, part.box);
    part.size = AX_SIZE_UNSAID;
    g_autofree char *box = instruct_box (sink, part.box, 0);
    add_caption (sink, box, &part);
    made++;
  }
  const int empty = instruct_chance (sink, EMPTY) ? instruct_empty_structure (sink) : -1;
  if (empty >= 0) {
    g_autofree char *box = instruct_box (sink, f->boxes[empty], JITTER);
    instruct_add (sink, AX_INSTRUCT_CAPTION, ax_words_fill (ax_words_pick (AX_WORDS_CAPTION_QUESTION, &sink->random), box, NULL),
                  g_strdup_printf ("No abnormality in the %s.", ax_structure_names ((guint) empty)[1]), 1);
  }
}
