/* The metrics.csv of a training run. See metrics_file.h. */
#include "engine/training/metrics_file.h"
#include <glib/gstdio.h>

FILE *
ax_metrics_file_open (const char *path, const char *head, gint64 step, GError **error)
{
  g_autofree char *old = NULL;
  GString *keep = g_string_new (head);
  if (step > 0 && g_file_get_contents (path, &old, NULL, NULL))
    {
      g_auto (GStrv) lines = g_strsplit (old, "\n", -1);
      for (guint i = 1; lines[0] && lines[i]; i++)
        if (*lines[i] && g_ascii_strtoll (lines[i], NULL, 10) <= step)
          g_string_append_printf (keep, "%s\n", lines[i]);
    }
  gboolean ok = g_file_set_contents (path, keep->str, (gssize) keep->len, error);
  g_string_free (keep, TRUE);
  FILE *f = ok ? g_fopen (path, "a") : NULL;
  if (ok && f == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s cannot be written", path);
  return f;
}
