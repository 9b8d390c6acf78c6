#include "ui/anatomy-list.h"

#include "ui/color-swatch.h"
#include "ui/names.h"
#include "ui/tooltip.h"
#include <glib/gi18n-lib.h>

struct _AxAnatomyList {
  GtkWidget parent_instance;
  GtkWidget *box, *search, *scrolled, *list;
  GtkWidget *rows[AX_N_ANATOMY], *sentences[AX_N_ANATOMY], *scores[AX_N_ANATOMY], *others[AX_N_ANATOMY], *eyes[AX_N_ANATOMY];
  GtkWidget *group_eyes[AX_N_GROUPS]; /* in the headers that there are */
  AxVisibility *visibility;
  guint scroll_id, scroll_ticks;
  gboolean showing; /* the eyes are being set from outside */
  char *needle; /* folded search text, or NULL */
  int hovered, selected;
  gboolean selecting; /* the list's selection is being set from outside */
};

enum { PROP_0, PROP_HOVERED, PROP_SELECTED, N_PROPS };
static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE(AxAnatomyList, ax_anatomy_list, GTK_TYPE_WIDGET)

static int row_index(GtkListBoxRow *row) { return GPOINTER_TO_INT(g_object_get_data(G_OBJECT(row), "ax-index")); }

/* ---- hovered and selected ---- */

void ax_anatomy_list_set_hovered(AxAnatomyList *self, int index) {
  g_return_if_fail(AX_IS_ANATOMY_LIST(self));
  if (self->hovered == index)
    return;
  if (self->hovered >= 0)
    gtk_widget_remove_css_class(self->rows[self->hovered], "hovered");
  self->hovered = index;
  if (index >= 0)
    gtk_widget_add_css_class(self->rows[index], "hovered");
  g_object_notify_by_pspec(G_OBJECT(self), props[PROP_HOVERED]);
}

/* After the layout, since the row has grown by its further sentences. */
static gboolean on_scroll_tick(GtkWidget *widget, GdkFrameClock *clock, gpointer data) {
  AxAnatomyList *self = AX_ANATOMY_LIST(widget);
  GtkAdjustment *adjustment = gtk_scrolled_window_get_vadjustment(GTK_SCROLLED_WINDOW(self->scrolled));
  graphene_rect_t bounds;

  if (self->scroll_ticks++ == 0)
    return G_SOURCE_CONTINUE;
  self->scroll_id = 0;
  if (self->selected >= 0 && gtk_widget_compute_bounds(self->rows[self->selected], self->list, &bounds))
    gtk_adjustment_clamp_page(adjustment, bounds.origin.y - 32, bounds.origin.y + bounds.size.height + 8);
  return G_SOURCE_REMOVE;
}

static void scroll_to_selected(AxAnatomyList *self) {
  self->scroll_ticks = 0;
  if (!self->scroll_id)
    self->scroll_id = gtk_widget_add_tick_callback(GTK_WIDGET(self), on_scroll_tick, NULL, NULL);
}

void ax_anatomy_list_set_selected(AxAnatomyList *self, int index) {
  g_return_if_fail(AX_IS_ANATOMY_LIST(self));
  if (self->selected == index)
    return;
  if (self->selected >= 0)
    gtk_widget_set_visible(self->others[self->selected], FALSE);
  self->selected = index;
  if (index >= 0)
    gtk_widget_set_visible(self->others[index], gtk_label_get_text(GTK_LABEL(self->others[index]))[0] != '\0');
  self->selecting = TRUE;
  gtk_list_box_select_row(GTK_LIST_BOX(self->list), index >= 0 ? GTK_LIST_BOX_ROW(self->rows[index]) : NULL);
  self->selecting = FALSE;
  if (index >= 0)
    scroll_to_selected(self);
  g_object_notify_by_pspec(G_OBJECT(self), props[PROP_SELECTED]);
}

int ax_anatomy_list_get_hovered(AxAnatomyList *self) { return self->hovered; }
int ax_anatomy_list_get_selected(AxAnatomyList *self) { return self->selected; }

static void on_row_selected(GtkListBox *list, GtkListBoxRow *row, AxAnatomyList *self) {
  if (!self->selecting)
    ax_anatomy_list_set_selected(self, row ? row_index(row) : -1);
}

