/* What a learner sees after answering. What lives here: AxRoundReveal, the verdict, the three voices (learner, accepted, model) and the explanation, and
 * AxRoundResults, the end of a round: score, the cases with their verdicts, what may be saved. May use GTK, ui/round-player.h, ui/round-words.h. */
#pragma once

#include "ui/round-player.h"
#include <gtk/gtk.h>

G_BEGIN_DECLS

#define AX_TYPE_ROUND_REVEAL (ax_round_reveal_get_type())
G_DECLARE_FINAL_TYPE(AxRoundReveal, ax_round_reveal, AX, ROUND_REVEAL, GtkBox)

GtkWidget *ax_round_reveal_new(void);
/* Shows the case at hand as far as the player lets it be shown; `looking`: the model is still at work. */
void ax_round_reveal_update(AxRoundReveal *self, AxRoundPlayer *player, gboolean looking);
/* What it says, line by line: for tests and screen readers. Free with g_free. */
char *ax_round_reveal_get_text(AxRoundReveal *self);

#define AX_TYPE_ROUND_RESULTS (ax_round_results_get_type())
G_DECLARE_FINAL_TYPE(AxRoundResults, ax_round_results, AX, ROUND_RESULTS, GtkBox)

GtkWidget *ax_round_results_new(void);
void ax_round_results_update(AxRoundResults *self, AxRoundPlayer *player);

G_END_DECLS
