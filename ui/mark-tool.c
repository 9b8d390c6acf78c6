#include "ui/mark-tool.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#define HANDLE_REACH 9.0
#define LINE_REACH 5.0
#define CLICK_REACH 4.0

struct _AxMarkTool {
  GObject parent_instance;
  AxMarks *marks;
  AxViewport *viewport;
  AxTool tool;
  guint id;          /* the mark at hand, while `state` is not IDLE */
  int handle;        /* of it, or -1 for all */
  enum { IDLE, DRAWING, FOLLOWING, MOVING } state;
  AxPoint last;      /* image point of the last move */
  double press_x, press_y;
};

static guint tool_changed_signal;

G_DEFINE_FINAL_TYPE(AxMarkTool, ax_mark_tool, G_TYPE_OBJECT)

static const AxMarkKind kind_of_tool[AX_N_TOOLS] = {
  [AX_TOOL_LENGTH] = AX_MARK_LENGTH, [AX_TOOL_ANGLE] = AX_MARK_ANGLE, [AX_TOOL_REGION] = AX_MARK_REGION, [AX_TOOL_BOX] = AX_MARK_BOX,
};

/* ---- geometry ---- */

static AxPoint to_image(AxMarkTool *self, double x, double y) {
  AxPoint p;

  ax_viewport_to_image(self->viewport, x, y, &p.x, &p.y);
  p.x = CLAMP(p.x, 0, ax_viewport_get_image_width(self->viewport));
  p.y = CLAMP(p.y, 0, ax_viewport_get_image_height(self->viewport));
  return p;
}

static AxPoint to_view(AxViewport *viewport, double x, double y) {
  AxPoint p;

  ax_viewport_to_view(viewport, x, y, &p.x, &p.y);
  return p;
}

static gboolean has_corners(const AxMark *mark) { return mark->kind == AX_MARK_REGION || mark->kind == AX_MARK_BOX; }

/* The corners in the order of points 0 and 1 first, so that a handle's number says which coordinates it moves. */
guint ax_mark_handles(const AxMark *mark, AxViewport *viewport, AxPoint handles[AX_MAX_HANDLES]) {
  const AxPoint *p = mark->points;
  guint n = ax_mark_n_points(mark->kind);

  for (guint i = 0; i < n; i++)
    handles[i] = to_view(viewport, p[i].x, p[i].y);
  if (!has_corners(mark))
    return n;
  handles[2] = to_view(viewport, p[1].x, p[0].y);
  handles[3] = to_view(viewport, p[0].x, p[1].y);
  return 4;
}

