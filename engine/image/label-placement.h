/* Labels that do not cover each other. What lives here: the choice of a place for each box's label, by plain geometry: for the window, its printed pages
 * and annotated pictures alike. May use box.h. */
#pragma once

#include "engine/image/box.h"

G_BEGIN_DECLS

typedef struct {
  AxBox box;            /* what is labelled, in view pixels */
  double width, height; /* of the text with its padding */
  int priority;         /* lower is placed first */
  gboolean must;        /* where there is no free place, it stands where it covers least of the others */
  AxBox place;          /* out: where the label goes */
  gboolean placed;      /* out: FALSE when it found no free place or its box is out of view, and need not stand */
  gboolean fixed;       /* stands already at `place`; the others keep away from it */
} AxLabel;

/* Places labels inside `view` in the order of priority (then of the array), none over another. Tried in turn: above the box's
 * top left and right corners, inside them, below and inside the lower corners, then the same shifted down line by line.
 * Returns how many were placed. */
guint ax_labels_place(AxLabel *labels, guint n_labels, AxBox view);

G_END_DECLS
