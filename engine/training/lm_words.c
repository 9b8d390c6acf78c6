/* Projection heads that speak in words from the start. See lm_words.h. */
#include "engine/training/lm_words.h"
#include "engine/model/gemma_state.h"
#include "engine/training/instruct_facts.h"
#include "engine/training/random.h"
#include "engine/training/sentences.h"
#include <math.h>
#include <string.h>

/* Pictures whose tokens the heads are fitted on, at most (their targets are kept in memory), and those of one step. */
#define PICTURES 480
#define BATCH    32
/* Of the length of a row: how far a heart that is one standard deviation wider than the middle one moves its row. */
#define HEART_GAIN 0.5

enum { HEART = 4 };

/* ---- words -------------------------------------------------------------------------------------------------------------- */

/* The mean of the embeddings of a name's tokens, scaled as the model scales what it reads. */
static gboolean
name_vector (AxLmModel *m, const char *name, double *sum, GError **error)
{
  const AxLmConfig *c = ax_lm_weights_get_config (m->base);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autofree char *text = g_strconcat (" ", name, NULL);
  g_autofree float *row = g_new (float, c->width);
  ax_gemma_tokenizer_encode (m->tokenizer, text, -1, FALSE, ids);
  memset (sum, 0, (gsize) c->width * sizeof (double));
  for (guint k = 0; k < ids->len; k++)
    {
      gint32 id = g_array_index (ids, gint32, k);
      if (!ax_lm_weights_read (m->base, "embed_tokens.weight", id, 1, c->vocab, c->width, row, error))
        return FALSE;
      for (int d = 0; d < c->width; d++)
        sum[d] += row[d] * c->embed_scale / ids->len;
    }
  return TRUE;
}

/* targets[36, width]. Names share most of their words; what they share is kept once and what tells them apart is stretched until a vector is as long as that
 * of a word. */
static float *
name_targets (AxLmModel *m, GError **error)
{
  const int width = ax_lm_weights_get_config (m->base)->width;
  g_autofree double *names = g_new (double, AX_N_ANATOMY * width), *mean = g_new0 (double, width);
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    {
      if (!name_vector (m, ax_anatomy_name (i), names + i * (gsize) width, error))
        return NULL;
      for (int d = 0; d < width; d++)
        mean[d] += names[i * (gsize) width + d] / AX_N_ANATOMY;
    }
  float *targets = g_new (float, AX_N_ANATOMY * width);
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    for (int d = 0; d < width; d++)
      targets[i * (gsize) width + d] = (float) (mean[d] + 2 * (names[i * (gsize) width + d] - mean[d]));
  return targets;
}

/* units[n, width]: for each word what tells it from the mean of all, of length 1. */
static gboolean
unit_vectors (AxLmModel *m, const char *const *words, guint n, float *units, GError **error)
{
  const guint width = (guint) ax_lm_weights_get_config (m->base)->width;
  g_autofree double *v = g_new (double, n * width), *mean = g_new0 (double, width);
  for (guint i = 0; i < n; i++)
    {
      if (!name_vector (m, words[i], v + i * width, error))
        return FALSE;
      for (guint d = 0; d < width; d++)
        mean[d] += v[i * width + d] / n;
    }
  for (guint i = 0; i < n; i++)
    {
      double square = 0;
      for (guint d = 0; d < width; d++)
        square += pow (v[i * width + d] - mean[d], 2);
      for (guint d = 0; d < width; d++)
        units[i * width + d] = (float) ((v[i * width + d] - mean[d]) / sqrt (MAX (square, 1e-12)));
    }
  return TRUE;
}

/* At most PICTURES of them, evenly spread over the list (which goes by source). */
static AxLmPerception *
choose (const AxLmPerception *all, guint *n)
{
  const guint chosen = MIN (*n, PICTURES);
  AxLmPerception *some = g_new (AxLmPerception, chosen);
  for (guint k = 0; k < chosen; k++)
    some[k] = all[(gsize) k * *n / chosen];
  *n = chosen;
  return some;
}

/* ---- fitting ------------------------------------------------------------------------------------------------------------ */

/* AdamW on the squared error of one head alone. rows_of(picture) gives its inputs [rows, dim]; targets [n, rows, width]. Returns the mean squared error of
 * the last quarter of the steps, per number. */
typedef struct {
  gboolean objects;
  const AxLmPerception *pictures;
  guint n, rows, dim;
  const float *targets;
} Fit;

static const float *
fit_input (const Fit *fit, guint picture)
{
  return fit->objects ? fit->pictures[picture].objects : fit->pictures[picture].image;
}

