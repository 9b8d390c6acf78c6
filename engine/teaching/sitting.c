/* sitting.c: where a learner stands in a round; see sitting.h. */
#include "engine/teaching/sitting.h"

#include "engine/checkpoint/json_read.h"

#include <string.h>

AxRoundSitting *
ax_round_sitting_new (const AxRoundLog *log, const char *folder)
{
  AxRoundSitting *sitting = g_new0 (AxRoundSitting, 1);
  sitting->log = ax_round_log_copy (log);
  sitting->folder = g_strdup (folder);
  sitting->number = ax_round_n_cases (log->round) > 0 ? 0 : -1;
  sitting->traces = g_new0 (AxRoundTrace, MAX (ax_round_n_cases (log->round), 1));
  return sitting;
}

void
ax_round_sitting_free (AxRoundSitting *sitting)
{
  if (sitting == NULL)
    return;
  ax_round_log_free (sitting->log);
  ax_round_answer_free (sitting->draft);
  g_clear_pointer (&sitting->review, g_array_unref);
  g_free (sitting->traces);
  g_free (sitting->folder);
  g_free (sitting);
}

gboolean
ax_round_sitting_is_begun (const AxRoundSitting *sitting)
{
  const AxRoundAnswer *draft = sitting->draft;
  for (guint i = 0; i < ax_round_n_cases (sitting->log->round); i++)
    if (sitting->traces[i].hint)
      return TRUE;
  return sitting->log->entries->len > 0 || sitting->number != 0 || (draft != NULL && (draft->n_boxes > 0 || draft->text != NULL || draft->side != AX_ROUND_NO_SIDE));
}

char *
ax_round_sitting_key (const AxRound *round, const char *folder)
{
  g_autofree char *text = ax_round_to_json (round), *whole = g_strconcat (folder, "\n", text, NULL);
  return g_compute_checksum_for_string (G_CHECKSUM_SHA256, whole, -1);
}

/* ---- writing ---------------------------------------------------------------------------------------------------------------- */

static const char *id_of (const AxRoundSitting *sitting, guint number) { return ax_round_get_case (sitting->log->round, number)->id; }

static void
write_trace (AxJson *json, const char *id, const AxRoundTrace *trace)
{
  ax_json_begin_inline_object (json, NULL);
  ax_json_string (json, "case", id);
  ax_json_bool (json, "hint", trace->hint);
  ax_json_bool (json, "heard", trace->heard);
  ax_json_int (json, "ms", trace->ms);
  ax_json_end (json);
}

char *
ax_round_sitting_to_json (const AxRoundSitting *sitting)
{
  AxJson *json = ax_json_new (TRUE);
  ax_json_begin_object (json, NULL);
  ax_json_string (json, "format", AX_ROUND_SITTING_FORMAT);
  ax_json_int (json, "version", AX_ROUND_SITTING_VERSION);
  ax_json_string (json, "folder", sitting->folder);
  if (sitting->number >= 0)
    ax_json_string (json, "case", id_of (sitting, (guint) sitting->number));
  ax_json_bool (json, "presenter", sitting->presenter);
  if (sitting->review != NULL) {
    ax_json_begin_inline_array (json, "review");
    for (guint i = 0; i < sitting->review->len; i++)
      ax_json_string (json, NULL, id_of (sitting, g_array_index (sitting->review, guint, i)));
    ax_json_end (json);
  }
  ax_json_begin_array (json, "traces");
  for (guint i = 0; i < ax_round_n_cases (sitting->log->round); i++)
    if (sitting->traces[i].hint || sitting->traces[i].heard || sitting->traces[i].ms > 0)
      write_trace (json, id_of (sitting, i), &sitting->traces[i]);
  ax_json_end (json);
  if (sitting->draft != NULL)
    ax_round_answer_write (json, "draft", sitting->draft);
  ax_round_log_write (json, "log", sitting->log);
  ax_json_end (json);
  return ax_json_finish (json);
}

/* ---- reading ---------------------------------------------------------------------------------------------------------------- */

/* -1 with an error. */
static int
number_of (const AxRoundLog *log, const char *id, GError **error)
{
  const int number = id != NULL ? ax_round_log_number (log, id) : -1;
  if (number < 0 && id != NULL)
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "the round has no case \"%.64s\"", id);
  return number;
}

static gboolean
read_trace (AxRoundSitting *sitting, JsonObject *object, GError **error)
{
  const int number = number_of (sitting->log, ax_json_get_string (object, "case", error), error);
  AxRoundTrace *trace = number >= 0 ? &sitting->traces[number] : NULL;
  return trace != NULL && ax_round_read_flag (object, "hint", &trace->hint, error) && ax_round_read_flag (object, "heard", &trace->heard, error) &&
         ax_json_get_int (object, "ms", 0, G_MAXINT64 / 2000, &trace->ms, error);
}

