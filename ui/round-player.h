/* Playing a teaching round. What lives here: AxRoundPlayer, where a learner stands in a round: which case, whether it was answered and revealed, whether the
 * model may be heard yet, hints and times, and the log that comes of it. A replay goes through a log in the order in which it was made and changes
 * nothing of it. May use GObject, engine/anatomix.h and engine/teaching; no GTK, so it is tested without a display. Main thread only. */
#pragma once

#include "engine/teaching/sitting.h"

G_BEGIN_DECLS

typedef enum {
  AX_ROUND_ASKING,   /* the learner is at work; nothing of the answer may be shown */
  AX_ROUND_HELD,     /* answered and revealed but for the model, which waits for a key (presenter mode) */
  AX_ROUND_REVEALED, /* everything is shown */
  AX_ROUND_OVER,     /* past the last case: the results */
} AxRoundPhase;

#define AX_TYPE_ROUND_PLAYER (ax_round_player_get_type())
G_DECLARE_FINAL_TYPE(AxRoundPlayer, ax_round_player, AX, ROUND_PLAYER, GObject)

/* Signal "changed" after every change. */
AxRoundPlayer *ax_round_player_new(const AxRound *round);
AxRoundPlayer *ax_round_player_new_replay(const AxRoundLog *log);
/* Goes on where a sitting stopped. */
AxRoundPlayer *ax_round_player_new_sitting(const AxRoundSitting *sitting);
/* Where the learner stands; not in a replay. The draft is the caller's to add. Free with ax_round_sitting_free(). */
AxRoundSitting *ax_round_player_get_sitting(AxRoundPlayer *self, const char *folder);
gboolean ax_round_player_is_replay(AxRoundPlayer *self);
const AxRoundLog *ax_round_player_get_log(AxRoundPlayer *self);
void ax_round_player_set_learner(AxRoundPlayer *self, const char *name);

AxRoundPhase ax_round_player_get_phase(AxRoundPlayer *self);
/* The case at hand; NULL when it is over. */
const AxRoundCase *ax_round_player_get_case(AxRoundPlayer *self);
guint ax_round_player_get_number(AxRoundPlayer *self);   /* of the case in the round, from 0 */
guint ax_round_player_get_position(AxRoundPlayer *self); /* among those that are gone through, from 0 */
guint ax_round_player_get_length(AxRoundPlayer *self);
/* The learner's entry for the case at hand, once it may be shown; or NULL. */
const AxRoundEntry *ax_round_player_get_entry(AxRoundPlayer *self);

/* Steps to another case, or past the last one to the results; FALSE at either end. */
gboolean ax_round_player_go(AxRoundPlayer *self, int step);
/* Goes through the cases that were not passed, from the first; FALSE when there is none. And through all again. */
gboolean ax_round_player_review(AxRoundPlayer *self);
gboolean ax_round_player_is_reviewing(AxRoundPlayer *self);
void ax_round_player_restart(AxRoundPlayer *self);

/* FALSE where there is none. */
gboolean ax_round_player_show_hint(AxRoundPlayer *self);
gboolean ax_round_player_is_hint_shown(AxRoundPlayer *self);
/* Takes the learner's answer and reveals the case; FALSE when it is not being asked, lacks what the task needs, or in a replay. */
gboolean ax_round_player_answer(AxRoundPlayer *self, const AxRoundAnswer *answer);
/* Shows the answer of a case in a replay. */
gboolean ax_round_player_reveal(AxRoundPlayer *self);

/* What the model perceived of the case at hand, as soon as it is there; its answer is kept once the learner has answered. `model` names it. */
void ax_round_player_set_perception(AxRoundPlayer *self, guint number, const AxPerception *perception, const char *model);
/* The same for an answer of the language model; takes it. */
void ax_round_player_set_voice(AxRoundPlayer *self, guint number, AxRoundAnswer *voice, const char *model);
/* The mirror test of a mirrored case: of how many pairs the model kept the side. */
void ax_round_player_set_pairs_kept(AxRoundPlayer *self, guint number, int pairs_kept);
/* Whether the model's answer may be shown now. */
gboolean ax_round_player_is_model_shown(AxRoundPlayer *self);
/* Lets the model speak; FALSE when it need not wait. */
gboolean ax_round_player_show_model(AxRoundPlayer *self);
gboolean ax_round_player_get_presenter(AxRoundPlayer *self);
void ax_round_player_set_presenter(AxRoundPlayer *self, gboolean presenter);

G_END_DECLS
