/* Facts as the Anatomy Perception Module sees them: findings and boxes from sentences, what is absent, and answers that the prompt holds. */
#include <math.h>
#include <string.h>

#include "engine/training/instruct_build.h"
#include "engine/training/instruct_module.h"

static char file[] = "00000007_001.jpg", patient[] = "7";

/* A plausible chest: 36 boxes by side and height, every structure healthy. */
static void
perceive (AxLmPerception *p)
{
  static const struct { int i; AxBox box; } placed[] = {
    { 4, { 420, 500, 700, 800 } }, { 11, { 560, 150, 900, 820 } }, { 20, { 130, 150, 480, 800 } }, { 13, { 580, 150, 840, 380 } }, { 12, { 570, 370, 880, 590 } },
    { 10, { 600, 580, 900, 820 } }, { 22, { 200, 150, 480, 370 } }, { 21, { 150, 360, 470, 580 } }, { 19, { 130, 570, 450, 800 } }, { 33, { 820, 740, 900, 830 } },
    { 35, { 130, 720, 210, 810 } }, { 9, { 600, 760, 900, 840 } }, { 18, { 130, 740, 450, 820 } },
  };
  memset (p, 0, sizeof *p);
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    p->boxes[i] = (AxBox) { 480, 300, 560, 420 };
    p->sentences[i] = "Left lung is healthy.";
  }
  for (guint k = 0; k < G_N_ELEMENTS (placed); k++)
    p->boxes[placed[k].i] = placed[k].box;
}

static const AxDatasetImage image = { .file = file, .patient = patient, .age = 50, .sex = 'F', .view = AX_VIEW_AP };

static const AxKnownFinding *
finding (const AxImageFacts *f, AxBoxLabel label, AxSide side)
{
  for (guint i = 0; i < f->n; i++)
    if (f->findings[i].label == label && (side == AX_SIDE_NONE || f->findings[i].place.side == side))
      return &f->findings[i];
  return NULL;
}

static void
assert_box (AxBox a, AxBox b)
{
  g_assert_cmpfloat (ax_box_iou (a, b), >, 0.999);
}

static void
test_normal (void)
{
  AxLmPerception p;
  perceive (&p);
  g_autoptr (AxImageFacts) f = ax_image_facts_from_module (&image, "x.jpg", FALSE, &p);
  g_assert_cmpuint (f->n, ==, 0);
  g_assert_true (f->normal && f->read && f->ok && f->complete && !f->flip);
  g_assert_cmpstr (f->dataset, ==, "module");
  g_assert_cmpuint (f->absent, ==, 1u << AX_MARK_LUNG_OPACITY | 1u << AX_MARK_PLEURAL_EFFUSION | 1u << AX_MARK_CARDIOMEGALY);
  g_assert_true (f->known[AX_LABEL_NO_FINDING] && f->value[AX_LABEL_NO_FINDING]);
  /* Nothing is said of what the module cannot see. */
  g_assert_false (f->known[AX_LABEL_PNEUMOTHORAX]);
}

static void
test_findings (void)
{
  AxLmPerception p;
  perceive (&p);
  p.sentences[13] = p.sentences[12] = "Left upper lung zone shows lung opacity.";
  p.sentences[35] = "Right costodiaphragmatic recess shows pleural effusion.";
  p.sentences[4] = "Cardiac shadow viewed radiologically or Heart shows cardiomegaly.";
  g_autoptr (AxImageFacts) f = ax_image_facts_from_module (&image, "x.jpg", TRUE, &p);
  g_assert_cmpuint (f->n, ==, 3);
  g_assert_true (f->flip && !f->normal);
  g_assert_cmpuint (f->absent, ==, 0);
  /* Two zones of a side are one finding over both; an effusion of the recess lies in the lower zone. */
  const AxKnownFinding *opacity = finding (f, AX_BOX_LUNG_OPACITY, AX_SIDE_LEFT), *fluid = finding (f, AX_BOX_EFFUSION, AX_SIDE_RIGHT);
  const AxKnownFinding *heart = finding (f, AX_BOX_CARDIOMEGALY, AX_SIDE_NONE);
  g_assert_true (opacity != NULL && fluid != NULL && heart != NULL);
  assert_box (opacity->box, (AxBox) { 570, 150, 880, 590 });
  assert_box (fluid->box, p.boxes[19]);
  assert_box (heart->box, p.boxes[4]);
  g_assert_true (f->value[AX_LABEL_LUNG_OPACITY] && f->value[AX_LABEL_PLEURAL_EFFUSION] && f->value[AX_LABEL_CARDIOMEGALY] && !f->value[AX_LABEL_NO_FINDING]);

  AxInstructConfig config = { 0 };
  ax_instruct_config_defaults (&config);
  g_autoptr (GPtrArray) samples = g_ptr_array_new_with_free_func ((GDestroyNotify) ax_instruct_sample_free);
  ax_instruct_image (f, "train", &config, samples);
  guint diagnoses = 0, seen[AX_INSTRUCT_N_TASKS] = { 0 };
  for (guint i = 0; i < samples->len; i++) {
    const AxInstructSample *s = samples->pdata[i];
    seen[s->task]++;
    g_assert_true (s->flip);
    g_assert_cmpstr (s->image_path, ==, "x.jpg");
    g_assert_null (strstr (s->response[0], "neumothorax"));    /* never looked for */
    if (s->task == AX_INSTRUCT_DIAGNOSIS && (strcmp (s->response[0], "Lung Opacity") == 0 || strcmp (s->response[0], "Pleural Effusion") == 0 ||
                                             strcmp (s->response[0], "Cardiomegaly") == 0))
      diagnoses++;
  }
  g_assert_cmpuint (diagnoses, >, 0);
  for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++)
    g_assert_cmpuint (seen[t], >, 0);
}

