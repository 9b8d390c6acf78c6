/* Names of structures and findings as people read and hear them. What lives here: the engine's English names, marked for translation, and the way from the one
 * to the other. Only what is shown goes through here: what the model is asked, what it wrote, JSON and teaching files keep the engine's English. May use
 * engine/anatomix.h; no GTK, so it is tested without a display. Strings are owned by the program. */
#pragma once

#include "engine/anatomix.h"

G_BEGIN_DECLS

/* ax_anatomy_name() in the reader's language. */
const char *ax_shown_structure(guint index);
/* ax_anatomy_short_name() in the reader's language: it fits beside a box. */
const char *ax_shown_short_structure(guint index);
/* What the two structures of a pair (ax_anatomy_pair()) have in common: "Lung". */
const char *ax_shown_pair(guint pair);

/* A name of the engine's or of a teaching file in the reader's language: structures by any of their English names, findings without regard to case. A name that
 * is not known or not translated is returned as it is. */
const char *ax_shown_name(const char *english);
/* The same of several (NULL-terminated), joined by ", ". Free with g_free(). */
char *ax_shown_names(const char *const *english);
/* The way back: the English name of what is called `shown` in the reader's language, without regard to case; `shown` itself where nothing is called so. */
const char *ax_english_name(const char *shown);

G_END_DECLS
