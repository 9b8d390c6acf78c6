/* answer.c: answers and their scores; see answer.h. */
#include "engine/teaching/answer.h"

#include "engine/evaluation/report_labels.h"

#include <math.h>
#include <string.h>

#define SIDES_SAID ((1u << AX_SIDE_LEFT) | (1u << AX_SIDE_RIGHT))

AxRoundAnswer *
ax_round_answer_new (void)
{
  return g_new0 (AxRoundAnswer, 1);
}

AxRoundAnswer *
ax_round_answer_copy (const AxRoundAnswer *answer)
{
  g_return_val_if_fail (answer != NULL, NULL);
  AxRoundAnswer *copy = g_memdup2 (answer, sizeof *answer);
  copy->text = g_strdup (answer->text);
  return copy;
}

void
ax_round_answer_free (AxRoundAnswer *answer)
{
  if (answer != NULL)
    g_free (answer->text);
  g_free (answer);
}

gboolean
ax_round_answer_add_box (AxRoundAnswer *answer, AxBox box)
{
  box = ax_round_box (box);
  if (answer->n_boxes >= AX_ROUND_MAX_BOXES || box.x1 < 0 || box.y1 < 0 || ax_box_area (box) <= 0)
    return FALSE;
  answer->boxes[answer->n_boxes++] = box;
  return TRUE;
}

void
ax_round_answer_set_text (AxRoundAnswer *answer, const char *text)
{
  g_autofree char *valid = text != NULL ? g_utf8_make_valid (text, -1) : NULL;
  g_clear_pointer (&answer->text, g_free);
  if (valid == NULL || *g_strstrip (valid) == '\0')
    return;
  if (strlen (valid) > AX_ROUND_MAX_TEXT)
    *g_utf8_find_prev_char (valid, valid + AX_ROUND_MAX_TEXT + 1) = '\0';
  answer->text = g_steal_pointer (&valid);
}

gboolean
ax_round_answer_is_complete (const AxRoundAnswer *answer, AxRoundTask task)
{
  switch (task) {
  case AX_ROUND_FIND: return answer->n_boxes > 0;
  case AX_ROUND_DRAW: return TRUE;
  case AX_ROUND_SIDE: return answer->side != AX_ROUND_NO_SIDE;
  case AX_ROUND_NAME:
  case AX_ROUND_IMPRESSION:
  default: return answer->text != NULL;
  }
}

void
ax_round_score_clear (AxRoundScore *score)
{
  g_clear_pointer (&score->missed, g_free);
  g_clear_pointer (&score->extra, g_free);
}

/* ---- boxes ---------------------------------------------------------------------------------------------------------------- */

static double
score_find (const AxRoundCase *c, const AxRoundAnswer *answer)
{
  double best = 0;
  for (guint i = 0; i < c->n_boxes && answer->n_boxes > 0; i++)
    best = MAX (best, ax_box_iou (answer->boxes[0], c->boxes[i]));
  return best;
}

static double
score_draw (const AxRoundCase *c, const AxRoundAnswer *answer)
{
  gboolean used_a[AX_ROUND_MAX_BOXES] = { FALSE }, used_c[AX_ROUND_MAX_BOXES] = { FALSE };
  guint most = MAX (c->n_boxes, answer->n_boxes);
  double sum = 0;
  if (most == 0)
    return 1;
  for (guint pair = 0; pair < MIN (c->n_boxes, answer->n_boxes); pair++) {
    guint best_a = 0, best_c = 0;
    double best = -1;
    for (guint a = 0; a < answer->n_boxes; a++)
      for (guint k = 0; k < c->n_boxes; k++) {
        double iou = used_a[a] || used_c[k] ? -1 : ax_box_iou (answer->boxes[a], c->boxes[k]);
        if (iou > best)
          best = iou, best_a = a, best_c = k;
      }
    used_a[best_a] = used_c[best_c] = TRUE;
    sum += best;
  }
  return sum / most;
}

/* ---- words ---------------------------------------------------------------------------------------------------------------- */

/* Case folded, every run of what is no letter or digit one blank, with a blank at either end. */
static char *
fold (const char *text)
{
  g_autofree char *lower = g_utf8_casefold (text, -1), *plain = g_utf8_normalize (lower, -1, G_NORMALIZE_ALL_COMPOSE);
  g_autoptr (GString) out = g_string_new (" ");
  for (const char *p = plain != NULL ? plain : ""; *p != '\0'; p = g_utf8_next_char (p)) {
    gunichar letter = g_utf8_get_char (p);
    if (g_unichar_isalnum (letter) || g_unichar_ismark (letter))
      g_string_append_unichar (out, letter);
    else if (out->str[out->len - 1] != ' ')
      g_string_append_c (out, ' ');
  }
  if (out->str[out->len - 1] != ' ')
    g_string_append_c (out, ' ');
  return g_string_free (g_steal_pointer (&out), FALSE);
}

