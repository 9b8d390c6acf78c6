#include "engine/text/gemma_table.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine/checkpoint/atomic_file.h"
#include "engine/checkpoint/sha256.h"

/* ---- pieces ---- */

void ax_gemma_pieces_init(AxGemmaPieces *pieces) {
  const guint32 zero = 0;
  *pieces = (AxGemmaPieces){g_array_new(FALSE, FALSE, sizeof(guint32)), g_string_new(NULL), g_byte_array_new(), NULL, NULL};
  g_array_append_val(pieces->offsets, zero);
}

void ax_gemma_pieces_clear(AxGemmaPieces *pieces) {
  g_array_unref(pieces->offsets);
  g_string_free(pieces->text, TRUE);
  g_byte_array_unref(pieces->kinds);
  g_clear_pointer(&pieces->merges, g_array_unref);
  g_clear_pointer(&pieces->scores, g_free);
}

gboolean ax_gemma_pieces_add(AxGemmaPieces *pieces, const char *text, gsize length, guint8 kind) {
  if (length > AX_MAX_PIECE_BYTES || pieces->kinds->len >= AX_MAX_PIECES)
    return FALSE;
  g_string_append_len(pieces->text, text, (gssize) length);
  const guint32 end = (guint32) pieces->text->len; /* at most 2e6 * 240 bytes */
  g_array_append_val(pieces->offsets, end);
  g_byte_array_append(pieces->kinds, &kind, 1);
  return TRUE;
}

static inline const char *piece_at(const AxGemmaPieces *pieces, guint32 id, gsize *length) {
  const guint32 *offsets = (const guint32 *) (gpointer) pieces->offsets->data;
  *length = offsets[id + 1] - offsets[id];
  return pieces->text->str + offsets[id];
}

/* ---- id by text ---- */

struct _AxPieceIndex {
  const AxGemmaPieces *pieces;
  guint32 mask, *slots;
};

static inline guint32 hash_text(const char *text, gsize length) {
  guint64 h = G_GUINT64_CONSTANT(0xCBF29CE484222325);
  for (gsize i = 0; i < length; i++)
    h = (h ^ (guint8) text[i]) * G_GUINT64_CONSTANT(0x100000001B3);
  return (guint32) (h ^ h >> 32);
}

AxPieceIndex *ax_piece_index_new(const AxGemmaPieces *pieces) {
  AxPieceIndex *self = g_new(AxPieceIndex, 1);
  const guint32 n = pieces->kinds->len;
  guint32 size = 16;
  while (size < 2 * n)
    size *= 2;
  *self = (AxPieceIndex){pieces, size - 1, g_new(guint32, size)};
  memset(self->slots, 0xFF, size * sizeof *self->slots);
  for (guint32 id = 0; id < n; id++) {
    gsize length;
    const char *text = piece_at(pieces, id, &length);
    if (length == 0 || ax_piece_index_find(self, text, length) != AX_NO_ID)
      continue;
    guint32 slot = hash_text(text, length) & self->mask;
    while (self->slots[slot] != AX_NO_ID)
      slot = (slot + 1) & self->mask;
    self->slots[slot] = id;
  }
  return self;
}

void ax_piece_index_free(AxPieceIndex *self) {
  g_free(self->slots);
  g_free(self);
}

guint32 ax_piece_index_find(const AxPieceIndex *self, const char *text, gsize length) {
  for (guint32 slot = hash_text(text, length) & self->mask;; slot = (slot + 1) & self->mask) {
    const guint32 id = self->slots[slot];
    gsize n;
    if (id == AX_NO_ID)
      return AX_NO_ID;
    const char *piece = piece_at(self->pieces, id, &n);
    if (n == length && memcmp(piece, text, length) == 0)
      return id;
  }
}

/* ---- merges from scores ---- */

typedef struct {
  float score;
  guint16 left_length, right_length; /* characters */
  guint32 order, left, right, id;
} Candidate;

static int by_ids(const void *a, const void *b) {
  const Candidate *x = a, *y = b;
  return x->left != y->left ? (x->left < y->left ? -1 : 1) : x->right < y->right ? -1 : x->right > y->right;
}

