#include "ui/presets.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#define MOST_SAMPLES 250000

typedef struct {
  guint32 *counts; /* [65536] */
  guint64 total;
} Histogram;

static void preset_clear(gpointer data) { g_free(((AxPreset *)data)->name); }

static void add(GArray *presets, const char *name, double center, double width) {
  AxPreset preset = {g_strdup(name), center, MAX(width, 1)};

  if (presets->len < AX_MAX_PRESETS)
    g_array_append_val(presets, preset);
  else
    g_free(preset.name);
}

static void count(Histogram *histogram, AxImage *image, AxBox box) {
  int width = ax_image_get_width(image), height = ax_image_get_height(image);
  const guint16 *pixels = ax_image_get_pixels(image);
  const guint8 *padding = ax_image_get_padding(image);
  int x1, y1, x2, y2, step;

  box = ax_box_clamp(box, width, height);
  x1 = (int)box.x1, y1 = (int)box.y1, x2 = (int)ceil(box.x2), y2 = (int)ceil(box.y2);
  step = (int)ceil(sqrt(MAX((double)(x2 - x1) * (y2 - y1) / MOST_SAMPLES, 1)));
  for (int y = y1; y < y2; y += step)
    for (int x = x1; x < x2; x += step) {
      gsize at = (gsize)y * width + x;

      if (padding && padding[at])
        continue;
      histogram->counts[pixels[at]]++;
      histogram->total++;
    }
}

static double percentile(const Histogram *histogram, double percent) {
  double wanted = histogram->total * percent / 100, seen = 0;

  for (int value = 0; value < 65536; value++) {
    seen += histogram->counts[value];
    if (seen >= wanted && seen > 0)
      return value;
  }
  return 65535;
}

static void add_percentiles(GArray *presets, const char *name, const Histogram *histogram, double low, double high) {
  double from = percentile(histogram, low), to = percentile(histogram, high);

  if (histogram->total > 0)
    add(presets, name, (from + to + 1) / 2, to - from + 1);
}

static void add_tissues(GArray *presets, AxImage *image, const AxPerception *perception) {
  static const struct {
    const char *name, *structures[2];
    double low, high; /* of the whole image, while there is no perception */
  } tissues[] = {
    {N_("Lungs"), {"Left lung", "Right lung"}, 5, 65},
    {N_("Mediastinum"), {"Mediastinum"}, 40, 98},
    {N_("Bones"), {"Vertebral column"}, 60, 99.5},
  };
  AxBox all = {0, 0, ax_image_get_width(image), ax_image_get_height(image)};
  g_autofree guint32 *counts = g_new0(guint32, 65536);
  Histogram histogram = {counts, 0};

  if (!perception)
    count(&histogram, image, all);
  for (guint i = 0; i < G_N_ELEMENTS(tissues); i++) {
    if (!perception) {
      add_percentiles(presets, _(tissues[i].name), &histogram, tissues[i].low, tissues[i].high);
      continue;
    }
    memset(counts, 0, 65536 * sizeof *counts);
    histogram.total = 0;
    for (guint k = 0; k < G_N_ELEMENTS(tissues[i].structures) && tissues[i].structures[k]; k++) {
      AxBox box = perception->anatomy[ax_anatomy_find(tissues[i].structures[k])].box;

      count(&histogram, image, perception->mirrored ? ax_box_mirror(box, perception->width) : box);
    }
    add_percentiles(presets, _(tissues[i].name), &histogram, 2, 98);
  }
}

GArray *ax_presets_new(AxImage *image, const AxPerception *perception) {
  GArray *presets = g_array_new(FALSE, FALSE, sizeof(AxPreset));
  AxWindow first = ax_image_get_default_window(image);
  int n = ax_image_get_n_windows(image);

  g_array_set_clear_func(presets, preset_clear);
  add(presets, _("As opened"), first.center, first.width);
  for (int i = 0; i < MIN(n, 4); i++) {
    const char *explanation;
    AxWindow window = ax_image_get_window(image, i, &explanation);

    if (window.center == first.center && window.width == first.width)
      continue;
    add(presets, explanation && explanation[0] && g_utf8_validate(explanation, -1, NULL) ? explanation : _("Of the file"), window.center, window.width);
  }
  add(presets, _("Whole range"), (ax_image_get_max_value(image) + 1) / 2.0, ax_image_get_max_value(image) + 1.0);
  add_tissues(presets, image, perception);
  return presets;
}
