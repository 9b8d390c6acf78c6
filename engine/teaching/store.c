/* store.c: putting a round together; see store.h. */
#include "engine/teaching/store.h"

#include <stdlib.h>
#include <string.h>

#define MAX_NAMES 100

static char *
real_path (const char *path)
{
  char *real = realpath (path, NULL), *copy = g_strdup (real);
  free (real);
  return copy;
}

static gboolean
same_content (const char *a, const char *b)
{
  g_autoptr (GMappedFile) x = g_mapped_file_new (a, FALSE, NULL), y = g_mapped_file_new (b, FALSE, NULL);
  gsize n = x != NULL ? g_mapped_file_get_length (x) : 0;
  return n > 0 && y != NULL && g_mapped_file_get_length (y) == n && memcmp (g_mapped_file_get_contents (x), g_mapped_file_get_contents (y), n) == 0;
}

/* "film.png", "film-2.png", ... */
static char *
name_number (const char *name, guint number)
{
  const char *dot = strrchr (name, '.');
  gsize stem = dot != NULL && dot != name ? (gsize) (dot - name) : strlen (name);
  return number < 2 ? g_strdup (name) : g_strdup_printf ("%.*s-%u%s", (int) stem, name, number, name + stem);
}

static char *
bring (const char *folder, const char *image_path, GError **error)
{
  g_autofree char *top = real_path (folder), *real = real_path (image_path), *name = g_path_get_basename (image_path);
  if (top == NULL || real == NULL) {
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_IMAGE, "The image \"%s\" or the round's folder cannot be read.", name);
    return NULL;
  }
  if (g_str_has_prefix (real, top) && real[strlen (top)] == '/' && ax_round_path_is_safe (real + strlen (top) + 1))
    return g_strdup (real + strlen (top) + 1);
  if (!ax_round_path_is_safe (name)) { /* bytes that JSON cannot hold */
    g_free (name);
    name = g_strdup ("image");
  }
  for (guint number = 1; number <= MAX_NAMES; number++) {
    g_autofree char *free_name = name_number (name, number), *to = g_build_filename (top, free_name, NULL);
    if (g_file_test (to, G_FILE_TEST_EXISTS)) {
      if (same_content (real, to))
        return g_steal_pointer (&free_name);
      continue;
    }
    g_autoptr (GFile) source = g_file_new_for_path (real), target = g_file_new_for_path (to);
    g_autoptr (GError) reason = NULL;
    if (g_file_copy (source, target, G_FILE_COPY_NONE, NULL, NULL, NULL, &reason))
      return g_steal_pointer (&free_name);
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_WRITE, "The image cannot be copied beside the round: %s", reason->message);
    return NULL;
  }
  g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_WRITE, "The round's folder has too many files named like \"%s\".", name);
  return NULL;
}

gboolean
ax_round_store_case (const char *path, const char *title, const AxRoundCase *c, const char *image_path, GError **error)
{
  g_return_val_if_fail (path != NULL && title != NULL && c != NULL && image_path != NULL, FALSE);
  gboolean there = g_file_test (path, G_FILE_TEST_EXISTS);
  g_autoptr (AxRound) round = there ? ax_round_load (path, error) : ax_round_new (title);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (AxRoundCase) copy = ax_round_case_copy (c);
  if (round == NULL)
    return FALSE;
  /* before the image is copied: a case that breaks a rule leaves no file behind */
  g_free (copy->image);
  copy->image = g_strdup ("image");
  if (!ax_round_case_check (copy, error))
    return FALSE;
  g_free (copy->image);
  copy->image = bring (folder, image_path, error);
  if (copy->image == NULL || !ax_round_add (round, copy, error))
    return FALSE;
  g_steal_pointer (&copy);
  return ax_round_save (round, path, error);
}
