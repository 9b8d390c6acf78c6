#include "tests/fuzz/fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 3 || data[0] != 0xff || data[1] != 0xd8) return -1;
  ax_fuzz_image(data, size);
  return 0;
}
