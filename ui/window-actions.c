/* The actions win.* of AxMainWindow. */
#include "ui/window-private.h"

#include "ui/settings.h"
#include <glib/gi18n-lib.h>

static const char *const group_actions[AX_N_GROUPS] = {
  [AX_GROUP_LUNGS] = "group-lungs",
  [AX_GROUP_HEART] = "group-heart",
  [AX_GROUP_MEDIASTINUM] = "group-mediastinum",
  [AX_GROUP_BONES] = "group-bones",
  [AX_GROUP_DIAPHRAGM] = "group-diaphragm",
};

static void on_open(GSimpleAction *action, GVariant *parameter, gpointer self) {
  ax_main_window_choose_image(self, _("Open an image"), ax_main_window_open);
}
static void on_paste(GSimpleAction *action, GVariant *parameter, gpointer self) { ax_main_window_paste(self); }
static void on_previous(GSimpleAction *action, GVariant *parameter, gpointer self) { ax_main_window_go(self, -1); }
static void on_next(GSimpleAction *action, GVariant *parameter, gpointer self) { ax_main_window_go(self, 1); }
static void on_perceive(GSimpleAction *action, GVariant *parameter, gpointer data) {
  AxMainWindow *self = data;

  ax_document_perceive(self->document, FALSE);
  if (self->mirror)
    ax_document_perceive(self->document, TRUE);
}

static void on_search(GSimpleAction *action, GVariant *parameter, gpointer data) {
  AxMainWindow *self = data;

  if (self->mirror)
    g_action_group_activate_action(G_ACTION_GROUP(self), "mirror", NULL);
  ax_anatomy_list_focus_search(self->anatomy_list);
}

/* One thing at a time, the most urgent first. */
static void on_cancel(GSimpleAction *action, GVariant *parameter, gpointer data) {
  AxMainWindow *self = data;
  AxCanvas *canvas = ax_main_window_get_active_canvas(self);
  AxMarkTool *tool = ax_canvas_get_tool(canvas);

  if (ax_marks_is_editing(ax_document_get_marks(ax_main_window_get_active_document(self)))) {
    ax_mark_tool_cancel(tool);
  } else if (ax_asker_get_busy(self->asker)) {
    ax_asker_cancel(self->asker);
  } else if (ax_document_get_busy(self->document)) {
    ax_document_cancel(self->document);
    ax_main_window_toast(self, _("Cancelled. F5 looks again."));
  } else if (tool && ax_mark_tool_cancel(tool)) {
    return;
  } else if (ax_canvas_get_selected(canvas) >= 0) {
    ax_canvas_set_selected(canvas, -1);
  } else if (self->mirror) {
    g_action_group_activate_action(G_ACTION_GROUP(self), "mirror", NULL);
  } else if (self->toast) {
    adw_toast_dismiss(self->toast);
  }
}

static void on_about(GSimpleAction *action, GVariant *parameter, gpointer data) {
  AxMainWindow *self = data;
  AxModel *model = ax_session_get_model(self->session);
  g_autofree char *comments = g_strdup_printf("%s\n\n%s", _("Shows the anatomy of a chest radiograph. Not for clinical use."),
                                              model ? ax_model_caution(model) : "");

  adw_show_about_window(GTK_WINDOW(self), "application-name", "AnatomiX Viewer", "application-icon", "org.anatomix.Viewer", "version",
                        ax_version(), "license-type", GTK_LICENSE_MIT_X11, "comments", comments, NULL);
}

static void on_close_hint(GSimpleAction *action, GVariant *parameter, gpointer self) {
  gtk_revealer_set_reveal_child(AX_MAIN_WINDOW(self)->hint_revealer, FALSE);
}

static void on_quit(GSimpleAction *action, GVariant *parameter, gpointer self) { gtk_window_close(self); }

/* ---- with a state ---- */

static void change_boxes(GSimpleAction *action, GVariant *value, gpointer data) {
  AxMainWindow *self = data;

  ax_visibility_set_all(self->visibility, g_variant_get_boolean(value));
}

static void change_group(GSimpleAction *action, GVariant *value, gpointer data) {
  AxMainWindow *self = data;

  for (int group = 0; group < AX_N_GROUPS; group++)
    if (g_str_equal(g_action_get_name(G_ACTION(action)), group_actions[group]))
      ax_visibility_set_group(self->visibility, (AxAnatomyGroup)group, g_variant_get_boolean(value));
}

