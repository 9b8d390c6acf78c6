/* machine.h: what the kernels know of the machine they run on. Private to kernels/.
 *
 * One place answers: which instruction set, how many physical cores this process may use, and where a thread finds scratch memory. */
#pragma once
#include "kernels/kernels.h"

/* Puts oneDNN under the chosen instruction set and the calling thread under one OpenMP thread; cheap after the first call of a thread. Every function
 * that creates or executes a oneDNN primitive calls it first: all parallelism is the pool's, so a primitive is always single-threaded. */
void ax_onednn_enter (void);

/* Per-thread buffers that grow on demand, live until the thread ends, and are aligned to 64 bytes. A slot belongs to one level of the call
 * tree, so that a function and the one it calls never share: see the list. */
typedef enum {
  AX_SCRATCH_PARTIAL,   /* caller of a pool job: partial sums that the pieces fill and the caller adds up */
  AX_SCRATCH_PRIMITIVE, /* inside a piece: the scratchpad of a oneDNN primitive */
  AX_SCRATCH_PIECE,     /* inside a piece: attention scores, unfolded images */
  AX_SCRATCH_CALLER,    /* caller of a pool job: a whole temporary array (unfolded batch, reordered gradient) */
  AX_SCRATCH_N
} AxScratchSlot;
void *ax_scratch (AxScratchSlot slot, size_t bytes);
