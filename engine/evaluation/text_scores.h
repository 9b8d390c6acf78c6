/* Scores of a text against a reference text, spec 10.1. What lives here: ROUGE-N and ROUGE-L as rouge_score computes them (lower case, letters and digits,
 * Porter stems of words longer than three) and METEOR as NLTK computes it, without WordNet's synonyms, on words between white space. Both use NLTK's
 * variant of Porter's stemmer. Vectors of the authors' run: ../shared/reference/J_eval. May use GLib. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  double p, r, f; /* precision, recall, F1; 0 where a side is empty */
} AxRouge;

AxRouge ax_rouge_n (const char *reference, const char *text, guint n);
AxRouge ax_rouge_l (const char *reference, const char *text);

/* Exact words, then stems; alpha 0.9, beta 3, gamma 0.5. */
double ax_meteor (const char *reference, const char *text);

/* The stem of a lower-case ASCII word (Porter 1980 with NLTK's extensions); other characters count as consonants. Free with g_free(). */
char *ax_porter_stem (const char *word);

G_END_DECLS
