/* How a picture is shown, as a value. What lives here: AxViewState, the part of a viewport that is undone and kept in session files: greys, turns, zoom. May use
 * ui/viewport.h and ui/undo.h; no GTK. */
#pragma once

#include "ui/undo.h"
#include "ui/viewport.h"

G_BEGIN_DECLS

typedef struct {
  double window_center, window_width;
  gboolean inverted, mirrored, fitted;
  int rotation;
  double zoom, center_x, center_y;
} AxViewState;

AxViewState ax_view_state_get(AxViewport *viewport);
/* All of it; a fitted view is fitted. */
void ax_view_state_set(AxViewport *viewport, const AxViewState *state);
/* Greys, rotation and mirroring have changed since `before`: one step of undo of those (zoom and place are no changes). */
void ax_view_state_push(AxUndo *undo, AxViewport *viewport, const AxViewState *before, const char *name, guint merge);

G_END_DECLS
