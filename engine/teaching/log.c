/* log.c: one sitting with a round; see log.h. */
#include "engine/teaching/log.h"

#include "engine/checkpoint/atomic_file.h"
#include "engine/checkpoint/json_read.h"

#include <math.h>
#include <string.h>

static void
entry_free (gpointer data)
{
  AxRoundEntry *entry = data;
  ax_round_answer_free (entry->answer);
  ax_round_answer_free (entry->voice);
  ax_round_score_clear (&entry->score);
  ax_round_score_clear (&entry->voice_score);
  g_free (entry);
}

AxRoundLog *
ax_round_log_new (const AxRound *round)
{
  AxRoundLog *log = g_new0 (AxRoundLog, 1);
  log->round = ax_round_copy (round);
  log->entries = g_ptr_array_new_with_free_func (entry_free);
  return log;
}

AxRoundLog *
ax_round_log_copy (const AxRoundLog *log)
{
  AxRoundLog *copy = ax_round_log_new (log->round);
  copy->learner = g_strdup (log->learner);
  copy->model = g_strdup (log->model);
  copy->started = g_strdup (log->started);
  for (guint i = 0; i < log->entries->len; i++) {
    const AxRoundEntry *entry = log->entries->pdata[i];
    ax_round_log_answer (copy, entry->number, entry->answer, entry->hint, entry->ms);
    if (entry->voice != NULL)
      ax_round_log_set_voice (copy, entry->number, entry->voice);
    ax_round_log_set_pairs_kept (copy, entry->number, entry->pairs_kept);
  }
  return copy;
}

void
ax_round_log_free (AxRoundLog *log)
{
  if (log == NULL)
    return;
  ax_round_free (log->round);
  g_free (log->learner);
  g_free (log->model);
  g_free (log->started);
  g_ptr_array_unref (log->entries);
  g_free (log);
}

AxRoundEntry *
ax_round_log_find (const AxRoundLog *log, guint number)
{
  for (guint i = 0; i < log->entries->len; i++)
    if (((AxRoundEntry *) log->entries->pdata[i])->number == number)
      return log->entries->pdata[i];
  return NULL;
}

AxRoundEntry *
ax_round_log_answer (AxRoundLog *log, guint number, const AxRoundAnswer *answer, gboolean hint, gint64 ms)
{
  g_return_val_if_fail (number < ax_round_n_cases (log->round), NULL);
  if (ax_round_log_find (log, number) != NULL)
    return NULL;
  AxRoundEntry *entry = g_new0 (AxRoundEntry, 1);
  entry->number = number;
  entry->hint = hint;
  entry->ms = MAX (ms, 0);
  entry->pairs_kept = -1;
  entry->answer = ax_round_answer_copy (answer);
  ax_round_score (ax_round_get_case (log->round, number), answer, &entry->score);
  g_ptr_array_add (log->entries, entry);
  return entry;
}

void
ax_round_log_set_voice (AxRoundLog *log, guint number, const AxRoundAnswer *voice)
{
  AxRoundEntry *entry = ax_round_log_find (log, number);
  g_return_if_fail (entry != NULL && voice != NULL);
  AxRoundAnswer *copy = ax_round_answer_copy (voice);
  ax_round_answer_free (entry->voice);
  entry->voice = copy;
  ax_round_score_clear (&entry->voice_score);
  ax_round_score (ax_round_get_case (log->round, number), copy, &entry->voice_score);
}

void
ax_round_log_set_pairs_kept (AxRoundLog *log, guint number, int pairs_kept)
{
  AxRoundEntry *entry = ax_round_log_find (log, number);
  g_return_if_fail (entry != NULL && pairs_kept >= -1 && pairs_kept <= AX_N_PAIRS);
  entry->pairs_kept = pairs_kept;
}

AxRoundTotals
ax_round_log_totals (const AxRoundLog *log)
{
  AxRoundTotals t = { .n_cases = ax_round_n_cases (log->round), .n_answered = log->entries->len };
  for (guint i = 0; i < log->entries->len; i++) {
    const AxRoundEntry *entry = log->entries->pdata[i];
    t.n_passed += entry->score.passed;
    t.n_hints += entry->hint;
    t.mean += entry->score.value / MAX (t.n_cases, 1);
    if (entry->voice == NULL)
      continue;
    t.n_voices++;
    t.n_voice_passed += entry->voice_score.passed;
    t.voice_mean += entry->voice_score.value;
  }
  t.voice_mean /= MAX (t.n_voices, 1);
  return t;
}

