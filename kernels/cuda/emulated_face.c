/* emulated_face.c: see emulated_face.h. All that the library shows. */
#include "kernels/cuda/emulated_face.h"

const AxDevice *ax_device_emulated (void);
void ax_device_emulated_limit (size_t bytes);

const AxDevice *ax_emulated_device (void) { return ax_device_emulated (); }
void ax_emulated_device_limit (size_t bytes) { ax_device_emulated_limit (bytes); }
