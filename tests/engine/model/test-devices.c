/* Whole models on every device that can be used here: the processor behind a wall (tests/kernels/walled_card.h), the emulated card, which runs the card's kernels thread by thread (kernels/cuda/emulator.h), and the real one
 * where there is one. The processor's results, which the other tests hold against the authors', are the truth; the language model is held against the authors'
 * own numbers as well.
 *
 * Tolerances: both sides work in float32 and differ by the order of their sums. A sum of K products carries an error of about sqrt(K) u of their size, K up to a
 * few thousand here: 4e-6; some twenty such layers follow each other, and a margin of ten: 1e-3 of the largest element. Gradients pass the layers twice. */
#include "engine/model/apm.h"
#include "engine/evaluation/bench_lm.h"
#include "engine/model/gemma_generate.h"
#include "engine/training/apm_loss.h"
#include "tests/engine/model/tiny.h"
#include "tests/formula.h"
#include "tests/kernels/walled_card.h"
#ifdef AX_EMULATED_DEVICE
#include "kernels/cuda/emulated_face.h"
#endif
#include <math.h>
#include <string.h>

#define TOLERANCE 1e-3
#define GRAD_TOLERANCE 2e-3

static double share_used;

/* Values against the truth, relative to the largest of it. */
static void
check (const char *what, const float *got, const float *truth, gsize n, double tolerance)
{
  double worst = 0, largest = 1e-12;
  for (gsize i = 0; i < n; i++)
    {
      largest = MAX (largest, fabs (truth[i]));
      worst = MAX (worst, isfinite (got[i]) ? fabs (got[i] - truth[i]) : INFINITY);
    }
  if (!(worst <= tolerance * largest))
    g_error ("%s: off by %.3g where the largest is %.3g; %.3g is allowed", what, worst, largest, tolerance * largest);
  if (tolerance > 0)
    share_used = MAX (share_used, worst / (tolerance * largest));
}

static void
told (const AxDevice *on)
{
  g_autoptr (GError) error = NULL;
  ax_device_check (on, &error);
  g_assert_no_error (error);
  g_test_message ("%.2f %% of the tolerance used", 100 * share_used);
  share_used = 0;
}

/* ---- the Anatomy Perception Module ------------------------------------------------------------------------------------------ */

enum { BATCH = 2, SIDE = 32, SIDE_NORMS = 64 };  /* batch statistics over two numbers would multiply every rounding */

static AxApm *
small_apm (gboolean train_norms)
{
  g_autoptr (GError) error = NULL;
  AxApmConfig c = ax_apm_config_default ();
  c.depth = 18;
  c.input_size = train_norms ? SIDE_NORMS : SIDE;
  c.hidden = 32;
  c.heads = 2;
  c.ffn = 48;
  c.enc_layers = c.dec_layers = 1;
  c.text_dim = 0;
  c.train_norms = train_norms;
  AxApm *apm = ax_apm_new (&c, &error);
  g_assert_no_error (error);
  ax_apm_init (apm, 3);
  /* Both ways through a convolution's norm: by the batch, and frozen and folded. */
  for (guint i = 0; train_norms && i < ax_apm_parameters (apm)->list->len; i++)
    {
      AxParameter *p = ax_apm_parameters (apm)->list->pdata[i];
      if (strstr (p->name, "layer3") != NULL && (strstr (p->name, ".bn") != NULL || strstr (p->name, "downsample.1") != NULL))
        p->trainable = FALSE;
    }
  return apm;
}

/* Boxes, vectors, logits and the loss of a pass, and where the tape records all gradients and, after a step, the moments. Not the weights: AdamW moves an element whose
 * gradient is zero but for rounding as far as any other. The operation table holds its arithmetic. */
typedef struct { GPtrArray *names; GPtrArray *arrays; GArray *sizes; } Results;

static void
keep (Results *r, const char *name, gpointer array, gsize n)
{
  g_ptr_array_add (r->names, g_strdup (name));
  g_ptr_array_add (r->arrays, array);
  g_array_append_val (r->sizes, n);
}

static void
keep_tensor (Results *r, const char *name, AxTape *tape, const AxTensor *t)
{
  float *values = g_new (float, t->n);
  ax_tensor_get (tape, t, values);
  keep (r, name, values, t->n);
}

