/* report_labels.c: see report_labels.h. A sentence becomes a list of words; findings, sides, zones, negations and verbs are marked in it, and each finding
 * takes what belongs to it. */
#include "engine/evaluation/report_labels.h"

#include <string.h>

#define BIT(x) (1u << (x))
#define MAX_WORDS 160 /* of a sentence; what follows is a sentence of its own */

typedef struct {
  char text[24];      /* lower case, cut; long words are no words of ours */
  guint start, end;   /* bytes in the text */
  gboolean comma;     /* a comma or semicolon stands before it */
} Word;

typedef struct {
  Word words[MAX_WORDS];
  guint n;
} Sentence;

/* ---- lexicon ---- */

/* Words of a pattern are separated by blanks; "opacit*" is a beginning. Longer patterns stand before those that they contain. */
static const struct { const char *pattern; int mark; } lexicon[] = {
  { "pleural thickening", AX_MARK_PLEURAL_THICKENING }, { "thickening of the pleura", AX_MARK_PLEURAL_THICKENING }, { "thickened pleura", AX_MARK_PLEURAL_THICKENING },
  { "apical capping", AX_MARK_PLEURAL_THICKENING }, { "pleural plaque*", AX_MARK_PLEURAL_THICKENING }, { "apical cap", AX_MARK_PLEURAL_THICKENING },
  { "pleural effusion*", AX_MARK_PLEURAL_EFFUSION }, { "pleural fluid", AX_MARK_PLEURAL_EFFUSION }, { "effusion*", AX_MARK_PLEURAL_EFFUSION },
  { "fluid in the pleural space", AX_MARK_PLEURAL_EFFUSION }, { "hydrothorax", AX_MARK_PLEURAL_EFFUSION },
  { "blunting of the costophrenic angle*", AX_MARK_PLEURAL_EFFUSION }, { "blunting of the left costophrenic angle", AX_MARK_PLEURAL_EFFUSION },
  { "blunting of the right costophrenic angle", AX_MARK_PLEURAL_EFFUSION }, { "blunting of both costophrenic angles", AX_MARK_PLEURAL_EFFUSION },
  { "costophrenic angle is blunted", AX_MARK_PLEURAL_EFFUSION }, { "costophrenic angles are blunted", AX_MARK_PLEURAL_EFFUSION }, { "blunted costophrenic angle*", AX_MARK_PLEURAL_EFFUSION },
  { "hydropneumothorax", AX_MARK_PNEUMOTHORAX }, { "pneumothorax", AX_MARK_PNEUMOTHORAX }, { "pneumothoraces", AX_MARK_PNEUMOTHORAX }, { "visceral pleural line", AX_MARK_PNEUMOTHORAX },
  { "enlargement of the heart", AX_MARK_CARDIOMEGALY }, { "enlargement of the cardiac silhouette", AX_MARK_CARDIOMEGALY }, { "cardiac enlargement", AX_MARK_CARDIOMEGALY },
  { "enlarged heart", AX_MARK_CARDIOMEGALY }, { "enlarged cardiac silhouette", AX_MARK_CARDIOMEGALY }, { "enlarged cardiomediastinal silhouette", AX_MARK_CARDIOMEGALY },
  { "cardiomegaly", AX_MARK_CARDIOMEGALY }, { "large heart", AX_MARK_CARDIOMEGALY },
  { "lung opacit*", AX_MARK_LUNG_OPACITY }, { "opacit*", AX_MARK_LUNG_OPACITY }, { "opacification*", AX_MARK_LUNG_OPACITY }, { "opacified", AX_MARK_LUNG_OPACITY },
  { "consolidation*", AX_MARK_LUNG_OPACITY }, { "consolidated", AX_MARK_LUNG_OPACITY }, { "infiltrate*", AX_MARK_LUNG_OPACITY }, { "infiltration*", AX_MARK_LUNG_OPACITY },
  { "pneumonia*", AX_MARK_LUNG_OPACITY }, { "bronchopneumonia", AX_MARK_LUNG_OPACITY }, { "airspace disease", AX_MARK_LUNG_OPACITY }, { "white out", AX_MARK_LUNG_OPACITY },
  { "pulmonary edema", AX_MARK_EDEMA }, { "pulmonary oedema", AX_MARK_EDEMA }, { "interstitial edema", AX_MARK_EDEMA }, { "edema", AX_MARK_EDEMA }, { "oedema", AX_MARK_EDEMA },
  { "pulmonary vascular congestion", AX_MARK_EDEMA }, { "vascular congestion", AX_MARK_EDEMA }, { "pulmonary venous congestion", AX_MARK_EDEMA },
  { "volume loss", AX_MARK_ATELECTASIS }, { "atelecta*", AX_MARK_ATELECTASIS }, { "collapse", AX_MARK_ATELECTASIS }, { "lobar collapse", AX_MARK_ATELECTASIS }, { "collapsed", AX_MARK_ATELECTASIS },
  { "lung lesion*", AX_MARK_LUNG_LESION }, { "nodule*", AX_MARK_LUNG_LESION }, { "nodular opacit*", AX_MARK_LUNG_LESION }, { "mass", AX_MARK_LUNG_LESION }, { "masses", AX_MARK_LUNG_LESION },
  { "lung tumor*", AX_MARK_LUNG_LESION }, { "tumour*", AX_MARK_LUNG_LESION }, { "lesion*", AX_MARK_LUNG_LESION }, { "metastas*", AX_MARK_LUNG_LESION },
  { "fibrosis", AX_MARK_FIBROSIS }, { "fibrotic", AX_MARK_FIBROSIS }, { "scarring", AX_MARK_FIBROSIS }, { "honeycombing", AX_MARK_FIBROSIS },
  { "emphysema*", AX_MARK_EMPHYSEMA }, { "bulla", AX_MARK_EMPHYSEMA }, { "bullae", AX_MARK_EMPHYSEMA }, { "hyperinflat*", AX_MARK_EMPHYSEMA }, { "hyperexpan*", AX_MARK_EMPHYSEMA },
  { "calcif*", AX_MARK_CALCIFICATION }, { "calcified granuloma*", AX_MARK_CALCIFICATION },
  { "fracture*", AX_MARK_FRACTURE }, { "fractured", AX_MARK_FRACTURE }, { "broken rib*", AX_MARK_FRACTURE },
};

