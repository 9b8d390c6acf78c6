#include "ui/image-layer.h"

#include <math.h>

/* What the kept texture was drawn for. */
typedef struct {
  double zoom, x, y, center, width, view_width, view_height;
  int rotation, scale;
  gboolean mirrored, inverted;
} Key;

struct _AxImageLayer {
  AxLayer parent_instance;
  AxPyramid *pyramid;
  GdkTexture *texture;
  Key key;
  guint8 *lut; /* 65,536 levels: too large for a GObject struct */
};

G_DEFINE_FINAL_TYPE(AxImageLayer, ax_image_layer, AX_TYPE_LAYER)

static Key make_key(AxViewport *v, int scale) {
  Key key;

  memset(&key, 0, sizeof key); /* padding too: keys are compared as bytes */
  key.zoom = ax_viewport_get_zoom(v);
  key.x = ax_viewport_get_center_x(v);
  key.y = ax_viewport_get_center_y(v);
  key.center = ax_viewport_get_window_center(v);
  key.width = ax_viewport_get_window_width(v);
  key.view_width = ax_viewport_get_view_width(v);
  key.view_height = ax_viewport_get_view_height(v);
  key.rotation = ax_viewport_get_rotation(v);
  key.scale = scale;
  key.mirrored = ax_viewport_get_mirrored(v);
  key.inverted = ax_viewport_get_inverted(v);
  return key;
}

static GdkTexture *draw(AxImageLayer *self, AxViewport *viewport, int scale) {
  int width = (int)ceil(ax_viewport_get_view_width(viewport) * scale);
  int height = (int)ceil(ax_viewport_get_view_height(viewport) * scale);
  gsize size = (gsize)width * height * sizeof(guint32);
  guint32 *pixels = g_malloc(size);
  g_autoptr(GBytes) bytes = NULL;

  ax_viewport_fill_lut(viewport, ax_pyramid_get_image(self->pyramid), self->lut);
  ax_pyramid_draw(self->pyramid, viewport, scale, self->lut, pixels, width, height, width);
  bytes = g_bytes_new_take(pixels, size);
  return gdk_memory_texture_new(width, height, GDK_MEMORY_DEFAULT, bytes, (gsize)width * sizeof(guint32));
}

static void ax_image_layer_snapshot(AxLayer *layer, GtkWidget *widget, AxViewport *viewport, GtkSnapshot *snapshot) {
  AxImageLayer *self = AX_IMAGE_LAYER(layer);
  int scale = gtk_widget_get_scale_factor(widget);
  Key key = make_key(viewport, scale);

  if (!self->pyramid || key.view_width < 1 || key.view_height < 1)
    return;
  if (!self->texture || memcmp(&key, &self->key, sizeof key) != 0) {
    g_clear_object(&self->texture);
    self->texture = draw(self, viewport, scale);
    self->key = key;
  }
  gtk_snapshot_append_texture(snapshot, self->texture,
                              &GRAPHENE_RECT_INIT(0, 0, gdk_texture_get_width(self->texture) / (float)scale,
                                                  gdk_texture_get_height(self->texture) / (float)scale));
}

void ax_image_layer_set_pyramid(AxImageLayer *self, AxPyramid *pyramid) {
  g_return_if_fail(AX_IS_IMAGE_LAYER(self));
  if (self->pyramid == pyramid)
    return;
  g_clear_pointer(&self->pyramid, ax_pyramid_unref);
  self->pyramid = pyramid ? ax_pyramid_ref(pyramid) : NULL;
  g_clear_object(&self->texture);
  ax_layer_changed(AX_LAYER(self));
}

static void ax_image_layer_finalize(GObject *object) {
  AxImageLayer *self = AX_IMAGE_LAYER(object);

  g_clear_pointer(&self->pyramid, ax_pyramid_unref);
  g_clear_object(&self->texture);
  g_free(self->lut);
  G_OBJECT_CLASS(ax_image_layer_parent_class)->finalize(object);
}

static void ax_image_layer_class_init(AxImageLayerClass *klass) {
  G_OBJECT_CLASS(klass)->finalize = ax_image_layer_finalize;
  AX_LAYER_CLASS(klass)->snapshot = ax_image_layer_snapshot;
}

static void ax_image_layer_init(AxImageLayer *self) { self->lut = g_malloc(65536); }

AxImageLayer *ax_image_layer_new(void) { return g_object_new(AX_TYPE_IMAGE_LAYER, NULL); }
