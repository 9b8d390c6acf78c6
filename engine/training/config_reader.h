/* config_reader.h: reading a configuration file member by member.
 *
 * What lives here: AxConfigReader, which remembers the keys that were asked for, so that a misspelt key is an error and not a silent default. Keys that begin
 * with "//" are comments. Paths are relative to the file. After the first error every further read gives its default. May use json-glib.
 */
#pragma once
#include <json-glib/json-glib.h>

typedef struct {
  JsonObject *object;
  const char *path;
  GHashTable *known;
  GError    **error;
  gboolean    failed;
} AxConfigReader;

/* The object that the file holds; NULL with an error. Free with json_object_unref(). */
JsonObject *ax_config_file_object (const char *path, GError **error);
/* Ready for an object of that file; `known` is an empty set that the caller frees. */
AxConfigReader ax_config_reader   (JsonObject *object, const char *path, GHashTable *known, GError **error);

/* A number or a boolean (0 or 1) within [lo, hi]. */
double      ax_config_number      (AxConfigReader *reader, const char *key, double value, double lo, double hi);
/* A string as it stands, owned by the object; NULL if absent. */
const char *ax_config_text        (AxConfigReader *reader, const char *key);
/* A path, made absolute; free it. `fallback` may be NULL. */
char       *ax_config_path        (AxConfigReader *reader, const char *key, const char *fallback);
/* A list of paths or one path, NULL-terminated; NULL if absent. */
char      **ax_config_paths       (AxConfigReader *reader, const char *key);
/* A list of texts or one text, as they stand; NULL if absent. */
char      **ax_config_texts       (AxConfigReader *reader, const char *key);
/* The index of the text among the NULL-terminated choices; `value` if absent. */
int         ax_config_choice      (AxConfigReader *reader, const char *key, const char *const *choices, int value);
/* An object, or NULL. */
JsonObject *ax_config_object      (AxConfigReader *reader, const char *key);
/* The last call: an error if the object has a key that nothing asked for. FALSE if anything failed. */
gboolean    ax_config_finish      (AxConfigReader *reader);
/* Fails with this message, "FILE: ...". */
void        ax_config_fail        (AxConfigReader *reader, const char *format, ...) G_GNUC_PRINTF (2, 3);
