/* What is kept of an image between two sittings. What lives here: the session file, versioned JSON named by the image's SHA-256 in the user's data folder: view,
 * marks, calibration, the model's answers with its hash and timings, what was asked with what was answered and corrected. Files
 * are read as hostile: sizes are capped, numbers checked, an unknown version is refused. Writing is atomic and happens on one thread in
 * the order in which it was asked for. May use json-glib, ui/marks.h and ui/view-state.h; no GTK. */
#pragma once

#include "ui/marks.h"
#include "ui/view-state.h"
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

#define AX_SESSION_VERSION 1
#define AX_SESSION_MAX_BYTES (16 * 1024 * 1024)
#define AX_SESSION_MAX_MARKS 1000

typedef struct {
  char *image_name, *image_path, *image_sha256; /* path may be NULL */
  int image_width, image_height;
  gboolean has_view;
  AxViewState view;
  GArray *marks; /* AxMark */
  double calibration;
  AxPerception *perceptions[2];      /* plain, mirrored; or NULL */
  char *model_name, *model_sha256;   /* of the answers; or NULL */
  JsonArray *exchanges;              /* requests and answers (ui/exchange.h); or NULL */
} AxSessionState;

AxSessionState *ax_session_state_new(void);
void ax_session_state_free(AxSessionState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxSessionState, ax_session_state_free)

/* The file's text. The same state gives the same text. Free with g_free. */
char *ax_session_state_to_json(const AxSessionState *state);
/* Errors: G_IO_ERROR_INVALID_DATA with the reason. */
AxSessionState *ax_session_state_from_json(const char *text, gssize length, GError **error);

/* A perception as `perceive --json` writes it, read back; NULL when it is not one. `mirrored` is what its image object says. */
AxPerception *ax_perception_from_json(JsonObject *object);

/* The folder of the files: $ANATOMIX_SESSIONS or one in the user's data folder. */
char *ax_session_file_folder(void);
/* Path of the file for an image. */
char *ax_session_file_path(const char *image_sha256);
/* Replaces the file's text, whole or not at all, on the writing thread. Takes `text`. */
void ax_session_file_write(const char *path, char *text);
/* Called on the main thread when a file could not be written, with the reason, after one that could or the first; NULL: nobody is told. */
void ax_session_file_set_watch(void (*failed)(const char *reason));
/* Whether something is still to be written. */
gboolean ax_session_file_is_writing(void);
/* Waits until what was asked for so far is on the disk: before a file is read. Any thread but the main one, which would stand still. */
void ax_session_file_wait(void);
/* The same on the main thread, before the program ends. */
void ax_session_file_flush(void);

G_END_DECLS
