/* device_emulated.cpp: device.h on the processor, for the tests of the kernels (see emulator.h). */
#include "kernels/cuda/common.cuh"

#include <stdlib.h>
#include <time.h>

const char *ax_cuda_start (void) { return nullptr; }
bool ax_cuda_is_real (void) { return false; }
const char *ax_cuda_device_name (void) { return "emulator"; }
int ax_cuda_multiprocessors (void) { return 2; }
void ax_cuda_memory (size_t *free_bytes, size_t *total_bytes) { *free_bytes = *total_bytes = (size_t) 1 << 30; }
void *ax_cuda_alloc (size_t bytes) { return aligned_alloc (256, (bytes + 256) / 256 * 256); }
void ax_cuda_free (void *p) { free (p); }
void ax_cuda_upload (void *device, const void *host, size_t bytes) { memcpy (device, host, bytes); }
void ax_cuda_download (void *host, const void *device, size_t bytes) { memcpy (host, device, bytes); }
void ax_cuda_copy (void *to, const void *from, size_t bytes) { memmove (to, from, bytes); }
void ax_cuda_zero (void *p, size_t bytes) { memset (p, 0, bytes); }
void ax_cuda_sync (void) {}
const char *ax_cuda_error (void) { return nullptr; }

void *
ax_cuda_scratch (size_t bytes)
{
  static void *scratch;
  static size_t size;
  if (bytes > size) {
    free (scratch);
    scratch = ax_cuda_alloc (bytes);
    size = bytes;
  }
  return scratch;
}

float
ax_cuda_time (void (*fn) (void *ctx), void *ctx, int rounds)
{
  struct timespec a, b;
  clock_gettime (CLOCK_MONOTONIC, &a);
  for (int i = 0; i < rounds; i++)
    fn (ctx);
  clock_gettime (CLOCK_MONOTONIC, &b);
  return (float) (1e3 * (double) (b.tv_sec - a.tv_sec) + 1e-6 * (double) (b.tv_nsec - a.tv_nsec));
}
