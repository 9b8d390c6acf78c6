/* pool2d.c: max pooling of feature maps; pieces are rows of the output (forward) and of the input (backward, which gathers). */
#include "kernels/cpu/parallel.h"

typedef struct {
  const AxKernelTable *t;
  const AxConvShape *s;
  const float *in;
  float *out;
  uint8_t *index;
  const uint8_t *won;
} Args;

static void
forward_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->maxpool_forward (g->s, begin, end, g->in, g->out, g->index);
}

void
ax_maxpool_forward (const AxConvShape *shape, const float *x, float *y, uint8_t *index)
{
  size_t oh = (size_t) ax_conv_out (shape->h, shape->kh, shape->stride, shape->pad);
  size_t ow = (size_t) ax_conv_out (shape->w, shape->kw, shape->stride, shape->pad);
  ax_parallel_for ((size_t) shape->n * oh, ax_row_grain (ow * (size_t) shape->ic), forward_piece,
                   &(Args) { .t = ax_table (), .s = shape, .in = x, .out = y, .index = index });
}

static void
backward_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->t->maxpool_backward (g->s, begin, end, g->in, g->won, g->out);
}

void
ax_maxpool_backward (const AxConvShape *shape, const float *dy, const uint8_t *index, float *dx)
{
  ax_parallel_for ((size_t) shape->n * (size_t) shape->h, ax_row_grain ((size_t) shape->w * (size_t) shape->ic), backward_piece,
                   &(Args) { .t = ax_table (), .s = shape, .in = dy, .out = dx, .won = index });
}
