/* ax_attach(): gives a model folder its language part: an adapter and the base that it belongs to. The import of published files and the
 * command that takes over a trained adapter both end here. May use everything in this folder; runs no model. */
#pragma once

#include "engine/checkpoint/lm_adapter.h"
#include "engine/checkpoint/model_folder.h"

G_BEGIN_DECLS

typedef struct {
  const char *folder;  /* with a model.json */
  const char *adapter; /* lm.pt, a PEFT folder or our own file */
  const char *base;    /* GGUF file or Hugging Face folder */
  double alpha;        /* of the LoRA in lm.pt; 0: 16 */
  gboolean convert;    /* write matrices in `store`; otherwise the adapter's numbers stay as they are */
  AxLmStore store;
  gboolean check_heads; /* the heads' inputs have to be as wide as model.json's "apm" says */
  const char *title, *fetch; /* see AxLanguageDescription; title NULL: what the GGUF calls itself, or the file's name */
  JsonObject *prompt;        /* or NULL */
  JsonArray *licences;       /* or NULL */
} AxAttachOptions;

/* Opens adapter and base together (every name, count and shape is checked), writes DIR/lm_adapter.safetensors, copies the base ("base-..." for
 * Hugging Face files, a GGUF under its own name; not one that lies where it is found anyway) and updates model.json, last. FALSE with
 * AX_CHECKPOINT_ERROR. */
gboolean ax_attach(const AxAttachOptions *options, GError **error);

G_END_DECLS
