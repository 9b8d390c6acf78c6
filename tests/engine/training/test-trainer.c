/* The trainer: gradients of the losses, augmentation, resuming, refusals. Uses small generated data sets; no reference files. */
#include "engine/checkpoint/model_folder.h"
#include "engine/model/apm_file.h"
#include "engine/training/apm_batch.h"
#include "engine/training/apm_loss.h"
#include "engine/training/apm_metrics.h"
#include "engine/training/random.h"
#include "engine/training/train_apm.h"
#include "engine/training/train_state.h"
#include "engine/image/png-write.h"
#include "engine/training/phantom.h"
#include "tests/kernels/walled_card.h"
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- gradients against differences --------------------------------------------------------------------------------------- */

typedef double (*LossFn) (AxTape *tape, AxTensor *x);

static AxTensor *
leaf (AxTape *tape, int ndim, const int *shape, const float *values)
{
  AxTensor *t = ax_tensor_new (tape, TRUE, ndim, shape);
  memcpy (t->data, values, t->n * sizeof (float));
  return t;
}

/* Central differences with h = 1e-3: the truncation error is h^2 f''' / 6, the rounding of float inputs about 1e-7 / h = 1e-4 relative. */
static void
check_gradient (const char *name, LossFn loss, int ndim, const int *shape, const float *values, double tolerance)
{
  g_autoptr (AxTape) tape = ax_tape_new (TRUE);
  AxTensor *x = leaf (tape, ndim, shape, values);
  double worst = 0, scale = 0;
  loss (tape, x);
  g_autofree float *grad = g_memdup2 (x->grad, x->n * sizeof (float));
  gsize n = x->n;
  for (gsize i = 0; i < n; i++)
    {
      double f[2];
      for (int s = 0; s < 2; s++)
        {
          ax_tape_reset (tape);
          x = leaf (tape, ndim, shape, values);
          x->data[i] += s ? 1e-3f : -1e-3f;
          f[s] = loss (tape, x);
        }
      worst = MAX (worst, fabs ((f[1] - f[0]) / 2e-3 - grad[i]));
      scale = MAX (scale, fabs (grad[i]));
    }
  g_test_message ("%s: gradients differ by %.2g of the largest, %.2g (tolerance %.2g)", name, worst / scale, scale, tolerance);
  g_assert_cmpfloat (scale, >, 0);
  g_assert_cmpfloat (worst, <=, tolerance * scale);
}

static float target[64], weights[64], embeddings[6 * 5];
static float other[6 * 4];

static double
loss_boxes (AxTape *tape, AxTensor *x)
{
  double l1, giou;
  ax_loss_boxes (tape, x, target, weights, 5, 3, &l1, &giou);
  return 5 * l1 + 3 * giou;
}

static double
loss_labels (AxTape *tape, AxTensor *x)
{
  return 2 * ax_loss_labels (tape, x, target, weights, 2);
}

static double
loss_dense (AxTape *tape, AxTensor *x)
{
  return ax_loss_dense (tape, x, target, weights, 1);
}

static double
loss_contrastive (AxTape *tape, AxTensor *x)
{
  AxTensor *text = leaf (tape, 2, (int[]){ 6, 4 }, other);
  AxTensor *o = ax_l2norm (tape, x, 1e-12f);
  AxTensor *t = ax_l2norm (tape, text, 1e-12f);
  double l = ax_loss_contrastive (tape, o, t, embeddings, 5, 1);
  ax_tape_backward (tape);
  return l;
}

/* Three rows that choose among six candidates; row 1 may take either of two, row 2 counts half. */
static double
loss_choice (AxTape *tape, AxTensor *x)
{
  static const guint8 role[3 * 6] = { 2, 1, 1, 0, 0, 1, 1, 2, 2, 1, 0, 0, 0, 0, 1, 1, 2, 1 };
  static const float row_weight[3] = { 1, 2, 0.5f };
  AxTensor *text = leaf (tape, 2, (int[]){ 6, 4 }, other);
  double l = ax_loss_choice (tape, ax_l2norm (tape, x, 1e-12f), ax_l2norm (tape, text, 1e-12f), role, row_weight, 7, 1);
  ax_tape_backward (tape);
  return l;
}

