/* A scripted sitting with the whole window: bench_window [--minutes M] [--images FOLDER] [--model FOLDER] [--threads N] [--limit MS] [--only PHASE]
 * Opens images, changes greys, looks, mirrors, measures, asks (where the model has its language part), compares, exports and plays rounds, by real mouse and key
 * events and by the window's actions, for M minutes (default 3; 60 is the sitting of an hour), and measures how long the main loop does not turn
 * (tests/bench/stall.h) and how much memory the program has. Runs under tests/ui/with-xvfb --size 1600x1000. The script has a thread of its own, so that the
 * main loop does nothing but what the program does. Exit status 1 when a turn took more than MS (default 50) of its own time. */
#include "tests/bench/hand.h"
#include "tests/bench/stall.h"

#include "engine/image/png-write.h"
#include "ui/sample-gallery.h"
#include "ui/window-private.h"
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

static AxMainWindow *window;
static AxSession *session;
static char *folder;
static GPtrArray *images;
static char *broken;
static gboolean over;
static char *model, *only, *given;
static double minutes = 3, limit = 50;
static int threads, exit_status;
static gint64 script_began;
static guint n_opened, n_asked, n_cancelled, n_answered;

/* ---- what is asked of the main loop ---- */

/* Without a model nothing comes that could be waited for. */
static gboolean is_answered(AxDocument *document, gboolean mirrored) { return ax_session_get_error(session) || ax_document_get_perception(document, mirrored); }
static gboolean is_perceived(gpointer data) { return is_answered(window->document, FALSE); }
static gboolean is_mirrored(gpointer data) { return is_answered(window->document, TRUE); }
static gboolean is_settled(gpointer data) { return !ax_document_get_busy(window->document); }
static gboolean is_quiet(gpointer data) { return !ax_asker_get_busy(window->asker); }
static gboolean has_prior(gpointer data) { return is_answered(window->prior, FALSE); }
static gboolean is_in_round(gpointer data) { return ax_main_window_is_in_round(window); }
static gboolean is_case_there(gpointer data) { return !window->round || ax_round_view_is_loaded(window->round); }
static gboolean has_model(gpointer data) { return ax_session_get_model(session) || ax_session_get_error(session); }
static gboolean can_speak(gpointer data) { return ax_session_get_model(session) && ax_model_has_language(ax_session_get_model(session), NULL); }

static gboolean open_it(gpointer path) {
  ax_main_window_open(window, path);
  return TRUE;
}

static gboolean act(gpointer action) {
  g_autofree char *name = NULL;
  g_autoptr(GVariant) target = NULL;

  g_action_parse_detailed_name(action, &name, &target, NULL);
  gtk_widget_activate_action_variant(GTK_WIDGET(window), name, target);
  return TRUE;
}

static gboolean take_keys(gpointer data) {
  gtk_widget_grab_focus(GTK_WIDGET(ax_main_window_get_active_canvas(window)));
  return TRUE;
}

static gboolean export_it(gpointer kind) {
  g_autofree char *name = g_strdup_printf("out.%s", (char *)kind), *path = g_build_filename(folder, "..", name, NULL);

  ax_main_window_export(window, kind, path, TRUE);
  return TRUE;
}

static gboolean compare_it(gpointer path) {
  ax_main_window_compare(window, path);
  return TRUE;
}

static gboolean make_round(gpointer data) {
  ax_main_window_make_round(window, folder, 7);
  return TRUE;
}

static gboolean leave_round(gpointer data) {
  gtk_widget_activate_action(GTK_WIDGET(window->round), "round.leave", NULL);
  return TRUE;
}

static GtkWidget *get_picture(void) {
  return GTK_WIDGET(ax_main_window_is_in_round(window) ? ax_round_view_get_canvas(window->round) : ax_main_window_get_active_canvas(window));
}

/* ---- the sitting ---- */

static gboolean want(const char *phase) {
  if (over || (only && !g_str_equal(only, phase)))
    return FALSE;
  ax_stall_set_phase(phase);
  return TRUE;
}

static void key(const char *name) {
  ax_hand_call(take_keys, NULL);
  ax_hand_type("key %s", name);
}

