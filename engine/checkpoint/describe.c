#include "engine/checkpoint/describe.h"

#include <string.h>

#include "engine/checkpoint/describe_lm.h"
#include "engine/checkpoint/lm_adapter.h"
#include "engine/checkpoint/sentence_file.h"
#include "engine/checkpoint/torch_file.h"
#include "engine/checkpoint/weights.h"

static int
compare_strings(const void *a, const void *b)
{
  return strcmp(a, b);
}

typedef const AxTensorInfo *(*InfoFunc)(const void *weights, guint i);

static const AxTensorInfo *
file_info(const void *weights, guint i)
{
  return ax_weights_info(weights, i);
}

static const AxTensorInfo *
lm_info(const void *weights, guint i)
{
  return ax_lm_weights_info(weights, i);
}

static void
describe_tensors(const void *weights, guint n, InfoFunc info_of, JsonObject *into)
{
  JsonArray *tensors = json_array_new();
  gint64 parameters = 0, bytes = 0;
  for (guint i = 0; i < n; i++) {
    const AxTensorInfo *info = info_of(weights, i);
    JsonObject *tensor = json_object_new();
    JsonArray *shape = json_array_new();
    for (int d = 0; d < info->ndim; d++)
      json_array_add_int_element(shape, info->shape[d]);
    json_object_set_string_member(tensor, "name", info->name);
    json_object_set_string_member(tensor, "dtype", ax_dtype_name(info->dtype));
    json_object_set_array_member(tensor, "shape", shape);
    json_array_add_object_element(tensors, tensor);
    /* Views may repeat elements: the totals saturate instead of overflowing. */
    const gint64 size = (gint64) ax_dtype_bytes(info->dtype, info->n_elements);
    parameters = parameters > G_MAXINT64 - info->n_elements ? G_MAXINT64 : parameters + info->n_elements;
    bytes = bytes > G_MAXINT64 - size ? G_MAXINT64 : bytes + size;
  }
  json_object_set_array_member(into, "tensors", tensors);
  json_object_set_int_member(into, "parameters", parameters);
  json_object_set_int_member(into, "bytes", bytes);
}

static void
describe_weights(const AxWeights *weights, JsonObject *into)
{
  json_object_set_string_member(into, "format", ax_weights_format_name(ax_weights_get_format(weights)));
  describe_tensors(weights, ax_weights_n(weights), file_info, into);
  JsonObject *metadata = json_object_new();
  GHashTable *all = ax_weights_get_all_metadata(weights);
  g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(all), compare_strings);
  for (GList *key = keys; key != NULL; key = key->next)
    json_object_set_string_member(metadata, key->data, g_hash_table_lookup(all, key->data));
  json_object_set_object_member(into, "metadata", metadata);
}

static gboolean
describe_sentences(const char *path, JsonObject *into, GError **error)
{
  g_autoptr(AxSentenceFile) file = ax_sentence_file_open(path, error);
  if (file == NULL)
    return FALSE;
  JsonArray *objects = json_array_new();
  for (guint o = 0; o < ax_sentence_file_n_objects(file); o++) {
    guint first, count;
    ax_sentence_file_range(file, o, &first, &count);
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "name", ax_sentence_file_object_name(file, o));
    json_object_set_int_member(object, "sentences", count);
    json_array_add_object_element(objects, object);
  }
  json_object_set_array_member(into, "objects", objects);
  json_object_set_int_member(into, "dimension", ax_sentence_file_dim(file));
  return TRUE;
}

/* A Gemma 3 in GGUF, our own adapter, or lm.pt ("LM" beside an empty "apm"). */
static gboolean
is_language(const AxWeights *weights, const char *path)
{
  if (ax_weights_get_format(weights) == AX_WEIGHTS_FORMAT_GGUF)
    return g_strcmp0(ax_weights_get_metadata(weights, "general.architecture"), "gemma3") == 0;
  if (ax_weights_get_format(weights) == AX_WEIGHTS_FORMAT_SAFETENSORS)
    return g_strcmp0(ax_weights_get_metadata(weights, "format"), AX_LM_ADAPTER_FORMAT) == 0;
  g_autoptr(AxTorchFile) file = ax_torch_file_open(path, NULL);
  const AxValue *lm = file != NULL ? ax_value_get(ax_torch_file_get_root(file), "LM") : NULL;
  return lm != NULL && ax_value_get(lm, "wrapper") != NULL;
}

static gboolean
describe_weight_file(const char *path, JsonObject *into, GError **error)
{
  g_autoptr(AxWeights) weights = ax_weights_open(path, error);
  if (weights == NULL || !ax_weights_verify(weights, error))
    return FALSE;
  describe_weights(weights, into);
  const char *format = ax_weights_get_metadata(weights, "format");
  if (is_language(weights, path)) {
    g_autoptr(AxLmWeights) lm = ax_weights_get_format(weights) == AX_WEIGHTS_FORMAT_GGUF ? ax_lm_base_open(path, error)
                                                                                         : ax_lm_adapter_open(path, 0, error);
    if (lm == NULL)
      return FALSE;
    json_object_set_object_member(into, "language", ax_describe_lm(lm));
  }
  return g_strcmp0(format, "anatomix-sentences") != 0 || describe_sentences(path, into, error);
}

