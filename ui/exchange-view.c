#include "ui/exchange-view.h"

#include "ui/names.h"
#include "ui/tooltip.h"
#include <glib/gi18n-lib.h>

struct _AxExchangeView {
  GtkWidget parent_instance;
  AxExchange *exchange;
  GtkWidget *box, *plain, *sentences, *status, *evidence, *evidence_text;
  double threshold;
  int structure;
  gboolean done; /* the sentences are shown */
};

static guint light_signal, remove_signal;

G_DEFINE_FINAL_TYPE(AxExchangeView, ax_exchange_view, GTK_TYPE_WIDGET)

const char *ax_task_title(AxTask task) {
  switch (task) {
  case AX_TASK_REPORT: return _("Report");
  case AX_TASK_CLASSIFY: return _("Findings by name");
  case AX_TASK_DETECT: return _("Abnormalities with boxes");
  case AX_TASK_LOCATE: return _("Find a phrase");
  case AX_TASK_DIAGNOSE: return _("Diagnose the region");
  case AX_TASK_DESCRIBE: return _("Describe the region");
  case AX_TASK_ANATOMY: return _("Find a structure");
  case AX_TASK_ASK: return _("Question");
  case AX_TASK_CHOOSE: return _("Question with choices");
  default: return "";
  }
}

static GtkWidget *make_text(const char *text, const char *css_class) {
  GtkWidget *label = gtk_label_new(text);

  gtk_label_set_xalign(GTK_LABEL(label), 0);
  gtk_label_set_wrap(GTK_LABEL(label), TRUE);
  gtk_label_set_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_width_chars(GTK_LABEL(label), 10);
  gtk_label_set_max_width_chars(GTK_LABEL(label), 36);
  gtk_widget_set_hexpand(label, TRUE);
  if (css_class)
    gtk_widget_add_css_class(label, css_class);
  return label;
}

