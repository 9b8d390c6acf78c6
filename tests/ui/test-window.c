/* The window under Xvfb, driven by real mouse and key events, on the session of fake-session.c: pictures, structures, measurements, failures. */
#include "tests/ui/window-fixture.h"
#include "ui/presets.h"
#include "ui/settings.h"

#include <math.h>

static gboolean has_error(gpointer window) { return ax_document_get_error(ax_main_window_get_document(window)) != NULL; }


static double area_of(AxMainWindow *window, int index) {
  AxBox box;

  g_assert_true(ax_box_layer_get_box(ax_canvas_get_box_layer(window->canvas), index, &box));
  return ax_box_area(box);
}

/* ---- tests ---- */

static void test_open(void) {
  AxMainWindow *window = ax_fixture_new_window("model");
  AxBox box;

  ax_test_show(GTK_WINDOW(window), 1200, 760);
  g_assert_cmpstr(ax_fixture_page(window), ==, "empty");
  ax_main_window_open(window, ax_fixture.first);
  ax_test_wait(ax_fixture_is_answered, window);
  g_assert_cmpstr(ax_fixture_page(window), ==, "view");
  g_assert_true(ax_box_layer_get_box(ax_canvas_get_box_layer(window->canvas), 0, &box));
  g_assert_cmpstr(gtk_label_get_text(window->image_status), ==, "512 × 600 pixels · PNG, 8 bit grey");
  g_assert_nonnull(strstr(gtk_label_get_text(window->model_status), "phantom-boxes"));
  g_assert_cmpstr(adw_window_title_get_title(window->title), ==, "first.png");
  ax_fixture_close_window(window);
}

static void test_hover_and_click(void) {
  AxMainWindow *window = ax_fixture_open_first();
  int carina = ax_anatomy_find("Carina"), selected;
  double area;

  ax_fixture_point_at_structure(window, "Carina", 0.5, 0.5);
  g_assert_cmpint(ax_canvas_get_hovered(window->canvas), ==, carina);
  g_assert_cmpint(ax_anatomy_list_get_hovered(window->anatomy_list), ==, carina);
  ax_test_xdotool("click 1");
  g_assert_cmpint(ax_canvas_get_selected(window->canvas), ==, carina);
  g_assert_cmpint(ax_anatomy_list_get_selected(window->anatomy_list), ==, carina);
  /* further clicks go outward, to the end and then to none */
  area = area_of(window, carina);
  for (int clicks = 0;; clicks++) {
    g_assert_cmpint(clicks, <, AX_N_ANATOMY);
    ax_test_run_for(450); /* longer than a double click */
    ax_test_xdotool("click 1");
    selected = ax_canvas_get_selected(window->canvas);
    if (selected < 0) {
      g_assert_cmpint(clicks, >, 1);
      break;
    }
    g_assert_cmpfloat(area_of(window, selected), >=, area);
    area = area_of(window, selected);
  }
  g_assert_cmpint(ax_anatomy_list_get_selected(window->anatomy_list), ==, -1);
  ax_fixture_close_window(window);
}

