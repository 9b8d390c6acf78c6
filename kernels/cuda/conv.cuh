/* conv.cuh: a convolution as conv.cu (float32) and conv_mma.cu (products in bfloat16) share it, and what becomes of its sums. */
#pragma once
#include "kernels/cuda/common.cuh"

struct AxConv {
  AxConvShape s;
  int oh, ow;
  bool relu;
  float *w;              /* [oc, kh*kw*ic], scaled; NULL where products are in bfloat16 */
  float *bias;           /* [oc] */
  uint16_t *wb, *turned; /* with bfloat16: [oc, kh*kw*ic] and, for training, [ic, kh*kw*oc], rows filled up with zeros to multiples of 8 */
};

static inline size_t ax_conv_row (size_t k) { return (k + 7) / 8 * 8; }

/* y = relu?(sum + bias + residual) */
struct ConvFinished {
  const float *bias, *residual;
  bool relu;
  float *y;
  size_t oc;
  __device__ __forceinline__ void
  operator() (size_t, size_t row, size_t column, float sum) const
  {
    float v = sum + bias[column];
    if (residual)
      v += residual[row * oc + column];
    y[row * oc + column] = relu && !(v > 0) ? 0 : v;
  }
};

/* A piece's sums, to be added up in the order of the pieces. */
struct ConvPartial {
  float *data;
  size_t rows, columns;
  __device__ __forceinline__ void operator() (size_t z, size_t row, size_t column, float sum) const { data[(z * rows + row) * columns + column] = sum; }
};

/* conv_mma.cu: the same as kernels.h says, without the bias's gradient. partial holds `pieces` times the weights. */
void ax_cuda_conv_forward_mma (AxConv *c, const float *x, const float *residual, float *y);
void ax_cuda_conv_backward_data_mma (AxConv *c, const float *dy, float *dx, bool accumulate);
void ax_cuda_conv_partial_weights_mma (AxConv *c, const float *x, const float *dy, size_t pieces, float *partial);
