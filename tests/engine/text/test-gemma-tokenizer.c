/* Gemma's tokeniser: the rules on a small vocabulary, the reference's strings id for id from both sources, one token at a time, the cache, time that grows
 * linearly, and files that are refused. */
#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <time.h>

#include "tests/engine/text/sources.h"

static void assert_ids(const AxGemmaTokenizer *t, const char *text, gboolean bos, const char *expected) {
  g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint32));
  ax_gemma_tokenizer_encode(t, text, -1, bos, ids);
  g_autoptr(GString) s = g_string_new(NULL);
  for (guint i = 0; i < ids->len; i++) {
    gsize length;
    const char *piece = ax_gemma_tokenizer_piece(t, g_array_index(ids, gint32, i), &length);
    g_string_append_printf(s, "%s%.*s", i > 0 ? "|" : "", (int) length, piece);
  }
  g_assert_cmpstr(s->str, ==, expected);
}

/* ---- rules ---- */

static const char *const pieces[] = {"<pad>", "<eos>", "<bos>", "<unk>", "<b>", "\n\n", "\n", "a", "b", "c", "ab", "bc", "abc", "▁", "▁a", "aa", "aaa", "  "};
static const gint32 types[] = {3, 3, 3, 2, 4, 4, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4};
/* "bc" goes before "ab", and both before what they are parts of. */
static const float scores[] = {0, 0, 0, 0, 0, 0, 0, -9, -9, -9, -2, -1, -3, -9, -4, -5, -6, -1000};

static void test_rules(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(AxGemmaTokenizer) t = ax_gemma_tokenizer_new(pieces, scores, types, G_N_ELEMENTS(pieces), &error);
  g_assert_no_error(error);
  g_assert_cmpuint(ax_gemma_tokenizer_size(t), ==, G_N_ELEMENTS(pieces) + AX_N_ADDED_TOKENS);
  g_assert_cmpint(ax_gemma_tokenizer_added_first(t), ==, G_N_ELEMENTS(pieces));
  g_assert_cmpint(ax_gemma_tokenizer_id(t, "abc"), ==, 12);
  g_assert_cmpint(ax_gemma_tokenizer_id(t, "<obj_35>"), ==, G_N_ELEMENTS(pieces) + AX_TOKEN_OBJ_0 + 35);
  g_assert_cmpint(ax_gemma_tokenizer_id(t, "x"), ==, -1);
  g_assert_true(ax_gemma_tokenizer_is_special(t, 2));
  g_assert_false(ax_gemma_tokenizer_is_special(t, 4));
  assert_ids(t, "", TRUE, "<bos>");
  assert_ids(t, "abc", FALSE, "abc"); /* bc, then a + bc */
  assert_ids(t, "aabc ab", FALSE, "a|abc|▁|ab"); /* "ab" has the higher score than "▁a" */
  assert_ids(t, "a a", FALSE, "a|▁a");
  assert_ids(t, "aaaa", FALSE, "aa|aa"); /* leftmost first; aaa would need aa + a, but both pairs have merged */
  assert_ids(t, "aaaaa", FALSE, "aa|aaa");
  assert_ids(t, "  ", FALSE, "▁▁");
  assert_ids(t, "\n\n\na<b>b<obj_12><b", FALSE, "\n\n|\n|a|<b>|b|<obj_12>|<unk>|b");
  assert_ids(t, "<bos>a<image></ref>", TRUE, "<bos>|<bos>|a|<image>|</ref>");
  assert_ids(t, "axyz肺b", FALSE, "a|<unk>|b"); /* unknown neighbours are one */
  assert_ids(t, "a\xff", FALSE, "a|<unk>");
  const gint32 ids[] = {2, 14, 4, 9, 1000000, -1, 17, 0};
  g_autofree char *all = ax_gemma_tokenizer_decode(t, ids, G_N_ELEMENTS(ids), FALSE), *some = ax_gemma_tokenizer_decode(t, ids, G_N_ELEMENTS(ids), TRUE);
  g_assert_cmpstr(all, ==, "<bos> a<b>c  <pad>");
  g_assert_cmpstr(some, ==, " a<b>c  ");
}

/* ---- the reference ---- */

static char *json_path; /* unpacked, or NULL */

