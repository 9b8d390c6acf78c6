/* Reader of NumPy archives. See npz.h. */
#include "engine/training/npz.h"
#include <string.h>

#define MAX_BYTES (256u << 20)

static guint32 le16 (const guint8 *p) { return p[0] | (guint32) p[1] << 8; }
static guint32 le32 (const guint8 *p) { return le16 (p) | le16 (p + 2) << 16; }

static gboolean
fail (GError **error, const char *path, const char *what)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: %s", path, what);
  return FALSE;
}

/* The bytes of a member, found through the central directory. */
static GBytes *
member (const char *path, const guint8 *file, gsize size, const char *name, GError **error)
{
  gsize end = size < 22 ? 0 : size - 22;
  while (size >= 22 && end > 0 && memcmp (file + end, "PK\5\6", 4) != 0)
    end--;
  if (size < 22 || memcmp (file + end, "PK\5\6", 4) != 0)
    {
      fail (error, path, "not a zip archive");
      return NULL;
    }
  gsize at = le32 (file + end + 16);
  for (guint left = le16 (file + end + 10); left > 0; left--)
    {
      if (at + 46 > size || memcmp (file + at, "PK\1\2", 4) != 0)
        break;
      guint method = le16 (file + at + 10);
      gsize packed = le32 (file + at + 20), full = le32 (file + at + 24), local = le32 (file + at + 42);
      gsize name_len = le16 (file + at + 28);
      if (at + 46 + name_len > size)
        break;
      if (name_len == strlen (name) && memcmp (file + at + 46, name, name_len) == 0)
        {
          if (local + 30 > size || full > MAX_BYTES)
            break;
          gsize data = local + 30 + le16 (file + local + 26) + le16 (file + local + 28);
          if (data > size || packed > size - data)
            break;
          if (method == 0)
            return g_bytes_new (file + data, packed);
          if (method != 8)
            break;
          g_autoptr (GZlibDecompressor) zip = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_RAW);
          guint8 *out = g_try_malloc (MAX (full, 1));
          gsize read = 0, written = 0;
          if (out == NULL ||
              g_converter_convert (G_CONVERTER (zip), file + data, packed, out, full, G_CONVERTER_INPUT_AT_END, &read, &written, NULL) ==
                G_CONVERTER_ERROR ||
              written != full)
            {
              g_free (out);
              break;
            }
          return g_bytes_new_take (out, full);
        }
      at += 46 + name_len + le16 (file + at + 30) + le16 (file + at + 32);
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: the member %s is missing or damaged", path, name);
  return NULL;
}

gboolean
ax_npz_read (const char *path, const char *name, AxNpzArray *array, GError **error)
{
  g_autofree char *npy = g_strconcat (name, ".npy", NULL), *content = NULL;
  gsize size, n;
  memset (array, 0, sizeof *array);
  if (!g_file_get_contents (path, &content, &size, error))
    return FALSE;
  g_autoptr (GBytes) bytes = member (path, (const guint8 *) content, size, npy, error);
  if (bytes == NULL)
    return FALSE;
  const guint8 *p = g_bytes_get_data (bytes, &n);
  if (n < 12 || memcmp (p, "\x93NUMPY", 6) != 0)
    return fail (error, path, "not a NumPy array");
  gsize head = p[6] == 1 ? 10 + le16 (p + 8) : 12 + (gsize) le32 (p + 8);
  if (head > n || head > 65536)
    return fail (error, path, "a NumPy header is too long");
  g_autofree char *text = g_strndup ((const char *) p + 10, head - 10);
  const char *descr = strstr (text, "'descr'"), *shape = strstr (text, "'shape'");
  const char *type = descr ? strchr (descr + 7, '\'') : NULL, *open = shape ? strchr (shape, '(') : NULL;
  if (type == NULL || open == NULL || strstr (text, "'fortran_order': False") == NULL)
    return fail (error, path, "a NumPy header of an unknown form");
  if (g_str_has_prefix (type, "'|u1'"))
    array->type = 'u', array->width = 1;
  else if (g_str_has_prefix (type, "'<U"))
    array->type = 'U', array->width = (int) CLAMP (g_ascii_strtoll (type + 3, NULL, 10), 1, 4096);
  else
    return fail (error, path, "only uint8 and unicode arrays are read");
  gsize count = array->type == 'U' ? 4 * (gsize) array->width : 1;
  for (const char *s = open + 1; *s && *s != ')' && array->ndim < 4;)
    {
      char *stop;
      gint64 d = g_ascii_strtoll (s, &stop, 10);
      if (stop == s)
        break;
      if (d < 0 || d > MAX_BYTES || (d > 0 && count > MAX_BYTES / (gsize) d))
        return fail (error, path, "an array is too large");
      array->shape[array->ndim++] = d;
      count *= (gsize) d;
      s = stop + strspn (stop, ", ");
    }
  if (count != n - head)
    return fail (error, path, "an array is shorter or longer than its shape says");
  array->data = g_bytes_new_from_bytes (bytes, head, count);
  return TRUE;
}

void
ax_npz_clear (AxNpzArray *array)
{
  g_clear_pointer (&array->data, g_bytes_unref);
}

char *
ax_npz_string (const AxNpzArray *array, gsize i)
{
  const guint8 *p = (const guint8 *) g_bytes_get_data (array->data, NULL) + i * 4 * (gsize) array->width;
  GString *s = g_string_new (NULL);
  for (int k = 0; k < array->width; k++)
    {
      guint32 c = le32 (p + 4 * k);
      if (c == 0 || !g_unichar_validate (c))
        break;
      g_string_append_unichar (s, c);
    }
  return g_string_free (s, FALSE);
}
