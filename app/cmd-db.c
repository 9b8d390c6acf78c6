/* db: the sentence database: vectors of the training sentences, and what a database holds. */
#include "app/cli.h"
#include "engine/checkpoint/sentence_file.h"
#include "engine/session/json-writer.h"
#include "engine/training/sentence_vectors.h"

static CliStatus
run_vectors (const CliCommand *command, int n_args, char **args)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxDataset) dataset = ax_dataset_load (args[0], &error);
  if (dataset == NULL || !ax_sentence_vectors_build (dataset, args[1], args[2], &error))
    return cli_fail_error (error);
  g_autoptr (AxSentenceFile) file = ax_sentence_file_open (args[2], &error);
  if (file == NULL)
    return cli_fail_error (error);
  cli_print ("%u sentences, vectors of %u numbers: %s\n", ax_sentence_file_n (file), ax_sentence_file_dim (file), args[2]);
  return CLI_OK;
}

const CliCommand cli_command_db_vectors = {
  .name = "db vectors",
  .arguments = "DATA ENCODER OUT",
  .summary = "Encode the sentences of a data set with the sentence encoder",
  .details = "DATA is a folder with labels.csv, findings.json and anatomy.json; ENCODER a Hugging Face folder of a BERT sentence encoder (all-MiniLM-L6-v2 for\n"
             "the bundled model); OUT is what \"sentence_vectors\" names in a training configuration.",
  .min_args = 3, .max_args = 3,
  .run = run_vectors,
};

static CliStatus
run_info (const CliCommand *command, int n_args, char **args)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxSentenceFile) file = ax_sentence_file_open (args[0], &error);
  if (file == NULL)
    return cli_fail_error (error);
  guint n = ax_sentence_file_n_objects (file);
  if (cli_globals.json) {
    AxJson *json = ax_json_new (TRUE);
    ax_json_begin_object (json, NULL);
    ax_json_int (json, "sentences", ax_sentence_file_n (file));
    ax_json_int (json, "dim", ax_sentence_file_dim (file));
    ax_json_begin_array (json, "objects");
    for (guint i = 0; i < n; i++) {
      guint first, count;
      ax_sentence_file_range (file, i, &first, &count);
      ax_json_begin_inline_object (json, NULL);
      ax_json_string (json, "name", ax_sentence_file_object_name (file, i));
      ax_json_int (json, "sentences", count);
      ax_json_end (json);
    }
    ax_json_end (json);
    ax_json_end (json);
    g_autofree char *text = ax_json_finish (json);
    cli_print ("%s\n", text);
    return CLI_OK;
  }
  cli_print ("%u sentences of %u objects, vectors of %u numbers\n", ax_sentence_file_n (file), n, ax_sentence_file_dim (file));
  for (guint i = 0; i < n; i++) {
    guint first, count;
    ax_sentence_file_range (file, i, &first, &count);
    cli_print ("%4u  %-46s e.g. %s\n", count, ax_sentence_file_object_name (file, i), ax_sentence_file_text (file, first));
  }
  return CLI_OK;
}

const CliCommand cli_command_db_info = {
  .name = "db info",
  .arguments = "FILE",
  .summary = "What a sentence database holds",
  .details = "FILE is sentences.safetensors of a model folder or a published emb_db.pt.",
  .min_args = 1, .max_args = 1,
  .run = run_info,
};
