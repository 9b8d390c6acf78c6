/* train apm: training of the Anatomy Perception Module. */
#include "app/cli.h"
#include "app/progress.h"
#include "engine/training/train_apm.h"

#include <unistd.h>

#define LINE_SECONDS 30.0 /* between lines where stderr is no terminal */

static void
on_progress (const AxTrainProgress *p, gpointer user_data)
{
  double *last_line = user_data;
  g_autofree char *validation = p->val_iou >= 0 ? g_strdup_printf (", validation IoU %.3f", p->val_iou) : g_strdup ("");
  g_autofree char *text = g_strdup_printf ("%s, step %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT ", loss %.4f%s, %.1f images/s, %.0f %% of peak", p->stage,
                                           p->step, p->steps, p->loss, validation, p->images_per_second, 100 * p->peak_share);
  if (isatty (STDERR_FILENO))
    cli_progress_update (p->steps > 0 ? (double) p->step / (double) p->steps : 0, text);
  else if (p->seconds - *last_line >= LINE_SECONDS || p->step >= p->steps) {
    *last_line = p->seconds;
    fprintf (stderr, "%s, %.0f min left\n", text, p->seconds_left / 60);
  }
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static CliStatus
run_train_apm (const CliCommand *command, int n_args, char **args)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxTrainConfig) config = ax_train_config_load (args[0], &error);
  if (config == NULL)
    return cli_fail_error (error);
  double last_line = 0;
  cli_progress_begin (command->name);
  gboolean done = ax_train_apm (config, on_progress, &last_line, cli_interrupt (), &error);
  cli_progress_end ();
  if (!done && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return cli_fail ("stopped; the state is in %s, and the same command goes on from there", config->run_dir);
  if (!done)
    return cli_fail_error (error);
  if (!cli_globals.json)
    cli_print ("Trained. Weights, metrics.csv and metrics.png are in %s\n", config->run_dir);
  return CLI_OK;
}

const CliCommand cli_command_train_apm = {
  .name = "train apm",
  .arguments = "CONFIG",
  .summary = "Train the Anatomy Perception Module, or go on training",
  .details = "CONFIG is a JSON file (data/training/apm.json made the bundled model). A run that was stopped or killed goes on from its last state and ends\n"
             "as one that never was. Ctrl+C stops after the step under way.",
  .min_args = 1, .max_args = 1,
  .run = run_train_apm,
};
