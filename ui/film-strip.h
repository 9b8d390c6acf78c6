/* A folder as a film strip. What lives here: AxFilmStrip, a row of small pictures of the images of a folder, made one after the other on a thread and
 * only for those that come into view. Accessible role of the pictures: list item, named by the file. May use GTK, ui/folder.h and
 * ui/thumbnail.h. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define AX_TYPE_FILM_STRIP (ax_film_strip_get_type())
G_DECLARE_FINAL_TYPE(AxFilmStrip, ax_film_strip, AX, FILM_STRIP, GtkWidget)

/* Signals: "open" (char *path) on a click or Return; "compare" (char *path) on a right click or Control and Return. */
GtkWidget *ax_film_strip_new(void);
/* Shows the folder of the image and marks the image; NULL empties it. The folder is read again when it is another one. */
void ax_film_strip_set_path(AxFilmStrip *self, const char *path);
guint ax_film_strip_get_n(AxFilmStrip *self);
/* How many pictures have been made. */
guint ax_film_strip_get_n_drawn(AxFilmStrip *self);

G_END_DECLS
