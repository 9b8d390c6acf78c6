/* What leaves AxMainWindow: pictures, pages, results, the clipboard. Drawing and writing happen on a thread. */
#include "ui/window-private.h"

#include "ui/export.h"
#include "ui/settings.h"
#include <glib/gi18n-lib.h>
#include <string.h>

static AxExport *make_export(AxMainWindow *self, gboolean anonymous) {
  AxCanvas *canvas = ax_main_window_get_active_canvas(self);

  return ax_export_new(ax_main_window_get_active_document(self), ax_session_get_model(self->session), ax_canvas_get_viewport(canvas), self->visibility,
                       anonymous);
}

typedef struct {
  AxExport *export;
  char *path, *kind;
} Job;

static void job_free(gpointer data) {
  Job *job = data;

  ax_export_free(job->export);
  g_free(job->path);
  g_free(job->kind);
  g_free(job);
}

/* ---- files ---- */

static void write_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
  Job *job = data;
  GError *error = NULL;
  gboolean ok = g_str_equal(job->kind, "png")   ? ax_export_write_png(job->export, job->path, &error)
                : g_str_equal(job->kind, "pdf") ? ax_export_write_pdf(job->export, job->path, &error)
                                                : ax_export_write_json(job->export, job->path, &error);

  if (ok)
    g_task_return_boolean(task, TRUE);
  else
    g_task_return_error(task, error);
}

/* The task has no source object: a thread that drops its task last would end the window on that thread. */
static void on_written(GObject *source, GAsyncResult *result, gpointer data) {
  GWeakRef *weak = data;
  g_autoptr(AxMainWindow) self = g_weak_ref_get(weak);
  Job *job = g_task_get_task_data(G_TASK(result));
  g_autoptr(GError) error = NULL;
  gboolean ok = g_task_propagate_boolean(G_TASK(result), &error);
  g_autofree char *name = g_filename_display_basename(job->path), *text = NULL;

  g_weak_ref_clear(weak);
  g_free(weak);
  if (!self || !self->document)
    return;
  /* Translators: a file name; or a file name and the reason. */
  text = ok ? g_strdup_printf(_("Written: %s"), name) : g_strdup_printf(_("%s was not written: %s"), name, error->message);
  ax_main_window_toast(self, text);
}

void ax_main_window_export(AxMainWindow *self, const char *kind, const char *path, gboolean anonymous) {
  AxExport *export = make_export(self, anonymous);
  GWeakRef *weak;
  g_autoptr(GTask) task = NULL;
  Job *job;

  if (!export)
    return;
  weak = g_new0(GWeakRef, 1);
  g_weak_ref_init(weak, self);
  job = g_new0(Job, 1);
  *job = (Job){export, g_strdup(path), g_strdup(kind)};
  task = g_task_new(NULL, NULL, on_written, weak);
  g_task_set_task_data(task, job, job_free);
  g_task_run_in_thread(task, write_thread);
}

static void on_response(GtkNativeDialog *dialog, int response, AxMainWindow *self) {
  GtkFileChooser *chooser = GTK_FILE_CHOOSER(dialog);
  gboolean anonymous = g_strcmp0(gtk_file_chooser_get_choice(chooser, "anonymous"), "true") == 0;
  g_autoptr(GFile) file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file(chooser) : NULL;
  g_autofree char *path = file ? g_file_get_path(file) : NULL;

  if (path && self->document) {
    ax_settings_set_boolean("remove-identity", anonymous);
    ax_main_window_export(self, g_object_get_data(G_OBJECT(dialog), "ax-kind"), path, anonymous);
  }
  g_object_unref(dialog);
}

static char *suggest_name(AxMainWindow *self, const char *kind, gboolean anonymous) {
  g_autofree char *name = g_strdup(ax_document_get_name(ax_main_window_get_active_document(self)));
  char *dot = strrchr(name, '.');

  if (dot && dot != name)
    *dot = '\0';
  return anonymous || !name[0] ? g_strdup_printf("radiograph.%s", kind) : g_strdup_printf("%s-anatomix.%s", name, kind);
}

