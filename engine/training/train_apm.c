/* The training loop of the Anatomy Perception Module. See train_apm.h; validation is in train_validate.c. */
#include "engine/training/train_apm-private.h"
#include "engine/checkpoint/model_folder.h"
#include "engine/model/apm_file.h"
#include "engine/training/apm_loss.h"
#include "engine/training/metrics_file.h"
#include "engine/training/random.h"
#include "engine/training/train_state.h"
#include "kernels/bench.h"
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

static void
run_free (Run *run)
{
  ax_batch_free (run->next);
  ax_batch_free (run->batch);
  ax_tape_free (run->tape);
  ax_apm_free (run->apm);
  ax_parameters_free (run->aux);
  if (run->pictures != run->base)
    ax_pictures_free (run->pictures);
  ax_pictures_free (run->base);
  ax_dataset_free (run->dataset);
  g_clear_pointer (&run->train, g_array_unref);
  g_clear_pointer (&run->validation, g_array_unref);
  ax_text_targets_free (run->text);
  ax_mark_targets_free (run->marks);
  g_clear_pointer (&run->split, ax_split_free);
  if (run->csv)
    fclose (run->csv);
}

/* ---- auxiliary heads: they exist in training only ------------------------------------------------------------------------ */

static void
aux_create (Run *run)
{
  int channels[3], expansion = run->config->model.depth == 50 ? 4 : 1, d = run->config->model.hidden;
  run->aux = ax_parameters_new ();
  for (int i = 0; i < 3; i++)
    {
      g_autofree char *w = g_strdup_printf ("aux.dense%d.weight", i), *b = g_strdup_printf ("aux.dense%d.bias", i);
      channels[i] = (128 << i) * expansion;
      ax_parameters_add (run->aux, w, TRUE, 2, (int[]){ AX_DENSE_CHANNELS, channels[i] });
      ax_parameters_add (run->aux, b, TRUE, 1, (int[]){ AX_DENSE_CHANNELS });
    }
  ax_parameters_add (run->aux, "aux.token.weight", TRUE, 2, (int[]){ 4 * AX_DATASET_N_OBJECTS, d });
  ax_parameters_add (run->aux, "aux.token.bias", TRUE, 1, (int[]){ 4 * AX_DATASET_N_OBJECTS });
  ax_parameters_add (run->aux, "aux.marks.weight", TRUE, 2, (int[]){ AX_MARK_N, d });
  ax_parameters_add (run->aux, "aux.marks.bias", TRUE, 1, (int[]){ AX_MARK_N });
  for (guint i = 0; i < run->aux->list->len; i++)
    {
      AxParameter *p = run->aux->list->pdata[i];
      AxRandom r = ax_random_init (run->config->seed, 0xA0, i);
      for (gsize k = 0; p->t.ndim == 2 && k < p->t.n; k++)
        p->t.data[k] = (float) (ax_random_normal (&r) * 0.02);
    }
}

static AxTensor *
aux_linear (Run *run, AxTensor *x, const char *name)
{
  g_autofree char *w = g_strconcat (name, ".weight", NULL), *b = g_strconcat (name, ".bias", NULL);
  return ax_linear (run->tape, x, &ax_parameters_get (run->aux, w)->t, &ax_parameters_get (run->aux, b)->t, AX_ACT_NONE);
}

/* Masks and finding maps from layers 2, 3 and 4: the backbone learns where the lungs are long before the decoder does. */
static double
dense_losses (Run *run, const AxApmOutput *out)
{
  double sum = 0;
  for (int i = 0; i < 3; i++)
    {
      g_autofree char *name = g_strdup_printf ("aux.dense%d", i);
      AxTensor *logits = aux_linear (run, out->feature[1 + i], name);
      sum += ax_loss_dense (run->tape, logits, run->batch->dense[i], run->batch->dense_weight, run->config->weight_dense);
    }
  return sum;
}

/* Every token of the encoder's memory predicts all 36 boxes, and so does every decoder layer: whatever a query attends to, the answer
 * can be read there, and the queries only have to learn to choose. */
