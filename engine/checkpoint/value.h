/* The tree of values that a pickled file describes: what Python would have built, as plain data. Nothing here can act: an object
 * of a class that is known to be harmless (argparse.Namespace, pathlib.PosixPath) is an OPAQUE with its constructor's arguments
 * and its state, never an instance of anything. Values belong to the AxTorchFile that read them, never change, hold no cycles and
 * are at most AX_VALUE_MAX_DEPTH deep (a value may be reachable on several ways). May use GLib. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define AX_VALUE_MAX_DEPTH 100

typedef enum {
  AX_VALUE_NONE,
  AX_VALUE_BOOL,
  AX_VALUE_INT,
  AX_VALUE_FLOAT,
  AX_VALUE_STRING,
  AX_VALUE_BYTES,
  AX_VALUE_LIST,
  AX_VALUE_TUPLE,
  AX_VALUE_SET,
  AX_VALUE_DICT, /* dict and OrderedDict, in insertion order */
  AX_VALUE_TENSOR,
  AX_VALUE_OPAQUE, /* an object or class */
} AxValueKind;

typedef struct _AxValue AxValue;

AxValueKind ax_value_get_kind(const AxValue *self);
const char *ax_value_kind_name(AxValueKind kind);

/* The number of a BOOL or INT; 0 for others. An integer beyond 64 bits is a STRING of its hexadecimal digits ("0x..."). */
gint64 ax_value_get_int(const AxValue *self);

/* The number of a FLOAT, INT or BOOL; 0 for others. */
double ax_value_get_float(const AxValue *self);

/* The text of a STRING (UTF-8) or BYTES, NUL-terminated, its bytes in *length (may be NULL); NULL for others. */
const char *ax_value_get_string(const AxValue *self, gsize *length);

/* Number of items of a LIST, TUPLE or SET, of pairs of a DICT; 0 for others. */
guint ax_value_n(const AxValue *self);

/* Item i of a LIST, TUPLE or SET, value i of a DICT. */
const AxValue *ax_value_item(const AxValue *self, guint i);

/* Key i of a DICT. */
const AxValue *ax_value_key(const AxValue *self, guint i);

/* Value of the STRING key in a DICT (the last one set), or in the state of an OPAQUE; NULL if there is none. Takes time
 * proportional to the size of the dict. */
const AxValue *ax_value_get(const AxValue *self, const char *key);

/* Index of a TENSOR in its file (ax_torch_file_get_tensors()), or -1. */
int ax_value_get_tensor(const AxValue *self);

/* "argparse.Namespace" of an OPAQUE; NULL for others. */
const char *ax_value_get_type_name(const AxValue *self);

/* What an OPAQUE was made with: the TUPLE of arguments (or NULL) and the state set later (or NULL). */
const AxValue *ax_value_get_arguments(const AxValue *self);
const AxValue *ax_value_get_state(const AxValue *self);

G_END_DECLS
