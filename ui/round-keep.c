#include "ui/round-keep.h"

#include "ui/session-file.h"
#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>

static char *folder_of_rounds(void) {
  g_autofree char *sessions = ax_session_file_folder();

  return g_build_filename(sessions, "rounds", NULL);
}

char *ax_round_keep_path(const AxRound *round, const char *folder) {
  g_autofree char *absolute = g_canonicalize_filename(folder, NULL), *key = ax_round_sitting_key(round, absolute);
  g_autofree char *name = g_strconcat(key, ".json", NULL), *rounds = folder_of_rounds();

  return g_build_filename(rounds, name, NULL);
}

void ax_round_keep_write(const AxRoundSitting *sitting) {
  g_autofree char *path = ax_round_keep_path(sitting->log->round, sitting->folder);

  ax_session_file_write(path, ax_round_sitting_to_json(sitting));
}

gboolean ax_round_keep_may_have(const char *path) { return g_file_test(path, G_FILE_TEST_IS_REGULAR) || ax_session_file_is_writing(); }

/* Path of the youngest file, or NULL. */
static char *find_last(void) {
  g_autofree char *folder = folder_of_rounds();
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  char *found = NULL;
  gint64 youngest = G_MININT64;
  const char *name;

  while (dir && (name = g_dir_read_name(dir))) {
    g_autofree char *path = g_build_filename(folder, name, NULL);
    GStatBuf info;

    if (!g_str_has_suffix(name, ".json") || g_stat(path, &info) != 0 || (gint64)info.st_mtime < youngest)
      continue;
    if ((gint64)info.st_mtime == youngest && g_strcmp0(path, found) < 0)
      continue; /* whatever order the folder has, the same file is chosen */
    youngest = (gint64)info.st_mtime;
    g_free(found);
    found = g_steal_pointer(&path);
  }
  return found;
}

AxRoundSitting *ax_round_keep_load(const char *path, GError **error) {
  g_autofree char *last = NULL;

  ax_session_file_wait();
  last = path ? g_strdup(path) : find_last();
  if (last && g_file_test(last, G_FILE_TEST_IS_REGULAR))
    return ax_round_sitting_load(last, error);
  g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, _("No round has been begun yet."));
  return NULL;
}
