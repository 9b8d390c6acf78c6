/* Files that are either written whole or not at all: a temporary file beside the target, fsync, rename, fsync of the folder.
 * Everything that engine/checkpoint writes goes through it. A target that exists and is no regular file (/dev/stdout, a pipe) is
 * written directly. May use GLib. */
#pragma once

#include <gio/gio.h>

#include "engine/checkpoint/error.h"

G_BEGIN_DECLS

typedef struct _AxAtomicFile AxAtomicFile;

/* Begins to write path. NULL with AX_CHECKPOINT_ERROR_WRITE. */
AxAtomicFile *ax_atomic_file_new(const char *path, GError **error);

/* Appends size bytes. After a failure the file can only be freed. */
gboolean ax_atomic_file_write(AxAtomicFile *self, const void *data, gsize size, GError **error);

/* Puts the file in its place. FALSE leaves whatever was there before untouched. */
gboolean ax_atomic_file_commit(AxAtomicFile *self, GError **error);

/* Frees it; a file that was not committed disappears. */
void ax_atomic_file_free(AxAtomicFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxAtomicFile, ax_atomic_file_free)

/* All of it in one call. */
gboolean ax_atomic_file_save(const char *path, const void *data, gsize size, GError **error);

G_END_DECLS
