/* table.h: the kernels that exist once per instruction set. Private to kernels/.
 *
 * Each entry works on one piece, in the calling thread; the files of kernels/cpu cut the work, call the entries through ax_table() and add partial
 * sums. The entries are written once (ops_*.h) on the small vector type of vec.h and compiled three times: table_scalar.c, table_avx2.c,
 * table_avx512.c. Sums over many rows are kept in double. */
#pragma once
#include "kernels/kernels.h"

/* What screening needs of x, for each block: its rounding to int8, and the factors by which the scale of a row's block counts: of the product of upper
 * halves, of the rest of the approximation, of the error for each unit of the row's two lengths, and of the rest of the error. */
typedef struct {
  const int8_t *x;
  const float *product, *offset, *per_spread, *per_length, *error;
} AxScreen;
/* Lengths of what the lower halves of a row add (the spread) and of what the upper halves stand for, each the largest over the row's blocks. */
typedef struct {
  float spread, length;
} AxSpread;

typedef struct {
  AxIsa isa;
  /* elements */
  void (*add) (size_t n, const float *a, const float *b, float *y);
  void (*axpy) (size_t n, float alpha, const float *x, float *y);
  void (*scale) (size_t n, float alpha, float *x);
  void (*add_rows) (size_t rows, size_t d, const float *x, const float *row, float *y);
  void (*act_forward) (AxActivation act, size_t n, const float *x, float *y);
  void (*act_backward) (AxActivation act, size_t n, const float *x, const float *y, const float *dy, float *dx);
  /* y[r, 0..d) = act(y + bias), rows ldy apart; bias may be NULL; pre (same stride) receives the value before act if not NULL */
  void (*bias_act) (size_t rows, size_t d, size_t ldy, const float *bias, AxActivation act, float *pre, float *y);
  void (*dropout) (size_t n, float p, uint64_t seed, uint64_t first, const float *x, float *y);
  void (*sigmoid) (size_t n, const float *x, float *y);
  double (*sum_squares) (size_t n, const float *x);
  void (*column_sums) (size_t rows, size_t d, const float *x, double *sum); /* sum[d] is added to */
  void (*adamw) (size_t n, float decay_factor, float grad_scale, float beta1, float beta2, float step, float rsqrt_c2, float eps, float *w,
                 const float *g, float *m, float *v);
  /* rows; partial sums of parameter gradients go to doubles that are added to */
  void (*layernorm_forward) (size_t rows, size_t d, const float *x, const float *gamma, const float *beta, float eps, float *y,
                             float *mean, float *rstd);
  void (*layernorm_backward) (size_t rows, size_t d, const float *x, const float *gamma, const float *mean, const float *rstd,
                              const float *dy, float *dx, double *dgamma, double *dbeta);
  void (*softmax_forward) (size_t rows, size_t d, float scale, const float *x, float *y);
  /* dx = (or += if accumulate) scale * y * (dy - sum(dy*y)) */
  void (*softmax_backward) (size_t rows, size_t d, float scale, const float *y, const float *dy, float *dx, bool accumulate);
  void (*l2norm_forward) (size_t rows, size_t d, const float *x, float eps, float *y, float *norm);
  void (*l2norm_backward) (size_t rows, size_t d, const float *y, const float *norm, float eps, const float *dy, float *dx);
  /* batch normalisation */
  void (*batchnorm_sums) (size_t rows, size_t c, const float *x, double *sum, double *squares);
  void (*batchnorm_apply) (size_t rows, size_t c, const float *x, const float *scale, const float *shift, const float *residual, bool relu,
                           float *y);
  void (*batchnorm_grad_sums) (size_t rows, size_t c, const float *x, const float *y, const float *mean, const float *rstd, bool relu,
                               const float *dy, double *sum_dy, double *sum_dy_xhat);
  /* dx += a[c] * dy + b[c] * x + d[c] with dy masked by y > 0 if relu; dresidual += masked dy */
  void (*batchnorm_grad_apply) (size_t rows, size_t c, const float *x, const float *y, bool relu, const float *dy, const float *a,
                                const float *b, const float *d, float *dx, float *dresidual);
  /* max pooling: output rows [begin, end) of the n*oh rows; input rows [begin, end) of the n*h rows */
  void (*maxpool_forward) (const AxConvShape *s, size_t begin, size_t end, const float *x, float *y, uint8_t *index);
  void (*maxpool_backward) (const AxConvShape *s, size_t begin, size_t end, const float *dy, const uint8_t *index, float *dx);
  /* language model */
  void (*rmsnorm_forward) (size_t rows, size_t d, const float *x, const float *w, float eps, float *y, float *rstd);
  void (*rmsnorm_backward) (size_t rows, size_t d, const float *x, const float *w, const float *rstd, const float *dy, float *dx, double *dw);
  void (*rope) (size_t rows, size_t heads, size_t hd, size_t ldx, const float *cos_sin, bool inverse, float *x);
  void (*gated_gelu_forward) (size_t n, const float *gate, const float *up, float *y);
  void (*gated_gelu_backward) (size_t n, const float *gate, const float *up, const float *dy, float *dgate, float *dup);
  float (*max_value) (size_t n, const float *x);                                            /* NaN never wins */
  double (*sum_exp) (size_t n, const float *x, float shift);                                /* sum of exp(x - shift) */
  void (*softmax_scaled) (size_t n, const float *x, float lse, float scale, float *y);      /* y = exp(x - lse) * scale */
  float (*dot) (size_t n, const float *a, const float *b);
  /* scores[rows,n] of a tile of keys from `first` become exp(scale score - top), zero outside the spans; top, sum and out [rows,d] (rows ldo apart)
   * of the keys before are brought to the new maximum */
  void (*span_softmax) (size_t rows, size_t n, size_t first, float scale, const AxSpan *spans, float *scores, float *top, float *sum, size_t d,
                        size_t ldo, float *out);
  /* scores become p = exp(scale score - lse), ds (dp on entry) becomes scale p (dp - dot), both zero outside the spans */
  void (*span_gradient) (size_t rows, size_t n, size_t first, float scale, const AxSpan *spans, const float *lse, const float *dot, float *scores,
                         float *ds);
  /* n keys and values (rows ldk and ldv elements of `type` apart) of one key head for `group` queries of hd elements: scores[group][lds] = scale q k^T;
   * out[group][hd] += p[group][lds] v */
  void (*cache_scores) (AxKvType type, size_t n, size_t hd, size_t group, const float *q, const void *k, size_t ldk, float scale, float *scores, size_t lds);
  void (*cache_values) (AxKvType type, size_t n, size_t hd, size_t group, const float *p, size_t lds, const void *v, size_t ldv, float *out, size_t ldo);
  /* weight matrices: rows of `blocks` blocks of 32 with a float16 scale each; x and y hold whole blocks */
  void (*q8_pack) (size_t blocks, const float *x, int8_t *q, uint16_t *scale);
  void (*q8_unpack) (size_t blocks, const int8_t *q, const uint16_t *scale, float *y);
  void (*q8_dots) (size_t n, size_t blocks, const int8_t *q, const uint16_t *scale, const float *x, float *y); /* y[n]; the same for any n */
  float (*bf16_dot) (size_t n, const uint16_t *w, const float *x);
  /* pairs of blocks: byte i of a plane's 32 holds the half of element i of the first block and, above it, that of the second; split returns the lengths
   * that screen needs */
  AxSpread (*q8_split) (size_t pairs, const int8_t *q, uint8_t *upper, uint8_t *lower);
  void (*q8_join) (size_t pairs, const uint8_t *upper, const uint8_t *lower, int8_t *q);
  /* y[o] from the upper halves of n rows and top[o] that the exact value does not exceed; returns the largest y */
  float (*q8_screen) (size_t n, size_t blocks, const uint8_t *upper, const uint16_t *scale, const AxSpread *spread, const AxScreen *s, float *y,
                      float *top);
  /* storage types */
  void (*f16_to_f32) (size_t n, const uint16_t *x, float *y);
  void (*f32_to_f16) (size_t n, const float *x, uint16_t *y);
  void (*bf16_to_f32) (size_t n, const uint16_t *x, float *y);
  void (*f32_to_bf16) (size_t n, const float *x, uint16_t *y);
  /* the benchmark's measure of the machine: `rounds` times 12 independent multiply-adds on whole vectors; returns the operations done */
  double (*fma_rounds) (size_t rounds);
} AxKernelTable;

extern const AxKernelTable ax_table_scalar, ax_table_avx2, ax_table_avx512;
const AxKernelTable *ax_table (void); /* the one in use */
