/* The window under Xvfb, driven by real mouse and key events, on the session of fake-session.c. */
#include "tests/ui/drive.h"
#include "ui/presets.h"
#include "ui/session-file.h"
#include "ui/settings.h"
#include "ui/window-private.h"

#include "engine/image/png-write.h"
#include <glib/gstdio.h>
#include <math.h>

static GtkApplication *application;
static char *folder, *first, *second, *broken;
static gboolean keep_sessions;

static char *write_image(const char *name, int width, int height) {
  g_autofree guint8 *pixels = g_malloc((gsize)width * height);
  char *path = g_build_filename(folder, name, NULL);

  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      pixels[y * width + x] = (x * 160 / width + y * 90 / height) & 255;
  g_assert_true(ax_png_write(path, width, height, 1, 8, pixels, NULL));
  return path;
}

/* ---- conditions to wait for ---- */

static gboolean is_answered(gpointer window) { return ax_document_get_perception(ax_main_window_get_document(window), FALSE) != NULL; }
static gboolean is_mirrored(gpointer window) { return ax_document_get_perception(ax_main_window_get_document(window), TRUE) != NULL; }
static gboolean is_failed(gpointer window) { return ax_document_get_state(ax_main_window_get_document(window)) == AX_DOCUMENT_FAILED; }
static gboolean is_at_work(gpointer window) { return ax_document_get_state(ax_main_window_get_document(window)) == AX_DOCUMENT_PERCEIVING; }
static gboolean is_second(gpointer window) { return g_str_has_suffix(ax_document_get_name(ax_main_window_get_document(window)), "second.png"); }
static gboolean is_first(gpointer window) { return g_str_has_suffix(ax_document_get_name(ax_main_window_get_document(window)), "first.png"); }
static gboolean has_error(gpointer window) { return ax_document_get_error(ax_main_window_get_document(window)) != NULL; }

/* Each window has a folder of sessions of its own, unless a test says otherwise: what one test leaves is not what another finds. */
static AxMainWindow *new_window(const char *model) {
  g_autoptr(AxSession) session = ax_session_new(model);
  static int number;

  if (!keep_sessions) {
    g_autofree char *name = g_strdup_printf("sessions-%d", number++), *path = g_build_filename(g_get_user_data_dir(), name, NULL);

    g_setenv("ANATOMIX_SESSIONS", path, TRUE);
  }

  return ax_main_window_new(application, session);
}

static AxMainWindow *open_first(void) {
  AxMainWindow *window = new_window("model");

  ax_main_window_open(window, first);
  ax_test_show(GTK_WINDOW(window), 1200, 760);
  ax_test_wait(is_answered, window);
  ax_test_run_for(200);
  return window;
}

/* The window is closed as a person closes it, and must be gone then. */
static void close_window(AxMainWindow *window) {
  g_object_add_weak_pointer(G_OBJECT(window), (gpointer *)&window);
  gtk_window_close(GTK_WINDOW(window));
  for (int i = 0; window && i < 50; i++)
    ax_test_run_for(20);
  g_assert_null(window);
}

static const char *page(AxMainWindow *window) { return gtk_stack_get_visible_child_name(window->content); }

/* The pointer on a point of a structure's box; (0.5, 0.5) is its middle. */
static void point_at_structure(AxMainWindow *window, const char *name, double u, double v) {
  int index = ax_anatomy_find(name);
  double x, y;
  AxBox box;

  g_assert_cmpint(index, >=, 0);
  g_assert_true(ax_box_layer_get_box(ax_canvas_get_box_layer(window->canvas), index, &box));
  ax_viewport_to_view(ax_canvas_get_viewport(window->canvas), box.x1 + u * (box.x2 - box.x1), box.y1 + v * (box.y2 - box.y1), &x, &y);
  ax_test_point_at(GTK_WIDGET(window->canvas), x, y);
}

static double area_of(AxMainWindow *window, int index) {
  AxBox box;

  g_assert_true(ax_box_layer_get_box(ax_canvas_get_box_layer(window->canvas), index, &box));
  return ax_box_area(box);
}

/* ---- tests ---- */