static double
fit_head (AxLmModel *m, const Fit *fit, int steps, double lr, guint64 seed)
{
  const gsize width = (gsize) ax_lm_weights_get_config (m->base)->width, rows = fit->rows;
  AxParameters *p = ax_gemma_parameters (m->gemma);
  for (guint i = 0; i < p->list->len; i++)
    {
      AxParameter *q = p->list->pdata[i];
      q->trainable = strstr (q->name, fit->objects ? "obj_projectionhead" : "image_projectionhead") != NULL;
    }
  ax_parameters_prepare (p, TRUE);
  g_autoptr (AxTape) tape = ax_tape_new_on (p->device, TRUE);
  g_autofree float *input = g_new (float, BATCH * rows * fit->dim);
  double left = 0;
  int counted = 0;
  for (int s = 0; s < steps; s++)
    {
      AxRandom r = ax_random_init (seed, 0xab, (guint64) s);
      guint at[BATCH];
      ax_tape_reset (tape);
      ax_parameters_zero_grad (p);
      AxTensor *x = ax_tensor_new (tape, FALSE, 2, (int[]){ (int) (BATCH * rows), (int) fit->dim });
      for (guint k = 0; k < BATCH; k++)
        {
          at[k] = (guint) ax_random_below (&r, fit->n);
          memcpy (input + k * rows * fit->dim, fit_input (fit, at[k]), rows * fit->dim * sizeof (float));
        }
      ax_tensor_set (tape, x, input);
      AxTensor *y = fit->objects ? ax_gemma_project_objects (m->gemma, tape, x) : ax_gemma_project_image (m->gemma, tape, x);
      const float *out = ax_tensor_host (tape, y);
      float *grad = ax_tensor_host_grad (tape, y);
      double sum = 0;
      for (guint k = 0; k < BATCH; k++)
        for (gsize i = 0; i < rows * width; i++)
          {
            double e = out[k * rows * width + i] - fit->targets[at[k] * rows * width + i];
            sum += e * e / (double) y->n;
            grad[k * rows * width + i] = (float) (2 * e / (double) y->n);
          }
      if (s >= steps - (steps + 3) / 4)
        {
          left += sum;
          counted++;
        }
      ax_tensor_add_grad (tape, y, grad);
      ax_tape_backward (tape);
      ax_parameters_step (p, lr * (1 - (double) s / steps), 0, 0, s + 1);
    }
  for (guint i = 0; i < p->list->len; i++)
    {
      AxParameter *q = p->list->pdata[i];
      if (q->m)
        {
          p->device->zero (q->m, q->t.n * sizeof (float));
          p->device->zero (q->v, q->t.n * sizeof (float));
        }
    }
  return counted > 0 ? left / counted : NAN;
}

double
ax_lm_words_name_objects (AxLmModel *m, const AxLmPerception *all, guint n, int steps, double lr, guint64 seed, GError **error)
{
  const gsize width = (gsize) ax_lm_weights_get_config (m->base)->width, whole = AX_N_ANATOMY * width;
  g_autofree float *names = name_targets (m, error);
  if (names == NULL)
    return NAN;
  g_autofree AxLmPerception *perceptions = choose (all, &n);
  g_autofree float *targets = g_new (float, n * whole);
  for (guint k = 0; k < n; k++)
    memcpy (targets + k * whole, names, whole * sizeof (float));
  double spread = 0;
  for (gsize d = 0; d < width; d++)
    {
      double mean = 0;
      for (gsize k = 0; k < AX_N_ANATOMY; k++)
        mean += names[k * width + d] / AX_N_ANATOMY;
      for (gsize k = 0; k < AX_N_ANATOMY; k++)
        spread += pow (names[k * width + d] - mean, 2) / (double) whole;
    }
  const Fit fit = { TRUE, perceptions, n, AX_N_ANATOMY, (guint) perceptions[0].object_dim, targets };
  return fit_head (m, &fit, steps, lr, seed) / spread;
}

/* Adds gain * length * (value - mean) / spread of every word to the rows of every picture: values[n, rows or 1, words]. `length` is the mean length of a row.
 * Words whose value does not vary are left out. Returns the mean square of what was added, per number. */
static double
add_words (float *targets, guint n, gsize rows, gsize width, const float *units, const double *values, gsize value_rows, guint words, double gain)
{
  double length = 0, added = 0;
  for (gsize i = 0; i < n * rows; i++)
    {
      double square = 0;
      for (gsize d = 0; d < width; d++)
        square += targets[i * width + d] * targets[i * width + d];
      length += sqrt (square) / (double) (n * rows);
    }
  g_autofree float *delta = g_new0 (float, n * rows * width);
  for (guint w = 0; w < words; w++)
    {
      double mean = 0, spread = 0;
      const gsize total = n * value_rows;
      for (gsize i = 0; i < total; i++)
        mean += values[i * words + w] / (double) total;
      for (gsize i = 0; i < total; i++)
        spread += pow (values[i * words + w] - mean, 2) / (double) total;
      if (!(spread > 1e-6))
        continue;
      for (gsize i = 0; i < n * rows; i++)
        {
          double z = (values[(value_rows == 1 ? i / rows : i) * words + w] - mean) / sqrt (spread);
          for (gsize d = 0; d < width; d++)
            delta[i * width + d] += (float) (gain * length * CLAMP (z, -3, 3) * units[w * width + d]);
        }
    }
  for (gsize i = 0; i < n * rows * width; i++)
    {
      targets[i] += delta[i];
      added += delta[i] * delta[i] / (double) (n * rows * width);
    }
  return added;
}

