/* qmatrix.h: the packed weight matrix. Private to kernels/cpu (contract: kernels.h, section "language model").
 *
 * Rows are kept one after the other, padded with zeros to whole blocks of 32, in the order that a matrix-vector product reads them; products of many rows
 * unpack a tile of the matrix at a time into scratch memory that stays in cache. */
#pragma once
#include "kernels/cpu/parallel.h"

#define AX_Q_BLOCK 32

struct AxQMatrix {
  AxQType type;
  bool exact;
  size_t out, in;
  size_t stride;  /* elements from row to row: in, rounded up to whole blocks (F32: in) */
  size_t blocks;  /* of a row */
  void *data;     /* [out, stride] float, bfloat16 or int8 */
  float *scale;   /* Q8: [out, blocks] */
};

/* Rows [first, first + n) as float32, ldy elements apart (ldy >= stride; columns past `in` are written as zero for BF16 and Q8). Any thread. */
void ax_qmatrix_unpack (const AxQMatrix *m, const AxKernelTable *t, size_t first, size_t n, float *y, size_t ldy);

/* y[rows, out] = x W^T, or with transposed y[rows, in] = x W; added to y if add. BF16 and Q8, only if ax_bf16_ready(). */
void ax_qmatrix_bf16 (const AxQMatrix *m, bool transposed, size_t rows, const float *x, bool add, float *y);
