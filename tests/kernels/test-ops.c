/* Runs every entry of the operation table for every instruction set of the machine: against the double-precision reference on random shapes with the
 * bounds of the table, between guard zones; and bit for bit the same for 1, 2, 3 and 4 threads. Prints the share of the bound that was used. */
#include "kernels/optable.h"

#include <glib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CASES 10
#define GUARD 256 /* bytes on either side of every array */

typedef struct {
  guint8 *base;
  void *data;
  gsize bytes;
} Guarded;

static Guarded
guarded_new (gsize bytes)
{
  Guarded g = { g_malloc (bytes + 2 * GUARD), NULL, bytes };
  memset (g.base, 0xa5, bytes + 2 * GUARD);
  g.data = g.base + GUARD;
  return g;
}

static gboolean
guarded_intact (const Guarded *g)
{
  for (gsize i = 0; i < GUARD; i++)
    if (g->base[i] != 0xa5 || g->base[GUARD + g->bytes + i] != 0xa5)
      return FALSE;
  return TRUE;
}

static char *
shape_text (const AxOp *op, const int *d)
{
  GString *s = g_string_new (NULL);
  g_auto (GStrv) names = g_strsplit (op->dims, " ", 0);
  for (int i = 0; names[i]; i++)
    g_string_append_printf (s, "%s%s=%d", i ? " " : "", names[i], d[i]);
  return g_string_free (s, FALSE);
}

typedef struct {
  AxOpArray spec[AX_OP_ARRAYS];
  int n;
  Guarded array[AX_OP_ARRAYS];
  void *data[AX_OP_ARRAYS];
} Arrays;

static void
arrays_init (Arrays *s, const AxOp *op, const int *d, guint64 seed)
{
  s->n = op->arrays (d, s->spec);
  for (int i = 0; i < s->n; i++) {
    s->array[i] = guarded_new (s->spec[i].n * ax_op_type_size (s->spec[i].type));
    s->data[i] = s->array[i].data;
    if (s->spec[i].role == AX_OP_OUT || s->spec[i].role == AX_OP_WORK)
      memset (s->data[i], 0xff, s->array[i].bytes); /* NaN in every float type: reading an output shows */
    else
      ax_op_fill (&s->spec[i], &seed, s->data[i]);
  }
}

static void
arrays_clear (Arrays *s)
{
  for (int i = 0; i < s->n; i++)
    g_free (s->array[i].base);
}

static void
run_once (const AxOp *op, const int *d, Arrays *s)
{
  void *state = op->setup ? op->setup (d, s->data) : NULL;
  if (op->setup)
    g_assert_nonnull (state);
  op->run (state, d, s->data);
  if (op->teardown)
    op->teardown (state);
}

/* Returns the largest share of the bound over all elements of all outputs. */
static double
check_case (const AxOp *op, const int *d, guint64 seed, int isa)
{
  Arrays s;
  double *value[AX_OP_ARRAYS] = { NULL }, *bound[AX_OP_ARRAYS] = { NULL }, worst = 0;
  arrays_init (&s, op, d, seed);
  for (int i = 0; i < s.n; i++)
    if (s.spec[i].role == AX_OP_OUT || s.spec[i].role == AX_OP_ADD) {
      value[i] = g_new0 (double, s.spec[i].n);
      bound[i] = g_new0 (double, s.spec[i].n);
      for (gsize j = 0; j < s.spec[i].n; j++) /* elements between strided rows stay as they were */
        value[i][j] = s.spec[i].role == AX_OP_ADD ? ax_op_value (s.spec[i].type, s.data[i], j) : 0;
    }
  op->reference (d, s.data, value, bound);
  run_once (op, d, &s);
  for (int i = 0; i < s.n; i++) {
    g_autofree char *text = shape_text (op, d);
    if (!guarded_intact (&s.array[i]))
      g_error ("%s %s %s: wrote outside %s", op->name, ax_isa_name (isa), text, s.spec[i].name);
    if (!value[i])
      continue;
    for (gsize j = 0; j < s.spec[i].n; j++) {
      const double got = ax_op_value (s.spec[i].type, s.data[i], j), error = got == value[i][j] ? 0 : fabs (got - value[i][j]); /* infinities too */
      if (!(error <= bound[i][j]))
        g_error ("%s %s %s: %s[%" G_GSIZE_FORMAT "] is %.9g, reference %.9g, off by %.3g where %.3g is allowed", op->name, ax_isa_name (isa), text,
                 s.spec[i].name, j, got, value[i][j], error, bound[i][j]);
      if (error > 0)
        worst = MAX (worst, error / bound[i][j]);
    }
    g_free (value[i]);
    g_free (bound[i]);
  }
  arrays_clear (&s);
  return worst;
}

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
      worst = MAX (worst, check_case (op, d, ax_op_random (&state) | 1, isa));
    }
    worst = MAX (worst, check_case (op, op->wide, ax_op_random (&state) | 1, isa)); /* many pieces: their seams */
    g_test_message ("%-24s %-7s %d shapes, %5.1f %% of the bound used", op->name, ax_isa_name (isa), CASES + 1, 100 * worst);
  }
  ax_isa_force (ax_isa_best ());
}

static void
test_threads (gconstpointer data)
{
  const AxOp *op = data;
  for (int isa = AX_ISA_SCALAR; isa <= (int) ax_isa_best (); isa++) {
    Arrays first;
    ax_isa_force (isa);
    for (int threads = 1; threads <= 4; threads++) {
      Arrays s;
      ax_threads_set (threads);
      arrays_init (&s, op, op->wide, 77);
      run_once (op, op->wide, &s);
      for (int i = 0; i < s.n; i++) {
        g_assert_true (guarded_intact (&s.array[i]));
        if (threads > 1 && memcmp (first.data[i], s.data[i], s.array[i].bytes) != 0)
          g_error ("%s %s: %s with %d threads differs from 1 thread", op->name, ax_isa_name (isa), s.spec[i].name, threads);
      }
      if (threads == 1)
        first = s;
      else
        arrays_clear (&s);
    }
    arrays_clear (&first);
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
