/* The page of the GTK inspector (Ctrl+Shift+D): how long the model took, what its tensors take, and the frame that it saw. GTK makes an object of the type
 * that implements the extension point and sets its "object" to what is being inspected. */
#include "ui/window-private.h"

#include <glib/gi18n-lib.h>

#define EXTENSION_POINT "gtk-inspector-page"
#define REFRESH_MS 500

enum { PROP_TITLE = 1, PROP_OBJECT, N_PROPS };

#define AX_TYPE_INSPECTOR_PAGE (ax_inspector_page_get_type())
G_DECLARE_FINAL_TYPE(AxInspectorPage, ax_inspector_page, AX, INSPECTOR_PAGE, GtkWidget)

struct _AxInspectorPage {
  GtkWidget parent_instance;
  GWeakRef object;         /* what is being inspected */
  GtkWidget *scroller;
  GtkGrid *grid;
  int n;                   /* rows of the grid */
  GPtrArray *names, *values; /* GtkLabel, one of each a row */
  GtkPicture *frames[2];   /* the plain and the mirrored input */
  GtkWidget *captions[2];
  gpointer shown[2];       /* the image whose frame is there or on its way; compared only */
  GCancellable *work[2];
  guint refresh;
};

G_DEFINE_FINAL_TYPE(AxInspectorPage, ax_inspector_page, GTK_TYPE_WIDGET)

/* The window of the inspected object; where that has none, the first one. */
static AxMainWindow *window_of(AxInspectorPage *self) {
  g_autoptr(GObject) object = g_weak_ref_get(&self->object);
  GtkRoot *root = GTK_IS_WIDGET(object) ? gtk_widget_get_root(GTK_WIDGET(object)) : NULL;
  GApplication *application = g_application_get_default();

  if (AX_IS_MAIN_WINDOW(root))
    return AX_MAIN_WINDOW(root);
  for (GList *l = GTK_IS_APPLICATION(application) ? gtk_application_get_windows(GTK_APPLICATION(application)) : NULL; l; l = l->next)
    if (AX_IS_MAIN_WINDOW(l->data))
      return l->data;
  return NULL;
}

/* ---- rows ---- */

static void put(AxInspectorPage *self, const char *name, char *value) {
  g_autofree char *owned = value;

  if ((guint)self->n == self->names->len) {
    GtkWidget *label = gtk_label_new(NULL), *number = gtk_label_new(NULL);

    gtk_label_set_xalign(GTK_LABEL(label), 0);
    gtk_label_set_xalign(GTK_LABEL(number), 0);
    gtk_label_set_selectable(GTK_LABEL(number), TRUE);
    gtk_widget_add_css_class(label, "dim-label");
    gtk_grid_attach(self->grid, label, 0, self->n, 1, 1);
    gtk_grid_attach(self->grid, number, 1, self->n, 1, 1);
    g_ptr_array_add(self->names, label);
    g_ptr_array_add(self->values, number);
  }
  gtk_label_set_text(self->names->pdata[self->n], name);
  gtk_label_set_text(self->values->pdata[self->n], owned);
  gtk_widget_set_visible(self->names->pdata[self->n], TRUE);
  gtk_widget_set_visible(self->values->pdata[self->n], TRUE);
  self->n++;
}

static void put_perception(AxInspectorPage *self, const char *name, const AxPerception *p) {
  /* Translators: the parts of the time in milliseconds, then their sum. */
  put(self, name, p ? g_strdup_printf(_("frame %.1f + network %.1f + sentences %.1f = %.1f ms"), p->ms_preprocess, p->ms_perceive, p->ms_retrieve, p->ms_total)
                    : g_strdup(_("not yet")));
}

static void put_answer(AxInspectorPage *self, const AxAnswer *a) {
  if (!a) {
    put(self, _("Last answer"), g_strdup(_("not yet")));
    return;
  }
  put(self, _("Last answer"), g_strdup_printf(_("%.0f ms, the first word after %.0f ms"), a->ms_total, a->ms_first));
  put(self, _("Its prompt"), g_strdup_printf(_("%u tokens, %u of them were there already, %.0f ms, %.0f a second"), a->n_prompt, a->n_reused, a->ms_prefill,
                                              ax_answer_read_speed(a)));
  put(self, _("Its words"), g_strdup_printf(_("%u tokens, %.1f a second"), a->n_tokens, ax_answer_make_speed(a)));
}

static void put_bytes(AxInspectorPage *self, const char *name, gsize bytes) {
  put(self, name, g_strdup_printf(_("%.1f MiB"), (double)bytes / (1 << 20)));
}

static void put_memory(AxInspectorPage *self, AxSession *session) {
  AxMemory m;

  ax_session_get_memory(session, &m);
  put_bytes(self, _("Weights of the perception module"), m.perception);
  put_bytes(self, _("Its activations, at most"), m.activations);
  put_bytes(self, _("Its numbers for the last images"), m.kept);
  put_bytes(self, _("Weights of the language model"), m.language);
  put_bytes(self, _("Its keys and values for the last images"), m.sequences);
  put_bytes(self, _("Tensors together"), m.perception + m.activations + m.kept + m.language + m.sequences);
}

