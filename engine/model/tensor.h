/* tensor.h: arrays, parameters and the tape.
 *
 * What lives here: AxTensor (a float32 array with a shape and, when it learns, a gradient), AxTape (where activations are allocated and,
 * while recording, the list of backward steps) and AxParameters (the named weights of a model). It may use kernels/ and GLib.
 *
 * A tape and its tensors live on one device (kernels/device.h), and parameters that it uses on the same. On a device that is not the host, data and grad
 * must not be followed here: ax_tensor_set() and the functions beside it go there and back, and do nothing but hand out the pointer on the host.
 *
 * A model is written as a straight sequence of calls of ops.h. Each call runs at once. When the tape records, the call also pushes its
 * backward step, and ax_tape_backward() runs these in reverse. So training is the same forward code plus a recording tape.
 */
#pragma once
#include "kernels/device.h"
#include <gio/gio.h>
#include <stdint.h>

#define AX_MAX_DIMS 4

typedef struct {
  float   *data;
  float   *grad;               /* NULL until a gradient reaches it (activations) or training starts (parameters) */
  gsize    n;                  /* number of elements */
  int      ndim;
  int      shape[AX_MAX_DIMS];
  gboolean needs_grad;
} AxTensor;

/* Rows and columns of a tensor seen as a matrix [n / last dimension, last dimension]. */
static inline gsize ax_tensor_cols (const AxTensor *t) { return (gsize) t->shape[t->ndim - 1]; }
static inline gsize ax_tensor_rows (const AxTensor *t) { return t->n / ax_tensor_cols (t); }

/* ---- tape --------------------------------------------------------------------------------------------------------------- */

typedef struct _AxTape AxTape;

/* A backward step: reads out->grad and adds to the gradients of its inputs. `payload` is the copy given to ax_tape_push(). */
typedef void (*AxBackward) (AxTape *tape, AxTensor *out, gpointer payload);

/* On the processor, or on a started device that outlives it. Running out of memory ends the program on the processor; elsewhere work is skipped from there
 * on and ax_tape_check() tells. */
AxTape   *ax_tape_new       (gboolean recording);
AxTape   *ax_tape_new_on    (const AxDevice *device, gboolean recording);
const AxDevice *ax_tape_device (const AxTape *tape);
/* After a pass: FALSE with G_IO_ERROR_FAILED or, out of memory, G_IO_ERROR_NO_SPACE if the device failed in it. What came out is then worth nothing. Waits. */
gboolean  ax_tape_check     (AxTape *tape, GError **error);
/* The same for work without a tape. */
gboolean  ax_device_check   (const AxDevice *device, GError **error);
void      ax_tape_free      (AxTape *tape);
gboolean  ax_tape_recording (const AxTape *tape);
/* While paused, operations run as on a tape that does not record: their results are constants for what follows. */
void      ax_tape_pause     (AxTape *tape, gboolean paused);
/* Training mode: dropout drops, batch normalisation uses the batch. Off by default; seed makes dropout repeatable. */
void      ax_tape_set_training (AxTape *tape, gboolean training, guint64 seed);
gboolean  ax_tape_training  (const AxTape *tape);
/* How far batch normalisation's running statistics move towards a batch's in training mode (PyTorch's momentum; 0.1 at first). */
void      ax_tape_set_norm_momentum (AxTape *tape, float momentum);
float     ax_tape_norm_momentum (const AxTape *tape);
/* Convolutions multiply in bfloat16 where the device has such instructions (AxConvShape.bf16). Off at first; the processor never does. */
void      ax_tape_set_bf16  (AxTape *tape, gboolean bf16);
gboolean  ax_tape_bf16      (const AxTape *tape);
guint64   ax_tape_next_seed (AxTape *tape);
/* Forgets the recorded steps and takes all activations back; their memory is kept for the next pass. */
void      ax_tape_reset     (AxTape *tape);
gsize     ax_tape_peak_bytes (const AxTape *tape);