static void read_case(const char *path) {
  ax_stall_set_phase("open");
  ax_hand_call(open_it, (gpointer)path);
  n_opened++;
  if (want("greys")) {
    ax_hand_drag(1, 0.3, 0.4, 0.6, 0.6, 60); /* while the model is at work */
    ax_hand_drag(2, 0.5, 0.5, 0.6, 0.55, 20);
  }
  ax_stall_set_phase("perceive");
  ax_hand_wait_for(is_perceived, 30);
  if (want("greys while prepared"))
    ax_hand_drag(1, 0.6, 0.6, 0.35, 0.4, 60);
  if (want("look")) {
    for (int i = 0; i < 12; i++)
      ax_hand_point_at(0.2 + 0.05 * i, 0.3 + 0.03 * i);
    ax_hand_type("click 1");
    ax_hand_type("click --repeat 6 --delay 40 4");
    ax_hand_type("click --repeat 6 --delay 40 5");
    for (int i = 0; i < 5; i++)
      key((const char *const[]){"i", "r", "h", "z", "0"}[i]);
    key("w");
    key("b");
    key("b");
    key("Escape");
  }
  if (want("search")) {
    ax_hand_type("key ctrl+f");
    ax_hand_type("type lung");
    ax_hand_rest(300);
    ax_hand_type("key ctrl+a BackSpace");
    key("Escape");
  }
}

static void measure(void) {
  if (!want("measure"))
    return;
  key("l");
  ax_hand_drag(1, 0.4, 0.4, 0.6, 0.5, 12);
  key("e");
  ax_hand_drag(1, 0.5, 0.5, 0.65, 0.65, 12);
  key("a");
  ax_hand_drag(1, 0.4, 0.6, 0.5, 0.7, 12);
  key("Escape");
  key("c");
  for (int i = 0; i < 3; i++)
    key("ctrl+z");
  key("ctrl+shift+z");
}

static void mirror(void) {
  if (!want("mirror"))
    return;
  key("m");
  ax_hand_wait_for(is_mirrored, 30);
  ax_hand_point_at(0.5, 0.5);
  ax_hand_type("click --repeat 4 --delay 40 4");
  ax_hand_drag(1, 0.4, 0.4, 0.6, 0.6, 30);
  ax_hand_rest(200);
  if (ax_hand_call(can_speak, NULL) && want("mirror text")) {
    ax_hand_call(act, (gpointer)"win.mirror-text");
    ax_hand_rest(3000);
  }
  key("m");
}

/* Every third request is cancelled in the middle. */
static void ask(void) {
  static const char *const requests[] = {"win.ask::report", "win.ask::describe", "win.ask::detect", "win.ask::diagnose"};

  if (!ax_hand_call(can_speak, NULL) || !want("ask"))
    return;
  key("d");
  ax_hand_drag(1, 0.35, 0.35, 0.5, 0.55, 12);
  for (guint i = 0; i < G_N_ELEMENTS(requests) && !over; i++) {
    ax_hand_call(act, (gpointer)requests[i]);
    n_asked++;
    if (n_asked % 3 == 0) {
      ax_hand_rest(g_random_int_range(50, 1500));
      key("Escape");
      n_cancelled++;
    }
    ax_hand_drag(1, 0.6, 0.3, 0.5, 0.4, 40); /* greys while it speaks */
    if (ax_hand_wait_for(is_quiet, 40))
      n_answered++;
  }
  if (want("ask by text")) {
    key("slash");
    ax_hand_type("type effusion");
    ax_hand_type("key Return");
    n_asked++;
    n_answered += ax_hand_wait_for(is_quiet, 40);
    key("q");
    ax_hand_type("type is the heart large");
    ax_hand_type("key Return");
    n_asked++;
    n_answered += ax_hand_wait_for(is_quiet, 40);
    ax_hand_call(take_keys, NULL);
  }
}

static void compare(const char *path) {
  if (!want("compare"))
    return;
  key("t");
  ax_hand_rest(1500);
  ax_hand_call(compare_it, (gpointer)path);
  ax_hand_wait_for(has_prior, 30);
  ax_hand_drag(1, 0.4, 0.4, 0.6, 0.6, 40);
  ax_hand_point_at(0.5, 0.5);
  ax_hand_type("click --repeat 4 --delay 40 4");
  key("x");
  ax_hand_rest(1500);
  ax_hand_call(act, (gpointer)"win.close-prior");
  key("t");
}

