/* metrics_file.h: the metrics.csv of a training run.
 *
 * What lives here: opening it so that a resumed run continues it as if it had never stopped. May use GLib.
 */
#pragma once
#include <gio/gio.h>
#include <stdio.h>

/* Opens the file for appending under the head line (which ends in a newline); with step 0 it starts anew, otherwise lines of later steps, which a killed run
 * had written after its last state, are dropped. The first column is the step. */
FILE *ax_metrics_file_open (const char *path, const char *head, gint64 step, GError **error);
