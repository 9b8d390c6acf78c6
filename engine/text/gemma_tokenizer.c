#include "engine/text/gemma_tokenizer.h"

#include <string.h>

#include "engine/checkpoint/sha256.h"
#include "engine/text/gemma_table.h"

#define FILE_LIMIT (256u << 20)
#define UNDERSCORE "\xE2\x96\x81" /* U+2581, which stands for a space */
#define REPLACEMENT "\xEF\xBF\xBD"

struct _AxGemmaTokenizer {
  int ref_count;
  AxGemmaTable *table;
  guint8 begins_literal[256]; /* first bytes of built-in literals */
};

static const char *const special_names[] = {"<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>", "<image_soft_token>", NULL};


const char *ax_added_token_text(AxAddedToken token) {
  static const char *const before[] = {"<image>", "<image_start>", "<image_end>", "<box>", "</box>", "<emb>", "</emb>"};
  static const char *const objects[36] = {
      "<obj_0>",  "<obj_1>",  "<obj_2>",  "<obj_3>",  "<obj_4>",  "<obj_5>",  "<obj_6>",  "<obj_7>",  "<obj_8>",  "<obj_9>",  "<obj_10>", "<obj_11>",
      "<obj_12>", "<obj_13>", "<obj_14>", "<obj_15>", "<obj_16>", "<obj_17>", "<obj_18>", "<obj_19>", "<obj_20>", "<obj_21>", "<obj_22>", "<obj_23>",
      "<obj_24>", "<obj_25>", "<obj_26>", "<obj_27>", "<obj_28>", "<obj_29>", "<obj_30>", "<obj_31>", "<obj_32>", "<obj_33>", "<obj_34>", "<obj_35>"};
  g_return_val_if_fail((guint) token < AX_N_ADDED_TOKENS, NULL);
  return token < AX_TOKEN_OBJ_0 ? before[token] : token < AX_TOKEN_REF ? objects[token - AX_TOKEN_OBJ_0] : token == AX_TOKEN_REF ? "<ref>" : "</ref>";
}

AxGemmaTokenizer *ax_gemma_tokenizer_ref(AxGemmaTokenizer *self) {
  g_atomic_int_inc(&self->ref_count);
  return self;
}

void ax_gemma_tokenizer_unref(AxGemmaTokenizer *self) {
  if (!g_atomic_int_dec_and_test(&self->ref_count))
    return;
  ax_gemma_table_free(self->table);
  g_free(self);
}

/* ---- opening ---- */

/* Takes the table. */
static AxGemmaTokenizer *tokenizer_of(AxGemmaTable *table) {
  AxGemmaTokenizer *self = g_new0(AxGemmaTokenizer, 1);
  self->ref_count = 1;
  self->table = table;
  for (guint32 i = 0; i < table->n_literals; i++)
    self->begins_literal[(guint8) table->text[table->offsets[table->literals[i]]]] = TRUE;
  return self;
}

/* <image_soft_token> where the published vocabulary ends without it, and the 45. */
static gboolean add_ours(AxGemmaPieces *pieces, GError **error) {
  gboolean ok = TRUE;
  if (pieces->kinds->len == AX_GEMMA_VOCABULARY)
    ok = ax_gemma_pieces_add(pieces, "<image_soft_token>", strlen("<image_soft_token>"), AX_KIND_LITERAL | AX_KIND_SPECIAL);
  for (guint i = 0; ok && i < AX_N_ADDED_TOKENS; i++)
    ok = ax_gemma_pieces_add(pieces, ax_added_token_text(i), strlen(ax_added_token_text(i)), 0);
  if (!ok)
    g_set_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_FORMAT, "more than %u pieces", AX_MAX_PIECES);
  return ok;
}

static AxGemmaTokenizer *build(AxGemmaPieces *pieces, const char *key, GError **error) {
  if (!add_ours(pieces, error))
    return NULL;
  g_autoptr(AxPieceIndex) index = ax_piece_index_new(pieces);
  if (pieces->merges == NULL)
    ax_gemma_pieces_derive_merges(pieces, index);
  AxGemmaTable *table = ax_gemma_table_build(pieces, index, key, error);
  return table != NULL ? tokenizer_of(table) : NULL;
}

