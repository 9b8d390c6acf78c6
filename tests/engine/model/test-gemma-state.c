/* Serving on the tiny reference model: greedy tokens, prefill in pieces, rewinding and copying a prefix, scoring, choice of tokens, cancelling, and no
 * allocation per token. */
#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/gemma_generate.h"
#include "tests/engine/model/tiny.h"

/* ---- counting allocations ---------------------------------------------------------------------------------------------------- */

/* The program's own malloc family stands before the C library's (with a sanitizer that family is the sanitizer's, and nothing is counted). */
#if defined(__has_feature)
#if __has_feature (address_sanitizer)
#define COUNTING 0
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define COUNTING 0
#endif
#ifdef COUNTING
static gint allocations;
#else
#define COUNTING 1
static gint allocations;
extern void *__libc_malloc (size_t n);
extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_realloc (void *p, size_t n);
extern void *__libc_memalign (size_t alignment, size_t n);
void *malloc (size_t n) { g_atomic_int_inc (&allocations); return __libc_malloc (n); }
void *calloc (size_t n, size_t size) { g_atomic_int_inc (&allocations); return __libc_calloc (n, size); }
void *realloc (void *p, size_t n) { g_atomic_int_inc (&allocations); return __libc_realloc (p, n); }
void *aligned_alloc (size_t alignment, size_t n) { g_atomic_int_inc (&allocations); return __libc_memalign (alignment, n); }
int
posix_memalign (void **p, size_t alignment, size_t n)
{
  g_atomic_int_inc (&allocations);
  *p = __libc_memalign (alignment, n);
  return *p != NULL ? 0 : 12;
}
#endif

/* ---- the model ------------------------------------------------------------------------------------------------------------ */

typedef struct {
  Tiny         *tiny;
  AxWeights    *expected;
  AxGemma      *gemma;
  AxGemmaState *state;
  AxGemmaInput  input;
  float        *image, *objects;
  gint32       *ids;
} Bench;

static gboolean
bench_start (Bench *b, const AxGemmaOptions *options, int capacity)
{
  g_autoptr (GError) error = NULL;
  gsize n, count;
  memset (b, 0, sizeof *b);
  b->tiny = tiny_open (TINY_LORA | TINY_VOCABULARY | TINY_HEADS);
  if (b->tiny == NULL)
    return FALSE;
  g_autofree char *path = tiny_path ("reference/F_lm_tiny", "expected.safetensors");
  b->expected = ax_weights_open (path, &error);
  g_assert_no_error (error);
  b->gemma = tiny_gemma (b->tiny, options);
  g_autofree float *image = tiny_tensor (b->expected, "inject.image_embeddings", &count), *objects = tiny_tensor (b->expected, "inject.object_embeddings", &count);
  b->ids = tiny_ids (b->expected, "inject.ids", &n);
  b->image = g_new (float, 16 * 128);
  b->objects = g_new (float, 36 * 128);
  ax_gemma_project (b->gemma, FALSE, 16, image, b->image);
  ax_gemma_project (b->gemma, TRUE, 36, objects, b->objects);
  b->input = (AxGemmaInput){ b->ids, (int) n, b->image, 16, b->objects };
  b->state = ax_gemma_state_new (b->gemma, capacity, &error);
  g_assert_no_error (error);
  return TRUE;
}

static void
bench_end (Bench *b)
{
  ax_gemma_state_free (b->state);
  ax_gemma_free (b->gemma);
  ax_weights_unref (b->expected);
  tiny_free (b->tiny);
  g_free (b->ids);
  g_free (b->image);
  g_free (b->objects);
}

static void
prefill (Bench *b)
{
  g_autoptr (GError) error = NULL;
  ax_gemma_state_rewind (b->state, 0);
  g_assert_true (ax_gemma_state_prefill (b->state, &b->input, TRUE, NULL, NULL, &error));
  g_assert_no_error (error);
}

