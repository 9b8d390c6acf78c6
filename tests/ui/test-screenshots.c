/* The main states of the window as pictures, compared with the references in tests/ui/references: a control that is gone, cut or moved, a lost colour or an
 * empty panel changes more than another machine's fonts do. The window is drawn by the software renderer, made smaller by its whole SHRINK and compared colour
 * by colour: at most DIFFERENT of the pixels may be off by more than OFF levels, and the mean by MEAN. What was drawn is written to $AX_BUILD_ROOT/screenshots.
 * After a change that is meant, look at these pictures, then: AX_UPDATE_REFERENCES=1 meson test -C build-tests ui-screenshots */
#include "tests/ui/window-fixture.h"

#include <glib/gstdio.h>
#include <stdlib.h>

#define SHRINK 4
#define OFF 20
#define DIFFERENT 0.01
#define MEAN 2.0

typedef struct {
  int width, height;
  guint8 *rgb;
} Picture;

static void picture_free(Picture *picture) {
  g_free(picture->rgb);
  g_free(picture);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Picture, picture_free)

/* Means over squares of `by` pixels of native-endian 0xXXRRGGBB rows. */
static Picture *shrink(const guint32 *pixels, int width, int height, gsize stride, int by) {
  Picture *picture = g_new0(Picture, 1);

  picture->width = width / by;
  picture->height = height / by;
  picture->rgb = g_malloc((gsize)picture->width * picture->height * 3);
  for (int y = 0; y < picture->height; y++)
    for (int x = 0; x < picture->width; x++)
      for (int c = 0; c < 3; c++) {
        guint sum = 0;

        for (int j = 0; j < by; j++)
          for (int i = 0; i < by; i++)
            sum += pixels[(gsize)(y * by + j) * stride + (gsize)(x * by + i)] >> (16 - 8 * c) & 255;
        picture->rgb[((gsize)y * picture->width + x) * 3 + c] = (guint8)((sum + by * by / 2) / (guint)(by * by));
      }
  return picture;
}

/* The window as it is on screen, but for the pointer. */
static Picture *draw(AxMainWindow *window) {
  g_autoptr(GdkPaintable) paintable = gtk_widget_paintable_new(GTK_WIDGET(window));
  g_autoptr(GtkSnapshot) snapshot = gtk_snapshot_new();
  int width = gtk_widget_get_width(GTK_WIDGET(window)), height = gtk_widget_get_height(GTK_WIDGET(window));
  g_autoptr(GskRenderNode) node = NULL;
  g_autoptr(GdkTexture) texture = NULL;
  g_autofree guint32 *pixels = g_new0(guint32, (gsize)width * height);

  gdk_paintable_snapshot(paintable, snapshot, width, height);
  node = gtk_snapshot_to_node(snapshot);
  g_assert_nonnull(node);
  texture = gsk_renderer_render_texture(gtk_native_get_renderer(GTK_NATIVE(window)), node, &GRAPHENE_RECT_INIT(0, 0, width, height));
  gdk_texture_download(texture, (guchar *)pixels, (gsize)width * 4);
  return shrink(pixels, width, height, (gsize)width, SHRINK);
}

static void write_picture(const Picture *picture, const char *path) {
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, picture->width, picture->height);
  guint8 *data = cairo_image_surface_get_data(surface);

  for (int y = 0; y < picture->height; y++)
    for (int x = 0; x < picture->width; x++) {
      const guint8 *rgb = picture->rgb + ((gsize)y * picture->width + x) * 3;

      ((guint32 *)(void *)(data + (gsize)y * cairo_image_surface_get_stride(surface)))[x] = (guint32)rgb[0] << 16 | (guint32)rgb[1] << 8 | rgb[2];
    }
  cairo_surface_mark_dirty(surface);
  g_assert_cmpint(cairo_surface_write_to_png(surface, path), ==, CAIRO_STATUS_SUCCESS);
  cairo_surface_destroy(surface);
}

static Picture *read_picture(const char *path) {
  cairo_surface_t *surface = cairo_image_surface_create_from_png(path);
  Picture *picture;

  g_assert_cmpint(cairo_surface_status(surface), ==, CAIRO_STATUS_SUCCESS);
  picture = shrink((const guint32 *)(const void *)cairo_image_surface_get_data(surface), cairo_image_surface_get_width(surface), cairo_image_surface_get_height(surface),
                   cairo_image_surface_get_stride(surface) / 4, 1);
  cairo_surface_destroy(surface);
  return picture;
}

/* How much of what is allowed is used: 1 and less is alike. */
static double distance(const Picture *a, const Picture *b) {
  gsize n = (gsize)a->width * a->height, off = 0, sum = 0;

  if (a->width != b->width || a->height != b->height)
    return 1000;
  for (gsize i = 0; i < n; i++) {
    int worst = 0;

    for (int c = 0; c < 3; c++) {
      int d = abs(a->rgb[3 * i + c] - b->rgb[3 * i + c]);

      sum += (gsize)d;
      worst = MAX(worst, d);
    }
    off += worst > OFF;
  }
  return MAX((double)off / n / DIFFERENT, (double)sum / (3 * n) / MEAN);
}

