/* The name of a key that was pressed, as the keymap knows it. May use GDK. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* "<Shift>r" for R, "slash" wherever Shift was needed to type it. NULL for a modifier alone or no key. Free with g_free. */
char *ax_key_name(guint key, GdkModifierType state);

G_END_DECLS
