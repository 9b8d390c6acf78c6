#include "ui/viewport.h"

#include <math.h>

struct _AxViewport {
  GObject parent_instance;
  double image_width, image_height;
  double view_width, view_height;
  double zoom, center_x, center_y;
  double window_center, window_width;
  int rotation;
  gboolean mirrored, fitted, inverted;
  gboolean dirty; /* a property changed since the last "changed" */
};

enum {
  PROP_0,
  PROP_IMAGE_WIDTH,
  PROP_IMAGE_HEIGHT,
  PROP_VIEW_WIDTH,
  PROP_VIEW_HEIGHT,
  PROP_ZOOM,
  PROP_CENTER_X,
  PROP_CENTER_Y,
  PROP_ROTATION,
  PROP_MIRRORED,
  PROP_FITTED,
  PROP_WINDOW_CENTER,
  PROP_WINDOW_WIDTH,
  PROP_INVERTED,
  N_PROPS
};

static GParamSpec *props[N_PROPS];
static guint changed_signal;

G_DEFINE_FINAL_TYPE(AxViewport, ax_viewport, G_TYPE_OBJECT)

/* ---- setting with notify ---- */

static void put_double(AxViewport *self, double *field, double value, int prop) {
  if (*field == value)
    return;
  *field = value;
  self->dirty = TRUE;
  g_object_notify_by_pspec(G_OBJECT(self), props[prop]);
}

static void put_bool(AxViewport *self, gboolean *field, gboolean value, int prop) {
  value = !!value;
  if (*field == value)
    return;
  *field = value;
  self->dirty = TRUE;
  g_object_notify_by_pspec(G_OBJECT(self), props[prop]);
}

/* Every public setter runs between begin() and end(): notifications are queued so that a handler sees a whole new state. */
static void begin(AxViewport *self) { g_object_freeze_notify(G_OBJECT(self)); }

static void end(AxViewport *self) {
  gboolean dirty = self->dirty;

  self->dirty = FALSE;
  g_object_thaw_notify(G_OBJECT(self));
  if (dirty)
    g_signal_emit(self, changed_signal, 0);
}

/* ---- transforms ----
 * view = view centre + zoom * R(rotation) * M(mirrored) * (image - centre): mirrored first, then turned clockwise. */

static void turn(AxViewport *self, double x, double y, double *out_x, double *out_y) {
  if (self->mirrored)
    x = -x;
  switch (self->rotation) {
  case 90:
    *out_x = -y, *out_y = x;
    break;
  case 180:
    *out_x = -x, *out_y = -y;
    break;
  case 270:
    *out_x = y, *out_y = -x;
    break;
  default:
    *out_x = x, *out_y = y;
  }
}

static void turn_back(AxViewport *self, double x, double y, double *out_x, double *out_y) {
  double tx, ty;

  switch (self->rotation) {
  case 90:
    tx = y, ty = -x;
    break;
  case 180:
    tx = -x, ty = -y;
    break;
  case 270:
    tx = -y, ty = x;
    break;
  default:
    tx = x, ty = y;
  }
  *out_x = self->mirrored ? -tx : tx;
  *out_y = ty;
}

void ax_viewport_to_image(AxViewport *self, double view_x, double view_y, double *x, double *y) {
  double dx, dy;

  turn_back(self, (view_x - self->view_width / 2) / self->zoom, (view_y - self->view_height / 2) / self->zoom, &dx, &dy);
  *x = self->center_x + dx;
  *y = self->center_y + dy;
}

void ax_viewport_to_view(AxViewport *self, double x, double y, double *view_x, double *view_y) {
  double dx, dy;

  turn(self, x - self->center_x, y - self->center_y, &dx, &dy);
  *view_x = self->view_width / 2 + self->zoom * dx;
  *view_y = self->view_height / 2 + self->zoom * dy;
}

AxBox ax_viewport_box_to_view(AxViewport *self, AxBox box) {
  double ax, ay, bx, by;

  ax_viewport_to_view(self, box.x1, box.y1, &ax, &ay);
  ax_viewport_to_view(self, box.x2, box.y2, &bx, &by);
  return (AxBox){MIN(ax, bx), MIN(ay, by), MAX(ax, bx), MAX(ay, by)};
}

