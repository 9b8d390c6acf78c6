/* Convolution with batch normalisation, and pooling. See ops.h. */
#include "engine/model/ops.h"
#include <math.h>
#include <string.h>

/* A packed convolution of one input shape. Training and inference, and the last batch of an epoch, give a layer a few shapes. */
typedef struct {
  AxConvShape shape;
  gboolean    relu, training;
  guint       generation;
  AxConv     *conv;
} Packed;

#define MAX_PACKED 3

static void
packed_free (gpointer data)
{
  Packed *p = data;
  ax_conv_free (p->conv);
  g_free (p);
}

void
ax_conv_layer_clear (AxConvLayer *layer)
{
  g_clear_pointer (&layer->cache, g_ptr_array_unref);
}

static AxConv *
packed_get (AxConvLayer *layer, const AxConvShape *shape, gboolean relu, gboolean training, gboolean fold, float *scale, float *shift)
{
  Packed *p = NULL;
  if (layer->cache == NULL)
    layer->cache = g_ptr_array_new_with_free_func (packed_free);
  for (guint i = 0; i < layer->cache->len && p == NULL; i++)
    {
      Packed *q = layer->cache->pdata[i];
      if (memcmp (&q->shape, shape, sizeof *shape) == 0 && q->relu == relu && q->training == training)
        p = q;
    }
  if (p == NULL)
    {
      if (layer->cache->len >= MAX_PACKED)
        g_ptr_array_remove_index (layer->cache, 0);
      p = g_new0 (Packed, 1);
      p->shape = *shape;
      p->relu = relu;
      p->training = training;
      p->conv = ax_conv_new (shape, relu, training);
      if (p->conv == NULL)
        g_error ("No convolution for %s [%d,%d,%d,%d]", layer->w->name, shape->n, shape->h, shape->w, shape->ic);
      g_ptr_array_add (layer->cache, p);
    }
  /* Generation 0 never matches: a layer whose running statistics just moved repacks. */
  if (p->generation != layer->owner->generation)
    {
      ax_conv_set_weights (p->conv, layer->w->t.data, fold ? scale : NULL, fold ? shift : NULL);
      p->generation = layer->owner->generation;
    }
  return p->conv;
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
  AxParameter *w = c->layer->w;
  if (w->t.needs_grad)
    {
      AxParameter *b = c->layer->bias;
      float *db = b && b->t.needs_grad ? b->t.grad : NULL;
      if (c->scale == NULL)
        ax_conv_backward_weights (c->conv, c->x->data, dy, w->t.grad, db);
      else
        {
          gsize per = w->t.n / (gsize) c->layer->oc;
          float *dw = ax_tape_scratch (tape, w->t.n * sizeof (float));
          memset (dw, 0, w->t.n * sizeof (float));
          ax_conv_backward_weights (c->conv, c->x->data, dy, dw, db);
          for (int o = 0; o < c->layer->oc; o++)
            ax_axpy (per, c->scale[o], dw + (gsize) o * per, w->t.grad + (gsize) o * per);
          ax_tape_give (tape, dw);
        }
    }
  if (c->x->needs_grad)
    {
      gboolean first = c->x->grad == NULL;
      if (first)
        c->x->grad = ax_tape_scratch (tape, c->x->n * sizeof (float));
      ax_conv_backward_data (c->conv, dy, c->x->grad, !first);
    }
}

static void
conv_folded_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  ConvNorm *c = data;
  float *dy = y->grad;
  if (c->relu)
    {
      dy = ax_tape_scratch (tape, y->n * sizeof (float));
      memset (dy, 0, y->n * sizeof (float));
      ax_activation_backward (AX_ACT_RELU, y->n, NULL, y->data, y->grad, dy);
    }
  if (c->residual && c->residual->needs_grad)
    ax_axpy (y->n, 1, dy, ax_tensor_grad (tape, c->residual));
  conv_input_and_weight_gradients (tape, c, dy);
  if (c->relu)
    ax_tape_give (tape, dy);
}

