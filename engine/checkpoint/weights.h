/* Weight files, read through one interface. What lives here: AxWeights, the list of named tensors of a file, whatever its format
 * (safetensors, PyTorch zip, GGUF), and their conversion to float. Files are memory-mapped, recognised by content and treated as
 * hostile: every length is checked before it is used, no pickle is run, nothing is allocated beyond what the file can hold.
 * An AxWeights never changes after opening, apart from remembering which checksums were verified, which is atomic: any number
 * of threads may read it. May use GLib and kernels/; knows no model. */
#pragma once

#include <gio/gio.h>

#include "engine/checkpoint/error.h"

G_BEGIN_DECLS

#define AX_TENSOR_MAX_DIMS 8

typedef enum {
  AX_DTYPE_F64,
  AX_DTYPE_F32,
  AX_DTYPE_F16,
  AX_DTYPE_BF16,
  AX_DTYPE_I64,
  AX_DTYPE_I32,
  AX_DTYPE_I16,
  AX_DTYPE_I8,
  AX_DTYPE_U8,
  AX_DTYPE_BOOL, /* one byte, 0 or 1 */
  /* GGUF's quantised types: blocks of 32 or, with K, 256 elements along a row. */
  AX_DTYPE_Q4_0,
  AX_DTYPE_Q4_1,
  AX_DTYPE_Q5_0,
  AX_DTYPE_Q5_1,
  AX_DTYPE_Q8_0,
  AX_DTYPE_Q2_K,
  AX_DTYPE_Q3_K,
  AX_DTYPE_Q4_K,
  AX_DTYPE_Q5_K,
  AX_DTYPE_Q6_K,
} AxDtype;
#define AX_N_DTYPES (AX_DTYPE_Q6_K + 1)

/* Whether elements lie in blocks with scales of their own. */
gboolean ax_dtype_is_quantised(AxDtype dtype);

/* Bytes of one element; of a quantised type, of one block. */
gsize ax_dtype_size(AxDtype dtype);

/* Elements of a block; 1 for types that are not quantised. */
guint ax_dtype_block(AxDtype dtype);

/* Bytes of n_elements, which have to be whole blocks. */
gsize ax_dtype_bytes(AxDtype dtype, gint64 n_elements);

/* The name used by safetensors and GGUF: "F32", "BF16", "Q4_K", ... */
const char *ax_dtype_name(AxDtype dtype);

/* TRUE and *dtype for a name of ax_dtype_name(); FALSE otherwise. */
gboolean ax_dtype_from_name(const char *name, AxDtype *dtype);

typedef struct {
  const char *name; /* UTF-8 */
  AxDtype dtype;
  int ndim; /* 0 for a scalar */
  gint64 shape[AX_TENSOR_MAX_DIMS];
  gint64 n_elements; /* product of shape; 1 for a scalar, 0 for an empty tensor */
} AxTensorInfo;

typedef enum {
  AX_WEIGHTS_FORMAT_SAFETENSORS,
  AX_WEIGHTS_FORMAT_TORCH_ZIP,
  AX_WEIGHTS_FORMAT_GGUF,
} AxWeightsFormat;

/* Reference-counted. */
typedef struct _AxWeights AxWeights;

/* Opens a weight file. A .pt/.pth file lists every tensor of its value tree under the keys on the way to it, joined with dots
 * ("model.vis_model.conv1.weight"); ax_apm_checkpoint_open() gives the published names instead.
 * NULL with AX_CHECKPOINT_ERROR on a file that cannot be read, is of another kind, damaged or hostile. */
AxWeights *ax_weights_open(const char *path, GError **error);

/* The same from memory; keeps a reference on `bytes`. `name` stands for the path in messages. */
AxWeights *ax_weights_open_bytes(GBytes *bytes, const char *name, GError **error);

AxWeights *ax_weights_ref(AxWeights *self);
void ax_weights_unref(AxWeights *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxWeights, ax_weights_unref)

