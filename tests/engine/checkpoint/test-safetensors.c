/* safetensors: reference files load with the listed checksums, the writer is deterministic and atomic, broken headers are refused. */
#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/checkpoint/atomic_file.h"
#include "engine/checkpoint/safetensors_writer.h"
#include "tests/engine/checkpoint/reference.h"

static void
test_reference(void)
{
  static const char *const files[][2] = { { "base_safetensors", "F_lm_tiny/base/model.safetensors" },
                                          { "adapter_safetensors", "F_lm_tiny/adapter/adapter_model.safetensors" } };
  g_autoptr(JsonObject) expected = reference_json("F_lm_tiny/files.json");
  if (expected == NULL)
    return;
  for (guint f = 0; f < G_N_ELEMENTS(files); f++) {
    g_autofree char *path = reference_path(files[f][1]);
    if (path == NULL)
      return;
    g_autoptr(GError) error = NULL;
    g_autoptr(AxWeights) weights = ax_weights_open(path, &error);
    g_assert_no_error(error);
    g_assert_cmpint(ax_weights_get_format(weights), ==, AX_WEIGHTS_FORMAT_SAFETENSORS);
    JsonObject *tensors = json_object_get_object_member(expected, files[f][0]);
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;
    json_object_iter_init(&iter, tensors);
    while (json_object_iter_next(&iter, &name, &node)) {
      JsonArray *entry = json_node_get_array(node);
      assert_tensor(weights, name, json_array_get_string_element(entry, 0), json_array_get_array_element(entry, 1),
                    json_array_get_string_element(entry, 2));
    }
    g_assert_cmpuint(ax_weights_n(weights), ==, json_object_get_size(tensors));
  }
}

static const float numbers[6] = { 0, 1, -2.5f, 65504, 1.0009765625f, 3.0e-8f };

static AxSafetensorsWriter *
make_writer(void)
{
  static const gint64 shape[2] = { 2, 3 }, empty[2] = { 0, 4 }, one = 1;
  static const gint64 wide = 1099511627776;
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) whole = g_bytes_new_static(&wide, sizeof wide);
  AxSafetensorsWriter *writer = ax_safetensors_writer_new();
  ax_safetensors_writer_set_metadata(writer, "z", "last");
  ax_safetensors_writer_set_metadata(writer, "a", "quote \" backslash \\ line\nünïcode");
  g_assert_true(ax_safetensors_writer_add_f32(writer, "full", AX_DTYPE_F32, 2, shape, numbers, &error));
  g_assert_true(ax_safetensors_writer_add_f32(writer, "half", AX_DTYPE_F16, 2, shape, numbers, &error));
  g_assert_true(ax_safetensors_writer_add_f32(writer, "brain", AX_DTYPE_BF16, 2, shape, numbers, &error));
  g_assert_true(ax_safetensors_writer_add_f32(writer, "empty", AX_DTYPE_F32, 2, empty, NULL, &error));
  g_assert_true(ax_safetensors_writer_add_f32(writer, "scalar \"\t", AX_DTYPE_F32, 0, NULL, numbers + 2, &error));
  g_assert_true(ax_safetensors_writer_add_bytes(writer, "whole", AX_DTYPE_I64, 1, &one, whole, &error));
  g_assert_no_error(error);
  return writer;
}

