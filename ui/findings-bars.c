#include "ui/findings-bars.h"

#include "ui/names.h"
#include <glib/gi18n-lib.h>
#include <math.h>

#define POSSIBLE_FROM 0.33
#define LIKELY_FROM 0.66

struct _AxFindingsBars {
  GtkWidget parent_instance;
  GtkWidget *grid;
  GtkLabel *empty; /* of the grid while it has no bars; or NULL */
  char *note;
};

G_DEFINE_FINAL_TYPE(AxFindingsBars, ax_findings_bars, GTK_TYPE_WIDGET)

const char *ax_findings_bars_word(double probability) {
  return probability < POSSIBLE_FROM ? _("unlikely") : probability < LIKELY_FROM ? _("possible") : _("likely");
}

static int compare_findings(gconstpointer a, gconstpointer b, gpointer data) {
  const AxFinding *fa = *(const AxFinding *const *)a, *fb = *(const AxFinding *const *)b;

  return fa->probability > fb->probability ? -1 : fa->probability < fb->probability;
}

static GtkWidget *make_bar(const AxFinding *finding) {
  GtkWidget *bar = gtk_level_bar_new_for_interval(0, 1);
  g_autofree char *spoken = NULL;

  gtk_level_bar_remove_offset_value(GTK_LEVEL_BAR(bar), GTK_LEVEL_BAR_OFFSET_LOW);
  gtk_level_bar_remove_offset_value(GTK_LEVEL_BAR(bar), GTK_LEVEL_BAR_OFFSET_HIGH);
  gtk_level_bar_remove_offset_value(GTK_LEVEL_BAR(bar), GTK_LEVEL_BAR_OFFSET_FULL);
  gtk_level_bar_add_offset_value(GTK_LEVEL_BAR(bar), "unlikely", POSSIBLE_FROM);
  gtk_level_bar_add_offset_value(GTK_LEVEL_BAR(bar), "possible", LIKELY_FROM);
  gtk_level_bar_add_offset_value(GTK_LEVEL_BAR(bar), "likely", 1);
  gtk_level_bar_set_value(GTK_LEVEL_BAR(bar), CLAMP(finding->probability, 0, 1));
  gtk_widget_set_valign(bar, GTK_ALIGN_CENTER);
  gtk_widget_set_hexpand(bar, TRUE);
  gtk_widget_set_size_request(bar, 56, -1);
  /* Translators: read by screen readers: a probability in percent and its word. */
  spoken = g_strdup_printf(_("%.0f %%, %s"), 100 * finding->probability, ax_findings_bars_word(finding->probability));
  gtk_accessible_update_property(GTK_ACCESSIBLE(bar), GTK_ACCESSIBLE_PROPERTY_LABEL, ax_shown_name(finding->name), GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, spoken, -1);
  return bar;
}

static void add_finding(AxFindingsBars *self, const AxFinding *finding, int row) {
  GtkWidget *name = gtk_label_new(ax_shown_name(finding->name));
  GtkWidget *percent = gtk_label_new(NULL);
  GtkWidget *word = gtk_label_new(ax_findings_bars_word(finding->probability));
  /* Translators: a probability in percent; %% is the percent sign. */
  g_autofree char *text = g_strdup_printf(_("%.0f %%"), 100 * finding->probability);

  gtk_label_set_text(GTK_LABEL(percent), text);
  gtk_label_set_xalign(GTK_LABEL(name), 0);
  gtk_label_set_xalign(GTK_LABEL(percent), 1);
  gtk_label_set_xalign(GTK_LABEL(word), 0);
  gtk_label_set_wrap(GTK_LABEL(name), TRUE);
  gtk_widget_add_css_class(percent, "numeric");
  gtk_widget_add_css_class(word, "dim-label");
  if (finding->probability >= LIKELY_FROM)
    gtk_widget_add_css_class(name, "heading");
  gtk_grid_attach(GTK_GRID(self->grid), name, 0, row, 1, 1);
  gtk_grid_attach(GTK_GRID(self->grid), make_bar(finding), 1, row, 1, 1);
  gtk_grid_attach(GTK_GRID(self->grid), percent, 2, row, 1, 1);
  gtk_grid_attach(GTK_GRID(self->grid), word, 3, row, 1, 1);
}

