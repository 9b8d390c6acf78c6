/* gemm.cu: matrix products and linear layers (contracts: kernels.h, gemm.h).
 *
 * cuBLASLt is opened at run time, so that the program starts without it. Its view is column-major: a row-major C = A B is its C^T = B^T A^T, the same memory. */
#include "kernels/cuda/gemm.h"
#include "kernels/cuda/tile.cuh"

#ifndef AX_CUDA_EMULATED
#include <cublasLt.h>
#include <dlfcn.h>
#include <string.h>

namespace {

/* The functions used, found by name. */
struct Library {
  decltype (&cublasLtCreate) create;
  decltype (&cublasLtMatmul) matmul;
  decltype (&cublasLtMatmulDescCreate) desc_create;
  decltype (&cublasLtMatmulDescSetAttribute) desc_set;
  decltype (&cublasLtMatrixLayoutCreate) layout_create;
  decltype (&cublasLtMatrixLayoutSetAttribute) layout_set;
  decltype (&cublasLtMatmulPreferenceCreate) preference_create;
  decltype (&cublasLtMatmulPreferenceSetAttribute) preference_set;
  decltype (&cublasLtMatmulAlgoGetHeuristic) heuristic;
  cublasLtHandle_t handle;
  void *workspace;
} lt;

const size_t WORKSPACE = (size_t) 32 << 20;
bool tf32;

template <class F> bool
find (void *library, const char *name, F &function)
{
  function = (F) dlsym (library, name);
  return function != nullptr;
}

/* Opens the library once; FALSE when it is not there. */
bool
ready (void)
{
  static int state; /* 0 new, 1 ready, -1 absent */
  if (state)
    return state > 0;
  state = -1;
  void *l = nullptr;
  for (const char *name : { "libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so" })
    if (!l)
      l = dlopen (name, RTLD_NOW | RTLD_LOCAL);
  if (l && find (l, "cublasLtCreate", lt.create) && find (l, "cublasLtMatmul", lt.matmul) && find (l, "cublasLtMatmulDescCreate", lt.desc_create)
      && find (l, "cublasLtMatmulDescSetAttribute", lt.desc_set) && find (l, "cublasLtMatrixLayoutCreate", lt.layout_create)
      && find (l, "cublasLtMatrixLayoutSetAttribute", lt.layout_set) && find (l, "cublasLtMatmulPreferenceCreate", lt.preference_create)
      && find (l, "cublasLtMatmulPreferenceSetAttribute", lt.preference_set) && find (l, "cublasLtMatmulAlgoGetHeuristic", lt.heuristic)
      && lt.create (&lt.handle) == CUBLAS_STATUS_SUCCESS && (lt.workspace = ax_cuda_alloc (WORKSPACE)) != nullptr)
    state = 1;
  return state > 0;
}

/* What the matrices' starts are multiples of, in bytes: the library takes 256 for granted unless told. */
struct Alignment { uint32_t a, b, c; };

/* One kind of product, as the library knows it; made once and kept. */
struct Plan {
  AxCudaGemm g;
  Alignment alignment;
  bool bf16, tf32, used;
  cublasLtMatmulDesc_t desc;
  cublasLtMatrixLayout_t a, b, c;
  cublasLtMatmulAlgo_t algo;
};
Plan plans[512];

cublasLtMatrixLayout_t
layout (cudaDataType_t type, size_t rows, size_t columns, size_t ld, size_t batches, size_t step)
{
  cublasLtMatrixLayout_t l = nullptr;
  const int32_t count = (int32_t) batches;
  const int64_t stride = (int64_t) step;
  lt.layout_create (&l, type, rows, columns, (int64_t) ld);
  if (l && batches > 1) {
    lt.layout_set (l, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count);
    lt.layout_set (l, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride);
  }
  return l;
}

/* Of `count` starts that lie `step` bytes apart. */
uint32_t
aligned_to (const void *start, size_t count, size_t step)
{
  const uintptr_t bits = (uintptr_t) start | (count > 1 ? step : 0) | 256;
  return (uint32_t) (bits & (~bits + 1));
}

/* NULL: the library has nothing for it. The batch of a plan is the `seconds`. */
Plan *
plan_for (const AxCudaGemm *g, const Alignment &alignment, bool bf16)
{
  AxCudaGemm key = *g;
  key.alpha = key.beta = 0; /* numbers of the call, not of the plan */
  key.firsts = 1;
  key.a_first = key.b_first = key.c_first = 0;
  size_t hash = bf16;
  for (size_t v : { key.m, key.n, key.k, key.lda, key.ldb, key.seconds, (size_t) key.trans_a * 2 + key.trans_b, (size_t) alignment.a, (size_t) alignment.b, (size_t) alignment.c })
    hash = hash * 1000003 + v;
  Plan *p = nullptr;
  for (size_t probe = 0; probe < 512 && !p; probe++) {
    Plan *at = &plans[(hash + probe) % 512];
    if (at->used && at->bf16 == bf16 && at->tf32 == tf32 && memcmp (&at->alignment, &alignment, sizeof alignment) == 0 && memcmp (&at->g, &key, sizeof key) == 0)
      return at;
    if (!at->used)
      p = at;
  }
  if (!p)
    return nullptr;
  const cublasComputeType_t compute = !bf16 && tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  const cudaDataType_t type = bf16 ? CUDA_R_16BF : CUDA_R_32F;
  const cublasOperation_t first = g->trans_b ? CUBLAS_OP_T : CUBLAS_OP_N, second = g->trans_a ? CUBLAS_OP_T : CUBLAS_OP_N;
  Plan made = {};
  made.g = key;
  made.alignment = alignment;
  made.bf16 = bf16;
  made.tf32 = tf32;
  if (lt.desc_create (&made.desc, compute, CUDA_R_32F) != CUBLAS_STATUS_SUCCESS)
    return nullptr;
  lt.desc_set (made.desc, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first);
  lt.desc_set (made.desc, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second);
  made.a = layout (type, g->trans_b ? g->k : g->n, g->trans_b ? g->n : g->k, g->ldb, g->seconds, g->b_second);
  made.b = layout (type, g->trans_a ? g->m : g->k, g->trans_a ? g->k : g->m, g->lda, g->seconds, g->a_second);
  made.c = layout (CUDA_R_32F, g->n, g->m, g->ldc, g->seconds, g->c_second);
  cublasLtMatmulPreference_t preference = nullptr;
  lt.preference_create (&preference);
  lt.preference_set (preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &WORKSPACE, sizeof WORKSPACE);
  /* Its first matrix is our second. */
  lt.preference_set (preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &alignment.b, sizeof alignment.b);
  lt.preference_set (preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &alignment.a, sizeof alignment.a);
  lt.preference_set (preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &alignment.c, sizeof alignment.c);
  lt.preference_set (preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &alignment.c, sizeof alignment.c);
  cublasLtMatmulHeuristicResult_t found = {};
  int n = 0;
  if (!made.a || !made.b || !made.c || lt.heuristic (lt.handle, made.desc, made.a, made.b, made.c, made.c, preference, 1, &found, &n) != CUBLAS_STATUS_SUCCESS
      || n < 1)
    return nullptr;
  made.algo = found.algo;
  made.used = true;
  *p = made;
  return p;
}

template <class T> bool
run (const AxCudaGemm *g, const T *a, const T *b, float *c)
{
  const Alignment alignment = { aligned_to (a, g->firsts, g->a_first * sizeof (T)), aligned_to (b, g->firsts, g->b_first * sizeof (T)),
                                aligned_to (c, g->firsts, g->c_first * sizeof (float)) };
  Plan *p = ready () ? plan_for (g, alignment, sizeof (T) == 2) : nullptr;
  for (size_t f = 0; p && f < g->firsts; f++)
    if (ax_cuda_ok ()
        && lt.matmul (lt.handle, p->desc, &g->alpha, b + f * g->b_first, p->a, a + f * g->a_first, p->b, &g->beta, c + f * g->c_first, p->c, c + f * g->c_first,
                      p->c, &p->algo, lt.workspace, WORKSPACE, ax_cuda_stream)
             != CUBLAS_STATUS_SUCCESS) {
      if (f == 0)
        return false;
      ax_cuda_fail ("a batch of matrix products"); /* what the first ones added cannot be taken back */
    }
  return p != nullptr;
}

}

