/* The desktop application: reads its command line, makes the session and one window, opens the named images. Everything on screen is
 * in ui/, everything else behind engine/anatomix.h. */
#include "ui/install.h"
#include "ui/session-file.h"
#include "ui/settings.h"
#include "ui/window.h"

#include <glib/gi18n.h>
#include <locale.h>

typedef struct {
  AxSession *session;
  char *model;
  int threads;
} App;

/* How far the model stands behind the window: its threads take what time is left. Further behind, a busy machine makes the window wait longer for a lock that
 * such a thread holds. */
#define MODEL_NICE 5

static AxSession *ensure_session(App *app) {
  if (!app->session) {
    g_autofree char *folder = app->model ? g_strdup(app->model) : ax_model_default_folder(), *device = ax_settings_get_string("device", "auto");

    if (app->threads > 0)
      ax_engine_set_threads(app->threads);
    if (g_str_equal(device, "cpu"))
      ax_engine_set_device(AX_DEVICE_CPU);
    ax_engine_set_nice(MODEL_NICE);
    app->session = ax_session_new(folder);
  }
  return app->session;
}

static AxMainWindow *new_window(GApplication *application, App *app) {
  AxMainWindow *window = ax_main_window_new(GTK_APPLICATION(application), ensure_session(app));

  gtk_window_present(GTK_WINDOW(window));
  return window;
}

static void on_startup(GApplication *application, App *app) {
  gtk_window_set_default_icon_name("org.anatomix.Viewer");
  ensure_session(app); /* the model loads while the window comes up */
}

static void on_activate(GApplication *application, App *app) { new_window(application, app); }

/* A window for each image. */
static void on_open(GApplication *application, GFile **files, int n_files, const char *hint, App *app) {
  for (int i = 0; i < n_files; i++) {
    g_autofree char *path = g_file_get_path(files[i]);
    AxMainWindow *window = new_window(application, app);

    if (path)
      ax_main_window_open(window, path);
  }
}

static int on_options(GApplication *application, GVariantDict *options, App *app) {
  if (g_variant_dict_contains(options, "version")) {
    g_print("AnatomiX Viewer %s\n", ax_version());
    return 0;
  }
  g_variant_dict_lookup(options, "model", "^ay", &app->model);
  g_variant_dict_lookup(options, "threads", "i", &app->threads);
  return -1; /* go on */
}

static void set_up_translations(void) {
  const char *named = g_getenv("ANATOMIX_LOCALE_DIR"); /* a build folder's po/ */
  g_autofree char *installed = ax_install_share("locale");

  setlocale(LC_ALL, "");
  bindtextdomain(GETTEXT_PACKAGE, named ? named : installed ? installed : AX_LOCALE_DIR);
  bind_textdomain_codeset(GETTEXT_PACKAGE, "UTF-8");
  textdomain(GETTEXT_PACKAGE);
}

int main(int argc, char **argv) {
  App app = {0};
  g_autoptr(AdwApplication) application = NULL;
  const GOptionEntry options[] = {
    {"model", 'm', 0, G_OPTION_ARG_FILENAME, NULL, N_("Use the model in this folder"), N_("FOLDER")},
    {"threads", 't', 0, G_OPTION_ARG_INT, NULL, N_("Use this many threads (default: one for each core)"), N_("N")},
    {"version", 0, 0, G_OPTION_ARG_NONE, NULL, N_("Print the version and exit"), NULL},
    {NULL},
  };
  int status;

  ax_main_window_set_up_heap();
  set_up_translations();
  application = adw_application_new("org.anatomix.Viewer", G_APPLICATION_NON_UNIQUE | G_APPLICATION_HANDLES_OPEN);
  g_application_set_resource_base_path(G_APPLICATION(application), "/org/anatomix/Viewer");
  g_application_add_main_option_entries(G_APPLICATION(application), options);
  g_application_set_option_context_parameter_string(G_APPLICATION(application), _("[IMAGE…]"));
  g_signal_connect(application, "startup", G_CALLBACK(on_startup), &app);
  g_signal_connect(application, "activate", G_CALLBACK(on_activate), &app);
  g_signal_connect(application, "open", G_CALLBACK(on_open), &app);
  g_signal_connect(application, "handle-local-options", G_CALLBACK(on_options), &app);
  status = g_application_run(G_APPLICATION(application), argc, argv);
  ax_session_file_flush();
  g_clear_object(&app.session);
  g_free(app.model);
  return status;
}
