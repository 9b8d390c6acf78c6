#include "engine/checkpoint/weights.h"

#include <string.h>

#include "engine/checkpoint/gguf.h"
#include "engine/checkpoint/gguf_blocks.h"
#include "engine/checkpoint/torch_file.h"
#include "engine/checkpoint/weights-private.h"
#include "kernels/kernels.h"

G_DEFINE_QUARK(ax-checkpoint-error-quark, ax_checkpoint_error)

struct _AxWeights {
  gatomicrefcount refs;
  AxWeightsFormat format;
  char *path;
  GBytes *bytes;
  AxZipArchive *zip; /* or NULL */
  AxWeights *parent; /* of a view, or NULL */
  GArray *entries;   /* AxTensorEntry */
  GHashTable *by_name; /* name (owned here) -> index + 1 */
  GHashTable *metadata;
};

const char *
ax_weights_format_name(AxWeightsFormat format)
{
  return format == AX_WEIGHTS_FORMAT_SAFETENSORS ? "safetensors" : format == AX_WEIGHTS_FORMAT_GGUF ? "GGUF" : "PyTorch zip";
}

gboolean
ax_shape_product(int ndim, const gint64 *shape, gint64 *product)
{
  /* The non-zero dimensions alone must not overflow either: a zero elsewhere would hide strides that do. */
  gint64 n = 1;
  gboolean empty = FALSE;
  for (int d = 0; d < ndim; d++) {
    if (shape[d] < 0)
      return FALSE;
    if (shape[d] == 0)
      empty = TRUE;
    else if (__builtin_mul_overflow(n, shape[d], &n))
      return FALSE;
  }
  *product = empty ? 0 : n;
  return n <= G_MAXINT64 / 8; /* the byte count fits as well */
}

void
ax_shape_strides(int ndim, const gint64 *shape, gint64 *stride)
{
  gint64 step = 1;
  for (int d = ndim - 1; d >= 0; d--) {
    stride[d] = step;
    step *= MAX(shape[d], 1);
  }
}

char *
ax_tensor_shape_string(int ndim, const gint64 *shape)
{
  GString *text = g_string_new("[");
  for (int d = 0; d < ndim; d++)
    g_string_append_printf(text, "%s%" G_GINT64_FORMAT, d > 0 ? ", " : "", shape[d]);
  return g_string_free(g_string_append_c(text, ']'), FALSE);
}

gboolean
ax_bytes_are_zip(GBytes *bytes)
{
  gsize size;
  const guint8 *p = g_bytes_get_data(bytes, &size);
  return size >= 4 && (memcmp(p, "PK\3\4", 4) == 0 || memcmp(p, "PK\5\6", 4) == 0);
}

/* Recognises a file by its first bytes. */
AxWeights *
ax_weights_open_bytes(GBytes *bytes, const char *name, GError **error)
{
  gsize size;
  const guint8 *p = g_bytes_get_data(bytes, &size);
  const char *kind = NULL;
  AxWeights *self = NULL;
  GError *reason = NULL;

  if (size == 0) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_DAMAGED, "%s is empty", name);
    return NULL;
  }
  if (ax_bytes_are_zip(bytes)) {
    g_autoptr(AxTorchFile) file = ax_torch_file_open_bytes(bytes, name, &reason);
    if (file != NULL)
      self = ax_torch_file_collect(file, ax_torch_file_get_root(file), &reason);
  } else if (size >= 4 && memcmp(p, "GGUF", 4) == 0) {
    g_autoptr(AxGguf) file = ax_gguf_open_bytes(bytes, name, error);
    return file != NULL ? ax_weights_ref(ax_gguf_get_tensors(file)) : NULL;
  } else if (size >= 9 && p[8] == '{') {
    self = ax_safetensors_read(bytes, name, &reason);
  } else if (size >= 14 && p[0] == 0x80 && p[2] == 0x8a && p[3] == 0x0a
             && memcmp(p + 4, "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10) == 0) {
    kind = "an old PyTorch file (before 1.6, not a zip); load it with a current PyTorch and save it again with torch.save";
  } else if (size >= 2 && p[0] == 0x80 && p[1] <= 5) {
    kind = "a bare pickle, not a PyTorch zip; save it with torch.save";
  } else if (size >= 8 && memcmp(p, "\x89HDF\r\n\x1a\n", 8) == 0) {
    kind = "an HDF5 file; convert it to safetensors";
  } else {
    kind = "neither safetensors nor GGUF nor a PyTorch zip (.pt, .pth)";
  }
  if (kind != NULL)
    g_set_error(&reason, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED, "this is %s", kind);
  if (reason != NULL)
    g_propagate_prefixed_error(error, reason, "%s: ", name);
  return self;
}

