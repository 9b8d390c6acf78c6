#include "ui/mark-list.h"

#include "ui/measure.h"
#include "ui/tooltip.h"
#include <glib/gi18n-lib.h>

struct _AxMarkList {
  GtkWidget parent_instance;
  GtkWidget *box, *list, *note;
  AxMarks *marks;
  AxImage *image;
  char *shown; /* what the rows say: they are made anew only when that changes */
  gboolean filling;
};

G_DEFINE_FINAL_TYPE(AxMarkList, ax_mark_list, GTK_TYPE_WIDGET)

static guint row_id(GtkListBoxRow *row) { return GPOINTER_TO_UINT(g_object_get_data(G_OBJECT(row), "ax-id")); }

static void on_delete(GtkButton *button, AxMarkList *self) {
  ax_marks_remove(self->marks, GPOINTER_TO_UINT(g_object_get_data(G_OBJECT(button), "ax-id")));
}

static GtkWidget *make_row(AxMarkList *self, const AxMark *mark) {
  GtkWidget *row = gtk_list_box_row_new(), *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 8), *texts = gtk_box_new(GTK_ORIENTATION_VERTICAL, 1);
  GtkWidget *button = gtk_button_new_from_icon_name("user-trash-symbolic"), *name = gtk_label_new(ax_mark_kind_name(mark->kind)), *result;
  g_autofree char *text = mark->kind == AX_MARK_BOX ? g_strdup_printf("%.0f, %.0f – %.0f, %.0f", ax_mark_get_box(mark).x1, ax_mark_get_box(mark).y1,
                                                                      ax_mark_get_box(mark).x2, ax_mark_get_box(mark).y2)
                                                    : ax_mark_text(mark, self->image, ax_marks_get_calibration(self->marks));
  g_autofree char *spoken = g_strdup_printf("%s: %s", ax_mark_kind_name(mark->kind), text);

  result = gtk_label_new(text);
  gtk_label_set_xalign(GTK_LABEL(name), 0);
  gtk_label_set_xalign(GTK_LABEL(result), 0);
  gtk_label_set_wrap(GTK_LABEL(result), TRUE);
  gtk_widget_add_css_class(name, "structure");
  gtk_widget_add_css_class(result, "sentence");
  gtk_widget_add_css_class(button, "flat");
  gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
  gtk_widget_set_hexpand(texts, TRUE);
  ax_tooltip_set(button, _("Delete (undo brings it back)"));
  gtk_accessible_update_property(GTK_ACCESSIBLE(button), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Delete"), -1);
  gtk_accessible_update_property(GTK_ACCESSIBLE(row), GTK_ACCESSIBLE_PROPERTY_LABEL, spoken, -1);
  gtk_box_append(GTK_BOX(texts), name);
  gtk_box_append(GTK_BOX(texts), result);
  gtk_box_append(GTK_BOX(box), texts);
  gtk_box_append(GTK_BOX(box), button);
  gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(row), box);
  g_object_set_data(G_OBJECT(row), "ax-id", GUINT_TO_POINTER(mark->id));
  g_object_set_data(G_OBJECT(button), "ax-id", GUINT_TO_POINTER(mark->id));
  g_signal_connect(button, "clicked", G_CALLBACK(on_delete), self);
  return row;
}

static void fill_note(AxMarkList *self) {
  double calibration = ax_marks_get_calibration(self->marks);
  g_autofree char *text = NULL;

  if (ax_marks_get_n(self->marks) == 0)
    text = g_strdup(_("No measurement yet. L measures a length, A an angle, E grey values, C the heart."));
  else if (calibration > 0)
    text = g_strdup_printf(_("Calibrated: a pixel is %.3f mm wide."), calibration);
  else
    text = g_strdup(_("Not calibrated. Select a length that you know and press K."));
  gtk_label_set_text(GTK_LABEL(self->note), text);
}

static char *describe(AxMarkList *self) {
  GString *text = g_string_new(NULL);

  for (guint i = 0; self->marks && self->image && i < ax_marks_get_n(self->marks); i++) {
    const AxMark *mark = ax_marks_get(self->marks, i);

    g_string_append_printf(text, "%u %d", mark->id, mark->kind);
    for (guint k = 0; k < ax_mark_n_points(mark->kind); k++)
      g_string_append_printf(text, " %.9g %.9g", mark->points[k].x, mark->points[k].y);
  }
  if (self->marks)
    g_string_append_printf(text, " %.9g", ax_marks_get_calibration(self->marks));
  return g_string_free(text, FALSE);
}