static void on_hide(GSimpleAction *action, GVariant *parameter, gpointer data) {
  AxMainWindow *self = data;
  int index = ax_canvas_get_selected(ax_main_window_get_active_canvas(self));

  if (index >= 0)
    ax_visibility_set_structure(self->visibility, (guint)index, !ax_visibility_get_structure(self->visibility, (guint)index));
}

static void put_state(AxMainWindow *self, const char *name, gboolean state) {
  g_simple_action_set_state(G_SIMPLE_ACTION(g_action_map_lookup_action(G_ACTION_MAP(self), name)), g_variant_new_boolean(state));
}

/* The toggles say what is shown, whoever changed it. */
static void on_visibility(AxMainWindow *self) {
  put_state(self, "boxes", ax_visibility_get_all(self->visibility));
  for (int group = 0; group < AX_N_GROUPS; group++)
    put_state(self, group_actions[group], ax_visibility_get_group(self->visibility, (AxAnatomyGroup)group));
  ax_settings_set_boolean("show-boxes", ax_visibility_get_all(self->visibility));
}

static void change_mirror(GSimpleAction *action, GVariant *value, gpointer data) {
  AxMainWindow *self = data;

  g_simple_action_set_state(action, value);
  self->mirror = g_variant_get_boolean(value);
  if (self->mirror) {
    ax_document_perceive(self->document, FALSE);
    ax_document_perceive(self->document, TRUE);
  }
  ax_main_window_update(self);
  gtk_widget_grab_focus(GTK_WIDGET(ax_main_window_get_active_canvas(self)));
}

void ax_main_window_enable(AxMainWindow *self, const char *name, gboolean enabled) {
  g_simple_action_set_enabled(G_SIMPLE_ACTION(g_action_map_lookup_action(G_ACTION_MAP(self), name)), enabled);
}

void ax_main_window_update_actions(AxMainWindow *self) {
  static const char *const of_image[] = {"boxes", "mirror", "search", "hide-structure"};
  gboolean image = ax_document_get_image(self->document) != NULL, file = ax_document_get_path(self->document) != NULL;

  for (guint i = 0; i < G_N_ELEMENTS(of_image); i++)
    ax_main_window_enable(self, of_image[i], image);
  ax_main_window_enable(self, "previous", file);
  ax_main_window_enable(self, "next", file);
  ax_main_window_enable(self, "perceive", image && !ax_document_get_busy(self->document));
  ax_main_window_update_view_actions(self);
  ax_main_window_update_mark_actions(self);
  ax_main_window_update_compare(self);
  ax_main_window_update_export_actions(self);
  ax_main_window_update_ask(self);
}

void ax_main_window_add_actions(AxMainWindow *self) {
  static const GActionEntry entries[] = {
    {"open", on_open},
    {"paste", on_paste},
    {"previous", on_previous},
    {"next", on_next},
    {"perceive", on_perceive},
    {"search", on_search},
    {"hide-structure", on_hide},
    {"cancel", on_cancel},
    {"about", on_about},
    {"close-hint", on_close_hint},
    {"quit", on_quit},
    {"boxes", NULL, NULL, "true", change_boxes},
    {"mirror", NULL, NULL, "false", change_mirror},
    {"group-lungs", NULL, NULL, "true", change_group},
    {"group-heart", NULL, NULL, "true", change_group},
    {"group-mediastinum", NULL, NULL, "true", change_group},
    {"group-bones", NULL, NULL, "true", change_group},
    {"group-diaphragm", NULL, NULL, "true", change_group},
  };

  g_action_map_add_action_entries(G_ACTION_MAP(self), entries, G_N_ELEMENTS(entries), self);
  g_signal_connect_object(self->visibility, "changed", G_CALLBACK(on_visibility), self, G_CONNECT_SWAPPED);
  ax_visibility_set_all(self->visibility, ax_settings_get_boolean("show-boxes", TRUE));
  ax_main_window_add_open_actions(self);
  ax_main_window_add_view_actions(self);
  ax_main_window_add_mark_actions(self);
  ax_main_window_add_compare_actions(self);
  ax_main_window_add_round_actions(self);
  ax_main_window_add_export_actions(self);
  ax_main_window_add_ask_actions(self);
  ax_main_window_add_settings(self);
  ax_main_window_add_keys(self);
}
