/* The inside of AxMainWindow, shared by the files window*.c only. */
#pragma once

#include "ui/anatomy-list.h"
#include "ui/ask-panel.h"
#include "ui/canvas.h"
#include "ui/device-panel.h"
#include "ui/film-strip.h"
#include "ui/findings-bars.h"
#include "ui/mark-list.h"
#include "ui/mirror-view.h"
#include "ui/round-view.h"
#include "ui/view-link.h"
#include "ui/window.h"

G_BEGIN_DECLS

struct _AxMainWindow {
  AdwApplicationWindow parent_instance;
  AxSession *session;
  AxDocument *document, *prior; /* prior: empty unless two images are compared */
  AxViewLink *link;
  AxAsker *asker;
  GtkFileChooserNative *chooser; /* while the dialog is open */
  void (*chosen)(AxMainWindow *self, const char *path); /* what it is open for */
  gboolean mirror;               /* the mirror test is on */
  AxRoundView *round;            /* of the content, once a round was played; or NULL */
  char *round_path;              /* of the round to which the last case went, or NULL */
  AxVisibility *visibility;
  GtkEventController *keys;      /* what listens to them */
  AdwToast *toast;               /* the last one that said something; weak */
  guint placing;                 /* idle that makes room for the findings */
  gboolean placed;               /* it was made for an answer */
  GArray *presets;               /* AxPreset of the image, made when first asked for */
  /* of the template */
  AdwToastOverlay *toasts;
  AdwWindowTitle *title;
  GtkMenuButton *menu_button;
  GtkStack *content;
  AdwStatusPage *error_page;
  GtkBox *empty_box;
  AxCanvas *canvas, *prior_canvas;
  GtkWidget *prior_box;
  GtkLabel *current_caption, *prior_caption;
  GtkRevealer *strip_revealer;
  AxFilmStrip *strip;
  AxAnatomyList *anatomy_list;
  GtkPaned *anatomy_paned;
  GtkWidget *findings_box;
  AxFindingsBars *findings;
  AxMarkList *mark_list;
  AxAskPanel *ask_panel;
  GtkStack *panel;
  AxMirrorView *mirror_view;
  GtkRevealer *progress_revealer;
  GtkRevealer *hint_revealer;
  GtkLabel *hint, *stage, *image_status, *view_status, *model_status;
  GtkProgressBar *progress;
  GtkWidget *device_button, *caution;
  AxDevicePanel *device_panel;
  GMenu *canvas_menu, *recent_menu, *presets_menu;
};

/* window.c */
void ax_main_window_update(AxMainWindow *self); /* page, progress, status, sensitivity of actions, from the document's state */
void ax_main_window_show_loaded(AxDocument *document, AxCanvas *canvas); /* shows an image that was just read, as it was left */
void ax_main_window_toast(AxMainWindow *self, const char *text);
const char *ax_main_window_get_toast(AxMainWindow *self); /* what it says now; or NULL */
/* The picture that the keys are for: of two compared ones that with the focus; and its document. */
AxCanvas *ax_main_window_get_active_canvas(AxMainWindow *self);
AxDocument *ax_main_window_get_active_document(AxMainWindow *self);

/* window-actions.c */
void ax_main_window_add_actions(AxMainWindow *self);
void ax_main_window_update_actions(AxMainWindow *self);
void ax_main_window_enable(AxMainWindow *self, const char *action, gboolean enabled);

/* window-keys.c: once all actions are there */
void ax_main_window_add_keys(AxMainWindow *self);
void ax_main_window_show_keys(AxMainWindow *self, GtkWidget *widget); /* in the tooltips of it and what it holds */

/* window-view.c */
void ax_main_window_add_view_actions(AxMainWindow *self);
void ax_main_window_update_view_actions(AxMainWindow *self);
void ax_main_window_forget_presets(AxMainWindow *self); /* the image or what is known of it has changed */

/* window-marks.c */
void ax_main_window_add_mark_actions(AxMainWindow *self);
void ax_main_window_update_mark_actions(AxMainWindow *self);

/* window-ask.c */
void ax_main_window_add_ask_actions(AxMainWindow *self);
void ax_main_window_update_ask(AxMainWindow *self);

/* window-compare.c */
void ax_main_window_add_compare_actions(AxMainWindow *self);
void ax_main_window_update_compare(AxMainWindow *self);
void ax_main_window_compare(AxMainWindow *self, const char *path);
void ax_main_window_close_prior(AxMainWindow *self);

/* window-export.c */
void ax_main_window_add_export_actions(AxMainWindow *self);
void ax_main_window_update_export_actions(AxMainWindow *self);
/* Writes "png", "pdf" or "json" of the active picture on a thread, and says so. */
void ax_main_window_export(AxMainWindow *self, const char *kind, const char *path, gboolean anonymous);

/* window-round.c */
void ax_main_window_add_round_actions(AxMainWindow *self);
void ax_main_window_update_round(AxMainWindow *self);
gboolean ax_main_window_is_in_round(AxMainWindow *self);
gboolean ax_main_window_open_round(AxMainWindow *self, const char *path); /* FALSE: the file is no teaching round and no log of one */
void ax_main_window_play(AxMainWindow *self, AxRoundPlayer *player, const char *folder);
void ax_main_window_make_round(AxMainWindow *self, const char *folder, guint32 seed); /* about the anatomy of the folder's images */

/* window-settings.c */
void ax_main_window_add_settings(AxMainWindow *self); /* once there is an asker */
void ax_main_window_keep_size(AxMainWindow *self);

/* window-inspector.c: once, before the inspector is opened */
void ax_main_window_add_to_inspector(void);

/* window-open.c */
/* Asks for a file; `chosen` gets its path. */
void ax_main_window_choose_image(AxMainWindow *self, const char *title, void (*chosen)(AxMainWindow *self, const char *path));
void ax_main_window_paste(AxMainWindow *self);
void ax_main_window_go(AxMainWindow *self, int step);
void ax_main_window_add_drop_target(AxMainWindow *self);
void ax_main_window_add_open_actions(AxMainWindow *self);
void ax_main_window_remember(AxMainWindow *self); /* puts the open file first in the list of recent ones */

G_END_DECLS