/* The module's sentences never name a large heart; its boxes measure it. Between the limits nothing is known. */
static void
test_heart (void)
{
  static const struct { double width; gboolean large, normal; const char *report; } hearts[] = {
    { 0.45, FALSE, TRUE, "The heart size is normal." }, { 0.53, FALSE, FALSE, "upper limit of normal" }, { 0.60, TRUE, FALSE, "moderately enlarged" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (hearts); i++) {
    AxLmPerception p;
    perceive (&p);
    p.boxes[4].x2 = p.boxes[4].x1 + hearts[i].width * (p.boxes[11].x2 - p.boxes[20].x1);
    g_autoptr (AxImageFacts) f = ax_image_facts_from_module (&image, "x.jpg", FALSE, &p);
    g_assert_cmpfloat_with_epsilon (f->heart_ratio, hearts[i].width, 2e-3); /* boxes are whole pixels */
    g_assert_cmpint ((f->present >> AX_MARK_CARDIOMEGALY) & 1, ==, hearts[i].large);
    g_assert_cmpint ((f->absent >> AX_MARK_CARDIOMEGALY) & 1, ==, hearts[i].normal);
    g_assert_cmpint (f->known[AX_LABEL_CARDIOMEGALY], ==, hearts[i].large || hearts[i].normal);
    AxInstructConfig config = { 0 };
    ax_instruct_config_defaults (&config);
    memset (config.count, 0, sizeof config.count);
    config.count[AX_INSTRUCT_REPORT] = 16;
    g_autoptr (GPtrArray) samples = g_ptr_array_new_with_free_func ((GDestroyNotify) ax_instruct_sample_free);
    ax_instruct_image (f, "train", &config, samples);
    guint said = 0;
    for (guint k = 0; k < samples->len; k++)
      said += strstr (((AxInstructSample *) samples->pdata[k])->response[0], hearts[i].report) != NULL;
    g_assert_cmpuint (said, >, 0);
    g_assert_true (hearts[i].normal || strstr (((AxInstructSample *) samples->pdata[0])->response[0], "not enlarged") == NULL);
  }
}

/* With probabilities: labels are asked of the image where they are clearly above or below the set's middle; what sentence and probability disagree about is
 * not asked at all, and no region is diagnosed. */
static void
test_graded (void)
{
  AxLmPerception p;
  float probability[AX_DATASET_N_LABELS];
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++)
    probability[l] = NAN;
  probability[AX_LABEL_LUNG_OPACITY] = 0.6f;
  probability[AX_LABEL_PLEURAL_EFFUSION] = 0.1f;
  probability[AX_LABEL_EDEMA] = 0.21f;
  perceive (&p);
  p.probability = probability;
  p.sentences[13] = "Left upper lung zone shows lung opacity.";
  p.sentences[35] = "Right costodiaphragmatic recess shows pleural effusion."; /* but the image's probability is low */
  g_autoptr (AxImageFacts) f = ax_image_facts_from_module (&image, "x.jpg", FALSE, &p);
  g_assert_true (f->graded);
  f->usual[AX_LABEL_LUNG_OPACITY] = 0.4f;
  f->usual[AX_LABEL_PLEURAL_EFFUSION] = 0.2f;
  f->usual[AX_LABEL_EDEMA] = 0.2f;
  g_assert_cmpint (ax_facts_graded_sign (f, AX_LABEL_LUNG_OPACITY), ==, 1);
  g_assert_cmpint (ax_facts_graded_sign (f, AX_LABEL_PLEURAL_EFFUSION), ==, -1);
  g_assert_cmpint (ax_facts_graded_sign (f, AX_LABEL_EDEMA), ==, 0);
  AxInstructConfig config = { 0 };
  ax_instruct_config_defaults (&config);
  config.count[AX_INSTRUCT_CLASSIFICATION] = config.count[AX_INSTRUCT_CLOSED] = 12;
  g_autoptr (GPtrArray) samples = g_ptr_array_new_with_free_func ((GDestroyNotify) ax_instruct_sample_free);
  ax_instruct_image (f, "train", &config, samples);
  guint labels = 0, opacities = 0;
  for (guint i = 0; i < samples->len; i++) {
    const AxInstructSample *s = samples->pdata[i];
    const char *q = s->instruction[0], *a = s->response[0];
    g_assert_cmpint (s->task, !=, AX_INSTRUCT_DIAGNOSIS);
    const gboolean opacity = strstr (q, "lung opacity") != NULL, fluid = strstr (q, "pleural effusion") != NULL, yes = s->answer == 1;
    if (g_str_has_prefix (q, "Does this chest X-ray show ")) {
      g_assert_null (strstr (q, "edema"));
      g_assert_true (opacity || fluid);
      g_assert_cmpint (yes, ==, opacity);
      g_assert_true (strstr (a, yes ? "Yes" : "No") != NULL);
      labels++;
    } else if (s->task == AX_INSTRUCT_CLOSED && g_strcmp0 (s->topic, "lung opacity") == 0) {
      g_assert_true (yes);
      opacities++;
    } else if (s->task == AX_INSTRUCT_CLOSED)
      g_assert_cmpstr (s->topic, !=, "pleural effusion");
  }
  g_assert_cmpuint (labels, >=, 12); /* some with their options in either order */
  g_assert_cmpuint (opacities, >, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/instruct-module/normal", test_normal);
  g_test_add_func ("/instruct-module/findings", test_findings);
  g_test_add_func ("/instruct-module/heart", test_heart);
  g_test_add_func ("/instruct-module/graded", test_graded);
  return g_test_run ();
}
