/* Packed sequences and the pass over them. See lm_batch.h. */
#include "engine/training/lm_batch.h"
#include <math.h>
#include <string.h>

AxLmBatch *
ax_lm_batch_new (void)
{
  AxLmBatch *b = g_new0 (AxLmBatch, 1);
  b->ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  b->stretches = g_array_new (FALSE, FALSE, sizeof (AxGemmaStretch));
  b->out_rows = g_array_new (FALSE, FALSE, sizeof (int));
  b->targets = g_array_new (FALSE, FALSE, sizeof (gint32));
  b->weights = g_array_new (FALSE, FALSE, sizeof (float));
  b->samples = g_array_new (FALSE, FALSE, sizeof (guint));
  b->image = g_array_new (FALSE, FALSE, sizeof (float));
  b->objects = g_array_new (FALSE, FALSE, sizeof (float));
  return b;
}

void
ax_lm_batch_free (AxLmBatch *b)
{
  if (b == NULL)
    return;
  GArray *all[] = { b->ids, b->stretches, b->out_rows, b->targets, b->weights, b->samples, b->image, b->objects };
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    g_array_unref (all[i]);
  g_free (b);
}

void
ax_lm_batch_clear (AxLmBatch *b)
{
  GArray *all[] = { b->ids, b->stretches, b->out_rows, b->targets, b->weights, b->samples, b->image, b->objects };
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    g_array_set_size (all[i], 0);
  b->n_pictures = 0;
  b->constant = FALSE;
}

int
ax_lm_batch_add_picture (AxLmBatch *b, int tokens, int image_dim, const float *image, int n_objects, int object_dim, const float *objects)
{
  g_assert (b->n_pictures == 0 || (b->image_dim == image_dim && b->object_dim == object_dim));
  b->image_dim = image_dim;
  b->object_dim = object_dim;
  g_array_append_vals (b->image, image, (guint) (tokens * image_dim));
  g_array_append_vals (b->objects, objects, (guint) (n_objects * object_dim));
  return b->n_pictures++;
}

int
ax_lm_batch_add (AxLmBatch *b, int root, int picture, const gint32 *ids, const gint32 *labels, guint n, float weight, guint sample)
{
  AxGemmaStretch s = { (int) b->ids->len, (int) n, 0, 0, picture };
  if (root >= 0)
    {
      const AxGemmaStretch *r = &g_array_index (b->stretches, AxGemmaStretch, root);
      s.prefix_first = r->first;
      s.prefix_count = r->count;
    }
  for (guint i = 0; labels && i < n; i++)
    if (labels[i] >= 0)
      {
        int row = s.first + (int) i;
        g_array_append_val (b->out_rows, row);
        g_array_append_val (b->targets, labels[i]);
        g_array_append_val (b->weights, weight);
        g_array_append_val (b->samples, sample);
      }
  g_array_append_vals (b->ids, ids, n);
  g_array_append_val (b->stretches, s);
  return (int) b->stretches->len - 1;
}

double
ax_lm_batch_weight (const AxLmBatch *b)
{
  double sum = 0;
  for (guint i = 0; i < b->weights->len; i++)
    sum += g_array_index (b->weights, float, i);
  return sum;
}

void
ax_lm_batch_scale (AxLmBatch *b, double factor)
{
  for (guint i = 0; i < b->weights->len; i++)
    g_array_index (b->weights, float, i) = (float) (g_array_index (b->weights, float, i) * factor);
}

double
ax_lm_batch_flops (const AxLmBatch *b, const AxGemmaConfig *c, const AxGemmaSampled *sampled)
{
  double global[2] = { 0 }, local[2] = { 0 };
  int rows[2] = { 0 }, n_out = (int) b->targets->len;
  for (guint i = 0; i < b->stretches->len; i++)
    {
      const AxGemmaStretch *s = &g_array_index (b->stretches, AxGemmaStretch, i);
      int learns = !(b->constant && i == 0);
      rows[learns] += s->count;
      for (int k = 0; k < s->count; k++)
        {
          double seen = s->prefix_count + k + 1;
          global[learns] += seen;
          local[learns] += MIN (seen, c->window);
        }
    }
  AxGemmaConfig narrow = *c;
  if (sampled)
    narrow.vocab = ax_gemma_sampled_columns (sampled);
  return ax_gemma_flops (c, rows[0], global[0], local[0], 0) + ax_gemma_training_flops (&narrow, rows[1], global[1], local[1], n_out);
}

static AxTensor *
rows_of (AxTape *tape, const GArray *values, int dim)
{
  if (values->len == 0)
    return NULL;
  AxTensor *t = ax_tensor_new (tape, FALSE, 2, (int[]){ (int) values->len / dim, dim });
  ax_tensor_set (tape, t, (const float *) values->data);
  return t;
}

double
ax_lm_batch_run (const AxLmBatch *b, AxGemma *gemma, AxTape *tape, AxGemmaSampled *sampled, guint64 seed, float *nll, GError **error)
{
  ax_tape_reset (tape);
  AxTensor *image = rows_of (tape, b->image, b->image_dim), *objects = rows_of (tape, b->objects, b->object_dim);
  AxGemmaBatch batch = {
    .n = (int) b->ids->len,
    .ids = (const gint32 *) b->ids->data,
    .n_stretches = (int) b->stretches->len,
    .stretches = (const AxGemmaStretch *) b->stretches->data,
    .image_rows = image ? ax_gemma_project_image (gemma, tape, image) : NULL,
    .object_rows = objects ? ax_gemma_project_objects (gemma, tape, objects) : NULL,
    .n_images = b->n_pictures,
    .out_rows = (const int *) b->out_rows->data,
    .n_out = (int) b->out_rows->len,
    .constant = b->constant && b->stretches->len > 1 ? g_array_index (b->stretches, AxGemmaStretch, 0).count : 0,
  };
  AxTensor *hidden = ax_gemma_forward (gemma, tape, &batch, NULL, NULL, error);
  if (hidden == NULL)
    return NAN;
  const gint32 *targets = (const gint32 *) b->targets->data;
  const float *weights = (const float *) b->weights->data;
  double loss = sampled && ax_gemma_sampled_covers (sampled, batch.n_out, targets)
                  ? ax_gemma_sampled_loss (sampled, tape, hidden, batch.n_out, targets, weights, seed, nll)
                  : ax_gemma_loss (gemma, tape, hidden, batch.n_out, targets, weights, nll, NULL);
  if (ax_tape_recording (tape))
    ax_tape_backward (tape);
  return ax_tape_check (tape, error) ? loss : NAN;
}
