/* How a structure's line looks. What lives here: a small drawing of a structure's colour and dashes, the key to the boxes. May use
 * GTK and ui/box-layer.h. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* A widget that shows the line of the structure. */
GtkWidget *ax_color_swatch_new(guint index);

G_END_DECLS