static void
aux_box_losses (Run *run, const AxApmOutput *out)
{
  const AxTrainConfig *c = run->config;
  AxBatch *b = run->batch;
  double l1, giou;
  for (int i = 0; i < out->n_dec; i++)
    ax_loss_boxes (run->tape, out->dec_boxes[i], b->boxes, b->box_mask, c->weight_aux * c->weight_l1, c->weight_aux * c->weight_giou, &l1, &giou);

  gsize n = AX_DATASET_N_OBJECTS;
  int tokens = out->image_embedding->shape[1];
  AxTensor *boxes = ax_sigmoid_op (run->tape, aux_linear (run, out->image_embedding, "aux.token"));
  float *target = ax_tape_host (run->tape, boxes->n * sizeof (float)), *mask = ax_tape_host (run->tape, boxes->n / 4 * sizeof (float));
  for (int k = 0; k < b->batch; k++)
    for (int t = 0; t < tokens; t++)
      {
        memcpy (target + ((gsize) k * tokens + t) * n * 4, b->boxes + k * n * 4, n * 4 * sizeof (float));
        memcpy (mask + ((gsize) k * tokens + t) * n, b->box_mask + k * n, n * sizeof (float));
      }
  ax_loss_boxes (run->tape, boxes, target, mask, c->weight_aux * c->weight_l1, c->weight_aux * c->weight_giou, &l1, &giou);
}

AxTape *
ax_train_tape (const Run *run, gboolean recording)
{
  AxTape *tape = ax_tape_new_on (run->device, recording);
  ax_tape_set_bf16 (tape, run->config->bf16);
  return tape;
}

/* ---- one step ----------------------------------------------------------------------------------------------------------- */

const AxTrainStage *
ax_train_stage_at (const AxTrainConfig *c, gint64 step, gint64 *within)
{
  guint i = 0;
  while (i + 1 < c->n_stages && step >= c->stages[i].steps)
    step -= c->stages[i++].steps;
  if (within)
    *within = step;
  return &c->stages[i];
}

static double
learning_rate (const AxTrainStage *s, gint64 within)
{
  double t = (double) within / (double) s->steps, lr = s->lr_end + (s->lr_start - s->lr_end) * 0.5 * (1 + cos (G_PI * t));
  return within < s->warmup ? lr * (double) (within + 1) / (double) s->warmup : lr;
}

static void
set_backbone_rate (Run *run, double scale)
{
  AxParameters *p = ax_apm_parameters (run->apm);
  for (guint i = 0; i < p->list->len; i++)
    {
      AxParameter *q = p->list->pdata[i];
      if (strstr (q->name, "backbone"))
        q->lr_scale = (float) scale;
    }
}

AxTensor *
ax_train_image_tensor (AxTape *tape, const AxBatch *b)
{
  AxTensor *image = ax_tensor_new (tape, FALSE, 4, (int[]){ b->batch, b->side, b->side, 1 });
  ax_tensor_set (tape, image, b->image);
  return image;
}

static gboolean
step (Run *run, const AxTrainStage *s, gint64 at, gint64 within, double *loss, GError **error)
{
  const AxTrainConfig *c = run->config;
  AxBatch *b = run->batch;
  AxApmOutput out;
  ax_tape_reset (run->tape);
  ax_tape_set_training (run->tape, TRUE, c->seed ^ (guint64) at * 0x9E3779B97F4A7C15u);
  ax_parameters_zero_grad (ax_apm_parameters (run->apm));
  ax_parameters_zero_grad (run->aux);
  set_backbone_rate (run, s->backbone_lr);

  if (!ax_apm_forward (run->apm, run->tape, ax_train_image_tensor (run->tape, b), c->weight_aux > 0, NULL, NULL, &out))
    return ax_tape_check (run->tape, error);   /* a card without memory for it: that is its error */
  Losses *l = &run->losses;
  ax_loss_boxes (run->tape, out.boxes, b->boxes, b->box_mask, c->weight_l1, c->weight_giou, &l->l1, &l->giou);
  l->labels = ax_loss_labels (run->tape, out.image_logits, b->labels, b->label_weight, c->weight_labels);
  l->contrastive = s->weight_contrastive > 0 && run->text ? ax_text_targets_loss (run->text, run->apm, run->tape, &out, b, c->seed, at,
                                                                                  s->weight_contrastive) : 0;
  l->dense = c->weight_dense > 0 ? dense_losses (run, &out) : 0;
  l->marks = l->retrieval = 0;
  if (run->marks && c->weight_marks > 0)
    l->marks = ax_mark_targets_loss (run->marks, run->tape, aux_linear (run, ax_dropout_op (run->tape, out.attended, 0.2f), "aux.marks"), b, c->bag_weight,
                                     c->weight_marks);
  if (run->marks && c->weight_retrieval > 0 && s->weight_contrastive > 0)
    l->retrieval = ax_mark_targets_retrieval (run->marks, run->apm, run->tape, &out, b, c->retrieval_scale, s->finding_weight, c->weight_retrieval);
  if (c->weight_aux > 0)
    aux_box_losses (run, &out);
  ax_tape_backward (run->tape);
  double lr = learning_rate (s, within);
  l->norm = ax_parameters_step (ax_apm_parameters (run->apm), lr, c->decay, c->clip, at + 1);
  ax_parameters_step (run->aux, lr, c->decay, c->clip, at + 1);
  *loss = c->weight_l1 * l->l1 + c->weight_giou * l->giou + c->weight_labels * l->labels + s->weight_contrastive * l->contrastive;
  return ax_tape_check (run->tape, error);
}

