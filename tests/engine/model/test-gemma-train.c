/* Training of the language model: the authors' first step on the tiny model (reference G): loss and every parameter's gradient. Also what the
 * reference cannot show: a shared prefix equals separate sequences in values and gradients, added rows and their head rows, dropout, by numerical differences. */
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "engine/evaluation/bench_lm.h"
#include "tests/engine/model/tiny.h"

#define ROWS 48

/* The canonical name of a parameter of the reference's list. */
static char *
canonical (const char *name)
{
  g_autoptr (GString) s = g_string_new (name);
  g_string_replace (s, "core_model.base_model.model.model.language_model.", "", 1);
  g_string_replace (s, "core_model.base_model.model.", "", 1);
  g_string_replace (s, ".default", "", 1);
  g_string_replace (s, ".modules_to_save", "", 1);
  return g_string_free (g_steal_pointer (&s), FALSE);
}

static double
element (JsonObject *o, const char *member, int i)
{
  return json_array_get_double_element (json_object_get_array_member (o, member), (guint) i);
}

/* ---- reference G ------------------------------------------------------------------------------------------------------------ */

/* README, G: losses 1e-5 relative, gradients 1e-3 of their size. */
#define LOSS_TOLERANCE 1e-5
#define GRAD_TOLERANCE 1e-3

static void
check_gradients (AxGemma *gemma, JsonObject *parameters, double *worst_l2, double *worst_sample)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;
  guint compared = 0;
  json_object_iter_init (&iter, parameters);
  while (json_object_iter_next (&iter, &name, &node))
    {
      JsonObject *o = json_node_get_object (node);
      if (!json_object_has_member (o, "grad_l2"))
        continue;                        /* the base's own vocabulary: no gradient */
      g_autofree char *key = canonical (name);
      AxParameter *p = ax_parameters_get (ax_gemma_parameters (gemma), key);
      if (p == NULL)
        g_error ("no parameter %s", key);
      JsonArray *idx = json_object_get_array_member (o, "idx"), *samples = json_array_get_array_element (json_object_get_array_member (o, "grad"), 0);
      const double l2 = element (o, "grad_l2", 0), rms = l2 / sqrt ((double) p->t.n);
      double sum = 0, squares = 0;
      for (gsize i = 0; i < p->t.n; i++)
        {
          sum += p->t.grad[i];
          squares += (double) p->t.grad[i] * p->t.grad[i];
        }
      *worst_l2 = MAX (*worst_l2, fabs (sqrt (squares) - l2) / l2);
      g_assert_cmpfloat (fabs (sum - element (o, "grad_sum", 0)), <=, GRAD_TOLERANCE * element (o, "grad_abs_sum", 0));
      for (guint i = 0; i < json_array_get_length (idx); i++)
        {
          const double wanted = json_array_get_double_element (samples, i), got = p->t.grad[json_array_get_int_element (idx, i)];
          *worst_sample = MAX (*worst_sample, fabs (got - wanted) / MAX (fabs (wanted), rms));
        }
      compared++;
    }
  g_assert_cmpuint (compared, ==, json_object_get_size (parameters) - 1);
  g_assert_cmpuint (compared, ==, ax_gemma_parameters (gemma)->list->len);
}

