#include "ui/measure.h"

#include <glib/gi18n-lib.h>
#include <math.h>

AxScale ax_scale_new(AxImage *image, double calibration) {
  double row = 1, column = 1, imager_row, imager_column;
  gboolean patient = ax_image_get_pixel_spacing(image, &row, &column);
  gboolean imager = ax_image_get_imager_spacing(image, &imager_row, &imager_column);

  if (calibration > 0)
    return (AxScale){AX_SCALE_CALIBRATED, calibration, calibration * (patient ? row / column : imager ? imager_row / imager_column : 1)};
  /* PixelSpacing alone does not say where it holds; on a projection that is the detector until the contrary is shown. */
  if (patient && imager && (fabs(row - imager_row) > 1e-6 || fabs(column - imager_column) > 1e-6))
    return (AxScale){AX_SCALE_FILE, column, row};
  if (patient)
    return (AxScale){AX_SCALE_DETECTOR, column, row};
  if (imager)
    return (AxScale){AX_SCALE_DETECTOR, imager_column, imager_row};
  return (AxScale){AX_SCALE_PIXELS, 1, 1};
}

double ax_measure_length(AxScale scale, AxPoint a, AxPoint b) { return hypot((b.x - a.x) * scale.x, (b.y - a.y) * scale.y); }

double ax_measure_angle(AxScale scale, AxPoint a, AxPoint vertex, AxPoint b) {
  double ax = (a.x - vertex.x) * scale.x, ay = (a.y - vertex.y) * scale.y;
  double bx = (b.x - vertex.x) * scale.x, by = (b.y - vertex.y) * scale.y;

  if ((ax == 0 && ay == 0) || (bx == 0 && by == 0))
    return 0;
  return fabs(atan2(ax * by - ay * bx, ax * bx + ay * by)) * 180 / G_PI;
}

double ax_measure_calibration(AxImage *image, AxPoint a, AxPoint b, double mm) {
  double length = ax_measure_length(ax_scale_new(image, 1), a, b);

  return length > 0 && mm > 0 && isfinite(mm) ? mm / length : 0;
}

/* ---- statistics ---- */

typedef struct {
  guint64 n, padding, sum, squares; /* 26 bits of pixels times 32 bits of squares: fits */
  guint low, high;                  /* stored values, with a place where each is */
  int low_x, low_y, high_x, high_y;
} Counts;

static inline void count(Counts *counts, AxImage *image, int x, int y) {
  gsize at = (gsize)y * ax_image_get_width(image) + x;
  const guint8 *padding = ax_image_get_padding(image);
  guint value = ax_image_get_pixels(image)[at];

  if (padding && padding[at]) {
    counts->padding++;
    return;
  }
  if (counts->n == 0 || value < counts->low)
    counts->low = value, counts->low_x = x, counts->low_y = y;
  if (counts->n == 0 || value > counts->high)
    counts->high = value, counts->high_x = x, counts->high_y = y;
  counts->n++;
  counts->sum += value;
  counts->squares += (guint64)value * value;
}

gboolean ax_measure_region(AxImage *image, AxScale scale, AxPoint a, AxPoint b, AxRegionStats *stats) {
  double cx = (a.x + b.x) / 2, cy = (a.y + b.y) / 2, rx = fabs(b.x - a.x) / 2, ry = fabs(b.y - a.y) / 2, at_low, at_high, slope, mean, spread;
  int top = (int)MAX(floor(cy - ry), 0), bottom = (int)MIN(ceil(cy + ry), ax_image_get_height(image));
  Counts counts = {0};

  for (int y = top; y < bottom; y++) {
    double v = ry > 0 ? (y + 0.5 - cy) / ry : 2, half = rx * sqrt(MAX(1 - v * v, 0));
    int left = (int)MAX(ceil(cx - half - 0.5), 0), right = (int)MIN(floor(cx + half - 0.5), ax_image_get_width(image) - 1.0);

    if (fabs(v) > 1)
      continue;
    for (int x = left; x <= right; x++)
      count(&counts, image, x, y);
  }
  *stats = (AxRegionStats){.n = (guint)counts.n, .n_padding = (guint)counts.padding};
  if (counts.n == 0)
    return FALSE;
  /* The modality value is a straight line of the stored one: two of its points tell which. */
  at_low = ax_image_get_value(image, counts.low_x, counts.low_y);
  at_high = ax_image_get_value(image, counts.high_x, counts.high_y);
  slope = counts.high > counts.low ? (at_high - at_low) / (counts.high - counts.low) : 0;
  mean = (double)counts.sum / counts.n;
  spread = counts.n > 1 ? ((double)counts.squares - mean * counts.sum) / (counts.n - 1) : 0;
  stats->mean = at_low + slope * (mean - counts.low);
  stats->sd = fabs(slope) * sqrt(MAX(spread, 0));
  stats->min = MIN(at_low, at_high);
  stats->max = MAX(at_low, at_high);
  stats->area = counts.n * scale.x * scale.y;
  return TRUE;
}

