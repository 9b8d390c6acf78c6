/* The hand of a scripted sitting. What lives here: a thread that is not the main loop's moves the mouse and presses keys, by xdotool, so that events are real, and has the
 * main loop look at and do what it wants in between. X11 only, for programs under tests/bench. May use GTK. */
#pragma once

#include <gtk/gtk.h>

/* On the main thread, when the window is on screen: puts it at the top left with that size and the keyboard. `picture` is called on the main thread for the widget whose
 * places are pointed at. Everything below is for the script's thread. */
void ax_hand_begin(GtkWindow *window, int width, int height, GtkWidget *(*picture)(void));

/* Has the main loop call the function; returns what that returns. */
gboolean ax_hand_call(GSourceFunc function, gpointer data);
/* Asks again and again; FALSE when it does not hold after so long. */
gboolean ax_hand_wait_for(GSourceFunc condition, double seconds);
void ax_hand_rest(guint ms);
/* A line of xdotool's language, as in "key ctrl+z". */
void ax_hand_type(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Places are shares of the picture's width and height. */
void ax_hand_point_at(double u, double v);
void ax_hand_drag(int button, double u1, double v1, double u2, double v2, int steps);
