/* The globals that a pickle may name, and what naming them means here. Nothing is looked up in any interpreter. */
#include "engine/checkpoint/pickle_globals.h"

#include <string.h>

static const AxPickleGlobal globals[] = {
  { "collections.OrderedDict", AX_GLOBAL_DICT, 0 },
  { "collections.defaultdict", AX_GLOBAL_DICT, 0 },
  { "builtins.dict", AX_GLOBAL_DICT, 0 },
  { "__builtin__.dict", AX_GLOBAL_DICT, 0 },
  { "builtins.list", AX_GLOBAL_LIST, 0 },
  { "__builtin__.list", AX_GLOBAL_LIST, 0 },
  { "builtins.set", AX_GLOBAL_SET, 0 },
  { "__builtin__.set", AX_GLOBAL_SET, 0 },
  { "builtins.frozenset", AX_GLOBAL_SET, 0 },
  { "__builtin__.frozenset", AX_GLOBAL_SET, 0 },
  { "torch.Size", AX_GLOBAL_TUPLE, 0 },
  { "torch._utils._rebuild_tensor_v2", AX_GLOBAL_REBUILD_TENSOR, 0 },
  { "torch._utils._rebuild_tensor", AX_GLOBAL_REBUILD_TENSOR, 0 },
  { "torch._utils._rebuild_parameter", AX_GLOBAL_REBUILD_PARAMETER, 0 },
  { "torch._utils._rebuild_parameter_with_state", AX_GLOBAL_REBUILD_PARAMETER, 0 },
  { "torch.DoubleStorage", AX_GLOBAL_STORAGE, AX_DTYPE_F64 },
  { "torch.FloatStorage", AX_GLOBAL_STORAGE, AX_DTYPE_F32 },
  { "torch.HalfStorage", AX_GLOBAL_STORAGE, AX_DTYPE_F16 },
  { "torch.BFloat16Storage", AX_GLOBAL_STORAGE, AX_DTYPE_BF16 },
  { "torch.LongStorage", AX_GLOBAL_STORAGE, AX_DTYPE_I64 },
  { "torch.IntStorage", AX_GLOBAL_STORAGE, AX_DTYPE_I32 },
  { "torch.ShortStorage", AX_GLOBAL_STORAGE, AX_DTYPE_I16 },
  { "torch.CharStorage", AX_GLOBAL_STORAGE, AX_DTYPE_I8 },
  { "torch.ByteStorage", AX_GLOBAL_STORAGE, AX_DTYPE_U8 },
  { "torch.BoolStorage", AX_GLOBAL_STORAGE, AX_DTYPE_BOOL },
  /* Harmless companions of a checkpoint: kept as objects without behaviour. */
  { "argparse.Namespace", AX_GLOBAL_OPAQUE, 0 },
  { "types.SimpleNamespace", AX_GLOBAL_OPAQUE, 0 },
  { "pathlib.Path", AX_GLOBAL_OPAQUE, 0 },
  { "pathlib.PosixPath", AX_GLOBAL_OPAQUE, 0 },
  { "pathlib.WindowsPath", AX_GLOBAL_OPAQUE, 0 },
  { "pathlib.PurePath", AX_GLOBAL_OPAQUE, 0 },
  { "pathlib.PurePosixPath", AX_GLOBAL_OPAQUE, 0 },
  { "pathlib.PureWindowsPath", AX_GLOBAL_OPAQUE, 0 },
  { "pathlib._local.PosixPath", AX_GLOBAL_OPAQUE, 0 },
  { "pathlib._local.WindowsPath", AX_GLOBAL_OPAQUE, 0 },
  { "torch.device", AX_GLOBAL_OPAQUE, 0 },
  { "torch.float64", AX_GLOBAL_OPAQUE, 0 },
  { "torch.float32", AX_GLOBAL_OPAQUE, 0 },
  { "torch.float16", AX_GLOBAL_OPAQUE, 0 },
  { "torch.bfloat16", AX_GLOBAL_OPAQUE, 0 },
  { "torch.int64", AX_GLOBAL_OPAQUE, 0 },
  { "torch.int32", AX_GLOBAL_OPAQUE, 0 },
  { "torch.int16", AX_GLOBAL_OPAQUE, 0 },
  { "torch.int8", AX_GLOBAL_OPAQUE, 0 },
  { "torch.uint8", AX_GLOBAL_OPAQUE, 0 },
  { "torch.bool", AX_GLOBAL_OPAQUE, 0 },
  { "datetime.datetime", AX_GLOBAL_OPAQUE, 0 },
  { "datetime.timedelta", AX_GLOBAL_OPAQUE, 0 },
  { "numpy.dtype", AX_GLOBAL_OPAQUE, 0 },
  { "numpy.core.multiarray.scalar", AX_GLOBAL_OPAQUE, 0 },
  { "numpy._core.multiarray.scalar", AX_GLOBAL_OPAQUE, 0 },
  { "_codecs.encode", AX_GLOBAL_OPAQUE, 0 },
};

int
ax_pickle_global_find(const char *module, gsize module_length, const char *name, gsize name_length)
{
  for (guint i = 0; i < G_N_ELEMENTS(globals); i++) {
    const char *known = globals[i].name;
    if (strlen(known) == module_length + 1 + name_length && memcmp(known, module, module_length) == 0 && known[module_length] == '.'
        && memcmp(known + module_length + 1, name, name_length) == 0 && memchr(name, '.', name_length) == NULL)
      return (int) i;
  }
  return -1;
}

const AxPickleGlobal *
ax_pickle_global(guint i)
{
  return &globals[i];
}

const char *
ax_pickle_global_name(guint i)
{
  return globals[i].name;
}
