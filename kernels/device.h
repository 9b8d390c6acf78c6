/* device.h: what computes: the processor or a graphics processor, behind one table.
 *
 * What lives here: AxDevice: memory that its operations work on, the way there and back, and the operations of kernels.h as function pointers. A model keeps the
 * device that holds its weights and calls through it, so that each model is written once. kernels/cpu's table works on ordinary memory and cannot fail;
 * kernels/cuda's works on the card's (host is false: its pointers must not be followed here). May use kernels.h.
 *
 * One thread at a time works with a device that is not the host. Its errors are sticky: after the first, all work is skipped until error() has told it, so a
 * sequence of calls needs one question at its end.
 */
#pragma once
#include "kernels/kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Every operation of kernels.h that works on arrays. */
#define AX_DEVICE_OPERATIONS(X) \
  X (gemm) X (linear_forward) X (linear_backward) X (conv_new) X (conv_free) X (conv_set_weights) X (conv_forward) \
  X (conv_backward_data) X (conv_backward_weights) X (maxpool_forward) X (maxpool_backward) X (batchnorm_forward) X (batchnorm_backward) \
  X (layernorm_forward) X (layernorm_backward) X (softmax_forward) X (softmax_backward) X (l2norm_forward) X (l2norm_backward) X (attention_forward) \
  X (attention_backward) X (rmsnorm_forward) X (rmsnorm_backward) X (rope) X (gated_gelu_forward) X (gated_gelu_backward) X (span_attention_forward) \
  X (span_attention_backward) X (cache_attention) X (qmatrix_new) X (qmatrix_free) X (qmatrix_set_rows) X (qmatrix_get_rows) X (qmatrix_set_exact) \
  X (qmatrix_out) X (qmatrix_in) X (qmatrix_type) X (qmatrix_bytes) X (qmatrix_forward) X (qmatrix_top) X (qmatrix_backward_data) \
  X (cross_entropy_forward) X (cross_entropy_backward) X (argmax) X (add) X (axpy) X (scale) X (add_rows) X (activation_forward) \
  X (activation_backward) X (dropout) X (sigmoid) X (sum_squares) X (column_sums) X (adamw) X (f16_to_f32) X (f32_to_f16) X (bf16_to_f32) \
  X (f32_to_bf16) X (batchnorm_fold) X (batchnorm_track) X (rows_gather) X (rows_scatter) X (rows_axpy) X (columns_fill) X (gated_rows_forward) \
  X (gated_rows_backward) X (heads_forward) X (heads_backward) X (cache_store) X (step_begin) X (argmax_rows) X (choose_token) X (sigmoid_backward) \
  X (squares_add) X (uniform_rows)

typedef struct AxDevice AxDevice;
struct AxDevice {
  const char *name;                                        /* "cpu", "cuda" */
  bool host;
  /* NULL when it can be used, else why not, in words for the user. Starts it; may be called again. */
  const char *(*start) (void);
  const char *(*title) (void);                             /* the chip's own name; after start() */
  void (*memory) (size_t *free_bytes, size_t *total_bytes);/* after start(); zeros for the host */
  size_t (*taken) (void);                                  /* bytes handed out by alloc() now; 0 for the host */
  /* 4096-byte aligned on the host, 256 on a card. NULL when it does not fit (no error is kept). */
  void *(*alloc) (size_t bytes);
  void (*free) (void *p);
  void (*upload) (void *to, const void *host, size_t bytes);     /* the host's memory may be reused at once */
  void (*download) (void *host, const void *from, size_t bytes); /* waits for all work before it; zeros when an error is kept */
  void (*copy) (void *to, const void *from, size_t bytes);
  void (*zero) (void *p, size_t bytes);
  void (*sync) (void);
  void (*fail) (const char *what);                         /* keeps an error, as if an operation had failed */
  bool (*ok) (void);                                       /* FALSE: an error is kept, as far as is known without waiting */
  const char *(*error) (void);                             /* the first error since the last call, or NULL; forgets it. Waits for all work */
  /* Records what is called between the two instead of running it: every call must be an operation, copy() or zero() on arrays that stay where they are, and must
   * have run once before, so that its scratch memory is there. NULL: cannot be recorded (the host, or an error). */
  bool (*record) (void);
  void *(*recorded) (void);
  void (*replay) (void *graph);
  void (*forget) (void *graph);
  /* Whether products of float32 may round their factors to TF32 (ten bits of fraction, 2^-11 of each at most) where the device has such instructions; not at first.
   * For training; the host never does. */
  void (*allow_tf32) (bool allow);
  unsigned (*epoch) (void);                                /* grows when memory has moved that graphs recorded before then use: forget those */
#define X(name) __typeof__ (ax_##name) *name;
  AX_DEVICE_OPERATIONS (X)
#undef X
};

/* The processor. */
const AxDevice *ax_device_cpu (void);
/* NVIDIA's first card; NULL in a build without its kernels. */
const AxDevice *ax_device_cuda (void);

#ifdef __cplusplus
}
#endif
