/* Teaching rounds in words. What lives here: questions, answers and verdicts of a round as people read and hear them, translated. Names of structures and
 * findings that ui/names.h knows are translated too; other words stay the teacher's, and what an impression names stays English, as it has to be written.
 * May use engine/teaching and ui/names.h; no GTK. Everything returned is freed with g_free. */
#pragma once

#include "engine/teaching/log.h"

G_BEGIN_DECLS

/* "Find the structure", ...: the name of a task. Owned by the program. */
const char *ax_round_task_name(AxRoundTask task);
/* The patient's "left", "right", "both sides"; "no side". Owned by the program. */
const char *ax_round_side_name(AxRoundSide side);
/* What the learner is asked: the teacher's words, or the program's. */
char *ax_round_question(const AxRoundCase *c);
/* What to do on the screen. Owned by the program. */
const char *ax_round_instruction(const AxRoundCase *c);
/* An answer: "1 box, overlap 0.83", a name, a side, a text. `score` may be NULL. */
char *ax_round_answer_words(const AxRoundCase *c, const AxRoundAnswer *answer, const AxRoundScore *score);
/* What the teacher accepts. */
char *ax_round_accepted_words(const AxRoundCase *c);
/* "Passed" or "Missed", with the score as it belongs to the task. */
char *ax_round_verdict(const AxRoundCase *c, const AxRoundScore *score);
/* The round's result in a sentence; and the model's, or NULL. */
char *ax_round_totals_words(const AxRoundTotals *totals);
char *ax_round_model_totals_words(const AxRoundTotals *totals);

G_END_DECLS