static void
test_reference (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *json = tiny_path ("reference/G_lm_train", "train_step.json");
  g_autofree char *path = json != NULL ? tiny_path ("reference/G_lm_train", "inputs_and_some_grads.safetensors") : NULL;
  g_autoptr (Tiny) tiny = path != NULL ? tiny_open (TINY_LORA | TINY_VOCABULARY | TINY_HEADS) : NULL;
  if (tiny == NULL)
    return;
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_assert_true (json_parser_load_from_file (parser, json, &error));
  JsonObject *root = json_node_get_object (json_parser_get_root (parser));
  g_autoptr (AxWeights) inputs = ax_weights_open (path, &error);
  g_assert_no_error (error);
  gsize n, n_image, n_objects;
  g_autofree gint32 *ids = tiny_ids (inputs, "ids", &n), *labels = tiny_ids (inputs, "labels", &n), *mask = tiny_ids (inputs, "attention_mask", &n);
  g_autofree float *image = tiny_tensor (inputs, "image_embeddings", &n_image), *objects = tiny_tensor (inputs, "object_embeddings", &n_objects);

  /* The padded batch of two as packed stretches without padding. */
  gint32 packed[2 * ROWS], targets[2 * ROWS];
  int out[2 * ROWS], rows = 0, n_out = 0;
  AxGemmaStretch stretches[2];
  for (int b = 0; b < 2; b++)
    {
      stretches[b] = (AxGemmaStretch){ rows, 0, 0, 0, b };
      for (int t = 0; t < ROWS && mask[b * ROWS + t]; t++)
        {
          packed[rows] = ids[b * ROWS + t];
          if (labels[b * ROWS + t] >= 0)
            {
              out[n_out] = rows;
              targets[n_out++] = labels[b * ROWS + t];
            }
          rows++;
        }
      stretches[b].count = rows - stretches[b].first;
    }
  g_autoptr (AxGemma) gemma = tiny_gemma (tiny, &(AxGemmaOptions){ .store = AX_GEMMA_F32, .lora_alpha = 16, .vocabulary = TRUE });
  ax_gemma_set_trainable (gemma, AX_GEMMA_TRAIN_HEADS | AX_GEMMA_TRAIN_LORA | AX_GEMMA_TRAIN_VOCABULARY);
  ax_parameters_prepare (ax_gemma_parameters (gemma), FALSE);
  g_autoptr (AxTape) tape = ax_tape_new (TRUE);
  AxTensor *x = ax_tensor_new (tape, FALSE, 2, (int[]){ 32, 256 }), *o = ax_tensor_new (tape, FALSE, 2, (int[]){ 72, 16 });
  memcpy (x->data, image, n_image * sizeof (float));
  memcpy (o->data, objects, n_objects * sizeof (float));
  const AxGemmaBatch batch = { .n = rows, .ids = packed, .n_stretches = 2, .stretches = stretches, .image_rows = ax_gemma_project_image (gemma, tape, x),
                               .object_rows = ax_gemma_project_objects (gemma, tape, o), .n_images = 2, .out_rows = out, .n_out = n_out };
  AxTensor *hidden = ax_gemma_forward (gemma, tape, &batch, NULL, NULL, &error);
  g_assert_no_error (error);
  const double loss = ax_gemma_loss (gemma, tape, hidden, n_out, targets, NULL, NULL, NULL), wanted = element (root, "losses", 0);
  ax_tape_backward (tape);
  const double norm = ax_parameters_grad_norm (ax_gemma_parameters (gemma)), wanted_norm = element (root, "grad_norm_before_clip", 0);
  double l2 = 0, sample = 0;
  check_gradients (gemma, json_object_get_object_member (root, "parameters"), &l2, &sample);
  g_test_message ("share of the tolerance: loss %.1f %%, norm of all gradients %.1f %%, of each %.1f %%, single elements %.1f %%", 100 * fabs (loss - wanted) / wanted / LOSS_TOLERANCE,
                  100 * fabs (norm - wanted_norm) / wanted_norm / GRAD_TOLERANCE, 100 * l2 / GRAD_TOLERANCE, 100 * sample / GRAD_TOLERANCE);
  g_assert_cmpfloat (fabs (loss - wanted), <=, LOSS_TOLERANCE * wanted);
  g_assert_cmpfloat (fabs (norm - wanted_norm), <=, GRAD_TOLERANCE * wanted_norm);
  g_assert_cmpfloat (l2, <=, GRAD_TOLERANCE);
  g_assert_cmpfloat (sample, <=, GRAD_TOLERANCE);
  /* Whole gradients where the reference has them. */
  for (guint i = 0; i < ax_weights_n (inputs); i++)
    {
      const char *name = ax_weights_info (inputs, i)->name;
      if (!g_str_has_prefix (name, "grad1."))
        continue;
      g_autofree char *key = canonical (name + strlen ("grad1."));
      AxParameter *p = ax_parameters_get (ax_gemma_parameters (gemma), key);
      gsize count;
      g_autofree float *grad = tiny_tensor (inputs, name, &count);
      g_assert_cmpuint (count, ==, p->t.n);
      g_assert_cmpfloat (tiny_worst (grad, p->t.grad, count), <=, GRAD_TOLERANCE * sqrt (ax_sum_squares (count, grad) / (double) count));
    }
}

