/* Whether memory stays flat: bench_memory [--images N] [--requests N] [--model FOLDER] [--films FOLDER] [--max-growth MB] [--seed N]
 * Opens N images (default 200) one after the other as the window does, with a document and its asker on the real engine, puts N requests (default 1,000) to
 * them in all, and cancels at random: requests in the middle, images while they are read or looked at. Prints what the heap holds and what the process has
 * after every tenth image, and fails when the last quarter of the sitting has more than MB (default 4; of the heap an eighth of it) above the second quarter: the first one
 * fills the caches. The model is that of the tests, which is quick; --model FOLDER takes a real one, --films FOLDER its images. Under a sanitizer sizes mean nothing, and
 * its own report of leaks counts. Prints TAP, so that it is a test too. */
#include "tests/engine/session/tiny-model.h"
#include "ui/asker.h"
#include "ui/session-file.h"

#include "engine/image/png-write.h"
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define EVERY 10

static int n_images = 200, n_requests = 1000, seed = 1;
static double max_growth = 4;
static char *model_folder, *films_folder;
static guint n_asked, n_stopped, n_left, n_done;

static gboolean on_tick(gpointer data) { return G_SOURCE_CONTINUE; }

/* Runs the loop until the condition holds or so many milliseconds are over. */
static gboolean run_until(gboolean (*condition)(gpointer data), gpointer data, double ms) {
  gint64 end = g_get_monotonic_time() + (gint64)(1000 * ms);
  guint tick = g_timeout_add(5, on_tick, NULL);
  gboolean met;

  while (!(met = condition && condition(data)) && g_get_monotonic_time() < end)
    g_main_context_iteration(NULL, TRUE);
  g_source_remove(tick);
  return met;
}

static gboolean is_loaded(gpointer document) { return ax_document_get_image(document) || ax_document_get_error(document); }
static gboolean is_settled(gpointer document) { return is_loaded(document) && !ax_document_get_busy(document); }
static gboolean is_quiet(gpointer asker) { return !ax_asker_get_busy(asker); }

/* ---- images: of the tests, or of a folder ---- */

static GBytes *make_film(int number, const char *scratch) {
  g_autoptr(AxImage) image = tiny_image(200 + number % 7 * 16, 220, number);
  g_autofree char *path = g_build_filename(scratch, "film.png", NULL), *data = NULL;
  int width = ax_image_get_width(image), height = ax_image_get_height(image);
  const guint16 *pixels = ax_image_get_pixels(image);
  g_autofree guint8 *grey = g_malloc((gsize)width * height);
  gsize length;

  for (gsize i = 0; i < (gsize)width * height; i++)
    grey[i] = (guint8)pixels[i];
  g_assert_true(ax_png_write(path, width, height, 1, 8, grey, NULL));
  g_assert_true(g_file_get_contents(path, &data, &length, NULL));
  return g_bytes_new_take(g_steal_pointer(&data), length);
}

static GPtrArray *list_films(void) {
  GPtrArray *films = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GDir) dir = films_folder ? g_dir_open(films_folder, 0, NULL) : NULL;

  for (const char *name; dir && (name = g_dir_read_name(dir));)
    if (g_str_has_suffix(name, ".png") || g_str_has_suffix(name, ".jpg"))
      g_ptr_array_add(films, g_build_filename(films_folder, name, NULL));
  return films;
}

/* ---- requests ---- */

static void ask(AxDocument *document, AxAsker *asker, GRand *random) {
  static const struct {
    AxTask task;
    const char *text;
    gboolean box;
  } requests[] = {{AX_TASK_REPORT, NULL, FALSE},   {AX_TASK_LOCATE, "pleural effusion", FALSE}, {AX_TASK_ASK, "Is the heart large?", FALSE},
                  {AX_TASK_DESCRIBE, NULL, TRUE}, {AX_TASK_DETECT, NULL, FALSE},               {AX_TASK_ANATOMY, "left lung", FALSE}};
  guint i = (guint)g_rand_int_range(random, 0, G_N_ELEMENTS(requests));
  AxBox box = {10, 10, 90, 120};
  g_autofree char *why = NULL;

  if (!ax_asker_ask(asker, requests[i].task, requests[i].text, &box, requests[i].box, &why))
    g_error("%s", why);
  n_asked++;
  if (g_rand_int_range(random, 0, 8) == 0)
    ax_asker_new_conversation(asker);
  if (g_rand_int_range(random, 0, 3) == 0) {
    run_until(is_quiet, asker, g_rand_double_range(random, 0, 60));
    ax_asker_cancel(asker);
    n_stopped++;
  }
  n_done += run_until(is_quiet, asker, 120000);
}

static double megabytes(const char *name) {
  g_autofree char *text = NULL;
  const char *at;

  g_file_get_contents("/proc/self/status", &text, NULL, NULL);
  at = text ? strstr(text, name) : NULL;
  return at ? g_ascii_strtod(at + strlen(name), NULL) / 1024 : 0;
}

static double heap_megabytes(void) {
  struct mallinfo2 info = mallinfo2();

  return (double)(info.uordblks + info.hblkhd) / (1 << 20);
}

