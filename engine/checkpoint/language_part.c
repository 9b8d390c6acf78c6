#include "engine/checkpoint/language_part.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/checkpoint/atomic_file.h"
#include "engine/checkpoint/file_sum.h"

#define BASE_ROLE "lm_base"
#define BASE_PREFIX "base-"

struct _AxLanguagePart {
  gatomicrefcount refs;
  char *base_path, *tokenizer_path, *title;
  AxLmWeights *weights;
  JsonObject *prompt;
};

/* ---- where the base is ---- */

/* A file of that size; the sum is verified when it is used. */
static gboolean
is_file_of_size(const char *path, gint64 bytes)
{
  struct stat s;
  return stat(path, &s) == 0 && S_ISREG(s.st_mode) && (gint64) s.st_size == bytes;
}

/* DIR/name, or the same in a folder of DIR. */
static char *
find_below(const char *dir, const char *name, gint64 bytes)
{
  g_autofree char *here = g_build_filename(dir, name, NULL);
  if (is_file_of_size(here, bytes))
    return g_steal_pointer(&here);
  g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
  for (const char *entry = entries != NULL ? g_dir_read_name(entries) : NULL; entry != NULL; entry = g_dir_read_name(entries)) {
    g_autofree char *there = g_build_filename(dir, entry, name, NULL);
    if (is_file_of_size(there, bytes))
      return g_steal_pointer(&there);
  }
  return NULL;
}

/* The user's cache and data folders, then the system's. */
static char *
find_installed(const char *name, gint64 bytes)
{
  g_autoptr(GPtrArray) roots = g_ptr_array_new();
  g_ptr_array_add(roots, (char *) g_get_user_cache_dir());
  g_ptr_array_add(roots, (char *) g_get_user_data_dir());
  for (const char *const *dir = g_get_system_data_dirs(); *dir != NULL; dir++)
    g_ptr_array_add(roots, (char *) *dir);
  for (guint i = 0; i < roots->len; i++) {
    g_autofree char *dir = g_build_filename(roots->pdata[i], "anatomix", NULL);
    char *found = find_below(dir, name, bytes);
    if (found != NULL)
      return found;
  }
  return NULL;
}

gboolean
ax_language_base_is_installed(const char *path)
{
  struct stat s;
  g_autofree char *canonical = g_canonicalize_filename(path, NULL), *name = g_path_get_basename(canonical);
  g_autofree char *found = stat(canonical, &s) == 0 ? find_installed(name, (gint64) s.st_size) : NULL;
  g_autofree char *there = found != NULL ? g_canonicalize_filename(found, NULL) : NULL;
  return g_strcmp0(there, canonical) == 0;
}

static char *
size_text(gint64 bytes)
{
  return bytes >= 1000000 ? g_strdup_printf("%.0f MB", (double) bytes / 1e6) : g_strdup_printf("%" G_GINT64_FORMAT " bytes", bytes);
}

/* What the model's folder calls the program that fetches its base: with its whole path where it lies in that folder or in one above, as in the source tree and where
 * all is installed. NULL for NULL. */
static char *
find_program(const char *folder, const char *name)
{
  g_autofree char *at = name != NULL && name[0] != '/' ? g_canonicalize_filename(folder, NULL) : NULL;
  for (int up = 0; at != NULL && up < 4; up++) {
    g_autofree char *path = g_build_filename(at, name, NULL), *inside = g_steal_pointer(&at);
    if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
      return g_steal_pointer(&path);
    at = g_path_get_dirname(inside);
  }
  return g_strdup(name);
}

