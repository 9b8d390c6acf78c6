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
    ax_linear_forward (n, (gsize) h->width, (gsize) h->vocabulary, hidden, h->learned->data, NULL, AX_ACT_NONE, NULL, logits);
  else
    ax_qmatrix_forward (h->w, n, hidden, logits);
  other_rows (h, n, hidden, logits);
}

float
ax_lm_head_top (const AxLmHead *h, const float *hidden, float *logits)
{
  if (h->learned != NULL)
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
        ax_gemm (false, false, n, width, rows, 1, d, vocabulary, h->added->data, width, 1, dhidden, width);
      if (h->added->needs_grad)
        ax_gemm (true, false, rows, width, n, 1, d, vocabulary, hidden, width, 1, h->added->grad, width);
    }
  if (h->learned != NULL)
    ax_linear_backward (n, width, vocabulary, hidden, h->learned->data, dlogits, dhidden, h->learned->needs_grad ? h->learned->grad : NULL, NULL);
  else if (dhidden != NULL)
    ax_qmatrix_backward_data (h->w, n, dlogits, dhidden);
}

double
ax_lm_head_loss (AxTape *tape, const AxLmHead *h, AxTensor *hidden, int n, const gint32 *targets, const float *weights, float *nll, int *correct)
{
  const gsize width = (gsize) h->width, vocabulary = (gsize) h->vocabulary;
  const gsize slice = CLAMP (SLICE_BYTES / (vocabulary * sizeof (float)), 1, (gsize) MAX (n, 1));
  const gboolean learns = ax_tape_recording (tape) && (hidden->needs_grad || (h->added != NULL && h->added->needs_grad) || (h->learned != NULL && h->learned->needs_grad));
  float *logits = ax_tape_scratch (tape, slice * vocabulary * sizeof (float));
  float *row = ax_tape_scratch (tape, 3 * slice * sizeof (float)), *lse = row, *loss = row + slice, *weight = row + 2 * slice;
  double sum = 0;
  int hits = 0;
  for (gsize from = 0; from < (gsize) n; from += slice)
    {
      const gsize count = MIN (slice, (gsize) n - from);
      const float *x = hidden->data + from * width;
      ax_lm_head_logits (h, count, x, logits);
      ax_cross_entropy_forward (count, vocabulary, logits, targets + from, lse, loss);
      for (gsize r = 0; r < count; r++)
        {
          weight[r] = weights != NULL ? weights[from + r] : 1.0f / (float) n;
          sum += (double) weight[r] * loss[r];
          if (nll != NULL)
            nll[from + r] = loss[r];
          if (correct != NULL)
            hits += ax_argmax (vocabulary, logits + r * vocabulary) == (gsize) targets[from + r];
        }
      if (!learns)
        continue;
      ax_cross_entropy_backward (count, vocabulary, logits, targets + from, lse, weight, logits);
      head_backward (tape, h, count, x, logits, hidden->needs_grad ? ax_tensor_grad (tape, hidden) + from * width : NULL);
    }
  ax_tape_give (tape, logits);
  ax_tape_give (tape, row);
  if (correct != NULL)
    *correct = hits;
  return sum;
}
