/* eval_config.c: the configuration file, see eval_apm.h. */
#include "engine/evaluation/eval_apm.h"
#include "engine/training/config_reader.h"

void ax_eval_config_free(AxEvalConfig *config) {
  if (config == NULL)
    return;
  g_free(config->model);
  g_free(config->data);
  g_free(config->split_file);
  g_free(config->out);
  g_free(config->adapter);
  g_free(config->answers);
  g_strfreev(config->mirrored_films);
  g_free(config);
}

AxEvalConfig *ax_eval_config_load(const char *path, GError **error) {
  static const char *const languages[] = {"no", "rule", "quick", "full", NULL}, *const films[] = {"00002645_002.jpg", NULL};
  const char *parts[AX_SPLIT_N + 1] = {NULL};
  g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
  g_autoptr(JsonObject) object = ax_config_file_object(path, error);
  if (object == NULL)
    return NULL;
  for (guint p = 0; p < AX_SPLIT_N; p++)
    parts[p] = ax_split_part_name((AxSplitPart) p);
  AxConfigReader r = ax_config_reader(object, path, known, error);
  g_autoptr(AxEvalConfig) c = g_new0(AxEvalConfig, 1);
  c->data = ax_config_path(&r, "data", NULL);
  c->split_file = ax_config_path(&r, "split", NULL);
  c->model = ax_config_path(&r, "model", NULL);
  c->out = ax_config_path(&r, "out", NULL);
  c->adapter = ax_config_path(&r, "adapter", NULL);
  c->answers = ax_config_path(&r, "answers", NULL);
  c->mirrored_films = ax_config_texts(&r, "mirrored_films");
  if (c->mirrored_films == NULL)
    c->mirrored_films = g_strdupv((char **) films);
  c->part = (AxSplitPart) ax_config_choice(&r, "part", parts, AX_SPLIT_TEST);
  c->language = (AxEvalLanguage) ax_config_choice(&r, "language", languages, AX_EVAL_LANGUAGE_NO);
  c->rounds = (guint) ax_config_number(&r, "rounds", 1000, 0, 100000);
  c->seed = (guint64) ax_config_number(&r, "seed", 2025, 0, 9e15);
  c->limit = (guint) ax_config_number(&r, "limit", 0, 0, 1000000);
  if (c->data == NULL || c->split_file == NULL)
    ax_config_fail(&r, "\"data\" and \"split\" must name a folder and a file");
  return ax_config_finish(&r) ? g_steal_pointer(&c) : NULL;
}