/* The folder of a base language model or adapter. */
static JsonObject *
describe_lm_folder(const char *path, gboolean adapter, GError **error)
{
  g_autoptr(AxLmWeights) lm = adapter ? ax_lm_adapter_open(path, 0, error) : ax_lm_base_open(path, error);
  if (lm == NULL || !ax_lm_weights_verify(lm, error))
    return NULL;
  JsonObject *into = json_object_new();
  json_object_set_string_member(into, "path", ax_lm_weights_get_path(lm));
  json_object_set_string_member(into, "format", ax_lm_source_name(ax_lm_weights_get_source(lm)));
  describe_tensors(lm, ax_lm_weights_n(lm), lm_info, into);
  json_object_set_object_member(into, "metadata", json_object_new());
  json_object_set_object_member(into, "language", ax_describe_lm(lm));
  return into;
}

static gboolean
has_file(const char *dir, const char *name)
{
  g_autofree char *path = g_build_filename(dir, name, NULL);
  return g_file_test(path, G_FILE_TEST_EXISTS);
}

static gboolean
has_gguf(const char *dir)
{
  g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
  for (const char *name = entries != NULL ? g_dir_read_name(entries) : NULL; name != NULL; name = g_dir_read_name(entries))
    if (g_str_has_suffix(name, ".gguf"))
      return TRUE;
  return FALSE;
}

static JsonObject *
describe_folder(const char *path, GError **error)
{
  g_autoptr(AxModelFolder) folder = ax_model_folder_open(path, error);
  if (folder == NULL)
    return NULL;
  JsonObject *root = ax_model_folder_get_root(folder), *sums = json_object_get_object_member(root, "files");
  g_autoptr(JsonObject) into = json_object_new();
  JsonObject *model = json_object_new();
  g_autoptr(JsonArray) files = json_array_new();
  json_object_set_string_member(into, "path", path);
  json_object_set_string_member(model, "name", ax_model_folder_get_name(folder));
  json_object_set_string_member(model, "sha256", ax_model_folder_get_sha256(folder));
  json_object_set_object_member(into, "model", model);
  json_object_set_object_member(into, "config", json_object_ref(ax_model_folder_get_config(folder)));
  json_object_set_object_member(into, "quality", json_object_ref(ax_model_folder_get_quality(folder)));
  JsonArray *trained_on = ax_json_get_array(root, "trained_on", NULL), *licences = ax_json_get_array(root, "licences", NULL);
  json_object_set_array_member(into, "trained_on", trained_on != NULL ? json_array_ref(trained_on) : json_array_new());
  JsonArray *names = json_array_new();
  for (guint i = 0; licences != NULL && i < json_array_get_length(licences); i++) {
    JsonNode *node = json_array_get_element(licences, i);
    const char *name = JSON_NODE_HOLDS_OBJECT(node) ? ax_json_get_string(json_node_get_object(node), "name", NULL) : NULL;
    if (name != NULL)
      json_array_add_string_element(names, name);
  }
  json_object_set_array_member(into, "licences", names);
  g_autoptr(GList) roles = json_object_get_members(sums);
  for (GList *role = roles; role != NULL; role = role->next) {
    JsonObject *sum = json_object_get_object_member(sums, role->data), *file = json_object_new();
    const char *file_path = ax_model_folder_get_file(folder, role->data);
    json_object_set_string_member(file, "role", role->data);
    json_object_set_string_member(file, "path", json_object_get_string_member(sum, "path"));
    json_object_set_int_member(file, "bytes_on_disk", json_object_get_int_member(sum, "bytes"));
    json_object_set_string_member(file, "sha256", json_object_get_string_member(sum, "sha256"));
    json_array_add_object_element(files, file);
    const gboolean is_weights = g_str_has_suffix(file_path, ".safetensors") || g_str_has_suffix(file_path, ".pt");
    if (is_weights && !describe_weight_file(file_path, file, error))
      return NULL;
  }
  json_object_set_array_member(into, "files", json_array_ref(files));
  if (ax_model_folder_get_language(folder) != NULL) {
    JsonObject *language = ax_describe_language_part(folder, error);
    if (language == NULL)
      return NULL;
    json_object_set_object_member(into, "language", language);
  }
  return g_steal_pointer(&into);
}

JsonObject *
ax_describe(const char *path, GError **error)
{
  g_autofree char *base = g_path_get_basename(path);
  if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
    if (!has_file(path, AX_MODEL_JSON) && (has_file(path, "adapter_config.json") || has_file(path, "config.json") || has_gguf(path)))
      return describe_lm_folder(path, has_file(path, "adapter_config.json"), error);
    return describe_folder(path, error);
  }
  if (strcmp(base, AX_MODEL_JSON) == 0) {
    g_autofree char *dir = g_path_get_dirname(path);
    return describe_folder(dir, error);
  }
  g_autoptr(JsonObject) into = json_object_new();
  json_object_set_string_member(into, "path", path);
  return describe_weight_file(path, into, error) ? g_steal_pointer(&into) : NULL;
}

