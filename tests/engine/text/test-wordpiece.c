/* WordPiece: the rules on a vocabulary made here in both file forms, the oracle's ids where all-MiniLM-L6-v2's vocabulary is
 * installed ($ANATOMIX_MINILM), and files that are refused. */
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "engine/text/wordpiece.h"

static const char *const vocabulary[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "lung", "right", "##s", "effusion", "eff", "##us", "##ion", "cafe", ".", "-", "$", "肺", "a", "##a", "「"};

static char *write_file(const char *name, const char *text, gssize length) {
  g_autofree char *dir = g_dir_make_tmp("anatomix-text-XXXXXX", NULL);
  char *path = g_build_filename(dir, name, NULL);
  g_assert_true(g_file_set_contents(path, text, length, NULL));
  return path;
}

static void remove_file(const char *path) {
  g_autofree char *dir = g_path_get_dirname(path);
  g_unlink(path);
  g_rmdir(dir);
}

static AxWordPiece *load_text(const char *name, const char *text, gssize length, GError **error) {
  g_autofree char *path = write_file(name, text, length);
  AxWordPiece *w = ax_wordpiece_load(path, error);
  remove_file(path);
  return w;
}

static char *as_lines(void) {
  g_autoptr(GString) s = g_string_new(NULL);
  for (guint i = 0; i < G_N_ELEMENTS(vocabulary); i++)
    g_string_append_printf(s, "%s\n", vocabulary[i]);
  return g_strdup(s->str);
}

static char *as_json(const char *type, const char *lowercase) {
  g_autoptr(GString) s = g_string_new(NULL);
  g_string_append_printf(s, "{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":%s},\"model\":{\"type\":\"%s\",\"continuing_subword_prefix\":\"##\",\"vocab\":{", lowercase, type);
  for (guint i = 0; i < G_N_ELEMENTS(vocabulary); i++)
    g_string_append_printf(s, "%s\"%s\":%u", i > 0 ? "," : "", vocabulary[i], i);
  g_string_append(s, "}}}");
  return g_strdup(s->str);
}

static void assert_tokens(const AxWordPiece *w, const char *text, guint limit, const char *expected) {
  guint n;
  g_autofree gint32 *ids = ax_wordpiece_encode(w, text, limit, &n);
  g_autoptr(GString) s = g_string_new(NULL);
  for (guint i = 0; i < n; i++)
    g_string_append_printf(s, "%s%s", i > 0 ? " " : "", ax_wordpiece_token(w, (guint) ids[i]));
  g_assert_cmpstr(s->str, ==, expected);
}

