/* The reader's marks on the picture. What lives here: AxMarkLayer, which draws calipers, angles, regions and boxes with what they measure. They are white
 * and solid with round handles where the model's boxes are coloured and have none. May use GTK, ui/layer.h, ui/mark-tool.h and ui/measure.h. */
#pragma once

#include "ui/layer.h"
#include "ui/mark-tool.h"

G_BEGIN_DECLS

#define AX_TYPE_MARK_LAYER (ax_mark_layer_get_type())
G_DECLARE_FINAL_TYPE(AxMarkLayer, ax_mark_layer, AX, MARK_LAYER, AxLayer)

AxMarkLayer *ax_mark_layer_new(void);
/* Either may be NULL: nothing is drawn then. */
void ax_mark_layer_set_image(AxMarkLayer *self, AxImage *image);
void ax_mark_layer_set_tool(AxMarkLayer *self, AxMarks *marks, AxMarkTool *tool);

/* Finds places for the labels in the view that is drawn next, an array of AxBox in view pixels; whoever draws labels too keeps away
 * from them. (transfer none) */
GArray *ax_mark_layer_place_labels(AxMarkLayer *self, GtkWidget *widget, AxViewport *viewport);

G_END_DECLS
