/* tokenizer.json into pieces and merges. The published file has 33 MB, most of it half a million pairs: a scanner that goes over the text once takes a
 * fifth of a second, where a tree of nodes would take seconds and half a gigabyte. */
#include <string.h>

#include "engine/text/gemma_table.h"

#define MAX_DEPTH 32

typedef struct {
  const char *name, *start, *p, *end;
  GError **error;
  GString *buffer;  /* of strings with escapes */
} Scan;

static gboolean fail(Scan *s, const char *what) {
  if (s->error != NULL && *s->error == NULL)
    g_set_error(s->error, AX_TEXT_ERROR, AX_TEXT_ERROR_FORMAT, "%s: byte %" G_GSIZE_FORMAT ": %s", s->name, (gsize) (s->p - s->start), what);
  return FALSE;
}

static char peek(Scan *s) {
  while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
    s->p++;
  return s->p < s->end ? *s->p : '\0';
}

static gboolean take(Scan *s, char wanted) {
  if (peek(s) != wanted) {
    char what[] = "expected ' '";
    what[10] = wanted;
    return fail(s, what);
  }
  s->p++;
  return TRUE;
}

static gboolean read_hex(Scan *s, guint *unit) {
  *unit = 0;
  for (int i = 0; i < 4; i++, s->p++) {
    if (s->p >= s->end || !g_ascii_isxdigit(*s->p))
      return fail(s, "expected four hexadecimal digits");
    *unit = *unit << 4 | (guint) g_ascii_xdigit_value(*s->p);
  }
  return TRUE;
}

static gboolean read_escape(Scan *s) {
  static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
  if (s->p >= s->end)
    return fail(s, "the string has no end");
  const char c = *s->p++;
  const char *at = c != '\0' ? strchr(names, c) : NULL;
  guint unit, low;
  if (at != NULL) {
    g_string_append_c(s->buffer, values[at - names]);
    return TRUE;
  }
  if (c != 'u' || !read_hex(s, &unit))
    return fail(s, "not an escape of JSON");
  if (unit >= 0xD800 && unit < 0xDC00) {
    if (s->end - s->p < 6 || s->p[0] != '\\' || s->p[1] != 'u')
      return fail(s, "half a surrogate pair");
    s->p += 2;
    if (!read_hex(s, &low) || low < 0xDC00 || low > 0xDFFF)
      return fail(s, "half a surrogate pair");
    unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
  } else if (unit == 0 || (unit >= 0xDC00 && unit < 0xE000))
    return fail(s, "not a character");
  g_string_append_unichar(s->buffer, unit);
  return TRUE;
}

/* The text of a string, valid until the next one is read. */
static gboolean read_string(Scan *s, const char **text, gsize *length) {
  if (!take(s, '"'))
    return FALSE;
  const char *from = s->p;
  while (s->p < s->end && *s->p != '"' && *s->p != '\\' && (guint8) *s->p >= 0x20)
    s->p++;
  if (s->p < s->end && *s->p == '"') {
    *text = from;
    *length = (gsize) (s->p++ - from);
    return TRUE;
  }
  g_string_truncate(s->buffer, 0);
  g_string_append_len(s->buffer, from, s->p - from);
  while (s->p < s->end && *s->p != '"' && (guint8) *s->p >= 0x20) {
    if (*s->p != '\\')
      g_string_append_c(s->buffer, *s->p++);
    else {
      s->p++;
      if (!read_escape(s))
        return FALSE;
    }
  }
  if (s->p >= s->end || *s->p != '"')
    return fail(s, "the string has no end");
  s->p++;
  *text = s->buffer->str;
  *length = s->buffer->len;
  return TRUE;
}

static gboolean read_id(Scan *s, guint32 *id) {
  char c = peek(s);
  guint64 value = 0;
  if (!g_ascii_isdigit(c))
    return fail(s, "expected an id");
  for (; s->p < s->end && g_ascii_isdigit(*s->p); s->p++)
    if ((value = value * 10 + (guint64) (*s->p - '0')) >= AX_MAX_PIECES)
      return fail(s, "the id is too large");
  *id = (guint32) value;
  return TRUE;
}

