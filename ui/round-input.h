/* Where a learner answers. What lives here: AxRoundInput, the controls that belong to the task of a case: choices, sides, an entry, a text; boxes are drawn
 * on the picture and only counted here. May use GTK, ui/marks.h, ui/round-words.h and engine/teaching. */
#pragma once

#include "engine/teaching/answer.h"
#include "ui/marks.h"
#include <gtk/gtk.h>

G_BEGIN_DECLS

#define AX_TYPE_ROUND_INPUT (ax_round_input_get_type())
G_DECLARE_FINAL_TYPE(AxRoundInput, ax_round_input, AX, ROUND_INPUT, GtkBox)

/* Signal "changed" when the answer changes, "submit" for Return in an entry. */
GtkWidget *ax_round_input_new(void);
/* The controls of a case, empty; NULL for none. The boxes are those of `marks`, of which a task that asks for one box keeps the newest. */
void ax_round_input_set_case(AxRoundInput *self, const AxRoundCase *c, AxMarks *marks);
/* What the learner said so far. Free with ax_round_answer_free(). */
AxRoundAnswer *ax_round_input_get_answer(AxRoundInput *self);
/* Goes back to what was said, but for the boxes, which are the marks'. */
void ax_round_input_set_answer(AxRoundInput *self, const AxRoundAnswer *answer);
/* Chooses the n-th choice or side, from 1; FALSE when there is none. */
gboolean ax_round_input_choose(AxRoundInput *self, guint n);
/* Gives the keys to the entry or text; FALSE when there is none. */
gboolean ax_round_input_focus(AxRoundInput *self);

G_END_DECLS
