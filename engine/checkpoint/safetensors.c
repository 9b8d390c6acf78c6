/* Reader of safetensors: 8 bytes header length, a JSON header of one fixed form, then the tensors' bytes without gaps.
 * The header is read by a parser of exactly that form (no recursion, duplicate names refused), so a hostile header has nothing
 * to aim at. The format has no checksum: a changed value inside the tensor bytes cannot be noticed here. */
#include <string.h>

#include "engine/checkpoint/weights-private.h"

/* As in the reference implementation. */
#define MAX_HEADER (100u * 1000 * 1000)

typedef struct {
  const char *p, *end, *begin;
  GError **error;
} Cursor;

static gboolean
fail(Cursor *c, const char *what)
{
  if (c->error != NULL && *c->error == NULL)
    g_set_error(c->error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_DAMAGED, "safetensors header, byte %td: %s", c->p - c->begin, what);
  return FALSE;
}

static void
skip_space(Cursor *c)
{
  while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
    c->p++;
}

static gboolean
peek(Cursor *c, char expected)
{
  skip_space(c);
  return c->p < c->end && *c->p == expected;
}

static gboolean
take(Cursor *c, char expected)
{
  if (!peek(c, expected)) {
    char what[] = "expected ' '";
    what[10] = expected;
    return fail(c, what);
  }
  c->p++;
  return TRUE;
}

static int
hex4(const char *p)
{
  int value = 0;
  for (int i = 0; i < 4; i++) {
    const int digit = g_ascii_xdigit_value(p[i]);
    if (digit < 0)
      return -1;
    value = value << 4 | digit;
  }
  return value;
}

/* A JSON string; the header as a whole is known to be valid UTF-8. */
static char *
take_string(Cursor *c)
{
  if (!take(c, '"'))
    return NULL;
  g_autoptr(GString) text = g_string_new(NULL);
  for (;;) {
    const char *run = c->p;
    while (c->p < c->end && *c->p != '"' && *c->p != '\\' && (guchar) *c->p >= 0x20)
      c->p++;
    g_string_append_len(text, run, c->p - run);
    if (c->p >= c->end || (guchar) *c->p < 0x20) {
      fail(c, "a string is not closed");
      return NULL;
    }
    if (*c->p == '"') {
      c->p++;
      return g_string_free(g_steal_pointer(&text), FALSE);
    }
    if (c->end - c->p < 2) {
      fail(c, "a string is not closed");
      return NULL;
    }
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char kind = c->p[1];
    const char *simple = kind != 0 ? strchr(from, kind) : NULL;
    if (simple != NULL) {
      g_string_append_c(text, to[simple - from]);
      c->p += 2;
      continue;
    }
    int code = kind == 'u' && c->end - c->p >= 6 ? hex4(c->p + 2) : -1;
    gsize length = 6;
    if (code >= 0xD800 && code < 0xDC00 && c->end - c->p >= 12 && c->p[6] == '\\' && c->p[7] == 'u') {
      const int low = hex4(c->p + 8);
      code = low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00) : -1;
      length = 12;
    }
    if (code <= 0 || (code >= 0xD800 && code < 0xE000)) {
      fail(c, "an escape in a string is not valid");
      return NULL;
    }
    g_string_append_unichar(text, (gunichar) code);
    c->p += length;
  }
}

/* A non-negative integer without sign, point or exponent. */
static gboolean
take_integer(Cursor *c, gint64 *value)
{
  skip_space(c);
  if (c->p >= c->end || !g_ascii_isdigit(*c->p))
    return fail(c, "expected a non-negative integer");
  if (*c->p == '0' && c->end - c->p > 1 && g_ascii_isdigit(c->p[1]))
    return fail(c, "a number begins with 0");
  gint64 n = 0;
  for (; c->p < c->end && g_ascii_isdigit(*c->p); c->p++)
    if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *c->p - '0', &n))
      return fail(c, "a number is too large");
  *value = n;
  return TRUE;
}

