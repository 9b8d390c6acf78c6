/* SHA-256, sentence databases in our own form, model folders, import and descriptions. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "engine/checkpoint/atomic_file.h"
#include "engine/checkpoint/describe.h"
#include "engine/checkpoint/import.h"
#include "engine/checkpoint/safetensors_writer.h"
#include "engine/checkpoint/sentence_file.h"
#include "engine/checkpoint/sha256.h"
#include "tests/engine/checkpoint/reference.h"

static void
test_sha256(void)
{
  /* FIPS 180-4 examples, then every length around the block boundaries against GLib's own. */
  char hex[AX_SHA256_HEX_SIZE];
  ax_sha256_hex("abc", 3, hex);
  g_assert_cmpstr(hex, ==, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  ax_sha256_hex("", 0, hex);
  g_assert_cmpstr(hex, ==, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  guint8 data[300];
  for (guint i = 0; i < sizeof data; i++)
    data[i] = (guint8) (i * 37 + 11);
  for (gsize n = 0; n <= sizeof data; n++) {
    g_autofree char *expected = g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, n);
    ax_sha256_hex(data, n, hex);
    g_assert_cmpstr(hex, ==, expected);
    ax_sha256_hex_portable(data, n, hex);
    g_assert_cmpstr(hex, ==, expected);
  }
}

static void
test_sha256_speed(void)
{
  const gsize size = 25u << 20;
  g_autofree guint8 *data = g_malloc(size);
  for (gsize i = 0; i < size; i++)
    data[i] = (guint8) (i * 7);
  double best[3] = { INFINITY, INFINITY, INFINITY };
  char hex[AX_SHA256_HEX_SIZE];
  for (int round = 0; round < 3; round++)
    for (int k = 0; k < 3; k++) {
      const gint64 start = g_get_monotonic_time();
      if (k == 0)
        ax_sha256_hex(data, size, hex);
      else if (k == 1)
        ax_sha256_hex_portable(data, size, hex);
      else
        g_free(g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, size));
      best[k] = MIN(best[k], (double) (g_get_monotonic_time() - start) / 1e6);
    }
  g_test_message("SHA-256 of 25 MB: %.3f s, plain C %.3f s, GChecksum %.3f s", best[0], best[1], best[2]);
  /* Ours must not be slower than GLib's; a factor of 2 is left to noise and to sanitizers, which slow only ours. */
  g_assert_cmpfloat(best[0], <, 2 * best[2]);
}

