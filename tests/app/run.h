/* Running anatomixctl in tests: its exit status, stdout and stderr. A test sets `program` first. */
#pragma once
#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <string.h>

static const char *program;

typedef struct {
  int status;
  char *out, *err;
} Run;

static inline void
run_clear (Run *run)
{
  g_free (run->out);
  g_free (run->err);
}

/* Empty bytes have no data, but are a text. */
static inline char *
copy_text (GBytes *bytes)
{
  return g_bytes_get_size (bytes) > 0 ? g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)) : g_strdup ("");
}

/* Runs anatomixctl with the arguments up to NULL; `input` (may be NULL) is its standard input. */
static inline Run
run_with (const char *input, const char *const *arguments)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  Run run = { 0 };
  g_ptr_array_add (argv, (gpointer) program);
  for (gsize i = 0; arguments[i] != NULL; i++)
    g_ptr_array_add (argv, (gpointer) arguments[i]);
  g_ptr_array_add (argv, NULL);
  g_autoptr (GSubprocess) process = g_subprocess_newv ((const char *const *) argv->pdata,
                                                       G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE, &error);
  g_assert_no_error (error);
  g_autoptr (GBytes) in = g_bytes_new (input != NULL ? input : "", input != NULL ? strlen (input) : 0);
  g_autoptr (GBytes) out = NULL, err = NULL;
  g_subprocess_communicate (process, in, NULL, &out, &err, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (process));
  run.status = g_subprocess_get_exit_status (process);
  run.out = copy_text (out);
  run.err = copy_text (err);
  return run;
}

#define RUN(...) run_with (NULL, (const char *const[]) { __VA_ARGS__, NULL })

static inline guint
count_lines (const char *text)
{
  guint n = 0;
  for (; *text != '\0'; text++)
    n += *text == '\n';
  return n;
}

/* A failure is one line on stderr that begins with the program's name, and nothing on stdout. */
static inline void
assert_failure (Run *run, int status, const char *part)
{
  if (run->status != status || count_lines (run->err) != 1 || !g_str_has_prefix (run->err, "anatomixctl: ") || *run->out != '\0' ||
      strstr (run->err, part) == NULL)
    g_error ("expected status %d and one line with \"%s\"; got status %d, stdout \"%s\", stderr \"%s\"", status, part, run->status, run->out, run->err);
  run_clear (run);
}

static inline void
assert_success (const Run *run)
{
  if (run->status != 0)
    g_error ("status %d, stderr \"%s\"", run->status, run->err);
}

static inline JsonObject *
parse (JsonParser *parser, const char *text)
{
  g_autoptr (GError) error = NULL;
  json_parser_load_from_data (parser, text, -1, &error);
  g_assert_no_error (error);
  return json_node_get_object (json_parser_get_root (parser));
}
