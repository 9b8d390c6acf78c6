/* One question and its answer on screen. What lives here: AxExchangeView: the request, the streamed answer, then its sentences one by one, each to be lit,
 * accepted, edited or rejected with a reason, and the evidence: confidence, structures, retrieved sentences. May use GTK and
 * ui/exchange.h. */
#pragma once

#include "ui/exchange.h"
#include <gtk/gtk.h>

G_BEGIN_DECLS

#define AX_TYPE_EXCHANGE_VIEW (ax_exchange_view_get_type())
G_DECLARE_FINAL_TYPE(AxExchangeView, ax_exchange_view, AX, EXCHANGE_VIEW, GtkWidget)

/* Signals: "light" (int sentence, or -1) when the pointer or the keys are on a sentence; "remove". */
GtkWidget *ax_exchange_view_new(AxExchange *exchange);
AxExchange *ax_exchange_view_get_exchange(AxExchangeView *self);
/* Sentences below this confidence are not shown. */
void ax_exchange_view_set_threshold(AxExchangeView *self, double confidence);
/* The sentences on this structure are marked; -1 for none. */
void ax_exchange_view_set_structure(AxExchangeView *self, int structure);
/* The row of a sentence, for tests; or NULL. */
GtkWidget *ax_exchange_view_get_row(AxExchangeView *self, guint sentence);

/* Name of a task in the reader's language. */
const char *ax_task_title(AxTask task);

/* "1377 tokens of the prompt read, 3617 a second" and "42 tokens written, 171 a second", in lines, as the engine measured it; NULL where nothing was. Free with
 * g_free. */
char *ax_answer_speed_text(const AxAnswer *answer);

G_END_DECLS
