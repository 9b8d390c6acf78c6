/* Convolution with batch normalisation, and pooling. See ops.h. */
#include "engine/model/ops.h"
#include <math.h>
#include <string.h>

/* A packed convolution of one input shape. Training and inference, and the last batch of an epoch, give a layer a few shapes. */
typedef struct {
  AxConvShape shape;
  gboolean    relu, training;
  guint       generation;
  const AxDevice *on;
  AxConv     *conv;            /* NULL: the device is out of memory, which its error tells */
} Packed;

#define MAX_PACKED 3

static void
packed_free (gpointer data)
{
  Packed *p = data;
  p->on->conv_free (p->conv);
  g_free (p);
}

void
ax_conv_layer_clear (AxConvLayer *layer)
{
  g_clear_pointer (&layer->cache, g_ptr_array_unref);
}

/* The convolution for this shape; its weights may be of an earlier generation. */
static Packed *
packed_get (const AxDevice *on, AxConvLayer *layer, const AxConvShape *shape, gboolean relu, gboolean training)
{
  Packed *p = NULL;
  if (layer->cache == NULL)
    layer->cache = g_ptr_array_new_with_free_func (packed_free);
  for (guint i = 0; i < layer->cache->len && p == NULL; i++)
    {
      Packed *q = layer->cache->pdata[i];
      if (memcmp (&q->shape, shape, sizeof *shape) == 0 && q->relu == relu && q->training == training && q->on == on)
        p = q;
    }
  if (p == NULL)
    {
      if (layer->cache->len >= MAX_PACKED)
        g_ptr_array_remove_index (layer->cache, 0);
      p = g_new0 (Packed, 1);
      *p = (Packed){ .shape = *shape, .relu = relu, .training = training, .on = on };
      g_ptr_array_add (layer->cache, p);
    }
  if (p->conv == NULL)         /* new, or there was no memory for it before */
    p->conv = on->conv_new (shape, relu, training);
  if (p->conv == NULL && on->host)
    g_error ("No convolution for %s [%d,%d,%d,%d]", layer->w->name, shape->n, shape->h, shape->w, shape->ic);
  if (p->conv == NULL)
    on->fail ("no memory for a convolution's weights");
  return p;
}

/* Generation 0 never matches: a layer whose running statistics just moved repacks. */
static gboolean
packed_stale (const Packed *p, const AxConvLayer *layer)
{
  return p->conv != NULL && p->generation != layer->owner->generation;
}

static void
packed_set (Packed *p, const AxConvLayer *layer, const float *scale, const float *shift)
{
  p->on->conv_set_weights (p->conv, layer->w->t.data, scale, shift);
  if (p->on->ok ())            /* else nothing was packed */
    p->generation = layer->owner->generation;
}

typedef struct {
  AxConvLayer *layer;
  AxConv      *conv;
  AxTensor    *x, *residual, *y_conv;    /* y_conv: before batch normalisation, batch mode only */
  float       *scale, *mean, *rstd;
  gboolean     relu;
} ConvNorm;

static void
conv_input_and_weight_gradients (AxTape *tape, ConvNorm *c, const float *dy)
{
  const AxDevice *on = ax_tape_device (tape);
  AxParameter *w = c->layer->w;
  if (c->conv == NULL)
    return;
  if (w->t.needs_grad)
    {
      AxParameter *b = c->layer->bias;
      float *db = b && b->t.needs_grad ? b->t.grad : NULL;
      if (c->scale == NULL)
        on->conv_backward_weights (c->conv, c->x->data, dy, w->t.grad, db);
      else
        {
          gsize per = w->t.n / (gsize) c->layer->oc;
          float *dw = ax_tape_scratch (tape, w->t.n * sizeof (float));
          on->zero (dw, w->t.n * sizeof (float));
          on->conv_backward_weights (c->conv, c->x->data, dy, dw, db);
          on->rows_axpy ((gsize) c->layer->oc, per, c->scale, dw, w->t.grad);
          ax_tape_give (tape, dw);
        }
    }
  if (c->x->needs_grad)
    {
      gboolean first = c->x->grad == NULL;
      if (first)
        c->x->grad = ax_tape_scratch (tape, c->x->n * sizeof (float));
      on->conv_backward_data (c->conv, dy, c->x->grad, !first);
    }
}

static void
conv_folded_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  ConvNorm *c = data;
  float *dy = y->grad;
  if (c->relu)
    {
      dy = ax_tape_scratch (tape, y->n * sizeof (float));
      on->zero (dy, y->n * sizeof (float));
      on->activation_backward (AX_ACT_RELU, y->n, NULL, y->data, y->grad, dy);
    }
  if (c->residual && c->residual->needs_grad)
    on->axpy (y->n, 1, dy, ax_tensor_grad (tape, c->residual));
  conv_input_and_weight_gradients (tape, c, dy);
  if (c->relu)
    ax_tape_give (tape, dy);
}

