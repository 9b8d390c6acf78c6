/* The loss over a part of the vocabulary. See gemma_sampled.h. */
#include "engine/model/gemma_sampled.h"
#include "engine/model/gemma-private.h"
#include <math.h>
#include <string.h>

struct _AxGemmaSampled {
  AxGemma   *gemma;
  gint32    *column_of;        /* [vocabulary]: column of a kept or added id, or -1 */
  gint32    *ids;              /* [kept + drawn]: of the rows of `rows` */
  int        kept, drawn, added;
  AxQMatrix *rows;             /* [kept + drawn, width] */
};

AxGemmaSampled *
ax_gemma_sampled_new (AxGemma *g, const gint32 *kept, gsize n, int drawn)
{
  if (g->head == NULL)
    return NULL;
  const int vocabulary = g->vocabulary, width = g->config.width;
  AxGemmaSampled *s = g_new0 (AxGemmaSampled, 1);
  s->gemma = g;
  s->column_of = g_new (gint32, vocabulary);
  memset (s->column_of, 0xff, (gsize) vocabulary * sizeof (gint32));
  s->added = g->added_head != NULL ? (int) ax_tensor_rows (&g->added_head->t) : 0;
  for (gsize i = 0; i < n; i++)
    if (kept[i] >= 0 && kept[i] < g->config.vocab && (s->added == 0 || kept[i] < g->options.added_first || kept[i] >= g->options.added_first + s->added)
        && s->column_of[kept[i]] < 0)
      s->column_of[kept[i]] = s->kept++;
  s->drawn = s->kept < g->config.vocab ? MAX (drawn, 1) : 0;
  s->ids = g_new (gint32, s->kept + s->drawn);
  for (int id = 0; id < g->config.vocab; id++)
    if (s->column_of[id] >= 0)
      s->ids[s->column_of[id]] = id;
  for (int i = 0; i < s->added; i++)
    s->column_of[g->options.added_first + i] = s->kept + s->drawn + i;
  s->rows = ax_qmatrix_new (ax_qmatrix_type (g->head) == AX_Q_F32 ? AX_Q_F32 : AX_Q_BF16, (gsize) (s->kept + s->drawn), (gsize) width);
  g_autofree float *buffer = g_new (float, MAX ((gsize) s->kept, 1) * (gsize) width);
  ax_qmatrix_get_rows (g->head, (gsize) s->kept, s->ids, buffer);
  ax_qmatrix_set_rows (s->rows, 0, (gsize) s->kept, buffer);
  return s;
}

void
ax_gemma_sampled_free (AxGemmaSampled *s)
{
  if (s == NULL)
    return;
  ax_qmatrix_free (s->rows);
  g_free (s->column_of);
  g_free (s->ids);
  g_free (s);
}

int
ax_gemma_sampled_columns (const AxGemmaSampled *s)
{
  return s->kept + s->drawn + s->added;
}

gboolean
ax_gemma_sampled_covers (const AxGemmaSampled *s, int n, const gint32 *targets)
{
  for (int i = 0; i < n; i++)
    if (s->column_of[targets[i]] < 0)
      return FALSE;
  return TRUE;
}

static guint64
mix (guint64 x)
{
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

/* Rows from all that are not kept, each as likely as another. */
static void
draw_rows (AxGemmaSampled *s, guint64 seed, float *buffer)
{
  const guint64 vocab = (guint64) s->gemma->config.vocab;
  guint64 state = mix (seed + 0x9E3779B97F4A7C15u);
  for (int i = 0; i < s->drawn;)
    {
      gint32 id = (gint32) (mix (state += 0x9E3779B97F4A7C15u) % vocab);
      if (s->column_of[id] < 0)
        s->ids[s->kept + i++] = id;
    }
  ax_qmatrix_get_rows (s->gemma->head, (gsize) s->drawn, s->ids + s->kept, buffer);
  ax_qmatrix_set_rows (s->rows, (gsize) s->kept, (gsize) s->drawn, buffer);
}

double
ax_gemma_sampled_loss (AxGemmaSampled *s, AxTape *tape, AxTensor *hidden, int n, const gint32 *targets, const float *weights, guint64 seed, float *nll)
{
  AxGemma *g = s->gemma;
  const gsize width = (gsize) g->config.width, inner = (gsize) (s->kept + s->drawn), columns = inner + (gsize) s->added, rows = (gsize) n;
  AxTensor *added = s->added > 0 ? &g->added_head->t : NULL;
  const gboolean learns = ax_tape_recording (tape) && (hidden->needs_grad || (added != NULL && added->needs_grad));
  float *buffer = ax_tape_scratch (tape, MAX (rows * inner, (gsize) s->drawn * width) * sizeof (float));
  float *logits = ax_tape_scratch (tape, rows * columns * sizeof (float));
  float *row = ax_tape_scratch (tape, 3 * rows * sizeof (float)), *lse = row, *loss = row + rows, *weight = row + 2 * rows;
  gint32 *column = ax_tape_scratch (tape, rows * sizeof (gint32));
  draw_rows (s, seed, buffer);
  ax_qmatrix_forward (s->rows, rows, hidden->data, buffer);
  /* A drawn row stands for so many that were not. */
  const float stands = s->drawn > 0 ? (float) log ((double) (g->config.vocab - s->kept) / s->drawn) : 0;
  for (gsize r = 0; r < rows; r++)
    {
      float *to = logits + r * columns;
      memcpy (to, buffer + r * inner, inner * sizeof (float));
      for (gsize c = (gsize) s->kept; c < inner; c++)
        to[c] += stands;
      column[r] = s->column_of[targets[r]];
      g_assert (column[r] >= 0);
    }
  if (added != NULL)
    ax_gemm (false, true, rows, (gsize) s->added, width, 1, hidden->data, width, added->data, width, 0, logits + inner, columns);
  ax_cross_entropy_forward (rows, columns, logits, column, lse, loss);
  double sum = 0;
  for (gsize r = 0; r < rows; r++)
    {
      weight[r] = weights != NULL ? weights[r] : 1.0f / (float) n;
      sum += (double) weight[r] * loss[r];
      if (nll != NULL)
        nll[r] = loss[r];
    }
  if (learns)
    {
      ax_cross_entropy_backward (rows, columns, logits, column, lse, weight, logits);
      float *dhidden = hidden->needs_grad ? ax_tensor_grad (tape, hidden) : NULL;
      if (added != NULL && dhidden != NULL)
        ax_gemm (false, false, rows, width, (gsize) s->added, 1, logits + inner, columns, added->data, width, 1, dhidden, width);
      if (added != NULL && added->needs_grad)
        ax_gemm (true, false, (gsize) s->added, width, rows, 1, logits + inner, columns, hidden->data, width, 1, added->grad, width);
      for (gsize r = 0; r < rows; r++)
        memcpy (buffer + r * inner, logits + r * columns, inner * sizeof (float));
      if (dhidden != NULL)
        ax_qmatrix_backward_data (s->rows, rows, buffer, dhidden);
    }
  ax_tape_give (tape, buffer);
  ax_tape_give (tape, logits);
  ax_tape_give (tape, row);
  ax_tape_give (tape, column);
  return sum;
}
