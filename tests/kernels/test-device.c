/* Devices through their table (kernels/device.h): the processor, the emulated card (not under sanitizers), and the real one where there is one. What the operation
 * table does not hold: results that are numbers and places, recorded steps, errors that stay, and the end of memory. */
#include "kernels/device.h"
#ifdef AX_EMULATED_DEVICE
#include "kernels/cuda/emulated_face.h"
#endif
#include <glib.h>
#include <math.h>
#include <string.h>

#define ONE(device, type, value) put (device, &(type){ value }, sizeof (type))

static void *
put (const AxDevice *on, const void *host, gsize bytes)
{
  void *p = on->alloc (bytes);
  g_assert_nonnull (p);
  on->upload (p, host, bytes);
  return p;
}

static void
no_error (const AxDevice *on)
{
  const char *error = on->error ();
  if (error != NULL)
    g_error ("%s: %s", on->name, error);
}

static void
test_choose (gconstpointer data)
{
  const AxDevice *on = data;
  const gsize n = on->host ? 262145 : 20011;
  g_autofree float *x = g_new (float, n);
  double sum = 0;
  for (gsize i = 0; i < n; i++)
    x[i] = (float) ((i * 7919) % 1000) / 100;
  x[n / 3] = x[n / 2] = x[n - 1] = 12;   /* a tie: the lower index */
  x[5] = -INFINITY;
  for (gsize i = 0; i < n; i++)
    sum += exp ((double) x[i]);
  const gint32 banned[] = { 0, (gint32) (n / 3), (gint32) (n - 1) };
  float *logits = put (on, x, n * sizeof *x), *log_p = ONE (on, float, 0);
  gint32 *ban = put (on, banned, sizeof banned), *id = ONE (on, gint32, -1), got;
  float p;
  for (int k = 0; k < 2; k++)
    {
      on->choose_token (n, logits, k ? 3 : 0, k ? ban : NULL, id, log_p);
      on->download (&got, id, sizeof got);
      on->download (&p, log_p, sizeof p);
      g_assert_cmpint (got, ==, k ? n / 2 : n / 3);
      g_assert_cmpfloat (fabs (p - (12 - log (sum))), <=, 1e-5);
    }
  /* Rows, and the sum of squares that is added to. */
  gint32 *index = on->alloc (3 * sizeof (gint32)), rows[3];
  on->argmax_rows (3, n / 3, logits, index);
  on->download (rows, index, sizeof rows);
  for (gsize r = 0; r < 3; r++)
    g_assert_cmpint (rows[r], ==, ax_argmax (n / 3, x + r * (n / 3)));
  double *total = ONE (on, double, 3), squares;
  on->upload (logits, x + 6, (n - 6) * sizeof *x);
  on->squares_add (n - 6, logits, total);
  on->download (&squares, total, sizeof squares);
  g_assert_cmpfloat (fabs (squares - 3 - ax_sum_squares (n - 6, x + 6)), <=, 1e-9 * squares);
  void *all[] = { logits, log_p, ban, id, index, total };
  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    on->free (all[i]);
  no_error (on);
}

enum { HD = 6, PLACES = 9, WINDOW = 4 };

typedef struct { float *sliding, *global, *cos_sin, *sum; gint32 *place; AxSpan *span; } Step;

static void
step (const AxDevice *on, const Step *s)
{
  on->step_begin (HD, WINDOW, s->sliding, s->global, s->place, s->cos_sin, s->span);
  on->cache_store (1, HD, HD, s->cos_sin, AX_KV_F32, s->place + 1, s->sum);
}

