#include "engine/checkpoint/gguf-private.h"

#include <string.h>

#include "engine/checkpoint/weights-private.h"

#define MAX_NAME 65535 /* bytes of a key or tensor name; the specification's limit for keys */
#define MAX_DIMS 4
#define MAX_ALIGNMENT (1u << 20)
#define MAX_KEYS (1u << 20)
#define MAX_TENSORS (1u << 20)

/* ggml's numbers of tensor types. Those that are known by name but not read are named in the message. */
static const struct {
  guint number;
  AxDtype dtype;
} tensor_types[] = {
  { 0, AX_DTYPE_F32 },   { 1, AX_DTYPE_F16 },   { 2, AX_DTYPE_Q4_0 },  { 3, AX_DTYPE_Q4_1 },  { 6, AX_DTYPE_Q5_0 },  { 7, AX_DTYPE_Q5_1 },
  { 8, AX_DTYPE_Q8_0 },  { 10, AX_DTYPE_Q2_K }, { 11, AX_DTYPE_Q3_K }, { 12, AX_DTYPE_Q4_K }, { 13, AX_DTYPE_Q5_K }, { 14, AX_DTYPE_Q6_K },
  { 24, AX_DTYPE_I8 },   { 25, AX_DTYPE_I16 },  { 26, AX_DTYPE_I32 },  { 27, AX_DTYPE_I64 },  { 28, AX_DTYPE_F64 },  { 30, AX_DTYPE_BF16 },
};

static const char *
foreign_type_name(guint number)
{
  static const char *const names[] = {
    [9] = "Q8_1",     [15] = "Q8_K",    [16] = "IQ2_XXS", [17] = "IQ2_XS", [18] = "IQ3_XXS", [19] = "IQ1_S", [20] = "IQ4_NL",
    [21] = "IQ3_S",   [22] = "IQ2_S",   [23] = "IQ4_XS",  [29] = "IQ1_M",  [34] = "TQ1_0",   [35] = "TQ2_0", [39] = "MXFP4",
  };
  return number < G_N_ELEMENTS(names) && names[number] != NULL ? names[number] : "unknown to this program";
}

typedef struct {
  const guint8 *base, *p, *end;
  GError **error;
} Cursor;

static gboolean G_GNUC_PRINTF(3, 4)
fail(Cursor *c, AxCheckpointError code, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *what = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error(c->error, AX_CHECKPOINT_ERROR, code, "GGUF, byte %td: %s", c->p - c->base, what);
  return FALSE;
}

static gboolean
damaged(Cursor *c, const char *what)
{
  return fail(c, AX_CHECKPOINT_ERROR_DAMAGED, "%s", what);
}

static gboolean
take_u32(Cursor *c, guint32 *value)
{
  *value = 0;
  if (c->end - c->p < 4)
    return damaged(c, "the file ends inside its header (is it truncated?)");
  guint32 raw;
  memcpy(&raw, c->p, 4);
  *value = GUINT32_FROM_LE(raw);
  c->p += 4;
  return TRUE;
}

static gboolean
take_u64(Cursor *c, guint64 *value)
{
  *value = 0;
  if (c->end - c->p < 8)
    return damaged(c, "the file ends inside its header (is it truncated?)");
  guint64 raw;
  memcpy(&raw, c->p, 8);
  *value = GUINT64_FROM_LE(raw);
  c->p += 8;
  return TRUE;
}

/* Length and bytes of a string, inside the file. */
static gboolean
take_bytes(Cursor *c, const char **text, gsize *length)
{
  guint64 n;
  *text = NULL;
  *length = 0;
  if (!take_u64(c, &n))
    return FALSE;
  if (n > (guint64) (c->end - c->p))
    return fail(c, AX_CHECKPOINT_ERROR_DAMAGED, "a string of %" G_GUINT64_FORMAT " bytes runs past the end of the file", n);
  *text = (const char *) c->p;
  *length = (gsize) n;
  c->p += n;
  return TRUE;
}

