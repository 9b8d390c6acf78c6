/* The actions of AxMainWindow on what the reader draws: tools, measurements, calibration, undo. */
#include "ui/window-private.h"

#include "ui/measure.h"
#include <glib/gi18n-lib.h>

static const char *const tool_words[AX_N_TOOLS] = {
  [AX_TOOL_SELECT] = "select", [AX_TOOL_LENGTH] = "length", [AX_TOOL_ANGLE] = "angle", [AX_TOOL_REGION] = "region", [AX_TOOL_BOX] = "box",
};

static AxMarks *marks_of(AxMainWindow *self) { return ax_document_get_marks(ax_main_window_get_active_document(self)); }

static AxMarkTool *tool_of(AxMainWindow *self) {
  return ax_canvas_get_tool(ax_main_window_get_active_canvas(self) == self->prior_canvas ? self->prior_canvas : self->canvas);
}

/* ---- tools ---- */

/* Of two pictures both have the tool, until a mark is drawn on one. */
static void set_tool(AxMainWindow *self, AxTool tool) {
  GAction *action = g_action_map_lookup_action(G_ACTION_MAP(self), "tool");

  g_simple_action_set_state(G_SIMPLE_ACTION(action), g_variant_new_string(tool_words[tool]));
  ax_mark_tool_set_tool(ax_canvas_get_tool(self->canvas), tool);
  ax_mark_tool_set_tool(ax_canvas_get_tool(self->prior_canvas), tool);
}

static void on_tool_changed(AxMainWindow *self, AxMarkTool *tool) { set_tool(self, ax_mark_tool_get_tool(tool)); }

static void change_tool(GSimpleAction *action, GVariant *value, gpointer data) {
  AxMainWindow *self = data;
  const char *word = g_variant_get_string(value, NULL);

  for (int tool = 0; tool < AX_N_TOOLS; tool++)
    if (g_str_equal(word, tool_words[tool]))
      set_tool(self, (AxTool)tool);
  gtk_widget_grab_focus(GTK_WIDGET(ax_main_window_get_active_canvas(self)));
}

static void on_ratio(GSimpleAction *action, GVariant *parameter, gpointer data) {
  AxMainWindow *self = data;
  AxPerception *perception = ax_document_get_perception(ax_main_window_get_active_document(self), FALSE);
  AxMark mark;

  if (!perception) {
    ax_main_window_toast(self, _("The ratio is taken from the boxes of heart and lungs, which are not there yet."));
    return;
  }
  mark = ax_measure_ratio_of(perception);
  ax_marks_add(marks_of(self), &mark);
  gtk_stack_set_visible_child_name(self->panel, "marks");
}

/* ---- calibration ---- */

static void calibrate_now(AxMainWindow *self, const char *text) {
  const AxMark *mark = ax_marks_find(marks_of(self), ax_marks_get_selected(marks_of(self)));
  g_autofree char *number = g_strdelimit(g_strdup(text), ",", '.'); /* both are decimal signs somewhere */
  double mm = g_ascii_strtod(number, NULL), calibration;

  if (!mark || mark->kind != AX_MARK_LENGTH)
    return;
  calibration = ax_measure_calibration(ax_document_get_image(ax_main_window_get_active_document(self)), mark->points[0], mark->points[1], mm);
  if (calibration > 0)
    ax_marks_set_calibration(marks_of(self), calibration);
  else
    ax_main_window_toast(self, _("A length is a number of millimetres above 0, and the caliper needs two ends."));
}

static void on_calibration_response(AdwMessageDialog *dialog, const char *response, AxMainWindow *self) {
  if (g_str_equal(response, "calibrate") && self->document)
    calibrate_now(self, gtk_editable_get_text(GTK_EDITABLE(adw_message_dialog_get_extra_child(dialog))));
}