static AxGemmaSampling
without_stop (int max_tokens)
{
  AxGemmaSampling s = ax_gemma_sampling_default ();
  s.n_stop = 0;
  s.max_tokens = max_tokens;
  return s;
}

static const AxGemmaOptions exact = { .store = AX_GEMMA_F32, .lora_alpha = 16 };

/* ---- tests ---------------------------------------------------------------------------------------------------------------- */

/* The reference's 24 greedy tokens; the smallest gap between its best two logits is 0.016, far above float32's noise. The 8-bit path is not held to them. */
static void
test_greedy (gconstpointer merge)
{
  Bench b;
  AxGemmaOptions options = exact;
  options.merge_lora = merge != NULL;
  if (!bench_start (&b, &options, 72))
    return;
  gsize n, n_logits;
  g_autofree gint32 *wanted = tiny_ids (b.expected, "inject.generated_ids", &n);
  g_autofree float *logits = tiny_tensor (b.expected, "inject.logits", &n_logits);
  prefill (&b);
  const double worst = tiny_worst (ax_gemma_state_logits (b.state), logits + 47 * 557, 557);
  g_test_message ("prefill: %.0f %% of the tolerance", 100 * worst / 1e-4);
  g_assert_cmpfloat (worst, <=, 1e-4);
  gint32 ids[24];
  float probability[24];
  int made;
  const AxGemmaSampling sampling = without_stop (24);
  g_assert_cmpint (ax_gemma_generate (b.state, &sampling, NULL, NULL, NULL, ids, probability, &made), ==, AX_GEMMA_STOP_LENGTH);
  g_assert_cmpint (made, ==, 24);
  for (int i = 0; i < 24; i++)
    {
      g_assert_cmpint (ids[i], ==, wanted[i]);
      g_assert_true (probability[i] > 0 && probability[i] < 1);
    }
  g_assert_cmpint (ax_gemma_state_length (b.state), ==, 48 + 23);

  /* Stops at the fourth token, which is not part of the answer. */
  prefill (&b);
  AxGemmaSampling stop = sampling;
  stop.stop[0] = ids[3];
  stop.n_stop = 1;
  int before = 0;
  while (ids[before] != ids[3])
    before++;
  g_assert_cmpint (ax_gemma_generate (b.state, &stop, NULL, NULL, NULL, NULL, NULL, &made), ==, AX_GEMMA_STOP_END);
  g_assert_cmpint (made, ==, before);
  /* A banned token is never chosen. */
  prefill (&b);
  AxGemmaSampling banned = sampling;
  banned.banned[0] = ids[0];
  banned.n_banned = 1;
  gint32 other[24];
  ax_gemma_generate (b.state, &banned, NULL, NULL, NULL, other, NULL, &made);
  for (int i = 0; i < made; i++)
    g_assert_cmpint (other[i], !=, ids[0]);
  bench_end (&b);
}

