/* gemma_state.h: one sequence being served: the KV cache and the scratch memory of its passes.
 *
 * What lives here: AxGemmaState, planned when it is made: nothing is allocated afterwards, neither per token nor per chunk. It holds the keys and values
 * of tokens [0, length). A request on an image goes on from the kept prefix and afterwards rewinds to it, which costs nothing. May use
 * gemma.h. Not from two threads at once; several states of one model may exist (each run in turn: the thread pool is one).
 */
#pragma once
#include "engine/model/gemma.h"

G_BEGIN_DECLS

typedef struct _AxGemmaState AxGemmaState;

/* capacity: the most tokens that it will ever hold (prefix, request and answer). AX_CHECKPOINT_ERROR_ARGUMENT when that is out of bounds. */
AxGemmaState *ax_gemma_state_new      (AxGemma *gemma, int capacity, GError **error);
void          ax_gemma_state_free     (AxGemmaState *state);
AxGemma      *ax_gemma_state_gemma    (AxGemmaState *state);
int           ax_gemma_state_capacity (const AxGemmaState *state);
int           ax_gemma_state_length   (const AxGemmaState *state);
gsize         ax_gemma_state_bytes    (const AxGemmaState *state);  /* of the cache for its capacity and the scratch memory */
/* Bytes of a state of that capacity, before making it. */
gsize         ax_gemma_state_plan     (const AxGemma *gemma, int capacity);
/* Forgets the tokens from `length` on. */
void          ax_gemma_state_rewind   (AxGemmaState *state, int length);
/* Makes dst continue from the first `length` tokens of src (copies that much of the cache). Both of one model; length fits dst. */
void          ax_gemma_state_copy     (AxGemmaState *dst, const AxGemmaState *src, int length);

/* What is appended. Image and object rows come from ax_gemma_project(); counts are checked: `<image>` tokens must be exactly n_image_rows
 * (0: none may occur), `<obj_i>` needs object_rows. */
typedef struct {
  const gint32 *ids;
  int           n;
  const float  *image_rows;      /* [n_image_rows, width] */
  int           n_image_rows;
  const float  *object_rows;     /* [n_objects, width] */
} AxGemmaInput;

/* Asked between layers and chunks with the share of the work done, 0..1; FALSE cancels. */
typedef gboolean (*AxGemmaProgress) (double done, gpointer user_data);

/* Appends the input. want_logits: the last token's logits are made (the prefix of an image needs none, and saves most of the last layer). FALSE with
 * G_IO_ERROR_CANCELLED or AX_CHECKPOINT_ERROR_ARGUMENT (does not fit, counts, unknown ids): the state is then as it was before. */
gboolean      ax_gemma_state_prefill  (AxGemmaState *state, const AxGemmaInput *input, gboolean want_logits, AxGemmaProgress progress,
                                       gpointer user_data, GError **error);
/* Appends one token and makes its logits. The state must not be full; the id must have a row (both the caller's part). */
void          ax_gemma_state_step     (AxGemmaState *state, gint32 id);
/* logits[vocabulary] after the last prefill with want_logits, or step; owned by the state. */
const float  *ax_gemma_state_logits   (AxGemmaState *state);
/* log p of each of n given tokens that would follow, as one prefill (teacher forcing): logp[i] = log p(ids[i] | all before). The first needs logits to be
 * present. The state is as before afterwards. */
gboolean      ax_gemma_state_score    (AxGemmaState *state, const gint32 *ids, int n, float *logp, GError **error);

/* P_im of image[n, image_dim] and P_A of objects[n, object_dim] into [n, width]; without a tape of one's own. */
void          ax_gemma_project        (AxGemma *gemma, gboolean objects, int n, const float *x, float *rows);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxGemmaState, ax_gemma_state_free)

G_END_DECLS
