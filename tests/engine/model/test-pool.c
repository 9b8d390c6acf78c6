/* The memory of passes: parts never overlap, grow together again when they are given back, and passes of any size share the same chunks. */
#include "engine/model/pool.h"
#include <string.h>

typedef struct { char *mem; gsize bytes; guint8 mark; } Part;

static void
part_fill (Part *p, AxPool *pool, gsize bytes, guint8 mark)
{
  *p = (Part){ ax_pool_take (pool, bytes), bytes, mark };
  memset (p->mem, mark, bytes);
}

static void
part_check (const Part *p)
{
  for (gsize i = 0; i < p->bytes; i++)
    g_assert_cmpuint ((guint8) p->mem[i], ==, p->mark);
}

/* Takes and gives in random order; each part keeps what was written into it. */
static void
test_overlap (void)
{
  AxPool *pool = ax_pool_new (ax_device_cpu ());
  g_autoptr (GRand) random = g_rand_new_with_seed (5);
  Part parts[40] = { { 0 } };
  gsize in_use = 0, most = 0;
  for (int i = 0; i < 4000; i++)
    {
      Part *p = &parts[g_rand_int_range (random, 0, G_N_ELEMENTS (parts))];
      if (p->mem == NULL)
        {
          part_fill (p, pool, (gsize) g_rand_int_range (random, 1, g_rand_int_range (random, 2, 200000)), (guint8) i);
          in_use += p->bytes;
          most = MAX (most, in_use);
          continue;
        }
      part_check (p);
      in_use -= p->bytes;
      ax_pool_give (pool, p->mem);
      ax_pool_give (pool, p->mem);       /* twice is once */
      p->mem = NULL;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    if (parts[i].mem != NULL)
      part_check (&parts[i]);
  g_test_message ("%.2f MB for %.2f MB in use at once", (double) ax_pool_peak (pool) / 1e6, (double) most / 1e6);
  g_assert_cmpuint (ax_pool_peak (pool), <, 2 * most);
  ax_pool_give (pool, parts);            /* no part at all */
  ax_pool_free (pool);
}

/* What was given back part by part is whole again: it serves one large part. */
static void
test_grow_together (void)
{
  AxPool *pool = ax_pool_new (ax_device_cpu ());
  const gsize page = 4096;
  gpointer whole = ax_pool_take (pool, 64 * page), part[64];
  ax_pool_give (pool, whole);
  for (int i = 0; i < 64; i++)
    part[i] = ax_pool_take (pool, page);
  g_assert_cmpuint (ax_pool_peak (pool), ==, 64 * page);
  for (int i = 0; i < 64; i += 2)        /* every other one, then those between */
    ax_pool_give (pool, part[i]);
  for (int i = 63; i > 0; i -= 2)
    ax_pool_give (pool, part[i]);
  g_assert_true (ax_pool_take (pool, 64 * page) == whole);
  g_assert_cmpuint (ax_pool_peak (pool), ==, 64 * page);
  ax_pool_reset (pool);
  g_assert_true (ax_pool_take (pool, 63 * page) == whole);
  ax_pool_free (pool);
}

/* Passes like those of training: many arrays whose sizes go with the number of rows, all of them held, given back in reverse order, another number of rows each time. */
static void
test_passes (void)
{
  static const int rows[] = { 800, 1200, 3000, 2900, 3100, 700, 2000, 3172, 2500, 1400, 3050 };
  static const int widths[] = { 640, 1536, 1280, 1024, 640, 640, 640, 4096, 2048, 640, 640 };
  AxPool *pool = ax_pool_new (ax_device_cpu ());
  gsize most = 0;
  for (gsize r = 0; r < G_N_ELEMENTS (rows); r++)
    {
      gpointer held[6 * G_N_ELEMENTS (widths)];
      gsize sum = 0;
      ax_pool_reset (pool);
      for (gsize i = 0; i < G_N_ELEMENTS (held); i++)
        {
          const gsize bytes = (gsize) rows[r] * (gsize) widths[i % G_N_ELEMENTS (widths)];
          gpointer scratch = ax_pool_take (pool, bytes / 3);
          held[i] = ax_pool_take (pool, bytes);
          ax_pool_give (pool, scratch);
          sum += bytes;
        }
      for (gsize i = G_N_ELEMENTS (held); i-- > 0;)
        ax_pool_give (pool, held[i]);
      most = MAX (most, sum);
    }
  g_test_message ("%.1f MB for %.1f MB at once", (double) ax_pool_peak (pool) / 1e6, (double) most / 1e6);
  g_assert_cmpuint (ax_pool_peak (pool), <, most + most / 4);
  ax_pool_free (pool);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pool/overlap", test_overlap);
  g_test_add_func ("/pool/grow-together", test_grow_together);
  g_test_add_func ("/pool/passes", test_passes);
  return g_test_run ();
}
