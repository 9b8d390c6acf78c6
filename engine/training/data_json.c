/* data_json.c: see data_json.h. */
#include "engine/training/data_json.h"

#include <math.h>

#include "engine/checkpoint/json_read.h"

JsonNode *
ax_data_json_parse (const char *text, gsize size, JsonNodeType type, const char *name, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) reason = NULL;
  if (!ax_json_is_plain (text, size, AX_DATA_JSON_MAX_DEPTH) || !g_utf8_validate_len (text, size, NULL)) {
    g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s: not JSON in UTF-8, or nested more than %d deep", name, AX_DATA_JSON_MAX_DEPTH);
    return NULL;
  }
  if (size == 0 || !json_parser_load_from_data (parser, text, (gssize) size, &reason)) {
    g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s: %s", name, reason != NULL ? reason->message : "empty");
    return NULL;
  }
  JsonNode *root = json_parser_get_root (parser);
  if (root == NULL || JSON_NODE_TYPE (root) != type) {
    g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s: expected %s at the top", name, type == JSON_NODE_ARRAY ? "a list" : "an object");
    return NULL;
  }
  return json_parser_steal_root (parser);
}

JsonNode *
ax_data_json_load (const char *path, gsize limit, JsonNodeType type, GError **error)
{
  gsize size = 0;
  g_autofree char *text = ax_data_file_read (path, limit, &size, error);
  return text != NULL ? ax_data_json_parse (text, size, type, path, error) : NULL;
}

JsonNode *
ax_data_json_member (JsonObject *object, const char *key, JsonNodeType type)
{
  JsonNode *node = json_object_get_member (object, key);
  return node != NULL && JSON_NODE_TYPE (node) == type ? node : NULL;
}

JsonObject *
ax_data_json_object (JsonObject *object, const char *key)
{
  JsonNode *node = ax_data_json_member (object, key, JSON_NODE_OBJECT);
  return node != NULL ? json_node_get_object (node) : NULL;
}

JsonArray *
ax_data_json_array (JsonObject *object, const char *key)
{
  JsonNode *node = ax_data_json_member (object, key, JSON_NODE_ARRAY);
  return node != NULL ? json_node_get_array (node) : NULL;
}

const char *
ax_data_json_string (JsonObject *object, const char *key)
{
  return ax_data_json_node_string (json_object_get_member (object, key));
}

const char *
ax_data_json_node_string (JsonNode *node)
{
  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node) : NULL;
}

char *
ax_data_json_id (JsonObject *object, const char *key)
{
  JsonNode *node = ax_data_json_member (object, key, JSON_NODE_VALUE);
  if (node != NULL && json_node_get_value_type (node) == G_TYPE_INT64)
    return g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (node));
  return g_strdup (ax_data_json_node_string (node));
}

gboolean
ax_data_json_four (JsonNode *node, double v[4])
{
  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node) || json_array_get_length (json_node_get_array (node)) != 4)
    return FALSE;
  for (guint i = 0; i < 4; i++) {
    JsonNode *element = json_array_get_element (json_node_get_array (node), i);
    if (!JSON_NODE_HOLDS_VALUE (element) || (json_node_get_value_type (element) != G_TYPE_INT64 && json_node_get_value_type (element) != G_TYPE_DOUBLE))
      return FALSE;
    v[i] = json_node_get_double (element);
    if (!isfinite (v[i]))
      return FALSE;
  }
  return TRUE;
}
