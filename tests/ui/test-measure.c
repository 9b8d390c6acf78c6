/* Lengths, angles, statistics and the cardiothoracic ratio, against values worked out by hand or counted the slow way. DICOM files bring
 * spacings, slopes and padding. */
#include "ui/measure.h"

#include "tests/engine/image/samples.h"
#include <math.h>
#include <string.h>

#define SIDE 64

static AxImage *make_dicom(const char *pixel, const char *imager, const char *padding) {
  static guint16 pixels[SIDE * SIDE];
  AxSampleDicom spec = {.syntax = "1.2.840.10008.1.2.1", .columns = SIDE, .rows = SIDE, .samples = 1, .allocated = 16, .stored = 12, .high = 11,
                        .photometric = "MONOCHROME2", .pixels = pixels};
  guint n = 0;
  const char *why = "";
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;
  AxImage *image;

  for (int i = 0; i < SIDE * SIDE; i++)
    pixels[i] = (guint16)((i % SIDE) * 20 + (i / SIDE) * 3);
  spec.attributes[n++] = (AxSampleAttribute){0x0028, 0x1052, "-100"};
  spec.attributes[n++] = (AxSampleAttribute){0x0028, 0x1053, "2"};
  if (pixel)
    spec.attributes[n++] = (AxSampleAttribute){0x0028, 0x0030, pixel};
  if (imager)
    spec.attributes[n++] = (AxSampleAttribute){0x0018, 0x1164, imager};
  if (padding)
    spec.attributes[n++] = (AxSampleAttribute){0x0028, 0x0120, padding};
  bytes = ax_sample_dicom(&spec, &why);
  g_assert_nonnull(bytes);
  image = ax_image_load_bytes(bytes, "sample", NULL, &error);
  g_assert_no_error(error);
  return image;
}

/* Which unit is honest: examples with every combination of what a file can say. */
static void test_scale(void) {
  static const struct {
    const char *pixel, *imager;
    double calibration;
    AxScaleKind kind;
    double x, y;
  } cases[] = {
    {NULL, NULL, 0, AX_SCALE_PIXELS, 1, 1},
    {NULL, "0.2\\0.1", 0, AX_SCALE_DETECTOR, 0.1, 0.2},
    {"0.2\\0.1", NULL, 0, AX_SCALE_DETECTOR, 0.1, 0.2},
    {"0.2\\0.1", "0.2\\0.1", 0, AX_SCALE_DETECTOR, 0.1, 0.2},
    {"0.18\\0.09", "0.2\\0.1", 0, AX_SCALE_FILE, 0.09, 0.18},
    {NULL, NULL, 0.5, AX_SCALE_CALIBRATED, 0.5, 0.5},
    {NULL, "0.2\\0.1", 0.5, AX_SCALE_CALIBRATED, 0.5, 1},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(AxImage) image = make_dicom(cases[i].pixel, cases[i].imager, NULL);
    AxScale scale = ax_scale_new(image, cases[i].calibration);
    AxMark mark = {.kind = AX_MARK_LENGTH, .points = {{0, 0}, {30, 40}}};
    g_autofree char *text = ax_mark_text(&mark, image, cases[i].calibration);

    g_assert_cmpint(scale.kind, ==, cases[i].kind);
    g_assert_cmpfloat_with_epsilon(scale.x, cases[i].x, 1e-12);
    g_assert_cmpfloat_with_epsilon(scale.y, cases[i].y, 1e-12);
    /* the words follow the unit */
    g_assert_true((strstr(text, "at detector") != NULL) == (scale.kind == AX_SCALE_DETECTOR));
    g_assert_true((strstr(text, "pixels") != NULL) == (scale.kind == AX_SCALE_PIXELS));
    g_assert_true((strstr(text, "calibrated") != NULL) == (scale.kind >= AX_SCALE_FILE));
  }
}

static void test_length_and_angle(void) {
  AxScale square = {AX_SCALE_PIXELS, 1, 1}, tall = {AX_SCALE_DETECTOR, 0.1, 0.2};
  g_autoptr(AxImage) image = make_dicom(NULL, "0.2\\0.1", NULL);
  double calibration;

  g_assert_cmpfloat_with_epsilon(ax_measure_length(square, (AxPoint){1, 1}, (AxPoint){4, 5}), 5, 1e-12);
  g_assert_cmpfloat_with_epsilon(ax_measure_length(tall, (AxPoint){0, 0}, (AxPoint){30, 20}), 5, 1e-12);
  g_assert_cmpfloat_with_epsilon(ax_measure_angle(square, (AxPoint){1, 0}, (AxPoint){0, 0}, (AxPoint){0, 7}), 90, 1e-9);
  g_assert_cmpfloat_with_epsilon(ax_measure_angle(square, (AxPoint){1, 0}, (AxPoint){0, 0}, (AxPoint){-2, 0}), 180, 1e-9);
  g_assert_cmpfloat_with_epsilon(ax_measure_angle(tall, (AxPoint){2, 0}, (AxPoint){0, 0}, (AxPoint){2, 1}), 45, 1e-9);
  g_assert_cmpfloat(ax_measure_angle(square, (AxPoint){0, 0}, (AxPoint){0, 0}, (AxPoint){0, 7}), ==, 0);
  /* calibrated so that a slanting caliper on pixels that are not square has the length that was typed */
  calibration = ax_measure_calibration(image, (AxPoint){3, 4}, (AxPoint){33, 34}, 25);
  g_assert_cmpfloat_with_epsilon(ax_measure_length(ax_scale_new(image, calibration), (AxPoint){3, 4}, (AxPoint){33, 34}), 25, 1e-9);
  g_assert_cmpfloat(ax_measure_calibration(image, (AxPoint){3, 4}, (AxPoint){3, 4}, 25), ==, 0);
  g_assert_cmpfloat(ax_measure_calibration(image, (AxPoint){3, 4}, (AxPoint){5, 4}, -1), ==, 0);
  g_assert_cmpfloat(ax_measure_calibration(image, (AxPoint){3, 4}, (AxPoint){5, 4}, NAN), ==, 0);
}

