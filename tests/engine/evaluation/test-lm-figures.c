/* The evaluation of the language part on answers made by hand: boxes as the reference parses them, what is well formed, a perfect answerer, one that always
 * says the same, one that is wrong in a known way, and the rule that copies the module. */
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "engine/evaluation/lm_answer.h"
#include "engine/evaluation/lm_report.h"
#include "engine/evaluation/lm_figures.h"
#include "engine/evaluation/lm_parse.h"
#include "engine/training/instruct_words.h"
#include "engine/training/split.h"
#include "tests/engine/training/nih.h"

#define BIT(x) (1u << (x))

/* ---- parsing ---- */

static void
test_boxes_reference (void)
{
  g_autofree char *path = g_build_filename (g_getenv ("AX_SHARED"), "reference", "J_eval", "expected.json", NULL);
  if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
    g_test_skip ("no ../shared/reference/J_eval");
    return;
  }
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();
  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  JsonArray *cases = json_object_get_array_member (json_node_get_object (json_parser_get_root (parser)), "detection");
  guint boxes = 0, labels = 0;
  for (guint i = 0; i < json_array_get_length (cases); i++)
    for (guint side = 0; side < 2; side++) {
      JsonObject *o = json_array_get_object_element (cases, i);
      JsonArray *want = json_object_get_array_member (o, side == 0 ? "parsed_reference" : "parsed_prediction");
      JsonArray *want_boxes = json_array_get_array_element (want, 0), *want_labels = json_array_get_array_element (want, 1);
      g_auto (AxLmBoxes) got = { 0 };
      ax_lm_boxes_read (json_object_get_string_member (o, side == 0 ? "reference" : "prediction"), &got);
      g_assert_cmpuint (got.n, ==, json_array_get_length (want_boxes));
      for (guint b = 0; b < got.n; b++, boxes++) {
        JsonArray *v = json_array_get_array_element (want_boxes, b);
        const double four[4] = { got.boxes[b].x1, got.boxes[b].y1, got.boxes[b].x2, got.boxes[b].y2 };
        for (guint k = 0; k < 4; k++)
          g_assert_cmpfloat (four[k], ==, json_array_get_double_element (v, k));
        if (!json_array_get_null_element (want_labels, b)) {
          g_assert_cmpstr (got.labels[b], ==, json_array_get_string_element (want_labels, b));
          labels++;
        } else
          g_assert_null (got.labels[b]);
      }
    }
  g_test_message ("%u boxes and %u labels as the authors parse them", boxes, labels);
}