static void
keep_parameters (Results *r, const char *what, AxParameters *p, gboolean gradients)
{
  for (guint i = 0; i < p->list->len; i++)
    {
      AxParameter *q = p->list->pdata[i];
      const float *from = gradients ? q->t.grad : q->m;
      if (!q->trainable)
        continue;
      float *values = g_new (float, q->t.n);
      g_autofree char *name = g_strdup_printf ("%s of %s", what, q->name);
      p->device->download (values, from, q->t.n * sizeof (float));
      keep (r, name, values, q->t.n);
    }
}

static Results
results_new (void)
{
  return (Results){ g_ptr_array_new_with_free_func (g_free), g_ptr_array_new_with_free_func (g_free), g_array_new (FALSE, FALSE, sizeof (gsize)) };
}

static void
results_compare (Results *got, Results *truth, double tolerance)
{
  g_assert_cmpuint (got->names->len, ==, truth->names->len);
  for (guint i = 0; i < got->names->len; i++)
    check (got->names->pdata[i], got->arrays->pdata[i], truth->arrays->pdata[i], g_array_index (truth->sizes, gsize, i), tolerance);
  g_test_message ("%u arrays compared", got->names->len);
  for (int k = 0; k < 2; k++)
    {
      Results *r = k ? got : truth;
      g_ptr_array_unref (r->names);
      g_ptr_array_unref (r->arrays);
      g_array_unref (r->sizes);
    }
}

static gboolean
never (const char *name, AxTensor *t, gpointer data)
{
  return TRUE;
}

static void
apm_pass (AxApm *apm, AxTape *tape, Results *r, gboolean train)
{
  AxParameters *p = ax_apm_parameters (apm);
  AxApmOutput out;
  double l1, giou;
  const int side = ax_apm_config (apm)->input_size;
  g_autofree float *pixels = g_new (float, BATCH * side * side), *target = g_new (float, BATCH * 36 * 4), *labels = g_new (float, BATCH * 14);
  for (int i = 0; i < BATCH * side * side; i++)
    pixels[i] = (float) ax_test_formula_u ("devices", (guint64) i);
  for (int i = 0; i < BATCH * 36 * 4; i++)
    target[i] = 0.2f + 0.01f * (float) (i % 37);
  for (int i = 0; i < BATCH * 14; i++)
    labels[i] = i % 3 == 0;
  ax_tape_reset (tape);
  ax_tape_set_training (tape, train, 9);
  ax_parameters_zero_grad (p);
  AxTensor *image = ax_tensor_new (tape, FALSE, 4, (int[]){ BATCH, side, side, 1 });
  ax_tensor_set (tape, image, pixels);
  g_assert_true (ax_apm_forward (apm, tape, image, train, never, NULL, &out));
  keep_tensor (r, "boxes", tape, out.boxes);
  keep_tensor (r, "objects", tape, out.objects);
  keep_tensor (r, "logits", tape, out.image_logits);
  keep_tensor (r, "image embedding", tape, out.image_embedding);
  if (!train)
    return;
  ax_loss_boxes (tape, out.boxes, target, NULL, 5, 3, &l1, &giou);
  ax_loss_labels (tape, out.image_logits, labels, NULL, 2);
  ax_tape_backward (tape);
  keep_parameters (r, "gradient", p, TRUE);
  float *norm = g_new (float, 1);
  *norm = (float) ax_parameters_step (p, 1e-4, 1e-4, 0.1, 1);
  keep (r, "norm", norm, 1);
  keep_parameters (r, "moments", p, FALSE);
}

static void
apm_case (const AxDevice *on, gboolean train_norms, gboolean train)
{
  g_autoptr (GError) error = NULL;
  Results truth = results_new (), got = results_new ();
  g_autoptr (AxApm) here = small_apm (train_norms), there = small_apm (train_norms);
  if (train)
    {
      ax_parameters_prepare (ax_apm_parameters (here), TRUE);
      ax_parameters_prepare (ax_apm_parameters (there), TRUE);
    }
  g_autoptr (AxTape) host = ax_tape_new (train), tape = ax_tape_new_on (on, train);
  const gsize before = on->taken ();
  g_assert_true (ax_apm_move (there, on, &error));
  g_assert_cmpuint (on->taken () - before, >=, ax_parameters_bytes (ax_apm_parameters (there)));
  apm_pass (here, host, &truth, train);
  apm_pass (there, tape, &got, train);
  results_compare (&got, &truth, train ? GRAD_TOLERANCE : TOLERANCE);
  if (!train)
    {
      /* Once more with the memory and packed weights of the first pass; and moved back here. */
      Results again = results_new (), back = results_new (), first = results_new (), second = results_new ();
      apm_pass (there, tape, &again, FALSE);
      apm_pass (here, host, &first, FALSE);
      results_compare (&again, &first, TOLERANCE);
      g_assert_true (ax_apm_move (there, ax_device_cpu (), &error));
      apm_pass (there, host, &back, FALSE);
      apm_pass (here, host, &second, FALSE);
      results_compare (&back, &second, 0);
    }
  told (on);
}

