/* Instruction data grouped by picture. See lm_samples.h. */
#include "engine/training/lm_samples.h"
#include <string.h>

static void
picture_free (gpointer data)
{
  AxLmPicture *p = data;
  g_free (p->path);
  g_free (p->patient);
  g_array_unref (p->samples);
  g_free (p);
}

void
ax_lm_samples_free (AxLmSamples *s)
{
  if (s == NULL)
    return;
  g_ptr_array_unref (s->pictures);
  g_ptr_array_unref (s->samples);
  g_array_unref (s->picture_of);
  g_free (s);
}

static char *
patient_of (const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  for (guint i = 0; parts[i]; i++)
    if (parts[i][0] == 'p' && strlen (parts[i]) >= 8 && strspn (parts[i] + 1, "0123456789") == strlen (parts[i] + 1))
      return g_strdup (parts[i] + 1);
  g_autofree char *base = g_path_get_basename (path);
  gsize digits = strspn (base, "0123456789"), zeros = strspn (base, "0");
  if (digits > 0 && base[digits] == '_')
    return g_strndup (base + MIN (zeros, digits - 1), digits - MIN (zeros, digits - 1));    /* 61 and 00000061 are one patient */
  return g_strdup (path);
}

/* "val", "validate" and "validation" are one; a sample without a mark fits everywhere. */
static gboolean
split_fits (const char *split, const char *part)
{
  return split == NULL || *split == '\0' || g_ascii_strncasecmp (split, part, 3) == 0;
}

static guint
picture_index (AxLmSamples *out, GHashTable *known, const AxInstructSample *s, const char *image_dir)
{
  g_autofree char *path = g_path_is_absolute (s->image_path) || image_dir == NULL ? g_strdup (s->image_path)
                                                                                  : g_build_filename (image_dir, s->image_path, NULL);
  char *key = g_strdup_printf ("%s\n%d", path, s->flip);
  gpointer index;
  if (g_hash_table_lookup_extended (known, key, NULL, &index))
    {
      g_free (key);
      return GPOINTER_TO_UINT (index);
    }
  AxLmPicture *p = g_new0 (AxLmPicture, 1);
  p->patient = patient_of (s->image_path);
  p->path = g_steal_pointer (&path);
  p->flip = s->flip;
  p->samples = g_array_new (FALSE, FALSE, sizeof (guint));
  g_hash_table_insert (known, key, GUINT_TO_POINTER (out->pictures->len));
  g_ptr_array_add (out->pictures, p);
  return out->pictures->len - 1;
}

AxLmSamples *
ax_lm_samples_load (const char *const *files, const char *image_dir, const char *part, GError **error)
{
  g_autoptr (AxLmSamples) out = g_new0 (AxLmSamples, 1);
  g_autoptr (GHashTable) known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  out->pictures = g_ptr_array_new_with_free_func (picture_free);
  out->samples = g_ptr_array_new_with_free_func ((GDestroyNotify) ax_instruct_sample_free);
  out->picture_of = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint f = 0; files[f]; f++)
    {
      g_autoptr (GPtrArray) list = ax_instruct_load (files[f], error);
      if (list == NULL)
        return NULL;
      for (guint i = 0; i < list->len; i++)
        {
          AxInstructSample *s = list->pdata[i];
          if (!split_fits (s->split, part))
            {
              g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "%s: sample %u is marked \"%s\" but the list is used for %s", files[f], i,
                           s->split, part);
              return NULL;
            }
          guint picture = picture_index (out, known, s, image_dir), self = out->samples->len + i;
          g_clear_pointer (&s->context, g_free);       /* never used, and half of the memory */
          g_array_append_val (((AxLmPicture *) out->pictures->pdata[picture])->samples, self);
          g_array_append_val (out->picture_of, picture);
        }
      g_ptr_array_extend_and_steal (out->samples, g_steal_pointer (&list));
    }
  if (out->samples->len == 0)
    {
      g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "The lists for %s hold no sample", part);
      return NULL;
    }
  return g_steal_pointer (&out);
}

gboolean
ax_lm_samples_disjoint (const AxLmSamples *a, const AxLmSamples *b, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < a->pictures->len; i++)
    g_hash_table_add (seen, ((AxLmPicture *) a->pictures->pdata[i])->patient);
  for (guint i = 0; i < b->pictures->len; i++)
    {
      const AxLmPicture *p = b->pictures->pdata[i];
      if (g_hash_table_contains (seen, p->patient))
        {
          g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "Patient %s is in the training lists and in the validation lists", p->patient);
          return FALSE;
        }
    }
  return TRUE;
}
