/* device.c: the processor as a device (contract: device.h): ordinary memory, copies at once, no errors. */
#include "kernels/device.h"

#include <stdlib.h>
#include <string.h>

#define ALIGNED 4096

static const char *start (void) { return NULL; }
static const char *title (void) { return "CPU"; }
static size_t taken (void) { return 0; }

static void
memory (size_t *free_bytes, size_t *total_bytes)
{
  *free_bytes = *total_bytes = 0;
}

static void *
allocate (size_t bytes)
{
  return aligned_alloc (ALIGNED, (bytes + ALIGNED - 1) / ALIGNED * ALIGNED);
}

static void
copy (void *to, const void *from, size_t bytes)
{
  if (bytes)
    memmove (to, from, bytes);
}

static void
zero (void *p, size_t bytes)
{
  if (bytes)
    memset (p, 0, bytes);
}

static void synchronise (void) {}
static void fail (const char *what) { (void) what; }
static bool ok (void) { return true; }
static const char *error (void) { return NULL; }
static unsigned epoch (void) { return 0; }
static bool record (void) { return false; }
static void *recorded (void) { return NULL; }
static void replay (void *graph) { (void) graph; }
static void allow_tf32 (bool allow) { (void) allow; }

const AxDevice *
ax_device_cpu (void)
{
  static const AxDevice device = {
    .name = "cpu",
    .host = true,
    .start = start,
    .title = title,
    .memory = memory,
    .taken = taken,
    .alloc = allocate,
    .free = free,
    .upload = copy,
    .download = copy,
    .copy = copy,
    .zero = zero,
    .sync = synchronise,
    .fail = fail,
    .ok = ok,
    .error = error,
    .record = record,
    .recorded = recorded,
    .replay = replay,
    .forget = replay,
    .allow_tf32 = allow_tf32,
    .epoch = epoch,
#define X(name) .name = ax_##name,
    AX_DEVICE_OPERATIONS (X)
#undef X
  };
  return &device;
}

#ifndef AX_HAVE_CUDA
const AxDevice *
ax_device_cuda (void)
{
  return NULL;
}
#endif
