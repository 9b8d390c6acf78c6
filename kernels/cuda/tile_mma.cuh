/* tile_mma.cuh: the matrix product with matrix instructions that the convolutions use: C[m,n] = sum over k of A(m,k) B(n,k), factors in bfloat16, sums in float32.
 *
 * As in tile.cuh, A, B and what happens to a result are small structs. An operand lies "along" k (eight neighbours in k are read at once) or "turned" (eight neighbours
 * in rows, as images and gradients lie when the sum runs over pixels):
 *   enum { TURNED };  struct Fixed, Moving;  type Raw;
 *   Fixed fix (size_t row): what a row is, worked out once a thread;  Moving move (size_t k): what a place in the sum is, worked out once a slab;
 *   void fetch (Fixed, Moving, Raw &, int i): reads; i is 0, and for turned operands 0 and 1 for k and k + 1. A row past the end may be read as anything;
 *   static void none (Raw &, int i): zeros in its place;  static void put (const Raw &, uint16_t *shared): into rows of STRIDE of shared memory.
 * A block makes a 128 x 64 tile of C from slabs of 32 of k, held twice in shared memory: the next slab is on its way while the present one is multiplied. Each of the
 * four warps keeps 64 x 32 sums. */
#pragma once
#include "kernels/cuda/ptx.cuh"

