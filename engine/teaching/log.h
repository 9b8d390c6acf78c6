/* One sitting with a round. What lives here: AxRoundLog, the cases in the order in which they were answered, each with the learner's answer, the model's
 * and both scores, in a file that holds the round too: everything is shown again from it, identically, without the model and without the round's file
 * (only the images are looked up, beside the log). And its results as CSV. May use answer.h. Scores are computed again when a file is read, and a file
 * whose scores do not belong to its answers is refused.
 */
#pragma once
#include "engine/teaching/answer.h"

G_BEGIN_DECLS

#define AX_ROUND_LOG_VERSION 1

typedef struct {
  guint number;                  /* of the case in the round, from 0 */
  gboolean hint;                 /* the hint was shown before the answer */
  gint64 ms;                     /* from the question to the answer */
  AxRoundAnswer *answer;
  AxRoundScore score;
  AxRoundAnswer *voice;          /* the model's answer, or NULL */
  AxRoundScore voice_score;
  int pairs_kept;                /* mirrored case: of how many of the AX_N_PAIRS pairs the model kept the side on the mirrored pixels; -1: not known */
} AxRoundEntry;

typedef struct {
  AxRound *round;
  char *learner;                 /* or NULL */
  char *model;                   /* name and hash of the model that spoke, or NULL */
  char *started;                 /* ISO 8601, or NULL */
  GPtrArray *entries;            /* AxRoundEntry, in order of answering */
} AxRoundLog;

/* Takes a copy of the round. */
AxRoundLog *ax_round_log_new (const AxRound *round);
AxRoundLog *ax_round_log_copy (const AxRoundLog *log);
void ax_round_log_free (AxRoundLog *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxRoundLog, ax_round_log_free)

/* The entry of a case, or NULL. */
AxRoundEntry *ax_round_log_find (const AxRoundLog *log, guint number);
/* Scores an answer (copied) and keeps it. A case is answered once: NULL when it was. */
AxRoundEntry *ax_round_log_answer (AxRoundLog *log, guint number, const AxRoundAnswer *answer, gboolean hint, gint64 ms);
/* The model's answer (copied) to a case that was answered. */
void ax_round_log_set_voice (AxRoundLog *log, guint number, const AxRoundAnswer *voice);

void ax_round_log_set_pairs_kept (AxRoundLog *log, guint number, int pairs_kept);

typedef struct {
  guint n_cases, n_answered, n_passed, n_hints;
  double mean;                   /* of the scores of all cases, 0 for one without an answer */
  guint n_voices, n_voice_passed; /* of the model */
  double voice_mean;             /* over the cases that it answered */
} AxRoundTotals;
AxRoundTotals ax_round_log_totals (const AxRoundLog *log);
/* Numbers of the cases that were not passed, in the round's order: array of guint. */
GArray *ax_round_log_misses (const AxRoundLog *log);

/* The same log gives the same text. Free with g_free. */
char *ax_round_log_to_json (const AxRoundLog *log);
/* Errors as ax_round_from_json(). */
AxRoundLog *ax_round_log_from_json (const char *text, gsize size, const char *name, GError **error);
AxRoundLog *ax_round_log_load (const char *path, GError **error);
gboolean ax_round_log_save (const AxRoundLog *log, const char *path, GError **error);

/* For the other files of this folder: the log as a member of another file, and the number of the case with that id, or -1. */
void ax_round_log_write (AxJson *json, const char *key, const AxRoundLog *log);
AxRoundLog *ax_round_log_read (JsonObject *object, GError **error);
int ax_round_log_number (const AxRoundLog *log, const char *id);

/* One line a case in the round's order, RFC 4180 with a header, times in seconds; cells that a spreadsheet would take for a formula begin with an
 * apostrophe. Free with g_free. */
char *ax_round_log_to_csv (const AxRoundLog *log);

G_END_DECLS
