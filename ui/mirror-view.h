/* The mirror test on screen. What lives here: AxMirrorView, two canvases side by side with linked zoom, one for the image and one for
 * its mirror image, each with the model's own answer, and a table of the twelve left/right pairs: side kept or lost, overlap of the
 * two answers (spec section 11). Selecting a row marks the pair in both pictures, with the other answer dotted on the left one. May
 * use GTK, ui/canvas.h and engine/anatomix.h. */
#pragma once

#include "ui/canvas.h"
#include "ui/text-mirror.h"

G_BEGIN_DECLS

#define AX_TYPE_MIRROR_VIEW (ax_mirror_view_get_type())
G_DECLARE_FINAL_TYPE(AxMirrorView, ax_mirror_view, AX, MIRROR_VIEW, GtkWidget)

GtkWidget *ax_mirror_view_new(void);
void ax_mirror_view_set_pyramid(AxMirrorView *self, AxPyramid *pyramid);
/* Either may be NULL; the table appears when both are there. */
void ax_mirror_view_set_perceptions(AxMirrorView *self, AxPerception *plain, AxPerception *mirrored);
/* Whether the model is at work for it: shown in place of an answer that is not there. */
void ax_mirror_view_set_busy(AxMirrorView *self, gboolean busy);
/* What was asked, on both: a row for each, filled as answers come; NULL empties it. */
void ax_mirror_view_set_texts(AxMirrorView *self, AxTextMirror *texts);
GtkWidget *ax_mirror_view_get_texts(AxMirrorView *self); /* the rows, for tests */
AxCanvas *ax_mirror_view_get_canvas(AxMirrorView *self, gboolean mirrored);
/* Pair of the selected row, or -1. */
int ax_mirror_view_get_selected_pair(AxMirrorView *self);
void ax_mirror_view_select_pair(AxMirrorView *self, int pair);

G_END_DECLS
