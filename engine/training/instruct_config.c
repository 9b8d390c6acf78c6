/* instruct_config.c: the configuration file of `anatomixctl data instruct`, see instruct_build.h. */
#include "engine/checkpoint/json_read.h"
#include "engine/training/instruct_build.h"

#include <string.h>

void
ax_instruct_config_free (AxInstructConfig *config)
{
  if (config == NULL)
    return;
  g_free (config->data);
  g_free (config->split_file);
  g_free (config->scene_graphs);
  g_free (config->labels);
  g_free (config->images);
  g_free (config->out);
  g_free (config->model);
  g_free (config);
}

void
ax_instruct_config_defaults (AxInstructConfig *c)
{
  static const guint count[AX_INSTRUCT_N_TASKS] = {
    [AX_INSTRUCT_REPORT] = 2, [AX_INSTRUCT_CLASSIFICATION] = 6, [AX_INSTRUCT_DETECTION] = 1, [AX_INSTRUCT_PHRASE] = 8, [AX_INSTRUCT_DIAGNOSIS] = 4,
    [AX_INSTRUCT_CAPTION] = 4, [AX_INSTRUCT_ANATOMY] = 10, [AX_INSTRUCT_OPEN] = 4, [AX_INSTRUCT_CLOSED] = 6,
  };
  memcpy (c->count, count, sizeof count);
  c->seed = 2025;
  c->flip = TRUE;
  c->unread = 1;
  c->weak = 0.3;
  c->phantom_size = 512;
  c->phantom_seed = 100000;
}

static char *
resolve (const char *config_path, const char *value)
{
  if (g_path_is_absolute (value))
    return g_strdup (value);
  g_autofree char *dir = g_path_get_dirname (config_path), *full = g_canonicalize_filename (dir, NULL);
  return g_canonicalize_filename (value, full);
}

static gboolean
check_keys (JsonObject *object, const char *path, GError **error)
{
  static const char *const known[] = { "data", "split", "scene_graphs", "labels", "images", "out", "seed", "flip", "unread", "weak", "model", "per_image", "phantoms", "phantom_size", "phantom_seed", NULL };
  g_autoptr (GList) members = json_object_get_members (object);
  for (GList *l = members; l != NULL; l = l->next)
    if (!g_strv_contains (known, l->data) && !g_str_has_prefix (l->data, "//")) {
      g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "unknown key \"%s\"", (const char *) l->data);
      return FALSE;
    }
  return TRUE;
}

static gboolean
read_counts (JsonObject *object, AxInstructConfig *c, GError **error)
{
  if (!json_object_has_member (object, "per_image"))
    return TRUE;
  JsonObject *counts = ax_json_get_object (object, "per_image", error);
  if (counts == NULL)
    return FALSE;
  g_autoptr (GList) members = json_object_get_members (counts);
  for (GList *l = members; l != NULL; l = l->next) {
    const int task = ax_instruct_task_find (l->data);
    gint64 n;
    if (task < 0) {
      g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "\"per_image\": \"%s\" is none of the nine tasks", (const char *) l->data);
      return FALSE;
    }
    if (!ax_json_get_int (counts, l->data, 0, 36, &n, error))
      return FALSE;
    c->count[task] = (guint) n;
  }
  return TRUE;
}

static gboolean
optional_int (JsonObject *object, const char *key, gint64 min, gint64 max, gint64 *value, GError **error)
{
  return !json_object_has_member (object, key) || ax_json_get_int (object, key, min, max, value, error);
}

static gboolean
read_config (JsonObject *object, const char *path, AxInstructConfig *c, GError **error)
{
  gint64 seed = (gint64) c->seed, phantoms = 0, size = c->phantom_size, phantom_seed = (gint64) c->phantom_seed;
  const gboolean graphs = json_object_has_member (object, "scene_graphs");
  const char *data, *split, *out, *images = NULL, *model = NULL;
  if (!check_keys (object, path, error) || (data = ax_json_get_string (object, graphs ? "scene_graphs" : "data", error)) == NULL ||
      (split = ax_json_get_string (object, graphs ? "labels" : "split", error)) == NULL || (out = ax_json_get_string (object, "out", error)) == NULL ||
      (json_object_has_member (object, "images") && (images = ax_json_get_string (object, "images", error)) == NULL) ||
      (json_object_has_member (object, "model") && (model = ax_json_get_string (object, "model", error)) == NULL) ||
      !optional_int (object, "seed", 0, G_MAXINT64, &seed, error) || !optional_int (object, "phantoms", 0, 1000000, &phantoms, error) ||
      !optional_int (object, "phantom_size", 64, 2048, &size, error) || !optional_int (object, "phantom_seed", 0, G_MAXINT64 / 2, &phantom_seed, error) ||
      (json_object_has_member (object, "flip") && !ax_json_get_boolean (object, "flip", &c->flip, error)) ||
      (json_object_has_member (object, "unread") && !ax_json_get_double (object, "unread", 0, 1, &c->unread, error)) ||
      (json_object_has_member (object, "weak") && !ax_json_get_double (object, "weak", 0, 1, &c->weak, error)) || !read_counts (object, c, error))
    return FALSE;
  *(graphs ? &c->scene_graphs : &c->data) = resolve (path, data);
  *(graphs ? &c->labels : &c->split_file) = resolve (path, split);
  c->images = images != NULL ? resolve (path, images) : NULL;
  c->out = resolve (path, out);
  c->model = model != NULL ? resolve (path, model) : NULL;
  c->seed = (guint64) seed;
  c->phantoms = (guint) phantoms;
  c->phantom_size = (guint) size;
  c->phantom_seed = (guint64) phantom_seed;
  return TRUE;
}

AxInstructConfig *
ax_instruct_config_load (const char *path, GError **error)
{
  g_autoptr (JsonObject) object = ax_json_load_object (path, error);
  if (object == NULL)
    return NULL;
  g_autoptr (AxInstructConfig) c = g_new0 (AxInstructConfig, 1);
  ax_instruct_config_defaults (c);
  if (!read_config (object, path, c, error)) {
    g_prefix_error (error, "%s: ", path);
    return NULL;
  }
  return g_steal_pointer (&c);
}
