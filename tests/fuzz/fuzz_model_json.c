/* Fuzz target: model.json. The folder holds one real file, so that verification is reached too. */
#include <glib/gstdio.h>

#include "engine/checkpoint/language_part.h"
#include "tests/fuzz/fuzz_weights.h"

static char *folder, *json;

static void
clean_up(void)
{
  g_autofree char *file = g_build_filename(folder, "w", NULL);
  g_unlink(file);
  g_unlink(json);
  g_rmdir(folder);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (folder == NULL) {
    folder = g_dir_make_tmp("ax-fuzz-XXXXXX", NULL);
    g_assert(folder != NULL);
    json = g_build_filename(folder, AX_MODEL_JSON, NULL);
    g_autofree char *file = g_build_filename(folder, "w", NULL);
    g_assert(g_file_set_contents(file, "", 0, NULL));
    atexit(clean_up);
  }
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) object = ax_json_parse_object((const char *) data, size, "fuzz", &error);
  g_assert((object == NULL) == (error != NULL));
  if (object == NULL)
    return 0;
  g_assert(g_file_set_contents(json, (const char *) data, (gssize) size, NULL));
  g_autoptr(AxModelFolder) model = ax_model_folder_open(folder, NULL);
  if (model != NULL) {
    gint64 number;
    double real;
    g_autoptr(GList) keys = json_object_get_members(ax_model_folder_get_config(model));
    for (GList *key = keys; key != NULL; key = key->next) {
      (void) ax_json_get_int(ax_model_folder_get_config(model), key->data, -10, 10, &number, NULL);
      (void) ax_json_get_double(ax_model_folder_get_config(model), key->data, -10, 10, &real, NULL);
      (void) ax_json_get_string(ax_model_folder_get_config(model), key->data, NULL);
    }
    g_autoptr(AxLanguagePart) part = ax_language_part_open(model, NULL);
    g_assert(part == NULL || ax_language_part_get_weights(part) != NULL);
  }
  return 0;
}
