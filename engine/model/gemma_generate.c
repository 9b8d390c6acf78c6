/* The choice of tokens. See gemma_generate.h. */
#include "engine/model/gemma_generate.h"
#include "engine/model/gemma_state-private.h"
#include <math.h>
#include <string.h>

AxGemmaSampling
ax_gemma_sampling_default (void)
{
  return (AxGemmaSampling){ .top_p = 1, .max_tokens = 350, .stop = { AX_GEMMA_END_OF_TURN, AX_GEMMA_EOS }, .n_stop = 2 };
}

const char *
ax_gemma_stop_name (AxGemmaStop stop)
{
  return stop == AX_GEMMA_STOP_END ? "end" : stop == AX_GEMMA_STOP_LENGTH ? "length" : "cancelled";
}

/* ---- lists --------------------------------------------------------------------------------------------------------------- */

static gboolean
listed (const gint32 *list, int n, gint32 id)
{
  for (int i = 0; i < n; i++)
    if (list[i] == id)
      return TRUE;
  return FALSE;
}

/* The next banned id from `from` on, or n. */
static gint32
next_banned (const AxGemmaSampling *s, gint32 from, gint32 n)
{
  gint32 next = n;
  for (int i = 0; i < s->n_banned; i++)
    if (s->banned[i] >= from && s->banned[i] < next)
      next = s->banned[i];
  return next;
}

/* ---- sampling ------------------------------------------------------------------------------------------------------------- */

/* Uniform in [0, 1) from the seed and the number of the draw. */
static double
uniform (guint64 seed, guint64 draw)
{
  guint64 x = seed * 0x9E3779B97F4A7C15u + (draw + 1) * 0xD1B54A32D192ED03u;
  for (int i = 0; i < 2; i++)
    {
      x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
      x = (x ^ x >> 27) * 0x94D049BB133111EBu;
      x ^= x >> 31;
    }
  return (double) (x >> 11) * 0x1p-53;
}

/* Likelier first, the lower id on ties. */
static gboolean
before (const float *logits, gint32 a, gint32 b)
{
  return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

static void
sift (const float *logits, gint32 *heap, gint32 n, gint32 i)
{
  const gint32 id = heap[i];
  for (gint32 child; (child = 2 * i + 1) < n; i = child)
    {
      if (child + 1 < n && before (logits, heap[child + 1], heap[child]))
        child++;
      if (!before (logits, heap[child], id))
        break;
      heap[i] = heap[child];
    }
  heap[i] = id;
}

/* Temperature, then the top_k likeliest, then the likeliest whose shares of these reach top_p (Hugging Face's order of the three). A heap gives as many as
 * are needed in order: exact, without sorting the vocabulary. */
static gint32
choose_sampled (const AxGemmaSampling *s, const float *logits, gint32 n, gint32 *order, guint64 draw)
{
  gint32 count = 0;
  for (gint32 id = 0; id < n; id++)
    if (isfinite (logits[id]))
      order[count++] = id;
  /* Few are banned: take them out again instead of asking for each. */
  gint32 kept = 0;
  for (gint32 i = 0, next = next_banned (s, 0, n); i < count; i++)
    {
      if (order[i] > next)
        next = next_banned (s, order[i], n);
      if (order[i] != next)
        order[kept++] = order[i];
    }
  count = kept;
  if (count == 0)
    return 0;
  for (gint32 i = count / 2; i-- > 0;)
    sift (logits, order, count, i);
  /* Popped ids gather at the end of the array, the likeliest last. */
  const double top = logits[order[0]];
  const gint32 limit = s->top_k > 0 ? MIN (s->top_k, count) : count;
  const gboolean cut = s->top_p > 0 && s->top_p < 1;
  double total = 0, mass = 0;
  for (gint32 i = 0; s->top_k == 0 && i < count; i++)
    total += exp ((logits[order[i]] - top) / s->temperature);
  gint32 popped = 0;
  while (popped < limit && (s->top_k > 0 || (cut && mass < s->top_p * total)))
    {
      const gint32 id = order[0], last = --count;
      order[0] = order[last];
      sift (logits, order, last, 0);
      order[last] = id;
      popped++;
      mass += exp ((logits[id] - top) / s->temperature);
    }
  const gint32 *list = order + count;
  if (popped == 0)
    {
      list = order;                      /* all of them, in the heap's order, which is fixed too */
      popped = count;
      mass = total;
    }
  else if (s->top_k > 0 && cut)
    {
      double share = 0;
      gint32 keep = 0;
      while (keep < popped && share < s->top_p * mass)
        share += exp ((logits[list[popped - 1 - keep++]] - top) / s->temperature);
      list += popped - keep;
      popped = keep;
      mass = share;
    }
  double u = uniform (s->seed, draw) * mass;
  for (gint32 i = popped; i-- > 1;)
    if ((u -= exp ((logits[list[i]] - top) / s->temperature)) < 0)
      return list[i];
  return list[0];
}

gint32
ax_gemma_choose (AxGemmaState *state, const AxGemmaSampling *s, guint64 draw, float *probability)
{
  float log_p, lse;
  if (s->temperature <= 0)
    {
      const gint32 id = ax_gemma_state_choose (state, s->banned, s->n_banned, &log_p);
      if (probability != NULL)
        *probability = expf (log_p);
      return id;
    }
  const gint32 n = state->gemma->vocabulary;
  const float *logits = ax_gemma_state_logits (state);
  const gint32 id = choose_sampled (s, logits, n, state->order, draw);
  if (probability != NULL)
    {
      ax_cross_entropy_forward (1, (gsize) n, logits, &id, &lse, &log_p);
      *probability = expf (-log_p);
    }
  return id;
}

AxGemmaStop
ax_gemma_generate (AxGemmaState *state, const AxGemmaSampling *s, GCancellable *cancellable, AxGemmaToken token, gpointer user_data, gint32 *ids,
                   float *probabilities, int *n_tokens)
{
  g_return_val_if_fail (state->has_logits, AX_GEMMA_STOP_CANCELLED);
  for (int n = 0;; n++)
    {
      *n_tokens = n;
      if (g_cancellable_is_cancelled (cancellable))
        return AX_GEMMA_STOP_CANCELLED;
      if (n >= s->max_tokens)
        return AX_GEMMA_STOP_LENGTH;
      float probability;
      const gint32 id = ax_gemma_choose (state, s, (guint64) n, &probability);
      if (!state->on->ok ())
        return AX_GEMMA_STOP_CANCELLED;
      if (listed (s->stop, s->n_stop, id))
        return AX_GEMMA_STOP_END;
      if (ids != NULL)
        ids[n] = id;
      if (probabilities != NULL)
        probabilities[n] = probability;
      *n_tokens = n + 1;
      if (token != NULL && !token (id, probability, user_data))
        return AX_GEMMA_STOP_CANCELLED;
      if (n + 1 >= s->max_tokens || state->length >= state->capacity)
        return AX_GEMMA_STOP_LENGTH;
      ax_gemma_state_step (state, id);
    }
}
