#include "engine/checkpoint/attach.h"

#include <string.h>

#include "engine/checkpoint/atomic_file.h"
#include "engine/checkpoint/language_part.h"
#include "engine/checkpoint/weights-private.h"

static gboolean
copy_file(const char *from, const char *folder, const char *name, GError **error)
{
  g_autofree char *to = g_build_filename(folder, name, NULL);
  g_autofree char *a = g_canonicalize_filename(from, NULL), *b = g_canonicalize_filename(to, NULL);
  if (strcmp(a, b) == 0)
    return TRUE;
  g_autoptr(GBytes) bytes = ax_map_file(from, error);
  if (bytes == NULL)
    return FALSE;
  gsize size;
  const void *data = g_bytes_get_data(bytes, &size);
  return ax_atomic_file_save(to, data, size, error);
}

/* The projection heads read the image tokens and object embeddings of this folder's own APM. */
static gboolean
heads_fit(const char *folder, AxLmWeights *adapter, GError **error)
{
  g_autofree char *path = g_build_filename(folder, AX_MODEL_JSON, NULL);
  g_autoptr(JsonObject) root = ax_json_load_object(path, error);
  JsonObject *config = root != NULL ? ax_json_get_object(root, "config", error) : NULL, *apm = config != NULL ? ax_json_get_object(config, "apm", error) : NULL;
  gint64 hidden, proj_dim, rows, cols;
  if (apm == NULL || !ax_json_get_int(apm, "hidden", 1, G_MAXINT, &hidden, error) || !ax_json_get_int(apm, "proj_dim", 1, G_MAXINT, &proj_dim, error))
    return FALSE;
  if (ax_lm_weights_shape(adapter, "image_projectionhead.proj.0.weight", &rows, &cols) && cols != hidden) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH,
                "%s does not belong to this model: its P_im takes %" G_GINT64_FORMAT " numbers, the image tokens have %" G_GINT64_FORMAT,
                ax_lm_weights_get_path(adapter), cols, hidden);
    return FALSE;
  }
  if (ax_lm_weights_shape(adapter, "obj_projectionhead.proj.0.weight", &rows, &cols) && cols != proj_dim) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH,
                "%s does not belong to this model: its P_A takes %" G_GINT64_FORMAT " numbers, the object embeddings have %" G_GINT64_FORMAT,
                ax_lm_weights_get_path(adapter), cols, proj_dim);
    return FALSE;
  }
  return TRUE;
}

/* The adapter with its matrices in another type. */
static gboolean
save_converted(AxLmWeights *adapter, const char *path, AxLmStore store, GError **error)
{
  const AxLmAdapterInfo *info = ax_lm_weights_get_adapter(adapter);
  const guint n = ax_lm_weights_n(adapter);
  g_autofree AxLmTensor *tensors = g_new0(AxLmTensor, n);
  g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < n; i++) {
    const AxTensorInfo *t = ax_lm_weights_info(adapter, i);
    float *data = g_try_malloc((gsize) MAX(t->n_elements, 1) * sizeof *data);
    if (data == NULL) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_READ, "No memory for tensor %s", t->name);
      return FALSE;
    }
    g_ptr_array_add(kept, data);
    if (!ax_lm_weights_read_f32(adapter, i, data, error))
      return FALSE;
    tensors[i] = (AxLmTensor) { .name = t->name, .ndim = t->ndim, .shape = { t->shape[0], t->shape[1] }, .data = data };
  }
  return ax_lm_adapter_save(path, tensors, n, info->alpha, info->added_first, store, error);
}

static gboolean
save_adapter(const AxAttachOptions *o, AxLmWeights *adapter, GError **error)
{
  g_autofree char *path = g_build_filename(o->folder, AX_LANGUAGE_ADAPTER_FILE, NULL);
  if (o->convert)
    return save_converted(adapter, path, o->store, error);
  if (ax_lm_weights_get_source(adapter) == AX_LM_SOURCE_ADAPTER)
    return copy_file(o->adapter, o->folder, AX_LANGUAGE_ADAPTER_FILE, error);
  return ax_lm_adapter_convert(adapter, path, error);
}

static int
compare_names(const void *a, const void *b)
{
  return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* The files of a Hugging Face base, by name, so that the folder does not depend on the order of the directory. */
static gboolean
copy_hf_base(const AxAttachOptions *o, GPtrArray *roles, GError **error)
{
  g_autoptr(GError) reason = NULL;
  g_autoptr(GDir) dir = g_dir_open(o->base, 0, &reason);
  if (dir == NULL) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_READ, "%s", reason->message);
    return FALSE;
  }
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir))
    if (g_str_has_suffix(name, ".safetensors") || strcmp(name, "config.json") == 0 || strcmp(name, "tokenizer.json") == 0
        || strcmp(name, "model.safetensors.index.json") == 0)
      g_ptr_array_add(names, g_strdup(name));
  g_ptr_array_sort(names, compare_names);
  for (guint i = 0; i < names->len; i++) {
    const char *name = names->pdata[i];
    g_autofree char *path = g_build_filename(o->base, name, NULL), *target = g_strconcat("base-", name, NULL);
    g_ptr_array_add(roles, g_strconcat("lm_base/", name, NULL));
    g_ptr_array_add(roles, g_strdup(target));
    if (!copy_file(path, o->folder, target, error))
      return FALSE;
  }
  g_ptr_array_add(roles, NULL);
  return TRUE;
}

gboolean
ax_attach(const AxAttachOptions *o, GError **error)
{
  g_autoptr(AxLmWeights) adapter = ax_lm_adapter_open(o->adapter, o->alpha, error);
  g_autoptr(AxLmWeights) base = adapter != NULL ? ax_lm_base_open(o->base, error) : NULL;
  g_autoptr(AxLmWeights) both = base != NULL ? ax_lm_weights_stack(base, adapter, error) : NULL;
  if (both == NULL || !ax_lm_weights_verify(adapter, error) || (o->check_heads && !heads_fit(o->folder, adapter, error)))
    return FALSE;
  g_autoptr(GPtrArray) roles = g_ptr_array_new_with_free_func(g_free);
  AxGguf *gguf = ax_lm_weights_get_gguf(base);
  const char *file = gguf != NULL ? ax_lm_weights_get_path(base) : NULL;
  g_autofree char *name = g_path_get_basename(file != NULL ? file : o->base);
  if (file == NULL ? !copy_hf_base(o, roles, error) : !ax_language_base_is_installed(file) && !copy_file(file, o->folder, name, error))
    return FALSE;
  if (!save_adapter(o, adapter, error))
    return FALSE;
  const char *title = o->title;
  if (title == NULL && gguf != NULL)
    title = ax_gguf_get_string(gguf, "general.name", NULL);
  const AxLanguageDescription description = {
    .adapter = AX_LANGUAGE_ADAPTER_FILE,
    .base = file,
    .base_files = file == NULL ? (const char *const *) roles->pdata : NULL,
    .title = title != NULL ? title : name,
    .fetch = o->fetch,
    .prompt = o->prompt,
    .licences = o->licences,
  };
  return ax_language_part_write(o->folder, &description, error);
}
