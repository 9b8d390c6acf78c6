/* Teaching rounds that go on after a stop: under Xvfb, by real mouse and key events; the program is killed in the middle. */
#include "tests/ui/window-fixture.h"
#include "ui/round-keep.h"
#include "ui/round-view-private.h"
#include "ui/session-file.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

static char *round_path, *sessions;

/* Three cases on the fixture's first image: draw, tell the side, write. */
static void write_round(void) {
  static const char text[] =
    "{\"format\": \"anatomix teaching round\", \"version\": 1, \"title\": \"To be kept\", \"cases\": ["
    "{\"id\": \"a\", \"image\": \"first.png\", \"task\": \"find\", \"subject\": \"Heart\", \"accepted\": {\"boxes\": [[202, 270, 388, 452]]}, \"hint\": \"Below.\"},"
    "{\"id\": \"b\", \"image\": \"first.png\", \"task\": \"side\", \"region\": [282, 84, 440, 464], \"accepted\": {\"side\": \"left\"}},"
    "{\"id\": \"c\", \"image\": \"first.png\", \"task\": \"impression\", \"accepted\": {\"findings\": [\"cardiomegaly\"]}}]}";

  g_free(round_path);
  round_path = g_build_filename(ax_fixture.folder, "round.json", NULL);
  g_assert_true(g_file_set_contents(round_path, text, -1, NULL));
}

/* A folder of sessions of its own for the test, which all its windows and programs share. */
static void begin(const char *name) {
  g_free(sessions);
  sessions = g_build_filename(g_get_user_data_dir(), name, NULL);
  g_setenv("ANATOMIX_SESSIONS", sessions, TRUE);
  ax_fixture.keep_sessions = TRUE;
  write_round();
}

static char *kept_path(void) {
  g_autoptr(AxRound) round = ax_round_load(round_path, NULL);

  return ax_round_keep_path(round, ax_fixture.folder);
}

