/* The operations on matrices and sequences. See ops.h; convolutions are in ops_conv.c. */
#include "engine/model/ops.h"
#include <math.h>
#include <string.h>

static AxTensor *
like (AxTape *tape, const AxTensor *t, gboolean needs_grad)
{
  return ax_tensor_new (tape, needs_grad, t->ndim, t->shape);
}

/* ---- linear ------------------------------------------------------------------------------------------------------------- */

typedef struct { AxTensor *x, *w, *b; float *pre; AxActivation act; } Linear;

static void
linear_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  Linear *l = data;
  gsize rows = ax_tensor_rows (y), out = ax_tensor_cols (y), in = ax_tensor_cols (l->x);
  float *dy = y->grad;
  if (l->act != AX_ACT_NONE)
    {
      dy = ax_tape_scratch (tape, y->n * sizeof (float));
      on->zero (dy, y->n * sizeof (float));
      on->activation_backward (l->act, y->n, l->pre, y->data, y->grad, dy);
    }
  on->linear_backward (rows, in, out, l->x->data, l->w->data, dy, l->x->needs_grad ? ax_tensor_grad (tape, l->x) : NULL,
                      l->w->needs_grad ? l->w->grad : NULL, l->b && l->b->needs_grad ? l->b->grad : NULL);
  if (l->act != AX_ACT_NONE)
    ax_tape_give (tape, dy);
}

AxTensor *
ax_linear (AxTape *tape, AxTensor *x, AxTensor *w, AxTensor *b, AxActivation act)
{
  const AxDevice *on = ax_tape_device (tape);
  gsize rows = ax_tensor_rows (x), in = ax_tensor_cols (x);
  int shape[AX_MAX_DIMS];
  memcpy (shape, x->shape, sizeof shape);
  shape[x->ndim - 1] = w->shape[0];
  AxTensor *y = ax_tensor_new (tape, x->needs_grad || w->needs_grad || (b && b->needs_grad), x->ndim, shape);
  float *pre = NULL;
  if (y->needs_grad && (act == AX_ACT_GELU_ERF || act == AX_ACT_GELU_TANH))
    pre = ax_tape_scratch (tape, y->n * sizeof (float));
  on->linear_forward (rows, in, (gsize) w->shape[0], x->data, w->data, b ? b->data : NULL, act, pre, y->data);
  ax_tape_push (tape, linear_backward, y, &(Linear){ x, w, b, pre, act }, sizeof (Linear));
  return y;
}

AxTensor *
ax_tensor_rows_view (AxTape *tape, AxTensor *t, int from, int count)
{
  gsize row = t->n / (gsize) t->shape[0];
  /* A header only: its data belongs to the parameter, so the tape must not own it. */
  AxTensor *v = ax_tape_host (tape, sizeof (AxTensor));
  *v = *t;
  v->shape[0] = count;
  v->n = row * (gsize) count;
  v->data = t->data + row * (gsize) from;
  v->grad = t->grad ? t->grad + row * (gsize) from : NULL;
  return v;
}

/* ---- sums --------------------------------------------------------------------------------------------------------------- */

typedef struct { AxTensor *a, *b; } Pair;

static void
plus_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  Pair *p = data;
  if (p->a->needs_grad)
    on->axpy (y->n, 1, y->grad, ax_tensor_grad (tape, p->a));
  if (p->b->needs_grad)
    on->axpy (y->n, 1, y->grad, ax_tensor_grad (tape, p->b));
}

AxTensor *
ax_plus (AxTape *tape, AxTensor *a, AxTensor *b)
{
  const AxDevice *on = ax_tape_device (tape);
  AxTensor *y = like (tape, a, a->needs_grad || b->needs_grad);
  on->add (y->n, a->data, b->data, y->data);
  ax_tape_push (tape, plus_backward, y, &(Pair){ a, b }, sizeof (Pair));
  return y;
}

static void
plus_repeated_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  Pair *p = data;
  if (p->a->needs_grad)
    on->axpy (y->n, 1, y->grad, ax_tensor_grad (tape, p->a));
  if (p->b->needs_grad)
    on->column_sums (y->n / p->b->n, p->b->n, y->grad, ax_tensor_grad (tape, p->b));
}

AxTensor *
ax_plus_repeated (AxTape *tape, AxTensor *x, AxTensor *p)
{
  const AxDevice *on = ax_tape_device (tape);
  AxTensor *y = like (tape, x, x->needs_grad || p->needs_grad);
  on->add_rows (x->n / p->n, p->n, x->data, p->data, y->data);
  ax_tape_push (tape, plus_repeated_backward, y, &(Pair){ x, p }, sizeof (Pair));
  return y;
}

/* ---- sequences ---------------------------------------------------------------------------------------------------------- */

