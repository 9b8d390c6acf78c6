/* The published checkpoint of the Anatomy Perception Module, last_checkpoint.pth (spec 2.7): found, named and compared with what a
 * model expects. May use the readers of this folder; knows names, not arithmetic. */
#pragma once

#include "engine/checkpoint/torch_file.h"

G_BEGIN_DECLS

/* The tensors "vis_model...." and "text_model...." of a checkpoint dictionary with "model", a bare state dictionary or a
 * safetensors file; a leading "module." (DistributedDataParallel) is cut off. NULL with MISMATCH when no name begins with
 * "vis_model.", or as ax_weights_open(). */
AxWeights *ax_apm_checkpoint_open(const char *path, GError **error);

/* What the checkpoint's configuration and shapes say of the model; 0 where the file does not tell. */
typedef struct {
  int depth;                                     /* ResNet 18, 34 or 50 */
  int hidden, enc_layers, dec_layers, ffn;
  int n_objects, proj_dim, n_labels;
  int text_dim, text_hidden;                     /* of P_S; 0 without it */
  int heads;                                     /* from args.model.nheads; 4 in the published configuration */
  gint64 epoch;                                  /* -1 when unknown */
} AxApmCheckpointShape;

/* Reads the figures off tensor shapes (and off "args" where the file has it). FALSE with MISMATCH when they do not make a model. */
gboolean ax_apm_checkpoint_shape(const AxWeights *weights, AxApmCheckpointShape *shape, GError **error);

/* As ax_weights_match(), with the reference's rule: names that begin with "text_model." and are not expected are ignored. */
AxTensorMatch *ax_apm_checkpoint_match(const AxWeights *weights, const AxTensorSpec *expected, guint n_expected);

G_END_DECLS
