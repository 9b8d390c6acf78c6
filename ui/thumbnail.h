/* Small pictures of image files. What lives here: reading a file and drawing it fitted into a square. May use ui/pyramid.h; no GTK. Any thread. */
#pragma once

#include "ui/pyramid.h"

G_BEGIN_DECLS

/* [side, side] pixels as ax_pyramid_draw() makes them, in the image's own grey window. Errors: those of ax_image_load(). */
GBytes *ax_thumbnail_draw(const char *path, int side, GCancellable *cancellable, GError **error);

G_END_DECLS
