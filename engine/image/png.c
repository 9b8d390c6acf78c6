#include "engine/image/image-private.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

/* Caps on what a PNG may make libpng keep besides pixels: text and profile chunks are decompressed before they are thrown away. */
#define MAX_CHUNKS_KEPT 64
#define MAX_CHUNK_BYTES (4 * 1024 * 1024)

typedef struct {
  const guint8 *data;
  gsize left;
  GCancellable *cancellable;
  gboolean truncated, cancelled;
  char message[160];
} PngInput;

static void on_error(png_structp png, png_const_charp message) {
  PngInput *in = png_get_error_ptr(png);
  g_strlcpy(in->message, message, sizeof in->message);
  longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp message) {
  (void)png, (void)message;
}

static void on_read(png_structp png, png_bytep out, size_t length) {
  PngInput *in = png_get_io_ptr(png);
  if (length > in->left) {
    in->truncated = TRUE;
    png_error(png, "the file ends early");
  }
  if (g_cancellable_is_cancelled(in->cancellable)) {
    in->cancelled = TRUE;
    png_error(png, "cancelled");
  }
  memcpy(out, in->data, length);
  in->data += length;
  in->left -= length;
}

gboolean ax_png_recognise(const guint8 *data, gsize size) {
  return size >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0;
}

typedef struct {
  guint32 width, height;
  int depth, color, interlace, channels, bits;
  gsize stride;
} PngShape;

/* Everything that longjmp may interrupt lives in this struct, not in registers. */
typedef struct {
  png_structp png;
  png_infop info;
  PngShape shape;
  guint8 *rows;
  AxImage *image;
  GError *error;
  gboolean done;
} PngState;

