/* The dataset reader: what each kind of reading makes known, files that are refused with the place of the fault, and the real
 * folder's known counts. */
#include <string.h>

#include "engine/training/dataset.h"
#include "tests/engine/training/folder.h"

static void test_small(void) {
  g_autoptr(GError) error = NULL;
  char *dir = folder_new(NULL, NULL, NULL);
  g_autoptr(AxDataset) d = ax_dataset_load(dir, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(d->n, ==, 5);
  const AxDatasetImage *a0 = ax_dataset_find(d, "a_0.jpg"), *a1 = ax_dataset_find(d, "a_1.jpg"), *b = ax_dataset_find(d, "b_0.jpg"), *c = ax_dataset_find(d, "c_0.jpg"), *e = ax_dataset_find(d, "d_0.jpg");
  g_assert_null(ax_dataset_find(d, "z.jpg"));
  g_assert_true(a0 == &d->images[0] && e == &d->images[4]);
  g_assert_cmpstr(c->patient, ==, "x3");
  g_assert_cmpint(b->age, ==, 7);
  g_assert_cmpint(b->sex, ==, 'F');
  g_assert_cmpint(a0->view, ==, AX_VIEW_AP);
  g_assert_true(a0->ok && !c->ok);
  g_assert_false(a0->visible[8]);
  g_assert_true(a0->visible[9]);
  g_assert_cmpfloat(a0->boxes[20].y2, ==, 760);
  g_assert_cmpuint(a0->n_findings, ==, 2);
  g_assert_cmpfloat(a0->findings[1].box.x2, ==, 450.5);
  g_autofree char *path = ax_dataset_image_path(d, a0);
  g_assert_true(g_str_has_suffix(path, "images/a_0.jpg"));

  /* Both readers: opacity by one, thirteen findings by the other, whose absences count. */
  g_assert_true(a0->reader_known[AX_LABEL_LUNG_OPACITY] && a0->reader_value[AX_LABEL_LUNG_OPACITY]);
  g_assert_true(a0->reader_known[AX_LABEL_PLEURAL_EFFUSION] && a0->reader_value[AX_LABEL_PLEURAL_EFFUSION]);
  g_assert_true(a0->reader_known[AX_LABEL_FRACTURE] && !a0->reader_value[AX_LABEL_FRACTURE]);
  g_assert_true(a0->reader_known[AX_LABEL_NO_FINDING] && !a0->reader_value[AX_LABEL_NO_FINDING]);
  g_assert_false(a0->reader_known[AX_LABEL_EDEMA]);
  g_assert_cmpfloat(a0->weight[AX_LABEL_PLEURAL_EFFUSION], ==, 1);
  g_assert_cmpfloat(a0->target[AX_LABEL_PLEURAL_EFFUSION], ==, 1);
  /* What only the text says weighs less and is not a certainty. */
  g_assert_cmpfloat(a0->weight[AX_LABEL_EDEMA], >, 0);
  g_assert_cmpfloat(a0->weight[AX_LABEL_EDEMA], <, 1);
  /* Called normal: everything but devices is known to be absent. */
  g_assert_true(a1->reader_value[AX_LABEL_NO_FINDING]);
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++) {
    g_assert_cmpint(a1->reader_known[l], ==, l != AX_LABEL_SUPPORT_DEVICES);
    if (l != AX_LABEL_NO_FINDING)
      g_assert_cmpint(a1->reader_value[l], ==, 0);
  }
  /* Unread. */
  g_assert_false(ax_dataset_image_is_read(b));
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++)
    g_assert_false(b->reader_known[l]);
  g_assert_true(b->text_known[AX_LABEL_CARDIOMEGALY] && b->text_value[AX_LABEL_CARDIOMEGALY]);
  g_assert_cmpfloat(b->target[AX_LABEL_CARDIOMEGALY], >, 0.5);
  g_assert_cmpfloat(b->target[AX_LABEL_LUNG_OPACITY], <, 0.5); /* bare "Pneumonia" is wrong more often than right */
  g_assert_cmpfloat(b->target[AX_LABEL_LUNG_OPACITY], >, c->target[AX_LABEL_LUNG_OPACITY]);
  /* A lone NIH box proves its finding and settles nothing else. */
  g_assert_false(ax_dataset_image_is_read(e));
  g_assert_true(e->reader_known[AX_LABEL_PNEUMONIA] && e->reader_value[AX_LABEL_PNEUMONIA]);
  g_assert_true(e->reader_known[AX_LABEL_LUNG_OPACITY] && e->reader_value[AX_LABEL_LUNG_OPACITY]);
  g_assert_false(e->reader_known[AX_LABEL_PLEURAL_EFFUSION]);
  for (guint i = 0; i < d->n; i++)
    for (guint l = 0; l < AX_DATASET_N_LABELS; l++) {
      const AxDatasetImage *m = &d->images[i];
      g_assert_true(m->target[l] >= 0 && m->target[l] <= 1 && m->weight[l] >= 0 && m->weight[l] <= 1);
      g_assert_cmpint(m->weight[l] == 1, ==, m->reader_known[l]);
      if (l == AX_LABEL_SUPPORT_DEVICES)
        g_assert_cmpfloat(m->weight[l], ==, 0);
    }
  g_clear_pointer(&d, ax_dataset_free);
  folder_remove(dir);
}

