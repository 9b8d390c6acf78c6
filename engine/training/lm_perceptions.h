/* lm_perceptions.h: what the frozen Anatomy Perception Module says of each training picture, computed once.
 *
 * What lives here: AxLmPerceptions, for every picture of a set the image tokens, the 36 object embeddings, boxes and retrieved sentences, and the file that
 * keeps them. The file (safetensors) is keyed by the SHA-256 of the module's and the sentence database's files and of every image file: whatever changed is
 * computed again, nothing else. May use engine/session's model, engine/retrieval and engine/checkpoint.
 */
#pragma once
#include "engine/session/model.h"
#include "engine/training/lm_samples.h"

typedef struct {
  int          tokens, image_dim, object_dim;
  const float *image;          /* [tokens, image_dim] */
  const float *objects;        /* [36, object_dim] */
  const float *cxcywh;         /* [36, 4] in 0..1, as the network gives them */
  AxBox        boxes[AX_N_ANATOMY];      /* whole pixels of the 1024 frame, as the prompt prints them */
  const char  *sentences[AX_N_ANATOMY];  /* owned by the database */
  float       *probability;    /* [n_labels]: calibrated; NaN for a label of which the module knows nothing */
} AxLmPerception;

typedef struct {
  guint           n, n_labels;
  AxLmPerception *items;       /* in the order of the pictures asked for */
  float          *memory, *probabilities;
  AxSentenceDb   *sentences;
} AxLmPerceptions;

typedef void (*AxLmPerceptionsFn) (guint done, guint of, gpointer user_data);

/* Perceives the pictures of both sets (b may be NULL), those of a first. cache_path is read if it fits and replaced when anything had to be computed.
 * NULL with the errors of reading an image, AX_ENGINE_ERROR_MODEL (no sentence database), or G_IO_ERROR_CANCELLED. */
AxLmPerceptions *ax_lm_perceptions_load (AxModel *model, const AxLmSamples *a, const AxLmSamples *b, const char *cache_path, AxLmPerceptionsFn progress,
                                         gpointer user_data, GCancellable *cancellable, GError **error);
void             ax_lm_perceptions_free (AxLmPerceptions *p);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxLmPerceptions, ax_lm_perceptions_free)
