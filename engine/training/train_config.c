/* The training configuration file. See train_apm.h. */
#include "engine/training/phantom.h"
#include "engine/training/train_apm.h"
#include <json-glib/json-glib.h>
#include <string.h>

/* Reads members one by one and remembers which names are known, so that a misspelt key is an error and not a silent default. */
typedef struct {
  JsonObject *object;
  const char *path;
  GHashTable *known;
  GError    **error;
  gboolean    failed;
} Reader;

static double
number (Reader *r, const char *key, double value, double lo, double hi)
{
  g_hash_table_add (r->known, (gpointer) key);
  if (r->failed || !json_object_has_member (r->object, key))
    return value;
  JsonNode *node = json_object_get_member (r->object, key);
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) == G_TYPE_STRING)
    value = lo - 1;
  else if (json_node_get_value_type (node) == G_TYPE_BOOLEAN)
    value = json_node_get_boolean (node);
  else
    value = json_node_get_double (node);
  if (!(value >= lo && value <= hi))
    {
      g_set_error (r->error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: \"%s\" must be a number from %g to %g", r->path, key, lo, hi);
      r->failed = TRUE;
    }
  return value;
}

/* A path relative to the configuration file. */
static char *
file (Reader *r, const char *key, const char *fallback)
{
  g_hash_table_add (r->known, (gpointer) key);
  const char *value = json_object_get_string_member_with_default (r->object, key, fallback);
  if (value == NULL)
    return NULL;
  g_autofree char *dir = g_path_get_dirname (r->path);
  return g_path_is_absolute (value) ? g_strdup (value) : g_build_filename (dir, value, NULL);
}

static void
check_unknown (Reader *r)
{
  g_autoptr (GList) members = json_object_get_members (r->object);
  for (GList *l = members; l && !r->failed; l = l->next)
    if (!g_hash_table_contains (r->known, l->data) && !g_str_has_prefix (l->data, "//"))
      {
        g_set_error (r->error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: unknown key \"%s\"", r->path, (char *) l->data);
        r->failed = TRUE;
      }
}

static void
read_stage (Reader *outer, JsonObject *object, AxTrainConfig *c, const AxTrainStage *before)
{
  Reader r = *outer;
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  AxTrainStage s = *before;
  r.object = object;
  r.known = known;
  s.size = (int) number (&r, "size", s.size, 32, 1024);
  s.batch = (int) number (&r, "batch", s.batch, 1, 1024);
  s.steps = (gint64) number (&r, "steps", 1000, 1, 1e9);
  s.lr_start = number (&r, "lr", s.lr_start, 0, 1);
  s.lr_end = number (&r, "lr_end", s.lr_start, 0, 1);
  s.warmup = (gint64) number (&r, "warmup", 0, 0, 1e9);
  s.backbone_lr = number (&r, "backbone_lr", s.backbone_lr, 0, 1000);
  s.weight_contrastive = number (&r, "contrastive", s.weight_contrastive, 0, 1000);
  s.augment.rotate = number (&r, "rotate", s.augment.rotate, 0, 180);
  s.augment.translate = number (&r, "translate", s.augment.translate, 0, 0.5);
  s.augment.scale = number (&r, "scale", s.augment.scale, 0, 0.5);
  s.augment.flip = number (&r, "flip", s.augment.flip, 0, 1);
  s.augment.gamma = number (&r, "gamma", s.augment.gamma, 0, 2);
  s.augment.contrast = number (&r, "contrast", s.augment.contrast, 0, 1);
  s.augment.brightness = number (&r, "brightness", s.augment.brightness, 0, 1);
  s.augment.noise = number (&r, "noise", s.augment.noise, 0, 1);
  s.augment.paste = number (&r, "paste", s.augment.paste, 0, 1);
  s.augment.phantom = number (&r, "phantom", s.augment.phantom, 0, 1);
  s.augment.erase = number (&r, "erase", s.augment.erase, 0, 1);
  check_unknown (&r);
  if (!r.failed && (s.size % 32 != 0 || s.size > c->picture_side))
    {
      g_set_error (r.error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: a stage's size must be a multiple of 32 up to picture_side (%d)", r.path,
                   c->picture_side);
      r.failed = TRUE;
    }
  if (!r.failed && s.augment.phantom > 0 && s.size < AX_PHANTOM_MIN_SIZE)
    {
      g_set_error (r.error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: \"phantom\" needs a size of at least %d", r.path, AX_PHANTOM_MIN_SIZE);
      r.failed = TRUE;
    }
  outer->failed = r.failed;
  c->stages[c->n_stages++] = s;
}