/* Phrases that say that something is normal; every mark of the set is absent. */
static const struct { const char *pattern; AxMarkSet marks; } normals[] = {
#define LUNGS (BIT (AX_MARK_LUNG_OPACITY) | BIT (AX_MARK_ATELECTASIS) | BIT (AX_MARK_LUNG_LESION) | BIT (AX_MARK_EDEMA))
#define ALL (BIT (AX_MARK_N) - 1)
  { "lungs are clear", LUNGS }, { "lung is clear", LUNGS }, { "lungs remain clear", LUNGS }, { "clear lungs", LUNGS }, { "lung fields are clear", LUNGS }, { "lungs clear", LUNGS },
  { "no focal lung abnormality", LUNGS }, { "lungs are well aerated", LUNGS }, { "lungs are normally aerated", LUNGS }, { "lungs are unremarkable", LUNGS },
  { "no acute abnormality", ALL }, { "normal chest radiograph", ALL }, { "normal chest x ray", ALL }, { "normal radiograph", ALL }, { "no abnormality", ALL }, { "no abnormalities", ALL },
  { "chest radiograph is normal", ALL }, { "no acute cardiopulmonary", ALL }, { "unremarkable chest", ALL }, { "no finding", ALL }, { "normal chest", ALL }, { "no acute disease", ALL },
  { "costophrenic angles are clear", BIT (AX_MARK_PLEURAL_EFFUSION) }, { "costophrenic angles are sharp", BIT (AX_MARK_PLEURAL_EFFUSION) },
  { "costophrenic angle is sharp", BIT (AX_MARK_PLEURAL_EFFUSION) }, { "costophrenic angle is clear", BIT (AX_MARK_PLEURAL_EFFUSION) },
  { "sharp costophrenic angles", BIT (AX_MARK_PLEURAL_EFFUSION) }, { "clear costophrenic angles", BIT (AX_MARK_PLEURAL_EFFUSION) },
  { "ribs are intact", BIT (AX_MARK_FRACTURE) }, { "bones are intact", BIT (AX_MARK_FRACTURE) }, { "bony thorax is intact", BIT (AX_MARK_FRACTURE) },
  { "osseous structures are intact", BIT (AX_MARK_FRACTURE) }, { "no acute bony abnormality", BIT (AX_MARK_FRACTURE) }, { "no acute osseous abnormality", BIT (AX_MARK_FRACTURE) },
#undef ALL
#undef LUNGS
};

