/* round.c: the rules of a round. */
#include "engine/teaching/round.h"

#include <math.h>
#include <string.h>

G_DEFINE_QUARK (ax-round-error-quark, ax_round_error)

static const char *const task_words[AX_N_ROUND_TASKS] = { "find", "draw", "name", "side", "impression" };
static const char *const side_words[] = { NULL, "left", "right", "both" };

const char *
ax_round_task_word (AxRoundTask task)
{
  g_return_val_if_fail ((guint) task < AX_N_ROUND_TASKS, NULL);
  return task_words[task];
}

int
ax_round_task_of_word (const char *word)
{
  for (int i = 0; word != NULL && i < AX_N_ROUND_TASKS; i++)
    if (strcmp (word, task_words[i]) == 0)
      return i;
  return -1;
}

const char *
ax_round_side_word (AxRoundSide side)
{
  g_return_val_if_fail ((guint) side < G_N_ELEMENTS (side_words), NULL);
  return side_words[side];
}

int
ax_round_side_of_word (const char *word)
{
  for (guint i = 1; word != NULL && i < G_N_ELEMENTS (side_words); i++)
    if (strcmp (word, side_words[i]) == 0)
      return (int) i;
  return -1;
}

static double
round_to (double value, double parts)
{
  return round (value * parts) / parts;
}

static double
hundredth (double value)
{
  return isfinite (value) ? round_to (CLAMP (value, -AX_IMAGE_MAX_SIDE, AX_IMAGE_MAX_SIDE), 100) : 0;
}

AxBox
ax_round_box (AxBox box)
{
  double x1 = hundredth (box.x1), y1 = hundredth (box.y1), x2 = hundredth (box.x2), y2 = hundredth (box.y2);
  return (AxBox) { MIN (x1, x2), MIN (y1, y2), MAX (x1, x2), MAX (y1, y2) };
}

/* ---- a case ---------------------------------------------------------------------------------------------------------------- */

AxRoundCase *
ax_round_case_new (AxRoundTask task, const char *image)
{
  AxRoundCase *c = g_new0 (AxRoundCase, 1);
  c->task = task;
  c->image = g_strdup (image);
  c->pass = AX_ROUND_PASS;
  return c;
}

AxRoundCase *
ax_round_case_copy (const AxRoundCase *c)
{
  g_return_val_if_fail (c != NULL, NULL);
  AxRoundCase *copy = g_memdup2 (c, sizeof *c);
  copy->id = g_strdup (c->id);
  copy->image = g_strdup (c->image);
  copy->subject = g_strdup (c->subject);
  copy->question = g_strdup (c->question);
  copy->choices = g_strdupv (c->choices);
  copy->names = g_strdupv (c->names);
  copy->findings = g_strdupv (c->findings);
  copy->hint = g_strdup (c->hint);
  copy->explanation = g_strdup (c->explanation);
  return copy;
}

void
ax_round_case_free (AxRoundCase *c)
{
  if (c == NULL)
    return;
  g_free (c->id);
  g_free (c->image);
  g_free (c->subject);
  g_free (c->question);
  g_strfreev (c->choices);
  g_strfreev (c->names);
  g_strfreev (c->findings);
  g_free (c->hint);
  g_free (c->explanation);
  g_free (c);
}

gboolean
ax_round_path_is_safe (const char *path)
{
  if (path == NULL || *path == '\0' || strlen (path) > 1024 || g_path_is_absolute (path) || !g_utf8_validate (path, -1, NULL))
    return FALSE;
  for (const char *p = path; *p != '\0'; p++)
    if (*p == '\\' || g_ascii_iscntrl (*p))
      return FALSE;
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  for (guint i = 0; parts[i] != NULL; i++)
    if (strcmp (parts[i], "..") == 0)
      return FALSE;
  return TRUE;
}

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, why);
  return FALSE;
}

static gboolean
text_is_good (const char *text)
{
  return text == NULL || (strlen (text) <= AX_ROUND_MAX_TEXT && g_utf8_validate (text, -1, NULL));
}

static gboolean
is_blank (const char *text)
{
  if (text == NULL)
    return TRUE;
  while (g_ascii_isspace (*text))
    text++;
  return *text == '\0';
}

static gboolean
words_are_good (char **words)
{
  guint n = words != NULL ? g_strv_length (words) : 0;
  for (guint i = 0; i < n; i++)
    if (is_blank (words[i]) || !text_is_good (words[i]))
      return FALSE;
  return n <= AX_ROUND_MAX_WORDS;
}

static gboolean
box_is_good (AxBox box)
{
  return isfinite (box.x1) && isfinite (box.y1) && isfinite (box.x2) && isfinite (box.y2) && box.x1 >= 0 && box.y1 >= 0 && box.x2 <= AX_IMAGE_MAX_SIDE &&
         box.y2 <= AX_IMAGE_MAX_SIDE && box.x2 - box.x1 > 0 && box.y2 - box.y1 > 0;
}

static gboolean
has_word (char **words)
{
  return words != NULL && words[0] != NULL;
}

