/* What AxMainWindow keeps from one time to the next: its size, whether the program is dark, and what the model computes on. */
#include "ui/window-private.h"

#include "ui/preferences.h"
#include "ui/session-file.h"
#include "ui/settings.h"
#include <glib/gi18n-lib.h>

static void apply_style(const char *style) {
  AdwColorScheme scheme = g_strcmp0(style, "light") == 0    ? ADW_COLOR_SCHEME_FORCE_LIGHT
                          : g_strcmp0(style, "system") == 0 ? ADW_COLOR_SCHEME_DEFAULT
                                                            : ADW_COLOR_SCHEME_FORCE_DARK;

  adw_style_manager_set_color_scheme(adw_style_manager_get_default(), scheme);
}

static void change_style(GSimpleAction *action, GVariant *value, gpointer self) {
  g_simple_action_set_state(action, value);
  ax_settings_set_string("style", g_variant_get_string(value, NULL));
  apply_style(g_variant_get_string(value, NULL));
}

static AxDeviceChoice choice_of(const char *name) { return g_strcmp0(name, "cpu") == 0 ? AX_DEVICE_CPU : AX_DEVICE_AUTO; }

/* The session is that of all windows, so all show what was chosen. */
static void change_device(GSimpleAction *action, GVariant *value, gpointer data) {
  AxMainWindow *self = data;
  const char *name = choice_of(g_variant_get_string(value, NULL)) == AX_DEVICE_CPU ? "cpu" : "auto";
  GtkApplication *application = gtk_window_get_application(GTK_WINDOW(self));

  for (GList *l = application ? gtk_application_get_windows(application) : NULL; l; l = l->next)
    if (AX_IS_MAIN_WINDOW(l->data))
      g_simple_action_set_state(G_SIMPLE_ACTION(g_action_map_lookup_action(G_ACTION_MAP(l->data), "device")), g_variant_new_string(name));
  ax_settings_set_string("device", name);
  ax_session_set_device(self->session, choice_of(name));
  ax_device_panel_watch(self->device_panel);
}

/* Nobody loses an hour's work to a full disk without a word. */
static void on_not_kept(const char *reason) {
  GApplication *application = g_application_get_default();
  GtkWindow *window = GTK_IS_APPLICATION(application) ? gtk_application_get_active_window(GTK_APPLICATION(application)) : NULL;
  g_autofree char *text = g_strdup_printf(_("What you draw, ask and answer is not kept: %s"), reason);

  if (AX_IS_MAIN_WINDOW(window))
    ax_main_window_toast(AX_MAIN_WINDOW(window), text);
}

void ax_main_window_keep_size(AxMainWindow *self) {
  int width, height;

  gtk_window_get_default_size(GTK_WINDOW(self), &width, &height);
  if (width > 0 && height > 0) {
    ax_settings_set_int("window-width", width);
    ax_settings_set_int("window-height", height);
  }
  ax_settings_set_boolean("window-maximized", gtk_window_is_maximized(GTK_WINDOW(self)));
}

void ax_main_window_add_settings(AxMainWindow *self) {
  static const GActionEntry entries[] = {{"style", NULL, "s", "'dark'", change_style}, {"device", NULL, "s", "'auto'", change_device}};
  g_autofree char *style = ax_settings_get_string("style", "dark"), *device = ax_settings_get_string("device", "auto");

  g_action_map_add_action_entries(G_ACTION_MAP(self), entries, G_N_ELEMENTS(entries), self);
  g_simple_action_set_state(G_SIMPLE_ACTION(g_action_map_lookup_action(G_ACTION_MAP(self), "style")), g_variant_new_string(style));
  g_simple_action_set_state(G_SIMPLE_ACTION(g_action_map_lookup_action(G_ACTION_MAP(self), "device")), g_variant_new_string(device));
  ax_device_panel_set_asker(self->device_panel, self->session, self->asker);
  g_signal_connect_object(self->device_panel, "moved", G_CALLBACK(ax_main_window_update), self, G_CONNECT_SWAPPED);
  ax_session_file_set_watch(on_not_kept);
  apply_style(style);
  ax_text_size_apply();
  gtk_window_set_default_size(GTK_WINDOW(self), MAX(ax_settings_get_int("window-width", 1280), 640), MAX(ax_settings_get_int("window-height", 800), 480));
  if (ax_settings_get_boolean("window-maximized", FALSE))
    gtk_window_maximize(GTK_WINDOW(self));
}
