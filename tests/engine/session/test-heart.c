/* What sentences say of the heart's size, and the note where the boxes say otherwise. */
#include "engine/session/heart.h"
#include "tests/engine/session/sample-perception.h"
#include <string.h>

static void
test_sentences (void)
{
  static const struct { const char *text; AxHeartSaid said; } cases[] = {
    { "The heart is not enlarged.", AX_HEART_USUAL_SIZE }, { "Heart size is normal.", AX_HEART_USUAL_SIZE }, { "No cardiomegaly.", AX_HEART_USUAL_SIZE },
    { "There is no cardiac enlargement.", AX_HEART_USUAL_SIZE }, { "No enlargement of the heart.", AX_HEART_USUAL_SIZE }, { "Cardiomegaly is not seen.", AX_HEART_USUAL_SIZE },
    { "Normal size of the heart and clear lungs", AX_HEART_USUAL_SIZE }, { "No effusion and the heart is normal.", AX_HEART_USUAL_SIZE },
    { "The heart size is within normal limits.", AX_HEART_USUAL_SIZE }, { "The heart is no longer enlarged.", AX_HEART_USUAL_SIZE },
    { "The heart is enlarged.", AX_HEART_ENLARGED }, { "Cardiomegaly is seen.", AX_HEART_ENLARGED }, { "Cardiomegaly without effusion.", AX_HEART_ENLARGED },
    { "No effusion and the heart is enlarged.", AX_HEART_ENLARGED }, { "THE CARDIAC SILHOUETTE IS MILDLY ENLARGED", AX_HEART_ENLARGED },
    { "The heart and the left hilum are enlarged.", AX_HEART_ENLARGED }, { "The heart remains large.", AX_HEART_ENLARGED },
    { "", AX_HEART_UNSAID }, { "The lungs are normal.", AX_HEART_UNSAID }, { "A large opacity behind the heart.", AX_HEART_UNSAID },
    { "The heart is obscured by a large effusion.", AX_HEART_UNSAID }, { "The right heart border is normal.", AX_HEART_UNSAID }, { "The heart is not normal.", AX_HEART_UNSAID },
    { "The heart is borderline enlarged.", AX_HEART_UNSAID }, { "The heart is normal. The heart is enlarged.", AX_HEART_UNSAID }, { "heart", AX_HEART_UNSAID },
    { "Retrocardiac opacity.", AX_HEART_UNSAID }, { "no", AX_HEART_UNSAID }, { "The trachea is wide.", AX_HEART_UNSAID },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const AxHeartSaid said = ax_heart_said (cases[i].text);
      if (said != cases[i].said)
        g_test_message ("\"%s\": %d", cases[i].text, said);
      g_assert_cmpint (said, ==, cases[i].said);
    }
  /* A clause of any length. */
  g_autoptr (GString) text = g_string_new ("The heart");
  for (int i = 0; i < 1000; i++)
    g_string_append (text, " really");
  g_string_append (text, " is enlarged.");
  g_assert_cmpint (ax_heart_said (text->str), ==, AX_HEART_UNSAID);
}

/* The 200 sentences that a human read for the labeller of the evaluation. Those of a whole normal chest do not speak of the heart. */
static void
test_labelled (void)
{
  g_autofree char *path = g_build_filename (g_getenv ("AX_SOURCE_ROOT"), "tests", "engine", "evaluation", "labelled-sentences.txt", NULL), *all = NULL;
  g_assert_true (g_file_get_contents (path, &all, NULL, NULL));
  g_auto (GStrv) lines = g_strsplit (all, "\n", -1);
  guint read = 0, told = 0;
  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *text = strstr (lines[i], " | ");
      if (*lines[i] == '#' || text == NULL)
        continue;
      read++;
      g_autofree char *labels = g_strndup (lines[i], (gsize) (text - lines[i]));
      const gboolean whole_chest = strstr (labels, "-thic") != NULL;
      const AxHeartSaid wanted = whole_chest ? AX_HEART_UNSAID : strstr (labels, "+card") ? AX_HEART_ENLARGED : strstr (labels, "-card") ? AX_HEART_USUAL_SIZE : AX_HEART_UNSAID;
      const AxHeartSaid said = ax_heart_said (text + 3);
      told += said != AX_HEART_UNSAID;
      if (said != wanted)
        g_test_message ("\"%s\": %d in place of %d", text + 3, said, wanted);
      g_assert_cmpint (said, ==, wanted);
    }
  g_test_message ("%u sentences, %u of the heart's size", read, told);
  g_assert_cmpuint (read, ==, 200);
  g_assert_cmpuint (told, >, 20);
}

