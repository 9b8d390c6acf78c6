/* What happens to the window from outside: files dropped by another program (XDND from a second client of the display), pictures pasted from another program,
 * the dialog, a broken file, and a kill -9 in the middle of an answer. The other program is this binary with --source FILE, which shows a window to drag FILE from,
 * or the application itself on the session of fake-session.c. */
#include "tests/ui/window-fixture.h"
#include "ui/session-file.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* ---- the other program ---- */

typedef struct {
  GSubprocess *process;
  char *window; /* its X window, as xdotool writes it */
} Other;

static char *find_window(GSubprocess *process) {
  for (int i = 0; i < 100; i++) {
    g_autoptr(GSubprocess) search = g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, NULL, "xdotool", "search", "--all", "--onlyvisible",
                                                     "--pid", g_subprocess_get_identifier(process), "--name", ".", NULL);
    char *out = NULL;

    g_assert_true(g_subprocess_communicate_utf8(search, NULL, NULL, &out, NULL, NULL));
    if (out[0]) {
      out[strcspn(out, "\n")] = '\0';
      return out;
    }
    g_free(out);
    ax_test_run_for(200);
  }
  g_error("the other program shows no window");
}

static Other start(const char *const *argv, const char *sessions, const char *word_ms, const char *place) {
  g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_NONE);
  g_autoptr(GError) error = NULL;
  Other other;

  g_subprocess_launcher_setenv(launcher, "ANATOMIX_SESSIONS", sessions, TRUE);
  g_subprocess_launcher_setenv(launcher, "AX_FAKE_WORD_MS", word_ms, TRUE);
  other.process = g_subprocess_launcher_spawnv(launcher, argv, &error);
  g_assert_no_error(error);
  other.window = find_window(other.process);
  ax_test_xdotool("windowmove %s %s", other.window, place);
  ax_test_run_for(300);
  return other;
}

static Other start_application(const char *path, const char *sessions, const char *word_ms) {
  g_autofree char *binary = g_build_filename(g_getenv("AX_BUILD_ROOT"), "tests", "ui", "anatomix-without-model", NULL);
  const char *argv[] = {binary, path, NULL};

  return start(argv, sessions, word_ms, "0 0");
}

static void stop(Other *other) {
  g_subprocess_send_signal(other->process, SIGKILL);
  g_subprocess_wait(other->process, NULL, NULL);
  g_clear_object(&other->process);
  g_clear_pointer(&other->window, g_free);
}

static void focus(const Other *other) { ax_test_xdotool("windowfocus --sync %s", other->window); }

/* The file of the one session in the folder, or NULL. */
static char *session_path(const char *sessions) {
  g_autoptr(GDir) dir = g_dir_open(sessions, 0, NULL);

  for (const char *name; dir && (name = g_dir_read_name(dir));)
    if (g_str_has_suffix(name, ".json"))
      return g_build_filename(sessions, name, NULL);
  return NULL;
}

static char *session_text(const char *sessions) {
  g_autofree char *path = session_path(sessions);
  char *text = NULL;

  return path && g_file_get_contents(path, &text, NULL, NULL) ? text : g_strdup("");
}

static gboolean session_says(const char *sessions, const char *what) {
  g_autofree char *text = session_text(sessions);

  return strstr(text, what) != NULL;
}

static void wait_for_session(const char *sessions, const char *what) {
  for (int i = 0; i < 150 && !session_says(sessions, what); i++)
    ax_test_run_for(100);
  g_assert_true(session_says(sessions, what));
}

/* ---- kill -9 in the middle of an answer ---- */

