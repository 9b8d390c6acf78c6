/* The table behind AxGemmaTokenizer: one block of memory that is built from a source once and then only read, from the heap or mapped from the cache.
 * What lives here: its layout, how it is made from pieces and merges, the look-ups, and the cache file. Used inside engine/text only. May use
 * engine/checkpoint (SHA-256, atomic files) and GLib. */
#pragma once

#include "engine/text/gemma_tokenizer.h"

G_BEGIN_DECLS

#define AX_MAX_PIECES 2000000u
#define AX_MAX_PIECE_BYTES 240u /* so that a piece fits AxDetokenizer.text */
#define AX_NO_ID G_MAXUINT32

/* One entry of the hash table of merges; id == AX_NO_ID: empty. */
typedef struct {
  guint32 left, right, rank, id;
} AxMerge;

typedef struct {
  guint32 c, id;
} AxCharPiece;

typedef struct {
  guint32 n;           /* ids, the 45 included */
  guint32 added_first; /* id of <image> */
  guint32 bos, unk;    /* ids or AX_NO_ID */
  guint32 n_merges, merge_bits, n_chars, n_literals, n_text;
  guint32 byte_id[256];          /* ids of <0x00>..<0xFF> or AX_NO_ID */
  guint32 byte_complete;         /* every one is there */
  const guint32 *offsets;        /* [n + 1] into text */
  const guint8 *kinds;           /* [n] AxPieceKind flags */
  const char *text;              /* [n_text] */
  const AxMerge *merges;         /* [1 << merge_bits] open addressing */
  const AxCharPiece *chars;      /* [n_chars] pieces of one character, ascending */
  const guint32 *literals;       /* [n_literals] ids of the built-in added tokens, ascending by bytes */
  guint32 added_sorted[AX_N_ADDED_TOKENS]; /* ids of the 45, ascending by bytes */
  GBytes *block;
} AxGemmaTable;

enum { AX_KIND_LITERAL = 1, AX_KIND_SPECIAL = 2, AX_KIND_BYTE = 4 };

/* What a source gives. Strings lie one after the other in text. */
typedef struct {
  GArray *offsets;  /* guint32 [n + 1] */
  GString *text;
  GByteArray *kinds; /* [n] */
  GArray *merges;   /* AxMerge, rank ascending; NULL: to be derived from scores */
  float *scores;    /* [n] or NULL */
} AxGemmaPieces;

void ax_gemma_pieces_init(AxGemmaPieces *pieces);
void ax_gemma_pieces_clear(AxGemmaPieces *pieces);
/* Appends the next id's piece. FALSE when it is too long or there are too many. */
gboolean ax_gemma_pieces_add(AxGemmaPieces *pieces, const char *text, gsize length, guint8 kind);

/* Id by text over n pieces, for building. */
typedef struct _AxPieceIndex AxPieceIndex;
AxPieceIndex *ax_piece_index_new(const AxGemmaPieces *pieces);
void ax_piece_index_free(AxPieceIndex *self);
guint32 ax_piece_index_find(const AxPieceIndex *self, const char *text, gsize length);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxPieceIndex, ax_piece_index_free)

/* The merges that scores mean, in the order of the published tokenizer.json: pairs of pieces that join to a piece, by its score, then by the lengths of
 * the parts in characters, all falling, then by ids. Pieces that are not NORMAL count as score 0. Sets pieces->merges. */
void ax_gemma_pieces_derive_merges(AxGemmaPieces *pieces, const AxPieceIndex *index);

/* Builds the table; pieces have their merges. key names the source in the cache. NULL with FORMAT when the vocabulary cannot serve. */
AxGemmaTable *ax_gemma_table_build(const AxGemmaPieces *pieces, const AxPieceIndex *index, const char *key, GError **error);
void ax_gemma_table_free(AxGemmaTable *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxGemmaTable, ax_gemma_table_free)

/* The table of that key in the user's cache folder, or NULL; saving is best effort. */
AxGemmaTable *ax_gemma_table_load(const char *key);
void ax_gemma_table_save(const AxGemmaTable *self, const char *key);

/* Reads tokenizer.json (text[length], UTF-8) into pieces, merges included. */
gboolean ax_gemma_pieces_from_json(AxGemmaPieces *pieces, const char *text, gsize length, const char *name, GError **error);

static inline guint32 ax_merge_slot(guint32 left, guint32 right, guint32 bits) {
  return (guint32) ((((guint64) left << 32 | right) * G_GUINT64_CONSTANT(0x9E3779B97F4A7C15)) >> (64 - bits));
}

static inline const AxMerge *ax_gemma_table_merge(const AxGemmaTable *self, guint32 left, guint32 right) {
  const guint32 mask = (1u << self->merge_bits) - 1;
  for (guint32 slot = ax_merge_slot(left, right, self->merge_bits);; slot = (slot + 1) & mask) {
    const AxMerge *m = &self->merges[slot];
    if (m->id == AX_NO_ID)
      return NULL;
    if (m->left == left && m->right == right)
      return m;
  }
}

G_END_DECLS
