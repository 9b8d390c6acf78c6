/* What the program remembers. What lives here: the one place that knows the keys of org.anatomix.Viewer.gschema.xml, and the list of recent
 * files. A schema that is not installed is no error: the defaults hold and nothing is kept. May use GIO; no GTK. Main thread only. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define AX_MAX_RECENT 10

/* The settings with the schema of the installation or of the build folder; NULL when there is none. (transfer none) */
GSettings *ax_settings_get(void);

/* Keys, with the value that holds when there are no settings. */
gboolean ax_settings_get_boolean(const char *key, gboolean otherwise);
void ax_settings_set_boolean(const char *key, gboolean value);
int ax_settings_get_int(const char *key, int otherwise);
void ax_settings_set_int(const char *key, int value);
char *ax_settings_get_string(const char *key, const char *otherwise);
void ax_settings_set_string(const char *key, const char *value);

/* NULL when there are no settings or the key is of another type. Setting takes a floating value. */
GVariant *ax_settings_get_value(const char *key, const GVariantType *type);
void ax_settings_set_value(const char *key, GVariant *value);

/* Paths of the files opened last, the newest first; NULL-terminated, never NULL. Files that are gone are left out. */
char **ax_recent_list(void);
/* Puts the path first. */
void ax_recent_add(const char *path);
void ax_recent_clear(void);

G_END_DECLS