/* ---- zoom and place ---- */

double ax_viewport_get_fit_zoom(AxViewport *self) {
  gboolean lying = self->rotation == 90 || self->rotation == 270;
  double width = lying ? self->image_height : self->image_width;
  double height = lying ? self->image_width : self->image_height;

  if (width <= 0 || height <= 0 || self->view_width <= 0 || self->view_height <= 0)
    return 1;
  return MIN(MIN(self->view_width / width, self->view_height / height), AX_VIEWPORT_MAX_ZOOM);
}

/* Below a quarter of the fitting zoom the image is a stamp that one loses; above 64 one sees nothing but pixels. */
static double clamp_zoom(AxViewport *self, double zoom) {
  double lowest = MIN(ax_viewport_get_fit_zoom(self) / 4, 1.0);

  return isfinite(zoom) ? CLAMP(zoom, lowest, AX_VIEWPORT_MAX_ZOOM) : self->zoom;
}

static void apply_fit(AxViewport *self) {
  put_double(self, &self->zoom, ax_viewport_get_fit_zoom(self), PROP_ZOOM);
  put_double(self, &self->center_x, self->image_width / 2, PROP_CENTER_X);
  put_double(self, &self->center_y, self->image_height / 2, PROP_CENTER_Y);
}

static void put_center(AxViewport *self, double x, double y) {
  put_double(self, &self->center_x, CLAMP(x, 0, self->image_width), PROP_CENTER_X);
  put_double(self, &self->center_y, CLAMP(y, 0, self->image_height), PROP_CENTER_Y);
}

void ax_viewport_set_image_size(AxViewport *self, double width, double height) {
  g_return_if_fail(AX_IS_VIEWPORT(self));
  begin(self);
  put_double(self, &self->image_width, MAX(width, 0), PROP_IMAGE_WIDTH);
  put_double(self, &self->image_height, MAX(height, 0), PROP_IMAGE_HEIGHT);
  put_bool(self, &self->fitted, TRUE, PROP_FITTED);
  apply_fit(self);
  end(self);
}

void ax_viewport_set_view_size(AxViewport *self, double width, double height) {
  g_return_if_fail(AX_IS_VIEWPORT(self));
  begin(self);
  put_double(self, &self->view_width, MAX(width, 0), PROP_VIEW_WIDTH);
  put_double(self, &self->view_height, MAX(height, 0), PROP_VIEW_HEIGHT);
  if (self->fitted)
    apply_fit(self);
  end(self);
}

void ax_viewport_set_zoom(AxViewport *self, double zoom) {
  g_return_if_fail(AX_IS_VIEWPORT(self));
  begin(self);
  put_double(self, &self->zoom, clamp_zoom(self, zoom), PROP_ZOOM);
  put_bool(self, &self->fitted, FALSE, PROP_FITTED);
  end(self);
}

void ax_viewport_set_center(AxViewport *self, double x, double y) {
  g_return_if_fail(AX_IS_VIEWPORT(self));
  begin(self);
  put_center(self, x, y);
  put_bool(self, &self->fitted, FALSE, PROP_FITTED);
  end(self);
}

void ax_viewport_fit(AxViewport *self) {
  g_return_if_fail(AX_IS_VIEWPORT(self));
  begin(self);
  put_bool(self, &self->fitted, TRUE, PROP_FITTED);
  apply_fit(self);
  end(self);
}

void ax_viewport_one_to_one(AxViewport *self, double device_scale) {
  ax_viewport_set_zoom(self, 1.0 / MAX(device_scale, 1.0));
}

void ax_viewport_zoom_at(AxViewport *self, double x, double y, double factor) {
  double px, py, dx, dy, zoom;

  g_return_if_fail(AX_IS_VIEWPORT(self));
  zoom = clamp_zoom(self, self->zoom * factor);
  if (zoom == self->zoom)
    return;
  ax_viewport_to_image(self, x, y, &px, &py);
  turn_back(self, (x - self->view_width / 2) / zoom, (y - self->view_height / 2) / zoom, &dx, &dy);
  begin(self);
  put_double(self, &self->zoom, zoom, PROP_ZOOM);
  /* Not clamped to the image: the point under the pointer must not slip. */
  put_double(self, &self->center_x, px - dx, PROP_CENTER_X);
  put_double(self, &self->center_y, py - dy, PROP_CENTER_Y);
  put_bool(self, &self->fitted, FALSE, PROP_FITTED);
  end(self);
}

