#include "engine/image/image-private.h"

#include "engine/image/dicom.h"

#include <string.h>

G_DEFINE_FINAL_TYPE(AxImage, ax_image, G_TYPE_OBJECT)
G_DEFINE_QUARK(ax-image-error-quark, ax_image_error)

static void ax_image_finalize(GObject *object) {
  AxImage *image = AX_IMAGE(object);
  g_free(image->pixels);
  g_free(image->model_pixels);
  g_free(image->padding);
  for (int i = 0; i < image->n_windows; i++) g_free(image->windows[i].explanation);
  g_free(image->windows);
  g_free(image->description);
  g_free(image->path);
  g_free(image->name);
  g_free(image->orientation_row);
  g_free(image->orientation_column);
  g_free(image->laterality);
  g_free(image->view);
  g_free(image->modality);
  G_OBJECT_CLASS(ax_image_parent_class)->finalize(object);
}

static void ax_image_class_init(AxImageClass *klass) {
  G_OBJECT_CLASS(klass)->finalize = ax_image_finalize;
}

static void ax_image_init(AxImage *image) {
  image->slope = 1;
  image->model_max = 255;
}

gboolean ax_image_check_size(guint64 width, guint64 height, GError **error) {
  if (width == 0 || height == 0) {
    g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_EMPTY,
                "The image has no pixels (%" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT "); export it again from its source", width, height);
    return FALSE;
  }
  if (width > AX_IMAGE_MAX_SIDE || height > AX_IMAGE_MAX_SIDE || width * height > AX_IMAGE_MAX_PIXELS) {
    g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_TOO_LARGE,
                "The image is too large (%" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT " pixels; at most %d on a side and %d million in all): "
                "scale it down first", width, height, AX_IMAGE_MAX_SIDE, AX_IMAGE_MAX_PIXELS / (1024 * 1024));
    return FALSE;
  }
  return TRUE;
}

guint16 *ax_image_alloc_plane(AxImage *image, GError **error) {
  gsize n = (gsize)image->width * image->height;
  guint16 *plane = g_try_malloc0_n(n, sizeof *plane);
  if (plane == NULL)
    g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_TOO_LARGE, "Not enough memory for an image of %d x %d pixels: close other programs or scale it down",
                image->width, image->height);
  return plane;
}

AxImage *ax_image_alloc(guint64 width, guint64 height, int bits, GError **error) {
  if (!ax_image_check_size(width, height, error)) return NULL;
  g_autoptr(AxImage) image = g_object_new(AX_TYPE_IMAGE, NULL);
  image->width = (int)width;
  image->height = (int)height;
  image->bits = bits;
  image->model_max = bits > 8 ? 65535 : 255;
  image->pixels = ax_image_alloc_plane(image, error);
  return image->pixels ? g_steal_pointer(&image) : NULL;
}

/* ---- the default window ---- */

/* Percentiles 0.5 and 99.5 of the pixels that are not padding: markers, collimator edges and dead pixels lie outside. */
static AxWindow percentile_window(AxImage *image) {
  gsize n = (gsize)image->width * image->height, counted = 0;
  g_autofree guint32 *histogram = g_new0(guint32, 65536);
  for (gsize i = 0; i < n; i++)
    if (image->padding == NULL || !image->padding[i]) histogram[image->pixels[i]]++, counted++;
  guint64 below = counted / 200, sum = 0;
  int low = 0, high = 65535;
  for (low = 0; low < 65535; low++)
    if ((sum += histogram[low]) > below) break;
  sum = 0;
  for (high = 65535; high > low; high--)
    if ((sum += histogram[high]) > below) break;
  return (AxWindow){(low + high + 1) / 2.0, MAX(high - low + 1, 2), AX_WINDOW_LINEAR};
}

static void complete(AxImage *image) {
  if (image->has_window) return;
  if (image->n_windows > 0) image->window = image->windows[0].window;
  else if (image->bits > 8 || image->padding) image->window = percentile_window(image);
  else image->window = (AxWindow){(ax_image_get_max_value(image) + 1) / 2.0, ax_image_get_max_value(image) + 1, AX_WINDOW_LINEAR};
  image->has_window = TRUE;
}

/* ---- loading ---- */

