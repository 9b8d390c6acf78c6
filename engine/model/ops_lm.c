/* The operations of the language model. See ops_lm.h. */
#include "engine/model/ops_lm.h"
#include <math.h>
#include <string.h>

/* ---- norms ---------------------------------------------------------------------------------------------------------------- */

typedef struct { AxTensor *x, *y; const float *w; float *rstd; } Norm;

static void
rmsnorm_backward (AxTape *tape, AxTensor *out, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  Norm *p = data;
  if (p->x->needs_grad)
    on->rmsnorm_backward (ax_tensor_rows (out), ax_tensor_cols (out), p->x->data, p->w, p->rstd, out->grad, ax_tensor_grad (tape, p->x), NULL);
  ax_tape_give (tape, p->rstd);
}

AxTensor *
ax_rmsnorm (AxTape *tape, AxTensor *x, const float *w, float eps)
{
  const AxDevice *on = ax_tape_device (tape);
  AxTensor *out = ax_tensor_new (tape, x->needs_grad, x->ndim, x->shape);
  float *rstd = out->needs_grad ? ax_tape_scratch (tape, ax_tensor_rows (x) * sizeof (float)) : NULL;
  on->rmsnorm_forward (ax_tensor_rows (x), ax_tensor_cols (x), x->data, w, eps, out->data, rstd);
  ax_tape_push (tape, rmsnorm_backward, out, &(Norm){ x, NULL, w, rstd }, sizeof (Norm));
  return out;
}

static void
plus_rmsnorm_backward (AxTape *tape, AxTensor *out, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  Norm *p = data;
  if (p->y->needs_grad)
    on->rmsnorm_backward (ax_tensor_rows (out), ax_tensor_cols (out), p->y->data, p->w, p->rstd, out->grad, ax_tensor_grad (tape, p->y), NULL);
  if (p->x->needs_grad && p->x->grad == NULL)
    {
      /* The residual's gradient is this one and nobody reads it here again: handed on instead of copied. */
      p->x->grad = out->grad;
      out->grad = NULL;
    }
  else if (p->x->needs_grad)
    on->axpy (out->n, 1, out->grad, p->x->grad);
  ax_tape_give (tape, p->rstd);
}

AxTensor *
ax_plus_rmsnorm (AxTape *tape, AxTensor *x, AxTensor *y, const float *w, float eps)
{
  const AxDevice *on = ax_tape_device (tape);
  AxTensor *out = ax_tensor_new (tape, x->needs_grad || y->needs_grad, x->ndim, x->shape);
  float *rstd = out->needs_grad ? ax_tape_scratch (tape, ax_tensor_rows (x) * sizeof (float)) : NULL;
  on->rmsnorm_forward (ax_tensor_rows (y), ax_tensor_cols (y), y->data, w, eps, out->data, rstd);
  on->add (out->n, x->data, out->data, out->data);
  ax_tape_push (tape, plus_rmsnorm_backward, out, &(Norm){ x, y, w, rstd }, sizeof (Norm));
  return out;
}

/* ---- projections ---------------------------------------------------------------------------------------------------------- */

gsize
ax_qlinear_scratch (const AxQLinear *l, gsize rows)
{
  return l->rank > 0 ? rows * (gsize) (l->n_parts * l->rank) + (gsize) (l->n_parts * l->rank) * (gsize) l->in : 0;
}

/* The A of all parts below each other: one product in place of three narrow ones. Zero rows where a part has none. */
static void
stack_a (const AxQLinear *l, float *a)
{
  const AxDevice *on = l->on;
  const gsize n = (gsize) l->rank * (gsize) l->in;
  for (int p = 0; p < l->n_parts; p++)
    if (l->part[p].a != NULL)
      on->copy (a + (gsize) p * n, l->part[p].a->t.data, n * sizeof (float));
    else
      on->zero (a + (gsize) p * n, n * sizeof (float));
}

/* t = x A^T, y += scale t B^T. */
static void
lora_forward (const AxQLinear *l, gsize rows, const float *x, const float *a, float *t, float *y)
{
  const AxDevice *on = l->on;
  const gsize rank = (gsize) l->rank, wide = rank * (gsize) l->n_parts, in = (gsize) l->in, out = (gsize) l->out;
  on->gemm (false, true, rows, wide, in, 1, x, in, a, in, 0, t, wide);
  for (int p = 0; p < l->n_parts; p++)
    if (l->part[p].b != NULL)
      on->gemm (false, true, rows, (gsize) l->part[p].out, rank, l->scale, t + (gsize) p * rank, wide, l->part[p].b->t.data, rank, 1,
               y + l->part[p].from, out);
}

