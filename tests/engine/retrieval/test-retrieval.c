/* Retrieval: the same sentences as the authors' code (reference I), and the order of hits, ties and bounds on databases made here. */
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "engine/retrieval/retrieval.h"

static char *shared_path(const char *folder, const char *file) {
  const char *shared = g_getenv("AX_SHARED");
  char *path = g_build_filename(shared != NULL ? shared : ".", "reference", folder, file, NULL);
  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    g_test_skip_printf("reference/%s/%s is absent", folder, file);
    g_clear_pointer(&path, g_free);
  }
  return path;
}

/* The reference's cosines are float32: products of unit vectors rounded at every step, with embeddings that are read as the authors
 * computed them. The reference asks for 1e-4; sixteen float32 products of values below 1 are wrong by at most 16 * 2^-24 = 1e-6. */
#define COSINE_TOLERANCE 1e-6

static void test_reference(gconstpointer data) {
  const char *name = data;
  g_autoptr(GError) error = NULL;
  g_autofree char *expected_path = shared_path("I_retrieval", "expected.json");
  g_autofree char *apm_path = expected_path != NULL ? shared_path("B_apm_small", "apm_small.safetensors") : NULL;
  g_autofree char *db_path = apm_path != NULL ? shared_path("H_files", name) : NULL;
  if (db_path == NULL)
    return;
  g_autoptr(JsonParser) parser = json_parser_new();
  g_assert_true(json_parser_load_from_file(parser, expected_path, &error));
  JsonObject *expected = json_object_get_object_member(json_node_get_object(json_parser_get_root(parser)), name);
  g_autoptr(AxWeights) apm = ax_weights_open(apm_path, &error);
  g_assert_no_error(error);
  float embeddings[2][36][16];
  g_assert_true(ax_weights_read_named_f32(apm, "object_embeddings", 3, (const gint64[]){2, 36, 16}, &embeddings[0][0][0], &error));
  g_autoptr(AxSentenceDb) db = ax_sentence_db_open(db_path, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(ax_sentence_db_n_objects(db), ==, 36);
  g_assert_cmpuint(ax_sentence_db_dim(db), ==, 16);
  double worst = 0;
  for (guint i = 0; i < 2; i++) {
    JsonArray *chosen = json_array_get_array_element(json_object_get_array_member(expected, "chosen_index"), i);
    JsonArray *sentences = json_array_get_array_element(json_object_get_array_member(expected, "chosen_sentence"), i);
    JsonArray *cosines = json_array_get_array_element(json_object_get_array_member(expected, "cosine"), i);
    for (guint o = 0; o < 36; o++) {
      g_assert_cmpstr(ax_sentence_file_object_name(ax_sentence_db_get_file(db), o), ==,
                      json_array_get_string_element(json_object_get_array_member(expected, "names_by_index"), o));
      AxHit hits[8];
      const guint n = ax_sentence_db_query(db, o, embeddings[i][o], 8, hits);
      JsonArray *row = json_array_get_array_element(cosines, o);
      g_assert_cmpuint(n, ==, json_array_get_length(row));
      g_assert_cmpuint(n, ==, ax_sentence_db_count(db, o));
      g_assert_cmpuint(hits[0].index, ==, (guint) json_array_get_int_element(chosen, o));
      g_assert_cmpstr(hits[0].sentence, ==, json_array_get_string_element(sentences, o));
      for (guint k = 0; k < n; k++) {
        worst = MAX(worst, fabs(hits[k].cosine - json_array_get_double_element(row, hits[k].index)));
        g_assert_cmpint(ax_sentence_db_find(db, o, hits[k].sentence), ==, (int) hits[k].index);
        if (k > 0)
          g_assert_cmpfloat(hits[k].cosine, <=, hits[k - 1].cosine);
      }
    }
  }
  g_test_message("%s: 72 of 72 sentences equal; largest cosine difference %.2e, %.0f %% of the tolerance", name, worst, 100 * worst / COSINE_TOLERANCE);
  g_assert_cmpfloat(worst, <=, COSINE_TOLERANCE);
}

static AxSentenceDb *small_db(void) {
  static const char *const names[] = {"A", "B"};
  g_autoptr(GError) error = NULL;
  g_autoptr(AxSentenceBuilder) builder = ax_sentence_builder_new(names, 2, 2);
  /* d is twice c, so they tie; e has no direction. */
  const struct {
    const char *text;
    float v[2];
  } rows[] = {{"d", {2, 2}}, {"c", {1, 1}}, {"b", {1, 0}}, {"a", {-1, 0}}, {"e", {0, 0}}};
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_true(ax_sentence_builder_add(builder, 0, rows[i].text, rows[i].v, &error));
  g_assert_true(ax_sentence_builder_add(builder, 1, "only", rows[0].v, &error));
  g_autoptr(AxSentenceFile) file = ax_sentence_builder_finish(builder, &error);
  g_assert_no_error(error);
  return ax_sentence_db_new(file);
}

static void test_order(void) {
  g_autoptr(AxSentenceDb) db = small_db();
  AxHit hits[6] = {{0}};
  const float q[2] = {3, 3};
  g_assert_cmpuint(ax_sentence_db_query(db, 0, q, 6, hits), ==, 5);
  const char *const order[] = {"c", "d", "b", "e", "a"};
  for (guint k = 0; k < 5; k++)
    g_assert_cmpstr(hits[k].sentence, ==, order[k]);
  g_assert_cmpfloat_with_epsilon(hits[0].cosine, 1, 1e-15);
  g_assert_cmpfloat_with_epsilon(hits[2].cosine, sqrt(0.5), 1e-15);
  g_assert_cmpfloat(hits[3].cosine, ==, 0);
  g_assert_null(hits[5].sentence);
  /* Fewer asked for: the same best ones, and nothing behind them is touched. */
  AxHit two[3] = {{0}};
  two[2].index = 77;
  g_assert_cmpuint(ax_sentence_db_query(db, 0, q, 2, two), ==, 2);
  g_assert_cmpstr(two[0].sentence, ==, "c");
  g_assert_cmpstr(two[1].sentence, ==, "d");
  g_assert_cmpuint(two[2].index, ==, 77);
  g_assert_cmpuint(ax_sentence_db_query(db, 0, q, 0, NULL), ==, 0);
  g_assert_cmpuint(ax_sentence_db_query(db, 1, q, 2, two), ==, 1);
}

static void test_odd_queries(void) {
  g_autoptr(AxSentenceDb) db = small_db();
  AxHit hit;
  const float nan_q[2] = {NAN, 1}, inf_q[2] = {INFINITY, 1}, zero[2] = {0, 0}, tiny[2] = {1e-30f, 0};
  g_assert_cmpuint(ax_sentence_db_query(db, 0, nan_q, 1, &hit), ==, 0);
  g_assert_cmpuint(ax_sentence_db_query(db, 0, inf_q, 1, &hit), ==, 0);
  g_assert_cmpuint(ax_sentence_db_query(db, 0, zero, 1, &hit), ==, 1);
  g_assert_cmpuint(hit.index, ==, 0);
  g_assert_cmpuint(ax_sentence_db_query(db, 0, tiny, 1, &hit), ==, 1);
  g_assert_cmpstr(hit.sentence, ==, "b");
  g_assert_cmpint(ax_sentence_db_find(db, 0, "cc"), ==, -1);
  g_assert_cmpint(ax_sentence_db_find(db, 1, "only"), ==, 0);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_data_func("/retrieval/reference", "emb_db.pt", test_reference);
  g_test_add_data_func("/retrieval/reference-display-names", "emb_db_display_names.pt", test_reference);
  g_test_add_func("/retrieval/order", test_order);
  g_test_add_func("/retrieval/odd-queries", test_odd_queries);
  return g_test_run();
}