static void test_open(void) {
  AxMainWindow *window = new_window("model");
  AxBox box;

  ax_test_show(GTK_WINDOW(window), 1200, 760);
  g_assert_cmpstr(page(window), ==, "empty");
  ax_main_window_open(window, first);
  ax_test_wait(is_answered, window);
  g_assert_cmpstr(page(window), ==, "view");
  g_assert_true(ax_box_layer_get_box(ax_canvas_get_box_layer(window->canvas), 0, &box));
  g_assert_cmpstr(gtk_label_get_text(window->image_status), ==, "512 × 600 pixels · PNG, 8 bit grey");
  g_assert_nonnull(strstr(gtk_label_get_text(window->model_status), "phantom-boxes"));
  g_assert_cmpstr(adw_window_title_get_title(window->title), ==, "first.png");
  close_window(window);
}

static void test_hover_and_click(void) {
  AxMainWindow *window = open_first();
  int carina = ax_anatomy_find("Carina"), selected;
  double area;

  point_at_structure(window, "Carina", 0.5, 0.5);
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
  close_window(window);
}

static GtkWidget *find_row(GtkWidget *widget, GType type, int wanted) {
  if (G_TYPE_CHECK_INSTANCE_TYPE(widget, type) && GPOINTER_TO_INT(g_object_get_data(G_OBJECT(widget), "ax-index")) == wanted)
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child(widget); child; child = gtk_widget_get_next_sibling(child)) {
    GtkWidget *found = find_row(child, type, wanted);

    if (found)
      return found;
  }
  return NULL;
}

static void test_list(void) {
  AxMainWindow *window = open_first();
  int apex = ax_anatomy_find("Apical zone of right lung");
  GtkWidget *row = find_row(GTK_WIDGET(window->anatomy_list), GTK_TYPE_LIST_BOX_ROW, apex), *hidden;

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
  g_assert_cmpstr(page(window), ==, "view");
  hidden = find_row(GTK_WIDGET(window->anatomy_list), GTK_TYPE_LIST_BOX_ROW, apex);
  g_assert_false(gtk_widget_get_child_visible(hidden));
  g_assert_true(gtk_widget_get_child_visible(find_row(GTK_WIDGET(window->anatomy_list), GTK_TYPE_LIST_BOX_ROW, ax_anatomy_find("Carina"))));
  close_window(window);
}

static void test_zoom_and_pan(void) {
  AxMainWindow *window = open_first();
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
  close_window(window);
}

static void test_grey_window(void) {
  AxMainWindow *window = open_first();
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
  close_window(window);
}

static void test_keys(void) {
  AxMainWindow *window = open_first();
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
  ax_test_wait(is_second, window);
  ax_test_wait(is_answered, window);
  ax_test_xdotool("key Left");
  ax_test_run_for(300);
  g_assert_cmpstr(ax_document_get_name(window->document), ==, "first.png");
  close_window(window);
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
  AxMainWindow *window = open_first();
  g_auto(GStrv) recent = ax_recent_list();

  ax_test_point_at(GTK_WIDGET(window->canvas), 200, 200);
  ax_test_xdotool("click 3");
  ax_test_wait(has_menu, window->canvas);
  ax_test_xdotool("key Escape");
  ax_test_wait(has_no_menu, window->canvas);
  g_assert_cmpstr(recent[0], ==, first);
  g_assert_cmpint(g_menu_model_get_n_items(G_MENU_MODEL(window->recent_menu)), >=, 2);
  gtk_widget_activate_action(GTK_WIDGET(window), "win.open-recent", "^ay", second);
  ax_test_wait(is_second, window);
  ax_test_wait(is_answered, window);
  gtk_widget_activate_action(GTK_WIDGET(window), "win.clear-recent", NULL);
  g_assert_cmpint(g_menu_model_get_n_items(G_MENU_MODEL(window->recent_menu)), ==, 1);
  close_window(window);
}

/* A caliper drawn by the mouse, deleted and brought back by keys; greys and turns come back by the same key. */
static void test_marks(void) {
  AxMainWindow *window = open_first();
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
  ax_main_window_open(window, second); /* another image: its own marks, its own undo */
  ax_test_wait(is_second, window);
  ax_test_wait(is_answered, window);
  g_assert_cmpuint(ax_marks_get_n(marks), ==, 0);
  g_assert_null(ax_undo_get_undo_name(ax_document_get_undo(window->document)));
  close_window(window);
}

