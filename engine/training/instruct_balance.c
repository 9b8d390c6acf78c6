/* instruct_balance.c: weights of a training set's samples, see instruct-private.h. */
#include <math.h>

#include "engine/training/instruct-private.h"

/* How far a sample's weight moves from 1 at most, and how much of the inequality is taken out: a weight acts on how often a sample is drawn and on its loss, so its
 * square is what counts. With a power of 0.8 rare answers became habits themselves (effusions in reports of healthy chests). */
#define MOST 2.0
#define POWER 0.45
/* Of a topic that has one answer only: nothing can be learnt from the image there, only the habit. */
#define ONE_SIDED 0.25

typedef struct {
  const char *topic;
  guint answer, count;
} Answer;

typedef struct {
  guint answers, samples;
} Topic;

static guint
answer_hash (gconstpointer key)
{
  const Answer *a = key;
  return g_direct_hash (a->topic) * 31 + a->answer;
}

static gboolean
answer_equal (gconstpointer p, gconstpointer q)
{
  const Answer *a = p, *b = q;
  return a->topic == b->topic && a->answer == b->answer;
}

void
instruct_topic (AxInstructSample *sample, const char *topic, guint answer)
{
  sample->topic = g_intern_string (topic);
  sample->answer = answer;
}

void
instruct_balance (GPtrArray *samples)
{
  g_autoptr (GHashTable) answers = g_hash_table_new_full (answer_hash, answer_equal, g_free, NULL), topics = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  for (guint i = 0; i < samples->len; i++) {
    const AxInstructSample *s = samples->pdata[i];
    if (s->topic == NULL)
      continue;
    Topic *t = g_hash_table_lookup (topics, s->topic);
    if (t == NULL)
      g_hash_table_insert (topics, (gpointer) s->topic, t = g_new0 (Topic, 1));
    t->samples++;
    const Answer key = { s->topic, s->answer, 0 };
    Answer *a = g_hash_table_lookup (answers, &key);
    if (a == NULL) {
      a = g_memdup2 (&key, sizeof key);
      g_hash_table_insert (answers, a, a);
      t->answers++;
    }
    a->count++;
  }
  for (guint i = 0; i < samples->len; i++) {
    AxInstructSample *s = samples->pdata[i];
    if (s->topic == NULL)
      continue;
    const Topic *t = g_hash_table_lookup (topics, s->topic);
    const Answer key = { s->topic, s->answer, 0 }, *a = g_hash_table_lookup (answers, &key);
    const double even = (double) t->samples / t->answers / a->count;
    s->weight *= t->answers < 2 ? ONE_SIDED : CLAMP (pow (even, POWER), 1 / MOST, MOST);
  }
  double most = 1;
  for (guint i = 0; i < samples->len; i++)
    most = MAX (most, ((AxInstructSample *) samples->pdata[i])->weight);
  for (guint i = 0; i < samples->len; i++) /* weights are shares of 1 */
    ((AxInstructSample *) samples->pdata[i])->weight /= most;
}
