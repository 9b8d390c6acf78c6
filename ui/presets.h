/* Grey windows at a key. What lives here: the windows that the digits choose: those of the file, the whole range, and windows made for lungs,
 * mediastinum and bone from the grey values that are there, since a radiograph has no unit that a fixed window could name. May use
 * engine/anatomix.h; no GTK, so it is tested without a display. */
#pragma once

#include "engine/anatomix.h"

G_BEGIN_DECLS

#define AX_MAX_PRESETS 9

typedef struct {
  char *name; /* for people, translated, or the file's own explanation */
  double center, width;
} AxPreset;

/* The presets of an image, at most AX_MAX_PRESETS, an array of AxPreset that frees its names. The first is the window to start with. With a
 * perception the tissue windows hold the percentiles 2 to 98 of the boxes of lungs, mediastinum and spine; without one, parts of the
 * whole image's histogram. Padding does not count. At most a quarter of a million pixels are looked at. */
GArray *ax_presets_new(AxImage *image, const AxPerception *perception);

G_END_DECLS
