/* emulator.cpp: the scheduler of the threads of one block (contract: emulator.h). */
#include "kernels/cuda/emulator.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include <vector>

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace {

const size_t STACK = 96 * 1024, WARP = 32, SLOT = 64;

/* Begun once on a stack of its own by a context switch, which asks the system for the signal mask; from then on changed to by jumps, which do not. One thread after
 * another of many blocks runs on it. */
struct Fiber {
  jmp_buf at;
  dim3 index;
  bool begun, done;
};

/* A barrier that counts: it opens when all that still run have come. */
struct Barrier {
  size_t come, members, round;
};

struct Warp {
  Barrier barrier;
  unsigned char slot[2][WARP * SLOT]; /* two, used in turn: a fast thread's next value must not overwrite what a slow one still reads */
};

std::vector<Fiber> fibers;
std::vector<char> stacks;
std::vector<Warp> warps;
std::vector<unsigned char> shared_memory;
Barrier block_barrier;
jmp_buf scheduler;
size_t current;
size_t progress; /* counts arrivals and ends: a round without any is a deadlock */
const std::function<void ()> *work;

__attribute__ ((noinline)) void
yield_fiber (void)
{
  if (_setjmp (fibers[current].at) == 0)
    _longjmp (scheduler, 1);
}

void
open_if_complete (Barrier &b)
{
  if (b.members > 0 && b.come == b.members) {
    b.come = 0;
    b.round++;
  }
}

void
wait_at (Barrier &b)
{
  const size_t round = b.round;
  b.come++;
  progress++;
  open_if_complete (b);
  while (b.round == round)
    yield_fiber ();
}

void
run_fiber (void)
{
  for (;;) {
    (*work) ();
    fibers[current].done = true;
    progress++;
    block_barrier.members--;
    open_if_complete (block_barrier);
    Barrier &w = warps[current / WARP].barrier;
    w.members--;
    open_if_complete (w);
    yield_fiber ();
  }
}

/* Runs the current fiber until it yields. */
__attribute__ ((noinline)) void
enter_fiber (void)
{
  if (_setjmp (scheduler) != 0)
    return;
  Fiber &f = fibers[current];
  if (f.begun)
    _longjmp (f.at, 1);
  f.begun = true;
  ucontext_t context;
  getcontext (&context);
  context.uc_stack.ss_sp = &stacks[current * STACK];
  context.uc_stack.ss_size = STACK;
  context.uc_link = nullptr;
  makecontext (&context, run_fiber, 0);
  setcontext (&context);
}

void
run_block (size_t n)
{
  block_barrier = Barrier { 0, n, 0 };
  for (size_t w = 0; w < warps.size (); w++)
    warps[w].barrier = Barrier { 0, n - w * WARP < WARP ? n - w * WARP : WARP, 0 };
  for (size_t i = 0; i < n; i++) {
    Fiber &f = fibers[i];
    f.done = false;
    f.index = dim3 ((unsigned) (i % blockDim.x), (unsigned) (i / blockDim.x % blockDim.y), (unsigned) (i / blockDim.x / blockDim.y));
  }
  for (size_t left = n; left > 0;) {
    const size_t before = progress;
    left = 0;
    for (current = 0; current < n; current++)
      if (!fibers[current].done) {
        threadIdx = fibers[current].index;
        enter_fiber ();
        left += !fibers[current].done;
      }
    if (left > 0 && progress == before) {
      fprintf (stderr, "emulator: block (%u, %u, %u): %zu threads wait at a barrier that others never reach\n", blockIdx.x, blockIdx.y, blockIdx.z, left);
      abort ();
    }
  }
}

}

void
ax_emulate (dim3 grid, dim3 block, size_t shared_bytes, const std::function<void ()> &body)
{
  const size_t n = (size_t) block.x * block.y * block.z;
  if (n == 0 || n > 1024 || shared_bytes > 227 * 1024 || grid.y > 65535 || grid.z > 65535 || (size_t) grid.x * grid.y * grid.z == 0) {
    fprintf (stderr, "emulator: no device takes grid (%u, %u, %u), block of %zu, %zu bytes of shared memory\n", grid.x, grid.y, grid.z, n, shared_bytes);
    abort ();
  }
  if (fibers.empty ()) { /* the stacks must not move */
    fibers.resize (1024);
    stacks.resize (1024 * STACK);
  }
  warps.resize ((n + WARP - 1) / WARP);
  work = &body;
  gridDim = grid;
  blockDim = block;
  for (blockIdx.z = 0; blockIdx.z < grid.z; blockIdx.z++)
    for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++)
      for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++) {
        shared_memory.assign (shared_bytes + 16, 0xff);
        run_block (n);
      }
}

void *
ax_emulator_shared (void)
{
  return (void *) (((uintptr_t) shared_memory.data () + 15) & ~(uintptr_t) 15);
}

void
ax_emulator_sync_block (void)
{
  wait_at (block_barrier);
  threadIdx = fibers[current].index;
}

const unsigned char *
ax_emulator_gather (const void *value, size_t size)
{
  Warp &w = warps[current / WARP];
  unsigned char *slots = w.slot[w.barrier.round & 1];
  if (size > SLOT)
    abort ();
  memcpy (slots + current % WARP * SLOT, value, size);
  wait_at (w.barrier);
  threadIdx = fibers[current].index;
  return slots;
}
