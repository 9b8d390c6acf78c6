/* See bench_lm.h. */
#include "engine/evaluation/bench_lm.h"
#include "engine/model/gemma_generate.h"
#include <math.h>
#include <string.h>

/* ---- generated weights ------------------------------------------------------------------------------------------------------ */

static gboolean
generated_shape (gpointer data, const char *name, gint64 *rows, gint64 *cols)
{
  const AxGemmaConfig *c = data;
  const struct { const char *part; gint64 rows, cols; } table[] = {
    { "q_proj.weight", c->heads * c->head_dim, c->width }, { "k_proj.weight", c->kv_heads * c->head_dim, c->width },
    { "v_proj.weight", c->kv_heads * c->head_dim, c->width }, { "o_proj.weight", c->width, c->heads * c->head_dim },
    { "gate_proj.weight", c->ffn, c->width }, { "up_proj.weight", c->ffn, c->width }, { "down_proj.weight", c->width, c->ffn },
    { "q_norm.weight", 1, c->head_dim }, { "k_norm.weight", 1, c->head_dim }, { "layernorm.weight", 1, c->width },
    { "embed_tokens.weight", c->vocab, c->width }, { "norm.weight", 1, c->width },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (table); i++)
    if (g_str_has_suffix (name, table[i].part) && strstr (name, ".lora_") == NULL)
      {
        *rows = table[i].rows;
        *cols = table[i].cols;
        return TRUE;
      }
  return FALSE;
}

/* Uniform with the variance that keeps the size of what is multiplied; embeddings of size 1 / sqrt(width), so that they are 1 once scaled. */
static void
generated_make (gpointer data, const char *name, gint64 from, gint64 count, gint64 rows, gint64 cols, const AxDevice *on, float *dst)
{
  const float scale = strstr (name, "norm") != NULL ? 0.1f : sqrtf (3.0f / (float) cols);
  on->uniform_rows ((gsize) count, (gsize) cols, g_str_hash (name), (guint32) from, scale, dst);
}

static gboolean
generated_read (gpointer data, const char *name, gint64 from, gint64 count, gint64 rows, gint64 cols, float *dst, GError **error)
{
  generated_make (data, name, from, count, rows, cols, ax_device_cpu (), dst);
  return TRUE;
}

AxGemmaSource
ax_bench_lm_source (const AxGemmaConfig *config)
{
  return (AxGemmaSource){ (gpointer) config, generated_shape, generated_read, generated_make };
}

/* ---- reading and making ------------------------------------------------------------------------------------------------------- */

static gint32
some_token (const AxGemma *gemma, int place)
{
  return 500 + (gint32) ((guint32) place * 7919u % (guint32) (MIN (ax_gemma_config (gemma)->vocab, 200000) - 500));
}

/* Keys seen by rows [depth, depth + n) in a layer of that window. */
static double
pairs (int depth, int n, int window)
{
  double sum = 0;
  for (int r = depth; r < depth + n; r++)
    sum += MIN (r + 1, window);
  return sum;
}

static gboolean
not_cancelled (double done, gpointer cancellable)
{
  return !g_cancellable_is_cancelled (cancellable);
}

gboolean
ax_bench_lm (AxGemma *gemma, int depth, int prompt, int made, int runs, double peak_gflops, double peak_gbs, GCancellable *cancellable,
             AxLmBenchRow *reading, AxLmBenchRow *making)
{
  const AxGemmaConfig *c = ax_gemma_config (gemma);
  const int n = depth + prompt;
  const AxGemmaSampling greedy = ax_gemma_sampling_default ();
  g_autofree gint32 *ids = g_new (gint32, MAX (n, 1));
  g_autoptr (AxGemmaState) state = ax_gemma_state_new (gemma, n + made + 1, NULL);
  if (state == NULL)
    return FALSE;
  *reading = (AxLmBenchRow){ .prompt = prompt, .depth = depth, .seconds = HUGE_VAL };
  *making = (AxLmBenchRow){ .prompt = prompt, .depth = n, .rows = made, .seconds = HUGE_VAL };
  for (int i = 0; i < n; i++)
    ids[i] = some_token (gemma, i);
  for (int run = 0; run < runs; run++)
    {
      ax_gemma_state_rewind (state, 0);
      if (depth > 0 && !ax_gemma_state_prefill (state, &(AxGemmaInput){ .ids = ids, .n = depth }, FALSE, not_cancelled, cancellable, NULL))
        return FALSE;
      gint64 start = g_get_monotonic_time ();
      if (!ax_gemma_state_prefill (state, &(AxGemmaInput){ .ids = ids + depth, .n = prompt }, TRUE, not_cancelled, cancellable, NULL))
        return FALSE;
      reading->seconds = MIN (reading->seconds, (double) (g_get_monotonic_time () - start) / 1e6);
      start = g_get_monotonic_time ();
      for (int i = 0; i < made; i++)
        {
          if (g_cancellable_is_cancelled (cancellable))
            return FALSE;
          /* The real choice is part of the work. */
          ax_gemma_state_step (state, MIN (ax_gemma_choose (state, &greedy, 0, NULL), c->vocab - 1));
        }
      ax_gemma_device (gemma)->sync ();
      making->seconds = MIN (making->seconds, (double) (g_get_monotonic_time () - start) / 1e6);
    }
  const double flops = ax_gemma_flops (c, prompt, pairs (depth, prompt, G_MAXINT), pairs (depth, prompt, c->window), 1);
  reading->tokens_per_second = prompt / reading->seconds;
  reading->share = flops / reading->seconds / 1e9 / peak_gflops;
  if (made > 0)
    {
      double keys = 0;
      for (int i = 0; i < c->layers; i++)
        keys += pairs (n, made, ax_lm_config_is_global (c, i) ? G_MAXINT : c->window) * 2 * c->kv_heads * c->head_dim * 2;
      /* Of a quantised vocabulary the lower halves are read for a few thousand rows alone (ax_lm_head_top()). */
      const double unread = ax_gemma_options (gemma)->store == AX_GEMMA_QUANTISED ? 0.5 * c->vocab * c->width : 0;
      making->tokens_per_second = made / making->seconds;
      making->share = (((double) ax_gemma_bytes (gemma) - unread) * made + keys) / making->seconds / 1e9 / peak_gbs;
    }
  return TRUE;
}

