/* instruct_config.c: the configuration file of `anatomixctl data instruct`, see instruct_build.h. */
#include "engine/training/config_reader.h"
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

/* "per_image": {"Anatomy Grounding": 10, ...}. Tasks not named keep their count. */
static void
read_counts (AxConfigReader *outer, AxInstructConfig *c)
{
  JsonObject *object = ax_config_object (outer, "per_image");
  if (object == NULL)
    return;
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  AxConfigReader r = ax_config_reader (object, outer->path, known, outer->error);
  for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++)
    c->count[t] = (guint) ax_config_number (&r, ax_instruct_task_name (t), c->count[t], 0, 36);
  outer->failed = !ax_config_finish (&r);
}

AxInstructConfig *
ax_instruct_config_load (const char *path, GError **error)
{
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (JsonObject) object = ax_config_file_object (path, error);
  if (object == NULL)
    return NULL;
  AxConfigReader r = ax_config_reader (object, path, known, error);
  g_autoptr (AxInstructConfig) c = g_new0 (AxInstructConfig, 1);
  ax_instruct_config_defaults (c);
  c->data = ax_config_path (&r, "data", NULL);
  c->split_file = ax_config_path (&r, "split", NULL);
  c->scene_graphs = ax_config_path (&r, "scene_graphs", NULL);
  c->labels = ax_config_path (&r, "labels", NULL);
  c->images = ax_config_path (&r, "images", NULL);
  c->out = ax_config_path (&r, "out", NULL);
  c->model = ax_config_path (&r, "model", NULL);
  c->seed = (guint64) ax_config_number (&r, "seed", (double) c->seed, 0, 9e15);
  c->flip = ax_config_number (&r, "flip", c->flip, 0, 1) != 0;
  c->unread = ax_config_number (&r, "unread", c->unread, 0, 1);
  c->lent = ax_config_number (&r, "lent", 0, 0, 0.9);
  c->weak = ax_config_number (&r, "weak", c->weak, 0, 1);
  c->phantoms = (guint) ax_config_number (&r, "phantoms", 0, 0, 1000000);
  c->phantom_size = (guint) ax_config_number (&r, "phantom_size", c->phantom_size, 64, 2048);
  c->phantom_seed = (guint64) ax_config_number (&r, "phantom_seed", (double) c->phantom_seed, 0, 9e15);
  read_counts (&r, c);
  const gboolean graphs = c->scene_graphs != NULL;
  if (c->out == NULL || (graphs ? c->labels == NULL : c->data == NULL || c->split_file == NULL))
    ax_config_fail (&r, "\"out\" and either \"data\" and \"split\" or \"scene_graphs\" and \"labels\" are required");
  else if (graphs && (c->data != NULL || c->split_file != NULL))
    ax_config_fail (&r, "\"scene_graphs\" and \"data\" exclude each other");
  return ax_config_finish (&r) ? g_steal_pointer (&c) : NULL;
}
