#include "ui/mirror-view.h"

#include "ui/names.h"
#include "ui/tooltip.h"
#include <glib/gi18n-lib.h>

struct _AxMirrorView {
  GtkWidget parent_instance;
  GtkWidget *box;
  AxCanvas *canvas[2]; /* plain, mirrored */
  GtkWidget *summary, *overlap, *table, *head, *spinner, *texts;
  AxTextMirror *text_mirror; /* or NULL */
  int pair;
  gboolean answered; /* both answers are there */
  gboolean linking; /* one viewport is being set from the other */
};

G_DEFINE_FINAL_TYPE(AxMirrorView, ax_mirror_view, GTK_TYPE_WIDGET)

/* ---- linked pictures ---- */

static void follow(AxMirrorView *self, gboolean leader) {
  if (self->linking)
    return;
  self->linking = TRUE;
  ax_viewport_follow(ax_canvas_get_viewport(self->canvas[!leader]), ax_canvas_get_viewport(self->canvas[leader]));
  self->linking = FALSE;
}

static void on_plain_changed(AxMirrorView *self) { follow(self, FALSE); }
static void on_mirrored_changed(AxMirrorView *self) { follow(self, TRUE); }

static int pair_of(int index) {
  for (guint p = 0; p < AX_N_PAIRS; p++) {
    guint left, right;

    ax_anatomy_pair(p, &left, &right);
    if ((int)left == index || (int)right == index)
      return (int)p;
  }
  return -1;
}

static int partner_of(int index) {
  guint left, right;
  int pair = pair_of(index);

  if (pair < 0)
    return -1;
  ax_anatomy_pair(pair, &left, &right);
  return (int)left == index ? (int)right : (int)left;
}

/* The two canvases share one selection by a property binding; the table follows it. */
static void on_selected(AxCanvas *canvas, GParamSpec *pspec, AxMirrorView *self) {
  int index = ax_canvas_get_selected(canvas), pair = pair_of(index);

  for (int i = 0; i < 2; i++)
    ax_box_layer_set_partner(ax_canvas_get_box_layer(self->canvas[i]), partner_of(index));
  if (pair == self->pair)
    return;
  self->pair = pair;
  gtk_list_box_select_row(GTK_LIST_BOX(self->table), pair < 0 ? NULL : gtk_list_box_get_row_at_index(GTK_LIST_BOX(self->table), pair));
}

void ax_mirror_view_select_pair(AxMirrorView *self, int pair) {
  guint left, right;

  g_return_if_fail(AX_IS_MIRROR_VIEW(self) && pair < AX_N_PAIRS);
  if (pair == self->pair)
    return;
  if (pair < 0) {
    ax_canvas_set_selected(self->canvas[0], -1);
    return;
  }
  ax_anatomy_pair(pair, &left, &right);
  ax_canvas_set_selected(self->canvas[0], (int)left);
}

int ax_mirror_view_get_selected_pair(AxMirrorView *self) { return self->pair; }

static void on_row_selected(GtkListBox *list, GtkListBoxRow *row, AxMirrorView *self) {
  ax_mirror_view_select_pair(self, row ? gtk_list_box_row_get_index(row) : -1);
}

/* ---- the table ---- */

static GtkWidget *cell(const char *text, int chars, float xalign) {
  GtkWidget *label = gtk_label_new(text);

  gtk_label_set_width_chars(GTK_LABEL(label), chars);
  gtk_label_set_xalign(GTK_LABEL(label), xalign);
  return label;
}

static GtkWidget *make_line(const char *name, GtkWidget *side, const char *left, const char *right) {
  GtkWidget *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 8);
  GtkWidget *first = cell(name, 11, 0), *iou_left = cell(left, 5, 1), *iou_right = cell(right, 5, 1);

  gtk_widget_set_hexpand(first, TRUE);
  gtk_widget_add_css_class(iou_left, "numeric");
  gtk_widget_add_css_class(iou_right, "numeric");
  gtk_box_append(GTK_BOX(line), first);
  gtk_box_append(GTK_BOX(line), side);
  gtk_box_append(GTK_BOX(line), iou_left);
  gtk_box_append(GTK_BOX(line), iou_right);
  return line;
}

