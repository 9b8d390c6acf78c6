/* Fuzz target: the PyTorch reader. Checksums would stop almost every mutation before the pickle, so the input is taken two ways: as
 * an archive as it stands, and as a bare data.pkl around which a correct archive with one storage is built. */
#include <string.h>

#include "engine/checkpoint/torch_file.h"
#include "tests/engine/checkpoint/reference.h"
#include "tests/fuzz/fuzz_weights.h"

static void
walk(const AxValue *value, guint *left)
{
  if (*left == 0)
    return;
  (*left)--;
  g_assert(ax_value_kind_name(ax_value_get_kind(value)) != NULL);
  for (guint i = 0; i < ax_value_n(value); i++) {
    if (ax_value_get_kind(value) == AX_VALUE_DICT)
      walk(ax_value_key(value, i), left);
    walk(ax_value_item(value, i), left);
  }
  if (ax_value_get_arguments(value) != NULL)
    walk(ax_value_get_arguments(value), left);
  if (ax_value_get_state(value) != NULL)
    walk(ax_value_get_state(value), left);
  (void) ax_value_get(value, "model");
  gsize length = 0;
  const char *text = ax_value_get_string(value, &length);
  g_assert(text == NULL || text[length] == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const float storage[16] = { 0 };
  g_autofree uint8_t *copy = g_memdup2(data, size);
  if (size >= 2 && copy[0] == 'P') {
    fuzz_read_weights(copy, size);
    return 0;
  }
  g_autoptr(GBytes) bytes = make_torch_zip(copy, size, storage, sizeof storage);
  gsize whole;
  const void *archive = g_bytes_get_data(bytes, &whole);
  fuzz_read_weights(archive, whole);
  g_autoptr(AxTorchFile) file = ax_torch_file_open_bytes(bytes, "fuzz", NULL);
  guint left = 10000;
  if (file != NULL)
    walk(ax_torch_file_get_root(file), &left);
  return 0;
}
