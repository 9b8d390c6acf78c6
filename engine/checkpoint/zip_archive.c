#include "engine/checkpoint/zip_archive.h"

#include <string.h>
#include <zlib.h>

#define LOCAL_SIGNATURE 0x04034b50u
#define DIRECTORY_SIGNATURE 0x02014b50u
#define END_SIGNATURE 0x06054b50u
#define END64_SIGNATURE 0x06064b50u
#define LOCATOR64_SIGNATURE 0x07064b50u
#define DESCRIPTOR_SIGNATURE 0x08074b50u
#define LOCAL_SIZE 30u
#define DIRECTORY_SIZE 46u
#define END_SIZE 22u
#define END64_SIZE 56u
#define LOCATOR64_SIZE 20u
#define FLAG_ENCRYPTED 0x0001u
#define FLAG_DESCRIPTOR 0x0008u
#define FLAG_UTF8 0x0800u
#define MAX_NAME 1024u

typedef struct {
  char *name;
  guint64 header, data, size, end; /* file offsets; end includes the data descriptor */
  guint32 crc;
  gint verified;
} Member;

struct _AxZipArchive {
  gatomicrefcount refs;
  GBytes *bytes;
  const guint8 *base;
  guint64 size;
  Member *members;
  guint n;
  GHashTable *by_name; /* name -> index + 1 */
};

static guint16
u16(const guint8 *p)
{
  return (guint16) (p[0] | p[1] << 8);
}

static guint32
u32(const guint8 *p)
{
  return (guint32) u16(p) | (guint32) u16(p + 2) << 16;
}

static guint64
u64(const guint8 *p)
{
  return (guint64) u32(p) | (guint64) u32(p + 4) << 32;
}

static gboolean
damaged(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean
damaged(GError **error, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_DAMAGED, "zip: %s", text);
  return FALSE;
}

/* Where the directory is, from the end record and, if there, the zip64 end record. */
typedef struct {
  guint64 offset, size, n;
  guint64 limit; /* first byte after the directory */
} Directory;

static gboolean
read_end(const AxZipArchive *self, Directory *directory, GError **error)
{
  if (self->size < END_SIZE)
    return damaged(error, "the file is shorter than an end record");

  /* The end record is last but for a comment of up to 65535 bytes, whose length has to reach the end of the file exactly. */
  const guint8 *end = NULL;
  for (guint64 comment = 0; comment <= 65535 && comment + END_SIZE <= self->size; comment++) {
    const guint8 *p = self->base + self->size - END_SIZE - comment;
    if (u32(p) == END_SIGNATURE && u16(p + 20) == comment) {
      end = p;
      break;
    }
  }
  if (end == NULL)
    return damaged(error, "no end record: the file is truncated or no zip");
  if (u16(end + 4) != 0 || u16(end + 6) != 0)
    return damaged(error, "the archive is split over several files");
  if (u16(end + 8) != u16(end + 10))
    return damaged(error, "the end record counts its members in two ways");

  directory->n = u16(end + 10);
  directory->size = u32(end + 12);
  directory->offset = u32(end + 16);
  const guint64 end_offset = (guint64) (end - self->base);
  directory->limit = end_offset;

  const gboolean saturated = directory->n == 0xFFFF || directory->size == 0xFFFFFFFF || directory->offset == 0xFFFFFFFF;
  const gboolean has_locator = end_offset >= LOCATOR64_SIZE && u32(end - LOCATOR64_SIZE) == LOCATOR64_SIGNATURE;
  if (saturated && !has_locator)
    return damaged(error, "the zip64 locator is missing");
  if (has_locator) {
    const guint8 *locator = end - LOCATOR64_SIZE;
    const guint64 at = u64(locator + 8);
    if (u32(locator + 4) != 0 || u32(locator + 16) != 1)
      return damaged(error, "the archive is split over several files");
    if (end_offset < LOCATOR64_SIZE + END64_SIZE || at != end_offset - LOCATOR64_SIZE - END64_SIZE)
      return damaged(error, "the zip64 end record is not where its locator says");
    const guint8 *end64 = self->base + at;
    if (u32(end64) != END64_SIGNATURE || u64(end64 + 4) != END64_SIZE - 12 || u32(end64 + 16) != 0 || u32(end64 + 20) != 0)
      return damaged(error, "the zip64 end record is malformed");
    const guint64 n = u64(end64 + 32), size = u64(end64 + 40), offset = u64(end64 + 48);
    if (u64(end64 + 24) != n)
      return damaged(error, "the zip64 end record counts its members in two ways");
    if ((directory->n != 0xFFFF && directory->n != n) || (directory->size != 0xFFFFFFFF && directory->size != size)
        || (directory->offset != 0xFFFFFFFF && directory->offset != offset))
      return damaged(error, "the two end records disagree");
    directory->n = n;
    directory->size = size;
    directory->offset = offset;
    directory->limit = at;
  }
  if (directory->offset > directory->limit || directory->size != directory->limit - directory->offset)
    return damaged(error, "the directory does not end where the end record begins");
  if (directory->n > directory->size / DIRECTORY_SIZE)
    return damaged(error, "%" G_GUINT64_FORMAT " members are claimed in a directory of %" G_GUINT64_FORMAT " bytes", directory->n,
                   directory->size);
  return TRUE;
}