static void test_apm (gconstpointer on) { apm_case (on, FALSE, FALSE); }
static void test_apm_training (gconstpointer on) { apm_case (on, TRUE, TRUE); }

/* ---- the language model ------------------------------------------------------------------------------------------------------- */

typedef struct { gboolean merge; AxGemmaStore store; const char *name; } LmCase;

/* The authors' first greedy tokens after a prompt with image and objects, by recorded steps on a card. */
/* The reference's tiny model, and its case with an image and objects. */
typedef struct {
  Tiny      *tiny;
  AxWeights *expected;
  float     *image, *objects;    /* [16, ...], [36, ...] */
  gint32    *ids;                /* [n] */
  gsize      n;
} Injected;

/* FALSE after g_test_skip(). */
static gboolean
injected_open (Injected *in)
{
  g_autoptr (GError) error = NULL;
  gsize count;
  *in = (Injected){ .tiny = tiny_open (TINY_LORA | TINY_VOCABULARY | TINY_HEADS) };
  if (in->tiny == NULL)
    return FALSE;
  g_autofree char *path = tiny_path ("reference/F_lm_tiny", "expected.safetensors");
  in->expected = ax_weights_open (path, &error);
  g_assert_no_error (error);
  in->image = tiny_tensor (in->expected, "inject.image_embeddings", &count);
  in->objects = tiny_tensor (in->expected, "inject.object_embeddings", &count);
  in->ids = tiny_ids (in->expected, "inject.ids", &in->n);
  return TRUE;
}

static void
injected_clear (Injected *in)
{
  g_clear_pointer (&in->tiny, tiny_free);
  g_clear_pointer (&in->expected, ax_weights_unref);
  g_free (in->image);
  g_free (in->objects);
  g_free (in->ids);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Injected, injected_clear)