static GtkWidget *make_side(gboolean kept) {
  GtkWidget *side = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 4);
  const char *word = kept ? C_("side of a structure", "kept") : C_("side of a structure", "lost");

  gtk_box_append(GTK_BOX(side), gtk_image_new_from_icon_name(kept ? "emblem-ok-symbolic" : "dialog-warning-symbolic"));
  gtk_box_append(GTK_BOX(side), cell(word, 9, 0));
  gtk_widget_add_css_class(side, kept ? "kept" : "lost");
  return side;
}

static void add_pair(AxMirrorView *self, guint index, const AxFlipPair *pair) {
  const char *name = ax_shown_pair(index);
  g_autofree char *left = g_strdup_printf("%.2f", pair->iou_left);
  g_autofree char *right = g_strdup_printf("%.2f", pair->iou_right);
  /* Translators: read by screen readers: structure, kept or lost, two numbers. */
  g_autofree char *spoken = g_strdup_printf(_("%s: side %s, overlap left %s, right %s"), name,
                                            pair->kept ? C_("side of a structure", "kept") : C_("side of a structure", "lost"), left, right);
  GtkWidget *row = gtk_list_box_row_new();

  gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(row), make_line(name, make_side(pair->kept), left, right));
  gtk_accessible_update_property(GTK_ACCESSIBLE(row), GTK_ACCESSIBLE_PROPERTY_LABEL, spoken, -1);
  gtk_list_box_append(GTK_LIST_BOX(self->table), row);
}

static void fill_table(AxMirrorView *self, const AxPerception *plain, const AxPerception *mirrored) {
  AxFlipReport report;
  g_autofree char *summary = NULL, *overlap = NULL;

  ax_flip_compare(plain, mirrored, &report);
  for (guint i = 0; i < AX_N_PAIRS; i++)
    add_pair(self, i, &report.pairs[i]);
  summary = g_strdup_printf(_("%u of %d pairs kept their side"), report.n_kept, AX_N_PAIRS);
  overlap = g_strdup_printf(_("Mean overlap of all %d structures: %.2f"), AX_N_ANATOMY, report.mean_iou);
  gtk_label_set_text(GTK_LABEL(self->summary), summary);
  gtk_label_set_text(GTK_LABEL(self->overlap), overlap);
}

void ax_mirror_view_set_perceptions(AxMirrorView *self, AxPerception *plain, AxPerception *mirrored) {
  gboolean both = plain && mirrored;
  GtkWidget *row;

  g_return_if_fail(AX_IS_MIRROR_VIEW(self));
  ax_canvas_set_perception(self->canvas[0], plain);
  ax_canvas_set_perception(self->canvas[1], mirrored);
  ax_mirror_view_select_pair(self, -1);
  while ((row = gtk_widget_get_first_child(self->table)))
    gtk_list_box_remove(GTK_LIST_BOX(self->table), row);
  ax_box_layer_set_other_boxes(ax_canvas_get_box_layer(self->canvas[0]), NULL);
  gtk_widget_set_visible(self->head, both);
  self->answered = both;
  if (both) {
    AxBox back[AX_N_ANATOMY];

    for (guint i = 0; i < AX_N_ANATOMY; i++)
      back[i] = ax_box_mirror(mirrored->anatomy[i].box, mirrored->width);
    ax_box_layer_set_other_boxes(ax_canvas_get_box_layer(self->canvas[0]), back);
    fill_table(self, plain, mirrored);
  } else {
    gtk_label_set_text(GTK_LABEL(self->overlap), "");
  }
  ax_mirror_view_set_busy(self, FALSE);
}

