/* kernels.h: the one list of operations on raw buffers.
 *
 * What lives here: arithmetic on float32 arrays that the caller owns, the thread pool that runs it, and the choice of instruction set.
 * What it may use: libc, libm, pthreads, oneDNN. No GLib, no model knowledge, no files. kernels/cpu implements the list; kernels/cuda
 * implements the same list on device buffers; device.h hands out either as one table.
 *
 * Conventions
 *   - Images are NHWC ([n, h, w, c], channel innermost), so a feature map is also a token matrix [n*h*w, c] without any copy.
 *   - Matrices are row-major. A linear layer keeps PyTorch's weight layout [out, in]; a convolution PyTorch's [out, in, kh, kw].
 *   - Backward functions ADD to gradients of parameters and inputs (names starting with d), so that a tape may call them in any order.
 *   - No function allocates in its hot path, except the scratch of ax_conv objects and per-thread buffers grown on first use.
 *   - The result never depends on the number of threads: work is cut at fixed places and sums are added in a fixed order.
 *   - Sizes are the caller's promise (checked where files are read, asserted only in debug builds).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- machine ------------------------------------------------------------------------------------------------------------- */

typedef enum { AX_ISA_SCALAR = 0, AX_ISA_AVX2 = 1, AX_ISA_AVX512 = 2, AX_ISA_AMX = 3 } AxIsa;

/* The instruction set in use: the best that CPUID and the operating system offer (AVX2 means AVX2+FMA+F16C; AVX512 means F, BW, DQ, VL),
 * or the one named by the environment variable ANATOMIX_ISA=scalar|avx2|avx512|amx if the machine has it (else the best below it, and
 * a line on stderr says so). Decided once. Also limits oneDNN to the same set. */
AxIsa ax_isa (void);
const char *ax_isa_name (AxIsa isa);
AxIsa ax_isa_best (void);                  /* what the machine has, whatever is forced */
void ax_isa_force (AxIsa isa);             /* for tests and benchmarks: switch the table of kernels; call between, not during, operations */

/* Threads of the one pool. Default: physical cores that this process may use. Setting is cheap; may be called between operations. */
int  ax_threads (void);
void ax_threads_set (int n);               /* n < 1 means the default */
int  ax_physical_cores (void);

/* Runs fn over [0, n) in pieces of `grain` (the last may be shorter); a piece is never split, and pieces are the same for every number of
 * threads. The caller's thread works too. Nested calls run serially. Idle workers block after a short spin. */
typedef void (*AxParallelFn) (void *ctx, size_t begin, size_t end);
void ax_parallel_for (size_t n, size_t grain, AxParallelFn fn, void *ctx);

/* ---- matrix products ----------------------------------------------------------------------------------------------------- */

/* C[m,n] = alpha * op(A) op(B) + beta * C, op(X) = X or its transpose; leading dimensions in elements. beta == 0 never reads C. */
void ax_gemm (bool trans_a, bool trans_b, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b,
              size_t ldb, float beta, float *c, size_t ldc);

typedef enum { AX_ACT_NONE, AX_ACT_RELU, AX_ACT_GELU_ERF, AX_ACT_GELU_TANH } AxActivation;

/* y[rows,out] = act(x[rows,in] w[out,in]^T + b[out]); b may be NULL. If act is not NONE and pre is not NULL, pre receives the value before
 * the activation (a backward pass of GELU needs it; ReLU needs only y). */
void ax_linear_forward (size_t rows, size_t in, size_t out, const float *x, const float *w, const float *b, AxActivation act, float *pre,
                        float *y);
/* dy is the gradient AFTER the activation was undone (see ax_activation_backward). Any of dx, dw, db may be NULL. All are added to. */
void ax_linear_backward (size_t rows, size_t in, size_t out, const float *x, const float *w, const float *dy, float *dx, float *dw,
                         float *db);

/* ---- convolution --------------------------------------------------------------------------------------------------------- */

