/* The window under Xvfb, driven by real mouse and key events, on the session of fake-session.c: what is around the pictures, such as inspector and shortcuts. */
#include "tests/ui/window-fixture.h"

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

static gboolean says(GtkWidget *widget, const char *text) {
  if (GTK_IS_LABEL(widget) && gtk_widget_get_visible(widget) && strstr(gtk_label_get_text(GTK_LABEL(widget)), text))
    return TRUE;
  for (GtkWidget *child = gtk_widget_get_first_child(widget); child; child = gtk_widget_get_next_sibling(child))
    if (says(child, text))
      return TRUE;
  return FALSE;
}

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

/* ---- Escape ---- */

static gboolean is_speaking(gpointer window) { return ax_asker_get_busy(AX_MAIN_WINDOW(window)->asker); }
static gboolean has_toast(gpointer window) { return find_of_type(window, "AdwToastWidget") != NULL; }
static gboolean has_no_toast(gpointer window) { return !has_toast(window); }

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

int main(int argc, char **argv) {
  static const AxWindowTest tests[] = {
    {"/ui/window-tools/inspector", test_inspector},
    {"/ui/window-tools/escape", test_escape},
  };

  return ax_fixture_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
