/* One opened radiograph. What lives here: AxDocument, which loads a file on a thread, asks the session to perceive it, and keeps
 * what came of it: image, pyramid, answers for the plain and for the mirrored pixels, the reader's marks with their undo, progress and errors. Opening another file
 * cancels what is under way; dropping the document during work is safe. May use GIO, engine/anatomix.h and ui/pyramid.h; no
 * GTK, so it is tested without a display. Main thread only. */
#pragma once

#include "ui/marks.h"
#include "ui/pyramid.h"
#include "ui/side-hint.h"
#include "ui/view-state.h"
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef enum {
  AX_DOCUMENT_EMPTY,
  AX_DOCUMENT_LOADING,    /* a file is being read; what was shown before is gone */
  AX_DOCUMENT_PERCEIVING, /* the image is there, the model is at work */
  AX_DOCUMENT_READY,      /* the image is there and the model is not at work: answered, failed or cancelled */
  AX_DOCUMENT_FAILED,     /* the file could not be read: see ax_document_get_error() */
} AxDocumentState;

#define AX_TYPE_DOCUMENT_STATE (ax_document_state_get_type())
GType ax_document_state_get_type(void);

#define AX_TYPE_DOCUMENT (ax_document_get_type())
G_DECLARE_FINAL_TYPE(AxDocument, ax_document, AX, DOCUMENT, GObject)

/* Properties, with explicit notify: state, progress (0..1), stage (a word for people), name.
 * Signals: "loaded" once an image is there; "perceived" (gboolean mirrored) once an answer is there; "failed" (GError) when
 * reading or perceiving failed, never for a cancelled piece of work. */
AxDocument *ax_document_new(AxSession *session);

/* Reads the file and perceives it. */
void ax_document_open_path(AxDocument *self, const char *path);
/* The same for bytes from elsewhere; `name` is shown to people. */
void ax_document_open_bytes(AxDocument *self, GBytes *bytes, const char *name);
/* Asks for the answer to the plain or the mirrored pixels, unless it is there or on its way. */
void ax_document_perceive(AxDocument *self, gboolean mirrored);
/* Stops reading or perceiving. An image that is there stays. */
void ax_document_cancel(AxDocument *self);

AxDocumentState ax_document_get_state(AxDocument *self);
gboolean ax_document_get_busy(AxDocument *self);
double ax_document_get_progress(AxDocument *self);
const char *ax_document_get_stage(AxDocument *self);
const char *ax_document_get_name(AxDocument *self); /* "" when empty */
const char *ax_document_get_path(AxDocument *self); /* NULL for bytes */
AxImage *ax_document_get_image(AxDocument *self);   /* (transfer none), or NULL */
AxPyramid *ax_document_get_pyramid(AxDocument *self);
AxPerception *ax_document_get_perception(AxDocument *self, gboolean mirrored); /* (transfer none), or NULL */
/* Whether the image looks mirrored, by the answer to the plain pixels and the letters; AX_SIDES_USUAL before there is an answer. */
AxSides ax_document_get_sides(AxDocument *self);
AxMarks *ax_document_get_marks(AxDocument *self);   /* of the image; the object stays, another file empties it */
AxUndo *ax_document_get_undo(AxDocument *self);

/* What is kept between two sittings (ui/session-file.h). The file is written a moment after anything of the reader's changed, and read when the same image
 * is opened again; an image that was only looked at leaves none. */
void ax_document_set_view(AxDocument *self, const AxViewState *view); /* how it is shown now; during "loaded" that is no change */
const AxViewState *ax_document_get_saved_view(AxDocument *self);      /* at "loaded": how it was shown; or NULL */
JsonArray *ax_document_get_exchanges(AxDocument *self);               /* requests and answers (ui/exchange.h), or NULL */
void ax_document_set_exchanges(AxDocument *self, JsonArray *exchanges);
char *ax_document_to_session_json(AxDocument *self);                  /* what the file would say; NULL without an image */

const GError *ax_document_get_error(AxDocument *self);                         /* of the last failure, or NULL */

G_END_DECLS