void ax_mirror_view_set_busy(AxMirrorView *self, gboolean busy) {
  g_return_if_fail(AX_IS_MIRROR_VIEW(self));
  if (!self->answered)
    gtk_label_set_text(GTK_LABEL(self->summary), busy ? _("Looking at the mirrored pixels…") : _("No answer yet. F5 looks again."));
  gtk_widget_set_visible(self->spinner, busy && !self->answered);
  gtk_spinner_set_spinning(GTK_SPINNER(self->spinner), busy && !self->answered);
}

void ax_mirror_view_set_pyramid(AxMirrorView *self, AxPyramid *pyramid) {
  g_return_if_fail(AX_IS_MIRROR_VIEW(self));
  for (int i = 0; i < 2; i++)
    ax_canvas_set_pyramid(self->canvas[i], pyramid);
  for (int i = 0; i < 2; i++)
    ax_viewport_fit(ax_canvas_get_viewport(self->canvas[i]));
}

/* ---- what was asked, on both ---- */

static char *compare_text(const AxTextPair *pair) {
  GString *text = g_string_new(NULL);

  if (!pair->mirrored)
    return g_strdup(pair->message ? pair->message : _("Waiting for the model"));
  if (pair->n_left[0] + pair->n_right[0] + pair->n_left[1] + pair->n_right[1] > 0)
    /* Translators: kept or lost; how often "left" and "right" are said on the image and on the mirrored one. */
    g_string_append_printf(text, _("Sides %s: left %u, right %u → left %u, right %u"),
                           pair->sides_kept ? C_("side of a structure", "kept") : C_("side of a structure", "lost"), pair->n_left[0], pair->n_right[0],
                           pair->n_left[1], pair->n_right[1]);
  if (pair->mean_iou >= 0)
    g_string_append_printf(text, _("%sOverlap of the boxes %.2f"), text->len ? "\n" : "", pair->mean_iou);
  if (text->len == 0)
    g_string_append(text, _("Neither side words nor boxes to compare"));
  return g_string_free(text, FALSE);
}

static void fill_texts(AxMirrorView *self) {
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child(self->texts)))
    gtk_box_remove(GTK_BOX(self->texts), child);
  for (guint i = 0; self->text_mirror && i < ax_text_mirror_get_n(self->text_mirror); i++) {
    const AxTextPair *pair = ax_text_mirror_get(self->text_mirror, i);
    const char *asked = ax_exchange_get_text(pair->exchange);
    g_autofree char *result = compare_text(pair);
    GtkWidget *question = gtk_label_new(asked ? asked : ax_exchange_get_plain(pair->exchange)), *label = gtk_label_new(result);

    gtk_label_set_wrap(GTK_LABEL(question), TRUE);
    gtk_label_set_wrap_mode(GTK_LABEL(question), PANGO_WRAP_WORD_CHAR);
    gtk_label_set_xalign(GTK_LABEL(question), 0);
    gtk_label_set_xalign(GTK_LABEL(label), 0);
    gtk_label_set_wrap(GTK_LABEL(label), TRUE);
    gtk_widget_add_css_class(question, "heading");
    if (pair->mirrored && !pair->sides_kept)
      gtk_widget_add_css_class(label, "lost");
    gtk_box_append(GTK_BOX(self->texts), question);
    gtk_box_append(GTK_BOX(self->texts), label);
  }
}

void ax_mirror_view_set_texts(AxMirrorView *self, AxTextMirror *texts) {
  g_return_if_fail(AX_IS_MIRROR_VIEW(self));
  if (self->text_mirror)
    g_signal_handlers_disconnect_by_data(self->text_mirror, self);
  g_set_object(&self->text_mirror, texts);
  if (texts)
    g_signal_connect_swapped(texts, "changed", G_CALLBACK(fill_texts), self);
  fill_texts(self);
}

GtkWidget *ax_mirror_view_get_texts(AxMirrorView *self) { return self->texts; }
AxCanvas *ax_mirror_view_get_canvas(AxMirrorView *self, gboolean mirrored) { return self->canvas[!!mirrored]; }

