/* Answers to the cases of a round. What lives here: AxRoundAnswer, what a learner or the model said; its score against what the teacher accepted; and the
 * model's answer, read off its perception of the picture. May use round.h, engine/anatomix.h and the labeller of engine/evaluation, which knows the findings
 * that an English text names.
 */
#pragma once
#include "engine/teaching/round.h"

G_BEGIN_DECLS

/* Which members matter follows from the task: boxes for FIND and DRAW (none: "it is not there"), text for NAME and IMPRESSION, side for SIDE. */
typedef struct {
  guint n_boxes;
  AxBox boxes[AX_ROUND_MAX_BOXES];
  char *text;                    /* or NULL */
  AxRoundSide side;
} AxRoundAnswer;

AxRoundAnswer *ax_round_answer_new (void);
AxRoundAnswer *ax_round_answer_copy (const AxRoundAnswer *answer);
void ax_round_answer_free (AxRoundAnswer *answer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxRoundAnswer, ax_round_answer_free)
/* Adds a box, to a hundredth of a pixel; FALSE when there are too many or it has no area. */
gboolean ax_round_answer_add_box (AxRoundAnswer *answer, AxBox box);
/* Replaces the text, at most AX_ROUND_MAX_TEXT bytes of it; blank text becomes NULL. */
void ax_round_answer_set_text (AxRoundAnswer *answer, const char *text);
/* Whether it says anything that the task asks for. For DRAW even no box does. */
gboolean ax_round_answer_is_complete (const AxRoundAnswer *answer, AxRoundTask task);

typedef struct {
  double value;                  /* 0..1, see ax_round_score() */
  gboolean passed;               /* value >= the case's `pass` */
  char *missed, *extra;          /* IMPRESSION: accepted findings that are not named, and named ones that are not accepted, separated by ", "; or NULL */
} AxRoundScore;
void ax_round_score_clear (AxRoundScore *score);

/* The score of an answer.
 *   FIND         IoU with the accepted box that fits best
 *   DRAW         boxes of both sides paired, best IoU first: sum of the pairs' IoU over the larger count; 1 when nothing was to draw and nothing was drawn
 *   NAME         1 for an accepted name or a synonym (ax_anatomy_find(); names of the same findings), else 0
 *   SIDE         1 or 0
 *   IMPRESSION   F1 of the findings that the text sees against the accepted ones; one that is accepted with a side and named on the other is missed
 * Release with ax_round_score_clear(). */
void ax_round_score (const AxRoundCase *c, const AxRoundAnswer *answer, AxRoundScore *score);

/* Whether a name means the same as an accepted one. */
gboolean ax_round_same_name (const char *given, const char *accepted);

/* What the model says to the case, from its perception of the picture as it is shown (perception->mirrored as c->mirror).
 *   FIND         its box of the structure
 *   DRAW         the boxes of the structures whose sentence names the finding, without those in which another of them lies; without one: none
 *   NAME         the structure whose box overlaps the region best
 *   SIDE         the side of the left or right structure whose box overlaps the region best; without a region, the sides of the structures whose sentence
 *                names the subject
 *   IMPRESSION   the findings that it holds for likely (probability of one half and more)
 * NULL when it has nothing to say: it does not know the structure. */
AxRoundAnswer *ax_round_model_answer (const AxRoundCase *c, const AxPerception *perception);

/* What the language model is to be asked for a case: to locate the finding of DRAW, to report for IMPRESSION. FALSE for the other tasks, which its perception
 * answers. The request's text belongs to the case. */
gboolean ax_round_model_request (const AxRoundCase *c, AxRequest *request);
/* Its answer to that request; NULL for one that was cancelled. */
AxRoundAnswer *ax_round_model_answer_said (const AxRoundCase *c, const AxAnswer *said);

void ax_round_answer_write (AxJson *json, const char *key, const AxRoundAnswer *answer);
AxRoundAnswer *ax_round_answer_read (JsonObject *object, GError **error);

G_END_DECLS
