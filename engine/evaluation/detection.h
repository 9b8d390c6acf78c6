/* Scores of predicted boxes against reference boxes, spec 10.1. What lives here: the authors' per-sample figures (IoU and mAP as their code computes them,
 * oddities included, so that numbers can be compared with the paper's), our strict IoU, which also punishes boxes that are missing or too many, and
 * COCO's mAP over a whole collection. All predictions have score 1, in the order given. Boxes are pixels of one frame, corners as parsed (not ordered).
 * May use engine/image/box.h and GLib. */
#pragma once

#include "engine/image/box.h"

G_BEGIN_DECLS

typedef struct {
  guint n;
  const AxBox *boxes;
  const char *const *labels; /* n of them, each may be NULL; or NULL */
} AxLabelledBoxes;

/* Similarity of two labels, -1 to 1 (the authors: cosine of all-MiniLM-L6-v2). */
typedef double (*AxLabelSimilarity)(const char *reference, const char *predicted, gpointer user_data);

typedef struct {
  double iou;          /* mean over predictions of the best IoU with any reference */
  double map;          /* mean over the thresholds 0.25, 0.50, 0.75, 0.95 */
  double map50, map75;
} AxDetectionScores;

/* The authors' figures of one sample. FALSE (and NaN everywhere) when either side has no box: their code leaves such samples out. IoU is NaN when a
 * prediction and a reference both have no area. When the reference labels differ, reference j is class j and a prediction takes the class of the most
 * similar reference label if that is at least 0.8 similar, else a class of its own; similarity NULL compares strings. */
gboolean ax_detection_scores(const AxLabelledBoxes *reference, const AxLabelledBoxes *predicted, AxLabelSimilarity similarity, gpointer user_data,
                             AxDetectionScores *scores);

/* Ours: boxes are assigned one to one so that the sum of IoUs is largest (Hungarian method), divided by the larger number of boxes. 0 when one side is
 * empty, NaN when both are. */
double ax_strict_iou(const AxBox *reference, guint n_reference, const AxBox *predicted, guint n_predicted);

typedef struct {
  double map, map50, map75; /* NaN without a reference box; map50 and map75 also when the threshold is not among those asked for */
  double mar1, mar10, mar100; /* recall with at most that many predictions an image, mean over the thresholds */
} AxCocoScores;

/* COCO's figures over all images together, labels ignored; at most the first 100 predictions of an image count. thresholds[n] rise. */
AxCocoScores ax_detection_coco(const AxLabelledBoxes *reference, const AxLabelledBoxes *predicted, guint n_images, const double *thresholds,
                               guint n_thresholds);

G_END_DECLS
