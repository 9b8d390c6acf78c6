/* GGUF files (versions 2 and 3, little-endian), the container of quantised language models: metadata and tensors. What lives here:
 * AxGguf, the file's keys and values. Its tensors are an AxWeights like any other (ax_weights_open() reads GGUF as well): shapes
 * are given as [rows, columns], the reverse of the file's order, ax_weights_read_f32() dequantises, ax_weights_read_raw() gives the
 * blocks as they lie in the file.
 * The file is memory-mapped and treated as hostile: every length is checked before it is used, names are unique, tensors lie inside
 * the file and do not overlap. Arrays are not copied: a vocabulary of 262,144 strings costs one walk over their lengths.
 * Reference-counted, never changes after opening. May use GLib and this folder's AxWeights.
 * Source: the format's specification (ggml, docs/gguf.md). */
#pragma once

#include "engine/checkpoint/weights.h"

G_BEGIN_DECLS

typedef enum {
  AX_GGUF_U8,
  AX_GGUF_I8,
  AX_GGUF_U16,
  AX_GGUF_I16,
  AX_GGUF_U32,
  AX_GGUF_I32,
  AX_GGUF_F32,
  AX_GGUF_BOOL,
  AX_GGUF_STRING,
  AX_GGUF_ARRAY,
  AX_GGUF_U64,
  AX_GGUF_I64,
  AX_GGUF_F64,
} AxGgufType;

const char *ax_gguf_type_name(AxGgufType type);

typedef struct _AxGguf AxGguf;

/* NULL with AX_CHECKPOINT_ERROR: READ, UNSUPPORTED (version, byte order, a type that is not read, arrays within arrays), DAMAGED. */
AxGguf *ax_gguf_open(const char *path, GError **error);
AxGguf *ax_gguf_open_bytes(GBytes *bytes, const char *name, GError **error);
AxGguf *ax_gguf_ref(AxGguf *self);
void ax_gguf_unref(AxGguf *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxGguf, ax_gguf_unref)

const char *ax_gguf_get_path(const AxGguf *self);
guint ax_gguf_get_version(const AxGguf *self);
guint ax_gguf_get_alignment(const AxGguf *self);

/* Where the tensors' bytes begin in the file. */
gsize ax_gguf_get_data_offset(const AxGguf *self);

/* The tensors; owned by self. */
AxWeights *ax_gguf_get_tensors(const AxGguf *self);

/* Number of keys; key i < n in the order of the file, and the type of its value. */
guint ax_gguf_n(const AxGguf *self);
const char *ax_gguf_key(const AxGguf *self, guint i);
AxGgufType ax_gguf_type(const AxGguf *self, guint i);

/* Whether the key is there. */
gboolean ax_gguf_has(const AxGguf *self, const char *key);

/* The value of a key; FALSE or NULL with MISSING when it is absent and MISMATCH when it is of another kind or outside [min, max].
 * Integers of every width are read by _get_int (one beyond 63 bits is a MISMATCH), both widths of float and integers by _get_double.
 * Strings are valid UTF-8 without NUL inside and belong to self. */
gboolean ax_gguf_get_int(const AxGguf *self, const char *key, gint64 min, gint64 max, gint64 *value, GError **error);
gboolean ax_gguf_get_double(const AxGguf *self, const char *key, double *value, GError **error);
gboolean ax_gguf_get_bool(const AxGguf *self, const char *key, gboolean *value, GError **error);
const char *ax_gguf_get_string(const AxGguf *self, const char *key, GError **error);

/* An array as it lies in the file; valid as long as the AxGguf. Elements of numbers may lie at any address. */
typedef struct {
  AxGgufType type; /* of the elements; never AX_GGUF_ARRAY */
  gsize n;
  const guint8 *data;
  gsize size; /* bytes of all elements */
} AxGgufArray;

/* FALSE with MISSING or MISMATCH. */
gboolean ax_gguf_get_array(const AxGguf *self, const char *key, AxGgufType type, AxGgufArray *array, GError **error);

/* Element i < n of an array of numbers or BOOL. */
gint64 ax_gguf_array_int(const AxGgufArray *array, gsize i);
double ax_gguf_array_double(const AxGgufArray *array, gsize i);

/* Walks an array of STRING from *at = 0: the bytes of the next string and their number, not NUL-terminated and not checked to be
 * UTF-8; NULL past the last one. Lengths were checked at opening. */
const char *ax_gguf_array_next_string(const AxGgufArray *array, gsize *at, gsize *length);

G_END_DECLS
