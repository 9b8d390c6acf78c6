#include "tests/bench/stall.h"

#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_STALLS 200
#define N_FRAMES 40
#define N_SAMPLES 3

typedef struct {
  void *frames[N_FRAMES];
  int n;
} Sample;

typedef struct {
  double at_s, wall_ms, own_ms, cpu_ms, server_ms;
  guint n_asked;
  const char *phase;
  Sample samples[N_SAMPLES];
  int n_samples;
} Stall;

static double limit_ms;
static const char *phase = "start";
static pthread_t main_thread;
static int schedstat = -1;
static gint64 started;
static volatile gint64 turn_began; /* 0: the loop waits */
static gint64 cpu_began, queued_began;
static gint64 server_us; /* of this turn: waited for the display server, */
static guint n_asked;    /* so many times */
static Stall current, *stalls;
static guint n_stalls;
static guint64 n_turns, buckets[6]; /* own time up to 1, 5, 16.7, 33, 50 ms, and more */
static double longest_own, longest_wall, sum_own;

static gint64 cpu_now(void) {
  struct timespec now;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (gint64)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

/* Microseconds that the main thread has stood ready without a processor. */
static gint64 queued_now(void) {
  char text[128];
  ssize_t n = schedstat >= 0 ? pread(schedstat, text, sizeof text - 1, 0) : 0;
  char *space;

  if (n <= 0)
    return 0;
  text[n] = '\0';
  space = strchr(text, ' ');
  return space ? (gint64)(g_ascii_strtoull(space + 1, NULL, 10) / 1000) : 0;
}

/* In place of the C library's: Xlib waits for its answers here. */
int poll(struct pollfd *fds, nfds_t n, int timeout) {
  gboolean inside = turn_began && pthread_equal(pthread_self(), main_thread);
  gint64 began = inside ? g_get_monotonic_time() : 0;
  struct timespec time = {timeout / 1000, timeout % 1000 * 1000000L};
  int result = ppoll(fds, n, timeout < 0 ? NULL : &time, NULL);

  if (inside) {
    server_us += g_get_monotonic_time() - began;
    n_asked++;
  }
  return result;
}

static void begin_turn(void) {
  server_us = 0;
  n_asked = 0;
  cpu_began = cpu_now();
  queued_began = queued_now();
  current.n_samples = 0;
  turn_began = g_get_monotonic_time();
}

static void end_turn(void) {
  static const double bounds[] = {1, 5, 1000.0 / 60, 33, 50};
  gint64 began = turn_began;
  double wall, queued, own, server = (double)server_us / 1000;
  guint b = 0;

  if (!began)
    return;
  turn_began = 0;
  wall = (double)(g_get_monotonic_time() - began) / 1000;
  queued = (double)(queued_now() - queued_began) / 1000;
  /* What the server takes on a busy machine is not ours, but each question is: on an idle one it costs up to a tenth of a millisecond. */
  own = MAX(wall - queued - server, 0) + MIN(0.1 * n_asked, server);
  while (b < G_N_ELEMENTS(bounds) && own > bounds[b])
    b++;
  buckets[b]++;
  n_turns++;
  sum_own += own;
  longest_own = MAX(longest_own, own);
  longest_wall = MAX(longest_wall, wall);
  if (own <= limit_ms)
    return;
  if (n_stalls < MAX_STALLS) {
    current.at_s = (double)(began - started) / G_USEC_PER_SEC;
    current.wall_ms = wall;
    current.own_ms = own;
    current.cpu_ms = (double)(cpu_now() - cpu_began) / 1000;
    current.server_ms = server;
    current.n_asked = n_asked;
    current.phase = g_atomic_pointer_get(&phase);
    stalls[n_stalls] = current;
  }
  n_stalls++;
}

static int poll_watched(GPollFD *fds, guint n, int timeout) {
  int result;

  end_turn();
  result = g_poll(fds, n, timeout);
  begin_turn();
  return result;
}

/* On the main thread, wherever it is. backtrace() was called before, so that its library is loaded. */
static void on_signal(int number) {
  int k = current.n_samples;

  if (turn_began && k < N_SAMPLES) {
    current.samples[k].n = backtrace(current.samples[k].frames, N_FRAMES);
    current.n_samples = k + 1;
  }
}

/* A library gave up: what the sitting was at is worth knowing. */
static void on_abort(int number) {
  const char *name = g_atomic_pointer_get(&phase);

  if (write(STDERR_FILENO, "aborted during: ", 16) > 0 && write(STDERR_FILENO, name, strlen(name)) > 0 && write(STDERR_FILENO, "\n", 1) > 0) {
    void *frames[N_FRAMES];

    backtrace_symbols_fd(frames, backtrace(frames, N_FRAMES), STDERR_FILENO);
  }
  signal(SIGABRT, SIG_DFL);
}

static gpointer watch(gpointer data) {
  gint64 asked_for = 0;
  int asked = 0;

  for (;;) {
    gint64 began = turn_began;

    if (began != asked_for) {
      asked_for = began;
      asked = 0;
    }
    /* The first look comes before the limit, or a stall just over it would have no place. */
    if (began && asked < N_SAMPLES && (double)(g_get_monotonic_time() - began) / 1000 > limit_ms * (0.5 + 0.4 * asked)) {
      asked++;
      pthread_kill(main_thread, SIGUSR2);
    }
    g_usleep(4000);
  }
  return NULL;
}

void ax_stall_start(double limit) {
  g_autofree char *path = g_strdup_printf("/proc/self/task/%ld/schedstat", syscall(SYS_gettid));
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  void *frames[2];

  limit_ms = limit;
  stalls = g_new0(Stall, MAX_STALLS);
  main_thread = pthread_self();
  schedstat = open(path, O_RDONLY | O_CLOEXEC);
  started = g_get_monotonic_time();
  backtrace(frames, 2);
  sigaction(SIGUSR2, &action, NULL);
  signal(SIGABRT, on_abort);
  g_main_context_set_poll_func(NULL, poll_watched);
  g_thread_unref(g_thread_new("stall-watch", watch, NULL));
}

void ax_stall_set_phase(const char *name) { g_atomic_pointer_set(&phase, name); }

/* "name (object)" of an address; of our own program by addr2line, which knows static functions too. */
static char *name_of(const char *symbol) {
  g_autofree char *self = g_file_read_link("/proc/self/exe", NULL), *out = NULL;
  const char *open = strchr(symbol, '('), *plus = open ? strchr(open, '+') : NULL;
  g_autofree char *object = open ? g_strndup(symbol, open - symbol) : g_strdup(symbol), *base = g_path_get_basename(object);
  const char *bracket = strchr(symbol, '[');

  if (self && plus && plus == open + 1) {
    g_autofree char *offset = g_strndup(plus + 1, strcspn(plus + 1, ")"));
    const char *argv[] = {"addr2line", "-f", "-s", "-e", object, offset, NULL};

    if (g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &out, NULL, NULL, NULL) && out[0] && out[0] != '?') {
      g_strdelimit(out, "\n", ' ');
      return g_strdup(g_strchomp(out));
    }
    return g_strdup_printf("%s+%s", base, offset);
  }
  if (plus)
    return g_strndup(open + 1, plus - open - 1);
  return g_strdup(bracket ? bracket : base);
}

