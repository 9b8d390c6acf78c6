/* The split: by patient, repeatable, even, refused when a patient is on two sides; the committed list fits the rules that made it. */
#include <string.h>

#include "engine/training/split.h"
#include "tests/engine/training/folder.h"

static AxSplit *load_text(const char *text, GError **error) {
  char *dir = folder_new(NULL, NULL, NULL);
  g_autofree char *path = g_build_filename(dir, "split.csv", NULL);
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  AxSplit *split = ax_split_load(path, error);
  folder_remove(dir);
  return split;
}

static void test_refusals(void) {
  static const struct {
    const char *text, *message;
  } cases[] = {
    {"patient_id,split\n7,train\n8,test\n7,test\n", "patient 7 is both in train and in test"},
    {"patient_id,split\n00000061,train\n61,validation\n", "patient 61 is both in train and in validation"},
    {"patient_id,split\nP9,test\nP9,test\n", "patient P9 is listed twice"},
    {"patient_id,split\n7,learn\n", "split.csv:2"},
    {"patient_id,split\n,train\n", "split.csv:2"},
    {"patient_id,part\n7,train\n", "no column \"split\""},
    {"", "empty"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_null(load_text(cases[i].text, &error));
    g_assert_true(error != NULL && error->domain == AX_DATA_ERROR);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, cases[i].message));
  }
}

static void test_small(void) {
  g_autoptr(GError) error = NULL;
  char *dir = folder_new(NULL, NULL, NULL);
  g_autoptr(AxDataset) d = ax_dataset_load(dir, &error);
  g_assert_no_error(error);
  g_autoptr(AxSplit) split = load_text("patient_id,split\n0001,train\n2,test\nx3,validation\n", &error);
  g_assert_no_error(error);
  g_assert_false(ax_split_check(split, d, &error));
  g_assert_nonnull(strstr(error->message, "patient 4 of image d_0.jpg"));
  g_clear_error(&error);
  /* "1" and "001" of labels.csv are one patient, in train. */
  g_assert_cmpint(ax_split_part_of(split, "001"), ==, AX_SPLIT_TRAIN);
  g_assert_cmpint(ax_split_part_of(split, "4"), ==, -1);
  g_autoptr(GPtrArray) train = ax_split_images(split, d, AX_SPLIT_TRAIN);
  g_assert_cmpuint(train->len, ==, 2);

  static const char *const fixed[] = {"x3", "0002", NULL};
  g_autoptr(AxSplit) made = ax_split_new(d, 5, fixed);
  g_assert_true(ax_split_check(made, d, &error));
  g_assert_cmpuint(made->n, ==, 4);
  g_assert_cmpint(ax_split_part_of(made, "x3"), ==, AX_SPLIT_TEST);
  g_assert_cmpint(ax_split_part_of(made, "2"), ==, AX_SPLIT_TEST);
  g_autofree char *path = g_build_filename(dir, "split.csv", NULL);
  g_assert_true(ax_split_save(made, path, &error));
  g_autoptr(AxSplit) again = ax_split_load(path, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(again->n, ==, made->n);
  for (guint i = 0; i < made->n; i++) {
    g_assert_cmpstr(again->entries[i].patient, ==, made->entries[i].patient);
    g_assert_cmpint(again->entries[i].part, ==, made->entries[i].part);
  }
  g_clear_pointer(&d, ax_dataset_free);
  folder_remove(dir);
}

static void test_committed(void) {
  g_autoptr(GError) error = NULL;
  const char *source = g_getenv("AX_SOURCE_ROOT"), *shared = g_getenv("AX_SHARED");
  g_autofree char *path = g_build_filename(source != NULL ? source : ".", "data", "splits", "nih.csv", NULL);
  g_autoptr(AxSplit) split = ax_split_load(path, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(split->n, ==, 580);
  static const char *const special[] = {"2645", "3689", "3490", NULL};
  for (guint i = 0; special[i] != NULL; i++)
    g_assert_cmpint(ax_split_part_of(split, special[i]), ==, AX_SPLIT_TEST);
  g_autofree char *dir = g_build_filename(shared != NULL ? shared : ".", "data", "nih", NULL);
  if (!g_file_test(dir, G_FILE_TEST_IS_DIR)) {
    g_test_skip("data/nih is absent");
    return;
  }
  g_autoptr(AxDataset) d = ax_dataset_load(dir, &error);
  g_assert_no_error(error);
  g_assert_true(ax_split_check(split, d, &error));
  static const double shares[AX_SPLIT_N] = {0.70, 0.15, 0.15};
  guint opacity = 0, drawn = 0;
  for (guint i = 0; i < d->n; i++) {
    opacity += d->images[i].rsna == AX_RSNA_OPACITY;
    drawn += d->images[i].chestxdet13;
  }
  for (guint p = 0; p < AX_SPLIT_N; p++) {
    g_autoptr(GPtrArray) images = ax_split_images(split, d, p);
    guint own_opacity = 0, own_drawn = 0;
    for (guint i = 0; i < images->len; i++) {
      own_opacity += ((AxDatasetImage *) g_ptr_array_index(images, i))->rsna == AX_RSNA_OPACITY;
      own_drawn += ((AxDatasetImage *) g_ptr_array_index(images, i))->chestxdet13;
    }
    /* A part misses its share by no more than the largest patient's images, of which a stratum may have one each; 5 % of the whole is
     * that with room (the largest patient has fewer than 40 images). */
    g_assert_cmpfloat_with_epsilon(images->len, shares[p] * d->n, 0.05 * d->n);
    g_assert_cmpfloat_with_epsilon(own_opacity, shares[p] * opacity, 0.12 * opacity);
    g_assert_cmpfloat_with_epsilon(own_drawn, shares[p] * drawn, 0.12 * drawn);
  }
  /* The list is what the rules make of the dataset. */
  g_autoptr(AxSplit) made = ax_split_new(d, AX_SPLIT_SEED, special);
  g_assert_cmpuint(made->n, ==, split->n);
  for (guint i = 0; i < made->n; i++)
    g_assert_cmpint(ax_split_part_of(split, made->entries[i].patient), ==, made->entries[i].part);
  /* Another seed divides otherwise. */
  g_autoptr(AxSplit) other = ax_split_new(d, AX_SPLIT_SEED + 1, special);
  guint moved = 0;
  for (guint i = 0; i < other->n; i++)
    moved += ax_split_part_of(split, other->entries[i].patient) != (int) other->entries[i].part;
  g_assert_cmpuint(moved, >, 100);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/split/refusals", test_refusals);
  g_test_add_func("/split/small", test_small);
  g_test_add_func("/split/committed", test_committed);
  return g_test_run();
}
