#include "ui/folder.h"

#include <string.h>

gboolean ax_folder_is_image_name(const char *name, gboolean bare) {
  static const char *const endings[] = {".png", ".jpg", ".jpeg", ".dcm", ".dicom"};
  g_autofree char *lower = g_ascii_strdown(name, -1);

  if (name[0] == '.')
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(endings); i++)
    if (g_str_has_suffix(lower, endings[i]))
      return TRUE;
  return bare && !strchr(name, '.');
}

static int compare_names(gconstpointer a, gconstpointer b) {
  g_autofree char *name_a = g_filename_display_basename(*(char *const *)a);
  g_autofree char *name_b = g_filename_display_basename(*(char *const *)b);
  g_autofree char *key_a = g_utf8_collate_key_for_filename(name_a, -1);
  g_autofree char *key_b = g_utf8_collate_key_for_filename(name_b, -1);
  int order = strcmp(key_a, key_b);

  return order ? order : strcmp(*(char *const *)a, *(char *const *)b);
}

char **ax_folder_list(const char *folder, gboolean bare) {
  g_autoptr(GPtrArray) paths = g_ptr_array_new();
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name(dir))) {
    g_autofree char *path = g_build_filename(folder, name, NULL);

    if (ax_folder_is_image_name(name, bare) && g_file_test(path, G_FILE_TEST_IS_REGULAR))
      g_ptr_array_add(paths, g_steal_pointer(&path));
  }
  g_ptr_array_sort(paths, compare_names);
  g_ptr_array_add(paths, NULL);
  return (char **)g_ptr_array_free(g_steal_pointer(&paths), FALSE);
}

char *ax_folder_neighbour(const char *path, int step) {
  g_autofree char *folder = g_path_get_dirname(path);
  g_autofree char *name = g_path_get_basename(path);
  g_auto(GStrv) paths = ax_folder_list(folder, !strchr(name, '.'));
  guint n = g_strv_length(paths);

  for (guint i = 0; i < n; i++) {
    g_autofree char *other = g_path_get_basename(paths[i]);
    gint64 wanted = (gint64)i + step;

    if (strcmp(other, name) == 0)
      return wanted >= 0 && wanted < n ? g_strdup(paths[wanted]) : NULL;
  }
  return NULL;
}
