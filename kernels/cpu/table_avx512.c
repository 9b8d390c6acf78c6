/* table_avx512.c: the kernels of ops_*.h compiled for avx512. */
#define VEC_LEVEL 2
#define VEC_ISA AX_ISA_AVX512
#define VEC_TABLE ax_table_avx512
#include "kernels/cpu/ops_table.h"
