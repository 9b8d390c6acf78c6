/* The evaluation's arithmetic on answers made by hand, whose figures are known, its reports and its configuration file. */
#include "engine/evaluation/apm_figures.h"
#include "engine/evaluation/apm_report.h"
#include "engine/evaluation/eval_apm.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

/* Sums of under 10^5 terms of at most 1 in double precision: 10^5 * 2^-53 */
#define EXACT 2e-11
#define N 40
#define ROUNDS 200

static void near(const char *what, double got, double want, double tolerance) {
  g_test_message("%s: %.12g, expected %.12g, %.2g of the tolerance", what, got, want, fabs(got - want) / tolerance);
  g_assert_true(fabs(got - want) <= tolerance);
}

typedef struct {
  AxDatasetImage images[N];
  AxFindingBox boxes[N];
  char patients[N][8];
  AxApmCase cases[N];
  AxApmBaseline baseline;
} World;

/* Left structures of pairs on the right of the image, right ones mirrored, all else in the middle; rows apart, so that no two structures overlap. */
static void truth_boxes(AxBox boxes[AX_N_ANATOMY]) {
  for (guint o = 0; o < AX_N_ANATOMY; o++)
    boxes[o] = (AxBox){462, 20 + 28 * o, 562, 40 + 28 * o};
  for (guint p = 0; p < AX_N_PAIRS; p++) {
    guint l, r;
    ax_anatomy_pair(p, &l, &r);
    boxes[l].x1 = 700, boxes[l].x2 = 800;
    boxes[r] = ax_box_mirror(boxes[l], AX_DATASET_FRAME);
  }
}

/* N images of N / 2 patients, read by ChestX-Det and for opacities by RSNA; even ones have an opacity drawn exactly in the left lower zone (10), which overlaps no other. Perfect
 * answers. */
static World *world_new(void) {
  World *w = g_new0(World, 1);
  for (guint i = 0; i < N; i++) {
    AxDatasetImage *image = &w->images[i];
    g_snprintf(w->patients[i], sizeof w->patients[i], "%u", i / 2);
    image->file = (char *) "x.jpg", image->patient = w->patients[i];
    image->ok = TRUE;
    truth_boxes(image->boxes);
    for (guint o = 0; o < AX_N_ANATOMY; o++)
      image->visible[o] = TRUE;
    image->text = 1u << AX_NIH_NO_FINDING;
    image->chestxdet13 = TRUE;
    image->rsna = i % 2 == 0 ? AX_RSNA_OPACITY : AX_RSNA_NOT_NORMAL;
    if (i % 2 == 0) {
      w->boxes[i] = (AxFindingBox){AX_BOX_CONSOLIDATION, AX_SOURCE_CHESTXDET13, image->boxes[10]};
      image->n_findings = 1, image->findings = &w->boxes[i];
      image->chestxdet_present = 1u << AX_BOX_CONSOLIDATION;
    }
    ax_dataset_image_label(image);
    AxApmCase *c = &w->cases[i];
    c->image = image;
    for (guint o = 0; o < AX_N_ANATOMY; o++) {
      c->plain[o] = image->boxes[o];
      c->mirrored[o] = ax_box_mirror(image->boxes[o], AX_DATASET_FRAME);
      c->understood[o] = TRUE;
    }
    if (i % 2 == 0)
      c->named[10] = 1u << AX_MARK_LUNG_OPACITY;
    for (guint l = 0; l < AX_DATASET_N_LABELS; l++)
      c->probability[l] = image->reader_value[l] ? 0.95 : 0.05;
  }
  g_autoptr(GPtrArray) all = g_ptr_array_new();
  for (guint i = 0; i < N; i++)
    g_ptr_array_add(all, &w->images[i]);
  ax_apm_baseline_learn(all, &w->baseline);
  return w;
}

