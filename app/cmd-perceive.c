/* perceive: what the Anatomy Perception Module says of one image. flip: whether it keeps left and right on the mirrored image. */
#include "app/cli.h"
#include "app/progress.h"
#include "engine/session/annotate.h"

static gboolean option_flip;
static char *option_draw;
static int option_alternatives = 1;

static const GOptionEntry perceive_options[] = {
  { "flip", 0, 0, G_OPTION_ARG_NONE, &option_flip, "Mirror the pixels left to right first; boxes are then those of the mirrored image", NULL },
  { "draw", 0, 0, G_OPTION_ARG_FILENAME, &option_draw, "Also write the image with boxes, findings and sentences as PNG", "OUT.png" },
  { "alternatives", 0, 0, G_OPTION_ARG_INT, &option_alternatives, "Next best sentences shown for each structure (default: 1; JSON has all)", "N" },
  { NULL },
};

/* ---- text ----------------------------------------------------------------------------------------------------------------- */

static int
compare_probability (const void *a, const void *b)
{
  const AxFinding *f = *(const AxFinding *const *) a, *g = *(const AxFinding *const *) b;
  return f->probability > g->probability ? -1 : f->probability < g->probability ? 1 : f < g ? -1 : 1;
}

static void
print_findings (const AxPerception *p)
{
  g_autofree const AxFinding **sorted = g_new (const AxFinding *, p->n_findings);
  for (guint i = 0; i < p->n_findings; i++)
    sorted[i] = &p->findings[i];
  qsort (sorted, p->n_findings, sizeof sorted[0], compare_probability);
  cli_print ("Findings, probability\n");
  for (guint i = 0; i < p->n_findings; i++) {
    char bar[21] = "";
    int cells = (int) (20 * CLAMP (sorted[i]->probability, 0, 1) + 0.5);
    for (int j = 0; j < cells; j++)
      bar[j] = '#', bar[j + 1] = '\0';
    cli_print ("  %-28s %5.1f %%  %s\n", sorted[i]->name, 100 * sorted[i]->probability, bar);
  }
}

static void
print_structures (const AxPerception *p)
{
  cli_print ("Structures, box x1 y1 x2 y2 in pixels, similarity and sentence\n");
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    const AxAnatomy *a = &p->anatomy[i];
    cli_print ("  %-44s %6.0f %6.0f %6.0f %6.0f", a->name, a->box.x1, a->box.y1, a->box.x2, a->box.y2);
    if (a->n_retrieved > 0)
      cli_print ("  %5.2f  %s", a->retrieved[0].score, a->retrieved[0].sentence);
    cli_print ("\n");
    for (guint j = 1; j < a->n_retrieved && j <= (guint) option_alternatives; j++)
      cli_print ("  %-44s %27s  %5.2f  %s\n", "", "next best", a->retrieved[j].score, a->retrieved[j].sentence);
  }
}

static void
print_header (const AxPerception *p, const char *path, AxModel *model)
{
  cli_print ("%s: %d x %d pixels%s; model %s %.12s\n", path, p->width, p->height, p->mirrored ? ", mirrored" : "", ax_model_name (model),
             ax_model_sha256 (model));
}

static void
print_caution (AxModel *model, const AxPerception *p)
{
  cli_print ("\n%s\n", ax_model_caution (model));
  if (p != NULL)
    cli_print ("Time: %.0f ms (image %.0f, network %.0f, retrieval %.0f)\n", p->ms_total, p->ms_preprocess, p->ms_perceive, p->ms_retrieve);
}

/* ---- perceive ------------------------------------------------------------------------------------------------------------- */