/* In eight sums, which the compiler makes one vector. */
static float
dot (gsize n, const float *a, const float *b)
{
  float sum[8] = { 0 }, rest = 0;
  gsize i = 0;
  for (; i + 8 <= n; i += 8)
    for (gsize k = 0; k < 8; k++)
      sum[k] += a[i + k] * b[i + k];
  for (; i < n; i++)
    rest += a[i] * b[i];
  return rest + ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

/* One row: too little work for a matrix product's preparations, and nothing is allocated. */
static void
lora_row (const AxQLinear *l, const float *x, float *t, float *y)
{
  const gsize rank = (gsize) l->rank, in = (gsize) l->in;
  for (int p = 0; p < l->n_parts; p++)
    {
      const AxParameter *a = l->part[p].a, *b = l->part[p].b;
      if (a == NULL || b == NULL)
        continue;
      for (gsize k = 0; k < rank; k++)
        t[k] = l->scale * dot (in, a->t.data + k * in, x);
      for (gsize r = 0; r < (gsize) l->part[p].out; r++)
        y[(gsize) l->part[p].from + r] += dot (rank, b->t.data + r * rank, t);
    }
}

void
ax_qlinear_run (const AxQLinear *l, gsize rows, const float *x, float *y, float *scratch)
{
  const AxDevice *on = l->on;
  on->qmatrix_forward (l->w, rows, x, y);
  if (l->rank == 0)
    return;
  if (rows == 1 && on->host)
    {
      lora_row (l, x, scratch, y);
      return;
    }
  float *a = scratch + rows * (gsize) (l->n_parts * l->rank);
  stack_a (l, a);
  lora_forward (l, rows, x, a, scratch, y);
}

typedef struct { AxTensor *x; const AxQLinear *l; float *a, *t, *dropped, p; guint64 seed; } QLinear;

static void
qlinear_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  QLinear *q = data;
  const AxQLinear *l = q->l;
  const gsize rows = ax_tensor_rows (y), in = (gsize) l->in, out = (gsize) l->out, rank = (gsize) l->rank, wide = rank * (gsize) l->n_parts;
  float *dx = q->x->needs_grad ? ax_tensor_grad (tape, q->x) : NULL;
  if (dx != NULL)
    on->qmatrix_backward_data (l->w, rows, y->grad, dx);
  if (q->t == NULL)
    return;
  const float *x = q->dropped != NULL ? q->dropped : q->x->data;
  float *dt = ax_tape_scratch (tape, rows * wide * sizeof (float)), *da = ax_tape_scratch (tape, wide * in * sizeof (float));
  gboolean learns = FALSE;
  for (int p = 0; p < l->n_parts; p++)
    {
      const float *dy = y->grad + l->part[p].from;
      float *dtp = dt + (gsize) p * rank;
      AxParameter *b = l->part[p].b;
      if (b == NULL)
        {
          on->columns_fill (rows, wide, (gsize) p * rank, (gsize) (p + 1) * rank, 0, dt);
          continue;
        }
      on->gemm (false, false, rows, rank, (gsize) l->part[p].out, l->scale, dy, out, b->t.data, rank, 0, dtp, wide);
      if (b->t.needs_grad)
        on->gemm (true, false, (gsize) l->part[p].out, rank, rows, l->scale, dy, out, q->t + (gsize) p * rank, wide, 1, b->t.grad, rank);
      learns |= l->part[p].a->t.needs_grad;
    }
  if (learns)
    {
      on->gemm (true, false, wide, in, rows, 1, dt, wide, x, in, 0, da, in);
      for (int p = 0; p < l->n_parts; p++)
        if (l->part[p].a != NULL && l->part[p].a->t.needs_grad)
          on->axpy (rank * in, 1, da + (gsize) p * rank * in, l->part[p].a->t.grad);
    }
  if (dx != NULL && q->dropped == NULL)
    on->gemm (false, false, rows, in, wide, 1, dt, wide, q->a, in, 1, dx, in);
  else if (dx != NULL)
    {
      /* The dropped input's copy is no longer needed: its memory takes the gradient at the mask. */
      on->gemm (false, false, rows, in, wide, 1, dt, wide, q->a, in, 0, q->dropped, in);
      on->dropout (q->x->n, q->p, q->seed, q->dropped, q->dropped);
      on->axpy (q->x->n, 1, q->dropped, dx);
    }
  ax_tape_give (tape, dt);
  ax_tape_give (tape, da);
  ax_tape_give (tape, q->t);
  ax_tape_give (tape, q->a);
  ax_tape_give (tape, q->dropped);
}

