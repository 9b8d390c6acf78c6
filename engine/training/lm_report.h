/* lm_report.h: what a training run of the language part says of itself: validation figures, metrics.csv and metrics.png.
 *
 * What lives here: AxLmValidation, measured on the fixed validation batches, the lines of metrics.csv and the chart. May use lm_batch.h, plot.h.
 */
#pragma once
#include "engine/training/lm_batch.h"
#include "engine/training/train_lm.h"
#include <stdio.h>

typedef struct {
  double loss[AX_INSTRUCT_N_TASKS];      /* mean negative log likelihood of a target; NaN where the task has none */
  double tokens[AX_INSTRUCT_N_TASKS];    /* share of targets with a probability above one half, which are certainly the first choice */
  double verbatim[AX_INSTRUCT_N_TASKS];  /* share of answers of which that holds for every target: greedy decoding gives them word for word */
  double mean;                           /* of the tasks' losses */
} AxLmValidation;

/* batches: AxLmBatch whose samples are numbered task + AX_INSTRUCT_N_TASKS * answer. FALSE with an error of the forward pass. */
gboolean ax_lm_validate   (AxGemma *gemma, GPtrArray *batches, AxLmValidation *v, GError **error);

/* The head of metrics.csv, and a line of it; v may be NULL. */
char    *ax_lm_csv_head   (void);
void     ax_lm_csv_line   (FILE *csv, gint64 step, double lr, double loss, double norm, int targets, const AxLmValidation *v);
gboolean ax_lm_plot       (const char *csv, const char *png, const char *title, GError **error);
