/* gemma_sampled.h: the loss over a part of the vocabulary, for training.
 *
 * What lives here: AxGemmaSampled, the rows of the head that training's answers are made of, and a cross entropy whose sum over the rest of the vocabulary is
 * estimated from rows drawn anew each time (importance sampling: Bengio and Senecal 2003; Jean et al. 2015). Of 262,144 rows answers use a few
 * thousand; leaving most of the others out makes the head's three products a few per cent of what they were. The kept rows and the added ones are exact. The
 * estimate of the sum is unbiased, its logarithm nearly so; validation uses ax_gemma_loss(). May use gemma.h.
 */
#pragma once
#include "engine/model/gemma.h"

G_BEGIN_DECLS

typedef struct _AxGemmaSampled AxGemmaSampled;

/* kept: ids whose rows always take part, any order, added ids and doubles are left out; `drawn` further rows a call. NULL for a model whose head is whole and
 * learned (vocabulary), which has no use for this. */
AxGemmaSampled *ax_gemma_sampled_new  (AxGemma *gemma, const gint32 *kept, gsize n, int drawn);
void            ax_gemma_sampled_free (AxGemmaSampled *sampled);

/* How many rows of the head take part. */
int             ax_gemma_sampled_columns (const AxGemmaSampled *sampled);
/* Whether every one of n targets is a kept or an added id. */
gboolean        ax_gemma_sampled_covers (const AxGemmaSampled *sampled, int n, const gint32 *targets);

/* As ax_gemma_loss(); every target is a kept or an added id (the caller's part). seed decides which rows are drawn. */
double          ax_gemma_sampled_loss (AxGemmaSampled *sampled, AxTape *tape, AxTensor *hidden, int n, const gint32 *targets, const float *weights,
                                       guint64 seed, float *nll);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxGemmaSampled, ax_gemma_sampled_free)

G_END_DECLS
