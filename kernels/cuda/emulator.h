/* emulator.h: CUDA C on the processor, for tests.
 *
 * What lives here: just enough of CUDA's language to compile the kernels of this folder with an ordinary C++ compiler and run them, thread by thread,
 * on a machine without a graphics processor. Blocks run one after the other; the threads of a block are fibers that change at barriers and
 * warp collectives. It is slow and exact about synchronisation: a thread that misses a barrier ends the program with a message. It says nothing about
 * speed, memory spaces or races between blocks. Used only by the build of the tests (kernels/meson.build); nvcc never sees it. */
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <functional>

struct dim3 {
  unsigned x, y, z;
  constexpr dim3 (unsigned vx = 1, unsigned vy = 1, unsigned vz = 1) : x (vx), y (vy), z (vz) {}
};
struct float2 { float x, y; };
struct alignas (16) float4 { float x, y, z, w; };
struct alignas (16) uint4 { unsigned x, y, z, w; };
struct alignas (8) uint2 { unsigned x, y; };

extern dim3 threadIdx, blockIdx, blockDim, gridDim;

#define __global__ static
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __restrict__
/* Blocks run one at a time, so that one static copy serves them all. */
#define __shared__ static

/* Runs body once for every thread of every block. shared_bytes of dynamic shared memory, filled with 0xff before every block: reading it unwritten shows. */
void ax_emulate (dim3 grid, dim3 block, size_t shared_bytes, const std::function<void ()> &body);
/* Runs work now, or when the graph that is being recorded is replayed (device_emulated.cpp). */
void ax_emulator_do (std::function<void ()> work);
/* A launch: its arguments are taken now, as a card does. */
template <class Kernel, class... Args> static inline void
ax_emulate_launch (dim3 grid, dim3 block, size_t shared_bytes, Kernel kernel, Args... args)
{
  ax_emulator_do ([=] { ax_emulate (grid, block, shared_bytes, [&] { kernel (args...); }); });
}
void *ax_emulator_shared (void);
/* Barriers: of the block, and of the warp (32 consecutive threads, or as many as the block has). */
void ax_emulator_sync_block (void);
/* Every thread of the warp gives `size` bytes (at most 64) and sees all of them, lane after lane `stride` = 64 bytes apart, until its next collective. */
const unsigned char *ax_emulator_gather (const void *value, size_t size);

#define __syncthreads() ax_emulator_sync_block ()
static inline void __syncwarp (unsigned mask = 0xffffffffu) { char c = 0; (void) mask; ax_emulator_gather (&c, 1); }

template <typename T> static inline T
ax_emulator_lane (T value, unsigned lane)
{
  T result;
  memcpy (&result, ax_emulator_gather (&value, sizeof value) + 64 * lane, sizeof result);
  return result;
}
static inline unsigned
ax_emulator_my_lane (void)
{
  return (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32;
}
template <typename T> static inline T __shfl_xor_sync (unsigned, T v, int m) { return ax_emulator_lane (v, ax_emulator_my_lane () ^ (unsigned) m); }
template <typename T> static inline T __shfl_sync (unsigned, T v, int lane) { return ax_emulator_lane (v, (unsigned) lane % 32); }

/* Inline: the product is exact in double, and the sum's second rounding is far below what any bound counts. */
static inline float ax_emulator_fma (float a, float b, float c) { return (float) ((double) a * b + c); }
#define fmaf ax_emulator_fma

static inline float __uint_as_float (unsigned u) { float f; memcpy (&f, &u, 4); return f; }
static inline unsigned __float_as_uint (float f) { unsigned u; memcpy (&u, &f, 4); return u; }
static inline float __int_as_float (int u) { float f; memcpy (&f, &u, 4); return f; }
