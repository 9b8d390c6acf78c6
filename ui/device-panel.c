#include "ui/device-panel.h"

#include "ui/exchange-view.h"
#include <glib/gi18n-lib.h>
#include <unistd.h>

#define REFRESH_MS 500

struct _AxDevicePanel {
  GtkWidget parent_instance;
  AxSession *session;
  AxAsker *asker;
  GtkWidget *box, *note;
  GtkGrid *grid;
  GPtrArray *names, *values; /* GtkLabel, one of each a row */
  guint n;                   /* rows in use */
  guint refresh;
  gboolean moving;           /* a move was under way at the last look */
};

static guint moved_signal;

G_DEFINE_FINAL_TYPE(AxDevicePanel, ax_device_panel, GTK_TYPE_WIDGET)

/* ---- texts ---- */

/* Bytes of the whole program in memory; 0 where the system does not say. */
static gsize resident(void) {
  g_autofree char *text = NULL;
  g_auto(GStrv) fields = NULL;

  if (!g_file_get_contents("/proc/self/statm", &text, NULL, NULL))
    return 0;
  fields = g_strsplit(text, " ", 3);
  return g_strv_length(fields) > 1 ? (gsize)g_ascii_strtoull(fields[1], NULL, 10) * (gsize)sysconf(_SC_PAGESIZE) : 0;
}

/* ---- rows ---- */

static GtkWidget *new_label(const char *css_class) {
  GtkWidget *label = gtk_label_new(NULL);

  gtk_label_set_xalign(GTK_LABEL(label), 0);
  gtk_label_set_wrap(GTK_LABEL(label), TRUE);
  gtk_label_set_max_width_chars(GTK_LABEL(label), 40);
  if (css_class)
    gtk_widget_add_css_class(label, css_class);
  return label;
}

static void put(AxDevicePanel *self, const char *name, char *value) {
  g_autofree char *owned = value;

  if (self->n == self->names->len) {
    g_ptr_array_add(self->names, new_label("dim-label"));
    g_ptr_array_add(self->values, new_label("numeric"));
    gtk_widget_set_valign(self->names->pdata[self->n], GTK_ALIGN_START);
    gtk_grid_attach(self->grid, self->names->pdata[self->n], 0, (int)self->n, 1, 1);
    gtk_grid_attach(self->grid, self->values->pdata[self->n], 1, (int)self->n, 1, 1);
  }
  gtk_label_set_text(self->names->pdata[self->n], name);
  gtk_label_set_text(self->values->pdata[self->n], owned);
  gtk_widget_set_visible(self->names->pdata[self->n], TRUE);
  gtk_widget_set_visible(self->values->pdata[self->n], TRUE);
  self->n++;
}

static char *bytes_text(gsize bytes) { return g_strdup_printf(_("%.1f MiB"), (double)bytes / (1 << 20)); }

static void put_all(AxDevicePanel *self, const AxDeviceUse *use) {
  gsize program = resident();
  AxAnswer *answer = self->asker ? ax_asker_get_last_answer(self->asker) : NULL;
  g_autofree char *speed = answer ? ax_answer_speed_text(answer) : NULL;
  AxMemory m;

  ax_session_get_memory(self->session, &m);
  self->n = 0;
  put(self, _("Device"), g_strdup(use->title[0] ? use->title : _("none")));
  if (use->card)
    /* Translators: memory of the graphics processor that is taken, and all of it. */
    put(self, _("Its memory"), g_strdup_printf(_("%.1f of %.1f GB taken"), 1e-9 * (double)use->taken, 1e-9 * (double)use->total));
  put(self, _("Model and its answers"), bytes_text(m.perception + m.activations + m.kept + m.language + m.sequences));
  if (program > 0)
    put(self, _("Whole program"), bytes_text(program));
  put(self, _("Last answer"), g_strdup(speed ? speed : _("not yet")));
  for (guint i = self->n; i < self->names->len; i++) {
    gtk_widget_set_visible(self->names->pdata[i], FALSE);
    gtk_widget_set_visible(self->values->pdata[i], FALSE);
  }
}

