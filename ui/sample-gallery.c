#include "ui/sample-gallery.h"

#include "ui/folder.h"
#include "ui/install.h"
#include "ui/thumbnail.h"
#include <adwaita.h>
#include <glib/gi18n-lib.h>

#define SIDE 132
#define MOST 4

struct _AxSampleGallery {
  GtkWidget parent_instance;
  GtkWidget *box;
  GCancellable *cancellable;
};

static guint chosen_signal;

G_DEFINE_FINAL_TYPE(AxSampleGallery, ax_sample_gallery, GTK_TYPE_WIDGET)

char *ax_sample_gallery_default_folder(void) {
  const char *named = g_getenv("ANATOMIX_SAMPLES");
  char *installed;

  if (named)
    return g_strdup(named);
  installed = ax_install_share("anatomix/samples");
  return installed ? installed : g_strdup(AX_SOURCE_SAMPLES);
}

/* ---- pictures ---- */

static void paint_thread(GTask *task, gpointer source, gpointer path, GCancellable *cancellable) {
  int side = 2 * SIDE; /* sharp on screens of scale 2 */
  GError *error = NULL;
  g_autoptr(GBytes) bytes = ax_thumbnail_draw(path, side, cancellable, &error);

  if (bytes)
    g_task_return_pointer(task, gdk_memory_texture_new(side, side, GDK_MEMORY_DEFAULT, bytes, sizeof(guint32) * side), g_object_unref);
  else
    g_task_return_error(task, error);
}

/* The task has no source object: a thread that drops its task last would end the picture on that thread. */
static void on_painted(GObject *object, GAsyncResult *result, gpointer data) {
  GWeakRef *weak = data;
  g_autoptr(GtkPicture) picture = g_weak_ref_get(weak);
  g_autoptr(GdkTexture) texture = g_task_propagate_pointer(G_TASK(result), NULL);

  g_weak_ref_clear(weak);
  g_free(weak);
  if (texture && picture)
    gtk_picture_set_paintable(picture, GDK_PAINTABLE(texture));
}

/* ---- buttons ---- */

/* What the bundled samples are called. */
G_GNUC_UNUSED static const char *const bundled_names[] = {N_("Devices"), N_("Effusion opacity"), N_("Mirrored organs"), N_("Normal")};

/* "Effusion opacity" of "effusion-opacity.png". */
static char *sample_name(const char *path) {
  g_autofree char *name = g_filename_display_basename(path);
  char *dot = strrchr(name, '.');

  if (dot)
    *dot = '\0';
  g_strdelimit(name, "-_", ' ');
  name[0] = g_ascii_toupper(name[0]);
  return g_strdup(name[0] ? _(name) : name);
}

static void on_clicked(GtkButton *button, AxSampleGallery *self) {
  g_signal_emit(self, chosen_signal, 0, g_object_get_data(G_OBJECT(button), "ax-path"));
}

static void add_sample(AxSampleGallery *self, const char *path) {
  g_autofree char *name = sample_name(path);
  GtkWidget *button = gtk_button_new(), *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6), *picture = gtk_picture_new(), *label = gtk_label_new(name), *clamp = adw_clamp_new();
  GWeakRef *weak = g_new0(GWeakRef, 1);
  g_autoptr(GTask) task = g_task_new(NULL, self->cancellable, on_painted, weak);

  g_weak_ref_init(weak, picture);
  gtk_widget_set_size_request(picture, SIDE, SIDE);
  gtk_box_append(GTK_BOX(box), clamp);
  adw_clamp_set_child(ADW_CLAMP(clamp), picture); /* all as large, however long their names are */
  adw_clamp_set_maximum_size(ADW_CLAMP(clamp), SIDE);
  adw_clamp_set_tightening_threshold(ADW_CLAMP(clamp), SIDE);
  gtk_label_set_wrap(GTK_LABEL(label), TRUE);
  gtk_label_set_justify(GTK_LABEL(label), GTK_JUSTIFY_CENTER);
  gtk_label_set_max_width_chars(GTK_LABEL(label), 14);
  gtk_box_append(GTK_BOX(box), label);
  gtk_button_set_child(GTK_BUTTON(button), box);
  gtk_widget_add_css_class(button, "flat");
  gtk_widget_add_css_class(button, "sample");
  gtk_accessible_update_property(GTK_ACCESSIBLE(button), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  g_object_set_data_full(G_OBJECT(button), "ax-path", g_strdup(path), g_free);
  g_signal_connect(button, "clicked", G_CALLBACK(on_clicked), self);
  gtk_box_append(GTK_BOX(self->box), button);
  g_task_set_task_data(task, g_strdup(path), g_free);
  g_task_run_in_thread(task, paint_thread);
}

static void ax_sample_gallery_dispose(GObject *object) {
  AxSampleGallery *self = AX_SAMPLE_GALLERY(object);

  if (self->cancellable)
    g_cancellable_cancel(self->cancellable);
  g_clear_object(&self->cancellable);
  g_clear_pointer(&self->box, gtk_widget_unparent);
  G_OBJECT_CLASS(ax_sample_gallery_parent_class)->dispose(object);
}

static void ax_sample_gallery_class_init(AxSampleGalleryClass *klass) {
  G_OBJECT_CLASS(klass)->dispose = ax_sample_gallery_dispose;
  gtk_widget_class_set_layout_manager_type(GTK_WIDGET_CLASS(klass), GTK_TYPE_BIN_LAYOUT);
  chosen_signal = g_signal_new("chosen", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void ax_sample_gallery_init(AxSampleGallery *self) {
  self->cancellable = g_cancellable_new();
  self->box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
  gtk_widget_set_halign(self->box, GTK_ALIGN_CENTER);
  gtk_widget_set_parent(self->box, GTK_WIDGET(self));
}

GtkWidget *ax_sample_gallery_new(const char *folder) {
  AxSampleGallery *self = g_object_new(AX_TYPE_SAMPLE_GALLERY, NULL);
  g_auto(GStrv) paths = ax_folder_list(folder, FALSE);

  for (guint i = 0; paths[i] && i < MOST; i++)
    add_sample(self, paths[i]);
  return GTK_WIDGET(self);
}
