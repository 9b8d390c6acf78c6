#include "tests/engine/checkpoint/gguf_maker.h"

#include <string.h>

static void
append(GByteArray *to, const void *data, gsize size)
{
  if (size > 0)
    g_byte_array_append(to, data, (guint) size);
}

static void
append_u32(GByteArray *to, guint32 value)
{
  const guint32 le = GUINT32_TO_LE(value);
  append(to, &le, 4);
}

static void
append_u64(GByteArray *to, guint64 value)
{
  const guint64 le = GUINT64_TO_LE(value);
  append(to, &le, 8);
}

static void
append_string(GByteArray *to, const char *text)
{
  append_u64(to, strlen(text));
  append(to, text, strlen(text));
}

static void
pad(GByteArray *to, guint alignment)
{
  static const guint8 zero = 0;
  while (to->len % alignment != 0)
    append(to, &zero, 1);
}

GgufMaker *
gguf_maker_new(void)
{
  GgufMaker *self = g_new0(GgufMaker, 1);
  self->pairs = g_byte_array_new();
  self->tensors = g_byte_array_new();
  self->data = g_byte_array_new();
  self->version = 3;
  self->alignment = 32;
  return self;
}

void
gguf_maker_key(GgufMaker *self, const char *key, guint32 type)
{
  append_string(self->pairs, key);
  append_u32(self->pairs, type);
  self->n_pairs++;
}

void
gguf_maker_u32(GgufMaker *self, guint32 value)
{
  append_u32(self->pairs, value);
}

void
gguf_maker_u64(GgufMaker *self, guint64 value)
{
  append_u64(self->pairs, value);
}

void
gguf_maker_bytes(GgufMaker *self, const void *data, gsize size)
{
  append(self->pairs, data, size);
}

void
gguf_maker_string(GgufMaker *self, const char *text)
{
  append_string(self->pairs, text);
}

void
gguf_maker_pair_u32(GgufMaker *self, const char *key, guint32 value)
{
  gguf_maker_key(self, key, AX_GGUF_U32);
  gguf_maker_u32(self, value);
}

void
gguf_maker_pair_f32(GgufMaker *self, const char *key, float value)
{
  gguf_maker_key(self, key, AX_GGUF_F32);
  gguf_maker_bytes(self, &value, 4);
}

void
gguf_maker_pair_string(GgufMaker *self, const char *key, const char *value)
{
  gguf_maker_key(self, key, AX_GGUF_STRING);
  gguf_maker_string(self, value);
}

void
gguf_maker_raw_tensor(GgufMaker *self, const char *name, guint32 type, guint32 ndim, const guint64 *file_shape, guint64 offset)
{
  append_string(self->tensors, name);
  append_u32(self->tensors, ndim);
  for (guint32 d = 0; d < ndim; d++)
    append_u64(self->tensors, file_shape[d]);
  append_u32(self->tensors, type);
  append_u64(self->tensors, offset);
  self->n_tensors++;
}

void
gguf_maker_gemma3(GgufMaker *self, const AxLmConfig *c)
{
  const struct {
    const char *key;
    int value;
  } pairs[] = {
    { "gemma3.block_count", c->layers },
    { "gemma3.embedding_length", c->width },
    { "gemma3.attention.head_count", c->heads },
    { "gemma3.attention.head_count_kv", c->kv_heads },
    { "gemma3.attention.key_length", c->head_dim },
    { "gemma3.attention.value_length", c->head_dim },
    { "gemma3.attention.sliding_window", c->window },
    { "gemma3.feed_forward_length", c->ffn },
  };
  for (guint i = 0; i < G_N_ELEMENTS(pairs); i++)
    gguf_maker_pair_u32(self, pairs[i].key, (guint32) pairs[i].value);
  if (c->context > 0)
    gguf_maker_pair_u32(self, "gemma3.context_length", (guint32) c->context);
}

void
gguf_maker_tensor(GgufMaker *self, const char *name, guint32 type, int ndim, const gint64 *shape, const void *data, gsize size)
{
  guint64 file_shape[AX_TENSOR_MAX_DIMS];
  for (int d = 0; d < ndim; d++)
    file_shape[d] = (guint64) shape[ndim - 1 - d];
  pad(self->data, self->alignment);
  gguf_maker_raw_tensor(self, name, type, (guint32) ndim, file_shape, self->data->len);
  append(self->data, data, size);
}

