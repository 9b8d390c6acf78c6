#include "ui/round-layer.h"

#include "engine/image/label-placement.h"
#include <glib/gi18n-lib.h>
#include <math.h>

#define PADDING 5

typedef struct {
  AxVoice voice;
  AxBox box;
} Item;

struct _AxRoundLayer {
  AxLayer parent_instance;
  GArray *items; /* Item */
};

G_DEFINE_FINAL_TYPE(AxRoundLayer, ax_round_layer, AX_TYPE_LAYER)

/* Sky blue, white, green and orange of the palette of Okabe and Ito, which the colour-blind tell apart; the dashes and labels say the same again. */
static const struct {
  double rgb[3], width;
  int n_dashes;
  double dashes[2];
} styles[AX_N_VOICES] = {
  [AX_VOICE_QUESTION] = {{0.34, 0.71, 0.91}, 3, 2, {12, 6}},
  [AX_VOICE_LEARNER] = {{1, 1, 1}, 7, 0, {0}},
  [AX_VOICE_ACCEPTED] = {{0.0, 0.85, 0.60}, 3, 0, {0}},
  [AX_VOICE_MODEL] = {{0.94, 0.63, 0.13}, 3, 2, {3, 4}},
};

const char *ax_voice_name(AxVoice voice) {
  switch (voice) {
  case AX_VOICE_LEARNER: return C_("whose box", "Yours");
  case AX_VOICE_ACCEPTED: return C_("whose box", "Accepted");
  case AX_VOICE_MODEL: return C_("whose box", "Model");
  case AX_VOICE_QUESTION:
  default: return C_("whose box", "Here?");
  }
}

/* ---- drawing ---- */

static void stroke(cairo_t *cr, double width, const double *rgb, double alpha) {
  cairo_set_line_width(cr, width);
  cairo_set_source_rgba(cr, rgb[0], rgb[1], rgb[2], alpha);
  cairo_stroke_preserve(cr);
}

/* One side as one small node: a node over the whole box would be as large as the box. */
static void append_side(GtkSnapshot *snapshot, AxVoice voice, double x1, double y1, double x2, double y2, AxBox view) {
  static const double black[3];
  double left = MAX(MIN(x1, x2) - 5, view.x1), right = MIN(MAX(x1, x2) + 5, view.x2);
  double top = MAX(MIN(y1, y2) - 5, view.y1), bottom = MIN(MAX(y1, y2) + 5, view.y2);
  cairo_t *cr;

  if (right <= left || bottom <= top)
    return;
  cr = gtk_snapshot_append_cairo(snapshot, &GRAPHENE_RECT_INIT(left, top, right - left, bottom - top));
  cairo_set_line_cap(cr, CAIRO_LINE_CAP_SQUARE);
  cairo_move_to(cr, x1, y1);
  cairo_line_to(cr, x2, y2);
  stroke(cr, styles[voice].width + 2, black, 0.6);
  cairo_set_line_cap(cr, CAIRO_LINE_CAP_BUTT);
  cairo_set_dash(cr, styles[voice].dashes, styles[voice].n_dashes, 0);
  stroke(cr, styles[voice].width, styles[voice].rgb, 1);
  if (voice == AX_VOICE_LEARNER) /* two lines; another voice's box on the same place lies between them */
    stroke(cr, 3, black, 1);
  cairo_destroy(cr);
}

static void append_box(GtkSnapshot *snapshot, AxVoice voice, AxBox box, AxBox view) {
  double x1 = floor(box.x1) + 0.5, y1 = floor(box.y1) + 0.5, x2 = floor(box.x2) + 0.5, y2 = floor(box.y2) + 0.5;

  append_side(snapshot, voice, x1, y1, x2, y1, view);
  append_side(snapshot, voice, x1, y2, x2, y2, view);
  append_side(snapshot, voice, x1, y1, x1, y2, view);
  append_side(snapshot, voice, x2, y1, x2, y2, view);
}

