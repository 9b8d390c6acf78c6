/* The tasks of the language model: report, ask, locate, anatomy, describe, diagnose, classify, detect. */
#include "app/cli.h"
#include "app/progress.h"

#include <string.h>

#define MAX_BOX_VALUE 1e6

static gboolean option_flip;
static char **option_boxes, **option_options;
static int option_max_tokens, option_top_k, option_variant;
static double option_temperature, option_top_p;
static gint64 option_seed;

#define COMMON_OPTIONS                                                                                                                              \
  { "flip", 0, 0, G_OPTION_ARG_NONE, &option_flip, "Mirror the pixels left to right first; boxes are then those of the mirrored image", NULL },      \
  { "max-tokens", 0, 0, G_OPTION_ARG_INT, &option_max_tokens, "Longest answer in tokens (default: 350, reports 512)", "N" },                         \
  { "variant", 0, 0, G_OPTION_ARG_INT, &option_variant, "Which wording of the question to the model (default: 0)", "N" },                            \
  { "temperature", 0, 0, G_OPTION_ARG_DOUBLE, &option_temperature, "Choose tokens at random, more so the higher (default: 0, always the most probable)", "T" }, \
  { "top-k", 0, 0, G_OPTION_ARG_INT, &option_top_k, "With a temperature: among the N most probable", "N" },                                          \
  { "top-p", 0, 0, G_OPTION_ARG_DOUBLE, &option_top_p, "With a temperature: among the most probable that make up this share", "SHARE" },             \
  { "seed", 0, 0, G_OPTION_ARG_INT64, &option_seed, "With a temperature: the same seed gives the same answer", "N" }

static const GOptionEntry plain_options[] = { COMMON_OPTIONS, { NULL } };
static const GOptionEntry region_options[] = {
  { "box", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_boxes, "The region, pixels of the image; may be repeated (required)", "X1,Y1,X2,Y2" },
  COMMON_OPTIONS,
  { NULL },
};

static const GOptionEntry ask_options[] = {
  { "option", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_options, "An answer to choose from; given twice or more, each question is answered with one of them", "TEXT" },
  COMMON_OPTIONS,
  { NULL },
};

/* ---- the request ------------------------------------------------------------------------------------------------------------ */

static gboolean
parse_box (const char *text, AxBox *box)
{
  double v[4];
  for (int i = 0; i < 4; i++) {
    char *end;
    v[i] = g_ascii_strtod (text, &end);
    if (end == text || *end != (i < 3 ? ',' : '\0') || !(v[i] >= -MAX_BOX_VALUE && v[i] <= MAX_BOX_VALUE))
      return FALSE;
    text = end + 1;
  }
  *box = (AxBox) { v[0], v[1], v[2], v[3] };
  return v[2] > v[0] && v[3] > v[1];
}

/* CLI_OK, or the usage error. */
static CliStatus
read_options (const CliCommand *command, AxRequest *request, AxBox boxes[AX_TASK_MAX_BOXES])
{
  if (option_max_tokens < 0 || option_variant < 0 || option_top_k < 0)
    return cli_usage (command, "--max-tokens, --variant and --top-k are numbers from 0 upwards");
  if (!(option_temperature >= 0 && option_temperature <= 10))
    return cli_usage (command, "--temperature is a number from 0 to 10");
  if (!(option_top_p >= 0 && option_top_p <= 1))
    return cli_usage (command, "--top-p is a number from 0 to 1");
  guint n = option_boxes != NULL ? g_strv_length (option_boxes) : 0;
  if (ax_task_needs_boxes (request->task) && n == 0)
    return cli_usage (command, "--box is missing: the region as X1,Y1,X2,Y2 in pixels of the image");
  if (n > AX_TASK_MAX_BOXES)
    return cli_usage (command, "--box may be given %d times at most", AX_TASK_MAX_BOXES);
  for (guint i = 0; i < n; i++)
    if (!parse_box (option_boxes[i], &boxes[i]))
      return cli_usage (command, "--box is X1,Y1,X2,Y2 with X1 < X2 and Y1 < Y2, as in 120,80,300,420, not \"%s\"", option_boxes[i]);
  const guint n_options = option_options != NULL ? g_strv_length (option_options) : 0;
  if (n_options == 1 || n_options > AX_OPTIONS_MAX)
    return cli_usage (command, "--option is given 2 to %d times, once for each answer to choose from", AX_OPTIONS_MAX);
  for (guint i = 0; i < n_options; i++)
    if (*option_options[i] == '\0' || strchr (option_options[i], '\n') != NULL)
      return cli_usage (command, "--option is one line of text");
  request->boxes = boxes;
  request->n_boxes = n;
  request->mirror = option_flip;
  request->max_tokens = option_max_tokens;
  request->variant = (guint) option_variant;
  request->temperature = option_temperature;
  request->top_k = option_top_k;
  request->top_p = option_top_p;
  request->seed = (guint64) option_seed;
  return CLI_OK;
}

