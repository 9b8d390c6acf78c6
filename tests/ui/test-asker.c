/* Questions and answers without a display: streamed, stopped, kept and read back; files that lie. */
#include "ui/asker.h"

#include "tests/ui/loop.h"
#include "ui/session-file.h"
#include "ui/text-mirror.h"
#include <string.h>
#include <unistd.h>

static AxSession *session;
static char *sample;

static gboolean has_image(gpointer document) { return ax_document_get_image(document) != NULL; }
static gboolean is_quiet(gpointer asker) { return !ax_asker_get_busy(asker); }
static gboolean has_text(gpointer exchange) { return ax_exchange_get_plain(exchange)[0] != '\0'; }

static AxDocument *open_document(void) {
  AxDocument *document = ax_document_new(session);

  return document;
}

static void load(AxDocument *document) {
  ax_document_open_path(document, sample);
  ax_test_wait(has_image, document);
}

static AxExchange *at(AxAsker *asker, guint i) {
  g_autoptr(AxExchange) exchange = g_list_model_get_item(ax_asker_get_list(asker), i);

  return exchange;
}

static void test_ask(void) {
  g_autoptr(AxDocument) document = open_document();
  g_autoptr(AxAsker) asker = ax_asker_new(document, session);
  g_autofree char *why = NULL;
  AxBox box = {10, 10, 50, 60};
  AxExchange *exchange;

  g_assert_null(ax_asker_ask(asker, AX_TASK_REPORT, NULL, NULL, 0, &why)); /* no image */
  g_assert_nonnull(why);
  g_clear_pointer(&why, g_free);
  load(document);
  g_assert_null(ax_asker_ask(asker, AX_TASK_LOCATE, "", NULL, 0, &why));
  g_clear_pointer(&why, g_free);
  g_assert_null(ax_asker_ask(asker, AX_TASK_DESCRIBE, NULL, NULL, 0, &why));
  g_assert_nonnull(strstr(why, "region"));
  exchange = ax_asker_ask(asker, AX_TASK_REPORT, NULL, NULL, 0, NULL);
  g_assert_cmpint(ax_exchange_get_state(exchange), ==, AX_EXCHANGE_WAITING);
  ax_test_wait(has_text, exchange); /* it streams */
  ax_test_wait(is_quiet, asker);
  g_assert_cmpint(ax_exchange_get_state(exchange), ==, AX_EXCHANGE_DONE);
  g_assert_cmpuint(ax_exchange_get_n_boxes(exchange), ==, 2);
  exchange = ax_asker_ask(asker, AX_TASK_DESCRIBE, NULL, &box, 1, NULL);
  ax_test_wait(is_quiet, asker);
  g_assert_cmpfloat(ax_exchange_get_box(exchange, 0)->box.x2, ==, 50);
  ax_asker_remove(asker, exchange);
  g_assert_cmpuint(g_list_model_get_n_items(ax_asker_get_list(asker)), ==, 1);
  load(document); /* the same image again: what was said is there */
  g_assert_cmpuint(g_list_model_get_n_items(ax_asker_get_list(asker)), ==, 1);
}

/* Questions are one conversation until another one is begun. */
static void test_conversation(void) {
  g_autoptr(AxDocument) document = open_document();
  g_autoptr(AxAsker) asker = ax_asker_new(document, session);
  g_autofree char *first = NULL;

  load(document);
  while (g_list_model_get_n_items(ax_asker_get_list(asker)) > 0)
    ax_asker_remove(asker, at(asker, 0));
  for (int i = 0; i < 3; i++) {
    if (i == 2)
      ax_asker_new_conversation(asker);
    ax_asker_ask(asker, AX_TASK_ASK, "why?", NULL, 0, NULL);
    ax_test_wait(is_quiet, asker);
  }
  first = g_strdup(ax_exchange_get_plain(at(asker, 0)));
  g_assert_cmpstr(ax_exchange_get_plain(at(asker, 1)), ==, first);
  g_assert_cmpstr(ax_exchange_get_plain(at(asker, 2)), !=, first);
}