/* ---- what the reference does not have --------------------------------------------------------------------------------------- */

#define ADDED_FIRST 520                  /* ids 520..525: rows of their own in place of the base's; 526..556 stay the base's */
#define ADDED 6

static AxGemma *
small_model (Tiny *tiny, double dropout, gboolean tied)
{
  const AxGemmaInjection injection = { 512, 513, 4 };
  const AxGemmaOptions options = { .store = AX_GEMMA_F32, .lora_alpha = 16, .lora_dropout = dropout, .added_first = ADDED_FIRST, .added_count = ADDED, .added_tied = tied };
  g_autoptr (GError) error = NULL;
  AxGemma *gemma = ax_gemma_new (&tiny_config, &options, &injection, &tiny->source, &error);
  g_assert_no_error (error);
  ax_gemma_set_trainable (gemma, AX_GEMMA_TRAIN_HEADS | AX_GEMMA_TRAIN_LORA | AX_GEMMA_TRAIN_ADDED);
  ax_parameters_prepare (ax_gemma_parameters (gemma), FALSE);
  return gemma;
}

/* A prefix with 3 image tokens, an object and an added token, then three answers, longer than the window of 16 together. */
#define PREFIX 21
static const int answer_length[] = { 9, 22, 6 };
#define ANSWERS ((int) G_N_ELEMENTS (answer_length))

static gint32
token (int place)
{
  static const gint32 special[PREFIX] = { 2, 512, 512, 512, 17, 514, 521, 33, 515, 525, 88, 41 };
  if (place < PREFIX && special[place] != 0)
    return special[place];
  return place % 7 == 3 ? ADDED_FIRST + place % ADDED : (place * 37 + 11) % 500;
}

typedef struct { AxGemma *gemma; AxTape *tape; float *image, *objects; } Run;

/* Loss of the answers' tokens (each but its first is a target), the prefix shared or repeated before every answer. */
static double
packed_loss (Run *run, gboolean share, float *nll)
{
  gint32 ids[256], targets[64];
  int out[64], n = 0, n_out = 0, n_stretches = 0;
  AxGemmaStretch s[8];
  g_autoptr (GError) error = NULL;
  const int images = share ? 1 : ANSWERS;
  ax_tape_reset (run->tape);
  for (int a = 0, place = PREFIX; a < ANSWERS; place += answer_length[a++])
    {
      if (a == 0 || !share)
        {
          s[n_stretches++] = (AxGemmaStretch){ n, PREFIX, 0, 0, share ? 0 : a };
          for (int i = 0; i < PREFIX; i++)
            ids[n++] = token (i);
        }
      if (share)
        s[n_stretches++] = (AxGemmaStretch){ n, answer_length[a], 0, PREFIX, 0 };
      else
        s[n_stretches - 1].count += answer_length[a];
      for (int i = 0; i < answer_length[a]; i++)
        {
          if (i + 1 < answer_length[a])
            {
              out[n_out] = n;
              targets[n_out++] = token (place + i + 1);
            }
          ids[n++] = token (place + i);
        }
    }
  AxTensor *x = ax_tensor_new (run->tape, FALSE, 2, (int[]){ 3 * images, 256 }), *o = ax_tensor_new (run->tape, FALSE, 2, (int[]){ 4 * images, 16 });
  for (int i = 0; i < images; i++)
    {
      memcpy (x->data + i * 3 * 256, run->image, 3 * 256 * sizeof (float));
      memcpy (o->data + i * 4 * 16, run->objects, 4 * 16 * sizeof (float));
    }
  const AxGemmaBatch batch = { .n = n, .ids = ids, .n_stretches = n_stretches, .stretches = s, .image_rows = ax_gemma_project_image (run->gemma, run->tape, x),
                               .object_rows = ax_gemma_project_objects (run->gemma, run->tape, o), .n_images = images, .out_rows = out, .n_out = n_out };
  AxTensor *hidden = ax_gemma_forward (run->gemma, run->tape, &batch, NULL, NULL, &error);
  g_assert_no_error (error);
  const double loss = ax_gemma_loss (run->gemma, run->tape, hidden, n_out, targets, NULL, nll, NULL);
  if (ax_tape_recording (run->tape))
    ax_tape_backward (run->tape);
  return loss;
}

