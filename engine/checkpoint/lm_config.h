/* The dimensions of a Gemma 3 language model, from whatever describes them: a Hugging Face config.json, a GGUF file's keys, or the
 * table of released sizes. Plain figures, no weights. May use json-glib and gguf.h.
 * Sources: spec 6.1; for what a GGUF does not hold (local theta, pattern of the layers, query scale, embedding scale) the table. */
#pragma once

#include "engine/checkpoint/gguf.h"
#include "engine/checkpoint/json_read.h"

G_BEGIN_DECLS

#define AX_LM_MAX_LAYERS 512

typedef struct {
  int layers, width, heads, kv_heads, head_dim, ffn;
  int vocab;                        /* rows of the embedding table */
  int window;                       /* keys that a query of a sliding layer sees, itself included */
  int global_every;                 /* layer i sees everything iff (i + 1) % global_every == 0 */
  int context;                      /* positions that the model was made for */
  double theta_local, theta_global; /* of the rotary embedding */
  double rope_factor;               /* linear scaling of the global layers; 1: none */
  double query_scale;               /* of the scores: query_pre_attn_scalar^-0.5 */
  double eps;                       /* of the RMS norms */
  double embed_scale;               /* see ax_lm_embed_scale() */
  gboolean tied;                    /* the output head is the embedding table */
} AxLmConfig;

/* The released sizes "270m", "1b" and "4b" with embed_scale as for bfloat16 weights. FALSE if there is no such name. */
gboolean ax_lm_config_named(const char *name, AxLmConfig *config);

/* sqrt(width), rounded to the type of the embedding table as the reference does (bf16: 50.5 at width 2560; f16 likewise), and to
 * float32 for every other type and for GGUF files, whose consumers never rounded it. */
double ax_lm_embed_scale(int width, AxDtype dtype, gboolean gguf);

/* From config.json of Gemma3ForConditionalGeneration (its text_config) or Gemma3ForCausalLM. What the file leaves out has the value
 * of transformers' Gemma3TextConfig. embed_scale is left at 0: it depends on the weights' type. FALSE with UNSUPPORTED (another
 * architecture, soft-capping, biases, another activation, an irregular pattern of layers), MISSING or MISMATCH. */
gboolean ax_lm_config_from_json(JsonObject *root, AxLmConfig *config, GError **error);

/* From the keys of a GGUF file of architecture "gemma3"; tied is found by the reader of the weights. FALSE as above. */
gboolean ax_lm_config_from_gguf(const AxGguf *gguf, AxLmConfig *config, GError **error);

/* Refuses figures that make no model or are absurd, so that products of them cannot overflow. FALSE with MISMATCH. */
gboolean ax_lm_config_check(const AxLmConfig *config, GError **error);

/* Whether layer i sees everything before it. */
static inline gboolean
ax_lm_config_is_global(const AxLmConfig *config, int i)
{
  return (i + 1) % config->global_every == 0;
}

G_END_DECLS
