/* Teaching rounds in the window under Xvfb, driven by real mouse and key events, on the session of fake-session.c. */
#include "tests/ui/drive.h"
#include "ui/round-editor.h"
#include "ui/round-view-private.h"
#include "ui/window-private.h"

#include "engine/image/png-write.h"
#include <glib/gstdio.h>
#include <string.h>

static GtkApplication *application;
static char *folder;

/* A film of greys with a heart-like light region. */
static void write_film(const char *name, int width, int height) {
  g_autofree guint8 *pixels = g_malloc((gsize)width * height);
  g_autofree char *path = g_build_filename(folder, name, NULL);

  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      pixels[y * width + x] = (guint8)(30 + 120 * y / height + (x > width / 2 && x < width * 3 / 4 && y > height / 2 ? 80 : 0));
  g_assert_true(ax_png_write(path, width, height, 1, 8, pixels, NULL));
}

static void add(AxRound *round, AxRoundCase *c) {
  g_autoptr(GError) error = NULL;

  ax_round_add(round, c, &error);
  g_assert_no_error(error);
}

/* The boxes of fake-session.c on 512 x 600 pixels: 1024ths, halved across. */
static char *write_round(void) {
  g_autoptr(AxRound) round = ax_round_new("A first round");
  char *path = g_build_filename(folder, "round.json", NULL);
  AxRoundCase *c = ax_round_case_new(AX_ROUND_FIND, "film.png");

  c->subject = g_strdup("Heart");
  c->boxes[c->n_boxes++] = (AxBox){202, 269.53, 388, 452.34};
  c->hint = g_strdup("Below the carina.");
  c->explanation = g_strdup("The right atrium makes its right border, the left ventricle its left one.");
  add(round, c);
  c = ax_round_case_new(AX_ROUND_SIDE, "film.png");
  c->has_region = TRUE;
  c->region = (AxBox){282, 84.38, 440, 464.06};
  c->side = AX_ROUND_LEFT;
  c->mirror = TRUE;
  add(round, c);
  c = ax_round_case_new(AX_ROUND_NAME, "film.png");
  c->has_region = TRUE;
  c->region = (AxBox){230, 215.63, 282, 253.13};
  c->names = g_strsplit("Carina", "|", -1);
  add(round, c);
  c = ax_round_case_new(AX_ROUND_IMPRESSION, "film.png");
  c->findings = g_strsplit("left pleural effusion|cardiomegaly", "|", -1);
  add(round, c);
  g_assert_true(ax_round_save(round, path, NULL));
  return path;
}

static gboolean is_loaded(gpointer view) { return ax_round_view_is_loaded(view); }
static gboolean is_silent(gpointer view) { return ax_round_view_is_loaded(view) && !ax_round_view_is_looking(view); }

static gboolean is_compared(gpointer view) {
  const AxRoundEntry *entry = ax_round_player_get_entry(ax_round_view_get_player(view));

  return entry && entry->pairs_kept >= 0;
}

/* What one test left of its round is not what another finds. */
static void forget_sittings(void) {
  static int number;
  g_autofree char *name = g_strdup_printf("rounds-%d", number++), *path = g_build_filename(g_get_user_data_dir(), name, NULL);

  g_setenv("ANATOMIX_SESSIONS", path, TRUE);
}

static AxMainWindow *open_window(const char *path) {
  g_autoptr(AxSession) session = ax_session_new("model");
  AxMainWindow *window = ax_main_window_new(application, session);

  forget_sittings();
  ax_test_show(GTK_WINDOW(window), 1024, 700);
  ax_main_window_open(window, path);
  ax_test_wait(is_loaded, window->round);
  ax_test_run_for(200);
  return window;
}

static void close_window(AxMainWindow *window) {
  g_object_add_weak_pointer(G_OBJECT(window), (gpointer *)&window);
  gtk_window_close(GTK_WINDOW(window));
  for (int i = 0; window && i < 50; i++)
    ax_test_run_for(20);
  g_assert_null(window);
}

static void picture(const char *name) {
  const char *to = g_getenv("AX_SCREENSHOTS");

  if (to) {
    g_autofree char *line = g_strdup_printf("import -window root '%s/round-%s.png'", to, name);

    g_assert_true(g_spawn_command_line_sync(line, NULL, NULL, NULL, NULL));
  }
}