namespace tile_mma {

enum { ROWS = 128, COLUMNS = 64, DEPTH = 32, THREADS = 128, STRIDE = DEPTH + 8 };

struct Eight { float v[8]; };
struct Sixteen { float v[16]; };

__device__ __forceinline__ void
read_eight (const float *from, float *v)
{
  const float4 lower = *(const float4 *) from, upper = *(const float4 *) (from + 4);
  v[0] = lower.x, v[1] = lower.y, v[2] = lower.z, v[3] = lower.w, v[4] = upper.x, v[5] = upper.y, v[6] = upper.z, v[7] = upper.w;
}

/* What operands of float32 share. */
struct Along {
  enum { TURNED = 0 };
  typedef Eight Raw;
  static __device__ __forceinline__ void
  none (Raw &r, int)
  {
    AX_UNROLL
    for (int i = 0; i < 8; i++)
      r.v[i] = 0;
  }
  static __device__ __forceinline__ void
  put (const Raw &r, uint16_t *shared)
  {
    *(uint4 *) shared = uint4 { bf16_pair (r.v[0], r.v[1]), bf16_pair (r.v[2], r.v[3]), bf16_pair (r.v[4], r.v[5]), bf16_pair (r.v[6], r.v[7]) };
  }
};
struct Turned {
  enum { TURNED = 1 };
  typedef Sixteen Raw;
  static __device__ __forceinline__ void
  none (Raw &r, int i)
  {
    AX_UNROLL
    for (int c = 0; c < 8; c++)
      r.v[8 * i + c] = 0;
  }
  static __device__ __forceinline__ void
  put (const Raw &r, uint16_t *shared)
  {
    AX_UNROLL
    for (int c = 0; c < 8; c++)
      *(unsigned *) (shared + c * STRIDE) = bf16_pair (r.v[c], r.v[8 + c]);
  }
};

/* A thread's share of the slabs of an operand with COUNT rows a tile. */
template <class O, int COUNT> struct Loader {
  enum { GROUP = O::TURNED ? DEPTH / 2 : DEPTH / 8, CHUNKS = COUNT * DEPTH / 8 / (O::TURNED ? 2 : 1) / THREADS };
  typename O::Fixed fixed[CHUNKS];
  typename O::Raw raw[CHUNKS];
  bool real[CHUNKS];

  static __device__ __forceinline__ unsigned row_of (int j) { return (threadIdx.x + THREADS * j) / GROUP * (O::TURNED ? 8 : 1); }
  static __device__ __forceinline__ unsigned depth_of (void) { return threadIdx.x % GROUP * (O::TURNED ? 2 : 8); }

  __device__ __forceinline__ void
  begin (const O &o, size_t row0, size_t rows)
  {
    AX_UNROLL
    for (int j = 0; j < CHUNKS; j++) {
      real[j] = row0 + row_of (j) < rows;
      fixed[j] = o.fix (real[j] ? row0 + row_of (j) : 0);
    }
  }
  __device__ __forceinline__ void
  fetch (const O &o, size_t k0, size_t to)
  {
    AX_UNROLL
    for (int i = 0; i <= O::TURNED; i++) {
      const size_t k = k0 + depth_of () + i;
      const bool inside = k < to;
      const typename O::Moving moving = o.move (inside ? k : 0);
      AX_UNROLL
      for (int j = 0; j < CHUNKS; j++)
        if (inside && real[j])
          o.fetch (fixed[j], moving, raw[j], i);
        else
          O::none (raw[j], i);
    }
  }
  __device__ __forceinline__ void
  put (uint16_t *shared) const
  {
    AX_UNROLL
    for (int j = 0; j < CHUNKS; j++)
      O::put (raw[j], shared + row_of (j) * STRIDE + depth_of ());
  }
};

/* Store: void operator() (size_t piece, size_t row, size_t column, float sum). z covers one of the grid's pieces of k. */
template <class A, class B, class Store>
__global__ void
__launch_bounds__ (THREADS)
product_kernel (size_t m, size_t n, size_t k, A a, B b, Store store)
{
  __shared__ uint4 a_memory[2][ROWS * STRIDE / 8], b_memory[2][COLUMNS * STRIDE / 8];
  const size_t slabs = (k + DEPTH - 1) / DEPTH, each = (slabs + gridDim.z - 1) / gridDim.z * DEPTH, from = blockIdx.z * each, to = from + each < k ? from + each : k;
  const size_t row0 = (size_t) blockIdx.x * ROWS, column0 = (size_t) blockIdx.y * COLUMNS;
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4, row = warp % 2 * 64 + g, column = warp / 2 * 32 + g;
  Loader<A, ROWS> la;
  Loader<B, COLUMNS> lb;
  float sum[4][4][4];
  AX_UNROLL
  for (int i = 0; i < 4; i++)
    AX_UNROLL
    for (int j = 0; j < 4; j++)
      AX_UNROLL
      for (int e = 0; e < 4; e++)
        sum[i][j][e] = 0;
  la.begin (a, row0, m);
  lb.begin (b, column0, n);
  la.fetch (a, from, to);
  lb.fetch (b, from, to);
  la.put ((uint16_t *) a_memory[0]);
  lb.put ((uint16_t *) b_memory[0]);
  __syncthreads ();
  unsigned now = 0;
  for (size_t k0 = from; k0 < to; k0 += DEPTH) { /* the same for the whole block */
    const bool more = k0 + DEPTH < to;
    if (more) {
      la.fetch (a, k0 + DEPTH, to);
      lb.fetch (b, k0 + DEPTH, to);
    }
    const uint16_t *as = (const uint16_t *) a_memory[now] + row * STRIDE + 2 * t, *bs = (const uint16_t *) b_memory[now] + column * STRIDE + 2 * t;
    AX_UNROLL
    for (int c = 0; c < DEPTH; c += 16) {
      unsigned x[4][4], y[4][2];
      AX_UNROLL
      for (int i = 0; i < 4; i++) {
        const uint16_t *p = as + i * 16 * STRIDE + c, *q = bs + i * 8 * STRIDE + c;
        x[i][0] = *(const unsigned *) p;
        x[i][1] = *(const unsigned *) (p + 8 * STRIDE);
        x[i][2] = *(const unsigned *) (p + 8);
        x[i][3] = *(const unsigned *) (p + 8 * STRIDE + 8);
        y[i][0] = *(const unsigned *) q;
        y[i][1] = *(const unsigned *) (q + 8);
      }
      AX_UNROLL
      for (int i = 0; i < 4; i++)
        AX_UNROLL
        for (int j = 0; j < 4; j++)
          mma_bf16 (sum[i][j], x[i], y[j]);
    }
    now ^= 1;
    if (more) {
      la.put ((uint16_t *) a_memory[now]);
      lb.put ((uint16_t *) b_memory[now]);
    }
    __syncthreads ();
  }
  AX_UNROLL
  for (int i = 0; i < 4; i++)
    AX_UNROLL
    for (int j = 0; j < 4; j++)
      AX_UNROLL
      for (int e = 0; e < 4; e++) {
        const size_t r = row0 + row + i * 16 + e / 2 * 8, c = column0 + (column - g) + j * 8 + 2 * t + e % 2;
        if (r < m && c < n)
          store (blockIdx.z, r, c, sum[i][j][e]);
      }
}

template <class A, class B, class Store>
static void
product (size_t m, size_t n, size_t k, size_t pieces, const A &a, const B &b, const Store &store)
{
  if (m && n && k)
    AX_LAUNCH ((product_kernel<A, B, Store>), dim3 (ax_blocks (m, ROWS), ax_blocks (n, COLUMNS), (unsigned) pieces), dim3 (THREADS), 0, m, n, k, a, b, store);
}

}
