/* device.h: one NVIDIA graphics processor: starting it, its memory, its one stream.
 *
 * What lives here: what the callers of kernels/cuda need besides the operations. C face; may use CUDA's run-time library, which is linked statically and starts
 * nothing until ax_cuda_start() is called, so that one binary runs on machines without a driver. All work goes to one stream; functions named below
 * return at once unless said otherwise. What the emulator cannot show (device.cu itself, cuBLASLt, graphs of the driver) has been compiled and never run. Errors of the device are sticky: the first is kept, all later work is skipped, ax_cuda_error() tells. */
#pragma once
#include "kernels/cuda/start.h"
#include "kernels/kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Starts device 0. NULL when it is ready, else why not, in words for the user ("no NVIDIA driver is installed", ...). May be called again. */
const char *ax_cuda_start (void);
/* FALSE in a build whose kernels run on the processor (emulator.h). */
bool ax_cuda_is_real (void);
const char *ax_cuda_device_name (void);
void ax_cuda_memory (size_t *free_bytes, size_t *total_bytes);
int ax_cuda_multiprocessors (void);

/* Device memory, 256-byte aligned; NULL when it does not fit (no error is kept). */
void *ax_cuda_alloc (size_t bytes);
void ax_cuda_free (void *p);
void ax_cuda_upload (void *device, const void *host, size_t bytes);     /* returns when the host memory may be reused */
void ax_cuda_download (void *host, const void *device, size_t bytes);   /* waits for all work before it and for the copy */
void ax_cuda_copy (void *to, const void *from, size_t bytes);           /* device to device */
void ax_cuda_zero (void *p, size_t bytes);
/* Waits for all work. */
void ax_cuda_sync (void);
/* The first error since the last call, or NULL; forgets it. Waits for all work. */
const char *ax_cuda_error (void);

/* FALSE once an error is kept; does not wait. */
bool ax_cuda_ok (void);
/* Keeps an error as if an operation had failed, if none is kept. */
void ax_cuda_fail (const char *what);
/* Bytes handed out and not freed. */
size_t ax_cuda_taken (void);

/* Graphs: see AxDevice in kernels/device.h. */
bool ax_cuda_record (void);
void *ax_cuda_recorded (void);
void ax_cuda_replay (void *graph);
void ax_cuda_forget (void *graph);
unsigned ax_cuda_epoch (void);

#ifdef AX_CUDA_EMULATED
/* Tests: so many bytes in all, as a small card; 0: as many as there are. */
void ax_cuda_emulated_limit (size_t bytes);
/* Tests: what ax_cuda_start() finds from now on. The strings must stay. */
void ax_cuda_emulated_found (const AxCudaFound *found);
#endif

/* Scratch memory that the operations share, grown when first needed and never while a graph records; NULL when out of memory. */
void *ax_cuda_scratch (size_t bytes);

/* Milliseconds that the device needs for `rounds` calls of fn, between two events. */
float ax_cuda_time (void (*fn) (void *ctx), void *ctx, int rounds);

#ifdef __cplusplus
}
#endif
