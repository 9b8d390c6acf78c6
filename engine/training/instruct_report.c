/* instruct_report.c: the report grammar (spec 9.1). Findings go lungs, pleura, heart, bones; every statement is drawn from a few wordings of one meaning.
 * What is absent is said only of what was looked for. Nothing is said of devices, prior studies, the patient's history or advice. */
#include "engine/training/instruct-private.h"

#include <string.h>

#define BIT(x) (1u << (x))
#define MARK(x) BIT (AX_MARK_##x)

#define PICK(sink, ...) pick (sink, (const char *const[]) { __VA_ARGS__ }, G_N_ELEMENTS (((const char *const[]) { __VA_ARGS__ })))

/* The wording of a report follows from the wording of the request (`style`, its place in the list): what is asked for in other words is answered in other
 * words, and every word of the answer can be learnt from the request and the image. */
static const char *
pick (const AxInstructSink *sink, const char *const *list, gsize n)
{
  return list[(sink->style + sink->style / 3) % n];
}

/* Style 1 answers "Write a comprehensive report:". */
static gboolean
comprehensive (const AxInstructSink *sink)
{
  return sink->style == 1;
}

static void
say (GString *out, const char *sentence)
{
  if (out->len > 0)
    g_string_append_c (out, ' ');
  g_string_append (out, sentence);
}

/* "a small opacity" and "opacities", not "extensive opacity": for a full sentence. */
static char *
with_article (const char *phrase)
{
  static const char *const uncountable[] = { "consolidation", "atelectasis", "fibrosis", "emphysema", "calcification", "thickening", "edema", "change", "nodules", "cardiomegaly",
                                             "enlargement", NULL };
  for (guint i = 0; uncountable[i] != NULL; i++)
    if (strstr (phrase, uncountable[i]) != NULL)
      return g_strdup (phrase);
  return g_strdup_printf ("%s %s", strchr ("aeiou", phrase[0]) != NULL ? "an" : "a", phrase);
}

/* The phrases of all findings of one mark, each once. */
static char **
phrases_of (const AxImageFacts *f, AxMark mark, AxPhraseStyle style, gboolean article)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new ();
  for (guint i = 0; i < f->n; i++) {
    if (f->findings[i].mark != mark)
      continue;
    g_autofree char *phrase = ax_finding_phrase (&f->findings[i], style, ax_finding_noun (&f->findings[i], NULL));
    char *text = article ? with_article (phrase) : g_strdup (phrase);
    gboolean known = FALSE;
    for (guint k = 0; k < list->len; k++)
      known = known || strcmp (list->pdata[k], text) == 0;
    if (known)
      g_free (text);
    else
      g_ptr_array_add (list, text);
  }
  g_ptr_array_add (list, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&list), FALSE);
}

/* One sentence of all findings of a mark. */
static void
say_findings (AxInstructSink *sink, GString *out, AxMark mark)
{
  const AxImageFacts *f = sink->facts;
  g_auto (GStrv) bare = phrases_of (f, mark, AX_PHRASE_FULL, FALSE), full = phrases_of (f, mark, AX_PHRASE_FULL, TRUE);
  const guint n = g_strv_length (bare);
  g_autofree char *sentence = NULL;
  if (n == 0) { /* listed by the readers without a box */
    g_autofree char *phrase = with_article (ax_mark_noun (mark));
    sentence = g_strdup_printf ("There is %s.", phrase);
  } else if (sink->style % 2 == 0) {
    g_autofree char *all = ax_join_words (full, n);
    sentence = g_strdup_printf ("There is %s.", all);
  } else {
    g_autofree char *all = ax_join_words (bare, n), *cased = ax_sentence_case (all, FALSE);
    sentence = g_strdup_printf ("%s %s.", cased, PICK (sink, "is seen", "is present", "is noted"));
  }
  say (out, sentence);
}

static void
say_heart (AxInstructSink *sink, GString *out)
{
  const AxImageFacts *f = sink->facts;
  if (f->present & MARK (CARDIOMEGALY)) {
    static const char *const degrees[] = { "", "mildly ", "moderately ", "markedly " };
    guint size = 0;
    for (guint i = 0; i < f->n; i++)
      if (f->findings[i].mark == AX_MARK_CARDIOMEGALY)
        size = f->findings[i].size;
    g_autofree char *sentence = sink->style % 2 == 0 ? g_strdup_printf ("The heart is %senlarged.", degrees[size])
                                                            : g_strdup_printf ("The cardiac silhouette is %senlarged.", degrees[size]);
    say (out, sentence);
  } else if (f->ok && f->heart_ratio >= AX_HEART_NORMAL && f->heart_ratio <= AX_HEART_LARGE)
    say (out, PICK (sink, "The heart size is at the upper limit of normal.", "The cardiac silhouette is at the upper limit of normal."));
  else if (f->absent & MARK (CARDIOMEGALY))
    say (out, PICK (sink, "The heart is not enlarged.", "The heart size is normal.", "The cardiac silhouette is normal in size."));
  if (comprehensive (sink) && f->ok && f->heart_ratio > 0.2 && f->heart_ratio < 1) {
    g_autofree char *ratio = g_strdup_printf ("The cardiothoracic ratio is about %.2f.", f->heart_ratio);
    say (out, ratio);
  }
}