/* tokenizer.json lies packed beside the reference. */
static void unpack(void) {
  g_autofree char *packed = g_build_filename(g_getenv("AX_SHARED") != NULL ? g_getenv("AX_SHARED") : ".", "gemma3-tokenizer", "tokenizer.json.xz", NULL);
  g_autofree char *xz = g_find_program_in_path("xz");
  if (!g_file_test(packed, G_FILE_TEST_EXISTS) || xz == NULL)
    return;
  g_autofree char *out = g_build_filename(sources_cache, "tokenizer.json", NULL);
  g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_NONE);
  g_subprocess_launcher_set_stdout_file_path(launcher, out);
  g_autoptr(GError) error = NULL;
  g_autoptr(GSubprocess) process = g_subprocess_launcher_spawn(launcher, &error, xz, "-dc", packed, NULL);
  g_assert_no_error(error);
  g_assert_true(g_subprocess_wait_check(process, NULL, &error));
  json_path = g_steal_pointer(&out);
}

static AxGemmaTokenizer *open_source(gconstpointer which) {
  if (GPOINTER_TO_INT(which) == 0)
    return open_gguf_source();
  if (json_path == NULL)
    return NULL;
  g_autoptr(GError) error = NULL;
  AxGemmaTokenizer *t = ax_gemma_tokenizer_open(json_path, &error);
  g_assert_no_error(error);
  return t;
}

static JsonParser *strings(void) {
  g_autofree char *path = g_build_filename(g_getenv("AX_SHARED") != NULL ? g_getenv("AX_SHARED") : ".", "reference", "E_tokenizer", "strings.json", NULL);
  g_autoptr(JsonParser) parser = json_parser_new();
  return json_parser_load_from_file(parser, path, NULL) ? g_steal_pointer(&parser) : NULL;
}

/* The same text as from decode(), piece by piece, each of them valid. */
static char *stream(const AxGemmaTokenizer *t, const gint32 *ids, guint n, gboolean skip) {
  AxDetokenizer d;
  GString *s = g_string_new(NULL);
  ax_detokenizer_init(&d, t, skip);
  for (guint i = 0; i < n; i++) {
    const char *piece = ax_detokenizer_push(&d, ids[i]);
    g_assert_true(g_utf8_validate(piece, -1, NULL));
    g_string_append(s, piece);
  }
  g_string_append(s, ax_detokenizer_finish(&d));
  return g_string_free(s, FALSE);
}

static void test_strings(gconstpointer which) {
  g_autoptr(JsonParser) parser = strings();
  g_autoptr(AxGemmaTokenizer) t = parser != NULL ? open_source(which) : NULL;
  if (t == NULL) {
    g_test_skip("the vocabulary or reference/E_tokenizer/strings.json is absent");
    return;
  }
  JsonObject *top = json_node_get_object(json_parser_get_root(parser)), *added = json_object_get_object_member(top, "added_tokens");
  g_assert_cmpint(ax_gemma_tokenizer_added_first(t), ==, json_object_get_int_member(top, "base_len"));
  g_assert_cmpuint(ax_gemma_tokenizer_size(t), ==, json_object_get_int_member(top, "total_len"));
  g_assert_cmpuint(json_object_get_size(added), ==, AX_N_ADDED_TOKENS);
  for (guint i = 0; i < AX_N_ADDED_TOKENS; i++)
    g_assert_cmpint(AX_GEMMA_ID(i), ==, json_object_get_int_member(added, ax_added_token_text(i)));
  JsonArray *list = json_object_get_array_member(top, "cases");
  g_assert_cmpuint(json_array_get_length(list), ==, 66);
  for (guint i = 0; i < json_array_get_length(list); i++) {
    JsonObject *c = json_array_get_object_element(list, i);
    JsonArray *wanted = json_object_get_array_member(c, "ids");
    const char *text = json_object_get_string_member(c, "text");
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint32));
    ax_gemma_tokenizer_encode(t, text, -1, TRUE, ids);
    gboolean equal = ids->len == json_array_get_length(wanted);
    for (guint k = 0; equal && k < ids->len; k++)
      equal = g_array_index(ids, gint32, k) == json_array_get_int_element(wanted, k);
    if (!equal)
      g_test_message("\"%s\"", text);
    g_assert_true(equal);
    const gint32 *rest = &g_array_index(ids, gint32, 1);
    const guint n = ids->len - 1;
    g_autofree char *plain = ax_gemma_tokenizer_decode(t, rest, n, FALSE), *skipped = ax_gemma_tokenizer_decode(t, rest, n, TRUE);
    g_assert_cmpstr(plain, ==, json_object_has_member(c, "decode_of_ids_without_bos") ? json_object_get_string_member(c, "decode_of_ids_without_bos") : text);
    g_assert_cmpstr(skipped, ==, json_object_has_member(c, "decode_skip_special") ? json_object_get_string_member(c, "decode_skip_special") : plain);
    g_autofree char *a = stream(t, rest, n, FALSE), *b = stream(t, rest, n, TRUE);
    g_assert_cmpstr(a, ==, plain);
    g_assert_cmpstr(b, ==, skipped);
  }
}

