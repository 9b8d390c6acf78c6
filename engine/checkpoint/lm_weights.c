#include "engine/checkpoint/lm_weights.h"

#include <string.h>

#include "engine/checkpoint/lm_weights-private.h"

struct _AxLmWeights {
  gatomicrefcount refs;
  AxLmSource source;
  char *path;
  GArray *entries;     /* AxLmEntry */
  GHashTable *by_name; /* name (owned here) -> index + 1 */
  gboolean has_config, has_adapter;
  AxLmConfig config;
  AxLmAdapterInfo adapter;
  AxGguf *gguf;
};

const char *
ax_lm_source_name(AxLmSource source)
{
  static const char *const names[] = {
    [AX_LM_SOURCE_HF] = "Hugging Face folder",     [AX_LM_SOURCE_GGUF] = "GGUF",
    [AX_LM_SOURCE_PEFT] = "PEFT adapter",          [AX_LM_SOURCE_LM_PT] = "lm.pt",
    [AX_LM_SOURCE_ADAPTER] = "AnatomiX adapter",   [AX_LM_SOURCE_STACK] = "adapter over its base",
  };
  return names[source];
}

AxLmWeights *
ax_lm_weights_new(AxLmSource source, const char *path)
{
  AxLmWeights *self = g_new0(AxLmWeights, 1);
  g_atomic_ref_count_init(&self->refs);
  self->source = source;
  self->path = g_strdup(path);
  self->entries = g_array_new(FALSE, FALSE, sizeof(AxLmEntry));
  self->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  return self;
}

AxLmWeights *
ax_lm_weights_ref(AxLmWeights *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
ax_lm_weights_unref(AxLmWeights *self)
{
  if (!g_atomic_ref_count_dec(&self->refs))
    return;
  for (guint i = 0; i < self->entries->len; i++)
    ax_weights_unref(g_array_index(self->entries, AxLmEntry, i).weights);
  g_array_unref(self->entries);
  g_hash_table_unref(self->by_name);
  g_clear_pointer(&self->gguf, ax_gguf_unref);
  g_free(self->path);
  g_free(self);
}

gboolean
ax_lm_weights_add(AxLmWeights *self, const char *name, AxWeights *weights, guint index, gboolean plus_one, int scale, GError **error)
{
  AxLmEntry entry = { *ax_weights_info(weights, index), weights, index, plus_one, scale };
  if (g_hash_table_contains(self->by_name, name)) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_DAMAGED, "%s: %s is there twice under two names", self->path, name);
    return FALSE;
  }
  entry.info.name = g_strdup(name);
  ax_weights_ref(weights);
  g_array_append_val(self->entries, entry);
  g_hash_table_insert(self->by_name, (char *) entry.info.name, GUINT_TO_POINTER(self->entries->len));
  return TRUE;
}

void
ax_lm_weights_set_config(AxLmWeights *self, const AxLmConfig *config)
{
  self->config = *config;
  self->has_config = TRUE;
}

void
ax_lm_weights_set_adapter(AxLmWeights *self, const AxLmAdapterInfo *info)
{
  self->adapter = *info;
  self->has_adapter = TRUE;
}

void
ax_lm_weights_set_gguf(AxLmWeights *self, AxGguf *gguf)
{
  self->gguf = ax_gguf_ref(gguf);
}

AxLmSource
ax_lm_weights_get_source(const AxLmWeights *self)
{
  return self->source;
}

const char *
ax_lm_weights_get_path(const AxLmWeights *self)
{
  return self->path;
}

const AxLmConfig *
ax_lm_weights_get_config(const AxLmWeights *self)
{
  return self->has_config ? &self->config : NULL;
}

const AxLmAdapterInfo *
ax_lm_weights_get_adapter(const AxLmWeights *self)
{
  return self->has_adapter ? &self->adapter : NULL;
}

AxGguf *
ax_lm_weights_get_gguf(const AxLmWeights *self)
{
  return self->gguf;
}

guint
ax_lm_weights_n(const AxLmWeights *self)
{
  return self->entries->len;
}