/* ---- training ------------------------------------------------------------------------------------------------------------- */

gboolean
ax_bench_lm_train (AxGemma *gemma, int prefix, int answers, int answer, int runs, double peak_gflops, GCancellable *cancellable, AxLmTrainBench *result)
{
  const AxGemmaConfig *c = ax_gemma_config (gemma);
  const int n = prefix + answers * answer, n_out = answers * answer;
  const AxDevice *on = ax_gemma_device (gemma);
  g_autoptr (AxTape) tape = ax_tape_new_on (on, TRUE);
  g_autofree gint32 *ids = g_new (gint32, n), *targets = g_new (gint32, MAX (n_out, 1));
  g_autofree int *out = g_new (int, MAX (n_out, 1));
  g_autofree AxGemmaStretch *stretches = g_new (AxGemmaStretch, answers + 1);
  stretches[0] = (AxGemmaStretch){ 0, prefix, 0, 0, -1 };
  for (int a = 0; a < answers; a++)
    stretches[a + 1] = (AxGemmaStretch){ prefix + a * answer, answer, 0, prefix, -1 };
  for (int i = 0; i < n; i++)
    ids[i] = some_token (gemma, i);
  for (int i = 0; i < n_out; i++)
    {
      out[i] = prefix + i;
      targets[i] = some_token (gemma, prefix + i + 1);
    }
  ax_gemma_set_trainable (gemma, AX_GEMMA_TRAIN_HEADS | AX_GEMMA_TRAIN_LORA | AX_GEMMA_TRAIN_ADDED);
  ax_parameters_prepare (ax_gemma_parameters (gemma), FALSE);
  result->seconds = HUGE_VAL;
  for (int run = 0; run <= runs; run++)  /* the first makes the memory */
    {
      const gint64 start = g_get_monotonic_time ();
      if (g_cancellable_is_cancelled (cancellable))
        return FALSE;
      ax_tape_reset (tape);
      ax_parameters_zero_grad (ax_gemma_parameters (gemma));
      const AxGemmaBatch batch = { .n = n, .ids = ids, .n_stretches = answers + 1, .stretches = stretches, .out_rows = out, .n_out = n_out };
      AxTensor *hidden = ax_gemma_forward (gemma, tape, &batch, NULL, NULL, NULL);
      if (hidden == NULL)
        return FALSE;
      result->loss = ax_gemma_loss (gemma, tape, hidden, n_out, targets, NULL, NULL, NULL);
      ax_tape_backward (tape);
      if (!ax_tape_check (tape, NULL))         /* and waits */
        return FALSE;
      if (run > 0)
        result->seconds = MIN (result->seconds, (double) (g_get_monotonic_time () - start) / 1e6);
    }
  const double global = pairs (0, prefix, G_MAXINT) + answers * pairs (prefix, answer, G_MAXINT), local = pairs (0, prefix, c->window) + answers * pairs (prefix, answer, c->window);
  result->gflops = ax_gemma_training_flops (c, n, global, local, n_out) / result->seconds / 1e9;
  result->share = result->gflops / peak_gflops;
  result->megabytes = (double) ax_tape_peak_bytes (tape) / 1e6;
  return TRUE;
}
