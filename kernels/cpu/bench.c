/* bench.c: the benchmark (contract: bench.h): measures the machine, then every entry of the operation table on the shapes of the models. */
#include "kernels/bench.h"
#include "kernels/cpu/table.h"
#include "kernels/optable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double
now (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

#define COPY_RUNS 40
#define COPY_BYTES ((size_t) 64 << 20) /* of each of the two buffers */
#define COPY_GRAIN ((size_t) 1 << 20)
#define FMA_ROUNDS ((size_t) 1 << 16) /* a tenth of a millisecond: some runs fall between another process's turns */
#define PEAK_RUNS 400

typedef struct {
  const AxKernelTable *t;
  double *done;
  char *from, *to;
} Peak;

static void
fma_piece (void *ctx, size_t begin, size_t end)
{
  Peak *p = ctx;
  for (size_t i = begin; i < end; i++)
    p->done[i] = p->t->fma_rounds (FMA_ROUNDS);
}

static void
copy_piece (void *ctx, size_t begin, size_t end)
{
  Peak *p = ctx;
  memcpy (p->to + begin, p->from + begin, end - begin);
}

static void *
allocate (size_t bytes)
{
  void *p = aligned_alloc (64, (bytes + 63) & ~(size_t) 63);
  if (!p)
    abort ();
  return p;
}

AxBenchPeak
ax_bench_peak (void)
{
  AxBenchPeak peak = { 0, 0 };
  const size_t pieces = (size_t) ax_threads () * 4;
  Peak p = { ax_table (), calloc (pieces, sizeof (double)), allocate (COPY_BYTES), allocate (COPY_BYTES) };
  if (!p.done)
    abort ();
  memset (p.from, 1, COPY_BYTES);
  memset (p.to, 2, COPY_BYTES);
  for (int i = 0; i < PEAK_RUNS; i++) {
    double start = now (), work = 0;
    ax_parallel_for (pieces, 1, fma_piece, &p);
    double seconds = now () - start;
    for (size_t k = 0; k < pieces; k++)
      work += p.done[k];
    peak.gflops = 1e-9 * work / seconds > peak.gflops ? 1e-9 * work / seconds : peak.gflops;
  }
  for (int i = 0; i < COPY_RUNS; i++) {
    const double start = now ();
    ax_parallel_for (COPY_BYTES, COPY_GRAIN, copy_piece, &p);
    const double seconds = now () - start;
    peak.gbs = 2e-9 * (double) COPY_BYTES / seconds > peak.gbs ? 2e-9 * (double) COPY_BYTES / seconds : peak.gbs;
  }
  free (p.done);
  free (p.from);
  free (p.to);
  return peak;
}

static void
shape_text (const AxOp *op, const int *d, char *text, size_t size)
{
  const char *name = op->dims;
  size_t used = 0;
  text[0] = 0;
  for (int i = 0; *name && used < size; i++) {
    const int length = (int) strcspn (name, " ");
    used += (size_t) snprintf (text + used, size - used, "%s%.*s=%d", i ? " " : "", length, name, d[i]);
    name += length + (name[length] == ' ');
  }
}

static AxBenchRow
bench_one (const AxOp *op, const int *d, double budget, const AxBenchPeak *peak)
{
  AxOpArray spec[AX_OP_ARRAYS];
  void *data[AX_OP_ARRAYS];
  AxBenchRow row = { .op = op->name, .seconds = 1e9 };
  uint64_t state = 88172645463325252ull;
  double bytes = 0;
  const int n = op->arrays (d, spec);
  for (int i = 0; i < n; i++) {
    const size_t size = spec[i].n * ax_op_type_size (spec[i].type);
    data[i] = allocate (size);
    memset (data[i], 0, size);
    if (spec[i].role == AX_OP_IN || spec[i].role == AX_OP_ADD)
      ax_op_fill (&spec[i], &state, data[i]);
    bytes += (double) size * (spec[i].role == AX_OP_ADD ? 2 : 1);
  }
  void *made = op->setup ? op->setup (d, data) : NULL;
  const double start = now ();
  for (int i = 0; i < 3 || now () - start < budget; i++) {
    const double before = now ();
    op->run (made, d, data);
    const double seconds = now () - before;
    row.seconds = seconds < row.seconds ? seconds : row.seconds;
  }
  if (op->teardown)
    op->teardown (made);
  for (int i = 0; i < n; i++)
    free (data[i]);
  shape_text (op, d, row.shape, sizeof row.shape);
  row.gflops = op->flops ? 1e-9 * op->flops (d) / row.seconds : 0;
  row.gbs = 1e-9 * (op->bytes ? op->bytes (d) : bytes) / row.seconds;
  row.share = row.gflops > 0 ? row.gflops / peak->gflops : row.gbs / peak->gbs;
  return row;
}

int
ax_kernels_bench (const char *filter, double budget, const AxBenchPeak *peak, AxBenchReport report, void *ctx)
{
  int rows = 0;
  for (int i = 0; ax_op_at (i); i++) {
    const AxOp *op = ax_op_at (i);
    if (filter && !strstr (op->name, filter))
      continue;
    for (int k = 0; k < AX_OP_BENCH && op->bench[k][0] > 0; k++, rows++) {
      const AxBenchRow row = bench_one (op, op->bench[k], budget, peak);
      if (!report (ctx, &row))
        return rows + 1;
    }
  }
  return rows;
}
