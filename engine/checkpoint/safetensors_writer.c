#include "engine/checkpoint/safetensors_writer.h"

#include <string.h>

#include "engine/checkpoint/atomic_file.h"
#include "engine/checkpoint/weights-private.h"
#include "kernels/kernels.h"

typedef struct {
  AxTensorInfo info; /* name owned */
  gsize size;        /* bytes in the file */
  const float *floats; /* converted when written; or */
  GBytes *bytes;
} Tensor;

struct _AxSafetensorsWriter {
  GArray *tensors;
  GHashTable *names;
  GTree *metadata;
};

static int
compare_keys(const void *a, const void *b, void *user)
{
  return strcmp(a, b);
}

static void
tensor_clear(void *data)
{
  Tensor *tensor = data;
  g_clear_pointer(&tensor->bytes, g_bytes_unref);
}

AxSafetensorsWriter *
ax_safetensors_writer_new(void)
{
  AxSafetensorsWriter *self = g_new0(AxSafetensorsWriter, 1);
  self->tensors = g_array_new(FALSE, TRUE, sizeof(Tensor));
  g_array_set_clear_func(self->tensors, tensor_clear);
  self->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  self->metadata = g_tree_new_full(compare_keys, NULL, g_free, g_free);
  return self;
}

void
ax_safetensors_writer_free(AxSafetensorsWriter *self)
{
  g_array_unref(self->tensors);
  g_hash_table_unref(self->names);
  g_tree_unref(self->metadata);
  g_free(self);
}

void
ax_safetensors_writer_set_metadata(AxSafetensorsWriter *self, const char *key, const char *value)
{
  g_return_if_fail(g_utf8_validate(key, -1, NULL) && g_utf8_validate(value, -1, NULL));
  g_tree_replace(self->metadata, g_strdup(key), g_strdup(value));
}

static gboolean
add(AxSafetensorsWriter *self, Tensor *tensor, const char *name, AxDtype dtype, int ndim, const gint64 *shape, GError **error)
{
  const char *problem = NULL;
  if (!g_utf8_validate(name, -1, NULL) || strcmp(name, "__metadata__") == 0)
    problem = "this name cannot be written";
  else if (g_hash_table_contains(self->names, name))
    problem = "this name was added already";
  else if (ndim < 0 || ndim > AX_TENSOR_MAX_DIMS || !ax_shape_product(ndim, shape, &tensor->info.n_elements))
    problem = "the shape is not valid";
  else if (tensor->floats != NULL && dtype != AX_DTYPE_F32 && dtype != AX_DTYPE_F16 && dtype != AX_DTYPE_BF16)
    problem = "floats are written as F32, F16 or BF16 only";
  if (problem == NULL) {
    tensor->size = (gsize) tensor->info.n_elements * ax_dtype_size(dtype);
    if (tensor->bytes != NULL && g_bytes_get_size(tensor->bytes) != tensor->size)
      problem = "the number of bytes does not fit the shape";
  }
  if (problem != NULL) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT, "Tensor %s: %s", name, problem);
    return FALSE;
  }
  char *copy = g_strdup(name);
  g_hash_table_add(self->names, copy);
  tensor->info.name = copy;
  tensor->info.dtype = dtype;
  tensor->info.ndim = ndim;
  for (int d = 0; d < ndim; d++)
    tensor->info.shape[d] = shape[d];
  if (tensor->bytes != NULL)
    g_bytes_ref(tensor->bytes);
  g_array_append_vals(self->tensors, tensor, 1);
  return TRUE;
}

gboolean
ax_safetensors_writer_add_f32(AxSafetensorsWriter *self, const char *name, AxDtype dtype, int ndim, const gint64 *shape,
                              const float *data, GError **error)
{
  static const float nothing = 0;
  Tensor tensor = { .floats = data != NULL ? data : &nothing };
  return add(self, &tensor, name, dtype, ndim, shape, error);
}

