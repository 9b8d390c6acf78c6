#include "ui/undo.h"

typedef struct {
  char *name;
  GWeakRef target;
  AxUndoApply apply;
  gpointer before, after;
  GDestroyNotify free_state;
  guint merge;
} Change;

struct _AxUndo {
  GObject parent_instance;
  GPtrArray *changes;
  guint done; /* of them; the others can be redone */
};

static guint changed_signal;

G_DEFINE_FINAL_TYPE(AxUndo, ax_undo, G_TYPE_OBJECT)

static void change_free(gpointer data) {
  Change *change = data;

  g_free(change->name);
  g_weak_ref_clear(&change->target);
  change->free_state(change->before);
  change->free_state(change->after);
  g_free(change);
}

static gboolean merge_into(AxUndo *self, GObject *target, guint merge, gpointer before, gpointer after, GDestroyNotify free_state) {
  Change *last = self->done > 0 ? g_ptr_array_index(self->changes, self->done - 1) : NULL;
  g_autoptr(GObject) object = last ? g_weak_ref_get(&last->target) : NULL;

  if (!last || merge == 0 || last->merge != merge || object != target || self->done < self->changes->len)
    return FALSE;
  last->free_state(last->after);
  last->after = after;
  free_state(before);
  return TRUE;
}

void ax_undo_push(AxUndo *self, const char *name, GObject *target, AxUndoApply apply, gpointer before, gpointer after,
                  GDestroyNotify free_state, guint merge) {
  Change *change;

  g_return_if_fail(AX_IS_UNDO(self) && name != NULL && free_state != NULL);
  if (merge_into(self, target, merge, before, after, free_state))
    return;
  g_ptr_array_set_size(self->changes, (int)self->done);
  change = g_new0(Change, 1);
  *change = (Change){.name = g_strdup(name), .apply = apply, .before = before, .after = after, .free_state = free_state, .merge = merge};
  g_weak_ref_init(&change->target, target);
  g_ptr_array_add(self->changes, change);
  if (self->changes->len > AX_UNDO_DEPTH)
    g_ptr_array_remove_index(self->changes, 0);
  self->done = self->changes->len;
  g_signal_emit(self, changed_signal, 0);
}

static void apply(Change *change, gconstpointer state) {
  g_autoptr(GObject) target = g_weak_ref_get(&change->target);

  change->merge = 0;
  if (target)
    change->apply(target, state);
}

gboolean ax_undo_undo(AxUndo *self) {
  Change *change;

  g_return_val_if_fail(AX_IS_UNDO(self), FALSE);
  if (self->done == 0)
    return FALSE;
  change = g_ptr_array_index(self->changes, --self->done);
  apply(change, change->before);
  g_signal_emit(self, changed_signal, 0);
  return TRUE;
}

gboolean ax_undo_redo(AxUndo *self) {
  Change *change;

  g_return_val_if_fail(AX_IS_UNDO(self), FALSE);
  if (self->done == self->changes->len)
    return FALSE;
  change = g_ptr_array_index(self->changes, self->done++);
  apply(change, change->after);
  g_signal_emit(self, changed_signal, 0);
  return TRUE;
}

const char *ax_undo_get_undo_name(AxUndo *self) {
  return self->done > 0 ? ((Change *)g_ptr_array_index(self->changes, self->done - 1))->name : NULL;
}

const char *ax_undo_get_redo_name(AxUndo *self) {
  return self->done < self->changes->len ? ((Change *)g_ptr_array_index(self->changes, self->done))->name : NULL;
}

void ax_undo_clear(AxUndo *self) {
  g_return_if_fail(AX_IS_UNDO(self));
  self->done = 0;
  g_ptr_array_set_size(self->changes, 0);
  g_signal_emit(self, changed_signal, 0);
}

static void ax_undo_finalize(GObject *object) {
  g_ptr_array_unref(AX_UNDO(object)->changes);
  G_OBJECT_CLASS(ax_undo_parent_class)->finalize(object);
}

static void ax_undo_class_init(AxUndoClass *klass) {
  G_OBJECT_CLASS(klass)->finalize = ax_undo_finalize;
  changed_signal = g_signal_new("changed", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ax_undo_init(AxUndo *self) { self->changes = g_ptr_array_new_with_free_func(change_free); }

AxUndo *ax_undo_new(void) { return g_object_new(AX_TYPE_UNDO, NULL); }
