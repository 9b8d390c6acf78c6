/* The configuration file of the language part's training. See train_lm.h. */
#include "engine/training/config_reader.h"
#include "engine/training/train_lm.h"

/* One number per task, by the task's name: "mix": {"Anatomy Grounding": 4, ...}. Tasks not named keep `value`. */
static void
per_task (AxConfigReader *outer, const char *key, double value, double numbers[AX_INSTRUCT_N_TASKS])
{
  JsonObject *object = ax_config_object (outer, key);
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++)
    numbers[t] = value;
  if (object == NULL)
    return;
  AxConfigReader r = ax_config_reader (object, outer->path, known, outer->error);
  for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++)
    numbers[t] = ax_config_number (&r, ax_instruct_task_name (t), value, 0, 1000);
  outer->failed = !ax_config_finish (&r);
}

/* "datasets": {"phantom": 0.3}. */
static GHashTable *
per_dataset (AxConfigReader *outer)
{
  JsonObject *object = ax_config_object (outer, "datasets");
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  GHashTable *weights = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (object == NULL)
    return weights;
  AxConfigReader r = ax_config_reader (object, outer->path, known, outer->error);
  g_autoptr (GList) members = json_object_get_members (object);
  for (GList *l = members; l; l = l->next)
    {
      double weight = ax_config_number (&r, l->data, 1, 0, 1000);
      g_hash_table_replace (weights, g_strdup (l->data), g_memdup2 (&weight, sizeof weight));
    }
  outer->failed = !ax_config_finish (&r);
  return weights;
}

AxLmTrainConfig *
ax_lm_train_config_load (const char *path, GError **error)
{
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (JsonObject) object = ax_config_file_object (path, error);
  if (object == NULL)
    return NULL;
  AxConfigReader r = ax_config_reader (object, path, known, error);
  g_autoptr (AxLmTrainConfig) c = g_new0 (AxLmTrainConfig, 1);
  c->train = ax_config_paths (&r, "train");
  c->validation = ax_config_paths (&r, "validation");
  c->image_dir = ax_config_path (&r, "images", NULL);
  c->model_dir = ax_config_path (&r, "model", NULL);
  c->base = ax_config_path (&r, "base", NULL);
  c->start = ax_config_path (&r, "start", NULL);
  c->run_dir = ax_config_path (&r, "run", "run");
  c->seed = (guint64) ax_config_number (&r, "seed", 2025, 0, 9e15);
  c->steps = (gint64) ax_config_number (&r, "steps", 1000, 1, 1e9);
  c->pictures = (int) ax_config_number (&r, "pictures", 32, 1, 4096);
  c->tasks = (int) ax_config_number (&r, "tasks", 1, 1, 256);
  c->tokens = (int) ax_config_number (&r, "tokens", 4096, 256, 65536);
  c->lr = ax_config_number (&r, "lr", 2e-4, 0, 1);
  c->lr_end = ax_config_number (&r, "lr_end", 0, 0, 1);
  c->warmup = ax_config_number (&r, "warmup", 0.03, 0, 1);
  c->heads_lr = ax_config_number (&r, "heads_lr", 1, 0, 1000);
  c->added_lr = ax_config_number (&r, "added_lr", 1, 0, 1000);
  c->decay = ax_config_number (&r, "decay", 0, 0, 1);
  c->clip = ax_config_number (&r, "clip", 0.3, 0, 1e9);
  c->sampled = (int) ax_config_number (&r, "sampled", 0, 0, 1 << 18);
  c->prefix_gradient = ax_config_number (&r, "prefix_gradient", 1, 0, 1);
  c->rank = ax_config_number (&r, "rank", 16, 1, 256);
  c->alpha = ax_config_number (&r, "alpha", 16, 1e-3, 4096);
  c->dropout = ax_config_number (&r, "dropout", 0.05, 0, 0.9);
  c->vocabulary = ax_config_number (&r, "vocabulary", FALSE, 0, 1) != 0;
  c->name_steps = (int) ax_config_number (&r, "name_steps", 0, 0, 1e6);
  c->finding_steps = (int) ax_config_number (&r, "finding_steps", 0, 0, 1e6);
  c->heart_steps = (int) ax_config_number (&r, "heart_steps", 0, 0, 1e6);
  c->mirrored = ax_config_number (&r, "mirrored", 1, 0, 1);
  c->name_lr = ax_config_number (&r, "name_lr", 1e-3, 0, 1);
  c->system = ax_config_number (&r, "system", 1, 0, 1);
  c->vary = ax_config_number (&r, "vary", 0.1, 0, 1);
  c->copy_boxes = ax_config_number (&r, "copy_boxes", FALSE, 0, 1) != 0;
  c->length_power = ax_config_number (&r, "length_power", 0, 0, 2);
  c->validate_every = (gint64) ax_config_number (&r, "validate_every", 500, 1, 1e9);
  c->validation_pictures = (int) ax_config_number (&r, "validation_pictures", 64, 1, 1e6);
  c->validation_answers = (int) ax_config_number (&r, "validation_answers", 4, 1, 1e6);
  c->save_every = (gint64) ax_config_number (&r, "save_every", 500, 1, 1e9);
  c->save_minutes = ax_config_number (&r, "save_minutes", 5, 0.1, 1e6);
  c->after_box = ax_config_number (&r, "after_box", 1, 0, 1000);
  c->rich = ax_config_number (&r, "rich", 0, 0, 16);
  c->datasets = per_dataset (&r);
  per_task (&r, "mix", 1, c->mix);
  per_task (&r, "weight", 1, c->weight);
  static const char *const stores[] = { "bf16", "f32", NULL }, *const adapters[] = { "f32", "f16", "bf16", "8bit", NULL };
  c->store = ax_config_choice (&r, "store", stores, 0) == 1 ? AX_GEMMA_F32 : AX_GEMMA_BF16;
  c->adapter_store = (AxLmStore) ax_config_choice (&r, "adapter", adapters, AX_LM_STORE_BF16);
  if (c->train == NULL || c->validation == NULL || c->model_dir == NULL)
    ax_config_fail (&r, "\"train\", \"validation\" and \"model\" must name the instruction lists and the model folder");
  double sum = 0;
  for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++)
    sum += c->mix[t] * c->weight[t];
  if (sum <= 0)
    ax_config_fail (&r, "no task has a \"mix\" and a \"weight\" above 0");
  return ax_config_finish (&r) ? g_steal_pointer (&c) : NULL;
}

void
ax_lm_train_config_free (AxLmTrainConfig *c)
{
  if (c == NULL)
    return;
  g_strfreev (c->train);
  g_strfreev (c->validation);
  g_clear_pointer (&c->datasets, g_hash_table_unref);
  g_free (c->image_dir);
  g_free (c->model_dir);
  g_free (c->base);
  g_free (c->start);
  g_free (c->run_dir);
  g_free (c);
}
