/* See mark_targets.h. */
#include "engine/training/mark_targets.h"
#include "engine/checkpoint/sentence_file.h"
#include "engine/training/apm_loss.h"
#include "engine/training/sentence_vectors.h"
#include <string.h>

#define N AX_DATASET_N_OBJECTS
#define M AX_MARK_N
#define BIT(x) (1u << (x))

struct _AxMarkTargets {
  const AxDataset *dataset;
  AxMarkSet  marks;            /* that the database names */
  int        dim;
  guint      n;                /* candidates */
  float     *vectors;          /* [n, dim] pooled by S */
  guint      first[N + 1];     /* candidates of structure k: first[k] .. first[k + 1] - 1 */
  AxMarkSet *says;             /* [n] */
};

AxMarkTargets *
ax_mark_targets_new (const char *vectors_file, const AxDataset *dataset, const AxSplit *split, AxMarkSet marks, int dim, GError **error)
{
  g_autoptr (AxSentenceFile) file = ax_sentence_file_open (vectors_file, error);
  if (file == NULL)
    return NULL;
  if ((int) ax_sentence_file_dim (file) != dim || ax_sentence_file_n_objects (file) != N)
    {
      g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "%s holds vectors of %u numbers for %u objects; the configuration needs %d for %d",
                   vectors_file, ax_sentence_file_dim (file), ax_sentence_file_n_objects (file), dim, N);
      return NULL;
    }
  g_autoptr (GArray) chosen = ax_sentence_db_choose (dataset, split, file, marks);
  AxMarkTargets *t = g_new0 (AxMarkTargets, 1);
  t->dataset = dataset;
  t->marks = marks;
  t->dim = dim;
  t->n = chosen->len;
  t->vectors = g_new (float, (gsize) t->n * dim);
  t->says = g_new (AxMarkSet, t->n);
  guint at = 0;
  for (guint k = 0; k < N; k++)
    {
      guint from, count;
      ax_sentence_file_range (file, k, &from, &count);
      t->first[k] = at;
      while (at < t->n && g_array_index (chosen, guint, at) < from + count)
        {
          guint row = g_array_index (chosen, guint, at);
          memcpy (t->vectors + (gsize) at * dim, ax_sentence_file_vectors (file) + (gsize) row * dim, (gsize) dim * sizeof (float));
          ax_sentence_findings (ax_sentence_file_text (file, row), &t->says[at]);
          at++;
        }
    }
  t->first[N] = at;
  return t;
}

void
ax_mark_targets_free (AxMarkTargets *t)
{
  if (t == NULL)
    return;
  g_free (t->vectors);
  g_free (t->says);
  g_free (t);
}

/* The image label whose text-mined word speaks of a mark; -1: none. */
static int
label_of_mark (guint mark)
{
  switch (mark)
    {
    case AX_MARK_ATELECTASIS: return AX_LABEL_ATELECTASIS;
    case AX_MARK_CARDIOMEGALY: return AX_LABEL_CARDIOMEGALY;
    case AX_MARK_LUNG_LESION: return AX_LABEL_LUNG_LESION;
    case AX_MARK_LUNG_OPACITY: return AX_LABEL_LUNG_OPACITY;
    case AX_MARK_PLEURAL_EFFUSION: return AX_LABEL_PLEURAL_EFFUSION;
    case AX_MARK_PLEURAL_THICKENING: return AX_LABEL_PLEURAL_OTHER;
    case AX_MARK_PNEUMOTHORAX: return AX_LABEL_PNEUMOTHORAX;
    default: return -1;
    }
}

