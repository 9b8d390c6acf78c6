/* gemm.c: matrix products and linear layers.
 *
 * A product is cut into tiles of C at places that depend on m, n and k only; each tile is one single-threaded product over the whole of k, so the sum
 * behind an element never depends on the number of threads. The tile's product is oneDNN's sgemm, or plain loops for the scalar table. */
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/parallel.h"

#include <oneapi/dnnl/dnnl.h>

static void
gemm_plain (bool trans_a, bool trans_b, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b, size_t ldb,
            float beta, float *c, size_t ldc)
{
  const size_t a_row = trans_a ? 1 : lda, a_col = trans_a ? lda : 1;
  for (size_t i = 0; i < m; i++) {
    float *row = c + i * ldc;
    for (size_t j = 0; j < n; j++)
      row[j] = beta == 0 ? 0 : row[j] * beta;
    if (trans_b)
      for (size_t j = 0; j < n; j++) {
        float sum = 0;
        for (size_t p = 0; p < k; p++)
          sum += a[i * a_row + p * a_col] * b[j * ldb + p];
        row[j] += alpha * sum;
      }
    else
      for (size_t p = 0; p < k; p++) {
        const float f = alpha * a[i * a_row + p * a_col];
        for (size_t j = 0; j < n; j++)
          row[j] += f * b[p * ldb + j];
      }
  }
}

void
ax_gemm_serial (bool trans_a, bool trans_b, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b,
                size_t ldb, float beta, float *c, size_t ldc)
{
  if (ax_isa () == AX_ISA_SCALAR) {
    gemm_plain (trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    return;
  }
  ax_onednn_enter ();
  if (dnnl_sgemm (trans_a ? 'T' : 'N', trans_b ? 'T' : 'N', (dnnl_dim_t) m, (dnnl_dim_t) n, (dnnl_dim_t) k, alpha, a, (dnnl_dim_t) lda, b,
                  (dnnl_dim_t) ldb, beta, c, (dnnl_dim_t) ldc)
      != dnnl_success)
    gemm_plain (trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

typedef struct {
  bool trans_a, trans_b;
  size_t m, n, k, lda, ldb, ldc, tile_m, tile_n, across;
  float alpha, beta;
  const float *a, *b;
  float *c;
  /* of a linear layer, applied to a tile while it is in cache */
  const AxKernelTable *t;
  const float *bias;
  AxActivation act;
  float *pre;
} Gemm;

static void
gemm_tile (void *ctx, size_t begin, size_t end)
{
  const Gemm *g = ctx;
  for (size_t tile = begin; tile < end; tile++) {
    const size_t i = tile / g->across * g->tile_m, j = tile % g->across * g->tile_n;
    const size_t rows = g->m - i < g->tile_m ? g->m - i : g->tile_m, columns = g->n - j < g->tile_n ? g->n - j : g->tile_n;
    float *c = g->c + i * g->ldc + j;
    ax_gemm_serial (g->trans_a, g->trans_b, rows, columns, g->k, g->alpha, g->a + (g->trans_a ? i : i * g->lda), g->lda,
                    g->b + (g->trans_b ? j * g->ldb : j), g->ldb, g->beta, c, g->ldc);
    if (g->t)
      g->t->bias_act (rows, columns, g->ldc, g->bias ? g->bias + j : NULL, g->act, g->pre ? g->pre + i * g->ldc + j : NULL, c);
  }
}

/* An even cut of n into tiles of about `target`, a multiple of `unit` (the last is shorter). */
static size_t
tile_of (size_t n, size_t target, size_t unit)
{
  const size_t tiles = (n + target - 1) / target, each = (n + tiles - 1) / tiles;
  return (each + unit - 1) / unit * unit;
}

/* Tiles: large enough that packing both operands of a tile is a small part of it, small enough that a large product makes some eight of them. Their
 * sides are multiples of what oneDNN's inner kernels take at once (8 rows; 48 columns with AVX-512, 24 with AVX2).
 *
 * Measured on one Zen 4 core (peak 118 GFLOP/s), as GFLOP/s of these tiles, of one oneDNN call and of one OpenBLAS call: 65x256x1024 72, 73, 71;
 * 1025x768x256 106, 114, 105; 1025x256x1024 94, 107, 101; 16400x768x256 109, 111, 103; 16400x256x1024 101, 103, 95; the weight gradient
 * 768x256x1040 111, 111, 104 and 1024x256x16400 94, 98, 98. */
static void
gemm_run (Gemm *g)
{
  if (g->m == 0 || g->n == 0)
    return;
  g->tile_m = g->m <= 96 ? g->m : tile_of (g->m, g->trans_a ? 128 : g->m >= 4096 ? 512 : 256, 8);
  g->tile_n = g->n;
  if ((g->m + g->tile_m - 1) / g->tile_m < 8 && g->n > 192)
    g->tile_n = tile_of (g->n, g->m <= 96 ? 144 : 192, 48);
  g->across = (g->n + g->tile_n - 1) / g->tile_n;
  ax_parallel_for ((g->m + g->tile_m - 1) / g->tile_m * g->across, 1, gemm_tile, g);
}

void
ax_gemm (bool trans_a, bool trans_b, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b, size_t ldb,
         float beta, float *c, size_t ldc)
{
  Gemm g = { .trans_a = trans_a, .trans_b = trans_b, .m = m, .n = n, .k = k, .lda = lda, .ldb = ldb, .ldc = ldc, .alpha = alpha,
             .beta = beta, .a = a, .b = b, .c = c };
  gemm_run (&g);
}

void
ax_linear_forward (size_t rows, size_t in, size_t out, const float *x, const float *w, const float *b, AxActivation act, float *pre,
                   float *y)
{
  Gemm g = { .trans_b = true, .m = rows, .n = out, .k = in, .lda = in, .ldb = in, .ldc = out, .alpha = 1, .a = x, .b = w, .c = y,
             .t = b || act != AX_ACT_NONE ? ax_table () : NULL, .bias = b, .act = act, .pre = act != AX_ACT_NONE ? pre : NULL };
  gemm_run (&g);
}

void
ax_linear_backward (size_t rows, size_t in, size_t out, const float *x, const float *w, const float *dy, float *dx, float *dw, float *db)
{
  if (dx)
    ax_gemm (false, false, rows, in, out, 1, dy, out, w, in, 1, dx, in);
  if (dw)
    ax_gemm (true, false, out, in, rows, 1, dy, out, x, in, 1, dw, in);
  if (db)
    ax_column_sums (rows, out, dy, db);
}
