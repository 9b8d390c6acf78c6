/* The window under Xvfb, driven by real mouse and key events, on the session of fake-session.c: what is around the pictures, such as inspector and shortcuts. */
#include "tests/ui/window-fixture.h"

#include "ui/key-editor.h"
#include "ui/key-name.h"
#include "ui/keymap.h"
#include "ui/preferences.h"
#include "ui/session-file.h"
#include "ui/settings.h"

#include <string.h>

/* ---- the inspector's page ---- */

static GtkWidget *find_of_type(GtkWidget *widget, const char *type) {
  if (g_str_equal(G_OBJECT_TYPE_NAME(widget), type))
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child(widget); child; child = gtk_widget_get_next_sibling(child)) {
    GtkWidget *found = find_of_type(child, type);

    if (found)
      return found;
  }
  return NULL;
}

static guint count_saying(GtkWidget *widget, const char *text) {
  guint n = GTK_IS_LABEL(widget) && gtk_widget_get_visible(widget) && strstr(gtk_label_get_text(GTK_LABEL(widget)), text);

  for (GtkWidget *child = gtk_widget_get_first_child(widget); child; child = gtk_widget_get_next_sibling(child))
    n += count_saying(child, text);
  return n;
}

static GtkWidget *find_with_tooltip(GtkWidget *widget, const char *text) {
  const char *tip = gtk_widget_get_tooltip_text(widget);

  if (tip && strstr(tip, text))
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child(widget); child; child = gtk_widget_get_next_sibling(child)) {
    GtkWidget *found = find_with_tooltip(child, text);

    if (found)
      return found;
  }
  return NULL;
}

static GtkWidget *find_page(void) {
  g_autoptr(GList) windows = gtk_window_list_toplevels();

  for (GList *l = windows; l; l = l->next) {
    GtkWidget *found = find_of_type(l->data, "AxInspectorPage");

    if (found)
      return found;
  }
  return NULL;
}

static gboolean has_page(gpointer unused) { return find_page() != NULL; }
static gboolean is_mapped(gpointer widget) { return gtk_widget_get_mapped(widget); }

static gboolean says(GtkWidget *widget, const char *text) { return count_saying(widget, text) > 0; }

static gboolean has_frame(gpointer page) {
  GtkWidget *picture = find_of_type(page, "GtkPicture");
  GdkPaintable *paintable = picture ? gtk_picture_get_paintable(GTK_PICTURE(picture)) : NULL;

  return paintable && gdk_paintable_get_intrinsic_width(paintable) == 64;
}

static gboolean has_answer(gpointer page) { return says(page, "1200 ms"); }
static gboolean is_quiet(gpointer window) { return !ax_asker_get_busy(AX_MAIN_WINDOW(window)->asker); }

static void test_inspector(void) {
  AxMainWindow *window = ax_fixture_open_first();
  GtkWidget *page;

  ax_test_xdotool("key ctrl+shift+d");
  ax_test_wait(has_page, NULL);
  page = find_page();
  gtk_stack_set_visible_child(GTK_STACK(gtk_widget_get_ancestor(page, GTK_TYPE_STACK)), page);
  ax_test_wait(is_mapped, page);
  ax_test_wait(has_frame, page);
  g_assert_true(says(page, "phantom-boxes 0123456789ab"));
  g_assert_true(says(page, "frame 8.0 + network 300.0 + sentences 2.0 = 310.0 ms"));
  g_assert_true(says(page, "282.3 MiB")); /* 52 + 9 + 190 + 31 MiB and 300 KiB */
  g_assert_true(says(page, "not yet"));   /* nothing was asked, nothing mirrored */
  g_assert_false(has_answer(page));
  gtk_widget_activate_action(GTK_WIDGET(window), "win.ask", "s", "report");
  ax_test_wait(is_quiet, window);
  ax_test_wait(has_answer, page);
  gtk_widget_activate_action(GTK_WIDGET(window), "win.mirror", NULL);
  ax_test_wait(ax_fixture_is_mirrored, window);
  g_object_set(page, "object", window->canvas, NULL); /* as the inspector does */
  ax_fixture_close_window(window);
  ax_test_run_for(700); /* it refreshes without the window */
  g_assert_true(says(page, "There is no window of the viewer."));
  gtk_window_set_interactive_debugging(FALSE);
}

/* ---- the device ---- */

