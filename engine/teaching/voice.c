/* voice.c: the model's answer to a case, from its perception; see answer.h. */
#include "engine/teaching/answer.h"

#include "engine/evaluation/report_labels.h"

/* Pixels of the image as it is in the file. */
static AxBox
box_of (const AxPerception *p, guint index)
{
  AxBox box = p->anatomy[index].box;
  return ax_round_box (ax_box_clamp (p->mirrored ? ax_box_mirror (box, p->width) : box, p->width, p->height));
}

static AxMarkSet
marks_of (const char *text)
{
  AxMarkSet marks = 0;
  if (text != NULL)
    ax_report_marks (text, &marks, NULL);
  return marks;
}

static gboolean
sentence_names (const AxAnatomy *a, AxMarkSet wanted)
{
  return wanted != 0 && a->n_retrieved > 0 && (marks_of (a->retrieved[0].sentence) & wanted) == wanted;
}

static AxRoundSide
side_of_structure (guint index)
{
  for (guint p = 0; p < AX_N_PAIRS; p++) {
    guint left, right;
    ax_anatomy_pair (p, &left, &right);
    if (index == left || index == right)
      return index == left ? AX_ROUND_LEFT : AX_ROUND_RIGHT;
  }
  return AX_ROUND_NO_SIDE;
}

/* Best overlap with the region; -1 when nothing overlaps. */
static int
structure_at (const AxPerception *p, AxBox region, gboolean paired)
{
  double best = 0;
  int found = -1;
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    double iou = paired && side_of_structure (i) == AX_ROUND_NO_SIDE ? 0 : ax_box_iou (box_of (p, i), region);
    if (iou > best)
      best = iou, found = (int) i;
  }
  return found;
}

/* A lung whose lower zone is said to show the finding says nothing of where it is. */
static gboolean
holds_another (const AxPerception *p, guint index, AxMarkSet wanted)
{
  AxBox outer = box_of (p, index);
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    AxBox inner = box_of (p, i);
    AxBox both = { MAX (outer.x1, inner.x1), MAX (outer.y1, inner.y1), MIN (outer.x2, inner.x2), MIN (outer.y2, inner.y2) };
    if (i != index && sentence_names (&p->anatomy[i], wanted) && ax_box_area (inner) < ax_box_area (outer) && ax_box_area (both) >= 0.8 * ax_box_area (inner))
      return TRUE;
  }
  return FALSE;
}

static gboolean
say_boxes (const AxRoundCase *c, const AxPerception *p, AxRoundAnswer *answer)
{
  int index = ax_anatomy_find (c->subject);
  AxMarkSet wanted = index < 0 ? marks_of (c->subject) : 0;
  if (index >= 0)
    return ax_round_answer_add_box (answer, box_of (p, (guint) index));
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    if (sentence_names (&p->anatomy[i], wanted) && !holds_another (p, i, wanted))
      ax_round_answer_add_box (answer, box_of (p, i));
  return wanted != 0;
}

static gboolean
say_side (const AxRoundCase *c, const AxPerception *p, AxRoundAnswer *answer)
{
  AxMarkSet wanted = marks_of (c->subject);
  guint sides = 0;
  if (c->has_region) {
    int index = structure_at (p, c->region, TRUE);
    answer->side = index >= 0 ? side_of_structure ((guint) index) : AX_ROUND_NO_SIDE;
    ax_round_answer_set_text (answer, index >= 0 ? ax_anatomy_name ((guint) index) : NULL);
    return index >= 0;
  }
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    if (sentence_names (&p->anatomy[i], wanted))
      sides |= 1u << side_of_structure (i);
  sides &= (1u << AX_ROUND_LEFT) | (1u << AX_ROUND_RIGHT);
  answer->side = sides == 1u << AX_ROUND_LEFT ? AX_ROUND_LEFT : sides == 1u << AX_ROUND_RIGHT ? AX_ROUND_RIGHT : sides != 0 ? AX_ROUND_BOTH : AX_ROUND_NO_SIDE;
  return wanted != 0;
}

static gboolean
say_impression (const AxPerception *p, AxRoundAnswer *answer)
{
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < p->n_findings; i++)
    if (p->findings[i].probability >= 0.5 && g_strcmp0 (p->findings[i].name, "No Finding") != 0)
      g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", p->findings[i].name);
  ax_round_answer_set_text (answer, text->len > 0 ? text->str : "No finding");
  return TRUE;
}

AxRoundAnswer *
ax_round_model_answer (const AxRoundCase *c, const AxPerception *perception)
{
  g_return_val_if_fail (c != NULL && perception != NULL, NULL);
  g_autoptr (AxRoundAnswer) answer = ax_round_answer_new ();
  gboolean said = FALSE;
  int index;
  switch (c->task) {
  case AX_ROUND_FIND:
  case AX_ROUND_DRAW: said = say_boxes (c, perception, answer); break;
  case AX_ROUND_NAME:
    index = structure_at (perception, c->region, FALSE);
    said = index >= 0;
    ax_round_answer_set_text (answer, said ? ax_anatomy_name ((guint) index) : NULL);
    break;
  case AX_ROUND_SIDE: said = say_side (c, perception, answer); break;
  case AX_ROUND_IMPRESSION:
  default: said = say_impression (perception, answer);
  }
  return said ? g_steal_pointer (&answer) : NULL;
}

gboolean
ax_round_model_request (const AxRoundCase *c, AxRequest *request)
{
  g_return_val_if_fail (c != NULL && request != NULL, FALSE);
  *request = (AxRequest) { .task = c->task == AX_ROUND_DRAW ? AX_TASK_LOCATE : AX_TASK_REPORT, .mirror = c->mirror };
  if (c->task == AX_ROUND_DRAW)
    request->text = c->subject;
  return c->task == AX_ROUND_DRAW || c->task == AX_ROUND_IMPRESSION;
}

AxRoundAnswer *
ax_round_model_answer_said (const AxRoundCase *c, const AxAnswer *said)
{
  g_return_val_if_fail (c != NULL && said != NULL, NULL);
  if (said->stopped == AX_STOPPED_CANCELLED)
    return NULL;
  g_autoptr (AxRoundAnswer) answer = ax_round_answer_new ();
  for (guint i = 0; c->task == AX_ROUND_DRAW && i < said->n_boxes; i++) {
    gboolean turn = said->mirrored && said->perception != NULL;
    ax_round_answer_add_box (answer, turn ? ax_box_mirror (said->boxes[i].box, said->perception->width) : said->boxes[i].box);
  }
  ax_round_answer_set_text (answer, said->plain);
  return g_steal_pointer (&answer);
}
