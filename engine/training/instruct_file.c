/* instruct_file.c: samples as JSON (spec 13.3), see instruct.h. Beside the fields of the specification ours writes "paired", "flip" and "weight". */
#include "engine/training/instruct.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "engine/task/task.h"
#include "engine/training/data_json.h"

#define MAX_WORDINGS 1000

const char *
ax_instruct_task_name (guint task)
{
  return ax_task_name ((AxTask) task);
}

static char *
fold_task (const char *name)
{
  char *folded = g_ascii_strdown (name, -1);
  for (char *c = folded; *c != '\0'; c++)
    if (*c == '-' || *c == '_')
      *c = ' ';
  return folded;
}

int
ax_instruct_task_find (const char *name)
{
  /* Names that the authors' older files use beside those of spec 9. */
  static const struct { const char *name; AxInstructTask task; } others[] = {
    { "classification", AX_INSTRUCT_CLASSIFICATION }, { "abnormality grounding", AX_INSTRUCT_DETECTION }, { "open vqa", AX_INSTRUCT_OPEN },
    { "open ended visual question answering", AX_INSTRUCT_OPEN }, { "close vqa", AX_INSTRUCT_CLOSED }, { "closed ended vqa", AX_INSTRUCT_CLOSED },
    { "close ended visual question answering", AX_INSTRUCT_CLOSED },
  };
  const int own = ax_task_find (name);
  if (own >= 0)
    return own;
  g_autofree char *folded = fold_task (name);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    if (strcmp (others[i].name, folded) == 0)
      return others[i].task;
  return -1;
}

AxInstructSample *
ax_instruct_sample_new (AxInstructTask task, const char *image_path)
{
  AxInstructSample *s = g_new0 (AxInstructSample, 1);
  s->task = task;
  s->image_path = g_strdup (image_path);
  s->weight = 1;
  return s;
}

void
ax_instruct_sample_free (AxInstructSample *s)
{
  if (s == NULL)
    return;
  g_free (s->image_path);
  g_free (s->image_id);
  g_free (s->dataset);
  g_free (s->split);
  g_free (s->study_id);
  g_free (s->unique_id);
  g_free (s->system);
  g_free (s->context);
  g_strfreev (s->instruction);
  g_strfreev (s->response);
  g_free (s);
}

char *
ax_instruct_box_text (AxBox b)
{
  return g_strdup_printf ("(%d,%d),(%d,%d)", (int) trunc (b.x1), (int) trunc (b.y1), (int) trunc (b.x2), (int) trunc (b.y2));
}

/* "__BOX20__" at p: the index and the length of the tag; -1 if it is none. */
static int
box_tag (const char *p, gsize *length)
{
  if (!g_str_has_prefix (p, "__BOX") || !g_ascii_isdigit (p[5]))
    return -1;
  char *end;
  const guint64 index = g_ascii_strtoull (p + 5, &end, 10);
  if (index >= AX_INSTRUCT_N_OBJECTS || !g_str_has_prefix (end, "__"))
    return -1;
  *length = (gsize) (end - p) + 2;
  return (int) index;
}

gboolean
ax_instruct_sample_pick (const AxInstructSample *s, guint pick, guint pick_response, const AxBox *boxes, char **instruction, char **response)
{
  const guint i = pick % g_strv_length (s->instruction), r = s->paired ? i : pick_response % g_strv_length (s->response);
  if (boxes == NULL && s->has_boxes)
    boxes = s->boxes;
  g_autoptr (GString) text = g_string_new (NULL);
  for (const char *p = s->response[r]; *p != '\0';) {
    gsize length;
    const int index = box_tag (p, &length);
    if (index < 0) {
      g_string_append_c (text, *p++);
      continue;
    }
    if (boxes == NULL)
      return FALSE;
    g_autofree char *corners = ax_instruct_box_text (boxes[index]);
    g_string_append (text, corners);
    p += length;
  }
  *instruction = g_strdup (s->instruction[i]);
  *response = g_strdup (text->str);
  return TRUE;
}

/* ---- reading ---- */

static gboolean
fail (GError **error, const char *name, guint sample, const char *why)
{
  g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s: sample %u: %s", name, sample, why);
  return FALSE;
}

static gboolean
flag_member (JsonObject *object, const char *key)
{
  JsonNode *node = ax_data_json_member (object, key, JSON_NODE_VALUE);
  return node != NULL && json_node_get_value_type (node) == G_TYPE_BOOLEAN && json_node_get_boolean (node);
}

/* A list of texts, or one text. */
static char **
wordings (JsonNode *node)
{
  g_autoptr (GStrvBuilder) b = g_strv_builder_new ();
  if (ax_data_json_node_string (node) != NULL) {
    g_strv_builder_add (b, ax_data_json_node_string (node));
    return g_strv_builder_end (b);
  }
  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node))
    return NULL;
  JsonArray *list = json_node_get_array (node);
  const guint n = json_array_get_length (list);
  if (n == 0 || n > MAX_WORDINGS)
    return NULL;
  for (guint i = 0; i < n; i++) {
    const char *text = ax_data_json_node_string (json_array_get_element (list, i));
    if (text == NULL)
      return NULL;
    g_strv_builder_add (b, text);
  }
  return g_strv_builder_end (b);
}

