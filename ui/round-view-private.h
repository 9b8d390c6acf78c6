/* The inside of AxRoundView, shared by the files round-view*.c only. */
#pragma once

#include "ui/round-input.h"
#include "ui/round-layer.h"
#include "ui/round-reveal.h"
#include "ui/round-view.h"

G_BEGIN_DECLS

struct _AxRoundView {
  GtkWidget parent_instance;
  AxSession *session;
  AxRoundPlayer *player;
  char *folder;
  AxRoundLayer *layer;
  AxPyramid *pyramid;      /* of the case on screen; or NULL */
  AxMarks *marks;
  AxUndo *undo;
  int shown;               /* number of the case that is on screen, or -1 */
  AxRoundPhase phase;      /* as it is on screen */
  GCancellable *work;      /* of the case on screen */
  gboolean loaded, looking;
  gboolean kept;           /* there is a file of the sitting */
  guint keeping;           /* timeout until it is written */
  AxRoundAnswer *draft;    /* for the next case that is entered; or NULL */
  GtkFileChooserNative *chooser;
  gboolean (*save)(AxRoundView *self, const char *path);
  /* of the template */
  GtkStack *stack;
  AxCanvas *canvas;
  GtkScrolledWindow *scroller;
  GtkLabel *place, *title, *question, *instruction, *hint, *problem;
  GtkWidget *hint_button, *answer_button, *reveal_button, *model_button, *presenter_button, *side;
  AxRoundInput *input;
  AxRoundReveal *reveal;
  AxRoundResults *results;
  GtkEditable *learner;
};

/* round-view-keys.c: actions round.* and their keys. */
void ax_round_view_class_add_actions(GtkWidgetClass *klass);
void ax_round_view_add_keys(AxRoundView *self);
void ax_round_view_update_actions(AxRoundView *self);
void ax_round_view_submit(AxRoundView *self);

/* round-view-keep.c: the file of the sitting. */
void ax_round_view_keep(AxRoundView *self);
void ax_round_view_keep_soon(AxRoundView *self);
void ax_round_view_put_draft(AxRoundView *self);

/* round-view.c */
void ax_round_view_say(AxRoundView *self, const char *text);
void ax_round_view_leave(AxRoundView *self);

G_END_DECLS
