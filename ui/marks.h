/* What a reader draws on an image. What lives here: AxMarks, the calipers, regions and the calibration of one image, with undo; points are
 * image coordinates (engine/image/box.h), so marks follow every turn of the view. May use GObject, ui/undo.h and
 * engine/anatomix.h; no GTK, so it is tested without a display. Main thread only. */
#pragma once

#include "engine/anatomix.h"
#include "ui/undo.h"

G_BEGIN_DECLS

typedef enum {
  AX_MARK_LENGTH, /* two ends */
  AX_MARK_ANGLE,  /* an end, the vertex, an end */
  AX_MARK_REGION, /* an ellipse by two corners of its box: grey value statistics */
  AX_MARK_RATIO,  /* two horizontal calipers: heart left and right, thorax left and right */
  AX_MARK_BOX,    /* two corners: a region to ask the model about */
  AX_N_MARK_KINDS
} AxMarkKind;

typedef struct {
  double x, y;
} AxPoint;

#define AX_MAX_POINTS 4

typedef struct {
  guint id; /* from 1, never used again */
  AxMarkKind kind;
  AxPoint points[AX_MAX_POINTS]; /* ax_mark_n_points(kind) of them */
} AxMark;

guint ax_mark_n_points(AxMarkKind kind);
/* "length", "angle", "region", "ratio", "box": the words of session files. -1 for another word. */
const char *ax_mark_kind_word(AxMarkKind kind);
int ax_mark_kind_of_word(const char *word);
/* The box around its points, corners in order. */
AxBox ax_mark_get_box(const AxMark *mark);

#define AX_TYPE_MARKS (ax_marks_get_type())
G_DECLARE_FINAL_TYPE(AxMarks, ax_marks, AX, MARKS, GObject)

/* Signal "changed" after every change of marks, selection or calibration. */
AxMarks *ax_marks_new(AxUndo *undo);

guint ax_marks_get_n(AxMarks *self);
const AxMark *ax_marks_get(AxMarks *self, guint number); /* until the next change */
const AxMark *ax_marks_find(AxMarks *self, guint id);    /* or NULL */

/* Adds a mark (its id does not matter), selects it and returns its id. One step of undo. */
guint ax_marks_add(AxMarks *self, const AxMark *mark);
void ax_marks_remove(AxMarks *self, guint id);
void ax_marks_remove_all(AxMarks *self);

/* A change in many small steps that is undone as one: everything between begin and end. Cancelling puts back what was. */
void ax_marks_begin(AxMarks *self);
void ax_marks_end(AxMarks *self, const char *name, guint merge);
void ax_marks_cancel(AxMarks *self);
gboolean ax_marks_is_editing(AxMarks *self);
void ax_marks_set_points(AxMarks *self, guint id, const AxPoint *points);

/* Id of the selected mark, or 0. Selecting is no change to undo. */
guint ax_marks_get_selected(AxMarks *self);
void ax_marks_select(AxMarks *self, guint id);

/* Millimetres between columns as the reader calibrated, or 0. */
double ax_marks_get_calibration(AxMarks *self);
void ax_marks_set_calibration(AxMarks *self, double column_mm);

/* Replaces everything without undo: another image, or a session file. */
void ax_marks_load(AxMarks *self, const AxMark *marks, guint n_marks, double calibration);

G_END_DECLS
