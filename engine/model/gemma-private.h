/* The parts of the language model. Used by gemma*.c only. */
#pragma once
#include "engine/model/gemma.h"
#include "engine/model/ops_lm.h"

typedef struct {
  AxQLinear qkv, o, gate_up, down;
  /* [width], and [head_dim] for q and k; all hold 1 + w; the device's, as the matrices */
  float    *norm_in, *norm_q, *norm_k, *norm_post, *norm_pre_ffn, *norm_post_ffn;
  gboolean  global;
} AxGemmaLayer;

typedef struct { AxParameter *w0, *b0, *gamma, *beta, *w3, *b3; } AxGemmaHead;

struct _AxGemma {
  const AxDevice  *device;
  AxGemmaConfig    config;
  AxGemmaOptions   options;
  AxGemmaInjection injection;
  gboolean         injects;
  int              vocabulary;         /* columns of the logits */
  AxParameters    *params;
  AxGemmaLayer    *layers;
  float           *norm;
  AxQMatrix       *embed, *head;       /* [vocabulary, width]; the same matrix when tied; NULL when learned */
  AxParameter     *added, *added_head, *learned_embed, *learned_head;
  AxGemmaHead      p_im, p_a;          /* w0 NULL: there is none */
  GHashTable      *from_source;        /* names of parameters that the source held: ax_gemma_init() leaves them */
};

/* cos and sin of the angles of n positions, [n, head_dim] as ax_rope() wants it, computed as the reference does: inverse frequency and angle in
 * float32. positions NULL: from, from + 1, ... */
void     ax_gemma_rope_table (const AxGemmaConfig *config, gboolean global, int n, const gint32 *positions, int from, float *cos_sin);
AxLmHead ax_gemma_lm_head    (const AxGemma *gemma);
/* Rows of a base matrix by number, into and from the host: y[n, width]. */
void     ax_gemma_read_rows  (const AxGemma *gemma, const AxQMatrix *m, gsize n, const gint32 *ids, float *y);
void     ax_gemma_write_rows (const AxGemma *gemma, AxQMatrix *m, gsize first, gsize n, const float *rows);
/* Whether the id has a row of any kind. */
gboolean ax_gemma_has_row    (const AxGemma *gemma, gint32 id);
/* x[n, width] = the embedding of plain ids, scaled; rows of ids that are injected hold their token's own row. ids and x are the device's. */
void     ax_gemma_embed_rows (const AxGemma *gemma, int n, const gint32 *ids, float *x);
