/* The model that a training run works on. See lm_model.h. */
#include "engine/training/lm_model.h"
#include "engine/checkpoint/lm_adapter.h"
#include "engine/training/random.h"
#include <math.h>
#include <string.h>

/* Where the set-up puts the bundled model's base. */
static char *
installed_base (void)
{
  return g_build_filename (g_get_user_cache_dir (), "anatomix", "gemma-3-270m", "gemma-3-270m-q4_k_m.gguf", NULL);
}

void
ax_lm_model_free (AxLmModel *m)
{
  if (m == NULL)
    return;
  ax_gemma_free (m->gemma);
  g_clear_pointer (&m->tokenizer, ax_gemma_tokenizer_unref);
  g_clear_pointer (&m->base, ax_lm_weights_unref);
  g_free (m);
}

AxLmModel *
ax_lm_model_open (const AxLmTrainConfig *c, AxLmStage stage, int image_dim, int object_dim, GError **error)
{
  g_autoptr (AxLmModel) m = g_new0 (AxLmModel, 1);
  g_autofree char *path = c->base ? g_strdup (c->base) : installed_base ();
  m->base = ax_lm_base_open (path, error);
  if (m->base == NULL)
    return NULL;
  g_autoptr (AxLmWeights) adapter = c->start ? ax_lm_adapter_open (c->start, 0, error) : NULL;
  if (c->start && adapter == NULL)
    return NULL;
  g_autoptr (AxLmWeights) weights = adapter ? ax_lm_weights_stack (m->base, adapter, error) : ax_lm_weights_ref (m->base);
  if (weights == NULL)
    return NULL;
  AxGguf *gguf = ax_lm_weights_get_gguf (m->base);
  m->tokenizer = gguf ? ax_gemma_tokenizer_open_gguf (gguf, error) : ax_gemma_tokenizer_open (path, error);
  if (m->tokenizer == NULL)
    return NULL;
  const AxLmAdapterInfo *found = adapter ? ax_lm_weights_get_adapter (adapter) : NULL;
  const gint32 first = ax_gemma_tokenizer_added_first (m->tokenizer);
  const gboolean has_lora = found && found->rank > 0;
  AxGemmaOptions options = {
    .store = c->store,
    .lora_rank = has_lora ? found->rank : stage == AX_LM_INSTRUCT ? (int) c->rank : 0,
    .lora_alpha = has_lora ? found->alpha : c->alpha,
    .lora_dropout = c->dropout,
    .added_first = first,
    .added_count = AX_N_ADDED_TOKENS,
    .added_tied = TRUE,
    .vocabulary = c->vocabulary,
    .heads = TRUE,
    .image_dim = image_dim,
    .object_dim = object_dim,
    .head_hidden = 512,
  };
  const AxGemmaInjection injection = { first + AX_TOKEN_IMAGE, first + AX_TOKEN_OBJ_0, AX_N_ANATOMY };
  const AxGemmaSource source = { weights, ax_lm_weights_shape, ax_lm_weights_read };
  m->gemma = ax_gemma_new (ax_lm_weights_get_config (m->base), &options, &injection, &source, error);
  if (m->gemma == NULL)
    return NULL;
  const AxGemmaOptions *o = ax_gemma_options (m->gemma);
  if (o->image_dim != image_dim || o->object_dim != object_dim)
    {
      g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "The projection heads of %s take vectors of %d and %d numbers, but %s makes %d and %d",
                   c->start ? c->start : path, o->image_dim, o->object_dim, c->model_dir, image_dim, object_dim);
      return NULL;
    }
  ax_gemma_init (m->gemma, c->seed);
  return g_steal_pointer (&m);
}

/* ---- names -------------------------------------------------------------------------------------------------------------- */

/* The mean of the embeddings of a name's tokens, scaled as the model scales what it reads. */
static gboolean
name_vector (AxLmModel *m, const char *name, double *sum, GError **error)
{
  const AxLmConfig *c = ax_lm_weights_get_config (m->base);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autofree char *text = g_strconcat (" ", name, NULL);
  g_autofree float *row = g_new (float, c->width);
  ax_gemma_tokenizer_encode (m->tokenizer, text, -1, FALSE, ids);
  memset (sum, 0, (gsize) c->width * sizeof (double));
  for (guint k = 0; k < ids->len; k++)
    {
      gint32 id = g_array_index (ids, gint32, k);
      if (!ax_lm_weights_read (m->base, "embed_tokens.weight", id, 1, c->vocab, c->width, row, error))
        return FALSE;
      for (int d = 0; d < c->width; d++)
        sum[d] += row[d] * c->embed_scale / ids->len;
    }
  return TRUE;
}

