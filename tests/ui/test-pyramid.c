/* The pyramid against box filters in double precision, and its picture against a plain resampling. */
#include "ui/pyramid.h"

#include <math.h>

static AxImage *random_image(int width, int height) {
  g_autofree guint16 *pixels = g_new(guint16, (gsize)width * height);
  AxImage *image;

  for (int i = 0; i < width * height; i++)
    pixels[i] = g_test_rand_int_range(0, 65536);
  image = ax_image_new_from_u16(width, height, 16, pixels, NULL);
  g_assert_nonnull(image);
  return image;
}

/* Each halving rounds once, by at most half a grey level, and an average does not enlarge the errors under it: after k halvings the
 * difference from unrounded averages is at most k / 2. */
static void test_box_filter(void) {
  static const int sizes[][2] = {{257, 301}, {1, 500}, {512, 512}, {640, 129}, {333, 1}, {64, 64}, {127, 128}};

  for (guint s = 0; s < G_N_ELEMENTS(sizes); s++) {
    g_autoptr(AxImage) image = random_image(sizes[s][0], sizes[s][1]);
    g_autoptr(AxPyramid) pyramid = ax_pyramid_new(image);
    int width = sizes[s][0], height = sizes[s][1];
    g_autofree double *exact = g_new(double, width * height);
    double share = 0;

    for (int i = 0; i < width * height; i++)
      exact[i] = ax_image_get_pixels(image)[i];
    for (guint level = 1; level < ax_pyramid_get_n_levels(pyramid); level++) {
      int w, h;
      const guint16 *pixels = ax_pyramid_get_level(pyramid, level, &w, &h);

      g_assert_cmpint(w, ==, (width + 1) / 2);
      g_assert_cmpint(h, ==, (height + 1) / 2);
      for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
          double sum = 0;
          int n = 0;

          for (int j = 2 * y; j < MIN(2 * y + 2, height); j++)
            for (int i = 2 * x; i < MIN(2 * x + 2, width); i++, n++)
              sum += exact[j * width + i];
          /* in place: (x, y) of the smaller one comes before every pixel that is still read */
          exact[y * w + x] = sum / n;
          share = MAX(share, fabs(sum / n - pixels[y * w + x]) / (0.5 * level));
          g_assert_cmpfloat(fabs(sum / n - pixels[y * w + x]), <=, 0.5 * level);
        }
      width = w, height = h;
    }
    g_test_message("%d x %d: %u levels, %.0f %% of the tolerance used", sizes[s][0], sizes[s][1], ax_pyramid_get_n_levels(pyramid),
                   100 * share);
  }
}

/* At zoom 1 each device pixel is an image pixel, whichever way the view is turned. */
static void test_identity(void) {
  g_autoptr(AxImage) image = random_image(61, 47);
  g_autoptr(AxPyramid) pyramid = ax_pyramid_new(image);
  g_autoptr(AxViewport) v = ax_viewport_new();
  g_autofree guint8 *lut = g_malloc(65536);
  guint32 *out = g_new0(guint32, 90 * 80);

  for (int i = 0; i < 65536; i++)
    lut[i] = i >> 8;
  ax_viewport_set_view_size(v, 81, 79);
  ax_viewport_set_image_size(v, 61, 47);
  for (int turn = 0; turn < 4; turn++)
    for (int mirrored = 0; mirrored < 2; mirrored++) {
      int width = 81, height = 79, inside = 0;

      ax_viewport_set_rotation(v, 90 * turn);
      ax_viewport_set_mirrored(v, mirrored);
      ax_viewport_set_zoom(v, 1);
      ax_viewport_set_center(v, 30.5, 23.5); /* the middle of pixel (30, 23) on the middle of pixel (40, 39) */
      ax_pyramid_draw(pyramid, v, 1, lut, out, width, height, 90);
      for (int j = 0; j < height; j++)
        for (int i = 0; i < width; i++) {
          double x, y;

          ax_viewport_to_image(v, i + 0.5, j + 0.5, &x, &y);
          if (x < 0 || y < 0 || x >= 61 || y >= 47) {
            g_assert_cmphex(out[j * 90 + i], ==, 0);
            continue;
          }
          inside++;
          g_assert_cmphex(out[j * 90 + i], ==,
                          0xff000000u | (ax_image_get_pixels(image)[(int)y * 61 + (int)x] >> 8) * 0x010101u);
        }
      g_assert_cmpint(inside, ==, 61 * 47);
    }
  g_free(out);
}

/* A linear ramp is kept by averaging and by bilinear interpolation, so at every zoom the picture is the ramp. Weights have 8 bits:
 * an error of one 256th of a level's pixel, 2^level image pixels of `slope` grey levels each, and each halving adds half a grey
 * level. Away from the edges. */
