/* Asking the language model in AxMainWindow: regions, phrases, reports, questions; answers light up in the picture. */
#include "ui/window-private.h"

#include <glib/gi18n-lib.h>

/* The selected region, or all of them. */
static guint get_regions(AxMainWindow *self, AxBox boxes[AX_TASK_MAX_BOXES + 1]) {
  AxMarks *marks = ax_document_get_marks(self->document);
  const AxMark *selected = ax_marks_find(marks, ax_marks_get_selected(marks));
  guint n = 0;

  if (selected && selected->kind == AX_MARK_BOX) {
    boxes[0] = ax_mark_get_box(selected);
    return 1;
  }
  for (guint i = 0; i < ax_marks_get_n(marks) && n <= AX_TASK_MAX_BOXES; i++)
    if (ax_marks_get(marks, i)->kind == AX_MARK_BOX)
      boxes[n++] = ax_mark_get_box(ax_marks_get(marks, i));
  return n;
}

static void ask(AxMainWindow *self, AxTask task, const char *text) {
  AxBox boxes[AX_TASK_MAX_BOXES + 1];
  guint n = ax_task_needs_boxes(task) ? get_regions(self, boxes) : 0;
  AxModel *model = ax_session_get_model(self->session);
  g_autofree char *why = NULL;

  gtk_stack_set_visible_child_name(self->panel, "ask");
  if (model && !ax_model_has_language(model, &why)) {
    ax_main_window_toast(self, why);
    return;
  }
  if (!ax_asker_ask(self->asker, task, text, boxes, n, &why))
    ax_main_window_toast(self, why);
}

static void on_panel_ask(AxMainWindow *self, int task, const char *text) { ask(self, (AxTask)task, text); }

static void on_ask(GSimpleAction *action, GVariant *parameter, gpointer self) {
  int task = ax_task_find(g_variant_get_string(parameter, NULL));

  if (task >= 0)
    ask(self, (AxTask)task, NULL);
}

static void on_ask_entry(GSimpleAction *action, GVariant *parameter, gpointer data) {
  AxMainWindow *self = data;
  int task = ax_task_find(g_variant_get_string(parameter, NULL));

  gtk_stack_set_visible_child_name(self->panel, "ask");
  if (task >= 0)
    ax_ask_panel_focus_entry(self->ask_panel, (AxTask)task);
}

/* ---- light, both ways ---- */

static void on_light(AxMainWindow *self, AxExchange *exchange, int sentence) {
  AxAnswerLayer *layer = ax_canvas_get_answer_layer(self->canvas);
  AxAnswer *answer = ax_exchange_get_answer(exchange);
  int structure = -1;

  if (sentence >= 0)
    ax_answer_layer_set_exchange(layer, exchange);
  ax_answer_layer_set_lit(layer, sentence);
  if (answer && sentence >= 0 && (guint)sentence < answer->n_sentences && answer->sentences[sentence].n_structures > 0)
    structure = answer->sentences[sentence].structures[0];
  ax_canvas_set_hovered(self->canvas, structure < AX_N_ANATOMY ? structure : -1);
}

static void on_show(AxMainWindow *self, AxExchange *exchange) { ax_answer_layer_set_exchange(ax_canvas_get_answer_layer(self->canvas), exchange); }

static void on_threshold(AxMainWindow *self, double confidence) {
  ax_answer_layer_set_threshold(ax_canvas_get_answer_layer(self->canvas), confidence);
}

static void on_hovered(AxMainWindow *self) { ax_ask_panel_set_structure(self->ask_panel, ax_canvas_get_hovered(self->canvas)); }

/* While nothing else is to do, the image is made ready for the first question. */
static void on_perceived(AxMainWindow *self, gboolean mirrored) {
  AxModel *model = ax_session_get_model(self->session);

  if (!mirrored && model && ax_model_has_language(model, NULL))
    ax_session_prepare(self->session, ax_document_get_image(self->document), FALSE);
  ax_main_window_update_ask(self);
}

static void on_mirror_text(GSimpleAction *action, GVariant *parameter, gpointer data) {
  AxMainWindow *self = data;
  g_autoptr(AxTextMirror) texts = ax_text_mirror_new(self->session, ax_document_get_image(self->document), ax_asker_get_list(self->asker));

  ax_mirror_view_set_texts(self->mirror_view, texts); /* which holds it */
}

void ax_main_window_update_ask(AxMainWindow *self) {
  AxModel *model = ax_session_get_model(self->session);
  gboolean image = ax_document_get_image(self->document) != NULL;
  g_autofree char *why = NULL;

  if (model)
    ax_model_has_language(model, &why);
  ax_ask_panel_set_notice(self->ask_panel, why);
  ax_main_window_enable(self, "mirror-text", image && self->mirror && !why && g_list_model_get_n_items(ax_asker_get_list(self->asker)) > 0);
  ax_main_window_enable(self, "ask", image && !self->mirror);
  ax_main_window_enable(self, "ask-entry", image && !self->mirror);
}

void ax_main_window_add_ask_actions(AxMainWindow *self) {
  static const GActionEntry entries[] = {{"ask", on_ask, "s"}, {"ask-entry", on_ask_entry, "s"}, {"mirror-text", on_mirror_text}};

  g_action_map_add_action_entries(G_ACTION_MAP(self), entries, G_N_ELEMENTS(entries), self);
  self->asker = ax_asker_new(self->document, self->session);
  g_signal_connect_object(self->ask_panel, "ask", G_CALLBACK(on_panel_ask), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->ask_panel, "light", G_CALLBACK(on_light), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->ask_panel, "chosen", G_CALLBACK(on_show), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->ask_panel, "threshold", G_CALLBACK(on_threshold), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->canvas, "notify::hovered", G_CALLBACK(on_hovered), self, G_CONNECT_SWAPPED);
  g_signal_connect_swapped(self->document, "perceived", G_CALLBACK(on_perceived), self);
  ax_ask_panel_set_asker(self->ask_panel, self->asker);
}
