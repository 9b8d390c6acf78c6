/* The letters on the film. What lives here: finding the side markers L and R that were laid on the detector or burnt into the picture, by plain
 * geometry, so that a mirrored picture can be told from a heart on the other side. It prefers silence: what is not clearly one of the
 * two is none. May use ui/pyramid.h; no GTK. Any thread. */
#pragma once

#include "ui/pyramid.h"

G_BEGIN_DECLS

typedef struct {
  char letter;       /* 'L' or 'R' */
  gboolean mirrored; /* the glyph itself is mirrored: the pixels are */
  AxBox box;         /* in pixels of the image */
} AxFilmLetter;

/* The letters found, at most `most`; returns how many. Looks at a level of at most about 1,024 pixels, in the outer thirds of the picture. */
guint ax_film_letters_find(AxPyramid *pyramid, AxFilmLetter *letters, guint most);

G_END_DECLS
