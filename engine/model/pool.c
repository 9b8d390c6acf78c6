/* The memory that passes work in. See pool.h. */
#include "engine/model/pool.h"

typedef struct {
  char *mem;
  gsize bytes, used;
} Chunk;

typedef struct {
  char *mem;
  gsize bytes;
} Range;

struct _AxPool {
  const AxDevice *on;
  GArray     *chunks;          /* Chunk */
  GArray     *free;            /* Range, by address; never two that touch within a chunk */
  GHashTable *used;            /* memory -> its bytes */
  gsize       bytes, peak;     /* of all chunks */
  gsize       asked, most;     /* of what is in use */
  gsize       missing;         /* parts that did not fit, since the last reset */
};

#define PAGE ((gsize) 4096)
/* A new chunk holds this share of all before it, so that their number stays small, but no more than so many bytes, so that the last one is not half empty. */
#define GROWTH 4
#define CHUNK_MOST ((gsize) 256 << 20)
/* Chunks may take this much more than passes ever used at once, before those that nobody uses go. */
#define SLACK 1.25

AxPool *
ax_pool_new (const AxDevice *device)
{
  AxPool *pool = g_new0 (AxPool, 1);
  pool->on = device;
  pool->chunks = g_array_new (FALSE, FALSE, sizeof (Chunk));
  pool->free = g_array_new (FALSE, FALSE, sizeof (Range));
  pool->used = g_hash_table_new (NULL, NULL);
  return pool;
}

void
ax_pool_free (AxPool *pool)
{
  for (guint i = 0; i < pool->chunks->len; i++)
    pool->on->free (g_array_index (pool->chunks, Chunk, i).mem);
  g_array_unref (pool->chunks);
  g_array_unref (pool->free);
  g_hash_table_unref (pool->used);
  g_free (pool);
}

gsize ax_pool_peak (const AxPool *pool) { return pool->peak; }

/* ---- ranges --------------------------------------------------------------------------------------------------------------- */

static Chunk *
chunk_of (AxPool *pool, const char *mem)
{
  for (guint i = 0; i < pool->chunks->len; i++)
    {
      Chunk *c = &g_array_index (pool->chunks, Chunk, i);
      if (mem >= c->mem && mem < c->mem + c->bytes)
        return c;
    }
  g_assert_not_reached ();
}

/* Index of the first free range behind mem. */
static guint
place_of (const AxPool *pool, const char *mem)
{
  guint lo = 0, hi = pool->free->len;
  while (lo < hi)
    {
      const guint mid = (lo + hi) / 2;
      if (g_array_index (pool->free, Range, mid).mem < mem)
        lo = mid + 1;
      else
        hi = mid;
    }
  return lo;
}

static void
range_free (AxPool *pool, Chunk *c, char *mem, gsize bytes)
{
  const guint i = place_of (pool, mem);
  Range *next = i < pool->free->len ? &g_array_index (pool->free, Range, i) : NULL, *before = i > 0 ? &g_array_index (pool->free, Range, i - 1) : NULL;
  const gboolean joins_next = next != NULL && next->mem == mem + bytes && next->mem < c->mem + c->bytes;
  const gboolean joins_before = before != NULL && before->mem + before->bytes == mem && before->mem >= c->mem;
  if (joins_before)
    {
      before->bytes += bytes + (joins_next ? next->bytes : 0);
      if (joins_next)
        g_array_remove_index (pool->free, i);
    }
  else if (joins_next)
    *next = (Range){ mem, bytes + next->bytes };
  else
    {
      const Range r = { mem, bytes };
      g_array_insert_val (pool->free, i, r);
    }
}

/* The smallest free range that is large enough, or -1. */
static int
best_fit (const AxPool *pool, gsize bytes)
{
  int best = -1;
  for (guint i = 0; i < pool->free->len; i++)
    {
      const gsize n = g_array_index (pool->free, Range, i).bytes;
      if (n >= bytes && (best < 0 || n < g_array_index (pool->free, Range, (guint) best).bytes))
        best = (int) i;
    }
  return best;
}

/* ---- chunks --------------------------------------------------------------------------------------------------------------- */

