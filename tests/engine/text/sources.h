/* Where the tests of engine/text find the published vocabulary, and a cache folder of their own. */
#pragma once

#include <glib/gstdio.h>
#include <math.h>

#include "engine/text/gemma_tokenizer.h"

static char *sources_cache, *sources_gguf;

/* Before anything asks GLib for the cache folder. */
static inline void sources_init(void) {
  const char *cache = g_getenv("XDG_CACHE_HOME"), *home = g_getenv("HOME");
  g_autofree char *real = cache != NULL && *cache != '\0' ? g_strdup(cache) : g_build_filename(home != NULL ? home : "/", ".cache", NULL);
  sources_gguf = g_build_filename(real, "anatomix", "gemma-3-270m", "gemma-3-270m-q4_k_m.gguf", NULL);
  sources_cache = g_dir_make_tmp("anatomix-cache-XXXXXX", NULL);
  g_setenv("XDG_CACHE_HOME", sources_cache, TRUE);
}

/* Removes the cache folder with the tables in it. */
static inline void sources_clean_up(void) {
  g_autofree char *folder = g_build_filename(sources_cache, "anatomix", NULL);
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_unlink(path);
  }
  g_rmdir(folder);
  g_rmdir(sources_cache);
  g_clear_pointer(&sources_cache, g_free);
  g_clear_pointer(&sources_gguf, g_free);
}

/* The tokeniser of the published GGUF, or NULL where that file is absent. */
static inline AxGemmaTokenizer *open_gguf_source(void) {
  if (!g_file_test(sources_gguf, G_FILE_TEST_EXISTS))
    return NULL;
  g_autoptr(GError) error = NULL;
  AxGemmaTokenizer *tokenizer = ax_gemma_tokenizer_open(sources_gguf, &error);
  g_assert_no_error(error);
  return tokenizer;
}
