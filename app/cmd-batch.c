/* batch: one request a line in, one JSON result a line out, in the same order. */
#include "app/cli.h"
#include "app/progress.h"
#include "engine/session/json-writer.h"

#include <json-glib/json-glib.h>
#include <string.h>

#define MAX_LINE_BYTES (1024 * 1024)
#define MAX_DEPTH 32

static char *option_shard;

static const GOptionEntry batch_options[] = {
  { "shard", 0, 0, G_OPTION_ARG_STRING, &option_shard, "Do only every Nth request, beginning with the Ith (1 <= I <= N); for job arrays", "I/N" },
  { NULL },
};

#define CLI_BATCH_ERROR (g_quark_from_static_string ("cli-batch-error"))
enum { CLI_BATCH_ERROR_REQUEST };

typedef enum { BATCH_PERCEIVE, BATCH_FLIP, BATCH_LANGUAGE } BatchKind;

/* One line: {"id", "image", "task", "text", "boxes", "flip"}. */
typedef struct {
  char *id;  /* JSON text of the request's id; "null" without one */
  char *image, *text;
  BatchKind kind;
  AxTask task;  /* of BATCH_LANGUAGE */
  gboolean mirror;
  AxBox boxes[AX_TASK_MAX_BOXES];
  guint n_boxes;
} BatchRequest;

static void
batch_request_clear (BatchRequest *request)
{
  g_clear_pointer (&request->id, g_free);
  g_clear_pointer (&request->image, g_free);
  g_clear_pointer (&request->text, g_free);
}

/* ---- reading the line ------------------------------------------------------------------------------------------------------ */

/* The JSON parser is recursive: depth is bounded before it sees the text. */
static gboolean
is_shallow (const char *line)
{
  int depth = 0;
  gboolean in_string = FALSE;
  for (const char *c = line; *c != '\0'; c++) {
    if (in_string && *c == '\\' && c[1] != '\0')
      c++;
    else if (*c == '"')
      in_string = !in_string;
    else if (!in_string && (*c == '[' || *c == '{') && ++depth > MAX_DEPTH)
      return FALSE;
    else if (!in_string && (*c == ']' || *c == '}'))
      depth--;
  }
  return TRUE;
}

static gboolean
refuse (GError **error, const char *message)
{
  g_set_error_literal (error, CLI_BATCH_ERROR, CLI_BATCH_ERROR_REQUEST, message);
  return FALSE;
}

/* The string member, or NULL when it is absent; FALSE when it is something else. */
static gboolean
get_string (JsonObject *object, const char *key, const char **value, GError **error)
{
  JsonNode *node = json_object_get_member (object, key);
  *value = NULL;
  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING) {
    g_set_error (error, CLI_BATCH_ERROR, CLI_BATCH_ERROR_REQUEST, "\"%s\" has to be a string", key);
    return FALSE;
  }
  *value = json_node_get_string (node);
  return TRUE;
}

static gboolean
parse_box (JsonNode *node, AxBox *box)
{
  JsonArray *corners = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  double v[4];
  if (corners == NULL || json_array_get_length (corners) != 4)
    return FALSE;
  for (guint i = 0; i < 4; i++) {
    JsonNode *number = json_array_get_element (corners, i);
    if (!JSON_NODE_HOLDS_VALUE (number) || (json_node_get_value_type (number) != G_TYPE_INT64 && json_node_get_value_type (number) != G_TYPE_DOUBLE))
      return FALSE;
    v[i] = json_node_get_double (number);
    if (!(v[i] >= -1e6 && v[i] <= 1e6))
      return FALSE;
  }
  *box = (AxBox) { v[0], v[1], v[2], v[3] };
  return v[2] > v[0] && v[3] > v[1];
}

static gboolean
parse_boxes (JsonObject *object, BatchRequest *request, GError **error)
{
  JsonNode *node = json_object_get_member (object, "boxes");
  if (node == NULL)
    return TRUE;
  JsonArray *list = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  if (list == NULL || json_array_get_length (list) > AX_TASK_MAX_BOXES)
    return refuse (error, "\"boxes\" has to be a list of at most 8 boxes");
  for (guint i = 0; i < json_array_get_length (list); i++)
    if (!parse_box (json_array_get_element (list, i), &request->boxes[request->n_boxes++]))
      return refuse (error, "a box has to be [x1,y1,x2,y2] in pixels of the image, with x1 < x2 and y1 < y2");
  return TRUE;
}

