/* Charts: the files are PNGs with ink where the data are, ticks are round, and odd input (gaps, one value, huge values) is drawn or refused. */
#include "engine/training/plot.h"

#include <cairo.h>
#include <glib/gstdio.h>
#include <math.h>

static char *folder;

static char *chart_path(const char *name) {
  return g_build_filename(folder, name, NULL);
}

/* Number of pixels of the file whose colour is within 8 of (r, g, b), or -1 when it is no PNG. */
static int count_colour(const char *path, int r, int g, int b, int *width, int *height) {
  cairo_surface_t *s = cairo_image_surface_create_from_png(path);
  if (cairo_surface_status(s) != CAIRO_STATUS_SUCCESS) {
    cairo_surface_destroy(s);
    return -1;
  }
  int n = 0;
  *width = cairo_image_surface_get_width(s), *height = cairo_image_surface_get_height(s);
  for (int y = 0; y < *height; y++) {
    const guint32 *row = (const guint32 *) (cairo_image_surface_get_data(s) + (gsize) y * cairo_image_surface_get_stride(s));
    for (int x = 0; x < *width; x++)
      n += ABS((int) (row[x] >> 16 & 255) - r) <= 8 && ABS((int) (row[x] >> 8 & 255) - g) <= 8 && ABS((int) (row[x] & 255) - b) <= 8;
  }
  cairo_surface_destroy(s);
  return n;
}

static void test_ticks(void) {
  g_assert_cmpfloat_with_epsilon(ax_plot_tick_step(0, 1, 5), 0.2, 1e-12);
  g_assert_cmpfloat_with_epsilon(ax_plot_tick_step(0, 60000, 6), 10000, 1e-6);
  g_assert_cmpfloat_with_epsilon(ax_plot_tick_step(0, 0.37, 6), 0.1, 1e-12);
  g_assert_cmpfloat_with_epsilon(ax_plot_tick_step(-3, 9, 6), 2, 1e-12);
  g_assert_cmpfloat(ax_plot_tick_step(2, 2, 6), >, 0);
  g_assert_cmpfloat(ax_plot_tick_step(0, INFINITY, 6), >, 0);
}

static void test_lines(void) {
  enum { N = 200 };
  double x[N], total[N], box[N], contrast[N], iou[N / 10], auroc[N / 10], xs[N / 10];
  for (int i = 0; i < N; i++) {
    x[i] = 100.0 * i;
    total[i] = 9 * exp(-i / 40.0) + 1.2 + 0.1 * sin(i * 1.7);
    box[i] = 4 * exp(-i / 30.0) + 0.3;
    contrast[i] = i == 50 ? NAN : 2 - i / 150.0;
  }
  for (int i = 0; i < N / 10; i++) {
    xs[i] = 1000.0 * i;
    iou[i] = 0.8 * (1 - exp(-i / 5.0));
    auroc[i] = i == 0 ? NAN : 0.5 + 0.3 * (1 - exp(-i / 8.0));
  }
  const AxPlotSeries series[] = {
    {"total", N, x, total, 0, "loss"},
    {"box", N, x, box, 0, NULL},
    {"contrastive", N, x, contrast, 0, NULL},
    {"mean IoU (validation)", N / 10, xs, iou, 1, "share"},
    {"AUROC of lung opacity (validation)", N / 10, xs, auroc, 1, NULL},
    {"side kept on the mirrored image", N / 10, xs, auroc, 1, NULL},
  };
  g_autofree char *path = chart_path("lines.png");
  g_autoptr(GError) error = NULL;
  g_assert_true(ax_plot_lines(path, "Training of the Anatomy Perception Module", "step", series, G_N_ELEMENTS(series), &error));
  g_assert_no_error(error);
  int w, h;
  /* the first series' blue: a line of 1.8 units over 400 units at 1.5 pixels each covers well over 300 pixels */
  g_assert_cmpint(count_colour(path, 0, 115, 179, &w, &h), >, 300);
  g_assert_cmpint(w, ==, 1680);

  /* one panel, one value; and nothing at all */
  const double one_x = 3, one_y = 0.25, huge[3] = {1e300, INFINITY, NAN};
  g_autofree char *small = chart_path("one.png");
  g_assert_true(ax_plot_lines(small, "One value", "step", &(AxPlotSeries){"value", 1, &one_x, &one_y, 0, NULL}, 1, &error));
  g_assert_cmpint(count_colour(small, 0, 115, 179, &w, &h), >, 8);
  g_assert_true(ax_plot_lines(small, "Nothing to draw", "step", &(AxPlotSeries){"value", 3, huge, huge, 0, NULL}, 1, &error));
  g_assert_true(ax_plot_lines(small, "No series", "step", NULL, 0, &error));

  g_assert_false(ax_plot_lines(small, "t", "x", &(AxPlotSeries){"value", 1, &one_x, &one_y, 2, NULL}, 1, &error));
  g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error(&error);
  g_assert_false(ax_plot_lines("/nonexistent/folder/x.png", "t", "x", NULL, 0, &error));
  g_assert_nonnull(error);
}