static void test_kill(void) {
  g_autofree char *sessions = g_dir_make_tmp("ax-killed-XXXXXX", NULL), *before = NULL, *after = NULL, *path = NULL;
  Other other = start_application(ax_fixture.first, sessions, "250");
  g_autoptr(AxExchange) exchange = NULL;
  AxMainWindow *window;

  focus(&other);
  for (int i = 0; i < 20 && !session_says(sessions, "\"ratio\""); i++) { /* until the boxes are there that the ratio is made of */
    ax_test_xdotool("key c");
    ax_test_run_for(700);
  }
  ax_test_xdotool("key i");
  ax_test_xdotool("key shift+r");
  wait_for_session(sessions, "There is a small left pleural effusion");
  ax_test_xdotool("key q");
  ax_test_xdotool("type why");
  ax_test_xdotool("key Return");
  ax_test_run_for(800); /* three words of its six */
  before = session_text(sessions);
  stop(&other);
  after = session_text(sessions);
  g_assert_cmpstr(before, ==, after);
  g_assert_null(strstr(after, "you asked")); /* it was being answered */

  g_setenv("ANATOMIX_SESSIONS", sessions, TRUE);
  g_setenv("AX_FAKE_DELAY_MS", "600000", TRUE); /* an answer now can only be the kept one */
  ax_fixture.keep_sessions = TRUE;
  window = ax_fixture_open_first();
  ax_fixture.keep_sessions = FALSE;
  g_unsetenv("AX_FAKE_DELAY_MS");
  g_assert_true(ax_viewport_get_inverted(ax_canvas_get_viewport(window->canvas)));
  g_assert_cmpint(ax_marks_get(ax_document_get_marks(window->document), 0)->kind, ==, AX_MARK_RATIO);
  g_assert_cmpuint(g_list_model_get_n_items(ax_asker_get_list(window->asker)), ==, 1);
  exchange = g_list_model_get_item(ax_asker_get_list(window->asker), 0);
  g_assert_cmpint(ax_exchange_get_state(exchange), ==, AX_EXCHANGE_DONE);
  g_assert_cmpuint(ax_exchange_get_n_boxes(exchange), ==, 2);
  g_free(g_steal_pointer(&after));
  after = ax_document_to_session_json(window->document); /* the same state, byte for byte */
  g_assert_cmpstr(after, ==, before);
  ax_fixture_close_window(window);
  ax_session_file_flush();
  path = session_path(sessions);
  g_unlink(path);
  g_rmdir(sessions);
}

/* ---- from another program ---- */

static gboolean is_pasted(gpointer window) { return g_str_equal(ax_document_get_name(AX_MAIN_WINDOW(window)->document), "Pasted image") && ax_fixture_is_answered(window); }

static void test_paste(void) {
  g_autofree char *sessions = g_dir_make_tmp("ax-pasted-XXXXXX", NULL);
  AxMainWindow *window = ax_fixture_new_window("model");
  Other other = start_application(ax_fixture.first, sessions, "5");
  g_autoptr(GFile) file = g_file_new_for_path(ax_fixture.second);

  ax_test_run_for(1000);
  focus(&other);
  ax_test_xdotool("key ctrl+c");
  ax_test_run_for(1500);
  ax_test_show(GTK_WINDOW(window), 900, 700);
  for (int i = 0; i < 10 && !is_pasted(window); i++) { /* the other one draws on a thread */
    ax_test_xdotool("key ctrl+v");
    ax_test_run_for(1000);
  }
  ax_test_wait(is_pasted, window);
  g_assert_null(ax_document_get_path(window->document));
  g_assert_cmpint(ax_image_get_width(ax_document_get_image(window->document)), >, 1000); /* the drawn page */
  stop(&other);
  /* a picture without a file's form, and a file, of this program */
  gdk_clipboard_set_texture(gtk_widget_get_clipboard(GTK_WIDGET(window)), gdk_texture_new_from_file(file, NULL));
  ax_test_xdotool("key ctrl+v");
  for (int i = 0; i < 100 && ax_image_get_width(ax_document_get_image(window->document)) != 400; i++)
    ax_test_run_for(100);
  g_assert_cmpint(ax_image_get_width(ax_document_get_image(window->document)), ==, 400);
  gdk_clipboard_set(gtk_widget_get_clipboard(GTK_WIDGET(window)), G_TYPE_FILE, file);
  ax_test_xdotool("key ctrl+v");
  ax_test_wait(ax_fixture_is_second, window);
  gdk_clipboard_set_text(gtk_widget_get_clipboard(GTK_WIDGET(window)), "no picture");
  ax_test_xdotool("key ctrl+v"); /* a word, and the image stays */
  g_assert_true(ax_fixture_is_second(window));
  ax_fixture_close_window(window);
  g_rmdir(sessions);
}

