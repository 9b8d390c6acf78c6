/* Scores of answers, by hand-computed values, and the model's answers. */
#include "tests/engine/teaching/film.h"

#include <string.h>

static double
score_of (const AxRoundCase *c, const AxRoundAnswer *answer, gboolean *passed)
{
  AxRoundScore score;
  ax_round_score (c, answer, &score);
  if (passed != NULL)
    *passed = score.passed;
  ax_round_score_clear (&score);
  return score.value;
}

static void
test_boxes (void)
{
  g_autoptr (AxRoundCase) c = ax_round_case_new (AX_ROUND_FIND, "a.png");
  g_autoptr (AxRoundAnswer) answer = ax_round_answer_new ();
  gboolean passed;
  c->n_boxes = 2;
  c->boxes[0] = (AxBox) { 0, 0, 100, 100 };
  c->boxes[1] = (AxBox) { 500, 0, 600, 100 };
  g_assert_cmpfloat (score_of (c, answer, NULL), ==, 0);
  g_assert_false (ax_round_answer_is_complete (answer, AX_ROUND_FIND));
  /* half of the second box: 5000 / 10000 */
  g_assert_true (ax_round_answer_add_box (answer, (AxBox) { 600, 100, 550, 0 }));
  g_assert_cmpfloat (score_of (c, answer, &passed), ==, 0.5);
  g_assert_true (passed);
  c->pass = 0.51;
  score_of (c, answer, &passed);
  g_assert_false (passed);
  g_assert_false (ax_round_answer_add_box (answer, (AxBox) { 5, 5, 5, 9 }));
  g_assert_false (ax_round_answer_add_box (answer, (AxBox) { -5, 5, 5, 9 }));
  /* drawn: one of two at 0.5, the other missed: 0.5 / 2; both, in the other order: (1 + 0.5) / 2; one too many: 1.5 / 3 */
  c->task = AX_ROUND_DRAW;
  g_assert_cmpfloat (score_of (c, answer, NULL), ==, 0.25);
  ax_round_answer_add_box (answer, c->boxes[0]);
  g_assert_cmpfloat (score_of (c, answer, NULL), ==, 0.75);
  ax_round_answer_add_box (answer, (AxBox) { 800, 800, 900, 900 });
  g_assert_cmpfloat (score_of (c, answer, NULL), ==, 0.5);
  /* nothing is there */
  c->n_boxes = 0;
  g_assert_cmpfloat (score_of (c, answer, NULL), ==, 0);
  answer->n_boxes = 0;
  g_assert_cmpfloat (score_of (c, answer, NULL), ==, 1);
}

