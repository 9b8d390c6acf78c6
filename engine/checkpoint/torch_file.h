/* PyTorch zip files (.pt, .pth), read as data: the value tree of data.pkl and the tensors in it (spec 13.4). No pickle is run.
 * AxTorchFile is for layouts that need the tree (a checkpoint's "model", a sentence database); ax_weights_open() is enough for the
 * rest. Reference-counted; never changes after opening. May use GLib and the zip and pickle readers of this folder. */
#pragma once

#include "engine/checkpoint/value.h"
#include "engine/checkpoint/weights.h"

G_BEGIN_DECLS

typedef struct _AxTorchFile AxTorchFile;

/* NULL with AX_CHECKPOINT_ERROR. The CRC-32 of data.pkl is verified now, those of the tensors when they are read. */
AxTorchFile *ax_torch_file_open(const char *path, GError **error);
AxTorchFile *ax_torch_file_open_bytes(GBytes *bytes, const char *name, GError **error);
AxTorchFile *ax_torch_file_ref(AxTorchFile *self);
void ax_torch_file_unref(AxTorchFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxTorchFile, ax_torch_file_unref)

/* The whole tree; owned by self. */
const AxValue *ax_torch_file_get_root(const AxTorchFile *self);

/* Every tensor of the file, numbered as ax_value_get_tensor() says; names are "0", "1", ... Owned by self. */
AxWeights *ax_torch_file_get_tensors(const AxTorchFile *self);

/* The tensors below a value of self, named by the keys and indices on the way from it, joined with dots. Values that are no
 * tensors are passed over; two tensors of one name are refused. */
AxWeights *ax_torch_file_collect(const AxTorchFile *self, const AxValue *from, GError **error);

G_END_DECLS