static void export_all(void) {
  static const char *const kinds[] = {"png", "pdf", "json"};

  for (guint i = 0; i < G_N_ELEMENTS(kinds) && want("export"); i++) {
    ax_hand_call(export_it, (gpointer)kinds[i]);
    ax_hand_rest(700);
  }
  if (want("copy and paste")) {
    key("ctrl+c");
    ax_hand_rest(1500);
    key("ctrl+v");
    ax_hand_rest(1500);
    ax_hand_wait_for(is_settled, 20);
  }
}

static void play(void) {
  if (!want("make a round"))
    return;
  ax_hand_call(make_round, NULL);
  if (!ax_hand_wait_for(is_in_round, 90))
    return;
  for (int i = 0; i < 6 && want("round"); i++) {
    ax_hand_wait_for(is_case_there, 10);
    ax_hand_type("key d");
    ax_hand_drag(1, 0.4, 0.4, 0.55, 0.6, 12);
    ax_hand_type("key 1");
    ax_hand_type("key Return");
    ax_hand_rest(400);
    ax_hand_type("key m");
    ax_hand_type("key Right");
    ax_hand_rest(300);
  }
  ax_hand_call(leave_round, NULL);
}

static void odds(void) {
  if (want("shortcuts")) {
    ax_hand_call(act, (gpointer)"win.shortcuts");
    ax_hand_rest(600);
    ax_hand_type("key Escape");
    ax_hand_rest(300);
  }
  if (want("broken file")) {
    ax_hand_call(open_it, broken);
    ax_hand_wait_for(is_settled, 10);
    ax_hand_rest(300);
  }
  if (want("quick opening"))
    for (int i = 0; i < 8; i++) {
      ax_hand_call(open_it, images->pdata[g_random_int_range(0, (int)images->len)]);
      ax_hand_rest(g_random_int_range(20, 400));
    }
}

static void print_memory(const char *when) {
  static const char *const names[] = {"VmRSS:", "RssAnon:", "VmHWM:"};
  g_autofree char *text = NULL;

  g_file_get_contents("/proc/self/status", &text, NULL, NULL);
  printf("%5.1f s, memory %s:", (double)(g_get_monotonic_time() - script_began) / G_USEC_PER_SEC, when);
  for (guint i = 0; text && i < G_N_ELEMENTS(names); i++) {
    const char *at = strstr(text, names[i]);

    printf(" %s %.0f MB", names[i], at ? g_ascii_strtod(at + strlen(names[i]), NULL) / 1024 : 0);
  }
  printf(" (%u images, %u requests, %u cancelled, %u ended; %u in the list)\n", n_opened, n_asked, n_cancelled, n_answered, g_list_model_get_n_items(ax_asker_get_list(window->asker)));
  fflush(stdout);
}

static gboolean is_time_over(gint64 began) { return (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC > 60 * minutes; }

static gboolean end(gpointer data) {
  exit_status = ax_stall_print(stdout) > 0;
  gtk_window_close(GTK_WINDOW(window));
  return TRUE;
}

static gpointer script(gpointer data) {
  gint64 began = script_began = g_get_monotonic_time();

  ax_hand_wait_for(has_model, 30);
  print_memory("with the model loaded");
  for (guint i = 0; !is_time_over(began); i++) {
    const char *path = images->pdata[i % images->len], *other = images->pdata[(i + 1) % images->len];
    g_autofree char *when = g_strdup_printf("after %.1f minutes", (double)(g_get_monotonic_time() - began) / 60 / G_USEC_PER_SEC);

    if (i)
      print_memory(when);
    read_case(path);
    measure();
    if (i == 0)
      print_memory("with the first image");
    ask();
    if (i == 0)
      print_memory("with the first answers");
    mirror();
    export_all();
    if (i % 2 == 0)
      compare(other);
    if (i % 3 == 1)
      play();
    odds();
  }
  over = TRUE;
  print_memory("at the end");
  ax_hand_call(end, NULL);
  return NULL;
}

/* ---- set up ---- */

/* A large film of 16 bits from a bundled one. */
static void write_large(const char *from, const char *to) {
  g_autoptr(GError) error = NULL;
  g_autoptr(AxImage) image = ax_image_load(from, NULL, &error);
  const int side = 3000;
  g_autofree guint16 *pixels = g_new(guint16, (gsize)side * side);
  const guint16 *in;
  int width, height;

  if (!image)
    g_error("%s", error->message);
  width = ax_image_get_width(image), height = ax_image_get_height(image);
  in = ax_image_get_pixels(image);
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++)
      pixels[(gsize)y * side + x] = (guint16)(in[(gsize)(y * (gint64)height / side) * width + x * (gint64)width / side] * 17 + (x ^ y) % 17);
  if (!ax_png_write(to, side, side, 1, 16, (guint8 *)pixels, &error))
    g_error("%s", error->message);
}

