/* What a training step sees. See lm_draw.h. */
#include "engine/training/lm_draw.h"
#include "engine/text/prompt.h"
#include "engine/training/random.h"
#include <math.h>
#include <string.h>

void
ax_lm_draw_init (AxLmDraw *d, const AxLmTrainConfig *config, const AxLmSamples *samples, const AxLmPerception *perceptions, AxGemmaTokenizer *tokenizer)
{
  *d = (AxLmDraw){ config, samples, perceptions, tokenizer, g_array_new (FALSE, FALSE, sizeof (guint)), -1, NULL };
  if (config->rich <= 0)
    return;
  double sum = 0, whole = 0;
  d->reach = g_array_new (FALSE, FALSE, sizeof (double));
  for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++)
    whole += config->mix[t];
  for (guint i = 0; i < samples->pictures->len; i++)
    {
      const AxLmPicture *p = samples->pictures->pdata[i];
      gboolean has[AX_INSTRUCT_N_TASKS] = { FALSE };
      double share = 0;
      for (guint k = 0; k < p->samples->len; k++)
        has[((AxInstructSample *) samples->samples->pdata[g_array_index (p->samples, guint, k)])->task] = TRUE;
      for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++)
        share += has[t] ? config->mix[t] / whole : 0;
      const char *dataset = ((AxInstructSample *) samples->samples->pdata[g_array_index (p->samples, guint, 0)])->dataset;
      const double *weight = dataset ? g_hash_table_lookup (config->datasets, dataset) : NULL;
      sum += pow (share, config->rich) * (weight ? *weight : 1) * (p->flip ? config->mirrored : 1);
      g_array_append_val (d->reach, sum);
    }
}

void
ax_lm_draw_clear (AxLmDraw *d)
{
  g_clear_pointer (&d->order, g_array_unref);
  g_clear_pointer (&d->reach, g_array_unref);
}

/* ---- tokens ------------------------------------------------------------------------------------------------------------- */

/* The prompt's common part as a root stretch; returns its number. system: 0 none, else spec 8.2's. */
static int
add_prefix (AxLmDraw *d, AxLmBatch *b, guint picture, guint system, gboolean vary)
{
  const AxLmPerception *p = &d->perceptions[picture];
  const AxPromptOptions options = { p->tokens, system > 0 ? ax_prompt_system (system - 1) : NULL, AX_PROMPT_FULL, vary };
  AxPromptObjects objects;
  memcpy (objects.boxes, p->cxcywh, sizeof objects.boxes);
  memcpy (objects.sentences, p->sentences, sizeof objects.sentences);
  g_autofree char *text = ax_prompt_prefix (&options, &objects);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  ax_prompt_encode (d->tokenizer, text, NULL, ids, NULL);
  int number = ax_lm_batch_add_picture (b, p->tokens, p->image_dim, p->image, AX_N_ANATOMY, p->object_dim, p->objects);
  return ax_lm_batch_add (b, -1, number, (const gint32 *) ids->data, NULL, ids->len, 0, 0);
}

/* Spec 6.6: what stands for the image is never a target. */
static gboolean
is_target (const AxGemmaTokenizer *tokenizer, gint32 id)
{
  gint32 added = id - ax_gemma_tokenizer_added_first (tokenizer);
  return added == AX_TOKEN_BOX || added == AX_TOKEN_BOX_END || added == AX_TOKEN_REF || added == AX_TOKEN_REF_END || added < 0 || added >= AX_N_ADDED_TOKENS;
}

/* The task and its answer: ids without the last one, after which nothing follows, and in labels what follows each token from "model" on (spec 6.6). */
static void
task_ids (AxLmDraw *d, const char *instruction, const char *response, GArray *ids, GArray *labels)
{
  g_autofree char *question = ax_prompt_task (instruction, FALSE), *answer = ax_prompt_answer (response);
  const gint32 none = -1;
  ax_gemma_tokenizer_encode (d->tokenizer, question, -1, FALSE, ids);
  guint from = ids->len;
  ax_gemma_tokenizer_encode (d->tokenizer, answer, -1, FALSE, ids);
  for (guint i = 0; i + 1 < ids->len; i++)
    {
      gint32 next = g_array_index (ids, gint32, i + 1);
      gboolean trained = i + 2 >= from && is_target (d->tokenizer, next);
      g_array_append_val (labels, *(trained ? &next : &none));
    }
  g_array_set_size (ids, ids->len - 1);
}

static guint
count_targets (const GArray *labels)
{
  guint n = 0;
  for (guint i = 0; i < labels->len; i++)
    n += g_array_index (labels, gint32, i) >= 0;
  return n;
}