AxWeights *
ax_weights_open(const char *path, GError **error)
{
  g_autoptr(GBytes) bytes = ax_map_file(path, error);
  return bytes != NULL ? ax_weights_open_bytes(bytes, path, error) : NULL;
}

AxWeights *
ax_weights_new(AxWeightsFormat format, const char *path, GBytes *bytes, AxZipArchive *zip)
{
  AxWeights *self = g_new0(AxWeights, 1);
  g_atomic_ref_count_init(&self->refs);
  self->format = format;
  self->path = g_strdup(path);
  self->bytes = g_bytes_ref(bytes);
  self->zip = zip != NULL ? ax_zip_archive_ref(zip) : NULL;
  self->entries = g_array_new(FALSE, FALSE, sizeof(AxTensorEntry));
  self->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  self->metadata = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  return self;
}

AxWeights *
ax_weights_ref(AxWeights *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
ax_weights_unref(AxWeights *self)
{
  if (!g_atomic_ref_count_dec(&self->refs))
    return;
  g_array_unref(self->entries);
  g_hash_table_unref(self->by_name);
  g_hash_table_unref(self->metadata);
  g_clear_pointer(&self->zip, ax_zip_archive_unref);
  g_clear_pointer(&self->parent, ax_weights_unref);
  g_bytes_unref(self->bytes);
  g_free(self->path);
  g_free(self);
}

gboolean
ax_weights_add(AxWeights *self, const AxTensorEntry *entry)
{
  if (g_hash_table_contains(self->by_name, entry->info.name))
    return FALSE;
  AxTensorEntry copy = *entry;
  copy.info.name = g_strdup(entry->info.name);
  g_hash_table_insert(self->by_name, (char *) copy.info.name, GUINT_TO_POINTER(self->entries->len + 1));
  g_array_append_val(self->entries, copy);
  return TRUE;
}

void
ax_weights_set_metadata(AxWeights *self, const char *key, const char *value)
{
  g_hash_table_replace(self->metadata, g_strdup(key), g_strdup(value));
}

const AxTensorEntry *
ax_weights_entry(const AxWeights *self, guint i)
{
  return &g_array_index(self->entries, AxTensorEntry, i);
}

AxTensorEntry *
ax_weights_mutable_entry(AxWeights *self, guint i)
{
  return &g_array_index(self->entries, AxTensorEntry, i);
}

AxWeightsFormat
ax_weights_get_format(const AxWeights *self)
{
  return self->format;
}

const char *
ax_weights_get_path(const AxWeights *self)
{
  return self->path;
}

const char *
ax_weights_get_metadata(const AxWeights *self, const char *key)
{
  return g_hash_table_lookup(self->metadata, key);
}

GHashTable *
ax_weights_get_all_metadata(const AxWeights *self)
{
  return self->metadata;
}

guint
ax_weights_n(const AxWeights *self)
{
  return self->entries->len;
}

const AxTensorInfo *
ax_weights_info(const AxWeights *self, guint i)
{
  g_return_val_if_fail(i < self->entries->len, NULL);
  return &ax_weights_entry(self, i)->info;
}

int
ax_weights_find(const AxWeights *self, const char *name)
{
  return (int) GPOINTER_TO_UINT(g_hash_table_lookup(self->by_name, name)) - 1;
}

/* Number of trailing dimensions that lie contiguous in the storage, and how many elements they hold together. */
static int
contiguous_tail(const AxTensorEntry *entry, gint64 *run)
{
  int d = entry->info.ndim;
  *run = 1;
  while (d > 0 && (entry->info.shape[d - 1] == 1 || entry->stride[d - 1] == *run)) {
    *run *= entry->info.shape[d - 1];
    d--;
  }
  return d;
}

static void
convert_run(AxDtype dtype, const guint8 *src, gint64 n, float *dst)
{
  /* Storages may begin at any address, so wider elements are copied through an aligned buffer. */
  enum { CHUNK = 1024 };
  union {
    guint16 u16[CHUNK];
    gint16 i16[CHUNK];
    gint32 i32[CHUNK];
    gint64 i64[CHUNK];
    double f64[CHUNK];
  } part;
  if (dtype == AX_DTYPE_F32) {
    memcpy(dst, src, (gsize) n * 4);
    return;
  }
  if (ax_dtype_is_quantised(dtype)) {
    ax_gguf_dequantise(dtype, src, (gsize) (n / ax_dtype_block(dtype)), dst);
    return;
  }
  for (gint64 done = 0; done < n; done += CHUNK) {
    const gsize count = (gsize) MIN(n - done, CHUNK);
    const gsize size = ax_dtype_size(dtype);
    const guint8 *p = src + (gsize) done * size;
    float *out = dst + done;
    if (size > 1)
      memcpy(&part, p, count * size);
    switch (dtype) {
    case AX_DTYPE_F64:
      for (gsize i = 0; i < count; i++)
        out[i] = (float) part.f64[i];
      break;
    case AX_DTYPE_F16:
      ax_f16_to_f32(count, part.u16, out);
      break;
    case AX_DTYPE_BF16:
      ax_bf16_to_f32(count, part.u16, out);
      break;
    case AX_DTYPE_I64:
      for (gsize i = 0; i < count; i++)
        out[i] = (float) part.i64[i];
      break;
    case AX_DTYPE_I32:
      for (gsize i = 0; i < count; i++)
        out[i] = (float) part.i32[i];
      break;
    case AX_DTYPE_I16:
      for (gsize i = 0; i < count; i++)
        out[i] = part.i16[i];
      break;
    case AX_DTYPE_I8:
      for (gsize i = 0; i < count; i++)
        out[i] = (gint8) p[i];
      break;
    case AX_DTYPE_U8:
      for (gsize i = 0; i < count; i++)
        out[i] = p[i];
      break;
    case AX_DTYPE_BOOL:
      for (gsize i = 0; i < count; i++)
        out[i] = p[i] != 0;
      break;
    default: /* done above */
      break;
    }
  }
}

/* Calls for each contiguous run of the tensor, in row-major order: float conversion where dst is, a copy where raw is. Quantised
 * tensors are one run. */
static void
gather(const AxTensorEntry *entry, float *dst, guint8 *raw)
{
  const AxDtype dtype = entry->info.dtype;
  gint64 index[AX_TENSOR_MAX_DIMS] = { 0 }, run;
  const int outer = contiguous_tail(entry, &run);
  gint64 at = entry->offset;
  if (entry->info.n_elements == 0)
    return;
  for (;;) {
    const guint8 *src = entry->storage + ax_dtype_bytes(dtype, at);
    if (dst != NULL) {
      convert_run(dtype, src, run, dst);
      dst += run;
    } else {
      memcpy(raw, src, ax_dtype_bytes(dtype, run));
      raw += ax_dtype_bytes(dtype, run);
    }
    int d = outer - 1;
    for (; d >= 0; d--) {
      at += entry->stride[d];
      if (++index[d] < entry->info.shape[d])
        break;
      at -= entry->stride[d] * entry->info.shape[d];
      index[d] = 0;
    }
    if (d < 0)
      return;
  }
}

static const AxTensorEntry *
entry_for_reading(const AxWeights *self, guint i, GError **error)
{
  if (i >= self->entries->len) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT, "%s has %u tensors; number %u was asked for", self->path,
                self->entries->len, i);
    return NULL;
  }
  const AxTensorEntry *entry = ax_weights_entry(self, i);
  if (self->zip != NULL && entry->zip_member >= 0 && !ax_zip_archive_verify(self->zip, (guint) entry->zip_member, error)) {
    g_prefix_error(error, "%s, tensor %s: ", self->path, entry->info.name);
    return NULL;
  }
  return entry;
}

