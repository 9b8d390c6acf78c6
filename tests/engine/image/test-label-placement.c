/* Labels: inside the view, none over another, the first one always there. */
#include "engine/image/label-placement.h"

static void test_random(void) {
  guint wanted = 0, placed = 0;

  for (int t = 0; t < 2000; t++) {
    AxLabel labels[36] = {0};
    AxBox view = {0, 0, g_test_rand_double_range(150, 1200), g_test_rand_double_range(100, 900)};
    guint n = g_test_rand_int_range(1, 37), count = 0;

    for (guint i = 0; i < n; i++) {
      double x = g_test_rand_double_range(-50, view.x2), y = g_test_rand_double_range(-50, view.y2);

      labels[i].box = (AxBox){x, y, x + g_test_rand_double_range(5, 400), y + g_test_rand_double_range(5, 400)};
      labels[i].width = g_test_rand_double_range(30, 120);
      labels[i].height = 18;
      labels[i].priority = g_test_rand_int_range(0, 3);
    }
    labels[0].priority = -1;
    labels[0].box = (AxBox){10, 10, 60, 60};
    placed += ax_labels_place(labels, n, view);
    wanted += n;
    g_assert_true(labels[0].placed);
    for (guint i = 0; i < n; i++) {
      AxBox a = labels[i].place;

      if (!labels[i].placed)
        continue;
      count++;
      g_assert_cmpfloat(a.x1, >=, view.x1);
      g_assert_cmpfloat(a.y1, >=, view.y1);
      g_assert_cmpfloat(a.x2, <=, view.x2);
      g_assert_cmpfloat(a.y2, <=, view.y2);
      g_assert_cmpfloat_with_epsilon(a.x2 - a.x1, labels[i].width, 1e-9);
      for (guint k = 0; k < i; k++)
        if (labels[k].placed)
          g_assert_cmpfloat(ax_box_area((AxBox){MAX(a.x1, labels[k].place.x1), MAX(a.y1, labels[k].place.y1),
                                                MIN(a.x2, labels[k].place.x2), MIN(a.y2, labels[k].place.y2)}),
                            ==, 0);
    }
    g_assert_cmpuint(count, <=, n);
  }
  g_test_message("%u of %u labels placed", placed, wanted);
  g_assert_cmpuint(placed, >, wanted / 2);
}

static void test_same_box(void) {
  AxLabel labels[4] = {0};

  for (int i = 0; i < 4; i++)
    labels[i] = (AxLabel){.box = {100, 100, 300, 300}, .width = 60, .height = 20, .priority = 3 - i};
  g_assert_cmpuint(ax_labels_place(labels, 4, (AxBox){0, 0, 400, 400}), ==, 4);
  /* the lowest priority number has the best place: above the top left corner */
  g_assert_cmpfloat(labels[3].place.x1, ==, 100);
  g_assert_cmpfloat(labels[3].place.y2, ==, 100);
}

static void test_no_room(void) {
  AxLabel label = {.box = {10, 10, 20, 20}, .width = 600, .height = 20};
  AxLabel outside = {.box = {500, 10, 520, 20}, .width = 10, .height = 10};

  g_assert_cmpuint(ax_labels_place(&label, 1, (AxBox){0, 0, 400, 400}), ==, 0);
  g_assert_cmpuint(ax_labels_place(&outside, 1, (AxBox){0, 0, 400, 400}), ==, 0);
  g_assert_cmpuint(ax_labels_place(NULL, 0, (AxBox){0, 0, 400, 400}), ==, 0);
}

/* What stands already is kept away from, and stays. */
static void test_fixed(void) {
  AxLabel labels[] = {{.place = {0, 0, 300, 100}, .fixed = TRUE}, {.box = {10, 110, 90, 160}, .width = 40, .height = 20}};

  g_assert_cmpuint(ax_labels_place(labels, 2, (AxBox){0, 0, 400, 400}), ==, 1);
  g_assert_cmpfloat(labels[0].place.x2, ==, 300);
  g_assert_cmpfloat(labels[1].place.y1, >=, 100);
}

/* More labels than the view has room for: the ones that must stand do, inside the view. */
static void test_must(void) {
  AxLabel labels[40] = {0};
  AxBox view = {0, 0, 100, 40};

  for (guint i = 0; i < 40; i++)
    labels[i] = (AxLabel){.box = {10, 10, 20, 20}, .width = 60, .height = 15, .must = i % 2 == 0};
  labels[38].box = (AxBox){300, 300, 310, 310};
  ax_labels_place(labels, 40, view);
  for (guint i = 0; i < 40; i += 2) {
    g_assert_true(labels[i].placed);
    g_assert_cmpfloat(labels[i].place.x1, >=, 0);
    g_assert_cmpfloat(labels[i].place.x2, <=, 100);
    g_assert_cmpfloat(labels[i].place.y1, >=, 0);
    g_assert_cmpfloat(labels[i].place.y2, <=, 40);
  }
  g_assert_false(labels[39].placed);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/label-placement/random", test_random);
  g_test_add_func("/label-placement/same-box", test_same_box);
  g_test_add_func("/label-placement/no-room", test_no_room);
  g_test_add_func("/label-placement/fixed", test_fixed);
  g_test_add_func("/label-placement/must", test_must);
  return g_test_run();
}
