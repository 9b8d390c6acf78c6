/* Where a learner stands in a round, to go on after a stop. What lives here: AxRoundSitting, the log so far with the case on screen, what was begun but not
 * answered, hints and times; and its file, which holds the round too, so that a round that was never saved goes on as well. May use log.h. Files are read as
 * hostile.
 */
#pragma once
#include "engine/teaching/log.h"

G_BEGIN_DECLS

#define AX_ROUND_SITTING_FORMAT "anatomix teaching sitting"
#define AX_ROUND_SITTING_VERSION 1

/* Of one case. */
typedef struct {
  gboolean hint;                 /* it was shown */
  gboolean heard;                /* the model was let speak */
  gint64 ms;                     /* looked at before it was answered */
} AxRoundTrace;

typedef struct {
  AxRoundLog *log;
  char *folder;                  /* absolute path of the images' folder */
  int number;                    /* of the case on screen, or -1: the results */
  GArray *review;                /* guint: the cases that are gone through again; NULL: all, in the round's order */
  gboolean presenter;
  AxRoundTrace *traces;          /* [cases] */
  AxRoundAnswer *draft;          /* begun for the case on screen; or NULL */
} AxRoundSitting;

/* At the first case, with a copy of the log. */
AxRoundSitting *ax_round_sitting_new (const AxRoundLog *log, const char *folder);
void ax_round_sitting_free (AxRoundSitting *sitting);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxRoundSitting, ax_round_sitting_free)

/* Whether anything was done in it: one that was not need not be kept. */
gboolean ax_round_sitting_is_begun (const AxRoundSitting *sitting);
/* A name for the round in this folder, 64 letters and digits: another round, or the same one after a change of its cases, has another one. Free with g_free. */
char *ax_round_sitting_key (const AxRound *round, const char *folder);

/* The same sitting gives the same text. Free with g_free. */
char *ax_round_sitting_to_json (const AxRoundSitting *sitting);
/* Errors as ax_round_from_json(). */
AxRoundSitting *ax_round_sitting_from_json (const char *text, gsize size, const char *name, GError **error);
AxRoundSitting *ax_round_sitting_load (const char *path, GError **error);

G_END_DECLS