/* Names for content that people do drop on a viewer, so that the message can say what it is. */
static const char *foreign_format(const guint8 *d, gsize n) {
  static const struct { int offset, length; const char *magic, *name; } known[] = {
    {0, 4, "GIF8", "a GIF image"}, {0, 2, "BM", "a BMP image"}, {0, 4, "II*\0", "a TIFF image"}, {0, 4, "MM\0*", "a TIFF image"},
    {8, 4, "WEBP", "a WebP image"}, {4, 8, "ftypheic", "a HEIC image"}, {4, 8, "ftypavif", "an AVIF image"}, {0, 5, "%PDF-", "a PDF document"},
    {0, 4, "PK\3\4", "a ZIP archive"}, {0, 2, "\x1f\x8b", "a gzip archive"}, {4, 4, "jP  ", "a bare JPEG 2000 image"},
    {0, 4, "\xff\x4f\xff\x51", "a bare JPEG 2000 code stream"}, {344, 3, "n+1", "a NIfTI volume"}, {0, 5, "<?xml", "an XML document"},
    {0, 4, "<svg", "an SVG drawing"}, {0, 5, "<html", "a web page"}, {0, 9, "<!DOCTYPE", "a web page"}, {0, 1, "{", "a JSON text"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
    if (n >= (gsize)(known[i].offset + known[i].length) && memcmp(d + known[i].offset, known[i].magic, known[i].length) == 0) return known[i].name;
  return NULL;
}

AxImage *ax_image_load_bytes(GBytes *bytes, const char *name, GCancellable *cancellable, GError **error) {
  g_return_val_if_fail(bytes != NULL, NULL);
  if (g_cancellable_set_error_if_cancelled(cancellable, error)) return NULL;
  if (name == NULL) name = "the image";
  gsize size;
  const guint8 *data = g_bytes_get_data(bytes, &size);
  g_autoptr(AxImage) image = NULL;
  GError *reason = NULL;
  if (size == 0) {
    g_set_error(&reason, AX_IMAGE_ERROR, AX_IMAGE_ERROR_EMPTY, "The file is empty; copy or export it again");
  } else if (size > AX_IMAGE_MAX_FILE_BYTES) {
    g_set_error(&reason, AX_IMAGE_ERROR, AX_IMAGE_ERROR_TOO_LARGE, "The file is larger than %u MB; export one image at a lower resolution",
                AX_IMAGE_MAX_FILE_BYTES >> 20);
  } else if (ax_png_recognise(data, size)) {
    image = ax_png_read(data, size, cancellable, &reason);
  } else if (ax_jpeg_recognise(data, size)) {
    image = ax_jpeg_read(data, size, cancellable, &reason);
  } else if (ax_dicom_recognise(data, size)) {
    image = ax_dicom_read(data, size, cancellable, &reason);
  } else {
    const char *what = foreign_format(data, size);
    if (what)
      g_set_error(&reason, AX_IMAGE_ERROR, AX_IMAGE_ERROR_NOT_AN_IMAGE, "This is %s, which is not read; save it as PNG, JPEG or DICOM", what);
    else
      g_set_error(&reason, AX_IMAGE_ERROR, AX_IMAGE_ERROR_NOT_AN_IMAGE, "This is not a PNG, JPEG or DICOM file; choose a radiograph in one of these forms");
  }
  if (image == NULL) {
    /* Texts of the file and its name may be in any encoding; a message is shown, so it must be UTF-8. */
    g_autofree char *message = g_strconcat(name, ": ", reason->message, NULL);
    g_autofree char *valid = g_utf8_make_valid(message, -1);
    g_set_error_literal(error, reason->domain, reason->code, valid);
    g_error_free(reason);
    return NULL;
  }
  g_free(image->name);
  image->name = g_utf8_make_valid(name, -1);
  complete(image);
  return g_steal_pointer(&image);
}

static GBytes *read_file(const char *path, GCancellable *cancellable, GError **error) {
  g_autoptr(GFile) file = g_file_new_for_path(path);
  g_autoptr(GError) reason = NULL;
  g_autoptr(GFileInfo) info = g_file_query_info(file, G_FILE_ATTRIBUTE_STANDARD_TYPE "," G_FILE_ATTRIBUTE_STANDARD_SIZE,
                                                G_FILE_QUERY_INFO_NONE, cancellable, &reason);
  g_autofree char *contents = NULL;
  gsize length = 0;
  if (info) {
    GFileType type = g_file_info_get_file_type(info);
    if (type == G_FILE_TYPE_DIRECTORY) {
      g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_READ, "%s: This is a folder; choose an image file in it", path);
      return NULL;
    }
    /* A pipe or a device could block or never end. */
    if (type != G_FILE_TYPE_REGULAR) {
      g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_READ, "%s: This is not a regular file; choose an image file", path);
      return NULL;
    }
    if (g_file_info_get_size(info) > (goffset)AX_IMAGE_MAX_FILE_BYTES) {
      g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_TOO_LARGE, "%s: The file is larger than %u MB; export one image at a lower resolution",
                  path, AX_IMAGE_MAX_FILE_BYTES >> 20);
      return NULL;
    }
    if (g_file_load_contents(file, cancellable, &contents, &length, NULL, &reason)) return g_bytes_new_take(g_steal_pointer(&contents), length);
  }
  if (g_error_matches(reason, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    g_propagate_error(error, g_steal_pointer(&reason));
    return NULL;
  }
  if (g_error_matches(reason, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)) {
    g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_READ, "%s: There is no such file; check the path", path);
    return NULL;
  }
  g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_READ, "%s: The file cannot be read (%s); check the path and its permissions", path, reason->message);
  return NULL;
}

