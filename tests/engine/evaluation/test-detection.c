/* Box scores against the authors' own numbers (../shared/reference/J_eval, tolerance 1e-5 as given there: their arithmetic is float32) and against
 * exhaustive search. */
#include "engine/evaluation/detection.h"
#include "engine/evaluation/metrics.h"

#include <json-glib/json-glib.h>
#include <math.h>

#include "engine/training/random.h"

#define TOLERANCE 1e-5

static double worst;

static void same(const char *what, double got, double want) {
  if (isnan(want)) {
    if (!isnan(got))
      g_error("%s: %g, expected NaN", what, got);
    return;
  }
  if (!(fabs(got - want) <= TOLERANCE))
    g_error("%s: %.9g, expected %.9g", what, got, want);
  worst = MAX(worst, fabs(got - want));
}

static JsonParser *load_expected(void) {
  g_autofree char *path = g_build_filename(g_getenv("AX_SHARED") ? g_getenv("AX_SHARED") : "../shared", "reference", "J_eval", "expected.json", NULL);
  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    g_autofree char *why = g_strdup_printf("%s is not here", path);
    g_test_skip(why);
    return NULL;
  }
  g_autoptr(GError) error = NULL;
  JsonParser *parser = json_parser_new();
  json_parser_load_from_file(parser, path, &error);
  g_assert_no_error(error);
  return parser;
}

static AxBox box_of(JsonArray *a) {
  return (AxBox){json_array_get_double_element(a, 0), json_array_get_double_element(a, 1), json_array_get_double_element(a, 2), json_array_get_double_element(a, 3)};
}

/* [[boxes], [labels]] as the reference parsed them; the arrays live as long as pool. */
static AxLabelledBoxes boxes_of(JsonObject *o, const char *key, GPtrArray *pool) {
  JsonArray *pair = json_object_get_array_member(o, key);
  JsonArray *list = json_array_get_array_element(pair, 0), *names = json_array_get_array_element(pair, 1);
  const guint n = json_array_get_length(list);
  AxBox *boxes = g_new(AxBox, n + 1);
  const char **labels = g_new0(const char *, n + 1);
  for (guint i = 0; i < n; i++) {
    boxes[i] = box_of(json_array_get_array_element(list, i));
    if (i < json_array_get_length(names) && !json_array_get_null_element(names, i))
      labels[i] = json_array_get_string_element(names, i);
  }
  g_ptr_array_add(pool, boxes);
  g_ptr_array_add(pool, labels);
  return (AxLabelledBoxes){n, boxes, labels};
}

/* A number, "nan", or null (which *given reports). */
static double number_of(JsonObject *o, const char *key, gboolean *given) {
  JsonNode *node = json_object_get_member(o, key);
  *given = !JSON_NODE_HOLDS_NULL(node);
  return *given && json_node_get_value_type(node) != G_TYPE_STRING ? json_node_get_double(node) : NAN;
}

static void test_reference(void) {
  g_autoptr(JsonParser) parser = load_expected();
  if (parser == NULL)
    return;
  JsonObject *root = json_node_get_object(json_parser_get_root(parser));
  JsonArray *cases = json_object_get_array_member(root, "detection");
  const guint n = json_array_get_length(cases);
  g_assert_cmpuint(n, ==, 30);
  g_autoptr(GPtrArray) pool = g_ptr_array_new_with_free_func(g_free);
  g_autofree AxLabelledBoxes *refs = g_new(AxLabelledBoxes, n), *preds = g_new(AxLabelledBoxes, n);
  double strict_sum = 0, map_sum = 0;
  guint strict_n = 0, map_n = 0;
  worst = 0;
  for (guint i = 0; i < n; i++) {
    JsonObject *o = json_array_get_object_element(cases, i), *authors = json_object_get_object_member(o, "authors");
    refs[i] = boxes_of(o, "parsed_reference", pool), preds[i] = boxes_of(o, "parsed_prediction", pool);
    AxDetectionScores s;
    const gboolean scored = ax_detection_scores(&refs[i], &preds[i], NULL, NULL, &s);
    gboolean given;
    const double iou = number_of(authors, "iou", &given);
    g_assert_cmpint(scored, ==, given);
    if (scored) {
      same("iou", s.iou, iou);
      same("mAP", s.map, number_of(authors, "mAP", &given));
      same("mAP@50", s.map50, number_of(authors, "mAP@50", &given));
      same("mAP@75", s.map75, number_of(authors, "mAP@75", &given));
      map_sum += s.map, map_n++;
    }
    const double strict = ax_strict_iou(refs[i].boxes, refs[i].n, preds[i].boxes, preds[i].n), want = number_of(o, "strict_iou", &given);
    same("strict IoU", strict, want);
    g_assert_cmpint(isnan(strict), ==, !given);
    if (given)
      strict_sum += strict, strict_n++;
  }
  JsonObject *means = json_object_get_object_member(root, "detection_mean_of_samples"), *strict = json_object_get_object_member(root, "strict");
  gboolean given;
  same("mean mAP", map_sum / map_n, number_of(means, "mAP", &given));
  same("mean strict IoU", strict_sum / strict_n, number_of(strict, "iou_mean", &given));

  double coco[10];
  for (int i = 0; i < 10; i++)
    coco[i] = 0.5 + 0.05 * i;
  const double four[4] = {0.25, 0.5, 0.75, 0.95};
  const struct { const char *key; const double *thresholds; guint n; } pooled[2] = {{"coco_0.50_0.95", coco, 10}, {"thresholds_0.25_0.5_0.75_0.95", four, 4}};
  for (int k = 0; k < 2; k++) {
    const AxCocoScores s = ax_detection_coco(refs, preds, n, pooled[k].thresholds, pooled[k].n);
    JsonObject *want = json_object_get_object_member(strict, pooled[k].key);
    same("pooled map", s.map, number_of(want, "map", &given));
    same("pooled map_50", s.map50, number_of(want, "map_50", &given));
    same("pooled map_75", s.map75, number_of(want, "map_75", &given));
    same("pooled mar_1", s.mar1, number_of(want, "mar_1", &given));
    same("pooled mar_10", s.mar10, number_of(want, "mar_10", &given));
    same("pooled mar_100", s.mar100, number_of(want, "mar_100", &given));
  }
  g_test_message("30 pairs: largest difference %.2g, %.2g of the tolerance", worst, worst / TOLERANCE);
}