/* One piece of a scored vocabulary. The GGUF spells runs of spaces with real spaces. */
static gboolean add_scored(AxGemmaPieces *pieces, const char *text, gsize length, gint64 type, GError **error) {
  if (!g_utf8_validate_len(text, length, NULL) || memchr(text, '\0', length) != NULL) {
    g_set_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_FORMAT, "piece %u is no UTF-8 text", pieces->kinds->len);
    return FALSE;
  }
  char buffer[3 * AX_MAX_PIECE_BYTES + 1];
  if (length <= AX_MAX_PIECE_BYTES && memchr(text, ' ', length) != NULL) {
    char *out = buffer;
    for (gsize i = 0; i < length; i++) {
      if (text[i] == ' ') {
        memcpy(out, UNDERSCORE, 3);
        out += 3;
      } else
        *out++ = text[i];
    }
    length = (gsize) (out - buffer);
    text = buffer;
  }
  guint8 kind = type == AX_PIECE_CONTROL || type == AX_PIECE_USER_DEFINED || type == AX_PIECE_UNKNOWN ? AX_KIND_LITERAL : type == AX_PIECE_BYTE ? AX_KIND_BYTE : 0;
  char name[32] = "";
  memcpy(name, text, MIN(length, sizeof name - 1));
  if (kind == AX_KIND_LITERAL && length < sizeof name && g_strv_contains(special_names, name))
    kind |= AX_KIND_SPECIAL;
  if (!ax_gemma_pieces_add(pieces, text, length, kind)) {
    g_set_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_FORMAT, "piece %u is longer than %u bytes, or there are more than %u", pieces->kinds->len, AX_MAX_PIECE_BYTES, AX_MAX_PIECES);
    return FALSE;
  }
  return TRUE;
}

static float score_of(double score, gint64 type) { return type == AX_PIECE_NORMAL && score == score ? (float) score : 0; }

AxGemmaTokenizer *ax_gemma_tokenizer_new(const char *const *texts, const float *scores, const gint32 *types, guint n, GError **error) {
  AxGemmaPieces pieces;
  AxGemmaTokenizer *self = NULL;
  gboolean ok = TRUE;
  ax_gemma_pieces_init(&pieces);
  pieces.scores = g_new0(float, (gsize) n + 1 + AX_N_ADDED_TOKENS);
  for (guint i = 0; ok && i < n; i++) {
    ok = add_scored(&pieces, texts[i], strlen(texts[i]), types[i], error);
    pieces.scores[i] = score_of(scores[i], types[i]);
  }
  if (ok)
    self = build(&pieces, "", error);
  ax_gemma_pieces_clear(&pieces);
  return self;
}

/* Names what the tables of a GGUF hold. */
static void gguf_key(const AxGgufArray *arrays, guint n_arrays, char key[AX_SHA256_HEX_SIZE]) {
  char all[3 * AX_SHA256_HEX_SIZE];
  for (guint i = 0; i < n_arrays; i++)
    ax_sha256_hex(arrays[i].data, arrays[i].size, all + i * AX_SHA256_HEX_SIZE);
  ax_sha256_hex(all, n_arrays * AX_SHA256_HEX_SIZE, key);
}

AxGemmaTokenizer *ax_gemma_tokenizer_open_gguf(const AxGguf *gguf, GError **error) {
  AxGgufArray arrays[3];
  AxGgufArray *texts = &arrays[0], *scores = &arrays[1], *types = &arrays[2];
  if (!ax_gguf_get_array(gguf, "tokenizer.ggml.tokens", AX_GGUF_STRING, texts, error) ||
      !ax_gguf_get_array(gguf, "tokenizer.ggml.scores", AX_GGUF_F32, scores, error) ||
      !ax_gguf_get_array(gguf, "tokenizer.ggml.token_type", AX_GGUF_I32, types, error))
    return NULL;
  if (texts->n == 0 || texts->n > AX_MAX_PIECES || scores->n != texts->n || types->n != texts->n) {
    g_set_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_FORMAT, "%s: %" G_GSIZE_FORMAT " tokens, %" G_GSIZE_FORMAT " scores and %" G_GSIZE_FORMAT " types; expected one number, at most %u",
                ax_gguf_get_path(gguf), texts->n, scores->n, types->n, AX_MAX_PIECES);
    return NULL;
  }
  char key[AX_SHA256_HEX_SIZE];
  gguf_key(arrays, 3, key);
  AxGemmaTable *table = ax_gemma_table_load(key);
  if (table != NULL)
    return tokenizer_of(table);
  AxGemmaPieces pieces;
  AxGemmaTokenizer *self = NULL;
  gboolean ok = TRUE;
  gsize at = 0;
  ax_gemma_pieces_init(&pieces);
  pieces.scores = g_new0(float, texts->n + 1 + AX_N_ADDED_TOKENS);
  for (gsize i = 0; ok && i < texts->n; i++) {
    gsize length;
    const char *text = ax_gguf_array_next_string(texts, &at, &length);
    const gint64 type = ax_gguf_array_int(types, i);
    ok = add_scored(&pieces, text, length, type, error);
    pieces.scores[i] = score_of(ax_gguf_array_double(scores, i), type);
  }
  if (ok)
    self = build(&pieces, key, error);
  ax_gemma_pieces_clear(&pieces);
  if (self == NULL)
    g_prefix_error(error, "%s: ", ax_gguf_get_path(gguf));
  else
    ax_gemma_table_save(self->table, key);
  return self;
}

