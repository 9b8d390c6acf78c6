/* How the readers of engine/checkpoint build an AxWeights. Private to this folder. */
#pragma once

#include "engine/checkpoint/weights.h"
#include "engine/checkpoint/zip_archive.h"

G_BEGIN_DECLS

/* One tensor of a mapped file: `storage` holds storage_elements elements, of which the tensor is the strided part at offset.
 * Whoever adds one has checked that every element lies inside the storage. */
typedef struct {
  AxTensorInfo info;
  const guint8 *storage;
  gint64 storage_elements;
  gint64 offset;
  gint64 stride[AX_TENSOR_MAX_DIMS]; /* in elements */
  int zip_member;                    /* whose CRC-32 covers the storage, or -1 */
} AxTensorEntry;

AxWeights *ax_weights_new(AxWeightsFormat format, const char *path, GBytes *bytes, AxZipArchive *zip);

/* Copies the entry (and its name). FALSE when the name is taken already. */
gboolean ax_weights_add(AxWeights *self, const AxTensorEntry *entry);
void ax_weights_set_metadata(AxWeights *self, const char *key, const char *value);
const AxTensorEntry *ax_weights_entry(const AxWeights *self, guint i);

/* The entry while its file is being read. */
AxTensorEntry *ax_weights_mutable_entry(AxWeights *self, guint i);

/* Product of a shape with overflow check; FALSE when a dimension is negative or the product exceeds gint64. */
gboolean ax_shape_product(int ndim, const gint64 *shape, gint64 *product);

/* Row-major strides. */
void ax_shape_strides(int ndim, const gint64 *shape, gint64 *stride);

/* Whether the bytes begin like a zip archive. */
gboolean ax_bytes_are_zip(GBytes *bytes);

AxWeights *ax_safetensors_read(GBytes *bytes, const char *path, GError **error);

/* Maps a file; refuses what is no regular file. */
GBytes *ax_map_file(const char *path, GError **error);

G_END_DECLS