static void test_list(void) {
  AxMainWindow *window = ax_fixture_open_first();
  int apex = ax_anatomy_find("Apical zone of right lung");
  GtkWidget *row = ax_fixture_find_row(GTK_WIDGET(window->anatomy_list), GTK_TYPE_LIST_BOX_ROW, apex), *hidden;

  ax_test_point_at(row, 60, 12);
  g_assert_cmpint(ax_canvas_get_hovered(window->canvas), ==, apex);
  ax_test_xdotool("click 1");
  g_assert_cmpint(ax_canvas_get_selected(window->canvas), ==, apex);
  ax_test_xdotool("key v"); /* hidden, though as the selected one it is still drawn */
  g_assert_false(ax_visibility_shows(window->visibility, apex));
  ax_test_xdotool("key v");
  ax_test_xdotool("key Down"); /* the list is at the keys now */
  g_assert_cmpint(ax_canvas_get_selected(window->canvas), !=, apex);
  g_assert_cmpint(ax_canvas_get_selected(window->canvas), >=, 0);
  ax_test_xdotool("key Escape");
  g_assert_cmpint(ax_canvas_get_selected(window->canvas), ==, -1);
  /* single letters belong to the search while it has the keys */
  ax_test_xdotool("key ctrl+f");
  ax_test_xdotool("type cam");
  ax_test_xdotool("key BackSpace BackSpace BackSpace");
  ax_test_xdotool("type carina");
  ax_test_run_for(400);
  g_assert_cmpstr(ax_fixture_page(window), ==, "view");
  hidden = ax_fixture_find_row(GTK_WIDGET(window->anatomy_list), GTK_TYPE_LIST_BOX_ROW, apex);
  g_assert_false(gtk_widget_get_child_visible(hidden));
  g_assert_true(gtk_widget_get_child_visible(ax_fixture_find_row(GTK_WIDGET(window->anatomy_list), GTK_TYPE_LIST_BOX_ROW, ax_anatomy_find("Carina"))));
  ax_fixture_close_window(window);
}

static void test_zoom_and_pan(void) {
  AxMainWindow *window = ax_fixture_open_first();
  AxViewport *viewport = ax_canvas_get_viewport(window->canvas);
  double x, y, bx, by, zoom = ax_viewport_get_zoom(viewport), center = ax_viewport_get_center_x(viewport);

  ax_test_point_at(GTK_WIDGET(window->canvas), 200, 300);
  ax_viewport_to_image(viewport, 200, 300, &x, &y);
  ax_test_xdotool("click 4 click 4 click 4");
  g_assert_cmpfloat_with_epsilon(ax_viewport_get_zoom(viewport), zoom * pow(1.1225, 3), 1e-6);
  ax_viewport_to_view(viewport, x, y, &bx, &by);
  /* the pointer stands on whole pixels of the screen: up to one pixel from the point that was asked for, which the zoom moves by 0.41 of it */
  g_assert_cmpfloat_with_epsilon(bx, 200, 0.42);
  g_assert_cmpfloat_with_epsilon(by, 300, 0.42);
  /* middle drag */
  ax_viewport_to_view(viewport, x, y, &bx, &by);
  ax_test_xdotool("mousedown 2 mousemove_relative 30 0 mousemove_relative 30 20 mouseup 2");
  g_assert_cmpfloat(ax_viewport_get_center_x(viewport), !=, center);
  ax_viewport_to_view(viewport, x, y, &center, &zoom);
  g_assert_cmpfloat_with_epsilon(center - bx, 60, 1e-6);
  g_assert_cmpfloat_with_epsilon(zoom - by, 20, 1e-6);
  /* space and left drag */
  ax_test_xdotool("mousemove_relative -- -60 -20");
  ax_test_xdotool("keydown space");
  ax_test_xdotool("mousedown 1 mousemove_relative -- -30 0 mousemove_relative -- -30 -20 mouseup 1");
  ax_test_xdotool("keyup space");
  ax_viewport_to_view(viewport, x, y, &center, &zoom);
  g_assert_cmpfloat_with_epsilon(center - bx, 0, 1e-6);
  g_assert_cmpfloat_with_epsilon(zoom - by, 0, 1e-6);
  g_assert_cmpint(ax_canvas_get_selected(window->canvas), ==, -1);
  /* double click */
  g_assert_false(ax_viewport_get_fitted(viewport));
  ax_test_xdotool("click --repeat 2 --delay 60 1");
  g_assert_true(ax_viewport_get_fitted(viewport));
  ax_fixture_close_window(window);
}