static gboolean
read_messages (JsonObject *object, AxInstructSample *s, const char *name, guint at, GError **error)
{
  JsonNode *node = ax_data_json_member (object, "messages", JSON_NODE_ARRAY);
  if (node == NULL)
    return fail (error, name, at, "no list \"messages\"");
  JsonArray *list = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (list); i++) {
    JsonNode *element = json_array_get_element (list, i);
    JsonObject *message = JSON_NODE_HOLDS_OBJECT (element) ? json_node_get_object (element) : NULL;
    const char *role = message != NULL ? ax_data_json_string (message, "role") : NULL;
    JsonNode *content = message != NULL ? json_object_get_member (message, "content") : NULL;
    if (role == NULL)
      return fail (error, name, at, "a message has no \"role\"");
    if (strcmp (role, "system") == 0) {
      const char *text = ax_data_json_node_string (content);
      if (text != NULL && *text != '\0' && s->system == NULL)
        s->system = g_strdup (text);
    } else if (strcmp (role, "user") == 0 && s->instruction == NULL) {
      JsonObject *user = content != NULL && JSON_NODE_HOLDS_OBJECT (content) ? json_node_get_object (content) : NULL;
      if (user == NULL)
        return fail (error, name, at, "the user's \"content\" is no object with \"instruction\"");
      const char *context = ax_data_json_string (user, "context");
      if (context != NULL && *context != '\0')
        s->context = g_strdup (context);
      s->instruction = wordings (json_object_get_member (user, "instruction"));
    } else if (strcmp (role, "assistant") == 0 && s->response == NULL)
      s->response = wordings (content);
  }
  if (s->instruction == NULL)
    return fail (error, name, at, "no \"instruction\" (a text, or a list of 1 to 1000 texts)");
  if (s->response == NULL)
    return fail (error, name, at, "the assistant has no \"content\" (a text, or a list of 1 to 1000 texts)");
  return TRUE;
}

static gboolean
read_boxes (JsonObject *object, AxInstructSample *s, const char *name, guint at, GError **error)
{
  JsonNode *node = ax_data_json_member (object, "bboxes", JSON_NODE_ARRAY);
  if (node == NULL)
    return TRUE;
  JsonArray *list = json_node_get_array (node);
  if (json_array_get_length (list) == 0)
    return TRUE;
  if (json_array_get_length (list) != AX_INSTRUCT_N_OBJECTS)
    return fail (error, name, at, "\"bboxes\" has not 36 boxes");
  for (guint i = 0; i < AX_INSTRUCT_N_OBJECTS; i++) {
    double v[4];
    if (!ax_data_json_four (json_array_get_element (list, i), v))
      return fail (error, name, at, "a box has not four numbers");
    for (guint k = 0; k < 4; k++)
      if (fabs (v[k]) > 1e6)
        return fail (error, name, at, "a corner is far outside the 1024 frame");
    s->boxes[i] = (AxBox) { v[0], v[1], v[2], v[3] };
  }
  s->has_boxes = TRUE;
  return TRUE;
}

static AxInstructSample *
read_sample (JsonNode *node, const char *name, guint at, GError **error)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  const char *task = object != NULL ? ax_data_json_string (object, "task") : NULL;
  const char *path = object != NULL ? ax_data_json_string (object, "image_path") : NULL;
  const int t = task != NULL ? ax_instruct_task_find (task) : -1;
  if (object == NULL || task == NULL || path == NULL || *path == '\0') {
    fail (error, name, at, "no \"task\" or no \"image_path\"");
    return NULL;
  }
  if (t < 0) {
    g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s: sample %u: task \"%s\" is none of the nine", name, at, task);
    return NULL;
  }
  g_autoptr (AxInstructSample) s = ax_instruct_sample_new ((AxInstructTask) t, path);
  if (!read_messages (object, s, name, at, error) || !read_boxes (object, s, name, at, error))
    return NULL;
  s->dataset = ax_data_json_id (object, "dataset");
  s->split = ax_data_json_id (object, "split");
  s->study_id = ax_data_json_id (object, "study_id");
  s->unique_id = ax_data_json_id (object, "unique_id");
  s->image_id = ax_data_json_id (object, "image_id");
  if (s->image_id == NULL)
    s->image_id = g_strdup (path);
  s->flip = flag_member (object, "flip");
  s->paired = flag_member (object, "paired");
  if (s->paired && g_strv_length (s->instruction) != g_strv_length (s->response)) {
    fail (error, name, at, "\"paired\", but not as many responses as instructions");
    return NULL;
  }
  JsonNode *weight = ax_data_json_member (object, "weight", JSON_NODE_VALUE);
  if (weight != NULL && (json_node_get_value_type (weight) == G_TYPE_INT64 || json_node_get_value_type (weight) == G_TYPE_DOUBLE)) {
    s->weight = json_node_get_double (weight);
    if (!(s->weight >= 0 && s->weight <= 1)) {
      fail (error, name, at, "\"weight\" is not within 0 and 1");
      return NULL;
    }
  }
  return g_steal_pointer (&s);
}

