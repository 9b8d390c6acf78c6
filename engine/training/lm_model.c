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
    .device = c->device,
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

/* ---- the adapter -------------------------------------------------------------------------------------------------------- */

gboolean
ax_lm_model_write (const AxLmModel *m, AxLmStore store, const char *path, GError **error)
{
  AxParameters *p = ax_gemma_parameters (m->gemma);
  g_autoptr (GArray) tensors = g_array_new (FALSE, FALSE, sizeof (AxLmTensor));
  g_autoptr (GPtrArray) copies = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < p->list->len; i++)
    {
      AxParameter *q = p->list->pdata[i];
      float *copy;
      AxLmTensor t = { q->name, q->t.ndim, { q->t.shape[0], q->t.ndim == 2 ? q->t.shape[1] : 0 }, ax_parameters_host (p, q, q->t.data, &copy) };
      g_ptr_array_add (copies, copy);
      g_array_append_val (tensors, t);
    }
  const AxGemmaOptions *o = ax_gemma_options (m->gemma);
  return ax_device_check (p->device, error) && ax_lm_adapter_save (path, (const AxLmTensor *) tensors->data, tensors->len, o->lora_alpha, o->added_first, store, error);
}
