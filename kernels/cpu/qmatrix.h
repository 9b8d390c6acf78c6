/* qmatrix.h: the packed weight matrix. Private to kernels/cpu (contract: kernels.h, section "language model").
 *
 * Rows are kept one after the other, padded with zeros to whole blocks of 32 (Q8_SPLIT: pairs of blocks), in the order that a matrix-vector product reads
 * them; products of many rows unpack a tile of the matrix at a time into scratch memory that stays in cache. */
#pragma once
#include "kernels/cpu/parallel.h"

#define AX_Q_BLOCK 32

struct AxQMatrix {
  AxQType type;
  bool exact;
  size_t out, in;
  size_t stride;  /* elements from row to row: in, rounded up to whole blocks (F32: in) */
  size_t blocks;  /* of a row */
  void *data;     /* [out, stride] float, bfloat16 or int8; Q8_SPLIT: [out, stride / 2] upper halves */
  uint8_t *lower; /* Q8_SPLIT: [out, stride / 2] */
  uint16_t *scale; /* Q8 and Q8_SPLIT: [out, blocks], float16 */
  AxSpread *spread; /* Q8_SPLIT: [out] (table.h) */
};

/* Half bytes of an element in the first array. */
static inline size_t
ax_qmatrix_half_bytes (AxQType type)
{
  return type == AX_Q_F32 ? 8 : type == AX_Q_BF16 ? 4 : type == AX_Q_Q8 ? 2 : 1;
}

/* The int8 values of a row of Q8, or of Q8_SPLIT joined in room [stride]. */
static inline const int8_t *
ax_qmatrix_q8_row (const AxQMatrix *m, const AxKernelTable *t, size_t row, int8_t *room)
{
  if (m->type == AX_Q_Q8)
    return (const int8_t *) m->data + row * m->stride;
  const size_t at = row * m->stride / 2;
  t->q8_join (m->blocks / 2, (const uint8_t *) m->data + at, m->lower + at, room);
  return room;
}

/* Rows [first, first + n) as float32, ldy elements apart (ldy >= stride; columns past `in` are written as zero but for F32). Any thread; room as above. */
void ax_qmatrix_unpack (const AxQMatrix *m, const AxKernelTable *t, size_t first, size_t n, int8_t *room, float *y, size_t ldy);

/* y[rows, out] = x W^T, or with transposed y[rows, in] = x W; added to y if add. Not F32, and only if ax_bf16_ready(). */
void ax_qmatrix_bf16 (const AxQMatrix *m, bool transposed, size_t rows, const float *x, bool add, float *y);