/* Stopped at a random moment, a hundred times, with the image changing under it: no crash, nothing runs on, nothing is left. */
static void test_cancel(void) {
  g_autoptr(AxDocument) document = open_document();
  g_autoptr(AxAsker) asker = ax_asker_new(document, session);

  load(document);
  for (int i = 0; i < 100; i++) {
    ax_asker_ask(asker, i % 2 ? AX_TASK_REPORT : AX_TASK_ASK, "x", NULL, 0, NULL);
    ax_test_run_for((guint)g_test_rand_int_range(0, 20));
    if (i % 10 == 9)
      load(document);
    else
      ax_asker_cancel(asker);
  }
  ax_test_wait(is_quiet, asker);
  for (guint i = 0; i < g_list_model_get_n_items(ax_asker_get_list(asker)); i++)
    g_assert_cmpint(ax_exchange_get_state(at(asker, i)), >=, AX_EXCHANGE_DONE);
  /* gone in the middle of an answer */
  ax_asker_ask(asker, AX_TASK_REPORT, NULL, NULL, 0, NULL);
  g_assert_finalize_object(g_steal_pointer(&asker));
  ax_test_run_for(50);
}

static void test_json(void) {
  g_autoptr(AxDocument) document = open_document();
  g_autoptr(AxAsker) asker = ax_asker_new(document, session);
  g_autoptr(JsonNode) node = NULL, again = NULL;
  g_autofree char *text = NULL, *text_again = NULL, *sentence = NULL;
  AxExchange *exchange, *back;
  AxReason reason;

  load(document);
  exchange = ax_asker_ask(asker, AX_TASK_REPORT, NULL, NULL, 0, NULL);
  ax_test_wait(is_quiet, asker);
  ax_exchange_set_verdict(exchange, 0, AX_VERDICT_ACCEPTED, AX_REASON_NONE, NULL);
  ax_exchange_set_verdict(exchange, 1, AX_VERDICT_REJECTED, AX_REASON_PLACE, NULL);
  ax_exchange_set_verdict(exchange, 2, AX_VERDICT_EDITED, AX_REASON_NONE, "A small Ä pneumothorax.");
  node = ax_exchange_to_json(exchange);
  text = json_to_string(node, FALSE);
  back = ax_exchange_from_json(node);
  again = ax_exchange_to_json(back);
  text_again = json_to_string(again, FALSE);
  g_assert_cmpstr(text, ==, text_again);
  g_assert_cmpint(ax_exchange_get_verdict(back, 1, &reason, NULL), ==, AX_VERDICT_REJECTED);
  g_assert_cmpint(reason, ==, AX_REASON_PLACE);
  sentence = ax_exchange_get_sentence(back, 2);
  g_assert_cmpstr(sentence, ==, "A small Ä pneumothorax.");
  g_object_unref(back);
  for (int i = 0; i < 2000; i++) { /* bytes replaced: less, or nothing, and never beyond the text */
    g_autofree char *copy = g_strdup(text);
    g_autoptr(JsonNode) broken = NULL;
    g_autoptr(AxExchange) made = NULL;

    for (int k = 0; k < 3; k++)
      copy[g_test_rand_int_range(0, (int)strlen(text))] = "0-9.eE[]{}\",:ntx"[g_test_rand_int_range(0, 16)];
    broken = g_utf8_validate(copy, -1, NULL) ? json_from_string(copy, NULL) : NULL;
    made = broken ? ax_exchange_from_json(broken) : NULL;
    for (guint s = 0; made && ax_exchange_get_answer(made) && s < ax_exchange_get_answer(made)->n_sentences; s++) {
      g_autofree char *words = ax_exchange_get_sentence(made, s), *marked = ax_exchange_get_marked_sentence(made, s, 1, "");

      g_assert_true(g_utf8_validate(words, -1, NULL) && g_utf8_validate(marked, -1, NULL));
    }
  }
}

/* The probabilities of a question's options are kept. */
static void test_options(void) {
  g_autoptr(AxDocument) document = open_document();
  g_autoptr(AxAsker) asker = ax_asker_new(document, session);
  g_autoptr(JsonNode) node = NULL;
  g_autoptr(AxExchange) back = NULL;
  AxAnswer *answer;

  load(document);
  ax_asker_ask(asker, AX_TASK_CHOOSE, "Is the heart enlarged?", NULL, 0, NULL);
  ax_test_wait(is_quiet, asker);
  node = ax_exchange_to_json(at(asker, g_list_model_get_n_items(ax_asker_get_list(asker)) - 1));
  back = ax_exchange_from_json(node);
  answer = ax_exchange_get_answer(back);
  g_assert_cmpuint(answer->n_options, ==, 2);
  g_assert_cmpstr(answer->options[0].tag, ==, "(a)");
  g_assert_cmpstr(answer->options[1].text, ==, "no");
  g_assert_cmpfloat(answer->options[0].probability, ==, 0.75);
}

