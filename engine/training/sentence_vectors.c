/* See sentence_vectors.h. */
#include "engine/training/sentence_vectors.h"
#include "engine/model/bert.h"
#include "kernels/kernels.h"
#include "engine/training/phantom.h"
#include <string.h>

#define N AX_DATASET_N_OBJECTS

static AxSentenceBuilder *
builder_new (guint dim)
{
  const char *names[N];
  for (int i = 0; i < N; i++)
    names[i] = ax_phantom_object_name (i);
  return ax_sentence_builder_new (names, N, dim);
}

static void
add (GHashTable *sets, gint64 object, AxMarkSet marks)
{
  g_hash_table_add (sets, g_memdup2 (&(gint64){ object << 32 | marks }, sizeof (gint64)));
}

/* The sets of marks that occur, structure by structure, each without what is not in `marks`; part < 0: of all patients. The empty set always occurs.
 * parts: with every set its subsets, so that the vectors serve databases of any choice of marks. */
static GHashTable *
sets_new (const AxDataset *dataset, const AxSplit *split, int part, AxMarkSet marks, gboolean parts)
{
  GHashTable *sets = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  for (gint64 k = 0; k < N; k++)
    add (sets, k, 0);
  for (guint i = 0; i < dataset->n; i++)
    {
      const AxDatasetImage *image = &dataset->images[i];
      AxStructureFacts facts[N];
      if (!image->ok || (part >= 0 && ax_split_part_of (split, image->patient) != part))
        continue;
      ax_structure_facts (image, facts);
      for (gint64 k = 0; k < N; k++)
        if (facts[k].weight > 0)
          {
            const AxMarkSet whole = facts[k].present & marks;
            add (sets, k, whole);
            for (AxMarkSet sub = whole; parts && sub != 0; sub = (sub - 1) & whole)
              add (sets, k, sub);
          }
    }
  return sets;
}

gboolean
ax_sentence_vectors_build (const AxDataset *dataset, const char *encoder_folder, const char *path, GError **error)
{
  g_autoptr (AxSentenceEncoder) encoder = ax_sentence_encoder_open (encoder_folder, error);
  if (encoder == NULL)
    return FALSE;
  guint dim = (guint) ax_sentence_encoder_width (encoder);
  g_autoptr (AxSentenceBuilder) builder = builder_new (dim);
  g_autoptr (GHashTable) sets = sets_new (dataset, NULL, -1, AX_MARKS_ALL, TRUE);
  g_autofree float *vector = g_new (float, dim);
  GHashTableIter it;
  gpointer key;
  g_hash_table_iter_init (&it, sets);
  while (g_hash_table_iter_next (&it, &key, NULL))
    {
      gint64 code = *(gint64 *) key;
      g_autofree char *sentence = ax_sentence_new ((guint) (code >> 32), (AxMarkSet) code);
      ax_sentence_encoder_run (encoder, (const char *const *) &sentence, 1, vector);
      if (!ax_sentence_builder_add (builder, (guint) (code >> 32), sentence, vector, error))
        return FALSE;
    }
  g_autoptr (AxSentenceFile) file = ax_sentence_builder_finish (builder, error);
  return file != NULL && ax_sentence_file_save (file, path, AX_DTYPE_F32, error);
}

GArray *
ax_sentence_db_choose (const AxDataset *dataset, const AxSplit *split, AxSentenceFile *vectors, AxMarkSet marks)
{
  g_autoptr (GHashTable) sets = sets_new (dataset, split, AX_SPLIT_TRAIN, marks, FALSE);
  GArray *rows = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint k = 0; k < N; k++)
    {
      guint first, count;
      ax_sentence_file_range (vectors, k, &first, &count);
      for (guint j = first; j < first + count; j++)
        {
          AxMarkSet says;
          if (ax_sentence_findings (ax_sentence_file_text (vectors, j), &says) && g_hash_table_contains (sets, &(gint64){ (gint64) k << 32 | says }))
            g_array_append_val (rows, j);
        }
    }
  return rows;
}

/* Rows i .. end - 1 of y [rows, dim] are one structure's: all get length 1, and "is healthy" moves away from the mean of those that name a finding. */
static void
push_healthy (AxSentenceFile *vectors, const GArray *rows, guint i, guint end, guint dim, double push, float *y)
{
  g_autofree double *mean = g_new0 (double, dim);
  guint findings = 0;
  ax_l2norm_forward (end - i, dim, y + (gsize) i * dim, 1e-12f, y + (gsize) i * dim, NULL);
  for (int pass = 0; pass < 2; pass++)
    for (guint j = i; j < end; j++)
      {
        AxMarkSet says;
        gboolean healthy = ax_sentence_findings (ax_sentence_file_text (vectors, g_array_index (rows, guint, j)), &says) && says == 0;
        for (guint d = 0; d < dim && pass == 0 && !healthy; d++)
          mean[d] += y[(gsize) j * dim + d];
        findings += pass == 0 && !healthy;
        for (guint d = 0; d < dim && pass == 1 && healthy && findings > 0; d++)
          y[(gsize) j * dim + d] += (float) (push * (y[(gsize) j * dim + d] - mean[d] / findings));
      }
}

gboolean
ax_sentence_db_build (const AxDataset *dataset, const AxSplit *split, AxApm *apm, const char *vectors_file, AxMarkSet marks, double healthy_push, const char *path,
                      guint *n, GError **error)
{
  g_autoptr (AxSentenceFile) vectors = ax_sentence_file_open (vectors_file, error);
  if (vectors == NULL)
    return FALSE;
  guint dim = ax_sentence_file_dim (vectors), proj = (guint) ax_apm_config (apm)->proj_dim;
  if ((int) dim != ax_apm_config (apm)->text_dim)
    {
      g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "%s holds vectors of %u numbers, the model's P_S takes %d", vectors_file, dim,
                   ax_apm_config (apm)->text_dim);
      return FALSE;
    }
  g_autoptr (AxSentenceBuilder) builder = builder_new (proj);
  g_autoptr (GArray) rows = ax_sentence_db_choose (dataset, split, vectors, marks);
  g_autoptr (AxTape) tape = ax_tape_new (FALSE);
  AxTensor *x = ax_tensor_new (tape, FALSE, 2, (int[]){ (int) rows->len, (int) dim });
  for (guint i = 0; i < rows->len; i++)
    memcpy (x->data + (gsize) i * dim, ax_sentence_file_vectors (vectors) + (gsize) g_array_index (rows, guint, i) * dim, dim * sizeof (float));
  AxTensor *y = ax_apm_project_text (apm, tape, x);
  for (guint k = 0, i = 0; k < N; k++)
    {
      guint first, count, end = i;
      ax_sentence_file_range (vectors, k, &first, &count);
      while (end < rows->len && g_array_index (rows, guint, end) < first + count)
        end++;
      if (healthy_push > 0)
        push_healthy (vectors, rows, i, end, proj, healthy_push, y->data);
      for (; i < end; i++)
        if (!ax_sentence_builder_add (builder, k, ax_sentence_file_text (vectors, g_array_index (rows, guint, i)), y->data + (gsize) i * proj, error))
          return FALSE;
    }
  *n = ax_sentence_builder_n (builder);
  g_autoptr (AxSentenceFile) file = ax_sentence_builder_finish (builder, error);
  return file != NULL && ax_sentence_file_save (file, path, AX_DTYPE_F16, error);
}