void
ax_cuda_gemm_allow_tf32 (bool allow)
{
  tf32 = allow;
}

#else

template <class T> static bool run (const AxCudaGemm *, const T *, const T *, float *) { return false; }
void ax_cuda_gemm_allow_tf32 (bool) {}

#endif

void
ax_cuda_gemm_batched (const AxCudaGemm *g, const float *a, const float *b, float *c)
{
  if (g->m == 0 || g->n == 0 || run (g, a, b, c))
    return;
  const tile::Matrix ma = { a, g->trans_a ? 1 : g->lda, g->trans_a ? g->lda : 1, g->seconds, g->a_first, g->a_second };
  const tile::Matrix mb = { b, g->trans_b ? 1 : g->ldb, g->trans_b ? g->ldb : 1, g->seconds, g->b_first, g->b_second };
  const tile::Scaled mc = { c, g->ldc, g->alpha, g->beta, g->seconds, g->c_first, g->c_second };
  tile::product (g->firsts * g->seconds, g->m, g->n, g->k, 1, ma, mb, mc);
}

void
ax_gemm (bool trans_a, bool trans_b, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
         size_t ldc)
{
  AxCudaGemm g = {};
  g.trans_a = trans_a;
  g.trans_b = trans_b;
  g.m = m;
  g.n = n;
  g.k = k;
  g.lda = lda;
  g.ldb = ldb;
  g.ldc = ldc;
  g.alpha = alpha;
  g.beta = beta;
  g.firsts = g.seconds = 1;
  ax_cuda_gemm_batched (&g, a, b, c);
}

