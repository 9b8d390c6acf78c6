#include "engine/checkpoint/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_SIZE (256u * 1024)

struct _AxAtomicFile {
  char *path;
  char *temporary; /* NULL when the target is written directly */
  int fd;
  guint8 *buffer;
  gsize used;
};

static gboolean
failed(const AxAtomicFile *self, const char *what, GError **error)
{
  const int code = errno;
  g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_WRITE, "Cannot %s %s: %s", what, self->path, g_strerror(code));
  return FALSE;
}

AxAtomicFile *
ax_atomic_file_new(const char *path, GError **error)
{
  g_autoptr(AxAtomicFile) self = g_new0(AxAtomicFile, 1);
  struct stat status;
  self->fd = -1;
  /* A link is followed, so that renaming replaces the file it names and not the link. */
  char *resolved = realpath(path, NULL);
  self->path = g_strdup(resolved != NULL ? resolved : path);
  free(resolved);
  const gboolean exists = stat(self->path, &status) == 0;
  if (exists && !S_ISREG(status.st_mode)) {
    self->fd = open(self->path, O_WRONLY | O_CLOEXEC);
    if (self->fd < 0) {
      failed(self, "write to", error);
      return NULL;
    }
  } else {
    self->temporary = g_strconcat(self->path, ".XXXXXX", NULL);
    self->fd = g_mkstemp_full(self->temporary, O_WRONLY | O_CLOEXEC, 0666);
    if (self->fd < 0) {
      failed(self, "create a file beside", error);
      g_clear_pointer(&self->temporary, g_free);
      return NULL;
    }
    if (exists && fchmod(self->fd, status.st_mode & 07777) != 0) {
      failed(self, "set the permissions of", error);
      return NULL;
    }
  }
  self->buffer = g_malloc(BUFFER_SIZE);
  return g_steal_pointer(&self);
}

static gboolean
write_all(AxAtomicFile *self, const guint8 *data, gsize size, GError **error)
{
  while (size > 0) {
    const ssize_t written = write(self->fd, data, MIN(size, (gsize) 1 << 30));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0) {
      if (written == 0)
        errno = ENOSPC;
      return failed(self, "write", error);
    }
    data += written;
    size -= (gsize) written;
  }
  return TRUE;
}

static gboolean
flush(AxAtomicFile *self, GError **error)
{
  const gsize used = self->used;
  self->used = 0;
  return write_all(self, self->buffer, used, error);
}

gboolean
ax_atomic_file_write(AxAtomicFile *self, const void *data, gsize size, GError **error)
{
  if (size == 0)
    return TRUE;
  if (size > BUFFER_SIZE - self->used && !flush(self, error))
    return FALSE;
  if (size >= BUFFER_SIZE)
    return write_all(self, data, size, error);
  memcpy(self->buffer + self->used, data, size);
  self->used += size;
  return TRUE;
}

gboolean
ax_atomic_file_commit(AxAtomicFile *self, GError **error)
{
  if (!flush(self, error))
    return FALSE;
  /* A device or pipe cannot be synchronised, and says EINVAL. */
  if (fsync(self->fd) != 0 && !(self->temporary == NULL && (errno == EINVAL || errno == EROFS)))
    return failed(self, "finish writing", error);
  const int fd = self->fd;
  self->fd = -1;
  if (close(fd) != 0)
    return failed(self, "finish writing", error);
  if (self->temporary == NULL)
    return TRUE;
  if (rename(self->temporary, self->path) != 0)
    return failed(self, "replace", error);
  g_clear_pointer(&self->temporary, g_free);
  /* The new name has to survive a power cut too; a file system that cannot sync a folder is no reason to fail. */
  g_autofree char *folder = g_path_get_dirname(self->path);
  const int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd >= 0) {
    (void) fsync(folder_fd);
    close(folder_fd);
  }
  return TRUE;
}

void
ax_atomic_file_free(AxAtomicFile *self)
{
  if (self->fd >= 0)
    close(self->fd);
  if (self->temporary != NULL)
    unlink(self->temporary);
  g_free(self->temporary);
  g_free(self->path);
  g_free(self->buffer);
  g_free(self);
}

gboolean
ax_atomic_file_save(const char *path, const void *data, gsize size, GError **error)
{
  g_autoptr(AxAtomicFile) file = ax_atomic_file_new(path, error);
  return file != NULL && ax_atomic_file_write(file, data, size, error) && ax_atomic_file_commit(file, error);
}
