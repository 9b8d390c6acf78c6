/* Teaching rounds in AxMainWindow: opening, playing, leaving; making cases and whole rounds. */
#include "ui/window-private.h"

#include "ui/round-editor.h"
#include "ui/round-keep.h"
#include "ui/round-maker.h"
#include <glib/gi18n-lib.h>

/* A round that makes itself looks at so many images of the folder and asks so many questions: what fits into a lesson. */
#define N_IMAGES 12
#define N_CASES 20

gboolean ax_main_window_is_in_round(AxMainWindow *self) { return self->round && ax_round_view_get_player(self->round); }

static void leave(AxMainWindow *self) {
  ax_round_view_set_player(self->round, NULL, NULL);
  ax_main_window_update(self);
  gtk_widget_grab_focus(GTK_WIDGET(ax_main_window_get_active_canvas(self)));
}

/* On screen first: what is not shown cannot take the keys. */
static AxRoundView *show_round(AxMainWindow *self) {
  if (!self->round) {
    self->round = AX_ROUND_VIEW(ax_round_view_new(self->session));
    g_signal_connect_object(self->round, "leave", G_CALLBACK(leave), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->round, "message", G_CALLBACK(ax_main_window_toast), self, G_CONNECT_SWAPPED);
    gtk_stack_add_named(self->content, GTK_WIDGET(self->round), "round");
    ax_main_window_show_keys(self, GTK_WIDGET(self->round));
  }
  gtk_stack_set_visible_child_name(self->content, "round");
  return self->round;
}

void ax_main_window_play(AxMainWindow *self, AxRoundPlayer *player, const char *folder) {
  ax_round_view_set_player(show_round(self), player, folder);
  ax_main_window_update(self);
}

static void go_on(AxMainWindow *self, const AxRoundSitting *sitting) {
  AdwToast *toast = adw_toast_new(_("The round goes on where it was left."));

  ax_round_view_go_on(show_round(self), sitting);
  ax_main_window_update(self);
  adw_toast_set_button_label(toast, _("Start over"));
  adw_toast_set_timeout(toast, 8);
  g_signal_connect_object(toast, "button-clicked", G_CALLBACK(ax_round_view_start_over), self->round, G_CONNECT_SWAPPED);
  adw_toast_overlay_add_toast(self->toasts, toast);
}

/* The reason may be long: a toast would cut it. */
static void refuse(AxMainWindow *self, const char *reason) {
  GtkWidget *dialog = adw_message_dialog_new(GTK_WINDOW(self), _("This round cannot be played"), reason);

  adw_message_dialog_add_response(ADW_MESSAGE_DIALOG(dialog), "close", _("_Close"));
  gtk_window_present(GTK_WINDOW(dialog));
}

/* ---- what was begun before ---- */

typedef struct {
  char *path;    /* of the sitting; NULL: the last one */
  AxRound *round; /* to be played from its beginning when there is none; or NULL */
  char *folder;
} Begun;

static void begun_free(gpointer data) {
  Begun *begun = data;

  g_free(begun->path);
  g_clear_pointer(&begun->round, ax_round_free);
  g_free(begun->folder);
  g_free(begun);
}

static void load_begun(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
  GError *error = NULL;
  AxRoundSitting *sitting = ax_round_keep_load(((Begun *)data)->path, &error);

  if (sitting)
    g_task_return_pointer(task, sitting, (GDestroyNotify)ax_round_sitting_free);
  else
    g_task_return_error(task, error);
}

