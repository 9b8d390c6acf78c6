/* instruct_questions.c: open and closed questions of the kinds of MIMIC-CXR-VQA and SLAKE (spec 9.8, 9.9). */
#include "engine/training/instruct-private.h"

#include <string.h>

#define BIT(x) (1u << (x))

#define PICK(sink, ...) pick (sink, (const char *const[]) { __VA_ARGS__ }, G_N_ELEMENTS (((const char *const[]) { __VA_ARGS__ })))

/* Asked in several wordings of one image, since they are there on many. */
#define COMMON (BIT (AX_MARK_LUNG_OPACITY) | BIT (AX_MARK_PLEURAL_EFFUSION) | BIT (AX_MARK_CARDIOMEGALY))
#define ROUNDS 3u

static const char *
pick (AxInstructSink *sink, const char *const *list, gsize n)
{
  return list[ax_random_below (&sink->random, n)];
}

/* ---- closed ---- */

/* at: which of the two options is "yes". */
static void
add_options (AxInstructSink *sink, const char *question, const char *const tags[2], guint at, gboolean direct, gboolean yes, const char *topic)
{
  const char *tag = tags[yes ? at : 1 - at];
  instruct_topic (instruct_add (sink, AX_INSTRUCT_CLOSED,
                                g_strdup_printf ("%s Options:\n(%s) %s\n(%s) %s%s", question, tags[0], at == 0 ? "yes" : "no", tags[1], at == 1 ? "yes" : "no",
                                                 ax_task_template (AX_TASK_CHOOSE, 0, AX_TEMPLATE_SUFFIX, direct ? 1 : 0)),
                                direct ? g_strdup_printf ("(%s)", tag) : g_strdup_printf ("(%s) %s", tag, yes ? "yes" : "no"), 1),
                  topic, yes);
}

void
instruct_add_closed (AxInstructSink *sink, char *question, gboolean yes, const char *because, const char *topic)
{
  g_autofree char *text = question;
  if (instruct_chance (sink, 0.4)) {
    char *answer = because != NULL ? g_strdup_printf ("%s, %s.", yes ? "Yes" : "No", because) : g_strdup (yes ? "Yes." : "No.");
    instruct_topic (instruct_add (sink, AX_INSTRUCT_CLOSED, g_strdup (text), answer, 1), topic, yes);
    return;
  }
  static const char *const styles[][2] = { { "A", "B" }, { "a", "b" }, { "1", "2" } };
  const char *const *tags = styles[ax_random_below (&sink->random, 3)];
  const guint at = instruct_chance (sink, 0.5);
  const gboolean direct = instruct_chance (sink, 0.5);
  add_options (sink, text, tags, at, direct, yes, topic);
  if (instruct_chance (sink, 0.5)) /* the letter is to follow the option, not the place */
    add_options (sink, text, tags, 1 - at, direct, yes, topic);
}

static char *
presence_question (AxInstructSink *sink, const char *noun)
{
  return ax_words_fill (PICK (sink, "Is there any {}?", "Is there evidence of {}?", "Does the patient have {}?", "Is {} present?", "Can you see {}?", "Is there a sign of {} in this image?"),
                        noun, NULL);
}

static void
ask_side (AxInstructSink *sink, AxMark mark, AxSide side, gboolean yes)
{
  const char *word = side == AX_SIDE_LEFT ? "left" : "right";
  g_autofree char *topic = g_strdup_printf ("side of %s", ax_mark_noun (mark));
  instruct_add_closed (sink,
                       ax_words_fill (PICK (sink, "Is there {} on the {}?", "Is {} seen on the {} side?", "Is there any {} on the {}?", "Is {} present on the {}?"),
                                      ax_mark_noun (mark), word),
                       yes, NULL, topic);
}

/* Whether the module's sentences and its probability of the image say different things: then there is no answer to learn. */
static gboolean
contradicted (const AxImageFacts *f, AxMark mark, gboolean present)
{
  for (guint l = 0; l < AX_DATASET_N_LABELS && f->graded; l++)
    if (f->trust[l] > 0 && ax_mark_of_label (ax_label_name (l)) == (int) mark && ax_facts_graded_sign (f, l) != (present ? 1 : -1))
      return TRUE;
  return FALSE;
}

