/* Teaching rounds in AxMainWindow: opening, playing, leaving; making cases and whole rounds. */
#include "ui/window-private.h"

#include <glib/gi18n-lib.h>

static const AxKey keys[] = {
  {"<Control>r", "win.round-open"},
};

gboolean ax_main_window_is_in_round(AxMainWindow *self) { return self->round && ax_round_view_get_player(self->round); }

static void leave(AxMainWindow *self) {
  ax_round_view_set_player(self->round, NULL, NULL);
  ax_main_window_update(self);
  gtk_widget_grab_focus(GTK_WIDGET(ax_main_window_get_active_canvas(self)));
}

void ax_main_window_play(AxMainWindow *self, AxRoundPlayer *player, const char *folder) {
  if (!self->round) {
    self->round = AX_ROUND_VIEW(ax_round_view_new(self->session));
    g_signal_connect_object(self->round, "leave", G_CALLBACK(leave), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(self->round, "message", G_CALLBACK(ax_main_window_toast), self, G_CONNECT_SWAPPED);
    gtk_stack_add_named(self->content, GTK_WIDGET(self->round), "round");
  }
  /* on screen first: what is not shown cannot take the keys */
  gtk_stack_set_visible_child_name(self->content, "round");
  ax_round_view_set_player(self->round, player, folder);
  ax_main_window_update(self);
}

static void play_file(AxMainWindow *self, const char *path, gboolean replay) {
  g_autoptr(GError) error = NULL;
  g_autoptr(AxRound) round = replay ? NULL : ax_round_load(path, &error);
  g_autoptr(AxRoundLog) log = replay ? ax_round_log_load(path, &error) : NULL;
  g_autoptr(AxRoundPlayer) player = round ? ax_round_player_new(round) : log ? ax_round_player_new_replay(log) : NULL;
  g_autofree char *folder = g_path_get_dirname(path);

  if (!player)
    ax_main_window_toast(self, error->message);
  else if (ax_round_player_get_length(player) == 0)
    ax_main_window_toast(self, _("This round has no cases yet."));
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

/* What is for the window's own picture rests while a round is played. */
void ax_main_window_update_round(AxMainWindow *self) {
  static const char *const resting[] = {"previous", "next",  "perceive", "search", "hide-structure", "boxes", "mirror",    "tool",        "ratio",
                                        "calibrate", "undo", "redo",     "compare", "delete-mark",    "delete-marks", "next-mark", "previous-mark", "next-handle"};
  gboolean playing = ax_main_window_is_in_round(self);

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
  };

  g_action_map_add_action_entries(G_ACTION_MAP(self), entries, G_N_ELEMENTS(entries), self);
  ax_main_window_add_keys(self, keys, G_N_ELEMENTS(keys));
}
