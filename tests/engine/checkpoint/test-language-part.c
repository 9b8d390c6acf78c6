/* Language parts of model folders: imported from the reference's files over both kinds of base, looked for in every place, refused when a
 * file is another than expected; added to a folder without touching the rest of it. */
#include <glib/gstdio.h>
#include <string.h>

#include "engine/checkpoint/describe.h"
#include "engine/checkpoint/file_sum.h"
#include "engine/checkpoint/import.h"
#include "engine/checkpoint/language_part.h"
#include "engine/checkpoint/lm_adapter.h"
#include "engine/checkpoint/sentence_file.h"
#include "tests/engine/checkpoint/lm_maker.h"
#include "tests/engine/checkpoint/reference.h"

static char *cache; /* $XDG_CACHE_HOME of this test */

/* The reference's shrunk checkpoint with a sentence database of its size; NULL after a skip. */
static char *
make_database(const char *dir, const char *checkpoint)
{
  g_autoptr(GError) error = NULL;
  static const char *const names[] = { "a", "b", "c" };
  static const float vector[3] = { 1, 2, 3 };
  g_autoptr(AxWeights) source = ax_weights_open(checkpoint, &error);
  g_assert_no_error(error);
  const guint n = (guint) ax_weights_info(source, (guint) ax_weights_find(source, "model.vis_model.query_embed.weight"))->shape[0];
  const guint dim = (guint) ax_weights_info(source, (guint) ax_weights_find(source, "model.vis_model.anat_obj_embs.linear.weight"))->shape[0];
  g_autoptr(AxSentenceBuilder) builder = ax_sentence_builder_new(names, n, dim);
  for (guint o = 0; o < n; o++)
    g_assert_true(ax_sentence_builder_add(builder, o, "is healthy.", vector, &error));
  g_autoptr(AxSentenceFile) sentences = ax_sentence_builder_finish(builder, &error);
  char *path = g_build_filename(dir, "small.safetensors", NULL);
  g_assert_true(ax_sentence_file_save(sentences, path, AX_DTYPE_F32, &error));
  return path;
}

static gboolean
import_into(const char *dir, const char *output, const char *lm, const char *base, GError **error)
{
  g_autofree char *checkpoint = reference_path("H_files/last_checkpoint.pth"), *db = make_database(dir, checkpoint);
  const AxImportOptions options = { .apm_checkpoint = checkpoint, .sentence_db = db, .lm_checkpoint = lm, .lm_base = base, .output = output };
  return ax_import(&options, NULL, NULL, NULL, error);
}

static AxLanguagePart *
open_part(const char *dir, GError **error)
{
  g_autoptr(AxModelFolder) folder = ax_model_folder_open(dir, error);
  return folder != NULL ? ax_language_part_open(folder, error) : NULL;
}

static void
assert_refused(const char *dir, AxCheckpointError code, const char *says)
{
  g_autoptr(GError) error = NULL;
  g_assert_null(open_part(dir, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, code);
  if (strstr(error->message, says) == NULL)
    g_error("\"%s\" does not say \"%s\"", error->message, says);
}

static AxLmWeights *
reference_stack(const char *lm, const char *base)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(AxLmWeights) b = ax_lm_base_open(base, &error);
  g_autoptr(AxLmWeights) a = ax_lm_adapter_open(lm, 0, &error);
  AxLmWeights *both = ax_lm_weights_stack(b, a, &error);
  g_assert_no_error(error);
  return both;
}

static void
assert_same_weights(AxLmWeights *a, AxLmWeights *b)
{
  g_assert_cmpuint(ax_lm_weights_n(a), ==, ax_lm_weights_n(b));
  for (guint i = 0; i < ax_lm_weights_n(a); i++)
    assert_same_lm_tensor(a, b, ax_lm_weights_info(a, i)->name);
}

static void
edit(const char *path, const char *from, const char *to)
{
  g_autofree char *text = NULL;
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  g_assert_nonnull(strstr(text, from));
  g_auto(GStrv) parts = g_strsplit(text, from, 2);
  g_autofree char *changed = g_strjoinv(to, parts);
  g_assert_true(g_file_set_contents(path, changed, -1, NULL));
}

