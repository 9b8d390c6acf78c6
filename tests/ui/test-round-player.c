/* Playing a round without a display: phases, presenter mode, hints, review, replay, words. */
#include "ui/round-player.h"
#include "ui/round-words.h"

#include <string.h>

static AxRound *make_round(void) {
  AxRound *round = ax_round_new("Sides");

  for (guint i = 0; i < 3; i++) {
    AxRoundCase *c = ax_round_case_new(AX_ROUND_SIDE, "a.png");

    c->subject = g_strdup("Stomach bubble");
    c->side = i == 1 ? AX_ROUND_RIGHT : AX_ROUND_LEFT;
    c->hint = i == 0 ? g_strdup("Below the heart.") : NULL;
    g_assert_true(ax_round_add(round, c, NULL));
  }
  return round;
}

static gboolean answer_side(AxRoundPlayer *player, AxRoundSide side) {
  g_autoptr(AxRoundAnswer) answer = ax_round_answer_new();

  answer->side = side;
  return ax_round_player_answer(player, answer);
}

static void count(guint *n) { (*n)++; }

static void test_play(void) {
  g_autoptr(AxRound) round = make_round();
  g_autoptr(AxRoundPlayer) player = ax_round_player_new(round);
  AxRoundTotals totals;
  guint n = 0;

  g_signal_connect_swapped(player, "changed", G_CALLBACK(count), &n);
  g_assert_cmpint(ax_round_player_get_phase(player), ==, AX_ROUND_ASKING);
  g_assert_null(ax_round_player_get_entry(player));
  g_assert_false(ax_round_player_go(player, -1));
  g_assert_false(answer_side(player, AX_ROUND_NO_SIDE)); /* says nothing */
  g_assert_false(ax_round_player_show_model(player));
  g_assert_true(ax_round_player_show_hint(player));
  g_assert_false(ax_round_player_show_hint(player));
  g_assert_true(answer_side(player, AX_ROUND_LEFT));
  g_assert_cmpint(ax_round_player_get_phase(player), ==, AX_ROUND_REVEALED);
  g_assert_true(ax_round_player_get_entry(player)->score.passed);
  g_assert_true(ax_round_player_get_entry(player)->hint);
  g_assert_false(answer_side(player, AX_ROUND_RIGHT)); /* once */
  g_assert_true(ax_round_player_go(player, 1));
  g_assert_false(ax_round_player_show_hint(player)); /* has none */
  g_assert_true(answer_side(player, AX_ROUND_BOTH));
  g_assert_true(ax_round_player_go(player, 1) && ax_round_player_go(player, 1));
  g_assert_cmpint(ax_round_player_get_phase(player), ==, AX_ROUND_OVER);
  g_assert_null(ax_round_player_get_case(player));
  g_assert_false(ax_round_player_go(player, 1));
  totals = ax_round_log_totals(ax_round_player_get_log(player));
  g_assert_cmpuint(totals.n_passed, ==, 1);
  g_assert_cmpuint(totals.n_answered, ==, 2);
  /* the misses: the second, and the third, which is still asked */
  g_assert_true(ax_round_player_review(player));
  g_assert_cmpuint(ax_round_player_get_length(player), ==, 2);
  g_assert_cmpuint(ax_round_player_get_number(player), ==, 1);
  g_assert_cmpint(ax_round_player_get_phase(player), ==, AX_ROUND_REVEALED);
  ax_round_player_go(player, 1);
  g_assert_cmpint(ax_round_player_get_phase(player), ==, AX_ROUND_ASKING);
  g_assert_true(answer_side(player, AX_ROUND_LEFT));
  ax_round_player_restart(player);
  g_assert_cmpuint(ax_round_player_get_length(player), ==, 3);
  g_assert_false(ax_round_player_is_reviewing(player));
  g_assert_cmpuint(n, ==, 10); /* hint, answer, 3 steps and an answer, review, step, answer, restart */
}

static AxPerception *perceive(void) {
  AxPerception *p = g_new0(AxPerception, 1);

  p->ref_count = 1;
  p->width = p->height = 100;
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    p->anatomy[i] = (AxAnatomy){.index = i, .name = ax_anatomy_name(i)};
  return p;
}

/* The model knows before the learner does and must not be heard before the key. */
static void test_presenter(void) {
  g_autoptr(AxRound) round = make_round();
  g_autoptr(AxRoundCase) c = ax_round_case_new(AX_ROUND_IMPRESSION, "b.png");
  g_autoptr(AxRoundPlayer) player = NULL;
  g_autoptr(AxRoundAnswer) answer = ax_round_answer_new();
  g_autofree AxPerception *perception = perceive();

  g_assert_true(ax_round_add(round, g_steal_pointer(&c), NULL));
  player = ax_round_player_new(round);
  ax_round_player_set_presenter(player, TRUE);
  ax_round_player_go(player, 3);
  ax_round_player_set_perception(player, 3, perception, "a model");
  g_assert_cmpuint(ax_round_player_get_log(player)->entries->len, ==, 0);
  ax_round_answer_set_text(answer, "Normal chest radiograph.");
  g_assert_true(ax_round_player_answer(player, answer));
  g_assert_cmpint(ax_round_player_get_phase(player), ==, AX_ROUND_HELD);
  g_assert_false(ax_round_player_is_model_shown(player));
  g_assert_nonnull(ax_round_player_get_entry(player)->voice);
  g_assert_true(ax_round_player_show_model(player));
  g_assert_true(ax_round_player_is_model_shown(player));
  g_assert_cmpstr(ax_round_player_get_log(player)->model, ==, "a model");
  ax_round_player_set_presenter(player, FALSE);
  g_assert_true(ax_round_player_is_model_shown(player));
}