gboolean
ax_weights_read_f32(const AxWeights *self, guint i, float *dst, gsize n, GError **error)
{
  const AxTensorEntry *entry = entry_for_reading(self, i, error);
  if (entry == NULL)
    return FALSE;
  if ((gint64) n != entry->info.n_elements) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT,
                "%s: tensor %s has %" G_GINT64_FORMAT " elements; %" G_GSIZE_FORMAT " were asked for", self->path, entry->info.name,
                entry->info.n_elements, n);
    return FALSE;
  }
  if (n > 0)
    gather(entry, dst, NULL);
  return TRUE;
}

gboolean
ax_weights_read_rows_f32(const AxWeights *self, guint i, gint64 first, gint64 n_rows, float *dst, GError **error)
{
  const AxTensorEntry *entry = entry_for_reading(self, i, error);
  if (entry == NULL)
    return FALSE;
  const int last = entry->info.ndim - 1;
  const gint64 columns = last >= 0 ? entry->info.shape[last] : 1;
  const gint64 rows = columns > 0 ? entry->info.n_elements / columns : 0;
  if (first < 0 || n_rows < 0 || first > rows || n_rows > rows - first) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT,
                "%s: tensor %s has %" G_GINT64_FORMAT " rows; %" G_GINT64_FORMAT " from row %" G_GINT64_FORMAT " were asked for", self->path,
                entry->info.name, rows, n_rows, first);
    return FALSE;
  }
  gint64 run;
  if (contiguous_tail(entry, &run) == 0) {
    /* The common case: all rows follow each other. */
    if (n_rows > 0)
      convert_run(entry->info.dtype, entry->storage + ax_dtype_bytes(entry->info.dtype, entry->offset + first * columns), n_rows * columns, dst);
    return TRUE;
  }
  for (gint64 r = first; r < first + n_rows; r++, dst += columns) {
    AxTensorEntry row = *entry;
    gint64 rest = r;
    for (int d = last - 1; d >= 0; d--) {
      row.offset += rest % entry->info.shape[d] * entry->stride[d];
      rest /= entry->info.shape[d];
    }
    row.info.ndim = 1;
    row.info.shape[0] = row.info.n_elements = columns;
    row.stride[0] = entry->stride[last];
    gather(&row, dst, NULL);
  }
  return TRUE;
}