static AxGemmaTokenizer *open_json(const char *path, GError **error) {
  g_autoptr(GError) reason = NULL;
  g_autoptr(GMappedFile) file = g_file_test(path, G_FILE_TEST_IS_REGULAR) ? g_mapped_file_new(path, FALSE, &reason) : NULL;
  if (file == NULL || g_mapped_file_get_length(file) > FILE_LIMIT) {
    g_set_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_READ, "%s: %s", path, reason != NULL ? reason->message : "not a regular file of at most 256 MiB");
    return NULL;
  }
  const char *text = g_mapped_file_get_length(file) > 0 ? g_mapped_file_get_contents(file) : "";
  const gsize length = g_mapped_file_get_length(file);
  char key[AX_SHA256_HEX_SIZE];
  ax_sha256_hex(text, length, key);
  AxGemmaTable *table = ax_gemma_table_load(key);
  if (table != NULL)
    return tokenizer_of(table);
  AxGemmaPieces pieces;
  ax_gemma_pieces_init(&pieces);
  AxGemmaTokenizer *self = NULL;
  if (ax_gemma_pieces_from_json(&pieces, text, length, path, error)) {
    self = build(&pieces, key, error);
    if (self == NULL)
      g_prefix_error(error, "%s: ", path);
    else
      ax_gemma_table_save(self->table, key);
  }
  ax_gemma_pieces_clear(&pieces);
  return self;
}

AxGemmaTokenizer *ax_gemma_tokenizer_open(const char *path, GError **error) {
  if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
    g_autofree char *inside = g_build_filename(path, "tokenizer.json", NULL);
    return open_json(inside, error);
  }
  if (g_str_has_suffix(path, ".json"))
    return open_json(path, error);
  g_autoptr(AxGguf) gguf = ax_gguf_open(path, error);
  return gguf != NULL ? ax_gemma_tokenizer_open_gguf(gguf, error) : NULL;
}

/* ---- look-ups ---- */

guint ax_gemma_tokenizer_size(const AxGemmaTokenizer *self) { return self->table->n; }
gint32 ax_gemma_tokenizer_added_first(const AxGemmaTokenizer *self) { return (gint32) self->table->added_first; }

const char *ax_gemma_tokenizer_piece(const AxGemmaTokenizer *self, gint32 id, gsize *length) {
  const AxGemmaTable *t = self->table;
  if (id < 0 || (guint32) id >= t->n)
    return NULL;
  *length = t->offsets[id + 1] - t->offsets[id];
  return t->text + t->offsets[id];
}

gint32 ax_gemma_tokenizer_id(const AxGemmaTokenizer *self, const char *piece) {
  const gsize wanted = strlen(piece);
  for (gint32 id = 0; (guint32) id < self->table->n && wanted > 0; id++) {
    gsize length;
    const char *text = ax_gemma_tokenizer_piece(self, id, &length);
    if (length == wanted && memcmp(text, piece, length) == 0)
      return id;
  }
  return -1;
}

gboolean ax_gemma_tokenizer_is_special(const AxGemmaTokenizer *self, gint32 id) {
  return id >= 0 && (guint32) id < self->table->n && (self->table->kinds[id] & AX_KIND_SPECIAL) != 0;
}

