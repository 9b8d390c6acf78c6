#include "engine/image/image-private.h"

#include <string.h>

/* Reads of the TIFF block inside EXIF, in its byte order. The callers check the bounds. */
static guint get16(const guint8 *p, gboolean big) {
  return big ? (guint)p[0] << 8 | p[1] : (guint)p[1] << 8 | p[0];
}

static guint32 get32(const guint8 *p, gboolean big) {
  return big ? (guint32)get16(p, big) << 16 | get16(p + 2, big) : (guint32)get16(p + 2, big) << 16 | get16(p, big);
}

int ax_exif_orientation(const guint8 *data, gsize size) {
  if (size < 14 || memcmp(data, "Exif\0", 5) != 0) return 1;
  const guint8 *tiff = data + 6;
  gsize n = size - 6;
  gboolean big = memcmp(tiff, "MM", 2) == 0;
  if (!big && memcmp(tiff, "II", 2) != 0) return 1;
  if (get16(tiff + 2, big) != 42) return 1;
  guint32 ifd = get32(tiff + 4, big);
  if (ifd > n || n - ifd < 2) return 1;
  guint entries = get16(tiff + ifd, big);
  const guint8 *entry = tiff + ifd + 2;
  gsize room = (n - ifd - 2) / 12;
  for (guint i = 0; i < entries && i < room; i++, entry += 12) {
    if (get16(entry, big) != 0x0112) continue;
    guint type = get16(entry + 2, big), value = get16(entry + 8, big);
    if (type == 4) value = get32(entry + 8, big);
    return (type == 3 || type == 4) && value >= 1 && value <= 8 ? (int)value : 1;
  }
  return 1;
}