/* ---- GObject ---- */

static void ax_mirror_view_dispose(GObject *object) {
  AxMirrorView *self = AX_MIRROR_VIEW(object);

  if (self->table)
    g_signal_handlers_disconnect_by_data(self->table, self);
  self->table = NULL;
  if (self->text_mirror)
    g_signal_handlers_disconnect_by_data(self->text_mirror, self);
  g_clear_object(&self->text_mirror);
  for (int i = 0; i < 2; i++)
    if (self->canvas[i]) {
      g_signal_handlers_disconnect_by_data(ax_canvas_get_viewport(self->canvas[i]), self);
      g_signal_handlers_disconnect_by_data(self->canvas[i], self);
      self->canvas[i] = NULL;
    }
  g_clear_pointer(&self->box, gtk_widget_unparent);
  G_OBJECT_CLASS(ax_mirror_view_parent_class)->dispose(object);
}

static void ax_mirror_view_class_init(AxMirrorViewClass *klass) {
  G_OBJECT_CLASS(klass)->dispose = ax_mirror_view_dispose;
  gtk_widget_class_set_layout_manager_type(GTK_WIDGET_CLASS(klass), GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name(GTK_WIDGET_CLASS(klass), "axmirror");
}

/* Captions above, so that the pictures stay level however many lines these take. */
static void add_picture(AxMirrorView *self, GtkGrid *pictures, gboolean mirrored) {
  GtkWidget *caption = gtk_label_new(mirrored ? _("Pixels mirrored, the model's new answer") : _("As opened, the model's answer"));

  gtk_widget_add_css_class(caption, "caption-heading");
  gtk_widget_add_css_class(caption, "picture-caption");
  gtk_label_set_wrap(GTK_LABEL(caption), TRUE);
  gtk_label_set_justify(GTK_LABEL(caption), GTK_JUSTIFY_CENTER);
  self->canvas[mirrored] = AX_CANVAS(ax_canvas_new());
  gtk_grid_attach(pictures, caption, mirrored, 0, 1, 1);
  gtk_grid_attach(pictures, GTK_WIDGET(self->canvas[mirrored]), mirrored, 1, 1, 1);
}

static GtkWidget *make_side_panel(AxMirrorView *self) {
  GtkWidget *panel = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *scrolled = gtk_scrolled_window_new();
  GtkWidget *hint = gtk_label_new(_("The anatomy changes to the other side of the picture; a model that knows left from right follows it. "
                                    "Select a pair to see both answers; the mirrored one, mirrored back, is dotted."));

  gtk_widget_add_css_class(panel, "side-panel");
  gtk_widget_set_size_request(panel, 320, -1);
  gtk_widget_set_hexpand(panel, FALSE); /* whatever its lines do: the room is the pictures' */
  self->summary = gtk_label_new("");
  self->overlap = gtk_label_new("");
  self->spinner = gtk_spinner_new();
  self->table = gtk_list_box_new();
  self->head = make_line(_("Pair"), cell(_("Side"), 12, 0), _("IoU L"), _("IoU R"));
  gtk_widget_add_css_class(self->summary, "title-4");
  gtk_widget_add_css_class(self->table, "pairs");
  gtk_widget_add_css_class(self->head, "table-head");
  gtk_widget_add_css_class(hint, "dim-label");
  gtk_widget_add_css_class(hint, "caption");
  gtk_label_set_xalign(GTK_LABEL(self->summary), 0);
  gtk_label_set_xalign(GTK_LABEL(self->overlap), 0);
  gtk_label_set_xalign(GTK_LABEL(hint), 0);
  gtk_label_set_wrap(GTK_LABEL(hint), TRUE);
  gtk_label_set_wrap(GTK_LABEL(self->summary), TRUE);
  gtk_label_set_wrap(GTK_LABEL(self->overlap), TRUE);
  gtk_label_set_max_width_chars(GTK_LABEL(self->summary), 24);
  gtk_label_set_max_width_chars(GTK_LABEL(self->overlap), 30);
  gtk_label_set_max_width_chars(GTK_LABEL(hint), 36);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->table), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Left and right pairs"), -1);
  gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scrolled), self->table);
  g_object_set(scrolled, "hscrollbar-policy", GTK_POLICY_NEVER, "vexpand", TRUE, NULL);
  gtk_box_append(GTK_BOX(panel), self->summary);
  gtk_box_append(GTK_BOX(panel), self->overlap);
  gtk_box_append(GTK_BOX(panel), hint);
  gtk_box_append(GTK_BOX(panel), self->spinner);
  gtk_box_append(GTK_BOX(panel), self->head);
  gtk_box_append(GTK_BOX(panel), scrolled);
  {
    GtkWidget *again = gtk_button_new_with_label(_("Ask the same on the mirrored pixels")), *answers = gtk_scrolled_window_new();
    GtkWidget *label = gtk_button_get_child(GTK_BUTTON(again));

    gtk_label_set_wrap(GTK_LABEL(label), TRUE);
    gtk_label_set_justify(GTK_LABEL(label), GTK_JUSTIFY_CENTER);
    gtk_label_set_max_width_chars(GTK_LABEL(label), 24);

    gtk_actionable_set_action_name(GTK_ACTIONABLE(again), "win.mirror-text");
    ax_tooltip_set(again, _("What was asked about the image is asked again; side words and boxes are compared"));
    self->texts = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
    g_object_set(answers, "hscrollbar-policy", GTK_POLICY_NEVER, "propagate-natural-height", TRUE, "max-content-height", 180, NULL);
    gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(answers), self->texts);
    gtk_box_append(GTK_BOX(panel), again);
    gtk_box_append(GTK_BOX(panel), answers);
  }
  return panel;
}