static void test_mirror(void) {
  AxMainWindow *window = open_first();
  AxViewport *plain = ax_canvas_get_viewport(ax_mirror_view_get_canvas(window->mirror_view, FALSE));
  AxViewport *mirrored = ax_canvas_get_viewport(ax_mirror_view_get_canvas(window->mirror_view, TRUE));
  GtkWidget *canvas = GTK_WIDGET(ax_mirror_view_get_canvas(window->mirror_view, TRUE));
  double x, y, px, py;
  AxBox plain_box, mirrored_box;

  ax_test_xdotool("key m");
  ax_test_wait(is_mirrored, window);
  ax_test_run_for(300);
  g_assert_cmpstr(page(window), ==, "mirror");
  /* linked zoom: what lies at the pointer of the right picture stays there, and the left picture has the same zoom and centre */
  ax_test_point_at(canvas, 100, 200);
  ax_viewport_to_image(mirrored, 100, 200, &x, &y);
  ax_test_xdotool("click 4 click 4");
  ax_viewport_to_view(mirrored, x, y, &px, &py);
  g_assert_cmpfloat_with_epsilon(px, 100, 0.42);
  g_assert_cmpfloat(ax_viewport_get_zoom(plain), ==, ax_viewport_get_zoom(mirrored));
  g_assert_cmpfloat(ax_viewport_get_center_x(plain), ==, ax_viewport_get_center_x(mirrored));
  g_assert_true(ax_viewport_get_mirrored(mirrored));
  g_assert_false(ax_viewport_get_mirrored(plain));
  /* the mirrored answer, mirrored back, lies where the plain one lies but for the shift of fake-session.c, 10 of 1024 */
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    ax_box_layer_get_box(ax_canvas_get_box_layer(ax_mirror_view_get_canvas(window->mirror_view, FALSE)), i, &plain_box);
    ax_box_layer_get_box(ax_canvas_get_box_layer(ax_mirror_view_get_canvas(window->mirror_view, TRUE)), i, &mirrored_box);
    g_assert_cmpfloat_with_epsilon(mirrored_box.x1 - plain_box.x1, 512 * 10 / 1024.0, 1e-9);
  }
  ax_mirror_view_select_pair(window->mirror_view, 5); /* the lungs */
  g_assert_cmpint(ax_canvas_get_selected(AX_CANVAS(canvas)), ==, ax_anatomy_find("Left lung"));
  ax_test_xdotool("key Escape");
  g_assert_cmpint(ax_mirror_view_get_selected_pair(window->mirror_view), ==, -1);
  ax_test_xdotool("key m");
  ax_test_run_for(200);
  g_assert_cmpstr(page(window), ==, "view");
  close_window(window);
}

static gboolean has_prior(gpointer window) { return ax_document_get_perception(AX_MAIN_WINDOW(window)->prior, FALSE) != NULL; }
static gboolean has_strip(gpointer window) { return ax_film_strip_get_n_drawn(AX_MAIN_WINDOW(window)->strip) >= 2; }
static gboolean is_swapped(gpointer window) { return is_second(window) && is_answered(window) && has_prior(window); }