static void append_label(GtkSnapshot *snapshot, PangoLayout *layout, AxVoice voice, AxBox place) {
  const double *rgb = styles[voice].rgb;

  gtk_snapshot_append_color(snapshot, &(GdkRGBA){0.05, 0.05, 0.05, 0.9}, &GRAPHENE_RECT_INIT(place.x1, place.y1, place.x2 - place.x1, place.y2 - place.y1));
  gtk_snapshot_append_color(snapshot, &(GdkRGBA){rgb[0], rgb[1], rgb[2], 1}, &GRAPHENE_RECT_INIT(place.x1, place.y1, 3, place.y2 - place.y1));
  gtk_snapshot_save(snapshot);
  gtk_snapshot_translate(snapshot, &GRAPHENE_POINT_INIT(place.x1 + PADDING + 3, place.y1 + 2));
  gtk_snapshot_append_layout(snapshot, layout, &(GdkRGBA){1, 1, 1, 1});
  gtk_snapshot_restore(snapshot);
}

static void ax_round_layer_snapshot(AxLayer *layer, GtkWidget *widget, AxViewport *viewport, GtkSnapshot *snapshot) {
  AxRoundLayer *self = AX_ROUND_LAYER(layer);
  AxBox view = {0, 0, ax_viewport_get_view_width(viewport), ax_viewport_get_view_height(viewport)};
  guint n = self->items->len;
  g_autofree AxLabel *labels = g_new0(AxLabel, n);
  g_autoptr(GPtrArray) layouts = g_ptr_array_new_with_free_func(g_object_unref);

  for (guint i = 0; i < n; i++) {
    const Item *item = &g_array_index(self->items, Item, i);
    AxBox box = ax_viewport_box_to_view(viewport, item->box);
    PangoLayout *layout = gtk_widget_create_pango_layout(widget, ax_voice_name(item->voice));
    int width, height;

    append_box(snapshot, item->voice, box, view);
    pango_layout_get_pixel_size(layout, &width, &height);
    labels[i] = (AxLabel){.box = box, .width = width + 2 * PADDING + 3, .height = height + 4, .priority = (int)item->voice};
    g_ptr_array_add(layouts, layout);
  }
  ax_labels_place(labels, n, view);
  for (guint i = 0; i < n; i++)
    if (labels[i].placed)
      append_label(snapshot, layouts->pdata[i], g_array_index(self->items, Item, i).voice, labels[i].place);
}

/* ---- state ---- */

void ax_round_layer_clear(AxRoundLayer *self) {
  g_return_if_fail(AX_IS_ROUND_LAYER(self));
  g_array_set_size(self->items, 0);
  ax_layer_changed(AX_LAYER(self));
}

void ax_round_layer_add(AxRoundLayer *self, AxVoice voice, guint n, const AxBox *boxes) {
  g_return_if_fail(AX_IS_ROUND_LAYER(self) && voice < AX_N_VOICES);
  for (guint i = 0; i < n; i++)
    g_array_append_vals(self->items, &(Item){voice, boxes[i]}, 1);
  ax_layer_changed(AX_LAYER(self));
}

guint ax_round_layer_get_n(AxRoundLayer *self, AxVoice voice) {
  guint n = 0;

  for (guint i = 0; i < self->items->len; i++)
    n += g_array_index(self->items, Item, i).voice == voice;
  return n;
}

static void ax_round_layer_finalize(GObject *object) {
  g_array_unref(AX_ROUND_LAYER(object)->items);
  G_OBJECT_CLASS(ax_round_layer_parent_class)->finalize(object);
}

static void ax_round_layer_class_init(AxRoundLayerClass *klass) {
  G_OBJECT_CLASS(klass)->finalize = ax_round_layer_finalize;
  AX_LAYER_CLASS(klass)->snapshot = ax_round_layer_snapshot;
}

static void ax_round_layer_init(AxRoundLayer *self) { self->items = g_array_new(FALSE, FALSE, sizeof(Item)); }

AxRoundLayer *ax_round_layer_new(void) { return g_object_new(AX_TYPE_ROUND_LAYER, NULL); }
