#include "ui/ask-panel.h"

#include "ui/names.h"
#include "ui/tooltip.h"
#include <glib/gi18n-lib.h>
#include <string.h>

static const AxTask entry_tasks[] = {AX_TASK_ASK, AX_TASK_LOCATE, AX_TASK_ANATOMY, AX_TASK_CHOOSE};

struct _AxAskPanel {
  GtkWidget parent_instance;
  AxAsker *asker;
  GtkWidget *box, *notice, *tasks, *scrolled, *views, *empty, *row, *kind, *entry, *send, *stop, *threshold_row, *threshold;
  gboolean follow; /* the end of the list stays in view */
};

static guint ask_signal, light_signal, chosen_signal, threshold_signal;

G_DEFINE_FINAL_TYPE(AxAskPanel, ax_ask_panel, GTK_TYPE_WIDGET)

/* ---- the exchanges ---- */

AxExchangeView *ax_ask_panel_find_view(AxAskPanel *self, AxExchange *exchange) {
  for (GtkWidget *view = gtk_widget_get_first_child(self->views); view; view = gtk_widget_get_next_sibling(view))
    if (ax_exchange_view_get_exchange(AX_EXCHANGE_VIEW(view)) == exchange)
      return AX_EXCHANGE_VIEW(view);
  return NULL;
}

static void on_light(AxExchangeView *view, int sentence, AxAskPanel *self) {
  g_signal_emit(self, light_signal, 0, ax_exchange_view_get_exchange(view), sentence);
}

static void on_remove(AxExchangeView *view, AxAskPanel *self) {
  g_autoptr(AxExchange) exchange = g_object_ref(ax_exchange_view_get_exchange(view));

  ax_asker_remove(self->asker, exchange);
}

static void on_pressed(GtkGestureClick *gesture, int n, double x, double y, AxAskPanel *self) {
  GtkWidget *view = gtk_event_controller_get_widget(GTK_EVENT_CONTROLLER(gesture));

  g_signal_emit(self, chosen_signal, 0, ax_exchange_view_get_exchange(AX_EXCHANGE_VIEW(view)));
}

static void insert_view(AxAskPanel *self, AxExchange *exchange, GtkWidget *after) {
  GtkWidget *view = ax_exchange_view_new(exchange);
  GtkGesture *click = gtk_gesture_click_new();

  ax_exchange_view_set_threshold(AX_EXCHANGE_VIEW(view), gtk_range_get_value(GTK_RANGE(self->threshold)));
  g_signal_connect(view, "light", G_CALLBACK(on_light), self);
  g_signal_connect(view, "remove", G_CALLBACK(on_remove), self);
  g_signal_connect(click, "pressed", G_CALLBACK(on_pressed), self);
  gtk_event_controller_set_propagation_phase(GTK_EVENT_CONTROLLER(click), GTK_PHASE_CAPTURE);
  gtk_widget_add_controller(view, GTK_EVENT_CONTROLLER(click));
  gtk_box_insert_child_after(GTK_BOX(self->views), view, after);
}

static void on_items(GListModel *list, guint position, guint removed, guint added, AxAskPanel *self) {
  GtkWidget *at = gtk_widget_get_first_child(self->views), *before = NULL;
  guint n = g_list_model_get_n_items(list);

  for (guint i = 0; i < position; i++) {
    before = at;
    at = gtk_widget_get_next_sibling(at);
  }
  for (guint i = 0; i < removed; i++) {
    GtkWidget *next = gtk_widget_get_next_sibling(at);

    gtk_box_remove(GTK_BOX(self->views), at);
    at = next;
  }
  for (guint i = 0; i < added; i++) {
    g_autoptr(AxExchange) exchange = g_list_model_get_item(list, position + i);

    insert_view(self, exchange, before);
    before = before ? gtk_widget_get_next_sibling(before) : gtk_widget_get_first_child(self->views);
  }
  gtk_widget_set_visible(self->empty, n == 0);
  gtk_widget_set_visible(self->threshold_row, n > 0);
  if (n > 0) {
    g_autoptr(AxExchange) last = g_list_model_get_item(list, n - 1);

    g_signal_emit(self, chosen_signal, 0, last);
  } else {
    g_signal_emit(self, chosen_signal, 0, NULL);
  }
}

