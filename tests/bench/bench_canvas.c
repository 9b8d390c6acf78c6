/* Frame times of the canvas while the grey window changes on every frame: bench_canvas [WIDTH HEIGHT [FRAMES [BUSY [NICE]]]]
 * A 3000 x 3000 image of 16 bits with 36 boxes in a window of WIDTH x HEIGHT (default 1200 x 1200). A frame's time is the work of the main
 * thread from the frame clock's "before-paint" to its "after-paint": layout, drawing and handing over, without waiting for
 * the screen. BUSY threads compute meanwhile, as the model would, NICE steps behind (default 5, as the application puts them; 0: beside it). Needs a display (tests/ui/with-xvfb --size 1400x1400 gives one);
 * GSK_RENDERER=cairo is the software renderer. Prints, and fails nothing: times belong to a machine. */
#include "ui/canvas.h"

#include <adwaita.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SIDE 3000
#define WARM_UP 10

static int wanted = 300, frame, nice_steps = 5;
static double *times, *cpu_times;
static gint64 began, cpu_began;
static gboolean stop;
static AxCanvas *canvas;
static volatile double sink;

static AxImage *make_image(void) {
  g_autofree guint16 *pixels = g_new(guint16, (gsize)SIDE * SIDE);

  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++)
      pixels[(gsize)y * SIDE + x] = (guint16)((x * 13 + y * 7 + (x * y >> 8)) & 0xffff);
  return ax_image_new_from_u16(SIDE, SIDE, 16, pixels, NULL);
}

static void set_boxes(void) {
  AxBox boxes[AX_N_ANATOMY];

  for (int i = 0; i < AX_N_ANATOMY; i++) {
    double x = 150 + (i % 6) * 420, y = 150 + (i / 6) * 420;

    boxes[i] = (AxBox){x, y, x + 500 + 13 * i, y + 500 + 11 * i};
  }
  ax_box_layer_set_boxes(ax_canvas_get_box_layer(canvas), boxes);
}

/* Time that the main thread itself has computed, in microseconds: what another program on the same cores cannot spoil. */
static gint64 cpu_now(void) {
  struct timespec now;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (gint64)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static void on_before_paint(GdkFrameClock *clock, gpointer data) {
  began = g_get_monotonic_time();
  cpu_began = cpu_now();
}

static void on_after_paint(GdkFrameClock *clock, gpointer data) {
  if (frame >= WARM_UP && frame - WARM_UP < wanted) {
    times[frame - WARM_UP] = (g_get_monotonic_time() - began) / 1000.0;
    cpu_times[frame - WARM_UP] = (cpu_now() - cpu_began) / 1000.0;
  }
  frame++;
}

static gboolean on_tick(GtkWidget *widget, GdkFrameClock *clock, gpointer data) {
  double t = frame * 0.05;

  ax_viewport_set_window(ax_canvas_get_viewport(canvas), 32768 + 16000 * sin(t), 30000 + 20000 * cos(t));
  return G_SOURCE_CONTINUE;
}

static gpointer burn(gpointer data) {
  double sum = 0;

  setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), nice_steps);
  while (!g_atomic_int_get(&stop))
    for (int i = 1; i < 100000; i++)
      sum += sqrt(i) * (double)i;
  sink = sum;
  return NULL;
}

static int compare(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

static void print_times(const char *what, double *of) {
  double sum = 0;
  int late = 0;

  for (int i = 0; i < wanted; i++) {
    sum += of[i];
    late += of[i] > 1000.0 / 60;
  }
  qsort(of, wanted, sizeof *of, compare);
  printf("%s, ms: mean %.1f  median %.1f  95%% %.1f  99%% %.1f  worst %.1f; %d of %d over %.1f; %.0f frames/s\n", what, sum / wanted, of[wanted / 2],
         of[wanted * 95 / 100], of[wanted * 99 / 100], of[wanted - 1], late, wanted, 1000.0 / 60, 1000 * wanted / sum);
}

int main(int argc, char **argv) {
  int width = argc > 2 ? atoi(argv[1]) : 1200, height = argc > 2 ? atoi(argv[2]) : 1200, busy = argc > 4 ? atoi(argv[4]) : 0;
  g_autoptr(AxImage) image = make_image();
  g_autoptr(AxPyramid) pyramid = NULL;
  GtkWidget *window;
  GdkFrameClock *clock;

  if (argc > 3)
    wanted = MAX(atoi(argv[3]), 10);
  if (argc > 5)
    nice_steps = atoi(argv[5]);
  if (!gtk_init_check()) {
    fprintf(stderr, "bench_canvas: no display; run it under tests/ui/with-xvfb\n");
    return 1;
  }
  adw_init();
  times = g_new0(double, wanted);
  cpu_times = g_new0(double, wanted);
  pyramid = ax_pyramid_new(image);
  window = gtk_window_new();
  canvas = AX_CANVAS(ax_canvas_new());
  gtk_window_set_decorated(GTK_WINDOW(window), FALSE);
  gtk_window_set_default_size(GTK_WINDOW(window), width, height);
  gtk_window_set_child(GTK_WINDOW(window), GTK_WIDGET(canvas));
  ax_canvas_set_pyramid(canvas, pyramid);
  set_boxes();
  gtk_window_present(GTK_WINDOW(window));
  clock = gtk_widget_get_frame_clock(GTK_WIDGET(canvas));
  g_signal_connect(clock, "before-paint", G_CALLBACK(on_before_paint), NULL);
  g_signal_connect_after(clock, "after-paint", G_CALLBACK(on_after_paint), NULL);
  gtk_widget_add_tick_callback(GTK_WIDGET(canvas), on_tick, NULL, NULL);
  for (int i = 0; i < busy; i++)
    g_thread_unref(g_thread_new("busy", burn, NULL));
  while (frame < wanted + WARM_UP)
    g_main_context_iteration(NULL, TRUE);
  g_atomic_int_set(&stop, TRUE);

  printf("image %d x %d, 16 bit; view %d x %d; %d boxes; %s; %d busy threads, %d steps behind\n", SIDE, SIDE, gtk_widget_get_width(GTK_WIDGET(canvas)),
         gtk_widget_get_height(GTK_WIDGET(canvas)), AX_N_ANATOMY,
         G_OBJECT_TYPE_NAME(gtk_native_get_renderer(GTK_NATIVE(window))), busy, nice_steps);
  print_times("frame time", times);
  print_times("computed by the main thread", cpu_times);
  g_free(cpu_times);
  g_free(times);
  gtk_window_destroy(GTK_WINDOW(window));
  return 0;
}
