#include "tests/bench/hand.h"

#include <gdk/x11/gdkx.h>
#include <stdio.h>

static GtkWindow *window;
static GtkWidget *(*get_picture)(void);
static FILE *xdotool;

void ax_hand_begin(GtkWindow *of, int width, int height, GtkWidget *(*picture)(void)) {
  gulong xid = gdk_x11_surface_get_xid(gtk_native_get_surface(GTK_NATIVE(of)));

  window = of;
  get_picture = picture;
  xdotool = popen("xdotool -", "w");
  fprintf(xdotool, "windowmove %lu 0 0\nwindowsize %lu %d %d\nwindowfocus %lu\n", xid, xid, width, height, xid);
  fflush(xdotool);
}

/* ---- from the script's thread to the main loop and back ---- */

typedef struct {
  GSourceFunc function;
  gpointer data;
  gboolean result, done;
  GMutex lock;
  GCond cond;
} Call;

static gboolean on_call(gpointer data) {
  Call *call = data;
  gboolean result = call->function(call->data);

  g_mutex_lock(&call->lock);
  call->result = result;
  call->done = TRUE;
  g_cond_signal(&call->cond);
  g_mutex_unlock(&call->lock);
  return G_SOURCE_REMOVE;
}

gboolean ax_hand_call(GSourceFunc function, gpointer data) {
  Call c = {.function = function, .data = data};

  g_mutex_init(&c.lock);
  g_cond_init(&c.cond);
  g_idle_add_full(G_PRIORITY_DEFAULT, on_call, &c, NULL);
  g_mutex_lock(&c.lock);
  while (!c.done)
    g_cond_wait(&c.cond, &c.lock);
  g_mutex_unlock(&c.lock);
  g_mutex_clear(&c.lock);
  g_cond_clear(&c.cond);
  return c.result;
}

void ax_hand_rest(guint ms) { g_usleep(ms * 1000); }

gboolean ax_hand_wait_for(GSourceFunc condition, double seconds) {
  gint64 end = g_get_monotonic_time() + (gint64)(seconds * G_USEC_PER_SEC);

  while (!ax_hand_call(condition, NULL)) {
    if (g_get_monotonic_time() > end)
      return FALSE;
    ax_hand_rest(30);
  }
  return TRUE;
}

void ax_hand_type(const char *format, ...) {
  va_list args;

  va_start(args, format);
  vfprintf(xdotool, format, args);
  va_end(args);
  fputc('\n', xdotool);
  fflush(xdotool);
  ax_hand_rest(60);
}

/* ---- the pointer ---- */

typedef struct {
  double u, v, x, y; /* a place on the picture in shares of it, and on the screen */
} Place;

static gboolean find_place(gpointer data) {
  Place *place = data;
  GtkWidget *canvas = get_picture();
  graphene_point_t point;
  double dx, dy;

  if (!gtk_widget_compute_point(canvas, GTK_WIDGET(window),
                                &GRAPHENE_POINT_INIT((float)(place->u * gtk_widget_get_width(canvas)), (float)(place->v * gtk_widget_get_height(canvas))), &point))
    return FALSE;
  gtk_native_get_surface_transform(GTK_NATIVE(window), &dx, &dy);
  place->x = point.x + dx;
  place->y = point.y + dy;
  return TRUE;
}

void ax_hand_point_at(double u, double v) {
  Place place = {.u = u, .v = v};

  ax_hand_call(find_place, &place);
  ax_hand_type("mousemove %d %d", (int)place.x, (int)place.y);
}

void ax_hand_drag(int button, double u1, double v1, double u2, double v2, int steps) {
  ax_hand_point_at(u1, v1);
  ax_hand_type("mousedown %d", button);
  for (int i = 1; i <= steps; i++) {
    Place place = {.u = u1 + (u2 - u1) * i / steps, .v = v1 + (v2 - v1) * i / steps};

    ax_hand_call(find_place, &place);
    fprintf(xdotool, "mousemove %d %d\n", (int)place.x, (int)place.y);
    fflush(xdotool);
    ax_hand_rest(15);
  }
  ax_hand_type("mouseup %d", button);
}
