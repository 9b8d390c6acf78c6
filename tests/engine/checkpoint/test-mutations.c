/* 1,000 deterministic mutations of each reference file: bit flips, truncations, edits of lengths, splices.
 *
 * Of a PyTorch zip everything that carries meaning is checked twice (local header against directory) or by CRC-32, so a mutation is
 * refused or changes nothing that a reader sees: where it loads, every name, shape and byte has to equal the original's. A single
 * changed byte may only go unnoticed where nothing covers it: times, attributes, versions and the padding before a storage.
 * safetensors has no checksums: a changed tensor byte is a legal file with another number. Those have to be refused or to read
 * without fault; a mutation that changes the header's length or the file's must be refused.
 * A hostile or legacy file stays refused whatever is changed. */
#include <string.h>

#include "tests/engine/checkpoint/mutate.h"
#include "tests/engine/checkpoint/reference.h"

#define MUTATIONS 1000

/* Everything that a reader can see of a file, or NULL with the reason why it is refused. */
static GByteArray *
read_all(GBytes *bytes, GError **error)
{
  g_autoptr(AxWeights) weights = ax_weights_open_bytes(bytes, "mutation", error);
  if (weights == NULL || !ax_weights_verify(weights, error))
    return NULL;
  g_autoptr(GByteArray) all = g_byte_array_new();
  for (guint i = 0; i < ax_weights_n(weights); i++) {
    const AxTensorInfo *info = ax_weights_info(weights, i);
    g_autoptr(GBytes) raw = NULL;
    g_autofree float *values = g_new(float, (gsize) info->n_elements + 1);
    if (!ax_weights_read_raw(weights, i, &raw, error) || !ax_weights_read_f32(weights, i, values, (gsize) info->n_elements, error))
      return NULL;
    g_byte_array_append(all, (const guint8 *) info->name, (guint) strlen(info->name) + 1);
    g_byte_array_append(all, (const guint8 *) &info->dtype, sizeof info->dtype);
    g_byte_array_append(all, (const guint8 *) info->shape, (guint) (sizeof info->shape[0] * (gsize) info->ndim));
    gsize size;
    const guint8 *data = g_bytes_get_data(raw, &size);
    if (size > 0)
      g_byte_array_append(all, data, (guint) size);
  }
  return g_steal_pointer(&all);
}

static guint
u16(const guint8 *p)
{
  return p[0] | (guint) p[1] << 8;
}

static guint
u32(const guint8 *p)
{
  return u16(p) | u16(p + 2) << 16;
}

/* Marks the bytes of a (well-formed) zip that no check covers. */
static guint8 *
uncovered_bytes(const guint8 *data, gsize size)
{
  guint8 *mask = g_malloc0(size);
  gsize end = size - 22;
  const gboolean zip64 = end >= 76 && u32(data + end - 20) == 0x07064b50;
  if (zip64)
    memset(mask + end - 76 + 12, 1, 4); /* versions */
  const guint n = u16(data + end + 10);
  gsize at = u32(data + end + 16);
  for (guint i = 0; i < n; i++) {
    g_assert_cmphex(u32(data + at), ==, 0x02014b50);
    memset(mask + at + 4, 1, 4);   /* versions */
    memset(mask + at + 12, 1, 4);  /* time */
    memset(mask + at + 36, 1, 6);  /* attributes */
    const gsize local = u32(data + at + 42);
    memset(mask + local + 4, 1, 2);  /* version */
    memset(mask + local + 10, 1, 4); /* time */
    const guint extra = u16(data + local + 28);
    const gsize first = local + 30 + u16(data + local + 26);
    if (extra >= 4) {
      memset(mask + first, 1, 2); /* what kind of padding */
      memset(mask + first + 4, 1, extra - 4);
    }
    at += 46 + u16(data + at + 28) + u16(data + at + 30) + u16(data + at + 32);
  }
  return mask;
}

