/* The mirror test on text. What lives here: AxTextMirror, which asks what was asked about an image again on its mirrored pixels, and compares: a model that
 * knows left from right says the same side words, and its boxes change to the other side of the picture. May use ui/exchange.h; no GTK,
 * so it is tested without a display. Main thread only. */
#pragma once

#include "ui/exchange.h"

G_BEGIN_DECLS

typedef struct {
  AxExchange *exchange;    /* as it was asked */
  AxAnswer *mirrored;      /* the answer to the mirrored pixels, or NULL */
  char *message;           /* why there is none, or NULL */
  guint n_left[2], n_right[2]; /* side words: plain, mirrored */
  gboolean sides_kept;     /* the same side words */
  double mean_iou;         /* of each box with the best mirrored one, mirrored back, over the larger number of boxes; -1 without boxes */
} AxTextPair;

/* Fills what compares the two answers; `width` is the image's. */
void ax_text_pair_compare(AxTextPair *pair, const AxAnswer *plain, const AxAnswer *mirrored, double width);

#define AX_TYPE_TEXT_MIRROR (ax_text_mirror_get_type())
G_DECLARE_FINAL_TYPE(AxTextMirror, ax_text_mirror, AX, TEXT_MIRROR, GObject)

/* Asks every exchange of the list that has an answer, in order. Signal "changed" after each answer. Ends with the object, or by cancel. */
AxTextMirror *ax_text_mirror_new(AxSession *session, AxImage *image, GListModel *exchanges);
guint ax_text_mirror_get_n(AxTextMirror *self);
const AxTextPair *ax_text_mirror_get(AxTextMirror *self, guint i);
gboolean ax_text_mirror_get_busy(AxTextMirror *self);
void ax_text_mirror_cancel(AxTextMirror *self);

G_END_DECLS