typedef struct {
  int file; /* 0 labels, 1 findings, 2 anatomy */
  const char *from, *to, *message;
} Fault;

/* Each replaces the first occurrence of a text; the message has to name the file and the place. */
static const Fault faults[] = {
  {0, "image,", "picture,", "labels.csv:1: no column \"image\""},
  {0, "findings,note", "note,note", "labels.csv:1: two columns"},
  {0, "a_1.jpg,001", "a_0.jpg,001", "labels.csv:3: image a_0.jpg is listed twice"},
  {0, "a_1.jpg,001", "../a_1.jpg,001", "labels.csv:3: \"../a_1.jpg\" is not a file name"},
  {0, "a_1.jpg,001", "..,001", "labels.csv:3"},
  {0, "a_1.jpg,001", "missing.jpg,001", "labels.csv:3: there is no file"},
  {0, ",51,", ",old,", "labels.csv:3: age \"old\""},
  {0, ",51,", ",-1,", "labels.csv:3: age"},
  {0, "51,M,PA", "51,?,PA", "labels.csv:3: sex"},
  {0, "51,M,PA", "51,M,LL", "labels.csv:3: view"},
  {0, "Cardiomegaly|", "Gout|", "labels.csv:4: findings"},
  {0, "PA,No Finding", "PA,No Finding|Mass", "labels.csv:3: findings"},
  {0, "d_0.jpg,4", "d_0.jpg", "labels.csv:8: 6 fields"},
  {0, "lines\"", "lines", "labels.csv:6: the quote"},
  {0, "lines\"", "lines\"x", "labels.csv:7: text follows"},
  {0, ",x3,", ",\xFF,", "labels.csv:6: not UTF-8"},
  {0, ",x3,", ",,", "labels.csv:6: no patient_id"},
  {1, "[{", "{", "findings.json"},
  {1, "\"image\":\"a_1.jpg\"", "\"image\":\"z.jpg\"", "findings.json: labels.csv does not list z.jpg"},
  {1, "\"image\":\"a_1.jpg\"", "\"image\":\"a_0.jpg\"", "findings.json: two entries for a_0.jpg"},
  {1, "\"image\":\"a_1.jpg\"", "\"image\":17", "findings.json: entry 1 names no image"},
  {1, "\"label\":\"Effusion\"", "\"label\":\"Fog\"", "findings.json: a_0.jpg: box 1"},
  {1, "\"source\":\"chestxdet13\"", "\"source\":\"rumour\"", "findings.json: a_0.jpg: box 1"},
  {1, "450.5,790]", "450.5,1024.5]", "findings.json: a_0.jpg: box 1"},
  {1, "[200,550,400", "[200,550,200", "findings.json: a_0.jpg: box 0"},
  {1, "[200,550,400", "[-1,550,400", "findings.json: a_0.jpg: box 0"},
  {1, "[200,550,400,750]", "[200,550,400]", "findings.json: a_0.jpg: box 0"},
  {1, "[200,550,400,750]", "[200,550,\"400\",750]", "findings.json: a_0.jpg: box 0"},
  {1, "[200,550,400,750]", "[200,550,1e999,750]", "findings.json"},
  {1, "{\"class\":\"Normal\"}", "{\"class\":\"Fine\"}", "findings.json: a_1.jpg: rsna2018"},
  {1, "{\"class\":\"Lung Opacity\"}", "{\"class\":\"Normal\"}", "findings.json: a_0.jpg: has an rsna2018 box"},
  {1, "[\"Effusion\"]", "[]", "findings.json: a_0.jpg: has a box of Effusion"},
  {1, "[\"Effusion\"]", "[\"Effusion\",3]", "findings.json: a_0.jpg: chestxdet13"},
  {1, "\"read\":{}", "\"read\":[]", "findings.json: d_0.jpg: no \"read\""},
  {2, "\"images\"", "\"pictures\"", "anatomy.json: no object"},
  {2, "\"c_0.jpg\"", "\"z.jpg\"", "anatomy.json: labels.csv does not list z.jpg"},
  {2, "\"ok\":false", "\"ok\":0", "anatomy.json: c_0.jpg: no \"ok\""},
  {2, "[0,0,20,20],", "", "anatomy.json: a_0.jpg: \"boxes\""},
  {2, "[0,0,20,20]", "[0,0,20,2000]", "anatomy.json: a_0.jpg: box 0"},
  {2, "[0,0,20,20]", "[20,0,0,20]", "anatomy.json: a_0.jpg: box 0"},
  {2, "\"visible\":[1", "\"visible\":[2", "anatomy.json: a_0.jpg: visible flag 0"},
};

