/* lm_model.h: the model that a training run of the language part works on, and the adapter that it leaves.
 *
 * What lives here: opening the base language model with its tokenizer and the adapter to start from, a start of P_A that knows the structures' names, and
 * writing what was learnt as an adapter file. May use engine/checkpoint, engine/model and engine/text.
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

/* Moves P_A alone so that the embedding of structure i comes out as what the base's own embeddings of its name add up to: `steps` AdamW steps of rate lr on
 * the squared error over the perceptions' object embeddings. The prompt prints a structure's box behind `<obj_i>` and before its name, so the digits can be
 * told apart by `<obj_i>` alone. Returns the share of the targets' variance that is left unexplained; NaN with an error. */
double     ax_lm_model_name_objects (AxLmModel *model, const AxLmPerception *perceptions, guint n, int steps, double lr, guint64 seed, GError **error);

/* Writes what the model learnt as one adapter file (engine/checkpoint/lm_adapter.h). */
gboolean   ax_lm_model_write (const AxLmModel *model, AxLmStore store, const char *path, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxLmModel, ax_lm_model_free)
