/* Marks drawn, moved, nudged and undone by presses and keys, without a display. */
#include "ui/mark-tool.h"

#include <math.h>

static AxUndo *undo;
static AxMarks *marks;
static AxViewport *viewport;
static AxMarkTool *tool;

/* 400 x 300 view of a 200 x 150 image: one image pixel is two view pixels, view (200, 150) is image (100, 75). */
static void set_up(void) {
  undo = ax_undo_new();
  marks = ax_marks_new(undo);
  viewport = ax_viewport_new();
  ax_viewport_set_view_size(viewport, 400, 300);
  ax_viewport_set_image_size(viewport, 200, 150);
  tool = ax_mark_tool_new(marks, viewport);
}

static void tear_down(void) {
  g_assert_finalize_object(tool);
  g_assert_finalize_object(marks);
  g_object_unref(undo);
  g_object_unref(viewport);
}

static void drag(double x1, double y1, double x2, double y2) {
  g_assert_true(ax_mark_tool_press(tool, x1, y1));
  ax_mark_tool_drag(tool, (x1 + x2) / 2, (y1 + y2) / 2);
  ax_mark_tool_drag(tool, x2, y2);
  ax_mark_tool_release(tool, x2, y2);
}

static void click(double x, double y) {
  g_assert_true(ax_mark_tool_press(tool, x, y));
  ax_mark_tool_release(tool, x, y);
}

static void check_points(const AxMark *mark, guint n, ...) {
  va_list args;

  va_start(args, n);
  for (guint i = 0; i < n; i++) {
    g_assert_cmpfloat_with_epsilon(mark->points[i].x, va_arg(args, double), 1e-6);
    g_assert_cmpfloat_with_epsilon(mark->points[i].y, va_arg(args, double), 1e-6);
  }
  va_end(args);
}

static void test_draw(void) {
  set_up();
  g_assert_false(ax_mark_tool_press(tool, 100, 100)); /* nothing chosen, nothing there */
  ax_mark_tool_set_tool(tool, AX_TOOL_LENGTH);
  drag(100, 100, 300, 200);
  g_assert_cmpint(ax_mark_tool_get_tool(tool), ==, AX_TOOL_SELECT);
  g_assert_cmpuint(ax_marks_get_n(marks), ==, 1);
  check_points(ax_marks_get(marks, 0), 2, 50.0, 50.0, 150.0, 100.0);
  /* a click, a move, a click; outside the image it stays inside */
  ax_mark_tool_set_tool(tool, AX_TOOL_BOX);
  click(20, 20);
  g_assert_true(ax_mark_tool_motion(tool, 500, 40));
  click(-30, 60);
  check_points(ax_marks_get(marks, 1), 2, 10.0, 10.0, 0.0, 30.0);
  g_assert_false(ax_mark_tool_motion(tool, 50, 40));
  /* an angle: a drag to the vertex, then a click */
  ax_mark_tool_set_tool(tool, AX_TOOL_ANGLE);
  drag(100, 250, 200, 250);
  g_assert_cmpint(ax_mark_tool_get_tool(tool), ==, AX_TOOL_ANGLE);
  g_assert_true(ax_mark_tool_motion(tool, 260, 150));
  click(250, 100);
  check_points(ax_marks_get(marks, 2), 3, 50.0, 125.0, 100.0, 125.0, 125.0, 50.0);
  /* everything goes back, one mark a step, and comes again */
  for (guint n = 3; n > 0; n--) {
    g_assert_cmpuint(ax_marks_get_n(marks), ==, n);
    g_assert_true(ax_undo_undo(undo));
  }
  g_assert_false(ax_undo_undo(undo));
  g_assert_cmpuint(ax_marks_get_n(marks), ==, 0);
  while (ax_undo_redo(undo))
    ;
  check_points(ax_marks_get(marks, 2), 3, 50.0, 125.0, 100.0, 125.0, 125.0, 50.0);
  tear_down();
}

static void test_cancel(void) {
  set_up();
  ax_mark_tool_set_tool(tool, AX_TOOL_LENGTH);
  click(100, 100);
  g_assert_cmpuint(ax_marks_get_n(marks), ==, 1);
  g_assert_true(ax_mark_tool_cancel(tool)); /* what is being drawn */
  g_assert_cmpuint(ax_marks_get_n(marks), ==, 0);
  g_assert_null(ax_undo_get_undo_name(undo)); /* leaves no trace */
  ax_mark_tool_set_tool(tool, AX_TOOL_BOX);
  g_assert_true(ax_mark_tool_cancel(tool)); /* the tool */
  ax_mark_tool_set_tool(tool, AX_TOOL_BOX);
  g_assert_true(ax_mark_tool_place(tool));
  g_assert_true(ax_mark_tool_cancel(tool)); /* the selection */
  g_assert_cmpuint(ax_marks_get_selected(marks), ==, 0);
  g_assert_false(ax_mark_tool_cancel(tool));
  tear_down();
}