/* A prompt in pieces, also one token at a time, and a full cache. */
static void
test_pieces (void)
{
  Bench b;
  g_autoptr (GError) error = NULL;
  if (!bench_start (&b, &exact, 48))
    return;
  prefill (&b);
  g_autofree float *whole = g_memdup2 (ax_gemma_state_logits (b.state), 557 * sizeof (float));
  static const int cuts[][4] = { { 20, 48, 48, 48 }, { 4, 21, 37, 48 }, { 47, 48, 48, 48 }, { 30, 31, 32, 48 } };
  for (gsize c = 0; c < G_N_ELEMENTS (cuts); c++)
    {
      ax_gemma_state_rewind (b.state, 0);
      for (int i = 0, from = 0, image = 0; from < 48; from = cuts[c][i++])
        {
          AxGemmaInput part = b.input;
          int images = 0;
          for (int r = from; r < cuts[c][i]; r++)
            images += b.ids[r] == 512;
          part.ids += from;
          part.n = cuts[c][i] - from;
          part.image_rows += image * 128;
          part.n_image_rows = images;
          image += images;
          g_assert_true (ax_gemma_state_prefill (b.state, &part, cuts[c][i] == 48, NULL, NULL, &error));
        }
      g_assert_cmpfloat (tiny_worst (ax_gemma_state_logits (b.state), whole, 557), <=, 1e-4);
    }
  /* The last tokens by steps. */
  ax_gemma_state_rewind (b.state, 40);
  g_assert_null (ax_gemma_state_logits (b.state));
  for (int i = 40; i < 48; i++)
    ax_gemma_state_step (b.state, b.ids[i]);
  g_assert_cmpfloat (tiny_worst (ax_gemma_state_logits (b.state), whole, 557), <=, 1e-4);
  /* Full: no more fits, and generation ends. */
  const AxGemmaInput one = { .ids = b.ids, .n = 1 };
  g_assert_false (ax_gemma_state_prefill (b.state, &one, TRUE, NULL, NULL, &error));
  g_assert_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT);
  const AxGemmaSampling sampling = without_stop (24);
  int made;
  g_assert_cmpint (ax_gemma_generate (b.state, &sampling, NULL, NULL, NULL, NULL, NULL, &made), ==, AX_GEMMA_STOP_LENGTH);
  g_assert_cmpint (made, ==, 1);
  bench_end (&b);
}

/* Requests that go on from one prefix, on the same state and on a copy, equal requests that start anew; scoring leaves no trace. */
static void
test_prefix (void)
{
  Bench b;
  g_autoptr (GError) error = NULL;
  if (!bench_start (&b, &exact, 100))
    return;
  AxGemmaInput prefix = b.input, request = b.input;
  prefix.n = 36;
  request.ids += 36;
  request.n = 12;
  request.n_image_rows = 0;
  prefill (&b);
  g_autofree float *whole = g_memdup2 (ax_gemma_state_logits (b.state), 557 * sizeof (float));
  ax_gemma_state_rewind (b.state, 0);
  g_assert_true (ax_gemma_state_prefill (b.state, &prefix, FALSE, NULL, NULL, &error));
  g_assert_null (ax_gemma_state_logits (b.state));
  for (int k = 0; k < 3; k++)
    {
      AxGemmaInput other = request;
      other.n = 5 + k;
      if (k != 1)
        g_assert_true (ax_gemma_state_prefill (b.state, &other, TRUE, NULL, NULL, &error));
      ax_gemma_state_rewind (b.state, 36);
      g_assert_true (ax_gemma_state_prefill (b.state, &request, TRUE, NULL, NULL, &error));
      g_assert_cmpfloat (tiny_worst (ax_gemma_state_logits (b.state), whole, 557), <=, 1e-4);
      ax_gemma_state_rewind (b.state, 36);
    }
  g_autoptr (AxGemmaState) copy = ax_gemma_state_new (b.gemma, 64, &error);
  ax_gemma_state_copy (copy, b.state, 36);
  g_assert_true (ax_gemma_state_prefill (copy, &request, TRUE, NULL, NULL, &error));
  g_assert_cmpfloat (tiny_worst (ax_gemma_state_logits (copy), whole, 557), <=, 1e-4);
  /* Scores of a continuation against steps. */
  gint32 next[6] = { 7, 300, 515, 42, 42, 9 };
  float logp[6];
  g_assert_true (ax_gemma_state_score (copy, next, 6, logp, &error));
  g_assert_cmpint (ax_gemma_state_length (copy), ==, 48);
  g_assert_cmpfloat (tiny_worst (ax_gemma_state_logits (copy), whole, 557), <=, 1e-4);
  for (int i = 0; i < 6; i++)
    {
      const float *l = ax_gemma_state_logits (copy);
      double sum = 0;
      for (int id = 0; id < 557; id++)
        sum += exp ((double) l[id] - l[next[i]]);
      g_assert_cmpfloat (fabs (logp[i] + log (sum)), <=, 1e-4);
      ax_gemma_state_step (copy, next[i]);
    }
  bench_end (&b);
}

