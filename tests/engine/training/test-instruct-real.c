/* Instruction data of the real data set: every sample checked against what is known of its image. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/anatomix.h"
#include "engine/training/instruct_build.h"
#include "engine/training/instruct_phrases.h"
#include "engine/training/instruct_words.h"
#include "tests/engine/training/nih.h"

typedef struct {
  AxDataset *dataset;
  GPtrArray *parts[AX_SPLIT_N];
  AxInstructCounts counts[AX_SPLIT_N];
} Real;

static gboolean
real_load (Real *real)
{
  memset (real, 0, sizeof *real);
  g_autoptr (AxSplit) split = NULL;
  if (!nih_load (&real->dataset, &split))
    return FALSE;
  AxInstructConfig config = { 0 };
  ax_instruct_config_defaults (&config);
  for (guint p = 0; p < AX_SPLIT_N; p++)
    real->parts[p] = ax_instruct_part (real->dataset, split, (AxSplitPart) p, &config, &real->counts[p]);
  /* The same data and seed give the same samples, byte for byte. */
  g_autoptr (GPtrArray) again = ax_instruct_part (real->dataset, split, AX_SPLIT_TEST, &config, NULL);
  g_assert_cmpuint (again->len, ==, real->parts[AX_SPLIT_TEST]->len);
  config.seed++;
  g_autoptr (GPtrArray) other = ax_instruct_part (real->dataset, split, AX_SPLIT_TEST, &config, NULL);
  guint differ = 0;
  for (guint i = 0; i < again->len; i++) {
    const AxInstructSample *a = again->pdata[i], *b = real->parts[AX_SPLIT_TEST]->pdata[i], *c = i < other->len ? other->pdata[i] : a;
    g_assert_cmpstr (a->instruction[0], ==, b->instruction[0]);
    g_assert_cmpstr (a->response[0], ==, b->response[0]);
    differ += strcmp (a->instruction[0], c->instruction[0]) != 0;
  }
  g_assert_cmpuint (differ, >, again->len / 2);
  return TRUE;
}

static void
real_free (Real *real)
{
  for (guint p = 0; p < AX_SPLIT_N; p++)
    g_clear_pointer (&real->parts[p], g_ptr_array_unref);
  g_clear_pointer (&real->dataset, ax_dataset_free);
}

/* All boxes of a text; -1 when a tag is broken. */
static int
boxes_in (const char *text, AxBox *boxes, guint max)
{
  guint n = 0;
  for (const char *p = text; (p = strstr (p, "<box>")) != NULL && n < max; n++) {
    int v[4], length = 0;
    if (sscanf (p, "<box>(%d,%d),(%d,%d)</box>%n", &v[0], &v[1], &v[2], &v[3], &length) != 4 || length == 0)
      return -1;
    boxes[n] = (AxBox) { v[0], v[1], v[2], v[3] };
    p += length;
  }
  return (int) n;
}

/* The tag that stands before this option in the question, e.g. "(B) yes" -> "(B)". */
static char *
tag_of (const char *question, const char *option)
{
  g_auto (GStrv) lines = g_strsplit (question, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++) {
    const char *close = strstr (lines[i], ") ");
    if (lines[i][0] == '(' && close != NULL && strcmp (close + 2, option) == 0)
      return g_strndup (lines[i], (gsize) (close + 1 - lines[i]));
  }
  return NULL;
}

