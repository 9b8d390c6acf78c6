/* Rounds that go on after a stop. What lives here: where the sittings (engine/teaching/sitting.h) of rounds that are played lie: one file for each round and folder of
 * images beside the session files of images, written on their thread. May use ui/session-file.h and engine/teaching; no GTK. */
#pragma once

#include "engine/teaching/sitting.h"

G_BEGIN_DECLS

/* The file of a round whose images lie in `folder`. Free with g_free. */
char *ax_round_keep_path(const AxRound *round, const char *folder);
/* Replaces the file of the sitting's round, whole or not at all, on the writing thread. */
void ax_round_keep_write(const AxRoundSitting *sitting);
/* Whether there is something to go on with: a file, or one that is being written. Cheap. */
gboolean ax_round_keep_may_have(const char *path);
/* The file as it was written last. NULL for `path` means that which was written last of all. Waits for the writing thread, so not on the main thread. Errors: those of
 * ax_round_sitting_load(), and G_IO_ERROR_NOT_FOUND when nothing is kept. */
AxRoundSitting *ax_round_keep_load(const char *path, GError **error);

G_END_DECLS