/* targets[36, width]. Names share most of their words; what they share is kept once and what tells them apart is stretched until a vector is as long as that
 * of a word. */
static float *
name_targets (AxLmModel *m, GError **error)
{
  const int width = ax_lm_weights_get_config (m->base)->width;
  g_autofree double *names = g_new (double, AX_N_ANATOMY * width), *mean = g_new0 (double, width);
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    {
      if (!name_vector (m, ax_anatomy_name (i), names + i * (gsize) width, error))
        return NULL;
      for (int d = 0; d < width; d++)
        mean[d] += names[i * (gsize) width + d] / AX_N_ANATOMY;
    }
  float *targets = g_new (float, AX_N_ANATOMY * width);
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    for (int d = 0; d < width; d++)
      targets[i * (gsize) width + d] = (float) (mean[d] + 2 * (names[i * (gsize) width + d] - mean[d]));
  return targets;
}

double
ax_lm_model_name_objects (AxLmModel *m, const AxLmPerception *perceptions, guint n, int steps, double lr, guint64 seed, GError **error)
{
  enum { PICTURES = 32 };
  const int width = ax_lm_weights_get_config (m->base)->width, dim = perceptions[0].object_dim, rows = PICTURES * AX_N_ANATOMY;
  g_autofree float *targets = name_targets (m, error);
  if (targets == NULL)
    return NAN;
  AxParameters *p = ax_gemma_parameters (m->gemma);
  for (guint i = 0; i < p->list->len; i++)
    {
      AxParameter *q = p->list->pdata[i];
      q->trainable = strstr (q->name, "obj_projectionhead") != NULL;
    }
  ax_parameters_prepare (p, TRUE);
  g_autoptr (AxTape) tape = ax_tape_new (TRUE);
  double left = 0, spread = 0;
  for (int i = 0; i < AX_N_ANATOMY; i++)
    for (int d = 0; d < width; d++)
      {
        double mean = 0;
        for (int k = 0; k < AX_N_ANATOMY; k++)
          mean += targets[k * (gsize) width + d] / AX_N_ANATOMY;
        spread += pow (targets[i * (gsize) width + d] - mean, 2);
      }
  for (int s = 0; s < steps; s++)
    {
      AxRandom r = ax_random_init (seed, 0xab, (guint64) s);
      ax_tape_reset (tape);
      ax_parameters_zero_grad (p);
      AxTensor *x = ax_tensor_new (tape, FALSE, 2, (int[]){ rows, dim });
      for (int k = 0; k < PICTURES; k++)
        memcpy (x->data + (gsize) k * AX_N_ANATOMY * (gsize) dim, perceptions[ax_random_below (&r, n)].objects,
                (gsize) AX_N_ANATOMY * (gsize) dim * sizeof (float));
      AxTensor *y = ax_gemma_project_objects (m->gemma, tape, x);
      float *grad = ax_tensor_grad (tape, y);
      left = 0;
      for (gsize i = 0; i < y->n; i++)
        {
          double e = y->data[i] - targets[i % ((gsize) AX_N_ANATOMY * (gsize) width)];
          left += e * e / PICTURES;
          grad[i] = (float) (2 * e / (double) y->n);
        }
      ax_tape_backward (tape);
      ax_parameters_step (p, lr * (1 - (double) s / steps), 0, 0, s + 1);
    }
  for (guint i = 0; i < p->list->len; i++)
    {
      AxParameter *q = p->list->pdata[i];
      if (q->m)
        {
          memset (q->m, 0, q->t.n * sizeof (float));
          memset (q->v, 0, q->t.n * sizeof (float));
        }
    }
  return left / spread;
}

/* ---- the adapter -------------------------------------------------------------------------------------------------------- */

gboolean
ax_lm_model_write (const AxLmModel *m, AxLmStore store, const char *path, GError **error)
{
  AxParameters *p = ax_gemma_parameters (m->gemma);
  g_autoptr (GArray) tensors = g_array_new (FALSE, FALSE, sizeof (AxLmTensor));
  for (guint i = 0; i < p->list->len; i++)
    {
      AxParameter *q = p->list->pdata[i];
      AxLmTensor t = { q->name, q->t.ndim, { q->t.shape[0], q->t.ndim == 2 ? q->t.shape[1] : 0 }, q->t.data };
      g_array_append_val (tensors, t);
    }
  const AxGemmaOptions *o = ax_gemma_options (m->gemma);
  return ax_lm_adapter_save (path, (const AxLmTensor *) tensors->data, tensors->len, o->lora_alpha, o->added_first, store, error);
}
