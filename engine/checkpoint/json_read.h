/* JSON from files that are not trusted: size, UTF-8 and nesting are checked before json-glib sees it, and members are read with
 * their type checked, so that a wrong file gives a GError and never a critical. May use json-glib. */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/checkpoint/error.h"

G_BEGIN_DECLS

#define AX_JSON_MAX_BYTES (16u << 20)
#define AX_JSON_MAX_DEPTH 64

/* Whether brackets pair up at most max_depth deep. json-glib parses by recursion, so this comes before; it also takes comments and quotes
 * that JSON does not have, in which brackets could hide from the count: outside strings only JSON's own characters pass. */
gboolean ax_json_is_plain(const char *text, gsize size, guint max_depth);

/* The object that the text is; `name` stands for the file in messages. NULL with DAMAGED. Free with json_object_unref(). */
JsonObject *ax_json_parse_object(const char *text, gsize size, const char *name, GError **error);

/* Reads a whole file of up to AX_JSON_MAX_BYTES. */
JsonObject *ax_json_load_object(const char *path, GError **error);

/* The member of that key; FALSE or NULL with MISSING when it is absent and MISMATCH when it is of another type or outside
 * [min, max]. Strings, objects and arrays belong to the object. */
gboolean ax_json_get_int(JsonObject *object, const char *key, gint64 min, gint64 max, gint64 *value, GError **error);
gboolean ax_json_get_double(JsonObject *object, const char *key, double min, double max, double *value, GError **error);
gboolean ax_json_get_boolean(JsonObject *object, const char *key, gboolean *value, GError **error);
const char *ax_json_get_string(JsonObject *object, const char *key, GError **error);
JsonObject *ax_json_get_object(JsonObject *object, const char *key, GError **error);
JsonArray *ax_json_get_array(JsonObject *object, const char *key, GError **error);

/* Text of a JSON object, indented by two spaces, members in the order they were set, ending in a newline. */
char *ax_json_to_text(JsonObject *object);

G_END_DECLS
