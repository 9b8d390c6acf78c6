#include <string.h>

#include "engine/checkpoint/weights.h"

static const struct {
  const char *name;
  gsize size;  /* of an element or block */
  guint block; /* elements of a block; 0: not quantised */
} dtypes[AX_N_DTYPES] = {
  [AX_DTYPE_F64] = { "F64", 8 },   [AX_DTYPE_F32] = { "F32", 4 }, [AX_DTYPE_F16] = { "F16", 2 }, [AX_DTYPE_BF16] = { "BF16", 2 },
  [AX_DTYPE_I64] = { "I64", 8 },   [AX_DTYPE_I32] = { "I32", 4 }, [AX_DTYPE_I16] = { "I16", 2 }, [AX_DTYPE_I8] = { "I8", 1 },
  [AX_DTYPE_U8] = { "U8", 1 },     [AX_DTYPE_BOOL] = { "BOOL", 1 },
  [AX_DTYPE_Q4_0] = { "Q4_0", 18, 32 },   [AX_DTYPE_Q4_1] = { "Q4_1", 20, 32 },   [AX_DTYPE_Q5_0] = { "Q5_0", 22, 32 },
  [AX_DTYPE_Q5_1] = { "Q5_1", 24, 32 },   [AX_DTYPE_Q8_0] = { "Q8_0", 34, 32 },   [AX_DTYPE_Q2_K] = { "Q2_K", 84, 256 },
  [AX_DTYPE_Q3_K] = { "Q3_K", 110, 256 }, [AX_DTYPE_Q4_K] = { "Q4_K", 144, 256 }, [AX_DTYPE_Q5_K] = { "Q5_K", 176, 256 },
  [AX_DTYPE_Q6_K] = { "Q6_K", 210, 256 },
};

gboolean
ax_dtype_is_quantised(AxDtype dtype)
{
  return dtypes[dtype].block != 0;
}

guint
ax_dtype_block(AxDtype dtype)
{
  return MAX(dtypes[dtype].block, 1);
}

gsize
ax_dtype_bytes(AxDtype dtype, gint64 n_elements)
{
  return (gsize) (n_elements / ax_dtype_block(dtype)) * dtypes[dtype].size;
}

gsize
ax_dtype_size(AxDtype dtype)
{
  return dtypes[dtype].size;
}

const char *
ax_dtype_name(AxDtype dtype)
{
  return dtypes[dtype].name;
}

gboolean
ax_dtype_from_name(const char *name, AxDtype *dtype)
{
  for (guint i = 0; i < AX_N_DTYPES; i++)
    if (strcmp(name, dtypes[i].name) == 0) {
      *dtype = (AxDtype) i;
      return TRUE;
    }
  return FALSE;
}