/* Two images side by side: linked zoom, marks on the one that has the keys, exchanged; chosen from the film strip. */
static void test_compare(void) {
  AxMainWindow *window = open_first();
  AxViewport *current = ax_canvas_get_viewport(window->canvas), *prior = ax_canvas_get_viewport(window->prior_canvas);
  GtkWidget *list;

  ax_test_focus(GTK_WINDOW(window));
  for (int i = 0; i < 5 && !gtk_revealer_get_reveal_child(window->strip_revealer); i++) /* a key that comes before the focus is nobody's */
    ax_test_xdotool("key t");
  ax_test_wait(has_strip, window);
  g_assert_cmpuint(ax_film_strip_get_n(window->strip), ==, 2);
  list = find_row(GTK_WIDGET(window->strip), GTK_TYPE_PICTURE, 0);
  g_assert_nonnull(list);
  list = gtk_widget_get_next_sibling(gtk_widget_get_parent(gtk_widget_get_parent(list))); /* the second film */
  /* The strip slides in, on a busy machine for longer than a fixed time: until the film is there, a click may miss it. */
  for (int i = 0; i < 10 && !has_prior(window); i++) {
    ax_test_run_for(300);
    ax_test_point_at(list, 40, 40);
    ax_test_xdotool("click 3");
    ax_test_run_for(700);
  }
  ax_test_wait(has_prior, window);
  ax_test_run_for(200);
  g_assert_true(gtk_widget_get_mapped(GTK_WIDGET(window->prior_canvas)));
  ax_test_point_at(GTK_WIDGET(window->canvas), 150, 150);
  ax_test_xdotool("click 4 click 4");
  g_assert_cmpfloat_with_epsilon(ax_viewport_get_zoom(current) / ax_viewport_get_fit_zoom(current), ax_viewport_get_zoom(prior) / ax_viewport_get_fit_zoom(prior), 1e-9);
  /* a caliper on the prior image is the prior image's, and its undo too */
  ax_test_xdotool("key l");
  ax_test_point_at(GTK_WIDGET(window->prior_canvas), 100, 150);
  ax_test_xdotool("mousedown 1 mousemove_relative 40 0 mousemove_relative 40 0 mouseup 1");
  g_assert_cmpuint(ax_marks_get_n(ax_document_get_marks(window->prior)), ==, 1);
  g_assert_cmpuint(ax_marks_get_n(ax_document_get_marks(window->document)), ==, 0);
  g_assert_cmpint(ax_mark_tool_get_tool(ax_canvas_get_tool(window->canvas)), ==, AX_TOOL_SELECT);
  ax_test_xdotool("key ctrl+z");
  g_assert_cmpuint(ax_marks_get_n(ax_document_get_marks(window->prior)), ==, 0);
  ax_test_xdotool("key g i"); /* each for itself now */
  g_assert_true(ax_viewport_get_inverted(prior));
  g_assert_false(ax_viewport_get_inverted(current));
  ax_test_xdotool("key x");
  ax_test_wait(is_swapped, window);
  g_assert_cmpstr(ax_document_get_name(window->prior), ==, "first.png");
  gtk_widget_activate_action(GTK_WIDGET(window), "win.close-prior", NULL);
  ax_test_run_for(100);
  g_assert_false(gtk_widget_get_mapped(GTK_WIDGET(window->prior_canvas)));
  gtk_widget_activate_action(GTK_WIDGET(window), "win.film-strip", NULL);
  gtk_widget_activate_action(GTK_WIDGET(window), "win.link-views", NULL);
  /* a folder is its first image */
  ax_main_window_open(window, folder);
  ax_test_wait(is_first, window);
  ax_test_wait(is_answered, window);
  close_window(window);
}

/* What is drawn is there again, in another window, with the view and the answer, which is not asked for again. */
static void test_reopen(void) {
  AxMainWindow *window = open_first();
  AxViewport *viewport;
  AxMark before;
  double width;

  ax_test_xdotool("key i r");
  ax_test_xdotool("key c");
  before = *ax_marks_get(ax_document_get_marks(window->document), 0);
  ax_viewport_set_window(ax_canvas_get_viewport(window->canvas), 77, 55);
  width = ax_viewport_get_window_width(ax_canvas_get_viewport(window->canvas));
  close_window(window);
  ax_session_file_flush();
  keep_sessions = TRUE;
  g_setenv("AX_FAKE_DELAY_MS", "600000", TRUE); /* an answer now can only be the kept one */
  window = open_first();
  g_unsetenv("AX_FAKE_DELAY_MS");
  keep_sessions = FALSE;
  viewport = ax_canvas_get_viewport(window->canvas);
  g_assert_true(ax_viewport_get_inverted(viewport));
  g_assert_cmpint(ax_viewport_get_rotation(viewport), ==, 90);
  g_assert_cmpfloat(ax_viewport_get_window_width(viewport), ==, width);
  g_assert_cmpuint(ax_marks_get_n(ax_document_get_marks(window->document)), ==, 1);
  for (int i = 0; i < 4; i++)
    g_assert_cmpfloat(ax_marks_get(ax_document_get_marks(window->document), 0)->points[i].x, ==, before.points[i].x);
  g_assert_cmpint(ax_document_get_state(window->document), ==, AX_DOCUMENT_READY);
  close_window(window);
}

/* A row of question and result for each, none of them waiting. */
static gboolean is_text_compared(gpointer window) {
  GtkWidget *texts = ax_mirror_view_get_texts(AX_MAIN_WINDOW(window)->mirror_view), *last = gtk_widget_get_last_child(texts);

  return last && !g_str_equal(gtk_label_get_text(GTK_LABEL(last)), "Waiting for the model");
}

static AxExchange *exchange_at(AxMainWindow *window, guint i) {
  g_autoptr(AxExchange) exchange = g_list_model_get_item(ax_asker_get_list(window->asker), i);

  return exchange; /* the list holds it */
}

static gboolean is_quiet(gpointer window) { return !ax_asker_get_busy(AX_MAIN_WINDOW(window)->asker); }
static gboolean is_speaking(gpointer window) { return ax_exchange_get_plain(exchange_at(window, g_list_model_get_n_items(ax_asker_get_list(AX_MAIN_WINDOW(window)->asker)) - 1))[0] != 0; }

