/* What a session's thread does: the model, the requests in order, and what it prepares when nothing waits. See session-private.h and anatomix.h. */
#include "engine/session/session-private.h"
#include "engine/session/device.h"
#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N_RETRIEVED 5          /* sentences kept for each structure: the best and the next best ones */
#define CACHE 8                /* answers kept, so that going back to an image is immediate */

typedef AxSessionKept Kept;
typedef AxSessionJob Job;

char ax_session_wake;

void
ax_session_kept_free (Kept *k)
{
  g_object_unref (k->image);
  ax_perception_unref (k->perception);
  g_free (k->raw.objects);
  g_free (k->raw.boxes);
  g_free (k->raw.image);
  g_free (k);
}

/* ---- events, carried to the caller's main context --------------------------------------------------------------------------- */

typedef struct {
  GTask  *task;
  AxEvent event;
  char   *text;                /* of the event: the text or the box's label */
} Delivery;

static gboolean
deliver (gpointer data)
{
  Delivery *d = data;
  Job *job = g_task_get_task_data (d->task);
  /* A cancelled request's caller may be gone. */
  if (g_task_get_completed (d->task) || g_cancellable_is_cancelled (g_task_get_cancellable (d->task)))
    return G_SOURCE_REMOVE;
  if (job->progress && d->event.type == AX_EVENT_PROGRESS)
    job->progress (d->event.fraction, d->event.stage, job->progress_data);
  if (job->event)
    job->event (&d->event, job->event_data);
  return G_SOURCE_REMOVE;
}

static void
delivery_free (gpointer data)
{
  Delivery *d = data;
  g_object_unref (d->task);
  g_free (d->text);
  g_free (d);
}

/* Always through the main loop: g_main_context_invoke() would call on this thread when the context happens to be free. */
static void
send (GTask *task, AxEvent event, const char *text)
{
  Job *job = g_task_get_task_data (task);
  if (job->event == NULL && (job->progress == NULL || event.type != AX_EVENT_PROGRESS))
    return;
  Delivery *d = g_new (Delivery, 1);
  *d = (Delivery){ g_object_ref (task), event, g_strdup (text) };
  if (event.type == AX_EVENT_TEXT)
    d->event.text = d->text;
  else if (event.type == AX_EVENT_BOX)
    d->event.box.label = d->text;
  g_autoptr (GSource) source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, deliver, d, delivery_free);
  g_source_attach (source, g_task_get_context (task));
}

static gboolean
stage (double fraction, const char *name, gpointer data)
{
  GTask *task = data;
  Job *job = g_task_get_task_data (task);
  if (g_cancellable_is_cancelled (g_task_get_cancellable (task)))
    return FALSE;
  send (task, (AxEvent){ .type = AX_EVENT_PROGRESS, .fraction = job->from + job->share * fraction, .stage = name }, NULL);
  return TRUE;
}

static void
on_text (const char *text, gpointer data)
{
  send (data, (AxEvent){ .type = AX_EVENT_TEXT }, text);
}

static void
on_box (const AxAnswerBox *box, gpointer data)
{
  send (data, (AxEvent){ .type = AX_EVENT_BOX, .box = *box }, box->label);
}

/* ---- the worker ---------------------------------------------------------------------------------------------------------- */

/* Only the worker adds and removes, so what it finds stays until it adds. */
static Kept *
cached (AxSession *self, AxImage *image, gboolean mirror)
{
  for (GList *l = self->cache.head; l; l = l->next)
    {
      Kept *k = l->data;
      if (k->image == image && k->mirror == mirror)
        return k;
    }
  return NULL;
}

static void
keep (AxSession *self, Kept *k)
{
  Kept *old = NULL;
  g_mutex_lock (&self->lock);
  g_queue_push_head (&self->cache, k);
  if (self->cache.length > CACHE)
    old = g_queue_pop_tail (&self->cache);
  g_mutex_unlock (&self->lock);
  if (old)
    ax_session_kept_free (old);
}

/* What is kept of the image, perceived now if it is new; NULL with an error. */
static Kept *
perceived (AxSession *self, AxTape *tape, AxImage *image, gboolean mirror, AxPerceiveStage watch, gpointer data, GError **error)
{
  Kept *k = cached (self, image, mirror);
  if (k)
    return k;
  const AxApmConfig *c = ax_apm_config (ax_model_get_apm (self->model));
  k = g_new0 (Kept, 1);
  k->image = g_object_ref (image);
  k->mirror = mirror;
  k->raw.objects = g_new (float, (gsize) AX_N_ANATOMY * (gsize) c->proj_dim);
  k->raw.boxes = g_new (float, AX_N_ANATOMY * 4);
  k->raw.image = g_new (float, (gsize) ax_model_n_image_tokens (self->model) * (gsize) c->hidden);
  k->perception = ax_model_perceive (self->model, tape, image, mirror, N_RETRIEVED, watch, data, &k->raw, error);
  if (k->perception == NULL)
    {
      g_object_unref (k->image);
      g_free (k->raw.objects);
      g_free (k->raw.boxes);
      g_free (k->raw.image);
      g_free (k);
      return NULL;
    }
  keep (self, k);
  return k;
}

