/* walled_card.h: the processor behind a wall, for tests: a device that is not the host and computes exactly what the processor does, but whose memory nothing can touch
 * except its own operations and copies. So a test sees at once (by a fault) when code reads or writes a card's memory from here, and can ask for the same bits as on the
 * processor. */
#pragma once
#include "kernels/device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One there is. Steps cannot be recorded on it. */
const AxDevice *walled_card (void);
/* From now on it has so many bytes in all; 0: as many as the wall surrounds (1 GiB). */
void walled_card_limit (size_t bytes);
/* Operations and copies so far. */
size_t walled_card_calls (void);

#ifdef __cplusplus
}
#endif
