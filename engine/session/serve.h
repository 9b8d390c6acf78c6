/* serve.h: requests to the language model, on the thread that owns the model.
 *
 * What lives here: AxServe, the images that were asked about last with what is kept of each: perception, the rows that stand for image and objects, and
 * the language model's state with the prompt's common prefix, so that a request computes its own tokens only. A conversation goes on where it stopped.
 * Nothing here knows of threads or main loops. May use language.h, answer.h and model.h.
 *
 * The prefix is always computed in the same steps of AX_SERVE_CHUNK tokens, whether in the background or not, and a conversation's tokens in the steps in
 * which they came, so that the same requests give the same bytes.
 */
#pragma once
#include "engine/session/answer.h"
#include "engine/session/language.h"

#define AX_SERVE_CHUNK 256

typedef struct _AxServe AxServe;
typedef struct _AxServed AxServed;

AxServe *ax_serve_new  (AxModel *model);
void     ax_serve_free (AxServe *serve);

/* Loads the language part unless it is there. FALSE with the errors of ax_language_load(), every time. */
gboolean ax_serve_load (AxServe *serve, GError **error);

/* Bytes of the weights (0 before they are loaded), and of all that is kept of images. */
void     ax_serve_memory (const AxServe *serve, gsize *weights, gsize *sequences);

/* Asked between the steps of long work; FALSE stops it with G_IO_ERROR_CANCELLED. */
typedef gboolean (*AxServeStage) (double fraction, const char *stage, gpointer user_data);

/* What is kept of an image, made from its perception and the network's own numbers (objects, boxes, image) if it is new. The language part is
 * loaded. Belongs to the serve, valid until the next call. */
AxServed *ax_serve_image (AxServe *serve, AxImage *image, gboolean mirror, AxPerception *perception, const AxPerceptionRaw *raw);
/* NULL if nothing is kept of it. */
AxServed *ax_serve_find  (AxServe *serve, AxImage *image, gboolean mirror);

/* How much of the prefix is computed, 0..1. */
double   ax_served_share (const AxServed *served);
/* Computes the next step of the prefix; *done when nothing is left. */
gboolean ax_serve_step (AxServe *serve, AxServed *served, AxServeStage stage, gpointer user_data, gboolean *done, GError **error);

/* What comes while it answers. */
typedef struct {
  AxServeStage stage;
  void (*text) (const char *text, gpointer user_data);
  void (*box)  (const AxAnswerBox *box, gpointer user_data);
  gpointer user_data;
} AxServeEvents;

/* Answers. NULL with AX_ENGINE_ERROR_REQUEST, AX_TASK_ERROR, G_IO_ERROR_CANCELLED (no token was made) or the errors of the model. */
AxAnswer *ax_serve_run (AxServe *serve, AxServed *served, const AxRequest *request, const AxServeEvents *events, GCancellable *cancellable, GError **error);
