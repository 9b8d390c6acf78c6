/* device.cu: the graphics processor behind device.h. */
#include "kernels/cuda/common.cuh"
#include "kernels/cuda/start.h"

#include <stdio.h>
#include <string.h>
#include <unordered_map>

cudaStream_t ax_cuda_stream;

namespace {

bool ready;
char error_text[256], device_name[256];
int multiprocessors;
void *scratch;
size_t scratch_bytes, taken;
unsigned scratch_epoch;
bool recording;
/* Never destroyed: memory may be freed while the program ends. */
std::unordered_map<void *, size_t> &
sizes (void)
{
  static auto *map = new std::unordered_map<void *, size_t>;
  return *map;
}

bool
keep (cudaError_t code, const char *what)
{
  if (code == cudaSuccess)
    return true;
  if (!error_text[0])
    snprintf (error_text, sizeof error_text, "%s: %s", what, cudaGetErrorString (code));
  return false;
}

AxCudaAnswer
answer_of (cudaError_t code)
{
  switch (code) {
  case cudaSuccess:
    return AX_CUDA_ANSWERS;
  case cudaErrorInsufficientDriver:
  case cudaErrorStubLibrary:
    return AX_CUDA_DRIVER;
  case cudaErrorNoDevice:
    return AX_CUDA_NO_CARD;
  case cudaErrorMemoryAllocation:
    return AX_CUDA_NO_MEMORY;
  case cudaErrorDevicesUnavailable:
    return AX_CUDA_BUSY;
  case cudaErrorSystemDriverMismatch:
    return AX_CUDA_MISMATCH;
  default:
    return AX_CUDA_OTHER;
  }
}

const char *
begin (void)
{
  int count = 0;
  AxCudaFound found = {};
  cudaDeviceProp properties = {};
  cudaError_t code = cudaGetDeviceCount (&count);
  if (code == cudaSuccess && count == 0)
    code = cudaErrorNoDevice;
  if (code == cudaSuccess)
    code = cudaSetDevice (0);
  if (code == cudaSuccess)
    code = cudaGetDeviceProperties (&properties, 0);
  if (code == cudaSuccess && properties.major >= 8) /* an older one is not started */
    code = cudaStreamCreateWithFlags (&ax_cuda_stream, cudaStreamNonBlocking);
  found.answer = answer_of (code);
  found.other = cudaGetErrorString (code);
  cudaDriverGetVersion (&found.driver);
  cudaRuntimeGetVersion (&found.runtime);
  found.name = properties.name;
  found.major = properties.major;
  found.minor = properties.minor;
  const char *why = ax_cuda_problem (&found);
  if (why) {
    cudaGetLastError (); /* it is told here, and must not show after the next launch */
    return why;
  }
  snprintf (device_name, sizeof device_name, "%s", properties.name);
  multiprocessors = properties.multiProcessorCount;
  ready = true;
  return nullptr;
}

}

void
ax_cuda_check_launch (const char *what)
{
  keep (cudaGetLastError (), what);
}

