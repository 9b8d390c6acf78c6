/* Fuzz target: tokenizer.json, and text through whatever tokeniser comes of it. */
#include <glib/gstdio.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/text/gemma_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *folder, *path;

static void clean_up(void) {
  g_unlink(path);
  g_rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (folder == NULL) {
    g_setenv("XDG_CACHE_HOME", "/dev/null", TRUE); /* no tables of wrong files are kept */
    folder = g_dir_make_tmp("ax-fuzz-XXXXXX", NULL);
    g_assert(folder != NULL);
    path = g_build_filename(folder, "tokenizer.json", NULL);
    atexit(clean_up);
  }
  g_assert(g_file_set_contents(path, (const char *) data, (gssize) size, NULL));
  g_autoptr(GError) error = NULL;
  g_autoptr(AxGemmaTokenizer) t = ax_gemma_tokenizer_open(path, &error);
  g_assert((t == NULL) == (error != NULL));
  if (t == NULL)
    return 0;
  g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint32));
  ax_gemma_tokenizer_encode(t, (const char *) data, (gssize) MIN(size, 4096), TRUE, ids);
  for (guint i = 0; i < ids->len; i++)
    g_assert(g_array_index(ids, gint32, i) >= 0 && (guint) g_array_index(ids, gint32, i) < ax_gemma_tokenizer_size(t));
  g_autofree char *text = ax_gemma_tokenizer_decode(t, (const gint32 *) (gpointer) ids->data, ids->len, FALSE);
  g_assert(g_utf8_validate(text, -1, NULL));
  return 0;
}
