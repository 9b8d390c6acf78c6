/* The block formats of quantised tensors (GGUF's Q4_0 ... Q6_K): their sizes and their exact values as float32. May use kernels/.
 * Layouts: ggml's block structures; the order of the roundings is that of the gguf Python package, so that every value is equal to
 * what its dequantize() gives. */
#pragma once

#include "engine/checkpoint/weights.h"

G_BEGIN_DECLS

/* Writes the values of n_blocks blocks of a quantised type (ax_dtype_is_quantised()) to dst; blocks may lie at any address. */
void ax_gguf_dequantise(AxDtype dtype, const guint8 *blocks, gsize n_blocks, float *dst);

G_END_DECLS