static void
check_classification (const AxDatasetImage *image, const AxInstructSample *s)
{
  const char *q = s->instruction[0], *a = s->response[0];
  const gboolean read = ax_dataset_image_is_read (image);
  if (g_str_has_prefix (q, "Does this")) {
    g_autofree char *disease = g_strndup (q + strlen ("Does this chest X-ray show "), strcspn (q, "?") - strlen ("Does this chest X-ray show "));
    for (guint l = 0; l < AX_DATASET_N_LABELS; l++)
      if (g_ascii_strcasecmp (disease, ax_label_name (l)) == 0) {
        g_assert_true (read && image->reader_known[l]);
        const char *word = image->reader_value[l] ? "Yes" : "No";
        g_autofree char *tag = tag_of (q, word), *full = tag != NULL ? g_strdup_printf ("%s %s", tag, word) : g_strdup (word);
        g_assert_cmpstr (a, ==, full);
        return;
      }
    g_assert_not_reached ();
  }
  g_autofree char *edema = tag_of (q, "Edema");
  if (edema != NULL) /* the list; sets of findings have none of the single labels as an option */
    for (guint l = 0; l < AX_DATASET_N_LABELS; l++) {
      g_autofree char *tag = tag_of (q, ax_label_name (l));
      g_assert_nonnull (tag);
      const gboolean said = strstr (a, tag) != NULL;
      if (image->reader_known[l])
        g_assert_cmpint (said, ==, image->reader_value[l]);
      else if (said)
        g_assert_cmpfloat (image->target[l], >=, 0.35f);
    }
}

/* "Is <box> on the patient's left side?": against the middle between the two lungs' boxes. */
static void
check_place (const AxDatasetImage *image, const AxInstructSample *s, AxBox region)
{
  const char *q = s->instruction[0], *a = s->response[0];
  const AxBox left = s->flip ? ax_box_mirror (image->boxes[11], 1024) : image->boxes[11], right = s->flip ? ax_box_mirror (image->boxes[20], 1024) : image->boxes[20];
  const gboolean leftward = fabs (region.x1 + region.x2 - left.x1 - left.x2) < fabs (region.x1 + region.x2 - right.x1 - right.x2), asked_left = strstr (q, "left") != NULL;
  g_autofree char *yes = tag_of (q, "yes");
  const gboolean said = yes != NULL ? g_str_has_prefix (a, yes) : g_str_has_prefix (a, "Yes");
  g_assert_cmpint (said, ==, leftward == asked_left);
}

