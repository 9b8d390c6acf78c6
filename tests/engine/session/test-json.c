/* JSON of results: the writer, and that the objects have the documented form and read back as what was written. */
#include "engine/session/json-writer.h"
#include "tests/engine/session/sample-perception.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

static void
test_writer (void)
{
  AxJson *json = ax_json_new (FALSE);
  ax_json_begin_object (json, NULL);
  ax_json_string (json, "a", "q\"\\\n\x01");
  ax_json_string (json, "b", NULL);
  ax_json_begin_array (json, "n");
  ax_json_number (json, NULL, 0.1, 4);
  ax_json_number (json, NULL, -0.00001, 4);
  ax_json_number (json, NULL, 1e6, 2);
  ax_json_number (json, NULL, 2.50, 2);
  ax_json_number (json, NULL, 100, 0);
  ax_json_number (json, NULL, NAN, 2);
  ax_json_number (json, NULL, INFINITY, 2);
  ax_json_int (json, NULL, -7);
  ax_json_bool (json, NULL, TRUE);
  ax_json_null (json, NULL);
  ax_json_end (json);
  ax_json_begin_object (json, "empty");
  ax_json_end (json);
  ax_json_end (json);
  g_autofree char *text = ax_json_finish (json);
  g_assert_cmpstr (text, ==, "{\"a\":\"q\\\"\\\\\\n\\u0001\",\"b\":null,\"n\":[0.1,0,1000000,2.5,100,null,null,-7,true,null],\"empty\":{}}");
}

static void
test_writer_pretty (void)
{
  AxJson *json = ax_json_new (TRUE);
  ax_json_begin_object (json, NULL);
  ax_json_begin_inline_array (json, "box");
  ax_json_int (json, NULL, 1);
  ax_json_int (json, NULL, 2);
  ax_json_end (json);
  ax_json_begin_array (json, "list");
  ax_json_bool (json, NULL, FALSE);
  ax_json_end (json);
  ax_json_end (json);
  g_autofree char *text = ax_json_finish (json);
  g_assert_cmpstr (text, ==, "{\n  \"box\": [1, 2],\n  \"list\": [\n    false\n  ]\n}");
}