static void
say_lungs (AxInstructSink *sink, GString *out)
{
  const AxImageFacts *f = sink->facts;
  static const AxMark lung[] = { AX_MARK_LUNG_OPACITY, AX_MARK_EDEMA, AX_MARK_ATELECTASIS, AX_MARK_LUNG_LESION, AX_MARK_FIBROSIS, AX_MARK_EMPHYSEMA, AX_MARK_CALCIFICATION };
  AxMarkSet all = 0;
  for (guint i = 0; i < G_N_ELEMENTS (lung); i++)
    all |= BIT (lung[i]);
  for (guint i = 0; i < G_N_ELEMENTS (lung); i++)
    if (f->present & BIT (lung[i]))
      say_findings (sink, out, lung[i]);
  const AxMarkSet drawn = all & ~MARK (EDEMA);
  if ((f->present & all) == 0 && (f->absent & drawn) == drawn)
    say (out, PICK (sink, "The lungs are clear.", "Both lungs are clear.", "No focal lung abnormality is seen."));
  else if (f->absent & MARK (LUNG_OPACITY))
    say (out, PICK (sink, "No focal lung opacity is seen.", "There is no lung opacity.", "No consolidation is seen."));
  else if ((f->absent & MARK (LUNG_LESION)) && comprehensive (sink))
    say (out, PICK (sink, "No lung mass or nodule is seen.", "There is no lung nodule."));
}

static void
say_pleura (AxInstructSink *sink, GString *out)
{
  const AxImageFacts *f = sink->facts;
  static const AxMark pleura[] = { AX_MARK_PLEURAL_EFFUSION, AX_MARK_PNEUMOTHORAX, AX_MARK_PLEURAL_THICKENING };
  for (guint i = 0; i < G_N_ELEMENTS (pleura); i++)
    if (f->present & BIT (pleura[i]))
      say_findings (sink, out, pleura[i]);
  const gboolean fluid = f->absent & MARK (PLEURAL_EFFUSION), air = f->absent & MARK (PNEUMOTHORAX);
  if (fluid && air)
    say (out, PICK (sink, "There is no pleural effusion or pneumothorax.", "No pleural effusion or pneumothorax is seen.", "No pneumothorax or pleural effusion."));
  else if (fluid)
    say (out, PICK (sink, "There is no pleural effusion.", "No pleural effusion is seen."));
  else if (air)
    say (out, PICK (sink, "There is no pneumothorax.", "No pneumothorax is seen."));
}

static void
say_bones (AxInstructSink *sink, GString *out)
{
  if (sink->facts->present & MARK (FRACTURE))
    say_findings (sink, out, AX_MARK_FRACTURE);
  else if ((sink->facts->absent & MARK (FRACTURE)) && (comprehensive (sink) || sink->style % 2 == 0))
    say (out, PICK (sink, "No rib fracture is seen.", "There is no rib fracture."));
}

/* The findings again in brief, what matters most first. */
static char *
impression (AxInstructSink *sink)
{
  const AxImageFacts *f = sink->facts;
  static const AxMark order[] = { AX_MARK_PNEUMOTHORAX, AX_MARK_LUNG_OPACITY, AX_MARK_PLEURAL_EFFUSION, AX_MARK_EDEMA, AX_MARK_LUNG_LESION, AX_MARK_CARDIOMEGALY,
                                  AX_MARK_ATELECTASIS, AX_MARK_FRACTURE, AX_MARK_PLEURAL_THICKENING, AX_MARK_FIBROSIS, AX_MARK_EMPHYSEMA, AX_MARK_CALCIFICATION };
  GString *out = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (order); i++) {
    if (!(f->present & BIT (order[i])))
      continue;
    g_auto (GStrv) phrases = phrases_of (f, order[i], AX_PHRASE_SIDE, FALSE);
    const guint n = g_strv_length (phrases);
    g_autofree char *all = n > 0 ? ax_join_words (phrases, n) : g_strdup (ax_mark_noun (order[i]));
    g_autofree char *sentence = ax_sentence_case (all, TRUE);
    say (out, sentence);
  }
  if (out->len == 0)
    say (out, f->normal ? PICK (sink, "No acute abnormality.", "Normal chest radiograph.", "No abnormality detected.")
                        : PICK (sink, "No lung opacity.", "No focal lung opacity.", "Abnormal chest radiograph without focal lung opacity."));
  return g_string_free (out, FALSE);
}

/* Reports that tell sides are balanced by them: most of what is seen is on both, and "both" is not to become a habit. Those that tell none keep their share: they
 * are the usual case, and fewer of them taught to find what is not there. */
void
instruct_make_reports (AxInstructSink *sink, guint count)
{
  const AxImageFacts *f = sink->facts;
  if (!f->read || (f->present == 0 && f->absent == 0))
    return;
  guint8 order[16];
  const guint sides = ax_facts_sides (f, AX_MARK_LUNG_OPACITY) << 4 | ax_facts_sides (f, AX_MARK_PLEURAL_EFFUSION);
  const guint wordings = ax_words_count (AX_WORDS_REPORT_QUESTION);
  g_assert (wordings <= G_N_ELEMENTS (order));
  instruct_shuffle (sink, order, wordings);
  for (guint c = 0; c < MIN (count, wordings); c++) {
    sink->style = order[c];
    g_autoptr (GString) findings = g_string_new (NULL);
    if (comprehensive (sink) && !f->phantom)
      say (findings, f->view == AX_VIEW_AP ? "This is an AP film." : "This is a PA film.");
    say_lungs (sink, findings);
    say_pleura (sink, findings);
    say_heart (sink, findings);
    say_bones (sink, findings);
    g_autofree char *conclusion = impression (sink);
    AxInstructSample *report = instruct_add (sink, AX_INSTRUCT_REPORT, g_strdup (ax_words (AX_WORDS_REPORT_QUESTION)[sink->style]),
                                             g_strdup_printf ("Findings:\n%s\n\nImpression:\n%s", findings->str, conclusion), 1);
    if (sides != 0)
      instruct_topic (report, "report", sides);
  }
}
