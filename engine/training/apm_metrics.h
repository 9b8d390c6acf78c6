/* apm_metrics.h: the figures by which a training run is steered, computed on validation images. Plain arithmetic on answers and truth; the full
 * evaluation with intervals and charts is in engine/evaluation. */
#pragma once
#include <glib.h>

/* IoU of two boxes cx cy w h. */
double ax_cxcywh_iou (const float *a, const float *b);
/* Area under the ROC curve of scores with 0/1 truth (ties count half); NAN when one class is missing. */
double ax_auroc_simple (const float *score, const guint8 *truth, gsize n);
/* Of the 12 left/right pairs (spec section 11), how many have their centres in the same order in `answer` as in `truth` [36, 4]. Pairs whose
 * boxes do not both count in mask are left out; *pairs counts the others. */
guint  ax_sides_kept (const float *answer, const float *truth, const float *mask, guint *pairs);
