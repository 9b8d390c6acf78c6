/* gemm.h: matrix products of kernels/cuda for its own files: cuBLASLt where its library is found at run time, else tile.cuh. Row-major throughout. */
#pragma once
#include "kernels/cuda/names.h"
#include "kernels/kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* TF32: the matrix units' short form of float32 (10 bits of fraction) for products of float32; off by default. */
void ax_cuda_gemm_allow_tf32 (bool allow);

/* C[m,n] (+)= alpha op(A) op(B) for `firsts` x `seconds` matrices, whose starts lie first * x_first + second * x_second elements from the first. */
typedef struct {
  bool trans_a, trans_b;
  size_t m, n, k, lda, ldb, ldc;
  float alpha, beta;
  size_t firsts, seconds, a_first, a_second, b_first, b_second, c_first, c_second;
} AxCudaGemm;
void ax_cuda_gemm_batched (const AxCudaGemm *g, const float *a, const float *b, float *c);

/* C[m,n] = A[m,k] op(B) + beta C with A and B in bfloat16 and C in float32; trans_b: B is [n,k], else [k,n]. */
void ax_cuda_gemm_bf16 (bool trans_b, size_t m, size_t n, size_t k, const uint16_t *a, size_t lda, const uint16_t *b, size_t ldb, float beta, float *c, size_t ldc);

#ifdef __cplusplus
}
#endif