static void test_replay(void) {
  g_autoptr(AxRound) round = make_round();
  g_autoptr(AxRoundPlayer) player = ax_round_player_new(round), replay = NULL;
  g_autofree char *before = NULL, *after = NULL;

  ax_round_player_go(player, 2);
  answer_side(player, AX_ROUND_LEFT);
  ax_round_player_go(player, -2);
  answer_side(player, AX_ROUND_RIGHT);
  before = ax_round_log_to_json(ax_round_player_get_log(player));
  replay = ax_round_player_new_replay(ax_round_player_get_log(player));
  g_assert_cmpuint(ax_round_player_get_number(replay), ==, 2); /* in the order of answering */
  g_assert_cmpint(ax_round_player_get_phase(replay), ==, AX_ROUND_ASKING);
  g_assert_null(ax_round_player_get_entry(replay));
  g_assert_false(answer_side(replay, AX_ROUND_RIGHT));
  g_assert_true(ax_round_player_reveal(replay));
  g_assert_cmpint(ax_round_player_get_entry(replay)->answer->side, ==, AX_ROUND_LEFT);
  ax_round_player_go(replay, 1);
  g_assert_cmpuint(ax_round_player_get_number(replay), ==, 0);
  ax_round_player_go(replay, 1);
  g_assert_true(ax_round_player_reveal(replay));
  g_assert_null(ax_round_player_get_entry(replay)); /* was not answered */
  ax_round_player_set_learner(replay, "Somebody else");
  after = ax_round_log_to_json(ax_round_player_get_log(replay));
  g_assert_cmpstr(before, ==, after);
}

/* A sitting, by way of its file, stands where the first one stood. */
static void test_sitting(void) {
  g_autoptr(AxRound) round = make_round();
  g_autoptr(AxRoundPlayer) player = ax_round_player_new(round), again = NULL, last = NULL;
  g_autoptr(AxRoundSitting) sitting = NULL, back = NULL, end = NULL;
  g_autofree char *text = NULL;

  ax_round_player_set_presenter(player, TRUE);
  ax_round_player_show_hint(player);
  answer_side(player, AX_ROUND_RIGHT);
  ax_round_player_show_model(player);
  ax_round_player_go(player, 1);
  sitting = ax_round_player_get_sitting(player, "/films");
  text = ax_round_sitting_to_json(sitting);
  back = ax_round_sitting_from_json(text, strlen(text), "sitting", NULL);
  again = ax_round_player_new_sitting(back);
  g_assert_cmpuint(ax_round_player_get_number(again), ==, 1);
  g_assert_cmpint(ax_round_player_get_phase(again), ==, AX_ROUND_ASKING);
  g_assert_true(ax_round_player_get_presenter(again));
  ax_round_player_go(again, -1);
  g_assert_cmpint(ax_round_player_get_phase(again), ==, AX_ROUND_REVEALED); /* the model was heard */
  g_assert_cmpint(ax_round_player_get_entry(again)->answer->side, ==, AX_ROUND_RIGHT);
  ax_round_player_go(again, 100);
  g_assert_true(ax_round_player_review(again));
  ax_round_player_go(again, 1);
  end = ax_round_player_get_sitting(again, "/films");
  last = ax_round_player_new_sitting(end);
  g_assert_true(ax_round_player_is_reviewing(last));
  g_assert_cmpuint(ax_round_player_get_position(last), ==, 1);
  g_assert_cmpuint(ax_round_player_get_length(last), ==, ax_round_player_get_length(again));
  g_assert_cmpuint(ax_round_player_get_number(last), ==, ax_round_player_get_number(again));
}

static void test_words(void) {
  g_autoptr(AxRound) round = make_round();
  const AxRoundCase *c = ax_round_get_case(round, 0);
  g_autoptr(AxRoundAnswer) answer = ax_round_answer_new();
  g_autofree char *question = ax_round_question(c), *own = NULL, *accepted = ax_round_accepted_words(c), *verdict = NULL;
  AxRoundScore score = {.value = 0};

  answer->side = AX_ROUND_BOTH;
  own = ax_round_answer_words(c, answer, NULL);
  verdict = ax_round_verdict(c, &score);
  g_assert_nonnull(strstr(question, "Stomach bubble"));
  g_assert_cmpstr(own, ==, "both sides");
  g_assert_cmpstr(accepted, ==, "left");
  g_assert_cmpstr(verdict, ==, "Missed");
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ui/round-player/play", test_play);
  g_test_add_func("/ui/round-player/presenter", test_presenter);
  g_test_add_func("/ui/round-player/replay", test_replay);
  g_test_add_func("/ui/round-player/sitting", test_sitting);
  g_test_add_func("/ui/round-player/words", test_words);
  return g_test_run();
}