static void
serve (const AxDevice *on, AxGemmaStore store, gboolean merge)
{
  g_autoptr (GError) error = NULL;
  g_auto (Injected) in = { 0 };
  gsize count;
  if (!injected_open (&in))
    return;
  g_autofree gint32 *wanted = tiny_ids (in.expected, "inject.generated_ids", &count);
  g_autofree float *logits = tiny_tensor (in.expected, "inject.logits", &count);
  const AxGemmaOptions options = { .store = store, .lora_alpha = 16, .merge_lora = merge, .device = on };
  g_autoptr (AxGemma) gemma = tiny_gemma (in.tiny, &options);
  g_assert_true (ax_gemma_device (gemma) == on);
  g_autofree float *image_rows = g_new (float, 16 * 128), *object_rows = g_new (float, 36 * 128);
  ax_gemma_project (gemma, FALSE, 16, in.image, image_rows);
  ax_gemma_project (gemma, TRUE, 36, in.objects, object_rows);
  const AxGemmaInput input = { in.ids, (int) in.n, image_rows, 16, object_rows };
  g_autoptr (AxGemmaState) state = ax_gemma_state_new (gemma, 72, &error);
  g_assert_no_error (error);
  AxGemmaSampling sampling = ax_gemma_sampling_default ();
  sampling.n_stop = 0;
  const int whole = store == AX_GEMMA_F32 ? 10 : 4, few = 4;
  gint32 made[2][24];
  float probability[2][24];
  int got;
  for (int round = 0; round < 2; round++)
    {
      const int tokens = round == 0 ? whole : few;
      sampling.max_tokens = tokens;
      ax_gemma_state_rewind (state, 0);
      g_assert_true (ax_gemma_state_prefill (state, &input, TRUE, NULL, NULL, &error));
      g_assert_no_error (error);
      if (store == AX_GEMMA_F32)
        check ("logits", ax_gemma_state_logits (state), logits + 47 * 557, 557, TOLERANCE);
      g_assert_cmpint (ax_gemma_generate (state, &sampling, NULL, NULL, NULL, made[round], probability[round], &got), ==, AX_GEMMA_STOP_LENGTH);
      g_assert_cmpint (got, ==, tokens);
      for (int i = 0; i < tokens; i++)
        {
          if (store == AX_GEMMA_F32)
            g_assert_cmpint (made[round][i], ==, wanted[i]);
          g_assert_true (probability[round][i] > 0 && probability[round][i] < 1);
        }
      g_assert_cmpint (ax_gemma_state_length (state), ==, 48 + tokens - 1);
    }
  /* The second round repeats what the first recorded. */
  g_assert_cmpmem (made[0], (gsize) few * sizeof (gint32), made[1], (gsize) few * sizeof (gint32));
  g_assert_cmpmem (probability[0], (gsize) few * sizeof (float), probability[1], (gsize) few * sizeof (float));
  /* Teacher forcing gives the same probabilities; a rewound state goes on from its prefix; a banned id is not chosen. */
  float logp[24];
  ax_gemma_state_rewind (state, 0);
  g_assert_true (ax_gemma_state_prefill (state, &input, TRUE, NULL, NULL, &error));
  g_assert_true (ax_gemma_state_score (state, made[0], few, logp, &error));
  for (int i = 0; i < few; i++)
    probability[1][i] = expf (logp[i]);
  check ("scores", probability[1], probability[0], (gsize) few, store == AX_GEMMA_F32 ? TOLERANCE : 0.05);
  sampling.banned[0] = made[0][0];
  sampling.banned[1] = 0;
  sampling.n_banned = 2;
  sampling.max_tokens = 3;
  g_assert_cmpint (ax_gemma_generate (state, &sampling, NULL, NULL, NULL, made[1], NULL, &got), ==, AX_GEMMA_STOP_LENGTH);
  for (int i = 0; i < got; i++)
    g_assert_true (made[1][i] != made[0][0] && made[1][i] != 0);
  /* A second state takes the prefix over. */
  g_autoptr (AxGemmaState) other = ax_gemma_state_new (gemma, 60, &error);
  ax_gemma_state_copy (other, state, 40);
  const AxGemmaInput rest = { in.ids + 40, 8, NULL, 0, object_rows };
  g_assert_true (ax_gemma_state_prefill (other, &rest, TRUE, NULL, NULL, &error));
  if (store == AX_GEMMA_F32)
    check ("logits behind a copied prefix", ax_gemma_state_logits (other), logits + 47 * 557, 557, TOLERANCE);
  told (on);
}

static void test_serve (gconstpointer on) { serve (on, AX_GEMMA_F32, FALSE); }
static void test_serve_bf16 (gconstpointer on) { serve (on, AX_GEMMA_BF16, TRUE); }
static void test_serve_quantised (gconstpointer on) { serve (on, AX_GEMMA_QUANTISED, TRUE); }

/* The benchmarks' weights, made on the card from their formula and carried from here: the same model. */
static void
test_generated (gconstpointer data)
{
  const AxDevice *on = data;
  g_autoptr (GError) error = NULL;
  AxGemmaConfig config;
  gint32 ids[9];
  g_assert_true (ax_lm_config_named ("270m", &config));
  config.layers = 1;
  config.vocab = 300;
  config.width = 96;
  config.ffn = 64;
  config.head_dim = 32;
  for (int i = 0; i < 9; i++)
    ids[i] = (7 + 31 * i) % config.vocab;
  const AxGemmaSource made = ax_bench_lm_source (&config), carried = { made.data, made.shape, made.read, NULL };
  g_assert_nonnull (made.make);
  g_autofree float *logits = g_new (float, config.vocab);
  for (int store = AX_GEMMA_F32; store <= AX_GEMMA_QUANTISED; store++)
    for (int k = 0; k < 2; k++)
      {
        const AxGemmaOptions options = { .store = (AxGemmaStore) store, .device = on };
        g_autoptr (AxGemma) gemma = ax_gemma_new (&config, &options, NULL, k ? &made : &carried, &error);
        g_assert_no_error (error);
        g_autoptr (AxGemmaState) state = ax_gemma_state_new (gemma, 16, &error);
        g_assert_true (ax_gemma_state_prefill (state, &(AxGemmaInput){ .ids = ids, .n = 9 }, TRUE, NULL, NULL, &error));
        g_assert_no_error (error);
        if (k == 0)
          memcpy (logits, ax_gemma_state_logits (state), (gsize) config.vocab * sizeof (float));
        else
          g_assert_cmpmem (logits, (gsize) config.vocab * sizeof (float), ax_gemma_state_logits (state), (gsize) config.vocab * sizeof (float));
      }
  g_assert_cmpfloat (fabs (logits[3]), >, 0);
  told (on);
}