static char *reference_path(const char *name) {
  g_autofree char *file = g_strconcat(name, ".png", NULL);

  return g_build_filename(g_getenv("AX_SOURCE_ROOT"), "tests", "ui", "references", file, NULL);
}

static double distance_to(AxMainWindow *window, const char *name) {
  g_autoptr(Picture) drawn = draw(window), reference = NULL;
  g_autofree char *path = reference_path(name);

  reference = read_picture(path);
  return distance(drawn, reference);
}

static void check(AxMainWindow *window, const char *name) {
  g_autofree char *folder = g_build_filename(g_getenv("AX_BUILD_ROOT"), "screenshots", NULL), *file = g_strconcat(name, ".png", NULL);
  g_autofree char *path = g_build_filename(folder, file, NULL), *reference = reference_path(name);
  g_autoptr(Picture) drawn = NULL;
  double used;

  ax_test_xdotool("mousemove 1279 799"); /* nothing is hovered */
  ax_test_run_for(300);
  drawn = draw(window);
  g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
  write_picture(drawn, path);
  if (g_getenv("AX_UPDATE_REFERENCES"))
    write_picture(drawn, reference);
  used = distance_to(window, name);
  g_test_message("%s: %.0f %% of what may differ", name, 100 * used);
  if (used > 1) {
    g_printerr("# %s is not as %s\n", path, reference);
    g_test_fail();
  }
}

/* ---- states ---- */

static gboolean is_quiet(gpointer window) { return !ax_asker_get_busy(AX_MAIN_WINDOW(window)->asker); }

static void test_empty(void) {
  AxMainWindow *window = ax_fixture_new_window("model");

  ax_test_show(GTK_WINDOW(window), 1200, 760);
  ax_test_run_for(1000); /* the samples' thumbnails */
  check(window, "empty");
  ax_fixture_close_window(window);
}

static void test_view(void) {
  AxMainWindow *window = ax_fixture_open_first();

  check(window, "view");
  ax_canvas_set_selected(window->canvas, ax_anatomy_find("Left lung"));
  check(window, "selected");
  ax_test_xdotool("key Escape");
  ax_test_xdotool("key c");
  ax_test_xdotool("key d Return");
  check(window, "marks");
  ax_fixture_close_window(window);
}

static void test_mirror(void) {
  AxMainWindow *window = ax_fixture_open_first();

  ax_test_xdotool("key m");
  ax_test_wait(ax_fixture_is_mirrored, window);
  check(window, "mirror");
  ax_fixture_close_window(window);
}

static void test_ask(void) {
  AxMainWindow *window = ax_fixture_open_first();

  ax_test_xdotool("key shift+r");
  ax_test_run_for(100);
  ax_test_wait(is_quiet, window);
  check(window, "ask");
  ax_fixture_close_window(window);
}

static void test_error(void) {
  AxMainWindow *window = ax_fixture_open_first();

  ax_main_window_open(window, ax_fixture.broken);
  ax_test_wait(ax_fixture_is_failed, window);
  check(window, "error");
  ax_fixture_close_window(window);
}

/* The comparison can fail: other states, boxes that are hidden, and a picture that is moved by a few pixels are not alike. */
static void test_can_fail(void) {
  AxMainWindow *window = ax_fixture_open_first();
  double boxes, other;

  if (g_getenv("AX_UPDATE_REFERENCES")) {
    g_test_skip("the references are just being made");
    ax_fixture_close_window(window);
    return;
  }
  ax_visibility_set_all(window->visibility, FALSE);
  ax_test_run_for(300);
  boxes = distance_to(window, "view");
  other = distance_to(window, "mirror");
  g_test_message("without boxes: %.0f %%; another state: %.0f %%", 100 * boxes, 100 * other);
  g_assert_cmpfloat(boxes, >, 1);
  g_assert_cmpfloat(other, >, 1);
  ax_fixture_close_window(window);
}

/* Fonts and their rendering are those that app/setup.sh installs, whatever the machine prefers; nothing moves or blinks. */
static void test_settings(void) {
  g_object_set(gtk_settings_get_default(), "gtk-font-name", "DejaVu Sans 10", "gtk-xft-antialias", 1, "gtk-xft-hinting", 0, "gtk-xft-dpi", 96 * 1024,
               "gtk-enable-animations", FALSE, "gtk-cursor-blink", FALSE, NULL);
}

int main(int argc, char **argv) {
  static const AxWindowTest tests[] = {
    {"/ui/screenshots/settings", test_settings}, {"/ui/screenshots/empty", test_empty}, {"/ui/screenshots/view", test_view}, {"/ui/screenshots/mirror", test_mirror},
    {"/ui/screenshots/ask", test_ask},           {"/ui/screenshots/error", test_error}, {"/ui/screenshots/can-fail", test_can_fail},
  };

  g_setenv("LANGUAGE", "C", TRUE);
  return ax_fixture_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
