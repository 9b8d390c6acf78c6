#include "ui/round-player.h"

#include <string.h>

struct _AxRoundPlayer {
  GObject parent_instance;
  AxRoundLog *log;
  gboolean replay, reviewing, presenter;
  GArray *order;           /* guint: numbers of the cases that are gone through */
  guint position;
  gboolean *shown;         /* [cases] replay: the answer was shown */
  gboolean *heard;         /* [cases] the model was let speak */
  gboolean *hinted;        /* [cases] */
  AxRoundAnswer **voices;  /* [cases] what the model says, before the learner has answered */
  int *pairs;              /* [cases] kept in the mirror test, plus 1; 0: not known */
  gint64 *spent, since;    /* [cases] microseconds before this visit; when the visit began */
};

G_DEFINE_FINAL_TYPE(AxRoundPlayer, ax_round_player, G_TYPE_OBJECT)

static guint changed_signal;

static void changed(AxRoundPlayer *self) { g_signal_emit(self, changed_signal, 0); }
static gboolean is_over(AxRoundPlayer *self) { return self->position >= self->order->len; }
static guint n_cases(AxRoundPlayer *self) { return ax_round_n_cases(self->log->round); }

/* ---- where one stands ---- */

gboolean ax_round_player_is_replay(AxRoundPlayer *self) { return self->replay; }
const AxRoundLog *ax_round_player_get_log(AxRoundPlayer *self) { return self->log; }
guint ax_round_player_get_position(AxRoundPlayer *self) { return self->position; }
guint ax_round_player_get_length(AxRoundPlayer *self) { return self->order->len; }
gboolean ax_round_player_get_presenter(AxRoundPlayer *self) { return self->presenter; }
gboolean ax_round_player_is_reviewing(AxRoundPlayer *self) { return self->reviewing; }

guint ax_round_player_get_number(AxRoundPlayer *self) { return is_over(self) ? 0 : g_array_index(self->order, guint, self->position); }

const AxRoundCase *ax_round_player_get_case(AxRoundPlayer *self) {
  return is_over(self) ? NULL : ax_round_get_case(self->log->round, ax_round_player_get_number(self));
}

AxRoundPhase ax_round_player_get_phase(AxRoundPlayer *self) {
  guint number = ax_round_player_get_number(self);
  gboolean revealed;

  g_return_val_if_fail(AX_IS_ROUND_PLAYER(self), AX_ROUND_OVER);
  if (is_over(self))
    return AX_ROUND_OVER;
  revealed = self->replay ? self->shown[number] : ax_round_log_find(self->log, number) != NULL;
  if (!revealed)
    return AX_ROUND_ASKING;
  return self->presenter && !self->heard[number] ? AX_ROUND_HELD : AX_ROUND_REVEALED;
}

const AxRoundEntry *ax_round_player_get_entry(AxRoundPlayer *self) {
  AxRoundPhase phase = ax_round_player_get_phase(self);

  return phase == AX_ROUND_HELD || phase == AX_ROUND_REVEALED ? ax_round_log_find(self->log, ax_round_player_get_number(self)) : NULL;
}

/* The time of a visit counts while the learner is asked. */
static void leave(AxRoundPlayer *self) {
  gint64 now = g_get_monotonic_time();

  if (!is_over(self))
    self->spent[ax_round_player_get_number(self)] += now - self->since;
  self->since = now;
}

static void go_to(AxRoundPlayer *self, guint position) {
  leave(self);
  self->position = position;
  changed(self);
}

gboolean ax_round_player_go(AxRoundPlayer *self, int step) {
  gint64 to;

  g_return_val_if_fail(AX_IS_ROUND_PLAYER(self), FALSE);
  to = CLAMP((gint64)self->position + step, 0, (gint64)self->order->len);
  if (to == (gint64)self->position)
    return FALSE;
  go_to(self, (guint)to);
  return TRUE;
}

static void order_all(AxRoundPlayer *self) {
  g_array_set_size(self->order, 0);
  for (guint i = 0; self->replay && i < self->log->entries->len; i++)
    g_array_append_val(self->order, ((AxRoundEntry *)self->log->entries->pdata[i])->number);
  for (guint i = 0; i < n_cases(self); i++)
    if (!self->replay || !ax_round_log_find(self->log, i))
      g_array_append_val(self->order, i);
}

gboolean ax_round_player_review(AxRoundPlayer *self) {
  g_autoptr(GArray) misses = ax_round_log_misses(self->log);

  g_return_val_if_fail(AX_IS_ROUND_PLAYER(self), FALSE);
  if (misses->len == 0)
    return FALSE;
  leave(self);
  g_array_set_size(self->order, 0);
  g_array_append_vals(self->order, misses->data, misses->len);
  self->reviewing = TRUE;
  self->position = 0;
  changed(self);
  return TRUE;
}

