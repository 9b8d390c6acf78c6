/* Axis-aligned boxes. What lives here: the one box type of the project and its arithmetic. Coordinates are pixels with the
 * origin at the top left corner of the top left pixel, so a box that covers exactly the first pixel is {0, 0, 1, 1}; which
 * frame (original image or the model's 1024 frame) is said by whoever hands the box over. May use GLib only. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  double x1, y1, x2, y2;
} AxBox;

/* Area in square pixels; 0 for a box without extent or with its corners swapped. */
double ax_box_area(AxBox box);

/* Intersection over union in [0, 1]. Two boxes without area have 0 (the authors' code has NaN there; spec section 16). */
double ax_box_iou(AxBox a, AxBox b);

/* The box on the image mirrored left to right; `width` is the width of that image in pixels. */
AxBox ax_box_mirror(AxBox box, double width);

/* The box with its corners in order and inside [0, width] x [0, height]. A coordinate that is not a number becomes 0. */
AxBox ax_box_clamp(AxBox box, double width, double height);

G_END_DECLS
