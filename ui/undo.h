/* Undo and redo. What lives here: AxUndo, the one stack of a document's changes: marks, calibration, greys, turning, corrections. A change is
 * two states of one target and the function that puts a state back, so that whoever can save and load its state can be undone. May use
 * GObject; no GTK, so it is tested without a display. Main thread only. */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

#define AX_TYPE_UNDO (ax_undo_get_type())
G_DECLARE_FINAL_TYPE(AxUndo, ax_undo, AX, UNDO, GObject)

/* The oldest changes beyond this many are forgotten. */
#define AX_UNDO_DEPTH 500

/* Puts `state` back; must not push. */
typedef void (*AxUndoApply)(gpointer target, gconstpointer state);

/* Signal "changed" whenever what can be undone or redone changes. */
AxUndo *ax_undo_new(void);

/* A change that has happened. `name` is for people ("Move", translated). The target is held weakly: a change of a target that is gone does
 * nothing. Takes both states. A change whose `merge` is not 0 and equals that of the newest change of the same target replaces
 * that one's later state, so that ten key presses are one step; undoing or redoing ends a series. */
void ax_undo_push(AxUndo *self, const char *name, GObject *target, AxUndoApply apply, gpointer before, gpointer after,
                  GDestroyNotify free_state, guint merge);

/* FALSE when there is nothing. */
gboolean ax_undo_undo(AxUndo *self);
gboolean ax_undo_redo(AxUndo *self);
/* Name of what the next call would undo or redo, or NULL. */
const char *ax_undo_get_undo_name(AxUndo *self);
const char *ax_undo_get_redo_name(AxUndo *self);
void ax_undo_clear(AxUndo *self);

G_END_DECLS
