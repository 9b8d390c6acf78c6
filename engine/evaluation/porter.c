/* porter.c: M. F. Porter, An algorithm for suffix stripping, Program 14(3), 1980, with the changes of NLTK's default mode (short words, "ies", "ied",
 * final y, "alli", "bli", "fulli", "logi" and a list of irregular words), which rouge_score and METEOR use. */
#include "engine/evaluation/text_scores.h"

#include <string.h>

static gboolean
consonant (const char *w, gsize i)
{
  switch (w[i]) {
  case 'a': case 'e': case 'i': case 'o': case 'u': return FALSE;
  case 'y': return i == 0 || !consonant (w, i - 1);
  default: return TRUE;
  }
}

/* m of [C](VC)^m[V] of the first n letters. */
static guint
measure (const char *w, gsize n)
{
  guint m = 0;
  for (gsize i = 1; i < n; i++)
    m += consonant (w, i) && !consonant (w, i - 1);
  return m;
}

static gboolean
has_vowel (const char *w, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (!consonant (w, i))
      return TRUE;
  return FALSE;
}

static gboolean
double_consonant (const char *w, gsize n)
{
  return n >= 2 && w[n - 1] == w[n - 2] && consonant (w, n - 1);
}

/* *o: ends consonant, vowel, consonant other than w, x, y; or is a vowel and a consonant. */
static gboolean
ends_cvc (const char *w, gsize n)
{
  if (n >= 3)
    return consonant (w, n - 3) && !consonant (w, n - 2) && consonant (w, n - 1) && strchr ("wxy", w[n - 1]) == NULL;
  return n == 2 && !consonant (w, 0) && consonant (w, 1);
}

static gboolean
ends (const GString *w, const char *suffix, gsize *stem)
{
  const gsize n = strlen (suffix);
  if (w->len < n || strcmp (w->str + w->len - n, suffix) != 0)
    return FALSE;
  *stem = w->len - n;
  return TRUE;
}

static void
replace (GString *w, gsize stem, const char *with)
{
  g_string_truncate (w, stem);
  g_string_append (w, with);
}

static void
step_1a (GString *w)
{
  gsize stem;
  if (ends (w, "ies", &stem))
    replace (w, stem, w->len == 4 ? "ie" : "i");
  else if (ends (w, "sses", &stem))
    replace (w, stem, "ss");
  else if (!ends (w, "ss", &stem) && ends (w, "s", &stem))
    replace (w, stem, "");
}

static void
step_1b (GString *w)
{
  gsize stem;
  if (ends (w, "ied", &stem)) {
    replace (w, stem, w->len == 4 ? "ie" : "i");
    return;
  }
  if (ends (w, "eed", &stem)) {
    if (measure (w->str, stem) > 0)
      replace (w, stem, "ee");
    return;
  }
  if (!(ends (w, "ed", &stem) && has_vowel (w->str, stem)) && !(ends (w, "ing", &stem) && has_vowel (w->str, stem)))
    return;
  g_string_truncate (w, stem);
  if (ends (w, "at", &stem) || ends (w, "bl", &stem) || ends (w, "iz", &stem))
    g_string_append_c (w, 'e');
  else if (double_consonant (w->str, w->len)) {
    if (strchr ("lsz", w->str[w->len - 1]) == NULL)
      g_string_truncate (w, w->len - 1);
  } else if (measure (w->str, w->len) == 1 && ends_cvc (w->str, w->len))
    g_string_append_c (w, 'e');
}

static void
step_1c (GString *w)
{
  gsize stem;
  if (ends (w, "y", &stem) && stem > 1 && consonant (w->str, stem - 1))
    replace (w, stem, "i");
}

typedef struct { const char *suffix, *with; } Rule;

/* The first suffix that fits decides. */
static void
apply (GString *w, const Rule *rules, guint more_than)
{
  for (; rules->suffix != NULL; rules++) {
    gsize stem;
    if (!ends (w, rules->suffix, &stem))
      continue;
    gsize counted = strcmp (rules->suffix, "logi") == 0 ? stem + 1 : stem;
    gboolean fits = measure (w->str, counted) > more_than;
    if (strcmp (rules->suffix, "ion") == 0)
      fits = fits && stem > 0 && strchr ("st", w->str[stem - 1]) != NULL;
    if (fits)
      replace (w, stem, rules->with);
    return;
  }
}

static void
step_2 (GString *w)
{
  static const Rule rules[] = {
    { "ational", "ate" }, { "tional", "tion" }, { "enci", "ence" }, { "anci", "ance" }, { "izer", "ize" }, { "bli", "ble" }, { "alli", "al" }, { "entli", "ent" }, { "eli", "e" },
    { "ousli", "ous" }, { "ization", "ize" }, { "ation", "ate" }, { "ator", "ate" }, { "alism", "al" }, { "iveness", "ive" }, { "fulness", "ful" }, { "ousness", "ous" },
    { "aliti", "al" }, { "iviti", "ive" }, { "biliti", "ble" }, { "fulli", "ful" }, { "logi", "log" }, { NULL, NULL },
  };
  gsize stem;
  while (ends (w, "alli", &stem) && measure (w->str, stem) > 0)
    replace (w, stem, "al"); /* and once more from the start of the list */
  apply (w, rules, 0);
}

static void
step_3 (GString *w)
{
  static const Rule rules[] = { { "icate", "ic" }, { "ative", "" }, { "alize", "al" }, { "iciti", "ic" }, { "ical", "ic" }, { "ful", "" }, { "ness", "" }, { NULL, NULL } };
  apply (w, rules, 0);
}

static void
step_4 (GString *w)
{
  static const Rule rules[] = {
    { "al", "" }, { "ance", "" }, { "ence", "" }, { "er", "" }, { "ic", "" }, { "able", "" }, { "ible", "" }, { "ant", "" }, { "ement", "" }, { "ment", "" }, { "ent", "" }, { "ion", "" },
    { "ou", "" }, { "ism", "" }, { "ate", "" }, { "iti", "" }, { "ous", "" }, { "ive", "" }, { "ize", "" }, { NULL, NULL },
  };
  apply (w, rules, 1);
}

static void
step_5 (GString *w)
{
  gsize stem;
  if (ends (w, "e", &stem)) {
    const guint m = measure (w->str, stem);
    if (m > 1 || (m == 1 && !ends_cvc (w->str, stem)))
      g_string_truncate (w, stem);
  }
  if (ends (w, "ll", &stem) && measure (w->str, w->len - 1) > 1)
    g_string_truncate (w, w->len - 1);
}

char *
ax_porter_stem (const char *word)
{
  static const Rule irregular[] = {
    { "sky", "sky" }, { "skies", "sky" }, { "dying", "die" }, { "lying", "lie" }, { "tying", "tie" }, { "news", "news" }, { "innings", "inning" }, { "inning", "inning" },
    { "outings", "outing" }, { "outing", "outing" }, { "cannings", "canning" }, { "canning", "canning" }, { "howe", "howe" }, { "proceed", "proceed" }, { "exceed", "exceed" },
    { "succeed", "succeed" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (irregular); i++)
    if (strcmp (irregular[i].suffix, word) == 0)
      return g_strdup (irregular[i].with);
  GString *w = g_string_new (word);
  if (w->len > 2) {
    step_1a (w);
    step_1b (w);
    step_1c (w);
    step_2 (w);
    step_3 (w);
    step_4 (w);
    step_5 (w);
  }
  return g_string_free (w, FALSE);
}