static const char *const hearts[] = { "heart", "cardiac silhouette", "cardiac shadow", "cardiac contour", "cardiomediastinal silhouette", "cardiac size", "cardiothoracic ratio", NULL };
static const char *const heart_large[] = { "enlarged", "large", "increased", "widened", "wide", "enlargement", "dilated", "prominent", NULL };
static const char *const heart_normal[] = { "normal", "unremarkable", NULL };

static const char *const denials[] = { "no", "without", "not", "nor", "neither", "absent", "negative for", "free of", "clear of", "lack of", "absence of", "excludes", "exclude", "denies", "resolution of",
                                       "resolved", "rather than", "never", NULL };
/* "no" that denies something else than the finding. */
static const char *const false_denials[] = { "no change", "no interval change", "no significant change", "no increase", "no decrease", "not only", "no further", "without change", "no longer than",
                                             "not changed", "not significantly changed", "no improvement", "no doubt", "not excluded", "cannot be excluded", "can not be excluded",
                                             "not be excluded", "cannot exclude", "not completely excluded", "not ruled out", "without resolution", NULL };
/* After the finding. */
static const char *const late_denials[] = { "not seen", "not present", "not identified", "not visible", "not evident", "not demonstrated", "not detected", "not apparent", "not visualized", "absent", "has resolved",
                                            "have resolved", "resolved", "is excluded", "are excluded", "no longer seen", "no longer visible", "no longer present", "ruled out", "not there",
                                            "cleared", "not found", NULL };
static const char *const doubts[] = { "possible", "possibly", "probable", "probably", "suspected", "suspicious for", "suspicion of", "may", "might", "likely", "questionable", "question of", "cannot be excluded",
                                      "can not be excluded", "not excluded", "could", "suggest*", "concerning for", "equivocal", "cannot exclude", "not completely excluded", "borderline",
                                      "not ruled out", "not be excluded", NULL };
/* Where the reach of a denial ends. */
static const char *const ends[] = { "but", "however", "although", "though", "except", "there is", "there are", "aside from", "other than", "apart from", "besides", "yet", "whereas", "while",
                                    "shows", "show", "has", "which", "with", "consistent with", "due to", NULL };
static const char *const verbs[] = { "is", "are", "was", "were", "shows", "show", "has", "have", "seen", "noted", "present", "visible", NULL };
static const char *const sizes[] = { "small", "moderate", "large", "extensive", "mild", "marked", "severe", "minimal", "tiny", "subtle", "dense", "patchy", "trace", "a", "an", "moderately", "mildly", NULL };

/* ---- words ---- */

static gboolean
word_is (const Word *word, const char *pattern, gsize length)
{
  if (length > 0 && pattern[length - 1] == '*')
    return strncmp (word->text, pattern, length - 1) == 0;
  return strncmp (word->text, pattern, length) == 0 && word->text[length] == '\0';
}

/* How many words the pattern takes at `at`; 0 if it does not stand there. */
static guint
match_at (const Sentence *s, guint at, const char *pattern)
{
  guint used = 0;
  for (const char *p = pattern; *p != '\0';) {
    const gsize length = strcspn (p, " ");
    if (at + used >= s->n || !word_is (&s->words[at + used], p, length))
      return 0;
    used++;
    p += length;
    p += *p == ' ';
  }
  return used;
}