static GtkLabel *add_note(AxFindingsBars *self, const char *text) {
  GtkWidget *note = gtk_label_new(text);

  gtk_label_set_wrap(GTK_LABEL(note), TRUE);
  gtk_label_set_wrap_mode(GTK_LABEL(note), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_xalign(GTK_LABEL(note), 0);
  gtk_label_set_width_chars(GTK_LABEL(note), 20); /* or its height would be asked for at a width of one word */
  gtk_widget_set_hexpand(note, TRUE);
  gtk_widget_add_css_class(note, "dim-label");
  gtk_grid_attach(GTK_GRID(self->grid), note, 0, 0, 1, 1);
  return GTK_LABEL(note);
}

void ax_findings_bars_set_note(AxFindingsBars *self, const char *note) {
  g_return_if_fail(AX_IS_FINDINGS_BARS(self));
  g_free(self->note);
  self->note = g_strdup(note);
  if (self->empty)
    gtk_label_set_text(self->empty, note ? note : _("No answer yet."));
}

void ax_findings_bars_set_perception(AxFindingsBars *self, AxPerception *perception) {
  g_autoptr(GPtrArray) order = g_ptr_array_new();
  GtkWidget *child;

  g_return_if_fail(AX_IS_FINDINGS_BARS(self));
  while ((child = gtk_widget_get_first_child(self->grid)))
    gtk_grid_remove(GTK_GRID(self->grid), child);
  self->empty = NULL;
  if (perception && perception->n_findings == 0)
    add_note(self, _("This model names no findings."));
  else if (!perception)
    self->empty = add_note(self, self->note ? self->note : _("No answer yet."));
  if (!perception || perception->n_findings == 0)
    return;
  for (guint i = 0; i < perception->n_findings; i++)
    g_ptr_array_add(order, &perception->findings[i]);
  g_ptr_array_sort_with_data(order, compare_findings, NULL);
  for (guint i = 0; i < order->len; i++)
    add_finding(self, g_ptr_array_index(order, i), (int)i);
}

static void ax_findings_bars_dispose(GObject *object) {
  AxFindingsBars *self = AX_FINDINGS_BARS(object);

  g_clear_pointer(&self->grid, gtk_widget_unparent);
  G_OBJECT_CLASS(ax_findings_bars_parent_class)->dispose(object);
}

static void ax_findings_bars_finalize(GObject *object) {
  g_free(AX_FINDINGS_BARS(object)->note);
  G_OBJECT_CLASS(ax_findings_bars_parent_class)->finalize(object);
}

static void ax_findings_bars_class_init(AxFindingsBarsClass *klass) {
  G_OBJECT_CLASS(klass)->dispose = ax_findings_bars_dispose;
  G_OBJECT_CLASS(klass)->finalize = ax_findings_bars_finalize;
  gtk_widget_class_set_layout_manager_type(GTK_WIDGET_CLASS(klass), GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name(GTK_WIDGET_CLASS(klass), "axfindings");
  gtk_widget_class_set_accessible_role(GTK_WIDGET_CLASS(klass), GTK_ACCESSIBLE_ROLE_GROUP);
}

static void ax_findings_bars_init(AxFindingsBars *self) {
  self->grid = gtk_grid_new();
  gtk_grid_set_row_spacing(GTK_GRID(self->grid), 3);
  gtk_grid_set_column_spacing(GTK_GRID(self->grid), 8);
  gtk_widget_set_parent(self->grid, GTK_WIDGET(self));
  ax_findings_bars_set_perception(self, NULL);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Findings"), -1);
}

GtkWidget *ax_findings_bars_new(void) { return g_object_new(AX_TYPE_FINDINGS_BARS, NULL); }
