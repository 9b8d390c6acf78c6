/* optable.c: walking, drawing and filling for the table of operations (contract: optable.h). */
#include "kernels/optable.h"

#include <math.h>
#include <string.h>

const AxOp *
ax_op_at (int i)
{
  static const AxOp *const tables[] = { ax_ops_matrix, ax_ops_rows, ax_ops_elements, ax_ops_lm, ax_ops_spans, ax_ops_qmatrix, ax_ops_passes };
  for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
    for (const AxOp *op = tables[t]; op->name; op++)
      if (i-- == 0)
        return op;
  return NULL;
}

uint64_t
ax_op_random (uint64_t *state)
{
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * 2685821657736338717ull;
}

void
ax_op_draw (const AxOp *op, uint64_t *state, int *d)
{
  AxOpArray arrays[AX_OP_ARRAYS];
  do
    for (int i = 0; i < AX_OP_DIMS; i++) {
      int span = op->hi[i] - op->lo[i] + 1;
      if (span > 8 && ax_op_random (state) >> 62 == 0)
        span = 4;
      d[i] = op->lo[i] + (int) ((ax_op_random (state) >> 33) % (uint64_t) span);
    }
  while (op->arrays (d, arrays) == 0);
}

size_t
ax_op_type_size (AxOpType type)
{
  static const size_t size[] = { 4, 2, 2, 8, 1 };
  return size[type];
}

void
ax_op_fill (const AxOpArray *array, uint64_t *state, void *data)
{
  for (size_t i = 0; i < array->n; i++) {
    const uint64_t bits = ax_op_random (state);
    const float v = array->lo + (array->hi - array->lo) * (float) (bits >> 40) * 0x1p-24f;
    uint32_t u;
    memcpy (&u, &v, sizeof u);
    switch (array->type) {
    case AX_OP_F32:
      ((float *) data)[i] = v;
      break;
    case AX_OP_F64:
      ((double *) data)[i] = (double) v;
      break;
    case AX_OP_F16: /* any finite half */
      ((uint16_t *) data)[i] = (uint16_t) ((bits >> 40 & 0x8000) | (bits >> 20) % 0x7c00);
      break;
    case AX_OP_BF16:
      ((uint16_t *) data)[i] = (uint16_t) (u >> 16);
      break;
    case AX_OP_U8:
      ((uint8_t *) data)[i] = (uint8_t) (bits >> 40);
      break;
    }
  }
}

double
ax_op_value (AxOpType type, const void *data, size_t i)
{
  const uint16_t h = type == AX_OP_F16 || type == AX_OP_BF16 ? ((const uint16_t *) data)[i] : 0;
  switch (type) {
  case AX_OP_F32:
    return (double) ((const float *) data)[i];
  case AX_OP_F64:
    return ((const double *) data)[i];
  case AX_OP_F16: {
    const int exponent = h >> 10 & 31, fraction = h & 0x3ff;
    const double magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
                             : exponent     ? ldexp (1024 + fraction, exponent - 25)
                                            : ldexp (fraction, -24);
    return h & 0x8000 ? -magnitude : magnitude;
  }
  case AX_OP_BF16: {
    const uint32_t u = (uint32_t) h << 16;
    float f;
    memcpy (&f, &u, sizeof f);
    return (double) f;
  }
  default:
    return ((const uint8_t *) data)[i];
  }
}