static void
test_round_trip(void)
{
  g_autofree char *dir = make_folder();
  g_autofree char *path = g_build_filename(dir, "a.safetensors", NULL);
  g_autoptr(GError) error = NULL;
  char *text[2];
  gsize size[2];
  for (int k = 0; k < 2; k++) {
    g_autoptr(AxSafetensorsWriter) writer = make_writer();
    g_assert_true(ax_safetensors_writer_save(writer, path, &error));
    g_assert_true(g_file_get_contents(path, &text[k], &size[k], &error));
  }
  g_assert_cmpmem(text[0], size[0], text[1], size[1]); /* deterministic */
  guint64 header;
  memcpy(&header, text[0], 8);
  g_assert_cmpuint(GUINT64_FROM_LE(header) % 8, ==, 0);
  g_free(text[0]);
  g_free(text[1]);

  g_autoptr(AxWeights) weights = ax_weights_open(path, &error);
  g_assert_no_error(error);
  static const char *const order[] = { "full", "half", "brain", "empty", "scalar \"\t", "whole" };
  g_assert_cmpuint(ax_weights_n(weights), ==, G_N_ELEMENTS(order));
  for (guint i = 0; i < G_N_ELEMENTS(order); i++)
    g_assert_cmpstr(ax_weights_info(weights, i)->name, ==, order[i]);
  g_assert_cmpstr(ax_weights_get_metadata(weights, "a"), ==, "quote \" backslash \\ line\nünïcode");
  g_assert_cmpstr(ax_weights_get_metadata(weights, "z"), ==, "last");

  float read[6];
  const gint64 shape[2] = { 2, 3 }, wrong[2] = { 3, 2 };
  g_assert_true(ax_weights_read_named_f32(weights, "full", 2, shape, read, &error));
  g_assert_cmpmem(read, sizeof read, numbers, sizeof numbers);
  /* f16: 1.0009765625 is exact, 3e-8 rounds to the smallest subnormal 2^-24. bf16 keeps 8 bits: 65504 -> 65536, 1.00097 -> 1. */
  static const float half[6] = { 0, 1, -2.5f, 65504, 1.0009765625f, 0x1p-24f };
  g_assert_true(ax_weights_read_named_f32(weights, "half", 2, shape, read, &error));
  g_assert_cmpmem(read, sizeof read, half, sizeof half);
  g_assert_true(ax_weights_read_named_f32(weights, "brain", 2, shape, read, &error));
  g_assert_cmpfloat(read[3], ==, 65536);
  g_assert_cmpfloat(read[4], ==, 1);
  g_assert_true(ax_weights_read_f32(weights, 5, read, 1, &error));
  g_assert_cmpfloat(read[0], ==, 1099511627776.0f);
  g_assert_true(ax_weights_read_named_f32(weights, "scalar \"\t", 0, NULL, read, &error));
  g_assert_cmpfloat(read[0], ==, -2.5f);
  g_assert_true(ax_weights_read_f32(weights, 3, NULL, 0, &error));

  g_assert_false(ax_weights_read_named_f32(weights, "full", 2, wrong, read, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH);
  g_assert_nonnull(strstr(error->message, "[2, 3], expected [3, 2]"));
  g_clear_error(&error);
  g_assert_false(ax_weights_read_named_f32(weights, "nothing", 2, shape, read, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING);
  remove_tree(dir);
}

static void
test_writer_arguments(void)
{
  g_autoptr(AxSafetensorsWriter) writer = make_writer();
  const gint64 shape[2] = { 2, 3 }, huge[2] = { G_MAXINT64, 2 };
  const struct {
    const char *name;
    AxDtype dtype;
    int ndim;
    const gint64 *shape;
  } cases[] = { { "full", AX_DTYPE_F32, 2, shape }, { "__metadata__", AX_DTYPE_F32, 2, shape }, { "x", AX_DTYPE_I32, 2, shape },
                { "x", AX_DTYPE_F32, 9, shape },    { "x", AX_DTYPE_F32, 2, huge },             { "\xff", AX_DTYPE_F32, 2, shape } };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_false(ax_safetensors_writer_add_f32(writer, cases[i].name, cases[i].dtype, cases[i].ndim, cases[i].shape, numbers, &error));
    g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT);
  }
}

/* Number of entries of a folder: no temporary file may stay. */
static guint
count_files(const char *path)
{
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  guint n = 0;
  while (g_dir_read_name(dir) != NULL)
    n++;
  return n;
}

