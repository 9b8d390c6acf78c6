/* Two views of images of different size and depth that move together. */
#include "ui/view-link.h"

static void check(AxViewport *a, AxViewport *b) {
  g_assert_cmpfloat_with_epsilon(ax_viewport_get_zoom(a) / ax_viewport_get_fit_zoom(a), ax_viewport_get_zoom(b) / ax_viewport_get_fit_zoom(b), 1e-9);
  g_assert_cmpfloat_with_epsilon(ax_viewport_get_center_x(a) / 1000, ax_viewport_get_center_x(b) / 3000, 1e-9);
  g_assert_cmpfloat_with_epsilon(ax_viewport_get_center_y(a) / 1200, ax_viewport_get_center_y(b) / 2000, 1e-9);
  g_assert_cmpfloat_with_epsilon(ax_viewport_get_window_width(a) / 255, ax_viewport_get_window_width(b) / 4095, 1e-9);
  g_assert_cmpint(ax_viewport_get_rotation(a), ==, ax_viewport_get_rotation(b));
  g_assert_cmpint(ax_viewport_get_mirrored(a), ==, ax_viewport_get_mirrored(b));
  g_assert_cmpint(ax_viewport_get_inverted(a), ==, ax_viewport_get_inverted(b));
}

static void test_link(void) {
  g_autoptr(AxViewport) a = ax_viewport_new(), b = ax_viewport_new();
  AxViewLink *link = ax_view_link_new(a, b);

  ax_viewport_set_view_size(a, 500, 700);
  ax_viewport_set_view_size(b, 400, 700);
  ax_viewport_set_image_size(a, 1000, 1200);
  ax_viewport_set_image_size(b, 3000, 2000);
  ax_viewport_set_window(a, 100, 100);
  ax_viewport_set_zoom(b, 3);
  g_assert_true(ax_viewport_get_fitted(a)); /* not linked yet */
  ax_view_link_set_ranges(link, 255, 4095);
  ax_view_link_set_enabled(link, TRUE);
  check(a, b);
  g_assert_true(ax_viewport_get_fitted(b));
  ax_viewport_zoom_at(b, 120, 90, 1.7); /* either may lead */
  check(a, b);
  ax_viewport_set_center(a, 300, 900);
  check(a, b);
  ax_viewport_set_window(b, 2000, 1500);
  check(a, b);
  ax_viewport_set_rotation(a, 90);
  ax_viewport_set_mirrored(b, TRUE);
  ax_viewport_set_inverted(b, TRUE);
  check(a, b);
  ax_view_link_set_enabled(link, FALSE);
  ax_viewport_set_rotation(a, 180);
  g_assert_cmpint(ax_viewport_get_rotation(b), ==, 90);
  g_assert_finalize_object(link);
  ax_viewport_set_rotation(a, 270); /* nobody listens any more */
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ui/view-link", test_link);
  return g_test_run();
}
