/* Instruction data: the JSON both ways, places and sizes, wordings, users' own collections and configuration files. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/anatomix.h"
#include "engine/task/task.h"
#include "engine/training/instruct-private.h"
#include "engine/training/instruct_build.h"
#include "engine/training/instruct_graph.h"
#include "engine/training/instruct_phrases.h"
#include "engine/training/instruct_words.h"
#include "engine/training/phantom.h"

/* ---- the file ---- */

#define GOOD                                                                                                                                          \
  "[{\"task\": \"Anatomy-Grounding\", \"image_path\": \"files/a.jpg\", \"study_id\": 123, \"extra\": {}, \"messages\": ["                           \
  "{\"role\": \"system\", \"content\": null}, {\"role\": \"user\", \"content\": {\"context\": \"Image: <image_start>\", \"instruction\": [\"Where?\", \"Where is it?\"]}}," \
  "{\"role\": \"assistant\", \"content\": [\"At <box>__BOX35__</box>.\"]}]}]"

static void
test_file (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) list = ax_instruct_parse (GOOD, strlen (GOOD), "good", &error);
  g_assert_no_error (error);
  AxInstructSample *s = list->pdata[0];
  g_assert_cmpint (s->task, ==, AX_INSTRUCT_ANATOMY);
  g_assert_cmpstr (s->study_id, ==, "123");
  g_assert_cmpstr (s->image_id, ==, "files/a.jpg");
  g_assert_null (s->system);
  g_assert_false (s->paired);
  g_autofree char *q = NULL, *a = NULL;
  g_assert_false (ax_instruct_sample_pick (s, 1, 5, NULL, &q, &a)); /* a box is called for and there is none */
  for (guint o = 0; o < AX_INSTRUCT_N_OBJECTS; o++)
    s->boxes[o] = (AxBox) { o, 2.9, -3.5, 1023.99 };
  s->has_boxes = TRUE;
  s->flip = s->paired = TRUE;
  g_strfreev (s->response);
  s->response = g_strsplit ("one \"two\"\n\tthree\\|At <box>__BOX35__</box>, __BOX36__ __BOX1_.", "|", 2);
  s->weight = 0.25;
  g_assert_true (ax_instruct_sample_pick (s, 3, 0, NULL, &q, &a)); /* taken modulo the wordings; the partner answers */
  g_assert_cmpstr (q, ==, "Where is it?");
  g_assert_cmpstr (a, ==, "At <box>(35,2),(-3,1023)</box>, __BOX36__ __BOX1_.");

  g_autofree char *dir = g_dir_make_tmp ("ax-instruct-XXXXXX", &error), *path = g_build_filename (dir, "a.json", NULL);
  g_assert_true (ax_instruct_save (list, path, &error));
  g_autoptr (GPtrArray) back = ax_instruct_load (path, &error);
  g_assert_no_error (error);
  const AxInstructSample *t = back->pdata[0];
  g_assert_true (t->flip && t->paired && t->has_boxes);
  g_assert_cmpfloat (t->weight, ==, 0.25);
  g_assert_cmpstr (t->context, ==, s->context);
  g_assert_cmpstr (t->response[0], ==, s->response[0]);
  g_assert_cmpstr (t->response[1], ==, s->response[1]);
  g_assert_cmpfloat (t->boxes[35].x1, ==, 35);
  g_assert_cmpfloat (t->boxes[35].y2, ==, 1023);
  remove (path);
  remove (dir);
}

