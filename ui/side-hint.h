/* Does this image look mirrored? What lives here: weighing the side on which the model finds the left organs against the letters: those of
 * DICOM's PatientOrientation and those on the film. A mirrored picture and a heart on the other side look the same but for the letters.
 * Of the 850 films of the development data the bundled model finds left and right exchanged on ten: the one that is mirrored (a letter says so), one
 * heart on the other side and eight with a white lung or a heart pulled aside (five of these nine with a letter on its usual side, four
 * with none that is read). May use engine/anatomix.h and ui/film-letters.h; no GTK, so it is tested without a display. */
#pragma once

#include "ui/film-letters.h"

G_BEGIN_DECLS

typedef enum {
  AX_SIDES_USUAL,    /* the model finds the left organs where they lie in an image as it should hang */
  AX_SIDES_MIRRORED, /* they lie on the other side, and so does a letter: a mirrored picture */
  AX_SIDES_ORGANS,   /* they lie on the other side and a letter does not: the organs are, or the letter is wrong */
  AX_SIDES_UNKNOWN,  /* they lie on the other side, and no letter says why */
} AxSides;

/* Where the letters say the patient's left is: 1 at the image's right (as it should hang), -1 at its left, 0 when there is none or
 * they disagree. The orientation of a file goes before the letters of the film, which may be NULL. */
int ax_side_of_letters(AxImage *image, const AxFilmLetter *letters, guint n_letters);
/* The judgement of an answer to the plain pixels. */
AxSides ax_side_hint(const AxPerception *perception, int side_of_letters);
/* A warning, translated, when the boxes cannot be those of a frontal chest radiograph (ax_perception_misfit()); NULL when they can. It goes before what is
 * said of sides. */
const char *ax_misfit_hint_text(const AxPerception *perception);
/* What to tell the reader, translated; NULL when there is nothing to say. */
const char *ax_side_hint_text(AxSides sides);

G_END_DECLS
