/* onednn.c: making and running single-threaded oneDNN primitives (contract: onednn.h). */
#include "kernels/cpu/onednn.h"
#include "kernels/cpu/machine.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static dnnl_engine_t engine;
static dnnl_stream_t stream; /* a CPU stream keeps no state between primitives */
static pthread_once_t engine_once = PTHREAD_ONCE_INIT;

static void
engine_init (void)
{
  if (dnnl_engine_create (&engine, dnnl_cpu, 0) != dnnl_success || dnnl_stream_create (&stream, engine, dnnl_stream_default_flags) != dnnl_success)
    engine = NULL;
}

static bool
engine_ready (void)
{
  ax_onednn_enter ();
  pthread_once (&engine_once, engine_init);
  return engine != NULL;
}

void
ax_md_nhwc (dnnl_memory_desc_t *md, int n, int h, int w, int c)
{
  dnnl_memory_desc_init_by_tag (md, 4, (dnnl_dims_t) { n, c, h, w }, dnnl_f32, dnnl_nhwc);
}

void
ax_md_oihw (dnnl_memory_desc_t *md, int oc, int ic, int kh, int kw)
{
  dnnl_memory_desc_init_by_tag (md, 4, (dnnl_dims_t) { oc, ic, kh, kw }, dnnl_f32, dnnl_oihw);
}

void
ax_md_vector (dnnl_memory_desc_t *md, int n)
{
  dnnl_memory_desc_init_by_tag (md, 1, (dnnl_dims_t) { n }, dnnl_f32, dnnl_a);
}

/* Takes ownership of desc. */
static bool
primitive_finish (AxPrimitive *p, dnnl_primitive_desc_t desc)
{
  p->desc = desc;
  p->scratch = dnnl_memory_desc_get_size (dnnl_primitive_desc_query_md (desc, dnnl_query_scratchpad_md, 0));
  if (dnnl_primitive_create (&p->primitive, desc) == dnnl_success)
    return true;
  dnnl_primitive_desc_destroy (desc);
  *p = (AxPrimitive) { 0 };
  return false;
}

static dnnl_primitive_desc_t
conv_desc (const AxPieceShape *s, dnnl_prop_kind_t prop, bool bias, const dnnl_memory_desc_t *weights, dnnl_primitive_attr_t attr,
           dnnl_primitive_desc_t hint)
{
  dnnl_memory_desc_t src, dst, wei, vec;
  ax_md_nhwc (&src, s->n, s->ih, s->iw, s->ic);
  ax_md_nhwc (&dst, s->n, s->oh, s->ow, s->oc);
  ax_md_vector (&vec, s->oc);
  if (weights)
    wei = *weights;
  else
    dnnl_memory_desc_init_by_tag (&wei, 4, (dnnl_dims_t) { s->oc, s->ic, s->kh, s->kw }, dnnl_f32, dnnl_format_tag_any);
  dnnl_dims_t strides = { s->stride, s->stride }, before = { s->top, s->left }, after = { s->bottom, s->right };
  dnnl_convolution_desc_t op;
  dnnl_status_t status;
  if (prop == dnnl_backward_data)
    status = dnnl_convolution_backward_data_desc_init (&op, dnnl_convolution_direct, &src, &wei, &dst, strides, before, after);
  else if (prop == dnnl_backward_weights)
    status = dnnl_convolution_backward_weights_desc_init (&op, dnnl_convolution_direct, &src, &wei, NULL, &dst, strides, before, after);
  else
    status = dnnl_convolution_forward_desc_init (&op, prop, dnnl_convolution_direct, &src, &wei, bias ? &vec : NULL, &dst, strides, before,
                                                 after);
  dnnl_primitive_desc_t desc;
  if (status != dnnl_success || dnnl_primitive_desc_create (&desc, &op, attr, engine, hint) != dnnl_success)
    return NULL;
  return desc;
}

