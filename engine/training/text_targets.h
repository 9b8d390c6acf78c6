/* text_targets.h: the sentences of a data set as targets of the contrastive loss (spec 4.3).
 *
 * Every image and structure has a sentence (sentences.h); its pooled vector by the frozen sentence encoder S was computed once and kept in a sentence
 * file. May use sentences.h, apm_batch.h, engine/model and engine/checkpoint. */
#pragma once
#include "engine/model/apm.h"
#include "engine/training/apm_batch.h"
#include <gio/gio.h>

typedef struct _AxTextTargets AxTextTargets;

/* vectors_file: a sentence file (engine/checkpoint/sentence_file.h) with vectors of S, width dim. Sentences speak of `marks` only, as those of the database.
 * Errors: a sentence of the data set is missing from it. */
AxTextTargets *ax_text_targets_load (const char *vectors_file, const AxDataset *dataset, AxMarkSet marks, int dim, GError **error);
void           ax_text_targets_free (AxTextTargets *t);
/* The contrastive loss of a batch over structures whose facts are known: all that show something and a draw of healthy ones, so that at most
 * AX_TEXT_ROWS rows enter the n x n matrix. Phantoms have no sentences here. */
#define AX_TEXT_ROWS 320
double ax_text_targets_loss (AxTextTargets *t, AxApm *apm, AxTape *tape, const AxApmOutput *out, const AxBatch *b, guint64 seed, gint64 step,
                             double weight);
