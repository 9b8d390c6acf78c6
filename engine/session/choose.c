/* Probabilities of options. See choose.h. */
#include "engine/session/choose.h"
#include <math.h>

/* log p of each tag behind the question. */
static gboolean
score_tags (AxGemmaState *state, const AxGemmaTokenizer *tokenizer, const AxOptions *choice, const GArray *question, double *log_p, GError **error)
{
  const AxGemmaInput input = { .ids = (const gint32 *) (gpointer) question->data, .n = (int) question->len };
  if (!ax_gemma_state_prefill (state, &input, TRUE, NULL, NULL, error))
    return FALSE;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  for (guint i = 0; i < choice->n; i++)
    {
      g_array_set_size (ids, 0);
      ax_gemma_tokenizer_encode (tokenizer, choice->tags[i], -1, FALSE, ids);
      g_autofree float *each = g_new (float, MAX (ids->len, 1));
      if (!ax_gemma_state_score (state, (const gint32 *) (gpointer) ids->data, (int) ids->len, each, error))
        return FALSE;
      log_p[i] = 0;
      for (guint k = 0; k < ids->len; k++)
        log_p[i] += (double) each[k];
    }
  return TRUE;
}

gboolean
ax_choose (AxGemmaState *state, const AxGemmaTokenizer *tokenizer, const AxOptions *choice, const GArray *given, const GArray *reversed, double *p, GError **error)
{
  const int before = ax_gemma_state_length (state);
  const guint n = choice->n;
  double there[AX_OPTIONS_MAX], here[AX_OPTIONS_MAX], top = -INFINITY, sum = 0;
  gboolean ok = score_tags (state, tokenizer, choice, reversed, there, error);
  ax_gemma_state_rewind (state, before);
  ok = ok && score_tags (state, tokenizer, choice, given, here, error);
  if (!ok)
    {
      ax_gemma_state_rewind (state, before);
      return FALSE;
    }
  for (guint i = 0; i < n; i++)
    {
      p[i] = (here[i] + there[n - 1 - i]) / 2;
      top = fmax (top, p[i]);
    }
  for (guint i = 0; i < n; i++)
    sum += p[i] = exp (p[i] - top);
  for (guint i = 0; i < n; i++)
    p[i] /= sum;
  return TRUE;
}

guint
ax_choose_best (const AxOptions *choice, const double *p)
{
  guint best = 0;
  for (guint i = 1; i < choice->n; i++)
    if (p[i] > p[best])
      best = i;
  return best;
}
