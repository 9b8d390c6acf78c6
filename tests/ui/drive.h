/* Real mouse and key events for tests, by xdotool, while the main loop runs. May use GTK and tests/ui/loop.h; for tests only. */
#pragma once

#include "tests/ui/loop.h"
#include <gtk/gtk.h>

/* Runs `xdotool ARGUMENTS` (one string, split as a shell does) and lets the program see the events. */
void ax_test_xdotool(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Moves the window to the top left of the screen, gives it the keyboard, and waits until it has its size. */
void ax_test_show(GtkWindow *window, int width, int height);

/* Gives a window the keyboard. */
void ax_test_focus(GtkWindow *window);

/* Moves the pointer to (x, y) of the widget. */
void ax_test_point_at(GtkWidget *widget, double x, double y);
