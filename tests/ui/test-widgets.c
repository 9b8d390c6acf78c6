/* Each widget on its own: filled, emptied, and gone when its last reference is. */
#include "tests/ui/loop.h"
#include "ui/anatomy-list.h"
#include "ui/canvas.h"
#include "ui/findings-bars.h"
#include "ui/mark-list.h"
#include "ui/mirror-view.h"
#include "ui/sample-gallery.h"
#include <adwaita.h>

static AxSession *session;
static AxPyramid *pyramid;
static AxPerception *plain, *mirrored;

static void on_answer(GObject *source, GAsyncResult *result, gpointer data) {
  *(AxPerception **)data = ax_session_perceive_finish(AX_SESSION(source), result, NULL);
}

static gboolean has_both(gpointer data) { return plain && mirrored; }

static void test_canvas(void) {
  GtkWidget *canvas = g_object_ref_sink(ax_canvas_new());
  AxBox box;

  ax_canvas_set_pyramid(AX_CANVAS(canvas), pyramid);
  ax_canvas_set_perception(AX_CANVAS(canvas), mirrored);
  /* boxes of mirrored pixels are mirrored back */
  g_assert_true(ax_box_layer_get_box(ax_canvas_get_box_layer(AX_CANVAS(canvas)), 11, &box));
  g_assert_cmpfloat_with_epsilon(box.x2, mirrored->width - mirrored->anatomy[11].box.x1, 1e-9);
  ax_canvas_set_selected(AX_CANVAS(canvas), 11);
  ax_canvas_set_pyramid(AX_CANVAS(canvas), NULL);
  g_assert_cmpint(ax_canvas_get_selected(AX_CANVAS(canvas)), ==, -1);
  g_assert_false(ax_box_layer_get_box(ax_canvas_get_box_layer(AX_CANVAS(canvas)), 11, &box));
  gtk_test_accessible_assert_role(canvas, GTK_ACCESSIBLE_ROLE_IMG);
  g_assert_finalize_object(canvas);
}

/* Smallest first, and hidden groups do not count. */
static void test_find(void) {
  g_autoptr(AxBoxLayer) layer = ax_box_layer_new();
  g_autoptr(AxVisibility) visibility = ax_visibility_new();
  AxBox boxes[AX_N_ANATOMY];
  guint found[AX_N_ANATOMY], n, fewer;

  for (guint i = 0; i < AX_N_ANATOMY; i++)
    boxes[i] = plain->anatomy[i].box;
  ax_box_layer_set_boxes(layer, boxes);
  n = ax_box_layer_find(layer, (boxes[4].x1 + boxes[4].x2) / 2, (boxes[4].y1 + boxes[4].y2) / 2, found);
  g_assert_cmpuint(n, >, 1);
  for (guint i = 1; i < n; i++)
    g_assert_cmpfloat(ax_box_area(boxes[found[i - 1]]), <=, ax_box_area(boxes[found[i]]));
  ax_box_layer_set_visibility(layer, visibility);
  ax_visibility_set_group(visibility, AX_GROUP_HEART, FALSE);
  fewer = ax_box_layer_find(layer, (boxes[4].x1 + boxes[4].x2) / 2, (boxes[4].y1 + boxes[4].y2) / 2, found);
  g_assert_cmpuint(fewer, <, n);
  g_assert_cmpuint(ax_box_layer_find(layer, -5, -5, found), ==, 0);
}

/* Every structure is a focusable list item that says its name, its sentence and the similarity. Returns how many there are. */
static int check_rows(GtkWidget *widget) {
  int n = 0;

  if (GTK_IS_LIST_BOX_ROW(widget)) {
    guint i = GPOINTER_TO_UINT(g_object_get_data(G_OBJECT(widget), "ax-index"));
    g_autofree char *name = g_strdup_printf("%s: %s Similarity %.2f", ax_anatomy_name(i), plain->anatomy[i].retrieved[0].sentence,
                                            plain->anatomy[i].retrieved[0].score);

    gtk_test_accessible_assert_role(widget, GTK_ACCESSIBLE_ROLE_LIST_ITEM);
    gtk_test_accessible_assert_property(widget, GTK_ACCESSIBLE_PROPERTY_LABEL, name);
    g_assert_true(gtk_widget_get_focusable(widget));
    n++;
  }
  for (GtkWidget *child = gtk_widget_get_first_child(widget); child; child = gtk_widget_get_next_sibling(child))
    n += check_rows(child);
  return n;
}

