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
  AxQMatrix *rows;             /* [kept + drawn, width], on the model's device */
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
  s->rows = g->device->qmatrix_new (g->device->qmatrix_type (g->head) == AX_Q_F32 ? AX_Q_F32 : AX_Q_BF16, (gsize) (s->kept + s->drawn), (gsize) width);
  if (s->rows == NULL)
    {
      g->device->fail ("out of memory for the head's rows");
      ax_gemma_sampled_free (s);
      return NULL;
    }
  g_autofree float *buffer = g_new (float, MAX ((gsize) s->kept, 1) * (gsize) width);
  ax_gemma_read_rows (g, g->head, (gsize) s->kept, s->ids, buffer);
  ax_gemma_write_rows (g, s->rows, 0, (gsize) s->kept, buffer);
  return s;
}

void
ax_gemma_sampled_free (AxGemmaSampled *s)
{
  if (s == NULL)
    return;
  if (s->rows != NULL)
    s->gemma->device->qmatrix_free (s->rows);
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
draw_rows (AxGemmaSampled *s, AxTape *tape, guint64 seed, float *buffer)
{
  const AxDevice *on = s->gemma->device;
  const guint64 vocab = (guint64) s->gemma->config.vocab;
  guint64 state = mix (seed + 0x9E3779B97F4A7C15u);
  for (int i = 0; i < s->drawn;)
    {
      gint32 id = (gint32) (mix (state += 0x9E3779B97F4A7C15u) % vocab);
      if (s->column_of[id] < 0)
        s->ids[s->kept + i++] = id;
    }
  on->qmatrix_get_rows (s->gemma->head, (gsize) s->drawn, ax_tape_send (tape, s->ids + s->kept, (gsize) s->drawn * sizeof (gint32)), buffer);
  on->qmatrix_set_rows (s->rows, (gsize) s->kept, (gsize) s->drawn, buffer);
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
  const AxDevice *on = g->device;
  float *row = ax_tape_scratch (tape, 2 * rows * sizeof (float)), *lse = row, *losses = row + rows;
  float *weight = ax_tape_host (tape, (2 * rows + inner) * sizeof (float)), *loss = weight + rows, *extra = loss + rows;
  gint32 *column = ax_tape_host (tape, rows * sizeof (gint32));
  draw_rows (s, tape, seed, buffer);
  on->qmatrix_forward (s->rows, rows, hidden->data, buffer);
  /* A drawn row stands for so many that were not. */
  const float stands = s->drawn > 0 ? (float) log ((double) (g->config.vocab - s->kept) / s->drawn) : 0;
  for (gsize c = 0; c < inner; c++)
    extra[c] = c < (gsize) s->kept ? 0 : stands;
  on->add_rows (rows, inner, buffer, ax_tape_send (tape, extra, inner * sizeof (float)), buffer);
  for (gsize r = 0; r < rows; r++)
    {
      on->copy (logits + r * columns, buffer + r * inner, inner * sizeof (float));
      column[r] = s->column_of[targets[r]];
      weight[r] = weights != NULL ? weights[r] : 1.0f / (float) n;
      g_assert (column[r] >= 0);
    }
  const gint32 *target = ax_tape_send (tape, column, rows * sizeof (gint32));
  if (added != NULL)
    on->gemm (false, true, rows, (gsize) s->added, width, 1, hidden->data, width, added->data, width, 0, logits + inner, columns);
  on->cross_entropy_forward (rows, columns, logits, target, lse, losses);
  on->download (loss, losses, rows * sizeof (float));
  double sum = 0;
  for (gsize r = 0; r < rows; r++)
    {
      sum += (double) weight[r] * loss[r];
      if (nll != NULL)
        nll[r] = loss[r];
    }
  if (learns)
    {
      on->cross_entropy_backward (rows, columns, logits, target, lse, ax_tape_send (tape, weight, rows * sizeof (float)), logits);
      float *dhidden = hidden->needs_grad ? ax_tensor_grad (tape, hidden) : NULL;
      if (added != NULL && dhidden != NULL)
        on->gemm (false, false, rows, width, (gsize) s->added, 1, logits + inner, columns, added->data, width, 1, dhidden, width);
      if (added != NULL && added->needs_grad)
        on->gemm (true, false, (gsize) s->added, width, rows, 1, logits + inner, columns, hidden->data, width, 1, added->grad, width);
      for (gsize r = 0; r < rows; r++)
        on->copy (buffer + r * inner, logits + r * columns, inner * sizeof (float));
      if (dhidden != NULL)
        on->qmatrix_backward_data (s->rows, rows, buffer, dhidden);
    }
  ax_tape_give (tape, buffer);
  ax_tape_give (tape, logits);
  ax_tape_give (tape, row);
  return sum;
}