static void test_bars(void) {
  AxPlotBar bars[36];
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < 36; i++) {
    g_ptr_array_add(names, i == 3 ? g_strdup("Right costophrenic angle of the lung") : g_strdup_printf("Structure %u", i));
    const double v = 0.3 + i / 60.0;
    bars[i] = (AxPlotBar){names->pdata[i], v, v - 0.05, v + 0.03, i % 2 ? 0.5 : NAN, "n = 127"};
  }
  bars[5].value = bars[5].lo = bars[5].hi = NAN;
  g_autofree char *path = chart_path("bars.png");
  g_autoptr(GError) error = NULL;
  g_assert_true(ax_plot_bars(path, "Intersection over union per structure, test patients", "mean IoU (whisker: 95 % interval by patient)", bars, 36, 0.75,
                             "average box of the training set", &error));
  g_assert_no_error(error);
  int w, h;
  const int all = count_colour(path, 0, 115, 179, &w, &h);
  for (guint i = 0; i < 36; i++)
    if (isfinite(bars[i].value)) bars[i].value /= 2, bars[i].lo = bars[i].hi = bars[i].baseline = NAN;
  g_autofree char *half_path = chart_path("bars-half.png");
  g_assert_true(ax_plot_bars(half_path, "Half", "IoU", bars, 36, NAN, NULL, &error));
  const int half = count_colour(half_path, 0, 115, 179, &w, &h);
  g_test_message("blue pixels: %d, of half as long bars %d", all, half);
  /* bars half as long have half the blue; whiskers, ticks and the dashed line hide at most a tenth of the first */
  g_assert_cmpint(half, <, 0.56 * all);
  g_assert_cmpint(half, >, 0.49 * all);
  g_assert_false(ax_plot_bars(path, "t", "v", bars, 0, NAN, NULL, &error));
  g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

static void test_reliability(void) {
  AxPlotBin bins[10];
  for (guint i = 0; i < 10; i++)
    bins[i] = (AxPlotBin){i == 8 ? 0 : 900 >> i, 0.05 + 0.1 * i, CLAMP(0.02 + 0.11 * i, 0, 1)};
  g_autofree char *path = chart_path("reliability.png");
  g_autoptr(GError) error = NULL;
  g_assert_true(ax_plot_reliability(path, "Reliability of the finding probabilities", bins, 10, 0.034, &error));
  g_assert_no_error(error);
  int w, h;
  /* nine dots of radius 6 pixels: 113 each, of which the antialiased rim is lost */
  g_assert_cmpint(count_colour(path, 214, 94, 0, &w, &h), >, 9 * 70);
  g_assert_false(ax_plot_reliability(path, "t", bins, 0, 0, &error));
  g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  /* AX_KEEP keeps the pictures there, to be looked at. */
  const char *keep = g_getenv("AX_KEEP");
  folder = keep != NULL ? g_strdup(keep) : g_dir_make_tmp("ax-plot-XXXXXX", NULL);
  g_test_add_func("/plot/ticks", test_ticks);
  g_test_add_func("/plot/lines", test_lines);
  g_test_add_func("/plot/bars", test_bars);
  g_test_add_func("/plot/reliability", test_reliability);
  const int result = g_test_run();
  if (keep == NULL) {
    static const char *const names[] = {"lines.png", "one.png", "bars.png", "bars-half.png", "reliability.png"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
      g_autofree char *path = chart_path(names[i]);
      g_remove(path);
    }
    g_rmdir(folder);
  }
  g_free(folder);
  return result;
}
