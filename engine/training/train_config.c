/* The training configuration file. See train_apm.h. */
#include "engine/training/config_reader.h"
#include "engine/training/phantom.h"
#include "engine/training/train_apm.h"

/* {"key": ["lung opacity", ...]}; all marks when it is not there. */
static AxMarkSet
read_marks (AxConfigReader *r, const char *key)
{
  AxMarkSet set = 0;
  g_hash_table_add (r->known, (gpointer) key);
  if (r->failed || !json_object_has_member (r->object, key))
    return AX_MARKS_ALL;
  JsonNode *node = json_object_get_member (r->object, key);
  JsonArray *list = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  for (guint i = 0; list && i < json_array_get_length (list); i++)
    {
      JsonNode *item = json_array_get_element (list, i);
      gboolean text = JSON_NODE_HOLDS_VALUE (item) && json_node_get_value_type (item) == G_TYPE_STRING;
      int mark = text ? ax_mark_of_phrase (json_node_get_string (item)) : -1;
      if (mark < 0)
        list = NULL;
      else
        set |= 1u << mark;
    }
  if (list == NULL)
    ax_config_fail (r, "\"%s\" must be a list of findings such as \"lung opacity\"", key);
  return set;
}

static void
read_stage (AxConfigReader *outer, JsonObject *object, AxTrainConfig *c, const AxTrainStage *before)
{
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  AxConfigReader r = ax_config_reader (object, outer->path, known, outer->error);
  AxTrainStage s = *before;
  s.size = (int) ax_config_number (&r, "size", s.size, 32, 1024);
  s.batch = (int) ax_config_number (&r, "batch", s.batch, 1, 1024);
  s.steps = (gint64) ax_config_number (&r, "steps", 1000, 1, 1e9);
  s.lr_start = ax_config_number (&r, "lr", s.lr_start, 0, 1);
  s.lr_end = ax_config_number (&r, "lr_end", s.lr_start, 0, 1);
  s.warmup = (gint64) ax_config_number (&r, "warmup", 0, 0, 1e9);
  s.backbone_lr = ax_config_number (&r, "backbone_lr", s.backbone_lr, 0, 1000);
  s.weight_contrastive = ax_config_number (&r, "contrastive", s.weight_contrastive, 0, 1000);
  s.finding_weight = ax_config_number (&r, "finding_weight", s.finding_weight, 0.001, 1000);
  s.augment.rotate = ax_config_number (&r, "rotate", s.augment.rotate, 0, 180);
  s.augment.translate = ax_config_number (&r, "translate", s.augment.translate, 0, 0.5);
  s.augment.scale = ax_config_number (&r, "scale", s.augment.scale, 0, 0.5);
  s.augment.flip = ax_config_number (&r, "flip", s.augment.flip, 0, 1);
  s.augment.gamma = ax_config_number (&r, "gamma", s.augment.gamma, 0, 2);
  s.augment.contrast = ax_config_number (&r, "contrast", s.augment.contrast, 0, 1);
  s.augment.brightness = ax_config_number (&r, "brightness", s.augment.brightness, 0, 1);
  s.augment.noise = ax_config_number (&r, "noise", s.augment.noise, 0, 1);
  s.augment.paste = ax_config_number (&r, "paste", s.augment.paste, 0, 1);
  s.augment.phantom = ax_config_number (&r, "phantom", s.augment.phantom, 0, 1);
  s.augment.erase = ax_config_number (&r, "erase", s.augment.erase, 0, 1);
  ax_config_finish (&r);
  if (!r.failed && (s.size % 32 != 0 || s.size > c->picture_side))
    ax_config_fail (&r, "a stage's size must be a multiple of 32 up to picture_side (%d)", c->picture_side);
  if (!r.failed && s.augment.phantom > 0 && s.size < AX_PHANTOM_MIN_SIZE)
    ax_config_fail (&r, "\"phantom\" needs a size of at least %d", AX_PHANTOM_MIN_SIZE);
  outer->failed = r.failed;
  c->stages[c->n_stages++] = s;
}

