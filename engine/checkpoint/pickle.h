/* A pickle read as data. A machine with an allow-list of opcodes and of globals: it builds AxValues and tensors and can do
 * nothing else. Whatever is not on the lists (os.system, builtins.eval, ...) is refused by name. Private to this folder. */
#pragma once

#include "engine/checkpoint/value-private.h"
#include "engine/checkpoint/weights-private.h"

G_BEGIN_DECLS

/* Looks up the storage `key`; sets its bytes, size and zip member. FALSE with error when there is none. */
typedef gboolean (*AxPickleStorageFn)(void *user, const char *key, const guint8 **data, gsize *size, int *member, GError **error);

/* Reads the one pickle in data[size]. Appends AxTensorEntry records (without names) to tensors. NULL with DAMAGED or REFUSED.
 * max_expanded: bytes that a tensor which repeats its elements (stride 0) may claim. */
AxValue *ax_pickle_read(const guint8 *data, gsize size, AxValuePool *pool, GArray *tensors, gint64 max_expanded,
                        AxPickleStorageFn storage, void *user, GError **error);

G_END_DECLS
