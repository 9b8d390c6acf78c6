/* Two pictures that move together. What lives here: AxViewLink, which makes each of two viewports follow the other: zoom against the fitting one, place as a
 * fraction of the image, greys as a fraction of the range, turns as they are; the images may differ in size and depth. May use
 * ui/viewport.h; no GTK, so it is tested without a display. */
#pragma once

#include "ui/viewport.h"

G_BEGIN_DECLS

#define AX_TYPE_VIEW_LINK (ax_view_link_get_type())
G_DECLARE_FINAL_TYPE(AxViewLink, ax_view_link, AX, VIEW_LINK, GObject)

/* Disabled at first. */
AxViewLink *ax_view_link_new(AxViewport *a, AxViewport *b);
/* Grey levels that the images have, the scale on which greys are compared. */
void ax_view_link_set_ranges(AxViewLink *self, double range_a, double range_b);
/* Enabling makes b follow a at once. */
void ax_view_link_set_enabled(AxViewLink *self, gboolean enabled);
gboolean ax_view_link_get_enabled(AxViewLink *self);

G_END_DECLS
