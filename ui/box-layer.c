#include "ui/box-layer.h"

#include "engine/image/label-placement.h"
#include "ui/names.h"
#include <math.h>
#include <string.h>

#define LABEL_PADDING 4

struct _AxBoxLayer {
  AxLayer parent_instance;
  AxBox boxes[AX_N_ANATOMY], others[AX_N_ANATOMY];
  gboolean has_boxes, has_others;
  AxVisibility *visibility;
  gboolean sparse;
  int hovered, selected, partner;
  GArray *obstacles; /* AxBox in view pixels: labels of others */
};

G_DEFINE_FINAL_TYPE(AxBoxLayer, ax_box_layer, AX_TYPE_LAYER)

guint ax_box_layer_get_dashes(AxAnatomyGroup group, double dashes[4]) {
  static const double styles[AX_N_GROUPS][5] = {
    [AX_GROUP_LUNGS] = {0},
    [AX_GROUP_HEART] = {2, 10, 3},
    [AX_GROUP_MEDIASTINUM] = {2, 4, 3},
    [AX_GROUP_BONES] = {2, 2, 3},
    [AX_GROUP_DIAPHRAGM] = {4, 8, 3, 2, 3},
  };

  memcpy(dashes, &styles[group][1], 4 * sizeof *dashes);
  return (guint)styles[group][0];
}

/* The structures that one looks for first; the names are the spec's. */
static gboolean is_main(guint index) {
  static int mains[3];
  static gsize once;

  if (g_once_init_enter(&once)) {
    mains[0] = ax_anatomy_find("Left lung");
    mains[1] = ax_anatomy_find("Right lung");
    mains[2] = ax_anatomy_find("Heart");
    g_once_init_leave(&once, 1);
  }
  return (int)index == mains[0] || (int)index == mains[1] || (int)index == mains[2];
}

static gboolean is_selected(AxBoxLayer *self, guint index) {
  return (int)index == self->selected || (self->selected >= 0 && (int)index == self->partner);
}

static gboolean is_shown(AxBoxLayer *self, guint index) {
  if (is_selected(self, index) || (int)index == self->hovered)
    return TRUE;
  return ax_visibility_shows(self->visibility, index);
}

/* ---- drawing ---- */

typedef struct {
  double rgb[3], alpha, width;
  double dashes[4];
  guint n_dashes;
} Stroke;

/* One side of a box as one small cairo node: a node over the whole box would be as large as the box. */
static void append_side(GtkSnapshot *snapshot, const Stroke *stroke, double x1, double y1, double x2, double y2, AxBox view) {
  double reach = stroke->width / 2 + 1.5;
  double left = MAX(MIN(x1, x2) - reach, view.x1), right = MIN(MAX(x1, x2) + reach, view.x2);
  double top = MAX(MIN(y1, y2) - reach, view.y1), bottom = MIN(MAX(y1, y2) + reach, view.y2);
  cairo_t *cr;

  if (right <= left || bottom <= top)
    return;
  cr = gtk_snapshot_append_cairo(snapshot, &GRAPHENE_RECT_INIT(left, top, right - left, bottom - top));
  /* A dark edge under the line keeps it visible over bright bone; the thin lines of the many small boxes would look double with it. */
  cairo_move_to(cr, x1, y1);
  cairo_line_to(cr, x2, y2);
  cairo_set_dash(cr, stroke->dashes, stroke->n_dashes, 0);
  if (stroke->width > 1) {
    cairo_set_line_width(cr, stroke->width + 2);
    cairo_set_source_rgba(cr, 0, 0, 0, 0.5 * stroke->alpha);
    cairo_stroke_preserve(cr);
  }
  cairo_set_line_width(cr, stroke->width);
  cairo_set_source_rgba(cr, stroke->rgb[0], stroke->rgb[1], stroke->rgb[2], stroke->alpha);
  cairo_stroke(cr);
  cairo_destroy(cr);
}

static void append_box(GtkSnapshot *snapshot, const Stroke *stroke, AxBox box, AxBox view) {
  append_side(snapshot, stroke, box.x1, box.y1, box.x2, box.y1, view);
  append_side(snapshot, stroke, box.x1, box.y2, box.x2, box.y2, view);
  append_side(snapshot, stroke, box.x1, box.y1, box.x1, box.y2, view);
  append_side(snapshot, stroke, box.x2, box.y1, box.x2, box.y2, view);
}

/* Lines of odd width lie on half pixels and of even width on whole ones, so that they fill rows of pixels and do not blur. */
static AxBox snap(AxBox box, double width) {
  double shift = (int)width % 2 ? 0.5 : 0;

  return (AxBox){floor(box.x1) + shift, floor(box.y1) + shift, floor(box.x2) + shift, floor(box.y2) + shift};
}

