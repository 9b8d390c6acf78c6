/* Whole models on a device, each as time, rate and share of what the device was measured to reach in the same run: bench_models [cuda|cpu] [NAME...]. Shapes are the
 * published model's (ResNet-50 at 1024 x 1024, Gemma 3 4B, a prompt of 2,800 tokens), weights are generated, so that no file is needed; `small` in place of a
 * device's speed checks that the program runs, on shapes of the 270M and the processor. One that fails says so and the rest goes on. */
#include "engine/evaluation/bench_apm.h"
#include "engine/evaluation/bench_lm.h"
#include "kernels/device.h"
#include <math.h>
#include <string.h>

typedef struct {
  const AxDevice *on;
  gboolean        small;
  double          gbs, gflops;   /* a copy, bytes read and written; a product in bfloat16 */
  char          **names;         /* only rows with one of these in their name; empty: all */
  int             failed;
} Bench;

static gboolean
wanted (const Bench *b, const char *name)
{
  for (char **n = b->names; n && *n; n++)
    if (strstr (name, *n))
      return TRUE;
  return b->names == NULL || *b->names == NULL;
}

static void
row (const char *name, double ms, const char *rate, double share, const char *of)
{
  g_print ("%-44s %10.3f ms   %-24s %5.1f %% of %s\n", name, ms, rate, 100 * share, of);
}

static void
fail (Bench *b, const char *name, const char *why)
{
  const char *told = b->on->error ();
  g_print ("%-44s FAILED: %s\n", name, told ? told : why);
  b->failed++;
}

/* ---- what the device can do ------------------------------------------------------------------------------------------------- */

static double
seconds_since (gint64 start)
{
  return (double) (g_get_monotonic_time () - start) / 1e6;
}

static void
measure (Bench *b)
{
  const AxDevice *on = b->on;
  const gsize bytes = (gsize) (b->small ? 16 : 1024) << 20, side = b->small ? 256 : 8192;
  const int rounds = 10;
  void *from = on->alloc (bytes), *to = on->alloc (bytes);
  float *x = on->alloc (side * side * sizeof (float)), *y = on->alloc (side * side * sizeof (float));
  AxQMatrix *m = on->qmatrix_new (AX_Q_BF16, side, side);
  if (!from || !to || !x || !y || !m)
    g_error ("no memory to measure the device with");
  g_autofree float *values = g_new (float, side * side);
  guint32 r = 1;
  for (gsize i = 0; i < side * side; i++)
    values[i] = (float) (gint32) (r = r * 1664525u + 1013904223u) * 0x1p-31f;   /* random: zeros run faster */
  on->upload (x, values, side * side * sizeof (float));
  on->qmatrix_set_rows (m, 0, side, x);
  for (int k = 0; k < 2; k++)
    {
      on->zero (from, bytes);
      on->copy (to, from, bytes);
      on->qmatrix_forward (m, side, x, y);
      on->sync ();
    }
  gint64 start = g_get_monotonic_time ();
  for (int i = 0; i < rounds; i++)
    on->copy (to, from, bytes);
  on->sync ();
  b->gbs = 2e-9 * (double) bytes * rounds / seconds_since (start);
  start = g_get_monotonic_time ();
  for (int i = 0; i < rounds; i++)
    on->qmatrix_forward (m, side, x, y);
  on->sync ();
  b->gflops = 2e-9 * pow ((double) side, 3) * rounds / seconds_since (start);
  on->free (from);
  on->free (to);
  on->free (x);
  on->free (y);
  on->qmatrix_free (m);
  gsize free_bytes, total_bytes;
  on->memory (&free_bytes, &total_bytes);
  g_print ("%s, %.0f GB: copy %.0f GB/s, bfloat16 product of %" G_GSIZE_FORMAT " (its input rounded on the way) %.1f TFLOP/s\n", on->title (), 1e-9 * (double) total_bytes, b->gbs,
           side, b->gflops / 1e3);
}

/* ---- the language model ------------------------------------------------------------------------------------------------------- */

static AxGemma *
generated (Bench *b, const AxGemmaConfig *config, AxGemmaStore store, int rank)
{
  g_autoptr (GError) error = NULL;
  const AxGemmaOptions options = { .store = store, .lora_rank = rank, .device = b->on };
  const AxGemmaSource source = ax_bench_lm_source (config);
  const gint64 start = g_get_monotonic_time ();
  AxGemma *gemma = ax_gemma_new (config, &options, NULL, &source, &error);
  if (gemma == NULL)
    fail (b, "language model", error->message);
  else
    g_print ("language model of %d layers, %.1f GB, made in %.1f s\n", config->layers, 1e-9 * (double) ax_gemma_bytes (gemma), seconds_since (start));
  return gemma;
}

