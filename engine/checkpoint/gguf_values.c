#include <string.h>

#include "engine/checkpoint/gguf-private.h"

static const struct {
  const char *name;
  gsize size; /* 0: of no fixed size */
} types[AX_N_GGUF_TYPES] = {
  [AX_GGUF_U8] = { "uint8", 1 },   [AX_GGUF_I8] = { "int8", 1 },     [AX_GGUF_U16] = { "uint16", 2 },    [AX_GGUF_I16] = { "int16", 2 },
  [AX_GGUF_U32] = { "uint32", 4 }, [AX_GGUF_I32] = { "int32", 4 },   [AX_GGUF_F32] = { "float32", 4 },   [AX_GGUF_BOOL] = { "bool", 1 },
  [AX_GGUF_STRING] = { "string" }, [AX_GGUF_ARRAY] = { "array" },    [AX_GGUF_U64] = { "uint64", 8 },    [AX_GGUF_I64] = { "int64", 8 },
  [AX_GGUF_F64] = { "float64", 8 },
};

const char *
ax_gguf_type_name(AxGgufType type)
{
  return types[type].name;
}

gsize
ax_gguf_type_size(AxGgufType type)
{
  return types[type].size;
}

static const AxGgufPair *
find(const AxGguf *self, const char *key)
{
  const guint i = GPOINTER_TO_UINT(g_hash_table_lookup(self->by_key, key));
  return i > 0 ? &g_array_index(self->pairs, AxGgufPair, i - 1) : NULL;
}

gboolean
ax_gguf_has(const AxGguf *self, const char *key)
{
  return find(self, key) != NULL;
}

/* The pair of a key; NULL with MISSING. */
static const AxGgufPair *
need(const AxGguf *self, const char *key, GError **error)
{
  const AxGgufPair *pair = find(self, key);
  if (pair == NULL)
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING, "%s has no key %s", self->path, key);
  return pair;
}

static gboolean
mismatch(const AxGguf *self, const AxGgufPair *pair, const char *expected, GError **error)
{
  g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s: %s is of type %s, expected %s", self->path, pair->key,
              types[pair->type].name, expected);
  return FALSE;
}

static guint64
load(const guint8 *p, gsize size)
{
  guint64 value = 0;
  for (gsize i = 0; i < size; i++)
    value |= (guint64) p[i] << (8 * i);
  return value;
}

/* An integer or BOOL; FALSE when the type is another or the value exceeds gint64. */
static gboolean
integer_at(AxGgufType type, const guint8 *p, gint64 *value)
{
  const guint64 raw = load(p, types[type].size);
  switch (type) {
  case AX_GGUF_U8:
  case AX_GGUF_U16:
  case AX_GGUF_U32:
  case AX_GGUF_BOOL:
    *value = (gint64) raw;
    return TRUE;
  case AX_GGUF_I8:
    *value = (gint8) raw;
    return TRUE;
  case AX_GGUF_I16:
    *value = (gint16) raw;
    return TRUE;
  case AX_GGUF_I32:
    *value = (gint32) raw;
    return TRUE;
  case AX_GGUF_U64:
  case AX_GGUF_I64:
    *value = (gint64) raw;
    return type == AX_GGUF_I64 || raw <= G_MAXINT64;
  default:
    return FALSE;
  }
}

static gboolean
number_at(AxGgufType type, const guint8 *p, double *value)
{
  const guint64 raw = load(p, types[type].size);
  gint64 integer;
  if (type == AX_GGUF_F32) {
    const guint32 bits = (guint32) raw;
    float number;
    memcpy(&number, &bits, 4);
    *value = number;
  } else if (type == AX_GGUF_F64) {
    memcpy(value, &raw, 8);
  } else if (integer_at(type, p, &integer)) {
    *value = (double) integer;
  } else {
    return FALSE;
  }
  return TRUE;
}

gboolean
ax_gguf_get_int(const AxGguf *self, const char *key, gint64 min, gint64 max, gint64 *value, GError **error)
{
  const AxGgufPair *pair = need(self, key, error);
  gint64 got;
  if (pair == NULL)
    return FALSE;
  if (pair->data == NULL || pair->type == AX_GGUF_BOOL || !integer_at(pair->type, pair->data, &got))
    return mismatch(self, pair, "an integer", error);
  if (got < min || got > max) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH,
                "%s: %s is %" G_GINT64_FORMAT ", not from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, self->path, key, got, min, max);
    return FALSE;
  }
  *value = got;
  return TRUE;
}

gboolean
ax_gguf_get_double(const AxGguf *self, const char *key, double *value, GError **error)
{
  const AxGgufPair *pair = need(self, key, error);
  if (pair == NULL)
    return FALSE;
  return (pair->data != NULL && pair->type != AX_GGUF_BOOL && number_at(pair->type, pair->data, value)) || mismatch(self, pair, "a number", error);
}

gboolean
ax_gguf_get_bool(const AxGguf *self, const char *key, gboolean *value, GError **error)
{
  const AxGgufPair *pair = need(self, key, error);
  if (pair == NULL)
    return FALSE;
  if (pair->type != AX_GGUF_BOOL)
    return mismatch(self, pair, "bool", error);
  *value = pair->data[0] != 0;
  return TRUE;
}

const char *
ax_gguf_get_string(const AxGguf *self, const char *key, GError **error)
{
  const AxGgufPair *pair = need(self, key, error);
  if (pair == NULL)
    return NULL;
  if (pair->type != AX_GGUF_STRING)
    mismatch(self, pair, "string", error);
  return pair->text;
}

gboolean
ax_gguf_get_array(const AxGguf *self, const char *key, AxGgufType type, AxGgufArray *array, GError **error)
{
  const AxGgufPair *pair = need(self, key, error);
  if (pair == NULL)
    return FALSE;
  if (pair->type != AX_GGUF_ARRAY)
    return mismatch(self, pair, "array", error);
  if (pair->array.type != type) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s: %s holds elements of type %s, expected %s", self->path, key,
                types[pair->array.type].name, types[type].name);
    return FALSE;
  }
  *array = pair->array;
  return TRUE;
}

gint64
ax_gguf_array_int(const AxGgufArray *array, gsize i)
{
  gint64 value = 0;
  g_return_val_if_fail(i < array->n && array->type != AX_GGUF_STRING, 0);
  integer_at(array->type, array->data + i * types[array->type].size, &value);
  return value;
}

double
ax_gguf_array_double(const AxGgufArray *array, gsize i)
{
  double value = 0;
  g_return_val_if_fail(i < array->n && array->type != AX_GGUF_STRING, 0);
  number_at(array->type, array->data + i * types[array->type].size, &value);
  return value;
}

const char *
ax_gguf_array_next_string(const AxGgufArray *array, gsize *at, gsize *length)
{
  g_return_val_if_fail(array->type == AX_GGUF_STRING, NULL);
  if (*at >= array->size)
    return NULL;
  *length = (gsize) load(array->data + *at, 8);
  const char *text = (const char *) array->data + *at + 8;
  *at += 8 + *length;
  return text;
}