static GtkWidget *choice_called(GtkWidget *widget, const char *label) {
  if (GTK_IS_CHECK_BUTTON(widget) && g_strcmp0(gtk_check_button_get_label(GTK_CHECK_BUTTON(widget)), label) == 0)
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child(widget); child; child = gtk_widget_get_next_sibling(child)) {
    GtkWidget *found = choice_called(child, label);

    if (found)
      return found;
  }
  return NULL;
}

static gboolean says_card(gpointer window) { return strstr(gtk_label_get_text(AX_MAIN_WINDOW(window)->model_status), "NVIDIA H200, 3.2 GB") != NULL; }
static gboolean says_no_card(gpointer window) { return !says_card(window); }

static guint n_moved;
static gboolean waited; /* the panel said that it waits for the model */

static void on_moved(void) { n_moved++; }
static void on_label(GtkLabel *label) { waited |= strstr(gtk_label_get_text(label), "It changes when the model has finished") != NULL; }
static gboolean has_moved(gpointer n) { return n_moved == GPOINTER_TO_UINT(n); }

/* What is on screen between two looks of a test is seen too. */
static void listen_to_labels(GtkWidget *widget) {
  if (GTK_IS_LABEL(widget))
    g_signal_connect(widget, "notify::label", G_CALLBACK(on_label), NULL);
  for (GtkWidget *child = gtk_widget_get_first_child(widget); child; child = gtk_widget_get_next_sibling(child))
    listen_to_labels(child);
}

/* The popover at the model's name: device, memory and speed; another device while it runs, and why there is none. */
static void test_device(void) {
  AxMainWindow *window;
  GtkWidget *panel;
  g_autofree char *kept = NULL, *again = NULL;

  g_setenv("AX_FAKE_CARD", "1", TRUE);
  window = ax_fixture_open_first();
  panel = GTK_WIDGET(window->device_panel);
  g_assert_true(says_card(window));
  g_signal_connect(panel, "moved", G_CALLBACK(on_moved), NULL);
  listen_to_labels(panel);
  gtk_widget_activate_action(GTK_WIDGET(window), "win.ask", "s", "report");
  ax_test_wait(is_quiet, window);
  ax_test_point_at(window->device_button, gtk_widget_get_width(window->device_button) / 2.0, gtk_widget_get_height(window->device_button) / 2.0);
  ax_test_xdotool("click 1");
  ax_test_wait(is_mapped, panel);
  g_assert_true(says(panel, "NVIDIA H200"));
  g_assert_true(says(panel, "3.2 of 150.0 GB taken"));
  g_assert_true(says(panel, "282.3 MiB")); /* 52 + 9 + 190 + 31 MiB and 300 KiB */
  g_assert_true(says(panel, "20 tokens of the prompt read, 1250 a second\n20 tokens written, 160 a second"));
  g_assert_nonnull(strstr(gtk_widget_get_tooltip_text(find_with_tooltip(GTK_WIDGET(window->ask_panel), "160 a second")), "1250 a second"));
  g_assert_true(gtk_check_button_get_active(GTK_CHECK_BUTTON(choice_called(panel, "The graphics processor, where there is one"))));
  ax_test_run_for(300);
  gtk_widget_grab_focus(choice_called(panel, "The processor"));
  ax_test_xdotool("key space");
  ax_test_wait(has_moved, GUINT_TO_POINTER(1));
  g_assert_true(waited);
  ax_test_wait(says_no_card, window); /* which nobody asked to look again */
  g_assert_true(says(panel, "CPU"));
  g_assert_false(says(panel, "taken"));
  g_assert_cmpuint(count_saying(panel, "Last answer"), ==, 1); /* the row that is not needed now is gone */
  g_assert_true(gtk_check_button_get_active(GTK_CHECK_BUTTON(choice_called(panel, "The processor"))));
  kept = ax_settings_get_string("device", "auto");
  g_assert_cmpstr(kept, ==, "cpu");
  /* back to a card that has gone meanwhile */
  g_unsetenv("AX_FAKE_CARD");
  gtk_widget_grab_focus(choice_called(panel, "The graphics processor, where there is one"));
  ax_test_xdotool("key space");
  ax_test_wait(has_moved, GUINT_TO_POINTER(2));
  again = ax_settings_get_string("device", "cpu");
  g_assert_cmpstr(again, ==, "auto");
  g_assert_true(says(panel, "no NVIDIA driver is installed"));
  g_assert_true(says_no_card(window));
  ax_test_xdotool("key Escape");
  ax_test_run_for(300);
  g_assert_false(gtk_widget_get_mapped(panel));
  ax_fixture_close_window(window);
}

