/* The command line's shared pieces. What lives here: the table of commands, the options that every command takes, opening a session with progress and
 * Ctrl+C, and the one way to report an error. May use engine/anatomix.h; a command that needs more of the engine includes it in its own file. */
#pragma once
#include "engine/anatomix.h"

#include <stdio.h>

typedef enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 } CliStatus;

typedef struct {
  char *model;       /* folder, never NULL once the command runs */
  gboolean model_named; /* by --model, not by default */
  AxDeviceChoice device;
  gboolean json;
  int threads;       /* 0: physical cores */
} CliGlobals;

extern CliGlobals cli_globals;

typedef struct CliCommand CliCommand;
struct CliCommand {
  const char *name;       /* "perceive", or two words: "train apm" */
  const char *arguments;  /* "IMAGE", for the usage line */
  const char *summary;    /* one line for the list of commands */
  const char *details;    /* further text of --help, or NULL */
  int min_args, max_args; /* of the arguments that are not options; max_args < 0: no limit */
  const GOptionEntry *options;  /* ended by an empty entry, or NULL */
  CliStatus (*run) (const CliCommand *command, int n_args, char **args);
};

/* One line on stderr, "anatomixctl: ...", that says what is wrong and what to do. Returns CLI_FAILED. */
CliStatus cli_fail (const char *format, ...) G_GNUC_PRINTF (1, 2);
CliStatus cli_fail_error (const GError *error);
/* The same for a wrong command line, with a hint at --help. Returns CLI_USAGE. */
CliStatus cli_usage (const CliCommand *command, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* A session on the chosen model; it loads in its thread while the caller reads the image. */
AxSession *cli_open_session (void);
/* One request, with progress on stderr and Ctrl+C as cancel. */
AxPerception *cli_perceive (AxSession *session, AxImage *image, gboolean mirror, GError **error);
/* One request to the language model; events come while it runs. Ctrl+C gives the answer so far, or NULL with G_IO_ERROR_CANCELLED. */
AxAnswer *cli_run (AxSession *session, AxImage *image, const AxRequest *request, AxEventFn event, gpointer event_data, GError **error);
/* Fires on Ctrl+C (SIGINT) and SIGTERM, for work that takes long. (transfer none) */
GCancellable *cli_interrupt (void);

/* One line on stderr when the image does not look like a frontal chest radiograph. */
void cli_warn_of_misfit (const AxPerception *p);

/* UTF-8 text as it is, whatever the locale. */
void cli_print (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* The one number rule of options: decimal digits only, min <= value <= max. */
gboolean cli_parse_int (const char *text, gint64 min, gint64 max, gint64 *value);
/* "I/N" with 1 <= I <= N. */
gboolean cli_parse_shard (const char *text, gint64 *index, gint64 *count);

/* The commands, one table a file. */
extern const CliCommand cli_command_perceive, cli_command_report, cli_command_ask, cli_command_locate, cli_command_anatomy, cli_command_describe, cli_command_diagnose,
  cli_command_classify, cli_command_detect, cli_command_flip, cli_command_batch, cli_command_train_apm, cli_command_train_align, cli_command_train_instruct, cli_command_db_vectors, cli_command_db_build,
  cli_command_db_info, cli_command_eval, cli_command_import, cli_command_attach, cli_command_info, cli_command_bench_kernels, cli_command_bench_model, cli_command_bench_lm, cli_command_data_phantom, cli_command_data_instruct;