static void
test_well_formed (void)
{
  static const struct { AxAsk ask; const char *question, *answer; gboolean good; } cases[] = {
    { AX_ASK_ANATOMY, "Where?", "The <ref>Left lung</ref> is at <box>(1,2),(30,40)</box> on the X-ray.", TRUE },
    { AX_ASK_ANATOMY, "Where?", "The <ref>Left lung</ref> is there.", FALSE },
    { AX_ASK_ANATOMY, "Where?", "<box>(1,2),(30,40)</box><box>(1,2),(30,40)</box>", FALSE },
    { AX_ASK_ANATOMY, "Where?", "<box>(1,2),(30,4000)</box>", FALSE },
    { AX_ASK_ANATOMY, "Where?", "<box>(-3,2),(1030,40)</box>", TRUE },
    { AX_ASK_ANATOMY, "Where?", "<box>(30,2),(3,40)</box>", FALSE },
    { AX_ASK_ANATOMY, "Where?", "<box>(1,2),(30,40)", FALSE },
    { AX_ASK_ANATOMY, "Where?", "<ref>a<ref>b</ref></ref><box>(1,2),(30,40)</box>", FALSE },
    { AX_ASK_ANATOMY, "Where?", "<ref>a<box>(1,2),(30,40)</box></ref>", FALSE },
    { AX_ASK_ANATOMY, "Where?", "<image><box>(1,2),(30,40)</box>", FALSE },
    { AX_ASK_ANATOMY, "Where?", "<box>__BOX3__</box>", FALSE },
    { AX_ASK_PHRASE, "Where?", "No pleural effusion detected.", TRUE },
    { AX_ASK_PHRASE, "Where?", "No pleural effusion detected.<box>(1,2),(30,40)</box>", FALSE },
    { AX_ASK_PHRASE, "Where?", "Nothing.", FALSE },
    { AX_ASK_REPORT, "Report", "Findings:\nClear.\n\nImpression:\nNormal.", TRUE },
    { AX_ASK_REPORT, "Report", "Clear.", FALSE },
    { AX_ASK_REPORT, "Report", "", FALSE },
    { AX_ASK_REPORT, "Report", "Findings:\n\xff\n\nImpression:\nNormal.", FALSE },
    { AX_ASK_LIST, "Which? Options:\n(A) Edema\n(B) Pneumonia", "(B) Pneumonia, (A) Edema", TRUE },
    { AX_ASK_LIST, "Which? Options:\n(A) Edema\n(B) Pneumonia", "(B), (A)", TRUE },
    { AX_ASK_LIST, "Which? Options:\n(A) Edema\n(B) Pneumonia", "(C) Edema", FALSE },
    { AX_ASK_LIST, "Which? Options:\n(A) Edema\n(B) Pneumonia", "(A) Pneumonia", FALSE },
    { AX_ASK_NORMAL, "Normal? Options:\n(A) yes\n(B) no", "(B) no", TRUE },
    { AX_ASK_NORMAL, "Normal? Options:\n(A) yes\n(B) no", "no", FALSE },
    { AX_ASK_NORMAL, "Normal?", "No, it is not.", TRUE },
    { AX_ASK_NORMAL, "Normal?", "Nodule", FALSE },
    { AX_ASK_WHERE, "Where?", "Right lung", TRUE },
    { AX_ASK_WHERE, "Where?", "2 < 3", TRUE },
    { AX_ASK_WHERE, "Where?", "<ref>Right lung</ref><box>(1,2),(30,40)</box>", FALSE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const AxLmRequest r = { .ask = cases[i].ask, .text = (char *) cases[i].question };
    const char *wrong = ax_lm_malformed (&r, cases[i].answer);
    if ((wrong == NULL) != cases[i].good)
      g_error ("\"%s\": %s", cases[i].answer, wrong != NULL ? wrong : "taken for well formed");
  }
  const AxLmRequest options = { .ask = AX_ASK_NORMAL, .text = (char *) "Normal? Options:\n(A) no\n(B) yes" }, plain = { .ask = AX_ASK_NORMAL, .text = (char *) "Normal?" };
  g_assert_cmpint (ax_lm_yes (&options, "(B) yes"), ==, 1);
  g_assert_cmpint (ax_lm_yes (&options, "(A)"), ==, 0);
  g_assert_cmpint (ax_lm_yes (&options, "(C)"), ==, -1);
  g_assert_cmpint (ax_lm_yes (&plain, "(A)"), ==, -1);
  g_assert_cmpint (ax_lm_yes (&plain, " Yes."), ==, 1);
  g_assert_cmpint (ax_lm_yes (&plain, "Not really"), ==, -1);
}

/* ---- the real test patients ---- */

typedef struct {
  AxDataset *dataset;
  GPtrArray *images;
  AxImageFacts **facts;
  GPtrArray *requests;
  guint n;
} Real;

static gboolean
real_load (Real *real, gboolean quick)
{
  g_autoptr (AxSplit) split = NULL;
  if (!nih_load (&real->dataset, &split))
    return FALSE;
  real->images = ax_split_images (split, real->dataset, AX_SPLIT_TEST);
  real->n = real->images->len;
  real->facts = g_new0 (AxImageFacts *, real->n + 1);
  for (guint i = 0; i < real->n; i++)
    real->facts[i] = ax_image_facts_new (real->images->pdata[i], "x");
  AxLmPlan plan;
  (quick ? ax_lm_plan_quick : ax_lm_plan_full) (&plan);
  real->requests = ax_lm_requests_new (real->facts, real->n, &plan);
  return TRUE;
}

static void
real_free (Real *real)
{
  for (guint i = 0; i < real->n; i++)
    ax_image_facts_free (real->facts[i]);
  g_free (real->facts);
  g_ptr_array_unref (real->requests);
  g_ptr_array_unref (real->images);
  ax_dataset_free (real->dataset);
}

/* mode 0: perfect; 1: always the same; 2: perfect, but blind to mirroring */
static AxLmReply *
replies_new (const Real *real, guint mode)
{
  AxLmReply *replies = g_new0 (AxLmReply, real->requests->len);
  for (guint i = 0; i < real->requests->len; i++) {
    const AxLmRequest *r = real->requests->pdata[i];
    const AxImageFacts *plain = real->facts[r->image];
    g_autoptr (AxImageFacts) mirrored = r->flip && mode == 0 ? ax_image_facts_mirror (plain) : NULL;
    replies[i].yes = NAN;
    replies[i].ended = TRUE;
    replies[i].tokens = 10;
    if (mode == 1) {
      replies[i].yes = 0.5;
      replies[i].text = g_strdup (r->ask == AX_ASK_DIAGNOSE ? "Lung Opacity" : r->ask == AX_ASK_PHRASE ? "No finding detected." : r->ask == AX_ASK_REPORT
                                    ? "Findings:\nThe lungs are clear.\n\nImpression:\nNormal." : strstr (r->text, "Options") != NULL ? "(A)" : "Yes.");
    } else
      replies[i].text = ax_lm_answer_from_facts (r, mirrored != NULL ? mirrored : plain, &replies[i].yes);
  }
  return replies;
}

static void
replies_free (const Real *real, AxLmReply *replies)
{
  for (guint i = 0; i < real->requests->len; i++)
    ax_lm_reply_clear (&replies[i]);
  g_free (replies);
}

static void
print (const AxLmFigures *f)
{
  for (guint i = 0; i < AX_LMF_N; i++)
    g_test_message ("%-36s %6.3f [%.3f, %.3f] n %u", ax_lm_figure_name (i), f->figure[i].value, f->figure[i].lo, f->figure[i].hi, f->figure[i].n);
}

static void
test_perfect (void)
{
  Real real = { 0 };
  if (!real_load (&real, FALSE))
    return;
  AxLmReply *replies = replies_new (&real, 0);
  AxLmFigures f;
  ax_lm_figures (real.requests, replies, real.facts, real.n, NULL, 50, 1, &f);
  for (guint i = 0; i < f.malformed->len; i++)
    g_test_message ("%s", (const char *) f.malformed->pdata[i]);
  print (&f);
  guint kinds[AX_ASK_N] = { 0 }, mirrored = 0;
  for (guint i = 0; i < real.requests->len; i++) {
    const AxLmRequest *r = real.requests->pdata[i];
    kinds[r->ask]++;
    mirrored += r->flip;
    if (r->flip) {
      const AxLmRequest *plain = real.requests->pdata[r->plain];
      g_assert_true (plain->image == r->image && !plain->flip && strcmp (plain->text, r->text) == 0);
    }
    if (i > 0) {
      const AxLmRequest *before = real.requests->pdata[i - 1];
      g_assert_true (before->image < r->image || (before->image == r->image && before->flip <= r->flip));
    }
  }
  for (guint k = 0; k < AX_ASK_N; k++) {
    g_test_message ("kind %u: %u requests", k, kinds[k]);
    g_assert_cmpuint (kinds[k], >, 0);
  }
  g_test_message ("%u requests, %u of them mirrored", real.requests->len, mirrored);
  g_assert_cmpuint (real.requests->len, >=, 1000);
  /* A perfect answerer gets everything; boxes lose the part of a pixel that their integers cut off (0.5 % of a box of 200 pixels). */
  static const AxLmFigure ones[] = {
    AX_LMF_WELL_FORMED, AX_LMF_PHRASE_ABSENT, AX_LMF_PHRASE_HIT, AX_LMF_DIAGNOSIS, AX_LMF_CAPTION_PLACE, AX_LMF_CAPTION_FINDING, AX_LMF_CLASS_AUROC, AX_LMF_LIST_F1,
    AX_LMF_DETECT_FOUND, AX_LMF_REPORT_F1, AX_LMF_REPORT_SIDES, AX_LMF_REPORT_CLEAN, AX_LMF_CLOSED, AX_LMF_OPEN_F1, AX_LMF_OPEN_EXACT, AX_LMF_MIRRORED,
  };
  for (guint i = 0; i < G_N_ELEMENTS (ones); i++)
    if (!(f.figure[ones[i]].value >= 0.995))
      g_error ("%s is %.4f with perfect answers", ax_lm_figure_name (ones[i]), f.figure[ones[i]].value);
  for (guint i = AX_LMF_ANATOMY_IOU; i <= AX_LMF_ANATOMY_SYNONYM; i++)
    g_assert_cmpfloat (f.figure[i].value, >=, 0.98);
  g_assert_cmpfloat (f.figure[AX_LMF_PHRASE_IOU].value, >=, 0.98);
  g_assert_cmpfloat (f.figure[AX_LMF_DETECT_FALSE].value, ==, 0);
  g_assert_cmpfloat (f.figure[AX_LMF_REPORT_DIFFERENT].value, >, 20);
  ax_lm_figures_clear (&f);
  replies_free (&real, replies);
  real_free (&real);
}

static void
test_constant (void)
{
  Real real = { 0 };
  if (!real_load (&real, FALSE))
    return;
  AxLmReply *replies = replies_new (&real, 1);
  AxLmFigures f;
  ax_lm_figures (real.requests, replies, real.facts, real.n, NULL, 50, 1, &f);
  print (&f);
  g_assert_cmpfloat (f.figure[AX_LMF_CLOSED].value, <=, 0.6);
  g_assert_cmpfloat (fabs (f.figure[AX_LMF_DIAGNOSIS].value - f.figure[AX_LMF_DIAGNOSIS_MAJORITY].value), <, 1e-9);
  g_assert_cmpfloat (f.figure[AX_LMF_CLASS_AUROC].value, ==, 0.5);
  g_assert_cmpfloat (f.figure[AX_LMF_PHRASE_IOU].value, ==, 0);
  g_assert_cmpfloat (f.figure[AX_LMF_PHRASE_ABSENT].value, ==, 1);
  g_assert_cmpfloat (f.figure[AX_LMF_REPORT_F1].value, ==, 0);
  g_assert_cmpfloat (f.figure[AX_LMF_REPORT_DIFFERENT].value, ==, 1);
  g_assert_cmpfloat (f.figure[AX_LMF_ANATOMY_IOU].value, ==, 0);
  g_assert_cmpuint (f.figure[AX_LMF_MIRRORED].n, ==, 0);
  g_assert_cmpfloat (f.figure[AX_LMF_WELL_FORMED].value, <, 1);
  g_assert_cmpuint (f.malformed->len, >, 0);
  ax_lm_figures_clear (&f);
  replies_free (&real, replies);
  real_free (&real);
}

/* Answers that ignore the mirror must be found out. */
static void
test_blind_to_mirror (void)
{
  Real real = { 0 };
  if (!real_load (&real, TRUE))
    return;
  AxLmReply *replies = replies_new (&real, 2);
  AxLmFigures f;
  ax_lm_figures (real.requests, replies, real.facts, real.n, NULL, 50, 1, &f);
  g_test_message ("mirrored_still_right %.3f of %u", f.figure[AX_LMF_MIRRORED].value, f.figure[AX_LMF_MIRRORED].n);
  g_assert_cmpuint (f.figure[AX_LMF_MIRRORED].n, >, 5);
  g_assert_cmpfloat (f.figure[AX_LMF_MIRRORED].value, <, 0.5);
  ax_lm_figures_clear (&f);
  /* An answer that never ends is not well formed. */
  for (guint i = 0; i < real.requests->len; i++)
    replies[i].ended = FALSE;
  ax_lm_figures (real.requests, replies, real.facts, real.n, NULL, 2, 1, &f);
  g_assert_cmpfloat (f.figure[AX_LMF_WELL_FORMED].value, ==, 0);
  ax_lm_figures_clear (&f);
  replies_free (&real, replies);
  real_free (&real);
}

/* The rule: a perception that says something else than the truth gives its own answers. */
static void
test_rule (void)
{
  AxPerception p = { 0 };
  AxRetrieved sentences[AX_N_ANATOMY];
  AxFinding findings[] = { { "Pleural Effusion", 0.8 }, { "Cardiomegaly", 0.2 } };
  for (guint o = 0; o < AX_N_ANATOMY; o++) {
    sentences[o] = (AxRetrieved) { (char *) (o == 19 ? "Right lower lung zone shows lung opacity." : o == 21 ? "Right mid lung zone shows lung opacity." : "x is healthy."), 1 };
    p.anatomy[o] = (AxAnatomy) { .index = o, .box1024 = { 400, 400, 500, 500 }, .n_retrieved = 1, .retrieved = &sentences[o] };
  }
  p.anatomy[20].box1024 = (AxBox) { 100, 100, 450, 700 };
  p.anatomy[11].box1024 = (AxBox) { 550, 100, 900, 700 };
  p.anatomy[22].box1024 = (AxBox) { 100, 100, 450, 300 };
  p.anatomy[21].box1024 = (AxBox) { 100, 300, 450, 500 };
  p.anatomy[19].box1024 = (AxBox) { 110, 500, 440, 700 };
  p.anatomy[3].box1024 = (AxBox) { 150, 100, 400, 180 };
  p.findings = findings;
  p.n_findings = 2;
  const AxImageFacts of = { .id = (char *) "i", .path = (char *) "p", .patient = (char *) "7" };
  g_autoptr (AxImageFacts) f = ax_lm_facts_from_perception (&p, &of);
  g_assert_cmpuint (f->n, ==, 1);
  g_assert_cmpfloat (f->findings[0].box.x1, ==, 100);
  g_assert_cmpfloat (f->findings[0].box.y1, ==, 300);
  g_assert_cmpfloat (f->findings[0].box.y2, ==, 700);
  g_assert_cmphex (f->present, ==, BIT (AX_MARK_LUNG_OPACITY) | BIT (AX_MARK_PLEURAL_EFFUSION));
  AxLmRequest r = { .ask = AX_ASK_WHERE, .mark = AX_MARK_LUNG_OPACITY, .text = (char *) "Where?" };
  g_autofree char *where = ax_lm_answer_from_facts (&r, f, NULL);
  g_assert_cmpstr (where, ==, "Right mid and lower lung zones");
  r.ask = AX_ASK_LABEL;
  r.label = AX_LABEL_PLEURAL_EFFUSION;
  double yes = 0;
  g_autofree char *label = ax_lm_answer_from_facts (&r, f, &yes);
  g_assert_cmpstr (label, ==, "Yes.");
  g_assert_cmpfloat_with_epsilon (yes, 0.8, 1e-6);
}

/* The whole evaluation with someone who answers from the true facts, but only while the whole context is there. */
typedef struct {
  const AxImageFacts *open;
  AxImageFacts *mirrored;
  AxLmContext context;
  gboolean flip;
  guint n_open, n_answers;
} Fake;

static gboolean
fake_open (gpointer self, const AxImageFacts *facts, gboolean flip, AxLmContext context, GCancellable *cancellable, GError **error)
{
  Fake *f = self;
  g_clear_pointer (&f->mirrored, ax_image_facts_free);
  f->mirrored = flip ? ax_image_facts_mirror (facts) : NULL;
  f->open = facts;
  f->flip = flip;
  f->context = context;
  f->n_open++;
  return TRUE;
}

static gboolean
fake_answer (gpointer self, const AxLmRequest *r, AxLmReply *reply, GCancellable *cancellable, GError **error)
{
  Fake *f = self;
  g_assert_cmpint (f->flip, ==, r->flip);
  f->n_answers++;
  reply->ended = TRUE;
  reply->tokens = 3;
  reply->yes = NAN;
  reply->text = f->context == AX_CONTEXT_FULL ? ax_lm_answer_from_facts (r, f->flip ? f->mirrored : f->open, &reply->yes) : g_strdup ("Nothing.");
  if (f->n_answers == 40 && cancellable != NULL)
    g_cancellable_cancel (cancellable);
  return TRUE;
}

/* Every request on a line of its own, with the answer that the fake gives to it: the true one. */
static void
check_answers (const char *path, guint n)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, &error));
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, n + 1);
  guint reports = 0;
  for (guint i = 0; i < n; i++) {
    g_autoptr (JsonParser) parser = json_parser_new ();
    g_assert_true (json_parser_load_from_data (parser, lines[i], -1, &error));
    JsonObject *o = json_node_get_object (json_parser_get_root (parser));
    if (strcmp (json_object_get_string_member (o, "task"), "Report Generation") != 0)
      continue;
    g_assert_cmpstr (json_object_get_string_member (o, "answer"), ==, json_object_get_string_member (o, "true"));
    reports++;
  }
  g_assert_cmpuint (reports, >, 5);
  g_remove (path);
}

