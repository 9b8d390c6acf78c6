/* lm_parse.c: see lm_parse.h. */
#include "engine/evaluation/lm_parse.h"

#include <string.h>

#include "engine/task/answer_parser.h"

#define MARGIN 100 /* boxes are not clamped (spec 8.1): a structure that the film cuts off may reach beyond it */

void
ax_lm_boxes_clear (AxLmBoxes *b)
{
  for (guint i = 0; i < b->n; i++)
    g_free (b->labels[i]);
  g_clear_pointer (&b->labels, g_free);
  g_clear_pointer (&b->boxes, g_free);
  b->n = 0;
}

static const char *
skip_space (const char *p)
{
  while (g_ascii_isspace (*p))
    p++;
  return p;
}

void
ax_lm_boxes_read (const char *answer, AxLmBoxes *out)
{
  g_autoptr (AxAnswerParser) parser = ax_answer_parser_new ();
  ax_answer_parser_push (parser, answer);
  ax_answer_parser_finish (parser, FALSE);
  out->n = ax_answer_parser_n_boxes (parser);
  out->boxes = g_new0 (AxBox, out->n + 1);
  out->labels = g_new0 (char *, out->n + 1);
  for (guint i = 0; i < out->n; i++) {
    out->boxes[i] = ax_answer_parser_box (parser, i)->box;
    out->labels[i] = g_strdup (ax_answer_parser_box (parser, i)->label);
  }
}

/* ---- well formed ---- */

/* The grammar of the tags, and boxes that can be boxes. */
static const char *
check_tags (const char *answer, guint *n_boxes)
{
  g_autoptr (GArray) boxes = g_array_new (FALSE, FALSE, sizeof (AxBox));
  const char *wrong = ax_answer_fault (answer, boxes);
  for (guint i = 0; i < boxes->len && wrong == NULL; i++) {
    const AxBox b = g_array_index (boxes, AxBox, i);
    if (b.x1 >= b.x2 || b.y1 >= b.y2)
      wrong = "a box without extent";
    else if (b.x1 < -MARGIN || b.y1 < -MARGIN || b.x2 > 1024 + MARGIN || b.y2 > 1024 + MARGIN)
      wrong = "a box outside the frame";
  }
  *n_boxes = boxes->len;
  return wrong;
}

/* "(A) Edema, (C) Pneumonia" or "(A)": only options of the question. */
static const char *
check_choice (const AxLmRequest *r, const char *answer)
{
  g_auto (GStrv) parts = g_strsplit (answer, ", (", -1), lines = g_strsplit (r->text, "\n", -1);
  for (guint i = 0; parts[i] != NULL; i++) {
    g_autofree char *option = i == 0 ? g_strdup (parts[i]) : g_strconcat ("(", parts[i], NULL);
    gboolean known = FALSE;
    for (guint l = 0; lines[l] != NULL && !known; l++) {
      const char *close = strchr (lines[l], ')');
      if (lines[l][0] != '(' || close == NULL)
        continue;
      g_autofree char *tag = g_strndup (lines[l], (gsize) (close + 1 - lines[l]));
      known = strcmp (option, lines[l]) == 0 || strcmp (option, tag) == 0;
    }
    if (!known)
      return "an option that was not offered";
  }
  return NULL;
}

const char *
ax_lm_malformed (const AxLmRequest *r, const char *answer)
{
  if (!g_utf8_validate (answer, -1, NULL))
    return "not UTF-8";
  if (*skip_space (answer) == '\0')
    return "empty";
  if (strstr (answer, "__BOX") != NULL || strchr (answer, '\t') != NULL)
    return "a placeholder";
  guint boxes;
  const char *wrong = check_tags (answer, &boxes);
  if (wrong != NULL)
    return wrong;
  const gboolean no = g_str_has_prefix (answer, "No ") && g_str_has_suffix (answer, " detected.");
  switch (r->ask) {
  case AX_ASK_ANATOMY:
    return boxes == 1 ? NULL : "not one box";
  case AX_ASK_PHRASE:
  case AX_ASK_DETECT:
    return boxes > 0 ? (g_str_has_prefix (answer, "No ") ? "boxes of something that is denied" : NULL) : no ? NULL : "neither boxes nor \"No ... detected.\"";
  case AX_ASK_REPORT:
    return g_str_has_prefix (answer, "Findings:\n") && strstr (answer, "\nImpression:\n") != NULL ? NULL : "a section is missing";
  case AX_ASK_LIST:
  case AX_ASK_LABEL:
    return check_choice (r, answer);
  case AX_ASK_PRESENT:
  case AX_ASK_ON_SIDE:
  case AX_ASK_NORMAL:
  case AX_ASK_HEART:
    if (strstr (r->text, "Options:") != NULL)
      return check_choice (r, answer);
    return ax_lm_yes (r, answer) >= 0 ? NULL : "neither yes nor no";
  default:
    return boxes == 0 ? NULL : "a box where words are asked for";
  }
}

int
ax_lm_yes (const AxLmRequest *r, const char *answer)
{
  const char *p = skip_space (answer);
  if (*p == '(') {
    const char *tag = strchr (p, ')');
    if (tag == NULL || strstr (r->text, "Options:") == NULL)
      return -1;
    /* The option that the tag stands before in the question. */
    g_autofree char *option = g_strdup_printf ("\n%.*s ", (int) (tag + 1 - p), p);
    const char *found = strstr (r->text, option);
    if (found == NULL)
      return -1;
    p = found + strlen (option);
  }
  if (g_ascii_strncasecmp (p, "yes", 3) == 0 && !g_ascii_isalnum (p[3]))
    return 1;
  return g_ascii_strncasecmp (p, "no", 2) == 0 && !g_ascii_isalnum (p[2]) ? 0 : -1;
}
