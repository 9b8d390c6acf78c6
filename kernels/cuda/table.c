/* table.c: the card as a device (contract: kernels/device.h): device.h's memory and this folder's operations. Compiled twice, as everything here: for the card, and
 * with the emulator as ax_device_emulated(), which tests use. */
#include "kernels/cuda/names.h"

#include "kernels/cuda/device.h"
#include "kernels/cuda/gemm.h"
#include "kernels/device.h"

static const AxDevice device = {
  .name = "cuda",
  .host = false,
  .start = ax_cuda_start,
  .title = ax_cuda_device_name,
  .memory = ax_cuda_memory,
  .taken = ax_cuda_taken,
  .alloc = ax_cuda_alloc,
  .free = ax_cuda_free,
  .upload = ax_cuda_upload,
  .download = ax_cuda_download,
  .copy = ax_cuda_copy,
  .zero = ax_cuda_zero,
  .sync = ax_cuda_sync,
  .fail = ax_cuda_fail,
  .ok = ax_cuda_ok,
  .error = ax_cuda_error,
  .record = ax_cuda_record,
  .recorded = ax_cuda_recorded,
  .replay = ax_cuda_replay,
  .forget = ax_cuda_forget,
  .allow_tf32 = ax_cuda_gemm_allow_tf32,
  .epoch = ax_cuda_epoch,
#define X(name) .name = ax_##name,
  AX_DEVICE_OPERATIONS (X)
#undef X
};

#ifdef AX_CUDA_EMULATED
const AxDevice *ax_device_emulated (void); /* for emulated_face.c alone */
void ax_device_emulated_limit (size_t bytes);
void ax_device_emulated_found (const AxCudaFound *found);

void
ax_device_emulated_found (const AxCudaFound *found)
{
  ax_cuda_emulated_found (found);
}

const AxDevice *
ax_device_emulated (void)
{
  return &device;
}

void
ax_device_emulated_limit (size_t bytes)
{
  ax_cuda_emulated_limit (bytes);
}
#else
const AxDevice *
ax_device_cuda (void)
{
  return &device;
}
#endif
