#include "ui/round-editor.h"

#include "ui/names.h"
#include "ui/round-words.h"
#include <glib/gi18n-lib.h>

struct _AxRoundEditor {
  AdwWindow parent_instance;
  char *image_path, *path;
  AxBox boxes[AX_ROUND_MAX_BOXES];
  guint n_boxes;
  GtkFileChooserNative *chooser;
  /* of the template */
  AdwComboRow *task, *side;
  GtkEditable *subject, *names, *choices, *findings, *question, *hint, *explanation, *title_entry;
  GtkSwitch *mirror;
  GtkWidget *mirror_row, *again;
  GtkLabel *region, *problem;
};

G_DEFINE_FINAL_TYPE(AxRoundEditor, ax_round_editor, ADW_TYPE_WINDOW)

static guint added_signal;

/* ---- the case ---- */

static char *text_of(GtkEditable *entry) {
  char *text = g_strstrip(g_strdup(gtk_editable_get_text(entry)));

  if (!*text)
    g_clear_pointer(&text, g_free);
  return text;
}

/* Files and the model speak English; the teacher may also say the names that the window shows. */
static char *english_of(GtkEditable *entry) {
  g_autofree char *text = text_of(entry);

  return g_strdup(ax_english_name(text));
}

/* Separated by semicolons, or by commas where there is none. */
static char **words_of(GtkEditable *entry) {
  g_autofree char *text = text_of(entry);
  g_auto(GStrv) parts = text ? g_strsplit(text, strchr(text, ';') ? ";" : ",", -1) : NULL;
  g_autoptr(GStrvBuilder) words = g_strv_builder_new();
  guint n = 0;

  for (guint i = 0; parts && parts[i]; i++)
    if (*g_strstrip(parts[i])) {
      g_strv_builder_add(words, ax_english_name(parts[i]));
      n++;
    }
  return n > 0 ? g_strv_builder_end(words) : NULL;
}

static AxRoundTask task_of(AxRoundEditor *self) { return (AxRoundTask)adw_combo_row_get_selected(self->task); }

AxRoundCase *ax_round_editor_get_case(AxRoundEditor *self) {
  AxRoundTask task = task_of(self);
  AxRoundCase *c = ax_round_case_new(task, NULL);
  gboolean region = task == AX_ROUND_NAME || task == AX_ROUND_SIDE;

  if (task == AX_ROUND_FIND || task == AX_ROUND_DRAW || task == AX_ROUND_SIDE)
    c->subject = english_of(self->subject);
  if (task == AX_ROUND_FIND || task == AX_ROUND_DRAW)
    for (guint i = 0; i < self->n_boxes; i++)
      c->boxes[c->n_boxes++] = self->boxes[i];
  if (region && self->n_boxes > 0) {
    c->has_region = TRUE;
    c->region = self->boxes[self->n_boxes - 1];
  }
  if (task == AX_ROUND_NAME) {
    c->names = words_of(self->names);
    c->choices = words_of(self->choices);
  } else if (task == AX_ROUND_IMPRESSION) {
    c->findings = words_of(self->findings);
  } else if (task == AX_ROUND_SIDE) {
    c->side = (AxRoundSide)(AX_ROUND_LEFT + adw_combo_row_get_selected(self->side));
    c->mirror = gtk_switch_get_active(self->mirror);
  }
  c->question = text_of(self->question);
  c->hint = text_of(self->hint);
  c->explanation = text_of(self->explanation);
  return c;
}

static void show_problem(AxRoundEditor *self, const char *text) {
  gtk_label_set_text(self->problem, text ? text : "");
  gtk_widget_set_visible(GTK_WIDGET(self->problem), text != NULL);
}

