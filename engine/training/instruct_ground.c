/* instruct_ground.c: where something is. Anatomy grounding, phrase grounding and abnormality detection (spec 9.7, 9.4, 9.3). */
#include "engine/training/instruct-private.h"

#include <string.h>

#define BIT(x) (1u << (x))

/* ---- anatomy ---- */

/* Which answer wording belongs to a question wording: fixed, so that the answer can be learnt from the question. Questions of the specification have the
 * answers in its order, ours the plainest. */
static const char *
answer_of (guint question)
{
  const char *const *answers = ax_words (AX_WORDS_ANATOMY_ANSWER);
  return answers[question < ax_words_from_spec (AX_WORDS_ANATOMY_QUESTION) ? question % ax_words_count (AX_WORDS_ANATOMY_ANSWER) : 0];
}

void
instruct_make_anatomy (AxInstructSink *sink, guint count)
{
  const AxImageFacts *f = sink->facts;
  if (!f->ok)
    return;
  guint8 order[AX_DATASET_N_OBJECTS];
  instruct_shuffle (sink, order, AX_DATASET_N_OBJECTS);
  guint made = 0;
  for (guint i = 0; i < AX_DATASET_N_OBJECTS && made < count; i++) {
    const guint o = order[i];
    if (!f->visible[o])
      continue;
    const char *const *names = ax_structure_names (o);
    /* Half the questions use the display name, half any other name. */
    const char *name = instruct_chance (sink, 0.5) ? names[0] : names[ax_random_below (&sink->random, g_strv_length ((char **) names))];
    const guint q = (guint) ax_random_below (&sink->random, ax_words_count (AX_WORDS_ANATOMY_QUESTION));
    g_autofree char *tag = g_strdup_printf ("__BOX%u__", o);
    AxInstructSample *s = instruct_add (sink, AX_INSTRUCT_ANATOMY, ax_words_fill (ax_words (AX_WORDS_ANATOMY_QUESTION)[q], name, NULL),
                                        ax_words_fill (answer_of (q), names[0], tag), 1);
    memcpy (s->boxes, f->boxes, sizeof s->boxes);
    s->has_boxes = TRUE;
    made++;
  }
}

/* ---- phrases ---- */

static char *
boxes_of (AxInstructSink *sink, guint32 which, const char *label)
{
  GString *s = g_string_new (NULL);
  for (guint i = 0; i < sink->facts->n; i++)
    if (which & BIT (i)) {
      g_autofree char *box = instruct_box (sink, sink->facts->findings[i].box, 0);
      g_string_append_printf (s, "<ref>%s</ref>%s", label, box);
    }
  return g_string_free (s, FALSE);
}

static guint
count_bits (guint32 set)
{
  guint n = 0;
  for (; set != 0; set &= set - 1)
    n++;
  return n;
}

/* Whether a finding is there is one topic for each kind of finding, in whatever words: what is asked for is neither there nor absent by habit. */
static void
set_topic (AxInstructSample *sample, AxMark mark, gboolean present)
{
  g_autofree char *topic = g_strdup_printf ("where is %s", ax_mark_noun (mark));
  instruct_topic (sample, topic, present);
}

/* One question about findings[i]. FALSE when more than four boxes would have to be listed. */
static gboolean
add_positive (AxInstructSink *sink, guint i)
{
  const AxKnownFinding *f = &sink->facts->findings[i];
  if (instruct_chance (sink, 0.3)) { /* by class, answered with the class */
    const guint32 which = ax_phrase_matches (sink->facts, i, AX_PHRASE_NOUN);
    const char *class_name = ax_finding_class (f->label);
    g_autofree char *lower = g_ascii_strdown (class_name, -1);
    if (count_bits (which) > 4)
      return FALSE;
    set_topic (instruct_add (sink, AX_INSTRUCT_PHRASE, ax_words_fill (ax_words_pick (AX_WORDS_CLASS_QUESTION, &sink->random), lower, NULL), boxes_of (sink, which, class_name), 1),
               f->mark, TRUE);
    return TRUE;
  }
  const AxPhraseStyle style = (AxPhraseStyle) ax_random_below (&sink->random, AX_PHRASE_N);
  const guint32 which = ax_phrase_matches (sink->facts, i, style);
  if (count_bits (which) > 4)
    return FALSE;
  g_autofree char *phrase = ax_finding_phrase (f, style, ax_finding_noun (f, &sink->random));
  set_topic (instruct_add (sink, AX_INSTRUCT_PHRASE, ax_words_fill (ax_words_pick (AX_WORDS_PHRASE_QUESTION, &sink->random), phrase, NULL), boxes_of (sink, which, phrase), 1),
             f->mark, TRUE);
  return TRUE;
}

