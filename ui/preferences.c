#include "ui/preferences.h"

#include "ui/key-editor.h"
#include "ui/keymap.h"
#include "ui/settings.h"
#include <glib/gi18n-lib.h>

struct _AxPreferences {
  AdwPreferencesWindow parent_instance;
  AdwPreferencesPage *keys_page;
  GPtrArray *rows; /* AdwActionRow of each command */
  GPtrArray *keys; /* GtkBox with its keys */
  GPtrArray *resets;
  GtkWidget *reset_all;
};

G_DEFINE_FINAL_TYPE(AxPreferences, ax_preferences, ADW_TYPE_PREFERENCES_WINDOW)

/* ---- size of the type ---- */

static const int sizes[] = {100, 125, 150, 175, 200};

void ax_text_size_apply(void) {
  static int desktop; /* 1024ths of a dot per inch, before anybody changed it */
  GtkSettings *settings = gtk_settings_get_default();
  int percent = CLAMP(ax_settings_get_int("text-size", 100), 100, 200);

  if (!settings)
    return;
  if (desktop == 0)
    g_object_get(settings, "gtk-xft-dpi", &desktop, NULL);
  if (desktop <= 0)
    desktop = 96 * 1024;
  g_object_set(settings, "gtk-xft-dpi", (int)((gint64)desktop * percent / 100), NULL);
}

static void on_size(AdwComboRow *row) {
  guint chosen = adw_combo_row_get_selected(row);

  if (chosen >= G_N_ELEMENTS(sizes))
    return;
  ax_settings_set_int("text-size", sizes[chosen]);
  ax_text_size_apply();
}

static GtkWidget *new_size_row(void) {
  GtkWidget *row = adw_combo_row_new();
  g_autoptr(GtkStringList) list = gtk_string_list_new(NULL);
  int now = ax_settings_get_int("text-size", 100);

  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
    g_autofree char *text = g_strdup_printf("%d %%", sizes[i]);

    gtk_string_list_append(list, text);
  }
  adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), _("Size of the text"));
  adw_combo_row_set_model(ADW_COMBO_ROW(row), G_LIST_MODEL(list));
  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++)
    if (sizes[i] <= now)
      adw_combo_row_set_selected(ADW_COMBO_ROW(row), i);
  g_signal_connect(row, "notify::selected", G_CALLBACK(on_size), NULL);
  return row;
}

/* ---- style and device ---- */

/* One of a few values of an action of the window, which keeps it under its own name. */
typedef struct {
  const char *action, *values[4];
} Choice;

static const Choice style_choice = {"style", {"dark", "light", "system"}}, device_choice = {"device", {"auto", "cpu"}};

static void on_choice(AdwComboRow *row, GParamSpec *spec, AxPreferences *self) {
  const Choice *choice = g_object_get_data(G_OBJECT(row), "ax-choice");
  guint chosen = adw_combo_row_get_selected(row);
  GtkWindow *parent = gtk_window_get_transient_for(GTK_WINDOW(self));
  g_autofree char *action = g_strconcat("win.", choice->action, NULL);

  if (chosen < G_N_ELEMENTS(choice->values) && choice->values[chosen] && parent)
    gtk_widget_activate_action(GTK_WIDGET(parent), action, "s", choice->values[chosen]);
}

static GtkWidget *new_choice_row(AxPreferences *self, const Choice *choice, const char *title, const char *const *names) {
  g_autoptr(GtkStringList) list = gtk_string_list_new(names);
  g_autofree char *now = ax_settings_get_string(choice->action, choice->values[0]);
  GtkWidget *row = adw_combo_row_new();

  adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
  adw_combo_row_set_model(ADW_COMBO_ROW(row), G_LIST_MODEL(list));
  for (guint i = 0; choice->values[i]; i++)
    if (g_strcmp0(choice->values[i], now) == 0)
      adw_combo_row_set_selected(ADW_COMBO_ROW(row), i);
  g_object_set_data(G_OBJECT(row), "ax-choice", (gpointer)choice);
  g_signal_connect_object(row, "notify::selected", G_CALLBACK(on_choice), self, 0);
  return row;
}

static GtkWidget *new_style_row(AxPreferences *self) {
  const char *const names[] = {_("Dark"), _("Light"), _("As the desktop"), NULL};

  return new_choice_row(self, &style_choice, _("Style"), names);
}