static guint
match_any (const Sentence *s, guint at, const char *const *patterns)
{
  guint best = 0;
  for (; *patterns != NULL; patterns++)
    best = MAX (best, match_at (s, at, *patterns));
  return best;
}

/* The next sentence from *p on; FALSE at the end. Numbers with a point ("0.52") end no sentence. */
static gboolean
next_sentence (const char *text, const char **p, Sentence *s)
{
  s->n = 0;
  gboolean comma = FALSE;
  const char *c = *p;
  for (; *c != '\0' && s->n < MAX_WORDS; ) {
    if (g_ascii_isalnum (*c)) {
      Word *w = &s->words[s->n++];
      w->start = (guint) (c - text);
      guint n = 0;
      while (g_ascii_isalnum (*c) || (*c == '.' && g_ascii_isdigit (c[1]) && g_ascii_isdigit (c[-1])) || (*c == '\'' && g_ascii_isalpha (c[1]))) {
        if (n + 1 < sizeof w->text)
          w->text[n++] = g_ascii_tolower (*c);
        c++;
      }
      w->text[n] = '\0';
      w->end = (guint) (c - text);
      w->comma = comma;
      comma = FALSE;
      continue;
    }
    if (*c == '.' || *c == '!' || *c == '?' || *c == ':' || (*c == '\n' && c[1] == '\n')) {
      c++;
      if (s->n > 0)
        break;
      continue;
    }
    if (*c == ',' || *c == ';' || *c == '(' || *c == ')')
      comma = TRUE;
    c++;
  }
  *p = c;
  return s->n > 0;
}

/* ---- sides and zones ---- */

static guint
sides_between (const Sentence *s, guint from, guint to)
{
  guint sides = 0;
  for (guint i = from; i < to && i < s->n; i++) {
    const char *w = s->words[i].text;
    if (strcmp (w, "right") == 0)
      sides |= BIT (AX_SIDE_RIGHT);
    else if (strcmp (w, "left") == 0)
      sides |= BIT (AX_SIDE_LEFT);
    else if (g_str_has_prefix (w, "bilateral") || strcmp (w, "both") == 0 || g_str_has_prefix (w, "bibas") || strcmp (w, "biapical") == 0 || strcmp (w, "lungs") == 0)
      sides |= BIT (AX_SIDE_RIGHT) | BIT (AX_SIDE_LEFT);
  }
  return sides;
}

static gboolean
is_zone_word (const char *w, AxZoneSet *zone)
{
  static const struct { const char *word; AxZoneSet zone; } table[] = {
    { "upper", AX_ZONE_UPPER }, { "mid", AX_ZONE_MID }, { "middle", AX_ZONE_MID }, { "lower", AX_ZONE_LOWER }, { "base", AX_ZONE_LOWER }, { "bases", AX_ZONE_LOWER }, { "basal", AX_ZONE_LOWER },
    { "basilar", AX_ZONE_LOWER }, { "bibasilar", AX_ZONE_LOWER }, { "bibasal", AX_ZONE_LOWER }, { "retrocardiac", AX_ZONE_LOWER }, { "lingula", AX_ZONE_MID }, { "lingular", AX_ZONE_MID },
    { "apical", AX_ZONE_UPPER | AX_ZONE_APEX }, { "apex", AX_ZONE_UPPER | AX_ZONE_APEX }, { "apices", AX_ZONE_UPPER | AX_ZONE_APEX }, { "biapical", AX_ZONE_UPPER | AX_ZONE_APEX },
    { "midlung", AX_ZONE_MID },
  };
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (strcmp (table[i].word, w) == 0) {
      if (zone != NULL)
        *zone |= table[i].zone;
      return TRUE;
    }
  return FALSE;
}

static AxZoneSet
zones_between (const Sentence *s, guint from, guint to)
{
  AxZoneSet zones = 0;
  for (guint i = from; i < to && i < s->n; i++)
    is_zone_word (s->words[i].text, &zones);
  return zones;
}

/* ---- one sentence ---- */

typedef struct {
  int mark;
  guint at, end;      /* words of the finding itself */
  guint from, to;     /* words that belong to it */
  gboolean negated, doubtful;
} Mention;