/* ---- the answer ------------------------------------------------------------------------------------------------------------- */

typedef struct {
  gboolean wrote;
  guint    n_boxes;
  gsize    n_bytes;              /* of the answer's text */
  char     last;                 /* byte written */
} Writing;

/* Boxes are named by their numbers where they stand in the text: "located at the coordinates [1] on the image". */
static void
on_event (const AxEvent *event, gpointer data)
{
  Writing *w = data;
  if (event->type == AX_EVENT_PROGRESS) {
    if (!w->wrote)
      cli_progress_update (event->fraction, event->stage);
    return;
  }
  if (cli_globals.json)
    return;
  cli_progress_end ();
  if (event->type == AX_EVENT_BOX) {
    w->n_boxes++;
    if (event->box.at != w->n_bytes)
      return;                    /* it belongs to something that is written already */
    cli_print ("%s[%u]", w->last == '\0' || w->last == ' ' ? "" : " ", w->n_boxes);
    w->last = ']';
  } else if (*event->text != '\0') {
    cli_print ("%s%s", w->last == ']' && g_ascii_isalnum (*event->text) ? " " : "", event->text);
    w->n_bytes += strlen (event->text);
    w->last = event->text[strlen (event->text) - 1];
  }
  w->wrote = TRUE;
  fflush (stdout);
}

/* What follows the streamed text: boxes, options, and why it stopped. */
static void
print_rest (const AxAnswer *a)
{
  cli_print ("\n");
  for (guint i = 0; i < a->n_boxes; i++) {
    const AxAnswerBox *b = &a->boxes[i];
    cli_print ("  [%u] %-40s %6.0f %6.0f %6.0f %6.0f  %3.0f %%\n", i + 1, b->label != NULL ? b->label : "", b->box.x1, b->box.y1, b->box.x2, b->box.y2, 100 * b->confidence);
  }
  for (guint i = 0; i < a->n_sentences; i++)
    if (a->sentences[i].heart_ratio > 0)
      cli_print ("  \"%.*s\": the cardiothoracic ratio measured from the boxes is %.2f\n", (int) (a->sentences[i].end - a->sentences[i].start), a->plain + a->sentences[i].start,
                 a->sentences[i].heart_ratio);
  for (guint i = 0; i < a->n_options; i++)
    cli_print ("  %s %-40s %5.1f %%\n", a->options[i].tag, a->options[i].text, 100 * a->options[i].probability);
  if (a->stopped == AX_STOPPED_LENGTH)
    cli_print ("  (cut off after %u tokens; see --max-tokens)\n", a->n_tokens);
}

/* A cancelled answer is printed as far as it came, and is a failure. */
static CliStatus
finish (const CliCommand *command, const AxAnswer *last, AxModel *model)
{
  if (last->stopped == AX_STOPPED_CANCELLED)
    return cli_fail ("cancelled");
  if (!cli_globals.json)
    cli_print ("\n%s\nTime: %.0f ms (first word after %.0f), %.0f tokens a second\n", ax_model_caution (model), last->ms_total, last->ms_first, ax_answer_make_speed (last));
  return CLI_OK;
}

