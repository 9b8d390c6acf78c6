/* Putting a round together. What lives here: adding a case to the file of a round, with its image brought beside it. May use round.h.
 */
#pragma once
#include "engine/teaching/round.h"

G_BEGIN_DECLS

/* Adds a copy of the case, with its `image` set, to the round at `path`, which is made with `title` when there is none. An image outside the round's folder
 * is copied into it, under another name where another file has its own; one of the same content is used as it is. Nothing is written when anything fails, but
 * for a copied image. Errors: AX_ROUND_ERROR_READ and _INVALID (the file there is no round, or the case breaks a rule), _IMAGE, _WRITE. */
gboolean ax_round_store_case (const char *path, const char *title, const AxRoundCase *c, const char *image_path, GError **error);

G_END_DECLS