/* A step that is run once, recorded and repeated, each time at the next place, with no number from the host. */
static void
test_step (gconstpointer data)
{
  const AxDevice *on = data;
  float tables[2][PLACES * HD], zero[PLACES * HD] = { 0 }, cos_sin[2 * HD], sum[PLACES * HD];
  for (int i = 0; i < PLACES * HD; i++)
    {
      tables[0][i] = (float) i;
      tables[1][i] = (float) -i;
    }
  Step s = { put (on, tables[0], sizeof tables[0]), put (on, tables[1], sizeof tables[1]), on->alloc (sizeof cos_sin), put (on, zero, sizeof zero),
             put (on, (gint32[]){ 0, 0 }, 8), on->alloc (2 * sizeof (AxSpan)) };
  void *graph = NULL;
  for (int at = 0; at < PLACES; at++)
    {
      gint32 place[2];
      AxSpan span[2];
      if (at == 1 && on->record ())
        {
          step (on, &s);
          graph = on->recorded ();
          g_assert_nonnull (graph);
          on->download (place, s.place, sizeof place);
          g_assert_cmpint (place[0], ==, 1);      /* recording ran nothing */
        }
      if (graph != NULL)
        on->replay (graph);
      else
        step (on, &s);
      on->download (place, s.place, sizeof place);
      on->download (span, s.span, sizeof span);
      on->download (cos_sin, s.cos_sin, sizeof cos_sin);
      g_assert_cmpint (place[0], ==, at + 1);
      g_assert_cmpint (place[1], ==, at);
      g_assert_cmpint (span[0].a0, ==, MAX (0, at + 1 - WINDOW));
      g_assert_cmpint (span[1].a0, ==, 0);
      for (int i = 0; i < 2; i++)
        g_assert_true (span[i].a1 == at + 1 && span[i].b0 == at + 1 && span[i].b1 == at + 1);
      g_assert_cmpmem (cos_sin, HD * sizeof (float), tables[0] + at * HD, HD * sizeof (float));
      g_assert_cmpmem (cos_sin + HD, HD * sizeof (float), tables[1] + at * HD, HD * sizeof (float));
    }
  on->download (sum, s.sum, sizeof sum);
  g_assert_cmpmem (sum, sizeof sum, tables[0], sizeof tables[0]);
  g_assert_cmpint (graph != NULL, ==, !on->host);
  if (graph != NULL)
    on->forget (graph);
  void *all[] = { s.sliding, s.global, s.cos_sin, s.sum, s.place, s.span };
  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    on->free (all[i]);
  no_error (on);
}

/* The first error stays until it is told, work in between is skipped, and then all goes on. */
static void
test_errors (gconstpointer data)
{
  const AxDevice *on = data;
  float one = 1, got = 5, *x = put (on, &one, sizeof one);
  const gsize before = on->taken ();
  on->fail ("first");
  on->fail ("second");
  on->scale (1, 3, x);
  on->download (&got, x, sizeof got);
  g_assert_cmpfloat (got, ==, 0);
  g_assert_false (on->record ());
  g_assert_cmpstr (on->error (), ==, "first");
  g_assert_null (on->error ());
  on->download (&got, x, sizeof got);
  g_assert_cmpfloat (got, ==, 1);
  /* More than there is: no memory and no error. */
  gsize free_bytes, total_bytes;
  on->memory (&free_bytes, &total_bytes);
  g_assert_cmpuint (free_bytes, <=, total_bytes);
  g_assert_cmpuint (before, >=, sizeof one);
  g_assert_null (on->alloc (total_bytes + 4096));
  g_assert_cmpuint (on->taken (), ==, before);
  on->free (x);
  g_assert_cmpuint (on->taken (), ==, before - sizeof one);
  no_error (on);
}

static void
add (const AxDevice *on, const char *as)
{
  const char *why = on->start ();
  if (why != NULL)
    {
      g_print ("# %s is not tested: %s\n", as, why);
      return;
    }
  g_autofree char *choose = g_strdup_printf ("/device/%s/choose", as), *steps = g_strdup_printf ("/device/%s/step", as), *errors = g_strdup_printf ("/device/%s/errors", as);
  g_test_add_data_func (choose, on, test_choose);
  g_test_add_data_func (steps, on, test_step);
  if (!on->host)
    g_test_add_data_func (errors, on, test_errors);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add (ax_device_cpu (), "cpu");
#ifdef AX_EMULATED_DEVICE
  add (ax_emulated_device (), "emulated");
#endif
  if (ax_device_cuda () != NULL)
    add (ax_device_cuda (), "cuda");
  return g_test_run ();
}