void
instruct_make_closed (AxInstructSink *sink, guint count)
{
  const AxImageFacts *f = sink->facts;
  guint8 order[AX_MARK_N];
  instruct_shuffle (sink, order, AX_MARK_N);
  guint yes = 0, no = 0, limit = (count + 1) / 2;
  for (guint i = 0; i < ROUNDS * AX_MARK_N && yes < limit; i++) {
    const guint m = order[i % AX_MARK_N];
    if (!(f->present & BIT (m)) || contradicted (f, (AxMark) m, TRUE) || (i >= AX_MARK_N && !(COMMON & BIT (m))))
      continue;
    g_autofree char *because = NULL;
    for (guint k = 0; k < f->n && because == NULL; k++)
      if (f->findings[k].mark == m)
        because = ax_finding_phrase (&f->findings[k], AX_PHRASE_FULL, ax_finding_noun (&f->findings[k], NULL));
    instruct_add_closed (sink, presence_question (sink, ax_mark_noun ((AxMark) m)), TRUE, because, ax_mark_noun ((AxMark) m));
    yes++;
    const guint sides = i < AX_MARK_N ? ax_facts_sides (f, (AxMark) m) : 0;
    if (sides == 0 || (sides & BIT (AX_SIDE_NONE)) || yes >= limit)
      continue;
    const AxSide side = (sides & BIT (AX_SIDE_RIGHT)) && ((sides & BIT (AX_SIDE_LEFT)) == 0 || instruct_chance (sink, 0.5)) ? AX_SIDE_RIGHT : AX_SIDE_LEFT;
    ask_side (sink, (AxMark) m, side, TRUE);
    yes++;
    const AxSide other = side == AX_SIDE_RIGHT ? AX_SIDE_LEFT : AX_SIDE_RIGHT;
    if (f->read && f->complete && !(sides & BIT (other)) && no < limit) {
      ask_side (sink, (AxMark) m, other, FALSE);
      no++;
    }
  }
  /* Findings that some images have first: of the others "no" says little. */
  for (guint i = 0; i < (ROUNDS + 1) * AX_MARK_N && f->read && no < MAX (yes, ROUNDS) && no < limit; i++) {
    const AxMark m = (AxMark) order[i % AX_MARK_N];
    if (!(f->absent & BIT (m)) || contradicted (f, m, FALSE) || ((COMMON & BIT (m)) != 0) == (i >= ROUNDS * AX_MARK_N))
      continue;
    g_autofree char *because = g_strdup_printf ("no %s is seen", ax_mark_noun (m));
    instruct_add_closed (sink, presence_question (sink, ax_mark_noun (m)), FALSE, because, ax_mark_noun (m));
    no++;
  }
  if (f->read && f->known[AX_LABEL_NO_FINDING] && !(f->graded && ax_facts_graded_sign (f, AX_LABEL_NO_FINDING) != (f->value[AX_LABEL_NO_FINDING] ? 1 : -1)))
    instruct_add_closed (sink, g_strdup (PICK (sink, "Is this chest X-ray normal?", "Is the chest radiograph normal?", "Is the film free of abnormality?")),
                         f->value[AX_LABEL_NO_FINDING] != 0, NULL, "normal");
  const gboolean heart_known = f->known[AX_LABEL_CARDIOMEGALY], large = heart_known ? f->value[AX_LABEL_CARDIOMEGALY] : f->heart_ratio > AX_HEART_LARGE;
  if (f->ok && (heart_known || f->heart_ratio > AX_HEART_LARGE || f->heart_ratio < AX_HEART_NORMAL)) {
    g_autofree char *because = g_strdup_printf ("the cardiothoracic ratio is about %.2f", f->heart_ratio);
    instruct_add_closed (sink, g_strdup (PICK (sink, "Is the heart enlarged?", "Is the cardiac silhouette enlarged?", "Is the heart larger than normal?")), large, because,
                         "heart");
  }
  instruct_make_places (sink, count / 6, TRUE);
}

/* ---- open ---- */

static AxInstructSample *
add_open (AxInstructSink *sink, char *question, char *answer)
{
  return instruct_add (sink, AX_INSTRUCT_OPEN, question, answer, 1);
}