/* [integer, ...] with at most max of them. */
static gboolean
take_integers(Cursor *c, int max, gint64 *values, int *n)
{
  *n = 0;
  if (!take(c, '['))
    return FALSE;
  if (peek(c, ']')) {
    c->p++;
    return TRUE;
  }
  for (;;) {
    if (*n == max)
      return fail(c, "a list is too long");
    if (!take_integer(c, &values[(*n)++]))
      return FALSE;
    if (peek(c, ']')) {
      c->p++;
      return TRUE;
    }
    if (!take(c, ','))
      return FALSE;
  }
}

/* After a value: TRUE at ',' (more follows), FALSE at '}' or on error; *ok tells which. */
static gboolean
more_members(Cursor *c, gboolean *ok)
{
  *ok = TRUE;
  if (peek(c, ',')) {
    c->p++;
    return TRUE;
  }
  *ok = take(c, '}');
  return FALSE;
}

static gboolean
take_metadata(Cursor *c, AxWeights *weights)
{
  gboolean ok;
  if (!take(c, '{'))
    return FALSE;
  if (peek(c, '}')) {
    c->p++;
    return TRUE;
  }
  do {
    g_autofree char *key = take_string(c);
    if (key == NULL || !take(c, ':'))
      return FALSE;
    g_autofree char *value = take_string(c);
    if (value == NULL)
      return FALSE;
    if (ax_weights_get_metadata(weights, key) != NULL)
      return fail(c, "a metadata key occurs twice");
    ax_weights_set_metadata(weights, key, value);
  } while (more_members(c, &ok));
  return ok;
}

/* {"dtype": "F32", "shape": [...], "data_offsets": [begin, end]}, keys in any order. */
static gboolean
take_tensor(Cursor *c, AxTensorEntry *entry, const guint8 *data, gsize data_size)
{
  gboolean ok, has_dtype = FALSE, has_shape = FALSE, has_offsets = FALSE;
  gint64 offsets[2];
  int n;
  if (!take(c, '{'))
    return FALSE;
  do {
    g_autofree char *key = take_string(c);
    if (key == NULL || !take(c, ':'))
      return FALSE;
    if (strcmp(key, "dtype") == 0 && !has_dtype) {
      g_autofree char *dtype = take_string(c);
      if (dtype == NULL)
        return FALSE;
      if (!ax_dtype_from_name(dtype, &entry->info.dtype) || ax_dtype_is_quantised(entry->info.dtype)) {
        g_set_error(c->error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED,
                    "safetensors: tensor %s has the unknown type %.32s", entry->info.name, dtype);
        return FALSE;
      }
      has_dtype = TRUE;
    } else if (strcmp(key, "shape") == 0 && !has_shape) {
      if (!take_integers(c, AX_TENSOR_MAX_DIMS, entry->info.shape, &entry->info.ndim))
        return FALSE;
      has_shape = TRUE;
    } else if (strcmp(key, "data_offsets") == 0 && !has_offsets) {
      if (!take_integers(c, 2, offsets, &n))
        return FALSE;
      if (n != 2)
        return fail(c, "data_offsets does not hold two numbers");
      has_offsets = TRUE;
    } else {
      return fail(c, "an unknown or repeated key in a tensor");
    }
  } while (more_members(c, &ok));
  if (!ok)
    return FALSE;
  if (!has_dtype || !has_shape || !has_offsets)
    return fail(c, "a tensor lacks its dtype, shape or data_offsets");
  if (!ax_shape_product(entry->info.ndim, entry->info.shape, &entry->info.n_elements))
    return fail(c, "a shape is too large");
  const gint64 size = entry->info.n_elements * (gint64) ax_dtype_size(entry->info.dtype);
  if (offsets[0] > offsets[1] || (guint64) offsets[1] > data_size)
    return fail(c, "a tensor lies outside the file");
  if (offsets[1] - offsets[0] != size)
    return fail(c, "a tensor's bytes do not fit its shape");
  entry->storage = data + offsets[0];
  entry->storage_elements = entry->info.n_elements;
  entry->offset = 0;
  entry->zip_member = -1;
  ax_shape_strides(entry->info.ndim, entry->info.shape, entry->stride);
  return TRUE;
}