static void
test_full_disk(void)
{
  g_autofree char *dir = make_folder();
  g_autofree char *path = g_build_filename(dir, "weights.safetensors", NULL);
  g_autoptr(GError) error = NULL;
  g_assert_true(g_file_set_contents(path, "the old file", -1, &error));

  /* Every write limit from nothing to one byte short of enough must fail and change nothing. */
  g_autoptr(AxSafetensorsWriter) writer = make_writer();
  g_autofree char *scratch = g_build_filename(dir, "scratch", NULL);
  g_assert_true(ax_safetensors_writer_save(writer, scratch, &error));
  GStatBuf status;
  g_assert_cmpint(g_stat(scratch, &status), ==, 0);
  g_unlink(scratch);
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit before, limit;
  getrlimit(RLIMIT_FSIZE, &before);
  for (rlim_t bytes = 0; bytes < (rlim_t) status.st_size; bytes += 17) {
    limit = before;
    limit.rlim_cur = bytes;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    const gboolean saved = ax_safetensors_writer_save(writer, path, &error);
    setrlimit(RLIMIT_FSIZE, &before);
    g_assert_false(saved);
    g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_WRITE);
    g_clear_error(&error);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, &error));
    g_assert_cmpstr(text, ==, "the old file");
    g_assert_cmpuint(count_files(dir), ==, 1);
  }
  g_assert_true(ax_safetensors_writer_save(writer, path, &error));
  g_assert_cmpuint(count_files(dir), ==, 1);

  /* A device is written directly and reports that it is full. */
  if (g_file_test("/dev/full", G_FILE_TEST_EXISTS)) {
    g_assert_false(ax_safetensors_writer_save(writer, "/dev/full", &error));
    g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_WRITE);
    g_assert_nonnull(strstr(error->message, g_strerror(ENOSPC)));
    g_clear_error(&error);
    g_assert_cmpint(g_stat("/dev/full", &status), ==, 0);
    g_assert_true(S_ISCHR(status.st_mode));
  }
  g_autofree char *nowhere = g_build_filename(dir, "no", "such", "folder", NULL);
  g_assert_false(ax_safetensors_writer_save(writer, nowhere, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_WRITE);
  remove_tree(dir);
}

