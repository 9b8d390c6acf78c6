#include "ui/marks.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

typedef struct {
  double calibration;
  guint selected, n;
  AxMark marks[];
} State;

struct _AxMarks {
  GObject parent_instance;
  AxUndo *undo;
  GArray *marks;
  double calibration;
  guint selected, last_id;
  State *before; /* while a change is under way */
};

static guint changed_signal;

G_DEFINE_FINAL_TYPE(AxMarks, ax_marks, G_TYPE_OBJECT)

static const struct {
  const char *word;
  guint n_points;
} kinds[AX_N_MARK_KINDS] = {
  [AX_MARK_LENGTH] = {"length", 2}, [AX_MARK_ANGLE] = {"angle", 3}, [AX_MARK_REGION] = {"region", 2},
  [AX_MARK_RATIO] = {"ratio", 4},   [AX_MARK_BOX] = {"box", 2},
};

guint ax_mark_n_points(AxMarkKind kind) { return kinds[kind].n_points; }
const char *ax_mark_kind_word(AxMarkKind kind) { return kinds[kind].word; }

int ax_mark_kind_of_word(const char *word) {
  for (int kind = 0; kind < AX_N_MARK_KINDS; kind++)
    if (g_strcmp0(word, kinds[kind].word) == 0)
      return kind;
  return -1;
}

AxBox ax_mark_get_box(const AxMark *mark) {
  AxBox box = {mark->points[0].x, mark->points[0].y, mark->points[0].x, mark->points[0].y};

  for (guint i = 1; i < ax_mark_n_points(mark->kind); i++) {
    box.x1 = MIN(box.x1, mark->points[i].x), box.x2 = MAX(box.x2, mark->points[i].x);
    box.y1 = MIN(box.y1, mark->points[i].y), box.y2 = MAX(box.y2, mark->points[i].y);
  }
  return box;
}

/* ---- states ---- */

static void changed(AxMarks *self) { g_signal_emit(self, changed_signal, 0); }

static State *save(AxMarks *self) {
  gsize size = self->marks->len * sizeof(AxMark);
  State *state = g_malloc0(sizeof *state + size);

  state->calibration = self->calibration;
  state->selected = self->selected;
  state->n = self->marks->len;
  if (size)
    memcpy(state->marks, self->marks->data, size);
  return state;
}

static void load(gpointer target, gconstpointer data) {
  AxMarks *self = AX_MARKS(target);
  const State *state = data;

  g_array_set_size(self->marks, 0);
  g_array_append_vals(self->marks, state->marks, state->n);
  self->calibration = state->calibration;
  self->selected = state->selected;
  changed(self);
}

static gboolean is_same(const State *a, const State *b) {
  return a->n == b->n && a->calibration == b->calibration && memcmp(a->marks, b->marks, a->n * sizeof(AxMark)) == 0;
}

void ax_marks_begin(AxMarks *self) {
  g_return_if_fail(AX_IS_MARKS(self) && !self->before);
  self->before = save(self);
}

void ax_marks_end(AxMarks *self, const char *name, guint merge) {
  State *before, *after;

  g_return_if_fail(AX_IS_MARKS(self) && self->before);
  before = g_steal_pointer(&self->before);
  after = save(self);
  if (is_same(before, after)) {
    g_free(before);
    g_free(after);
  } else {
    ax_undo_push(self->undo, name, G_OBJECT(self), load, before, after, g_free, merge);
  }
  changed(self);
}

void ax_marks_cancel(AxMarks *self) {
  g_autofree State *before = NULL;

  g_return_if_fail(AX_IS_MARKS(self));
  before = g_steal_pointer(&self->before);
  if (before)
    load(self, before);
}

gboolean ax_marks_is_editing(AxMarks *self) { return self->before != NULL; }

/* ---- changes ---- */

static int number_of(AxMarks *self, guint id) {
  for (guint i = 0; i < self->marks->len; i++)
    if (g_array_index(self->marks, AxMark, i).id == id)
      return (int)i;
  return -1;
}

guint ax_marks_add(AxMarks *self, const AxMark *mark) {
  gboolean editing;
  AxMark copy;

  g_return_val_if_fail(AX_IS_MARKS(self) && mark != NULL && (guint)mark->kind < AX_N_MARK_KINDS, 0);
  editing = ax_marks_is_editing(self);
  memset(&copy, 0, sizeof copy); /* states are compared as bytes */
  copy.kind = mark->kind;
  copy.id = ++self->last_id;
  memcpy(copy.points, mark->points, ax_mark_n_points(mark->kind) * sizeof(AxPoint));
  if (!editing)
    ax_marks_begin(self);
  g_array_append_val(self->marks, copy);
  self->selected = copy.id;
  if (editing)
    changed(self);
  else
    ax_marks_end(self, _("Draw"), 0);
  return copy.id;
}

