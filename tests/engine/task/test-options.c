/* Reading the options of a question and reversing them. */
#include "engine/task/options.h"
#include "engine/task/task.h"

#include <string.h>

static void test_parse(void) {
  g_autoptr(AxOptions) choice = ax_options_parse("Is the heart enlarged? Options:\n(b) yes\n(a) no, it is not\nAnswer with the option's letter/number.");
  g_assert_nonnull(choice);
  g_assert_cmpuint(choice->n, ==, 2);
  g_assert_cmpstr(choice->before, ==, "Is the heart enlarged? Options:\n");
  g_assert_cmpstr(choice->tags[0], ==, "(b)");
  g_assert_cmpstr(choice->tags[1], ==, "(a)");
  g_assert_cmpstr(choice->texts[0], ==, "yes");
  g_assert_cmpstr(choice->texts[1], ==, "no, it is not");
  g_assert_cmpstr(choice->after, ==, "\nAnswer with the option's letter/number.");
  g_autofree char *reversed = ax_options_reversed(choice);
  g_assert_cmpstr(reversed, ==, "Is the heart enlarged? Options:\n(b) no, it is not\n(a) yes\nAnswer with the option's letter/number.");
  g_autoptr(AxOptions) back = ax_options_parse(reversed);
  g_autofree char *again = ax_options_reversed(back);
  g_assert_cmpstr(again, ==, "Is the heart enlarged? Options:\n(b) yes\n(a) no, it is not\nAnswer with the option's letter/number.");
}

static void test_no_choice(void) {
  static const char *const texts[] = {
      "", "Is the heart enlarged?", "Options:\n(A) yes", "Options: (A) yes (B) no", "Which? Options:\n(A) yes\n(A) no", "Which?\n() yes\n() no", "Which?\n(A)yes\n(B)no",
      "Which?\n(ABC) yes\n(D) no", "(A) yes\n(B) no", "Which? Options:\n(A) yes\n(B) no\nThere may be more than one answer.",
  };
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    g_assert_null(ax_options_parse(texts[i]));
  /* One more than there may be. */
  GString *many = g_string_new("Which?");
  for (guint i = 0; i < AX_OPTIONS_MAX; i++)
    g_string_append_printf(many, "\n(%u) text %u", i, i);
  g_autoptr(AxOptions) full = ax_options_parse(many->str);
  g_assert_cmpuint(full->n, ==, AX_OPTIONS_MAX);
  g_assert_cmpstr(full->texts[AX_OPTIONS_MAX - 1], ==, "text 25");
  g_string_append(many, "\n(zz) more");
  g_assert_null(ax_options_parse(many->str));
  g_string_free(many, TRUE);
}

/* What requests ask: the program's own questions. */
static void test_instructions(void) {
  g_autofree char *label = ax_task_label_question(9), *closed = ax_task_instruction(AX_TASK_CHOOSE, "Is there an effusion?", NULL, 0, 0, NULL);
  g_assert_cmpstr(label, ==, "Does this chest X-ray show pleural effusion? Options:\n(A) Yes\n(B) No");
  g_autoptr(AxOptions) a = ax_options_parse(label), b = ax_options_parse(closed);
  g_assert_cmpstr(a->texts[0], ==, "Yes");
  g_assert_cmpstr(b->tags[1], ==, "(b)");
  g_autofree char *list = ax_task_instruction(AX_TASK_CLASSIFY, NULL, NULL, 0, 0, NULL), *report = ax_task_instruction(AX_TASK_REPORT, NULL, NULL, 0, 0, NULL);
  g_assert_null(ax_options_parse(list));
  g_assert_null(ax_options_parse(report));
  g_autofree char *written = ax_options_write("Which side?", (const char *const[]){"left", "right", "both"}, 3);
  g_assert_cmpstr(written, ==, "Which side? Options:\n(A) left\n(B) right\n(C) both");
  g_autofree char *asked = ax_task_instruction(AX_TASK_CHOOSE, written, NULL, 0, 0, NULL);
  g_assert_cmpstr(asked, ==, written);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/options/parse", test_parse);
  g_test_add_func("/options/no-choice", test_no_choice);
  g_test_add_func("/options/instructions", test_instructions);
  return g_test_run();
}