/* The same by the other side: x are the candidates. */
static double
loss_choice_text (AxTape *tape, AxTensor *x)
{
  static const guint8 role[3 * 6] = { 2, 1, 1, 0, 0, 1, 1, 2, 2, 1, 0, 0, 0, 0, 1, 1, 2, 1 };
  static const float row_weight[3] = { 1, 2, 0.5f };
  AxTensor *rows = leaf (tape, 2, (int[]){ 3, 4 }, other);
  double l = ax_loss_choice (tape, ax_l2norm (tape, rows, 1e-12f), ax_l2norm (tape, x, 1e-12f), role, row_weight, 7, 1);
  ax_tape_backward (tape);
  return l;
}

static void
test_gradients (void)
{
  AxRandom r = ax_random_init (7, 1, 1);
  float boxes[4 * 4], logits[2 * 3 * 3 * 2], objects[6 * 4];
  for (int i = 0; i < 4; i++)
    for (int k = 0; k < 4; k++)
      {
        /* Some overlap, the last pair does not. */
        boxes[4 * i + k] = (float) (k < 2 ? ax_random_range (&r, 0.3, 0.6) : ax_random_range (&r, 0.15, 0.3));
        target[4 * i + k] = boxes[4 * i + k] + (float) ax_random_range (&r, 0.02, 0.06) + (i == 3 && k == 0 ? 0.4f : 0);
        weights[i] = i == 1 ? 0.5f : 1;
      }
  check_gradient ("boxes", loss_boxes, 2, (int[]){ 4, 4 }, boxes, 2e-3);
  for (int i = 0; i < 36; i++)
    {
      logits[i] = (float) ax_random_normal (&r);
      target[i] = (float) (ax_random_uniform (&r) < 0.4);
      weights[i] = (float) ax_random_uniform (&r);
    }
  check_gradient ("labels", loss_labels, 2, (int[]){ 6, 6 }, logits, 2e-3);
  check_gradient ("dense", loss_dense, 4, (int[]){ 2, 3, 3, 2 }, logits, 2e-3);
  for (int i = 0; i < 24; i++)
    {
      objects[i] = (float) ax_random_normal (&r);
      other[i] = (float) ax_random_normal (&r);
    }
  for (int i = 0; i < 6; i++)
    {
      double norm = 0;
      for (int k = 0; k < 5; k++)
        norm += pow (embeddings[5 * i + k] = (float) ax_random_normal (&r), 2);
      for (int k = 0; k < 5; k++)
        embeddings[5 * i + k] /= (float) sqrt (norm);
    }
  /* The temperature of 0.01 makes this function stiff: third derivatives are 100 times larger. */
  check_gradient ("contrastive", loss_contrastive, 2, (int[]){ 6, 4 }, objects, 3e-2);
  check_gradient ("choice", loss_choice, 2, (int[]){ 3, 4 }, objects, 2e-3);
  check_gradient ("choice, candidates", loss_choice_text, 2, (int[]){ 6, 4 }, objects, 2e-3);

  /* Every candidate right costs nothing; one right one of two equal ones costs log 2; no weight, no loss. */
  g_autoptr (AxTape) tape = ax_tape_new (FALSE);
  const float two[4] = { 1, 0, 1, 0 }, one = 1, zero = 0;
  AxTensor *row = leaf (tape, 2, (int[]){ 1, 2 }, two), *text = leaf (tape, 2, (int[]){ 2, 2 }, two);
  row->needs_grad = text->needs_grad = FALSE;
  g_assert_cmpfloat (ax_loss_choice (tape, row, text, (const guint8[]){ 2, 2 }, &one, 20, 1), ==, 0);
  g_assert_cmpfloat (fabs (ax_loss_choice (tape, row, text, (const guint8[]){ 2, 1 }, &one, 20, 1) - log (2)), <, 1e-12);
  g_assert_cmpfloat (ax_loss_choice (tape, row, text, (const guint8[]){ 2, 1 }, &zero, 20, 1), ==, 0);
}

/* ---- a small data set of phantoms ---------------------------------------------------------------------------------------- */

#define N_IMAGES 24

static char data_dir[4096];

