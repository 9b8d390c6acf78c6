/* instruct_phrases.c: see instruct_phrases.h. */
#include "engine/training/instruct_phrases.h"

#include <string.h>

#define BIT(x) (1u << (x))

const char *
ax_mark_noun (AxMark mark)
{
  return mark == AX_MARK_FRACTURE ? "rib fracture" : ax_mark_phrase (mark);
}

const char *
ax_finding_noun (const AxKnownFinding *finding, AxRandom *random)
{
  /* RSNA's readers drew opacities that look like pneumonia, and their challenge calls them so. */
  static const char *const opacity[] = { "opacity", "lung opacity", "airspace opacity", "pneumonia", NULL }, *const consolidation[] = { "consolidation", "airspace consolidation", NULL },
                    *const effusion[] = { "pleural effusion", "effusion", NULL }, *const atelectasis[] = { "atelectasis", "atelectatic change", NULL },
                    *const fibrosis[] = { "fibrosis", "fibrotic change", NULL }, *const emphysema[] = { "emphysema", "emphysematous change", NULL },
                    *const fracture[] = { "rib fracture", "fracture", NULL }, *const calcification[] = { "calcification", NULL },
                    *const nodule[] = { "nodule", "lung nodule", "pulmonary nodule", NULL }, *const nodules[] = { "diffuse nodules", "multiple nodules", NULL },
                    *const mass[] = { "mass", "lung mass", NULL }, *const thickening[] = { "pleural thickening", NULL }, *const pneumothorax[] = { "pneumothorax", NULL },
                    *const heart[] = { "cardiomegaly", "enlargement of the heart", "cardiac enlargement", NULL },
                    *const edema[] = { "pulmonary edema", "edema", NULL };
  static const char *const *const nouns[AX_BOX_N + 1] = {
    [AX_BOX_ATELECTASIS] = atelectasis, [AX_BOX_CALCIFICATION] = calcification, [AX_BOX_CARDIOMEGALY] = heart, [AX_BOX_CONSOLIDATION] = consolidation,
    [AX_BOX_DIFFUSE_NODULE] = nodules, [AX_BOX_EFFUSION] = effusion, [AX_BOX_EMPHYSEMA] = emphysema, [AX_BOX_FIBROSIS] = fibrosis, [AX_BOX_FRACTURE] = fracture,
    [AX_BOX_INFILTRATION] = opacity, [AX_BOX_LUNG_OPACITY] = opacity, [AX_BOX_MASS] = mass, [AX_BOX_NODULE] = nodule, [AX_BOX_PLEURAL_THICKENING] = thickening,
    [AX_BOX_PNEUMONIA] = opacity, [AX_BOX_PNEUMOTHORAX] = pneumothorax, [AX_BOX_N] = edema,
  };
  const char *const *list = nouns[finding->label];
  return random == NULL ? list[0] : list[ax_random_below (random, g_strv_length ((char **) list))];
}

static const char *
size_word (const AxKnownFinding *f)
{
  static const char *const lung[] = { NULL, "small", "moderate", "extensive" }, *const fluid[] = { NULL, "small", "moderate", "large" },
                    *const heart[] = { NULL, "mild", "moderate", "marked" };
  return (f->mark == AX_MARK_CARDIOMEGALY ? heart : f->mark == AX_MARK_LUNG_OPACITY ? lung : fluid)[f->size];
}

/* "right lower", "bilateral", ... for a noun that follows. */
static char *
place_adjective (AxPlace place)
{
  static const char *const zones[8] = { NULL, "upper zone", "mid zone", "upper and mid zone", "lower zone", "upper and lower zone", "mid and lower zone", NULL };
  const char *side = place.side == AX_SIDE_RIGHT ? "right" : place.side == AX_SIDE_LEFT ? "left" : "bilateral";
  if (place.zones & AX_ZONE_APEX)
    return g_strdup_printf ("%s apical", side);
  const char *zone = zones[place.zones & 7];
  return zone != NULL ? g_strdup_printf ("%s %s", side, zone) : g_strdup (side);
}

/* Whether the noun stands behind its side ("right pleural effusion") rather than before its place ("opacity in the right lung"). */
static gboolean
side_first (AxMark mark)
{
  return mark == AX_MARK_PLEURAL_EFFUSION || mark == AX_MARK_PNEUMOTHORAX;
}

static char *
full_phrase (const AxKnownFinding *f, const char *noun)
{
  const char *size = size_word (f);
  const char *gap = size != NULL ? " " : "";
  size = size != NULL ? size : "";
  if (f->place.side == AX_SIDE_NONE)
    return g_strdup_printf ("%s%s%s", size, gap, noun);
  if (side_first (f->mark)) {
    const char *side = f->place.side == AX_SIDE_RIGHT ? "right" : f->place.side == AX_SIDE_LEFT ? "left" : "bilateral";
    return g_strdup_printf ("%s%s%s%s %s", size, gap, side, f->place.zones & AX_ZONE_APEX ? " apical" : "", noun);
  }
  g_autofree char *place = ax_place_text (f->place);
  return g_strdup_printf ("%s%s%s %s %s", size, gap, noun, f->mark == AX_MARK_FRACTURE ? "at the level of the" : "in the", place);
}

char *
ax_finding_phrase (const AxKnownFinding *f, AxPhraseStyle style, const char *noun)
{
  if (style == AX_PHRASE_NOUN || f->place.side == AX_SIDE_NONE)
    return style == AX_PHRASE_FULL ? full_phrase (f, noun) : g_strdup (noun);
  if (style == AX_PHRASE_FULL)
    return full_phrase (f, noun);
  if (style == AX_PHRASE_ZONE) {
    g_autofree char *place = place_adjective (f->place);
    return g_strdup_printf ("%s %s", place, noun);
  }
  return f->place.side == AX_SIDE_BOTH ? g_strdup_printf ("bilateral %s", noun)
                                       : g_strdup_printf ("%s-sided %s", f->place.side == AX_SIDE_RIGHT ? "right" : "left", noun);
}

guint32
ax_phrase_matches (const AxImageFacts *facts, guint index, AxPhraseStyle style)
{
  const AxKnownFinding *f = &facts->findings[index];
  guint32 set = 0;
  for (guint i = 0; i < facts->n; i++) {
    const AxKnownFinding *o = &facts->findings[i];
    if (o->mark != f->mark || (f->label != AX_BOX_LUNG_OPACITY && strcmp (ax_finding_class (o->label), ax_finding_class (f->label)) != 0))
      continue; /* an opacity may be a consolidation, but not the other way round */
    if (style != AX_PHRASE_NOUN && o->place.side != f->place.side)
      continue;
    if ((style == AX_PHRASE_FULL || style == AX_PHRASE_ZONE) && o->place.zones != f->place.zones)
      continue;
    if (style == AX_PHRASE_FULL && o->size != f->size)
      continue;
    set |= BIT (i);
  }
  return set | BIT (index);
}

char *
ax_join_words (char **words, guint n)
{
  GString *s = g_string_new (NULL);
  for (guint i = 0; i < n; i++) {
    if (i > 0)
      g_string_append (s, i + 1 == n ? " and " : ", ");
    g_string_append (s, words[i]);
  }
  return g_string_free (s, FALSE);
}

char *
ax_sentence_case (const char *text, gboolean stop)
{
  char *s = g_strconcat (text, stop ? "." : "", NULL);
  s[0] = g_ascii_toupper (s[0]);
  return s;
}