AxWeightsFormat ax_weights_get_format(const AxWeights *self);
const char *ax_weights_format_name(AxWeightsFormat format);

/* The path it was opened from. */
const char *ax_weights_get_path(const AxWeights *self);

/* safetensors' __metadata__, or GGUF's keys as text (arrays only as "[262144 strings]"; engine/checkpoint/gguf.h reads them): the
 * value of a key, or NULL. */
const char *ax_weights_get_metadata(const AxWeights *self, const char *key);

/* All metadata, key -> value strings; never NULL. */
GHashTable *ax_weights_get_all_metadata(const AxWeights *self);

/* Number of tensors. */
guint ax_weights_n(const AxWeights *self);

/* Tensor i < n, in the order of the file; owned by self. */
const AxTensorInfo *ax_weights_info(const AxWeights *self, guint i);

/* Index of the tensor of that name, or -1. */
int ax_weights_find(const AxWeights *self, const char *name);

/* Writes tensor i to dst as float32, row-major; n must be its n_elements. f16 and bf16 widen exactly, f64 and integers round to
 * nearest, bool gives 0 or 1, quantised types their exact values. Strides are honoured, checksums verified. FALSE with DAMAGED or ARGUMENT. */
gboolean ax_weights_read_f32(const AxWeights *self, guint i, float *dst, gsize n, GError **error);

/* Writes rows [first, first + n_rows) of tensor i, seen as [n_elements / columns, columns] with columns its last dimension (a scalar
 * is [1, 1]), to dst [n_rows, columns]: a tensor that is too large to be held as float can be read part by part. FALSE as
 * ax_weights_read_f32(). */
gboolean ax_weights_read_rows_f32(const AxWeights *self, guint i, gint64 first, gint64 n_rows, float *dst, GError **error);

/* Reads the tensor of that name, which has to have exactly that shape (a test of both existence and shape). FALSE with MISSING or
 * MISMATCH (the message names the shapes), or as ax_weights_read_f32(). */
gboolean ax_weights_read_named_f32(const AxWeights *self, const char *name, int ndim, const gint64 *shape, float *dst,
                                   GError **error);

/* Sets *bytes to tensor i's elements in its own type, row-major, contiguous, little-endian (of a quantised type: its
 * blocks). Refers to the mapped file without a
 * copy where the tensor is contiguous there (the address may then have any alignment). FALSE as ax_weights_read_f32(). */
gboolean ax_weights_read_raw(const AxWeights *self, guint i, GBytes **bytes, GError **error);

/* Verifies every checksum that the file holds (a zip's CRC-32 of each member; safetensors has none). */
gboolean ax_weights_verify(const AxWeights *self, GError **error);

/* A view of the tensors whose names start with prefix, with it cut off. Keeps a reference on self. */
AxWeights *ax_weights_view_prefix(AxWeights *self, const char *prefix);

/* What a model expects of a weight file. */
typedef struct {
  const char *name;
  int ndim;
  gint64 shape[AX_TENSOR_MAX_DIMS];
} AxTensorSpec;

typedef struct {
  GPtrArray *missing;    /* char *: names expected and absent */
  GPtrArray *unexpected; /* char *: names present and not expected */
  GPtrArray *mismatched; /* char *: "name: has [2, 3], expected [4, 3]" */
} AxTensorMatch;

/* Compares names and shapes with an expected list. Never NULL; free with ax_tensor_match_free(). */
AxTensorMatch *ax_weights_match(const AxWeights *self, const AxTensorSpec *expected, guint n_expected);
void ax_tensor_match_free(AxTensorMatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxTensorMatch, ax_tensor_match_free)

/* TRUE when nothing is missing or mismatched, and nothing unexpected unless that is allowed; otherwise FALSE with MISSING or
 * MISMATCH and a message that counts and names the first few. */
gboolean ax_tensor_match_check(const AxTensorMatch *self, gboolean allow_unexpected, GError **error);

/* "[2, 3]"; free with g_free(). */
char *ax_tensor_shape_string(int ndim, const gint64 *shape);

G_END_DECLS
