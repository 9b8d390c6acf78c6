/* lm_draw.h: which pictures and answers a training step sees, and their tokens.
 *
 * What lives here: AxLmDraw, which turns (seed, step) into packed batches: pictures in a new order each epoch, answers of a picture by the configured mix, one
 * wording of each, tokens and labels. Nothing depends on what was drawn before. Also the fixed set of validation batches. May use engine/text's
 * tokenizer and prompt.
 */
#pragma once
#include "engine/text/gemma_tokenizer.h"
#include "engine/training/lm_batch.h"
#include "engine/training/lm_perceptions.h"
#include "engine/training/train_lm.h"

typedef struct {
  const AxLmTrainConfig     *config;
  const AxLmSamples    *samples;
  const AxLmPerception *perceptions;     /* of samples->pictures */
  AxGemmaTokenizer     *tokenizer;
  GArray               *order;           /* guint: pictures of the epoch `epoch` */
  gint64                epoch;
  GArray               *reach;           /* double: running sums of the pictures' weights, where they are drawn by weight */
} AxLmDraw;

void       ax_lm_draw_init  (AxLmDraw *draw, const AxLmTrainConfig *config, const AxLmSamples *samples, const AxLmPerception *perceptions,
                             AxGemmaTokenizer *tokenizer);
void       ax_lm_draw_clear (AxLmDraw *draw);

/* Fills `batch` with picture `place` of the step. Weights are as configured, not yet divided by the step's sum. FALSE with an error of the tokenizer, or
 * when not even one answer fits the tokens allowed (AX_DATA_ERROR). */
gboolean   ax_lm_draw_batch (AxLmDraw *draw, gint64 step, int place, AxLmBatch *batch, GError **error);

/* So many pictures, chosen by a hash that no seed changes, so that runs can be compared, with up to `answers` samples of each task: array of AxLmBatch, a picture each. Wordings are fixed, system prompts and
 * variations off, weights 1; sample numbers are as ax_lm_validate() wants them. */
GPtrArray *ax_lm_draw_validation (AxLmDraw *draw, int pictures, int answers, GError **error);

/* The ids that answers are made of, each once: gint32. */
GArray    *ax_lm_draw_targets (const AxLmSamples *samples, const AxGemmaTokenizer *tokenizer);
