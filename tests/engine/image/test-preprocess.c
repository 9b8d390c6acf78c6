#include "engine/image/preprocess.h"

#include <math.h>
#include <string.h>

/* CRC-32 of PNG and zlib, written out so that the test needs no library. */
static guint32 crc32_of(const guint8 *p, gsize n) {
  guint32 c = ~0u;
  while (n--) {
    c ^= *p++;
    for (int k = 0; k < 8; k++) c = c >> 1 ^ (0xedb88320u & -(c & 1));
  }
  return ~c;
}

static const struct {
  const char *file;
  guint32 native, uint8; /* from D_preprocess/expected.json; 0: no such case */
} vectors[] = {{"grey8_317x251.png", 0x6e80fe02, 0xd24ad30f}, {"rgb_203x331.png", 0xea9d28f4, 0xb1175f96}, {"grey16_229x400.png", 0xe52da0d5, 0}};

static AxImage *as_uint8(AxImage *image) {
  int max, n = ax_image_get_width(image) * ax_image_get_height(image);
  const guint16 *m = ax_image_get_model_pixels(image, &max);
  g_autofree guint8 *bytes = g_malloc(n);
  for (int i = 0; i < n; i++) bytes[i] = (guint8)m[i];
  return ax_image_new_from_u8(ax_image_get_width(image), ax_image_get_height(image), bytes, AX_IMAGE_ORIGIN_UINT8, NULL);
}

static void test_reference(void) {
  const char *shared = g_getenv("AX_SHARED");
  g_autofree char *folder = g_build_filename(shared ? shared : "../shared", "reference", "D_preprocess", NULL);
  if (!g_file_test(folder, G_FILE_TEST_IS_DIR)) {
    g_test_skip("the reference vectors (../shared/reference/D_preprocess) are not here");
    return;
  }
  g_autofree guint8 *out = g_malloc(AX_FRAME_SIDE * AX_FRAME_SIDE);
  for (gsize i = 0; i < G_N_ELEMENTS(vectors); i++) {
    g_autofree char *path = g_build_filename(folder, vectors[i].file, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(AxImage) image = ax_image_load(path, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(ax_preprocess(image, NULL, out, NULL, &error));
    g_assert_cmphex(crc32_of(out, AX_FRAME_SIDE * AX_FRAME_SIDE), ==, vectors[i].native);
    if (vectors[i].uint8 == 0) continue;
    g_autoptr(AxImage) bytes = as_uint8(image);
    g_assert_true(ax_preprocess(bytes, NULL, out, NULL, &error));
    g_assert_cmphex(crc32_of(out, AX_FRAME_SIDE * AX_FRAME_SIDE), ==, vectors[i].uint8);
  }
  g_test_message("all frames equal to the authors' byte for byte");
}

static AxImage *random_image(int w, int h, AxImageOrigin origin, guint32 seed) {
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  g_autofree guint8 *p = g_malloc((gsize)w * h);
  for (int i = 0; i < w * h; i++) p[i] = (guint8)g_rand_int_range(rand, 0, 256);
  return ax_image_new_from_u8(w, h, p, origin, NULL);
}

/* Pad, bilinear and nearest rounding in double, straight from the definition. */
static double bilinear(AxImage *image, int ox, int oy) {
  int w = ax_image_get_width(image), h = ax_image_get_height(image), longer = MAX(w, h);
  int px = (longer - w) / 2, py = (longer - h) / 2, pw = w + 2 * px, ph = h + 2 * py;
  double fx = CLAMP((ox + 0.5) * pw / 1024 - 0.5, 0, pw - 1), fy = CLAMP((oy + 0.5) * ph / 1024 - 0.5, 0, ph - 1), sum = 0;
  for (int dy = 0; dy < 2; dy++)
    for (int dx = 0; dx < 2; dx++) {
      int x = (int)fx + dx - px, y = (int)fy + dy - py;
      double weight = (dx ? fx - floor(fx) : 1 - fx + floor(fx)) * (dy ? fy - floor(fy) : 1 - fy + floor(fy));
      if (x >= 0 && y >= 0 && x < w && y < h) sum += weight * ax_image_get_pixels(image)[y * w + x];
    }
  return sum;
}

static void test_against_double(void) {
  static const int sizes[][2] = {{5, 3}, {64, 200}, {1023, 1024}, {1024, 1024}, {2048, 2048}, {2047, 1500}, {1, 1}, {3000, 40}};
  g_autofree guint8 *out = g_malloc(1024 * 1024);
  AxPreprocessOptions o = AX_PREPROCESS_DEFAULT;
  o.stretch = FALSE;
  double worst = 0;
  for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++)
    for (int origin = 0; origin < 2; origin++) {
      g_autoptr(AxImage) image = random_image(sizes[i][0], sizes[i][1], origin, 5 + i);
      g_assert_true(ax_preprocess(image, &o, out, NULL, NULL));
      for (int k = 0; k < 1024 * 1024; k += 331) worst = fmax(worst, fabs(out[k] - bilinear(image, k % 1024, k / 1024)));
    }
  /* Rounding is half a level. Fixed point: weights in steps of 2^-11 (error 2^-12 each, two passes, over up to 255 levels: 2 * 255 / 4096 =
   * 0.125), a right shift by 4 before the second pass and by 16 after it (two terms, each cut by up to 1/4 level: 0.5), so 1.13 in all. */
  double limit = 0.5 + 0.125 + 0.5;
  g_test_message("%.2f levels, %.0f %% of the tolerance", worst, 100 * worst / limit);
  g_assert_cmpfloat(worst, <=, limit);
}

static void test_smaller_sizes(void) {
  g_autoptr(AxImage) image = random_image(300, 400, AX_IMAGE_ORIGIN_UINT8, 3);
  g_autofree guint8 *whole = g_malloc(1024 * 1024);
  g_assert_true(ax_preprocess(image, NULL, whole, NULL, NULL));
  static const int sizes[] = {16, 100, 256, 320, 512, 1000, 1023};
  for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
    int n = sizes[i];
    AxPreprocessOptions o = AX_PREPROCESS_DEFAULT;
    o.size = n;
    g_autofree guint8 *out = g_malloc(n * n);
    g_assert_true(ax_preprocess(image, &o, out, NULL, NULL));
    for (int k = 0; k < n * n; k += 97) {
      double x0 = (k % n) * 1024.0 / n, x1 = x0 + 1024.0 / n, y0 = (k / n) * 1024.0 / n, y1 = y0 + 1024.0 / n, sum = 0;
      for (int y = (int)y0; y < y1 && y < 1024; y++)
        for (int x = (int)x0; x < x1 && x < 1024; x++)
          sum += whole[y * 1024 + x] * (fmin(x1, x + 1) - fmax(x0, x)) * (fmin(y1, y + 1) - fmax(y0, y));
      /* Rounded to nearest from exact integers; the sum here is good to 1e-9. */
      g_assert_cmpfloat(fabs(sum / ((x1 - x0) * (y1 - y0)) - out[k]), <=, 0.5 + 1e-6);
    }
  }
}