/* The image's place in the language model, with the language part loaded; NULL with an error. */
static AxServed *
served (AxSession *self, AxImage *image, Kept *k, GError **error)
{
  if (self->serve == NULL)
    self->serve = ax_serve_new (self->model);
  return ax_serve_load (self->serve, error) ? ax_serve_image (self->serve, image, k->mirror, k->perception, &k->raw) : NULL;
}

static void
set_ready (AxSession *self, AxImage *image, gboolean mirror, double share, gboolean finished)
{
  g_autoptr (AxImage) old = NULL;
  g_mutex_lock (&self->lock);
  self->ready = image;
  self->ready_mirror = mirror;
  self->ready_share = share;
  if (finished && self->prepare == image && self->prepare_mirror == mirror)
    old = g_steal_pointer (&self->prepare);
  g_mutex_unlock (&self->lock);
}

static AxAnswer *
answer (AxSession *self, AxTape *tape, GTask *task, GError **error)
{
  Job *job = g_task_get_task_data (task);
  const gint64 start = g_get_monotonic_time ();
  g_autofree char *why = NULL;
  if (!ax_model_has_language (self->model, &why))
    {
      g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "%s", why);
      return NULL;
    }
  const gboolean known = cached (self, job->image, job->mirror) != NULL;
  job->share = 0.3;
  Kept *k = perceived (self, tape, job->image, job->mirror, stage, task, error);
  if (k == NULL)
    return NULL;
  const double ms = (double) (g_get_monotonic_time () - start) / 1000;
  job->from = known ? 0 : 0.3;
  job->share = 1 - job->from;
  if (!stage (0, "Loading the language model", task))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "The request was cancelled");
      return NULL;
    }
  AxServed *s = served (self, job->image, k, error);
  if (s == NULL)
    return NULL;
  const AxServeEvents events = { stage, on_text, on_box, task };
  AxAnswer *a = ax_serve_run (self->serve, s, &job->request, &events, g_task_get_cancellable (task), error);
  set_ready (self, job->image, job->mirror, ax_served_share (s), FALSE);
  if (a)
    {
      const double before = (double) (g_get_monotonic_time () - start) / 1000 - a->ms_total;
      a->ms_perceive = known ? 0 : ms;
      a->ms_first += before;
      a->ms_total += before;
    }
  return a;
}

static void
run (AxSession *self, AxTape *tape, GTask *task)
{
  Job *job = g_task_get_task_data (task);
  GError *error = NULL;
  if (g_task_return_error_if_cancelled (task))
    return;
  if (self->model == NULL)
    {
      g_task_return_error (task, g_error_copy (self->error));
      return;
    }
  job->share = 1;
  if (job->is_request)
    {
      AxAnswer *a = answer (self, tape, task, &error);
      if (a)
        g_task_return_pointer (task, a, (GDestroyNotify) ax_answer_unref);
      else
        g_task_return_error (task, error);
      return;
    }
  Kept *k = perceived (self, tape, job->image, job->mirror, stage, task, &error);
  if (k)
    g_task_return_pointer (task, ax_perception_ref (k->perception), (GDestroyNotify) ax_perception_unref);
  else
    g_task_return_error (task, error);
}

/* ---- preparing ------------------------------------------------------------------------------------------------------------- */

static gboolean
nothing_waits (double fraction, const char *name, gpointer data)
{
  AxSession *self = data;
  return g_async_queue_length (self->queue) <= 0;
}

/* One step towards what was asked to be prepared; FALSE when there is nothing to do. */
static gboolean
prepare_step (AxSession *self, AxTape *tape)
{
  g_mutex_lock (&self->lock);
  g_autoptr (AxImage) image = self->prepare ? g_object_ref (self->prepare) : NULL;
  const gboolean mirror = self->prepare_mirror;
  g_mutex_unlock (&self->lock);
  if (image == NULL)
    return FALSE;
  g_autoptr (GError) error = NULL;
  gboolean done = FALSE, ok = self->model != NULL && ax_model_has_language (self->model, NULL);
  Kept *k = ok ? perceived (self, tape, image, mirror, nothing_waits, self, &error) : NULL;
  AxServed *s = k ? served (self, image, k, &error) : NULL;
  ok = s && ax_serve_step (self->serve, s, nothing_waits, self, &done, &error);
  /* What fails here fails again, and is reported, when it is asked for. An interruption is none. */
  const gboolean failed = !ok && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  set_ready (self, image, mirror, s ? ax_served_share (s) : 0, done || failed);
  return TRUE;
}