static gboolean
read_traces (AxRoundSitting *sitting, JsonObject *object, GError **error)
{
  JsonArray *traces = ax_json_get_array (object, "traces", error);
  if (traces == NULL)
    return FALSE;
  for (guint i = 0; i < json_array_get_length (traces); i++) {
    JsonNode *node = json_array_get_element (traces, i);
    if (!JSON_NODE_HOLDS_OBJECT (node))
      g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "trace %u is not an object", i + 1);
    if (!JSON_NODE_HOLDS_OBJECT (node) || !read_trace (sitting, json_node_get_object (node), error))
      return FALSE;
  }
  return TRUE;
}

/* Each case once, and the case on screen among them. */
static gboolean
read_review (AxRoundSitting *sitting, JsonObject *object, GError **error)
{
  if (!json_object_has_member (object, "review"))
    return TRUE;
  const guint n = ax_round_n_cases (sitting->log->round);
  JsonArray *review = ax_json_get_array (object, "review", error);
  g_autofree gboolean *seen = g_new0 (gboolean, MAX (n, 1));
  if (review == NULL)
    return FALSE;
  sitting->review = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = 0; i < json_array_get_length (review); i++) {
    JsonNode *node = json_array_get_element (review, i);
    const gboolean text = JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING;
    const int number = text ? ax_round_log_number (sitting->log, json_node_get_string (node)) : -1;
    if (number < 0 || seen[number]) {
      g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "entry %u of \"review\" is no case, or one named before", i + 1);
      return FALSE;
    }
    seen[number] = TRUE;
    g_array_append_vals (sitting->review, &(guint) { (guint) number }, 1);
  }
  if (sitting->review->len == 0 || (sitting->number >= 0 && !seen[sitting->number])) {
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "\"review\" lacks the case on screen");
    return FALSE;
  }
  return TRUE;
}

static gboolean
read_draft (AxRoundSitting *sitting, JsonObject *object, GError **error)
{
  if (!json_object_has_member (object, "draft"))
    return TRUE;
  JsonObject *draft = ax_json_get_object (object, "draft", error);
  sitting->draft = draft != NULL ? ax_round_answer_read (draft, error) : NULL;
  return sitting->draft != NULL;
}

static AxRoundSitting *
read_sitting (JsonObject *object, GError **error)
{
  JsonObject *inner;
  const char *folder;
  if (!ax_round_read_format (object, AX_ROUND_SITTING_FORMAT, AX_ROUND_SITTING_VERSION, error) || (folder = ax_json_get_string (object, "folder", error)) == NULL ||
      (inner = ax_json_get_object (object, "log", error)) == NULL)
    return NULL;
  g_autoptr (AxRoundLog) log = ax_round_log_read (inner, error);
  g_autoptr (AxRoundSitting) sitting = log != NULL ? ax_round_sitting_new (log, folder) : NULL;
  if (sitting == NULL)
    return NULL;
  sitting->number = -1;
  if (json_object_has_member (object, "case") && (sitting->number = number_of (log, ax_json_get_string (object, "case", error), error)) < 0)
    return NULL;
  if (!ax_round_read_flag (object, "presenter", &sitting->presenter, error) || !read_review (sitting, object, error) || !read_traces (sitting, object, error) ||
      !read_draft (sitting, object, error))
    return NULL;
  return g_steal_pointer (&sitting);
}

static AxRoundSitting *
finish (JsonObject *object, const char *name, const GError *unread, GError **error)
{
  g_autoptr (GError) reason = NULL;
  AxRoundSitting *sitting = object != NULL ? read_sitting (object, &reason) : NULL;
  if (sitting == NULL)
    ax_round_fail (error, name, "gone on with", unread, reason);
  return sitting;
}

AxRoundSitting *
ax_round_sitting_from_json (const char *text, gsize size, const char *name, GError **error)
{
  g_autoptr (GError) unread = NULL;
  g_autoptr (JsonObject) object = ax_json_parse_object (text, size, name, &unread);
  return finish (object, name, unread, error);
}

AxRoundSitting *
ax_round_sitting_load (const char *path, GError **error)
{
  g_autoptr (GError) unread = NULL;
  g_autoptr (JsonObject) object = ax_json_load_object (path, &unread);
  g_autofree char *name = g_path_get_basename (path);
  return finish (object, name, unread, error);
}