static void
conv_batch_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  ConvNorm *c = data;
  AxConvLayer *l = c->layer;
  float *dconv = ax_tape_scratch (tape, y->n * sizeof (float));
  memset (dconv, 0, y->n * sizeof (float));
  ax_batchnorm_backward (ax_tensor_rows (y), (gsize) l->oc, c->y_conv->data, y->data, l->gamma->t.data, c->mean, c->rstd, c->relu, y->grad,
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
  gboolean record = ax_tape_recording (tape);
  gboolean batch = layer->gamma && layer->gamma->t.needs_grad && ax_tape_training (tape);
  AxConvShape shape = { x->shape[0], x->shape[1], x->shape[2], layer->ic, layer->oc, layer->k, layer->k, layer->stride, layer->pad };
  int oh = ax_conv_out (shape.h, layer->k, layer->stride, layer->pad), ow = ax_conv_out (shape.w, layer->k, layer->stride, layer->pad);
  gboolean needs = layer->w->t.needs_grad || x->needs_grad || (residual && residual->needs_grad);
  AxTensor *y = ax_tensor_new (tape, needs, 4, (int[]){ shape.n, oh, ow, layer->oc });
  ConvNorm c = { layer, NULL, x, residual, NULL, NULL, NULL, NULL, relu };
  gsize oc = (gsize) layer->oc;

  if (batch)
    {
      gsize rows = ax_tensor_rows (y);
      c.conv = packed_get (layer, &shape, FALSE, record, FALSE, NULL, NULL);
      c.y_conv = ax_tensor_new (tape, FALSE, 4, y->shape);
      c.mean = ax_tape_scratch (tape, oc * sizeof (float));
      c.rstd = ax_tape_scratch (tape, oc * sizeof (float));
      ax_conv_forward (c.conv, x->data, NULL, c.y_conv->data);
      ax_batchnorm_forward (rows, oc, c.y_conv->data, layer->gamma->t.data, layer->beta->t.data, residual ? residual->data : NULL, relu,
                            BN_EPS, y->data, c.mean, c.rstd);
      float unbias = rows > 1 ? (float) rows / (float) (rows - 1) : 1;
      float momentum = ax_tape_norm_momentum (tape);
      for (gsize i = 0; i < oc; i++)
        {
          float var = 1 / (c.rstd[i] * c.rstd[i]) - BN_EPS;
          layer->mean->t.data[i] += momentum * (c.mean[i] - layer->mean->t.data[i]);
          layer->var->t.data[i] += momentum * (MAX (var, 0) * unbias - layer->var->t.data[i]);
        }
      ax_tape_push (tape, conv_batch_backward, y, &c, sizeof c);
      return y;
    }

  float *shift = NULL;
  if (layer->gamma)
    {
      c.scale = ax_tape_scratch (tape, oc * sizeof (float));
      shift = ax_tape_scratch (tape, oc * sizeof (float));
      for (gsize i = 0; i < oc; i++)
        {
          c.scale[i] = layer->gamma->t.data[i] / sqrtf (layer->var->t.data[i] + BN_EPS);
          shift[i] = layer->beta->t.data[i] - layer->mean->t.data[i] * c.scale[i];
        }
    }
  else if (layer->bias)
    shift = layer->bias->t.data;
  c.conv = packed_get (layer, &shape, relu, record && needs, TRUE, c.scale, shift);
  ax_conv_forward (c.conv, x->data, residual ? residual->data : NULL, y->data);
  ax_tape_push (tape, conv_folded_backward, y, &c, sizeof c);
  return y;
}

typedef struct { AxTensor *x; AxConvShape shape; guint8 *index; } Pool;

static void
pool_backward (AxTape *tape, AxTensor *y, gpointer data)
{
  Pool *p = data;
  ax_maxpool_backward (&p->shape, y->grad, p->index, ax_tensor_grad (tape, p->x));
}

AxTensor *
ax_maxpool (AxTape *tape, AxTensor *x, int k, int stride, int pad)
{
  AxConvShape s = { x->shape[0], x->shape[1], x->shape[2], x->shape[3], x->shape[3], k, k, stride, pad };
  AxTensor *y = ax_tensor_new (tape, x->needs_grad, 4,
                               (int[]){ s.n, ax_conv_out (s.h, k, stride, pad), ax_conv_out (s.w, k, stride, pad), s.ic });
  guint8 *index = y->needs_grad ? ax_tape_scratch (tape, y->n) : NULL;
  ax_maxpool_forward (&s, x->data, y->data, index);
  ax_tape_push (tape, pool_backward, y, &(Pool){ x, s, index }, sizeof (Pool));
  return y;
}
