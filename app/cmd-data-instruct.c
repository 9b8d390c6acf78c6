/* data instruct: questions and answers for training the language part. */
#include "app/cli.h"
#include "app/progress.h"
#include "engine/session/json-writer.h"
#include "engine/training/instruct_build.h"

static void
on_progress (double share, gpointer user_data)
{
  cli_progress_update (share, "phantoms");
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
print_table (const AxInstructCounts counts[AX_SPLIT_N])
{
  cli_print ("%-24s%12s%12s%12s\n", "", ax_split_part_name (0), ax_split_part_name (1), ax_split_part_name (2));
  cli_print ("%-24s%12u%12u%12u\n", "images", counts[0].images, counts[1].images, counts[2].images);
  cli_print ("%-24s%12u%12u%12u\n", "  of them mirrored", counts[0].mirrored, counts[1].mirrored, counts[2].mirrored);
  cli_print ("%-24s%12u%12u%12u\n", "patients", counts[0].patients, counts[1].patients, counts[2].patients);
  for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++)
    cli_print ("%-24s%12u%12u%12u\n", ax_instruct_task_name (t), counts[0].samples[t], counts[1].samples[t], counts[2].samples[t]);
  cli_print ("%-24s%12u%12u%12u\n", "all", counts[0].total, counts[1].total, counts[2].total);
}

static void
print_json (const AxInstructConfig *config, const AxInstructCounts counts[AX_SPLIT_N])
{
  AxJson *json = ax_json_new (FALSE);
  ax_json_begin_object (json, NULL);
  ax_json_string (json, "folder", config->out);
  for (guint p = 0; p < AX_SPLIT_N; p++) {
    ax_json_begin_object (json, ax_split_part_name (p));
    ax_json_int (json, "images", counts[p].images);
    ax_json_int (json, "mirrored", counts[p].mirrored);
    ax_json_int (json, "patients", counts[p].patients);
    for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++)
      ax_json_int (json, ax_instruct_task_name (t), counts[p].samples[t]);
    ax_json_int (json, "samples", counts[p].total);
    ax_json_end (json);
  }
  ax_json_end (json);
  g_autofree char *text = ax_json_finish (json);
  cli_print ("%s\n", text);
}

static CliStatus
run_data_instruct (const CliCommand *command, int n_args, char **args)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxInstructConfig) config = ax_instruct_config_load (args[0], &error);
  if (config == NULL)
    return cli_fail_error (error);
  AxInstructCounts counts[AX_SPLIT_N];
  cli_progress_begin (command->name);
  const gboolean done = ax_instruct_build (config, on_progress, NULL, cli_interrupt (), counts, &error);
  cli_progress_end ();
  if (!done)
    return cli_fail_error (error);
  if (cli_globals.json)
    print_json (config, counts);
  else {
    print_table (counts);
    cli_print ("Written: %s/{train,val,test}.json\n", config->out);
  }
  return CLI_OK;
}

const CliCommand cli_command_data_instruct = {
  .name = "data instruct",
  .arguments = "CONFIG",
  .summary = "Instruction data of the nine tasks from labels and boxes",
  .details = "CONFIG is a JSON file with \"data\", \"split\", \"out\" and, if they are not the usual ones, \"seed\", \"flip\", \"weak\", \"per_image\", \"phantoms\",\n"
             "\"phantom_size\", \"phantom_seed\". Writes OUT/train.json, val.json and test.json by the patient split, and OUT/phantoms.",
  .min_args = 1, .max_args = 1,
  .run = run_data_instruct,
};
