/* results.c: the results of a sitting as CSV; see log.h. */
#include "engine/teaching/log.h"

#include <string.h>

static void
add_cell (GString *out, const char *text)
{
  if (out->len > 0 && out->str[out->len - 1] != '\n')
    g_string_append_c (out, ',');
  if (text == NULL)
    return;
  gboolean formula = *text != '\0' && strchr ("=+-@\t\r", *text) != NULL;
  if (!formula && strpbrk (text, ",\"\r\n") == NULL) {
    g_string_append (out, text);
    return;
  }
  g_string_append (out, formula ? "\"'" : "\"");
  for (const char *p = text; *p != '\0'; p++) {
    if (*p == '"')
      g_string_append_c (out, '"');
    g_string_append_c (out, *p);
  }
  g_string_append_c (out, '"');
}

static void
add_number (GString *out, double value, int decimals)
{
  char format[8] = "%.0f", text[G_ASCII_DTOSTR_BUF_SIZE];
  format[2] = (char) ('0' + decimals);
  add_cell (out, g_ascii_formatd (text, sizeof text, format, value));
}

static char *
boxes_text (guint n, const AxBox *boxes)
{
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "%s%.0f %.0f %.0f %.0f", i > 0 ? "; " : "", boxes[i].x1, boxes[i].y1, boxes[i].x2, boxes[i].y2);
  if (n == 0)
    g_string_append (text, "none");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char *
answer_text (const AxRoundCase *c, const AxRoundAnswer *answer)
{
  if (c->task == AX_ROUND_FIND || c->task == AX_ROUND_DRAW)
    return boxes_text (answer->n_boxes, answer->boxes);
  return g_strdup (c->task == AX_ROUND_SIDE ? ax_round_side_word (answer->side) : answer->text);
}

static char *
accepted_text (const AxRoundCase *c)
{
  char **words = c->task == AX_ROUND_NAME ? c->names : c->findings;
  if (c->task == AX_ROUND_FIND || c->task == AX_ROUND_DRAW)
    return boxes_text (c->n_boxes, c->boxes);
  if (c->task == AX_ROUND_SIDE)
    return g_strdup (ax_round_side_word (c->side));
  return words != NULL ? g_strjoinv ("; ", words) : g_strdup ("none");
}

static void
add_line (GString *out, const AxRoundLog *log, guint number)
{
  const AxRoundCase *c = ax_round_get_case (log->round, number);
  const AxRoundEntry *entry = ax_round_log_find (log, number);
  g_autofree char *accepted = accepted_text (c), *answer = entry != NULL ? answer_text (c, entry->answer) : NULL;
  g_autofree char *voice = entry != NULL && entry->voice != NULL ? answer_text (c, entry->voice) : NULL;
  add_number (out, number + 1, 0);
  add_cell (out, c->id);
  add_cell (out, c->image);
  add_cell (out, ax_round_task_word (c->task));
  add_cell (out, c->mirror ? "yes" : "no");
  add_cell (out, c->subject);
  add_cell (out, accepted);
  add_cell (out, entry != NULL ? "yes" : "no");
  add_cell (out, answer);
  add_number (out, entry != NULL ? entry->score.value : 0, 4);
  add_cell (out, entry != NULL && entry->score.passed ? "yes" : "no");
  add_cell (out, entry != NULL && entry->hint ? "yes" : "no");
  if (entry != NULL)
    add_number (out, (double) entry->ms / 1000, 1);
  else
    add_cell (out, NULL);
  add_cell (out, voice);
  if (voice != NULL)
    add_number (out, entry->voice_score.value, 4);
  else
    add_cell (out, NULL);
  g_string_append (out, "\r\n");
}

char *
ax_round_log_to_csv (const AxRoundLog *log)
{
  GString *out = g_string_new ("number,case,image,task,mirrored,subject,accepted,answered,answer,score,passed,hint,seconds,model_answer,model_score\r\n");
  for (guint i = 0; i < ax_round_n_cases (log->round); i++)
    add_line (out, log, i);
  return g_string_free (out, FALSE);
}