/* The task's name into kind and task. */
static gboolean
parse_task (const char *task, BatchRequest *request, GError **error)
{
  const int language = task != NULL ? ax_task_find (task) : -1;
  if (task == NULL || strcmp (task, "perceive") == 0)
    request->kind = BATCH_PERCEIVE;
  else if (strcmp (task, "flip") == 0)
    request->kind = BATCH_FLIP;
  else if (language >= 0) {
    request->kind = BATCH_LANGUAGE;
    request->task = (AxTask) language;
  } else {
    g_autoptr (GString) words = g_string_new ("perceive, flip");
    for (int i = 0; i < AX_N_TASKS; i++)
      g_string_append_printf (words, ", %s", ax_task_word ((AxTask) i));
    g_set_error (error, CLI_BATCH_ERROR, CLI_BATCH_ERROR_REQUEST, "there is no task \"%s\"; use one of %s", task, words->str);
    return FALSE;
  }
  return TRUE;
}

static gboolean
parse_object (JsonObject *object, BatchRequest *request, GError **error)
{
  const char *image, *task, *text;
  JsonNode *id = json_object_get_member (object, "id");
  if (id != NULL) {
    if (JSON_NODE_HOLDS_OBJECT (id) || JSON_NODE_HOLDS_ARRAY (id))
      return refuse (error, "\"id\" has to be a string or a number");
    g_free (request->id);
    request->id = json_to_string (id, FALSE);
  }
  if (!get_string (object, "image", &image, error) || !get_string (object, "task", &task, error) || !get_string (object, "text", &text, error))
    return FALSE;
  if (image == NULL || *image == '\0')
    return refuse (error, "\"image\" is missing: give the path of an image file");
  if (!parse_task (task, request, error) || !parse_boxes (object, request, error))
    return FALSE;
  JsonNode *flip = json_object_get_member (object, "flip");
  if (flip != NULL && (!JSON_NODE_HOLDS_VALUE (flip) || json_node_get_value_type (flip) != G_TYPE_BOOLEAN))
    return refuse (error, "\"flip\" has to be true or false");
  request->image = g_strdup (image);
  request->text = g_strdup (text);
  request->mirror = flip != NULL && json_node_get_boolean (flip);
  if (request->kind == BATCH_FLIP && request->mirror)
    return refuse (error, "\"flip\" belongs to other tasks; the task flip looks at the image both ways");
  return TRUE;
}

static gboolean
parse_line (const char *line, gsize length, BatchRequest *request, GError **error)
{
  if (length > MAX_LINE_BYTES)
    return refuse (error, "the line is longer than 1 MiB");
  if (!g_utf8_validate (line, (gssize) length, NULL))
    return refuse (error, "the line is not UTF-8 text");
  if (!is_shallow (line))
    return refuse (error, "the line nests deeper than any request does");
  g_autoptr (JsonParser) parser = json_parser_new ();
  if (!json_parser_load_from_data (parser, line, (gssize) length, error)) {
    g_prefix_error (error, "the line is not JSON: ");
    return FALSE;
  }
  JsonNode *root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    return refuse (error, "the line is not a JSON object");
  return parse_object (json_node_get_object (root), request, error);
}

/* ---- doing it --------------------------------------------------------------------------------------------------------------- */

/* The image of the last line, so that several requests on one image share what the session keeps with it. */
static AxImage *last_image;
static char *last_path;

static AxImage *
load_image (const char *path, GError **error)
{
  if (g_strcmp0 (path, last_path) != 0) {
    AxImage *image = ax_image_load (path, cli_interrupt (), error);
    if (image == NULL)
      return NULL;
    g_clear_object (&last_image);
    g_free (last_path);
    last_image = image;
    last_path = g_strdup (path);
  }
  return g_object_ref (last_image);
}

/* The result object as JSON text, or NULL. */
static char *
answer (AxSession *session, const BatchRequest *request, GError **error)
{
  g_autoptr (AxImage) image = load_image (request->image, error);
  if (image == NULL)
    return NULL;
  if (request->kind == BATCH_LANGUAGE) {
    const AxRequest r = { .task = request->task, .text = request->text, .boxes = request->boxes, .n_boxes = request->n_boxes, .mirror = request->mirror,
                          .probabilities = request->task == AX_TASK_CLASSIFY };
    g_autoptr (AxAnswer) answer = cli_run (session, image, &r, NULL, NULL, error);
    if (answer != NULL && answer->stopped == AX_STOPPED_CANCELLED) {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
      return NULL;
    }
    return answer != NULL ? ax_answer_to_json (answer, request->image, ax_session_get_model (session), FALSE) : NULL;
  }
  g_autoptr (AxPerception) first = cli_perceive (session, image, request->mirror, error);
  if (first == NULL)
    return NULL;
  AxModel *model = ax_session_get_model (session);
  if (request->kind == BATCH_PERCEIVE)
    return ax_perception_to_json (first, request->image, model, FALSE);
  g_autoptr (AxPerception) mirrored = cli_perceive (session, image, TRUE, error);
  return mirrored != NULL ? ax_flip_to_json (first, mirrored, request->image, model, FALSE) : NULL;
}