typedef struct {
  int n, h, w;            /* images, input height and width */
  int ic, oc;             /* channels */
  int kh, kw, stride, pad;
  int bf16;               /* 1: products in bfloat16 with float32 sums where the machine has such instructions (the card): both factors are rounded, 2^-8 of each at most */
} AxConvShape;            /* output height = (h + 2 pad - kh) / stride + 1 */

typedef struct AxConv AxConv;   /* one shape and its packed weights; not to be used by two threads at once */

int  ax_conv_out (int in, int k, int stride, int pad);
/* relu: apply ReLU after bias and residual. training: backward calls will come. Returns NULL if oneDNN has no such convolution. */
AxConv *ax_conv_new (const AxConvShape *shape, bool relu, bool training);
void    ax_conv_free (AxConv *conv);
/* Packs w[oc,ic,kh,kw] * scale[oc] (scale NULL = 1) and keeps a copy of bias[oc] (NULL = 0). Call again after the weights changed. */
void ax_conv_set_weights (AxConv *conv, const float *w, const float *scale, const float *bias);
/* y[n,oh,ow,oc] = relu?(conv(x) + bias + residual); residual (same shape as y) may be NULL and may equal y. */
void ax_conv_forward (AxConv *conv, const float *x, const float *residual, float *y);
/* dy is the gradient before the ReLU (masked already). dx = (or +=, if accumulate) conv^T(dy) with the packed weights. */
void ax_conv_backward_data (AxConv *conv, const float *dy, float *dx, bool accumulate);
/* dw[oc,ic,kh,kw] += d/dw without the scale (the gradient with respect to the packed, scaled weight); db[oc] += sum dy; db may be NULL. */
void ax_conv_backward_weights (AxConv *conv, const float *x, const float *dy, float *dw, float *db);

/* Max pooling, NHWC, padding counts as minus infinity. index (may be NULL) keeps the winning tap 0..k*k-1 (the first on ties). */
void ax_maxpool_forward (const AxConvShape *shape, const float *x, float *y, uint8_t *index);
void ax_maxpool_backward (const AxConvShape *shape, const float *dy, const uint8_t *index, float *dx);

/* Training-mode batch normalisation over rows of x[rows,c] with optional residual and ReLU:
 *   y = relu?( gamma * (x - mean) * rstd + beta + residual ).  mean[c], rstd[c] are written (biased variance; sums in double). */
void ax_batchnorm_forward (size_t rows, size_t c, const float *x, const float *gamma, const float *beta, const float *residual, bool relu,
                           float eps, float *y, float *mean, float *rstd);
/* dy is the gradient at y; y is needed if relu. dx, dgamma, dbeta, dresidual are added to (dresidual may be NULL). */
void ax_batchnorm_backward (size_t rows, size_t c, const float *x, const float *y, const float *gamma, const float *mean,
                            const float *rstd, bool relu, const float *dy, float *dx, float *dgamma, float *dbeta, float *dresidual);

/* What folds batch normalisation with running statistics into a convolution: scale = gamma / sqrt(var + eps), shift = beta - mean scale, [c] each. */
void ax_batchnorm_fold (size_t c, const float *gamma, const float *beta, const float *mean, const float *var, float eps, float *scale, float *shift);
/* Moves the running statistics towards a batch's (as ax_batchnorm_forward() left them, over `rows` rows): r += momentum (batch - r), the variance unbiased. */
void ax_batchnorm_track (size_t rows, size_t c, const float *mean, const float *rstd, float eps, float momentum, float *running_mean,
                         float *running_var);

/* ---- rows ---------------------------------------------------------------------------------------------------------------- */

