/* gemm.h: the single-threaded matrix product behind one piece of work. Private to kernels/cpu. Arguments as ax_gemm(). */
#pragma once
#include "kernels/kernels.h"

void ax_gemm_serial (bool trans_a, bool trans_b, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b,
                     size_t ldb, float beta, float *c, size_t ldc);
