/* Runs every entry of the operation table for every instruction set of the machine: against the double-precision reference on random shapes with the
 * bounds of the table, between guard zones; and bit for bit the same for 1, 2, 3 and 4 threads. Prints the share of the bound that was used. */
#include "tests/kernels/op-case.h"

#include <math.h>
#include <string.h>

#define CASES 10
static void
test_reference (gconstpointer data)
{
  const AxOp *op = data;
  for (int isa = AX_ISA_SCALAR; isa <= (int) ax_isa_best (); isa++) {
    guint64 state = 0x9e3779b97f4a7c15ull ^ g_str_hash (op->name);
    double worst = 0;
    ax_isa_force (isa);
    for (int i = 0; i < CASES; i++) {
      int d[AX_OP_DIMS];
      ax_op_draw (op, &state, d);
      worst = MAX (worst, op_check_case (op, d, ax_op_random (&state) | 1, ax_isa_name ((AxIsa) isa), op_run_here));
    }
    worst = MAX (worst, op_check_case (op, op->wide, ax_op_random (&state) | 1, ax_isa_name ((AxIsa) isa), op_run_here)); /* many pieces: their seams */
    g_test_message ("%-24s %-7s %d shapes, %5.1f %% of the bound used", op->name, ax_isa_name (isa), CASES + 1, 100 * worst);
  }
  ax_isa_force (ax_isa_best ());
}

static void
test_threads (gconstpointer data)
{
  const AxOp *op = data;
  for (int isa = AX_ISA_SCALAR; isa <= (int) ax_isa_best (); isa++) {
    OpArrays first;
    ax_isa_force (isa);
    for (int threads = 1; threads <= 4; threads++) {
      OpArrays s;
      ax_threads_set (threads);
      op_arrays_init (&s, op, op->wide, 77);
      op_run_here (op, op->wide, &s);
      op_arrays_check_guards (&s, op, op->wide, ax_isa_name ((AxIsa) isa));
      for (int i = 0; i < s.n; i++)
        if (threads > 1 && memcmp (first.data[i], s.data[i], s.array[i].bytes) != 0)
          g_error ("%s %s: %s with %d threads differs from 1 thread", op->name, ax_isa_name (isa), s.spec[i].name, threads);
      if (threads == 1)
        first = s;
      else
        op_arrays_clear (&s);
    }
    op_arrays_clear (&first);
  }
  ax_threads_set (0);
  ax_isa_force (ax_isa_best ());
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (int i = 0; ax_op_at (i); i++) {
    const AxOp *op = ax_op_at (i);
    g_autofree char *reference = g_strdup_printf ("/kernels/reference/%s", op->name), *threads = g_strdup_printf ("/kernels/threads/%s", op->name);
    g_test_add_data_func (reference, op, test_reference);
    g_test_add_data_func (threads, op, test_threads);
  }
  return g_test_run ();
}
