/* data phantom: synthetic radiographs with exact truth, for trying things out and for training. */
#include "app/cli.h"
#include "app/progress.h"
#include "engine/image/png-write.h"
#include "engine/session/json-writer.h"
#include "engine/training/phantom.h"

#include <errno.h>

static int option_count = 4, option_size = 1024;
static gint64 option_seed = 1;

static const GOptionEntry phantom_options[] = {
  { "count", 0, 0, G_OPTION_ARG_INT, &option_count, "How many (default: 4)", "N" },
  { "seed", 0, 0, G_OPTION_ARG_INT64, &option_seed, "Seed of the first; the others count up (default: 1)", "S" },
  { "size", 0, 0, G_OPTION_ARG_INT, &option_size, "Side in pixels (default: 1024)", "PIXELS" },
  { NULL },
};

static gboolean
write_phantom (const char *folder, guint64 seed, int size, GError **error)
{
  AxPhantomParams params;
  AxPhantomTruth truth;
  ax_phantom_params_draw (&params, seed, size);
  g_autofree guint8 *pixels = g_malloc ((gsize) size * (gsize) size);
  ax_phantom_render (&params, pixels, NULL, &truth);
  g_autofree char *name = g_strdup_printf ("phantom-%06" G_GUINT64_FORMAT, seed);
  g_autofree char *image = g_strdup_printf ("%s/%s.png", folder, name);
  g_autofree char *json = g_strdup_printf ("%s/%s.json", folder, name);
  g_autofree char *text = ax_phantom_truth_to_json (&params, &truth);
  gboolean ok = ax_png_write (image, size, size, 1, 8, pixels, error) && g_file_set_contents (json, text, -1, error);
  ax_phantom_truth_clear (&truth);
  if (ok && !cli_globals.json)
    cli_print ("%s\n", image);
  return ok;
}

static CliStatus
run_data_phantom (const CliCommand *command, int n_args, char **args)
{
  const char *folder = args[0];
  if (option_count < 1 || option_count > 1000000)
    return cli_usage (command, "--count is a number from 1 to 1000000");
  if (option_size < AX_PHANTOM_MIN_SIZE || option_size > AX_PHANTOM_MAX_SIZE)
    return cli_usage (command, "--size is a number from %d to %d", AX_PHANTOM_MIN_SIZE, AX_PHANTOM_MAX_SIZE);
  if (option_seed < 0)
    return cli_usage (command, "--seed is a number from 0 upwards");
  if (g_mkdir_with_parents (folder, 0777) != 0)
    return cli_fail ("%s: the folder cannot be made (%s)", folder, g_strerror (errno));
  g_autoptr (GError) error = NULL;
  cli_progress_begin ("data phantom");
  for (int i = 0; i < option_count; i++) {
    while (g_main_context_iteration (NULL, FALSE))
      ;
    if (g_cancellable_set_error_if_cancelled (cli_interrupt (), &error) || !write_phantom (folder, (guint64) (option_seed + i), option_size, &error)) {
      cli_progress_end ();
      return cli_fail_error (error);
    }
    cli_progress_update ((i + 1.0) / option_count, NULL);
  }
  cli_progress_end ();
  if (cli_globals.json) {
    AxJson *json = ax_json_new (FALSE);
    ax_json_begin_object (json, NULL);
    ax_json_string (json, "folder", folder);
    ax_json_int (json, "count", option_count);
    ax_json_int (json, "seed", option_seed);
    ax_json_int (json, "size", option_size);
    ax_json_end (json);
    g_autofree char *text = ax_json_finish (json);
    cli_print ("%s\n", text);
  }
  return CLI_OK;
}

const CliCommand cli_command_data_phantom = {
  .name = "data phantom",
  .arguments = "OUTDIR",
  .summary = "Synthetic radiographs (PNG) with their truth (JSON)",
  .details = "Writes phantom-SEED.png and phantom-SEED.json: the 36 boxes, the findings and their boxes. The same seed gives the same picture.",
  .min_args = 1, .max_args = 1,
  .options = phantom_options,
  .run = run_data_phantom,
};