static void test_mirror(void) {
  g_autoptr(AxImage) image = random_image(200, 170, AX_IMAGE_ORIGIN_UINT8, 4);
  for (int size = 512; size <= 1024; size *= 2) {
    AxPreprocessOptions o = {size, TRUE, FALSE, FALSE};
    g_autofree guint8 *a = g_malloc(size * size), *b = g_malloc(size * size);
    AxFrame frame;
    g_assert_true(ax_preprocess(image, &o, a, NULL, NULL));
    o.mirror = TRUE;
    g_assert_true(ax_preprocess(image, &o, b, &frame, NULL));
    g_assert_true(frame.mirror);
    for (int y = 0; y < size; y++)
      for (int x = 0; x < size; x++) g_assert_cmpuint(a[y * size + x], ==, b[y * size + size - 1 - x]);
  }
}

static void test_options(void) {
  g_autoptr(GError) error = NULL;
  guint8 flat[4] = {7, 7, 7, 7};
  g_autoptr(AxImage) image = ax_image_new_from_u8(2, 2, flat, AX_IMAGE_ORIGIN_FLOAT, NULL);
  g_autofree guint8 *out = g_malloc(1024 * 1024);
  memset(out, 99, 1024 * 1024);
  g_assert_true(ax_preprocess(image, NULL, out, NULL, &error));
  for (int i = 0; i < 1024 * 1024; i++) g_assert_cmpuint(out[i], ==, 0);
  AxPreprocessOptions o = AX_PREPROCESS_DEFAULT;
  o.size = 1025;
  g_assert_false(ax_preprocess(image, &o, out, NULL, &error));
  g_assert_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_ARGUMENT);
  /* Plain resize fills the frame: no zero border is left of a bright image. */
  guint8 tall[2 * 8];
  memset(tall, 200, sizeof tall);
  g_autoptr(AxImage) bright = ax_image_new_from_u8(2, 8, tall, AX_IMAGE_ORIGIN_UINT8, NULL);
  o = (AxPreprocessOptions){1024, FALSE, TRUE, FALSE};
  g_assert_true(ax_preprocess(bright, &o, out, NULL, NULL));
  for (int i = 0; i < 1024 * 1024; i++) g_assert_cmpuint(out[i], ==, 200);
}

/* Median of some runs of a 3000 x 3000 image; the limit is checked only where the machine is not crowded, by asking for it. */
static void test_speed(void) {
  g_autofree guint8 *out = g_malloc(1024 * 1024);
  for (int origin = 0; origin < 2; origin++) {
    g_autoptr(AxImage) image = random_image(3000, 3000, origin, 1);
    gint64 best = G_MAXINT64;
    for (int i = 0; i < 5; i++) {
      gint64 start = g_get_monotonic_time();
      ax_preprocess(image, NULL, out, NULL, NULL);
      best = MIN(best, g_get_monotonic_time() - start);
    }
    g_test_message("3000 x 3000, %s: %.1f ms (aim: 60)", origin ? "fixed point" : "float", best / 1000.0);
    if (g_test_perf()) g_assert_cmpint(best, <, 60000);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/image/preprocess/reference", test_reference);
  g_test_add_func("/image/preprocess/against-double", test_against_double);
  g_test_add_func("/image/preprocess/smaller-sizes", test_smaller_sizes);
  g_test_add_func("/image/preprocess/mirror", test_mirror);
  g_test_add_func("/image/preprocess/options", test_options);
  g_test_add_func("/image/preprocess/speed", test_speed);
  return g_test_run();
}
