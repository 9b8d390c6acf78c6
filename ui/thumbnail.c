#include "ui/thumbnail.h"

GBytes *ax_thumbnail_draw(const char *path, int side, GCancellable *cancellable, GError **error) {
  g_autoptr(AxImage) image = ax_image_load(path, cancellable, error);
  g_autoptr(AxPyramid) pyramid = NULL;
  g_autoptr(AxViewport) viewport = NULL;
  g_autofree guint8 *lut = NULL;
  guint32 *pixels;
  AxWindow window;

  if (!image)
    return NULL;
  pyramid = ax_pyramid_new(image);
  viewport = ax_viewport_new();
  window = ax_image_get_default_window(image);
  ax_viewport_set_view_size(viewport, side, side);
  ax_viewport_set_image_size(viewport, ax_image_get_width(image), ax_image_get_height(image));
  ax_viewport_set_window(viewport, window.center, window.width);
  lut = g_malloc(65536);
  ax_viewport_fill_lut(viewport, image, lut);
  pixels = g_new(guint32, (gsize)side * side);
  ax_pyramid_draw(pyramid, viewport, 1, lut, pixels, side, side, side);
  return g_bytes_new_take(pixels, sizeof *pixels * side * side);
}
