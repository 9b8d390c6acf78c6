#include "tests/engine/image/samples.h"

#include <png.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

/* ---- PNG ---- */

static void append(png_structp png, png_bytep data, size_t n) {
  g_byte_array_append(png_get_io_ptr(png), data, n);
}

static void ignore(png_structp png) {
  (void)png;
}

GBytes *ax_sample_png(int width, int height, int color, int depth, gboolean interlaced) {
  GByteArray *out = g_byte_array_new();
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, out, append, ignore);
  png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, depth, color, interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (color == PNG_COLOR_TYPE_PALETTE) {
    png_color palette[256];
    int n = 1 << depth;
    for (int i = 0; i < n; i++)
      palette[i] = (png_color){(png_byte)ax_sample_value(i, 7, 0, 255), (png_byte)ax_sample_value(i, 7, 1, 255), (png_byte)ax_sample_value(i, 7, 2, 255)};
    png_set_PLTE(png, info, palette, n);
  }
  png_write_info(png, info);
  int channels = png_get_channels(png, info);
  guint max = (1u << depth) - 1;
  g_autofree guint8 *row = g_malloc0((gsize)width * channels * 2);
  int passes = png_set_interlace_handling(png);
  for (int pass = 0; pass < passes; pass++)
    for (int y = 0; y < height; y++) {
      memset(row, 0, (gsize)width * channels * 2);
      for (int i = 0; i < width * channels; i++) {
        guint v = ax_sample_value(i / channels, y, i % channels, max);
        if (depth == 16) row[2 * i] = (guint8)(v >> 8), row[2 * i + 1] = (guint8)v;
        else if (depth == 8) row[i] = (guint8)v;
        else row[i * depth / 8] |= (guint8)(v << (8 - depth - i * depth % 8));
      }
      png_write_row(png, row);
    }
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return g_byte_array_free_to_bytes(out);
}

/* ---- JPEG ---- */

void ax_sample_smooth(int x, int y, int width, int height, guint8 *rgb) {
  rgb[0] = (guint8)(20 + 200 * x / width);
  rgb[1] = (guint8)(30 + 190 * y / height);
  rgb[2] = (guint8)(40 + 90 * (x + y) / (width + height));
}

static void pack_row(AxSampleColor color, int y, int width, int height, guint8 *row) {
  for (int x = 0; x < width; x++) {
    guint8 c[3];
    ax_sample_smooth(x, y, width, height, c);
    if (color == AX_SAMPLE_GREY) row[x] = c[0];
    else if (color == AX_SAMPLE_RGB || color == AX_SAMPLE_YCC) memcpy(row + 3 * x, c, 3);
    else {
      /* No black; Adobe stores the complement of the ink, which is the light itself. */
      gboolean plain = color == AX_SAMPLE_CMYK_PLAIN;
      for (int k = 0; k < 3; k++) row[4 * x + k] = plain ? 255 - c[k] : c[k];
      row[4 * x + 3] = plain ? 0 : 255;
    }
  }
}

static void write_exif(struct jpeg_compress_struct *c, int orientation) {
  /* The two byte orders take turns. */
  gboolean big = orientation % 2;
  guint8 exif[32] = "Exif\0";
  guint8 *tiff = exif + 6;
  static const guint8 intel[] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  static const guint8 motorola[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0};
  memcpy(tiff, big ? motorola : intel, 26);
  tiff[big ? 19 : 18] = (guint8)orientation;
  jpeg_write_marker(c, JPEG_APP0 + 1, exif, sizeof exif);
}

GBytes *ax_sample_jpeg(int width, int height, AxSampleColor color, gboolean progressive, int orientation) {
  static const J_COLOR_SPACE in[] = {JCS_GRAYSCALE, JCS_RGB, JCS_RGB, JCS_CMYK, JCS_CMYK, JCS_CMYK};
  static const J_COLOR_SPACE file[] = {JCS_GRAYSCALE, JCS_RGB, JCS_YCbCr, JCS_CMYK, JCS_CMYK, JCS_YCCK};
  static const int channels[] = {1, 3, 3, 4, 4, 4};
  struct jpeg_compress_struct c;
  struct jpeg_error_mgr errors;
  unsigned char *data = NULL;
  unsigned long size = 0;
  c.err = jpeg_std_error(&errors);
  jpeg_create_compress(&c);
  jpeg_mem_dest(&c, &data, &size);
  c.image_width = (JDIMENSION)width;
  c.image_height = (JDIMENSION)height;
  c.input_components = channels[color];
  c.in_color_space = in[color];
  jpeg_set_defaults(&c);
  jpeg_set_colorspace(&c, file[color]);
  if (color == AX_SAMPLE_CMYK_PLAIN) c.write_Adobe_marker = FALSE;
  jpeg_set_quality(&c, 95, TRUE);
  if (progressive) jpeg_simple_progression(&c);
  jpeg_start_compress(&c, TRUE);
  if (orientation) write_exif(&c, orientation);
  g_autofree guint8 *row = g_malloc((gsize)width * 4);
  for (int y = 0; y < height; y++) {
    pack_row(color, y, width, height, row);
    JSAMPROW rows = row;
    jpeg_write_scanlines(&c, &rows, 1);
  }
  jpeg_finish_compress(&c);
  jpeg_destroy_compress(&c);
  GBytes *bytes = g_bytes_new(data, size);
  free(data);
  return bytes;
}

