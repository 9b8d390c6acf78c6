/* Validation, metrics.csv and the chart of the language part's training. See lm_report.h. */
#include "engine/training/lm_report.h"
#include "engine/training/plot.h"
#include <math.h>

gboolean
ax_lm_validate (AxGemma *gemma, GPtrArray *batches, AxLmValidation *v, GError **error)
{
  double sum[AX_INSTRUCT_N_TASKS] = { 0 }, sure[AX_INSTRUCT_N_TASKS] = { 0 }, n[AX_INSTRUCT_N_TASKS] = { 0 };
  double whole[AX_INSTRUCT_N_TASKS] = { 0 }, answers[AX_INSTRUCT_N_TASKS] = { 0 };
  g_autoptr (AxTape) tape = ax_tape_new_on (ax_gemma_device (gemma), FALSE);
  for (guint i = 0; i < batches->len; i++)
    {
      const AxLmBatch *b = batches->pdata[i];
      g_autofree float *nll = g_new (float, b->targets->len);
      if (isnan (ax_lm_batch_run (b, gemma, tape, NULL, 0, nll, error)))
        return FALSE;
      for (guint k = 0; k < b->targets->len;)
        {
          guint sample = g_array_index (b->samples, guint, k), task = sample % AX_INSTRUCT_N_TASKS;
          gboolean all = TRUE;
          for (; k < b->targets->len && g_array_index (b->samples, guint, k) == sample; k++)
            {
              gboolean ok = nll[k] < G_LN2;
              sum[task] += nll[k];
              sure[task] += ok;
              n[task]++;
              all &= ok;
            }
          whole[task] += all;
          answers[task]++;
        }
    }
  double mean = 0;
  int tasks = 0;
  for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++)
    {
      v->loss[t] = n[t] > 0 ? sum[t] / n[t] : NAN;
      v->tokens[t] = n[t] > 0 ? sure[t] / n[t] : NAN;
      v->verbatim[t] = answers[t] > 0 ? whole[t] / answers[t] : NAN;
      if (n[t] > 0)
        mean += v->loss[t], tasks++;
    }
  v->mean = tasks ? mean / tasks : NAN;
  return TRUE;
}

/* ---- metrics.csv -------------------------------------------------------------------------------------------------------- */

#define FIRST_FIGURE 6         /* column of the first task's loss */

char *
ax_lm_csv_head (void)
{
  static const char *const kinds[] = { "loss", "tokens", "verbatim" };
  GString *s = g_string_new ("step,lr,loss,grad_norm,targets,val_loss");
  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++)
      {
        g_autofree char *name = g_ascii_strdown (ax_instruct_task_name (t), -1);
        g_string_append_printf (s, ",%s_%s", kinds[k], g_strdelimit (name, " -", '_'));
      }
  g_string_append_c (s, '\n');
  return g_string_free (s, FALSE);
}

static void
figure (FILE *csv, double x)
{
  if (isnan (x))
    fputc (',', csv);
  else
    fprintf (csv, ",%.4f", x);
}

void
ax_lm_csv_line (FILE *csv, gint64 step, double lr, double loss, double norm, int targets, const AxLmValidation *v)
{
  fprintf (csv, "%" G_GINT64_FORMAT ",%.3g,%.4f,%.4g,%d", step, lr, loss, norm, targets);
  figure (csv, v ? v->mean : NAN);
  for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++)
    figure (csv, v ? v->loss[t] : NAN);
  for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++)
    figure (csv, v ? v->tokens[t] : NAN);
  for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++)
    figure (csv, v ? v->verbatim[t] : NAN);
  fputc ('\n', csv);
  fflush (csv);
}

/* ---- the chart ---------------------------------------------------------------------------------------------------------- */

gboolean
ax_lm_plot (const char *csv, const char *png, const char *title, GError **error)
{
  enum { N = 2 + AX_INSTRUCT_N_TASKS };
  g_autofree char *text = NULL;
  AxPlotSeries series[N];
  if (!g_file_get_contents (csv, &text, NULL, error))
    return FALSE;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  guint rows = g_strv_length (lines);
  g_autofree double *x = g_new (double, rows * N), *y = g_new (double, rows * N);
  for (guint k = 0; k < N; k++)
    {
      /* The training loss, the validation loss, and each task's share of right tokens; empty cells are left out so that a line joins the others. */
      guint column = k == 0 ? 2 : k == 1 ? 5 : FIRST_FIGURE + AX_INSTRUCT_N_TASKS + (k - 2), m = 0;
      for (guint i = 1; i < rows; i++)
        {
          g_auto (GStrv) cell = g_strsplit (lines[i], ",", -1);
          if (column >= g_strv_length (cell) || *cell[column] == '\0')
            continue;
          x[k * rows + m] = g_ascii_strtod (cell[0], NULL);
          y[k * rows + m++] = g_ascii_strtod (cell[column], NULL);
        }
      series[k] = (AxPlotSeries){ k == 0 ? "training" : k == 1 ? "validation, mean of tasks" : ax_instruct_task_name (k - 2), m, x + k * rows, y + k * rows,
                                  k < 2 ? 0 : 1, k < 2 ? "loss (nats a token)" : "validation: share of tokens right" };
    }
  return ax_plot_lines (png, title, "step", series, N, error);
}