AxTrainConfig *
ax_train_config_load (const char *path, GError **error)
{
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (JsonObject) object = ax_config_file_object (path, error);
  if (object == NULL)
    return NULL;
  AxConfigReader r = ax_config_reader (object, path, known, error);
  g_autoptr (AxTrainConfig) c = g_new0 (AxTrainConfig, 1);
  c->data_dir = ax_config_path (&r, "data", NULL);
  c->split_file = ax_config_path (&r, "split", NULL);
  c->run_dir = ax_config_path (&r, "run", "run");
  c->vectors_file = ax_config_path (&r, "sentence_vectors", NULL);
  if (c->data_dir == NULL || c->split_file == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: \"data\" and \"split\" must name a folder and a file", path);
      return NULL;
    }
  c->start = ax_config_path (&r, "start", NULL);
  c->start_sha256 = g_strdup (ax_config_text (&r, "start_sha256"));
  c->start_run = ax_config_path (&r, "start_run", NULL);
  c->start_share = ax_config_number (&r, "start_share", 1, 0, 1);
  c->healthy_push = ax_config_number (&r, "healthy_push", 0, 0, 10);
  c->sentence_marks = read_marks (&r, "sentence_marks");
  c->seed = (guint64) ax_config_number (&r, "seed", 2025, 0, 9e15);
  AxApmConfig d = ax_apm_config_default ();
  d.depth = (int) ax_config_number (&r, "depth", 50, 18, 50);
  d.input_size = (int) ax_config_number (&r, "input_size", 1024, 32, 1024);
  d.hidden = (int) ax_config_number (&r, "hidden", d.hidden, 8, 1024);
  d.heads = (int) ax_config_number (&r, "heads", d.heads, 1, 64);
  d.enc_layers = (int) ax_config_number (&r, "enc_layers", d.enc_layers, 1, 8);
  d.dec_layers = (int) ax_config_number (&r, "dec_layers", d.dec_layers, 1, 8);
  d.ffn = (int) ax_config_number (&r, "ffn", d.ffn, 8, 8192);
  d.text_dim = (int) ax_config_number (&r, "text_dim", d.text_dim, 0, 4096);
  d.dropout = ax_config_number (&r, "dropout", d.dropout, 0, 0.9);
  c->bf16 = ax_config_number (&r, "bf16", FALSE, 0, 1) != 0;
  d.train_norms = ax_config_number (&r, "train_norms", FALSE, 0, 1) != 0;
  d.train_layer1 = ax_config_number (&r, "train_layer1", FALSE, 0, 1) != 0;
  c->model = d;
  c->weight_l1 = ax_config_number (&r, "weight_l1", 5, 0, 1000);
  c->weight_giou = ax_config_number (&r, "weight_giou", 3, 0, 1000);
  c->weight_labels = ax_config_number (&r, "weight_labels", 2, 0, 1000);
  c->weight_dense = ax_config_number (&r, "weight_dense", 0, 0, 1000);
  c->weight_aux = ax_config_number (&r, "weight_aux", 0, 0, 1000);
  c->weight_marks = ax_config_number (&r, "weight_marks", 0, 0, 1000);
  c->bag_weight = ax_config_number (&r, "bag_weight", 1, 0, 1000);
  c->weight_retrieval = ax_config_number (&r, "weight_retrieval", 0, 0, 1000);
  c->retrieval_scale = ax_config_number (&r, "retrieval_scale", 20, 0.01, 1000);
  c->repeat_read = (int) ax_config_number (&r, "repeat_read", 1, 1, 100);
  c->decay = ax_config_number (&r, "decay", 1e-4, 0, 1);
  c->clip = ax_config_number (&r, "clip", 0.1, 0, 1e9);
  c->picture_side = (int) ax_config_number (&r, "picture_side", d.input_size, 32, 1024);
  c->validate_every = (gint64) ax_config_number (&r, "validate_every", 500, 1, 1e9);
  c->save_every = (gint64) ax_config_number (&r, "save_every", 500, 1, 1e9);
  c->stop = (gint64) ax_config_number (&r, "stop", 0, 0, 1e9);
  g_hash_table_add (known, (gpointer) "stages");
  if (!r.failed)
    ax_config_finish (&r);
  JsonArray *stages = !r.failed && json_object_has_member (r.object, "stages") ? json_object_get_array_member (r.object, "stages") : NULL;
  if (!r.failed && (stages == NULL || json_array_get_length (stages) == 0 || json_array_get_length (stages) > AX_TRAIN_MAX_STAGES))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: \"stages\" must be a list of 1 to %d objects", path, AX_TRAIN_MAX_STAGES);
      return NULL;
    }
  /* Spec 4.5: lr 1e-4, backbone 1e-5, batch 48; spec 1.4: affine and flip. A stage inherits from the one before it. */
  AxTrainStage before = { .size = d.input_size, .batch = 48, .lr_start = 1e-4, .lr_end = 1e-4, .backbone_lr = 0.1, .weight_contrastive = 1, .finding_weight = 1,
                          .augment = { .rotate = 15, .translate = 0.1, .scale = 0.1, .flip = 0.3 } };
  for (guint i = 0; !r.failed && i < json_array_get_length (stages); i++)
    {
      read_stage (&r, json_array_get_object_element (stages, i), c, &before);
      before = c->stages[i];
    }
  return r.failed ? NULL : g_steal_pointer (&c);
}

void
ax_train_config_free (AxTrainConfig *config)
{
  if (config == NULL)
    return;
  g_free (config->data_dir);
  g_free (config->split_file);
  g_free (config->run_dir);
  g_free (config->vectors_file);
  g_free (config->start);
  g_free (config->start_sha256);
  g_free (config->start_run);
  g_free (config);
}
