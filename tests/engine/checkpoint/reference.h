/* Help of this folder's tests: where the reference files are, checksums, and small archives made on the spot. */
#pragma once

#include <gio/gio.h>

#include "engine/checkpoint/json_read.h"
#include "engine/checkpoint/weights.h"

/* Full path of a reference file, or NULL after g_test_skip() when it is absent. Free with g_free(). */
char *reference_path(const char *name);

/* The reference's JSON file, or NULL after g_test_skip(). */
JsonObject *reference_json(const char *name);

/* "0x1a2b" as Python's hex() writes it. */
guint32 parse_crc(const char *hex);

guint32 bytes_crc(const void *data, gsize size);

/* CRC-32 of the contiguous little-endian bytes of tensor i. */
guint32 tensor_crc(const AxWeights *weights, guint i);

/* "F32" for "torch.float32". */
const char *dtype_of_torch(const char *name);

/* Asserts dtype, shape and CRC-32 of the tensor of that name. */
void assert_tensor(const AxWeights *weights, const char *name, const char *torch_dtype, JsonArray *shape, const char *crc);

/* A fresh folder that remove_tree() deletes. */
char *make_folder(void);
void remove_tree(const char *path);

/* Writes DIR/NAME. */
void write_text(const char *dir, const char *name, const char *text);

/* Builds a stored zip archive. Members that are all right, unless a test spoils them on purpose. */
typedef struct {
  GByteArray *bytes, *directory;
  guint n;
} ZipMaker;

typedef struct {
  guint16 flags, method;
  gboolean zip64;       /* sizes in a zip64 extra field */
  gboolean wrong_crc;
  const char *local_name; /* another name in the local header, or NULL */
} ZipSpoil;

ZipMaker *zip_maker_new(void);
void zip_maker_add(ZipMaker *self, const char *name, const void *data, gsize size, const ZipSpoil *spoil);

/* Ends and frees it. zip64: with the zip64 end records. */
GBytes *zip_maker_finish(ZipMaker *self, gboolean zip64);

/* A .pt archive with that data.pkl and up to one storage "0". */
GBytes *make_torch_zip(const void *pickle, gsize size, const void *storage, gsize storage_size);