static void test_faults(void) {
  for (guint i = 0; i < G_N_ELEMENTS(faults); i++) {
    g_autofree char *text = faults[i].file == 0 ? folder_labels() : faults[i].file == 1 ? folder_findings() : folder_anatomy();
    const char *at = strstr(text, faults[i].from);
    g_assert_nonnull(at);
    g_autofree char *changed = g_strdup_printf("%.*s%s%s", (int) (at - text), text, faults[i].to, at + strlen(faults[i].from));
    char *dir = folder_new(faults[i].file == 0 ? changed : NULL, faults[i].file == 1 ? changed : NULL, faults[i].file == 2 ? changed : NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(AxDataset) d = ax_dataset_load(dir, &error);
    if (d != NULL)
      g_test_message("accepted: %s -> %s", faults[i].from, faults[i].to);
    g_assert_null(d);
    g_assert_true(error != NULL && error->domain == AX_DATA_ERROR);
    if (strstr(error->message, faults[i].message) == NULL)
      g_test_message("\"%s\" lacks \"%s\"", error->message, faults[i].message);
    g_assert_nonnull(strstr(error->message, faults[i].message));
    folder_remove(dir);
  }
  g_test_message("%u faults refused, each with its place", (guint) G_N_ELEMENTS(faults));
}

static void test_hostile(void) {
  g_autofree char *deep = g_strnfill(1000000, '[');
  const char *const texts[] = {"", "null", "3", "\"x\"", "{\"images\":{\"a_0.jpg\":[]}}", "{\"images\":{\"a_0.jpg\":{\"ok\":true,\"boxes\":{},\"visible\":[]}}}", "[null]", "[[]]", "[{\"image\":\"a_0.jpg\"}]", deep};
  for (guint file = 1; file < 3; file++)
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
      char *dir = folder_new(NULL, file == 1 ? texts[i] : NULL, file == 2 ? texts[i] : NULL);
      g_autoptr(GError) error = NULL;
      g_assert_null(ax_dataset_load(dir, &error));
      g_assert_true(error != NULL && error->domain == AX_DATA_ERROR);
      folder_remove(dir);
    }
  /* Every shortened and every damaged form either loads or is refused with a reason; under a sanitizer this is the test that matters. */
  g_autofree char *labels = folder_labels(), *findings = folder_findings();
  guint refused = 0;
  GRand *random = g_rand_new_with_seed(7);
  for (guint i = 0; i < 200; i++) {
    g_autofree char *l = g_strdup(labels), *f = g_strdup(findings);
    char *text = i % 2 ? l : f;
    const gsize length = strlen(text);
    if (i % 4 < 2)
      text[g_rand_int_range(random, 0, (gint32) length)] = '\0';
    else
      for (guint k = 0; k < 2; k++)
        text[g_rand_int_range(random, 0, (gint32) length)] = (char) g_rand_int_range(random, 1, 128);
    char *dir = folder_new(l, f, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(AxDataset) d = ax_dataset_load(dir, &error);
    g_assert_true((d == NULL) == (error != NULL));
    refused += d == NULL;
    folder_remove(dir);
  }
  g_rand_free(random);
  g_test_message("200 damaged folders: %u refused", refused);
  g_assert_cmpuint(refused, >, 100);
}

/* The counts that the folder's README gives (its "about 500 boxes" are 502). */
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
  guint ok = 0, boxes = 0, boxed = 0, rsna[4] = {0}, chestxdet = 0, normal_text = 0;
  for (guint i = 0; i < d->n; i++) {
    const AxDatasetImage *m = &d->images[i];
    ok += m->ok;
    boxes += m->n_findings;
    boxed += m->n_findings > 0;
    rsna[m->rsna]++;
    chestxdet += m->chestxdet13;
    normal_text += (m->text >> AX_NIH_NO_FINDING) & 1;
  }
  g_assert_cmpuint(d->n, ==, 850);
  g_assert_cmpuint(ok, ==, 830);
  g_assert_cmpuint(boxed, ==, 194);
  g_assert_cmpuint(boxes, ==, 502);
  g_assert_cmpuint(rsna[AX_RSNA_NORMAL], ==, 64);
  g_assert_cmpuint(rsna[AX_RSNA_NOT_NORMAL], ==, 111);
  g_assert_cmpuint(rsna[AX_RSNA_OPACITY], ==, 112);
  g_assert_cmpuint(chestxdet, ==, 105);
  g_assert_cmpuint(normal_text, ==, 435);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/dataset/small", test_small);
  g_test_add_func("/dataset/faults", test_faults);
  g_test_add_func("/dataset/hostile", test_hostile);
  g_test_add_func("/dataset/real", test_real);
  return g_test_run();
}