static void
test_bad_files (void)
{
  static const char *const bad[] = {
    "", "{}", "[1]", "[{}]", "[", "nonsense", "[{\"task\": \"Report Generation\"}]",
    "[{\"task\": \"Cooking\", \"image_path\": \"a\", \"messages\": []}]",
    "[{\"task\": 3, \"image_path\": \"a\", \"messages\": []}]",
    "[{\"task\": \"Report Generation\", \"image_path\": \"a\"}]",
    "[{\"task\": \"Report Generation\", \"image_path\": \"a\", \"messages\": [3]}]",
    "[{\"task\": \"Report Generation\", \"image_path\": \"a\", \"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}]",
    "[{\"task\": \"Report Generation\", \"image_path\": \"a\", \"messages\": [{\"role\": \"user\", \"content\": {\"instruction\": []}}, {\"role\": \"assistant\", \"content\": [\"x\"]}]}]",
    "[{\"task\": \"Report Generation\", \"image_path\": \"a\", \"messages\": [{\"role\": \"user\", \"content\": {\"instruction\": [\"x\"]}}, {\"role\": \"assistant\", \"content\": [4]}]}]",
    "[{\"task\": \"Report Generation\", \"image_path\": \"a\", \"paired\": true, \"messages\": [{\"role\": \"user\", \"content\": {\"instruction\": [\"x\", \"y\"]}}, {\"role\": \"assistant\", \"content\": [\"z\"]}]}]",
    "[{\"task\": \"Report Generation\", \"image_path\": \"a\", \"weight\": 2, \"messages\": [{\"role\": \"user\", \"content\": {\"instruction\": \"x\"}}, {\"role\": \"assistant\", \"content\": \"z\"}]}]",
    "[{\"task\": \"Report Generation\", \"image_path\": \"a\", \"bboxes\": [[1, 2, 3, 4]], \"messages\": [{\"role\": \"user\", \"content\": {\"instruction\": \"x\"}}, {\"role\": \"assistant\", \"content\": \"z\"}]}]",
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (ax_instruct_parse (bad[i], strlen (bad[i]), "bad", &error));
    g_assert_error (error, AX_DATA_ERROR, AX_DATA_ERROR_READ);
  }
  g_autofree char *deep = g_strnfill (100000, '[');
  g_autoptr (GError) error = NULL;
  g_assert_null (ax_instruct_parse (deep, 100000, "deep", &error));
  g_assert_error (error, AX_DATA_ERROR, AX_DATA_ERROR_READ);
  /* Every cut of a good file is refused or read, never a crash. */
  for (gsize n = 0; n < strlen (GOOD); n++) {
    g_autoptr (GPtrArray) list = ax_instruct_parse (GOOD, n, "cut", NULL);
    g_assert_null (list);
  }
}

static void
test_tasks (void)
{
  for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++)
    g_assert_cmpint (ax_instruct_task_find (ax_instruct_task_name (t)), ==, (int) t);
  g_assert_cmpint (ax_instruct_task_find ("REPORT-GENERATION"), ==, AX_INSTRUCT_REPORT);
  g_assert_cmpint (ax_instruct_task_find (""), ==, -1);
  g_assert_null (ax_instruct_task_name (AX_INSTRUCT_N_TASKS));
}

/* ---- words ---- */

static void
test_words (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  guint names = 0;
  for (guint o = 0; o < AX_DATASET_N_OBJECTS; o++) {
    const char *const *list = ax_structure_names (o);
    g_assert_cmpstr (list[0], ==, ax_anatomy_name (o));
    for (guint i = 0; list[i] != NULL; i++, names++) {
      if (!g_hash_table_add (seen, (gpointer) list[i]))
        g_error ("\"%s\" names two structures", list[i]);
      const int found = ax_anatomy_find (list[i]);
      if (found >= 0 && found != (int) o)
        g_error ("\"%s\" is structure %u here and %d in the program", list[i], o, found);
    }
    g_assert_cmpuint (g_strv_length ((char **) list), >=, 2);
  }
  g_test_message ("%u names of 36 structures", names);
  g_assert_cmpuint (ax_words_count (AX_WORDS_ANATOMY_PARAPHRASE), ==, 50);
  g_autoptr (GHashTable) training = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < ax_words_count (AX_WORDS_ANATOMY_QUESTION); i++)
    g_assert_true (g_hash_table_add (training, g_ascii_strdown (ax_words (AX_WORDS_ANATOMY_QUESTION)[i], -1)));
  for (guint i = 0; i < 50; i++) /* new to training, and each once */
    g_assert_true (g_hash_table_add (training, g_ascii_strdown (ax_words (AX_WORDS_ANATOMY_PARAPHRASE)[i], -1)));
  for (guint w = 0; w < AX_WORDS_N; w++)
    for (guint i = 0; i < ax_words_count (w); i++) {
      const char *slot = strstr (ax_words (w)[i], "{}");
      g_assert_true ((slot != NULL) == (w != AX_WORDS_DETECTION_QUESTION && w != AX_WORDS_REPORT_QUESTION));
    }
  g_autofree char *filled = ax_words_fill ("{} and {}", "a", "b"), *once = ax_words_fill ("{}, {}", "a", NULL);
  g_assert_cmpstr (filled, ==, "a and b");
  g_assert_cmpstr (once, ==, "a, a");
}

