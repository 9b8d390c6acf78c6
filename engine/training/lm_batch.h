/* lm_batch.h: token sequences packed for one pass of the language model.
 *
 * What lives here: AxLmBatch, a growing pack of stretches (engine/model/gemma.h) with the pictures they mean and the targets of the loss, and the pass over it:
 * forward, loss and gradients. A picture's prompt prefix is one stretch; each task is a stretch that sees the prefix and itself only, so the prefix is paid
 * once. May use engine/model.
 */
#pragma once
#include "engine/model/gemma_sampled.h"

typedef struct {
  GArray *ids;                 /* gint32 [n] */
  GArray *stretches;           /* AxGemmaStretch */
  GArray *out_rows;            /* int: rows with a target, ascending */
  GArray *targets;             /* gint32 per out row: the token that should follow */
  GArray *weights;             /* float per out row */
  GArray *samples;             /* guint per out row: the caller's number of the answer it belongs to */
  GArray *image, *objects;     /* float: image tokens and object embeddings of the pictures, one after the other */
  int     n_pictures, image_dim, object_dim;
  gboolean constant;           /* the first stretch (a prompt's prefix) gets no gradient: see AxGemmaBatch.constant */
} AxLmBatch;

AxLmBatch *ax_lm_batch_new   (void);
void       ax_lm_batch_free  (AxLmBatch *batch);
void       ax_lm_batch_clear (AxLmBatch *batch);

/* Adds image[tokens, image_dim] and objects[n_objects, object_dim]; returns the picture's number. All pictures of a batch have the same shapes. */
int        ax_lm_batch_add_picture (AxLmBatch *batch, int tokens, int image_dim, const float *image, int n_objects, int object_dim,
                                    const float *objects);
/* Appends n tokens as a stretch behind stretch `root` (-1: they are a root themselves), which mean picture `picture` (-1: none). labels[n] (NULL: nothing is
 * trained) is the token that should follow each, -1 where the loss does not look. Returns the stretch's number. */
int        ax_lm_batch_add   (AxLmBatch *batch, int root, int picture, const gint32 *ids, const gint32 *labels, guint n, float weight, guint sample);

/* Sum of the targets' weights, and its replacement: weights become weight * factor. */
double     ax_lm_batch_weight (const AxLmBatch *batch);
void       ax_lm_batch_scale  (AxLmBatch *batch, double factor);

/* Operations that a training pass over the batch really makes: a constant prefix goes forward only, a sampled loss (may be NULL) makes its columns only. */
double     ax_lm_batch_flops  (const AxLmBatch *batch, const AxGemmaConfig *config, const AxGemmaSampled *sampled);

/* Runs the batch: returns the sum of weight * negative log likelihood (spec 6.6), and with a recording tape adds the gradients of it to the model's
 * parameters. nll (may be NULL) receives each target's. With `sampled` (may be NULL) the loss is that of gemma_sampled.h, drawn by seed. NaN with the errors
 * of ax_gemma_forward(). The tape is reset first. */
double     ax_lm_batch_run    (const AxLmBatch *batch, AxGemma *gemma, AxTape *tape, AxGemmaSampled *sampled, guint64 seed, float *nll, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxLmBatch, ax_lm_batch_free)
