/* pool.c: the one pool of threads.
 *
 * A job is a range cut into pieces at fixed places. Each thread has a share of neighbouring pieces and, once that is done, takes pieces of the others'
 * shares, so which thread computes a piece varies and what a piece computes never does. Shares in one stretch matter where memory is the limit: with pieces
 * of 17 KB dealt out in turn, two cores read a matrix no faster than one (each fetches ahead into the other's pieces); in stretches 1.4 times as fast. One job runs at a time: a caller that finds the pool busy (another thread's job, or its own: nested) runs its
 * pieces itself. Workers spin briefly after a job, because a network is a chain of short jobs, and then block. */
#include "kernels/cpu/machine.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_THREADS 256
#define SPIN_ROUNDS 2000 /* pauses of about 40 cycles each: some 30 microseconds, the length of a short job */

typedef struct {
  _Alignas (64) _Atomic size_t next; /* next piece to take */
  size_t end;
} Share;

typedef struct {
  AxParallelFn fn;
  void *ctx;
  size_t n, grain;
  Share shares[MAX_THREADS]; /* [helpers + 1], the caller's first */
  _Atomic int inside;       /* workers that may still touch the job */
  int helpers;              /* workers invited */
  bool open;                /* workers may still join; under the lock */
} Job;

static struct {
  pthread_mutex_t run;      /* held by the caller whose job runs */
  pthread_mutex_t lock;     /* guards sleeping */
  pthread_cond_t wake, done;
  _Atomic unsigned generation;
  Job job;
  int workers;              /* threads started, the caller not counted */
} pool = { .run = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER,
           .done = PTHREAD_COND_INITIALIZER };

static _Atomic int wanted_threads;
static _Thread_local bool inside_piece;

int
ax_threads (void)
{
  int n = atomic_load_explicit (&wanted_threads, memory_order_relaxed);
  if (n < 1) {
    n = ax_physical_cores ();
    n = n > MAX_THREADS ? MAX_THREADS : n;
    atomic_store (&wanted_threads, n);
  }
  return n;
}

void
ax_threads_set (int n)
{
  atomic_store (&wanted_threads, n > MAX_THREADS ? MAX_THREADS : n < 1 ? 0 : n);
}

static inline void
pause_cpu (void)
{
  __builtin_ia32_pause ();
}

static void
run_pieces (Job *job, int own)
{
  const int n = job->helpers + 1;
  inside_piece = true;
  for (int i = 0; i < n; i++) {
    Share *share = &job->shares[(own + i) % n];
    while (atomic_load_explicit (&share->next, memory_order_relaxed) < share->end) {
      const size_t piece = atomic_fetch_add_explicit (&share->next, 1, memory_order_relaxed);
      if (piece >= share->end)
        break;
      const size_t begin = piece * job->grain, end = begin + job->grain;
      job->fn (job->ctx, begin, end < job->n ? end : job->n);
    }
  }
  inside_piece = false;
}

static void *
worker_main (void *arg)
{
  int index = (int) (intptr_t) arg;
  unsigned seen = 0;
  ax_onednn_enter ();
  for (;;) {
    for (int i = 0; i < SPIN_ROUNDS && atomic_load_explicit (&pool.generation, memory_order_acquire) == seen; i++)
      pause_cpu ();
    pthread_mutex_lock (&pool.lock);
    while (atomic_load (&pool.generation) == seen)
      pthread_cond_wait (&pool.wake, &pool.lock);
    seen = atomic_load (&pool.generation);
    /* Joining is decided under the lock: once the caller has closed the job nobody enters, and those inside see it unchanged. */
    bool join = index < pool.job.helpers && pool.job.open;
    if (join)
      atomic_fetch_add (&pool.job.inside, 1);
    pthread_mutex_unlock (&pool.lock);
    if (!join)
      continue;
    run_pieces (&pool.job, index + 1);
    if (atomic_fetch_sub (&pool.job.inside, 1) == 1) {
      pthread_mutex_lock (&pool.lock);
      pthread_cond_signal (&pool.done);
      pthread_mutex_unlock (&pool.lock);
    }
  }
  return NULL;
}

static void
start_workers (int n)
{
  while (pool.workers < n) {
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init (&attr);
    pthread_attr_setdetachstate (&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize (&attr, 4 << 20); /* JIT kernels and their drivers stay far below */
    int failed = pthread_create (&thread, &attr, worker_main, (void *) (intptr_t) pool.workers);
    pthread_attr_destroy (&attr);
    if (failed)
      return; /* fewer helpers: slower, never wrong */
    pool.workers++;
  }
}

void
ax_parallel_for (size_t n, size_t grain, AxParallelFn fn, void *ctx)
{
  if (n == 0)
    return;
  grain = grain ? grain : 1;
  size_t pieces = (n + grain - 1) / grain;
  int threads = ax_threads ();
  if (threads == 1 || pieces == 1 || inside_piece || pthread_mutex_trylock (&pool.run) != 0) {
    for (size_t begin = 0; begin < n; begin += grain)
      fn (ctx, begin, n - begin < grain ? n : begin + grain);
    return;
  }
  int helpers = (size_t) threads < pieces ? threads - 1 : (int) pieces - 1;
  start_workers (helpers);

  pthread_mutex_lock (&pool.lock);
  Job *job = &pool.job;
  job->fn = fn;
  job->ctx = ctx;
  job->n = n;
  job->grain = grain;
  job->helpers = helpers;
  job->open = true;
  for (size_t i = 0, shares = (size_t) helpers + 1; i < shares; i++) {
    atomic_store_explicit (&job->shares[i].next, pieces * i / shares, memory_order_relaxed);
    job->shares[i].end = pieces * (i + 1) / shares;
  }
  atomic_fetch_add_explicit (&pool.generation, 1, memory_order_release);
  pthread_cond_broadcast (&pool.wake);
  pthread_mutex_unlock (&pool.lock);

  run_pieces (job, 0);

  for (int i = 0; i < SPIN_ROUNDS && atomic_load (&job->inside) > 0; i++)
    pause_cpu ();
  pthread_mutex_lock (&pool.lock);
  job->open = false; /* closed: a worker that wakes late goes back to sleep */
  while (atomic_load (&job->inside) > 0)
    pthread_cond_wait (&pool.done, &pool.lock);
  pthread_mutex_unlock (&pool.lock);
  pthread_mutex_unlock (&pool.run);
}