static gboolean read_boolean(Scan *s, gboolean *value) {
  peek(s);
  const gsize left = (gsize) (s->end - s->p);
  if (left >= 4 && memcmp(s->p, "true", 4) == 0)
    *value = TRUE;
  else if (left >= 5 && memcmp(s->p, "false", 5) == 0)
    *value = FALSE;
  else
    return fail(s, "expected true or false");
  s->p += *value ? 4 : 5;
  return TRUE;
}

static gboolean skip_value(Scan *s, int depth) {
  const char c = peek(s), close = c == '{' ? '}' : ']';
  const char *text;
  gsize length;
  if (c == '"')
    return read_string(s, &text, &length);
  if (c == '{' || c == '[') {
    if (depth >= MAX_DEPTH)
      return fail(s, "nested too deeply");
    s->p++;
    if (peek(s) == close) {
      s->p++;
      return TRUE;
    }
    for (;;) {
      if (c == '{' && !(read_string(s, &text, &length) && take(s, ':')))
        return FALSE;
      if (!skip_value(s, depth + 1))
        return FALSE;
      if (peek(s) != ',')
        return take(s, close);
      s->p++;
    }
  }
  const char *from = s->p;
  while (s->p < s->end && (g_ascii_isalnum(*s->p) || strchr("+-.", *s->p) != NULL))
    s->p++;
  return s->p > from || fail(s, "expected a value");
}

/* ---- members ---- */

/* Goes over an object: `member` reads the value of each key, or skips it. */
typedef gboolean (*Member)(Scan *s, const char *key, gpointer data);

static gboolean read_object(Scan *s, Member member, gpointer data) {
  if (!take(s, '{'))
    return FALSE;
  if (peek(s) == '}') {
    s->p++;
    return TRUE;
  }
  for (;;) {
    const char *text;
    gsize length;
    char key[64] = "";
    if (!read_string(s, &text, &length) || !take(s, ':'))
      return FALSE;
    memcpy(key, text, MIN(length, sizeof key - 1)); /* a longer one is none of ours */
    if (!member(s, key, data))
      return FALSE;
    if (peek(s) != ',')
      return take(s, '}');
    s->p++;
  }
}

typedef struct {
  guint32 *starts, *lengths; /* [n] into text; AX_NO_ID: no such id */
  guint8 *kinds;
  guint32 n, capacity;
  GString *text;
  const char *merges_at;    /* read after the vocabulary, wherever it stands */
  gboolean is_bpe, byte_fallback, has_normalizer;
} Vocabulary;

static gboolean set_piece(Scan *s, Vocabulary *v, guint32 id, const char *text, gsize length, guint8 kind) {
  if (length > AX_MAX_PIECE_BYTES)
    return fail(s, "the token is too long");
  if (id >= v->capacity) {
    const guint32 wanted = MAX(id + 1, MIN(2 * v->capacity, AX_MAX_PIECES));
    v->starts = g_renew(guint32, v->starts, wanted);
    v->lengths = g_renew(guint32, v->lengths, wanted);
    v->kinds = g_renew(guint8, v->kinds, wanted);
    for (guint32 i = v->capacity; i < wanted; i++) {
      v->starts[i] = AX_NO_ID;
      v->lengths[i] = v->kinds[i] = 0;
    }
    v->capacity = wanted;
  }
  if (v->starts[id] != AX_NO_ID) {
    if (v->lengths[id] != length || memcmp(v->text->str + v->starts[id], text, length) != 0)
      return fail(s, "two tokens have this id");
    v->kinds[id] |= kind;
    return TRUE;
  }
  if (v->text->len > G_MAXUINT32 / 2)
    return fail(s, "the vocabulary is too large");
  v->starts[id] = (guint32) v->text->len;
  v->lengths[id] = (guint32) length;
  v->kinds[id] = kind;
  v->n = MAX(v->n, id + 1);
  g_string_append_len(v->text, text, (gssize) length);
  return TRUE;
}

typedef struct {
  guint32 id;
  gboolean single_word, lstrip, rstrip, normalized, special;
  char content[AX_MAX_PIECE_BYTES + 1];
  gsize length;
} Added;

