#include "ui/round-view-private.h"

#include "ui/round-words.h"
#include <glib/gi18n-lib.h>
#include <string.h>

G_DEFINE_FINAL_TYPE(AxRoundView, ax_round_view, GTK_TYPE_WIDGET)

enum { LEAVE, MESSAGE, N_SIGNALS };
static guint signals[N_SIGNALS];

void ax_round_view_say(AxRoundView *self, const char *text) { g_signal_emit(self, signals[MESSAGE], 0, text); }
void ax_round_view_leave(AxRoundView *self) { g_signal_emit(self, signals[LEAVE], 0); }

/* ---- the picture and the model ---- */

typedef struct {
  AxRoundView *view; /* holds it */
  GCancellable *work; /* of the visit: another visit, of this case or of another round, has another one */
  guint number;
  gboolean mirror;
  AxPerception *seen; /* of the picture as it is shown */
} Look;

static void look_free(Look *look) {
  g_clear_pointer(&look->seen, ax_perception_unref);
  g_object_unref(look->work);
  g_object_unref(look->view);
  g_free(look);
}

static void show_boxes(AxRoundView *self);
static void update_reveal(AxRoundView *self);

static gboolean is_on_screen(const Look *look) { return look->view->player && look->work == look->view->work; }

/* The learner may be at the results already. */
static const AxRoundCase *case_of(const Look *look) { return ax_round_get_case(ax_round_player_get_log(look->view->player)->round, look->number); }

/* The mirror test: what the model said of the pixels as they are, beside what it said of the mirrored ones. */
static void on_compared(GObject *session, GAsyncResult *result, gpointer data) {
  Look *look = data;
  AxRoundView *self = look->view;
  g_autoptr(AxPerception) plain = ax_session_perceive_finish(AX_SESSION(session), result, NULL);
  AxFlipReport report;

  if (plain && is_on_screen(look)) {
    ax_flip_compare(plain, look->seen, &report);
    ax_round_player_set_pairs_kept(self->player, look->number, (int)report.n_kept);
  }
  look_free(look);
}

static char *model_name(AxRoundView *self) {
  AxModel *model = ax_session_get_model(self->session);

  return model ? g_strdup_printf("%s %.8s", ax_model_name(model), ax_model_sha256(model)) : NULL;
}

static void have_looked(AxRoundView *self) {
  self->looking = FALSE;
  show_boxes(self);
  update_reveal(self);
}

static void on_event(const AxEvent *event, gpointer data) {} /* the whole answer at once */

/* What the language model says goes before what was perceived. */
static void on_said(GObject *session, GAsyncResult *result, gpointer data) {
  Look *look = data;
  AxRoundView *self = look->view;
  g_autoptr(AxAnswer) said = ax_session_run_finish(AX_SESSION(session), result, NULL);

  if (is_on_screen(look)) {
    g_autofree char *name = model_name(self);
    AxRoundAnswer *voice = said ? ax_round_model_answer_said(case_of(look), said) : NULL;

    if (voice)
      ax_round_player_set_voice(self->player, look->number, voice, name);
    else
      ax_round_player_set_perception(self->player, look->number, look->seen, name);
    have_looked(self);
  }
  look_free(look);
}

/* Takes `look` when the case is one for the language model. */
static gboolean ask(AxRoundView *self, Look *look) {
  AxModel *model = ax_session_get_model(self->session);
  AxRequest request;

  if (!ax_round_model_request(case_of(look), &request) || !model || !ax_model_has_language(model, NULL))
    return FALSE;
  ax_session_run_async(self->session, ax_pyramid_get_image(self->pyramid), &request, on_event, NULL, self->work, on_said, look);
  return TRUE;
}

