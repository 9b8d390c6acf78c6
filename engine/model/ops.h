/* ops.h: the operations that models are written with.
 *
 * Each runs at once on its tensors and, while the tape records, pushes its backward step. Shapes are [rows, columns] unless said; feature
 * maps are [n, h, w, c]. May use kernels/ and tensor.h. Weights are AxTensors that live in AxParameters.
 */
#pragma once
#include "engine/model/tensor.h"
#include "kernels/kernels.h"

/* y[rows,out] = act(x w[out,in]^T + b); b may be NULL. w and b may be row slices, see ax_tensor_rows_view(). */
AxTensor *ax_linear        (AxTape *tape, AxTensor *x, AxTensor *w, AxTensor *b, AxActivation act);
/* Rows [from, from+count) of a parameter matrix (or elements of a vector) as a tensor of its own; no copy, the gradient is shared. */
AxTensor *ax_tensor_rows_view (AxTape *tape, AxTensor *t, int from, int count);

AxTensor *ax_plus          (AxTape *tape, AxTensor *a, AxTensor *b);
/* y = x + p, where p's rows repeat over x's (x rows are a multiple of p rows): position encodings. */
AxTensor *ax_plus_repeated (AxTape *tape, AxTensor *x, AxTensor *p);
/* x[batch, t, d] and one row head[d] -> [batch, 1+t, d]. */
AxTensor *ax_prepend_row   (AxTape *tape, AxTensor *x, AxTensor *head);
/* Rows [from, from+count) of every sequence of x[batch, t, d]. */
AxTensor *ax_sequence_rows (AxTape *tape, AxTensor *x, int from, int count);
/* p[t, d] repeated for every one of `batch` sequences. */
AxTensor *ax_repeat        (AxTape *tape, AxTensor *p, int batch);
AxTensor *ax_layernorm     (AxTape *tape, AxTensor *x, AxTensor *gamma, AxTensor *beta, float eps);
AxTensor *ax_dropout_op    (AxTape *tape, AxTensor *x, float p);      /* the identity unless the tape is in training mode */
AxTensor *ax_sigmoid_op    (AxTape *tape, AxTensor *x);
AxTensor *ax_l2norm        (AxTape *tape, AxTensor *x, float eps);

/* q[batch, tq, d], k and v[batch, tk, d] -> [batch, tq, d]; heads of d/heads columns, scale 1/sqrt(d/heads). `lengths` (may be NULL)
 * masks keys at and beyond lengths[b] by running every sequence on its own. */
AxTensor *ax_attention     (AxTape *tape, AxTensor *q, AxTensor *k, AxTensor *v, int heads, const int *lengths);

/* One convolution with its batch normalisation. The packed oneDNN object of the last shapes is kept here. */
typedef struct {
  AxParameter *w;                            /* [oc, ic, kh, kw] */
  AxParameter *bias;                         /* [oc] or NULL */
  AxParameter *gamma, *beta, *mean, *var;    /* [oc] each, or all NULL: no normalisation */
  int ic, oc, k, stride, pad;
  AxParameters *owner;
  GPtrArray *cache;                          /* packed convolutions by shape */
} AxConvLayer;

void      ax_conv_layer_clear (AxConvLayer *layer);
/* y = relu?(norm(conv(x)) + residual). Batch normalisation uses the running statistics, folded into the convolution, unless the tape is
 * in training mode and its gamma is trainable: then it uses the batch's and moves the running ones (momentum 0.1, as PyTorch). */
AxTensor *ax_conv_norm     (AxTape *tape, AxConvLayer *layer, AxTensor *x, AxTensor *residual, gboolean relu);
AxTensor *ax_maxpool       (AxTape *tape, AxTensor *x, int k, int stride, int pad);
