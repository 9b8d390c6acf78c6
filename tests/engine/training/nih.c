#include "tests/engine/training/nih.h"

gboolean
nih_load (AxDataset **dataset, AxSplit **split)
{
  g_autofree char *dir = g_build_filename (g_getenv ("AX_SHARED"), "data", "nih", NULL);
  g_autofree char *split_file = g_build_filename (g_getenv ("AX_SOURCE_ROOT"), "data", "splits", "nih.csv", NULL);
  if (!g_file_test (dir, G_FILE_TEST_IS_DIR)) {
    g_test_skip ("no ../shared/data/nih");
    return FALSE;
  }
  g_autoptr (GError) error = NULL;
  *dataset = ax_dataset_load (dir, &error);
  g_assert_no_error (error);
  *split = ax_split_load (split_file, &error);
  g_assert_no_error (error);
  return TRUE;
}