AxTrainConfig *
ax_train_config_load (const char *path, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  if (!json_parser_load_from_file (parser, path, error))
    return NULL;
  JsonNode *root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: not a JSON object", path);
      return NULL;
    }
  Reader r = { json_node_get_object (root), path, known, error, FALSE };
  g_autoptr (AxTrainConfig) c = g_new0 (AxTrainConfig, 1);
  c->data_dir = file (&r, "data", NULL);
  c->split_file = file (&r, "split", NULL);
  c->run_dir = file (&r, "run", "run");
  c->vectors_file = file (&r, "sentence_vectors", NULL);
  if (c->data_dir == NULL || c->split_file == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: \"data\" and \"split\" must name a folder and a file", path);
      return NULL;
    }
  c->seed = (guint64) number (&r, "seed", 2025, 0, 9e15);
  AxApmConfig d = ax_apm_config_default ();
  d.depth = (int) number (&r, "depth", 50, 18, 50);
  d.input_size = (int) number (&r, "input_size", 1024, 32, 1024);
  d.hidden = (int) number (&r, "hidden", d.hidden, 8, 1024);
  d.heads = (int) number (&r, "heads", d.heads, 1, 64);
  d.enc_layers = (int) number (&r, "enc_layers", d.enc_layers, 1, 8);
  d.dec_layers = (int) number (&r, "dec_layers", d.dec_layers, 1, 8);
  d.ffn = (int) number (&r, "ffn", d.ffn, 8, 8192);
  d.text_dim = (int) number (&r, "text_dim", d.text_dim, 0, 4096);
  d.dropout = number (&r, "dropout", d.dropout, 0, 0.9);
  d.train_norms = number (&r, "train_norms", FALSE, 0, 1) != 0;
  d.train_layer1 = number (&r, "train_layer1", FALSE, 0, 1) != 0;
  c->model = d;
  c->weight_l1 = number (&r, "weight_l1", 5, 0, 1000);
  c->weight_giou = number (&r, "weight_giou", 3, 0, 1000);
  c->weight_labels = number (&r, "weight_labels", 2, 0, 1000);
  c->weight_dense = number (&r, "weight_dense", 0, 0, 1000);
  c->weight_aux = number (&r, "weight_aux", 0, 0, 1000);
  c->decay = number (&r, "decay", 1e-4, 0, 1);
  c->clip = number (&r, "clip", 0.1, 0, 1e9);
  c->picture_side = (int) number (&r, "picture_side", d.input_size, 32, 1024);
  c->validate_every = (gint64) number (&r, "validate_every", 500, 1, 1e9);
  c->save_every = (gint64) number (&r, "save_every", 500, 1, 1e9);
  g_hash_table_add (known, (gpointer) "stages");
  if (!r.failed)
    check_unknown (&r);
  JsonArray *stages = !r.failed && json_object_has_member (r.object, "stages") ? json_object_get_array_member (r.object, "stages") : NULL;
  if (!r.failed && (stages == NULL || json_array_get_length (stages) == 0 || json_array_get_length (stages) > AX_TRAIN_MAX_STAGES))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: \"stages\" must be a list of 1 to %d objects", path, AX_TRAIN_MAX_STAGES);
      return NULL;
    }
  /* Spec 4.5: lr 1e-4, backbone 1e-5, batch 48; spec 1.4: affine and flip. A stage inherits from the one before it. */
  AxTrainStage before = { .size = d.input_size, .batch = 48, .lr_start = 1e-4, .lr_end = 1e-4, .backbone_lr = 0.1, .weight_contrastive = 1,
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
  g_free (config);
}
