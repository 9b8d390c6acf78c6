/* What a mark measures. What lives here: lengths, angles, grey value statistics and the cardiothoracic ratio, with the honesty about their unit:
 * a radiograph is a projection, so its millimetres are those at the detector until somebody calibrates. May use ui/marks.h and
 * engine/anatomix.h; no GTK, so it is tested without a display. */
#pragma once

#include "ui/marks.h"

G_BEGIN_DECLS

typedef enum {
  AX_SCALE_PIXELS,     /* the file says nothing: lengths are image pixels */
  AX_SCALE_DETECTOR,   /* millimetres at the detector */
  AX_SCALE_FILE,       /* the file was calibrated: its PixelSpacing differs from its ImagerPixelSpacing (PS3.3 10.7.1.3) */
  AX_SCALE_CALIBRATED, /* the reader has calibrated by a known length */
} AxScaleKind;

typedef struct {
  AxScaleKind kind;
  double x, y; /* length of one pixel along a row and along a column: 1, or millimetres */
} AxScale;

/* `calibration` is ax_marks_get_calibration(); pixels that are not square in the file stay so. */
AxScale ax_scale_new(AxImage *image, double calibration);

/* In pixels or millimetres. */
double ax_measure_length(AxScale scale, AxPoint a, AxPoint b);
/* At the vertex, 0..180 degrees; 0 when a side has no length. */
double ax_measure_angle(AxScale scale, AxPoint a, AxPoint vertex, AxPoint b);
/* The calibration that makes a to b `mm` long; 0 when that is not possible. */
double ax_measure_calibration(AxImage *image, AxPoint a, AxPoint b, double mm);

typedef struct {
  guint n, n_padding;          /* pixels counted, and left out as padding */
  double mean, sd, min, max;   /* modality values; sd with n - 1 */
  double area;                 /* of the counted pixels, in square pixels or square millimetres */
} AxRegionStats;

/* Statistics of the pixels whose centre lies in the ellipse with the corners a and b. FALSE when there is none. */
gboolean ax_measure_region(AxImage *image, AxScale scale, AxPoint a, AxPoint b, AxRegionStats *stats);

/* Widest heart over widest thorax of a ratio mark; 0 when the thorax has no width. */
double ax_measure_ratio(AxScale scale, const AxMark *mark);
/* The calipers that the model's boxes of heart and lungs give: the heart's at the middle of its box, the thorax's at 0.85 of the
 * lungs' height, where the rib cage is about widest. */
AxMark ax_measure_ratio_of(const AxPerception *perception);

/* What the mark says, for people: one line, statistics several; "" for a box. */
char *ax_mark_text(const AxMark *mark, AxImage *image, double calibration);
/* The kind of a mark in words. */
const char *ax_mark_kind_name(AxMarkKind kind);

G_END_DECLS
