/* round_json.c: the file of a round. */
#include "engine/checkpoint/atomic_file.h"
#include "engine/checkpoint/json_read.h"
#include "engine/teaching/round.h"

#include <stdlib.h>
#include <string.h>

/* ---- reading: members ------------------------------------------------------------------------------------------------------- */

gboolean
ax_round_read_text (JsonObject *object, const char *key, gboolean needed, char **text, GError **error)
{
  if (!needed && (!json_object_has_member (object, key) || json_object_get_null_member (object, key)))
    return TRUE;
  const char *value = ax_json_get_string (object, key, error);
  if (value == NULL)
    return FALSE;
  if (strlen (value) > AX_ROUND_MAX_TEXT || (needed && *value == '\0')) {
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "\"%s\" is empty or longer than %d bytes", key, AX_ROUND_MAX_TEXT);
    return FALSE;
  }
  *text = *value != '\0' ? g_strdup (value) : NULL;
  return TRUE;
}

gboolean
ax_round_read_flag (JsonObject *object, const char *key, gboolean *flag, GError **error)
{
  return !json_object_has_member (object, key) || ax_json_get_boolean (object, key, flag, error);
}

gboolean
ax_round_read_words (JsonObject *object, const char *key, char ***words, GError **error)
{
  if (!json_object_has_member (object, key))
    return TRUE;
  JsonArray *array = ax_json_get_array (object, key, error);
  if (array == NULL)
    return FALSE;
  guint n = json_array_get_length (array);
  if (n > AX_ROUND_MAX_WORDS) {
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "\"%s\" has more than %d entries", key, AX_ROUND_MAX_WORDS);
    return FALSE;
  }
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  for (guint i = 0; i < n; i++) {
    JsonNode *node = json_array_get_element (array, i);
    if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING) {
      g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "\"%s\" holds something that is not text", key);
      return FALSE;
    }
    g_strv_builder_add (builder, json_node_get_string (node));
  }
  if (n > 0)
    *words = g_strv_builder_end (builder);
  return TRUE;
}

static gboolean
read_box (JsonNode *node, const char *key, AxBox *box, GError **error)
{
  JsonArray *array = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  double v[4];
  gboolean good = array != NULL && json_array_get_length (array) == 4;
  for (guint i = 0; good && i < 4; i++) {
    JsonNode *number = json_array_get_element (array, i);
    GType type = JSON_NODE_HOLDS_VALUE (number) ? json_node_get_value_type (number) : G_TYPE_INVALID;
    good = type == G_TYPE_DOUBLE || type == G_TYPE_INT64;
    if (good)
      v[i] = type == G_TYPE_DOUBLE ? json_node_get_double (number) : (double) json_node_get_int (number);
    good = good && v[i] >= 0 && v[i] <= AX_IMAGE_MAX_SIDE;
  }
  if (!good || v[0] >= v[2] || v[1] >= v[3]) {
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "\"%s\" is not a box of four pixel coordinates [x1, y1, x2, y2]", key);
    return FALSE;
  }
  *box = ax_round_box ((AxBox) { v[0], v[1], v[2], v[3] });
  return TRUE;
}

gboolean
ax_round_read_boxes (JsonObject *object, const char *key, guint *n, AxBox *boxes, GError **error)
{
  if (!json_object_has_member (object, key))
    return TRUE;
  JsonArray *array = ax_json_get_array (object, key, error);
  if (array == NULL)
    return FALSE;
  if (json_array_get_length (array) > AX_ROUND_MAX_BOXES) {
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "\"%s\" has more than %d boxes", key, AX_ROUND_MAX_BOXES);
    return FALSE;
  }
  for (guint i = 0; i < json_array_get_length (array); i++)
    if (!read_box (json_array_get_element (array, i), key, &boxes[i], error))
      return FALSE;
  *n = json_array_get_length (array);
  return TRUE;
}

gboolean
ax_round_read_side (JsonObject *object, const char *key, AxRoundSide *side, GError **error)
{
  if (!json_object_has_member (object, key) || json_object_get_null_member (object, key))
    return TRUE;
  const char *word = ax_json_get_string (object, key, error);
  if (word == NULL)
    return FALSE;
  int value = ax_round_side_of_word (word);
  if (value < 0) {
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "\"%s\" is not left, right or both", key);
    return FALSE;
  }
  *side = (AxRoundSide) value;
  return TRUE;
}

gboolean
ax_round_read_format (JsonObject *object, const char *format, int version, GError **error)
{
  gint64 number;
  const char *said = json_object_has_member (object, "format") ? ax_json_get_string (object, "format", NULL) : NULL;
  if (said == NULL || strcmp (said, format) != 0) {
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "it is no \"%s\"", format);
    return FALSE;
  }
  if (!ax_json_get_int (object, "version", 1, G_MAXINT, &number, error))
    return FALSE;
  if (number > version) {
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "it is of version %d, and this program reads up to %d; use a newer one", (int) number, version);
    return FALSE;
  }
  return TRUE;
}