gboolean
ax_safetensors_writer_add_bytes(AxSafetensorsWriter *self, const char *name, AxDtype dtype, int ndim, const gint64 *shape,
                                GBytes *bytes, GError **error)
{
  Tensor tensor = { .bytes = bytes };
  return add(self, &tensor, name, dtype, ndim, shape, error);
}

static void
append_string(GString *json, const char *text)
{
  g_string_append_c(json, '"');
  for (const char *p = text; *p != 0; p++) {
    if (*p == '"' || *p == '\\')
      g_string_append_printf(json, "\\%c", *p);
    else if ((guchar) *p < 0x20)
      g_string_append_printf(json, "\\u%04x", *p);
    else
      g_string_append_c(json, *p);
  }
  g_string_append_c(json, '"');
}

static gboolean
append_metadata(void *key, void *value, void *user)
{
  GString *json = user;
  if (json->str[json->len - 1] != '{')
    g_string_append_c(json, ',');
  append_string(json, key);
  g_string_append_c(json, ':');
  append_string(json, value);
  return FALSE;
}

static GString *
make_header(const AxSafetensorsWriter *self)
{
  GString *json = g_string_new("{");
  guint64 offset = 0;
  if (g_tree_nnodes(self->metadata) > 0) {
    g_string_append(json, "\"__metadata__\":{");
    g_tree_foreach(self->metadata, append_metadata, json);
    g_string_append_c(json, '}');
  }
  for (guint i = 0; i < self->tensors->len; i++) {
    const Tensor *tensor = &g_array_index(self->tensors, Tensor, i);
    if (json->len > 1)
      g_string_append_c(json, ',');
    append_string(json, tensor->info.name);
    g_string_append_printf(json, ":{\"dtype\":\"%s\",\"shape\":[", ax_dtype_name(tensor->info.dtype));
    for (int d = 0; d < tensor->info.ndim; d++)
      g_string_append_printf(json, "%s%" G_GINT64_FORMAT, d > 0 ? "," : "", tensor->info.shape[d]);
    g_string_append_printf(json, "],\"data_offsets\":[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]}", offset, offset + tensor->size);
    offset += tensor->size;
  }
  g_string_append_c(json, '}');
  while (json->len % 8 != 0)
    g_string_append_c(json, ' ');
  return json;
}

static gboolean
write_floats(AxAtomicFile *file, const Tensor *tensor, GError **error)
{
  enum { CHUNK = 16384 };
  const gsize n = (gsize) tensor->info.n_elements;
  if (tensor->info.dtype == AX_DTYPE_F32)
    return ax_atomic_file_write(file, tensor->floats, n * sizeof(float), error);
  g_autofree guint16 *half = g_new(guint16, CHUNK);
  for (gsize done = 0; done < n; done += CHUNK) {
    const gsize count = MIN(n - done, CHUNK);
    if (tensor->info.dtype == AX_DTYPE_F16)
      ax_f32_to_f16(count, tensor->floats + done, half);
    else
      ax_f32_to_bf16(count, tensor->floats + done, half);
    if (!ax_atomic_file_write(file, half, count * sizeof *half, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
ax_safetensors_writer_save(const AxSafetensorsWriter *self, const char *path, GError **error)
{
  g_autoptr(AxAtomicFile) file = ax_atomic_file_new(path, error);
  if (file == NULL)
    return FALSE;
  g_autoptr(GString) header = make_header(self);
  const guint64 length = GUINT64_TO_LE((guint64) header->len);
  if (!ax_atomic_file_write(file, &length, sizeof length, error) || !ax_atomic_file_write(file, header->str, header->len, error))
    return FALSE;
  for (guint i = 0; i < self->tensors->len; i++) {
    const Tensor *tensor = &g_array_index(self->tensors, Tensor, i);
    if (tensor->bytes != NULL) {
      gsize size;
      const void *data = g_bytes_get_data(tensor->bytes, &size);
      if (!ax_atomic_file_write(file, data, size, error))
        return FALSE;
    } else if (!write_floats(file, tensor, error)) {
      return FALSE;
    }
  }
  return ax_atomic_file_commit(file, error);
}