/* A training step on a packed batch with a shared prefix: loss, gradients and moments as here. */
static void
lm_pass (AxGemma *gemma, AxTape *tape, const gint32 *ids, const float *image, const float *objects, Results *r)
{
  g_autoptr (GError) error = NULL;
  AxParameters *p = ax_gemma_parameters (gemma);
  const AxGemmaStretch stretches[] = { { 0, 40, 0, 0, 0 }, { 40, 8, 0, 40, 0 }, { 48, 8, 0, 40, 0 } };
  gint32 packed[56], targets[14];
  int out[14];
  float *nll = g_new (float, 14), *loss = g_new (float, 2);
  memcpy (packed, ids, 48 * sizeof *ids);
  memcpy (packed + 48, ids + 40, 8 * sizeof *ids);
  packed[50] = 7;
  for (int i = 0; i < 14; i++)
    {
      out[i] = 40 + i + (i >= 7);
      targets[i] = packed[out[i] + 1];
    }
  ax_tape_reset (tape);
  ax_tape_set_training (tape, TRUE, 4);
  ax_parameters_zero_grad (p);
  AxTensor *x = ax_tensor_new (tape, FALSE, 2, (int[]){ 16, 256 }), *o = ax_tensor_new (tape, FALSE, 2, (int[]){ 36, 16 });
  ax_tensor_set (tape, x, image);
  ax_tensor_set (tape, o, objects);
  const AxGemmaBatch batch = { .n = 56, .ids = packed, .n_stretches = 3, .stretches = stretches, .image_rows = ax_gemma_project_image (gemma, tape, x),
                               .object_rows = ax_gemma_project_objects (gemma, tape, o), .n_images = 1, .out_rows = out, .n_out = 14 };
  AxTensor *hidden = ax_gemma_forward (gemma, tape, &batch, NULL, NULL, &error);
  g_assert_no_error (error);
  int correct;
  keep_tensor (r, "hidden", tape, hidden);
  loss[0] = (float) ax_gemma_loss (gemma, tape, hidden, 14, targets, NULL, nll, &correct);
  loss[1] = (float) correct;
  keep (r, "nll", nll, 14);
  keep (r, "loss", loss, 2);
  ax_tape_backward (tape);
  keep_parameters (r, "gradient", p, TRUE);
  ax_parameters_step (p, 1e-4, 0, 0.3, 1);
  keep_parameters (r, "moments", p, FALSE);
}

static void
lm_case (const AxDevice *on, gboolean vocabulary)
{
  g_auto (Injected) in = { 0 };
  if (!injected_open (&in))
    return;
  Results results[2] = { results_new (), results_new () };
  for (int k = 0; k < 2; k++)
    {
      const AxDevice *device = k ? on : ax_device_cpu ();
      const AxGemmaOptions options = { .store = AX_GEMMA_F32, .lora_alpha = 16, .lora_dropout = 0.1, .vocabulary = vocabulary, .device = device,
                                       .added_first = vocabulary ? 0 : 520, .added_count = vocabulary ? 0 : 6 };
      g_autoptr (AxGemma) gemma = tiny_gemma (in.tiny, &options);
      ax_gemma_init (gemma, 5);
      ax_gemma_set_trainable (gemma, AX_GEMMA_TRAIN_HEADS | AX_GEMMA_TRAIN_LORA | (vocabulary ? AX_GEMMA_TRAIN_VOCABULARY : AX_GEMMA_TRAIN_ADDED));
      ax_parameters_prepare (ax_gemma_parameters (gemma), TRUE);
      g_autoptr (AxTape) tape = ax_tape_new_on (device, TRUE);
      lm_pass (gemma, tape, in.ids, in.image, in.objects, &results[k]);
    }
  results_compare (&results[1], &results[0], GRAD_TOLERANCE);
  told (on);
}

