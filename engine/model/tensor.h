/* tensor.h: arrays, parameters and the tape.
 *
 * What lives here: AxTensor (a float32 array with a shape and, when it learns, a gradient), AxTape (where activations are allocated and,
 * while recording, the list of backward steps) and AxParameters (the named weights of a model). It may use kernels/ and GLib.
 *
 * A model is written as a straight sequence of calls of ops.h. Each call runs at once. When the tape records, the call also pushes its
 * backward step, and ax_tape_backward() runs these in reverse. So training is the same forward code plus a recording tape.
 */
#pragma once
#include <glib.h>
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

AxTape   *ax_tape_new       (gboolean recording);
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
guint64   ax_tape_next_seed (AxTape *tape);
/* Forgets the recorded steps and takes all activations back; their memory is kept for the next pass. */
void      ax_tape_reset     (AxTape *tape);
gsize     ax_tape_peak_bytes (const AxTape *tape);

/* A new activation of the given shape; contents undefined (or zero). It lives until ax_tape_reset() or ax_tensor_release(). */
AxTensor *ax_tensor_new     (AxTape *tape, gboolean needs_grad, int ndim, const int *shape);
/* Scratch memory with the life of the tape pass. */
gpointer  ax_tape_scratch   (AxTape *tape, gsize bytes);
void      ax_tape_give      (AxTape *tape, gpointer scratch);      /* gives scratch memory back early; NULL is fine */
/* Gives an activation's memory back early when nothing is recorded; does nothing while recording (backward needs it). */
void      ax_tensor_release (AxTape *tape, AxTensor *t);
/* The same memory under another shape of equal size; shares data and gradient (so make it before gradients flow). */
AxTensor *ax_tensor_reshape (AxTape *tape, AxTensor *t, int ndim, const int *shape);
/* The gradient of t, allocated and zeroed when first asked for. */
float    *ax_tensor_grad    (AxTape *tape, AxTensor *t);

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
} AxParameters;

AxParameters *ax_parameters_new  (void);
void          ax_parameters_free (AxParameters *p);
/* Creates a zeroed parameter; the name must be new. */
AxParameter  *ax_parameters_add  (AxParameters *p, const char *name, gboolean trainable, int ndim, const int *shape);
AxParameter  *ax_parameters_get  (AxParameters *p, const char *name);      /* NULL if there is none */
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
