/* Validation during training: the figures of the validation patients, plain and mirrored. See train_apm-private.h. */
#include "engine/training/apm_metrics.h"
#include "engine/training/split.h"
#include "engine/training/train_apm-private.h"
#include <math.h>
#include <string.h>

gboolean
ax_train_select (Run *run, GError **error)
{
  AxSplit *split = run->split = ax_split_load (run->config->split_file, error);
  if (split == NULL || !ax_split_check (split, run->dataset, error))
    return FALSE;
  run->train = g_array_new (FALSE, FALSE, sizeof (guint));
  run->validation = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = 0; i < run->dataset->n; i++)
    {
      int part = ax_split_part_of (split, run->dataset->images[i].patient);
      int times = ax_dataset_image_is_read (&run->dataset->images[i]) ? run->config->repeat_read : 1;
      for (int k = 0; part == AX_SPLIT_TRAIN && k < times; k++)
        g_array_append_val (run->train, i);
      if (part == AX_SPLIT_VALIDATION)
        g_array_append_val (run->validation, i);
    }
  if (run->train->len == 0 || run->validation->len == 0)
    {
      g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "%s leaves no images for training or for validation", run->config->split_file);
      return FALSE;
    }
  return TRUE;
}

static gboolean
backbone_only (const char *name, AxTensor *t, gpointer data)
{
  return !g_str_equal (name, "layer4");
}

/* Running statistics lag behind fast weights: take the mean over a number of augmented training batches instead. */
#define RECALIBRATION_BATCHES 12

static void
recalibrate (Run *run, AxTape *tape)
{
  AxApmOutput out;
  if (!run->config->model.train_norms)
    return;
  for (int i = 0; i < RECALIBRATION_BATCHES; i++)
    {
      ax_batch_fill (run->batch, run->pictures, (const guint *) run->train->data, run->train->len, &run->stage->augment, run->config->seed ^ 0xca11b,
                     (guint64) i);
      ax_tape_reset (tape);
      ax_tape_set_training (tape, TRUE, 1);
      ax_tape_set_norm_momentum (tape, 1.0f / (float) (i + 1));
      ax_apm_forward (run->apm, tape, ax_train_image_tensor (tape, run->batch), FALSE, backbone_only, NULL, &out);
    }
  ax_apm_parameters (run->apm)->generation++;
  ax_tape_set_training (tape, FALSE, 0);
}

static guint
bits (AxMarkSet set)
{
  guint n = 0;
  for (; set != 0; set &= set - 1)
    n++;
  return n;
}

/* Retrieval as the evaluation judges it (engine/evaluation/apm_figures.h), on objects [n, 36, d] of the validation images. */
static void
judge_retrieval (Run *run, const float *objects, AxValidation *v)
{
  guint n = run->validation->len;
  double hit = 0, is = 0, says = 0;
  v->named = v->marked = 0;
  if (run->marks == NULL)
    return;
  g_autofree AxMarkSet *named = g_new (AxMarkSet, (gsize) n * AX_DATASET_N_OBJECTS);
  ax_mark_targets_retrieve (run->marks, run->apm, objects, n, named);
  for (guint i = 0; i < n; i++)
    {
      const AxDatasetImage *im = &run->dataset->images[g_array_index (run->validation, guint, i)];
      AxStructureFacts facts[AX_DATASET_N_OBJECTS];
      ax_structure_facts (im, facts);
      for (int o = 0; o < AX_DATASET_N_OBJECTS; o++)
        if (im->ok && im->visible[o])
          {
            AxMarkSet present = facts[o].present & facts[o].known, said = named[i * AX_DATASET_N_OBJECTS + (guint) o] & facts[o].known;
            hit += bits (present & said);
            is += bits (present);
            says += bits (said);
          }
    }
  v->named = hit / MAX (is, 1);
  v->marked = hit / MAX (says, 1);
}

