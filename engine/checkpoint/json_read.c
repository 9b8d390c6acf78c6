#include "engine/checkpoint/json_read.h"

#include <math.h>
#include <string.h>

#include "engine/checkpoint/weights-private.h"

gboolean
ax_json_is_plain(const char *text, gsize size, guint max_depth)
{
  guint depth = 0;
  gboolean quoted = FALSE;
  for (gsize i = 0; i < size; i++) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\')
        i++;
      else if (c == '"')
        quoted = FALSE;
    } else if (c == '"') {
      quoted = TRUE;
    } else if (c == '{' || c == '[') {
      if (++depth > max_depth)
        return FALSE;
    } else if (c == '}' || c == ']') {
      if (depth-- == 0)
        return FALSE;
    } else if (c == 0 || (!g_ascii_isalnum(c) && strchr(",:+-. \t\r\n", c) == NULL)) {
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
damaged(GError **error, const char *name, const char *what)
{
  g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_DAMAGED, "%s: %s", name, what);
  return FALSE;
}

JsonObject *
ax_json_parse_object(const char *text, gsize size, const char *name, GError **error)
{
  const char *begin = text, *end = text + size;
  while (begin < end && g_ascii_isspace(*begin))
    begin++;
  if (size > AX_JSON_MAX_BYTES || begin == end || *begin != '{' || !g_utf8_validate_len(text, size, NULL) || !ax_json_is_plain(text, size, AX_JSON_MAX_DEPTH)) {
    damaged(error, name, "this is no JSON object, or it is too large or nested too deeply");
    return NULL;
  }
  g_autoptr(GError) reason = NULL;
  g_autoptr(JsonParser) parser = json_parser_new_immutable();
  if (!json_parser_load_from_data(parser, text, (gssize) size, &reason)) {
    damaged(error, name, reason->message);
    return NULL;
  }
  JsonNode *root = json_parser_get_root(parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root)) {
    damaged(error, name, "this is no JSON object");
    return NULL;
  }
  return json_object_ref(json_node_get_object(root));
}

JsonObject *
ax_json_load_object(const char *path, GError **error)
{
  g_autoptr(GBytes) bytes = ax_map_file(path, error);
  if (bytes == NULL)
    return NULL;
  gsize size;
  const char *text = g_bytes_get_data(bytes, &size);
  return ax_json_parse_object(text, size, path, error);
}

static JsonNode *
get_member(JsonObject *object, const char *key, GError **error)
{
  JsonNode *node = json_object_get_member(object, key);
  if (node == NULL)
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING, "\"%s\" is missing", key);
  return node;
}

static gboolean
wrong(GError **error, const char *key, const char *expected)
{
  g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "\"%s\" is not %s", key, expected);
  return FALSE;
}

gboolean
ax_json_get_int(JsonObject *object, const char *key, gint64 min, gint64 max, gint64 *value, GError **error)
{
  JsonNode *node = get_member(object, key, error);
  if (node == NULL)
    return FALSE;
  if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_INT64 || json_node_get_int(node) < min
      || json_node_get_int(node) > max) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH,
                "\"%s\" is not an integer from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, key, min, max);
    return FALSE;
  }
  *value = json_node_get_int(node);
  return TRUE;
}

gboolean
ax_json_get_double(JsonObject *object, const char *key, double min, double max, double *value, GError **error)
{
  JsonNode *node = get_member(object, key, error);
  if (node == NULL)
    return FALSE;
  const GType type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_INVALID;
  const double number = type == G_TYPE_DOUBLE || type == G_TYPE_INT64 ? json_node_get_double(node) : NAN;
  if (!(number >= min && number <= max)) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "\"%s\" is not a number from %g to %g", key, min, max);
    return FALSE;
  }
  *value = number;
  return TRUE;
}

gboolean
ax_json_get_boolean(JsonObject *object, const char *key, gboolean *value, GError **error)
{
  JsonNode *node = get_member(object, key, error);
  if (node == NULL)
    return FALSE;
  if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_BOOLEAN)
    return wrong(error, key, "true or false");
  *value = json_node_get_boolean(node);
  return TRUE;
}

const char *
ax_json_get_string(JsonObject *object, const char *key, GError **error)
{
  JsonNode *node = get_member(object, key, error);
  if (node == NULL)
    return NULL;
  if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING) {
    wrong(error, key, "a string");
    return NULL;
  }
  return json_node_get_string(node);
}

JsonObject *
ax_json_get_object(JsonObject *object, const char *key, GError **error)
{
  JsonNode *node = get_member(object, key, error);
  if (node == NULL)
    return NULL;
  if (!JSON_NODE_HOLDS_OBJECT(node)) {
    wrong(error, key, "an object");
    return NULL;
  }
  return json_node_get_object(node);
}

JsonArray *
ax_json_get_array(JsonObject *object, const char *key, GError **error)
{
  JsonNode *node = get_member(object, key, error);
  if (node == NULL)
    return NULL;
  if (!JSON_NODE_HOLDS_ARRAY(node)) {
    wrong(error, key, "an array");
    return NULL;
  }
  return json_node_get_array(node);
}

char *
ax_json_to_text(JsonObject *object)
{
  g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
  json_node_set_object(node, object);
  g_autoptr(JsonGenerator) generator = json_generator_new();
  json_generator_set_pretty(generator, TRUE);
  json_generator_set_indent(generator, 2);
  json_generator_set_root(generator, node);
  g_autofree char *text = json_generator_to_data(generator, NULL);
  return g_strconcat(text, "\n", NULL);
}
