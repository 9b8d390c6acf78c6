/* anatomixctl: the engine on the command line. This file finds the command, reads the options and calls it; each command is a file cmd-*.c. */
#include "app/cli.h"

#include <signal.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

static const CliCommand *const commands[] = {
  &cli_command_perceive,
  &cli_command_report,
  &cli_command_ask,
  &cli_command_locate,
  &cli_command_anatomy,
  &cli_command_describe,
  &cli_command_diagnose,
  &cli_command_classify,
  &cli_command_detect,
  &cli_command_flip,
  &cli_command_batch,
  &cli_command_train_apm,
  &cli_command_train_align,
  &cli_command_train_instruct,
  &cli_command_db_vectors,
  &cli_command_db_build,
  &cli_command_db_info,
  &cli_command_eval,
  &cli_command_import,
  &cli_command_attach,
  &cli_command_info,
  &cli_command_bench_kernels,
  &cli_command_bench_model,
  &cli_command_bench_lm,
  &cli_command_data_phantom,
  &cli_command_data_instruct,
};

/* ---- options of every command --------------------------------------------------------------------------------------------- */

static gboolean show_version;

static gboolean
parse_device (const char *option, const char *value, gpointer data, GError **error)
{
  static const char *const names[] = { "auto", "cpu", "cuda" };
  for (int i = 0; i < 3; i++)
    if (strcmp (value, names[i]) == 0) {
      cli_globals.device = (AxDeviceChoice) i;
      return TRUE;
    }
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--device is auto, cpu or cuda, not \"%s\"", value);
  return FALSE;
}

static gboolean
parse_threads (const char *option, const char *value, gpointer data, GError **error)
{
  gint64 n;
  if (!cli_parse_int (value, 1, 4096, &n)) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--threads is a number from 1 to 4096, not \"%s\"", value);
    return FALSE;
  }
  cli_globals.threads = (int) n;
  return TRUE;
}

static const GOptionEntry global_options[] = {
  { "model", 0, 0, G_OPTION_ARG_FILENAME, &cli_globals.model, "Model folder (default: $ANATOMIX_MODEL, else the bundled one)", "DIR" },
  { "device", 0, 0, G_OPTION_ARG_CALLBACK, parse_device, "Where to compute: auto, cpu or cuda", "DEVICE" },
  { "threads", 0, 0, G_OPTION_ARG_CALLBACK, parse_threads, "Threads (default: physical cores)", "N" },
  { "json", 0, 0, G_OPTION_ARG_NONE, &cli_globals.json, "Results as JSON on stdout", NULL },
  { "version", 0, 0, G_OPTION_ARG_NONE, &show_version, "Print the version and stop", NULL },
  { NULL },
};

/* ---- help ----------------------------------------------------------------------------------------------------------------- */

/* `anatomixctl --help`, or for the commands of one first word `anatomixctl train --help`. */
static void
print_commands (const char *first_word)
{
  cli_print ("Usage: anatomixctl [OPTION...] %s%s\n\n", first_word != NULL ? first_word : "COMMAND", first_word != NULL ? " ..." : " ...");
  cli_print ("%s\n\nCommands:\n", "Anatomy and findings of chest radiographs. Research software: not for clinical use.");
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++) {
    const CliCommand *c = commands[i];
    gsize n = first_word != NULL ? strlen (first_word) : 0;
    if (n > 0 && !(strncmp (c->name, first_word, n) == 0 && c->name[n] == ' '))
      continue;
    g_autofree char *usage = g_strconcat (c->name, " ", c->arguments, NULL);
    cli_print ("  %-26s %s\n", usage, c->summary);
  }
  cli_print ("\nOptions of every command:\n");
  for (const GOptionEntry *o = global_options; o->long_name != NULL; o++) {
    g_autofree char *usage = g_strconcat ("--", o->long_name, o->arg_description != NULL ? "=" : "", o->arg_description, NULL);
    cli_print ("  %-26s %s\n", usage, o->description);
  }
  cli_print ("  %-26s %s\n", "--help", "Help on a command");
  cli_print ("\nExit status: 0 done, 1 failed (one line on stderr says what to do), 2 wrong command line.\n");
}

/* ---- finding and running the command -------------------------------------------------------------------------------------- */

/* The command named by the first one or two words, and how many those are; NULL if none. */
static const CliCommand *
find_command (int n, char **words, int *n_words)
{
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++) {
    g_auto (GStrv) name = g_strsplit (commands[i]->name, " ", -1);
    int length = (int) g_strv_length (name), same = 0;
    while (same < length && same < n && strcmp (name[same], words[same]) == 0)
      same++;
    if (same == length) {
      *n_words = length;
      return commands[i];
    }
  }
  return NULL;
}

static gboolean
is_first_word (const char *word)
{
  gsize n = strlen (word);
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strncmp (commands[i]->name, word, n) == 0 && commands[i]->name[n] == ' ')
      return TRUE;
  return FALSE;
}

static GOptionContext *
command_context (const CliCommand *command, GOptionEntry *rest)
{
  g_autofree char *usage = g_strdup_printf ("%s - %s", command->arguments, command->summary);
  GOptionContext *context = g_option_context_new (usage);
  if (command->options != NULL)
    g_option_context_add_main_entries (context, command->options, NULL);
  g_option_context_add_main_entries (context, global_options, NULL);
  g_option_context_add_main_entries (context, rest, NULL);
  if (command->details != NULL)
    g_option_context_set_description (context, command->details);
  return context;
}

