/* The ways in which an image comes into AxMainWindow: dialog, folder, clipboard, drag and drop. */
#include "ui/window-private.h"

#include "ui/folder.h"
#include "ui/settings.h"
#include <glib/gi18n-lib.h>

static void give_file(AxMainWindow *self, GFile *file, void (*chosen)(AxMainWindow *self, const char *path)) {
  g_autofree char *path = g_file_get_path(file);

  if (path)
    chosen(self, path);
  else
    ax_main_window_toast(self, _("Only files of this machine can be opened."));
}

static void open_file(AxMainWindow *self, GFile *file) { give_file(self, file, ax_main_window_open); }

/* ---- dialog ---- */

static void on_response(GtkNativeDialog *dialog, int response, AxMainWindow *self) {
  if (response == GTK_RESPONSE_ACCEPT) {
    g_autoptr(GFile) file = gtk_file_chooser_get_file(GTK_FILE_CHOOSER(dialog));

    if (file)
      give_file(self, file, self->chosen);
  }
  g_clear_object(&self->chooser);
}

static void add_filters(GtkFileChooser *chooser) {
  g_autoptr(GtkFileFilter) images = gtk_file_filter_new(), all = gtk_file_filter_new();
  static const char *const endings[] = {"png", "jpg", "jpeg", "dcm", "dicom"};

  gtk_file_filter_set_name(images, _("Radiographs (PNG, JPEG, DICOM)"));
  for (guint i = 0; i < G_N_ELEMENTS(endings); i++)
    gtk_file_filter_add_suffix(images, endings[i]);
  gtk_file_filter_set_name(all, _("All files"));
  gtk_file_filter_add_pattern(all, "*");
  gtk_file_chooser_add_filter(chooser, images);
  gtk_file_chooser_add_filter(chooser, all);
}

void ax_main_window_choose_image(AxMainWindow *self, const char *title, void (*chosen)(AxMainWindow *self, const char *path)) {
  const char *path = ax_document_get_path(self->document);

  self->chosen = chosen;
  if (self->chooser) {
    gtk_native_dialog_show(GTK_NATIVE_DIALOG(self->chooser));
    return;
  }
  self->chooser = gtk_file_chooser_native_new(title, GTK_WINDOW(self), GTK_FILE_CHOOSER_ACTION_OPEN, _("_Open"), _("_Cancel"));
  gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(self->chooser), TRUE);
  add_filters(GTK_FILE_CHOOSER(self->chooser));
  if (path) {
    g_autofree char *folder = g_path_get_dirname(path);
    g_autoptr(GFile) file = g_file_new_for_path(folder);

    gtk_file_chooser_set_current_folder(GTK_FILE_CHOOSER(self->chooser), file, NULL);
  }
  g_signal_connect(self->chooser, "response", G_CALLBACK(on_response), self);
  gtk_native_dialog_show(GTK_NATIVE_DIALOG(self->chooser));
}

/* ---- folder ---- */

void ax_main_window_go(AxMainWindow *self, int step) {
  const char *path = ax_document_get_path(self->document);
  g_autofree char *other = path ? ax_folder_neighbour(path, step) : NULL;

  if (other)
    ax_main_window_open(self, other);
  else if (path)
    ax_main_window_toast(self, step > 0 ? _("This is the last image of the folder.") : _("This is the first image of the folder."));
}

/* ---- clipboard ---- */

static void on_files_read(GObject *clipboard, GAsyncResult *result, gpointer data) {
  g_autoptr(AxMainWindow) self = data;
  const GValue *value = gdk_clipboard_read_value_finish(GDK_CLIPBOARD(clipboard), result, NULL);
  GSList *files = value ? g_value_get_boxed(value) : NULL;

  if (files && self->document)
    open_file(self, files->data);
}

static void open_bytes(AxMainWindow *self, GBytes *bytes, const GError *error) {
  if (!self->document)
    return; /* closed meanwhile */
  if (bytes)
    ax_document_open_bytes(self->document, bytes, _("Pasted image"));
  else
    ax_main_window_toast(self, error->message);
}

/* A picture in a file's own form keeps its 16 bits, and is read on the document's thread. */
static void on_spliced(GObject *stream, GAsyncResult *result, gpointer data) {
  g_autoptr(AxMainWindow) self = data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = NULL;

  if (g_output_stream_splice_finish(G_OUTPUT_STREAM(stream), result, &error) >= 0)
    bytes = g_memory_output_stream_steal_as_bytes(G_MEMORY_OUTPUT_STREAM(stream));
  open_bytes(self, bytes, error);
}

static void on_stream(GObject *clipboard, GAsyncResult *result, gpointer data) {
  g_autoptr(AxMainWindow) self = data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GInputStream) stream = gdk_clipboard_read_finish(GDK_CLIPBOARD(clipboard), result, NULL, &error);
  g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable();

  if (stream)
    g_output_stream_splice_async(memory, stream, G_OUTPUT_STREAM_SPLICE_CLOSE_SOURCE | G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, G_PRIORITY_DEFAULT, NULL,
                                 on_spliced, g_object_ref(self));
  else
    open_bytes(self, NULL, error);
}

static void compress_thread(GTask *task, gpointer source, gpointer texture, GCancellable *cancellable) {
  g_task_return_pointer(task, gdk_texture_save_to_png_bytes(texture), (GDestroyNotify)g_bytes_unref);
}

static void on_compressed(GObject *source, GAsyncResult *result, gpointer data) {
  g_autoptr(AxMainWindow) self = data;
  g_autoptr(GBytes) bytes = g_task_propagate_pointer(G_TASK(result), NULL);

  open_bytes(self, bytes, NULL);
}