/* targets[n, rows, width]: what the head makes of the pictures now. */
static float *
present_rows (AxLmModel *m, const Fit *fit)
{
  const gsize width = (gsize) ax_lm_weights_get_config (m->base)->width;
  float *out = g_new (float, fit->n * fit->rows * width);
  for (guint k = 0; k < fit->n; k++)
    ax_gemma_project (m->gemma, fit->objects, (int) fit->rows, fit_input (fit, k), out + k * fit->rows * width);
  return out;
}

gboolean
ax_lm_words_name_findings (AxLmModel *m, const AxLmPerception *all, guint n, guint n_labels, const char *const *labels, int steps, double lr,
                           guint64 seed, double left[2], GError **error)
{
  const gsize width = (gsize) ax_lm_weights_get_config (m->base)->width;
  g_autofree AxLmPerception *perceptions = choose (all, &n);
  /* The image tokens: probabilities as log odds, which are what separates pictures. */
  g_autofree float *label_units = g_new (float, MAX (n_labels, AX_MARK_N) * width), *mark_units = g_new (float, AX_MARK_N * width);
  g_autofree double *odds = g_new0 (double, n * (gsize) n_labels), *shown = g_new0 (double, n * (gsize) AX_N_ANATOMY * AX_MARK_N);
  const char *marks[AX_MARK_N];
  for (guint k = 0; k < AX_MARK_N; k++)
    marks[k] = ax_mark_phrase ((AxMark) k);
  if (!unit_vectors (m, labels, n_labels, label_units, error) || !unit_vectors (m, marks, AX_MARK_N, mark_units, error))
    return FALSE;
  for (guint k = 0; k < n; k++)
    {
      for (guint l = 0; l < n_labels; l++)
        {
          double p = perceptions[k].probability[l];
          odds[k * (gsize) n_labels + l] = isnan (p) ? 0 : log (CLAMP (p, 0.01, 0.99) / (1 - CLAMP (p, 0.01, 0.99)));
        }
      for (guint i = 0; i < AX_N_ANATOMY; i++)
        {
          AxMarkSet set = 0;
          for (guint w = 0; ax_sentence_findings (perceptions[k].sentences[i], &set) && w < AX_MARK_N; w++)
            shown[(k * (gsize) AX_N_ANATOMY + i) * AX_MARK_N + w] = (set >> w) & 1;
        }
    }
  const Fit image = { FALSE, perceptions, n, (guint) perceptions[0].tokens, (guint) perceptions[0].image_dim, NULL };
  const Fit objects = { TRUE, perceptions, n, AX_N_ANATOMY, (guint) perceptions[0].object_dim, NULL };
  for (guint head = 0; head < 2; head++)
    {
      Fit fit = head == 0 ? image : objects;
      g_autofree float *targets = present_rows (m, &fit);
      const double added = head == 0 ? add_words (targets, n, fit.rows, width, label_units, odds, 1, n_labels, 0.35)
                                     : add_words (targets, n, fit.rows, width, mark_units, shown, AX_N_ANATOMY, AX_MARK_N, 0.35);
      fit.targets = targets;
      left[head] = fit_head (m, &fit, steps, lr, seed) / MAX (added, 1e-12);
    }
  return TRUE;
}

gboolean
ax_lm_words_measure_heart (AxLmModel *m, const AxLmPerception *all, guint n, int steps, double lr, guint64 seed, double *left, GError **error)
{
  const gsize width = (gsize) ax_lm_weights_get_config (m->base)->width;
  g_autofree AxLmPerception *perceptions = choose (all, &n);
  g_autofree float *units = g_new (float, 2 * width);
  static const char *const words[] = { "enlarged heart", "normal heart" };
  if (!unit_vectors (m, words, G_N_ELEMENTS (words), units, error))
    return FALSE;
  Fit fit = { TRUE, perceptions, n, AX_N_ANATOMY, (guint) perceptions[0].object_dim, NULL };
  g_autofree float *targets = present_rows (m, &fit), *hearts = g_new (float, n * width), *before = NULL;
  g_autofree double *ratio = g_new (double, n);
  for (guint k = 0; k < n; k++)
    {
      ratio[k] = ax_boxes_heart_ratio (perceptions[k].boxes);
      memcpy (hearts + k * width, targets + (k * (gsize) AX_N_ANATOMY + HEART) * width, width * sizeof (float));
    }
  before = g_memdup2 (hearts, n * width * sizeof (float));
  add_words (hearts, n, 1, width, units, ratio, 1, 1, HEART_GAIN);
  double added = 0;
  for (guint k = 0; k < n; k++)
    {
      for (gsize d = 0; d < width; d++)
        added += pow (hearts[k * width + d] - before[k * width + d], 2) / (double) (n * (gsize) AX_N_ANATOMY * width);
      memcpy (targets + (k * (gsize) AX_N_ANATOMY + HEART) * width, hearts + k * width, width * sizeof (float));
    }
  fit.targets = targets;
  *left = fit_head (m, &fit, steps, lr, seed) / MAX (added, 1e-12);
  return TRUE;
}