/* y[r,:] = x[index[r] - first,:] for each of n rows with first <= index[r] < first + count; the other rows of y stay. d columns. */
void ax_rows_gather (size_t n, size_t d, int32_t first, size_t count, const int32_t *index, const float *x, float *y);
/* Its gradient: dx[index[r] - first,:] += alpha dy[r,:], rows that meet in one place in the order of r. */
void ax_rows_scatter (size_t n, size_t d, int32_t first, size_t count, const int32_t *index, float alpha, const float *dy, float *dx);
/* y[r,:] += alpha[r] x[r,:] */
void ax_rows_axpy (size_t rows, size_t d, const float *alpha, const float *x, float *y);
/* Numbers that are worked out where they are needed, for benchmarks: x[rows,cols] uniform in [-scale, scale), a row by its number alone. Row r begins with the state
 * seed ^ (first + r) * 2654435761, each element takes state = 1664525 state + 1013904223 (all modulo 2^32) and is scale * (state as a signed number) / 2^31,
 * rounded once each: the same bits everywhere. */
void ax_uniform_rows (size_t rows, size_t cols, uint32_t seed, uint32_t first, float scale, float *x);
/* x[r, from..to) = value, rows ldx elements apart. */
void ax_columns_fill (size_t rows, size_t ldx, size_t from, size_t to, float value, float *x);

/* y = (x - mean) * rstd * gamma + beta per row of [rows,d]; mean and rstd [rows] may be NULL when no backward follows. */
void ax_layernorm_forward (size_t rows, size_t d, const float *x, const float *gamma, const float *beta, float eps, float *y, float *mean,
                           float *rstd);
void ax_layernorm_backward (size_t rows, size_t d, const float *x, const float *gamma, const float *mean, const float *rstd,
                            const float *dy, float *dx, float *dgamma, float *dbeta);

/* softmax over the last dimension, in place allowed; backward: dx += y * (dy - sum(dy*y)). */
void ax_softmax_forward (size_t rows, size_t d, const float *x, float *y);
void ax_softmax_backward (size_t rows, size_t d, const float *y, const float *dy, float *dx);

/* y = x / max(|x|, eps) per row; norm[rows] may be NULL. */
void ax_l2norm_forward (size_t rows, size_t d, const float *x, float eps, float *y, float *norm);
void ax_l2norm_backward (size_t rows, size_t d, const float *y, const float *norm, float eps, const float *dy, float *dx);

/* Multi-head attention core: for each of `batch` sequences and `heads` heads of `hd` columns:
 *   out = softmax(scale * q k^T) v,  q[batch, tq, heads*hd] with row stride ldq (elements), k and v [batch, tk, ...] with ldk, ldv, out with ldo.
 * probs [batch, heads, tq, tk] is written if not NULL (needed for backward). */
typedef struct {
  size_t batch, heads, tq, tk, hd, ldq, ldk, ldv, ldo;
  float scale;
} AxAttentionShape;
void ax_attention_forward (const AxAttentionShape *s, const float *q, const float *k, const float *v, float *probs, float *out);
/* dq, dk, dv have the strides of q, k, v and are added to. */
void ax_attention_backward (const AxAttentionShape *s, const float *q, const float *k, const float *v, const float *probs,
                            const float *dout, float *dq, float *dk, float *dv);

/* ---- language model ------------------------------------------------------------------------------------------------------ */

/* Root mean square norm per row of [rows,d]: y = x * rstd * w, rstd = 1 / sqrt(mean(x^2) + eps); sums of squares in double. w is the factor itself
 * (a loader of Gemma stores 1 + w). rstd[rows] may be NULL when no backward follows; y may be x. */
void ax_rmsnorm_forward (size_t rows, size_t d, const float *x, const float *w, float eps, float *y, float *rstd);
/* dx += rstd (dy w - xhat mean(dy w xhat)) with xhat = x rstd; dw[d] += sum over rows of dy xhat. dx or dw may be NULL. */
void ax_rmsnorm_backward (size_t rows, size_t d, const float *x, const float *w, const float *rstd, const float *dy, float *dx, float *dw);

