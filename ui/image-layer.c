#include "ui/image-layer.h"

#include <math.h>

/* What the samples were taken for, and what of it the picture was drawn for. While only the grey window changes, the samples stay. */
typedef struct {
  double zoom, x, y, view_width, view_height;
  int rotation, scale;
  gboolean mirrored;
} Place;

typedef struct {
  double center, width;
  gboolean inverted;
} Grey;

struct _AxImageLayer {
  AxLayer parent_instance;
  AxPyramid *pyramid;
  cairo_surface_t *picture; /* of the view's size in device pixels */
  Place place;
  Grey grey;
  AxSampled inside;
  guint16 *samples; /* [height, width] of the view in device pixels */
  guint8 *lut; /* 65,536 levels: too large for a GObject struct */
};

G_DEFINE_FINAL_TYPE(AxImageLayer, ax_image_layer, AX_TYPE_LAYER)

/* Both are compared as bytes, padding too. */
static Place make_place(AxViewport *v, int scale) {
  Place place;

  memset(&place, 0, sizeof place);
  place.zoom = ax_viewport_get_zoom(v);
  place.x = ax_viewport_get_center_x(v);
  place.y = ax_viewport_get_center_y(v);
  place.view_width = ax_viewport_get_view_width(v);
  place.view_height = ax_viewport_get_view_height(v);
  place.rotation = ax_viewport_get_rotation(v);
  place.scale = scale;
  place.mirrored = ax_viewport_get_mirrored(v);
  return place;
}

static Grey make_grey(AxViewport *v) {
  Grey grey;

  memset(&grey, 0, sizeof grey);
  grey.center = ax_viewport_get_window_center(v);
  grey.width = ax_viewport_get_window_width(v);
  grey.inverted = ax_viewport_get_inverted(v);
  return grey;
}

static void draw(AxImageLayer *self, AxViewport *viewport, Place place, Grey grey) {
  int width = (int)ceil(place.view_width * place.scale);
  int height = (int)ceil(place.view_height * place.scale);

  g_clear_pointer(&self->picture, cairo_surface_destroy);
  self->picture = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, width, height);
  if (!self->samples || memcmp(&place, &self->place, sizeof place) != 0) {
    g_free(self->samples);
    self->samples = g_new(guint16, (gsize)width * height);
    self->inside = ax_pyramid_sample(self->pyramid, viewport, place.scale, self->samples, width, height);
  }
  ax_viewport_fill_lut(viewport, ax_pyramid_get_image(self->pyramid), self->lut);
  ax_sampled_look_up(self->inside, self->samples, width, height, self->lut, (guint32 *)(void *)cairo_image_surface_get_data(self->picture),
                     cairo_image_surface_get_stride(self->picture) / sizeof(guint32));
  cairo_surface_mark_dirty(self->picture);
  cairo_surface_set_device_scale(self->picture, place.scale, place.scale);
  self->place = place;
  self->grey = grey;
}

static void ax_image_layer_snapshot(AxLayer *layer, GtkWidget *widget, AxViewport *viewport, GtkSnapshot *snapshot) {
  AxImageLayer *self = AX_IMAGE_LAYER(layer);
  int scale = gtk_widget_get_scale_factor(widget);
  Place place = make_place(viewport, scale);
  Grey grey = make_grey(viewport);
  cairo_t *cr;

  if (!self->pyramid || place.view_width < 1 || place.view_height < 1)
    return;
  if (!self->picture || memcmp(&place, &self->place, sizeof place) != 0 || memcmp(&grey, &self->grey, sizeof grey) != 0)
    draw(self, viewport, place, grey);
  /* A cairo node and not a texture: the software renderer of GTK 4.8 takes every texture through floating point, a third of a frame. */
  cr = gtk_snapshot_append_cairo(snapshot, &GRAPHENE_RECT_INIT(0, 0, ceilf(place.view_width), ceilf(place.view_height)));
  cairo_set_source_surface(cr, self->picture, 0, 0);
  cairo_pattern_set_filter(cairo_get_source(cr), CAIRO_FILTER_NEAREST);
  cairo_paint(cr);
  cairo_destroy(cr);
}

void ax_image_layer_set_pyramid(AxImageLayer *self, AxPyramid *pyramid) {
  g_return_if_fail(AX_IS_IMAGE_LAYER(self));
  if (self->pyramid == pyramid)
    return;
  g_clear_pointer(&self->pyramid, ax_pyramid_unref);
  self->pyramid = pyramid ? ax_pyramid_ref(pyramid) : NULL;
  g_clear_pointer(&self->picture, cairo_surface_destroy);
  g_clear_pointer(&self->samples, g_free);
  ax_layer_changed(AX_LAYER(self));
}

static void ax_image_layer_finalize(GObject *object) {
  AxImageLayer *self = AX_IMAGE_LAYER(object);

  g_clear_pointer(&self->pyramid, ax_pyramid_unref);
  g_clear_pointer(&self->picture, cairo_surface_destroy);
  g_free(self->samples);
  g_free(self->lut);
  G_OBJECT_CLASS(ax_image_layer_parent_class)->finalize(object);
}

static void ax_image_layer_class_init(AxImageLayerClass *klass) {
  G_OBJECT_CLASS(klass)->finalize = ax_image_layer_finalize;
  AX_LAYER_CLASS(klass)->snapshot = ax_image_layer_snapshot;
}

static void ax_image_layer_init(AxImageLayer *self) { self->lut = g_malloc(65536); }

AxImageLayer *ax_image_layer_new(void) { return g_object_new(AX_TYPE_IMAGE_LAYER, NULL); }