/* The published form: lm.pt over a Hugging Face folder. */
static void
test_import_hf(void)
{
  g_autofree char *checkpoint = reference_path("H_files/last_checkpoint.pth"), *lm = reference_path("F_lm_tiny/lm.pt");
  g_autofree char *base = reference_path("F_lm_tiny/base"), *peft = reference_path("F_lm_tiny/adapter");
  if (checkpoint == NULL || lm == NULL || base == NULL || peft == NULL)
    return;
  g_autofree char *dir = make_folder(), *output = g_build_filename(dir, "model", NULL);
  g_autofree char *weights = g_build_filename(output, "base-model.safetensors", NULL), *json = g_build_filename(output, "model.json", NULL);
  g_autoptr(GError) error = NULL;
  g_assert_true(import_into(dir, output, lm, base, &error));
  g_assert_no_error(error);
  {
    g_autoptr(AxLanguagePart) part = open_part(output, &error);
    g_assert_no_error(error);
    g_autoptr(AxLmWeights) expected = reference_stack(lm, base);
    assert_same_weights(ax_language_part_get_weights(part), expected);
    g_assert_cmpstr(ax_language_part_get_title(part), ==, "base");
    g_assert_cmpuint(json_object_get_size(ax_language_part_get_prompt(part)), ==, 0);
    g_assert_cmpfloat(ax_lm_weights_get_config(ax_language_part_get_weights(part))->embed_scale, ==, 11.3125);
  }
  g_autoptr(JsonObject) description = ax_describe(output, &error);
  g_assert_no_error(error);
  g_autofree char *text = ax_describe_text(description);
  g_assert_nonnull(strstr(text, "language part: base"));
  g_assert_nonnull(strstr(text, "LoRA of rank 8 in 8 layers"));

  /* A byte of the base changes: the folder opens, its language part does not. */
  g_autofree char *bytes = NULL;
  gsize size;
  g_assert_true(g_file_get_contents(weights, &bytes, &size, NULL));
  bytes[size - 1] ^= 1;
  g_assert_true(g_file_set_contents(weights, bytes, (gssize) size, NULL));
  g_autoptr(AxModelFolder) folder = ax_model_folder_open(output, &error);
  g_assert_no_error(error);
  g_assert_nonnull(folder);
  assert_refused(output, AX_CHECKPOINT_ERROR_MISMATCH, "SHA-256");
  bytes[size - 1] ^= 1;
  g_assert_true(g_file_set_contents(weights, bytes, (gssize) size, NULL));
  g_autoptr(AxLanguagePart) again = open_part(output, &error);
  g_assert_no_error(error);
  g_assert_nonnull(again);

  /* model.json that says something else. */
  static const char *const edits[][3] = {
    { "\"rank\" : 8", "\"rank\" : 9", "rank 9" },
    { "\"adapter\" : \"lm_adapter\"", "\"adapter\" : \"gone\"", "gone" },
    { "\"role\" : \"lm_base\"", "\"role\" : \"apm\"", "role" },
    { "\"prompt\" : {    }", "\"prompt\" : 1", "prompt" },
    { "\"base\" : {", "\"other\" : {", "base" },
  };
  for (guint e = 0; e < G_N_ELEMENTS(edits); e++) {
    g_autofree char *kept = NULL;
    g_assert_true(g_file_get_contents(json, &kept, NULL, NULL));
    edit(json, edits[e][0], edits[e][1]);
    g_assert_null(open_part(output, &error));
    if (strstr(error->message, edits[e][2]) == NULL)
      g_error("\"%s\" does not say \"%s\"", error->message, edits[e][2]);
    g_clear_error(&error);
    g_assert_true(g_file_set_contents(json, kept, -1, NULL));
  }

  /* A PEFT folder does as well; half of the two does not; an adapter of another base leaves no model. */
  g_autofree char *second = g_build_filename(dir, "second", NULL), *second_json = g_build_filename(second, "model.json", NULL);
  g_assert_false(import_into(dir, second, lm, NULL, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT);
  g_clear_error(&error);
  g_assert_false(import_into(dir, second, base, base, &error));
  g_assert_nonnull(error);
  g_clear_error(&error);
  g_assert_false(g_file_test(second_json, G_FILE_TEST_EXISTS));
  g_assert_true(import_into(dir, second, peft, base, &error));
  g_autoptr(AxLanguagePart) from_peft = open_part(second, &error);
  g_assert_no_error(error);
  g_autoptr(AxLmWeights) expected = reference_stack(peft, base);
  assert_same_weights(ax_language_part_get_weights(from_peft), expected);
  remove_tree(dir);
}

/* A GGUF base: in the folder, in the cache, named by the environment, nowhere, another one. */
static void
test_places(void)
{
  g_autofree char *checkpoint = reference_path("H_files/last_checkpoint.pth"), *lm = reference_path("F_lm_tiny/lm.pt");
  g_autofree char *hf = reference_path("F_lm_tiny/base");
  if (checkpoint == NULL || lm == NULL || hf == NULL)
    return;
  g_autofree char *dir = make_folder(), *output = g_build_filename(dir, "model", NULL), *inside = g_build_filename(output, "tiny.gguf", NULL);
  g_autofree char *below = g_build_filename(cache, "anatomix", "some-model", NULL), *cached = g_build_filename(below, "tiny.gguf", NULL);
  g_autofree char *elsewhere = g_build_filename(dir, "renamed.bin", NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(AxLmWeights) base = ax_lm_base_open(hf, &error);
  g_autofree char *gguf = write_tiny_gguf(dir, base, NULL);
  g_assert_false(ax_language_base_is_installed(gguf));
  g_assert_true(import_into(dir, output, lm, gguf, &error));
  g_assert_no_error(error);
  g_assert_true(g_file_test(inside, G_FILE_TEST_EXISTS));
  {
    g_autoptr(AxLanguagePart) part = open_part(output, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(ax_language_part_get_base_path(part), ==, inside);
    g_assert_nonnull(ax_lm_weights_get_gguf(ax_language_part_get_weights(part)));
    g_assert_null(ax_language_part_get_tokenizer_path(part));
    g_autoptr(AxLmWeights) expected = reference_stack(lm, gguf);
    assert_same_weights(ax_language_part_get_weights(part), expected);
  }
  /* In a folder of the cache; there it need not be copied. */
  g_assert_cmpint(g_mkdir_with_parents(below, 0755), ==, 0);
  g_assert_cmpint(g_rename(inside, cached), ==, 0);
  g_assert_true(ax_language_base_is_installed(cached));
  {
    g_autoptr(AxLanguagePart) part = open_part(output, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(ax_language_part_get_base_path(part), ==, cached);
    g_autofree char *third = g_build_filename(dir, "third", NULL), *copy = g_build_filename(third, "tiny.gguf", NULL);
    g_assert_true(import_into(dir, third, lm, cached, &error));
    g_assert_false(g_file_test(copy, G_FILE_TEST_EXISTS));
    g_autoptr(AxLanguagePart) other = open_part(third, &error);
    g_assert_no_error(error);
    g_assert_nonnull(other);
  }
  /* Named: the file under any name, or its folder; a wrong name is not passed over. */
  g_assert_cmpint(g_rename(cached, elsewhere), ==, 0);
  g_setenv("ANATOMIX_LM", elsewhere, TRUE);
  {
    g_autoptr(AxLanguagePart) part = open_part(output, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(ax_language_part_get_base_path(part), ==, elsewhere);
  }
  g_setenv("ANATOMIX_LM", dir, TRUE); /* where the GGUF was made */
  {
    g_autoptr(AxLanguagePart) part = open_part(output, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(ax_language_part_get_base_path(part), ==, gguf);
  }
  g_setenv("ANATOMIX_LM", lm, TRUE);
  assert_refused(output, AX_CHECKPOINT_ERROR_MISSING, "ANATOMIX_LM is ");
  g_unsetenv("ANATOMIX_LM");

  /* Nowhere: the message says how to get it, and `info` still describes the folder. */
  assert_refused(output, AX_CHECKPOINT_ERROR_MISSING, "set ANATOMIX_LM");
  g_autofree char *json = g_build_filename(output, "model.json", NULL);
  edit(json, "\"base\" : {", "\"base\" : { \"fetch\" : \"app/fetch-language-model\",");
  assert_refused(output, AX_CHECKPOINT_ERROR_MISSING, "run app/fetch-language-model to fetch it");
  {
    /* Where the program lies above the model, as in the source tree, its whole path is told. */
    g_autofree char *parent = g_path_get_dirname(output), *app = g_build_filename(parent, "app", NULL), *program = g_build_filename(app, "fetch-language-model", NULL);
    g_autofree char *told = g_strdup_printf("run %s to fetch it", program);
    g_assert_cmpint(g_mkdir(app, 0700), ==, 0);
    g_assert_true(g_file_set_contents(program, "#!/bin/sh\n", -1, NULL));
    assert_refused(output, AX_CHECKPOINT_ERROR_MISSING, told);
    g_assert_cmpint(g_unlink(program) + g_rmdir(app), ==, 0);
  }
  g_autoptr(AxModelFolder) folder = ax_model_folder_open(output, &error);
  g_assert_null(ax_language_part_find_base(folder, &error));
  g_clear_error(&error);
  g_autoptr(JsonObject) description = ax_describe(output, &error);
  g_assert_no_error(error);
  g_autofree char *text = ax_describe_text(description);
  g_assert_nonnull(strstr(text, "is not on this machine"));

  /* A file of that name and size with other contents. */
  g_autofree char *bytes = NULL;
  gsize size;
  g_assert_true(g_file_get_contents(gguf, &bytes, &size, NULL));
  bytes[size - 1] ^= 1;
  g_assert_true(g_file_set_contents(inside, bytes, (gssize) size, NULL));
  assert_refused(output, AX_CHECKPOINT_ERROR_MISMATCH, "SHA-256");
  /* A name that leaves the folder. */
  edit(json, "\"name\" : \"tiny.gguf\"", "\"name\" : \"../tiny.gguf\"");
  assert_refused(output, AX_CHECKPOINT_ERROR_REFUSED, "no file name");
  remove_tree(dir);
}

/* A folder without a language part gets one, then another; everything else stays. */
static void
test_update(void)
{
  g_autofree char *lm = reference_path("F_lm_tiny/lm.pt"), *hf = reference_path("F_lm_tiny/base");
  if (lm == NULL || hf == NULL)
    return;
  g_autofree char *dir = make_folder(), *weights = g_build_filename(dir, "w.bin", NULL), *json = g_build_filename(dir, "model.json", NULL);
  g_autofree char *adapter_path = g_build_filename(dir, AX_LANGUAGE_ADAPTER_FILE, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) config = json_object_new(), quality = json_object_new(), prompt = json_object_new(), terms = json_object_new();
  g_autoptr(JsonArray) licences = json_array_new();
  json_object_set_int_member(config, "depth", 18);
  json_object_set_double_member(quality, "iou", 0.1 + 0.2);
  json_object_set_int_member(prompt, "image_tokens", 64);
  json_object_set_string_member(terms, "name", "Terms");
  json_object_set_string_member(terms, "text", "...");
  json_array_add_object_element(licences, json_object_ref(terms));
  static const char *const files[] = { "apm", "w.bin", NULL }, *const sources[] = { "a source", NULL };
  const AxModelDescription model = { .name = "tiny", .config = config, .quality = quality, .files = files, .trained_on = sources };
  g_assert_true(g_file_set_contents(weights, "weights", 7, NULL));
  g_assert_true(ax_model_folder_write(dir, &model, &error));
  assert_refused(dir, AX_CHECKPOINT_ERROR_MISSING, "has no language part");

  g_autoptr(AxLmWeights) base = ax_lm_base_open(hf, &error), pt = ax_lm_adapter_open(lm, 3, &error);
  g_autofree char *gguf = write_tiny_gguf(dir, base, NULL);
  g_assert_true(ax_lm_adapter_convert(pt, adapter_path, &error));
  AxLanguageDescription d = { .adapter = AX_LANGUAGE_ADAPTER_FILE, .base = gguf, .title = "Tiny", .fetch = "app/fetch", .prompt = prompt, .licences = licences };
  g_assert_true(ax_language_part_write(dir, &d, &error));
  g_assert_no_error(error);
  g_autofree char *first = NULL, *second = NULL;
  g_assert_true(g_file_get_contents(json, &first, NULL, NULL));
  g_assert_true(ax_language_part_write(dir, &d, &error));
  g_assert_true(g_file_get_contents(json, &second, NULL, NULL));
  g_assert_cmpstr(first, ==, second); /* twice is once: no licence is added again */

  g_autoptr(AxModelFolder) folder = ax_model_folder_open(dir, &error);
  g_assert_no_error(error);
  double iou;
  g_assert_cmpstr(ax_model_folder_get_name(folder), ==, "tiny");
  g_assert_true(ax_json_get_double(ax_model_folder_get_quality(folder), "iou", 0, 1, &iou, &error));
  g_assert_cmpfloat(iou, ==, 0.1 + 0.2);
  g_assert_cmpstr(ax_model_folder_get_file(folder, "apm"), ==, weights);
  JsonObject *root = ax_model_folder_get_root(folder);
  g_assert_cmpstr(json_array_get_string_element(ax_json_get_array(root, "trained_on", NULL), 0), ==, "a source");
  g_assert_cmpuint(json_array_get_length(ax_json_get_array(root, "licences", NULL)), ==, 1);
  g_autoptr(AxLanguagePart) part = ax_language_part_open(folder, &error);
  g_assert_no_error(error);
  gint64 tokens;
  g_assert_true(ax_json_get_int(ax_language_part_get_prompt(part), "image_tokens", 64, 64, &tokens, &error));
  g_assert_cmpstr(ax_language_part_get_title(part), ==, "Tiny");
  g_assert_cmpfloat(ax_lm_weights_get_adapter(ax_language_part_get_weights(part))->alpha, ==, 3);

  /* The base alone: the adapter's file is no longer named. */
  d.adapter = NULL;
  g_assert_true(ax_language_part_write(dir, &d, &error));
  g_autoptr(AxModelFolder) bare = ax_model_folder_open(dir, &error);
  g_assert_no_error(error);
  g_assert_null(ax_model_folder_get_file(bare, AX_LANGUAGE_ADAPTER_ROLE));
  g_autoptr(AxLanguagePart) base_only = ax_language_part_open(bare, &error);
  g_assert_no_error(error);
  g_assert_null(ax_lm_weights_get_adapter(ax_language_part_get_weights(base_only)));
  /* What cannot be: no such adapter, no such base; model.json stays as it was. */
  g_autofree char *before = NULL, *after = NULL;
  g_assert_true(g_file_get_contents(json, &before, NULL, NULL));
  d.adapter = "gone.safetensors";
  g_assert_false(ax_language_part_write(dir, &d, &error));
  g_clear_error(&error);
  d.adapter = "w.bin";
  g_assert_false(ax_language_part_write(dir, &d, &error));
  g_clear_error(&error);
  d.adapter = NULL;
  d.base = "/nonexistent.gguf";
  g_assert_false(ax_language_part_write(dir, &d, &error));
  g_clear_error(&error);
  g_assert_true(g_file_get_contents(json, &after, NULL, NULL));
  g_assert_cmpstr(before, ==, after);
  remove_tree(dir);
}

/* The memory of sums: it is used, and a changed file is summed again. */
static void
test_sums(void)
{
  g_autofree char *dir = make_folder(), *path = g_build_filename(dir, "f", NULL), *memory = g_build_filename(cache, "anatomix", "sums.ini", NULL);
  g_autoptr(GError) error = NULL;
  char a[AX_SHA256_HEX_SIZE], b[AX_SHA256_HEX_SIZE];
  g_assert_true(g_file_set_contents(path, "one", 3, NULL));
  g_assert_true(ax_file_sum(path, a, &error));
  g_autofree char *expected = g_compute_checksum_for_string(G_CHECKSUM_SHA256, "one", 3);
  g_assert_cmpstr(a, ==, expected);
  /* A false entry shows that the entry is what is read. */
  g_autofree char *fake = g_strdup(expected);
  fake[0] = fake[0] == '0' ? '1' : '0';
  edit(memory, expected, fake);
  g_assert_true(ax_file_sum(path, b, &error));
  g_assert_cmpstr(b, ==, fake);
  /* Another file in its place, of the same size. */
  g_assert_true(g_file_set_contents(path, "two", 3, NULL));
  g_autofree char *other = g_compute_checksum_for_string(G_CHECKSUM_SHA256, "two", 3);
  g_assert_true(ax_file_sum(path, b, &error));
  g_assert_cmpstr(b, ==, other);
  /* A memory that is damaged is no memory. */
  edit(memory, other, "nonsense");
  g_assert_true(ax_file_sum(path, b, &error));
  g_assert_cmpstr(b, ==, other);
  g_assert_true(g_file_set_contents(memory, "\xff[", 2, NULL));
  g_assert_true(ax_file_sum(path, b, &error));
  g_assert_cmpstr(b, ==, other);
  g_assert_false(ax_file_sum("/nonexistent", b, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_READ);
  remove_tree(dir);
}

int
main(int argc, char **argv)
{
  cache = make_folder();
  g_setenv("XDG_CACHE_HOME", cache, TRUE);
  g_unsetenv("ANATOMIX_LM");
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/language-part/import", test_import_hf);
  g_test_add_func("/language-part/places", test_places);
  g_test_add_func("/language-part/update", test_update);
  g_test_add_func("/language-part/sums", test_sums);
  const int status = g_test_run();
  remove_tree(cache);
  g_free(cache);
  return status;
}
