/* qmatrix_products.c: products with packed weight matrices.
 *
 * One row (or a few): each weight row is read once and multiplied in float32. Many rows: a tile of the matrix is unpacked into scratch memory and
 * multiplied by all rows. Cuts depend on the shape alone. */
#include "kernels/cpu/bf16.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/qmatrix.h"

#include <string.h>

#define AHEAD 4096  /* bytes: see Q_AHEAD in ops_qmatrix.h */
#define FEW 4       /* rows up to which weights are multiplied as they are read */
#define TILE 192    /* weight rows unpacked at a time */

typedef struct {
  const AxKernelTable *t;
  const AxQMatrix *m;
  size_t rows, ldx;
  const float *x;
  float *y;
} Args;

static void
vector_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxQMatrix *m = g->m;
  int8_t *room = m->type == AX_Q_Q8_SPLIT ? ax_scratch (AX_SCRATCH_PIECE, m->stride) : NULL;
  const size_t row_bytes = m->stride * ax_qmatrix_half_bytes (m->type) / 2;
  if (m->type == AX_Q_Q8) {
    for (size_t r = 0; r < g->rows; r++)
      g->t->q8_dots (end - begin, m->blocks, (const int8_t *) m->data + begin * m->stride, m->scale + begin * m->blocks, g->x + r * g->ldx,
                     g->y + r * m->out + begin);
    return;
  }
  for (size_t o = begin; o < end; o++) {
    for (size_t line = 0; line < row_bytes; line += 64)
      __builtin_prefetch ((const char *) m->data + o * row_bytes + AHEAD + line);
    const int8_t *q = m->scale ? ax_qmatrix_q8_row (m, g->t, o, room) : NULL;
    for (size_t r = 0; r < g->rows; r++) {
      const float *x = g->x + r * g->ldx;
      float *y = g->y + r * m->out + o;
      switch (m->type) {
      case AX_Q_F32:
        *y = g->t->dot (m->in, (const float *) m->data + o * m->stride, x);
        break;
      case AX_Q_BF16:
        *y = g->t->bf16_dot (m->in, (const uint16_t *) m->data + o * m->stride, x);
        break;
      case AX_Q_Q8:
      case AX_Q_Q8_SPLIT:
        g->t->q8_dots (1, m->blocks, q, m->scale + o * m->blocks, x, y);
        break;
      }
    }
  }
}

static void
forward_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxQMatrix *m = g->m;
  float *w = ax_scratch (AX_SCRATCH_PIECE, (TILE + 1) * m->stride * sizeof *w);
  int8_t *room = (int8_t *) (w + TILE * m->stride);
  ax_qmatrix_unpack (m, g->t, begin, end - begin, room, w, m->stride);
  ax_gemm_serial (false, true, g->rows, end - begin, m->in, 1, g->x, m->in, w, m->stride, 0, g->y + begin, m->out);
}

static bool
bf16_wanted (const AxQMatrix *m)
{
  return m->type != AX_Q_F32 && !m->exact && ax_bf16_ready ();
}

void
ax_qmatrix_forward (const AxQMatrix *m, size_t rows, const float *x, float *y)
{
  Args g = { .t = ax_table (), .m = m, .rows = rows, .ldx = m->in, .x = x, .y = y };
  if (m->type == AX_Q_F32 && rows > FEW) {
    ax_gemm (false, true, rows, m->out, m->in, 1, x, m->in, m->data, m->in, 0, y, m->out);
    return;
  }
  if (rows > FEW && bf16_wanted (m)) {
    ax_qmatrix_bf16 (m, false, rows, x, false, y);
    return;
  }
  if (rows > FEW) {
    ax_parallel_for (m->out, TILE, forward_piece, &g);
    return;
  }
  if (m->scale && m->stride != m->in) { /* whole blocks of x */
    float *padded = ax_scratch (AX_SCRATCH_CALLER, rows * m->stride * sizeof *padded);
    for (size_t r = 0; r < rows; r++) {
      memcpy (padded + r * m->stride, x + r * m->in, m->in * sizeof *x);
      memset (padded + r * m->stride + m->in, 0, (m->stride - m->in) * sizeof *x);
    }
    g.x = padded;
    g.ldx = m->stride;
  }
  ax_parallel_for (m->out, ax_row_grain (m->in), vector_piece, &g);
}

/* A piece is a block of rows of dx; it walks over the whole matrix, tile by tile. */
static void
backward_piece (void *ctx, size_t begin, size_t end)
{
  const Args *g = ctx;
  const AxQMatrix *m = g->m;
  float *w = ax_scratch (AX_SCRATCH_PIECE, (TILE + 1) * m->stride * sizeof *w);
  int8_t *room = (int8_t *) (w + TILE * m->stride);
  for (size_t o = 0; o < m->out; o += TILE) {
    const size_t n = m->out - o < TILE ? m->out - o : TILE;
    ax_qmatrix_unpack (m, g->t, o, n, room, w, m->stride);
    ax_gemm_serial (false, false, end - begin, m->in, n, 1, g->x + begin * m->out + o, m->out, w, m->stride, 1, g->y + begin * m->in, m->in);
  }
}

void
ax_qmatrix_backward_data (const AxQMatrix *m, size_t rows, const float *dy, float *dx)
{
  if (m->type == AX_Q_F32) {
    ax_gemm (false, false, rows, m->in, m->out, 1, dy, m->out, m->data, m->in, 1, dx, m->in);
    return;
  }
  if (bf16_wanted (m)) {
    ax_qmatrix_bf16 (m, true, rows, dy, true, dx);
    return;
  }
  const size_t grain = (rows + 15) / 16;
  ax_parallel_for (rows, grain < 128 ? 128 : grain, backward_piece, &(Args) { .t = ax_table (), .m = m, .rows = rows, .x = dy, .y = dx });
}
