/* instruct_classify.c: the 14 labels as options (spec 9.2): the list, sets of findings (B) and one disease at a time (C). */
#include "engine/training/instruct-private.h"

#include <string.h>

#define BIT(x) (1u << (x))
#define LIKELY 0.6f /* a label that only the text program gave counts as present from this probability on */

/* Tags of one style; tags[i] is the i-th option's. Half the time A, B, C, ... as people write lists, else a random order (spec 9.2). */
static void
draw_tags (AxInstructSink *sink, guint n, char tags[][4])
{
  const gboolean plain = instruct_chance (sink, 0.5);
  const guint style = (guint) ax_random_below (&sink->random, 3);
  guint8 order[26];
  instruct_shuffle (sink, order, 26);
  for (guint i = 0; i < 26 && plain; i++)
    order[i] = (guint8) i;
  for (guint i = 0; i < n; i++)
    if (style == 2)
      g_snprintf (tags[i], 4, "%u", order[i] + 1u);
    else
      g_snprintf (tags[i], 4, "%c", (style == 0 ? 'A' : 'a') + order[i]);
}

/* The labels that are there. FALSE when the image says nothing firm: no finding is known or likely, and nobody called it normal. *weight says how far
 * the answer goes beyond what readers said. */
static gboolean
positives_of (AxInstructSink *sink, guint32 *positives, double *weight)
{
  const AxImageFacts *f = sink->facts;
  *positives = 0;
  *weight = f->read ? 1 : sink->weak;
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++)
    if (f->known[l] ? f->value[l] : sink->weak > 0 && f->likely[l] >= LIKELY)
      *positives |= BIT (l);
  if (*positives == 0 && !f->read && sink->weak > 0 && f->trust[AX_LABEL_NO_FINDING] > 0 && f->likely[AX_LABEL_NO_FINDING] >= 0.35f &&
      f->likely[AX_LABEL_LUNG_OPACITY] < 0.2f) {
    *positives = BIT (AX_LABEL_NO_FINDING); /* the text program found nothing: right in two of five */
    *weight = sink->weak * 0.5;
  }
  return *positives != 0;
}

static void
add_list (AxInstructSink *sink, guint32 positives, double weight)
{
  guint8 order[AX_DATASET_N_LABELS];
  char tags[AX_DATASET_N_LABELS][4];
  instruct_shuffle (sink, order, AX_DATASET_N_LABELS);
  draw_tags (sink, AX_DATASET_N_LABELS, tags);
  const gboolean direct = instruct_chance (sink, 0.5);
  g_autoptr (GString) options = g_string_new (NULL);
  GString *answer = g_string_new (NULL);
  for (guint i = 0; i < AX_DATASET_N_LABELS; i++) {
    g_string_append_printf (options, "%s(%s) %s", i > 0 ? "\n" : "", tags[i], ax_label_name (order[i]));
    if (!(positives & BIT (order[i])))
      continue;
    if (answer->len > 0)
      g_string_append (answer, ", ");
    g_string_append_printf (answer, direct ? "(%s)" : "(%s) %s", tags[i], ax_label_name (order[i]));
  }
  g_string_append (options, ax_task_template (AX_TASK_CLASSIFY, 0, AX_TEMPLATE_SUFFIX, direct ? 1 : 0));
  instruct_add (sink, AX_INSTRUCT_CLASSIFICATION, ax_words_fill (ax_words_pick (AX_WORDS_LIST_QUESTION, &sink->random), options->str, NULL),
                g_string_free (answer, FALSE), weight);
}

static char *
set_text (guint32 set)
{
  GString *s = g_string_new (NULL);
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++)
    if (set & BIT (l)) {
      g_autofree char *lower = g_ascii_strdown (ax_label_name (l), -1);
      g_string_append_printf (s, "%s%s", s->len > 0 ? ", " : "", lower);
    }
  return g_string_free (s, FALSE);
}

static guint
bits (guint32 set)
{
  guint n = 0;
  for (; set != 0; set &= set - 1)
    n++;
  return n;
}