void ax_viewport_pan(AxViewport *self, double dx, double dy) {
  double ix, iy;

  g_return_if_fail(AX_IS_VIEWPORT(self));
  turn_back(self, dx / self->zoom, dy / self->zoom, &ix, &iy);
  ax_viewport_set_center(self, self->center_x - ix, self->center_y - iy);
}

void ax_viewport_set_rotation(AxViewport *self, int degrees) {
  g_return_if_fail(AX_IS_VIEWPORT(self));
  g_return_if_fail(degrees % 90 == 0);
  degrees = ((degrees % 360) + 360) % 360;
  begin(self);
  if (self->rotation != degrees) {
    self->rotation = degrees;
    self->dirty = TRUE;
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_ROTATION]);
  }
  if (self->fitted)
    apply_fit(self);
  end(self);
}

void ax_viewport_set_mirrored(AxViewport *self, gboolean mirrored) {
  g_return_if_fail(AX_IS_VIEWPORT(self));
  begin(self);
  put_bool(self, &self->mirrored, mirrored, PROP_MIRRORED);
  end(self);
}

void ax_viewport_set_window(AxViewport *self, double center, double width) {
  g_return_if_fail(AX_IS_VIEWPORT(self));
  if (!isfinite(center) || !isfinite(width))
    return;
  begin(self);
  put_double(self, &self->window_center, CLAMP(center, -65535, 131070), PROP_WINDOW_CENTER);
  put_double(self, &self->window_width, CLAMP(width, 1, 131070), PROP_WINDOW_WIDTH);
  end(self);
}

void ax_viewport_set_inverted(AxViewport *self, gboolean inverted) {
  g_return_if_fail(AX_IS_VIEWPORT(self));
  begin(self);
  put_bool(self, &self->inverted, inverted, PROP_INVERTED);
  end(self);
}

void ax_viewport_follow(AxViewport *self, AxViewport *leader) {
  g_return_if_fail(AX_IS_VIEWPORT(self) && AX_IS_VIEWPORT(leader));
  begin(self);
  put_double(self, &self->zoom, leader->zoom, PROP_ZOOM);
  put_double(self, &self->center_x, leader->center_x, PROP_CENTER_X);
  put_double(self, &self->center_y, leader->center_y, PROP_CENTER_Y);
  put_double(self, &self->window_center, leader->window_center, PROP_WINDOW_CENTER);
  put_double(self, &self->window_width, leader->window_width, PROP_WINDOW_WIDTH);
  put_bool(self, &self->inverted, leader->inverted, PROP_INVERTED);
  if (self->rotation != leader->rotation) {
    self->rotation = leader->rotation;
    self->dirty = TRUE;
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_ROTATION]);
  }
  end(self);
}

/* ---- getters ---- */

double ax_viewport_get_image_width(AxViewport *self) { return self->image_width; }
double ax_viewport_get_image_height(AxViewport *self) { return self->image_height; }
double ax_viewport_get_view_width(AxViewport *self) { return self->view_width; }
double ax_viewport_get_view_height(AxViewport *self) { return self->view_height; }
double ax_viewport_get_zoom(AxViewport *self) { return self->zoom; }
double ax_viewport_get_center_x(AxViewport *self) { return self->center_x; }
double ax_viewport_get_center_y(AxViewport *self) { return self->center_y; }
int ax_viewport_get_rotation(AxViewport *self) { return self->rotation; }
gboolean ax_viewport_get_mirrored(AxViewport *self) { return self->mirrored; }
gboolean ax_viewport_get_fitted(AxViewport *self) { return self->fitted; }
double ax_viewport_get_window_center(AxViewport *self) { return self->window_center; }
double ax_viewport_get_window_width(AxViewport *self) { return self->window_width; }
gboolean ax_viewport_get_inverted(AxViewport *self) { return self->inverted; }

/* ---- GObject ---- */

