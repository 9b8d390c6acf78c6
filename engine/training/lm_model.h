/* lm_model.h: the model that a training run of the language part works on, and the adapter that it leaves.
 *
 * What lives here: opening the base language model with its tokenizer and the adapter to start from, and writing what was learnt as an adapter file. May use engine/checkpoint, engine/model and engine/text.
 */
#pragma once
#include "engine/anatomix.h"
#include "engine/checkpoint/lm_weights.h"
#include "engine/text/gemma_tokenizer.h"
#include "engine/training/lm_perceptions.h"
#include "engine/training/train_lm.h"

typedef struct {
  AxGemma          *gemma;
  AxGemmaTokenizer *tokenizer;
  AxLmWeights      *base;
} AxLmModel;

/* The base of the configuration (or the installed one) with LoRA (stage instruct), heads of these widths and added rows: those of `start` where it has them,
 * freshly drawn from the seed otherwise. NULL with the errors of the files. */
AxLmModel *ax_lm_model_open  (const AxLmTrainConfig *config, AxLmStage stage, int image_dim, int object_dim, GError **error);
void       ax_lm_model_free  (AxLmModel *model);

/* Writes what the model learnt as one adapter file (engine/checkpoint/lm_adapter.h). */
gboolean   ax_lm_model_write (const AxLmModel *model, AxLmStore store, const char *path, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxLmModel, ax_lm_model_free)
