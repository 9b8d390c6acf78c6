/* The window under Xvfb, driven by real mouse and key events, on the session of fake-session.c: what is compared, asked, kept and found again. */
#include "tests/ui/window-fixture.h"
#include "ui/session-file.h"

static void test_mirror(void) {
  AxMainWindow *window = ax_fixture_open_first();
  AxViewport *plain = ax_canvas_get_viewport(ax_mirror_view_get_canvas(window->mirror_view, FALSE));
  AxViewport *mirrored = ax_canvas_get_viewport(ax_mirror_view_get_canvas(window->mirror_view, TRUE));
  GtkWidget *canvas = GTK_WIDGET(ax_mirror_view_get_canvas(window->mirror_view, TRUE));
  double x, y, px, py;
  AxBox plain_box, mirrored_box;

  ax_test_xdotool("key m");
  ax_test_wait(ax_fixture_is_mirrored, window);
  ax_test_run_for(300);
  g_assert_cmpstr(ax_fixture_page(window), ==, "mirror");
  /* linked zoom: what lies at the pointer of the right picture stays there, and the left picture has the same zoom and centre */
  ax_test_point_at(canvas, 100, 200);
  ax_viewport_to_image(mirrored, 100, 200, &x, &y);
  ax_test_xdotool("click 4 click 4");
  ax_viewport_to_view(mirrored, x, y, &px, &py);
  g_assert_cmpfloat_with_epsilon(px, 100, 0.42);
  g_assert_cmpfloat(ax_viewport_get_zoom(plain), ==, ax_viewport_get_zoom(mirrored));
  g_assert_cmpfloat(ax_viewport_get_center_x(plain), ==, ax_viewport_get_center_x(mirrored));
  g_assert_true(ax_viewport_get_mirrored(mirrored));
  g_assert_false(ax_viewport_get_mirrored(plain));
  /* the mirrored answer, mirrored back, lies where the plain one lies but for the shift of fake-session.c, 10 of 1024 */
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    ax_box_layer_get_box(ax_canvas_get_box_layer(ax_mirror_view_get_canvas(window->mirror_view, FALSE)), i, &plain_box);
    ax_box_layer_get_box(ax_canvas_get_box_layer(ax_mirror_view_get_canvas(window->mirror_view, TRUE)), i, &mirrored_box);
    g_assert_cmpfloat_with_epsilon(mirrored_box.x1 - plain_box.x1, 512 * 10 / 1024.0, 1e-9);
  }
  ax_mirror_view_select_pair(window->mirror_view, 5); /* the lungs */
  g_assert_cmpint(ax_canvas_get_selected(AX_CANVAS(canvas)), ==, ax_anatomy_find("Left lung"));
  ax_test_xdotool("key Escape");
  g_assert_cmpint(ax_mirror_view_get_selected_pair(window->mirror_view), ==, -1);
  ax_test_xdotool("key m");
  ax_test_run_for(200);
  g_assert_cmpstr(ax_fixture_page(window), ==, "view");
  ax_fixture_close_window(window);
}

static gboolean has_prior(gpointer window) { return ax_document_get_perception(AX_MAIN_WINDOW(window)->prior, FALSE) != NULL; }
static gboolean has_strip(gpointer window) { return ax_film_strip_get_n_drawn(AX_MAIN_WINDOW(window)->strip) >= 2; }
static gboolean is_swapped(gpointer window) { return ax_fixture_is_second(window) && ax_fixture_is_answered(window) && has_prior(window); }

