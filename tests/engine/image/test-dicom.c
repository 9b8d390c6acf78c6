#include "engine/image/image.h"
#include "tests/engine/image/samples.h"

#include <math.h>
#include <string.h>

#define UID(tail) "1.2.840.10008.1.2" tail
enum { W = 30, H = 26, N = W * H };

static AxImage *load(const AxSampleDicom *spec) {
  const char *why = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = ax_sample_dicom(spec, &why);
  if (bytes == NULL) g_error("%s: %s", spec->syntax, why);
  AxImage *image = ax_image_load_bytes(bytes, "sample.dcm", NULL, &error);
  g_assert_no_error(error);
  return image;
}

static void expect_error(const AxSampleDicom *spec, int code) {
  const char *why = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = ax_sample_dicom(spec, &why);
  g_assert_nonnull(bytes);
  g_assert_null(ax_image_load_bytes(bytes, "sample.dcm", NULL, &error));
  g_assert_error(error, AX_IMAGE_ERROR, code);
  g_test_message("%s", error->message);
}

static const guint16 *pattern(guint max) {
  static guint16 p[N];
  for (int i = 0; i < N; i++) p[i] = (guint16)ax_sample_value(i % W, i / W, 0, max);
  return p;
}

/* Smooth, as lossy coding needs it. */
static const guint16 *ramp(guint max) {
  static guint16 p[N];
  for (int i = 0; i < N; i++) p[i] = (guint16)(max * (i % W + i / W) / (W + H));
  return p;
}

static void test_syntaxes(void) {
  static const struct { const char *uid; gboolean lossless; int depths; } forms[] = {
    {UID(""), TRUE, 3}, {UID(".1"), TRUE, 3}, {UID(".2"), TRUE, 3}, {UID(".5"), TRUE, 3}, {UID(".4.50"), FALSE, 1}, {UID(".4.51"), FALSE, 2},
    {UID(".4.57"), TRUE, 3}, {UID(".4.70"), TRUE, 3}, {UID(".4.80"), TRUE, 3}, {UID(".4.81"), FALSE, 3}, {UID(".4.90"), TRUE, 3}, {UID(".4.91"), FALSE, 3}};
  for (gsize i = 0; i < G_N_ELEMENTS(forms); i++)
    for (int depth = 1; depth <= 2; depth++) {
      if (!(forms[i].depths & depth)) continue;
      int stored = depth == 1 ? 8 : 12;
      guint max = (1u << stored) - 1;
      const guint16 *pixels = forms[i].lossless ? pattern(max) : ramp(max);
      AxSampleDicom spec = {forms[i].uid, W, H, 1, depth == 1 ? 8 : 16, stored, stored - 1, FALSE, "MONOCHROME2", pixels};
      g_autoptr(AxImage) image = load(&spec);
      g_assert_cmpint(ax_image_get_width(image), ==, W);
      g_assert_cmpint(ax_image_get_height(image), ==, H);
      g_assert_cmpint(ax_image_get_format(image), ==, AX_IMAGE_FORMAT_DICOM);
      double sum = 0;
      for (int k = 0; k < N; k++) {
        double d = (double)ax_image_get_pixels(image)[k] - pixels[k];
        if (forms[i].lossless) g_assert_cmpfloat(d, ==, 0);
        sum += d * d;
      }
      double db = 10 * log10((double)max * max * N / (sum + 1e-9));
      g_test_message("%s, %d bit: %s%.1f dB", ax_image_get_description(image), stored, forms[i].lossless ? "exact, " : "", forms[i].lossless ? INFINITY : db);
      /* Near-lossless JPEG-LS is off by at most 2 of 255 (42 dB); quality 95 and rate 2 of a ramp are no worse than 36 dB. */
      if (!forms[i].lossless) g_assert_cmpfloat(db, >=, 36);
    }
}