static CliStatus
run_command (const CliCommand *command, int argc, char **argv)
{
  g_auto (GStrv) args = NULL;
  GOptionEntry rest[] = { { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &args, NULL, NULL }, { NULL } };
  g_autoptr (GOptionContext) context = command_context (command, rest);
  g_autoptr (GError) error = NULL;
  g_autofree char *program = g_strconcat ("anatomixctl ", command->name, NULL);
  g_set_prgname (program);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    return cli_usage (command, "%s", error->message);
  if (show_version) {
    cli_print ("anatomixctl %s\n", ax_version ());
    return CLI_OK;
  }
  int n = args != NULL ? (int) g_strv_length (args) : 0;
  if (n < command->min_args) {
    g_auto (GStrv) names = g_strsplit (command->arguments, " ", -1);
    return cli_usage (command, "%s is missing", n < (int) g_strv_length (names) ? names[n] : "an argument");
  }
  if (command->max_args >= 0 && n > command->max_args)
    return cli_usage (command, "\"%s\" is one argument too many", args[command->max_args]);
  ax_engine_set_device (cli_globals.device);
  if (cli_globals.device == AX_DEVICE_CUDA && !ax_engine_check_device (&error))
    return cli_fail_error (error);
  ax_engine_set_threads (cli_globals.threads);
  cli_globals.model_named = cli_globals.model != NULL;
  if (!cli_globals.model_named)
    cli_globals.model = ax_model_default_folder ();
  char *none[] = { NULL };
  return command->run (command, n, args != NULL ? args : none);
}

static CliStatus
run (int argc, char **argv)
{
  /* The options before the command; strict order stops at the command, whose own options follow it. */
  GOptionContext *context = g_option_context_new ("COMMAND ...");
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_set_strict_posix (context, TRUE);
  gboolean help = FALSE;
  const GOptionEntry help_option[] = { { "help", 'h', 0, G_OPTION_ARG_NONE, &help, NULL, NULL }, { NULL } };
  g_option_context_add_main_entries (context, global_options, NULL);
  g_option_context_add_main_entries (context, help_option, NULL);
  g_autoptr (GError) error = NULL;
  gboolean parsed = g_option_context_parse (context, &argc, &argv, &error);
  g_option_context_free (context);
  if (!parsed)
    return cli_usage (NULL, "%s", error->message);
  if (show_version) {
    cli_print ("anatomixctl %s\n", ax_version ());
    return CLI_OK;
  }
  int n_words = argc - 1;
  char **words = argv + 1;
  if (n_words > 0 && strcmp (words[0], "help") == 0) {
    help = TRUE;
    n_words--;
    words++;
  }
  int used = 0;
  const CliCommand *command = find_command (n_words, words, &used);
  if (command == NULL && n_words > 0 && is_first_word (words[0]) && (help || (n_words > 1 && g_strv_contains ((const char *const[]) { "--help", "-h", NULL }, words[1])))) {
    print_commands (words[0]);
    return CLI_OK;
  }
  if (command == NULL && n_words == 0) {
    if (!help)
      return cli_usage (NULL, "a command is missing");
    print_commands (NULL);
    return CLI_OK;
  }
  if (command == NULL && n_words == 1 && is_first_word (words[0])) {
    g_autoptr (GString) seconds = g_string_new (NULL);
    gsize length = strlen (words[0]);
    for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
      if (strncmp (commands[i]->name, words[0], length) == 0 && commands[i]->name[length] == ' ')
        g_string_append_printf (seconds, "%s%s", seconds->len > 0 ? ", " : "", commands[i]->name + length + 1);
    cli_fail ("\"%s\" goes on with one of: %s; see: anatomixctl %s --help", words[0], seconds->str, words[0]);
    return CLI_USAGE;
  }
  if (command == NULL) {
    g_autofree char *asked = n_words > 1 && is_first_word (words[0]) ? g_strconcat (words[0], " ", words[1], NULL) : g_strdup (words[0]);
    return cli_usage (NULL, "there is no command \"%s\"", asked);
  }
  if (help) {
    char *ask[] = { argv[0], (char *) "--help", NULL };
    return run_command (command, 2, ask);
  }
  /* The words of the command go, the program's name stays in front of what remains. */
  words[used - 1] = argv[0];
  return run_command (command, n_words - used + 1, words + used - 1);
}

int
main (int argc, char **argv)
{
  /* A file size limit then gives an error that can be reported, where it would end the process. */
  signal (SIGXFSZ, SIG_IGN);
  /* All text is UTF-8, whatever the locale, and numbers keep their point. */
  setlocale (LC_CTYPE, "C.UTF-8");
  CliStatus status = run (argc, argv);
  /* A full disk or a closed pipe shows up here. */
  if (fflush (stdout) != 0 || ferror (stdout)) {
    if (status == CLI_OK)
      status = cli_fail ("the output could not be written; is the disk full?");
  }
  g_free (cli_globals.model);
  return (int) status;
}
