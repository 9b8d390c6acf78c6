/* conv_weights.c: the weight gradient of a convolution.
 *
 * oneDNN's own split of this sum depends on the number of threads. Here the minibatch is cut into a fixed number of groups of images; each group's
 * gradient is one single-threaded primitive, and the groups are added in order. The 7x7 stem with its one input channel goes the same way: at
 * 256x256, batch 16, two cores it took 24 ms (AVX-512) and 17 ms (AVX2) against 51 ms for unfolding and multiplying, which serves only where oneDNN has
 * no primitive. */
#include "kernels/cpu/conv.h"

typedef struct {
  const AxConv *conv;
  const float *x, *dy;
  size_t size, images; /* floats of a packed gradient; images of a group */
  float *partial;
} Args;

static int
group_images (const AxConv *conv)
{
  return (conv->s.n + 3) / 4;
}

static AxPieceShape
group_shape (const AxConv *conv, int n)
{
  const AxConvShape *s = &conv->s;
  return (AxPieceShape) { n, s->h, s->w, s->ic, conv->oh, conv->ow, s->oc, s->kh, s->kw, s->stride, s->pad, s->pad,
                          ax_conv_pad_after (s->h, conv->oh, s->kh, s), ax_conv_pad_after (s->w, conv->ow, s->kw, s) };
}

static bool
prepare (AxConv *conv)
{
  if (conv->weight_unpack.primitive)
    return true;
  const int images = group_images (conv), rest = conv->s.n % images;
  AxPieceShape shape = group_shape (conv, images);
  if (!ax_primitive_conv (&conv->weight_grad[0], &shape, dnnl_backward_weights, false, false, false, NULL))
    return false;
  const dnnl_memory_desc_t *md = ax_primitive_md (&conv->weight_grad[0], DNNL_ARG_DIFF_WEIGHTS);
  if (rest) {
    shape = group_shape (conv, rest);
    if (!ax_primitive_conv (&conv->weight_grad[1], &shape, dnnl_backward_weights, false, false, false, md))
      return false;
  }
  dnnl_memory_desc_t plain;
  ax_md_oihw (&plain, conv->s.oc, conv->s.ic, conv->s.kh, conv->s.kw);
  return ax_primitive_reorder (&conv->weight_unpack, md, &plain);
}

static void
group_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxConv *conv = g->conv;
  const AxConvShape *s = &conv->s;
  for (size_t group = begin; group < end; group++) {
    const size_t image = group * g->images;
    const AxPrimitive *p = &conv->weight_grad[image + g->images > (size_t) s->n];
    const AxPrimitiveArg args[] = {
      { DNNL_ARG_SRC, ax_primitive_md (p, DNNL_ARG_SRC), g->x + image * (size_t) s->h * (size_t) s->w * (size_t) s->ic },
      { DNNL_ARG_DIFF_DST, ax_primitive_md (p, DNNL_ARG_DIFF_DST), g->dy + image * (size_t) conv->oh * (size_t) conv->ow * (size_t) s->oc },
      { DNNL_ARG_DIFF_WEIGHTS, ax_primitive_md (p, DNNL_ARG_DIFF_WEIGHTS), g->partial + group * g->size },
    };
    ax_primitive_run (p, 3, args);
  }
}

void
ax_conv_backward_weights (AxConv *conv, const float *x, const float *dy, float *dw, float *db)
{
  const AxConvShape *s = &conv->s;
  if (db)
    ax_column_sums ((size_t) s->n * (size_t) conv->oh * (size_t) conv->ow, (size_t) s->oc, dy, db);
  if (conv->scalar || !prepare (conv)) {
    ax_conv_unfold_backward_weights (conv, x, dy, dw);
    return;
  }
  const dnnl_memory_desc_t *md = ax_primitive_md (&conv->weight_grad[0], DNNL_ARG_DIFF_WEIGHTS);
  const size_t images = (size_t) group_images (conv), groups = ((size_t) s->n + images - 1) / images;
  const size_t size = (dnnl_memory_desc_get_size (md) / sizeof (float) + 15) & ~(size_t) 15;
  const size_t plain_size = (size_t) s->oc * (size_t) s->ic * (size_t) s->kh * (size_t) s->kw;
  float *partial = ax_scratch (AX_SCRATCH_CALLER, (groups * size + plain_size) * sizeof *partial), *plain = partial + groups * size;
  ax_parallel_for (groups, 1, group_piece, &(Args) { conv, x, dy, size, images, partial });
  for (size_t i = 1; i < groups; i++)
    ax_axpy (size, 1, partial + i * size, partial);
  const AxPrimitiveArg args[] = { { DNNL_ARG_FROM, ax_primitive_md (&conv->weight_unpack, DNNL_ARG_FROM), partial },
                                  { DNNL_ARG_TO, ax_primitive_md (&conv->weight_unpack, DNNL_ARG_TO), plain } };
  ax_primitive_run (&conv->weight_unpack, 2, args);
  ax_axpy (plain_size, 1, plain, dw);
}

void
ax_conv_weights_clear (AxConv *conv)
{
  ax_primitive_clear (&conv->weight_grad[0]);
  ax_primitive_clear (&conv->weight_grad[1]);
  ax_primitive_clear (&conv->weight_unpack);
}