static void ax_mirror_view_init(AxMirrorView *self) {
  GtkWidget *pictures = gtk_grid_new();

  self->pair = -1;
  self->box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 0);
  gtk_grid_set_column_homogeneous(GTK_GRID(pictures), TRUE);
  gtk_grid_set_column_spacing(GTK_GRID(pictures), 2);
  add_picture(self, GTK_GRID(pictures), FALSE);
  add_picture(self, GTK_GRID(pictures), TRUE);
  gtk_box_append(GTK_BOX(self->box), pictures);
  gtk_box_append(GTK_BOX(self->box), gtk_separator_new(GTK_ORIENTATION_VERTICAL));
  gtk_box_append(GTK_BOX(self->box), make_side_panel(self));
  gtk_widget_set_parent(self->box, GTK_WIDGET(self));

  for (int i = 0; i < 2; i++)
    ax_box_layer_set_sparse(ax_canvas_get_box_layer(self->canvas[i]), TRUE);
  ax_viewport_set_mirrored(ax_canvas_get_viewport(self->canvas[1]), TRUE);
  g_object_bind_property(self->canvas[0], "selected", self->canvas[1], "selected", G_BINDING_BIDIRECTIONAL);
  g_object_bind_property(self->canvas[0], "hovered", self->canvas[1], "hovered", G_BINDING_BIDIRECTIONAL);
  g_signal_connect(self->canvas[0], "notify::selected", G_CALLBACK(on_selected), self);
  g_signal_connect_swapped(ax_canvas_get_viewport(self->canvas[0]), "changed", G_CALLBACK(on_plain_changed), self);
  g_signal_connect_swapped(ax_canvas_get_viewport(self->canvas[1]), "changed", G_CALLBACK(on_mirrored_changed), self);
  g_signal_connect(self->table, "row-selected", G_CALLBACK(on_row_selected), self);
  ax_mirror_view_set_perceptions(self, NULL, NULL);
}

GtkWidget *ax_mirror_view_new(void) { return g_object_new(AX_TYPE_MIRROR_VIEW, NULL); }
