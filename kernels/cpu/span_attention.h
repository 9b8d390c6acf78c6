/* span_attention.h: what the float32 and the bfloat16 versions of attention over spans share. Private to kernels/cpu (contract: kernels.h). */
#pragma once
#include "kernels/cpu/parallel.h"

/* The keys seen by n queries: one or two ranges that do not touch, in order. Returns how many. */
int ax_span_ranges (const AxSpan *spans, size_t n, size_t range[2][2]);

/* How a backward pass is cut: a piece is one head and one share of the queries, in whole blocks; it keeps partial gradients of the keys it sees, which
 * ax_span_sum_partial() adds to dk and dv in the order of the pieces. */
#define AX_SPAN_PIECES 16 /* about */
typedef struct {
  const AxKernelTable *t;
  const AxSpanShape *s;
  size_t shares, queries;                             /* pieces of a head, queries of each */
  size_t low[AX_SPAN_PIECES], high[AX_SPAN_PIECES];   /* keys that a share sees lie in [low, high) */
  size_t most;                                        /* of high - low */
  float *partial;                                     /* [heads * shares] of dk[most][hd], dv[most][hd] */
  float *dk, *dv;
} AxSpanCut;
void ax_span_cut (AxSpanCut *cut, const AxSpanShape *s, const AxSpan *spans, size_t block, float *dk, float *dv);
void ax_span_sum_partial (AxSpanCut *cut);

/* Only if ax_bf16_ready() and hd is a multiple of 32. */
void ax_span_bf16_forward (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, float *lse, float *out);
void ax_span_bf16_backward (const AxSpanShape *s, const AxSpan *spans, const float *q, const float *k, const float *v, const float *out,
                            const float *lse, const float *dout, float *dq, float *dk, float *dv);