/* Bytes of characters that come one at a time, and bytes that never become one. */
static void test_stream(void) {
  g_autoptr(AxGemmaTokenizer) t = open_gguf_source();
  if (t == NULL) {
    g_test_skip("the vocabulary is absent");
    return;
  }
#define BYTE(b) (238 + (b))
  static const struct {
    gint32 ids[8];
    const char *pieces[9]; /* of each push, then of finish */
  } cases[] = {
      {{BYTE(0xF0), BYTE(0x93), BYTE(0x80), BYTE(0x80), -1}, {"", "", "", "\xF0\x93\x80\x80", ""}},
      {{BYTE(0xE2), BYTE(0x82), 236746, -1}, {"", "", "\uFFFD\uFFFDa", ""}},
      {{BYTE(0xE2), BYTE(0xC3), BYTE(0xA9), -1}, {"", "\uFFFD", "é", ""}},
      {{BYTE(0x80), BYTE(0xFF), BYTE(0x41), BYTE(0xC3), -1}, {"\uFFFD", "\uFFFD", "A", "", "\uFFFD"}},
      {{BYTE(0xED), BYTE(0xA0), BYTE(0x80), -1}, {"", "", "\uFFFD\uFFFD\uFFFD", ""}}, /* a surrogate is no character */
      {{BYTE(0), 236746, -1}, {"\uFFFD", "a", ""}},
  };
  for (guint c = 0; c < G_N_ELEMENTS(cases); c++) {
    AxDetokenizer d;
    ax_detokenizer_init(&d, t, TRUE);
    guint i = 0;
    for (; cases[c].ids[i] >= 0; i++) {
      const char *got = ax_detokenizer_push(&d, cases[c].ids[i]);
      g_assert_true(g_utf8_validate(got, -1, NULL));
      if (cases[c].pieces[i] != NULL && strcmp(got, cases[c].pieces[i]) != 0)
        g_test_message("case %u, token %u: \"%s\", expected \"%s\"", c, i, got, cases[c].pieces[i]);
      g_assert_cmpstr(got, ==, cases[c].pieces[i]);
    }
    g_assert_cmpstr(ax_detokenizer_finish(&d), ==, cases[c].pieces[i]);
  }
}

/* ---- cache ---- */

static char *cached_file(void) {
  g_autofree char *folder = g_build_filename(sources_cache, "anatomix", NULL);
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  const char *name = dir != NULL ? g_dir_read_name(dir) : NULL;
  return name != NULL ? g_build_filename(folder, name, NULL) : NULL;
}

static void remove_cached(void) {
  for (char *path; (path = cached_file()) != NULL; g_free(path))
    g_assert_cmpint(g_unlink(path), ==, 0);
}

static void assert_works(const AxGemmaTokenizer *t) { assert_ids(t, "two  spaces(12,340)", FALSE, "two|▁▁|spaces|(|1|2|,|3|4|0|)"); }

