#include "ui/tooltip.h"

void ax_tooltip_set(GtkWidget *widget, const char *text) {
  g_return_if_fail(GTK_IS_WIDGET(widget));
  if (g_strcmp0(gtk_widget_get_tooltip_text(widget), text) == 0)
    return;
  /* GTK looks where the pointer is for every widget that is not hidden, on screen or not: on X11 two round trips, and a list that is filled anew sets dozens. */
  if (gtk_widget_get_mapped(widget) || !gtk_widget_get_visible(widget)) {
    gtk_widget_set_tooltip_text(widget, text);
  } else {
    gtk_widget_set_visible(widget, FALSE);
    gtk_widget_set_tooltip_text(widget, text);
    gtk_widget_set_visible(widget, TRUE);
  }
}
