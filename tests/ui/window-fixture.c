#include "tests/ui/window-fixture.h"

#include "engine/image/png-write.h"
#include <glib/gstdio.h>

AxWindowFixture ax_fixture;

static char *write_image(const char *name, int width, int height) {
  g_autofree guint8 *pixels = g_malloc((gsize)width * height);
  char *path = g_build_filename(ax_fixture.folder, name, NULL);

  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      pixels[y * width + x] = (x * 160 / width + y * 90 / height) & 255;
  g_assert_true(ax_png_write(path, width, height, 1, 8, pixels, NULL));
  return path;
}

gboolean ax_fixture_is_answered(gpointer window) { return ax_document_get_perception(ax_main_window_get_document(window), FALSE) != NULL; }
gboolean ax_fixture_is_mirrored(gpointer window) { return ax_document_get_perception(ax_main_window_get_document(window), TRUE) != NULL; }
gboolean ax_fixture_is_failed(gpointer window) { return ax_document_get_state(ax_main_window_get_document(window)) == AX_DOCUMENT_FAILED; }
gboolean ax_fixture_is_at_work(gpointer window) { return ax_document_get_state(ax_main_window_get_document(window)) == AX_DOCUMENT_PERCEIVING; }
gboolean ax_fixture_is_second(gpointer window) { return g_str_has_suffix(ax_document_get_name(ax_main_window_get_document(window)), "second.png"); }
gboolean ax_fixture_is_first(gpointer window) { return g_str_has_suffix(ax_document_get_name(ax_main_window_get_document(window)), "first.png"); }

AxMainWindow *ax_fixture_new_window(const char *model) {
  g_autoptr(AxSession) session = ax_session_new(model);
  static int number;

  if (!ax_fixture.keep_sessions) {
    g_autofree char *name = g_strdup_printf("sessions-%d", number++), *path = g_build_filename(g_get_user_data_dir(), name, NULL);

    g_setenv("ANATOMIX_SESSIONS", path, TRUE);
  }
  return ax_main_window_new(ax_fixture.application, session);
}

AxMainWindow *ax_fixture_open_first(void) {
  AxMainWindow *window = ax_fixture_new_window("model");

  ax_main_window_open(window, ax_fixture.first);
  ax_test_show(GTK_WINDOW(window), 1200, 760);
  ax_test_wait(ax_fixture_is_answered, window);
  ax_test_run_for(200);
  return window;
}

void ax_fixture_close_window(AxMainWindow *window) {
  g_object_add_weak_pointer(G_OBJECT(window), (gpointer *)&window);
  gtk_window_close(GTK_WINDOW(window));
  for (int i = 0; window && i < 50; i++)
    ax_test_run_for(20);
  g_assert_null(window);
}

const char *ax_fixture_page(AxMainWindow *window) { return gtk_stack_get_visible_child_name(window->content); }

void ax_fixture_point_at_structure(AxMainWindow *window, const char *name, double u, double v) {
  int index = ax_anatomy_find(name);
  double x, y;
  AxBox box;

  g_assert_cmpint(index, >=, 0);
  g_assert_true(ax_box_layer_get_box(ax_canvas_get_box_layer(window->canvas), index, &box));
  ax_viewport_to_view(ax_canvas_get_viewport(window->canvas), box.x1 + u * (box.x2 - box.x1), box.y1 + v * (box.y2 - box.y1), &x, &y);
  ax_test_point_at(GTK_WIDGET(window->canvas), x, y);
}

GtkWidget *ax_fixture_find_row(GtkWidget *widget, GType type, int wanted) {
  if (G_TYPE_CHECK_INSTANCE_TYPE(widget, type) && GPOINTER_TO_INT(g_object_get_data(G_OBJECT(widget), "ax-index")) == wanted)
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child(widget); child; child = gtk_widget_get_next_sibling(child)) {
    GtkWidget *found = ax_fixture_find_row(child, type, wanted);

    if (found)
      return found;
  }
  return NULL;
}

int ax_fixture_main(int argc, char **argv, const AxWindowTest *tests, guint n_tests) {
  int status;

  g_test_init(&argc, &argv, NULL);
  ax_fixture.application = GTK_APPLICATION(adw_application_new("org.anatomix.Viewer.Test", G_APPLICATION_NON_UNIQUE));
  g_application_set_resource_base_path(G_APPLICATION(ax_fixture.application), "/org/anatomix/Viewer");
  g_assert_true(g_application_register(G_APPLICATION(ax_fixture.application), NULL, NULL));
  ax_fixture.folder = g_dir_make_tmp("ax-window-XXXXXX", NULL);
  ax_fixture.first = write_image("first.png", 512, 600);
  ax_fixture.second = write_image("second.png", 400, 300);
  ax_fixture.broken = g_build_filename(ax_fixture.folder, "broken.txt", NULL);
  g_file_set_contents(ax_fixture.broken, "this is no image, but a sentence that is long enough", -1, NULL);
  for (guint i = 0; i < n_tests; i++)
    g_test_add_func(tests[i].path, tests[i].function);
  status = g_test_run();
  g_unlink(ax_fixture.first);
  g_unlink(ax_fixture.second);
  g_unlink(ax_fixture.broken);
  g_rmdir(ax_fixture.folder);
  g_object_unref(ax_fixture.application);
  g_free(ax_fixture.first);
  g_free(ax_fixture.second);
  g_free(ax_fixture.broken);
  g_free(ax_fixture.folder);
  return status;
}
