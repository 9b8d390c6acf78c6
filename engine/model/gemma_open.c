/* The language model from weight files. See gemma.h. */
#include "engine/model/gemma.h"

AxGemma *
ax_gemma_new_from_weights (AxLmWeights *weights, const AxGemmaOptions *options, const AxGemmaInjection *injection, GError **error)
{
  const AxGemmaSource source = { weights, ax_lm_weights_shape, ax_lm_weights_read };
  const AxLmAdapterInfo *adapter = ax_lm_weights_get_adapter (weights);
  const AxGemmaConfig *config = ax_lm_weights_get_config (weights);
  AxGemmaOptions o = *options;
  if (config == NULL)
    {
      g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT, "%s is an adapter without its base model", ax_lm_weights_get_path (weights));
      return NULL;
    }
  if (o.lora_alpha == 0 && adapter != NULL)
    o.lora_alpha = adapter->alpha;
  AxGemma *gemma = ax_gemma_new (config, &o, injection, &source, error);
  if (gemma == NULL)
    g_prefix_error (error, "%s: ", ax_lm_weights_get_path (weights));
  return gemma;
}