static gboolean
run_start (Run *run, Tiny *tiny, double dropout, gboolean tied)
{
  run->gemma = small_model (tiny, dropout, tied);
  run->tape = ax_tape_new (TRUE);
  run->image = g_new (float, 3 * 256);
  run->objects = g_new (float, 4 * 16);
  for (int i = 0; i < 3 * 256; i++)
    run->image[i] = (float) sin (0.7 * i);
  for (int i = 0; i < 4 * 16; i++)
    run->objects[i] = (float) cos (1.3 * i);
  return TRUE;
}

static void
run_end (Run *run)
{
  ax_gemma_free (run->gemma);
  ax_tape_free (run->tape);
  g_free (run->image);
  g_free (run->objects);
}

static void
test_shared_prefix (void)
{
  g_autoptr (Tiny) tiny = tiny_open (TINY_LORA | TINY_HEADS);
  Run run;
  if (tiny == NULL || !run_start (&run, tiny, 0, FALSE))
    return;
  AxParameters *params = ax_gemma_parameters (run.gemma);
  float alone_nll[64], shared_nll[64];
  const double alone = packed_loss (&run, FALSE, alone_nll);
  g_autoptr (GPtrArray) grads = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < params->list->len; i++)
    {
      AxTensor *t = &((AxParameter *) params->list->pdata[i])->t;
      g_ptr_array_add (grads, g_memdup2 (t->grad, t->n * sizeof (float)));
    }
  ax_parameters_zero_grad (params);
  const double shared = packed_loss (&run, TRUE, shared_nll);
  double worst = 0;
  for (guint i = 0; i < params->list->len; i++)
    {
      AxTensor *t = &((AxParameter *) params->list->pdata[i])->t;
      const double rms = sqrt (ax_sum_squares (t->n, t->grad) / (double) t->n);
      g_assert_cmpfloat (rms, >, 0);
      worst = MAX (worst, tiny_worst (t->grad, grads->pdata[i], t->n) / rms);
    }
  /* The same sums in another order, through 8 layers forward and back: 2^-24 of each of some hundred terms a layer makes about 1e-4 of a typical element. */
  g_test_message ("losses %.7f and %.7f; gradients differ by at most %.2g of their size", alone, shared, worst);
  g_assert_cmpfloat (tiny_worst (alone_nll, shared_nll, 34), <=, 1e-4);
  g_assert_cmpfloat (worst, <=, 1e-3);
  run_end (&run);
}

