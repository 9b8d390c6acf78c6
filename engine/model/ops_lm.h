/* ops_lm.h: the operations of the language model on a tape (spec 14).
 *
 * As in ops.h each runs at once and, while the tape records, pushes its backward step. The base's weights are frozen: norms are plain arrays (holding
 * 1 + w), matrices AxQMatrix; what learns are LoRA's A and B, added rows and whole vocabularies. Shapes are [rows, columns]. May use ops.h
 * and kernels/.
 */
#pragma once
#include "engine/model/ops.h"

G_BEGIN_DECLS

/* y = x / rms(x) * w per row. */
AxTensor *ax_rmsnorm        (AxTape *tape, AxTensor *x, const float *w, float eps);
/* x + rmsnorm (y): Gemma norms what a block adds. */
AxTensor *ax_plus_rmsnorm   (AxTape *tape, AxTensor *x, AxTensor *y, const float *w, float eps);

/* Projections that read one input, as one frozen matrix of their rows below each other, each with its LoRA pair or none. */
#define AX_MAX_PARTS 3
typedef struct {
  const AxDevice *on;                    /* that has the weights */
  AxQMatrix   *w;                        /* [out, in] */
  int          in, out, n_parts;
  struct {
    int          from, out;              /* rows of w, columns of the result */
    AxParameter *a, *b;                  /* [rank, in], [out, rank], or both NULL */
  } part[AX_MAX_PARTS];
  int          rank;                     /* 0: no LoRA anywhere */
  float        scale;                    /* of B A */
} AxQLinear;

/* y = x W^T + scale (x A^T) B^T per part; dropout (of A's input, one mask for all parts) only in training mode. */
AxTensor *ax_qlinear        (AxTape *tape, AxTensor *x, const AxQLinear *l, float dropout);
/* The same on buffers, no tape: y[rows, out]; scratch holds ax_qlinear_scratch() floats. */
void      ax_qlinear_run    (const AxQLinear *l, gsize rows, const float *x, float *y, float *scratch);
gsize     ax_qlinear_scratch (const AxQLinear *l, gsize rows);

/* gate_up[rows, 2 ffn] -> gelu_tanh (gate) * up, [rows, ffn]. */
AxTensor *ax_gated_gelu_op  (AxTape *tape, AxTensor *gate_up);

typedef struct {
  int          heads, kv_heads, hd;
  const float *q_norm, *k_norm;          /* [hd] */
  float        eps;
} AxHeadNorm;
/* From qkv[rows, (heads + 2 kv_heads) hd] the normed and turned queries and keys [rows, (heads + kv_heads) hd]; cos_sin [rows, hd] as ax_rope(). */
AxTensor *ax_qk_norm_rope   (AxTape *tape, AxTensor *qkv, const AxHeadNorm *h, const float *cos_sin);

/* Attention over spans: q rows start at column 0 of `q`, keys at column k_from of `k`, values at v_from of `v`. spans are on the tape's device and live as
 * long as its pass. bf16: products in bfloat16 where the machine has them (AxSpanShape). */
AxTensor *ax_span_attention (AxTape *tape, AxTensor *q, AxTensor *k, int k_from, AxTensor *v, int v_from, int heads, int kv_heads, int hd,
                             float scale, gboolean bf16, const AxSpan *spans);

/* The named rows of x, in order. rows are the host's and live as long as the tape's pass. */
AxTensor *ax_gather_rows    (AxTape *tape, AxTensor *x, int n, const int *rows);
/* The rows of a constant (it gets no gradient), then those of x. */
AxTensor *ax_behind_rows    (AxTape *tape, const AxTensor *constant, AxTensor *x);
/* For y[rows, d] that the caller filled with copies of rows of several sources: src.grad[from[r]] += scale y.grad[r] for each source and row with
 * from[r] >= 0. Sources that are NULL or learn nothing are left out. At most AX_MAX_SOURCES; `from` is on the tape's device and lives as long as its pass. */
#define AX_MAX_SOURCES 4
typedef struct { AxTensor *src; const int *from; float scale; } AxScatter;
void      ax_scatter_grad   (AxTape *tape, AxTensor *y, int n, const AxScatter *sources);

/* The head: logits = hidden W^T, with the columns [added_first, added_first + rows of added) from `added` instead. Either w (frozen) or learned is set;
 * ids in [missing_from, missing_to) have no row. */
typedef struct {
  const AxDevice *on;                    /* that has the weights; logits are there too */
  AxQMatrix *w;                          /* [vocabulary, width], zero where another has the row */
  AxTensor  *learned;                    /* [vocabulary, width] */
  AxTensor  *added;                      /* [n, width] or NULL */
  int        added_first, missing_from, missing_to, vocabulary, width;
} AxLmHead;
/* logits[n, vocabulary]; a missing id gets -infinity. */
void      ax_lm_head_logits (const AxLmHead *head, gsize n, const float *hidden, float *logits);
/* The same for one row of which only the largest matter: logits that are not below the returned floor are exact, the others approximations that lie, as
 * their exact values do, below it (ax_qmatrix_top()). Minus infinity: all are exact. */
float     ax_lm_head_top    (const AxLmHead *head, const float *hidden, float *logits);
/* See ax_gemma_loss(). */
double    ax_lm_head_loss   (AxTape *tape, const AxLmHead *head, AxTensor *hidden, int n, const gint32 *targets, const float *weights,
                             float *nll, int *correct);

G_END_DECLS