/* ---- facts ---- */

/* A schematic chest: right lung at the picture's left, x 100..450, left lung 550..900, both y 100..700, zones of 200. */
static AxDatasetImage *
chest_new (AxFindingBox *findings, guint n)
{
  AxDatasetImage *image = g_new0 (AxDatasetImage, 1);
  image->file = (char *) "c.png";
  image->patient = (char *) "7";
  image->ok = TRUE;
  image->chestxdet13 = TRUE;
  image->findings = findings;
  image->n_findings = n;
  for (guint o = 0; o < AX_DATASET_N_OBJECTS; o++) {
    image->visible[o] = TRUE;
    image->boxes[o] = (AxBox) { 400, 400, 600, 600 };
  }
  static const struct { guint8 o; AxBox box; } lungs[] = {
    { 20, { 100, 100, 450, 700 } }, { 22, { 100, 100, 450, 300 } }, { 21, { 100, 300, 450, 500 } }, { 19, { 100, 500, 450, 700 } }, { 3, { 150, 100, 400, 180 } },
    { 11, { 550, 100, 900, 700 } }, { 13, { 550, 100, 900, 300 } }, { 12, { 550, 300, 900, 500 } }, { 10, { 550, 500, 900, 700 } }, { 2, { 600, 100, 850, 180 } },
    { 4, { 380, 450, 860, 750 } },
  };
  for (guint i = 0; i < G_N_ELEMENTS (lungs); i++)
    image->boxes[lungs[i].o] = lungs[i].box;
  for (guint i = 0; i < n; i++)
    image->chestxdet_present |= 1u << findings[i].label;
  ax_dataset_image_label (image);
  return image;
}

static void
test_places (void)
{
  AxFindingBox findings[] = {
    { AX_BOX_CONSOLIDATION, AX_SOURCE_CHESTXDET13, { 150, 520, 400, 690 } }, { AX_BOX_CONSOLIDATION, AX_SOURCE_CHESTXDET13, { 160, 500, 390, 700 } },
    { AX_BOX_EFFUSION, AX_SOURCE_CHESTXDET13, { 700, 600, 900, 720 } },      { AX_BOX_PNEUMOTHORAX, AX_SOURCE_CHESTXDET13, { 600, 100, 800, 175 } },
    { AX_BOX_CARDIOMEGALY, AX_SOURCE_CHESTXDET13, { 380, 450, 860, 750 } },  { AX_BOX_LUNG_OPACITY, AX_SOURCE_CHESTXDET13, { 560, 310, 890, 690 } },
    { AX_BOX_LUNG_OPACITY, AX_SOURCE_CHESTXDET13, { 150, 520, 400, 700 } },
  };
  static const struct { AxBoxLabel label; const char *phrase, *zone, *side; } expected[] = {
    { AX_BOX_CONSOLIDATION, "consolidation in the right lower lung zone", "right lower zone consolidation", "right-sided consolidation" },
    { AX_BOX_EFFUSION, "small left pleural effusion", "left pleural effusion", "left-sided pleural effusion" },
    { AX_BOX_PNEUMOTHORAX, "small left apical pneumothorax", "left apical pneumothorax", "left-sided pneumothorax" },
    { AX_BOX_CARDIOMEGALY, "moderate cardiomegaly", "cardiomegaly", "cardiomegaly" },
    { AX_BOX_LUNG_OPACITY, "extensive opacity in the left mid and lower lung zones", "left mid and lower zone opacity", "left-sided opacity" },
  };
  g_autofree AxDatasetImage *image = chest_new (findings, G_N_ELEMENTS (findings));
  g_autoptr (AxImageFacts) plain = ax_image_facts_new (image, "c.png");
  g_autoptr (AxImageFacts) mirrored = ax_image_facts_mirror (plain);
  /* Two boxes of one name became their hull, and the second reader's opacity over the consolidation is the consolidation. */
  g_assert_cmpuint (plain->n, ==, 5);
  for (guint pass = 0; pass < 2; pass++) {
    const AxImageFacts *f = pass == 0 ? plain : mirrored;
    for (guint e = 0; e < G_N_ELEMENTS (expected); e++) {
      const AxKnownFinding *k = NULL;
      for (guint i = 0; i < f->n; i++)
        if (f->findings[i].label == expected[e].label)
          k = &f->findings[i];
      g_assert_nonnull (k);
      g_autofree char *phrase = ax_finding_phrase (k, AX_PHRASE_FULL, ax_finding_noun (k, NULL)), *zone = ax_finding_phrase (k, AX_PHRASE_ZONE, ax_finding_noun (k, NULL)),
                      *side = ax_finding_phrase (k, AX_PHRASE_SIDE, ax_finding_noun (k, NULL));
      g_assert_cmpstr (phrase, ==, expected[e].phrase);
      g_assert_cmpstr (zone, ==, expected[e].zone);
      g_assert_cmpstr (side, ==, expected[e].side);
    }
  }
  g_assert_true (mirrored->flip);
  for (guint i = 0; i < plain->n; i++) {
    const AxBox m = ax_box_mirror (plain->findings[i].box, 1024);
    gboolean found = FALSE;
    for (guint k = 0; k < plain->n; k++)
      found = found || memcmp (&mirrored->findings[k].box, &m, sizeof m) == 0;
    g_assert_true (found);
  }
  /* An opacity covers consolidations too, a consolidation no opacities. */
  for (guint i = 0; i < plain->n; i++) {
    guint n = 0;
    for (guint32 set = ax_phrase_matches (plain, i, AX_PHRASE_NOUN); set != 0; set &= set - 1)
      n++;
    g_assert_cmpuint (n, ==, plain->findings[i].label == AX_BOX_LUNG_OPACITY ? 2 : 1);
  }
}

