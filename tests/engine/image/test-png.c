#include "engine/image/image.h"
#include "engine/image/png-write.h"
#include "tests/engine/image/samples.h"

#include <glib/gstdio.h>
#include <png.h>
#include <string.h>

/* Grey as Pillow makes it, written down again here (spec 1.1). */
static guint grey(guint r, guint g, guint b) {
  return (guint)(((guint64)r * 19595 + (guint64)g * 38470 + (guint64)b * 7471 + 32768) / 65536);
}

/* What the loader must hold at (x, y): display grey and the plane of the reference. */
static void expected(int color, int depth, int x, int y, guint *display, guint *model) {
  guint max = (1u << depth) - 1, up = depth < 8 ? 255 / max : 1;
  if (color == PNG_COLOR_TYPE_PALETTE) {
    int i = (int)ax_sample_value(x, y, 0, max);
    *model = ax_sample_value(i, 7, 0, 255);
    *display = grey(*model, ax_sample_value(i, 7, 1, 255), ax_sample_value(i, 7, 2, 255));
    return;
  }
  guint first = ax_sample_value(x, y, 0, max);
  gboolean rgb = color & PNG_COLOR_MASK_COLOR;
  *display = rgb ? grey(first, ax_sample_value(x, y, 1, max), ax_sample_value(x, y, 2, max)) : first * up;
  *model = depth == 16 && color != PNG_COLOR_TYPE_GRAY ? first >> 8 : first * up;
}

static void test_forms(void) {
  static const struct { int color, depth; } forms[] = {{0, 1}, {0, 2}, {0, 4}, {0, 8}, {0, 16}, {2, 8}, {2, 16}, {3, 1}, {3, 2}, {3, 4}, {3, 8}, {4, 8}, {4, 16}, {6, 8}, {6, 16}};
  static const int sizes[][2] = {{1, 1}, {3, 2}, {13, 9}, {64, 33}};
  for (gsize i = 0; i < G_N_ELEMENTS(forms); i++)
    for (gsize s = 0; s < G_N_ELEMENTS(sizes); s++)
      for (int interlaced = 0; interlaced < 2; interlaced++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) bytes = ax_sample_png(sizes[s][0], sizes[s][1], forms[i].color, forms[i].depth, interlaced);
        g_autoptr(AxImage) image = ax_image_load_bytes(bytes, "sample", NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpint(ax_image_get_width(image), ==, sizes[s][0]);
        g_assert_cmpint(ax_image_get_height(image), ==, sizes[s][1]);
        g_assert_cmpint(ax_image_get_bits(image), ==, forms[i].depth == 16 ? 16 : 8);
        g_assert_cmpint(ax_image_get_origin(image), ==, AX_IMAGE_ORIGIN_FLOAT);
        int max;
        const guint16 *pixels = ax_image_get_pixels(image), *model = ax_image_get_model_pixels(image, &max);
        g_assert_cmpint(max, ==, forms[i].depth == 16 && forms[i].color == 0 ? 65535 : 255);
        for (int y = 0; y < sizes[s][1]; y++)
          for (int x = 0; x < sizes[s][0]; x++) {
            guint d, m;
            expected(forms[i].color, forms[i].depth, x, y, &d, &m);
            g_assert_cmpuint(pixels[y * sizes[s][0] + x], ==, d);
            g_assert_cmpuint(model[y * sizes[s][0] + x], ==, m);
          }
      }
}

static void test_write(void) {
  g_autofree char *folder = g_dir_make_tmp("ax-png-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "picture.png", NULL);
  g_autoptr(GError) error = NULL;
  guint16 deep[5 * 4];
  for (int i = 0; i < 20; i++) deep[i] = (guint16)(i * 3000 + 7);
  g_assert_true(ax_png_write(path, 5, 4, 1, 16, deep, &error));
  g_autoptr(AxImage) back = ax_image_load(path, NULL, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(ax_image_get_name(back), ==, "picture.png");
  g_assert_cmpmem(ax_image_get_pixels(back), sizeof deep, deep, sizeof deep);
  /* Over the old file, in colour. */
  guint8 rgb[2 * 2 * 3] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9};
  g_assert_true(ax_png_write(path, 2, 2, 3, 8, rgb, &error));
  g_autoptr(AxImage) colour = ax_image_load(path, NULL, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(ax_image_get_pixels(colour)[1], ==, grey(0, 255, 0));
  /* Nothing but the file itself stays in the folder. */
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  g_assert_cmpstr(g_dir_read_name(dir), ==, "picture.png");
  g_assert_null(g_dir_read_name(dir));

  g_assert_false(ax_png_write(path, 0, 2, 3, 8, rgb, &error));
  g_assert_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_EMPTY);
  g_clear_error(&error);
  g_assert_false(ax_png_write(path, 2, 2, 5, 8, rgb, &error));
  g_assert_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_ARGUMENT);
  g_clear_error(&error);
  g_assert_false(ax_png_write("/nonexistent-folder/x.png", 2, 2, 3, 8, rgb, &error));
  g_assert_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_WRITE);
  g_unlink(path);
  g_rmdir(folder);
}

/* RLIMIT_FSIZE stands in for a full disk: the write fails half way. */
#include <signal.h>
#include <sys/resource.h>
static void test_full_disk(void) {
  if (g_test_subprocess()) {
    g_autofree char *folder = g_dir_make_tmp("ax-png-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "picture.png", NULL);
    guint8 small[4] = {1, 2, 3, 4};
    g_autofree guint8 *noise = g_malloc(512 * 512);
    for (int i = 0; i < 512 * 512; i++) noise[i] = (guint8)g_random_int();
    g_autoptr(GError) error = NULL;
    g_assert_true(ax_png_write(path, 2, 2, 1, 8, small, &error));
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {20000, 20000};
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    g_assert_false(ax_png_write(path, 512, 512, 1, 8, noise, &error));
    g_assert_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_WRITE);
    g_autoptr(AxImage) old = ax_image_load(path, NULL, NULL);
    g_assert_nonnull(old);
    g_assert_cmpint(ax_image_get_width(old), ==, 2);
    g_unlink(path);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
    return;
  }
  g_test_trap_subprocess(NULL, 0, 0);
  g_test_trap_assert_passed();
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/image/png/forms", test_forms);
  g_test_add_func("/image/png/write", test_write);
  g_test_add_func("/image/png/full-disk", test_full_disk);
  return g_test_run();
}
