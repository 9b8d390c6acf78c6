/* Asking about one image. What lives here: AxAsker, the list of exchanges on a document's image: it runs requests one after the other on the
 * session, cancels them, keeps them in the document's session file and takes them from there. May use ui/document.h and ui/exchange.h;
 * no GTK, so it is tested without a display. Main thread only. */
#pragma once

#include "ui/document.h"
#include "ui/exchange.h"

G_BEGIN_DECLS

#define AX_TYPE_ASKER (ax_asker_get_type())
G_DECLARE_FINAL_TYPE(AxAsker, ax_asker, AX, ASKER, GObject)

/* Signal "changed" when it becomes busy or idle. Another image in the document cancels and empties it. */
AxAsker *ax_asker_new(AxDocument *document, AxSession *session);
/* AxExchange objects, the oldest first. (transfer none) */
GListModel *ax_asker_get_list(AxAsker *self);
/* The newest answer of the list, or NULL. (transfer none) */
AxAnswer *ax_asker_get_last_answer(AxAsker *self);

/* Asks; questions (AX_TASK_ASK, AX_TASK_CHOOSE) belong to the conversation on the image. NULL, with *why set to a sentence for people, when
 * the request is not complete or there is no image. Free *why with g_free. */
AxExchange *ax_asker_ask(AxAsker *self, AxTask task, const char *text, const AxBox *boxes, guint n_boxes, char **why);
gboolean ax_asker_get_busy(AxAsker *self);
void ax_asker_cancel(AxAsker *self);
/* The next question begins a conversation of its own. */
void ax_asker_new_conversation(AxAsker *self);
/* Takes an exchange out of the list, and puts everything that was said about the others into the document. */
void ax_asker_remove(AxAsker *self, AxExchange *exchange);

G_END_DECLS
