/* Progress of long work on stderr: a bar that redraws itself on a terminal, a line now and then elsewhere. May use GLib only. */
#pragma once
#include <glib.h>

/* Shows nothing for the first half second: short work needs no bar. */
void cli_progress_begin (const char *what);
/* fraction 0..1; stage may be NULL. The time left is estimated from the mean speed so far. */
void cli_progress_update (double fraction, const char *stage);
/* Clears the bar. Safe without a begin, and before any other output to a terminal. */
void cli_progress_end (void);