/* After each piece of work, for those who ask meanwhile. */
static void
measure (AxSession *self, const AxTape *tape)
{
  if (self->model == NULL)
    {
      g_mutex_lock (&self->lock);
      self->device.moving = FALSE;   /* there is nothing to be moved */
      g_mutex_unlock (&self->lock);
      return;
    }
  const AxApmConfig *c = ax_apm_config (ax_model_get_apm (self->model));
  const gsize floats = AX_N_ANATOMY * ((gsize) c->proj_dim + 4) + (gsize) ax_model_n_image_tokens (self->model) * (gsize) c->hidden;
  AxMemory m = { .perception = ax_parameters_count (ax_apm_parameters (ax_model_get_apm (self->model)), FALSE) * sizeof (float),
                 .activations = ax_tape_peak_bytes (tape), .kept = self->cache.length * floats * sizeof (float) };
  if (self->serve)
    ax_serve_memory (self->serve, &m.language, &m.sequences);
  AxDeviceUse device;
  ax_model_get_device_use (self->model, &device);
  g_mutex_lock (&self->lock);
  device.moving = g_atomic_int_get (&self->choice) >= 0;
  self->memory = m;
  self->device = device;
  g_mutex_unlock (&self->lock);
}

/* The device that was asked for since, or -1; asks for no other then. */
static gint
take_choice (AxSession *self)
{
  gint choice;
  do
    choice = g_atomic_int_get (&self->choice);
  while (!g_atomic_int_compare_and_exchange (&self->choice, choice, -1));
  return choice;
}

/* To the device that was asked for since; the tape goes with the model. Where that does not work, a note says why. */
static AxTape *
move (AxSession *self, AxTape *tape)
{
  const gint choice = take_choice (self);
  g_autoptr (GError) error = NULL;
  g_autofree char *note = NULL;
  if (choice < 0)
    return tape;
  if (self->model != NULL)
    {
      const AxDevice *to = ax_device_choose ((AxDeviceChoice) choice, &note, NULL);
      if (to != ax_model_device (self->model) || to != ax_model_language_device (self->model))
        g_clear_pointer (&self->serve, ax_serve_free);   /* loaded again where it belongs when it is needed */
      ax_tape_free (tape);
      if (!ax_model_place (self->model, (AxDeviceChoice) choice, &error))
        g_debug ("The model stays where it is: %s", error->message);   /* which is its note */
      tape = ax_tape_new_on (ax_model_device (self->model), FALSE);
    }
  measure (self, tape);
  return tape;
}

/* The threads that compute for this one inherit it: the pool starts them from here. What cannot be set is no reason not to work. */
static void
step_back (AxSession *self)
{
  if (self->nice > 0 && setpriority (PRIO_PROCESS, (id_t) syscall (SYS_gettid), getpriority (PRIO_PROCESS, 0) + self->nice) != 0)
    g_debug ("The model's thread keeps its priority: %s", g_strerror (errno));
}

/* The thread holds no reference on the session: finalize() stops and joins it. */
gpointer
ax_session_work (gpointer data)
{
  AxSession *self = data;
  step_back (self);
  /* The last task may hold the last reference: its unref below finalizes the session on this very thread, and the loop must still find the sign to stop. */
  g_autoptr (GAsyncQueue) queue = g_async_queue_ref (self->queue);
  GError *error = NULL;
  AxModel *model = ax_model_load (self->folder, &error);
  const gint choice = take_choice (self);
  if (model != NULL && !ax_model_place (model, choice >= 0 ? (AxDeviceChoice) choice : ax_engine_get_device (), &error))
    g_clear_object (&model);
  g_mutex_lock (&self->lock);
  self->model = model;
  self->error = error;
  g_mutex_unlock (&self->lock);
  AxTape *tape = ax_tape_new_on (model != NULL ? ax_model_device (model) : ax_device_cpu (), FALSE);
  measure (self, tape);
  for (;;)
    {
      /* Behind the last task's unref the session may be gone: it is not looked at before the queue has been. */
      gpointer item = g_async_queue_try_pop (queue);
      if (item == NULL)
        {
          tape = move (self, tape);
          if (prepare_step (self, tape))
            {
              measure (self, tape);
              continue;
            }
          item = g_async_queue_pop (queue);
        }
      if (item == self)
        break;
      if (item == &ax_session_wake)
        continue;
      tape = move (self, tape);
      run (self, tape, item);
      measure (self, tape);
      g_object_unref (item);
    }
  ax_tape_free (tape);
  return NULL;
}
