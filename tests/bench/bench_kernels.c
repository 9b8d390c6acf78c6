/* Prints the benchmark of kernels/bench.h: bench_kernels [threads] [name]. */
#include "kernels/bench.h"

#include <stdio.h>
#include <stdlib.h>

static bool
print_row (void *ctx, const AxBenchRow *row)
{
  printf ("%-22s %-62s %9.3f ms", row->op, row->shape, 1e3 * row->seconds);
  if (row->gflops > 0)
    printf (" %7.1f GFLOP/s", row->gflops);
  else
    printf (" %7.1f GB/s   ", row->gbs);
  printf (" %5.1f %% of the peak\n", 100 * row->share);
  fflush (stdout);
  return true;
}

int
main (int argc, char **argv)
{
  ax_threads_set (argc > 1 ? atoi (argv[1]) : 0);
  AxBenchPeak peak = ax_bench_peak ();
  printf ("%s, %d threads: multiply-adds %.1f GFLOP/s, copy %.1f GB/s\n", ax_isa_name (ax_isa ()), ax_threads (), peak.gflops, peak.gbs);
  ax_kernels_bench (argc > 2 ? argv[2] : NULL, 0.3, &peak, print_row, NULL);
  return 0;
}