/* Rotary position embedding in place, rotate-half form, on `heads` heads of hd columns at the start of each row (rows ldx elements apart):
 *   x[i], x[i + hd/2] = x[i] c[i] - x[i + hd/2] s[i], x[i + hd/2] c[i] + x[i] s[i],   i < hd/2.
 * cos_sin is [rows,hd]: c[hd/2], then s[hd/2]. inverse turns backwards, which is also the gradient. hd is even. */
void ax_rope (size_t rows, size_t heads, size_t hd, size_t ldx, const float *cos_sin, bool inverse, float *x);

/* y = gelu_tanh(gate) * up on n elements; y may be gate or up. Backward: dgate += dy up gelu'(gate), dup += dy gelu(gate). */
void ax_gated_gelu_forward (size_t n, const float *gate, const float *up, float *y);
void ax_gated_gelu_backward (size_t n, const float *gate, const float *up, const float *dy, float *dgate, float *dup);

/* The same on rows of [rows, 2 ffn], gates first: y[rows,ffn]; d has gate_up's shape and is added to. */
void ax_gated_rows_forward (size_t rows, size_t ffn, const float *gate_up, float *y);
void ax_gated_rows_backward (size_t rows, size_t ffn, const float *gate_up, const float *dy, float *d);

/* Queries and keys of qkv[rows, (heads + 2 kv_heads) hd], each head's hd columns normed (as ax_rmsnorm_forward(); q_norm and k_norm [hd]) and turned (as
 * ax_rope(); cos_sin [rows,hd]) into qk[rows, (heads + kv_heads) hd]. rstd [rows, heads + kv_heads] may be NULL when no backward follows. */
typedef struct { size_t rows, heads, kv_heads, hd; float eps; } AxHeadShape;
void ax_heads_forward (const AxHeadShape *s, const float *qkv, const float *q_norm, const float *k_norm, const float *cos_sin, float *qk, float *rstd);
/* dqk is turned back in place and not of use afterwards; the columns of queries and keys of dqkv are added to. */
void ax_heads_backward (const AxHeadShape *s, const float *qkv, const float *q_norm, const float *k_norm, const float *cos_sin, const float *rstd,
                        float *dqk, float *dqkv);

/* The keys that one query sees: [a0,a1) and [b0,b1), with a0 <= a1 <= b0 <= b1 <= tk; either may be empty. Causal order, a sliding window and "several
 * tasks share one prefix" are all such pairs. A query with no key has an output of zero. */
typedef struct { int32_t a0, a1, b0, b1; } AxSpan;

/* q and out are [tq, heads*hd] with rows ldq and ldo elements apart, k and v [tk, kv_heads*hd] with ldk and ldv; query head h reads key head
 * h / (heads / kv_heads). hd <= 256. */
typedef struct {
  size_t tq, tk, heads, kv_heads, hd, ldq, ldk, ldv, ldo;
  float scale;
  bool bf16;   /* products in bfloat16 with float32 sums where the machine has such instructions and hd is a multiple of 32: q, k, v, the
                * probabilities and their gradients are rounded (2^-8 of each at most) */
} AxSpanShape;
/* out = softmax(scale q k^T over the keys of each query's span) v. lse [heads,tq] (log of the sum of exp of the scaled scores; minus infinity
 * where a query sees nothing) is written if not NULL (a backward pass needs it). No [tq,tk] matrix is kept. */
void ax_span_attention_forward (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, float *lse, float *out);
/* out and lse as the forward pass left them; dout has the stride of out; dq, dk, dv those of q, k, v, and are added to. */
void ax_span_attention_backward (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, const float *out,
                                 const float *lse, const float *dout, float *dq, float *dk, float *dv);

