/* The pictures and masks of a data set, prepared once. See apm_batch.h. */
#include "engine/image/preprocess.h"
#include "engine/training/apm_batch.h"
#include "engine/training/npz.h"
#include <string.h>

#define MASK_BYTES (5 * 128 * 128)

/* masks.npz: `bits` [n, 5, 2048] packed most significant bit first, `images` their file names. Absent: no masks. */
static gboolean
load_masks (AxPictures *p, GError **error)
{
  g_autofree char *path = g_build_filename (p->dataset->dir, "masks.npz", NULL);
  AxNpzArray bits = { 0 }, names = { 0 };
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  if (!ax_npz_read (path, "bits", &bits, error) || !ax_npz_read (path, "images", &names, error))
    {
      ax_npz_clear (&bits);
      return FALSE;
    }
  if (bits.ndim == 3 && bits.shape[1] == 5 && bits.shape[2] == 2048 && names.type == 'U' && names.shape[0] == bits.shape[0])
    {
      const guint8 *packed = g_bytes_get_data (bits.data, NULL);
      p->masks = g_malloc0 ((gsize) p->dataset->n * MASK_BYTES);
      for (gint64 i = 0; i < bits.shape[0]; i++)
        {
          g_autofree char *file = ax_npz_string (&names, (gsize) i);
          const AxDatasetImage *image = ax_dataset_find (p->dataset, file);
          if (image == NULL || !image->ok)
            continue;
          gsize k = (gsize) (image - p->dataset->images);
          for (gsize b = 0; b < MASK_BYTES; b++)
            p->masks[k * MASK_BYTES + b] = packed[(gsize) i * 5 * 2048 + b / 8] >> (7 - b % 8) & 1;
          p->has_mask[k] = TRUE;
        }
    }
  ax_npz_clear (&bits);
  ax_npz_clear (&names);
  return TRUE;
}

AxPictures *
ax_pictures_load (AxDataset *dataset, int side, const char *cache_dir, void (*progress) (double, gpointer), gpointer data, GError **error)
{
  gsize bytes = (gsize) side * side, size;
  g_autofree char *name = g_strdup_printf ("pictures-%d-%u.raw", side, dataset->n), *path = g_build_filename (cache_dir, name, NULL);
  AxPictures *p = g_new0 (AxPictures, 1);
  p->dataset = dataset;
  p->side = side;
  p->has_mask = g_new0 (gboolean, dataset->n);
  if (!load_masks (p, error))
    {
      ax_pictures_free (p);
      return NULL;
    }
  if (g_file_get_contents (path, (char **) &p->pixels, &size, NULL))
    {
      if (size == bytes * dataset->n)
        return p;
      g_clear_pointer (&p->pixels, g_free);
    }
  p->pixels = g_malloc (bytes * dataset->n);
  AxPreprocessOptions options = AX_PREPROCESS_DEFAULT;
  options.size = side;
  for (guint i = 0; i < dataset->n; i++)
    {
      g_autofree char *file = ax_dataset_image_path (dataset, &dataset->images[i]);
      g_autoptr (AxImage) image = ax_image_load (file, NULL, error);
      if (image == NULL || !ax_preprocess (image, &options, p->pixels + i * bytes, NULL, error))
        {
          ax_pictures_free (p);
          return NULL;
        }
      if (progress)
        progress ((i + 1.0) / dataset->n, data);
    }
  if (!g_file_set_contents (path, (char *) p->pixels, (gssize) (bytes * dataset->n), error))
    {
      ax_pictures_free (p);
      return NULL;
    }
  return p;
}

AxPictures *
ax_pictures_shrink (const AxPictures *pictures, int side)
{
  AxPictures *p = g_new0 (AxPictures, 1);
  int from = pictures->side;
  gsize n = pictures->dataset->n;
  p->dataset = pictures->dataset;
  p->side = side;
  p->has_mask = g_memdup2 (pictures->has_mask, n * sizeof (gboolean));
  if (pictures->masks)
    p->masks = g_memdup2 (pictures->masks, n * MASK_BYTES);
  p->pixels = g_malloc (n * side * side);
  if (side == from)
    {
      memcpy (p->pixels, pictures->pixels, n * side * side);
      return p;
    }
  /* Exact area average: every target pixel covers from/side source pixels, the border ones in part. */
  double ratio = (double) from / side;
  g_autofree float *rows = g_new (float, (gsize) from * side);
  for (gsize i = 0; i < n; i++)
    {
      const guint8 *src = pictures->pixels + i * from * from;
      guint8 *dst = p->pixels + i * side * side;
      for (int y = 0; y < from; y++)
        for (int x = 0; x < side; x++)
          {
            double a = x * ratio, b = (x + 1) * ratio, sum = 0;
            for (int s = (int) a; s < b && s < from; s++)
              sum += src[(gsize) y * from + s] * (MIN (b, s + 1) - MAX (a, s));
            rows[(gsize) y * side + x] = (float) (sum / ratio);
          }
      for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
          {
            double a = y * ratio, b = (y + 1) * ratio, sum = 0;
            for (int s = (int) a; s < b && s < from; s++)
              sum += rows[(gsize) s * side + x] * (MIN (b, s + 1) - MAX (a, s));
            dst[(gsize) y * side + x] = (guint8) (sum / ratio + 0.5);
          }
    }
  return p;
}

void
ax_pictures_free (AxPictures *pictures)
{
  if (pictures == NULL)
    return;
  g_free (pictures->pixels);
  g_free (pictures->masks);
  g_free (pictures->has_mask);
  g_free (pictures);
}