/* Largest double, so that the digit buffer is known to hold it; file names need not be UTF-8. */
static void
test_writer_extremes (void)
{
  AxJson *json = ax_json_new (FALSE);
  ax_json_begin_array (json, NULL);
  ax_json_number (json, NULL, G_MAXDOUBLE, 9);
  ax_json_string (json, NULL, "\xff\xfe.png");
  ax_json_end (json);
  g_autofree char *text = ax_json_finish (json);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  g_assert_true (g_utf8_validate (text, -1, NULL));
  json_parser_load_from_data (parser, text, -1, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (g_ascii_strtod (text + 1, NULL), ==, G_MAXDOUBLE);
}

static JsonObject *
parse (JsonParser *parser, const char *text)
{
  g_autoptr (GError) error = NULL;
  json_parser_load_from_data (parser, text, -1, &error);
  g_assert_no_error (error);
  return json_node_get_object (json_parser_get_root (parser));
}

/* The keys of an object, joined: their order is part of the form. */
static void
assert_keys (JsonObject *object, const char *expected)
{
  g_autoptr (GList) keys = json_object_get_members (object);
  g_autoptr (GString) joined = g_string_new (NULL);
  for (GList *l = keys; l != NULL; l = l->next)
    g_string_append_printf (joined, "%s%s", joined->len > 0 ? "," : "", (char *) l->data);
  g_assert_cmpstr (joined->str, ==, expected);
}

/* Boxes are written with two decimals: reading one back is off by at most half a hundredth. */
static void
assert_box (JsonObject *object, const char *key, AxBox box)
{
  JsonArray *array = json_object_get_array_member (object, key);
  double corners[4] = { box.x1, box.y1, box.x2, box.y2 };
  g_assert_cmpuint (json_array_get_length (array), ==, 4);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpfloat (fabs (json_array_get_double_element (array, i) - corners[i]), <=, 0.005 + 1e-9);
}

static void
test_perception (void)
{
  AxPerception *p = sample_perception_new (2048, 1500, FALSE);
  g_autofree char *compact = ax_perception_to_json (p, "a b.png", NULL, FALSE);
  g_autofree char *again = ax_perception_to_json (p, "a b.png", NULL, FALSE);
  g_autofree char *pretty = ax_perception_to_json (p, "a b.png", NULL, TRUE);
  g_assert_cmpstr (compact, ==, again);
  g_assert_null (strchr (compact, '\n'));
  for (int form = 0; form < 2; form++) {
    g_autoptr (JsonParser) parser = json_parser_new ();
    JsonObject *o = parse (parser, form == 0 ? compact : pretty);
    assert_keys (o, "image,anatomy,findings,frontal,timing_ms,model");
    assert_keys (json_object_get_object_member (o, "image"), "path,width,height");
    g_assert_cmpint (json_object_get_int_member (json_object_get_object_member (o, "image"), "width"), ==, 2048);
    JsonArray *anatomy = json_object_get_array_member (o, "anatomy");
    g_assert_cmpuint (json_array_get_length (anatomy), ==, AX_N_ANATOMY);
    for (guint i = 0; i < AX_N_ANATOMY; i++) {
      JsonObject *a = json_array_get_object_element (anatomy, i);
      assert_keys (a, "index,name,box,box1024,sentence,score,alternatives");
      g_assert_cmpint (json_object_get_int_member (a, "index"), ==, i);
      g_assert_cmpstr (json_object_get_string_member (a, "name"), ==, ax_anatomy_name (i));
      assert_box (a, "box", p->anatomy[i].box);
      assert_box (a, "box1024", p->anatomy[i].box1024);
      guint n = p->anatomy[i].n_retrieved;
      g_assert_cmpuint (json_array_get_length (json_object_get_array_member (a, "alternatives")), ==, n > 0 ? n - 1 : 0);
      if (n > 0)
        g_assert_cmpstr (json_object_get_string_member (a, "sentence"), ==, p->anatomy[i].retrieved[0].sentence);
      else
        g_assert_true (json_object_get_null_member (a, "sentence"));
    }
    JsonArray *findings = json_object_get_array_member (o, "findings");
    g_assert_cmpuint (json_array_get_length (findings), ==, 3);
    g_assert_cmpfloat (json_object_get_double_member (json_array_get_object_element (findings, 1), "probability"), ==, 0.8765);
    assert_keys (json_object_get_object_member (o, "timing_ms"), "preprocess,perceive,retrieve,total");
  }
  sample_perception_free (p);
}

/* Two runs differ in their times alone: with those cut out, the texts are equal bytes. */
static void
test_timing_apart (void)
{
  AxPerception *p = sample_perception_new (1024, 1024, TRUE);
  g_autofree char *one = ax_perception_to_json (p, NULL, NULL, FALSE);
  p->ms_total = 123.4;
  p->ms_perceive = 99;
  g_autofree char *two = ax_perception_to_json (p, NULL, NULL, FALSE);
  g_autoptr (GRegex) timing = g_regex_new ("\"timing_ms\":\\{[^}]*\\}", 0, 0, NULL);
  g_autofree char *one_cut = g_regex_replace_literal (timing, one, -1, 0, "", 0, NULL);
  g_autofree char *two_cut = g_regex_replace_literal (timing, two, -1, 0, "", 0, NULL);
  g_assert_cmpstr (one, !=, two);
  g_assert_cmpstr (one_cut, ==, two_cut);
  g_assert_nonnull (strstr (one, "\"mirrored\":true"));
  sample_perception_free (p);
}

static void
test_flip (void)
{
  AxPerception *plain = sample_perception_new (1024, 1024, FALSE), *mirrored = sample_perception_new (1024, 1024, TRUE);
  g_autofree char *text = ax_flip_to_json (plain, mirrored, "x.png", NULL, TRUE);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *o = parse (parser, text);
  assert_keys (o, "image,pairs,anatomy,totals,timing_ms,model");
  JsonArray *pairs = json_object_get_array_member (o, "pairs");
  g_assert_cmpuint (json_array_get_length (pairs), ==, AX_N_PAIRS);
  AxFlipReport report;
  ax_flip_compare (plain, mirrored, &report);
  for (guint i = 0; i < AX_N_PAIRS; i++) {
    JsonObject *pair = json_array_get_object_element (pairs, i);
    assert_keys (pair, "left,right,kept");
    g_assert_true (json_object_get_boolean_member (pair, "kept") == report.pairs[i].kept);
    JsonObject *left = json_object_get_object_member (pair, "left");
    assert_box (left, "box", plain->anatomy[report.pairs[i].left].box);
    assert_box (left, "box_on_mirrored", mirrored->anatomy[report.pairs[i].left].box);
  }
  JsonObject *totals = json_object_get_object_member (o, "totals");
  g_assert_cmpint (json_object_get_int_member (totals, "kept"), ==, report.n_kept);
  g_assert_cmpint (json_object_get_int_member (totals, "lost"), ==, AX_N_PAIRS - report.n_kept);
  sample_perception_free (plain);
  sample_perception_free (mirrored);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/session/json/writer", test_writer);
  g_test_add_func ("/session/json/writer-pretty", test_writer_pretty);
  g_test_add_func ("/session/json/writer-extremes", test_writer_extremes);
  g_test_add_func ("/session/json/perception", test_perception);
  g_test_add_func ("/session/json/timing-apart", test_timing_apart);
  g_test_add_func ("/session/json/flip", test_flip);
  return g_test_run ();
}
