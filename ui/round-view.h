/* A teaching round on screen. What lives here: AxRoundView, the picture with the case at hand beside it: question, controls, hint, then the three voices and the
 * explanation, and at the end the results. It loads the images on threads and asks the session what the model sees while the learner is at work. Every step has
 * a key, and is kept (ui/round-keep.h). May use GTK, ui/canvas.h and the other files round-*. */
#pragma once

#include "ui/canvas.h"
#include "ui/round-player.h"

G_BEGIN_DECLS

#define AX_TYPE_ROUND_VIEW (ax_round_view_get_type())
G_DECLARE_FINAL_TYPE(AxRoundView, ax_round_view, AX, ROUND_VIEW, GtkWidget)

/* Signals: "leave" when the round is to be closed; "message" (char *text) for something that people should know. */
GtkWidget *ax_round_view_new(AxSession *session);
/* Plays; images are looked up in `folder`. NULL ends what is played. */
void ax_round_view_set_player(AxRoundView *self, AxRoundPlayer *player, const char *folder);
/* Goes on where a sitting stopped, with what was begun for the case on screen. */
void ax_round_view_go_on(AxRoundView *self, const AxRoundSitting *sitting);
/* The same round from its first case, without answers. */
void ax_round_view_start_over(AxRoundView *self);
AxRoundPlayer *ax_round_view_get_player(AxRoundView *self); /* or NULL */
AxCanvas *ax_round_view_get_canvas(AxRoundView *self);
/* What is shown after answering, line by line; free with g_free. */
char *ax_round_view_get_revealed(AxRoundView *self);
/* Whether the picture of the case is there, and whether the model is still at work on it. */
gboolean ax_round_view_is_loaded(AxRoundView *self);
gboolean ax_round_view_is_looking(AxRoundView *self);

/* Write the results, the sitting, or the round itself; a failure is told by "message" too. */
gboolean ax_round_view_save_csv(AxRoundView *self, const char *path);
gboolean ax_round_view_save_log(AxRoundView *self, const char *path);
gboolean ax_round_view_save_round(AxRoundView *self, const char *path);

G_END_DECLS
