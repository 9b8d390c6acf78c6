/* The Anatomy Perception Module against the authors' own numbers on generated weights (../shared/reference A, B and C).
 *
 * Tolerances are those of the reference's README: ten times what the authors' model itself differs between float32 and float64. Each
 * comparison prints the share of its tolerance that was used. */
#include "engine/checkpoint/weights.h"
#include "engine/model/apm.h"
#include "engine/training/apm_loss.h"
#include "tests/formula.h"
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

static char *
reference (const char *name)
{
  const char *shared = g_getenv ("AX_SHARED");
  char *path = g_build_filename (shared ? shared : "../shared", "reference", name, NULL);
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_test_skip ("the reference vectors are not on this machine");
      g_free (path);
      return NULL;
    }
  return path;
}

static AxWeights *expected;

/* The tensor `name` of the reference file as floats; g_free(). */
static float *
values (const char *name, gsize *n)
{
  g_autoptr (GError) error = NULL;
  int i = ax_weights_find (expected, name);
  if (i < 0)
    return NULL;
  *n = (gsize) ax_weights_info (expected, (guint) i)->n_elements;
  float *v = g_new (float, MAX (*n, 1));
  gboolean ok = ax_weights_read_f32 (expected, (guint) i, v, *n, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
  return v;
}

static void
check (const char *what, double worst, double tolerance)
{
  g_test_message ("%s: %.3g of a tolerance of %.3g (%.0f %%)", what, worst, tolerance, 100 * worst / tolerance);
  g_assert_cmpfloat (worst, <=, tolerance);
}

/* Compares t with NAME (whole), NAME.idx/.val (samples), NAME.rows/.row_values (rows of its last dimension). Returns how many forms
 * were found. nchw: the reference's flat indices count [c, h, w] of one image, ours are [h, w, c]. */
static int
compare (const char *name, const AxTensor *t, gboolean nchw, double tolerance)
{
  int found = 0;
  gsize n, m, cols = (gsize) t->shape[t->ndim - 1], cells = t->ndim == 4 ? (gsize) t->shape[1] * t->shape[2] : 0;
  double worst = 0;
  g_autofree char *idx = g_strconcat (name, ".idx", NULL), *val = g_strconcat (name, ".val", NULL);
  g_autofree char *rows = g_strconcat (name, ".rows", NULL), *row_values = g_strconcat (name, ".row_values", NULL);
  g_autofree float *whole = values (name, &n);
  if (whole)
    {
      g_assert_cmpuint (n, <=, t->n);       /* a prefix: the first channels of the first image */
      g_assert_true (nchw || n == t->n);
      for (gsize i = 0; i < n; i++)
        {
          gsize j = i;
          if (nchw)
            {
              gsize image = i / (cells * cols), rest = i % (cells * cols);
              j = image * cells * cols + rest % cells * cols + rest / cells;
            }
          worst = MAX (worst, fabs (whole[i] - t->data[j]));
        }
      found++;
    }
  g_autofree float *at = values (idx, &n);
  g_autofree float *v = values (val, &m);
  if (at && v)
    {
      for (gsize i = 0; i < n; i++)
        {
          gsize j = (gsize) at[i];
          if (nchw)
            {
              gsize image = j / (cells * cols), rest = j % (cells * cols);
              j = image * cells * cols + rest % cells * cols + rest / cells;
            }
          worst = MAX (worst, fabs (v[i] - t->data[j]));
        }
      found++;
    }
  g_autofree float *r = values (rows, &n);
  g_autofree float *rv = values (row_values, &m);
  if (r && rv)
    {
      for (gsize i = 0; i < n; i++)
        for (gsize k = 0; k < cols; k++)
          worst = MAX (worst, fabs (rv[i * cols + k] - t->data[(gsize) r[i] * cols + k]));
      found++;
    }
  if (found)
    check (name, worst, tolerance);
  return found;
}

static AxApm *
formula_apm (AxApmConfig config)
{
  g_autoptr (GError) error = NULL;
  AxApm *apm = ax_apm_new (&config, &error);
  g_assert_no_error (error);
  AxParameters *params = ax_apm_parameters (apm);
  for (guint i = 0; i < params->list->len; i++)
    {
      AxParameter *p = params->list->pdata[i];
      int64_t shape[4];
      for (int d = 0; d < p->t.ndim; d++)
        shape[d] = p->t.shape[d];
      ax_test_formula_weight (p->name, p->t.ndim, shape, p->t.data);
    }
  params->generation++;
  return apm;
}

typedef struct { double tolerance; int compared; } TapState;

static gboolean
tap (const char *name, AxTensor *t, gpointer data)
{
  TapState *s = data;
  gboolean map = t->ndim == 4;
  s->compared += compare (name, t, map, s->tolerance);
  if (g_str_equal (name, "layer4"))
    s->compared += compare ("layer4_full", t, TRUE, s->tolerance);
  return TRUE;
}

static void
parity (const char *file, AxApmConfig config, int batch, const char *const *seeds, double box_tolerance, double tolerance, double tap_tolerance,
        int least)
{
  g_autofree char *path = reference (file);
  g_autoptr (GError) error = NULL;
  if (path == NULL)
    return;
  expected = ax_weights_open (path, &error);
  g_assert_no_error (error);
  g_autoptr (AxApm) apm = formula_apm (config);
  g_autoptr (AxTape) tape = ax_tape_new (FALSE);
  int size = config.input_size;
  AxTensor *image = ax_tensor_new (tape, FALSE, 4, (int[]){ batch, size, size, 1 });
  g_autofree guint8 *u8 = g_malloc ((gsize) size * size);
  for (int b = 0; b < batch; b++)
    {
      ax_test_formula_image (seeds[b], size, size, b == 1, u8);
      for (int i = 0; i < size * size; i++)
        image->data[(gsize) b * size * size + i] = u8[i] / 255.0f;
    }
  TapState state = { tap_tolerance, 0 };
  AxApmOutput out;
  g_assert_true (ax_apm_forward (apm, tape, image, FALSE, tap, &state, &out));
  state.compared += compare ("boxes", out.boxes, FALSE, box_tolerance);
  state.compared += compare ("object_embeddings", out.objects, FALSE, tolerance);
  state.compared += compare ("image_logits", out.image_logits, FALSE, tolerance);
  state.compared += compare ("cls", out.cls, FALSE, tap_tolerance);
  state.compared += compare ("image_embedding", out.image_embedding, FALSE, tap_tolerance);
  state.compared += compare ("hs_last", out.hs, FALSE, tap_tolerance);
  g_test_message ("%d tensors compared, activations peaked at %.0f MB", state.compared, ax_tape_peak_bytes (tape) / 1e6);
  g_assert_cmpint (state.compared, >=, least);
  g_clear_pointer (&expected, ax_weights_unref);
}

static void
test_full (void)
{
  AxApmConfig config = ax_apm_config_default ();
  parity ("A_apm_full/apm_full.safetensors", config, 1, (const char *const[]){ "image0" }, 1e-5, 1e-4, 3e-4, 20);
}

static AxApmConfig
small_config (void)
{
  AxApmConfig config = ax_apm_config_default ();
  config.depth = 18;
  config.input_size = 256;
  return config;
}

static void
test_small (void)
{
  parity ("B_apm_small/apm_small.safetensors", small_config (), 2, (const char *const[]){ "image0", "image1" }, 3e-5, 4e-4, 4e-4, 18);
}

/* ---- training ------------------------------------------------------------------------------------------------------------ */

static double
number (JsonObject *o, const char *key)
{
  g_assert_true (json_object_has_member (o, key));
  return json_object_get_double_member (o, key);
}

static double
relative (double value, double truth)
{
  return fabs (value - truth) / MAX (fabs (truth), 1e-12);
}

static void
check_parameter (JsonObject *o, AxParameter *p, int step, gboolean after)
{
  JsonArray *idx = json_object_get_array_member (o, "idx");
  double lr = number (o, "lr");
  if (after)
    {
      double worst = 0, tolerance = (step == 0 ? 0.01 : 0.05) * lr;
      JsonArray *w = json_array_get_array_element (json_object_get_array_member (o, "w"), (guint) step + 1);
      for (guint i = 0; i < json_array_get_length (idx); i++)
        worst = MAX (worst, fabs (json_array_get_double_element (w, i) - p->t.data[json_array_get_int_element (idx, i)]));
      /* One rounding of a weight near 1 is 6e-8 and cannot be avoided. */
      g_assert_cmpfloat (worst, <=, tolerance + 1.2e-7);
      return;
    }
  double sum = 0, sum2 = 0;
  for (gsize i = 0; i < p->t.n; i++)
    {
      sum += p->t.grad[i];
      sum2 += (double) p->t.grad[i] * p->t.grad[i];
    }
  double l2 = json_array_get_double_element (json_object_get_array_member (o, "grad_l2"), (guint) step);
  double gsum = json_array_get_double_element (json_object_get_array_member (o, "grad_sum"), (guint) step);
  double gabs = json_array_get_double_element (json_object_get_array_member (o, "grad_abs_sum"), (guint) step);
  double loose = step == 0 ? 1 : 20;
  if (relative (sqrt (sum2), l2) > 1e-3 * loose || fabs (sum - gsum) > 1e-3 * loose * gabs)
    {
      g_test_message ("%s step %d: L2 %.8g, expected %.8g; sum %.8g, expected %.8g", p->name, step + 1, sqrt (sum2), l2, sum, gsum);
      g_test_fail ();
    }
  if (step == 0)
    {
      JsonArray *g = json_array_get_array_element (json_object_get_array_member (o, "grad"), 0);
      double rms = l2 / sqrt ((double) p->t.n);
      for (guint i = 0; i < json_array_get_length (idx); i++)
        {
          double truth = json_array_get_double_element (g, i), mine = p->t.grad[json_array_get_int_element (idx, i)];
          /* 1 % of the value; values far below the tensor's own rms carry the float32 noise of the whole sum. */
          if (fabs (mine - truth) > 0.01 * MAX (fabs (truth), 0.1 * rms))
            {
              g_test_message ("%s[%d]: %.8g, expected %.8g", p->name, (int) json_array_get_int_element (idx, i), mine, truth);
              g_test_fail ();
            }
        }
    }
}

static void
test_training_step (void)
{
  g_autofree char *path = reference ("C_apm_train/inputs_and_some_grads.safetensors");
  g_autoptr (GError) error = NULL;
  gsize n;
  if (path == NULL)
    return;
  g_autofree char *json = reference ("C_apm_train/train_step.json");
  g_autoptr (JsonParser) parser = json_parser_new ();
  json_parser_load_from_file (parser, json, &error);
  g_assert_no_error (error);
  JsonObject *root = json_node_get_object (json_parser_get_root (parser));
  JsonObject *parameters = json_object_get_object_member (root, "parameters");
  JsonArray *steps = json_object_get_array_member (root, "steps");

  expected = ax_weights_open (path, &error);
  g_assert_no_error (error);
  AxApmConfig config = small_config ();
  config.dropout = 0;
  g_autoptr (AxApm) apm = formula_apm (config);
  AxParameters *params = ax_apm_parameters (apm);
  ax_parameters_prepare (params, TRUE);
  g_autofree float *boxes = values ("target_boxes", &n), *labels = values ("target_labels", &n), *pooled = values ("sentence_embeddings", &n);
  g_autofree float *unit = g_new (float, n);
  ax_l2norm_forward (n / 768, 768, pooled, 1e-12f, unit, NULL);
  g_autoptr (AxTape) tape = ax_tape_new (TRUE);
  g_autofree guint8 *u8 = g_malloc (256 * 256);

  for (int step = 0; step < 2; step++)
    {
      JsonObject *s = json_array_get_object_element (steps, (guint) step), *losses = json_object_get_object_member (s, "losses");
      double l1, giou, bce, cl;
      AxApmOutput out;
      ax_tape_reset (tape);
      ax_tape_set_training (tape, TRUE, 1);
      ax_parameters_zero_grad (params);
      AxTensor *image = ax_tensor_new (tape, FALSE, 4, (int[]){ 2, 256, 256, 1 });
      for (int b = 0; b < 2; b++)
        {
          ax_test_formula_image (b ? "image1" : "image0", 256, 256, b, u8);
          for (int i = 0; i < 256 * 256; i++)
            image->data[b * 256 * 256 + i] = u8[i] / 255.0f;
        }
      ax_apm_forward (apm, tape, image, FALSE, NULL, NULL, &out);
      AxTensor *text_in = ax_tensor_new (tape, FALSE, 2, (int[]){ 72, 768 });
      memcpy (text_in->data, pooled, text_in->n * sizeof (float));
      AxTensor *objects = ax_l2norm (tape, ax_tensor_reshape (tape, out.objects, 2, (int[]){ 72, 16 }), 1e-12f);
      AxTensor *text = ax_l2norm (tape, ax_apm_project_text (apm, tape, text_in), 1e-12f);
      cl = ax_loss_contrastive (tape, objects, text, unit, 768, 1);
      ax_loss_boxes (tape, out.boxes, boxes, NULL, 5, 3, &l1, &giou);
      bce = ax_loss_labels (tape, out.image_logits, labels, NULL, 2);
      double tolerance = step == 0 ? 1e-4 : 2e-3;
      check ("loss_bbox", relative (5 * l1, number (losses, "loss_bbox")), tolerance);
      check ("loss_giou", relative (3 * giou, number (losses, "loss_giou")), tolerance);
      check ("loss_image_labels", relative (2 * bce, number (losses, "loss_image_labels")), tolerance);
      check ("contrastive", relative (cl, number (losses, "contrastive")), tolerance);
      ax_tape_backward (tape);

      for (guint i = 0; i < params->list->len; i++)
        {
          AxParameter *p = params->list->pdata[i];
          if (!json_object_has_member (parameters, p->name))
            continue;
          JsonObject *o = json_object_get_object_member (parameters, p->name);
          gboolean none = json_node_is_null (json_object_get_member (o, "grad"));
          g_assert_cmpint (none, ==, !p->trainable);
          if (!none && !json_object_get_boolean_member (o, "noise"))
            check_parameter (o, p, step, FALSE);
        }
      double norm = ax_parameters_step (params, 1e-4, 1e-4, 0.1, step + 1);
      check ("gradient norm", relative (norm, number (s, "grad_norm_before_clip")), step == 0 ? 3e-4 : 5e-3);
      int compared = 0;
      for (guint i = 0; i < params->list->len; i++)
        {
          AxParameter *p = params->list->pdata[i];
          if (!p->trainable || !json_object_has_member (parameters, p->name))
            continue;
          JsonObject *o = json_object_get_object_member (parameters, p->name);
          if (json_object_get_boolean_member (o, "noise"))
            continue;
          check_parameter (o, p, step, TRUE);
          compared++;
        }
      g_test_message ("step %d: weights of %d parameters agree", step + 1, compared);
      g_assert_cmpint (compared, >, 150);
    }
  g_clear_pointer (&expected, ax_weights_unref);
}

/* One forward and backward pass with batch statistics and dropout, on 1, 2, 3 and 5 threads: the same bits. */
static void
test_threads (void)
{
  g_autoptr (GError) error = NULL;
  AxApmConfig config = small_config ();
  config.input_size = 96;
  config.enc_layers = config.dec_layers = 1;
  config.text_dim = 0;
  config.train_norms = TRUE;
  g_autoptr (AxApm) apm = ax_apm_new (&config, &error);
  g_assert_no_error (error);
  AxParameters *params = ax_apm_parameters (apm);
  ax_apm_init (apm, 5);
  ax_parameters_prepare (params, FALSE);
  g_autofree float *target = g_new (float, 3 * 36 * 4);
  for (int i = 0; i < 3 * 36 * 4; i++)
    target[i] = 0.2f + 0.01f * (float) (i % 37);
  g_autoptr (GChecksum) first = NULL;
  for (int threads = 1; threads <= 5; threads += threads == 3 ? 2 : 1)
    {
      g_autoptr (AxTape) tape = ax_tape_new (TRUE);
      g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
      AxApmOutput out;
      double l1, giou;
      ax_threads_set (threads);
      ax_parameters_zero_grad (params);
      ax_tape_set_training (tape, TRUE, 9);
      AxTensor *image = ax_tensor_new (tape, FALSE, 4, (int[]){ 3, 96, 96, 1 });
      for (gsize i = 0; i < image->n; i++)
        image->data[i] = (float) ax_test_formula_u ("threads", i);
      ax_apm_forward (apm, tape, image, FALSE, NULL, NULL, &out);
      ax_loss_boxes (tape, out.boxes, target, NULL, 5, 3, &l1, &giou);
      g_checksum_update (sum, (guchar *) out.boxes->data, (gssize) (out.boxes->n * sizeof (float)));
      ax_tape_backward (tape);
      for (guint i = 0; i < params->list->len; i++)
        {
          AxParameter *p = params->list->pdata[i];
          if (p->trainable)
            g_checksum_update (sum, (guchar *) p->t.grad, (gssize) (p->t.n * sizeof (float)));
        }
      if (first == NULL)
        first = g_steal_pointer (&sum);
      else
        g_assert_cmpstr (g_checksum_get_string (first), ==, g_checksum_get_string (sum));
    }
  ax_threads_set (0);
  g_test_message ("boxes and gradients on 1, 2, 3 and 5 threads: SHA-256 %.12s", g_checksum_get_string (first));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/apm/small", test_small);
  g_test_add_func ("/apm/training-step", test_training_step);
  g_test_add_func ("/apm/full-size", test_full);
  g_test_add_func ("/apm/threads", test_threads);
  return g_test_run ();
}