void ax_marks_remove(AxMarks *self, guint id) {
  int number;

  g_return_if_fail(AX_IS_MARKS(self));
  number = number_of(self, id);
  if (number < 0 || ax_marks_is_editing(self))
    return;
  ax_marks_begin(self);
  g_array_remove_index(self->marks, number);
  if (self->selected == id)
    self->selected = 0;
  ax_marks_end(self, _("Delete"), 0);
}

void ax_marks_remove_all(AxMarks *self) {
  g_return_if_fail(AX_IS_MARKS(self));
  if (ax_marks_is_editing(self) || self->marks->len == 0)
    return;
  ax_marks_begin(self);
  g_array_set_size(self->marks, 0);
  self->selected = 0;
  ax_marks_end(self, _("Delete all"), 0);
}

void ax_marks_set_points(AxMarks *self, guint id, const AxPoint *points) {
  int number;
  AxMark *mark;

  g_return_if_fail(AX_IS_MARKS(self) && self->before);
  number = number_of(self, id);
  g_return_if_fail(number >= 0);
  mark = &g_array_index(self->marks, AxMark, number);
  for (guint i = 0; i < ax_mark_n_points(mark->kind); i++)
    if (isfinite(points[i].x) && isfinite(points[i].y))
      mark->points[i] = points[i];
  changed(self);
}

void ax_marks_set_calibration(AxMarks *self, double column_mm) {
  g_return_if_fail(AX_IS_MARKS(self));
  if (!(column_mm >= 0) || !isfinite(column_mm) || ax_marks_is_editing(self))
    return;
  ax_marks_begin(self);
  self->calibration = column_mm;
  ax_marks_end(self, _("Calibrate"), 0);
}

void ax_marks_select(AxMarks *self, guint id) {
  g_return_if_fail(AX_IS_MARKS(self));
  if (self->selected == id || (id && number_of(self, id) < 0))
    return;
  self->selected = id;
  changed(self);
}

void ax_marks_load(AxMarks *self, const AxMark *marks, guint n_marks, double calibration) {
  g_return_if_fail(AX_IS_MARKS(self));
  g_clear_pointer(&self->before, g_free);
  g_array_set_size(self->marks, 0);
  self->selected = 0;
  for (guint i = 0; i < n_marks; i++) {
    AxMark copy;

    memset(&copy, 0, sizeof copy);
    copy.kind = marks[i].kind;
    copy.id = ++self->last_id;
    memcpy(copy.points, marks[i].points, ax_mark_n_points(copy.kind) * sizeof(AxPoint));
    g_array_append_val(self->marks, copy);
  }
  self->calibration = calibration;
  changed(self);
}

/* ---- getters ---- */

guint ax_marks_get_n(AxMarks *self) { return self->marks->len; }
const AxMark *ax_marks_get(AxMarks *self, guint number) { return &g_array_index(self->marks, AxMark, number); }
guint ax_marks_get_selected(AxMarks *self) { return self->selected; }
double ax_marks_get_calibration(AxMarks *self) { return self->calibration; }

const AxMark *ax_marks_find(AxMarks *self, guint id) {
  int number = number_of(self, id);

  return number >= 0 ? ax_marks_get(self, number) : NULL;
}

/* ---- GObject ---- */

static void ax_marks_finalize(GObject *object) {
  AxMarks *self = AX_MARKS(object);

  g_clear_object(&self->undo);
  g_array_unref(self->marks);
  g_free(self->before);
  G_OBJECT_CLASS(ax_marks_parent_class)->finalize(object);
}

static void ax_marks_class_init(AxMarksClass *klass) {
  G_OBJECT_CLASS(klass)->finalize = ax_marks_finalize;
  changed_signal = g_signal_new("changed", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ax_marks_init(AxMarks *self) { self->marks = g_array_new(FALSE, TRUE, sizeof(AxMark)); }

AxMarks *ax_marks_new(AxUndo *undo) {
  AxMarks *self = g_object_new(AX_TYPE_MARKS, NULL);

  self->undo = g_object_ref(undo);
  return self;
}