static int by_rank(const void *a, const void *b) {
  const Candidate *x = a, *y = b;
  if (x->score != y->score)
    return x->score > y->score ? -1 : 1;
  if (x->left_length != y->left_length)
    return x->left_length > y->left_length ? -1 : 1;
  if (x->right_length != y->right_length)
    return x->right_length > y->right_length ? -1 : 1;
  return x->order < y->order ? -1 : x->order > y->order;
}

void ax_gemma_pieces_derive_merges(AxGemmaPieces *pieces, const AxPieceIndex *index) {
  g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(Candidate));
  for (guint32 id = 0; id < pieces->kinds->len; id++) {
    gsize length;
    const char *text = piece_at(pieces, id, &length);
    if (ax_piece_index_find(index, text, length) != id)
      continue; /* empty, or the same text as an earlier one */
    const guint16 characters = (guint16) g_utf8_strlen(text, (gssize) length);
    const guint first = all->len;
    guint16 left_length = 1;
    for (const char *cut = g_utf8_next_char(text); cut < text + length; cut = g_utf8_next_char(cut), left_length++) {
      const guint32 left = ax_piece_index_find(index, text, (gsize) (cut - text));
      const guint32 right = left != AX_NO_ID ? ax_piece_index_find(index, cut, (gsize) (text + length - cut)) : AX_NO_ID;
      if (right == AX_NO_ID)
        continue;
      const Candidate c = {pieces->scores[id], left_length, (guint16) (characters - left_length), 0, left, right, id};
      g_array_append_val(all, c);
    }
    if (all->len - first > 1)
      qsort(&g_array_index(all, Candidate, first), all->len - first, sizeof(Candidate), by_ids);
  }
  for (guint i = 0; i < all->len; i++)
    g_array_index(all, Candidate, i).order = i;
  if (all->len > 1)
    qsort(all->data, all->len, sizeof(Candidate), by_rank);
  pieces->merges = g_array_sized_new(FALSE, FALSE, sizeof(AxMerge), all->len);
  for (guint i = 0; i < all->len; i++) {
    const Candidate *c = &g_array_index(all, Candidate, i);
    const AxMerge m = {c->left, c->right, i, c->id};
    g_array_append_val(pieces->merges, m);
  }
}

/* ---- the block ---- */

/* Everything of the table that is no pointer, as it lies at the beginning of the block; the arrays follow in the order of layout(). */
typedef struct {
  char magic[8];
  guint32 n, added_first, bos, unk, n_merges, merge_bits, n_chars, n_literals, n_text, byte_complete;
  guint32 byte_id[256], added_sorted[AX_N_ADDED_TOKENS];
  guint32 reserved;
  char key[AX_SHA256_HEX_SIZE];     /* of the source */
  char digest[AX_SHA256_HEX_SIZE];  /* of all that follows the header */
  char own_digest[AX_SHA256_HEX_SIZE]; /* of the header up to here */
  char padding[5];
} Header;

#define MAGIC "AXGTOK02"
G_STATIC_ASSERT(sizeof(Header) % 16 == 0);

typedef struct {
  gsize offsets, kinds, text, merges, chars, literals, total;
} Layout;

static Layout layout(const Header *h) {
  Layout l;
  gsize at = sizeof(Header);
#define PLACE(field, bytes) (l.field = at, at = (at + (bytes) + 15) & ~(gsize) 15)
  PLACE(offsets, ((gsize) h->n + 1) * sizeof(guint32));
  PLACE(kinds, (gsize) h->n);
  PLACE(text, (gsize) h->n_text);
  PLACE(merges, sizeof(AxMerge) << h->merge_bits);
  PLACE(chars, (gsize) h->n_chars * sizeof(AxCharPiece));
  PLACE(literals, (gsize) h->n_literals * sizeof(guint32));
#undef PLACE
  l.total = at;
  return l;
}

