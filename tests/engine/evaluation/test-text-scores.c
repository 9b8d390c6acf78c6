/* ROUGE and METEOR against the authors' run (../shared/reference/J_eval, tolerance 1e-5 as given there), and stems against Porter's published examples. */
#include "engine/evaluation/text_scores.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#define TOLERANCE 1e-5

static void
test_stems (void)
{
  static const char *const pairs[][2] = {
    { "caresses", "caress" }, { "ponies", "poni" }, { "ties", "tie" }, { "cats", "cat" }, { "feed", "feed" }, { "agreed", "agre" }, { "plastered", "plaster" }, { "motoring", "motor" },
    { "sing", "sing" }, { "conflated", "conflat" }, { "troubled", "troubl" }, { "sized", "size" }, { "hopping", "hop" }, { "tanned", "tan" }, { "falling", "fall" }, { "hissing", "hiss" },
    { "fizzed", "fizz" }, { "failing", "fail" }, { "filing", "file" }, { "happy", "happi" }, { "sky", "sky" }, { "relational", "relat" }, { "conditional", "condit" },
    { "digitizer", "digit" }, { "vietnamization", "vietnam" }, { "operator", "oper" }, { "feudalism", "feudal" }, { "hopefulness", "hope" }, { "sensitiviti", "sensit" },
    { "triplicate", "triplic" }, { "electrical", "electr" }, { "adjustment", "adjust" }, { "adoption", "adopt" }, { "effective", "effect" }, { "probate", "probat" }, { "rate", "rate" },
    { "cease", "ceas" }, { "controll", "control" }, { "roll", "roll" }, { "opacities", "opac" }, { "effusions", "effus" }, { "is", "is" }, { "", "" }, { "y", "y" }, { "dying", "die" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++) {
    g_autofree char *stem = ax_porter_stem (pairs[i][0]);
    g_assert_cmpstr (stem, ==, pairs[i][1]);
  }
}

static double worst;

static void
same (const char *what, double got, double want)
{
  if (!(fabs (got - want) <= TOLERANCE))
    g_error ("%s: %.9g, expected %.9g", what, got, want);
  worst = MAX (worst, fabs (got - want));
}

static void
same_rouge (JsonObject *o, const char *key, AxRouge got)
{
  JsonObject *want = json_object_get_object_member (o, key);
  same (key, got.p, json_object_get_double_member (want, "p"));
  same (key, got.r, json_object_get_double_member (want, "r"));
  same (key, got.f, json_object_get_double_member (want, "f"));
}

static void
test_reference (void)
{
  g_autofree char *path = g_build_filename (g_getenv ("AX_SHARED"), "reference", "J_eval", "expected.json", NULL);
  if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
    g_test_skip ("no ../shared/reference/J_eval");
    return;
  }
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();
  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  JsonArray *cases = json_object_get_array_member (json_node_get_object (json_parser_get_root (parser)), "text");
  const guint n = json_array_get_length (cases);
  guint compared = 0;
  g_assert_cmpuint (n, ==, 22);
  for (guint i = 0; i < n; i++) {
    JsonObject *o = json_array_get_object_element (cases, i);
    const char *reference = json_object_get_string_member (o, "reference"), *text = json_object_get_string_member (o, "prediction");
    if (*reference == '\0' || *text == '\0')
      continue; /* the authors put words of their own in the place of an empty text; we score it as 0 */
    compared++;
    same_rouge (o, "rouge1", ax_rouge_n (reference, text, 1));
    same_rouge (o, "rouge2", ax_rouge_n (reference, text, 2));
    same_rouge (o, "rougeL", ax_rouge_l (reference, text));
    same ("meteor_without_synonyms", ax_meteor (reference, text), json_object_get_double_member (o, "meteor_without_synonyms"));
  }
  g_assert_cmpuint (compared, ==, 21);
  g_test_message ("%u pairs, largest difference %.2g of %g allowed", compared, worst, TOLERANCE);
}

static void
test_edges (void)
{
  g_assert_cmpfloat (ax_meteor ("", "a"), ==, 0);
  g_assert_cmpfloat (ax_meteor ("a", "b"), ==, 0);
  g_assert_cmpfloat (ax_rouge_n ("", "", 1).f, ==, 0);
  g_assert_cmpfloat (ax_rouge_n ("a b", "a", 5).f, ==, 0);
  g_assert_cmpfloat (ax_rouge_l ("...", "a").f, ==, 0);
  g_assert_cmpfloat (ax_meteor ("a \xff", "a \xff"), >, 0.9);
  g_autofree char *longest = g_strnfill (100000, 'a');
  g_assert_cmpfloat (ax_rouge_l (longest, longest).f, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text-scores/stems", test_stems);
  g_test_add_func ("/text-scores/reference", test_reference);
  g_test_add_func ("/text-scores/edges", test_edges);
  return g_test_run ();
}
