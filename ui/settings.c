#include "ui/settings.h"

#include "ui/install.h"

#include <string.h>

#define SCHEMA "org.anatomix.Viewer"

static GSettingsSchema *find_in(const char *folder) {
  g_autoptr(GSettingsSchemaSource) source = NULL;

  if (!g_file_test(folder, G_FILE_TEST_IS_DIR))
    return NULL;
  source = g_settings_schema_source_new_from_directory(folder, g_settings_schema_source_get_default(), FALSE, NULL);
  return source ? g_settings_schema_source_lookup(source, SCHEMA, TRUE) : NULL;
}

GSettings *ax_settings_get(void) {
  static GSettings *settings;
  static gboolean looked;
  g_autoptr(GSettingsSchema) schema = NULL;
  g_autofree char *installed = NULL;
  GSettingsSchemaSource *source;

  if (looked)
    return settings;
  looked = TRUE;
  installed = ax_install_share("glib-2.0/schemas");
  schema = find_in(AX_BUILT_SCHEMAS); /* of the build folder that this binary comes from, where it still is */
  if (!schema && installed)
    schema = find_in(installed);
  source = g_settings_schema_source_get_default();
  if (!schema && source)
    schema = g_settings_schema_source_lookup(source, SCHEMA, TRUE);
  if (schema)
    settings = g_settings_new_full(schema, NULL, NULL);
  return settings;
}

/* An older schema that lies where it is found may lack a key, which GSettings would abort on. */
static GSettings *with_key(const char *key) {
  GSettings *settings = ax_settings_get();
  g_autoptr(GSettingsSchema) schema = NULL;

  if (!settings)
    return NULL;
  g_object_get(settings, "settings-schema", &schema, NULL);
  return g_settings_schema_has_key(schema, key) ? settings : NULL;
}

gboolean ax_settings_get_boolean(const char *key, gboolean otherwise) {
  GSettings *settings = with_key(key);

  return settings ? g_settings_get_boolean(settings, key) : otherwise;
}

void ax_settings_set_boolean(const char *key, gboolean value) {
  if (with_key(key))
    g_settings_set_boolean(ax_settings_get(), key, value);
}

int ax_settings_get_int(const char *key, int otherwise) {
  GSettings *settings = with_key(key);

  return settings ? g_settings_get_int(settings, key) : otherwise;
}

void ax_settings_set_int(const char *key, int value) {
  if (with_key(key))
    g_settings_set_int(ax_settings_get(), key, value);
}

char *ax_settings_get_string(const char *key, const char *otherwise) {
  GSettings *settings = with_key(key);

  return settings ? g_settings_get_string(settings, key) : g_strdup(otherwise);
}

void ax_settings_set_string(const char *key, const char *value) {
  if (with_key(key))
    g_settings_set_string(ax_settings_get(), key, value);
}

GVariant *ax_settings_get_value(const char *key, const GVariantType *type) {
  GSettings *settings = with_key(key);
  g_autoptr(GVariant) value = settings ? g_settings_get_value(settings, key) : NULL;

  return value && g_variant_is_of_type(value, type) ? g_steal_pointer(&value) : NULL;
}

void ax_settings_set_value(const char *key, GVariant *value) {
  g_autoptr(GVariant) owned = g_variant_ref_sink(value);

  if (with_key(key))
    g_settings_set_value(ax_settings_get(), key, owned);
}

/* ---- recent files: URIs in the settings, since a path need not be text ---- */

static char **get_uris(void) {
  return with_key("recent-files") ? g_settings_get_strv(ax_settings_get(), "recent-files") : g_new0(char *, 1);
}

char **ax_recent_list(void) {
  g_auto(GStrv) uris = get_uris();
  g_autoptr(GPtrArray) paths = g_ptr_array_new();

  for (guint i = 0; uris[i]; i++) {
    g_autofree char *path = g_filename_from_uri(uris[i], NULL, NULL);

    if (path && g_file_test(path, G_FILE_TEST_IS_REGULAR))
      g_ptr_array_add(paths, g_steal_pointer(&path));
  }
  g_ptr_array_add(paths, NULL);
  return (char **)g_ptr_array_free(g_steal_pointer(&paths), FALSE);
}

void ax_recent_add(const char *path) {
  g_autofree char *absolute = g_canonicalize_filename(path, NULL), *uri = g_filename_to_uri(absolute, NULL, NULL);
  g_auto(GStrv) old = get_uris();
  g_autoptr(GPtrArray) uris = g_ptr_array_new();

  if (!uri || !with_key("recent-files"))
    return;
  g_ptr_array_add(uris, uri);
  for (guint i = 0; old[i] && uris->len < AX_MAX_RECENT; i++)
    if (strcmp(old[i], uri) != 0)
      g_ptr_array_add(uris, old[i]);
  g_ptr_array_add(uris, NULL);
  g_settings_set_strv(ax_settings_get(), "recent-files", (const char *const *)uris->pdata);
}

void ax_recent_clear(void) {
  if (with_key("recent-files"))
    g_settings_reset(ax_settings_get(), "recent-files");
}