GPtrArray *
ax_instruct_parse (const char *text, gsize size, const char *name, GError **error)
{
  g_autoptr (JsonNode) root = ax_data_json_parse (text, size, JSON_NODE_ARRAY, name, error);
  if (root == NULL)
    return NULL;
  JsonArray *list = json_node_get_array (root);
  if (json_array_get_length (list) > AX_INSTRUCT_MAX_SAMPLES) {
    g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s: more than %d samples", name, AX_INSTRUCT_MAX_SAMPLES);
    return NULL;
  }
  g_autoptr (GPtrArray) samples = g_ptr_array_new_with_free_func ((GDestroyNotify) ax_instruct_sample_free);
  for (guint i = 0; i < json_array_get_length (list); i++) {
    AxInstructSample *s = read_sample (json_array_get_element (list, i), name, i, error);
    if (s == NULL)
      return NULL;
    g_ptr_array_add (samples, s);
  }
  return g_steal_pointer (&samples);
}

GPtrArray *
ax_instruct_load (const char *path, GError **error)
{
  gsize size;
  g_autofree char *text = ax_data_file_read (path, AX_INSTRUCT_MAX_BYTES, &size, error);
  return text != NULL ? ax_instruct_parse (text, size, path, error) : NULL;
}

/* ---- writing ---- */

static void
append_text (GString *out, const char *text)
{
  g_string_append_c (out, '"');
  for (const char *c = text; *c != '\0'; c++)
    if (*c == '"' || *c == '\\')
      g_string_append_printf (out, "\\%c", *c);
    else if (*c == '\n')
      g_string_append (out, "\\n");
    else if ((guchar) *c < 0x20)
      g_string_append_printf (out, "\\u%04x", (guint) (guchar) *c);
    else
      g_string_append_c (out, *c);
  g_string_append_c (out, '"');
}

static void
append_list (GString *out, char **texts)
{
  g_string_append_c (out, '[');
  for (guint i = 0; texts[i] != NULL; i++) {
    if (i > 0)
      g_string_append (out, ", ");
    append_text (out, texts[i]);
  }
  g_string_append_c (out, ']');
}

static void
append_member (GString *out, const char *key, const char *value)
{
  if (value == NULL)
    return;
  g_string_append_printf (out, ", \"%s\": ", key);
  append_text (out, value);
}

static void
append_sample (GString *out, const AxInstructSample *s)
{
  g_string_append (out, "{\"task\": ");
  append_text (out, ax_instruct_task_name (s->task));
  append_member (out, "image_path", s->image_path);
  append_member (out, "image_id", s->image_id);
  append_member (out, "dataset", s->dataset);
  append_member (out, "split", s->split);
  append_member (out, "study_id", s->study_id);
  append_member (out, "unique_id", s->unique_id);
  g_string_append_printf (out, ", \"flip\": %s, \"paired\": %s, \"weight\": ", s->flip ? "true" : "false", s->paired ? "true" : "false");
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append (out, g_ascii_formatd (number, sizeof number, "%.3g", s->weight));
  g_string_append (out, ", \"messages\": [{\"role\": \"system\", \"content\": ");
  append_text (out, s->system != NULL ? s->system : "");
  g_string_append (out, "}, {\"role\": \"user\", \"content\": {\"context\": ");
  append_text (out, s->context != NULL ? s->context : "");
  g_string_append (out, ", \"instruction\": ");
  append_list (out, s->instruction);
  g_string_append (out, "}}, {\"role\": \"assistant\", \"content\": ");
  append_list (out, s->response);
  g_string_append (out, "}]");
  if (s->has_boxes) {
    g_string_append (out, ", \"bboxes\": [");
    for (guint i = 0; i < AX_INSTRUCT_N_OBJECTS; i++) {
      const AxBox b = s->boxes[i];
      g_string_append_printf (out, "%s[%d, %d, %d, %d]", i > 0 ? ", " : "", (int) trunc (b.x1), (int) trunc (b.y1), (int) trunc (b.x2), (int) trunc (b.y2));
    }
    g_string_append_c (out, ']');
  }
  g_string_append_c (out, '}');
}

gboolean
ax_instruct_save (const GPtrArray *samples, const char *path, GError **error)
{
  g_autoptr (GString) out = g_string_new ("[\n");
  for (guint i = 0; i < samples->len; i++) {
    append_sample (out, samples->pdata[i]);
    g_string_append (out, i + 1 < samples->len ? ",\n" : "\n");
  }
  g_string_append (out, "]\n");
  return g_file_set_contents (path, out->str, (gssize) out->len, error);
}