/* What a row is for depends on the task. */
static void update(AxRoundEditor *self) {
  AxRoundTask task = task_of(self);
  gboolean boxes = task == AX_ROUND_FIND || task == AX_ROUND_DRAW, region = task == AX_ROUND_NAME || task == AX_ROUND_SIDE;
  g_autofree char *text = NULL;

  gtk_widget_set_visible(GTK_WIDGET(self->subject), boxes || task == AX_ROUND_SIDE);
  gtk_widget_set_visible(GTK_WIDGET(self->names), task == AX_ROUND_NAME);
  gtk_widget_set_visible(GTK_WIDGET(self->choices), task == AX_ROUND_NAME);
  gtk_widget_set_visible(GTK_WIDGET(self->findings), task == AX_ROUND_IMPRESSION);
  gtk_widget_set_visible(GTK_WIDGET(self->side), task == AX_ROUND_SIDE);
  gtk_widget_set_visible(self->mirror_row, task == AX_ROUND_SIDE);
  if (self->n_boxes > 0 && (boxes || region))
    text = g_strdup_printf(region ? g_dngettext(GETTEXT_PACKAGE, "The region is the box on the image.", "The region is the last of %u boxes on the image.", self->n_boxes)
                                  : g_dngettext(GETTEXT_PACKAGE, "The accepted answer is the box on the image.", "The accepted answer is the %u boxes on the image.", self->n_boxes),
                           self->n_boxes);
  else if (task == AX_ROUND_DRAW)
    text = g_strdup(_("Nothing is drawn: the accepted answer is that it is not there."));
  else if (boxes || region)
    text = g_strdup(_("Nothing is drawn: draw a region (D) on the image, or select a structure, and come back."));
  gtk_label_set_text(self->region, text ? text : "");
  gtk_widget_set_visible(GTK_WIDGET(self->region), text != NULL);
  show_problem(self, NULL);
}

/* ---- where it goes ---- */

gboolean ax_round_editor_add_to(AxRoundEditor *self, const char *path) {
  g_autoptr(AxRoundCase) c = ax_round_editor_get_case(self);
  g_autofree char *title = text_of(self->title_entry);
  g_autoptr(GError) error = NULL;

  g_return_val_if_fail(AX_IS_ROUND_EDITOR(self) && path != NULL, FALSE);
  if (!ax_round_store_case(path, title ? title : _("Teaching round"), c, self->image_path, &error)) {
    /* Translators: a reason follows, in English. */
    g_autofree char *text = g_strdup_printf(_("The case cannot be added: %s"), error->message);

    show_problem(self, text);
    return FALSE;
  }
  g_signal_emit(self, added_signal, 0, path);
  gtk_window_close(GTK_WINDOW(self));
  return TRUE;
}

static void on_response(GtkNativeDialog *dialog, int response, AxRoundEditor *self) {
  g_autoptr(GFile) file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file(GTK_FILE_CHOOSER(dialog)) : NULL;
  g_autofree char *path = file ? g_file_get_path(file) : NULL;

  g_clear_object(&self->chooser);
  if (path)
    ax_round_editor_add_to(self, path);
}

static void choose(AxRoundEditor *self, GtkFileChooserAction action, const char *title) {
  g_autofree char *folder = g_path_get_dirname(self->path ? self->path : self->image_path);
  g_autoptr(GFile) place = g_file_new_for_path(folder);
  g_autoptr(GtkFileFilter) filter = gtk_file_filter_new();

  if (self->chooser)
    gtk_native_dialog_destroy(GTK_NATIVE_DIALOG(self->chooser));
  g_clear_object(&self->chooser);
  self->chooser = gtk_file_chooser_native_new(title, GTK_WINDOW(self), action, _("_Add"), _("_Cancel"));
  gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(self->chooser), TRUE);
  gtk_file_filter_set_name(filter, _("Teaching rounds (JSON)"));
  gtk_file_filter_add_suffix(filter, "json");
  gtk_file_chooser_add_filter(GTK_FILE_CHOOSER(self->chooser), filter);
  gtk_file_chooser_set_current_folder(GTK_FILE_CHOOSER(self->chooser), place, NULL);
  if (action == GTK_FILE_CHOOSER_ACTION_SAVE)
    gtk_file_chooser_set_current_name(GTK_FILE_CHOOSER(self->chooser), "round.json");
  g_signal_connect(self->chooser, "response", G_CALLBACK(on_response), self);
  gtk_native_dialog_show(GTK_NATIVE_DIALOG(self->chooser));
}

static void on_new(AxRoundEditor *self) { choose(self, GTK_FILE_CHOOSER_ACTION_SAVE, _("Add to a new round")); }
static void on_existing(AxRoundEditor *self) { choose(self, GTK_FILE_CHOOSER_ACTION_OPEN, _("Add to a round")); }
static void on_again(AxRoundEditor *self) { ax_round_editor_add_to(self, self->path); }

/* ---- GObject ---- */

