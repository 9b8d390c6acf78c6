/* The actions round.* of AxRoundView, and its keys. */
#include "ui/round-view-private.h"

#include "ui/key-name.h"
#include "ui/keymap.h"
#include <glib/gi18n-lib.h>
#include <string.h>

static AxRoundPhase phase_of(AxRoundView *self) { return self->player ? ax_round_player_get_phase(self->player) : AX_ROUND_OVER; }
static gboolean is_asking(AxRoundView *self) { return phase_of(self) == AX_ROUND_ASKING; }

/* ---- actions ---- */

void ax_round_view_submit(AxRoundView *self) {
  g_autoptr(AxRoundAnswer) answer = ax_round_input_get_answer(self->input);

  if (!self->player || !is_asking(self))
    return;
  if (ax_round_player_is_replay(self->player))
    ax_round_player_reveal(self->player);
  else if (!ax_round_player_answer(self->player, answer))
    ax_round_view_say(self, _("This case has no answer yet."));
}

static void on_answer(GtkWidget *widget, const char *name, GVariant *parameter) { ax_round_view_submit(AX_ROUND_VIEW(widget)); }

static void step(AxRoundView *self, int by) {
  if (self->player)
    ax_round_player_go(self->player, by);
}

static void on_next(GtkWidget *widget, const char *name, GVariant *parameter) { step(AX_ROUND_VIEW(widget), 1); }
static void on_previous(GtkWidget *widget, const char *name, GVariant *parameter) { step(AX_ROUND_VIEW(widget), -1); }
static void on_hint(GtkWidget *widget, const char *name, GVariant *parameter) { ax_round_player_show_hint(AX_ROUND_VIEW(widget)->player); }
static void on_show_model(GtkWidget *widget, const char *name, GVariant *parameter) { ax_round_player_show_model(AX_ROUND_VIEW(widget)->player); }
static void on_review(GtkWidget *widget, const char *name, GVariant *parameter) { ax_round_player_review(AX_ROUND_VIEW(widget)->player); }
static void on_restart(GtkWidget *widget, const char *name, GVariant *parameter) { ax_round_player_restart(AX_ROUND_VIEW(widget)->player); }
static void on_start_over(GtkWidget *widget, const char *name, GVariant *parameter) { ax_round_view_start_over(AX_ROUND_VIEW(widget)); }
static void on_leave(GtkWidget *widget, const char *name, GVariant *parameter) { ax_round_view_leave(AX_ROUND_VIEW(widget)); }

static void on_presenter(GtkWidget *widget, const char *name, GVariant *parameter) {
  AxRoundPlayer *player = AX_ROUND_VIEW(widget)->player;

  ax_round_player_set_presenter(player, !ax_round_player_get_presenter(player));
}

static void on_draw(GtkWidget *widget, const char *name, GVariant *parameter) {
  AxRoundView *self = AX_ROUND_VIEW(widget);

  ax_mark_tool_set_tool(ax_canvas_get_tool(self->canvas), AX_TOOL_BOX);
  gtk_widget_grab_focus(GTK_WIDGET(self->canvas));
}

/* ---- saving ---- */

static void on_response(GtkNativeDialog *dialog, int response, AxRoundView *self) {
  g_autoptr(GFile) file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file(GTK_FILE_CHOOSER(dialog)) : NULL;
  g_autofree char *path = file ? g_file_get_path(file) : NULL;

  if (path && self->player)
    self->save(self, path);
  g_clear_object(&self->chooser);
}

static void ask_where(AxRoundView *self, const char *title, const char *name, gboolean (*save)(AxRoundView *self, const char *path)) {
  GtkRoot *root = gtk_widget_get_root(GTK_WIDGET(self));
  g_autoptr(GFile) folder = g_file_new_for_path(self->folder);

  self->save = save;
  if (self->chooser)
    gtk_native_dialog_destroy(GTK_NATIVE_DIALOG(self->chooser));
  g_clear_object(&self->chooser);
  self->chooser = gtk_file_chooser_native_new(title, GTK_WINDOW(root), GTK_FILE_CHOOSER_ACTION_SAVE, _("_Save"), _("_Cancel"));
  gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(self->chooser), TRUE);
  gtk_file_chooser_set_current_folder(GTK_FILE_CHOOSER(self->chooser), folder, NULL);
  gtk_file_chooser_set_current_name(GTK_FILE_CHOOSER(self->chooser), name);
  g_signal_connect(self->chooser, "response", G_CALLBACK(on_response), self);
  gtk_native_dialog_show(GTK_NATIVE_DIALOG(self->chooser));
}

