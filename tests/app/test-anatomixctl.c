/* The command line as a user meets it: the program is run, its exit status, stdout and stderr are looked at. Argument: the path of anatomixctl. What needs the
 * bundled model is skipped where data/models/anatomix-mini is not there. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>

#include "tests/app/run.h"

static char *folder; /* scratch */

static char *
sample_path (const char *name)
{
  return g_build_filename (g_getenv ("AX_SOURCE_ROOT"), "data", "samples", name, NULL);
}

/* FALSE, and the test is skipped, where there is no bundled model. */
static gboolean
need_model (void)
{
  g_autofree char *model = g_build_filename (g_getenv ("AX_SOURCE_ROOT"), "data", "models", "anatomix-mini", "model.json", NULL);
  if (g_file_test (model, G_FILE_TEST_EXISTS))
    return TRUE;
  g_test_skip ("data/models/anatomix-mini is not in this tree");
  return FALSE;
}

/* ---- help and usage ---------------------------------------------------------------------------------------------------------- */

/* The man page has the command's head and every option that its help names. */
static void
assert_in_man_page (const char *page, const char *name, const char *help)
{
  g_autofree char *head = g_strconcat ("\n.BI \"", name, NULL);
  if (strstr (page, head) == NULL)
    g_error ("the man page lacks \"%s\"", name);
  for (const char *at = help; (at = strstr (at, "--")) != NULL; at += 2) {
    g_autofree char *option = g_strndup (at, strspn (at, "-abcdefghijklmnopqrstuvwxyz0123456789"));
    if (strstr (page, option) == NULL)
      g_error ("the man page lacks %s of \"%s\"", option, name);
  }
}

static char *
read_man_page (void)
{
  g_autofree char *path = g_build_filename (g_getenv ("AX_SOURCE_ROOT"), "resources", "anatomixctl.1", NULL), *text = NULL;
  g_autoptr (GError) error = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, &error));
  g_autoptr (GString) page = g_string_new (text);
  g_string_replace (page, "\\-", "-", 0);
  return g_strdup (page->str);
}

/* Every command that the list names has a help of its own that says how it is used, and its place in the man page. */
static void
test_help (void)
{
  g_autofree char *page = read_man_page ();
  Run list = RUN ("--help");
  assert_success (&list);
  g_assert_cmpstr (list.err, ==, "");
  g_auto (GStrv) lines = g_strsplit (list.out, "\n", -1);
  guint n = 0;
  gboolean inside = FALSE;
  for (gsize i = 0; lines[i] != NULL; i++) {
    if (g_str_has_prefix (lines[i], "Commands:"))
      inside = TRUE;
    else if (*lines[i] == '\0')
      inside = FALSE;
    else if (inside) {
      g_auto (GStrv) words = g_strsplit_set (g_strstrip (lines[i]), " ", 3);
      /* The second word of a command is lower case, an argument is not. */
      gboolean two = words[1] != NULL && g_ascii_islower (*words[1]);
      Run help = two ? RUN (words[0], words[1], "--help") : RUN (words[0], "--help");
      g_autofree char *name = two ? g_strconcat (words[0], " ", words[1], NULL) : g_strdup (words[0]);
      g_autofree char *usage = g_strconcat ("anatomixctl ", name, " [OPTION", NULL);
      assert_success (&help);
      if (strstr (help.out, usage) == NULL || strstr (help.out, "--threads") == NULL)
        g_error ("%s --help: %s", name, help.out);
      assert_in_man_page (page, name, help.out);
      run_clear (&help);
      n++;
    }
  }
  g_test_message ("%u commands", n);
  g_assert_cmpuint (n, >=, 10);
  run_clear (&list);
  Run some = RUN ("train", "--help");
  assert_success (&some);
  g_assert_nonnull (strstr (some.out, "train apm"));
  g_assert_null (strstr (some.out, "perceive IMAGE"));
  run_clear (&some);
}