static char *kept_text(void) {
  g_autofree char *path = kept_path();
  char *text = NULL;

  return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

static gboolean is_playing(gpointer window) { return ax_main_window_is_in_round(window) && ax_round_view_is_loaded(AX_MAIN_WINDOW(window)->round); }

static gboolean keeps(gpointer words) {
  g_autofree char *text = kept_text();

  for (const char *const *word = words; *word; word++)
    if (!text || !strstr(text, *word))
      return FALSE;
  return TRUE;
}

static AxMainWindow *open_round(void) {
  AxMainWindow *window = ax_fixture_new_window("model");

  ax_test_show(GTK_WINDOW(window), 1024, 700);
  ax_main_window_open(window, round_path);
  ax_test_wait(is_playing, window);
  return window;
}

static guint number_of(AxMainWindow *window) { return ax_round_player_get_number(ax_round_view_get_player(window->round)); }
static guint n_answers(AxMainWindow *window) { return ax_round_player_get_log(ax_round_view_get_player(window->round))->entries->len; }

static gboolean is_gone(gpointer process) { return g_subprocess_get_identifier(process) == NULL; }

/* A learner draws, answers, goes on, chooses, and the machine goes. */
static void test_killed(void) {
  static const char *const answered[] = {"\"entries\": [\n", "\"case\": \"a\"", NULL}, *const chosen[] = {"\"case\": \"b\",", "\"draft\"", "\"right\"", NULL};
  g_autofree char *program = g_build_filename(g_getenv("AX_BUILD_ROOT"), "tests", "ui", "anatomix-without-model", NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GSubprocess) process = NULL;
  g_autoptr(AxRoundAnswer) draft = NULL;
  AxMainWindow *window;
  const AxRoundEntry *entry;

  begin("killed");
  process = g_subprocess_new(G_SUBPROCESS_FLAGS_NONE, &error, program, round_path, NULL);
  g_assert_no_error(error);
  ax_test_xdotool("search --sync --onlyvisible --name 'AnatomiX Viewer' windowmove 0 0 windowsize 1024 700 windowfocus");
  ax_test_run_for(1500); /* the picture, and the model's answer to it */
  ax_test_xdotool("mousemove 250 250 mousedown 1 mousemove 300 300 mousemove 400 400 mouseup 1");
  ax_test_xdotool("key ctrl+Return");
  ax_test_wait(keeps, (gpointer)answered);
  ax_test_xdotool("key Right");
  ax_test_run_for(500);
  ax_test_xdotool("key 2");
  ax_test_wait(keeps, (gpointer)chosen);
  g_subprocess_send_signal(process, SIGKILL);
  ax_test_wait(is_gone, process);

  window = open_round();
  g_assert_cmpuint(number_of(window), ==, 1);
  g_assert_cmpint(ax_round_player_get_phase(ax_round_view_get_player(window->round)), ==, AX_ROUND_ASKING);
  g_assert_cmpuint(n_answers(window), ==, 1);
  entry = ax_round_log_find(ax_round_player_get_log(ax_round_view_get_player(window->round)), 0);
  g_assert_cmpuint(entry->answer->n_boxes, ==, 1);
  g_assert_cmpfloat(ax_box_area(entry->answer->boxes[0]), >, 1000);
  g_assert_nonnull(entry->voice); /* the model had spoken */
  draft = ax_round_input_get_answer(window->round->input);
  g_assert_cmpint(draft->side, ==, AX_ROUND_RIGHT);
  ax_test_xdotool("key ctrl+Return"); /* the choice that was made before counts */
  g_assert_cmpuint(n_answers(window), ==, 2);
  ax_fixture_close_window(window);
}

static gboolean keeps_nothing(gpointer unused) {
  g_autofree char *text = kept_text();

  return text && strstr(text, "\"entries\": []") && strstr(text, "\"case\": \"a\",");
}

/* Boxes and words that were begun come back; starting over forgets them, and says so to the file. */
static void test_draft(void) {
  static const char *const drawn[] = {"\"draft\"", "\"boxes\"", NULL}, *const typed[] = {"a large heart", NULL};
  g_autofree char *again = NULL;
  AxMainWindow *window;
  AxRoundAnswer *draft;

  begin("draft");
  window = open_round();
  g_assert_null((again = kept_text())); /* nothing was done yet */
  ax_test_point_at(GTK_WIDGET(window->round->canvas), 200, 200);
  ax_test_xdotool("mousedown 1 mousemove_relative 60 40 mousemove_relative 60 40 mouseup 1");
  ax_test_wait(keeps, (gpointer)drawn);
  ax_fixture_close_window(window);

  window = open_round();
  g_assert_cmpuint(ax_marks_get_n(window->round->marks), ==, 1);
  draft = ax_round_input_get_answer(window->round->input);
  g_assert_cmpuint(draft->n_boxes, ==, 1);
  ax_round_answer_free(draft);
  gtk_widget_activate_action(GTK_WIDGET(window->round), "round.next", NULL);
  gtk_widget_activate_action(GTK_WIDGET(window->round), "round.next", NULL);
  ax_test_wait(is_playing, window);
  ax_test_run_for(200);
  ax_test_xdotool("type 'a large heart'");
  ax_test_wait(keeps, (gpointer)typed);
  ax_fixture_close_window(window);

  window = open_round();
  g_assert_cmpuint(number_of(window), ==, 2);
  draft = ax_round_input_get_answer(window->round->input);
  g_assert_cmpstr(draft->text, ==, "a large heart");
  ax_round_answer_free(draft);
  ax_test_xdotool("key ctrl+Return");
  g_assert_cmpuint(n_answers(window), ==, 1);
  ax_test_xdotool("key Escape"); /* leaves the round; opened at once again it is where it was */
  g_assert_false(ax_main_window_is_in_round(window));
  ax_main_window_open(window, round_path);
  ax_test_wait(is_playing, window);
  g_assert_cmpuint(number_of(window), ==, 2);
  g_assert_cmpuint(n_answers(window), ==, 1);
  gtk_widget_activate_action(GTK_WIDGET(window->round), "round.start-over", NULL);
  ax_test_wait(is_playing, window);
  g_assert_cmpuint(number_of(window), ==, 0);
  g_assert_cmpuint(n_answers(window), ==, 0);
  g_assert_cmpuint(ax_marks_get_n(window->round->marks), ==, 0);
  ax_test_wait(keeps_nothing, NULL);
  ax_fixture_close_window(window);
}

/* A round that made itself has no file of its own: it is the last one that was played. */
static void test_last(void) {
  AxMainWindow *window, *other;
  guint seen;

  begin("last");
  window = ax_fixture_new_window("model");
  ax_test_show(GTK_WINDOW(window), 1024, 700);
  gtk_widget_activate_action(GTK_WIDGET(window), "win.round-resume", NULL); /* there is none: a word, and nothing else */
  ax_test_run_for(300);
  g_assert_false(ax_main_window_is_in_round(window));
  g_assert_cmpstr(ax_main_window_get_toast(window), ==, "No round has been begun yet.");
  ax_main_window_make_round(window, ax_fixture.folder, 7);
  ax_test_wait(is_playing, window);
  for (int i = 0; i < 3; i++)
    gtk_widget_activate_action(GTK_WIDGET(window->round), "round.next", NULL);
  seen = number_of(window);
  ax_fixture_close_window(window);
  other = ax_fixture_new_window("model");
  ax_test_show(GTK_WINDOW(other), 1024, 700);
  gtk_widget_activate_action(GTK_WIDGET(other), "win.round-resume", NULL);
  ax_test_wait(is_playing, other);
  g_assert_cmpuint(number_of(other), ==, seen);
  ax_fixture_close_window(other);
}

/* A damaged file costs what it held, not the round. */
static void test_damaged(void) {
  g_autofree char *path = NULL, *folder = NULL;
  AxMainWindow *window;

  begin("damaged");
  path = kept_path();
  folder = g_path_get_dirname(path);
  g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
  g_assert_true(g_file_set_contents(path, "{\"format\": \"anatomix teaching sitting\", \"version\": 1, \"folder\": 7}", -1, NULL));
  window = open_round();
  g_assert_cmpuint(number_of(window), ==, 0);
  g_assert_nonnull(ax_main_window_get_toast(window));
  g_assert_nonnull(strstr(ax_main_window_get_toast(window), "cannot be gone on with"));
  ax_fixture_close_window(window);
}

static void test_clean_up(void) {
  ax_session_file_flush();
  g_unlink(round_path);
  g_clear_pointer(&round_path, g_free);
  g_clear_pointer(&sessions, g_free);
}

int main(int argc, char **argv) {
  static const AxWindowTest tests[] = {
    {"/ui/round-keep/killed", test_killed},
    {"/ui/round-keep/draft", test_draft},
    {"/ui/round-keep/last", test_last},
    {"/ui/round-keep/damaged", test_damaged},
    {"/ui/round-keep/clean-up", test_clean_up},
  };

  return ax_fixture_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
