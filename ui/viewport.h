/* How an image lies in a view. What lives here: AxViewport, the one state that all layers of a canvas share: zoom, centre,
 * rotation, mirroring and the grey window, with the transforms between view and image coordinates. View coordinates are
 * logical pixels from the widget's top left corner; image coordinates are those of engine/image/box.h. Flip and rotation
 * change the view, never the pixels. May use GObject and engine/anatomix.h; no GTK, so it is tested without a display. */
#pragma once

#include "engine/anatomix.h"

G_BEGIN_DECLS

#define AX_TYPE_VIEWPORT (ax_viewport_get_type())
G_DECLARE_FINAL_TYPE(AxViewport, ax_viewport, AX, VIEWPORT, GObject)

#define AX_VIEWPORT_MAX_ZOOM 64.0

/* Properties, each with explicit notify: image-width, image-height, view-width, view-height, zoom (view pixels per image
 * pixel), center-x, center-y (image point in the middle of the view), rotation (0, 90, 180, 270 degrees clockwise), mirrored,
 * fitted (keeps fitting when the view is resized), window-center, window-width (pixel values), inverted.
 * The signal "changed" follows once after every call that changed anything. */
AxViewport *ax_viewport_new(void);

/* Sizes. A new image size fits the image. */
void ax_viewport_set_image_size(AxViewport *self, double width, double height);
void ax_viewport_set_view_size(AxViewport *self, double width, double height);
double ax_viewport_get_image_width(AxViewport *self);
double ax_viewport_get_image_height(AxViewport *self);
double ax_viewport_get_view_width(AxViewport *self);
double ax_viewport_get_view_height(AxViewport *self);

/* Where and how large. */
double ax_viewport_get_zoom(AxViewport *self);
void ax_viewport_set_zoom(AxViewport *self, double zoom);
double ax_viewport_get_fit_zoom(AxViewport *self); /* the zoom at which the whole image just fits */
double ax_viewport_get_center_x(AxViewport *self);
double ax_viewport_get_center_y(AxViewport *self);
void ax_viewport_set_center(AxViewport *self, double x, double y);
int ax_viewport_get_rotation(AxViewport *self);
void ax_viewport_set_rotation(AxViewport *self, int degrees); /* any multiple of 90 */
gboolean ax_viewport_get_mirrored(AxViewport *self);
void ax_viewport_set_mirrored(AxViewport *self, gboolean mirrored);
gboolean ax_viewport_get_fitted(AxViewport *self);

void ax_viewport_fit(AxViewport *self);
/* One image pixel on one device pixel; `device_scale` is the device pixels per view pixel (gtk_widget_get_scale_factor()). */
void ax_viewport_one_to_one(AxViewport *self, double device_scale);
/* Zooms by `factor`; the image point under the view point (x, y) stays there. */
void ax_viewport_zoom_at(AxViewport *self, double x, double y, double factor);
/* Moves the picture by (dx, dy) view pixels; some of the image always stays in the middle of the view. */
void ax_viewport_pan(AxViewport *self, double dx, double dy);

/* Grey window. */
double ax_viewport_get_window_center(AxViewport *self);
double ax_viewport_get_window_width(AxViewport *self);
void ax_viewport_set_window(AxViewport *self, double center, double width);
gboolean ax_viewport_get_inverted(AxViewport *self);
void ax_viewport_set_inverted(AxViewport *self, gboolean inverted);

/* Transforms. */
void ax_viewport_to_image(AxViewport *self, double view_x, double view_y, double *x, double *y);
void ax_viewport_to_view(AxViewport *self, double x, double y, double *view_x, double *view_y);
/* The box around the transformed box (rotations are right angles, so it is exact). */
AxBox ax_viewport_box_to_view(AxViewport *self, AxBox box);

/* Everything but the sizes, the mirroring and the fit mode, copied: linked views of one image. */
void ax_viewport_follow(AxViewport *self, AxViewport *leader);

G_END_DECLS