static void ax_viewport_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec) {
  AxViewport *self = AX_VIEWPORT(object);

  switch (id) {
  case PROP_IMAGE_WIDTH: g_value_set_double(value, self->image_width); break;
  case PROP_IMAGE_HEIGHT: g_value_set_double(value, self->image_height); break;
  case PROP_VIEW_WIDTH: g_value_set_double(value, self->view_width); break;
  case PROP_VIEW_HEIGHT: g_value_set_double(value, self->view_height); break;
  case PROP_ZOOM: g_value_set_double(value, self->zoom); break;
  case PROP_CENTER_X: g_value_set_double(value, self->center_x); break;
  case PROP_CENTER_Y: g_value_set_double(value, self->center_y); break;
  case PROP_ROTATION: g_value_set_int(value, self->rotation); break;
  case PROP_MIRRORED: g_value_set_boolean(value, self->mirrored); break;
  case PROP_FITTED: g_value_set_boolean(value, self->fitted); break;
  case PROP_WINDOW_CENTER: g_value_set_double(value, self->window_center); break;
  case PROP_WINDOW_WIDTH: g_value_set_double(value, self->window_width); break;
  case PROP_INVERTED: g_value_set_boolean(value, self->inverted); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void ax_viewport_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec) {
  AxViewport *self = AX_VIEWPORT(object);

  switch (id) {
  case PROP_ZOOM: ax_viewport_set_zoom(self, g_value_get_double(value)); break;
  case PROP_ROTATION: ax_viewport_set_rotation(self, g_value_get_int(value)); break;
  case PROP_MIRRORED: ax_viewport_set_mirrored(self, g_value_get_boolean(value)); break;
  case PROP_WINDOW_CENTER: ax_viewport_set_window(self, g_value_get_double(value), self->window_width); break;
  case PROP_WINDOW_WIDTH: ax_viewport_set_window(self, self->window_center, g_value_get_double(value)); break;
  case PROP_INVERTED: ax_viewport_set_inverted(self, g_value_get_boolean(value)); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void ax_viewport_class_init(AxViewportClass *klass) {
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  const GParamFlags read = G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;
  const GParamFlags write = read | G_PARAM_WRITABLE;
  const double big = G_MAXDOUBLE;

  object_class->get_property = ax_viewport_get_property;
  object_class->set_property = ax_viewport_set_property;
  props[PROP_IMAGE_WIDTH] = g_param_spec_double("image-width", NULL, NULL, 0, big, 0, read);
  props[PROP_IMAGE_HEIGHT] = g_param_spec_double("image-height", NULL, NULL, 0, big, 0, read);
  props[PROP_VIEW_WIDTH] = g_param_spec_double("view-width", NULL, NULL, 0, big, 0, read);
  props[PROP_VIEW_HEIGHT] = g_param_spec_double("view-height", NULL, NULL, 0, big, 0, read);
  props[PROP_ZOOM] = g_param_spec_double("zoom", NULL, NULL, 0, big, 1, write);
  props[PROP_CENTER_X] = g_param_spec_double("center-x", NULL, NULL, -big, big, 0, read);
  props[PROP_CENTER_Y] = g_param_spec_double("center-y", NULL, NULL, -big, big, 0, read);
  props[PROP_ROTATION] = g_param_spec_int("rotation", NULL, NULL, -3600, 3600, 0, write);
  props[PROP_MIRRORED] = g_param_spec_boolean("mirrored", NULL, NULL, FALSE, write);
  props[PROP_FITTED] = g_param_spec_boolean("fitted", NULL, NULL, TRUE, read);
  props[PROP_WINDOW_CENTER] = g_param_spec_double("window-center", NULL, NULL, -big, big, 127.5, write);
  props[PROP_WINDOW_WIDTH] = g_param_spec_double("window-width", NULL, NULL, 0, big, 255, write);
  props[PROP_INVERTED] = g_param_spec_boolean("inverted", NULL, NULL, FALSE, write);
  g_object_class_install_properties(object_class, N_PROPS, props);
  changed_signal = g_signal_new("changed", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ax_viewport_init(AxViewport *self) {
  self->zoom = 1;
  self->fitted = TRUE;
  self->window_center = 127.5;
  self->window_width = 255;
}

AxViewport *ax_viewport_new(void) { return g_object_new(AX_TYPE_VIEWPORT, NULL); }
