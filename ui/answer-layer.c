#include "ui/answer-layer.h"

#include "engine/image/label-placement.h"

#define PADDING 4

struct _AxAnswerLayer {
  AxLayer parent_instance;
  AxExchange *exchange;
  int lit;
  double threshold;
  GPtrArray *layouts; /* of the labels that have a place */
  GArray *places;     /* AxBox */
};

G_DEFINE_FINAL_TYPE(AxAnswerLayer, ax_answer_layer, AX_TYPE_LAYER)

static gboolean is_shown(AxAnswerLayer *self, const AxAnswerBox *box) { return box->confidence >= self->threshold; }

static gboolean is_lit(AxAnswerLayer *self, const AxAnswerBox *box) {
  AxAnswer *answer = ax_exchange_get_answer(self->exchange);

  if (self->lit < 0 || !answer || (guint)self->lit >= answer->n_sentences)
    return FALSE;
  return box->at >= answer->sentences[self->lit].start && box->at <= answer->sentences[self->lit].end;
}

static void append_box(GtkSnapshot *snapshot, AxBox box, gboolean lit, gboolean dim, AxBox view) {
  static const double dashes[] = {14, 4};
  double left = MAX(box.x1 - 4, view.x1), top = MAX(box.y1 - 4, view.y1), right = MIN(box.x2 + 4, view.x2), bottom = MIN(box.y2 + 4, view.y2);
  cairo_t *cr;

  if (right <= left || bottom <= top)
    return;
  cr = gtk_snapshot_append_cairo(snapshot, &GRAPHENE_RECT_INIT(left, top, right - left, bottom - top));
  cairo_rectangle(cr, box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1);
  if (lit) {
    cairo_set_source_rgba(cr, 1, 0.82, 0.2, 0.18);
    cairo_fill_preserve(cr);
  }
  cairo_set_dash(cr, dashes, 2, 0);
  cairo_set_line_width(cr, lit ? 6 : 4.5);
  cairo_set_source_rgba(cr, 0, 0, 0, dim ? 0.3 : 0.7);
  cairo_stroke_preserve(cr);
  cairo_set_line_width(cr, lit ? 3.5 : 2.5);
  cairo_set_source_rgba(cr, 1, 0.82, 0.2, dim ? 0.45 : 1);
  cairo_stroke(cr);
  cairo_destroy(cr);
}

static void append_label(GtkSnapshot *snapshot, AxBox place, PangoLayout *layout) {
  gtk_snapshot_append_color(snapshot, &(GdkRGBA){1, 0.82, 0.2, 0.95}, &GRAPHENE_RECT_INIT(place.x1, place.y1, place.x2 - place.x1, place.y2 - place.y1));
  gtk_snapshot_save(snapshot);
  gtk_snapshot_translate(snapshot, &GRAPHENE_POINT_INIT(place.x1 + PADDING, place.y1 + 1));
  gtk_snapshot_append_layout(snapshot, layout, &(GdkRGBA){0.05, 0.05, 0.05, 1});
  gtk_snapshot_restore(snapshot);
}

GArray *ax_answer_layer_place_labels(AxAnswerLayer *self, GtkWidget *widget, AxViewport *viewport, const GArray *obstacles) {
  guint n = self->exchange ? ax_exchange_get_n_boxes(self->exchange) : 0, used = 0;
  g_autofree AxLabel *labels = g_new0(AxLabel, n + obstacles->len);
  g_autoptr(GPtrArray) layouts = g_ptr_array_new_with_free_func(g_object_unref);
  AxBox view = {0, 0, ax_viewport_get_view_width(viewport), ax_viewport_get_view_height(viewport)};

  g_ptr_array_set_size(self->layouts, 0);
  g_array_set_size(self->places, 0);
  for (guint i = 0; i < n; i++) {
    const AxAnswerBox *box = ax_exchange_get_box(self->exchange, i);
    g_autofree char *text = box->label ? g_strdup_printf("%u %s", i + 1, box->label) : g_strdup_printf("%u", i + 1);
    int width, height;

    if (!is_shown(self, box))
      continue;
    g_ptr_array_add(layouts, gtk_widget_create_pango_layout(widget, text));
    pango_layout_get_pixel_size(g_ptr_array_index(layouts, used), &width, &height);
    labels[used++] = (AxLabel){ax_viewport_box_to_view(viewport, box->box), width + 2 * PADDING, height + 2, is_lit(self, box) ? 0 : 1};
  }
  for (guint k = 0; k < obstacles->len; k++)
    labels[used + k] = (AxLabel){.place = g_array_index(obstacles, AxBox, k), .fixed = TRUE};
  ax_labels_place(labels, used + obstacles->len, view);
  for (guint i = 0; i < used; i++)
    if (labels[i].placed) {
      g_array_append_val(self->places, labels[i].place);
      g_ptr_array_add(self->layouts, g_object_ref(g_ptr_array_index(layouts, i)));
    }
  return self->places;
}