/* A name of the mark as questions have it: every name that is asked for where it is present is asked for where it is absent, or the name alone would tell. */
static const char *
absent_name (AxInstructSink *sink, AxMark mark)
{
  static const char *const opacity[] = { "lung opacity", "opacity", "consolidation", "infiltrate" }, *const lesion[] = { "nodule", "mass", "lung lesion" },
                    *const fracture[] = { "rib fracture", "fracture" }, *const heart[] = { "cardiomegaly", "enlarged heart" },
                    *const effusion[] = { "pleural effusion", "effusion" };
  switch (mark) {
  case AX_MARK_LUNG_OPACITY:
    return sink->facts->known[AX_LABEL_PNEUMONIA] && !sink->facts->value[AX_LABEL_PNEUMONIA] && instruct_chance (sink, 0.2) ? "pneumonia" : opacity[ax_random_below (&sink->random, 4)];
  case AX_MARK_LUNG_LESION:
    return lesion[ax_random_below (&sink->random, 3)];
  case AX_MARK_FRACTURE:
    return fracture[ax_random_below (&sink->random, 2)];
  case AX_MARK_CARDIOMEGALY:
    return heart[ax_random_below (&sink->random, 2)];
  case AX_MARK_PLEURAL_EFFUSION:
    return effusion[ax_random_below (&sink->random, 2)];
  default:
    return ax_mark_noun (mark);
  }
}

static void
add_negative (AxInstructSink *sink, AxMark mark, const char *noun)
{
  g_autofree char *answer = g_strdup_printf ("No %s detected.", noun);
  const AxWords list = instruct_chance (sink, 0.5) ? AX_WORDS_CLASS_QUESTION : AX_WORDS_PHRASE_QUESTION;
  set_topic (instruct_add (sink, AX_INSTRUCT_PHRASE, ax_words_fill (ax_words_pick (list, &sink->random), noun, NULL), g_steal_pointer (&answer), 1), mark, FALSE);
}

/* The side on which a finding was looked for and not seen while the other side has it; AX_SIDE_NONE if there is none. */
static AxSide
free_side (const AxImageFacts *f, AxMark mark)
{
  guint sides = 0;
  for (guint i = 0; i < f->n; i++)
    if (f->findings[i].mark == mark)
      sides |= BIT (f->findings[i].place.side);
  return sides == BIT (AX_SIDE_RIGHT) ? AX_SIDE_LEFT : sides == BIT (AX_SIDE_LEFT) ? AX_SIDE_RIGHT : AX_SIDE_NONE;
}

void
instruct_make_phrases (AxInstructSink *sink, guint count)
{
  const AxImageFacts *f = sink->facts;
  guint positives = 0;
  for (guint round = 0; round < 2 && positives < (count + 1) / 2; round++)
    for (guint i = 0; i < f->n && positives < (count + 1) / 2; i++)
      if (add_positive (sink, i))
        positives++;
  /* Absent findings, the common ones more often: those are where a mistake is likely. */
  static const struct { AxMark mark; guint8 tickets; } tickets[] = {
    { AX_MARK_LUNG_OPACITY, 5 }, { AX_MARK_PLEURAL_EFFUSION, 5 }, { AX_MARK_CARDIOMEGALY, 3 }, { AX_MARK_FRACTURE, 3 }, { AX_MARK_PNEUMOTHORAX, 2 },
    { AX_MARK_LUNG_LESION, 3 }, { AX_MARK_ATELECTASIS, 1 }, { AX_MARK_PLEURAL_THICKENING, 1 }, { AX_MARK_FIBROSIS, 1 }, { AX_MARK_EMPHYSEMA, 1 },
    { AX_MARK_CALCIFICATION, 1 }, { AX_MARK_EDEMA, 1 },
  };
  AxMark hat[32];
  guint n = 0;
  for (guint t = 0; t < G_N_ELEMENTS (tickets); t++)
    for (guint k = 0; k < tickets[t].tickets && f->read && (f->absent & BIT (tickets[t].mark)); k++)
      hat[n++] = tickets[t].mark;
  AxMarkSet used = 0;
  guint negatives = 0, wanted = positives > 0 ? MIN (positives, count / 2) : (count + 1) / 2;
  for (guint tries = 0; n > 0 && negatives < wanted && tries < 4 * count; tries++) {
    const AxMark mark = hat[ax_random_below (&sink->random, n)];
    if (used & BIT (mark))
      continue;
    used |= BIT (mark);
    add_negative (sink, mark, absent_name (sink, mark));
    negatives++;
  }
  for (guint m = 0; m < AX_MARK_N && f->read && f->ok && f->complete && negatives < count / 2 + 1; m++) {
    const AxSide side = f->present & BIT (m) ? free_side (f, (AxMark) m) : AX_SIDE_NONE;
    if (side == AX_SIDE_NONE || !instruct_chance (sink, 0.5))
      continue;
    g_autofree char *noun = g_strdup_printf ("%s %s", side == AX_SIDE_LEFT ? "left" : "right", ax_mark_noun ((AxMark) m));
    add_negative (sink, (AxMark) m, noun);
    negatives++;
  }
}

/* ---- detection ---- */

void
instruct_make_detection (AxInstructSink *sink, guint count)
{
  const AxImageFacts *f = sink->facts;
  /* Without a reading the image is open, and with findings that are known but not drawn "no abnormalities" would be false. */
  if (!f->read || (f->n == 0 && !f->normal) || f->n > 5)
    return;
  for (guint c = 0; c < count; c++) {
    GString *answer = g_string_new (f->n == 0 ? "No abnormalities detected." : "");
    for (guint i = 0; i < f->n; i++) {
      g_autofree char *box = instruct_box (sink, f->findings[i].box, 0);
      g_string_append_printf (answer, "<ref>%s</ref>%s", ax_finding_class (f->findings[i].label), box);
    }
    instruct_add (sink, AX_INSTRUCT_DETECTION, g_strdup (ax_words_pick (AX_WORDS_DETECTION_QUESTION, &sink->random)), g_string_free (answer, FALSE), 1);
  }
}
