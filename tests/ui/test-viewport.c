/* The viewport's transforms over random states. */
#include "ui/viewport.h"

#include <math.h>

#define N_STATES 20000

/* What is rounded is an image coordinate (up to 5,000 by the centre) times a zoom of up to 64: 3.2e5 view pixels. One rounding there is
 * at most 3.2e5 * 2^-53 = 3.6e-11; going there and back rounds about eight times, the zoom itself included. */
#define TOLERANCE 2.9e-10

static double worst;

static void check_near(double a, double b) {
  worst = MAX(worst, fabs(a - b));
  g_assert_cmpfloat_with_epsilon(a, b, TOLERANCE);
}

static AxViewport *random_state(void) {
  AxViewport *v = ax_viewport_new();

  ax_viewport_set_view_size(v, g_test_rand_double_range(10, 4000), g_test_rand_double_range(10, 3000));
  ax_viewport_set_image_size(v, g_test_rand_int_range(1, 5000), g_test_rand_int_range(1, 5000));
  ax_viewport_set_rotation(v, 90 * g_test_rand_int_range(-4, 8));
  ax_viewport_set_mirrored(v, g_test_rand_bit());
  if (g_test_rand_bit())
    ax_viewport_set_zoom(v, exp(g_test_rand_double_range(log(1.0 / 400), log(64))));
  if (g_test_rand_bit())
    ax_viewport_set_center(v, g_test_rand_double_range(-100, 5000), g_test_rand_double_range(-100, 5000));
  return v;
}

static void test_round_trip(void) {
  worst = 0;
  for (int i = 0; i < N_STATES; i++) {
    g_autoptr(AxViewport) v = random_state();
    double vx = g_test_rand_double_range(0, 4000), vy = g_test_rand_double_range(0, 3000), x, y, bx, by;

    ax_viewport_to_image(v, vx, vy, &x, &y);
    ax_viewport_to_view(v, x, y, &bx, &by);
    check_near(bx, vx);
    check_near(by, vy);
  }
  g_test_message("round trip: worst %.2g of %.2g pixels (%.0f %%)", worst, TOLERANCE, 100 * worst / TOLERANCE);
}

static void test_zoom_at_pointer(void) {
  worst = 0;
  for (int i = 0; i < N_STATES; i++) {
    g_autoptr(AxViewport) v = random_state();
    double vx = g_test_rand_double_range(0, 4000), vy = g_test_rand_double_range(0, 3000), x, y, bx, by;
    double before = ax_viewport_get_zoom(v), factor = exp(g_test_rand_double_range(-1, 1));

    ax_viewport_to_image(v, vx, vy, &x, &y);
    ax_viewport_zoom_at(v, vx, vy, factor);
    ax_viewport_to_view(v, x, y, &bx, &by);
    check_near(bx, vx);
    check_near(by, vy);
    if (factor > 1)
      g_assert_cmpfloat(ax_viewport_get_zoom(v), >=, before);
    else
      g_assert_cmpfloat(ax_viewport_get_zoom(v), <=, before);
  }
  g_test_message("zoom at pointer: worst %.2g of %.2g pixels (%.0f %%)", worst, TOLERANCE, 100 * worst / TOLERANCE);
}

/* Known answers, so that a consistent error of both directions shows. */
static void test_directions(void) {
  g_autoptr(AxViewport) v = ax_viewport_new();
  double x, y;

  ax_viewport_set_view_size(v, 400, 400);
  ax_viewport_set_image_size(v, 200, 100); /* fits at zoom 2, 100 view pixels above and below */
  ax_viewport_to_view(v, 0, 0, &x, &y);
  g_assert_cmpfloat(x, ==, 0);
  g_assert_cmpfloat(y, ==, 100);
  ax_viewport_set_mirrored(v, TRUE); /* the left edge moves to the right */
  ax_viewport_to_view(v, 0, 0, &x, &y);
  g_assert_cmpfloat(x, ==, 400);
  g_assert_cmpfloat(y, ==, 100);
  ax_viewport_set_rotation(v, 90); /* clockwise: the right of the view moves to its bottom, its top to the right */
  ax_viewport_to_view(v, 0, 0, &x, &y);
  g_assert_cmpfloat(x, ==, 300);
  g_assert_cmpfloat(y, ==, 400);
  ax_viewport_set_mirrored(v, FALSE); /* the top left corner, turned clockwise, is the top right corner */
  ax_viewport_to_view(v, 0, 0, &x, &y);
  g_assert_cmpfloat(x, ==, 300);
  g_assert_cmpfloat(y, ==, 0);
  ax_viewport_set_rotation(v, 180);
  ax_viewport_to_view(v, 0, 0, &x, &y);
  g_assert_cmpfloat(x, ==, 400);
  g_assert_cmpfloat(y, ==, 300);
  ax_viewport_set_rotation(v, -90);
  ax_viewport_to_view(v, 0, 0, &x, &y);
  g_assert_cmpfloat(x, ==, 100);
  g_assert_cmpfloat(y, ==, 400);
}