static void ax_answer_layer_snapshot(AxLayer *layer, GtkWidget *widget, AxViewport *viewport, GtkSnapshot *snapshot) {
  AxAnswerLayer *self = AX_ANSWER_LAYER(layer);
  guint n = self->exchange ? ax_exchange_get_n_boxes(self->exchange) : 0;
  AxBox view = {0, 0, ax_viewport_get_view_width(viewport), ax_viewport_get_view_height(viewport)};
  gboolean any_lit = ax_answer_layer_get_n_lit(self) > 0;

  for (guint i = 0; i < n; i++) {
    const AxAnswerBox *box = ax_exchange_get_box(self->exchange, i);

    if (is_shown(self, box))
      append_box(snapshot, ax_viewport_box_to_view(viewport, box->box), is_lit(self, box), any_lit && !is_lit(self, box), view);
  }
  for (guint i = 0; i < self->places->len; i++)
    append_label(snapshot, g_array_index(self->places, AxBox, i), g_ptr_array_index(self->layouts, i));
}

static guint count(AxAnswerLayer *self, gboolean lit) {
  guint n = 0;

  for (guint i = 0; self->exchange && i < ax_exchange_get_n_boxes(self->exchange); i++) {
    const AxAnswerBox *box = ax_exchange_get_box(self->exchange, i);

    n += is_shown(self, box) && (!lit || is_lit(self, box));
  }
  return n;
}

guint ax_answer_layer_get_n_shown(AxAnswerLayer *self) { return count(self, FALSE); }
guint ax_answer_layer_get_n_lit(AxAnswerLayer *self) { return count(self, TRUE); }

void ax_answer_layer_set_exchange(AxAnswerLayer *self, AxExchange *exchange) {
  g_return_if_fail(AX_IS_ANSWER_LAYER(self));
  if (self->exchange == exchange)
    return;
  if (self->exchange)
    g_signal_handlers_disconnect_by_data(self->exchange, self);
  g_set_object(&self->exchange, exchange);
  if (exchange)
    g_signal_connect_swapped(exchange, "changed", G_CALLBACK(ax_layer_changed), self);
  self->lit = -1;
  ax_layer_changed(AX_LAYER(self));
}

void ax_answer_layer_set_lit(AxAnswerLayer *self, int sentence) {
  self->lit = sentence;
  ax_layer_changed(AX_LAYER(self));
}

void ax_answer_layer_set_threshold(AxAnswerLayer *self, double confidence) {
  self->threshold = confidence;
  ax_layer_changed(AX_LAYER(self));
}

static void ax_answer_layer_finalize(GObject *object) {
  AxAnswerLayer *self = AX_ANSWER_LAYER(object);

  if (self->exchange)
    g_signal_handlers_disconnect_by_data(self->exchange, self);
  g_clear_object(&self->exchange);
  g_ptr_array_unref(self->layouts);
  g_array_unref(self->places);
  G_OBJECT_CLASS(ax_answer_layer_parent_class)->finalize(object);
}

static void ax_answer_layer_class_init(AxAnswerLayerClass *klass) {
  G_OBJECT_CLASS(klass)->finalize = ax_answer_layer_finalize;
  AX_LAYER_CLASS(klass)->snapshot = ax_answer_layer_snapshot;
}

static void ax_answer_layer_init(AxAnswerLayer *self) {
  self->lit = -1;
  self->layouts = g_ptr_array_new_with_free_func(g_object_unref);
  self->places = g_array_new(FALSE, FALSE, sizeof(AxBox));
}

AxAnswerLayer *ax_answer_layer_new(void) { return g_object_new(AX_TYPE_ANSWER_LAYER, NULL); }