/* Four sets of the same size, one of them right. A wrong one holds at least one label that a reader said is not there. */
static void
add_set (AxInstructSink *sink, guint32 positives, double weight)
{
  const AxImageFacts *f = sink->facts;
  guint32 negatives = 0;
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++)
    if (f->known[l] && !f->value[l])
      negatives |= BIT (l);
  const guint size = bits (positives);
  if (size < 1 || size > 5 || bits (negatives) < 3)
    return;
  guint32 sets[4] = { positives };
  for (guint n = 1, tries = 0; n < 4; tries++) {
    if (tries > 200)
      return;
    guint8 order[AX_DATASET_N_LABELS];
    instruct_shuffle (sink, order, AX_DATASET_N_LABELS);
    guint32 set = 0;
    for (guint i = 0; i < AX_DATASET_N_LABELS && bits (set) < size; i++)
      if ((negatives & BIT (order[i])) || ((positives & BIT (order[i])) && size > 1 && instruct_chance (sink, 0.5)))
        set |= BIT (order[i]);
    gboolean fresh = bits (set) == size && (set & negatives) != 0;
    for (guint k = 0; k < n; k++)
      fresh = fresh && set != sets[k];
    if (fresh)
      sets[n++] = set;
  }
  guint8 order[4];
  char tags[4][4];
  instruct_shuffle (sink, order, 4);
  draw_tags (sink, 4, tags);
  g_autoptr (GString) options = g_string_new (NULL);
  char *answer = NULL;
  for (guint i = 0; i < 4; i++) {
    g_autofree char *text = set_text (sets[order[i]]);
    g_string_append_printf (options, "%s(%s) %s", i > 0 ? "\n" : "", tags[i], text);
    if (order[i] == 0)
      answer = g_strdup_printf ("(%s) %s", tags[i], text);
  }
  instruct_add (sink, AX_INSTRUCT_CLASSIFICATION, ax_words_fill (ax_words_pick (AX_WORDS_SET_QUESTION, &sink->random), options->str, NULL), answer, weight);
}

static void
add_single (AxInstructSink *sink, guint label, gboolean value)
{
  g_autofree char *disease = g_ascii_strdown (ax_label_name (label), -1);
  g_autofree char *topic = g_strdup_printf ("label %s", disease);
  GString *question = g_string_new (NULL);
  g_string_printf (question, "Does this chest X-ray show %s?", label == AX_LABEL_NO_FINDING ? "no finding" : disease);
  char *answer;
  if (instruct_chance (sink, 0.3))
    answer = g_strdup (value ? "Yes" : "No");
  else {
    char tags[2][4];
    draw_tags (sink, 2, tags);
    const guint yes = instruct_chance (sink, 0.5);
    if (instruct_chance (sink, 0.5)) { /* the options in the other order too: the letter is to follow the option, not the place */
      char *exchanged = g_strdup_printf ("%s Options:\n(%s) %s\n(%s) %s", question->str, tags[0], yes == 1 ? "Yes" : "No", tags[1], yes == 0 ? "Yes" : "No");
      instruct_topic (instruct_add (sink, AX_INSTRUCT_CLASSIFICATION, exchanged, g_strdup_printf ("(%s) %s", tags[value ? 1 - yes : yes], value ? "Yes" : "No"), 1), topic,
                      value != 0);
    }
    g_string_append_printf (question, " Options:\n(%s) %s\n(%s) %s", tags[0], yes == 0 ? "Yes" : "No", tags[1], yes == 1 ? "Yes" : "No");
    answer = g_strdup_printf ("(%s) %s", tags[value ? yes : 1 - yes], value ? "Yes" : "No");
  }
  instruct_topic (instruct_add (sink, AX_INSTRUCT_CLASSIFICATION, g_string_free (question, FALSE), answer, 1), topic, value != 0);
}

/* Where nobody read, the module's probability is what can be learnt, where it is clearly above or below what is usual: "yes" is more likely than on other
 * images, so that the answers can be read off the image and no habit is right. */
static void
add_singles_by_probability (AxInstructSink *sink, guint count)
{
  const AxImageFacts *f = sink->facts;
  guint8 order[AX_DATASET_N_LABELS];
  for (guint made = 0; made < count;) {
    const guint before = made;
    instruct_shuffle (sink, order, AX_DATASET_N_LABELS);
    for (guint i = 0; i < AX_DATASET_N_LABELS && made < count; i++) {
      const int sign = f->trust[order[i]] > 0 && order[i] != AX_LABEL_NO_FINDING ? ax_facts_graded_sign (f, order[i]) : 0;
      if (sign == 0)
        continue;
      add_single (sink, order[i], sign > 0);
      made++;
    }
    if (made == before)
      return;
  }
}

void
instruct_make_classification (AxInstructSink *sink, guint count)
{
  const AxImageFacts *f = sink->facts;
  guint32 positives;
  double weight;
  if (positives_of (sink, &positives, &weight)) {
    for (guint c = 0; c < (count + 2) / 4; c++)
      add_list (sink, positives, weight);
    if (f->read && count > 1)
      add_set (sink, positives, weight);
  }
  /* One disease at a time, as many present as absent ones where that can be; only what readers said. */
  if (f->graded) {
    add_singles_by_probability (sink, count);
    return;
  }
  guint8 order[AX_DATASET_N_LABELS];
  instruct_shuffle (sink, order, AX_DATASET_N_LABELS);
  for (guint value = 0; value < 2; value++) {
    guint made = 0;
    for (guint i = 0; i < AX_DATASET_N_LABELS && made < (count + 1) / 2; i++)
      if (f->read && f->known[order[i]] && f->value[order[i]] == value) {
        add_single (sink, order[i], value != 0);
        made++;
      }
  }
}
