/* The labeller against 200 sentences of our own writing, and against hostile text. Prints its precision and recall. */
#include <string.h>

#include "engine/evaluation/report_labels.h"

#define BIT(x) (1u << (x))

static const char *const codes[AX_MARK_N] = {
  [AX_MARK_ATELECTASIS] = "atel", [AX_MARK_CALCIFICATION] = "calc", [AX_MARK_CARDIOMEGALY] = "card", [AX_MARK_EDEMA] = "edem", [AX_MARK_EMPHYSEMA] = "emph",
  [AX_MARK_FIBROSIS] = "fibr", [AX_MARK_FRACTURE] = "frac", [AX_MARK_LUNG_LESION] = "lesi", [AX_MARK_LUNG_OPACITY] = "opac", [AX_MARK_PLEURAL_EFFUSION] = "effu",
  [AX_MARK_PLEURAL_THICKENING] = "thic", [AX_MARK_PNEUMOTHORAX] = "pneu",
};

/* What a sentence says of each mark: bit 0 present, bit 1 denied; sides and zones of what is present. */
typedef struct {
  guint said[AX_MARK_N], sides[AX_MARK_N];
  AxZoneSet zones[AX_MARK_N];
} Reading;

static void
read_expected (const char *text, Reading *r)
{
  memset (r, 0, sizeof *r);
  g_auto (GStrv) labels = g_strsplit (text, " ", -1);
  for (guint i = 0; labels[i] != NULL; i++) {
    const char *l = labels[i];
    if (*l == '\0' || *l == '=')
      continue;
    guint m = 0;
    while (m < AX_MARK_N && strncmp (l + 1, codes[m], 4) != 0)
      m++;
    g_assert_cmpuint (m, <, AX_MARK_N);
    g_assert_true (*l == '+' || *l == '-');
    r->said[m] |= *l == '+' ? 1 : 2;
    if (*l == '-')
      continue;
    const char *sides = strchr (l, ':'), *zones = strchr (l, '@');
    for (const char *c = sides; c != NULL && *c != '\0' && *c != '@'; c++)
      r->sides[m] |= *c == 'R' ? BIT (AX_SIDE_RIGHT) : *c == 'L' ? BIT (AX_SIDE_LEFT) : 0;
    for (const char *c = zones; c != NULL && *c != '\0'; c++)
      r->zones[m] |= *c == 'u' ? AX_ZONE_UPPER : *c == 'm' ? AX_ZONE_MID : *c == 'l' ? AX_ZONE_LOWER : 0;
  }
}

static void
read_labelled (const char *sentence, Reading *r)
{
  memset (r, 0, sizeof *r);
  g_autoptr (GArray) list = ax_report_findings (sentence);
  for (guint i = 0; i < list->len; i++) {
    const AxNamedFinding *f = &g_array_index (list, AxNamedFinding, i);
    g_assert_cmpuint (f->start, <, f->end);
    g_assert_cmpuint (f->end, <=, strlen (sentence));
    r->said[f->mark] |= f->negated ? 2 : 1;
    if (f->negated)
      continue;
    r->sides[f->mark] |= f->sides;
    r->zones[f->mark] |= f->zones & ~AX_ZONE_APEX;
  }
}