static void on_row_enter(GtkEventControllerMotion *controller, double x, double y, AxAnatomyList *self) {
  ax_anatomy_list_set_hovered(self, row_index(GTK_LIST_BOX_ROW(gtk_event_controller_get_widget(GTK_EVENT_CONTROLLER(controller)))));
}

static void on_row_leave(GtkEventControllerMotion *controller, AxAnatomyList *self) { ax_anatomy_list_set_hovered(self, -1); }

/* ---- shown and hidden ---- */

static GtkWidget *make_eye(const char *tooltip, const char *name) {
  GtkWidget *eye = gtk_toggle_button_new();

  gtk_button_set_icon_name(GTK_BUTTON(eye), "view-reveal-symbolic");
  gtk_widget_add_css_class(eye, "flat");
  gtk_widget_add_css_class(eye, "eye");
  gtk_widget_set_valign(eye, GTK_ALIGN_START);
  ax_tooltip_set(eye, tooltip);
  gtk_accessible_update_property(GTK_ACCESSIBLE(eye), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  return eye;
}

static void put_eye(GtkWidget *eye, gboolean shown) {
  gtk_toggle_button_set_active(GTK_TOGGLE_BUTTON(eye), shown);
  gtk_button_set_icon_name(GTK_BUTTON(eye), shown ? "view-reveal-symbolic" : "view-conceal-symbolic");
  if (shown)
    gtk_widget_remove_css_class(eye, "hidden");
  else
    gtk_widget_add_css_class(eye, "hidden");
}

static void update_eyes(AxAnatomyList *self) {
  self->showing = TRUE;
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    put_eye(self->eyes[i], ax_visibility_get_structure(self->visibility, i));
  for (int group = 0; group < AX_N_GROUPS; group++)
    if (self->group_eyes[group])
      put_eye(self->group_eyes[group], ax_visibility_get_group(self->visibility, (AxAnatomyGroup)group));
  self->showing = FALSE;
}

static void on_eye(GtkToggleButton *eye, AxAnatomyList *self) {
  guint index = GPOINTER_TO_UINT(g_object_get_data(G_OBJECT(eye), "ax-index"));

  if (!self->showing)
    ax_visibility_set_structure(self->visibility, index, gtk_toggle_button_get_active(eye));
}

static void on_group_eye(GtkToggleButton *eye, AxAnatomyList *self) {
  guint group = GPOINTER_TO_UINT(g_object_get_data(G_OBJECT(eye), "ax-group"));

  if (!self->showing)
    ax_visibility_set_group(self->visibility, (AxAnatomyGroup)group, gtk_toggle_button_get_active(eye));
}

void ax_anatomy_list_set_visibility(AxAnatomyList *self, AxVisibility *visibility) {
  g_return_if_fail(AX_IS_ANATOMY_LIST(self) && visibility != NULL);
  if (self->visibility)
    g_signal_handlers_disconnect_by_data(self->visibility, self);
  g_set_object(&self->visibility, visibility);
  g_signal_connect_swapped(visibility, "changed", G_CALLBACK(update_eyes), self);
  update_eyes(self);
}

/* ---- order, headers, search ---- */

static int compare_rows(GtkListBoxRow *a, GtkListBoxRow *b, gpointer data) {
  int ia = row_index(a), ib = row_index(b);
  int order = (int)ax_anatomy_group(ia) - (int)ax_anatomy_group(ib);

  return order ? order : g_utf8_collate(ax_shown_structure(ia), ax_shown_structure(ib));
}

static void on_header_gone(gpointer data, GObject *eye) {
  GtkWidget **place = data;

  if (*place == (GtkWidget *)eye)
    *place = NULL;
}

static void update_header(GtkListBoxRow *row, GtkListBoxRow *before, gpointer data) {
  AxAnatomyList *self = data;
  AxAnatomyGroup group = ax_anatomy_group(row_index(row));
  g_autofree char *name = NULL;
  GtkWidget *header, *label, *eye;

  if (before && ax_anatomy_group(row_index(before)) == group) {
    gtk_list_box_row_set_header(row, NULL);
    return;
  }
  /* The list asks again for every row whenever one is shown or hidden. */
  header = gtk_list_box_row_get_header(row);
  if (header && !before == !!g_object_get_data(G_OBJECT(header), "ax-first"))
    return;
  header = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 8);
  label = gtk_label_new(_(ax_anatomy_group_name(group)));
  gtk_label_set_xalign(GTK_LABEL(label), 0);
  gtk_widget_set_hexpand(label, TRUE);
  gtk_box_append(GTK_BOX(header), label);
  if (!before)
    gtk_box_append(GTK_BOX(header), gtk_label_new(_("Similarity")));
  /* Translators: name of a button; the group of structures follows. */
  name = g_strdup_printf(_("Show boxes: %s"), _(ax_anatomy_group_name(group)));
  eye = make_eye(_("Show or hide the boxes of this group"), name);
  gtk_widget_set_valign(eye, GTK_ALIGN_CENTER);
  put_eye(eye, ax_visibility_get_group(self->visibility, group));
  g_object_set_data(G_OBJECT(eye), "ax-group", GUINT_TO_POINTER((guint)group));
  g_signal_connect(eye, "toggled", G_CALLBACK(on_group_eye), self);
  g_object_weak_ref(G_OBJECT(eye), on_header_gone, &self->group_eyes[group]);
  self->group_eyes[group] = eye;
  gtk_box_append(GTK_BOX(header), eye);
  gtk_widget_add_css_class(header, "group-header");
  g_object_set_data(G_OBJECT(header), "ax-first", GINT_TO_POINTER(!before));
  gtk_list_box_row_set_header(row, header);
}