/* Whether words[i] begins what belongs to the next finding: after a comma, "and", "with", ... */
static gboolean
is_joint (const Sentence *s, guint i)
{
  static const char *const joints[] = { "and", "with", "or", "but", "plus", "without", "no", "nor", "versus", "accompanied", NULL };
  return s->words[i].comma || match_any (s, i, joints) > 0;
}

/* "right upper and mid zone", "upper, mid and lower": the joint is inside a list of zones or sides. */
static gboolean
inside_place (const Sentence *s, guint i)
{
  guint next = i, last = i;
  while (next < s->n && (strcmp (s->words[next].text, "and") == 0 || strcmp (s->words[next].text, "or") == 0 || strcmp (s->words[next].text, "the") == 0))
    next++;
  if (last == 0 || next >= s->n)
    return FALSE;
  last--;
  const char *before = s->words[last].text, *after = s->words[next].text;
  const gboolean side_before = strcmp (before, "right") == 0 || strcmp (before, "left") == 0, side_after = strcmp (after, "right") == 0 || strcmp (after, "left") == 0;
  return (is_zone_word (before, NULL) && is_zone_word (after, NULL)) || (side_before && side_after);
}

static guint
find_mentions (const Sentence *s, Mention *out, guint max)
{
  guint n = 0;
  for (guint i = 0; i < s->n && n < max;) {
    guint best = 0;
    int mark = -1;
    for (guint k = 0; k < G_N_ELEMENTS (lexicon); k++) {
      const guint used = match_at (s, i, lexicon[k].pattern);
      if (used > best) {
        best = used;
        mark = lexicon[k].mark;
      }
    }
    if (best == 0) {
      i++;
      continue;
    }
    /* "a calcified nodule" is a calcification, "mass effect" nothing, "pleural thickening and effusion" two things. */
    if (mark == AX_MARK_LUNG_LESION && ((i + best < s->n && strcmp (s->words[i + best].text, "effect") == 0) || (n > 0 && out[n - 1].mark == AX_MARK_CALCIFICATION && out[n - 1].end == i))) {
      i += best;
      continue;
    }
    out[n++] = (Mention) { .mark = mark, .at = i, .end = i + best };
    i += best;
  }
  for (guint m = 0; m < n; m++) {
    guint joint = m == 0 ? 0 : out[m].at;
    if (m > 0) {
      for (guint i = out[m].at; i > out[m - 1].end - 1 && i > 0; i--)
        if (i >= out[m - 1].end && is_joint (s, i) && !inside_place (s, i)) {
          joint = i;
          break;
        }
      out[m - 1].to = joint;
    }
    out[m].from = joint;
    out[m].to = s->n;
  }
  return n;
}

/* The last denial before word `at` whose reach gets there. `doubt` and `false denials` are seen to first. */
static gboolean
denied_before (const Sentence *s, guint at)
{
  gboolean denied = FALSE;
  for (guint i = 0; i < at;) {
    guint used = match_any (s, i, false_denials);
    if (used > 0) {
      denied = FALSE;
      i += used;
      continue;
    }
    used = match_any (s, i, denials);
    if (used > 0) {
      denied = TRUE;
      i += used;
      continue;
    }
    used = match_any (s, i, ends);
    if (used > 0) {
      denied = FALSE;
      i += used;
      continue;
    }
    /* "No pneumothorax, small right effusion": a list of denials does not go on with a size. */
    if (denied && s->words[i].comma && match_any (s, i, sizes) > 0)
      denied = FALSE;
    i++;
  }
  return denied;
}

/* "... is not seen": up to the next verb of another statement. */
static gboolean
denied_after (const Sentence *s, guint from, guint limit)
{
  guint statements = 0;
  for (guint i = from; i < s->n && i < limit; i++) {
    if (match_any (s, i, false_denials) > 0)
      return FALSE;
    if (match_any (s, i, late_denials) > 0 && statements <= 1)
      return TRUE;
    if (match_any (s, i, (const char *const[]) { "but", "however", "although", "while", "no", NULL }) > 0)
      return FALSE;
    if (match_any (s, i, verbs) > 0 && (i == from || match_any (s, i - 1, verbs) == 0) && strcmp (s->words[i].text, "seen") != 0)
      statements++;
    if (statements > 1)
      return FALSE;
  }
  return FALSE;
}

