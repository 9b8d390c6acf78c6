/* Fuzz target: the safetensors reader. */
#include "tests/fuzz/fuzz_weights.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  /* Copied to memory of exactly this size, so that one byte too far is seen. */
  g_autofree uint8_t *copy = g_memdup2(data, size);
  fuzz_read_weights(copy, size);
  return 0;
}
