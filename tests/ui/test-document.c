/* Documents on the session of fake-session.c: what is opened, cancelled, replaced and dropped. */
#include "tests/ui/loop.h"
#include "ui/document.h"

#include "engine/image/png-write.h"
#include <glib/gstdio.h>

static char *folder, *good, *other, *broken;

static char *write_image(const char *name, int width, int height) {
  g_autofree guint8 *pixels = g_malloc((gsize)width * height);
  g_autoptr(GError) error = NULL;
  char *path = g_build_filename(folder, name, NULL);

  for (int i = 0; i < width * height; i++)
    pixels[i] = (i % width) * 255 / width;
  g_assert_true(ax_png_write(path, width, height, 1, 8, pixels, &error));
  g_assert_no_error(error);
  return path;
}

static gboolean is_settled(gpointer document) { return !ax_document_get_busy(document); }

static gboolean is_perceiving(gpointer document) { return ax_document_get_state(document) == AX_DOCUMENT_PERCEIVING; }

typedef struct {
  int loaded, perceived, failed;
  GError *error;
} Counts;

static void on_loaded(AxDocument *document, Counts *counts) { counts->loaded++; }
static void on_perceived(AxDocument *document, gboolean mirrored, Counts *counts) { counts->perceived++; }

static void on_failed(AxDocument *document, GError *error, Counts *counts) {
  counts->failed++;
  g_clear_error(&counts->error);
  counts->error = g_error_copy(error);
}

static AxDocument *new_document(AxSession *session, Counts *counts) {
  AxDocument *document = ax_document_new(session);

  g_signal_connect(document, "loaded", G_CALLBACK(on_loaded), counts);
  g_signal_connect(document, "perceived", G_CALLBACK(on_perceived), counts);
  g_signal_connect(document, "failed", G_CALLBACK(on_failed), counts);
  return document;
}

static void test_open(void) {
  g_autoptr(AxSession) session = ax_session_new("model");
  Counts counts = {0};
  AxDocument *document = new_document(session, &counts);

  g_assert_cmpint(ax_document_get_state(document), ==, AX_DOCUMENT_EMPTY);
  ax_document_open_path(document, good);
  g_assert_cmpint(ax_document_get_state(document), ==, AX_DOCUMENT_LOADING);
  g_assert_cmpstr(ax_document_get_name(document), ==, "good.png");
  ax_test_wait(is_perceiving, document);
  g_assert_cmpint(ax_image_get_width(ax_document_get_image(document)), ==, 200);
  ax_test_wait(is_settled, document);
  g_assert_cmpint(ax_document_get_state(document), ==, AX_DOCUMENT_READY);
  g_assert_nonnull(ax_document_get_perception(document, FALSE));
  g_assert_null(ax_document_get_perception(document, TRUE));
  ax_document_perceive(document, TRUE);
  ax_test_wait(is_settled, document);
  g_assert_true(ax_document_get_perception(document, TRUE)->mirrored);
  ax_document_perceive(document, TRUE); /* is there already */
  g_assert_false(ax_document_get_busy(document));
  g_assert_cmpint(counts.loaded, ==, 1);
  g_assert_cmpint(counts.perceived, ==, 2);
  g_assert_cmpint(counts.failed, ==, 0);
  g_assert_finalize_object(document);
}

static void test_bytes(void) {
  g_autoptr(AxSession) session = ax_session_new("model");
  Counts counts = {0};
  g_autoptr(AxDocument) document = new_document(session, &counts);
  g_autofree char *data = NULL;
  g_autoptr(GBytes) bytes = NULL;
  gsize size;

  g_assert_true(g_file_get_contents(good, &data, &size, NULL));
  bytes = g_bytes_new(data, size);
  ax_document_open_bytes(document, bytes, "clipboard");
  ax_test_wait(is_settled, document);
  g_assert_nonnull(ax_document_get_perception(document, FALSE));
  g_assert_cmpstr(ax_document_get_name(document), ==, "clipboard");
  g_assert_null(ax_document_get_path(document));
}

