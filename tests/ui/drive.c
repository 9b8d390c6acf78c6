#include "tests/ui/drive.h"

#include <gdk/x11/gdkx.h>

static gboolean is_over(gpointer done) { return *(gboolean *)done; }

static void on_xdotool_exit(GObject *process, GAsyncResult *result, gpointer done) {
  g_autoptr(GError) error = NULL;

  g_subprocess_wait_check_finish(G_SUBPROCESS(process), result, &error);
  g_assert_no_error(error);
  *(gboolean *)done = TRUE;
}

void ax_test_xdotool(const char *format, ...) {
  g_autofree char *arguments = NULL, *line = NULL;
  g_auto(GStrv) argv = NULL;
  g_autoptr(GSubprocess) process = NULL;
  g_autoptr(GError) error = NULL;
  gboolean done = FALSE;
  va_list args;

  va_start(args, format);
  arguments = g_strdup_vprintf(format, args);
  va_end(args);
  line = g_strconcat("xdotool ", arguments, NULL);
  g_assert_true(g_shell_parse_argv(line, NULL, &argv, NULL));
  process = g_subprocess_newv((const char *const *)argv, G_SUBPROCESS_FLAGS_NONE, &error);
  g_assert_no_error(error);
  g_subprocess_wait_check_async(process, NULL, on_xdotool_exit, &done);
  ax_test_wait(is_over, &done);
  ax_test_run_for(120); /* the server sends the events, GTK draws a frame or two */
}

static gboolean has_size(gpointer window) { return gtk_widget_get_width(window) > 100 && gtk_widget_get_mapped(window); }

void ax_test_show(GtkWindow *window, int width, int height) {
  gulong xid;

  gtk_window_set_default_size(window, width, height);
  gtk_window_present(window);
  ax_test_wait(has_size, window);
  xid = gdk_x11_surface_get_xid(gtk_native_get_surface(GTK_NATIVE(window)));
  ax_test_xdotool("windowmove %lu 0 0 windowsize %lu %d %d windowfocus %lu", xid, xid, width, height, xid);
  ax_test_run_for(200);
}

void ax_test_focus(GtkWindow *window) {
  ax_test_xdotool("windowfocus --sync %lu", gdk_x11_surface_get_xid(gtk_native_get_surface(GTK_NATIVE(window))));
  ax_test_run_for(100);
}

void ax_test_point_at(GtkWidget *widget, double x, double y) {
  GtkNative *native = gtk_widget_get_native(widget);
  graphene_point_t point;
  double dx, dy;

  g_assert_true(gtk_widget_compute_point(widget, GTK_WIDGET(native), &GRAPHENE_POINT_INIT((float)x, (float)y), &point));
  gtk_native_get_surface_transform(native, &dx, &dy);
  ax_test_xdotool("mousemove %d %d", (int)(point.x + dx), (int)(point.y + dy));
}
