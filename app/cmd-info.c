/* info: what a model folder or a weight file holds; for a bad one, why. */
#include "app/cli.h"
#include "engine/checkpoint/weights.h"
#include "engine/session/json-writer.h"

#include <string.h>

/* ---- weight files ------------------------------------------------------------------------------------------------------------ */

static gint64
n_parameters (const AxWeights *weights)
{
  gint64 n = 0;
  for (guint i = 0; i < ax_weights_n (weights); i++)
    n += ax_weights_info (weights, i)->n_elements;
  return n;
}

static void
print_weights_json (const AxWeights *weights)
{
  AxJson *json = ax_json_new (TRUE);
  ax_json_begin_object (json, NULL);
  ax_json_string (json, "path", ax_weights_get_path (weights));
  ax_json_string (json, "format", ax_weights_format_name (ax_weights_get_format (weights)));
  ax_json_begin_object (json, "metadata");
  g_autoptr (GList) keys = g_list_sort (g_hash_table_get_keys (ax_weights_get_all_metadata (weights)), (GCompareFunc) strcmp);
  for (GList *l = keys; l != NULL; l = l->next)
    ax_json_string (json, l->data, ax_weights_get_metadata (weights, l->data));
  ax_json_end (json);
  ax_json_int (json, "parameters", n_parameters (weights));
  ax_json_begin_array (json, "tensors");
  for (guint i = 0; i < ax_weights_n (weights); i++) {
    const AxTensorInfo *t = ax_weights_info (weights, i);
    ax_json_begin_inline_object (json, NULL);
    ax_json_string (json, "name", t->name);
    ax_json_string (json, "dtype", ax_dtype_name (t->dtype));
    ax_json_begin_inline_array (json, "shape");
    for (int d = 0; d < t->ndim; d++)
      ax_json_int (json, NULL, t->shape[d]);
    ax_json_end (json);
    ax_json_end (json);
  }
  ax_json_end (json);
  ax_json_end (json);
  g_autofree char *text = ax_json_finish (json);
  cli_print ("%s\n", text);
}

static void
print_weights_text (const AxWeights *weights)
{
  cli_print ("%s: %s, %u tensors, %" G_GINT64_FORMAT " numbers\n", ax_weights_get_path (weights),
             ax_weights_format_name (ax_weights_get_format (weights)), ax_weights_n (weights), n_parameters (weights));
  g_autoptr (GList) keys = g_list_sort (g_hash_table_get_keys (ax_weights_get_all_metadata (weights)), (GCompareFunc) strcmp);
  for (GList *l = keys; l != NULL; l = l->next)
    cli_print ("  %s = %s\n", (char *) l->data, ax_weights_get_metadata (weights, l->data));
  for (guint i = 0; i < ax_weights_n (weights); i++) {
    const AxTensorInfo *t = ax_weights_info (weights, i);
    g_autofree char *shape = ax_tensor_shape_string (t->ndim, t->shape);
    cli_print ("  %-4s %-22s %s\n", ax_dtype_name (t->dtype), shape, t->name);
  }
}

static CliStatus
info_weights (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxWeights) weights = ax_weights_open (path, &error);
  if (weights == NULL || !ax_weights_verify (weights, &error))
    return cli_fail_error (error);
  if (cli_globals.json)
    print_weights_json (weights);
  else
    print_weights_text (weights);
  return CLI_OK;
}

/* ---- model folders ----------------------------------------------------------------------------------------------------------- */

static void
print_model_json (AxModel *model)
{
  AxJson *json = ax_json_new (TRUE);
  ax_json_begin_object (json, NULL);
  ax_json_string (json, "folder", ax_model_folder (model));
  ax_json_string (json, "name", ax_model_name (model));
  ax_json_string (json, "sha256", ax_model_sha256 (model));
  ax_json_int (json, "input_size", ax_model_input_size (model));
  ax_json_begin_inline_array (json, "labels");
  for (guint i = 0; i < ax_model_n_labels (model); i++)
    ax_json_string (json, NULL, ax_model_label (model, i));
  ax_json_end (json);
  ax_json_string (json, "caution", ax_model_caution (model));
  ax_json_end (json);
  g_autofree char *text = ax_json_finish (json);
  cli_print ("%s\n", text);
}

static CliStatus
info_model (const char *folder)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxModel) model = ax_model_load (folder, &error);
  if (model == NULL)
    return cli_fail_error (error);
  if (cli_globals.json) {
    print_model_json (model);
    return CLI_OK;
  }
  cli_print ("%s: model %s\n", ax_model_folder (model), ax_model_name (model));
  cli_print ("  SHA-256 of model.json  %s\n", ax_model_sha256 (model));
  cli_print ("  input                  %d x %d pixels\n", ax_model_input_size (model), ax_model_input_size (model));
  cli_print ("  labels                 %u\n", ax_model_n_labels (model));
  for (guint i = 0; i < ax_model_n_labels (model); i++)
    cli_print ("    %s\n", ax_model_label (model, i));
  cli_print ("%s\n", ax_model_caution (model));
  return CLI_OK;
}

static CliStatus
run_info (const CliCommand *command, int n_args, char **args)
{
  const char *path = n_args > 0 ? args[0] : cli_globals.model;
  return g_file_test (path, G_FILE_TEST_IS_DIR) || n_args == 0 ? info_model (path) : info_weights (path);
}

const CliCommand cli_command_info = {
  .name = "info",
  .arguments = "[FOLDER|FILE]",
  .summary = "What a model folder or a weight file holds, or what is wrong",
  .details = "Without an argument: the model that the other commands use. A folder is verified against its SHA-256 sums; a weight file\n"
             "(safetensors, PyTorch .pt or .pth) lists its tensors with type and shape. No code of a file is ever run.",
  .min_args = 0, .max_args = 1,
  .run = run_info,
};