static gboolean
check_task (const AxRoundCase *c, GError **error)
{
  switch (c->task) {
  case AX_ROUND_FIND:
    if (is_blank (c->subject))
      return refuse (error, "it asks for no structure (\"subject\")");
    return c->n_boxes > 0 || refuse (error, "it has no accepted box");
  case AX_ROUND_DRAW:
    return !is_blank (c->subject) || refuse (error, "it asks for no finding (\"subject\")");
  case AX_ROUND_NAME:
    if (!c->has_region)
      return refuse (error, "it has no region to be named");
    if (!has_word (c->names))
      return refuse (error, "it has no accepted name");
    if (!has_word (c->choices))
      return TRUE;
    for (guint i = 0; c->choices[i] != NULL; i++)
      if (g_strv_contains ((const char *const *) c->names, c->choices[i]))
        return TRUE;
    return refuse (error, "no accepted name is among its choices");
  case AX_ROUND_SIDE:
    if (c->side == AX_ROUND_NO_SIDE)
      return refuse (error, "it has no accepted side");
    return c->has_region || !is_blank (c->subject) || !is_blank (c->question) || refuse (error, "it says neither region nor subject nor question");
  case AX_ROUND_IMPRESSION:
    return TRUE;
  default:
    return refuse (error, "its task is unknown");
  }
}

gboolean
ax_round_case_check (const AxRoundCase *c, GError **error)
{
  g_return_val_if_fail (c != NULL, FALSE);
  if (!ax_round_path_is_safe (c->image))
    return refuse (error, "its image is not a path inside the round's folder");
  if (!text_is_good (c->id) || !text_is_good (c->subject) || !text_is_good (c->question) || !text_is_good (c->hint) || !text_is_good (c->explanation))
    return refuse (error, "a text is too long or not UTF-8");
  if (!words_are_good (c->choices) || !words_are_good (c->names) || !words_are_good (c->findings))
    return refuse (error, "a list of names has an empty or overlong entry, or too many");
  if (!isfinite (c->pass) || c->pass <= 0 || c->pass > 1)
    return refuse (error, "\"pass\" is not above 0 and at most 1");
  if (c->has_region && !box_is_good (c->region))
    return refuse (error, "its region is empty or outside any image");
  if (c->n_boxes > AX_ROUND_MAX_BOXES)
    return refuse (error, "it has too many boxes");
  for (guint i = 0; i < c->n_boxes; i++)
    if (!box_is_good (c->boxes[i]))
      return refuse (error, "an accepted box is empty or outside any image");
  return check_task (c, error);
}

/* ---- a round --------------------------------------------------------------------------------------------------------------- */

AxRound *
ax_round_new (const char *title)
{
  AxRound *round = g_new0 (AxRound, 1);
  round->title = g_strdup (title);
  round->cases = g_ptr_array_new_with_free_func ((GDestroyNotify) ax_round_case_free);
  return round;
}

AxRound *
ax_round_copy (const AxRound *round)
{
  g_return_val_if_fail (round != NULL, NULL);
  AxRound *copy = ax_round_new (round->title);
  copy->author = g_strdup (round->author);
  copy->source = g_strdup (round->source);
  for (guint i = 0; i < round->cases->len; i++)
    g_ptr_array_add (copy->cases, ax_round_case_copy (round->cases->pdata[i]));
  return copy;
}

void
ax_round_free (AxRound *round)
{
  if (round == NULL)
    return;
  g_free (round->title);
  g_free (round->author);
  g_free (round->source);
  g_ptr_array_unref (round->cases);
  g_free (round);
}

guint
ax_round_n_cases (const AxRound *round)
{
  return round->cases->len;
}

const AxRoundCase *
ax_round_get_case (const AxRound *round, guint i)
{
  g_return_val_if_fail (i < round->cases->len, NULL);
  return round->cases->pdata[i];
}

static gboolean
has_id (const AxRound *round, const char *id)
{
  for (guint i = 0; i < round->cases->len; i++)
    if (strcmp (ax_round_get_case (round, i)->id, id) == 0)
      return TRUE;
  return FALSE;
}

static char *
new_id (const AxRound *round)
{
  for (guint number = round->cases->len + 1;; number++) {
    g_autofree char *id = g_strdup_printf ("case-%u", number);
    if (!has_id (round, id))
      return g_steal_pointer (&id);
  }
}

gboolean
ax_round_add (AxRound *round, AxRoundCase *c, GError **error)
{
  g_return_val_if_fail (round != NULL && c != NULL, FALSE);
  if (round->cases->len >= AX_ROUND_MAX_CASES)
    return refuse (error, "a round has at most 1000 cases");
  c->region = ax_round_box (c->region);
  c->pass = isfinite (c->pass) ? round_to (c->pass, 1e4) : c->pass; /* as files have it */
  for (guint i = 0; i < MIN (c->n_boxes, AX_ROUND_MAX_BOXES); i++)
    c->boxes[i] = ax_round_box (c->boxes[i]);
  if (!ax_round_case_check (c, error))
    return FALSE;
  if (c->id != NULL && (*c->id == '\0' || has_id (round, c->id)))
    return refuse (error, "its id is empty or that of another case");
  if (c->id == NULL)
    c->id = new_id (round);
  g_ptr_array_add (round->cases, c);
  return TRUE;
}