gboolean
ax_train_validate (Run *run, AxValidation *v, GError **error)
{
  enum { N = AX_DATASET_N_OBJECTS, L = AX_DATASET_N_LABELS };
  AxTape *tape = ax_train_tape (run, FALSE);
  gsize n = run->validation->len;
  double sum[3] = { 0 }, count[3] = { 0 }, mirror = 0, mirrors = 0, kept = 0, pairs = 0;
  g_autofree float *scores = g_new (float, n * L), *plain = g_new (float, n * N * 4);
  int batch = run->batch->batch, d = run->config->model.proj_dim;
  g_autofree float *objects = g_new (float, n * N * d);
  recalibrate (run, tape);
  AxBatch *b = ax_batch_new (batch, run->stage->size);
  for (int pass = 0; pass < 2; pass++)
    for (gsize at = 0; at < n; at += (gsize) batch)
      {
        AxApmOutput out;
        int used = (int) MIN ((gsize) batch, n - at);
        for (int k = 0; k < batch; k++)
          ax_batch_set (b, k, run->pictures, g_array_index (run->validation, guint, at + (gsize) MIN (k, used - 1)), pass == 1);
        ax_tape_reset (tape);
        if (!ax_apm_forward (run->apm, tape, ax_train_image_tensor (tape, b), FALSE, NULL, NULL, &out))
          break;
        const float *all_boxes = ax_tensor_host (tape, out.boxes), *all_objects = ax_tensor_host (tape, out.objects), *logits = ax_tensor_host (tape, out.image_logits);
        for (int k = 0; k < used; k++)
          {
            const float *box = all_boxes + (gsize) k * N * 4, *truth = b->boxes + k * N * 4, *mask = b->box_mask + k * N;
            float *first = plain + (at + (gsize) k) * N * 4;
            guint p, ok = ax_sides_kept (box, truth, mask, &p);
            if (pass == 0)
              {
                memcpy (first, box, N * 4 * sizeof (float));
                memcpy (objects + (at + (gsize) k) * N * d, all_objects + (gsize) k * N * d, (gsize) N * d * sizeof (float));
                memcpy (scores + (at + (gsize) k) * L, logits + (gsize) k * L, L * sizeof (float));
              }
            else
              kept += ok, pairs += p;
            for (int i = 0; i < N; i++)
              {
                double iou = mask[i] > 0 ? ax_cxcywh_iou (box + 4 * i, truth + 4 * i) : 0;
                if (pass == 1)
                  {
                    float back[4] = { 1 - box[4 * i], box[4 * i + 1], box[4 * i + 2], box[4 * i + 3] };
                    mirror += ax_cxcywh_iou (back, first + 4 * i), mirrors++;
                  }
                else if (mask[i] > 0)
                  {
                    sum[0] += iou, count[0]++;
                    if (i == 11 || i == 20)
                      sum[1] += iou, count[1]++;
                    if (i == 4)
                      sum[2] += iou, count[2]++;
                  }
              }
          }
      }
  const gboolean sound = ax_tape_check (tape, error);
  ax_batch_free (b);
  ax_tape_free (tape);
  if (!sound)
    return FALSE;
  v->iou = sum[0] / MAX (count[0], 1);
  v->lungs = sum[1] / MAX (count[1], 1);
  v->heart = sum[2] / MAX (count[2], 1);
  v->sides = kept / MAX (pairs, 1);
  v->mirror_iou = mirror / MAX (mirrors, 1);

  /* Radiologists' word only; labels with five or more positives. */
  double total = 0;
  int labels = 0;
  v->auroc_opacity = v->auroc_effusion = 0.5;
  for (int l = 0; l < L; l++)
    {
      g_autofree float *s = g_new (float, n);
      g_autofree guint8 *t = g_new (guint8, n);
      gsize m = 0, positives = 0;
      for (gsize i = 0; i < n; i++)
        {
          const AxDatasetImage *im = &run->dataset->images[g_array_index (run->validation, guint, i)];
          if (!im->reader_known[l])
            continue;
          s[m] = scores[i * L + l];
          t[m] = im->reader_value[l];
          positives += t[m++];
        }
      double a = ax_auroc_simple (s, t, m);
      if (isnan (a))
        continue;
      if (l == AX_LABEL_LUNG_OPACITY)
        v->auroc_opacity = a;
      if (l == AX_LABEL_PLEURAL_EFFUSION)
        v->auroc_effusion = a;
      if (positives >= 5)
        total += a, labels++;
    }
  v->auroc_mean = labels ? total / labels : 0.5;
  judge_retrieval (run, objects, v);
  v->score = v->iou + 0.25 * v->sides + 0.25 * v->mirror_iou + 0.5 * v->auroc_mean;
  if (run->marks)
    v->score += v->named + v->marked > 0 ? v->named * v->marked / (v->named + v->marked) : 0; /* half the F1 */
  return TRUE;
}
