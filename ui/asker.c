#include "ui/asker.h"

#include <glib/gi18n-lib.h>

struct _AxAsker {
  GObject parent_instance;
  AxDocument *document; /* not owned: whoever owns it owns us */
  AxSession *session;
  GListStore *list;
  GCancellable *cancellable; /* of what is running */
  guint running, conversation;
  gboolean restoring;
};

static guint changed_signal;
static guint next_conversation;

G_DEFINE_FINAL_TYPE(AxAsker, ax_asker, G_TYPE_OBJECT)

/* ---- keeping ---- */

static void keep(AxAsker *self) {
  g_autoptr(JsonArray) array = NULL;
  guint n = g_list_model_get_n_items(G_LIST_MODEL(self->list));

  if (self->restoring || !self->document)
    return;
  array = json_array_new();
  for (guint i = 0; i < n; i++) {
    g_autoptr(AxExchange) exchange = g_list_model_get_item(G_LIST_MODEL(self->list), i);
    AxExchangeState state = ax_exchange_get_state(exchange);

    if (state != AX_EXCHANGE_WAITING && state != AX_EXCHANGE_RUNNING)
      json_array_add_element(array, ax_exchange_to_json(exchange));
  }
  ax_document_set_exchanges(self->document, json_array_get_length(array) > 0 ? array : NULL);
}

/* Streaming is not kept; what is said to a finished answer is. */
static void on_exchange_changed(AxExchange *exchange, AxAsker *self) {
  AxExchangeState state = ax_exchange_get_state(exchange);

  if (state != AX_EXCHANGE_WAITING && state != AX_EXCHANGE_RUNNING)
    keep(self);
}

static void add(AxAsker *self, AxExchange *exchange) {
  g_signal_connect_object(exchange, "changed", G_CALLBACK(on_exchange_changed), self, 0);
  g_list_store_append(self->list, exchange);
}

static void on_loaded(AxAsker *self) {
  JsonArray *kept = ax_document_get_exchanges(self->document);

  self->restoring = TRUE;
  for (guint i = 0; kept && i < MIN(json_array_get_length(kept), 1000); i++) {
    g_autoptr(AxExchange) exchange = ax_exchange_from_json(json_array_get_element(kept, i));

    if (exchange)
      add(self, exchange);
  }
  self->restoring = FALSE;
}

static void on_name(AxAsker *self) {
  self->restoring = TRUE; /* the old image's file has been written already */
  ax_asker_cancel(self);
  g_list_store_remove_all(self->list);
  self->restoring = FALSE;
  ax_asker_new_conversation(self);
}

/* ---- running ---- */

typedef struct {
  GWeakRef asker;
  AxExchange *exchange;
  GCancellable *cancellable;
} Run;

static void on_event(const AxEvent *event, gpointer data) {
  Run *run = data;

  if (!g_cancellable_is_cancelled(run->cancellable))
    ax_exchange_take_event(run->exchange, event);
}

static void on_done(GObject *session, GAsyncResult *result, gpointer data) {
  Run *run = data;
  g_autoptr(AxAsker) self = g_weak_ref_get(&run->asker);
  g_autoptr(GError) error = NULL;
  g_autoptr(AxAnswer) answer = ax_session_run_finish(AX_SESSION(session), result, &error);

  if (self) {
    self->running--;
    if (self->running == 0)
      g_clear_object(&self->cancellable);
  }
  ax_exchange_finish(run->exchange, answer, error);
  if (self)
    g_signal_emit(self, changed_signal, 0);
  g_weak_ref_clear(&run->asker);
  g_object_unref(run->exchange);
  g_object_unref(run->cancellable);
  g_free(run);
}

static gboolean is_complete(AxAsker *self, AxTask task, const char *text, guint n_boxes, char **why) {
  const char *reason = NULL;

  if (!ax_document_get_image(self->document))
    reason = _("Open an image first.");
  else if (ax_task_needs_text(task) && (!text || !text[0]))
    reason = _("Type what to look for or to answer first.");
  else if (ax_task_needs_boxes(task) && n_boxes == 0)
    reason = _("Draw a region first (D).");
  else if (n_boxes > AX_TASK_MAX_BOXES)
    reason = _("These are too many regions for one question; select one.");
  if (reason && why)
    *why = g_strdup(reason);
  return reason == NULL;
}

