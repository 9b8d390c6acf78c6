#include "engine/image/image-private.h"
#include "tests/engine/image/samples.h"

#include <math.h>
#include <string.h>

/* Quality 95 of a smooth picture: the quantisation steps of the table are 2 to 12, so errors of a few levels, 38 dB, are the worst that
 * the coding itself can do; chroma at half resolution and quarter weight stays below that. */
#define LIMIT_DB 38.0

static double psnr(AxImage *image, AxSampleColor color, int w, int h) {
  double sum = 0;
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      guint8 c[3];
      ax_sample_smooth(x, y, w, h, c);
      double want = color == AX_SAMPLE_GREY ? c[0] : 0.298996 * c[0] + 0.587006 * c[1] + 0.113998 * c[2];
      double d = ax_image_get_pixels(image)[y * w + x] - want;
      sum += d * d;
    }
  return 10 * log10(255.0 * 255 * w * h / (sum + 1e-9));
}

static void test_colours(void) {
  for (int color = AX_SAMPLE_GREY; color <= AX_SAMPLE_YCCK; color++)
    for (int progressive = 0; progressive < 2; progressive++) {
      g_autoptr(GError) error = NULL;
      g_autoptr(GBytes) bytes = ax_sample_jpeg(117, 83, color, progressive, 0);
      g_autoptr(AxImage) image = ax_image_load_bytes(bytes, "sample", NULL, &error);
      g_assert_no_error(error);
      g_assert_cmpint(ax_image_get_width(image), ==, 117);
      g_assert_cmpint(ax_image_get_height(image), ==, 83);
      g_assert_cmpint(ax_image_get_origin(image), ==, AX_IMAGE_ORIGIN_UINT8);
      double db = psnr(image, color, 117, 83);
      g_test_message("%s: %.1f dB (at least %.0f)", ax_image_get_description(image), db, LIMIT_DB);
      g_assert_cmpfloat(db, >=, LIMIT_DB);
    }
}

/* Each orientation must be the upright decoding, moved exactly as EXIF says. */
static void test_orientation(void) {
  enum { W = 40, H = 24 };
  g_autoptr(GBytes) plain_bytes = ax_sample_jpeg(W, H, AX_SAMPLE_GREY, FALSE, 0);
  g_autoptr(AxImage) plain = ax_image_load_bytes(plain_bytes, NULL, NULL, NULL);
  const guint16 *p = ax_image_get_pixels(plain);
  for (int o = 1; o <= 8; o++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = ax_sample_jpeg(W, H, AX_SAMPLE_GREY, FALSE, o);
    g_autoptr(AxImage) image = ax_image_load_bytes(bytes, NULL, NULL, &error);
    g_assert_no_error(error);
    int w = ax_image_get_width(image), h = ax_image_get_height(image);
    g_assert_cmpint(w, ==, o >= 5 ? H : W);
    g_assert_cmpint(h, ==, o >= 5 ? W : H);
    for (int y = 0; y < h; y++)
      for (int x = 0; x < w; x++) {
        /* Row 0 of the stored picture is at: 1 top, 2 top, 3 bottom, 4 bottom, 5 left, 6 right, 7 right, 8 left. */
        int sx = x, sy = y;
        if (o == 2) sx = W - 1 - x;
        if (o == 3) sx = W - 1 - x, sy = H - 1 - y;
        if (o == 4) sy = H - 1 - y;
        if (o == 5) sx = y, sy = x;
        if (o == 6) sx = y, sy = H - 1 - x;
        if (o == 7) sx = W - 1 - y, sy = H - 1 - x;
        if (o == 8) sx = W - 1 - y, sy = x;
        g_assert_cmpuint(ax_image_get_pixels(image)[y * w + x], ==, p[sy * W + sx]);
      }
  }
}

static void test_exif_bounds(void) {
  guint8 exif[32] = {'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0};
  g_assert_cmpint(ax_exif_orientation(exif, 28), ==, 6);
  for (gsize n = 0; n < 28; n++) {
    /* On the heap, so that a sanitizer sees a read past the end. */
    g_autofree guint8 *copy = g_memdup2(exif, MAX(n, 1));
    g_assert_cmpint(ax_exif_orientation(copy, n), ==, 1);
  }
  exif[10] = 255, exif[11] = 255, exif[12] = 255, exif[13] = 255;
  g_assert_cmpint(ax_exif_orientation(exif, 28), ==, 1);
  exif[10] = 8, exif[11] = exif[12] = exif[13] = 0, exif[24] = 9;
  g_assert_cmpint(ax_exif_orientation(exif, 28), ==, 1);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/image/jpeg/colours", test_colours);
  g_test_add_func("/image/jpeg/orientation", test_orientation);
  g_test_add_func("/image/jpeg/exif-bounds", test_exif_bounds);
  return g_test_run();
}