/* Mirroring twice and four quarter turns are nothing; a mirrored box is the mirror image of the box. */
static void test_mirror_and_rotation(void) {
  for (int i = 0; i < 1000; i++) {
    g_autoptr(AxViewport) v = random_state();
    double width = ax_viewport_get_image_width(v), height = ax_viewport_get_image_height(v);
    AxBox box = {width * 0.1, height * 0.2, width * 0.35, height * 0.9}, plain, mirrored;

    ax_viewport_set_mirrored(v, FALSE);
    ax_viewport_fit(v);
    plain = ax_viewport_box_to_view(v, ax_box_mirror(box, width));
    ax_viewport_set_mirrored(v, TRUE);
    mirrored = ax_viewport_box_to_view(v, box);
    check_near(plain.x1, mirrored.x1);
    check_near(plain.y1, mirrored.y1);
    check_near(plain.x2, mirrored.x2);
    check_near(plain.y2, mirrored.y2);
    for (int turn = 0; turn < 4; turn++)
      ax_viewport_set_rotation(v, ax_viewport_get_rotation(v) + 90);
    plain = ax_viewport_box_to_view(v, box);
    check_near(plain.x1, mirrored.x1);
    check_near(plain.y2, mirrored.y2);
    g_assert_cmpfloat(mirrored.x1, <=, mirrored.x2);
    g_assert_cmpfloat(mirrored.y1, <=, mirrored.y2);
  }
}

static void test_fit(void) {
  for (int i = 0; i < 1000; i++) {
    g_autoptr(AxViewport) v = random_state();
    AxBox all;

    ax_viewport_fit(v);
    all = ax_viewport_box_to_view(v, (AxBox){0, 0, ax_viewport_get_image_width(v), ax_viewport_get_image_height(v)});
    g_assert_cmpfloat(all.x1, >=, -TOLERANCE);
    g_assert_cmpfloat(all.y1, >=, -TOLERANCE);
    g_assert_cmpfloat(all.x2, <=, ax_viewport_get_view_width(v) + TOLERANCE);
    g_assert_cmpfloat(all.y2, <=, ax_viewport_get_view_height(v) + TOLERANCE);
    /* stays fitted when the view is resized, and only then */
    ax_viewport_set_view_size(v, 321, 123);
    g_assert_true(ax_viewport_get_fitted(v));
    g_assert_cmpfloat(ax_viewport_get_zoom(v), ==, ax_viewport_get_fit_zoom(v));
    ax_viewport_pan(v, 3, 4);
    g_assert_false(ax_viewport_get_fitted(v));
  }
}

static void test_pan(void) {
  for (int i = 0; i < 1000; i++) {
    g_autoptr(AxViewport) v = random_state();
    double x, y, ax, ay, bx, by, dx = g_test_rand_double_range(-9, 9), dy = g_test_rand_double_range(-9, 9);

    ax_viewport_set_image_size(v, 4000, 4000);
    ax_viewport_set_zoom(v, 1.5);
    ax_viewport_set_center(v, 2000, 2000);
    x = 1990, y = 2010;
    ax_viewport_to_view(v, x, y, &ax, &ay);
    ax_viewport_pan(v, dx, dy);
    ax_viewport_to_view(v, x, y, &bx, &by);
    check_near(bx, ax + dx);
    check_near(by, ay + dy);
    ax_viewport_pan(v, 1e9, 1e9); /* never beyond the image */
    g_assert_cmpfloat(ax_viewport_get_center_x(v), >=, 0);
    g_assert_cmpfloat(ax_viewport_get_center_x(v), <=, 4000);
  }
}

static void count(gpointer counter) { ++*(int *)counter; }

static void test_notify(void) {
  g_autoptr(AxViewport) v = ax_viewport_new();
  int changed = 0, zoom = 0;

  ax_viewport_set_view_size(v, 100, 100);
  ax_viewport_set_image_size(v, 50, 50);
  g_signal_connect_swapped(v, "changed", G_CALLBACK(count), &changed);
  g_signal_connect_swapped(v, "notify::zoom", G_CALLBACK(count), &zoom);
  ax_viewport_fit(v); /* nothing new */
  g_assert_cmpint(changed, ==, 0);
  ax_viewport_zoom_at(v, 10, 20, 1.5);
  g_assert_cmpint(changed, ==, 1);
  g_assert_cmpint(zoom, ==, 1);
  ax_viewport_set_window(v, 100, 50);
  g_assert_cmpint(changed, ==, 2);
  g_assert_cmpint(zoom, ==, 1);
  ax_viewport_set_window(v, 100, 50);
  ax_viewport_set_window(v, NAN, 50);
  g_assert_cmpint(changed, ==, 2);
  ax_viewport_set_zoom(v, NAN);
  g_assert_cmpfloat(ax_viewport_get_zoom(v), ==, 3);
}

static void test_finalize(void) {
  AxViewport *v = ax_viewport_new();

  g_assert_finalize_object(v);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ui/viewport/round-trip", test_round_trip);
  g_test_add_func("/ui/viewport/zoom-at-pointer", test_zoom_at_pointer);
  g_test_add_func("/ui/viewport/directions", test_directions);
  g_test_add_func("/ui/viewport/mirror-and-rotation", test_mirror_and_rotation);
  g_test_add_func("/ui/viewport/fit", test_fit);
  g_test_add_func("/ui/viewport/pan", test_pan);
  g_test_add_func("/ui/viewport/notify", test_notify);
  g_test_add_func("/ui/viewport/finalize", test_finalize);
  return g_test_run();
}
