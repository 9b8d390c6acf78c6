#include "ui/round-maker.h"

#include "ui/folder.h"
#include <glib/gi18n-lib.h>
#include <string.h>

typedef struct {
  char **paths;
  guint n_paths, next; /* images to look at, and the one at hand */
  guint n_cases;
  guint32 seed;
  GArray *films;       /* AxRoundFilm; their names are of `names` */
  GPtrArray *names;
  char *folder;
  gboolean asked;      /* the model gave boxes; else all were given */
  AxProgressFn progress;
  gpointer progress_data;
} Work;

static void work_free(gpointer data) {
  Work *work = data;

  g_strfreev(work->paths);
  g_array_unref(work->films);
  g_ptr_array_unref(work->names);
  g_free(work->folder);
  g_free(work);
}

static void look_at_next(GTask *task);

static void finish(GTask *task) {
  Work *work = g_task_get_task_data(task);
  AxSession *session = g_task_get_source_object(task);
  AxModel *model = ax_session_get_model(session);
  g_autofree char *name = g_path_get_basename(work->folder), *valid = g_utf8_make_valid(name, -1);
  /* Translators: title of a round that was made from a folder, whose name follows. */
  g_autofree char *title = g_strdup_printf(_("Anatomy: %s"), valid), *source = model && work->asked ? g_strdup_printf("%s %.8s", ax_model_name(model), ax_model_sha256(model)) : NULL;
  g_autoptr(GError) error = NULL;
  AxRound *round = NULL;

  if (work->films->len > 0)
    round = ax_round_new_anatomy(title, (const AxRoundFilm *)(void *)work->films->data, work->films->len, work->n_cases, work->seed, source, &error);
  else
    error = g_error_new_literal(G_IO_ERROR, G_IO_ERROR_NOT_FOUND, _("There is no image in this folder that could be read."));
  if (round)
    g_task_return_pointer(task, round, (GDestroyNotify)ax_round_free);
  else
    g_task_return_error(task, g_steal_pointer(&error));
  g_object_unref(task);
}

static void add_film(Work *work, const AxBox *boxes) {
  AxRoundFilm film = {0};

  g_ptr_array_add(work->names, g_path_get_basename(work->paths[work->next]));
  film.image = work->names->pdata[work->names->len - 1];
  memcpy(film.boxes, boxes, sizeof film.boxes);
  if (ax_round_path_is_safe(film.image))
    g_array_append_val(work->films, film);
}

static void on_perceived(GObject *session, GAsyncResult *result, gpointer data) {
  GTask *task = data;
  Work *work = g_task_get_task_data(task);
  g_autoptr(GError) error = NULL;
  g_autoptr(AxPerception) perception = ax_session_perceive_finish(AX_SESSION(session), result, &error);
  AxBox boxes[AX_N_ANATOMY];

  if (!perception) { /* what is wrong with the model is wrong with every image */
    g_task_return_error(task, g_steal_pointer(&error));
    g_object_unref(task);
    return;
  }
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    boxes[i] = ax_box_clamp(perception->anatomy[i].box, perception->width, perception->height);
  work->asked = TRUE;
  add_film(work, boxes);
  work->next++;
  look_at_next(task);
}

/* "film.json" beside "film.png". FALSE when there is none or it cannot be used: the model is asked then. */
static gboolean read_given(const char *path, AxBox boxes[AX_N_ANATOMY]) {
  const char *dot = strrchr(path, '.');
  g_autofree char *stem = g_strndup(path, dot && !strchr(dot, '/') ? (gsize)(dot - path) : strlen(path)), *json = g_strconcat(stem, ".json", NULL);

  return g_file_test(json, G_FILE_TEST_IS_REGULAR) && ax_round_read_film(json, boxes, NULL);
}

static void load_image(GTask *task, gpointer source, gpointer path, GCancellable *cancellable) {
  g_autoptr(GError) error = NULL;
  AxImage *image = ax_image_load(path, cancellable, &error);

  if (image)
    g_task_return_pointer(task, image, g_object_unref);
  else
    g_task_return_error(task, g_steal_pointer(&error));
}

static void on_loaded(GObject *session, GAsyncResult *result, gpointer data) {
  GTask *task = data;
  Work *work = g_task_get_task_data(task);
  g_autoptr(AxImage) image = g_task_propagate_pointer(G_TASK(result), NULL);
  AxBox boxes[AX_N_ANATOMY];

  if (image && read_given(work->paths[work->next], boxes)) {
    for (guint i = 0; i < AX_N_ANATOMY; i++)
      boxes[i] = ax_box_clamp(boxes[i], ax_image_get_width(image), ax_image_get_height(image));
    add_film(work, boxes);
  } else if (image) {
    ax_session_perceive_async(AX_SESSION(session), image, FALSE, NULL, NULL, g_task_get_cancellable(task), on_perceived, task);
    return;
  }
  work->next++; /* boxes were given, or it is no radiograph */
  look_at_next(task);
}

static void look_at_next(GTask *task) {
  Work *work = g_task_get_task_data(task);
  g_autoptr(GTask) load = NULL;

  if (g_task_return_error_if_cancelled(task)) {
    g_object_unref(task);
    return;
  }
  if (work->progress)
    work->progress((double)work->next / MAX(work->n_paths, 1), "Finding structures", work->progress_data);
  if (work->next >= work->n_paths) {
    finish(task);
    return;
  }
  load = g_task_new(g_task_get_source_object(task), g_task_get_cancellable(task), on_loaded, task);
  g_task_set_task_data(load, g_strdup(work->paths[work->next]), g_free);
  g_task_run_in_thread(load, load_image);
}

void ax_round_maker_run_async(AxSession *session, const char *folder, guint n_images, guint n_cases, guint32 seed, AxProgressFn progress,
                              gpointer progress_data, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data) {
  GTask *task = g_task_new(session, cancellable, callback, user_data);
  g_auto(GStrv) all = ax_folder_list(folder, FALSE);
  guint n = g_strv_length(all), take = MIN(n, n_images);
  Work *work = g_new0(Work, 1);

  work->paths = g_new0(char *, take + 1);
  for (guint i = 0; i < take; i++) /* spread over the folder: neighbours are often of one patient */
    work->paths[i] = g_strdup(all[(guint64)i * n / take]);
  work->n_paths = take;
  work->n_cases = n_cases;
  work->seed = seed;
  work->films = g_array_new(FALSE, FALSE, sizeof(AxRoundFilm));
  work->names = g_ptr_array_new_with_free_func(g_free);
  work->folder = g_strdup(folder);
  work->progress = progress;
  work->progress_data = progress_data;
  g_task_set_task_data(task, work, work_free);
  look_at_next(task);
}

AxRound *ax_round_maker_run_finish(AxSession *session, GAsyncResult *result, GError **error) {
  g_return_val_if_fail(g_task_is_valid(result, session), NULL);
  return g_task_propagate_pointer(G_TASK(result), error);
}