static void test_signed_and_shifted(void) {
  guint16 p[N];
  for (int i = 0; i < N; i++) p[i] = (guint16)((i * 5 - 2000) & 0xfff);
  AxSampleDicom spec = {UID(".1"), W, H, 1, 16, 12, 11, TRUE, "MONOCHROME2", p};
  g_autoptr(AxImage) image = load(&spec);
  for (int i = 0; i < N; i++) {
    g_assert_cmpuint(ax_image_get_pixels(image)[i], ==, i * 5 - 2000 + 2048);
    g_assert_cmpfloat(ax_image_get_value(image, i % W, i / W), ==, i * 5 - 2000);
  }
  AxSampleDicom shifted = {UID(".1"), W, H, 1, 16, 12, 15, FALSE, "MONOCHROME2", pattern(4095)};
  g_autoptr(AxImage) high = load(&shifted);
  for (int i = 0; i < N; i++) g_assert_cmpuint(ax_image_get_pixels(high)[i], ==, pattern(4095)[i]);
  AxSampleDicom j2k = {UID(".4.90"), W, H, 1, 16, 12, 11, TRUE, "MONOCHROME2", p};
  g_autoptr(AxImage) wavelet = load(&j2k);
  for (int i = 0; i < N; i++) g_assert_cmpuint(ax_image_get_pixels(wavelet)[i], ==, i * 5 - 2000 + 2048);
}

/* The level in [0, 1] that PS3.3 C.11.2 gives for a modality value, in double, written down again here. */
static double voi(const char *function, double c, double w, double x) {
  if (strcmp(function, "SIGMOID") == 0) return 1 / (1 + exp(-4 * (x - c) / w));
  if (strcmp(function, "LINEAR_EXACT") == 0) return x <= c - w / 2 ? 0 : x > c + w / 2 ? 1 : (x - c) / w + 0.5;
  return x <= c - 0.5 - (w - 1) / 2 ? 0 : x > c - 0.5 + (w - 1) / 2 ? 1 : (x - (c - 0.5)) / (w - 1) + 0.5;
}

static void test_windows(void) {
  static const char *const functions[] = {"LINEAR", "LINEAR_EXACT", "SIGMOID"};
  static const char *const slopes[][2] = {{"1", "0"}, {"2.5", "-1000"}, {"-0.5", "700"}};
  static const char *const windows[][2] = {{"1000", "1500"}, {"600.5", "1"}, {"-200", "4000"}};
  double worst = 0, worst_model = 0;
  for (int f = 0; f < 3; f++)
    for (int s = 0; s < 3; s++)
      for (int w = 0; w < 3; w++)
        for (int inverse = 0; inverse < 2; inverse++) {
          AxSampleDicom spec = {UID(".1"), W, H, 1, 16, 12, 11, FALSE, inverse ? "MONOCHROME1" : "MONOCHROME2", pattern(4095),
                                {{0x28, 0x1050, windows[w][0]}, {0x28, 0x1051, windows[w][1]}, {0x28, 0x1052, slopes[s][1]}, {0x28, 0x1053, slopes[s][0]},
                                 {0x28, 0x1054, "US"}, {0x28, 0x1056, functions[f]}}};
          g_autoptr(AxImage) image = load(&spec);
          g_autofree guint8 *lut = g_malloc(65536);
          ax_window_fill_lut(ax_image_get_default_window(image), lut);
          double c = g_ascii_strtod(windows[w][0], NULL), width = g_ascii_strtod(windows[w][1], NULL);
          double level[N], low = 1, high = 0;
          for (int i = 0; i < N; i++) {
            double m = g_ascii_strtod(slopes[s][0], NULL) * pattern(4095)[i] + g_ascii_strtod(slopes[s][1], NULL);
            level[i] = voi(functions[f], c, width, m);
            if (inverse) level[i] = 1 - level[i];
            low = fmin(low, level[i]), high = fmax(high, level[i]);
            worst = fmax(worst, fabs(lut[ax_image_get_pixels(image)[i]] - 255 * level[i]));
            g_assert_cmpfloat_with_epsilon(ax_image_get_value(image, i % W, i / W), m, 1e-6);
          }
          int max;
          const guint16 *model = ax_image_get_model_pixels(image, &max);
          g_assert_cmpint(max, ==, 255);
          for (int i = 0; i < N && high > low; i++) {
            double want = 255 * (level[i] - low) / (high - low);
            worst_model = fmax(worst_model, fmax(model[i] - want, want - 1 - model[i]));
          }
        }
  /* Display: rounding to the nearest level, half a level; a threshold (width 1) moves by at most the rounding of the centre. */
  g_test_message("display: %.0f %% of the tolerance", 100 * worst / (0.5 + 1e-6));
  g_assert_cmpfloat(worst, <=, 0.5 + 1e-6);
  /* Model: cut to integers, so between the value less one and the value; the double arithmetic in another order adds 1e-9. */
  g_test_message("model: %g above the cut (allowed 1e-9)", worst_model);
  g_assert_cmpfloat(worst_model, <=, 1e-9);
}

