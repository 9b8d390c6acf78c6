/* The keys of AxMainWindow, as the reader has chosen them: what listens to them, and what shows them: menus, tooltips, the list of all keys. */
#include "ui/window-private.h"

#include "ui/keymap.h"
#include "ui/preferences.h"
#include "ui/tooltip.h"
#include <glib/gi18n-lib.h>
#include <string.h>

/* ---- listening ---- */

static GtkShortcut *new_shortcut(const char *key, const char *action) {
  GtkShortcutTrigger *trigger = gtk_shortcut_trigger_parse_string(key);
  g_autofree char *name = NULL;
  g_autoptr(GVariant) target = NULL;
  GtkShortcut *shortcut;

  if (!trigger)
    return NULL; /* the settings may hold anything */
  g_assert(g_action_parse_detailed_name(action, &name, &target, NULL));
  shortcut = gtk_shortcut_new(trigger, gtk_named_action_new(name));
  gtk_shortcut_set_arguments(shortcut, target);
  return shortcut;
}

static void add_shortcut(GtkEventController *controller, const char *key, const char *action) {
  GtkShortcut *shortcut = new_shortcut(key, action);

  if (shortcut)
    gtk_shortcut_controller_add_shortcut(GTK_SHORTCUT_CONTROLLER(controller), shortcut);
}

/* Keys go through a controller of the window in the bubble phase, not through application accelerators, which would take single
 * letters away from the search entry. */
static void listen(AxMainWindow *self) {
  AxKeymap *keymap = ax_keymap_get_default();
  GtkEventController *controller = gtk_shortcut_controller_new();

  for (guint i = 0; i < ax_command_get_n(); i++) {
    g_auto(GStrv) keys = g_strsplit(ax_keymap_get_keys(keymap, i), " ", -1);

    for (guint k = 0; keys[k] && ax_command_get(i)->group != AX_KEYS_ROUND; k++)
      if (*keys[k])
        add_shortcut(controller, keys[k], ax_command_get(i)->action);
  }
  add_shortcut(controller, "Escape", "win.cancel");
  if (self->keys)
    gtk_widget_remove_controller(GTK_WIDGET(self), self->keys);
  self->keys = controller;
  gtk_widget_add_controller(GTK_WIDGET(self), controller);
}

/* The overlay would take the first Escape for itself while it shows a toast, so what lies in it gets the key before. */
static void add_escape(AxMainWindow *self) {
  GtkEventController *controller = gtk_shortcut_controller_new();

  add_shortcut(controller, "Escape", "win.cancel");
  gtk_widget_add_controller(adw_toast_overlay_get_child(self->toasts), controller);
}

/* ---- menus ---- */

/* The command of a menu's item, or -1. */
static int command_of_item(GMenuModel *menu, int i) {
  g_autoptr(GVariant) action = g_menu_model_get_item_attribute_value(menu, i, G_MENU_ATTRIBUTE_ACTION, G_VARIANT_TYPE_STRING);
  g_autoptr(GVariant) target = g_menu_model_get_item_attribute_value(menu, i, G_MENU_ATTRIBUTE_TARGET, NULL);
  g_autofree char *detailed = action ? g_action_print_detailed_name(g_variant_get_string(action, NULL), target) : NULL;

  return detailed ? ax_command_find(detailed) : -1;
}

static void show_in_menu(GMenuModel *menu) {
  for (int i = 0; i < g_menu_model_get_n_items(menu); i++) {
    g_autoptr(GMenuModel) section = g_menu_model_get_item_link(menu, i, G_MENU_LINK_SECTION);
    g_autoptr(GMenuModel) submenu = g_menu_model_get_item_link(menu, i, G_MENU_LINK_SUBMENU);
    int command = command_of_item(menu, i);

    if (section)
      show_in_menu(section);
    if (submenu)
      show_in_menu(submenu);
    if (command >= 0 && G_IS_MENU(menu)) {
      g_autofree char *key = ax_keymap_get_first_key(ax_keymap_get_default(), (guint)command), *old = NULL;
      g_autoptr(GMenuItem) item = NULL;

      g_menu_model_get_item_attribute(menu, i, "accel", "s", &old);
      if (g_strcmp0(key, old) == 0)
        continue;
      item = g_menu_item_new_from_model(menu, i);
      g_menu_item_set_attribute(item, "accel", key ? "s" : NULL, key);
      g_menu_remove(G_MENU(menu), i);
      g_menu_insert_item(G_MENU(menu), i, item);
    }
  }
}