static void
check_sample (const Real *real, const AxInstructSample *s)
{
  const AxDatasetImage *image = ax_dataset_find (real->dataset, s->image_id);
  g_assert_nonnull (image);
  const char *q = s->instruction[0], *a = s->response[0];
  const gboolean read = ax_dataset_image_is_read (image);
  AxBox boxes[36];
  const int n = strstr (a, "__BOX") != NULL ? 0 : boxes_in (a, boxes, 36);
  g_assert_cmpint (n, >=, 0);
  g_assert_cmpint (boxes_in (q, boxes + n, (guint) (36 - n)), >=, 0);
  g_assert_true (g_utf8_validate (q, -1, NULL) && g_utf8_validate (a, -1, NULL) && *a != '\0' && strstr (q, "{}") == NULL && strstr (a, "{}") == NULL);
  /* Nothing is denied on an image that no radiologist read. The heart's width is measured on the boxes, and so is the place of a region. */
  const gboolean place = s->task == AX_INSTRUCT_CLOSED && strstr (q, "<box>") != NULL;
  if (place)
    check_place (image, s, boxes[n]);
  if (!read && !place && s->weight == 1 && strstr (q, "heart") == NULL && strstr (q, "cardiac silhouette") == NULL)
    g_assert_false (g_str_has_prefix (a, "No") || strstr (a, ") no") != NULL || strstr (a, "is no ") != NULL);
  if (!read)
    g_assert_cmpint (s->task, !=, AX_INSTRUCT_REPORT);
  for (int b = 0; b < n; b++) {
    /* Every box of an answer is a reader's, or the hull of several: each edge is the edge of a reader's box, cut to whole pixels. */
    guint edges = 0;
    for (guint f = 0; f < image->n_findings; f++) {
      const AxBox truth = s->flip ? ax_box_mirror (image->findings[f].box, 1024) : image->findings[f].box;
      edges |= ((int) truth.x1 == (int) boxes[b].x1) | ((int) truth.y1 == (int) boxes[b].y1) << 1 | ((int) truth.x2 == (int) boxes[b].x2) << 2 |
               ((int) truth.y2 == (int) boxes[b].y2) << 3;
    }
    g_assert_cmphex (edges, ==, 15);
  }
  switch (s->task) {
  case AX_INSTRUCT_CLASSIFICATION:
    check_classification (image, s);
    break;
  case AX_INSTRUCT_ANATOMY: {
    g_autofree char *question = NULL, *answer = NULL;
    g_assert_true (s->has_boxes && ax_instruct_sample_pick (s, 0, 0, NULL, &question, &answer));
    g_assert_cmpint (boxes_in (answer, boxes, 36), ==, 1);
    const char *open = strstr (answer, "<ref>") + 5;
    g_autofree char *name = g_strndup (open, (gsize) (strstr (answer, "</ref>") - open));
    const int o = ax_anatomy_find (name);
    g_assert_cmpint (o, >=, 0);
    g_assert_true (image->visible[o]);
    const AxBox truth = s->flip ? ax_box_mirror (image->boxes[o], 1024) : image->boxes[o];
    g_assert_cmpfloat (boxes[0].x1, ==, truth.x1);
    g_assert_cmpfloat (boxes[0].y2, ==, truth.y2);
    break;
  }
  case AX_INSTRUCT_PHRASE:
    g_assert_true (n > 0 || (g_str_has_prefix (a, "No ") && g_str_has_suffix (a, " detected.")));
    break;
  case AX_INSTRUCT_DETECTION:
    g_assert_true ((n == 0) == (strcmp (a, "No abnormalities detected.") == 0));
    g_assert_true (n > 0 || (image->n_findings == 0 && image->chestxdet_present == 0 && image->rsna != AX_RSNA_NOT_NORMAL));
    break;
  case AX_INSTRUCT_REPORT: {
    g_autofree char *lower = g_ascii_strdown (a, -1);
    static const char *const never[] = { "tube", "line", "catheter", "pacemaker", "prior", "previous", "compar", "unchanged", "stable", "recommend", "history" };
    for (guint w = 0; w < G_N_ELEMENTS (never); w++)
      g_assert_null (strstr (lower, never[w]));
    g_assert_true (g_str_has_prefix (a, "Findings:\n") && strstr (a, "\n\nImpression:\n") != NULL && g_str_has_suffix (a, "."));
    if (image->reader_known[AX_LABEL_PLEURAL_EFFUSION])
      g_assert_cmpint (strstr (lower, "left pleural effusion") != NULL || strstr (lower, "right pleural effusion") != NULL || strstr (lower, "bilateral pleural effusion") != NULL ||
                         strstr (lower, "pleural effusion is seen.") != NULL || strstr (lower, "is pleural effusion") != NULL || strstr (lower, "a pleural effusion") != NULL ||
                         strstr (lower, "no pleural effusion") != NULL || strstr (lower, "or pleural effusion") != NULL, ==, TRUE);
    else
      g_assert_null (strstr (lower, "no pleural effusion"));
    break;
  }
  case AX_INSTRUCT_CLOSED: {
    g_autofree char *yes = tag_of (q, "yes"), *no = tag_of (q, "no");
    if (yes != NULL) /* one of the two tags, with its word unless asked for the letter alone */
      g_assert_true (strstr (q, "directly") != NULL ? strcmp (a, yes) == 0 || strcmp (a, no) == 0
                                                    : (g_str_has_prefix (a, yes) && g_str_has_suffix (a, " yes")) || (g_str_has_prefix (a, no) && g_str_has_suffix (a, " no")));
    else
      g_assert_true (g_str_has_prefix (a, "Yes") || g_str_has_prefix (a, "No"));
    break;
  }
  default:
    break;
  }
}