static void test_luts(void) {
  /* Modality LUT of 100 entries from stored value 50; VOI LUT on its output; the window must be ignored. */
  guint16 modality[100], table[200];
  for (int i = 0; i < 100; i++) modality[i] = (guint16)(i * 2 + 3);
  for (int i = 0; i < 200; i++) table[i] = (guint16)(i * i / 10);
  for (int inverse = 0; inverse < 2; inverse++) {
    AxSampleDicom spec = {UID(".1"), W, H, 1, 8, 8, 7, FALSE, inverse ? "MONOCHROME1" : "MONOCHROME2", pattern(255), {{0x28, 0x1050, "3"}, {0x28, 0x1051, "2"}}};
    spec.modality = (AxSampleLut){100, 50, 8, modality};
    spec.voi = (AxSampleLut){200, 10, 12, table};
    g_autoptr(AxImage) image = load(&spec);
    g_assert_cmpint(ax_image_get_bits(image), ==, 12);
    g_assert_cmpint(ax_image_get_n_windows(image), ==, 0);
    for (int i = 0; i < N; i++) {
      int m = modality[CLAMP(pattern(255)[i] - 50, 0, 99)], v = table[CLAMP(m - 10, 0, 199)];
      g_assert_cmpuint(ax_image_get_pixels(image)[i], ==, inverse ? 4095 - v : v);
    }
    AxWindow w = ax_image_get_default_window(image);
    g_assert_cmpfloat(w.width, ==, 4096);
  }
}

static void test_padding(void) {
  guint16 p[N];
  for (int i = 0; i < N; i++) p[i] = (guint16)(i % W < 6 ? 60000 + i % 3 : 1000 + i);
  AxSampleDicom spec = {UID(".1"), W, H, 1, 16, 16, 15, FALSE, "MONOCHROME1", p, {{0x28, 0x120, "60000"}, {0x28, 0x121, "60002"}}};
  g_autoptr(AxImage) image = load(&spec);
  const guint8 *mask = ax_image_get_padding(image);
  g_assert_nonnull(mask);
  int low = 65535, high = 0;
  for (int i = 0; i < N; i++) {
    g_assert_cmpint(mask[i], ==, i % W < 6);
    if (mask[i]) {
      g_assert_cmpuint(ax_image_get_pixels(image)[i], ==, 0);
      continue;
    }
    low = MIN(low, p[i]), high = MAX(high, p[i]);
  }
  const guint16 *model = ax_image_get_model_pixels(image, NULL);
  for (int i = 0; i < N; i++) g_assert_cmpuint(model[i], ==, mask[i] ? 0 : (guint)((high - p[i]) * 255.0 / (high - low)));
  /* No window in the file: percentiles of what is not padding, which here spans the inverted 1006 .. 1779. */
  AxWindow w = ax_image_get_default_window(image);
  g_assert_cmpfloat(w.center + w.width / 2, <=, 65535 - low + 1);
  g_assert_cmpfloat(w.center - w.width / 2, >=, 65535 - high);
  g_assert_cmpfloat(w.width, >, 0.97 * (high - low));
}

static void test_colour(void) {
  static const char *const syntaxes[] = {UID(".1"), UID(".2"), UID(".5"), UID(".4.70"), UID(".4.80"), UID(".4.90")};
  guint16 p[N * 3];
  for (int i = 0; i < N; i++)
    for (int c = 0; c < 3; c++) p[3 * i + c] = (guint16)ax_sample_value(i % W, i / W, c, 255);
  for (gsize k = 0; k < G_N_ELEMENTS(syntaxes); k++) {
    AxSampleDicom spec = {syntaxes[k], W, H, 3, 8, 8, 7, FALSE, "RGB", p};
    g_autoptr(AxImage) image = load(&spec);
    for (int i = 0; i < N; i++)
      g_assert_cmpuint(ax_image_get_pixels(image)[i], ==, (p[3 * i] * 19595u + p[3 * i + 1] * 38470u + p[3 * i + 2] * 7471u + 32768u) >> 16);
  }
}

