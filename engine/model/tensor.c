/* Arrays, parameters and the tape. See tensor.h. */
#include "engine/model/tensor.h"
#include "engine/model/pool.h"
#include "kernels/kernels.h"
#include <math.h>
#include <string.h>

typedef struct {
  AxBackward fn;
  AxTensor  *out;
  gpointer   payload;
} Step;

struct _AxTape {
  gboolean   recording, paused, training, bf16;
  float      norm_momentum;
  guint64    seed, draws;
  AxPool    *pool;
  GPtrArray *tensors;          /* AxTensor headers of this pass */
  GPtrArray *payloads;
  GArray    *steps;
  const AxDevice *on;
};

AxTape *
ax_tape_new (gboolean recording)
{
  return ax_tape_new_on (ax_device_cpu (), recording);
}

const AxDevice *
ax_tape_device (const AxTape *tape)
{
  return tape->on;
}

AxTape *
ax_tape_new_on (const AxDevice *device, gboolean recording)
{
  AxTape *tape = g_new0 (AxTape, 1);
  tape->on = device;
  tape->recording = recording;
  tape->norm_momentum = 0.1f;
  tape->pool = ax_pool_new (device);
  tape->tensors = g_ptr_array_new_with_free_func (g_free);
  tape->payloads = g_ptr_array_new_with_free_func (g_free);
  tape->steps = g_array_new (FALSE, FALSE, sizeof (Step));
  return tape;
}

void
ax_tape_reset (AxTape *tape)
{
  ax_pool_reset (tape->pool);
  g_ptr_array_set_size (tape->tensors, 0);
  g_ptr_array_set_size (tape->payloads, 0);
  g_array_set_size (tape->steps, 0);
  tape->paused = FALSE;
}

void
ax_tape_free (AxTape *tape)
{
  if (tape == NULL)
    return;
  ax_tape_reset (tape);
  ax_pool_free (tape->pool);
  g_ptr_array_unref (tape->tensors);
  g_ptr_array_unref (tape->payloads);
  g_array_unref (tape->steps);
  g_free (tape);
}

gboolean ax_tape_recording (const AxTape *tape) { return tape->recording && !tape->paused; }
void     ax_tape_pause (AxTape *tape, gboolean paused) { tape->paused = paused; }
gboolean ax_tape_training (const AxTape *tape) { return tape->training; }
void     ax_tape_set_norm_momentum (AxTape *tape, float momentum) { tape->norm_momentum = momentum; }
float    ax_tape_norm_momentum (const AxTape *tape) { return tape->norm_momentum; }
void     ax_tape_set_bf16 (AxTape *tape, gboolean bf16) { tape->bf16 = bf16; }
gboolean ax_tape_bf16 (const AxTape *tape) { return tape->bf16 && !tape->on->host; }
gsize    ax_tape_peak_bytes (const AxTape *tape) { return ax_pool_peak (tape->pool); }

void
ax_tape_set_training (AxTape *tape, gboolean training, guint64 seed)
{
  tape->training = training;
  tape->seed = seed;
  tape->draws = 0;
}

guint64
ax_tape_next_seed (AxTape *tape)
{
  return tape->seed * 0x9E3779B97F4A7C15u + ++tape->draws;
}

AxTensor *
ax_tensor_new (AxTape *tape, gboolean needs_grad, int ndim, const int *shape)
{
  AxTensor *t = g_new0 (AxTensor, 1);
  t->ndim = ndim;
  t->n = 1;
  for (int i = 0; i < ndim; i++)
    {
      t->shape[i] = shape[i];
      t->n *= (gsize) shape[i];
    }
  t->needs_grad = needs_grad && ax_tape_recording (tape);
  t->data = ax_pool_take (tape->pool, t->n * sizeof (float));
  g_ptr_array_add (tape->tensors, t);
  return t;
}

gpointer
ax_tape_scratch (AxTape *tape, gsize bytes)
{
  return ax_pool_take (tape->pool, bytes);
}

void
ax_tape_give (AxTape *tape, gpointer scratch)
{
  if (scratch != NULL)
    ax_pool_give (tape->pool, scratch);
}