/* Takes the block. */
static AxGemmaTable *table_of(GBytes *block) {
  const guint8 *data = g_bytes_get_data(block, NULL);
  const Header *h = (const Header *) (gconstpointer) data;
  const Layout l = layout(h);
  AxGemmaTable *self = g_new0(AxGemmaTable, 1);
  *self = (AxGemmaTable){.n = h->n, .added_first = h->added_first, .bos = h->bos, .unk = h->unk, .n_merges = h->n_merges, .merge_bits = h->merge_bits,
                         .n_chars = h->n_chars, .n_literals = h->n_literals, .n_text = h->n_text, .byte_complete = h->byte_complete};
  memcpy(self->byte_id, h->byte_id, sizeof self->byte_id);
  memcpy(self->added_sorted, h->added_sorted, sizeof self->added_sorted);
  self->offsets = (const guint32 *) (gconstpointer) (data + l.offsets);
  self->kinds = data + l.kinds;
  self->text = (const char *) data + l.text;
  self->merges = (const AxMerge *) (gconstpointer) (data + l.merges);
  self->chars = (const AxCharPiece *) (gconstpointer) (data + l.chars);
  self->literals = (const guint32 *) (gconstpointer) (data + l.literals);
  self->block = block;
  return self;
}

void ax_gemma_table_free(AxGemmaTable *self) {
  g_bytes_unref(self->block);
  g_free(self);
}

static int by_character(const void *a, const void *b) {
  const AxCharPiece *x = a, *y = b;
  return x->c < y->c ? -1 : x->c > y->c;
}

static int by_bytes(gconstpointer a, gconstpointer b, gpointer data) {
  gsize m, n;
  const char *x = piece_at(data, *(const guint32 *) a, &m), *y = piece_at(data, *(const guint32 *) b, &n);
  const int order = memcmp(x, y, MIN(m, n));
  return order != 0 ? order : m < n ? -1 : m > n;
}

static void insert_merge(AxMerge *slots, guint32 bits, const AxMerge *m) {
  const guint32 mask = (1u << bits) - 1;
  guint32 slot = ax_merge_slot(m->left, m->right, bits);
  for (; slots[slot].id != AX_NO_ID; slot = (slot + 1) & mask)
    if (slots[slot].left == m->left && slots[slot].right == m->right)
      return; /* the lower rank was first */
  slots[slot] = *m;
}

static guint32 or_none(const AxPieceIndex *index, const char *text) { return ax_piece_index_find(index, text, strlen(text)); }

