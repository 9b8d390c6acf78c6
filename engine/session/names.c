/* The 36 anatomical structures: their names, groups, left/right pairs, synonyms and colours (spec sections 3 and 11). */
#include "engine/anatomix.h"

#include <string.h>

/* What is known of one structure. Display and raw names are spelled as in the model's files: the sentence database and the language model's prompt use
 * them byte for byte, so their uneven capitals stay. */
typedef struct {
  const char *name;       /* display name, spec section 3 */
  const char *raw;        /* Chest ImaGenome `name` where it differs, else NULL */
  const char *bbox_name;  /* Chest ImaGenome `bbox_name` */
  const char *short_name; /* fits beside a box */
  AxAnatomyGroup group;
  guint32 rgb;            /* 0xRRGGBB, see ax_anatomy_color() */
} Structure;

static const Structure structures[AX_N_ANATOMY] = {
  { "Abdominal cavity", NULL, "abdomen", "Abdomen", AX_GROUP_DIAPHRAGM, 0xff53a9 },
  { "Aortic arch structure", NULL, "aortic arch", "Aortic arch", AX_GROUP_MEDIASTINUM, 0xfeff8a },
  { "Apical zone of left lung", NULL, "left apical zone", "L apex", AX_GROUP_LUNGS, 0x009d9d },
  { "Apical zone of right lung", NULL, "right apical zone", "R apex", AX_GROUP_LUNGS, 0x8ad8ff },
  { "Cardiac shadow viewed radiologically or Heart", "Cardiac shadow viewed radiologically;;Heart", "cardiac silhouette", "Heart", AX_GROUP_HEART, 0xdea478 },
  { "Descending aorta", NULL, "descending aorta", "Desc. aorta", AX_GROUP_MEDIASTINUM, 0xefb94e },
  { "Hilar Area of the Left Lung", NULL, "left hilar structures", "L hilum", AX_GROUP_LUNGS, 0x8aecff },
  { "Hilar Area of the Right Lung", NULL, "right hilar structures", "R hilum", AX_GROUP_LUNGS, 0x8aa7ff },
  { "Left clavicle", NULL, "left clavicle", "L clavicle", AX_GROUP_BONES, 0xbdbdae },
  { "Left hemidiaphragm", NULL, "left hemidiaphragm", "L diaphragm", AX_GROUP_DIAPHRAGM, 0xbc37ff },
  { "Left lower lung zone", NULL, "left lower lung zone", "L lower zone", AX_GROUP_LUNGS, 0x008c81 },
  { "Left lung", NULL, "left lung", "L lung", AX_GROUP_LUNGS, 0x8a94ff },
  { "Left mid lung zone", NULL, "left mid lung zone", "L mid zone", AX_GROUP_LUNGS, 0x90d8de },
  { "Left upper lung zone", NULL, "left upper lung zone", "L upper zone", AX_GROUP_LUNGS, 0x6ec3ff },
  { "Mediastinum", NULL, "mediastinum", "Mediastinum", AX_GROUP_MEDIASTINUM, 0xce9300 },
  { "Right atrial structure", NULL, "right atrium", "R atrium", AX_GROUP_HEART, 0xffc18a },
  { "Right border of heart viewed radiologically", NULL, "right cardiac silhouette", "R heart border", AX_GROUP_HEART, 0xce856f },
  { "Right clavicle", NULL, "right clavicle", "R clavicle", AX_GROUP_BONES, 0xffffeb },
  { "Right hemidiaphragm", NULL, "right hemidiaphragm", "R diaphragm", AX_GROUP_DIAPHRAGM, 0xaa86ce },
  { "Right lower lung zone", NULL, "right lower lung zone", "R lower zone", AX_GROUP_LUNGS, 0x8affff },
  { "Right lung", NULL, "right lung", "R lung", AX_GROUP_LUNGS, 0x90c4de },
  { "Right mid lung zone", NULL, "right mid lung zone", "R mid zone", AX_GROUP_LUNGS, 0x6080de },
  { "Right upper lung zone", NULL, "right upper lung zone", "R upper zone", AX_GROUP_LUNGS, 0x67afbd },
  { "Structure of carina", NULL, "carina", "Carina", AX_GROUP_MEDIASTINUM, 0xad7300 },
  { "Structure of left margin of heart", NULL, "left cardiac silhouette", "L heart border", AX_GROUP_HEART, 0x9d5c33 },
  { "Structure of left upper quadrant of abdomen", NULL, "left upper abdomen", "L upper abdomen", AX_GROUP_DIAPHRAGM, 0x97559d },
  { "Structure of right upper quadrant of abdomen", NULL, "right upper abdomen", "R upper abdomen", AX_GROUP_DIAPHRAGM, 0xde18ce },
  { "Superior mediastinum", NULL, "upper mediastinum", "Sup. mediastinum", AX_GROUP_MEDIASTINUM, 0xefb600 },
  { "Superior vena cava structure", NULL, "svc", "SVC", AX_GROUP_MEDIASTINUM, 0xfdff00 },
  { "Trachea and Main Bronchus", "Trachea&&Main Bronchus", "trachea", "Trachea", AX_GROUP_MEDIASTINUM, 0xffe753 },
  { "Vertebral column", NULL, "spine", "Spine", AX_GROUP_BONES, 0xdedecc },
  { "cavoatrial", NULL, "cavoatrial junction", "Cavoatrial", AX_GROUP_HEART, 0xbd8452 },
  { "left cardiophrenic sulcus", NULL, "left cardiophrenic angle", "L cardiophrenic", AX_GROUP_DIAPHRAGM, 0x9d4bad },
  { "Left costodiaphragmatic recess", "left costophrenic sulcus;;Left costodiaphragmatic recess", "left costophrenic angle", "L costophrenic", AX_GROUP_DIAPHRAGM, 0xaa00ff },
  { "right cardiophrenic sulcus", NULL, "right cardiophrenic angle", "R cardiophrenic", AX_GROUP_DIAPHRAGM, 0xff1c8d },
  { "Right costodiaphragmatic recess", "right costophrenic sulcus;;Right costodiaphragmatic recess", "right costophrenic angle", "R costophrenic", AX_GROUP_DIAPHRAGM, 0xde006f },
};

