/* Making a case of a teaching round. What lives here: AxRoundEditor, a window that asks for the task, the accepted answer, hint and explanation of the image
 * that is open, takes the boxes that were drawn (or the selected structure's), and adds the case to a round's file. May use libadwaita, engine/teaching,
 * ui/round-words.h. */
#pragma once

#include "engine/teaching/store.h"
#include <adwaita.h>

G_BEGIN_DECLS

#define AX_TYPE_ROUND_EDITOR (ax_round_editor_get_type())
G_DECLARE_FINAL_TYPE(AxRoundEditor, ax_round_editor, AX, ROUND_EDITOR, AdwWindow)

/* Signal "added" (char *path) once a case is in the round's file. `boxes` are what was drawn, pixels of the image; `structure` names the selected one and may
 * be NULL; `path` is the round to which the last case went, or NULL. */
AxRoundEditor *ax_round_editor_new(GtkWindow *parent, const char *image_path, const AxBox *boxes, guint n_boxes, const char *structure, const char *path);
/* Adds the case as it stands to the round there, which is made if need be; FALSE says in the window what is wrong. */
gboolean ax_round_editor_add_to(AxRoundEditor *self, const char *path);
/* The case as it stands. Free with ax_round_case_free(). */
AxRoundCase *ax_round_editor_get_case(AxRoundEditor *self);

G_END_DECLS