static GtkWidget *make_button(const char *icon, const char *name) {
  GtkWidget *button = gtk_button_new_from_icon_name(icon);

  gtk_widget_add_css_class(button, "flat");
  gtk_widget_add_css_class(button, "small");
  gtk_widget_set_valign(button, GTK_ALIGN_START);
  ax_tooltip_set(button, name);
  gtk_accessible_update_property(GTK_ACCESSIBLE(button), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  return button;
}

/* ---- a sentence ---- */

static guint sentence_of(gpointer widget) { return GPOINTER_TO_UINT(g_object_get_data(G_OBJECT(widget), "ax-sentence")); }

static void light(AxExchangeView *self, int sentence) { g_signal_emit(self, light_signal, 0, sentence); }

static void on_enter(GtkEventController *controller, double x, double y, AxExchangeView *self) {
  light(self, (int)sentence_of(gtk_event_controller_get_widget(controller)));
}

static void on_focus(GtkEventController *controller, AxExchangeView *self) {
  light(self, (int)sentence_of(gtk_event_controller_get_widget(controller)));
}

static void on_leave(GtkEventController *controller, AxExchangeView *self) { light(self, -1); }

static void on_accept(GtkButton *button, AxExchangeView *self) {
  guint i = sentence_of(button);
  gboolean accepted = ax_exchange_get_verdict(self->exchange, i, NULL, NULL) == AX_VERDICT_ACCEPTED;

  ax_exchange_set_verdict(self->exchange, i, accepted ? AX_VERDICT_NONE : AX_VERDICT_ACCEPTED, AX_REASON_NONE, NULL);
}

static void on_reason(GtkButton *button, AxExchangeView *self) {
  AxReason reason = (AxReason)GPOINTER_TO_UINT(g_object_get_data(G_OBJECT(button), "ax-reason"));
  guint sentence = sentence_of(button);

  gtk_popover_popdown(GTK_POPOVER(gtk_widget_get_ancestor(GTK_WIDGET(button), GTK_TYPE_POPOVER)));
  ax_exchange_set_verdict(self->exchange, sentence, AX_VERDICT_REJECTED, reason, NULL);
}

static void on_edited(GtkEntry *entry, AxExchangeView *self) {
  g_autofree char *text = g_strdup(gtk_editable_get_text(GTK_EDITABLE(entry)));
  guint sentence = sentence_of(entry);

  gtk_popover_popdown(GTK_POPOVER(gtk_widget_get_ancestor(GTK_WIDGET(entry), GTK_TYPE_POPOVER)));
  if (text[0])
    ax_exchange_set_verdict(self->exchange, sentence, AX_VERDICT_EDITED, AX_REASON_NONE, text);
}

static GtkWidget *make_menu(const char *icon, const char *name, GtkWidget *child) {
  GtkWidget *button = gtk_menu_button_new(), *popover = gtk_popover_new();

  gtk_popover_set_child(GTK_POPOVER(popover), child);
  gtk_menu_button_set_icon_name(GTK_MENU_BUTTON(button), icon);
  gtk_menu_button_set_popover(GTK_MENU_BUTTON(button), popover);
  gtk_widget_add_css_class(button, "flat");
  gtk_widget_set_valign(button, GTK_ALIGN_START);
  ax_tooltip_set(button, name);
  gtk_accessible_update_property(GTK_ACCESSIBLE(button), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  return button;
}

static GtkWidget *make_reasons(AxExchangeView *self, guint i) {
  static const struct {
    AxReason reason;
    const char *name;
  } reasons[] = {{AX_REASON_ABSENT, N_("The finding is not there")}, {AX_REASON_PLACE, N_("Wrong place")}, {AX_REASON_SEVERITY, N_("Wrong severity")}};
  GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);

  for (guint k = 0; k < G_N_ELEMENTS(reasons); k++) {
    GtkWidget *button = gtk_button_new_with_label(_(reasons[k].name));

    gtk_widget_add_css_class(button, "flat");
    g_object_set_data(G_OBJECT(button), "ax-sentence", GUINT_TO_POINTER(i));
    g_object_set_data(G_OBJECT(button), "ax-reason", GUINT_TO_POINTER((guint)reasons[k].reason));
    g_signal_connect(button, "clicked", G_CALLBACK(on_reason), self);
    gtk_box_append(GTK_BOX(box), button);
  }
  return box;
}

static GtkWidget *make_editor(AxExchangeView *self, guint i, const char *text) {
  GtkWidget *entry = gtk_entry_new();

  gtk_editable_set_text(GTK_EDITABLE(entry), text);
  gtk_editable_set_width_chars(GTK_EDITABLE(entry), 44);
  gtk_accessible_update_property(GTK_ACCESSIBLE(entry), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Sentence"), -1);
  g_object_set_data(G_OBJECT(entry), "ax-sentence", GUINT_TO_POINTER(i));
  g_signal_connect(entry, "activate", G_CALLBACK(on_edited), self);
  return entry;
}

static void add_verdict_buttons(AxExchangeView *self, GtkWidget *row, guint i, const char *text) {
  GtkWidget *accept = make_button("object-select-symbolic", _("Accept this sentence"));

  g_object_set_data(G_OBJECT(accept), "ax-sentence", GUINT_TO_POINTER(i));
  g_signal_connect(accept, "clicked", G_CALLBACK(on_accept), self);
  gtk_box_append(GTK_BOX(row), accept);
  gtk_box_append(GTK_BOX(row), make_menu("document-edit-symbolic", _("Edit this sentence"), make_editor(self, i, text)));
  gtk_box_append(GTK_BOX(row), make_menu("edit-delete-symbolic", _("Reject this sentence"), make_reasons(self, i)));
}

static const char *verdict_text(AxVerdict verdict, AxReason reason) {
  switch (verdict) {
  case AX_VERDICT_ACCEPTED: return _("accepted");
  case AX_VERDICT_EDITED: return _("edited");
  case AX_VERDICT_REJECTED:
    return reason == AX_REASON_PLACE ? _("rejected: wrong place") : reason == AX_REASON_SEVERITY ? _("rejected: wrong severity") : _("rejected: not there");
  case AX_VERDICT_NONE:
  default: return NULL;
  }
}

static const char probability_note[] =
  N_("The mean probability that the model gave to its own words. It tells how fluent the answer came, not how likely it is to be right.");

static GtkWidget *make_sentence(AxExchangeView *self, guint i) {
  AxAnswer *answer = ax_exchange_get_answer(self->exchange);
  GtkWidget *row = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 0), *texts = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
  g_autofree char *text = ax_exchange_get_sentence(self->exchange, i), *marked = ax_exchange_get_marked_sentence(self->exchange, i, 1, ""), *note = NULL, *against = NULL;
  AxReason reason;
  AxVerdict verdict = ax_exchange_get_verdict(self->exchange, i, &reason, NULL);
  const char *said = verdict_text(verdict, reason);
  GtkEventController *motion = gtk_event_controller_motion_new(), *focus = gtk_event_controller_focus_new();
  GtkWidget *label = make_text(marked, NULL), *small;

  /* Translators: a probability in percent; then what the reader said, or nothing. */
  if (answer->sentences[i].heart_ratio > 0)
    /* Translators: beside a sentence that says otherwise of the heart's size; a ratio such as 0.57. */
    against = g_strdup_printf(_("cardiothoracic ratio measured from the boxes: %.2f"), answer->sentences[i].heart_ratio);
  note = g_strdup_printf(said ? _("word probability %.0f %% · %s") : _("word probability %.0f %%"), 100 * answer->sentences[i].confidence, said);
  small = make_text(note, "sentence");
  ax_tooltip_set(small, _(probability_note));
  gtk_box_append(GTK_BOX(texts), label);
  gtk_box_append(GTK_BOX(texts), small);
  if (against) {
    g_autofree char *both = g_strdup_printf("%s · %s", note, against);
    GtkWidget *measured = make_text(against, "sentence");

    gtk_box_append(GTK_BOX(texts), measured);
    g_free(note);
    note = g_steal_pointer(&both);
  }
  gtk_box_append(GTK_BOX(row), texts);
  gtk_widget_add_css_class(row, "answer-sentence");
  if (verdict == AX_VERDICT_REJECTED)
    gtk_widget_add_css_class(label, "rejected");
  gtk_widget_set_focusable(row, TRUE);
  g_object_set_data(G_OBJECT(row), "ax-sentence", GUINT_TO_POINTER(i));
  gtk_accessible_update_property(GTK_ACCESSIBLE(row), GTK_ACCESSIBLE_PROPERTY_LABEL, marked, GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, note, -1);
  if (ax_exchange_get_task(self->exchange) == AX_TASK_REPORT)
    add_verdict_buttons(self, row, i, text);
  g_signal_connect(motion, "enter", G_CALLBACK(on_enter), self);
  g_signal_connect(motion, "leave", G_CALLBACK(on_leave), self);
  g_signal_connect(focus, "enter", G_CALLBACK(on_focus), self);
  g_signal_connect(focus, "leave", G_CALLBACK(on_leave), self);
  gtk_widget_add_controller(row, motion);
  gtk_widget_add_controller(row, focus);
  return row;
}

/* ---- evidence ---- */

static char *evidence(AxExchange *exchange) {
  AxAnswer *answer = ax_exchange_get_answer(exchange);
  gboolean seen[AX_N_ANATOMY] = {FALSE};
  GString *text = g_string_new(NULL);

  for (guint i = 0; i < answer->n_sentences; i++)
    for (guint k = 0; k < answer->sentences[i].n_structures; k++) {
      guint index = answer->sentences[i].structures[k];

      if (index >= AX_N_ANATOMY || seen[index])
        continue;
      seen[index] = TRUE;
      g_string_append_printf(text, "%s%s", text->len ? "\n" : "", ax_shown_structure(index));
      if (answer->perception && answer->perception->anatomy[index].n_retrieved > 0)
        g_string_append_printf(text, ": %s %.2f", answer->perception->anatomy[index].retrieved[0].sentence,
                               answer->perception->anatomy[index].retrieved[0].score);
    }
  for (guint i = 0; i < answer->n_options; i++)
    g_string_append_printf(text, "%s%s %s: %.0f %%", text->len ? "\n" : "", answer->options[i].tag, answer->options[i].text, 100 * answer->options[i].probability);
  if (text->len == 0)
    g_string_append(text, _("The answer names no structure."));
  return g_string_free(text, FALSE);
}

/* ---- all of it ---- */

char *ax_answer_speed_text(const AxAnswer *answer) {
  double read = ax_answer_read_speed(answer), make = ax_answer_make_speed(answer);
  guint n = answer->n_read;
  g_autofree char *first = NULL, *second = NULL;

  /* Translators: tokens are the pieces of words that a language model reads and writes. */
  if (read > 0)
    first = g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%u token of the prompt read, %.0f a second", "%u tokens of the prompt read, %.0f a second", n), n, read);
  if (make > 0)
    second = g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%u token written, %.0f a second", "%u tokens written, %.0f a second", answer->n_tokens),
                             answer->n_tokens, make);
  if (!first)
    return g_steal_pointer(&second);
  return g_strconcat(first, second ? "\n" : NULL, second, NULL);
}

