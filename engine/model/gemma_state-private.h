/* The inside of a served sequence. Used by gemma_state.c and gemma_generate.c only. */
#pragma once
#include "engine/model/gemma-private.h"
#include "engine/model/gemma_state.h"

struct _AxGemmaState {
  AxGemma *gemma;
  int      capacity, length, chunk;    /* tokens; rows of a pass */
  AxKvType kv_type;
  gsize    kv_size, kv_layer, bytes;   /* bytes of an element, of one layer's keys, of everything */
  guint8  *arena, *k, *v;              /* k and v: [layers][capacity, kv_heads * head_dim] */
  float   *cos_sin[2];                 /* [capacity, head_dim], of sliding and of global layers */
  /* of a pass, [chunk, ...] */
  float   *x, *normed, *added, *qkv, *qk, *o, *gate_up, *inner, *lora, *wide_k, *wide_v;
  AxSpan  *spans;
  float   *logits;                     /* [vocabulary] */
  gint32  *order;                      /* [vocabulary], scratch of the choice of a token */
  gboolean has_logits;
};