static char *
find_file(const char *folder, JsonObject *base, GError **error)
{
  gint64 bytes;
  const char *name = ax_json_get_string(base, "name", error);
  if (name == NULL || !ax_json_get_int(base, "bytes", 1, G_MAXINT64, &bytes, error))
    return NULL;
  if (strchr(name, '/') != NULL || name[0] == '.' || name[0] == 0) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_REFUSED, "\"name\" of the base language model is no file name");
    return NULL;
  }
  g_autofree char *size = size_text(bytes);
  const char *named = g_getenv("ANATOMIX_LM");
  if (named != NULL && named[0] != 0) {
    /* Someone said where it is: nothing else is tried, so that a mistake shows. */
    g_autofree char *inside = g_build_filename(named, name, NULL);
    if (g_file_test(named, G_FILE_TEST_IS_DIR) && is_file_of_size(inside, bytes))
      return g_steal_pointer(&inside);
    if (is_file_of_size(named, bytes))
      return g_strdup(named);
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING, "ANATOMIX_LM is %s, which is not the language model %s (%s) that this model needs",
                named, name, size);
    return NULL;
  }
  char *found = g_build_filename(folder, name, NULL);
  if (is_file_of_size(found, bytes))
    return found;
  g_free(found);
  found = find_installed(name, bytes);
  if (found != NULL)
    return found;
  const char *title = json_object_get_string_member_with_default(base, "title", name);
  g_autofree char *fetch = find_program(folder, json_object_get_string_member_with_default(base, "fetch", NULL));
  g_autofree char *how = fetch != NULL ? g_strdup_printf("run %s to fetch it, or ", fetch) : g_strdup("");
  g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING,
              "The language model %s is not on this machine (%s, %s): %sset ANATOMIX_LM to where it is. Looked for in %s, %s/anatomix and the data "
              "folders", title, name, size, how, folder, g_get_user_cache_dir());
  return NULL;
}

/* The "base" of model.json; NULL with MISSING or MISMATCH. */
static JsonObject *
get_base(const AxModelFolder *folder, JsonObject **language, GError **error)
{
  *language = ax_model_folder_get_language(folder);
  if (*language == NULL) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING, "The model %s has no language part", ax_model_folder_get_name(folder));
    return NULL;
  }
  return ax_json_get_object(*language, "base", error);
}

char *
ax_language_part_find_base(const AxModelFolder *folder, GError **error)
{
  JsonObject *language, *base = get_base(folder, &language, error);
  if (base == NULL)
    return NULL;
  if (json_object_has_member(base, "role"))
    return g_strdup(ax_model_folder_get_path(folder));
  return find_file(ax_model_folder_get_path(folder), base, error);
}

/* ---- opening ---- */

static gboolean
check_sum(const char *path, const char *expected, GError **error)
{
  char hex[AX_SHA256_HEX_SIZE];
  if (!ax_file_sum(path, hex, error))
    return FALSE;
  if (strcmp(hex, expected) != 0) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH,
                "%s is not the language model that this model needs, or it is damaged (its SHA-256 differs); fetch it again", path);
    return FALSE;
  }
  return TRUE;
}

/* The files under "lm_base/...", whose sums ax_model_folder_open() leaves to this. */
static gboolean
check_base_files(const AxModelFolder *folder, GError **error)
{
  JsonObject *files = json_object_get_object_member(ax_model_folder_get_root(folder), "files");
  g_autoptr(GList) roles = json_object_get_members(files);
  guint n = 0;
  for (GList *role = roles; role != NULL; role = role->next) {
    if (!g_str_has_prefix(role->data, BASE_ROLE "/"))
      continue;
    const char *sum = ax_json_get_string(json_object_get_object_member(files, role->data), "sha256", error);
    if (sum == NULL || !check_sum(ax_model_folder_get_file(folder, role->data), sum, error))
      return FALSE;
    n++;
  }
  if (n == 0)
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING, "the model folder names no files of the base language model");
  return n > 0;
}

static AxLmWeights *
open_base(AxLanguagePart *self, const AxModelFolder *folder, JsonObject *base, GError **error)
{
  self->base_path = ax_language_part_find_base(folder, error);
  if (self->base_path == NULL)
    return NULL;
  if (json_object_has_member(base, "role")) {
    const char *role = ax_json_get_string(base, "role", error);
    if (role == NULL)
      return NULL;
    if (strcmp(role, BASE_ROLE) != 0) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "\"role\" of the base language model is not \"" BASE_ROLE "\"");
      return NULL;
    }
    self->tokenizer_path = g_strdup(ax_model_folder_get_file(folder, BASE_ROLE "/tokenizer.json"));
    return check_base_files(folder, error) ? ax_lm_base_open_prefixed(self->base_path, BASE_PREFIX, error) : NULL;
  }
  const char *sum = ax_json_get_string(base, "sha256", error);
  return sum != NULL && check_sum(self->base_path, sum, error) ? ax_lm_base_open(self->base_path, error) : NULL;
}

