#include "ui/film-strip.h"

#include "ui/folder.h"
#include "ui/thumbnail.h"
#include "ui/tooltip.h"
#include <glib/gi18n-lib.h>
#include <string.h>

#define SIDE 96

/* ---- one image of the folder ---- */

#define AX_TYPE_FILM (ax_film_get_type())
G_DECLARE_FINAL_TYPE(AxFilm, ax_film, AX, FILM, GObject)

struct _AxFilm {
  GObject parent_instance;
  char *path, *name;
  GdkTexture *texture;
  gboolean asked, failed;
};

enum { PROP_0, PROP_TEXTURE, N_PROPS };
static GParamSpec *film_props[N_PROPS];

G_DEFINE_FINAL_TYPE(AxFilm, ax_film, G_TYPE_OBJECT)

static void ax_film_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec) { g_value_set_object(value, AX_FILM(object)->texture); }

static void ax_film_finalize(GObject *object) {
  AxFilm *self = AX_FILM(object);

  g_free(self->path);
  g_free(self->name);
  g_clear_object(&self->texture);
  G_OBJECT_CLASS(ax_film_parent_class)->finalize(object);
}

static void ax_film_class_init(AxFilmClass *klass) {
  G_OBJECT_CLASS(klass)->finalize = ax_film_finalize;
  G_OBJECT_CLASS(klass)->get_property = ax_film_get_property;
  film_props[PROP_TEXTURE] = g_param_spec_object("texture", NULL, NULL, GDK_TYPE_TEXTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties(G_OBJECT_CLASS(klass), N_PROPS, film_props);
}

static void ax_film_init(AxFilm *self) {}

static AxFilm *film_new(const char *path) {
  AxFilm *self = g_object_new(AX_TYPE_FILM, NULL);

  self->path = g_strdup(path);
  self->name = g_filename_display_basename(path);
  return self;
}

/* ---- the strip ---- */

struct _AxFilmStrip {
  GtkWidget parent_instance;
  GtkWidget *scrolled, *view, *empty;
  GListStore *films;
  GtkSingleSelection *selection;
  char *folder;
  GCancellable *cancellable; /* of the folder's pictures */
  GThreadPool *pool;         /* one thread: the model wants the others */
  guint drawn;
};

static guint open_signal, compare_signal;

G_DEFINE_FINAL_TYPE(AxFilmStrip, ax_film_strip, GTK_TYPE_WIDGET)

typedef struct {
  GWeakRef strip, film;
  char *path;
  int side;
  GCancellable *cancellable;
  GBytes *bytes;
} Job;

static void job_free(Job *job) {
  g_weak_ref_clear(&job->strip);
  g_weak_ref_clear(&job->film);
  g_free(job->path);
  g_object_unref(job->cancellable);
  g_clear_pointer(&job->bytes, g_bytes_unref);
  g_free(job);
}

/* In the main thread: nothing of GTK is touched or dropped on the other one. */
static gboolean on_drawn(gpointer data) {
  Job *job = data;
  g_autoptr(AxFilmStrip) strip = g_weak_ref_get(&job->strip);
  g_autoptr(AxFilm) film = g_weak_ref_get(&job->film);

  if (strip && film && !g_cancellable_is_cancelled(job->cancellable)) {
    strip->drawn++;
    film->failed = !job->bytes;
    if (job->bytes)
      film->texture = gdk_memory_texture_new(job->side, job->side, GDK_MEMORY_DEFAULT, job->bytes, sizeof(guint32) * job->side);
    g_object_notify_by_pspec(G_OBJECT(film), film_props[PROP_TEXTURE]);
  }
  job_free(job);
  return G_SOURCE_REMOVE;
}

static void draw_one(gpointer data, gpointer unused) {
  Job *job = data;

  if (!g_cancellable_is_cancelled(job->cancellable))
    job->bytes = ax_thumbnail_draw(job->path, job->side, job->cancellable, NULL);
  g_idle_add_full(G_PRIORITY_DEFAULT_IDLE, on_drawn, job, NULL);
}

static void ask(AxFilmStrip *self, AxFilm *film) {
  Job *job;

  if (film->asked)
    return;
  film->asked = TRUE;
  job = g_new0(Job, 1);
  g_weak_ref_init(&job->strip, self);
  g_weak_ref_init(&job->film, film);
  job->path = g_strdup(film->path);
  job->side = SIDE * gtk_widget_get_scale_factor(GTK_WIDGET(self));
  job->cancellable = g_object_ref(self->cancellable);
  g_thread_pool_push(self->pool, job, NULL);
}

/* ---- pictures in view ---- */

static const char *path_at(AxFilmStrip *self, guint position) {
  g_autoptr(AxFilm) film = g_list_model_get_item(G_LIST_MODEL(self->films), position);

  return film ? film->path : NULL;
}

/* A left click opens, a right click compares. (The list's own single-click mode would move the mark with the pointer.) */
static void on_click(GtkGestureClick *gesture, int n_press, double x, double y, GtkListItem *item) {
  AxFilm *film = gtk_list_item_get_item(item);
  GtkWidget *strip = gtk_widget_get_ancestor(gtk_event_controller_get_widget(GTK_EVENT_CONTROLLER(gesture)), AX_TYPE_FILM_STRIP);
  guint button = gtk_gesture_single_get_current_button(GTK_GESTURE_SINGLE(gesture));

  if (film && strip && (button == GDK_BUTTON_PRIMARY || button == GDK_BUTTON_SECONDARY))
    g_signal_emit(strip, button == GDK_BUTTON_PRIMARY ? open_signal : compare_signal, 0, film->path);
}

static void on_setup(GtkSignalListItemFactory *factory, GtkListItem *item, AxFilmStrip *self) {
  GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2), *picture = gtk_picture_new(), *label = gtk_label_new("");
  GtkGesture *click = gtk_gesture_click_new();

  gtk_widget_set_size_request(picture, SIDE, SIDE);
  gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_MIDDLE);
  gtk_label_set_width_chars(GTK_LABEL(label), 12);
  gtk_label_set_max_width_chars(GTK_LABEL(label), 12);
  gtk_widget_add_css_class(label, "caption");
  gtk_box_append(GTK_BOX(box), picture);
  gtk_box_append(GTK_BOX(box), label);
  gtk_gesture_single_set_button(GTK_GESTURE_SINGLE(click), 0);
  g_signal_connect(click, "released", G_CALLBACK(on_click), item);
  gtk_widget_add_controller(box, GTK_EVENT_CONTROLLER(click));
  gtk_list_item_set_child(item, box);
}

