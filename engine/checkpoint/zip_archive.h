/* The directory of a zip file whose members are stored uncompressed, as torch.save writes it (zip64 included). Nothing is ever
 * extracted: a member is a range of the mapped file. Everything is checked at opening: each local header agrees with its
 * directory entry, members neither overlap nor run past the directory, names are unique. Compressed or encrypted members are
 * refused. Bytes not covered by a check are the padding in local extra fields, times, attributes and the writer's version. */
#pragma once

#include <gio/gio.h>

#include "engine/checkpoint/error.h"

G_BEGIN_DECLS

typedef struct _AxZipArchive AxZipArchive;

/* Opens an archive in memory, keeping a reference on bytes. NULL with DAMAGED or UNSUPPORTED. */
AxZipArchive *ax_zip_archive_open(GBytes *bytes, GError **error);
AxZipArchive *ax_zip_archive_ref(AxZipArchive *self);
void ax_zip_archive_unref(AxZipArchive *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxZipArchive, ax_zip_archive_unref)

guint ax_zip_archive_n(const AxZipArchive *self);
const char *ax_zip_archive_name(const AxZipArchive *self, guint member);

/* Index of the member of that exact name, or -1. */
int ax_zip_archive_find(const AxZipArchive *self, const char *name);

/* The member's bytes, inside the mapped file. */
const guint8 *ax_zip_archive_data(const AxZipArchive *self, guint member, gsize *size);

/* Compares the member's CRC-32 with its bytes, once. FALSE with DAMAGED. Thread-safe. */
gboolean ax_zip_archive_verify(const AxZipArchive *self, guint member, GError **error);

G_END_DECLS
