/* Base language models: Hugging Face folders and GGUF files as AxLmWeights. */
#include <string.h>

#include "engine/checkpoint/lm_weights-private.h"

/* Every tensor of the configuration with its shape, and no other. */
static gboolean
check_complete(AxLmWeights *self, const AxLmConfig *config, GError **error)
{
  guint expected = 2;
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GArray) shapes = g_array_new(FALSE, FALSE, sizeof(gint64[2]));
  const gint64 embed[2] = { config->vocab, config->width }, norm[2] = { 1, config->width };
  g_ptr_array_add(names, g_strdup("embed_tokens.weight"));
  g_array_append_val(shapes, embed);
  g_ptr_array_add(names, g_strdup("norm.weight"));
  g_array_append_val(shapes, norm);
  if (!config->tied) {
    g_ptr_array_add(names, g_strdup("lm_head.weight"));
    g_array_append_val(shapes, embed);
    expected++;
  }
  for (int l = 0; l < config->layers; l++)
    for (int p = 0; p < AX_LM_N_PARTS; p++, expected++) {
      gint64 shape[2];
      ax_lm_part_shape(config, p, &shape[0], &shape[1]);
      g_ptr_array_add(names, g_strdup_printf("layers.%d.%s.weight", l, ax_lm_parts[p]));
      g_array_append_val(shapes, shape);
    }
  for (guint i = 0; i < expected; i++) {
    const gint64 *shape = (const gint64 *) (void *) shapes->data + 2 * (gsize) i;
    gint64 rows, cols;
    if (!ax_lm_weights_shape(self, names->pdata[i], &rows, &cols)) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING, "%s lacks the tensor %s", ax_lm_weights_get_path(self),
                  (const char *) names->pdata[i]);
      return FALSE;
    }
    if (rows != shape[0] || cols != shape[1]) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH,
                  "%s: %s has shape [%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT "]; the configuration says [%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT "]",
                  ax_lm_weights_get_path(self), (const char *) names->pdata[i], rows, cols, shape[0], shape[1]);
      return FALSE;
    }
  }
  if (ax_lm_weights_n(self) != expected) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s holds %u tensors of a language model; the configuration says %u",
                ax_lm_weights_get_path(self), ax_lm_weights_n(self), expected);
    return FALSE;
  }
  return TRUE;
}

static AxLmWeights *
open_gguf(const char *path, GError **error)
{
  g_autoptr(AxGguf) gguf = ax_gguf_open(path, error);
  AxLmConfig config;
  if (gguf == NULL || !ax_lm_config_from_gguf(gguf, &config, error))
    return NULL;
  g_autoptr(AxLmWeights) self = ax_lm_weights_new(AX_LM_SOURCE_GGUF, path);
  AxWeights *tensors = ax_gguf_get_tensors(gguf);
  for (guint i = 0; i < ax_weights_n(tensors); i++) {
    const AxTensorInfo *info = ax_weights_info(tensors, i);
    g_autofree char *name = NULL;
    gboolean plus_one;
    if (ax_lm_name_from_gguf(info->name, &name, &plus_one) == AX_LM_NAME_UNKNOWN) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s: the tensor %.200s is none of a Gemma 3 model", path, info->name);
      return NULL;
    }
    if (!ax_lm_weights_add(self, name, tensors, i, plus_one, -1, error))
      return NULL;
  }
  config.tied = ax_lm_weights_find(self, "lm_head.weight") < 0;
  ax_lm_weights_set_config(self, &config);
  ax_lm_weights_set_gguf(self, gguf);
  return check_complete(self, &config, error) ? g_steal_pointer(&self) : NULL;
}

/* The language model's tensors of one safetensors file; with a map (name -> file) only those that it places there. */
static gboolean
add_file(AxLmWeights *self, const char *dir, const char *prefix, const char *name, JsonObject *map, gboolean tied, GError **error)
{
  g_autofree char *file = g_strconcat(prefix, name, NULL), *path = g_build_filename(dir, file, NULL);
  g_autoptr(AxWeights) weights = ax_weights_open(path, error);
  if (weights == NULL)
    return FALSE;
  for (guint i = 0; i < ax_weights_n(weights); i++) {
    const AxTensorInfo *info = ax_weights_info(weights, i);
    g_autofree char *canonical = NULL;
    const AxLmNameKind kind = ax_lm_name_from_hf(info->name, &canonical);
    if (kind == AX_LM_NAME_UNKNOWN) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s: the tensor %.200s is none of a Gemma 3 model", path, info->name);
      return FALSE;
    }
    /* A tied model's lm_head, if it was stored at all, is a copy of the embedding. */
    if (kind == AX_LM_NAME_IGNORED || (tied && strcmp(canonical, "lm_head.weight") == 0))
      continue;
    if (map != NULL && g_strcmp0(json_object_get_string_member_with_default(map, info->name, NULL), name) != 0)
      continue;
    if (!ax_lm_weights_add(self, canonical, weights, i, FALSE, -1, error))
      return FALSE;
  }
  return TRUE;
}

