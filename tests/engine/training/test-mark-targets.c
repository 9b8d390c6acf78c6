/* The findings of structures as targets: what a batch knows of them, which sentences compete, and the retrieval loss. A data set of four images is made
 * here; no reference files. */
#include "engine/training/mark_targets.h"
#include "engine/training/phantom.h"
#include "engine/training/sentence_vectors.h"
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define RIGHT_LUNG 20
#define LEFT_LUNG 11
#define BIT(m) (1u << (m))

enum { N = 36, DIM = 8 };
static AxDataset *dataset;
static AxSplit *split;
static char *vectors;

static void
box (AxFindingBox *f, AxBoxLabel label, const AxBox *structure)
{
  *f = (AxFindingBox){ label, AX_SOURCE_CHESTXDET13, *structure };
}

/* Images 0 and 1 train: 0 shows opacity and fibrosis over the right lung, 1 is read and healthy. 2 (validation) shows an effusion over the left lung. 3 trains
 * and is unread: "Effusion" by the text program. Structures are small boxes apart from each other. */
static void
make (void)
{
  g_autoptr (GError) error = NULL;
  dataset = g_new0 (AxDataset, 1);
  dataset->n = 4;
  dataset->images = g_new0 (AxDatasetImage, 4);
  g_autoptr (GString) csv = g_string_new ("patient_id,split\n");
  for (guint i = 0; i < 4; i++)
    {
      AxDatasetImage *im = &dataset->images[i];
      im->patient = g_strdup_printf ("%u", i + 1);
      im->ok = TRUE;
      im->chestxdet13 = i < 3;
      for (int k = 0; k < N; k++)
        {
          im->boxes[k] = (AxBox){ 160 * (k % 6), 160 * (k / 6), 160 * (k % 6) + 100, 160 * (k / 6) + 100 };
          im->visible[k] = TRUE;
        }
      im->findings = g_new0 (AxFindingBox, 2);
      g_string_append_printf (csv, "%u,%s\n", i + 1, i == 2 ? "validation" : "train");
    }
  dataset->images[0].n_findings = 2;
  box (&dataset->images[0].findings[0], AX_BOX_CONSOLIDATION, &dataset->images[0].boxes[RIGHT_LUNG]);
  box (&dataset->images[0].findings[1], AX_BOX_FIBROSIS, &dataset->images[0].boxes[RIGHT_LUNG]);
  dataset->images[2].n_findings = 1;
  box (&dataset->images[2].findings[0], AX_BOX_EFFUSION, &dataset->images[2].boxes[LEFT_LUNG]);
  dataset->images[3].text = BIT (AX_NIH_EFFUSION);
  for (guint i = 0; i < 4; i++)
    ax_dataset_image_label (&dataset->images[i]);

  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("ax-split-XXXXXX", &path, &error);
  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, csv->str, -1, &error));
  split = ax_split_load (path, &error);
  g_assert_no_error (error);
  g_remove (path);

  /* Every sentence of one or two of four marks, with a vector of its own. */
  const AxMarkSet sets[] = { 0, BIT (AX_MARK_LUNG_OPACITY), BIT (AX_MARK_FIBROSIS), BIT (AX_MARK_PLEURAL_EFFUSION),
                             BIT (AX_MARK_LUNG_OPACITY) | BIT (AX_MARK_FIBROSIS) };
  const char *names[N];
  for (int k = 0; k < N; k++)
    names[k] = ax_phantom_object_name (k);
  g_autoptr (AxSentenceBuilder) builder = ax_sentence_builder_new (names, N, DIM);
  for (guint k = 0; k < N; k++)
    for (gsize s = 0; s < G_N_ELEMENTS (sets); s++)
      {
        g_autofree char *sentence = ax_sentence_new (k, sets[s]);
        float v[DIM];
        for (guint d = 0; d < DIM; d++)
          v[d] = sinf ((float) (k * 13 + s * 29 + d * d * 7 + 1));
        if ((sets[s] & ~ax_mark_allowed (k)) == 0)
          g_assert_true (ax_sentence_builder_add (builder, k, sentence, v, &error));
      }
  g_autoptr (AxSentenceFile) file = ax_sentence_builder_finish (builder, &error);
  g_assert_no_error (error);
  fd = g_file_open_tmp ("ax-vectors-XXXXXX", &vectors, &error);
  g_close (fd, NULL);
  g_assert_true (ax_sentence_file_save (file, vectors, AX_DTYPE_F32, &error));
}

static guint
count (AxMarkSet marks, guint object, const char *must)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxSentenceFile) file = ax_sentence_file_open (vectors, &error);
  g_autoptr (GArray) rows = ax_sentence_db_choose (dataset, split, file, marks);
  guint first, n, found = 0;
  gboolean seen = must == NULL;
  ax_sentence_file_range (file, object, &first, &n);
  for (guint i = 0; i < rows->len; i++)
    {
      guint j = g_array_index (rows, guint, i);
      if (j >= first && j < first + n)
        {
          found++;
          seen |= must && strstr (ax_sentence_file_text (file, j), must) != NULL;
        }
    }
  g_assert_true (seen);
  return found;
}

