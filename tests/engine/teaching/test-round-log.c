/* Sittings: totals, misses, the file that replays identically without a model, broken files, CSV. */
#include "tests/engine/teaching/broken.h"
#include "tests/engine/teaching/film.h"

#include <stdio.h>
#include <string.h>

/* Four of five cases answered, two of them well; the model spoke to all four. */
static AxRoundLog *
make_log (void)
{
  g_autoptr (AxRound) round = film_round ();
  AxRoundLog *log = ax_round_log_new (round);
  AxPerception *plain = film_perception (FALSE), *mirrored = film_perception (TRUE);
  log->learner = g_strdup ("=A. Learner");
  log->started = g_strdup ("2026-01-02T03:04:05Z");
  log->model = g_strdup ("film 0123");
  for (guint k = 0; k < 4; k++) {
    static const guint order[] = { 3, 0, 1, 4 };
    const AxRoundCase *c = ax_round_get_case (round, order[k]);
    g_autoptr (AxRoundAnswer) answer = ax_round_answer_new (), voice = ax_round_model_answer (c, c->mirror ? mirrored : plain);
    if (c->task == AX_ROUND_SIDE)
      answer->side = AX_ROUND_RIGHT;
    else if (c->task == AX_ROUND_IMPRESSION)
      ax_round_answer_set_text (answer, "=cardiomegaly, \"large\" right effusion");
    else if (c->task == AX_ROUND_FIND)
      ax_round_answer_add_box (answer, (AxBox) { c->boxes[0].x1 + 1.0 / 3, c->boxes[0].y1, c->boxes[0].x2, c->boxes[0].y2 - 2.0 / 3 });
    g_assert_nonnull (ax_round_log_answer (log, order[k], answer, k == 1, 1000 + k));
    g_assert_null (ax_round_log_answer (log, order[k], answer, FALSE, 5));
    ax_round_log_set_voice (log, order[k], voice);
  }
  ax_round_log_set_pairs_kept (log, 3, 11);
  film_perception_free (plain);
  film_perception_free (mirrored);
  return log;
}

static void
test_totals (void)
{
  g_autoptr (AxRoundLog) log = make_log ();
  AxRoundTotals t = ax_round_log_totals (log);
  g_autoptr (GArray) misses = ax_round_log_misses (log);
  g_assert_cmpuint (t.n_cases, ==, 5);
  g_assert_cmpuint (t.n_answered, ==, 4);
  g_assert_cmpuint (t.n_passed, ==, 2);
  g_assert_cmpuint (t.n_hints, ==, 1);
  g_assert_cmpuint (t.n_voices, ==, 4);
  /* find nearly 1, impression 1, the others 0 */
  g_assert_cmpfloat (t.mean, <, 0.4);
  g_assert_cmpfloat (t.mean, >, 0.39);
  g_assert_cmpuint (misses->len, ==, 3);
  g_assert_cmpuint (g_array_index (misses, guint, 0), ==, 1);
  g_assert_cmpuint (g_array_index (misses, guint, 1), ==, 2);
  g_assert_cmpuint (g_array_index (misses, guint, 2), ==, 3);
}

static void
test_replay (void)
{
  g_autoptr (AxRoundLog) log = make_log ();
  g_autofree char *text = ax_round_log_to_json (log);
  g_autoptr (GError) error = NULL;
  g_autoptr (AxRoundLog) back = ax_round_log_from_json (text, strlen (text), "log", &error);
  g_assert_no_error (error);
  g_autofree char *again = ax_round_log_to_json (back), *csv = ax_round_log_to_csv (log), *csv_again = ax_round_log_to_csv (back);
  g_assert_cmpstr (text, ==, again);
  g_assert_cmpstr (csv, ==, csv_again);
  for (guint i = 0; i < log->entries->len; i++) { /* bit for bit, not only as written */
    const AxRoundEntry *a = log->entries->pdata[i], *b = back->entries->pdata[i];
    g_assert_cmpuint (a->number, ==, b->number);
    g_assert_cmpint (a->pairs_kept, ==, i == 0 ? 11 : -1);
    g_assert_cmpint (a->pairs_kept, ==, b->pairs_kept);
    g_assert_true (a->score.value == b->score.value && a->voice_score.value == b->voice_score.value);
    g_assert_cmpmem (a->answer->boxes, sizeof a->answer->boxes, b->answer->boxes, sizeof b->answer->boxes);
    g_assert_cmpmem (a->voice->boxes, sizeof a->voice->boxes, b->voice->boxes, sizeof b->voice->boxes);
  }
  g_autoptr (AxRoundLog) copy = ax_round_log_copy (back);
  g_autofree char *copied = ax_round_log_to_json (copy);
  g_assert_cmpstr (text, ==, copied);
}