static void
test_unread (void)
{
  AxFindingBox findings[] = { { AX_BOX_PNEUMONIA, AX_SOURCE_NIH_BBOX2017, { 150, 520, 400, 690 } } };
  g_autofree AxDatasetImage *image = chest_new (findings, 1);
  image->chestxdet13 = FALSE;
  image->chestxdet_present = 0;
  image->text = 1u << AX_NIH_PNEUMONIA;
  ax_dataset_image_label (image);
  g_autoptr (AxImageFacts) f = ax_image_facts_new (image, "c.png");
  g_assert_false (f->read || f->normal);
  g_assert_cmpuint (f->absent, ==, 0);
  g_assert_cmpuint (f->n, ==, 1);
}

static void
test_phantom (void)
{
  guint devices = 0, findings = 0;
  for (guint64 seed = 1; seed <= 12; seed++) {
    AxPhantomParams params;
    AxPhantomTruth truth;
    ax_phantom_params_draw (&params, seed, 128);
    ax_phantom_render (&params, NULL, NULL, &truth);
    g_autofree char *text = ax_phantom_truth_to_json (&params, &truth);
    g_autoptr (GError) error = NULL;
    g_autoptr (AxImageFacts) f = ax_image_facts_from_phantom (text, strlen (text), "p", "p.png", &error);
    g_assert_no_error (error);
    g_assert_true (f->read && f->complete && f->phantom);
    g_assert_cmpuint (f->present & f->absent, ==, 0);
    for (int i = 0; i < truth.n_findings; i++) {
      if (truth.findings[i].kind >= AX_PHANTOM_TRACHEAL_TUBE) {
        devices++;
        continue;
      }
      findings++;
      /* The words of the side come from the boxes and have to agree with the phantom's own side. */
      for (guint k = 0; k < f->n; k++) {
        const AxKnownFinding *known = &f->findings[k];
        if (ax_box_iou (known->box, truth.findings[i].box) < 0.9 || known->place.side == AX_SIDE_NONE || truth.findings[i].side == AX_PHANTOM_SIDE_ANY)
          continue;
        if (known->mark == AX_MARK_LUNG_OPACITY || known->mark == AX_MARK_PLEURAL_EFFUSION)
          g_assert_true (params.mirrored || known->place.side == AX_SIDE_BOTH || (known->place.side == AX_SIDE_LEFT) == (truth.findings[i].side == AX_PHANTOM_SIDE_LEFT));
      }
    }
    g_assert_cmpuint (f->n, <=, (guint) truth.n_findings);
    for (gsize cut = 0; cut < strlen (text); cut += 37) {
      g_autoptr (AxImageFacts) none = ax_image_facts_from_phantom (text, cut, "p", "p.png", NULL);
      g_assert_null (none);
    }
    ax_phantom_truth_clear (&truth);
  }
  g_test_message ("%u findings and %u devices in 12 phantoms", findings, devices);
  g_assert_cmpuint (findings, >, 0);
}

/* ---- users' own collections ---- */

