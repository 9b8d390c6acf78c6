/* text_scores.c: see text_scores.h. */
#include "engine/evaluation/text_scores.h"

#include <string.h>

#define MAX_TOKENS 4096 /* of one text; what follows is not scored */

/* ---- ROUGE ---- */

static GPtrArray *
rouge_tokens (const char *text)
{
  GPtrArray *tokens = g_ptr_array_new_with_free_func (g_free);
  for (const char *p = text; *p != '\0' && tokens->len < MAX_TOKENS;) {
    if (!g_ascii_isalnum (*p)) {
      p++;
      continue;
    }
    const char *end = p;
    while (g_ascii_isalnum (*end))
      end++;
    g_autofree char *word = g_ascii_strdown (p, end - p);
    g_ptr_array_add (tokens, strlen (word) > 3 ? ax_porter_stem (word) : g_strdup (word));
    p = end;
  }
  return tokens;
}

static GHashTable *
grams (const GPtrArray *tokens, guint n, guint *total)
{
  GHashTable *counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  *total = 0;
  for (guint i = 0; i + n <= tokens->len; i++) {
    GString *gram = g_string_new (NULL);
    for (guint k = 0; k < n; k++)
      g_string_append_printf (gram, "%s ", (const char *) tokens->pdata[i + k]);
    const guint count = GPOINTER_TO_UINT (g_hash_table_lookup (counts, gram->str));
    g_hash_table_insert (counts, g_string_free (gram, FALSE), GUINT_TO_POINTER (count + 1));
    *total += 1;
  }
  return counts;
}

static AxRouge
rouge_of (double same, double reference, double text)
{
  AxRouge s = { same / MAX (text, 1), same / MAX (reference, 1), 0 };
  if (s.p + s.r > 0)
    s.f = 2 * s.p * s.r / (s.p + s.r);
  return s;
}

AxRouge
ax_rouge_n (const char *reference, const char *text, guint n)
{
  g_return_val_if_fail (n > 0, ((AxRouge) { 0, 0, 0 }));
  g_autoptr (GPtrArray) a = rouge_tokens (reference), b = rouge_tokens (text);
  guint total_a, total_b, same = 0;
  g_autoptr (GHashTable) x = grams (a, n, &total_a), y = grams (b, n, &total_b);
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init (&iter, x);
  while (g_hash_table_iter_next (&iter, &key, &value))
    same += MIN (GPOINTER_TO_UINT (value), GPOINTER_TO_UINT (g_hash_table_lookup (y, key)));
  return rouge_of (same, total_a, total_b);
}

AxRouge
ax_rouge_l (const char *reference, const char *text)
{
  g_autoptr (GPtrArray) a = rouge_tokens (reference), b = rouge_tokens (text);
  if (a->len == 0 || b->len == 0)
    return (AxRouge) { 0, 0, 0 };
  g_autofree guint *row = g_new0 (guint, b->len + 1);
  for (guint i = 0; i < a->len; i++) {
    guint diagonal = 0;
    for (guint k = 1; k <= b->len; k++) {
      const guint above = row[k];
      row[k] = strcmp (a->pdata[i], b->pdata[k - 1]) == 0 ? diagonal + 1 : MAX (above, row[k - 1]);
      diagonal = above;
    }
  }
  return rouge_of (row[b->len], a->len, b->len);
}

/* ---- METEOR ---- */

static GPtrArray *
meteor_tokens (const char *text)
{
  GPtrArray *tokens = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *valid = g_utf8_make_valid (text, -1), *lower = g_utf8_strdown (valid, -1);
  g_auto (GStrv) words = g_strsplit_set (lower, " \t\r\n\v\f", -1);
  for (guint i = 0; words[i] != NULL && tokens->len < MAX_TOKENS; i++)
    if (*words[i] != '\0')
      g_ptr_array_add (tokens, g_strdup (words[i]));
  return tokens;
}

/* match[i]: the reference word that word i of the text stands for, -1: none. From the end, as NLTK does: it decides which of equal words are paired. */
static void
match_words (const GPtrArray *text, const GPtrArray *reference, int *match, guint8 *taken)
{
  for (guint i = text->len; i-- > 0;)
    for (guint k = reference->len; match[i] < 0 && k-- > 0;)
      if (!taken[k] && strcmp (text->pdata[i], reference->pdata[k]) == 0) {
        match[i] = (int) k;
        taken[k] = 1;
      }
}

double
ax_meteor (const char *reference, const char *text)
{
  g_autoptr (GPtrArray) a = meteor_tokens (reference), b = meteor_tokens (text);
  if (a->len == 0 || b->len == 0)
    return 0;
  g_autofree int *match = g_new (int, b->len);
  g_autofree guint8 *taken = g_new0 (guint8, a->len);
  for (guint i = 0; i < b->len; i++)
    match[i] = -1;
  match_words (b, a, match, taken);
  for (guint side = 0; side < 2; side++) {
    GPtrArray *list = side == 0 ? a : b;
    for (guint i = 0; i < list->len; i++) {
      char *stem = ax_porter_stem (list->pdata[i]);
      g_free (list->pdata[i]);
      list->pdata[i] = stem;
    }
  }
  match_words (b, a, match, taken);
  guint matches = 0, chunks = 0;
  int last_text = -2, last_reference = -2;
  for (guint i = 0; i < b->len; i++) {
    if (match[i] < 0)
      continue;
    matches++;
    chunks += (int) i != last_text + 1 || match[i] != last_reference + 1;
    last_text = (int) i;
    last_reference = match[i];
  }
  if (matches == 0)
    return 0;
  const double p = matches / (double) b->len, r = matches / (double) a->len, mean = p * r / (0.9 * p + 0.1 * r), share = chunks / (double) matches;
  return (1 - 0.5 * share * share * share) * mean;
}