static int compare(gconstpointer a, gconstpointer b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

/* The median of the values from one share of the sitting to another. */
static double median(GArray *values, double from, double to) {
  guint first = (guint)(from * values->len), n = MAX((guint)(to * values->len) - first, 1);
  g_autofree double *sorted = g_memdup2(&g_array_index(values, double, first), n * sizeof(double));

  qsort(sorted, n, sizeof *sorted, compare);
  return sorted[n / 2];
}

static void sit(AxSession *session, const char *scratch, GArray *heap, GArray *resident) {
  g_autoptr(AxDocument) document = ax_document_new(session);
  g_autoptr(AxAsker) asker = ax_asker_new(document, session);
  g_autoptr(GPtrArray) films = list_films();
  g_autoptr(GRand) random = g_rand_new_with_seed((guint32)seed);

  for (int i = 0; i < n_images; i++) {
    gboolean leave = g_rand_int_range(random, 0, 5) == 0;

    if (films->len) {
      ax_document_open_path(document, films->pdata[(guint)i % films->len]);
    } else {
      g_autoptr(GBytes) film = make_film(i, scratch);

      ax_document_open_bytes(document, film, "film.png");
    }
    if (leave) { /* another one before this one is there: what was to be asked of it is asked of the next */
      run_until(is_settled, document, g_rand_double_range(random, 0, 40));
      n_left++;
      continue;
    }
    if (!run_until(is_settled, document, 60000) || !ax_document_get_image(document))
      g_error("image %d was not read", i);
    if (ax_session_get_model(session))
      ax_session_prepare(session, ax_document_get_image(document), FALSE);
    while (n_asked < (guint)((gint64)n_requests * (i + 1) / n_images))
      ask(document, asker, random);
    if (i % EVERY == EVERY - 1) {
      double used = heap_megabytes(), size = megabytes("VmRSS:");

      g_array_append_val(heap, used);
      g_array_append_val(resident, size);
      printf("# after %3d images, %4u requests (%u cancelled, %u images left early): heap %.1f MB, process %.1f MB\n", i + 1, n_asked, n_stopped, n_left, used,
             size);
      fflush(stdout);
    }
  }
}

static gboolean is_over(gpointer data) { return FALSE; }

int main(int argc, char **argv) {
  const GOptionEntry entries[] = {
    {"images", 0, 0, G_OPTION_ARG_INT, &n_images, "Images", "N"},
    {"requests", 0, 0, G_OPTION_ARG_INT, &n_requests, "Requests", "N"},
    {"seed", 0, 0, G_OPTION_ARG_INT, &seed, "Of the random numbers", "N"},
    {"model", 0, 0, G_OPTION_ARG_FILENAME, &model_folder, "Model folder", "FOLDER"},
    {"films", 0, 0, G_OPTION_ARG_FILENAME, &films_folder, "Folder of images", "FOLDER"},
    {"max-growth", 0, 0, G_OPTION_ARG_DOUBLE, &max_growth, "Allowed from the second to the last quarter", "MB"},
    {NULL},
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_autoptr(GError) error = NULL;
  g_autofree char *scratch = g_dir_make_tmp("ax-memory-XXXXXX", NULL), *sessions = g_build_filename(scratch, "sessions", NULL);
  g_autofree char *cache = g_build_filename(scratch, "cache", NULL);
  g_autoptr(GArray) heap = g_array_new(FALSE, FALSE, sizeof(double)), resident = g_array_new(FALSE, FALSE, sizeof(double));
  double heap_growth, growth;
  gboolean ok;

  /* What is freed goes back to the system, so that the size of the process says what it holds and not how its threads happened to meet in the heap, which
   * would be up to 30 MB of chance. */
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 1 << 18);
  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error) || n_images < 8 * EVERY) {
    fprintf(stderr, "bench_memory: %s\n", error ? error->message : "so few images say nothing");
    return 2;
  }
  g_setenv("ANATOMIX_SESSIONS", sessions, TRUE);
  if (!model_folder) {
    g_setenv("XDG_CACHE_HOME", cache, TRUE);
    g_unsetenv("ANATOMIX_LM");
    model_folder = tiny_model_new(scratch, FALSE);
  }
  printf("1..1\n");
  {
    g_autoptr(AxSession) session = ax_session_new(model_folder);

    sit(session, scratch, heap, resident);
  }
  run_until(is_over, NULL, 100); /* what is on its way to this loop */
  ax_session_file_flush();
  heap_growth = median(heap, 0.75, 1) - median(heap, 0.25, 0.5);
  growth = median(resident, 0.75, 1) - median(resident, 0.25, 0.5);
#if defined(__SANITIZE_ADDRESS__)
  ok = TRUE;
#else
  ok = heap_growth <= max_growth / 8 && growth <= max_growth;
#endif
  printf("# %u requests, %u ended, %u cancelled, %u images left early; at most %.1f MB\n", n_asked, n_done, n_stopped, n_left, megabytes("VmHWM:"));
  printf("%s 1 - from the second to the last quarter the heap grew by %.2f MB, the process by %.2f MB (%.1f and %.1f allowed)\n", ok ? "ok" : "not ok",
         heap_growth, growth, max_growth / 8, max_growth);
  tiny_model_remove(scratch);
  return !ok;
}