static void
conv_batch_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  ConvNorm *c = data;
  AxConvLayer *l = c->layer;
  float *dconv = ax_tape_scratch (tape, y->n * sizeof (float));
  on->zero (dconv, y->n * sizeof (float));
  on->batchnorm_backward (ax_tensor_rows (y), (gsize) l->oc, c->y_conv->data, y->data, l->gamma->t.data, c->mean, c->rstd, c->relu, y->grad,
                         dconv, l->gamma->t.grad, l->beta->t.grad,
                         c->residual && c->residual->needs_grad ? ax_tensor_grad (tape, c->residual) : NULL);
  conv_input_and_weight_gradients (tape, c, dconv);
  ax_tape_give (tape, dconv);
  ax_tape_give (tape, c->y_conv->data);
}

#define BN_EPS 1e-5f

AxTensor *
ax_conv_norm (AxTape *tape, AxConvLayer *layer, AxTensor *x, AxTensor *residual, gboolean relu)
{
  const AxDevice *on = ax_tape_device (tape);
  gboolean record = ax_tape_recording (tape);
  gboolean batch = layer->gamma && layer->gamma->t.needs_grad && ax_tape_training (tape);
  AxConvShape shape = { x->shape[0], x->shape[1], x->shape[2], layer->ic, layer->oc, layer->k, layer->k, layer->stride, layer->pad, ax_tape_bf16 (tape) };
  int oh = ax_conv_out (shape.h, layer->k, layer->stride, layer->pad), ow = ax_conv_out (shape.w, layer->k, layer->stride, layer->pad);
  gboolean needs = layer->w->t.needs_grad || x->needs_grad || (residual && residual->needs_grad);
  AxTensor *y = ax_tensor_new (tape, needs, 4, (int[]){ shape.n, oh, ow, layer->oc });
  ConvNorm c = { layer, NULL, x, residual, NULL, NULL, NULL, NULL, relu };
  gsize oc = (gsize) layer->oc;

  if (batch)
    {
      gsize rows = ax_tensor_rows (y);
      Packed *p = packed_get (on, layer, &shape, FALSE, record);
      if (packed_stale (p, layer))
        packed_set (p, layer, NULL, NULL);
      c.conv = p->conv;
      c.y_conv = ax_tensor_new (tape, FALSE, 4, y->shape);
      c.mean = ax_tape_scratch (tape, oc * sizeof (float));
      c.rstd = ax_tape_scratch (tape, oc * sizeof (float));
      if (c.conv != NULL)
        on->conv_forward (c.conv, x->data, NULL, c.y_conv->data);
      on->batchnorm_forward (rows, oc, c.y_conv->data, layer->gamma->t.data, layer->beta->t.data, residual ? residual->data : NULL, relu,
                             BN_EPS, y->data, c.mean, c.rstd);
      on->batchnorm_track (rows, oc, c.mean, c.rstd, BN_EPS, ax_tape_norm_momentum (tape), layer->mean->t.data, layer->var->t.data);
      ax_tape_push (tape, conv_batch_backward, y, &c, sizeof c);
      return y;
    }

  Packed *p = packed_get (on, layer, &shape, relu, record && needs);
  const gboolean stale = packed_stale (p, layer);
  float *shift = layer->bias ? layer->bias->t.data : NULL, *folded = NULL;
  c.conv = p->conv;
  if (layer->gamma && (stale || y->needs_grad))
    {
      c.scale = ax_tape_scratch (tape, oc * sizeof (float));
      shift = folded = ax_tape_scratch (tape, oc * sizeof (float));
      on->batchnorm_fold (oc, layer->gamma->t.data, layer->beta->t.data, layer->mean->t.data, layer->var->t.data, BN_EPS, c.scale, shift);
    }
  if (stale)
    packed_set (p, layer, c.scale, shift);
  ax_tape_give (tape, folded);
  if (c.conv != NULL)
    on->conv_forward (c.conv, x->data, residual ? residual->data : NULL, y->data);
  ax_tape_push (tape, conv_folded_backward, y, &c, sizeof c);
  return y;
}

typedef struct { AxTensor *x; AxConvShape shape; guint8 *index; } Pool;

static void
pool_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  const AxDevice *on = ax_tape_device (tape);
  Pool *p = data;
  on->maxpool_backward (&p->shape, y->grad, p->index, ax_tensor_grad (tape, p->x));
}

AxTensor *
ax_maxpool (AxTape *tape, AxTensor *x, int k, int stride, int pad)
{
  const AxDevice *on = ax_tape_device (tape);
  AxConvShape s = { x->shape[0], x->shape[1], x->shape[2], x->shape[3], x->shape[3], k, k, stride, pad };
  AxTensor *y = ax_tensor_new (tape, x->needs_grad, 4,
                               (int[]){ s.n, ax_conv_out (s.h, k, stride, pad), ax_conv_out (s.w, k, stride, pad), s.ic });
  guint8 *index = y->needs_grad ? ax_tape_scratch (tape, y->n) : NULL;
  on->maxpool_forward (&s, x->data, y->data, index);
  ax_tape_push (tape, pool_backward, y, &(Pool){ x, s, index }, sizeof (Pool));
  return y;
}
