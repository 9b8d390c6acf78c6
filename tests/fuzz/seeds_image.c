/* Writes the seeds of one reader into a folder: seeds_image png|jpeg|dicom FOLDER. */
#include "tests/engine/image/samples.h"

static void write_one(const char *name, GBytes *bytes, gpointer folder) {
  g_autofree char *path = g_build_filename(folder, name, NULL);
  g_autoptr(GError) error = NULL;
  if (!g_file_set_contents(path, g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes), &error)) g_error("%s", error->message);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    g_printerr("usage: %s png|jpeg|dicom FOLDER\n", argv[0]);
    return 2;
  }
  g_mkdir_with_parents(argv[2], 0777);
  ax_sample_foreach(argv[1], write_one, argv[2]);
  return 0;
}