/* A streamed answer grows at the end: it stays in view unless the reader has scrolled away. */
static void on_upper(GtkAdjustment *adjustment, GParamSpec *pspec, AxAskPanel *self) {
  if (self->follow)
    gtk_adjustment_set_value(adjustment, gtk_adjustment_get_upper(adjustment));
}

static void on_value(GtkAdjustment *adjustment, AxAskPanel *self) {
  self->follow = gtk_adjustment_get_value(adjustment) + gtk_adjustment_get_page_size(adjustment) >= gtk_adjustment_get_upper(adjustment) - 4;
}

static void update(AxAskPanel *self) {
  gboolean busy = self->asker && ax_asker_get_busy(self->asker);

  gtk_widget_set_visible(self->stop, busy);
  gtk_widget_set_visible(self->send, !busy);
}

void ax_ask_panel_set_asker(AxAskPanel *self, AxAsker *asker) {
  g_return_if_fail(AX_IS_ASK_PANEL(self));
  if (self->asker) {
    g_signal_handlers_disconnect_by_data(self->asker, self);
    g_signal_handlers_disconnect_by_data(ax_asker_get_list(self->asker), self);
  }
  g_set_object(&self->asker, asker);
  if (asker) {
    g_signal_connect_swapped(asker, "changed", G_CALLBACK(update), self);
    g_signal_connect(ax_asker_get_list(asker), "items-changed", G_CALLBACK(on_items), self);
  }
  update(self);
}

void ax_ask_panel_set_structure(AxAskPanel *self, int structure) {
  for (GtkWidget *view = gtk_widget_get_first_child(self->views); view; view = gtk_widget_get_next_sibling(view))
    ax_exchange_view_set_structure(AX_EXCHANGE_VIEW(view), structure);
}

static void on_threshold(GtkRange *range, AxAskPanel *self) {
  for (GtkWidget *view = gtk_widget_get_first_child(self->views); view; view = gtk_widget_get_next_sibling(view))
    ax_exchange_view_set_threshold(AX_EXCHANGE_VIEW(view), gtk_range_get_value(range));
  g_signal_emit(self, threshold_signal, 0, gtk_range_get_value(range));
}

void ax_ask_panel_set_notice(AxAskPanel *self, const char *notice) {
  g_return_if_fail(AX_IS_ASK_PANEL(self));
  gtk_label_set_text(GTK_LABEL(self->notice), notice ? notice : "");
  gtk_widget_set_visible(self->notice, notice != NULL);
  gtk_widget_set_sensitive(self->tasks, notice == NULL);
  gtk_widget_set_sensitive(self->row, notice == NULL);
}

/* ---- asking ---- */

static void on_task(GtkButton *button, AxAskPanel *self) {
  g_signal_emit(self, ask_signal, 0, GPOINTER_TO_INT(g_object_get_data(G_OBJECT(button), "ax-task")), NULL);
}

static void on_send(AxAskPanel *self) {
  g_autofree char *text = g_strstrip(g_strdup(gtk_editable_get_text(GTK_EDITABLE(self->entry))));
  guint kind = gtk_drop_down_get_selected(GTK_DROP_DOWN(self->kind));

  if (!text[0] || kind >= G_N_ELEMENTS(entry_tasks) || (self->asker && ax_asker_get_busy(self->asker)))
    return;
  gtk_editable_set_text(GTK_EDITABLE(self->entry), "");
  /* A name is asked for in the model's language, also where it was typed in the reader's. */
  g_signal_emit(self, ask_signal, 0, (int)entry_tasks[kind], ax_english_name(text));
}

