/* What the reader may choose. What lives here: AxPreferences: style, size of the type, what the model computes on, what is kept and what leaves the program, and the key of every
 * command. Everything holds at once and is kept in the settings. May use GTK, libadwaita, ui/settings.h, ui/keymap.h and ui/key-editor.h. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define AX_TYPE_PREFERENCES (ax_preferences_get_type())
G_DECLARE_FINAL_TYPE(AxPreferences, ax_preferences, AX, PREFERENCES, AdwPreferencesWindow)

/* Its parent has the actions win.style and win.device, and ax_text_size_apply() has been called. device_note: why the model is not on the graphics processor, or "". */
AxPreferences *ax_preferences_new(GtkWindow *parent, const char *device_note);
/* The row of a command; or NULL. */
GtkWidget *ax_preferences_find_row(AxPreferences *self, guint command);
void ax_preferences_show_keys(AxPreferences *self);

/* Makes all text as large as the settings say, in percent of the desktop's. */
void ax_text_size_apply(void);

G_END_DECLS