static void fill(AxMarkList *self) {
  g_autofree char *wanted = describe(self);
  guint selected = self->marks ? ax_marks_get_selected(self->marks) : 0;
  GtkWidget *child, *chosen = NULL;

  self->filling = TRUE;
  if (g_strcmp0(wanted, self->shown) != 0) {
    while ((child = gtk_widget_get_first_child(self->list)))
      gtk_list_box_remove(GTK_LIST_BOX(self->list), child);
    for (guint i = 0; self->marks && self->image && i < ax_marks_get_n(self->marks); i++)
      gtk_list_box_append(GTK_LIST_BOX(self->list), make_row(self, ax_marks_get(self->marks, i)));
    g_free(self->shown);
    self->shown = g_steal_pointer(&wanted);
    gtk_widget_set_visible(self->list, gtk_widget_get_first_child(self->list) != NULL);
    if (self->marks)
      fill_note(self);
  }
  for (child = gtk_widget_get_first_child(self->list); child; child = gtk_widget_get_next_sibling(child))
    if (selected && row_id(GTK_LIST_BOX_ROW(child)) == selected)
      chosen = child;
  gtk_list_box_select_row(GTK_LIST_BOX(self->list), chosen ? GTK_LIST_BOX_ROW(chosen) : NULL);
  self->filling = FALSE;
}

/* A mark that is being drawn gets its row when it is done. */
static void on_changed(AxMarkList *self) {
  if (!ax_marks_is_editing(self->marks))
    fill(self);
}

static void on_row_selected(GtkListBox *list, GtkListBoxRow *row, AxMarkList *self) {
  if (!self->filling && row)
    ax_marks_select(self->marks, row_id(row));
}

void ax_mark_list_set_marks(AxMarkList *self, AxMarks *marks, AxImage *image) {
  g_return_if_fail(AX_IS_MARK_LIST(self));
  if (self->marks)
    g_signal_handlers_disconnect_by_data(self->marks, self);
  g_set_object(&self->marks, marks);
  g_set_object(&self->image, image);
  if (marks)
    g_signal_connect_swapped(marks, "changed", G_CALLBACK(on_changed), self);
  g_clear_pointer(&self->shown, g_free);
  fill(self);
}

static void ax_mark_list_dispose(GObject *object) {
  AxMarkList *self = AX_MARK_LIST(object);

  if (self->marks)
    g_signal_handlers_disconnect_by_data(self->marks, self);
  if (self->list)
    g_signal_handlers_disconnect_by_data(self->list, self);
  self->list = NULL;
  g_clear_object(&self->marks);
  g_clear_object(&self->image);
  g_clear_pointer(&self->shown, g_free);
  g_clear_pointer(&self->box, gtk_widget_unparent);
  G_OBJECT_CLASS(ax_mark_list_parent_class)->dispose(object);
}

static void ax_mark_list_class_init(AxMarkListClass *klass) {
  G_OBJECT_CLASS(klass)->dispose = ax_mark_list_dispose;
  gtk_widget_class_set_layout_manager_type(GTK_WIDGET_CLASS(klass), GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name(GTK_WIDGET_CLASS(klass), "axmarklist");
}

static void ax_mark_list_init(AxMarkList *self) {
  GtkWidget *scrolled = gtk_scrolled_window_new();

  self->box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
  self->list = gtk_list_box_new();
  self->note = gtk_label_new("");
  gtk_label_set_wrap(GTK_LABEL(self->note), TRUE);
  gtk_label_set_xalign(GTK_LABEL(self->note), 0);
  gtk_widget_add_css_class(self->note, "dim-label");
  gtk_widget_add_css_class(self->note, "panel-note");
  gtk_widget_add_css_class(self->list, "anatomy");
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->list), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Measurements"), -1);
  g_object_set(scrolled, "hscrollbar-policy", GTK_POLICY_NEVER, "vexpand", TRUE, NULL);
  gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scrolled), self->list);
  gtk_box_append(GTK_BOX(self->box), self->note);
  gtk_box_append(GTK_BOX(self->box), scrolled);
  gtk_widget_set_parent(self->box, GTK_WIDGET(self));
  g_signal_connect(self->list, "row-selected", G_CALLBACK(on_row_selected), self);
}

GtkWidget *ax_mark_list_new(void) { return g_object_new(AX_TYPE_MARK_LIST, NULL); }
