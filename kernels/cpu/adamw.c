/* adamw.c: the AdamW step, in PyTorch's order of operations. The bias corrections are scalars of the step and computed in double. */
#include "kernels/cpu/parallel.h"

#include <math.h>

typedef struct {
  const AxKernelTable *t;
  const AxAdamW *p;
  float decay_factor, step, rsqrt_c2;
  float *w, *m, *v;
  const float *g;
} Args;

static void
adamw_piece (void *ctx, size_t begin, size_t end)
{
  Args *a = ctx;
  a->t->adamw (end - begin, a->decay_factor, a->p->grad_scale, a->p->beta1, a->p->beta2, a->step, a->rsqrt_c2, a->p->eps, a->w + begin,
               a->g + begin, a->m + begin, a->v + begin);
}

void
ax_adamw (const AxAdamW *p, size_t n, float *w, const float *g, float *m, float *v)
{
  double c1 = 1 - pow (p->beta1, (double) p->t), c2 = 1 - pow (p->beta2, (double) p->t);
  Args a = { ax_table (), p, (float) (1 - (double) p->lr * p->decay), (float) (p->lr / c1), (float) (1 / sqrt (c2)), w, m, v, g };
  ax_parallel_for (n, AX_GRAIN, adamw_piece, &a);
}
