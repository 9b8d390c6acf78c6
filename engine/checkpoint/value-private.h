/* How the pickle reader builds values. Private to this folder. */
#pragma once

#include "engine/checkpoint/value.h"

G_BEGIN_DECLS

typedef struct {
  AxValue **items; /* a DICT holds key, value, key, value, ... */
  guint32 n, room;
} AxValueItems;

/* A storage: a value of the pickle machine that only a tensor can be made of. One left in the tree shows as an OPAQUE. */
enum { AX_VALUE_KIND_STORAGE = 32 };

struct _AxValue {
  guint8 kind;
  guint8 depth; /* found after reading; 0 while unknown */
  guint8 mark;  /* being visited */
  guint32 length;    /* of a STRING or BYTES */
  union {
    gint64 number; /* BOOL, INT; index of a TENSOR */
    double real;
    char *text; /* STRING, BYTES */
    AxValueItems list;
    struct {
      guint16 global; /* index into the table of known globals */
      AxValue *arguments, *state;
    } object;
  } u;
};

/* Memory of the values of one file. */
typedef struct _AxValuePool AxValuePool;
AxValuePool *ax_value_pool_new(void);
void ax_value_pool_free(AxValuePool *self);
AxValue *ax_value_pool_add(AxValuePool *self, AxValueKind kind);
gsize ax_value_pool_n(const AxValuePool *self);

/* Appends n items to a LIST, TUPLE, SET or DICT (key, value, key, value, ...) of the pool. FALSE past 2^30 items. */
gboolean ax_value_append(AxValue *self, AxValue *const *items, guint32 n);

/* Finds the depth of every value below root. FALSE when a value contains itself or the depth exceeds AX_VALUE_MAX_DEPTH. */
gboolean ax_value_measure(AxValue *root);

/* "module.name" of global number i. */
const char *ax_pickle_global_name(guint i);

G_END_DECLS