/* ---- batches are made beside the step ------------------------------------------------------------------------------------ */

typedef struct { Run *run; const AxTrainStage *stage; gint64 step; } Job;

static gpointer
fill (gpointer data)
{
  Job *j = data;
  ax_batch_fill (j->run->next, j->run->pictures, (const guint *) j->run->train->data, j->run->train->len, &j->stage->augment, j->run->config->seed,
                 (guint64) j->step);
  return NULL;
}

/* A new stage may have another size and batch. */
static void
enter_stage (Run *run, const AxTrainStage *s)
{
  if (run->stage == s)
    return;
  run->stage = s;
  if (run->pictures != run->base)
    ax_pictures_free (run->pictures);
  run->pictures = s->size == run->base->side ? run->base : ax_pictures_shrink (run->base, s->size);
  ax_batch_free (run->batch);
  ax_batch_free (run->next);
  run->batch = ax_batch_new (s->batch, s->size);
  run->next = ax_batch_new (s->batch, s->size);
  ax_tape_free (run->tape);    /* activations of the old size would never be used again */
  run->tape = ax_train_tape (run, TRUE);
}

/* ---- metrics.csv -------------------------------------------------------------------------------------------------------- */

#define CSV_HEAD "step,size,lr,loss_l1,loss_giou,loss_labels,loss_contrastive,loss_dense,grad_norm,val_iou,val_lungs,val_heart,val_sides,val_mirror_iou,val_auroc_opacity,val_auroc_effusion,val_auroc_mean,loss_marks,loss_retrieval,val_named,val_marked\n"

static void
csv_write (Run *run, gint64 at, const AxTrainStage *s, double lr, const Losses *l, const AxValidation *v)
{
  fprintf (run->csv, "%" G_GINT64_FORMAT ",%d,%.3g,%.5f,%.5f,%.5f,%.5f,%.5f,%.4g", at, s->size, lr, l->l1, l->giou, l->labels, l->contrastive,
           l->dense, l->norm);
  if (v)
    fprintf (run->csv, ",%.4f,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f", v->iou, v->lungs, v->heart, v->sides, v->mirror_iou, v->auroc_opacity,
             v->auroc_effusion, v->auroc_mean);
  else
    fprintf (run->csv, ",,,,,,,,");
  fprintf (run->csv, ",%.5f,%.5f", l->marks, l->retrieval);
  if (v)
    fprintf (run->csv, ",%.4f,%.4f\n", v->named, v->marked);
  else
    fprintf (run->csv, ",,\n");
  fflush (run->csv);
}

/* ---- set-up ------------------------------------------------------------------------------------------------------------- */