static void test_cache(void) {
  if (!g_file_test(sources_gguf, G_FILE_TEST_EXISTS)) {
    g_test_skip("the vocabulary is absent");
    return;
  }
  remove_cached();
  const gint64 start = g_get_monotonic_time();
  g_autoptr(AxGemmaTokenizer) fresh = open_gguf_source();
  const gint64 built = g_get_monotonic_time();
  g_autofree char *path = cached_file();
  g_assert_nonnull(path);
  g_autoptr(AxGemmaTokenizer) mapped = open_gguf_source();
  const gint64 loaded = g_get_monotonic_time();
  g_test_message("built in %.3f s, from the cache in %.3f s (0.3 s allowed for the user)", (double) (built - start) * 1e-6, (double) (loaded - built) * 1e-6);
  assert_works(fresh);
  assert_works(mapped);
  /* What a damaged, cut or foreign table leads to is a new one. */
  g_autofree char *good = NULL, *again = NULL;
  gsize size;
  g_assert_true(g_file_get_contents(path, &good, &size, NULL));
  const gsize spoiled[] = {9, size / 2};
  for (guint i = 0; i <= G_N_ELEMENTS(spoiled); i++) {
    if (i < G_N_ELEMENTS(spoiled))
      good[spoiled[i]] ^= 4;
    g_assert_true(g_file_set_contents(path, good, i < G_N_ELEMENTS(spoiled) ? (gssize) size : (gssize) size / 3, NULL));
    g_autoptr(AxGemmaTokenizer) t = open_gguf_source();
    assert_works(t);
    if (i < G_N_ELEMENTS(spoiled))
      good[spoiled[i]] ^= 4;
    gsize n;
    g_clear_pointer(&again, g_free);
    g_assert_true(g_file_get_contents(path, &again, &n, NULL));
    g_assert_cmpmem(again, n, good, size);
  }
  /* No folder to keep it in: it works all the same. */
  remove_cached();
  g_autofree char *folder = g_path_get_dirname(path);
  g_assert_cmpint(g_rmdir(folder), ==, 0);
  g_assert_true(g_file_set_contents(folder, "in the way", -1, NULL));
  g_autoptr(AxGemmaTokenizer) t = open_gguf_source();
  assert_works(t);
  g_assert_cmpint(g_unlink(folder), ==, 0);
}

/* ---- long text ---- */

static double seconds(const AxGemmaTokenizer *t, const char *unit, gsize size) {
  GString *s = g_string_new(NULL);
  while (s->len < size)
    g_string_append(s, unit);
  g_autofree char *text = g_string_free(s, FALSE);
  g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint32));
  struct timespec a, b;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
  ax_gemma_tokenizer_encode(t, text, -1, FALSE, ids);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
  g_assert_cmpuint(ids->len, >, 0);
  return (double) (b.tv_sec - a.tv_sec) + (double) (b.tv_nsec - a.tv_nsec) * 1e-9;
}

static void test_long(void) {
  g_autoptr(AxGemmaTokenizer) t = open_gguf_source();
  if (t == NULL) {
    g_test_skip("the vocabulary is absent");
    return;
  }
  static const char *const units[] = {"a", "the right lung is clear. ", " ", "\n", "<unused"};
  for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
    const double small = seconds(t, units[i], 64 << 10), large = seconds(t, units[i], 1 << 20);
    /* 16 times the text: n log n is 21 times the work, and tables that no longer fit the caches cost a few times more; quadratic time would be 256 times. */
    g_test_message("\"%s\": 64 KiB %.4f s, 1 MiB %.4f s: %.0f times (256 would be quadratic)", units[i][0] == '\n' ? "\\n" : units[i], small, large, large / MAX(small, 1e-4));
    g_assert_cmpfloat(large, <, 160 * MAX(small, 1e-3));
  }
}

/* ---- refusals ---- */

static const char *const good_json = "{\"added_tokens\":[{\"id\":2,\"content\":\"<bos>\",\"special\":true,\"normalized\":false}],\"normalizer\":{\"type\":\"Replace\"},"
                                     "\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,\"vocab\":{\"a\":0,\"\\u0062\":1,\"<bos>\":2,\"<unk>\":3,\"ab\":4,\"\\ud83d\\ude00\":5},\"merges\":[[\"a\",\"b\"]]}}";

static AxGemmaTokenizer *open_text(const char *text, gsize length, GError **error) {
  g_autofree char *path = g_build_filename(sources_cache, "small.json", NULL);
  g_assert_true(g_file_set_contents(path, text, (gssize) length, NULL));
  AxGemmaTokenizer *t = ax_gemma_tokenizer_open(path, error);
  g_assert_true((t == NULL) == (*error != NULL));
  g_unlink(path);
  return t;
}

