/* What a canvas draws. What lives here: AxLayer, the base class of everything that lies over each other in an AxCanvas and shares its
 * viewport. A layer is no widget: it adds render nodes to the canvas's snapshot and says when it looks different. May use GTK
 * and ui/viewport.h. */
#pragma once

#include "ui/viewport.h"
#include <gtk/gtk.h>

G_BEGIN_DECLS

#define AX_TYPE_LAYER (ax_layer_get_type())
G_DECLARE_DERIVABLE_TYPE(AxLayer, ax_layer, AX, LAYER, GObject)

struct _AxLayerClass {
  GObjectClass parent_class;
  /* Adds the layer's nodes, in the widget's coordinates. The viewport has the widget's size. */
  void (*snapshot)(AxLayer *self, GtkWidget *widget, AxViewport *viewport, GtkSnapshot *snapshot);
};

void ax_layer_snapshot(AxLayer *self, GtkWidget *widget, AxViewport *viewport, GtkSnapshot *snapshot);

/* For subclasses: emits "changed", on which the canvas draws again. */
void ax_layer_changed(AxLayer *self);

G_END_DECLS
