/* Runs every entry of the operation table through the kernels of kernels/cuda: against the double-precision reference on random shapes with the bounds of the
 * table; and twice for the same bits. Built once with the kernels on the processor (kernels/cuda/emulator.h), so that they are tested on any machine, and, where
 * the CUDA toolkit is, once with the real ones: that program skips on a machine without a device. */
#include "kernels/cuda/names.h"

#include "kernels/cuda/device.h"
#include "kernels/cuda/gemm.h"
#include "tests/kernels/op-case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void *
ax_op_device (void *host, size_t bytes)
{
  void *device = ax_cuda_alloc (bytes);
  g_assert_nonnull (device);
  ax_cuda_upload (device, host, bytes);
  free (host);
  return device;
}

void
ax_op_device_free (void *device)
{
  ax_cuda_free (device);
}

/* The arrays, guard zones included, in device memory for the time of a run. */
static void
run_on_device (const AxOp *op, const int *d, OpArrays *s)
{
  void *base[AX_OP_ARRAYS], *data[AX_OP_ARRAYS];
  for (int i = 0; i < s->n; i++) {
    const gsize before = (gsize) ((guint8 *) s->data[i] - s->array[i].base), whole = s->array[i].bytes + 2 * before;
    base[i] = ax_cuda_alloc (whole);
    g_assert_nonnull (base[i]);
    ax_cuda_upload (base[i], s->array[i].base, whole);
    data[i] = (guint8 *) base[i] + before;
  }
  void *state = op->setup ? op->setup (d, data) : NULL;
  op->run (state, d, data);
  for (int i = 0; i < s->n; i++) {
    ax_cuda_download (s->array[i].base, base[i], s->array[i].bytes + 2 * (gsize) ((guint8 *) s->data[i] - s->array[i].base));
    ax_cuda_free (base[i]);
  }
  if (op->teardown)
    op->teardown (state);
  const char *error = ax_cuda_error ();
  if (error)
    g_error ("%s: %s", op->name, error);
}

/* Shapes that the draw above does not reach: the decoder's heads of 256 columns with matrix instructions. */
static void
test_wide_heads (void)
{
  const int shapes[][AX_OP_DIMS] = { { 70, 9, 2, 1, 256, 2, 1 }, { 33, 40, 1, 2, 128, 3, 1 }, { 65, 0, 1, 1, 64, 1, 1 } };
  double worst = 0;
  for (int i = 0; ax_op_at (i); i++)
    for (guint k = 0; k < G_N_ELEMENTS (shapes) && g_str_has_prefix (ax_op_at (i)->name, "span_attention_bf16"); k++)
      worst = MAX (worst, op_check_case (ax_op_at (i), shapes[k], 12 + k, ax_cuda_device_name (), run_on_device));
  g_test_message ("%.1f %% of the bound used", 100 * worst);
  g_assert_cmpfloat (worst, >, 0);
}

/* Products that may round their factors to TF32, 2^-11 of each at most, and those after them that may not again. */
static void
test_tf32 (void)
{
  const gsize m = 65, n = 72, k = 96;
  g_autofree float *a = g_new (float, m * k), *b = g_new (float, n * k), *c = g_new (float, m * n);
  guint64 state = 5;
  for (gsize i = 0; i < m * k; i++)
    a[i] = (float) (ax_op_random (&state) >> 40) * 0x1p-23f - 1;
  for (gsize i = 0; i < n * k; i++)
    b[i] = (float) (ax_op_random (&state) >> 40) * 0x1p-23f - 1;
  float *da = ax_cuda_alloc (m * k * sizeof *a), *db = ax_cuda_alloc (n * k * sizeof *b), *dc = ax_cuda_alloc (m * n * sizeof *c);
  ax_cuda_upload (da, a, m * k * sizeof *a);
  ax_cuda_upload (db, b, n * k * sizeof *b);
  for (int allowed = 1; allowed >= 0; allowed--) {
    double worst = 0;
    ax_cuda_gemm_allow_tf32 (allowed);
    ax_gemm (false, true, m, n, k, 1, da, k, db, k, 0, dc, n);
    ax_cuda_download (c, dc, m * n * sizeof *c);
    for (gsize i = 0; i < m * n; i++) {
      double sum = 0, magnitude = 0;
      for (gsize p = 0; p < k; p++) {
        const double t = (double) a[i / n * k + p] * (double) b[i % n * k + p];
        sum += t;
        magnitude += fabs (t);
      }
      const double bound = ((double) (k + 1) * AX_U + (allowed ? 2 * 0x1p-11 + 0x1p-22 : 0)) * magnitude;
      g_assert_cmpfloat (fabs ((double) c[i] - sum), <=, bound);
      worst = MAX (worst, fabs ((double) c[i] - sum) / bound);
    }
    g_test_message ("%s: %.2f %% of the bound used", allowed ? "TF32 allowed" : "float32", 100 * worst);
  }
  ax_cuda_free (da);
  ax_cuda_free (db);
  ax_cuda_free (dc);
}

