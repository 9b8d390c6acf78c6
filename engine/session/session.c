/* AxSession: one worker thread that owns the model and runs requests in order. See anatomix.h; what the thread does is in session-work.c. */
#include "engine/session/session-private.h"
#include "kernels/kernels.h"

typedef AxSessionJob Job;

G_DEFINE_FINAL_TYPE (AxSession, ax_session, G_TYPE_OBJECT)

static gint nice_steps;

static void
job_free (gpointer data)
{
  Job *job = data;
  g_object_unref (job->image);
  g_free ((char *) job->request.text);
  g_free ((AxBox *) job->request.boxes);
  g_free (job);
}

static void
ax_session_finalize (GObject *object)
{
  AxSession *self = AX_SESSION (object);
  if (self->thread)
    {
      /* Tasks hold a reference on the session, so none is waiting: the last one may just be running this, on the worker itself. */
      g_async_queue_push (self->queue, self);
      if (self->thread == g_thread_self ())
        g_thread_unref (self->thread);
      else
        g_thread_join (self->thread);
    }
  g_async_queue_unref (self->queue);
  g_queue_clear_full (&self->cache, (GDestroyNotify) ax_session_kept_free);
  g_clear_object (&self->prepare);
  g_clear_pointer (&self->serve, ax_serve_free);
  g_clear_object (&self->model);
  g_clear_error (&self->error);
  g_mutex_clear (&self->lock);
  g_free (self->folder);
  G_OBJECT_CLASS (ax_session_parent_class)->finalize (object);
}

static void
ax_session_class_init (AxSessionClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = ax_session_finalize;
}

static void
ax_session_init (AxSession *self)
{
  self->queue = g_async_queue_new ();
  g_mutex_init (&self->lock);
  g_queue_init (&self->cache);
  self->choice = -1;
}

AxSession *
ax_session_new (const char *model_folder)
{
  AxSession *self = g_object_new (AX_TYPE_SESSION, NULL);
  self->folder = g_strdup (model_folder);
  self->nice = g_atomic_int_get (&nice_steps);
  self->thread = g_thread_new ("model", ax_session_work, self);
  return self;
}

AxModel *
ax_session_get_model (AxSession *self)
{
  g_mutex_lock (&self->lock);
  AxModel *model = self->model;
  g_mutex_unlock (&self->lock);
  return model;
}

GError *
ax_session_get_error (AxSession *self)
{
  g_mutex_lock (&self->lock);
  GError *error = self->error;
  g_mutex_unlock (&self->lock);
  return error;
}

void
ax_session_get_memory (AxSession *self, AxMemory *memory)
{
  g_mutex_lock (&self->lock);
  *memory = self->memory;
  g_mutex_unlock (&self->lock);
}

void
ax_session_get_device (AxSession *self, AxDeviceUse *use)
{
  g_mutex_lock (&self->lock);
  *use = self->device;
  g_mutex_unlock (&self->lock);
}

void
ax_session_set_device (AxSession *self, AxDeviceChoice choice)
{
  g_mutex_lock (&self->lock);
  self->device.moving = TRUE;
  g_atomic_int_set (&self->choice, (gint) choice);
  g_mutex_unlock (&self->lock);
  g_async_queue_push (self->queue, &ax_session_wake);
}

void
ax_session_perceive_async (AxSession *self, AxImage *image, gboolean mirror, AxProgressFn progress, gpointer progress_data, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  Job *job = g_new (Job, 1);
  *job = (Job){ .image = g_object_ref (image), .mirror = mirror, .progress = progress, .progress_data = progress_data };
  g_task_set_task_data (task, job, job_free);
  g_task_set_source_tag (task, ax_session_perceive_async);
  g_async_queue_push (self->queue, task);
}

AxPerception *
ax_session_perceive_finish (AxSession *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
ax_session_run_async (AxSession *self, AxImage *image, const AxRequest *request, AxEventFn event, gpointer event_data, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail ((guint) request->task < AX_N_TASKS);
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  Job *job = g_new (Job, 1);
  *job = (Job){ .image = g_object_ref (image), .mirror = request->mirror, .is_request = TRUE, .request = *request, .event = event, .event_data = event_data };
  job->request.text = g_strdup (request->text);
  job->request.boxes = g_memdup2 (request->boxes, request->n_boxes * sizeof (AxBox));
  g_task_set_task_data (task, job, job_free);
  g_task_set_source_tag (task, ax_session_run_async);
  g_task_set_check_cancellable (task, FALSE);  /* an answer that was cut short is an answer */
  g_async_queue_push (self->queue, task);
}

AxAnswer *
ax_session_run_finish (AxSession *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
ax_session_prepare (AxSession *self, AxImage *image, gboolean mirror)
{
  g_autoptr (AxImage) old = NULL;
  g_mutex_lock (&self->lock);
  old = self->prepare;
  self->prepare = g_object_ref (image);
  self->prepare_mirror = mirror;
  g_mutex_unlock (&self->lock);
  g_async_queue_push (self->queue, &ax_session_wake);
}

double
ax_session_prepared (AxSession *self, AxImage *image, gboolean mirror)
{
  g_mutex_lock (&self->lock);
  const double share = self->ready == image && self->ready_mirror == mirror ? self->ready_share : 0;
  g_mutex_unlock (&self->lock);
  return share;
}

/* ---- blocking ------------------------------------------------------------------------------------------------------------ */

typedef struct { GMainLoop *loop; AxPerception *perception; GError *error; } Wait;

static void
waited (GObject *source, GAsyncResult *result, gpointer data)
{
  Wait *w = data;
  w->perception = ax_session_perceive_finish (AX_SESSION (source), result, &w->error);
  g_main_loop_quit (w->loop);
}

AxPerception *
ax_session_perceive (AxSession *self, AxImage *image, gboolean mirror, GCancellable *cancellable, GError **error)
{
  GMainContext *context = g_main_context_new ();
  Wait w = { g_main_loop_new (context, FALSE), NULL, NULL };
  g_main_context_push_thread_default (context);
  ax_session_perceive_async (self, image, mirror, NULL, NULL, cancellable, waited, &w);
  g_main_loop_run (w.loop);
  g_main_context_pop_thread_default (context);
  g_main_loop_unref (w.loop);
  g_main_context_unref (context);
  if (w.error)
    g_propagate_error (error, w.error);
  return w.perception;
}

const char *ax_version (void) { return AX_VERSION; }
void        ax_engine_set_threads (int n) { ax_threads_set (n); }
void        ax_engine_set_nice (int steps) { g_atomic_int_set (&nice_steps, CLAMP (steps, 0, 19)); }
