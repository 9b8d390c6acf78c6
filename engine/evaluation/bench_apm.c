/* See bench_apm.h. */
#include "engine/evaluation/bench_apm.h"
#include "engine/training/apm_loss.h"
#include "kernels/bench.h"
#include <stdlib.h>

static int
ascending (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return x < y ? -1 : x > y;
}

void
ax_bench_apm (AxApm *apm, gboolean bf16, int runs, AxApmBench *result)
{
  const AxDevice *on = ax_apm_parameters (apm)->device;
  g_autoptr (AxTape) tape = ax_tape_new_on (on, FALSE);
  g_autofree double *ms = g_new (double, MAX (runs, 1));
  int size = ax_apm_config (apm)->input_size;
  g_autofree float *pixels = g_new (float, (gsize) size * (gsize) size);
  for (gsize k = 0; k < (gsize) size * (gsize) size; k++)
    pixels[k] = (float) (k % 251) / 250;
  runs = MAX (runs, 1);
  ax_tape_set_bf16 (tape, bf16);
  for (int i = -1; i < runs; i++)
    {
      AxApmOutput out;
      gint64 start = g_get_monotonic_time ();
      ax_tape_reset (tape);
      AxTensor *image = ax_tensor_new (tape, FALSE, 4, (int[]){ 1, size, size, 1 });
      ax_tensor_set (tape, image, pixels);
      ax_apm_forward (apm, tape, image, FALSE, NULL, NULL, &out);
      on->sync ();
      if (i >= 0)
        ms[i] = (double) (g_get_monotonic_time () - start) / 1000;
    }
  qsort (ms, (size_t) runs, sizeof *ms, ascending);
  result->runs = runs;
  result->ms_min = ms[0];
  result->ms_median = runs % 2 ? ms[runs / 2] : (ms[runs / 2 - 1] + ms[runs / 2]) / 2;
  result->gflops = ax_apm_flops (ax_apm_config (apm), size) / result->ms_median / 1e6;
  result->peak_gflops = ax_bench_peak ().gflops;
  result->share = result->gflops / result->peak_gflops;
  result->peak_megabytes = (double) ax_tape_peak_bytes (tape) / 1e6;
}

gboolean
ax_bench_apm_train (AxApm *apm, gboolean bf16, int batch, int runs, AxApmBench *result)
{
  const AxDevice *on = ax_apm_parameters (apm)->device;
  const AxApmConfig *c = ax_apm_config (apm);
  const gsize pixels = (gsize) batch * (gsize) c->input_size * (gsize) c->input_size, boxes = (gsize) batch * (gsize) c->n_objects * 4;
  const gsize labels = (gsize) batch * (gsize) c->n_labels;
  g_autoptr (AxTape) tape = ax_tape_new_on (on, TRUE);
  g_autofree float *grey = g_new (float, pixels), *box = g_new (float, boxes), *label = g_new (float, labels);
  for (gsize i = 0; i < pixels; i++)
    grey[i] = (float) (i % 251) / 250;
  for (gsize i = 0; i < boxes; i++)
    box[i] = 0.2f + 0.01f * (float) (i % 37);
  for (gsize i = 0; i < labels; i++)
    label[i] = i % 3 == 0;
  ax_tape_set_bf16 (tape, bf16);
  on->allow_tf32 (bf16);
  ax_parameters_prepare (ax_apm_parameters (apm), TRUE);
  *result = (AxApmBench){ .ms_min = G_MAXDOUBLE, .runs = runs };
  for (int i = 0; i <= runs; i++)
    {
      AxApmOutput out;
      double l1, giou;
      const gint64 start = g_get_monotonic_time ();
      ax_tape_reset (tape);
      ax_tape_set_training (tape, TRUE, (guint64) i);
      ax_parameters_zero_grad (ax_apm_parameters (apm));
      AxTensor *image = ax_tensor_new (tape, FALSE, 4, (int[]){ batch, c->input_size, c->input_size, 1 });
      ax_tensor_set (tape, image, grey);
      if (!ax_apm_forward (apm, tape, image, FALSE, NULL, NULL, &out))
        return FALSE;
      ax_loss_boxes (tape, out.boxes, box, NULL, 5, 3, &l1, &giou);
      ax_loss_labels (tape, out.image_logits, label, NULL, 2);
      ax_tape_backward (tape);
      ax_parameters_step (ax_apm_parameters (apm), 1e-5, 1e-4, 0.1, i + 1);
      if (!ax_tape_check (tape, NULL))   /* and waits */
        return FALSE;
      if (i > 0)
        result->ms_min = MIN (result->ms_min, (double) (g_get_monotonic_time () - start) / 1000);
    }
  on->allow_tf32 (FALSE);
  result->gflops = batch * ax_apm_training_flops (c, c->input_size) / result->ms_min / 1e6;
  result->peak_megabytes = (double) ax_tape_peak_bytes (tape) / 1e6;
  return TRUE;
}

AxApm *
ax_bench_apm_published (void)
{
  AxApmConfig config = ax_apm_config_default ();
  config.text_dim = 0;
  AxApm *apm = ax_apm_new (&config, NULL);
  ax_apm_init (apm, 1);
  return apm;
}
