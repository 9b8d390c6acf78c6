#include "engine/text/wordpiece.h"

#include <string.h>

#include "engine/checkpoint/json_read.h"

#define FILE_LIMIT AX_JSON_MAX_BYTES
#define MAX_TOKENS 2000000u /* ids of a vocabulary */
#define MAX_WORD 100        /* characters; a longer word is [UNK] (max_input_chars_per_word) */

enum { SPECIAL_PAD, SPECIAL_UNK, SPECIAL_CLS, SPECIAL_SEP, SPECIAL_MASK, N_SPECIALS };
static const char *const special_names[N_SPECIALS] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

struct _AxWordPiece {
  int ref_count;
  GPtrArray *tokens;  /* id -> char *, NULL where no token has that id */
  GHashTable *ids;    /* token -> id + 1 */
  gint32 special[N_SPECIALS]; /* -1: absent */
};

G_DEFINE_QUARK(ax-text-error-quark, ax_text_error)

AxWordPiece *ax_wordpiece_ref(AxWordPiece *self) {
  g_atomic_int_inc(&self->ref_count);
  return self;
}

void ax_wordpiece_unref(AxWordPiece *self) {
  if (!g_atomic_int_dec_and_test(&self->ref_count))
    return;
  g_hash_table_unref(self->ids);
  g_ptr_array_unref(self->tokens);
  g_free(self);
}

/* ---- vocabulary ---- */

static gboolean set_token(AxWordPiece *self, guint id, const char *token, gsize length) {
  if (id >= MAX_TOKENS)
    return FALSE;
  if (id >= self->tokens->len)
    g_ptr_array_set_size(self->tokens, (int) id + 1);
  if (g_ptr_array_index(self->tokens, id) != NULL)
    return FALSE;
  char *copy = g_strndup(token, length);
  g_ptr_array_index(self->tokens, id) = copy;
  /* A token that is listed twice has its last id, as in Python's reader. */
  g_hash_table_insert(self->ids, copy, GUINT_TO_POINTER(id + 1));
  return TRUE;
}

static gboolean read_lines(AxWordPiece *self, const char *path, const char *text, gsize length, GError **error) {
  guint id = 0;
  for (const char *p = text, *end = text + length; p < end; id++) {
    const char *stop = memchr(p, '\n', (gsize) (end - p));
    const char *next = stop != NULL ? stop + 1 : end;
    gsize n = (gsize) ((stop != NULL ? stop : end) - p);
    if (n > 0 && p[n - 1] == '\r')
      n--;
    if (!set_token(self, id, p, n)) {
      g_set_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_FORMAT, "%s:%u: more than %u tokens", path, id + 1, MAX_TOKENS);
      return FALSE;
    }
    p = next;
  }
  return TRUE;
}

static gboolean is_uncased_bert(JsonObject *top, JsonObject **vocabulary, GError **error) {
  JsonObject *model = ax_json_get_object(top, "model", error), *normalizer = model != NULL ? ax_json_get_object(top, "normalizer", error) : NULL;
  const char *type = normalizer != NULL ? ax_json_get_string(model, "type", error) : NULL;
  const char *prefix = type != NULL ? ax_json_get_string(model, "continuing_subword_prefix", error) : NULL;
  const char *normal = prefix != NULL ? ax_json_get_string(normalizer, "type", error) : NULL;
  gboolean lowercase = FALSE;
  if (normal == NULL || !ax_json_get_boolean(normalizer, "lowercase", &lowercase, error) || (*vocabulary = ax_json_get_object(model, "vocab", error)) == NULL)
    return FALSE;
  if (strcmp(type, "WordPiece") == 0 && strcmp(prefix, "##") == 0 && strcmp(normal, "BertNormalizer") == 0 && lowercase)
    return TRUE;
  g_set_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_FORMAT, "expected an uncased BERT tokenizer (WordPiece with prefix ##, BertNormalizer with lowercase)");
  return FALSE;
}

