#include "ui/round-input.h"

#include "ui/names.h"
#include "ui/round-words.h"
#include <glib/gi18n-lib.h>

struct _AxRoundInput {
  GtkBox parent_instance;
  AxRoundCase *c;
  AxMarks *marks;
  GPtrArray *choices; /* GtkWidget: check buttons, owned by the box */
  GtkWidget *entry, *text, *count;
  gboolean pruning;
};

G_DEFINE_FINAL_TYPE(AxRoundInput, ax_round_input, GTK_TYPE_BOX)

enum { CHANGED, SUBMIT, N_SIGNALS };
static guint signals[N_SIGNALS];

static void changed(AxRoundInput *self) { g_signal_emit(self, signals[CHANGED], 0); }
static void submit(AxRoundInput *self) { g_signal_emit(self, signals[SUBMIT], 0); }

/* ---- boxes ---- */

static guint count_boxes(AxRoundInput *self) {
  guint n = 0;

  for (guint i = 0; self->marks && i < ax_marks_get_n(self->marks); i++)
    n += ax_marks_get(self->marks, i)->kind == AX_MARK_BOX;
  return n;
}

static void on_marks_changed(AxRoundInput *self) {
  g_autofree char *text = NULL;
  guint n;

  if (self->pruning || !self->c)
    return;
  self->pruning = TRUE;
  while (self->c->task == AX_ROUND_FIND && !ax_marks_is_editing(self->marks) && ax_marks_get_n(self->marks) > 1)
    ax_marks_remove(self->marks, ax_marks_get(self->marks, 0)->id);
  self->pruning = FALSE;
  n = count_boxes(self);
  if (self->count) {
    text = n == 0 ? g_strdup(_("No box drawn yet")) : g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%u box drawn", "%u boxes drawn", n), n);
    gtk_label_set_text(GTK_LABEL(self->count), text);
  }
  changed(self);
}

/* ---- controls ---- */

static void add_choice(AxRoundInput *self, const char *label) {
  g_autofree char *numbered = g_strdup_printf("%u  %s", self->choices->len + 1, label);
  GtkWidget *button = gtk_check_button_new(), *words = gtk_label_new(numbered);

  gtk_label_set_wrap(GTK_LABEL(words), TRUE);
  gtk_label_set_xalign(GTK_LABEL(words), 0);
  gtk_check_button_set_child(GTK_CHECK_BUTTON(button), words);

  if (self->choices->len > 0)
    gtk_check_button_set_group(GTK_CHECK_BUTTON(button), self->choices->pdata[0]);
  gtk_accessible_update_property(GTK_ACCESSIBLE(button), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  g_signal_connect_object(button, "toggled", G_CALLBACK(changed), self, G_CONNECT_SWAPPED);
  gtk_box_append(GTK_BOX(self), button);
  g_ptr_array_add(self->choices, button);
}

static void add_entry(AxRoundInput *self) {
  self->entry = gtk_entry_new();
  gtk_entry_set_placeholder_text(GTK_ENTRY(self->entry), _("Name"));
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->entry), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Your answer"), -1);
  g_signal_connect_object(self->entry, "changed", G_CALLBACK(changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->entry, "activate", G_CALLBACK(submit), self, G_CONNECT_SWAPPED);
  gtk_box_append(GTK_BOX(self), self->entry);
}

static void add_text(AxRoundInput *self) {
  GtkWidget *scrolled = gtk_scrolled_window_new();

  self->text = gtk_text_view_new();
  gtk_text_view_set_wrap_mode(GTK_TEXT_VIEW(self->text), GTK_WRAP_WORD_CHAR);
  gtk_text_view_set_accepts_tab(GTK_TEXT_VIEW(self->text), FALSE);
  gtk_widget_add_css_class(scrolled, "impression");
  gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scrolled), self->text);
  gtk_scrolled_window_set_min_content_height(GTK_SCROLLED_WINDOW(scrolled), 110);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->text), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Your impression"), -1);
  g_signal_connect_object(gtk_text_view_get_buffer(GTK_TEXT_VIEW(self->text)), "changed", G_CALLBACK(changed), self, G_CONNECT_SWAPPED);
  gtk_box_append(GTK_BOX(self), scrolled);
}

static void add_count(AxRoundInput *self) {
  self->count = gtk_label_new(NULL);
  gtk_label_set_xalign(GTK_LABEL(self->count), 0);
  gtk_box_append(GTK_BOX(self), self->count);
}

static void add_controls(AxRoundInput *self) {
  switch (self->c->task) {
  case AX_ROUND_NAME:
    for (guint i = 0; self->c->choices && self->c->choices[i]; i++)
      add_choice(self, ax_shown_name(self->c->choices[i]));
    if (!self->c->choices)
      add_entry(self);
    break;
  case AX_ROUND_SIDE:
    for (int side = AX_ROUND_LEFT; side <= AX_ROUND_BOTH; side++)
      add_choice(self, ax_round_side_name((AxRoundSide)side));
    break;
  case AX_ROUND_IMPRESSION: add_text(self); break;
  case AX_ROUND_FIND:
  case AX_ROUND_DRAW:
  default: add_count(self);
  }
}

