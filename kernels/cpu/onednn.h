/* onednn.h: the little of oneDNN's C API that convolutions need. Private to kernels/cpu.
 *
 * Every primitive is made and run under one OpenMP thread (ax_onednn_enter) with a scratchpad of the running thread, so one primitive may run in
 * several threads of the pool at once. */
#pragma once
#include "kernels/kernels.h"

#include <oneapi/dnnl/dnnl.h>

typedef struct {
  dnnl_primitive_t primitive; /* NULL: not made */
  dnnl_primitive_desc_t desc;
  size_t scratch;
} AxPrimitive;

typedef struct {
  int arg;
  const dnnl_memory_desc_t *md;
  const void *data;
} AxPrimitiveArg;

/* A convolution of one piece: height may be a strip, so top and bottom padding differ. */
typedef struct {
  int n, ih, iw, ic, oh, ow, oc, kh, kw, stride, top, left, bottom, right;
} AxPieceShape;

/* prop: dnnl_forward_inference, dnnl_backward_data or dnnl_backward_weights. weights NULL lets oneDNN choose their layout. Returns whether made. */
bool ax_primitive_conv (AxPrimitive *p, const AxPieceShape *s, dnnl_prop_kind_t prop, bool bias, bool sum, bool relu,
                        const dnnl_memory_desc_t *weights);
bool ax_primitive_reorder (AxPrimitive *p, const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to);
void ax_primitive_clear (AxPrimitive *p);
void ax_primitive_run (const AxPrimitive *p, int n, const AxPrimitiveArg *args);

const dnnl_memory_desc_t *ax_primitive_md (const AxPrimitive *p, int arg);
void ax_md_nhwc (dnnl_memory_desc_t *md, int n, int h, int w, int c);
void ax_md_oihw (dnnl_memory_desc_t *md, int oc, int ic, int kh, int kw);
void ax_md_vector (dnnl_memory_desc_t *md, int n);
