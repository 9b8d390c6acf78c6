#include "engine/checkpoint/model_folder.h"

#include <string.h>

#include "engine/checkpoint/atomic_file.h"
#include "engine/checkpoint/sha256.h"
#include "engine/checkpoint/weights-private.h"

#define FORMAT "anatomix-model"
#define VERSION 1

struct _AxModelFolder {
  gatomicrefcount refs;
  char *path;
  JsonObject *root, *config, *quality, *language;
  const char *name;
  char sha256[AX_SHA256_HEX_SIZE];
  GHashTable *files; /* role -> full path */
};

/* A name in the folder itself: a hostile model.json must not reach elsewhere. */
static gboolean
is_plain_name(const char *name)
{
  return name[0] != 0 && name[0] != '.' && strchr(name, '/') == NULL && strchr(name, '\\') == NULL && strlen(name) <= 255
         && g_utf8_validate(name, -1, NULL);
}

static gboolean
verify_file(AxModelFolder *self, const char *role, JsonObject *entry, GError **error)
{
  gint64 size;
  const char *name = ax_json_get_string(entry, "path", error);
  const char *sha256 = name != NULL ? ax_json_get_string(entry, "sha256", error) : NULL;
  if (sha256 == NULL || !ax_json_get_int(entry, "bytes", 0, G_MAXINT64, &size, error))
    return FALSE;
  if (!is_plain_name(name)) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_REFUSED, "the file of \"%s\" is not in the folder itself", role);
    return FALSE;
  }
  char *path = g_build_filename(self->path, name, NULL);
  g_hash_table_insert(self->files, g_strdup(role), path);
  g_autoptr(GBytes) bytes = ax_map_file(path, error);
  if (bytes == NULL)
    return FALSE;
  gsize has;
  const void *data = g_bytes_get_data(bytes, &has);
  if ((gint64) has != size) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH,
                "%s has %" G_GSIZE_FORMAT " bytes, expected %" G_GINT64_FORMAT "; copy the model again", name, has, size);
    return FALSE;
  }
  if (g_str_has_prefix(role, "lm_base/"))
    return TRUE;
  char hex[AX_SHA256_HEX_SIZE];
  ax_sha256_hex(data, has, hex);
  if (strcmp(hex, sha256) != 0) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s was changed or is damaged (its SHA-256 differs); copy the model again",
                name);
    return FALSE;
  }
  return TRUE;
}

static gboolean
read_json(AxModelFolder *self, GError **error)
{
  gint64 version;
  const char *format = ax_json_get_string(self->root, "format", error);
  if (format == NULL)
    return FALSE;
  if (strcmp(format, FORMAT) != 0) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED, "\"format\" is not \"" FORMAT "\"");
    return FALSE;
  }
  if (!ax_json_get_int(self->root, "version", 1, G_MAXINT32, &version, error))
    return FALSE;
  if (version != VERSION) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED,
                "the model is of version %" G_GINT64_FORMAT ", this program reads version %d; update the program", version, VERSION);
    return FALSE;
  }
  self->name = ax_json_get_string(self->root, "name", error);
  self->config = self->name != NULL ? ax_json_get_object(self->root, "config", error) : NULL;
  self->quality = self->config != NULL ? ax_json_get_object(self->root, "quality", error) : NULL;
  JsonObject *files = self->quality != NULL ? ax_json_get_object(self->root, "files", error) : NULL;
  if (files == NULL)
    return FALSE;
  if (json_object_has_member(self->root, "language")) {
    self->language = ax_json_get_object(self->root, "language", error);
    if (self->language == NULL)
      return FALSE;
  }

  g_autoptr(GList) roles = json_object_get_members(files);
  for (GList *role = roles; role != NULL; role = role->next) {
    JsonObject *entry = ax_json_get_object(files, role->data, error);
    if (entry == NULL || !verify_file(self, role->data, entry, error))
      return FALSE;
  }
  return TRUE;
}

