#include "engine/checkpoint/torch_file.h"

#include <string.h>

#include "engine/checkpoint/pickle.h"

#define MAX_NAME_BYTES 4096u

struct _AxTorchFile {
  gatomicrefcount refs;
  char *path;
  GBytes *bytes;
  AxZipArchive *zip;
  char *folder; /* "archive/" */
  AxValuePool *pool;
  AxValue *root;
  AxWeights *tensors;
};

static gboolean
find_storage(void *user, const char *key, const guint8 **data, gsize *size, int *member, GError **error)
{
  const AxTorchFile *self = user;
  g_autofree char *name = g_strconcat(self->folder, "data/", key, NULL);
  *member = ax_zip_archive_find(self->zip, name);
  if (*member < 0) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING, "the archive has no storage %.200s", name);
    return FALSE;
  }
  *data = ax_zip_archive_data(self->zip, (guint) *member, size);
  return TRUE;
}

/* Finds FOLDER/data.pkl and checks what accompanies it. */
static int
find_pickle(AxTorchFile *self, GError **error)
{
  int found = -1;
  for (guint i = 0; i < ax_zip_archive_n(self->zip); i++) {
    const char *name = ax_zip_archive_name(self->zip, i), *slash = strchr(name, '/');
    if (slash == NULL || strcmp(slash, "/data.pkl") != 0)
      continue;
    if (found >= 0) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_DAMAGED, "the archive holds two data.pkl");
      return -1;
    }
    found = (int) i;
    self->folder = g_strndup(name, (gsize) (slash - name) + 1);
  }
  if (found < 0) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED, "a zip file, but not of PyTorch: it holds no data.pkl");
    return -1;
  }
  g_autofree char *order_name = g_strconcat(self->folder, "byteorder", NULL);
  const int order = ax_zip_archive_find(self->zip, order_name);
  if (order >= 0) {
    gsize size;
    const guint8 *text = ax_zip_archive_data(self->zip, (guint) order, &size);
    if (!ax_zip_archive_verify(self->zip, (guint) order, error))
      return -1;
    if (size != 6 || memcmp(text, "little", 6) != 0) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED, "the file was written on a big-endian machine");
      return -1;
    }
  }
  return ax_zip_archive_verify(self->zip, (guint) found, error) ? found : -1;
}

static gboolean
read_file(AxTorchFile *self, GError **error)
{
  self->zip = ax_zip_archive_open(self->bytes, error);
  if (self->zip == NULL)
    return FALSE;
  const int member = find_pickle(self, error);
  if (member < 0)
    return FALSE;
  gsize size;
  const guint8 *data = ax_zip_archive_data(self->zip, (guint) member, &size);
  g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(AxTensorEntry));
  self->pool = ax_value_pool_new();
  const gint64 max_expanded = (gint64) MAX(g_bytes_get_size(self->bytes), (gsize) 16 << 20);
  self->root = ax_pickle_read(data, size, self->pool, entries, max_expanded, find_storage, self, error);
  if (self->root == NULL)
    return FALSE;
  self->tensors = ax_weights_new(AX_WEIGHTS_FORMAT_TORCH_ZIP, self->path, self->bytes, self->zip);
  for (guint i = 0; i < entries->len; i++) {
    AxTensorEntry *entry = &g_array_index(entries, AxTensorEntry, i);
    char name[16];
    g_snprintf(name, sizeof name, "%u", i);
    entry->info.name = name;
    ax_weights_add(self->tensors, entry);
  }
  return TRUE;
}

AxTorchFile *
ax_torch_file_open_bytes(GBytes *bytes, const char *name, GError **error)
{
  g_autoptr(AxTorchFile) self = g_new0(AxTorchFile, 1);
  g_atomic_ref_count_init(&self->refs);
  self->path = g_strdup(name);
  self->bytes = g_bytes_ref(bytes);
  return read_file(self, error) ? g_steal_pointer(&self) : NULL;
}

