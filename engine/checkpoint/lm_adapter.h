/* Our own file of an adapter, and lm.pt. What lives here: writing what a trainer learned (LoRA, projection heads, rows of the added tokens)
 * as one safetensors file, and the authors' lm.pt with its tensors counted. ax_lm_adapter_open() (lm_weights.h) reads both.
 *
 * The file: tensors under their canonical names; matrices in the type asked for, vectors always as F32. 8 bits: an I8 tensor and beside it
 * "NAME.scale" (BF16 [rows, ceil(columns / 32)]), value = integer * scale of its group of 32 columns, an error of at most 1/252 of the
 * group's largest value. Metadata: "format" "anatomix-lm-adapter", "version" "1", "rank", "alpha", "added_first".
 * The same tensors give the same bytes. May use this folder. */
#pragma once

#include "engine/checkpoint/lm_weights.h"

G_BEGIN_DECLS

#define AX_LM_ADAPTER_FORMAT "anatomix-lm-adapter"

typedef enum {
  AX_LM_STORE_F32,
  AX_LM_STORE_F16,
  AX_LM_STORE_BF16,
  AX_LM_STORE_8BIT,
} AxLmStore;

typedef struct {
  const char *name; /* canonical */
  int ndim;         /* 1 or 2 */
  gint64 shape[2];
  const float *data;
} AxLmTensor;

/* Writes an adapter, whole or not at all. alpha counts only with LoRA, added_first (the id of the first added row) only with
 * "added_tokens.weight". FALSE with ARGUMENT (a name that is not canonical, incomplete LoRA or heads, shapes that disagree, a value that
 * is not finite or does not fit the type) or WRITE. */
gboolean ax_lm_adapter_save(const char *path, const AxLmTensor *tensors, guint n, double alpha, int added_first, AxLmStore store,
                            GError **error);

/* Writes the tensors of an adapter that was read (PEFT, lm.pt) in their own types. FALSE as above. */
gboolean ax_lm_adapter_convert(const AxLmWeights *adapter, const char *path, GError **error);

/* The counts of spec 6.5. */
typedef struct {
  guint lora, heads, vocabulary, other;
  guint layers; /* lora / 14 */
} AxLmCheckpointCounts;

/* Opens lm.pt and counts its tensors; they are named as in "core_model" and "wrapper". NULL with MISMATCH (the message holds the
 * counts) when they are not as spec 6.5 says, or as ax_weights_open(). */
AxWeights *ax_lm_checkpoint_open(const char *path, AxLmCheckpointCounts *counts, GError **error);

G_END_DECLS