/* A new activation of the given shape; contents undefined (or zero). It lives until ax_tape_reset() or ax_tensor_release(). */
AxTensor *ax_tensor_new     (AxTape *tape, gboolean needs_grad, int ndim, const int *shape);
/* Scratch memory of the device with the life of the tape pass. */
gpointer  ax_tape_scratch   (AxTape *tape, gsize bytes);
/* Memory of the host with the same life; and what the host has there, where the device can read it (on the host the same pointer; host must then live as long). */
gpointer  ax_tape_host      (AxTape *tape, gsize bytes);
gpointer  ax_tape_send      (AxTape *tape, gconstpointer host, gsize bytes);
void      ax_tape_give      (AxTape *tape, gpointer scratch);      /* gives scratch memory back early; NULL is fine */
/* Gives an activation's memory back early when nothing is recorded; does nothing while recording (backward needs it). */
void      ax_tensor_release (AxTape *tape, AxTensor *t);
/* The same memory under another shape of equal size; shares data and gradient (so make it before gradients flow). */
AxTensor *ax_tensor_reshape (AxTape *tape, AxTensor *t, int ndim, const int *shape);
/* The gradient of t, allocated and zeroed when first asked for. */
float    *ax_tensor_grad    (AxTape *tape, AxTensor *t);

/* t's values: written from the host, written to it (waits), and as an array that may be read here with the life of the pass. */
void      ax_tensor_set     (AxTape *tape, AxTensor *t, const float *values);
void      ax_tensor_get     (AxTape *tape, const AxTensor *t, float *values);
const float *ax_tensor_host (AxTape *tape, const AxTensor *t);
/* The gradient for a loss that is worked out here: an array to add to, and the call that brings it to where t is. */
float    *ax_tensor_host_grad (AxTape *tape, AxTensor *t);
void      ax_tensor_add_grad  (AxTape *tape, AxTensor *t, const float *grad);

void      ax_tape_push      (AxTape *tape, AxBackward fn, AxTensor *out, gconstpointer payload, gsize size);
/* Runs the steps in reverse. The gradients at the end of the graph must have been written before (ax_tensor_grad). */
void      ax_tape_backward  (AxTape *tape);

/* ---- parameters --------------------------------------------------------------------------------------------------------- */

typedef struct {
  char     *name;              /* the checkpoint key */
  AxTensor  t;                 /* t.grad is NULL for what does not learn */
  gboolean  trainable;
  float     lr_scale;          /* multiplies the learning rate */
  float     decay_scale;       /* multiplies the weight decay */
  float    *m, *v;             /* AdamW moments, present while training */
} AxParameter;

typedef struct {
  GPtrArray  *list;            /* AxParameter*, in order of creation */
  GHashTable *by_name;
  guint       generation;      /* grows whenever weights change, so that packed copies know they are stale */
  const AxDevice *device;      /* where data, gradients and moments are */
} AxParameters;

AxParameters *ax_parameters_new  (void);
void          ax_parameters_free (AxParameters *p);
/* Creates a zeroed parameter; the name must be new. */
AxParameter  *ax_parameters_add  (AxParameters *p, const char *name, gboolean trainable, int ndim, const int *shape);
/* Moves everything to another device. FALSE with G_IO_ERROR_NO_SPACE and the arithmetic when it does not fit, or the device's error: then all is where it was. */
gboolean      ax_parameters_move (AxParameters *p, const AxDevice *device, GError **error);
/* Bytes that are held for it: weights, and gradients and moments where there are. */
gsize         ax_parameters_bytes (const AxParameters *p);
AxParameter  *ax_parameters_get  (AxParameters *p, const char *name);      /* NULL if there is none */
/* One of q's arrays (data, gradient, a moment) where it can be read: itself on the host, else a copy in *copy, which g_free() takes. Waits. */
const float  *ax_parameters_host (const AxParameters *p, const AxParameter *q, const float *array, float **copy);
/* Allocates gradients (and, with moments, AdamW's) for all trainable parameters, or zeroes them. */
void          ax_parameters_prepare (AxParameters *p, gboolean moments);
void          ax_parameters_zero_grad (AxParameters *p);
/* Global L2 norm of all gradients, in double, fixed order (spec 4.5 clips it). */
double        ax_parameters_grad_norm (AxParameters *p);
/* One AdamW step on everything trainable (betas .9/.999, eps 1e-8; decay multiplied by decay_scale); max_norm <= 0 does not clip.
 * Returns the norm before clipping. t counts from 1. */
double        ax_parameters_step (AxParameters *p, double lr, double decay, double max_norm, gint64 t);
gsize         ax_parameters_count (AxParameters *p, gboolean trainable_only);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxTape, ax_tape_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxParameters, ax_parameters_free)