AxTorchFile *
ax_torch_file_open(const char *path, GError **error)
{
  g_autoptr(GBytes) bytes = ax_map_file(path, error);
  if (bytes == NULL)
    return NULL;
  AxTorchFile *self = ax_torch_file_open_bytes(bytes, path, error);
  if (self == NULL)
    g_prefix_error(error, "%s: ", path);
  return self;
}

AxTorchFile *
ax_torch_file_ref(AxTorchFile *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
ax_torch_file_unref(AxTorchFile *self)
{
  if (!g_atomic_ref_count_dec(&self->refs))
    return;
  g_clear_pointer(&self->tensors, ax_weights_unref);
  g_clear_pointer(&self->pool, ax_value_pool_free);
  g_clear_pointer(&self->zip, ax_zip_archive_unref);
  g_bytes_unref(self->bytes);
  g_free(self->folder);
  g_free(self->path);
  g_free(self);
}

const AxValue *
ax_torch_file_get_root(const AxTorchFile *self)
{
  return self->root;
}

AxWeights *
ax_torch_file_get_tensors(const AxTorchFile *self)
{
  return self->tensors;
}

typedef struct {
  const AxTorchFile *file;
  AxWeights *into;
  GString *name;
  gsize visits, name_bytes;
  GError **error;
} Collector;

static gboolean
collect(Collector *c, const AxValue *value)
{
  /* Shared values are visited once for each way to them, which a hostile file can make exponential. A tree without sharing has
   * fewer values, and fewer bytes of names at that depth, than the file has bytes; some more is granted for honest sharing. */
  const gsize budget = g_bytes_get_size(c->file->bytes) + ((gsize) 1 << 20);
  c->name_bytes += c->name->len;
  if (++c->visits > budget || c->name_bytes > 16 * budget || c->name->len > MAX_NAME_BYTES) {
    g_set_error(c->error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_REFUSED, "the value tree is too large");
    return FALSE;
  }
  const int tensor = ax_value_get_tensor(value);
  if (tensor >= 0) {
    AxTensorEntry entry = *ax_weights_entry(c->file->tensors, (guint) tensor);
    entry.info.name = c->name->str;
    if (ax_weights_add(c->into, &entry))
      return TRUE;
    g_set_error(c->error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_DAMAGED, "two tensors are called %.200s", c->name->str);
    return FALSE;
  }
  const gsize length = c->name->len;
  const gboolean is_dict = ax_value_get_kind(value) == AX_VALUE_DICT;
  const guint n = ax_value_n(value);
  for (guint i = 0; i < n; i++) {
    if (length > 0)
      g_string_append_c(c->name, '.');
    const AxValue *key = is_dict ? ax_value_key(value, i) : NULL;
    const AxValueKind kind = key != NULL ? ax_value_get_kind(key) : AX_VALUE_INT;
    if (kind == AX_VALUE_STRING)
      g_string_append(c->name, ax_value_get_string(key, NULL));
    else if (kind == AX_VALUE_INT)
      g_string_append_printf(c->name, "%" G_GINT64_FORMAT, key != NULL ? ax_value_get_int(key) : (gint64) i);
    else
      g_string_append_printf(c->name, "<%s %u>", ax_value_kind_name(kind), i);
    if (!collect(c, ax_value_item(value, i)))
      return FALSE;
    g_string_truncate(c->name, length);
  }
  return TRUE;
}

AxWeights *
ax_torch_file_collect(const AxTorchFile *self, const AxValue *from, GError **error)
{
  g_autoptr(AxWeights) weights = ax_weights_new(AX_WEIGHTS_FORMAT_TORCH_ZIP, self->path, self->bytes, self->zip);
  Collector c = { self, weights, g_string_new(NULL), 0, 0, error };
  const gboolean ok = collect(&c, from);
  g_string_free(c.name, TRUE);
  return ok ? g_steal_pointer(&weights) : NULL;
}