/* Weights of another model's folder. Its text side is not in the folder and keeps its random start. */
static gboolean
start_from (Run *run, GError **error)
{
  const AxTrainConfig *c = run->config;
  g_autoptr (AxModelFolder) folder = ax_model_folder_open (c->start, error);
  const char *file = folder ? ax_model_folder_get_file (folder, "apm") : NULL;
  JsonObject *shape = file ? ax_json_get_object (ax_model_folder_get_config (folder), "apm", error) : NULL;
  AxApmConfig config;
  if (folder != NULL && file == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s/model.json names no \"apm\" weights", c->start);
  if (shape == NULL || !ax_apm_config_from_json (shape, &config, error))
    return FALSE;
  JsonObject *files = ax_json_get_object (ax_model_folder_get_root (folder), "files", error);
  JsonObject *entry = files ? ax_json_get_object (files, "apm", error) : NULL;
  const char *sum = entry ? ax_json_get_string (entry, "sha256", error) : NULL;
  if (sum == NULL)
    return FALSE;
  if (c->start_sha256 && g_ascii_strcasecmp (sum, c->start_sha256) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s is not the weight file that the configuration starts from: its SHA-256 is %s, not %s",
                   file, sum, c->start_sha256);
      return FALSE;
    }
  config.text_dim = 0;
  g_autoptr (AxApm) from = ax_apm_new (&config, error);
  if (from == NULL || !ax_apm_load (from, file, error))
    return FALSE;
  AxParameters *to = ax_apm_parameters (run->apm);
  for (guint i = 0; i < to->list->len; i++)
    {
      AxParameter *p = to->list->pdata[i], *q = ax_parameters_get (ax_apm_parameters (from), p->name);
      if (q == NULL && g_str_has_prefix (p->name, "text_model."))
        continue;
      if (q == NULL || q->t.n != p->t.n || memcmp (q->t.shape, p->t.shape, sizeof q->t.shape) != 0)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s has another shape than the configuration: %s", c->start, p->name);
          return FALSE;
        }
      memcpy (p->t.data, q->t.data, p->t.n * sizeof (float));
    }
  to->generation++;
  return TRUE;
}

/* Weights of another run, averaged with those that are there if a start was given. The moments begin at zero. */
static gboolean
start_from_run (Run *run, GError **error)
{
  const AxTrainConfig *c = run->config;
  AxParameters *sets[2] = { ax_apm_parameters (run->apm), run->aux }, *to = sets[0];
  g_autoptr (GPtrArray) before = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *state = g_build_filename (c->start_run, "state.safetensors", NULL);
  gint64 step;
  double best;
  for (guint i = 0; i < to->list->len; i++)
    {
      AxParameter *p = to->list->pdata[i];
      g_ptr_array_add (before, g_memdup2 (p->t.data, p->t.n * sizeof (float)));
    }
  if (!ax_train_state_load (state, sets, 2, &step, &best, error))
    return FALSE;
  for (guint s = 0; s < 2; s++)
    for (guint i = 0; i < sets[s]->list->len; i++)
      {
        AxParameter *p = sets[s]->list->pdata[i];
        const float *old = s == 0 && c->start && !g_str_has_prefix (p->name, "text_model.") ? before->pdata[i] : NULL;
        for (gsize k = 0; old && k < p->t.n; k++)
          p->t.data[k] = (float) (old[k] + c->start_share * ((double) p->t.data[k] - old[k]));
        if (p->m)
          {
            memset (p->m, 0, p->t.n * sizeof (float));
            memset (p->v, 0, p->t.n * sizeof (float));
          }
      }
  return TRUE;
}

static gboolean
prepare (Run *run, gint64 *at, GError **error)
{
  const AxTrainConfig *c = run->config;
  if (g_mkdir_with_parents (c->run_dir, 0755) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "The run folder %s cannot be made", c->run_dir);
      return FALSE;
    }
  run->dataset = ax_dataset_load (c->data_dir, error);
  if (run->dataset == NULL || !ax_train_select (run, error))
    return FALSE;
  run->base = ax_pictures_load (run->dataset, c->picture_side, c->run_dir, NULL, NULL, error);
  if (run->base == NULL)
    return FALSE;
  run->pictures = run->base;
  run->apm = ax_apm_new (&c->model, error);
  if (run->apm == NULL)
    return FALSE;
  ax_apm_init (run->apm, c->seed);
  if (c->start && !start_from (run, error))
    return FALSE;
  aux_create (run);
  ax_parameters_prepare (ax_apm_parameters (run->apm), TRUE);
  ax_parameters_prepare (run->aux, TRUE);
  if (c->start_run && !start_from_run (run, error))
    return FALSE;
  if (c->vectors_file && g_file_test (c->vectors_file, G_FILE_TEST_EXISTS))
    {
      run->text = ax_text_targets_load (c->vectors_file, run->dataset, c->sentence_marks, c->model.text_dim, error);
      run->marks = run->text ? ax_mark_targets_new (c->vectors_file, run->dataset, run->split, c->sentence_marks, c->model.text_dim, error) : NULL;
      if (run->marks == NULL)
        return FALSE;
    }
  g_autofree char *state = g_build_filename (c->run_dir, "state.safetensors", NULL), *csv = g_build_filename (c->run_dir, "metrics.csv", NULL);
  run->best = -1;
  *at = 0;
  /* From here on all of it lives where it trains. */
  if (!ax_apm_move (run->apm, run->device, error) || !ax_parameters_move (run->aux, run->device, error))
    return FALSE;
  if (g_file_test (state, G_FILE_TEST_EXISTS) &&
      !ax_train_state_load (state, (AxParameters *[]){ ax_apm_parameters (run->apm), run->aux }, 2, at, &run->best, error))
    return FALSE;
  run->csv = ax_metrics_file_open (csv, CSV_HEAD, *at, error);
  return run->csv != NULL;
}