AxImage *ax_image_load(const char *path, GCancellable *cancellable, GError **error) {
  g_return_val_if_fail(path != NULL, NULL);
  g_autoptr(GBytes) bytes = read_file(path, cancellable, error);
  if (bytes == NULL) return NULL;
  g_autofree char *name = g_path_get_basename(path);
  AxImage *image = ax_image_load_bytes(bytes, name, cancellable, error);
  if (image) image->path = g_strdup(path);
  return image;
}

AxImage *ax_image_new_from_u8(int width, int height, const guint8 *pixels, AxImageOrigin origin, GError **error) {
  AxImage *image = ax_image_alloc(MAX(width, 0), MAX(height, 0), 8, error);
  if (image == NULL) return NULL;
  for (gsize i = 0, n = (gsize)width * height; i < n; i++) image->pixels[i] = pixels[i];
  image->origin = origin;
  image->description = g_strdup("8 bit grey");
  image->name = g_strdup("image");
  complete(image);
  return image;
}

AxImage *ax_image_new_from_u16(int width, int height, int bits, const guint16 *pixels, GError **error) {
  if (bits < 1 || bits > 16) {
    g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_ARGUMENT, "A pixel has 1 to 16 bits, not %d", bits);
    return NULL;
  }
  AxImage *image = ax_image_alloc(MAX(width, 0), MAX(height, 0), bits, error);
  if (image == NULL) return NULL;
  guint16 max = (guint16)ax_image_get_max_value(image);
  for (gsize i = 0, n = (gsize)width * height; i < n; i++) image->pixels[i] = MIN(pixels[i], max);
  image->origin = AX_IMAGE_ORIGIN_FLOAT;
  image->model_max = 65535;
  image->description = g_strdup_printf("%d bit grey", bits);
  image->name = g_strdup("image");
  complete(image);
  return image;
}

/* ---- accessors ---- */

int ax_image_get_width(AxImage *image) { return image->width; }
int ax_image_get_height(AxImage *image) { return image->height; }
const guint16 *ax_image_get_pixels(AxImage *image) { return image->pixels; }
int ax_image_get_bits(AxImage *image) { return image->bits; }
int ax_image_get_max_value(AxImage *image) { return (1 << image->bits) - 1; }
AxImageOrigin ax_image_get_origin(AxImage *image) { return image->origin; }
const guint8 *ax_image_get_padding(AxImage *image) { return image->padding; }
AxWindow ax_image_get_default_window(AxImage *image) { return image->window; }
int ax_image_get_n_windows(AxImage *image) { return image->n_windows; }
AxImageFormat ax_image_get_format(AxImage *image) { return image->format; }
const char *ax_image_get_description(AxImage *image) { return image->description; }
const char *ax_image_get_path(AxImage *image) { return image->path; }
const char *ax_image_get_name(AxImage *image) { return image->name; }
const char *ax_image_get_orientation_row(AxImage *image) { return image->orientation_row; }
const char *ax_image_get_orientation_column(AxImage *image) { return image->orientation_column; }
const char *ax_image_get_laterality(AxImage *image) { return image->laterality; }
const char *ax_image_get_view(AxImage *image) { return image->view; }
const char *ax_image_get_modality(AxImage *image) { return image->modality; }

const guint16 *ax_image_get_model_pixels(AxImage *image, int *max) {
  if (max) *max = image->model_max;
  return image->model_pixels ? image->model_pixels : image->pixels;
}

double ax_image_get_value(AxImage *image, int x, int y) {
  if (x < 0 || y < 0 || x >= image->width || y >= image->height) return 0;
  return image->slope * image->pixels[(gsize)y * image->width + x] + image->intercept;
}

AxWindow ax_image_get_window(AxImage *image, int index, const char **explanation) {
  if (index < 0 || index >= image->n_windows) {
    if (explanation) *explanation = NULL;
    return image->window;
  }
  if (explanation) *explanation = image->windows[index].explanation;
  return image->windows[index].window;
}

static gboolean spacing(const double *pair, double *row_mm, double *column_mm) {
  if (!(pair[0] > 0 && pair[1] > 0)) return FALSE;
  if (row_mm) *row_mm = pair[0];
  if (column_mm) *column_mm = pair[1];
  return TRUE;
}

gboolean ax_image_get_pixel_spacing(AxImage *image, double *row_mm, double *column_mm) {
  return spacing(image->pixel_spacing, row_mm, column_mm);
}

gboolean ax_image_get_imager_spacing(AxImage *image, double *row_mm, double *column_mm) {
  return spacing(image->imager_spacing, row_mm, column_mm);
}
