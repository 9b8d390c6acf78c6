/* attention.c: the attention core, forward and backward.
 *
 * Forward: a piece is one block of query rows of one head; its scores live in per-thread scratch (or go straight to probs). Backward: a piece is one
 * head, which alone writes its columns of dq, dk and dv; it streams over blocks of query rows in order. */
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/parallel.h"

#define BLOCK 64 /* query rows: 64 x 1025 scores are 256 KiB */

typedef struct {
  const AxKernelTable *t;
  const AxAttentionShape *s;
  const float *q, *k, *v, *probs, *dout;
  float *out_probs, *out, *dq, *dk, *dv;
  size_t blocks; /* of query rows */
} Args;

static void
forward_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxAttentionShape *s = g->s;
  for (size_t piece = begin; piece < end; piece++) {
    const size_t head = piece / g->blocks, b = head / s->heads, column = head % s->heads * s->hd;
    const size_t i = piece % g->blocks * BLOCK, rows = s->tq - i < BLOCK ? s->tq - i : BLOCK;
    float *scores = g->out_probs ? g->out_probs + (head * s->tq + i) * s->tk : ax_scratch (AX_SCRATCH_PIECE, rows * s->tk * sizeof *scores);
    ax_gemm_serial (false, true, rows, s->tk, s->hd, 1, g->q + (b * s->tq + i) * s->ldq + column, s->ldq, g->k + b * s->tk * s->ldk + column,
                    s->ldk, 0, scores, s->tk);
    g->t->softmax_forward (rows, s->tk, s->scale, scores, scores);
    ax_gemm_serial (false, false, rows, s->hd, s->tk, 1, scores, s->tk, g->v + b * s->tk * s->ldv + column, s->ldv, 0,
                    g->out + (b * s->tq + i) * s->ldo + column, s->ldo);
  }
}

void
ax_attention_forward (const AxAttentionShape *s, const float *q, const float *k, const float *v, float *probs, float *out)
{
  Args g = { .t = ax_table (), .s = s, .q = q, .k = k, .v = v, .out_probs = probs, .out = out, .blocks = (s->tq + BLOCK - 1) / BLOCK };
  ax_parallel_for (s->batch * s->heads * g.blocks, 1, forward_piece, &g);
}

static void
backward_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxAttentionShape *s = g->s;
  float *ds = ax_scratch (AX_SCRATCH_PIECE, BLOCK * s->tk * sizeof *ds);
  for (size_t head = begin; head < end; head++) {
    const size_t b = head / s->heads, column = head % s->heads * s->hd, at_k = b * s->tk * s->ldk + column, at_v = b * s->tk * s->ldv + column;
    for (size_t i = 0; i < s->tq; i += BLOCK) {
      const size_t rows = s->tq - i < BLOCK ? s->tq - i : BLOCK, at_q = (b * s->tq + i) * s->ldq + column;
      const float *p = g->probs + (head * s->tq + i) * s->tk, *dout = g->dout + (b * s->tq + i) * s->ldo + column;
      ax_gemm_serial (true, false, s->tk, s->hd, rows, 1, p, s->tk, dout, s->ldo, 1, g->dv + at_v, s->ldv);
      ax_gemm_serial (false, true, rows, s->tk, s->hd, 1, dout, s->ldo, g->v + at_v, s->ldv, 0, ds, s->tk);
      g->t->softmax_backward (rows, s->tk, s->scale, p, ds, ds, false);
      ax_gemm_serial (false, false, rows, s->hd, s->tk, 1, ds, s->tk, g->k + at_k, s->ldk, 1, g->dq + at_q, s->ldq);
      ax_gemm_serial (true, false, s->tk, s->hd, rows, 1, ds, s->tk, g->q + at_q, s->ldq, 1, g->dk + at_k, s->ldk);
    }
  }
}

void
ax_attention_backward (const AxAttentionShape *s, const float *q, const float *k, const float *v, const float *probs, const float *dout,
                       float *dq, float *dk, float *dv)
{
  Args g = { .t = ax_table (), .s = s, .q = q, .k = k, .v = v, .probs = probs, .dout = dout, .dq = dq, .dk = dk, .dv = dv };
  ax_parallel_for (s->batch * s->heads, 1, backward_piece, &g);
}
