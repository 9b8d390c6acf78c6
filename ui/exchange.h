/* One question to the model with its answer. What lives here: AxExchange, a request, what has come of it so far, and what the reader said to each
 * sentence of it; and its form in session files. May use engine/anatomix.h and json-glib; no GTK. Main thread only. */
#pragma once

#include "engine/anatomix.h"
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef enum { AX_EXCHANGE_WAITING, AX_EXCHANGE_RUNNING, AX_EXCHANGE_DONE, AX_EXCHANGE_CANCELLED, AX_EXCHANGE_FAILED } AxExchangeState;

typedef enum { AX_VERDICT_NONE, AX_VERDICT_ACCEPTED, AX_VERDICT_EDITED, AX_VERDICT_REJECTED, AX_N_VERDICTS } AxVerdict;
typedef enum { AX_REASON_NONE, AX_REASON_ABSENT, AX_REASON_PLACE, AX_REASON_SEVERITY, AX_N_REASONS } AxReason;

#define AX_TYPE_EXCHANGE (ax_exchange_get_type())
G_DECLARE_FINAL_TYPE(AxExchange, ax_exchange, AX, EXCHANGE, GObject)

/* Signal "changed" after everything that happens to it. */
AxExchange *ax_exchange_new(AxTask task, const char *text, const AxBox *boxes, guint n_boxes);
AxTask ax_exchange_get_task(AxExchange *self);
const char *ax_exchange_get_text(AxExchange *self); /* or NULL */
const AxBox *ax_exchange_get_boxes(AxExchange *self, guint *n_boxes);
AxExchangeState ax_exchange_get_state(AxExchange *self);
/* The answer so far, plain text; "" before the first token. */
const char *ax_exchange_get_plain(AxExchange *self);
AxAnswer *ax_exchange_get_answer(AxExchange *self);     /* when done; or NULL */
const char *ax_exchange_get_message(AxExchange *self);  /* why it failed, or what it is doing; or NULL */
/* Boxes that are there: of the answer, or those that have come. */
guint ax_exchange_get_n_boxes(AxExchange *self);
const AxAnswerBox *ax_exchange_get_box(AxExchange *self, guint i);

/* What comes. */
void ax_exchange_take_event(AxExchange *self, const AxEvent *event);
void ax_exchange_finish(AxExchange *self, AxAnswer *answer, const GError *error); /* one of them */

/* What the reader says to a sentence of the answer. */
AxVerdict ax_exchange_get_verdict(AxExchange *self, guint sentence, AxReason *reason, const char **edited);
void ax_exchange_set_verdict(AxExchange *self, guint sentence, AxVerdict verdict, AxReason reason, const char *edited);
/* A sentence as it stands: edited, or the model's. Free with g_free. */
char *ax_exchange_get_sentence(AxExchange *self, guint sentence);
/* The same with the number of each of its boxes where the box stands: "at [A1] on the image" for first 1 and prefix "A". `first` is the number of the
 * exchange's first box. Free with g_free. */
char *ax_exchange_get_marked_sentence(AxExchange *self, guint sentence, guint first, const char *prefix);

JsonNode *ax_exchange_to_json(AxExchange *self);
/* NULL when it is none; numbers are checked against the image's size and the text's length. */
AxExchange *ax_exchange_from_json(JsonNode *node);

G_END_DECLS
