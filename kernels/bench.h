/* bench.h: the benchmark over the table of operations (optable.h). Uses libc only; the caller prints. */
#pragma once
#include "kernels/kernels.h"

/* What the machine does at best with the instruction set and threads in use, measured: independent multiply-adds in registers, and a copy of a buffer
 * larger than the caches (bytes read and bytes written). */
typedef struct {
  double gflops, gbs;
} AxBenchPeak;

typedef struct {
  const char *op;
  char shape[128];      /* "m=1025 n=256 ..." */
  double seconds;       /* the best of the runs */
  double gflops;        /* 0 where the operation is judged by bytes */
  double gbs;           /* each array of the operation once, updated arrays twice; weights as they are kept */
  double share;         /* of the peak: of multiply-adds where gflops > 0, else of the copy (above 1 where the arrays stay in cache) */
} AxBenchRow;

AxBenchPeak ax_bench_peak (void);

/* Runs the operations whose name contains `filter` (NULL: all) on the shapes of the models, each for about `budget` seconds, and hands every row to
 * `report` as soon as it is measured; report returns false to stop. Returns the number of rows. Uses ax_isa() and ax_threads(). */
typedef bool (*AxBenchReport) (void *ctx, const AxBenchRow *row);
int ax_kernels_bench (const char *filter, double budget, const AxBenchPeak *peak, AxBenchReport report, void *ctx);
