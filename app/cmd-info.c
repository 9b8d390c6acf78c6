/* info: what a model folder, a weight file or a sentence database holds; for a bad one, why. */
#include "app/cli.h"
#include "engine/checkpoint/describe.h"
#include "engine/session/json-writer.h"

/* A node as json-glib holds it, written with our decimals. */
static void
write_node (AxJson *json, const char *key, JsonNode *node)
{
  GType type;
  switch (json_node_get_node_type (node)) {
  case JSON_NODE_OBJECT: {
    JsonObjectIter iter;
    const char *name;
    JsonNode *member;
    ax_json_begin_object (json, key);
    json_object_iter_init_ordered (&iter, json_node_get_object (node));
    while (json_object_iter_next_ordered (&iter, &name, &member))
      write_node (json, name, member);
    ax_json_end (json);
    break;
  }
  case JSON_NODE_ARRAY: {
    JsonArray *array = json_node_get_array (node);
    guint n = json_array_get_length (array);
    /* A shape or another list of numbers stays on its line. */
    if (n > 0 && JSON_NODE_HOLDS_VALUE (json_array_get_element (array, 0)))
      ax_json_begin_inline_array (json, key);
    else
      ax_json_begin_array (json, key);
    for (guint i = 0; i < n; i++)
      write_node (json, NULL, json_array_get_element (array, i));
    ax_json_end (json);
    break;
  }
  case JSON_NODE_VALUE:
    type = json_node_get_value_type (node);
    if (type == G_TYPE_STRING)
      ax_json_string (json, key, json_node_get_string (node));
    else if (type == G_TYPE_BOOLEAN)
      ax_json_bool (json, key, json_node_get_boolean (node));
    else if (type == G_TYPE_INT64)
      ax_json_int (json, key, json_node_get_int (node));
    else
      ax_json_number (json, key, json_node_get_double (node), 9);
    break;
  case JSON_NODE_NULL:
  default:
    ax_json_null (json, key);
  }
}

static CliStatus
run_info (const CliCommand *command, int n_args, char **args)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) description = ax_describe (n_args > 0 ? args[0] : cli_globals.model, &error);
  if (description == NULL)
    return cli_fail_error (error);
  g_autofree char *text = NULL, *device = n_args == 0 ? ax_engine_describe_device () : NULL;
  if (cli_globals.json) {
    AxJson *json = ax_json_new (TRUE);
    if (device != NULL)
      json_object_set_string_member (description, "device", device);
    g_autoptr (JsonNode) root = json_node_init_object (json_node_alloc (), description);
    write_node (json, NULL, root);
    text = ax_json_finish (json);
    cli_print ("%s\n", text);
  } else {
    text = ax_describe_text (description);
    cli_print ("%s", text);
    if (device != NULL)
      cli_print ("device: %s\n", device);
  }
  return CLI_OK;
}

const CliCommand cli_command_info = {
  .name = "info",
  .arguments = "[FOLDER|FILE]",
  .summary = "What a model folder or a weight file holds, or what is wrong",
  .details = "Without an argument: the model that the other commands use. Every checksum is verified. A weight file (safetensors, PyTorch .pt or .pth,\n"
             "GGUF), sentence database, or folder of a language model or adapter (Hugging Face, PEFT) lists its tensors with type and shape. No code of a file is ever run.",
  .min_args = 0, .max_args = 1,
  .run = run_info,
};