/* Two images side by side: linked zoom, marks on the one that has the keys, exchanged; chosen from the film strip. */
static void test_compare(void) {
  AxMainWindow *window = ax_fixture_open_first();
  AxViewport *current = ax_canvas_get_viewport(window->canvas), *prior = ax_canvas_get_viewport(window->prior_canvas);
  GtkWidget *list;

  ax_test_focus(GTK_WINDOW(window));
  for (int i = 0; i < 5 && !gtk_revealer_get_reveal_child(window->strip_revealer); i++) /* a key that comes before the focus is nobody's */
    ax_test_xdotool("key t");
  ax_test_wait(has_strip, window);
  g_assert_cmpuint(ax_film_strip_get_n(window->strip), ==, 2);
  list = ax_fixture_find_row(GTK_WIDGET(window->strip), GTK_TYPE_PICTURE, 0);
  g_assert_nonnull(list);
  list = gtk_widget_get_next_sibling(gtk_widget_get_parent(gtk_widget_get_parent(list))); /* the second film */
  /* The strip slides in, on a busy machine for longer than a fixed time: until the film is there, a click may miss it. */
  for (int i = 0; i < 10 && !has_prior(window); i++) {
    ax_test_run_for(300);
    ax_test_point_at(list, 40, 40);
    ax_test_xdotool("click 3");
    ax_test_run_for(700);
  }
  ax_test_wait(has_prior, window);
  ax_test_run_for(200);
  g_assert_true(gtk_widget_get_mapped(GTK_WIDGET(window->prior_canvas)));
  ax_test_point_at(GTK_WIDGET(window->canvas), 150, 150);
  ax_test_xdotool("click 4 click 4");
  g_assert_cmpfloat_with_epsilon(ax_viewport_get_zoom(current) / ax_viewport_get_fit_zoom(current), ax_viewport_get_zoom(prior) / ax_viewport_get_fit_zoom(prior), 1e-9);
  /* a caliper on the prior image is the prior image's, and its undo too */
  ax_test_xdotool("key l");
  ax_test_point_at(GTK_WIDGET(window->prior_canvas), 100, 150);
  ax_test_xdotool("mousedown 1 mousemove_relative 40 0 mousemove_relative 40 0 mouseup 1");
  g_assert_cmpuint(ax_marks_get_n(ax_document_get_marks(window->prior)), ==, 1);
  g_assert_cmpuint(ax_marks_get_n(ax_document_get_marks(window->document)), ==, 0);
  g_assert_cmpint(ax_mark_tool_get_tool(ax_canvas_get_tool(window->canvas)), ==, AX_TOOL_SELECT);
  ax_test_xdotool("key ctrl+z");
  g_assert_cmpuint(ax_marks_get_n(ax_document_get_marks(window->prior)), ==, 0);
  ax_test_xdotool("key g i"); /* each for itself now */
  g_assert_true(ax_viewport_get_inverted(prior));
  g_assert_false(ax_viewport_get_inverted(current));
  ax_test_xdotool("key x");
  ax_test_wait(is_swapped, window);
  g_assert_cmpstr(ax_document_get_name(window->prior), ==, "first.png");
  gtk_widget_activate_action(GTK_WIDGET(window), "win.close-prior", NULL);
  ax_test_run_for(100);
  g_assert_false(gtk_widget_get_mapped(GTK_WIDGET(window->prior_canvas)));
  gtk_widget_activate_action(GTK_WIDGET(window), "win.film-strip", NULL);
  gtk_widget_activate_action(GTK_WIDGET(window), "win.link-views", NULL);
  /* a folder is its first image */
  ax_main_window_open(window, ax_fixture.folder);
  ax_test_wait(ax_fixture_is_first, window);
  ax_test_wait(ax_fixture_is_answered, window);
  ax_fixture_close_window(window);
}

/* What is drawn is there again, in another window, with the view and the answer, which is not asked for again. */
static void test_reopen(void) {
  AxMainWindow *window = ax_fixture_open_first();
  AxViewport *viewport;
  AxMark before;
  double width;

  ax_test_xdotool("key i r");
  ax_test_xdotool("key c");
  before = *ax_marks_get(ax_document_get_marks(window->document), 0);
  ax_viewport_set_window(ax_canvas_get_viewport(window->canvas), 77, 55);
  width = ax_viewport_get_window_width(ax_canvas_get_viewport(window->canvas));
  ax_fixture_close_window(window);
  ax_session_file_flush();
  ax_fixture.keep_sessions = TRUE;
  g_setenv("AX_FAKE_DELAY_MS", "600000", TRUE); /* an answer now can only be the kept one */
  window = ax_fixture_open_first();
  g_unsetenv("AX_FAKE_DELAY_MS");
  ax_fixture.keep_sessions = FALSE;
  viewport = ax_canvas_get_viewport(window->canvas);
  g_assert_true(ax_viewport_get_inverted(viewport));
  g_assert_cmpint(ax_viewport_get_rotation(viewport), ==, 90);
  g_assert_cmpfloat(ax_viewport_get_window_width(viewport), ==, width);
  g_assert_cmpuint(ax_marks_get_n(ax_document_get_marks(window->document)), ==, 1);
  for (int i = 0; i < 4; i++)
    g_assert_cmpfloat(ax_marks_get(ax_document_get_marks(window->document), 0)->points[i].x, ==, before.points[i].x);
  g_assert_cmpint(ax_document_get_state(window->document), ==, AX_DOCUMENT_READY);
  ax_fixture_close_window(window);
}