/* Which sentences enter the database: training patients' only, and of each the part that speaks of the chosen findings. */
static void
test_choose (void)
{
  g_assert_cmpuint (count (AX_MARKS_ALL, RIGHT_LUNG, "shows fibrosis and lung opacity."), ==, 2);
  g_assert_cmpuint (count (BIT (AX_MARK_LUNG_OPACITY), RIGHT_LUNG, "shows lung opacity."), ==, 2);
  g_assert_cmpuint (count (0, RIGHT_LUNG, "is healthy."), ==, 1);
  /* the effusion is a validation patient's: its sentence must not be there */
  g_assert_cmpuint (count (AX_MARKS_ALL, LEFT_LUNG, "is healthy."), ==, 1);
}

static AxApm *
make_apm (void)
{
  AxApmConfig c = ax_apm_config_default ();
  c.depth = 18;
  c.input_size = 64;
  c.hidden = c.ffn = 32;
  c.heads = 2;
  c.enc_layers = c.dec_layers = 1;
  c.text_dim = DIM;
  c.text_hidden = 16;
  AxApm *apm = ax_apm_new (&c, NULL);
  ax_apm_init (apm, 4);
  return apm;
}

/* A batch of all four images, as ax_batch_set() would fill what is used here. */
static AxBatch *
make_batch (void)
{
  AxBatch *b = ax_batch_new (4, 64);
  for (int i = 0; i < 4; i++)
    {
      AxStructureFacts facts[N];
      ax_structure_facts (&dataset->images[i], facts);
      b->source[i] = i;
      for (int k = 0; k < N; k++)
        {
          b->box_mask[i * N + k] = 1;
          b->known[i * N + k] = facts[k].known;
          b->present[i * N + k] = facts[k].present & facts[k].known;
        }
    }
  return b;
}

static void
test_retrieval (void)
{
  g_autoptr (GError) error = NULL;
  const AxMarkSet marks = BIT (AX_MARK_LUNG_OPACITY) | BIT (AX_MARK_PLEURAL_EFFUSION);
  g_autoptr (AxApm) apm = make_apm ();
  AxMarkTargets *t = ax_mark_targets_new (vectors, dataset, split, marks, DIM, &error);
  g_assert_no_error (error);
  g_assert_null (ax_mark_targets_new (vectors, dataset, split, marks, DIM + 1, &error));
  g_assert_nonnull (error);

  /* Embeddings that are the sentences' own: image 0 says "opacity" of the right lung, all else "healthy". */
  g_autoptr (AxSentenceFile) file = ax_sentence_file_open (vectors, NULL);
  g_autoptr (AxTape) tape = ax_tape_new (TRUE);
  AxTensor *pooled = ax_tensor_new (tape, FALSE, 2, (int[]){ (int) ax_sentence_file_n (file), DIM });
  memcpy (pooled->data, ax_sentence_file_vectors (file), pooled->n * sizeof (float));
  const AxTensor *text = ax_apm_project_text (apm, tape, pooled);
  AxApmOutput out = { .objects = ax_tensor_new (tape, TRUE, 3, (int[]){ 4, N, 16 }) };
  guint opacity = 0;
  for (guint i = 0; i < 4 * N; i++)
    {
      AxMarkSet wanted = i == RIGHT_LUNG ? BIT (AX_MARK_LUNG_OPACITY) : 0, says;
      guint first, n;
      ax_sentence_file_range (file, i % N, &first, &n);
      for (guint j = first; j < first + n; j++)
        if (ax_sentence_findings (ax_sentence_file_text (file, j), &says) && says == wanted)
          memcpy (out.objects->data + (gsize) i * 16, text->data + (gsize) j * 16, 16 * sizeof (float));
    }
  AxMarkSet named[4 * N];
  ax_mark_targets_retrieve (t, apm, out.objects->data, 4, named);
  for (guint i = 0; i < 4 * N; i++)
    opacity += named[i] != 0;
  g_assert_cmpuint (opacity, ==, 1);
  g_assert_cmpuint (named[RIGHT_LUNG], ==, BIT (AX_MARK_LUNG_OPACITY));

  /* At a large scale the right choices cost next to nothing; taking image 0's healthy right lung for image 1's opacity costs. */
  AxBatch *b = make_batch ();
  double right = ax_mark_targets_retrieval (t, apm, tape, &out, b, 2000, 1, 1);
  b->present[RIGHT_LUNG] = 0;
  double wrong = ax_mark_targets_retrieval (t, apm, tape, &out, b, 2000, 1, 1);
  g_test_message ("right %.3g, wrong %.3g", right, wrong);
  g_assert_cmpfloat (right, <, 0.01);
  g_assert_cmpfloat (wrong, >, 1);
  /* What nobody looked for has no say: without any known mark there is no loss. */
  memset (b->known, 0, 4 * N * sizeof *b->known);
  g_assert_cmpfloat (ax_mark_targets_retrieval (t, apm, tape, &out, b, 2000, 1, 1), ==, 0);
  ax_batch_free (b);
  ax_mark_targets_free (t);
}

