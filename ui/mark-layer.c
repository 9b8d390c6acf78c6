#include "ui/mark-layer.h"

#include "engine/image/label-placement.h"
#include "ui/mark-draw.h"
#include "ui/measure.h"
#include <math.h>

#define PADDING 5
#define HANDLE 4.5

struct _AxMarkLayer {
  AxLayer parent_instance;
  AxImage *image;
  AxMarks *marks;
  AxMarkTool *tool;
  GPtrArray *layouts; /* of the labels that have a place */
  GArray *places;     /* AxBox */
};

G_DEFINE_FINAL_TYPE(AxMarkLayer, ax_mark_layer, AX_TYPE_LAYER)

/* ---- lines ---- */

static AxBox view_box(const AxMark *mark, AxViewport *viewport) { return ax_viewport_box_to_view(viewport, ax_mark_get_box(mark)); }

static void append_mark(AxMarkLayer *self, AxViewport *viewport, GtkSnapshot *snapshot, const AxMark *mark, gboolean selected) {
  AxBox box = view_box(mark, viewport);
  AxPoint h[AX_MAX_HANDLES];
  guint n = ax_mark_handles(mark, viewport, h);
  int active = ax_mark_tool_get_handle(self->tool);
  double reach = 12;
  double left = MAX(box.x1 - reach, 0), right = MIN(box.x2 + reach, ax_viewport_get_view_width(viewport));
  double top = MAX(box.y1 - reach, 0), bottom = MIN(box.y2 + reach, ax_viewport_get_view_height(viewport));
  cairo_t *cr;

  if (right <= left || bottom <= top)
    return;
  cr = gtk_snapshot_append_cairo(snapshot, &GRAPHENE_RECT_INIT(left, top, right - left, bottom - top));
  ax_mark_draw(cr, mark, viewport, selected ? 2 : 1.5);
  for (guint i = 0; selected && i < n; i++) {
    cairo_arc(cr, h[i].x, h[i].y, (int)i == active ? HANDLE + 2 : HANDLE, 0, 2 * G_PI);
    cairo_set_source_rgb(cr, 0, 0, 0);
    cairo_set_line_width(cr, 3);
    cairo_stroke_preserve(cr);
    cairo_set_source_rgb(cr, 1, 1, 1);
    if ((int)i == active) {
      cairo_fill(cr);
    } else {
      cairo_set_line_width(cr, 1.5);
      cairo_stroke(cr);
    }
  }
  cairo_destroy(cr);
}

/* ---- words ---- */

static PangoLayout *make_layout(AxMarkLayer *self, GtkWidget *widget, const AxMark *mark, guint number) {
  g_autofree char *text = mark->kind == AX_MARK_BOX ? g_strdup_printf("%u", number) : ax_mark_text(mark, self->image, ax_marks_get_calibration(self->marks));

  return gtk_widget_create_pango_layout(widget, text);
}

GArray *ax_mark_layer_place_labels(AxMarkLayer *self, GtkWidget *widget, AxViewport *viewport) {
  guint n = self->marks && self->image ? ax_marks_get_n(self->marks) : 0, boxes = 0;
  g_autofree AxLabel *labels = g_new0(AxLabel, n);
  g_autoptr(GPtrArray) layouts = g_ptr_array_new_with_free_func(g_object_unref);
  AxBox view = {0, 0, ax_viewport_get_view_width(viewport), ax_viewport_get_view_height(viewport)};

  g_ptr_array_set_size(self->layouts, 0);
  g_array_set_size(self->places, 0);
  for (guint i = 0; i < n; i++) {
    const AxMark *mark = ax_marks_get(self->marks, i);
    int width, height;

    boxes += mark->kind == AX_MARK_BOX;
    g_ptr_array_add(layouts, make_layout(self, widget, mark, boxes));
    pango_layout_get_pixel_size(g_ptr_array_index(layouts, i), &width, &height);
    labels[i] = (AxLabel){view_box(mark, viewport), width + 2 * PADDING, height + 4, mark->id == ax_marks_get_selected(self->marks) ? 0 : 1};
  }
  ax_labels_place(labels, n, view);
  for (guint i = 0; i < n; i++)
    if (labels[i].placed) {
      g_array_append_val(self->places, labels[i].place);
      g_ptr_array_add(self->layouts, g_object_ref(g_ptr_array_index(layouts, i)));
    }
  return self->places;
}