static void
test_version (void)
{
  Run first = RUN ("--version"), second = RUN ("perceive", "--version");
  assert_success (&first);
  g_assert_true (g_str_has_prefix (first.out, "anatomixctl "));
  g_assert_cmpstr (first.out, ==, second.out);
  run_clear (&first);
  run_clear (&second);
}

static void
test_usage (void)
{
  static const struct { const char *arguments[5]; const char *part; } cases[] = {
    { { NULL }, "a command is missing" },
    { { "nonsense" }, "there is no command \"nonsense\"" },
    { { "train", "cake" }, "there is no command \"train cake\"" },
    { { "train" }, "\"train\" goes on with one of: apm, align, instruct; see: anatomixctl train --help" },
    { { "ask", "chest.png" }, "QUESTION... is missing" },
    { { "db", "vectors", "data" }, "ENCODER is missing" },
    { { "perceive" }, "IMAGE is missing" },
    { { "perceive", "a.png", "b.png" }, "\"b.png\"" },
    { { "perceive", "a.png", "--nonsense" }, "--nonsense" },
    { { "--device", "abacus", "perceive", "a.png" }, "\"abacus\"" },
    { { "perceive", "a.png", "--threads", "0" }, "--threads" },
    { { "perceive", "a.png", "--threads", "2x" }, "--threads" },
    { { "batch", "a.jsonl", "--shard", "3/2" }, "--shard" },
    { { "batch", "a.jsonl", "--shard", "0/2" }, "--shard" },
    { { "batch", "a.jsonl", "--shard", "2" }, "--shard" },
    { { "data", "phantom", "x", "--count=0" }, "--count" },
    { { "data", "phantom", "x", "--size=7" }, "--size" },
    { { "import", "a.pth", "out" }, "--db" },
    { { "bench", "kernels", "--seconds=-1" }, "--seconds" },
    { { "bench", "lm" }, "--shapes" },
    { { "bench", "lm", "--shapes=900b" }, "4b" },
    { { "bench", "lm", "--shapes=4b", "--weights=q5" }, "q8" },
    { { "bench", "lm", "--weights=q8", "--train" }, "bf16" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    Run run = run_with (NULL, cases[i].arguments);
    assert_failure (&run, 2, cases[i].part);
  }
}

/* ---- failures ---------------------------------------------------------------------------------------------------------------- */

static void
test_missing_files (void)
{
  g_autofree char *normal = sample_path ("normal.png"), *text = g_build_filename (folder, "text.png", NULL);
  g_assert_true (g_file_set_contents (text, "this is no image, whatever its name says", -1, NULL));
  Run run = RUN ("perceive", "/nonexistent/chest.png");
  assert_failure (&run, 1, "/nonexistent/chest.png");
  run = RUN ("perceive", text);
  assert_failure (&run, 1, "text.png");
  run = RUN ("perceive", normal, "--model", "/nonexistent/model");
  assert_failure (&run, 1, "/nonexistent/model");
  run = RUN ("flip", normal, "--model", folder);
  assert_failure (&run, 1, "model.json");
  run = RUN ("batch", "/nonexistent/list.jsonl");
  assert_failure (&run, 1, "/nonexistent/list.jsonl");
  run = RUN ("info", normal);
  assert_failure (&run, 1, "normal.png");
  run = RUN ("train", "apm", "/nonexistent/config.json");
  assert_failure (&run, 1, "/nonexistent/config.json");
  run = RUN ("eval", text);
  assert_failure (&run, 1, "text.png");
  run = RUN ("db", "info", text);
  assert_failure (&run, 1, "text.png");
  /* Wherever there is a card, it is hidden. */
  g_setenv ("CUDA_VISIBLE_DEVICES", "", TRUE);
  run = RUN ("perceive", normal, "--device", "cuda");
  assert_failure (&run, 1, "--device cpu");
}

/* ---- without a model --------------------------------------------------------------------------------------------------------- */

/* The same seed gives the same bytes, and the truth that is written is JSON. */
static void
test_phantom (void)
{
  g_autofree char *one = g_build_filename (folder, "one two", NULL), *two = g_build_filename (folder, "again", NULL);
  Run first = RUN ("data", "phantom", one, "--count=2", "--size=128", "--seed=7"), second = RUN ("data", "phantom", two, "--count=1", "--size=128", "--seed=8");
  assert_success (&first);
  assert_success (&second);
  g_assert_cmpuint (count_lines (first.out), ==, 2);
  g_autofree char *a = g_build_filename (one, "phantom-000008.png", NULL), *b = g_build_filename (two, "phantom-000008.png", NULL);
  g_autofree char *truth = g_build_filename (one, "phantom-000007.json", NULL);
  g_autofree char *bytes_a = NULL, *bytes_b = NULL;
  gsize n_a, n_b;
  g_assert_true (g_file_get_contents (a, &bytes_a, &n_a, NULL));
  g_assert_true (g_file_get_contents (b, &bytes_b, &n_b, NULL));
  g_assert_cmpmem (bytes_a, n_a, bytes_b, n_b);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_assert_true (json_parser_load_from_file (parser, truth, NULL));
  run_clear (&first);
  run_clear (&second);
}

/* Instruction data from a small collection of a user's own: one scene graph and its table. */
static void
test_instruct (void)
{
  g_autofree char *dir = g_build_filename (folder, "graphs", NULL), *graph = g_build_filename (dir, "d1.json", NULL), *table = g_build_filename (dir, "labels.csv", NULL),
                  *config = g_build_filename (dir, "config.json", NULL), *train = g_build_filename (dir, "out", "train.json", NULL);
  g_mkdir (dir, 0777);
  g_assert_true (g_file_set_contents (graph, "{\"image_id\": \"d1\", \"patient_id\": 3, \"image_path\": \"d1.png\", \"objects\": [{\"name\": \"Left lung\", \"bbox\": [550, 100, 900, 700]}, "
                                             "{\"name\": \"Right lung\", \"bbox\": [100, 100, 450, 700]}, {\"name\": \"heart\", \"bbox\": [350, 400, 700, 750]}]}", -1, NULL));
  g_assert_true (g_file_set_contents (table, "dicom_id,study_id,subject_id,split,Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,Lung Opacity,"
                                             "No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices\nd1,1,3,train,,1,,,,,,,,,,,,\n", -1, NULL));
  g_assert_true (g_file_set_contents (config, "{\"scene_graphs\": \".\", \"labels\": \"labels.csv\", \"out\": \"out\"}", -1, NULL));
  Run run = RUN ("data", "instruct", config);
  assert_success (&run);
  g_assert_nonnull (strstr (run.out, "Anatomy Grounding"));
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_assert_true (json_parser_load_from_file (parser, train, NULL));
  g_assert_cmpuint (json_array_get_length (json_node_get_array (json_parser_get_root (parser))), >, 8);
  run_clear (&run);
  g_assert_true (g_file_set_contents (config, "{\"scene_graphs\": \".\", \"out\": \"out\"}", -1, NULL));
  run = RUN ("data", "instruct", config);
  assert_failure (&run, 1, "labels");
}

/* ---- with the model ---------------------------------------------------------------------------------------------------------- */

static void
test_perceive (void)
{
  if (!need_model ())
    return;
  g_autofree char *image = sample_path ("effusion-opacity.png"), *picture = g_build_filename (folder, "out put.png", NULL);
  Run text = RUN ("perceive", image, "--draw", picture);
  assert_success (&text);
  g_assert_cmpstr (text.err, ==, "");
  g_assert_nonnull (strstr (text.out, "Left lung"));
  g_assert_nonnull (strstr (text.out, "clinical use"));
  g_assert_true (g_file_test (picture, G_FILE_TEST_EXISTS));
  run_clear (&text);
  Run first = RUN ("perceive", image, "--json"), second = RUN ("--json", "--threads", "1", "perceive", image), mirrored = RUN ("perceive", image, "--json", "--flip");
  assert_success (&first);
  g_autoptr (JsonParser) parser = json_parser_new (), other = json_parser_new ();
  JsonObject *o = parse (parser, first.out);
  JsonArray *anatomy = json_object_get_array_member (o, "anatomy");
  g_assert_cmpuint (json_array_get_length (anatomy), ==, 36);
  /* Exactly the labels that the bundled model knows: nobody has taught it Support Devices. */
  g_autofree char *model_json = g_build_filename (g_getenv ("ANATOMIX_MODEL"), "model.json", NULL);
  g_autoptr (JsonParser) model = json_parser_new ();
  g_assert_true (json_parser_load_from_file (model, model_json, NULL));
  JsonObject *config = json_object_get_object_member (json_node_get_object (json_parser_get_root (model)), "config");
  JsonObject *apm = json_object_get_object_member (config, "apm");
  JsonArray *labels = json_object_get_array_member (apm, "labels"), *calibration = json_object_get_array_member (apm, "calibration");
  JsonArray *findings = json_object_get_array_member (o, "findings");
  guint known = 0;
  for (guint l = 0; l < json_array_get_length (labels); l++)
    if (json_object_get_boolean_member_with_default (json_array_get_object_element (calibration, l), "known", TRUE)) {
      g_assert_cmpuint (known, <, json_array_get_length (findings));
      g_assert_cmpstr (json_object_get_string_member (json_array_get_object_element (findings, known), "name"), ==, json_array_get_string_element (labels, l));
      g_assert_cmpstr (json_array_get_string_element (labels, l), !=, "Support Devices");
      known++;
    }
  g_assert_cmpuint (json_array_get_length (findings), ==, known);
  for (guint i = 0; i < 36; i++) {
    JsonArray *box = json_object_get_array_member (json_array_get_object_element (anatomy, i), "box");
    for (guint j = 0; j < 4; j++)
      g_assert_true (json_array_get_double_element (box, j) >= 0 && json_array_get_double_element (box, j) <= 1024);
  }
  /* Same input, model and device: the same bytes but for the times, on any number of threads. */
  g_autoptr (GRegex) timing = g_regex_new ("\"timing_ms\": \\{[^}]*\\}", 0, 0, NULL);
  g_autofree char *first_cut = g_regex_replace_literal (timing, first.out, -1, 0, "", 0, NULL);
  g_autofree char *second_cut = g_regex_replace_literal (timing, second.out, -1, 0, "", 0, NULL);
  g_assert_cmpstr (first_cut, ==, second_cut);
  JsonObject *m = parse (other, mirrored.out);
  g_assert_true (json_object_get_boolean_member (json_object_get_object_member (m, "image"), "mirrored"));
  run_clear (&first);
  run_clear (&second);
  run_clear (&mirrored);
}

static void
test_flip (void)
{
  if (!need_model ())
    return;
  g_autofree char *image = sample_path ("normal.png");
  Run run = RUN ("flip", image, "--json"), text = RUN ("flip", image);
  assert_success (&run);
  assert_success (&text);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *o = parse (parser, run.out), *totals = json_object_get_object_member (o, "totals");
  JsonArray *pairs = json_object_get_array_member (o, "pairs");
  guint kept = 0;
  g_assert_cmpuint (json_array_get_length (pairs), ==, 12);
  for (guint i = 0; i < 12; i++)
    kept += json_object_get_boolean_member (json_array_get_object_element (pairs, i), "kept");
  g_assert_cmpint (json_object_get_int_member (totals, "kept"), ==, kept);
  g_assert_cmpint (json_object_get_int_member (totals, "lost"), ==, 12 - kept);
  g_autofree char *line = g_strdup_printf ("Sides kept: %u of 12", kept);
  g_assert_nonnull (strstr (text.out, line));
  run_clear (&run);
  run_clear (&text);
}

/* Bad lines give an error object in their place and do not stop the rest; shards together are the whole. */
static void
test_batch (void)
{
  if (!need_model ())
    return;
  g_autofree char *image = sample_path ("normal.png");
  g_autofree char *input = g_strdup_printf ("{\"id\":\"a\",\"image\":\"%s\"}\n"
                                            "not json\n"
                                            "\n"
                                            "{\"id\":3,\"image\":\"/nonexistent.png\",\"task\":\"perceive\"}\n"
                                            "{\"id\":\"b\",\"image\":\"%s\",\"task\":\"flip\"}\n"
                                            "{\"id\":\"c\",\"image\":\"%s\",\"task\":\"sing\"}\n"
                                            "[1,2]\n"
                                            "{\"id\":\"d\",\"image\":\"%s\",\"flip\":true}",
                                            image, image, image, image);
  Run run = run_with (input, (const char *const[]) { "batch", "-", NULL });
  g_assert_cmpint (run.status, ==, 1);
  g_assert_cmpuint (count_lines (run.err), ==, 1);
  g_auto (GStrv) lines = g_strsplit (g_strchomp (run.out), "\n", -1);
  static const struct { const char *id; gboolean good; gint64 line; } expected[] = {
    { "\"a\"", TRUE, 1 }, { "null", FALSE, 2 }, { "3", FALSE, 4 }, { "\"b\"", TRUE, 5 }, { "\"c\"", FALSE, 6 }, { "null", FALSE, 7 }, { "\"d\"", TRUE, 8 },
  };
  g_assert_cmpuint (g_strv_length (lines), ==, G_N_ELEMENTS (expected));
  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++) {
    g_autoptr (JsonParser) parser = json_parser_new ();
    JsonObject *o = parse (parser, lines[i]);
    g_autofree char *id = json_to_string (json_object_get_member (o, "id"), FALSE);
    g_assert_cmpstr (id, ==, expected[i].id);
    g_assert_true (json_object_has_member (o, "result") == expected[i].good);
    if (!expected[i].good)
      g_assert_cmpint (json_object_get_int_member (json_object_get_object_member (o, "error"), "line"), ==, expected[i].line);
  }
  run_clear (&run);
  Run shards[2] = { run_with (input, (const char *const[]) { "batch", "-", "--shard", "1/2", NULL }),
                    run_with (input, (const char *const[]) { "batch", "-", "--shard", "2/2", NULL }) };
  g_assert_cmpuint (count_lines (shards[0].out), ==, 4);
  g_assert_cmpuint (count_lines (shards[1].out), ==, 3);
  run_clear (&shards[0]);
  run_clear (&shards[1]);
}

