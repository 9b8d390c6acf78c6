#include "ui/film-file.h"

#include "ui/film-letters.h"
#include "ui/side-hint.h"

#include <glib/gstdio.h>
#include <malloc.h>

typedef struct {
  char *path, *name;
  GBytes *bytes;
} Source;

static void source_free(gpointer data) {
  Source *source = data;

  g_free(source->path);
  g_free(source->name);
  g_clear_pointer(&source->bytes, g_bytes_unref);
  g_free(source);
}

void ax_film_file_free(AxFilmFile *file) {
  g_clear_pointer(&file->pyramid, ax_pyramid_unref);
  g_clear_pointer(&file->session, ax_session_state_free);
  g_free(file->sha256);
  g_free(file);
}

static char *sha256_of(const Source *source) {
  g_autofree char *contents = NULL;
  gsize length = 0;

  if (source->bytes)
    return g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, source->bytes);
  return g_file_get_contents(source->path, &contents, &length, NULL) ? g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)contents, length) : NULL;
}

/* A broken file is no reason not to show the image; it is replaced by the next one. */
static AxSessionState *read_session(const char *sha256) {
  g_autofree char *path = ax_session_file_path(sha256), *text = NULL;
  g_autoptr(GError) error = NULL;
  AxSessionState *state;
  gsize length;
  GStatBuf info;

  ax_session_file_wait(); /* the same image may just have been left */
  if (g_stat(path, &info) != 0 || info.st_size > AX_SESSION_MAX_BYTES || !g_file_get_contents(path, &text, &length, NULL))
    return NULL;
  state = ax_session_state_from_json(text, (gssize)length, &error);
  if (!state)
    g_message("%s: %s", path, error->message);
  return state;
}

static AxFilmFile *file_new(AxImage *image, const Source *source) {
  AxFilmFile *file = g_new0(AxFilmFile, 1);
  AxFilmLetter letters[8];
  guint n;

  file->sha256 = sha256_of(source);
  file->session = file->sha256 ? read_session(file->sha256) : NULL;
  file->pyramid = ax_pyramid_new(image);
  n = ax_film_letters_find(file->pyramid, letters, G_N_ELEMENTS(letters));
  file->side_of_letters = ax_side_of_letters(image, letters, n);
  return file;
}

static void read_thread(GTask *task, gpointer object, gpointer data, GCancellable *cancellable) {
  Source *source = data;
  GError *error = NULL;
  g_autoptr(AxImage) image = source->bytes ? ax_image_load_bytes(source->bytes, source->name, cancellable, &error)
                                           : ax_image_load(source->path, cancellable, &error);

  AxFilmFile *file = image ? file_new(image, source) : NULL;

  /* What this film, the ones before and the model's threads freed goes back here, in a thread that the window does not wait for: for the sake of its frames
   * (ax_main_window_set_up_heap()) each thread's heap keeps up to 64 MB. */
  malloc_trim(0);
  if (file)
    g_task_return_pointer(task, file, (GDestroyNotify)ax_film_file_free);
  else
    g_task_return_error(task, error);
}

/* The task has no source object: a thread that drops its task last would end the document on that thread. */
void ax_film_file_read_async(const char *path, GBytes *bytes, const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data) {
  g_autoptr(GTask) task = g_task_new(NULL, cancellable, callback, data);
  Source *source = g_new0(Source, 1);

  *source = (Source){g_strdup(path), g_strdup(name), bytes ? g_bytes_ref(bytes) : NULL};
  g_task_set_check_cancellable(task, FALSE);
  g_task_set_task_data(task, source, source_free);
  g_task_run_in_thread(task, read_thread);
}

AxFilmFile *ax_film_file_read_finish(GAsyncResult *result, GError **error) { return g_task_propagate_pointer(G_TASK(result), error); }
