/* answer.h: from the language model's tokens to an AxAnswer.
 *
 * What lives here: AxAnswerMaker, fed with one token at a time: text for people and boxes as soon as they are certain, and at the end the answer with
 * sentences, boxes and how sure the model was of each. May use anatomix.h, engine/task and engine/text.
 */
#pragma once
#include "engine/anatomix.h"
#include "engine/image/preprocess.h"
#include "engine/task/answer_parser.h"
#include "engine/text/gemma_tokenizer.h"

typedef struct _AxAnswerMaker AxAnswerMaker;

/* frame: of the image that was asked about (boxes of the answer are in its pixels; a mirrored image's are those of the mirrored pixels). */
AxAnswerMaker *ax_answer_maker_new  (AxTask task, const AxFrame *frame, const AxGemmaTokenizer *tokenizer, int max_tokens);
void           ax_answer_maker_free (AxAnswerMaker *maker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxAnswerMaker, ax_answer_maker_free)

/* One more token with its probability: what it adds to the plain text (maybe ""), valid until the next call. */
const char *ax_answer_maker_push  (AxAnswerMaker *maker, gint32 id, float probability);
/* Boxes that became complete since the last call of this function: FALSE when there is none (left). */
gboolean    ax_answer_maker_next_box (AxAnswerMaker *maker, AxAnswerBox *box);
/* The end: text that was held back. */
const char *ax_answer_maker_finish (AxAnswerMaker *maker);
/* The answer; timing, prompt and perception are the caller's to fill in. */
AxAnswer   *ax_answer_maker_answer (AxAnswerMaker *maker, AxStopped stopped);