static void test_ramp(void) {
  int size = 1000;
  double slope = 60;
  g_autofree guint16 *pixels = g_new(guint16, size * size);
  g_autoptr(AxImage) image = NULL;
  g_autoptr(AxPyramid) pyramid = NULL;
  g_autofree guint8 *lut = g_malloc(65536);
  guint32 out[100 * 100];

  for (int y = 0; y < size; y++)
    for (int x = 0; x < size; x++)
      pixels[y * size + x] = x * slope;
  image = ax_image_new_from_u16(size, size, 16, pixels, NULL);
  pyramid = ax_pyramid_new(image);
  for (int i = 0; i < 65536; i++)
    lut[i] = i >> 8;
  for (int t = 0; t < 200; t++) {
    g_autoptr(AxViewport) v = ax_viewport_new();
    double zoom, tolerance, used = 0;
    guint level;

    ax_viewport_set_view_size(v, 100, 100);
    ax_viewport_set_image_size(v, size, size);
    ax_viewport_set_zoom(v, exp(g_test_rand_double_range(log(0.1), log(20))));
    ax_viewport_set_rotation(v, 90 * g_test_rand_int_range(0, 4));
    zoom = ax_viewport_get_zoom(v);
    level = ax_pyramid_pick_level(pyramid, zoom);
    tolerance = slope * (1 << level) / 256 + 0.5 * level + 0.5;
    ax_pyramid_draw(pyramid, v, 1, lut, out, 100, 100, 100);
    for (int j = 0; j < 100; j++)
      for (int i = 0; i < 100; i++) {
        double x, y, exact, low;

        ax_viewport_to_image(v, i + 0.5, j + 0.5, &x, &y);
        if (x < 2 << level || x >= size - (2 << level) || y < 0 || y >= size)
          continue;
        exact = slope * (x - 0.5);
        low = (out[j * 100 + i] & 255) * 256; /* what the 8-bit level says of the 16-bit value: low .. low + 255 */
        used = MAX(used, MAX(low - exact, exact - low - 255));
        g_assert_cmpfloat(exact, >=, low - tolerance);
        g_assert_cmpfloat(exact, <=, low + 255 + tolerance);
      }
    if (t < 3)
      g_test_message("zoom %.3f, level %u: %.0f %% of the tolerance used", zoom, level, 100 * MAX(used, 0) / tolerance);
  }
}

static void test_level_choice(void) {
  g_autoptr(AxImage) image = random_image(2048, 100);
  g_autoptr(AxPyramid) pyramid = ax_pyramid_new(image);

  g_assert_cmpuint(ax_pyramid_pick_level(pyramid, 5), ==, 0);
  g_assert_cmpuint(ax_pyramid_pick_level(pyramid, 1), ==, 0);
  g_assert_cmpuint(ax_pyramid_pick_level(pyramid, 0.5), ==, 1);
  g_assert_cmpuint(ax_pyramid_pick_level(pyramid, 0.26), ==, 2);
  g_assert_cmpuint(ax_pyramid_pick_level(pyramid, 0), ==, ax_pyramid_get_n_levels(pyramid) - 1);
}

static void test_lut(void) {
  g_autoptr(AxImage) image = random_image(4, 4);
  g_autoptr(AxViewport) v = ax_viewport_new();
  g_autofree guint8 *lut = g_malloc(65536);
  g_autofree guint8 *inverted = g_malloc(65536);

  ax_viewport_set_window(v, 30000, 10000);
  ax_viewport_fill_lut(v, image, lut);
  g_assert_cmpint(lut[24000], ==, 0);
  g_assert_cmpint(lut[36000], ==, 255);
  g_assert_cmpint(lut[30000], >, 120);
  g_assert_cmpint(lut[30000], <, 136);
  ax_viewport_set_inverted(v, TRUE);
  ax_viewport_fill_lut(v, image, inverted);
  for (int i = 0; i < 65536; i += 7)
    g_assert_cmpint(lut[i] + inverted[i], ==, 255);
}

/* What ../shared/examples.md measured for the canvas; printed, and only a gross loss fails. */
static void test_speed(void) {
  g_autoptr(AxImage) image = random_image(3000, 3000);
  g_autoptr(AxViewport) v = ax_viewport_new();
  g_autofree guint8 *lut = g_malloc0(65536);
  g_autofree guint32 *out = g_new(guint32, 1200 * 1200);
  gint64 start = g_get_monotonic_time(), best = G_MAXINT64;
  g_autoptr(AxPyramid) pyramid = ax_pyramid_new(image);

  g_test_message("pyramid of 3000 x 3000: %.1f ms", (g_get_monotonic_time() - start) / 1e3);
  ax_viewport_set_view_size(v, 1200, 1200);
  ax_viewport_set_image_size(v, 3000, 3000);
  for (int i = 0; i < 5; i++) {
    start = g_get_monotonic_time();
    ax_viewport_set_window(v, 1000 * i, 20000);
    ax_viewport_fill_lut(v, image, lut);
    ax_pyramid_draw(pyramid, v, 1, lut, out, 1200, 1200, 1200);
    best = MIN(best, g_get_monotonic_time() - start);
  }
  g_test_message("drawing 1200 x 1200 with a new window: %.1f ms", best / 1e3);
  g_assert_cmpint(best, <, 1000000);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ui/pyramid/box-filter", test_box_filter);
  g_test_add_func("/ui/pyramid/identity", test_identity);
  g_test_add_func("/ui/pyramid/ramp", test_ramp);
  g_test_add_func("/ui/pyramid/level-choice", test_level_choice);
  g_test_add_func("/ui/pyramid/lut", test_lut);
  g_test_add_func("/ui/pyramid/speed", test_speed);
  return g_test_run();
}
