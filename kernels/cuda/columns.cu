/* columns.cu: sums over rows: bias and norm gradients, batch normalisation, the sum of squares. Two steps: a block sums a fixed piece of the rows for 32
 * columns in double, then one thread a column adds the pieces in their order. So no atomics, and the same bits every time. */
#include "kernels/cuda/common.cuh"

#define COLUMNS 32 /* neighbours of a warp: one 128-byte line */
#define LANES 8    /* rows that a block reads at once */

/* What is summed for one element: two values. */
typedef struct {
  const float *x, *y, *mean, *rstd, *dy;
  int mode;
} Source;
enum { SUM = 0, PRODUCT, MOMENTS, NORM_GRADIENT };

__device__ __forceinline__ void
source_values (const Source &s, size_t row, size_t column, size_t d, double &first, double &second)
{
  const size_t at = row * d + column;
  switch (s.mode) {
  case SUM:
    first += s.dy[at];
    break;
  case PRODUCT: { /* dy xhat, with the mean and rstd of the row */
    const float mu = s.mean ? s.mean[row] : 0;
    first += s.dy[at] * ((s.x[at] - mu) * s.rstd[row]);
    second += s.dy[at];
    break;
  }
  case MOMENTS:
    first += s.x[at];
    second += (double) s.x[at] * s.x[at];
    break;
  case NORM_GRADIENT: { /* dy and dy xhat, with the mean and rstd of the column; dy masked by the ReLU */
    const float g = s.y && !(s.y[at] > 0) ? 0 : s.dy[at];
    first += g;
    second += (double) g * ((s.x[at] - s.mean[column]) * s.rstd[column]);
    break;
  }
  }
}

/* partial[piece][2][d] */
__global__ void
partial_kernel (size_t rows, size_t d, size_t piece, Source s, double *partial)
{
  __shared__ double first[LANES][COLUMNS + 1], second[LANES][COLUMNS + 1];
  const size_t column = (size_t) blockIdx.x * COLUMNS + threadIdx.x, from = (size_t) blockIdx.y * piece, to = from + piece < rows ? from + piece : rows;
  double a = 0, b = 0;
  if (column < d)
    for (size_t r = from + threadIdx.y; r < to; r += LANES)
      source_values (s, r, column, d, a, b);
  first[threadIdx.y][threadIdx.x] = a;
  second[threadIdx.y][threadIdx.x] = b;
  __syncthreads ();
  if (threadIdx.y == 0 && column < d) {
    for (unsigned l = 1; l < LANES; l++) {
      a += first[l][threadIdx.x];
      b += second[l][threadIdx.x];
    }
    partial[(size_t) blockIdx.y * 2 * d + column] = a;
    partial[(size_t) blockIdx.y * 2 * d + d + column] = b;
  }
}

__device__ __forceinline__ void
total_of (size_t d, size_t pieces, const double *partial, size_t column, double &a, double &b)
{
  a = b = 0;
  for (size_t p = 0; p < pieces; p++) {
    a += partial[p * 2 * d + column];
    b += partial[p * 2 * d + d + column];
  }
}

/* Adds the totals to first[d] and second[d]; either may be NULL. */
__global__ void
add_totals_kernel (size_t d, size_t pieces, const double *partial, float *first, float *second)
{
  const size_t column = (size_t) blockIdx.x * blockDim.x + threadIdx.x;
  if (column >= d)
    return;
  double a, b;
  total_of (d, pieces, partial, column, a, b);
  if (first)
    first[column] += (float) a;
  if (second)
    second[column] += (float) b;
}

/* The pieces' sums in scratch memory (with `extra` bytes behind them); NULL when out of memory. */
static double *
partial_sums (size_t rows, size_t d, const Source &s, size_t extra, size_t *pieces)
{
  const size_t piece = rows > 65536 ? rows / 256 : 256;
  *pieces = rows ? (rows + piece - 1) / piece : 1;
  double *partial = (double *) ax_cuda_scratch (*pieces * 2 * d * sizeof (double) + extra);
  if (partial)
    AX_LAUNCH (partial_kernel, dim3 (ax_blocks (d, COLUMNS), (unsigned) *pieces), dim3 (COLUMNS, LANES), 0, rows, d, piece, s, partial);
  return partial;
}

static void
add_column_totals (size_t rows, size_t d, const Source &s, float *first, float *second)
{
  size_t pieces;
  const double *partial = d ? partial_sums (rows, d, s, 0, &pieces) : nullptr;
  if (partial)
    AX_LAUNCH (add_totals_kernel, ax_blocks (d, 128), 128, 0, d, pieces, partial, first, second);
}

void
ax_column_sums (size_t rows, size_t d, const float *dy, float *db)
{
  add_column_totals (rows, d, Source { nullptr, nullptr, nullptr, nullptr, dy, SUM }, db, nullptr);
}

/* dproduct[d] += sum over rows of dy (x - mean) rstd, dsum[d] += sum of dy; mean (NULL: 0) and rstd belong to rows. */
void
ax_cuda_column_products (size_t rows, size_t d, const float *x, const float *mean, const float *rstd, const float *dy, float *dproduct, float *dsum)
{
  add_column_totals (rows, d, Source { x, nullptr, mean, rstd, dy, PRODUCT }, dproduct, dsum);
}