static void test_rules(gconstpointer data) {
  g_autoptr(GError) error = NULL;
  const gboolean json = GPOINTER_TO_INT(data);
  g_autofree char *text = json ? as_json("WordPiece", "true") : as_lines();
  g_autoptr(AxWordPiece) w = load_text(json ? "tokenizer.json" : "vocab.txt", text, -1, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(ax_wordpiece_size(w), ==, G_N_ELEMENTS(vocabulary));
  g_assert_cmpint(ax_wordpiece_id(w, "lung"), ==, 5);
  g_assert_cmpint(ax_wordpiece_id(w, "heart"), ==, -1);
  g_assert_null(ax_wordpiece_token(w, 1000));

  assert_tokens(w, "", 0, "[CLS] [SEP]");
  assert_tokens(w, "Right LUNGS.", 0, "[CLS] right lung ##s . [SEP]");
  assert_tokens(w, "  right\tlung\r\nright\xC2\xA0lung\xE3\x80\x80", 0, "[CLS] right lung right lung [SEP]");
  assert_tokens(w, "effusions", 0, "[CLS] effusion ##s [SEP]");       /* the longest piece first */
  assert_tokens(w, "effus", 0, "[CLS] eff ##us [SEP]");
  assert_tokens(w, "effusx", 0, "[CLS] [UNK] [SEP]");                 /* one bad part spoils the word */
  assert_tokens(w, "lung-lung$right", 0, "[CLS] lung - lung $ right [SEP]");
  assert_tokens(w, "Café cafe\xCC\x81 CAFE\xCC\x81", 0, "[CLS] cafe cafe cafe [SEP]");
  assert_tokens(w, "lung肺lung", 0, "[CLS] lung 肺 lung [SEP]");
  assert_tokens(w, "lung「right", 0, "[CLS] lung 「 right [SEP]");    /* an opening bracket outside ASCII */
  assert_tokens(w, "lu\xE2\x80\x8Bng\x01 \xEF\xBF\xBDright", 0, "[CLS] lung right [SEP]"); /* formatting and control characters vanish */
  assert_tokens(w, "lung[SEP]right [MASK] [mask]", 0, "[CLS] lung [SEP] right [MASK] [UNK] [UNK] [UNK] [SEP]");
  assert_tokens(w, "lung \xFF\xC3 right", 0, "[CLS] lung right [SEP]"); /* bytes that are no UTF-8 */
  assert_tokens(w, "right lung right lung", 4, "[CLS] right lung [SEP]");
  assert_tokens(w, "right lung", 4, "[CLS] right lung [SEP]");

  /* 100 characters are a word, 101 are not. */
  g_autofree char *hundred = g_strnfill(100, 'a'), *longer = g_strnfill(101, 'a');
  guint n;
  g_autofree gint32 *ids = ax_wordpiece_encode(w, hundred, 0, &n);
  g_assert_cmpuint(n, ==, 102);
  g_assert_cmpint(ids[n - 2], ==, ax_wordpiece_id(w, "##a"));
  assert_tokens(w, longer, 0, "[CLS] [UNK] [SEP]");
}

static void test_refusals(void) {
  g_autoptr(GError) error = NULL;
  g_autofree char *cased = as_json("WordPiece", "false"), *other = as_json("BPE", "true"), *nested = g_strnfill(100000, '[');
  const struct {
    const char *name, *text;
    gssize length;
  } cases[] = {
    {"vocab.txt", "", 0},
    {"vocab.txt", "[PAD]\n[UNK]\n[CLS]\n", -1},
    {"vocab.txt", "[UNK]\n[CLS]\n[SEP]\n\xFF\xFE\n", -1},
    {"vocab.txt", "[UNK]\n[CLS]\n[SEP]\na\0b\n", 23},
    {"tokenizer.json", cased, -1},
    {"tokenizer.json", other, -1},
    {"tokenizer.json", nested, -1},
    {"tokenizer.json", "{}", -1},
    {"tokenizer.json", "[]", -1},
    {"tokenizer.json", "{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":true},\"model\":{\"type\":\"WordPiece\",\"continuing_subword_prefix\":\"##\",\"vocab\":{\"[UNK]\":0,\"[CLS]\":0,\"[SEP]\":2}}}", -1},
    {"tokenizer.json", "{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":true},\"model\":{\"type\":\"WordPiece\",\"continuing_subword_prefix\":\"##\",\"vocab\":{\"[UNK]\":99999999999}}}", -1},
    {"tokenizer.json", "{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":true},\"model\":{\"type\":\"WordPiece\",\"continuing_subword_prefix\":\"##\",\"vocab\":{\"[UNK]\":\"0\"}}}", -1},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_assert_null(load_text(cases[i].name, cases[i].text, cases[i].length, &error));
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_clear_error(&error);
  }
  g_assert_null(ax_wordpiece_load("/nonexistent/vocab.txt", &error));
  g_assert_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_READ);
  g_clear_error(&error);
  g_assert_null(ax_wordpiece_load("/", &error));
  g_assert_error(error, AX_TEXT_ERROR, AX_TEXT_ERROR_READ);
}

static void test_oracle(void) {
  const char *folder = g_getenv("ANATOMIX_MINILM"), *shared = g_getenv("AX_SHARED");
  g_autofree char *oracle = g_build_filename(shared != NULL ? shared : ".", "gemma270", "minilm_oracle.json", NULL);
  if (folder == NULL || !g_file_test(oracle, G_FILE_TEST_EXISTS)) {
    g_test_skip("ANATOMIX_MINILM or gemma270/minilm_oracle.json is absent");
    return;
  }
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonParser) parser = json_parser_new();
  g_assert_true(json_parser_load_from_file(parser, oracle, &error));
  JsonArray *list = json_object_get_array_member(json_node_get_object(json_parser_get_root(parser)), "sentences");
  static const char *const files[] = {"vocab.txt", "tokenizer.json"};
  for (guint f = 0; f < G_N_ELEMENTS(files); f++) {
    g_autofree char *path = g_build_filename(folder, files[f], NULL);
    g_autoptr(AxWordPiece) w = ax_wordpiece_load(path, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(ax_wordpiece_size(w), ==, 30522);
    for (guint i = 0; i < json_array_get_length(list); i++) {
      JsonObject *entry = json_array_get_object_element(list, i);
      JsonArray *ids = json_object_get_array_member(entry, "ids"), *tokens = json_object_get_array_member(entry, "tokens");
      guint n;
      g_autofree gint32 *own = ax_wordpiece_encode(w, json_object_get_string_member(entry, "text"), 0, &n);
      g_assert_cmpuint(n, ==, json_array_get_length(ids));
      for (guint t = 0; t < n; t++) {
        g_assert_cmpint(own[t], ==, json_array_get_int_element(ids, t));
        g_assert_cmpstr(ax_wordpiece_token(w, (guint) own[t]), ==, json_array_get_string_element(tokens, t));
      }
    }
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_data_func("/wordpiece/rules/vocab.txt", GINT_TO_POINTER(0), test_rules);
  g_test_add_data_func("/wordpiece/rules/tokenizer.json", GINT_TO_POINTER(1), test_rules);
  g_test_add_func("/wordpiece/refusals", test_refusals);
  g_test_add_func("/wordpiece/oracle", test_oracle);
  return g_test_run();
}
