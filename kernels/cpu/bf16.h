/* bf16.h: products of bfloat16 matrices with float32 sums, for machines with AVX512_BF16. Private to kernels/cpu.
 *
 * One factor is packed into panels of 64 columns: panel[p][n] holds the pair of rows 2p and 2p + 1 of column n, which is what the instruction takes: it
 * multiplies 16 pairs by one pair of the other factor and adds both products to 16 float32 sums. The other factor stays row-major. bf16_avx512.c is
 * compiled with these instructions; nothing else may call it unless ax_bf16_ready(). */
#pragma once
#include "kernels/kernels.h"

#define AX_BF16_COLUMNS 64

/* Whether the instruction set in use has the instructions. */
bool ax_bf16_ready (void);

/* panel[k/2][64] from n <= 64 rows of w, k (even) elements each: the columns of the product are rows of w. Columns from n on become zero. */
void ax_bf16_panel_rows (size_t n, size_t k, const uint16_t *w, size_t ldw, uint32_t *panel);
/* panel[(k+1)/2][64] from k rows of w, n <= 64 elements each: the columns of the product are columns of w. */
void ax_bf16_panel_columns (size_t n, size_t k, const uint16_t *w, size_t ldw, uint32_t *panel);
/* c[m,n] = (or += if add) a[m, 2 pairs] panel, n <= 64. */
void ax_bf16_product (size_t m, size_t n, size_t pairs, const uint16_t *a, size_t lda, const uint32_t *panel, bool add, float *c, size_t ldc);
/* Blocks of 32 int8, each block times its float16 scale, rounded to bfloat16. */
void ax_bf16_from_q8 (size_t blocks, const int8_t *q, const uint16_t *scale, uint16_t *y);
void ax_bf16_from_f32 (size_t n, const float *x, uint16_t *y);
/* A tile of scores[n keys from `first`, 64 queries] becomes probabilities p = exp(scale score - lse) and gradients ds = scale p (dp - dot), where dp stands
 * in ds on entry; both zero outside the spans of the `rows` queries, and rounded to p16 and ds16. */
void ax_bf16_span_gradient (size_t n, size_t first, size_t rows, float scale, const AxSpan *spans, const float *lse, const float *dot,
                            const float *scores, const float *ds, uint16_t *p16, uint16_t *ds16);