static GtkWidget *find_eye(GtkWidget *widget, guint index) {
  GtkWidget *found = NULL;

  if (GTK_IS_TOGGLE_BUTTON(widget) && gtk_widget_has_css_class(widget, "eye") &&
      GPOINTER_TO_UINT(g_object_get_data(G_OBJECT(widget), "ax-index")) == index)
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child(widget); child && !found; child = gtk_widget_get_next_sibling(child))
    found = find_eye(child, index);
  return found;
}

static GtkWidget *find_type(GtkWidget *widget, GType type) {
  GtkWidget *found = g_type_is_a(G_OBJECT_TYPE(widget), type) ? widget : NULL;

  for (GtkWidget *child = gtk_widget_get_first_child(widget); child && !found; child = gtk_widget_get_next_sibling(child))
    found = find_type(child, type);
  return found;
}

static GtkListBox *find_list_box(GtkWidget *widget) { return GTK_LIST_BOX(find_type(widget, GTK_TYPE_LIST_BOX)); }
static GtkWidget *find_button(GtkWidget *widget) { return find_type(widget, GTK_TYPE_BUTTON); }

static void test_anatomy_list(void) {
  GtkWidget *list = g_object_ref_sink(ax_anatomy_list_new()), *eye;
  g_autoptr(AxVisibility) visibility = ax_visibility_new();

  ax_anatomy_list_set_perception(AX_ANATOMY_LIST(list), plain);
  ax_anatomy_list_set_selected(AX_ANATOMY_LIST(list), 7);
  ax_anatomy_list_set_hovered(AX_ANATOMY_LIST(list), 8);
  g_assert_cmpint(ax_anatomy_list_get_selected(AX_ANATOMY_LIST(list)), ==, 7);
  g_assert_cmpint(check_rows(list), ==, AX_N_ANATOMY);
  /* an eye hides, and says so */
  ax_anatomy_list_set_visibility(AX_ANATOMY_LIST(list), visibility);
  eye = find_eye(list, 9);
  g_assert_true(gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(eye)));
  gtk_toggle_button_set_active(GTK_TOGGLE_BUTTON(eye), FALSE);
  g_assert_false(ax_visibility_shows(visibility, 9));
  ax_visibility_set_structure(visibility, 9, TRUE);
  g_assert_true(gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(eye)));
  gtk_test_accessible_assert_state(eye, GTK_ACCESSIBLE_STATE_PRESSED, GTK_ACCESSIBLE_TRISTATE_TRUE);
  ax_anatomy_list_set_perception(AX_ANATOMY_LIST(list), NULL);
  g_assert_finalize_object(list);
}

/* What a mark measures is in the list in words, and its button deletes it. */
static void test_mark_list(void) {
  GtkWidget *list = g_object_ref_sink(ax_mark_list_new()), *row;
  g_autoptr(AxUndo) undo = ax_undo_new();
  g_autoptr(AxMarks) marks = ax_marks_new(undo);
  AxMark mark = {.kind = AX_MARK_LENGTH, .points = {{0, 0}, {30, 40}}};

  ax_mark_list_set_marks(AX_MARK_LIST(list), marks, ax_pyramid_get_image(pyramid));
  ax_marks_add(marks, &mark);
  row = GTK_WIDGET(gtk_list_box_get_row_at_index(find_list_box(list), 0));
  gtk_test_accessible_assert_role(row, GTK_ACCESSIBLE_ROLE_LIST_ITEM);
  gtk_test_accessible_assert_property(row, GTK_ACCESSIBLE_PROPERTY_LABEL, "Length: 50 pixels");
  g_signal_emit_by_name(find_button(row), "clicked");
  g_assert_cmpuint(ax_marks_get_n(marks), ==, 0);
  g_assert_null(gtk_list_box_get_row_at_index(find_list_box(list), 0));
  ax_undo_undo(undo);
  g_assert_nonnull(gtk_list_box_get_row_at_index(find_list_box(list), 0));
  g_assert_finalize_object(list);
}