static void assert_marked(AxExchange *exchange, guint sentence, guint first, const char *prefix, const char *wanted) {
  g_autofree char *marked = ax_exchange_get_marked_sentence(exchange, sentence, first, prefix);

  g_assert_cmpstr(marked, ==, wanted);
}

/* Where a box was taken out of the text its number stands. */
static void test_marked(void) {
  g_autoptr(AxDocument) document = open_document();
  g_autoptr(AxAsker) asker = ax_asker_new(document, session);
  AxExchange *exchange, *report;

  load(document);
  exchange = ax_asker_ask(asker, AX_TASK_ANATOMY, "heart", NULL, 0, NULL);
  ax_test_wait(is_quiet, asker);
  assert_marked(exchange, 0, 1, "", "The heart is located at the coordinates [1] on the image.");
  assert_marked(exchange, 1, 1, "", "Its apex is given by [2].");
  assert_marked(exchange, 1, 6, "A", "Its apex is given by [A7].");
  ax_exchange_set_verdict(exchange, 0, AX_VERDICT_EDITED, AX_REASON_NONE, "There is the heart.");
  assert_marked(exchange, 0, 1, "", "There is the heart. [1]");
  report = ax_asker_ask(asker, AX_TASK_REPORT, NULL, NULL, 0, NULL);
  ax_test_wait(is_quiet, asker);
  assert_marked(report, 2, 1, "", "No pneumothorax."); /* no box, no mark */
}

static gboolean is_compared(gpointer texts) { return !ax_text_mirror_get_busy(texts); }

/* The same questions on the mirrored pixels. The session's answers do not depend on the pixels, so its sides are kept; its boxes do not follow the
 * mirror unless they were given, so those given overlap wholly and the others as geometry says. */
static void test_mirrored(void) {
  g_autoptr(AxDocument) document = open_document();
  g_autoptr(AxAsker) asker = ax_asker_new(document, session);
  g_autoptr(AxTextMirror) texts = NULL;
  AxBox region = {100, 100, 300, 400};
  AxTextMirror *gone;

  load(document);
  while (g_list_model_get_n_items(ax_asker_get_list(asker)) > 0)
    ax_asker_remove(asker, at(asker, 0));
  ax_asker_ask(asker, AX_TASK_DESCRIBE, NULL, &region, 1, NULL);
  ax_asker_ask(asker, AX_TASK_REPORT, NULL, NULL, 0, NULL);
  ax_asker_ask(asker, AX_TASK_ASK, "Left or right?", NULL, 0, NULL);
  ax_test_wait(is_quiet, asker);
  texts = ax_text_mirror_new(session, ax_document_get_image(document), ax_asker_get_list(asker));
  ax_test_wait(is_compared, texts);
  g_assert_cmpuint(ax_text_mirror_get_n(texts), ==, 3);
  g_assert_cmpfloat_with_epsilon(ax_text_mirror_get(texts, 0)->mean_iou, 1, 1e-9);
  g_assert_cmpuint(ax_text_mirror_get(texts, 1)->n_left[0], ==, 1);
  g_assert_true(ax_text_mirror_get(texts, 1)->sides_kept);
  g_assert_cmpfloat(ax_text_mirror_get(texts, 1)->mean_iou, <, 1);
  g_assert_cmpfloat(ax_text_mirror_get(texts, 2)->mean_iou, ==, -1);
  gone = ax_text_mirror_new(session, ax_document_get_image(document), ax_asker_get_list(asker));
  g_assert_finalize_object(gone); /* in the middle of its work */
  ax_test_run_for(50);
}