static void
serving (Bench *b, const AxGemmaConfig *config, AxGemmaStore store, const char *kept)
{
  const int prompt = b->small ? 60 : 2800, made = b->small ? 4 : 100, task = b->small ? 8 : 40;
  g_autofree char *decode = g_strdup_printf ("decode, %s, at %d", kept, prompt), *prefill = g_strdup_printf ("prefill of %d, %s", prompt, kept);
  g_autofree char *follow = g_strdup_printf ("task of %d on a kept prefix of %d, %s", task, prompt, kept);
  if (!wanted (b, decode) && !wanted (b, prefill) && !wanted (b, follow))
    return;
  g_autoptr (AxGemma) gemma = generated (b, config, store, 0);
  AxLmBenchRow reading, making;
  if (gemma == NULL)
    return;
  if (ax_bench_lm (gemma, 0, prompt, made, 3, b->gflops, b->gbs, NULL, &reading, &making))
    {
      g_autofree char *tokens = g_strdup_printf ("%.1f tokens/s", making.tokens_per_second), *read = g_strdup_printf ("%.0f tokens/s", reading.tokens_per_second);
      row (decode, 1e3 * making.seconds / made, tokens, making.share, "copy");
      row (prefill, 1e3 * reading.seconds, read, reading.share, "bf16");
    }
  else
    fail (b, decode, "stopped");
  if (ax_bench_lm (gemma, prompt, task, 1, 3, b->gflops, b->gbs, NULL, &reading, &making))
    {
      g_autofree char *read = g_strdup_printf ("%.0f tokens/s", reading.tokens_per_second);
      row (follow, 1e3 * reading.seconds, read, reading.share, "bf16");
    }
  else
    fail (b, follow, "stopped");
}

static void
training (Bench *b, const AxGemmaConfig *config)
{
  const char *name = b->small ? "LoRA step of 80 tokens" : "LoRA step of 2,800 tokens, rank 16";
  AxLmTrainBench t;
  if (!wanted (b, name))
    return;
  g_autoptr (AxGemma) gemma = generated (b, config, AX_GEMMA_BF16, 16);
  if (gemma == NULL)
    return;
  ax_gemma_init (gemma, 1);
  if (!ax_bench_lm_train (gemma, b->small ? 56 : 2560, 6, b->small ? 4 : 40, 2, b->gflops, NULL, &t))
    {
      fail (b, name, "stopped");
      return;
    }
  g_autofree char *rate = g_strdup_printf ("%.1f TFLOP/s", t.gflops / 1e3);
  row (name, 1e3 * t.seconds, rate, t.share, "bf16");
}

/* ---- the Anatomy Perception Module -------------------------------------------------------------------------------------------- */

/* One forward pass and one training step, with products in float32 or in bfloat16. */
static void
perceive (Bench *b, AxApm *apm, gboolean bf16)
{
  const int batch = b->small ? 1 : 16;
  const char *kind = bf16 ? "bf16" : "float32";
  const AxApmConfig *c = ax_apm_config (apm);
  AxApmBench result;
  g_autofree char *forward = g_strdup_printf ("APM ResNet-%d at %d, %s", c->depth, c->input_size, kind);
  g_autofree char *train = g_strdup_printf ("APM training step, batch %d at %d, %s", batch, c->input_size, kind);
  if (wanted (b, forward))
    {
      ax_bench_apm (apm, bf16, b->small ? 2 : 20, &result);
      g_autofree char *rate = g_strdup_printf ("%.2f TFLOP/s", result.gflops / 1e3);
      if (b->on->ok ())
        row (forward, result.ms_median, rate, result.gflops / b->gflops, "bf16");
      else
        fail (b, forward, "");
    }
  if (!wanted (b, train))
    return;
  if (!ax_bench_apm_train (apm, bf16, batch, 2, &result))
    {
      fail (b, train, "stopped");
      return;
    }
  g_autofree char *rate = g_strdup_printf ("%.2f TFLOP/s", result.gflops / 1e3);
  row (train, result.ms_min, rate, result.gflops / b->gflops, "bf16");
}

static void
perception (Bench *b)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxApm) apm = b->small ? NULL : ax_bench_apm_published ();
  if (apm == NULL)
    {
      AxApmConfig config = ax_apm_config_default ();
      config.depth = 18;
      config.input_size = 64;
      config.text_dim = 0;
      apm = ax_apm_new (&config, &error);
      ax_apm_init (apm, 1);
    }
  if (!ax_apm_move (apm, b->on, &error))
    {
      fail (b, "APM", error->message);
      return;
    }
  perceive (b, apm, TRUE);
  if (!b->on->host)            /* the processor has one kind */
    perceive (b, apm, FALSE);
}

int
main (int argc, char **argv)
{
  const char *named = argc > 1 ? argv[1] : "cuda";
  Bench b = { .on = strcmp (named, "cuda") == 0 ? ax_device_cuda () : ax_device_cpu (), .small = strcmp (named, "small") == 0, .names = argc > 2 ? argv + 2 : NULL };
  const char *why = b.on != NULL ? b.on->start () : "this build has no CUDA kernels";
  if (why != NULL)
    {
      g_printerr ("bench_models: %s\n", why);
      return 1;
    }
  AxGemmaConfig config;
  if (!ax_lm_config_named (b.small ? "270m" : "4b", &config))
    return 1;
  if (b.small)
    {
      config.layers = 2;
      config.vocab = 4096;
    }
  measure (&b);
  perception (&b);
  serving (&b, &config, AX_GEMMA_BF16, "bf16");
  serving (&b, &config, AX_GEMMA_QUANTISED, "8 bits");
  training (&b, &config);
  return b.failed > 0;
}
