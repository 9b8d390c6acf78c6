#include "engine/checkpoint/file_sum.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/checkpoint/atomic_file.h"
#include "engine/checkpoint/weights-private.h"

#define MAX_REMEMBERED 64
#define GROUP "files"

/* What has to be equal for a remembered sum to hold. A change of the contents changes at least the time of the inode (ctime), which no
 * program can set back. */
static char *
identity(const char *path)
{
  struct stat s;
  if (stat(path, &s) != 0 || !S_ISREG(s.st_mode))
    return NULL;
  return g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT ".%09ld %" G_GINT64_FORMAT ".%09ld %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
                         (gint64) s.st_size, (gint64) s.st_mtim.tv_sec, s.st_mtim.tv_nsec, (gint64) s.st_ctim.tv_sec, s.st_ctim.tv_nsec,
                         (guint64) s.st_ino, (guint64) s.st_dev);
}

static char *
memory_path(void)
{
  return g_build_filename(g_get_user_cache_dir(), "anatomix", "sums.ini", NULL);
}

static gboolean
is_hex(const char *text)
{
  return strlen(text) == AX_SHA256_HEX_SIZE - 1 && strspn(text, "0123456789abcdef") == AX_SHA256_HEX_SIZE - 1;
}

/* Failures only cost the next start the time of another sum. */
static void
remember(GKeyFile *file, const char *memory, const char *key, const char *value)
{
  g_autofree char *dir = g_path_get_dirname(memory);
  gsize n = 0, size;
  g_auto(GStrv) keys = g_key_file_get_keys(file, GROUP, &n, NULL);
  if (n >= MAX_REMEMBERED)
    for (gsize i = 0; i < n; i++)
      g_key_file_remove_key(file, GROUP, keys[i], NULL);
  g_key_file_set_string(file, GROUP, key, value);
  g_autofree char *text = g_key_file_to_data(file, &size, NULL);
  if (text != NULL && g_mkdir_with_parents(dir, 0700) == 0)
    ax_atomic_file_save(memory, text, size, NULL);
}

gboolean
ax_file_sum(const char *path, char hex[AX_SHA256_HEX_SIZE], GError **error)
{
  g_autofree char *canonical = g_canonicalize_filename(path, NULL), *memory = memory_path(), *before = identity(canonical);
  g_autofree char *key = g_compute_checksum_for_string(G_CHECKSUM_SHA256, canonical, -1);
  g_autoptr(GKeyFile) file = g_key_file_new();
  if (before != NULL && g_key_file_load_from_file(file, memory, G_KEY_FILE_NONE, NULL)) {
    g_autofree char *known = g_key_file_get_string(file, GROUP, key, NULL);
    const gsize length = strlen(before);
    if (known != NULL && strncmp(known, before, length) == 0 && known[length] == ' ' && is_hex(known + length + 1)) {
      memcpy(hex, known + length + 1, AX_SHA256_HEX_SIZE);
      return TRUE;
    }
  }
  g_autoptr(GBytes) bytes = ax_map_file(path, error);
  if (bytes == NULL)
    return FALSE;
  gsize size;
  const void *data = g_bytes_get_data(bytes, &size);
  ax_sha256_hex(data, size, hex);
  g_autofree char *after = identity(canonical);
  if (before != NULL && g_strcmp0(before, after) == 0) {
    g_autofree char *value = g_strconcat(before, " ", hex, NULL);
    remember(file, memory, key, value);
  }
  return TRUE;
}