/* ---- reading: case and round ------------------------------------------------------------------------------------------------ */

static gboolean
read_accepted (JsonObject *object, AxRoundCase *c, GError **error)
{
  if (!json_object_has_member (object, "accepted"))
    return TRUE;
  JsonObject *accepted = ax_json_get_object (object, "accepted", error);
  return accepted != NULL && ax_round_read_boxes (accepted, "boxes", &c->n_boxes, c->boxes, error) && ax_round_read_words (accepted, "names", &c->names, error) &&
         ax_round_read_words (accepted, "findings", &c->findings, error) && ax_round_read_side (accepted, "side", &c->side, error);
}

static AxRoundCase *
read_case (JsonObject *object, GError **error)
{
  const char *word = ax_json_get_string (object, "task", error);
  if (word == NULL)
    return NULL;
  int task = ax_round_task_of_word (word);
  if (task < 0) {
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "its task is unknown");
    return NULL;
  }
  g_autoptr (AxRoundCase) c = ax_round_case_new ((AxRoundTask) task, NULL);
  if (!ax_round_read_text (object, "id", TRUE, &c->id, error) || !ax_round_read_text (object, "image", TRUE, &c->image, error) ||
      !ax_round_read_text (object, "subject", FALSE, &c->subject, error) || !ax_round_read_text (object, "question", FALSE, &c->question, error) ||
      !ax_round_read_text (object, "hint", FALSE, &c->hint, error) || !ax_round_read_text (object, "explanation", FALSE, &c->explanation, error) ||
      !ax_round_read_flag (object, "mirror", &c->mirror, error) || !ax_round_read_words (object, "choices", &c->choices, error) || !read_accepted (object, c, error))
    return NULL;
  if (json_object_has_member (object, "region")) {
    c->has_region = TRUE;
    if (!read_box (json_object_get_member (object, "region"), "region", &c->region, error))
      return NULL;
  }
  if (json_object_has_member (object, "pass") && !ax_json_get_double (object, "pass", 0, 1, &c->pass, error))
    return NULL;
  return g_steal_pointer (&c);
}

static AxRound *
read_round (JsonObject *object, GError **error)
{
  g_autoptr (AxRound) round = ax_round_new (NULL);
  if (!ax_round_read_format (object, AX_ROUND_FORMAT, AX_ROUND_VERSION, error) || !ax_round_read_text (object, "title", TRUE, &round->title, error) ||
      !ax_round_read_text (object, "author", FALSE, &round->author, error) || !ax_round_read_text (object, "source", FALSE, &round->source, error))
    return NULL;
  JsonArray *cases = ax_json_get_array (object, "cases", error);
  if (cases == NULL)
    return NULL;
  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonNode *node = json_array_get_element (cases, i);
    g_autoptr (AxRoundCase) c = NULL;
    if (!JSON_NODE_HOLDS_OBJECT (node))
      g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "it is not an object");
    else
      c = read_case (json_node_get_object (node), error);
    if (c == NULL || !ax_round_add (round, c, error)) {
      g_prefix_error (error, "case %u: ", i + 1);
      return NULL;
    }
    g_steal_pointer (&c);
  }
  return g_steal_pointer (&round);
}

/* The readers of members have errors of their own domain; who reads rounds gets ours. */
AxRound *
ax_round_read (JsonObject *object, GError **error)
{
  g_autoptr (GError) reason = NULL;
  AxRound *round = read_round (object, &reason);
  if (round == NULL)
    g_set_error_literal (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, reason->message);
  return round;
}

AxRound *
ax_round_from_json (const char *text, gsize size, const char *name, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (JsonObject) object = ax_json_parse_object (text, size, name, &reason);
  if (object == NULL) {
    g_set_error_literal (error, AX_ROUND_ERROR, AX_ROUND_ERROR_READ, reason->message);
    return NULL;
  }
  AxRound *round = ax_round_read (object, error);
  if (round == NULL)
    g_prefix_error (error, "%s cannot be used as a teaching round: ", name);
  return round;
}

AxRound *
ax_round_load (const char *path, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (JsonObject) object = ax_json_load_object (path, &reason);
  g_autofree char *name = g_path_get_basename (path);
  if (object == NULL) {
    g_set_error_literal (error, AX_ROUND_ERROR, AX_ROUND_ERROR_READ, reason->message);
    return NULL;
  }
  AxRound *round = ax_round_read (object, error);
  if (round == NULL)
    g_prefix_error (error, "%s cannot be used as a teaching round: ", name);
  return round;
}

gboolean
ax_round_is_round (const char *path, gboolean log)
{
  g_autoptr (JsonObject) object = ax_json_load_object (path, NULL);
  const char *format = object != NULL && json_object_has_member (object, "format") ? ax_json_get_string (object, "format", NULL) : NULL;
  return format != NULL && strcmp (format, log ? AX_ROUND_LOG_FORMAT : AX_ROUND_FORMAT) == 0;
}

