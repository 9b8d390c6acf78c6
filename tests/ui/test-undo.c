/* The stack of changes, against a plain list of the states that were. */
#include "ui/undo.h"

#include "ui/marks.h"
#include <string.h>

static GObject *target;
static int value; /* the target's state */

static void apply(gpointer object, gconstpointer state) {
  g_assert_true(object == target);
  value = *(const int *)state;
}

static void change_to(AxUndo *undo, int to, guint merge) {
  int before = value;

  value = to;
  ax_undo_push(undo, "Change", target, apply, g_memdup2(&before, sizeof before), g_memdup2(&to, sizeof to), g_free, merge);
}

/* Random pushes, undos and redos: the value is always that of the reference list. */
static void test_random(void) {
  g_autoptr(AxUndo) undo = ax_undo_new();
  g_autoptr(GArray) states = g_array_new(FALSE, FALSE, sizeof(int));
  guint at = 0;

  target = g_object_new(AX_TYPE_MARKS, NULL);
  value = 0;
  g_array_append_val(states, value);
  for (int i = 0; i < 20000; i++) {
    switch (g_test_rand_int_range(0, 4)) {
    case 0:
    case 1: {
      int to = g_test_rand_int_range(1, 1000000);

      if (at >= AX_UNDO_DEPTH)
        break; /* the depth is tested below */
      change_to(undo, to, 0);
      g_array_set_size(states, at + 1);
      g_array_append_val(states, to);
      at++;
      break;
    }
    case 2:
      g_assert_true(ax_undo_undo(undo) == (at > 0));
      at -= at > 0;
      break;
    default:
      g_assert_true(ax_undo_redo(undo) == (at + 1 < states->len));
      at += at + 1 < states->len;
    }
    g_assert_cmpint(value, ==, g_array_index(states, int, at));
    g_assert_true((ax_undo_get_undo_name(undo) != NULL) == (at > 0));
    g_assert_true((ax_undo_get_redo_name(undo) != NULL) == (at + 1 < states->len));
  }
  g_object_unref(target);
}

static void test_merge(void) {
  g_autoptr(AxUndo) undo = ax_undo_new();

  target = g_object_new(AX_TYPE_MARKS, NULL);
  value = 0;
  change_to(undo, 1, 7);
  change_to(undo, 2, 7);
  change_to(undo, 3, 8);
  ax_undo_undo(undo);
  g_assert_cmpint(value, ==, 2);
  ax_undo_undo(undo);
  g_assert_cmpint(value, ==, 0);
  ax_undo_redo(undo);
  change_to(undo, 9, 7); /* the series has ended */
  ax_undo_undo(undo);
  g_assert_cmpint(value, ==, 2);
  g_object_unref(target);
}

static void test_depth_and_death(void) {
  g_autoptr(AxUndo) undo = ax_undo_new();
  int steps = 0;

  target = g_object_new(AX_TYPE_MARKS, NULL);
  value = 0;
  for (int i = 1; i <= AX_UNDO_DEPTH + 50; i++)
    change_to(undo, i, 0);
  while (ax_undo_undo(undo))
    steps++;
  g_assert_cmpint(steps, ==, AX_UNDO_DEPTH);
  g_assert_cmpint(value, ==, 50);
  g_clear_object(&target);
  g_assert_true(ax_undo_redo(undo)); /* of a target that is gone: nothing happens */
  g_assert_cmpint(value, ==, 50);
  ax_undo_clear(undo);
  g_assert_false(ax_undo_redo(undo));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ui/undo/random", test_random);
  g_test_add_func("/ui/undo/merge", test_merge);
  g_test_add_func("/ui/undo/depth-and-death", test_depth_and_death);
  return g_test_run();
}