static void
test_real (void)
{
  Real real;
  if (!real_load (&real))
    return;
  g_autoptr (GHashTable) part_of = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint p = 0; p < AX_SPLIT_N; p++) {
    guint done[AX_INSTRUCT_N_TASKS] = { 0 };
    for (guint i = 0; i < real.parts[p]->len; i++) {
      const AxInstructSample *s = real.parts[p]->pdata[i];
      check_sample (&real, s);
      done[s->task]++;
      gpointer known;
      if (g_hash_table_lookup_extended (part_of, s->study_id, NULL, &known))
        g_assert_cmpuint (GPOINTER_TO_UINT (known), ==, p); /* no patient on two sides */
      else
        g_hash_table_insert (part_of, s->study_id, GUINT_TO_POINTER (p));
      for (guint w = 0; w < 50 && s->task == AX_INSTRUCT_ANATOMY; w++) { /* the paraphrases stay aside */
        const char *kept = ax_words (AX_WORDS_ANATOMY_PARAPHRASE)[w];
        const gsize head = (gsize) (strstr (kept, "{}") - kept);
        if (head > 8)
          g_assert_false (strncmp (kept, s->instruction[0], head) == 0 && g_str_has_suffix (s->instruction[0], kept + head + 2));
      }
    }
    g_test_message ("%s: %u samples of %u images (%u mirrored) and %u patients", ax_split_part_name (p), real.counts[p].total, real.counts[p].images, real.counts[p].mirrored,
                    real.counts[p].patients);
    for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++) {
      g_assert_cmpuint (done[t], ==, real.counts[p].samples[t]);
      g_assert_cmpuint (done[t], >, 20);
      g_test_message ("  %s: %u", ax_instruct_task_name (t), done[t]);
    }
    g_assert_cmpuint (real.counts[p].mirrored * 2, ==, real.counts[p].images);
  }
  real_free (&real);
}

/* What a closed question's options say must agree with what the same image says without options. */
static void
test_real_answers_agree (void)
{
  Real real;
  if (!real_load (&real))
    return;
  g_autoptr (GHashTable) answers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint compared = 0;
  for (guint p = 0; p < AX_SPLIT_N; p++)
    for (guint i = 0; i < real.parts[p]->len; i++) {
      const AxInstructSample *s = real.parts[p]->pdata[i];
      if (s->task != AX_INSTRUCT_CLOSED)
        continue;
      const char *q = s->instruction[0], *a = s->response[0];
      g_autofree char *tag = tag_of (q, "yes");
      const gboolean yes = tag != NULL ? g_str_has_prefix (a, tag) : g_str_has_prefix (a, "Yes");
      char *key = g_strdup_printf ("%s %.*s", s->image_id, (int) strcspn (q, "?"), q); /* mirrored or not: the patient is the same */
      gpointer known;
      if (g_hash_table_lookup_extended (answers, key, NULL, &known)) {
        g_assert_cmpint (GPOINTER_TO_INT (known), ==, yes);
        compared++;
        g_free (key);
      } else
        g_hash_table_insert (answers, key, GINT_TO_POINTER (yes));
    }
  g_test_message ("%u closed questions were asked again and answered alike", compared);
  g_assert_cmpuint (compared, >, 50);
  real_free (&real);
}

/* A finding's name is asked for where it is and where it is not: else the name alone would tell the answer. */
static void
test_real_names (void)
{
  static const char *const names[] = { "nodule", "mass", "consolidation", "lung opacity", "rib fracture", "pleural effusion", "cardiomegaly" };
  Real real;
  if (!real_load (&real))
    return;
  guint asked[G_N_ELEMENTS (names)][2] = { { 0 } };
  for (guint i = 0; i < real.parts[AX_SPLIT_TRAIN]->len; i++) {
    const AxInstructSample *s = real.parts[AX_SPLIT_TRAIN]->pdata[i];
    g_autofree char *question = g_ascii_strdown (s->instruction[0], -1);
    for (guint k = 0; k < G_N_ELEMENTS (names) && s->task == AX_INSTRUCT_PHRASE; k++)
      if (strstr (question, names[k]) != NULL)
        asked[k][strstr (s->response[0], "<box>") != NULL]++;
  }
  for (guint k = 0; k < G_N_ELEMENTS (names); k++) {
    g_test_message ("%s: there %u times, absent %u times", names[k], asked[k][1], asked[k][0]);
    g_assert_cmpuint (asked[k][0], >, 0);
    g_assert_cmpuint (asked[k][1], >, 0);
  }
  real_free (&real);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/instruct/real", test_real);
  g_test_add_func ("/instruct/real-answers-agree", test_real_answers_agree);
  g_test_add_func ("/instruct/real-names", test_real_names);
  return g_test_run ();
}
