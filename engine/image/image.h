/* Radiographs in memory. What lives here: AxImage, one decoded grey image with what its file said about it, and the loader,
 * which recognises PNG, JPEG and DICOM by their content, never by their name. An AxImage never changes after it was made, so
 * any thread may read it. Files are hostile: sizes are checked before memory is taken, and every refusal is a GError of the
 * domain AX_IMAGE_ERROR whose message says what to do next. May use GLib, GObject and GIO; knows no model and no widget. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define AX_TYPE_IMAGE (ax_image_get_type())
G_DECLARE_FINAL_TYPE(AxImage, ax_image, AX, IMAGE, GObject)

/* Caps, checked before any pixel memory is taken. 64 Mpx is five times the largest detector in use (4300 x 4300 is 18 Mpx). */
#define AX_IMAGE_MAX_PIXELS (64 * 1024 * 1024)
#define AX_IMAGE_MAX_SIDE 30000
#define AX_IMAGE_MAX_FILE_BYTES (256u * 1024 * 1024)

#define AX_IMAGE_ERROR (ax_image_error_quark())
GQuark ax_image_error_quark(void);

typedef enum {
  AX_IMAGE_ERROR_READ,         /* the file could not be opened or read */
  AX_IMAGE_ERROR_EMPTY,        /* no bytes, or an image without pixels */
  AX_IMAGE_ERROR_NOT_AN_IMAGE, /* content is none of PNG, JPEG, DICOM */
  AX_IMAGE_ERROR_UNSUPPORTED,  /* a form of PNG, JPEG or DICOM that is not read */
  AX_IMAGE_ERROR_CORRUPT,      /* truncated or broken */
  AX_IMAGE_ERROR_TOO_LARGE,    /* beyond the caps above */
  AX_IMAGE_ERROR_MULTI_FRAME,  /* a cine loop or an animation */
  AX_IMAGE_ERROR_LATERAL,      /* DICOM says that it is a lateral view */
  AX_IMAGE_ERROR_WRITE,        /* the file could not be written */
  AX_IMAGE_ERROR_ARGUMENT,     /* a caller asked for a size that does not exist */
} AxImageError;

typedef enum {
  AX_IMAGE_FORMAT_MEMORY, /* made by ax_image_new_from_u8() or _u16() */
  AX_IMAGE_FORMAT_PNG,
  AX_IMAGE_FORMAT_JPEG,
  AX_IMAGE_FORMAT_DICOM,
} AxImageFormat;

/* How the reference preprocessing treats the pixels (spec 1.2 and section 16, point 2): PNG pixels are resized as float32
 * (v / 255 or v / 65535), JPEG and DICOM pixels as uint8 in OpenCV's fixed-point arithmetic. */
typedef enum {
  AX_IMAGE_ORIGIN_FLOAT,
  AX_IMAGE_ORIGIN_UINT8,
} AxImageOrigin;

/* DICOM VOI LUT Function, PS3.3 C.11.2.1.2 and C.11.2.1.3. */
typedef enum {
  AX_WINDOW_LINEAR,
  AX_WINDOW_LINEAR_EXACT,
  AX_WINDOW_SIGMOID,
} AxWindowFunction;

/* A display window. Centre and width are in units of the kept pixels (ax_image_get_pixels()), not of the modality. */
typedef struct {
  double center, width;
  AxWindowFunction function;
} AxWindow;

/* ---- making ---- */

/* The image in the file at `path`. Reads the file on the calling thread. Errors: AX_IMAGE_ERROR, or G_IO_ERROR_CANCELLED. */
AxImage *ax_image_load(const char *path, GCancellable *cancellable, GError **error);

/* The image in `bytes`. `name` is what messages call it ("clipboard", a file name) and may be NULL. Errors as above. */
AxImage *ax_image_load_bytes(GBytes *bytes, const char *name, GCancellable *cancellable, GError **error);

/* An image from pixels [height, width] in row order, copied. `origin` picks the reference arithmetic of ax_preprocess().
 * Errors: AX_IMAGE_ERROR_EMPTY, AX_IMAGE_ERROR_TOO_LARGE. */
