#include "engine/image/box.h"

#include <math.h>

double ax_box_area(AxBox box) {
  double w = box.x2 - box.x1, h = box.y2 - box.y1;
  return w > 0 && h > 0 ? w * h : 0;
}

double ax_box_iou(AxBox a, AxBox b) {
  AxBox both = {fmax(a.x1, b.x1), fmax(a.y1, b.y1), fmin(a.x2, b.x2), fmin(a.y2, b.y2)};
  double intersection = ax_box_area(both);
  double together = ax_box_area(a) + ax_box_area(b) - intersection;
  return together > 0 ? intersection / together : 0;
}

AxBox ax_box_mirror(AxBox box, double width) {
  return (AxBox){width - box.x2, box.y1, width - box.x1, box.y2};
}

static double inside(double v, double limit) {
  return !(v > 0) ? 0 : v > limit ? limit : v;
}

AxBox ax_box_clamp(AxBox box, double width, double height) {
  double x1 = inside(box.x1, width), x2 = inside(box.x2, width);
  double y1 = inside(box.y1, height), y2 = inside(box.y2, height);
  return (AxBox){fmin(x1, x2), fmin(y1, y2), fmax(x1, x2), fmax(y1, y2)};
}