static void
prepend_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  Pair *p = data;
  gsize d = ax_tensor_cols (y), t = (gsize) y->shape[1] - 1;
  for (int b = 0; b < y->shape[0]; b++)
    {
      const float *dy = y->grad + (gsize) b * (t + 1) * d;
      if (p->b->needs_grad)
        on->axpy (d, 1, dy, ax_tensor_grad (tape, p->b));
      if (p->a->needs_grad)
        on->axpy (t * d, 1, dy + d, ax_tensor_grad (tape, p->a) + (gsize) b * t * d);
    }
}

AxTensor *
ax_prepend_row (AxTape *tape, AxTensor *x, AxTensor *head)
{
  const AxDevice *on = ax_tape_device (tape);
  int batch = x->shape[0], t = x->shape[1], d = x->shape[2];
  AxTensor *y = ax_tensor_new (tape, x->needs_grad || head->needs_grad, 3, (int[]){ batch, t + 1, d });
  for (int b = 0; b < batch; b++)
    {
      float *row = y->data + (gsize) b * (t + 1) * d;
      on->copy (row, head->data, (gsize) d * sizeof (float));
      on->copy (row + d, x->data + (gsize) b * t * d, (gsize) t * d * sizeof (float));
    }
  ax_tape_push (tape, prepend_backward, y, &(Pair){ x, head }, sizeof (Pair));
  return y;
}

typedef struct { AxTensor *x; int from; } Slice;

static void
rows_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  Slice *s = data;
  gsize d = ax_tensor_cols (y), t = (gsize) s->x->shape[1], count = (gsize) y->shape[1];
  float *dx = ax_tensor_grad (tape, s->x);
  for (int b = 0; b < y->shape[0]; b++)
    on->axpy (count * d, 1, y->grad + (gsize) b * count * d, dx + ((gsize) b * t + s->from) * d);
}

AxTensor *
ax_sequence_rows (AxTape *tape, AxTensor *x, int from, int count)
{
  const AxDevice *on = ax_tape_device (tape);
  int batch = x->shape[0], t = x->shape[1], d = x->shape[2];
  AxTensor *y = ax_tensor_new (tape, x->needs_grad, 3, (int[]){ batch, count, d });
  for (int b = 0; b < batch; b++)
    on->copy (y->data + (gsize) b * count * d, x->data + ((gsize) b * t + from) * d, (gsize) count * d * sizeof (float));
  ax_tape_push (tape, rows_backward, y, &(Slice){ x, from }, sizeof (Slice));
  return y;
}

static void
repeat_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  Pair *p = data;
  on->column_sums ((gsize) y->shape[0], p->a->n, y->grad, ax_tensor_grad (tape, p->a));
}

AxTensor *
ax_repeat (AxTape *tape, AxTensor *p, int batch)
{
  const AxDevice *on = ax_tape_device (tape);
  AxTensor *y = ax_tensor_new (tape, p->needs_grad, 3, (int[]){ batch, (int) ax_tensor_rows (p), (int) ax_tensor_cols (p) });
  for (int b = 0; b < batch; b++)
    on->copy (y->data + (gsize) b * p->n, p->data, p->n * sizeof (float));
  ax_tape_push (tape, repeat_backward, y, &(Pair){ p, NULL }, sizeof (Pair));
  return y;
}

/* ---- norms and pointwise ------------------------------------------------------------------------------------------------ */

typedef struct { AxTensor *x, *gamma, *beta; float *mean, *rstd; } LayerNorm;

static void
layernorm_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  LayerNorm *l = data;
  /* The kernel adds to all three gradients; frozen parameters get theirs thrown away. */
  gsize d = ax_tensor_cols (y);
  float *waste = NULL;
  if (!l->gamma->needs_grad || !l->beta->needs_grad || !l->x->needs_grad)
    waste = ax_tape_scratch (tape, MAX (y->n, d) * sizeof (float));
  on->layernorm_backward (ax_tensor_rows (y), d, l->x->data, l->gamma->data, l->mean, l->rstd, y->grad,
                         l->x->needs_grad ? ax_tensor_grad (tape, l->x) : waste, l->gamma->needs_grad ? l->gamma->grad : waste,
                         l->beta->needs_grad ? l->beta->grad : waste);
  ax_tape_give (tape, waste);
}

AxTensor *
ax_layernorm (AxTape *tape, AxTensor *x, AxTensor *gamma, AxTensor *beta, float eps)
{
  const AxDevice *on = ax_tape_device (tape);
  AxTensor *y = like (tape, x, x->needs_grad || gamma->needs_grad);
  gsize rows = ax_tensor_rows (x);
  float *mean = NULL, *rstd = NULL;
  if (y->needs_grad)
    {
      mean = ax_tape_scratch (tape, rows * sizeof (float));
      rstd = ax_tape_scratch (tape, rows * sizeof (float));
    }
  on->layernorm_forward (rows, ax_tensor_cols (x), x->data, gamma->data, beta->data, eps, y->data, mean, rstd);
  ax_tape_push (tape, layernorm_backward, y, &(LayerNorm){ x, gamma, beta, mean, rstd }, sizeof (LayerNorm));
  return y;
}