static void on_export(GSimpleAction *action, GVariant *parameter, gpointer data) {
  AxMainWindow *self = data;
  const char *kind = g_variant_get_string(parameter, NULL);
  gboolean anonymous = ax_settings_get_boolean("remove-identity", TRUE);
  g_autofree char *name = suggest_name(self, kind, anonymous);
  GtkFileChooserNative *chooser = gtk_file_chooser_native_new(_("Export"), GTK_WINDOW(self), GTK_FILE_CHOOSER_ACTION_SAVE, _("_Export"), _("_Cancel"));

  gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(chooser), TRUE);
  gtk_file_chooser_set_current_name(GTK_FILE_CHOOSER(chooser), name);
  gtk_file_chooser_add_choice(GTK_FILE_CHOOSER(chooser), "anonymous", _("Leave out file names and dates (text burnt into the film stays)"), NULL, NULL);
  gtk_file_chooser_set_choice(GTK_FILE_CHOOSER(chooser), "anonymous", anonymous ? "true" : "false");
  g_object_set_data_full(G_OBJECT(chooser), "ax-kind", g_strdup(kind), g_free);
  g_signal_connect_object(chooser, "response", G_CALLBACK(on_response), self, 0);
  gtk_native_dialog_show(GTK_NATIVE_DIALOG(chooser));
}

/* ---- clipboard: always without names and dates ---- */

static cairo_status_t append(void *closure, const unsigned char *data, unsigned int length) {
  g_byte_array_append(closure, data, length);
  return CAIRO_STATUS_SUCCESS;
}

/* As a PNG file too, made here: GTK would make it on the main thread when another program asks for it. */
static GdkContentProvider *provider_of(cairo_surface_t *surface) {
  gsize stride = cairo_image_surface_get_stride(surface), height = cairo_image_surface_get_height(surface);
  g_autoptr(GBytes) pixels = g_bytes_new_with_free_func(cairo_image_surface_get_data(surface), stride * height, (GDestroyNotify)cairo_surface_destroy,
                                                        cairo_surface_reference(surface));
  g_autoptr(GdkTexture) texture = gdk_memory_texture_new(cairo_image_surface_get_width(surface), (int)height, GDK_MEMORY_DEFAULT, pixels, stride);
  GByteArray *png = g_byte_array_new();
  g_autoptr(GBytes) bytes = NULL;

  cairo_surface_write_to_png_stream(surface, append, png);
  bytes = g_byte_array_free_to_bytes(png);
  return gdk_content_provider_new_union((GdkContentProvider *[]){gdk_content_provider_new_for_bytes("image/png", bytes),
                                                                 gdk_content_provider_new_typed(GDK_TYPE_TEXTURE, texture)}, 2);
}

static void draw_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
  GError *error = NULL;
  cairo_surface_t *surface = ax_export_draw(((Job *)data)->export, &error);

  if (surface)
    g_task_return_pointer(task, provider_of(surface), g_object_unref);
  else
    g_task_return_error(task, error);
  g_clear_pointer(&surface, cairo_surface_destroy);
}

static void on_copied(GObject *source, GAsyncResult *result, gpointer data) {
  GWeakRef *weak = data;
  g_autoptr(AxMainWindow) self = g_weak_ref_get(weak);
  g_autoptr(GdkContentProvider) provider = g_task_propagate_pointer(G_TASK(result), NULL);

  g_weak_ref_clear(weak);
  g_free(weak);
  if (self && self->document && provider) {
    gdk_clipboard_set_content(gtk_widget_get_clipboard(GTK_WIDGET(self)), provider);
    ax_main_window_toast(self, _("Copied."));
  }
}

static void on_copy(GSimpleAction *action, GVariant *parameter, gpointer data) {
  AxMainWindow *self = data;
  AxExport *export = make_export(self, TRUE);
  GWeakRef *weak;
  g_autoptr(GTask) task = NULL;
  Job *job;

  if (!export)
    return;
  weak = g_new0(GWeakRef, 1);
  g_weak_ref_init(weak, self);
  job = g_new0(Job, 1);
  job->export = export;
  task = g_task_new(NULL, NULL, on_copied, weak);
  g_task_set_task_data(task, job, job_free);
  g_task_run_in_thread(task, draw_thread);
}

void ax_main_window_update_export_actions(AxMainWindow *self) {
  gboolean image = ax_document_get_image(self->document) != NULL;

  ax_main_window_enable(self, "export", image);
  ax_main_window_enable(self, "copy", image);
}

void ax_main_window_add_export_actions(AxMainWindow *self) {
  static const GActionEntry entries[] = {{"export", on_export, "s"}, {"copy", on_copy}};

  g_action_map_add_action_entries(G_ACTION_MAP(self), entries, G_N_ELEMENTS(entries), self);
}