AxModelFolder *
ax_model_folder_open(const char *dir, GError **error)
{
  g_autoptr(AxModelFolder) self = g_new0(AxModelFolder, 1);
  g_atomic_ref_count_init(&self->refs);
  self->path = g_strdup(dir);
  self->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  g_autofree char *path = g_build_filename(dir, AX_MODEL_JSON, NULL);
  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_READ, g_file_test(dir, G_FILE_TEST_IS_DIR) ? "%s is no model folder: it has no " AX_MODEL_JSON
                : "%s: there is no such folder; a model is a folder with " AX_MODEL_JSON, dir);
    return NULL;
  }
  g_autoptr(GBytes) bytes = ax_map_file(path, error);
  if (bytes == NULL)
    return NULL;
  gsize size;
  const char *text = g_bytes_get_data(bytes, &size);
  self->root = ax_json_parse_object(text, size, path, error);
  if (self->root == NULL)
    return NULL;
  ax_sha256_hex(text, size, self->sha256);
  if (!read_json(self, error)) {
    g_prefix_error(error, "%s: ", path);
    return NULL;
  }
  return g_steal_pointer(&self);
}

AxModelFolder *
ax_model_folder_ref(AxModelFolder *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
ax_model_folder_unref(AxModelFolder *self)
{
  if (!g_atomic_ref_count_dec(&self->refs))
    return;
  g_clear_pointer(&self->root, json_object_unref);
  g_hash_table_unref(self->files);
  g_free(self->path);
  g_free(self);
}

const char *
ax_model_folder_get_path(const AxModelFolder *self)
{
  return self->path;
}

const char *
ax_model_folder_get_name(const AxModelFolder *self)
{
  return self->name;
}

const char *
ax_model_folder_get_sha256(const AxModelFolder *self)
{
  return self->sha256;
}

JsonObject *
ax_model_folder_get_config(const AxModelFolder *self)
{
  return self->config;
}

JsonObject *
ax_model_folder_get_quality(const AxModelFolder *self)
{
  return self->quality;
}

JsonObject *
ax_model_folder_get_root(const AxModelFolder *self)
{
  return self->root;
}

JsonObject *
ax_model_folder_get_language(const AxModelFolder *self)
{
  return self->language;
}

const char *
ax_model_folder_get_file(const AxModelFolder *self, const char *role)
{
  return g_hash_table_lookup(self->files, role);
}

JsonObject *
ax_model_folder_describe_file(const char *dir, const char *name, GError **error)
{
  if (!is_plain_name(name)) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT, "%s cannot be the name of a model's file", name);
    return NULL;
  }
  g_autofree char *path = g_build_filename(dir, name, NULL);
  g_autoptr(GBytes) bytes = ax_map_file(path, error);
  if (bytes == NULL)
    return NULL;
  gsize size;
  const void *data = g_bytes_get_data(bytes, &size);
  char hex[AX_SHA256_HEX_SIZE];
  ax_sha256_hex(data, size, hex);
  JsonObject *entry = json_object_new();
  json_object_set_string_member(entry, "path", name);
  json_object_set_int_member(entry, "bytes", (gint64) size);
  json_object_set_string_member(entry, "sha256", hex);
  return entry;
}

gboolean
ax_model_folder_write(const char *dir, const AxModelDescription *description, GError **error)
{
  g_autoptr(JsonObject) root = json_object_new();
  g_autoptr(JsonObject) files = json_object_new();
  json_object_set_string_member(root, "format", FORMAT);
  json_object_set_int_member(root, "version", VERSION);
  json_object_set_string_member(root, "name", description->name);
  json_object_set_object_member(root, "config", json_object_ref(description->config));
  for (const char *const *pair = description->files; pair != NULL && pair[0] != NULL; pair += 2) {
    JsonObject *entry = ax_model_folder_describe_file(dir, pair[1], error);
    if (entry == NULL)
      return FALSE;
    json_object_set_object_member(files, pair[0], entry);
  }
  json_object_set_object_member(root, "files", json_object_ref(files));
  json_object_set_array_member(root, "licences", description->licences != NULL ? json_array_ref(description->licences) : json_array_new());
  JsonArray *sources = json_array_new();
  for (const char *const *source = description->trained_on; source != NULL && *source != NULL; source++)
    json_array_add_string_element(sources, *source);
  json_object_set_array_member(root, "trained_on", sources);
  json_object_set_object_member(root, "quality", description->quality != NULL ? json_object_ref(description->quality) : json_object_new());
  g_autofree char *text = ax_json_to_text(root);
  g_autofree char *path = g_build_filename(dir, AX_MODEL_JSON, NULL);
  return ax_atomic_file_save(path, text, strlen(text), error);
}