/* The task has no source object: a thread that drops its task last would end the window on that thread. */
static void on_texture_read(GObject *clipboard, GAsyncResult *result, gpointer data) {
  g_autoptr(AxMainWindow) self = data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GdkTexture) texture = gdk_clipboard_read_texture_finish(GDK_CLIPBOARD(clipboard), result, &error);
  g_autoptr(GTask) task = NULL;

  if (!texture) {
    open_bytes(self, NULL, error);
    return;
  }
  task = g_task_new(NULL, NULL, on_compressed, g_object_ref(self));
  g_task_set_task_data(task, g_steal_pointer(&texture), g_object_unref);
  g_task_run_in_thread(task, compress_thread);
}

void ax_main_window_paste(AxMainWindow *self) {
  static const char *kinds[] = {"image/png", "image/jpeg", NULL};
  GdkClipboard *clipboard = gtk_widget_get_clipboard(GTK_WIDGET(self));
  GdkContentFormats *formats = gdk_clipboard_get_formats(clipboard);

  if (gdk_content_formats_contain_gtype(formats, GDK_TYPE_FILE_LIST) || gdk_content_formats_contain_mime_type(formats, "text/uri-list"))
    gdk_clipboard_read_value_async(clipboard, GDK_TYPE_FILE_LIST, G_PRIORITY_DEFAULT, NULL, on_files_read, g_object_ref(self));
  else if (gdk_content_formats_contain_mime_type(formats, kinds[0]) || gdk_content_formats_contain_mime_type(formats, kinds[1]))
    gdk_clipboard_read_async(clipboard, kinds, G_PRIORITY_DEFAULT, NULL, on_stream, g_object_ref(self));
  else if (gdk_content_formats_contain_gtype(formats, GDK_TYPE_TEXTURE))
    gdk_clipboard_read_texture_async(clipboard, NULL, on_texture_read, g_object_ref(self));
  else
    ax_main_window_toast(self, _("There is no image and no file on the clipboard."));
}

/* ---- drag and drop ---- */

static gboolean on_drop(GtkDropTarget *target, const GValue *value, double x, double y, AxMainWindow *self) {
  GSList *files;

  gtk_widget_remove_css_class(GTK_WIDGET(self), "dropping");
  if (G_VALUE_HOLDS(value, G_TYPE_FILE)) {
    open_file(self, g_value_get_object(value));
    return TRUE;
  }
  files = g_value_get_boxed(value);
  if (!files)
    return FALSE;
  open_file(self, files->data);
  return TRUE;
}

static GdkDragAction on_enter(GtkDropTarget *target, double x, double y, AxMainWindow *self) {
  gtk_widget_add_css_class(GTK_WIDGET(self), "dropping");
  return GDK_ACTION_COPY;
}

static void on_leave(GtkDropTarget *target, AxMainWindow *self) { gtk_widget_remove_css_class(GTK_WIDGET(self), "dropping"); }

void ax_main_window_add_drop_target(AxMainWindow *self) {
  GtkDropTarget *target = gtk_drop_target_new(G_TYPE_INVALID, GDK_ACTION_COPY);
  GType types[] = {GDK_TYPE_FILE_LIST, G_TYPE_FILE};

  gtk_drop_target_set_gtypes(target, types, G_N_ELEMENTS(types));
  g_signal_connect(target, "drop", G_CALLBACK(on_drop), self);
  g_signal_connect(target, "enter", G_CALLBACK(on_enter), self);
  g_signal_connect(target, "leave", G_CALLBACK(on_leave), self);
  gtk_widget_add_controller(GTK_WIDGET(self), GTK_EVENT_CONTROLLER(target));
}

/* ---- recent files ---- */

static void fill_recent_menu(AxMainWindow *self) {
  g_auto(GStrv) paths = ax_recent_list();

  g_menu_remove_all(self->recent_menu);
  for (guint i = 0; paths[i]; i++) {
    g_autofree char *name = g_filename_display_basename(paths[i]), *label = NULL;
    g_autoptr(GMenuItem) item = NULL;
    g_auto(GStrv) parts = g_strsplit(name, "_", -1);

    label = g_strjoinv("__", parts); /* a single one would mark a letter to press */
    item = g_menu_item_new(label, NULL);
    g_menu_item_set_action_and_target_value(item, "win.open-recent", g_variant_new_bytestring(paths[i]));
    g_menu_append_item(self->recent_menu, item);
  }
  if (paths[0]) {
    g_autoptr(GMenu) section = g_menu_new();

    g_menu_append(section, _("_Forget recent files"), "win.clear-recent");
    g_menu_append_section(self->recent_menu, NULL, G_MENU_MODEL(section));
  } else {
    g_menu_append(self->recent_menu, _("None yet"), "win.none");
  }
}

static void on_open_recent(GSimpleAction *action, GVariant *parameter, gpointer self) {
  ax_main_window_open(self, g_variant_get_bytestring(parameter));
}

static void on_clear_recent(GSimpleAction *action, GVariant *parameter, gpointer self) {
  ax_recent_clear();
  fill_recent_menu(self);
}

void ax_main_window_remember(AxMainWindow *self) {
  const char *path = ax_document_get_path(self->document);

  if (path && ax_settings_get_boolean("keep-recent", TRUE))
    ax_recent_add(path);
  fill_recent_menu(self);
}

void ax_main_window_add_open_actions(AxMainWindow *self) {
  static const GActionEntry entries[] = {
    {"open-recent", on_open_recent, "ay"},
    {"clear-recent", on_clear_recent},
  };

  g_action_map_add_action_entries(G_ACTION_MAP(self), entries, G_N_ELEMENTS(entries), self);
  fill_recent_menu(self);
}