/* An answer of two sentences about a chest whose heart takes this share of it. */
static AxAnswer *
answer_of (AxPerception *p, double ratio)
{
  AxAnswer *a = g_new0 (AxAnswer, 1);
  p->anatomy[20].box1024 = (AxBox){ 100, 100, 480, 800 };
  p->anatomy[11].box1024 = (AxBox){ 540, 100, 900, 800 };
  p->anatomy[4].box1024 = (AxBox){ 400, 500, 400 + 800 * ratio, 800 };
  a->ref_count = 1;
  a->task = AX_TASK_REPORT;
  a->plain = g_strdup ("The heart is not enlarged. Cardiomegaly.");
  a->text = g_strdup (a->plain);
  a->instruction = g_strdup ("");
  a->n_sentences = 2;
  a->sentences = g_new0 (AxAnswerSentence, 2);
  a->sentences[0].end = 26;
  a->sentences[1] = (AxAnswerSentence){ .start = 27, .end = 40 };
  a->perception = p;
  ax_answer_check_heart (a);
  return a;
}

static void
answer_done (AxAnswer *a)
{
  a->perception = NULL;
  ax_answer_unref (a);
}

static void
test_contradiction (void)
{
  static const struct { double ratio; gboolean usual_is_wrong, large_is_wrong; } cases[] = {
    { 0.57, TRUE, FALSE }, { 0.551, TRUE, FALSE }, { 0.549, FALSE, FALSE }, { 0.5, FALSE, FALSE }, { 0.481, FALSE, FALSE }, { 0.479, FALSE, TRUE }, { 0.4, FALSE, TRUE },
    { 0, FALSE, FALSE }, { -1, FALSE, FALSE },
  };
  AxPerception *p = sample_perception_new (512, 512, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      AxAnswer *a = answer_of (p, cases[i].ratio);
      g_assert_cmpfloat_with_epsilon (ax_perception_heart_ratio (p), MAX (cases[i].ratio, 0), 1e-12);
      g_assert_cmpfloat_with_epsilon (a->sentences[0].heart_ratio, cases[i].usual_is_wrong ? cases[i].ratio : 0, 1e-12);
      g_assert_cmpfloat_with_epsilon (a->sentences[1].heart_ratio, cases[i].large_is_wrong ? cases[i].ratio : 0, 1e-12);
      answer_done (a);
    }
  /* Boxes that are no chest measure nothing. */
  AxAnswer *a = answer_of (p, 0.57);
  p->anatomy[11].box1024 = p->anatomy[20].box1024 = (AxBox){ 0 };
  ax_answer_check_heart (a);
  g_assert_cmpfloat (ax_perception_heart_ratio (p), ==, 0);
  g_assert_cmpfloat (a->sentences[0].heart_ratio, ==, 0);
  answer_done (a);
  a = answer_of (p, 0.57);
  a->perception = NULL;                  /* as a kept answer: what was noted stays */
  ax_answer_check_heart (a);
  g_assert_cmpfloat_with_epsilon (a->sentences[0].heart_ratio, 0.57, 1e-12);
  ax_answer_unref (a);
  sample_perception_free (p);
}

static void
test_json (void)
{
  AxPerception *p = sample_perception_new (512, 512, FALSE);
  AxAnswer *a = answer_of (p, 0.57);
  g_autofree char *json = ax_answer_to_json (a, NULL, NULL, FALSE);
  const char *first = strstr (json, "\"measured\":{\"cardiothoracic_ratio\":0.57}");
  g_assert_nonnull (first);
  g_assert_null (strstr (first + 1, "\"measured\""));
  answer_done (a);
  sample_perception_free (p);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/heart/sentences", test_sentences);
  g_test_add_func ("/heart/labelled", test_labelled);
  g_test_add_func ("/heart/contradiction", test_contradiction);
  g_test_add_func ("/heart/json", test_json);
  return g_test_run ();
}