static gboolean
save (Run *run, gint64 at, GError **error)
{
  g_autofree char *path = g_build_filename (run->config->run_dir, "state.safetensors", NULL);
  return ax_train_state_save (path, (AxParameters *[]){ ax_apm_parameters (run->apm), run->aux }, 2, at, run->best, error);
}

/* Validates; keeps the weights if they are the best so far. */
static gboolean
validate (Run *run, AxValidation *v, GError **error)
{
  if (!ax_train_validate (run, v, error))
    return FALSE;
  if (v->score <= run->best)
    return TRUE;
  run->best = v->score;
  g_autofree char *path = g_build_filename (run->config->run_dir, "best.safetensors", NULL);
  return ax_parameters_save (path, ax_apm_parameters (run->apm), error);
}

gboolean
ax_train_apm (const AxTrainConfig *config, AxTrainProgressFn progress, gpointer user_data, GCancellable *cancellable, GError **error)
{
  Run run = { .config = config, .device = config->device ? config->device : ax_device_cpu () };
  gint64 at, total = 0;
  run.device->allow_tf32 (config->bf16);
  gboolean ok = prepare (&run, &at, error);
  for (guint i = 0; i < config->n_stages; i++)
    total += config->stages[i].steps;
  if (config->stop > 0)
    total = MIN (total, config->stop);
  double peak = ok && run.device->host ? ax_bench_peak ().gflops : 0, val_iou = -1;
  gint64 started = g_get_monotonic_time (), first = at;
  double images = 0, flops = 0;
  gboolean ready = FALSE;

  while (ok && at < total)
    {
      gint64 within;
      const AxTrainStage *s = ax_train_stage_at (config, at, &within);
      if (run.stage != s)
        {
          enter_stage (&run, s);
          ready = FALSE;
        }
      if (!ready)
        fill (&(Job){ &run, s, at });
      AxBatch *swap = run.batch;
      run.batch = run.next;
      run.next = swap;
      Job job = { &run, s, at + 1 };
      gboolean same = at + 1 < total && ax_train_stage_at (config, at + 1, NULL) == s;
      GThread *thread = same ? g_thread_new ("batch", fill, &job) : NULL;
      double loss = 0;
      ok = step (&run, s, at, within, &loss, error);
      if (thread)
        g_thread_join (thread);
      if (!ok)
        break;
      ready = same;
      at++;
      images += s->batch;
      flops += s->batch * ax_apm_training_flops (&config->model, s->size);

      gboolean stop = g_cancellable_is_cancelled (cancellable);
      if (at % config->validate_every == 0 || at == total)
        {
          AxValidation v;
          ok = validate (&run, &v, error);
          if (!ok)
            break;
          val_iou = v.iou;
          csv_write (&run, at, s, learning_rate (s, within), &run.losses, &v);
        }
      else if (at % 25 == 0)
        csv_write (&run, at, s, learning_rate (s, within), &run.losses, NULL);
      if (ok && (at % config->save_every == 0 || at == total || stop))
        ok = save (&run, at, error);
      if (progress)
        {
          double seconds = (double) (g_get_monotonic_time () - started) / 1e6;
          g_autofree char *name = g_strdup_printf ("%d px", s->size);
          AxTrainProgress p = { at, total, seconds, seconds / (double) (at - first) * (double) (total - at), images / seconds, loss, val_iou,
                                peak > 0 ? flops / seconds / 1e9 / peak : 0, name };
          progress (&p, user_data);
        }
      if (ok && stop)
        ok = !g_cancellable_set_error_if_cancelled (cancellable, error);
    }
  if (ok)
    ok = ax_train_plot (config, error);
  run.device->allow_tf32 (FALSE);
  run_free (&run);
  return ok;
}
