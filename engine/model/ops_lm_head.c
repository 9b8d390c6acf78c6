/* The language model's head: logits over the vocabulary and their loss. See ops_lm.h. */
#include "engine/model/ops_lm.h"
#include <math.h>
#include <string.h>

/* Memory of one slice of logits: 128 rows of the 262k vocabulary. More rows read the matrix less often; this is where that stops to matter. */
#define SLICE_BYTES ((gsize) 128 << 20)

/* The ids that are not rows of the matrix. */
static void
other_rows (const AxLmHead *h, gsize n, const float *hidden, float *logits)
{
  const gsize width = (gsize) h->width, vocabulary = (gsize) h->vocabulary;
  if (!h->on->host)
    {
      h->on->columns_fill (n, vocabulary, (gsize) h->missing_from, (gsize) h->missing_to, -INFINITY, logits);
      if (h->added != NULL)
        h->on->gemm (false, true, n, ax_tensor_rows (h->added), width, 1, hidden, width, h->added->data, width, 0, logits + h->added_first, vocabulary);
      return;
    }
  for (gsize r = 0; r < n; r++)
    {
      float *row = logits + r * vocabulary;
      for (int id = h->missing_from; id < h->missing_to; id++)
        row[id] = -INFINITY;
      /* A product with a few dozen rows: too small to be worth a parallel section per token. */
      for (gsize i = 0; h->added != NULL && i < ax_tensor_rows (h->added); i++)
        {
          const float *w = h->added->data + i * width, *x = hidden + r * width;
          float sum[8] = { 0 };
          gsize c = 0;
          for (; c + 8 <= width; c += 8)
            for (int k = 0; k < 8; k++)
              sum[k] += w[c + (gsize) k] * x[c + (gsize) k];
          float rest = 0;
          for (; c < width; c++)
            rest += w[c] * x[c];
          row[(gsize) h->added_first + i] = rest + ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
        }
    }
}

void
ax_lm_head_logits (const AxLmHead *h, gsize n, const float *hidden, float *logits)
{
  if (h->learned != NULL)
    h->on->linear_forward (n, (gsize) h->width, (gsize) h->vocabulary, hidden, h->learned->data, NULL, AX_ACT_NONE, NULL, logits);
  else
    h->on->qmatrix_forward (h->w, n, hidden, logits);
  other_rows (h, n, hidden, logits);
}

float
ax_lm_head_top (const AxLmHead *h, const float *hidden, float *logits)
{
  if (h->learned != NULL || !h->on->host) /* a card reads all weights faster than the processor its share */
    {
      ax_lm_head_logits (h, 1, hidden, logits);
      return -INFINITY;
    }
  const float floor = ax_qmatrix_top (h->w, hidden, 0, logits, NULL);
  other_rows (h, 1, hidden, logits);
  return floor;
}

static void
head_backward (AxTape *tape, const AxLmHead *h, gsize n, const float *hidden, float *dlogits, float *dhidden)
{
  const gsize width = (gsize) h->width, vocabulary = (gsize) h->vocabulary;
  if (h->added != NULL)
    {
      const gsize rows = ax_tensor_rows (h->added);
      float *d = dlogits + h->added_first;
      if (dhidden != NULL)
        h->on->gemm (false, false, n, width, rows, 1, d, vocabulary, h->added->data, width, 1, dhidden, width);
      if (h->added->needs_grad)
        h->on->gemm (true, false, rows, width, n, 1, d, vocabulary, hidden, width, 1, h->added->grad, width);
    }
  if (h->learned != NULL)
    h->on->linear_backward (n, width, vocabulary, hidden, h->learned->data, dlogits, dhidden, h->learned->needs_grad ? h->learned->grad : NULL, NULL);
  else if (dhidden != NULL)
    h->on->qmatrix_backward_data (h->w, n, dlogits, dhidden);
}

double
ax_lm_head_loss (AxTape *tape, const AxLmHead *h, AxTensor *hidden, int n, const gint32 *targets, const float *weights, float *nll, int *correct)
{
  const gsize width = (gsize) h->width, vocabulary = (gsize) h->vocabulary;
  const gsize slice = CLAMP (SLICE_BYTES / (vocabulary * sizeof (float)), 1, (gsize) MAX (n, 1));
  const AxDevice *on = h->on;
  const gboolean learns = ax_tape_recording (tape) && (hidden->needs_grad || (h->added != NULL && h->added->needs_grad) || (h->learned != NULL && h->learned->needs_grad));
  float *logits = ax_tape_scratch (tape, slice * vocabulary * sizeof (float));
  /* Of all rows: what goes to the device once and comes back once. */
  float *weight = ax_tape_host (tape, MAX (n, 1) * sizeof (float)), *loss = ax_tape_host (tape, MAX (n, 1) * sizeof (float));
  for (int r = 0; r < n; r++)
    weight[r] = weights != NULL ? weights[r] : 1.0f / (float) n;
  const gint32 *target = ax_tape_send (tape, targets, (gsize) n * sizeof (gint32));
  const float *dloss = ax_tape_send (tape, weight, (gsize) n * sizeof (float));
  float *row = ax_tape_scratch (tape, 2 * MAX (n, 1) * sizeof (float)), *lse = row, *losses = row + n;
  gint32 *top = correct != NULL ? ax_tape_scratch (tape, MAX (n, 1) * sizeof (gint32)) : NULL;
  for (gsize from = 0; from < (gsize) n; from += slice)
    {
      const gsize count = MIN (slice, (gsize) n - from);
      const float *x = hidden->data + from * width;
      ax_lm_head_logits (h, count, x, logits);
      on->cross_entropy_forward (count, vocabulary, logits, target + from, lse + from, losses + from);
      if (top != NULL)
        on->argmax_rows (count, vocabulary, logits, top + from);
      if (!learns)
        continue;
      on->cross_entropy_backward (count, vocabulary, logits, target + from, lse + from, dloss + from, logits);
      head_backward (tape, h, count, x, logits, hidden->needs_grad ? ax_tensor_grad (tape, hidden) + from * width : NULL);
    }
  double sum = 0;
  on->download (loss, losses, (gsize) n * sizeof (float));
  for (int r = 0; r < n; r++)
    sum += (double) weight[r] * loss[r];
  if (nll != NULL)
    memcpy (nll, loss, (gsize) n * sizeof (float));
  if (correct != NULL)
    {
      gint32 *best = ax_tape_host (tape, MAX (n, 1) * sizeof (gint32));
      on->download (best, top, (gsize) n * sizeof (gint32));
      *correct = 0;
      for (int r = 0; r < n; r++)
        *correct += best[r] == targets[r];
    }
  ax_tape_give (tape, logits);
  ax_tape_give (tape, row);
  ax_tape_give (tape, top);
  return sum;
}