void ax_round_player_restart(AxRoundPlayer *self) {
  g_return_if_fail(AX_IS_ROUND_PLAYER(self));
  leave(self);
  order_all(self);
  self->reviewing = FALSE;
  self->position = 0;
  changed(self);
}

/* ---- the learner ---- */

gboolean ax_round_player_is_hint_shown(AxRoundPlayer *self) { return !is_over(self) && self->hinted[ax_round_player_get_number(self)]; }

gboolean ax_round_player_show_hint(AxRoundPlayer *self) {
  const AxRoundCase *c = ax_round_player_get_case(self);

  if (!c || !c->hint || ax_round_player_get_phase(self) != AX_ROUND_ASKING || ax_round_player_is_hint_shown(self))
    return FALSE;
  self->hinted[ax_round_player_get_number(self)] = TRUE;
  changed(self);
  return TRUE;
}

static void keep_voice(AxRoundPlayer *self, guint number) {
  if (!self->replay && self->voices[number] && ax_round_log_find(self->log, number))
    ax_round_log_set_voice(self->log, number, self->voices[number]);
  if (!self->replay && self->pairs[number] && ax_round_log_find(self->log, number))
    ax_round_log_set_pairs_kept(self->log, number, self->pairs[number] - 1);
}

gboolean ax_round_player_answer(AxRoundPlayer *self, const AxRoundAnswer *answer) {
  const AxRoundCase *c = ax_round_player_get_case(self);
  guint number = ax_round_player_get_number(self);

  g_return_val_if_fail(answer != NULL, FALSE);
  if (!c || self->replay || ax_round_player_get_phase(self) != AX_ROUND_ASKING || !ax_round_answer_is_complete(answer, c->task))
    return FALSE;
  leave(self);
  ax_round_log_answer(self->log, number, answer, self->hinted[number], self->spent[number] / 1000);
  keep_voice(self, number);
  changed(self);
  return TRUE;
}

gboolean ax_round_player_reveal(AxRoundPlayer *self) {
  g_return_val_if_fail(AX_IS_ROUND_PLAYER(self), FALSE);
  if (!self->replay || ax_round_player_get_phase(self) != AX_ROUND_ASKING)
    return FALSE;
  self->shown[ax_round_player_get_number(self)] = TRUE;
  changed(self);
  return TRUE;
}

/* ---- the model ---- */

void ax_round_player_set_voice(AxRoundPlayer *self, guint number, AxRoundAnswer *voice, const char *model) {
  g_return_if_fail(AX_IS_ROUND_PLAYER(self) && number < n_cases(self));
  if (self->replay) {
    ax_round_answer_free(voice);
    return;
  }
  ax_round_answer_free(self->voices[number]);
  self->voices[number] = voice;
  if (model && !self->log->model)
    self->log->model = g_strdup(model);
  keep_voice(self, number);
  changed(self);
}

void ax_round_player_set_perception(AxRoundPlayer *self, guint number, const AxPerception *perception, const char *model) {
  g_return_if_fail(AX_IS_ROUND_PLAYER(self) && number < n_cases(self) && perception != NULL);
  ax_round_player_set_voice(self, number, ax_round_model_answer(ax_round_get_case(self->log->round, number), perception), model);
}

void ax_round_player_set_pairs_kept(AxRoundPlayer *self, guint number, int pairs_kept) {
  g_return_if_fail(AX_IS_ROUND_PLAYER(self) && number < n_cases(self));
  self->pairs[number] = pairs_kept + 1;
  keep_voice(self, number);
  changed(self);
}

gboolean ax_round_player_is_model_shown(AxRoundPlayer *self) { return ax_round_player_get_phase(self) == AX_ROUND_REVEALED; }

gboolean ax_round_player_show_model(AxRoundPlayer *self) {
  if (ax_round_player_get_phase(self) != AX_ROUND_HELD)
    return FALSE;
  self->heard[ax_round_player_get_number(self)] = TRUE;
  changed(self);
  return TRUE;
}

void ax_round_player_set_presenter(AxRoundPlayer *self, gboolean presenter) {
  g_return_if_fail(AX_IS_ROUND_PLAYER(self));
  if (self->presenter == presenter)
    return;
  self->presenter = presenter;
  changed(self);
}

