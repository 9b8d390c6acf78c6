/* op-case.c: see op-case.h. */
#include "tests/kernels/op-case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GUARD 256 /* bytes on either side of every array */

static OpGuarded
guarded_new (gsize bytes)
{
  OpGuarded g = { g_malloc (bytes + 2 * GUARD), NULL, bytes };
  memset (g.base, 0xa5, bytes + 2 * GUARD);
  g.data = g.base + GUARD;
  return g;
}

static gboolean
guarded_intact (const OpGuarded *g)
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

void
op_arrays_init (OpArrays *s, const AxOp *op, const int *d, guint64 seed)
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

void
op_arrays_clear (OpArrays *s)
{
  for (int i = 0; i < s->n; i++)
    g_free (s->array[i].base);
}

void
op_run_here (const AxOp *op, const int *d, OpArrays *s)
{
  void *state = op->setup ? op->setup (d, s->data) : NULL;
  if (op->setup)
    g_assert_nonnull (state);
  op->run (state, d, s->data);
  if (op->teardown)
    op->teardown (state);
}

void
op_arrays_check_guards (const OpArrays *s, const AxOp *op, const int *d, const char *what)
{
  g_autofree char *text = shape_text (op, d);
  for (int i = 0; i < s->n; i++)
    if (!guarded_intact (&s->array[i]))
      g_error ("%s %s %s: wrote outside %s", op->name, what, text, s->spec[i].name);
}

double
op_check_case (const AxOp *op, const int *d, guint64 seed, const char *what, OpRunner runner)
{
  OpArrays s;
  double *value[AX_OP_ARRAYS] = { NULL }, *bound[AX_OP_ARRAYS] = { NULL }, worst = 0;
  op_arrays_init (&s, op, d, seed);
  for (int i = 0; i < s.n; i++)
    if (s.spec[i].role == AX_OP_OUT || s.spec[i].role == AX_OP_ADD) {
      value[i] = g_new0 (double, s.spec[i].n);
      bound[i] = g_new0 (double, s.spec[i].n);
      for (gsize j = 0; j < s.spec[i].n; j++) /* elements between strided rows stay as they were */
        value[i][j] = s.spec[i].role == AX_OP_ADD ? ax_op_value (s.spec[i].type, s.data[i], j) : 0;
    }
  op->reference (d, s.data, value, bound);
  runner (op, d, &s);
  op_arrays_check_guards (&s, op, d, what);
  for (int i = 0; i < s.n; i++) {
    g_autofree char *text = shape_text (op, d);
    if (!value[i])
      continue;
    for (gsize j = 0; j < s.spec[i].n; j++) {
      const double got = ax_op_value (s.spec[i].type, s.data[i], j), error = got == value[i][j] ? 0 : fabs (got - value[i][j]); /* infinities too */
      if (!(error <= bound[i][j]))
        g_error ("%s %s %s: %s[%" G_GSIZE_FORMAT "] is %.9g, reference %.9g, off by %.3g where %.3g is allowed", op->name, what, text,
                 s.spec[i].name, j, got, value[i][j], error, bound[i][j]);
      if (error > 0)
        worst = MAX (worst, error / bound[i][j]);
    }
    g_free (value[i]);
    g_free (bound[i]);
  }
  op_arrays_clear (&s);
  return worst;
}