static void test_errors(void) {
  g_autoptr(AxSession) session = ax_session_new("model");
  g_autoptr(AxSession) no_model = ax_session_new("missing");
  Counts counts = {0};
  g_autoptr(AxDocument) document = new_document(session, &counts);
  g_autoptr(AxDocument) without = new_document(no_model, &counts);

  ax_document_open_path(document, broken);
  ax_test_wait(is_settled, document);
  g_assert_cmpint(ax_document_get_state(document), ==, AX_DOCUMENT_FAILED);
  g_assert_cmpint(counts.failed, ==, 1);
  g_assert_error(counts.error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_NOT_AN_IMAGE);
  g_assert_null(ax_document_get_image(document));
  /* a good file afterwards clears the error */
  ax_document_open_path(document, good);
  ax_test_wait(is_settled, document);
  g_assert_null(ax_document_get_error(document));
  g_assert_nonnull(ax_document_get_perception(document, FALSE));
  /* without a model the image is still shown */
  ax_document_open_path(without, good);
  ax_test_wait(is_settled, without);
  g_assert_cmpint(ax_document_get_state(without), ==, AX_DOCUMENT_READY);
  g_assert_nonnull(ax_document_get_image(without));
  g_assert_error(counts.error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL);
  g_clear_error(&counts.error);
}

static void test_cancel(void) {
  g_autoptr(AxSession) session = ax_session_new("model");
  Counts counts = {0};
  g_autoptr(AxDocument) document = new_document(session, &counts);

  g_setenv("AX_FAKE_DELAY_MS", "400", TRUE);
  ax_document_open_path(document, good);
  ax_document_cancel(document);
  g_assert_cmpint(ax_document_get_state(document), ==, AX_DOCUMENT_EMPTY);
  ax_document_open_path(document, good);
  ax_test_wait(is_perceiving, document);
  ax_document_cancel(document);
  g_assert_cmpint(ax_document_get_state(document), ==, AX_DOCUMENT_READY);
  ax_test_run_for(150);
  g_assert_null(ax_document_get_perception(document, FALSE));
  g_assert_nonnull(ax_document_get_image(document));
  g_assert_cmpint(counts.failed, ==, 0);
  ax_document_perceive(document, FALSE); /* and again */
  ax_test_wait(is_settled, document);
  g_assert_nonnull(ax_document_get_perception(document, FALSE));
  g_unsetenv("AX_FAKE_DELAY_MS");
}

/* Opening another file during the work of the first: only the second counts. */
static void test_replace(void) {
  g_autoptr(AxSession) session = ax_session_new("model");
  Counts counts = {0};
  g_autoptr(AxDocument) document = new_document(session, &counts);

  g_setenv("AX_FAKE_DELAY_MS", "200", TRUE);
  ax_document_open_path(document, good);
  ax_document_open_path(document, other);
  ax_document_open_path(document, good);
  ax_test_wait(is_perceiving, document);
  ax_document_open_path(document, other);
  ax_test_wait(is_settled, document);
  ax_test_run_for(300);
  g_assert_cmpint(ax_image_get_width(ax_document_get_image(document)), ==, 300);
  g_assert_cmpint(ax_document_get_perception(document, FALSE)->width, ==, 300);
  g_assert_cmpint(counts.loaded, ==, 2);
  g_assert_cmpint(counts.perceived, ==, 1);
  g_assert_cmpint(counts.failed, ==, 0);
  g_unsetenv("AX_FAKE_DELAY_MS");
}

/* The document goes while the session is at work for it. */
static void test_drop(void) {
  g_autoptr(AxSession) session = ax_session_new("model");
  Counts counts = {0};

  for (int i = 0; i < 6; i++) {
    AxDocument *document = new_document(session, &counts);

    ax_document_open_path(document, good);
    if (i % 2)
      ax_test_wait(is_perceiving, document);
    g_assert_finalize_object(document); /* during reading, or during perceiving */
  }
  ax_test_run_for(200);
  g_assert_cmpint(counts.failed, ==, 0);
  g_assert_cmpint(counts.perceived, ==, 0);
}

int main(int argc, char **argv) {
  int status;

  g_test_init(&argc, &argv, NULL);
  g_setenv("ANATOMIX_SESSIONS", "/nonexistent", TRUE); /* nothing is kept here */
  folder = g_dir_make_tmp("ax-document-XXXXXX", NULL);
  good = write_image("good.png", 200, 240);
  other = write_image("other.png", 300, 200);
  broken = g_build_filename(folder, "broken.png", NULL);
  g_file_set_contents(broken, "this is no image, but a sentence that is long enough", -1, NULL);
  g_test_add_func("/ui/document/open", test_open);
  g_test_add_func("/ui/document/bytes", test_bytes);
  g_test_add_func("/ui/document/errors", test_errors);
  g_test_add_func("/ui/document/cancel", test_cancel);
  g_test_add_func("/ui/document/replace", test_replace);
  g_test_add_func("/ui/document/drop", test_drop);
  status = g_test_run();
  g_unlink(good);
  g_unlink(other);
  g_unlink(broken);
  g_rmdir(folder);
  return status;
}