/* The same as text of our own; NULL after an error. */
static char *
take_text(Cursor *c, gsize max, const char *what)
{
  const char *text;
  gsize length;
  if (!take_bytes(c, &text, &length))
    return NULL;
  if (length > max) {
    fail(c, AX_CHECKPOINT_ERROR_DAMAGED, "%s of %" G_GSIZE_FORMAT " bytes; at most %" G_GSIZE_FORMAT " make sense", what, length, max);
    return NULL;
  }
  if (!g_utf8_validate_len(text, length, NULL)) {
    fail(c, AX_CHECKPOINT_ERROR_DAMAGED, "%s is not valid UTF-8", what);
    return NULL;
  }
  return g_strndup(text, length);
}

static gboolean
take_type(Cursor *c, const char *key, AxGgufType *type)
{
  guint32 number;
  if (!take_u32(c, &number))
    return FALSE;
  if (number >= AX_N_GGUF_TYPES)
    return fail(c, AX_CHECKPOINT_ERROR_UNSUPPORTED, "the value of %.200s is of type %u, which is not known", key, number);
  *type = (AxGgufType) number;
  return TRUE;
}

static gboolean
check_bools(Cursor *c, const guint8 *data, gsize n, const char *key)
{
  for (gsize i = 0; i < n; i++)
    if (data[i] > 1)
      return fail(c, AX_CHECKPOINT_ERROR_DAMAGED, "%.200s holds a bool that is %u", key, data[i]);
  return TRUE;
}

static gboolean
take_array(Cursor *c, const char *key, AxGgufArray *array)
{
  guint64 n;
  if (!take_type(c, key, &array->type) || !take_u64(c, &n))
    return FALSE;
  if (array->type == AX_GGUF_ARRAY)
    return fail(c, AX_CHECKPOINT_ERROR_UNSUPPORTED, "%.200s is an array of arrays, which is not read", key);
  const gsize left = (gsize) (c->end - c->p), each = array->type == AX_GGUF_STRING ? 8 : ax_gguf_type_size(array->type);
  if (n > left / each)
    return fail(c, AX_CHECKPOINT_ERROR_DAMAGED, "%.200s claims %" G_GUINT64_FORMAT " elements in a file with %" G_GSIZE_FORMAT " bytes left", key,
                n, left);
  array->n = (gsize) n;
  array->data = c->p;
  if (array->type == AX_GGUF_STRING) {
    const char *text;
    gsize length;
    for (gsize i = 0; i < array->n; i++)
      if (!take_bytes(c, &text, &length))
        return FALSE;
  } else {
    c->p += array->n * each;
  }
  array->size = (gsize) (c->p - array->data);
  return array->type != AX_GGUF_BOOL || check_bools(c, array->data, array->n, key);
}

static gboolean
take_pair(Cursor *c, AxGguf *self)
{
  g_autofree char *key = take_text(c, MAX_NAME, "a key");
  if (key == NULL)
    return FALSE;
  if (key[0] == 0)
    return damaged(c, "a key is empty");
  if (g_hash_table_contains(self->by_key, key))
    return fail(c, AX_CHECKPOINT_ERROR_DAMAGED, "the key %.200s occurs twice", key);
  AxGgufPair pair = { 0 };
  if (!take_type(c, key, &pair.type))
    return FALSE;
  if (pair.type == AX_GGUF_STRING) {
    pair.text = take_text(c, G_MAXSIZE, key);
    if (pair.text == NULL)
      return FALSE;
  } else if (pair.type == AX_GGUF_ARRAY) {
    if (!take_array(c, key, &pair.array))
      return FALSE;
  } else {
    if ((gsize) (c->end - c->p) < ax_gguf_type_size(pair.type))
      return damaged(c, "the file ends inside a value (is it truncated?)");
    pair.data = c->p;
    c->p += ax_gguf_type_size(pair.type);
    if (pair.type == AX_GGUF_BOOL && !check_bools(c, pair.data, 1, key))
      return FALSE;
  }
  pair.key = g_steal_pointer(&key);
  g_array_append_val(self->pairs, pair);
  g_hash_table_insert(self->by_key, pair.key, GUINT_TO_POINTER(self->pairs->len));
  return TRUE;
}

