#include "ui/view-state.h"

AxViewState ax_view_state_get(AxViewport *v) {
  return (AxViewState){
    .window_center = ax_viewport_get_window_center(v),
    .window_width = ax_viewport_get_window_width(v),
    .inverted = ax_viewport_get_inverted(v),
    .mirrored = ax_viewport_get_mirrored(v),
    .fitted = ax_viewport_get_fitted(v),
    .rotation = ax_viewport_get_rotation(v),
    .zoom = ax_viewport_get_zoom(v),
    .center_x = ax_viewport_get_center_x(v),
    .center_y = ax_viewport_get_center_y(v),
  };
}

static void set_looks(gpointer target, gconstpointer data) {
  AxViewport *viewport = AX_VIEWPORT(target);
  const AxViewState *state = data;

  ax_viewport_set_window(viewport, state->window_center, state->window_width);
  ax_viewport_set_inverted(viewport, state->inverted);
  ax_viewport_set_mirrored(viewport, state->mirrored);
  ax_viewport_set_rotation(viewport, state->rotation);
}

void ax_view_state_set(AxViewport *viewport, const AxViewState *state) {
  set_looks(viewport, state);
  if (state->fitted) {
    ax_viewport_fit(viewport);
  } else {
    ax_viewport_set_zoom(viewport, state->zoom);
    ax_viewport_set_center(viewport, state->center_x, state->center_y);
  }
}

void ax_view_state_push(AxUndo *undo, AxViewport *viewport, const AxViewState *before, const char *name, guint merge) {
  AxViewState after = ax_view_state_get(viewport);

  if (after.window_center == before->window_center && after.window_width == before->window_width && after.inverted == before->inverted &&
      after.mirrored == before->mirrored && after.rotation == before->rotation)
    return;
  ax_undo_push(undo, name, G_OBJECT(viewport), set_looks, g_memdup2(before, sizeof *before), g_memdup2(&after, sizeof after), g_free, merge);
}