void ax_round_player_set_learner(AxRoundPlayer *self, const char *name) {
  g_return_if_fail(AX_IS_ROUND_PLAYER(self));
  if (self->replay)
    return;
  g_free(self->log->learner);
  self->log->learner = name && *name && strlen(name) <= AX_ROUND_MAX_TEXT ? g_strdup(name) : NULL;
}

/* ---- a sitting that goes on ---- */

AxRoundSitting *ax_round_player_get_sitting(AxRoundPlayer *self, const char *folder) {
  AxRoundSitting *sitting;

  g_return_val_if_fail(AX_IS_ROUND_PLAYER(self) && !self->replay, NULL);
  sitting = ax_round_sitting_new(self->log, folder);
  sitting->number = is_over(self) ? -1 : (int)ax_round_player_get_number(self);
  sitting->presenter = self->presenter;
  if (self->reviewing) {
    sitting->review = g_array_new(FALSE, FALSE, sizeof(guint));
    g_array_append_vals(sitting->review, self->order->data, self->order->len);
  }
  for (guint i = 0; i < n_cases(self); i++)
    sitting->traces[i] = (AxRoundTrace){self->hinted[i], self->heard[i], self->spent[i] / 1000};
  if (sitting->number >= 0)
    sitting->traces[sitting->number].ms += (g_get_monotonic_time() - self->since) / 1000;
  return sitting;
}

static void go_back_to(AxRoundPlayer *self, const AxRoundSitting *sitting) {
  self->presenter = sitting->presenter;
  for (guint i = 0; i < n_cases(self); i++) {
    self->hinted[i] = sitting->traces[i].hint;
    self->heard[i] = sitting->traces[i].heard;
    self->spent[i] = sitting->traces[i].ms * 1000;
  }
  if (sitting->review) {
    g_array_set_size(self->order, 0);
    g_array_append_vals(self->order, sitting->review->data, sitting->review->len);
    self->reviewing = TRUE;
  }
  self->position = self->order->len;
  for (guint i = 0; i < self->order->len; i++)
    if (sitting->number >= 0 && g_array_index(self->order, guint, i) == (guint)sitting->number)
      self->position = i;
}

/* ---- GObject ---- */

static void ax_round_player_finalize(GObject *object) {
  AxRoundPlayer *self = AX_ROUND_PLAYER(object);

  for (guint i = 0; i < n_cases(self); i++)
    ax_round_answer_free(self->voices[i]);
  g_free(self->voices);
  g_free(self->shown);
  g_free(self->heard);
  g_free(self->hinted);
  g_free(self->pairs);
  g_free(self->spent);
  g_array_unref(self->order);
  ax_round_log_free(self->log);
  G_OBJECT_CLASS(ax_round_player_parent_class)->finalize(object);
}

static void ax_round_player_class_init(AxRoundPlayerClass *klass) {
  G_OBJECT_CLASS(klass)->finalize = ax_round_player_finalize;
  changed_signal = g_signal_new("changed", AX_TYPE_ROUND_PLAYER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ax_round_player_init(AxRoundPlayer *self) { self->order = g_array_new(FALSE, FALSE, sizeof(guint)); }

static AxRoundPlayer *new_player(AxRoundLog *log, gboolean replay) {
  AxRoundPlayer *self = g_object_new(AX_TYPE_ROUND_PLAYER, NULL);
  guint n = MAX(ax_round_n_cases(log->round), 1);

  self->log = log;
  self->replay = replay;
  self->shown = g_new0(gboolean, n);
  self->heard = g_new0(gboolean, n);
  self->hinted = g_new0(gboolean, n);
  self->voices = g_new0(AxRoundAnswer *, n);
  self->pairs = g_new0(int, n);
  self->spent = g_new0(gint64, n);
  self->since = g_get_monotonic_time();
  order_all(self);
  return self;
}

AxRoundPlayer *ax_round_player_new(const AxRound *round) {
  g_autoptr(GDateTime) now = g_date_time_new_now_utc();
  AxRoundLog *log;

  g_return_val_if_fail(round != NULL, NULL);
  log = ax_round_log_new(round);
  log->started = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
  return new_player(log, FALSE);
}

AxRoundPlayer *ax_round_player_new_replay(const AxRoundLog *log) {
  g_return_val_if_fail(log != NULL, NULL);
  return new_player(ax_round_log_copy(log), TRUE);
}

AxRoundPlayer *ax_round_player_new_sitting(const AxRoundSitting *sitting) {
  AxRoundPlayer *self;

  g_return_val_if_fail(sitting != NULL, NULL);
  self = new_player(ax_round_log_copy(sitting->log), FALSE);
  go_back_to(self, sitting);
  return self;
}
