/* The inside of AxMainWindow, shared by window.c, window-actions.c and window-open.c only. */
#pragma once

#include "ui/anatomy-list.h"
#include "ui/canvas.h"
#include "ui/findings-bars.h"
#include "ui/mirror-view.h"
#include "ui/window.h"

G_BEGIN_DECLS

struct _AxMainWindow {
  AdwApplicationWindow parent_instance;
  AxSession *session;
  AxDocument *document;
  GtkFileChooserNative *chooser; /* while the dialog is open */
  gboolean mirror;               /* the mirror test is on */
  /* of the template */
  AdwToastOverlay *toasts;
  AdwWindowTitle *title;
  GtkStack *content;
  AdwStatusPage *error_page;
  GtkBox *empty_box;
  AxCanvas *canvas;
  AxAnatomyList *anatomy_list;
  AxFindingsBars *findings;
  AxMirrorView *mirror_view;
  GtkRevealer *progress_revealer;
  GtkLabel *stage, *image_status, *view_status, *model_status;
  GtkProgressBar *progress;
  GtkWidget *caution;
};

/* window.c */
void ax_main_window_update(AxMainWindow *self); /* page, progress, status, sensitivity of actions, from the document's state */
void ax_main_window_toast(AxMainWindow *self, const char *text);
AxCanvas *ax_main_window_get_active_canvas(AxMainWindow *self);

/* window-actions.c */
void ax_main_window_add_actions(AxMainWindow *self);
void ax_main_window_update_actions(AxMainWindow *self);

/* window-open.c */
void ax_main_window_show_open_dialog(AxMainWindow *self);
void ax_main_window_paste(AxMainWindow *self);
void ax_main_window_go(AxMainWindow *self, int step);
void ax_main_window_add_drop_target(AxMainWindow *self);

G_END_DECLS