static void on_stop(AxAskPanel *self) { ax_asker_cancel(self->asker); }

void ax_ask_panel_focus_entry(AxAskPanel *self, AxTask task) {
  for (guint i = 0; i < G_N_ELEMENTS(entry_tasks); i++)
    if (entry_tasks[i] == task)
      gtk_drop_down_set_selected(GTK_DROP_DOWN(self->kind), i);
  gtk_widget_grab_focus(self->entry);
}

/* ---- tasks ---- */

/* One word each: five of them stand in two lines. */
static const char *short_title(AxTask task) {
  switch (task) {
  case AX_TASK_CLASSIFY: return _("Findings");
  case AX_TASK_DETECT: return _("Abnormalities");
  case AX_TASK_DESCRIBE: return _("Describe");
  case AX_TASK_DIAGNOSE: return _("Diagnose");
  default: return ax_task_title(task);
  }
}

static void add_task(AxAskPanel *self, AxTask task) {
  GtkWidget *button = gtk_button_new_with_label(short_title(task));

  ax_tooltip_set(button, ax_task_title(task));
  g_object_set_data(G_OBJECT(button), "ax-task", GINT_TO_POINTER((int)task));
  g_signal_connect(button, "clicked", G_CALLBACK(on_task), self);
  gtk_flow_box_insert(GTK_FLOW_BOX(self->tasks), button, -1);
  gtk_widget_set_focusable(gtk_widget_get_parent(button), FALSE); /* the button itself is */
}

/* ---- completion over structures and findings ---- */

enum { WORD_ENGLISH, WORD_SHOWN, WORD_LINES, N_WORD_COLUMNS };

static void add_word(GtkListStore *words, const char *english) {
  const char *shown = ax_shown_name(english);
  gboolean translated = strcmp(shown, english) != 0;
  g_autofree char *lines = translated ? g_strdup_printf("%s\n%s", english, shown) : g_strdup(english);

  gtk_list_store_insert_with_values(words, NULL, -1, WORD_ENGLISH, english, WORD_SHOWN, translated ? shown : "", WORD_LINES, lines, -1);
}

/* What is typed begins a word of the name, in the model's language or in the reader's. */
static gboolean matches(GtkEntryCompletion *completion, const char *key, GtkTreeIter *iter, gpointer data) {
  GtkTreeModel *words = gtk_entry_completion_get_model(completion);
  gboolean found = FALSE;

  for (int column = WORD_ENGLISH; column <= WORD_SHOWN && !found; column++) {
    g_autofree char *word = NULL;

    gtk_tree_model_get(words, iter, column, &word, -1);
    found = word && g_str_match_string(key, word, TRUE);
  }
  return found;
}

/* The English name is what goes into the entry and to the model; its translation stands below it. */
static void add_completion(AxAskPanel *self) {
  g_autoptr(GtkListStore) words = gtk_list_store_new(N_WORD_COLUMNS, G_TYPE_STRING, G_TYPE_STRING, G_TYPE_STRING);
  g_autoptr(GtkEntryCompletion) completion = gtk_entry_completion_new();
  GtkCellRenderer *lines = gtk_cell_renderer_text_new();

  for (guint i = 0; i < AX_N_ANATOMY; i++)
    add_word(words, ax_anatomy_name(i));
  for (guint i = 0; i < AX_TASK_N_LABELS; i++)
    add_word(words, ax_task_label(i));
  gtk_entry_completion_set_model(completion, GTK_TREE_MODEL(words));
  g_object_set(completion, "text-column", WORD_ENGLISH, NULL); /* the function of that name would show it by itself, too */
  g_object_set(lines, "ellipsize", PANGO_ELLIPSIZE_END, NULL);
  gtk_cell_layout_pack_start(GTK_CELL_LAYOUT(completion), lines, TRUE);
  gtk_cell_layout_add_attribute(GTK_CELL_LAYOUT(completion), lines, "text", WORD_LINES);
  gtk_entry_completion_set_match_func(completion, matches, NULL, NULL);
  gtk_entry_completion_set_inline_completion(completion, FALSE);
  gtk_entry_completion_set_minimum_key_length(completion, 2);
  gtk_entry_set_completion(GTK_ENTRY(self->entry), completion);
}

