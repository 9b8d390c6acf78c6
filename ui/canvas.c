#include "ui/canvas.h"

#include <glib/gi18n-lib.h>
#include <math.h>

/* One wheel click; six of them double the zoom. */
#define ZOOM_STEP 1.1225
/* A drag of the view's width goes through the whole range of the window's width. */
#define WINDOW_RANGE_PER_VIEW 1.0

struct _AxCanvas {
  GtkWidget parent_instance;
  AxViewport *viewport;
  AxImageLayer *image_layer;
  AxBoxLayer *box_layer;
  AxLettersLayer *letters_layer;
  AxPyramid *pyramid;
  GtkWidget *menu; /* a popover, or NULL */
  int hovered, selected;
  gboolean space_down;
  /* the drag under way */
  gboolean moving, dragged;
  double last_x, last_y;
  double pointer_x, pointer_y;
};

enum { PROP_0, PROP_HOVERED, PROP_SELECTED, N_PROPS };
static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE(AxCanvas, ax_canvas, GTK_TYPE_WIDGET)

/* ---- hovered and selected ---- */

void ax_canvas_set_hovered(AxCanvas *self, int index) {
  g_return_if_fail(AX_IS_CANVAS(self));
  if (self->hovered == index)
    return;
  self->hovered = index;
  ax_box_layer_set_hovered(self->box_layer, index);
  g_object_notify_by_pspec(G_OBJECT(self), props[PROP_HOVERED]);
}

void ax_canvas_set_selected(AxCanvas *self, int index) {
  g_return_if_fail(AX_IS_CANVAS(self));
  if (self->selected == index)
    return;
  self->selected = index;
  ax_box_layer_set_selected(self->box_layer, index);
  g_object_notify_by_pspec(G_OBJECT(self), props[PROP_SELECTED]);
}

int ax_canvas_get_hovered(AxCanvas *self) { return self->hovered; }
int ax_canvas_get_selected(AxCanvas *self) { return self->selected; }

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

static void on_drag_begin(GtkGestureDrag *gesture, double x, double y, AxCanvas *self) {
  guint button = gtk_gesture_single_get_current_button(GTK_GESTURE_SINGLE(gesture));

  gtk_widget_grab_focus(GTK_WIDGET(self));
  self->moving = button == GDK_BUTTON_MIDDLE || self->space_down;
  self->dragged = FALSE;
  self->last_x = self->last_y = 0;
}

static void on_drag_update(GtkGestureDrag *gesture, double x, double y, AxCanvas *self) {
  double dx = x - self->last_x, dy = y - self->last_y;

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
  gtk_widget_set_cursor_from_name(GTK_WIDGET(self), self->space_down ? "grab" : NULL);
}

