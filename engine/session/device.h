/* device.h: which device a session works on.
 *
 * What lives here: the choice between the processor and the card, with the reason where it cannot be the card. May use kernels/device.h and anatomix.h.
 */
#pragma once
#include "engine/anatomix.h"
#include "kernels/device.h"

/* For AX_DEVICE_CPU the processor. For the others the card, started; where that does not work, for AX_DEVICE_AUTO the processor with the reason in *note (free with
 * g_free), for AX_DEVICE_CUDA NULL with AX_ENGINE_ERROR_DEVICE. */
const AxDevice *ax_device_choose (AxDeviceChoice choice, char **note, GError **error);
/* For tests: what is taken for the card, in place of ax_device_cuda(). NULL: that again. */
void            ax_device_set_card (const AxDevice *card);
AxDeviceChoice  ax_engine_get_device (void);
