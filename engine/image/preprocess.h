/* From a radiograph to the frame that the model sees. What lives here: the reference preprocessing (spec 1.2 and section 16) and the
 * mapping of boxes between the original image and the 1024 frame (spec 1.3). May use AxImage and AxBox, GLib; no threads, no state. */
#pragma once

#include "engine/image/box.h"
#include "engine/image/image.h"

G_BEGIN_DECLS

/* Side of the reference frame; boxes of the model are in its pixels whatever the size of the network's input. */
#define AX_FRAME_SIDE 1024

typedef struct {
  int size;              /* side of the output: 16 .. 1024 */
  gboolean stretch;      /* min-max stretch to 0 .. 255 through matplotlib's grey table, as the reference does */
  gboolean plain_resize; /* scale both sides to the frame instead of padding to a square */
  gboolean mirror;       /* mirror left to right */
} AxPreprocessOptions;

/* What the published model was trained on. */
#define AX_PREPROCESS_DEFAULT ((AxPreprocessOptions){1024, TRUE, FALSE, FALSE})

/* Geometry of the frame: x1024 = (x + pad_x) * scale_x, then 1024 - x1024 when mirrored; the same for y without the mirror. */
typedef struct {
  int width, height;       /* of the original image, pixels */
  int pad_x, pad_y;        /* pixels of the original image added on each of the two sides */
  double scale_x, scale_y; /* frame pixels per original pixel */
  gboolean mirror;
} AxFrame;

/* The frame of an image of width x height pixels. Padding is (long - short) / 2 rounded down on both sides, so the padded image is one
 * pixel short of square for an odd difference (spec 1.2 step 2); the frame follows the pixels there, where spec 1.3's formula is off by
 * half a pixel of the original. */
void ax_frame_init(AxFrame *frame, int width, int height, gboolean plain_resize, gboolean mirror);

/* A box of the 1024 frame in pixels of the original image, and back. Not rounded, not clamped (ax_box_clamp() does that). */
AxBox ax_frame_to_original(const AxFrame *frame, AxBox box1024);
AxBox ax_frame_from_original(const AxFrame *frame, AxBox box);

/* Fills out[size, size] with the model's input before its division by 255. Always makes the reference's 1024 frame first: pad with zeros,
 * OpenCV's bilinear resize (float32 for AX_IMAGE_ORIGIN_FLOAT, fixed point for AX_IMAGE_ORIGIN_UINT8), min-max stretch. A smaller `size`
 * is the exact area average of that frame, so that every input size sees the same picture. `options` NULL means AX_PREPROCESS_DEFAULT;
 * `frame` may be NULL. Takes about 8 MB. Errors: AX_IMAGE_ERROR_ARGUMENT, AX_IMAGE_ERROR_TOO_LARGE (no memory). */
gboolean ax_preprocess(AxImage *image, const AxPreprocessOptions *options, guint8 *out, AxFrame *frame, GError **error);

G_END_DECLS