/* Replaces the fields that are saturated in the directory entry by those of the zip64 extra field. */
static gboolean
read_extra(const guint8 *extra, gsize length, gboolean local, guint64 *size, guint64 *packed, guint64 *header, GError **error)
{
  gboolean seen = FALSE;
  while (length > 0) {
    if (length < 4 || u16(extra + 2) > length - 4)
      return damaged(error, "an extra field runs past its end");
    const guint16 id = u16(extra);
    gsize left = u16(extra + 2);
    const guint8 *p = extra + 4;
    if (id == 0x0001) {
      if (seen)
        return damaged(error, "two zip64 fields in one member");
      seen = TRUE;
      guint64 *fields[3] = { size, packed, header };
      for (guint k = 0; k < (local ? 2u : 3u); k++) {
        if (*fields[k] != 0xFFFFFFFF)
          continue;
        if (left < 8)
          return damaged(error, "a zip64 field is too short");
        *fields[k] = u64(p);
        p += 8;
        left -= 8;
      }
    }
    length -= 4u + u16(extra + 2);
    extra += 4u + u16(extra + 2);
  }
  return TRUE;
}

/* Checks the local header against the directory entry and finds where the data begins and the member ends. */
static gboolean
read_local(const AxZipArchive *self, Member *member, guint16 flags, const guint8 *name, gsize name_length, guint64 limit,
           GError **error)
{
  if (member->header > limit || limit - member->header < LOCAL_SIZE)
    return damaged(error, "member %s begins past the directory", member->name);
  const guint8 *p = self->base + member->header;
  if (u32(p) != LOCAL_SIGNATURE)
    return damaged(error, "member %s has no local header", member->name);
  if (u16(p + 6) != flags || u16(p + 8) != 0 || u16(p + 26) != name_length)
    return damaged(error, "the local header of %s differs from the directory", member->name);
  const guint64 extra_length = u16(p + 28);
  const guint64 room = limit - member->header - LOCAL_SIZE;
  if (name_length + extra_length > room || member->size > room - name_length - extra_length)
    return damaged(error, "member %s runs past the directory", member->name);
  if (memcmp(p + LOCAL_SIZE, name, name_length) != 0)
    return damaged(error, "the local header of %s has another name", member->name);

  guint64 size = u32(p + 22), packed = u32(p + 18), unused = 0;
  if (!read_extra(p + LOCAL_SIZE + name_length, extra_length, TRUE, &size, &packed, &unused, error))
    return FALSE;
  member->data = member->header + LOCAL_SIZE + name_length + extra_length;
  member->end = member->data + member->size;

  if ((flags & FLAG_DESCRIPTOR) == 0) {
    if (u32(p + 14) != member->crc || size != member->size || packed != member->size)
      return damaged(error, "the local header of %s has another size or checksum", member->name);
    return TRUE;
  }
  /* Size and checksum follow the data; the header may hold zeros, or the same figures. */
  if ((size != 0 || packed != 0 || u32(p + 14) != 0) && (size != member->size || packed != member->size || u32(p + 14) != member->crc))
    return damaged(error, "the local header of %s has another size or checksum", member->name);
  const guint8 *d = self->base + member->end;
  const guint64 left = limit - member->end;
  if (left < 16 || u32(d) != DESCRIPTOR_SIGNATURE || u32(d + 4) != member->crc)
    return damaged(error, "the data descriptor of %s is missing or has another checksum", member->name);
  if (left >= 24 && u64(d + 8) == member->size && u64(d + 16) == member->size)
    member->end += 24;
  else if (u32(d + 8) == member->size && u32(d + 12) == member->size)
    member->end += 16;
  else
    return damaged(error, "the data descriptor of %s has another size", member->name);
  return TRUE;
}

