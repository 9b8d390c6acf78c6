/* See bench_apm.h. */
#include "engine/evaluation/bench_apm.h"
#include "kernels/bench.h"
#include <stdlib.h>

static int
ascending (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return x < y ? -1 : x > y;
}

void
ax_bench_apm (AxApm *apm, int runs, AxApmBench *result)
{
  g_autoptr (AxTape) tape = ax_tape_new (FALSE);
  g_autofree double *ms = g_new (double, MAX (runs, 1));
  int size = ax_apm_config (apm)->input_size;
  runs = MAX (runs, 1);
  for (int i = -1; i < runs; i++)
    {
      AxApmOutput out;
      gint64 start = g_get_monotonic_time ();
      ax_tape_reset (tape);
      AxTensor *image = ax_tensor_new (tape, FALSE, 4, (int[]){ 1, size, size, 1 });
      for (gsize k = 0; k < image->n; k++)
        image->data[k] = (float) (k % 251) / 250;
      ax_apm_forward (apm, tape, image, FALSE, NULL, NULL, &out);
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

AxApm *
ax_bench_apm_published (void)
{
  AxApmConfig config = ax_apm_config_default ();
  config.text_dim = 0;
  AxApm *apm = ax_apm_new (&config, NULL);
  ax_apm_init (apm, 1);
  return apm;
}
