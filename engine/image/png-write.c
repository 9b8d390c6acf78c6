#include "engine/image/png-write.h"

#include "engine/image/image-private.h"

#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <setjmp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  int fd;
  int failure; /* errno of the write that failed, 0 if none */
  char message[160];
} PngOutput;

static void on_error(png_structp png, png_const_charp message) {
  PngOutput *out = png_get_error_ptr(png);
  g_strlcpy(out->message, message, sizeof out->message);
  longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp message) {
  (void)png, (void)message;
}

static void on_write(png_structp png, png_bytep data, size_t length) {
  PngOutput *out = png_get_io_ptr(png);
  while (length > 0) {
    ssize_t n = write(out->fd, data, length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      out->failure = n < 0 ? errno : ENOSPC;
      png_error(png, "write failed");
    }
    data += n;
    length -= (size_t)n;
  }
}

static void on_flush(png_structp png) {
  (void)png;
}

/* The PNG stream itself; FALSE with out->message or out->failure set. */
static gboolean encode(PngOutput *out, int width, int height, int channels, int bits, const guint8 *data) {
  static const int colour[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, out, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (info == NULL) {
    g_strlcpy(out->message, "the PNG library does not start", sizeof out->message);
    png_destroy_write_struct(&png, NULL);
    return FALSE;
  }
  if (setjmp(png_jmpbuf(png)) != 0) {
    png_destroy_write_struct(&png, &info);
    return FALSE;
  }
  png_set_write_fn(png, out, on_write, on_flush);
  png_set_user_limits(png, AX_IMAGE_MAX_SIDE, AX_IMAGE_MAX_SIDE);
  png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, bits, colour[channels], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  if (bits == 16 && G_BYTE_ORDER == G_LITTLE_ENDIAN) png_set_swap(png);
  gsize stride = (gsize)width * channels * (bits / 8);
  for (int y = 0; y < height; y++) png_write_row(png, data + y * stride);
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return TRUE;
}

gboolean ax_png_write(const char *path, int width, int height, int channels, int bits, const void *data, GError **error) {
  g_return_val_if_fail(path != NULL && data != NULL, FALSE);
  if (channels < 1 || channels > 4 || (bits != 8 && bits != 16)) {
    g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_ARGUMENT, "A PNG is written with 1 to 4 channels of 8 or 16 bits, not %d of %d", channels, bits);
    return FALSE;
  }
  if (!ax_image_check_size(MAX(width, 0), MAX(height, 0), error)) return FALSE;
  g_autofree char *temporary = g_strconcat(path, ".XXXXXX", NULL);
  PngOutput out = {g_mkstemp_full(temporary, O_RDWR | O_CLOEXEC, 0666)};
  if (out.fd < 0) {
    g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_WRITE, "%s cannot be written (%s); choose another folder", path, g_strerror(errno));
    return FALSE;
  }
  gboolean ok = encode(&out, width, height, channels, bits, data);
  /* Some file systems report a full disk only here. */
  if (ok && fsync(out.fd) != 0 && errno != EINVAL) out.failure = errno, ok = FALSE;
  if (close(out.fd) != 0 && ok) out.failure = errno, ok = FALSE;
  if (ok && rename(temporary, path) != 0) out.failure = errno, ok = FALSE;
  if (ok) return TRUE;
  unlink(temporary);
  if (out.failure == ENOSPC || out.failure == EDQUOT)
    g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_WRITE, "%s cannot be written: the disk is full; make room or choose another folder", path);
  else
    g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_WRITE, "%s cannot be written (%s); choose another folder", path,
                out.failure ? g_strerror(out.failure) : out.message);
  return FALSE;
}