static void show_texture(AxFilm *film, GParamSpec *pspec, GtkWidget *box) {
  gtk_picture_set_paintable(GTK_PICTURE(gtk_widget_get_first_child(box)), film->texture ? GDK_PAINTABLE(film->texture) : NULL);
  ax_tooltip_set(box, film->failed ? _("This file cannot be shown") : film->name);
}

static void on_bind(GtkSignalListItemFactory *factory, GtkListItem *item, AxFilmStrip *self) {
  AxFilm *film = gtk_list_item_get_item(item);
  GtkWidget *box = gtk_list_item_get_child(item), *row = gtk_widget_get_parent(box);

  gtk_label_set_text(GTK_LABEL(gtk_widget_get_last_child(box)), film->name);
  if (row)
    gtk_accessible_update_property(GTK_ACCESSIBLE(row), GTK_ACCESSIBLE_PROPERTY_LABEL, film->name, -1);
  g_signal_connect_object(film, "notify::texture", G_CALLBACK(show_texture), box, 0);
  show_texture(film, NULL, box);
  ask(self, film);
}

static void on_unbind(GtkSignalListItemFactory *factory, GtkListItem *item, AxFilmStrip *self) {
  g_signal_handlers_disconnect_by_func(gtk_list_item_get_item(item), show_texture, gtk_list_item_get_child(item));
}

static void on_activate(GtkListView *view, guint position, AxFilmStrip *self) {
  g_autofree char *path = g_strdup(path_at(self, position));

  if (path)
    g_signal_emit(self, open_signal, 0, path);
}

static gboolean on_key(GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state, AxFilmStrip *self) {
  g_autofree char *path = NULL;

  if (key != GDK_KEY_Return || !(state & GDK_CONTROL_MASK))
    return FALSE;
  path = g_strdup(path_at(self, gtk_single_selection_get_selected(self->selection)));
  if (path)
    g_signal_emit(self, compare_signal, 0, path);
  return TRUE;
}

/* ---- folder ---- */

static void forget(AxFilmStrip *self) {
  if (self->cancellable)
    g_cancellable_cancel(self->cancellable);
  g_clear_object(&self->cancellable);
  g_clear_pointer(&self->folder, g_free);
  if (self->films)
    g_list_store_remove_all(self->films);
  if (self->empty)
    gtk_widget_set_visible(self->empty, TRUE);
  self->drawn = 0;
}

static void read_folder(AxFilmStrip *self, const char *folder, gboolean bare) {
  g_auto(GStrv) paths = ax_folder_list(folder, bare);
  g_autoptr(GPtrArray) films = g_ptr_array_new_with_free_func(g_object_unref);

  forget(self);
  self->folder = g_strdup(folder);
  self->cancellable = g_cancellable_new();
  for (guint i = 0; paths[i]; i++)
    g_ptr_array_add(films, film_new(paths[i]));
  g_list_store_splice(self->films, 0, 0, films->pdata, films->len);
  gtk_widget_set_visible(self->empty, films->len == 0);
}

