#include "ui/round-words.h"

#include "ui/names.h"
#include <glib/gi18n-lib.h>

const char *ax_round_task_name(AxRoundTask task) {
  switch (task) {
  case AX_ROUND_FIND: return _("Find the structure");
  case AX_ROUND_DRAW: return _("Draw the finding");
  case AX_ROUND_NAME: return _("Name what is in the region");
  case AX_ROUND_SIDE: return _("Tell the side");
  case AX_ROUND_IMPRESSION:
  default: return _("Write the impression");
  }
}

const char *ax_round_side_name(AxRoundSide side) {
  switch (side) {
  case AX_ROUND_LEFT: return C_("side of the patient", "left");
  case AX_ROUND_RIGHT: return C_("side of the patient", "right");
  case AX_ROUND_BOTH: return C_("side of the patient", "both sides");
  case AX_ROUND_NO_SIDE:
  default: return C_("side of the patient", "no side");
  }
}

char *ax_round_question(const AxRoundCase *c) {
  if (c->question)
    return g_strdup(c->question);
  switch (c->task) {
  case AX_ROUND_FIND: return g_strdup_printf(_("Where is it: %s?"), ax_shown_name(c->subject));
  case AX_ROUND_DRAW: return g_strdup_printf(_("Where do you see this: %s?"), ax_shown_name(c->subject));
  case AX_ROUND_NAME: return g_strdup(_("What is in the marked region?"));
  case AX_ROUND_SIDE:
    if (c->has_region)
      return g_strdup(_("On which side of the patient is the marked region? The picture may have been mirrored."));
    return g_strdup_printf(_("On which side of the patient is this: %s?"), ax_shown_name(c->subject));
  case AX_ROUND_IMPRESSION:
  default: return g_strdup(_("What is your impression?"));
  }
}

const char *ax_round_instruction(const AxRoundCase *c) {
  switch (c->task) {
  case AX_ROUND_FIND: return _("Draw a box around it (or press Return on the picture, then Ctrl and arrows).");
  case AX_ROUND_DRAW: return _("Draw a box around each one (D for another), or answer without a box if there is none.");
  case AX_ROUND_NAME: return c->choices ? _("Choose one (number keys).") : _("Type its name.");
  case AX_ROUND_SIDE: return _("Look for the heart and the stomach, then choose (number keys).");
  case AX_ROUND_IMPRESSION:
  default: return _("Name the findings with their sides, in English, or write that the film is normal.");
  }
}

static char *boxes_words(guint n, const AxRoundScore *score) {
  if (n == 0)
    return g_strdup(_("nothing there"));
  if (score)
    /* Translators: overlap is the intersection over union of boxes, 0 to 1. */
    return g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%u box, overlap (IoU) %.2f", "%u boxes, overlap (IoU) %.2f", n), n, score->value);
  return g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%u box", "%u boxes", n), n);
}

char *ax_round_answer_words(const AxRoundCase *c, const AxRoundAnswer *answer, const AxRoundScore *score) {
  switch (c->task) {
  case AX_ROUND_FIND:
  case AX_ROUND_DRAW: return boxes_words(answer->n_boxes, score);
  case AX_ROUND_SIDE:
    if (answer->text)
      return g_strdup_printf("%s (%s)", ax_round_side_name(answer->side), ax_shown_name(answer->text));
    return g_strdup(ax_round_side_name(answer->side));
  case AX_ROUND_NAME: return g_strdup(answer->text ? ax_shown_name(answer->text) : "");
  case AX_ROUND_IMPRESSION:
  default: return g_strdup(answer->text ? answer->text : "");
  }
}

char *ax_round_accepted_words(const AxRoundCase *c) {
  switch (c->task) {
  case AX_ROUND_FIND:
  case AX_ROUND_DRAW: return boxes_words(c->n_boxes, NULL);
  case AX_ROUND_SIDE: return g_strdup(ax_round_side_name(c->side));
  case AX_ROUND_NAME: return ax_shown_names((const char *const *)c->names);
  case AX_ROUND_IMPRESSION:
  default: return c->findings ? g_strjoinv(", ", c->findings) : g_strdup(_("no finding"));
  }
}

char *ax_round_verdict(const AxRoundCase *c, const AxRoundScore *score) {
  const char *word = score->passed ? _("Passed") : _("Missed");

  if (c->task == AX_ROUND_NAME || c->task == AX_ROUND_SIDE)
    return g_strdup(word);
  if (c->task == AX_ROUND_IMPRESSION)
    /* Translators: passed or missed, score in percent. */
    return g_strdup_printf(_("%s: findings named to %.0f %%"), word, 100 * score->value);
  /* Translators: passed or missed, overlap 0 to 1, overlap that is needed. */
  return g_strdup_printf(_("%s: overlap (IoU) %.2f, needed %.2f"), word, score->value, c->pass);
}

char *ax_round_totals_words(const AxRoundTotals *t) {
  return g_strdup_printf(_("%u of %u cases passed, %u answered, mean score %.2f, hints taken: %u"), t->n_passed, t->n_cases, t->n_answered, t->mean, t->n_hints);
}

char *ax_round_model_totals_words(const AxRoundTotals *t) {
  if (t->n_voices == 0)
    return NULL;
  return g_strdup_printf(_("The model passed %u of the %u cases that it answered, mean score %.2f"), t->n_voice_passed, t->n_voices, t->voice_mean);
}
