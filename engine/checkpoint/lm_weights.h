/* The weights of a language model under one set of names, wherever they come from. What lives here: AxLmWeights, a list of named
 * tensors of a base model (Hugging Face folder, GGUF), of an adapter (PEFT folder, the authors' lm.pt, our own file) or of an
 * adapter laid over its base. Nothing is held in memory: tensors are converted when they are read, whole or row by row.
 *
 * Names: "embed_tokens.weight", "lm_head.weight" (absent: tied), "norm.weight", and per layer "layers.{i}." with
 *   "{input,post_attention,pre_feedforward,post_feedforward}_layernorm.weight", "self_attn.{q,k}_norm.weight",
 *   "self_attn.{q,k,v,o}_proj.weight", "mlp.{gate,up,down}_proj.weight";
 * of an adapter "....lora_A.weight" [r, in] and "....lora_B.weight" [out, r] in place of ".weight" of a projection, "embed_tokens.weight"
 * and "lm_head.weight" where it has vocabularies of its own, "{image,obj}_projectionhead.proj.{0,2,3}.{weight,bias}",
 * "added_tokens.weight" and "added_head.weight" [n_added, width] (the rows of ids added_first ...; no added_head: the same rows).
 * Norms are given as Hugging Face's w; a GGUF file stores 1 + w as float32 and the 1 is taken off, which is exact wherever that
 * sum is 0.5 or more (elsewhere one rounding), so the 1 + w that a model needs comes back unchanged.
 * Reference-counted, immutable, may be read by any number of threads. May use this folder's readers. Sources: spec 6.1, 6.3-6.5. */
#pragma once

#include "engine/checkpoint/lm_config.h"
#include "engine/checkpoint/weights.h"

G_BEGIN_DECLS

typedef enum {
  AX_LM_SOURCE_HF,      /* folder with config.json and safetensors, one file or several */
  AX_LM_SOURCE_GGUF,
  AX_LM_SOURCE_PEFT,    /* folder with adapter_config.json and adapter_model.safetensors */
  AX_LM_SOURCE_LM_PT,   /* the authors' lm.pt */
  AX_LM_SOURCE_ADAPTER, /* our own file, engine/checkpoint/lm_adapter.h */
  AX_LM_SOURCE_STACK,   /* an adapter over its base */
} AxLmSource;

const char *ax_lm_source_name(AxLmSource source);

/* What an adapter holds. */
typedef struct {
  int rank;              /* of LoRA; 0 without */
  double alpha;          /* B A is scaled by alpha / rank */
  guint lora, heads, vocabulary, added; /* numbers of tensors: LoRA; projection heads; embed_tokens and lm_head; added rows */
  int lora_layers;       /* layers with all 14 LoRA tensors */
  int added_first;       /* id of the first added row; 0 without */
} AxLmAdapterInfo;

typedef struct _AxLmWeights AxLmWeights;

/* A base model: a Hugging Face folder (both naming schemes, single or sharded; vision tower and projector are passed over) or a GGUF
 * file, or a folder with exactly one of these. Every tensor that the configuration asks for has to be there with its shape, and no other.
 * NULL with AX_CHECKPOINT_ERROR. */
AxLmWeights *ax_lm_base_open(const char *path, GError **error);

/* The same for a Hugging Face folder whose files carry a prefix ("base-config.json" for "base-"). */
AxLmWeights *ax_lm_base_open_prefixed(const char *dir, const char *prefix, GError **error);

/* An adapter: a PEFT folder, lm.pt (alpha is not in it: `alpha`, or 16 as published where 0) or our own file. LoRA has to be complete
 * (14 tensors in each of its layers), the heads too (0 or 12), one rank everywhere. NULL with AX_CHECKPOINT_ERROR; for lm.pt the message
 * counts what was found. */
AxLmWeights *ax_lm_adapter_open(const char *path, double alpha, GError **error);

/* The adapter's tensors, then those of the base that it does not replace. NULL with MISMATCH when layers or shapes do not fit. */
AxLmWeights *ax_lm_weights_stack(AxLmWeights *base, AxLmWeights *adapter, GError **error);

AxLmWeights *ax_lm_weights_ref(AxLmWeights *self);
void ax_lm_weights_unref(AxLmWeights *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxLmWeights, ax_lm_weights_unref)

AxLmSource ax_lm_weights_get_source(const AxLmWeights *self);
const char *ax_lm_weights_get_path(const AxLmWeights *self);

/* Dimensions of a base or stack, where `tied` says whether there is no lm_head; NULL of an adapter alone. */
const AxLmConfig *ax_lm_weights_get_config(const AxLmWeights *self);

/* Of an adapter or stack; NULL of a base alone. */
const AxLmAdapterInfo *ax_lm_weights_get_adapter(const AxLmWeights *self);

/* The GGUF file of a base or stack (its tokenizer), or NULL. */
AxGguf *ax_lm_weights_get_gguf(const AxLmWeights *self);

guint ax_lm_weights_n(const AxLmWeights *self);

/* Tensor i < n: canonical name, the type in its file, shape. Owned by self. */
const AxTensorInfo *ax_lm_weights_info(const AxLmWeights *self, guint i);

/* Index of that canonical name, or -1. */
int ax_lm_weights_find(const AxLmWeights *self, const char *name);

/* The functions that a model reads through, with the signatures of AxGemmaSource (self is an AxLmWeights): rows and columns of a tensor
 * (a vector is one row), FALSE if there is none; rows [from, from + count) of a tensor that has to have that shape, as float32. */
gboolean ax_lm_weights_shape(gpointer self, const char *name, gint64 *rows, gint64 *cols);
gboolean ax_lm_weights_read(gpointer self, const char *name, gint64 from, gint64 count, gint64 rows, gint64 cols, float *dst,
                            GError **error);

/* The whole of tensor i [n_elements] as float32. */
gboolean ax_lm_weights_read_f32(const AxLmWeights *self, guint i, float *dst, GError **error);

/* The bytes of tensor i in the type of its file (for a GGUF norm those of 1 + w), as ax_weights_read_raw(). */
gboolean ax_lm_weights_read_raw(const AxLmWeights *self, guint i, GBytes **bytes, GError **error);

/* Verifies every checksum that the files hold. */
gboolean ax_lm_weights_verify(const AxLmWeights *self, GError **error);

G_END_DECLS