/* Made once: rendering takes most of this test's time. */
static char *
make_data (void)
{
  if (*data_dir)
    return g_strdup (data_dir);
  g_autoptr (GError) error = NULL;
  char *dir = g_dir_make_tmp ("ax-train-XXXXXX", &error);
  g_assert_no_error (error);
  g_autofree char *images = g_build_filename (dir, "images", NULL);
  g_assert_cmpint (g_mkdir (images, 0755), ==, 0);
  g_autoptr (GString) labels = g_string_new ("image,patient_id,age,sex,view,findings,pixel_spacing_mm_x,pixel_spacing_mm_y,original_width,original_height,"
                                             "finding_boxes_xywh_1024\n");
  g_autoptr (GString) anatomy = g_string_new ("{\"names\":["), split = g_string_new ("patient_id,split\n");
  for (int k = 0; k < 36; k++)
    g_string_append_printf (anatomy, "%s\"%s\"", k ? "," : "", ax_phantom_object_name (k));
  g_string_append (anatomy, "],\"images\":{");
  for (int i = 0; i < N_IMAGES; i++)
    {
      AxPhantomParams params;
      AxPhantomTruth truth;
      guint8 *pixels = g_malloc (1024 * 1024), *small = g_malloc (128 * 128);
      g_autofree char *name = g_strdup_printf ("%08d_000.png", i + 1), *path = g_build_filename (images, name, NULL);
      ax_phantom_params_init (&params, (guint64) i + 1, 128);
      ax_phantom_render (&params, small, NULL, &truth);
      for (int p = 0; p < 1024 * 1024; p++)
        pixels[p] = small[(p / 1024 / 8) * 128 + p % 1024 / 8];
      g_assert_true (ax_png_write (path, 1024, 1024, 1, 8, pixels, &error));
      g_string_append_printf (labels, "%s,%d,50,%s,PA,%s,0.14,0.14,1024,1024,[]\n", name, i + 1, i % 2 ? "M" : "F", i % 3 ? "No Finding" : "Effusion");
      g_string_append_printf (anatomy, "%s\"%s\":{\"ok\":true,\"boxes\":[", i ? "," : "", name);
      for (int k = 0; k < 36; k++)
        {
          AxBox b = ax_box_clamp (truth.boxes[k], 1024, 1024);
          int x1 = (int) MIN (b.x1, 1000), y1 = (int) MIN (b.y1, 1000);
          g_string_append_printf (anatomy, "%s[%d,%d,%d,%d]", k ? "," : "", x1, y1, MAX ((int) b.x2, x1 + 8), MAX ((int) b.y2, y1 + 8));
        }
      g_string_append (anatomy, "],\"visible\":[");
      for (int k = 0; k < 36; k++)
        g_string_append_printf (anatomy, "%s1", k ? "," : "");
      g_string_append (anatomy, "]}");
      g_string_append_printf (split, "%d,%s\n", i + 1, i < 16 ? "train" : i < 20 ? "validation" : "test");
      ax_phantom_truth_clear (&truth);
      g_free (pixels);
      g_free (small);
    }
  g_string_append (anatomy, "}}");
  const struct { const char *name, *text; } files[] = { { "labels.csv", labels->str }, { "anatomy.json", anatomy->str }, { "findings.json", "[]" },
                                                        { "split.csv", split->str } };
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_build_filename (dir, files[i].name, NULL);
      g_assert_true (g_file_set_contents (path, files[i].text, -1, &error));
    }
  g_strlcpy (data_dir, dir, sizeof data_dir);
  return dir;
}

static char *
write_config (const char *dir, const char *run, int steps)
{
  g_autoptr (GError) error = NULL;
  char *path = g_strdup_printf ("%s/%s.json", dir, run);
  g_autofree char *text = g_strdup_printf (
    "{ \"data\": \".\", \"split\": \"split.csv\", \"run\": \"%s\", \"depth\": 18, \"input_size\": 64, \"hidden\": 32, \"heads\": 2, \"enc_layers\": 1,"
    "  \"dec_layers\": 1, \"ffn\": 32, \"text_dim\": 0, \"dropout\": 0.1, \"train_norms\": true, \"weight_dense\": 1, \"weight_aux\": 0.5, \"clip\": 5,"
    "  \"picture_side\": 64, \"validate_every\": 3, \"save_every\": 2,"
    "  \"stages\": [ { \"size\": 64, \"batch\": 2, \"steps\": %d, \"lr\": 1e-3, \"noise\": 0.02, \"paste\": 0.3, \"contrastive\": 0 },"
    "                { \"size\": 32, \"batch\": 3, \"steps\": 3, \"flip\": 0.5, \"translate\": 0.1 } ] }", run, steps);
  g_assert_true (g_file_set_contents (path, text, -1, &error));
  return path;
}