static void
ask_finding (AxInstructSink *sink, guint i)
{
  const AxImageFacts *f = sink->facts;
  const AxKnownFinding *k = &f->findings[i];
  const char *noun = ax_mark_noun (k->mark);
  const guint sides = ax_facts_sides (f, k->mark);
  if (k->place.side == AX_SIDE_NONE)
    return;
  const char *side = (sides & BIT (AX_SIDE_RIGHT)) && (sides & BIT (AX_SIDE_LEFT)) ? "Both sides" : sides & BIT (AX_SIDE_RIGHT) ? "Right" : "Left";
  switch (ax_random_below (&sink->random, 4)) {
  case 0: {
    g_autofree char *topic = g_strdup_printf ("which side %s", noun);
    instruct_topic (add_open (sink, ax_words_fill (PICK (sink, "Which side is the {} on?", "On which side is the {}?", "Which side shows {}?", "Which lung is affected by {}?"), noun, NULL),
                              g_strdup (side)),
                    topic, sides);
    break;
  }
  case 1: {
    /* Every place once. */
    g_autoptr (GPtrArray) places = g_ptr_array_new_with_free_func (g_free);
    for (guint n = 0; n < f->n; n++) {
      char *place = f->findings[n].mark == k->mark ? ax_place_text (f->findings[n].place) : NULL;
      gboolean fresh = place != NULL;
      for (guint p = 0; p < places->len && fresh; p++)
        fresh = strcmp (places->pdata[p], place) != 0;
      if (fresh)
        g_ptr_array_add (places, place);
      else
        g_free (place);
    }
    g_autofree char *all = ax_join_words ((char **) places->pdata, places->len);
    add_open (sink, ax_words_fill (PICK (sink, "Where is the {}?", "In which part of the chest is the {}?", "Where is the {} located?", "Which zones show {}?"), noun, NULL),
              ax_sentence_case (all, FALSE));
    break;
  }
  case 2: {
    g_autofree char *place = ax_place_text (k->place);
    AxMarkSet there = 0;
    g_autoptr (GPtrArray) classes = g_ptr_array_new ();
    for (guint n = 0; n < f->n; n++)
      if (f->findings[n].place.side == k->place.side && f->findings[n].place.zones == k->place.zones && !(there & BIT (f->findings[n].mark))) {
        there |= BIT (f->findings[n].mark);
        g_ptr_array_add (classes, (gpointer) ax_finding_class (f->findings[n].label));
      }
    g_autofree char *answer = g_strjoinv (", ", (char **) (g_ptr_array_add (classes, NULL), classes->pdata));
    add_open (sink, ax_words_fill (PICK (sink, "What abnormality is seen in the {}?", "What is wrong with the {}?", "Which finding is in the {}?"), place, NULL), g_steal_pointer (&answer));
    break;
  }
  default: {
    const guint lungs = ((sides & BIT (AX_SIDE_RIGHT)) != 0) + ((sides & BIT (AX_SIDE_LEFT)) != 0);
    add_open (sink, ax_words_fill (PICK (sink, "How many lungs show {}?", "How many sides are affected by {}?"), noun, NULL), g_strdup (lungs == 2 ? "2" : "1"));
  }
  }
}

static void
ask_abnormalities (AxInstructSink *sink)
{
  const AxImageFacts *f = sink->facts;
  GString *answer = g_string_new (NULL);
  AxMarkSet said = 0;
  for (guint i = 0; i < f->n; i++)
    if (!(said & BIT (f->findings[i].mark))) {
      said |= BIT (f->findings[i].mark);
      g_string_append_printf (answer, "%s%s", answer->len > 0 ? ", " : "", ax_finding_class (f->findings[i].label));
    }
  if (said != f->present || (said == 0 && !f->normal)) {
    g_string_free (answer, TRUE);
    return;
  }
  add_open (sink, g_strdup (PICK (sink, "What abnormalities are seen in this image?", "What abnormality does this chest X-ray show?", "What is the main finding?", "List all abnormalities.")),
            said == 0 ? (g_string_free (answer, TRUE), g_strdup ("No abnormality")) : g_string_free (answer, FALSE));
}

void
instruct_make_open (AxInstructSink *sink, guint count)
{
  const AxImageFacts *f = sink->facts;
  guint made = 0;
  if (f->read && f->complete && made < count) {
    ask_abnormalities (sink);
    made++;
  }
  guint8 order[AX_FACTS_MAX_FINDINGS];
  instruct_shuffle (sink, order, f->n);
  for (guint i = 0; i < f->n && made < count; i++, made++)
    ask_finding (sink, order[i]);
  if (f->ok && made < count) {
    const guint o = (guint) ax_random_below (&sink->random, AX_DATASET_N_OBJECTS);
    if (f->visible[o]) {
      g_autofree char *box = instruct_box (sink, f->boxes[o], 0);
      add_open (sink, ax_words_fill (PICK (sink, "Which anatomical structure is in {}?", "What structure does the box {} show?", "Name the structure in {}."), box, NULL),
                g_strdup (ax_structure_names (o)[0]));
      made++;
    }
  }
  if (f->ok && made < count && instruct_chance (sink, 0.5))
    add_open (sink, g_strdup (PICK (sink, "What is the cardiothoracic ratio?", "How large is the cardiothoracic ratio?")), g_strdup_printf ("About %.2f", f->heart_ratio));
  else if (made < count)
    add_open (sink, g_strdup (PICK (sink, "What is the projection of this film?", "Is this film AP or PA?", "In which view was this X-ray taken?")), g_strdup (f->view == AX_VIEW_AP ? "AP" : "PA"));
  instruct_make_places (sink, count / 3, FALSE);
}
