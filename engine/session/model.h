/* model.h: what engine/session and engine/evaluation see of a loaded model beyond anatomix.h: the network itself. One thread at a time may run it. */
#pragma once
#include "engine/anatomix.h"
#include "engine/image/preprocess.h"
#include "engine/model/apm.h"
#include "engine/retrieval/retrieval.h"

AxApm        *ax_model_get_apm (AxModel *model);
AxSentenceDb *ax_model_get_sentences (AxModel *model);     /* NULL: the model has no database */
/* Calibrated probability of label i from its logit: 1 / (1 + exp(-(a logit + b))), a = 1 and b = 0 when model.json has no calibration. */
double        ax_model_probability (AxModel *model, guint i, double logit);

/* Perceives on the calling thread. size x size bytes of a prepared frame (engine/image/preprocess.h) with its geometry. tape is reset first and must not
 * record. `stage` is called between the stages of the network; returning FALSE stops and gives G_IO_ERROR_CANCELLED. raw_logits (may be NULL, [n_labels]) and
 * raw_objects (may be NULL, [36, proj_dim]) receive the network's own numbers. */
typedef gboolean (*AxPerceiveStage) (double fraction, const char *stage, gpointer user_data);
AxPerception *ax_model_perceive_frame (AxModel *model, AxTape *tape, const guint8 *frame_pixels, const AxFrame *frame, guint n_retrieved,
                                       AxPerceiveStage stage, gpointer user_data, float *raw_logits, float *raw_objects, GError **error);
/* The whole way from an image; mirror mirrors the pixels first. */
AxPerception *ax_model_perceive (AxModel *model, AxTape *tape, AxImage *image, gboolean mirror, guint n_retrieved, AxPerceiveStage stage,
                                 gpointer user_data, float *raw_logits, float *raw_objects, GError **error);