static void on_perceived(GObject *session, GAsyncResult *result, gpointer data) {
  Look *look = data;
  AxRoundView *self = look->view;
  g_autoptr(GError) error = NULL;
  g_autofree char *name = NULL;

  look->seen = ax_session_perceive_finish(AX_SESSION(session), result, &error);
  if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED) || !is_on_screen(look)) {
    look_free(look);
    return;
  }
  if (look->seen && ask(self, look))
    return;
  name = model_name(self);
  if (look->seen)
    ax_round_player_set_perception(self->player, look->number, look->seen, name);
  have_looked(self);
  if (look->seen && look->mirror)
    ax_session_perceive_async(AX_SESSION(session), ax_pyramid_get_image(self->pyramid), FALSE, NULL, NULL, self->work, on_compared, look);
  else
    look_free(look);
}

/* Stays beside the empty picture for as long as the case is on screen. NULL for none. */
static void show_problem(AxRoundView *self, const char *text) {
  gtk_label_set_text(self->problem, text ? text : "");
  gtk_widget_set_visible(GTK_WIDGET(self->problem), text != NULL);
}

static void load_image(GTask *task, gpointer source, gpointer path, GCancellable *cancellable) {
  g_autoptr(GError) error = NULL;
  g_autoptr(AxImage) image = ax_image_load(path, cancellable, &error);

  if (image)
    g_task_return_pointer(task, ax_pyramid_new(image), (GDestroyNotify)ax_pyramid_unref);
  else
    g_task_return_error(task, g_steal_pointer(&error));
}

static void on_loaded(GObject *source, GAsyncResult *result, gpointer data) {
  Look *look = data;
  AxRoundView *self = AX_ROUND_VIEW(source);
  g_autoptr(GError) error = NULL;
  g_autoptr(AxPyramid) pyramid = g_task_propagate_pointer(G_TASK(result), &error);

  if (!is_on_screen(look) || g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    look_free(look);
    return;
  }
  if (!pyramid) {
    self->looking = FALSE;
    show_problem(self, error->message);
    update_reveal(self);
    look_free(look);
    return;
  }
  self->loaded = TRUE;
  g_clear_pointer(&self->pyramid, ax_pyramid_unref);
  self->pyramid = ax_pyramid_ref(pyramid);
  ax_canvas_set_pyramid(self->canvas, pyramid);
  ax_viewport_set_mirrored(ax_canvas_get_viewport(self->canvas), look->mirror);
  show_boxes(self);
  if (ax_round_player_is_replay(self->player)) /* what the model said is in the log */
    look_free(look);
  else
    ax_session_perceive_async(self->session, ax_pyramid_get_image(pyramid), look->mirror, NULL, NULL, self->work, on_perceived, look);
}

static void load(AxRoundView *self, const AxRoundCase *c) {
  g_autoptr(GError) error = NULL;
  g_autofree char *path = ax_round_find_image(self->folder, c, &error);
  g_autoptr(GTask) task = NULL;
  Look *look;

  show_problem(self, error ? error->message : NULL);
  if (!path)
    return;
  look = g_new0(Look, 1);
  *look = (Look){g_object_ref(self), g_object_ref(self->work), (guint)self->shown, c->mirror, NULL};
  self->looking = !ax_round_player_is_replay(self->player);
  task = g_task_new(self, self->work, on_loaded, look);
  g_task_set_task_data(task, g_steal_pointer(&path), g_free);
  g_task_run_in_thread(task, load_image);
}

/* ---- what is shown ---- */

static void show_boxes(AxRoundView *self) {
  const AxRoundCase *c = ax_round_player_get_case(self->player);
  const AxRoundEntry *entry = ax_round_player_get_entry(self->player);

  ax_round_layer_clear(self->layer);
  if (!c || !self->loaded)
    return;
  if (c->has_region)
    ax_round_layer_add(self->layer, AX_VOICE_QUESTION, 1, &c->region);
  if (ax_round_player_get_phase(self->player) == AX_ROUND_ASKING)
    return;
  if (entry)
    ax_round_layer_add(self->layer, AX_VOICE_LEARNER, entry->answer->n_boxes, entry->answer->boxes);
  ax_round_layer_add(self->layer, AX_VOICE_ACCEPTED, c->n_boxes, c->boxes);
  if (entry && entry->voice && ax_round_player_is_model_shown(self->player))
    ax_round_layer_add(self->layer, AX_VOICE_MODEL, entry->voice->n_boxes, entry->voice->boxes);
}