static void test_lm_training (gconstpointer on) { lm_case (on, FALSE); }
static void test_lm_vocabulary (gconstpointer on) { lm_case (on, TRUE); }

/* ---- the end of memory ---------------------------------------------------------------------------------------------------------- */

#ifdef AX_EMULATED_DEVICE
/* A small card: a model that does not fit is refused with the arithmetic and leaves nothing behind; a pass that runs out of memory ends with an error, and the next
 * one that fits is right again. */
static void
test_memory (gconstpointer data)
{
  const AxDevice *on = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (AxApm) apm = small_apm (FALSE), here = small_apm (FALSE);
  const gsize before = on->taken (), bytes = ax_parameters_bytes (ax_apm_parameters (apm));
  ax_emulated_device_limit (before + bytes / 2);
  g_assert_false (ax_apm_move (apm, on, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "MiB are free"));
  g_assert_cmpuint (on->taken (), ==, before);
  g_clear_error (&error);

  ax_emulated_device_limit (0);
  g_assert_true (ax_apm_move (apm, on, &error));
  {
    g_autoptr (AxTape) tape = ax_tape_new_on (on, FALSE), host = ax_tape_new (FALSE);
    AxApmOutput out;
    ax_emulated_device_limit (on->taken () + 200 * 1024);
    AxTensor *image = ax_tensor_new (tape, FALSE, 4, (int[]){ BATCH, SIDE, SIDE, 1 });
    ax_apm_forward (apm, tape, image, FALSE, NULL, NULL, &out);
    g_assert_false (ax_tape_check (tape, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
    g_test_message ("%s", error->message);
    g_clear_error (&error);
    ax_emulated_device_limit (0);
    Results truth = results_new (), got = results_new ();
    apm_pass (here, host, &truth, FALSE);
    apm_pass (apm, tape, &got, FALSE);
    results_compare (&got, &truth, TOLERANCE);
  }
  g_clear_pointer (&apm, ax_apm_free);
  g_autoptr (Tiny) tiny = tiny_open (TINY_LORA | TINY_VOCABULARY | TINY_HEADS);
  if (tiny != NULL)
    {
      const AxGemmaOptions options = { .store = AX_GEMMA_F32, .lora_alpha = 16, .device = on };
      const gsize free_now = on->taken ();
      ax_emulated_device_limit (free_now + 300 * 1024);
      g_assert_null (ax_gemma_new (&tiny_config, &options, &tiny_injection, &tiny->source, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
      g_test_message ("%s", error->message);
      g_clear_error (&error);
      g_assert_cmpuint (on->taken (), ==, free_now);
      ax_emulated_device_limit (0);
      g_autoptr (AxGemma) gemma = tiny_gemma (tiny, &options);
      ax_emulated_device_limit (on->taken () + 1024);
      g_assert_null (ax_gemma_state_new (gemma, 100, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
      g_test_message ("%s", error->message);
    }
  ax_emulated_device_limit (0);
  told (on);
}
#endif

static void
add (const AxDevice *on, const char *as)
{
  static const struct { const char *name; GTestDataFunc fn; } cases[] = {
    { "apm", test_apm }, { "apm-training", test_apm_training }, { "lm-serve-f32", test_serve },
    { "lm-serve-bf16", test_serve_bf16 }, { "lm-serve-quantised", test_serve_quantised }, { "lm-generated", test_generated }, { "lm-training", test_lm_training }, { "lm-training-vocabulary", test_lm_vocabulary },
  };
  const char *why = on->start ();
  if (why != NULL)
    {
      g_print ("# %s is not tested: %s\n", as, why);
      return;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/devices/%s/%s", as, cases[i].name);
      g_test_add_data_func (path, on, cases[i].fn);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add (walled_card (), "walled");
#ifdef AX_EMULATED_DEVICE
  add (ax_emulated_device (), "emulated");
  g_test_add_data_func ("/devices/emulated/memory", ax_emulated_device (), test_memory);
#endif
  if (ax_device_cuda () != NULL)
    add (ax_device_cuda (), "cuda");
  return g_test_run ();
}