/* ---- tooltips ---- */

static int command_of_widget(GtkWidget *widget) {
  const char *action = GTK_IS_ACTIONABLE(widget) ? gtk_actionable_get_action_name(GTK_ACTIONABLE(widget)) : NULL;
  g_autofree char *detailed = action ? g_action_print_detailed_name(action, gtk_actionable_get_action_target_value(GTK_ACTIONABLE(widget))) : NULL;

  return detailed ? ax_command_find(detailed) : -1;
}

/* A tooltip that ends with a key in brackets ends with the key of now. */
static void show_in_tooltip(GtkWidget *widget, guint command) {
  const char *text = g_object_get_data(G_OBJECT(widget), "ax-tooltip"), *bracket;
  g_autofree char *key = ax_keymap_get_first_key(ax_keymap_get_default(), command), *label = NULL, *whole = NULL;
  GdkModifierType modifiers;
  guint value;

  if (!text) {
    const char *written = gtk_widget_get_tooltip_text(widget);

    bracket = written && g_str_has_suffix(written, ")") ? g_strrstr(written, " (") : NULL;
    if (!bracket)
      return;
    g_object_set_data_full(G_OBJECT(widget), "ax-tooltip", g_strndup(written, (gsize)(bracket - written)), g_free);
    text = g_object_get_data(G_OBJECT(widget), "ax-tooltip");
  }
  label = key && gtk_accelerator_parse(key, &value, &modifiers) ? gtk_accelerator_get_label(value, modifiers) : NULL;
  whole = label ? g_strdup_printf("%s (%s)", text, label) : g_strdup(text);
  ax_tooltip_set(widget, whole);
}

void ax_main_window_show_keys(AxMainWindow *self, GtkWidget *widget) {
  int command = command_of_widget(widget);

  if (command >= 0)
    show_in_tooltip(widget, (guint)command);
  for (GtkWidget *child = gtk_widget_get_first_child(widget); child; child = gtk_widget_get_next_sibling(child))
    ax_main_window_show_keys(self, child);
}

/* ---- the list of all keys ---- */

/* The ids of its lines are the actions whose keys they show. */
static void show_in_line(GObject *line) {
  g_auto(GStrv) actions = g_strsplit(gtk_buildable_get_buildable_id(GTK_BUILDABLE(line)), " ", -1);
  g_autoptr(GString) keys = g_string_new(NULL);

  for (guint i = 0; actions[i]; i++) {
    int command = ax_command_find(actions[i]);
    g_autofree char *key = command >= 0 ? ax_keymap_get_first_key(ax_keymap_get_default(), (guint)command) : NULL;

    if (key)
      g_string_append_printf(keys, "%s%s", keys->len ? " " : "", key);
  }
  if (ax_command_find(actions[0]) >= 0)
    g_object_set(line, "accelerator", keys->str, NULL);
}

static void on_shortcuts(GSimpleAction *action, GVariant *parameter, gpointer self) {
  g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource("/org/anatomix/Viewer/ui/shortcuts.ui");
  GtkWindow *window = GTK_WINDOW(gtk_builder_get_object(builder, "shortcuts"));
  g_autoptr(GSList) objects = gtk_builder_get_objects(builder);

  for (GSList *l = objects; l; l = l->next)
    if (GTK_IS_SHORTCUTS_SHORTCUT(l->data) && gtk_buildable_get_buildable_id(l->data))
      show_in_line(l->data);
  gtk_window_set_transient_for(window, self);
  gtk_window_present(window);
}

static void on_preferences(GSimpleAction *action, GVariant *parameter, gpointer self) {
  AxDeviceUse use;

  ax_session_get_device(AX_MAIN_WINDOW(self)->session, &use);
  gtk_window_present(GTK_WINDOW(ax_preferences_new(self, use.note)));
}

/* ---- ---- */

static void update(AxMainWindow *self) {
  listen(self);
  show_in_menu(gtk_menu_button_get_menu_model(self->menu_button));
  ax_main_window_show_keys(self, GTK_WIDGET(self));
}

void ax_main_window_add_keys(AxMainWindow *self) {
  static const GActionEntry entries[] = {{"shortcuts", on_shortcuts}, {"preferences", on_preferences}};

  g_action_map_add_action_entries(G_ACTION_MAP(self), entries, G_N_ELEMENTS(entries), self);
  add_escape(self);
  g_signal_connect_object(ax_keymap_get_default(), "changed", G_CALLBACK(update), self, G_CONNECT_SWAPPED);
  update(self);
}
