/* lm_samples.h: instruction data grouped by picture.
 *
 * What lives here: AxLmSamples, lists of instruction samples (instruct.h) joined, and the pictures that they are about; a mirrored picture ("flip": true) is a
 * picture of its own. The prompt's boxes and sentences always come from the Anatomy Perception Module and the retrieval, so stored contexts are not
 * looked at. May use instruct.h.
 */
#pragma once
#include "engine/training/instruct.h"

typedef struct {
  char    *path;               /* of the image file */
  char    *patient;            /* read off the path: MIMIC's ".../p10000032/...", NIH's "00000061_015.png", else the whole path */
  gboolean flip;
  GArray  *samples;            /* guint indices, in the order of the lists */
} AxLmPicture;

typedef struct {
  GPtrArray *pictures;         /* AxLmPicture */
  GPtrArray *samples;          /* AxInstructSample */
  GArray    *picture_of;       /* guint per sample */
} AxLmSamples;

/* Reads lists and joins them. Relative image paths are relative to image_dir (may be NULL). `part` is "train" or "validation": a sample marked as
 * belonging to another part is refused. NULL with AX_DATA_ERROR. */
AxLmSamples *ax_lm_samples_load (const char *const *files, const char *image_dir, const char *part, GError **error);
void         ax_lm_samples_free (AxLmSamples *samples);
/* FALSE with AX_DATA_ERROR_INCONSISTENT, naming the patient, when one is in both. */
gboolean     ax_lm_samples_disjoint (const AxLmSamples *a, const AxLmSamples *b, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxLmSamples, ax_lm_samples_free)
