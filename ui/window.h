/* The window. What lives here: AxMainWindow, which puts one document on screen: canvas, list, findings, mirror test, progress, status, and the
 * actions win.* that menu, buttons and keys share. May use libadwaita and everything else of ui/. */
#pragma once

#include "ui/document.h"
#include <adwaita.h>

G_BEGIN_DECLS

#define AX_TYPE_MAIN_WINDOW (ax_main_window_get_type())
G_DECLARE_FINAL_TYPE(AxMainWindow, ax_main_window, AX, MAIN_WINDOW, AdwApplicationWindow)

/* A window on the session's model, empty. The session may still be loading. */
AxMainWindow *ax_main_window_new(GtkApplication *application, AxSession *session);
/* How the program keeps memory that was freed, so that frames do not wait for the system. Once, before there are threads. */
void ax_main_window_set_up_heap(void);
void ax_main_window_open(AxMainWindow *self, const char *path);
AxDocument *ax_main_window_get_document(AxMainWindow *self);

G_END_DECLS