void ax_round_input_set_case(AxRoundInput *self, const AxRoundCase *c, AxMarks *marks) {
  GtkWidget *child;

  g_return_if_fail(AX_IS_ROUND_INPUT(self));
  if (self->marks)
    g_signal_handlers_disconnect_by_data(self->marks, self);
  g_set_object(&self->marks, marks);
  g_clear_pointer(&self->c, ax_round_case_free);
  g_ptr_array_set_size(self->choices, 0);
  self->entry = self->text = self->count = NULL;
  while ((child = gtk_widget_get_first_child(GTK_WIDGET(self))))
    gtk_box_remove(GTK_BOX(self), child);
  if (!c)
    return;
  self->c = ax_round_case_copy(c);
  add_controls(self);
  if (marks)
    g_signal_connect_object(marks, "changed", G_CALLBACK(on_marks_changed), self, G_CONNECT_SWAPPED);
  on_marks_changed(self);
}

/* ---- the answer ---- */

static int chosen(AxRoundInput *self) {
  for (guint i = 0; i < self->choices->len; i++)
    if (gtk_check_button_get_active(self->choices->pdata[i]))
      return (int)i;
  return -1;
}

AxRoundAnswer *ax_round_input_get_answer(AxRoundInput *self) {
  AxRoundAnswer *answer = ax_round_answer_new();
  int choice = chosen(self);

  if (!self->c)
    return answer;
  if (self->c->task == AX_ROUND_SIDE && choice >= 0)
    answer->side = (AxRoundSide)(AX_ROUND_LEFT + choice);
  else if (self->c->task == AX_ROUND_NAME && choice >= 0)
    ax_round_answer_set_text(answer, self->c->choices[choice]);
  else if (self->entry)
    ax_round_answer_set_text(answer, ax_english_name(gtk_editable_get_text(GTK_EDITABLE(self->entry)))); /* in either language */
  if (self->text) {
    GtkTextBuffer *buffer = gtk_text_view_get_buffer(GTK_TEXT_VIEW(self->text));
    GtkTextIter start, end;
    g_autofree char *text = NULL;

    gtk_text_buffer_get_bounds(buffer, &start, &end);
    text = gtk_text_buffer_get_text(buffer, &start, &end, FALSE);
    ax_round_answer_set_text(answer, text);
  }
  for (guint i = 0; self->count && self->marks && i < ax_marks_get_n(self->marks); i++) {
    const AxMark *mark = ax_marks_get(self->marks, i);

    if (mark->kind == AX_MARK_BOX)
      ax_round_answer_add_box(answer, ax_mark_get_box(mark));
  }
  return answer;
}

void ax_round_input_set_answer(AxRoundInput *self, const AxRoundAnswer *answer) {
  g_return_if_fail(AX_IS_ROUND_INPUT(self) && answer != NULL);
  if (!self->c)
    return;
  if (self->entry)
    gtk_editable_set_text(GTK_EDITABLE(self->entry), answer->text ? ax_shown_name(answer->text) : "");
  if (self->text)
    gtk_text_buffer_set_text(gtk_text_view_get_buffer(GTK_TEXT_VIEW(self->text)), answer->text ? answer->text : "", -1);
  if (self->c->task == AX_ROUND_SIDE && answer->side != AX_ROUND_NO_SIDE)
    ax_round_input_choose(self, (guint)(answer->side - AX_ROUND_LEFT) + 1);
  for (guint i = 0; self->c->task == AX_ROUND_NAME && answer->text && i < self->choices->len; i++)
    if (g_str_equal(self->c->choices[i], answer->text))
      ax_round_input_choose(self, i + 1);
}

gboolean ax_round_input_choose(AxRoundInput *self, guint n) {
  g_return_val_if_fail(AX_IS_ROUND_INPUT(self), FALSE);
  if (n < 1 || n > self->choices->len)
    return FALSE;
  gtk_check_button_set_active(self->choices->pdata[n - 1], TRUE);
  return TRUE;
}

gboolean ax_round_input_focus(AxRoundInput *self) {
  GtkWidget *widget = self->entry ? self->entry : self->text;

  return widget && gtk_widget_grab_focus(widget);
}

/* ---- GObject ---- */

static void ax_round_input_dispose(GObject *object) {
  AxRoundInput *self = AX_ROUND_INPUT(object);

  if (self->marks)
    g_signal_handlers_disconnect_by_data(self->marks, self);
  g_clear_object(&self->marks);
  g_clear_pointer(&self->c, ax_round_case_free);
  g_ptr_array_set_size(self->choices, 0);
  G_OBJECT_CLASS(ax_round_input_parent_class)->dispose(object);
}

static void ax_round_input_finalize(GObject *object) {
  g_ptr_array_unref(AX_ROUND_INPUT(object)->choices);
  G_OBJECT_CLASS(ax_round_input_parent_class)->finalize(object);
}

static void ax_round_input_class_init(AxRoundInputClass *klass) {
  G_OBJECT_CLASS(klass)->dispose = ax_round_input_dispose;
  G_OBJECT_CLASS(klass)->finalize = ax_round_input_finalize;
  signals[CHANGED] = g_signal_new("changed", AX_TYPE_ROUND_INPUT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SUBMIT] = g_signal_new("submit", AX_TYPE_ROUND_INPUT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ax_round_input_init(AxRoundInput *self) {
  self->choices = g_ptr_array_new();
  gtk_orientable_set_orientation(GTK_ORIENTABLE(self), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing(GTK_BOX(self), 4);
}

GtkWidget *ax_round_input_new(void) { return g_object_new(AX_TYPE_ROUND_INPUT, NULL); }
