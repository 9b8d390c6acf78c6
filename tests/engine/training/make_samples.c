/* Writes the bundled samples into the folder given: make-samples data/samples */
#include "engine/training/phantom.h"

int main(int argc, char **argv) {
  g_autoptr(GError) error = NULL;
  if (argc != 2) {
    g_printerr("usage: make-samples FOLDER\n");
    return 2;
  }
  if (!ax_phantom_write_samples(argv[1], &error)) {
    g_printerr("%s\n", error->message);
    return 1;
  }
  return 0;
}