static void test_findings(void) {
  GtkWidget *bars = g_object_ref_sink(ax_findings_bars_new()), *grid = gtk_widget_get_first_child(bars);
  double last = 2;

  ax_findings_bars_set_perception(AX_FINDINGS_BARS(bars), plain);
  for (guint row = 0; row < plain->n_findings; row++) {
    GtkWidget *bar = gtk_grid_get_child_at(GTK_GRID(grid), 1, (int)row), *word = gtk_grid_get_child_at(GTK_GRID(grid), 3, (int)row);
    double value = gtk_level_bar_get_value(GTK_LEVEL_BAR(bar));

    g_assert_cmpfloat(value, <=, last); /* most probable first */
    last = value;
    g_assert_cmpstr(gtk_label_get_text(GTK_LABEL(word)), ==, value < 0.33 ? "unlikely" : value < 0.66 ? "possible" : "likely");
    gtk_test_accessible_assert_role(bar, GTK_ACCESSIBLE_ROLE_METER);
    {
      g_autofree char *spoken = g_strdup_printf("%.0f %%, %s", 100 * value, ax_findings_bars_word(value));

      gtk_test_accessible_assert_property(bar, GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, spoken);
      gtk_test_accessible_assert_property(bar, GTK_ACCESSIBLE_PROPERTY_LABEL, gtk_label_get_text(GTK_LABEL(gtk_grid_get_child_at(GTK_GRID(grid), 0, (int)row))));
    }
  }
  ax_findings_bars_set_perception(AX_FINDINGS_BARS(bars), NULL);
  g_assert_true(GTK_IS_LABEL(gtk_widget_get_first_child(grid))); /* not empty without a word */
  g_assert_null(gtk_widget_get_next_sibling(gtk_widget_get_first_child(grid)));
  g_assert_finalize_object(bars);
}

static void test_mirror_view(void) {
  GtkWidget *view = g_object_ref_sink(ax_mirror_view_new());

  ax_mirror_view_set_pyramid(AX_MIRROR_VIEW(view), pyramid);
  ax_mirror_view_set_perceptions(AX_MIRROR_VIEW(view), plain, mirrored);
  for (int pair = 0; pair < AX_N_PAIRS; pair++) {
    ax_mirror_view_select_pair(AX_MIRROR_VIEW(view), pair);
    g_assert_cmpint(ax_mirror_view_get_selected_pair(AX_MIRROR_VIEW(view)), ==, pair);
  }
  ax_canvas_set_selected(ax_mirror_view_get_canvas(AX_MIRROR_VIEW(view), TRUE), 20);
  g_assert_cmpint(ax_mirror_view_get_selected_pair(AX_MIRROR_VIEW(view)), ==, 5);
  g_assert_finalize_object(view);
}

static void test_gallery(void) {
  GtkWidget *gallery = g_object_ref_sink(ax_sample_gallery_new("/nowhere"));
  g_autofree char *samples = ax_sample_gallery_default_folder();

  g_assert_finalize_object(gallery);
  gallery = g_object_ref_sink(ax_sample_gallery_new(samples)); /* goes while its pictures are being made */
  g_assert_finalize_object(gallery);
  ax_test_run_for(300);
}

int main(int argc, char **argv) {
  guint8 pixels[64 * 48];
  g_autoptr(AxImage) image = NULL;

  gtk_test_init(&argc, &argv, NULL);
  adw_init();
  for (guint i = 0; i < sizeof pixels; i++)
    pixels[i] = i & 255;
  image = ax_image_new_from_u8(64, 48, pixels, AX_IMAGE_ORIGIN_FLOAT, NULL);
  pyramid = ax_pyramid_new(image);
  session = ax_session_new("model");
  ax_session_perceive_async(session, image, FALSE, NULL, NULL, NULL, on_answer, &plain);
  ax_session_perceive_async(session, image, TRUE, NULL, NULL, NULL, on_answer, &mirrored);
  ax_test_wait(has_both, NULL);
  g_test_add_func("/ui/canvas", test_canvas);
  g_test_add_func("/ui/box-layer/find", test_find);
  g_test_add_func("/ui/anatomy-list", test_anatomy_list);
  g_test_add_func("/ui/mark-list", test_mark_list);
  g_test_add_func("/ui/findings-bars", test_findings);
  g_test_add_func("/ui/mirror-view", test_mirror_view);
  g_test_add_func("/ui/sample-gallery", test_gallery);
  return g_test_run();
}
