/* The language part in memory. See language.h. */
#include "engine/session/language.h"
#include "engine/checkpoint/language_part.h"
#include <string.h>

void
ax_language_free (AxLanguage *language)
{
  ax_gemma_free (language->gemma);
  g_clear_pointer (&language->tokenizer, ax_gemma_tokenizer_unref);
  g_free (language->system);
  g_free (language);
}

/* Serving keeps weights in 8 bits; ANATOMIX_LM_STORE=f32|bf16|8bit is for comparisons. */
static AxGemmaStore
store (void)
{
  const char *named = g_getenv ("ANATOMIX_LM_STORE");
  return g_strcmp0 (named, "f32") == 0 ? AX_GEMMA_F32 : g_strcmp0 (named, "bf16") == 0 ? AX_GEMMA_BF16 : AX_GEMMA_QUANTISED;
}

static gboolean
read_prompt (AxLanguage *self, JsonObject *prompt, GError **error)
{
  static const char *const contexts[] = { "full", "no-text", "image-only" };
  const char *system = json_object_has_member (prompt, "system") ? ax_json_get_string (prompt, "system", error) : "";
  const char *context = system && json_object_has_member (prompt, "context") ? ax_json_get_string (prompt, "context", error) : contexts[0];
  if (system == NULL || context == NULL)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (contexts); i++)
    if (strcmp (context, contexts[i]) == 0)
      {
        self->context = (AxPromptContext) i;
        self->system = *system ? g_strdup (system) : NULL;
        return TRUE;
      }
  g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "model.json: there is no prompt context \"%s\"; use full, no-text or image-only", context);
  return FALSE;
}

static AxGemmaTokenizer *
open_tokenizer (AxLanguagePart *part, GError **error)
{
  AxGguf *gguf = ax_lm_weights_get_gguf (ax_language_part_get_weights (part));
  const char *json = ax_language_part_get_tokenizer_path (part);
  if (gguf)
    return ax_gemma_tokenizer_open_gguf (gguf, error);
  if (json)
    return ax_gemma_tokenizer_open (json, error);
  g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "%s has no tokenizer.json: put the one of its base model there and import again",
               ax_language_part_get_base_path (part));
  return NULL;
}

static gboolean
has (AxLmWeights *weights, const char *name)
{
  return ax_lm_weights_find (weights, name) >= 0;
}

/* The model with the adapter in it, and that it belongs to this perception module. */
static gboolean
load_gemma (AxLanguage *self, AxModel *model, AxLmWeights *weights, GError **error)
{
  const AxLmAdapterInfo *adapter = ax_lm_weights_get_adapter (weights);
  const AxLmConfig *config = ax_lm_weights_get_config (weights);
  const AxApmConfig *apm = ax_apm_config (ax_model_get_apm (model));
  const gboolean rows = has (weights, "added_tokens.weight");
  if (adapter == NULL || adapter->heads == 0 || (!rows && config->vocab < self->added_first + AX_N_ADDED_TOKENS))
    {
      g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "%s has a base language model, but no adapter that lets it see images (projection heads and "
                   "rows of the added tokens): train one or attach one", ax_model_folder (model));
      return FALSE;
    }
  if (rows && adapter->added_first != self->added_first)
    {
      g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "The adapter's added tokens begin at id %d, the tokeniser's at %d: they do not belong together",
                   adapter->added_first, self->added_first);
      return FALSE;
    }
  const AxGemmaStore kept = store ();
  AxGemmaOptions options = {
    .device = ax_model_language_device (model),
    .store = kept,
    .merge_lora = kept == AX_GEMMA_QUANTISED,
    .lora_rank = adapter->rank,
    .lora_alpha = adapter->alpha,
    .added_first = self->added_first,
    .added_count = rows ? AX_N_ADDED_TOKENS : 0,
    .added_tied = !has (weights, "added_head.weight"),
    .heads = TRUE,
    .image_dim = apm->hidden,
    .object_dim = apm->proj_dim,
    .head_hidden = 512,
  };
  const AxGemmaInjection injection = { self->added_first + AX_TOKEN_IMAGE, self->added_first + AX_TOKEN_OBJ_0, AX_N_ANATOMY };
  const AxGemmaSource source = { weights, ax_lm_weights_shape, ax_lm_weights_read };
  g_autoptr (GError) failed = NULL;
  self->gemma = ax_gemma_new (config, &options, &injection, &source, &failed);
  if (self->gemma == NULL && ax_model_language_failed (model, failed))
    {
      options.device = ax_model_language_device (model);
      g_clear_error (&failed);
      self->gemma = ax_gemma_new (config, &options, &injection, &source, &failed);
    }
  if (self->gemma == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failed));
      return FALSE;
    }
  const AxGemmaOptions *found = ax_gemma_options (self->gemma);
  if (found->image_dim != apm->hidden || found->object_dim != apm->proj_dim)
    {
      g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "The adapter takes vectors of %d and %d numbers, the perception module makes %d and %d: they do "
                   "not belong together", found->image_dim, found->object_dim, apm->hidden, apm->proj_dim);
      return FALSE;
    }
  self->context_length = config->context;
  return TRUE;
}

AxLanguage *
ax_language_load (AxModel *model, GError **error)
{
  g_autoptr (AxLanguagePart) part = ax_language_part_open (ax_model_get_folder (model), error);
  if (part == NULL)
    return NULL;
  g_autoptr (AxLanguage) self = g_new0 (AxLanguage, 1);
  self->tokenizer = open_tokenizer (part, error);
  if (self->tokenizer == NULL)
    return NULL;
  self->added_first = ax_gemma_tokenizer_added_first (self->tokenizer);
  if (!read_prompt (self, ax_language_part_get_prompt (part), error) || !load_gemma (self, model, ax_language_part_get_weights (part), error))
    return NULL;
  return g_steal_pointer (&self);
}