static void
kill_at (const AxTrainProgress *p, gpointer data)
{
  if (p->step == *(gint64 *) data)
    raise (SIGKILL);
}

static gboolean
train_on (const AxDevice *device, const char *config_path, gint64 kill_step, GError **error)
{
  g_autoptr (AxTrainConfig) config = ax_train_config_load (config_path, error);
  if (config == NULL)
    return FALSE;
  config->device = device;
  return ax_train_apm (config, kill_step ? kill_at : NULL, &kill_step, NULL, error);
}

static void
train (const char *config_path, gint64 kill_step)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = train_on (NULL, config_path, kill_step, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
}

static GBytes *
contents (const char *dir, const char *run, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (dir, run, name, NULL);
  char *data;
  gsize n;
  g_file_get_contents (path, &data, &n, &error);
  g_assert_no_error (error);
  return g_bytes_new_take (data, n);
}

static void
assert_same_run (const char *dir, const char *one, const char *other)
{
  const char *files[] = { "state.safetensors", "best.safetensors", "metrics.csv" };
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr (GBytes) a = contents (dir, one, files[i]), b = contents (dir, other, files[i]);
      g_test_message ("%s: %" G_GSIZE_FORMAT " bytes", files[i], g_bytes_get_size (a));
      g_assert_true (g_bytes_equal (a, b));
    }
}

/* A run that is killed (SIGKILL, no clean-up) after step 5, with its last state at step 4, must end with the very same bytes. */
static void
test_resume (void)
{
  g_autofree char *dir = make_data (), *whole = write_config (dir, "whole", 5), *killed = write_config (dir, "killed", 5);
  /* The run to be killed is this test again, in a process of its own: a fork would inherit a pool without its threads. */
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autoptr (GError) error = NULL;
  int status;
  g_assert_true (g_spawn_sync (NULL, (char *[]){ self, "--train-and-die", killed, NULL }, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error));
  g_assert_no_error (error);
  g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
  train (killed, 0);
  train (whole, 0);
  assert_same_run (dir, "whole", "killed");
  g_autoptr (GBytes) plot = contents (dir, "whole", "metrics.png");
  g_assert_cmpuint (g_bytes_get_size (plot), >, 1000);
  /* A finished run stays as it is. */
  g_autoptr (GBytes) before = contents (dir, "whole", "state.safetensors");
  train (whole, 0);
  g_autoptr (GBytes) after = contents (dir, "whole", "state.safetensors");
  g_assert_true (g_bytes_equal (before, after));
}

static void
replace (const char *path, const char *from, const char *to)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  g_auto (GStrv) parts = g_strsplit (text, from, 2);
  g_assert_cmpuint (g_strv_length (parts), ==, 2);
  g_autofree char *changed = g_strjoin (to, parts[0], parts[1], NULL);
  g_assert_true (g_file_set_contents (path, changed, -1, &error));
}

static char **
last_figures (const char *dir, const char *run)
{
  g_autoptr (GBytes) text = contents (dir, run, "metrics.csv");
  g_autofree char *copy = g_strndup (g_bytes_get_data (text, NULL), g_bytes_get_size (text));
  g_auto (GStrv) lines = g_strsplit (g_strchomp (copy), "\n", 0);
  return g_strsplit (lines[g_strv_length (lines) - 1], ",", 0);
}

/* On a card whose memory only its operations can see: nothing is read or written from here, the run, stopped for want of memory and begun again, ends with the same bytes
 * every time, and its losses after two steps are the processor's. (A gradient that several losses add to is summed in another order there, and AdamW's first steps
 * are as long as the rate whatever the gradient's size: as tests/engine/model/test-devices.c allows for gradients.) Nothing stays on the card. */
