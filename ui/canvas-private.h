/* The inside of AxCanvas, shared by canvas.c and canvas-input.c only. */
#pragma once

#include "ui/canvas.h"
#include "ui/view-state.h"

G_BEGIN_DECLS

struct _AxCanvas {
  GtkWidget parent_instance;
  AxViewport *viewport;
  AxImageLayer *image_layer;
  AxBoxLayer *box_layer;
  AxAnswerLayer *answer_layer;
  AxMarkLayer *mark_layer;
  AxLettersLayer *letters_layer;
  AxLayer *overlay; /* or NULL */
  gboolean letters_hidden;
  AxPyramid *pyramid;
  GtkWidget *menu;  /* a popover, or NULL */
  AxMarkTool *tool; /* or NULL: nothing can be drawn */
  AxUndo *undo;     /* or NULL */
  int hovered, selected;
  gboolean space_down;
  /* the drag under way */
  gboolean moving, marking, dragged;
  AxViewState before;
  double press_x, press_y;
  double last_x, last_y;
  double pointer_x, pointer_y;
};

/* canvas-input.c: all mouse and key handling of the picture. */
void ax_canvas_add_input(AxCanvas *self);
void ax_canvas_update_cursor(AxCanvas *self);

G_END_DECLS
