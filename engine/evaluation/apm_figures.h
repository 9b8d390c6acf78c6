/* How good an Anatomy Perception Module is. What lives here: one test image's answers beside its truth (AxApmCase) and every figure computed from a
 * collection of them, with 95 % intervals by resampling patients. Knows no model, no file and no session, so the arithmetic is tested on answers
 * made by hand. May use engine/anatomix.h (pairs), engine/training (dataset, sentences, plot) and the files of this folder. Spec 10.1 and 11. */
#pragma once

#include "engine/anatomix.h"
#include "engine/evaluation/metrics.h"
#include "engine/training/dataset.h"
#include "engine/training/sentences.h"

G_BEGIN_DECLS

/* A finding's figure is reported when its truth has at least this many positives. */
#define AX_MIN_POSITIVES 10

typedef struct {
  const AxDatasetImage *image; /* the truth */
  gboolean truly_mirrored;     /* the film itself is mirrored (its image has no trusted boxes); only the sides are judged */
  AxBox plain[AX_N_ANATOMY];   /* answers, pixels of the 1024 frame */
  AxBox mirrored[AX_N_ANATOMY]; /* answers on the mirrored pixels, in pixels of the mirrored image */
  double probability[AX_DATASET_N_LABELS]; /* NaN: the model has no such label */
  AxMarkSet named[AX_N_ANATOMY]; /* findings that the best retrieved sentence names */
  gboolean understood[AX_N_ANATOMY]; /* FALSE: no sentence, or one outside the grammar; it names nothing */
} AxApmCase;

/* What one image's two answers come to; `truth` is its entry in the data set. Boxes are taken in the model's frame, findings and sentences by their
 * words; truly_mirrored is left FALSE. */
void ax_apm_case_fill(const AxDatasetImage *truth, const AxPerception *plain, const AxPerception *mirrored, AxApmCase *out);

/* What an answer that looks at no image would be: learned from training images alone. */
typedef struct {
  AxBox mean_box[AX_N_ANATOMY];        /* mean of the visible boxes */
  AxMarkSet majority[AX_N_ANATOMY];    /* of the most frequent training sentence of the structure */
  AxMarkSet majority_finding[AX_N_ANATOMY]; /* of the most frequent one that names a finding; 0 if there is none */
} AxApmBaseline;

/* images: array of const AxDatasetImage *. A sentence counts where the training would use it: weight above 0. */
void ax_apm_baseline_learn(const GPtrArray *images, AxApmBaseline *baseline);

typedef struct {
  double value, lo, hi; /* NaN where not defined */
  guint n;              /* what it is a figure of; said beside each */
} AxFigure;

typedef struct {
  AxFigure auroc;               /* n: images with known truth */
  double average_precision, f1; /* F1 at probability 0.5 */
  double calibration_error;
  guint positives, negatives;   /* among the images that the model answers for */
  gboolean reported;            /* FALSE: the model gives no probability for this finding on any image */
} AxFindingFigures;

typedef enum { AX_TRUTH_READERS, AX_TRUTH_KNOWN, AX_TRUTH_N } AxTruth; /* radiologists only; radiologists, else the text program */

typedef struct {
  AxFigure recall, precision; /* n: marks, named findings that can be judged */
} AxRetrievalFigures;

typedef struct {
  guint n_images, n_patients, n_ok, n_opacity;

  /* boxes against the truth, structures that are visible on images whose boxes are trusted; n: boxes. iou is the mean of the 36 means. */
  AxFigure iou, iou_lungs, iou_heart, iou_structure[AX_N_ANATOMY];
  double baseline_iou, baseline_iou_structure[AX_N_ANATOMY];

  /* n: pairs. A pair is kept when the left structure's centre lies on the side of the right one's where the truth has it, on the plain AND on the
   * mirrored pixels. plain and mirrored alone: each of the two conditions. */
  AxFigure sides_kept, sides_plain, sides_mirrored, sides_kept_opacity, sides_pair[AX_N_PAIRS];
  guint film_pairs, film_plain, film_mirrored, film_kept; /* truly mirrored films: pairs, and those on their true side */

  /* the answer against the mirrored answer mirrored back, all 36 structures of all images; n: boxes */
  AxFigure consistency, consistency_ok, consistency_structure[AX_N_ANATOMY];

  AxFindingFigures finding[AX_TRUTH_N][AX_DATASET_N_LABELS];
  AxFigure auroc_mean[AX_TRUTH_N]; /* of the findings with AX_MIN_POSITIVES and a negative, without "No Finding"; n: findings */

  /* pooled over the findings with AX_MIN_POSITIVES and, all, over every finding; radiologists' truth; n: predictions */
  AxFigure calibration_error, calibration_error_all;
  AxPlotBin calibration_bins[AX_N_CALIBRATION_BINS];

  AxRetrievalFigures retrieval, retrieval_majority, retrieval_majority_finding;
  AxCounts retrieval_mark[AX_MARK_N];
  guint n_not_understood; /* retrieved sentences outside the grammar, over all images and structures */
} AxApmFigures;

/* Computes everything; rounds is the number of bootstrap draws. */
void ax_apm_figures(const AxApmCase *cases, guint n, const AxApmBaseline *baseline, guint rounds, guint64 seed, AxApmFigures *out);

G_END_DECLS
