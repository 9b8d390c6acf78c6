#include "tests/fuzz/fuzz_image.h"

#include <string.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 8 || memcmp(data, "\x89PNG\r\n\x1a\n", 8) != 0) return -1;
  ax_fuzz_image(data, size);
  return 0;
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

#ifdef AX_LIBFUZZER
/* A mutation would nearly always be stopped at a chunk's checksum; three times out of four the checksums are made right again. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 4 == 0) return size;
  for (size_t at = 8; size >= 12 && at <= size - 12;) {
    size_t length = (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 | (size_t)data[at + 2] << 8 | data[at + 3];
    if (length > size - at - 12) break;
    uint32_t crc = (uint32_t)crc32(0, data + at + 4, (uInt)length + 4);
    for (int i = 0; i < 4; i++) data[at + 8 + length + i] = (uint8_t)(crc >> (24 - 8 * i));
    at += 12 + length;
  }
  return size;
}
#endif