static GtkWidget *new_device_row(AxPreferences *self, const char *note) {
  const char *const names[] = {_("The graphics processor, where there is one"), _("The processor"), NULL};
  GtkWidget *row = new_choice_row(self, &device_choice, _("The model computes on"), names);

  adw_action_row_set_subtitle(ADW_ACTION_ROW(row), note);
  return row;
}

/* ---- switches ---- */

static void on_switch(GtkSwitch *control, GParamSpec *spec, const char *key) { ax_settings_set_boolean(key, gtk_switch_get_active(control)); }

static GtkWidget *new_switch_row(const char *key, const char *title, const char *subtitle) {
  GtkWidget *row = adw_action_row_new(), *control = gtk_switch_new();

  adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
  adw_action_row_set_subtitle(ADW_ACTION_ROW(row), subtitle);
  gtk_switch_set_active(GTK_SWITCH(control), ax_settings_get_boolean(key, TRUE));
  gtk_widget_set_valign(control, GTK_ALIGN_CENTER);
  g_signal_connect(control, "notify::active", G_CALLBACK(on_switch), (gpointer)key);
  adw_action_row_add_suffix(ADW_ACTION_ROW(row), control);
  adw_action_row_set_activatable_widget(ADW_ACTION_ROW(row), control);
  return row;
}

static AdwPreferencesPage *new_general_page(AxPreferences *self, const char *note) {
  AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());
  AdwPreferencesGroup *look = ADW_PREFERENCES_GROUP(adw_preferences_group_new()), *files = ADW_PREFERENCES_GROUP(adw_preferences_group_new());
  AdwPreferencesGroup *model = ADW_PREFERENCES_GROUP(adw_preferences_group_new());

  adw_preferences_page_set_title(page, _("General"));
  adw_preferences_page_set_icon_name(page, "preferences-system-symbolic");
  adw_preferences_group_set_title(look, _("Appearance"));
  adw_preferences_group_add(look, new_style_row(self));
  adw_preferences_group_add(look, new_size_row());
  adw_preferences_group_set_title(files, _("Files"));
  adw_preferences_group_add(files, new_switch_row("keep-recent", _("Keep a list of the files opened last"), _("It is shown in the main menu.")));
  adw_preferences_group_add(files, new_switch_row("remove-identity", _("Leave names and dates out of what is exported"), _("Text that is burnt into the film stays.")));
  adw_preferences_group_set_title(model, _("Model"));
  adw_preferences_group_add(model, new_device_row(self, note));
  adw_preferences_page_add(page, look);
  adw_preferences_page_add(page, model);
  adw_preferences_page_add(page, files);
  return page;
}

/* ---- keys ---- */

static void on_row_activated(GtkWidget *row, AxPreferences *self) {
  gtk_window_present(GTK_WINDOW(ax_key_editor_new(GTK_WINDOW(self), GPOINTER_TO_UINT(g_object_get_data(G_OBJECT(row), "ax-command")))));
}

static void on_reset(GtkWidget *button, AxPreferences *self) {
  ax_keymap_reset(ax_keymap_get_default(), GPOINTER_TO_UINT(g_object_get_data(G_OBJECT(button), "ax-command")));
}

static void update_row(AxPreferences *self, guint command) {
  GtkWidget *box = self->keys->pdata[command], *child;
  g_auto(GStrv) keys = g_strsplit(ax_keymap_get_keys(ax_keymap_get_default(), command), " ", -1);

  while ((child = gtk_widget_get_first_child(box)))
    gtk_box_remove(GTK_BOX(box), child);
  for (guint i = 0; keys[i]; i++)
    if (*keys[i])
      gtk_box_append(GTK_BOX(box), gtk_shortcut_label_new(keys[i]));
  if (!keys[0] || !*keys[0]) {
    child = gtk_label_new(_("no key"));
    gtk_widget_add_css_class(child, "dim-label");
    gtk_box_append(GTK_BOX(box), child);
  }
  gtk_widget_set_visible(self->resets->pdata[command], ax_keymap_is_changed(ax_keymap_get_default(), command));
}

static void update_keys(AxPreferences *self) {
  gboolean changed = FALSE;

  for (guint i = 0; i < ax_command_get_n(); i++) {
    update_row(self, i);
    changed |= ax_keymap_is_changed(ax_keymap_get_default(), i);
  }
  gtk_widget_set_sensitive(self->reset_all, changed);
}