bool
ax_primitive_conv (AxPrimitive *p, const AxPieceShape *s, dnnl_prop_kind_t prop, bool bias, bool sum, bool relu,
                   const dnnl_memory_desc_t *weights)
{
  *p = (AxPrimitive) { 0 };
  if (!engine_ready ())
    return false;
  dnnl_primitive_attr_t attr;
  dnnl_primitive_attr_create (&attr);
  dnnl_primitive_attr_set_scratchpad_mode (attr, dnnl_scratchpad_mode_user);
  if (sum || relu) {
    dnnl_post_ops_t ops;
    dnnl_post_ops_create (&ops);
    if (sum)
      dnnl_post_ops_append_sum (ops, 1.0f);
    if (relu)
      dnnl_post_ops_append_eltwise (ops, 1.0f, dnnl_eltwise_relu, 0, 0);
    dnnl_primitive_attr_set_post_ops (attr, ops);
    dnnl_post_ops_destroy (ops);
  }
  dnnl_primitive_desc_t hint = NULL, desc = NULL;
  bool backward = prop == dnnl_backward_data || prop == dnnl_backward_weights;
  if (!backward || (hint = conv_desc (s, dnnl_forward_training, false, NULL, NULL, NULL)))
    desc = conv_desc (s, prop, bias, weights, attr, hint);
  if (hint)
    dnnl_primitive_desc_destroy (hint);
  dnnl_primitive_attr_destroy (attr);
  return desc && primitive_finish (p, desc);
}

bool
ax_primitive_reorder (AxPrimitive *p, const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to)
{
  *p = (AxPrimitive) { 0 };
  if (!engine_ready ())
    return false;
  dnnl_primitive_attr_t attr;
  dnnl_primitive_attr_create (&attr);
  dnnl_primitive_attr_set_scratchpad_mode (attr, dnnl_scratchpad_mode_user);
  dnnl_primitive_desc_t desc = NULL;
  dnnl_status_t status = dnnl_reorder_primitive_desc_create (&desc, from, engine, to, engine, attr);
  dnnl_primitive_attr_destroy (attr);
  return status == dnnl_success && primitive_finish (p, desc);
}

void
ax_primitive_clear (AxPrimitive *p)
{
  if (p->primitive)
    dnnl_primitive_destroy (p->primitive);
  if (p->desc)
    dnnl_primitive_desc_destroy (p->desc);
  *p = (AxPrimitive) { 0 };
}

const dnnl_memory_desc_t *
ax_primitive_md (const AxPrimitive *p, int arg)
{
  return dnnl_primitive_desc_query_md (p->desc, dnnl_query_exec_arg_md, arg);
}

void
ax_primitive_run (const AxPrimitive *p, int n, const AxPrimitiveArg *args)
{
  enum { MAX_ARGS = 6 };
  dnnl_exec_arg_t exec[MAX_ARGS];
  ax_onednn_enter ();
  int count = 0;
  for (int i = 0; i < n; i++) {
    if (dnnl_memory_create (&exec[count].memory, args[i].md, engine, (void *) args[i].data) != dnnl_success)
      abort (); /* out of memory */
    exec[count++].arg = args[i].arg;
  }
  if (p->scratch) {
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md (p->desc, dnnl_query_scratchpad_md, 0);
    if (dnnl_memory_create (&exec[count].memory, md, engine, ax_scratch (AX_SCRATCH_PRIMITIVE, p->scratch)) != dnnl_success)
      abort ();
    exec[count++].arg = DNNL_ARG_SCRATCHPAD;
  }
  dnnl_status_t status = dnnl_primitive_execute (p->primitive, stream, count, exec);
  if (status != dnnl_success) {
    fprintf (stderr, "kernels: oneDNN primitive failed with status %d\n", (int) status);
    abort (); /* a wrong answer must not pass for a right one */
  }
  for (int i = 0; i < count; i++)
    dnnl_memory_destroy (exec[i].memory);
}