static gboolean added_member(Scan *s, const char *key, gpointer data) {
  Added *a = data;
  const char *text;
  if (strcmp(key, "id") == 0)
    return read_id(s, &a->id);
  if (strcmp(key, "content") == 0) {
    if (!read_string(s, &text, &a->length) || a->length > AX_MAX_PIECE_BYTES)
      return fail(s, "expected a token of at most 240 bytes");
    memcpy(a->content, text, a->length);
    return TRUE;
  }
  gboolean *flag = strcmp(key, "single_word") == 0 ? &a->single_word : strcmp(key, "lstrip") == 0 ? &a->lstrip : strcmp(key, "rstrip") == 0 ? &a->rstrip
                   : strcmp(key, "normalized") == 0 ? &a->normalized : strcmp(key, "special") == 0 ? &a->special : NULL;
  return flag != NULL ? read_boolean(s, flag) : skip_value(s, 0);
}

/* -1, or which of the 45 the token is. */
static int ours(const Added *a) {
  for (int i = 0; i < AX_N_ADDED_TOKENS; i++)
    if (strlen(ax_added_token_text((AxAddedToken) i)) == a->length && memcmp(ax_added_token_text((AxAddedToken) i), a->content, a->length) == 0)
      return i;
  return -1;
}

static gboolean read_added(Scan *s, Vocabulary *v) {
  if (!take(s, '['))
    return FALSE;
  if (peek(s) == ']') {
    s->p++;
    return TRUE;
  }
  for (;;) {
    Added a = {.id = AX_NO_ID};
    if (!read_object(s, added_member, &a))
      return FALSE;
    const int own = ours(&a);
    if (a.id == AX_NO_ID || a.length == 0)
      return fail(s, "an added token without id or content");
    if (own >= 0 && a.id != (guint32) AX_GEMMA_ID(own))
      return fail(s, "a token of AnatomiX with another id than 262145...");
    if (own < 0 && (a.single_word || a.lstrip || a.rstrip || a.normalized))
      return fail(s, "an added token with rules that Gemma's have not");
    if (own < 0 && !set_piece(s, v, a.id, a.content, a.length, AX_KIND_LITERAL | (a.special ? AX_KIND_SPECIAL : 0)))
      return FALSE;
    if (peek(s) != ',')
      return take(s, ']');
    s->p++;
  }
}

static gboolean read_vocabulary(Scan *s, Vocabulary *v) {
  if (!take(s, '{'))
    return FALSE;
  for (;;) {
    const char *text;
    gsize length;
    guint32 id;
    char token[AX_MAX_PIECE_BYTES];
    if (!read_string(s, &text, &length))
      return FALSE;
    if (length > sizeof token)
      return fail(s, "the token is too long");
    memcpy(token, text, length);
    if (!take(s, ':') || !read_id(s, &id) || !set_piece(s, v, id, token, length, 0))
      return FALSE;
    if (peek(s) != ',')
      return take(s, '}');
    s->p++;
  }
}

static gboolean model_member(Scan *s, const char *key, gpointer data) {
  Vocabulary *v = data;
  const char *text;
  gsize length;
  if (strcmp(key, "vocab") == 0)
    return read_vocabulary(s, v);
  if (strcmp(key, "byte_fallback") == 0)
    return read_boolean(s, &v->byte_fallback);
  if (strcmp(key, "merges") == 0) {
    peek(s);
    v->merges_at = s->p;
  }
  if (strcmp(key, "type") != 0)
    return skip_value(s, 0);
  if (!read_string(s, &text, &length))
    return FALSE;
  v->is_bpe = length == 3 && memcmp(text, "BPE", 3) == 0;
  return TRUE;
}

static gboolean normalizer_member(Scan *s, const char *key, gpointer data) {
  const char *text;
  gsize length;
  if (strcmp(key, "type") != 0)
    return skip_value(s, 0);
  if (!read_string(s, &text, &length))
    return FALSE;
  ((Vocabulary *) data)->has_normalizer = length == 7 && memcmp(text, "Replace", 7) == 0;
  return TRUE;
}

