/* Writing JSON text. What lives here: AxJson, which appends one JSON value to a string with a fixed number of decimals, so that equal results are equal
 * bytes (json-glib writes doubles with 17 digits: 0.1 comes out as 0.10000000000000001). Reading is json-glib's. May use GLib only. */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

typedef struct AxJson AxJson;

/* With pretty, objects and arrays are indented by two spaces a level, except those begun as inline. */
AxJson *ax_json_new (gboolean pretty);
/* The text; `json` is gone afterwards. Every object and array must have been ended. Free with g_free. */
char *ax_json_finish (AxJson *json);

/* Where a value is expected inside an object, `key` names it; in an array and at the top it is NULL. */
void ax_json_begin_object (AxJson *json, const char *key);
void ax_json_begin_array (AxJson *json, const char *key);
void ax_json_begin_inline_object (AxJson *json, const char *key);
void ax_json_begin_inline_array (AxJson *json, const char *key);
void ax_json_end (AxJson *json);

/* NULL becomes null; bytes that are not UTF-8 are replaced. */
void ax_json_string (AxJson *json, const char *key, const char *value);
void ax_json_int (AxJson *json, const char *key, gint64 value);
/* At most `decimals` (0 to 9) decimals, zeros at the end left out; a value that is not finite becomes null, -0 becomes 0. */
void ax_json_number (AxJson *json, const char *key, double value, int decimals);
void ax_json_bool (AxJson *json, const char *key, gboolean value);
void ax_json_null (AxJson *json, const char *key);

G_END_DECLS
