/* apm_loss.h: the losses of the Anatomy Perception Module (spec section 4) and the auxiliary ones of our own recipe.
 *
 * Each returns its value and adds its gradient, times `weight`, to the gradient of the tensors it is given. Values are unweighted.
 * May use engine/model. Sums run in double.
 */
#pragma once
#include "engine/model/ops.h"

/* Spec 4.1 on boxes [batch, n, 4] cx cy w h in 0..1. mask [batch * n] (NULL: all) says which objects count; the sums are divided by the
 * number of counted boxes (at least 1). l1 is the sum over four coordinates of absolute differences, giou is 1 - GIoU. */
void   ax_loss_boxes       (AxTape *tape, AxTensor *boxes, const float *target, const float *mask, double weight_l1, double weight_giou,
                            double *l1, double *giou);
/* Spec 4.2: mean binary cross entropy with logits. `weights` (NULL: all 1) scales each element; the sum is divided by the sum of weights. */
double ax_loss_labels      (AxTape *tape, AxTensor *logits, const float *target, const float *weights, double weight);
/* Spec 4.3: objects and text are [n, d] with rows of length 1; embeddings [n, e] rows of length 1 (pooled sentences). tau = 0.01. */
double ax_loss_contrastive (AxTape *tape, AxTensor *objects, AxTensor *text, const float *embeddings, int e, double weight);
/* Ours, training only: a map [batch, h, w, c] of logits against targets in 0..1, cross entropy plus soft Dice over each channel.
 * `channel_weight` [batch, c] switches channels of images without a target off. */
double ax_loss_dense       (AxTape *tape, AxTensor *logits, const float *target, const float *channel_weight, double weight);
/* Ours: a choice among candidates. Row i of objects [n, d] (length 1) has the candidates j of text [c, d] (length 1) with a role [n, c]; their logits are
 * scale * cosine, and the loss is -log of the probability that the choice is one of the right ones, averaged with row_weight [n]. */
enum { AX_CHOICE_NONE, AX_CHOICE_WRONG, AX_CHOICE_RIGHT };
double ax_loss_choice      (AxTape *tape, AxTensor *objects, AxTensor *text, const guint8 *role, const float *row_weight, double scale, double weight);
