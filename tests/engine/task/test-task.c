/* Tasks: every template as spec 9 has it, places that are filled, names, and the instructions of requests. */
#include <string.h>

#include "engine/task/task.h"

static void test_names(void) {
  for (int i = 0; i < AX_N_TASKS; i++) {
    g_assert_cmpint(ax_task_find(ax_task_word((AxTask) i)), ==, i);
    g_assert_cmpint(ax_task_find(ax_task_name((AxTask) i)), ==, i);
  }
  g_assert_cmpint(ax_task_find("REPORT-GENERATION"), ==, AX_TASK_REPORT);
  g_assert_cmpint(ax_task_find("Anatomy_Grounding"), ==, AX_TASK_ANATOMY);
  g_assert_cmpint(ax_task_find("perceive"), ==, -1);
  g_assert_cmpint(ax_task_find(""), ==, -1);
  g_assert_null(ax_task_word(AX_N_TASKS));
  g_assert_cmpstr(ax_task_label(8), ==, "No Finding");
  g_assert_null(ax_task_label(AX_TASK_N_LABELS));
}

/* How many there are of each, and that no place is misspelled. */
static void test_templates(void) {
  static const struct {
    AxTask task;
    const char *set;
    guint counts[AX_N_TEMPLATE_KINDS];
  } sets[] = {
      {AX_TASK_REPORT, "mimic", {4, 1, 0, 0}},    {AX_TASK_CLASSIFY, "list", {3, 0, 0, 2}},    {AX_TASK_CLASSIFY, "sets", {3, 0, 0, 0}},
      {AX_TASK_CLASSIFY, "single", {2, 2, 0, 0}}, {AX_TASK_DETECT, "vindr", {5, 1, 1, 0}},     {AX_TASK_LOCATE, "mscxr", {2, 1, 1, 0}},
      {AX_TASK_LOCATE, "vindr", {5, 1, 1, 0}},    {AX_TASK_LOCATE, "padchest", {8, 8, 0, 0}},  {AX_TASK_DIAGNOSE, "mscxr", {2, 1, 0, 0}},
      {AX_TASK_DESCRIBE, "mscxr", {2, 1, 0, 0}},  {AX_TASK_ANATOMY, "imagenome", {20, 20, 0, 0}}, {AX_TASK_ASK, "question", {1, 0, 0, 0}},
      {AX_TASK_CHOOSE, "options", {1, 0, 0, 2}},  {AX_TASK_CHOOSE, "plain", {1, 0, 0, 0}},
  };
  static const char *const places[] = {"{phrase}", "{disease}", "{name}", "{box}", "{boxes}", "{options}", "{question}", "{findings}", "{impression}", "{class}"};
  guint n_sets = 0;
  for (guint i = 0; i < G_N_ELEMENTS(sets); i++) {
    const int set = ax_task_find_set(sets[i].task, sets[i].set);
    g_assert_cmpint(set, >=, 0);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint kind = 0; kind < AX_N_TEMPLATE_KINDS; kind++) {
      g_assert_cmpuint(ax_task_n_templates(sets[i].task, (guint) set, kind), ==, sets[i].counts[kind]);
      for (guint k = 0; k < sets[i].counts[kind]; k++) {
        const char *text = ax_task_template(sets[i].task, (guint) set, kind, k);
        g_assert_true(g_utf8_validate(text, -1, NULL));
        g_assert_true(g_hash_table_add(seen, (gpointer) text)); /* none twice */
        for (const char *p = strchr(text, '{'); p != NULL; p = strchr(p + 1, '{')) {
          gboolean known = FALSE;
          for (guint j = 0; j < G_N_ELEMENTS(places); j++)
            known |= g_str_has_prefix(p, places[j]);
          g_assert_true(known);
        }
      }
      g_assert_null(ax_task_template(sets[i].task, (guint) set, kind, sets[i].counts[kind]));
    }
  }
  for (guint t = 0; t < AX_N_TASKS; t++)
    n_sets += ax_task_n_sets((AxTask) t);
  g_assert_cmpuint(n_sets, ==, G_N_ELEMENTS(sets));
  g_assert_cmpint(ax_task_find_set(AX_TASK_REPORT, "vindr"), ==, -1);
  g_assert_cmpuint(ax_task_n_templates(AX_TASK_REPORT, 7, AX_TEMPLATE_INSTRUCTION), ==, 0);
  /* Two that are easily spoiled: two spaces, and an apostrophe that is not ASCII. */
  g_assert_cmpstr(ax_task_template(AX_TASK_ANATOMY, 0, AX_TEMPLATE_RESPONSE, 4), ==, "The <ref>{name}</ref>'s  location is at {box} on the Chest X-ray.");
  g_assert_cmpstr(ax_task_template(AX_TASK_CLASSIFY, 0, AX_TEMPLATE_SUFFIX, 1), ==,
                  "\nThere may be more than one answer. Answer with the options\xE2\x80\x99 letter/number from the given choices directly.");
}