extern "C" {

bool
ax_cuda_ok (void)
{
  return error_text[0] == 0;
}

const char *
ax_cuda_start (void)
{
  return ready ? nullptr : begin ();
}

bool ax_cuda_is_real (void) { return true; }
const char *ax_cuda_device_name (void) { return device_name; }
int ax_cuda_multiprocessors (void) { return multiprocessors; }

void
ax_cuda_memory (size_t *free_bytes, size_t *total_bytes)
{
  *free_bytes = *total_bytes = 0;
  keep (cudaMemGetInfo (free_bytes, total_bytes), "asking for the free memory");
}

void *
ax_cuda_alloc (size_t bytes)
{
  void *p = nullptr;
  if (recording)
    return nullptr; /* a graph may not grow memory */
  if (cudaMalloc (&p, bytes ? bytes : 1) == cudaSuccess) {
    sizes ()[p] = bytes;
    taken += bytes;
    return p;
  }
  cudaGetLastError (); /* being out of memory is the caller's to report */
  return nullptr;
}

void
ax_cuda_free (void *p)
{
  if (!p)
    return;
  const auto at = sizes ().find (p);
  if (at == sizes ().end ())
    return;
  taken -= at->second;
  sizes ().erase (at);
  keep (cudaFree (p), "freeing memory");
}

void
ax_cuda_upload (void *device, const void *host, size_t bytes)
{
  if (bytes && ax_cuda_ok () && keep (cudaMemcpyAsync (device, host, bytes, cudaMemcpyHostToDevice, ax_cuda_stream), "copying to the device"))
    keep (cudaStreamSynchronize (ax_cuda_stream), "copying to the device");
}

void
ax_cuda_download (void *host, const void *device, size_t bytes)
{
  if (bytes && ax_cuda_ok () && keep (cudaMemcpyAsync (host, device, bytes, cudaMemcpyDeviceToHost, ax_cuda_stream), "copying from the device")
      && keep (cudaStreamSynchronize (ax_cuda_stream), "working on the device"))
    return;
  memset (host, 0, bytes); /* nobody reads what never was */
}

void
ax_cuda_copy (void *to, const void *from, size_t bytes)
{
  if (bytes && ax_cuda_ok ())
    keep (cudaMemcpyAsync (to, from, bytes, cudaMemcpyDeviceToDevice, ax_cuda_stream), "copying on the device");
}

void
ax_cuda_zero (void *p, size_t bytes)
{
  if (bytes && ax_cuda_ok ())
    keep (cudaMemsetAsync (p, 0, bytes, ax_cuda_stream), "clearing memory");
}

void
ax_cuda_fail (const char *what)
{
  if (!error_text[0])
    snprintf (error_text, sizeof error_text, "%s", what);
}

size_t ax_cuda_taken (void) { return taken; }
unsigned ax_cuda_epoch (void) { return scratch_epoch; }

/* ---- graphs ----------------------------------------------------------------------------------------------------------------- */

bool
ax_cuda_record (void)
{
  recording = ax_cuda_ok () && keep (cudaStreamBeginCapture (ax_cuda_stream, cudaStreamCaptureModeThreadLocal), "recording a step");
  return recording;
}

void *
ax_cuda_recorded (void)
{
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  recording = false;
  const cudaError_t ended = cudaStreamEndCapture (ax_cuda_stream, &graph);
  if (keep (ended, "recording a step") && ax_cuda_ok ())
    keep (cudaGraphInstantiate (&executable, graph, 0), "recording a step");
  if (graph)
    cudaGraphDestroy (graph);
  return executable;
}

void
ax_cuda_replay (void *graph)
{
  if (ax_cuda_ok ())
    keep (cudaGraphLaunch ((cudaGraphExec_t) graph, ax_cuda_stream), "repeating a step");
}

void
ax_cuda_forget (void *graph)
{
  if (graph) {
    ax_cuda_sync ();
    cudaGraphExecDestroy ((cudaGraphExec_t) graph);
  }
}

void
ax_cuda_sync (void)
{
  keep (cudaStreamSynchronize (ax_cuda_stream), "working on the device");
}

const char *
ax_cuda_error (void)
{
  static char text[256];
  if (ax_cuda_ok ())
    ax_cuda_sync ();
  if (ax_cuda_ok ())
    return nullptr;
  memcpy (text, error_text, sizeof text);
  error_text[0] = 0;
  return text;
}

void *
ax_cuda_scratch (size_t bytes)
{
  if (bytes > scratch_bytes) {
    if (recording) {
      keep (cudaErrorStreamCaptureInvalidated, "scratch memory of a recorded step");
      return nullptr;
    }
    ax_cuda_sync (); /* earlier work may still use the old piece */
    ax_cuda_free (scratch);
    scratch = ax_cuda_alloc (bytes);
    scratch_bytes = scratch ? bytes : 0;
    scratch_epoch++;
    if (!scratch)
      keep (cudaErrorMemoryAllocation, "scratch memory of the operations");
  }
  return scratch;
}

float
ax_cuda_time (void (*fn) (void *ctx), void *ctx, int rounds)
{
  cudaEvent_t from, to;
  float ms = 0;
  if (!keep (cudaEventCreate (&from), "timing") || !keep (cudaEventCreate (&to), "timing"))
    return 0;
  cudaEventRecord (from, ax_cuda_stream);
  for (int i = 0; i < rounds; i++)
    fn (ctx);
  cudaEventRecord (to, ax_cuda_stream);
  keep (cudaEventSynchronize (to), "timing");
  cudaEventElapsedTime (&ms, from, to);
  cudaEventDestroy (from);
  cudaEventDestroy (to);
  return ms;
}

}
