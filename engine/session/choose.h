/* choose.h: how likely each option of a question is.
 *
 * What lives here: the probability of the options' letters, without the lean towards a place in the list: asked with the options as they are and in reversed
 * order, and the mean of both log odds taken. Exchanging two options in the question therefore changes nothing. Used by what serves requests and by the
 * evaluation alike. May use engine/model, engine/task and engine/text.
 */
#pragma once
#include "engine/model/gemma_state.h"
#include "engine/task/options.h"
#include "engine/text/gemma_tokenizer.h"

/* The state stands before the question; afterwards it stands behind `given`, with logits. given and reversed (gint32): the tokens of the turn with the options as
 * they are and in reversed order (ax_options_reversed()). p[choice->n]: of the texts in the order of `choice`, adding up to 1. The state needs room for either
 * question and a tag. FALSE with the errors of ax_gemma_state_prefill(); the state then stands before the question. */
gboolean ax_choose (AxGemmaState *state, const AxGemmaTokenizer *tokenizer, const AxOptions *choice, const GArray *given, const GArray *reversed, double *p,
                    GError **error);

/* The likeliest option, the first of equal ones. */
guint    ax_choose_best (const AxOptions *choice, const double *p);
