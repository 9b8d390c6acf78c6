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
  float   *last;                       /* [width]: the normed hidden state whose logits are wanted */
  float   *logits;                     /* [vocabulary], made from it when they are asked for */
  gint32  *order;                      /* [vocabulary], scratch of the choice of a token */
  gboolean has_logits;                 /* `last` is there */
  enum { AX_LOGITS_NONE, AX_LOGITS_TOP, AX_LOGITS_ALL } made;
  float    floor;                      /* made == AX_LOGITS_TOP: logits that are not below it are exact (ax_lm_head_top()) */
};

void ax_gemma_state_make_top (AxGemmaState *s);
void ax_gemma_state_make_all (AxGemmaState *s);