AxImage *ax_image_new_from_u8(int width, int height, const guint8 *pixels, AxImageOrigin origin, GError **error);

/* The same with 16-bit pixels of which `bits` (1 to 16) are used; values above 2^bits - 1 are cut to it. The reference
 * divides by 65535 whatever `bits` is, as for a 16-bit PNG. Errors: as above and AX_IMAGE_ERROR_ARGUMENT. */
AxImage *ax_image_new_from_u16(int width, int height, int bits, const guint16 *pixels, GError **error);

/* ---- pixels ---- */

int ax_image_get_width(AxImage *image);
int ax_image_get_height(AxImage *image);

/* Grey pixels for display, [height, width], no row padding; larger is brighter (MONOCHROME1 is inverted already).
 * Values are 0 .. ax_image_get_max_value() = 2^bits - 1. */
const guint16 *ax_image_get_pixels(AxImage *image);
int ax_image_get_bits(AxImage *image);
int ax_image_get_max_value(AxImage *image);

/* The plane that the reference feeds to the model, [height, width], 0 .. *max. It is the display plane, except for colour
 * files, of which the reference takes channel 0 (spec 1.2 step 1), and DICOM, which is windowed and stretched to 8 bits
 * (spec 1.2 step 5). `max` is 255 or 65535 and may be NULL. */
const guint16 *ax_image_get_model_pixels(AxImage *image, int *max);
AxImageOrigin ax_image_get_origin(AxImage *image);

/* Mask [height, width] of DICOM pixel padding (1 = padding, no measurement there), or NULL when there is none. */
const guint8 *ax_image_get_padding(AxImage *image);

/* What the detector or file said at column x and row y: modality value = slope * pixel + intercept (DICOM), or the pixel itself.
 * 0 outside the image. */
double ax_image_get_value(AxImage *image, int x, int y);

/* ---- windows ---- */

/* The window to start with: of the file; else of the percentiles 0.5 and 99.5 of a deep image; else the whole range. */
AxWindow ax_image_get_default_window(AxImage *image);

/* The windows that a DICOM file offers, in its order. `explanation` may be NULL; it stays owned by the image. */
int ax_image_get_n_windows(AxImage *image);
AxWindow ax_image_get_window(AxImage *image, int index, const char **explanation);

/* Fills lut[65536]: 8-bit display level for each pixel value. A width below the function's smallest one is raised to it. */
void ax_window_fill_lut(AxWindow window, guint8 *lut);

/* The level in [0, 1] of one pixel value (PS3.3 C.11.2.1.2.1, C.11.2.1.3.1, C.11.2.1.3.2). */
double ax_window_apply(AxWindow window, double value);

/* ---- what the file says ---- */

AxImageFormat ax_image_get_format(AxImage *image);

/* "PNG, 16 bit grey", "DICOM DX, JPEG 2000": for people. */
const char *ax_image_get_description(AxImage *image);

/* Path as given to ax_image_load(), or NULL. */
const char *ax_image_get_path(AxImage *image);

/* File name or the name given to ax_image_load_bytes(), never NULL. */
const char *ax_image_get_name(AxImage *image);

/* Millimetres between rows and between columns in the patient (PixelSpacing) or at the detector (ImagerPixelSpacing); FALSE when
 * the file has none. On a projection only the first may be shown as a length without the words "at detector". Both are kept
 * as they are in the file, for the stored rows and columns. */
gboolean ax_image_get_pixel_spacing(AxImage *image, double *row_mm, double *column_mm);
gboolean ax_image_get_imager_spacing(AxImage *image, double *row_mm, double *column_mm);

/* PatientOrientation: direction of the right edge ("L") and of the lower edge ("F"), or NULL when absent: show no letter then. */
const char *ax_image_get_orientation_row(AxImage *image);
const char *ax_image_get_orientation_column(AxImage *image);

/* ImageLaterality or Laterality, ViewPosition, Modality of a DICOM file, or NULL. */
const char *ax_image_get_laterality(AxImage *image);
const char *ax_image_get_view(AxImage *image);
const char *ax_image_get_modality(AxImage *image);

G_END_DECLS