gboolean
ax_round_same_name (const char *given, const char *accepted)
{
  g_return_val_if_fail (given != NULL && accepted != NULL, FALSE);
  g_autofree char *a = fold (given), *b = fold (accepted);
  if (strlen (a) < 2)
    return FALSE;
  if (strcmp (a, b) == 0)
    return TRUE;
  int index = ax_anatomy_find (accepted);
  if (index >= 0)
    return ax_anatomy_find (given) == index;
  AxMarkSet marks, given_marks, absent;
  ax_report_marks (accepted, &marks, NULL);
  ax_report_marks (given, &given_marks, &absent);
  return marks != 0 && given_marks == marks && absent == 0;
}

static double
score_name (const AxRoundCase *c, const AxRoundAnswer *answer)
{
  for (guint i = 0; answer->text != NULL && c->names != NULL && c->names[i] != NULL; i++)
    if (ax_round_same_name (answer->text, c->names[i]))
      return 1;
  return 0;
}

static void
add_word (char **list, const char *word)
{
  char *longer = *list != NULL ? g_strconcat (*list, ", ", word, NULL) : g_strdup (word);
  g_free (*list);
  *list = longer;
}

static gboolean
names_finding (const char *text, const char *folded, AxMarkSet present, const char *finding)
{
  AxMarkSet wanted;
  ax_report_marks (finding, &wanted, NULL);
  if (wanted == 0) { /* not a finding that the labeller knows: the teacher's very words */
    g_autofree char *words = fold (finding);
    return strstr (folded, words) != NULL;
  }
  if ((present & wanted) != wanted)
    return FALSE;
  for (guint mark = 0; mark < AX_MARK_N; mark++) {
    guint sides = wanted & (1u << mark) ? ax_report_sides (finding, (AxMark) mark) & SIDES_SAID : 0;
    if (sides != 0 && (ax_report_sides (text, (AxMark) mark) & SIDES_SAID) != sides)
      return FALSE;
  }
  return TRUE;
}

static double
score_impression (const AxRoundCase *c, const AxRoundAnswer *answer, AxRoundScore *score)
{
  guint hit = 0, missed = 0, extra = 0;
  AxMarkSet present, accepted = 0;
  if (answer->text == NULL)
    return 0;
  ax_report_marks (answer->text, &present, NULL);
  g_autofree char *folded = fold (answer->text);
  for (guint i = 0; c->findings != NULL && c->findings[i] != NULL; i++) {
    AxMarkSet marks;
    ax_report_marks (c->findings[i], &marks, NULL);
    accepted |= marks;
    if (names_finding (answer->text, folded, present, c->findings[i])) {
      hit++;
    } else {
      missed++;
      add_word (&score->missed, c->findings[i]);
    }
  }
  g_autoptr (GArray) named = ax_report_findings (answer->text);
  AxMarkSet said = 0;
  for (guint i = 0; i < named->len; i++) {
    const AxNamedFinding *f = &g_array_index (named, AxNamedFinding, i);
    AxMarkSet bit = 1u << f->mark;
    if (f->negated || (present & bit) == 0 || ((accepted | said) & bit) != 0)
      continue;
    g_autofree char *words = g_strndup (answer->text + f->start, f->end - f->start);
    said |= bit;
    extra++;
    add_word (&score->extra, words);
  }
  return hit + missed + extra == 0 ? 1 : 2.0 * hit / (2.0 * hit + missed + extra);
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------ */

void
ax_round_score (const AxRoundCase *c, const AxRoundAnswer *answer, AxRoundScore *score)
{
  g_return_if_fail (c != NULL && answer != NULL && score != NULL);
  *score = (AxRoundScore) { 0 };
  switch (c->task) {
  case AX_ROUND_FIND: score->value = score_find (c, answer); break;
  case AX_ROUND_DRAW: score->value = score_draw (c, answer); break;
  case AX_ROUND_NAME: score->value = score_name (c, answer); break;
  case AX_ROUND_SIDE: score->value = answer->side == c->side; break;
  case AX_ROUND_IMPRESSION:
  default: score->value = score_impression (c, answer, score);
  }
  score->passed = score->value >= c->pass;
}

/* ---- files ---------------------------------------------------------------------------------------------------------------- */

void
ax_round_answer_write (AxJson *json, const char *key, const AxRoundAnswer *answer)
{
  ax_json_begin_object (json, key);
  ax_round_write_boxes (json, "boxes", answer->n_boxes, answer->boxes);
  ax_json_string (json, "text", answer->text);
  ax_json_string (json, "side", ax_round_side_word (answer->side));
  ax_json_end (json);
}

AxRoundAnswer *
ax_round_answer_read (JsonObject *object, GError **error)
{
  g_autoptr (AxRoundAnswer) answer = ax_round_answer_new ();
  if (!ax_round_read_boxes (object, "boxes", &answer->n_boxes, answer->boxes, error) || !ax_round_read_text (object, "text", FALSE, &answer->text, error) ||
      !ax_round_read_side (object, "side", &answer->side, error))
    return NULL;
  return g_steal_pointer (&answer);
}
