/* eval_lm.c: see eval_lm.h. */
#include "engine/evaluation/eval_lm.h"

#include <math.h>
#include <string.h>

#include "engine/evaluation/lm_answer.h"
#include "engine/session/json-writer.h"

#define ABLATION_LIMIT 60 /* questions of each kind that are asked again with less context */

typedef struct {
  const GPtrArray *requests;
  AxImageFacts **facts;   /* [n] */
  const AxLmAnswerer *answerer;
  AxLmProgress progress;
  gpointer user_data;
  GCancellable *cancellable;
  guint done, total;
  gint64 start;
} Run;

static gboolean
ask (Run *run, AxLmContext context, const guint8 *chosen, AxLmReply *replies, GError **error)
{
  const AxLmRequest *last = NULL;
  for (guint i = 0; i < run->requests->len; i++) {
    const AxLmRequest *r = run->requests->pdata[i];
    replies[i].yes = NAN;
    if (chosen != NULL && !chosen[i])
      continue;
    if (g_cancellable_set_error_if_cancelled (run->cancellable, error))
      return FALSE;
    const gint64 begin = g_get_monotonic_time ();
    if ((last == NULL || last->image != r->image || last->flip != r->flip) &&
        !run->answerer->open (run->answerer->self, run->facts[r->image], r->flip, context, run->cancellable, error))
      return FALSE;
    last = r;
    if (!run->answerer->answer (run->answerer->self, r, &replies[i], run->cancellable, error))
      return FALSE;
    replies[i].seconds = (double) (g_get_monotonic_time () - begin) / 1e6;
    run->done++;
    if (run->progress != NULL)
      run->progress (run->done, run->total, (double) (g_get_monotonic_time () - run->start) / 1e6, run->user_data);
  }
  return TRUE;
}

/* The questions that are asked again with less context: the first of each kind, the plainest wording, unmirrored. */
static guint
choose (const GPtrArray *requests, guint8 *chosen)
{
  guint counts[AX_ASK_N] = { 0 }, n = 0;
  /* Every third request in turn, so that all images take part rather than the first ones. */
  for (guint phase = 0; phase < 3; phase++)
    for (guint i = phase; i < requests->len; i += 3) {
      const AxLmRequest *r = requests->pdata[i];
      if (r->flip || (r->ask == AX_ASK_ANATOMY && r->wording != AX_WORDING_SPEC) || r->ask == AX_ASK_LIST || counts[r->ask] >= ABLATION_LIMIT)
        continue;
      counts[r->ask]++;
      chosen[i] = 1;
      n++;
    }
  return n;
}

static void
replies_clear (AxLmReply *replies, guint n)
{
  for (guint i = 0; i < n; i++)
    ax_lm_reply_clear (&replies[i]);
  memset (replies, 0, n * sizeof *replies);
}

/* The rule's answers to all requests. */
static void
answer_by_rule (const GPtrArray *requests, AxImageFacts *const *plain, AxImageFacts *const *mirrored, AxLmReply *replies)
{
  for (guint i = 0; i < requests->len; i++) {
    const AxLmRequest *r = requests->pdata[i];
    replies[i].yes = NAN;
    replies[i].ended = TRUE;
    replies[i].text = ax_lm_answer_from_facts (r, r->flip ? mirrored[r->image] : plain[r->image], &replies[i].yes);
  }
}

/* One line a question: {"image": "...", "mirrored": false, "task": "...", "question": "...", "answer": "...", "true": "...", ...}. For whoever wants to see what
 * stands behind a figure. */
static gboolean
write_answers (const char *path, const GPtrArray *requests, const AxLmReply *replies, AxImageFacts *const *facts, GError **error)
{
  g_autoptr (GString) lines = g_string_new (NULL);
  for (guint i = 0; i < requests->len; i++) {
    const AxLmRequest *r = requests->pdata[i];
    if (replies[i].text == NULL)
      continue;
    g_autoptr (AxImageFacts) mirrored = r->flip ? ax_image_facts_mirror (facts[r->image]) : NULL;
    g_autofree char *truth = r->ask == AX_ASK_PHRASE && !r->present ? g_strdup ("absent") : ax_lm_answer_from_facts (r, r->flip ? mirrored : facts[r->image], NULL);
    AxJson *json = ax_json_new (FALSE);
    ax_json_begin_object (json, NULL);
    ax_json_string (json, "image", facts[r->image]->id);
    ax_json_bool (json, "mirrored", r->flip);
    ax_json_string (json, "task", ax_instruct_task_name (r->task));
    ax_json_int (json, "kind", r->ask);
    ax_json_string (json, "question", r->text);
    ax_json_string (json, "answer", replies[i].text);
    ax_json_string (json, "true", truth);
    ax_json_number (json, "yes", replies[i].yes, 6);
    ax_json_bool (json, "ended", replies[i].ended);
    ax_json_end (json);
    g_autofree char *line = ax_json_finish (json);
    g_string_append (lines, g_strchomp (line));
    g_string_append_c (lines, '\n');
  }
  return g_file_set_contents (path, lines->str, (gssize) lines->len, error);
}