/* ---- what cannot be kept ---- */

static gboolean has_toast(gpointer window) { return find_of_type(window, "AdwToastWidget") != NULL; }
static gboolean has_no_toast(gpointer window) { return !has_toast(window); }

static gboolean says_not_kept(gpointer window) {
  const char *toast = ax_main_window_get_toast(AX_MAIN_WINDOW(window));

  return toast && strstr(toast, "is not kept");
}

/* A session file that cannot be written is told, once and not at every stroke. */
static void test_not_kept(void) {
  AxMainWindow *window = ax_fixture_open_first();
  g_autofree char *nowhere = g_build_filename(ax_fixture.first, "sessions", NULL), *before = g_strdup(g_getenv("ANATOMIX_SESSIONS"));
  const AdwToast *first; /* compared only */

  g_setenv("ANATOMIX_SESSIONS", nowhere, TRUE); /* below a file */
  ax_test_xdotool("key c");                     /* the cardiothoracic ratio is drawn */
  ax_test_wait(says_not_kept, window);
  first = window->toast;
  ax_test_xdotool("key ctrl+z");
  ax_test_run_for(1000);
  g_assert_false(ax_session_file_is_writing());
  g_assert_true(window->toast == NULL || window->toast == first);
  g_setenv("ANATOMIX_SESSIONS", before, TRUE);
  ax_fixture_close_window(window);
}

/* ---- Escape ---- */

static gboolean is_speaking(gpointer window) { return ax_asker_get_busy(AX_MAIN_WINDOW(window)->asker); }

/* A toast does not eat the first Escape: it stops the answer, the next one takes the selection away, and only then the toast goes. */
static void test_escape(void) {
  AxMainWindow *window = ax_fixture_open_first();

  g_setenv("AX_FAKE_WORD_MS", "2000", TRUE);
  gtk_widget_activate_action(GTK_WIDGET(window), "win.ask", "s", "report");
  ax_test_wait(is_speaking, window);
  ax_canvas_set_selected(window->canvas, 3);
  gtk_widget_grab_focus(GTK_WIDGET(window->canvas));
  ax_main_window_toast(window, "A word");
  ax_test_wait(has_toast, window);
  ax_test_xdotool("key Escape");
  ax_test_wait(is_quiet, window);
  g_unsetenv("AX_FAKE_WORD_MS");
  g_assert_true(has_toast(window));
  g_assert_cmpint(ax_canvas_get_selected(window->canvas), ==, 3);
  ax_test_xdotool("key Escape");
  g_assert_cmpint(ax_canvas_get_selected(window->canvas), ==, -1);
  g_assert_true(has_toast(window));
  ax_test_xdotool("key Escape");
  ax_test_wait(has_no_toast, window);
  g_assert_null(window->toast);
  ax_fixture_close_window(window);
}

/* ---- keys ---- */

/* The names that the table has are those that GTK gives these keys, and the ones that a person's keys get. */
static void test_key_names(void) {
  static const struct {
    guint key;
    GdkModifierType state;
    const char *name;
  } pressed[] = {
    {GDK_KEY_r, 0, "r"}, {GDK_KEY_R, GDK_SHIFT_MASK, "<Shift>r"}, {GDK_KEY_R, GDK_LOCK_MASK, "r"}, {GDK_KEY_slash, GDK_SHIFT_MASK, "slash"},
    {GDK_KEY_Z, GDK_SHIFT_MASK | GDK_CONTROL_MASK, "<Shift><Control>z"}, {GDK_KEY_Delete, GDK_CONTROL_MASK, "<Control>Delete"}, {GDK_KEY_F5, GDK_SHIFT_MASK, "<Shift>F5"},
    {GDK_KEY_KP_1, 0, "KP_1"}, {GDK_KEY_Left, GDK_SHIFT_MASK, "<Shift>Left"}, {GDK_KEY_Shift_L, GDK_SHIFT_MASK, NULL}, {GDK_KEY_ISO_Level3_Shift, 0, NULL},
  };

  for (guint i = 0; i < ax_command_get_n(); i++) {
    g_auto(GStrv) keys = g_strsplit(ax_command_get(i)->keys, " ", -1);

    for (guint k = 0; keys[k] && *keys[k]; k++) {
      g_autofree char *name = NULL;
      GdkModifierType modifiers;
      guint key;

      g_assert_true(gtk_accelerator_parse(keys[k], &key, &modifiers));
      name = gtk_accelerator_name(key, modifiers);
      g_assert_cmpstr(name, ==, keys[k]);
    }
  }
  for (guint i = 0; i < G_N_ELEMENTS(pressed); i++) {
    g_autofree char *name = ax_key_name(pressed[i].key, pressed[i].state);

    g_assert_cmpstr(name, ==, pressed[i].name);
  }
}

