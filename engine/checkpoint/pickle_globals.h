/* The table of globals that a pickle may name. Private to this folder. */
#pragma once

#include "engine/checkpoint/weights.h"
#include "engine/checkpoint/value-private.h"

G_BEGIN_DECLS

typedef enum {
  AX_GLOBAL_DICT,
  AX_GLOBAL_LIST,
  AX_GLOBAL_TUPLE,
  AX_GLOBAL_SET,
  AX_GLOBAL_STORAGE,
  AX_GLOBAL_REBUILD_TENSOR,
  AX_GLOBAL_REBUILD_PARAMETER,
  AX_GLOBAL_OPAQUE,
} AxPickleGlobalKind;

typedef struct {
  const char *name;
  AxPickleGlobalKind kind;
  AxDtype dtype; /* of a STORAGE */
} AxPickleGlobal;

/* Index of module.name in the table, or -1. */
int ax_pickle_global_find(const char *module, gsize module_length, const char *name, gsize name_length);
const AxPickleGlobal *ax_pickle_global(guint i);

G_END_DECLS
