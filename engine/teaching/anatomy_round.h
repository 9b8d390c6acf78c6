/* Rounds that make themselves. What lives here: a round about anatomy from images whose structures have boxes, the model's or given ones: find a structure,
 * name a region, tell the side on the picture or on its mirror image. May use round.h. Files of given boxes are read as hostile. The same films and seed give the same round.
 */
#pragma once
#include "engine/teaching/round.h"

G_BEGIN_DECLS

typedef struct {
  const char *image;             /* path relative to the round's folder */
  AxBox boxes[AX_N_ANATOMY];     /* pixels; a structure without area is left out */
} AxRoundFilm;

/* Given boxes: those of the "anatomy" list in a JSON file of the image, as `anatomixctl perceive --json` and `data phantom` write it (phantoms say them in
 * a frame of their own and which structures are visible). AX_ROUND_ERROR_READ or _INVALID; boxes without a structure in the list are empty. */
gboolean ax_round_read_film (const char *json_path, AxBox boxes[AX_N_ANATOMY], GError **error);

/* `n_cases` cases from the films in turn, at most AX_ROUND_MAX_CASES; fewer where no structure is left to be asked for. `source` says whose boxes they are
 * ("phantom-boxes 0123abcd"; NULL: a person's). AX_ROUND_ERROR_INVALID when no film has a box. */
AxRound *ax_round_new_anatomy (const char *title, const AxRoundFilm *films, guint n_films, guint n_cases, guint32 seed, const char *source, GError **error);

G_END_DECLS
