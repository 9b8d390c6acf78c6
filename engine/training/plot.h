/* Charts as PNG files, drawn with cairo. What lives here: line plots of a training run (losses, metrics), horizontal bars (one figure per structure or
 * finding) and the reliability diagram of calibrated probabilities. Series are told apart by dash pattern as well as colour; a legend never lies on the
 * data. Files are written whole or not at all. May use GLib and cairo; knows no model and no data set. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct {
  const char *name;    /* in the legend */
  guint n;
  const double *x, *y; /* a value that is not finite leaves a gap */
  guint panel;         /* 0 or 1: the left or the right set of axes */
  const char *y_label; /* may be NULL; the first one of a panel names its y axis, e.g. "loss" */
} AxPlotSeries;

/* Lines over a common x axis in one panel, or in two side by side when any series asks for panel 1. Axes span the data, rounded to whole ticks; a panel
 * without a finite value is drawn empty. Errors: G_IO_ERROR_INVALID_ARGUMENT for a panel above 1, G_IO_ERROR_FAILED from cairo, G_FILE_ERROR. */
gboolean ax_plot_lines(const char *path, const char *title, const char *x_label, const AxPlotSeries *series, guint n, GError **error);

typedef struct {
  const char *name;
  double value;    /* NaN: "not measured" */
  double lo, hi;   /* an interval drawn as a whisker; NaN: none */
  double baseline; /* a figure to compare with, drawn as a tick; NaN: none */
  const char *note; /* small text behind the value, e.g. "n = 127"; may be NULL */
} AxPlotBar;

/* Horizontal bars from 0 to 1 (longer where a value is above 1), top to bottom in the order given. `floor_value` is drawn as a dashed line across all
 * bars, NaN for none; `baseline_name` explains the baseline ticks and may be NULL. Values below 0 are drawn as 0. Errors as above; n is 1 to 200. */
gboolean ax_plot_bars(const char *path, const char *title, const char *value_label, const AxPlotBar *bars, guint n, double floor_value,
                      const char *baseline_name, GError **error);

typedef struct {
  guint n;          /* number of predictions in the bin */
  double predicted; /* their mean predicted probability */
  double observed;  /* the share of them that came true */
} AxPlotBin;

/* Reliability diagram: bin i of n covers predictions in [i/n, (i+1)/n]. Bars are the observed shares, dots sit at the mean prediction, the diagonal is
 * perfect calibration; below, the number of predictions in each bin on a logarithmic scale. Errors as above; n is 1 to 100. */
gboolean ax_plot_reliability(const char *path, const char *title, const AxPlotBin *bins, guint n, double calibration_error, GError **error);

/* Ticks of an axis: the step (1, 2 or 5 times a power of ten) that cuts [lo, hi] into about `target` pieces; > 0 for any finite input. */
double ax_plot_tick_step(double lo, double hi, guint target);

G_END_DECLS