static void test_perfect(void) {
  g_autofree World *w = world_new();
  g_autofree AxApmFigures *f = g_new(AxApmFigures, 1);
  ax_apm_figures(w->cases, N, &w->baseline, ROUNDS, 1, f);
  g_assert_cmpuint(f->n_patients, ==, N / 2);
  g_assert_cmpuint(f->n_opacity, ==, N / 2);
  near("IoU", f->iou.value, 1, EXACT);
  g_assert_cmpuint(f->iou.n, ==, N * AX_N_ANATOMY);
  near("lower end", f->iou.lo, 1, EXACT);
  near("sides", f->sides_kept.value, 1, EXACT);
  g_assert_cmpuint(f->sides_kept.n, ==, N * AX_N_PAIRS);
  g_assert_cmpuint(f->sides_kept_opacity.n, ==, N / 2 * AX_N_PAIRS);
  near("consistency", f->consistency.value, 1, EXACT);
  const AxFindingFigures *opacity = &f->finding[AX_TRUTH_READERS][AX_LABEL_LUNG_OPACITY];
  g_assert_cmpuint(opacity->positives, ==, N / 2);
  near("AUROC of lung opacity", opacity->auroc.value, 1, EXACT);
  near("mean AUROC", f->auroc_mean[AX_TRUTH_READERS].value, 1, EXACT);
  near("calibration error", f->calibration_error.value, 0.05, EXACT);
  near("marked and named", f->retrieval.recall.value, 1, EXACT);
  near("named and marked", f->retrieval.precision.value, 1, EXACT);
  g_assert_cmpuint(f->retrieval.recall.n, ==, N / 2);
  /* truth is the same on each image, so the average box is it */
  near("average box", f->baseline_iou, 1, EXACT);
  g_test_message("most frequent: %x, with a finding: %x", w->baseline.majority[10], w->baseline.majority_finding[10]);
  g_assert_cmpuint(w->baseline.majority_finding[10], ==, 1u << AX_MARK_LUNG_OPACITY);
  near("always the same finding: found", f->retrieval_majority_finding.recall.value, 1, EXACT);
  near("always the same finding: half wrong", f->retrieval_majority_finding.precision.value, 0.5, EXACT);
}

/* A network that knows places but not sides: it answers the same boxes whatever the picture. */
static void test_blind_to_sides(void) {
  g_autofree World *w = world_new();
  g_autofree AxApmFigures *f = g_new(AxApmFigures, 1);
  for (guint i = 0; i < N; i++)
    memcpy(w->cases[i].mirrored, w->cases[i].plain, sizeof w->cases[i].plain);
  ax_apm_figures(w->cases, N, &w->baseline, ROUNDS, 1, f);
  near("plain", f->sides_plain.value, 1, EXACT);
  near("mirrored", f->sides_mirrored.value, 0, EXACT);
  near("kept", f->sides_kept.value, 0, EXACT);
  /* 24 structures in pairs come out on the other side, IoU 0; 12 in the middle agree */
  near("consistency", f->consistency.value, 12.0 / 36, EXACT);
  near("IoU is blind to it", f->iou.value, 1, EXACT);
}

