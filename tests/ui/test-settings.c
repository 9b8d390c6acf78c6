/* What is remembered: keys, and the list of recent files. */
#include "ui/settings.h"

#include <glib/gstdio.h>

static void test_keys(void) {
  g_assert_nonnull(ax_settings_get());
  g_assert_true(ax_settings_get_boolean("remove-identity", FALSE)); /* the schema's default, not the caller's */
  ax_settings_set_boolean("remove-identity", FALSE);
  g_assert_false(ax_settings_get_boolean("remove-identity", TRUE));
  g_assert_cmpint(ax_settings_get_int("window-width", 7), ==, 1280);
  /* a key that an older schema lacks is no crash */
  g_assert_cmpint(ax_settings_get_int("no-such-key", 7), ==, 7);
  ax_settings_set_int("no-such-key", 8);
}

static void test_recent(void) {
  g_autofree char *folder = g_dir_make_tmp("ax-recent-XXXXXX", NULL);
  char *paths[AX_MAX_RECENT + 3];
  g_auto(GStrv) list = NULL, fewer = NULL, none = NULL;

  ax_recent_clear();
  for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
    g_autofree char *name = g_strdup_printf("image %u Ä\xff.png", i); /* not all names are text */

    paths[i] = g_build_filename(folder, name, NULL);
    g_assert_true(g_file_set_contents(paths[i], "x", 1, NULL));
    ax_recent_add(paths[i]);
  }
  ax_recent_add(paths[5]); /* again: comes first, once */
  list = ax_recent_list();
  g_assert_cmpuint(g_strv_length(list), ==, AX_MAX_RECENT);
  g_assert_cmpstr(list[0], ==, paths[5]);
  g_assert_cmpstr(list[1], ==, paths[G_N_ELEMENTS(paths) - 1]);
  g_unlink(paths[5]); /* gone from the disk: gone from the list */
  fewer = ax_recent_list();
  g_assert_cmpuint(g_strv_length(fewer), ==, AX_MAX_RECENT - 1);
  ax_recent_clear();
  none = ax_recent_list();
  g_assert_cmpuint(g_strv_length(none), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
    g_unlink(paths[i]);
    g_free(paths[i]);
  }
  g_rmdir(folder);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ui/settings/keys", test_keys);
  g_test_add_func("/ui/settings/recent", test_recent);
  return g_test_run();
}
