/* All mouse and key handling of AxCanvas. Each handler only changes the viewport, the selection or the marks. */
#include "ui/canvas-private.h"

#include <glib/gi18n-lib.h>
#include <math.h>

/* One wheel click; six of them double the zoom. */
#define ZOOM_STEP 1.1225
/* A drag of the view's width goes through the whole range of the window's width. */
#define WINDOW_RANGE_PER_VIEW 1.0

static guint find_at(AxCanvas *self, double view_x, double view_y, guint found[AX_N_ANATOMY]) {
  double x, y;

  ax_viewport_to_image(self->viewport, view_x, view_y, &x, &y);
  return ax_box_layer_find(self->box_layer, x, y, found);
}

static void hover_at(AxCanvas *self, double x, double y) {
  guint found[AX_N_ANATOMY];

  ax_canvas_set_hovered(self, find_at(self, x, y, found) > 0 ? (int)found[0] : -1);
}

/* The smallest structure here, or the next larger one if one of them is selected already; after the largest, none. */
static void select_at(AxCanvas *self, double x, double y) {
  guint found[AX_N_ANATOMY], n = find_at(self, x, y, found), next = 0;

  for (guint i = 0; i < n; i++)
    if ((int)found[i] == self->selected)
      next = i + 1;
  ax_canvas_set_selected(self, next < n ? (int)found[next] : -1);
}

/* ---- gestures ---- */

static void drag_window(AxCanvas *self, double dx, double dy) {
  double range = self->pyramid ? ax_image_get_max_value(ax_pyramid_get_image(self->pyramid)) : 255;
  double step = WINDOW_RANGE_PER_VIEW * range / MAX(ax_viewport_get_view_width(self->viewport), 1);

  /* Right widens (less contrast), down brightens: what reading stations do. */
  ax_viewport_set_window(self->viewport, ax_viewport_get_window_center(self->viewport) - dy * step,
                         ax_viewport_get_window_width(self->viewport) + dx * step);
}

void ax_canvas_update_cursor(AxCanvas *self) {
  gboolean drawing = self->tool && ax_mark_tool_get_tool(self->tool) != AX_TOOL_SELECT;

  gtk_widget_set_cursor_from_name(GTK_WIDGET(self), self->space_down ? "grab" : drawing ? "crosshair" : NULL);
}

static void on_drag_begin(GtkGestureDrag *gesture, double x, double y, AxCanvas *self) {
  guint button = gtk_gesture_single_get_current_button(GTK_GESTURE_SINGLE(gesture));

  gtk_widget_grab_focus(GTK_WIDGET(self));
  self->moving = button == GDK_BUTTON_MIDDLE || self->space_down;
  self->dragged = FALSE;
  self->last_x = self->last_y = 0;
  self->press_x = x;
  self->press_y = y;
  self->before = ax_view_state_get(self->viewport);
  self->marking = self->tool && !self->moving && button == GDK_BUTTON_PRIMARY && ax_mark_tool_press(self->tool, x, y);
}

static void on_drag_update(GtkGestureDrag *gesture, double x, double y, AxCanvas *self) {
  double dx = x - self->last_x, dy = y - self->last_y;

  if (self->marking) {
    ax_mark_tool_drag(self->tool, self->press_x + x, self->press_y + y);
    return;
  }
  if (!self->dragged && !gtk_drag_check_threshold(GTK_WIDGET(self), 0, 0, (int)x, (int)y))
    return;
  if (!self->dragged) {
    self->dragged = TRUE;
    gtk_gesture_set_state(GTK_GESTURE(gesture), GTK_EVENT_SEQUENCE_CLAIMED);
    gtk_widget_set_cursor_from_name(GTK_WIDGET(self), self->moving ? "grabbing" : "all-scroll");
  }
  self->last_x = x;
  self->last_y = y;
  if (self->moving)
    ax_viewport_pan(self->viewport, dx, dy);
  else
    drag_window(self, dx, dy);
}

static void on_drag_end(GtkGestureDrag *gesture, double x, double y, AxCanvas *self) {
  if (self->marking)
    ax_mark_tool_release(self->tool, self->press_x + x, self->press_y + y);
  else if (self->dragged && !self->moving && self->undo)
    ax_view_state_push(self->undo, self->viewport, &self->before, _("Grey window"), 0);
  ax_canvas_update_cursor(self);
}

static void on_released(GtkGestureClick *gesture, int n_press, double x, double y, AxCanvas *self) {
  if (self->dragged || self->space_down || self->marking)
    return;
  /* A double click on a picture that fits already is two clicks, so that quick clicks go outward. */
  if (n_press == 2 && !ax_viewport_get_fitted(self->viewport))
    ax_viewport_fit(self->viewport);
  else
    select_at(self, x, y);
}

static gboolean on_scroll(GtkEventControllerScroll *controller, double dx, double dy, AxCanvas *self) {
  ax_viewport_zoom_at(self->viewport, self->pointer_x, self->pointer_y, pow(ZOOM_STEP, -dy));
  return TRUE;
}

static void on_motion(GtkEventControllerMotion *controller, double x, double y, AxCanvas *self) {
  self->pointer_x = x;
  self->pointer_y = y;
  if (self->tool && ax_mark_tool_motion(self->tool, x, y))
    return;
  if (gtk_event_controller_get_current_event_state(GTK_EVENT_CONTROLLER(controller)) & (GDK_BUTTON1_MASK | GDK_BUTTON2_MASK))
    return; /* the picture is being dragged */
  hover_at(self, x, y);
}

static void on_leave(GtkEventControllerMotion *controller, AxCanvas *self) { ax_canvas_set_hovered(self, -1); }

/* ---- menu ---- */

