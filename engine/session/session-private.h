/* session-private.h: the inside of AxSession, for session.c (what callers see) and session-work.c (what its thread does).
 *
 * May use what anatomix.h and serve.h may. */
#pragma once
#include "engine/session/serve.h"

typedef struct {
  AxImage      *image;         /* strong: the pointer identifies the image only as long as it lives */
  gboolean      mirror;
  AxPerception *perception;
  AxPerceptionRaw raw;         /* objects, boxes and image: what the language model is told */
} AxSessionKept;

struct _AxSession {
  GObject      parent;
  char        *folder;
  int          nice;           /* steps behind the thread that made the session */
  GThread     *thread;
  GAsyncQueue *queue;          /* GTask*, or the session itself as the sign to stop */
  GMutex       lock;           /* guards model, error, cache, prepare, ready, memory and device */
  AxModel     *model;
  GError      *error;
  GQueue       cache;          /* AxSessionKept*, newest first */
  AxImage     *prepare;        /* to be made ready when there is nothing else to do, or NULL */
  gboolean     prepare_mirror;
  gpointer     ready;          /* the image (compared only) whose prefix is computed to `ready_share` */
  gboolean     ready_mirror;
  double       ready_share;
  AxMemory     memory;
  AxDeviceUse  device;         /* guarded too */
  gint         choice;         /* AxDeviceChoice that is to be moved to, or -1 */
  AxServe     *serve;          /* the worker's alone */
};

/* One piece of work: the data of its GTask. */
typedef struct {
  AxImage     *image;
  gboolean     mirror;
  AxProgressFn progress;
  gpointer     progress_data;
  gboolean     is_request;     /* to the language model */
  AxRequest    request;        /* with its own copies of text, system and boxes */
  AxEventFn    event;
  gpointer     event_data;
  double       from, share;    /* of the progress, for the stages of the part that is running */
} AxSessionJob;

/* In the queue: there may be something to prepare, or another device to go to. */
extern char ax_session_wake;

void     ax_session_kept_free (AxSessionKept *kept);
/* The thread's function; data is the session. */
gpointer ax_session_work (gpointer data);