static void show_done(AxExchangeView *self) {
  AxAnswer *answer = ax_exchange_get_answer(self->exchange);
  g_autofree char *why = evidence(self->exchange), *boxes = NULL, *status = NULL, *speed = ax_answer_speed_text(answer), *tip = NULL;
  const char *ended = answer->stopped == AX_STOPPED_CANCELLED ? _(" · stopped") : answer->stopped == AX_STOPPED_LENGTH ? _(" · cut: too long") : "";
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child(self->sentences)))
    gtk_box_remove(GTK_BOX(self->sentences), child);
  for (guint i = 0; i < answer->n_sentences; i++)
    gtk_box_append(GTK_BOX(self->sentences), make_sentence(self, i));
  gtk_widget_set_visible(self->plain, answer->n_sentences == 0 || answer->nothing);
  gtk_label_set_text(GTK_LABEL(self->plain), answer->nothing ? _("Nothing of the kind was found.") : answer->plain[0] ? answer->plain : _("No answer."));
  boxes = g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%u box", "%u boxes", answer->n_boxes), answer->n_boxes);
  /* Translators: confidence in percent, "2 boxes", seconds, and how it ended or nothing. */
  status = g_strdup_printf(_("word probability %.0f %% · %s · %.1f s%s"), 100 * answer->confidence, boxes, answer->ms_total / 1000, ended);
  gtk_label_set_text(GTK_LABEL(self->status), status);
  tip = g_strconcat(_(probability_note), speed ? "\n" : NULL, speed, NULL);
  ax_tooltip_set(self->status, tip);
  gtk_label_set_text(GTK_LABEL(self->evidence_text), why);
  gtk_widget_set_visible(self->evidence, TRUE);
  self->done = TRUE;
  ax_exchange_view_set_threshold(self, self->threshold);
  ax_exchange_view_set_structure(self, self->structure);
}

