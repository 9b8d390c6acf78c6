/* Bounded waits on the main loop, so that a hung test ends. May use GLib; for tests only. */
#pragma once

#include <glib.h>

/* Runs the default main context until done(data) is true; fails the test after twenty seconds. */
void ax_test_wait(gboolean (*done)(gpointer data), gpointer data);

/* Runs the default main context for so many milliseconds. */
void ax_test_run_for(guint milliseconds);