/* The header, and the transformations that leave 8- or 16-bit grey or RGB with an alpha channel if the file has one. */
static gboolean read_header(PngState *s) {
  PngShape *h = &s->shape;
  png_read_info(s->png, s->info);
  png_get_IHDR(s->png, s->info, &h->width, &h->height, &h->depth, &h->color, &h->interlace, NULL, NULL);
  if (!ax_image_check_size(h->width, h->height, &s->error)) return FALSE;
  if (h->color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(s->png);
  if (h->color == PNG_COLOR_TYPE_GRAY && h->depth < 8) png_set_expand_gray_1_2_4_to_8(s->png);
  if (h->depth == 16 && G_BYTE_ORDER == G_LITTLE_ENDIAN) png_set_swap(s->png);
  if (h->interlace != PNG_INTERLACE_NONE) png_set_interlace_handling(s->png);
  png_read_update_info(s->png, s->info);
  h->channels = png_get_channels(s->png, s->info);
  h->bits = png_get_bit_depth(s->png, s->info);
  h->stride = png_get_rowbytes(s->png, s->info);
  return TRUE;
}

/* One decoded row into the display plane and, where the reference would see something else, the model plane. */
static void take_row(PngState *s, int y, const guint8 *row) {
  AxImage *image = s->image;
  int channels = s->shape.channels, width = image->width;
  guint16 *grey = image->pixels + (gsize)y * width;
  guint16 *model = image->model_pixels ? image->model_pixels + (gsize)y * width : NULL;
  if (s->shape.bits == 16) {
    const guint16 *p = (const guint16 *)(const void *)row;
    for (int x = 0; x < width; x++, p += channels) {
      grey[x] = channels < 3 ? p[0] : (guint16)ax_grey_of_rgb(p[0], p[1], p[2]);
      if (model) model[x] = p[0] >> 8;
    }
  } else {
    const guint8 *p = row;
    for (int x = 0; x < width; x++, p += channels) {
      grey[x] = channels < 3 ? p[0] : (guint16)ax_grey_of_rgb(p[0], p[1], p[2]);
      if (model) model[x] = p[0];
    }
  }
}

static gboolean read_pixels(PngState *s) {
  const PngShape *h = &s->shape;
  s->image = ax_image_alloc(h->width, h->height, h->bits, &s->error);
  if (s->image == NULL) return FALSE;
  /* matplotlib reads a 16-bit PNG with colour or alpha through Pillow, which keeps the high bytes; of colour it is channel 0. */
  if (h->channels >= 3 || (h->channels == 2 && h->bits == 16)) {
    s->image->model_pixels = ax_image_alloc_plane(s->image, &s->error);
    if (s->image->model_pixels == NULL) return FALSE;
    s->image->model_max = 255;
  }
  gboolean whole = h->interlace != PNG_INTERLACE_NONE;
  s->rows = g_try_malloc0_n(whole ? h->height : 1, h->stride);
  if (s->rows == NULL) {
    g_set_error(&s->error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_TOO_LARGE, "Not enough memory for an image of %u x %u pixels: scale it down", h->width, h->height);
    return FALSE;
  }
  if (whole) {
    int passes = 7;
    for (int pass = 0; pass < passes; pass++)
      for (guint32 y = 0; y < h->height; y++) png_read_row(s->png, s->rows + y * h->stride, NULL);
    for (guint32 y = 0; y < h->height; y++) take_row(s, (int)y, s->rows + y * h->stride);
  } else {
    for (guint32 y = 0; y < h->height; y++) {
      png_read_row(s->png, s->rows, NULL);
      take_row(s, (int)y, s->rows);
    }
  }
  return TRUE;
}

AxImage *ax_png_read(const guint8 *data, gsize size, GCancellable *cancellable, GError **error) {
  PngInput in = {data, size, cancellable};
  PngState *s = g_new0(PngState, 1);
  s->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &in, on_error, on_warning);
  s->info = s->png ? png_create_info_struct(s->png) : NULL;
  if (s->info == NULL) {
    g_set_error(&s->error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_READ, "The PNG library does not start; install libpng 1.6 again");
  } else if (setjmp(png_jmpbuf(s->png)) != 0) {
    if (s->error == NULL && in.cancelled) g_cancellable_set_error_if_cancelled(cancellable, &s->error);
    if (s->error == NULL && in.truncated)
      g_set_error(&s->error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_CORRUPT, "The PNG file is truncated; copy or export it again");
    /* libpng refuses a width or height of 0 or above its own limit before we see it. */
    if (s->error == NULL && size >= 24 && memcmp(data + 12, "IHDR", 4) == 0) {
      guint32 wh[2];
      memcpy(wh, data + 16, 8);
      ax_image_check_size(GUINT32_FROM_BE(wh[0]), GUINT32_FROM_BE(wh[1]), &s->error);
    }
    if (s->error == NULL)
      g_set_error(&s->error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_CORRUPT, "The PNG file is broken (%s); copy or export it again", in.message);
  } else {
    png_set_read_fn(s->png, &in, on_read);
    png_set_user_limits(s->png, AX_IMAGE_MAX_SIDE, AX_IMAGE_MAX_SIDE);
    png_set_chunk_cache_max(s->png, MAX_CHUNKS_KEPT);
    png_set_chunk_malloc_max(s->png, MAX_CHUNK_BYTES);
    s->done = read_header(s) && read_pixels(s);
  }
  if (s->png) png_destroy_read_struct(&s->png, s->info ? &s->info : NULL, NULL);
  g_free(s->rows);
  AxImage *result = s->image;
  if (s->done) {
    result->origin = AX_IMAGE_ORIGIN_FLOAT;
    result->format = AX_IMAGE_FORMAT_PNG;
    result->description = g_strdup_printf("PNG, %d bit %s%s", s->shape.depth,
                                          s->shape.color == PNG_COLOR_TYPE_PALETTE ? "palette" : s->shape.color & PNG_COLOR_MASK_COLOR ? "colour" : "grey",
                                          s->shape.color & PNG_COLOR_MASK_ALPHA ? " with alpha" : "");
  } else {
    g_clear_object(&result);
  }
  if (s->error) g_propagate_error(error, s->error);
  g_free(s);
  return result;
}
