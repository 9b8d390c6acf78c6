/* table_avx2.c: the kernels of ops_*.h compiled for avx2. */
#define VEC_LEVEL 1
#define VEC_ISA AX_ISA_AVX2
#define VEC_TABLE ax_table_avx2
#include "kernels/cpu/ops_table.h"