AxExchange *ax_asker_ask(AxAsker *self, AxTask task, const char *text, const AxBox *boxes, guint n_boxes, char **why) {
  g_autoptr(AxExchange) exchange = NULL;
  gboolean question = task == AX_TASK_ASK || task == AX_TASK_CHOOSE;
  AxRequest request = {.task = task, .text = text, .boxes = boxes, .n_boxes = n_boxes, .conversation = question ? self->conversation : 0};
  Run *run;

  g_return_val_if_fail(AX_IS_ASKER(self), NULL);
  if (!is_complete(self, task, text, n_boxes, why))
    return NULL;
  exchange = ax_exchange_new(task, text, boxes, n_boxes);
  add(self, exchange);
  if (!self->cancellable)
    self->cancellable = g_cancellable_new();
  run = g_new0(Run, 1);
  g_weak_ref_init(&run->asker, self);
  run->exchange = g_object_ref(exchange);
  run->cancellable = g_object_ref(self->cancellable);
  self->running++;
  ax_session_run_async(self->session, ax_document_get_image(self->document), &request, on_event, run, self->cancellable, on_done, run);
  g_signal_emit(self, changed_signal, 0);
  return exchange; /* the list holds it */
}

gboolean ax_asker_get_busy(AxAsker *self) { return self->running > 0; }

void ax_asker_cancel(AxAsker *self) {
  g_autoptr(GCancellable) old = NULL;

  g_return_if_fail(AX_IS_ASKER(self));
  old = g_steal_pointer(&self->cancellable);
  if (old)
    g_cancellable_cancel(old);
}

void ax_asker_new_conversation(AxAsker *self) { self->conversation = ++next_conversation; }

void ax_asker_remove(AxAsker *self, AxExchange *exchange) {
  guint position;

  g_return_if_fail(AX_IS_ASKER(self));
  if (!g_list_store_find(self->list, exchange, &position))
    return;
  g_signal_handlers_disconnect_by_data(exchange, self);
  g_list_store_remove(self->list, position);
  keep(self);
}

GListModel *ax_asker_get_list(AxAsker *self) { return G_LIST_MODEL(self->list); }

AxAnswer *ax_asker_get_last_answer(AxAsker *self) {
  for (guint i = g_list_model_get_n_items(G_LIST_MODEL(self->list)); i-- > 0;) {
    g_autoptr(AxExchange) exchange = g_list_model_get_item(G_LIST_MODEL(self->list), i);

    if (ax_exchange_get_answer(exchange))
      return ax_exchange_get_answer(exchange); /* the list holds it */
  }
  return NULL;
}

/* ---- GObject ---- */

static void ax_asker_dispose(GObject *object) {
  AxAsker *self = AX_ASKER(object);

  ax_asker_cancel(self);
  if (self->document)
    g_signal_handlers_disconnect_by_data(self->document, self);
  self->document = NULL;
  g_clear_object(&self->session);
  g_clear_object(&self->list);
  G_OBJECT_CLASS(ax_asker_parent_class)->dispose(object);
}

static void ax_asker_class_init(AxAskerClass *klass) {
  G_OBJECT_CLASS(klass)->dispose = ax_asker_dispose;
  changed_signal = g_signal_new("changed", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ax_asker_init(AxAsker *self) {
  self->list = g_list_store_new(AX_TYPE_EXCHANGE);
  ax_asker_new_conversation(self);
}

AxAsker *ax_asker_new(AxDocument *document, AxSession *session) {
  AxAsker *self = g_object_new(AX_TYPE_ASKER, NULL);

  self->document = document;
  self->session = g_object_ref(session);
  g_signal_connect_swapped(document, "loaded", G_CALLBACK(on_loaded), self);
  g_signal_connect_swapped(document, "notify::name", G_CALLBACK(on_name), self);
  return self;
}
