/* attach: gives a model folder its language part, a trained adapter and the base it belongs to. */
#include "app/cli.h"
#include "engine/checkpoint/attach.h"

#include <string.h>

static char *option_base, *option_store, *option_title, *option_fetch, *option_prompt;
static char **option_licences;
static double option_alpha;

static const GOptionEntry attach_options[] = {
  { "lm-base", 0, 0, G_OPTION_ARG_FILENAME, &option_base, "The base language model: a GGUF file or a Hugging Face folder (required)", "PATH" },
  { "store", 0, 0, G_OPTION_ARG_STRING, &option_store, "Type of the matrices: f32, f16, bf16 or 8bit (default: as they are)", "TYPE" },
  { "lm-alpha", 0, 0, G_OPTION_ARG_DOUBLE, &option_alpha, "LoRA's alpha, which lm.pt does not hold (default: 16)", "NUMBER" },
  { "title", 0, 0, G_OPTION_ARG_STRING, &option_title, "Name of the base for people (default: its own)", "NAME" },
  { "fetch", 0, 0, G_OPTION_ARG_STRING, &option_fetch, "Command that gets the base, for those who do not have it", "COMMAND" },
  { "prompt", 0, 0, G_OPTION_ARG_FILENAME, &option_prompt, "JSON object with the prompt's options", "FILE" },
  { "licence", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &option_licences, "Terms to record, NAME=FILE; may be repeated", "NAME=FILE" },
  { NULL },
};

static gboolean
parse_store (const char *text, AxLmStore *store)
{
  static const char *const names[] = { "f32", "f16", "bf16", "8bit" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (text, names[i])) {
      *store = (AxLmStore) i;
      return TRUE;
    }
  return FALSE;
}

/* [{"name", "text"}] of the --licence options; NULL with an error. */
static JsonArray *
read_licences (GError **error)
{
  g_autoptr (JsonArray) licences = json_array_new ();
  for (char **option = option_licences; option != NULL && *option != NULL; option++) {
    char *equals = strchr (*option, '=');
    g_autofree char *name = g_strndup (*option, (gsize) (equals - *option)), *text = NULL;
    if (!g_file_get_contents (equals + 1, &text, NULL, error))
      return NULL;
    if (!g_utf8_validate (text, -1, NULL)) {
      g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_DAMAGED, "%s is no UTF-8 text", equals + 1);
      return NULL;
    }
    JsonObject *licence = json_object_new ();
    json_object_set_string_member (licence, "name", name);
    json_object_set_string_member (licence, "text", text);
    json_array_add_object_element (licences, licence);
  }
  return g_steal_pointer (&licences);
}

static CliStatus
run_attach (const CliCommand *command, int n_args, char **args)
{
  AxAttachOptions options = {
    .folder = args[0], .adapter = args[1], .base = option_base, .alpha = option_alpha, .convert = option_store != NULL, .check_heads = TRUE,
    .title = option_title, .fetch = option_fetch,
  };
  if (option_base == NULL)
    return cli_usage (command, "--lm-base is missing: the language model that the adapter was trained on");
  if (option_store != NULL && !parse_store (option_store, &options.store))
    return cli_usage (command, "--store is f32, f16, bf16 or 8bit");
  if (!(option_alpha >= 0 && option_alpha <= 1e6))
    return cli_usage (command, "--lm-alpha is a positive number");
  for (char **option = option_licences; option != NULL && *option != NULL; option++)
    if (strchr (*option, '=') == NULL || (*option)[0] == '=')
      return cli_usage (command, "--licence is NAME=FILE");
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) prompt = option_prompt != NULL ? ax_json_load_object (option_prompt, &error) : NULL;
  if (error != NULL)
    return cli_fail_error (error);
  g_autoptr (JsonArray) licences = read_licences (&error);
  if (licences == NULL)
    return cli_fail_error (error);
  options.prompt = prompt;
  options.licences = licences;
  if (!ax_attach (&options, &error))
    return cli_fail_error (error);
  if (!cli_globals.json)
    cli_print ("%s: language part attached.\n", args[0]);
  return CLI_OK;
}

const CliCommand cli_command_attach = {
  .name = "attach",
  .arguments = "FOLDER ADAPTER",
  .summary = "Give a model folder its language part",
  .details = "ADAPTER is what \"train instruct\" wrote, lm.pt, or a PEFT folder. It is copied into FOLDER, the base is recorded in model.json by size and\n"
             "SHA-256 and copied too, unless it lies where it is found anyway. Everything else in model.json stays as it is.\n"
             "  anatomixctl attach my-model run/adapter.safetensors --lm-base gemma-3-270m-q4_k_m.gguf --store 8bit",
  .min_args = 2, .max_args = 2,
  .options = attach_options,
  .run = run_attach,
};
