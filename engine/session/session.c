/* AxSession: one worker thread that owns the model and runs requests in order. See anatomix.h. */
#include "engine/session/model.h"
#include "kernels/kernels.h"

#define N_RETRIEVED 5          /* sentences kept for each structure: the best and the next best ones */
#define CACHE 8                /* answers kept, so that going back to an image is immediate */

typedef struct {
  AxImage      *image;         /* strong: the pointer identifies the image only as long as it lives */
  gboolean      mirror;
  AxPerception *perception;
} Kept;

struct _AxSession {
  GObject      parent;
  char        *folder;
  GThread     *thread;
  GAsyncQueue *queue;          /* GTask*, or the session itself as the sign to stop */
  GMutex       lock;           /* guards model, error and cache */
  AxModel     *model;
  GError      *error;
  GQueue       cache;          /* Kept*, newest first */
};

G_DEFINE_FINAL_TYPE (AxSession, ax_session, G_TYPE_OBJECT)

typedef struct {
  AxImage     *image;
  gboolean     mirror;
  AxProgressFn progress;
  gpointer     progress_data;
} Job;

static void
job_free (gpointer data)
{
  Job *job = data;
  g_object_unref (job->image);
  g_free (job);
}

static void
kept_free (gpointer data)
{
  Kept *k = data;
  g_object_unref (k->image);
  ax_perception_unref (k->perception);
  g_free (k);
}

/* ---- progress, carried to the caller's main context ---------------------------------------------------------------------- */

typedef struct { GTask *task; double fraction; const char *stage; } Progress;

static gboolean
progress_deliver (gpointer data)
{
  Progress *p = data;
  Job *job = g_task_get_task_data (p->task);
  /* A cancelled request's caller may be gone. */
  if (!g_task_get_completed (p->task) && !g_cancellable_is_cancelled (g_task_get_cancellable (p->task)))
    job->progress (p->fraction, p->stage, job->progress_data);
  return G_SOURCE_REMOVE;
}

static void
progress_free (gpointer data)
{
  Progress *p = data;
  g_object_unref (p->task);
  g_free (p);
}

static gboolean
stage (double fraction, const char *name, gpointer data)
{
  GTask *task = data;
  Job *job = g_task_get_task_data (task);
  if (g_cancellable_is_cancelled (g_task_get_cancellable (task)))
    return FALSE;
  if (job->progress)
    {
      Progress *p = g_new (Progress, 1);
      *p = (Progress){ g_object_ref (task), fraction, name };
      g_main_context_invoke_full (g_task_get_context (task), G_PRIORITY_DEFAULT, progress_deliver, p, progress_free);
    }
  return TRUE;
}

/* ---- the worker ---------------------------------------------------------------------------------------------------------- */

static AxPerception *
cached (AxSession *self, const Job *job)
{
  AxPerception *found = NULL;
  g_mutex_lock (&self->lock);
  for (GList *l = self->cache.head; l && !found; l = l->next)
    {
      Kept *k = l->data;
      if (k->image == job->image && k->mirror == job->mirror)
        found = ax_perception_ref (k->perception);
    }
  g_mutex_unlock (&self->lock);
  return found;
}

static void
keep (AxSession *self, const Job *job, AxPerception *perception)
{
  Kept *k = g_new (Kept, 1), *old = NULL;
  *k = (Kept){ g_object_ref (job->image), job->mirror, ax_perception_ref (perception) };
  g_mutex_lock (&self->lock);
  g_queue_push_head (&self->cache, k);
  if (self->cache.length > CACHE)
    old = g_queue_pop_tail (&self->cache);
  g_mutex_unlock (&self->lock);
  if (old)
    kept_free (old);
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
  AxPerception *p = cached (self, job);
  if (p == NULL)
    {
      p = ax_model_perceive (self->model, tape, job->image, job->mirror, N_RETRIEVED, stage, task, NULL, NULL, &error);
      if (p == NULL)
        {
          g_task_return_error (task, error);
          return;
        }
      keep (self, job, p);
    }
  g_task_return_pointer (task, p, (GDestroyNotify) ax_perception_unref);
}

/* The thread holds no reference on the session: finalize() stops and joins it. */
static gpointer
worker (gpointer data)
{
  AxSession *self = data;
  /* The last task may hold the last reference: its unref below finalizes the session on this very thread, and the loop must still find the sign to stop. */
  g_autoptr (GAsyncQueue) queue = g_async_queue_ref (self->queue);
  GError *error = NULL;
  AxModel *model = ax_model_load (self->folder, &error);
  g_mutex_lock (&self->lock);
  self->model = model;
  self->error = error;
  g_mutex_unlock (&self->lock);
  AxTape *tape = ax_tape_new (FALSE);
  for (;;)
    {
      gpointer item = g_async_queue_pop (queue);
      if (item == self)
        break;
      run (self, tape, item);
      g_object_unref (item);
    }
  ax_tape_free (tape);
  return NULL;
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
  g_queue_clear_full (&self->cache, kept_free);
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
}

AxSession *
ax_session_new (const char *model_folder)
{
  AxSession *self = g_object_new (AX_TYPE_SESSION, NULL);
  self->folder = g_strdup (model_folder);
  self->thread = g_thread_new ("model", worker, self);
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
ax_session_perceive_async (AxSession *self, AxImage *image, gboolean mirror, AxProgressFn progress, gpointer progress_data, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  Job *job = g_new (Job, 1);
  *job = (Job){ g_object_ref (image), mirror, progress, progress_data };
  g_task_set_task_data (task, job, job_free);
  g_task_set_source_tag (task, ax_session_perceive_async);
  g_async_queue_push (self->queue, task);
}

AxPerception *
ax_session_perceive_finish (AxSession *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
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
