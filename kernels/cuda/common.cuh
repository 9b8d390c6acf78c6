/* common.cuh: what every kernel file of this folder begins with: launching, 16-bit types, vector access, sums over a warp or block.
 *
 * Rules of the folder
 *   - A kernel works on raw pointers of device memory and row-major arrays, as kernels.h says. No atomic additions: the order of every sum is fixed, so the
 *     same input gives the same bits.
 *   - Sizes are size_t in the interface and 64 bits where an index may pass 2^31.
 *   - Everything compiles twice: with nvcc, and for tests with a C++ compiler and emulator.h (AX_CUDA_EMULATED). What only the chip can do (matrix
 *     instructions, asynchronous copies) is wrapped in ptx.cuh, with an emulated twin. */
#pragma once
#include "kernels/cuda/names.h"
#include "kernels/cuda/device.h"

#include <math.h>
#include <stdint.h>

#ifdef AX_CUDA_EMULATED
#include "kernels/cuda/emulator.h"
#define AX_LAUNCH(kernel, grid, block, shared, ...) ax_emulate_launch (grid, block, shared, kernel, __VA_ARGS__)
#define AX_DYNAMIC_SHARED(type, name) type *name = (type *) ax_emulator_shared ()
#define AX_ALLOW_SHARED(kernel, bytes) ((void) 0)
#define AX_UNROLL
#else
#include <cuda_runtime.h>
extern cudaStream_t ax_cuda_stream;
void ax_cuda_check_launch (const char *what);
#define AX_LAUNCH(kernel, grid, block, shared, ...)                                                                                                 \
  do {                                                                                                                                              \
    if (ax_cuda_ok ()) {                                                                                                                            \
      kernel<<<grid, block, shared, ax_cuda_stream>>> (__VA_ARGS__);                                                                                \
      ax_cuda_check_launch (#kernel);                                                                                                               \
    }                                                                                                                                               \
  } while (0)
#define AX_DYNAMIC_SHARED(type, name)                                                                                                               \
  extern __shared__ __align__ (16) unsigned char name##_bytes[];                                                                                    \
  type *name = (type *) name##_bytes
/* More than 48 KB of dynamic shared memory have to be asked for. */
#define AX_ALLOW_SHARED(kernel, bytes) cudaFuncSetAttribute (kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int) (bytes))
#define AX_UNROLL _Pragma ("unroll")
#endif

#define AX_FULL 0xffffffffu

static inline unsigned ax_blocks (size_t n, size_t each) { return (unsigned) ((n + each - 1) / each); }

/* bfloat16 as its 16 bits. */
__device__ __forceinline__ float bf16_value (uint16_t h) { return __uint_as_float ((unsigned) h << 16); }
__device__ __forceinline__ uint16_t
bf16_round (float f)
{
  const unsigned u = __float_as_uint (f);
  return (u & 0x7fffffffu) > 0x7f800000u ? (uint16_t) (u >> 16 | 0x40) : (uint16_t) ((u + 0x7fffu + (u >> 16 & 1)) >> 16);
}
/* IEEE half as its 16 bits; exact both ways (nearest even), without the tool kit's header, so that the emulated build has the same code. */
__device__ __forceinline__ float
f16_value (uint16_t h)
{
  const unsigned sign = (unsigned) (h & 0x8000) << 16, e = h >> 10 & 31, m = h & 0x3ff;
  if (e == 0)
    return __uint_as_float (sign | __float_as_uint ((float) m * 0x1p-24f));
  return __uint_as_float (sign | (e == 31 ? 0x7f800000u | m << 13 : (e + 112) << 23 | m << 13));
}
__device__ __forceinline__ uint16_t
f16_round (float f)
{
  const unsigned u = __float_as_uint (f), sign = u >> 16 & 0x8000, a = u & 0x7fffffffu;
  if (a > 0x7f800000u)
    return (uint16_t) (sign | 0x7e00 | (a >> 13 & 0x3ff));
  if (a >= 0x477ff000u) /* rounds past the largest half */
    return (uint16_t) (sign | 0x7c00);
  if (a < 0x38800000u) /* subnormal: adding 0.5 puts the half's last bit at the end of the sum's fraction */
    return (uint16_t) (sign | (__float_as_uint (__uint_as_float (a) + 0.5f) - 0x3f000000u));
  return (uint16_t) (sign | ((a - 0x38000000u + 0xfffu + (a >> 13 & 1)) >> 13));
}

template <typename T> __device__ __forceinline__ T
warp_sum (T v)
{
  for (int m = 16; m > 0; m >>= 1)
    v += __shfl_xor_sync (AX_FULL, v, m);
  return v;
}
__device__ __forceinline__ float
warp_max (float v)
{
  for (int m = 16; m > 0; m >>= 1)
    v = fmaxf (v, __shfl_xor_sync (AX_FULL, v, m));
  return v;
}

/* Sum over a block of a multiple of 32 threads, at most 1024; every thread gets it. `slots` is shared memory for 32 values; a barrier ends each use. */
template <typename T> __device__ __forceinline__ T
block_sum (T v, T *slots)
{
  const unsigned lane = threadIdx.x & 31, warp = threadIdx.x >> 5, n = blockDim.x >> 5;
  v = warp_sum (v);
  if (lane == 0)
    slots[warp] = v;
  __syncthreads ();
  T total = 0;
  for (unsigned i = 0; i < n; i++)
    total += slots[i];
  __syncthreads ();
  return total;
}
__device__ __forceinline__ float
block_max (float v, float *slots)
{
  const unsigned lane = threadIdx.x & 31, warp = threadIdx.x >> 5, n = blockDim.x >> 5;
  v = warp_max (v);
  if (lane == 0)
    slots[warp] = v;
  __syncthreads ();
  float best = slots[0];
  for (unsigned i = 1; i < n; i++)
    best = fmaxf (best, slots[i]);
  __syncthreads ();
  return best;
}

/* Activations and their slopes; the same formulas as the processor's kernels. The tanh form: 0.5 x (1 + tanh(u)) = x sigmoid(2u). */
#define GELU_2C 1.59576912160573081f /* 2 sqrt(2/pi) */

__device__ __forceinline__ float
act_value (int act, float x)
{
  switch (act) {
  case AX_ACT_RELU:
    return x > 0 ? x : 0;
  case AX_ACT_GELU_ERF:
    return fmaf (0.5f * x, erff (x * 0.70710678118654752f), 0.5f * x);
  case AX_ACT_GELU_TANH:
    return x / (1 + expf (-GELU_2C * x * fmaf (x * x, 0.044715f, 1)));
  default:
    return x;
  }
}
__device__ __forceinline__ float
act_slope (int act, float x)
{
  switch (act) {
  case AX_ACT_RELU:
    return x > 0 ? 1 : 0;
  case AX_ACT_GELU_ERF: /* Phi(x) + x phi(x) */
    return fmaf (x, 0.39894228040143268f * expf (-0.5f * x * x), fmaf (0.5f, erff (x * 0.70710678118654752f), 0.5f));
  case AX_ACT_GELU_TANH: {
    const float s = 1 / (1 + expf (-GELU_2C * x * fmaf (x * x, 0.044715f, 1)));
    return fmaf (x * s * (1 - s), GELU_2C * fmaf (x * x, 3 * 0.044715f, 1), s);
  }
  default:
    return 1;
  }
}
