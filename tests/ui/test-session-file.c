/* Session files: what goes in comes out, what is broken is refused, writing is whole or not at all. */
#include "ui/session-file.h"

#include "tests/ui/loop.h"
#include "ui/document.h"
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static AxPerception *answer;

static void on_answer(GObject *source, GAsyncResult *result, gpointer data) { answer = ax_session_perceive_finish(AX_SESSION(source), result, NULL); }
static gboolean has_answer(gpointer data) { return answer != NULL; }

static AxImage *make_image(void) {
  guint8 pixels[64 * 48] = {0};

  return ax_image_new_from_u8(64, 48, pixels, AX_IMAGE_ORIGIN_FLOAT, NULL);
}

static AxSessionState *make_state(void) {
  AxSessionState *state = ax_session_state_new();
  const AxMark marks[] = {
    {.kind = AX_MARK_LENGTH, .points = {{1.25, 2}, {1.0 / 3, 40.125}}},
    {.kind = AX_MARK_RATIO, .points = {{1, 2}, {3, 2}, {0, 5}, {60, 5}}},
  };

  state->image_name = g_strdup("a \"name\" with Ä.png");
  state->image_path = g_strdup("/somewhere/a.png");
  state->image_sha256 = g_strdup("00ff");
  state->image_width = 64;
  state->image_height = 48;
  state->has_view = TRUE;
  state->view = (AxViewState){.window_center = 100.5, .window_width = 77.25, .inverted = TRUE, .rotation = 270, .zoom = 1.75, .center_x = 3, .center_y = 4};
  g_array_append_vals(state->marks, marks, G_N_ELEMENTS(marks));
  state->calibration = 0.1435;
  state->perceptions[0] = ax_perception_ref(answer);
  state->model_name = g_strdup("m");
  state->model_sha256 = g_strdup("abc");
  return state;
}

/* Written, read and written again, the text is the same; numbers are exact. */
static void test_round_trip(void) {
  g_autoptr(AxSessionState) state = make_state(), back = NULL;
  g_autofree char *text = ax_session_state_to_json(state), *again = NULL;
  g_autoptr(GError) error = NULL;
  const AxMark *mark;

  back = ax_session_state_from_json(text, -1, &error);
  g_assert_no_error(error);
  again = ax_session_state_to_json(back);
  g_assert_cmpstr(text, ==, again);
  g_assert_cmpuint(back->marks->len, ==, 2);
  mark = &g_array_index(back->marks, AxMark, 0);
  g_assert_cmpfloat(mark->points[1].x, ==, 1.0 / 3);
  g_assert_cmpfloat(back->view.window_width, ==, 77.25);
  g_assert_cmpint(back->view.rotation, ==, 270);
  g_assert_cmpfloat(back->calibration, ==, 0.1435);
  g_assert_cmpuint(back->perceptions[0]->n_findings, ==, answer->n_findings);
  /* perceive --json keeps two decimals of a box and four of a similarity: half a unit of them is the error */
  g_assert_cmpfloat_with_epsilon(back->perceptions[0]->anatomy[11].box.x1, answer->anatomy[11].box.x1, 0.005 + 1e-9);
  g_assert_cmpfloat_with_epsilon(back->perceptions[0]->anatomy[7].retrieved[0].score, answer->anatomy[7].retrieved[0].score, 0.00005 + 1e-9);
  g_assert_cmpstr(back->perceptions[0]->anatomy[7].retrieved[1].sentence, ==, answer->anatomy[7].retrieved[1].sentence);
}