static void
test_card (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = make_data (), *here = write_config (dir, "here", 2), *there = write_config (dir, "card", 2), *again = write_config (dir, "again", 2);
  const AxDevice *card = walled_card ();
  replace (here, "\"depth\"", "\"stop\": 2, \"depth\"");
  replace (there, "\"depth\"", "\"stop\": 2, \"depth\"");
  replace (again, "\"depth\"", "\"stop\": 2, \"depth\"");
  walled_card_limit ((gsize) 4 << 20);
  g_assert_false (train_on (card, there, 0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "MiB are free"));
  g_clear_error (&error);
  g_assert_cmpuint (card->taken (), ==, 0);
  /* Room for weights, gradients and moments, but not for a pass. */
  walled_card_limit ((gsize) 174 << 20);
  g_assert_false (train_on (card, there, 0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "out of memory"));
  g_clear_error (&error);
  g_assert_cmpuint (card->taken (), ==, 0);
  walled_card_limit (0);
  g_assert_true (train_on (card, there, 0, &error));
  g_assert_no_error (error);
  g_test_message ("%" G_GSIZE_FORMAT " operations and copies", walled_card_calls ());
  g_assert_cmpuint (walled_card_calls (), >, 1000);
  g_assert_cmpuint (card->taken (), ==, 0);
  g_assert_true (train_on (card, again, 0, &error));
  g_assert_no_error (error);
  assert_same_run (dir, "card", "again");
  train (here, 0);
  g_auto (GStrv) mine = last_figures (dir, "here"), other = last_figures (dir, "card");
  static const struct { guint column; const char *name; } figures[] = { { 3, "l1" }, { 4, "giou" }, { 5, "labels" }, { 8, "norm" } };
  for (gsize i = 0; i < G_N_ELEMENTS (figures); i++)
    {
      const double x = g_ascii_strtod (mine[figures[i].column], NULL), y = g_ascii_strtod (other[figures[i].column], NULL);
      g_test_message ("%s: %g here, %g on the card", figures[i].name, x, y);
      g_assert_cmpfloat (x, >, 0);
      g_assert_cmpfloat (fabs (x - y), <=, 2e-3 * x);
    }
}

static void
refused (const char *path, const char *part)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxTrainConfig) config = ax_train_config_load (path, &error);
  gboolean ok = config != NULL && ax_train_apm (config, NULL, NULL, NULL, &error);
  g_assert_false (ok);
  g_assert_nonnull (error);
  g_test_message ("refused: %s", error->message);
  g_assert_nonnull (strstr (error->message, part));
}

/* A run that starts from a model's folder begins with its weights: with learning rate 0 they come out as they went in (but for the running statistics of
 * batch normalisation). */