/* ---- making ---- */

static void make_entry_row(AxAskPanel *self) {
  g_autoptr(GPtrArray) names = g_ptr_array_new();

  for (guint i = 0; i < G_N_ELEMENTS(entry_tasks); i++)
    g_ptr_array_add(names, (gpointer)ax_task_title(entry_tasks[i]));
  g_ptr_array_add(names, NULL);
  self->row = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
  self->kind = gtk_drop_down_new_from_strings((const char *const *)names->pdata);
  self->entry = gtk_entry_new();
  self->send = gtk_button_new_from_icon_name("go-next-symbolic");
  self->stop = gtk_button_new_with_label(_("Stop"));
  gtk_entry_set_placeholder_text(GTK_ENTRY(self->entry), _("Question or phrase"));
  gtk_widget_set_hexpand(self->entry, TRUE);
  ax_tooltip_set(self->send, _("Ask (Return)"));
  ax_tooltip_set(self->stop, _("Stop the answer (Escape)"));
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->kind), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Kind of question"), -1);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->entry), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Question or phrase"), -1);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->send), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Ask"), -1);
  add_completion(self);
  {
    GtkWidget *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);

    gtk_box_append(GTK_BOX(line), self->entry);
    gtk_box_append(GTK_BOX(line), self->send);
    gtk_box_append(GTK_BOX(line), self->stop);
    gtk_box_append(GTK_BOX(self->row), self->kind);
    gtk_box_append(GTK_BOX(self->row), line);
  }
  g_signal_connect_swapped(self->entry, "activate", G_CALLBACK(on_send), self);
  g_signal_connect_swapped(self->send, "clicked", G_CALLBACK(on_send), self);
  g_signal_connect_swapped(self->stop, "clicked", G_CALLBACK(on_stop), self);
}

static void make_threshold(AxAskPanel *self) {
  GtkWidget *label = gtk_label_new(_("Hide below"));

  self->threshold_row = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 8);
  self->threshold = gtk_scale_new_with_range(GTK_ORIENTATION_HORIZONTAL, 0, 1, 0.05);
  gtk_widget_set_hexpand(self->threshold, TRUE);
  ax_tooltip_set(self->threshold_row, _("Sentences and boxes of a lower word probability are hidden"));
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->threshold), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Hide sentences and boxes below this confidence"), -1);
  gtk_box_append(GTK_BOX(self->threshold_row), label);
  gtk_box_append(GTK_BOX(self->threshold_row), self->threshold);
  gtk_widget_set_visible(self->threshold_row, FALSE);
  g_signal_connect(self->threshold, "value-changed", G_CALLBACK(on_threshold), self);
}