AxTensor *
ax_qlinear (AxTape *tape, AxTensor *x, const AxQLinear *l, float dropout)
{
  const AxDevice *on = ax_tape_device (tape);
  const gsize rows = ax_tensor_rows (x), wide = (gsize) (l->n_parts * l->rank);
  gboolean learns = x->needs_grad;
  for (int p = 0; p < l->n_parts && l->rank > 0; p++)
    learns |= l->part[p].b != NULL && (l->part[p].b->t.needs_grad || l->part[p].a->t.needs_grad);
  int shape[AX_MAX_DIMS];
  memcpy (shape, x->shape, sizeof shape);
  shape[x->ndim - 1] = l->out;
  AxTensor *y = ax_tensor_new (tape, learns, x->ndim, shape);
  QLinear q = { x, l, NULL, NULL, NULL, dropout, 0 };
  on->qmatrix_forward (l->w, rows, x->data, y->data);
  if (l->rank > 0)
    {
      q.a = ax_tape_scratch (tape, wide * (gsize) l->in * sizeof (float));
      q.t = ax_tape_scratch (tape, rows * wide * sizeof (float));
      stack_a (l, q.a);
      if (dropout > 0 && ax_tape_training (tape))
        {
          q.seed = ax_tape_next_seed (tape);
          q.dropped = ax_tape_scratch (tape, x->n * sizeof (float));
          on->dropout (x->n, dropout, q.seed, x->data, q.dropped);
        }
      lora_forward (l, rows, q.dropped != NULL ? q.dropped : x->data, q.a, q.t, y->data);
      if (!y->needs_grad)
        {
          ax_tape_give (tape, q.a);
          ax_tape_give (tape, q.t);
          ax_tape_give (tape, q.dropped);
        }
    }
  ax_tape_push (tape, qlinear_backward, y, &q, sizeof q);
  return y;
}

/* ---- gated GELU ----------------------------------------------------------------------------------------------------------- */

static void
gated_gelu_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  AxTensor *gate_up = *(AxTensor **) data;
  ax_tape_device (tape)->gated_rows_backward (ax_tensor_rows (y), ax_tensor_cols (y), gate_up->data, y->grad, ax_tensor_grad (tape, gate_up));
}

AxTensor *
ax_gated_gelu_op (AxTape *tape, AxTensor *gate_up)
{
  AxTensor *y = ax_tensor_new (tape, gate_up->needs_grad, 2, (int[]){ gate_up->shape[0], gate_up->shape[1] / 2 });
  ax_tape_device (tape)->gated_rows_forward (ax_tensor_rows (y), ax_tensor_cols (y), gate_up->data, y->data);
  ax_tape_push (tape, gated_gelu_backward, y, &gate_up, sizeof gate_up);
  return y;
}

/* ---- queries and keys ------------------------------------------------------------------------------------------------------- */

typedef struct { AxTensor *qkv; AxHeadNorm h; AxHeadShape s; const float *cos_sin; float *rstd; } NormRope;

static void
qk_norm_rope_backward (AxTape *tape, AxTensor *qk, gpointer data)
{
  NormRope *p = data;
  /* The gradient is turned back in place: nobody needs it after this. */
  ax_tape_device (tape)->heads_backward (&p->s, p->qkv->data, p->h.q_norm, p->h.k_norm, p->cos_sin, p->rstd, qk->grad, ax_tensor_grad (tape, p->qkv));
  ax_tape_give (tape, p->rstd);
}

AxTensor *
ax_qk_norm_rope (AxTape *tape, AxTensor *qkv, const AxHeadNorm *h, const float *cos_sin)
{
  const int all = h->heads + h->kv_heads;
  AxTensor *qk = ax_tensor_new (tape, qkv->needs_grad, 2, (int[]){ qkv->shape[0], all * h->hd });
  const AxHeadShape s = { ax_tensor_rows (qkv), (gsize) h->heads, (gsize) h->kv_heads, (gsize) h->hd, h->eps };
  float *rstd = qk->needs_grad ? ax_tape_scratch (tape, s.rows * (gsize) all * sizeof (float)) : NULL;
  ax_tape_device (tape)->heads_forward (&s, qkv->data, h->q_norm, h->k_norm, cos_sin, qk->data, rstd);
  ax_tape_push (tape, qk_norm_rope_backward, qk, &(NormRope){ qkv, *h, s, cos_sin, rstd }, sizeof (NormRope));
  return qk;
}

