/* emulated_face.c: see emulated_face.h. All that the library shows. */
#include "kernels/cuda/emulated_face.h"

const AxDevice *ax_device_emulated (void);
void ax_device_emulated_limit (size_t bytes);
void ax_device_emulated_found (const AxCudaFound *found);

const AxDevice *ax_emulated_device (void) { return ax_device_emulated (); }
void ax_emulated_device_limit (size_t bytes) { ax_device_emulated_limit (bytes); }

void
ax_emulated_device_found (const AxCudaFound *found)
{
  static const AxCudaFound itself = { .answer = AX_CUDA_ANSWERS, .driver = 13000, .runtime = 13000, .name = "emulator", .major = 9 };
  ax_device_emulated_found (found ? found : &itself);
}