/* The database holds the chosen sentences with P_S of their vectors; pushed, "is healthy" of a structure with findings is farther from them and all else stays. */
static void
test_database (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxApm) apm = make_apm ();
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("ax-db-XXXXXX", &path, &error);
  g_close (fd, NULL);
  double cosine[2];
  for (int pushed = 0; pushed < 2; pushed++)
    {
      guint n, first, count;
      g_assert_true (ax_sentence_db_build (dataset, split, apm, vectors, BIT (AX_MARK_LUNG_OPACITY), pushed * 0.5, path, &n, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (n, ==, N + 1); /* healthy everywhere, and the right lung's opacity */
      g_autoptr (AxSentenceFile) file = ax_sentence_file_open (path, &error);
      ax_sentence_file_range (file, RIGHT_LUNG, &first, &count);
      g_assert_cmpuint (count, ==, 2);
      const float *a = ax_sentence_file_vectors (file) + (gsize) first * 16, *b = a + 16;
      double ab = 0, aa = 0, bb = 0;
      for (int d = 0; d < 16; d++)
        ab += (double) a[d] * b[d], aa += (double) a[d] * a[d], bb += (double) b[d] * b[d];
      cosine[pushed] = ab / sqrt (aa * bb);
    }
  g_remove (path);
  /* a' = a + 0.5 (a - b) = 1.5 a - 0.5 b of unit vectors with cosine c: c' = (1.5 c - 0.5) / sqrt (2.5 - 1.5 c); float16 keeps 2^-11 of each number */
  const double c = cosine[0], wanted = (1.5 * c - 0.5) / sqrt (2.5 - 1.5 * c), tolerance = 16 * 0x1p-11;
  g_test_message ("cosine %.4f, pushed %.4f, expected %.4f, tolerance %.4f", c, cosine[1], wanted, tolerance);
  g_assert_cmpfloat (fabs (cosine[1] - wanted), <=, tolerance);
  g_assert_cmpfloat (cosine[1], <, c);
}

/* Where the gradient of the marks goes: to what is known, and for the unread image to the structure that looks most like an effusion. */
static void
test_marks (void)
{
  g_autoptr (AxTape) tape = ax_tape_new (TRUE);
  AxMarkTargets *t = ax_mark_targets_new (vectors, dataset, split, AX_MARKS_ALL, DIM, NULL);
  AxTensor *logits = ax_tensor_new (tape, TRUE, 2, (int[]){ 4 * N, AX_MARK_N });
  memset (logits->data, 0, logits->n * sizeof (float));
  const int unread = (3 * N + LEFT_LUNG) * AX_MARK_N + AX_MARK_PLEURAL_EFFUSION;
  logits->data[unread] = 0.5f;
  AxBatch *b = make_batch ();
  ax_mark_targets_loss (t, tape, logits, b, 1, 1);
  const float *g = ax_tensor_grad (tape, logits);
  g_assert_cmpfloat (g[RIGHT_LUNG * AX_MARK_N + AX_MARK_LUNG_OPACITY], <, 0);       /* it is there: up */
  g_assert_cmpfloat (g[(N + RIGHT_LUNG) * AX_MARK_N + AX_MARK_LUNG_OPACITY], >, 0); /* read, not there: down */
  g_assert_cmpfloat (g[(N + 0) * AX_MARK_N + AX_MARK_LUNG_OPACITY], ==, 0);         /* not allowed there */
  g_assert_cmpfloat (g[unread], <, 0);                                              /* 0.62 against the word's worth of 0.9: up */
  for (int k = 0; k < N; k++)
    if (k != LEFT_LUNG)
      g_assert_cmpfloat (g[(3 * N + k) * AX_MARK_N + AX_MARK_PLEURAL_EFFUSION], ==, 0);
  ax_batch_free (b);
  ax_mark_targets_free (t);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  make ();
  g_test_add_func ("/mark-targets/choose", test_choose);
  g_test_add_func ("/mark-targets/database", test_database);
  g_test_add_func ("/mark-targets/retrieval", test_retrieval);
  g_test_add_func ("/mark-targets/marks", test_marks);
  int result = g_test_run ();
  g_remove (vectors);
  g_free (vectors);
  ax_split_free (split);
  for (guint i = 0; i < dataset->n; i++)
    {
      g_free (dataset->images[i].patient);
      g_free (dataset->images[i].findings);
    }
  g_free (dataset->images);
  g_free (dataset);
  return result;
}