/* The same for a few queries over keys and values kept in a storage type (a KV cache); strides in elements of that type. */
typedef enum { AX_KV_F32, AX_KV_F16, AX_KV_BF16 } AxKvType;
void ax_cache_attention (const AxSpanShape *s, const AxSpan *spans, const float *q, AxKvType type, const void *k, const void *v, float *out);
/* d columns of n rows (ldx elements apart) of x into rows *at, *at + 1, ... of a cache [.., d] of that type. at lies where the arrays lie, so that a recorded
 * step (device.h) needs no number from the host. */
void ax_cache_store (size_t n, size_t d, size_t ldx, const float *x, AxKvType type, const int32_t *at, void *cache);
/* Begins a step of one token: place[1] = place[0], then place[0] + 1; cos_sin[2,hd] are row place[1] of the two tables (of sliding layers, of global ones), span[2]
 * what the token sees: its last `window` places, itself included, and all. */
void ax_step_begin (size_t hd, int32_t window, const float *sliding, const float *global, int32_t *place, float *cos_sin, AxSpan *span);

/* A weight matrix [out,in] that is multiplied and never trained. Kept as
 *   AX_Q_F32   as given;
 *   AX_Q_BF16  rounded to bfloat16;
 *   AX_Q_Q8    blocks of 32 along a row: an int8 each and one float16 scale (8.5 bits a weight). Blocks that are multiples of such a step already
 *              (decoded from Q8_0, Q5_0, Q4_0) are kept exactly, others are rounded to 1/127 of their largest (off by half a step at most);
 *   AX_Q_Q8_SPLIT  the same values with the upper and the lower four bits of each int8 apart: for ax_qmatrix_top().
 * Products of many rows are made in bfloat16 with float32 sums for all but F32 where the machine has such instructions (x rounded to bfloat16: 2^-8 of
 * each term at most), in float32 everywhere else, for F32, for few rows, and always after ax_qmatrix_set_exact(). Matrices that multiply the same x are
 * best stacked into one. */
typedef enum { AX_Q_F32, AX_Q_BF16, AX_Q_Q8, AX_Q_Q8_SPLIT } AxQType;
typedef struct AxQMatrix AxQMatrix;   /* reading functions may be called by several threads at once */
AxQMatrix *ax_qmatrix_new (AxQType type, size_t out, size_t in);   /* zero until rows are set; aborts when out of memory */
void   ax_qmatrix_free (AxQMatrix *m);
/* Rows [first, first + n) from float32 [n,in]; in any order and pieces, so that a large matrix never exists twice. */
void   ax_qmatrix_set_rows (AxQMatrix *m, size_t first, size_t n, const float *rows);
/* The rows named by id, as float32: y[n,in] (an embedding look-up). Each id must be below out. */
void   ax_qmatrix_get_rows (const AxQMatrix *m, size_t n, const int32_t *id, float *y);
void   ax_qmatrix_set_exact (AxQMatrix *m, bool exact);
size_t ax_qmatrix_out (const AxQMatrix *m);
size_t ax_qmatrix_in (const AxQMatrix *m);
AxQType ax_qmatrix_type (const AxQMatrix *m);
size_t ax_qmatrix_bytes (const AxQMatrix *m);                      /* of memory */
/* y[rows,out] = x[rows,in] W^T. One row: a product of matrix and vector that reads the weights once. */
void   ax_qmatrix_forward (const AxQMatrix *m, size_t rows, const float *x, float *y);
/* One row y[out] of which only the largest matter. Returns a floor, at most (largest y) - margin: every y[o] that is not below it is exactly what
 * ax_qmatrix_forward() gives, so that the choice of the largest, ties included, is the same; the others are approximations that lie, as their exact
 * values do, below it. *finished (may be NULL) is how many rows were worked out exactly. AX_Q_Q8_SPLIT reads little more than half of the weights: the
 * upper four bits of all rows give each value with a proven bound on its error, and only rows that may reach the floor are finished. Other types work
 * out all rows and return minus infinity. margin >= 0. */