gboolean
ax_weights_read_named_f32(const AxWeights *self, const char *name, int ndim, const gint64 *shape, float *dst, GError **error)
{
  const int i = ax_weights_find(self, name);
  if (i < 0) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING, "%s has no tensor %s", self->path, name);
    return FALSE;
  }
  const AxTensorInfo *info = ax_weights_info(self, (guint) i);
  if (info->ndim != ndim || (ndim > 0 && memcmp(info->shape, shape, (gsize) ndim * sizeof *shape) != 0)) {
    g_autofree char *has = ax_tensor_shape_string(info->ndim, info->shape);
    g_autofree char *wanted = ax_tensor_shape_string(ndim, shape);
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s: tensor %s has shape %s, expected %s", self->path, name,
                has, wanted);
    return FALSE;
  }
  return ax_weights_read_f32(self, (guint) i, dst, (gsize) info->n_elements, error);
}

gboolean
ax_weights_read_raw(const AxWeights *self, guint i, GBytes **bytes, GError **error)
{
  const AxTensorEntry *entry = entry_for_reading(self, i, error);
  if (entry == NULL)
    return FALSE;
  const gsize size = ax_dtype_bytes(entry->info.dtype, entry->info.n_elements);
  gint64 run;
  if (size == 0) {
    *bytes = g_bytes_new_static("", 0);
  } else if (contiguous_tail(entry, &run) == 0) {
    const guint8 *base = g_bytes_get_data(self->bytes, NULL);
    const guint8 *first = entry->storage + ax_dtype_bytes(entry->info.dtype, entry->offset);
    *bytes = g_bytes_new_from_bytes(self->bytes, (gsize) (first - base), size);
  } else {
    guint8 *raw = g_try_malloc(size);
    if (raw == NULL) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_READ, "No memory for %" G_GSIZE_FORMAT " bytes of %s", size,
                  entry->info.name);
      return FALSE;
    }
    gather(entry, NULL, raw);
    *bytes = g_bytes_new_take(raw, size);
  }
  return TRUE;
}

gboolean
ax_weights_verify(const AxWeights *self, GError **error)
{
  for (guint m = 0; self->zip != NULL && m < ax_zip_archive_n(self->zip); m++)
    if (!ax_zip_archive_verify(self->zip, m, error)) {
      g_prefix_error(error, "%s: ", self->path);
      return FALSE;
    }
  return TRUE;
}

AxWeights *
ax_weights_view_prefix(AxWeights *self, const char *prefix)
{
  AxWeights *view = ax_weights_new(self->format, self->path, self->bytes, self->zip);
  view->parent = ax_weights_ref(self);
  for (guint i = 0; i < self->entries->len; i++) {
    AxTensorEntry entry = *ax_weights_entry(self, i);
    if (!g_str_has_prefix(entry.info.name, prefix))
      continue;
    entry.info.name += strlen(prefix);
    ax_weights_add(view, &entry);
  }
  GHashTableIter iter;
  void *key, *value;
  g_hash_table_iter_init(&iter, self->metadata);
  while (g_hash_table_iter_next(&iter, &key, &value))
    ax_weights_set_metadata(view, key, value);
  return view;
}
