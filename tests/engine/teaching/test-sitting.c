/* Where a learner stands: the file that brings it back, broken files, the key of a round. */
#include "engine/teaching/sitting.h"
#include "tests/engine/teaching/broken.h"
#include "tests/engine/teaching/film.h"

#include <string.h>

/* One case answered; in the middle of a review of two others, with a hint, a draft and times. */
static AxRoundSitting *
make_sitting (void)
{
  g_autoptr (AxRound) round = film_round ();
  g_autoptr (AxRoundLog) log = ax_round_log_new (round);
  g_autoptr (AxRoundAnswer) answer = ax_round_answer_new ();
  ax_round_answer_add_box (answer, (AxBox) { 10, 20, 30, 40 });
  g_assert_nonnull (ax_round_log_answer (log, 0, answer, TRUE, 1234));
  AxRoundSitting *s = ax_round_sitting_new (log, "/films");
  s->number = 3;
  s->review = g_array_new (FALSE, FALSE, sizeof (guint));
  g_array_append_vals (s->review, ((guint[]) { 1, 3 }), 2);
  s->presenter = TRUE;
  s->traces[0] = (AxRoundTrace) { TRUE, TRUE, 1234 };
  s->traces[3] = (AxRoundTrace) { TRUE, FALSE, 55 };
  s->draft = ax_round_answer_new ();
  s->draft->side = AX_ROUND_RIGHT;
  return s;
}

static void
test_file (void)
{
  g_autoptr (AxRoundSitting) s = make_sitting ();
  g_autofree char *text = ax_round_sitting_to_json (s);
  g_autoptr (GError) error = NULL;
  g_autoptr (AxRoundSitting) back = ax_round_sitting_from_json (text, strlen (text), "sitting", &error);
  g_assert_no_error (error);
  g_autofree char *again = ax_round_sitting_to_json (back);
  g_assert_cmpstr (text, ==, again);
  g_assert_cmpint (back->number, ==, 3);
  g_assert_cmpuint (back->review->len, ==, 2);
  g_assert_cmpuint (g_array_index (back->review, guint, 1), ==, 3);
  g_assert_true (back->presenter && back->traces[0].hint && back->traces[0].heard && !back->traces[3].heard && !back->traces[1].hint);
  g_assert_cmpint (back->traces[3].ms, ==, 55);
  g_assert_cmpint (back->draft->side, ==, AX_ROUND_RIGHT);
  g_assert_cmpuint (back->log->entries->len, ==, 1);
  g_assert_cmpstr (back->folder, ==, "/films");

  g_clear_pointer (&s->review, g_array_unref);
  g_clear_pointer (&s->draft, ax_round_answer_free);
  s->number = -1;              /* the results */
  g_autofree char *results = ax_round_sitting_to_json (s);
  g_autoptr (AxRoundSitting) over = ax_round_sitting_from_json (results, strlen (results), "sitting", &error);
  g_assert_no_error (error);
  g_assert_cmpint (over->number, ==, -1);
  g_assert_true (over->review == NULL && over->draft == NULL);
}

static void
test_begun (void)
{
  g_autoptr (AxRound) round = film_round ();
  g_autoptr (AxRoundLog) log = ax_round_log_new (round);
  g_autoptr (AxRoundSitting) s = ax_round_sitting_new (log, "/films");
  g_assert_false (ax_round_sitting_is_begun (s));
  s->draft = ax_round_answer_new ();
  s->traces[0].ms = 10;
  g_assert_false (ax_round_sitting_is_begun (s)); /* looked at, that is all */
  ax_round_answer_set_text (s->draft, "a word");
  g_assert_true (ax_round_sitting_is_begun (s));
  g_clear_pointer (&s->draft, ax_round_answer_free);
  s->number = 1;
  g_assert_true (ax_round_sitting_is_begun (s));
}

static void
test_key (void)
{
  g_autoptr (AxRound) round = film_round (), other = film_round ();
  g_autofree char *key = ax_round_sitting_key (round, "/a"), *same = ax_round_sitting_key (other, "/a"), *elsewhere = ax_round_sitting_key (round, "/b");
  g_assert_cmpuint (strlen (key), ==, 64);
  g_assert_cmpstr (key, ==, same);
  g_assert_cmpstr (key, !=, elsewhere);
  g_ptr_array_remove_index (other->cases, 4);
  g_autofree char *changed = ax_round_sitting_key (other, "/a");
  g_assert_cmpstr (key, !=, changed);
}

static gpointer
read_it (const char *text, gsize length, const char *name, GError **error)
{
  return ax_round_sitting_from_json (text, length, name, error);
}

static void
test_broken (void)
{
  static const BrokenFile broken[] = {
    { "anatomix teaching sitting", "anatomix teaching session", "cannot be gone on with" },
    { "\"case\": \"case-4\",", "\"case\": \"case-9\",", "no case \"case-9\"" },
    { "\"case\": \"case-4\",", "\"case\": 4,", "case" },
    { "[\"case-2\", \"case-4\"]", "[\"case-2\", \"case-2\"]", "entry 2 of \"review\"" },
    { "[\"case-2\", \"case-4\"]", "[\"case-2\", 7]", "entry 2 of \"review\"" },
    { "[\"case-2\", \"case-4\"]", "[\"case-2\"]", "lacks the case" },
    { "\"ms\": 55", "\"ms\": -1", "ms" },
    { "\"side\": \"right\"", "\"side\": \"up\"", "side" },
    { "\"traces\"", "\"tracks\"", "traces" },
    { "\"folder\"", "\"holder\"", "folder" },
    { "\"title\"", "\"tilte\"", "title" },
  };
  g_autoptr (AxRoundSitting) s = make_sitting ();
  g_autofree char *text = ax_round_sitting_to_json (s);
  assert_broken (text, broken, G_N_ELEMENTS (broken), read_it);
  assert_bytes_broken (text, read_it, (GDestroyNotify) ax_round_sitting_free);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/teaching/sitting/file", test_file);
  g_test_add_func ("/teaching/sitting/begun", test_begun);
  g_test_add_func ("/teaching/sitting/key", test_key);
  g_test_add_func ("/teaching/sitting/broken", test_broken);
  return g_test_run ();
}