/* The files that model.safetensors.index.json names, each a plain name in the folder; NULL after an error. */
static GPtrArray *
shard_names(JsonObject *map, const char *path, GError **error)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  JsonObjectIter iter;
  const char *key;
  JsonNode *node;
  json_object_iter_init_ordered(&iter, map);
  while (json_object_iter_next_ordered(&iter, &key, &node)) {
    const char *name = JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : NULL;
    if (name == NULL || strchr(name, '/') != NULL || strchr(name, '\\') != NULL || name[0] == '.' || !g_str_has_suffix(name, ".safetensors")) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_REFUSED, "%s: the file of %.200s is no safetensors file in the folder itself", path,
                  key);
      return NULL;
    }
    gboolean known = FALSE;
    for (guint i = 0; i < names->len && !known; i++)
      known = strcmp(names->pdata[i], name) == 0;
    if (!known && names->len == 1000) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_REFUSED, "%s names more than 1,000 files", path);
      return NULL;
    }
    if (!known)
      g_ptr_array_add(names, g_strdup(name));
  }
  return g_steal_pointer(&names);
}

static gboolean
add_hf_files(AxLmWeights *self, const char *dir, const char *prefix, gboolean tied, GError **error)
{
  g_autofree char *index_name = g_strconcat(prefix, "model.safetensors.index.json", NULL), *index = g_build_filename(dir, index_name, NULL);
  if (!g_file_test(index, G_FILE_TEST_EXISTS))
    return add_file(self, dir, prefix, "model.safetensors", NULL, tied, error);
  g_autoptr(JsonObject) root = ax_json_load_object(index, error);
  JsonObject *map = root != NULL ? ax_json_get_object(root, "weight_map", error) : NULL;
  g_autoptr(GPtrArray) names = map != NULL ? shard_names(map, index, error) : NULL;
  if (names == NULL)
    return FALSE;
  for (guint i = 0; i < names->len; i++)
    if (!add_file(self, dir, prefix, names->pdata[i], map, tied, error))
      return FALSE;
  return TRUE;
}

AxLmWeights *
ax_lm_base_open_prefixed(const char *dir, const char *prefix, GError **error)
{
  g_autofree char *name = g_strconcat(prefix, "config.json", NULL), *path = g_build_filename(dir, name, NULL);
  g_autoptr(JsonObject) root = ax_json_load_object(path, error);
  AxLmConfig config;
  if (root == NULL)
    return NULL;
  if (!ax_lm_config_from_json(root, &config, error)) {
    g_prefix_error(error, "%s: ", path);
    return NULL;
  }
  g_autoptr(AxLmWeights) self = ax_lm_weights_new(AX_LM_SOURCE_HF, dir);
  if (!add_hf_files(self, dir, prefix, config.tied, error))
    return NULL;
  const int embed = ax_lm_weights_find(self, "embed_tokens.weight");
  if (embed >= 0)
    config.embed_scale = ax_lm_embed_scale(config.width, ax_lm_weights_info(self, (guint) embed)->dtype, FALSE);
  ax_lm_weights_set_config(self, &config);
  return check_complete(self, &config, error) ? g_steal_pointer(&self) : NULL;
}

/* The only GGUF file of a folder, or NULL. */
static char *
only_gguf(const char *dir)
{
  g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
  g_autofree char *found = NULL;
  for (const char *name = entries != NULL ? g_dir_read_name(entries) : NULL; name != NULL; name = g_dir_read_name(entries)) {
    if (!g_str_has_suffix(name, ".gguf"))
      continue;
    if (found != NULL)
      return NULL;
    found = g_build_filename(dir, name, NULL);
  }
  return g_steal_pointer(&found);
}

AxLmWeights *
ax_lm_base_open(const char *path, GError **error)
{
  if (!g_file_test(path, G_FILE_TEST_IS_DIR))
    return open_gguf(path, error);
  g_autofree char *config = g_build_filename(path, "config.json", NULL);
  g_autofree char *gguf = g_file_test(config, G_FILE_TEST_EXISTS) ? NULL : only_gguf(path);
  return gguf != NULL ? open_gguf(gguf, error) : ax_lm_base_open_prefixed(path, "", error);
}