AxGemmaTable *ax_gemma_table_build(const AxGemmaPieces *pieces, const AxPieceIndex *index, const char *key, GError **error) {
  const guint32 n = pieces->kinds->len;
  const guint32 first = or_none(index, ax_added_token_text(AX_TOKEN_IMAGE));
  if (n < AX_N_ADDED_TOKENS || first != n - AX_N_ADDED_TOKENS) {
    g_set_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_FORMAT, "the vocabulary has an <image> of its own (id %u)", first);
    return NULL;
  }
  Header h = {.magic = MAGIC, .n = n, .added_first = first, .bos = or_none(index, "<bos>"), .unk = or_none(index, "<unk>"), .byte_complete = TRUE};
  g_strlcpy(h.key, key, sizeof h.key);
  for (guint b = 0; b < 256; b++) {
    char name[8];
    g_snprintf(name, sizeof name, "<0x%02X>", b);
    h.byte_id[b] = or_none(index, name);
    h.byte_complete &= h.byte_id[b] != AX_NO_ID;
  }
  if (h.bos == AX_NO_ID || (h.unk == AX_NO_ID && !h.byte_complete)) {
    g_set_error_literal(error, AX_TEXT_ERROR, AX_TEXT_ERROR_FORMAT, "no <bos>, or neither <unk> nor all 256 byte tokens: this is no Gemma vocabulary");
    return NULL;
  }
  g_autoptr(GArray) chars = g_array_new(FALSE, FALSE, sizeof(AxCharPiece)), literals = g_array_new(FALSE, FALSE, sizeof(guint32));
  for (guint32 id = 0; id < n; id++) {
    gsize length;
    const char *text = piece_at(pieces, id, &length);
    if (ax_piece_index_find(index, text, length) != id)
      continue;
    if (id < first && (pieces->kinds->data[id] & AX_KIND_LITERAL))
      g_array_append_val(literals, id);
    if (length > 0 && g_utf8_next_char(text) == text + length) {
      const AxCharPiece c = {g_utf8_get_char(text), id};
      g_array_append_val(chars, c);
    }
  }
  qsort(chars->data, chars->len, sizeof(AxCharPiece), by_character);
  g_array_sort_with_data(literals, by_bytes, (gpointer) pieces);
  for (guint i = 0; i < AX_N_ADDED_TOKENS; i++)
    h.added_sorted[i] = first + i;
  g_qsort_with_data(h.added_sorted, AX_N_ADDED_TOKENS, sizeof(guint32), by_bytes, (gpointer) pieces);
  h.n_merges = pieces->merges->len;
  for (h.merge_bits = 4; (G_GUINT64_CONSTANT(1) << h.merge_bits) * 5 < (guint64) h.n_merges * 8; h.merge_bits++)
    ;
  h.n_chars = chars->len;
  h.n_literals = literals->len;
  h.n_text = (guint32) pieces->text->len;
  const Layout l = layout(&h);
  guint8 *block = g_malloc0(l.total);
  memcpy(block + l.offsets, pieces->offsets->data, ((gsize) n + 1) * sizeof(guint32));
  memcpy(block + l.kinds, pieces->kinds->data, n);
  memcpy(block + l.text, pieces->text->str, h.n_text);
  AxMerge *slots = (AxMerge *) (gpointer) (block + l.merges);
  for (gsize i = 0; i < (gsize) 1 << h.merge_bits; i++)
    slots[i].id = AX_NO_ID;
  for (guint i = 0; i < pieces->merges->len; i++)
    insert_merge(slots, h.merge_bits, &g_array_index(pieces->merges, AxMerge, i));
  if (chars->len > 0)
    memcpy(block + l.chars, chars->data, chars->len * sizeof(AxCharPiece));
  if (literals->len > 0)
    memcpy(block + l.literals, literals->data, literals->len * sizeof(guint32));
  ax_sha256_hex(block + sizeof(Header), l.total - sizeof(Header), h.digest);
  ax_sha256_hex(&h, offsetof(Header, own_digest), h.own_digest);
  memcpy(block, &h, sizeof h);
  return table_of(g_bytes_new_take(block, l.total));
}

/* ---- cache ---- */

static char *cache_path(const char *key) {
  g_autofree char *name = g_strdup_printf("tokenizer-%.24s.bin", key);
  return g_build_filename(g_get_user_cache_dir(), "anatomix", name, NULL);
}

AxGemmaTable *ax_gemma_table_load(const char *key) {
  g_autofree char *path = cache_path(key);
  g_autoptr(GMappedFile) file = g_mapped_file_new(path, FALSE, NULL);
  if (file == NULL || g_mapped_file_get_length(file) < sizeof(Header))
    return NULL;
  const guint8 *data = (const guint8 *) g_mapped_file_get_contents(file);
  const Header *h = (const Header *) (gconstpointer) data;
  char digest[AX_SHA256_HEX_SIZE];
  ax_sha256_hex(h, offsetof(Header, own_digest), digest);
  if (memcmp(h->magic, MAGIC, sizeof h->magic) != 0 || strncmp(h->key, key, sizeof h->key) != 0 || strncmp(h->own_digest, digest, sizeof digest) != 0 ||
      layout(h).total != g_mapped_file_get_length(file))
    return NULL;
  ax_sha256_hex(data + sizeof(Header), g_mapped_file_get_length(file) - sizeof(Header), digest);
  if (strncmp(digest, h->digest, sizeof digest) != 0)
    return NULL;
  return table_of(g_mapped_file_get_bytes(file));
}

void ax_gemma_table_save(const AxGemmaTable *self, const char *key) {
  g_autofree char *path = cache_path(key), *folder = g_path_get_dirname(path);
  g_autoptr(GError) error = NULL;
  gsize size;
  const void *data = g_bytes_get_data(self->block, &size);
  if (g_mkdir_with_parents(folder, 0700) != 0 || !ax_atomic_file_save(path, data, size, &error))
    g_debug("%s: the tokeniser's table was not kept: %s", path, error != NULL ? error->message : g_strerror(errno));
}
