/* The parser of answers: the reference's pairs, the tolerant form, any cut of the text into pieces, choices, clean-up, and text of any kind (the entry point of
 * the fuzz target over mutated answers). */
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "engine/task/answer_parser.h"
#include "tests/fuzz/fuzz_answer.h"

static JsonObject *reference(JsonParser **parser) {
  *parser = json_parser_new();
  g_autofree char *path = g_build_filename(g_getenv("AX_SHARED") != NULL ? g_getenv("AX_SHARED") : ".", "reference", "J_eval", "expected.json", NULL);
  return json_parser_load_from_file(*parser, path, NULL) ? json_node_get_object(json_parser_get_root(*parser)) : NULL;
}

static AxAnswerParser *parse(const char *text, gboolean tolerant) {
  AxAnswerParser *p = ax_answer_parser_new();
  ax_answer_parser_push(p, text);
  ax_answer_parser_finish(p, tolerant);
  return p;
}

static void check_pair(JsonObject *object, const char *text_key, const char *parsed_key) {
  g_autoptr(AxAnswerParser) p = parse(json_object_get_string_member(object, text_key), FALSE);
  JsonArray *parsed = json_object_get_array_member(object, parsed_key), *boxes = json_array_get_array_element(parsed, 0), *labels = json_array_get_array_element(parsed, 1);
  g_assert_cmpuint(ax_answer_parser_n_boxes(p), ==, json_array_get_length(boxes));
  for (guint i = 0; i < json_array_get_length(boxes); i++) {
    const AxParsedBox *b = ax_answer_parser_box(p, i);
    JsonArray *wanted = json_array_get_array_element(boxes, i);
    const double got[4] = {b->box.x1, b->box.y1, b->box.x2, b->box.y2};
    for (guint k = 0; k < 4; k++)
      g_assert_cmpfloat(got[k], ==, json_array_get_double_element(wanted, k));
    g_assert_cmpstr(b->label, ==, json_array_get_string_element(labels, i));
  }
}

static void test_reference(void) {
  g_autoptr(JsonParser) parser = NULL;
  JsonObject *top = reference(&parser);
  if (top == NULL) {
    g_test_skip("reference/J_eval/expected.json is absent");
    return;
  }
  JsonArray *pairs = json_object_get_array_member(top, "detection"), *cleaned = json_object_get_array_member(top, "postprocess");
  g_assert_cmpuint(json_array_get_length(pairs), ==, 30);
  for (guint i = 0; i < json_array_get_length(pairs); i++) {
    check_pair(json_array_get_object_element(pairs, i), "reference", "parsed_reference");
    check_pair(json_array_get_object_element(pairs, i), "prediction", "parsed_prediction");
  }
  for (guint i = 0; i < json_array_get_length(cleaned); i++) {
    JsonObject *c = json_array_get_object_element(cleaned, i);
    g_autofree char *out = ax_answer_postprocess(json_object_get_string_member(c, "in"));
    g_assert_cmpstr(out, ==, json_object_get_string_member(c, "out"));
  }
}

/* ---- own cases ---- */

static const struct {
  const char *text, *plain;
  guint n;
  const char *label;
  double x1;
  gboolean well_formed;
} cases[] = {
    {"The <ref>Left lung</ref> is at <box>(1,2),(3,4)</box> here.", "The Left lung is at here.", 1, "Left lung", 1, TRUE},
    {"<box>(1,2),(3,4)</box>", "", 1, NULL, 1, TRUE},
    {"<ref>A</ref><box>(1,2),(3,4)</box><ref>B</ref><box>(5,6),(7,8)</box><box>(9,1),(2,3)</box>", "A, B", 3, "A", 1, TRUE},
    {"<box>(1,2),(3,4)</box> <ref>B</ref>", "B", 1, NULL, 1, TRUE},
    {"No pneumothorax detected.", "No pneumothorax detected.", 0, NULL, 0, TRUE},
    {"a < b <boxer> <re", "a < b <boxer> <re", 0, NULL, 0, FALSE},
    {"a < b, 3 <4", "a < b, 3 <4", 0, NULL, 0, TRUE},
    {"<box> (1,-2),(3,4)\n</box>", "", 1, NULL, 1, TRUE},
    {"<box>(1,2),(3,4)", "(1,2),(3,4)", 0, NULL, 0, FALSE},
    {"<box>none</box> x", "none x", 0, NULL, 0, FALSE},
    {"<box>(1,2),(3)</box><box>(5,6),(7,8)</box>", "", 1, NULL, 5, FALSE},
    {"see <box>(1,2) <box>(5,6),(7,8)</box>.", "see .", 0, NULL, 0, FALSE}, /* from the first "(": six numbers */
    {"see <box> <box>(5,6),(7,8)</box>.", "see  .", 1, "see", 5, FALSE},
    {"</ref>x<ref>y", "xy", 0, NULL, 0, FALSE},
    {"<ref>a<ref>b</ref><box>(1,2),(3,4)</box>", "ab", 1, "a<ref>b", 1, FALSE},
    {"<box>(-1.5,2),(3,4e5)</box>", "", 0, NULL, 0, FALSE}, /* 4 and 5: five numbers */
};

