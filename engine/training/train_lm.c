/* The training loop of the language part. See train_lm.h. */
#include "engine/training/train_lm.h"
#include "engine/training/dataset.h"
#include "engine/training/lm_model.h"
#include "engine/training/lm_draw.h"
#include "engine/training/lm_report.h"
#include "engine/training/lm_words.h"
#include "engine/training/metrics_file.h"
#include "engine/training/train_state.h"
#include "kernels/bench.h"
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

typedef struct {
  const AxLmTrainConfig *config;
  AxLmStage         stage;
  AxLmSamples      *train, *validation;
  AxLmPerceptions  *perceptions;       /* training pictures first */
  AxLmModel        *model;
  AxGemma          *gemma;             /* of model */
  AxTape           *tape;
  AxLmDraw          draw;
  AxGemmaSampled   *sampled;           /* NULL: the loss over the whole vocabulary */
  GPtrArray        *batches;           /* AxLmBatch, one per picture of a step */
  GPtrArray        *checks;            /* validation batches */
  FILE             *csv;
  double            best, flops, tokens;
  char             *state, *best_file, *metrics, *chart, *adapter;
} Run;

static void
run_clear (Run *run)
{
  g_clear_pointer (&run->batches, g_ptr_array_unref);
  g_clear_pointer (&run->checks, g_ptr_array_unref);
  ax_lm_draw_clear (&run->draw);
  ax_tape_free (run->tape);
  ax_gemma_sampled_free (run->sampled);
  ax_lm_model_free (run->model);
  ax_lm_perceptions_free (run->perceptions);
  ax_lm_samples_free (run->train);
  ax_lm_samples_free (run->validation);
  if (run->csv)
    fclose (run->csv);
  g_free (run->state);
  g_free (run->best_file);
  g_free (run->metrics);
  g_free (run->chart);
  g_free (run->adapter);
}

/* ---- learning ----------------------------------------------------------------------------------------------------------- */

static void
set_rates (Run *run)
{
  AxParameters *p = ax_gemma_parameters (run->gemma);
  for (guint i = 0; i < p->list->len; i++)
    {
      AxParameter *q = p->list->pdata[i];
      if (strstr (q->name, "projectionhead"))
        q->lr_scale = (float) run->config->heads_lr;
      else if (g_str_has_prefix (q->name, "added_"))
        q->lr_scale = (float) run->config->added_lr;
    }
}

/* Hugging Face's linear schedule: up over the warm-up, then straight down. */
static double
learning_rate (const AxLmTrainConfig *c, gint64 at)
{
  double warm = ceil (c->warmup * (double) c->steps);
  if ((double) at < warm)
    return c->lr * (double) (at + 1) / warm;
  return c->lr_end + (c->lr - c->lr_end) * ((double) c->steps - (double) at) / MAX (1, (double) c->steps - warm);
}

/* One optimiser step: draws its pictures, adds up their gradients, moves the weights. The loss is the weighted mean over all targets of the step. */
static gboolean
step (Run *run, gint64 at, double *loss, double *norm, int *targets, GError **error)
{
  const AxLmTrainConfig *c = run->config;
  double total = 0;
  *loss = *targets = 0;
  for (int i = 0; i < c->pictures; i++)
    {
      AxLmBatch *b = run->batches->pdata[i];
      if (!ax_lm_draw_batch (&run->draw, at, i, b, error))
        return FALSE;
      total += ax_lm_batch_weight (b);
      *targets += (int) b->targets->len;
    }
  AxParameters *p = ax_gemma_parameters (run->gemma);
  ax_parameters_zero_grad (p);
  for (int i = 0; i < c->pictures; i++)
    {
      AxLmBatch *b = run->batches->pdata[i];
      ax_lm_batch_scale (b, 1 / total);
      guint64 seed = (c->seed ^ (guint64) (at * c->pictures + i)) * 0x9E3779B97F4A7C15u;
      ax_tape_set_training (run->tape, TRUE, seed);
      double part = ax_lm_batch_run (b, run->gemma, run->tape, run->sampled, seed, NULL, error);
      if (isnan (part))
        {
          if (error && *error == NULL)
            g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "The loss is no number any more at step %" G_GINT64_FORMAT "; lower \"lr\"", at);
          return FALSE;
        }
      *loss += part;
      run->flops += ax_lm_batch_flops (b, ax_gemma_config (run->gemma), run->sampled);
      run->tokens += b->ids->len;
    }
  *norm = ax_parameters_step (p, learning_rate (c, at), c->decay, c->clip, at + 1);
  return TRUE;
}

