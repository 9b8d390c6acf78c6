#include "ui/view-link.h"

struct _AxViewLink {
  GObject parent_instance;
  AxViewport *views[2];
  double ranges[2];
  gboolean enabled, following;
};

G_DEFINE_FINAL_TYPE(AxViewLink, ax_view_link, G_TYPE_OBJECT)

static void follow(AxViewLink *self, int leader) {
  AxViewport *from = self->views[leader], *to = self->views[!leader];
  double scale = self->ranges[!leader] / self->ranges[leader];

  if (!self->enabled || self->following || ax_viewport_get_image_width(from) <= 0 || ax_viewport_get_image_width(to) <= 0)
    return;
  self->following = TRUE;
  ax_viewport_set_rotation(to, ax_viewport_get_rotation(from));
  ax_viewport_set_mirrored(to, ax_viewport_get_mirrored(from));
  ax_viewport_set_inverted(to, ax_viewport_get_inverted(from));
  ax_viewport_set_window(to, ax_viewport_get_window_center(from) * scale, ax_viewport_get_window_width(from) * scale);
  if (ax_viewport_get_fitted(from)) {
    ax_viewport_fit(to);
  } else {
    ax_viewport_set_zoom(to, ax_viewport_get_zoom(from) / ax_viewport_get_fit_zoom(from) * ax_viewport_get_fit_zoom(to));
    ax_viewport_set_center(to, ax_viewport_get_center_x(from) / ax_viewport_get_image_width(from) * ax_viewport_get_image_width(to),
                           ax_viewport_get_center_y(from) / ax_viewport_get_image_height(from) * ax_viewport_get_image_height(to));
  }
  self->following = FALSE;
}

static void on_first(AxViewLink *self) { follow(self, 0); }
static void on_second(AxViewLink *self) { follow(self, 1); }

void ax_view_link_set_ranges(AxViewLink *self, double range_a, double range_b) {
  g_return_if_fail(AX_IS_VIEW_LINK(self) && range_a > 0 && range_b > 0);
  self->ranges[0] = range_a;
  self->ranges[1] = range_b;
}

void ax_view_link_set_enabled(AxViewLink *self, gboolean enabled) {
  g_return_if_fail(AX_IS_VIEW_LINK(self));
  self->enabled = !!enabled;
  follow(self, 0);
}

gboolean ax_view_link_get_enabled(AxViewLink *self) { return self->enabled; }

static void ax_view_link_finalize(GObject *object) {
  AxViewLink *self = AX_VIEW_LINK(object);

  for (int i = 0; i < 2; i++) {
    g_signal_handlers_disconnect_by_data(self->views[i], self);
    g_object_unref(self->views[i]);
  }
  G_OBJECT_CLASS(ax_view_link_parent_class)->finalize(object);
}

static void ax_view_link_class_init(AxViewLinkClass *klass) { G_OBJECT_CLASS(klass)->finalize = ax_view_link_finalize; }

static void ax_view_link_init(AxViewLink *self) { self->ranges[0] = self->ranges[1] = 255; }

AxViewLink *ax_view_link_new(AxViewport *a, AxViewport *b) {
  AxViewLink *self = g_object_new(AX_TYPE_VIEW_LINK, NULL);

  self->views[0] = g_object_ref(a);
  self->views[1] = g_object_ref(b);
  g_signal_connect_swapped(a, "changed", G_CALLBACK(on_first), self);
  g_signal_connect_swapped(b, "changed", G_CALLBACK(on_second), self);
  return self;
}