static void append_label(GtkSnapshot *snapshot, PangoLayout *layout, AxBox place) {
  gtk_snapshot_append_color(snapshot, &(GdkRGBA){0.05, 0.05, 0.05, 0.85}, &GRAPHENE_RECT_INIT(place.x1, place.y1, place.x2 - place.x1, place.y2 - place.y1));
  gtk_snapshot_save(snapshot);
  gtk_snapshot_translate(snapshot, &GRAPHENE_POINT_INIT(place.x1 + PADDING, place.y1 + 2));
  gtk_snapshot_append_layout(snapshot, layout, &(GdkRGBA){1, 1, 1, 1});
  gtk_snapshot_restore(snapshot);
}

static void ax_mark_layer_snapshot(AxLayer *layer, GtkWidget *widget, AxViewport *viewport, GtkSnapshot *snapshot) {
  AxMarkLayer *self = AX_MARK_LAYER(layer);

  if (!self->marks || !self->image || ax_marks_get_n(self->marks) == 0)
    return;
  for (guint i = 0; i < ax_marks_get_n(self->marks); i++) {
    const AxMark *mark = ax_marks_get(self->marks, i);

    append_mark(self, viewport, snapshot, mark, mark->id == ax_marks_get_selected(self->marks));
  }
  for (guint i = 0; i < self->places->len; i++)
    append_label(snapshot, g_ptr_array_index(self->layouts, i), g_array_index(self->places, AxBox, i));
}

/* ---- state ---- */

void ax_mark_layer_set_image(AxMarkLayer *self, AxImage *image) {
  g_return_if_fail(AX_IS_MARK_LAYER(self));
  if (g_set_object(&self->image, image))
    ax_layer_changed(AX_LAYER(self));
}

void ax_mark_layer_set_tool(AxMarkLayer *self, AxMarks *marks, AxMarkTool *tool) {
  g_return_if_fail(AX_IS_MARK_LAYER(self));
  if (self->marks)
    g_signal_handlers_disconnect_by_data(self->marks, self);
  g_set_object(&self->marks, marks);
  g_set_object(&self->tool, tool);
  if (marks)
    g_signal_connect_swapped(marks, "changed", G_CALLBACK(ax_layer_changed), self);
  ax_layer_changed(AX_LAYER(self));
}

static void ax_mark_layer_dispose(GObject *object) {
  AxMarkLayer *self = AX_MARK_LAYER(object);

  if (self->marks)
    g_signal_handlers_disconnect_by_data(self->marks, self);
  g_clear_object(&self->marks);
  g_clear_object(&self->tool);
  g_clear_object(&self->image);
  G_OBJECT_CLASS(ax_mark_layer_parent_class)->dispose(object);
}

static void ax_mark_layer_finalize(GObject *object) {
  AxMarkLayer *self = AX_MARK_LAYER(object);

  g_ptr_array_unref(self->layouts);
  g_array_unref(self->places);
  G_OBJECT_CLASS(ax_mark_layer_parent_class)->finalize(object);
}

static void ax_mark_layer_class_init(AxMarkLayerClass *klass) {
  G_OBJECT_CLASS(klass)->finalize = ax_mark_layer_finalize;
  G_OBJECT_CLASS(klass)->dispose = ax_mark_layer_dispose;
  AX_LAYER_CLASS(klass)->snapshot = ax_mark_layer_snapshot;
}

static void ax_mark_layer_init(AxMarkLayer *self) {
  self->layouts = g_ptr_array_new_with_free_func(g_object_unref);
  self->places = g_array_new(FALSE, FALSE, sizeof(AxBox));
}

AxMarkLayer *ax_mark_layer_new(void) { return g_object_new(AX_TYPE_MARK_LAYER, NULL); }