static void open_menu(AxCanvas *self, double x, double y) {
  if (!self->menu)
    return;
  gtk_popover_set_pointing_to(GTK_POPOVER(self->menu), &(GdkRectangle){(int)x, (int)y, 1, 1});
  gtk_popover_popup(GTK_POPOVER(self->menu));
}

static void on_right_click(GtkGestureClick *gesture, int n_press, double x, double y, AxCanvas *self) {
  gtk_widget_grab_focus(GTK_WIDGET(self));
  open_menu(self, x, y);
}

static gboolean nudge(AxMarkTool *tool, guint key, double by) {
  switch (key) {
  case GDK_KEY_Left: return ax_mark_tool_nudge(tool, -by, 0);
  case GDK_KEY_Right: return ax_mark_tool_nudge(tool, by, 0);
  case GDK_KEY_Up: return ax_mark_tool_nudge(tool, 0, -by);
  case GDK_KEY_Down: return ax_mark_tool_nudge(tool, 0, by);
  default: return FALSE;
  }
}

static gboolean on_key_pressed(GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state, AxCanvas *self) {
  const double step = 40;
  double x = ax_viewport_get_view_width(self->viewport) / 2, y = ax_viewport_get_view_height(self->viewport) / 2;

  switch (key) {
  case GDK_KEY_space:
    self->space_down = TRUE;
    ax_canvas_update_cursor(self);
    return TRUE;
  case GDK_KEY_Return:
  case GDK_KEY_KP_Enter:
    return self->tool && ax_mark_tool_place(self->tool);
  case GDK_KEY_plus:
  case GDK_KEY_equal:
  case GDK_KEY_KP_Add:
    ax_viewport_zoom_at(self->viewport, x, y, pow(ZOOM_STEP, 2));
    return TRUE;
  case GDK_KEY_minus:
  case GDK_KEY_KP_Subtract:
    ax_viewport_zoom_at(self->viewport, x, y, pow(ZOOM_STEP, -2));
    return TRUE;
  case GDK_KEY_Menu:
    open_menu(self, x, y);
    return TRUE;
  case GDK_KEY_F10:
    if (!(state & GDK_SHIFT_MASK))
      break;
    open_menu(self, x, y);
    return TRUE;
  default:
    break;
  }
  if (state & GDK_CONTROL_MASK)
    return self->tool && nudge(self->tool, key, state & GDK_SHIFT_MASK ? 10 : 1);
  if (!(state & GDK_SHIFT_MASK))
    return FALSE;
  switch (key) {
  case GDK_KEY_Left: ax_viewport_pan(self->viewport, step, 0); return TRUE;
  case GDK_KEY_Right: ax_viewport_pan(self->viewport, -step, 0); return TRUE;
  case GDK_KEY_Up: ax_viewport_pan(self->viewport, 0, step); return TRUE;
  case GDK_KEY_Down: ax_viewport_pan(self->viewport, 0, -step); return TRUE;
  default: return FALSE;
  }
}

static void on_key_released(GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state, AxCanvas *self) {
  if (key != GDK_KEY_space)
    return;
  self->space_down = FALSE;
  ax_canvas_update_cursor(self);
}

static void on_focus_lost(GtkEventControllerFocus *controller, AxCanvas *self) { self->space_down = FALSE; }

void ax_canvas_add_input(AxCanvas *self) {
  GtkWidget *widget = GTK_WIDGET(self);
  GtkGesture *click = gtk_gesture_click_new(), *right = gtk_gesture_click_new();
  GtkEventController *scroll = gtk_event_controller_scroll_new(GTK_EVENT_CONTROLLER_SCROLL_VERTICAL);
  GtkEventController *motion = gtk_event_controller_motion_new();
  GtkEventController *keys = gtk_event_controller_key_new();
  GtkEventController *focus = gtk_event_controller_focus_new();
  static const guint buttons[] = {GDK_BUTTON_PRIMARY, GDK_BUTTON_MIDDLE};

  for (guint i = 0; i < G_N_ELEMENTS(buttons); i++) {
    GtkGesture *drag = gtk_gesture_drag_new();

    gtk_gesture_single_set_button(GTK_GESTURE_SINGLE(drag), buttons[i]);
    g_signal_connect(drag, "drag-begin", G_CALLBACK(on_drag_begin), self);
    g_signal_connect(drag, "drag-update", G_CALLBACK(on_drag_update), self);
    g_signal_connect(drag, "drag-end", G_CALLBACK(on_drag_end), self);
    gtk_widget_add_controller(widget, GTK_EVENT_CONTROLLER(drag));
  }
  g_signal_connect(click, "released", G_CALLBACK(on_released), self);
  gtk_widget_add_controller(widget, GTK_EVENT_CONTROLLER(click));
  gtk_gesture_single_set_button(GTK_GESTURE_SINGLE(right), GDK_BUTTON_SECONDARY);
  g_signal_connect(right, "pressed", G_CALLBACK(on_right_click), self);
  gtk_widget_add_controller(widget, GTK_EVENT_CONTROLLER(right));
  g_signal_connect(scroll, "scroll", G_CALLBACK(on_scroll), self);
  gtk_widget_add_controller(widget, scroll);
  g_signal_connect(motion, "motion", G_CALLBACK(on_motion), self);
  g_signal_connect(motion, "enter", G_CALLBACK(on_motion), self);
  g_signal_connect(motion, "leave", G_CALLBACK(on_leave), self);
  gtk_widget_add_controller(widget, motion);
  g_signal_connect(keys, "key-pressed", G_CALLBACK(on_key_pressed), self);
  g_signal_connect(keys, "key-released", G_CALLBACK(on_key_released), self);
  gtk_widget_add_controller(widget, keys);
  g_signal_connect(focus, "leave", G_CALLBACK(on_focus_lost), self);
  gtk_widget_add_controller(widget, focus);
}