/* "rank" and "alpha" say what the adapter holds; a file that was exchanged by hand shows here. */
static gboolean
check_adapter(JsonObject *language, const AxLmWeights *adapter, GError **error)
{
  const AxLmAdapterInfo *info = ax_lm_weights_get_adapter(adapter);
  gint64 rank;
  double alpha;
  if (!ax_json_get_int(language, "rank", 0, 4096, &rank, error) || !ax_json_get_double(language, "alpha", 0, 1e6, &alpha, error))
    return FALSE;
  if (rank == info->rank && (info->rank == 0 || alpha == info->alpha))
    return TRUE;
  g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "model.json says rank %d and alpha %g, the adapter has %d and %g", (int) rank, alpha,
              info->rank, info->alpha);
  return FALSE;
}

AxLanguagePart *
ax_language_part_open(AxModelFolder *folder, GError **error)
{
  JsonObject *language, *base = get_base(folder, &language, error);
  if (base == NULL)
    return NULL;
  g_autoptr(AxLanguagePart) self = g_new0(AxLanguagePart, 1);
  g_atomic_ref_count_init(&self->refs);
  g_autoptr(AxLmWeights) weights = open_base(self, folder, base, error);
  if (weights == NULL)
    return NULL;
  self->title = g_strdup(json_object_get_string_member_with_default(base, "title", "language model"));
  if (json_object_has_member(language, "adapter")) {
    const char *role = ax_json_get_string(language, "adapter", error), *path = role != NULL ? ax_model_folder_get_file(folder, role) : NULL;
    if (role != NULL && path == NULL)
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING, "model.json names no file \"%s\", which is to be the adapter", role);
    g_autoptr(AxLmWeights) adapter = path != NULL ? ax_lm_adapter_open(path, 0, error) : NULL;
    if (adapter == NULL || !check_adapter(language, adapter, error))
      return NULL;
    self->weights = ax_lm_weights_stack(weights, adapter, error);
  } else {
    self->weights = ax_lm_weights_ref(weights);
  }
  if (self->weights == NULL)
    return NULL;
  if (json_object_has_member(language, "prompt")) {
    JsonObject *prompt = ax_json_get_object(language, "prompt", error);
    if (prompt == NULL)
      return NULL;
    self->prompt = json_object_ref(prompt);
  } else {
    self->prompt = json_object_new();
  }
  return g_steal_pointer(&self);
}

AxLanguagePart *
ax_language_part_ref(AxLanguagePart *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
ax_language_part_unref(AxLanguagePart *self)
{
  if (!g_atomic_ref_count_dec(&self->refs))
    return;
  g_clear_pointer(&self->weights, ax_lm_weights_unref);
  g_clear_pointer(&self->prompt, json_object_unref);
  g_free(self->base_path);
  g_free(self->tokenizer_path);
  g_free(self->title);
  g_free(self);
}

AxLmWeights *
ax_language_part_get_weights(const AxLanguagePart *self)
{
  return self->weights;
}

const char *
ax_language_part_get_base_path(const AxLanguagePart *self)
{
  return self->base_path;
}

const char *
ax_language_part_get_tokenizer_path(const AxLanguagePart *self)
{
  return self->tokenizer_path;
}

const char *
ax_language_part_get_title(const AxLanguagePart *self)
{
  return self->title;
}

JsonObject *
ax_language_part_get_prompt(const AxLanguagePart *self)
{
  return self->prompt;
}

/* ---- writing ---- */

static JsonObject *
describe_base(const AxLanguageDescription *d, GError **error)
{
  g_autoptr(JsonObject) base = json_object_new();
  g_autofree char *name = d->base != NULL ? g_path_get_basename(d->base) : NULL;
  json_object_set_string_member(base, "title", d->title != NULL ? d->title : name != NULL ? name : "language model");
  if (d->base != NULL) {
    char hex[AX_SHA256_HEX_SIZE];
    struct stat s;
    if (!ax_file_sum(d->base, hex, error))
      return NULL;
    if (stat(d->base, &s) != 0) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_READ, "Cannot read %s: %s", d->base, g_strerror(errno));
      return NULL;
    }
    json_object_set_string_member(base, "name", name);
    json_object_set_int_member(base, "bytes", (gint64) s.st_size);
    json_object_set_string_member(base, "sha256", hex);
    if (d->fetch != NULL)
      json_object_set_string_member(base, "fetch", d->fetch);
  } else {
    json_object_set_string_member(base, "role", BASE_ROLE);
  }
  return g_steal_pointer(&base);
}