/* Other words for a structure, folded as fold_name() folds them. "@" stands for "left" or "right"; the indices are those of the left and of the right
 * structure. */
typedef struct {
  const char *words;
  gint8 left, right;
} Synonym;

static const Synonym synonyms[] = {
  { "heart", 4, 4 }, { "cardiac shadow", 4, 4 }, { "cardiac shadow viewed radiologically", 4, 4 }, { "cardiac contour", 4, 4 },
  { "cardiomediastinal silhouette", 4, 4 },
  { "aortic knob", 1, 1 }, { "aortic knuckle", 1, 1 }, { "arch of aorta", 1, 1 }, { "arch of the aorta", 1, 1 },
  { "descending thoracic aorta", 5, 5 },
  { "abdominal", 0, 0 },
  { "superior vena cava", 28, 28 }, { "vena cava", 28, 28 },
  { "main bronchus", 29, 29 }, { "windpipe", 29, 29 }, { "trachea and main bronchi", 29, 29 },
  { "vertebrae", 30, 30 }, { "vertebral spine", 30, 30 }, { "thoracic spine", 30, 30 }, { "backbone", 30, 30 },
  { "tracheal bifurcation", 23, 23 },
  { "cavoatrial junction", 31, 31 },
  { "@ apex", 2, 3 }, { "@ lung apex", 2, 3 }, { "@ apical zone", 2, 3 }, { "apex of @ lung", 2, 3 }, { "apex of the @ lung", 2, 3 }, { "@ apical lung zone", 2, 3 },
  { "@ hilum", 6, 7 }, { "@ hilar area", 6, 7 }, { "@ hilar region", 6, 7 }, { "hilum of @ lung", 6, 7 }, { "@ hilus", 6, 7 }, { "hilar area of @ lung", 6, 7 },
  { "@ collarbone", 8, 17 }, { "@ collar bone", 8, 17 },
  { "@ diaphragm", 9, 18 }, { "@ dome of diaphragm", 9, 18 },
  { "@ lower zone", 10, 19 }, { "@ lung base", 10, 19 }, { "@ base", 10, 19 }, { "@ lower lung", 10, 19 },
  { "@ mid zone", 12, 21 }, { "@ middle lung zone", 12, 21 }, { "@ middle zone", 12, 21 }, { "@ mid lung", 12, 21 },
  { "@ upper zone", 13, 22 }, { "@ upper lung", 13, 22 },
  { "@ heart border", 24, 16 }, { "@ margin of heart", 24, 16 }, { "@ border of heart", 24, 16 }, { "@ margin of the heart", 24, 16 }, { "@ cardiac border", 24, 16 },
  { "@ upper quadrant of abdomen", 25, 26 }, { "@ upper quadrant", 25, 26 }, { "@ upper quadrant of the abdomen", 25, 26 },
  { "@ cardiophrenic sulcus", 32, 34 }, { "@ cardiophrenic recess", 32, 34 },
  { "@ costophrenic sulcus", 33, 35 }, { "@ costophrenic recess", 33, 35 }, { "@ costodiaphragmatic angle", 33, 35 }, { "@ cp angle", 33, 35 },
  { "@ costophrenic", 33, 35 },
};

static const guint8 pairs[AX_N_PAIRS][2] = {
  { 2, 3 }, { 6, 7 }, { 8, 17 }, { 9, 18 }, { 10, 19 }, { 11, 20 }, { 12, 21 }, { 13, 22 }, { 24, 16 }, { 25, 26 }, { 32, 34 }, { 33, 35 },
};

const char *
ax_anatomy_name (guint index)
{
  g_return_val_if_fail (index < AX_N_ANATOMY, NULL);
  return structures[index].name;
}

const char *
ax_anatomy_short_name (guint index)
{
  g_return_val_if_fail (index < AX_N_ANATOMY, NULL);
  return structures[index].short_name;
}

