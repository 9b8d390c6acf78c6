/* model.h: what engine/session and engine/evaluation see of a loaded model beyond anatomix.h: the network itself. One thread at a time may run it. */
#pragma once
#include "engine/anatomix.h"
#include "engine/checkpoint/model_folder.h"
#include "engine/image/preprocess.h"
#include "engine/model/apm.h"
#include "engine/retrieval/retrieval.h"

AxApm        *ax_model_get_apm (AxModel *model);
AxModelFolder *ax_model_get_folder (AxModel *model);
AxSentenceDb *ax_model_get_sentences (AxModel *model);     /* NULL: the model has no database */
/* Chooses a device for the model and moves it there; its language part is then loaded there too. A model is loaded on the processor. With AX_DEVICE_AUTO what does
 * not fit stays on the processor, and the note says why. FALSE with an error, which is the note too: it is where it was. Tapes that run it must be on ax_model_device(). */
gboolean      ax_model_place (AxModel *model, AxDeviceChoice choice, GError **error);
const AxDevice *ax_model_device (AxModel *model);
/* Where its language part is to be loaded, and that it was not possible there: TRUE when the processor is to be tried now. */
const AxDevice *ax_model_language_device (AxModel *model);
gboolean      ax_model_language_failed (AxModel *model, const GError *error);
/* As ax_session_get_device(), now. Not while another thread works with the model. */
void          ax_model_get_device_use (AxModel *model, AxDeviceUse *use);
/* Calibrated probability of label i from its logit: 1 / (1 + exp(-(a logit + b))), a = 1 and b = 0 when model.json has no calibration. */
double        ax_model_probability (AxModel *model, guint i, double logit);

/* Perceives on the calling thread. size x size bytes of a prepared frame (engine/image/preprocess.h) with its geometry. tape is reset first and must not
 * record. `stage` is called between the stages of the network; returning FALSE stops and gives G_IO_ERROR_CANCELLED. `raw` (may be NULL) receives the
 * network's own numbers. */
typedef gboolean (*AxPerceiveStage) (double fraction, const char *stage, gpointer user_data);
/* Where they go; any may be NULL. */
typedef struct {
  float *logits;                 /* [n_labels] */
  float *objects;                /* [36, proj_dim] */
  float *boxes;                  /* [36, 4] cx cy w h in 0..1 */
  float *image;                  /* [ax_model_n_image_tokens(), hidden] */
} AxPerceptionRaw;
int           ax_model_n_image_tokens (AxModel *model);
AxPerception *ax_model_perceive_frame (AxModel *model, AxTape *tape, const guint8 *frame_pixels, const AxFrame *frame, guint n_retrieved,
                                       AxPerceiveStage stage, gpointer user_data, const AxPerceptionRaw *raw, GError **error);
/* The whole way from an image; mirror mirrors the pixels first. */
AxPerception *ax_model_perceive (AxModel *model, AxTape *tape, AxImage *image, gboolean mirror, guint n_retrieved, AxPerceiveStage stage,
                                 gpointer user_data, const AxPerceptionRaw *raw, GError **error);
