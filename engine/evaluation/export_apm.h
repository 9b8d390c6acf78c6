/* export_apm.h: from a finished training run to a model folder: 8-bit weights, the sentence database of the training patients, and probabilities calibrated on
 * the validation patients. May use everything in the engine. */
#pragma once
#include "engine/training/train_apm.h"

typedef struct {
  const char *name;            /* of the model, e.g. "anatomix-mini" */
  const char *folder;          /* made when missing */
} AxExportOptions;

/* Reads RUN/best.safetensors of the run that `config` describes (state.safetensors' weights when there is no best) and writes FOLDER/apm.safetensors,
 * sentences.safetensors and, last, model.json. Errors: those of reading the run and the data, AX_CHECKPOINT_ERROR_WRITE. */
gboolean ax_export_apm (const AxTrainConfig *config, const AxExportOptions *options, GCancellable *cancellable, GError **error);