/* Drops the files of an earlier language part and lists the new ones. */
static gboolean
update_files(JsonObject *root, const char *dir, const AxLanguageDescription *d, GError **error)
{
  JsonObject *files = ax_json_get_object(root, "files", error);
  if (files == NULL)
    return FALSE;
  g_autoptr(GList) roles = json_object_get_members(files);
  g_autoptr(GPtrArray) old = g_ptr_array_new_with_free_func(g_free);
  for (GList *role = roles; role != NULL; role = role->next)
    if (strcmp(role->data, AX_LANGUAGE_ADAPTER_ROLE) == 0 || g_str_has_prefix(role->data, BASE_ROLE "/"))
      g_ptr_array_add(old, g_strdup(role->data));
  for (guint i = 0; i < old->len; i++)
    json_object_remove_member(files, old->pdata[i]);
  for (const char *const *pair = d->base_files; pair != NULL && pair[0] != NULL; pair += 2) {
    JsonObject *entry = ax_model_folder_describe_file(dir, pair[1], error);
    if (entry == NULL)
      return FALSE;
    json_object_set_object_member(files, pair[0], entry);
  }
  if (d->adapter == NULL)
    return TRUE;
  JsonObject *entry = ax_model_folder_describe_file(dir, d->adapter, error);
  if (entry != NULL)
    json_object_set_object_member(files, AX_LANGUAGE_ADAPTER_ROLE, entry);
  return entry != NULL;
}

static gboolean
has_licence(JsonArray *licences, const char *name)
{
  for (guint i = 0; i < json_array_get_length(licences); i++) {
    JsonNode *node = json_array_get_element(licences, i);
    if (JSON_NODE_HOLDS_OBJECT(node) && g_strcmp0(ax_json_get_string(json_node_get_object(node), "name", NULL), name) == 0)
      return TRUE;
  }
  return FALSE;
}

static gboolean
update_licences(JsonObject *root, JsonArray *more, GError **error)
{
  JsonArray *licences = more != NULL ? ax_json_get_array(root, "licences", error) : NULL;
  if (more == NULL)
    return TRUE;
  if (licences == NULL)
    return FALSE;
  for (guint i = 0; i < json_array_get_length(more); i++) {
    JsonObject *licence = json_array_get_object_element(more, i);
    const char *name = ax_json_get_string(licence, "name", error);
    if (name == NULL)
      return FALSE;
    if (!has_licence(licences, name))
      json_array_add_object_element(licences, json_object_ref(licence));
  }
  return TRUE;
}

/* model.json as a tree that may be changed; the bytes that a reader verified are read again, so nothing else is lost. */
static JsonObject *
load_for_change(const char *path, GError **error)
{
  g_autoptr(JsonObject) checked = ax_json_load_object(path, error);
  if (checked == NULL)
    return NULL;
  g_autofree char *text = ax_json_to_text(checked);
  g_autoptr(JsonParser) parser = json_parser_new();
  g_autoptr(GError) reason = NULL;
  if (!json_parser_load_from_data(parser, text, -1, &reason)) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_DAMAGED, "%s: %s", path, reason->message);
    return NULL;
  }
  return json_object_ref(json_node_get_object(json_parser_get_root(parser)));
}

gboolean
ax_language_part_write(const char *dir, const AxLanguageDescription *d, GError **error)
{
  g_autofree char *path = g_build_filename(dir, AX_MODEL_JSON, NULL);
  g_autoptr(JsonObject) root = load_for_change(path, error);
  g_autoptr(JsonObject) base = root != NULL ? describe_base(d, error) : NULL;
  if (base == NULL || !update_files(root, dir, d, error) || !update_licences(root, d->licences, error))
    return FALSE;
  JsonObject *language = json_object_new();
  json_object_set_object_member(language, "base", json_object_ref(base));
  if (d->adapter != NULL) {
    g_autofree char *file = g_build_filename(dir, d->adapter, NULL);
    g_autoptr(AxLmWeights) adapter = ax_lm_adapter_open(file, 0, error);
    if (adapter == NULL) {
      json_object_unref(language);
      return FALSE;
    }
    json_object_set_string_member(language, "adapter", AX_LANGUAGE_ADAPTER_ROLE);
    json_object_set_int_member(language, "rank", ax_lm_weights_get_adapter(adapter)->rank);
    json_object_set_double_member(language, "alpha", ax_lm_weights_get_adapter(adapter)->alpha);
  }
  json_object_set_object_member(language, "prompt", d->prompt != NULL ? json_object_ref(d->prompt) : json_object_new());
  json_object_set_object_member(root, "language", language);
  g_autofree char *text = ax_json_to_text(root);
  return ax_atomic_file_save(path, text, strlen(text), error);
}