GArray *
ax_round_log_misses (const AxRoundLog *log)
{
  GArray *misses = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = 0; i < ax_round_n_cases (log->round); i++) {
    const AxRoundEntry *entry = ax_round_log_find (log, i);
    if (entry == NULL || !entry->score.passed)
      g_array_append_val (misses, i);
  }
  return misses;
}

/* ---- writing ---------------------------------------------------------------------------------------------------------------- */

static void
write_score (AxJson *json, const char *key, const AxRoundScore *score)
{
  ax_json_begin_inline_object (json, key);
  ax_json_number (json, "value", score->value, 4);
  ax_json_bool (json, "passed", score->passed);
  if (score->missed != NULL)
    ax_json_string (json, "missed", score->missed);
  if (score->extra != NULL)
    ax_json_string (json, "extra", score->extra);
  ax_json_end (json);
}

static void
write_entry (AxJson *json, const AxRoundLog *log, const AxRoundEntry *entry)
{
  ax_json_begin_object (json, NULL);
  ax_json_string (json, "case", ax_round_get_case (log->round, entry->number)->id);
  ax_json_bool (json, "hint", entry->hint);
  ax_json_int (json, "ms", entry->ms);
  ax_round_answer_write (json, "answer", entry->answer);
  write_score (json, "score", &entry->score);
  if (entry->voice != NULL) {
    ax_round_answer_write (json, "model", entry->voice);
    write_score (json, "model_score", &entry->voice_score);
  }
  if (entry->pairs_kept >= 0)
    ax_json_int (json, "model_pairs_kept", entry->pairs_kept);
  ax_json_end (json);
}

void
ax_round_log_write (AxJson *json, const char *key, const AxRoundLog *log)
{
  ax_json_begin_object (json, key);
  ax_json_string (json, "format", AX_ROUND_LOG_FORMAT);
  ax_json_int (json, "version", AX_ROUND_LOG_VERSION);
  ax_json_string (json, "learner", log->learner);
  ax_json_string (json, "started", log->started);
  ax_json_string (json, "model", log->model);
  ax_round_write (json, "round", log->round);
  ax_json_begin_array (json, "entries");
  for (guint i = 0; i < log->entries->len; i++)
    write_entry (json, log, log->entries->pdata[i]);
  ax_json_end (json);
  ax_json_end (json);
}

char *
ax_round_log_to_json (const AxRoundLog *log)
{
  AxJson *json = ax_json_new (TRUE);
  ax_round_log_write (json, NULL, log);
  return ax_json_finish (json);
}

gboolean
ax_round_log_save (const AxRoundLog *log, const char *path, GError **error)
{
  g_autofree char *text = ax_round_log_to_json (log);
  g_autoptr (GError) reason = NULL;
  if (ax_atomic_file_save (path, text, strlen (text), &reason))
    return TRUE;
  g_set_error_literal (error, AX_ROUND_ERROR, AX_ROUND_ERROR_WRITE, reason->message);
  return FALSE;
}

/* ---- reading ---------------------------------------------------------------------------------------------------------------- */

int
ax_round_log_number (const AxRoundLog *log, const char *id)
{
  for (guint i = 0; i < ax_round_n_cases (log->round); i++)
    if (strcmp (ax_round_get_case (log->round, i)->id, id) == 0)
      return (int) i;
  return -1;
}

/* The value is written with four decimals: half a unit of the last, and what the division by 10^4 rounds. */
static gboolean
score_is_said (JsonObject *object, const char *key, const AxRoundScore *score, GError **error)
{
  JsonObject *said = ax_json_get_object (object, key, error);
  double value;
  gboolean passed = FALSE;
  if (said == NULL || !ax_json_get_double (said, "value", 0, 1, &value, error) || !ax_json_get_boolean (said, "passed", &passed, error))
    return FALSE;
  if (fabs (value - score->value) <= 0.5e-4 + 1e-9 && passed == score->passed)
    return TRUE;
  g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "\"%s\" is not the score of the answer (%.4f)", key, score->value);
  return FALSE;
}