static void update_reveal(AxRoundView *self) { ax_round_reveal_update(self->reveal, self->player, self->looking); }

/* The picture says to a screen reader what is asked and what came of it. */
static void update_spoken(AxRoundView *self, const char *question) {
  g_autofree char *revealed = ax_round_reveal_get_text(self->reveal), *text = g_strconcat(question, "\n", revealed, NULL);

  gtk_accessible_update_property(GTK_ACCESSIBLE(self->canvas), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, text, -1);
}

/* After the next layout: the verdict is to be seen however large the type is. */
static gboolean scroll_to_reveal(GtkWidget *widget, GdkFrameClock *clock, gpointer unused) {
  AxRoundView *self = AX_ROUND_VIEW(widget);
  GtkAdjustment *adjustment = gtk_scrolled_window_get_vadjustment(self->scroller);
  GtkWidget *child = gtk_widget_get_first_child(GTK_WIDGET(self->reveal));
  graphene_rect_t place;

  if (child && gtk_widget_compute_bounds(GTK_WIDGET(self->reveal), gtk_widget_get_parent(GTK_WIDGET(self->reveal)), &place) &&
      place.origin.y + place.size.height > gtk_adjustment_get_page_size(adjustment))
    gtk_adjustment_set_value(adjustment, place.origin.y);
  return G_SOURCE_REMOVE;
}

/* The tick comes before the layout of its frame, so the second one is meant. */
static gboolean scroll_soon(GtkWidget *widget, GdkFrameClock *clock, gpointer unused) {
  gtk_widget_add_tick_callback(widget, scroll_to_reveal, NULL, NULL);
  return G_SOURCE_REMOVE;
}

static void focus_case(AxRoundView *self) {
  if (self->phase != AX_ROUND_ASKING || !ax_round_input_focus(self->input))
    gtk_widget_grab_focus(GTK_WIDGET(self->canvas));
}

static void enter_case(AxRoundView *self, const AxRoundCase *c) {
  gboolean asking = self->phase == AX_ROUND_ASKING && !ax_round_player_is_replay(self->player);
  gboolean drawing = asking && (c->task == AX_ROUND_FIND || c->task == AX_ROUND_DRAW);

  if (self->work)
    g_cancellable_cancel(self->work);
  g_clear_object(&self->work);
  self->work = g_cancellable_new();
  self->loaded = self->looking = FALSE;
  ax_canvas_set_pyramid(self->canvas, NULL);
  ax_undo_clear(self->undo);
  ax_marks_load(self->marks, NULL, 0, 0);
  ax_round_input_set_case(self->input, asking ? c : NULL, self->marks);
  ax_mark_tool_set_tool(ax_canvas_get_tool(self->canvas), drawing ? AX_TOOL_BOX : AX_TOOL_SELECT);
  ax_round_view_put_draft(self);
  gtk_adjustment_set_value(gtk_scrolled_window_get_vadjustment(self->scroller), 0);
  load(self, c);
}

static void update_case(AxRoundView *self, const AxRoundCase *c) {
  guint position = ax_round_player_get_position(self->player), length = ax_round_player_get_length(self->player);
  g_autofree char *question = ax_round_question(c), *place = NULL;
  const char *kind = ax_round_player_is_replay(self->player) ? _("Replay") : ax_round_player_is_reviewing(self->player) ? _("Review of the misses") : _("Case");

  /* Translators: "Case 3 of 10" or "Replay 3 of 10". */
  place = g_strdup_printf(_("%s %u of %u"), kind, position + 1, length);
  gtk_label_set_text(self->place, place);
  gtk_label_set_text(self->title, ax_round_player_get_log(self->player)->round->title);
  gtk_label_set_text(self->question, question);
  gtk_label_set_text(self->instruction, ax_round_instruction(c));
  gtk_label_set_text(self->hint, c->hint ? c->hint : "");
  gtk_widget_set_visible(GTK_WIDGET(self->instruction), self->phase == AX_ROUND_ASKING && !ax_round_player_is_replay(self->player));
  gtk_widget_set_visible(GTK_WIDGET(self->hint), c->hint && (ax_round_player_is_hint_shown(self->player) || self->phase != AX_ROUND_ASKING));
  gtk_widget_set_visible(GTK_WIDGET(self->input), self->phase == AX_ROUND_ASKING && !ax_round_player_is_replay(self->player));
  update_reveal(self);
  update_spoken(self, question);
}

