#include "app/cli.h"

#include "app/progress.h"

#include <errno.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>

CliGlobals cli_globals;

/* ---- messages ------------------------------------------------------------------------------------------------------------- */

/* Messages come from files and libraries too: one line stays one line. */
static void
print_error_line (const char *message)
{
  g_autofree char *line = g_strdup (message);
  cli_progress_end ();
  fflush (stdout);
  fprintf (stderr, "anatomixctl: %s\n", g_strstrip (g_strdelimit (line, "\r\n", ' ')));
}

CliStatus
cli_fail (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  print_error_line (message);
  return CLI_FAILED;
}

CliStatus
cli_fail_error (const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return cli_fail ("cancelled");
  return cli_fail ("%s", error->message);
}

CliStatus
cli_usage (const CliCommand *command, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  g_autofree char *hint = g_strdup_printf ("%s; see: anatomixctl %s%s--help", message, command != NULL ? command->name : "", command != NULL ? " " : "");
  print_error_line (hint);
  return CLI_USAGE;
}

void
cli_warn_of_misfit (const AxPerception *p)
{
  const double misfit = ax_perception_misfit (p);
  if (misfit > AX_MISFIT_LIMIT)
    fprintf (stderr, "anatomixctl: warning: this does not look like a frontal chest radiograph: the structures that the model found do not fit together "
                     "(misfit %.3f, usual are 0.008 and up to %.3f); do not trust boxes, sentences and answers here\n", misfit, AX_MISFIT_LIMIT);
}

void
cli_print (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  vfprintf (stdout, format, args);
  va_end (args);
}

/* ---- numbers -------------------------------------------------------------------------------------------------------------- */

gboolean
cli_parse_int (const char *text, gint64 min, gint64 max, gint64 *value)
{
  return g_ascii_string_to_signed (text, 10, min, max, value, NULL);
}

gboolean
cli_parse_shard (const char *text, gint64 *index, gint64 *count)
{
  const char *slash = strchr (text, '/');
  if (slash == NULL)
    return FALSE;
  g_autofree char *first = g_strndup (text, (gsize) (slash - text));
  return cli_parse_int (slash + 1, 1, G_MAXINT32, count) && cli_parse_int (first, 1, *count, index);
}

/* ---- requests ------------------------------------------------------------------------------------------------------------- */

static gboolean
on_interrupt (gpointer data)
{
  g_cancellable_cancel (data);
  return G_SOURCE_CONTINUE;
}

GCancellable *
cli_interrupt (void)
{
  static GCancellable *cancellable;
  if (cancellable == NULL) {
    cancellable = g_cancellable_new ();
    g_unix_signal_add (SIGINT, on_interrupt, cancellable);
    g_unix_signal_add (SIGTERM, on_interrupt, cancellable);
  }
  return cancellable;
}

AxSession *
cli_open_session (void)
{
  return ax_session_new (cli_globals.model);
}

static void
on_progress (double fraction, const char *stage, gpointer data)
{
  cli_progress_update (fraction, stage);
}

static void
on_finished (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
  g_main_context_wakeup (NULL);
}

AxPerception *
cli_perceive (AxSession *session, AxImage *image, gboolean mirror, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;
  ax_session_perceive_async (session, image, mirror, on_progress, NULL, cli_interrupt (), on_finished, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return ax_session_perceive_finish (session, result, error);
}

AxAnswer *
cli_run (AxSession *session, AxImage *image, const AxRequest *request, AxEventFn event, gpointer event_data, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;
  ax_session_run_async (session, image, request, event, event_data, cli_interrupt (), on_finished, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return ax_session_run_finish (session, result, error);
}