static void
test_evaluation (void)
{
  Real real = { 0 };
  if (!real_load (&real, TRUE))
    return;
  AxRetrieved sentence = { (char *) "x is healthy.", 1 };
  g_autofree AxPerception *perceptions = g_new0 (AxPerception, real.n);
  g_autofree AxPerception **list = g_new0 (AxPerception *, real.n);
  for (guint i = 0; i < real.n; i++) {
    for (guint o = 0; o < AX_N_ANATOMY; o++)
      perceptions[i].anatomy[o] = (AxAnatomy) { .index = o, .box1024 = real.facts[i]->boxes[o], .n_retrieved = 1, .retrieved = &sentence };
    list[i] = &perceptions[i];
  }
  Fake fake = { 0 };
  const AxLmAnswerer who = { &fake, fake_open, fake_answer };
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("ax-lm-XXXXXX", &error), *answers = g_build_filename (folder, "answers.jsonl", NULL);
  const AxLmOptions options = { TRUE, TRUE, 20, 2025, answers };
  AxLmEvaluation e;
  g_assert_true (ax_eval_lm (real.dataset, real.images, list, list, &who, &options, NULL, NULL, NULL, &e, &error));
  g_assert_no_error (error);
  check_answers (answers, e.n_requests);
  g_rmdir (folder);
  g_assert_cmpuint (e.n_requests, ==, real.requests->len);
  g_assert_cmpuint (fake.n_answers, ==, e.n_requests + 2 * e.ablation[AX_CONTEXT_FULL].answered);
  g_assert_cmpuint (fake.n_open, <=, 4 * real.n); /* an image is opened once for all its requests in a context */
  g_assert_cmpfloat (e.model.figure[AX_LMF_CLOSED].value, ==, 1);
  g_assert_cmpfloat (e.ablation[AX_CONTEXT_FULL].figure[AX_LMF_REPORT_F1].value, ==, 1);
  g_assert_cmpfloat (e.ablation[AX_CONTEXT_IMAGE].figure[AX_LMF_REPORT_F1].value, ==, 0);
  g_assert_cmpfloat (e.rule.figure[AX_LMF_ANATOMY_IOU].value, >=, 0.98); /* its boxes are the true ones here */
  g_assert_cmpfloat (e.rule.figure[AX_LMF_PHRASE_IOU].value, ==, 0);     /* and its sentences name nothing */

  AxJson *json = ax_json_new (TRUE);
  ax_json_begin_object (json, NULL);
  ax_lm_report_json (&e, json);
  ax_json_end (json);
  g_autofree char *text = ax_json_finish (json);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_assert_true (json_parser_load_from_data (parser, text, -1, &error));
  JsonObject *language = json_object_get_object_member (json_node_get_object (json_parser_get_root (parser)), "language");
  JsonObject *closed = json_object_get_object_member (json_object_get_object_member (language, "figures"), "closed_balanced_accuracy");
  g_assert_cmpfloat (json_object_get_double_member (closed, "value"), ==, 1);
  g_assert_true (json_object_has_member (closed, "rule_that_copies_the_module") && json_object_has_member (closed, "floor"));
  g_assert_true (json_object_has_member (json_object_get_object_member (language, "ablations"), "report_f1"));
  g_autoptr (GString) table = g_string_new (NULL);
  ax_lm_report_markdown (&e, table);
  g_assert_nonnull (strstr (table->str, "image and object tokens"));
  g_autofree char *dir = g_dir_make_tmp ("ax-lm-XXXXXX", NULL), *chart = g_build_filename (dir, "quality-language.png", NULL);
  g_assert_true (ax_lm_report_chart (&e, "a model", dir, &error));
  g_assert_true (g_file_test (chart, G_FILE_TEST_IS_REGULAR));
  g_unlink (chart);
  g_rmdir (dir);
  ax_lm_evaluation_clear (&e);

  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  fake.n_answers = 0;
  g_assert_false (ax_eval_lm (real.dataset, real.images, list, list, &who, &options, NULL, NULL, cancellable, &e, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (fake.n_answers, ==, 40);
  g_clear_pointer (&fake.mirrored, ax_image_facts_free);
  real_free (&real);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lm-figures/boxes-reference", test_boxes_reference);
  g_test_add_func ("/lm-figures/well-formed", test_well_formed);
  g_test_add_func ("/lm-figures/perfect", test_perfect);
  g_test_add_func ("/lm-figures/constant", test_constant);
  g_test_add_func ("/lm-figures/blind-to-mirror", test_blind_to_mirror);
  g_test_add_func ("/lm-figures/rule", test_rule);
  g_test_add_func ("/lm-figures/evaluation", test_evaluation);
  return g_test_run ();
}