static void
test_sentences(void)
{
  static const char *const names[] = { "Zebra", "Aorta" }; /* index order, not sorted */
  static const float a[3] = { 1, 2, 3 }, b[3] = { -0.5f, 0, 0.25f }, bad[3] = { 1, NAN, 0 };
  g_autofree char *dir = make_folder();
  g_autofree char *path = g_build_filename(dir, "s.safetensors", NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(AxSentenceBuilder) builder = ax_sentence_builder_new(names, 2, 3);
  g_assert_true(ax_sentence_builder_add(builder, 1, "b is \"fine\"", a, &error));
  g_assert_true(ax_sentence_builder_add(builder, 1, "", b, &error));
  g_assert_null(ax_sentence_builder_finish(builder, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING);
  g_assert_nonnull(strstr(error->message, "Zebra"));
  g_clear_error(&error);
  g_assert_true(ax_sentence_builder_add(builder, 0, "über", b, &error));
  g_assert_true(ax_sentence_builder_add(builder, 1, "", a, &error)); /* again: passed over */
  g_assert_cmpuint(ax_sentence_builder_n(builder), ==, 3);
  g_assert_false(ax_sentence_builder_add(builder, 0, "nan", bad, &error));
  g_clear_error(&error);
  g_assert_false(ax_sentence_builder_add(builder, 2, "no object", a, &error));
  g_clear_error(&error);
  g_assert_false(ax_sentence_builder_add(builder, 0, "\xff", a, &error));
  g_clear_error(&error);
  g_autoptr(AxSentenceFile) made = ax_sentence_builder_finish(builder, &error);
  g_assert_no_error(error);

  for (int k = 0; k < 2; k++) {
    g_assert_true(ax_sentence_file_save(made, path, k == 0 ? AX_DTYPE_F32 : AX_DTYPE_F16, &error));
    g_autoptr(AxSentenceFile) file = ax_sentence_file_open(path, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(ax_sentence_file_n(file), ==, 3);
    g_assert_cmpstr(ax_sentence_file_object_name(file, 0), ==, "Zebra");
    g_assert_cmpint(ax_sentence_file_find_object(file, "Aorta"), ==, 1);
    g_assert_cmpint(ax_sentence_file_find_object(file, "Lung"), ==, -1);
    guint first, count;
    ax_sentence_file_range(file, 1, &first, &count);
    g_assert_cmpuint(first, ==, 1);
    g_assert_cmpuint(count, ==, 2);
    g_assert_cmpstr(ax_sentence_file_text(file, 0), ==, "über");
    g_assert_cmpstr(ax_sentence_file_text(file, 1), ==, "");
    g_assert_cmpstr(ax_sentence_file_text(file, 2), ==, "b is \"fine\"");
    g_assert_cmpmem(ax_sentence_file_vectors(file) + 3, sizeof b, b, sizeof b);
    g_assert_cmpmem(ax_sentence_file_vectors(file) + 6, sizeof a, a, sizeof a);
  }
  remove_tree(dir);
}

/* Each part spoilt in turn. */
static void
test_sentences_broken(void)
{
  g_autofree char *dir = make_folder();
  g_autofree char *path = g_build_filename(dir, "s.safetensors", NULL);
  for (int k = 0; k < 13; k++) {
    gint64 n = 3, shape[2] = { 3, 2 }, n_offsets = 4, n_names = 3, n_text = 6, n_name_text = 2;
    float vectors[6] = { 1, 2, 3, 4, 5, 6 };
    guint8 object[3] = { 0, 0, 1 };
    gint64 offsets[4] = { 0, 2, 4, 6 }, name_offsets[3] = { 0, 1, 2 };
    char text[7] = "aabbcc", names[3] = "xy";
    const char *version = "1", *reason = NULL;
    switch (k) {
    case 1: version = "2"; reason = "version"; break;
    case 2: vectors[3] = INFINITY; reason = "finite"; break;
    case 3: object[2] = 2; reason = "order of their objects"; break;
    case 4: object[0] = 1; reason = "order of their objects"; break;
    case 5: object[2] = 0; reason = "no sentence"; break;
    case 6: offsets[1] = 5; reason = "out of order"; break;
    case 7: offsets[0] = 1; reason = "span"; break;
    case 8: offsets[3] = 5; reason = "span"; break;
    case 9: text[0] = 'z'; reason = "not sorted"; break;
    case 10: text[1] = '\0'; reason = "UTF-8"; break;
    case 11: names[1] = 'x'; reason = "twice"; break;
    case 12: n_offsets = 3; offsets[2] = 6; reason = "length"; break;
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(AxSafetensorsWriter) writer = ax_safetensors_writer_new();
    g_autoptr(GBytes) object_bytes = g_bytes_new(object, 3);
    g_autoptr(GBytes) offset_bytes = g_bytes_new(offsets, 8 * (gsize) n_offsets);
    g_autoptr(GBytes) text_bytes = g_bytes_new(text, 6);
    g_autoptr(GBytes) name_bytes = g_bytes_new(names, 2);
    g_autoptr(GBytes) name_offset_bytes = g_bytes_new(name_offsets, sizeof name_offsets);
    ax_safetensors_writer_set_metadata(writer, "format", "anatomix-sentences");
    ax_safetensors_writer_set_metadata(writer, "version", version);
    g_assert_true(ax_safetensors_writer_add_f32(writer, "vectors", AX_DTYPE_F32, 2, shape, vectors, &error));
    g_assert_true(ax_safetensors_writer_add_bytes(writer, "object", AX_DTYPE_U8, 1, &n, object_bytes, &error));
    g_assert_true(ax_safetensors_writer_add_bytes(writer, "offsets", AX_DTYPE_I64, 1, &n_offsets, offset_bytes, &error));
    g_assert_true(ax_safetensors_writer_add_bytes(writer, "text", AX_DTYPE_U8, 1, &n_text, text_bytes, &error));
    g_assert_true(ax_safetensors_writer_add_bytes(writer, "object_offsets", AX_DTYPE_I64, 1, &n_names, name_offset_bytes, &error));
    g_assert_true(ax_safetensors_writer_add_bytes(writer, "object_text", AX_DTYPE_U8, 1, &n_name_text, name_bytes, &error));
    g_assert_true(ax_safetensors_writer_save(writer, path, &error));
    g_autoptr(AxSentenceFile) file = ax_sentence_file_open(path, &error);
    if (reason == NULL)
      g_assert_no_error(error);
    else if (file != NULL || strstr(error->message, reason) == NULL)
      g_error("case %d: %s, expected \"%s\"", k, file != NULL ? "was accepted" : error->message, reason);
  }
  remove_tree(dir);
}

static void
write_folder(const char *dir)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *file = g_build_filename(dir, "w.bin", NULL);
  g_assert_true(ax_atomic_file_save(file, "weights", 7, &error));
  g_autoptr(JsonObject) config = json_object_new();
  json_object_set_int_member(config, "depth", 18);
  static const char *const files[] = { "apm", "w.bin", NULL }, *const sources[] = { "NIH", NULL };
  const AxModelDescription description = { .name = "tiny", .config = config, .files = files, .trained_on = sources };
  g_assert_true(ax_model_folder_write(dir, &description, &error));
  g_assert_no_error(error);
}

static void
test_folder(void)
{
  g_autofree char *dir = make_folder();
  g_autofree char *json = g_build_filename(dir, "model.json", NULL);
  g_autofree char *file = g_build_filename(dir, "w.bin", NULL);
  g_autoptr(GError) error = NULL;
  write_folder(dir);
  char *first, *second;
  g_assert_true(g_file_get_contents(json, &first, NULL, &error));
  write_folder(dir);
  g_assert_true(g_file_get_contents(json, &second, NULL, &error));
  g_assert_cmpstr(first, ==, second);

  g_autoptr(AxModelFolder) folder = ax_model_folder_open(dir, &error);
  g_assert_no_error(error);
  g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, first, -1);
  g_assert_cmpstr(ax_model_folder_get_sha256(folder), ==, sum);
  g_assert_cmpstr(ax_model_folder_get_name(folder), ==, "tiny");
  g_assert_cmpstr(ax_model_folder_get_file(folder, "apm"), ==, file);
  g_assert_null(ax_model_folder_get_file(folder, "lm"));
  gint64 depth;
  g_assert_true(ax_json_get_int(ax_model_folder_get_config(folder), "depth", 18, 50, &depth, &error));
  g_assert_false(ax_json_get_int(ax_model_folder_get_config(folder), "depth", 34, 50, &depth, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH);
  g_clear_error(&error);

  /* Texts that differ from the good one in one place. */
  static const char *const edits[][3] = {
    { "\"w.bin\"", "\"../w.bin\"", "folder itself" }, { "\"w.bin\"", "\"/etc/passwd\"", "folder itself" },
    { "\"w.bin\"", "\"gone\"", "gone" },              { "\"bytes\" : 7", "\"bytes\" : 8", "expected 8" },
    { "\"bytes\" : 7", "\"bytes\" : \"7\"", "bytes" },  { "\"version\" : 1", "\"version\" : 2", "update the program" },
    { "\"version\" : 1", "\"version\" : []", "version" }, { "anatomix-model", "other", "format" },
    { "\"config\"", "\"cfg\"", "config" },            { "\"sha256\"", "\"sha\"", "sha256" },
    { "{\n", "{ /* \" */ ", "JSON" },                 { "\"tiny\"", "tiny", "model.json" },
  };
  for (guint i = 0; i < G_N_ELEMENTS(edits); i++) {
    const char *at = strstr(first, edits[i][0]);
    g_assert_nonnull(at);
    g_autoptr(GString) text = g_string_new_len(first, at - first);
    g_string_append(text, edits[i][1]);
    g_string_append(text, at + strlen(edits[i][0]));
    g_assert_true(g_file_set_contents(json, text->str, -1, &error));
    AxModelFolder *broken = ax_model_folder_open(dir, &error);
    if (broken != NULL || strstr(error->message, edits[i][2]) == NULL)
      g_error("%s: %s", edits[i][1], broken != NULL ? "was accepted" : error->message);
    g_clear_error(&error);
  }
  g_autoptr(GString) deep = g_string_new("{\"a\":");
  for (int i = 0; i < 100000; i++)
    g_string_append_c(deep, '[');
  g_assert_true(g_file_set_contents(json, deep->str, -1, &error));
  g_assert_null(ax_model_folder_open(dir, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_DAMAGED);
  g_clear_error(&error);

  /* A changed byte in a weight file. */
  g_assert_true(g_file_set_contents(json, first, -1, &error));
  g_assert_true(g_file_set_contents(file, "weightz", 7, &error));
  g_assert_null(ax_model_folder_open(dir, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH);
  g_assert_nonnull(strstr(error->message, "SHA-256"));
  g_free(first);
  g_free(second);
  remove_tree(dir);
}

static void
count_steps(const char *what, double share, void *user)
{
  double *last = user;
  g_assert_cmpfloat(share, >=, *last);
  *last = share;
}

static void
test_import(void)
{
  g_autofree char *checkpoint = reference_path("H_files/last_checkpoint.pth");
  g_autofree char *db = reference_path("H_files/emb_db.pt");
  g_autofree char *lm = reference_path("F_lm_tiny/lm.pt");
  g_autofree char *base = reference_path("F_lm_tiny/base");
  if (checkpoint == NULL || db == NULL || lm == NULL || base == NULL)
    return;
  g_autofree char *dir = make_folder();
  g_autofree char *output = g_build_filename(dir, "model", NULL);
  g_autoptr(GError) error = NULL;
  double last = -1;
  AxImportOptions options = { .apm_checkpoint = checkpoint, .sentence_db = db, .lm_checkpoint = lm, .lm_base = base, .output = output };

  /* The reference's checkpoint is shrunk (every dimension above 3 is 2 or 3), so its database does not fit: this must be noticed. */
  g_assert_false(ax_import(&options, count_steps, &last, NULL, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH);
  g_assert_nonnull(strstr(error->message, "36 objects"));
  g_clear_error(&error);
  g_autofree char *json = g_build_filename(output, "model.json", NULL);
  g_assert_false(g_file_test(json, G_FILE_TEST_EXISTS));

  /* A database of the checkpoint's own size. */
  g_autofree char *small = g_build_filename(dir, "small.safetensors", NULL);
  g_autoptr(AxWeights) source = ax_weights_open(checkpoint, &error);
  const AxTensorInfo *query = ax_weights_info(source, (guint) ax_weights_find(source, "model.vis_model.query_embed.weight"));
  const AxTensorInfo *head = ax_weights_info(source, (guint) ax_weights_find(source, "model.vis_model.anat_obj_embs.linear.weight"));
  static const char *const names[] = { "a", "b", "c" };
  static const float vector[3] = { 1, 2, 3 };
  g_assert_cmpint(query->shape[0], <=, 3);
  g_autoptr(AxSentenceBuilder) builder = ax_sentence_builder_new(names, (guint) query->shape[0], (guint) head->shape[0]);
  for (guint o = 0; o < (guint) query->shape[0]; o++)
    g_assert_true(ax_sentence_builder_add(builder, o, "is healthy.", vector, &error));
  g_autoptr(AxSentenceFile) sentences = ax_sentence_builder_finish(builder, &error);
  g_assert_true(ax_sentence_file_save(sentences, small, AX_DTYPE_F32, &error));
  options.sentence_db = small;
  last = -1;
  g_assert_true(ax_import(&options, count_steps, &last, NULL, &error));
  g_assert_no_error(error);
  g_assert_cmpfloat(last, ==, 1);

  g_autoptr(AxModelFolder) folder = ax_model_folder_open(output, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(ax_model_folder_get_name(folder), ==, "model");
  gint64 depth;
  JsonObject *apm = ax_json_get_object(ax_model_folder_get_config(folder), "apm", &error);
  g_assert_true(ax_json_get_int(apm, "depth", 50, 50, &depth, &error));
  g_assert_nonnull(ax_model_folder_get_file(folder, "lm_adapter"));
  g_assert_nonnull(ax_model_folder_get_file(folder, "lm_base/model.safetensors"));
  g_autoptr(AxWeights) copy = ax_weights_open(ax_model_folder_get_file(folder, "apm"), &error);
  g_assert_cmpuint(ax_weights_n(copy), ==, 609);
  for (guint i = 0; i < ax_weights_n(copy); i++) {
    g_autofree char *name = g_strconcat("model.", ax_weights_info(copy, i)->name, NULL);
    g_assert_cmphex(tensor_crc(copy, i), ==, tensor_crc(source, (guint) ax_weights_find(source, name)));
  }

  /* Again: refused, as there is a model; the description names everything. */
  g_assert_false(ax_import(&options, NULL, NULL, NULL, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_WRITE);
  g_clear_error(&error);
  g_autoptr(JsonObject) description = ax_describe(output, &error);
  g_assert_no_error(error);
  g_autofree char *text = ax_describe_text(description);
  g_assert_nonnull(strstr(text, ax_model_folder_get_sha256(folder)));
  g_assert_nonnull(strstr(text, "vis_model.query_embed.weight"));
  g_assert_nonnull(strstr(text, "609 tensors"));

  /* Cancelled before it begins: nothing is left of it. */
  g_autofree char *other = g_build_filename(dir, "other", NULL);
  g_autofree char *other_json = g_build_filename(other, "model.json", NULL);
  g_autoptr(GCancellable) cancellable = g_cancellable_new();
  g_cancellable_cancel(cancellable);
  options.output = other;
  g_assert_false(ax_import(&options, NULL, NULL, cancellable, &error));
  g_assert_error(error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false(g_file_test(other_json, G_FILE_TEST_EXISTS));
  remove_tree(dir);
}

static void
test_describe(void)
{
  g_autofree char *path = reference_path("H_files/odd_but_legal.pt");
  g_autofree char *bad = reference_path("H_files/hostile/h1_os_system_reduce.pt");
  if (path == NULL || bad == NULL)
    return;
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) description = ax_describe(path, &error);
  g_assert_no_error(error);
  /* 24 + 6 + 24 + 15 + 15 + 2 + 3 + 1 + 0 + 4 + 2 + 2 + 2 + 12 elements */
  g_assert_cmpint(json_object_get_int_member(description, "parameters"), ==, 112);
  g_assert_cmpuint(json_array_get_length(json_object_get_array_member(description, "tensors")), ==, 14);
  g_assert_cmpstr(json_object_get_string_member(description, "format"), ==, "PyTorch zip");
  g_autofree char *text = ax_describe_text(description);
  g_assert_nonnull(strstr(text, "transposed"));
  g_assert_nonnull(strstr(text, "[6, 4]"));
  g_assert_null(ax_describe(bad, &error));
  g_assert_nonnull(strstr(error->message, "os.system"));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/folder/sha256", test_sha256);
  g_test_add_func("/folder/sha256-speed", test_sha256_speed);
  g_test_add_func("/folder/sentences", test_sentences);
  g_test_add_func("/folder/sentences-broken", test_sentences_broken);
  g_test_add_func("/folder/model", test_folder);
  g_test_add_func("/folder/import", test_import);
  g_test_add_func("/folder/describe", test_describe);
  return g_test_run();
}
