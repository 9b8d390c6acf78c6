#include "engine/image/box.h"
#include "engine/image/preprocess.h"

#include <math.h>

static void test_area(void) {
  g_assert_cmpfloat(ax_box_area((AxBox){1, 2, 4, 6}), ==, 12);
  g_assert_cmpfloat(ax_box_area((AxBox){4, 2, 1, 6}), ==, 0);
  g_assert_cmpfloat(ax_box_area((AxBox){1, 2, 1, 6}), ==, 0);
}

static void test_iou(void) {
  AxBox a = {0, 0, 10, 10};
  g_assert_cmpfloat(ax_box_iou(a, a), ==, 1);
  g_assert_cmpfloat(ax_box_iou(a, (AxBox){5, 0, 15, 10}), ==, 50.0 / 150.0);
  g_assert_cmpfloat(ax_box_iou(a, (AxBox){10, 0, 20, 10}), ==, 0);
  g_assert_cmpfloat(ax_box_iou(a, (AxBox){2, 2, 4, 4}), ==, 0.04);
  AxBox empty = {3, 3, 3, 3};
  g_assert_cmpfloat(ax_box_iou(empty, empty), ==, 0);
}

static void test_mirror_and_clamp(void) {
  AxBox b = ax_box_mirror((AxBox){10, 20, 30, 40}, 100);
  g_assert_true(b.x1 == 70 && b.x2 == 90 && b.y1 == 20 && b.y2 == 40);
  b = ax_box_clamp((AxBox){120, -5, -3, NAN}, 100, 50);
  g_assert_true(b.x1 == 0 && b.x2 == 100 && b.y1 == 0 && b.y2 == 0);
}

static void test_frame(void) {
  static const int sizes[][2] = {{1024, 1024}, {2048, 2048}, {317, 251}, {229, 400}, {3000, 2001}, {7, 5}, {1, 30000}};
  double worst = 0;
  for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++)
    for (int form = 0; form < 4; form++) {
      AxFrame f;
      ax_frame_init(&f, sizes[i][0], sizes[i][1], form & 1, form & 2);
      AxBox box = {1.25, 0.5, sizes[i][0] - 0.25, sizes[i][1] * 0.75};
      AxBox back = ax_frame_to_original(&f, ax_frame_from_original(&f, box));
      double d = fmax(fmax(fabs(back.x1 - box.x1), fabs(back.x2 - box.x2)), fmax(fabs(back.y1 - box.y1), fabs(back.y2 - box.y2)));
      worst = fmax(worst, d / MAX(sizes[i][0], sizes[i][1]));
    }
  /* Four roundings on coordinates of up to the longer side (times at most the frame): 4 * 2^-53 of it, doubled for the mirror. */
  double limit = 8 * 0x1p-53;
  g_test_message("round trip: %.0f %% of the tolerance", 100 * worst / limit);
  g_assert_cmpfloat(worst, <=, limit);

  /* Spec 1.3 where the padding is even: scale = 1024/max, pad = (1024 - side * scale) / 2. */
  AxFrame f;
  ax_frame_init(&f, 317, 251, FALSE, FALSE);
  AxBox b = ax_frame_from_original(&f, (AxBox){0, 0, 317, 251});
  double scale = 1024.0 / 317, pad = (1024 - 251 * scale) / 2;
  g_assert_cmpfloat_with_epsilon(b.x1, 0, 1e-9);
  g_assert_cmpfloat_with_epsilon(b.x2, 1024, 1e-9);
  g_assert_cmpfloat_with_epsilon(b.y1, pad, 1e-9);
  g_assert_cmpfloat_with_epsilon(b.y2, 1024 - pad, 1e-9);
  ax_frame_init(&f, 2048, 2048, FALSE, TRUE);
  b = ax_frame_from_original(&f, (AxBox){0, 0, 1024, 512});
  g_assert_true(b.x1 == 512 && b.x2 == 1024 && b.y1 == 0 && b.y2 == 256);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/image/box/area", test_area);
  g_test_add_func("/image/box/iou", test_iou);
  g_test_add_func("/image/box/mirror-and-clamp", test_mirror_and_clamp);
  g_test_add_func("/image/box/frame", test_frame);
  return g_test_run();
}
