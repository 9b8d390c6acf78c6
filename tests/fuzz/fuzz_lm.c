/* Fuzz target: descriptions of language models. Input that begins like JSON is a config.json; all others are opened as a base and as an adapter. */
#include <glib/gstdio.h>
#include <stdio.h>

#include "engine/checkpoint/lm_weights.h"
#include "tests/fuzz/fuzz_weights.h"

static char *folder, *path;

static void
clean_up(void)
{
  g_unlink(path);
  g_rmdir(folder);
}

static void
read_all(AxLmWeights *weights)
{
  for (guint i = 0; weights != NULL && i < ax_lm_weights_n(weights); i++) {
    const AxTensorInfo *info = ax_lm_weights_info(weights, i);
    gint64 rows, cols;
    g_autofree float *values = g_new(float, (gsize) info->n_elements + 1);
    g_assert(ax_lm_weights_find(weights, info->name) == (int) i);
    g_assert(ax_lm_weights_shape(weights, info->name, &rows, &cols) && rows * cols == info->n_elements);
    g_assert(ax_lm_weights_read(weights, info->name, 0, rows, rows, cols, values, NULL));
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (folder == NULL) {
    folder = g_dir_make_tmp("ax-fuzz-XXXXXX", NULL);
    g_assert(folder != NULL);
    path = g_build_filename(folder, "file", NULL);
    atexit(clean_up);
  }
  if (size > 0 && data[0] == '{') {
    AxLmConfig config;
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) root = ax_json_parse_object((const char *) data, size, "fuzz", NULL);
    if (root != NULL)
      g_assert(ax_lm_config_from_json(root, &config, &error) == (error == NULL));
    return 0;
  }
  g_unlink(path); /* file systems may write a truncated file out at once */
  FILE *file = fopen(path, "wb");
  g_assert(file != NULL && fwrite(size > 0 ? data : (const uint8_t *) "", 1, size, file) == size && fclose(file) == 0);
  g_autoptr(AxLmWeights) base = ax_lm_base_open(path, NULL);
  read_all(base);
  g_autoptr(AxLmWeights) adapter = ax_lm_adapter_open(path, 0, NULL);
  read_all(adapter);
  return 0;
}
