/* What AxRoundView keeps while a round is played, so that it goes on after whatever stops it. */
#include "ui/round-view-private.h"

#include "ui/round-keep.h"

/* A text that is being typed is not written at every letter. */
#define SOON_MS 400

void ax_round_view_keep(AxRoundView *self) {
  g_autoptr(AxRoundSitting) sitting = NULL;
  g_autofree char *folder = NULL;

  g_clear_handle_id(&self->keeping, g_source_remove);
  if (!self->player || ax_round_player_is_replay(self->player))
    return;
  ax_round_player_set_learner(self->player, gtk_editable_get_text(self->learner));
  folder = g_canonicalize_filename(self->folder, NULL);
  sitting = ax_round_player_get_sitting(self->player, folder);
  if (ax_round_player_get_phase(self->player) == AX_ROUND_ASKING)
    sitting->draft = ax_round_input_get_answer(self->input);
  if (!self->kept && !ax_round_sitting_is_begun(sitting))
    return;
  self->kept = TRUE;
  ax_round_keep_write(sitting);
}

static gboolean on_soon(gpointer data) {
  AxRoundView *self = data;

  self->keeping = 0;
  ax_round_view_keep(self);
  return G_SOURCE_REMOVE;
}

void ax_round_view_keep_soon(AxRoundView *self) {
  if (self->player && !self->keeping)
    self->keeping = g_timeout_add(SOON_MS, on_soon, self);
}

/* What was begun for the case that has just been entered. */
void ax_round_view_put_draft(AxRoundView *self) {
  g_autoptr(AxRoundAnswer) draft = g_steal_pointer(&self->draft);
  g_autofree AxMark *marks = NULL;

  if (!draft || ax_round_player_get_phase(self->player) != AX_ROUND_ASKING)
    return;
  marks = g_new0(AxMark, MAX(draft->n_boxes, 1));
  for (guint i = 0; i < draft->n_boxes; i++) {
    marks[i].kind = AX_MARK_BOX;
    marks[i].points[0] = (AxPoint){draft->boxes[i].x1, draft->boxes[i].y1};
    marks[i].points[1] = (AxPoint){draft->boxes[i].x2, draft->boxes[i].y2};
  }
  ax_marks_load(self->marks, marks, draft->n_boxes, 0);
  ax_round_input_set_answer(self->input, draft);
}

void ax_round_view_go_on(AxRoundView *self, const AxRoundSitting *sitting) {
  g_autoptr(AxRoundPlayer) player = ax_round_player_new_sitting(sitting);

  ax_round_view_set_player(self, NULL, NULL); /* what was played before is kept first */
  self->kept = TRUE;
  self->draft = sitting->draft ? ax_round_answer_copy(sitting->draft) : NULL;
  gtk_editable_set_text(self->learner, sitting->log->learner ? sitting->log->learner : "");
  ax_round_view_set_player(self, player, sitting->folder);
}

void ax_round_view_start_over(AxRoundView *self) {
  g_autoptr(AxRoundPlayer) player = NULL;
  g_autofree char *folder = g_strdup(self->folder);
  gboolean presenter;

  if (!self->player || ax_round_player_is_replay(self->player))
    return;
  presenter = ax_round_player_get_presenter(self->player);
  player = ax_round_player_new(ax_round_player_get_log(self->player)->round);
  ax_round_player_set_presenter(player, presenter);
  ax_round_view_set_player(self, player, folder);
  self->kept = TRUE; /* the file of what was before is replaced */
  ax_round_view_keep(self);
}
