#include "ui/mark-draw.h"

#include <math.h>

static void add_caliper(cairo_t *cr, AxPoint a, AxPoint b, double cap) {
  double length = hypot(b.x - a.x, b.y - a.y), nx = length > 0 ? -(b.y - a.y) / length * cap : 0, ny = length > 0 ? (b.x - a.x) / length * cap : 0;

  cairo_move_to(cr, a.x, a.y);
  cairo_line_to(cr, b.x, b.y);
  cairo_move_to(cr, a.x - nx, a.y - ny);
  cairo_line_to(cr, a.x + nx, a.y + ny);
  cairo_move_to(cr, b.x - nx, b.y - ny);
  cairo_line_to(cr, b.x + nx, b.y + ny);
}

static void add_path(cairo_t *cr, const AxMark *mark, AxViewport *viewport) {
  AxPoint h[AX_MAX_HANDLES];
  double rx, ry;

  ax_mark_handles(mark, viewport, h);
  switch (mark->kind) {
  case AX_MARK_LENGTH:
    add_caliper(cr, h[0], h[1], 6);
    break;
  case AX_MARK_RATIO:
    add_caliper(cr, h[0], h[1], 9);
    add_caliper(cr, h[2], h[3], 9);
    break;
  case AX_MARK_ANGLE:
    cairo_move_to(cr, h[0].x, h[0].y);
    cairo_line_to(cr, h[1].x, h[1].y);
    cairo_line_to(cr, h[2].x, h[2].y);
    break;
  case AX_MARK_REGION:
    rx = fabs(h[1].x - h[0].x) / 2, ry = fabs(h[1].y - h[0].y) / 2;
    if (rx < 0.5 || ry < 0.5)
      break;
    cairo_save(cr);
    cairo_translate(cr, (h[0].x + h[1].x) / 2, (h[0].y + h[1].y) / 2);
    cairo_scale(cr, rx, ry);
    cairo_new_sub_path(cr);
    cairo_arc(cr, 0, 0, 1, 0, 2 * G_PI);
    cairo_restore(cr);
    break;
  case AX_MARK_BOX:
  default:
    cairo_rectangle(cr, h[0].x, h[0].y, h[1].x - h[0].x, h[1].y - h[0].y);
  }
}

void ax_mark_draw(cairo_t *cr, const AxMark *mark, AxViewport *viewport, double width) {
  add_path(cr, mark, viewport);
  cairo_set_line_width(cr, width + 2);
  cairo_set_source_rgba(cr, 0, 0, 0, 0.7);
  cairo_stroke_preserve(cr);
  cairo_set_line_width(cr, width);
  cairo_set_source_rgb(cr, 1, 1, 1);
  cairo_stroke(cr);
}
