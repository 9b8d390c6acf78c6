/* optable.h: one table of the operations of kernels.h, for the tests and the benchmark.
 *
 * An entry says what arrays an operation takes for given dimensions, how to run it, and what the answer is: a plain double-precision reference together
 * with a bound on the error of each element, derived from the arithmetic. The test runs every entry on random shapes for every instruction set; the
 * benchmark runs the same entries on the shapes of the models. Uses libc only. */
#pragma once
#include "kernels/kernels.h"

#define AX_OP_ARRAYS 12
#define AX_OP_DIMS 10
#define AX_OP_BENCH 8

/* Unit roundoff of float32: a correctly rounded operation has a relative error of at most this. */
#define AX_U 0x1p-24
/* Unit roundoff of float64, in which sums over rows are kept. */
#define AX_UD 0x1p-53

/* exp in float32: the polynomial's remainder is below 0.1 u; its last sum and the sum before round once each, the reduced argument (at most 0.35) twice. */
#define AX_U_EXP (3 * AX_U)

typedef enum {
  AX_OP_IN,
  AX_OP_OUT,  /* written; the test fills it with NaN before */
  AX_OP_ADD,  /* has a value before and is added to or updated */
  AX_OP_WORK, /* written by one function and read by another; not compared */
} AxOpRole;

typedef enum { AX_OP_F32, AX_OP_F16, AX_OP_BF16, AX_OP_F64, AX_OP_U8 } AxOpType;

typedef struct {
  const char *name;
  AxOpRole role;
  AxOpType type;
  size_t n;
  float lo, hi; /* values are uniform between */
} AxOpArray;

typedef struct {
  const char *name;
  const char *dims;                                /* names of the dimensions, as printed */
  int lo[AX_OP_DIMS], hi[AX_OP_DIMS];              /* tests draw each dimension from here */
  int wide[AX_OP_DIMS];                            /* a shape of many pieces, for the test of thread counts */
  int bench[AX_OP_BENCH][AX_OP_DIMS];              /* shapes of the models; the first dimension 0 ends the list */
  int (*arrays) (const int *d, AxOpArray *a);      /* returns how many; 0: these dimensions make no sense, draw again */
  void *(*setup) (const int *d, void *const *a);   /* may be NULL: what is made once and not timed */
  void (*run) (void *state, const int *d, void *const *a);
  void (*teardown) (void *state);
  /* a holds the arrays before the run; value[i] and bound[i] are given for OUT and ADD arrays. |result - value| <= bound must hold. */
  void (*reference) (const int *d, void *const *a, double *const *value, double *const *bound);
  double (*flops) (const int *d);                  /* NULL, or 0: bound by memory, judged by bytes */
  double (*bytes) (const int *d);                  /* NULL: each array once, updated arrays twice */
} AxOp;

extern const AxOp ax_ops_matrix[], ax_ops_rows[], ax_ops_elements[], ax_ops_lm[], ax_ops_spans[], ax_ops_qmatrix[], ax_ops_passes[]; /* each ends with a NULL name */

/* The i-th operation over all tables, or NULL past the last. */
const AxOp *ax_op_at (int i);

/* What a setup() made in ordinary memory for run() to hand to an operation: where the operations work on a device's memory (kernels/cuda), a copy there and the
 * original freed, else the same. ax_op_device_free() frees what it returned. */
#ifdef AX_OPTABLE_DEVICE
void *ax_op_device (void *host, size_t bytes);
void ax_op_device_free (void *device);
#else
static inline void *ax_op_device (void *host, size_t bytes) { (void) bytes; return host; }
void free (void *p);
static inline void ax_op_device_free (void *device) { free (device); }
#endif

/* xorshift64*; state must not be 0. */
uint64_t ax_op_random (uint64_t *state);
/* Draws dimensions for a test; a quarter of the draws take the smallest sizes. */
void ax_op_draw (const AxOp *op, uint64_t *state, int *d);
size_t ax_op_type_size (AxOpType type);
/* Fills n values of the array's type uniform in [lo, hi]. */
void ax_op_fill (const AxOpArray *array, uint64_t *state, void *data);
/* The i-th value as a double. */
double ax_op_value (AxOpType type, const void *data, size_t i);
/* Value and slope of the tanh GELU, each followed by the error of the float32 version: v is twice the argument of tanh, s its sigmoid (see optable_elements.c). */
void ax_op_gelu (double x, double out[4]);