static void on_begun(GObject *source, GAsyncResult *result, gpointer unused) {
  AxMainWindow *self = AX_MAIN_WINDOW(source);
  Begun *begun = g_task_get_task_data(G_TASK(result));
  g_autoptr(GError) error = NULL;
  g_autoptr(AxRoundSitting) sitting = g_task_propagate_pointer(G_TASK(result), &error);

  if (!self->document)
    return; /* closed meanwhile */
  if (sitting) {
    go_on(self, sitting);
    return;
  }
  if (begun->round) {
    g_autoptr(AxRoundPlayer) player = ax_round_player_new(begun->round);

    ax_main_window_play(self, player, begun->folder);
  }
  if (!begun->round || !g_error_matches(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    ax_main_window_toast(self, error->message);
}

/* Takes `path` and `round`. */
static void go_on_with(AxMainWindow *self, char *path, AxRound *round, const char *folder) {
  g_autoptr(GTask) task = g_task_new(self, NULL, on_begun, NULL);
  Begun *begun = g_new0(Begun, 1);

  *begun = (Begun){path, round, g_strdup(folder)};
  g_task_set_task_data(task, begun, begun_free);
  g_task_run_in_thread(task, load_begun);
}

static void on_resume(GSimpleAction *action, GVariant *parameter, gpointer self) { go_on_with(self, NULL, NULL, NULL); }

/* ---- files ---- */

static void play_file(AxMainWindow *self, const char *path, gboolean replay) {
  g_autoptr(GError) error = NULL;
  g_autoptr(AxRound) round = replay ? NULL : ax_round_load(path, &error);
  g_autoptr(AxRoundLog) log = replay ? ax_round_log_load(path, &error) : NULL;
  g_autoptr(AxRoundPlayer) player = round ? ax_round_player_new(round) : log ? ax_round_player_new_replay(log) : NULL;
  g_autofree char *folder = g_path_get_dirname(path), *kept = round ? ax_round_keep_path(round, folder) : NULL;

  if (!player)
    refuse(self, error->message);
  else if (ax_round_player_get_length(player) == 0)
    refuse(self, _("It has no cases yet."));
  else if (kept && ax_round_keep_may_have(kept))
    go_on_with(self, g_steal_pointer(&kept), g_steal_pointer(&round), folder);
  else
    ax_main_window_play(self, player, folder);
}

gboolean ax_main_window_open_round(AxMainWindow *self, const char *path) {
  gboolean replay = ax_round_is_round(path, TRUE);

  if (!replay && !ax_round_is_round(path, FALSE))
    return FALSE;
  play_file(self, path, replay);
  return TRUE;
}

static void open_chosen(AxMainWindow *self, const char *path) {
  if (!ax_main_window_open_round(self, path))
    play_file(self, path, FALSE); /* says what is wrong with it */
}

static void on_open(GSimpleAction *action, GVariant *parameter, gpointer data) {
  AxMainWindow *self = data;
  g_autoptr(GtkFileFilter) filter = gtk_file_filter_new();

  ax_main_window_choose_image(self, _("Open a teaching round or a session of one"), open_chosen);
  gtk_file_filter_set_name(filter, _("Teaching rounds (JSON)"));
  gtk_file_filter_add_suffix(filter, "json");
  gtk_file_chooser_add_filter(GTK_FILE_CHOOSER(self->chooser), filter);
  gtk_file_chooser_set_filter(GTK_FILE_CHOOSER(self->chooser), filter);
}

/* ---- making a case of the open image ---- */

static void on_added(AxMainWindow *self, const char *path) {
  g_autofree char *name = g_path_get_basename(path), *text = g_strdup_printf(_("The case is in %s."), name);

  g_free(self->round_path);
  self->round_path = g_strdup(path);
  ax_main_window_toast(self, text);
}

/* What was drawn for it; else the box of the selected structure. */
static guint boxes_for_case(AxMainWindow *self, AxBox boxes[AX_ROUND_MAX_BOXES]) {
  AxMarks *marks = ax_document_get_marks(self->document);
  int selected = ax_canvas_get_selected(self->canvas);
  guint n = 0;

  for (guint i = 0; i < ax_marks_get_n(marks) && n < AX_ROUND_MAX_BOXES; i++)
    if (ax_marks_get(marks, i)->kind == AX_MARK_BOX)
      boxes[n++] = ax_mark_get_box(ax_marks_get(marks, i));
  if (n == 0 && selected >= 0)
    n = ax_box_layer_get_box(ax_canvas_get_box_layer(self->canvas), (guint)selected, &boxes[0]);
  return n;
}

static void on_add(GSimpleAction *action, GVariant *parameter, gpointer data) {
  AxMainWindow *self = data;
  const char *path = ax_document_get_path(self->document);
  int selected = ax_canvas_get_selected(self->canvas);
  AxBox boxes[AX_ROUND_MAX_BOXES];
  guint n = boxes_for_case(self, boxes);
  AxRoundEditor *editor;

  if (!path)
    return;
  editor = ax_round_editor_new(GTK_WINDOW(self), path, boxes, n, selected >= 0 ? ax_anatomy_name((guint)selected) : NULL, self->round_path);
  g_signal_connect_object(editor, "added", G_CALLBACK(on_added), self, G_CONNECT_SWAPPED);
  gtk_window_present(GTK_WINDOW(editor));
}

/* ---- a round that makes itself ---- */

typedef struct {
  AxMainWindow *window; /* holds it */
  AdwToast *toast;
  GCancellable *cancellable;
  char *folder;
} Making;

static void making_free(Making *making) {
  adw_toast_dismiss(making->toast);
  g_object_unref(making->toast);
  g_object_unref(making->cancellable);
  g_object_unref(making->window);
  g_free(making->folder);
  g_free(making);
}

static void on_making(double fraction, const char *stage, gpointer data) {
  Making *making = data;
  g_autofree char *text = g_strdup_printf(_("Looking at the folder’s images: %.0f %%"), 100 * fraction);

  adw_toast_set_title(making->toast, text);
}

static void on_made(GObject *session, GAsyncResult *result, gpointer data) {
  Making *making = data;
  AxMainWindow *self = making->window;
  g_autoptr(GError) error = NULL;
  g_autoptr(AxRound) round = ax_round_maker_run_finish(AX_SESSION(session), result, &error);

  if (self->document && round) {
    g_autoptr(AxRoundPlayer) player = ax_round_player_new(round);

    ax_main_window_play(self, player, making->folder);
  } else if (self->document && !g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    ax_main_window_toast(self, error->message);
  }
  making_free(making);
}

void ax_main_window_make_round(AxMainWindow *self, const char *folder, guint32 seed) {
  Making *making = g_new0(Making, 1);

  *making = (Making){g_object_ref(self), g_object_ref_sink(adw_toast_new(_("Looking at the folder’s images"))), g_cancellable_new(), g_strdup(folder)};
  adw_toast_set_timeout(making->toast, 0);
  adw_toast_set_button_label(making->toast, _("Cancel"));
  g_signal_connect_object(making->toast, "button-clicked", G_CALLBACK(g_cancellable_cancel), making->cancellable, G_CONNECT_SWAPPED);
  adw_toast_overlay_add_toast(self->toasts, g_object_ref(making->toast));
  ax_round_maker_run_async(self->session, folder, N_IMAGES, N_CASES, seed, on_making, making, making->cancellable, on_made, making);
}

static void on_anatomy(GSimpleAction *action, GVariant *parameter, gpointer data) {
  AxMainWindow *self = data;
  const char *path = ax_document_get_path(self->document);
  g_autofree char *folder = path ? g_path_get_dirname(path) : NULL;

  if (folder)
    ax_main_window_make_round(self, folder, g_random_int());
}

/* What is for the window's own picture rests while a round is played. */
void ax_main_window_update_round(AxMainWindow *self) {
  static const char *const resting[] = {"previous", "next",  "perceive", "search", "hide-structure", "boxes", "mirror",    "tool",        "ratio",
                                        "calibrate", "undo", "redo",     "compare", "delete-mark",    "delete-marks", "next-mark", "previous-mark", "next-handle"};
  gboolean playing = ax_main_window_is_in_round(self), file = ax_document_get_path(self->document) && ax_document_get_image(self->document);

  ax_main_window_enable(self, "round-add", file && !playing);
  ax_main_window_enable(self, "round-anatomy", file && !playing);
  for (guint i = 0; playing && i < G_N_ELEMENTS(resting); i++)
    ax_main_window_enable(self, resting[i], FALSE);
  if (playing) {
    adw_window_title_set_title(self->title, ax_round_player_get_log(ax_round_view_get_player(self->round))->round->title);
    adw_window_title_set_subtitle(self->title, _("Teaching round"));
    gtk_label_set_text(self->image_status, "");
    gtk_label_set_text(self->view_status, "");
  }
}

void ax_main_window_add_round_actions(AxMainWindow *self) {
  static const GActionEntry entries[] = {
    {"round-open", on_open},
    {"round-add", on_add},
    {"round-anatomy", on_anatomy},
    {"round-resume", on_resume},
  };

  g_action_map_add_action_entries(G_ACTION_MAP(self), entries, G_N_ELEMENTS(entries), self);
}