#define GRAPH(objects) \
  "{\"image_id\": \"d1\", \"viewpoint\": \"AP\", \"patient_id\": 10000032, \"study_id\": 5, \"image_path\": \"files/p10/p10000032/s5/d1.jpg\", \"objects\": [" objects "]}"
#define OBJECT(name, box) "{\"name\": \"" name "\", \"bbox_name\": \"x\", \"bbox\": " box ", \"findings\": \"" name " is healthy.\"}"

static void
test_graph (void)
{
  static const char good[] = GRAPH (OBJECT ("Right lung", "[100, 100, 450, 700]") "," OBJECT ("Left lung", "[550, 100, 900, 700]") ","
                                    OBJECT ("Cardiac shadow viewed radiologically;;Heart", "[380, 450, 740, 1100]") "," OBJECT ("Structure of carina", "[0, 0, 0, 0]") ","
                                    OBJECT ("Left hand", "[1, 2, 3, 4]"));
  g_autoptr (GError) error = NULL;
  g_autoptr (AxImageFacts) f = ax_image_facts_from_scene_graph (good, strlen (good), "g", "/images", &error);
  g_assert_no_error (error);
  g_assert_true (f->ok && f->visible[20] && f->visible[4] && !f->visible[23] && !f->visible[0]);
  g_assert_cmpfloat (f->boxes[4].y2, ==, 1024); /* a box beyond the film is cut at it */
  g_assert_cmpfloat_with_epsilon (f->heart_ratio, 360 / 800.0, 1e-9);
  g_assert_cmpstr (f->path, ==, "/images/files/p10/p10000032/s5/d1.jpg");
  g_assert_cmpstr (f->patient, ==, "10000032");
  g_assert_cmpint (f->view, ==, AX_VIEW_AP);
  static const char *const bad[] = {
    "", " ", "//", "[]", "{}", "{\"image_id\": \"a\"}", GRAPH ("3"), GRAPH (OBJECT ("Left lung", "[1, 2, 3]")), GRAPH (OBJECT ("Left lung", "[1, 2, 3, \"4\"]")),
    GRAPH (OBJECT ("Left lung", "[1, 2, 3, 4e300]")), GRAPH ("{\"name\": \"Left lung\"}"),
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) reason = NULL;
    g_assert_null (ax_image_facts_from_scene_graph (bad[i], strlen (bad[i]), "g", NULL, &reason));
    g_assert_null (ax_image_facts_from_phantom (bad[i], strlen (bad[i]), "p", "p.png", NULL));
    g_assert_error (reason, AX_DATA_ERROR, AX_DATA_ERROR_READ);
  }
  for (gsize n = 0; n < sizeof good - 1; n++)
    g_assert_null (ax_image_facts_from_scene_graph (good, n, "cut", NULL, NULL));
}

#define COLUMNS "dicom_id,study_id,subject_id,split,Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,Lung Opacity," \
                "No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices\n"