static Stroke stroke_of(AxBoxLayer *self, guint index) {
  Stroke stroke = {.alpha = 0.65, .width = 1};

  ax_anatomy_color(index, stroke.rgb);
  stroke.n_dashes = ax_box_layer_get_dashes(ax_anatomy_group(index), stroke.dashes);
  if (is_main(index)) {
    stroke.alpha = 1;
    stroke.width = 2;
  }
  /* While one structure is looked at the others step back. */
  if (self->selected >= 0 && !is_selected(self, index))
    stroke.alpha *= 0.55;
  if ((int)index == self->hovered) {
    stroke.alpha = 1;
    stroke.width = 3;
  }
  if (is_selected(self, index)) {
    stroke.alpha = 1;
    stroke.width = 3;
  }
  return stroke;
}

static void append_label(GtkSnapshot *snapshot, GtkWidget *widget, guint index, AxBox place, gboolean strong) {
  g_autoptr(PangoLayout) layout = gtk_widget_create_pango_layout(widget, ax_shown_short_structure(index));
  GskRoundedRect outline;
  graphene_rect_t rect = GRAPHENE_RECT_INIT(place.x1, place.y1, place.x2 - place.x1, place.y2 - place.y1);
  GdkRGBA color = {.alpha = 1}, ground = {0.07, 0.07, 0.08, strong ? 0.95 : 0.72};
  double rgb[3];

  ax_anatomy_color(index, rgb);
  color.red = rgb[0], color.green = rgb[1], color.blue = rgb[2];
  gsk_rounded_rect_init_from_rect(&outline, &rect, 3);
  gtk_snapshot_push_rounded_clip(snapshot, &outline);
  gtk_snapshot_append_color(snapshot, &ground, &rect);
  gtk_snapshot_append_color(snapshot, &color, &GRAPHENE_RECT_INIT(place.x1, place.y1, 3, place.y2 - place.y1));
  gtk_snapshot_pop(snapshot);
  gtk_snapshot_save(snapshot);
  gtk_snapshot_translate(snapshot, &GRAPHENE_POINT_INIT(place.x1 + LABEL_PADDING + 3, place.y1 + 1));
  gtk_snapshot_append_layout(snapshot, layout, &(GdkRGBA){0.97, 0.97, 0.97, 1});
  gtk_snapshot_restore(snapshot);
}

static void append_labels(AxBoxLayer *self, GtkWidget *widget, AxViewport *viewport, GtkSnapshot *snapshot, AxBox view) {
  g_autofree AxLabel *labels = g_new0(AxLabel, AX_N_ANATOMY + self->obstacles->len);
  guint indices[AX_N_ANATOMY], n = 0;

  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    gboolean selected = is_selected(self, i), hovered = (int)i == self->hovered;
    g_autoptr(PangoLayout) layout = NULL;
    int width, height;

    if (!is_shown(self, i) || !(selected || hovered || is_main(i)))
      continue;
    layout = gtk_widget_create_pango_layout(widget, ax_shown_short_structure(i));
    pango_layout_get_pixel_size(layout, &width, &height);
    labels[n] = (AxLabel){.box = ax_viewport_box_to_view(viewport, self->boxes[i]),
                          .width = width + 2 * LABEL_PADDING + 3,
                          .height = height + 2,
                          .priority = selected ? 0 : hovered ? 1 : 2};
    indices[n++] = i;
  }
  for (guint k = 0; k < self->obstacles->len; k++)
    labels[n + k] = (AxLabel){.place = g_array_index(self->obstacles, AxBox, k), .fixed = TRUE};
  ax_labels_place(labels, n + self->obstacles->len, view);
  for (guint k = 0; k < n; k++)
    if (labels[k].placed)
      append_label(snapshot, widget, indices[k], labels[k].place, labels[k].priority < 2);
}

static void append_structure(AxBoxLayer *self, AxViewport *viewport, GtkSnapshot *snapshot, guint index, AxBox view) {
  Stroke stroke = stroke_of(self, index);
  AxBox box = snap(ax_viewport_box_to_view(viewport, self->boxes[index]), stroke.width);

  if (is_selected(self, index))
    gtk_snapshot_append_color(snapshot, &(GdkRGBA){stroke.rgb[0], stroke.rgb[1], stroke.rgb[2], 0.10},
                              &GRAPHENE_RECT_INIT(box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1));
  append_box(snapshot, &stroke, box, view);
  if (self->has_others && (is_selected(self, index) || (int)index == self->hovered)) {
    stroke.width = 2;
    stroke.n_dashes = 2;
    stroke.dashes[0] = 1.5;
    stroke.dashes[1] = 4;
    append_box(snapshot, &stroke, snap(ax_viewport_box_to_view(viewport, self->others[index]), stroke.width), view);
  }
}