static gboolean
tensor_dtype(Cursor *c, const char *name, guint32 number, AxDtype *dtype)
{
  for (guint i = 0; i < G_N_ELEMENTS(tensor_types); i++)
    if (tensor_types[i].number == number) {
      *dtype = tensor_types[i].dtype;
      return TRUE;
    }
  return fail(c, AX_CHECKPOINT_ERROR_UNSUPPORTED, "tensor %.200s is of type %u (%s), which is not read", name, number, foreign_type_name(number));
}

/* One tensor's name, shape and type; its place is checked when the end of the header is known. */
static gboolean
take_tensor(Cursor *c, AxGguf *self, GArray *offsets)
{
  g_autofree char *name = take_text(c, MAX_NAME, "a tensor's name");
  guint32 ndim, type;
  guint64 offset;
  if (name == NULL || !take_u32(c, &ndim))
    return FALSE;
  if (name[0] == 0)
    return damaged(c, "a tensor's name is empty");
  if (ndim > MAX_DIMS)
    return fail(c, AX_CHECKPOINT_ERROR_DAMAGED, "tensor %.200s has %u dimensions; there are at most %d", name, ndim, MAX_DIMS);
  AxTensorEntry entry = { .info.name = name, .info.ndim = (int) ndim, .zip_member = -1 };
  for (guint d = 0; d < ndim; d++) {
    guint64 size;
    if (!take_u64(c, &size))
      return FALSE;
    if (size == 0 || size > G_MAXINT64)
      return fail(c, AX_CHECKPOINT_ERROR_DAMAGED, "tensor %.200s has a dimension of %" G_GUINT64_FORMAT, name, size);
    entry.info.shape[ndim - 1 - d] = (gint64) size; /* the file's first dimension runs fastest */
  }
  if (!take_u32(c, &type) || !take_u64(c, &offset) || !tensor_dtype(c, name, type, &entry.info.dtype))
    return FALSE;
  if (!ax_shape_product(entry.info.ndim, entry.info.shape, &entry.info.n_elements))
    return fail(c, AX_CHECKPOINT_ERROR_DAMAGED, "tensor %.200s is too large", name);
  const gint64 columns = ndim > 0 ? entry.info.shape[ndim - 1] : 1;
  if (columns % ax_dtype_block(entry.info.dtype) != 0)
    return fail(c, AX_CHECKPOINT_ERROR_DAMAGED, "tensor %.200s of type %s has rows of %" G_GINT64_FORMAT " elements, not of whole blocks of %u", name,
                ax_dtype_name(entry.info.dtype), columns, ax_dtype_block(entry.info.dtype));
  entry.storage_elements = entry.info.n_elements;
  ax_shape_strides(entry.info.ndim, entry.info.shape, entry.stride);
  if (!ax_weights_add(self->tensors, &entry))
    return fail(c, AX_CHECKPOINT_ERROR_DAMAGED, "the tensor %.200s occurs twice", name);
  g_array_append_val(offsets, offset);
  return TRUE;
}

typedef struct {
  guint64 begin, end;
  const char *name;
} Range;