/* Adds a sample's answer behind `root` if it fits the tokens allowed. */
static gboolean
add_answer (AxLmDraw *d, AxLmBatch *b, int root, guint sample, guint pick, guint pick_response, gboolean weighted, guint number, GError **error)
{
  const AxInstructSample *s = d->samples->samples->pdata[sample];
  const AxLmPerception *p = &d->perceptions[g_array_index (d->samples->picture_of, guint, sample)];
  g_autofree char *instruction = NULL, *response = NULL;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32)), labels = g_array_new (FALSE, FALSE, sizeof (gint32));
  gboolean copy = s->task == AX_INSTRUCT_ANATOMY && d->config->copy_boxes;
  if (!ax_instruct_sample_pick (s, pick, pick_response, copy ? p->boxes : NULL, &instruction, &response))
    {
      g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "An answer about %s names a box, but the sample has no boxes", s->image_path);
      return FALSE;
    }
  task_ids (d, instruction, response, ids, labels);
  guint n = count_targets (labels);
  if ((int) (b->ids->len + ids->len) > d->config->tokens || n == 0)
    return TRUE;
  double weight = weighted ? d->config->weight[s->task] * s->weight / pow (n, d->config->length_power) : 1;
  int picture = g_array_index (b->stretches, AxGemmaStretch, root).image;
  guint first = b->weights->len;
  ax_lm_batch_add (b, root, picture, (const gint32 *) ids->data, (const gint32 *) labels->data, ids->len, (float) weight, number);
  /* Behind a box an answer ends or goes on: the one token among dozens on which it depends whether it ever stops. */
  const gint32 box_end = ax_gemma_tokenizer_added_first (d->tokenizer) + AX_TOKEN_BOX_END;
  for (guint i = first; weighted && i < b->weights->len; i++)
    if (g_array_index (b->ids, gint32, g_array_index (b->out_rows, int, i)) == box_end)
      g_array_index (b->weights, float, i) *= (float) d->config->after_box;
  return TRUE;
}

/* ---- training ----------------------------------------------------------------------------------------------------------- */

/* The picture at place g of an endless row: epochs, each in its own order, or draws by weight. */
static guint
picture_at (AxLmDraw *d, gint64 g)
{
  guint n = d->samples->pictures->len;
  if (d->reach)
    {
      AxRandom r = ax_random_init (d->config->seed, 0x0f, (guint64) g);
      const double *reach = (const double *) d->reach->data;
      double u = ax_random_uniform (&r) * reach[n - 1];
      guint lo = 0, hi = n - 1;
      while (lo < hi)
        {
          guint middle = (lo + hi) / 2;
          if (reach[middle] > u)
            hi = middle;
          else
            lo = middle + 1;
        }
      return lo;
    }
  gint64 epoch = g / n;
  if (d->epoch != epoch)
    {
      AxRandom r = ax_random_init (d->config->seed, 0x0e, (guint64) epoch);
      g_array_set_size (d->order, n);
      guint *order = (guint *) d->order->data;
      for (guint i = 0; i < n; i++)
        order[i] = i;
      for (guint i = n; i > 1; i--)
        {
          guint k = (guint) ax_random_below (&r, i), t = order[i - 1];
          order[i - 1] = order[k];
          order[k] = t;
        }
      d->epoch = epoch;
    }
  return g_array_index (d->order, guint, (guint) (g % n));
}

typedef struct { double key; guint sample; } Draw;

static int
by_key (gconstpointer a, gconstpointer b)
{
  const Draw *x = a, *y = b;
  return x->key < y->key ? 1 : x->key > y->key ? -1 : x->sample < y->sample ? -1 : 1;
}

/* Samples of the picture in the order of a weighted draw without replacement (Efraimidis and Spirakis 2006: the largest of u^(1/w) first). A task's weight is
 * shared by its samples, so that many wordings of one thing do not crowd out the rest. */
static GArray *
draw_samples (AxLmDraw *d, const AxLmPicture *p, AxRandom *r)
{
  GArray *draws = g_array_new (FALSE, FALSE, sizeof (Draw));
  guint count[AX_INSTRUCT_N_TASKS] = { 0 };
  for (guint i = 0; i < p->samples->len; i++)
    count[((AxInstructSample *) d->samples->samples->pdata[g_array_index (p->samples, guint, i)])->task]++;
  for (guint i = 0; i < p->samples->len; i++)
    {
      guint sample = g_array_index (p->samples, guint, i);
      const AxInstructSample *s = d->samples->samples->pdata[sample];
      double u = 1 - ax_random_uniform (r), w = d->config->mix[s->task] * s->weight / count[s->task];
      if (w * d->config->weight[s->task] > 0)
        g_array_append_val (draws, ((Draw){ log (u) / w, sample }));
    }
  g_array_sort (draws, by_key);
  return draws;
}

