/* Pictures of results for people. What lives here: the annotated radiograph that `anatomixctl perceive --draw` writes, drawn with cairo: the image in its default
 * window, the boxes with their names, and a panel with the findings, what was retrieved and the model's caution. May use engine/anatomix.h and cairo. */
#pragma once
#include "engine/anatomix.h"

#include <cairo.h>

G_BEGIN_DECLS

/* The image in its default window as an opaque surface of at most `max_side` pixels along its longer side (smaller images keep their size); with
 * mirror the columns are reversed. Free with cairo_surface_destroy. NULL when cairo has no memory. */
cairo_surface_t *ax_annotate_image_surface (AxImage *image, int max_side, gboolean mirror);

/* Draws the boxes and names of all 36 structures; one image pixel is `scale` units of cr, whose origin is the image's top left corner. */
void ax_annotate_draw_boxes (cairo_t *cr, const AxPerception *p, double scale);

/* Writes the annotated PNG whole or not at all. `p` must be a result on `image`; model may be NULL (then the picture names none).
 * Errors: those of ax_png_write(). */
gboolean ax_annotate_write_png (AxImage *image, const AxPerception *p, AxModel *model, const char *path, GError **error);

G_END_DECLS
