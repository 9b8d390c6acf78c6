/* plot.c: see plot.h. */
#include "engine/training/plot.h"

#include <cairo.h>
#include <math.h>

/* Pictures are laid out in these units and drawn with this many pixels for each, so that text is crisp on dense screens. */
#define PIXELS_PER_UNIT 1.5
#define FONT 12.0
#define FONT_SMALL 10.5
#define FONT_TITLE 16.0
#define LIMIT 1e100 /* beyond this a value is treated as not finite: its range could not be computed */

typedef struct {
  cairo_surface_t *surface;
  cairo_t *cr;
  double width, height;
} Picture;

typedef struct {
  double lo, hi, step;
} Axis;

typedef struct {
  double x, y, w, h;
} Area;

/* Colours of Okabe and Ito, told apart with every common kind of colour vision; yellow is left out as it is too light for a line. */
static const double palette[7][3] = {
  {0.00, 0.45, 0.70}, {0.84, 0.37, 0.00}, {0.00, 0.62, 0.45}, {0.80, 0.47, 0.65}, {0.90, 0.62, 0.00}, {0.34, 0.71, 0.91}, {0.25, 0.25, 0.25},
};
static const double dashes[4][4] = {{0}, {6, 3}, {2, 2}, {8, 3, 2, 3}};
static const int dash_lengths[4] = {0, 2, 2, 4};

static gboolean usable(double v) {
  return isfinite(v) && fabs(v) < LIMIT;
}

/* ---- the picture ---- */

