/* npz.h: one array of a NumPy .npz archive (a zip of .npy members, stored or deflated), as far as masks.npz of the data folder needs it:
 * C-ordered uint8 and fixed-width unicode arrays. Lengths are checked, the size is capped. May use GIO (zlib). */
#pragma once
#include <gio/gio.h>

typedef struct {
  char    type;                /* 'u' bytes, 'U' unicode strings of `width` characters (UCS-4) */
  int     width;
  int     ndim;
  gint64  shape[4];
  GBytes *data;                /* raw elements */
} AxNpzArray;

/* Reads member `name` (without .npy). Errors: G_IO_ERROR_INVALID_DATA, G_IO_ERROR_NOT_FOUND and those of reading the file. */
gboolean ax_npz_read (const char *path, const char *name, AxNpzArray *array, GError **error);
void     ax_npz_clear (AxNpzArray *array);
/* String i of a 'U' array; g_free(). */
char    *ax_npz_string (const AxNpzArray *array, gsize i);
