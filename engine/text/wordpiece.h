/* The WordPiece tokeniser of uncased BERT models (spec section 5). What lives here: the vocabulary, read from vocab.txt or tokenizer.json, and the
 * way from a sentence to ids: control characters removed, Chinese characters set apart, accents stripped, lower case, split at white space and
 * punctuation, longest match first. Gives the ids of Hugging Face's BertTokenizerFast, except for a few
 * marks and signs that Unicode gained after 2015, which its tables lack. Immutable and reference-counted, any number of threads may use it. May use engine/checkpoint and GLib. */
#pragma once

#include <gio/gio.h>

#include "engine/text/text_error.h"

G_BEGIN_DECLS

typedef struct _AxWordPiece AxWordPiece;

/* Reads vocab.txt (one token a line, its number the id) or, if the name ends in .json, tokenizer.json with an uncased WordPiece model.
 * NULL with AX_TEXT_ERROR, or AX_CHECKPOINT_ERROR for JSON that is damaged or lacks a member. */
AxWordPiece *ax_wordpiece_load(const char *path, GError **error);
AxWordPiece *ax_wordpiece_ref(AxWordPiece *self);
void ax_wordpiece_unref(AxWordPiece *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxWordPiece, ax_wordpiece_unref)

/* Number of ids. */
guint ax_wordpiece_size(const AxWordPiece *self);

/* Token of an id, or NULL. */
const char *ax_wordpiece_token(const AxWordPiece *self, guint id);

/* Id of a token, or -1. */
gint32 ax_wordpiece_id(const AxWordPiece *self, const char *token);

/* [CLS] text [SEP] as ids, *n of them; free with g_free(). With max_tokens > 1 the text is cut so that no more than that many ids come out, [SEP]
 * included. Bytes that are no UTF-8 are left out. The names of the special tokens in the text become those tokens, as in the original. */
gint32 *ax_wordpiece_encode(const AxWordPiece *self, const char *text, guint max_tokens, guint *n);

G_END_DECLS