static void test_refusals(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(AxGemmaTokenizer) good = open_text(good_json, strlen(good_json), &error);
  g_assert_no_error(error);
  assert_ids(good, "ab😀<bos>c", TRUE, "<bos>|ab|😀|<bos>|<unk>");
  static const char *const changes[][2] = {
      {"\"BPE\"", "\"Unigram\""}, {"\"id\":2", "\"id\":99999999999"}, {"\"id\":2", "\"id\":0"}, {"true,\"vocab\"", "false,\"vocab\""}, {"Replace", "NFKC"}, {"[\"a\",\"b\"]", "[\"a\",\"c\"]"},
      {"[\"a\",\"b\"]", "[\"b\",\"a\"]"}, {"[\"a\",\"b\"]", "7"}, {"\"a\":0", "\"a\":-1"}, {"\"a\":0", "\"a\":1"}, {"\\u0062", "\\ud800"}, {"\\u0062", "\\u0000"}, {"\\u0062", "\\q"},
      {"\"<bos>\":2", "\"<box>\":2"}, {"\"normalized\":false", "\"lstrip\":true"}, {"\"vocab\":{", "\"vocab\":{{"}, {"\"vocab\"", "\"vocabulary\""}, {"<bos>\",\"special", "<box>\",\"special"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
    const char *at = strstr(good_json, changes[i][0]);
    g_assert_nonnull(at);
    g_autofree char *head = g_strndup(good_json, (gsize) (at - good_json)), *text = g_strconcat(head, changes[i][1], at + strlen(changes[i][0]), NULL);
    g_autoptr(AxGemmaTokenizer) t = open_text(text, strlen(text), &error);
    if (t != NULL)
      g_test_message("accepted: %s", text);
    g_assert_null(t);
    g_test_message("%s", error->message);
    g_clear_error(&error);
  }
  /* Every prefix is refused. */
  for (gsize n = 0; n < strlen(good_json); n++) {
    g_assert_null(open_text(good_json, n, &error));
    g_clear_error(&error);
  }
  g_autofree char *nested = g_strnfill(200000, '['), *deep = g_strconcat("{\"x\":", nested, NULL);
  g_assert_null(open_text(deep, strlen(deep), &error));
  g_clear_error(&error);
  g_assert_null(ax_gemma_tokenizer_open("/nonexistent.json", &error));
  g_assert_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_READ);
  g_clear_error(&error);
  g_assert_null(ax_gemma_tokenizer_open("/", &error));
  g_assert_nonnull(error);
  g_clear_error(&error);
  /* Vocabularies without what has to be there, and pieces that are no text. */
  static const char *const no_bos[] = {"<unk>", "a"}, *const bad[] = {"<bos>", "<unk>", "\xff"};
  static const gint32 kinds[] = {3, 3, 1};
  static const float zero[3];
  g_assert_null(ax_gemma_tokenizer_new(no_bos, zero, kinds, 2, &error));
  g_assert_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_FORMAT);
  g_clear_error(&error);
  g_assert_null(ax_gemma_tokenizer_new(bad, zero, kinds, 3, &error));
  g_assert_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_FORMAT);
  g_clear_error(&error);
  g_autofree char *long_piece = g_strnfill(241, 'a');
  const char *const too_long[] = {"<bos>", "<unk>", long_piece};
  g_assert_null(ax_gemma_tokenizer_new(too_long, zero, kinds, 3, &error));
  g_assert_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_FORMAT);
}

int main(int argc, char **argv) {
  sources_init();
  g_test_init(&argc, &argv, NULL);
  unpack();
  g_test_add_func("/gemma-tokenizer/rules", test_rules);
  g_test_add_data_func("/gemma-tokenizer/strings/gguf", GINT_TO_POINTER(0), test_strings);
  g_test_add_data_func("/gemma-tokenizer/strings/json", GINT_TO_POINTER(1), test_strings);
  g_test_add_func("/gemma-tokenizer/stream", test_stream);
  g_test_add_func("/gemma-tokenizer/cache", test_cache);
  g_test_add_func("/gemma-tokenizer/long", test_long);
  g_test_add_func("/gemma-tokenizer/refusals", test_refusals);
  const int status = g_test_run();
  if (json_path != NULL)
    g_unlink(json_path);
  g_free(json_path);
  sources_clean_up();
  return status;
}
