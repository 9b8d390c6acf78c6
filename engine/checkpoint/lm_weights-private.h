/* How the openers of language models build an AxLmWeights, and the canonical names. Private to this folder. */
#pragma once

#include "engine/checkpoint/lm_weights.h"

G_BEGIN_DECLS

typedef struct {
  AxTensorInfo info; /* canonical name, owned by the AxLmWeights */
  AxWeights *weights;
  guint index;
  gboolean plus_one; /* the file holds 1 + w */
  int scale;         /* tensor of the scales of an I8 tensor, or -1 */
} AxLmEntry;

AxLmWeights *ax_lm_weights_new(AxLmSource source, const char *path);

/* Lists tensor `index` of weights under a canonical name. FALSE with DAMAGED when the name is taken. */
gboolean ax_lm_weights_add(AxLmWeights *self, const char *name, AxWeights *weights, guint index, gboolean plus_one, int scale, GError **error);
void ax_lm_weights_set_config(AxLmWeights *self, const AxLmConfig *config);
void ax_lm_weights_set_adapter(AxLmWeights *self, const AxLmAdapterInfo *info);
void ax_lm_weights_set_gguf(AxLmWeights *self, AxGguf *gguf);

typedef enum { AX_LM_NAME_TAKEN, AX_LM_NAME_IGNORED, AX_LM_NAME_UNKNOWN } AxLmNameKind;

/* The canonical name (owned by the caller) of a tensor of a Hugging Face file, PEFT adapter, lm.pt or our own. IGNORED: the vision
 * tower, its projector, buffers, and the copies of the vocabulary that PEFT keeps beside the trained ones. */
AxLmNameKind ax_lm_name_from_hf(const char *name, char **canonical);

/* The same of a GGUF; *plus_one where the file stores 1 + w. */
AxLmNameKind ax_lm_name_from_gguf(const char *name, char **canonical, gboolean *plus_one);

/* Number of the layer and what follows "layers.{i}."; -1 and NULL of other names. */
int ax_lm_name_layer(const char *canonical, const char **tail);

/* The parts of a layer: 7 projections, then 6 norms, without ".weight". */
#define AX_LM_N_PROJECTIONS 7
#define AX_LM_N_PARTS 13
extern const char *const ax_lm_parts[AX_LM_N_PARTS];

/* Shape of part p of a layer: rows 1 for a norm. */
void ax_lm_part_shape(const AxLmConfig *config, int part, gint64 *rows, gint64 *cols);

/* Looks at names and shapes of an adapter's tensors: complete layers of LoRA with one rank, complete heads, vocabularies and added rows
 * that agree. Fills all of *info but alpha and added_first. FALSE with MISMATCH. */
gboolean ax_lm_adapter_check(const AxTensorInfo *const *infos, guint n, AxLmAdapterInfo *info, GError **error);

G_END_DECLS
