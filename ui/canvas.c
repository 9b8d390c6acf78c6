#include "ui/canvas-private.h"

#include <glib/gi18n-lib.h>

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
  ax_mark_layer_set_image(self->mark_layer, pyramid ? ax_pyramid_get_image(pyramid) : NULL);
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

void ax_canvas_set_marks(AxCanvas *self, AxMarks *marks, AxUndo *undo) {
  g_return_if_fail(AX_IS_CANVAS(self));
  g_clear_object(&self->tool);
  self->tool = marks ? ax_mark_tool_new(marks, self->viewport) : NULL;
  g_set_object(&self->undo, undo);
  ax_mark_layer_set_tool(self->mark_layer, marks, self->tool);
  if (self->tool)
    g_signal_connect_object(self->tool, "tool-changed", G_CALLBACK(ax_canvas_update_cursor), self, G_CONNECT_SWAPPED);
}

void ax_canvas_set_overlay(AxCanvas *self, AxLayer *overlay) {
  g_return_if_fail(AX_IS_CANVAS(self));
  if (self->overlay)
    g_signal_handlers_disconnect_by_data(self->overlay, self);
  g_set_object(&self->overlay, overlay);
  if (overlay)
    g_signal_connect_object(overlay, "changed", G_CALLBACK(gtk_widget_queue_draw), self, G_CONNECT_SWAPPED);
  gtk_widget_queue_draw(GTK_WIDGET(self));
}

void ax_canvas_set_letters_shown(AxCanvas *self, gboolean shown) {
  g_return_if_fail(AX_IS_CANVAS(self));
  self->letters_hidden = !shown;
  gtk_widget_queue_draw(GTK_WIDGET(self));
}

AxMarkTool *ax_canvas_get_tool(AxCanvas *self) { return self->tool; }
AxViewport *ax_canvas_get_viewport(AxCanvas *self) { return self->viewport; }
AxBoxLayer *ax_canvas_get_box_layer(AxCanvas *self) { return self->box_layer; }
AxAnswerLayer *ax_canvas_get_answer_layer(AxCanvas *self) { return self->answer_layer; }

/* ---- GtkWidget ---- */

static void ax_canvas_snapshot(GtkWidget *widget, GtkSnapshot *snapshot) {
  AxCanvas *self = AX_CANVAS(widget);
  graphene_rect_t all = GRAPHENE_RECT_INIT(0, 0, gtk_widget_get_width(widget), gtk_widget_get_height(widget));

  GArray *marks = ax_mark_layer_place_labels(self->mark_layer, widget, self->viewport);
  GArray *answers = ax_answer_layer_place_labels(self->answer_layer, widget, self->viewport, marks);
  g_autoptr(GArray) places = g_array_copy(marks);

  g_array_append_vals(places, answers->data, answers->len);
  ax_box_layer_set_obstacles(self->box_layer, (const AxBox *)(void *)places->data, places->len);
  gtk_snapshot_push_clip(snapshot, &all);
  ax_layer_snapshot(AX_LAYER(self->image_layer), widget, self->viewport, snapshot);
  ax_layer_snapshot(AX_LAYER(self->box_layer), widget, self->viewport, snapshot);
  ax_layer_snapshot(AX_LAYER(self->answer_layer), widget, self->viewport, snapshot);
  if (self->overlay)
    ax_layer_snapshot(self->overlay, widget, self->viewport, snapshot);
  ax_layer_snapshot(AX_LAYER(self->mark_layer), widget, self->viewport, snapshot);
  if (!self->letters_hidden)
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
  g_clear_object(&self->answer_layer);
  g_clear_object(&self->overlay);
  g_clear_object(&self->mark_layer);
  g_clear_object(&self->tool);
  g_clear_object(&self->undo);
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
  self->answer_layer = ax_answer_layer_new();
  self->mark_layer = ax_mark_layer_new();
  g_signal_connect_object(self->viewport, "changed", G_CALLBACK(gtk_widget_queue_draw), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->image_layer, "changed", G_CALLBACK(gtk_widget_queue_draw), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->box_layer, "changed", G_CALLBACK(gtk_widget_queue_draw), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->answer_layer, "changed", G_CALLBACK(gtk_widget_queue_draw), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->mark_layer, "changed", G_CALLBACK(gtk_widget_queue_draw), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->letters_layer, "changed", G_CALLBACK(gtk_widget_queue_draw), self, G_CONNECT_SWAPPED);
  gtk_widget_set_focusable(GTK_WIDGET(self), TRUE);
  gtk_widget_set_hexpand(GTK_WIDGET(self), TRUE);
  gtk_widget_set_vexpand(GTK_WIDGET(self), TRUE);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Radiograph with anatomical structures"), -1);
  ax_canvas_add_input(self);
}

GtkWidget *ax_canvas_new(void) { return g_object_new(AX_TYPE_CANVAS, NULL); }