static void
test_start (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = make_data (), *folder = g_build_filename (dir, "start-model", NULL), *weights = g_build_filename (folder, "apm.safetensors", NULL);
  g_autofree char *path = write_config (dir, "start", 1);
  g_assert_cmpint (g_mkdir (folder, 0755), ==, 0);
  g_autoptr (AxTrainConfig) config = ax_train_config_load (path, &error);
  g_assert_no_error (error);
  g_autoptr (AxApm) apm = ax_apm_new (&config->model, &error);
  ax_apm_init (apm, 99);
  g_assert_true (ax_apm_save (apm, weights, AX_APM_STORE_I8, FALSE, &error));
  g_autoptr (JsonObject) root = json_object_new ();
  json_object_set_object_member (root, "apm", ax_apm_config_to_json (&config->model));
  AxModelDescription d = { .name = "start", .config = root, .files = (const char *const[]){ "apm", "apm.safetensors", NULL } };
  g_assert_true (ax_model_folder_write (folder, &d, &error));
  g_assert_true (ax_apm_load (apm, weights, &error)); /* as 8 bits are read back */

  replace (path, "\"depth\"", "\"start\": \"start-model\", \"depth\"");
  replace (path, "\"lr\": 1e-3", "\"lr\": 0");
  train (path, 0);
  g_autoptr (AxApm) after = ax_apm_new (&config->model, &error);
  g_autofree char *best = g_build_filename (dir, "start", "best.safetensors", NULL);
  g_assert_true (ax_parameters_load (best, ax_apm_parameters (after), &error));
  guint compared = 0;
  for (guint i = 0; i < ax_apm_parameters (apm)->list->len; i++)
    {
      const AxParameter *p = ax_apm_parameters (apm)->list->pdata[i], *q = ax_apm_parameters (after)->list->pdata[i];
      if (strstr (p->name, "running_"))
        continue;
      g_assert_cmpmem (p->t.data, p->t.n * sizeof (float), q->t.data, q->t.n * sizeof (float));
      compared++;
    }
  g_assert_cmpuint (compared, >, 50);

  /* A run that starts half way between that model and another run, which was stopped before its stages ended. */
  g_autofree char *stopped = write_config (dir, "stopped", 5), *half = write_config (dir, "half", 1);
  replace (stopped, "\"depth\"", "\"stop\": 2, \"depth\"");
  train (stopped, 0);
  replace (half, "\"depth\"", "\"start\": \"start-model\", \"start_run\": \"stopped\", \"start_share\": 0.5, \"depth\"");
  replace (half, "\"lr\": 1e-3", "\"lr\": 0");
  train (half, 0);
  g_autoptr (AxApm) other = ax_apm_new (&config->model, &error), middle = ax_apm_new (&config->model, &error);
  AxParameters *sets[1] = { ax_apm_parameters (other) };
  g_autofree char *state = g_build_filename (dir, "stopped", "state.safetensors", NULL), *mean = g_build_filename (dir, "half", "best.safetensors", NULL);
  gint64 step;
  double score, worst = 0, moved = 0;
  ax_parameters_prepare (sets[0], TRUE);
  g_assert_true (ax_train_state_load (state, sets, 1, &step, &score, &error));
  g_assert_cmpint (step, ==, 2);
  g_assert_true (ax_parameters_load (mean, ax_apm_parameters (middle), &error));
  for (guint i = 0; i < sets[0]->list->len; i++)
    {
      const AxParameter *a = ax_apm_parameters (apm)->list->pdata[i], *b = sets[0]->list->pdata[i], *m = ax_apm_parameters (middle)->list->pdata[i];
      for (gsize k = 0; k < a->t.n && strstr (a->name, "running_") == NULL; k++)
        {
          worst = MAX (worst, fabs ((a->t.data[k] + b->t.data[k]) / 2.0 - m->t.data[k]) / (fabs (a->t.data[k]) + fabs (b->t.data[k]) + 1e-30));
          moved = MAX (moved, fabs (a->t.data[k] - m->t.data[k]));
        }
    }
  g_test_message ("half way: off by %.2g of the ends (float rounding: %.2g)", worst, 0x1p-24);
  g_assert_cmpfloat (worst, <=, 0x1p-24 * 1.001);
  g_assert_cmpfloat (moved, >, 0.01);

  g_autofree char *other_sum = write_config (dir, "start2", 1), *other_shape = write_config (dir, "start3", 1), *nowhere = write_config (dir, "start4", 1);
  replace (other_sum, "\"depth\"", "\"start\": \"start-model\", \"start_sha256\": \"00ff\", \"depth\"");
  refused (other_sum, "SHA-256");
  replace (other_shape, "\"depth\"", "\"start\": \"start-model\", \"depth\"");
  replace (other_shape, "\"ffn\": 32", "\"ffn\": 48");
  refused (other_shape, "another shape");
  replace (nowhere, "\"depth\"", "\"start\": \"no-such-model\", \"depth\"");
  refused (nowhere, "no-such-model");
  g_autofree char *marks = write_config (dir, "start5", 1);
  replace (marks, "\"depth\"", "\"sentence_marks\": [\"lung opacity\", \"lungs\"], \"depth\"");
  refused (marks, "sentence_marks");
}

static void
test_refusals (void)
{
  g_autofree char *dir = make_data (), *split = g_build_filename (dir, "split.csv", NULL);
  g_autofree char *config = write_config (dir, "run", 1);
  replace (config, "\"clip\"", "\"clipp\"");
  refused (config, "clipp");
  g_autofree char *config2 = write_config (dir, "run", 1);
  replace (config2, "\"depth\": 18", "\"depth\": 19");
  refused (config2, "ResNet");
  g_autofree char *config3 = write_config (dir, "run", 1);
  replace (config3, "\"lr\": 1e-3", "\"lr\": \"fast\"");
  refused (config3, "lr");
  g_autofree char *config5 = write_config (dir, "run", 1);
  replace (config5, "\"translate\": 0.1", "\"phantom\": 0.5");
  refused (config5, "phantom");
  g_autofree char *config4 = write_config (dir, "run", 1);
  replace (split, "3,train", "3,train\n3,test");
  refused (config4, "3");
}