/* ---- byte-pair encoding of one segment ---- */

typedef struct {
  guint32 id;       /* AX_NO_ID: merged into the one before */
  gint32 prev, next; /* -1: none */
} Symbol;

typedef struct {
  guint32 rank, id;
  gint32 at; /* the left symbol */
} Pair;

typedef struct {
  const AxGemmaTable *table;
  GArray *symbols; /* Symbol */
  GArray *heap;    /* Pair, lowest rank first, the leftmost of equals */
} Bpe;

static inline gboolean goes_before(const Pair *a, const Pair *b) { return a->rank != b->rank ? a->rank < b->rank : a->at < b->at; }

static void heap_push(GArray *heap, Pair p) {
  g_array_append_val(heap, p);
  Pair *h = (Pair *) (gpointer) heap->data;
  guint i = heap->len - 1;
  for (guint up; i > 0 && goes_before(&p, &h[up = (i - 1) / 2]); i = up)
    h[i] = h[up];
  h[i] = p;
}

static Pair heap_pop(GArray *heap) {
  Pair *h = (Pair *) (gpointer) heap->data;
  const Pair top = h[0], last = h[heap->len - 1];
  g_array_set_size(heap, heap->len - 1);
  guint i = 0;
  for (guint child; (child = 2 * i + 1) < heap->len; i = child) {
    if (child + 1 < heap->len && goes_before(&h[child + 1], &h[child]))
      child++;
    if (!goes_before(&h[child], &last))
      break;
    h[i] = h[child];
  }
  if (heap->len > 0)
    h[i] = last;
  return top;
}

static void offer(Bpe *bpe, gint32 at) {
  const Symbol *s = (const Symbol *) (gpointer) bpe->symbols->data;
  if (at < 0 || s[at].next < 0)
    return;
  const AxMerge *m = ax_gemma_table_merge(bpe->table, s[at].id, s[s[at].next].id);
  if (m != NULL)
    heap_push(bpe->heap, (Pair){m->rank, m->id, at});
}

static guint32 id_of_character(const AxGemmaTable *t, gunichar c) {
  guint32 low = 0, high = t->n_chars;
  while (low < high) {
    const guint32 mid = (low + high) / 2;
    if (t->chars[mid].c < c)
      low = mid + 1;
    else
      high = mid;
  }
  return low < t->n_chars && t->chars[low].c == c ? t->chars[low].id : AX_NO_ID;
}

static void add_symbol(Bpe *bpe, guint32 id) {
  const gint32 i = (gint32) bpe->symbols->len;
  const Symbol s = {id, i - 1, i + 1};
  g_array_append_val(bpe->symbols, s);
}

/* A character by its piece, else by its bytes, else <unk>, of which neighbours are one (fuse_unk). */
static void add_character(Bpe *bpe, const char *p, gunichar c) {
  const AxGemmaTable *t = bpe->table;
  const guint32 id = id_of_character(t, c);
  if (id != AX_NO_ID)
    add_symbol(bpe, id);
  else if (t->byte_complete)
    for (const char *end = g_utf8_next_char(p); p < end; p++)
      add_symbol(bpe, t->byte_id[(guint8) *p]);
  else if (bpe->symbols->len == 0 || g_array_index(bpe->symbols, Symbol, bpe->symbols->len - 1).id != t->unk)
    add_symbol(bpe, t->unk);
}

/* text[length] is valid UTF-8; spaces count as U+2581. */
static void append_segment(Bpe *bpe, const char *text, gsize length, GArray *ids) {
  if (length == 0)
    return;
  g_array_set_size(bpe->symbols, 0);
  g_array_set_size(bpe->heap, 0);
  for (const char *p = text; p < text + length; p = g_utf8_next_char(p)) {
    const gunichar c = g_utf8_get_char(p);
    add_character(bpe, c == ' ' ? UNDERSCORE : p, c == ' ' ? 0x2581 : c);
  }
  Symbol *s = (Symbol *) (gpointer) bpe->symbols->data;
  s[bpe->symbols->len - 1].next = -1;
  for (gint32 i = 0; s[i].next >= 0; i = s[i].next)
    offer(bpe, i);
  while (bpe->heap->len > 0) {
    const Pair top = heap_pop(bpe->heap);
    const gint32 next = s[top.at].next;
    if (s[top.at].id == AX_NO_ID || next < 0)
      continue;
    /* The pair may be another one by now. */
    const AxMerge *m = ax_gemma_table_merge(bpe->table, s[top.at].id, s[next].id);
    if (m == NULL || m->id != top.id)
      continue;
    s[top.at].id = top.id;
    s[top.at].next = s[next].next;
    s[next].id = AX_NO_ID;
    if (s[next].next >= 0)
      s[s[next].next].prev = top.at;
    offer(bpe, s[top.at].prev);
    offer(bpe, top.at);
  }
  for (gint32 i = 0; i >= 0; i = s[i].next)
    g_array_append_val(ids, s[i].id);
}