/* Directional derivative of the loss along a fixed direction of one parameter, by central differences, against the gradient. */
static void
check_direction (Run *run, const char *name)
{
  AxParameter *p = ax_parameters_get (ax_gemma_parameters (run->gemma), name);
  g_autofree float *grad = g_memdup2 (p->t.grad, p->t.n * sizeof (float)), *start = g_memdup2 (p->t.data, p->t.n * sizeof (float));
  const double norm = sqrt (ax_sum_squares (p->t.n, grad)), step = 4e-3;
  double value[2];
  g_assert_cmpfloat (norm, >, 0);
  ax_tape_free (run->tape);
  run->tape = ax_tape_new (FALSE);
  for (int k = 0; k < 2; k++)
    {
      for (gsize i = 0; i < p->t.n; i++)
        p->t.data[i] = start[i] + (float) ((k ? 1 : -1) * step * grad[i] / norm);
      value[k] = packed_loss (run, TRUE, NULL);
    }
  memcpy (p->t.data, start, p->t.n * sizeof (float));
  const double numerical = (value[1] - value[0]) / (2 * step);
  /* Along its own direction the gradient's length is the derivative. Float32 sums leave about 1e-6 of the loss (6) on each value: 1e-6 * 6 / 4e-3 = 1.5e-3
   * absolute; the third derivative adds step^2 of the value's own scale. */
  g_test_message ("%s: %.5f, numerically %.5f", name, norm, numerical);
  g_assert_cmpfloat (fabs (numerical - norm), <=, 1.5e-3 + 0.01 * norm);
}

static void
test_numerical (gconstpointer tied)
{
  const char *const names[] = { "layers.0.self_attn.q_proj.lora_A.weight", "layers.3.self_attn.k_proj.lora_B.weight", "layers.5.self_attn.v_proj.lora_A.weight",
                                "layers.7.mlp.down_proj.lora_B.weight", "layers.2.mlp.gate_proj.lora_A.weight", "image_projectionhead.proj.0.weight",
                                "obj_projectionhead.proj.3.weight", "added_tokens.weight", "added_head.weight" };
  g_autoptr (Tiny) tiny = tiny_open (TINY_LORA | TINY_HEADS);
  Run run;
  if (tiny == NULL || !run_start (&run, tiny, 0, tied != NULL))
    return;
  packed_loss (&run, TRUE, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (names) - (tied != NULL); i++)
    check_direction (&run, names[i]);
  run_end (&run);
}

/* With dropout the mask is a function of the seed, so differences see the same network; the loss must differ from that without. */
static void
test_dropout (void)
{
  g_autoptr (Tiny) tiny = tiny_open (TINY_LORA | TINY_HEADS);
  Run run;
  if (tiny == NULL || !run_start (&run, tiny, 0.2, FALSE))
    return;
  const double plain = packed_loss (&run, TRUE, NULL);
  ax_parameters_zero_grad (ax_gemma_parameters (run.gemma));
  AxParameter *p = ax_parameters_get (ax_gemma_parameters (run.gemma), "layers.1.mlp.up_proj.lora_A.weight");
  double value[2], norm = 0;
  const double step = 4e-3;
  ax_tape_set_training (run.tape, TRUE, 7);
  const double dropped = packed_loss (&run, TRUE, NULL);
  g_assert_cmpfloat (fabs (dropped - plain), >, 1e-4);
  g_autofree float *grad = g_memdup2 (p->t.grad, p->t.n * sizeof (float)), *start = g_memdup2 (p->t.data, p->t.n * sizeof (float));
  norm = sqrt (ax_sum_squares (p->t.n, grad));
  for (int k = 0; k < 2; k++)
    {
      for (gsize i = 0; i < p->t.n; i++)
        p->t.data[i] = start[i] + (float) ((k ? 1 : -1) * step * grad[i] / norm);
      ax_tape_set_training (run.tape, TRUE, 7);
      value[k] = packed_loss (&run, TRUE, NULL);
    }
  g_test_message ("%.5f, numerically %.5f", norm, (value[1] - value[0]) / (2 * step));
  g_assert_cmpfloat (fabs ((value[1] - value[0]) / (2 * step) - norm), <=, 1.5e-3 + 0.01 * norm);
  run_end (&run);
}

