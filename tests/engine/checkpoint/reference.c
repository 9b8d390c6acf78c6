#include "tests/engine/checkpoint/reference.h"

#include <glib/gstdio.h>
#include <string.h>
#include <zlib.h>

char *
reference_path(const char *name)
{
  const char *shared = g_getenv("AX_SHARED");
  g_autofree char *path = g_build_filename(shared != NULL ? shared : ".", "reference", name, NULL);
  if (g_file_test(path, G_FILE_TEST_EXISTS))
    return g_steal_pointer(&path);
  g_autofree char *message = g_strdup_printf("reference/%s is absent", name);
  g_test_skip(message);
  return NULL;
}

JsonObject *
reference_json(const char *name)
{
  g_autofree char *path = reference_path(name);
  if (path == NULL)
    return NULL;
  g_autoptr(GError) error = NULL;
  JsonObject *object = ax_json_load_object(path, &error);
  g_assert_no_error(error);
  return object;
}

guint32
parse_crc(const char *hex)
{
  return (guint32) g_ascii_strtoull(hex, NULL, 16);
}

guint32
bytes_crc(const void *data, gsize size)
{
  return (guint32) crc32_z(0, size > 0 ? data : (const void *) "", size);
}

guint32
tensor_crc(const AxWeights *weights, guint i)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = NULL;
  g_assert_true(ax_weights_read_raw(weights, i, &bytes, &error));
  g_assert_no_error(error);
  gsize size;
  const void *data = g_bytes_get_data(bytes, &size);
  return bytes_crc(data, size);
}

const char *
dtype_of_torch(const char *name)
{
  static const char *const names[][2] = {
    { "torch.float64", "F64" }, { "torch.float32", "F32" }, { "torch.float16", "F16" }, { "torch.bfloat16", "BF16" },
    { "torch.int64", "I64" },   { "torch.int32", "I32" },   { "torch.uint8", "U8" },    { "torch.bool", "BOOL" },
  };
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    if (g_str_equal(name, names[i][0]))
      return names[i][1];
  g_assert_not_reached();
}

void
assert_tensor(const AxWeights *weights, const char *name, const char *torch_dtype, JsonArray *shape, const char *crc)
{
  const int i = ax_weights_find(weights, name);
  if (i < 0)
    g_error("no tensor %s", name);
  const AxTensorInfo *info = ax_weights_info(weights, (guint) i);
  g_assert_cmpstr(info->name, ==, name);
  g_assert_cmpstr(ax_dtype_name(info->dtype), ==, dtype_of_torch(torch_dtype));
  g_assert_cmpint(info->ndim, ==, (int) json_array_get_length(shape));
  for (int d = 0; d < info->ndim; d++)
    g_assert_cmpint(info->shape[d], ==, json_array_get_int_element(shape, (guint) d));
  g_assert_cmphex(tensor_crc(weights, (guint) i), ==, parse_crc(crc));
}

char *
make_folder(void)
{
  g_autoptr(GError) error = NULL;
  char *path = g_dir_make_tmp("ax-checkpoint-XXXXXX", &error);
  g_assert_no_error(error);
  return path;
}

void
write_text(const char *dir, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename(dir, name, NULL);
  g_autoptr(GError) error = NULL;
  g_assert_true(g_file_set_contents(path, text, -1, &error));
}

void
remove_tree(const char *path)
{
  GDir *dir = g_dir_open(path, 0, NULL);
  if (dir != NULL) {
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir)) {
      g_autofree char *child = g_build_filename(path, name, NULL);
      remove_tree(child);
    }
    g_dir_close(dir);
  }
  g_remove(path);
}

static void
put(GByteArray *bytes, guint64 value, guint n)
{
  for (guint i = 0; i < n; i++) {
    const guint8 byte = i < 8 ? (guint8) (value >> (8 * i)) : 0;
    g_byte_array_append(bytes, &byte, 1);
  }
}

ZipMaker *
zip_maker_new(void)
{
  ZipMaker *self = g_new0(ZipMaker, 1);
  self->bytes = g_byte_array_new();
  self->directory = g_byte_array_new();
  return self;
}

