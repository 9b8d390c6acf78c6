/* Going through a folder. What lives here: finding the image file before or after another one. May use GIO; no GTK. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* TRUE when the name ends like a radiograph's: png, jpg, jpeg, dcm, dicom, or has no ending at all when `bare` (DICOM exports). */
gboolean ax_folder_is_image_name(const char *name, gboolean bare);

/* The path of the file `step` places after `path` among the images of its folder, in the order in which people read numbers in
 * names; NULL past either end or when the folder cannot be read. Names without ending count when `path` has none. */
char *ax_folder_neighbour(const char *path, int step);

/* Paths of the images in the folder, in that order; NULL-terminated, never NULL. */
char **ax_folder_list(const char *folder, gboolean bare);

G_END_DECLS
