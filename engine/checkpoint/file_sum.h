/* SHA-256 of large files, computed once: the sum of a file that did not change since (path, size, times, inode) is remembered below the
 * user's cache folder. May use GLib. */
#pragma once

#include "engine/checkpoint/sha256.h"

G_BEGIN_DECLS

/* Writes the sum of a file. Where the memory cannot be read or written the sum is computed. FALSE with READ. */
gboolean ax_file_sum(const char *path, char hex[AX_SHA256_HEX_SIZE], GError **error);

G_END_DECLS
