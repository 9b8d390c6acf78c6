/* The text tasks on the command line, on a model folder of random weights made here. What the answers say means nothing; that they come, how, and that they
 * are the same again, does. Argument: the path of anatomixctl. */
#include <signal.h>
#include <stdio.h>

#include "engine/image/png-write.h"
#include "tests/app/run.h"
#include "tests/engine/session/tiny-model.h"

static char *scratch, *model, *mute, *image;

#define ON(name, ...) RUN (name, "--model", model, __VA_ARGS__)

static char *
without_times (const char *json)
{
  g_autoptr (GRegex) timing = g_regex_new ("\"timing_ms\": ?\\{[^}]*\\}", 0, 0, NULL);
  return g_regex_replace_literal (timing, json, -1, 0, "", 0, NULL);
}

static void
test_usage (void)
{
  static const char *const cases[][5] = {
    { "report" }, { "ask", "x.png" }, { "locate", "x.png" }, { "describe", "x.png" }, { "describe", "x.png", "--box", "1,2,3" }, { "diagnose", "x.png", "--box", "5,5,1,9" },
    { "describe", "x.png", "--box", "1,2,3,nan" }, { "report", "x.png", "y.png" }, { "report", "x.png", "--temperature", "-1" }, { "report", "x.png", "--top-p", "2" },
    { "ask", "x.png", "q", "--max-tokens", "-5" }, { "ask", "x.png", "q", "--option", "yes" }, { "report", "x.png", "--option", "yes" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    Run run = RUN (cases[i][0], cases[i][1], cases[i][2], cases[i][3], cases[i][4]);
    assert_failure (&run, 2, "--help");
  }
  Run none = RUN ("report", "--model", mute, image);
  assert_failure (&none, 1, "no language part");
  none = ON ("report", "/nonexistent.png");
  assert_failure (&none, 1, "nonexistent");
  none = ON ("describe", image, "--box", "3000,3000,4000,4000");
  assert_failure (&none, 1, "outside the image");
  none = ON ("ask", image, " ");
  assert_failure (&none, 1, "needs a text");
}

static void
test_json (void)
{
  static const char *const cases[][4] = {
    { "report" }, { "classify" }, { "detect" }, { "ask", "What is it?" }, { "locate", "left effusion" }, { "anatomy", "heart" }, { "describe", "--box", "10,20,110,220.5" },
    { "diagnose", "--box", "10,20,110,220.5", "--flip" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    Run first = RUN (cases[i][0], image, "--model", model, "--json", "--max-tokens", "12", cases[i][1], cases[i][2], cases[i][3]);
    Run second = RUN (cases[i][0], image, "--model", model, "--threads", "1", "--json", "--max-tokens", "12", cases[i][1], cases[i][2], cases[i][3]);
    assert_success (&first);
    assert_success (&second);
    g_autoptr (JsonParser) parser = json_parser_new ();
    JsonObject *o = parse (parser, first.out);
    g_assert_cmpstr (json_object_get_string_member (o, "task"), ==, cases[i][0]);
    g_assert_true (json_object_has_member (o, "text") && json_object_has_member (o, "boxes") && json_object_has_member (o, "timing_ms"));
    g_assert_cmpint (json_object_get_int_member (o, "tokens"), <=, 12);
    const char *stopped = json_object_get_string_member (o, "stopped");
    g_assert_true (strcmp (stopped, "end") == 0 || strcmp (stopped, "length") == 0);
    /* Same input, model and device: the same bytes but for the times, on any number of threads. */
    g_autofree char *a = without_times (first.out), *b = without_times (second.out);
    g_assert_cmpstr (a, ==, b);
    run_clear (&first);
    run_clear (&second);
  }
}

static void
test_conversation (void)
{
  Run both = ON ("ask", image, "First?", "Second?", "--json", "--max-tokens", "10");
  assert_success (&both);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_assert_true (json_parser_load_from_data (parser, both.out, -1, NULL));
  JsonArray *list = json_node_get_array (json_parser_get_root (parser));
  g_assert_cmpuint (json_array_get_length (list), ==, 2);
  JsonObject *first = json_object_get_object_member (json_array_get_object_element (list, 0), "prompt"),
             *second = json_object_get_object_member (json_array_get_object_element (list, 1), "prompt");
  g_assert_cmpint (json_object_get_int_member (first, "reused"), ==, 0);
  g_assert_cmpint (json_object_get_int_member (second, "reused"), >, json_object_get_int_member (first, "tokens"));
  Run text = ON ("ask", image, "First?", "Second?", "--max-tokens", "10");
  assert_success (&text);
  g_assert_true (g_str_has_prefix (text.out, "> First?\n"));
  g_assert_nonnull (strstr (text.out, "\n> Second?\n"));
  g_assert_nonnull (strstr (text.out, "Not for clinical use"));
  run_clear (&both);
  run_clear (&text);
}

/* The options' probabilities do not depend on their order; the answer is the likelier one. */
static void
test_options (void)
{
  double yes[2];
  for (int turned = 0; turned < 2; turned++) {
    Run run = ON ("ask", image, "Is it?", "--option", turned ? "no" : "yes", "--option", turned ? "yes" : "no", "--json", "--max-tokens", "8");
    assert_success (&run);
    g_autoptr (JsonParser) parser = json_parser_new ();
    JsonObject *o = parse (parser, run.out);
    g_assert_cmpstr (json_object_get_string_member (o, "task"), ==, "choose");
    g_assert_cmpstr (json_object_get_string_member (o, "instruction"), ==, turned ? "Is it? Options:\n(A) no\n(B) yes" : "Is it? Options:\n(A) yes\n(B) no");
    JsonArray *options = json_object_get_array_member (o, "options");
    g_assert_cmpuint (json_array_get_length (options), ==, 2);
    JsonObject *option = json_array_get_object_element (options, (guint) turned);
    g_assert_cmpstr (json_object_get_string_member (option, "text"), ==, "yes");
    yes[turned] = json_object_get_double_member (option, "probability");
    const char *tag = (yes[turned] > 0.5) == (turned == 0) ? "(A)" : "(B)";
    g_assert_true (g_str_has_prefix (json_object_get_string_member (o, "text"), tag));
    run_clear (&run);
  }
  g_assert_cmpfloat (yes[0], ==, yes[1]);
  Run text = ON ("classify", image, "--max-tokens", "4");
  assert_success (&text);
  g_assert_nonnull (strstr (text.out, "  (N) Support Devices"));
  run_clear (&text);
}

static void
test_batch (void)
{
  g_autofree char *input = g_strdup_printf ("{\"id\":1,\"image\":\"%s\",\"task\":\"report\"}\n"
                                            "{\"id\":2,\"image\":\"%s\",\"task\":\"describe\"}\n"
                                            "{\"id\":3,\"image\":\"%s\",\"task\":\"describe\",\"boxes\":[[10,20,110,220.5]]}\n"
                                            "{\"id\":4,\"image\":\"%s\",\"task\":\"describe\",\"boxes\":[[10,20,5,220.5]]}\n"
                                            "{\"id\":5,\"image\":\"%s\",\"task\":\"Anatomy Grounding\",\"text\":\"Left lung\",\"flip\":true}\n"
                                            "{\"id\":6,\"image\":\"%s\",\"task\":\"choose\",\"text\":7}\n",
                                            image, image, image, image, image, image);
  Run run = run_with (input, (const char *const[]) { "batch", "-", "--model", model, NULL });
  g_assert_cmpint (run.status, ==, 1);
  g_auto (GStrv) lines = g_strsplit (g_strchomp (run.out), "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, 6);
  static const char *const words[6] = { "report", NULL, "describe", NULL, "anatomy", NULL };
  for (int i = 0; i < 6; i++) {
    g_autoptr (JsonParser) parser = json_parser_new ();
    JsonObject *o = parse (parser, lines[i]);
    g_assert_cmpint (json_object_get_int_member (o, "id"), ==, i + 1);
    g_assert_true (json_object_has_member (o, "result") == (words[i] != NULL));
    if (words[i] != NULL) {
      g_assert_cmpstr (json_object_get_string_member (o, "task"), ==, words[i]);
      g_assert_true (json_object_has_member (json_object_get_object_member (o, "result"), "text"));
    }
  }
  run_clear (&run);
}

/* Ctrl+C while a long batch runs: one line on stderr, status 1, and what was answered stays. */
static void
test_interrupt (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (scratch, "many.jsonl", NULL);
  g_autoptr (GString) lines = g_string_new (NULL);
  for (int i = 0; i < 20000; i++)
    g_string_append_printf (lines, "{\"id\":%d,\"image\":\"%s\",\"task\":\"ask\",\"text\":\"What is %d?\"}\n", i, image, i);
  g_assert_true (g_file_set_contents (path, lines->str, -1, NULL));
  g_autoptr (GSubprocess) process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE, &error, program, "batch", path, "--model", model, NULL);
  g_assert_no_error (error);
  char byte;
  g_assert_cmpint (g_input_stream_read (g_subprocess_get_stdout_pipe (process), &byte, 1, NULL, &error), ==, 1);
  g_subprocess_send_signal (process, SIGINT);
  g_autoptr (GBytes) out = NULL, err = NULL;
  g_subprocess_communicate (process, NULL, NULL, &out, &err, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (process));
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, 1);
  g_autofree char *text = copy_text (err);
  g_assert_nonnull (strstr (text, "cancelled"));
}

int
main (int argc, char **argv)
{
  scratch = g_dir_make_tmp ("anatomixctl-language-XXXXXX", NULL);
  g_autofree char *cache = g_build_filename (scratch, "cache", NULL);
  g_setenv ("XDG_CACHE_HOME", cache, TRUE);
  g_unsetenv ("ANATOMIX_LM");
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  program = argv[1];
  model = tiny_model_new (scratch, FALSE);
  mute = tiny_model_new (scratch, TRUE);
  image = g_build_filename (scratch, "image.png", NULL);
  guint8 pixels[256 * 240];
  for (int i = 0; i < 256 * 240; i++)
    pixels[i] = (guint8) (i % 256 / 2 + i / 256 / 3);
  g_autoptr (GError) error = NULL;
  ax_png_write (image, 256, 240, 1, 8, pixels, &error);
  g_assert_no_error (error);
  g_test_add_func ("/app/language/usage", test_usage);
  g_test_add_func ("/app/language/json", test_json);
  g_test_add_func ("/app/language/conversation", test_conversation);
  g_test_add_func ("/app/language/options", test_options);
  g_test_add_func ("/app/language/batch", test_batch);
  g_test_add_func ("/app/language/interrupt", test_interrupt);
  int status = g_test_run ();
  tiny_model_remove (scratch);
  g_free (scratch);
  g_free (model);
  g_free (mute);
  g_free (image);
  return status;
}
