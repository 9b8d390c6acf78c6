/* Fuzz target: the GGUF reader, its tensors and every key by every accessor. */
#include "engine/checkpoint/gguf.h"
#include "tests/fuzz/fuzz_weights.h"

static void
read_key(const AxGguf *gguf, const char *key)
{
  gint64 integer;
  double number;
  gboolean truth;
  AxGgufArray array;
  (void) ax_gguf_get_int(gguf, key, G_MININT64, G_MAXINT64, &integer, NULL);
  (void) ax_gguf_get_double(gguf, key, &number, NULL);
  (void) ax_gguf_get_bool(gguf, key, &truth, NULL);
  const char *text = ax_gguf_get_string(gguf, key, NULL);
  g_assert(text == NULL || g_utf8_validate(text, -1, NULL));
  for (AxGgufType type = AX_GGUF_U8; type <= AX_GGUF_F64; type++) {
    if (!ax_gguf_get_array(gguf, key, type, &array, NULL))
      continue;
    gsize at = 0, length, n = 0;
    if (type == AX_GGUF_STRING)
      while (ax_gguf_array_next_string(&array, &at, &length) != NULL)
        n++;
    else
      for (; n < array.n; n++)
        (void) (ax_gguf_array_double(&array, n) + (double) ax_gguf_array_int(&array, n));
    g_assert(n == array.n);
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  /* Copied to memory of exactly this size, so that one byte too far is seen. */
  g_autofree uint8_t *copy = g_memdup2(data, size);
  g_autoptr(GBytes) bytes = g_bytes_new_static(copy, size);
  g_autoptr(AxGguf) gguf = ax_gguf_open_bytes(bytes, "fuzz", NULL);
  for (guint i = 0; gguf != NULL && i < ax_gguf_n(gguf); i++)
    read_key(gguf, ax_gguf_key(gguf, i));
  fuzz_read_weights(copy, size);
  return 0;
}
