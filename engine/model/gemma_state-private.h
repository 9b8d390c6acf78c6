/* The inside of a served sequence. Used by gemma_state.c, gemma_step.c and gemma_generate.c only. */
#pragma once
#include "engine/model/gemma-private.h"
#include "engine/model/gemma_generate.h"

typedef struct { gint32 id; float log_p; } AxGemmaChoice;

struct _AxGemmaState {
  AxGemma *gemma;
  const AxDevice *on;                  /* the model's; all pointers are its, but for those that say host */
  int      capacity, length, chunk;    /* tokens; rows of a pass */
  AxKvType kv_type;
  gsize    kv_size, kv_layer, bytes;   /* bytes of an element, of one layer's keys, of everything */
  guint8  *arena, *k, *v;              /* k and v: [layers][capacity, kv_heads * head_dim] */
  float   *cos_sin[2];                 /* [capacity, head_dim], of sliding and of global layers */
  /* of a pass, [chunk, ...] */
  float   *x, *normed, *added, *qkv, *qk, *o, *gate_up, *inner, *lora, *wide_k, *wide_v;
  gint32  *ids;
  AxSpan  *spans;                      /* [2][chunk] */
  float   *row_cos_sin;                /* [2][head_dim], of a step's place */
  AxSpan  *row_spans;                  /* [2], of a step's place */
  gint32  *place;                      /* [2]: of the next step, and of the pass that runs (ax_step_begin()) */
  int      placed;                     /* place[0] as it is there; -1: not known */
  float   *last;                       /* [width]: the normed hidden state whose logits are wanted */
  float   *logits;                     /* [vocabulary], made from it when they are asked for */
  float   *scratch_logits;             /* [vocabulary], for scoring; on the host the memory of `order` */
  float   *scores;                     /* [2][chunk]: log of the sum and loss of each row that is scored */
  AxGemmaChoice *choice;               /* the greedy choice, and what a step embeds */
  gint32  *banned;                     /* [AX_GEMMA_MAX_BANNED], ascending, the rest above every id */
  /* host */
  guint8  *host_arena;
  gint32  *order;                      /* [vocabulary], scratch of the choice of a token */
  float   *host_logits;                /* [vocabulary]; `logits` itself where the device is the host */
  AxSpan  *host_spans;                 /* [2][chunk] */
  gint32   banned_there[AX_GEMMA_MAX_BANNED]; /* what `banned` holds */
  gboolean has_logits;                 /* `last` is there */
  enum { AX_LOGITS_NONE, AX_LOGITS_TOP, AX_LOGITS_ALL } made;
  float    floor;                      /* made == AX_LOGITS_TOP: logits that are not below it are exact (ax_lm_head_top()) */
  gboolean chosen;                     /* `choice` is made from `last` beside `banned` */
  gboolean told;                       /* and `told_choice` is its copy */
  AxGemmaChoice told_choice;
  gboolean stepped;                    /* a whole step has run once, so it can be recorded */
  gpointer graph;                      /* a recorded step, or NULL */
  guint    epoch;                      /* of the device's memory, when it was recorded */
};

/* A pass over the n rows of s->x at places [length, length + n): where their angles and spans are, and place[1] is set. */
typedef struct {
  const float  *cos_sin[2];
  const AxSpan *spans[2];
  gsize         keys;                  /* what the spans lie in */
} AxGemmaPass;

void ax_gemma_state_layer    (AxGemmaState *s, const AxGemmaPass *pass, int layer, int from, int n);
/* Row r of s->x is the one whose logits come next; how they are made depends on what is asked of them. */
void ax_gemma_state_keep     (AxGemmaState *s, int r);
void ax_gemma_state_make_top (AxGemmaState *s);
void ax_gemma_state_make_all (AxGemmaState *s);
/* The greedy choice and its log probability (NULL: not wanted), beside `n` ids that are not to be chosen, in any order. */
gint32 ax_gemma_state_choose (AxGemmaState *s, const gint32 *banned, int n, float *log_p);