/* Added tokens beyond the base's vocabulary, with ids between that have no row (262144 of the 270M): never likely, never a gradient, a start near the
 * base's mean; as rows of their own and within whole learned tables. */
static void
test_beyond (gconstpointer whole)
{
  enum { VOCAB = 300, FIRST = 303, COUNT = 5, TOKENS = 12 };
  g_autoptr (GError) error = NULL;
  AxGemmaConfig config = tiny_config;
  config.vocab = VOCAB;
  const AxGemmaSource source = ax_bench_lm_source (&config);
  const AxGemmaOptions options = { .store = AX_GEMMA_F32, .lora_rank = 4, .added_first = FIRST, .added_count = COUNT, .vocabulary = whole != NULL };
  g_autoptr (AxGemma) gemma = ax_gemma_new (&config, &options, NULL, &source, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ax_gemma_vocabulary (gemma), ==, FIRST + COUNT);
  ax_gemma_init (gemma, 5);
  ax_gemma_set_trainable (gemma, AX_GEMMA_TRAIN_LORA | AX_GEMMA_TRAIN_ADDED | AX_GEMMA_TRAIN_VOCABULARY);
  AxParameters *params = ax_gemma_parameters (gemma);
  ax_parameters_prepare (params, FALSE);
  AxParameter *p = ax_parameters_get (params, whole != NULL ? "embed_tokens.weight" : "added_tokens.weight");
  const float *rows = p->t.data + (whole != NULL ? FIRST * 128 : 0);
  /* Uniform weights of variance 1/128: the mean of 300 has a deviation of 0.0884 / sqrt (300) = 0.0051, the noise is a hundredth of 0.0884; no two rows alike. */
  for (int i = 0; i < COUNT; i++)
    {
      const double rms = sqrt (ax_sum_squares (128, rows + i * 128) / 128);
      g_assert_true (rms > 0.003 && rms < 0.008);
      g_assert_cmpfloat (tiny_worst (rows + i * 128, rows + (i + 1) % COUNT * 128, 128), >, 1e-4);
    }
  gint32 ids[TOKENS], targets[TOKENS];
  for (int i = 0; i < TOKENS; i++)
    ids[i] = i % 3 == 0 ? FIRST + i % COUNT : 20 * i;
  for (int i = 0; i < TOKENS; i++)
    targets[i] = ids[(i + 1) % TOKENS];
  g_autoptr (AxTape) tape = ax_tape_new (TRUE);
  AxTensor *hidden = ax_gemma_forward (gemma, tape, &(AxGemmaBatch){ .n = TOKENS, .ids = ids }, NULL, NULL, &error);
  g_assert_no_error (error);
  float logits[FIRST + COUNT], nll[TOKENS];
  int correct;
  ax_gemma_logits (gemma, 1, hidden->data, logits);
  for (int id = 0; id < FIRST + COUNT; id++)
    g_assert_true (isfinite (logits[id]) == (id < VOCAB || id >= FIRST));
  const double loss = ax_gemma_loss (gemma, tape, hidden, TOKENS, targets, NULL, nll, &correct);
  g_assert_true (loss > 0 && loss < 30 && correct >= 0 && correct <= TOKENS);
  ax_tape_backward (tape);
  for (guint i = 0; i < params->list->len; i++)
    {
      AxTensor *t = &((AxParameter *) params->list->pdata[i])->t;
      const double squares = ax_sum_squares (t->n, t->grad);
      g_assert_true (isfinite (squares) && (squares > 0 || g_str_has_suffix (((AxParameter *) params->list->pdata[i])->name, "lora_A.weight")));
    }
  for (int k = 0; whole != NULL && k < 2; k++)
    {
      AxTensor *t = &ax_parameters_get (params, k ? "lm_head.weight" : "embed_tokens.weight")->t;
      g_assert_cmpfloat (ax_sum_squares ((FIRST - VOCAB) * 128, t->grad + VOCAB * 128), ==, 0);
    }
  const gint32 none[] = { 2, VOCAB };
  ax_tape_reset (tape);
  g_assert_null (ax_gemma_forward (gemma, tape, &(AxGemmaBatch){ .n = 2, .ids = none }, NULL, NULL, &error));
  g_assert_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT);
}

