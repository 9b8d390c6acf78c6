/* Questions with options to choose one of (spec 9.2 C, 9.8): "... Options:\n(A) yes\n(B) no". What lives here: reading the options out of an instruction, and
 * the same question with them in reversed order, because a language model leans towards a place in the list whatever stands there. Who asks both orders is
 * engine/session/choose.h. May use GLib. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define AX_OPTIONS_MAX 26

typedef struct {
  guint n;
  char *before, *after;        /* the instruction around the options' lines */
  char *tags[AX_OPTIONS_MAX];   /* "(A)", as an answer begins */
  char *texts[AX_OPTIONS_MAX];  /* "yes" */
} AxOptions;

/* The options are the first lines of the form "(tag) text", one below the other, with tags of one or two letters or digits, all different. NULL: fewer than 2 or
 * more than AX_OPTIONS_MAX of them, or the instruction says that there may be more than one answer. */
AxOptions *ax_options_parse(const char *instruction);
void ax_options_free(AxOptions *choice);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxOptions, ax_options_free)

/* The instruction with the texts in reversed order and the tags where they were: text i stands at n - 1 - i. Two options change places. */
char *ax_options_reversed(const AxOptions *choice);

/* An instruction of the texts as options (A), (B), ...: "question Options:\n(A) ...". n is 2..AX_OPTIONS_MAX. */
char *ax_options_write(const char *question, const char *const *texts, guint n);

G_END_DECLS
