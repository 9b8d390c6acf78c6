/* Radiographs made quick to draw. What lives here: AxPyramid, an image with its halvings in 16 bit, and the resampling of what
 * a viewport shows into a picture of the view's size, through a look-up table of the grey window. Only the visible pixels are
 * touched, so the time depends on the view, not on the image. A pyramid never changes once made: any thread may make one or
 * draw from it. May use GLib, engine/anatomix.h and ui/viewport.h; no GTK. */
#pragma once

#include "ui/viewport.h"

G_BEGIN_DECLS

typedef struct _AxPyramid AxPyramid;

/* Keeps a reference to the image, whose own pixels are level 0. Halves by averages of 2 x 2 pixels (1 x 2, 2 x 1 or 1 x 1 at
 * odd edges), rounded to nearest, until both sides are below 64 pixels. Takes a third of the image's memory. */
AxPyramid *ax_pyramid_new(AxImage *image);
AxPyramid *ax_pyramid_ref(AxPyramid *self);
void ax_pyramid_unref(AxPyramid *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxPyramid, ax_pyramid_unref)

AxImage *ax_pyramid_get_image(AxPyramid *self);
guint ax_pyramid_get_n_levels(AxPyramid *self);
/* Pixels [height, width] of a level without row padding. */
const guint16 *ax_pyramid_get_level(AxPyramid *self, guint level, int *width, int *height);
/* The level whose pixels are nearest to device pixels in size at `zoom` device pixels per image pixel. */
guint ax_pyramid_pick_level(AxPyramid *self, double zoom);

/* The part of a sampled view that lies inside the image, in its pixels; nothing else of it is written. */
typedef struct {
  int x1, y1, x2, y2;
} AxSampled;

/* Samples what the viewport shows into out[height, width], 16 bit as in the image; bilinear between the pixels of the chosen level.
 * `device_scale` is device pixels per view pixel. The grey window has no part in it. */
AxSampled ax_pyramid_sample(AxPyramid *self, AxViewport *viewport, double device_scale, guint16 *out, int width, int height);

/* Sampled values through a look-up table of 65,536 levels, into pixels as ax_pyramid_draw() makes them. */
void ax_sampled_look_up(AxSampled inside, const guint16 *samples, int width, int height, const guint8 *lut, guint32 *out, gsize stride);

/* Both at once: draws [height, width] pixels of 32 bits, 0xAARRGGBB in the machine's order, as Cairo and GDK_MEMORY_DEFAULT have them.
 * `device_scale` is device pixels per view pixel; `stride` is in pixels; `lut` has 65,536 levels. Pixels of the view outside the
 * image become 0 (transparent). Bilinear between the pixels of the chosen level. */
void ax_pyramid_draw(AxPyramid *self, AxViewport *viewport, double device_scale, const guint8 *lut, guint32 *out, int width,
                     int height, gsize stride);

/* Fills lut[65536] for the viewport's window, with the window function of the image, inverted when the viewport is. */
void ax_viewport_fill_lut(AxViewport *viewport, AxImage *image, guint8 *lut);

G_END_DECLS
