/* passes.c: what a model's pass needs between its large operations: rows by number, heads normed and turned, the cache's next rows, the choice of a token. */
#include "kernels/cpu/parallel.h"

#include <math.h>
#include <string.h>

/* Rows to a piece of work where a row is a few thousand numbers. */
#define GRAIN 16

/* ---- rows by number ---- */

static bool
inside (int32_t index, int32_t first, size_t count)
{
  return index >= first && (size_t) (index - first) < count;
}

void
ax_rows_gather (size_t n, size_t d, int32_t first, size_t count, const int32_t *index, const float *x, float *y)
{
  for (size_t r = 0; r < n; r++)
    if (inside (index[r], first, count))
      memcpy (y + r * d, x + (size_t) (index[r] - first) * d, d * sizeof *y);
}

void
ax_rows_scatter (size_t n, size_t d, int32_t first, size_t count, const int32_t *index, float alpha, const float *dy, float *dx)
{
  for (size_t r = 0; r < n; r++)
    if (inside (index[r], first, count))
      ax_axpy (d, alpha, dy + r * d, dx + (size_t) (index[r] - first) * d);
}

void
ax_rows_axpy (size_t rows, size_t d, const float *alpha, const float *x, float *y)
{
  for (size_t r = 0; r < rows; r++)
    ax_axpy (d, alpha[r], x + r * d, y + r * d);
}

void
ax_columns_fill (size_t rows, size_t ldx, size_t from, size_t to, float value, float *x)
{
  for (size_t r = 0; r < rows; r++)
    for (size_t i = from; i < to; i++)
      x[r * ldx + i] = value;
}

/* ---- batch normalisation's running statistics ---- */

void
ax_batchnorm_fold (size_t c, const float *gamma, const float *beta, const float *mean, const float *var, float eps, float *scale, float *shift)
{
  for (size_t i = 0; i < c; i++) {
    scale[i] = gamma[i] / sqrtf (var[i] + eps);
    shift[i] = beta[i] - mean[i] * scale[i];
  }
}

void
ax_batchnorm_track (size_t rows, size_t c, const float *mean, const float *rstd, float eps, float momentum, float *running_mean, float *running_var)
{
  const float unbias = rows > 1 ? (float) rows / (float) (rows - 1) : 1;
  for (size_t i = 0; i < c; i++) {
    const float var = 1 / (rstd[i] * rstd[i]) - eps;
    running_mean[i] += momentum * (mean[i] - running_mean[i]);
    running_var[i] += momentum * ((var > 0 ? var : 0) * unbias - running_var[i]);
  }
}

/* ---- gated GELU on rows ---- */

typedef struct {
  size_t ffn;
  const float *gate_up, *dy;
  float *y, *d;
} Gated;

static void
gated_piece (void *ctx, size_t begin, size_t end)
{
  const Gated *g = ctx;
  for (size_t r = begin; r < end; r++) {
    const float *gate = g->gate_up + 2 * r * g->ffn;
    if (g->y)
      ax_gated_gelu_forward (g->ffn, gate, gate + g->ffn, g->y + r * g->ffn);
    else
      ax_gated_gelu_backward (g->ffn, gate, gate + g->ffn, g->dy + r * g->ffn, g->d + 2 * r * g->ffn, g->d + (2 * r + 1) * g->ffn);
  }
}

void
ax_gated_rows_forward (size_t rows, size_t ffn, const float *gate_up, float *y)
{
  if (rows == 1)
    ax_gated_gelu_forward (ffn, gate_up, gate_up + ffn, y); /* in pieces itself */
  else
    ax_parallel_for (rows, GRAIN, gated_piece, &(Gated) { ffn, gate_up, NULL, y, NULL });
}

void
ax_gated_rows_backward (size_t rows, size_t ffn, const float *gate_up, const float *dy, float *d)
{
  ax_parallel_for (rows, GRAIN, gated_piece, &(Gated) { ffn, gate_up, dy, NULL, d });
}

/* ---- queries and keys ---- */

typedef struct {
  const AxHeadShape *s;
  const float *qkv, *q_norm, *k_norm, *cos_sin;
  float *qk, *rstd, *d;
} Heads;