static double distance_to_line(AxPoint p, AxPoint a, AxPoint b) {
  double dx = b.x - a.x, dy = b.y - a.y, square = dx * dx + dy * dy;
  double t = square > 0 ? CLAMP(((p.x - a.x) * dx + (p.y - a.y) * dy) / square, 0, 1) : 0;

  return hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

static double distance_to_ellipse(AxPoint p, AxPoint a, AxPoint b) {
  double rx = fabs(b.x - a.x) / 2, ry = fabs(b.y - a.y) / 2, x = p.x - (a.x + b.x) / 2, y = p.y - (a.y + b.y) / 2;
  double r = rx > 0 && ry > 0 ? hypot(x / rx, y / ry) : 0;

  return r > 0 ? fabs(1 - 1 / r) * hypot(x, y) : G_MAXDOUBLE;
}

static double distance_to_mark(const AxMark *mark, AxViewport *viewport, AxPoint p) {
  AxPoint h[AX_MAX_HANDLES];

  ax_mark_handles(mark, viewport, h);
  switch (mark->kind) {
  case AX_MARK_LENGTH: return distance_to_line(p, h[0], h[1]);
  case AX_MARK_ANGLE: return MIN(distance_to_line(p, h[0], h[1]), distance_to_line(p, h[1], h[2]));
  case AX_MARK_RATIO: return MIN(distance_to_line(p, h[0], h[1]), distance_to_line(p, h[2], h[3]));
  case AX_MARK_REGION: return distance_to_ellipse(p, h[0], h[1]);
  case AX_MARK_BOX:
    return MIN(MIN(distance_to_line(p, h[0], h[2]), distance_to_line(p, h[2], h[1])),
               MIN(distance_to_line(p, h[1], h[3]), distance_to_line(p, h[3], h[0])));
  default: return G_MAXDOUBLE;
  }
}

guint ax_mark_tool_find(AxMarkTool *self, double x, double y) {
  double best = LINE_REACH;
  guint found = 0;

  for (guint i = 0; i < ax_marks_get_n(self->marks); i++) {
    const AxMark *mark = ax_marks_get(self->marks, i);
    double distance = distance_to_mark(mark, self->viewport, (AxPoint){x, y});

    if (distance <= best) {
      best = distance;
      found = mark->id;
    }
  }
  return found;
}

static int find_handle(AxMarkTool *self, const AxMark *mark, double x, double y) {
  AxPoint h[AX_MAX_HANDLES];
  guint n = ax_mark_handles(mark, self->viewport, h);
  double best = HANDLE_REACH;
  int found = -1;

  for (guint i = 0; i < n; i++)
    if (hypot(h[i].x - x, h[i].y - y) <= best) {
      best = hypot(h[i].x - x, h[i].y - y);
      found = (int)i;
    }
  return found;
}

/* Moves a handle to p, or with handle -1 the whole mark by (p - last). */
static void move_to(AxMarkTool *self, guint id, int handle, AxPoint p) {
  const AxMark *mark = ax_marks_find(self->marks, id);
  AxPoint points[AX_MAX_POINTS];
  AxBox box;
  double dx, dy;

  if (!mark)
    return;
  memcpy(points, mark->points, sizeof points);
  if (handle < 0) {
    box = ax_mark_get_box(mark);
    dx = CLAMP(p.x - self->last.x, -box.x1, ax_viewport_get_image_width(self->viewport) - box.x2);
    dy = CLAMP(p.y - self->last.y, -box.y1, ax_viewport_get_image_height(self->viewport) - box.y2);
    for (guint i = 0; i < ax_mark_n_points(mark->kind); i++)
      points[i].x += dx, points[i].y += dy;
    self->last.x += dx, self->last.y += dy;
  } else if (has_corners(mark)) {
    *(handle == 0 || handle == 3 ? &points[0].x : &points[1].x) = p.x;
    *(handle == 0 || handle == 2 ? &points[0].y : &points[1].y) = p.y;
  } else {
    points[handle] = p;
    if (mark->kind == AX_MARK_RATIO) /* each caliper stays level */
      points[handle ^ 1].y = p.y;
  }
  ax_marks_set_points(self->marks, id, points);
}

/* ---- pointer ---- */

static void set_tool(AxMarkTool *self, AxTool tool) {
  if (self->tool == tool)
    return;
  self->tool = tool;
  g_signal_emit(self, tool_changed_signal, 0);
}

static void finish(AxMarkTool *self, const char *name) {
  self->state = IDLE;
  ax_marks_end(self->marks, name, 0);
  set_tool(self, AX_TOOL_SELECT);
}

static void begin_drawing(AxMarkTool *self, AxPoint p) {
  AxMark mark = {.kind = kind_of_tool[self->tool]};

  for (guint i = 0; i < AX_MAX_POINTS; i++)
    mark.points[i] = p;
  ax_marks_begin(self->marks);
  self->id = ax_marks_add(self->marks, &mark);
  self->handle = 1;
  self->state = DRAWING;
}

gboolean ax_mark_tool_press(AxMarkTool *self, double x, double y) {
  AxPoint p = to_image(self, x, y);
  const AxMark *selected;
  guint found;

  g_return_val_if_fail(AX_IS_MARK_TOOL(self), FALSE);
  self->press_x = x, self->press_y = y;
  if (self->state == FOLLOWING) {
    ax_mark_tool_drag(self, x, y);
    return TRUE;
  }
  if (self->tool != AX_TOOL_SELECT) {
    begin_drawing(self, p);
    return TRUE;
  }
  selected = ax_marks_find(self->marks, ax_marks_get_selected(self->marks));
  self->handle = selected ? find_handle(self, selected, x, y) : -1;
  found = self->handle >= 0 ? selected->id : ax_mark_tool_find(self, x, y);
  ax_marks_select(self->marks, found);
  if (!found)
    return FALSE;
  self->id = found;
  self->last = p;
  self->state = MOVING;
  ax_marks_begin(self->marks);
  return TRUE;
}

void ax_mark_tool_drag(AxMarkTool *self, double x, double y) {
  AxPoint p = to_image(self, x, y);
  const AxMark *mark;

  if (self->state == IDLE)
    return;
  mark = ax_marks_find(self->marks, self->id);
  if (self->state != MOVING && mark && mark->kind == AX_MARK_ANGLE && self->handle == 1) {
    /* The side that is not drawn yet lies on the vertex. */
    AxPoint points[AX_MAX_POINTS] = {mark->points[0], p, p};

    ax_marks_set_points(self->marks, self->id, points);
    return;
  }
  move_to(self, self->id, self->handle, p);
}

void ax_mark_tool_release(AxMarkTool *self, double x, double y) {
  const AxMark *mark = ax_marks_find(self->marks, self->id);
  gboolean click = hypot(x - self->press_x, y - self->press_y) < CLICK_REACH;

  if (self->state == IDLE || !mark)
    return;
  ax_mark_tool_drag(self, x, y);
  if (self->state == MOVING) {
    finish(self, _("Move"));
  } else if (self->state == DRAWING && click) {
    self->state = FOLLOWING; /* a click, a move, a click */
  } else if (mark->kind == AX_MARK_ANGLE && self->handle == 1) {
    self->handle = 2;
    self->state = FOLLOWING;
  } else {
    self->handle = -1;
    finish(self, _("Draw"));
  }
}

gboolean ax_mark_tool_motion(AxMarkTool *self, double x, double y) {
  if (self->state != FOLLOWING)
    return FALSE;
  ax_mark_tool_drag(self, x, y);
  return TRUE;
}

gboolean ax_mark_tool_cancel(AxMarkTool *self) {
  g_return_val_if_fail(AX_IS_MARK_TOOL(self), FALSE);
  if (self->state != IDLE) {
    self->state = IDLE;
    ax_marks_cancel(self->marks);
    set_tool(self, AX_TOOL_SELECT);
    return TRUE;
  }
  if (self->tool != AX_TOOL_SELECT) {
    set_tool(self, AX_TOOL_SELECT);
    return TRUE;
  }
  if (ax_marks_get_selected(self->marks)) {
    ax_marks_select(self->marks, 0);
    return TRUE;
  }
  return FALSE;
}

/* ---- keys ---- */

gboolean ax_mark_tool_place(AxMarkTool *self) {
  double x = ax_viewport_get_view_width(self->viewport) / 2, y = ax_viewport_get_view_height(self->viewport) / 2, d = MIN(x, y) / 3;
  AxMark mark;

  g_return_val_if_fail(AX_IS_MARK_TOOL(self), FALSE);
  if (self->tool == AX_TOOL_SELECT || self->state != IDLE)
    return FALSE;
  mark = (AxMark){.kind = kind_of_tool[self->tool]};
  mark.points[0] = to_image(self, x - d, mark.kind == AX_MARK_LENGTH ? y : y - d);
  mark.points[1] = mark.kind == AX_MARK_ANGLE ? to_image(self, x, y + d) : to_image(self, x + d, mark.kind == AX_MARK_LENGTH ? y : y + d);
  mark.points[2] = to_image(self, x + d, y - d);
  ax_marks_add(self->marks, &mark);
  self->handle = 0;
  set_tool(self, AX_TOOL_SELECT);
  return TRUE;
}

/* Steps of one image pixel along the view's axes, as steps in the image. */
static void turn_back(AxMarkTool *self, double *dx, double *dy) {
  double x0, y0, x1, y1, zoom = ax_viewport_get_zoom(self->viewport);

  ax_viewport_to_image(self->viewport, 0, 0, &x0, &y0);
  ax_viewport_to_image(self->viewport, *dx * zoom, *dy * zoom, &x1, &y1);
  *dx = round((x1 - x0) * 1e6) / 1e6;
  *dy = round((y1 - y0) * 1e6) / 1e6;
}

gboolean ax_mark_tool_nudge(AxMarkTool *self, double dx, double dy) {
  const AxMark *mark = ax_marks_find(self->marks, ax_marks_get_selected(self->marks));
  guint id;
  AxPoint p, from;

  if (!mark || self->state != IDLE)
    return FALSE;
  id = mark->id;
  turn_back(self, &dx, &dy);
  if (self->handle < 0) {
    from = mark->points[0];
  } else if (has_corners(mark)) {
    from.x = self->handle == 0 || self->handle == 3 ? mark->points[0].x : mark->points[1].x;
    from.y = self->handle == 0 || self->handle == 2 ? mark->points[0].y : mark->points[1].y;
  } else {
    from = mark->points[MIN(self->handle, (int)ax_mark_n_points(mark->kind) - 1)];
  }
  self->last = from;
  p.x = from.x + dx, p.y = from.y + dy;
  if (self->handle >= 0) {
    p.x = CLAMP(p.x, 0, ax_viewport_get_image_width(self->viewport));
    p.y = CLAMP(p.y, 0, ax_viewport_get_image_height(self->viewport));
  }
  ax_marks_begin(self->marks);
  move_to(self, id, self->handle, p);
  ax_marks_end(self->marks, _("Move"), id * 8 + (guint)self->handle + 2);
  return TRUE;
}

gboolean ax_mark_tool_select_next(AxMarkTool *self, int step) {
  guint n = ax_marks_get_n(self->marks), selected = ax_marks_get_selected(self->marks);
  int number = step > 0 ? -1 : (int)n;

  if (n == 0 || self->state != IDLE)
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (ax_marks_get(self->marks, i)->id == selected)
      number = (int)i;
  number = (number + step + (int)n) % (int)n;
  self->handle = -1;
  ax_marks_select(self->marks, ax_marks_get(self->marks, number)->id);
  return TRUE;
}

gboolean ax_mark_tool_next_handle(AxMarkTool *self) {
  const AxMark *mark = ax_marks_find(self->marks, ax_marks_get_selected(self->marks));
  AxPoint handles[AX_MAX_HANDLES];

  if (!mark || self->state != IDLE)
    return FALSE;
  self->handle = self->handle + 1 < (int)ax_mark_handles(mark, self->viewport, handles) ? self->handle + 1 : -1;
  g_signal_emit_by_name(self->marks, "changed");
  return TRUE;
}

int ax_mark_tool_get_handle(AxMarkTool *self) { return self->handle; }
AxTool ax_mark_tool_get_tool(AxMarkTool *self) { return self->tool; }

void ax_mark_tool_set_tool(AxMarkTool *self, AxTool tool) {
  g_return_if_fail(AX_IS_MARK_TOOL(self) && (guint)tool < AX_N_TOOLS);
  if (self->state != IDLE)
    ax_mark_tool_cancel(self);
  set_tool(self, tool);
}

/* ---- GObject ---- */

static void ax_mark_tool_finalize(GObject *object) {
  AxMarkTool *self = AX_MARK_TOOL(object);

  g_clear_object(&self->marks);
  g_clear_object(&self->viewport);
  G_OBJECT_CLASS(ax_mark_tool_parent_class)->finalize(object);
}

static void ax_mark_tool_class_init(AxMarkToolClass *klass) {
  G_OBJECT_CLASS(klass)->finalize = ax_mark_tool_finalize;
  tool_changed_signal = g_signal_new("tool-changed", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ax_mark_tool_init(AxMarkTool *self) { self->handle = -1; }

AxMarkTool *ax_mark_tool_new(AxMarks *marks, AxViewport *viewport) {
  AxMarkTool *self = g_object_new(AX_TYPE_MARK_TOOL, NULL);

  self->marks = g_object_ref(marks);
  self->viewport = g_object_ref(viewport);
  return self;
}