static const AxLmEntry *
entry_at(const AxLmWeights *self, guint i)
{
  return &g_array_index(self->entries, AxLmEntry, i);
}

const AxTensorInfo *
ax_lm_weights_info(const AxLmWeights *self, guint i)
{
  g_return_val_if_fail(i < self->entries->len, NULL);
  return &entry_at(self, i)->info;
}

int
ax_lm_weights_find(const AxLmWeights *self, const char *name)
{
  return (int) GPOINTER_TO_UINT(g_hash_table_lookup(self->by_name, name)) - 1;
}

static void
matrix_shape(const AxTensorInfo *info, gint64 *rows, gint64 *cols)
{
  *cols = info->ndim > 0 ? info->shape[info->ndim - 1] : 1;
  *rows = *cols > 0 ? info->n_elements / *cols : 0;
}

/* Rows of an entry; the scales of 8-bit rows lie in a tensor beside it, one per 32 columns. */
static gboolean
read_rows(const AxLmEntry *entry, gint64 from, gint64 count, float *dst, GError **error)
{
  gint64 rows, cols;
  matrix_shape(&entry->info, &rows, &cols);
  if (!ax_weights_read_rows_f32(entry->weights, entry->index, from, count, dst, error))
    return FALSE;
  if (entry->plus_one)
    for (gint64 i = 0; i < count * cols; i++)
      dst[i] -= 1;
  if (entry->scale < 0)
    return TRUE;
  const gint64 groups = (cols + 31) / 32;
  g_autofree float *scale = g_new(float, (gsize) MAX(groups, 1));
  for (gint64 r = 0; r < count; r++) {
    if (!ax_weights_read_rows_f32(entry->weights, (guint) entry->scale, from + r, 1, scale, error))
      return FALSE;
    for (gint64 c = 0; c < cols; c++)
      dst[r * cols + c] *= scale[c / 32];
  }
  return TRUE;
}

gboolean
ax_lm_weights_shape(gpointer self, const char *name, gint64 *rows, gint64 *cols)
{
  const int i = ax_lm_weights_find(self, name);
  if (i < 0)
    return FALSE;
  matrix_shape(ax_lm_weights_info(self, (guint) i), rows, cols);
  return TRUE;
}

gboolean
ax_lm_weights_read(gpointer self, const char *name, gint64 from, gint64 count, gint64 rows, gint64 cols, float *dst, GError **error)
{
  const AxLmWeights *weights = self;
  const int i = ax_lm_weights_find(weights, name);
  if (i < 0) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING, "%s has no tensor %s", weights->path, name);
    return FALSE;
  }
  gint64 has_rows, has_cols;
  matrix_shape(ax_lm_weights_info(weights, (guint) i), &has_rows, &has_cols);
  if (has_rows != rows || has_cols != cols) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH,
                "%s: tensor %s has shape [%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT "], expected [%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT "]",
                weights->path, name, has_rows, has_cols, rows, cols);
    return FALSE;
  }
  return read_rows(entry_at(weights, (guint) i), from, count, dst, error);
}

gboolean
ax_lm_weights_read_f32(const AxLmWeights *self, guint i, float *dst, GError **error)
{
  gint64 rows, cols;
  g_return_val_if_fail(i < self->entries->len, FALSE);
  matrix_shape(&entry_at(self, i)->info, &rows, &cols);
  return read_rows(entry_at(self, i), 0, rows, dst, error);
}

gboolean
ax_lm_weights_read_raw(const AxLmWeights *self, guint i, GBytes **bytes, GError **error)
{
  g_return_val_if_fail(i < self->entries->len, FALSE);
  return ax_weights_read_raw(entry_at(self, i)->weights, entry_at(self, i)->index, bytes, error);
}

gboolean
ax_lm_weights_verify(const AxLmWeights *self, GError **error)
{
  const AxWeights *last = NULL;
  for (guint i = 0; i < self->entries->len; i++) {
    const AxWeights *weights = entry_at(self, i)->weights;
    if (weights != last && !ax_weights_verify(weights, error))
      return FALSE;
    last = weights;
  }
  return TRUE;
}