typedef struct { AxTensor *x; float p; guint64 seed; } Dropout;

static void
dropout_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  Dropout *d = data;
  float *tmp = ax_tape_scratch (tape, y->n * sizeof (float));
  on->dropout (y->n, d->p, d->seed, y->grad, tmp);
  on->axpy (y->n, 1, tmp, ax_tensor_grad (tape, d->x));
  ax_tape_give (tape, tmp);
}

AxTensor *
ax_dropout_op (AxTape *tape, AxTensor *x, float p)
{
  const AxDevice *on = ax_tape_device (tape);
  if (!ax_tape_training (tape) || p <= 0)
    return x;
  AxTensor *y = like (tape, x, x->needs_grad);
  guint64 seed = ax_tape_next_seed (tape);
  on->dropout (x->n, p, seed, x->data, y->data);
  ax_tape_push (tape, dropout_backward, y, &(Dropout){ x, p, seed }, sizeof (Dropout));
  return y;
}

static void
sigmoid_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  ax_tape_device (tape)->sigmoid_backward (y->n, y->data, y->grad, ax_tensor_grad (tape, ((Pair *) data)->a));
}

AxTensor *
ax_sigmoid_op (AxTape *tape, AxTensor *x)
{
  const AxDevice *on = ax_tape_device (tape);
  AxTensor *y = like (tape, x, x->needs_grad);
  on->sigmoid (x->n, x->data, y->data);
  ax_tape_push (tape, sigmoid_backward, y, &(Pair){ x, NULL }, sizeof (Pair));
  return y;
}

typedef struct { AxTensor *x; float *norm; float eps; } L2;

static void
l2norm_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  L2 *l = data;
  on->l2norm_backward (ax_tensor_rows (y), ax_tensor_cols (y), y->data, l->norm, l->eps, y->grad, ax_tensor_grad (tape, l->x));
}

AxTensor *
ax_l2norm (AxTape *tape, AxTensor *x, float eps)
{
  const AxDevice *on = ax_tape_device (tape);
  AxTensor *y = like (tape, x, x->needs_grad);
  float *norm = ax_tape_scratch (tape, ax_tensor_rows (x) * sizeof (float));
  on->l2norm_forward (ax_tensor_rows (x), ax_tensor_cols (x), x->data, eps, y->data, norm);
  ax_tape_push (tape, l2norm_backward, y, &(L2){ x, norm, eps }, sizeof (L2));
  return y;
}

/* ---- attention ---------------------------------------------------------------------------------------------------------- */

typedef struct { AxTensor *q, *k, *v; float *probs; AxAttentionShape s; } Attention;

static void
attention_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  Attention *a = data;
  float *waste = NULL;
  if (!a->q->needs_grad || !a->k->needs_grad || !a->v->needs_grad)
    waste = ax_tape_scratch (tape, MAX (a->q->n, a->k->n) * sizeof (float));
  on->attention_backward (&a->s, a->q->data, a->k->data, a->v->data, a->probs, y->grad,
                         a->q->needs_grad ? ax_tensor_grad (tape, a->q) : waste,
                         a->k->needs_grad ? ax_tensor_grad (tape, a->k) : waste,
                         a->v->needs_grad ? ax_tensor_grad (tape, a->v) : waste);
  ax_tape_give (tape, waste);
  ax_tape_give (tape, a->probs);
}

AxTensor *
ax_attention (AxTape *tape, AxTensor *q, AxTensor *k, AxTensor *v, int heads, const int *lengths)
{
  const AxDevice *on = ax_tape_device (tape);
  gsize d = ax_tensor_cols (q), hd = d / (gsize) heads;
  AxTensor *y = like (tape, q, q->needs_grad || k->needs_grad || v->needs_grad);
  AxAttentionShape s = { (gsize) q->shape[0], (gsize) heads, (gsize) q->shape[1], (gsize) k->shape[1], hd, d, d, d, d,
                         1.0f / sqrtf ((float) hd) };
  float *probs = NULL;
  if (lengths != NULL)
    {
      g_assert (!y->needs_grad); /* only the frozen sentence encoder has sequences of different lengths */
      for (gsize b = 0; b < s.batch; b++)
        {
          AxAttentionShape one = s;
          one.batch = 1;
          one.tk = (gsize) lengths[b];
          on->attention_forward (&one, q->data + b * s.tq * d, k->data + b * s.tk * d, v->data + b * s.tk * d, NULL,
                                y->data + b * s.tq * d);
        }
      return y;
    }
  if (y->needs_grad)
    probs = ax_tape_scratch (tape, s.batch * s.heads * s.tq * s.tk * sizeof (float));
  on->attention_forward (&s, q->data, k->data, v->data, probs, y->data);
  ax_tape_push (tape, attention_backward, y, &(Attention){ q, k, v, probs, s }, sizeof (Attention));
  return y;
}