static void test_grey_window(void) {
  AxMainWindow *window = ax_fixture_open_first();
  AxViewport *viewport = ax_canvas_get_viewport(window->canvas);
  double width = ax_viewport_get_window_width(viewport), center = ax_viewport_get_window_center(viewport);

  ax_test_point_at(GTK_WIDGET(window->canvas), 300, 300);
  ax_test_xdotool("mousedown 1 mousemove_relative 40 0 mousemove_relative 40 60 mouseup 1");
  g_assert_cmpfloat(ax_viewport_get_window_width(viewport), >, width + 5);
  g_assert_cmpfloat(ax_viewport_get_window_center(viewport), <, center - 5);
  g_assert_cmpint(ax_canvas_get_selected(window->canvas), ==, -1); /* a drag is no click */
  ax_test_xdotool("key w");
  g_assert_cmpfloat(ax_viewport_get_window_width(viewport), ==, width);
  g_assert_cmpfloat(ax_viewport_get_window_center(viewport), ==, center);
  ax_fixture_close_window(window);
}

static void test_keys(void) {
  AxMainWindow *window = ax_fixture_open_first();
  AxViewport *viewport = ax_canvas_get_viewport(window->canvas);

  ax_test_xdotool("key i");
  g_assert_true(ax_viewport_get_inverted(viewport));
  ax_test_xdotool("key z");
  g_assert_cmpfloat(ax_viewport_get_zoom(viewport), ==, 1);
  ax_test_xdotool("key plus");
  g_assert_cmpfloat(ax_viewport_get_zoom(viewport), >, 1);
  ax_test_xdotool("key shift+Right");
  g_assert_cmpfloat(ax_viewport_get_center_x(viewport), !=, 256);
  ax_test_xdotool("key 0");
  g_assert_true(ax_viewport_get_fitted(viewport));
  ax_test_xdotool("key r");
  g_assert_cmpint(ax_viewport_get_rotation(viewport), ==, 90);
  ax_test_xdotool("key h");
  g_assert_true(ax_viewport_get_mirrored(viewport));
  ax_test_xdotool("key h r r r");
  g_assert_false(ax_viewport_get_mirrored(viewport));
  g_assert_cmpint(ax_viewport_get_rotation(viewport), ==, 0);
  g_assert_cmpuint(window->presets->len, >=, 3);
  ax_test_xdotool("key 3");
  g_assert_cmpfloat(ax_viewport_get_window_center(viewport), ==, g_array_index(window->presets, AxPreset, 2).center);
  g_assert_cmpfloat(ax_viewport_get_window_width(viewport), ==, g_array_index(window->presets, AxPreset, 2).width);
  ax_test_xdotool("key 1");
  g_assert_cmpfloat(ax_viewport_get_window_center(viewport), ==, g_array_index(window->presets, AxPreset, 0).center);
  ax_test_xdotool("key b");
  g_assert_false(ax_visibility_get_all(window->visibility));
  ax_test_xdotool("key b");
  g_assert_true(ax_visibility_get_all(window->visibility));
  gtk_widget_activate_action(GTK_WIDGET(window), "win.group-bones", NULL);
  g_assert_false(ax_visibility_get_group(window->visibility, AX_GROUP_BONES));
  ax_test_xdotool("key Right");
  ax_test_wait(ax_fixture_is_second, window);
  ax_test_wait(ax_fixture_is_answered, window);
  ax_test_xdotool("key Left");
  ax_test_run_for(300);
  g_assert_cmpstr(ax_document_get_name(window->document), ==, "first.png");
  ax_fixture_close_window(window);
}

static GtkWindow *dialog_of(GtkWindow *window) {
  g_autoptr(GList) all = gtk_window_list_toplevels();

  for (GList *l = all; l; l = l->next)
    if (gtk_window_get_transient_for(l->data) == window && gtk_widget_get_mapped(l->data))
      return l->data;
  return NULL;
}

static gboolean has_dialog(gpointer window) { return dialog_of(window) != NULL; }
static gboolean has_no_dialog(gpointer window) { return dialog_of(window) == NULL; }

/* Types and ends with Return; the window gets the keyboard back, as a window manager would see to. */
static void ax_test_type_into_dialog(AxMainWindow *window, const char *text) {
  ax_test_focus(dialog_of(GTK_WINDOW(window)));
  ax_test_xdotool("type %s", text);
  ax_test_xdotool("key Return");
  ax_test_wait(has_no_dialog, window);
  ax_test_focus(GTK_WINDOW(window));
}

