/* Facts as the Anatomy Perception Module sees them. What lives here: an image's facts made from the prompt that the language model will read, boxes and retrieved
 * sentences, for training images that no radiologist read. Answers made from them can be found in the prompt word by word, so they teach the model to read
 * it; what is true beyond the prompt it learns from the images that were read. May use instruct_facts.h and lm_perceptions.h. */
#pragma once

#include "engine/training/instruct_facts.h"
#include "engine/training/lm_perceptions.h"

G_BEGIN_DECLS

/* The perception is of the image as it is, or with flip of the image mirrored; the facts are then those of the mirrored picture. An opacity is one finding a
 * side, over the zones that show it; an effusion lies in the side's lower zone; a large heart in the heart. Absent is what the module could have named
 * and did not. dataset is "module". */
AxImageFacts *ax_image_facts_from_module (const AxDatasetImage *image, const char *path, gboolean flip, const AxLmPerception *perception);

/* Perceptions of all images that nobody read (n of them), each as it is and mirrored: array of 2 n AxImageFacts * that frees them. NULL with the errors of
 * ax_model_load() and ax_lm_perceptions_load(). */
GPtrArray *ax_image_facts_of_unread (const GPtrArray *images, const AxDataset *dataset, const char *model_dir, const char *cache, gboolean flip,
                                     GCancellable *cancellable, GError **error);

G_END_DECLS
