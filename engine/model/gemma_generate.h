/* gemma_generate.h: answers, token by token (spec 8.3).
 *
 * What lives here: the choice of a token from logits and the loop of choosing and stepping. Greedy unless a temperature is set; the same seed gives
 * the same answer. Allocates nothing per token. May use gemma_state.h.
 */
#pragma once
#include "engine/model/gemma_state.h"

G_BEGIN_DECLS

#define AX_GEMMA_END_OF_TURN 106
#define AX_GEMMA_EOS 1
#define AX_GEMMA_MAX_STOPS 8
#define AX_GEMMA_MAX_BANNED 128

typedef struct {
  double  temperature;           /* 0: greedy, the first of equal maxima */
  int     top_k;                 /* 0: all */
  double  top_p;                 /* 1 (or 0): all */
  guint64 seed;
  int     max_tokens;            /* 350 in the authors' benchmark */
  gint32  stop[AX_GEMMA_MAX_STOPS];     /* ends the answer and is not part of it */
  int     n_stop;                /* 0: runs to max_tokens as the reference does */
  gint32  banned[AX_GEMMA_MAX_BANNED];  /* never chosen: ids whose rows mean input, such as <image> and <obj_i> */
  int     n_banned;
} AxGemmaSampling;

/* Greedy, 350 tokens, stop at 106 and 1, nothing banned. */
AxGemmaSampling ax_gemma_sampling_default (void);

typedef enum { AX_GEMMA_STOP_END, AX_GEMMA_STOP_LENGTH, AX_GEMMA_STOP_CANCELLED } AxGemmaStop;
/* "end", "length", "cancelled". */
const char *ax_gemma_stop_name (AxGemmaStop stop);

/* One token of the answer, as soon as it is chosen. probability: of this token under the model's plain softmax (temperature 1, nothing banned).
 * Returning FALSE cancels. */
typedef gboolean (*AxGemmaToken) (gint32 id, float probability, gpointer user_data);

/* Chooses from logits[n] (not changed). The scratch memory is the state's; draws counts the draws of this answer. probability may be
 * NULL. Greedy on 8-bit weights makes exact logits only of those that may be the largest (ax_qmatrix_top()): the choice is the same, and the probability off
 * by a hundredth of it or so. */
gint32      ax_gemma_choose   (AxGemmaState *state, const AxGemmaSampling *sampling, guint64 draw, float *probability);

/* Generates from a state whose last prefill made logits. Every chosen token is appended to the state, except a stop token and, when it ended by length or
 * in the callback, the last one. On a device that fails it ends with AX_GEMMA_STOP_CANCELLED, and ax_device_check() tells why. ids (room for max_tokens) and probabilities may be NULL; *n_tokens is how many were made. Ends with AX_GEMMA_STOP_LENGTH too when the state is
 * full. Cancellation (cancellable may be NULL) takes effect within one token. */
AxGemmaStop ax_gemma_generate (AxGemmaState *state, const AxGemmaSampling *sampling, GCancellable *cancellable, AxGemmaToken token,
                               gpointer user_data, gint32 *ids, float *probabilities, int *n_tokens);

G_END_DECLS