static gboolean filter_row(GtkListBoxRow *row, gpointer data) {
  AxAnatomyList *self = data;
  int i = row_index(row);
  g_autofree char *text = NULL, *folded = NULL;

  if (!self->needle)
    return TRUE;
  /* In the reader's language and in the model's. */
  text = g_strconcat(ax_shown_structure(i), "\n", ax_shown_short_structure(i), "\n", ax_anatomy_name(i), "\n", ax_anatomy_short_name(i), "\n", gtk_label_get_text(GTK_LABEL(self->sentences[i])), NULL);
  folded = g_utf8_casefold(text, -1);
  return strstr(folded, self->needle) != NULL;
}

static void on_search_changed(GtkSearchEntry *entry, AxAnatomyList *self) {
  const char *text = gtk_editable_get_text(GTK_EDITABLE(entry));

  g_clear_pointer(&self->needle, g_free);
  if (text[0])
    self->needle = g_utf8_casefold(text, -1);
  gtk_list_box_invalidate_filter(GTK_LIST_BOX(self->list));
}

static void on_stop_search(GtkSearchEntry *entry, AxAnatomyList *self) {
  gtk_editable_set_text(GTK_EDITABLE(entry), "");
  gtk_widget_child_focus(self->list, GTK_DIR_TAB_FORWARD);
}

void ax_anatomy_list_focus_search(AxAnatomyList *self) { gtk_widget_grab_focus(self->search); }

/* ---- rows ---- */

/* Names of the list come from a nomenclature: "Cardiac shadow viewed radiologically or Heart". */
static GtkWidget *make_label(const char *text, const char *css_class) {
  GtkWidget *label = gtk_label_new(text);

  gtk_label_set_xalign(GTK_LABEL(label), 0);
  gtk_label_set_wrap(GTK_LABEL(label), TRUE);
  gtk_label_set_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_width_chars(GTK_LABEL(label), 10);
  gtk_label_set_max_width_chars(GTK_LABEL(label), 30);
  gtk_widget_set_hexpand(label, TRUE);
  if (css_class)
    gtk_widget_add_css_class(label, css_class);
  return label;
}