static void test_errors_by_hand(void) {
  g_autofree World *w = world_new();
  g_autofree AxApmFigures *f = g_new(AxApmFigures, 1);
  /* the heart half as wide: IoU 1/2; the left lung hidden on one image */
  for (guint i = 0; i < N; i++)
    w->cases[i].plain[4].x2 = 512;
  w->images[1].visible[11] = FALSE;
  /* one of 40 images: one pair swapped on the mirrored picture alone */
  guint l, r;
  ax_anatomy_pair(3, &l, &r);
  const AxBox box = w->cases[0].mirrored[l];
  w->cases[0].mirrored[l] = w->cases[0].mirrored[r], w->cases[0].mirrored[r] = box;
  /* sentences: 5 of 20 opacities unnamed; 10 healthy lower zones called opaque; named where nobody looked: not judged */
  for (guint i = 0; i < 5; i++)
    w->cases[2 * i].named[10] = 0;
  for (guint i = 0; i < 10; i++)
    w->cases[2 * i + 1].named[10] = 1u << AX_MARK_LUNG_OPACITY;
  w->cases[20].named[10] |= 1u << AX_MARK_EDEMA;
  /* one positive scored below all negatives: 1 of 20 loses to 20 of 20 */
  w->cases[0].probability[AX_LABEL_LUNG_OPACITY] = 0.01;
  w->cases[3].understood[7] = FALSE;
  ax_apm_figures(w->cases, N, &w->baseline, ROUNDS, 1, f);
  near("heart", f->iou_heart.value, 0.5, EXACT);
  near("mean of the 36", f->iou.value, 35.5 / 36, EXACT);
  g_assert_cmpuint(f->iou.n, ==, N * AX_N_ANATOMY - 1);
  /* the pair of lungs does not count on the image where one is hidden */
  near("sides", f->sides_kept.value, 1 - 1.0 / (N * AX_N_PAIRS - 1), EXACT);
  near("that pair", f->sides_pair[3].value, 39.0 / 40, EXACT);
  near("marked and named", f->retrieval.recall.value, 0.75, EXACT);
  near("named and marked", f->retrieval.precision.value, 15.0 / 25, EXACT);
  g_assert_cmpuint(f->retrieval_mark[AX_MARK_LUNG_OPACITY].fp, ==, 10);
  near("AUROC", f->finding[AX_TRUTH_READERS][AX_LABEL_LUNG_OPACITY].auroc.value, 0.95, EXACT);
  g_assert_cmpuint(f->n_not_understood, ==, 1);
  g_assert_true(f->retrieval.recall.lo < 0.75 && f->retrieval.recall.hi > 0.75 && f->retrieval.recall.lo > 0.4);
}

static void test_mirrored_film(void) {
  g_autofree World *w = world_new();
  g_autofree AxApmFigures *f = g_new(AxApmFigures, 1);
  AxApmCase *c = &w->cases[7];
  c->truly_mirrored = TRUE;
  w->images[7].ok = FALSE;
  /* answered right: what is mirrored on the film is mirrored in the answer, except for two pairs */
  memcpy(c->mirrored, w->cases[6].plain, sizeof c->mirrored);
  memcpy(c->plain, w->cases[6].mirrored, sizeof c->plain);
  for (guint p = 0; p < 2; p++) {
    guint l, r;
    ax_anatomy_pair(p, &l, &r);
    const AxBox box = c->plain[l];
    c->plain[l] = c->plain[r], c->plain[r] = box;
  }
  ax_apm_figures(w->cases, N, &w->baseline, 0, 1, f);
  g_assert_cmpuint(f->film_pairs, ==, 12);
  g_assert_cmpuint(f->film_plain, ==, 10);
  g_assert_cmpuint(f->film_mirrored, ==, 12);
  g_assert_cmpuint(f->film_kept, ==, 10);
  near("the others", f->sides_kept.value, 1, EXACT);
  g_assert_cmpuint(f->sides_kept.n, ==, (N - 1) * AX_N_PAIRS);
}

static void test_case_fill(void) {
  g_autofree World *w = world_new();
  g_autofree AxPerception *plain = g_new0(AxPerception, 1), *mirrored = g_new0(AxPerception, 1);
  AxRetrieved hit = {(char *) "Left lower lung zone shows lung opacity and pleural effusion.", 0.9}, odd = {(char *) "Bases are hazy", 0.5};
  AxFinding findings[2] = {{"Pleural Effusion", 0.25}, {"Something else", 0.5}};
  plain->anatomy[10].n_retrieved = 1, plain->anatomy[10].retrieved = &hit;
  plain->anatomy[11].n_retrieved = 1, plain->anatomy[11].retrieved = &odd;
  plain->anatomy[3].box1024 = (AxBox){1, 2, 3, 4};
  mirrored->anatomy[3].box1024 = (AxBox){5, 6, 7, 8};
  plain->n_findings = 2, plain->findings = findings;
  AxApmCase c;
  ax_apm_case_fill(&w->images[0], plain, mirrored, &c);
  g_assert_true(c.image == &w->images[0]);
  g_assert_true(c.understood[10] && !c.understood[11] && !c.understood[12]);
  g_assert_cmpuint(c.named[10], ==, 1u << AX_MARK_LUNG_OPACITY | 1u << AX_MARK_PLEURAL_EFFUSION);
  g_assert_cmpfloat(c.plain[3].y2, ==, 4);
  g_assert_cmpfloat(c.mirrored[3].x1, ==, 5);
  g_assert_cmpfloat(c.probability[AX_LABEL_PLEURAL_EFFUSION], ==, 0.25);
  g_assert_true(isnan(c.probability[AX_LABEL_EDEMA]));
}