/* ---- literal tokens in the text ---- */

/* Id of the longest of the n tokens (ascending by bytes) that text begins with, and its length; AX_NO_ID if none. */
static guint32 longest_literal(const AxGemmaTable *t, const guint32 *sorted, guint32 n, const char *text, gsize length, gsize *matched) {
  guint32 low = 0, high = n, found = AX_NO_ID;
  for (gsize depth = 0; low < high; depth++) {
    /* All of [low, high) agree with the text in `depth` bytes; one that ends here comes first. */
    if (t->offsets[sorted[low] + 1] - t->offsets[sorted[low]] == depth) {
      found = sorted[low++];
      *matched = depth;
    }
    if (depth == length)
      break;
    const guint8 wanted = (guint8) text[depth];
    guint32 a = low, b = high;
    while (a < b) {
      const guint32 mid = (a + b) / 2;
      if ((guint8) t->text[t->offsets[sorted[mid]] + depth] < wanted)
        a = mid + 1;
      else
        b = mid;
    }
    low = a;
    b = high;
    while (a < b) {
      const guint32 mid = (a + b) / 2;
      if ((guint8) t->text[t->offsets[sorted[mid]] + depth] <= wanted)
        a = mid + 1;
      else
        b = mid;
    }
    high = a;
  }
  return found;
}

/* A stretch without built-in literals: our tokens, and what is between them. */
static void append_stretch(const AxGemmaTokenizer *self, Bpe *bpe, const char *text, gsize length, GArray *ids) {
  const char *from = text, *end = text + length;
  for (const char *p = text; p < end && (p = memchr(p, '<', (gsize) (end - p))) != NULL;) {
    gsize n = 0;
    const guint32 id = longest_literal(self->table, self->table->added_sorted, AX_N_ADDED_TOKENS, p, (gsize) (end - p), &n);
    if (id == AX_NO_ID) {
      p++;
      continue;
    }
    append_segment(bpe, from, (gsize) (p - from), ids);
    g_array_append_val(ids, id);
    from = p += n;
  }
  append_segment(bpe, from, (gsize) (end - from), ids);
}

void ax_gemma_tokenizer_encode(const AxGemmaTokenizer *self, const char *text, gssize length, gboolean add_bos, GArray *ids) {
  const AxGemmaTable *t = self->table;
  gsize size = length < 0 ? strlen(text) : (gsize) length;
  g_return_if_fail(size < G_MAXINT32 / 4);
  g_autofree char *valid = g_utf8_validate_len(text, size, NULL) ? NULL : g_utf8_make_valid(text, (gssize) size);
  if (valid != NULL) {
    text = valid;
    size = strlen(valid);
  }
  if (add_bos)
    g_array_append_val(ids, t->bos);
  Bpe bpe = {t, g_array_new(FALSE, FALSE, sizeof(Symbol)), g_array_new(FALSE, FALSE, sizeof(Pair))};
  const char *from = text, *end = text + size;
  for (const char *p = text; p < end;) {
    gsize n = 0;
    const guint32 id = self->begins_literal[(guint8) *p] ? longest_literal(t, t->literals, t->n_literals, p, (gsize) (end - p), &n) : AX_NO_ID;
    if (id == AX_NO_ID) {
      p++;
      continue;
    }
    append_stretch(self, &bpe, from, (gsize) (p - from), ids);
    g_array_append_val(ids, id);
    from = p += n;
  }
  append_stretch(self, &bpe, from, (gsize) (end - from), ids);
  g_array_unref(bpe.symbols);
  g_array_unref(bpe.heap);
}

/* ---- back to text ---- */