/* Gives the largest chunk that nobody uses back to the system; FALSE if there is none. */
static gboolean
drop_largest (AxPool *pool)
{
  int most = -1;
  for (guint i = 0; i < pool->chunks->len; i++)
    {
      const Chunk *c = &g_array_index (pool->chunks, Chunk, i);
      if (c->used == 0 && (most < 0 || c->bytes > g_array_index (pool->chunks, Chunk, (guint) most).bytes))
        most = (int) i;
    }
  if (most < 0)
    return FALSE;
  const Chunk c = g_array_index (pool->chunks, Chunk, (guint) most);
  g_array_remove_index (pool->free, place_of (pool, c.mem));      /* all of it is one free range */
  g_array_remove_index (pool->chunks, (guint) most);
  pool->bytes -= c.bytes;
  pool->on->free (c.mem);
  return TRUE;
}

/* Room for `bytes` at once; FALSE: out of memory. */
static gboolean
add_chunk (AxPool *pool, gsize bytes)
{
  const gsize limit = (gsize) (SLACK * (double) MAX (pool->most, pool->asked + bytes));
  while (pool->bytes + bytes > limit && drop_largest (pool))
    ;
  gsize size = MAX (bytes, MIN (pool->bytes / GROWTH, CHUNK_MOST) & ~(PAGE - 1));
  char *mem = pool->on->alloc (size);
  if (mem == NULL)
    {
      size = bytes;
      do
        mem = pool->on->alloc (size);
      while (mem == NULL && drop_largest (pool));
    }
  if (mem == NULL)
    return FALSE;
  const Chunk c = { mem, size, 0 };
  const Range all = { mem, size };
  g_array_append_val (pool->chunks, c);
  g_array_insert_val (pool->free, place_of (pool, mem), all);
  pool->bytes += size;
  pool->peak = MAX (pool->peak, pool->bytes);
  return TRUE;
}

/* An address for a part that a device has no memory for: all work is skipped from here on, so nothing ever goes there. Far outside of what processes use. */
static gpointer
missing_part (AxPool *pool, gsize bytes)
{
  if (pool->on->host)
    g_error ("Out of memory: %" G_GSIZE_FORMAT " bytes for one activation", bytes);
  g_autofree char *what = g_strdup_printf ("out of memory: %" G_GSIZE_FORMAT " MiB more for one array, %" G_GSIZE_FORMAT " MiB in use", (bytes >> 20) + 1, pool->on->taken () >> 20);
  pool->on->fail (what);
  return (gpointer) (~(guintptr) 0 - (++pool->missing << 12) + 1);
}

/* ---- parts ---------------------------------------------------------------------------------------------------------------- */

gpointer
ax_pool_take (AxPool *pool, gsize bytes)
{
  bytes = (MAX (bytes, 64) + PAGE - 1) & ~(PAGE - 1);
  int at = best_fit (pool, bytes);
  if (at < 0 && !add_chunk (pool, bytes))
    return missing_part (pool, bytes);
  if (at < 0)
    at = best_fit (pool, bytes);
  Range *r = &g_array_index (pool->free, Range, (guint) at);
  char *mem = r->mem;
  r->mem += bytes;
  r->bytes -= bytes;
  if (r->bytes == 0)
    g_array_remove_index (pool->free, (guint) at);
  chunk_of (pool, mem)->used += bytes;
  g_hash_table_insert (pool->used, mem, GSIZE_TO_POINTER (bytes));
  pool->asked += bytes;
  pool->most = MAX (pool->most, pool->asked);
  return mem;
}

void
ax_pool_give (AxPool *pool, gpointer mem)
{
  const gsize bytes = GPOINTER_TO_SIZE (g_hash_table_lookup (pool->used, mem));
  if (bytes == 0)
    return;
  Chunk *c = chunk_of (pool, mem);
  g_hash_table_remove (pool->used, mem);
  pool->asked -= bytes;
  c->used -= bytes;
  range_free (pool, c, mem, bytes);
}

static int
compare_addresses (gconstpointer a, gconstpointer b)
{
  const Range *x = a, *y = b;
  return x->mem < y->mem ? -1 : x->mem > y->mem;
}

void
ax_pool_reset (AxPool *pool)
{
  g_hash_table_remove_all (pool->used);
  g_array_set_size (pool->free, 0);
  for (guint i = 0; i < pool->chunks->len; i++)
    {
      Chunk *c = &g_array_index (pool->chunks, Chunk, i);
      const Range all = { c->mem, c->bytes };
      c->used = 0;
      g_array_append_val (pool->free, all);
    }
  g_array_sort (pool->free, compare_addresses);
  pool->asked = pool->missing = 0;
}