/* A link keeps being a link, and permissions stay. */
static void
test_atomic_file(void)
{
  g_autofree char *dir = make_folder();
  g_autofree char *target = g_build_filename(dir, "target", NULL);
  g_autofree char *link = g_build_filename(dir, "link", NULL);
  g_autoptr(GError) error = NULL;
  g_assert_true(ax_atomic_file_save(target, "one", 3, &error));
  g_assert_cmpint(g_chmod(target, 0640), ==, 0);
  g_assert_cmpint(symlink("target", link), ==, 0);
  g_assert_true(ax_atomic_file_save(link, "second", 6, &error));
  g_autofree char *text = NULL;
  g_assert_true(g_file_get_contents(target, &text, NULL, &error));
  g_assert_cmpstr(text, ==, "second");
  g_assert_true(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
  GStatBuf status;
  g_assert_cmpint(g_stat(target, &status), ==, 0);
  g_assert_cmphex(status.st_mode & 07777, ==, 0640);

  /* Not committed: nothing happened. */
  AxAtomicFile *file = ax_atomic_file_new(target, &error);
  g_assert_true(ax_atomic_file_write(file, "third", 5, &error));
  ax_atomic_file_free(file);
  g_autofree char *again = NULL;
  g_assert_true(g_file_get_contents(target, &again, NULL, &error));
  g_assert_cmpstr(again, ==, "second");
  g_assert_cmpuint(count_files(dir), ==, 2);
  remove_tree(dir);
}

#define A4 "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}"

static const struct {
  const char *header;
  guint data;
  const char *reason; /* NULL: has to load */
} headers[] = {
  { A4 "}", 4, NULL },
  { "{ }  ", 0, NULL },
  { "{\"__metadata__\":{}}", 0, NULL },
  { "{\"\\u00e4\\ud83d\\ude00\":{\"data_offsets\":[0,0],\"shape\":[0],\"dtype\":\"BF16\"}}", 0, NULL },
  { A4 "}", 5, "bytes after" },
  { A4 "}", 3, "outside the file" },
  { A4 "} x", 4, "follows" },
  { A4, 4, "expected" },
  { A4 ",}", 4, "expected" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "do not fit" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "non-negative" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, "expected" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[01],\"data_offsets\":[0,4]}}", 4, "begins with 0" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "outside" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "two numbers" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4, "unknown" },
  { "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "repeated" },
  { "{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, "unknown type" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "too large" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[0,4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "too large" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,0]}}", 0, "too large" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "too long" },
  { "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "lacks" },
  { A4 ",\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]}}", 4, "twice" },
  { A4 ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "overlaps" },
  { A4 ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}", 6, "overlaps" },
  { A4 ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[5,9]}}", 9, "gap" },
  { "{\"__metadata__\":{\"a\":1}}", 0, "expected" },
  { "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "twice" },
  { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "twice" },
  { "{\"a\\ud800\":{}}", 0, "escape" },
  { "{\"a\\u0000\":{}}", 0, "escape" },
  { "{\"a\\x\":{}}", 0, "escape" },
  { "{\"a\n\":{}}", 0, "not closed" },
  { "{\"a", 0, "not closed" },
  { "{\"\xff\":{}}", 0, "UTF-8" },
};

static void
test_headers(void)
{
  for (guint i = 0; i < G_N_ELEMENTS(headers); i++) {
    const gsize length = strlen(headers[i].header), size = 8 + length + headers[i].data;
    guint8 *file = g_malloc0(size);
    file[0] = (guint8) length;
    memcpy(file + 8, headers[i].header, length);
    g_autoptr(GBytes) bytes = g_bytes_new_take(file, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(AxWeights) weights = ax_weights_open_bytes(bytes, "header", &error);
    if (headers[i].reason == NULL)
      g_assert_no_error(error);
    else if (weights != NULL || strstr(error->message, headers[i].reason) == NULL)
      g_error("header %s: %s, expected \"%s\"", headers[i].header, weights != NULL ? "was accepted" : error->message, headers[i].reason);
  }
}

static void
test_other_formats(void)
{
  static const struct {
    const char *bytes;
    gsize size;
    const char *reason;
  } files[] = {
    { "", 0, "empty" },
    { "GGUF\3\0\0\0", 8, "GGUF" },
    { "\x89HDF\r\n\x1a\n", 8, "HDF5" },
    { "\x80\2N.", 4, "bare pickle" },
    { "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15, "old PyTorch" },
    { "hello", 5, "neither" },
    { "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "header of" },
  };
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autoptr(GBytes) bytes = g_bytes_new(files[i].bytes, files[i].size);
    g_autoptr(GError) error = NULL;
    g_assert_null(ax_weights_open_bytes(bytes, "file", &error));
    if (strstr(error->message, files[i].reason) == NULL)
      g_error("%s, expected \"%s\"", error->message, files[i].reason);
  }
  g_autoptr(GError) error = NULL;
  g_assert_null(ax_weights_open("/no/such/file", &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_READ);
  g_clear_error(&error);
  g_assert_null(ax_weights_open("/tmp", &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_READ);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/safetensors/reference", test_reference);
  g_test_add_func("/safetensors/round-trip", test_round_trip);
  g_test_add_func("/safetensors/writer-arguments", test_writer_arguments);
  g_test_add_func("/safetensors/full-disk", test_full_disk);
  g_test_add_func("/safetensors/atomic-file", test_atomic_file);
  g_test_add_func("/safetensors/headers", test_headers);
  g_test_add_func("/safetensors/other-formats", test_other_formats);
  return g_test_run();
}
