/* The inside of AxImage and the readers. Only engine/image includes this: a reader makes an AxImage with ax_image_alloc(),
 * fills the fields that its format knows, and hands it to ax_image_load_bytes(), which completes it. */
#pragma once

#include "engine/image/image.h"

G_BEGIN_DECLS

typedef struct {
  AxWindow window;
  char *explanation;
} AxNamedWindow;

struct _AxImage {
  GObject parent_instance;
  int width, height, bits;
  guint16 *pixels;       /* [height, width], display */
  guint16 *model_pixels; /* [height, width], or NULL: the same as pixels */
  int model_max;
  AxImageOrigin origin;
  guint8 *padding; /* [height, width], or NULL */
  double slope, intercept;
  AxNamedWindow *windows;
  int n_windows;
  AxWindow window;
  gboolean has_window;
  AxImageFormat format;
  char *description, *path, *name;
  double pixel_spacing[2], imager_spacing[2]; /* row, column; 0: absent */
  char *orientation_row, *orientation_column, *laterality, *view, *modality;
};

/* FALSE with AX_IMAGE_ERROR_EMPTY or _TOO_LARGE unless an image of this size may be held. */
gboolean ax_image_check_size(guint64 width, guint64 height, GError **error);

/* A new image with its pixels allocated and zero; NULL with an error when the size or the machine's memory forbids it. */
AxImage *ax_image_alloc(guint64 width, guint64 height, int bits, GError **error);

/* Cuts model planes: a plane of the image's size, or NULL with an error when memory is short. */
guint16 *ax_image_alloc_plane(AxImage *image, GError **error);

/* PIL's conversion of red, green, blue to grey (spec 1.1), for 8-bit and for 16-bit channels. */
static inline guint ax_grey_of_rgb(guint r, guint g, guint b) {
  return (guint)(((guint64)19595 * r + (guint64)38470 * g + (guint64)7471 * b + 0x8000) >> 16);
}

gboolean ax_png_recognise(const guint8 *data, gsize size);
AxImage *ax_png_read(const guint8 *data, gsize size, GCancellable *cancellable, GError **error);
gboolean ax_jpeg_recognise(const guint8 *data, gsize size);
AxImage *ax_jpeg_read(const guint8 *data, gsize size, GCancellable *cancellable, GError **error);

/* Orientation 1..8 of an EXIF block that begins with "Exif\0\0"; 1 when it is absent or broken. Reads within `size` only. */
int ax_exif_orientation(const guint8 *data, gsize size);

G_END_DECLS