static gsize
entry_size(const AxTensorEntry *entry)
{
  return (gsize) entry->info.n_elements * ax_dtype_size(entry->info.dtype);
}

static int
by_storage(const void *a, const void *b)
{
  const AxTensorEntry *const *x = a, *const *y = b;
  if ((*x)->storage != (*y)->storage)
    return (*x)->storage < (*y)->storage ? -1 : 1;
  return entry_size(*x) < entry_size(*y) ? -1 : entry_size(*x) > entry_size(*y); /* empty ones first */
}

/* The tensors tile the data: no overlap, no gap, nothing after them. */
static gboolean
check_tiling(Cursor *c, const AxWeights *weights, const guint8 *data, gsize size)
{
  const guint n = ax_weights_n(weights);
  g_autofree const AxTensorEntry **order = g_new(const AxTensorEntry *, n + 1);
  for (guint i = 0; i < n; i++)
    order[i] = ax_weights_entry(weights, i);
  qsort(order, n, sizeof *order, by_storage);
  const guint8 *at = data;
  for (guint i = 0; i < n; i++) {
    if (order[i]->storage != at) {
      g_set_error(c->error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_DAMAGED, "safetensors: tensor %s %s the one before it",
                  order[i]->info.name, order[i]->storage < at ? "overlaps" : "leaves a gap after");
      return FALSE;
    }
    at += entry_size(order[i]);
  }
  if (at != data + size) {
    g_set_error(c->error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_DAMAGED,
                "safetensors: the file has %" G_GSIZE_FORMAT " bytes after its last tensor", (gsize) (data + size - at));
    return FALSE;
  }
  return TRUE;
}

AxWeights *
ax_safetensors_read(GBytes *bytes, const char *path, GError **error)
{
  gsize size;
  const guint8 *base = g_bytes_get_data(bytes, &size);
  guint64 header = 0;
  for (guint i = 0; size >= 8 && i < 8; i++)
    header |= (guint64) base[i] << (8 * i);
  if (size < 8 || header < 2 || header > MAX_HEADER || header > size - 8) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_DAMAGED,
                "safetensors: a header of %" G_GUINT64_FORMAT " bytes in a file of %" G_GSIZE_FORMAT " (is it truncated?)", header, size);
    return NULL;
  }
  const char *text = (const char *) base + 8;
  GError *reason = NULL; /* always collected, so that fail() knows whether one was set */
  Cursor c = { text, text + header, text, &reason };
  g_autoptr(AxWeights) weights = ax_weights_new(AX_WEIGHTS_FORMAT_SAFETENSORS, path, bytes, NULL);
  const guint8 *data = base + 8 + header;
  const gsize data_size = size - 8 - (gsize) header;
  gboolean ok = g_utf8_validate(text, (gssize) header, NULL) || fail(&c, "not valid UTF-8"), seen_metadata = FALSE;

  ok = ok && take(&c, '{');
  if (ok && peek(&c, '}')) {
    c.p++;
  } else if (ok) {
    do {
      g_autofree char *name = take_string(&c);
      ok = name != NULL && take(&c, ':');
      if (!ok)
        break;
      if (strcmp(name, "__metadata__") == 0) {
        ok = (!seen_metadata || fail(&c, "__metadata__ occurs twice")) && take_metadata(&c, weights);
        seen_metadata = TRUE;
      } else {
        AxTensorEntry entry = { .info.name = name };
        ok = take_tensor(&c, &entry, data, data_size) && (ax_weights_add(weights, &entry) || fail(&c, "a tensor name occurs twice"));
      }
      if (!ok)
        break;
    } while (more_members(&c, &ok));
  }
  skip_space(&c);
  ok = ok && (c.p == c.end || fail(&c, "something follows the closing brace")) && check_tiling(&c, weights, data, data_size);
  if (!ok) {
    g_propagate_error(error, reason);
    return NULL;
  }
  return g_steal_pointer(&weights);
}