static gboolean has_menu(gpointer canvas) {
  for (GtkWidget *child = gtk_widget_get_first_child(canvas); child; child = gtk_widget_get_next_sibling(child))
    if (GTK_IS_POPOVER(child) && gtk_widget_get_mapped(child))
      return TRUE;
  return FALSE;
}

static gboolean has_no_menu(gpointer canvas) { return !has_menu(canvas); }

/* The right button opens the menu, whose entries are the window's actions; what was opened is among the recent files. */
static void test_menus(void) {
  AxMainWindow *window = ax_fixture_open_first();
  g_auto(GStrv) recent = ax_recent_list();

  ax_test_point_at(GTK_WIDGET(window->canvas), 200, 200);
  ax_test_xdotool("click 3");
  ax_test_wait(has_menu, window->canvas);
  ax_test_xdotool("key Escape");
  ax_test_wait(has_no_menu, window->canvas);
  g_assert_cmpstr(recent[0], ==, ax_fixture.first);
  g_assert_cmpint(g_menu_model_get_n_items(G_MENU_MODEL(window->recent_menu)), >=, 2);
  gtk_widget_activate_action(GTK_WIDGET(window), "win.open-recent", "^ay", ax_fixture.second);
  ax_test_wait(ax_fixture_is_second, window);
  ax_test_wait(ax_fixture_is_answered, window);
  gtk_widget_activate_action(GTK_WIDGET(window), "win.clear-recent", NULL);
  g_assert_cmpint(g_menu_model_get_n_items(G_MENU_MODEL(window->recent_menu)), ==, 1);
  ax_fixture_close_window(window);
}

/* A caliper drawn by the mouse, deleted and brought back by keys; greys and turns come back by the same key. */
static void test_marks(void) {
  AxMainWindow *window = ax_fixture_open_first();
  AxMarks *marks = ax_document_get_marks(window->document);
  AxViewport *viewport = ax_canvas_get_viewport(window->canvas);
  double width = ax_viewport_get_window_width(viewport);

  ax_test_xdotool("key l");
  ax_test_point_at(GTK_WIDGET(window->canvas), 150, 200);
  ax_test_xdotool("mousedown 1 mousemove_relative 60 0 mousemove_relative 60 40 mouseup 1");
  g_assert_cmpuint(ax_marks_get_n(marks), ==, 1);
  g_assert_cmpfloat_with_epsilon(ax_marks_get(marks, 0)->points[1].x - ax_marks_get(marks, 0)->points[0].x, 120 / ax_viewport_get_zoom(viewport), 1e-6);
  g_assert_cmpfloat(ax_viewport_get_window_width(viewport), ==, width); /* the drag was the caliper's */
  gtk_stack_set_visible_child_name(window->panel, "marks");
  ax_test_run_for(100);
  ax_test_xdotool("key Delete");
  g_assert_cmpuint(ax_marks_get_n(marks), ==, 0);
  ax_test_xdotool("key ctrl+z");
  g_assert_cmpuint(ax_marks_get_n(marks), ==, 1);
  ax_test_xdotool("key c"); /* the ratio, from the boxes */
  g_assert_cmpuint(ax_marks_get_n(marks), ==, 2);
  g_assert_cmpint(ax_marks_get(marks, 1)->kind, ==, AX_MARK_RATIO);
  /* by keys alone: a region, moved by ten and one pixels */
  ax_test_xdotool("key d Return");
  g_assert_cmpint(ax_marks_get(marks, 2)->kind, ==, AX_MARK_BOX);
  {
    double x = ax_marks_get(marks, 2)->points[0].x;

    ax_test_xdotool("key ctrl+shift+Right ctrl+Right");
    g_assert_cmpfloat_with_epsilon(ax_marks_get(marks, 2)->points[0].x - x, 11, 1e-4);
  }
  ax_test_xdotool("key i r");
  g_assert_true(ax_viewport_get_inverted(viewport));
  ax_test_xdotool("key ctrl+z ctrl+z");
  g_assert_false(ax_viewport_get_inverted(viewport));
  g_assert_cmpint(ax_viewport_get_rotation(viewport), ==, 0);
  ax_test_xdotool("key ctrl+shift+z");
  g_assert_true(ax_viewport_get_inverted(viewport));
  /* calibration by a dialog: the first mark is 100 mm long */
  ax_test_xdotool("key n");
  g_assert_cmpuint(ax_marks_get_selected(marks), ==, ax_marks_get(marks, 0)->id);
  ax_test_xdotool("key k");
  ax_test_wait(has_dialog, window);
  ax_test_type_into_dialog(window, "100");
  g_assert_cmpfloat(ax_marks_get_calibration(marks), >, 0);
  ax_main_window_open(window, ax_fixture.second); /* another image: its own marks, its own undo */
  ax_test_wait(ax_fixture_is_second, window);
  ax_test_wait(ax_fixture_is_answered, window);
  g_assert_cmpuint(ax_marks_get_n(marks), ==, 0);
  g_assert_null(ax_undo_get_undo_name(ax_document_get_undo(window->document)));
  ax_fixture_close_window(window);
}

