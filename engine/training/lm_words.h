/* lm_words.h: projection heads that speak in words from the start.
 *
 * What lives here: before the language model learns to read image and object tokens, P_A and P_im learn alone to give rows that its own word embeddings add
 * up to: a structure's name in an object token, a structure's findings beside it, and the image's findings in every image token, as strong as the module
 * holds them likely. It takes a minute where the way through the language model takes hours, and uses nothing but what the frozen module says. May use
 * lm_model.h and lm_perceptions.h.
 */
#pragma once
#include "engine/training/lm_model.h"

/* Moves P_A alone so that the embedding of structure i comes out as what the base's own embeddings of its name add up to: `steps` AdamW steps of rate lr on
 * the squared error over the perceptions' object embeddings. The prompt prints a structure's box behind `<obj_i>` and before its name, so the digits can be
 * told apart by `<obj_i>` alone. Returns the share of the targets' variance that is left unexplained; NaN with an error. */
double   ax_lm_words_name_objects  (AxLmModel *model, const AxLmPerception *perceptions, guint n, int steps, double lr, guint64 seed, GError **error);

/* Adds findings to what both heads give now. Image tokens: the words of labels[n_labels], each as strong as the label's log odds on the picture (a label that
 * the module does not know is left out); object tokens: the words of the findings that the structure's retrieved sentence names. left[2]: of image and
 * objects, the mean squared error left as a share of what was to be added (1: nothing was learnt). FALSE with the errors of the base's file. */
gboolean ax_lm_words_name_findings (AxLmModel *model, const AxLmPerception *perceptions, guint n, guint n_labels, const char *const *labels, int steps,
                                    double lr, guint64 seed, double left[2], GError **error);

/* Adds to the heart's object token the words "enlarged heart", as strong as the cardiothoracic ratio of the module's boxes lies above that of the middle picture: the
 * ratio stands in the prompt only as a difference of digits. *left: the mean squared error left as a share of what was to be added. FALSE with the errors of
 * the base's file. */
gboolean ax_lm_words_measure_heart (AxLmModel *model, const AxLmPerception *perceptions, guint n, int steps, double lr, guint64 seed, double *left, GError **error);
