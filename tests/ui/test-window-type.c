/* Type of twice the size in the window under Xvfb, on the session of fake-session.c: every main state fits 1024 x 700, no text is cut without a way to read it, and
 * nothing is given less room than it needs. GTK's own complaints about layouts end the test. */
#include "tests/ui/window-fixture.h"
#include "ui/preferences.h"
#include "ui/round-view-private.h"
#include "ui/settings.h"

#include <glib/gstdio.h>
#include <string.h>

static gboolean is_quiet(gpointer window) { return !ax_asker_get_busy(AX_MAIN_WINDOW(window)->asker); }
static gboolean has_prior(gpointer window) { return ax_document_get_perception(AX_MAIN_WINDOW(window)->prior, FALSE) != NULL; }
static gboolean has_error(gpointer window) { return ax_document_get_error(ax_main_window_get_document(window)) != NULL; }
static gboolean is_prior_failed(gpointer window) { return ax_document_get_error(AX_MAIN_WINDOW(window)->prior) != NULL; }
static gboolean is_playing(gpointer window) { return ax_main_window_is_in_round(window) && ax_round_view_is_loaded(AX_MAIN_WINDOW(window)->round); }

/* The whole text is where the pointer finds it. */
static gboolean has_tooltip(GtkWidget *widget) {
  for (int i = 0; widget && i < 3; i++, widget = gtk_widget_get_parent(widget))
    if (gtk_widget_get_tooltip_text(widget))
      return TRUE;
  return FALSE;
}

static void check(GtkWidget *widget, const char *state, guint *n) {
  int width = gtk_widget_get_width(widget), wide, high;

  if (!gtk_widget_get_mapped(widget) || GTK_IS_POPOVER(widget))
    return;
  if (GTK_IS_LABEL(widget) && gtk_label_get_text(GTK_LABEL(widget))[0] && width > 0) {
    PangoLayout *layout = gtk_label_get_layout(GTK_LABEL(widget));

    (*n)++;
    pango_layout_get_pixel_size(layout, &wide, &high);
    if (wide > width + 1 || high > gtk_widget_get_height(widget) + 1) /* a pixel for what is rounded */
      g_error("%s: \"%s\" has %d x %d of %d x %d pixels", state, gtk_label_get_text(GTK_LABEL(widget)), width, gtk_widget_get_height(widget), wide, high);
    if (pango_layout_is_ellipsized(layout) && !has_tooltip(widget) && !gtk_widget_get_ancestor(widget, ADW_TYPE_WINDOW_TITLE))
      g_error("%s: \"%s\" is cut", state, gtk_label_get_text(GTK_LABEL(widget)));
  }
  for (GtkWidget *child = gtk_widget_get_first_child(widget); child; child = gtk_widget_get_next_sibling(child))
    check(child, state, n);
}

static void check_state(AxMainWindow *window, const char *state) {
  int width, height;
  guint n = 0;

  ax_test_run_for(350); /* what slides and fades is there */
  gtk_widget_measure(GTK_WIDGET(window), GTK_ORIENTATION_HORIZONTAL, -1, &width, NULL, NULL, NULL);
  gtk_widget_measure(GTK_WIDGET(window), GTK_ORIENTATION_VERTICAL, 1024, &height, NULL, NULL, NULL);
  g_test_message("%s: at least %d x %d", state, width, height);
  g_assert_cmpint(width, <=, 1024);
  g_assert_cmpint(height, <=, 700);
  check(GTK_WIDGET(window), state, &n);
  g_assert_cmpuint(n, >, 3); /* it did look at something */
}

static AxMainWindow *open_at(const char *model, const char *path, int width, int height) {
  AxMainWindow *window = ax_fixture_new_window(model);

  ax_test_show(GTK_WINDOW(window), width, height);
  if (path)
    ax_main_window_open(window, path);
  return window;
}

static void activate(AxMainWindow *window, const char *action) { g_assert_true(gtk_widget_activate_action(GTK_WIDGET(window), action, NULL)); }