static void drag_box(AxRoundView *view, AxBox box) {
  AxViewport *viewport = ax_canvas_get_viewport(view->canvas);
  double x, y;

  ax_viewport_to_view(viewport, box.x1, box.y1, &x, &y);
  ax_test_point_at(GTK_WIDGET(view->canvas), x, y);
  ax_test_xdotool("mousedown 1");
  ax_viewport_to_view(viewport, (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2, &x, &y);
  ax_test_point_at(GTK_WIDGET(view->canvas), x, y);
  ax_viewport_to_view(viewport, box.x2, box.y2, &x, &y);
  ax_test_point_at(GTK_WIDGET(view->canvas), x, y);
  ax_test_xdotool("mouseup 1");
}

static void assert_says(AxRoundView *view, const char *text) {
  g_autofree char *said = ax_round_view_get_revealed(view);

  if (!strstr(said, text))
    g_error("\"%s\" is not in:\n%s", text, said);
}

static const char *page(AxMainWindow *window) { return gtk_stack_get_visible_child_name(window->content); }
static AxRoundPhase phase(AxRoundView *view) { return ax_round_player_get_phase(ax_round_view_get_player(view)); }

/* Whoever cannot see the icons hears what the controls are. */
static void assert_named(GtkWidget *widget) {
  gboolean button = GTK_IS_BUTTON(widget) && !gtk_button_get_label(GTK_BUTTON(widget));

  if (gtk_widget_get_mapped(widget) && (button || GTK_IS_ENTRY(widget) || GTK_IS_TEXT_VIEW(widget) || GTK_IS_CHECK_BUTTON(widget)))
    g_assert_true(gtk_test_accessible_has_property(GTK_ACCESSIBLE(widget), GTK_ACCESSIBLE_PROPERTY_LABEL));
  for (GtkWidget *child = gtk_widget_get_first_child(widget); child; child = gtk_widget_get_next_sibling(child))
    assert_named(child);
}

/* The learner draws, chooses and types; the answers stay hidden until then. */
static void test_play(void) {
  g_autofree char *path = write_round(), *csv = g_build_filename(folder, "results.csv", NULL), *written = NULL;
  AxMainWindow *window = open_window(path);
  AxRoundView *view = window->round;
  AxRoundTotals totals;

  g_assert_cmpstr(page(window), ==, "round");
  g_assert_cmpstr(adw_window_title_get_title(window->title), ==, "A first round");
  picture("question");
  ax_test_xdotool("key Return"); /* with the tool in hand: places a box in the middle of the view, no answer yet */
  g_assert_cmpint(phase(view), ==, AX_ROUND_ASKING);
  drag_box(view, (AxBox){202, 270, 388, 452});
  g_assert_cmpuint(ax_marks_get_n(view->marks), >=, 1);
  g_assert_cmpuint(ax_round_layer_get_n(view->layer, AX_VOICE_ACCEPTED), ==, 0);
  ax_test_xdotool("key Delete");
  ax_test_xdotool("key d");
  drag_box(view, (AxBox){202, 270, 388, 452});
  g_assert_cmpuint(ax_marks_get_n(view->marks), ==, 1);
  ax_test_xdotool("key h");
  g_assert_true(gtk_widget_get_visible(GTK_WIDGET(view->hint)));
  ax_test_wait(is_silent, view);
  g_assert_cmpuint(ax_round_layer_get_n(view->layer, AX_VOICE_MODEL), ==, 0);
  ax_test_xdotool("key Return");
  g_assert_cmpint(phase(view), ==, AX_ROUND_REVEALED);
  assert_says(view, "Passed: overlap (IoU) 0.9");
  assert_says(view, "Model: 1 box, overlap (IoU) 1.00");
  assert_says(view, "right atrium");
  g_assert_cmpuint(ax_round_layer_get_n(view->layer, AX_VOICE_LEARNER), ==, 1);
  g_assert_cmpuint(ax_round_layer_get_n(view->layer, AX_VOICE_MODEL), ==, 1);
  ax_test_run_for(200);
  picture("revealed");
  /* the mirrored picture: guessed wrongly */
  ax_test_xdotool("key Right");
  ax_test_wait(is_silent, view);
  g_assert_true(ax_viewport_get_mirrored(ax_canvas_get_viewport(view->canvas)));
  ax_test_xdotool("key 2");
  ax_test_run_for(150);
  picture("mirror");
  assert_named(GTK_WIDGET(view));
  g_assert_cmpint(gtk_accessible_get_accessible_role(GTK_ACCESSIBLE(view->canvas)), ==, GTK_ACCESSIBLE_ROLE_IMG);
  g_assert_true(gtk_test_accessible_has_property(GTK_ACCESSIBLE(view->canvas), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION));
  ax_test_xdotool("key Return");
  assert_says(view, "Missed");
  assert_says(view, "Accepted: left");
  assert_says(view, "Model: left (Left lung)");
  ax_test_wait(is_compared, view);
  assert_says(view, "kept the side of 12 of the 12 pairs"); /* the session of the tests follows the pixels */
  picture("mirror-revealed");
  /* the entry has the keys: letters are letters there */
  ax_test_xdotool("key Right");
  ax_test_wait(is_silent, view);
  ax_test_xdotool("type carina");
  ax_test_xdotool("key Return");
  assert_says(view, "Passed");
  ax_test_xdotool("key Right");
  ax_test_wait(is_silent, view);
  assert_named(GTK_WIDGET(view));
  ax_test_xdotool("type 'Cardiomegaly, right effusion'");
  ax_test_xdotool("key ctrl+Return");
  assert_says(view, "Not named: left pleural effusion");
  assert_says(view, "Model: The heart is enlarged. There is a small left pleural effusion."); /* of the language model */
  ax_test_run_for(150);
  picture("impression");
  ax_test_xdotool("key Right");
  g_assert_cmpint(phase(view), ==, AX_ROUND_OVER);
  ax_test_run_for(200);
  picture("results");
  assert_named(GTK_WIDGET(view));
  totals = ax_round_log_totals(ax_round_player_get_log(ax_round_view_get_player(view)));
  g_assert_cmpuint(totals.n_passed, ==, 3);
  g_assert_cmpuint(totals.n_voices, ==, 4);
  g_assert_true(ax_round_view_save_csv(view, csv));
  g_assert_true(g_file_get_contents(csv, &written, NULL, NULL));
  g_assert_nonnull(strstr(written, "\r\n2,case-2,film.png,side,yes,,left,yes,right,0.0000,no,no,"));
  gtk_widget_activate_action(GTK_WIDGET(view), "round.review", NULL);
  g_assert_cmpuint(ax_round_player_get_number(ax_round_view_get_player(view)), ==, 1);
  g_assert_cmpuint(ax_round_player_get_length(ax_round_view_get_player(view)), ==, 1);
  ax_test_xdotool("key Escape");
  g_assert_false(ax_main_window_is_in_round(window));
  g_assert_cmpstr(page(window), ==, "empty");
  close_window(window);
}

/* Large type, and the model waits; then the sitting is replayed from its file by a session that has no model. */
static void test_presenter_and_replay(void) {
  g_autofree char *path = write_round(), *log = g_build_filename(folder, "sitting.json", NULL), *again = g_build_filename(folder, "again.json", NULL);
  g_autofree char *first = NULL, *second = NULL;
  AxMainWindow *window = open_window(path);
  AxRoundView *view = window->round;

  ax_test_xdotool("key p");
  g_assert_true(gtk_widget_has_css_class(GTK_WIDGET(view), "presenter"));
  drag_box(view, (AxBox){150, 250, 300, 452});
  ax_test_wait(is_silent, view);
  ax_test_xdotool("key Return");
  g_assert_cmpint(phase(view), ==, AX_ROUND_HELD);
  assert_says(view, "waits for the key");
  g_assert_cmpuint(ax_round_layer_get_n(view->layer, AX_VOICE_MODEL), ==, 0);
  g_assert_cmpuint(ax_round_layer_get_n(view->layer, AX_VOICE_ACCEPTED), ==, 1);
  ax_test_run_for(200);
  picture("presenter-held");
  ax_test_xdotool("key m");
  g_assert_cmpint(phase(view), ==, AX_ROUND_REVEALED);
  g_assert_cmpuint(ax_round_layer_get_n(view->layer, AX_VOICE_MODEL), ==, 1);
  ax_test_run_for(200);
  picture("presenter-model");
  ax_test_xdotool("key Next"); /* Page Down, as a presenter's remote sends it */
  g_assert_cmpuint(ax_round_player_get_position(ax_round_view_get_player(view)), ==, 1);
  g_assert_true(ax_round_view_save_log(view, log));
  close_window(window);

  {
    g_autoptr(AxSession) session = ax_session_new("missing");

    window = ax_main_window_new(application, session);
  }
  ax_test_show(GTK_WINDOW(window), 1024, 700);
  ax_main_window_open(window, log);
  view = window->round;
  ax_test_wait(is_loaded, view);
  g_assert_cmpuint(ax_round_layer_get_n(view->layer, AX_VOICE_MODEL), ==, 0);
  ax_test_xdotool("key Return");
  assert_says(view, "Missed: overlap (IoU) 0.");
  assert_says(view, "Model: 1 box, overlap (IoU) 1.00");
  g_assert_cmpuint(ax_round_layer_get_n(view->layer, AX_VOICE_MODEL), ==, 1);
  ax_test_run_for(200);
  picture("replay");
  g_assert_true(ax_round_view_save_log(view, again));
  g_assert_true(g_file_get_contents(log, &first, NULL, NULL) && g_file_get_contents(again, &second, NULL, NULL));
  g_assert_cmpstr(first, ==, second);
  close_window(window);
}

static gboolean is_answered(gpointer window) { return ax_document_get_perception(ax_main_window_get_document(window), FALSE) != NULL; }
static gboolean is_playing(gpointer window) { return ax_main_window_is_in_round(window) && ax_round_view_is_loaded(((AxMainWindow *)window)->round); }

static GtkWindow *find_window(GType type) {
  g_autoptr(GList) windows = gtk_window_list_toplevels();

  for (GList *link = windows; link; link = link->next)
    if (G_TYPE_CHECK_INSTANCE_TYPE(link->data, type))
      return link->data;
  g_error("no %s is open", g_type_name(type));
}

/* A teacher adds the open image with the selected structure; a round of the whole folder makes itself. */
static void test_make(void) {
  g_autofree char *film = g_build_filename(folder, "film.png", NULL), *path = g_build_filename(folder, "made.json", NULL), *given = g_build_filename(folder, "film.json", NULL);
  g_autoptr(AxSession) session = ax_session_new("model");
  AxMainWindow *window = ax_main_window_new(application, session);
  g_autoptr(GError) error = NULL;
  g_autoptr(AxRound) round = NULL;
  AxRoundEditor *editor;
  AxRoundCase *c;

  ax_test_show(GTK_WINDOW(window), 1024, 700);
  ax_main_window_open(window, film);
  ax_test_wait(is_answered, window);
  ax_canvas_set_selected(window->canvas, ax_anatomy_find("Heart"));
  ax_test_xdotool("key ctrl+t");
  ax_test_run_for(400);
  editor = AX_ROUND_EDITOR(find_window(AX_TYPE_ROUND_EDITOR));
  ax_test_focus(GTK_WINDOW(editor));
  ax_test_run_for(200);
  picture("editor");
  c = ax_round_editor_get_case(editor);
  g_assert_cmpint(c->task, ==, AX_ROUND_FIND);
  g_assert_cmpuint(c->n_boxes, ==, 1);
  ax_round_case_free(c);
  g_assert_true(ax_round_editor_add_to(editor, path));
  ax_test_focus(GTK_WINDOW(window));
  g_assert_cmpstr(window->round_path, ==, path);
  round = ax_round_load(path, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(ax_round_get_case(round, 0)->subject, ==, ax_anatomy_name((guint)ax_anatomy_find("Heart")));
  g_assert_cmpstr(ax_round_get_case(round, 0)->image, ==, "film.png");
  ax_main_window_make_round(window, folder, 5);
  ax_test_wait(is_playing, window);
  g_assert_cmpuint(ax_round_player_get_length(ax_round_view_get_player(window->round)), ==, 20);
  g_assert_nonnull(ax_round_player_get_log(ax_round_view_get_player(window->round))->round->source);
  ax_test_xdotool("key Right");
  ax_test_wait(is_loaded, window->round);
  ax_test_run_for(200);
  picture("anatomy");
  ax_test_xdotool("key Escape");
  g_assert_true(g_file_set_contents(given, "{\"anatomy\": [{\"index\": 23, \"box\": [200, 220, 240, 260]}]}", -1, NULL));
  ax_main_window_make_round(window, folder, 5); /* with a given box: of that structure alone, and not the model's */
  ax_test_wait(is_playing, window);
  g_assert_null(ax_round_player_get_log(ax_round_view_get_player(window->round))->round->source);
  g_assert_cmpstr(ax_round_player_get_case(ax_round_view_get_player(window->round))->subject, ==, ax_anatomy_name(23));
  g_unlink(given);
  close_window(window);
}

/* Stepping faster than the model and closing during its work: no answer comes to a case to which it does not belong. */
static void test_hurry(void) {
  g_autofree char *path = write_round();
  AxMainWindow *window;
  AxRoundView *view;

  g_setenv("AX_FAKE_DELAY_MS", "400", TRUE);
  window = open_window(path);
  view = window->round;
  for (int i = 0; i < 3; i++)
    gtk_widget_activate_action(GTK_WIDGET(view), "round.next", NULL);
  ax_test_run_for(50);
  gtk_widget_activate_action(GTK_WIDGET(view), "round.leave", NULL);
  g_assert_false(ax_main_window_is_in_round(window));
  forget_sittings();
  ax_main_window_open(window, path);
  ax_test_wait(is_silent, view);
  gtk_widget_activate_action(GTK_WIDGET(view), "round.draw", NULL);
  ax_test_xdotool("key Return"); /* a box in the middle of the view */
  ax_test_xdotool("key ctrl+Return");
  g_assert_cmpint(phase(view), ==, AX_ROUND_REVEALED);
  g_assert_cmpuint(ax_round_layer_get_n(view->layer, AX_VOICE_MODEL), ==, 1);
  for (int i = 0; i < 3; i++) /* to the impression, and to the results while it is looked at */
    gtk_widget_activate_action(GTK_WIDGET(view), "round.next", NULL);
  ax_test_wait(is_loaded, view);
  gtk_widget_activate_action(GTK_WIDGET(view), "round.next", NULL);
  g_assert_cmpint(phase(view), ==, AX_ROUND_OVER);
  ax_test_wait(is_silent, view);
  gtk_widget_activate_action(GTK_WIDGET(view), "round.restart", NULL);
  gtk_widget_activate_action(GTK_WIDGET(view), "round.next", NULL);
  ax_test_wait(is_loaded, view);
  g_assert_true(ax_round_view_is_looking(view));
  close_window(window);
  ax_test_run_for(600);
  g_unsetenv("AX_FAKE_DELAY_MS");
}

/* What cannot be played is said, and the window goes on. */
static void test_broken(void) {
  g_autofree char *path = g_build_filename(folder, "round.json", NULL);
  g_autoptr(AxSession) session = ax_session_new("model");
  AxMainWindow *window = ax_main_window_new(application, session);

  ax_test_show(GTK_WINDOW(window), 1024, 700);
  g_assert_true(g_file_set_contents(path, "{\"format\": \"anatomix teaching round\", \"version\": 9}", -1, NULL));
  ax_main_window_open(window, path);
  ax_test_run_for(200);
  g_assert_false(ax_main_window_is_in_round(window));
  picture("broken");
  ax_test_focus(find_window(ADW_TYPE_MESSAGE_DIALOG));
  ax_test_xdotool("key Escape");
  ax_test_focus(GTK_WINDOW(window));
  g_assert_true(g_file_set_contents(path, "{\"format\": \"anatomix teaching round\", \"version\": 1, \"title\": \"T\", \"cases\": [{\"id\": \"a\", \"image\": \"gone.png\", \"task\": \"impression\"}]}", -1, NULL));
  ax_main_window_open(window, path);
  ax_test_run_for(300);
  g_assert_true(ax_main_window_is_in_round(window)); /* the case is there, its image is not: said, and the next can be gone to */
  g_assert_false(ax_round_view_is_loaded(window->round));
  g_assert_nonnull(strstr(gtk_label_get_text(window->round->problem), "gone.png"));
  picture("missing-image");
  close_window(window);
}

int main(int argc, char **argv) {
  static const char *const files[] = {"film.png", "round.json", "results.csv", "sitting.json", "again.json", "made.json"};
  int status;

  g_test_init(&argc, &argv, NULL);
  application = GTK_APPLICATION(adw_application_new("org.anatomix.Viewer.TestRound", G_APPLICATION_NON_UNIQUE));
  g_application_set_resource_base_path(G_APPLICATION(application), "/org/anatomix/Viewer");
  g_assert_true(g_application_register(G_APPLICATION(application), NULL, NULL));
  folder = g_dir_make_tmp("ax-round-XXXXXX", NULL);
  write_film("film.png", 512, 600);
  g_test_add_func("/ui/round/play", test_play);
  g_test_add_func("/ui/round/presenter-and-replay", test_presenter_and_replay);
  g_test_add_func("/ui/round/make", test_make);
  g_test_add_func("/ui/round/hurry", test_hurry);
  g_test_add_func("/ui/round/broken", test_broken);
  status = g_test_run();
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *path = g_build_filename(folder, files[i], NULL);

    g_unlink(path);
  }
  g_rmdir(folder);
  g_object_unref(application);
  return status;
}