static void on_save_csv(GtkWidget *widget, const char *name, GVariant *parameter) {
  ask_where(AX_ROUND_VIEW(widget), _("Save the results"), "results.csv", ax_round_view_save_csv);
}

static void on_save_log(GtkWidget *widget, const char *name, GVariant *parameter) {
  ask_where(AX_ROUND_VIEW(widget), _("Save the session beside its images"), "teaching-session.json", ax_round_view_save_log);
}

static void on_save_round(GtkWidget *widget, const char *name, GVariant *parameter) {
  ask_where(AX_ROUND_VIEW(widget), _("Save the round beside its images"), "round.json", ax_round_view_save_round);
}

void ax_round_view_class_add_actions(GtkWidgetClass *klass) {
  static const struct {
    const char *name;
    GtkWidgetActionActivateFunc activate;
  } actions[] = {
    {"round.answer", on_answer},
    {"round.next", on_next},
    {"round.previous", on_previous},
    {"round.hint", on_hint},
    {"round.show-model", on_show_model},
    {"round.presenter", on_presenter},
    {"round.draw", on_draw},
    {"round.review", on_review},
    {"round.restart", on_restart},
    {"round.start-over", on_start_over},
    {"round.save-csv", on_save_csv},
    {"round.save-log", on_save_log},
    {"round.save-round", on_save_round},
    {"round.leave", on_leave},
  };

  for (guint i = 0; i < G_N_ELEMENTS(actions); i++)
    gtk_widget_class_install_action(klass, actions[i].name, NULL, actions[i].activate);
}

static void enable(AxRoundView *self, const char *action, gboolean enabled) { gtk_widget_action_set_enabled(GTK_WIDGET(self), action, enabled); }

void ax_round_view_update_actions(AxRoundView *self) {
  const AxRoundCase *c = self->player ? ax_round_player_get_case(self->player) : NULL;
  gboolean replay = self->player && ax_round_player_is_replay(self->player), asking = c && is_asking(self);
  g_autoptr(AxRoundAnswer) answer = ax_round_input_get_answer(self->input);
  g_autoptr(GArray) misses = self->player ? ax_round_log_misses(ax_round_player_get_log(self->player)) : NULL;
  gboolean held = phase_of(self) == AX_ROUND_HELD;

  enable(self, "round.answer", asking && (replay || ax_round_answer_is_complete(answer, c->task)));
  enable(self, "round.hint", asking && c->hint && !ax_round_player_is_hint_shown(self->player));
  enable(self, "round.show-model", held);
  enable(self, "round.draw", asking && !replay && (c->task == AX_ROUND_FIND || c->task == AX_ROUND_DRAW));
  enable(self, "round.next", c != NULL);
  enable(self, "round.previous", self->player && ax_round_player_get_position(self->player) > 0);
  enable(self, "round.review", misses && misses->len > 0);
  enable(self, "round.restart", self->player != NULL);
  enable(self, "round.start-over", self->player && !replay);
  enable(self, "round.save-round", self->player && !replay);
  gtk_widget_set_visible(self->hint_button, asking && c->hint && !ax_round_player_is_hint_shown(self->player));
  gtk_widget_set_visible(self->answer_button, asking && !replay);
  gtk_widget_set_visible(self->reveal_button, asking && replay);
  gtk_widget_set_visible(self->model_button, held);
}

/* ---- keys ---- */

/* Return does what comes next. */
static void go_on(AxRoundView *self) {
  switch (phase_of(self)) {
  case AX_ROUND_ASKING: ax_round_view_submit(self); break;
  case AX_ROUND_HELD: ax_round_player_show_model(self->player); break;
  case AX_ROUND_REVEALED: step(self, 1); break;
  case AX_ROUND_OVER:
  default: break;
  }
}