static GtkWindow *window_of_type(GType type) {
  g_autoptr(GList) windows = gtk_window_list_toplevels();

  for (GList *l = windows; l; l = l->next)
    if (G_TYPE_CHECK_INSTANCE_TYPE(l->data, type) && gtk_widget_get_mapped(l->data))
      return l->data;
  return NULL;
}

static gboolean has_window(gpointer type) { return window_of_type(*(GType *)type) != NULL; }
static gboolean has_no_window(gpointer type) { return window_of_type(*(GType *)type) == NULL; }

/* Clicks on a command's row and presses keys in the window that comes. */
static void edit_key(AxPreferences *preferences, const char *action, const char *keys, const char *note) {
  GType type = AX_TYPE_KEY_EDITOR;
  GtkWidget *row = ax_preferences_find_row(preferences, (guint)ax_command_find(action));

  ax_test_focus(GTK_WINDOW(preferences));
  gtk_widget_grab_focus(row); /* which scrolls to it */
  ax_test_run_for(300);
  ax_test_xdotool("key Return");
  ax_test_wait(has_window, &type);
  ax_test_focus(window_of_type(type));
  ax_test_xdotool("key %s", keys);
  g_assert_nonnull(strstr(ax_key_editor_get_note(AX_KEY_EDITOR(window_of_type(type))), note));
  ax_test_xdotool("key Return");
  ax_test_wait(has_no_window, &type);
}

static char *accel_of(GMenuModel *menu, const char *action) {
  char *found = NULL;

  for (int i = 0; !found && i < g_menu_model_get_n_items(menu); i++) {
    static const char *const links[] = {G_MENU_LINK_SECTION, G_MENU_LINK_SUBMENU};
    g_autofree char *name = NULL;

    if (g_menu_model_get_item_attribute(menu, i, "action", "s", &name) && g_str_equal(name, action))
      return g_menu_model_get_item_attribute(menu, i, "accel", "s", &found) ? found : g_strdup("none");
    for (int k = 0; !found && k < 2; k++) {
      g_autoptr(GMenuModel) link = g_menu_model_get_item_link(menu, i, links[k]);

      found = link ? accel_of(link, action) : NULL;
    }
  }
  return found;
}

static void assert_accel(AxMainWindow *window, const char *action, const char *key) {
  g_autofree char *accel = accel_of(gtk_menu_button_get_menu_model(window->menu_button), action);

  g_assert_cmpstr(accel, ==, key);
}

static GtkWidget *find_by_action(GtkWidget *widget, const char *action) {
  if (GTK_IS_ACTIONABLE(widget) && g_strcmp0(gtk_actionable_get_action_name(GTK_ACTIONABLE(widget)), action) == 0)
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child(widget); child; child = gtk_widget_get_next_sibling(child)) {
    GtkWidget *found = find_by_action(child, action);

    if (found)
      return found;
  }
  return NULL;
}

/* The line of the list of all keys whose id is that action. */
static char *key_in_list(GtkWidget *widget, const char *title) {
  if (GTK_IS_SHORTCUTS_SHORTCUT(widget)) {
    g_autofree char *own = NULL, *key = NULL;

    g_object_get(widget, "title", &own, "accelerator", &key, NULL);
    if (g_str_equal(own, title))
      return g_steal_pointer(&key);
  }
  for (GtkWidget *child = gtk_widget_get_first_child(widget); child; child = gtk_widget_get_next_sibling(child)) {
    char *found = key_in_list(child, title);

    if (found)
      return found;
  }
  return NULL;
}

