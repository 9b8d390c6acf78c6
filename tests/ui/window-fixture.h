/* AxMainWindow on the session of fake-session.c, with two small images and a file that is none, for the tests of the window. May use
 * tests/ui/drive.h and ui/window-private.h; for tests only. */
#pragma once

#include "tests/ui/drive.h"
#include "ui/window-private.h"

typedef struct {
  GtkApplication *application;
  char *folder, *first, *second, *broken; /* first.png has 512 x 600 pixels, second.png 400 x 300 */
  gboolean keep_sessions;                 /* the next windows find what the last one kept */
} AxWindowFixture;

extern AxWindowFixture ax_fixture;

typedef struct {
  const char *path;
  GTestFunc function;
} AxWindowTest;

/* Makes the fixture, runs the tests and returns the exit status. */
int ax_fixture_main(int argc, char **argv, const AxWindowTest *tests, guint n_tests);

/* Each window has a folder of sessions of its own, unless keep_sessions says otherwise: what one test leaves is not what another finds. */
AxMainWindow *ax_fixture_new_window(const char *model);
/* The same on first.png, shown at 1200 x 760, when the model has answered. */
AxMainWindow *ax_fixture_open_first(void);
/* Closes the window as a person does; it must be gone then. */
void ax_fixture_close_window(AxMainWindow *window);

/* Conditions to wait for, each of a window. */
gboolean ax_fixture_is_answered(gpointer window);
gboolean ax_fixture_is_mirrored(gpointer window);
gboolean ax_fixture_is_failed(gpointer window);
gboolean ax_fixture_is_at_work(gpointer window);
gboolean ax_fixture_is_first(gpointer window);
gboolean ax_fixture_is_second(gpointer window);

/* Name of the page on screen. */
const char *ax_fixture_page(AxMainWindow *window);
/* The pointer on a point of a structure's box; (0.5, 0.5) is its middle. */
void ax_fixture_point_at_structure(AxMainWindow *window, const char *name, double u, double v);
/* The widget of a type below `widget` that carries the number; or NULL. */
GtkWidget *ax_fixture_find_row(GtkWidget *widget, GType type, int wanted);
