/* spans_mma.cuh: what the forward and the backward pass of the decoder's attention with matrix instructions share (spans_mma.cu, spans_mma_back.cu): tiles of float32
 * rows as bfloat16 in shared memory, lying as rows or turned, and the words of them that an instruction takes. A row's padding keeps neighbouring rows in different banks. */
#pragma once
#include "kernels/cuda/ptx.cuh"

#define MMA_PAD 8

/* `count` rows from `row0` on, words of two neighbours, into rows of HD + MMA_PAD; zeros past `rows`. By all threads of the block. */
template <int HD> __device__ __forceinline__ void
mma_load_rows (const float *from, size_t ld, size_t row0, size_t rows, unsigned count, uint16_t *to)
{
  for (unsigned i = threadIdx.x; i < count * (HD / 2); i += blockDim.x) {
    const unsigned r = i / (HD / 2), c = i % (HD / 2) * 2;
    const bool real = row0 + r < rows;
    const float *x = from + (row0 + r) * ld + c;
    *(unsigned *) (to + r * (HD + MMA_PAD) + c) = real ? bf16_pair (x[0], x[1]) : 0;
  }
}

/* COUNT rows, turned: to[column][row], rows of COUNT + MMA_PAD. */
template <int HD, int COUNT> __device__ __forceinline__ void
mma_load_columns (const float *from, size_t ld, size_t row0, size_t rows, uint16_t *to)
{
  for (unsigned i = threadIdx.x; i < COUNT / 2 * HD; i += blockDim.x) {
    const unsigned c = i % HD, r = i / HD * 2;
    const float *x = from + (row0 + r) * ld + c;
    const float lower = row0 + r < rows ? x[0] : 0, upper = row0 + r + 1 < rows ? x[ld] : 0;
    *(unsigned *) (to + c * (COUNT + MMA_PAD) + r) = bf16_pair (lower, upper);
  }
}

/* COUNT rows both ways, each read once. */
template <int HD, int COUNT> __device__ __forceinline__ void
mma_load_both (const float *from, size_t ld, size_t row0, size_t rows, uint16_t *to, uint16_t *turned)
{
  for (unsigned i = threadIdx.x; i < COUNT / 2 * (HD / 2); i += blockDim.x) {
    const unsigned c = i % (HD / 2) * 2, r = i / (HD / 2) * 2;
    const float *x = from + (row0 + r) * ld + c;
    const bool first = row0 + r < rows, second = row0 + r + 1 < rows;
    const unsigned upper = first ? bf16_pair (x[0], x[1]) : 0, lower = second ? bf16_pair (x[ld], x[ld + 1]) : 0;
    *(unsigned *) (to + r * (HD + MMA_PAD) + c) = upper;
    *(unsigned *) (to + (r + 1) * (HD + MMA_PAD) + c) = lower;
    *(unsigned *) (turned + c * (COUNT + MMA_PAD) + r) = (upper & 0xffff) | lower << 16;
    *(unsigned *) (turned + (c + 1) * (COUNT + MMA_PAD) + r) = upper >> 16 | (lower & 0xffff0000u);
  }
}

/* A lane's words of a[16,16] and b[16,8] (ptx.cuh): `x` points to row g of a, or to column g of b lying as a row, at k = 2 t; rows are `stride` apart. */
__device__ __forceinline__ void
mma_words_a (const uint16_t *x, unsigned stride, unsigned *a)
{
  a[0] = *(const unsigned *) x;
  a[1] = *(const unsigned *) (x + 8 * stride);
  a[2] = *(const unsigned *) (x + 8);
  a[3] = *(const unsigned *) (x + 8 * stride + 8);
}
__device__ __forceinline__ void
mma_words_b (const uint16_t *y, unsigned *b)
{
  b[0] = *(const unsigned *) y;
  b[1] = *(const unsigned *) (y + 8);
}

__device__ __forceinline__ bool
sees_key (const AxSpan &p, int key)
{
  return (key >= p.a0 && key < p.a1) || (key >= p.b0 && key < p.b1);
}