/* ---- attention ------------------------------------------------------------------------------------------------------------ */

typedef struct { AxTensor *q, *k, *v; int k_from, v_from; AxSpanShape s; const AxSpan *spans; float *lse; } SpanAttention;

static void
span_attention_backward (AxTape *tape, AxTensor *out, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  SpanAttention *a = data;
  /* q and k may be the same tensor; all three need gradients or none: they come from one projection. */
  on->span_attention_backward (&a->s, a->spans, a->q->data, a->k->data + a->k_from, a->v->data + a->v_from, out->data, a->lse, out->grad,
                              ax_tensor_grad (tape, a->q), ax_tensor_grad (tape, a->k) + a->k_from, ax_tensor_grad (tape, a->v) + a->v_from);
  ax_tape_give (tape, a->lse);
}

AxTensor *
ax_span_attention (AxTape *tape, AxTensor *q, AxTensor *k, int k_from, AxTensor *v, int v_from, int heads, int kv_heads, int hd, float scale,
                   gboolean bf16, const AxSpan *spans)
{
  const AxDevice *on = ax_tape_device (tape);
  AxTensor *out = ax_tensor_new (tape, q->needs_grad, 2, (int[]){ q->shape[0], heads * hd });
  SpanAttention a = { q, k, v, k_from, v_from,
                      { ax_tensor_rows (q), ax_tensor_rows (k), (gsize) heads, (gsize) kv_heads, (gsize) hd, ax_tensor_cols (q), ax_tensor_cols (k),
                        ax_tensor_cols (v), ax_tensor_cols (out), scale, bf16 },
                      spans, NULL };
  if (out->needs_grad)
    a.lse = ax_tape_scratch (tape, ax_tensor_rows (q) * (gsize) heads * sizeof (float));
  on->span_attention_forward (&a.s, spans, q->data, k->data + k_from, v->data + v_from, a.lse, out->data);
  ax_tape_push (tape, span_attention_backward, out, &a, sizeof a);
  return out;
}

/* ---- rows ----------------------------------------------------------------------------------------------------------------- */

typedef struct { int n; AxScatter source[AX_MAX_SOURCES]; } Scatter;

static void
scatter_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  const Scatter *s = data;
  for (int i = 0; i < s->n; i++)
    ax_tape_device (tape)->rows_scatter (ax_tensor_rows (y), ax_tensor_cols (y), 0, ax_tensor_rows (s->source[i].src), s->source[i].from, s->source[i].scale, y->grad,
                                         ax_tensor_grad (tape, s->source[i].src));
}

void
ax_scatter_grad (AxTape *tape, AxTensor *y, int n, const AxScatter *sources)
{
  Scatter s = { 0 };
  for (int i = 0; i < n; i++)
    if (sources[i].src != NULL && sources[i].src->needs_grad)
      s.source[s.n++] = sources[i];
  if (s.n > 0)
    ax_tape_push (tape, scatter_backward, y, &s, sizeof s);
}

AxTensor *
ax_gather_rows (AxTape *tape, AxTensor *x, int n, const int *rows)
{
  const gsize d = ax_tensor_cols (x);
  const int *index = ax_tape_send (tape, rows, (gsize) n * sizeof (int));
  AxTensor *y = ax_tensor_new (tape, x->needs_grad, 2, (int[]){ n, (int) d });
  ax_tape_device (tape)->rows_gather ((gsize) n, d, 0, ax_tensor_rows (x), index, x->data, y->data);
  ax_scatter_grad (tape, y, 1, &(AxScatter){ x, index, 1 });
  return y;
}

typedef struct { AxTensor *x; gsize skipped; } Behind;

static void
behind_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  const Behind *b = data;
  on->axpy (b->x->n, 1, y->grad + b->skipped, ax_tensor_grad (tape, b->x));
}

AxTensor *
ax_behind_rows (AxTape *tape, const AxTensor *constant, AxTensor *x)
{
  const AxDevice *on = ax_tape_device (tape);
  AxTensor *y = ax_tensor_new (tape, x->needs_grad, 2, (int[]){ constant->shape[0] + x->shape[0], x->shape[1] });
  on->copy (y->data, constant->data, constant->n * sizeof (float));
  on->copy (y->data + constant->n, x->data, x->n * sizeof (float));
  ax_tape_push (tape, behind_backward, y, &(Behind){ x, constant->n }, sizeof (Behind));
  return y;
}