static guint
count_patients (AxImageFacts *const *facts, guint n)
{
  g_autoptr (GHashTable) set = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < n; i++)
    g_hash_table_add (set, facts[i]->patient);
  return g_hash_table_size (set);
}

static void
facts_free (AxImageFacts **facts, guint n)
{
  for (guint i = 0; i < n; i++)
    ax_image_facts_free (facts[i]);
  g_free (facts);
}

gboolean
ax_eval_lm (const AxDataset *dataset, const GPtrArray *images, AxPerception *const *plain, AxPerception *const *mirrored, const AxLmAnswerer *answerer,
            const AxLmOptions *options, AxLmProgress progress, gpointer user_data, GCancellable *cancellable, AxLmEvaluation *out, GError **error)
{
  const guint n = images->len;
  AxImageFacts **facts = g_new0 (AxImageFacts *, n + 1), **seen = g_new0 (AxImageFacts *, n + 1), **seen_mirrored = g_new0 (AxImageFacts *, n + 1);
  memset (out, 0, sizeof *out);
  for (guint i = 0; i < n; i++) {
    g_autofree char *path = ax_dataset_image_path (dataset, images->pdata[i]);
    facts[i] = ax_image_facts_new (images->pdata[i], path);
    seen[i] = ax_lm_facts_from_perception (plain[i], facts[i]);
    seen_mirrored[i] = ax_lm_facts_from_perception (mirrored[i], facts[i]);
  }
  AxLmPlan plan;
  (options->quick ? ax_lm_plan_quick : ax_lm_plan_full) (&plan);
  plan.seed = options->seed;
  g_autoptr (GPtrArray) requests = ax_lm_requests_new (facts, n, &plan);
  g_autofree AxLmReply *replies = g_new0 (AxLmReply, requests->len + 1);
  g_autofree guint8 *chosen = g_new0 (guint8, requests->len + 1);
  const guint again = options->ablations && answerer != NULL ? choose (requests, chosen) : 0;
  Run run = { requests, facts, answerer, progress, user_data, cancellable, 0, requests->len + 2 * again, g_get_monotonic_time () };
  out->n_images = n;
  out->n_patients = count_patients (facts, n);
  out->n_requests = requests->len;
  out->ablated = again > 0;

  gboolean ok = TRUE;
  if (answerer != NULL)
    ok = ask (&run, AX_CONTEXT_FULL, NULL, replies, error);
  else
    answer_by_rule (requests, seen, seen_mirrored, replies);
  if (ok && options->answers != NULL)
    ok = write_answers (options->answers, requests, replies, facts, error);
  if (ok) {
    ax_lm_figures (requests, replies, facts, n, seen, options->rounds, options->seed, &out->model);
    if (again > 0) {
      /* The same questions with everything, to compare with. */
      for (guint i = 0; i < requests->len; i++)
        if (!chosen[i])
          ax_lm_reply_clear (&replies[i]);
      ax_lm_figures (requests, replies, facts, n, seen, options->rounds, options->seed, &out->ablation[AX_CONTEXT_FULL]);
    }
  }
  for (guint c = AX_CONTEXT_OBJECTS; ok && again > 0 && c < AX_CONTEXT_N; c++) {
    replies_clear (replies, requests->len);
    ok = ask (&run, (AxLmContext) c, chosen, replies, error);
    if (ok)
      ax_lm_figures (requests, replies, facts, n, seen, options->rounds, options->seed, &out->ablation[c]);
  }
  replies_clear (replies, requests->len);
  if (ok) {
    answer_by_rule (requests, seen, seen_mirrored, replies);
    ax_lm_figures (requests, replies, facts, n, seen, options->rounds, options->seed, &out->rule);
    replies_clear (replies, requests->len);
  } else
    ax_lm_evaluation_clear (out);
  facts_free (facts, n);
  facts_free (seen, n);
  facts_free (seen_mirrored, n);
  return ok;
}

void
ax_lm_evaluation_clear (AxLmEvaluation *e)
{
  ax_lm_figures_clear (&e->model);
  ax_lm_figures_clear (&e->rule);
  for (guint c = 0; c < AX_CONTEXT_N; c++)
    ax_lm_figures_clear (&e->ablation[c]);
  memset (e, 0, sizeof *e);
}
