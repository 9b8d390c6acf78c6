/* The GGUF reader: every type of value and tensor, the dequantisation vectors (exactly), the real file against its listing, hostile
 * files, and 1,000 mutations. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/checkpoint/gguf.h"
#include "engine/checkpoint/gguf_blocks.h"
#include "kernels/kernels.h"
#include "tests/engine/checkpoint/gguf_maker.h"
#include "tests/engine/checkpoint/mutate.h"
#include "tests/engine/checkpoint/reference.h"

static char *
gemma_path(void)
{
  g_autofree char *path = g_build_filename(g_get_user_cache_dir(), "anatomix", "gemma-3-270m", "gemma-3-270m-q4_k_m.gguf", NULL);
  return g_file_test(path, G_FILE_TEST_EXISTS) ? g_steal_pointer(&path) : NULL;
}

static char *
shared_path(const char *name)
{
  const char *shared = g_getenv("AX_SHARED");
  g_autofree char *path = g_build_filename(shared != NULL ? shared : ".", "gemma270", name, NULL);
  return g_file_test(path, G_FILE_TEST_EXISTS) ? g_steal_pointer(&path) : NULL;
}

static void
test_values(void)
{
  g_autoptr(GBytes) bytes = make_gguf_of_everything();
  g_autoptr(GError) error = NULL;
  g_autoptr(AxGguf) gguf = ax_gguf_open_bytes(bytes, "made", &error);
  g_assert_no_error(error);
  g_assert_cmpuint(ax_gguf_get_version(gguf), ==, 2);
  g_assert_cmpuint(ax_gguf_get_alignment(gguf), ==, 64);
  g_assert_cmpuint(ax_gguf_get_data_offset(gguf) % 64, ==, 0);
  g_assert_cmpuint(ax_gguf_n(gguf), ==, 17);
  g_assert_cmpstr(ax_gguf_key(gguf, 1), ==, "general.alignment");
  g_assert_cmpstr(ax_gguf_get_string(gguf, "general.architecture", &error), ==, "gemma3");
  static const struct {
    const char *key;
    gint64 value;
  } integers[] = {
    { "uint8", 0x88 }, { "int8", -0x78 }, { "uint16", 0x8788 }, { "int16", -0x7878 }, { "uint32", 0x85868788 },
    { "int32", (gint32) 0x85868788 }, { "int64", (gint64) G_GUINT64_CONSTANT(0x8182838485868788) }, { "general.alignment", 64 },
  };
  for (guint i = 0; i < G_N_ELEMENTS(integers); i++) {
    gint64 value;
    double number;
    g_assert_true(ax_gguf_get_int(gguf, integers[i].key, G_MININT64, G_MAXINT64, &value, &error));
    g_assert_cmpint(value, ==, integers[i].value);
    g_assert_true(ax_gguf_get_double(gguf, integers[i].key, &number, &error));
    g_assert_cmpfloat(number, ==, (double) integers[i].value);
  }
  gint64 value;
  double number;
  gboolean truth = FALSE;
  g_assert_true(ax_gguf_get_double(gguf, "f32", &number, &error) && number == -0.25);
  g_assert_true(ax_gguf_get_double(gguf, "f64", &number, &error) && number == 0.5);
  g_assert_true(ax_gguf_get_bool(gguf, "bool", &truth, &error) && truth);
  /* One beyond 63 bits, other kinds, ranges, absent keys. */
  g_assert_false(ax_gguf_get_int(gguf, "uint64", 0, G_MAXINT64, &value, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH);
  g_clear_error(&error);
  g_assert_false(ax_gguf_get_int(gguf, "bool", 0, 1, &value, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH);
  g_clear_error(&error);
  g_assert_false(ax_gguf_get_int(gguf, "uint8", 0, 0x87, &value, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH);
  g_clear_error(&error);
  g_assert_null(ax_gguf_get_string(gguf, "f32", &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH);
  g_clear_error(&error);
  g_assert_false(ax_gguf_get_bool(gguf, "absent", &truth, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING);
  g_clear_error(&error);
  g_assert_false(ax_gguf_has(gguf, "absent"));

  AxGgufArray array;
  g_assert_true(ax_gguf_get_array(gguf, "tokens", AX_GGUF_STRING, &array, &error));
  g_assert_cmpuint(array.n, ==, 3);
  static const char *const tokens[] = { "\xe2\x96\x81the", "", "\xff\xfe" };
  gsize at = 0, length;
  for (guint i = 0; i < 3; i++) {
    const char *text = ax_gguf_array_next_string(&array, &at, &length);
    g_assert_nonnull(text);
    g_assert_cmpmem(text, length, tokens[i], strlen(tokens[i]));
  }
  g_assert_null(ax_gguf_array_next_string(&array, &at, &length));
  g_assert_true(ax_gguf_get_array(gguf, "scores", AX_GGUF_F32, &array, &error));
  g_assert_cmpfloat(ax_gguf_array_double(&array, 0), ==, -1000);
  g_assert_cmpfloat(ax_gguf_array_double(&array, 1), ==, 1.5);
  g_assert_true(ax_gguf_get_array(gguf, "bools", AX_GGUF_BOOL, &array, &error));
  g_assert_cmpint(ax_gguf_array_int(&array, 0) * 4 + ax_gguf_array_int(&array, 1) * 2 + ax_gguf_array_int(&array, 2), ==, 5);
  g_assert_true(ax_gguf_get_array(gguf, "empty", AX_GGUF_I16, &array, &error));
  g_assert_cmpuint(array.n, ==, 0);
  g_assert_false(ax_gguf_get_array(gguf, "scores", AX_GGUF_I32, &array, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH);
  g_clear_error(&error);

  /* The same through the common interface, metadata as text. */
  g_autoptr(AxWeights) weights = ax_weights_open_bytes(bytes, "made", &error);
  g_assert_no_error(error);
  g_assert_cmpint(ax_weights_get_format(weights), ==, AX_WEIGHTS_FORMAT_GGUF);
  g_assert_cmpstr(ax_weights_get_metadata(weights, "tokens"), ==, "[3 strings]");
  g_assert_cmpstr(ax_weights_get_metadata(weights, "f32"), ==, "-0.25");
  g_assert_cmpstr(ax_weights_get_metadata(weights, "bool"), ==, "true");
  g_assert_cmpuint(ax_weights_n(weights), ==, 19);
}

/* Row by row gives what the whole gives; blocks are the file's own bytes. */
static void
test_tensors(void)
{
  g_autoptr(GBytes) bytes = make_gguf_of_everything();
  g_autoptr(GError) error = NULL;
  g_autoptr(AxWeights) weights = ax_weights_open_bytes(bytes, "made", &error);
  g_assert_no_error(error);
  gsize file_size;
  const guint8 *file = g_bytes_get_data(bytes, &file_size);
  for (guint i = 0; i < ax_weights_n(weights); i++) {
    const AxTensorInfo *info = ax_weights_info(weights, i);
    const gsize n = (gsize) info->n_elements, columns = info->ndim > 0 ? (gsize) info->shape[info->ndim - 1] : 1;
    g_autofree float *whole = g_new(float, n), *row = g_new(float, columns);
    g_autoptr(GBytes) raw = NULL;
    g_assert_true(ax_weights_read_f32(weights, i, whole, n, &error));
    for (gsize r = 0; r < n / columns; r++) {
      g_assert_true(ax_weights_read_rows_f32(weights, i, (gint64) r, 1, row, &error));
      g_assert_cmpmem(row, columns * 4, whole + r * columns, columns * 4);
    }
    g_assert_true(ax_weights_read_rows_f32(weights, i, (gint64) (n / columns), 0, row, &error));
    g_assert_false(ax_weights_read_rows_f32(weights, i, (gint64) (n / columns), 1, row, &error));
    g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT);
    g_clear_error(&error);
    g_assert_true(ax_weights_read_raw(weights, i, &raw, &error));
    gsize size;
    const guint8 *data = g_bytes_get_data(raw, &size);
    g_assert_cmpuint(size, ==, ax_dtype_bytes(info->dtype, info->n_elements));
    g_assert_true(data > file && data + size <= file + file_size);
    if (ax_dtype_is_quantised(info->dtype)) {
      g_autofree float *again = g_new(float, n);
      ax_gguf_dequantise(info->dtype, data, n / ax_dtype_block(info->dtype), again);
      g_assert_cmpmem(again, n * 4, whole, n * 4);
    }
  }
}

static void
test_vectors(void)
{
  g_autofree char *path = shared_path("dequant_vectors.json");
  if (path == NULL) {
    g_test_skip("gemma270/dequant_vectors.json is absent");
    return;
  }
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) root = ax_json_load_object(path, &error);
  g_assert_no_error(error);
  JsonArray *blocks = json_object_get_array_member(root, "blocks");
  guint n_values = 0, seen[64] = { 0 }, n_types = 0;
  for (guint b = 0; b < json_array_get_length(blocks); b++) {
    JsonObject *block = json_array_get_object_element(blocks, b);
    const char *hex = json_object_get_string_member(block, "hex");
    JsonArray *values = json_object_get_array_member(block, "values");
    const gsize size = strlen(hex) / 2, n = json_array_get_length(values);
    const guint number = (guint) json_object_get_int_member(block, "ggml_type_id");
    g_autofree guint8 *data = g_malloc(size);
    for (gsize i = 0; i < size; i++)
      data[i] = (guint8) (g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
    /* Through a file, so that the numbers of the types are tested as well. */
    GgufMaker *maker = gguf_maker_new();
    const gint64 shape[1] = { (gint64) n };
    gguf_maker_tensor(maker, "t", number, 1, shape, data, size);
    g_autoptr(GBytes) bytes = gguf_maker_finish(maker);
    g_autoptr(AxWeights) weights = ax_weights_open_bytes(bytes, "vector", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(ax_dtype_name(ax_weights_info(weights, 0)->dtype), ==, json_object_get_string_member(block, "type"));
    g_autofree float *got = g_new(float, n);
    g_assert_true(ax_weights_read_f32(weights, 0, got, n, &error));
    for (gsize i = 0; i < n; i++) {
      JsonNode *node = json_array_get_element(values, (guint) i);
      const float expected = json_node_get_value_type(node) == G_TYPE_STRING ? (float) g_ascii_strtod(json_node_get_string(node), NULL)
                                                                              : (float) json_node_get_double(node);
      if (memcmp(&got[i], &expected, 4) != 0 && !(isnan(got[i]) && isnan(expected)))
        g_error("block %u (%s), value %" G_GSIZE_FORMAT ": %.9g, expected %.9g", b, json_object_get_string_member(block, "type"), i,
                (double) got[i], (double) expected);
      n_values++;
    }
    n_types += seen[number]++ == 0;
  }
  g_test_message("%u blocks of %u types, %u values equal bit for bit", json_array_get_length(blocks), n_types, n_values);
  g_assert_cmpuint(n_types, ==, 13);
}

/* The real file against the listing that the gguf Python package made. */
static void
test_real_file(void)
{
  g_autofree char *path = gemma_path(), *dump = shared_path("gguf_dump.txt");
  if (path == NULL || dump == NULL) {
    g_test_skip("the base language model or gemma270/gguf_dump.txt is absent");
    return;
  }
  g_autoptr(GError) error = NULL;
  const gint64 begin = g_get_monotonic_time();
  g_autoptr(AxGguf) gguf = ax_gguf_open(path, &error);
  const double seconds = (double) (g_get_monotonic_time() - begin) * 1e-6;
  g_assert_no_error(error);
  g_assert_cmpuint(ax_gguf_get_version(gguf), ==, 3);
  g_assert_cmpuint(ax_gguf_n(gguf), ==, 33);
  g_assert_cmpuint(ax_gguf_get_alignment(gguf), ==, 32);
  g_assert_cmpuint(ax_gguf_get_data_offset(gguf), ==, 6525120);
  AxGgufArray tokens;
  g_assert_true(ax_gguf_get_array(gguf, "tokenizer.ggml.tokens", AX_GGUF_STRING, &tokens, &error));
  g_assert_cmpuint(tokens.n, ==, 262144);
  gsize at = 0, length;
  g_assert_cmpmem(ax_gguf_array_next_string(&tokens, &at, &length), length, "<pad>", 5);

  AxWeights *weights = ax_gguf_get_tensors(gguf);
  g_assert_cmpuint(ax_weights_n(weights), ==, 236);
  g_autoptr(GMappedFile) map = g_mapped_file_new(path, FALSE, &error);
  g_assert_no_error(error);
  const guint8 *base = (const guint8 *) g_mapped_file_get_contents(map);
  g_autofree char *text = NULL;
  g_assert_true(g_file_get_contents(dump, &text, NULL, &error));
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  guint n = 0;
  for (char **line = lines; *line != NULL; line++) {
    char name[128], shape[64], type[16];
    gsize size, offset;
    gint64 elements;
    if (sscanf(*line, "%127s %63s %15s %" G_GSIZE_FORMAT " off=%" G_GSIZE_FORMAT " n=%" G_GINT64_FORMAT, name, shape, type, &size, &offset, &elements)
        != 6)
      continue;
    const AxTensorInfo *info = ax_weights_info(weights, n);
    g_assert_cmpstr(info->name, ==, name);
    g_assert_cmpstr(ax_dtype_name(info->dtype), ==, type);
    g_assert_cmpint(info->n_elements, ==, elements);
    g_autofree char *ours = info->ndim == 2 ? g_strdup_printf("%" G_GINT64_FORMAT "x%" G_GINT64_FORMAT, info->shape[1], info->shape[0])
                                            : g_strdup_printf("%" G_GINT64_FORMAT, info->shape[0]);
    g_assert_cmpstr(ours, ==, shape);
    g_autoptr(GBytes) raw = NULL;
    g_assert_true(ax_weights_read_raw(weights, n, &raw, &error));
    g_assert_cmpuint(g_bytes_get_size(raw), ==, size);
    g_assert_cmpmem(g_bytes_get_data(raw, NULL), MIN(size, 64), base + offset, MIN(size, 64));
    n++;
  }
  g_assert_cmpuint(n, ==, 236);
  g_test_message("236 tensors as listed; opened in %.1f ms", seconds * 1e3);
}

static void
check_refused(GBytes *bytes, AxCheckpointError code, const char *says)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(AxWeights) weights = ax_weights_open_bytes(bytes, "hostile", &error);
  g_assert_null(weights);
  g_assert_error(error, AX_CHECKPOINT_ERROR, code);
  if (strstr(error->message, says) == NULL)
    g_error("\"%s\" does not say \"%s\"", error->message, says);
  g_bytes_unref(bytes);
}

static void
test_hostile(void)
{
  const guint64 two[2] = { 32, 2 }, huge[4] = { 1ull << 40, 1ull << 40, 4, 4 }, odd[2] = { 33, 2 }, zero[1] = { 0 };
  static const guint8 data[64] = { 0 };
  const gint64 shape[1] = { 8 };
  GgufMaker *m;
#define REFUSED(code, says, ...)                                                                                                       \
  do {                                                                                                                                 \
    m = gguf_maker_new();                                                                                                              \
    __VA_ARGS__;                                                                                                                       \
    check_refused(gguf_maker_finish(m), AX_CHECKPOINT_ERROR_##code, says);                                                             \
  } while (0)
  REFUSED(UNSUPPORTED, "version 1", m->version = 1);
  REFUSED(UNSUPPORTED, "version 4", m->version = 4);
  REFUSED(UNSUPPORTED, "big-endian", m->version = 0x03000000);
  REFUSED(DAMAGED, "are claimed", m->n_pairs = G_MAXUINT64);
  REFUSED(DAMAGED, "are claimed", m->n_tensors = 1ull << 60);
  REFUSED(DAMAGED, "are claimed", m->n_pairs = 1);
  REFUSED(DAMAGED, "runs past the end", gguf_maker_key(m, "key", AX_GGUF_STRING); gguf_maker_u64(m, G_MAXUINT64));
  REFUSED(DAMAGED, "runs past the end", gguf_maker_key(m, "key", AX_GGUF_STRING); gguf_maker_u64(m, 9); gguf_maker_bytes(m, "12345678", 8));
  REFUSED(DAMAGED, "claims", gguf_maker_key(m, "key", AX_GGUF_ARRAY); gguf_maker_u32(m, AX_GGUF_U64); gguf_maker_u64(m, (1ull << 61) + 1));
  REFUSED(DAMAGED, "claims", gguf_maker_key(m, "key", AX_GGUF_ARRAY); gguf_maker_u32(m, AX_GGUF_STRING); gguf_maker_u64(m, 1ull << 62));
  REFUSED(DAMAGED, "runs past the end", gguf_maker_key(m, "key", AX_GGUF_ARRAY); gguf_maker_u32(m, AX_GGUF_STRING); gguf_maker_u64(m, 1);
          gguf_maker_u64(m, 1ull << 63));
  REFUSED(UNSUPPORTED, "array of arrays", gguf_maker_key(m, "key", AX_GGUF_ARRAY); gguf_maker_u32(m, AX_GGUF_ARRAY); gguf_maker_u64(m, 0));
  REFUSED(UNSUPPORTED, "type 13", gguf_maker_key(m, "key", 13); gguf_maker_u64(m, 0));
  REFUSED(DAMAGED, "occurs twice", gguf_maker_pair_u32(m, "key", 1); gguf_maker_pair_u32(m, "key", 1));
  REFUSED(DAMAGED, "a key is empty", gguf_maker_pair_u32(m, "", 1));
  REFUSED(DAMAGED, "UTF-8", gguf_maker_pair_u32(m, "k\xff", 1));
  REFUSED(DAMAGED, "UTF-8", gguf_maker_pair_string(m, "k", "\xc3"));
  REFUSED(DAMAGED, "bool that is 2", gguf_maker_key(m, "key", AX_GGUF_BOOL); gguf_maker_bytes(m, "\2", 1));
  REFUSED(DAMAGED, "general.alignment", gguf_maker_pair_u32(m, "general.alignment", 0));
  REFUSED(DAMAGED, "general.alignment", gguf_maker_pair_u32(m, "general.alignment", 48));
  REFUSED(DAMAGED, "general.alignment", gguf_maker_pair_u32(m, "general.alignment", 1u << 31));
  REFUSED(DAMAGED, "general.alignment", gguf_maker_pair_string(m, "general.alignment", "32"));
  REFUSED(DAMAGED, "occurs twice", gguf_maker_tensor(m, "t", 0, 1, shape, data, 32); gguf_maker_tensor(m, "t", 0, 1, shape, data, 32));
  REFUSED(DAMAGED, "5 dimensions", gguf_maker_raw_tensor(m, "t", 0, 5, (const guint64[5]) { 1, 1, 1, 1, 1 }, 0));
  REFUSED(DAMAGED, "too large", gguf_maker_raw_tensor(m, "t", 0, 4, huge, 0));
  REFUSED(DAMAGED, "dimension of 0", gguf_maker_raw_tensor(m, "t", 0, 1, zero, 0));
  REFUSED(DAMAGED, "dimension of 18446744073709551615", gguf_maker_raw_tensor(m, "t", 0, 1, (const guint64[1]) { G_MAXUINT64 }, 0));
  REFUSED(DAMAGED, "whole blocks of 32", gguf_maker_raw_tensor(m, "t", 8, 2, odd, 0));
  REFUSED(UNSUPPORTED, "type 16 (IQ2_XXS)", gguf_maker_raw_tensor(m, "t", 16, 2, two, 0));
  REFUSED(UNSUPPORTED, "type 4 (unknown", gguf_maker_raw_tensor(m, "t", 4, 2, two, 0));
  REFUSED(UNSUPPORTED, "type 4294967295", gguf_maker_raw_tensor(m, "t", G_MAXUINT32, 2, two, 0));
  REFUSED(DAMAGED, "needs 68 bytes", gguf_maker_raw_tensor(m, "t", 8, 2, two, 0));
  REFUSED(DAMAGED, "needs 32 bytes", gguf_maker_tensor(m, "a", 0, 1, shape, data, 32);
          gguf_maker_raw_tensor(m, "t", 0, 1, (const guint64[1]) { 8 }, G_MAXUINT64 - 31));
  REFUSED(DAMAGED, "multiple of 32", gguf_maker_tensor(m, "a", 0, 1, shape, data, 64);
          gguf_maker_raw_tensor(m, "t", 0, 1, (const guint64[1]) { 8 }, 4));
  REFUSED(DAMAGED, "overlaps", gguf_maker_tensor(m, "a", 0, 1, shape, data, 32);
          gguf_maker_raw_tensor(m, "t", 0, 1, (const guint64[1]) { 8 }, 0));
  REFUSED(DAMAGED, "after its last tensor", gguf_maker_tensor(m, "a", 0, 1, shape, data, 64));
#undef REFUSED
  check_refused(g_bytes_new_static("GGUF", 4), AX_CHECKPOINT_ERROR_DAMAGED, "truncated");
  check_refused(g_bytes_new_static("GGUF\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 23), AX_CHECKPOINT_ERROR_DAMAGED, "truncated");
}

/* GGUF has no checksums: a mutation is refused or reads without fault; one that takes bytes away is refused. */
static void
test_mutations(void)
{
  g_autoptr(GBytes) whole = make_gguf_of_everything();
  gsize size;
  const guint8 *original = g_bytes_get_data(whole, &size);
  g_autoptr(GRand) rand = g_rand_new_with_seed(20251126);
  guint refused[N_MUTATIONS] = { 0 }, loaded[N_MUTATIONS] = { 0 };
  for (guint m = 0; m < 1000; m++) {
    const Mutation kind = (Mutation) (m % N_MUTATIONS);
    g_autoptr(GBytes) bytes = mutate(rand, original, size, kind);
    g_autoptr(GError) error = NULL;
    g_autoptr(AxGguf) gguf = ax_gguf_open_bytes(bytes, "mutation", &error);
    if (gguf == NULL) {
      g_assert_true(error->domain == AX_CHECKPOINT_ERROR && error->message[0] != 0);
      refused[kind]++;
      continue;
    }
    loaded[kind]++;
    AxWeights *weights = ax_gguf_get_tensors(gguf);
    for (guint i = 0; i < ax_weights_n(weights); i++) {
      const gsize n = (gsize) ax_weights_info(weights, i)->n_elements;
      g_assert_cmpuint(n, <=, size * 4); /* nothing beyond what the file holds */
      g_autofree float *values = g_new(float, n + 1);
      g_assert_true(ax_weights_read_f32(weights, i, values, n, &error));
    }
    for (guint i = 0; i < ax_gguf_n(gguf); i++) {
      AxGgufArray array;
      const char *key = ax_gguf_key(gguf, i);
      gsize at = 0, length, n = 0;
      if (ax_gguf_type(gguf, i) == AX_GGUF_ARRAY && ax_gguf_get_array(gguf, key, AX_GGUF_STRING, &array, NULL)) {
        while (ax_gguf_array_next_string(&array, &at, &length) != NULL)
          n++;
        g_assert_cmpuint(n, ==, array.n);
      }
    }
  }
  g_test_message("refused %u flips, %u truncations, %u lengths, %u splices; loaded %u, %u, %u, %u", refused[0], refused[1], refused[2], refused[3],
                 loaded[0], loaded[1], loaded[2], loaded[3]);
  g_assert_cmpuint(loaded[MUTATION_TRUNCATE], ==, 0);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/gguf/values", test_values);
  g_test_add_func("/gguf/tensors", test_tensors);
  g_test_add_func("/gguf/dequantisation-vectors", test_vectors);
  g_test_add_func("/gguf/real-file", test_real_file);
  g_test_add_func("/gguf/hostile", test_hostile);
  g_test_add_func("/gguf/mutations", test_mutations);
  return g_test_run();
}