static gboolean
doubted (const Sentence *s, const Mention *m)
{
  const guint from = m->from > 0 ? m->from - 1 : 0;
  for (guint i = from; i < m->to && i < s->n; i++)
    if (match_any (s, i, doubts) > 0)
      return TRUE;
  return FALSE;
}

/* "The heart is enlarged", "heart size is normal". */
static void
find_heart (const Sentence *s, GArray *out)
{
  for (guint i = 0; i < s->n; i++) {
    const guint used = match_any (s, i, hearts);
    if (used == 0)
      continue;
    gboolean no = FALSE, doubtful = FALSE;
    for (guint k = i > 3 ? i - 3 : 0; k < i; k++)
      if (match_any (s, k, (const char *const[]) { "normal", "no enlargement of", NULL }) > 0) {
        const AxNamedFinding f = { .mark = AX_MARK_CARDIOMEGALY, .negated = TRUE, .start = s->words[i].start, .end = s->words[i + used - 1].end };
        g_array_append_val (out, f);
        return;
      }
    for (guint k = i + used; k < s->n && k < i + used + 9; k++) {
      if (s->words[k].comma && k > i + used + 3)
        break;
      no = no || match_any (s, k, (const char *const[]) { "not", "no", "without", NULL }) > 0;
      doubtful = doubtful || match_any (s, k, doubts) > 0;
      const gboolean large = match_any (s, k, heart_large) > 0, normal = match_any (s, k, heart_normal) > 0 || match_at (s, k, "within normal limits") > 0;
      if (!large && !normal)
        continue;
      const AxNamedFinding f = { .mark = AX_MARK_CARDIOMEGALY, .negated = large ? no : !no, .doubtful = doubtful && large && !no, .start = s->words[i].start, .end = s->words[k].end };
      g_array_append_val (out, f);
      return;
    }
  }
}

static void
label_sentence (const Sentence *s, GArray *out)
{
  Mention m[24];
  const guint n = find_mentions (s, m, G_N_ELEMENTS (m));
  const guint first = out->len;
  for (guint i = 0; i < n; i++) {
    const guint limit = i + 1 < n ? MAX (m[i + 1].from, m[i].end) : s->n;
    m[i].negated = denied_before (s, m[i].at) || denied_after (s, m[i].end, limit);
    m[i].doubtful = !m[i].negated && doubted (s, &m[i]);
  }
  /* "effusion and pneumothorax are not seen": a denial behind a bare list goes for the whole list. */
  for (guint i = n; i > 1; i--)
    if (m[i - 1].negated && !m[i - 2].negated && m[i - 1].at - m[i - 2].end <= 3 && !denied_before (s, m[i - 1].at)) {
      gboolean bare = TRUE;
      for (guint k = m[i - 2].end; k < m[i - 1].at; k++)
        bare = bare && (match_any (s, k, verbs) == 0);
      m[i - 2].negated = bare;
    }
  for (guint i = 0; i < n; i++) {
    guint sides = sides_between (s, m[i].from, m[i].to);
    AxZoneSet zones = zones_between (s, m[i].from, m[i].to);
    /* A place that is said once for a bare pair ("right effusion and atelectasis", "effusion and atelectasis on the right"). */
    if (sides == 0 && i > 0 && m[i].at - m[i - 1].end <= 2 && m[i].to <= m[i].end + 1)
      sides = sides_between (s, m[i - 1].from, m[i - 1].end);
    if (sides == 0 && i + 1 < n && m[i + 1].at - m[i].end <= 2) {
      sides = sides_between (s, m[i + 1].end, m[i + 1].to);
      if (zones == 0)
        zones = zones_between (s, m[i + 1].end, m[i + 1].to);
    }
    const AxNamedFinding f = { .mark = (AxMark) m[i].mark, .negated = m[i].negated, .doubtful = m[i].doubtful, .sides = sides, .zones = zones, .start = s->words[m[i].at].start,
                               .end = s->words[m[i].end - 1].end };
    g_array_append_val (out, f);
  }
  AxMarkSet named = 0;
  for (guint i = first; i < out->len; i++)
    named |= BIT (g_array_index (out, AxNamedFinding, i).mark);
  if (!(named & BIT (AX_MARK_CARDIOMEGALY)))
    find_heart (s, out);
  for (guint k = 0; k < G_N_ELEMENTS (normals); k++)
    for (guint i = 0; i < s->n; i++) {
      const guint used = match_at (s, i, normals[k].pattern);
      if (used == 0)
        continue;
      for (guint mark = 0; mark < AX_MARK_N; mark++)
        if ((normals[k].marks & BIT (mark)) && !(named & BIT (mark))) {
          const AxNamedFinding f = { .mark = (AxMark) mark, .negated = TRUE, .start = s->words[i].start, .end = s->words[i + used - 1].end };
          g_array_append_val (out, f);
          named |= BIT (mark);
        }
      break;
    }
}