static void ax_box_layer_snapshot(AxLayer *layer, GtkWidget *widget, AxViewport *viewport, GtkSnapshot *snapshot) {
  AxBoxLayer *self = AX_BOX_LAYER(layer);
  AxBox view = {0, 0, ax_viewport_get_view_width(viewport), ax_viewport_get_view_height(viewport)};

  if (!self->has_boxes)
    return;
  /* Lungs and heart over the small ones, what is looked at over all. */
  for (int pass = 0; pass < 2; pass++)
    for (guint i = 0; i < AX_N_ANATOMY && !(self->sparse && pass == 0); i++)
      if (is_shown(self, i) && is_main(i) == pass && (int)i != self->hovered && !is_selected(self, i))
        append_structure(self, viewport, snapshot, i, view);
  if (self->selected >= 0 && self->partner >= 0 && self->partner != self->selected)
    append_structure(self, viewport, snapshot, self->partner, view);
  if (self->selected >= 0)
    append_structure(self, viewport, snapshot, self->selected, view);
  if (self->hovered >= 0 && !is_selected(self, self->hovered))
    append_structure(self, viewport, snapshot, self->hovered, view);
  append_labels(self, widget, viewport, snapshot, view);
}

/* ---- state ---- */

void ax_box_layer_set_boxes(AxBoxLayer *self, const AxBox *boxes) {
  self->has_boxes = boxes != NULL;
  if (boxes)
    memcpy(self->boxes, boxes, sizeof self->boxes);
  ax_layer_changed(AX_LAYER(self));
}

void ax_box_layer_set_other_boxes(AxBoxLayer *self, const AxBox *boxes) {
  self->has_others = boxes != NULL;
  if (boxes)
    memcpy(self->others, boxes, sizeof self->others);
  ax_layer_changed(AX_LAYER(self));
}

gboolean ax_box_layer_get_box(AxBoxLayer *self, guint index, AxBox *box) {
  g_return_val_if_fail(index < AX_N_ANATOMY, FALSE);
  if (self->has_boxes)
    *box = self->boxes[index];
  return self->has_boxes;
}

void ax_box_layer_set_obstacles(AxBoxLayer *self, const AxBox *places, guint n) {
  g_array_set_size(self->obstacles, 0);
  g_array_append_vals(self->obstacles, places, n);
}

void ax_box_layer_set_visibility(AxBoxLayer *self, AxVisibility *visibility) {
  if (self->visibility)
    g_signal_handlers_disconnect_by_data(self->visibility, self);
  g_set_object(&self->visibility, visibility);
  g_signal_connect_swapped(visibility, "changed", G_CALLBACK(ax_layer_changed), self);
  ax_layer_changed(AX_LAYER(self));
}

void ax_box_layer_set_sparse(AxBoxLayer *self, gboolean sparse) {
  self->sparse = sparse;
  ax_layer_changed(AX_LAYER(self));
}

static void set_index(AxBoxLayer *self, int *field, int index) {
  g_return_if_fail(index >= -1 && index < AX_N_ANATOMY);
  if (*field == index)
    return;
  *field = index;
  ax_layer_changed(AX_LAYER(self));
}

void ax_box_layer_set_hovered(AxBoxLayer *self, int index) { set_index(self, &self->hovered, index); }
void ax_box_layer_set_selected(AxBoxLayer *self, int index) { set_index(self, &self->selected, index); }

void ax_box_layer_set_partner(AxBoxLayer *self, int index) { set_index(self, &self->partner, index); }

guint ax_box_layer_find(AxBoxLayer *self, double x, double y, guint found[AX_N_ANATOMY]) {
  guint n = 0;

  if (!self->has_boxes || !ax_visibility_get_all(self->visibility))
    return 0;
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    AxBox box = self->boxes[i];
    guint at = n;

    if (!is_shown(self, i) || x < box.x1 || x > box.x2 || y < box.y1 || y > box.y2)
      continue;
    while (at > 0 && ax_box_area(self->boxes[found[at - 1]]) > ax_box_area(box)) {
      found[at] = found[at - 1];
      at--;
    }
    found[at] = i;
    n++;
  }
  return n;
}

static void ax_box_layer_finalize(GObject *object) {
  g_signal_handlers_disconnect_by_data(AX_BOX_LAYER(object)->visibility, object);
  g_object_unref(AX_BOX_LAYER(object)->visibility);
  g_array_unref(AX_BOX_LAYER(object)->obstacles);
  G_OBJECT_CLASS(ax_box_layer_parent_class)->finalize(object);
}

static void ax_box_layer_class_init(AxBoxLayerClass *klass) {
  G_OBJECT_CLASS(klass)->finalize = ax_box_layer_finalize;
  AX_LAYER_CLASS(klass)->snapshot = ax_box_layer_snapshot;
}

static void ax_box_layer_init(AxBoxLayer *self) {
  self->hovered = self->selected = self->partner = -1;
  self->obstacles = g_array_new(FALSE, FALSE, sizeof(AxBox));
  self->visibility = ax_visibility_new();
}

AxBoxLayer *ax_box_layer_new(void) { return g_object_new(AX_TYPE_BOX_LAYER, NULL); }