double
ax_mark_targets_loss (AxMarkTargets *t, AxTape *tape, AxTensor *logits, const AxBatch *b, double bag_weight, double weight)
{
  float *target = ax_tape_host (tape, logits->n * sizeof (float)), *w = ax_tape_host (tape, logits->n * sizeof (float));
  const float *data = ax_tensor_host (tape, logits);
  for (int i = 0; i < b->batch * N; i++)
    {
      AxMarkSet known = b->box_mask[i] > 0 ? b->known[i] & ax_mark_allowed ((guint) i % N) : 0;
      for (guint m = 0; m < M; m++)
        {
          target[(gsize) i * M + m] = (b->present[i] & known) >> m & 1;
          w[(gsize) i * M + m] = known >> m & 1;
        }
    }
  for (int k = 0; k < b->batch && bag_weight > 0; k++)
    for (guint m = 0; m < M; m++)
      {
        const AxDatasetImage *image = b->source[k] >= 0 ? &t->dataset->images[b->source[k]] : NULL;
        int l = label_of_mark (m);
        if (image == NULL || l < 0 || image->reader_known[l] || image->weight[l] <= 0)
          continue;
        gsize best = 0;
        gboolean some = FALSE, placed = FALSE;
        for (gsize i = (gsize) k * N; i < (gsize) (k + 1) * N; i++)
          if (b->box_mask[i] > 0 && (ax_mark_allowed ((guint) (i % N)) & BIT (m)))
            {
              placed |= (b->known[i] & b->present[i]) >> m & 1;
              if (!(b->known[i] & BIT (m)) && (!some || data[i * M + m] > data[best * M + m]))
                best = i, some = TRUE;
            }
        if (some && !placed)
          {
            target[best * M + m] = image->target[l];
            w[best * M + m] = (float) (bag_weight * image->weight[l]);
          }
      }
  return ax_loss_labels (tape, logits, target, w, weight);
}

static AxTensor *
project (AxMarkTargets *t, AxApm *apm, AxTape *tape)
{
  AxTensor *pooled = ax_tensor_new (tape, FALSE, 2, (int[]){ (int) t->n, t->dim });
  ax_tensor_set (tape, pooled, t->vectors);
  return ax_l2norm (tape, ax_apm_project_text (apm, tape, pooled), 1e-12f);
}

double
ax_mark_targets_retrieval (AxMarkTargets *t, AxApm *apm, AxTape *tape, const AxApmOutput *out, const AxBatch *b, double scale, double finding_weight,
                           double weight)
{
  guint rows = (guint) b->batch * N;
  guint8 *role = ax_tape_host (tape, (gsize) rows * t->n);
  float *row_weight = ax_tape_host (tape, rows * sizeof (float));
  memset (role, AX_CHOICE_NONE, (gsize) rows * t->n);
  for (guint i = 0; i < rows; i++)
    {
      guint k = i % N;
      AxMarkSet known = b->known[i] & ax_mark_allowed (k) & t->marks, present = b->present[i] & known;
      row_weight[i] = 0;
      if (b->box_mask[i] == 0 || known == 0 || t->first[k + 1] - t->first[k] < 2)
        continue;
      gboolean some = FALSE;
      for (guint j = t->first[k]; j < t->first[k + 1]; j++)
        {
          gboolean right = (t->says[j] & known) == present;
          role[(gsize) i * t->n + j] = right ? AX_CHOICE_RIGHT : AX_CHOICE_WRONG;
          some |= right;
        }
      row_weight[i] = some ? (float) (present ? finding_weight : 1) : 0;
    }
  AxTensor *all = ax_tensor_reshape (tape, out->objects, 2, (int[]){ (int) rows, out->objects->shape[2] });
  return ax_loss_choice (tape, ax_l2norm (tape, all, 1e-12f), project (t, apm, tape), role, row_weight, scale, weight);
}

void
ax_mark_targets_retrieve (AxMarkTargets *t, AxApm *apm, const float *objects, guint rows, AxMarkSet *out)
{
  g_autoptr (AxTape) tape = ax_tape_new_on (ax_apm_parameters (apm)->device, FALSE);
  const AxTensor *text = project (t, apm, tape);
  const float *sentence = ax_tensor_host (tape, text);
  gsize d = ax_tensor_cols (text);
  for (gsize i = 0; i < (gsize) rows * N; i++)
    {
      guint k = (guint) (i % N);
      double best = -G_MAXDOUBLE;
      out[i] = 0;
      for (guint j = t->first[k]; j < t->first[k + 1]; j++)
        {
          double dot = 0;
          for (gsize c = 0; c < d; c++)
            dot += (double) objects[i * d + c] * sentence[j * d + c];
          if (dot > best)
            best = dot, out[i] = t->says[j];
        }
    }
}
