/* The letters at the edges over all turns and mirrorings: what stands at an edge must be what the pixels there show. */
#include "ui/orientation.h"

static void expect(AxViewport *v, const char *row, const char *column, const char *trbl[4]) {
  AxEdgeLetters got;

  g_assert_true(ax_orientation_letters(v, row, column, &got));
  g_assert_cmpstr(got.top, ==, trbl[0]);
  g_assert_cmpstr(got.right, ==, trbl[1]);
  g_assert_cmpstr(got.bottom, ==, trbl[2]);
  g_assert_cmpstr(got.left, ==, trbl[3]);
}

/* Written down by hand: a PA chest has L at the right edge and F at the lower one. Turned clockwise, the head is at the right. */
static void test_turns(void) {
  static const char *const plain[4][4] = {{"H", "L", "F", "R"}, {"R", "H", "L", "F"}, {"F", "R", "H", "L"}, {"L", "F", "R", "H"}};
  static const char *const mirrored[4][4] = {{"H", "R", "F", "L"}, {"L", "H", "R", "F"}, {"F", "L", "H", "R"}, {"R", "F", "L", "H"}};
  g_autoptr(AxViewport) v = ax_viewport_new();

  ax_viewport_set_view_size(v, 300, 200);
  ax_viewport_set_image_size(v, 1000, 1200);
  for (int turn = 0; turn < 4; turn++) {
    ax_viewport_set_rotation(v, 90 * turn);
    ax_viewport_set_mirrored(v, FALSE);
    expect(v, "L", "F", (const char **)plain[turn]);
    ax_viewport_set_mirrored(v, TRUE);
    expect(v, "L", "F", (const char **)mirrored[turn]);
  }
}

static void test_oblique(void) {
  static const char *const wanted[4] = {"FP", "LA", "HA", "RP"};
  g_autoptr(AxViewport) v = ax_viewport_new();

  expect(v, "LA", "HA", (const char **)wanted);
}

/* No letter rather than a wrong one: absent, of an animal's vocabulary, too long, not letters at all. */
static void test_none(void) {
  g_autoptr(AxViewport) v = ax_viewport_new();
  AxEdgeLetters got;

  g_assert_false(ax_orientation_letters(v, NULL, "F", &got));
  g_assert_false(ax_orientation_letters(v, "L", NULL, &got));
  g_assert_false(ax_orientation_letters(v, "", "F", &got));
  g_assert_false(ax_orientation_letters(v, "LE", "F", &got));
  g_assert_false(ax_orientation_letters(v, "L", "LAFR", &got));
  g_assert_false(ax_orientation_letters(v, "l", "F", &got));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ui/orientation/turns", test_turns);
  g_test_add_func("/ui/orientation/oblique", test_oblique);
  g_test_add_func("/ui/orientation/none", test_none);
  return g_test_run();
}
