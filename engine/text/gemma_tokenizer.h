/* The tokeniser of Gemma 3 with AnatomiX's 45 added tokens (spec section 7). What lives here: the vocabulary, from a GGUF file's metadata or a
 * tokenizer.json, the way from text to ids (byte-pair encoding, ids equal to Hugging Face's tokenizers library), the way back, and a
 * detokeniser for one token at a time. Both sources give the same table of merges: from a GGUF it is derived from pieces and scores in the order in
 * which the published file lists them. A ready table is kept in the user's cache folder and mapped at the next start.
 * Immutable and reference-counted, any number of threads may use one; a detokeniser belongs to one thread. May use engine/checkpoint and GLib. */
#pragma once

#include "engine/checkpoint/gguf.h"
#include "engine/text/text_error.h"

G_BEGIN_DECLS

/* The 45 added tokens as offsets from ax_gemma_tokenizer_added_first(), in the order of spec 7.2. */
typedef enum {
  AX_TOKEN_IMAGE,       /* <image>: stands for one image row */
  AX_TOKEN_IMAGE_START, /* <image_start> */
  AX_TOKEN_IMAGE_END,   /* <image_end> */
  AX_TOKEN_BOX,         /* <box> */
  AX_TOKEN_BOX_END,     /* </box> */
  AX_TOKEN_EMB,         /* <emb> */
  AX_TOKEN_EMB_END,     /* </emb> */
  AX_TOKEN_OBJ_0,       /* <obj_0> ... <obj_35> */
  AX_TOKEN_REF = AX_TOKEN_OBJ_0 + 36,
  AX_TOKEN_REF_END,
  AX_N_ADDED_TOKENS, /* 45 */
} AxAddedToken;

/* Text of an added token, e.g. "<obj_3>". */
const char *ax_added_token_text(AxAddedToken token);

/* Ids of the published vocabularies (4B and 270M alike). */
#define AX_GEMMA_VOCABULARY 262144  /* pieces of the vocabulary proper */
#define AX_GEMMA_ADDED_FIRST 262145 /* 262144 is <image_soft_token> */
#define AX_GEMMA_ID(token) (AX_GEMMA_ADDED_FIRST + (token))
#define AX_GEMMA_ID_PAD 0
#define AX_GEMMA_ID_EOS 1
#define AX_GEMMA_ID_BOS 2
#define AX_GEMMA_ID_UNK 3
#define AX_GEMMA_ID_START_OF_TURN 105
#define AX_GEMMA_ID_END_OF_TURN 106

/* What a piece of the vocabulary is; the numbers are those of GGUF's tokenizer.ggml.token_type. */
typedef enum {
  AX_PIECE_NORMAL = 1,
  AX_PIECE_UNKNOWN = 2,
  AX_PIECE_CONTROL = 3,
  AX_PIECE_USER_DEFINED = 4,
  AX_PIECE_UNUSED = 5,
  AX_PIECE_BYTE = 6,
} AxPieceType;

typedef struct _AxGemmaTokenizer AxGemmaTokenizer;

/* From a .gguf file, a tokenizer.json, or a folder that holds a tokenizer.json. NULL with AX_TEXT_ERROR or AX_CHECKPOINT_ERROR. */
AxGemmaTokenizer *ax_gemma_tokenizer_open(const char *path, GError **error);

/* From the metadata of an open GGUF. */
AxGemmaTokenizer *ax_gemma_tokenizer_open_gguf(const AxGguf *gguf, GError **error);

/* From arrays of n: pieces (UTF-8, U+2581 for a space), scores (a higher one merges first) and AxPieceType. No cache. A vocabulary of
 * 262,144 pieces gets <image_soft_token> after it; the 45 added tokens follow at once in any other. */
AxGemmaTokenizer *ax_gemma_tokenizer_new(const char *const *pieces, const float *scores, const gint32 *types, guint n, GError **error);

AxGemmaTokenizer *ax_gemma_tokenizer_ref(AxGemmaTokenizer *self);
void ax_gemma_tokenizer_unref(AxGemmaTokenizer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxGemmaTokenizer, ax_gemma_tokenizer_unref)

/* Number of ids, the 45 included, and the id of "<image>" (262145 in the published vocabularies). */
guint ax_gemma_tokenizer_size(const AxGemmaTokenizer *self);
gint32 ax_gemma_tokenizer_added_first(const AxGemmaTokenizer *self);

/* Bytes of a piece as in the vocabulary (U+2581 for a space; "<0x0A>" for a byte), NULL for an id that is none. Not NUL-terminated. */
const char *ax_gemma_tokenizer_piece(const AxGemmaTokenizer *self, gint32 id, gsize *length);

/* Id of exactly that piece, or -1. */
gint32 ax_gemma_tokenizer_id(const AxGemmaTokenizer *self, const char *piece);

/* TRUE for the tokens that skip_special leaves out: <pad> <eos> <bos> <unk>, the turn and image marks; not for the 45. */
gboolean ax_gemma_tokenizer_is_special(const AxGemmaTokenizer *self, gint32 id);

/* Appends the ids (gint32) of text[length] (length < 0: up to its NUL) to ids, with <bos> before them if add_bos. Bytes that are no UTF-8 are read as
 * U+FFFD. Names of special and added tokens in the text become those tokens: user text has to go through
 * ax_prompt_sanitise() (prompt.h) first. */
void ax_gemma_tokenizer_encode(const AxGemmaTokenizer *self, const char *text, gssize length, gboolean add_bos, GArray *ids);

/* Text of n ids; free with g_free(). A run of byte tokens that is no UTF-8 gives one U+FFFD a byte, as the original does. Ids that are none are left
 * out. */
char *ax_gemma_tokenizer_decode(const AxGemmaTokenizer *self, const gint32 *ids, gsize n, gboolean skip_special);

/* ---- one token at a time ---- */

typedef struct {
  const AxGemmaTokenizer *tokenizer;
  gboolean skip_special;
  guint n_held;
  guint8 held[4]; /* begin of a character whose other bytes have not come */
  char text[256];  /* what the last call gave */
} AxDetokenizer;

void ax_detokenizer_init(AxDetokenizer *self, const AxGemmaTokenizer *tokenizer, gboolean skip_special);

/* The text that is complete with this token: valid UTF-8, maybe empty, valid until the next call. No allocation. Bytes of a character are held back
 * until it is whole; bytes that can no longer become one give U+FFFD each. */
const char *ax_detokenizer_push(AxDetokenizer *self, gint32 id);

/* What was held back at the end of the text: U+FFFD for each byte, or "". */
const char *ax_detokenizer_finish(AxDetokenizer *self);

G_END_DECLS
