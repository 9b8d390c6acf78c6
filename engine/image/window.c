#include "engine/image/image.h"

#include <math.h>

double ax_window_apply(AxWindow window, double value) {
  double c = window.center, w = window.width;
  switch (window.function) {
  case AX_WINDOW_SIGMOID:
    if (!(w > 1e-9)) w = 1e-9;
    return 1 / (1 + exp(-4 * (value - c) / w));
  case AX_WINDOW_LINEAR_EXACT:
    if (!(w > 1e-9)) w = 1e-9;
    if (value <= c - w / 2) return 0;
    if (value > c + w / 2) return 1;
    return (value - c) / w + 0.5;
  case AX_WINDOW_LINEAR:
  default:
    /* A width of 1 is a threshold at c - 0.5; below 1 it has no meaning. */
    if (!(w > 1)) return value <= c - 0.5 ? 0 : 1;
    if (value <= c - 0.5 - (w - 1) / 2) return 0;
    if (value > c - 0.5 + (w - 1) / 2) return 1;
    return (value - (c - 0.5)) / (w - 1) + 0.5;
  }
}

void ax_window_fill_lut(AxWindow window, guint8 *lut) {
  for (int v = 0; v < 65536; v++) lut[v] = (guint8)(ax_window_apply(window, v) * 255 + 0.5);
}