static CliStatus
run_perceive (const CliCommand *command, int n_args, char **args)
{
  const char *path = args[0];
  if (option_alternatives < 0)
    return cli_usage (command, "--alternatives is a number from 0 upwards");
  g_autofree char *out = option_draw != NULL ? g_path_get_dirname (option_draw) : NULL;
  if (out != NULL && !g_file_test (out, G_FILE_TEST_IS_DIR))
    return cli_fail ("%s: there is no such folder for the picture", out);
  g_autoptr (GError) error = NULL;
  g_autoptr (AxSession) session = cli_open_session ();
  g_autoptr (AxImage) image = ax_image_load (path, NULL, &error);
  if (image == NULL)
    return cli_fail_error (error);
  cli_progress_begin (command->name);
  g_autoptr (AxPerception) p = cli_perceive (session, image, option_flip, &error);
  cli_progress_end ();
  if (p == NULL)
    return cli_fail_error (error);
  cli_warn_of_misfit (p);
  AxModel *model = ax_session_get_model (session);
  if (option_draw != NULL && !ax_annotate_write_png (image, p, model, option_draw, &error))
    return cli_fail_error (error);
  if (cli_globals.json) {
    g_autofree char *json = ax_perception_to_json (p, path, model, TRUE);
    cli_print ("%s\n", json);
    return CLI_OK;
  }
  print_header (p, path, model);
  cli_print ("\n");
  print_findings (p);
  cli_print ("\n");
  print_structures (p);
  print_caution (model, p);
  if (option_draw != NULL)
    cli_print ("Picture: %s\n", option_draw);
  return CLI_OK;
}

const CliCommand cli_command_perceive = {
  .name = "perceive",
  .arguments = "IMAGE",
  .summary = "36 structures with boxes and sentences, and the findings",
  .details = "IMAGE is a PNG, JPEG or DICOM file of a frontal chest radiograph.\n"
             "Boxes are in pixels of the image as it is in the file: x to the right, y down.",
  .min_args = 1, .max_args = 1,
  .options = perceive_options,
  .run = run_perceive,
};

/* ---- flip ----------------------------------------------------------------------------------------------------------------- */

static void
print_flip (const AxFlipReport *r)
{
  cli_print ("Pair                                                       side   IoU left  IoU right\n");
  for (guint i = 0; i < AX_N_PAIRS; i++) {
    const AxFlipPair *pair = &r->pairs[i];
    g_autofree char *names = g_strdup_printf ("%s / %s", ax_anatomy_short_name (pair->left), ax_anatomy_short_name (pair->right));
    cli_print ("  %-56s %-6s %8.2f   %8.2f\n", names, pair->kept ? "kept" : "LOST", pair->iou_left, pair->iou_right);
  }
  cli_print ("\nSides kept: %u of %d; mean IoU of all %d structures with the mirrored answer: %.3f\n", r->n_kept, AX_N_PAIRS, AX_N_ANATOMY, r->mean_iou);
}

static CliStatus
run_flip (const CliCommand *command, int n_args, char **args)
{
  const char *path = args[0];
  g_autoptr (GError) error = NULL;
  g_autoptr (AxSession) session = cli_open_session ();
  g_autoptr (AxImage) image = ax_image_load (path, NULL, &error);
  if (image == NULL)
    return cli_fail_error (error);
  cli_progress_begin ("flip: the image as it is");
  g_autoptr (AxPerception) plain = cli_perceive (session, image, FALSE, &error);
  cli_progress_end ();
  if (plain == NULL)
    return cli_fail_error (error);
  cli_warn_of_misfit (plain);
  cli_progress_begin ("flip: the mirrored image");
  g_autoptr (AxPerception) mirrored = cli_perceive (session, image, TRUE, &error);
  cli_progress_end ();
  if (mirrored == NULL)
    return cli_fail_error (error);
  AxModel *model = ax_session_get_model (session);
  if (cli_globals.json) {
    g_autofree char *json = ax_flip_to_json (plain, mirrored, path, model, TRUE);
    cli_print ("%s\n", json);
    return CLI_OK;
  }
  AxFlipReport report;
  ax_flip_compare (plain, mirrored, &report);
  print_header (plain, path, model);
  cli_print ("\n");
  print_flip (&report);
  print_caution (model, NULL);
  return CLI_OK;
}

const CliCommand cli_command_flip = {
  .name = "flip",
  .arguments = "IMAGE",
  .summary = "Left and right on the image and on its mirror image",
  .details = "The pixels are mirrored left to right and perceived again. A side is kept when the boxes of both structures of a pair moved to the other\n"
             "half of the image, as the anatomy did. IoU compares each box with the mirrored image's answer, mirrored back.",
  .min_args = 1, .max_args = 1,
  .run = run_flip,
};