/* ---- augmentation -------------------------------------------------------------------------------------------------------- */

/* The lung's box and its mask are moved by one map: after any augmentation the mask's extent must lie in the box, and a mirrored image must keep
 * anatomical labels: the right lung then lies at the image's right. */
static void
test_augmentation (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = make_data ();
  g_autoptr (AxDataset) dataset = ax_dataset_load (dir, &error);
  g_assert_no_error (error);
  AxPictures *pictures = ax_pictures_load (dataset, 128, dir, NULL, NULL, &error);
  g_assert_no_error (error);
  AxBatch *b = ax_batch_new (8, 128), *again = ax_batch_new (8, 128);
  guint index[N_IMAGES];
  for (guint i = 0; i < N_IMAGES; i++)
    index[i] = i;
  AxAugment a = { .rotate = 5, .translate = 0.05, .scale = 0.1, .flip = 0.5, .gamma = 0.2, .phantom = 1 };
  guint flipped = 0;
  for (guint64 step = 0; step < 6; step++)
    {
      ax_batch_fill (b, pictures, index, N_IMAGES, &a, 1, step);
      ax_batch_fill (again, pictures, index, N_IMAGES, &a, 1, step);
      g_assert_cmpmem (b->image, 8 * 128 * 128 * sizeof (float), again->image, 8 * 128 * 128 * sizeof (float));
      g_assert_cmpmem (b->boxes, 8 * 36 * 4 * sizeof (float), again->boxes, 8 * 36 * 4 * sizeof (float));
      for (int k = 0; k < 8; k++)
        {
          const float *right = b->boxes + (k * 36 + 20) * 4, *left = b->boxes + (k * 36 + 11) * 4;
          flipped += b->flipped[k];
          /* Patient's right is at the image's left unless mirrored; phantoms with mirrored organs are not drawn here. */
          g_assert_cmpint (right[0] < left[0], ==, !b->flipped[k]);
          for (int y = 0; y < 16; y++)
            for (int x = 0; x < 16; x++)
              if (b->dense[0][((k * 16 + y) * 16 + x) * AX_DENSE_CHANNELS] > 0.9f)
                {
                  float cx = (x + 0.5f) / 16, cy = (y + 0.5f) / 16;
                  /* One mask pixel of slack on each side. */
                  g_assert_cmpfloat (fabsf (cx - right[0]), <=, right[2] / 2 + 0.02f);
                  g_assert_cmpfloat (fabsf (cy - right[1]), <=, right[3] / 2 + 0.02f);
                }
        }
    }
  g_assert_cmpuint (flipped, >, 8);
  g_assert_cmpuint (flipped, <, 40);
  ax_batch_free (b);
  ax_batch_free (again);
  ax_pictures_free (pictures);
}

static void
test_metrics (void)
{
  float a[4] = { 0.5f, 0.5f, 0.2f, 0.2f }, b[4] = { 0.6f, 0.5f, 0.2f, 0.2f };
  g_assert_cmpfloat_with_epsilon (ax_cxcywh_iou (a, b), 1.0 / 3, 1e-6);
  float score[4] = { 0.1f, 0.4f, 0.4f, 0.8f };
  guint8 truth[4] = { 0, 0, 1, 1 };
  g_assert_cmpfloat_with_epsilon (ax_auroc_simple (score, truth, 4), 3.5 / 4, 1e-12);
  memset (truth, 0, 4);
  g_assert_true (isnan (ax_auroc_simple (score, truth, 4)));
}

int
main (int argc, char **argv)
{
  if (argc == 3 && strcmp (argv[1], "--train-and-die") == 0)
    {
      train (argv[2], 5);
      return 1;
    }
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/trainer/gradients", test_gradients);
  g_test_add_func ("/trainer/metrics", test_metrics);
  g_test_add_func ("/trainer/augmentation", test_augmentation);
  g_test_add_func ("/trainer/resume-after-kill", test_resume);
  g_test_add_func ("/trainer/card", test_card);
  g_test_add_func ("/trainer/start", test_start);
  g_test_add_func ("/trainer/refusals", test_refusals); /* last: it damages the split */
  int result = g_test_run ();
  if (*data_dir)
    g_spawn_sync (NULL, (char *[]){ "rm", "-rf", data_dir, NULL }, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
  return result;
}
