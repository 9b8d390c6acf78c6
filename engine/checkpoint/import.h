/* ax_import(): makes a model folder from the published files. May use everything in this folder; runs no model. */
#pragma once

#include "engine/checkpoint/model_folder.h"
#include "engine/checkpoint/weights.h"

G_BEGIN_DECLS

typedef struct {
  const char *apm_checkpoint; /* last_checkpoint.pth, a bare state dictionary or safetensors; required */
  const char *sentence_db;    /* emb_db.pt or our own form; required */
  const char *lm_checkpoint;  /* adapter: lm.pt, a PEFT folder or our own file; or NULL */
  const char *lm_base;        /* its base language model: a Hugging Face folder or a GGUF file; both or neither */
  double lm_alpha;            /* of the LoRA in lm.pt, which does not hold it; 0: 16, the published one */
  const char *output;         /* folder; made if it is not there; must hold no model.json yet unless overwrite */
  const char *name;           /* NULL: the output folder's name */
  int input_size;             /* pixels; 0: 1024, the published model's */
  gboolean overwrite;
  const AxTensorSpec *expected; /* the model's own list, or NULL: then names and shapes are not compared */
  guint n_expected;
} AxImportOptions;

/* Called with what is being done and the share done, from the calling thread. */
typedef void (*AxImportProgress)(const char *what, double share, void *user);

/* Writes DIR/apm.safetensors (F32, every vis_model and text_model tensor), DIR/sentences.safetensors, the language model's files and
 * DIR/model.json, this last: an import that fails or is cancelled leaves no model. A licence file beside the checkpoint is not
 * looked for: the published weights' terms are the caller's to add.
 * The language part is made as ax_attach() does.
 * FALSE with AX_CHECKPOINT_ERROR, or G_IO_ERROR_CANCELLED. */
gboolean ax_import(const AxImportOptions *options, AxImportProgress progress, void *user, GCancellable *cancellable, GError **error);

G_END_DECLS