static void test_report(void) {
  g_autofree World *w = world_new();
  g_autofree AxApmFigures *f = g_new(AxApmFigures, 1);
  for (guint i = 0; i < N; i++) {
    w->cases[i].plain[4].x2 = 470 + 2 * i;
    w->cases[i].probability[AX_LABEL_SUPPORT_DEVICES] = NAN; /* a label that the model does not know */
  }
  ax_apm_figures(w->cases, N, &w->baseline, ROUNDS, 1, f);
  const AxApmReportInfo info = {"a-model", "0123456789abcdef", "data", "test", "2026-01-02", ROUNDS, 1};
  g_autofree char *json = ax_apm_report_json(f, &info), *again = ax_apm_report_json(f, &info);
  g_assert_cmpstr(json, ==, again);
  g_autoptr(JsonParser) parser = json_parser_new();
  g_autoptr(GError) error = NULL;
  g_assert_true(json_parser_load_from_data(parser, json, -1, &error));
  JsonObject *root = json_node_get_object(json_parser_get_root(parser)), *boxes = json_object_get_object_member(root, "boxes");
  JsonObject *heart = json_object_get_object_member(boxes, "heart_iou");
  near("heart in the file", json_object_get_double_member(heart, "value"), f->iou_heart.value, 0.5e-4 /* four decimals */ + EXACT);
  g_assert_cmpint(json_object_get_int_member(heart, "n"), ==, N);
  g_assert_cmpuint(json_array_get_length(json_object_get_array_member(root, "structures")), ==, AX_N_ANATOMY);
  g_assert_cmpuint(json_array_get_length(json_object_get_array_member(root, "findings")), ==, AX_DATASET_N_LABELS);

  JsonArray *findings = json_object_get_array_member(root, "findings");
  g_assert_false(json_object_get_boolean_member(json_array_get_object_element(findings, AX_LABEL_SUPPORT_DEVICES), "reported"));
  g_assert_true(json_object_get_boolean_member(json_array_get_object_element(findings, AX_LABEL_LUNG_OPACITY), "reported"));

  g_autofree char *markdown = ax_apm_report_markdown(f, &info);
  g_assert_nonnull(strstr(markdown, "| Support Devices | not reported by the model |"));
  g_autofree char *row = g_strdup_printf("| IoU of the heart | %.3f | %.3f – %.3f | %u | 0.82 |", f->iou_heart.value, f->iou_heart.lo, f->iou_heart.hi, N);
  g_assert_nonnull(strstr(markdown, row));
  for (guint o = 0; o < AX_N_ANATOMY; o++)
    g_assert_nonnull(strstr(markdown, ax_anatomy_name(o)));

  /* AX_KEEP keeps the charts there, to be looked at */
  const char *keep = g_getenv("AX_KEEP");
  g_autofree char *dir = keep != NULL ? g_strdup(keep) : g_dir_make_tmp("ax-report-XXXXXX", &error);
  g_assert_no_error(error);
  g_assert_true(ax_apm_report_charts(f, &info, dir, &error));
  g_assert_no_error(error);
  static const char *const charts[] = {"quality-structures.png", "quality-findings.png", "quality-reliability.png", "quality-retrieval.png", "quality-sides.png"};
  for (guint i = 0; i < G_N_ELEMENTS(charts); i++) {
    g_autofree char *path = g_build_filename(dir, charts[i], NULL);
    GStatBuf st;
    g_assert_cmpint(g_stat(path, &st), ==, 0);
    g_assert_cmpint(st.st_size, >, 4000);
    if (keep == NULL)
      g_remove(path);
  }
  if (keep == NULL)
    g_rmdir(dir);
}