static void drop(const char *path, AxMainWindow *window) {
  const char *argv[] = {"/proc/self/exe", "--source", path, NULL};
  g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
  Other other;

  argv[0] = self;
  other = start(argv, "/nowhere", "5", "1000 200");
  ax_test_xdotool("mousemove 1060 260 mousedown 1");
  for (int i = 1; i <= 8; i++)
    ax_test_xdotool("mousemove_relative -- -8 0");
  for (int i = 0; i < 4; i++)
    ax_test_point_at(GTK_WIDGET(window->content), 200 + 10 * i, 300);
  ax_test_run_for(300);
  ax_test_xdotool("mouseup 1");
  ax_test_run_for(500);
  stop(&other);
}

static void test_drop(void) {
  AxMainWindow *window = ax_fixture_new_window("model");

  ax_test_show(GTK_WINDOW(window), 900, 700);
  drop(ax_fixture.second, window);
  ax_test_wait(ax_fixture_is_second, window);
  ax_test_wait(ax_fixture_is_answered, window);
  /* a broken file says so and takes nothing with it */
  drop(ax_fixture.broken, window);
  ax_test_wait(ax_fixture_is_failed, window);
  ax_test_run_for(100);
  g_assert_cmpstr(ax_fixture_page(window), ==, "error");
  drop(ax_fixture.first, window);
  ax_test_wait(ax_fixture_is_first, window);
  ax_test_wait(ax_fixture_is_answered, window);
  g_assert_cmpstr(ax_fixture_page(window), ==, "view");
  ax_fixture_close_window(window);
}

/* ---- the dialog ---- */

static gboolean has_chooser(gpointer window) {
  g_autoptr(GList) all = gtk_window_list_toplevels();

  for (GList *l = all; l; l = l->next)
    if (gtk_window_get_transient_for(l->data) == window && gtk_widget_get_mapped(l->data))
      return TRUE;
  return FALSE;
}

static void test_dialog(void) {
  AxMainWindow *window = ax_fixture_open_first();
  g_autoptr(GList) all = NULL;

  ax_test_xdotool("key ctrl+o");
  ax_test_wait(has_chooser, window);
  all = gtk_window_list_toplevels();
  for (GList *l = all; l; l = l->next)
    if (gtk_window_get_transient_for(l->data) == GTK_WINDOW(window))
      ax_test_focus(l->data);
  ax_test_run_for(300);
  ax_test_xdotool("type %s", ax_fixture.second); /* the slash opens the line for a path */
  ax_test_run_for(500);
  for (int i = 0; i < 5 && has_chooser(window); i++) /* the first Return may only take the completed name */
    ax_test_xdotool("key Return");
  ax_test_wait(ax_fixture_is_second, window);
  ax_test_wait(ax_fixture_is_answered, window);
  ax_fixture_close_window(window);
}

/* ---- --source FILE ---- */

G_GNUC_NORETURN static void run_source(const char *path) {
  GtkWidget *window, *label;
  GtkDragSource *source;
  GSList *files = NULL;
  g_autoptr(GdkContentProvider) content = NULL;

  gtk_init();
  window = gtk_window_new();
  label = gtk_label_new("drag");
  source = gtk_drag_source_new();
  files = g_slist_append(files, g_file_new_for_path(path));
  content = gdk_content_provider_new_typed(GDK_TYPE_FILE_LIST, files);
  gtk_drag_source_set_content(source, content);
  gtk_widget_add_controller(label, GTK_EVENT_CONTROLLER(source));
  gtk_window_set_title(GTK_WINDOW(window), "source");
  gtk_window_set_decorated(GTK_WINDOW(window), FALSE);
  gtk_window_set_default_size(GTK_WINDOW(window), 160, 160);
  gtk_window_set_child(GTK_WINDOW(window), label);
  gtk_window_present(GTK_WINDOW(window));
  for (;;)
    g_main_context_iteration(NULL, TRUE);
}

int main(int argc, char **argv) {
  static const AxWindowTest tests[] = {
    {"/ui/stories/kill", test_kill}, {"/ui/stories/paste", test_paste}, {"/ui/stories/drop", test_drop}, {"/ui/stories/dialog", test_dialog},
  };

  if (argc == 3 && g_str_equal(argv[1], "--source"))
    run_source(argv[2]);
  return ax_fixture_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