/* A case is read: report, sentences that light their boxes and the reverse, a verdict; a region described; a phrase that is not there; a question
 * stopped in the middle. All of it is there again in another window. */
static void test_ask(void) {
  AxMainWindow *window = open_first();
  AxAnswerLayer *layer = ax_canvas_get_answer_layer(window->canvas);
  AxExchangeView *view;
  AxReason reason;

  ax_test_xdotool("key shift+r");
  g_assert_cmpstr(gtk_stack_get_visible_child_name(window->panel), ==, "ask");
  ax_test_wait(is_quiet, window);
  ax_test_run_for(150);
  view = ax_ask_panel_find_view(window->ask_panel, exchange_at(window, 0));
  g_assert_cmpuint(ax_answer_layer_get_n_shown(layer), ==, 2);
  ax_test_point_at(ax_exchange_view_get_row(view, 1), 20, 8);
  ax_test_run_for(50);
  g_assert_cmpuint(ax_answer_layer_get_n_lit(layer), ==, 1);
  g_assert_cmpint(ax_canvas_get_hovered(window->canvas), ==, ax_anatomy_find("Left costodiaphragmatic recess"));
  point_at_structure(window, "Heart", 0.5, 0.5); /* the reverse: whatever is hovered there is marked where it is named */
  ax_canvas_set_hovered(window->canvas, ax_anatomy_find("Heart"));
  g_assert_true(gtk_widget_has_css_class(ax_exchange_view_get_row(view, 0), "hovered"));
  g_assert_false(gtk_widget_has_css_class(ax_exchange_view_get_row(view, 1), "hovered"));
  ax_exchange_set_verdict(exchange_at(window, 0), 1, AX_VERDICT_REJECTED, AX_REASON_SEVERITY, NULL);
  /* a region without a box, then with one */
  ax_test_focus(GTK_WINDOW(window));
  gtk_widget_grab_focus(GTK_WIDGET(window->canvas));
  ax_test_xdotool("key shift+d");
  g_assert_cmpuint(g_list_model_get_n_items(ax_asker_get_list(window->asker)), ==, 1); /* a word instead */
  ax_test_xdotool("key d Return shift+d");
  ax_test_wait(is_quiet, window);
  g_assert_cmpuint(g_list_model_get_n_items(ax_asker_get_list(window->asker)), ==, 2);
  g_assert_cmpuint(ax_answer_layer_get_n_shown(layer), ==, 1);
  /* a phrase, typed; nothing is found, and it says so */
  ax_test_xdotool("key slash");
  ax_test_xdotool("type unicorn");
  ax_test_xdotool("key Return");
  ax_test_wait(is_quiet, window);
  g_assert_true(ax_exchange_get_answer(exchange_at(window, 2))->nothing);
  g_assert_cmpuint(ax_answer_layer_get_n_shown(layer), ==, 0);
  /* a question, stopped by Escape: what was said stays */
  g_setenv("AX_FAKE_WORD_MS", "900", TRUE);
  gtk_widget_grab_focus(GTK_WIDGET(window->canvas));
  ax_test_xdotool("key q");
  ax_test_xdotool("type why");
  ax_test_xdotool("key Return");
  ax_test_wait(is_speaking, window);
  gtk_widget_grab_focus(GTK_WIDGET(window->canvas));
  ax_test_xdotool("key Escape"); /* takes the word on the missing region away */
  ax_test_xdotool("key Escape");
  ax_test_wait(is_quiet, window);
  g_unsetenv("AX_FAKE_WORD_MS");
  g_assert_cmpint(ax_exchange_get_state(exchange_at(window, 3)), ==, AX_EXCHANGE_CANCELLED);
  /* all of it again on the mirrored pixels */
  ax_test_xdotool("key m");
  ax_test_wait(is_mirrored, window);
  gtk_widget_activate_action(GTK_WIDGET(window), "win.mirror-text", NULL);
  ax_test_wait(is_text_compared, window);
  ax_test_xdotool("key m");
  close_window(window);
  ax_session_file_flush();
  keep_sessions = TRUE;
  window = open_first();
  keep_sessions = FALSE;
  g_assert_cmpuint(g_list_model_get_n_items(ax_asker_get_list(window->asker)), ==, 4);
  g_assert_cmpint(ax_exchange_get_verdict(exchange_at(window, 0), 1, &reason, NULL), ==, AX_VERDICT_REJECTED);
  g_assert_cmpint(reason, ==, AX_REASON_SEVERITY);
  g_assert_cmpuint(ax_exchange_get_n_boxes(exchange_at(window, 0)), ==, 2);
  close_window(window);
}