static gboolean
read_voice (AxRoundLog *log, AxRoundEntry *entry, JsonObject *object, GError **error)
{
  if (!json_object_has_member (object, "model"))
    return TRUE;
  JsonObject *said = ax_json_get_object (object, "model", error);
  g_autoptr (AxRoundAnswer) voice = said != NULL ? ax_round_answer_read (said, error) : NULL;
  if (voice == NULL)
    return FALSE;
  ax_round_log_set_voice (log, entry->number, voice);
  return score_is_said (object, "model_score", &entry->voice_score, error);
}

static gboolean
read_entry (AxRoundLog *log, JsonObject *object, GError **error)
{
  const char *id = ax_json_get_string (object, "case", error);
  int number = id != NULL ? ax_round_log_number (log, id) : -1;
  gboolean hint = FALSE;
  gint64 ms = 0;
  if (number < 0) {
    if (id != NULL)
      g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "the round has no case \"%.64s\"", id);
    return FALSE;
  }
  JsonObject *said = ax_json_get_object (object, "answer", error);
  g_autoptr (AxRoundAnswer) answer = said != NULL ? ax_round_answer_read (said, error) : NULL;
  if (answer == NULL || !ax_round_read_flag (object, "hint", &hint, error) || !ax_json_get_int (object, "ms", 0, G_MAXINT64, &ms, error))
    return FALSE;
  AxRoundEntry *entry = ax_round_log_answer (log, (guint) number, answer, hint, ms);
  if (entry == NULL) {
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "case \"%.64s\" is answered twice", id);
    return FALSE;
  }
  gint64 kept = -1;
  if (json_object_has_member (object, "model_pairs_kept") && !ax_json_get_int (object, "model_pairs_kept", 0, AX_N_PAIRS, &kept, error))
    return FALSE;
  entry->pairs_kept = (int) kept;
  return score_is_said (object, "score", &entry->score, error) && read_voice (log, entry, object, error);
}

AxRoundLog *
ax_round_log_read (JsonObject *object, GError **error)
{
  JsonObject *inner;
  JsonArray *entries;
  if (!ax_round_read_format (object, AX_ROUND_LOG_FORMAT, AX_ROUND_LOG_VERSION, error) || (inner = ax_json_get_object (object, "round", error)) == NULL)
    return NULL;
  g_autoptr (AxRound) round = ax_round_read (inner, error);
  if (round == NULL)
    return NULL;
  g_autoptr (AxRoundLog) log = ax_round_log_new (round);
  if (!ax_round_read_text (object, "learner", FALSE, &log->learner, error) || !ax_round_read_text (object, "started", FALSE, &log->started, error) ||
      !ax_round_read_text (object, "model", FALSE, &log->model, error) || (entries = ax_json_get_array (object, "entries", error)) == NULL)
    return NULL;
  for (guint i = 0; i < json_array_get_length (entries); i++) {
    JsonNode *node = json_array_get_element (entries, i);
    if (!JSON_NODE_HOLDS_OBJECT (node))
      g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "it is not an object");
    if (!JSON_NODE_HOLDS_OBJECT (node) || !read_entry (log, json_node_get_object (node), error)) {
      g_prefix_error (error, "entry %u: ", i + 1);
      return NULL;
    }
  }
  return g_steal_pointer (&log);
}

static AxRoundLog *
finish (JsonObject *object, const char *name, GError *unread, GError **error)
{
  g_autoptr (GError) reason = NULL;
  AxRoundLog *log = object != NULL ? ax_round_log_read (object, &reason) : NULL;
  if (log == NULL)
    ax_round_fail (error, name, "replayed", unread, reason);
  return log;
}

AxRoundLog *
ax_round_log_from_json (const char *text, gsize size, const char *name, GError **error)
{
  g_autoptr (GError) unread = NULL;
  g_autoptr (JsonObject) object = ax_json_parse_object (text, size, name, &unread);
  return finish (object, name, unread, error);
}

AxRoundLog *
ax_round_log_load (const char *path, GError **error)
{
  g_autoptr (GError) unread = NULL;
  g_autoptr (JsonObject) object = ax_json_load_object (path, &unread);
  g_autofree char *name = g_path_get_basename (path);
  return finish (object, name, unread, error);
}
