/* The heart's size, in words and in boxes. See heart.h. */
#include "engine/session/heart.h"
#include <string.h>

#define MAX_WORDS 64                     /* of a clause; a longer one says something else too */

typedef struct {
  char  *word[MAX_WORDS];
  guint  n;
} Clause;

static const char *const hearts[] = { "heart", "cardiac", "cardiomediastinal", "cardiothoracic", NULL };
static const char *const large[] = { "enlarged", "enlargement", "large", "increased", "widened", "wide", "dilated", "big", NULL };
static const char *const usual[] = { "normal", "unremarkable", NULL };
static const char *const nouns[] = { "cardiomegaly", NULL };
static const char *const denials[] = { "no", "not", "without", "neither", "nor", "never", NULL };
static const char *const late_denials[] = { "not", "absent", "excluded", NULL };
static const char *const doubts[] = { "borderline", "possible", "possibly", "may", "might", "questionable", "suspected", "equivocal", "limits", NULL };
/* Between a size and "heart" in front of it: "enlargement of the heart", "normal size of the heart". */
static const char *const joints[] = { "of", "the", "size", "in", NULL };
/* Behind "heart" these begin something else: "the heart is obscured by a large effusion", "the heart's border is normal". */
static const char *const turns[] = { "by", "with", "behind", "from", "obscured", "there", "which", "border", "borders", "margin", "margins", "valve", "valves", NULL };
static const char *const verbs[] = { "is", "are", "was", "appears", "remains", "seems", "has", NULL };
static const char *const breaks[] = { "but", "however", "although", "though", "while", "whereas", NULL };

static gboolean
is_one_of (const char *word, const char *const *list)
{
  return g_strv_contains (list, word);
}

static gboolean
has_before (const Clause *c, guint end, const char *const *list)
{
  for (guint i = 0; i < end; i++)
    if (is_one_of (c->word[i], list))
      return TRUE;
  return FALSE;
}

static AxHeartSaid
said_of (const char *size, gboolean denied)
{
  if (is_one_of (size, large))
    return denied ? AX_HEART_USUAL_SIZE : AX_HEART_ENLARGED;
  return denied ? AX_HEART_UNSAID : AX_HEART_USUAL_SIZE;      /* "not normal" may be anything */
}

/* Of the heart that is word `at`. */
static AxHeartSaid
said_at (const Clause *c, guint at)
{
  gboolean verb = FALSE, denied = FALSE;
  /* In front of it: "Normal heart size", "no enlargement of the cardiac silhouette". */
  guint before = at;
  while (before > 0 && is_one_of (c->word[before - 1], joints))
    before--;
  if (before > 0 && (is_one_of (c->word[before - 1], large) || is_one_of (c->word[before - 1], usual)))
    return said_of (c->word[before - 1], has_before (c, before, denials));
  /* Behind it: "The heart is not enlarged", "cardiac enlargement". */
  for (guint i = at + 1; i < c->n && !is_one_of (c->word[i], turns); i++)
    {
      verb |= is_one_of (c->word[i], verbs);
      denied |= is_one_of (c->word[i], denials);
      const gboolean is_large = is_one_of (c->word[i], large), is_usual = is_one_of (c->word[i], usual);
      if (is_usual && i + 1 < c->n && strcmp (c->word[i + 1], "to") == 0)
        continue;              /* "top normal to mildly enlarged" */
      if (is_large || is_usual)
        return said_of (c->word[i], denied || (!verb && has_before (c, at, denials)));
    }
  return AX_HEART_UNSAID;
}

static AxHeartSaid
said_in (const Clause *c)
{
  if (has_before (c, c->n, doubts) && !has_before (c, c->n, (const char *const[]) { "within", NULL }))
    return AX_HEART_UNSAID;
  for (guint i = 0; i < c->n; i++)
    {
      AxHeartSaid said = AX_HEART_UNSAID;
      if (is_one_of (c->word[i], nouns))
        {
          gboolean denied = has_before (c, i, denials);
          for (guint k = i + 1; k < c->n && !denied && k <= i + 2; k++)
            denied = is_one_of (c->word[k], late_denials);
          said = denied ? AX_HEART_USUAL_SIZE : AX_HEART_ENLARGED;
        }
      else if (is_one_of (c->word[i], hearts))
        said = said_at (c, i);
      if (said != AX_HEART_UNSAID)
        return said;
    }
  return AX_HEART_UNSAID;
}

static void
clause_clear (Clause *c)
{
  for (guint i = 0; i < c->n; i++)
    g_free (c->word[i]);
  c->n = 0;
}

AxHeartSaid
ax_heart_said (const char *sentence)
{
  Clause c = { .n = 0 };
  AxHeartSaid said = AX_HEART_UNSAID;
  for (const char *p = sentence;;)
    {
      gsize n = 0;
      while (g_ascii_isalnum (p[n]) || (guchar) p[n] >= 0x80)
        n++;
      g_autofree char *word = n > 0 ? g_ascii_strdown (p, (gssize) n) : NULL;
      const gboolean ends = word != NULL ? is_one_of (word, breaks) : *p == '\0' || strchr (".,;:()", *p) != NULL;
      if (ends)
        {
          const AxHeartSaid here = said_in (&c);
          clause_clear (&c);
          if (here != AX_HEART_UNSAID && said != AX_HEART_UNSAID && here != said)
            return AX_HEART_UNSAID;
          said = here != AX_HEART_UNSAID ? here : said;
        }
      else if (word != NULL && c.n < MAX_WORDS)
        c.word[c.n++] = g_steal_pointer (&word);
      if (*p == '\0')
        return said;
      p += MAX (n, 1);
    }
}

double
ax_perception_heart_ratio (const AxPerception *p)
{
  const AxBox heart = p->anatomy[4].box1024, left = p->anatomy[11].box1024, right = p->anatomy[20].box1024;
  const double chest = MAX (left.x2, right.x2) - MIN (left.x1, right.x1);
  return chest > 0 ? MAX (heart.x2 - heart.x1, 0) / chest : 0;
}

void
ax_answer_check_heart (AxAnswer *answer)
{
  if (answer->perception == NULL)
    return;
  const double ratio = ax_perception_heart_ratio (answer->perception);
  for (guint i = 0; i < answer->n_sentences; i++)
    {
      AxAnswerSentence *s = &answer->sentences[i];
      g_autofree char *words = g_strndup (answer->plain + s->start, s->end - s->start);
      const AxHeartSaid said = ax_heart_said (words);
      const gboolean contradicts = (said == AX_HEART_USUAL_SIZE && ratio > AX_HEART_RATIO_LARGE) || (said == AX_HEART_ENLARGED && ratio < AX_HEART_RATIO_USUAL && ratio > 0);
      s->heart_ratio = contradicts ? ratio : 0;
    }
}
