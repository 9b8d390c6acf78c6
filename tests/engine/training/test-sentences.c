/* Sentences: the grammar both ways, where findings are allowed and placed, and what may be claimed of images that nobody read. */
#include <string.h>

#include "engine/training/sentences.h"
#include "tests/engine/training/folder.h"

#define BIT(m) (1u << AX_MARK_##m)

static void test_grammar(void) {
  g_autofree char *issue = ax_sentence_new(19, BIT(PLEURAL_EFFUSION) | BIT(LUNG_OPACITY)), *healthy = ax_sentence_new(4, 0);
  g_assert_cmpstr(issue, ==, "Right lower lung zone shows lung opacity and pleural effusion.");
  g_assert_cmpstr(healthy, ==, "Cardiac shadow viewed radiologically or Heart is healthy.");
  g_autofree char *recess = ax_sentence_new(33, BIT(PLEURAL_EFFUSION));
  g_assert_cmpstr(recess, ==, "Left costodiaphragmatic recess shows pleural effusion.");
  /* Words in bytewise order, for every set; and back. */
  for (guint object = 0; object < AX_DATASET_N_OBJECTS; object++)
    for (AxMarkSet set = 0; set < 1u << AX_MARK_N; set += object == 0 ? 1 : 37) {
      g_autofree char *s = ax_sentence_new(object, set);
      AxMarkSet back;
      g_assert_true(ax_sentence_findings(s, &back));
      g_assert_cmpuint(back, ==, set);
    }
  for (guint m = 1; m < AX_MARK_N; m++)
    g_assert_cmpint(strcmp(ax_mark_phrase(m - 1), ax_mark_phrase(m)), <, 0);
  g_assert_null(ax_mark_phrase(AX_MARK_N));

  static const char *const foreign[] = {"", ".", "Right lung", "Right lung shows.", "Right lung shows .", "Right lung shows lung opacity", "Right lung shows fog.", "Right lung shows lung opacity and .",
                                        "Right lung shows lung opacity and fog.", " shows lung opacity.", "Right lung shows  and lung opacity.", "Right lung shows Lung Opacity.", "shows"};
  for (guint i = 0; i < G_N_ELEMENTS(foreign); i++) {
    AxMarkSet set = 99;
    g_assert_false(ax_sentence_findings(foreign[i], &set));
    g_assert_cmpuint(set, ==, 0);
  }
}

static void test_names(void) {
  for (guint l = 0; l < AX_BOX_N; l++)
    g_assert_cmpint(ax_mark_of_box((AxBoxLabel) l), >=, 0);
  g_assert_cmpint(ax_mark_of_box(AX_BOX_CONSOLIDATION), ==, AX_MARK_LUNG_OPACITY);
  g_assert_cmpint(ax_mark_of_box(AX_BOX_MASS), ==, AX_MARK_LUNG_LESION);
  g_assert_cmpint(ax_mark_of_label("Pleural Effusion"), ==, AX_MARK_PLEURAL_EFFUSION);
  g_assert_cmpint(ax_mark_of_label("Support Devices"), ==, -1);
  /* The authors' ten structures with a single sentence (spec 3). */
  static const guint silent[] = {5, 15, 16, 24, 25, 26, 28, 29, 32, 34};
  for (guint i = 0; i < G_N_ELEMENTS(silent); i++)
    g_assert_cmpuint(ax_mark_allowed(silent[i]), ==, 0);
  g_assert_cmpuint(ax_mark_allowed(4), ==, BIT(CARDIOMEGALY));
  g_assert_cmpuint(ax_mark_allowed(17), ==, BIT(FRACTURE));
  for (guint o = 0; o < AX_DATASET_N_OBJECTS; o++)
    if (ax_mark_allowed(o) & BIT(PLEURAL_EFFUSION))
      g_assert_true(o == 9 || o == 10 || o == 11 || o == 18 || o == 19 || o == 20 || o == 33 || o == 35);
}

static void test_overlap(void) {
  const AxBox structure = {0, 0, 100, 100};
  g_assert_true(ax_mark_overlaps((AxBox){10, 10, 20, 20}, structure));      /* small and inside */
  g_assert_true(ax_mark_overlaps((AxBox){-500, 0, 25, 1000}, structure));   /* huge, covering a quarter */
  g_assert_false(ax_mark_overlaps((AxBox){-500, 0, 24, 1000}, structure));
  g_assert_true(ax_mark_overlaps((AxBox){97, 0, 107, 10}, structure));      /* three tenths of a small one */
  g_assert_false(ax_mark_overlaps((AxBox){98, 0, 108, 10}, structure));
  g_assert_false(ax_mark_overlaps((AxBox){100, 0, 110, 10}, structure));    /* side by side */
  g_assert_false(ax_mark_overlaps((AxBox){0, 0, 0, 0}, structure));
}