static void test_index_matched(void) {
  g_autoptr(JsonParser) parser = load_expected();
  if (parser == NULL)
    return;
  JsonObject *o = json_object_get_object_member(json_node_get_object(json_parser_get_root(parser)), "apm_index_matched_iou");
  JsonArray *pred = json_object_get_array_member(o, "pred"), *gt = json_object_get_array_member(o, "gt");
  AxBox a[72], b[72];
  guint n = 0;
  for (guint i = 0; i < json_array_get_length(pred); i++)
    for (guint k = 0; k < 36 && n < 72; k++, n++) {
      a[n] = box_of(json_array_get_array_element(json_array_get_array_element(pred, i), k));
      b[n] = box_of(json_array_get_array_element(json_array_get_array_element(gt, i), k));
    }
  g_assert_cmpuint(n, ==, 72);
  worst = 0;
  same("index-matched IoU", ax_mean_iou(a, b, NULL, n), json_object_get_double_member(o, "avg_iou"));
  g_test_message("2 x 36 boxes: %.2g of the tolerance", worst / TOLERANCE);
}

/* Best sum over all ways of giving references to predictions. */
static double exhaustive(const AxBox *r, guint nr, const AxBox *p, guint np, guint row, guint used) {
  if (row == nr)
    return 0;
  double best = exhaustive(r, nr, p, np, row + 1, used);
  for (guint j = 0; j < np; j++)
    if (!(used & 1u << j))
      best = MAX(best, ax_box_iou(r[row], p[j]) + exhaustive(r, nr, p, np, row + 1, used | 1u << j));
  return best;
}

static void test_assignment(void) {
  AxRandom g = ax_random_init(5, 0, 0);
  double largest = 0;
  for (int round = 0; round < 300; round++) {
    AxBox r[6], p[6];
    const guint nr = 1 + (guint) ax_random_below(&g, 6), np = 1 + (guint) ax_random_below(&g, 6);
    for (int i = 0; i < 6; i++) {
      const double x = ax_random_range(&g, 0, 60), y = ax_random_range(&g, 0, 60), u = ax_random_range(&g, 0, 60), v = ax_random_range(&g, 0, 60);
      r[i] = (AxBox){x, y, x + ax_random_range(&g, 10, 60), y + ax_random_range(&g, 10, 60)};
      p[i] = (AxBox){u, v, u + ax_random_range(&g, 10, 60), v + ax_random_range(&g, 10, 60)};
    }
    const double want = exhaustive(r, nr, p, np, 0, 0) / MAX(nr, np);
    largest = MAX(largest, fabs(ax_strict_iou(r, nr, p, np) - want));
  }
  /* sums of at most 6 numbers below 1 and as many potentials: a few dozen roundings of 2^-53 */
  const double tolerance = 64 * 0x1p-53;
  g_test_message("300 random sets: largest difference %.2g, %.2g of the tolerance", largest, largest / tolerance);
  g_assert_cmpfloat(largest, <=, tolerance);
}

static double alike(const char *reference, const char *predicted, gpointer user_data) {
  return *(const double *) user_data;
}

static void test_similarity(void) {
  const AxBox boxes[2] = {{100, 120, 400, 500}, {560, 133, 840, 310}};
  const char *const a[2] = {"opacity", "mass"}, *const b[2] = {"opacities", "tumour"};
  const AxLabelledBoxes ref = {2, boxes, a}, pred = {2, boxes, b};
  AxDetectionScores s;
  double v = 0.79;
  g_assert_true(ax_detection_scores(&ref, &pred, alike, &v, &s));
  g_assert_cmpfloat(s.map, ==, 0); /* below 0.8: no prediction has a class */
  v = 0.8;
  g_assert_true(ax_detection_scores(&ref, &pred, alike, &v, &s));
  g_assert_cmpfloat_with_epsilon(s.map, 0.5, 1e-12); /* equally similar: both take the first class, the second finds nothing */
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/detection/reference", test_reference);
  g_test_add_func("/detection/index-matched", test_index_matched);
  g_test_add_func("/detection/assignment", test_assignment);
  g_test_add_func("/detection/similarity", test_similarity);
  return g_test_run();
}
