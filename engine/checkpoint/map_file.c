/* Mapping a whole file into memory as GBytes. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/checkpoint/weights-private.h"

typedef struct {
  void *address;
  gsize size;
} Mapping;

static void
mapping_free(void *data)
{
  Mapping *mapping = data;
  munmap(mapping->address, mapping->size);
  g_free(mapping);
}

GBytes *
ax_map_file(const char *path, GError **error)
{
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_READ, "Cannot open %s: %s", path, g_strerror(errno));
    if (fd >= 0)
      close(fd);
    return NULL;
  }
  if (!S_ISREG(status.st_mode)) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_READ, "%s is not a regular file", path);
    close(fd);
    return NULL;
  }
  GBytes *bytes = NULL;
  if (status.st_size == 0) {
    bytes = g_bytes_new_static("", 0);
  } else {
    void *address = mmap(NULL, (gsize) status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (address == MAP_FAILED) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_READ, "Cannot map %s: %s", path, g_strerror(errno));
    } else {
      Mapping *mapping = g_new(Mapping, 1);
      *mapping = (Mapping) { address, (gsize) status.st_size };
      bytes = g_bytes_new_with_free_func(address, mapping->size, mapping_free, mapping);
    }
  }
  close(fd);
  return bytes;
}