void
zip_maker_add(ZipMaker *self, const char *name, const void *data, gsize size, const ZipSpoil *spoil)
{
  static const ZipSpoil none = { 0 };
  if (spoil == NULL)
    spoil = &none;
  const char *local_name = spoil->local_name != NULL ? spoil->local_name : name;
  const guint32 crc = bytes_crc(data, size) ^ (spoil->wrong_crc ? 1 : 0);
  const guint64 offset = self->bytes->len, short_size = spoil->zip64 ? 0xFFFFFFFF : size;

  put(self->bytes, 0x04034b50, 4);
  put(self->bytes, 45, 2);
  put(self->bytes, spoil->flags, 2);
  put(self->bytes, spoil->method, 2);
  put(self->bytes, 0, 4);
  put(self->bytes, crc, 4);
  put(self->bytes, short_size, 4);
  put(self->bytes, short_size, 4);
  put(self->bytes, strlen(local_name), 2);
  put(self->bytes, spoil->zip64 ? 20 : 0, 2);
  g_byte_array_append(self->bytes, (const guint8 *) local_name, (guint) strlen(local_name));
  if (spoil->zip64) {
    put(self->bytes, 0x0001, 2);
    put(self->bytes, 16, 2);
    put(self->bytes, size, 8);
    put(self->bytes, size, 8);
  }
  if (size > 0)
    g_byte_array_append(self->bytes, data, (guint) size);

  put(self->directory, 0x02014b50, 4);
  put(self->directory, 45, 2);
  put(self->directory, 45, 2);
  put(self->directory, spoil->flags, 2);
  put(self->directory, spoil->method, 2);
  put(self->directory, 0, 4);
  put(self->directory, crc, 4);
  put(self->directory, short_size, 4);
  put(self->directory, short_size, 4);
  put(self->directory, strlen(name), 2);
  put(self->directory, spoil->zip64 ? 28 : 0, 2);
  put(self->directory, 0, 2 + 2 + 2 + 4);
  put(self->directory, spoil->zip64 ? 0xFFFFFFFF : offset, 4);
  g_byte_array_append(self->directory, (const guint8 *) name, (guint) strlen(name));
  if (spoil->zip64) {
    put(self->directory, 0x0001, 2);
    put(self->directory, 24, 2);
    put(self->directory, size, 8);
    put(self->directory, size, 8);
    put(self->directory, offset, 8);
  }
  self->n++;
}

GBytes *
zip_maker_finish(ZipMaker *self, gboolean zip64)
{
  const guint64 offset = self->bytes->len, size = self->directory->len;
  g_byte_array_append(self->bytes, self->directory->data, self->directory->len);
  const guint64 end64 = self->bytes->len;
  if (zip64) {
    put(self->bytes, 0x06064b50, 4);
    put(self->bytes, 44, 8);
    put(self->bytes, 45, 2);
    put(self->bytes, 45, 2);
    put(self->bytes, 0, 8);
    put(self->bytes, self->n, 8);
    put(self->bytes, self->n, 8);
    put(self->bytes, size, 8);
    put(self->bytes, offset, 8);
    put(self->bytes, 0x07064b50, 4);
    put(self->bytes, 0, 4);
    put(self->bytes, end64, 8);
    put(self->bytes, 1, 4);
  }
  put(self->bytes, 0x06054b50, 4);
  put(self->bytes, 0, 4);
  put(self->bytes, zip64 ? 0xFFFF : self->n, 2);
  put(self->bytes, zip64 ? 0xFFFF : self->n, 2);
  put(self->bytes, zip64 ? 0xFFFFFFFF : size, 4);
  put(self->bytes, zip64 ? 0xFFFFFFFF : offset, 4);
  put(self->bytes, 0, 2);
  g_byte_array_unref(self->directory);
  GBytes *bytes = g_byte_array_free_to_bytes(self->bytes);
  g_free(self);
  return bytes;
}

GBytes *
make_torch_zip(const void *pickle, gsize size, const void *storage, gsize storage_size)
{
  ZipMaker *zip = zip_maker_new();
  zip_maker_add(zip, "archive/data.pkl", pickle, size, NULL);
  zip_maker_add(zip, "archive/byteorder", "little", 6, NULL);
  if (storage != NULL)
    zip_maker_add(zip, "archive/data/0", storage, storage_size, NULL);
  zip_maker_add(zip, "archive/version", "3\n", 2, NULL);
  return zip_maker_finish(zip, FALSE);
}
