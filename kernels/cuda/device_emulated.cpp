/* device_emulated.cpp: device.h on the processor, for the tests of the kernels (see emulator.h). Errors, graphs and the end of memory behave as on a card, so that
 * tests see what callers make of them. */
#include "kernels/cuda/common.cuh"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unordered_map>
#include <vector>

namespace {

typedef std::vector<std::function<void ()>> Graph;

std::unordered_map<void *, size_t> sizes;
size_t taken, limit;
char error_text[256];
Graph *recording;
void *scratch;
size_t scratch_bytes;
unsigned scratch_epoch;
AxCudaFound found = { AX_CUDA_ANSWERS, 13000, 13000, "emulator", 9, 0, nullptr };

}

/* Runs work, or keeps it for the graph that is being recorded; after an error, neither. */
void
ax_emulator_do (std::function<void ()> work)
{
  if (error_text[0])
    return;
  if (recording)
    recording->push_back (std::move (work));
  else
    work ();
}

const char *ax_cuda_start (void) { return ax_cuda_problem (&found); }
void ax_cuda_emulated_found (const AxCudaFound *f) { found = *f; }
bool ax_cuda_is_real (void) { return false; }
const char *ax_cuda_device_name (void) { return "emulator"; }
int ax_cuda_multiprocessors (void) { return 2; }
size_t ax_cuda_taken (void) { return taken; }
bool ax_cuda_ok (void) { return error_text[0] == 0; }
unsigned ax_cuda_epoch (void) { return scratch_epoch; }
void ax_cuda_emulated_limit (size_t bytes) { limit = bytes; }

void
ax_cuda_memory (size_t *free_bytes, size_t *total_bytes)
{
  *total_bytes = limit ? limit : (size_t) 1 << 32;
  *free_bytes = *total_bytes > taken ? *total_bytes - taken : 0;
}

void *
ax_cuda_alloc (size_t bytes)
{
  size_t free_bytes, total_bytes;
  ax_cuda_memory (&free_bytes, &total_bytes);
  if (bytes > free_bytes || recording)
    return nullptr;
  void *p = aligned_alloc (256, (bytes + 256) / 256 * 256);
  memset (p, 0xff, bytes); /* NaN: reading what was never written shows */
  sizes[p] = bytes;
  taken += bytes;
  return p;
}

void
ax_cuda_free (void *p)
{
  const auto at = sizes.find (p);
  if (at == sizes.end ())
    return;
  taken -= at->second;
  sizes.erase (at);
  free (p);
}

void
ax_cuda_upload (void *device, const void *host, size_t bytes)
{
  if (recording)
    ax_cuda_fail ("a copy from the host cannot be recorded");
  if (bytes && !error_text[0])
    memcpy (device, host, bytes);
}

void
ax_cuda_download (void *host, const void *device, size_t bytes)
{
  if (recording)
    ax_cuda_fail ("a copy to the host cannot be recorded");
  if (bytes && error_text[0])
    memset (host, 0, bytes);
  else if (bytes)
    memcpy (host, device, bytes);
}

void
ax_cuda_copy (void *to, const void *from, size_t bytes)
{
  if (bytes)
    ax_emulator_do ([=] { memmove (to, from, bytes); });
}

void
ax_cuda_zero (void *p, size_t bytes)
{
  if (bytes)
    ax_emulator_do ([=] { memset (p, 0, bytes); });
}

void ax_cuda_sync (void) {}

void
ax_cuda_fail (const char *what)
{
  if (!error_text[0])
    snprintf (error_text, sizeof error_text, "%s", what);
}

const char *
ax_cuda_error (void)
{
  static char text[256];
  if (!error_text[0])
    return nullptr;
  memcpy (text, error_text, sizeof text);
  error_text[0] = 0;
  return text;
}

/* ---- graphs ----------------------------------------------------------------------------------------------------------------- */

bool
ax_cuda_record (void)
{
  if (error_text[0])
    return false;
  recording = new Graph;
  return true;
}

void *
ax_cuda_recorded (void)
{
  Graph *g = recording;
  recording = nullptr;
  if (error_text[0]) {
    delete g;
    return nullptr;
  }
  return g;
}

void
ax_cuda_replay (void *graph)
{
  for (auto &work : *(Graph *) graph)
    ax_emulator_do (work);
}

void
ax_cuda_forget (void *graph)
{
  delete (Graph *) graph;
}

/* ---- the rest --------------------------------------------------------------------------------------------------------------- */

void *
ax_cuda_scratch (size_t bytes)
{
  if (bytes > scratch_bytes) {
    if (recording) {
      ax_cuda_fail ("scratch memory of a recorded step");
      return nullptr;
    }
    ax_cuda_free (scratch);
    scratch = ax_cuda_alloc (bytes);
    scratch_bytes = scratch ? bytes : 0;
    scratch_epoch++;
    if (!scratch)
      ax_cuda_fail ("scratch memory of the operations: out of memory");
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
