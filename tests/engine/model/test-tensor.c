/* The tape's memory: passes of one size reuse it exactly, passes of changing sizes do not pile up blocks. */
#include "engine/model/ops.h"
#include <string.h>

#define WIDTH 256

/* A pass like a layer's: tensors of several widths for n rows, scratch memory that comes and goes, gradients. Returns a sum that depends on all values. */
static double
pass (AxTape *tape, AxParameters *params, int n)
{
  AxTensor *w = &ax_parameters_get (params, "w")->t;
  ax_tape_reset (tape);
  AxTensor *x = ax_tensor_new (tape, TRUE, 2, (int[]){ n, WIDTH });
  for (gsize i = 0; i < x->n; i++)
    x->data[i] = (float) (i % 13) / 13;
  AxTensor *y = x;
  for (int layer = 0; layer < 6; layer++)
    {
      float *scratch = ax_tape_scratch (tape, (gsize) (n * (layer + 1) * 64) * sizeof (float));
      memset (scratch, 0, sizeof (float));
      y = ax_plus (tape, ax_linear (tape, y, w, NULL, AX_ACT_GELU_TANH), x);
      ax_tape_give (tape, scratch);
    }
  float *grad = ax_tensor_grad (tape, y);
  double sum = 0;
  for (gsize i = 0; i < y->n; i++)
    {
      grad[i] = 1;
      sum += y->data[i];
    }
  ax_tape_backward (tape);
  return sum;
}

static AxParameters *
parameters (void)
{
  AxParameters *params = ax_parameters_new ();
  AxParameter *w = ax_parameters_add (params, "w", TRUE, 2, (int[]){ WIDTH, WIDTH });
  for (gsize i = 0; i < w->t.n; i++)
    w->t.data[i] = (float) ((i * 7919) % 101) / 2000;
  ax_parameters_prepare (params, FALSE);
  return params;
}

static gsize
peak_of (int n)
{
  g_autoptr (AxParameters) params = parameters ();
  g_autoptr (AxTape) tape = ax_tape_new (TRUE);
  pass (tape, params, n);
  return ax_tape_peak_bytes (tape);
}

static void
test_changing_sizes (void)
{
  static const int sizes[] = { 1700, 1300, 1000, 800, 1500, 1150, 900, 700, 1600, 1250, 600, 1400, 1050, 300, 1700, 20, 1699 };
  g_autoptr (AxParameters) params = parameters ();
  g_autoptr (AxTape) tape = ax_tape_new (TRUE);
  const gsize alone = peak_of (1700);
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (AxTape) fresh = ax_tape_new (TRUE);
      g_autoptr (AxParameters) again = parameters ();
      /* Which block holds a tensor changes no value, and no gradient. */
      ax_parameters_zero_grad (params);
      g_assert_cmpfloat (pass (tape, params, sizes[i]), ==, pass (fresh, again, sizes[i]));
      g_assert_cmpmem (ax_parameters_get (params, "w")->t.grad, WIDTH * WIDTH * sizeof (float), ax_parameters_get (again, "w")->t.grad, WIDTH * WIDTH * sizeof (float));
    }
  g_test_message ("one pass of the largest size takes %.1f MB, all sizes one after the other %.1f MB", (double) alone / 1e6, (double) ax_tape_peak_bytes (tape) / 1e6);
  /* Parts of chunks serve any size: what is above the largest pass alone is the ends of chunks that were cut otherwise. */
  g_assert_cmpuint (ax_tape_peak_bytes (tape), <=, alone + alone / 4);
}

static void
test_same_size (void)
{
  g_autoptr (AxParameters) params = parameters ();
  g_autoptr (AxTape) tape = ax_tape_new (TRUE);
  pass (tape, params, 500);
  const gsize first = ax_tape_peak_bytes (tape);
  for (int i = 0; i < 5; i++)
    pass (tape, params, 500);
  g_assert_cmpuint (ax_tape_peak_bytes (tape), ==, first);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tensor/tape/changing-sizes", test_changing_sizes);
  g_test_add_func ("/tensor/tape/same-size", test_same_size);
  return g_test_run ();
}