static void on_released(GtkGestureClick *gesture, int n_press, double x, double y, AxCanvas *self) {
  if (self->dragged || self->space_down)
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

void ax_canvas_set_menu(AxCanvas *self, GMenuModel *model) {
  g_return_if_fail(AX_IS_CANVAS(self));
  g_clear_pointer(&self->menu, gtk_widget_unparent);
  if (!model)
    return;
  self->menu = gtk_popover_menu_new_from_model(model);
  gtk_popover_set_has_arrow(GTK_POPOVER(self->menu), FALSE);
  gtk_widget_set_halign(self->menu, GTK_ALIGN_START);
  gtk_widget_set_parent(self->menu, GTK_WIDGET(self));
}

static gboolean on_key_pressed(GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state, AxCanvas *self) {
  const double step = 40;
  double x = ax_viewport_get_view_width(self->viewport) / 2, y = ax_viewport_get_view_height(self->viewport) / 2;

  switch (key) {
  case GDK_KEY_space:
    self->space_down = TRUE;
    gtk_widget_set_cursor_from_name(GTK_WIDGET(self), "grab");
    return TRUE;
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
  gtk_widget_set_cursor(GTK_WIDGET(self), NULL);
}

static void on_focus_lost(GtkEventControllerFocus *controller, AxCanvas *self) { self->space_down = FALSE; }

static void add_gestures(AxCanvas *self) {
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

/* ---- what is shown ---- */

void ax_canvas_reset_window(AxCanvas *self) {
  AxWindow window;

  g_return_if_fail(AX_IS_CANVAS(self));
  if (!self->pyramid)
    return;
  window = ax_image_get_default_window(ax_pyramid_get_image(self->pyramid));
  ax_viewport_set_window(self->viewport, window.center, window.width);
}

void ax_canvas_set_pyramid(AxCanvas *self, AxPyramid *pyramid) {
  g_return_if_fail(AX_IS_CANVAS(self));
  if (self->pyramid == pyramid)
    return;
  ax_canvas_set_perception(self, NULL);
  g_clear_pointer(&self->pyramid, ax_pyramid_unref);
  ax_image_layer_set_pyramid(self->image_layer, pyramid);
  ax_letters_layer_set_image(self->letters_layer, pyramid ? ax_pyramid_get_image(pyramid) : NULL);
  if (!pyramid)
    return;
  self->pyramid = ax_pyramid_ref(pyramid);
  ax_viewport_set_image_size(self->viewport, ax_image_get_width(ax_pyramid_get_image(pyramid)),
                             ax_image_get_height(ax_pyramid_get_image(pyramid)));
  ax_viewport_set_rotation(self->viewport, 0);
  ax_viewport_set_inverted(self->viewport, FALSE);
  ax_canvas_reset_window(self);
}

void ax_canvas_set_perception(AxCanvas *self, AxPerception *perception) {
  AxBox boxes[AX_N_ANATOMY];

  g_return_if_fail(AX_IS_CANVAS(self));
  if (!perception) {
    ax_canvas_set_hovered(self, -1);
    ax_canvas_set_selected(self, -1);
    ax_box_layer_set_boxes(self->box_layer, NULL);
    return;
  }
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    boxes[i] = perception->mirrored ? ax_box_mirror(perception->anatomy[i].box, perception->width) : perception->anatomy[i].box;
  ax_box_layer_set_boxes(self->box_layer, boxes);
}

AxViewport *ax_canvas_get_viewport(AxCanvas *self) { return self->viewport; }
AxBoxLayer *ax_canvas_get_box_layer(AxCanvas *self) { return self->box_layer; }

/* ---- GtkWidget ---- */

static void ax_canvas_snapshot(GtkWidget *widget, GtkSnapshot *snapshot) {
  AxCanvas *self = AX_CANVAS(widget);
  graphene_rect_t all = GRAPHENE_RECT_INIT(0, 0, gtk_widget_get_width(widget), gtk_widget_get_height(widget));

  gtk_snapshot_push_clip(snapshot, &all);
  ax_layer_snapshot(AX_LAYER(self->image_layer), widget, self->viewport, snapshot);
  ax_layer_snapshot(AX_LAYER(self->box_layer), widget, self->viewport, snapshot);
  ax_layer_snapshot(AX_LAYER(self->letters_layer), widget, self->viewport, snapshot);
  gtk_snapshot_pop(snapshot);
}

static void ax_canvas_measure(GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum, int *natural,
                              int *minimum_baseline, int *natural_baseline) {
  *minimum = 120;
  *natural = 600;
}

static void ax_canvas_size_allocate(GtkWidget *widget, int width, int height, int baseline) {
  AxCanvas *self = AX_CANVAS(widget);

  ax_viewport_set_view_size(self->viewport, width, height);
  if (self->menu)
    gtk_popover_present(GTK_POPOVER(self->menu));
}

static void ax_canvas_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec) {
  AxCanvas *self = AX_CANVAS(object);

  switch (id) {
  case PROP_HOVERED: g_value_set_int(value, self->hovered); break;
  case PROP_SELECTED: g_value_set_int(value, self->selected); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void ax_canvas_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec) {
  AxCanvas *self = AX_CANVAS(object);

  switch (id) {
  case PROP_HOVERED: ax_canvas_set_hovered(self, g_value_get_int(value)); break;
  case PROP_SELECTED: ax_canvas_set_selected(self, g_value_get_int(value)); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void ax_canvas_dispose(GObject *object) {
  AxCanvas *self = AX_CANVAS(object);

  g_clear_pointer(&self->pyramid, ax_pyramid_unref);
  g_clear_object(&self->image_layer);
  g_clear_object(&self->box_layer);
  g_clear_object(&self->letters_layer);
  g_clear_pointer(&self->menu, gtk_widget_unparent);
  g_clear_object(&self->viewport);
  G_OBJECT_CLASS(ax_canvas_parent_class)->dispose(object);
}

static void ax_canvas_class_init(AxCanvasClass *klass) {
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->get_property = ax_canvas_get_property;
  object_class->set_property = ax_canvas_set_property;
  object_class->dispose = ax_canvas_dispose;
  widget_class->snapshot = ax_canvas_snapshot;
  widget_class->measure = ax_canvas_measure;
  widget_class->size_allocate = ax_canvas_size_allocate;
  props[PROP_HOVERED] = g_param_spec_int("hovered", NULL, NULL, -1, AX_N_ANATOMY - 1, -1, flags);
  props[PROP_SELECTED] = g_param_spec_int("selected", NULL, NULL, -1, AX_N_ANATOMY - 1, -1, flags);
  g_object_class_install_properties(object_class, N_PROPS, props);
  gtk_widget_class_set_css_name(widget_class, "axcanvas");
  gtk_widget_class_set_accessible_role(widget_class, GTK_ACCESSIBLE_ROLE_IMG);
}

static void ax_canvas_init(AxCanvas *self) {
  self->hovered = self->selected = -1;
  self->viewport = ax_viewport_new();
  self->image_layer = ax_image_layer_new();
  self->box_layer = ax_box_layer_new();
  self->letters_layer = ax_letters_layer_new();
  g_signal_connect_object(self->viewport, "changed", G_CALLBACK(gtk_widget_queue_draw), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->image_layer, "changed", G_CALLBACK(gtk_widget_queue_draw), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->box_layer, "changed", G_CALLBACK(gtk_widget_queue_draw), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->letters_layer, "changed", G_CALLBACK(gtk_widget_queue_draw), self, G_CONNECT_SWAPPED);
  gtk_widget_set_focusable(GTK_WIDGET(self), TRUE);
  gtk_widget_set_hexpand(GTK_WIDGET(self), TRUE);
  gtk_widget_set_vexpand(GTK_WIDGET(self), TRUE);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Radiograph with anatomical structures"), -1);
  add_gestures(self);
}

GtkWidget *ax_canvas_new(void) { return g_object_new(AX_TYPE_CANVAS, NULL); }