static void ax_ask_panel_init(AxAskPanel *self) {
  static const AxTask shown[] = {AX_TASK_REPORT, AX_TASK_CLASSIFY, AX_TASK_DETECT, AX_TASK_DESCRIBE, AX_TASK_DIAGNOSE};
  GtkWidget *all = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
  GtkAdjustment *adjustment;

  self->box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 8);
  gtk_widget_add_css_class(self->box, "ask-panel");
  self->notice = gtk_label_new("");
  self->tasks = gtk_flow_box_new();
  self->views = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
  self->empty = gtk_label_new(_("Ask for a report, draw a region (D) and have it described, or type a phrase or a question. "
                                "Everything the model writes may be wrong."));
  self->scrolled = gtk_scrolled_window_new();
  for (guint i = 0; i < 2; i++) {
    GtkWidget *label = i ? self->notice : self->empty;

    gtk_label_set_wrap(GTK_LABEL(label), TRUE);
    gtk_label_set_xalign(GTK_LABEL(label), 0);
    gtk_widget_add_css_class(label, "dim-label");
  }
  gtk_widget_set_visible(self->notice, FALSE);
  gtk_flow_box_set_selection_mode(GTK_FLOW_BOX(self->tasks), GTK_SELECTION_NONE);
  gtk_flow_box_set_min_children_per_line(GTK_FLOW_BOX(self->tasks), 2);
  gtk_flow_box_set_max_children_per_line(GTK_FLOW_BOX(self->tasks), 3);
  gtk_flow_box_set_homogeneous(GTK_FLOW_BOX(self->tasks), TRUE);
  gtk_flow_box_set_column_spacing(GTK_FLOW_BOX(self->tasks), 4);
  gtk_flow_box_set_row_spacing(GTK_FLOW_BOX(self->tasks), 4);
  for (guint i = 0; i < G_N_ELEMENTS(shown); i++)
    add_task(self, shown[i]);
  gtk_box_append(GTK_BOX(all), self->empty);
  gtk_box_append(GTK_BOX(all), self->views);
  g_object_set(self->scrolled, "hscrollbar-policy", GTK_POLICY_NEVER, "vexpand", TRUE, NULL);
  gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(self->scrolled), all);
  adjustment = gtk_scrolled_window_get_vadjustment(GTK_SCROLLED_WINDOW(self->scrolled));
  g_signal_connect(adjustment, "notify::upper", G_CALLBACK(on_upper), self);
  g_signal_connect(adjustment, "value-changed", G_CALLBACK(on_value), self);
  self->follow = TRUE;
  make_entry_row(self);
  make_threshold(self);
  gtk_box_append(GTK_BOX(self->box), self->notice);
  gtk_box_append(GTK_BOX(self->box), self->tasks);
  gtk_box_append(GTK_BOX(self->box), self->scrolled);
  gtk_box_append(GTK_BOX(self->box), self->threshold_row);
  gtk_box_append(GTK_BOX(self->box), self->row);
  gtk_widget_set_parent(self->box, GTK_WIDGET(self));
  update(self);
}

static void ax_ask_panel_dispose(GObject *object) {
  AxAskPanel *self = AX_ASK_PANEL(object);

  if (self->scrolled)
    g_signal_handlers_disconnect_by_data(gtk_scrolled_window_get_vadjustment(GTK_SCROLLED_WINDOW(self->scrolled)), self);
  self->scrolled = NULL;
  if (self->asker) {
    g_signal_handlers_disconnect_by_data(self->asker, self);
    g_signal_handlers_disconnect_by_data(ax_asker_get_list(self->asker), self);
  }
  g_clear_object(&self->asker);
  g_clear_pointer(&self->box, gtk_widget_unparent);
  G_OBJECT_CLASS(ax_ask_panel_parent_class)->dispose(object);
}

static void ax_ask_panel_class_init(AxAskPanelClass *klass) {
  GType type = G_TYPE_FROM_CLASS(klass);

  G_OBJECT_CLASS(klass)->dispose = ax_ask_panel_dispose;
  gtk_widget_class_set_layout_manager_type(GTK_WIDGET_CLASS(klass), GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name(GTK_WIDGET_CLASS(klass), "axaskpanel");
  ask_signal = g_signal_new("ask", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_INT, G_TYPE_STRING);
  light_signal = g_signal_new("light", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2, AX_TYPE_EXCHANGE, G_TYPE_INT);
  chosen_signal = g_signal_new("chosen", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, AX_TYPE_EXCHANGE);
  threshold_signal = g_signal_new("threshold", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_DOUBLE);
}

GtkWidget *ax_ask_panel_new(void) { return g_object_new(AX_TYPE_ASK_PANEL, NULL); }
