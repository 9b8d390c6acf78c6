/* The wordings of instruction data. What lives here, as tables: names of the 36 structures beyond the display names, question wordings of ours beside the
 * templates of engine/task (spec 9), which begin every list, and the paraphrases that training never sees and the evaluation asks with. No logic beyond
 * picking and filling in. May use GLib, engine/task/task.h and random.h. */
#pragma once

#include <glib.h>

#include "engine/training/random.h"

G_BEGIN_DECLS

/* Names of structure `object` (0..35): its display name first, then synonyms, abbreviations and lower-case forms; NULL-terminated, owned by the program. No
 * name belongs to two structures. */
const char *const *ax_structure_names (guint object);

/* A list of wordings; "{}" is to be filled in. NULL-terminated. */
typedef enum {
  AX_WORDS_ANATOMY_QUESTION,  /* {} = name. Spec 9.7's first, then ours */
  AX_WORDS_ANATOMY_ANSWER,    /* two {}: display name, corners */
  AX_WORDS_ANATOMY_PARAPHRASE, /* 50 questions that are in no training data: evaluation alone */
  AX_WORDS_PHRASE_QUESTION,   /* {} = phrase */
  AX_WORDS_CLASS_QUESTION,    /* {} = class in lower case */
  AX_WORDS_DETECTION_QUESTION,
  AX_WORDS_DIAGNOSIS_QUESTION, /* {} = boxes */
  AX_WORDS_CAPTION_QUESTION,  /* {} = boxes */
  AX_WORDS_REPORT_QUESTION,
  AX_WORDS_LIST_QUESTION,     /* {} = options */
  AX_WORDS_SET_QUESTION,      /* {} = options */
  AX_WORDS_N,
} AxWords;

const char *const *ax_words (AxWords list);
guint ax_words_count (AxWords list);

/* How many of a list's wordings are those of the specification (the first ones). */
guint ax_words_from_spec (AxWords list);

/* One of a list. */
const char *ax_words_pick (AxWords list, AxRandom *random);

/* The wording with every "{}" replaced, in turn, by a, then b (b may be NULL if there is one). Free with g_free(). */
char *ax_words_fill (const char *wording, const char *a, const char *b);

G_END_DECLS