/* Batches that do not fit are refused with a message. */
static void
test_refused (void)
{
  static const gint32 image_ids[] = { 2, 512, 5 }, object_ids[] = { 2, 513, 5 }, far_ids[] = { 2, 557, 5 };
  static const AxGemmaStretch gap[] = { { 0, 1, 0, 0, -1 }, { 2, 1, 0, 0, -1 } }, later[] = { { 0, 1, 1, 2, -1 }, { 1, 2, 0, 0, -1 } },
                              longer[] = { { 0, 1, 0, 0, -1 }, { 1, 2, 0, 2, -1 } }, over[] = { { 0, 4, 0, 0, -1 } };
  const AxGemmaBatch bad[] = {
    { .n = 3, .ids = image_ids }, { .n = 3, .ids = object_ids }, { .n = 3, .ids = far_ids },
    { .n = 3, .ids = (const gint32[]){ 2, 3, -1 } },
    { .n = 3, .ids = (const gint32[]){ 2, 3, 4 }, .n_stretches = 2, .stretches = gap },
    { .n = 3, .ids = (const gint32[]){ 2, 3, 4 }, .n_stretches = 2, .stretches = later },
    { .n = 3, .ids = (const gint32[]){ 2, 3, 4 }, .n_stretches = 2, .stretches = longer },
    { .n = 3, .ids = (const gint32[]){ 2, 3, 4 }, .n_stretches = 1, .stretches = over },
    { .n = 3, .ids = (const gint32[]){ 2, 3, 4 }, .out_rows = (const int[]){ 3 }, .n_out = 1 },
  };
  g_autoptr (Tiny) tiny = tiny_open (TINY_LORA | TINY_HEADS);
  if (tiny == NULL)
    return;
  g_autoptr (AxGemma) gemma = small_model (tiny, 0, FALSE);
  g_autoptr (AxTape) tape = ax_tape_new (FALSE);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_null (ax_gemma_forward (gemma, tape, &bad[i], NULL, NULL, &error));
      g_assert_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT);
      ax_tape_reset (tape);
    }
  /* Too few and too many image tokens for an image of two. */
  for (int tokens = 1; tokens <= 3; tokens += 2)
    {
      gint32 ids[5] = { 2, 512, 512, 512, 9 };
      g_autoptr (GError) error = NULL;
      if (tokens == 1)
        ids[2] = ids[3] = 8;
      AxTensor *rows = ax_tensor_new (tape, FALSE, 2, (int[]){ 2, 128 });
      memset (rows->data, 0, rows->n * sizeof (float));
      g_assert_null (ax_gemma_forward (gemma, tape, &(AxGemmaBatch){ .n = 5, .ids = ids, .image_rows = rows, .n_images = 1 }, NULL, NULL, &error));
      g_assert_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gemma-train/reference", test_reference);
  g_test_add_func ("/gemma-train/shared-prefix", test_shared_prefix);
  g_test_add_data_func ("/gemma-train/numerical", NULL, test_numerical);
  g_test_add_data_func ("/gemma-train/numerical-tied", "tied", test_numerical);
  g_test_add_func ("/gemma-train/dropout", test_dropout);
  g_test_add_data_func ("/gemma-train/beyond-the-vocabulary", NULL, test_beyond);
  g_test_add_data_func ("/gemma-train/beyond-the-vocabulary/learned", "learned", test_beyond);
  g_test_add_func ("/gemma-train/refused", test_refused);
  return g_test_run ();
}