static void on_player_changed(AxRoundView *self) {
  const AxRoundCase *c = ax_round_player_get_case(self->player);
  int number = c ? (int)ax_round_player_get_number(self->player) : -1;
  AxRoundPhase phase = ax_round_player_get_phase(self->player);
  gboolean entered = number != self->shown, turned = phase != self->phase;

  self->shown = number;
  self->phase = phase;
  gtk_stack_set_visible_child_name(self->stack, c ? "case" : "results");
  if (ax_round_player_get_presenter(self->player))
    gtk_widget_add_css_class(GTK_WIDGET(self), "presenter");
  else
    gtk_widget_remove_css_class(GTK_WIDGET(self), "presenter");
  if (c && entered) {
    enter_case(self, c);
  } else if (c && turned && phase != AX_ROUND_ASKING) { /* the drawn boxes become the layer's */
    ax_marks_load(self->marks, NULL, 0, 0);
    ax_mark_tool_set_tool(ax_canvas_get_tool(self->canvas), AX_TOOL_SELECT);
  }
  if (c)
    update_case(self, c);
  else
    ax_round_results_update(self->results, self->player);
  show_boxes(self);
  ax_round_view_update_actions(self);
  ax_round_view_keep(self);
  if (c && turned && !entered)
    gtk_widget_add_tick_callback(GTK_WIDGET(self), scroll_soon, NULL, NULL);
  if (c && (entered || turned))
    focus_case(self);
  else if (!c && entered)
    gtk_widget_child_focus(GTK_WIDGET(self->results), GTK_DIR_TAB_FORWARD);
}

void ax_round_view_set_player(AxRoundView *self, AxRoundPlayer *player, const char *folder) {
  g_return_if_fail(AX_IS_ROUND_VIEW(self));
  if (self->keeping)
    ax_round_view_keep(self);
  if (self->player)
    g_signal_handlers_disconnect_by_data(self->player, self);
  if (self->work)
    g_cancellable_cancel(self->work);
  g_clear_object(&self->work);
  if (player && self->player)
    self->kept = FALSE;
  g_set_object(&self->player, player);
  g_free(self->folder);
  self->folder = g_strdup(folder);
  self->shown = -2; /* whatever comes is new */
  self->loaded = self->looking = FALSE;
  if (!player) {
    ax_canvas_set_pyramid(self->canvas, NULL);
    ax_round_layer_clear(self->layer);
    self->kept = FALSE;
    g_clear_pointer(&self->draft, ax_round_answer_free);
    return;
  }
  g_signal_connect_object(player, "changed", G_CALLBACK(on_player_changed), self, G_CONNECT_SWAPPED);
  on_player_changed(self);
}

AxRoundPlayer *ax_round_view_get_player(AxRoundView *self) { return self->player; }
AxCanvas *ax_round_view_get_canvas(AxRoundView *self) { return self->canvas; }
char *ax_round_view_get_revealed(AxRoundView *self) { return ax_round_reveal_get_text(self->reveal); }
gboolean ax_round_view_is_loaded(AxRoundView *self) { return self->loaded; }
gboolean ax_round_view_is_looking(AxRoundView *self) { return self->looking; }

/* ---- saving ---- */

static gboolean told(AxRoundView *self, gboolean saved, const char *path, const GError *error) {
  g_autofree char *name = g_path_get_basename(path), *text = saved ? g_strdup_printf(_("Saved: %s"), name) : g_strdup(error->message);

  ax_round_view_say(self, text);
  return saved;
}

gboolean ax_round_view_save_csv(AxRoundView *self, const char *path) {
  g_autofree char *csv = ax_round_log_to_csv(ax_round_player_get_log(self->player));
  g_autoptr(GError) error = NULL;

  return told(self, g_file_set_contents(path, csv, -1, &error), path, error);
}