/* A matrix of bfloat16 for the plain product. */
struct Bf16Matrix {
  const uint16_t *data;
  size_t row_step, column_step;
  __device__ __forceinline__ float operator() (size_t, size_t row, size_t column) const { return bf16_value (data[row * row_step + column * column_step]); }
};

void
ax_cuda_gemm_bf16 (bool trans_b, size_t m, size_t n, size_t k, const uint16_t *a, size_t lda, const uint16_t *b, size_t ldb, float beta, float *c, size_t ldc)
{
  AxCudaGemm g = {};
  g.trans_b = trans_b;
  g.m = m;
  g.n = n;
  g.k = k;
  g.lda = lda;
  g.ldb = ldb;
  g.ldc = ldc;
  g.alpha = 1;
  g.beta = beta;
  g.firsts = g.seconds = 1;
  if (m == 0 || n == 0 || run (&g, a, b, c))
    return;
  tile::product (1, m, n, k, 1, Bf16Matrix { a, lda, 1 }, Bf16Matrix { b, trans_b ? 1 : ldb, trans_b ? ldb : 1 }, tile::Scaled { c, ldc, 1, beta });
}

/* ---- linear layers -------------------------------------------------------------------------------------------------------- */

__global__ void
bias_act_kernel (size_t n, size_t d, const float *bias, int act, float *pre, float *y)
{
  for (size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (size_t) gridDim.x * blockDim.x) {
    const float v = y[i] + (bias ? bias[i % d] : 0);
    if (pre)
      pre[i] = v;
    y[i] = act_value (act, v);
  }
}

void
ax_linear_forward (size_t rows, size_t in, size_t out, const float *x, const float *w, const float *b, AxActivation act, float *pre, float *y)
{
  ax_gemm (false, true, rows, out, in, 1, x, in, w, in, 0, y, out);
  if (rows && (b || act != AX_ACT_NONE))
    AX_LAUNCH (bias_act_kernel, ax_blocks (rows * out, 1024), 256, 0, rows * out, out, b, (int) act, act != AX_ACT_NONE ? pre : nullptr, y);
}

void
ax_linear_backward (size_t rows, size_t in, size_t out, const float *x, const float *w, const float *dy, float *dx, float *dw, float *db)
{
  if (dx)
    ax_gemm (false, false, rows, in, out, 1, dy, out, w, in, 1, dx, in);
  if (dw)
    ax_gemm (true, false, out, in, rows, 1, dy, out, x, in, 1, dw, in);
  if (db)
    ax_column_sums (rows, out, dy, db);
}
