/* eval_config.c: the configuration file, see eval_apm.h. */
#include "engine/checkpoint/json_read.h"
#include "engine/evaluation/eval_apm.h"

#include <string.h>

void ax_eval_config_free(AxEvalConfig *config) {
  if (config == NULL)
    return;
  g_free(config->model);
  g_free(config->data);
  g_free(config->split_file);
  g_free(config->out);
  g_free(config->adapter);
  g_strfreev(config->mirrored_films);
  g_free(config);
}

static char *resolve(const char *config_path, const char *value) {
  if (g_path_is_absolute(value))
    return g_strdup(value);
  g_autofree char *dir = g_path_get_dirname(config_path), *full = g_canonicalize_filename(dir, NULL);
  return g_canonicalize_filename(value, full);
}

static gboolean check_keys(JsonObject *object, const char *path, GError **error) {
  static const char *const known[] = {"model", "data", "split", "part", "out", "mirrored_films", "rounds", "seed", "limit", "language", "adapter", NULL};
  g_autoptr(GList) members = json_object_get_members(object);
  for (GList *l = members; l != NULL; l = l->next)
    if (!g_strv_contains(known, l->data) && !g_str_has_prefix(l->data, "//")) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s: unknown key \"%s\"", path, (const char *) l->data);
      return FALSE;
    }
  return TRUE;
}

/* A string that may be absent (*value keeps what it was). */
static gboolean optional_string(JsonObject *object, const char *key, const char **value, GError **error) {
  if (!json_object_has_member(object, key))
    return TRUE;
  const char *s = ax_json_get_string(object, key, error);
  if (s != NULL)
    *value = s;
  return s != NULL;
}

static gboolean optional_number(JsonObject *object, const char *key, gint64 max, gint64 *value, GError **error) {
  return !json_object_has_member(object, key) || ax_json_get_int(object, key, 0, max, value, error);
}

static char **read_films(JsonObject *object, const char *path, GError **error) {
  static const char *const fallback[] = {"00002645_002.jpg", NULL};
  if (!json_object_has_member(object, "mirrored_films"))
    return g_strdupv((char **) fallback);
  JsonArray *a = ax_json_get_array(object, "mirrored_films", error);
  if (a == NULL)
    return NULL;
  g_autoptr(GStrvBuilder) b = g_strv_builder_new();
  for (guint i = 0; i < json_array_get_length(a); i++) {
    JsonNode *node = json_array_get_element(a, i);
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s: \"mirrored_films\" must be a list of file names", path);
      return NULL;
    }
    g_strv_builder_add(b, json_node_get_string(node));
  }
  return g_strv_builder_end(b);
}

AxEvalConfig *ax_eval_config_load(const char *path, GError **error) {
  g_autoptr(JsonObject) object = ax_json_load_object(path, error);
  if (object == NULL || !check_keys(object, path, error))
    return NULL;
  const char *model = NULL, *out = NULL, *adapter = NULL, *part = "test", *language = "no", *data = ax_json_get_string(object, "data", error);
  if (data == NULL) {
    g_prefix_error(error, "%s: ", path);
    return NULL;
  }
  const char *split = ax_json_get_string(object, "split", error);
  gint64 rounds = 1000, seed = 2025, limit = 0;
  if (split == NULL || !optional_string(object, "model", &model, error) || !optional_string(object, "out", &out, error) || !optional_string(object, "adapter", &adapter, error) ||
      !optional_string(object, "part", &part, error) || !optional_string(object, "language", &language, error) || !optional_number(object, "rounds", 100000, &rounds, error) ||
      !optional_number(object, "seed", G_MAXINT64, &seed, error) || !optional_number(object, "limit", 1000000, &limit, error)) {
    g_prefix_error(error, "%s: ", path);
    return NULL;
  }
  g_autoptr(AxEvalConfig) c = g_new0(AxEvalConfig, 1);
  c->mirrored_films = read_films(object, path, error);
  if (c->mirrored_films == NULL)
    return NULL;
  guint p = 0;
  while (p < AX_SPLIT_N && strcmp(ax_split_part_name(p), part) != 0)
    p++;
  if (p == AX_SPLIT_N) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s: \"part\" is \"%s\"; it must be train, validation or test", path, part);
    return NULL;
  }
  c->part = (AxSplitPart) p;
  static const char *const languages[] = {"no", "rule", "quick", "full"};
  guint l = 0;
  while (l < G_N_ELEMENTS(languages) && strcmp(languages[l], language) != 0)
    l++;
  if (l == G_N_ELEMENTS(languages)) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s: \"language\" is \"%s\"; it must be no, rule, quick or full", path, language);
    return NULL;
  }
  c->language = (AxEvalLanguage) l;
  c->data = resolve(path, data), c->split_file = resolve(path, split);
  c->model = model != NULL ? resolve(path, model) : NULL;
  c->out = out != NULL ? resolve(path, out) : NULL;
  c->adapter = adapter != NULL ? resolve(path, adapter) : NULL;
  c->rounds = (guint) rounds, c->seed = (guint64) seed, c->limit = (guint) limit;
  return g_steal_pointer(&c);
}
