/* The evaluation of a language part: asks the requests of lm_requests.h, on the image as it is, mirrored, and with less of the prompt's context, and compares
 * the answers with the rule that copies the Anatomy Perception Module. What lives here: whoever answers (AxLmAnswerer), the asking, and all figures together.
 * May use the files of this folder; the answerer of a real model is lm_answerer.h. */
#pragma once

#include "engine/evaluation/lm_figures.h"

G_BEGIN_DECLS

/* Someone who answers. Requests come image by image; open() is called before the first of an image, its mirror image or another context. */
typedef struct {
  gpointer self;
  gboolean (*open) (gpointer self, const AxImageFacts *facts, gboolean flip, AxLmContext context, GCancellable *cancellable, GError **error);
  /* Fills reply->text (or yes and text for AX_ASK_LABEL), ended and tokens. */
  gboolean (*answer) (gpointer self, const AxLmRequest *request, AxLmReply *reply, GCancellable *cancellable, GError **error);
} AxLmAnswerer;

typedef struct {
  gboolean quick;     /* the plan of ax_lm_plan_quick() */
  gboolean ablations; /* ask part of it again with less context */
  guint rounds;       /* of the bootstrap */
  guint64 seed;
  const char *answers; /* file that receives every question with its answer and the true one, a JSON object a line; NULL: none */
} AxLmOptions;

typedef struct {
  guint n_images, n_patients, n_requests;
  AxLmFigures model;
  AxLmFigures rule;                   /* the same questions answered by the rule */
  gboolean ablated;
  AxLmFigures ablation[AX_CONTEXT_N]; /* [AX_CONTEXT_OBJECTS] and [AX_CONTEXT_IMAGE], of `same` questions; [AX_CONTEXT_FULL]: those of the model */
} AxLmEvaluation;

typedef void (*AxLmProgress) (guint done, guint total, double seconds, gpointer user_data);

/* images[n] (const AxDatasetImage *) with what the module perceives of them, plain[n] and mirrored[n]. answerer NULL: the rule answers, as a yardstick. FALSE with the errors
 * of the answerer, of writing the answers, or G_IO_ERROR_CANCELLED; *out is empty then. */
gboolean ax_eval_lm (const AxDataset *dataset, const GPtrArray *images, AxPerception *const *plain, AxPerception *const *mirrored, const AxLmAnswerer *answerer,
                     const AxLmOptions *options, AxLmProgress progress, gpointer user_data, GCancellable *cancellable, AxLmEvaluation *out, GError **error);
void ax_lm_evaluation_clear (AxLmEvaluation *evaluation);

G_END_DECLS