static void
append_weights(GString *text, JsonObject *file, const char *indent)
{
  JsonArray *tensors = json_object_get_array_member(file, "tensors");
  const guint n = json_array_get_length(tensors);
  gsize width = 0;
  g_string_append_printf(text, "%s%s: %u tensors, %" G_GINT64_FORMAT " parameters, %" G_GINT64_FORMAT " bytes\n", indent,
                         json_object_get_string_member(file, "format"), n, json_object_get_int_member(file, "parameters"),
                         json_object_get_int_member(file, "bytes"));
  for (guint i = 0; i < n; i++)
    width = MAX(width, strlen(json_object_get_string_member(json_array_get_object_element(tensors, i), "name")));
  width = MIN(width, 90);
  if (json_object_has_member(file, "language")) {
    g_autofree char *deeper = g_strconcat(indent, "  ", NULL);
    ax_describe_lm_text(text, json_object_get_object_member(file, "language"), deeper);
  }
  for (guint i = 0; i < n; i++) {
    JsonObject *tensor = json_array_get_object_element(tensors, i);
    JsonArray *shape = json_object_get_array_member(tensor, "shape");
    g_string_append_printf(text, "%s  ", indent);
    ax_describe_append_safe(text, json_object_get_string_member(tensor, "name"), width);
    g_string_append_printf(text, "  %-4s  [", json_object_get_string_member(tensor, "dtype"));
    for (guint d = 0; d < json_array_get_length(shape); d++)
      g_string_append_printf(text, "%s%" G_GINT64_FORMAT, d > 0 ? ", " : "", json_array_get_int_element(shape, d));
    g_string_append(text, "]\n");
  }
  if (json_object_has_member(file, "objects")) {
    JsonArray *objects = json_object_get_array_member(file, "objects");
    for (guint o = 0; o < json_array_get_length(objects); o++) {
      JsonObject *object = json_array_get_object_element(objects, o);
      g_string_append_printf(text, "%s  %8" G_GINT64_FORMAT " sentences  ", indent, json_object_get_int_member(object, "sentences"));
      ax_describe_append_safe(text, json_object_get_string_member(object, "name"), 0);
      g_string_append_c(text, '\n');
    }
  }
}

/* "title: a; b" of the strings in an array; other elements, which a foreign model.json may hold, are passed over. */
static void
append_list(GString *text, const char *title, JsonArray *strings)
{
  g_string_append_printf(text, "%s:", title);
  for (guint i = 0; i < json_array_get_length(strings); i++) {
    JsonNode *node = json_array_get_element(strings, i);
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING)
      continue;
    g_string_append(text, i > 0 ? "; " : " ");
    ax_describe_append_safe(text, json_node_get_string(node), 0);
  }
  g_string_append_c(text, '\n');
}

char *
ax_describe_text(JsonObject *description)
{
  GString *text = g_string_new(NULL);
  ax_describe_append_safe(text, json_object_get_string_member(description, "path"), 0);
  g_string_append_c(text, '\n');
  if (!json_object_has_member(description, "model")) {
    append_weights(text, description, "");
    return g_string_free(text, FALSE);
  }
  JsonObject *model = json_object_get_object_member(description, "model");
  JsonArray *files = json_object_get_array_member(description, "files");
  g_string_append(text, "model ");
  ax_describe_append_safe(text, json_object_get_string_member(model, "name"), 0);
  g_string_append_printf(text, ", SHA-256 %s\n", json_object_get_string_member(model, "sha256"));
  g_autofree char *config = ax_json_to_text(json_object_get_object_member(description, "config"));
  g_autofree char *quality = ax_json_to_text(json_object_get_object_member(description, "quality"));
  g_string_append_printf(text, "config %squality %s", config, quality);
  append_list(text, "trained on", json_object_get_array_member(description, "trained_on"));
  append_list(text, "licences", json_object_get_array_member(description, "licences"));
  for (guint i = 0; i < json_array_get_length(files); i++) {
    JsonObject *file = json_array_get_object_element(files, i);
    ax_describe_append_safe(text, json_object_get_string_member(file, "role"), 0);
    g_string_append(text, ": ");
    ax_describe_append_safe(text, json_object_get_string_member(file, "path"), 0);
    g_string_append_printf(text, ", %" G_GINT64_FORMAT " bytes, SHA-256 %s\n", json_object_get_int_member(file, "bytes_on_disk"),
                           json_object_get_string_member(file, "sha256"));
    if (json_object_has_member(file, "tensors"))
      append_weights(text, file, "  ");
  }
  if (json_object_has_member(description, "language")) {
    JsonObject *language = json_object_get_object_member(description, "language");
    g_string_append(text, "language part: ");
    ax_describe_append_safe(text, json_object_get_string_member_with_default(json_object_get_object_member(language, "base"), "title", ""), 0);
    g_string_append_c(text, '\n');
    ax_describe_lm_text(text, language, "  ");
  }
  return g_string_free(text, FALSE);
}