static void test_header(void) {
  AxSampleDicom spec = {UID(""), W, H, 1, 8, 8, 7, FALSE, "MONOCHROME2", pattern(255),
                        {{0x28, 0x30, "0.2\\0.25"}, {0x18, 0x1164, "0.4\\0.5"}, {0x20, 0x20, "L\\F"}, {0x20, 0x62, "U"}, {0x18, 0x5101, "PA"},
                         {0x28, 0x1050, "100\\40"}, {0x28, 0x1051, "200\\80"}, {0x28, 0x1055, "NORMAL\\HARDER"}}};
  g_autoptr(AxImage) image = load(&spec);
  double row, column;
  g_assert_true(ax_image_get_pixel_spacing(image, &row, &column));
  g_assert_true(row == 0.2 && column == 0.25);
  g_assert_true(ax_image_get_imager_spacing(image, &row, &column));
  g_assert_true(row == 0.4 && column == 0.5);
  g_assert_cmpstr(ax_image_get_orientation_row(image), ==, "L");
  g_assert_cmpstr(ax_image_get_orientation_column(image), ==, "F");
  g_assert_cmpstr(ax_image_get_laterality(image), ==, "U");
  g_assert_cmpstr(ax_image_get_view(image), ==, "PA");
  g_assert_cmpstr(ax_image_get_modality(image), ==, "DX");
  g_assert_cmpint(ax_image_get_n_windows(image), ==, 2);
  const char *text;
  g_assert_cmpfloat(ax_image_get_window(image, 1, &text).width, ==, 80);
  g_assert_cmpstr(text, ==, "HARDER");
  AxSampleDicom bare = {UID(""), W, H, 1, 8, 8, 7, FALSE, "MONOCHROME2", pattern(255)};
  g_autoptr(AxImage) plain = load(&bare);
  g_assert_false(ax_image_get_pixel_spacing(plain, NULL, NULL));
  g_assert_null(ax_image_get_orientation_row(plain));
}

static void test_refused(void) {
  const guint16 *p = pattern(255);
  expect_error(&(AxSampleDicom){UID(".1"), W, H, 1, 8, 8, 7, FALSE, "MONOCHROME2", p, {{0x18, 0x5101, "LL"}}}, AX_IMAGE_ERROR_LATERAL);
  expect_error(&(AxSampleDicom){UID(".1"), W, H, 1, 8, 8, 7, FALSE, "MONOCHROME2", p, {{0x20, 0x20, "A\\F"}}}, AX_IMAGE_ERROR_LATERAL);
  expect_error(&(AxSampleDicom){UID(".1"), W, H, 1, 8, 8, 7, FALSE, "MONOCHROME2", p, {{0x28, 0x08, "12"}}}, AX_IMAGE_ERROR_MULTI_FRAME);
  expect_error(&(AxSampleDicom){UID(".1"), W, H, 1, 8, 8, 7, FALSE, "PALETTE COLOR", p}, AX_IMAGE_ERROR_UNSUPPORTED);
  guint8 few[40] = {0};
  AxSampleDicom shorter = {UID(".1"), W, H, 1, 8, 8, 7, FALSE, "MONOCHROME2", p};
  shorter.pixel_override = few, shorter.pixel_override_size = sizeof few;
  expect_error(&shorter, AX_IMAGE_ERROR_CORRUPT);
  AxSampleDicom wide = shorter;
  wide.columns = 65535, wide.rows = 65535;
  expect_error(&wide, AX_IMAGE_ERROR_TOO_LARGE);
  wide.rows = 0;
  expect_error(&wide, AX_IMAGE_ERROR_EMPTY);
  AxSampleDicom long_pixels = shorter;
  long_pixels.allocated = long_pixels.stored = 32, long_pixels.high = 31;
  expect_error(&long_pixels, AX_IMAGE_ERROR_UNSUPPORTED);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/image/dicom/syntaxes", test_syntaxes);
  g_test_add_func("/image/dicom/signed-and-shifted", test_signed_and_shifted);
  g_test_add_func("/image/dicom/windows", test_windows);
  g_test_add_func("/image/dicom/luts", test_luts);
  g_test_add_func("/image/dicom/padding", test_padding);
  g_test_add_func("/image/dicom/colour", test_colour);
  g_test_add_func("/image/dicom/header", test_header);
  g_test_add_func("/image/dicom/refused", test_refused);
  return g_test_run();
}
