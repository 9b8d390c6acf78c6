/* instruct_region.c: what is in a region. Grounded diagnosis and captioning (spec 9.5, 9.6), also of regions in which nothing was found. */
#include "engine/training/instruct-private.h"

#define BIT(x) (1u << (x))
#define JITTER 0.06 /* of a box's size: a user's box is never the reader's */

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

void
instruct_make_diagnosis (AxInstructSink *sink, guint count)
{
  const AxImageFacts *f = sink->facts;
  guint8 order[AX_FACTS_MAX_FINDINGS];
  instruct_shuffle (sink, order, f->n_drawn);
  for (guint i = 0; i < f->n_drawn && i < count; i++) {
    guint32 which;
    g_autofree char *boxes = regions_of (sink, order[i], &which);
    instruct_add (sink, AX_INSTRUCT_DIAGNOSIS, ax_words_fill (ax_words_pick (AX_WORDS_DIAGNOSIS_QUESTION, &sink->random), boxes, NULL),
                  g_strdup (ax_finding_class (f->drawn[order[i]].label)), 1);
  }
  const int empty = instruct_chance (sink, 0.6) ? instruct_empty_structure (sink) : -1;
  if (empty >= 0) {
    g_autofree char *box = instruct_box (sink, f->boxes[empty], JITTER);
    instruct_add (sink, AX_INSTRUCT_DIAGNOSIS, ax_words_fill (ax_words_pick (AX_WORDS_DIAGNOSIS_QUESTION, &sink->random), box, NULL), g_strdup ("No Finding"), 1);
  }
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
    g_autofree char *phrase = ax_finding_phrase (finding, AX_PHRASE_FULL, ax_finding_noun (finding, NULL));
    instruct_add (sink, AX_INSTRUCT_CAPTION, ax_words_fill (ax_words_pick (AX_WORDS_CAPTION_QUESTION, &sink->random), box, NULL), ax_sentence_case (phrase, TRUE), 1);
  }
  const int empty = instruct_chance (sink, 0.6) ? instruct_empty_structure (sink) : -1;
  if (empty >= 0) {
    g_autofree char *box = instruct_box (sink, f->boxes[empty], JITTER);
    instruct_add (sink, AX_INSTRUCT_CAPTION, ax_words_fill (ax_words_pick (AX_WORDS_CAPTION_QUESTION, &sink->random), box, NULL),
                  g_strdup_printf ("No abnormality in the %s.", ax_structure_names ((guint) empty)[1]), 1);
  }
}
