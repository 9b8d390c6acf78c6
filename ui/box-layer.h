/* The anatomical structures as boxes. What lives here: AxBoxLayer, which draws the boxes of one perception with their labels, and finds
 * the structures under a point. Colour says the structure, the line's dashes its group, so that colour is never alone. Lungs and
 * heart are labelled; the others when hovered or selected. May use GTK, ui/layer.h and engine/image/label-placement.h. */
#pragma once

#include "ui/layer.h"
#include "ui/visibility.h"

G_BEGIN_DECLS

#define AX_TYPE_BOX_LAYER (ax_box_layer_get_type())
G_DECLARE_FINAL_TYPE(AxBoxLayer, ax_box_layer, AX, BOX_LAYER, AxLayer)

AxBoxLayer *ax_box_layer_new(void);

/* Boxes to draw: AX_N_ANATOMY of them in pixels of the image (copied), or NULL for none. */
void ax_box_layer_set_boxes(AxBoxLayer *self, const AxBox *boxes);
/* A second answer for the same image, drawn dotted for the hovered and the selected structure only; or NULL. */
void ax_box_layer_set_other_boxes(AxBoxLayer *self, const AxBox *boxes);
gboolean ax_box_layer_get_box(AxBoxLayer *self, guint index, AxBox *box);

/* Where labels of other layers stand in the view that is drawn next; the names of structures keep away from them. */
void ax_box_layer_set_obstacles(AxBoxLayer *self, const AxBox *places, guint n);

/* What is shown, a choice that others may share; at first everything. */
void ax_box_layer_set_visibility(AxBoxLayer *self, AxVisibility *visibility);
/* Sparse: only lungs and heart, and what is hovered or selected, are drawn; the others are still found under the pointer. */
void ax_box_layer_set_sparse(AxBoxLayer *self, gboolean sparse);

/* Index of a structure, or -1. */
void ax_box_layer_set_hovered(AxBoxLayer *self, int index);
void ax_box_layer_set_selected(AxBoxLayer *self, int index);
/* A structure that is drawn as selected while another one is: the other side of a pair. */
void ax_box_layer_set_partner(AxBoxLayer *self, int index);

/* Structures whose box holds the image point, smallest first; returns how many (at most AX_N_ANATOMY). Hidden ones do not count. */
guint ax_box_layer_find(AxBoxLayer *self, double x, double y, guint found[AX_N_ANATOMY]);

/* Dashes of a group's lines, in pixels: up to four lengths, none for a solid line; returns how many. */
guint ax_box_layer_get_dashes(AxAnatomyGroup group, double dashes[4]);

G_END_DECLS