static void
print_result (const BatchRequest *request, const char *result)
{
  cli_print ("{\"id\":%s,\"task\":\"%s\",\"result\":%s}\n", request->id,
             request->kind == BATCH_PERCEIVE ? "perceive" : request->kind == BATCH_FLIP ? "flip" : ax_task_word (request->task), result);
  fflush (stdout);
}

static void
print_failure (const BatchRequest *request, gint64 line, const GError *error)
{
  AxJson *json = ax_json_new (FALSE);
  ax_json_begin_object (json, NULL);
  ax_json_int (json, "line", line);
  ax_json_string (json, "message", error->message);
  ax_json_end (json);
  g_autofree char *text = ax_json_finish (json);
  cli_print ("{\"id\":%s,\"error\":%s}\n", request->id, text);
  fflush (stdout);
}

/* TRUE and *failed counts; FALSE when the work was cancelled or the model does not load, which no later line would survive. */
static gboolean
do_line (AxSession *session, const char *line, gsize length, gint64 number, guint *failed, GError **error)
{
  BatchRequest request = { .id = g_strdup ("null") };
  g_autoptr (GError) problem = NULL;
  g_autofree char *result = NULL;
  if (parse_line (line, length, &request, &problem))
    result = answer (session, &request, &problem);
  gboolean fatal = problem != NULL && (g_error_matches (problem, G_IO_ERROR, G_IO_ERROR_CANCELLED) || ax_session_get_error (session) != NULL);
  if (fatal)
    g_propagate_error (error, g_steal_pointer (&problem));
  else if (result != NULL)
    print_result (&request, result);
  else {
    print_failure (&request, number, problem);
    (*failed)++;
  }
  batch_request_clear (&request);
  return !fatal;
}

static gboolean
is_blank (const char *line)
{
  return line[strspn (line, " \t\r\n")] == '\0';
}

static CliStatus
run_batch (const CliCommand *command, int n_args, char **args)
{
  gint64 shard = 1, n_shards = 1;
  if (option_shard != NULL && !cli_parse_shard (option_shard, &shard, &n_shards))
    return cli_usage (command, "--shard is I/N with 1 <= I <= N, as in 2/8, not \"%s\"", option_shard);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  gsize length = 0;
  if (!g_file_get_contents (strcmp (args[0], "-") == 0 ? "/dev/stdin" : args[0], &text, &length, &error))
    return cli_fail_error (error);
  g_autoptr (AxSession) session = cli_open_session ();
  guint done = 0, failed = 0;
  gint64 number = 0, request = 0;
  cli_progress_begin ("batch");
  for (char *line = text, *next; line < text + length; line = next) {
    char *end = memchr (line, '\n', (gsize) (text + length - line));
    if (end == NULL)
      end = text + length;
    *end = '\0';
    next = end + 1;
    number++;
    /* A line with a zero byte is not blank, whatever stands before it. */
    if ((is_blank (line) && strlen (line) == (gsize) (end - line)) || request++ % n_shards != shard - 1)
      continue;
    if (!do_line (session, line, (gsize) (end - line), number, &failed, &error)) {
      cli_progress_end ();
      return cli_fail_error (error);
    }
    done++;
    g_autofree char *stage = g_strdup_printf ("%u done, %u failed", done, failed);
    cli_progress_update ((double) (next - text) / (double) length, stage);
  }
  cli_progress_end ();
  g_clear_object (&last_image);
  g_clear_pointer (&last_path, g_free);
  if (failed > 0)
    return cli_fail ("%u of %u requests failed; their lines have an \"error\" that says why", failed, done);
  return CLI_OK;
}

const CliCommand cli_command_batch = {
  .name = "batch",
  .arguments = "FILE.jsonl",
  .summary = "One request a line, one JSON result a line, in order",
  .details = "FILE.jsonl (or - for standard input) has one JSON object a line:\n"
             "  {\"id\":\"a\",\"image\":\"chest.png\",\"task\":\"perceive\"}       perceive is the default; flip, report, classify, detect, locate, anatomy,\n"
             "                                                        ask and choose (with \"text\"), describe and diagnose (with \"boxes\")\n"
             "  {\"id\":\"b\",\"image\":\"chest.dcm\",\"task\":\"perceive\",\"flip\":true}   mirrors the pixels first\n"
             "  {\"id\":\"c\",\"image\":\"chest.png\",\"task\":\"locate\",\"text\":\"left pleural effusion\"}\n"
             "  {\"id\":\"d\",\"image\":\"chest.png\",\"task\":\"describe\",\"boxes\":[[120,80,300,420]]}\n"
             "Each gives {\"id\",\"task\",\"result\"} or {\"id\",\"error\":{\"line\",\"message\"}}; a failed line does not stop the rest,\n"
             "but the exit status is then 1. Blank lines are skipped and not counted by --shard.",
  .min_args = 1, .max_args = 1,
  .options = batch_options,
  .run = run_batch,
};