/* Sums of at most 4,096 values up to 5,000 in double, two passes here against one there: each sum rounds to 4096 * 2^-53 of itself, and the
 * variance loses (mean / sd)^2 < 1e4 of that: 4e-9 relative. */
static void check_region(AxImage *image, AxPoint a, AxPoint b) {
  double cx = (a.x + b.x) / 2, cy = (a.y + b.y) / 2, rx = fabs(a.x - b.x) / 2, ry = fabs(a.y - b.y) / 2, sum = 0, square = 0, low = 1e9, high = -1e9;
  const guint8 *padding = ax_image_get_padding(image);
  AxScale scale = {AX_SCALE_DETECTOR, 0.5, 0.25};
  guint n = 0, left_out = 0;
  AxRegionStats stats;

  for (int pass = 0; pass < 2; pass++)
    for (int y = 0; y < SIDE; y++)
      for (int x = 0; x < SIDE; x++) {
        double u = rx > 0 ? (x + 0.5 - cx) / rx : 2, v = ry > 0 ? (y + 0.5 - cy) / ry : 2, value = ax_image_get_value(image, x, y);

        if (u * u + v * v > 1)
          continue;
        if (padding && padding[y * SIDE + x]) {
          left_out += pass == 0;
        } else if (pass == 0) {
          n++;
          sum += value;
          low = MIN(low, value);
          high = MAX(high, value);
        } else {
          square += (value - sum / n) * (value - sum / n);
        }
      }
  g_assert_true(ax_measure_region(image, scale, a, b, &stats) == (n > 0));
  g_assert_cmpuint(stats.n, ==, n);
  g_assert_cmpuint(stats.n_padding, ==, left_out);
  if (n == 0)
    return;
  g_assert_cmpfloat_with_epsilon(stats.mean, sum / n, 1e-8 * 5000);
  g_assert_cmpfloat_with_epsilon(stats.sd, n > 1 ? sqrt(square / (n - 1)) : 0, 4e-9 * 5000);
  g_assert_cmpfloat(stats.min, ==, low);
  g_assert_cmpfloat(stats.max, ==, high);
  g_assert_cmpfloat_with_epsilon(stats.area, n * 0.125, 1e-9);
}

static void test_region(void) {
  g_autoptr(AxImage) plain = make_dicom(NULL, NULL, NULL), padded = make_dicom(NULL, NULL, "0");

  g_assert_nonnull(ax_image_get_padding(padded));
  /* radii that are no halves: whether a pixel's centre lies exactly on the line is then no question of rounding */
  for (int i = 0; i < 300; i++) {
    AxPoint a = {g_test_rand_double_range(-20, 70), g_test_rand_double_range(-20, 70)};
    AxPoint b = {g_test_rand_double_range(-20, 70), g_test_rand_double_range(-20, 70)};

    check_region(plain, a, b);
    check_region(padded, a, b);
  }
  check_region(plain, (AxPoint){5, 5}, (AxPoint){5, 5});
  check_region(padded, (AxPoint){-0.3, -0.3}, (AxPoint){1.1, 1.1}); /* the one padded pixel alone */
}

static void test_ratio(void) {
  g_autofree AxPerception *p = g_new0(AxPerception, 1);
  g_autoptr(AxImage) image = make_dicom(NULL, NULL, NULL);
  g_autofree char *text = NULL;
  AxMark mark;

  p->width = p->height = SIDE;
  p->anatomy[ax_anatomy_find("Heart")].box = (AxBox){24, 30, 44, 50};
  p->anatomy[ax_anatomy_find("Right lung")].box = (AxBox){8, 10, 30, 50};
  p->anatomy[ax_anatomy_find("Left lung")].box = (AxBox){36, 12, 56, 52};
  mark = ax_measure_ratio_of(p);
  g_assert_cmpfloat_with_epsilon(ax_measure_ratio((AxScale){AX_SCALE_PIXELS, 1, 1}, &mark), 20.0 / 48, 1e-12);
  text = ax_mark_text(&mark, image, 0);
  g_assert_cmpstr(text, ==, "CTR 0.42 = heart 20 / thorax 48 pixels");
  /* the boxes of mirrored pixels give the same ratio at the mirrored place */
  p->mirrored = TRUE;
  mark = ax_measure_ratio_of(p);
  g_assert_cmpfloat_with_epsilon(mark.points[0].x, SIDE - 44, 1e-12);
  g_assert_cmpfloat_with_epsilon(ax_measure_ratio((AxScale){AX_SCALE_PIXELS, 1, 1}, &mark), 20.0 / 48, 1e-12);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ui/measure/scale", test_scale);
  g_test_add_func("/ui/measure/length-and-angle", test_length_and_angle);
  g_test_add_func("/ui/measure/region", test_region);
  g_test_add_func("/ui/measure/ratio", test_ratio);
  return g_test_run();
}