static void ax_round_editor_dispose(GObject *object) {
  AxRoundEditor *self = AX_ROUND_EDITOR(object);

  if (self->chooser)
    gtk_native_dialog_destroy(GTK_NATIVE_DIALOG(self->chooser));
  g_clear_object(&self->chooser);
  g_clear_pointer(&self->image_path, g_free);
  g_clear_pointer(&self->path, g_free);
  G_OBJECT_CLASS(ax_round_editor_parent_class)->dispose(object);
}

static void ax_round_editor_class_init(AxRoundEditorClass *klass) {
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);

  G_OBJECT_CLASS(klass)->dispose = ax_round_editor_dispose;
  added_signal = g_signal_new("added", AX_TYPE_ROUND_EDITOR, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  gtk_widget_class_set_template_from_resource(widget_class, "/org/anatomix/Viewer/ui/round-editor.ui");
  gtk_widget_class_bind_template_child(widget_class, AxRoundEditor, task);
  gtk_widget_class_bind_template_child(widget_class, AxRoundEditor, side);
  gtk_widget_class_bind_template_child(widget_class, AxRoundEditor, subject);
  gtk_widget_class_bind_template_child(widget_class, AxRoundEditor, names);
  gtk_widget_class_bind_template_child(widget_class, AxRoundEditor, choices);
  gtk_widget_class_bind_template_child(widget_class, AxRoundEditor, findings);
  gtk_widget_class_bind_template_child(widget_class, AxRoundEditor, question);
  gtk_widget_class_bind_template_child(widget_class, AxRoundEditor, hint);
  gtk_widget_class_bind_template_child(widget_class, AxRoundEditor, explanation);
  gtk_widget_class_bind_template_child(widget_class, AxRoundEditor, title_entry);
  gtk_widget_class_bind_template_child(widget_class, AxRoundEditor, mirror);
  gtk_widget_class_bind_template_child(widget_class, AxRoundEditor, mirror_row);
  gtk_widget_class_bind_template_child(widget_class, AxRoundEditor, again);
  gtk_widget_class_bind_template_child(widget_class, AxRoundEditor, region);
  gtk_widget_class_bind_template_child(widget_class, AxRoundEditor, problem);
  gtk_widget_class_bind_template_callback(widget_class, update);
  gtk_widget_class_bind_template_callback(widget_class, on_new);
  gtk_widget_class_bind_template_callback(widget_class, on_existing);
  gtk_widget_class_bind_template_callback(widget_class, on_again);
  gtk_widget_class_add_binding_action(widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void ax_round_editor_init(AxRoundEditor *self) {
  const char *tasks[AX_N_ROUND_TASKS + 1] = {NULL}, *sides[4] = {NULL};
  g_autoptr(GtkStringList) task_list = NULL, side_list = NULL;

  gtk_widget_init_template(GTK_WIDGET(self));
  for (int i = 0; i < AX_N_ROUND_TASKS; i++)
    tasks[i] = ax_round_task_name((AxRoundTask)i);
  for (int i = 0; i < 3; i++)
    sides[i] = ax_round_side_name((AxRoundSide)(AX_ROUND_LEFT + i));
  task_list = gtk_string_list_new(tasks);
  side_list = gtk_string_list_new(sides);
  adw_combo_row_set_model(self->task, G_LIST_MODEL(task_list));
  adw_combo_row_set_model(self->side, G_LIST_MODEL(side_list));
}

AxRoundEditor *ax_round_editor_new(GtkWindow *parent, const char *image_path, const AxBox *boxes, guint n_boxes, const char *structure, const char *path) {
  AxRoundEditor *self = g_object_new(AX_TYPE_ROUND_EDITOR, "transient-for", parent, "modal", TRUE, NULL);

  self->image_path = g_strdup(image_path);
  self->path = g_strdup(path);
  self->n_boxes = MIN(n_boxes, AX_ROUND_MAX_BOXES);
  for (guint i = 0; i < self->n_boxes; i++)
    self->boxes[i] = ax_round_box(boxes[i]);
  if (structure) {
    gtk_editable_set_text(self->subject, ax_shown_name(structure));
    gtk_editable_set_text(self->names, ax_shown_name(structure));
  }
  if (path) {
    g_autofree char *name = g_path_get_basename(path), *label = g_strdup_printf(_("Add to %s"), name);

    gtk_button_set_label(GTK_BUTTON(self->again), label);
  }
  gtk_widget_set_visible(self->again, path != NULL);
  update(self);
  return self;
}