static void test_cases(void) {
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(AxAnswerParser) p = parse(cases[i].text, FALSE);
    g_test_message("%s", cases[i].text);
    g_assert_cmpstr(ax_answer_parser_plain(p), ==, cases[i].plain);
    g_assert_cmpuint(ax_answer_parser_n_boxes(p), ==, cases[i].n);
    if (cases[i].n > 0) {
      g_assert_cmpstr(ax_answer_parser_box(p, 0)->label, ==, cases[i].label);
      g_assert_cmpfloat(ax_answer_parser_box(p, 0)->box.x1, ==, cases[i].x1);
    }
    g_assert_true((ax_answer_fault(cases[i].text, NULL) == NULL) == cases[i].well_formed);
  }
}

/* Fed one byte after the other it gives the same, and never more than it will stand by. */
static void test_streaming(void) {
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(AxAnswerParser) whole = parse(cases[i].text, FALSE), p = ax_answer_parser_new();
    g_autoptr(GString) given = g_string_new(NULL);
    for (const char *c = cases[i].text; *c != '\0'; c++) {
      const char piece[2] = {*c, '\0'};
      g_string_append(given, ax_answer_parser_push(p, piece));
      g_assert_true(g_str_has_prefix(ax_answer_parser_plain(whole), given->str));
    }
    g_string_append(given, ax_answer_parser_finish(p, FALSE));
    g_assert_cmpstr(given->str, ==, ax_answer_parser_plain(whole));
    g_assert_cmpuint(ax_answer_parser_n_boxes(p), ==, ax_answer_parser_n_boxes(whole));
    for (guint k = 0; k < ax_answer_parser_n_boxes(p); k++) {
      const AxParsedBox *a = ax_answer_parser_box(p, k), *b = ax_answer_parser_box(whole, k);
      g_assert_cmpstr(a->label, ==, b->label);
      g_assert_cmpmem(&a->box, sizeof a->box, &b->box, sizeof b->box);
      g_assert_cmpuint(a->start, ==, b->start);
      g_assert_cmpuint(a->plain_at, ==, b->plain_at);
    }
  }
  /* A box comes with its last character, not later. */
  g_autoptr(AxAnswerParser) p = ax_answer_parser_new();
  ax_answer_parser_push(p, "<ref>x</ref><box>(1,2),(3,4)</box");
  g_assert_cmpuint(ax_answer_parser_n_boxes(p), ==, 0);
  ax_answer_parser_push(p, ">");
  g_assert_cmpuint(ax_answer_parser_n_boxes(p), ==, 1);
}

static void test_tolerant(void) {
  static const struct {
    const char *text;
    double x1, y2; /* NAN: no box */
    const char *label;
  } t[] = {
      {"The lung is at (12,340),(567,1024).", 12, 1024, "The lung is at"}, {"[12, 340, 567, 1024]", 12, 1024, NULL},
      {"12.5 340 567 -3", 12.5, -3, NULL},                                  {"at (1,2) and (3,4)", NAN, NAN, NULL},
      {"T4 5 6 7 8", 5, 8, "T4"},                                            {"1,2,3", NAN, NAN, NULL},
      {"<box>1,2,3,4", NAN, NAN, NULL},
  };
  for (guint i = 0; i < G_N_ELEMENTS(t); i++) {
    g_autoptr(AxAnswerParser) p = parse(t[i].text, TRUE), strict = parse(t[i].text, FALSE);
    g_test_message("%s", t[i].text);
    g_assert_cmpuint(ax_answer_parser_n_boxes(strict), ==, 0);
    g_assert_cmpuint(ax_answer_parser_n_boxes(p), ==, isnan(t[i].x1) ? 0 : 1);
    if (isnan(t[i].x1))
      continue;
    g_assert_cmpfloat(ax_answer_parser_box(p, 0)->box.x1, ==, t[i].x1);
    g_assert_cmpfloat(ax_answer_parser_box(p, 0)->box.y2, ==, t[i].y2);
    g_assert_cmpstr(ax_answer_parser_box(p, 0)->label, ==, t[i].label);
  }
}

