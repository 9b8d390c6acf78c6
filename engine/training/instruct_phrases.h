/* Findings in words. What lives here: nouns of the marks, phrases with size, side and zone ("small right pleural effusion", "opacity in the left lower lung
 * zone"), and joining of lists. Used by every task that speaks of findings. May use instruct_facts.h and random.h. */
#pragma once

#include "engine/training/instruct_facts.h"
#include "engine/training/random.h"

G_BEGIN_DECLS

/* How much of the place a phrase says; also which other findings of the image it is true of. */
typedef enum {
  AX_PHRASE_FULL,  /* size, side and zone: "extensive opacity in the left mid and lower lung zones" */
  AX_PHRASE_ZONE,  /* side and zone, noun last: "left lower zone opacity" */
  AX_PHRASE_SIDE,  /* "left-sided pleural effusion" */
  AX_PHRASE_NOUN,  /* "pleural effusion" */
  AX_PHRASE_N,
} AxPhraseStyle;

/* The plain noun: "opacity", "consolidation", "pleural effusion"; random NULL: the first, always the same one. Owned by the program. */
const char *ax_finding_noun (const AxKnownFinding *finding, AxRandom *random);

/* The phrase, beginning in lower case, without a full stop. Free with g_free(). */
char *ax_finding_phrase (const AxKnownFinding *finding, AxPhraseStyle style, const char *noun);

/* "No"-phrases and class questions: "lung opacity", "rib fracture". Owned by the program. */
const char *ax_mark_noun (AxMark mark);

/* Which of the image's findings a phrase made from findings[index] in that style is true of: bits of their indices. */
guint32 ax_phrase_matches (const AxImageFacts *facts, guint index, AxPhraseStyle style);

/* "a", "a and b", "a, b and c". Free with g_free(). */
char *ax_join_words (char **words, guint n);

/* A copy with its first letter in upper case and, with stop, a full stop. Free with g_free(). */
char *ax_sentence_case (const char *text, gboolean stop);

G_END_DECLS