/* Side words are whole words; boxes that one answer lacks count as no overlap. */
static void test_compare(void) {
  AxAnswerBox boxes[2] = {{.box = {0, 0, 10, 10}}, {.box = {90, 0, 100, 10}}};
  AxAnswer plain = {.plain = (char *)"Left, leftover, the LEFT-sided; right.", .boxes = boxes, .n_boxes = 2};
  AxAnswer mirrored = {.plain = (char *)"right left left", .boxes = boxes, .n_boxes = 1};
  AxTextPair pair = {0};

  ax_text_pair_compare(&pair, &plain, &mirrored, 100);
  g_assert_cmpuint(pair.n_left[0], ==, 2);
  g_assert_cmpuint(pair.n_right[0], ==, 1);
  g_assert_true(pair.sides_kept);
  g_assert_cmpfloat_with_epsilon(pair.mean_iou, 0.5, 1e-9); /* the left box came back mirrored onto the right one */
}

/* Pages of this process that are in memory, in kilobytes. */
static gsize resident(void) {
  g_autofree char *text = NULL;
  g_auto(GStrv) fields = NULL;

  g_assert_true(g_file_get_contents("/proc/self/statm", &text, NULL, NULL));
  fields = g_strsplit(text, " ", 3);
  return (gsize)g_ascii_strtoull(fields[1], NULL, 10) * (gsize)sysconf(_SC_PAGESIZE) / 1024;
}

/* 200 images and 1,000 requests, one in three cancelled: memory stays flat. Each image has a megapixel of 16 bits with its pyramid, 2.7 MB: three
 * of them kept by mistake would show. */
static void test_flat(void) {
  g_autoptr(AxDocument) document = open_document();
  g_autoptr(AxAsker) asker = ax_asker_new(document, session);
  gsize before = 0, after;

  g_setenv("AX_FAKE_DELAY_MS", "10", TRUE);
  g_setenv("AX_FAKE_WORD_MS", "1", TRUE);
  for (int i = 0; i < 240; i++) {
    g_autofree char *name = g_strdup_printf("image %d", i);
    g_autofree char *contents = NULL;
    g_autoptr(GBytes) bytes = NULL;
    gsize length;

    if (i == 40)
      before = resident();
    g_assert_true(g_file_get_contents(sample, &contents, &length, NULL));
    bytes = g_bytes_new_take(g_steal_pointer(&contents), length);
    ax_document_open_bytes(document, bytes, name);
    if (i % 3)
      ax_test_wait(has_image, document);
    for (int k = 0; k < 8 && i % 3; k++) {
      ax_asker_ask(asker, k % 2 ? AX_TASK_REPORT : AX_TASK_ASK, "x", NULL, 0, NULL);
      if (g_test_rand_int_range(0, 3) == 0)
        ax_asker_cancel(asker);
      ax_test_run_for(2);
    }
    while (g_list_model_get_n_items(ax_asker_get_list(asker)) > 20)
      ax_asker_remove(asker, at(asker, 0));
  }
  ax_test_wait(is_quiet, asker);
  after = resident();
  g_unsetenv("AX_FAKE_DELAY_MS");
  g_unsetenv("AX_FAKE_WORD_MS");
  g_test_message("%zu kB after 40 images, %zu kB after 240", before, after);
  g_assert_cmpuint(after, <, before + 16 * 1024);
}

int main(int argc, char **argv) {
  g_autofree char *folder = NULL;

  g_test_init(&argc, &argv, NULL);
  folder = g_dir_make_tmp("ax-asker-XXXXXX", NULL);
  g_setenv("ANATOMIX_SESSIONS", folder, TRUE);
  sample = g_build_filename(g_getenv("AX_SOURCE_ROOT"), "data", "samples", "normal.png", NULL);
  session = ax_session_new("model");
  g_test_add_func("/ui/asker/ask", test_ask);
  g_test_add_func("/ui/asker/conversation", test_conversation);
  g_test_add_func("/ui/asker/cancel", test_cancel);
  g_test_add_func("/ui/asker/json", test_json);
  g_test_add_func("/ui/asker/options", test_options);
  g_test_add_func("/ui/asker/marked", test_marked);
  g_test_add_func("/ui/asker/mirrored", test_mirrored);
  g_test_add_func("/ui/asker/compare", test_compare);
  g_test_add_func("/ui/asker/flat", test_flat);
  return g_test_run();
}
