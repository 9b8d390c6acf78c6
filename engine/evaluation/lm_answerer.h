/* The answerer of a real model: the module's perception, the prompt, the language model with its cache. What lives here: AxLmAnswerer over a model folder's
 * language part, or over an adapter file that a training run left. The prefix of an image is computed once for all its requests. It works below the session,
 * because an evaluation needs wordings of its own, probabilities of options and prompts with less context; what it asks is what a session asks. May use
 * everything in the engine. */
#pragma once

#include "engine/anatomix.h"
#include "engine/evaluation/eval_lm.h"

G_BEGIN_DECLS

typedef struct _AxLmModelAnswerer AxLmModelAnswerer;

/* adapter NULL: the model's own language part; else that file over the base language model that the set-up installed. NULL with AX_CHECKPOINT_ERROR,
 * AX_TEXT_ERROR or AX_ENGINE_ERROR (no image tokens or sentences to make a prompt of). The model must outlive it, and nobody else may run it meanwhile. */
AxLmModelAnswerer *ax_lm_model_answerer_new (AxModel *model, const char *adapter, GError **error);
void ax_lm_model_answerer_free (AxLmModelAnswerer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxLmModelAnswerer, ax_lm_model_answerer_free)

/* For ax_eval_lm(). */
AxLmAnswerer ax_lm_model_answerer_get (AxLmModelAnswerer *self);

G_END_DECLS
