/* attention.cu: the attention of the Anatomy Perception Module: whole score matrices through batched products (they are small: 1025 x 1025 at most), then
 * a softmax over rows (contract: kernels.h). The decoder's attention, which never keeps such a matrix, is in spans.cu. */
#include "kernels/cuda/gemm.h"
#include "kernels/cuda/tile.cuh"

static AxCudaGemm
product_of (const AxAttentionShape *s, size_t m, size_t n, size_t k)
{
  AxCudaGemm g = {};
  g.m = m;
  g.n = n;
  g.k = k;
  g.alpha = 1;
  g.firsts = s->batch;
  g.seconds = s->heads;
  return g;
}

/* The step from one sequence and one head to the next, for rows of ld elements and for score matrices. */
#define STEPS(x, ld, rows) g.x##_first = (rows) * (ld), g.x##_second = s->hd
#define SCORE_STEPS(x) g.x##_first = s->heads * s->tq * s->tk, g.x##_second = s->tq * s->tk

void
ax_attention_forward (const AxAttentionShape *s, const float *q, const float *k, const float *v, float *probs, float *out)
{
  const size_t scores = s->batch * s->heads * s->tq * s->tk;
  float *p = probs ? probs : (float *) ax_cuda_scratch (scores * sizeof (float));
  if (!p || scores == 0)
    return;
  AxCudaGemm g = product_of (s, s->tq, s->tk, s->hd);
  g.trans_b = true;
  g.alpha = s->scale;
  g.lda = s->ldq;
  g.ldb = s->ldk;
  g.ldc = s->tk;
  STEPS (a, s->ldq, s->tq);
  STEPS (b, s->ldk, s->tk);
  SCORE_STEPS (c);
  ax_cuda_gemm_batched (&g, q, k, p);
  ax_softmax_forward (s->batch * s->heads * s->tq, s->tk, p, p);
  g = product_of (s, s->tq, s->hd, s->tk);
  g.lda = s->tk;
  g.ldb = s->ldv;
  g.ldc = s->ldo;
  SCORE_STEPS (a);
  STEPS (b, s->ldv, s->tk);
  STEPS (c, s->ldo, s->tq);
  ax_cuda_gemm_batched (&g, p, v, out);
}

/* ds = p (dp - sum over the row of p dp), in place of dp */
__global__ void
score_gradient_kernel (size_t d, const float *p, float *dp)
{
  __shared__ double slots[32];
  p += (size_t) blockIdx.x * d;
  dp += (size_t) blockIdx.x * d;
  double sum = 0;
  for (size_t i = threadIdx.x; i < d; i += blockDim.x)
    sum += (double) p[i] * dp[i];
  const float dot = (float) block_sum (sum, slots);
  for (size_t i = threadIdx.x; i < d; i += blockDim.x)
    dp[i] = p[i] * (dp[i] - dot);
}

void
ax_attention_backward (const AxAttentionShape *s, const float *q, const float *k, const float *v, const float *probs, const float *dout, float *dq, float *dk,
                       float *dv)
{
  const size_t scores = s->batch * s->heads * s->tq * s->tk;
  float *dp = (float *) ax_cuda_scratch (scores * sizeof (float));
  if (!dp || scores == 0)
    return;
  /* dv += p^T dout */
  AxCudaGemm g = product_of (s, s->tk, s->hd, s->tq);
  g.trans_a = true;
  g.beta = 1;
  g.lda = s->tk;
  g.ldb = s->ldo;
  g.ldc = s->ldv;
  SCORE_STEPS (a);
  STEPS (b, s->ldo, s->tq);
  STEPS (c, s->ldv, s->tk);
  ax_cuda_gemm_batched (&g, probs, dout, dv);
  /* dp = dout v^T, then the gradient of the scores */
  g = product_of (s, s->tq, s->tk, s->hd);
  g.trans_b = true;
  g.lda = s->ldo;
  g.ldb = s->ldv;
  g.ldc = s->tk;
  STEPS (a, s->ldo, s->tq);
  STEPS (b, s->ldv, s->tk);
  SCORE_STEPS (c);
  ax_cuda_gemm_batched (&g, dout, v, dp);
  AX_LAUNCH (score_gradient_kernel, (unsigned) (s->batch * s->heads * s->tq), s->tk > 256 ? 256 : 128, 0, s->tk, probs, dp);
  /* dq += scale ds k */
  g = product_of (s, s->tq, s->hd, s->tk);
  g.alpha = s->scale;
  g.beta = 1;
  g.lda = s->tk;
  g.ldb = s->ldk;
  g.ldc = s->ldq;
  SCORE_STEPS (a);
  STEPS (b, s->ldk, s->tk);
  STEPS (c, s->ldq, s->tq);
  ax_cuda_gemm_batched (&g, dp, k, dq);
  /* dk += scale ds^T q */
  g = product_of (s, s->tk, s->hd, s->tq);
  g.trans_a = true;
  g.alpha = s->scale;
  g.beta = 1;
  g.lda = s->tk;
  g.ldb = s->ldq;
  g.ldc = s->ldk;
  SCORE_STEPS (a);
  STEPS (b, s->ldq, s->tq);
  STEPS (c, s->ldk, s->tk);
  ax_cuda_gemm_batched (&g, dp, q, dk);
}
