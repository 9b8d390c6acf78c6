#include "tests/fuzz/fuzz_image.h"

#include "engine/image/preprocess.h"

/* Enough for every path, small enough that the fuzzer spends its time in the readers. */
#define MOST_PIXELS (512 * 512)

gboolean ax_fuzz_image(const uint8_t *data, size_t size) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = g_bytes_new_static(data, size);
  g_autoptr(AxImage) image = ax_image_load_bytes(bytes, "fuzz", NULL, &error);
  if (image == NULL) {
    g_assert(error != NULL && error->message != NULL && g_utf8_validate(error->message, -1, NULL));
    return FALSE;
  }
  g_assert(error == NULL);
  gsize n = (gsize)ax_image_get_width(image) * ax_image_get_height(image);
  int model_max, max = ax_image_get_max_value(image);
  const guint16 *pixels = ax_image_get_pixels(image), *model = ax_image_get_model_pixels(image, &model_max);
  for (gsize i = 0; i < n; i++) g_assert(pixels[i] <= max && model[i] <= model_max);
  /* The frame costs far more than reading a small file: one image in eight goes all the way, by its length, so that a finding repeats. */
  if (n > MOST_PIXELS || size % 8 != 0) return TRUE;
  static guint8 lut[65536], out[64 * 64];
  ax_window_fill_lut(ax_image_get_default_window(image), lut);
  for (int i = 0; i < ax_image_get_n_windows(image); i++) ax_window_fill_lut(ax_image_get_window(image, i, NULL), lut);
  AxPreprocessOptions options = {64, TRUE, FALSE, TRUE};
  AxFrame frame;
  g_assert(ax_preprocess(image, &options, out, &frame, &error));
  return TRUE;
}