static void update(AxExchangeView *self) {
  const char *message = ax_exchange_get_message(self->exchange);

  if (ax_exchange_get_answer(self->exchange)) {
    show_done(self);
    return;
  }
  gtk_label_set_text(GTK_LABEL(self->plain), ax_exchange_get_plain(self->exchange));
  switch (ax_exchange_get_state(self->exchange)) {
  case AX_EXCHANGE_WAITING: gtk_label_set_text(GTK_LABEL(self->status), message ? message : _("Waiting for the model")); break;
  case AX_EXCHANGE_RUNNING: gtk_label_set_text(GTK_LABEL(self->status), _("Writing…")); break;
  case AX_EXCHANGE_CANCELLED: gtk_label_set_text(GTK_LABEL(self->status), _("Stopped.")); break;
  case AX_EXCHANGE_FAILED:
  case AX_EXCHANGE_DONE:
  default: gtk_label_set_text(GTK_LABEL(self->status), message ? message : _("It failed."));
  }
}

void ax_exchange_view_set_threshold(AxExchangeView *self, double confidence) {
  AxAnswer *answer = ax_exchange_get_answer(self->exchange);

  self->threshold = confidence;
  for (GtkWidget *row = gtk_widget_get_first_child(self->sentences); row && answer; row = gtk_widget_get_next_sibling(row))
    gtk_widget_set_visible(row, answer->sentences[sentence_of(row)].confidence >= confidence);
}

void ax_exchange_view_set_structure(AxExchangeView *self, int structure) {
  AxAnswer *answer = ax_exchange_get_answer(self->exchange);

  self->structure = structure;
  for (GtkWidget *row = gtk_widget_get_first_child(self->sentences); row && answer; row = gtk_widget_get_next_sibling(row)) {
    const AxAnswerSentence *s = &answer->sentences[sentence_of(row)];
    gboolean names = FALSE;

    for (guint k = 0; k < s->n_structures; k++)
      names |= s->structures[k] == structure;
    if (names && structure >= 0)
      gtk_widget_add_css_class(row, "hovered");
    else
      gtk_widget_remove_css_class(row, "hovered");
  }
}

GtkWidget *ax_exchange_view_get_row(AxExchangeView *self, guint sentence) {
  for (GtkWidget *row = gtk_widget_get_first_child(self->sentences); row; row = gtk_widget_get_next_sibling(row))
    if (sentence_of(row) == sentence)
      return row;
  return NULL;
}