GBytes *
gguf_maker_finish(GgufMaker *self)
{
  GByteArray *all = g_byte_array_new();
  append(all, "GGUF", 4);
  append_u32(all, self->version);
  append_u64(all, self->n_tensors);
  append_u64(all, self->n_pairs);
  append(all, self->pairs->data, self->pairs->len);
  append(all, self->tensors->data, self->tensors->len);
  if (self->data->len > 0)
    pad(all, self->alignment);
  append(all, self->data->data, self->data->len);
  g_byte_array_unref(self->pairs);
  g_byte_array_unref(self->tensors);
  g_byte_array_unref(self->data);
  g_free(self);
  return g_byte_array_free_to_bytes(all);
}

GBytes *
make_gguf_of_everything(void)
{
  GgufMaker *maker = gguf_maker_new();
  static const guint64 number = G_GUINT64_CONSTANT(0x8182838485868788);
  static const guint8 truth[3] = { 1, 0, 1 };
  const double half = 0.5;
  maker->version = 2;
  maker->alignment = 64;
  gguf_maker_pair_string(maker, "general.architecture", "gemma3");
  gguf_maker_pair_u32(maker, "general.alignment", 64);
  gguf_maker_pair_f32(maker, "f32", -0.25f);
  gguf_maker_key(maker, "f64", AX_GGUF_F64);
  gguf_maker_bytes(maker, &half, 8);
  for (AxGgufType type = AX_GGUF_U8; type <= AX_GGUF_I64; type++) {
    static const guint sizes[] = { 1, 1, 2, 2, 4, 4, 0, 0, 0, 0, 8, 8 };
    if (sizes[type] == 0)
      continue;
    gguf_maker_key(maker, ax_gguf_type_name(type), type);
    gguf_maker_bytes(maker, &number, sizes[type]);
  }
  gguf_maker_key(maker, "bool", AX_GGUF_BOOL);
  gguf_maker_bytes(maker, truth, 1);
  gguf_maker_key(maker, "bools", AX_GGUF_ARRAY);
  gguf_maker_u32(maker, AX_GGUF_BOOL);
  gguf_maker_u64(maker, 3);
  gguf_maker_bytes(maker, truth, 3);
  gguf_maker_key(maker, "tokens", AX_GGUF_ARRAY);
  gguf_maker_u32(maker, AX_GGUF_STRING);
  gguf_maker_u64(maker, 3);
  gguf_maker_string(maker, "\xe2\x96\x81the");
  gguf_maker_string(maker, "");
  gguf_maker_string(maker, "\xff\xfe");
  gguf_maker_key(maker, "scores", AX_GGUF_ARRAY);
  gguf_maker_u32(maker, AX_GGUF_F32);
  gguf_maker_u64(maker, 2);
  const float scores[2] = { -1000, 1.5f };
  gguf_maker_bytes(maker, scores, 8);
  gguf_maker_key(maker, "empty", AX_GGUF_ARRAY);
  gguf_maker_u32(maker, AX_GGUF_I16);
  gguf_maker_u64(maker, 0);

  static const struct {
    guint number, columns, bytes;
  } kinds[] = {
    { 0, 3, 12 },   { 1, 3, 6 },    { 2, 32, 18 },   { 3, 32, 20 },   { 6, 32, 22 },   { 7, 32, 24 },   { 8, 64, 68 },
    { 10, 256, 84 }, { 11, 256, 110 }, { 12, 256, 144 }, { 13, 256, 176 }, { 14, 256, 210 }, { 24, 3, 3 },  { 25, 3, 6 },
    { 26, 3, 12 },  { 27, 3, 24 },  { 28, 3, 24 },   { 30, 3, 6 },
  };
  guint8 bytes[512];
  for (guint i = 0; i < sizeof bytes; i++)
    bytes[i] = (guint8) (i * 37 + 11) & 0x3B; /* half floats in it stay finite */
  for (guint k = 0; k < G_N_ELEMENTS(kinds); k++) {
    g_autofree char *name = g_strdup_printf("type%u.weight", kinds[k].number);
    const gint64 shape[2] = { 2, kinds[k].columns };
    gguf_maker_tensor(maker, name, kinds[k].number, 2, shape, bytes, 2 * kinds[k].bytes);
  }
  gguf_maker_tensor(maker, "scalar", 0, 0, NULL, bytes, 4);
  return gguf_maker_finish(maker);
}
