/* bench model: the whole Anatomy Perception Module, timed. */
#include "app/cli.h"
#include "engine/evaluation/bench_apm.h"
#include "engine/session/device.h"
#include "engine/session/json-writer.h"
#include "engine/session/model.h"
#include "kernels/kernels.h"

static int option_runs = 20;
static gboolean option_published = FALSE;

static const GOptionEntry bench_model_options[] = {
  { "runs", 0, 0, G_OPTION_ARG_INT, &option_runs, "Timed passes (default: 20)", "N" },
  { "published", 0, 0, G_OPTION_ARG_NONE, &option_published, "The published model's shapes (ResNet-50, 1024 x 1024) with random weights", NULL },
  { NULL },
};

static CliStatus
run_bench_model (const CliCommand *command, int n_args, char **args)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxModel) model = NULL;
  g_autoptr (AxApm) published = NULL;
  g_autofree char *note = NULL;
  if (option_runs < 1 || option_runs > 100000)
    return cli_usage (command, "--runs is a number from 1 to 100000");
  if (option_published)
    published = ax_bench_apm_published ();
  else {
    g_autofree char *standard = ax_model_default_folder ();
    model = ax_model_load (cli_globals.model ? cli_globals.model : standard, &error);
    if (model == NULL)
      return cli_fail_error (error);
  }
  AxApm *apm = published ? published : ax_model_get_apm (model);
  AxApmBench b;
  g_autofree char *device = ax_engine_describe_device ();
  const AxDevice *on = ax_device_choose (cli_globals.device, &note, &error);
  if (on == NULL || !ax_apm_move (apm, on, &error))
    return cli_fail_error (error);
  ax_bench_apm (apm, FALSE, option_runs, &b);
  if (cli_globals.json) {
    AxJson *json = ax_json_new (TRUE);
    ax_json_begin_object (json, NULL);
    ax_json_string (json, "device", device);
    ax_json_string (json, "isa", ax_isa_name (ax_isa ()));
    ax_json_int (json, "threads", ax_threads ());
    ax_json_int (json, "input_size", ax_apm_config (apm)->input_size);
    ax_json_number (json, "ms_median", b.ms_median, 3);
    ax_json_number (json, "ms_min", b.ms_min, 3);
    ax_json_number (json, "gflops", b.gflops, 1);
    ax_json_number (json, "peak_gflops", b.peak_gflops, 1);
    ax_json_end (json);
    g_autofree char *text = ax_json_finish (json);
    cli_print ("%s\n", text);
  } else
    cli_print ("ResNet-%d at %d x %d, %s: median %.1f ms, best %.1f ms of %d; %.1f GFLOP/s, %.0f %% of the processor's measured peak of %.1f; activations "
               "%.0f MB\n",
               ax_apm_config (apm)->depth, ax_apm_config (apm)->input_size, ax_apm_config (apm)->input_size, device,
               b.ms_median, b.ms_min, b.runs, b.gflops, 100 * b.share, b.peak_gflops, b.peak_megabytes);
  return CLI_OK;
}

const CliCommand cli_command_bench_model = {
  .name = "bench model",
  .arguments = "",
  .summary = "Speed of the Anatomy Perception Module on one image",
  .details = "Prepared pixels to boxes, without reading the file. tests/bench has a script that runs PyTorch beside it.",
  .min_args = 0, .max_args = 0,
  .options = bench_model_options,
  .run = run_bench_model,
};
