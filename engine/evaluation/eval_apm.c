/* eval_apm.c: the run, see eval_apm.h. */
#include "engine/evaluation/eval_apm.h"

#include "engine/evaluation/lm_answerer.h"

#include <errno.h>

/* Perceives both ways; the perceptions are kept for the language part. */
static gboolean perceive_case(AxSession *session, const AxDataset *dataset, const AxDatasetImage *truth, GCancellable *cancellable, AxApmCase *out,
                              AxPerception **plain_out, AxPerception **mirrored_out, GError **error) {
  g_autofree char *path = ax_dataset_image_path(dataset, truth);
  g_autoptr(AxImage) image = ax_image_load(path, cancellable, error);
  if (image == NULL)
    return FALSE;
  g_autoptr(AxPerception) plain = ax_session_perceive(session, image, FALSE, cancellable, error);
  if (plain == NULL)
    return FALSE;
  g_autoptr(AxPerception) mirrored = ax_session_perceive(session, image, TRUE, cancellable, error);
  if (mirrored == NULL)
    return FALSE;
  ax_apm_case_fill(truth, plain, mirrored, out);
  *plain_out = g_steal_pointer(&plain);
  *mirrored_out = g_steal_pointer(&mirrored);
  return TRUE;
}

typedef struct {
  guint n;
  AxPerception **plain, **mirrored; /* [n] */
} Perceived;

static void perceived_free(Perceived *p) {
  for (guint i = 0; i < p->n; i++) {
    g_clear_pointer(&p->plain[i], ax_perception_unref);
    g_clear_pointer(&p->mirrored[i], ax_perception_unref);
  }
  g_free(p->plain);
  g_free(p->mirrored);
  g_free(p);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Perceived, perceived_free)

static gboolean write_results(const AxApmFigures *figures, const AxApmReportInfo *info, const char *dir, GError **error) {
  if (g_mkdir_with_parents(dir, 0777) != 0) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "cannot make the folder %s: %s", dir, g_strerror(errno));
    return FALSE;
  }
  if (!ax_apm_report_charts(figures, info, dir, error))
    return FALSE;
  g_autofree char *json = ax_apm_report_json(figures, info), *path = g_build_filename(dir, "quality.json", NULL);
  g_autofree char *text = g_str_has_suffix(json, "\n") ? g_strdup(json) : g_strconcat(json, "\n", NULL);
  return g_file_set_contents(path, text, -1, error);
}

static gboolean eval_language(const AxEvalConfig *config, AxModel *model, const AxDataset *dataset, const GPtrArray *images, const Perceived *perceived,
                              AxEvalProgress progress, gpointer user_data, GCancellable *cancellable, AxLmEvaluation *out, GError **error) {
  const AxLmOptions options = {config->language == AX_EVAL_LANGUAGE_QUICK, config->language == AX_EVAL_LANGUAGE_FULL, config->rounds, config->seed, config->answers};
  if (config->language == AX_EVAL_LANGUAGE_RULE)
    return ax_eval_lm(dataset, images, perceived->plain, perceived->mirrored, NULL, &options, progress, user_data, cancellable, out, error);
  g_autoptr(AxLmModelAnswerer) answerer = ax_lm_model_answerer_new(model, config->adapter, error);
  if (answerer == NULL)
    return FALSE;
  const AxLmAnswerer who = ax_lm_model_answerer_get(answerer);
  return ax_eval_lm(dataset, images, perceived->plain, perceived->mirrored, &who, &options, progress, user_data, cancellable, out, error);
}

gboolean ax_eval_apm(const AxEvalConfig *config, AxEvalProgress progress, gpointer user_data, GCancellable *cancellable, char **markdown,
                     AxApmFigures *figures, GError **error) {
  g_autoptr(AxDataset) dataset = ax_dataset_load(config->data, error);
  if (dataset == NULL)
    return FALSE;
  g_autoptr(AxSplit) split = ax_split_load(config->split_file, error);
  if (split == NULL || !ax_split_check(split, dataset, error))
    return FALSE;
  g_autoptr(GPtrArray) train = ax_split_images(split, dataset, AX_SPLIT_TRAIN), images = ax_split_images(split, dataset, config->part);
  if (images->len == 0) {
    g_set_error(error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "%s has no %s image of %s", config->split_file, ax_split_part_name(config->part), config->data);
    return FALSE;
  }
  guint n = config->limit > 0 ? MIN(config->limit, images->len) : images->len;

  g_autofree char *folder = config->model != NULL ? g_strdup(config->model) : ax_model_default_folder();
  g_autoptr(AxSession) session = ax_session_new(folder);
  g_autofree AxApmCase *cases = g_new0(AxApmCase, n);
  g_autoptr(Perceived) perceived = g_new0(Perceived, 1);
  perceived->n = n;
  perceived->plain = g_new0(AxPerception *, n);
  perceived->mirrored = g_new0(AxPerception *, n);
  const gint64 start = g_get_monotonic_time();
  for (guint i = 0; i < n; i++) {
    const AxDatasetImage *truth = images->pdata[i];
    if (!perceive_case(session, dataset, truth, cancellable, &cases[i], &perceived->plain[i], &perceived->mirrored[i], error)) {
      g_prefix_error(error, "%s: ", truth->file);
      return FALSE;
    }
    cases[i].truly_mirrored = g_strv_contains((const char *const *) config->mirrored_films, truth->file);
    if (progress != NULL)
      progress(i + 1, n, (g_get_monotonic_time() - start) / 1e6, user_data);
  }

  AxApmBaseline baseline;
  ax_apm_baseline_learn(train, &baseline);
  g_autofree AxApmFigures *f = g_new0(AxApmFigures, 1);
  ax_apm_figures(cases, n, &baseline, config->rounds, config->seed, f);

  AxModel *model = ax_session_get_model(session);
  AxLmEvaluation language = {0};
  if (config->language != AX_EVAL_LANGUAGE_NO) {
    g_ptr_array_set_size(images, (int) n);
    if (!eval_language(config, model, dataset, images, perceived, progress, user_data, cancellable, &language, error))
      return FALSE;
  }
  g_autoptr(GDateTime) now = g_date_time_new_now_utc();
  g_autofree char *date = g_date_time_format(now, "%Y-%m-%d"), *data_name = g_path_get_basename(config->data);
  const AxApmReportInfo info = {ax_model_name(model), ax_model_sha256(model), data_name, ax_split_part_name(config->part), date, config->rounds, config->seed,
                                config->language != AX_EVAL_LANGUAGE_NO ? &language : NULL};
  const gboolean written = write_results(f, &info, config->out != NULL ? config->out : folder, error);
  if (written && markdown != NULL)
    *markdown = ax_apm_report_markdown(f, &info);
  if (written && figures != NULL)
    *figures = *f;
  ax_lm_evaluation_clear(&language);
  return written;
}