static void escape(AxRoundView *self) {
  if (!ax_mark_tool_cancel(ax_canvas_get_tool(self->canvas)))
    ax_round_view_leave(self);
}

static void activate(AxRoundView *self, const char *action) { gtk_widget_activate_action(GTK_WIDGET(self), action, NULL); }

/* Before the text sees it, to which it is one more line. */
static gboolean on_key_first(GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state, AxRoundView *self) {
  if (!self->player || !(state & GDK_CONTROL_MASK) || (key != GDK_KEY_Return && key != GDK_KEY_KP_Enter))
    return FALSE;
  go_on(self);
  return TRUE;
}

/* What the picture of a round has in common with the window's own. TRUE when the command is one of these. */
static gboolean do_in_picture(AxRoundView *self, const char *action) {
  AxViewport *viewport = ax_canvas_get_viewport(self->canvas);
  AxMarkTool *tool = ax_canvas_get_tool(self->canvas);

  if (strcmp(action, "win.fit") == 0)
    ax_viewport_fit(viewport);
  else if (strcmp(action, "win.invert") == 0)
    ax_viewport_set_inverted(viewport, !ax_viewport_get_inverted(viewport));
  else if (strcmp(action, "win.reset-window") == 0)
    ax_canvas_reset_window(self->canvas);
  else if (strcmp(action, "win.next-handle") == 0)
    ax_mark_tool_next_handle(tool);
  else if (strcmp(action, "win.next-mark") == 0)
    ax_mark_tool_select_next(tool, 1);
  else if (strcmp(action, "win.previous-mark") == 0)
    ax_mark_tool_select_next(tool, -1);
  else if (strcmp(action, "win.delete-mark") == 0)
    ax_marks_remove(self->marks, ax_marks_get_selected(self->marks));
  else if (strcmp(action, "win.undo") == 0)
    ax_undo_undo(self->undo);
  else if (strcmp(action, "win.redo") == 0)
    ax_undo_redo(self->undo);
  else
    return FALSE;
  return TRUE;
}

/* The round's own commands go before the window's. */
static gboolean do_command(AxRoundView *self, guint key, GdkModifierType state) {
  g_autofree char *name = ax_key_name(key, state);
  int own = name ? ax_keymap_find(ax_keymap_get_default(), AX_KEYS_ROUND, name) : -1;
  int other = name && own < 0 ? ax_keymap_find(ax_keymap_get_default(), AX_KEYS_VIEW, name) : -1;

  if (own >= 0)
    activate(self, ax_command_get((guint)own)->action);
  return own >= 0 || (other >= 0 && do_in_picture(self, ax_command_get((guint)other)->action));
}

/* What the focused control leaves over. A plain key never reaches the window, whose keys are for another picture. */
static gboolean on_key(GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state, AxRoundView *self) {
  if (!self->player)
    return FALSE;
  if (!(state & (GDK_CONTROL_MASK | GDK_ALT_MASK)) && key >= GDK_KEY_1 && key <= GDK_KEY_9) {
    if (is_asking(self))
      ax_round_input_choose(self->input, key - GDK_KEY_0);
    return TRUE;
  }
  if (do_command(self, key, state))
    return TRUE;
  if (state & (GDK_CONTROL_MASK | GDK_ALT_MASK))
    return FALSE;
  switch (key) {
  case GDK_KEY_Return:
  case GDK_KEY_KP_Enter: go_on(self); return TRUE;
  case GDK_KEY_Escape: escape(self); return TRUE;
  default: return gdk_keyval_to_unicode(key) >= 32 && key != GDK_KEY_space;
  }
}

void ax_round_view_add_keys(AxRoundView *self) {
  GtkEventController *keys = gtk_event_controller_key_new(), *first = gtk_event_controller_key_new();

  gtk_event_controller_set_propagation_phase(first, GTK_PHASE_CAPTURE);
  g_signal_connect(first, "key-pressed", G_CALLBACK(on_key_first), self);
  gtk_widget_add_controller(GTK_WIDGET(self), first);
  g_signal_connect(keys, "key-pressed", G_CALLBACK(on_key), self);
  gtk_widget_add_controller(GTK_WIDGET(self), keys);
}
