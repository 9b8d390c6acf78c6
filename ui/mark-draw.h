/* The lines of a mark, as the screen and every export show them. May use cairo and ui/mark-tool.h; no GTK. */
#pragma once

#include "ui/mark-tool.h"
#include <cairo.h>

G_BEGIN_DECLS

/* White on a dark edge, unlabelled; one image pixel becomes what `viewport` makes of it. */
void ax_mark_draw(cairo_t *cr, const AxMark *mark, AxViewport *viewport, double width);

G_END_DECLS