static void put_device(AxInspectorPage *self, AxSession *session) {
  AxDeviceUse use;

  ax_session_get_device(session, &use);
  put(self, _("Device"), g_strdup_printf(use.note[0] ? "%s (%s)" : "%s", use.title, use.note));
  if (use.card)
    put(self, _("Its memory"), g_strdup_printf(_("%.1f of %.1f GB taken"), 1e-9 * (double)use.taken, 1e-9 * (double)use.total));
}

static void put_all(AxInspectorPage *self, AxMainWindow *window) {
  GdkFrameClock *clock = window ? gtk_widget_get_frame_clock(GTK_WIDGET(window)) : NULL;

  self->n = 0;
  if (window && window->document) {
    AxModel *model = ax_session_get_model(window->session);

    put(self, _("Model"), model ? g_strdup_printf("%s %.12s", ax_model_name(model), ax_model_sha256(model)) : g_strdup(_("none")));
    put_device(self, window->session);
    put(self, _("Frames a second"), g_strdup_printf("%.1f", clock ? gdk_frame_clock_get_fps(clock) : 0));
    put_perception(self, _("Looking at the image"), ax_document_get_perception(window->document, FALSE));
    put_perception(self, _("Looking at its mirror image"), ax_document_get_perception(window->document, TRUE));
    put_answer(self, ax_asker_get_last_answer(window->asker));
    put_memory(self, window->session);
  } else {
    put(self, _("There is no window of the viewer."), g_strdup(""));
  }
  for (guint i = (guint)self->n; i < self->names->len; i++) {
    gtk_widget_set_visible(self->names->pdata[i], FALSE);
    gtk_widget_set_visible(self->values->pdata[i], FALSE);
  }
}

/* ---- the input frame ---- */

typedef struct {
  AxModel *model;
  AxImage *image;
  int mirror;
} Frame;

static void frame_free(gpointer data) {
  Frame *frame = data;

  g_object_unref(frame->model);
  g_object_unref(frame->image);
  g_free(frame);
}

static void make_frame(GTask *task, gpointer source, gpointer data, GCancellable *cancellable) {
  Frame *frame = data;
  gsize n = (gsize)ax_model_input_size(frame->model) * (gsize)ax_model_input_size(frame->model);
  GError *error = NULL;
  g_autofree guint8 *grey = ax_model_input_frame(frame->model, frame->image, frame->mirror, &error);
  guint8 *rgb;

  if (!grey) {
    g_task_return_error(task, error);
    return;
  }
  rgb = g_malloc(3 * n);
  for (gsize i = 0; i < 3 * n; i++)
    rgb[i] = grey[i / 3];
  g_task_return_pointer(task, g_bytes_new_take(rgb, 3 * n), (GDestroyNotify)g_bytes_unref);
}

static void on_frame(GObject *source, GAsyncResult *result, gpointer data) {
  AxInspectorPage *self = AX_INSPECTOR_PAGE(source);
  Frame *frame = g_task_get_task_data(G_TASK(result));
  g_autoptr(GBytes) bytes = g_task_propagate_pointer(G_TASK(result), NULL);
  int size = ax_model_input_size(frame->model);
  g_autoptr(GdkTexture) texture = NULL;

  if (!bytes || !self->scroller)
    return;
  texture = gdk_memory_texture_new(size, size, GDK_MEMORY_R8G8B8, bytes, 3 * (gsize)size);
  gtk_picture_set_paintable(self->frames[frame->mirror], GDK_PAINTABLE(texture));
}

static void show_frame(AxInspectorPage *self, AxMainWindow *window, int mirror) {
  AxModel *model = window && window->document ? ax_session_get_model(window->session) : NULL;
  AxImage *image = model && ax_document_get_perception(window->document, mirror) ? ax_document_get_image(window->document) : NULL;
  g_autoptr(GTask) task = NULL;
  Frame *frame;

  gtk_widget_set_visible(self->captions[mirror], image != NULL);
  gtk_widget_set_visible(GTK_WIDGET(self->frames[mirror]), image != NULL);
  if (self->shown[mirror] == image)
    return;
  self->shown[mirror] = image;
  gtk_picture_set_paintable(self->frames[mirror], NULL);
  if (self->work[mirror])
    g_cancellable_cancel(self->work[mirror]);
  g_clear_object(&self->work[mirror]);
  if (!image)
    return;
  self->work[mirror] = g_cancellable_new();
  frame = g_new0(Frame, 1);
  *frame = (Frame){g_object_ref(model), g_object_ref(image), mirror};
  task = g_task_new(self, self->work[mirror], on_frame, NULL);
  g_task_set_task_data(task, frame, frame_free);
  g_task_run_in_thread(task, make_frame);
}

static gboolean on_refresh(gpointer data) {
  AxInspectorPage *self = data;
  AxMainWindow *window = window_of(self);

  put_all(self, window);
  show_frame(self, window, FALSE);
  show_frame(self, window, TRUE);
  return G_SOURCE_CONTINUE;
}

/* ---- GObject ---- */