static void
test_file(const void *user)
{
  const char *name = user;
  g_autofree char *path = reference_path(name);
  if (path == NULL)
    return;
  g_autoptr(GError) error = NULL;
  char *text;
  gsize size;
  g_assert_true(g_file_get_contents(path, &text, &size, &error));
  const guint8 *original = (const guint8 *) text;
  g_autoptr(GBytes) whole = g_bytes_new_take(text, size);
  g_autoptr(GByteArray) content = read_all(whole, NULL);
  const gboolean zip = content != NULL && original[0] == 'P';
  g_autofree guint8 *uncovered = zip ? uncovered_bytes(original, size) : NULL;
  guint64 header = 0;
  memcpy(&header, original, 8);

  g_autoptr(GRand) rand = g_rand_new_with_seed(20251124);
  guint refused[N_MUTATIONS] = { 0 }, loaded[N_MUTATIONS] = { 0 };
  for (guint m = 0; m < MUTATIONS; m++) {
    const Mutation kind = (Mutation) (m % N_MUTATIONS);
    g_autoptr(GBytes) bytes = mutate(rand, original, size, kind);
    gsize mutated_size;
    const guint8 *mutated = g_bytes_get_data(bytes, &mutated_size);
    g_autoptr(GError) reason = NULL;
    g_autoptr(GByteArray) seen = read_all(bytes, &reason);
    if (seen == NULL) {
      g_assert_nonnull(reason);
      g_assert_true(reason->domain == AX_CHECKPOINT_ERROR && reason->message[0] != 0);
      refused[kind]++;
      continue;
    }
    g_assert_no_error(reason);
    loaded[kind]++;
    if (content == NULL)
      g_error("%s, mutation %u: a file that is refused loads after a change", name, m);
    if (zip) {
      if (seen->len != content->len || memcmp(seen->data, content->data, seen->len) != 0)
        g_error("%s, mutation %u: loads with other contents", name, m);
      for (gsize i = 0; mutated_size == size && i < size; i++)
        if (mutated[i] != original[i] && !uncovered[i])
          g_error("%s, mutation %u: a change of byte %" G_GSIZE_FORMAT " went unnoticed", name, m, i);
      if (mutated_size != size)
        g_error("%s, mutation %u: another length went unnoticed", name, m);
    } else {
      g_assert_cmpuint(mutated_size, ==, size);
      g_assert_cmpmem(mutated, 8, &header, 8);
    }
  }
  g_test_message("%s: refused %u flips, %u truncations, %u lengths, %u splices; harmless %u, %u, %u, %u", name, refused[MUTATION_FLIP],
                 refused[MUTATION_TRUNCATE], refused[MUTATION_LENGTH], refused[MUTATION_SPLICE], loaded[MUTATION_FLIP], loaded[MUTATION_TRUNCATE], loaded[MUTATION_LENGTH], loaded[MUTATION_SPLICE]);
  g_assert_cmpuint(loaded[MUTATION_TRUNCATE], ==, 0);
}

int
main(int argc, char **argv)
{
  static const char *const files[] = {
    "H_files/last_checkpoint.pth", "H_files/emb_db.pt", "H_files/emb_db_flat16.pt", "H_files/emb_db_display_names.pt",
    "H_files/odd_but_legal.pt", "H_files/legacy_format.pt", "H_files/hostile/control_valid.pt",
    "H_files/hostile/h1_os_system_reduce.pt", "H_files/hostile/h2_truncated_zip.pt",
    "H_files/hostile/h3_storage_smaller_than_claimed.pt", "H_files/hostile/h4_offset_overflow.pt",
    "H_files/hostile/h4b_offset_past_end.pt", "H_files/hostile/h5_negative_stride.pt",
    "H_files/hostile/h6_claim_2pow40_elements.pt", "H_files/hostile/h6b_size_product_overflow.pt",
    "H_files/hostile/h7_getattr_builtin.pt", "H_files/hostile/h8_missing_storage.pt",
    "H_files/hostile/h9_key_path_traversal.pt", "H_files/hostile/h10_memo_out_of_range.pt",
    "H_files/hostile/h11_deep_nesting.pt", "H_files/hostile/h12_stack_underflow.pt",
    "H_files/hostile/h13_string_length_past_end.pt", "F_lm_tiny/lm.pt", "F_lm_tiny/base/model.safetensors",
    "F_lm_tiny/adapter/adapter_model.safetensors", "D_preprocess/expected.safetensors",
  };
  g_test_init(&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *test = g_strdup_printf("/mutations/%s", files[i]);
    g_test_add_data_func(test, files[i], test_file);
  }
  return g_test_run();
}