static gboolean read_json(AxWordPiece *self, const char *path, const char *text, gsize length, GError **error) {
  JsonObject *vocabulary = NULL;
  g_autoptr(JsonObject) top = ax_json_parse_object(text, length, path, error);
  if (top == NULL)
    return FALSE;
  if (!is_uncased_bert(top, &vocabulary, error)) {
    g_prefix_error(error, "%s: ", path);
    return FALSE;
  }
  JsonObjectIter iter;
  const char *token;
  JsonNode *node;
  json_object_iter_init(&iter, vocabulary);
  while (json_object_iter_next(&iter, &token, &node)) {
    const gint64 id = JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64 ? json_node_get_int(node) : -1;
    if (id < 0 || id >= MAX_TOKENS || !set_token(self, (guint) id, token, strlen(token))) {
      g_set_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_FORMAT, "%s: token \"%s\" has no id of its own in 0..%u", path, token, MAX_TOKENS - 1);
      return FALSE;
    }
  }
  return TRUE;
}

AxWordPiece *ax_wordpiece_load(const char *path, GError **error) {
  g_autoptr(GError) reason = NULL;
  g_autoptr(GFile) file = g_file_new_for_path(path);
  g_autoptr(GFileInfo) info = g_file_query_info(file, G_FILE_ATTRIBUTE_STANDARD_SIZE "," G_FILE_ATTRIBUTE_STANDARD_TYPE, G_FILE_QUERY_INFO_NONE, NULL, &reason);
  if (info != NULL && (g_file_info_get_file_type(info) != G_FILE_TYPE_REGULAR || (guint64) g_file_info_get_size(info) > FILE_LIMIT)) {
    g_set_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_READ, "%s: not a regular file of at most %u bytes", path, FILE_LIMIT);
    return NULL;
  }
  g_autofree char *text = NULL;
  gsize length = 0;
  if (info == NULL || !g_file_get_contents(path, &text, &length, &reason)) {
    g_set_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_READ, "%s: %s", path, reason->message);
    return NULL;
  }
  if (!g_utf8_validate_len(text, length, NULL)) {
    g_set_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_READ, "%s: not UTF-8 text", path);
    return NULL;
  }
  g_autoptr(AxWordPiece) self = g_new0(AxWordPiece, 1);
  self->ref_count = 1;
  self->tokens = g_ptr_array_new_with_free_func(g_free);
  self->ids = g_hash_table_new(g_str_hash, g_str_equal);
  if (!(g_str_has_suffix(path, ".json") ? read_json : read_lines)(self, path, text, length, error))
    return NULL;
  for (guint s = 0; s < N_SPECIALS; s++)
    self->special[s] = ax_wordpiece_id(self, special_names[s]);
  for (guint s = SPECIAL_UNK; s <= SPECIAL_SEP; s++)
    if (self->special[s] < 0) {
      g_set_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_FORMAT, "%s: no token %s; this is no BERT vocabulary", path, special_names[s]);
      return NULL;
    }
  return g_steal_pointer(&self);
}

guint ax_wordpiece_size(const AxWordPiece *self) { return self->tokens->len; }
const char *ax_wordpiece_token(const AxWordPiece *self, guint id) { return id < self->tokens->len ? g_ptr_array_index(self->tokens, id) : NULL; }
gint32 ax_wordpiece_id(const AxWordPiece *self, const char *token) { return (gint32) GPOINTER_TO_UINT(g_hash_table_lookup(self->ids, token)) - 1; }

/* ---- text to words ---- */

