/* import: a model folder from the published files. */
#include "app/cli.h"
#include "app/progress.h"
#include "engine/checkpoint/apm_checkpoint.h"
#include "engine/checkpoint/import.h"
#include "engine/model/apm.h"

static char *option_db, *option_lm, *option_base, *option_name;
static int option_size;
static double option_alpha;
static gboolean option_overwrite;

static const GOptionEntry import_options[] = {
  { "db", 0, 0, G_OPTION_ARG_FILENAME, &option_db, "Sentence database: emb_db.pt, or one of ours (required)", "FILE" },
  { "lm", 0, 0, G_OPTION_ARG_FILENAME, &option_lm, "Language adapter: lm.pt, a PEFT folder or an adapter of ours (needs --lm-base)", "FILE" },
  { "lm-base", 0, 0, G_OPTION_ARG_FILENAME, &option_base, "Its base: a Hugging Face folder (config.json, *.safetensors, tokenizer.json) or a GGUF file", "PATH" },
  { "lm-alpha", 0, 0, G_OPTION_ARG_DOUBLE, &option_alpha, "LoRA's alpha, which lm.pt does not hold (default: 16)", "NUMBER" },
  { "name", 0, 0, G_OPTION_ARG_STRING, &option_name, "Name of the model (default: the folder's)", "NAME" },
  { "input-size", 0, 0, G_OPTION_ARG_INT, &option_size, "Side of the model's input in pixels, a multiple of 32 (default: 1024)", "PIXELS" },
  { "overwrite", 0, 0, G_OPTION_ARG_NONE, &option_overwrite, "Replace a model that is there", NULL },
  { NULL },
};

/* The names and shapes that our model code asks of a checkpoint with these figures: array of AxTensorSpec. The names are owned by *apm. */
static GArray *
expected_tensors (const char *path, AxApm **apm, GError **error)
{
  AxApmCheckpointShape shape;
  g_autoptr (AxWeights) weights = ax_apm_checkpoint_open (path, error);
  if (weights == NULL || !ax_apm_checkpoint_shape (weights, &shape, error))
    return NULL;
  AxApmConfig config = ax_apm_config_default ();
  if (option_size > 0)
    config.input_size = option_size;
  config.depth = shape.depth;
  config.hidden = shape.hidden;
  config.heads = shape.heads > 0 ? shape.heads : config.heads;
  config.enc_layers = shape.enc_layers;
  config.dec_layers = shape.dec_layers;
  config.ffn = shape.ffn;
  config.n_objects = shape.n_objects;
  config.proj_dim = shape.proj_dim;
  config.n_labels = shape.n_labels;
  config.text_dim = shape.text_dim;
  config.text_hidden = shape.text_hidden;
  *apm = ax_apm_new (&config, error);
  if (*apm == NULL)
    return NULL;
  GPtrArray *parameters = ax_apm_parameters (*apm)->list;
  GArray *expected = g_array_sized_new (FALSE, TRUE, sizeof (AxTensorSpec), parameters->len);
  for (guint i = 0; i < parameters->len; i++) {
    const AxParameter *p = parameters->pdata[i];
    AxTensorSpec spec = { .name = p->name, .ndim = p->t.ndim };
    for (int d = 0; d < p->t.ndim; d++)
      spec.shape[d] = p->t.shape[d];
    g_array_append_val (expected, spec);
  }
  return expected;
}

static void
on_progress (const char *what, double share, void *user)
{
  cli_progress_update (share, what);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static CliStatus
run_import (const CliCommand *command, int n_args, char **args)
{
  if (option_db == NULL)
    return cli_usage (command, "--db is missing: the sentence database that belongs to the checkpoint");
  if ((option_lm == NULL) != (option_base == NULL))
    return cli_usage (command, "--lm and --lm-base belong together: an adapter needs its base");
  if (!(option_alpha >= 0 && option_alpha <= 1e6))
    return cli_usage (command, "--lm-alpha is a positive number");
  if (option_size < 0 || option_size % 32 != 0 || option_size > 4096)
    return cli_usage (command, "--input-size is a multiple of 32 up to 4096");
  g_autoptr (GError) error = NULL;
  g_autoptr (AxApm) apm = NULL;
  g_autoptr (GArray) expected = expected_tensors (args[0], &apm, &error);
  if (expected == NULL)
    return cli_fail_error (error);
  const AxImportOptions options = {
    .apm_checkpoint = args[0],
    .sentence_db = option_db,
    .lm_checkpoint = option_lm,
    .lm_base = option_base,
    .lm_alpha = option_alpha,
    .output = args[1],
    .name = option_name,
    .input_size = option_size,
    .overwrite = option_overwrite,
    .expected = (const AxTensorSpec *) expected->data,
    .n_expected = expected->len,
  };
  cli_progress_begin (command->name);
  gboolean done = ax_import (&options, on_progress, NULL, cli_interrupt (), &error);
  cli_progress_end ();
  if (!done)
    return cli_fail_error (error);
  if (!cli_globals.json)
    cli_print ("%s: imported. Use it with --model \"%s\"; the terms of the published weights are yours to keep.\n", args[1], args[1]);
  return CLI_OK;
}

const CliCommand cli_command_import = {
  .name = "import",
  .arguments = "CHECKPOINT OUTDIR",
  .summary = "A model folder from the published files",
  .details = "CHECKPOINT is last_checkpoint.pth (or its tensors as safetensors). No code in the files is run; names and shapes are compared with what\n"
             "the model needs, and OUTDIR has a model only when everything was right.\n"
             "  anatomixctl import last_checkpoint.pth anatomix-4b --db emb_db.pt --lm lm.pt --lm-base medgemma-4b-it",
  .min_args = 2, .max_args = 2,
  .options = import_options,
  .run = run_import,
};
