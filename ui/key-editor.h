/* Choosing another key for a command. What lives here: AxKeyEditor, a small window that takes the next key that is pressed, says whose it is and gives it to the command.
 * May use GTK, libadwaita and ui/keymap.h. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define AX_TYPE_KEY_EDITOR (ax_key_editor_get_type())
G_DECLARE_FINAL_TYPE(AxKeyEditor, ax_key_editor, AX, KEY_EDITOR, AdwWindow)

/* `command` is a number of ui/keymap.h. Shown with gtk_window_present(). */
AxKeyEditor *ax_key_editor_new(GtkWindow *parent, guint command);
/* What it says of the key that was pressed last. */
const char *ax_key_editor_get_note(AxKeyEditor *self);

G_END_DECLS