double
ax_sum_squares (size_t n, const float *x)
{
  /* As a matrix of 32 columns and a rest. */
  const size_t d = n < COLUMNS ? n : COLUMNS, rows = d ? n / d : 0, rest = n - rows * d;
  double total = 0, host[2 * COLUMNS];
  for (int part = 0; part < 2; part++) {
    const size_t r = part ? 1 : rows, c = part ? rest : d;
    if (!r || !c)
      continue;
    size_t pieces;
    const Source s = { x + (part ? rows * d : 0), nullptr, nullptr, nullptr, nullptr, MOMENTS };
    double *partial = partial_sums (r, c, s, 0, &pieces);
    for (size_t p = 0; partial && p < pieces; p++) {
      ax_cuda_download (host, partial + p * 2 * c, 2 * c * sizeof (double));
      for (size_t i = 0; i < c; i++)
        total += host[c + i];
    }
  }
  return total;
}

/* ---- batch normalisation (training mode) ------------------------------------------------------------------------------------ */

/* mean, rstd and the line y = scale x + shift of each channel */
__global__ void
batchnorm_line_kernel (size_t rows, size_t c, size_t pieces, const double *partial, const float *gamma, const float *beta, float eps, float *mean, float *rstd,
                       float *scale, float *shift)
{
  const size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= c)
    return;
  double a, b;
  total_of (c, pieces, partial, i, a, b);
  const double mu = a / (double) rows, var = b / (double) rows - mu * mu, rs = 1 / sqrt ((var > 0 ? var : 0) + (double) eps);
  mean[i] = (float) mu;
  rstd[i] = (float) rs;
  scale[i] = (float) (gamma[i] * rs);
  shift[i] = (float) (beta[i] - mu * gamma[i] * rs);
}

__global__ void
batchnorm_apply_kernel (size_t n, size_t c, const float *x, const float *scale, const float *shift, const float *residual, bool relu, float *y)
{
  for (size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (size_t) gridDim.x * blockDim.x) {
    float v = fmaf (x[i], scale[i % c], shift[i % c]);
    if (residual)
      v += residual[i];
    y[i] = relu && !(v > 0) ? 0 : v;
  }
}

void
ax_batchnorm_forward (size_t rows, size_t c, const float *x, const float *gamma, const float *beta, const float *residual, bool relu, float eps, float *y,
                      float *mean, float *rstd)
{
  size_t pieces;
  double *partial = partial_sums (rows, c, Source { x, nullptr, nullptr, nullptr, nullptr, MOMENTS }, 2 * c * sizeof (float), &pieces);
  if (!partial)
    return;
  float *scale = (float *) (partial + pieces * 2 * c), *shift = scale + c;
  AX_LAUNCH (batchnorm_line_kernel, ax_blocks (c, 128), 128, 0, rows, c, pieces, (const double *) partial, gamma, beta, eps, mean, rstd, scale, shift);
  AX_LAUNCH (batchnorm_apply_kernel, ax_blocks (rows * c, 1024), 256, 0, rows * c, c, x, (const float *) scale, (const float *) shift, residual, relu, y);
}

/* dx = gamma rs (dy - sum_dy/N - xhat sum_dy_xhat/N), written as line[0] dy + line[1] x + line[2] */
__global__ void
batchnorm_grad_line_kernel (size_t rows, size_t c, size_t pieces, const double *partial, const float *gamma, const float *mean, const float *rstd, float *dgamma,
                            float *dbeta, float *line)
{
  const size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= c)
    return;
  double sum_dy, sum_dy_xhat;
  total_of (c, pieces, partial, i, sum_dy, sum_dy_xhat);
  if (dbeta)
    dbeta[i] += (float) sum_dy;
  if (dgamma)
    dgamma[i] += (float) sum_dy_xhat;
  const double rs = rstd[i], k = gamma[i] * rs, n = (double) rows;
  line[i] = (float) k;
  line[c + i] = (float) (-k * rs * sum_dy_xhat / n);
  line[2 * c + i] = (float) (-k * sum_dy / n + k * rs * mean[i] * sum_dy_xhat / n);
}

__global__ void
batchnorm_grad_apply_kernel (size_t n, size_t c, const float *x, const float *y, const float *dy, const float *line, float *dx, float *dresidual)
{
  for (size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (size_t) gridDim.x * blockDim.x) {
    const size_t k = i % c;
    const float g = y && !(y[i] > 0) ? 0 : dy[i];
    if (dresidual)
      dresidual[i] += g;
    if (dx)
      dx[i] += fmaf (line[k], g, fmaf (line[c + k], x[i], line[2 * c + k]));
  }
}

void
ax_batchnorm_backward (size_t rows, size_t c, const float *x, const float *y, const float *gamma, const float *mean, const float *rstd, bool relu,
                       const float *dy, float *dx, float *dgamma, float *dbeta, float *dresidual)
{
  size_t pieces;
  const float *masked_by = relu ? y : nullptr;
  double *partial = partial_sums (rows, c, Source { x, masked_by, mean, rstd, dy, NORM_GRADIENT }, 3 * c * sizeof (float), &pieces);
  if (!partial)
    return;
  float *line = (float *) (partial + pieces * 2 * c);
  AX_LAUNCH (batchnorm_grad_line_kernel, ax_blocks (c, 128), 128, 0, rows, c, pieces, (const double *) partial, gamma, mean, rstd, dgamma, dbeta, line);
  AX_LAUNCH (batchnorm_grad_apply_kernel, ax_blocks (rows * c, 1024), 256, 0, rows * c, c, x, masked_by, dy, (const float *) line, dx, dresidual);
}
