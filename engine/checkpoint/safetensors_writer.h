/* Writer of safetensors files. The same tensors and metadata give the same bytes: tensors in the order they were added, metadata
 * sorted by key, the header padded with spaces so that the tensors' bytes begin at a multiple of 8. Written whole or not at all. */
#pragma once

#include "engine/checkpoint/weights.h"

G_BEGIN_DECLS

typedef struct _AxSafetensorsWriter AxSafetensorsWriter;

AxSafetensorsWriter *ax_safetensors_writer_new(void);
void ax_safetensors_writer_free(AxSafetensorsWriter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxSafetensorsWriter, ax_safetensors_writer_free)

/* Sets one string of __metadata__; both have to be UTF-8. */
void ax_safetensors_writer_set_metadata(AxSafetensorsWriter *self, const char *key, const char *value);

/* Adds a tensor whose float values are rounded to dtype (F32, F16 or BF16; nearest even) when the file is written.
 * `data` [product of shape] is not copied: it has to stay valid and unchanged until ax_safetensors_writer_save().
 * FALSE with ARGUMENT for a name used twice or a shape or type that cannot be written. */
gboolean ax_safetensors_writer_add_f32(AxSafetensorsWriter *self, const char *name, AxDtype dtype, int ndim, const gint64 *shape,
                                       const float *data, GError **error);

/* Adds a tensor from its little-endian elements; size is checked against the shape. A reference on bytes is kept. */
gboolean ax_safetensors_writer_add_bytes(AxSafetensorsWriter *self, const char *name, AxDtype dtype, int ndim, const gint64 *shape,
                                         GBytes *bytes, GError **error);

/* Writes the file. FALSE with AX_CHECKPOINT_ERROR_WRITE (full disk, ...): a file of that name that was there before is intact. */
gboolean ax_safetensors_writer_save(const AxSafetensorsWriter *self, const char *path, GError **error);

G_END_DECLS