static int
by_begin(const void *a, const void *b)
{
  const Range *x = a, *y = b;
  return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* Every tensor at a multiple of the alignment, inside the file, apart from the others, and nothing but padding after the last. */
static gboolean
place_tensors(Cursor *c, AxGguf *self, const guint64 *offsets)
{
  const guint n = ax_weights_n(self->tensors);
  const gsize size = (gsize) (c->end - c->base), used = (gsize) (c->p - c->base);
  const gsize begin = used + (self->alignment - used % self->alignment) % self->alignment;
  const guint64 available = begin <= size ? size - begin : 0;
  g_autofree Range *ranges = g_new(Range, n + 1);
  self->data_offset = begin;
  for (guint i = 0; i < n; i++) {
    AxTensorEntry *entry = ax_weights_mutable_entry(self->tensors, i);
    const gsize bytes = ax_dtype_bytes(entry->info.dtype, entry->info.n_elements);
    if (offsets[i] % self->alignment != 0)
      return fail(c, AX_CHECKPOINT_ERROR_DAMAGED, "tensor %.200s does not begin at a multiple of %u", entry->info.name, self->alignment);
    if (offsets[i] > available || bytes > available - offsets[i])
      return fail(c, AX_CHECKPOINT_ERROR_DAMAGED,
                  "tensor %.200s needs %" G_GSIZE_FORMAT " bytes from %" G_GUINT64_FORMAT " of the %" G_GUINT64_FORMAT " that the file holds (is it truncated?)",
                  entry->info.name, bytes, offsets[i], available);
    entry->storage = c->base + begin + offsets[i];
    ranges[i] = (Range) { offsets[i], offsets[i] + bytes, entry->info.name };
  }
  qsort(ranges, n, sizeof *ranges, by_begin);
  for (guint i = 1; i < n; i++)
    if (ranges[i].begin < ranges[i - 1].end)
      return fail(c, AX_CHECKPOINT_ERROR_DAMAGED, "tensor %.200s overlaps %.200s", ranges[i].name, ranges[i - 1].name);
  const guint64 end = n > 0 ? ranges[n - 1].end : 0;
  if (available - end >= self->alignment)
    return fail(c, AX_CHECKPOINT_ERROR_DAMAGED, "the file has %" G_GUINT64_FORMAT " bytes after its last tensor", available - end);
  return TRUE;
}

static gboolean
take_alignment(Cursor *c, AxGguf *self)
{
  static const char key[] = "general.alignment";
  gint64 value;
  g_autoptr(GError) reason = NULL;
  self->alignment = 32;
  if (!ax_gguf_has(self, key))
    return TRUE;
  if (!ax_gguf_get_int(self, key, 1, MAX_ALIGNMENT, &value, &reason) || (value & (value - 1)) != 0)
    return damaged(c, "general.alignment is not a power of two from 1 to 1048576");
  self->alignment = (guint) value;
  return TRUE;
}

/* Keys as text, for those who only show them. */
static void
set_metadata(AxGguf *self)
{
  for (guint i = 0; i < self->pairs->len; i++) {
    const AxGgufPair *pair = &g_array_index(self->pairs, AxGgufPair, i);
    g_autofree char *text = NULL;
    gint64 integer;
    double number;
    gboolean truth;
    if (pair->type == AX_GGUF_STRING)
      text = g_strdup(pair->text);
    else if (pair->type == AX_GGUF_ARRAY)
      text = g_strdup_printf("[%" G_GSIZE_FORMAT " %ss]", pair->array.n, ax_gguf_type_name(pair->array.type));
    else if (ax_gguf_get_bool(self, pair->key, &truth, NULL))
      text = g_strdup(truth ? "true" : "false");
    else if (ax_gguf_get_int(self, pair->key, G_MININT64, G_MAXINT64, &integer, NULL))
      text = g_strdup_printf("%" G_GINT64_FORMAT, integer);
    else if (ax_gguf_get_double(self, pair->key, &number, NULL))
      text = g_strdup_printf("%.9g", number);
    if (text != NULL)
      ax_weights_set_metadata(self->tensors, pair->key, text);
  }
}

static gboolean
read_file(AxGguf *self, Cursor *c)
{
  guint32 version;
  guint64 n_tensors, n_pairs;
  if (c->end - c->p < 4 || memcmp(c->p, "GGUF", 4) != 0)
    return fail(c, AX_CHECKPOINT_ERROR_UNSUPPORTED, "this is no GGUF file");
  c->p += 4;
  if (!take_u32(c, &version))
    return FALSE;
  if (GUINT32_SWAP_LE_BE(version) == 2 || GUINT32_SWAP_LE_BE(version) == 3)
    return fail(c, AX_CHECKPOINT_ERROR_UNSUPPORTED, "a big-endian file; convert it to little-endian");
  if (version != 2 && version != 3)
    return fail(c, AX_CHECKPOINT_ERROR_UNSUPPORTED, "version %u; versions 2 and 3 are read", version);
  self->version = version;
  if (!take_u64(c, &n_tensors) || !take_u64(c, &n_pairs))
    return FALSE;
  /* The shortest tensor entry takes 24 bytes, the shortest key and value 14. */
  const guint64 left = (guint64) (c->end - c->p);
  if (n_tensors > left / 24 || n_tensors > MAX_TENSORS || n_pairs > left / 14 || n_pairs > MAX_KEYS)
    return fail(c, AX_CHECKPOINT_ERROR_DAMAGED,
                "%" G_GUINT64_FORMAT " tensors and %" G_GUINT64_FORMAT " keys are claimed in a file of %td bytes", n_tensors, n_pairs,
                c->end - c->base);
  for (guint64 i = 0; i < n_pairs; i++)
    if (!take_pair(c, self))
      return FALSE;
  if (!take_alignment(c, self))
    return FALSE;
  g_autoptr(GArray) offsets = g_array_new(FALSE, FALSE, sizeof(guint64));
  for (guint64 i = 0; i < n_tensors; i++)
    if (!take_tensor(c, self, offsets))
      return FALSE;
  if (!place_tensors(c, self, (const guint64 *) (void *) offsets->data))
    return FALSE;
  set_metadata(self);
  return TRUE;
}

static void
clear_pair(void *data)
{
  AxGgufPair *pair = data;
  g_free(pair->key);
  g_free(pair->text);
}

AxGguf *
ax_gguf_open_bytes(GBytes *bytes, const char *name, GError **error)
{
  g_autoptr(AxGguf) self = g_new0(AxGguf, 1);
  g_atomic_ref_count_init(&self->refs);
  self->path = g_strdup(name);
  self->bytes = g_bytes_ref(bytes);
  self->pairs = g_array_new(FALSE, FALSE, sizeof(AxGgufPair));
  g_array_set_clear_func(self->pairs, clear_pair);
  self->by_key = g_hash_table_new(g_str_hash, g_str_equal);
  self->tensors = ax_weights_new(AX_WEIGHTS_FORMAT_GGUF, name, bytes, NULL);
  gsize size;
  const guint8 *base = g_bytes_get_data(bytes, &size);
  Cursor c = { base, base, base + size, error };
  if (!read_file(self, &c)) {
    g_prefix_error(error, "%s: ", name);
    return NULL;
  }
  return g_steal_pointer(&self);
}

AxGguf *
ax_gguf_open(const char *path, GError **error)
{
  g_autoptr(GBytes) bytes = ax_map_file(path, error);
  return bytes != NULL ? ax_gguf_open_bytes(bytes, path, error) : NULL;
}

AxGguf *
ax_gguf_ref(AxGguf *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
ax_gguf_unref(AxGguf *self)
{
  if (!g_atomic_ref_count_dec(&self->refs))
    return;
  ax_weights_unref(self->tensors);
  g_hash_table_unref(self->by_key);
  g_array_unref(self->pairs);
  g_bytes_unref(self->bytes);
  g_free(self->path);
  g_free(self);
}

const char *
ax_gguf_get_path(const AxGguf *self)
{
  return self->path;
}

guint
ax_gguf_get_version(const AxGguf *self)
{
  return self->version;
}

guint
ax_gguf_get_alignment(const AxGguf *self)
{
  return self->alignment;
}

gsize
ax_gguf_get_data_offset(const AxGguf *self)
{
  return self->data_offset;
}

AxWeights *
ax_gguf_get_tensors(const AxGguf *self)
{
  return self->tensors;
}

guint
ax_gguf_n(const AxGguf *self)
{
  return self->pairs->len;
}

const char *
ax_gguf_key(const AxGguf *self, guint i)
{
  g_return_val_if_fail(i < self->pairs->len, NULL);
  return g_array_index(self->pairs, AxGgufPair, i).key;
}

AxGgufType
ax_gguf_type(const AxGguf *self, guint i)
{
  g_return_val_if_fail(i < self->pairs->len, AX_GGUF_U8);
  return g_array_index(self->pairs, AxGgufPair, i).type;
}