static void picture_begin(Picture *p, double width, double height, const char *title) {
  p->width = width, p->height = height;
  p->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int) ceil(width * PIXELS_PER_UNIT), (int) ceil(height * PIXELS_PER_UNIT));
  p->cr = cairo_create(p->surface);
  cairo_scale(p->cr, PIXELS_PER_UNIT, PIXELS_PER_UNIT);
  cairo_set_source_rgb(p->cr, 1, 1, 1);
  cairo_paint(p->cr);
  cairo_set_source_rgb(p->cr, 0.1, 0.1, 0.1);
  cairo_select_font_face(p->cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
  cairo_set_font_size(p->cr, FONT_TITLE);
  cairo_text_extents_t e;
  cairo_text_extents(p->cr, title, &e);
  if (e.width > MAX(width - 32, 1))
    cairo_set_font_size(p->cr, FONT_TITLE * (width - 32) / e.width);
  cairo_move_to(p->cr, 16, 26);
  cairo_show_text(p->cr, title);
  cairo_select_font_face(p->cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(p->cr, FONT);
}

static cairo_status_t append_bytes(void *closure, const unsigned char *data, unsigned int length) {
  g_byte_array_append(closure, data, length);
  return CAIRO_STATUS_SUCCESS;
}

static gboolean picture_write(Picture *p, const char *path, GError **error) {
  g_autoptr(GByteArray) png = g_byte_array_new();
  cairo_status_t status = cairo_status(p->cr);
  if (status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_write_to_png_stream(p->surface, append_bytes, png);
  cairo_destroy(p->cr);
  cairo_surface_destroy(p->surface);
  if (status != CAIRO_STATUS_SUCCESS) {
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot draw %s: %s", path, cairo_status_to_string(status));
    return FALSE;
  }
  return g_file_set_contents(path, (const char *) png->data, png->len, error);
}

static double text_width(cairo_t *cr, double size, const char *text) {
  cairo_text_extents_t e;
  cairo_set_font_size(cr, size);
  cairo_text_extents(cr, text, &e);
  return e.x_advance;
}

/* align 0: x is the left end of the text, 0.5: its middle, 1: its right end. y is the middle of its x-height. */
static void text_at(cairo_t *cr, double x, double y, double align, double size, const char *text) {
  cairo_move_to(cr, x - align * text_width(cr, size, text), y + size * 0.36);
  cairo_show_text(cr, text);
}

static void text_vertical(cairo_t *cr, double x, double y, const char *text) {
  cairo_save(cr);
  cairo_translate(cr, x, y);
  cairo_rotate(cr, -G_PI / 2);
  text_at(cr, 0, 0, 0.5, FONT, text);
  cairo_restore(cr);
}

static void ink(cairo_t *cr) {
  cairo_set_source_rgb(cr, 0.15, 0.15, 0.15);
}

static void line(cairo_t *cr, double x1, double y1, double x2, double y2) {
  cairo_move_to(cr, x1, y1);
  cairo_line_to(cr, x2, y2);
  cairo_stroke(cr);
}

/* ---- axes ---- */

double ax_plot_tick_step(double lo, double hi, guint target) {
  double range = fabs(hi - lo);
  if (!(range > 0) || !isfinite(range))
    range = 1;
  const double rough = range / MAX(target, 1), power = pow(10, floor(log10(rough)));
  const double lead = rough / power;
  return (lead <= 1.0000001 ? 1 : lead <= 2.0000001 ? 2 : lead <= 5.0000001 ? 5 : 10) * power;
}

/* With round the ends move out to whole ticks. A range without extent is widened, so that it has a scale. */
static Axis axis_new(double lo, double hi, guint target, gboolean round) {
  if (!(lo <= hi))
    lo = 0, hi = 1;
  if (hi - lo <= 1e-9 * MAX(fabs(lo), fabs(hi)) || hi == lo) {
    const double pad = lo == 0 ? 0.5 : fabs(lo) * 0.1;
    lo -= pad, hi += pad;
  }
  Axis a = {lo, hi, ax_plot_tick_step(lo, hi, target)};
  if (round) {
    a.lo = floor(lo / a.step + 1e-9) * a.step;
    a.hi = ceil(hi / a.step - 1e-9) * a.step;
  }
  return a;
}

static double axis_place(const Axis *a, double v) {
  return (v - a->lo) / (a->hi - a->lo);
}

static guint axis_n_ticks(const Axis *a) {
  const double first = ceil(a->lo / a->step - 1e-9), last = floor(a->hi / a->step + 1e-9);
  return last < first ? 0 : (guint) MIN(last - first + 1, 50);
}

static double axis_tick(const Axis *a, guint i) {
  const double v = (ceil(a->lo / a->step - 1e-9) + i) * a->step;
  return fabs(v) < a->step * 1e-6 ? 0 : v;
}

static void axis_label(const Axis *a, double v, char *out, gsize size) {
  const double top = MAX(fabs(a->lo), fabs(a->hi));
  const int decimals = (int) MAX(0, ceil(-log10(a->step) - 1e-9));
  if (top >= 1e7 || decimals > 5)
    g_snprintf(out, size, "%.4g", v);
  else
    g_snprintf(out, size, "%.*f", decimals, v);
}

static double axis_label_width(cairo_t *cr, const Axis *a) {
  double w = 0;
  for (guint i = 0; i < axis_n_ticks(a); i++) {
    char label[48];
    axis_label(a, axis_tick(a, i), label, sizeof label);
    w = MAX(w, text_width(cr, FONT_SMALL, label));
  }
  return w;
}

static void draw_x_axis(cairo_t *cr, Area r, const Axis *a, const char *label, gboolean grid) {
  cairo_set_line_width(cr, 1);
  for (guint i = 0; i < axis_n_ticks(a); i++) {
    const double v = axis_tick(a, i), x = r.x + axis_place(a, v) * r.w;
    char text[48];
    axis_label(a, v, text, sizeof text);
    if (grid) {
      cairo_set_source_rgb(cr, 0.9, 0.9, 0.9);
      line(cr, x, r.y, x, r.y + r.h);
    }
    ink(cr);
    line(cr, x, r.y + r.h, x, r.y + r.h + 4);
    text_at(cr, x, r.y + r.h + 13, 0.5, FONT_SMALL, text);
  }
  ink(cr);
  line(cr, r.x, r.y + r.h, r.x + r.w, r.y + r.h);
  if (label != NULL)
    text_at(cr, r.x + r.w / 2, r.y + r.h + 32, 0.5, FONT, label);
}

static void draw_y_axis(cairo_t *cr, Area r, const Axis *a, const char *label, double label_x) {
  cairo_set_line_width(cr, 1);
  for (guint i = 0; i < axis_n_ticks(a); i++) {
    const double v = axis_tick(a, i), y = r.y + (1 - axis_place(a, v)) * r.h;
    char text[48];
    axis_label(a, v, text, sizeof text);
    cairo_set_source_rgb(cr, 0.9, 0.9, 0.9);
    line(cr, r.x, y, r.x + r.w, y);
    ink(cr);
    line(cr, r.x - 4, y, r.x, y);
    text_at(cr, r.x - 8, y, 1, FONT_SMALL, text);
  }
  ink(cr);
  line(cr, r.x, r.y, r.x, r.y + r.h);
  if (label != NULL)
    text_vertical(cr, label_x, r.y + r.h / 2, label);
}

/* ---- lines ---- */

static void set_series_style(cairo_t *cr, guint i) {
  const double *c = palette[i % 7];
  const guint d = i % 4;
  cairo_set_source_rgb(cr, c[0], c[1], c[2]);
  cairo_set_dash(cr, dashes[d], dash_lengths[d], 0);
  cairo_set_line_width(cr, 1.8);
}

/* The legend in rows of at most `width`; returns their height. Measures only when draw is FALSE. */
static double legend(cairo_t *cr, const AxPlotSeries *series, guint n, guint panel, double x, double y, double width, gboolean draw) {
  const double row = 18, sample = 26, gap = 16;
  double at = 0, down = 0;
  guint k = 0;
  for (guint i = 0; i < n; i++) {
    if (series[i].panel != panel)
      continue;
    const double w = sample + 6 + text_width(cr, FONT_SMALL, series[i].name) + gap;
    if (at > 0 && at + w - gap > width)
      at = 0, down += row;
    if (draw) {
      set_series_style(cr, k);
      line(cr, x + at, y + down + row / 2, x + at + sample, y + down + row / 2);
      cairo_set_dash(cr, NULL, 0, 0);
      ink(cr);
      text_at(cr, x + at + sample + 6, y + down + row / 2, 0, FONT_SMALL, series[i].name);
    }
    at += w;
    k++;
  }
  return k > 0 ? down + row : 0;
}

static void draw_series(cairo_t *cr, Area r, const Axis *ax, const Axis *ay, const AxPlotSeries *s, guint style) {
  set_series_style(cr, style);
  guint run = 0;
  double px = 0, py = 0;
  for (guint i = 0; i <= s->n; i++) {
    const gboolean good = i < s->n && usable(s->x[i]) && usable(s->y[i]);
    if (!good) {
      if (run == 1) { /* a point between two gaps */
        cairo_new_path(cr);
        cairo_arc(cr, px, py, 2, 0, 2 * G_PI);
        cairo_fill(cr);
      }
      run = 0;
      continue;
    }
    px = r.x + axis_place(ax, s->x[i]) * r.w;
    py = r.y + (1 - axis_place(ay, s->y[i])) * r.h;
    if (run++ == 0)
      cairo_move_to(cr, px, py);
    else
      cairo_line_to(cr, px, py);
  }
  cairo_stroke(cr);
  cairo_set_dash(cr, NULL, 0, 0);
}

gboolean ax_plot_lines(const char *path, const char *title, const char *x_label, const AxPlotSeries *series, guint n, GError **error) {
  guint panels = 1;
  double x_lo = INFINITY, x_hi = -INFINITY;
  for (guint i = 0; i < n; i++) {
    if (series[i].panel > 1) {
      g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%s: series %s asks for panel %u of 2", path, series[i].name, series[i].panel);
      return FALSE;
    }
    panels = MAX(panels, series[i].panel + 1);
    for (guint k = 0; k < series[i].n; k++)
      if (usable(series[i].x[k]) && usable(series[i].y[k]))
        x_lo = MIN(x_lo, series[i].x[k]), x_hi = MAX(x_hi, series[i].x[k]);
  }

  const double panel_width = panels == 1 ? 760 : 560, plot_height = 320, top = 44, bottom = 50;
  const double inner = panel_width - 96; /* what labels and ticks leave, for the legend */
  Picture p;
  Picture measure;
  picture_begin(&measure, 4, 4, "");
  double legend_height = 0;
  for (guint k = 0; k < panels; k++)
    legend_height = MAX(legend_height, legend(measure.cr, series, n, k, 0, 0, inner, FALSE));
  cairo_destroy(measure.cr);
  cairo_surface_destroy(measure.surface);

  picture_begin(&p, panel_width * panels, top + legend_height + 8 + plot_height + bottom, title);
  const Axis ax = axis_new(x_lo, x_hi, 6, FALSE);
  for (guint k = 0; k < panels; k++) {
    double y_lo = INFINITY, y_hi = -INFINITY;
    const char *y_label = NULL;
    for (guint i = 0; i < n; i++) {
      if (series[i].panel != k)
        continue;
      if (y_label == NULL)
        y_label = series[i].y_label;
      for (guint j = 0; j < series[i].n; j++)
        if (usable(series[i].x[j]) && usable(series[i].y[j]))
          y_lo = MIN(y_lo, series[i].y[j]), y_hi = MAX(y_hi, series[i].y[j]);
    }
    const Axis ay = axis_new(y_lo, y_hi, 6, TRUE);
    const double left = panel_width * k, margin = MIN(36 + axis_label_width(p.cr, &ay) + 8, panel_width / 2);
    const Area r = {left + margin, top + legend_height + 8, panel_width - margin - 24, plot_height};
    draw_x_axis(p.cr, r, &ax, x_label, TRUE);
    draw_y_axis(p.cr, r, &ay, y_label, left + 18);
    legend(p.cr, series, n, k, r.x, top, inner, TRUE);
    for (guint i = 0, style = 0; i < n; i++)
      if (series[i].panel == k)
        draw_series(p.cr, r, &ax, &ay, &series[i], style++);
  }
  return picture_write(&p, path, error);
}

/* ---- bars ---- */

gboolean ax_plot_bars(const char *path, const char *title, const char *value_label, const AxPlotBar *bars, guint n, double floor_value,
                      const char *baseline_name, GError **error) {
  if (n < 1 || n > 200) {
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%s: %u bars (1 to 200 can be drawn)", path, n);
    return FALSE;
  }
  Picture measure;
  picture_begin(&measure, 4, 4, "");
  double names = 0, notes = 0, hi = 1;
  for (guint i = 0; i < n; i++) {
    names = MAX(names, text_width(measure.cr, FONT, bars[i].name));
    if (bars[i].note != NULL)
      notes = MAX(notes, text_width(measure.cr, FONT_SMALL, bars[i].note));
    if (usable(bars[i].value))
      hi = MAX(hi, bars[i].value);
    if (usable(bars[i].hi))
      hi = MAX(hi, bars[i].hi);
  }
  const double value_width = text_width(measure.cr, FONT, "not measured");
  cairo_destroy(measure.cr);
  cairo_surface_destroy(measure.surface);

  const double row = 21, left = 16 + names + 12, plot_width = 420;
  const gboolean keys = isfinite(floor_value) || baseline_name != NULL;
  const double top = keys ? 64 : 44;
  Picture p;
  picture_begin(&p, left + plot_width + 12 + value_width + 10 + notes + 16, top + row * n + 52, title);
  cairo_t *cr = p.cr;
  const Area r = {left, top, plot_width, row * n};
  const Axis a = axis_new(0, hi, 5, TRUE);

  double key_x = 16;
  if (isfinite(floor_value)) {
    g_autofree char *text = g_strdup_printf("dashed line: %.2f", floor_value);
    ink(cr);
    text_at(cr, key_x, 48, 0, FONT_SMALL, text);
    key_x += text_width(cr, FONT_SMALL, text) + 24;
  }
  if (baseline_name != NULL) {
    cairo_set_source_rgb(cr, 0.84, 0.37, 0);
    cairo_set_line_width(cr, 3);
    line(cr, key_x + 2, 41, key_x + 2, 55);
    ink(cr);
    text_at(cr, key_x + 10, 48, 0, FONT_SMALL, baseline_name);
  }
  draw_x_axis(cr, r, &a, value_label, TRUE);
  for (guint i = 0; i < n; i++) {
    const double mid = r.y + row * (i + 0.5), half = row * 0.34;
    ink(cr);
    text_at(cr, r.x - 10, mid, 1, FONT, bars[i].name);
    char value[48] = "not measured";
    if (usable(bars[i].value)) {
      g_snprintf(value, sizeof value, "%.3f", bars[i].value);
      cairo_set_source_rgb(cr, palette[0][0], palette[0][1], palette[0][2]);
      cairo_rectangle(cr, r.x, mid - half, axis_place(&a, MAX(bars[i].value, 0)) * r.w, 2 * half);
      cairo_fill(cr);
    }
    ink(cr);
    if (usable(bars[i].lo) && usable(bars[i].hi)) {
      const double x1 = r.x + axis_place(&a, MAX(bars[i].lo, 0)) * r.w, x2 = r.x + axis_place(&a, MAX(bars[i].hi, 0)) * r.w;
      cairo_set_line_width(cr, 1.2);
      line(cr, x1, mid, x2, mid);
      line(cr, x1, mid - 3, x1, mid + 3);
      line(cr, x2, mid - 3, x2, mid + 3);
    }
    text_at(cr, r.x + r.w + 12, mid, 0, FONT, value);
    if (bars[i].note != NULL) {
      cairo_set_source_rgb(cr, 0.4, 0.4, 0.4);
      text_at(cr, r.x + r.w + 12 + value_width + 10, mid, 0, FONT_SMALL, bars[i].note);
    }
    if (usable(bars[i].baseline)) {
      const double x = r.x + axis_place(&a, MAX(bars[i].baseline, 0)) * r.w;
      cairo_set_source_rgb(cr, 0.84, 0.37, 0);
      cairo_set_line_width(cr, 3);
      line(cr, x, mid - half - 1, x, mid + half + 1);
    }
  }
  ink(cr);
  cairo_set_line_width(cr, 1);
  line(cr, r.x, r.y, r.x, r.y + r.h);
  if (isfinite(floor_value) && floor_value >= 0 && floor_value <= a.hi) {
    const double x = r.x + axis_place(&a, floor_value) * r.w;
    const double dash[2] = {5, 3};
    cairo_set_dash(cr, dash, 2, 0);
    line(cr, x, r.y, x, r.y + r.h);
    cairo_set_dash(cr, NULL, 0, 0);
  }
  return picture_write(&p, path, error);
}

/* ---- reliability ---- */

gboolean ax_plot_reliability(const char *path, const char *title, const AxPlotBin *bins, guint n, double calibration_error, GError **error) {
  if (n < 1 || n > 100) {
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%s: %u bins (1 to 100 can be drawn)", path, n);
    return FALSE;
  }
  guint most = 1, total = 0;
  for (guint i = 0; i < n; i++)
    most = MAX(most, bins[i].n), total += bins[i].n;

  Picture p;
  picture_begin(&p, 500, 640, title);
  cairo_t *cr = p.cr;
  const Axis unit = {0, 1, 0.2};
  const Area r = {78, 72, 388, 388};
  g_autofree char *text = g_strdup_printf("expected calibration error %.3f, %u predictions; dots: mean prediction of each bin", calibration_error, total);
  ink(cr);
  text_at(cr, 16, 48, 0, FONT_SMALL, text);
  draw_x_axis(cr, r, &unit, NULL, TRUE);
  draw_y_axis(cr, r, &unit, "share that came true", 20);
  for (guint i = 0; i < n; i++) {
    if (bins[i].n == 0 || !usable(bins[i].observed))
      continue;
    const double h = CLAMP(bins[i].observed, 0, 1) * r.h, w = r.w / n;
    cairo_rectangle(cr, r.x + w * i + 1, r.y + r.h - h, w - 2, h);
    cairo_set_source_rgba(cr, palette[0][0], palette[0][1], palette[0][2], 0.55);
    cairo_fill(cr);
  }
  const double dash[2] = {5, 3};
  ink(cr);
  cairo_set_line_width(cr, 1.2);
  cairo_set_dash(cr, dash, 2, 0);
  line(cr, r.x, r.y + r.h, r.x + r.w, r.y);
  cairo_set_dash(cr, NULL, 0, 0);
  for (guint i = 0; i < n; i++) {
    if (bins[i].n == 0 || !usable(bins[i].observed) || !usable(bins[i].predicted))
      continue;
    cairo_arc(cr, r.x + CLAMP(bins[i].predicted, 0, 1) * r.w, r.y + (1 - CLAMP(bins[i].observed, 0, 1)) * r.h, 4, 0, 2 * G_PI);
    cairo_set_source_rgb(cr, 0.84, 0.37, 0);
    cairo_fill(cr);
  }

  const Area c = {r.x, 508, r.w, 72};
  draw_x_axis(cr, c, &unit, "predicted probability", FALSE);
  text_vertical(cr, 20, c.y + c.h / 2, "count");
  for (guint i = 0; i < n; i++) {
    if (bins[i].n == 0)
      continue;
    const double w = c.w / n, h = c.h * log1p(bins[i].n) / log1p(most);
    cairo_set_source_rgb(cr, 0.6, 0.6, 0.6);
    cairo_rectangle(cr, c.x + w * i + 1, c.y + c.h - h, w - 2, h);
    cairo_fill(cr);
    if (w >= 26) {
      char count[16];
      g_snprintf(count, sizeof count, "%u", bins[i].n);
      ink(cr);
      text_at(cr, c.x + w * (i + 0.5), c.y + c.h - h - 8, 0.5, FONT_SMALL, count);
    }
  }
  return picture_write(&p, path, error);
}
