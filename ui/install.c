#include "ui/install.h"

char *ax_install_share(const char *part) {
  g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
  g_autofree char *bin = program ? g_path_get_dirname(program) : NULL, *prefix = bin ? g_path_get_dirname(bin) : NULL;
  g_autofree char *beside = prefix ? g_build_filename(prefix, "share", part, NULL) : NULL;
  g_autofree char *configured = g_build_filename(AX_SHARE_DIR, part, NULL);

  if (beside && g_file_test(beside, G_FILE_TEST_IS_DIR))
    return g_steal_pointer(&beside);
  return g_file_test(configured, G_FILE_TEST_IS_DIR) ? g_steal_pointer(&configured) : NULL;
}