static void test_edit(void) {
  guint id;

  set_up();
  ax_mark_tool_set_tool(tool, AX_TOOL_BOX);
  drag(100, 100, 200, 200);
  id = ax_marks_get(marks, 0)->id;
  ax_marks_select(marks, 0);
  g_assert_false(ax_mark_tool_press(tool, 150, 150)); /* inside a box is the picture's */
  drag(150, 101, 170, 131); /* by the line: all of it */
  check_points(ax_marks_get(marks, 0), 2, 60.0, 65.0, 110.0, 115.0);
  drag(220, 130, 260, 140); /* the corner that neither point is: right of the second, top of the first */
  check_points(ax_marks_get(marks, 0), 2, 60.0, 70.0, 130.0, 115.0);
  drag(120, 190, -1000, -1000); /* pushed against the edge it keeps its size */
  check_points(ax_marks_get(marks, 0), 2, 0.0, 0.0, 70.0, 45.0);
  ax_undo_undo(undo);
  check_points(ax_marks_find(marks, id), 2, 60.0, 70.0, 130.0, 115.0);
  ax_marks_remove(marks, id);
  g_assert_cmpuint(ax_marks_get_n(marks), ==, 0);
  ax_undo_undo(undo);
  g_assert_nonnull(ax_marks_find(marks, id));
  tear_down();
}

/* By keys alone: placed, reshaped, moved; a row of presses is one step back. */
static void test_keys(void) {
  const AxMark *mark;
  AxPoint before;

  set_up();
  g_assert_false(ax_mark_tool_place(tool));
  g_assert_false(ax_mark_tool_nudge(tool, 1, 0));
  ax_mark_tool_set_tool(tool, AX_TOOL_LENGTH);
  g_assert_true(ax_mark_tool_place(tool));
  mark = ax_marks_get(marks, 0);
  before = mark->points[0];
  g_assert_cmpint(ax_mark_tool_get_handle(tool), ==, 0);
  for (int i = 0; i < 5; i++)
    g_assert_true(ax_mark_tool_nudge(tool, 1, -2));
  mark = ax_marks_get(marks, 0);
  g_assert_cmpfloat_with_epsilon(mark->points[0].x, before.x + 5, 1e-5);
  g_assert_cmpfloat_with_epsilon(mark->points[0].y, before.y - 10, 1e-5);
  ax_undo_undo(undo);
  g_assert_cmpfloat_with_epsilon(ax_marks_get(marks, 0)->points[0].x, before.x, 1e-9);
  /* in a view turned by a quarter and mirrored, right is still right on the screen */
  ax_viewport_set_rotation(viewport, 90);
  ax_viewport_set_mirrored(viewport, TRUE);
  {
    double x0, y0, x1, y1;

    mark = ax_marks_get(marks, 0);
    ax_viewport_to_view(viewport, mark->points[0].x, mark->points[0].y, &x0, &y0);
    ax_mark_tool_nudge(tool, 3, 0);
    mark = ax_marks_get(marks, 0);
    ax_viewport_to_view(viewport, mark->points[0].x, mark->points[0].y, &x1, &y1);
    g_assert_cmpfloat_with_epsilon(x1 - x0, 3 * ax_viewport_get_zoom(viewport), 1e-4);
    g_assert_cmpfloat_with_epsilon(y1, y0, 1e-4);
  }
  /* handles in turn, then all of it */
  g_assert_true(ax_mark_tool_next_handle(tool));
  g_assert_cmpint(ax_mark_tool_get_handle(tool), ==, 1);
  ax_mark_tool_next_handle(tool);
  g_assert_cmpint(ax_mark_tool_get_handle(tool), ==, -1);
  ax_mark_tool_set_tool(tool, AX_TOOL_REGION);
  ax_mark_tool_place(tool);
  g_assert_true(ax_mark_tool_select_next(tool, 1));
  g_assert_cmpuint(ax_marks_get_selected(marks), ==, ax_marks_get(marks, 0)->id);
  ax_mark_tool_select_next(tool, -1);
  g_assert_cmpuint(ax_marks_get_selected(marks), ==, ax_marks_get(marks, 1)->id);
  tear_down();
}

/* The two calipers of a ratio stay level. */
static void test_ratio(void) {
  AxMark mark = {.kind = AX_MARK_RATIO, .points = {{80, 80}, {120, 80}, {40, 100}, {160, 100}}};

  set_up();
  ax_marks_add(marks, &mark);
  drag(240, 160, 260, 180);
  check_points(ax_marks_get(marks, 0), 4, 80.0, 90.0, 130.0, 90.0, 40.0, 100.0, 160.0, 100.0);
  tear_down();
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ui/mark-tool/draw", test_draw);
  g_test_add_func("/ui/mark-tool/cancel", test_cancel);
  g_test_add_func("/ui/mark-tool/edit", test_edit);
  g_test_add_func("/ui/mark-tool/keys", test_keys);
  g_test_add_func("/ui/mark-tool/ratio", test_ratio);
  return g_test_run();
}
