/* Writing PNG files: pictures for people (annotated radiographs, plots) and samples. May use GLib and libpng. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Writes data [height, width, channels] in row order without padding to `path`. `channels` is 1 (grey), 2 (grey, alpha), 3 (RGB) or
 * 4 (RGBA, not premultiplied); `bits` is 8 (data is guint8) or 16 (data is guint16 in the machine's byte order). The file appears
 * whole or not at all: it is written beside its place and renamed, so a full disk leaves the old file as it was.
 * Errors: AX_IMAGE_ERROR_WRITE, AX_IMAGE_ERROR_ARGUMENT, AX_IMAGE_ERROR_EMPTY, AX_IMAGE_ERROR_TOO_LARGE. */
gboolean ax_png_write(const char *path, int width, int height, int channels, int bits, const void *data, GError **error);

G_END_DECLS