/* ---- cardiothoracic ratio ---- */

double ax_measure_ratio(AxScale scale, const AxMark *mark) {
  double heart = ax_measure_length(scale, mark->points[0], mark->points[1]);
  double thorax = ax_measure_length(scale, mark->points[2], mark->points[3]);

  return thorax > 0 ? heart / thorax : 0;
}

static AxBox box_of(const AxPerception *perception, const char *name) {
  AxBox box = perception->anatomy[ax_anatomy_find(name)].box;

  return perception->mirrored ? ax_box_mirror(box, perception->width) : box;
}

AxMark ax_measure_ratio_of(const AxPerception *perception) {
  AxBox heart = box_of(perception, "Heart"), left = box_of(perception, "Left lung"), right = box_of(perception, "Right lung");
  double top = MIN(left.y1, right.y1), bottom = MAX(left.y2, right.y2), y = top + 0.85 * (bottom - top);
  AxMark mark = {.kind = AX_MARK_RATIO};

  mark.points[0] = (AxPoint){heart.x1, (heart.y1 + heart.y2) / 2};
  mark.points[1] = (AxPoint){heart.x2, (heart.y1 + heart.y2) / 2};
  mark.points[2] = (AxPoint){MIN(left.x1, right.x1), y};
  mark.points[3] = (AxPoint){MAX(left.x2, right.x2), y};
  return mark;
}

/* ---- words ---- */

const char *ax_mark_kind_name(AxMarkKind kind) {
  switch (kind) {
  case AX_MARK_LENGTH: return _("Length");
  case AX_MARK_ANGLE: return _("Angle");
  case AX_MARK_REGION: return _("Grey values");
  case AX_MARK_RATIO: return _("Cardiothoracic ratio");
  case AX_MARK_BOX: return _("Region");
  default: return "";
  }
}

static char *length_text(AxScale scale, double length) {
  switch (scale.kind) {
  case AX_SCALE_DETECTOR: return g_strdup_printf(_("%.1f mm at detector"), length);
  case AX_SCALE_FILE: return g_strdup_printf(_("%.1f mm (calibrated in the file)"), length);
  case AX_SCALE_CALIBRATED: return g_strdup_printf(_("%.1f mm (calibrated)"), length);
  case AX_SCALE_PIXELS:
  default: return g_strdup_printf(_("%.0f pixels"), length);
  }
}

static char *area_text(AxScale scale, double area) {
  switch (scale.kind) {
  case AX_SCALE_DETECTOR: return g_strdup_printf(_("%.2f cm² at detector"), area / 100);
  case AX_SCALE_FILE:
  case AX_SCALE_CALIBRATED: return g_strdup_printf(_("%.2f cm²"), area / 100);
  case AX_SCALE_PIXELS:
  default: return g_strdup_printf(_("%.0f pixels²"), area);
  }
}

static char *region_text(AxImage *image, AxScale scale, const AxMark *mark) {
  AxRegionStats stats;
  g_autofree char *area = NULL, *padding = NULL;

  if (!ax_measure_region(image, scale, mark->points[0], mark->points[1], &stats))
    return g_strdup(stats.n_padding ? _("Nothing but padding") : _("No pixel"));
  area = area_text(scale, stats.area);
  if (stats.n_padding)
    padding = g_strdup_printf(_("\n%u pixels of padding left out"), stats.n_padding);
  /* Translators: mean and standard deviation; smallest and largest value; area; note on padding or nothing. */
  return g_strdup_printf(_("mean %.1f ± %.1f\nfrom %.0f to %.0f\n%s%s"), stats.mean, stats.sd, stats.min, stats.max, area, padding ? padding : "");
}

char *ax_mark_text(const AxMark *mark, AxImage *image, double calibration) {
  AxScale scale = ax_scale_new(image, calibration);
  const AxPoint *p = mark->points;

  switch (mark->kind) {
  case AX_MARK_LENGTH: return length_text(scale, ax_measure_length(scale, p[0], p[1]));
  case AX_MARK_ANGLE: return g_strdup_printf(_("%.1f°"), ax_measure_angle(scale, p[0], p[1], p[2]));
  case AX_MARK_REGION: return region_text(image, scale, mark);
  case AX_MARK_RATIO:
    /* Translators: cardiothoracic ratio; then heart and thorax in the unit that follows. */
    return g_strdup_printf(_("CTR %.2f = heart %.0f / thorax %.0f %s"), ax_measure_ratio(scale, mark), ax_measure_length(scale, p[0], p[1]),
                           ax_measure_length(scale, p[2], p[3]), scale.kind == AX_SCALE_PIXELS ? _("pixels") : _("mm"));
  case AX_MARK_BOX:
  default: return g_strdup("");
  }
}