AxExchange *ax_exchange_view_get_exchange(AxExchangeView *self) { return self->exchange; }

static void on_remove(AxExchangeView *self) { g_signal_emit(self, remove_signal, 0); }

static void on_copy(AxExchangeView *self) {
  GString *text = g_string_new(NULL);
  AxAnswer *answer = ax_exchange_get_answer(self->exchange);

  for (guint i = 0; answer && i < answer->n_sentences; i++) {
    g_autofree char *sentence = ax_exchange_get_sentence(self->exchange, i);

    if (ax_exchange_get_verdict(self->exchange, i, NULL, NULL) != AX_VERDICT_REJECTED)
      g_string_append_printf(text, "%s%s", text->len ? " " : "", sentence);
  }
  if (text->len == 0)
    g_string_append(text, ax_exchange_get_plain(self->exchange));
  g_string_append_printf(text, "\n(%s)", _("Written by a model. Not for clinical use."));
  gdk_clipboard_set_text(gtk_widget_get_clipboard(GTK_WIDGET(self)), text->str);
  g_string_free(text, TRUE);
}

/* ---- GObject ---- */

static void ax_exchange_view_dispose(GObject *object) {
  AxExchangeView *self = AX_EXCHANGE_VIEW(object);

  if (self->exchange)
    g_signal_handlers_disconnect_by_data(self->exchange, self);
  g_clear_pointer(&self->box, gtk_widget_unparent);
  g_clear_object(&self->exchange);
  G_OBJECT_CLASS(ax_exchange_view_parent_class)->dispose(object);
}

static void ax_exchange_view_class_init(AxExchangeViewClass *klass) {
  G_OBJECT_CLASS(klass)->dispose = ax_exchange_view_dispose;
  gtk_widget_class_set_layout_manager_type(GTK_WIDGET_CLASS(klass), GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name(GTK_WIDGET_CLASS(klass), "axexchange");
  gtk_widget_class_set_accessible_role(GTK_WIDGET_CLASS(klass), GTK_ACCESSIBLE_ROLE_GROUP);
  light_signal = g_signal_new("light", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_INT);
  remove_signal = g_signal_new("remove", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ax_exchange_view_init(AxExchangeView *self) { self->structure = -1; }

GtkWidget *ax_exchange_view_new(AxExchange *exchange) {
  AxExchangeView *self = g_object_new(AX_TYPE_EXCHANGE_VIEW, NULL);
  GtkWidget *head = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 0), *copy = make_button("edit-copy-symbolic", _("Copy the answer"));
  GtkWidget *close = make_button("window-close-symbolic", _("Take this away"));
  const char *text = ax_exchange_get_text(exchange);
  g_autofree char *title = text ? g_strdup_printf("%s: %s", ax_task_title(ax_exchange_get_task(exchange)), text) : g_strdup(ax_task_title(ax_exchange_get_task(exchange)));

  self->exchange = g_object_ref(exchange);
  self->box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
  self->plain = make_text("", NULL);
  self->sentences = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
  self->status = make_text("", "sentence");
  self->evidence = gtk_expander_new(_("Evidence"));
  self->evidence_text = make_text("", "sentence");
  gtk_expander_set_child(GTK_EXPANDER(self->evidence), self->evidence_text);
  gtk_widget_set_visible(self->evidence, FALSE);
  gtk_box_append(GTK_BOX(head), make_text(title, "structure"));
  gtk_box_append(GTK_BOX(head), copy);
  gtk_box_append(GTK_BOX(head), close);
  gtk_box_append(GTK_BOX(self->box), head);
  gtk_box_append(GTK_BOX(self->box), self->plain);
  gtk_box_append(GTK_BOX(self->box), self->sentences);
  gtk_box_append(GTK_BOX(self->box), self->status);
  gtk_box_append(GTK_BOX(self->box), self->evidence);
  gtk_widget_set_parent(self->box, GTK_WIDGET(self));
  gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
  g_signal_connect_swapped(copy, "clicked", G_CALLBACK(on_copy), self);
  g_signal_connect_swapped(close, "clicked", G_CALLBACK(on_remove), self);
  g_signal_connect_swapped(exchange, "changed", G_CALLBACK(update), self);
  update(self);
  return GTK_WIDGET(self);
}
