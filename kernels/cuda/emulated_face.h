/* emulated_face.h: the emulated card as a device, for tests of whole models (tests/engine). See emulator.h for what it is. */
#pragma once
#include "kernels/cuda/start.h"
#include "kernels/device.h"

#ifdef __cplusplus
extern "C" {
#endif

const AxDevice *ax_emulated_device (void);
/* From now on it has so many bytes in all, as a small card; 0: 4 GiB. */
void ax_emulated_device_limit (size_t bytes);
/* What its start() finds from now on; NULL: itself. The strings must stay. */
void ax_emulated_device_found (const AxCudaFound *found);

#ifdef __cplusplus
}
#endif