static GtkWidget *new_key_row(AxPreferences *self, guint command) {
  GtkWidget *row = adw_action_row_new(), *keys = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12), *reset = gtk_button_new_from_icon_name("edit-undo-symbolic");
  g_autofree char *title = ax_command_get_title(command), *name = g_strdup_printf(_("The usual key of “%s”"), title);

  adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
  gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), TRUE);
  g_object_set_data(G_OBJECT(row), "ax-command", GUINT_TO_POINTER(command));
  g_signal_connect_object(row, "activated", G_CALLBACK(on_row_activated), self, 0);
  gtk_widget_set_valign(keys, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class(reset, "flat");
  gtk_widget_set_valign(reset, GTK_ALIGN_CENTER);
  gtk_widget_set_tooltip_text(reset, name);
  gtk_accessible_update_property(GTK_ACCESSIBLE(reset), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  g_object_set_data(G_OBJECT(reset), "ax-command", GUINT_TO_POINTER(command));
  g_signal_connect_object(reset, "clicked", G_CALLBACK(on_reset), self, 0);
  adw_action_row_add_suffix(ADW_ACTION_ROW(row), reset);
  adw_action_row_add_suffix(ADW_ACTION_ROW(row), keys);
  g_ptr_array_add(self->rows, row);
  g_ptr_array_add(self->keys, keys);
  g_ptr_array_add(self->resets, reset);
  return row;
}

/* The table is in the order of its groups. */
static AdwPreferencesPage *new_keys_page(AxPreferences *self) {
  AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());
  AdwPreferencesGroup *head = ADW_PREFERENCES_GROUP(adw_preferences_group_new()), *group = NULL;

  adw_preferences_page_set_title(page, _("Keys"));
  adw_preferences_page_set_icon_name(page, "input-keyboard-symbolic");
  adw_preferences_group_set_description(head, _("Choose a line to give it another key."));
  self->reset_all = gtk_button_new_with_mnemonic(_("_All as usual"));
  gtk_widget_set_valign(self->reset_all, GTK_ALIGN_CENTER);
  gtk_widget_set_tooltip_text(self->reset_all, _("Every command gets its usual keys back"));
  g_signal_connect_object(self->reset_all, "clicked", G_CALLBACK(ax_keymap_reset_all), ax_keymap_get_default(), G_CONNECT_SWAPPED);
  adw_preferences_group_set_header_suffix(head, self->reset_all);
  adw_preferences_page_add(page, head);
  for (guint i = 0; i < ax_command_get_n(); i++) {
    if (i == 0 || ax_command_get(i)->group != ax_command_get(i - 1)->group) {
      group = ADW_PREFERENCES_GROUP(adw_preferences_group_new());
      adw_preferences_group_set_title(group, ax_key_group_get_title(ax_command_get(i)->group));
      adw_preferences_page_add(page, group);
    }
    adw_preferences_group_add(group, new_key_row(self, i));
  }
  return page;
}

GtkWidget *ax_preferences_find_row(AxPreferences *self, guint command) { return command < self->rows->len ? self->rows->pdata[command] : NULL; }
void ax_preferences_show_keys(AxPreferences *self) { adw_preferences_window_set_visible_page(ADW_PREFERENCES_WINDOW(self), self->keys_page); }

/* ---- GObject ---- */

static void ax_preferences_finalize(GObject *object) {
  AxPreferences *self = AX_PREFERENCES(object);

  g_ptr_array_unref(self->rows);
  g_ptr_array_unref(self->keys);
  g_ptr_array_unref(self->resets);
  G_OBJECT_CLASS(ax_preferences_parent_class)->finalize(object);
}

static void ax_preferences_class_init(AxPreferencesClass *klass) { G_OBJECT_CLASS(klass)->finalize = ax_preferences_finalize; }

static void ax_preferences_init(AxPreferences *self) {
  self->rows = g_ptr_array_new();
  self->keys = g_ptr_array_new();
  self->resets = g_ptr_array_new();
}

AxPreferences *ax_preferences_new(GtkWindow *parent, const char *device_note) {
  AxPreferences *self = g_object_new(AX_TYPE_PREFERENCES, "transient-for", parent, "modal", TRUE, "search-enabled", TRUE, "title", _("Preferences"), NULL);

  adw_preferences_window_add(ADW_PREFERENCES_WINDOW(self), new_general_page(self, device_note));
  self->keys_page = new_keys_page(self);
  adw_preferences_window_add(ADW_PREFERENCES_WINDOW(self), self->keys_page);
  gtk_window_set_default_size(GTK_WINDOW(self), 640, 620);
  update_keys(self);
  g_signal_connect_object(ax_keymap_get_default(), "changed", G_CALLBACK(update_keys), self, G_CONNECT_SWAPPED);
  return self;
}