static void test_pick(void) {
  guint hits[20] = {0};
  for (guint64 seed = 0; seed < 4000; seed++) {
    const char *text = ax_task_pick(AX_TASK_ANATOMY, 0, AX_TEMPLATE_INSTRUCTION, seed);
    g_assert_true(text == ax_task_pick(AX_TASK_ANATOMY, 0, AX_TEMPLATE_INSTRUCTION, seed));
    for (guint i = 0; i < 20; i++)
      hits[i] += text == ax_task_template(AX_TASK_ANATOMY, 0, AX_TEMPLATE_INSTRUCTION, i);
  }
  for (guint i = 0; i < 20; i++) { /* 200 expected, standard deviation 14: within seven of them */
    g_assert_cmpuint(hits[i], >, 100);
    g_assert_cmpuint(hits[i], <, 300);
  }
  g_assert_null(ax_task_pick(AX_TASK_REPORT, 0, AX_TEMPLATE_NOTHING, 1));
}

static void test_fill(void) {
  g_autofree char *a = ax_task_fill("a {x} {y} {x} {z} {", "x", "1", "y", "{x}", NULL), *b = ax_task_fill("{}{{x}}", "x", "2", "", "e", NULL);
  g_assert_cmpstr(a, ==, "a 1 {x} 1 {z} {"); /* values are not filled again */
  g_assert_cmpstr(b, ==, "e{2}");
  const AxBox boxes[] = {{300, 5, 400, 10}, {10.9, -3.9, 20, 30}, {10.9, -7, 20, 30}};
  g_autofree char *text = ax_task_boxes_text(boxes, 3), *none = ax_task_boxes_text(NULL, 0);
  g_assert_cmpstr(text, ==, "<box>(10,-7),(20,30)</box><box>(10,-3),(20,30)</box><box>(300,5),(400,10)</box>");
  g_assert_cmpstr(none, ==, "");
}

static void assert_instruction(AxTask task, const char *text, guint variant, const char *expected) {
  g_autoptr(GError) error = NULL;
  const AxBox box = {100, 200, 300, 400};
  g_autofree char *got = ax_task_instruction(task, text, &box, ax_task_needs_boxes(task) ? 1 : 0, variant, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(got, ==, expected);
}

static void assert_refused(AxTask task, const char *text, guint n_boxes, AxTaskError code) {
  g_autoptr(GError) error = NULL;
  const AxBox boxes[AX_TASK_MAX_BOXES + 1] = {{0}};
  g_assert_null(ax_task_instruction(task, text, boxes, n_boxes, 0, &error));
  g_assert_error(error, AX_TASK_ERROR, (int) code);
}

static void test_instructions(void) {
  assert_instruction(AX_TASK_REPORT, NULL, 0, "Generate report:");
  assert_instruction(AX_TASK_REPORT, "ignored", 5, "Write a comprehensive report:");
  assert_instruction(AX_TASK_DETECT, NULL, 0, "Detect abnormalities in the given image.");
  assert_instruction(AX_TASK_LOCATE, "  small left pneumothorax \n", 0, "Please locate the following phrase: small left pneumothorax");
  assert_instruction(AX_TASK_ANATOMY, "Left lung", 0, "Where is the Left lung located in this Chest X-ray?");
  assert_instruction(AX_TASK_DESCRIBE, NULL, 1, "Describe the content of the following region(s): <box>(100,200),(300,400)</box>");
  assert_instruction(AX_TASK_DIAGNOSE, NULL, 0, "Please give the corresponding diagnosis for the following region(s): <box>(100,200),(300,400)</box>");
  assert_instruction(AX_TASK_ASK, "What is <obj_3> {boxes}?", 0, "What is < obj_3> {boxes}?");
  assert_instruction(AX_TASK_CHOOSE, "Is there an effusion?", 0, "Is there an effusion? Options:\n(a) yes\n(b) no");
  assert_instruction(AX_TASK_CHOOSE, "Which? Options:\n(1) left\n(2) right", 0, "Which? Options:\n(1) left\n(2) right");
  g_autofree char *classify = ax_task_instruction(AX_TASK_CLASSIFY, NULL, NULL, 0, 0, NULL);
  g_assert_true(g_str_has_prefix(classify, "Please review the chest X-ray(s) and classify any diseases from the following list that are present in the image. Options:\n(A) Atelectasis\n"));
  g_assert_true(g_str_has_suffix(classify, "\n(N) Support Devices\nThere may be more than one answer."));
  g_autofree char *long_text = g_strnfill(AX_TASK_MAX_TEXT + 1, 'a');
  assert_refused(AX_TASK_ASK, NULL, 0, AX_TASK_ERROR_TEXT);
  assert_refused(AX_TASK_ASK, " \t\n", 0, AX_TASK_ERROR_TEXT);
  assert_refused(AX_TASK_LOCATE, long_text, 0, AX_TASK_ERROR_TEXT);
  assert_refused(AX_TASK_DESCRIBE, NULL, 0, AX_TASK_ERROR_BOXES);
  assert_refused(AX_TASK_DESCRIBE, NULL, AX_TASK_MAX_BOXES + 1, AX_TASK_ERROR_BOXES);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/task/names", test_names);
  g_test_add_func("/task/templates", test_templates);
  g_test_add_func("/task/pick", test_pick);
  g_test_add_func("/task/fill", test_fill);
  g_test_add_func("/task/instructions", test_instructions);
  return g_test_run();
}
