/* Fuzz target: answers of the language model. */
#include <stdint.h>

#include "tests/fuzz/fuzz_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_answer(data, size);
  return 0;
}