/* A row of question and result for each, none of them waiting. */
static gboolean is_text_compared(gpointer window) {
  GtkWidget *texts = ax_mirror_view_get_texts(AX_MAIN_WINDOW(window)->mirror_view), *last = gtk_widget_get_last_child(texts);

  return last && !g_str_equal(gtk_label_get_text(GTK_LABEL(last)), "Waiting for the model");
}

static AxExchange *exchange_at(AxMainWindow *window, guint i) {
  g_autoptr(AxExchange) exchange = g_list_model_get_item(ax_asker_get_list(window->asker), i);

  return exchange; /* the list holds it */
}

static gboolean is_quiet(gpointer window) { return !ax_asker_get_busy(AX_MAIN_WINDOW(window)->asker); }
static gboolean is_speaking(gpointer window) { return ax_exchange_get_plain(exchange_at(window, g_list_model_get_n_items(ax_asker_get_list(AX_MAIN_WINDOW(window)->asker)) - 1))[0] != 0; }

/* Whether a label somewhere in it begins with these words. */
static gboolean says(GtkWidget *widget, const char *words) {
  if (GTK_IS_LABEL(widget) && g_str_has_prefix(gtk_label_get_text(GTK_LABEL(widget)), words))
    return TRUE;
  for (GtkWidget *child = gtk_widget_get_first_child(widget); child; child = gtk_widget_get_next_sibling(child))
    if (says(child, words))
      return TRUE;
  return FALSE;
}

/* A case is read: report, sentences that light their boxes and the reverse, a verdict; a region described; a phrase that is not there; a question
 * stopped in the middle. All of it is there again in another window. */