/* ---- writing ---------------------------------------------------------------------------------------------------------------- */

static void
write_box (AxJson *json, const char *key, AxBox box)
{
  ax_json_begin_inline_array (json, key);
  ax_json_number (json, NULL, box.x1, 2);
  ax_json_number (json, NULL, box.y1, 2);
  ax_json_number (json, NULL, box.x2, 2);
  ax_json_number (json, NULL, box.y2, 2);
  ax_json_end (json);
}

void
ax_round_write_boxes (AxJson *json, const char *key, guint n, const AxBox *boxes)
{
  ax_json_begin_array (json, key);
  for (guint i = 0; i < n; i++)
    write_box (json, NULL, boxes[i]);
  ax_json_end (json);
}

static void
write_words (AxJson *json, const char *key, char **words)
{
  if (words == NULL)
    return;
  ax_json_begin_inline_array (json, key);
  for (guint i = 0; words[i] != NULL; i++)
    ax_json_string (json, NULL, words[i]);
  ax_json_end (json);
}

static void
write_text (AxJson *json, const char *key, const char *text)
{
  if (text != NULL)
    ax_json_string (json, key, text);
}

static void
write_case (AxJson *json, const AxRoundCase *c)
{
  ax_json_begin_object (json, NULL);
  ax_json_string (json, "id", c->id);
  ax_json_string (json, "image", c->image);
  ax_json_string (json, "task", ax_round_task_word (c->task));
  if (c->mirror)
    ax_json_bool (json, "mirror", TRUE);
  write_text (json, "subject", c->subject);
  write_text (json, "question", c->question);
  if (c->has_region)
    write_box (json, "region", c->region);
  write_words (json, "choices", c->choices);
  ax_json_begin_object (json, "accepted");
  if (c->n_boxes > 0)
    ax_round_write_boxes (json, "boxes", c->n_boxes, c->boxes);
  write_words (json, "names", c->names);
  write_words (json, "findings", c->findings);
  write_text (json, "side", ax_round_side_word (c->side));
  ax_json_end (json);
  ax_json_number (json, "pass", c->pass, 4);
  write_text (json, "hint", c->hint);
  write_text (json, "explanation", c->explanation);
  ax_json_end (json);
}

void
ax_round_write (AxJson *json, const char *key, const AxRound *round)
{
  ax_json_begin_object (json, key);
  ax_json_string (json, "format", AX_ROUND_FORMAT);
  ax_json_int (json, "version", AX_ROUND_VERSION);
  ax_json_string (json, "title", round->title);
  write_text (json, "author", round->author);
  write_text (json, "source", round->source);
  ax_json_begin_array (json, "cases");
  for (guint i = 0; i < round->cases->len; i++)
    write_case (json, round->cases->pdata[i]);
  ax_json_end (json);
  ax_json_end (json);
}

char *
ax_round_to_json (const AxRound *round)
{
  AxJson *json = ax_json_new (TRUE);
  ax_round_write (json, NULL, round);
  return ax_json_finish (json);
}

gboolean
ax_round_save (const AxRound *round, const char *path, GError **error)
{
  g_autofree char *text = ax_round_to_json (round);
  g_autoptr (GError) reason = NULL;
  if (ax_atomic_file_save (path, text, strlen (text), &reason))
    return TRUE;
  g_set_error_literal (error, AX_ROUND_ERROR, AX_ROUND_ERROR_WRITE, reason->message);
  return FALSE;
}

/* ---- images ----------------------------------------------------------------------------------------------------------------- */

char *
ax_round_find_image (const char *folder, const AxRoundCase *c, GError **error)
{
  g_autofree char *path = g_build_filename (folder, c->image, NULL);
  char *real = realpath (path, NULL), *top = realpath (folder, NULL); /* malloc'd */
  gboolean inside = ax_round_path_is_safe (c->image) && real != NULL && top != NULL && g_str_has_prefix (real, top) &&
                    (real[strlen (top)] == '/' || strcmp (top, "/") == 0);
  g_autofree char *found = inside && g_file_test (real, G_FILE_TEST_IS_REGULAR) ? g_strdup (real) : NULL;
  if (found == NULL)
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_IMAGE,
                 real != NULL && !inside ? "The image \"%s\" lies outside the round's folder; copy it beside the round." : "The image \"%s\" is not in the round's folder.", c->image);
  free (real);
  free (top);
  return g_steal_pointer (&found);
}

void
ax_round_fail (GError **error, const char *name, const char *verb, const GError *unread, const GError *invalid)
{
  if (unread != NULL)
    g_set_error_literal (error, AX_ROUND_ERROR, AX_ROUND_ERROR_READ, unread->message);
  else
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "%s cannot be %s: %s", name, verb, invalid->message);
}