static void
test_graph_folder (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("ax-graphs-XXXXXX", &error), *graph = g_build_filename (dir, "d1.json", NULL), *csv = g_build_filename (dir, "labels.csv", NULL),
                  *config_path = g_build_filename (dir, "config.json", NULL), *out = g_build_filename (dir, "out", NULL);
  static const char text[] = GRAPH (OBJECT ("Right lung", "[100, 100, 450, 700]") "," OBJECT ("Left lung", "[550, 100, 900, 700]") "," OBJECT ("Cardiac shadow viewed radiologically;;Heart", "[380, 450, 740, 900]"));
  g_assert_true (g_file_set_contents (graph, text, -1, &error));
  g_assert_true (g_file_set_contents (csv, COLUMNS "d1,5,10000032,train,1.0,,0,-1.0,,,,1,,0,,,,NaN\nd2,6,7,test,,,,,,,,,1,,,,,\n", -1, &error));
  g_assert_true (g_file_set_contents (config_path, "{\"scene_graphs\": \".\", \"labels\": \"labels.csv\", \"images\": \"/images\", \"out\": \"out\", \"seed\": 3}", -1, &error));
  g_autoptr (AxInstructConfig) config = ax_instruct_config_load (config_path, &error);
  g_assert_no_error (error);
  AxInstructCounts counts[AX_SPLIT_N];
  g_assert_true (ax_instruct_build (config, NULL, NULL, NULL, counts, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (counts[AX_SPLIT_TRAIN].images, ==, 2); /* as it is and mirrored */
  g_assert_cmpuint (counts[AX_SPLIT_TEST].total, ==, 0);   /* d2 has no graph */
  g_assert_cmpuint (counts[AX_SPLIT_TRAIN].samples[AX_INSTRUCT_ANATOMY], ==, 6);
  g_assert_cmpuint (counts[AX_SPLIT_TRAIN].samples[AX_INSTRUCT_CLASSIFICATION], >, 4);
  g_assert_cmpuint (counts[AX_SPLIT_TRAIN].samples[AX_INSTRUCT_PHRASE], ==, 0); /* nothing is known of places */
  g_autofree char *train = g_build_filename (out, "train.json", NULL);
  g_autoptr (GPtrArray) samples = ax_instruct_load (train, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < samples->len; i++) {
    const AxInstructSample *s = samples->pdata[i];
    g_assert_cmpstr (s->image_path, ==, "/images/files/p10/p10000032/s5/d1.jpg");
    if (s->task == AX_INSTRUCT_CLASSIFICATION && g_str_has_prefix (s->instruction[0], "Does this chest X-ray show edema?"))
      g_assert_nonnull (strstr (s->response[0], "No")); /* -1 counts as absent */
  }
  static const char *const bad[] = {
    COLUMNS "d1,5,1,train,2,,,,,,,,,,,,,\n", COLUMNS "d1,5,1,holdout,,,,,,,,,,,,,,\n", COLUMNS "../d1,5,1,train,,,,,,,,,,,,,,\n", COLUMNS "d3,5,1,train,,,,,,,,,,,,,,\n",
    COLUMNS "d1,5,1,train,,,,,,,,,,,,,,\nd2,5,1,test,,,,,,,,,,,,,,\n", "dicom_id,split\nd1,train\n",
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) reason = NULL;
    g_assert_true (g_file_set_contents (csv, bad[i], -1, NULL));
    g_autoptr (AxGraphSet) set = ax_instruct_graphs_load (dir, csv, NULL, &reason);
    g_assert_null (set);
    g_assert_true (reason != NULL && reason->domain == AX_DATA_ERROR);
  }
  static const char *const names[] = { "train.json", "val.json", "test.json" };
  for (guint i = 0; i < 3; i++) {
    g_autofree char *path = g_build_filename (out, names[i], NULL);
    remove (path);
  }
  remove (out), remove (graph), remove (csv), remove (config_path), remove (dir);
}

static void
test_bad_config (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("ax-config-XXXXXX", &error), *path = g_build_filename (dir, "c.json", NULL);
  static const char *const bad[] = {
    "{}", "{\"data\": \"a\"}", "{\"data\": \"a\", \"split\": \"b\", \"out\": \"c\", \"colour\": 1}", "{\"data\": \"a\", \"split\": \"b\", \"out\": \"c\", \"weak\": 2}",
    "{\"data\": \"a\", \"split\": \"b\", \"out\": \"c\", \"per_image\": {\"Cooking\": 1}}", "{\"data\": \"a\", \"split\": \"b\", \"out\": \"c\", \"phantom_size\": 1}",
    "{\"scene_graphs\": \"a\", \"out\": \"c\"}",
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) reason = NULL;
    g_assert_true (g_file_set_contents (path, bad[i], -1, NULL));
    g_assert_null (ax_instruct_config_load (path, &reason));
    g_assert_nonnull (strstr (reason->message, path));
  }
  g_assert_true (g_file_set_contents (path, "{\"data\": \"a\", \"split\": \"b\", \"out\": \"/c\", \"// x\": 1, \"unread\": 0.5, \"per_image\": {\"Report Generation\": 7}}", -1, NULL));
  g_autoptr (AxInstructConfig) c = ax_instruct_config_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (c->count[AX_INSTRUCT_REPORT], ==, 7);
  g_assert_cmpfloat (c->unread, ==, 0.5);
  g_assert_cmpstr (c->out, ==, "/c");
  g_assert_true (g_str_has_prefix (c->data, dir));
  remove (path), remove (dir);
}

