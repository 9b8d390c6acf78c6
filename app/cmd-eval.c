/* eval: the measured quality of a model on one part of a split. */
#include "app/cli.h"
#include "app/progress.h"
#include "engine/evaluation/eval_apm.h"

static void
on_progress (guint done, guint total, double seconds, gpointer user_data)
{
  g_autofree char *stage = g_strdup_printf ("%u of %u", done, total);
  cli_progress_update (total > 0 ? (double) done / total : 0, stage);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static CliStatus
run_eval (const CliCommand *command, int n_args, char **args)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *markdown = NULL;
  g_autoptr (AxEvalConfig) config = ax_eval_config_load (args[0], &error);
  if (config == NULL)
    return cli_fail_error (error);
  if (cli_globals.model_named) {
    g_free (config->model);
    config->model = g_strdup (cli_globals.model);
  }
  const char *folder = config->out != NULL ? config->out : config->model != NULL ? config->model : cli_globals.model;
  cli_progress_begin (command->name);
  gboolean done = ax_eval_apm (config, on_progress, NULL, cli_interrupt (), &markdown, NULL, &error);
  cli_progress_end ();
  if (!done)
    return cli_fail_error (error);
  g_autofree char *path = g_build_filename (folder, "quality.json", NULL);
  if (cli_globals.json) {
    g_autofree char *json = NULL;
    if (!g_file_get_contents (path, &json, NULL, &error))
      return cli_fail_error (error);
    cli_print ("%s", json);
  } else
    cli_print ("%s\nWritten: %s and the charts beside it\n", markdown, path);
  return CLI_OK;
}

const CliCommand cli_command_eval = {
  .name = "eval",
  .arguments = "CONFIG",
  .summary = "Measure a model on the test patients of a split",
  .details = "CONFIG is a JSON file with \"data\", \"split\" and, if they are not the usual ones, \"model\", \"part\", \"out\". Every image is perceived as it is and\n"
             "mirrored; with \"language\": \"full\" (or \"quick\") the language part answers requests of all nine tasks, with \"rule\" a rule does that copies the\n"
             "module. Writes quality.json and charts; prints the tables. --model overrides the model of the file.",
  .min_args = 1, .max_args = 1,
  .run = run_eval,
};
