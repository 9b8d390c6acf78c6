/* The letters at the edges of the picture. What lives here: where the directions of DICOM's PatientOrientation (PS3.3 C.7.6.1.1.1) lie in a
 * view that is turned and mirrored. May use ui/viewport.h; no GTK, so it is tested without a display. */
#pragma once

#include "ui/viewport.h"

G_BEGIN_DECLS

typedef struct {
  char top[4], right[4], bottom[4], left[4];
} AxEdgeLetters;

/* The letters of the view's edges from those of the file: `row` is the direction of the image's right edge ("L"), `column` that of its
 * lower edge ("F"). FALSE, and nothing to show, when either is missing or is not made of one to three of A, P, R, L, H, F. */
gboolean ax_orientation_letters(AxViewport *viewport, const char *row, const char *column, AxEdgeLetters *letters);

G_END_DECLS
