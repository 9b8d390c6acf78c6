/* Going through a folder of images. */
#include "ui/folder.h"

#include <glib/gstdio.h>

static void test_neighbours(void) {
  static const char *const names[] = {"film2.png", "film10.png", "film1.jpg", "notes.txt", ".hidden.png", "scan", "last.DCM"};
  g_autofree char *folder = g_dir_make_tmp("ax-folder-XXXXXX", NULL);
  g_autofree char *first = g_build_filename(folder, "film1.jpg", NULL);
  g_autofree char *second = g_build_filename(folder, "film2.png", NULL);
  g_autofree char *third = g_build_filename(folder, "film10.png", NULL);
  g_autofree char *scan = g_build_filename(folder, "scan", NULL);
  g_autofree char *gone = g_build_filename(folder, "gone", "a.png", NULL);
  g_autofree char *next = NULL, *after = NULL, *before = NULL, *none = NULL, *missing = NULL, *bare = NULL;

  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *path = g_build_filename(folder, names[i], NULL);
    g_assert_true(g_file_set_contents(path, "x", 1, NULL));
  }
  next = ax_folder_neighbour(first, 1);
  g_assert_cmpstr(next, ==, second);
  after = ax_folder_neighbour(second, 1);
  g_assert_cmpstr(after, ==, third);
  before = ax_folder_neighbour(second, -1);
  g_assert_cmpstr(before, ==, first);
  none = ax_folder_neighbour(first, -1);
  g_assert_null(none);
  missing = ax_folder_neighbour(gone, 1);
  g_assert_null(missing);
  bare = ax_folder_neighbour(scan, -1); /* film1, film2, film10, last.DCM, scan: bare names count from a bare name */
  g_assert_true(g_str_has_suffix(bare, "last.DCM"));
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *path = g_build_filename(folder, names[i], NULL);
    g_unlink(path);
  }
  g_rmdir(folder);
}

static void test_names(void) {
  g_assert_true(ax_folder_is_image_name("a.PNG", FALSE));
  g_assert_true(ax_folder_is_image_name("IM0001", TRUE));
  g_assert_false(ax_folder_is_image_name("IM0001", FALSE));
  g_assert_false(ax_folder_is_image_name("a.txt", TRUE));
  g_assert_false(ax_folder_is_image_name(".a.png", TRUE));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ui/folder/neighbours", test_neighbours);
  g_test_add_func("/ui/folder/names", test_names);
  return g_test_run();
}