static void
test_sentences (void)
{
  g_autofree char *path = g_build_filename (g_getenv ("AX_SOURCE_ROOT"), "tests", "engine", "evaluation", "labelled-sentences.txt", NULL), *text = NULL;
  g_autoptr (GError) error = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, &error));
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  guint n = 0, all_right = 0, tp = 0, fp = 0, fn = 0, denied = 0, denied_right = 0, sides = 0, sides_right = 0, zones = 0, zones_right = 0;
  for (guint i = 0; lines[i] != NULL; i++) {
    const char *bar = strchr (lines[i], '|');
    if (lines[i][0] == '#' || bar == NULL)
      continue;
    g_autofree char *labels = g_strndup (lines[i], (gsize) (bar - lines[i]));
    Reading want, got;
    read_expected (labels, &want);
    read_labelled (bar + 2, &got);
    n++;
    gboolean right = TRUE;
    for (guint m = 0; m < AX_MARK_N; m++) {
      tp += (want.said[m] & 1) && (got.said[m] & 1);
      fp += !(want.said[m] & 1) && (got.said[m] & 1);
      fn += (want.said[m] & 1) && !(got.said[m] & 1);
      denied += want.said[m] >> 1;
      denied_right += (want.said[m] >> 1) & (got.said[m] >> 1);
      right = right && want.said[m] == got.said[m];
      if ((want.said[m] & 1) && (got.said[m] & 1)) {
        sides++;
        sides_right += want.sides[m] == got.sides[m];
        zones++;
        zones_right += want.zones[m] == got.zones[m];
        right = right && want.sides[m] == got.sides[m] && want.zones[m] == got.zones[m];
      }
    }
    all_right += right;
    if (!right)
      g_test_message ("not as a reader: %s", bar + 2);
  }
  const double precision = tp / (double) (tp + fp), recall = tp / (double) (tp + fn), f1 = 2 * precision * recall / (precision + recall);
  g_test_message ("%u sentences, %u read entirely as expected (%.3f)", n, all_right, all_right / (double) n);
  g_test_message ("findings present: precision %.3f, recall %.3f, F1 %.3f (%u)", precision, recall, f1, tp + fn);
  g_test_message ("denied findings recognised: %.3f (%u); sides right: %.3f (%u); zones right: %.3f (%u)", denied_right / (double) denied, denied, sides_right / (double) sides, sides,
                  zones_right / (double) zones, zones);
  g_assert_cmpuint (n, ==, 200);
  g_assert_cmpfloat (f1, >=, 0.97);
  g_assert_cmpfloat (denied_right / (double) denied, >=, 0.97);
  g_assert_cmpfloat (sides_right / (double) sides, >=, 0.95);
  g_assert_cmpfloat (zones_right / (double) zones, >=, 0.95);
}

static void
test_helpers (void)
{
  AxMarkSet present, absent;
  ax_report_marks ("Findings:\nSmall right effusion. No pneumothorax.\n\nImpression:\nNo left effusion.", &present, &absent);
  g_assert_cmphex (present, ==, BIT (AX_MARK_PLEURAL_EFFUSION));
  g_assert_cmphex (absent, ==, BIT (AX_MARK_PNEUMOTHORAX));
  g_assert_cmphex (ax_report_sides ("Small right effusion. No left effusion. Consolidation.", AX_MARK_PLEURAL_EFFUSION), ==, BIT (AX_SIDE_RIGHT));
  g_assert_cmphex (ax_report_sides ("Consolidation.", AX_MARK_LUNG_OPACITY), ==, BIT (AX_SIDE_NONE));
  g_assert_cmphex (ax_report_sides ("Consolidation.", AX_MARK_FRACTURE), ==, 0);
  g_assert_true (ax_report_names_device ("An endotracheal tube ends above the carina."));
  g_assert_true (ax_report_names_device ("Sternotomy wires."));
  g_assert_false (ax_report_names_device ("The visceral pleural line is not seen. Lungs are clear."));
  g_assert_true (ax_report_names_prior ("Compared with the previous film the effusion is unchanged."));
  g_assert_false (ax_report_names_prior ("Small right effusion. The heart is enlarged."));
}

static void
test_hostile (void)
{
  g_autoptr (GArray) none = ax_report_findings ("");
  g_assert_cmpuint (none->len, ==, 0);
  g_autoptr (GArray) bytes = ax_report_findings ("effusion \xff\xfe");
  g_assert_cmpuint (bytes->len, ==, 0);
  GString *s = g_string_new (NULL);
  for (guint i = 0; i < 20000; i++)
    g_string_append (s, i % 7 == 0 ? "no " : i % 3 ? "effusion and " : "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, ");
  g_autoptr (GArray) many = ax_report_findings (s->str);
  g_assert_cmpuint (many->len, >, 100);
  g_string_free (s, TRUE);
  static const char *const odd[] = { "and", ", , ,", ".....", "no", "no no no", "effusion", "and effusion and", "right", "'", "a'b", "3.", ".3", "\n\n\n", "lungs are" };
  for (guint i = 0; i < G_N_ELEMENTS (odd); i++) {
    g_autoptr (GArray) list = ax_report_findings (odd[i]);
    g_assert_cmpuint (list->len, <=, 1);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/report-labels/sentences", test_sentences);
  g_test_add_func ("/report-labels/helpers", test_helpers);
  g_test_add_func ("/report-labels/hostile", test_hostile);
  return g_test_run ();
}