static void gather_images(void) {
  static const char *const samples[] = {"normal", "effusion-opacity", "devices", "mirrored-organs"};
  g_autofree char *samples_folder = ax_sample_gallery_default_folder(), *scratch = g_dir_make_tmp("ax-sitting-XXXXXX", NULL), *large = NULL, *first = NULL;

  folder = g_build_filename(scratch, "films", NULL);
  g_mkdir(folder, 0700);
  images = g_ptr_array_new();
  for (guint i = 0; i < G_N_ELEMENTS(samples); i++) {
    g_autofree char *name = g_strconcat(samples[i], ".png", NULL), *from = g_canonicalize_filename(name, samples_folder);
    char *to = g_build_filename(folder, name, NULL);

    if (symlink(from, to) == 0)
      g_ptr_array_add(images, to);
    if (i == 0)
      first = g_strdup(from);
  }
  large = g_build_filename(folder, "large.png", NULL);
  write_large(first, large);
  g_ptr_array_insert(images, 1, g_strdup(large));
  if (given) {
    g_autoptr(GDir) dir = g_dir_open(given, 0, NULL);
    g_autofree char *all = g_canonicalize_filename(given, NULL);
    const char *name;

    for (guint n = 0; dir && n < 60 && (name = g_dir_read_name(dir)); n++) {
      g_autofree char *from = g_canonicalize_filename(name, all);
      char *to = g_build_filename(folder, name, NULL);

      if (g_str_has_suffix(name, ".png") && symlink(from, to) == 0)
        g_ptr_array_add(images, to);
    }
  }
  broken = g_build_filename(scratch, "broken.png", NULL);
  g_file_set_contents(broken, "\x89PNG\r\n\x1a\n and then nothing of the kind", -1, NULL);
}

static gboolean begin(gpointer data) {
  ax_hand_begin(GTK_WINDOW(window), 1600, 1000, get_picture);
  ax_stall_start(limit);
  g_thread_unref(g_thread_new("script", script, NULL));
  return G_SOURCE_REMOVE;
}

static void on_activate(GtkApplication *application) {
  ax_engine_set_nice(5); /* as app/anatomix.c does */
  session = ax_session_new(model);
  window = ax_main_window_new(application, session);
  gtk_window_set_default_size(GTK_WINDOW(window), 1600, 1000);
  gtk_window_present(GTK_WINDOW(window));
  g_timeout_add(1500, begin, NULL); /* when the first frame is drawn: starting up is not the sitting */
}

int main(int argc, char **argv) {
  const GOptionEntry entries[] = {
    {"minutes", 0, 0, G_OPTION_ARG_DOUBLE, &minutes, "How long", "M"},       {"images", 0, 0, G_OPTION_ARG_FILENAME, &given, "More images (60 at most)", "FOLDER"},
    {"model", 0, 0, G_OPTION_ARG_FILENAME, &model, "Model folder", "FOLDER"}, {"threads", 0, 0, G_OPTION_ARG_INT, &threads, "Threads of the model", "N"},
    {"limit", 0, 0, G_OPTION_ARG_DOUBLE, &limit, "Longest turn", "MS"},       {"only", 0, 0, G_OPTION_ARG_STRING, &only, "Only this phase beside opening", "PHASE"},
    {NULL},
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GtkApplication) application = NULL;

  ax_main_window_set_up_heap(); /* as app/anatomix.c does */
  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error)) {
    fprintf(stderr, "bench_window: %s\n", error->message);
    return 2;
  }
  if (!model)
    model = ax_model_default_folder();
  if (threads > 0)
    ax_engine_set_threads(threads);
  gather_images();
  application = GTK_APPLICATION(adw_application_new("org.anatomix.Viewer.Sitting", G_APPLICATION_NON_UNIQUE));
  g_application_set_resource_base_path(G_APPLICATION(application), "/org/anatomix/Viewer");
  g_signal_connect(application, "activate", G_CALLBACK(on_activate), NULL);
  g_application_run(G_APPLICATION(application), 0, NULL);
  return exit_status;
}
