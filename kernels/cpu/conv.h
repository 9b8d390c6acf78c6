/* conv.h: the inside of AxConv, shared by conv.c (forward and data gradient), conv_weights.c (weight gradient) and conv_plain.c. Private. */
#pragma once
#include "kernels/cpu/onednn.h"
#include "kernels/cpu/parallel.h"

#define AX_CONV_KINDS 4

/* Weights in the layout that one or more primitives asked for. */
typedef struct {
  dnnl_memory_desc_t md;
  AxPrimitive reorder;
  float *data;
} AxPackedWeights;

/* One shape of piece and its primitives. */
typedef struct {
  AxPieceShape shape;
  AxPrimitive plain, sum; /* without and with a residual; sum is made on first use */
  int plain_weights, sum_weights; /* index into packed */
} AxConvKind;

struct AxConv {
  AxConvShape s;
  int oh, ow;
  bool relu, training;
  bool scalar;              /* made under the scalar table: plain loops only */
  float *weights, *bias;    /* PyTorch's layout, scaled; [oc] */
  AxPackedWeights packed[2 * AX_CONV_KINDS + 1];
  int n_packed;
  /* forward: strips of `strip` output rows of one image */
  int strip, strips;
  AxConvKind kinds[AX_CONV_KINDS];
  int n_kinds;
  AxPrimitive data_grad;    /* one image */
  int data_weights;
  AxPrimitive weight_grad[2]; /* a group of images, and the last, smaller group */
  AxPrimitive weight_unpack;
};

/* Padding after the last element: what the last window needs, which is less than before the first where the stride leaves elements unused. */
static inline int
ax_conv_pad_after (int in, int out, int k, const AxConvShape *s)
{
  int after = (out - 1) * s->stride + k - in - s->pad;
  return after > 0 ? after : 0;
}

void ax_conv_plain_forward (const AxConv *conv, const float *x, const float *residual, float *y);
void ax_conv_plain_backward_data (const AxConv *conv, const float *dy, float *dx, bool accumulate);
/* Unfolds images and multiplies; serves the scalar table and whatever oneDNN refuses. */
void ax_conv_unfold_backward_weights (const AxConv *conv, const float *x, const float *dy, float *dw);
void ax_conv_weights_clear (AxConv *conv);
