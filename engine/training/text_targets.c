/* See text_targets.h. */
#include "engine/training/text_targets.h"
#include "engine/model/ops_lm.h"
#include "engine/checkpoint/sentence_file.h"
#include "engine/training/apm_loss.h"
#include "engine/training/random.h"
#include <string.h>

#define N AX_DATASET_N_OBJECTS

struct _AxTextTargets {
  AxSentenceFile *file;
  int     dim;
  float  *unit;                /* [n, dim] rows of length 1 */
  gint   *row;                 /* [images * 36]: row of the file, -1 where nothing is known */
  guint8 *shows;               /* [images * 36]: the sentence names a finding */
};

AxTextTargets *
ax_text_targets_load (const char *vectors_file, const AxDataset *dataset, AxMarkSet marks, int dim, GError **error)
{
  AxTextTargets *t = g_new0 (AxTextTargets, 1);
  t->file = ax_sentence_file_open (vectors_file, error);
  t->dim = dim;
  if (t->file == NULL)
    goto fail;
  if ((int) ax_sentence_file_dim (t->file) != dim || ax_sentence_file_n_objects (t->file) != N)
    {
      g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "%s holds vectors of %u numbers for %u objects; the configuration needs %d for %d",
                   vectors_file, ax_sentence_file_dim (t->file), ax_sentence_file_n_objects (t->file), dim, N);
      goto fail;
    }
  guint n = ax_sentence_file_n (t->file);
  t->unit = g_new (float, (gsize) n * dim);
  ax_l2norm_forward (n, (gsize) dim, ax_sentence_file_vectors (t->file), 1e-12f, t->unit, NULL);
  t->row = g_new (gint, (gsize) dataset->n * N);
  t->shows = g_new0 (guint8, (gsize) dataset->n * N);
  for (guint i = 0; i < dataset->n; i++)
    {
      AxStructureFacts facts[N];
      ax_structure_facts (&dataset->images[i], facts);
      for (guint k = 0; k < N; k++)
        {
          gsize at = (gsize) i * N + k;
          t->row[at] = -1;
          t->shows[at] = (facts[k].present & marks) != 0;
          if (facts[k].weight <= 0 || !dataset->images[i].ok)
            continue;
          g_autofree char *sentence = ax_sentence_new (k, facts[k].present & marks);
          guint first, count;
          ax_sentence_file_range (t->file, k, &first, &count);
          for (guint j = first; j < first + count && t->row[at] < 0; j++)
            if (strcmp (ax_sentence_file_text (t->file, j), sentence) == 0)
              t->row[at] = (gint) j;
          if (t->row[at] < 0)
            {
              g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "%s lacks the sentence \"%s\": build it again (db vectors)", vectors_file,
                           sentence);
              goto fail;
            }
        }
    }
  return t;
fail:
  ax_text_targets_free (t);
  return NULL;
}

void
ax_text_targets_free (AxTextTargets *t)
{
  if (t == NULL)
    return;
  g_clear_pointer (&t->file, ax_sentence_file_unref);
  g_free (t->unit);
  g_free (t->row);
  g_free (t->shows);
  g_free (t);
}

double
ax_text_targets_loss (AxTextTargets *t, AxApm *apm, AxTape *tape, const AxApmOutput *out, const AxBatch *b, guint64 seed, gint64 step, double weight)
{
  int *rows = ax_tape_host (tape, AX_TEXT_ROWS * sizeof (int));
  guint n = 0, total = (guint) b->batch * N, healthy = 0;
  g_autofree guint *pool = g_new (guint, total);
  for (guint i = 0; i < total; i++)
    {
      int source = b->source[i / N];
      if (source < 0 || b->box_mask[i] == 0)
        continue;
      gsize at = (gsize) source * N + i % N;
      if (t->row[at] < 0)
        continue;
      if (t->shows[at] && n < AX_TEXT_ROWS / 2)
        rows[n++] = (int) i;
      else
        pool[healthy++] = i;
    }
  AxRandom r = ax_random_init (seed, (guint64) step, 0x7e);
  while (n < AX_TEXT_ROWS && healthy > 0)
    {
      guint k = (guint) ax_random_below (&r, healthy);
      rows[n++] = (int) pool[k];
      pool[k] = pool[--healthy];
    }
  if (n < 2)
    return 0;

  int dim = t->dim;
  const float *vectors = ax_sentence_file_vectors (t->file);
  AxTensor *pooled = ax_tensor_new (tape, FALSE, 2, (int[]){ (int) n, dim });
  float *unit = ax_tape_host (tape, 2 * (gsize) n * dim * sizeof (float)), *chosen = unit + (gsize) n * dim;
  for (guint i = 0; i < n; i++)
    {
      gsize row = (gsize) t->row[(gsize) b->source[rows[i] / N] * N + rows[i] % N];
      memcpy (chosen + (gsize) i * dim, vectors + row * dim, (gsize) dim * sizeof (float));
      memcpy (unit + (gsize) i * dim, t->unit + row * dim, (gsize) dim * sizeof (float));
    }
  ax_tensor_set (tape, pooled, chosen);
  int d = out->objects->shape[2];
  AxTensor *all = ax_tensor_reshape (tape, out->objects, 2, (int[]){ (int) total, d });
  AxTensor *objects = ax_l2norm (tape, ax_gather_rows (tape, all, (int) n, rows), 1e-12f);
  AxTensor *text = ax_l2norm (tape, ax_apm_project_text (apm, tape, pooled), 1e-12f);
  return ax_loss_contrastive (tape, objects, text, unit, dim, weight);
}
