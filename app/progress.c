#include "app/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define QUIET_US (500 * 1000)
#define REDRAW_US (100 * 1000)
#define LINE_US (10 * 1000 * 1000) /* between lines where stderr is no terminal */
#define BAR_CELLS 28

static struct {
  gboolean running, shown;
  char what[80];
  gint64 began, last;
} state;

static int
terminal_columns (void)
{
  struct winsize size;
  return isatty (STDERR_FILENO) && ioctl (STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void
cli_progress_begin (const char *what)
{
  state.running = TRUE;
  state.shown = FALSE;
  g_strlcpy (state.what, what, sizeof state.what);
  state.began = state.last = g_get_monotonic_time ();
}

static char *
time_left (double fraction, gint64 now)
{
  if (fraction < 0.02)
    return g_strdup ("");
  double seconds = (now - state.began) / 1e6 * (1 - fraction) / fraction;
  if (seconds >= 3600)
    return g_strdup_printf (", %.0f h %02.0f min left", seconds / 3600, (double) ((gint64) seconds % 3600) / 60);
  if (seconds >= 60)
    return g_strdup_printf (", %.0f min left", seconds / 60);
  return g_strdup_printf (", %.0f s left", seconds);
}

void
cli_progress_update (double fraction, const char *stage)
{
  gint64 now = g_get_monotonic_time ();
  if (!state.running || now - state.began < QUIET_US)
    return;
  gboolean terminal = isatty (STDERR_FILENO);
  if (now - state.last < (terminal ? REDRAW_US : LINE_US))
    return;
  state.last = now;
  fraction = CLAMP (fraction, 0, 1);
  g_autofree char *left = time_left (fraction, now);
  g_autofree char *text = g_strdup_printf ("%s: %3.0f %%%s%s%s", state.what, 100 * fraction, left, stage != NULL ? ", " : "", stage != NULL ? stage : "");
  if (!terminal) {
    fprintf (stderr, "%s\n", text);
    return;
  }
  char bar[BAR_CELLS + 1];
  int full = (int) (fraction * BAR_CELLS + 0.5);
  memset (bar, '#', (gsize) full);
  memset (bar + full, '.', (gsize) (BAR_CELLS - full));
  bar[BAR_CELLS] = '\0';
  int room = MAX (0, terminal_columns () - BAR_CELLS - 4);
  fprintf (stderr, "\r[%s] %.*s\033[K", bar, room, text);
  fflush (stderr);
  state.shown = TRUE;
}

void
cli_progress_end (void)
{
  if (state.running && state.shown)
    fputs ("\r\033[K", stderr);
  state.running = state.shown = FALSE;
}