/* Each of texts (n of them; one request without text for 0) is asked in turn; several are one conversation. */
static CliStatus
ask (const CliCommand *command, AxTask task, const char *path, char **texts, int n)
{
  AxRequest request = { .task = task, .conversation = n > 1 ? 1 : 0, .probabilities = task == AX_TASK_CLASSIFY };
  AxBox boxes[AX_TASK_MAX_BOXES];
  CliStatus status = read_options (command, &request, boxes);
  if (status != CLI_OK)
    return status;
  g_autoptr (GError) error = NULL;
  g_autoptr (AxSession) session = cli_open_session ();
  g_autoptr (AxImage) image = ax_image_load (path, NULL, &error);
  if (image == NULL)
    return cli_fail_error (error);
  const int width = ax_image_get_width (image), height = ax_image_get_height (image);
  for (guint i = 0; i < request.n_boxes; i++)
    if (ax_box_area (ax_box_clamp (boxes[i], width, height)) <= 0)
      return cli_fail ("--box %s lies outside the image of %d x %d pixels", option_boxes[i], width, height);
  g_autoptr (AxAnswer) last = NULL;
  if (cli_globals.json && n > 1)
    cli_print ("[\n");
  for (int i = 0; i < MAX (n, 1); i++) {
    Writing writing = { 0 };
    g_autofree char *choice = option_options != NULL ? ax_options_write (texts[i], (const char *const *) option_options, g_strv_length (option_options)) : NULL;
    request.text = choice != NULL ? choice : n > 0 ? texts[i] : NULL;
    if (n > 1 && !cli_globals.json)
      cli_print ("%s> %s\n", i > 0 ? "\n" : "", texts[i]);
    cli_progress_begin (command->name);
    g_autoptr (AxAnswer) answer = cli_run (session, image, &request, on_event, &writing, &error);
    cli_progress_end ();
    if (answer == NULL)
      return cli_fail_error (error);
    if (i == 0)
      cli_warn_of_misfit (answer->perception);
    if (cli_globals.json) {
      g_autofree char *json = ax_answer_to_json (answer, path, ax_session_get_model (session), TRUE);
      cli_print ("%s%s\n", json, i + 1 < n && answer->stopped != AX_STOPPED_CANCELLED ? "," : "");
    } else
      print_rest (answer);
    g_clear_pointer (&last, ax_answer_unref);
    last = g_steal_pointer (&answer);
    if (last->stopped == AX_STOPPED_CANCELLED)
      break;
  }
  if (cli_globals.json && n > 1)
    cli_print ("]\n");
  return finish (command, last, ax_session_get_model (session));
}

/* ---- commands --------------------------------------------------------------------------------------------------------------- */

/* A command's name is its task's word, but that a question with options is a task of its own. */
static CliStatus
run_task (const CliCommand *command, int n_args, char **args)
{
  return ask (command, option_options != NULL ? AX_TASK_CHOOSE : (AxTask) ax_task_find (command->name), args[0], args + 1, n_args - 1);
}

#define LABEL_DETAILS \
  "\nA label's probability is that of the letter of \"Yes\" when it is asked for by itself, the mean of asking with Yes and No in either order."
#define OPTION_DETAILS \
  "\nOptions come with their probabilities: those of their letters, the mean of asking with the options in either order."

#define DETAILS                                                                                                                                     \
  "IMAGE is a PNG, JPEG or DICOM file of a frontal chest radiograph. The answer comes as it is made; boxes follow it, in pixels of the image.\n"      \
  "Needs a model with a language part. Ctrl+C ends the answer where it is."

const CliCommand cli_command_report = { .name = "report", .arguments = "IMAGE", .summary = "Findings and impression", .details = DETAILS, .min_args = 1, .max_args = 1,
                                        .options = plain_options, .run = run_task };
const CliCommand cli_command_ask = { .name = "ask", .arguments = "IMAGE QUESTION...", .summary = "Answers questions; several are one conversation", .details = DETAILS OPTION_DETAILS,
                                     .min_args = 2, .max_args = 64, .options = ask_options, .run = run_task };
const CliCommand cli_command_locate = { .name = "locate", .arguments = "IMAGE PHRASE", .summary = "Where on the image a phrase is true", .details = DETAILS, .min_args = 2,
                                        .max_args = 2, .options = plain_options, .run = run_task };
const CliCommand cli_command_anatomy = { .name = "anatomy", .arguments = "IMAGE NAME", .summary = "Where a structure is, in words and with its box", .details = DETAILS,
                                         .min_args = 2, .max_args = 2, .options = plain_options, .run = run_task };
const CliCommand cli_command_describe = { .name = "describe", .arguments = "IMAGE --box X1,Y1,X2,Y2", .summary = "What is in a region", .details = DETAILS, .min_args = 1,
                                          .max_args = 1, .options = region_options, .run = run_task };
const CliCommand cli_command_diagnose = { .name = "diagnose", .arguments = "IMAGE --box X1,Y1,X2,Y2", .summary = "The diagnosis of a region", .details = DETAILS,
                                          .min_args = 1, .max_args = 1, .options = region_options, .run = run_task };
const CliCommand cli_command_classify = { .name = "classify", .arguments = "IMAGE", .summary = "Which of the 14 labels the model names, and the probability of each that it knows", .details = DETAILS LABEL_DETAILS, .min_args = 1,
                                          .max_args = 1, .options = plain_options, .run = run_task };
const CliCommand cli_command_detect = { .name = "detect", .arguments = "IMAGE", .summary = "Abnormalities with their boxes", .details = DETAILS, .min_args = 1, .max_args = 1,
                                        .options = plain_options, .run = run_task };