static void add_row(AxAnatomyList *self, guint index) {
  GtkWidget *row = gtk_list_box_row_new();
  GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 10);
  GtkWidget *texts = gtk_box_new(GTK_ORIENTATION_VERTICAL, 1);
  GtkWidget *swatch = ax_color_swatch_new(index);
  GtkEventController *motion = gtk_event_controller_motion_new();
  /* Translators: name of a button; the structure follows. */
  g_autofree char *eye_name = g_strdup_printf(_("Show box: %s"), ax_shown_structure(index));

  g_object_set_data(G_OBJECT(row), "ax-index", GUINT_TO_POINTER(index));
  gtk_widget_set_valign(swatch, GTK_ALIGN_START);
  self->rows[index] = row;
  self->sentences[index] = make_label("", "sentence");
  gtk_widget_set_visible(self->sentences[index], FALSE);
  self->scores[index] = gtk_label_new("");
  gtk_widget_set_valign(self->scores[index], GTK_ALIGN_START);
  gtk_widget_add_css_class(self->scores[index], "score");
  ax_tooltip_set(self->scores[index], _("Similarity of image and sentence (cosine, −1 to 1)"));
  gtk_box_append(GTK_BOX(texts), make_label(ax_shown_structure(index), "structure"));
  gtk_box_append(GTK_BOX(texts), self->sentences[index]);
  self->others[index] = make_label("", "others");
  gtk_widget_set_visible(self->others[index], FALSE);
  gtk_box_append(GTK_BOX(texts), self->others[index]);
  self->eyes[index] = make_eye(_("Show or hide this box (V)"), eye_name);
  g_object_set_data(G_OBJECT(self->eyes[index]), "ax-index", GUINT_TO_POINTER(index));
  g_signal_connect(self->eyes[index], "toggled", G_CALLBACK(on_eye), self);
  gtk_box_append(GTK_BOX(box), swatch);
  gtk_box_append(GTK_BOX(box), texts);
  gtk_box_append(GTK_BOX(box), self->scores[index]);
  gtk_box_append(GTK_BOX(box), self->eyes[index]);
  gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(row), box);
  g_signal_connect(motion, "enter", G_CALLBACK(on_row_enter), self);
  g_signal_connect(motion, "leave", G_CALLBACK(on_row_leave), self);
  gtk_widget_add_controller(row, motion);
  gtk_list_box_append(GTK_LIST_BOX(self->list), row);
}

/* "Next best:" and a line for each further sentence with its similarity; "" when there is none. */
static char *others_text(const AxAnatomy *anatomy) {
  GString *text = g_string_new(NULL);

  if (anatomy && anatomy->n_retrieved > 1)
    g_string_append(text, _("Next best:"));
  for (guint k = 1; anatomy && k < anatomy->n_retrieved && k < 4; k++)
    g_string_append_printf(text, "\n%.2f  %s", anatomy->retrieved[k].score, anatomy->retrieved[k].sentence);
  return g_string_free(text, FALSE);
}

/* What a screen reader says: name, sentence, similarity; and where the box lies. */
static void describe_row(AxAnatomyList *self, guint i, const AxAnatomy *anatomy) {
  g_autofree char *name = NULL, *place = NULL;

  if (anatomy && anatomy->n_retrieved > 0)
    /* Translators: structure, sentence, similarity of both. */
    name = g_strdup_printf(_("%s: %s Similarity %.2f"), ax_shown_structure(i), anatomy->retrieved[0].sentence, anatomy->retrieved[0].score);
  if (anatomy)
    /* Translators: left, top, right and bottom edge of a box in pixels. */
    place = g_strdup_printf(_("Box from %.0f, %.0f to %.0f, %.0f"), anatomy->box.x1, anatomy->box.y1, anatomy->box.x2, anatomy->box.y2);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->rows[i]), GTK_ACCESSIBLE_PROPERTY_LABEL, name ? name : ax_shown_structure(i),
                                 GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, place ? place : "", -1);
}

void ax_anatomy_list_set_perception(AxAnatomyList *self, AxPerception *perception) {
  g_return_if_fail(AX_IS_ANATOMY_LIST(self));
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    const AxAnatomy *anatomy = perception ? &perception->anatomy[i] : NULL;
    gboolean has = anatomy && anatomy->n_retrieved > 0;
    g_autofree char *score = has ? g_strdup_printf("%.2f", anatomy->retrieved[0].score) : g_strdup("");
    g_autofree char *others = others_text(anatomy);

    gtk_label_set_text(GTK_LABEL(self->sentences[i]), has ? anatomy->retrieved[0].sentence : "");
    gtk_widget_set_visible(self->sentences[i], has);
    gtk_label_set_text(GTK_LABEL(self->scores[i]), score);
    gtk_label_set_text(GTK_LABEL(self->others[i]), others);
    gtk_widget_set_visible(self->others[i], (int)i == self->selected && others[0]);
    describe_row(self, i, anatomy);
  }
  gtk_list_box_invalidate_filter(GTK_LIST_BOX(self->list));
}

