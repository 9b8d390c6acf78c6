/* db build: from a finished training run to a model folder with its sentence database. */
#include "app/cli.h"
#include "engine/evaluation/export_apm.h"

static char *option_name = NULL;

static const GOptionEntry export_options[] = {
  { "name", 0, 0, G_OPTION_ARG_STRING, &option_name, "Name of the model (default: the folder's)", "NAME" },
  { NULL },
};

static CliStatus
run_build (const CliCommand *command, int n_args, char **args)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxTrainConfig) config = ax_train_config_load (args[0], &error);
  if (config == NULL)
    return cli_fail_error (error);
  g_autofree char *base = g_path_get_basename (args[1]);
  AxExportOptions options = { option_name ? option_name : base, args[1] };
  if (!ax_export_apm (config, &options, cli_interrupt (), &error))
    return cli_fail_error (error);
  cli_print ("Model folder: %s\n", args[1]);
  return CLI_OK;
}

const CliCommand cli_command_db_build = {
  .name = "db build",
  .arguments = "CONFIG FOLDER",
  .summary = "Make a model folder with its sentence database from a training run",
  .details = "CONFIG is the configuration of a finished \"train apm\". Writes the best weights in 8 bits, the sentence database of the TRAINING patients and\n"
             "model.json with probabilities calibrated on the validation patients.",
  .min_args = 2, .max_args = 2,
  .options = export_options,
  .run = run_build,
};