/* ---- set-up ------------------------------------------------------------------------------------------------------------- */

typedef struct { AxLmProgressFn progress; gpointer user_data; const char *doing; } Report;

static void
on_perceived (guint done, guint of, gpointer user_data)
{
  Report *r = user_data;
  if (r->progress)
    r->progress (&(AxLmProgress){ .doing = "Perceiving the pictures", .step = done, .steps = of, .validation = -1 }, r->user_data);
}

static gboolean
load_data (Run *run, Report *report, GCancellable *cancellable, GError **error)
{
  const AxLmTrainConfig *c = run->config;
  run->train = ax_lm_samples_load ((const char *const *) c->train, c->image_dir, "train", error);
  run->validation = run->train ? ax_lm_samples_load ((const char *const *) c->validation, c->image_dir, "validation", error) : NULL;
  if (run->validation == NULL || !ax_lm_samples_disjoint (run->train, run->validation, error))
    return FALSE;
  g_autoptr (AxModel) model = ax_model_load (c->model_dir, error);
  if (model == NULL)
    return FALSE;
  g_autofree char *cache = g_build_filename (c->run_dir, "perceptions.safetensors", NULL);
  run->perceptions = ax_lm_perceptions_load (model, run->train, run->validation, cache, on_perceived, report, cancellable, error);
  return run->perceptions != NULL;
}

static gboolean
name_findings (Run *run, GError **error)
{
  const AxLmTrainConfig *c = run->config;
  g_autoptr (GPtrArray) labels = g_ptr_array_new_with_free_func (g_free);
  double left[2];
  for (guint l = 0; l < run->perceptions->n_labels; l++)
    g_ptr_array_add (labels, g_ascii_strdown (ax_label_name (l), -1));
  if (!ax_lm_words_name_findings (run->model, run->perceptions->items, run->train->pictures->len, labels->len, (const char *const *) labels->pdata,
                                  c->finding_steps, c->name_lr, c->seed, left, error))
    return FALSE;
  g_info ("findings as words: %.2f of image tokens and %.2f of object tokens left", left[0], left[1]);
  return TRUE;
}

static gboolean
measure_heart (Run *run, GError **error)
{
  const AxLmTrainConfig *c = run->config;
  double left;
  if (!ax_lm_words_measure_heart (run->model, run->perceptions->items, run->train->pictures->len, c->heart_steps, c->name_lr, c->seed, &left, error))
    return FALSE;
  g_info ("the heart's size as words: %.2f left", left);
  return TRUE;
}

static gboolean
prepare (Run *run, gint64 *at, Report *report, GCancellable *cancellable, GError **error)
{
  const AxLmTrainConfig *c = run->config;
  if (g_mkdir_with_parents (c->run_dir, 0755) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "The run folder %s cannot be made", c->run_dir);
      return FALSE;
    }
  run->state = g_build_filename (c->run_dir, "state.safetensors", NULL);
  run->best_file = g_build_filename (c->run_dir, "best.safetensors", NULL);
  run->metrics = g_build_filename (c->run_dir, "metrics.csv", NULL);
  run->chart = g_build_filename (c->run_dir, "metrics.png", NULL);
  run->adapter = g_build_filename (c->run_dir, "adapter.safetensors", NULL);
  if (!load_data (run, report, cancellable, error))
    return FALSE;
  const AxLmPerception *first = &run->perceptions->items[0];
  run->model = ax_lm_model_open (c, run->stage, first->image_dim, first->object_dim, error);
  if (run->model == NULL)
    return FALSE;
  run->gemma = run->model->gemma;
  gboolean resume = g_file_test (run->state, G_FILE_TEST_EXISTS);
  if (c->name_steps > 0 && !resume
      && isnan (ax_lm_words_name_objects (run->model, run->perceptions->items, run->train->pictures->len, c->name_steps, c->name_lr, c->seed, error)))
    return FALSE;
  if (c->finding_steps > 0 && !resume && !name_findings (run, error))
    return FALSE;
  if (c->heart_steps > 0 && !resume && !measure_heart (run, error))
    return FALSE;
  AxGemmaTrain groups = AX_GEMMA_TRAIN_HEADS;
  if (run->stage == AX_LM_INSTRUCT)
    groups |= AX_GEMMA_TRAIN_LORA | (c->vocabulary ? AX_GEMMA_TRAIN_VOCABULARY : AX_GEMMA_TRAIN_ADDED);
  ax_gemma_set_trainable (run->gemma, groups);
  AxParameters *p = ax_gemma_parameters (run->gemma);
  ax_parameters_prepare (p, TRUE);
  set_rates (run);

  ax_lm_draw_init (&run->draw, c, run->validation, run->perceptions->items + run->train->pictures->len, run->model->tokenizer);
  run->checks = ax_lm_draw_validation (&run->draw, c->validation_pictures, c->validation_answers, error);
  ax_lm_draw_clear (&run->draw);
  if (run->checks == NULL)
    return FALSE;
  ax_lm_draw_init (&run->draw, c, run->train, run->perceptions->items, run->model->tokenizer);
  run->batches = g_ptr_array_new_with_free_func ((GDestroyNotify) ax_lm_batch_free);
  for (int i = 0; i < c->pictures; i++)
    g_ptr_array_add (run->batches, ax_lm_batch_new ());
  if (c->sampled > 0)
    {
      g_autoptr (GArray) kept = ax_lm_draw_targets (run->train, run->model->tokenizer);
      run->sampled = ax_gemma_sampled_new (run->gemma, (const gint32 *) kept->data, kept->len, c->sampled);
    }
  run->tape = ax_tape_new_on (ax_gemma_device (run->gemma), TRUE);
  run->best = INFINITY;
  if (resume && !ax_train_state_load (run->state, &p, 1, at, &run->best, error))
    return FALSE;
  g_autofree char *head = ax_lm_csv_head ();
  run->csv = ax_metrics_file_open (run->metrics, head, *at, error);
  return run->csv != NULL;
}

