/* ptx.cuh: instructions that only the chip has, each with an emulated twin.
 *
 * mma_bf16: d[16,8] += a[16,16] b[16,8] by a warp, bfloat16 factors and float32 sums (PTX: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32). With g = lane / 4 and
 * t = lane % 4 a lane holds two neighbours in each word, the lower half the first:
 *   a[0] row g, a[1] row g + 8, a[2] row g, a[3] row g + 8; columns 2t, 2t + 1 in a[0] and a[1], 2t + 8, 2t + 9 in a[2] and a[3];
 *   b[0] rows 2t, 2t + 1, b[1] rows 2t + 8, 2t + 9; column g;
 *   d[0], d[1] row g, d[2], d[3] row g + 8; columns 2t, 2t + 1. */
#pragma once
#include "kernels/cuda/common.cuh"

__device__ __forceinline__ unsigned
bf16_pair (float lower, float upper)
{
  return (unsigned) bf16_round (lower) | (unsigned) bf16_round (upper) << 16;
}

#ifdef AX_CUDA_EMULATED
static inline void
mma_bf16 (float *d, const unsigned *a, const unsigned *b)
{
  unsigned mine[6] = { a[0], a[1], a[2], a[3], b[0], b[1] };
  const unsigned char *all = ax_emulator_gather (mine, sizeof mine);
  const unsigned lane = ax_emulator_my_lane (), g = lane / 4, t = lane % 4;
  for (unsigned i = 0; i < 4; i++) {
    const unsigned row = g + i / 2 * 8, column = 2 * t + i % 2;
    double sum = 0;
    for (unsigned k = 0; k < 16; k++) {
      unsigned wa[6], wb[6]; /* of the lanes that hold a[row][k] and b[k][column] */
      memcpy (wa, all + 64 * (row % 8 * 4 + k % 8 / 2), sizeof wa);
      memcpy (wb, all + 64 * (column * 4 + k % 8 / 2), sizeof wb);
      const unsigned x = wa[row / 8 + k / 8 * 2], y = wb[4 + k / 8];
      sum += (double) bf16_value ((uint16_t) (k % 2 ? x >> 16 : x)) * (double) bf16_value ((uint16_t) (k % 2 ? y >> 16 : y));
    }
    d[i] = (float) ((double) d[i] + sum);
  }
}
#else
__device__ __forceinline__ void
mma_bf16 (float *d, const unsigned *a, const unsigned *b)
{
  asm volatile ("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif
