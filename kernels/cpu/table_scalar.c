/* table_scalar.c: the kernels of ops_*.h compiled for scalar. */
#define VEC_LEVEL 0
#define VEC_ISA AX_ISA_SCALAR
#define VEC_TABLE ax_table_scalar
#include "kernels/cpu/ops_table.h"
