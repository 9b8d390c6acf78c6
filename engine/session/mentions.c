/* Structures that a sentence names, so that they can be lit up. See ax_anatomy_mentions() in anatomix.h. */
#include "engine/anatomix.h"
#include <string.h>

#define MAX_WORDS 8                      /* of a structure's name */

/* Both sides in one word. */
static const struct { const char *words; guint8 a, b; } both[] = {
  { "lungs", 20, 11 }, { "lung fields", 20, 11 }, { "hila", 7, 6 }, { "hilar structures", 7, 6 }, { "hemidiaphragms", 18, 9 }, { "diaphragm", 18, 9 },
  { "costophrenic angles", 35, 33 }, { "costophrenic sulci", 35, 33 }, { "clavicles", 17, 8 }, { "apices", 3, 2 }, { "lung apices", 3, 2 },
  { "lung bases", 19, 10 }, { "bases", 19, 10 }, { "lower lung zones", 19, 10 }, { "upper lung zones", 22, 13 }, { "mid lung zones", 21, 12 },
};

/* One word alone that names a structure without a side. */
static const struct { const char *words; guint8 index; } single[] = { { "cardiac", 4 }, { "cardiomegaly", 4 }, { "mediastinal", 14 }, { "tracheal", 29 }, { "spinal", 30 }, { "aortic", 1 } };

typedef struct { const char *start; gsize length; } Word;

static guint
add (guint8 *indices, guint n, guint max, guint8 index)
{
  for (guint i = 0; i < n; i++)
    if (indices[i] == index)
      return n;
  if (n < max)
    indices[n++] = index;
  return n;
}

guint
ax_anatomy_mentions (const char *text, guint8 *indices, guint max)
{
  g_autoptr (GArray) words = g_array_new (FALSE, FALSE, sizeof (Word));
  guint found = 0;
  for (const char *p = text; *p != '\0';)
    {
      gsize n = 0;
      while (g_ascii_isalnum (p[n]) || (guchar) p[n] >= 0x80)
        n++;
      if (n == 0)
        {
          /* A stop or a comma ends what may be one name: an empty word stands for it. */
          if (strchr (".,;:()", *p) && words->len > 0)
            g_array_append_val (words, ((Word){ p, 0 }));
          p++;
          continue;
        }
      g_array_append_val (words, ((Word){ p, n }));
      p += n;
    }
  for (guint i = 0; i < words->len;)
    {
      guint used = 0;
      for (guint n = MIN (MAX_WORDS, words->len - i); n >= 1 && used == 0; n--)
        {
          g_autoptr (GString) name = g_string_new (NULL);
          gboolean whole = TRUE;
          for (guint k = 0; k < n && whole; k++)
            {
              const Word *w = &g_array_index (words, Word, i + k);
              whole = w->length > 0;
              if (k > 0)
                g_string_append_c (name, ' ');
              g_string_append_len (name, w->start, (gssize) w->length);
            }
          if (!whole || name->len > 64)
            continue;
          g_autofree char *lower = g_ascii_strdown (name->str, -1);
          for (gsize k = 0; k < G_N_ELEMENTS (both) && used == 0; k++)
            if (strcmp (lower, both[k].words) == 0)
              {
                found = add (indices, found, max, both[k].a);
                found = add (indices, found, max, both[k].b);
                used = n;
              }
          for (gsize k = 0; k < G_N_ELEMENTS (single) && used == 0; k++)
            if (strcmp (lower, single[k].words) == 0)
              {
                found = add (indices, found, max, single[k].index);
                used = n;
              }
          /* "The ..." and single letters are left to the longer names around them. */
          const int index = used == 0 && !g_str_has_prefix (lower, "the ") && strlen (lower) > 2 ? ax_anatomy_find (lower) : -1;
          if (index >= 0)
            {
              found = add (indices, found, max, (guint8) index);
              used = n;
            }
        }
      i += MAX (used, 1);
    }
  return found;
}