static void print_sample(FILE *file, const Sample *sample) {
  char **symbols = backtrace_symbols(sample->frames, sample->n);

  /* The first two are the handler and the signal's return. */
  for (int i = 2, shown = 0; symbols && i < sample->n && shown < 16; i++, shown++) {
    g_autofree char *name = name_of(symbols[i]);

    if (g_str_has_prefix(name, "g_main_context_dispatch"))
      break;
    fprintf(file, "%s%s", shown ? " < " : "      in ", name);
  }
  fprintf(file, "\n");
  free(symbols);
}

guint ax_stall_print(FILE *file) {
  end_turn();
  for (guint i = 0; i < MIN(n_stalls, MAX_STALLS); i++) {
    const Stall *s = &stalls[i];

    fprintf(file, "stall at %.1f s: %.0f ms of its own (%.0f computed, %.0f by the clock, of which %.0f for %u answers of the display server), during: %s\n", s->at_s, s->own_ms,
            s->cpu_ms, s->wall_ms, s->server_ms, s->n_asked, s->phase);
    for (int k = 0; k < s->n_samples; k++)
      print_sample(file, &s->samples[k]);
  }
  fprintf(file, "%" G_GUINT64_FORMAT " turns of the main loop in %.0f s, own time (without waiting for a processor): mean %.2f ms, longest %.1f ms (by the clock %.1f ms)\n", n_turns,
          (double)(g_get_monotonic_time() - started) / G_USEC_PER_SEC, n_turns ? sum_own / n_turns : 0, longest_own, longest_wall);
  fprintf(file, "  up to 1 ms %" G_GUINT64_FORMAT ", 5 ms %" G_GUINT64_FORMAT ", 16.7 ms %" G_GUINT64_FORMAT ", 33 ms %" G_GUINT64_FORMAT ", 50 ms %" G_GUINT64_FORMAT ", over %" G_GUINT64_FORMAT
          "; stalls over %.0f ms: %u\n", buckets[0], buckets[1], buckets[2], buckets[3], buckets[4], buckets[5], limit_ms, n_stalls);
  return n_stalls;
}
