#include "ui/color-swatch.h"

#include "ui/box-layer.h"

static void draw(GtkDrawingArea *area, cairo_t *cr, int width, int height, gpointer data) {
  guint index = GPOINTER_TO_UINT(data);
  double rgb[3], dashes[4];

  ax_anatomy_color(index, rgb);
  cairo_set_dash(cr, dashes, (int)ax_box_layer_get_dashes(ax_anatomy_group(index), dashes), 0);
  cairo_set_source_rgb(cr, rgb[0], rgb[1], rgb[2]);
  cairo_set_line_width(cr, 2.5);
  cairo_rectangle(cr, 2.5, 2.5, width - 5, height - 5);
  cairo_stroke(cr);
}

GtkWidget *ax_color_swatch_new(guint index) {
  GtkWidget *area = g_object_new(GTK_TYPE_DRAWING_AREA, "accessible-role", GTK_ACCESSIBLE_ROLE_PRESENTATION, "valign", GTK_ALIGN_CENTER,
                                 "content-width", 22, "content-height", 18, NULL);

  gtk_drawing_area_set_draw_func(GTK_DRAWING_AREA(area), draw, GUINT_TO_POINTER(index), NULL);
  return area;
}
