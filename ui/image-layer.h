/* The radiograph itself. What lives here: AxImageLayer, which turns what the viewport shows of a pyramid into one picture of the
 * view's size and keeps it until the viewport changes. May use GTK, ui/layer.h and ui/pyramid.h. */
#pragma once

#include "ui/layer.h"
#include "ui/pyramid.h"

G_BEGIN_DECLS

#define AX_TYPE_IMAGE_LAYER (ax_image_layer_get_type())
G_DECLARE_FINAL_TYPE(AxImageLayer, ax_image_layer, AX, IMAGE_LAYER, AxLayer)

AxImageLayer *ax_image_layer_new(void);
void ax_image_layer_set_pyramid(AxImageLayer *self, AxPyramid *pyramid); /* or NULL */

G_END_DECLS