/* Another key for a command: in the window, the menu, the tooltip and the list; whose it was; the usual ones again. */
static void test_shortcuts(void) {
  GType preferences_type = AX_TYPE_PREFERENCES, list_type = GTK_TYPE_SHORTCUTS_WINDOW;
  AxMainWindow *window = ax_fixture_open_first();
  GtkWidget *button = find_by_action(GTK_WIDGET(window), "win.boxes");
  g_autofree char *in_list = NULL;
  AxPreferences *preferences;

  assert_accel(window, "win.boxes", "b");
  g_assert_cmpstr(gtk_widget_get_tooltip_text(button), ==, "Show the boxes (B)");
  ax_test_xdotool("key ctrl+comma");
  ax_test_wait(has_window, &preferences_type);
  preferences = AX_PREFERENCES(window_of_type(preferences_type));
  ax_preferences_show_keys(preferences);
  ax_test_run_for(300);
  edit_key(preferences, "win.boxes", "Left", "“Previous image in folder” has this key now and will lose it.");
  edit_key(preferences, "win.previous", "F2", "This key is free.");
  edit_key(preferences, "win.boxes", "F3", "This key is free.");
  edit_key(preferences, "win.boxes", "ctrl+Left", "belongs to the picture"); /* Return is for Cancel then */
  gtk_window_close(GTK_WINDOW(preferences));
  ax_test_wait(has_no_window, &preferences_type);
  ax_test_focus(GTK_WINDOW(window));
  gtk_widget_grab_focus(GTK_WIDGET(window->canvas));
  ax_test_xdotool("key b");
  g_assert_true(ax_visibility_get_all(window->visibility));
  ax_test_xdotool("key F3");
  g_assert_false(ax_visibility_get_all(window->visibility));
  ax_test_xdotool("key F3");
  assert_accel(window, "win.boxes", "F3");
  assert_accel(window, "win.previous", "F2");
  g_assert_cmpstr(gtk_widget_get_tooltip_text(button), ==, "Show the boxes (F3)");
  ax_test_xdotool("key F1");
  ax_test_wait(has_window, &list_type);
  in_list = key_in_list(GTK_WIDGET(window_of_type(list_type)), "Show the boxes");
  g_assert_cmpstr(in_list, ==, "F3");
  gtk_window_close(window_of_type(list_type));
  ax_test_wait(has_no_window, &list_type);
  {
    g_autoptr(GVariant) kept = ax_settings_get_value("shortcuts", G_VARIANT_TYPE("a{ss}"));

    g_assert_cmpuint(g_variant_n_children(kept), ==, 2);
  }
  ax_keymap_set_key(ax_keymap_get_default(), (guint)ax_command_find("win.boxes"), NULL);
  assert_accel(window, "win.boxes", "none");
  g_assert_cmpstr(gtk_widget_get_tooltip_text(button), ==, "Show the boxes");
  ax_keymap_reset_all(ax_keymap_get_default());
  ax_test_focus(GTK_WINDOW(window));
  ax_test_xdotool("key b");
  g_assert_false(ax_visibility_get_all(window->visibility));
  ax_test_xdotool("key b");
  assert_accel(window, "win.previous", "Left");
  ax_fixture_close_window(window);
}

/* Twice the size: text that is told in points grows, and back again. */
static void test_text_size(void) {
  AxMainWindow *window = ax_fixture_open_first();
  int before, after;

  gtk_widget_measure(GTK_WIDGET(window->image_status), GTK_ORIENTATION_VERTICAL, -1, &before, NULL, NULL, NULL);
  ax_settings_set_int("text-size", 200);
  ax_text_size_apply();
  ax_test_run_for(300);
  gtk_widget_measure(GTK_WIDGET(window->image_status), GTK_ORIENTATION_VERTICAL, -1, &after, NULL, NULL, NULL);
  g_assert_cmpint(after, >=, 2 * before - 2);
  ax_settings_set_int("text-size", 100);
  ax_text_size_apply();
  ax_test_run_for(300);
  gtk_widget_measure(GTK_WIDGET(window->image_status), GTK_ORIENTATION_VERTICAL, -1, &after, NULL, NULL, NULL);
  g_assert_cmpint(after, ==, before);
  ax_fixture_close_window(window);
}

int main(int argc, char **argv) {
  static const AxWindowTest tests[] = {
    {"/ui/window-tools/inspector", test_inspector},
    {"/ui/window-tools/device", test_device},
    {"/ui/window-tools/not-kept", test_not_kept},
    {"/ui/window-tools/escape", test_escape},
    {"/ui/window-tools/key-names", test_key_names},
    {"/ui/window-tools/shortcuts", test_shortcuts},
    {"/ui/window-tools/text-size", test_text_size},
  };

  return ax_fixture_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