float  ax_qmatrix_top (const AxQMatrix *m, const float *x, float margin, float *y, size_t *finished);
/* dx[rows,in] += dy[rows,out] W */
void   ax_qmatrix_backward_data (const AxQMatrix *m, size_t rows, const float *dy, float *dx);

/* Cross entropy of rows of logits [rows,n] against target[rows] (0 <= target < n): lse[r] = log sum exp(logits), loss[r] = lse - logits[target].
 * Sums in double. Backward WRITES dlogits = (softmax - onehot) * dloss[r], and dlogits may be logits. */
void ax_cross_entropy_forward (size_t rows, size_t n, const float *logits, const int32_t *target, float *lse, float *loss);
void ax_cross_entropy_backward (size_t rows, size_t n, const float *logits, const int32_t *target, const float *lse, const float *dloss, float *dlogits);

/* Index of the largest value, the lowest index on ties; a NaN never wins; 0 if nothing does. */
size_t ax_argmax (size_t n, const float *x);
/* The same of each row of [rows,n], where the arrays lie. */
void   ax_argmax_rows (size_t rows, size_t n, const float *x, int32_t *index);
/* The greedy choice: *id = the largest of logits[n] among those that are not in banned[n_banned] (ascending), the lowest index on ties, 0 if there is none;
 * *log_p = log of its softmax over all n. Both lie where the arrays lie. */
void   ax_choose_token (size_t n, const float *logits, size_t n_banned, const int32_t *banned, int32_t *id, float *log_p);

/* ---- elements ------------------------------------------------------------------------------------------------------------ */

void ax_add (size_t n, const float *a, const float *b, float *y);                        /* y = a + b, any may alias */
void ax_axpy (size_t n, float alpha, const float *x, float *y);                          /* y += alpha x */
void ax_scale (size_t n, float alpha, float *x);                                         /* x *= alpha */
void ax_add_rows (size_t rows, size_t d, const float *x, const float *row, float *y);    /* y[r,:] = x[r,:] + row[:] */
void ax_activation_forward (AxActivation act, size_t n, const float *x, float *y);
/* dx += dy * act'(.). ReLU looks at y > 0 (x may be NULL); the GELUs look at x (y may be NULL). */
void ax_activation_backward (AxActivation act, size_t n, const float *x, const float *y, const float *dy, float *dx);
/* y = x * keep / (1-p); keep is decided by a counter-based generator from (seed, element), so backward repeats it: call it on dy. p in [0,1). */
void ax_dropout (size_t n, float p, uint64_t seed, const float *x, float *y);
void ax_sigmoid (size_t n, const float *x, float *y);
void ax_sigmoid_backward (size_t n, const float *y, const float *dy, float *dx);         /* dx += dy y (1 - y) */

double ax_sum_squares (size_t n, const float *x);                                        /* in double, fixed order */
void ax_squares_add (size_t n, const float *x, double *sum);                             /* *sum += the same, where the arrays lie */
/* db[d] += sum over rows of dy[rows,d] */
void ax_column_sums (size_t rows, size_t d, const float *dy, float *db);

/* One AdamW step on n parameters (PyTorch's order of operations): w *= 1 - lr*decay; m, v moments; t counts from 1. grad_scale multiplies g
 * first (gradient clipping). */
typedef struct { float lr, beta1, beta2, eps, decay, grad_scale; int64_t t; } AxAdamW;
void ax_adamw (const AxAdamW *p, size_t n, float *w, const float *g, float *m, float *v);

/* ---- storage types ------------------------------------------------------------------------------------------------------- */

void ax_f16_to_f32 (size_t n, const uint16_t *x, float *y);
void ax_f32_to_f16 (size_t n, const float *x, uint16_t *y);      /* nearest even; overflow to infinity */
void ax_bf16_to_f32 (size_t n, const uint16_t *x, float *y);
void ax_f32_to_bf16 (size_t n, const float *x, uint16_t *y);     /* nearest even; NaN stays NaN */

#ifdef __cplusplus
}
#endif