static gboolean is_chinese(gunichar c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

static gboolean is_control(gunichar c) {
  if (c == '\t' || c == '\n' || c == '\r')
    return FALSE;
  const GUnicodeType type = g_unichar_type(c);
  return type == G_UNICODE_CONTROL || type == G_UNICODE_FORMAT || type == G_UNICODE_PRIVATE_USE || type == G_UNICODE_SURROGATE;
}

static gboolean is_space(gunichar c) {
  if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
    return TRUE;
  const GUnicodeType type = g_unichar_type(c);
  return type == G_UNICODE_SPACE_SEPARATOR || type == G_UNICODE_LINE_SEPARATOR || type == G_UNICODE_PARAGRAPH_SEPARATOR;
}

/* Every ASCII sign that is neither letter, digit nor space counts, "$" and "+" too. */
static gboolean is_punctuation(gunichar c) {
  if (c < 128)
    return g_ascii_ispunct((char) c);
  const GUnicodeType type = g_unichar_type(c);
  return type >= G_UNICODE_CONNECT_PUNCTUATION && type <= G_UNICODE_OPEN_PUNCTUATION;
}

/* Cleaned, accents off, lower case; free with g_free(). */
static char *normalise(const char *text, gsize length) {
  g_autoptr(GString) clean = g_string_sized_new(length + 16);
  for (const char *p = text; p < text + length; p = g_utf8_next_char(p)) {
    const gunichar c = g_utf8_get_char(p);
    if (c == 0 || c == 0xFFFD || is_control(c))
      continue;
    if (is_space(c))
      g_string_append_c(clean, ' ');
    else if (is_chinese(c)) {
      g_string_append_c(clean, ' ');
      g_string_append_unichar(clean, c);
      g_string_append_c(clean, ' ');
    } else
      g_string_append_unichar(clean, c);
  }
  g_autofree char *decomposed = g_utf8_normalize(clean->str, (gssize) clean->len, G_NORMALIZE_DEFAULT);
  GString *out = g_string_sized_new(clean->len);
  for (const char *p = decomposed; *p != '\0'; p = g_utf8_next_char(p)) {
    const gunichar c = g_utf8_get_char(p);
    if (g_unichar_type(c) != G_UNICODE_NON_SPACING_MARK)
      g_string_append_unichar(out, g_unichar_tolower(c));
  }
  return g_string_free(out, FALSE);
}

/* Longest match first; a word with any part unknown is one [UNK]. */
static void append_word(const AxWordPiece *self, const char *word, gsize length, GArray *ids) {
  const guint before = ids->len;
  char piece[2 + 6 * MAX_WORD + 1];
  gboolean known = g_utf8_strlen(word, (gssize) length) <= MAX_WORD;
  for (gsize start = 0; known && start < length;) {
    const gsize prefix = start > 0 ? 2 : 0;
    gsize stop = length;
    memcpy(piece, "##", 2);
    memcpy(piece + prefix, word + start, length - start);
    gint32 id = -1;
    for (;;) {
      piece[prefix + stop - start] = '\0';
      id = ax_wordpiece_id(self, piece);
      if (id >= 0)
        break;
      stop = (gsize) (g_utf8_prev_char(word + stop) - word);
      if (stop <= start)
        break;
    }
    known = id >= 0;
    g_array_append_val(ids, id);
    start = stop;
  }
  if (!known) {
    g_array_set_size(ids, before);
    g_array_append_val(ids, self->special[SPECIAL_UNK]);
  }
}

static void append_text(const AxWordPiece *self, const char *raw, gsize raw_length, GArray *ids) {
  g_autofree char *text = normalise(raw, raw_length);
  const char *word = NULL;
  for (const char *p = text;; p = g_utf8_next_char(p)) {
    const gunichar c = g_utf8_get_char(p);
    const gboolean alone = c != 0 && is_punctuation(c);
    if (c == 0 || alone || is_space(c)) {
      if (word != NULL)
        append_word(self, word, (gsize) (p - word), ids);
      word = NULL;
      if (alone)
        append_word(self, p, (gsize) (g_utf8_next_char(p) - p), ids);
      if (c == 0)
        break;
    } else if (word == NULL)
      word = p;
  }
}

gint32 *ax_wordpiece_encode(const AxWordPiece *self, const char *text, guint max_tokens, guint *n) {
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint32));
  g_array_append_val(ids, self->special[SPECIAL_CLS]);
  const char *from = valid;
  for (const char *p = valid;; p++) {
    int special = -1;
    for (guint s = 0; *p == '[' && s < N_SPECIALS; s++)
      if (self->special[s] >= 0 && g_str_has_prefix(p, special_names[s]))
        special = (int) s;
    if (*p != '\0' && special < 0)
      continue;
    append_text(self, from, (gsize) (p - from), ids);
    if (special < 0)
      break;
    g_array_append_val(ids, self->special[special]);
    from = p + strlen(special_names[special]);
    p = from - 1;
  }
  if (max_tokens > 1 && ids->len > max_tokens - 1)
    g_array_set_size(ids, max_tokens - 1);
  g_array_append_val(ids, self->special[SPECIAL_SEP]);
  *n = ids->len;
  return (gint32 *) (gpointer) g_array_free(g_steal_pointer(&ids), FALSE);
}