static void on_calibrate(GSimpleAction *action, GVariant *parameter, gpointer data) {
  AxMainWindow *self = data;
  const AxMark *mark = ax_marks_find(marks_of(self), ax_marks_get_selected(marks_of(self)));
  GtkWidget *dialog, *entry;

  if (!mark || mark->kind != AX_MARK_LENGTH) {
    ax_main_window_toast(self, _("Measure a length that you know (L) and select it, then calibrate."));
    return;
  }
  dialog = adw_message_dialog_new(GTK_WINDOW(self), _("Calibrate"), _("How long is the selected caliper in truth, in millimetres?"));
  entry = gtk_entry_new();
  gtk_entry_set_input_purpose(GTK_ENTRY(entry), GTK_INPUT_PURPOSE_NUMBER);
  gtk_entry_set_activates_default(GTK_ENTRY(entry), TRUE);
  gtk_accessible_update_property(GTK_ACCESSIBLE(entry), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Length in millimetres"), -1);
  adw_message_dialog_set_extra_child(ADW_MESSAGE_DIALOG(dialog), entry);
  adw_message_dialog_add_responses(ADW_MESSAGE_DIALOG(dialog), "cancel", _("_Cancel"), "calibrate", _("C_alibrate"), NULL);
  adw_message_dialog_set_default_response(ADW_MESSAGE_DIALOG(dialog), "calibrate");
  adw_message_dialog_set_close_response(ADW_MESSAGE_DIALOG(dialog), "cancel");
  adw_message_dialog_set_response_appearance(ADW_MESSAGE_DIALOG(dialog), "calibrate", ADW_RESPONSE_SUGGESTED);
  g_signal_connect_object(dialog, "response", G_CALLBACK(on_calibration_response), self, 0);
  gtk_window_present(GTK_WINDOW(dialog));
  gtk_widget_grab_focus(entry);
}

/* ---- marks ---- */

static void on_delete(GSimpleAction *action, GVariant *parameter, gpointer self) {
  ax_marks_remove(marks_of(self), ax_marks_get_selected(marks_of(self)));
}

static void on_delete_all(GSimpleAction *action, GVariant *parameter, gpointer self) { ax_marks_remove_all(marks_of(self)); }

static void on_next(GSimpleAction *action, GVariant *parameter, gpointer self) { ax_mark_tool_select_next(tool_of(self), 1); }
static void on_previous(GSimpleAction *action, GVariant *parameter, gpointer self) { ax_mark_tool_select_next(tool_of(self), -1); }
static void on_handle(GSimpleAction *action, GVariant *parameter, gpointer self) { ax_mark_tool_next_handle(tool_of(self)); }

/* ---- undo ---- */

static void step(AxMainWindow *self, gboolean redo) {
  AxUndo *undo = ax_document_get_undo(ax_main_window_get_active_document(self));
  g_autofree char *name = g_strdup(redo ? ax_undo_get_redo_name(undo) : ax_undo_get_undo_name(undo)), *text = NULL;

  if (ax_marks_is_editing(marks_of(self)))
    ax_mark_tool_cancel(tool_of(self));
  if (!(redo ? ax_undo_redo(undo) : ax_undo_undo(undo)))
    return;
  /* Translators: name of what was undone or redone, e.g. "Move". */
  text = g_strdup_printf(redo ? _("Redone: %s") : _("Undone: %s"), name);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->canvas), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, text, -1);
}

static void on_undo(GSimpleAction *action, GVariant *parameter, gpointer self) { step(self, FALSE); }
static void on_redo(GSimpleAction *action, GVariant *parameter, gpointer self) { step(self, TRUE); }

/* The list and the actions belong to the picture at the keys. */
static void on_focus(AxMainWindow *self) {
  AxDocument *document;

  if (!self->document)
    return; /* closing */
  document = ax_main_window_get_active_document(self);
  ax_mark_list_set_marks(self->mark_list, ax_document_get_marks(document), ax_document_get_image(document));
  ax_main_window_update_mark_actions(self);
}

void ax_main_window_update_mark_actions(AxMainWindow *self) {
  AxUndo *undo;
  gboolean image, selected, some;

  if (!self->document)
    return; /* closing */
  undo = ax_document_get_undo(ax_main_window_get_active_document(self));
  image = ax_document_get_image(self->document) != NULL;
  selected = ax_marks_get_selected(marks_of(self)) != 0;
  some = ax_marks_get_n(marks_of(self)) > 0;
  ax_main_window_enable(self, "tool", image && !self->mirror);
  ax_main_window_enable(self, "ratio", image && !self->mirror);
  ax_main_window_enable(self, "calibrate", image);
  ax_main_window_enable(self, "delete-mark", selected);
  ax_main_window_enable(self, "delete-marks", some);
  ax_main_window_enable(self, "next-mark", some);
  ax_main_window_enable(self, "previous-mark", some);
  ax_main_window_enable(self, "next-handle", selected);
  ax_main_window_enable(self, "undo", ax_undo_get_undo_name(undo) != NULL);
  ax_main_window_enable(self, "redo", ax_undo_get_redo_name(undo) != NULL);
}

void ax_main_window_add_mark_actions(AxMainWindow *self) {
  static const GActionEntry entries[] = {
    {"tool", NULL, "s", "'select'", change_tool},
    {"ratio", on_ratio},
    {"calibrate", on_calibrate},
    {"delete-mark", on_delete},
    {"delete-marks", on_delete_all},
    {"next-mark", on_next},
    {"previous-mark", on_previous},
    {"next-handle", on_handle},
    {"undo", on_undo},
    {"redo", on_redo},
  };

  g_action_map_add_action_entries(G_ACTION_MAP(self), entries, G_N_ELEMENTS(entries), self);
  for (int i = 0; i < 2; i++) {
    AxDocument *document = i ? self->prior : self->document;
    AxCanvas *canvas = i ? self->prior_canvas : self->canvas;

    ax_canvas_set_marks(canvas, ax_document_get_marks(document), ax_document_get_undo(document));
    g_signal_connect_object(ax_canvas_get_tool(canvas), "tool-changed", G_CALLBACK(on_tool_changed), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(ax_document_get_marks(document), "changed", G_CALLBACK(ax_main_window_update_mark_actions), self, G_CONNECT_SWAPPED);
    g_signal_connect_object(ax_document_get_undo(document), "changed", G_CALLBACK(ax_main_window_update_mark_actions), self, G_CONNECT_SWAPPED);
  }
  g_signal_connect_swapped(self, "notify::focus-widget", G_CALLBACK(on_focus), self);
}
