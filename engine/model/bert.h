/* bert.h: the sentence encoder S (spec section 5), a BERT that is run and never trained.
 *
 * What lives here: the forward pass of a BERT encoder of any size, mean pooling over all tokens ([CLS] and [SEP] included), and the way from
 * sentences to pooled vectors. Shapes come from the weights. P_S, which is trained, belongs to the APM (ax_apm_project_text()). May use
 * ops.h, engine/text and engine/checkpoint.
 */
#pragma once
#include "engine/checkpoint/weights.h"
#include "engine/model/ops.h"
#include "engine/text/wordpiece.h"

typedef struct {
  int   layers, width, heads, ffn;
  int   vocabulary, positions;   /* rows of the embedding tables */
  float eps;                     /* of every layer norm: 1e-12 */
} AxBertConfig;

typedef struct _AxBert AxBert;

/* Takes the weights whose names are `prefix` ("" or "text_model.model.") + Hugging Face's: embeddings.word_embeddings.weight,
 * encoder.layer.0.attention.self.query.weight, ... The other numbers are read off the shapes; `heads` has to divide the width. The pooler, if
 * there is one, is ignored. NULL with AX_CHECKPOINT_ERROR: a tensor is missing or its shape does not fit the others. */
AxBert *ax_bert_new_from_weights (AxWeights *weights, const char *prefix, int heads, GError **error);
void    ax_bert_free             (AxBert *bert);
const AxBertConfig *ax_bert_config (const AxBert *bert);

/* ids[batch, tokens], row b valid up to lengths[b] (1..tokens; what is behind must be valid ids and has no influence) -> [batch, tokens, width],
 * the last hidden states. tokens may not exceed the number of positions, ids not the vocabulary (both the caller's part). */
AxTensor *ax_bert_forward (AxBert *bert, AxTape *tape, const gint32 *ids, int batch, int tokens, const int *lengths);
/* The mean over the first lengths[b] rows of each sequence of hidden[batch, tokens, width] -> [batch, width]. */
AxTensor *ax_bert_pool    (AxTape *tape, AxTensor *hidden, const int *lengths);

/* A sentence encoder: vocabulary and network of a Hugging Face folder (config.json; vocab.txt or tokenizer.json; model.safetensors or
 * pytorch_model.bin). NULL with AX_CHECKPOINT_ERROR or AX_TEXT_ERROR; a config with another activation than GELU or with relative positions is refused. */
typedef struct _AxSentenceEncoder AxSentenceEncoder;
AxSentenceEncoder *ax_sentence_encoder_open (const char *folder, GError **error);
void               ax_sentence_encoder_free (AxSentenceEncoder *self);
AxBert            *ax_sentence_encoder_bert (AxSentenceEncoder *self);
const AxWordPiece *ax_sentence_encoder_vocabulary (AxSentenceEncoder *self);
int                ax_sentence_encoder_width (AxSentenceEncoder *self);

/* The pooled vectors of n sentences into out[n, width], not normalised. Each sentence runs alone, so its vector does not depend on its neighbours
 * (spec 5.1); one that is longer than the positions is cut. Not from two threads at once. */
void ax_sentence_encoder_run (AxSentenceEncoder *self, const char *const *sentences, guint n, float *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxBert, ax_bert_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxSentenceEncoder, ax_sentence_encoder_free)