static gboolean
stop_at (double done, gpointer data)
{
  double *left = data;
  g_assert_true (done >= 0 && done < 1);
  return --*left >= 0;
}

static gboolean
count_tokens (gint32 id, float probability, gpointer data)
{
  int *left = data;
  return --*left > 0;
}

static gboolean
cancel_after (gint32 id, float probability, gpointer data)
{
  g_cancellable_cancel (data);
  return TRUE;
}

static void
test_cancel (void)
{
  Bench b;
  if (!bench_start (&b, &exact, 100))
    return;
  prefill (&b);
  g_autofree float *whole = g_memdup2 (ax_gemma_state_logits (b.state), 557 * sizeof (float));
  for (int k = 0; k < 8; k++)
    {
      g_autoptr (GError) error = NULL;
      double left = k;
      AxGemmaInput more = b.input;
      g_assert_false (ax_gemma_state_prefill (b.state, &more, TRUE, stop_at, &left, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_cmpint (ax_gemma_state_length (b.state), ==, 48);
      g_assert_cmpfloat (tiny_worst (ax_gemma_state_logits (b.state), whole, 557), <=, 0);
    }
  const AxGemmaSampling sampling = without_stop (24);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  int made, left = 3;
  g_assert_cmpint (ax_gemma_generate (b.state, &sampling, NULL, count_tokens, &left, NULL, NULL, &made), ==, AX_GEMMA_STOP_CANCELLED);
  g_assert_cmpint (made, ==, 3);
  prefill (&b);
  g_assert_cmpint (ax_gemma_generate (b.state, &sampling, cancellable, cancel_after, cancellable, NULL, NULL, &made), ==, AX_GEMMA_STOP_CANCELLED);
  g_assert_cmpint (made, ==, 1);
  bench_end (&b);
}

/* Draws follow the softmax: 20,000 draws of one distribution, each frequency within 5 standard deviations; cut distributions hold only what they may. */
static void
test_sampling (void)
{
  enum { DRAWS = 20000 };
  Bench b;
  if (!bench_start (&b, &exact, 64))
    return;
  prefill (&b);
  const float *logits = ax_gemma_state_logits (b.state);
  const struct { double temperature; int top_k; double top_p; } settings[] = { { 1, 0, 1 }, { 2, 5, 1 }, { 1.5, 0, 0.6 }, { 1, 20, 0.7 }, { 0.3, 0, 0.999 } };
  for (gsize k = 0; k < G_N_ELEMENTS (settings); k++)
    {
      double p[557], total = 0, mass = 0;
      int order[557], count[557] = { 0 }, keep = 557;
      const gint32 banned = 100;
      for (int id = 0; id < 557; id++)
        {
          p[id] = id == banned ? 0 : exp (logits[id] / settings[k].temperature);
          order[id] = id;
        }
      for (int i = 1; i < 557; i++)
        for (int j = i; j > 0 && p[order[j]] > p[order[j - 1]]; j--)
          {
            const int t = order[j];
            order[j] = order[j - 1];
            order[j - 1] = t;
          }
      if (settings[k].top_k > 0)
        keep = settings[k].top_k;
      for (int i = 0; i < keep; i++)
        total += p[order[i]];
      if (settings[k].top_p < 1)
        {
          const int limit = keep;
          for (keep = 0; keep < limit && mass < settings[k].top_p * total; keep++)
            mass += p[order[keep]];
          total = mass;
        }
      AxGemmaSampling s = { .temperature = settings[k].temperature, .top_k = settings[k].top_k, .top_p = settings[k].top_p, .seed = 11 + k, .banned = { banned }, .n_banned = 1 };
      const int draws = k == 0 ? DRAWS : DRAWS / 10;  /* the cut ones: enough to see what may come */
      for (int d = 0; d < draws; d++)
        {
          const gint32 id = ax_gemma_choose (b.state, &s, (guint64) d, NULL);
          g_assert_cmpint (id, ==, ax_gemma_choose (b.state, &s, (guint64) d, NULL));
          count[id]++;
        }
      for (int i = 0; i < 557; i++)
        {
          const double wanted = i < keep ? p[order[i]] / total : 0;
          const int n = count[order[i]];
          if (i >= keep)
            g_assert_cmpint (n, ==, 0);
          else if (k == 0)
            g_assert_cmpfloat (fabs (n - DRAWS * wanted), <=, 5 * sqrt (DRAWS * wanted * (1 - wanted)) + 1);
        }
    }
  bench_end (&b);
}

static void
test_allocations (gconstpointer data)
{
  Bench b;
  const AxGemmaStore store = (AxGemmaStore) GPOINTER_TO_INT (data);
  const AxGemmaOptions options = { .store = store, .lora_alpha = 16, .merge_lora = store == AX_GEMMA_QUANTISED };
  if (!bench_start (&b, &options, 100))
    return;
  prefill (&b);
  AxGemmaSampling sampling = without_stop (40);
  int made;
  ax_gemma_generate (b.state, &sampling, NULL, NULL, NULL, NULL, NULL, &made);   /* kernels grow their scratch memory on first use */
  int counted = 0;
  for (int k = 0; k < 2; k++)
    {
      prefill (&b);                      /* oneDNN allocates within large products */
      sampling.temperature = k;
      const int before = g_atomic_int_get (&allocations);
      ax_gemma_generate (b.state, &sampling, NULL, NULL, NULL, NULL, NULL, &made);
      counted += g_atomic_int_get (&allocations) - before;
      g_assert_cmpint (made, ==, 40);
    }
  g_test_message ("%d allocations for 80 tokens%s", counted, COUNTING ? "" : " (not counted here)");
  g_assert_cmpint (counted, ==, 0);
  const int before = g_atomic_int_get (&allocations);
  g_free (g_malloc (8));
  g_assert_true (!COUNTING || g_atomic_int_get (&allocations) > before);
  g_assert_cmpuint (ax_gemma_state_bytes (b.state), ==, ax_gemma_state_plan (b.gemma, 100));
  bench_end (&b);
}

static void
test_refused (void)
{
  Bench b;
  if (!bench_start (&b, &exact, 64))
    return;
  AxGemmaInput bad[5];
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    bad[i] = b.input;
  bad[0].n_image_rows = 15;
  bad[1].n_image_rows = 17;
  bad[2].object_rows = NULL;
  bad[3].n = 0;
  bad[4].ids = (const gint32[]){ 2, 557 };
  bad[4].n = 2;
  bad[4].n_image_rows = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_false (ax_gemma_state_prefill (b.state, &bad[i], TRUE, NULL, NULL, &error));
      g_assert_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT);
      g_assert_cmpint (ax_gemma_state_length (b.state), ==, 0);
    }
  for (int capacity = -1; capacity <= 0; capacity++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_null (ax_gemma_state_new (b.gemma, capacity, &error));
      g_assert_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT);
    }
  bench_end (&b);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/gemma-state/greedy/unmerged", NULL, test_greedy);
  g_test_add_data_func ("/gemma-state/greedy/merged", "merged", test_greedy);
  g_test_add_func ("/gemma-state/pieces", test_pieces);
  g_test_add_func ("/gemma-state/prefix", test_prefix);
  g_test_add_func ("/gemma-state/cancel", test_cancel);
  g_test_add_func ("/gemma-state/sampling", test_sampling);
  g_test_add_data_func ("/gemma-state/allocations/f32", GINT_TO_POINTER (AX_GEMMA_F32), test_allocations);
  g_test_add_data_func ("/gemma-state/allocations/bf16", GINT_TO_POINTER (AX_GEMMA_BF16), test_allocations);
  g_test_add_data_func ("/gemma-state/allocations/quantised", GINT_TO_POINTER (AX_GEMMA_QUANTISED), test_allocations);
  g_test_add_func ("/gemma-state/refused", test_refused);
  return g_test_run ();
}