void
ax_tensor_release (AxTape *tape, AxTensor *t)
{
  if (ax_tape_recording (tape) || t == NULL)
    return;
  ax_pool_give (tape->pool, t->data);
  t->data = NULL;
}

AxTensor *
ax_tensor_reshape (AxTape *tape, AxTensor *t, int ndim, const int *shape)
{
  gsize n = 1;
  for (int i = 0; i < ndim; i++)
    n *= (gsize) shape[i];
  g_assert (n == t->n);
  if (t->needs_grad)
    ax_tensor_grad (tape, t);  /* both headers must point at one gradient */
  AxTensor *r = g_new0 (AxTensor, 1);
  *r = *t;
  r->ndim = ndim;
  for (int i = 0; i < ndim; i++)
    r->shape[i] = shape[i];
  g_ptr_array_add (tape->tensors, r);
  return r;
}

float *
ax_tensor_grad (AxTape *tape, AxTensor *t)
{
  if (t->grad == NULL)
    {
      t->grad = ax_pool_take (tape->pool, t->n * sizeof (float));
      tape->on->zero (t->grad, t->n * sizeof (float));
    }
  return t->grad;
}

/* ---- there and back ------------------------------------------------------------------------------------------------------ */

gpointer
ax_tape_host (AxTape *tape, gsize bytes)
{
  if (tape->on->host)
    return ax_pool_take (tape->pool, bytes);
  gpointer mem = g_malloc (MAX (bytes, 1));
  g_ptr_array_add (tape->payloads, mem);
  return mem;
}

gpointer
ax_tape_send (AxTape *tape, gconstpointer host, gsize bytes)
{
  if (tape->on->host)
    return (gpointer) host;
  gpointer mem = ax_pool_take (tape->pool, bytes);
  tape->on->upload (mem, host, bytes);
  return mem;
}

void
ax_tensor_set (AxTape *tape, AxTensor *t, const float *values)
{
  tape->on->upload (t->data, values, t->n * sizeof (float));
}

void
ax_tensor_get (AxTape *tape, const AxTensor *t, float *values)
{
  tape->on->download (values, t->data, t->n * sizeof (float));
}

const float *
ax_tensor_host (AxTape *tape, const AxTensor *t)
{
  if (tape->on->host)
    return t->data;
  float *values = ax_tape_host (tape, t->n * sizeof (float));
  ax_tensor_get (tape, t, values);
  return values;
}

float *
ax_tensor_host_grad (AxTape *tape, AxTensor *t)
{
  if (tape->on->host)
    return ax_tensor_grad (tape, t);
  float *grad = ax_tape_host (tape, t->n * sizeof (float));
  memset (grad, 0, t->n * sizeof (float));
  return grad;
}

void
ax_tensor_add_grad (AxTape *tape, AxTensor *t, const float *grad)
{
  if (grad == t->grad)
    return;
  float *there = ax_tape_scratch (tape, t->n * sizeof (float));
  tape->on->upload (there, grad, t->n * sizeof (float));
  tape->on->axpy (t->n, 1, there, ax_tensor_grad (tape, t));
  ax_tape_give (tape, there);
}

gboolean
ax_device_check (const AxDevice *device, GError **error)
{
  const char *what = device->host ? NULL : device->error ();
  if (what != NULL)
    g_set_error (error, G_IO_ERROR, strstr (what, "memory") != NULL ? G_IO_ERROR_NO_SPACE : G_IO_ERROR_FAILED, "%s: %s", device->title (), what);
  return what == NULL;
}

gboolean
ax_tape_check (AxTape *tape, GError **error)
{
  return ax_device_check (tape->on, error);
}

void
ax_tape_push (AxTape *tape, AxBackward fn, AxTensor *out, gconstpointer payload, gsize size)
{
  if (!ax_tape_recording (tape) || !out->needs_grad)
    return;
  Step s = { fn, out, g_memdup2 (payload, size) };
  g_ptr_array_add (tape->payloads, s.payload);
  g_array_append_val (tape->steps, s);
}

void
ax_tape_backward (AxTape *tape)
{
  for (guint i = tape->steps->len; i-- > 0;)
    {
      Step *s = &g_array_index (tape->steps, Step, i);
      if (s->out->grad != NULL)
        s->fn (tape, s->out, s->payload);
      /* Steps before this one only read their own inputs and outputs, so this output is no longer needed. */
      ax_pool_give (tape->pool, s->out->grad);
      ax_pool_give (tape->pool, s->out->data);
    }
}

