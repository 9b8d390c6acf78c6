/* JSON of data sets. What lives here: one parser for every data file (size is the caller's to bound, nesting and encoding are checked before json-glib sees
 * it) and reading members by type, so that nothing of a file reaches a function that would only warn. May use engine/checkpoint/json_read.h. */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/training/csv.h"

G_BEGIN_DECLS

#define AX_DATA_JSON_MAX_DEPTH 32

/* The list or object that text[size] is; `name` stands for the file in messages. NULL with AX_DATA_ERROR_READ. Free with json_node_unref(). */
JsonNode *ax_data_json_parse (const char *text, gsize size, JsonNodeType type, const char *name, GError **error);

/* The same of a regular file of at most `limit` bytes. */
JsonNode *ax_data_json_load (const char *path, gsize limit, JsonNodeType type, GError **error);

/* The member if it has that type, else NULL. Owned by the object, as are the next ones. */
JsonNode *ax_data_json_member (JsonObject *object, const char *key, JsonNodeType type);
JsonObject *ax_data_json_object (JsonObject *object, const char *key);
JsonArray *ax_data_json_array (JsonObject *object, const char *key);
const char *ax_data_json_string (JsonObject *object, const char *key);

/* Text of a node, NULL if it is none; the node may be NULL. */
const char *ax_data_json_node_string (JsonNode *node);

/* Text, or a whole number as text (study ids are either); NULL if it is neither. Free with g_free(). */
char *ax_data_json_id (JsonObject *object, const char *key);

/* A list of exactly four numbers, all finite; the node may be NULL. */
gboolean ax_data_json_four (JsonNode *node, double v[4]);

G_END_DECLS