/* The wordings of the specification are those of the program's own templates. */
static void
test_templates (void)
{
  static const struct { AxWords words; AxTask task; const char *place; } lists[] = {
    { AX_WORDS_ANATOMY_QUESTION, AX_TASK_ANATOMY, "{name}" }, { AX_WORDS_PHRASE_QUESTION, AX_TASK_LOCATE, "{phrase}" }, { AX_WORDS_CLASS_QUESTION, AX_TASK_LOCATE, "{disease}" },
    { AX_WORDS_DETECTION_QUESTION, AX_TASK_DETECT, "" }, { AX_WORDS_DIAGNOSIS_QUESTION, AX_TASK_DIAGNOSE, "{boxes}" }, { AX_WORDS_CAPTION_QUESTION, AX_TASK_DESCRIBE, "{boxes}" },
    { AX_WORDS_REPORT_QUESTION, AX_TASK_REPORT, "" }, { AX_WORDS_LIST_QUESTION, AX_TASK_CLASSIFY, "{options}" }, { AX_WORDS_SET_QUESTION, AX_TASK_CLASSIFY, "{options}" },
  };
  guint compared = 0;
  for (guint l = 0; l < G_N_ELEMENTS (lists); l++) {
    g_assert_cmpuint (ax_words_count (lists[l].words), >=, ax_words_from_spec (lists[l].words));
    for (guint i = 0; i < ax_words_from_spec (lists[l].words); i++) {
      g_autofree char *wanted = ax_words_fill (ax_words (lists[l].words)[i], lists[l].place, NULL);
      gboolean found = FALSE;
      for (guint set = 0; set < ax_task_n_sets (lists[l].task) && !found; set++)
        for (guint t = 0; t < ax_task_n_templates (lists[l].task, set, AX_TEMPLATE_INSTRUCTION) && !found; t++)
          found = strcmp (ax_task_template (lists[l].task, set, AX_TEMPLATE_INSTRUCTION, t), wanted) == 0;
      if (!found)
        g_error ("\"%s\" is no template of %s", wanted, ax_task_name (lists[l].task));
      compared++;
    }
  }
  for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++)
    g_assert_cmpint (ax_task_find (ax_instruct_task_name (t)), ==, (int) t);
  g_test_message ("%u wordings are templates of the program", compared);
}

/* Five "no" for one "yes": together they weigh about the same; a topic that knows one answer weighs little; other samples keep their weight. */
static void
test_balance (void)
{
  g_autoptr (GPtrArray) samples = g_ptr_array_new_with_free_func ((GDestroyNotify) ax_instruct_sample_free);
  for (guint i = 0; i < 16; i++) {
    AxInstructSample *s = ax_instruct_sample_new (AX_INSTRUCT_CLOSED, "x.png");
    if (i < 6)
      instruct_topic (s, "effusion", i == 0);
    else if (i < 9)
      instruct_topic (s, "fracture", 0);
    g_ptr_array_add (samples, s);
  }
  instruct_balance (samples);
#define WEIGHT(i) (((AxInstructSample *) samples->pdata[i])->weight)
  g_assert_cmpfloat (WEIGHT (0), ==, 1); /* the heaviest is 1 */
  /* A weight acts twice, on drawing and on the loss: its square makes up for most of five to one, and not for more than all of it. */
  g_assert_cmpfloat (pow (WEIGHT (0) / WEIGHT (1), 2), >, 3);
  g_assert_cmpfloat (pow (WEIGHT (0) / WEIGHT (1), 2), <, 5);
  g_assert_cmpfloat_with_epsilon (WEIGHT (0) / WEIGHT (15), pow (3, 0.45), 1e-9);
  g_assert_cmpfloat_with_epsilon (WEIGHT (1) / WEIGHT (15), pow (3.0 / 5, 0.45), 1e-9);
  g_assert_cmpfloat_with_epsilon (WEIGHT (6) / WEIGHT (15), 0.25, 1e-9);
#undef WEIGHT
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/instruct/file", test_file);
  g_test_add_func ("/instruct/bad-files", test_bad_files);
  g_test_add_func ("/instruct/tasks", test_tasks);
  g_test_add_func ("/instruct/words", test_words);
  g_test_add_func ("/instruct/places", test_places);
  g_test_add_func ("/instruct/unread", test_unread);
  g_test_add_func ("/instruct/balance", test_balance);
  g_test_add_func ("/instruct/phantom", test_phantom);
  g_test_add_func ("/instruct/graph", test_graph);
  g_test_add_func ("/instruct/graph-folder", test_graph_folder);
  g_test_add_func ("/instruct/bad-config", test_bad_config);
  g_test_add_func ("/instruct/templates", test_templates);
  return g_test_run ();
}