/* Every way to be wrong ends in a message or in less, never in a crash. */
static void test_hostile(void) {
  g_autoptr(AxSessionState) state = make_state();
  g_autofree char *text = ax_session_state_to_json(state), *deep = g_strnfill(200000, '[');
  static const char *const bad[] = {"", "{", "[]", "null", "{\"format\":\"anatomix-viewer session\",\"version\":2}", "{\"format\":3,\"version\":1}"};
  gsize length = strlen(text);

  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;

    g_assert_null(ax_session_state_from_json(bad[i], -1, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  }
  g_assert_null(ax_session_state_from_json(deep, -1, NULL));
  for (int i = 0; i < 3000; i++) { /* cut, and with bytes replaced */
    g_autofree char *copy = g_memdup2(text, length + 1);
    gsize n = i % 3 ? length : (gsize)g_test_rand_int_range(0, (int)length);
    g_autoptr(AxSessionState) back = NULL;

    for (int k = 0; k < 3; k++)
      copy[g_test_rand_int_range(0, (int)length)] = "0-9.eE[]{}\",:ntx"[g_test_rand_int_range(0, 16)];
    back = ax_session_state_from_json(copy, (gssize)n, NULL);
    for (guint m = 0; back && m < back->marks->len; m++) {
      AxMark *mark = &g_array_index(back->marks, AxMark, m);

      g_assert_cmpuint(mark->kind, <, AX_N_MARK_KINDS);
      for (guint p = 0; p < ax_mark_n_points(mark->kind); p++)
        g_assert_true(isfinite(mark->points[p].x) && isfinite(mark->points[p].y));
    }
  }
}

static void test_write(void) {
  g_autofree char *path = ax_session_file_path("abc"), *text = NULL;
  GStatBuf info;

  for (int i = 0; i < 50; i++)
    ax_session_file_write(path, g_strdup_printf("text %d", i));
  ax_session_file_flush();
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  g_assert_cmpstr(text, ==, "text 49"); /* in order: the last one stays */
  g_assert_cmpint(g_stat(path, &info), ==, 0);
  g_assert_cmpint(info.st_mode & 077, ==, 0); /* for nobody else's eyes */
}

static gboolean is_loaded(gpointer document) { return ax_document_get_image(document) != NULL; }
static gboolean has_perception(gpointer document) { return ax_document_get_perception(document, FALSE) != NULL; }

static gboolean file_says(gpointer data) {
  g_autofree char *text = NULL;

  return g_file_get_contents(data, &text, NULL, NULL) && strstr(text, "\"length\"") != NULL;
}

static GBytes *image_bytes(void) {
  g_autofree char *path = g_build_filename(g_getenv("AX_SOURCE_ROOT"), "data", "samples", "normal.png", NULL), *contents = NULL;
  gsize length;

  g_assert_true(g_file_get_contents(path, &contents, &length, NULL));
  return g_bytes_new_take(g_steal_pointer(&contents), length);
}

/* A reader draws and the machine goes: kill -9, at a moment that nobody chose. What was drawn a second ago is there. */
static void test_killed(void) {
  g_autoptr(GBytes) bytes = image_bytes();
  g_autofree char *sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes), *path = ax_session_file_path(sha256);
  g_autoptr(AxSession) session = ax_session_new("model");
  g_autoptr(AxDocument) document = NULL;
  pid_t child;

  ax_session_file_flush();
  child = fork();
  if (child == 0) { /* threads of the parent are not here; the child's own pools start anew with its document */
    execl("/proc/self/exe", "test-ui-session-file", "--draw", NULL);
    _exit(1);
  }
  ax_test_wait(file_says, path);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  document = ax_document_new(session);
  ax_document_open_bytes(document, bytes, "normal.png");
  ax_test_wait(is_loaded, document);
  g_assert_cmpuint(ax_marks_get_n(ax_document_get_marks(document)), ==, 1);
  g_assert_cmpfloat(ax_marks_get(ax_document_get_marks(document), 0)->points[1].x, ==, 333);
  g_unlink(path);
}

/* The victim: draws, moves and goes on. */
static int draw(void) {
  g_autoptr(GBytes) bytes = image_bytes();
  g_autoptr(AxSession) session = ax_session_new("model");
  g_autoptr(AxDocument) document = ax_document_new(session);
  AxMark mark = {.kind = AX_MARK_LENGTH, .points = {{10, 20}, {333, 40}}};

  ax_document_open_bytes(document, bytes, "normal.png");
  ax_test_wait(is_loaded, document);
  ax_test_wait(has_perception, document);
  ax_marks_add(ax_document_get_marks(document), &mark);
  ax_test_run_for(30000);
  return 1;
}

/* An image that was only looked at leaves no file. */
static void test_no_trace(void) {
  g_autoptr(GBytes) bytes = image_bytes();
  g_autofree char *sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes), *path = ax_session_file_path(sha256);
  g_autoptr(AxSession) session = ax_session_new("model");
  AxDocument *document = ax_document_new(session);

  ax_document_open_bytes(document, bytes, "normal.png");
  ax_test_wait(has_perception, document);
  ax_test_run_for(500);
  g_assert_finalize_object(document);
  ax_session_file_flush();
  g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

int main(int argc, char **argv) {
  g_autoptr(AxSession) session = NULL;
  g_autoptr(AxImage) image = make_image();
  g_autofree char *folder = NULL;
  int status;

  if (argc > 1 && g_str_equal(argv[1], "--draw"))
    return draw();
  g_test_init(&argc, &argv, NULL);
  folder = g_dir_make_tmp("ax-sessions-XXXXXX", NULL);
  g_setenv("ANATOMIX_SESSIONS", folder, TRUE);
  session = ax_session_new("model");
  ax_session_perceive_async(session, image, FALSE, NULL, NULL, NULL, on_answer, NULL);
  ax_test_wait(has_answer, NULL);
  g_test_add_func("/ui/session-file/round-trip", test_round_trip);
  g_test_add_func("/ui/session-file/hostile", test_hostile);
  g_test_add_func("/ui/session-file/write", test_write);
  g_test_add_func("/ui/session-file/no-trace", test_no_trace);
  g_test_add_func("/ui/session-file/killed", test_killed);
  status = g_test_run();
  ax_session_file_flush();
  return status;
}