#define CASES_REAL 10
#define CASES_EMULATED 4 /* slow: a fiber a thread */

static void
test_reference (gconstpointer data)
{
  const AxOp *op = data;
  guint64 state = 0x9e3779b97f4a7c15ull ^ g_str_hash (op->name);
  const int cases = ax_cuda_is_real () ? CASES_REAL : CASES_EMULATED;
  double worst = 0;
  for (int i = 0; i < cases; i++) {
    int d[AX_OP_DIMS];
    ax_op_draw (op, &state, d);
    worst = MAX (worst, op_check_case (op, d, ax_op_random (&state) | 1, ax_cuda_device_name (), run_on_device));
  }
  if (ax_cuda_is_real ())
    worst = MAX (worst, op_check_case (op, op->wide, ax_op_random (&state) | 1, ax_cuda_device_name (), run_on_device));
  g_test_message ("%-24s %s %d shapes, %5.1f %% of the bound used", op->name, ax_cuda_device_name (), cases, 100 * worst);
}

static void
test_repeat (gconstpointer data)
{
  const AxOp *op = data;
  guint64 state = g_str_hash (op->name) | 1;
  int d[AX_OP_DIMS];
  OpArrays first, again;
  ax_op_draw (op, &state, d);
  op_arrays_init (&first, op, d, 77);
  op_arrays_init (&again, op, d, 77);
  run_on_device (op, d, &first);
  run_on_device (op, d, &again);
  for (int i = 0; i < first.n; i++)
    g_assert_cmpmem (first.data[i], first.array[i].bytes, again.data[i], again.array[i].bytes);
  op_arrays_clear (&first);
  op_arrays_clear (&again);
}

/* Sizes of the language model's vocabulary and of a long cache: where pieces meet. */
static void
test_argmax (void)
{
  const gsize sizes[] = { 1, 31, 5000, 70001 };
  for (guint k = 0; k < G_N_ELEMENTS (sizes); k++)
    for (int round = 0; round < 3; round++) {
      const gsize n = sizes[k], best = round == 0 ? 0 : round == 1 ? n - 1 : n / 3;
      g_autofree float *x = g_new (float, n);
      for (gsize i = 0; i < n; i++)
        x[i] = (float) ((i * 7919) % 1000) / 1000;
      x[n / 2] = NAN;
      x[best] = 2;
      if (n > 100 && round != 1)
        x[n - 2] = 2; /* a tie: the lower index */
      float *device = ax_cuda_alloc (n * sizeof *x);
      ax_cuda_upload (device, x, n * sizeof *x);
      g_assert_cmpuint (ax_argmax (n, device), ==, best);
      ax_cuda_free (device);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  const char *why = ax_cuda_start ();
  if (why) {
    g_print ("1..0 # SKIP no device: %s\n", why);
    return 0;
  }
  for (int i = 0; ax_op_at (i); i++) {
    const AxOp *op = ax_op_at (i);
    g_autofree char *reference = g_strdup_printf ("/cuda/reference/%s", op->name), *repeat = g_strdup_printf ("/cuda/repeat/%s", op->name);
    g_test_add_data_func (reference, op, test_reference);
    g_test_add_data_func (repeat, op, test_repeat);
  }
  g_test_add_func ("/cuda/argmax", test_argmax);
  g_test_add_func ("/cuda/wide-heads", test_wide_heads);
  g_test_add_func ("/cuda/tf32", test_tf32);
  return g_test_run ();
}
