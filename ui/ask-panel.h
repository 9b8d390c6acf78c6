/* Asking the model, on screen. What lives here: AxAskPanel: buttons for the tasks, an entry with completion for phrases, structures and questions, the exchanges
 * with their answers, a slider that hides what the model is not sure of, a stop button. May use GTK, ui/asker.h and
 * ui/exchange-view.h. */
#pragma once

#include "ui/asker.h"
#include "ui/exchange-view.h"

G_BEGIN_DECLS

#define AX_TYPE_ASK_PANEL (ax_ask_panel_get_type())
G_DECLARE_FINAL_TYPE(AxAskPanel, ax_ask_panel, AX, ASK_PANEL, GtkWidget)

/* Signals: "ask" (int task, char *text or NULL); "light" (AxExchange *, int sentence or -1); "chosen" (AxExchange *, or NULL), the exchange whose boxes are
 * to be seen; "threshold" (double). */
GtkWidget *ax_ask_panel_new(void);
void ax_ask_panel_set_asker(AxAskPanel *self, AxAsker *asker);
/* Why nothing can be asked, or NULL when it can. */
void ax_ask_panel_set_notice(AxAskPanel *self, const char *notice);
/* Marks the sentences on a structure; -1 for none. */
void ax_ask_panel_set_structure(AxAskPanel *self, int structure);
/* Puts the keys into the entry, for one of AX_TASK_ASK, AX_TASK_LOCATE, AX_TASK_ANATOMY, AX_TASK_CHOOSE. */
void ax_ask_panel_focus_entry(AxAskPanel *self, AxTask task);
/* The view of an exchange, or NULL. */
AxExchangeView *ax_ask_panel_find_view(AxAskPanel *self, AxExchange *exchange);

G_END_DECLS
