#include "ui/text-mirror.h"

struct _AxTextMirror {
  GObject parent_instance;
  AxSession *session;
  AxImage *image;
  GPtrArray *pairs; /* AxTextPair */
  guint next;       /* the one that runs, or the number of them */
  GCancellable *cancellable;
};

static guint changed_signal;

G_DEFINE_FINAL_TYPE(AxTextMirror, ax_text_mirror, G_TYPE_OBJECT)

static void pair_free(gpointer data) {
  AxTextPair *pair = data;

  g_object_unref(pair->exchange);
  g_clear_pointer(&pair->mirrored, ax_answer_unref);
  g_free(pair->message);
  g_free(pair);
}

/* ---- comparing ---- */

static guint count_word(const char *text, const char *word) {
  g_autofree char *pattern = g_strdup_printf("\\b%s\\b", word);
  g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_CASELESS, 0, NULL);
  g_autoptr(GMatchInfo) match = NULL;
  guint n = 0;

  for (g_regex_match(regex, text, 0, &match); g_match_info_matches(match); g_match_info_next(match, NULL))
    n++;
  return n;
}

void ax_text_pair_compare(AxTextPair *pair, const AxAnswer *plain, const AxAnswer *mirrored, double width) {
  const AxAnswer *answers[2] = {plain, mirrored};
  double sum = 0;

  for (int i = 0; i < 2; i++) {
    pair->n_left[i] = count_word(answers[i]->plain, "left");
    pair->n_right[i] = count_word(answers[i]->plain, "right");
  }
  pair->sides_kept = pair->n_left[0] == pair->n_left[1] && pair->n_right[0] == pair->n_right[1];
  for (guint i = 0; i < plain->n_boxes; i++) {
    double best = 0;

    for (guint k = 0; k < mirrored->n_boxes; k++)
      best = MAX(best, ax_box_iou(plain->boxes[i].box, ax_box_mirror(mirrored->boxes[k].box, width)));
    sum += best;
  }
  pair->mean_iou = plain->n_boxes || mirrored->n_boxes ? sum / MAX(plain->n_boxes, mirrored->n_boxes) : -1;
}

/* ---- asking ---- */

static void ask_next(AxTextMirror *self);

static void on_event(const AxEvent *event, gpointer data) {}

static void on_done(GObject *session, GAsyncResult *result, gpointer data) {
  GWeakRef *weak = data;
  g_autoptr(AxTextMirror) self = g_weak_ref_get(weak);
  g_autoptr(GError) error = NULL;
  g_autoptr(AxAnswer) answer = ax_session_run_finish(AX_SESSION(session), result, &error);
  AxTextPair *pair;

  g_weak_ref_clear(weak);
  g_free(weak);
  if (!self || self->next >= self->pairs->len)
    return; /* gone, or cancelled */
  pair = g_ptr_array_index(self->pairs, self->next);
  if (answer && answer->stopped != AX_STOPPED_CANCELLED) {
    pair->mirrored = ax_answer_ref(answer);
    ax_text_pair_compare(pair, ax_exchange_get_answer(pair->exchange), answer, ax_image_get_width(self->image));
  } else {
    pair->message = g_strdup(error ? error->message : "");
  }
  self->next++;
  ask_next(self);
  g_signal_emit(self, changed_signal, 0);
}

static void ask_next(AxTextMirror *self) {
  AxTextPair *pair;
  AxBox boxes[AX_TASK_MAX_BOXES];
  AxRequest request = {.mirror = TRUE};
  const AxBox *asked;
  GWeakRef *weak;

  if (self->next >= self->pairs->len)
    return;
  pair = g_ptr_array_index(self->pairs, self->next);
  asked = ax_exchange_get_boxes(pair->exchange, &request.n_boxes);
  for (guint i = 0; i < request.n_boxes; i++)
    boxes[i] = ax_box_mirror(asked[i], ax_image_get_width(self->image));
  request.task = ax_exchange_get_task(pair->exchange);
  request.text = ax_exchange_get_text(pair->exchange);
  request.boxes = boxes;
  weak = g_new0(GWeakRef, 1);
  g_weak_ref_init(weak, self);
  ax_session_run_async(self->session, self->image, &request, on_event, NULL, self->cancellable, on_done, weak);
}

guint ax_text_mirror_get_n(AxTextMirror *self) { return self->pairs->len; }
const AxTextPair *ax_text_mirror_get(AxTextMirror *self, guint i) { return g_ptr_array_index(self->pairs, i); }
gboolean ax_text_mirror_get_busy(AxTextMirror *self) { return self->next < self->pairs->len; }

void ax_text_mirror_cancel(AxTextMirror *self) {
  g_return_if_fail(AX_IS_TEXT_MIRROR(self));
  g_cancellable_cancel(self->cancellable);
  self->next = self->pairs->len;
}

/* ---- GObject ---- */

static void ax_text_mirror_dispose(GObject *object) {
  ax_text_mirror_cancel(AX_TEXT_MIRROR(object));
  G_OBJECT_CLASS(ax_text_mirror_parent_class)->dispose(object);
}

static void ax_text_mirror_finalize(GObject *object) {
  AxTextMirror *self = AX_TEXT_MIRROR(object);

  g_ptr_array_unref(self->pairs);
  g_object_unref(self->cancellable);
  g_object_unref(self->session);
  g_object_unref(self->image);
  G_OBJECT_CLASS(ax_text_mirror_parent_class)->finalize(object);
}

static void ax_text_mirror_class_init(AxTextMirrorClass *klass) {
  G_OBJECT_CLASS(klass)->dispose = ax_text_mirror_dispose;
  G_OBJECT_CLASS(klass)->finalize = ax_text_mirror_finalize;
  changed_signal = g_signal_new("changed", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ax_text_mirror_init(AxTextMirror *self) {
  self->pairs = g_ptr_array_new_with_free_func(pair_free);
  self->cancellable = g_cancellable_new();
}

AxTextMirror *ax_text_mirror_new(AxSession *session, AxImage *image, GListModel *exchanges) {
  AxTextMirror *self = g_object_new(AX_TYPE_TEXT_MIRROR, NULL);

  self->session = g_object_ref(session);
  self->image = g_object_ref(image);
  for (guint i = 0; i < g_list_model_get_n_items(exchanges); i++) {
    g_autoptr(AxExchange) exchange = g_list_model_get_item(exchanges, i);
    AxTextPair *pair;

    if (!ax_exchange_get_answer(exchange))
      continue;
    pair = g_new0(AxTextPair, 1);
    pair->exchange = g_steal_pointer(&exchange);
    g_ptr_array_add(self->pairs, pair);
  }
  ask_next(self);
  return self;
}
