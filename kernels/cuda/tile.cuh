/* tile.cuh: the plain matrix product that everything else here can fall back on: C[m,n] = sum over k of A(m,k) B(k,n) in float32.
 *
 * A, B and what happens to a result are small structs with inline functions, so that one kernel serves matrices, their transposes, convolutions
 * (whose A is never written out: "implicit GEMM") and attention. A block makes a 64 x 64 tile of C from slabs of 16 of k in shared memory; each of its
 * 256 threads keeps 4 x 4 sums in registers. Batches run along the grid's z. */
#pragma once
#include "kernels/cuda/common.cuh"

namespace tile {

enum { SIDE = 64, DEPTH = 16, THREADS = 256 };

/* Load: float operator() (size_t batch, size_t row, size_t column). Store: void operator() (size_t batch, size_t row, size_t column, float sum).
 * With splits > 1 each z also covers one of `splits` pieces of k, and Store's batch counts batch * splits + piece. */
template <class LoadA, class LoadB, class Store>
__global__ void
product_kernel (size_t m, size_t n, size_t k, size_t splits, LoadA a, LoadB b, Store store)
{
  __shared__ float as[DEPTH][SIDE + 4], bs[DEPTH][SIDE + 4];
  const size_t batch = blockIdx.z / splits, piece = blockIdx.z % splits, each = (k + splits - 1) / splits, from = piece * each;
  const size_t to = from + each < k ? from + each : k, row0 = (size_t) blockIdx.x * SIDE, column0 = (size_t) blockIdx.y * SIDE;
  const unsigned t = threadIdx.x, tr = t / 16 * 4, tc = t % 16 * 4;
  float sum[4][4] = { { 0 } };
  for (size_t k0 = from; k0 < to; k0 += DEPTH) {
    for (unsigned i = t; i < SIDE * DEPTH; i += THREADS) {
      const unsigned p = i % DEPTH, r = i / DEPTH;
      as[p][r] = k0 + p < to && row0 + r < m ? a (batch, row0 + r, k0 + p) : 0;
      const unsigned q = i / SIDE, c = i % SIDE;
      bs[q][c] = k0 + q < to && column0 + c < n ? b (batch, k0 + q, column0 + c) : 0;
    }
    __syncthreads ();
    AX_UNROLL
    for (unsigned p = 0; p < DEPTH; p++) {
      float x[4], y[4];
      AX_UNROLL
      for (unsigned i = 0; i < 4; i++) {
        x[i] = as[p][tr + i];
        y[i] = bs[p][tc + i];
      }
      AX_UNROLL
      for (unsigned i = 0; i < 4; i++)
        AX_UNROLL
        for (unsigned j = 0; j < 4; j++)
          sum[i][j] = fmaf (x[i], y[j], sum[i][j]);
    }
    __syncthreads ();
  }
  AX_UNROLL
  for (unsigned i = 0; i < 4; i++)
    AX_UNROLL
    for (unsigned j = 0; j < 4; j++)
      if (row0 + tr + i < m && column0 + tc + j < n)
        store (blockIdx.z, row0 + tr + i, column0 + tc + j, sum[i][j]);
}

template <class LoadA, class LoadB, class Store>
static void
product (size_t batches, size_t m, size_t n, size_t k, size_t splits, const LoadA &a, const LoadB &b, const Store &store)
{
  if (m && n && batches)
    AX_LAUNCH ((product_kernel<LoadA, LoadB, Store>), dim3 (ax_blocks (m, SIDE), ax_blocks (n, SIDE), (unsigned) (batches * splits)), dim3 (THREADS), 0, m, n, k,
               splits, a, b, store);
}

/* A stack of strided matrices: element (row, column) of batch z = first * seconds + second lies at first * first_step + second * second_step + row * row_step + column * column_step. */
struct Matrix {
  const float *data;
  size_t row_step, column_step;
  size_t seconds = 1, first_step = 0, second_step = 0;
  __device__ __forceinline__ float
  operator() (size_t z, size_t row, size_t column) const
  {
    return data[z / seconds * first_step + z % seconds * second_step + row * row_step + column * column_step];
  }
};

/* c = alpha * sum + beta * c; beta == 0 never reads c. */
struct Scaled {
  float *data;
  size_t row_step;
  float alpha, beta;
  size_t seconds = 1, first_step = 0, second_step = 0;
  __device__ __forceinline__ void
  operator() (size_t z, size_t row, size_t column, float sum) const
  {
    float *c = data + z / seconds * first_step + z % seconds * second_step + row * row_step + column;
    *c = beta == 0 ? alpha * sum : alpha * sum + beta * *c;
  }
};

}
