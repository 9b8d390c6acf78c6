/* The radiograph with its structures, to look at and to touch. What lives here: AxCanvas, a widget of layers over one viewport, with
 * all mouse and key handling of the picture in one place: left drag sets the grey window, middle drag or space and left drag
 * moves, the wheel zooms at the pointer, a double click fits; hovering marks the smallest structure under the pointer, a click
 * selects it, further clicks go outward. Accessible role: img. May use GTK and the layers. */
#pragma once

#include "ui/answer-layer.h"
#include "ui/box-layer.h"
#include "ui/image-layer.h"
#include "ui/letters-layer.h"
#include "ui/mark-layer.h"

G_BEGIN_DECLS

#define AX_TYPE_CANVAS (ax_canvas_get_type())
G_DECLARE_FINAL_TYPE(AxCanvas, ax_canvas, AX, CANVAS, GtkWidget)

/* Properties, with explicit notify, readable and writable: hovered and selected, an index of a structure or -1. */
GtkWidget *ax_canvas_new(void);

AxViewport *ax_canvas_get_viewport(AxCanvas *self);
AxBoxLayer *ax_canvas_get_box_layer(AxCanvas *self);
AxAnswerLayer *ax_canvas_get_answer_layer(AxCanvas *self);
/* Shows another image, fitted, in its own window; NULL shows none. Takes away boxes, hovered and selected. */
void ax_canvas_set_pyramid(AxCanvas *self, AxPyramid *pyramid);
/* Boxes of `perception`; for one of mirrored pixels they are mirrored back onto the image. NULL for none. */
void ax_canvas_set_perception(AxCanvas *self, AxPerception *perception);
/* What can be drawn on the picture, and the stack that greys and turns are undone from; NULL for a picture to look at only. The
 * marks belong to whoever shows the image: another image does not empty them. */
void ax_canvas_set_marks(AxCanvas *self, AxMarks *marks, AxUndo *undo);
AxMarkTool *ax_canvas_get_tool(AxCanvas *self); /* (transfer none), or NULL */
/* One more layer, drawn over the structures and under the marks; NULL for none. */
void ax_canvas_set_overlay(AxCanvas *self, AxLayer *overlay);
/* The letters of the patient's sides, as far as the file says them: shown at first. A lesson about sides must not give them away. */
void ax_canvas_set_letters_shown(AxCanvas *self, gboolean shown);
/* The menu of the right button and of the menu key; NULL for none. */
void ax_canvas_set_menu(AxCanvas *self, GMenuModel *model);
/* The grey window of the image's file. */
void ax_canvas_reset_window(AxCanvas *self);

int ax_canvas_get_hovered(AxCanvas *self);
void ax_canvas_set_hovered(AxCanvas *self, int index);
int ax_canvas_get_selected(AxCanvas *self);
void ax_canvas_set_selected(AxCanvas *self, int index);

G_END_DECLS