static void assert_choices(const char *text, const char *expected) {
  g_autoptr(GArray) choices = ax_answer_choices(text);
  g_autoptr(GString) s = g_string_new(NULL);
  for (guint i = 0; i < choices->len; i++) {
    const AxChoice *c = &g_array_index(choices, AxChoice, i);
    g_string_append_printf(s, "%s%s=%s", i > 0 ? "|" : "", c->tag, c->label != NULL ? c->label : "-");
  }
  g_assert_cmpstr(s->str, ==, expected);
}

static void test_texts(void) {
  assert_choices("(p) Pleural Effusion, (c) Atelectasis", "p=Pleural Effusion|c=Atelectasis");
  assert_choices(" (p), (c)\n", "p=-|c=-");
  assert_choices("(12) edema, mild, (3) x", "12=edema, mild|3=x");
  assert_choices("Yes", "");
  assert_choices("(ab) x", "");
  assert_choices("(123) x", "");
  assert_choices("()", "");
  assert_choices("", "");
  g_assert_true(ax_answer_is_nothing("No abnormalities detected."));
  g_assert_true(ax_answer_is_nothing(" No left pneumothorax detected.\n"));
  g_assert_false(ax_answer_is_nothing("No. Something detected."));
  g_assert_false(ax_answer_is_nothing("No detected."));
  g_assert_false(ax_answer_is_nothing("Nothing detected."));
  /* The map of the clean-up leads back. */
  const char *text = "  one \n\n two\n one\ntwo\xE2\x80\xA8 one \n";
  g_autoptr(GArray) map = g_array_new(FALSE, FALSE, sizeof(guint32));
  g_autofree char *out = ax_answer_postprocess_map(text, map);
  g_assert_cmpuint(map->len, ==, strlen(out));
  for (guint i = 0; i < map->len; i++)
    if (out[i] != '\n')
      g_assert_cmpint(out[i], ==, text[g_array_index(map, guint32, i)]);
}

static void test_mutations(void) {
  static const char *const seeds[] = {"The <ref>Left lung</ref> is at <box>(560,133),(840,310)</box> on the X-ray.", "<box>(1,2)<box>(3,4)</box></ref><ref>", "(a) yes, (b) no",
                                      "No nodule detected.\nNo nodule detected.\n", "12 34, 56; 78 <box> ( 1 , 2 ) , ( 3 , 4 ) </box>"};
  g_autoptr(GRand) r = g_rand_new_with_seed(20);
  for (guint round = 0; round < 5000; round++) {
    g_autoptr(GByteArray) data = g_byte_array_new();
    const char *seed = seeds[g_rand_int_range(r, 0, G_N_ELEMENTS(seeds))];
    g_byte_array_append(data, (const guint8 *) seed, (guint) strlen(seed));
    for (int k = g_rand_int_range(r, 1, 8); k > 0 && data->len > 0; k--) {
      static const char pool[] = "<>/()box,ref0123456789- \n.\xC2\x85\xFF";
      const guint at = (guint) g_rand_int_range(r, 0, (gint32) data->len);
      const guint8 c = (guint8) pool[g_rand_int_range(r, 0, sizeof pool - 1)];
      if (g_rand_int_range(r, 0, 3) > 0)
        data->data[at] = c;
      else
        g_byte_array_remove_range(data, at, g_rand_int_range(r, 0, 10) % (data->len - at) + 1);
    }
    fuzz_answer(data->data, data->len);
  }
}

/* Floods do not take quadratic time. No larger, because AddressSanitizer with strict_string_checks reads a whole string at each look at it. */
static void test_floods(void) {
  static const char *const units[] = {"<box>(", "<ref>", "<", "<box> ", ")", "<box>(1,2),(3,4)</box>", "1,", "</box>", "(a) "};
  for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
    g_autoptr(GString) s = g_string_new(NULL);
    while (s->len < 60000)
      g_string_append(s, units[i]);
    fuzz_answer((const guint8 *) s->str, s->len);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/answer-parser/reference", test_reference);
  g_test_add_func("/answer-parser/cases", test_cases);
  g_test_add_func("/answer-parser/streaming", test_streaming);
  g_test_add_func("/answer-parser/tolerant", test_tolerant);
  g_test_add_func("/answer-parser/texts", test_texts);
  g_test_add_func("/answer-parser/mutations", test_mutations);
  g_test_add_func("/answer-parser/floods", test_floods);
  return g_test_run();
}
