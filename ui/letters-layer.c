#include "ui/letters-layer.h"

#include "ui/orientation.h"
#include <glib/gi18n-lib.h>

#define MARGIN 8

struct _AxLettersLayer {
  AxLayer parent_instance;
  AxImage *image;
};

G_DEFINE_FINAL_TYPE(AxLettersLayer, ax_letters_layer, AX_TYPE_LAYER)

/* Text whose box lies at the fractions (u, v) of the view, inside the margin. */
static void append_text(GtkSnapshot *snapshot, GtkWidget *widget, AxViewport *viewport, const char *text, double size, double u, double v) {
  g_autoptr(PangoLayout) layout = gtk_widget_create_pango_layout(widget, text);
  PangoAttrList *attributes = pango_attr_list_new();
  int width, height;
  double x, y;

  pango_attr_list_insert(attributes, pango_attr_scale_new(size));
  pango_layout_set_attributes(layout, attributes);
  pango_attr_list_unref(attributes);
  pango_layout_get_pixel_size(layout, &width, &height);
  x = MARGIN + u * (ax_viewport_get_view_width(viewport) - 2 * MARGIN - width);
  y = MARGIN + v * (ax_viewport_get_view_height(viewport) - 2 * MARGIN - height);
  gtk_snapshot_append_color(snapshot, &(GdkRGBA){0, 0, 0, 0.55}, &GRAPHENE_RECT_INIT(x - 4, y - 1, width + 8, height + 2));
  gtk_snapshot_save(snapshot);
  gtk_snapshot_translate(snapshot, &GRAPHENE_POINT_INIT(x, y));
  gtk_snapshot_append_layout(snapshot, layout, &(GdkRGBA){0.97, 0.97, 0.97, 1});
  gtk_snapshot_restore(snapshot);
}

static void ax_letters_layer_snapshot(AxLayer *layer, GtkWidget *widget, AxViewport *viewport, GtkSnapshot *snapshot) {
  AxLettersLayer *self = AX_LETTERS_LAYER(layer);
  AxEdgeLetters letters;

  if (!self->image)
    return;
  if (ax_orientation_letters(viewport, ax_image_get_orientation_row(self->image), ax_image_get_orientation_column(self->image), &letters)) {
    append_text(snapshot, widget, viewport, letters.top, 1.6, 0.5, 0);
    append_text(snapshot, widget, viewport, letters.bottom, 1.6, 0.5, 1);
    append_text(snapshot, widget, viewport, letters.left, 1.6, 0, 0.5);
    append_text(snapshot, widget, viewport, letters.right, 1.6, 1, 0.5);
  }
  if (ax_viewport_get_mirrored(viewport))
    append_text(snapshot, widget, viewport, _("Mirrored view"), 1, 0, 0);
}

void ax_letters_layer_set_image(AxLettersLayer *self, AxImage *image) {
  g_return_if_fail(AX_IS_LETTERS_LAYER(self));
  if (g_set_object(&self->image, image))
    ax_layer_changed(AX_LAYER(self));
}

static void ax_letters_layer_finalize(GObject *object) {
  g_clear_object(&AX_LETTERS_LAYER(object)->image);
  G_OBJECT_CLASS(ax_letters_layer_parent_class)->finalize(object);
}

static void ax_letters_layer_class_init(AxLettersLayerClass *klass) {
  G_OBJECT_CLASS(klass)->finalize = ax_letters_layer_finalize;
  AX_LAYER_CLASS(klass)->snapshot = ax_letters_layer_snapshot;
}

static void ax_letters_layer_init(AxLettersLayer *self) {}

AxLettersLayer *ax_letters_layer_new(void) { return g_object_new(AX_TYPE_LETTERS_LAYER, NULL); }