/* No image at all, and images of which nothing is known: undefined figures, no crash. */
static void test_nothing(void) {
  g_autofree World *w = world_new();
  g_autofree AxApmFigures *f = g_new(AxApmFigures, 1);
  const AxApmReportInfo info = {"a-model", "0123456789abcdef", "data", "test", "2026-01-02", 10, 1};
  ax_apm_figures(w->cases, 0, &w->baseline, 10, 1, f);
  g_assert_true(isnan(f->iou.value) && isnan(f->retrieval.recall.value) && f->n_images == 0);
  AxDatasetImage *unknown = &w->images[0];
  unknown->ok = FALSE, unknown->n_findings = 0, unknown->chestxdet13 = FALSE, unknown->rsna = AX_RSNA_UNREAD, unknown->text = 0;
  memset(unknown->reader_known, 0, sizeof unknown->reader_known);
  memset(unknown->text_known, 0, sizeof unknown->text_known);
  ax_apm_figures(w->cases, 1, &w->baseline, 10, 1, f);
  g_assert_true(isnan(f->sides_kept.value) && isnan(f->auroc_mean[AX_TRUTH_KNOWN].value) && isnan(f->calibration_error.value));
  near("consistency needs no truth", f->consistency.value, 1, EXACT);
  g_autofree char *json = ax_apm_report_json(f, &info), *markdown = ax_apm_report_markdown(f, &info);
  g_assert_null(strstr(json, "nan"));
  g_assert_null(strstr(markdown, "nan"));
}

static AxEvalConfig *config_from(const char *path, const char *text, GError **error) {
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  return ax_eval_config_load(path, error);
}

static void test_config(void) {
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp("ax-eval-XXXXXX", &error), *path = g_build_filename(dir, "eval.json", NULL);
  g_autoptr(AxEvalConfig) c = config_from(path, "{\"data\": \"nih\", \"split\": \"/s.csv\", \"part\": \"validation\", \"rounds\": 50}", &error);
  g_assert_no_error(error);
  g_autofree char *data = g_build_filename(dir, "nih", NULL);
  g_assert_cmpstr(c->data, ==, data);
  g_assert_cmpstr(c->split_file, ==, "/s.csv");
  g_assert_cmpint(c->part, ==, AX_SPLIT_VALIDATION);
  g_assert_cmpuint(c->rounds, ==, 50);
  g_assert_null(c->model);
  static const char *const bad[] = {
    "{\"data\": \"nih\"}", "{\"data\": \"nih\", \"split\": 3}", "{\"data\": \"nih\", \"split\": \"s\", \"part\": \"dev\"}",
    "{\"data\": \"nih\", \"split\": \"s\", \"round\": 5}", "{\"data\": \"nih\", \"split\": \"s\", \"rounds\": 1e9}",
    "{\"data\": \"nih\", \"split\": \"s\", \"mirrored_films\": [1]}", "[]", "",
  };
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_assert_null(config_from(path, bad[i], &error));
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_clear_error(&error);
  }
  g_remove(path);
  g_rmdir(dir);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/apm-figures/perfect", test_perfect);
  g_test_add_func("/apm-figures/blind-to-sides", test_blind_to_sides);
  g_test_add_func("/apm-figures/errors-by-hand", test_errors_by_hand);
  g_test_add_func("/apm-figures/mirrored-film", test_mirrored_film);
  g_test_add_func("/apm-figures/case-fill", test_case_fill);
  g_test_add_func("/apm-figures/report", test_report);
  g_test_add_func("/apm-figures/nothing", test_nothing);
  g_test_add_func("/apm-figures/config", test_config);
  return g_test_run();
}