AxAnatomyGroup
ax_anatomy_group (guint index)
{
  g_return_val_if_fail (index < AX_N_ANATOMY, AX_GROUP_LUNGS);
  return structures[index].group;
}

const char *
ax_anatomy_group_name (AxAnatomyGroup group)
{
  static const char *const names[AX_N_GROUPS] = { "Lungs", "Heart", "Mediastinum", "Bones", "Diaphragm and abdomen" };
  g_return_val_if_fail ((guint) group < AX_N_GROUPS, NULL);
  return names[group];
}

void
ax_anatomy_pair (guint pair, guint *left, guint *right)
{
  g_return_if_fail (pair < AX_N_PAIRS);
  if (left != NULL)
    *left = pairs[pair][0];
  if (right != NULL)
    *right = pairs[pair][1];
}

/* Lower case, one space between words, none at the ends; '_' and '-' are spaces, a leading "the" or "structure of" and a trailing "structure" or
 * "structures" say nothing. The words "l" and "r" are sides. */
static char *
fold_name (const char *name)
{
  g_autofree char *lower = g_ascii_strdown (name, -1);
  g_auto (GStrv) parts = g_strsplit_set (lower, " \t\r\n_-.,", -1);
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  for (guint i = 0; parts[i] != NULL; i++) {
    const char *w = parts[i];
    if (*w != '\0')
      g_ptr_array_add (words, (gpointer) (strcmp (w, "l") == 0 ? "left" : strcmp (w, "r") == 0 ? "right" : w));
  }
  while (words->len > 1 && strcmp (words->pdata[0], "the") == 0)
    g_ptr_array_remove_index (words, 0);
  if (words->len > 2 && strcmp (words->pdata[0], "structure") == 0 && strcmp (words->pdata[1], "of") == 0)
    g_ptr_array_remove_range (words, 0, 2);
  if (words->len > 1 && g_str_has_prefix (words->pdata[words->len - 1], "structure"))
    g_ptr_array_remove_index (words, words->len - 1);
  g_ptr_array_add (words, NULL);
  return g_strjoinv (" ", (char **) words->pdata);
}

/* The earlier of two that are called alike keeps the name. */
static void
add_name (GHashTable *table, const char *name, int index)
{
  char *folded = name != NULL ? fold_name (name) : NULL;
  if (folded != NULL && !g_hash_table_contains (table, folded))
    g_hash_table_insert (table, folded, GINT_TO_POINTER (index + 1));
  else
    g_free (folded);
}

/* `words` with the side in the place of its "@"; without one both sides are the same. */
static void
add_synonym (GHashTable *table, const char *words, const char *side, int index)
{
  const char *at = strchr (words, '@');
  g_autofree char *full = at != NULL ? g_strdup_printf ("%.*s%s%s", (int) (at - words), words, side, at + 1) : g_strdup (words);
  if (!g_hash_table_contains (table, full))
    g_hash_table_insert (table, g_steal_pointer (&full), GINT_TO_POINTER (index + 1));
}

/* Folded name -> index + 1; made once, kept for the life of the program. */
static GHashTable *
all_names (void)
{
  static GHashTable *table;
  static gsize made;
  if (g_once_init_enter (&made)) {
    GHashTable *t = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
    for (int i = 0; i < AX_N_ANATOMY; i++) {
      const Structure *s = &structures[i];
      add_name (t, s->name, i);
      add_name (t, s->raw, i);
      add_name (t, s->bbox_name, i);
      add_name (t, s->short_name, i);
    }
    for (guint i = 0; i < G_N_ELEMENTS (synonyms); i++) {
      add_synonym (t, synonyms[i].words, "left", synonyms[i].left);
      add_synonym (t, synonyms[i].words, "right", synonyms[i].right);
    }
    table = t;
    g_once_init_leave (&made, 1);
  }
  return table;
}

int
ax_anatomy_find (const char *name)
{
  g_return_val_if_fail (name != NULL, -1);
  g_autofree char *folded = fold_name (name);
  return GPOINTER_TO_INT (g_hash_table_lookup (all_names (), folded)) - 1;
}

/* One range of hues a group (lungs blue, heart orange, mediastinum yellow, bones near white, diaphragm and abdomen violet), all light enough to stand out on
 * a radiograph. Within those ranges the 36 colours were spread so that the smallest CIELAB distance between two of them, as seen with normal sight, with
 * protanopia and with deuteranopia (Machado et al. 2009), is as large as a coordinate search finds: 8.8 within a group, 13.8 between groups, where about
 * 2.3 is just noticeable. The test of this file measures both. */
void
ax_anatomy_color (guint index, double rgb[3])
{
  g_return_if_fail (index < AX_N_ANATOMY);
  guint32 c = structures[index].rgb;
  rgb[0] = (c >> 16 & 255) / 255.0;
  rgb[1] = (c >> 8 & 255) / 255.0;
  rgb[2] = (c & 255) / 255.0;
}
