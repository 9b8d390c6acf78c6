/* train apm, train align, train instruct: training of the Anatomy Perception Module and of the language part. */
#include "app/cli.h"
#include "app/progress.h"
#include "engine/session/device.h"
#include "engine/training/train_apm.h"
#include "engine/training/train_lm.h"

#include <unistd.h>

#define LINE_SECONDS 30.0 /* between lines where stderr is no terminal */

/* ---- what every training shows and says ---- */

static void
show (double *last_line, gint64 step, gint64 steps, const char *text, double seconds, double seconds_left)
{
  if (isatty (STDERR_FILENO))
    cli_progress_update (steps > 0 ? (double) step / (double) steps : 0, text);
  else if (seconds - *last_line >= LINE_SECONDS || step >= steps) {
    *last_line = seconds;
    fprintf (stderr, "%s, %.0f min left\n", text, seconds_left / 60);
  }
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static CliStatus
end (gboolean done, const char *run_dir, const char *result, const GError *error)
{
  cli_progress_end ();
  if (!done && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return cli_fail ("stopped; the state is in %s, and the same command goes on from there", run_dir);
  if (!done)
    return cli_fail_error (error);
  if (!cli_globals.json)
    cli_print ("Trained. %s, metrics.csv and metrics.png are in %s\n", result, run_dir);
  return CLI_OK;
}

/* The card only where it was asked for by name: a run that goes on must not change from one to the other. NULL: said why. */
static const AxDevice *
device (void)
{
  g_autoptr (GError) error = NULL;
  const AxDevice *on = ax_device_choose (cli_globals.device == AX_DEVICE_CUDA ? AX_DEVICE_CUDA : AX_DEVICE_CPU, NULL, &error);
  if (on == NULL)
    cli_fail_error (error);
  return on;
}

/* ---- the module ---- */

static void
on_apm_progress (const AxTrainProgress *p, gpointer last_line)
{
  g_autofree char *validation = p->val_iou >= 0 ? g_strdup_printf (", validation IoU %.3f", p->val_iou) : g_strdup ("");
  g_autofree char *share = p->peak_share > 0 ? g_strdup_printf (", %.0f %% of peak", 100 * p->peak_share) : g_strdup ("");
  g_autofree char *text = g_strdup_printf ("%s, step %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT ", loss %.4f%s, %.1f images/s%s", p->stage, p->step, p->steps,
                                           p->loss, validation, p->images_per_second, share);
  show (last_line, p->step, p->steps, text, p->seconds, p->seconds_left);
}

static CliStatus
run_train_apm (const CliCommand *command, int n_args, char **args)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxTrainConfig) config = ax_train_config_load (args[0], &error);
  if (config == NULL)
    return cli_fail_error (error);
  config->device = device ();
  if (config->device == NULL)
    return CLI_FAILED;
  double last_line = 0;
  cli_progress_begin (command->name);
  gboolean done = ax_train_apm (config, on_apm_progress, &last_line, cli_interrupt (), &error);
  return end (done, config->run_dir, "The weights", error);
}

const CliCommand cli_command_train_apm = {
  .name = "train apm",
  .arguments = "CONFIG",
  .summary = "Train the Anatomy Perception Module, or go on training",
  .details = "CONFIG is a JSON file (data/training/apm.json made the bundled model). A run that was stopped or killed goes on from its last state and ends\n"
             "as one that never was. Ctrl+C stops after the step under way. --device cuda trains on the graphics card.",
  .min_args = 1, .max_args = 1,
  .run = run_train_apm,
};

/* ---- the language part ---- */

static void
on_lm_progress (const AxLmProgress *p, gpointer last_line)
{
  g_autofree char *text = NULL;
  if (p->tokens_per_second > 0) {
    g_autofree char *validation = p->validation >= 0 ? g_strdup_printf (", validation %.3f", p->validation) : g_strdup ("");
    g_autofree char *share = p->peak_share > 0 ? g_strdup_printf (" = %.0f %% of peak", 100 * p->peak_share) : g_strdup ("");
    text = g_strdup_printf ("step %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT ", loss %.3f%s, %.0f tokens/s, %.0f GFLOP/s%s", p->step, p->steps, p->loss, validation,
                            p->tokens_per_second, p->gflops, share);
  } else
    text = g_strdup_printf ("%s, %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT, p->doing, p->step, p->steps);
  show (last_line, p->step, p->steps, text, p->seconds, p->seconds_left);
}

static CliStatus
train_lm (const CliCommand *command, AxLmStage stage, char **args)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxLmTrainConfig) config = ax_lm_train_config_load (args[0], &error);
  if (config == NULL)
    return cli_fail_error (error);
  config->device = device ();
  if (config->device == NULL)
    return CLI_FAILED;
  double last_line = 0;
  cli_progress_begin (command->name);
  gboolean done = ax_train_lm (config, stage, on_lm_progress, &last_line, cli_interrupt (), &error);
  return end (done, config->run_dir, "The adapter (adapter.safetensors)", error);
}

static CliStatus
run_train_align (const CliCommand *command, int n_args, char **args)
{
  return train_lm (command, AX_LM_ALIGN, args);
}

static CliStatus
run_train_instruct (const CliCommand *command, int n_args, char **args)
{
  return train_lm (command, AX_LM_INSTRUCT, args);
}

const CliCommand cli_command_train_align = {
  .name = "train align",
  .arguments = "CONFIG",
  .summary = "Train the projection heads that show images to the language model",
  .details = "CONFIG is a JSON file (data/training/align.json). A run that was stopped or killed goes on from its last state and ends as one that never was.\n"
             "Ctrl+C stops after the step under way. --device cuda trains on the graphics card.",
  .min_args = 1, .max_args = 1,
  .run = run_train_align,
};

const CliCommand cli_command_train_instruct = {
  .name = "train instruct",
  .arguments = "CONFIG",
  .summary = "Train the language model's adapter on the nine tasks",
  .details = "CONFIG is a JSON file (data/training/instruct.json made the bundled adapter); its instruction lists come from `anatomixctl data instruct` or are\n"
             "your own. A run that was stopped or killed goes on from its last state and ends as one that never was. Ctrl+C stops after the step under way.\n"
             "--device cuda trains on the graphics card.",
  .min_args = 1, .max_args = 1,
  .run = run_train_instruct,
};
