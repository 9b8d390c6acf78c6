/* What the reader of GGUF files (gguf.c) and the access to their values (gguf_values.c) share. Private to this folder. */
#pragma once

#include "engine/checkpoint/gguf.h"

G_BEGIN_DECLS

#define AX_N_GGUF_TYPES (AX_GGUF_F64 + 1)

typedef struct {
  char *key;
  AxGgufType type;
  char *text;        /* of a STRING */
  const guint8 *data; /* of another scalar */
  AxGgufArray array;
} AxGgufPair;

struct _AxGguf {
  gatomicrefcount refs;
  char *path;
  GBytes *bytes;
  guint version, alignment;
  gsize data_offset;
  GArray *pairs;       /* AxGgufPair */
  GHashTable *by_key;  /* key (of the pair) -> index + 1 */
  AxWeights *tensors;
};

/* Bytes of a value; 0 of STRING and ARRAY. */
gsize ax_gguf_type_size(AxGgufType type);

G_END_DECLS