gboolean
ax_lm_draw_batch (AxLmDraw *d, gint64 step, int place, AxLmBatch *b, GError **error)
{
  gint64 g = step * d->config->pictures + place;
  AxRandom r = ax_random_init (d->config->seed, 0x5a, (guint64) g);
  guint index = picture_at (d, g);
  const AxLmPicture *p = d->samples->pictures->pdata[index];
  guint system = ax_random_uniform (&r) < d->config->system ? 1 + (guint) ax_random_below (&r, AX_PROMPT_N_SYSTEM) : 0;
  gboolean vary = ax_random_uniform (&r) < d->config->vary;
  ax_lm_batch_clear (b);
  b->constant = ax_random_uniform (&r) >= d->config->prefix_gradient;
  int root = add_prefix (d, b, index, system, vary);
  g_autoptr (GArray) draws = draw_samples (d, p, &r);
  for (guint i = 0; i < draws->len && (int) b->stretches->len <= d->config->tasks; i++)
    {
      guint pick = (guint) ax_random_below (&r, 1 << 20), answer = (guint) ax_random_below (&r, 1 << 20);
      if (!add_answer (d, b, root, g_array_index (draws, Draw, i).sample, pick, answer, TRUE, i, error))
        return FALSE;
    }
  if (b->targets->len > 0)
    return TRUE;
  g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "No answer about %s fits the %d tokens of a step; raise \"tokens\"", p->path,
               d->config->tokens);
  return FALSE;
}

/* ---- validation --------------------------------------------------------------------------------------------------------- */

GPtrArray *
ax_lm_draw_validation (AxLmDraw *d, int pictures, int answers, GError **error)
{
  g_autoptr (GPtrArray) batches = g_ptr_array_new_with_free_func ((GDestroyNotify) ax_lm_batch_free);
  g_autoptr (GArray) order = g_array_new (FALSE, FALSE, sizeof (Draw));
  guint number = 0;
  for (guint i = 0; i < d->samples->pictures->len; i++)
    {
      AxRandom r = ax_random_init (0, 0x7a11da7e, i);
      g_array_append_val (order, ((Draw){ ax_random_uniform (&r), i }));
    }
  g_array_sort (order, by_key);
  for (guint k = 0; k < order->len && (int) k < pictures; k++)
    {
      guint index = g_array_index (order, Draw, k).sample;
      const AxLmPicture *p = d->samples->pictures->pdata[index];
      g_autoptr (GArray) draws = g_array_new (FALSE, FALSE, sizeof (Draw));
      int count[AX_INSTRUCT_N_TASKS] = { 0 };
      for (guint i = 0; i < p->samples->len; i++)
        {
          guint sample = g_array_index (p->samples, guint, i);
          AxRandom r = ax_random_init (0, 0x7a11da7f, sample);
          g_array_append_val (draws, ((Draw){ ax_random_uniform (&r), sample }));
        }
      g_array_sort (draws, by_key);
      AxLmBatch *b = ax_lm_batch_new ();
      g_ptr_array_add (batches, b);
      int root = add_prefix (d, b, index, 0, FALSE);
      for (guint i = 0; i < draws->len; i++)
        {
          guint sample = g_array_index (draws, Draw, i).sample;
          guint task = ((AxInstructSample *) d->samples->samples->pdata[sample])->task;
          if (count[task]++ < answers && !add_answer (d, b, root, sample, sample, sample, FALSE, task + AX_INSTRUCT_N_TASKS * number++, error))
            return NULL;
        }
      if (b->targets->len == 0)
        g_ptr_array_remove_index (batches, batches->len - 1);
    }
  return g_steal_pointer (&batches);
}

/* ---- vocabulary --------------------------------------------------------------------------------------------------------- */

GArray *
ax_lm_draw_targets (const AxLmSamples *samples, const AxGemmaTokenizer *tokenizer)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32)), *all = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autofree guint8 *seen = g_new0 (guint8, ax_gemma_tokenizer_size (tokenizer));
  /* Numbers of boxes that are filled in later are among these. */
  ax_gemma_tokenizer_encode (tokenizer, "model\n<box>(0,1),(2,3)</box><box>(-4,-5),(-6,-7)</box><box>(8,-9),(-1,1)</box><end_of_turn>", -1, FALSE, ids);
  for (guint i = 0; i < samples->samples->len; i++)
    {
      const AxInstructSample *s = samples->samples->pdata[i];
      for (guint k = 0; s->response[k]; k++)
        {
          g_autofree char *answer = ax_prompt_answer (s->response[k]);
          ax_gemma_tokenizer_encode (tokenizer, answer, -1, FALSE, ids);
        }
      for (guint k = 0; k < ids->len; k++)
        {
          gint32 id = g_array_index (ids, gint32, k);
          if (!seen[id])
            g_array_append_val (all, id);
          seen[id] = 1;
        }
      g_array_set_size (ids, 0);
    }
  g_array_unref (ids);
  return all;
}