static void ax_inspector_page_map(GtkWidget *widget) {
  AxInspectorPage *self = AX_INSPECTOR_PAGE(widget);

  GTK_WIDGET_CLASS(ax_inspector_page_parent_class)->map(widget);
  on_refresh(self);
  self->refresh = g_timeout_add(REFRESH_MS, on_refresh, self);
}

static void ax_inspector_page_unmap(GtkWidget *widget) {
  g_clear_handle_id(&AX_INSPECTOR_PAGE(widget)->refresh, g_source_remove);
  GTK_WIDGET_CLASS(ax_inspector_page_parent_class)->unmap(widget);
}

static void ax_inspector_page_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
  if (id == PROP_TITLE)
    g_value_set_string(value, "AnatomiX");
  else if (id == PROP_OBJECT)
    g_value_take_object(value, g_weak_ref_get(&AX_INSPECTOR_PAGE(object)->object));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void ax_inspector_page_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec) {
  if (id == PROP_OBJECT)
    g_weak_ref_set(&AX_INSPECTOR_PAGE(object)->object, g_value_get_object(value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void ax_inspector_page_dispose(GObject *object) {
  AxInspectorPage *self = AX_INSPECTOR_PAGE(object);

  for (int i = 0; i < 2; i++) {
    if (self->work[i])
      g_cancellable_cancel(self->work[i]);
    g_clear_object(&self->work[i]);
  }
  g_clear_handle_id(&self->refresh, g_source_remove);
  g_clear_pointer(&self->scroller, gtk_widget_unparent);
  G_OBJECT_CLASS(ax_inspector_page_parent_class)->dispose(object);
}

static void ax_inspector_page_finalize(GObject *object) {
  AxInspectorPage *self = AX_INSPECTOR_PAGE(object);

  g_ptr_array_unref(self->names);
  g_ptr_array_unref(self->values);
  g_weak_ref_clear(&self->object);
  G_OBJECT_CLASS(ax_inspector_page_parent_class)->finalize(object);
}

static void ax_inspector_page_class_init(AxInspectorPageClass *klass) {
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);

  object_class->get_property = ax_inspector_page_get_property;
  object_class->set_property = ax_inspector_page_set_property;
  object_class->dispose = ax_inspector_page_dispose;
  object_class->finalize = ax_inspector_page_finalize;
  widget_class->map = ax_inspector_page_map;
  widget_class->unmap = ax_inspector_page_unmap;
  g_object_class_install_property(object_class, PROP_TITLE, g_param_spec_string("title", NULL, NULL, "AnatomiX", G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  g_object_class_install_property(object_class, PROP_OBJECT, g_param_spec_object("object", NULL, NULL, G_TYPE_OBJECT, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS));
  gtk_widget_class_set_layout_manager_type(widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name(widget_class, "axinspector");
}

static void ax_inspector_page_init(AxInspectorPage *self) {
  GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12), *pictures = gtk_grid_new();

  g_weak_ref_init(&self->object, NULL);
  self->names = g_ptr_array_new();
  self->values = g_ptr_array_new();
  self->grid = GTK_GRID(gtk_grid_new());
  gtk_grid_set_column_spacing(self->grid, 18);
  gtk_grid_set_row_spacing(self->grid, 4);
  gtk_grid_set_column_spacing(GTK_GRID(pictures), 18);
  gtk_grid_set_row_spacing(GTK_GRID(pictures), 4);
  for (int i = 0; i < 2; i++) {
    self->captions[i] = gtk_label_new(i ? _("Input frame, mirrored") : _("Input frame"));
    gtk_label_set_xalign(GTK_LABEL(self->captions[i]), 0);
    gtk_widget_add_css_class(self->captions[i], "dim-label");
    self->frames[i] = GTK_PICTURE(gtk_picture_new());
    gtk_picture_set_can_shrink(self->frames[i], FALSE);
    gtk_accessible_update_relation(GTK_ACCESSIBLE(self->frames[i]), GTK_ACCESSIBLE_RELATION_LABELLED_BY, self->captions[i], NULL, -1);
    gtk_grid_attach(GTK_GRID(pictures), self->captions[i], i, 0, 1, 1);
    gtk_grid_attach(GTK_GRID(pictures), GTK_WIDGET(self->frames[i]), i, 1, 1, 1);
  }
  gtk_box_append(GTK_BOX(box), GTK_WIDGET(self->grid));
  gtk_box_append(GTK_BOX(box), pictures);
  gtk_widget_set_margin_start(box, 18);
  gtk_widget_set_margin_end(box, 18);
  gtk_widget_set_margin_top(box, 18);
  gtk_widget_set_margin_bottom(box, 18);
  self->scroller = gtk_scrolled_window_new();
  gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(self->scroller), box);
  gtk_widget_set_parent(self->scroller, GTK_WIDGET(self));
}

/* A GTK that was built without its inspector has no such point. */
void ax_main_window_add_to_inspector(void) {
  if (g_io_extension_point_lookup(EXTENSION_POINT))
    g_io_extension_point_implement(EXTENSION_POINT, AX_TYPE_INSPECTOR_PAGE, "anatomix", 20);
}