gboolean ax_round_view_save_log(AxRoundView *self, const char *path) {
  g_autoptr(GError) error = NULL;

  ax_round_player_set_learner(self->player, gtk_editable_get_text(self->learner));
  return told(self, ax_round_log_save(ax_round_player_get_log(self->player), path, &error), path, error);
}

gboolean ax_round_view_save_round(AxRoundView *self, const char *path) {
  g_autoptr(GError) error = NULL;

  return told(self, ax_round_save(ax_round_player_get_log(self->player)->round, path, &error), path, error);
}

/* ---- GObject ---- */

static void ax_round_view_dispose(GObject *object) {
  AxRoundView *self = AX_ROUND_VIEW(object);

  if (self->keeping)
    ax_round_view_keep(self);
  if (self->player)
    g_signal_handlers_disconnect_by_data(self->player, self);
  if (self->work)
    g_cancellable_cancel(self->work);
  g_clear_pointer(&self->draft, ax_round_answer_free);
  if (self->chooser)
    gtk_native_dialog_destroy(GTK_NATIVE_DIALOG(self->chooser));
  g_clear_object(&self->chooser);
  g_clear_pointer(&self->pyramid, ax_pyramid_unref);
  g_clear_object(&self->work);
  g_clear_object(&self->player);
  g_clear_object(&self->session);
  g_clear_object(&self->layer);
  g_clear_object(&self->marks);
  g_clear_object(&self->undo);
  g_clear_pointer(&self->folder, g_free);
  g_clear_pointer((GtkWidget **)&self->stack, gtk_widget_unparent);
  G_OBJECT_CLASS(ax_round_view_parent_class)->dispose(object);
}

static void ax_round_view_class_init(AxRoundViewClass *klass) {
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);

  G_OBJECT_CLASS(klass)->dispose = ax_round_view_dispose;
  g_type_ensure(AX_TYPE_CANVAS);
  g_type_ensure(AX_TYPE_ROUND_INPUT);
  g_type_ensure(AX_TYPE_ROUND_REVEAL);
  g_type_ensure(AX_TYPE_ROUND_RESULTS);
  signals[LEAVE] = g_signal_new("leave", AX_TYPE_ROUND_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[MESSAGE] = g_signal_new("message", AX_TYPE_ROUND_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  gtk_widget_class_set_template_from_resource(widget_class, "/org/anatomix/Viewer/ui/round-view.ui");
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, stack);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, canvas);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, scroller);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, place);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, title);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, question);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, instruction);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, hint);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, problem);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, hint_button);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, answer_button);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, reveal_button);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, model_button);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, presenter_button);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, side);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, input);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, reveal);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, results);
  gtk_widget_class_bind_template_child(widget_class, AxRoundView, learner);
  gtk_widget_class_set_layout_manager_type(widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name(widget_class, "axround");
  ax_round_view_class_add_actions(widget_class);
}

static void ax_round_view_init(AxRoundView *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
  self->shown = -2;
  self->undo = ax_undo_new();
  self->marks = ax_marks_new(self->undo);
  self->layer = ax_round_layer_new();
  ax_canvas_set_marks(self->canvas, self->marks, self->undo);
  ax_canvas_set_overlay(self->canvas, AX_LAYER(self->layer));
  ax_canvas_set_letters_shown(self->canvas, FALSE);
  ax_round_view_add_keys(self);
  g_signal_connect_object(self->input, "changed", G_CALLBACK(ax_round_view_update_actions), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->input, "changed", G_CALLBACK(ax_round_view_keep_soon), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->learner, "changed", G_CALLBACK(ax_round_view_keep_soon), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->input, "submit", G_CALLBACK(ax_round_view_submit), self, G_CONNECT_SWAPPED);
}

GtkWidget *ax_round_view_new(AxSession *session) {
  AxRoundView *self = g_object_new(AX_TYPE_ROUND_VIEW, NULL);

  self->session = g_object_ref(session);
  return GTK_WIDGET(self);
}
