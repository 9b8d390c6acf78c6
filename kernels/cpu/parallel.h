/* parallel.h: how the row and element operations cut their work. Private to kernels/cpu.
 *
 * Every cut depends on the shape alone, so that results are the same for any number of threads. */
#pragma once
#include "kernels/cpu/machine.h"
#include "kernels/cpu/table.h"

/* Elements per piece: 64 KiB of floats, long against the cost of taking a piece. */
#define AX_GRAIN 16384

/* Rows per piece so that a piece has about AX_GRAIN elements. */
static inline size_t
ax_row_grain (size_t d)
{
  size_t rows = AX_GRAIN / (d ? d : 1);
  return rows ? rows : 1;
}

/* Rows per piece where each piece keeps partial column sums: at most 32 pieces, at least 64 rows each. */
static inline size_t
ax_partial_grain (size_t rows)
{
  size_t grain = (rows + 31) / 32;
  return grain < 64 ? 64 : grain;
}