static void
heads_piece (void *ctx, size_t begin, size_t end)
{
  const Heads *h = ctx;
  const size_t heads = h->s->heads, kv = h->s->kv_heads, hd = h->s->hd, all = heads + kv;
  for (size_t r = begin; r < end; r++) {
    const float *x = h->qkv + r * (all + kv) * hd, *turn = h->cos_sin + r * hd;
    float *y = h->qk + r * all * hd, *rstd = h->rstd ? h->rstd + r * all : NULL;
    if (!h->d) {
      ax_rmsnorm_forward (heads, hd, x, h->q_norm, h->s->eps, y, rstd);
      ax_rmsnorm_forward (kv, hd, x + heads * hd, h->k_norm, h->s->eps, y + heads * hd, rstd ? rstd + heads : NULL);
      ax_rope (1, all, hd, all * hd, turn, false, y);
    } else {
      float *dx = h->d + r * (all + kv) * hd; /* y is the gradient */
      ax_rope (1, all, hd, all * hd, turn, true, y);
      ax_rmsnorm_backward (heads, hd, x, h->q_norm, rstd, y, dx, NULL);
      ax_rmsnorm_backward (kv, hd, x + heads * hd, h->k_norm, rstd + heads, y + heads * hd, dx + heads * hd, NULL);
    }
  }
}

void
ax_heads_forward (const AxHeadShape *s, const float *qkv, const float *q_norm, const float *k_norm, const float *cos_sin, float *qk, float *rstd)
{
  Heads h = { s, qkv, q_norm, k_norm, cos_sin, qk, rstd, NULL };
  if (s->rows == 1)
    heads_piece (&h, 0, 1);
  else
    ax_parallel_for (s->rows, GRAIN, heads_piece, &h);
}

void
ax_heads_backward (const AxHeadShape *s, const float *qkv, const float *q_norm, const float *k_norm, const float *cos_sin, const float *rstd, float *dqk,
                   float *dqkv)
{
  ax_parallel_for (s->rows, GRAIN, heads_piece, &(Heads) { s, qkv, q_norm, k_norm, cos_sin, dqk, (float *) rstd, dqkv });
}

/* ---- the cache and its next place ---- */

void
ax_cache_store (size_t n, size_t d, size_t ldx, const float *x, AxKvType type, const int32_t *at, void *cache)
{
  for (size_t r = 0; r < n; r++) {
    const size_t to = ((size_t) *at + r) * d;
    if (type == AX_KV_F16)
      ax_f32_to_f16 (d, x + r * ldx, (uint16_t *) cache + to);
    else if (type == AX_KV_BF16)
      ax_f32_to_bf16 (d, x + r * ldx, (uint16_t *) cache + to);
    else
      memcpy ((float *) cache + to, x + r * ldx, d * sizeof (float));
  }
}

void
ax_step_begin (size_t hd, int32_t window, const float *sliding, const float *global, int32_t *place, float *cos_sin, AxSpan *span)
{
  const int32_t now = place[0], end = now + 1, low = now >= window ? end - window : 0;
  place[1] = now;
  place[0] = end;
  memcpy (cos_sin, sliding + (size_t) now * hd, hd * sizeof *cos_sin);
  memcpy (cos_sin + hd, global + (size_t) now * hd, hd * sizeof *cos_sin);
  span[0] = (AxSpan) { low, end, end, end };
  span[1] = (AxSpan) { 0, end, end, end };
}

/* ---- the choice of a token, and sums ---- */

void
ax_argmax_rows (size_t rows, size_t n, const float *x, int32_t *index)
{
  for (size_t r = 0; r < rows; r++)
    index[r] = (int32_t) ax_argmax (n, x + r * n);
}

void
ax_choose_token (size_t n, const float *logits, size_t n_banned, const int32_t *banned, int32_t *id, float *log_p)
{
  size_t best = n;
  for (size_t from = 0, b = 0; from < n;) { /* the stretches between banned ids */
    while (b < n_banned && (size_t) banned[b] < from)
      b++;
    const size_t end = b < n_banned && (size_t) banned[b] < n ? (size_t) banned[b] : n;
    if (end > from) {
      const size_t i = from + ax_argmax (end - from, logits + from);
      if (best == n || logits[i] > logits[best])
        best = i;
    }
    from = end + 1;
  }
  *id = best == n ? 0 : (int32_t) best;
  float lse, loss;
  ax_cross_entropy_forward (1, n, logits, id, &lse, &loss);
  *log_p = -loss;
}

void
ax_sigmoid_backward (size_t n, const float *y, const float *dy, float *dx)
{
  for (size_t i = 0; i < n; i++)
    dx[i] += dy[i] * y[i] * (1 - y[i]);
}

void
ax_squares_add (size_t n, const float *x, double *sum)
{
  *sum += ax_sum_squares (n, x);
}
