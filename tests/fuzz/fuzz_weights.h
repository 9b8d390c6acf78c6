/* What the fuzz targets of the weight readers share. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/checkpoint/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Opens the bytes as a weight file and reads every tensor both ways. */
static inline void
fuzz_read_weights(const uint8_t *data, size_t size)
{
  g_autoptr(GBytes) bytes = g_bytes_new_static(data, size);
  g_autoptr(GError) error = NULL;
  g_autoptr(AxWeights) weights = ax_weights_open_bytes(bytes, "fuzz", &error);
  g_assert((weights == NULL) == (error != NULL));
  for (guint i = 0; weights != NULL && i < ax_weights_n(weights); i++) {
    const AxTensorInfo *info = ax_weights_info(weights, i);
    g_autoptr(GBytes) raw = NULL;
    g_autofree float *values = g_new(float, (gsize) info->n_elements + 1);
    g_assert(ax_weights_find(weights, info->name) == (int) i);
    if (!ax_weights_read_raw(weights, i, &raw, NULL))
      continue;
    g_assert(g_bytes_get_size(raw) == ax_dtype_bytes(info->dtype, info->n_elements));
    g_assert(ax_weights_read_f32(weights, i, values, (gsize) info->n_elements, NULL));
  }
}