static gboolean on_refresh(gpointer data) {
  AxDevicePanel *self = data;
  gboolean was_moving = self->moving;
  AxDeviceUse use = {0};

  self->moving = FALSE;
  if (self->session) {
    ax_session_get_device(self->session, &use);
    self->moving = use.moving;
    put_all(self, &use);
  }
  gtk_label_set_text(GTK_LABEL(self->note), use.moving ? _("It changes when the model has finished what it is at…") : use.note);
  gtk_widget_set_visible(self->note, use.moving || use.note[0]);
  if (was_moving && !self->moving)
    g_signal_emit(self, moved_signal, 0);
  if (self->moving || gtk_widget_get_mapped(GTK_WIDGET(self)))
    return G_SOURCE_CONTINUE;
  self->refresh = 0;
  return G_SOURCE_REMOVE;
}

static void look(AxDevicePanel *self) {
  g_clear_handle_id(&self->refresh, g_source_remove);
  if (on_refresh(self) == G_SOURCE_CONTINUE)
    self->refresh = g_timeout_add(REFRESH_MS, on_refresh, self);
}

void ax_device_panel_watch(AxDevicePanel *self) {
  g_return_if_fail(AX_IS_DEVICE_PANEL(self));
  self->moving = TRUE;
  look(self);
}

void ax_device_panel_set_asker(AxDevicePanel *self, AxSession *session, AxAsker *asker) {
  g_return_if_fail(AX_IS_DEVICE_PANEL(self));
  g_set_object(&self->session, session);
  g_set_object(&self->asker, asker);
}

/* ---- GObject ---- */

static void ax_device_panel_map(GtkWidget *widget) {
  GTK_WIDGET_CLASS(ax_device_panel_parent_class)->map(widget);
  look(AX_DEVICE_PANEL(widget));
}

static void ax_device_panel_dispose(GObject *object) {
  AxDevicePanel *self = AX_DEVICE_PANEL(object);

  g_clear_handle_id(&self->refresh, g_source_remove);
  g_clear_pointer(&self->box, gtk_widget_unparent);
  g_clear_object(&self->asker);
  g_clear_object(&self->session);
  G_OBJECT_CLASS(ax_device_panel_parent_class)->dispose(object);
}

static void ax_device_panel_finalize(GObject *object) {
  AxDevicePanel *self = AX_DEVICE_PANEL(object);

  g_ptr_array_unref(self->names);
  g_ptr_array_unref(self->values);
  G_OBJECT_CLASS(ax_device_panel_parent_class)->finalize(object);
}

static void ax_device_panel_class_init(AxDevicePanelClass *klass) {
  G_OBJECT_CLASS(klass)->dispose = ax_device_panel_dispose;
  G_OBJECT_CLASS(klass)->finalize = ax_device_panel_finalize;
  GTK_WIDGET_CLASS(klass)->map = ax_device_panel_map;
  gtk_widget_class_set_layout_manager_type(GTK_WIDGET_CLASS(klass), GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name(GTK_WIDGET_CLASS(klass), "axdevice");
  moved_signal = g_signal_new("moved", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static GtkWidget *new_choice(const char *label, const char *target) {
  GtkWidget *button = gtk_check_button_new_with_label(label);

  gtk_actionable_set_action_name(GTK_ACTIONABLE(button), "win.device");
  gtk_actionable_set_action_target(GTK_ACTIONABLE(button), "s", target);
  return button;
}

static void ax_device_panel_init(AxDevicePanel *self) {
  GtkWidget *title = new_label("heading");

  self->names = g_ptr_array_new();
  self->values = g_ptr_array_new();
  self->box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
  self->note = new_label("dim-label");
  self->grid = GTK_GRID(gtk_grid_new());
  gtk_label_set_text(GTK_LABEL(title), _("The model computes on"));
  gtk_grid_set_column_spacing(self->grid, 12);
  gtk_grid_set_row_spacing(self->grid, 4);
  gtk_box_append(GTK_BOX(self->box), title);
  gtk_box_append(GTK_BOX(self->box), new_choice(_("The graphics processor, where there is one"), "auto"));
  gtk_box_append(GTK_BOX(self->box), new_choice(_("The processor"), "cpu"));
  gtk_box_append(GTK_BOX(self->box), self->note);
  gtk_box_append(GTK_BOX(self->box), gtk_separator_new(GTK_ORIENTATION_HORIZONTAL));
  gtk_box_append(GTK_BOX(self->box), GTK_WIDGET(self->grid));
  gtk_widget_set_parent(self->box, GTK_WIDGET(self));
}

GtkWidget *ax_device_panel_new(void) { return g_object_new(AX_TYPE_DEVICE_PANEL, NULL); }