static void test_view(gconstpointer data) {
  gboolean small = GPOINTER_TO_INT(data);
  AxMainWindow *window = open_at("model", NULL, small ? 1024 : 1280, small ? 700 : 800);

  check_state(window, "empty");
  ax_main_window_open(window, ax_fixture.first);
  ax_test_wait(ax_fixture_is_answered, window);
  check_state(window, "view");
  ax_canvas_set_selected(window->canvas, 4);
  check_state(window, "selected");
  activate(window, "win.film-strip");
  check_state(window, "film strip");
  ax_main_window_compare(window, ax_fixture.second);
  ax_test_wait(has_prior, window);
  check_state(window, "compare");
  activate(window, "win.close-prior");
  gtk_label_set_text(window->hint, "The model finds left and right exchanged: a mirrored image, a displaced heart, or organs on the other side. No letter was read that tells which.");
  gtk_revealer_set_reveal_child(window->hint_revealer, TRUE);
  check_state(window, "hint and film strip");
  gtk_revealer_set_reveal_child(window->hint_revealer, FALSE);
  activate(window, "win.film-strip");
  activate(window, "win.ratio");
  gtk_stack_set_visible_child_name(window->panel, "marks");
  check_state(window, "measurements");
  gtk_widget_activate_action(GTK_WIDGET(window), "win.ask", "s", "report");
  ax_test_wait(is_quiet, window);
  check_state(window, "report");
  activate(window, "win.mirror");
  ax_test_wait(ax_fixture_is_mirrored, window);
  check_state(window, "mirror test");
  activate(window, "win.mirror");
  ax_main_window_open(window, ax_fixture.broken);
  ax_test_wait(ax_fixture_is_failed, window);
  check_state(window, "error");
  ax_fixture_close_window(window);
}

static void test_no_model(void) {
  AxMainWindow *window = open_at("missing", ax_fixture.first, 1024, 700);

  ax_test_wait(has_error, window);
  check_state(window, "no model");
  activate(window, "win.film-strip");
  ax_main_window_compare(window, ax_fixture.second);
  ax_test_wait(is_prior_failed, window);
  check_state(window, "no model: film strip and compare");
  activate(window, "win.mirror");
  check_state(window, "no model: mirror test");
  ax_fixture_close_window(window);
}

static void test_round(void) {
  static const char text[] =
    "{\"format\": \"anatomix teaching round\", \"version\": 1, \"title\": \"First films\", \"cases\": ["
    "{\"id\": \"a\", \"image\": \"first.png\", \"task\": \"draw\", \"subject\": \"pleural effusion\", \"accepted\": {\"boxes\": [[202, 270, 388, 452]]}, \"hint\": \"Look at the angles.\","
    " \"explanation\": \"The left costophrenic angle is blunted, and the density rises to the side.\"},"
    "{\"id\": \"b\", \"image\": \"first.png\", \"task\": \"name\", \"region\": [282, 84, 440, 464], \"choices\": [\"Left costodiaphragmatic recess\", \"Left cardiophrenic sulcus\"],"
    " \"accepted\": {\"names\": [\"Left costodiaphragmatic recess\"]}},"
    "{\"id\": \"c\", \"image\": \"first.png\", \"task\": \"impression\", \"accepted\": {\"findings\": [\"cardiomegaly\"]}}]}";
  g_autofree char *path = g_build_filename(ax_fixture.folder, "round.json", NULL);
  AxMainWindow *window;

  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  window = open_at("model", path, 1024, 700);
  ax_test_wait(is_playing, window);
  ax_test_xdotool("key h");
  check_state(window, "round: asked");
  ax_test_xdotool("key ctrl+Return");
  check_state(window, "round: revealed");
  ax_test_xdotool("key p");
  check_state(window, "round: presenter");
  ax_test_xdotool("key p Right");
  check_state(window, "round: name");
  g_assert_cmpfloat(gtk_adjustment_get_value(gtk_scrolled_window_get_vadjustment(window->round->scroller)), ==, 0); /* the question is seen first */
  ax_test_xdotool("key Right");
  check_state(window, "round: impression");
  gtk_widget_activate_action(GTK_WIDGET(window->round), "round.next", NULL);
  check_state(window, "round: results");
  ax_fixture_close_window(window);
  g_unlink(path);
}

static void test_view_large(void) { test_view(GINT_TO_POINTER(FALSE)); }
static void test_view_small(void) { test_view(GINT_TO_POINTER(TRUE)); }

static void test_begin(void) {
  ax_settings_set_int("text-size", 200);
  ax_text_size_apply();
}

static void test_end(void) {
  ax_settings_set_int("text-size", 100);
  ax_text_size_apply();
}

int main(int argc, char **argv) {
  static const AxWindowTest tests[] = {
    {"/ui/window-type/begin", test_begin},       {"/ui/window-type/small", test_view_small}, {"/ui/window-type/large", test_view_large},
    {"/ui/window-type/no-model", test_no_model}, {"/ui/window-type/round", test_round},      {"/ui/window-type/end", test_end},
  };

  return ax_fixture_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