/* ---- parameters --------------------------------------------------------------------------------------------------------- */

/* What a parameter keeps, one like the other. */
static float **
array_of (AxParameter *q, int i)
{
  float **const arrays[] = { &q->t.data, &q->t.grad, &q->m, &q->v };
  return arrays[i];
}
#define N_ARRAYS 4

static void
parameter_free (gpointer data)
{
  AxParameter *q = data;
  g_free (q->name);
  g_free (q);
}

AxParameters *
ax_parameters_new (void)
{
  AxParameters *p = g_new0 (AxParameters, 1);
  p->list = g_ptr_array_new_with_free_func (parameter_free);
  p->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  p->generation = 1;
  p->device = ax_device_cpu ();
  return p;
}

void
ax_parameters_free (AxParameters *p)
{
  if (p == NULL)
    return;
  for (guint i = 0; i < p->list->len; i++)
    for (int k = 0; k < N_ARRAYS; k++)
      p->device->free (*array_of (p->list->pdata[i], k));
  g_hash_table_unref (p->by_name);
  g_ptr_array_unref (p->list);
  g_free (p);
}

static float *
zeros (AxParameters *p, gsize n)
{
  gsize bytes = n * sizeof (float);
  float *mem = p->device->alloc (bytes);
  if (mem == NULL && p->device->host)
    g_error ("Out of memory: %" G_GSIZE_FORMAT " bytes for one parameter", bytes);
  if (mem == NULL)
    p->device->fail ("out of memory for a gradient");
  else
    p->device->zero (mem, bytes);
  return mem;
}

AxParameter *
ax_parameters_add (AxParameters *p, const char *name, gboolean trainable, int ndim, const int *shape)
{
  g_assert (g_hash_table_lookup (p->by_name, name) == NULL);
  AxParameter *q = g_new0 (AxParameter, 1);
  q->name = g_strdup (name);
  q->trainable = trainable;
  q->lr_scale = q->decay_scale = 1;
  q->t.ndim = ndim;
  q->t.n = 1;
  for (int i = 0; i < ndim; i++)
    {
      q->t.shape[i] = shape[i];
      q->t.n *= (gsize) shape[i];
    }
  q->t.data = zeros (p, q->t.n);
  q->t.needs_grad = FALSE;
  g_ptr_array_add (p->list, q);
  g_hash_table_insert (p->by_name, q->name, q);
  return q;
}

gsize
ax_parameters_bytes (const AxParameters *p)
{
  gsize n = 0;
  for (guint i = 0; i < p->list->len; i++)
    for (int k = 0; k < N_ARRAYS; k++)
      n += *array_of (p->list->pdata[i], k) != NULL ? ((AxParameter *) p->list->pdata[i])->t.n : 0;
  return n * sizeof (float);
}

/* From where an array is to new memory; one of the two devices is the host, or both. NULL: out of memory. */
static float *
array_moved (const AxDevice *from, const AxDevice *to, const float *data, gsize bytes)
{
  float *mem = to->alloc (bytes);
  if (mem == NULL)
    return NULL;
  if (from->host)
    to->upload (mem, data, bytes);
  else
    from->download (mem, data, bytes);
  return mem;
}