static gpointer
read_it (const char *text, gsize length, const char *name, GError **error)
{
  return ax_round_log_from_json (text, length, name, error);
}

static void
test_broken (void)
{
  static const BrokenFile broken[] = {
    { "anatomix teaching session", "session", "cannot be replayed" },
    { "\"case\": \"case-4\"", "\"case\": \"case-9\"", "no case" },
    { "\"case\": \"case-4\"", "\"case\": \"case-1\"", "entry 1" },
    { "\"case\": \"case-1\"", "\"case\": \"case-4\"", "answered twice" },
    { "\"value\": 1, \"passed\": true", "\"value\": 0.9, \"passed\": true", "not the score" },
    { "\"value\": 1, \"passed\": true", "\"value\": 1, \"passed\": false", "not the score" },
    { "\"ms\": 1000", "\"ms\": -3", "ms" },
    { "\"model_pairs_kept\": 11", "\"model_pairs_kept\": 13", "model_pairs_kept" },
    { "\"title\"", "\"tilte\"", "title" },
  };
  g_autoptr (AxRoundLog) log = make_log ();
  g_autofree char *text = ax_round_log_to_json (log);
  assert_broken (text, broken, G_N_ELEMENTS (broken), read_it);
  assert_bytes_broken (text, read_it, (GDestroyNotify) ax_round_log_free);
}

static void
test_csv (void)
{
  g_autoptr (AxRoundLog) log = make_log ();
  g_autofree char *csv = ax_round_log_to_csv (log);
  g_auto (GStrv) lines = g_strsplit (csv, "\r\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, 7); /* header, five cases, the end */
  g_assert_cmpstr (lines[3], ==, "3,case-3,folder/two.png,name,no,,Trachea; windpipe,no,,0.0000,no,no,,,");
  g_assert_cmpstr (lines[4], ==, "4,case-4,one.png,side,yes,,left,yes,right,0.0000,no,no,1.0,left,1.0000");
  g_assert_true (g_str_has_prefix (lines[5], "5,case-5,one.png,impression,no,,right pleural effusion; cardiomegaly,yes,\"'=cardiomegaly, \"\"large\"\" right effusion\",1.0000,yes,no,1.0,"));
  g_assert_true (g_str_has_prefix (lines[2], "2,case-2,one.png,draw,no,pleural effusion,100 600 300 800,yes,none,0.0000,no,no,1.0,none,0.0000"));
}

static void
test_save (void)
{
  g_autoptr (AxRoundLog) log = make_log ();
  g_autofree char *folder = g_dir_make_tmp ("ax-log-XXXXXX", NULL), *path = g_build_filename (folder, "log.json", NULL), *round_path = g_build_filename (folder, "round.json", NULL);
  g_autofree char *nowhere = g_build_filename (folder, "none", "log.json", NULL);
  g_autoptr (GError) error = NULL;
  g_assert_true (ax_round_log_save (log, path, &error) && ax_round_save (log->round, round_path, &error));
  g_assert_no_error (error);
  g_assert_true (ax_round_is_round (path, TRUE) && !ax_round_is_round (path, FALSE) && ax_round_is_round (round_path, FALSE) && !ax_round_is_round (round_path, TRUE));
  g_autoptr (AxRoundLog) back = ax_round_log_load (path, &error);
  g_assert_no_error (error);
  g_autofree char *text = ax_round_log_to_json (log), *again = ax_round_log_to_json (back);
  g_assert_cmpstr (text, ==, again);
  g_assert_false (ax_round_log_save (log, nowhere, &error));
  g_assert_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_WRITE);
  remove (path), remove (round_path), remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/teaching/log/totals", test_totals);
  g_test_add_func ("/teaching/log/replay", test_replay);
  g_test_add_func ("/teaching/log/broken", test_broken);
  g_test_add_func ("/teaching/log/csv", test_csv);
  g_test_add_func ("/teaching/log/save", test_save);
  return g_test_run ();
}
