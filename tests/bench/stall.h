/* How long the main loop does not turn. What lives here: a watch over the default main context that takes the time of each turn, from the end of one wait for
 * events to the beginning of the next. A turn's own time is its wall time without what its thread stood in the queue of a processor that others used
 * (/proc/self/task/.../schedstat), and with a tenth of a millisecond at most for each answer that it waited for of the display server, which may stand in
 * that queue too: what it would have taken on an idle machine. While a turn is long, a thread of the watch has the main thread note where it
 * is. Linux only, for programs under tests/bench. May use GLib and the C library. */
#pragma once

#include <glib.h>
#include <stdio.h>

/* Call on the main thread, once, before the loop runs. Turns whose own time is over `limit_ms` are stalls. */
void ax_stall_start(double limit_ms);
/* What the program is at, for the report; a string that stays. From any thread. */
void ax_stall_set_phase(const char *phase);
/* Prints the stalls with phase and functions (addr2line, where it is installed), then the distribution of all turns. Returns how many stalls there were. */
guint ax_stall_print(FILE *file);