gboolean
ax_parameters_move (AxParameters *p, const AxDevice *device, GError **error)
{
  const AxDevice *old = p->device;
  const gsize bytes = ax_parameters_bytes (p), n = p->list->len;
  gsize free_bytes, total_bytes;
  if (device == old)
    return TRUE;
  g_return_val_if_fail (device->host || old->host, FALSE);
  device->memory (&free_bytes, &total_bytes);
  g_autofree float **moved = g_new0 (float *, n * N_ARRAYS + 1);
  gboolean fits = device->host || bytes <= free_bytes;
  for (gsize i = 0; i < n * N_ARRAYS && fits; i++)
    {
      AxParameter *q = p->list->pdata[i / N_ARRAYS];
      const float *data = *array_of (q, (int) (i % N_ARRAYS));
      if (data != NULL)
        fits = (moved[i] = array_moved (old, device, data, q->t.n * sizeof (float))) != NULL;
    }
  GError *failed = NULL;
  if (!fits)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "%s: the weights take %" G_GSIZE_FORMAT " MiB, and of its %" G_GSIZE_FORMAT " MiB of memory %" G_GSIZE_FORMAT
                 " MiB are free", device->title (), (bytes >> 20) + 1, total_bytes >> 20, free_bytes >> 20);
  else if (!ax_device_check (old, &failed) || !ax_device_check (device, &failed))
    g_propagate_error (error, failed);
  const gboolean done = fits && failed == NULL;
  for (gsize i = 0; i < n * N_ARRAYS; i++)
    {
      float **at = array_of (p->list->pdata[i / N_ARRAYS], (int) (i % N_ARRAYS));
      if (!done)
        device->free (moved[i]);
      else if (moved[i] != NULL)
        {
          old->free (*at);
          *at = moved[i];
        }
    }
  if (done)
    {
      p->device = device;
      p->generation++;
    }
  return done;
}

const float *
ax_parameters_host (const AxParameters *p, const AxParameter *q, const float *array, float **copy)
{
  *copy = NULL;
  if (p->device->host)
    return array;
  *copy = g_new (float, q->t.n);
  p->device->download (*copy, array, q->t.n * sizeof (float));
  return *copy;
}

AxParameter *
ax_parameters_get (AxParameters *p, const char *name)
{
  return g_hash_table_lookup (p->by_name, name);
}

void
ax_parameters_prepare (AxParameters *p, gboolean moments)
{
  for (guint i = 0; i < p->list->len; i++)
    {
      AxParameter *q = p->list->pdata[i];
      q->t.needs_grad = q->trainable;
      if (!q->trainable)
        continue;
      if (q->t.grad == NULL)
        q->t.grad = zeros (p, q->t.n);
      if (moments && q->m == NULL)
        {
          q->m = zeros (p, q->t.n);
          q->v = zeros (p, q->t.n);
        }
    }
}

void
ax_parameters_zero_grad (AxParameters *p)
{
  for (guint i = 0; i < p->list->len; i++)
    {
      AxParameter *q = p->list->pdata[i];
      if (q->t.grad != NULL)
        p->device->zero (q->t.grad, q->t.n * sizeof (float));
    }
}

double
ax_parameters_grad_norm (AxParameters *p)
{
  double sum = 0, *there = p->device->host ? &sum : p->device->alloc (sizeof sum);
  if (there == NULL)
    {
      p->device->fail ("out of memory for a sum");
      return NAN;
    }
  if (there != &sum)
    p->device->zero (there, sizeof sum);
  for (guint i = 0; i < p->list->len; i++)
    {
      AxParameter *q = p->list->pdata[i];
      if (q->trainable && q->t.grad != NULL)
        p->device->squares_add (q->t.n, q->t.grad, there);
    }
  if (there != &sum)
    {
      p->device->download (&sum, there, sizeof sum);
      p->device->free (there);
    }
  return sqrt (sum);
}

double
ax_parameters_step (AxParameters *p, double lr, double decay, double max_norm, gint64 t)
{
  double norm = ax_parameters_grad_norm (p);
  /* torch.nn.utils.clip_grad_norm_: the factor is max_norm / (norm + 1e-6), never above 1. */
  double scale = max_norm > 0 ? MIN (1.0, max_norm / (norm + 1e-6)) : 1.0;
  for (guint i = 0; i < p->list->len; i++)
    {
      AxParameter *q = p->list->pdata[i];
      if (!q->trainable || q->t.grad == NULL)
        continue;
      AxAdamW a = { (float) (lr * q->lr_scale), 0.9f, 0.999f, 1e-8f, (float) (decay * q->decay_scale), (float) scale, t };
      p->device->adamw (&a, q->t.n, q->t.data, q->t.grad, q->m, q->v);
    }
  p->generation++;
  return norm;
}

gsize
ax_parameters_count (AxParameters *p, gboolean trainable_only)
{
  gsize n = 0;
  for (guint i = 0; i < p->list->len; i++)
    {
      AxParameter *q = p->list->pdata[i];
      if (q->trainable || !trainable_only)
        n += q->t.n;
    }
  return n;
}
