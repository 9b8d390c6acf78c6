/* bench kernels: the operation table timed against the machine's measured peak. */
#include "app/cli.h"
#include "engine/session/json-writer.h"
#include "kernels/bench.h"

static double option_seconds = 0.3;

static const GOptionEntry bench_kernels_options[] = {
  { "seconds", 0, 0, G_OPTION_ARG_DOUBLE, &option_seconds, "Time for each shape (default: 0.3)", "S" },
  { NULL },
};

static bool
print_row (void *ctx, const AxBenchRow *row)
{
  if (g_cancellable_is_cancelled (cli_interrupt ()))
    return false;
  cli_print ("%-22s %-62s %9.3f ms", row->op, row->shape, 1e3 * row->seconds);
  if (row->gflops > 0)
    cli_print (" %8.1f GFLOP/s", row->gflops);
  else
    cli_print (" %8.1f GB/s   ", row->gbs);
  cli_print (" %6.1f %% of peak\n", 100 * row->share);
  fflush (stdout);
  /* Signals reach the cancellable through the main context. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  return true;
}

static bool
write_row (void *ctx, const AxBenchRow *row)
{
  AxJson *json = ctx;
  ax_json_begin_inline_object (json, NULL);
  ax_json_string (json, "op", row->op);
  ax_json_string (json, "shape", row->shape);
  ax_json_number (json, "ms", 1e3 * row->seconds, 4);
  if (row->gflops > 0)
    ax_json_number (json, "gflops", row->gflops, 1);
  else
    ax_json_number (json, "gbs", row->gbs, 1);
  ax_json_number (json, "share", row->share, 4);
  ax_json_end (json);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  return !g_cancellable_is_cancelled (cli_interrupt ());
}

static CliStatus
run_bench_kernels (const CliCommand *command, int n_args, char **args)
{
  if (!(option_seconds > 0 && option_seconds <= 60))
    return cli_usage (command, "--seconds is a number above 0 and up to 60");
  const char *filter = n_args > 0 ? args[0] : NULL;
  AxBenchPeak peak = ax_bench_peak ();
  int n;
  if (cli_globals.json) {
    AxJson *json = ax_json_new (TRUE);
    ax_json_begin_object (json, NULL);
    ax_json_string (json, "isa", ax_isa_name (ax_isa ()));
    ax_json_int (json, "threads", ax_threads ());
    ax_json_number (json, "peak_gflops", peak.gflops, 1);
    ax_json_number (json, "peak_gbs", peak.gbs, 1);
    ax_json_begin_array (json, "rows");
    n = ax_kernels_bench (filter, option_seconds, &peak, write_row, json);
    ax_json_end (json);
    ax_json_end (json);
    g_autofree char *text = ax_json_finish (json);
    cli_print ("%s\n", text);
  } else {
    cli_print ("%s, %d threads: multiply-adds %.1f GFLOP/s, copy %.1f GB/s\n", ax_isa_name (ax_isa ()), ax_threads (), peak.gflops, peak.gbs);
    n = ax_kernels_bench (filter, option_seconds, &peak, print_row, NULL);
  }
  if (g_cancellable_is_cancelled (cli_interrupt ()))
    return cli_fail ("cancelled");
  if (n == 0)
    return cli_fail ("no operation has \"%s\" in its name; leave the name out to see all", filter != NULL ? filter : "");
  return CLI_OK;
}

const CliCommand cli_command_bench_kernels = {
  .name = "bench kernels",
  .arguments = "[NAME]",
  .summary = "Speed of each operation and its share of the machine's peak",
  .details = "Only operations with NAME in their name. The peak is measured first: multiply-adds in registers, and a copy beyond the caches.\n"
             "ANATOMIX_ISA=scalar|avx2|avx512|amx picks the instruction set.",
  .min_args = 0, .max_args = 1,
  .options = bench_kernels_options,
  .run = run_bench_kernels,
};