static gboolean top_member(Scan *s, const char *key, gpointer data) {
  if (strcmp(key, "added_tokens") == 0)
    return read_added(s, data);
  if (strcmp(key, "model") == 0)
    return read_object(s, model_member, data);
  if (strcmp(key, "normalizer") == 0 && peek(s) == '{')
    return read_object(s, normalizer_member, data);
  return skip_value(s, 0);
}

/* ---- merges ---- */

/* ["a","b"] or, in older files, "a b"; the joined text comes out with the length of its left part. */
static gboolean read_pair(Scan *s, char *joined, gsize *left, gsize *total) {
  const char *text;
  gsize length;
  const gboolean list = peek(s) == '[';
  if (list)
    s->p++;
  if (!read_string(s, &text, &length) || length > AX_MAX_PIECE_BYTES)
    return fail(s, "not a merge");
  if (!list) {
    const char *space = memchr(text, ' ', length);
    if (space == NULL)
      return fail(s, "not a merge");
    *left = (gsize) (space - text);
    *total = length - 1;
    memcpy(joined, text, *left);
    memcpy(joined + *left, space + 1, *total - *left);
    return TRUE;
  }
  memcpy(joined, text, length);
  *left = length;
  if (!take(s, ',') || !read_string(s, &text, &length) || length > AX_MAX_PIECE_BYTES)
    return fail(s, "not a merge");
  memcpy(joined + *left, text, length);
  *total = *left + length;
  return take(s, ']');
}

static gboolean read_merges(Scan *s, AxGemmaPieces *pieces) {
  g_autoptr(AxPieceIndex) index = ax_piece_index_new(pieces);
  pieces->merges = g_array_new(FALSE, FALSE, sizeof(AxMerge));
  if (!take(s, '['))
    return FALSE;
  if (peek(s) == ']')
    return TRUE;
  for (guint32 rank = 0;; rank++) {
    char joined[2 * AX_MAX_PIECE_BYTES];
    gsize left = 0, total = 0;
    if (!read_pair(s, joined, &left, &total))
      return FALSE;
    const AxMerge m = {ax_piece_index_find(index, joined, left), ax_piece_index_find(index, joined + left, total - left), rank, ax_piece_index_find(index, joined, total)};
    if (m.left == AX_NO_ID || m.right == AX_NO_ID || m.id == AX_NO_ID)
      return fail(s, "a merge of tokens that are not in the vocabulary");
    if (rank >= 8 * AX_MAX_PIECES)
      return fail(s, "too many merges");
    g_array_append_val(pieces->merges, m);
    if (peek(s) != ',')
      return take(s, ']');
    s->p++;
  }
}

static gboolean read_all(Scan *s, AxGemmaPieces *pieces, Vocabulary *v) {
  if (!g_utf8_validate_len(s->start, (gsize) (s->end - s->start), NULL))
    return fail(s, "the file is not UTF-8 text");
  if (!read_object(s, top_member, v))
    return FALSE;
  if (!v->is_bpe || !v->byte_fallback || !v->has_normalizer || v->merges_at == NULL || v->n == 0)
    return fail(s, "expected a BPE model with byte_fallback, merges and a Replace normalizer, as Gemma 3 has");
  for (guint32 id = 0; id < v->n; id++)
    if (!ax_gemma_pieces_add(pieces, v->text->str + (v->starts[id] != AX_NO_ID ? v->starts[id] : 0), v->lengths[id], v->kinds[id]))
      return fail(s, "the vocabulary is too large");
  s->p = v->merges_at;
  return read_merges(s, pieces);
}

gboolean ax_gemma_pieces_from_json(AxGemmaPieces *pieces, const char *text, gsize length, const char *name, GError **error) {
  GError *own = NULL;
  Scan s = {name, text, text, text + length, &own, g_string_new(NULL)};
  Vocabulary v = {.text = g_string_new(NULL)};
  const gboolean ok = read_all(&s, pieces, &v);
  g_string_free(s.buffer, TRUE);
  g_string_free(v.text, TRUE);
  g_free(v.starts);
  g_free(v.lengths);
  g_free(v.kinds);
  if (!ok)
    g_propagate_error(error, own);
  return ok;
}