static gboolean
does_not_fit(const AxLmWeights *adapter, const AxTensorInfo *info, const char *expected, GError **error)
{
  g_autofree char *shape = ax_tensor_shape_string(info->ndim, info->shape);
  g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s does not belong to this base model: %s has shape %s, expected %s",
              adapter->path, info->name, shape, expected);
  return FALSE;
}

/* One tensor of an adapter against the base; the number of rows of the vocabulary may grow. */
static gboolean
fits(const AxLmWeights *adapter, const AxTensorInfo *info, AxLmConfig *config, GError **error)
{
  const char *tail, *name = info->name;
  g_autofree char *expected = NULL;
  gint64 rows, cols, out = 0, in = 0;
  matrix_shape(info, &rows, &cols);
  const int layer = ax_lm_name_layer(name, &tail);
  if (layer >= 0) {
    int part = 0;
    if (layer >= config->layers) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s does not belong to this base model: it has %s, the base has %d layers",
                  adapter->path, name, config->layers);
      return FALSE;
    }
    while (part < AX_LM_N_PROJECTIONS - 1 && !g_str_has_prefix(tail, ax_lm_parts[part]))
      part++;
    ax_lm_part_shape(config, part, &out, &in);
    const gboolean a = strstr(tail, ".lora_A.") != NULL;
    expected = a ? g_strdup_printf("[%d, %" G_GINT64_FORMAT "]", adapter->adapter.rank, in)
                 : g_strdup_printf("[%" G_GINT64_FORMAT ", %d]", out, adapter->adapter.rank);
    return (a ? cols == in : rows == out) || does_not_fit(adapter, info, expected, error);
  }
  if (strcmp(name, "embed_tokens.weight") == 0 || strcmp(name, "lm_head.weight") == 0) {
    expected = g_strdup_printf("[%d or more, %d]", config->vocab, config->width);
    if (cols != config->width || rows < config->vocab || rows > 1 << 22)
      return does_not_fit(adapter, info, expected, error);
    config->vocab = (int) rows;
    return TRUE;
  }
  expected = g_strdup_printf("a width of %d", config->width);
  if (g_str_has_prefix(name, "added_") && cols != config->width)
    return does_not_fit(adapter, info, expected, error);
  if (strstr(name, ".proj.3.") != NULL && info->shape[0] != config->width)
    return does_not_fit(adapter, info, expected, error);
  return TRUE;
}

AxLmWeights *
ax_lm_weights_stack(AxLmWeights *base, AxLmWeights *adapter, GError **error)
{
  if (!base->has_config || !adapter->has_adapter) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT, "a base model and an adapter are needed");
    return NULL;
  }
  g_autoptr(AxLmWeights) self = ax_lm_weights_new(AX_LM_SOURCE_STACK, adapter->path);
  AxLmConfig config = base->config;
  for (guint i = 0; i < adapter->entries->len; i++) {
    const AxLmEntry *entry = entry_at(adapter, i);
    if (!fits(adapter, &entry->info, &config, error)
        || !ax_lm_weights_add(self, entry->info.name, entry->weights, entry->index, entry->plus_one, entry->scale, error))
      return NULL;
  }
  for (guint i = 0; i < base->entries->len; i++) {
    const AxLmEntry *entry = entry_at(base, i);
    if (ax_lm_weights_find(self, entry->info.name) < 0
        && !ax_lm_weights_add(self, entry->info.name, entry->weights, entry->index, entry->plus_one, entry->scale, error))
      return NULL;
  }
  config.tied = ax_lm_weights_find(self, "lm_head.weight") < 0;
  ax_lm_weights_set_config(self, &config);
  ax_lm_weights_set_adapter(self, &adapter->adapter);
  if (base->gguf != NULL)
    ax_lm_weights_set_gguf(self, base->gguf);
  return g_steal_pointer(&self);
}
