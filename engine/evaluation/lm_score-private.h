/* Scoring one answer. What lives here: the rows that an answer adds to each figure, shared by lm_figures.c, which makes figures of them, and lm_score.c, which
 * knows the tasks. May use the files of this folder and engine/training. */
#pragma once

#include "engine/evaluation/lm_figures.h"

G_BEGIN_DECLS

/* One case of a figure; what a, b and c mean is the figure's statistic (lm_figures.c). */
typedef struct {
  guint patient, key;
  double a, b, c;
} AxLmRow;

typedef struct {
  GArray *rows[AX_LMF_N];    /* AxLmRow */
  const AxImageFacts *facts; /* of the request at hand, mirrored where it is */
  const AxImageFacts *apm;
  guint patient;
} AxLmScore;

/* Adds the answer's rows. class_counts[AX_BOX_N + 1]: how many regions of each class were asked about. */
void ax_lm_score_answer (AxLmScore *score, const AxLmRequest *request, const AxLmReply *reply, const guint8 *class_counts);
/* Adds a row for a grounding question that was right on the image as it is; the score's facts are those of the mirrored image. */
void ax_lm_score_mirrored (AxLmScore *score, const AxLmRequest *request, const AxLmReply *plain, const AxLmReply *mirrored, const AxImageFacts *plain_facts);

/* The marked finding whose box the region is, or NULL. */
const AxKnownFinding *ax_lm_finding_of_region (const AxImageFacts *facts, AxBox region);

G_END_DECLS
