/* A file that is opened. What lives here: AxFilmFile, what a thread makes of an image file before it is shown: the pyramid, the letters on the film, and what was
 * kept of the same pixels in an earlier sitting. May use the engine's images, ui/pyramid.h, ui/film-letters.h, ui/side-hint.h and ui/session-file.h; no GTK. */
#pragma once

#include "ui/pyramid.h"
#include "ui/session-file.h"

G_BEGIN_DECLS

typedef struct {
  AxPyramid *pyramid;
  int side_of_letters;     /* ax_side_of_letters() */
  char *sha256;            /* of the file's bytes; NULL when they cannot be read again */
  AxSessionState *session; /* or NULL */
} AxFilmFile;

void ax_film_file_free(AxFilmFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxFilmFile, ax_film_file_free)

/* Reads the file at `path`, or `bytes` where they are not NULL, whose file is called `name`. Errors: of AX_IMAGE_ERROR, or G_IO_ERROR_CANCELLED. */
void ax_film_file_read_async(const char *path, GBytes *bytes, const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
AxFilmFile *ax_film_file_read_finish(GAsyncResult *result, GError **error);

G_END_DECLS