/* ---- the loop ----------------------------------------------------------------------------------------------------------- */

static gboolean
validate (Run *run, AxLmValidation *v, GError **error)
{
  if (!ax_lm_validate (run->gemma, run->checks, v, error))
    return FALSE;
  if (!(v->mean < run->best))
    return TRUE;
  run->best = v->mean;
  return ax_parameters_save (run->best_file, ax_gemma_parameters (run->gemma), error);
}

gboolean
ax_train_lm (const AxLmTrainConfig *config, AxLmStage stage, AxLmProgressFn progress, gpointer user_data, GCancellable *cancellable, GError **error)
{
  Run run = { .config = config, .stage = stage };
  Report report = { progress, user_data, NULL };
  gint64 at = 0;
  if (!prepare (&run, &at, &report, cancellable, error))
    {
      run_clear (&run);
      return FALSE;
    }
  AxParameters *p = ax_gemma_parameters (run.gemma);
  p->device->allow_tf32 (config->store != AX_GEMMA_F32);   /* the base's own products are rounded more */
  double peak = p->device->host ? ax_bench_peak ().gflops : 0, validation = -1;
  gint64 first = at, started = g_get_monotonic_time (), saved = started;
  gboolean ok = TRUE;
  while (ok && at < config->steps)
    {
      double loss, norm, rate = learning_rate (config, at);
      int targets;
      ok = step (&run, at, &loss, &norm, &targets, error);
      if (!ok)
        break;
      at++;
      gboolean stop = g_cancellable_is_cancelled (cancellable);
      if (at % config->validate_every == 0 || at == config->steps)
        {
          AxLmValidation v;
          ok = validate (&run, &v, error);
          if (ok)
            {
              validation = v.mean;
              ax_lm_csv_line (run.csv, at, rate, loss, norm, targets, &v);
            }
        }
      else
        ax_lm_csv_line (run.csv, at, rate, loss, norm, targets, NULL);
      gint64 now = g_get_monotonic_time ();
      if (ok && (at % config->save_every == 0 || at == config->steps || stop || (double) (now - saved) > config->save_minutes * 60e6))
        {
          ok = ax_train_state_save (run.state, &p, 1, at, run.best, error) && ax_lm_model_write (run.model, config->adapter_store, run.adapter, error);
          saved = now;
        }
      if (progress)
        {
          double seconds = (double) (now - started) / 1e6, gflops = run.flops / seconds / 1e9;
          progress (&(AxLmProgress){ .doing = "Training", .step = at, .steps = config->steps, .seconds = seconds,
                                     .seconds_left = seconds / (double) (at - first) * (double) (config->steps - at), .loss = loss,
                                     .validation = validation, .tokens_per_second = run.tokens / seconds, .gflops = gflops,
                                     .peak_share = peak > 0 ? gflops / peak : 0 }, user_data);
        }
      if (ok && stop)
        ok = !g_cancellable_set_error_if_cancelled (cancellable, error);
    }
  ok = ok && ax_lm_plot (run.metrics, run.chart, stage == AX_LM_ALIGN ? "Alignment of the projection heads" : "Training of the language part", error);
  p->device->allow_tf32 (FALSE);
  run_clear (&run);
  return ok;
}
