/* Image files made at test time, for the tests and as seeds of the fuzz targets. What lives here: writers of PNG, JPEG and DICOM in every
 * form that the readers know. Uses libpng, libjpeg, DCMTK and OpenJPEG, and nothing of engine/image. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Value of channel c at (x, y) in the test pattern, 0 .. max. */
static inline guint ax_sample_value(int x, int y, int c, guint max) {
  return (guint)(x * 37 + y * 101 + c * 59 + x * y) % (max + 1);
}

/* A PNG of the pattern; `color` is libpng's colour type. The palette of a palette image is ax_sample_value(index, 7, channel, 255). */
GBytes *ax_sample_png(int width, int height, int color, int depth, gboolean interlaced);

typedef enum { AX_SAMPLE_GREY, AX_SAMPLE_RGB, AX_SAMPLE_YCC, AX_SAMPLE_CMYK, AX_SAMPLE_CMYK_PLAIN, AX_SAMPLE_YCCK } AxSampleColor;

/* Smooth colours for JPEG, 0 .. 255: red, green, blue at (x, y). */
void ax_sample_smooth(int x, int y, int width, int height, guint8 *rgb);

/* A JPEG of quality 95 of the smooth pattern; `orientation` 0 writes no EXIF. */
GBytes *ax_sample_jpeg(int width, int height, AxSampleColor color, gboolean progressive, int orientation);

typedef struct {
  guint16 group, element;
  const char *value; /* several values separated by backslashes */
} AxSampleAttribute;

typedef struct {
  guint32 entries;
  gint32 first;
  int bits;
  const guint16 *data;
} AxSampleLut;

typedef struct {
  const char *syntax; /* transfer syntax UID */
  int columns, rows, samples, allocated, stored, high;
  gboolean is_signed;
  const char *photometric;
  const guint16 *pixels; /* [rows, columns, samples], right-aligned stored bits */
  AxSampleAttribute attributes[16];
  AxSampleLut modality, voi;
  const guint8 *pixel_override; /* bytes instead of the pixels, uncompressed syntaxes only */
  gsize pixel_override_size;
} AxSampleDicom;

/* NULL when DCMTK cannot write the form; `why` says so. */
GBytes *ax_sample_dicom(const AxSampleDicom *spec, const char **why);

/* Calls back for each seed of one reader: "png", "jpeg" or "dicom". */
typedef void (*AxSampleFunc)(const char *name, GBytes *bytes, gpointer data);
void ax_sample_foreach(const char *reader, AxSampleFunc func, gpointer data);

G_END_DECLS