/* ---- seeds ---- */

static void give(AxSampleFunc func, gpointer data, const char *name, GBytes *bytes) {
  func(name, bytes, data);
  g_bytes_unref(bytes);
}

static void png_seeds(AxSampleFunc func, gpointer data) {
  static const struct { int color, depth; } forms[] = {{0, 1}, {0, 2}, {0, 4}, {0, 8}, {0, 16}, {2, 8}, {2, 16}, {3, 1}, {3, 2}, {3, 4}, {3, 8}, {4, 8}, {4, 16}, {6, 8}, {6, 16}};
  for (gsize i = 0; i < G_N_ELEMENTS(forms); i++)
    for (int interlaced = 0; interlaced < 2; interlaced++) {
      g_autofree char *name = g_strdup_printf("color%d-%dbit-%d.png", forms[i].color, forms[i].depth, interlaced);
      give(func, data, name, ax_sample_png(13, 9, forms[i].color, forms[i].depth, interlaced));
    }
}

static void jpeg_seeds(AxSampleFunc func, gpointer data) {
  for (int color = AX_SAMPLE_GREY; color <= AX_SAMPLE_YCCK; color++)
    for (int progressive = 0; progressive < 2; progressive++) {
      g_autofree char *name = g_strdup_printf("color%d-%d.jpg", color, progressive);
      give(func, data, name, ax_sample_jpeg(21, 17, color, progressive, color + 1));
    }
}

static void dicom_seeds(AxSampleFunc func, gpointer data) {
  static const char *const syntaxes[] = {"", ".1", ".2", ".5", ".4.50", ".4.51", ".4.57", ".4.70", ".4.80", ".4.81", ".4.90", ".4.91"};
  guint16 pixels[12 * 10 * 3], table[300];
  for (int i = 0; i < 12 * 10 * 3; i++) pixels[i] = (guint16)ax_sample_value(i % 12, i / 12, 0, 255);
  for (int i = 0; i < 300; i++) table[i] = (guint16)(i * 13);
  for (gsize i = 0; i < G_N_ELEMENTS(syntaxes); i++)
    for (int form = 0; form < 3; form++) {
      g_autofree char *uid = g_strconcat("1.2.840.10008.1.2", syntaxes[i], NULL);
      gboolean wide = form == 0 && strcmp(syntaxes[i], ".4.50") != 0;
      AxSampleDicom spec = {uid, 12, 10, form == 2 ? 3 : 1, wide ? 16 : 8, wide ? 12 : 8, wide ? 11 : 7, FALSE,
                            form == 2 ? "RGB" : form == 1 ? "MONOCHROME1" : "MONOCHROME2", pixels,
                            {{0x0028, 0x1050, "100\\50"}, {0x0028, 0x1051, "200\\90"}, {0x0028, 0x1052, "-5"}, {0x0028, 0x1053, "1.5"}}};
      if (form == 1) spec.voi = (AxSampleLut){300, 0, 12, table};
      GBytes *bytes = ax_sample_dicom(&spec, NULL);
      if (bytes == NULL) continue;
      g_autofree char *name = g_strdup_printf("syntax%s-%d.dcm", syntaxes[i], form);
      give(func, data, name, bytes);
    }
}

void ax_sample_foreach(const char *reader, AxSampleFunc func, gpointer data) {
  if (strcmp(reader, "png") == 0) png_seeds(func, data);
  if (strcmp(reader, "jpeg") == 0) jpeg_seeds(func, data);
  if (strcmp(reader, "dicom") == 0) dicom_seeds(func, data);
}