void ax_film_strip_set_path(AxFilmStrip *self, const char *path) {
  g_autofree char *folder = path ? g_path_get_dirname(path) : NULL, *name = path ? g_path_get_basename(path) : NULL;

  g_return_if_fail(AX_IS_FILM_STRIP(self));
  if (!path) {
    forget(self);
    return;
  }
  if (g_strcmp0(folder, self->folder) != 0)
    read_folder(self, folder, !strchr(name, '.'));
  for (guint i = 0; i < g_list_model_get_n_items(G_LIST_MODEL(self->films)); i++) {
    g_autofree char *other = g_path_get_basename(path_at(self, i));

    if (strcmp(other, name) == 0) {
      gtk_single_selection_set_selected(self->selection, i);
      gtk_widget_activate_action(self->view, "list.scroll-to-item", "u", i);
      return;
    }
  }
  gtk_single_selection_set_selected(self->selection, GTK_INVALID_LIST_POSITION);
}

guint ax_film_strip_get_n(AxFilmStrip *self) { return g_list_model_get_n_items(G_LIST_MODEL(self->films)); }
guint ax_film_strip_get_n_drawn(AxFilmStrip *self) { return self->drawn; }

/* ---- GObject ---- */

static void ax_film_strip_dispose(GObject *object) {
  AxFilmStrip *self = AX_FILM_STRIP(object);

  forget(self);
  g_clear_pointer(&self->scrolled, gtk_widget_unparent);
  g_clear_pointer(&self->empty, gtk_widget_unparent);
  g_clear_object(&self->films);
  if (self->pool)
    g_thread_pool_free(g_steal_pointer(&self->pool), FALSE, FALSE); /* cancelled jobs end at once, by themselves */
  G_OBJECT_CLASS(ax_film_strip_parent_class)->dispose(object);
}

static void ax_film_strip_class_init(AxFilmStripClass *klass) {
  G_OBJECT_CLASS(klass)->dispose = ax_film_strip_dispose;
  gtk_widget_class_set_layout_manager_type(GTK_WIDGET_CLASS(klass), GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name(GTK_WIDGET_CLASS(klass), "axfilmstrip");
  open_signal = g_signal_new("open", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  compare_signal = g_signal_new("compare", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void ax_film_strip_init(AxFilmStrip *self) {
  GtkListItemFactory *factory = gtk_signal_list_item_factory_new();
  GtkEventController *keys = gtk_event_controller_key_new();

  self->pool = g_thread_pool_new(draw_one, NULL, 1, FALSE, NULL);
  self->films = g_list_store_new(AX_TYPE_FILM);
  self->selection = gtk_single_selection_new(g_object_ref(G_LIST_MODEL(self->films)));
  gtk_single_selection_set_autoselect(self->selection, FALSE);
  gtk_single_selection_set_can_unselect(self->selection, TRUE);
  g_signal_connect(factory, "setup", G_CALLBACK(on_setup), self);
  g_signal_connect(factory, "bind", G_CALLBACK(on_bind), self);
  g_signal_connect(factory, "unbind", G_CALLBACK(on_unbind), self);
  self->view = gtk_list_view_new(GTK_SELECTION_MODEL(self->selection), factory);
  gtk_orientable_set_orientation(GTK_ORIENTABLE(self->view), GTK_ORIENTATION_HORIZONTAL);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->view), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Images of the folder"), -1);
  g_signal_connect(self->view, "activate", G_CALLBACK(on_activate), self);
  g_signal_connect(keys, "key-pressed", G_CALLBACK(on_key), self);
  gtk_event_controller_set_propagation_phase(keys, GTK_PHASE_CAPTURE);
  gtk_widget_add_controller(self->view, keys);
  self->scrolled = gtk_scrolled_window_new();
  g_object_set(self->scrolled, "vscrollbar-policy", GTK_POLICY_NEVER, NULL);
  gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(self->scrolled), self->view);
  gtk_widget_set_parent(self->scrolled, GTK_WIDGET(self));
  self->empty = gtk_label_new(_("The other images of the folder stand here; this one is of no folder."));
  gtk_label_set_wrap(GTK_LABEL(self->empty), TRUE);
  gtk_widget_add_css_class(self->empty, "dim-label");
  gtk_widget_set_margin_top(self->empty, 12);
  gtk_widget_set_margin_bottom(self->empty, 12);
  gtk_widget_set_parent(self->empty, GTK_WIDGET(self));
}

GtkWidget *ax_film_strip_new(void) { return g_object_new(AX_TYPE_FILM_STRIP, NULL); }