/* ---- GObject ---- */

static void ax_anatomy_list_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec) {
  AxAnatomyList *self = AX_ANATOMY_LIST(object);

  switch (id) {
  case PROP_HOVERED: g_value_set_int(value, self->hovered); break;
  case PROP_SELECTED: g_value_set_int(value, self->selected); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void ax_anatomy_list_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec) {
  AxAnatomyList *self = AX_ANATOMY_LIST(object);

  switch (id) {
  case PROP_HOVERED: ax_anatomy_list_set_hovered(self, g_value_get_int(value)); break;
  case PROP_SELECTED: ax_anatomy_list_set_selected(self, g_value_get_int(value)); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void ax_anatomy_list_dispose(GObject *object) {
  AxAnatomyList *self = AX_ANATOMY_LIST(object);

  /* Taking the list apart moves its selection, which must not be heard any more. */
  if (self->list)
    g_signal_handlers_disconnect_by_data(self->list, self);
  self->list = NULL;
  if (self->visibility)
    g_signal_handlers_disconnect_by_data(self->visibility, self);
  g_clear_pointer(&self->box, gtk_widget_unparent);
  g_clear_object(&self->visibility);
  g_clear_pointer(&self->needle, g_free);
  G_OBJECT_CLASS(ax_anatomy_list_parent_class)->dispose(object);
}

static void ax_anatomy_list_class_init(AxAnatomyListClass *klass) {
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->get_property = ax_anatomy_list_get_property;
  object_class->set_property = ax_anatomy_list_set_property;
  object_class->dispose = ax_anatomy_list_dispose;
  props[PROP_HOVERED] = g_param_spec_int("hovered", NULL, NULL, -1, AX_N_ANATOMY - 1, -1, flags);
  props[PROP_SELECTED] = g_param_spec_int("selected", NULL, NULL, -1, AX_N_ANATOMY - 1, -1, flags);
  g_object_class_install_properties(object_class, N_PROPS, props);
  gtk_widget_class_set_layout_manager_type(widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name(widget_class, "axanatomylist");
}

static void ax_anatomy_list_init(AxAnatomyList *self) {
  self->hovered = self->selected = -1;
  self->visibility = ax_visibility_new();
  self->box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
  self->search = gtk_search_entry_new();
  self->scrolled = gtk_scrolled_window_new();
  self->list = gtk_list_box_new();
  g_object_set(self->search, "placeholder-text", _("Search structures"), "margin-start", 8, "margin-end", 8,
               "margin-top", 8, "margin-bottom", 6, NULL);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->list), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Anatomical structures"), -1);
  gtk_widget_add_css_class(self->list, "anatomy");
  gtk_list_box_set_sort_func(GTK_LIST_BOX(self->list), compare_rows, NULL, NULL);
  gtk_list_box_set_header_func(GTK_LIST_BOX(self->list), update_header, self, NULL);
  gtk_list_box_set_filter_func(GTK_LIST_BOX(self->list), filter_row, self, NULL);
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    add_row(self, i);
  g_signal_connect(self->list, "row-selected", G_CALLBACK(on_row_selected), self);
  g_signal_connect(self->search, "search-changed", G_CALLBACK(on_search_changed), self);
  g_signal_connect(self->search, "stop-search", G_CALLBACK(on_stop_search), self);
  g_object_set(self->scrolled, "hscrollbar-policy", GTK_POLICY_NEVER, "vexpand", TRUE, NULL);
  gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(self->scrolled), self->list);
  gtk_box_append(GTK_BOX(self->box), self->search);
  gtk_box_append(GTK_BOX(self->box), self->scrolled);
  gtk_widget_set_parent(self->box, GTK_WIDGET(self));
}

GtkWidget *ax_anatomy_list_new(void) { return g_object_new(AX_TYPE_ANATOMY_LIST, NULL); }
