/* Tooltips without waiting. What lives here: ax_tooltip_set(). May use GTK. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* gtk_widget_set_tooltip_text() for widgets that are made or changed while the window is in use: it does not ask the display server where the pointer is
 * unless the widget is on screen, and does nothing when the text is the old one. NULL for none. */
void ax_tooltip_set(GtkWidget *widget, const char *text);

G_END_DECLS