/* The byte that a piece stands for, or -1. */
static int byte_of(const AxGemmaTable *t, gint32 id) {
  const char *text = t->text + t->offsets[id];
  if (t->offsets[id + 1] - t->offsets[id] != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>' || !g_ascii_isxdigit(text[3]) || !g_ascii_isxdigit(text[4]))
    return -1;
  return g_ascii_xdigit_value(text[3]) << 4 | g_ascii_xdigit_value(text[4]);
}

/* Copies a piece with spaces for U+2581; out has room for it. Returns the number of bytes. */
static gsize copy_piece(const AxGemmaTable *t, gint32 id, char *out) {
  const char *p = t->text + t->offsets[id], *end = t->text + t->offsets[id + 1];
  char *o = out;
  while (p < end) {
    if (end - p >= 3 && memcmp(p, UNDERSCORE, 3) == 0) {
      *o++ = ' ';
      p += 3;
    } else
      *o++ = *p++;
  }
  return (gsize) (o - out);
}

static void flush_bytes(GString *text, GByteArray *held) {
  if (held->len > 0 && g_utf8_validate_len((const char *) held->data, held->len, NULL))
    g_string_append_len(text, (const char *) held->data, held->len);
  else
    for (guint i = 0; i < held->len; i++)
      g_string_append(text, REPLACEMENT);
  g_byte_array_set_size(held, 0);
}

char *ax_gemma_tokenizer_decode(const AxGemmaTokenizer *self, const gint32 *ids, gsize n, gboolean skip_special) {
  const AxGemmaTable *t = self->table;
  GString *text = g_string_new(NULL);
  g_autoptr(GByteArray) held = g_byte_array_new();
  char piece[AX_MAX_PIECE_BYTES];
  for (gsize i = 0; i < n; i++) {
    if (ids[i] < 0 || (guint32) ids[i] >= t->n || (skip_special && ax_gemma_tokenizer_is_special(self, ids[i])))
      continue;
    const int byte = byte_of(t, ids[i]);
    if (byte >= 0) {
      const guint8 b = (guint8) byte;
      g_byte_array_append(held, &b, 1);
      continue;
    }
    flush_bytes(text, held);
    g_string_append_len(text, piece, (gssize) copy_piece(t, ids[i], piece));
  }
  flush_bytes(text, held);
  return g_string_free(text, FALSE);
}

/* ---- one token at a time ---- */

void ax_detokenizer_init(AxDetokenizer *self, const AxGemmaTokenizer *tokenizer, gboolean skip_special) {
  *self = (AxDetokenizer){.tokenizer = tokenizer, .skip_special = skip_special};
}

static char *give_up_held(AxDetokenizer *self, char *out) {
  for (guint i = 0; i < self->n_held; i++, out += 3)
    memcpy(out, REPLACEMENT, 3);
  self->n_held = 0;
  return out;
}

/* One more byte: the character if it is whole, signs of replacement for what cannot become one, else nothing. */
static char *push_byte(AxDetokenizer *self, guint8 byte, char *out) {
  for (;;) {
    self->held[self->n_held++] = byte;
    const gunichar c = g_utf8_get_char_validated((const char *) self->held, self->n_held);
    if (c == (gunichar) -2 && byte != 0 && self->n_held < sizeof self->held)
      return out;
    if (c < 0x110000 && byte != 0) {
      memcpy(out, self->held, self->n_held);
      out += self->n_held;
      self->n_held = 0;
      return out;
    }
    if (self->n_held == 1)
      return give_up_held(self, out);
    /* The byte does not go on with what was held; it may begin a character itself. */
    self->n_held--;
    out = give_up_held(self, out);
  }
}

const char *ax_detokenizer_push(AxDetokenizer *self, gint32 id) {
  const AxGemmaTable *t = self->tokenizer->table;
  char *out = self->text;
  if (id >= 0 && (guint32) id < t->n && !(self->skip_special && ax_gemma_tokenizer_is_special(self->tokenizer, id))) {
    const int byte = byte_of(t, id);
    if (byte >= 0)
      out = push_byte(self, (guint8) byte, out);
    else {
      out = give_up_held(self, out);
      out += copy_piece(t, id, out);
    }
  }
  *out = '\0';
  return self->text;
}

const char *ax_detokenizer_finish(AxDetokenizer *self) {
  *give_up_held(self, self->text) = '\0';
  return self->text;
}
