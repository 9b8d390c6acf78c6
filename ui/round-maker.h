/* Rounds about anatomy from a folder. What lives here: reading the images of a folder, asking the session where their structures are, and making the round
 * of engine/teaching/anatomy_round.h from that, all without blocking. May use GIO, engine/anatomix.h, engine/teaching, ui/folder.h; no GTK, so it is
 * tested without a display. */
#pragma once

#include "engine/teaching/anatomy_round.h"

G_BEGIN_DECLS

/* Up to `n_images` images of the folder, spread over it, and `n_cases` cases. Where "film.json" beside
 * "film.png" gives boxes (ax_round_read_film()) the model is not asked. Files that are no radiographs are passed over. `progress` gets 0..1. Cancel at
 * any time. */
void ax_round_maker_run_async(AxSession *session, const char *folder, guint n_images, guint n_cases, guint32 seed, AxProgressFn progress,
                              gpointer progress_data, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/* Errors: of the session (no model), G_IO_ERROR_NOT_FOUND when there is no image, G_IO_ERROR_CANCELLED. */
AxRound *ax_round_maker_run_finish(AxSession *session, GAsyncResult *result, GError **error);

G_END_DECLS