/* A model without its language part says what is missing, and the rest works. */
static void test_no_language(void) {
  AxMainWindow *window;

  g_setenv("AX_FAKE_NO_LANGUAGE", "1", TRUE);
  window = open_first();
  ax_test_xdotool("key shift+r");
  g_assert_cmpuint(g_list_model_get_n_items(ax_asker_get_list(window->asker)), ==, 0);
  g_assert_cmpstr(page(window), ==, "view");
  close_window(window);
  g_unsetenv("AX_FAKE_NO_LANGUAGE");
}

static void test_errors(void) {
  AxMainWindow *window = open_first(), *without;

  ax_main_window_open(window, broken);
  ax_test_wait(is_failed, window);
  ax_test_run_for(200);
  g_assert_cmpstr(page(window), ==, "error");
  g_assert_nonnull(strstr(adw_status_page_get_description(window->error_page), "not a PNG"));
  close_window(window);

  without = new_window("missing");
  ax_test_show(GTK_WINDOW(without), 1024, 700);
  ax_main_window_open(without, first);
  ax_test_wait(has_error, without);
  g_assert_cmpstr(page(without), ==, "view"); /* the image is there to look at */
  g_assert_nonnull(strstr(gtk_label_get_text(without->model_status), "model.json"));
  close_window(without);
}

static void test_cancel_and_close(void) {
  AxMainWindow *window = new_window("model");

  g_setenv("AX_FAKE_DELAY_MS", "3000", TRUE);
  ax_test_show(GTK_WINDOW(window), 1024, 700);
  ax_main_window_open(window, first);
  ax_test_wait(is_at_work, window);
  ax_test_run_for(500);
  g_assert_true(gtk_widget_get_mapped(GTK_WIDGET(window->progress)));
  g_assert_cmpfloat(gtk_progress_bar_get_fraction(window->progress), >, 0);
  ax_test_xdotool("key Escape");
  g_assert_cmpint(ax_document_get_state(window->document), ==, AX_DOCUMENT_READY);
  g_assert_false(gtk_widget_get_mapped(GTK_WIDGET(window->progress)));
  ax_test_xdotool("key F5");
  ax_test_wait(is_at_work, window);
  ax_main_window_open(window, second); /* another one during the work */
  ax_test_run_for(300);
  close_window(window); /* and closing during the work */
  ax_test_run_for(500);
  g_unsetenv("AX_FAKE_DELAY_MS");
}

int main(int argc, char **argv) {
  int status;

  g_test_init(&argc, &argv, NULL);
  application = GTK_APPLICATION(adw_application_new("org.anatomix.Viewer.Test", G_APPLICATION_NON_UNIQUE));
  g_application_set_resource_base_path(G_APPLICATION(application), "/org/anatomix/Viewer");
  g_assert_true(g_application_register(G_APPLICATION(application), NULL, NULL));
  folder = g_dir_make_tmp("ax-window-XXXXXX", NULL);
  first = write_image("first.png", 512, 600);
  second = write_image("second.png", 400, 300);
  broken = g_build_filename(folder, "broken.txt", NULL);
  g_file_set_contents(broken, "this is no image, but a sentence that is long enough", -1, NULL);
  g_test_add_func("/ui/window/open", test_open);
  g_test_add_func("/ui/window/hover-and-click", test_hover_and_click);
  g_test_add_func("/ui/window/list", test_list);
  g_test_add_func("/ui/window/zoom-and-pan", test_zoom_and_pan);
  g_test_add_func("/ui/window/grey-window", test_grey_window);
  g_test_add_func("/ui/window/keys", test_keys);
  g_test_add_func("/ui/window/menus", test_menus);
  g_test_add_func("/ui/window/marks", test_marks);
  g_test_add_func("/ui/window/mirror", test_mirror);
  g_test_add_func("/ui/window/compare", test_compare);
  g_test_add_func("/ui/window/reopen", test_reopen);
  g_test_add_func("/ui/window/ask", test_ask);
  g_test_add_func("/ui/window/no-language", test_no_language);
  g_test_add_func("/ui/window/errors", test_errors);
  g_test_add_func("/ui/window/cancel-and-close", test_cancel_and_close);
  status = g_test_run();
  g_unlink(first);
  g_unlink(second);
  g_unlink(broken);
  g_rmdir(folder);
  g_object_unref(application);
  return status;
}