static void test_errors(void) {
  AxMainWindow *window = ax_fixture_open_first(), *without;

  ax_main_window_open(window, ax_fixture.broken);
  ax_test_wait(ax_fixture_is_failed, window);
  ax_test_run_for(200);
  g_assert_cmpstr(ax_fixture_page(window), ==, "error");
  g_assert_nonnull(strstr(adw_status_page_get_description(window->error_page), "not a PNG"));
  ax_fixture_close_window(window);

  without = ax_fixture_new_window("missing");
  ax_test_show(GTK_WINDOW(without), 1024, 700);
  ax_main_window_open(without, ax_fixture.first);
  ax_test_wait(has_error, without);
  g_assert_cmpstr(ax_fixture_page(without), ==, "view"); /* the image is there to look at */
  g_assert_nonnull(strstr(gtk_label_get_text(without->model_status), "model.json"));
  ax_fixture_close_window(without);
}

static void test_cancel_and_close(void) {
  AxMainWindow *window = ax_fixture_new_window("model");

  g_setenv("AX_FAKE_DELAY_MS", "3000", TRUE);
  ax_test_show(GTK_WINDOW(window), 1024, 700);
  ax_main_window_open(window, ax_fixture.first);
  ax_test_wait(ax_fixture_is_at_work, window);
  ax_test_run_for(500);
  g_assert_true(gtk_widget_get_mapped(GTK_WIDGET(window->progress)));
  g_assert_cmpfloat(gtk_progress_bar_get_fraction(window->progress), >, 0);
  ax_test_xdotool("key Escape");
  g_assert_cmpint(ax_document_get_state(window->document), ==, AX_DOCUMENT_READY);
  g_assert_false(gtk_widget_get_mapped(GTK_WIDGET(window->progress)));
  ax_test_xdotool("key F5");
  ax_test_wait(ax_fixture_is_at_work, window);
  ax_main_window_open(window, ax_fixture.second); /* another one during the work */
  ax_test_run_for(300);
  ax_fixture_close_window(window); /* and closing during the work */
  ax_test_run_for(500);
  g_unsetenv("AX_FAKE_DELAY_MS");
}

int main(int argc, char **argv) {
  static const AxWindowTest tests[] = {
    {"/ui/window/open", test_open},
    {"/ui/window/hover-and-click", test_hover_and_click},
    {"/ui/window/list", test_list},
    {"/ui/window/zoom-and-pan", test_zoom_and_pan},
    {"/ui/window/grey-window", test_grey_window},
    {"/ui/window/keys", test_keys},
    {"/ui/window/menus", test_menus},
    {"/ui/window/marks", test_marks},
    {"/ui/window/errors", test_errors},
    {"/ui/window/cancel-and-close", test_cancel_and_close},
  };

  return ax_fixture_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