static void
test_info (void)
{
  if (!need_model ())
    return;
  Run text = RUN ("info"), json = RUN ("info", "--json");
  assert_success (&text);
  assert_success (&json);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *o = parse (parser, json.out);
  g_assert_true (json_object_has_member (o, "files"));
  g_assert_nonnull (strstr (text.out, json_object_get_string_member (json_object_get_object_member (o, "model"), "name")));
  run_clear (&text);
  run_clear (&json);
}

/* A folder with its files; it holds two levels at most. */
static void
remove_folder (const char *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  for (const char *name; dir != NULL && (name = g_dir_read_name (dir)) != NULL;) {
    g_autofree char *child = g_build_filename (path, name, NULL);
    if (g_file_test (child, G_FILE_TEST_IS_DIR))
      remove_folder (child);
    else
      remove (child);
  }
  g_clear_pointer (&dir, g_dir_close);
  remove (path);
}

/* A copy of the bundled model gets the reference's tiny language part; what does not fit is said, and the folder stays as it was. */
static void
test_attach (void)
{
  const char *shared = g_getenv ("AX_SHARED");
  g_autofree char *base = g_build_filename (shared ? shared : ".", "reference", "F_lm_tiny", "base", NULL);
  g_autofree char *adapter = g_build_filename (shared ? shared : ".", "reference", "F_lm_tiny", "lm.pt", NULL);
  if (!need_model ())
    return;
  if (!g_file_test (adapter, G_FILE_TEST_EXISTS)) {
    g_test_skip ("reference/F_lm_tiny is absent");
    return;
  }
  static const char *const files[] = { "model.json", "apm.safetensors", "sentences.safetensors" };
  g_autofree char *model = g_build_filename (folder, "attached", NULL), *json = g_build_filename (model, "model.json", NULL);
  g_autofree char *terms = g_build_filename (folder, "terms.txt", NULL), *licence = g_strconcat ("Some terms=", terms, NULL);
  g_assert_cmpint (g_mkdir (model, 0755), ==, 0);
  g_assert_true (g_file_set_contents (terms, "These are the terms.", -1, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *from = g_build_filename (g_getenv ("AX_SOURCE_ROOT"), "data", "models", "anatomix-mini", files[i], NULL);
    g_autofree char *to = g_build_filename (model, files[i], NULL), *bytes = NULL;
    gsize size;
    g_assert_true (g_file_get_contents (from, &bytes, &size, NULL));
    g_assert_true (g_file_set_contents (to, bytes, (gssize) size, NULL));
  }
  g_autofree char *before = NULL, *after = NULL;
  g_assert_true (g_file_get_contents (json, &before, NULL, NULL));
  Run run = RUN ("attach", model, adapter);
  g_assert_cmpint (run.status, ==, 2);
  run_clear (&run);
  run = RUN ("attach", model, base, "--lm-base", base);
  assert_failure (&run, 1, "adapter_config.json");
  run = RUN ("attach", model, adapter, "--lm-base", base, "--store", "7bit");
  g_assert_cmpint (run.status, ==, 2);
  run_clear (&run);
  g_assert_true (g_file_get_contents (json, &after, NULL, NULL));
  g_assert_cmpstr (before, ==, after);

  run = RUN ("attach", model, adapter, "--lm-base", base, "--store", "8bit", "--title", "Tiny", "--licence", licence);
  assert_success (&run);
  run_clear (&run);
  run = RUN ("info", model);
  assert_success (&run);
  g_assert_nonnull (strstr (run.out, "language part: Tiny"));
  g_assert_nonnull (strstr (run.out, "LoRA of rank 8 in 8 layers"));
  g_assert_nonnull (strstr (run.out, "Some terms"));
  g_assert_nonnull (strstr (run.out, "I8    [557, 128]"));
  run_clear (&run);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  program = argv[1];
  /* The bundled model, whatever the person who runs the tests uses. */
  g_autofree char *model = g_build_filename (g_getenv ("AX_SOURCE_ROOT"), "data", "models", "anatomix-mini", NULL);
  g_setenv ("ANATOMIX_MODEL", model, TRUE);
  folder = g_dir_make_tmp ("anatomixctl-XXXXXX", NULL);
  g_test_add_func ("/app/anatomixctl/help", test_help);
  g_test_add_func ("/app/anatomixctl/version", test_version);
  g_test_add_func ("/app/anatomixctl/usage", test_usage);
  g_test_add_func ("/app/anatomixctl/missing-files", test_missing_files);
  g_test_add_func ("/app/anatomixctl/phantom", test_phantom);
  g_test_add_func ("/app/anatomixctl/instruct", test_instruct);
  g_test_add_func ("/app/anatomixctl/perceive", test_perceive);
  g_test_add_func ("/app/anatomixctl/flip", test_flip);
  g_test_add_func ("/app/anatomixctl/batch", test_batch);
  g_test_add_func ("/app/anatomixctl/info", test_info);
  g_test_add_func ("/app/anatomixctl/attach", test_attach);
  int status = g_test_run ();
  remove_folder (folder);
  g_free (folder);
  return status;
}
