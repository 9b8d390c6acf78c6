/* What leaves the program: vector boxes, the model's name and hash, the caution, and no names or dates when they are to be left out. */
#include "ui/export.h"

#include "tests/ui/loop.h"
#include "ui/asker.h"
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <stdlib.h>
#include <string.h>

static AxSession *session;
static AxDocument *document;
static AxViewport *viewport;
static AxVisibility *visibility;
static char *folder;

static gboolean has_perception(gpointer data) { return ax_document_get_perception(document, FALSE) != NULL; }

static void set_up(void) {
  g_autofree char *path = g_build_filename(g_getenv("AX_SOURCE_ROOT"), "data", "samples", "normal.png", NULL);
  AxMark mark = {.kind = AX_MARK_LENGTH, .points = {{100, 100}, {400, 500}}};

  document = ax_document_new(session);
  ax_document_open_path(document, path);
  ax_test_wait(has_perception, NULL);
  ax_marks_add(ax_document_get_marks(document), &mark);
  viewport = ax_viewport_new();
  ax_viewport_set_image_size(viewport, 1024, 1024);
  ax_viewport_set_window(viewport, 128, 256);
  visibility = ax_visibility_new();
}

static char *write_file(gboolean (*write)(AxExport *, const char *, GError **), const char *name, gboolean anonymous, gsize *length) {
  g_autofree char *path = g_build_filename(folder, name, NULL);
  g_autoptr(AxExport) export = ax_export_new(document, ax_session_get_model(session), viewport, visibility, anonymous);
  g_autoptr(GError) error = NULL;
  char *contents;

  g_assert_true(write(export, path, &error));
  g_assert_no_error(error);
  g_assert_true(g_file_get_contents(path, &contents, length, NULL));
  g_unlink(path);
  return contents;
}

static gboolean contains(const char *data, gsize length, const char *text) { return memmem(data, length, text, strlen(text)) != NULL; }

static void test_json(void) {
  gsize length;
  g_autofree char *open = write_file(ax_export_write_json, "a.json", FALSE, &length);
  g_autofree char *closed = write_file(ax_export_write_json, "b.json", TRUE, &length);
  g_autoptr(JsonNode) root = json_from_string(open, NULL);

  g_assert_cmpstr(json_object_get_string_member(json_object_get_object_member(json_node_get_object(root), "model"), "sha256"), ==,
                  ax_model_sha256(ax_session_get_model(session)));
  g_assert_nonnull(strstr(open, "ot for clinical use"));
  g_assert_nonnull(strstr(open, "normal.png"));
  g_assert_nonnull(strstr(open, "exported"));
  g_assert_nonnull(strstr(open, "500 pixels"));
  g_assert_null(strstr(closed, "normal"));
  g_assert_null(strstr(closed, "exported"));
  g_assert_nonnull(strstr(closed, "ot for clinical use"));
}

/* Streams of a PDF are deflated; what the information dictionary says is not. The two pages hold one image and hundreds of strokes. */
static void test_pdf(void) {
  gsize length, closed_length;
  g_autofree char *open = write_file(ax_export_write_pdf, "a.pdf", FALSE, &length);
  g_autofree char *closed = write_file(ax_export_write_pdf, "b.pdf", TRUE, &closed_length);

  g_assert_true(g_str_has_prefix(open, "%PDF-"));
  g_assert_true(contains(open, length, "normal.png"));
  g_assert_true(contains(open, length, "/CreationDate"));
  g_assert_true(contains(open, length, "/Count 2"));
  g_assert_false(contains(closed, closed_length, "normal"));
  g_assert_false(contains(closed, closed_length, "/CreationDate"));
}

static gboolean is_quiet(gpointer asker) { return !ax_asker_get_busy(asker); }

/* What was asked gets its pages, as many as it needs; in JSON it is there word for word. */
static void test_answers(void) {
  g_autoptr(AxAsker) asker = ax_asker_new(document, session);
  gsize length;
  g_autofree char *pdf = NULL, *json = NULL;
  const char *pages;

  for (int i = 0; i < 30; i++)
    ax_asker_ask(asker, AX_TASK_REPORT, NULL, NULL, 0, NULL);
  ax_test_wait(is_quiet, asker);
  pdf = write_file(ax_export_write_pdf, "a.pdf", TRUE, &length);
  pages = memmem(pdf, length, "/Count ", 7);
  g_assert_nonnull(pages);
  g_assert_cmpint(atoi(pages + 7), >, 3); /* 120 lines and headings do not fit on one */
  json = write_file(ax_export_write_json, "a.json", TRUE, &length);
  g_assert_nonnull(strstr(json, "small left pleural effusion"));
}

/* The picture is there, the boxes are drawn where they lie, and hiding them takes them away. */
static void test_png(void) {
  guint32 sums[2];

  for (int hidden = 0; hidden < 2; hidden++) {
    g_autoptr(AxExport) export = NULL;
    cairo_surface_t *surface;
    guint colored = 0;

    ax_visibility_set_all(visibility, !hidden);
    export = ax_export_new(document, ax_session_get_model(session), viewport, visibility, TRUE);
    surface = ax_export_draw(export, NULL);
    g_assert_nonnull(surface);
    for (int y = 0; y < cairo_image_surface_get_height(surface); y++)
      for (int x = 0; x < cairo_image_surface_get_width(surface) * 2 / 3; x++) {
        guint32 p = ((guint32 *)(void *)(cairo_image_surface_get_data(surface) + (gsize)y * cairo_image_surface_get_stride(surface)))[x];
        int r = p >> 16 & 255, g = p >> 8 & 255, b = p & 255;

        colored += MAX(MAX(r, g), b) - MIN(MIN(r, g), b) > 30;
      }
    sums[hidden] = colored;
    cairo_surface_destroy(surface);
  }
  ax_visibility_set_all(visibility, TRUE);
  g_assert_cmpuint(sums[0], >, 5000);
  g_assert_cmpuint(sums[1], ==, 0);
}

static void test_unwritable(void) {
  g_autoptr(AxExport) export = ax_export_new(document, NULL, viewport, visibility, TRUE);
  g_autoptr(GError) error = NULL;

  g_assert_false(ax_export_write_pdf(export, "/nonexistent/a.pdf", &error));
  g_assert_nonnull(error);
  g_clear_error(&error);
  g_assert_false(ax_export_write_png(export, "/nonexistent/a.png", &error));
  g_assert_nonnull(error);
}

int main(int argc, char **argv) {
  int status;

  g_test_init(&argc, &argv, NULL);
  folder = g_dir_make_tmp("ax-export-XXXXXX", NULL);
  g_setenv("ANATOMIX_SESSIONS", folder, TRUE);
  session = ax_session_new("model");
  set_up();
  g_test_add_func("/ui/export/json", test_json);
  g_test_add_func("/ui/export/pdf", test_pdf);
  g_test_add_func("/ui/export/png", test_png);
  g_test_add_func("/ui/export/answers", test_answers);
  g_test_add_func("/ui/export/unwritable", test_unwritable);
  status = g_test_run();
  return status;
}
