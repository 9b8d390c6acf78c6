/* The chart of a training run, drawn from its metrics.csv. See train_apm.h. */
#include "engine/training/plot.h"
#include "engine/training/train_apm-private.h"
#include <math.h>

/* Columns of metrics.csv that are drawn, by their place. */
static const struct { int column; const char *name; guint panel; } drawn[] = {
  { 3, "box L1", 0 }, { 4, "box GIoU", 0 }, { 5, "labels", 0 }, { 6, "contrastive", 0 }, { 7, "dense", 0 },
  { 9, "IoU", 1 }, { 10, "IoU lungs", 1 }, { 11, "IoU heart", 1 }, { 12, "sides kept", 1 }, { 13, "mirror IoU", 1 }, { 14, "AUROC opacity", 1 },
  { 15, "AUROC effusion", 1 }, { 17, "marks", 0 }, { 18, "retrieval", 0 }, { 19, "marked and named", 1 }, { 20, "named and marked", 1 },
};

gboolean
ax_train_plot (const AxTrainConfig *config, GError **error)
{
  g_autofree char *csv = g_build_filename (config->run_dir, "metrics.csv", NULL), *png = g_build_filename (config->run_dir, "metrics.png", NULL);
  g_autofree char *text = NULL;
  AxPlotSeries series[G_N_ELEMENTS (drawn)];
  if (!g_file_get_contents (csv, &text, NULL, error))
    return FALSE;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  guint n = 0, rows = g_strv_length (lines);
  g_autofree double *x = g_new (double, rows), *y = g_new (double, rows * G_N_ELEMENTS (drawn));
  for (guint i = 1; i < rows; i++)
    {
      g_auto (GStrv) cell = g_strsplit (lines[i], ",", -1);
      guint cells = g_strv_length (cell);
      if (cells < 9)
        continue;
      x[n] = g_ascii_strtod (cell[0], NULL);
      for (guint k = 0; k < G_N_ELEMENTS (drawn); k++)
        {
          const char *c = (guint) drawn[k].column < cells ? cell[drawn[k].column] : "";
          y[k * rows + n] = *c ? g_ascii_strtod (c, NULL) : NAN;
        }
      n++;
    }
  /* Validations are rare: keep only their rows, so that the line joins them. */
  g_autofree double *xs = g_new (double, rows * G_N_ELEMENTS (drawn)), *ys = g_new (double, rows * G_N_ELEMENTS (drawn));
  for (guint k = 0; k < G_N_ELEMENTS (drawn); k++)
    {
      guint m = 0;
      for (guint i = 0; i < n; i++)
        if (!isnan (y[k * rows + i]))
          {
            xs[k * rows + m] = x[i];
            ys[k * rows + m++] = y[k * rows + i];
          }
      series[k] = (AxPlotSeries){ drawn[k].name, m, xs + k * rows, ys + k * rows, drawn[k].panel, drawn[k].panel ? "validation" : "training loss" };
    }
  return ax_plot_lines (png, "Training of the Anatomy Perception Module", "step", series, G_N_ELEMENTS (drawn), error);
}