static void test_ask(void) {
  AxMainWindow *window = ax_fixture_open_first();
  AxAnswerLayer *layer = ax_canvas_get_answer_layer(window->canvas);
  AxExchangeView *view;
  AxReason reason;

  ax_test_xdotool("key shift+r");
  g_assert_cmpstr(gtk_stack_get_visible_child_name(window->panel), ==, "ask");
  ax_test_wait(is_quiet, window);
  ax_test_run_for(150);
  view = ax_ask_panel_find_view(window->ask_panel, exchange_at(window, 0));
  g_assert_cmpuint(ax_answer_layer_get_n_shown(layer), ==, 2);
  ax_test_point_at(ax_exchange_view_get_row(view, 1), 20, 8);
  ax_test_run_for(50);
  g_assert_cmpuint(ax_answer_layer_get_n_lit(layer), ==, 1);
  g_assert_cmpint(ax_canvas_get_hovered(window->canvas), ==, ax_anatomy_find("Left costodiaphragmatic recess"));
  ax_fixture_point_at_structure(window, "Heart", 0.5, 0.5); /* the reverse: whatever is hovered there is marked where it is named */
  ax_canvas_set_hovered(window->canvas, ax_anatomy_find("Heart"));
  g_assert_true(gtk_widget_has_css_class(ax_exchange_view_get_row(view, 0), "hovered"));
  g_assert_false(gtk_widget_has_css_class(ax_exchange_view_get_row(view, 1), "hovered"));
  /* what the boxes say against a sentence stands beside it */
  ax_exchange_get_answer(exchange_at(window, 0))->sentences[0].heart_ratio = 0.57;
  ax_exchange_set_verdict(exchange_at(window, 0), 1, AX_VERDICT_REJECTED, AX_REASON_SEVERITY, NULL);
  g_assert_true(says(ax_exchange_view_get_row(view, 0), "cardiothoracic ratio measured from the boxes: 0.57"));
  g_assert_false(says(ax_exchange_view_get_row(view, 1), "cardiothoracic ratio measured"));
  /* a region without a box, then with one */
  ax_test_focus(GTK_WINDOW(window));
  gtk_widget_grab_focus(GTK_WIDGET(window->canvas));
  ax_test_xdotool("key shift+d");
  g_assert_cmpuint(g_list_model_get_n_items(ax_asker_get_list(window->asker)), ==, 1); /* a word instead */
  ax_test_xdotool("key d Return shift+d");
  ax_test_wait(is_quiet, window);
  g_assert_cmpuint(g_list_model_get_n_items(ax_asker_get_list(window->asker)), ==, 2);
  g_assert_cmpuint(ax_answer_layer_get_n_shown(layer), ==, 1);
  /* a phrase, typed; nothing is found, and it says so */
  ax_test_xdotool("key slash");
  ax_test_xdotool("type unicorn");
  ax_test_xdotool("key Return");
  ax_test_wait(is_quiet, window);
  g_assert_true(ax_exchange_get_answer(exchange_at(window, 2))->nothing);
  g_assert_cmpuint(ax_answer_layer_get_n_shown(layer), ==, 0);
  /* a question, stopped by Escape: what was said stays */
  g_setenv("AX_FAKE_WORD_MS", "900", TRUE);
  gtk_widget_grab_focus(GTK_WIDGET(window->canvas));
  ax_test_xdotool("key q");
  ax_test_xdotool("type why");
  ax_test_xdotool("key Return");
  ax_test_wait(is_speaking, window);
  gtk_widget_grab_focus(GTK_WIDGET(window->canvas));
  ax_test_xdotool("key Escape");
  ax_test_wait(is_quiet, window);
  g_unsetenv("AX_FAKE_WORD_MS");
  g_assert_cmpint(ax_exchange_get_state(exchange_at(window, 3)), ==, AX_EXCHANGE_CANCELLED);
  /* all of it again on the mirrored pixels */
  ax_test_xdotool("key m");
  ax_test_wait(ax_fixture_is_mirrored, window);
  gtk_widget_activate_action(GTK_WIDGET(window), "win.mirror-text", NULL);
  ax_test_wait(is_text_compared, window);
  ax_test_xdotool("key m");
  ax_fixture_close_window(window);
  ax_session_file_flush();
  ax_fixture.keep_sessions = TRUE;
  window = ax_fixture_open_first();
  ax_fixture.keep_sessions = FALSE;
  g_assert_cmpuint(g_list_model_get_n_items(ax_asker_get_list(window->asker)), ==, 4);
  g_assert_cmpint(ax_exchange_get_verdict(exchange_at(window, 0), 1, &reason, NULL), ==, AX_VERDICT_REJECTED);
  g_assert_cmpint(reason, ==, AX_REASON_SEVERITY);
  g_assert_cmpfloat(ax_exchange_get_answer(exchange_at(window, 0))->sentences[0].heart_ratio, ==, 0.57);
  g_assert_true(says(GTK_WIDGET(window->ask_panel), "cardiothoracic ratio measured from the boxes: 0.57"));
  g_assert_cmpuint(ax_exchange_get_n_boxes(exchange_at(window, 0)), ==, 2);
  ax_fixture_close_window(window);
}

/* A model without its language part says what is missing, and the rest works. */
static void test_no_language(void) {
  AxMainWindow *window;

  g_setenv("AX_FAKE_NO_LANGUAGE", "1", TRUE);
  window = ax_fixture_open_first();
  ax_test_xdotool("key shift+r");
  g_assert_cmpuint(g_list_model_get_n_items(ax_asker_get_list(window->asker)), ==, 0);
  g_assert_cmpstr(ax_fixture_page(window), ==, "view");
  ax_fixture_close_window(window);
  g_unsetenv("AX_FAKE_NO_LANGUAGE");
}

int main(int argc, char **argv) {
  static const AxWindowTest tests[] = {
    {"/ui/window-answers/mirror", test_mirror},
    {"/ui/window-answers/compare", test_compare},
    {"/ui/window-answers/reopen", test_reopen},
    {"/ui/window-answers/ask", test_ask},
    {"/ui/window-answers/no-language", test_no_language},
  };

  return ax_fixture_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