static gboolean
read_member(AxZipArchive *self, const Directory *directory, guint64 *at, GError **error)
{
  const guint64 end = directory->offset + directory->size;
  if (end - *at < DIRECTORY_SIZE || u32(self->base + *at) != DIRECTORY_SIGNATURE)
    return damaged(error, "directory entry %u is malformed", self->n);
  const guint8 *p = self->base + *at;
  const guint16 flags = u16(p + 8), method = u16(p + 10);
  const gsize name_length = u16(p + 28), extra_length = u16(p + 30), comment_length = u16(p + 32);
  if (end - *at - DIRECTORY_SIZE < name_length + extra_length + comment_length)
    return damaged(error, "directory entry %u runs past the directory", self->n);
  const guint8 *name = p + DIRECTORY_SIZE;
  if (name_length == 0 || name_length > MAX_NAME || memchr(name, 0, name_length) != NULL
      || !g_utf8_validate((const char *) name, (gssize) name_length, NULL))
    return damaged(error, "directory entry %u has an unusable name", self->n);

  Member *member = &self->members[self->n];
  member->name = g_strndup((const char *) name, name_length);
  self->n++;
  if (flags & FLAG_ENCRYPTED) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED, "zip: member %s is encrypted", member->name);
    return FALSE;
  }
  if (method != 0) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED,
                "zip: member %s is compressed (method %u); torch.save stores members uncompressed: save the file again",
                member->name, method);
    return FALSE;
  }
  if ((flags & ~(FLAG_DESCRIPTOR | FLAG_UTF8)) != 0)
    return damaged(error, "member %s has unknown flags 0x%04x", member->name, flags);
  if (u16(p + 34) != 0)
    return damaged(error, "member %s is in another file", member->name);

  guint64 packed = u32(p + 20);
  member->crc = u32(p + 16);
  member->size = u32(p + 24);
  member->header = u32(p + 42);
  if (!read_extra(name + name_length, extra_length, FALSE, &member->size, &packed, &member->header, error))
    return FALSE;
  if (packed != member->size)
    return damaged(error, "stored member %s has two sizes", member->name);
  if (!read_local(self, member, flags, name, name_length, directory->offset, error))
    return FALSE;
  if (!g_hash_table_insert(self->by_name, member->name, GUINT_TO_POINTER(self->n)))
    return damaged(error, "two members are called %s", member->name);
  *at += DIRECTORY_SIZE + name_length + extra_length + comment_length;
  return TRUE;
}

static int
by_header(const void *a, const void *b)
{
  const Member *const *x = a, *const *y = b;
  return (*x)->header < (*y)->header ? -1 : (*x)->header > (*y)->header;
}

/* Members have to follow each other without overlap or gap from the first byte to the directory: no hidden bytes. */
static gboolean
check_tiling(const AxZipArchive *self, const Directory *directory, GError **error)
{
  g_autofree Member **order = g_new(Member *, self->n + 1);
  for (guint i = 0; i < self->n; i++)
    order[i] = &self->members[i];
  qsort(order, self->n, sizeof *order, by_header);
  guint64 at = 0;
  for (guint i = 0; i < self->n; i++) {
    if (order[i]->header != at)
      return damaged(error, "member %s begins at byte %" G_GUINT64_FORMAT " where %" G_GUINT64_FORMAT " was expected", order[i]->name,
                     order[i]->header, at);
    at = order[i]->end;
  }
  if (at != directory->offset)
    return damaged(error, "there are bytes between the last member and the directory");
  return TRUE;
}

AxZipArchive *
ax_zip_archive_open(GBytes *bytes, GError **error)
{
  g_autoptr(AxZipArchive) self = g_new0(AxZipArchive, 1);
  gsize size;
  g_atomic_ref_count_init(&self->refs);
  self->bytes = g_bytes_ref(bytes);
  self->base = g_bytes_get_data(bytes, &size);
  self->size = size;
  self->by_name = g_hash_table_new(g_str_hash, g_str_equal);

  Directory directory = { 0 };
  if (!read_end(self, &directory, error))
    return NULL;
  if (directory.n > G_MAXINT / 2) {
    damaged(error, "too many members");
    return NULL;
  }
  self->members = g_new0(Member, directory.n + 1);
  guint64 at = directory.offset;
  for (guint64 i = 0; i < directory.n; i++)
    if (!read_member(self, &directory, &at, error))
      return NULL;
  if (at != directory.offset + directory.size) {
    damaged(error, "the directory holds more than its %u members", self->n);
    return NULL;
  }
  if (!check_tiling(self, &directory, error))
    return NULL;
  return g_steal_pointer(&self);
}

AxZipArchive *
ax_zip_archive_ref(AxZipArchive *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
ax_zip_archive_unref(AxZipArchive *self)
{
  if (!g_atomic_ref_count_dec(&self->refs))
    return;
  for (guint i = 0; i < self->n; i++)
    g_free(self->members[i].name);
  g_free(self->members);
  g_hash_table_unref(self->by_name);
  g_bytes_unref(self->bytes);
  g_free(self);
}

guint
ax_zip_archive_n(const AxZipArchive *self)
{
  return self->n;
}

const char *
ax_zip_archive_name(const AxZipArchive *self, guint member)
{
  g_return_val_if_fail(member < self->n, NULL);
  return self->members[member].name;
}

int
ax_zip_archive_find(const AxZipArchive *self, const char *name)
{
  return (int) GPOINTER_TO_UINT(g_hash_table_lookup(self->by_name, name)) - 1;
}

const guint8 *
ax_zip_archive_data(const AxZipArchive *self, guint member, gsize *size)
{
  g_return_val_if_fail(member < self->n, NULL);
  *size = self->members[member].size;
  return self->base + self->members[member].data;
}

gboolean
ax_zip_archive_verify(const AxZipArchive *self, guint member, GError **error)
{
  g_return_val_if_fail(member < self->n, FALSE);
  Member *m = &self->members[member];
  if (g_atomic_int_get(&m->verified))
    return TRUE;
  const guint32 crc = (guint32) crc32_z(0, self->base + m->data, m->size);
  if (crc != m->crc)
    return damaged(error, "the bytes of %s are damaged (CRC-32 %08x, expected %08x)", m->name, crc, m->crc);
  g_atomic_int_set(&m->verified, 1);
  return TRUE;
}
