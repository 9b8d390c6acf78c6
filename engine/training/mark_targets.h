/* mark_targets.h: which findings each structure shows, as targets: losses of our own recipe beside the authors' contrastive one.
 *
 * marks: a linear map of the feature module's output (training only) says for each structure and finding whether it is there. Known where a radiologist
 * read the image or a synthetic finding was pasted; where only the text program spoke, the structure that looks most like it is held to the word's worth.
 * retrieval: the sentences of a structure's database compete for its embedding; those that agree with what is known of the structure win together, so
 * that a reader who looked for opacities only says nothing of effusions. May use sentences.h, split.h, apm_batch.h, engine/model, engine/checkpoint. */
#pragma once
#include "engine/model/apm.h"
#include "engine/training/apm_batch.h"
#include "engine/training/sentences.h"
#include "engine/training/split.h"
#include <gio/gio.h>

typedef struct _AxMarkTargets AxMarkTargets;

/* The candidates are the sentences that ax_sentence_db_build() takes from vectors_file with the same `marks`. `dim` is the width of S.
 * Errors: the file cannot be read or has another width. */
AxMarkTargets *ax_mark_targets_new (const char *vectors_file, const AxDataset *dataset, const AxSplit *split, AxMarkSet marks, int dim, GError **error);
void           ax_mark_targets_free (AxMarkTargets *t);

/* Cross entropy of logits [batch * 36, AX_MARK_N] against b's marks; weight as in ax_loss_labels(). `bag_weight` scales the text program's word. */
double ax_mark_targets_loss (AxMarkTargets *t, AxTape *tape, AxTensor *logits, const AxBatch *b, double bag_weight, double weight);

/* The retrieval loss of a batch at similarity scale `scale` (logits are scale times cosines). Structures that show something count `finding_weight` times. */
double ax_mark_targets_retrieval (AxMarkTargets *t, AxApm *apm, AxTape *tape, const AxApmOutput *out, const AxBatch *b, double scale,
                                  double finding_weight, double weight);

/* What the database would answer now: out [rows, 36] gets the marks of the sentence nearest to each of objects [rows, 36, d]. */
void ax_mark_targets_retrieve (AxMarkTargets *t, AxApm *apm, const float *objects, guint rows, AxMarkSet *out);
