/* Names, pairs, synonyms and colours of the 36 structures. */
#include "engine/anatomix.h"
#include "engine/training/phantom.h"

#include <math.h>
#include <string.h>

/* The order of spec section 3 is the byte order of the raw names; the phantom keeps its own copy of the display names. */
static void
test_names (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) shorts = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    g_assert_true (g_hash_table_add (seen, (gpointer) ax_anatomy_name (i)));
    g_assert_true (g_hash_table_add (shorts, (gpointer) ax_anatomy_short_name (i)));
    g_assert_cmpstr (ax_anatomy_name (i), ==, ax_phantom_object_name ((int) i));
    g_assert_cmpuint (strlen (ax_anatomy_short_name (i)), <=, 16);
    g_assert_cmpint (ax_anatomy_find (ax_anatomy_name (i)), ==, i);
    g_assert_cmpint (ax_anatomy_find (ax_anatomy_short_name (i)), ==, i);
    g_assert_nonnull (ax_anatomy_group_name (ax_anatomy_group (i)));
  }
  for (int g = 0; g < AX_N_GROUPS; g++) {
    guint n = 0;
    for (guint i = 0; i < AX_N_ANATOMY; i++)
      n += ax_anatomy_group (i) == (AxAnatomyGroup) g;
    g_assert_cmpuint (n, >, 0);
  }
}

/* No structure is in two pairs; the two of a pair are in one group and their short names differ in the side alone. */
static void
test_pairs (void)
{
  gboolean used[AX_N_ANATOMY] = { FALSE };
  for (guint i = 0; i < AX_N_PAIRS; i++) {
    guint left, right;
    ax_anatomy_pair (i, &left, &right);
    g_assert_false (used[left] || used[right] || left == right);
    used[left] = used[right] = TRUE;
    g_assert_cmpint (ax_anatomy_group (left), ==, ax_anatomy_group (right));
    const char *l = ax_anatomy_short_name (left), *r = ax_anatomy_short_name (right);
    g_assert_true (l[0] == 'L' && r[0] == 'R');
    g_assert_cmpstr (l + 1, ==, r + 1);
  }
}

static void
test_synonyms (void)
{
  static const struct { const char *name; int index; } cases[] = {
    { "heart", 4 }, { "HEART", 4 }, { "the heart", 4 }, { "Cardiac shadow viewed radiologically;;Heart", 4 }, { "cardiac silhouette", 4 },
    { "Trachea&&Main Bronchus", 29 }, { "trachea", 29 }, { "Carina", 23 }, { "structure of carina", 23 }, { "spine", 30 }, { "svc", 28 },
    { "Superior vena cava", 28 }, { "aortic_knob", 1 }, { "left lung", 11 }, { "L lung", 11 }, { "right lung", 20 }, { "r. lung", 20 },
    { "Left costophrenic angle", 33 }, { "left costophrenic sulcus;;Left costodiaphragmatic recess", 33 }, { "right cp angle", 35 },
    { "left-hilum", 6 }, { "right  heart border", 16 }, { "left heart border", 24 }, { "right collarbone", 17 }, { "cavoatrial junction", 31 },
    { "left lung base", 10 }, { "abdomen", 0 }, { "right diaphragm", 18 },
    { "lung", -1 }, { "", -1 }, { " ", -1 }, { "structure", -1 }, { "left", -1 }, { "spleen", -1 }, { "left heart", -1 }, { "@ apex", -1 },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    if (ax_anatomy_find (cases[i].name) != cases[i].index)
      g_error ("\"%s\" is found as %d, not %d", cases[i].name, ax_anatomy_find (cases[i].name), cases[i].index);
}

/* ---- colours ---------------------------------------------------------------------------------------------------------------- */

/* Severe protanopia and deuteranopia in linear RGB (Machado, Oliveira and Fernandes 2009, severity 1.0), and normal sight. */
static const double sights[3][3][3] = {
  { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } },
  { { 0.152286, 1.052583, -0.204868 }, { 0.114503, 0.786281, 0.099216 }, { -0.003882, -0.048116, 1.051998 } },
  { { 0.367322, 0.860646, -0.227968 }, { 0.280085, 0.672501, 0.047413 }, { -0.011820, 0.042940, 0.968881 } },
};

static double
lab_curve (double t)
{
  return t > 0.008856 ? cbrt (t) : 7.787 * t + 16.0 / 116;
}

/* CIELAB (D65) of a structure's colour as a kind of sight sees it. */
static void
lab_of (guint index, int sight, double lab[3])
{
  static const double to_xyz[3][3] = {
    { 0.4124564, 0.3575761, 0.1804375 }, { 0.2126729, 0.7151522, 0.0721750 }, { 0.0193339, 0.1191920, 0.9503041 },
  };
  double rgb[3], linear[3], seen[3], xyz[3];
  ax_anatomy_color (index, rgb);
  for (int c = 0; c < 3; c++) {
    g_assert_true (rgb[c] >= 0 && rgb[c] <= 1);
    linear[c] = rgb[c] <= 0.04045 ? rgb[c] / 12.92 : pow ((rgb[c] + 0.055) / 1.055, 2.4);
  }
  for (int c = 0; c < 3; c++)
    seen[c] = CLAMP (sights[sight][c][0] * linear[0] + sights[sight][c][1] * linear[1] + sights[sight][c][2] * linear[2], 0, 1);
  for (int c = 0; c < 3; c++)
    xyz[c] = to_xyz[c][0] * seen[0] + to_xyz[c][1] * seen[1] + to_xyz[c][2] * seen[2];
  double fx = lab_curve (xyz[0] / 0.95047), fy = lab_curve (xyz[1]), fz = lab_curve (xyz[2] / 1.08883);
  lab[0] = 116 * fy - 16;
  lab[1] = 500 * (fx - fy);
  lab[2] = 200 * (fy - fz);
}

/* Just noticeable is a distance of about 2.3 (Mahy et al. 1994). Asked for: three times that within a group, five times between groups. */
static void
test_colors (void)
{
  double within = G_MAXDOUBLE, between = G_MAXDOUBLE;
  for (int sight = 0; sight < 3; sight++)
    for (guint i = 0; i < AX_N_ANATOMY; i++)
      for (guint j = 0; j < i; j++) {
        double a[3], b[3];
        lab_of (i, sight, a);
        lab_of (j, sight, b);
        double d = sqrt ((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
        if (ax_anatomy_group (i) == ax_anatomy_group (j))
          within = fmin (within, d);
        else
          between = fmin (between, d);
      }
  g_test_message ("smallest distance within a group %.1f (asked for 6.9), between groups %.1f (asked for 11.5)", within, between);
  g_assert_cmpfloat (within, >=, 6.9);
  g_assert_cmpfloat (between, >=, 11.5);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/session/names/names", test_names);
  g_test_add_func ("/session/names/pairs", test_pairs);
  g_test_add_func ("/session/names/synonyms", test_synonyms);
  g_test_add_func ("/session/names/colors", test_colors);
  return g_test_run ();
}
