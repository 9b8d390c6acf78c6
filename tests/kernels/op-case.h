/* op-case.h: one entry of the operation table on one shape: arrays between guard zones, the run, and the comparison with the reference. Shared by the tests of the
 * processor's and of the graphics processor's kernels. */
#pragma once
#include "kernels/optable.h"

#include <glib.h>

typedef struct {
  guint8 *base;
  void *data;
  gsize bytes;
} OpGuarded;

typedef struct {
  AxOpArray spec[AX_OP_ARRAYS];
  int n;
  OpGuarded array[AX_OP_ARRAYS];
  void *data[AX_OP_ARRAYS];
} OpArrays;

/* Fills what the operation reads from seed, the rest with NaN. */
void op_arrays_init (OpArrays *s, const AxOp *op, const int *d, guint64 seed);
void op_arrays_clear (OpArrays *s);
/* Fails the test if something wrote outside an array. */
void op_arrays_check_guards (const OpArrays *s, const AxOp *op, const int *d, const char *what);

/* Sets up, runs and tears down on the arrays of s. */
typedef void (*OpRunner) (const AxOp *op, const int *d, OpArrays *s);
void op_run_here (const AxOp *op, const int *d, OpArrays *s);

/* Runs it and compares every element with the reference; fails the test outside the bound (`what` names the kernels in the message). Returns the largest share of
 * the bound over all elements of all outputs. */
double op_check_case (const AxOp *op, const int *d, guint64 seed, const char *what, OpRunner runner);