static void
test_names (void)
{
  static const struct { const char *given, *accepted; gboolean same; } names[] = {
    { "Left lung", "Left lung", TRUE },      { "the left  LUNG", "Left lung", TRUE },  { "L lung", "Left lung", TRUE },          { "right lung", "Left lung", FALSE },
    { "lung", "Left lung", FALSE },          { "heart", "Heart", TRUE },               { "windpipe", "windpipe!", TRUE },        { "wind", "windpipe", FALSE },
    { "consolidation", "pneumonia", TRUE },  { "nodule", "pneumonia", FALSE },         { "no pneumonia", "pneumonia", FALSE },   { " ", "Heart", FALSE },
    { "Brustwirbelsäule", "BRUSTWIRBELSÄULE", TRUE }, { "", "x", FALSE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_test_message ("\"%s\" for \"%s\"", names[i].given, names[i].accepted);
    g_assert_true (ax_round_same_name (names[i].given, names[i].accepted) == names[i].same);
  }
}

static void
check_impression (const char *accepted, const char *text, double value, const char *missed, const char *extra)
{
  g_autoptr (AxRoundCase) c = ax_round_case_new (AX_ROUND_IMPRESSION, "a.png");
  g_autoptr (AxRoundAnswer) answer = ax_round_answer_new ();
  AxRoundScore score;
  c->findings = accepted != NULL ? g_strsplit (accepted, "|", -1) : NULL;
  ax_round_answer_set_text (answer, text);
  ax_round_score (c, answer, &score);
  g_test_message ("\"%s\": %.4f, missed %s, extra %s", text, score.value, score.missed, score.extra);
  g_assert_cmpfloat_with_epsilon (score.value, value, 1e-12);
  g_assert_cmpstr (score.missed, ==, missed);
  g_assert_cmpstr (score.extra, ==, extra);
  ax_round_score_clear (&score);
}

static void
test_impression (void)
{
  check_impression ("right pleural effusion|cardiomegaly", "Enlarged heart. Small right pleural effusion.", 1, NULL, NULL);
  check_impression ("right pleural effusion|cardiomegaly", "Left pleural effusion and cardiomegaly.", 2.0 / 3, "right pleural effusion", NULL);
  check_impression ("right pleural effusion|cardiomegaly", "Cardiomegaly. No pleural effusion. Pneumothorax.", 0.5, "right pleural effusion", "Pneumothorax");
  check_impression ("right pleural effusion", "Normal chest radiograph.", 0, "right pleural effusion", NULL);
  check_impression (NULL, "No pneumothorax, no pleural effusion.", 1, NULL, NULL);
  check_impression (NULL, "Cardiomegaly", 0, NULL, "Cardiomegaly");
  check_impression (NULL, "   ", 0, NULL, NULL); /* nothing written is no answer */
  check_impression ("situs inversus", "Complete SITUS INVERSUS.", 1, NULL, NULL);
  check_impression ("situs inversus", "sinus inversus", 0, "situs inversus", NULL);
}

static void
test_long_text (void)
{
  g_autoptr (AxRoundAnswer) answer = ax_round_answer_new ();
  g_autofree char *text = g_strnfill (3 * AX_ROUND_MAX_TEXT, 'x');
  memcpy (text + AX_ROUND_MAX_TEXT - 1, "\xc3\xa4", 2); /* a letter across the limit */
  ax_round_answer_set_text (answer, text);
  g_assert_cmpuint (strlen (answer->text), ==, AX_ROUND_MAX_TEXT - 1);
  g_assert_true (g_utf8_validate (answer->text, -1, NULL));
  ax_round_answer_set_text (answer, "\xff");
  g_assert_true (g_utf8_validate (answer->text, -1, NULL));
}

static void
test_model (void)
{
  g_autoptr (AxRound) round = film_round ();
  for (int mirrored = 0; mirrored < 2; mirrored++) {
    AxPerception *p = film_perception (mirrored);
    guint left_lower = (guint) ax_anatomy_find ("Left lower lung zone");
    film_say (p, left_lower, "pleural effusion");
    for (guint i = 0; i < 4; i++) { /* the film's boxes are the model's: all right, on the mirrored pixels too */
      const AxRoundCase *c = ax_round_get_case (round, i);
      g_autoptr (AxRoundAnswer) answer = ax_round_model_answer (c, p);
      g_assert_nonnull (answer);
      if (c->task == AX_ROUND_DRAW) {
        g_assert_cmpuint (answer->n_boxes, ==, 1);
        g_assert_cmpfloat (ax_box_iou (answer->boxes[0], film_box (left_lower)), >, 0.999);
      } else {
        g_assert_cmpfloat (score_of (c, answer, NULL), >, 0.999);
      }
    }
    g_autoptr (AxRoundAnswer) impression = ax_round_model_answer (ax_round_get_case (round, 4), p);
    g_assert_cmpstr (impression->text, ==, "Pleural Effusion");
    g_autoptr (AxRoundCase) c = ax_round_case_new (AX_ROUND_SIDE, "a.png");
    c->subject = g_strdup ("pleural effusion");
    c->side = AX_ROUND_LEFT;
    g_autoptr (AxRoundAnswer) side = ax_round_model_answer (c, p);
    g_assert_cmpint (side->side, ==, AX_ROUND_LEFT);
    film_say (p, (guint) ax_anatomy_find ("Right lower lung zone"), "pleural effusion");
    g_autoptr (AxRoundAnswer) both = ax_round_model_answer (c, p);
    g_assert_cmpint (both->side, ==, AX_ROUND_BOTH);
    g_autoptr (AxRoundCase) unknown = ax_round_case_new (AX_ROUND_FIND, "a.png");
    unknown->subject = g_strdup ("left kidney");
    g_assert_null (ax_round_model_answer (unknown, p));
    film_perception_free (p);
  }
}

/* A lung that holds a zone with the finding steps back; one that holds nothing of it stays. */
static void
test_nested (void)
{
  AxPerception *p = film_perception (FALSE);
  guint lung = (guint) ax_anatomy_find ("Left lung"), zone = (guint) ax_anatomy_find ("Left lower lung zone"), right = (guint) ax_anatomy_find ("Right lung");
  g_autoptr (AxRoundCase) c = ax_round_case_new (AX_ROUND_DRAW, "a.png");
  c->subject = g_strdup ("pleural effusion");
  p->anatomy[lung].box = (AxBox) { 550, 100, 900, 800 };
  p->anatomy[zone].box = (AxBox) { 560, 600, 900, 800 };
  film_say (p, lung, "pleural effusion");
  film_say (p, zone, "pleural effusion");
  film_say (p, right, "pleural effusion");
  g_autoptr (AxRoundAnswer) answer = ax_round_model_answer (c, p);
  g_assert_cmpuint (answer->n_boxes, ==, 2);
  for (guint i = 0; i < 2; i++)
    g_assert_true (ax_box_iou (answer->boxes[i], p->anatomy[zone].box) > 0.999 || ax_box_iou (answer->boxes[i], p->anatomy[right].box) > 0.999);
  film_perception_free (p);
}

/* The language model's answer, of the picture and of its mirror image. */
static void
test_said (void)
{
  AxPerception *p = film_perception (TRUE);
  AxAnswerBox box = { .label = "effusion", .box = { 100, 600, 300, 800 } };
  AxAnswer said = { .plain = (char *) "It is here.", .n_boxes = 1, .boxes = &box, .perception = p };
  g_autoptr (AxRoundCase) c = ax_round_case_new (AX_ROUND_DRAW, "a.png");
  AxRequest request;
  c->subject = g_strdup ("pleural effusion");
  c->mirror = TRUE;
  g_assert_true (ax_round_model_request (c, &request));
  g_assert_cmpint (request.task, ==, AX_TASK_LOCATE);
  g_assert_cmpstr (request.text, ==, "pleural effusion");
  g_assert_true (request.mirror);
  g_autoptr (AxRoundAnswer) plain = ax_round_model_answer_said (c, &said);
  g_assert_cmpfloat (plain->boxes[0].x1, ==, 100);
  said.mirrored = TRUE;
  g_autoptr (AxRoundAnswer) turned = ax_round_model_answer_said (c, &said);
  g_assert_cmpfloat (turned->boxes[0].x1, ==, 700);
  g_assert_cmpstr (turned->text, ==, "It is here.");
  said.stopped = AX_STOPPED_CANCELLED;
  g_assert_null (ax_round_model_answer_said (c, &said));
  c->task = AX_ROUND_FIND;
  g_assert_false (ax_round_model_request (c, &request));
  film_perception_free (p);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/teaching/answer/boxes", test_boxes);
  g_test_add_func ("/teaching/answer/names", test_names);
  g_test_add_func ("/teaching/answer/impression", test_impression);
  g_test_add_func ("/teaching/answer/long-text", test_long_text);
  g_test_add_func ("/teaching/answer/model", test_model);
  g_test_add_func ("/teaching/answer/nested", test_nested);
  g_test_add_func ("/teaching/answer/said", test_said);
  return g_test_run ();
}