GArray *
ax_report_findings (const char *text)
{
  GArray *out = g_array_new (FALSE, FALSE, sizeof (AxNamedFinding));
  if (!g_utf8_validate (text, -1, NULL))
    return out;
  g_autofree Sentence *s = g_new (Sentence, 1);
  for (const char *p = text; next_sentence (text, &p, s);)
    label_sentence (s, out);
  return out;
}

void
ax_report_marks (const char *text, AxMarkSet *present, AxMarkSet *absent)
{
  g_autoptr (GArray) list = ax_report_findings (text);
  AxMarkSet there = 0, denied = 0;
  for (guint i = 0; i < list->len; i++) {
    const AxNamedFinding *f = &g_array_index (list, AxNamedFinding, i);
    *(f->negated ? &denied : &there) |= BIT (f->mark);
  }
  if (present != NULL)
    *present = there;
  if (absent != NULL)
    *absent = denied & ~there;
}

guint
ax_report_sides (const char *text, AxMark mark)
{
  g_autoptr (GArray) list = ax_report_findings (text);
  guint sides = 0;
  for (guint i = 0; i < list->len; i++) {
    const AxNamedFinding *f = &g_array_index (list, AxNamedFinding, i);
    if (f->mark == mark && !f->negated)
      sides |= f->sides != 0 ? f->sides : BIT (AX_SIDE_NONE);
  }
  return sides & ~BIT (AX_SIDE_NONE) ? sides & ~BIT (AX_SIDE_NONE) : sides;
}

static gboolean
names_any (const char *text, const char *const *patterns)
{
  if (!g_utf8_validate (text, -1, NULL))
    return FALSE;
  g_autofree Sentence *s = g_new (Sentence, 1);
  for (const char *p = text; next_sentence (text, &p, s);)
    for (guint i = 0; i < s->n; i++)
      if (match_any (s, i, patterns) > 0)
        return TRUE;
  return FALSE;
}

gboolean
ax_report_names_device (const char *text)
{
  static const char *const devices[] = { "tube", "tubes", "catheter*", "pacemaker*", "icd", "defibrillator*", "picc", "central line", "central venous", "venous line", "lead", "leads", "sternotomy", "wires",
                                         "electrode*", "stent*", "prosthe*", "clip", "clips", "port", "drain", "drains", "cannula", "device*", "hardware", "intubat*", "tracheostomy", "endotracheal",
                                         "nasogastric", NULL };
  return names_any (text, devices);
}

gboolean
ax_report_names_prior (const char *text)
{
  static const char *const priors[] = { "compar*", "previous*", "prior", "interval", "unchanged", "stable", "again", "since", "new", "newly", "worsen*", "improve*", "progress*", "increasing", "decreasing",
                                        "persist*", "earlier", "last study", "follow up", "resolved", "no longer", NULL };
  return names_any (text, priors);
}