static void test_facts(void) {
  g_autoptr(GError) error = NULL;
  char *dir = folder_new(NULL, NULL, NULL);
  g_autoptr(AxDataset) d = ax_dataset_load(dir, &error);
  g_assert_no_error(error);
  AxStructureFacts f[AX_DATASET_N_OBJECTS];

  ax_structure_facts(ax_dataset_find(d, "a_0.jpg"), f);
  g_assert_cmpuint(f[19].present, ==, BIT(LUNG_OPACITY) | BIT(PLEURAL_EFFUSION));
  g_assert_cmpuint(f[20].present, ==, BIT(LUNG_OPACITY) | BIT(PLEURAL_EFFUSION));
  g_assert_cmpuint(f[35].present, ==, BIT(PLEURAL_EFFUSION)); /* an opacity is not said of the recess */
  g_assert_cmpuint(f[11].present, ==, 0);
  g_assert_true(f[11].known & BIT(PLEURAL_EFFUSION));
  g_assert_cmpfloat(f[19].weight, ==, 1);
  g_assert_cmpfloat(f[8].weight, ==, 0); /* not visible */

  ax_structure_facts(ax_dataset_find(d, "a_1.jpg"), f); /* normal */
  for (guint o = 0; o < AX_DATASET_N_OBJECTS; o++) {
    g_assert_cmpuint(f[o].present, ==, 0);
    g_assert_cmpuint(f[o].known, ==, ax_mark_allowed(o));
    g_assert_cmpfloat(f[o].weight, ==, 1);
  }

  ax_structure_facts(ax_dataset_find(d, "b_0.jpg"), f); /* unread, text says cardiomegaly and pneumonia */
  g_assert_cmpuint(f[4].present, ==, BIT(CARDIOMEGALY));
  g_assert_cmpuint(f[4].known, ==, 0);
  g_assert_true(f[4].weight > 0 && f[4].weight < 1);
  for (guint o = 0; o < AX_DATASET_N_OBJECTS; o++) {
    if (ax_mark_allowed(o) & BIT(LUNG_OPACITY)) /* no lung is called healthy */
      g_assert_cmpfloat(f[o].weight, ==, 0);
    if (ax_mark_allowed(o) == 0)
      g_assert_cmpfloat(f[o].weight, ==, 1);
  }

  ax_structure_facts(ax_dataset_find(d, "c_0.jpg"), f); /* unread, no boxes, "No Finding" */
  g_assert_cmpuint(f[20].known, ==, 0);
  g_assert_true(f[20].weight > 0 && f[20].weight < 1);

  ax_structure_facts(ax_dataset_find(d, "d_0.jpg"), f); /* a lone NIH box on the left */
  g_assert_cmpuint(f[11].present, ==, BIT(LUNG_OPACITY));
  g_assert_cmpuint(f[11].known, ==, BIT(LUNG_OPACITY));
  g_assert_cmpuint(f[20].known, ==, 0);
  g_assert_cmpfloat(f[20].weight, ==, 0);
  g_clear_pointer(&d, ax_dataset_free);
  folder_remove(dir);
}

/* On the real folder: every finding that was drawn is said of some structure, whenever there are boxes. */
static void test_real(void) {
  const char *shared = g_getenv("AX_SHARED");
  g_autofree char *dir = g_build_filename(shared != NULL ? shared : ".", "data", "nih", NULL);
  if (!g_file_test(dir, G_FILE_TEST_IS_DIR)) {
    g_test_skip("data/nih is absent");
    return;
  }
  g_autoptr(GError) error = NULL;
  g_autoptr(AxDataset) d = ax_dataset_load(dir, &error);
  g_assert_no_error(error);
  guint drawn = 0, said = 0;
  for (guint i = 0; i < d->n; i++) {
    const AxDatasetImage *m = &d->images[i];
    AxStructureFacts f[AX_DATASET_N_OBJECTS];
    AxMarkSet all = 0;
    ax_structure_facts(m, f);
    for (guint o = 0; o < AX_DATASET_N_OBJECTS; o++) {
      g_assert_cmpuint(f[o].present & ~ax_mark_allowed(o), ==, 0);
      g_assert_cmpuint(f[o].known & ~ax_mark_allowed(o), ==, 0);
      all |= f[o].present;
    }
    for (guint k = 0; m->ok && k < m->n_findings; k++) {
      drawn++;
      said += (all >> ax_mark_of_box(m->findings[k].label)) & 1;
    }
  }
  g_test_message("%u of %u drawn findings are named by a sentence", said, drawn);
  /* Pleural thickening on the outer wall and fractures of outer ribs may lie beside every box. */
  g_assert_cmpuint(said * 100, >=, drawn * 97);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/sentences/grammar", test_grammar);
  g_test_add_func("/sentences/names", test_names);
  g_test_add_func("/sentences/overlap", test_overlap);
  g_test_add_func("/sentences/facts", test_facts);
  g_test_add_func("/sentences/real", test_real);
  return g_test_run();
}
